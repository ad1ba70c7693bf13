#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""weftd and weftctl as processes: start, readiness, configuration, signals, failures."""
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
from running import BIN, NQN, Running, free_port  # noqa: E402

# Of restarts after a kill. A port that is taken for a moment longer shows in a few of them.
KILLS = 200


class Weftd(Running):
    def start(self, *args):
        """Starts weftd and waits for READY=1 on a notification socket."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(os.path.join(self.dir.name, "n"))
        env = dict(os.environ, NOTIFY_SOCKET=notify.getsockname())
        self.daemon = subprocess.Popen([BIN + "/weftd", "-r", self.path, *args], env=env,
                                       stderr=subprocess.PIPE, text=True)
        self.notify = notify
        self.addCleanup(notify.close)
        self.assertIn("READY=1", self.next_notice())

    def next_notice(self):
        """Or, when it has ended instead, what it said."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if select.select([self.notify], [], [], 0.05)[0]:
                return self.notify.recv(4096).decode()
            if self.daemon.poll() is not None:
                return "ended: " + self.daemon.stderr.read()
        return "nothing"

    def end(self, sig=signal.SIGTERM, status=0):
        self.daemon.send_signal(sig)
        err = self.daemon.stderr.read()
        self.assertEqual(self.daemon.wait(30), status, err)
        return err

    def forget(self):
        """The daemon has ended; another may be started."""
        self.daemon.stderr.close()
        self.notify.close()
        os.unlink(os.path.join(self.dir.name, "n"))

    def config(self):
        return {"subsystems": [
            {"subsystem": n, "config": json.loads(self.ctl("framework_get_config", n))}
            for n in (part["subsystem"]
                      for part in self.rpc("framework_get_subsystems"))]}

    def rpc(self, method, **params):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            s.sendall(json.dumps({"id": 1, "method": method, "params": params}).encode())
            s.shutdown(socket.SHUT_WR)
            text = b"".join(iter(lambda: s.recv(65536), b""))
        return json.loads(text)["result"]

    def configure(self, port):
        self.assertEqual(self.ctl("nvmf_create_transport", "-t", "tcp", "-q", "64"), "")
        self.assertEqual(self.ctl("bdev_malloc_create", "16", "512"), "Malloc0\n")
        self.assertEqual(self.ctl("bdev_null_create", "Null0", "64", "4096"), "Null0\n")
        self.ctl("nvmf_create_subsystem", NQN, "-a", "-s", "SN1", "-d", "Model 1")
        self.ctl("nvmf_subsystem_add_ns", NQN, "Malloc0", "-n", "3")
        self.ctl("nvmf_subsystem_add_ns", NQN, "Null0")
        self.ctl("nvmf_subsystem_add_listener", NQN, "-t", "tcp", "-a", "127.0.0.1", "-s",
                 str(port))

    def test_configured_by_ctl(self):
        port = free_port()
        self.start()
        self.configure(port)
        text = self.ctl("nvmf_get_subsystems", NQN)
        subsystem = json.loads(text)[0]
        self.assertEqual(text, json.dumps([subsystem], indent=2) + "\n")
        self.assertEqual([n["nsid"] for n in subsystem["namespaces"]], [1, 3])
        socket.create_connection(("127.0.0.1", port)).close()
        self.assertEqual(self.ctl("log_get_level"), '"NOTICE"\n')
        err = self.ctl("bdev_get_bdevs", "-b", "x", status=1)
        self.assertIn("Got JSON-RPC error response", err)
        self.assertIn('"code": -19', err)
        self.ctl("nvmf_create_subsystem", status=2)
        self.ctl("nvmf_create_subsystem", '{"nqn": "nqn.2016-06.io.spdk:raw"}')
        self.ctl("nvmf_delete_subsystem", "nqn.2016-06.io.spdk:raw")
        self.ctl("bdev_null_resize", "Null0", "128")
        self.ctl("bdev_malloc_delete", "Malloc0")
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.end()
        self.assertFalse(os.path.exists(self.path))
        self.assertIn("STOPPING=1", self.notices()[-1])

    def notices(self):
        """All that have come."""
        texts = []
        while select.select([self.notify], [], [], 0)[0]:
            texts.append(self.notify.recv(4096).decode())
        return texts

    def test_status(self):
        """What systemctl status shows follows; changes at once are one notice."""
        self.start()
        for i in range(5):
            self.assertTrue(self.rpc("nvmf_create_subsystem", nqn="%s%d" % (NQN, i)))
        shown = []
        while not shown or not shown[-1].startswith("STATUS=Serving 5 subsystems, 0 controllers"):
            shown.append(self.next_notice())
        self.assertLess(len(shown), 5)
        self.ctl("nvmf_delete_subsystem", NQN + "0")
        self.assertIn("STATUS=Serving 4 subsystems", self.next_notice())
        self.end()
        self.assertEqual(self.notices(), ["STOPPING=1\nSTATUS=Ending"])

    def test_kill_instance(self):
        """The answer comes, then the signal works as one from outside."""
        self.start()
        self.assertTrue(self.rpc("spdk_kill_instance", sig_name="SIGTERM"))
        self.assertEqual(self.daemon.wait(30), 0)
        self.assertIn("signal=SIGTERM", self.daemon.stderr.read())
        self.forget()
        self.start()
        self.assertTrue(self.rpc("spdk_kill_instance", sig_name="SIGKILL"))
        self.assertEqual(self.daemon.wait(30), -signal.SIGKILL)
        self.daemon.stderr.close()

    def test_config_file(self):
        port = free_port()
        self.start()
        self.configure(port)
        config = self.config()
        before = self.ctl("nvmf_get_subsystems")
        self.end(signal.SIGINT)
        self.forget()
        path = os.path.join(self.dir.name, "config.json")
        with open(path, "w") as f:
            json.dump(config, f)
        self.start("-c", path)
        self.assertEqual(self.ctl("nvmf_get_subsystems"), before)
        self.end()

    def test_save_and_load(self):
        """What is saved makes the same of an empty weftd, by file, by standard input, by -c."""
        self.start()
        self.configure(free_port())
        self.ctl("nvmf_subsystem_add_host", NQN, "nqn.2014-08.org.weft:host")
        saved = self.ctl("save_config")
        self.assertEqual(json.loads(saved), self.config())
        self.assertEqual(saved, json.dumps(json.loads(saved), indent=2) + "\n")
        path = os.path.join(self.dir.name, "config.json")
        with open(path, "w") as f:
            f.write(saved)
        for args, text in ((("-j", path), None), ((), saved), (None, None)):
            self.end()
            self.forget()
            self.start(*([] if args is not None else ["-c", path]))
            if args is not None:
                self.assertNotEqual(self.ctl("save_config"), saved)
                self.assertEqual(self.ctl("load_config", *args, text=text), "")
            self.assertEqual(self.ctl("save_config"), saved)
        # once more: the first call that fails ends it
        err = self.ctl("load_config", "-j", path, status=1)
        self.assertEqual(err.count("Got JSON-RPC error response"), 1)
        self.assertEqual(self.ctl("save_config"), saved)
        for text in ("{", "[]", '{"subsystems": [{"config": [{}]}]}'):
            self.assertIn("nothing was changed", self.ctl("load_config", text=text, status=1))
        self.assertIn("No such file", self.ctl("load_config", "-j", path + "x", status=1))
        self.end()
        self.assertIn("Is weftd running?", self.ctl("save_config", status=1))

    def test_refusals_have_reasons(self):
        self.start()
        self.configure(free_port())
        err = self.ctl("nvmf_subsystem_add_ns", NQN, "Null0", "-p", "/tmp/f", status=1)
        self.assertIn("no persistent reservations", err)
        err = self.ctl("nvmf_subsystem_add_listener", NQN, "-t", "tcp", "-a", "nowhere", "-s", "1",
                       status=1)
        data = json.loads(err.split("response:")[-1])["data"]
        self.assertIn('"nowhere" is not a numeric IP address', data)
        self.assertNotIn("Invalid argument", data)
        self.assertNotIn("\n", data)
        self.end()

    def test_bad_config_file(self):
        path = os.path.join(self.dir.name, "config.json")
        with open(path, "w") as f:
            f.write('{"subsystems": [{"subsystem": "bdev", "config": [{"method": '
                    '"bdev_null_delete", "params": {"name": "x"}}]}]}')
        for args, part in ((("-c", path), 'entry 1 (bdev_null_delete): No such device'),
                           (("-c", path + "x"), "No such file"),
                           (("-m", "zz"), "mask"), (("-r", "/nowhere/s"), "/nowhere/s"),
                           (("--spin", "x"), "--spin"), (("--net", "x"), "--net"),
                           (("-L", "x"), "-L"), (("x",), "unexpected")):
            r = subprocess.run([BIN + "/weftd", "-r", self.path, *args], capture_output=True,
                               text=True, timeout=60)
            self.assertEqual(r.returncode, 1, args)
            self.assertIn(part, r.stderr)

    def test_state(self):
        """What calls have made is there after a kill, a signal, and without a call."""
        path = os.path.join(self.dir.name, "state.json")
        seed = os.path.join(self.dir.name, "seed.json")
        with open(seed, "w") as f:
            f.write('{"subsystems": [{"subsystem": "bdev", "config": [{"method": '
                    '"bdev_null_create", "params": {"name": "Seed", "num_blocks": 8, '
                    '"block_size": 512}}]}]}')
        self.start("--state", path, "-c", seed)
        self.configure(free_port())
        before = self.config()
        with open(path) as f:
            self.assertEqual(json.load(f), before)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        status = self.rpc("config_get_status")
        self.assertEqual((status["file"], status["state"]), (path, "saved"))
        self.daemon.kill()
        self.daemon.wait()
        self.forget()
        # The seed is for the first start only: this one could not be loaded.
        self.start("--state", path, "--json", "/dev/null")
        self.assertEqual(self.config(), before)
        self.ctl("bdev_null_create", "Late", "8", "512")
        after = self.config()
        self.end()
        self.forget()
        self.start("--state", path)
        self.assertEqual(self.config(), after)
        self.assertEqual(os.listdir(self.dir.name).count("state.json.tmp"), 0)
        self.end()

    def test_state_behind_links(self):
        """The link stays, and the file is where it leads to: from the first start on."""
        top = self.dir.name
        os.makedirs(top + "/far/away")
        os.symlink("far/away/link", top + "/state.json")
        os.symlink("real.json", top + "/far/away/link")
        for name in ("N0", "N1"):
            self.start("--state", top + "/state.json")
            self.rpc("bdev_null_create", name=name, num_blocks=8, block_size=512)
            config = self.config()
            self.end()
            self.forget()
            self.assertEqual(os.readlink(top + "/state.json"), "far/away/link")
            self.assertEqual(sorted(os.listdir(top + "/far/away")), ["link", "real.json"])
            with open(top + "/far/away/real.json") as f:
                self.assertEqual(json.load(f), config)
        self.assertIn("N0", json.dumps(config))

    def test_check_config(self):
        """All that is wrong is said, on a machine where the same is being served."""
        path = os.path.join(self.dir.name, "config.json")
        self.start()
        self.configure(free_port())
        config = self.config()
        nvmf = [p for p in config["subsystems"] if p["subsystem"] == "nvmf"][0]["config"]

        def check():
            with open(path, "w") as f:
                json.dump(config, f, indent=1)
            return subprocess.run([BIN + "/weftd", "--check-config", path], capture_output=True,
                                  text=True, timeout=60)
        r = check()
        self.assertEqual((r.returncode, r.stderr), (0, ""))
        # The same nsid, listener and NQN once more, a bdev and an address that are not there.
        for method, change in (("nvmf_create_subsystem", {}), ("nvmf_subsystem_add_listener", {}),
                               ("nvmf_subsystem_add_ns", {}),
                               ("nvmf_subsystem_add_ns", {"bdev_name": "Missing", "nsid": 9}),
                               ("nvmf_subsystem_add_listener", {"traddr": "192.0.2.77"})):
            params = json.loads(json.dumps([e for e in nvmf if e["method"] == method][0]["params"]))
            for inner in ("namespace", "listen_address"):
                if inner in params:
                    params[inner].update(change)
            params.pop("portid", None)
            nvmf.append({"method": method, "params": params})
        r = check()
        self.assertEqual(r.returncode, 1)
        said = r.stderr.strip().split("\n")
        self.assertEqual(len(said), 5, r.stderr)
        for line, what in zip(said, ("nvmf_create_subsystem", "nvmf_subsystem_add_listener",
                                     "nvmf_subsystem_add_ns", "Missing", "192.0.2.77")):
            self.assertIn(path + ": line ", line)
            self.assertIn(what, line)
        # Of what cannot be called at all, too, all of it.
        nvmf[:] = [{"method": "nvmf_creat_subsystem"}, {"method": "nvmf_create_subsystem",
                                                        "params": {"nqn": 7}}]
        r = check()
        self.assertEqual((r.returncode, len(r.stderr.strip().split("\n"))), (1, 2), r.stderr)
        self.end()

    def test_socket_in_use(self):
        self.start()
        r = subprocess.run([BIN + "/weftd", "-r", self.path], capture_output=True, text=True,
                           timeout=60)
        self.assertEqual(r.returncode, 1)
        self.assertIn("Address already in use", r.stderr)
        self.assertIn('"version"', self.ctl("spdk_get_version"))
        # what a killed one leaves is replaced
        self.daemon.kill()
        self.daemon.wait()
        self.forget()
        self.assertTrue(os.path.exists(self.path))
        self.start()
        self.end()

    def test_killed_again_and_again(self):
        """Port and socket of a killed one are free as soon as it can be waited for."""
        path = os.path.join(self.dir.name, "config.json")
        port = free_port()
        self.start()
        self.configure(port)
        with open(path, "w") as f:
            json.dump(self.config(), f)
        for _ in range(KILLS):
            with socket.create_connection(("127.0.0.1", port)), socket.socket(socket.AF_UNIX) as s:
                s.connect(self.path)
                self.daemon.kill()
                self.daemon.wait()
            self.forget()
            self.start("-m", "0x1", "-c", path)
        self.end()

    def load(self, port, *args):
        """weft-host perf without end; returns when I/O has been seen to complete."""
        host = subprocess.Popen([BIN + "/weft-host", "perf", "-t", "tcp", "-a", "127.0.0.1", "-s",
                                 str(port), "-n", NQN, "-q", "64", "-w", "randrw", "-T", "600",
                                 "--timeout", "2", *args],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

        def end():
            host.kill()
            host.wait()
            host.stderr.close()
        self.addCleanup(end)
        before = self.commands()
        limit = time.monotonic() + 60
        while self.commands() < before + 2000:
            self.assertIsNone(host.poll())
            self.assertLess(time.monotonic(), limit)
        return host

    def commands(self):
        stats = json.loads(self.ctl("nvmf_get_stats"))
        return sum(g["completed_nvme_io"] for g in stats["poll_groups"])

    def test_signal_with_io(self):
        """All of it ends in order; under a leak checker this is also a test of what is freed."""
        for args in ((), ("-m", "0x3")):
            port = free_port()
            self.start(*args)
            self.configure(port)
            host = self.load(port, "-P", "3")
            self.end()
            self.assertFalse(os.path.exists(self.path))
            self.assertNotEqual(host.wait(60), 0)
            self.forget()

    def test_second_signal(self):
        """One that comes while the first is still being obeyed ends weftd at once."""
        port = free_port()
        self.start()
        self.configure(port)
        host = self.load(port)
        # nothing moves while both are sent
        self.daemon.send_signal(signal.SIGSTOP)
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.send_signal(signal.SIGINT)
        self.daemon.send_signal(signal.SIGCONT)
        err = self.daemon.stderr.read()
        self.assertEqual(self.daemon.wait(30), 0, err)
        self.assertIn("asked again", err)
        self.assertFalse(os.path.exists(self.path))
        self.assertNotEqual(host.wait(60), 0)

    def test_like_rpc_py(self):
        """One request without a newline, in pieces; reads until the text is complete."""
        self.start()
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            request = json.dumps({"jsonrpc": "2.0", "method": "nvmf_get_subsystems", "id": 1})
            for c in request:
                s.sendall(c.encode())
            text = ""
            while True:
                data = s.recv(4096)
                self.assertTrue(data)
                text += data.decode()
                try:
                    reply = json.loads(text)
                    break
                except ValueError:
                    continue
            self.assertEqual(reply["id"], 1)
            self.assertEqual(reply["result"][0]["subtype"], "Discovery")
        self.end()

    def test_signal_with_waiting_call(self):
        self.start()
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.path)
            s.sendall(b'{"id":1,"method":"bdev_get_bdevs","params":{"name":"x",'
                      b'"timeout":80000000}}{"id":2,"method":"log_get_level"}')
            self.assertIn(b'"id":2', s.recv(4096))
            self.end()
            self.assertEqual(s.recv(4096), b"")

    def test_crash_dumps_trace(self):
        self.start()
        self.configure(free_port())
        err = self.end(signal.SIGABRT, -signal.SIGABRT)
        self.assertIn("the last events of each reactor", err)
        self.assertIn("ns.state", err)
        self.assertIn("end of events", err)

    def test_unreachable(self):
        err = self.ctl("spdk_get_version", status=1)
        self.assertIn("Is weftd running?", err)

    def test_help(self):
        text = self.ctl("--help")
        for line in text.split("Methods:")[1].replace("Older names:", "").split("\n"):
            if line.strip():
                self.assertIn("usage: weftctl " + line.split()[0],
                              self.ctl(line.split()[0], "--help"))


if __name__ == "__main__":
    unittest.main()
