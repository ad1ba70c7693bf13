#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""weftctl as a program, against weftd: what scripts written for rpc.py rely on, batches,
loading all or nothing, terminals, completion, the manual page."""
import json
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
from running import BIN, NQN, Serving, free_port  # noqa: E402


class Forms(Serving):
    """Output, exit statuses and errors."""

    def test_output(self):
        self.start()
        self.assertEqual(self.ctl("bdev_malloc_create", "1", "512"), "Malloc0\n")
        self.assertEqual(self.ctl("bdev_get_bdevs"),
                         json.dumps(self.get("bdev_get_bdevs"), indent=2) + "\n")
        self.assertEqual(self.ctl("nvmf_create_transport", "-t", "tcp"), "")
        self.assertEqual(self.ctl("log_get_level"), '"NOTICE"\n')
        self.ctl("nvmf_create_subsystem", NQN)
        self.assertEqual(self.ctl("nvmf_subsystem_add_ns", NQN, "Malloc0"), "")
        self.assertEqual(self.ctl("rpc_get_methods", '{"current": true}')[:2], "[\n")

    def test_failure_as_rpc_py_prints_it(self):
        self.start()
        err = self.ctl("bdev_get_bdevs", "-b", "x", status=1)
        sentence, rest = err.split("\n", 1)
        response = json.loads(rest.split("response:\n")[1])
        self.assertEqual(rest, "request:\n" + json.dumps(
            {"name": "x", "method": "bdev_get_bdevs", "req_id": 1}, indent=2) +
            "\nGot JSON-RPC error response\nresponse:\n" + json.dumps(response, indent=2) + "\n")
        self.assertEqual((response["code"], response["message"]), (-19, "No such device"))
        self.assertEqual(sentence, "weftctl: " + response["data"])
        r = self.run_ctl("bdev_get_bdevs", "-b", "x")
        self.assertEqual(r.stdout, "")

    def test_usage(self):
        for args, part in (
                (("bdev_get_bdev",), "Did you mean bdev_get_bdevs?"),
                (("bdev_get_bdevs", "--nam3", "x"), "Did you mean --name?"),
                (("bdev_get_bdevs", "x"), "unexpected argument: x"),
                (("nvmf_create_subsystem",), "nqn is missing"),
                (("nothing_like_it", "x"), "there is no command nothing_like_it"),
                (("bdev_get_bdevs", "{"), "params"),
                (("--jsn", "bdev_get_bdevs"), "Did you mean --json?"),
                (("-t", "0", "bdev_get_bdevs"), "seconds above 0"),
                (("-t", "nan", "bdev_get_bdevs"), "seconds above 0"),
                (("-p", "65536", "bdev_get_bdevs"), "-p takes a port"),
                (("-r", "-1", "bdev_get_bdevs"), "-r takes"),
                (("-b", "bdev_get_bdevs"), "standard input"),
                (("--completion", "csh"), "bash, zsh or fish"),
                (("--names", "x"), "bdev or nqn"),
                (("--verbose", "x", "bdev_get_bdevs"), "DEBUG, INFO or ERROR"),
                (("--dry-run", "save_config"), "no --dry-run")):
            self.assertIn(part, self.ctl(*args, status=2))

    def test_dry_run(self):
        for args, expected in ((("bdev_malloc_create", "1", "512"),
                                {"method": "bdev_malloc_create",
                                 "params": {"num_blocks": 2048, "block_size": 512}}),
                               (("bdev_get_bdevs",), {"method": "bdev_get_bdevs", "params": {}})):
            self.assertEqual(self.ctl("--dry-run", *args),
                             "Request:\n" + json.dumps(expected, indent=2) + "\n")

    def test_verbose(self):
        self.start()
        for option in (("-v",), ("--verbose", "INFO")):
            r = self.run_ctl(*option, "log_get_level")
            self.assertIn('"method": "log_get_level"', r.stderr)
            self.assertIn('"result": "NOTICE"', r.stderr)
            self.assertEqual(r.stdout, '"NOTICE"\n')
        self.assertEqual(self.run_ctl("--verbose", "ERROR", "log_get_level").stderr, "")

    def test_help_of_each(self):
        text = self.ctl("--help")
        names = re.findall(r"^  (\w+) +\S", text.split("Methods:")[1], re.M)
        self.assertGreater(len(names), 120)
        for name in names:
            self.assertIn("usage: weftctl " + name, self.ctl(name, "-h"))
        self.assertIn("now bdev_get_bdevs", text)
        self.assertIn("An older name of bdev_get_bdevs", self.ctl("get_bdevs", "--help"))

    def test_terminal(self):
        self.start()
        self.ctl("bdev_malloc_create", "64", "512", "-b", "Malloc0")
        self.assertEqual(self.on_terminal("bdev_get_bdevs")[0].split(),
                         ["NAME", "KIND", "SIZE", "BLOCK", "UUID", "IN", "USE"])
        self.assertIn("64.0 MiB", self.on_terminal("get_bdevs")[1])
        self.assertEqual(self.on_terminal("--json", "bdev_get_bdevs")[0], "[")
        self.assertEqual(self.on_terminal("log_get_level"), ["NOTICE"])
        self.assertEqual(self.on_terminal()[0], "usage: weftctl [options] METHOD [arguments]")

    def test_tables_have_what_weftd_says(self):
        """Each column of the last row has something in it."""
        self.start()
        port = str(free_port())
        self.ctl("-b", text=f"""nvmf_create_transport -t tcp
            bdev_malloc_create 64 512
            nvmf_create_subsystem {NQN} -r -s SN1
            nvmf_subsystem_add_ns {NQN} Malloc0
            nvmf_subsystem_add_host {NQN} nqn.2014-08.org:h
            nvmf_subsystem_add_listener {NQN} -t tcp -a 127.0.0.1 -s {port}
            nvmf_discovery_add_referral -t tcp -a 192.0.2.9 -s 8009""")
        host = subprocess.Popen([BIN + "/weft-host", "perf", "-t", "tcp", "-a", "127.0.0.1", "-s",
                                 port, "-n", NQN, "--hostnqn", "nqn.2014-08.org:h", "-T", "600"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(host.wait)
        self.addCleanup(host.kill)
        while not self.get("nvmf_subsystem_get_qpairs", NQN):
            self.assertIsNone(host.poll())
        for line in ("bdev_get_bdevs", "bdev_get_iostat", "nvmf_get_transports",
                     "nvmf_get_subsystems", f"nvmf_subsystem_get_listeners {NQN}",
                     f"nvmf_subsystem_get_controllers {NQN}", f"nvmf_subsystem_get_qpairs {NQN}",
                     "nvmf_discovery_get_referrals", "nvmf_get_stats", "framework_get_reactors",
                     "thread_get_stats", "notify_get_notifications", "rpc_get_methods",
                     "notify_get_types", "nvmf_get_targets"):
            table = self.on_terminal(*line.split())
            self.assertTrue(table[0].isupper(), table)
            self.assertNotIn("-", re.split(r"[: ]+", table[-1]), table)

    def on_terminal(self, *args):
        main, other = pty.openpty()
        p = subprocess.Popen([BIN + "/weftctl", *args], stdin=other, stdout=other,
                             env=dict(os.environ, WEFT_SOCK=self.path))
        os.close(other)
        out = b""
        while True:
            try:
                data = os.read(main, 65536)
            except OSError:
                break
            if not data:
                break
            out += data
        os.close(main)
        p.wait(60)
        return out.decode().replace("\r\n", "\n").splitlines()


class Connections(Serving):
    def test_unreachable(self):
        err = self.ctl("-s", self.path, "log_get_level", status=1)
        self.assertIn("Is weftd running?", err)
        self.assertIn("neither a socket", self.ctl("-s", "no-such-host.invalid", "log_get_level",
                                                   status=1))
        self.assertIn("too long", self.ctl("-s", "/" + "x" * 200, "log_get_level", status=1))
        begin = time.monotonic()
        self.ctl("-r", "2", "log_get_level", status=1)
        self.assertGreaterEqual(time.monotonic() - begin, 0.4)

    def test_tcp(self):
        port = free_port()
        self.start("--rpc-listen", f"127.0.0.1:{port}")
        self.assertEqual(self.ctl("-s", "127.0.0.1", "-p", str(port), "log_get_level"),
                         '"NOTICE"\n')
        self.assertIn("Is weftd running?", self.ctl("-s", "127.0.0.1", "-p", str(free_port()),
                                                    "log_get_level", status=1))

    def serve(self, answer):
        """Something else that listens; answers with those bytes, or not at all."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        self.addCleanup(listener.close)
        done = threading.Event()
        self.addCleanup(done.set)

        def run():
            with listener.accept()[0] as s:
                s.recv(65536)
                if answer is None:
                    done.wait(60)
                else:
                    s.sendall(answer)
        thread = threading.Thread(target=run, daemon=True)
        thread.start()

    def test_no_answer(self):
        self.serve(None)
        self.assertIn("no answer in time", self.ctl("-t", "0.2", "log_get_level", status=1))

    def test_garbage(self):
        for answer, part in ((b"HTTP/1.1 400 Bad Request\r\n", "not JSON"),
                             (b'{"id": 1, "result"', "closed the connection"),
                             (b"", "closed the connection"),
                             (b'{"id": 1 "x"}', "closed|expected|JSON|':'")):
            self.serve(answer)
            self.assertRegex(self.ctl("log_get_level", status=1), part)
            os.unlink(self.path)

    def test_kill(self):
        self.start()
        self.assertEqual(self.ctl("kill_instance", "SIGTERM"), "")
        self.assertEqual(self.daemon.wait(60), 0)


