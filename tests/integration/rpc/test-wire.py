#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""weftd's RPC sockets, byte by byte, as clients of all kinds use them.

Stock rpc.py writes json.dumps(request, indent=2) without a delimiter, and tries to parse all
it has received after each piece; it sets keys in the order jsonrpc, method, id, params."""
import grp
import json
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

BIN = sys.argv.pop(1)
GARBAGE = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00", b"}", b"{\"a\":1]",
           b"\xff\xfe", b"{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": tru}", b"[" * 5000,
           b"{\"a\": \"\xc3\x28\"}", b"\0\0\0\0"]


class StockClient:
    """What rpc.py's client does with a socket."""

    def __init__(self, where):
        if isinstance(where, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        else:
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        try:
            self.sock.connect(where)
        except OSError:
            self.sock.close()
            raise
        self.id = 0
        self.received = ""

    def request(self, method, params=None):
        self.id += 1
        req = {"jsonrpc": "2.0", "method": method, "id": self.id}
        if params:
            req["params"] = params
        return json.dumps(req, ensure_ascii=False, indent=2).encode("utf-8")

    def response(self):
        """The next one; rpc.py throws away what follows it, this keeps it."""
        decoder = json.JSONDecoder()
        while True:
            try:
                obj, end = decoder.raw_decode(self.received)
                self.received = self.received[end:]
                return obj
            except ValueError:
                piece = self.sock.recv(4096).decode()
                if not piece:
                    raise EOFError(self.received)
                self.received += piece

    def call(self, method, params=None, cut=None):
        data = self.request(method, params)
        for i in range(0, len(data), cut or len(data)):
            self.sock.sendall(data[i:i + (cut or len(data))])
        response = self.response()
        assert response["jsonrpc"] == "2.0" and response["id"] == self.id, response
        return response

    def closed(self):
        try:
            while self.sock.recv(65536):
                pass
        except ConnectionResetError:
            pass
        self.sock.close()


class Wire(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = os.path.join(self.dir.name, "s")
        self.daemon = None

    def connect(self, where=None):
        client = StockClient(where or self.path)
        self.addCleanup(client.sock.close)
        return client

    def start(self, *args):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(os.path.join(self.dir.name, "n"))
        notify.settimeout(60)
        self.daemon = subprocess.Popen([BIN + "/weftd", "-r", self.path, *args],
                                       env=dict(os.environ, NOTIFY_SOCKET=notify.getsockname()),
                                       stderr=subprocess.PIPE)
        self.addCleanup(self.stop)
        self.assertIn(b"READY=1", notify.recv(4096))
        notify.close()
        os.unlink(os.path.join(self.dir.name, "n"))
        return self.connect()

    def stop(self):
        """In good order, whatever the clients did to it."""
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            err = self.daemon.communicate(timeout=60)[1].decode()
            self.assertEqual(self.daemon.returncode, 0, err)
        self.daemon = None

    def serves(self):
        client = self.connect()
        self.assertIn("version", client.call("spdk_get_version")["result"])
        client.sock.close()

    # --- good clients

    def test_stock(self):
        client = self.start()
        for cut in (None, 1, 2, 7, 64):
            name = f"Null{cut}"
            params = {"name": name, "block_size": 512, "num_blocks": 64}
            self.assertEqual(client.call("bdev_null_create", params, cut)["result"], name)
            bdev = client.call("bdev_get_bdevs", {"name": name}, cut)["result"][0]
            self.assertEqual(bdev["name"], name)
            self.assertIs(client.call("bdev_null_delete", {"name": name}, cut)["result"], True)
        error = client.call("bdev_get_bdevs", {"name": "näme"})["error"]
        self.assertEqual((error["code"], error["message"]), (-19, "No such device"))
        self.assertEqual(client.call("no_such_thing")["error"]["code"], -32601)

    def test_pieces_and_piles(self):
        """Any number of requests, cut anywhere: each is answered once."""
        client = self.start()
        rng = random.Random(1)
        for _ in range(20):
            first = client.id + 1
            data = b"".join(client.request(rng.choice(["log_get_level", "rpc_get_methods"]))
                            for _ in range(rng.randint(1, 30)))
            while data:
                n = rng.randint(1, 700)
                client.sock.sendall(data[:n])
                data = data[n:]
            ids = sorted(client.response()["id"] for _ in range(first, client.id + 1))
            self.assertEqual(ids, list(range(first, client.id + 1)))

    def test_batch(self):
        client = self.start()
        batch = [{"jsonrpc": "2.0", "id": "a", "method": "log_get_level"},
                 {"jsonrpc": "2.0", "method": "log_set_level", "params": {"level": "INFO"}},
                 {"jsonrpc": "2.0", "id": "b", "method": "log_get_level"}, 1]
        client.sock.sendall(json.dumps(batch, indent=2).encode())
        answers = client.response()
        self.assertEqual([(a["id"], a.get("result")) for a in answers],
                         [("a", "NOTICE"), ("b", "INFO"), (None, None)])
        client.sock.sendall(b"[]")
        self.assertEqual(client.response()["error"]["code"], -32600)
        client.sock.sendall(b'[{"method": "log_get_level"}]')  # nothing to answer
        self.assertEqual(client.call("log_get_level")["result"], "INFO")

    def test_any_order(self):
        """A call that waits holds up none behind it."""
        client = self.start()
        client.sock.sendall(client.request("bdev_get_bdevs", {"name": "N", "timeout": 30000}))
        client.sock.sendall(client.request("bdev_null_create", {
            "name": "N", "block_size": 512, "num_blocks": 64}))
        answers = {r["id"]: r for r in (client.response(), client.response())}
        self.assertEqual(answers[2]["result"], "N")
        self.assertEqual(answers[1]["result"][0]["name"], "N")

    def test_many_at_once(self):
        """Clients side by side: whoever creates a bdev first has it, everybody hears what is so."""
        self.start()
        wins, errors = [], []

        def work(number):
            client = self.connect()
            for i in range(50):
                params = {"name": f"N{i}", "block_size": 512, "num_blocks": 64 + number}
                response = client.call("bdev_null_create", params, cut=1 + number * 7)
                (wins if "result" in response else errors).append((i, number))
            client.sock.close()

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        self.assertEqual(sorted(i for i, _ in wins), list(range(50)))
        self.assertEqual(len(errors), 7 * 50)
        client = self.connect()
        sizes = {b["name"]: b["num_blocks"] for b in client.call("bdev_get_bdevs")["result"]}
        self.assertEqual(sizes, {f"N{i}": 64 + n for i, n in wins})

    # --- others

    def test_garbage(self):
        self.start()
        for text in GARBAGE:
            client = self.connect()
            client.sock.sendall(text)
            client.sock.shutdown(socket.SHUT_WR)
            response = client.response()
            self.assertEqual((response["id"], response["error"]["code"]), (None, -32700), text)
            client.closed()
        self.serves()

    def test_limits(self):
        client = self.start()
        data = client.request("log_get_level")
        data = data[:-1] + b" " * (256 * 1024 - len(data)) + b"}"
        self.assertEqual(len(data), 256 * 1024)
        client.sock.sendall(data)
        self.assertEqual(client.response()["result"], "NOTICE")
        client.sock.sendall(data[:-1] + b" }")
        self.assertIn("256 KiB", client.response()["error"]["data"])
        client.closed()
        clients = [self.connect() for _ in range(64)]
        for c in clients:
            self.assertEqual(c.call("log_get_level")["result"], "NOTICE")
        late = self.connect()
        self.assertIn("64 clients", late.response()["error"]["data"])
        late.closed()
        for c in clients:
            c.sock.close()
        response = {"id": None}
        while response["id"] is None:  # until it has seen that one of them is gone
            client = self.connect()
            try:
                client.sock.sendall(client.request("log_get_level"))
                response = client.response()
            except (BrokenPipeError, ConnectionResetError):
                pass
        self.assertEqual(response["result"], "NOTICE")

    def test_long_answer(self):
        """Of a batch, what goes into 32 MiB is answered, and the rest told that it does not."""
        client = self.start()
        for i in range(40):
            client.call("bdev_null_create", {"name": f"N{i}", "block_size": 512, "num_blocks": 64})
        batch = [{"id": i, "method": "bdev_get_bdevs"} for i in range(2000)]
        client.sock.sendall(json.dumps(batch).encode())
        data = bytearray()
        answers = None
        while answers is None:
            data += client.sock.recv(1 << 20)
            if data.endswith(b"}}]"):  # the end, or that of an array within it
                try:
                    answers = json.loads(data)
                except ValueError:
                    pass
        self.assertEqual([a["id"] for a in answers], list(range(2000)))
        good = [a for a in answers if "result" in a]
        self.assertTrue(all(len(a["result"]) == 40 for a in good))
        self.assertGreater(len(good), 100)
        self.assertIn("32 MiB", answers[-1]["error"]["data"])
        self.assertLess(len(data), 34 << 20)
        self.assertGreater(len(data), 30 << 20)
        self.assertEqual(client.call("log_get_level")["result"], "NOTICE")

    def test_never_reads(self):
        """Its requests stay where they are; others are served, and memory does not grow."""
        self.start()
        rude = self.connect()
        rude.sock.setblocking(False)
        data = rude.request("rpc_get_methods") * 100
        sent = 0
        quiet = 0
        while quiet < 20:
            try:
                sent += rude.sock.send(data)
                quiet = 0
            except BlockingIOError:
                quiet += 1
                self.serves()
        self.assertLess(sent, 64 << 20)
        with open(f"/proc/{self.daemon.pid}/status") as f:
            rss = [line for line in f if line.startswith("VmRSS")][0].split()[1]
        self.assertLess(int(rss), 1 << 20)
        rude.sock.close()
        self.serves()

    def test_goes_in_mid_call(self):
        """What it asked for happens once or not at all, and is there for the next who asks."""
        self.start()
        for i in range(100):
            client = self.connect()
            data = client.request("bdev_null_create", {
                "name": f"N{i}", "block_size": 512, "num_blocks": 64})
            whole = i % 2 == 0
            client.sock.sendall(data if whole else data[:-1 - i % 40])
            if i % 4 < 2:  # with a reset rather than in good order
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.sock.close()
            after = self.connect()
            again = after.call("bdev_null_create", {
                "name": f"N{i}", "block_size": 512, "num_blocks": 64})
            if "error" in again:
                self.assertTrue(whole)
                self.assertEqual(again["error"]["message"], "File exists")
            self.assertEqual(len(after.call("bdev_get_bdevs", {"name": f"N{i}"})["result"]), 1)
            after.sock.close()

    def test_half_closed(self):
        client = self.start()
        client.sock.sendall(client.request("log_get_level") + client.request("get_log_level"))
        client.sock.shutdown(socket.SHUT_WR)
        self.assertEqual([client.response()["result"] for _ in range(2)], ["NOTICE"] * 2)
        client.closed()

    # --- where it listens

    def test_tcp_too(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        unix = self.start("--rpc-listen", f"127.0.0.1:{port}")
        tcp = self.connect(("127.0.0.1", port))
        params = {"name": "N", "block_size": 512, "num_blocks": 64}
        self.assertEqual(tcp.call("bdev_null_create", params, cut=3)["result"], "N")
        self.assertEqual(unix.call("bdev_get_bdevs", {"name": "N"})["result"][0]["name"], "N")
        for where in ("0.0.0.0:1", "192.0.2.1:1", "[::]:1"):
            r = subprocess.run([BIN + "/weftd", "-r", self.path + "2", "--rpc-listen", where],
                               capture_output=True, text=True, timeout=60)
            self.assertEqual(r.returncode, 1)
            self.assertIn("only a loopback address will do", r.stderr)
        for where in ("127.0.0.1", "localhost:1", "127.0.0.1:x", "", "127.0.0.1:70000"):
            r = subprocess.run([BIN + "/weftd", "-r", self.path + "2", "--rpc-listen", where],
                               capture_output=True, text=True, timeout=60)
            self.assertEqual(r.returncode, 1)
            self.assertIn("ADDRESS:PORT expected", r.stderr)
        self.assertFalse(os.path.exists(self.path + "2"))

    def test_mode(self):
        self.start()
        st = os.stat(self.path)
        self.assertEqual(stat.S_IMODE(st.st_mode), 0o600)
        self.stop()
        # One of the groups this user may give a file to, other than the usual if there is one.
        gid = sorted({os.getgid(), *os.getgroups(), *([1] if os.getuid() == 0 else [])})[-1]
        try:
            group = grp.getgrgid(gid).gr_name
        except KeyError:
            group = str(gid)
        self.start("--rpc-group", group)
        st = os.stat(self.path)
        self.assertEqual((stat.S_IMODE(st.st_mode), st.st_gid), (0o660, gid))
        self.stop()
        r = subprocess.run([BIN + "/weftd", "-r", self.path, "--rpc-group", "no such"],
                           capture_output=True, text=True, timeout=60)
        self.assertEqual(r.returncode, 1)
        self.assertIn("--rpc-group no such: there is no such group", r.stderr)

    def test_says_why(self):
        """Who sends a lot too much can send it all, and then read what was wrong with it."""
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.start("--rpc-listen", f"127.0.0.1:{port}")
        for where in (self.path, ("127.0.0.1", port)):
            for text, code in ((b"}", -32700), (b"{", -32600)):
                client = self.connect(where)
                client.sock.sendall(text + b" " * (8 << 20))
                self.assertEqual(client.response()["error"]["code"], code)
                client.closed()

    # --- start

    def test_wait_for_rpc(self):
        config = os.path.join(self.dir.name, "c")
        with open(config, "w") as f:
            json.dump({"subsystems": [{"subsystem": "bdev", "config": [
                {"method": "bdev_null_create",
                 "params": {"name": "N", "block_size": 512, "num_blocks": 64}},
                {"method": "log_set_level", "params": {"level": "INFO"}}]}]}, f)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(os.path.join(self.dir.name, "n"))
        self.daemon = subprocess.Popen(
            [BIN + "/weftd", "-r", self.path, "--wait-for-rpc", "-c", config],
            env=dict(os.environ, NOTIFY_SOCKET=notify.getsockname()), stderr=subprocess.PIPE)
        self.addCleanup(self.stop)
        client = None
        while client is None:
            try:
                client = self.connect()
            except (FileNotFoundError, ConnectionRefusedError):
                self.assertIsNone(self.daemon.poll())
        early = client.call("bdev_get_bdevs")["error"]
        self.assertEqual(early["code"], -1)
        self.assertIs(client.call("framework_start_init")["result"], True)
        self.assertEqual(client.call("log_get_level")["result"], "INFO")
        self.assertEqual(client.call("bdev_get_bdevs")["result"][0]["name"], "N")
        notify.settimeout(60)
        self.assertIn(b"READY=1", notify.recv(4096))
        notify.close()


if __name__ == "__main__":
    unittest.main()
