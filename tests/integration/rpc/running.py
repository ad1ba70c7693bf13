# SPDX-License-Identifier: BSD-3-Clause
"""What tests with a weftd of their own share: a directory, its socket, weftctl to it."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import unittest

BIN = sys.argv.pop(1)
NQN = "nqn.2016-06.io.spdk:cnode1"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Running(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.dir.name, "s")
        self.daemon = None

    def tearDown(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        if self.daemon:
            self.daemon.stderr.close()
        self.dir.cleanup()

    def run_ctl(self, *args, text=""):
        return subprocess.run([BIN + "/weftctl", *args], env=dict(os.environ, WEFT_SOCK=self.path),
                              input=text or "", capture_output=True, text=True, timeout=120)

    def ctl(self, *args, status=0, text=""):
        """What it prints: on standard error when it is to fail."""
        r = self.run_ctl(*args, text=text)
        self.assertEqual(r.returncode, status, r.stderr)
        return r.stdout if status == 0 else r.stderr

    def get(self, *args):
        return json.loads(self.ctl(*args))


class Serving(Running):
    """With a weftd that each test starts itself, and that ends as systemd ends it."""

    def tearDown(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(60)
        super().tearDown()

    def start(self, *args):
        self.daemon = subprocess.Popen([BIN + "/weftd", "-r", self.path, *args],
                                       stderr=subprocess.PIPE)
        wait = "rpc_get_methods" if "--wait-for-rpc" in args else "framework_wait_init"
        self.run_ctl("-r", "250", wait)

    def file(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w") as f:
            f.write(text if isinstance(text, str) else json.dumps(text))
        return path