class RunBooks(Serving):
    """The lines of users' flows; RDMA and Ceph are not there yet, so TCP and memory are."""

    def test_growing_under_a_host(self):
        port = free_port()
        self.start()
        self.ctl("nvmf_create_transport", "-t", "TCP", "-m", "64")
        self.assertEqual(self.ctl("construct_malloc_bdev", "64", "512", "-b", "Ceph4"), "Ceph4\n")
        self.assertEqual(self.ctl(
            "construct_nvmf_subsystem", "nqn.2016-06.io.spdk:cnode2",
            f"trtype:TCP traddr:127.0.0.1 trsvcid:{port}", "", "-a", "-s", "SPDK00000000000002"),
            "")
        self.ctl("nvmf_subsystem_add_ns", "nqn.2016-06.io.spdk:cnode2", "Ceph4")
        subsystem = [s for s in self.get("get_nvmf_subsystems")
                     if s["nqn"] == "nqn.2016-06.io.spdk:cnode2"][0]
        self.assertEqual(subsystem["listen_addresses"][0]["transport"], "TCP")
        self.assertEqual(subsystem["namespaces"][0]["bdev_name"], "Ceph4")
        self.assertEqual(subsystem["namespaces"][0]["name"], "Ceph4")
        self.assertEqual(self.get("get_bdevs")[0]["name"], "Ceph4")
        self.assertEqual(self.get("get_nvmf_transports")[0]["trtype"], "TCP")
        self.ctl("nvmf_subsystem_remove_ns", "nqn.2016-06.io.spdk:cnode2", "1")
        self.ctl("delete_nvmf_subsystem", "nqn.2016-06.io.spdk:cnode2")
        self.ctl("delete_bdev", "Ceph4")
        self.assertEqual(self.get("get_bdevs"), [])

    def test_null_device_of_nvmet(self):
        self.start()
        self.assertEqual(self.ctl("bdev_null_create", "Null0", "2048", "512"), "Null0\n")
        self.ctl("nvmf_create_subsystem", "nqn.2016-06.io.spdk:null", "-a")
        self.ctl("nvmf_subsystem_add_ns", "nqn.2016-06.io.spdk:null", "Null0")
        self.assertEqual(self.get("bdev_get_bdevs", "-b", "Null0")[0]["num_blocks"], 4194304)


