# SPDX-License-Identifier: BSD-3-Clause
"""The targets that a guest's kernel talks to: weftd, beside the guest or in it,
and the kernel's own nvmet-tcp in the guest. All offer the same few acts, so that
one script can be run against each."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import vm
from vm import GuestError, die_with_parent

NQN = "nqn.2016-06.io.spdk:cnode1"
SERIAL = "WEFTGUEST00000001"
# A malloc bdev without one gets another at each start.
UUID = "52f5d7a5-4e8c-47dc-9d1c-0f0c3ab7a001"
DISCOVERY = "nqn.2014-08.org.nvmexpress.discovery"
PORT = "4420"
ROOT = os.path.realpath(f"{os.path.dirname(os.path.realpath(__file__))}/../..")

sys.path.insert(0, f"{ROOT}/tests/integration/rpc/scenarios")
import scenarios  # noqa: E402, F401  what users arrive with, for the scripts


def programs():
    return os.environ.get("WEFT_BIN", f"{ROOT}/build/release/bin")


def configuration(address, mib, port=PORT, trtype="TCP"):
    """weftd's configuration: one malloc namespace, reached at the address."""
    where = {"trtype": trtype, "adrfam": "IPv4", "traddr": address, "trsvcid": port}

    def call(method, **params):
        return {"method": method, "params": params}

    return {"subsystems": [
        {"subsystem": "bdev", "config": [
            call("bdev_malloc_create", name="Malloc0", block_size=512, num_blocks=mib * 2048,
                 uuid=UUID)]},
        {"subsystem": "nvmf", "config": [
            call("nvmf_create_transport", trtype=trtype),
            call("nvmf_subsystem_add_listener", nqn=DISCOVERY, listen_address=where),
            call("nvmf_create_subsystem", nqn=NQN, allow_any_host=True, serial_number=SERIAL,
                 model_number="weft guest test", max_namespaces=8),
            call("nvmf_subsystem_add_ns", nqn=NQN,
                 namespace={"nsid": 1, "bdev_name": "Malloc0"}),
            call("nvmf_subsystem_add_listener", nqn=NQN, listen_address=where)]}]}


