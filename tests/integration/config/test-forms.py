#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Others' configuration files and a real weftd: the files of scenarios F0 and F3, with
addresses of this machine, load by -c and by weftctl load_config; bad ones by neither."""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BIN, CORPUS = sys.argv.pop(1), sys.argv.pop(1)
F0_NQN = "nqn.2016-06.io.spdk:cnode1"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def seed(path):
    with open(os.path.join(CORPUS, path)) as f:
        return f.read()


class Forms(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.port = free_port()
        self.daemon = None

    def path(self, name, text=None):
        path = os.path.join(self.dir.name, name)
        if text is not None:
            with open(path, "w") as f:
                f.write(text)
        return path

    def start(self, *args):
        """Until it is ready, or has ended: then what it said."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        notify.settimeout(0.05)
        notify.bind(self.path(f"n{time.monotonic_ns()}"))
        self.daemon = subprocess.Popen(
            [BIN + "/weftd", "-r", self.path("s"), *args], stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, NOTIFY_SOCKET=notify.getsockname()))
        self.addCleanup(self.end)
        while self.daemon.poll() is None:
            try:
                if "READY=1" in notify.recv(4096).decode():
                    return None
            except TimeoutError:
                pass
        return self.daemon.stderr.read()

    def end(self):
        if self.daemon.poll() is None:
            self.daemon.terminate()
            self.assertEqual(self.daemon.wait(30), 0)
        self.daemon.stderr.close()

    def run_tool(self, tool, *args, status=0):
        r = subprocess.run([f"{BIN}/{tool}", *args], capture_output=True, text=True, timeout=60,
                           env=dict(os.environ, WEFT_SOCK=self.path("s")))
        self.assertEqual(r.returncode, status, r.stderr)
        return r.stdout if status == 0 else r.stderr

    def discover(self, addr):
        out = self.run_tool("weft-host", "discover", "-t", "tcp", "-a", addr, "-s", self.port)
        return [dict(re.findall(r"^(\w+):\s*(.*?)\s*$", part, re.M))
                for part in out.split("=====Discovery Log Entry")[1:]]

    def f0(self):
        text = seed("config-ini/good-f0")
        for old, new in (("192.168.11.11", "127.0.0.1"), ("192.168.12.11", "127.0.0.2"),
                         (":4420", ":" + self.port)):
            self.assertIn(old, text)
            text = text.replace(old, new)
        return text

    def f3(self):
        with open(self.path("disk"), "wb") as f:
            f.truncate(2 << 30)
        text = seed("config-nvmetcli/good-f3")
        for old, new in (("192.168.11.100", "127.0.0.1"), ("/dev/nullb0", self.path("disk")),
                         ('"4420"', f'"{self.port}"'), ('"portid": 1', '"portid": 42')):
            self.assertIn(old, text)
            text = text.replace(old, new)
        return text

    def check_f0(self):
        for addr in ("127.0.0.1", "127.0.0.2"):
            records = self.discover(addr)
            self.assertEqual([r["subnqn"] for r in records], [F0_NQN] * 2)
            self.assertEqual([r["traddr"] for r in records], ["127.0.0.1", "127.0.0.2"])
            self.assertEqual([r["trsvcid"] for r in records], [self.port] * 2)
            self.assertNotEqual(records[0]["portid"], records[1]["portid"])
        [subsystem] = json.loads(self.run_tool("weftctl", "nvmf_get_subsystems", F0_NQN))
        self.assertEqual(subsystem["serial_number"], "SPDK00000000000001")
        self.assertEqual(subsystem["max_namespaces"], 20)
        self.assertEqual([h["nqn"] for h in subsystem["hosts"]], ["nqn.2016-06.io.spdk:init"])
        self.assertTrue(subsystem["allow_any_host"])
        self.assertEqual([(n["nsid"], n["bdev_name"]) for n in subsystem["namespaces"]],
                         [(1, "Nvme0n1"), (2, "Nvme1n1")])

    def check_f3(self):
        [record] = self.discover("127.0.0.1")
        self.assertEqual((record["subnqn"], record["portid"]), ("nvme-test-1", "42"))
        [subsystem] = json.loads(self.run_tool("weftctl", "nvmf_get_subsystems", "nvme-test-1"))
        [ns] = subsystem["namespaces"]
        self.assertEqual(ns["uuid"], "43c4260a-826b-475d-9b42-883b4258f53f")
        [bdev] = json.loads(self.run_tool("weftctl", "bdev_get_bdevs", "-b", ns["bdev_name"]))
        self.assertEqual((bdev["name"], bdev["block_size"], bdev["num_blocks"]),
                         (self.path("disk"), 4096, (2 << 30) // 4096))

    def test_f0_by_daemon(self):
        self.assertIsNone(self.start("-c", self.path("nvmf.conf", self.f0())))
        self.check_f0()

    def test_f3_by_daemon(self):
        self.assertIsNone(self.start("-c", self.path("config.json", self.f3())))
        self.check_f3()

    def test_both_by_client(self):
        """And what they became, saved, makes the same with the next weftd."""
        self.assertIsNone(self.start())
        self.run_tool("weftctl", "load_config", "-j", self.path("nvmf.conf", self.f0()))
        self.check_f0()
        self.end()
        self.assertIsNone(self.start())
        self.run_tool("weftctl", "load_config", "-j", self.path("config.json", self.f3()))
        self.check_f3()
        saved = self.path("saved.json", self.run_tool("weftctl", "save_config"))
        self.end()
        self.assertIsNone(self.start("-c", saved))
        self.check_f3()

    def test_refused(self):
        for name in ("config-ini/bad-f0", "config-nvmetcli/bad-f3"):
            path = self.path("bad", seed(name))
            for text in (self.start("-c", path), self.client_refuses(path)):
                self.assertIn(f"{path}: line {2 if 'f0' in name else 14}: ", text)
                self.assertIn("this build has no RDMA transport", text)

    def client_refuses(self, path):
        self.end()
        self.assertIsNone(self.start())
        before = self.run_tool("weftctl", "save_config")
        text = self.run_tool("weftctl", "load_config", "-j", path, status=1)
        self.assertEqual(self.run_tool("weftctl", "save_config"), before)
        self.end()
        return text


if __name__ == "__main__":
    unittest.main()
