#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The flows F0, F2 and F3 against a real weftd: what users have and type, word for word
(scenarios/), is refused with what is wrong where this build lacks a part; with addresses and
devices of this machine it serves, by -c and by weftctl load_config, over TCP and over RDMA: the
latter in a network of its own, where even the addresses are those of the flows."""
import json
import os
import re
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
from running import BIN, NQN, Running, free_port  # noqa: E402

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "scenarios"))
import network  # noqa: E402
import scenarios  # noqa: E402

OWN_NETWORK = network.move(BIN, *sys.argv[1:])

ADDRS = ("127.0.0.11", "127.0.0.12")
CNODE2 = "nqn.2016-06.io.spdk:cnode2"
NULL = "[Null]\n  Dev Nvme0n1 64 512\n  Dev Nvme1n1 64\n"
NO_NVME = ("[Nvme] TransportID: this build has no bdevs of NVMe controllers; remove the section, or"
           " serve its bdevs from [AIO], [Malloc] or [Null]")


class Flow(Running):
    trtype = "TCP"
    options = ()  # of weftd
    within = ()  # what executes a host's command elsewhere
    addrs = ADDRS

    def setUp(self):
        super().setUp()
        self.port = str(free_port())

    def file(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def start(self, *args):
        """Until it serves, or has ended: then what it said."""
        self.daemon = subprocess.Popen([BIN + "/weftd", "-r", self.path, *self.options, *args],
                                       stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, self.daemon)
        while self.run_ctl("framework_wait_init").returncode != 0:
            if self.daemon.poll() is not None:
                return self.daemon.stderr.read()
        return None

    def end(self, daemon=None):
        daemon = daemon or self.daemon
        if daemon.poll() is None:
            daemon.terminate()
            self.assertEqual(daemon.wait(30), 0)
        daemon.stderr.close()

    def served(self, how, path):
        """By a weftd that starts with the file, and by one that is given it."""
        if how == "-c":
            self.assertIsNone(self.start("-c", path))
        else:
            self.assertIsNone(self.start())
            self.ctl("load_config", "-j", path)

    def host(self, command, addr, *args):
        """What weft-host prints, at the other side."""
        out = subprocess.run([*self.within, BIN + "/weft-host", command, "-t", self.trtype.lower(),
                              "-a", addr, "-s", self.port, *args], capture_output=True, text=True,
                             timeout=60)
        self.assertEqual(out.returncode, 0, out.stderr)
        return out.stdout

    def discover(self, addr):
        """Its generation counter, and its records."""
        out = self.host("discover", addr)
        generation = re.search(r"Generation counter (\d+)", out, re.I)
        self.assertIsNotNone(generation, out)
        records = [dict(re.findall(r"^(\w+):\s*(.*?)\s*$", part, re.M))
                   for part in out.split("=====Discovery Log Entry")[1:]]
        self.assertEqual({r["trtype"] for r in records}, {self.trtype.lower()})
        return generation.group(1), records


@unittest.skipUnless(OWN_NETWORK, "network namespaces cannot be made here")
class OverRdma(Flow):
    """By software RoCE, with a cable to the host. Classes of flows follow in the list of bases."""
    trtype = "RDMA"
    options = ("--rnic", "soft")
    here = there = ()  # addresses

    def setUp(self):
        far = network.Far(self.here, self.there)
        self.addCleanup(far.close)
        self.within = far.within
        super().setUp()
        self.port = "4420"


class F0(Flow):
    WRONG = ["line 2: " + NO_NVME, "line 3: " + NO_NVME]

    def check(self):
        asked = [self.discover(addr) for addr in self.addrs]
        self.assertEqual(asked[0], asked[1])
        records = asked[0][1]
        self.assertEqual([r["subnqn"] for r in records], [NQN] * 2)
        self.assertEqual([r["traddr"] for r in records], list(self.addrs))
        self.assertEqual([r["trsvcid"] for r in records], [self.port] * 2)
        self.assertNotEqual(records[0]["portid"], records[1]["portid"])
        [subsystem] = self.get("nvmf_get_subsystems", NQN)
        self.assertEqual(subsystem["serial_number"], "SPDK00000000000001")
        self.assertEqual(subsystem["max_namespaces"], 20)
        self.assertEqual([h["nqn"] for h in subsystem["hosts"]], ["nqn.2016-06.io.spdk:init"])
        self.assertTrue(subsystem["allow_any_host"])
        self.assertEqual([(n["nsid"], n["bdev_name"]) for n in subsystem["namespaces"]],
                         [(1, "Nvme0n1"), (2, "Nvme1n1")])

    def test_verbatim(self):
        """Every line that asks for what this build lacks, and nothing else."""
        path = os.path.join(HERE, "scenarios", "F0.conf")
        said = self.start("-c", path)
        self.assertEqual(re.findall(r"F0\.conf: (line.*)", said), self.WRONG)
        self.end()
        self.assertIsNone(self.start())
        before = self.ctl("save_config")
        said = self.ctl("load_config", "-j", path, status=1)
        self.assertEqual(re.findall(r"F0\.conf: (line.*)", said), self.WRONG)
        self.assertEqual(self.ctl("save_config"), before)

    def test_served(self):
        files = [self.file(name, "") for name in ("disk0", "disk1")]
        for path in files:
            os.truncate(path, 64 << 20)
        aio = "[AIO]\n" + "".join(f"  AIO {path} Nvme{i}n1 512\n" for i, path in enumerate(files))
        for devices in (NULL, aio):
            path = self.file("nvmf.conf", scenarios.f0(devices, self.addrs, self.port,
                                                           self.trtype))
            for how in ("-c", "load_config"):
                with self.subTest(devices=devices, how=how):
                    self.served(how, path)
                    self.check()
                    self.end()


class F0Rdma(OverRdma, F0):
    addrs = ("192.168.11.11", "192.168.12.11")
    here = [addr + "/24" for addr in addrs]
    there = ("192.168.11.1/24", "192.168.12.1/24")


class F2(Flow):
    """The names of 2018 and today's; Ceph2 and Ceph4 are made of memory."""

    def setUp(self):
        super().setUp()
        self.lines = {argv[0]: (argv, out) for argv, out in scenarios.f2()}
        self.assertIsNone(self.start())
        self.assertEqual(self.ctl("construct_malloc_bdev", "64", "512", "-b", "Ceph4"), "Ceph4\n")
        self.assertEqual(self.ctl("construct_null_bdev", "Ceph2", "1024", "512"), "Ceph2\n")

    def line(self, name, *changes, status=0):
        """A line of F2.txt word for word, or with changes."""
        argv = self.lines[name][0]
        for old, new in changes:
            self.assertIn(old, " ".join(argv))
            argv = [a.replace(old, new) for a in argv]
        return self.ctl(*argv, status=status)

    def serve(self):
        self.line("construct_nvmf_subsystem", ("RDMA", "TCP"), ("10.1.1.54", self.addrs[0]),
                  ("4421", self.port))

    def nsids(self, nqn):
        [subsystem] = [s for s in self.get("get_nvmf_subsystems") if s["nqn"] == nqn]
        return [(n["nsid"], n["bdev_name"]) for n in subsystem["namespaces"]]

    def test_no_rdma(self):
        """Nothing is left of the call."""
        self.end()
        self.assertIsNone(self.start("--rnic", "none"))
        before = self.ctl("save_config")
        said = self.line("construct_nvmf_subsystem", status=1)
        self.assertIn("there is no RDMA here", said)
        self.assertEqual(self.ctl("save_config"), before)

    def test_ceph(self):
        """No such method: weftctl says so of its command, weftd of a call, in a sentence."""
        for name in ("bdev_rbd_create", "construct_rbd_bdev", "resize_rbd_bdev"):
            self.assertRegex(self.line(name, status=2),
                             f"^weftctl: there is no command {name}: weft does not have Ceph RBD "
                             "images[.] weftctl --help")
            said = self.ctl(name, '{"name": "Ceph2"}', status=1)
            self.assertIn('"code": -32601', said)
            self.assertIn('"message": "Method not found"', said)
            self.assertIn('"data": "there is no such method: weft does not have Ceph RBD images"',
                          said)
            for which in ([], ["-i"]):
                self.assertNotIn(name, self.get("rpc_get_methods", *which))

    def test_namespaces(self):
        self.serve()
        self.assertEqual(self.line("nvmf_subsystem_add_ns"), "")
        self.assertEqual(self.nsids(CNODE2), [(1, "Ceph4")])
        said = self.line("nvmf_subsystem_remove_ns", status=1)
        self.assertIn(f"Subsystem with NQN '{NQN}' not found", said)
        self.ctl("nvmf_subsystem_create", NQN, "-a")
        self.ctl("nvmf_subsystem_add_ns", NQN, "Ceph2")
        self.assertEqual(self.nsids(NQN), [(1, "Ceph2")])
        self.assertEqual(self.line("nvmf_subsystem_remove_ns"), "")
        self.assertEqual(self.nsids(NQN), [])
        self.assertEqual(self.nsids(CNODE2), [(1, "Ceph4")])

    def test_shapes(self):
        """The getters answer in the shape of their time; today's names in today's."""
        self.serve()
        self.line("nvmf_subsystem_add_ns")
        discovery, subsystem = json.loads(self.line("get_nvmf_subsystems"))
        self.assertEqual((discovery["nqn"], discovery["subtype"]),
                         ("nqn.2014-08.org.nvmexpress.discovery", "Discovery"))
        where = {"trtype": self.trtype, "adrfam": "IPv4", "traddr": self.addrs[0],
                 "trsvcid": self.port}
        self.assertEqual(subsystem["listen_addresses"], [{**where, "transport": self.trtype}])
        [ns] = subsystem["namespaces"]
        self.assertEqual((ns["nsid"], ns["bdev_name"], ns["name"]), (1, "Ceph4", "Ceph4"))
        [today] = self.get("nvmf_get_subsystems", CNODE2)
        self.assertEqual(today["listen_addresses"], [where])
        self.assertEqual((subsystem["nqn"], subsystem["serial_number"]),
                         (CNODE2, "SPDK00000000000002"))
        bdevs = {b["name"]: b for b in json.loads(self.line("get_bdevs"))}
        self.assertEqual({name: (b["product_name"], b["block_size"], b["num_blocks"])
                          for name, b in bdevs.items()},
                         {"Ceph4": ("Malloc disk", 512, 131072),
                          "Ceph2": ("Null disk", 512, 2097152)})
        [transport] = json.loads(self.line("get_nvmf_transports"))
        self.assertEqual((transport["trtype"], transport["max_qpairs_per_ctrlr"]),
                         (self.trtype, transport["max_io_qpairs_per_ctrlr"] + 1))
        self.assertLessEqual({"max_queue_depth", "in_capsule_data_size", "max_io_size",
                              "io_unit_size", "max_aq_depth"}, set(transport))


