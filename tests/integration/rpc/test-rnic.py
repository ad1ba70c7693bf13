#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Addresses of the software RNIC in a network of the test's own: those that weftd is told to
use, and those that come and go while it runs."""
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
from running import BIN, NQN, Running  # noqa: E402
import network  # noqa: E402

OWN_NETWORK = network.move(BIN, *sys.argv[1:])

ONE, TWO, THREE = "192.168.11.11", "192.168.12.11", "192.168.13.11"
THERE = ("192.168.11.1/24", "192.168.12.1/24", "192.168.13.1/24", "fd00:11::1/64")


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

    def listen(self, addr, status=0):
        return self.ctl("nvmf_subsystem_add_listener", NQN, "-t", "rdma", "-a", addr, "-s", "4420",
                        status=status)

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
        self.assertIn("no RDMA device has this address", self.listen(TWO, status=1))
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
                           ("hard", "--rnic hard: auto, soft, soft:ADDRESS,... or none expected")):
            said = self.start("--rnic", what)
            self.assertIsNotNone(said, what)
            self.assertIn(part, said)
            self.assertEqual(self.daemon.returncode, 1)
            self.daemon.stderr.close()
        self.daemon = None


if __name__ == "__main__":
    unittest.main()
