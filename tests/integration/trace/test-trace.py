#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""From I/O of a host over the trace rings of weftd to what weft-trace makes of them."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

BIN = sys.argv.pop(1)
NQN = "nqn.2016-06.io.spdk:traced"


class Trace(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = os.path.join(self.dir.name, "s")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(notify.close)
        notify.bind(os.path.join(self.dir.name, "n"))
        notify.settimeout(60)
        self.daemon = subprocess.Popen([BIN + "/weftd", "-r", self.path],
                                       env=dict(os.environ, NOTIFY_SOCKET=notify.getsockname()),
                                       stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.daemon.stderr.close)
        self.addCleanup(self.end)
        self.assertIn("READY=1", notify.recv(4096).decode())
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = str(s.getsockname()[1])

    def end(self):
        if self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()

    def rpc(self, method, **params):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            s.sendall(json.dumps({"id": 1, "method": method, "params": params}).encode())
            s.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: s.recv(65536), b"")).decode()

    def io(self):
        """A host writes and reads back 1 MiB."""
        address = {"trtype": "TCP", "adrfam": "ipv4", "traddr": "127.0.0.1",
                   "trsvcid": self.port}
        for answer in (self.rpc("nvmf_create_transport", trtype="TCP"),
                       self.rpc("bdev_malloc_create", name="M", num_blocks=4096, block_size=512),
                       self.rpc("nvmf_create_subsystem", nqn=NQN, allow_any_host=True),
                       self.rpc("nvmf_subsystem_add_ns", nqn=NQN, namespace={"bdev_name": "M"}),
                       self.rpc("nvmf_subsystem_add_listener", nqn=NQN, listen_address=address)):
            self.assertIn('"result"', answer)
        subprocess.run([BIN + "/weft-host", "verify", "-t", "tcp", "-a", "127.0.0.1", "-s",
                        self.port, "-n", NQN, "--size", "1M", "-T", "1"], check=True,
                       capture_output=True, timeout=120)

    def show(self, text, *args, status=0):
        r = subprocess.run([BIN + "/weft-trace", *args], input=text, capture_output=True,
                           text=True, timeout=60)
        self.assertEqual(r.returncode, status, r.stderr)
        return r.stdout if status == 0 else r.stderr

    def check_chrome(self, text):
        """What a viewer needs; every begin has one end, later, on its track."""
        events = json.loads(text)["traceEvents"]
        began, pairs = {}, 0
        for e in events:
            self.assertIn(e["ph"], "Mibe")
            self.assertEqual(e["pid"], 1)
            if e["ph"] == "M":
                continue
            self.assertIsInstance(e["ts"], (int, float))
            self.assertIsInstance(e["tid"], int)
            self.assertIsInstance(e["args"], dict)
            if e["ph"] == "b":
                self.assertNotIn(e["id"], began)
                began[e["id"]] = e
            elif e["ph"] == "e":
                begin = began.pop(e["id"])
                self.assertEqual((begin["name"], begin["tid"], begin["cat"]),
                                 (e["name"], e["tid"], e["cat"]))
                self.assertLessEqual(begin["ts"], e["ts"])
                pairs += 1
        self.assertEqual(began, {})
        return events, pairs

    def test_dump(self):
        self.io()
        answer = self.rpc("trace_dump", max=65536)
        events, pairs = self.check_chrome(self.show(answer, "--chrome"))
        self.assertGreater(pairs, 100)
        names = {e["name"] for e in events}
        self.assertLessEqual({"read", "write", "thread_name", "process_name"}, names)
        # The other forms say the same.
        lines = json.loads(answer)["result"]
        self.assertEqual(self.show("\n".join(lines), "-c"), self.show(json.dumps(lines), "-c", "-"))
        text = self.show(answer)
        self.assertEqual(len(text.splitlines()), len(lines))
        self.assertRegex(text, r"req\.done .* \(read, \d+\.\d{3} us\)\n")
        out, dump = os.path.join(self.dir.name, "out"), os.path.join(self.dir.name, "dump")
        with open(dump, "w") as f:
            f.write(answer)
        self.assertEqual(self.show("", "-o", out, dump), "")
        with open(out) as f:
            self.assertEqual(f.read(), text)

    def test_groups(self):
        """A group that is off leaves nothing; the others go on."""
        self.rpc("trace_disable_tpoint_group", name="nvmf")
        self.io()
        text = self.show(self.rpc("trace_dump", max=65536))
        self.assertNotIn(" req.", text)
        self.assertIn(" tcp.close ", text)

    def test_crash(self):
        """What a dying weftd says is a dump too, in the journal's form as well."""
        self.io()
        self.daemon.send_signal(signal.SIGABRT)
        err = self.daemon.stderr.read()
        self.assertEqual(self.daemon.wait(60), -signal.SIGABRT)
        pairs = self.check_chrome(self.show(err, "--chrome"))[1]
        self.assertGreater(pairs, 100)
        journal = "".join("Nov 21 09:00:00 host weftd[1]: " + line
                          for line in err.splitlines(keepends=True))
        self.assertEqual(self.show(journal, "-c"), self.show(err, "-c"))

    def test_wrong_use(self):
        self.assertIn("no record", self.show("hello\n", status=1))
        self.assertIn("not JSON", self.show("[1", status=1))
        self.assertIn("/nowhere", self.show("", "/nowhere", status=1))
        self.assertIn("one file", self.show("", "a", "b", status=2))
        self.assertIn("--x", self.show("", "--x", status=2))
        self.assertIn("--chrome", self.show("", "--help"))


if __name__ == "__main__":
    unittest.main()