class F2Rdma(OverRdma, F2):
    """The line that makes the subsystem is word for word."""
    addrs = ("10.1.1.54",)
    here = ("10.1.1.54/24",)
    there = ("10.1.1.1/24",)

    def setUp(self):
        super().setUp()
        self.port = "4421"

    def serve(self):
        self.assertEqual(self.line("construct_nvmf_subsystem"), "")

    def test_io(self):
        self.serve()
        self.line("nvmf_subsystem_add_ns")
        _, [record] = self.discover(self.addrs[0])
        self.assertEqual((record["subnqn"], record["trsvcid"]), (CNODE2, self.port))
        self.host("verify", self.addrs[0], "-n", CNODE2, "-T", "1")

    def test_address(self):
        """One that no device has: nothing is left but the transport, which has no way back."""
        network.ip(f"addr del {self.here[0]} dev {network.NEAR}")
        before = self.get("nvmf_get_subsystems")
        said = self.line("construct_nvmf_subsystem", status=1)
        self.assertIn("nvmf_subsystem_add_listener: cannot listen on 10.1.1.54:4421: no RDMA device"
                      " has this address", said)
        self.assertEqual(self.get("nvmf_get_subsystems"), before)
        [transport] = self.get("nvmf_get_transports")
        self.assertEqual(transport["trtype"], "RDMA")


