#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""weft-setup rdma: on trees of files as machines have them, what is there is shown, what is wrong
is found, named, and has a remedy; where nothing is wrong, nothing is found."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
import machine  # noqa: E402

BIN = os.path.abspath(sys.argv.pop(1))
ROOT = pathlib.Path(__file__).resolve().parents[3]


class Setup(unittest.TestCase):
    def run_setup(self, *args):
        return subprocess.run([BIN + "/weft-setup", *args], capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL)

    def look(self, m, *args):
        """The whole answer; exit status and numbers must agree with its findings."""
        r = self.run_setup("rdma", "--json", "--root", str(m.root), *args)
        self.assertEqual(r.stderr, "")
        said = json.loads(r.stdout)
        wrong = [f for f in said["findings"] if f["status"] == "wrong"]
        warnings = [f for f in said["findings"] if f["status"] == "warning"]
        self.assertEqual((said["wrong"], said["warnings"]), (len(wrong), len(warnings)))
        self.assertEqual(r.returncode, 1 if wrong else 0)
        for f in said["findings"]:
            self.assertEqual(f["fix"] is None, f["status"] == "ok", f)
        return said

    def bad(self, m, *args):
        return [f for f in self.look(m, *args)["findings"] if f["status"] != "ok"]

    def one(self, found, what, status, *parts, fix=""):
        """The only finding, and it says these."""
        self.assertEqual([(f["what"], f["status"]) for f in found], [(what, status)], found)
        for part in parts:
            self.assertIn(part, found[0]["text"])
        self.assertIn(fix, found[0]["fix"])

    # --- what is there ---

    def test_mlx5(self):
        with machine.mlx5() as m:
            said = self.look(m)
            self.assertEqual((said["wrong"], said["warnings"]), (0, 0), said)
            one, two = said["devices"]
            self.assertEqual(
                {k: v for k, v in one.items() if k not in ("ports", "irqs")},
                {"name": "mlx5_0", "kind": "RoCE", "driver": "mlx5_core",
                 "firmware": "22.35.1012", "board": None, "pci": "0000:3b:00.0",
                 "node": "uverbs0", "provider": "mlx5", "numa_node": 1, "processors": "4-7"})
            port = two["ports"][0]
            self.assertEqual((port["state"], port["physical"], port["link_layer"], port["rate"]),
                             ("ACTIVE", "LinkUp", "Ethernet", "100 Gb/sec (4X EDR)"))
            self.assertEqual((port["interface"], port["interface_mtu"], port["active_mtu"]),
                             ("ens1f1np1", 9000, 4096))
            self.assertEqual([(g["index"], g["type"], g["address"]) for g in port["gids"]],
                             [(0, "IB/RoCE v1", "fe80::e42:a1ff:fe00:1"),
                              (1, "RoCE v2", "fe80::e42:a1ff:fe00:1"),
                              (2, "IB/RoCE v1", "192.0.2.2"), (3, "RoCE v2", "192.0.2.2")])
            self.assertEqual((port["pfc_priorities"], port["pause"], port["ecn"]),
                             (None, None, "np 0,1,2,3,4,5,6,7, rp 0,1,2,3,4,5,6,7"))
            self.assertEqual(one["irqs"][1], {"irq": 61, "count": 15, "processors": "5",
                                              "name": "mlx5_comp1@pci:0000:3b:00.0"})
            self.assertEqual(said["max_locked_memory"], "unlimited")
            text = self.run_setup("rdma", "--root", str(m.root)).stdout
            for part in ("mlx5_1: RoCE, driver mlx5_core, firmware 22.35.1012, 0000:3b:00.1, "
                         "NUMA node 1 (processors 4-7)", "active MTU: 4096",
                         "GID 3: RoCE v2 192.0.2.1 at ens1f0np0", "PFC: not readable",
                         "IRQ 70: mlx5_comp0", "weftd -m [4-7]", "0 wrong, 0 to look at"):
                self.assertIn(part, text)
            self.assertEqual(self.run_setup("rdma", "-q", "--root", str(m.root)).stdout, "")

    def test_qedr(self):
        for iwarp in (False, True):
            with machine.qedr(iwarp) as m:
                said = self.look(m)
                self.assertEqual((said["wrong"], said["warnings"]), (0, 0), said)
                dev = said["devices"][0]
                self.assertEqual((dev["kind"], dev["driver"], dev["provider"], dev["numa_node"]),
                                 ("iWARP" if iwarp else "RoCE", "qede", "qedr", 0))
                # iWARP is TCP: it has no packets of its own size
                self.assertEqual(dev["ports"][0]["active_mtu"], None if iwarp else 4096)
                self.assertEqual(dev["ports"][0]["interface"], "ens2f0")

    def test_rxe(self):
        with machine.rxe() as m:
            said = self.look(m)
            self.assertEqual((said["wrong"], said["warnings"]), (0, 0), said)
            dev = said["devices"][0]
            self.assertEqual((dev["driver"], dev["provider"], dev["pci"], dev["numa_node"]),
                             ("rdma_rxe", "rxe", None, None))

    def test_none(self):
        with machine.Machine() as m:
            said = self.look(m)
            self.assertEqual(said["devices"], [])
            self.one([f for f in said["findings"] if f["status"] != "ok"], "devices", "warning",
                     "no RDMA device", fix="--rnic soft")
            self.assertTrue(any("in software" in f["text"] for f in said["findings"]))

    def test_this_machine(self):
        """Whatever it has: it is shown, and nothing is changed or waited for."""
        r = self.run_setup("rdma", "--json")
        self.assertEqual(r.stderr, "")
        self.assertIn(r.returncode, (0, 1))
        there = sorted(os.listdir("/sys/class/infiniband")) \
            if os.path.isdir("/sys/class/infiniband") else []
        self.assertEqual(sorted(d["name"] for d in json.loads(r.stdout)["devices"]), there)

    def test_driver_is_not_loaded(self):
        for driver, module in (("mlx5_core", "mlx5_ib"), ("qede", "qedr")):
            with machine.Machine() as m:
                m.pci("0000:3b:00.0", driver, "0x15b3")
                m.pci("0000:00:1f.6", "e1000e", "0x8086")
                found = self.bad(m)
                self.assertEqual([f["what"] for f in found], ["driver", "devices"])
                self.assertIn("0000:3b:00.0", found[0]["text"])
                self.assertIn("modprobe " + module, found[0]["fix"])

    # --- ports ---

    def test_link(self):
        with machine.mlx5() as m:
            port = "sys/class/infiniband/mlx5_0/ports/1"
            m.file(f"{port}/state", "1: DOWN")
            m.file(f"{port}/phys_state", "3: Disabled")
            self.one(self.bad(m), "link", "warning", "mlx5_0 port 1 is down", "Disabled",
                     "ens1f0np0", fix="ip link set ens1f0np0 up")
            m.file(f"{port}/phys_state", "2: Polling")
            self.one(self.bad(m), "link", "warning", "Polling", fix="cable")
            # with none left, RDMA is not to be had
            m.file("sys/class/infiniband/mlx5_1/ports/1/state", "1: DOWN")
            self.assertEqual([(f["what"], f["status"]) for f in self.bad(m)],
                             [("link", "wrong")] * 2)

    def test_gids(self):
        with machine.rxe() as m:
            types = "sys/class/infiniband/rxe0/ports/1/gid_attrs/types"
            for i in (0, 1):
                m.file(f"{types}/{i}", "IB/RoCE v1")
            self.one(self.bad(m), "GIDs", "wrong", "rxe0 port 1", "RoCE v1 only",
                     fix="RoCE v2")
            for i in (0, 1):
                m.file(f"{types}/{i}", "RoCE v2")
            m.file("sys/class/infiniband/rxe0/ports/1/gids/1", machine.LINK_LOCAL)
            self.one(self.bad(m), "GIDs", "warning", "no address", fix="dev eth0")

    def test_mtu(self):
        for mtu, active, status in ((1500, 1024, "warning"), (4191, 2048, "warning"),
                                    (4192, 4096, None), (300, None, "wrong")):
            with machine.rxe() as m:
                m.interface("eth0", mtu)
                port = self.look(m)["devices"][0]["ports"][0]
                self.assertEqual(port["active_mtu"], active)
                if status:
                    self.one(self.bad(m), "MTU", status, f"{mtu}", fix="ip link set eth0 mtu 4200")
                else:
                    self.assertEqual(self.bad(m), [])

    def test_ecn(self):
        with machine.mlx5() as m:
            for n in range(8):
                m.file(f"sys/class/net/ens1f0np0/ecn/roce_rp/enable/{n}", "0")
            self.one(self.bad(m), "ECN", "warning", "np 0,1,2,3,4,5,6,7, rp off",
                     fix="/sys/class/net/ens1f0np0/ecn")
            shutil.rmtree(m.path("sys/class/net/ens1f0np0/ecn"))
            self.assertEqual(self.bad(m), [])
            self.assertIsNone(self.look(m)["devices"][0]["ports"][0]["ecn"])
            m.file("sys/kernel/debug/mlx5/0000:3b:00.0/cc_params/np_cnp_dscp", "48")
            self.assertIn("cc_params", self.look(m)["devices"][0]["ports"][0]["ecn"])

    # --- place ---

    def test_irqs(self):
        with machine.mlx5() as m:
            for n in (61, 62):
                m.file(f"proc/irq/{n}/effective_affinity_list", str(n - 60))
            self.one(self.bad(m), "IRQs", "warning", "mlx5_0", "2 of 4", "than 1",
                     fix="echo 4-7 > /proc/irq")
            for n in range(60, 64):
                m.file(f"proc/irq/{n}/effective_affinity_list", "5")
            self.one(self.bad(m), "IRQs", "warning", "all 4 interrupts come to processor 5")
            # older kernels
            for n in range(60, 64):
                m.path(f"proc/irq/{n}/effective_affinity_list").unlink()
            self.assertEqual(self.look(m)["devices"][0]["irqs"][0]["processors"], "0-7")

    def test_pcie(self):
        with machine.mlx5() as m:
            m.file("sys/class/infiniband/mlx5_1/device/current_link_width", "8")
            self.one(self.bad(m), "PCIe", "warning", "mlx5_1", "width 8 of 16", fix="slot")

    # --- access ---

    def test_permissions(self):
        with machine.mlx5() as m:
            m.path("dev/infiniband/uverbs1").chmod(0o600)
            self.one(self.bad(m), "nodes", "wrong", "mlx5_1", "/dev/infiniband/uverbs1",
                     f"user {machine.UID}", fix="chmod 0666 /dev/infiniband/uverbs1")
            m.path("dev/infiniband/uverbs1").chmod(0o664)
            self.one(self.bad(m), "nodes", "wrong", "may not be opened")
            # as one of its group it may
            status = m.path("proc/self/status")
            gid = m.path("dev/infiniband/uverbs1").stat().st_gid
            good = status.read_text()
            status.write_text(good.replace("Groups:\t", f"Groups:\t{gid} "))
            self.assertEqual(self.bad(m), [])
            status.write_text(good.replace(f"Uid:\t{machine.UID}\t{machine.UID}",
                                           f"Uid:\t{machine.UID}\t0"))
            m.path("dev/infiniband/uverbs1").chmod(0o600)
            self.assertEqual(self.bad(m), [])

    def test_nodes_are_missing(self):
        for node, module in (("uverbs0", "ib_uverbs"), ("rdma_cm", "rdma_ucm")):
            with machine.rxe() as m:
                m.path("dev/infiniband/" + node).unlink()
                self.one(self.bad(m), "nodes", "wrong", "there is no /dev/infiniband/" + node,
                         fix="modprobe " + module)
        with machine.rxe() as m:
            shutil.rmtree(m.path("sys/class/infiniband_verbs"))
            self.one(self.bad(m), "nodes", "wrong", "rxe0", fix="modprobe ib_uverbs")

    def test_ulimit(self):
        for limit, status in ((8 << 20, "wrong"), (1 << 30, "warning")):
            with machine.rxe(memlock=str(limit)) as m:
                self.one(self.bad(m), "memlock", status, f"only {limit // 1024} KiB",
                         fix="LimitMEMLOCK=infinity")
                self.assertEqual(self.look(m)["max_locked_memory"], limit)
                # CAP_IPC_LOCK is above it
                status_file = m.path("proc/self/status")
                status_file.write_text(status_file.read_text().replace(
                    "CapEff:\t0000000000000000", "CapEff:\t0000000000004000"))
                self.assertEqual(self.bad(m), [])

    def test_the_limits_are_those_of_weftd(self):
        with machine.rxe() as m:
            status = m.path("proc/self/status").read_text()
            for pid, name in ((77, "bash"), (4711, "weftd")):
                m.file(f"proc/{pid}/comm", name)
                m.file(f"proc/{pid}/status", status)
                m.memlock(str(1 << 20), pid)
            self.one(self.bad(m), "memlock", "wrong", "weftd (process 4711)", "1024 KiB")
            m.memlock("unlimited", 4711)
            self.assertEqual(self.bad(m), [])
            self.one(self.bad(m, "--pid", "77"), "memlock", "wrong", "process 77")

    def test_provider(self):
        with machine.mlx5() as m:
            m.path("usr/lib/x86_64-linux-gnu/libibverbs/libmlx5-rdmav34.so").unlink()
            found = self.bad(m)
            self.assertEqual([f["what"] for f in found], ["provider"] * 2)
            self.assertIn("no provider mlx5", found[0]["text"])
            self.assertIn("ibverbs-providers", found[0]["fix"])
            # a copy need not have /usr and /dev
            shutil.rmtree(m.path("usr"))
            shutil.rmtree(m.path("dev"))
            self.assertEqual(self.bad(m), [])
        with machine.rxe() as m:
            m.path("usr/lib/x86_64-linux-gnu/librdmacm.so.1").unlink()
            self.one(self.bad(m), "libraries", "wrong", "librdmacm.so.1",
                     fix="apt-get install librdmacm1")
        with machine.qedr() as m:
            m.path("sys/class/infiniband/qedr0/device/driver").unlink()
            m.link("sys/class/infiniband/qedr0/device/driver", "sys/bus/pci/drivers/new_nic")
            self.one(self.bad(m), "provider", "warning", "new_nic")

    def test_service(self):
        packaging = str(ROOT / "packaging")
        with machine.rxe() as m:
            unit = m.path("usr/lib/systemd/system")
            unit.mkdir(parents=True)
            shutil.copy(packaging + "/weftd.service", unit)
            self.one(self.bad(m), "service", "wrong", "/usr/lib/systemd/system/weftd.service",
                     "PrivateDevices=yes", fix="weftd-rdma.conf")
            extra = m.path("etc/systemd/system/weftd.service.d")
            extra.mkdir(parents=True)
            # that for block devices lets it have no others
            shutil.copy(packaging + "/weftd-storage.conf", extra)
            self.one(self.bad(m), "service", "wrong", "only some devices", fix="weftd-rdma.conf")
            shutil.copy(packaging + "/weftd-rdma.conf", extra)
            self.assertEqual(self.bad(m), [])
            m.file("etc/systemd/system/weftd.service.d/zz.conf", "[Service]\nLimitMEMLOCK=64M")
            self.one(self.bad(m), "memlock", "wrong", "LimitMEMLOCK=64M")
            for limit, status in (("8388608", "wrong"), ("255M:infinity", "wrong"),
                                  ("64G", "warning"), ("1T", "warning"), ("rubbish", "wrong"),
                                  ("99999999999999999T", "warning")):
                m.file("etc/systemd/system/weftd.service.d/zz.conf",
                       f"[Service]\nLimitMEMLOCK={limit}")
                self.one(self.bad(m), "memlock", status, f"LimitMEMLOCK={limit}")
            # a weftd that runs counts, if it is not the service's
            m.file("proc/4711/comm", "weftd")
            m.file("proc/4711/status", m.path("proc/self/status").read_text())
            m.memlock("unlimited", 4711)
            for group, n in (("/system.slice/weftd.service", 1), ("/user.slice/session-2.scope", 0)):
                m.file("proc/4711/cgroup", "0::" + group)
                self.assertEqual(len(self.bad(m)), n, group)

    # --- files of anybody ---

    def test_strange_files(self):
        """Nothing of them is believed, waited for, or breaks a line."""
        with machine.mlx5() as m:
            base = "sys/class/infiniband/mlx5_0"
            for path in (f"{base}/ports/1/state", f"{base}/ports/1/gids/0",
                         f"{base}/ports/1/rate", f"{base}/fw_ver", f"{base}/node_type",
                         f"{base}/device/numa_node", "proc/interrupts", "proc/self/limits",
                         "proc/self/status", "proc/irq/60/effective_affinity_list",
                         "sys/class/net/ens1f0np0/mtu"):
                good = m.path(path).read_bytes()
                for text in (b"", b"\n", b"\xff\xfe\n\x1b[2J\"\\", b"9" * 400, b"-1", b":", b"0" * 70000,
                             b" 60:" + b" 1" * 3000, b"4: ACTIVE\nx\0y"):
                    m.path(path).write_bytes(text)
                    if b"\x1b" not in text:
                        self.look(m)
                        continue
                    out = self.run_setup_bytes("rdma", "--root", str(m.root))
                    self.assertNotIn(b"\x1b", out)
                m.path(path).unlink()
                self.look(m)
                os.mkfifo(m.path(path))
                self.look(m)
                m.path(path).unlink()
                m.path(path).write_bytes(good)
            self.assertEqual(self.bad(m), [])
            m.file(f"{base}/ports/999999999999/state", "4: ACTIVE")
            m.file(f"{base}/ports/x/state", "4: ACTIVE")
            self.assertEqual(self.bad(m), [])

    def run_setup_bytes(self, *args):
        return subprocess.run([BIN + "/weft-setup", *args], capture_output=True, timeout=60,
                              stdin=subprocess.DEVNULL).stdout

    def test_changes_nothing(self):
        def state(m):
            return {str(p): (p.lstat().st_mode, p.lstat().st_mtime_ns)
                    for p in m.root.rglob("*")}
        with machine.mlx5() as m:
            before = state(m)
            self.look(m)
            self.assertEqual(state(m), before)

    def test_guide(self):
        """What the guide has of errors is what weftd says, and weft-setup has the same remedies."""
        def said_by(pattern):
            text = "".join(p.read_text() for p in sorted(ROOT.glob(pattern)))
            text = re.sub(r'(?<=" )NODES\b', '"/dev/infiniband"', text)
            return re.sub(r'"\s*"', "", text)
        weftd, ours = said_by("hw/linux/verbs/*.c"), said_by("tools/weft-setup/*.c")
        guide = (ROOT / "docs/guide/rnics.md").read_text()
        table = guide[guide.index("| says | mends |"):].split("\n\n")[0].splitlines()[2:]
        self.assertGreater(len(table), 5)
        for row in table:
            for part in re.split(r"(?:/dev/infiniband/)?\.\.\.|weft-rnic-verbs.so|: librdmacm.so",
                                 row.split("`")[1]):
                self.assertTrue(part.strip() in weftd, (part, row))
        self.assertTrue("the limit of locked memory may be too small" in weftd)
        for fix in ("rdma link add rxe0 type rxe netdev IFACE", "ibverbs-providers",
                    "LimitMEMLOCK=infinity in the unit of systemd", "chmod 0666", "rdma_ucm",
                    "ib_uverbs", "modprobe mlx5_ib, qedr", "with all of "):
            self.assertTrue(fix in weftd and fix in ours, fix)

    def test_usage(self):
        for args, said in (((), "rdma"), (("disks",), "disks: one thing"),
                           (("rdma", "rdma"), "one thing"), (("rdma", "--pid", "-1"), "--pid -1"),
                           (("rdma", "--pid", "2147483647"), "--pid 2147483647: there is no"),
                           (("rdma", "--root", "/nonexistent"), "--root /nonexistent"),
                           (("rdma", "--jason"), "--jason")):
            r = self.run_setup(*args)
            self.assertEqual((r.returncode, r.stdout), (2, ""), args)
            self.assertIn(said, r.stderr)
        self.assertRegex(self.run_setup("--version").stdout, r"^weft-setup \d+\.\d+\.\d+\n$")


unittest.main()
