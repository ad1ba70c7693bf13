#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""cmake --install: all that a machine needs is there, where it is looked for, and runs."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

BUILD = sys.argv.pop(1)
FILES = ["bin/weftd", "bin/weftctl", "bin/weft-host", "bin/weft-sim", "bin/weft-trace",
         "bin/weft-setup",
         "lib/systemd/system/weftd.service", "share/doc/weft/weftd-storage.conf",
         "share/doc/weft/weftd-rdma.conf",
         "share/weft/grafana/weft.json", "share/bash-completion/completions/weftctl",
         "lib/weft/weft-rnic-verbs.so",
         "share/zsh/site-functions/_weftctl", "share/fish/vendor_completions.d/weftctl.fish"]
MANUALS = [f"share/man/man{page[-1]}/{page}" for page in
           ("weftd.8", "weftctl.1", "weft-host.1", "weft-setup.1", "weft-sim.1", "weft-trace.1")]


class Install(unittest.TestCase):
    def install(self, prefix, **more):
        r = subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], text=True,
                           capture_output=True, timeout=120, env=dict(os.environ, **more))
        self.assertEqual(r.returncode, 0, r.stderr)

    def check(self, top, prefix):
        wanted = FILES + (MANUALS if os.path.isdir(BUILD + "/man") else [])
        found = [os.path.relpath(os.path.join(at, name), top)
                 for at, _, names in os.walk(top) for name in names]
        self.assertEqual(sorted(found), sorted(wanted))
        for path in wanted:
            self.assertGreater(os.path.getsize(f"{top}/{path}"), 0, path)
        with open(f"{top}/lib/systemd/system/weftd.service", encoding="utf-8") as f:
            program = re.search(r"(?m)^ExecStart=(\S+) ", f.read()).group(1)
        self.assertEqual(program, prefix + "/bin/weftd")
        for path in FILES[:6]:
            r = subprocess.run([f"{top}/{path}", "--help"], text=True, capture_output=True,
                               timeout=60)
            self.assertEqual((r.returncode, r.stderr), (0, ""), path)
        self.finds_module(top)

    def finds_module(self, top):
        """Beside where the program is installed, whatever it then says of this machine's RNICs."""
        module, away = f"{top}/lib/weft/weft-rnic-verbs.so", f"{top}/away"
        self.assertNotIn("weft-rnic-verbs.so", self.without_target(top))
        os.rename(module, away)
        self.assertIn("RDMA: there is no /", self.without_target(top))
        os.rename(away, module)

    def without_target(self, top):
        """What is said by one that asks an address that nobody has."""
        r = subprocess.run([f"{top}/bin/weft-host", "identify", "-t", "rdma", "-a", "192.0.2.1",
                            "-n", "nqn.2024-01.test:x", "--rnic", "verbs", "--timeout", "1"],
                           text=True, capture_output=True, timeout=60)
        self.assertEqual(r.returncode, 1, r.stderr)
        self.assertTrue(r.stderr)
        return r.stderr

    def test_prefix(self):
        with tempfile.TemporaryDirectory() as top:
            self.install(top)
            self.check(top, top)

    def test_for_a_package(self):
        with tempfile.TemporaryDirectory() as top:
            self.install("/usr", DESTDIR=top)
            self.assertEqual(os.listdir(top), ["usr"])
            self.check(top + "/usr", "/usr")


unittest.main()
