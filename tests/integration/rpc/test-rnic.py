#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Addresses of the software RNIC in a network of the test's own: those that weftd is told to
use, and those that come and go while it runs."""
import subprocess
import sys
import unittest
import urllib.request

sys.dont_write_bytecode = True
from running import BIN, NQN, Running  # noqa: E402
import network  # noqa: E402

OWN_NETWORK = network.move(BIN, *sys.argv[1:])

ONE, TWO, THREE = "192.168.11.11", "192.168.12.11", "192.168.13.11"
THERE = ("192.168.11.1/24", "192.168.12.1/24", "192.168.13.1/24", "fd00:11::1/64 nodad")


@unittest.skipUnless(OWN_NETWORK, "network namespaces cannot be made here")
class Addresses(Running):
    def setUp(self):
        super().setUp()
        self.far = network.Far((ONE + "/24", TWO + "/24"), THERE)
        self.addCleanup(self.far.close)
        self.daemon = None

    def start(self, *args):
        """Until it serves, or has ended: then what it said."""
        self.daemon = subprocess.Popen([BIN + "/weftd", "-r", self.path, *args],
                                       stderr=subprocess.PIPE, text=True)
        while self.run_ctl("framework_wait_init").returncode != 0:
            if self.daemon.poll() is not None:
                return self.daemon.stderr.read()
        return None

    def serve(self, *args):
        self.assertIsNone(self.start(*args))
        self.ctl("nvmf_create_transport", "-t", "RDMA")
        self.ctl("bdev_malloc_create", "8", "512", "-b", "M")
        self.ctl("nvmf_create_subsystem", NQN, "-a")
        self.ctl("nvmf_subsystem_add_ns", NQN, "M")

    def listen(self, addr, status=0, port="4420"):
        return self.ctl("nvmf_subsystem_add_listener", NQN, "-t", "rdma", "-a", addr, "-s", port,
                        status=status)

    def refused(self, addr):
        said = self.listen(addr, status=1, port="4499")
        self.assertIn(f"cannot listen on {addr}:4499: no RDMA device has this address",
                      said.replace("[", "").replace("]", ""))

    def log(self):
        """All of it, of a weftd that ends now."""
        self.daemon.terminate()
        self.assertEqual(self.daemon.wait(30), 0)
        return self.daemon.stderr.read()

    def host(self, addr, *args, status=0):
        out = subprocess.run([*self.far.within, BIN + "/weft-host", "identify", "-t", "rdma", "-a",
                              addr, "-n", NQN, *args], capture_output=True, text=True, timeout=60)
        self.assertEqual(out.returncode, status, out.stderr)
        return out.stderr

    def test_chosen(self):
        """Only there; elsewhere the port is others', a second weftd's for example."""
        self.serve("--rnic", "soft:" + ONE)
        self.listen(ONE)
        self.host(ONE)
        self.refused(TWO)
        first, self.daemon, self.path = self.daemon, None, self.path + "2"
        self.serve("--rnic", "soft:" + TWO)
        self.listen(TWO)
        self.host(TWO)
        for daemon in (first, self.daemon):
            daemon.terminate()
            self.assertEqual(daemon.wait(30), 0)
        first.stderr.close()

    def test_chosen_by_host(self):
        self.serve()
        self.listen(ONE)
        self.host(ONE, "--host-traddr", "192.168.12.1")
        said = self.host(ONE, "--host-traddr", "192.168.12.2", status=1)
        self.assertIn("RDMA at 192.168.12.2: this machine does not have that address", said)

    def test_refused(self):
        for what, part in (("soft:" + THREE, f"RDMA at {THREE}: this machine does not have that "
                                             "address (ip addr show lists those it has)"),
                           (f"soft:{ONE},::7", "RDMA at ::7: this machine does not have"),
                           ("soft:weft0", "weft0: the address of an interface of this machine "
                                          "expected"),
                           ("hard", "--rnic hard: auto, verbs, soft, soft:ADDRESS,... or none "
                                   "expected")):
            said = self.start("--rnic", what)
            self.assertIsNotNone(said, what)
            self.assertIn(part, said)
            self.assertEqual(self.daemon.returncode, 1)
            self.daemon.stderr.close()
        self.daemon = None

    def test_later(self):
        """An error before it is there, and none from then on."""
        self.serve()
        for addr, prefix, options in ((THREE, "/24", ""), ("fd00:11::11", "/64", " nodad")):
            self.refused(addr)
            network.ip(f"addr add {addr}{prefix} dev {network.NEAR}{options}")
            self.listen(addr)
            self.host(addr)
        # With an interface, and without it again.
        network.ip("link add weft2 type veth peer name weft3")
        network.ip("addr add 198.51.100.7/24 dev weft2")
        self.refused("198.51.100.7")
        network.ip("link set weft2 up")
        self.listen("198.51.100.7")
        network.ip("link del weft2")
        self.refused("198.51.100.7")
        self.host(THREE)

    def gone_and_back(self, *args):
        self.serve(*args)
        self.listen(ONE)
        self.host(ONE)
        network.ip(f"addr del {ONE}/24 dev {network.NEAR}")
        self.refused(ONE)
        network.ip(f"addr add {ONE}/24 dev {network.NEAR}")
        self.host(ONE)
        self.assertRegex(self.log(), f"address has gone.*{ONE}(.*\n)+.*address is used.*{ONE}")

    def test_gone_and_back(self):
        """What listens there serves again when it is back; nobody says so."""
        self.gone_and_back()

    def test_down_and_up(self):
        self.serve()
        self.listen(ONE)
        network.ip(f"link set {network.NEAR} down")
        self.refused(ONE)
        network.ip(f"link set {network.NEAR} up")
        self.host(ONE)

    def test_chosen_gone_and_back(self):
        self.gone_and_back("--rnic", "soft:" + ONE)

    def test_memory(self):
        """What is registered: with a bdev more, that is the bdev's as a whole, too."""
        self.serve()
        self.listen(ONE)
        port = self.get("metrics_start", "-s", "0")["trsvcid"]
        seen = []
        for _ in range(2):
            [rnic] = self.get("metrics_get", "--sections", "rnics")["rnics"]
            [stats] = self.get("nvmf_get_stats")["rdma_devices"]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as page:
                text = page.read().decode()
            self.assertEqual((rnic["device"], stats["name"]), ("soft0", "soft0"))
            for name, metric in (("registered_bytes", "weft_rdma_registered_bytes"),
                                 ("memory_regions", "weft_rdma_memory_regions")):
                self.assertEqual(rnic[name], stats[name])
                self.assertIn(f'{metric}{{device="soft0"}} {rnic[name]}\n', text)
            seen.append(rnic)
            if len(seen) == 1:
                self.ctl("bdev_malloc_create", "16", "512", "-b", "More")
        self.assertGreaterEqual(seen[0]["registered_bytes"], 8 << 20)
        self.assertEqual(seen[1]["registered_bytes"] - seen[0]["registered_bytes"], 16 << 20)
        self.assertEqual(seen[1]["memory_regions"] - seen[0]["memory_regions"], 1)

    def test_mtu(self):
        """Of connections made later; those that are there keep theirs."""
        self.serve()
        self.listen(ONE)
        load = subprocess.Popen([*self.far.within, BIN + "/weft-host", "verify", "-t", "rdma",
                                 "-a", ONE, "-n", NQN, "--host-traddr", "192.168.12.1", "-o",
                                 "128k", "-T", "2"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(load.wait)
        self.addCleanup(load.stdout.close)
        while not self.get("nvmf_subsystem_get_controllers", NQN):
            self.assertIsNone(load.poll())
        network.ip(f"link set {network.NEAR} mtu 9000")
        self.far.ip(f"link set {network.FAR} mtu 9000")
        self.host(ONE, "--host-traddr", "192.168.11.1")
        self.assertEqual(load.wait(60), 0)
        network.ip(f"link set {network.NEAR} mtu 1500")
        self.far.ip(f"link set {network.FAR} mtu 1500")
        self.host(ONE)
        said = self.log()
        self.assertIn("before=1024 now=4096", said)
        self.assertIn("before=4096 now=1024", said)


if __name__ == "__main__":
    unittest.main()