class WeftTarget:
    """weftd on two reactors; in the guest when a guest is given, else here. text: its
    configuration, of any form, with the subsystem nqn; made from the directory that it
    is in when it is a function. state: it keeps what it is told in a file of its own.
    options: more of weftd's. wrap: the program that runs weftd, and its options; patience:
    how many times as slow that is."""

    def __init__(self, address, mib=64, guest=None, port=PORT, mask="0x3", text=None, nqn=NQN,
                 state=False, trtype="TCP", options=(), wrap=(), patience=1):
        self.address, self.guest, self.port, self.mask = address, guest, port, mask
        self.options, self.wrap, self.patience = list(options), list(wrap), patience
        self.nqn, self.state, self.trtype = nqn, state, trtype.lower()
        self.name = "weftd in the guest" if guest else "weftd beside the guest"
        self.pid = self.process = None
        self.dir = "/run/weft-test" if guest else tempfile.mkdtemp(prefix="weft-target-")
        text = text(self.dir) if callable(text) else text
        text = text or json.dumps(configuration(address, mib, port, trtype), indent=1)
        if guest:
            guest.must("mkdir", "-p", self.dir)
            guest.write(f"{self.dir}/config.json", text)
        else:
            with open(f"{self.dir}/config.json", "w", encoding="utf-8") as f:
                f.write(text)

    def launch(self):
        argv = self.wrap + [f"{programs()}/weftd", "-c", f"{self.dir}/config.json", "-r",
                            f"{self.dir}/sock", "-m", self.mask] + self.options
        if self.state:
            argv += ["--state", f"{self.dir}/state.json"]
        if self.guest:
            self.pid = self.guest.spawn(argv, f"{self.dir}/log")
        else:
            with open(f"{self.dir}/log", "ab") as log:
                self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log,
                                                stderr=log, preexec_fn=die_with_parent)

    def start(self):
        self.launch()
        end = time.monotonic() + (120 if self.guest else 30) * self.patience
        while True:
            rc, out = self._ctl("nvmf_get_subsystems")
            if rc == 0 and any(s["nqn"] == self.nqn and s["listen_addresses"]
                               for s in json.loads(out)):
                return
            if time.monotonic() > end or not self.alive():
                raise GuestError(f"weftd did not come up: {out}\n{self.log()}")
            time.sleep(0.1)

    def restart(self, force, addresses):
        """Beside the guest: a signal, and another weftd at once. Returns the exit status,
        and the seconds from the signal to the end, and to where all addresses accept."""
        begin = time.monotonic()
        rc = self.stop(force)
        ended = time.monotonic()
        self.launch()
        while not self.accepts(addresses):
            if not self.alive() or time.monotonic() > ended + 30:
                raise GuestError(f"weftd did not come back\n{self.log()}")
            time.sleep(0.001)
        return rc, ended - begin, time.monotonic() - begin

    def accepts(self, addresses):
        """Whether all addresses do. No client of this machine can ask over RDMA, for weftd
        has the port of RoCE at all of its addresses: there its own word is taken."""
        if self.trtype == "tcp":
            try:
                for address in addresses:
                    socket.create_connection((address, int(self.port)), timeout=10).close()
            except ConnectionRefusedError:
                return False
            return True
        rc, out = self._ctl("nvmf_get_subsystems")
        return rc == 0 and set(addresses) <= {a["traddr"] for s in json.loads(out)
                                              if s["nqn"] == self.nqn
                                              for a in s["listen_addresses"]}

    def alive(self):
        return self.guest is not None or self.process.poll() is None

    def stop(self, force=False):
        """SIGTERM and a wait; returns weftd's exit status."""
        sig = signal.SIGKILL if force else signal.SIGTERM
        if self.guest:
            if self.pid is None:
                return None
            rc = self.guest.reap(self.pid, sig=int(sig), timeout=30 * self.patience)
            self.pid = None
            return rc
        if self.process is None:
            return None
        self.process.send_signal(sig)
        try:
            rc = self.process.wait(30 * self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            rc = None
        self.process = None
        return rc

    def _ctl(self, *args):
        argv = [f"{programs()}/weftctl", "-s", f"{self.dir}/sock"] + list(args)
        if self.guest:
            done = self.guest.run(*argv)
            return done.rc, done.out if done.rc == 0 else done.out + done.err
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
                           check=False, text=True)
        return p.returncode, p.stdout if p.returncode == 0 else p.stdout + p.stderr

    def ctl(self, *args):
        rc, out = self._ctl(*args)
        if rc != 0:
            raise GuestError(f"weftctl {' '.join(args)}: exit status {rc}: {out}")
        return out

    def add_ns(self, nsid, mib, old=False):
        """old: by the names of 2018."""
        create = "construct_null_bdev" if old else "bdev_null_create"
        self.ctl(create, f"Null{nsid}", str(mib), "512")
        self.ctl("nvmf_subsystem_add_ns", NQN, f"Null{nsid}", "-n", str(nsid))

    def resize_ns(self, nsid, mib):
        self.ctl("bdev_null_resize", f"Null{nsid}", str(mib))

    def remove_ns(self, nsid, old=False):
        self.ctl("nvmf_subsystem_remove_ns", NQN, str(nsid))
        self.ctl("delete_null_bdev" if old else "bdev_null_delete", f"Null{nsid}")

    def has(self):
        """Resident memory in KiB, and open files."""
        proc = f"/proc/{self.pid if self.guest else self.process.pid}"
        if self.guest:
            status = self.guest.read(f"{proc}/status")
            files = self.guest.must("ls", f"{proc}/fd").out.split()
        else:
            with open(f"{proc}/status", encoding="utf-8") as f:
                status = f.read()
            files = os.listdir(f"{proc}/fd")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)), len(files)

    def log(self):
        if self.guest:
            return self.guest.read(f"{self.dir}/log") or ""
        try:
            with open(f"{self.dir}/log", errors="replace", encoding="utf-8") as f:
                return "".join(f.readlines()[-60:])
        except OSError:
            return ""

    def close(self):
        if not self.guest:
            self.stop(force=True)
            subprocess.run(["rm", "-rf", self.dir], check=False)