class F3(Flow):
    def setUp(self):
        super().setUp()
        self.disk = self.file("nullb0", "")
        os.truncate(self.disk, 2 << 30)

    def config(self, portid):
        return self.file("config.json", scenarios.f3(self.addrs[0], self.port, self.disk, portid,
                                                     self.trtype.lower()))

    def check(self):
        _, [record] = self.discover(self.addrs[0])
        self.assertEqual((record["subnqn"], record["portid"]), ("nvme-test-1", "1"))
        [subsystem] = self.get("nvmf_get_subsystems", "nvme-test-1")
        [ns] = subsystem["namespaces"]
        self.assertEqual(ns["uuid"], "43c4260a-826b-475d-9b42-883b4258f53f")
        [bdev] = self.get("bdev_get_bdevs", "-b", ns["bdev_name"])
        self.assertEqual((bdev["name"], bdev["block_size"], bdev["num_blocks"]),
                         (self.disk, 4096, (2 << 30) // 4096))

    def test_served(self):
        """And what it became, saved, makes the same with the next weftd."""
        path = self.config(1)
        for how in ("-c", "load_config"):
            with self.subTest(how=how):
                self.served(how, path)
                self.check()
                saved = self.file("saved.json", self.ctl("save_config"))
                self.end()
        self.served("-c", saved)
        self.check()

    def test_port_id(self):
        """It is nvmet's, whatever it is."""
        path = self.config(42)
        self.served("-c", path)
        _, [record] = self.discover(self.addrs[0])
        self.assertEqual(record["portid"], "42")


class F3Rdma(OverRdma, F3):
    addrs = ("192.168.11.100",)
    here = ("192.168.11.100/24",)
    there = ("192.168.11.1/24",)

    def test_verbatim(self):
        """All that is missing is the device; the transport has no way back."""
        if os.path.exists("/dev/nullb0"):
            self.skipTest("this machine has a /dev/nullb0")
        path = os.path.join(HERE, "scenarios", "F3.json")
        wrong = "line 59: subsystem nvme-test-1 (bdev_aio_create)"
        missing = "/dev/nullb0 cannot be opened: No such file or directory"
        said = self.start("-c", path)
        self.assertEqual(re.findall(r"F3\.json: (line.*)", said),
                         [f"{wrong}: No such file or directory: {missing}"])
        self.end()
        self.assertIsNone(self.start())
        before = self.get("nvmf_get_subsystems")
        said = self.ctl("load_config", "-j", path, status=1)
        self.assertEqual([line for line in re.findall(r"F3\.json: (line.*)", said)
                          if " has no effect" not in line], [wrong + " failed"])
        self.assertIn("weftctl: " + missing, said)
        self.assertIn("no way back: nvmf_create_transport\n", said)
        self.assertEqual(self.get("nvmf_get_subsystems"), before)
        self.assertEqual(self.get("bdev_get_bdevs"), [])


if __name__ == "__main__":
    unittest.main()
