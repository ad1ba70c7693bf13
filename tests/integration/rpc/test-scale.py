#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A weftd at the limits that it promises: 1,024 namespaces in a subsystem, 200
subsystems, 1,000 connections; what each costs in memory, and that all of it is given
back. The memory is judged only where --memory says that this build's is its own
(sanitizers have memory beside it)."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

JUDGE = "--memory" in sys.argv and not sys.argv.remove("--memory")
BIN = sys.argv.pop(1)
NQN = "nqn.2014-08.org.weft:scale"
NAMESPACES, SUBSYSTEMS, QUEUES = 1024, 200, 1000
KIB = {"namespace": 16, "subsystem": 128, "connected queue of depth 128": 128}


class Scale(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        path = os.path.join(self.dir.name, "s")
        self.daemon = subprocess.Popen([BIN + "/weftd", "-r", path, "-m", "0x3"],
                                       stderr=subprocess.DEVNULL)
        self.addCleanup(self.end)
        self.rpc = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 30
        while True:
            try:
                self.rpc.connect(path)
                break
            except OSError:
                self.assertIsNone(self.daemon.poll(), "weftd has ended")
                self.assertLess(time.monotonic(), end, "weftd does not serve")
        self.call("nvmf_create_transport", trtype="TCP")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = str(s.getsockname()[1])

    def end(self):
        if self.daemon.poll() is None:
            self.daemon.kill()
        self.daemon.wait()
        self.rpc.close()
        self.dir.cleanup()

    def call(self, method, **params):
        text = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        self.rpc.sendall(text.encode())
        data = ""
        while True:
            part = self.rpc.recv(1 << 20).decode()
            self.assertNotEqual(part, "", "weftd has closed the socket")
            data += part
            try:
                reply = json.loads(data)
                break
            except ValueError:
                continue
        self.assertNotIn("error", reply, f"{method} {params}")
        return reply["result"]

    def rss(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))

    def cost(self, what, before, n):
        each = (self.rss() - before) / n
        print(f"{each:.1f} KiB a {what}", file=sys.stderr)
        if JUDGE:
            self.assertLess(each, KIB[what])

    def subsystem(self, nqn, **more):
        self.call("nvmf_create_subsystem", nqn=nqn, allow_any_host=True, **more)
        self.call("nvmf_subsystem_add_listener", nqn=nqn, listen_address={
            "trtype": "TCP", "adrfam": "IPv4", "traddr": "127.0.0.1", "trsvcid": self.port})

    def add(self, nqn, name, nsid=1):
        self.call("bdev_null_create", name=name, num_blocks=1 << 20, block_size=4096)
        self.call("nvmf_subsystem_add_ns", nqn=nqn, namespace={"bdev_name": name, "nsid": nsid})

    def host(self, *args):
        r = subprocess.run([BIN + "/weft-host", *args, "-t", "tcp", "-a", "127.0.0.1", "-s",
                            self.port], capture_output=True, text=True, timeout=300)
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(60), 0)

    def test_namespaces(self):
        self.subsystem(NQN, max_namespaces=NAMESPACES)
        self.add(NQN, "n1")
        before = self.rss()
        for n in range(2, NAMESPACES + 1):
            self.add(NQN, f"n{n}", n)
        self.cost("namespace", before, NAMESPACES - 1)
        seen = json.loads(self.host("identify", "-n", NQN, "--json"))
        self.assertEqual(len(seen["namespaces"]), NAMESPACES)
        for n in range(2, NAMESPACES + 1):
            self.call("nvmf_subsystem_remove_ns", nqn=NQN, nsid=n)
            self.call("bdev_null_delete", name=f"n{n}")
        self.assertEqual(len(self.call("bdev_get_bdevs")), 1)
        self.stop()

    def test_subsystems(self):
        self.subsystem(NQN)
        before = self.rss()
        for n in range(SUBSYSTEMS):
            self.subsystem(f"{NQN}{n}")
            self.add(f"{NQN}{n}", f"s{n}")
        self.cost("subsystem", before, SUBSYSTEMS)
        seen = self.host("discover").split()
        for n in range(SUBSYSTEMS):
            self.assertIn(f"{NQN}{n}", seen)
            self.call("nvmf_delete_subsystem", nqn=f"{NQN}{n}")
        seen = self.host("discover").split()
        self.assertEqual([s for s in seen if s.startswith(NQN)], [NQN])
        self.stop()

    def test_connections(self):
        self.subsystem(NQN)
        self.add(NQN, "n1")
        before = self.rss()
        hold = subprocess.Popen([BIN + "/weft-rawgen", "--hold", str(QUEUES), "--trsvcid",
                                 self.port, "--subnqn", NQN], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True)
        self.addCleanup(hold.stdout.close)
        self.addCleanup(hold.wait)
        self.addCleanup(hold.stdin.close)
        self.assertTrue(hold.stdout.readline().startswith("ready"))
        self.cost("connected queue of depth 128", before, QUEUES)
        groups = self.call("nvmf_get_stats")["poll_groups"]
        self.assertEqual(sum(g["current_io_qpairs"] for g in groups), QUEUES)
        self.stop()


if __name__ == "__main__":
    unittest.main()