def rnics(guest, links, interface="eth"):
    """One of rdma_rxe on each of the guest's interfaces: rxe0 on eth0, and so on."""
    guest.must("modprobe", "-a", "rdma_rxe", "rdma_ucm", timeout=240)
    for n in range(links):
        guest.must("rdma", "link", "add", f"rxe{n}", "type", "rxe", "netdev", f"{interface}{n}",
                   timeout=120)


def rxe_of_its_own(address):
    """Commands that make rxe0, whose packets to itself go no further, with the address."""
    return f"""modprobe -a dummy rdma_rxe rdma_ucm nvme-rdma
ip link add dummy0 type dummy
ip link set dummy0 mtu 4200 up
ip addr add {address}/24 dev dummy0
rdma link add rxe0 type rxe netdev dummy0"""


def rdma_objects(guest, device="rxe0"):
    """What the guest's kernel has made on a device, by kind: but for memory regions, which
    weftd has for its pools and keeps as those grow; and the number of these."""
    [line] = [line for line in guest.must("rdma", "resource", "show").out.splitlines()
              if f" {device}: " in line]
    found = dict(re.findall(r"([a-z_]+) (\d+)", line.split(": ", 2)[2]))
    return found, int(found.pop("mr"))


class VerbsTarget(WeftTarget):
    """weftd on libibverbs, on rdma_rxe of a guest of its own, which ends with it. links: of
    that guest, as vm.Guest takes them; the first address is the target's. prepare: makes
    the guest's RNICs, rxe0 and so on."""

    def __init__(self, links, prepare=rnics, **more):
        guest = vm.Guest(cpus=2, links=links)
        try:
            prepare(guest, len(links))
            super().__init__(links[0][1].split("/")[0], guest=guest, trtype="RDMA",
                             options=["--rnic", "verbs"], **more)
        except BaseException:
            guest.close(force=True)
            raise
        self.name = "weftd on verbs in another guest"

    def close(self):
        self.guest.close(force=True)


class NvmetTarget:
    """The kernel's own target in the guest, set up through configfs. Its
    namespaces are files in the guest's memory."""

    BASE = "/sys/kernel/config/nvmet"

    def __init__(self, guest, address="127.0.0.1", mib=64, port=PORT):
        self.guest, self.address, self.port, self.mib = guest, address, port, mib
        self.name = "the kernel's nvmet-tcp in the guest"
        self.sub = f"{self.BASE}/subsystems/{NQN}"

    def _sh(self, script):
        return self.guest.must("sh", "-ec", script).out

    def start(self):
        self._sh(f"""modprobe nvmet-tcp
            test -d {self.sub} || {{
                mkdir {self.sub}
                echo 1 >{self.sub}/attr_allow_any_host
                echo {SERIAL} >{self.sub}/attr_serial
            }}
            mkdir -p {self.BASE}/ports/1
            cd {self.BASE}/ports/1
            echo tcp >addr_trtype; echo ipv4 >addr_adrfam
            echo {self.address} >addr_traddr; echo {self.port} >addr_trsvcid""")
        if self.guest.run("test", "-d", f"{self.sub}/namespaces/1").rc != 0:
            self.add_ns(1, self.mib)
        self._sh(f"ln -s {self.sub} {self.BASE}/ports/1/subsystems/{NQN}")

    def stop(self, force=False):
        self._sh(f"rm {self.BASE}/ports/1/subsystems/{NQN}; rmdir {self.BASE}/ports/1")
        return 0

    def add_ns(self, nsid, mib, old=False):
        self._sh(f"""truncate -s {mib}M /run/ns{nsid}
            mkdir {self.sub}/namespaces/{nsid}
            cd {self.sub}/namespaces/{nsid}
            echo 1 >buffered_io; echo -n /run/ns{nsid} >device_path; echo 1 >enable""")

    def resize_ns(self, nsid, mib):
        self._sh(f"""truncate -s {mib}M /run/ns{nsid}
            echo 1 >{self.sub}/namespaces/{nsid}/revalidate_size""")

    def remove_ns(self, nsid, old=False):
        self._sh(f"""echo 0 >{self.sub}/namespaces/{nsid}/enable
            rmdir {self.sub}/namespaces/{nsid}; rm /run/ns{nsid}""")

    def log(self):
        return ""

    def close(self):
        pass