class Batches(Serving):
    def test_batch(self):
        self.start()
        text = ("# a comment\n\n"
                "bdev_malloc_create 1 512 -b 'a b'  # quoted\n"
                "bdev_get_bdevs -b \"a b\"\n" + "log_get_level\n" * 100 +
                "bdev_malloc_delete 'a b'\n"
                "bdev_get_bdevs\n")
        for args in (("-b",), ()):
            out = self.ctl(*args, text=text)
            self.assertTrue(out.startswith("a b\n[\n"))
            self.assertTrue(out.endswith("[]\n"))
            self.assertEqual(out.count('"NOTICE"'), 100)

    def test_first_error_ends_it(self):
        self.start()
        text = "bdev_get_bdevs\nbdev_malloc_delete x\nbdev_malloc_create 1 512\n"
        r = self.run_ctl("-b", text=text)
        self.assertEqual((r.returncode, r.stdout), (1, "[]\n"))
        self.assertIn("line 2 (bdev_malloc_delete) failed", r.stderr)
        self.assertEqual(self.get("bdev_get_bdevs"), [])
        r = self.run_ctl("-b", "--keep-going", text=text)
        self.assertEqual((r.returncode, r.stdout), (1, "[]\nMalloc0\n"))

    def test_failing_getter(self):
        self.start()
        text = "log_get_level\nbdev_get_bdevs -b x\nlog_get_level\nbdev_malloc_create 1 512\n"
        r = self.run_ctl("-b", text=text)
        self.assertEqual((r.returncode, r.stdout), (1, '"NOTICE"\n'))
        self.assertIn("line 2 (bdev_get_bdevs) failed", r.stderr)
        r = self.run_ctl("-b", "-k", text=text)
        self.assertEqual((r.returncode, r.stdout), (1, '"NOTICE"\n"NOTICE"\nMalloc0\n'))

    def test_usage_in_a_line(self):
        self.start()
        for line, part in (("bdev_get_bdev", "line 2: there is no command"),
                           ("bdev_get_bdevs 'x", "line 2: "),
                           ("log_get_level\0", "line 2: a zero byte"),
                           ("load_config", "name the file with -j")):
            r = self.run_ctl("-b", text=f"log_get_level\n{line}\nbdev_malloc_create 1 512\n")
            self.assertEqual(r.returncode, 1 if line == "load_config" else 2)
            self.assertEqual(r.stdout, '"NOTICE"\n')
            self.assertIn(part, r.stderr)

    def test_help_in_a_line(self):
        self.assertIn("usage: weftctl bdev_get_bdevs", self.ctl("-b", text="bdev_get_bdevs -h\n"))

    def test_server_gone(self):
        r = self.run_ctl("-b", "-k", text="log_get_level\nbdev_get_bdevs\n")
        self.assertEqual((r.returncode, r.stderr.count("Is weftd running?")), (1, 2))

    def test_coprocess(self):
        self.start()
        p = subprocess.Popen([BIN + "/weftctl", "-s", self.path, "--server"], text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line, expected in (("log_get_level", ['"NOTICE"\n', "**STATUS=0\n"]),
                               ("bdev_malloc_delete x", ["**STATUS=1\n"]),
                               ("nonsense", ["**STATUS=1\n"]),
                               ("bdev_malloc_create 1 512", ["Malloc0\n", "**STATUS=0\n"])):
            p.stdin.write(line + "\n")
            p.stdin.flush()
            self.assertTrue(select.select([p.stdout], [], [], 60)[0])
            self.assertEqual([p.stdout.readline() for _ in expected], expected)
        p.communicate(timeout=60)


class Configurations(Serving):
    def part(self, name, *calls):
        return {"subsystem": name, "config": [{"method": m, "params": p} for m, p in calls]}

    def malloc(self, name):
        return ("bdev_malloc_create", {"name": name, "block_size": 512, "num_blocks": 2048})

    def needed(self, name):
        """That part, and those it depends on."""
        needs = {s["subsystem"]: s["depends_on"] for s in self.get("framework_get_subsystems")}
        return {name}.union(*map(self.needed, needs[name]))

    def test_save(self):
        self.start()
        self.ctl("bdev_malloc_create", "1", "512")
        saved = self.get("save_config")
        names = [s["subsystem"] for s in saved["subsystems"]]
        for indent, expected in (("4", json.dumps(saved, indent=4)), ("-1", json.dumps(saved)),
                                 ("0", json.dumps(saved, indent=0))):
            self.assertEqual(self.ctl("save_config", "-i", indent), expected + "\n")
        for name in names:
            self.assertEqual([s["subsystem"] for s in
                              self.get("save_config", "-s", name)["subsystems"]],
                             [n for n in names if n in self.needed(name)])
        self.assertIn('no part "x"', self.ctl("save_config", "-s", "x", status=1))
        part = [s for s in saved["subsystems"] if s["subsystem"] == "bdev"][0]
        self.assertEqual(self.get("save_subsystem_config", "-n", "bdev"), part)
        self.ctl("bdev_malloc_delete", "Malloc0")
        self.ctl("load_subsystem_config", text=json.dumps(part))
        self.assertEqual(self.get("save_subsystem_config", "-n", "bdev"), part)

    def test_wrong_file_changes_nothing(self):
        """Every call is looked at before the first is made, and all that is wrong is said."""
        self.start()
        path = self.file("c", {"subsystems": [self.part(
            "bdev", self.malloc("A"), ("bdev_malloc_create", {"name": 1}),
            ("bdev_maloc_create", {})), self.part("nvmf", ("nvmf_create_subsystem", {}))]})
        err = self.ctl("load_config", "-j", path, status=1)
        for part in ("bdev, entry 2 (bdev_malloc_create)", '"name"', "bdev_malloc_create",
                     "nvmf, entry 1 (nvmf_create_subsystem)", "nothing was changed"):
            self.assertIn(part, err)
        self.assertEqual(self.ctl("config_check", "-j", path, status=1), err)
        self.assertEqual(self.get("bdev_get_bdevs"), [])

    def test_failing_call_is_undone(self):
        self.start()
        port = free_port()
        self.ctl("bdev_malloc_create", "1", "512", "-b", "B")
        self.ctl("nvmf_create_transport", "-t", "tcp")
        before = self.ctl("save_config")
        address = {"trtype": "TCP", "traddr": "127.0.0.1", "trsvcid": str(port)}
        path = self.file("c", {"subsystems": [
            self.part("bdev", self.malloc("A"),
                      ("bdev_set_qos_limit", {"name": "A", "rw_ios_per_sec": 1000}),
                      ("bdev_delay_create", {"name": "D", "base_bdev_name": "A",
                                             "avg_read_latency": 1, "p99_read_latency": 1,
                                             "avg_write_latency": 1, "p99_write_latency": 1})),
            self.part("nvmf", ("nvmf_create_subsystem", {"nqn": NQN, "ana_reporting": True}),
                      ("nvmf_subsystem_add_listener", {"nqn": NQN, "listen_address": address}),
                      ("nvmf_subsystem_listener_set_ana_state",
                       {"nqn": NQN, "listen_address": address, "ana_state": "inaccessible"}),
                      ("nvmf_subsystem_add_host", {"nqn": NQN, "host": "nqn.2014-08.org:h"}),
                      ("nvmf_subsystem_add_ns", {"nqn": NQN, "namespace": {
                          "bdev_name": "D", "no_auto_visible": True}}),
                      ("nvmf_ns_add_host", {"nqn": NQN, "nsid": 1, "host": "nqn.2014-08.org:h"}),
                      ("nvmf_discovery_add_referral", {"address": address}),
                      ("metrics_start", {"traddr": "127.0.0.1", "trsvcid": "0"}),
                      ("nvmf_create_target", {"name": "T"}),
                      self.malloc("B"))]})
        err = self.ctl("load_config", "-j", path, status=1)
        self.assertIn("nvmf, entry 10 (bdev_malloc_create) failed", err)
        self.assertIn("what the file had made until then was removed again\n", err)
        self.assertIn('"code": -17', err)
        self.assertEqual(self.ctl("save_config"), before)

    def test_what_stays_is_named(self):
        self.start()
        self.ctl("bdev_malloc_create", "1", "512", "-b", "B")
        path = self.file("c", {"subsystems": [
            self.part("x", ("log_set_level", {"level": "INFO"}),
                      ("nvmf_create_transport", {"trtype": "TCP"}), self.malloc("B"))]})
        err = self.ctl("load_config", "-j", path, status=1)
        self.assertIn("no way back: nvmf_create_transport, log_set_level", err)

    def test_before_and_after_the_start(self):
        self.start("--wait-for-rpc")
        calls = [self.part("nvmf", ("nvmf_create_subsystem", {"nqn": NQN}),
                           ("nvmf_set_max_subsystems", {"max_subsystems": 7}))]
        path = self.file("c", {"subsystems": calls})
        self.ctl("load_config", "-j", path)
        self.assertIn(NQN, self.ctl("nvmf_get_subsystems"))
        self.assertIn({"method": "nvmf_set_max_subsystems", "params": {"max_subsystems": 7}},
                      self.get("framework_get_config", "nvmf"))
        self.ctl("nvmf_delete_subsystem", NQN)
        r = self.run_ctl("load_config", "-j", path)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("entry 2 (nvmf_set_max_subsystems) is left out", r.stderr)

    def test_old_names_and_other_forms(self):
        self.start()
        self.ctl("load_config", "-i", text=json.dumps({"subsystems": [self.part(
            "bdev", ("construct_malloc_bdev", {"name": "A", "block_size": 512,
                                               "num_blocks": 2048}))]}))
        self.ctl("load_config", text="[Malloc]\n  NumberOfLuns 2\n  LunSizeInMB 1\n")
        self.assertEqual(sorted(b["name"] for b in self.get("bdev_get_bdevs")),
                         ["A", "Malloc0", "Malloc1"])

    F0 = """
[Nvme]
  TransportID "trtype:PCIe traddr:0000:18:00.0" Nvme0
  TransportID "trtype:PCIe traddr:0000:19:00.0" Nvme1

[Subsystem1]
  NQN nqn.2016-06.io.spdk:cnode1
  Listen RDMA 192.168.11.11:4420
  Listen RDMA 192.168.12.11:4420
  AllowAnyHost Yes
  Host nqn.2016-06.io.spdk:init
  SN SPDK00000000000001
  MaxNamespaces 20
  Namespace Nvme0n1 1
  Namespace Nvme1n1 2
"""

    def test_file_of_2018(self):
        """As it stands it names devices that are not there; with others it loads."""
        self.start()
        before = self.ctl("save_config")
        err = self.ctl("load_config", text=self.F0, status=1)
        self.assertIn("line 3", err)
        self.assertIn("nothing was changed", err)
        self.assertEqual(self.ctl("save_config"), before)
        text = self.F0.replace("RDMA", "TCP").replace("192.168.11.11:4420", "127.0.0.1:%d" %
                                                      free_port())
        text = text.replace("192.168.12.11:4420", "127.0.0.2:%d" % free_port())
        text = text.replace("Nvme0n1", "Malloc0").replace("Nvme1n1", "Malloc1")
        text = text[text.index("[Subsystem1]"):] + "[Malloc]\n NumberOfLuns 2\n LunSizeInMB 1\n"
        self.ctl("load_config", text=text)
        subsystem = self.get("nvmf_get_subsystems", NQN)[0]
        self.assertEqual([(n["nsid"], n["bdev_name"]) for n in subsystem["namespaces"]],
                         [(1, "Malloc0"), (2, "Malloc1")])
        self.assertEqual((subsystem["serial_number"], subsystem["allow_any_host"],
                          subsystem["max_namespaces"], subsystem["hosts"][0]["nqn"]),
                         ("SPDK00000000000001", True, 20, "nqn.2016-06.io.spdk:init"))
        self.assertEqual(len(subsystem["listen_addresses"]), 2)

    def test_configuration_of_nvmet(self):
        self.start()
        port = free_port()
        disk = self.file("nullb0", "\0" * 1048576)
        text = json.dumps({
            "hosts": [],
            "ports": [{"addr": {"adrfam": "ipv4", "traddr": "127.0.0.1", "treq": "not specified",
                                "trsvcid": str(port), "trtype": "tcp"},
                       "portid": 1, "referrals": [], "subsystems": ["nvme-test-1"]}],
            "subsystems": [{"allowed_hosts": [], "nqn": "nvme-test-1",
                            "attr": {"allow_any_host": "1", "serial": "0123456789abcdef",
                                     "version": "1.3"},
                            "namespaces": [{"device": {"path": disk}, "enable": 1, "nsid": 1}]}]})
        self.ctl("load_config", text=text)
        subsystem = self.get("nvmf_get_subsystems", "nvme-test-1")[0]
        self.assertEqual(subsystem["listen_addresses"][0]["trsvcid"], str(port))
        self.assertEqual(subsystem["namespaces"][0]["nsid"], 1)

    def test_dry_run(self):
        path = self.file("c", {"subsystems": [self.part("bdev", self.malloc("A"))]})
        self.assertEqual(self.ctl("--dry-run", "load_config", "-j", path), "Request:\n" +
                         json.dumps({"method": self.malloc("A")[0],
                                     "params": self.malloc("A")[1]}, indent=2) + "\n")

    def test_many(self):
        """More than are looked at at once."""
        self.start()
        names = [f"N{i}" for i in range(200)]
        path = self.file("c", {"subsystems": [self.part("bdev", *map(self.malloc, names))]})
        self.ctl("config_check", "-j", path)
        self.assertEqual(self.get("bdev_get_bdevs"), [])
        self.ctl("load_config", "-j", path)
        self.assertEqual(len(self.get("bdev_get_bdevs")), 200)

    def test_gone_in_between(self):
        path = self.file("c", {"subsystems": [self.part("bdev", self.malloc("A"))]})
        self.assertIn("Is weftd running?", self.ctl("load_config", "-j", path, status=1))


BASH = r"""
source "$1"
COMP_LINE=$2
COMP_POINT=${#COMP_LINE}
read -ra COMP_WORDS <<< "$COMP_LINE"
_weftctl
printf '%s\n' "${COMPREPLY[@]}"
"""


class Made(Serving):
    """What is made from the tables."""

    def completion(self, shell):
        return self.file("completion." + shell, self.ctl("--completion", shell))

    def check(self, *args, **more):
        r = subprocess.run(args, capture_output=True, text=True, timeout=120, **more)
        self.assertEqual((r.returncode, r.stderr), (0, ""), args)
        return r.stdout

    def test_syntax(self):
        for shell in ("bash", "zsh", "fish"):
            if shutil.which(shell):
                self.check(shell, "-n", self.completion(shell))
        if shutil.which("shellcheck"):
            self.assertEqual(self.check("shellcheck", self.completion("bash")), "")

    def test_bash(self):
        self.start()
        self.ctl("bdev_malloc_create", "1", "512", "-b", "Malloc0")
        self.ctl("nvmf_create_subsystem", NQN)
        path, script = self.completion("bash"), self.file("try.sh", BASH)
        env = dict(os.environ, WEFT_SOCK=self.path)
        program = BIN + "/weftctl"
        for line, expected in (
                ("bdev_malloc_", ["bdev_malloc_create", "bdev_malloc_delete"]),
                ("-s /x nvmf_create_su", ["nvmf_create_subsystem"]),
                ("-s /x -t 5 --json get_nvmf_t", ["get_nvmf_transports"]),
                ("nvmf_create_transport --max-io", ["--max-io-qpairs-per-ctrlr", "--max-io-size"]),
                ("bdev_set_options --no-", ["--no-auto-examine"]),
                ("bdev_malloc_delete M", ["Malloc0"]),
                ("nvmf_subsystem_add_ns x ", ["Malloc0"]),
                ("bdev_get_bdevs -b ", ["Malloc0"]),
                # the part that readline takes for the word
                (f"nvmf_delete_subsystem {NQN[:-2]}", ["cnode1"]),
                ("bdev_error_inject_error E re", ["read"]),
                ("bdev_error_inject_error E read -n 3 no", ["nomem"]),
                ("--completion f", ["fish"]),
                ("--dry", ["--dry-run"]),
                ("-s /nowhere bdev_malloc_delete ", [""]),
                ("no_such_method -", ["-h", "--help"])):
            out = self.check("bash", script, path, f"{program} {line}", env=env)
            self.assertEqual(out.split("\n")[:-1], expected, line)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        path = self.completion("fish")
        for line, expected in (("bdev_malloc_", ["bdev_malloc_create", "bdev_malloc_delete"]),
                               ("-s /x nvmf_create_su", ["nvmf_create_subsystem"]),
                               ("nvmf_create_transport --max-io-s", ["--max-io-size"]),
                               ("--completion f", ["fish"])):
            out = self.check("fish", "-c", f"source {path}; complete -C 'weftctl {line}'")
            self.assertEqual([w.split("\t")[0] for w in out.splitlines()], expected, line)

    def test_manual(self):
        text = self.ctl("--man")
        for name in re.findall(r"^  (\w+) +\S", self.ctl("--help").split("Methods:")[1], re.M):
            self.assertIn(name, text)
        if shutil.which("groff"):
            page = self.file("page", ".TH weftctl 1\n" + text)
            out = self.check("groff", "-man", "-ww", "-Tascii", "-P-cbou", page)
            self.assertIn("--max-io-qpairs-per-ctrlr MAX_IO_QPAIRS_PER_CTRLR", out)


if __name__ == "__main__":
    unittest.main()
