#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""weftd and weft-host under valgrind, over software RoCE and over TCP: data of all sizes is
read back, and there is no report of either: nothing leaked, nothing suppressed. On devices of
libibverbs: tests/guest/verbs-valgrind."""
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
from running import BIN, NQN, Running  # noqa: E402
import network  # noqa: E402

OWN_NETWORK = network.move(BIN, *sys.argv[1:])
# Each side has an RNIC of its own.
TARGET, HOST = "127.0.0.2", "127.0.0.3"
WAYS = {"rdma": ("--host-traddr", HOST), "tcp": ()}


@unittest.skipUnless(OWN_NETWORK, "network namespaces cannot be made here")
@unittest.skipUnless(shutil.which("valgrind"), "no valgrind here: apt-get install valgrind")
class Valgrind(Running):
    def memcheck(self, name, *argv):
        return ["valgrind", "-q", f"--log-file={self.dir.name}/{name}", "--error-exitcode=99",
                "--leak-check=full", "--show-leak-kinds=definite",
                "--errors-for-leak-kinds=definite", f"{BIN}/{name}", *argv]

    def no_report(self, name):
        with open(f"{self.dir.name}/{name}", encoding="utf-8", errors="replace") as f:
            said = f.read()
        self.assertEqual(said, "", f"{name}:\n{said}")

    def serve(self):
        self.daemon = subprocess.Popen(
            self.memcheck("weftd", "-r", self.path, "-m", "0x3", "--rnic", "soft:" + TARGET),
            stderr=subprocess.PIPE, text=True)
        self.run_ctl("-r", "250", "framework_wait_init")
        self.ctl("bdev_malloc_create", "16", "512", "-b", "M")
        self.ctl("nvmf_create_subsystem", NQN, "-a")
        self.ctl("nvmf_subsystem_add_ns", NQN, "M")
        for way in WAYS:
            self.ctl("nvmf_create_transport", "-t", way.upper())
            self.ctl("nvmf_subsystem_add_listener", NQN, "-t", way, "-a", TARGET, "-s", "4420")

    def host(self, way, *args):
        out = subprocess.run(self.memcheck("weft-host", *args, "-t", way, "-a", TARGET, "-s",
                                           "4420", "-n", NQN, *WAYS[way]),
                             capture_output=True, text=True, timeout=300, check=False)
        self.no_report("weft-host")
        self.assertEqual(out.returncode, 0, out.stderr)

    def test_all_sizes(self):
        self.serve()
        with open(f"/proc/{self.daemon.pid}/comm", encoding="ascii") as f:
            self.assertIn("memcheck", f.read())
        for way in WAYS:
            for size in "512", "4k", "64k", "1M":
                with self.subTest(way=way, size=size):
                    self.host(way, "verify", "-N", "1", "-o", size, "-q", "4", "-T", "1")
        self.daemon.terminate()
        rc = self.daemon.wait(300)
        self.no_report("weftd")
        self.assertEqual(rc, 0, self.daemon.stderr.read())


if __name__ == "__main__":
    unittest.main()
