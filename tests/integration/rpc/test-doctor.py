#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""weftctl doctor: each problem that is put there is found, named, and has a remedy; where there
is none, none is found."""
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import unittest

sys.dont_write_bytecode = True
from running import BIN, NQN, Serving, free_port  # noqa: E402


def call(method, **params):
    return {"method": method, "params": params}


def listener(address, port, trtype="TCP"):
    return call("nvmf_subsystem_add_listener", nqn=NQN, listen_address={
        "trtype": trtype, "adrfam": "IPv4", "traddr": address, "trsvcid": str(port)})


def udp_port(address):
    """That of RoCE, taken; None: somebody else has it already, everywhere."""
    s = socket.socket(type=socket.SOCK_DGRAM)
    try:
        s.bind((address, 4791))
    except OSError:
        s.close()
        return None
    return s


class Moved:
    """A socket behind which the target at path is, whose RDMA devices are at a NUMA node."""

    def __init__(self, path, node, near):
        self.target, self.node, self.near = path, node, near
        self.path = path + ".moved"

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o600)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self.path

    def __exit__(self, *args):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        os.unlink(self.path)

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, socket.socket(socket.AF_UNIX) as target:
                target.connect(self.target)
                asked = threading.Thread(target=self.carry, args=(client, target))
                asked.start()
                self.carry(target, client, self.move)
                asked.join()

    @staticmethod
    def carry(source, sink, change=lambda answer: answer):
        """Until the source ends, or there is nobody who would hear."""
        text, decoder = "", json.JSONDecoder()
        while data := source.recv(1 << 20):
            text += data.decode()
            try:
                while text.strip():
                    text = text.lstrip()
                    answer, end = decoder.raw_decode(text)
                    text = text[end:]
                    sink.sendall(json.dumps(change(answer)).encode())
            except ValueError:
                continue
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def move(self, answer):
        result = answer.get("result")
        for rnic in result.get("rdma_devices", []) if isinstance(result, dict) else []:
            if self.node is not None:
                rnic.update(numa_id=self.node, near=self.near)
        return answer


class Doctor(Serving):
    def doctor(self, *args, prefix=(), server=None):
        """The exit status, and the findings that are not right."""
        r = subprocess.run([*prefix, BIN + "/weftctl", "-s", server or self.path, "doctor",
                            "--json", *args],
                           capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        self.assertEqual(r.stderr, "")
        said = json.loads(r.stdout)
        wrong = [f for f in said["findings"] if f["status"] == "wrong"]
        self.assertEqual(said["wrong"], len(wrong))
        self.assertEqual(r.returncode, 1 if wrong else 0)
        for f in said["findings"]:
            self.assertEqual(f["fix"] is None, f["status"] == "ok", f)
        return [f for f in said["findings"] if f["status"] != "ok"]

    def config(self, *calls):
        return self.file("c.json", {"subsystems": [{"subsystem": "nvmf", "config": calls}]})

    def one(self, found, what, status="wrong"):
        some = [f for f in found if f["what"] == what and f["status"] == status]
        self.assertEqual(len(some), 1, found)
        return some[0]

    def look(self, *calls):
        return self.doctor("-c", self.config(*calls))

    def disk(self, name="disk", size=1 << 20):
        path = self.file(name, "")
        os.truncate(path, size)
        return path

    def test_nothing_is_wrong(self):
        found = self.look(call("bdev_malloc_create", num_blocks=2048, block_size=512),
                          call("bdev_aio_create", name="a", filename=self.disk(), block_size=512),
                          listener("127.0.0.1", free_port()), listener("0.0.0.0", free_port()))
        self.assertEqual([f for f in found if f["status"] == "wrong"], [])

    def test_a_target_that_is_all_right(self):
        self.start("--state", os.path.join(self.dir.name, "state"))
        self.ctl("-b", text=f"""nvmf_create_transport -t tcp
            bdev_aio_create {self.disk()} a 512
            nvmf_create_subsystem {NQN} -a
            nvmf_subsystem_add_ns {NQN} a
            nvmf_subsystem_add_listener {NQN} -t tcp -a 127.0.0.1 -s {free_port()}""")
        text = self.ctl("doctor")
        for part in ("answers at", "mode 0600", f"{NQN} can be used", "accepts hosts",
                     "disk is there", "0 wrong"):
            self.assertIn(part, text)
        self.assertNotIn(" ok ", self.ctl("doctor", "-q"))

    def test_port_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            port = s.getsockname()[1]
            for address in ("127.0.0.1", "0.0.0.0"):
                f = self.one(self.look(listener(address, port)), "listener")
                self.assertIn(f"port {port} of {address} is in use", f["text"])
                self.assertIn("line 1 (nvmf_subsystem_add_listener)", f["text"])
                self.assertIn("ss -ltnp", f["fix"])

    def test_port_of_the_target_that_runs(self):
        """Its own listeners are not in the way of its configuration."""
        self.start()
        port = free_port()
        self.ctl("-b", text=f"""nvmf_create_transport -t tcp
            nvmf_create_subsystem {NQN} -a
            nvmf_subsystem_add_listener {NQN} -t tcp -a 127.0.0.1 -s {port}""")
        self.assertEqual([f for f in self.look(listener("127.0.0.1", port))
                          if f["what"] == "listener"], [])

    def test_addresses(self):
        f = self.one(self.look(listener("192.0.2.77", 4420)), "listener")
        self.assertIn("no interface has the address 192.0.2.77", f["text"])
        self.assertIn("127.0.0.1 (lo)", f["fix"])
        f = self.one(self.look(listener("300.1.2.3", 4420)), "listener")
        self.assertIn('"300.1.2.3" port "4420" is no address', f["text"])

    def test_rdma(self):
        """The address, and the one port of software RoCE: free, another's, the target's own."""
        f = self.one(self.look(listener("192.0.2.77", 4420, "RDMA")), "listener")
        self.assertIn("no interface has the address 192.0.2.77", f["text"])
        s = udp_port("127.0.0.77")
        f = self.one(self.look(listener("127.0.0.77", 4420, "rdma")), "listener")
        self.assertIn("UDP port 4791 of 127.0.0.77, which software RoCE needs, is in use",
                      f["text"])
        self.assertIn("rdma link show", f["fix"])
        if not s:
            self.skipTest("somebody on this machine has UDP port 4791")
        s.close()
        # A port of TCP is another one.
        with socket.socket() as tcp:
            tcp.bind(("127.0.0.77", 0))
            tcp.listen()
            port = tcp.getsockname()[1]
            found = self.look(listener("127.0.0.77", port, "RDMA"))
            self.assertEqual([f for f in found if f["what"] == "listener"], [])
        self.start("--rnic", "soft:127.0.0.77")
        self.ctl("-b", text=f"""nvmf_create_transport -t rdma
            nvmf_create_subsystem {NQN} -a
            nvmf_subsystem_add_listener {NQN} -t rdma -a 127.0.0.77 -s {port}""")
        for found in (self.doctor(), self.look(listener("127.0.0.77", port, "RDMA"))):
            self.assertEqual([f for f in found if f["what"] == "listener"], [])
        # The target has it for RDMA, not for TCP.
        with socket.socket() as tcp:
            tcp.bind(("127.0.0.77", port))
            tcp.listen()
            f = self.one(self.look(listener("127.0.0.77", port)), "listener")
            self.assertIn(f"port {port} of 127.0.0.77 is in use", f["text"])

    def test_numa(self):
        """The target's own answers, in which its device has been moved to a node."""
        s = udp_port("127.0.0.78")
        if not s:
            self.skipTest("somebody on this machine has UDP port 4791")
        s.close()
        self.start("--rnic", "soft:127.0.0.78")
        self.ctl("nvmf_create_transport", "-t", "rdma")
        self.assertNotIn("numa_id", self.ctl("nvmf_get_stats"))
        for node, near, fix in ((1023, [], "weftd -m [...]"), (None, [], None),
                                (1023, ["nvmf_tgt_poll_group_000"], None),
                                (0, [], "weftd -m [0")):
            with Moved(self.path, node, near) as path:
                found = [f for f in self.doctor(server=path) if f["what"] == "NUMA"]
            self.assertEqual(len(found), 1 if fix else 0, (node, near, found))
            if fix and (node or os.path.exists("/sys/devices/system/node/node0/cpulist")):
                self.assertEqual(found[0]["status"], "warning")
                self.assertIn(f"soft0 is at NUMA node {node}, where no reactor is",
                              found[0]["text"])
                self.assertIn(fix, found[0]["fix"])

    def test_rdma_buffers(self):
        """What the kernel allows a weftd without privileges."""
        with open("/proc/sys/net/core/rmem_max", encoding="ascii") as f:
            most = int(f.read())
        prefix = ()
        if os.geteuid() == 0:
            prefix = ("setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all")
            os.chmod(self.dir.name, 0o755)
        found = self.doctor("-c", self.config(listener("127.0.0.77", 4420, "RDMA")), prefix=prefix)
        some = [f for f in found if f["what"] == "rdma buffers"]
        self.assertEqual(len(some), 0 if most >= 16 << 20 else 1)
        for f in some:
            self.assertIn(f"allows software RoCE {most // 1024} KiB", f["text"])
            self.assertIn("net.core.rmem_max=67108864", f["fix"])

    def test_files(self):
        missing = os.path.join(self.dir.name, "missing")
        for path, part, fix in (
                (missing, "No such file", f"truncate -s 10G {missing}"),
                (self.disk("file") + "/x", "Not a directory", "make it"),
                (self.dir.name, "neither a file nor a block device", "name a file"),
                ("/dev/null", "neither a file nor a block device", "name a file"),
                (self.file("empty", ""), "is empty", "truncate -s SIZE")):
            for method in ("bdev_aio_create", "bdev_uring_create", "construct_aio_bdev"):
                f = self.one(self.look(call(method, name="a", filename=path)), "file")
                self.assertIn(path, f["text"])
                self.assertIn(part, f["text"])
                self.assertIn(fix, f["fix"])

    def test_files_of_others(self):
        path = self.disk()
        os.chmod(path, 0o400)
        os.chmod(self.dir.name, 0o755)
        config = self.config(call("bdev_aio_create", name="a", filename=path))
        os.chmod(config, 0o644)
        if os.geteuid() != 0:
            self.one(self.doctor("-c", config), "file")
            return
        # root may do anything; so another user looks, with a program that it may run
        program = shutil.copy(BIN + "/weftctl", self.dir.name)
        r = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program,
                            "-s", self.path, "doctor", "--json", "-c", config],
                           capture_output=True, text=True, timeout=120)
        self.assertEqual((r.returncode, r.stderr), (1, ""))
        f = self.one(json.loads(r.stdout)["findings"], "file")
        self.assertIn("Permission denied", f["text"])
        self.assertIn("setfacl", f["fix"])

    def test_mounted_device(self):
        """If this machine has one that may be looked at."""
        with open("/proc/self/mountinfo") as m:
            devices = [line.split(" - ")[1].split()[1] for line in m]
        device = next((d for d in devices if d.startswith("/dev/") and os.path.exists(d) and
                       os.access(d, os.R_OK | os.W_OK)), None)
        if not device:
            self.skipTest("no mounted block device is here")
        f = self.one(self.look(call("bdev_aio_create", name="a", filename=device)), "file")
        self.assertRegex(f["text"], "is mounted at|is in use by")

    def test_few_files(self):
        config = self.config()
        for n, status in ((256, "wrong"), (4096, "warning")):
            found = self.doctor("-c", config, prefix=("prlimit", f"--nofile={n}"))
            f = self.one(found, "open files", status)
            self.assertIn(str(n), f["text"])
            self.assertIn("LimitNOFILE", f["fix"])
        f = self.one(self.doctor("-c", config, prefix=("prlimit", "--memlock=65536")), "memlock",
                     "warning")
        self.assertIn("64 KiB", f["text"])

    def test_limits_are_those_of_the_target(self):
        self.start()
        subprocess.run(["prlimit", "--pid", str(self.daemon.pid), "--nofile=300:300"], check=True)
        self.assertIn("weftd may have only 300", self.one(self.doctor(), "open files")["text"])

    def test_memory(self):
        f = self.one(self.look(call("bdev_malloc_create", num_blocks=1 << 40, block_size=4096)),
                     "memory")
        self.assertIn("malloc", f["text"])

    def test_config_file(self):
        for text, part in (("{", "line 1"), ("", ""), ("[nonsense]\nx", "line")):
            path = self.file("broken", text)
            f = self.one(self.doctor("-c", path), "config")
            self.assertIn("broken", f["text"])
            self.assertIn(part, f["text"])
        f = self.one(self.doctor("-c", "/nonexistent/x"), "config")
        self.assertIn("/nonexistent/x", f["text"])
        f = self.one(self.look(call("bdev_aoi_create")), "config", "warning")
        self.assertIn("bdev_aoi_create", f["text"])
        self.assertIn("bdev_aio_create", f["fix"])

    def test_socket(self):
        f = self.one(self.doctor(), "target")
        self.assertIn("Is weftd running?", f["text"])
        with socket.socket(socket.AF_UNIX) as s:  # what a target that was killed leaves
            s.bind(self.path)
        self.assertIn("Connection refused", self.one(self.doctor(), "target")["text"])
        os.unlink(self.path)
        self.start()
        os.chmod(self.path, 0o666)
        self.assertIn("mode 0666", self.one(self.doctor(), "RPC socket")["text"])

    def test_target(self):
        state = os.path.join(self.dir.name, "state")
        self.start()
        self.ctl("-b", text=f"""nvmf_create_transport -t tcp
            bdev_aio_create {self.disk()} a 512
            nvmf_create_subsystem {NQN}""")
        found = self.doctor()
        self.assertIn("no listener", self.one(found, "subsystem", "warning")["text"])
        self.assertIn("weftd --state", self.one(found, "saving", "warning")["fix"])
        self.assertNotIn(state, str(found))
        self.ctl("nvmf_subsystem_add_listener", NQN, "-t", "tcp", "-a", "127.0.0.1", "-s",
                 str(free_port()))
        f = self.one(self.doctor(), "subsystem", "warning")
        self.assertIn("lets no host connect", f["text"])
        self.assertIn(f"nvmf_subsystem_add_host {NQN}", f["fix"])
        self.ctl("nvmf_subsystem_add_host", NQN, "nqn.2014-08.org:h")
        self.assertIn("has no namespace", self.one(self.doctor(), "subsystem", "warning")["text"])
        self.ctl("nvmf_subsystem_add_ns", NQN, "a")
        os.rename(os.path.join(self.dir.name, "disk"), os.path.join(self.dir.name, "moved"))
        self.assertIn("No such file", self.one(self.doctor(), "file")["text"])

    def test_state_that_cannot_be_written(self):
        folder = os.path.join(self.dir.name, "kept")
        os.mkdir(folder)
        self.start("--state", os.path.join(folder, "state"))
        os.rename(folder, folder + "-gone")
        self.ctl("bdev_null_create", "n", "1", "512")
        f = self.one(self.doctor(), "saving")
        self.assertIn(os.path.join(folder, "state"), f["text"])

    def test_usage(self):
        self.assertIn("no --dry-run", self.ctl("--dry-run", "doctor", status=2))


if __name__ == "__main__":
    unittest.main()
