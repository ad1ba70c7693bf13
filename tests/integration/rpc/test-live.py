#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""weftctl top in a terminal of tmux and as lines, and weftctl watch, with weftd and weft-host
at work. Nothing is taken for granted after a time: a screen is looked at until it has what it
should, or a deadline that is far away has passed."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
from running import BIN, NQN, Serving, free_port  # noqa: E402

NQN2 = "nqn.2016-06.io.spdk:second"
DEADLINE = 60
HOST = "nqn.2014-08.org.example:host-one"


class Served(Serving):
    """Two subsystems; a host does I/O on the second."""

    def populate(self, io=True):
        port = str(free_port())
        self.ctl("-b", text=f"""nvmf_create_transport -t tcp
            bdev_malloc_create 64 512 -b first
            bdev_malloc_create 64 512 -b other
            nvmf_create_subsystem {NQN} -a
            nvmf_create_subsystem {NQN2} -a
            nvmf_subsystem_add_ns {NQN} first
            nvmf_subsystem_add_ns {NQN2} other
            nvmf_subsystem_add_listener {NQN2} -t tcp -a 127.0.0.1 -s {port}""")
        if not io:
            return
        host = subprocess.Popen([BIN + "/weft-host", "perf", "-t", "tcp", "-a", "127.0.0.1", "-s",
                                 port, "-n", NQN2, "--hostnqn", HOST, "-T", "600"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(host.wait)
        self.addCleanup(host.kill)
        while not self.get("nvmf_subsystem_get_qpairs", NQN2):
            self.assertIsNone(host.poll())

    def until(self, what, look):
        """What look() gives, once it is true."""
        end = time.monotonic() + DEADLINE
        while True:
            found = look()
            if found:
                return found
            self.assertLess(time.monotonic(), end, what() if callable(what) else what)
            time.sleep(0.02)


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class Screen(Served):
    servers = 0

    def tearDown(self):
        self.close()  # before its folder goes
        super().tearDown()

    def tmux(self, *args, check=True):
        server = os.path.join(self.dir.name, f"tmux{self.servers}")
        return subprocess.run(["tmux", "-S", server, "-f", "/dev/null", *args], timeout=60,
                              capture_output=True, text=True, check=check,
                              env=dict(os.environ, LC_ALL="C.UTF-8", TERM="xterm")).stdout

    def open(self, *args, width=190, height=20):
        self.servers += 1
        self.tmux("-u", "new-session", "-d", "-x", str(width), "-y", str(height), "-s", "t",
                  "env", "PS1=prompt> ", "LC_ALL=C.UTF-8", "sh")
        self.seen("prompt>")
        self.tmux("set-option", "-t", "t", "remain-on-exit", "on")
        self.keys(f"{BIN}/weftctl -s {self.path} top {' '.join(args)}; echo status=$? "
                  "$(stty -a | grep -o -- '-*icanon\\|-*echo ')", "Enter")

    def close(self):
        self.tmux("kill-server", check=False)

    def keys(self, *keys):
        self.tmux("send-keys", "-t", "t", *keys)

    def lines(self):
        return self.tmux("capture-pane", "-p", "-t", "t").splitlines()

    def seen(self, *patterns, absent=None):
        """The screen, once every pattern is in a line of it."""
        def look():
            self.last = self.lines()
            text = "\n".join(self.last)
            return self.last if all(re.search(p, text, re.M) for p in patterns) and not (
                absent and re.search(absent, text, re.M)) else None
        return self.until(lambda: f"{patterns} is not on the screen:\n" + "\n".join(self.last),
                          look)

    def gone(self, status=0):
        """The shell is there again, and the terminal is as it was."""
        screen = self.seen(rf"^status={status} icanon echo", "prompt>")
        self.assertFalse([line for line in screen if "IOPS" in line], screen)

    def bdevs(self, screen):
        """The names below BDEV, in the order of the rows."""
        at = next(i for i, line in enumerate(screen) if "BDEV" in line)
        start = screen[at].index("BDEV")
        return [line[start:].split()[0] for line in screen[at + 1:] if line.startswith("nqn.")]

    def test_views(self):
        self.start()
        self.populate()
        self.open("-d", "0.2")
        screen = self.seen(r"\[1 subsystems\]", r"IOPSv", rf"{NQN2} +[1-9][\d.k]*", r"3 shown of 3")
        self.assertTrue(screen[3].startswith("SUBSYSTEM"), screen)
        for title in ("IOPSv", "READ MB/s", "WRITE MB/s", "P50", "P99", "P99.9", "ERRORS"):
            self.assertIn(title, screen[3])
        self.assertTrue(screen[4].startswith(NQN2), screen)  # the busy one is first
        self.assertRegex(screen[4], r"us +.*us +.*[um]s")
        self.assertRegex(screen[0], r"[1-9][\d.]*k? IOPS, read \d.* MB/s, .* busy \d+%")
        for key, view, patterns in (
                ("2", "namespaces", (rf"^{NQN2} +1 other +[1-9]", rf"^{NQN} +1 first +0 ")),
                ("3", "hosts", (rf"host-one +1 .*second +127.0.0.1:\d+ +[1-9]",)),
                ("4", "paths", (r"host-one .*second +127.0.0.1:\d+ .* [1-9]",)),
                ("5", "bdevs", (r"^other +Malloc disk +[1-9]", r"^first +Malloc disk +0 ")),
                ("6", "reactors", (r"^REACTOR +BUSY %v", r"^0 +[1-9]\d*\.\d +[1-9]")),
                ("Tab", "subsystems", (rf"^{NQN2} ",)),
                ("BTab", "reactors", (r"^REACTOR",))):
            self.keys(key)
            self.seen(rf"\[\d {view}\]", *patterns)
        self.keys("h")
        self.seen("seconds between two looks", absent="^REACTOR")
        self.keys("Escape")
        self.seen("^REACTOR")
        self.keys("q")
        self.gone()

    def test_sort(self):
        self.start()
        self.populate()
        self.open("--view", "namespaces", "-d", "0.2")
        screen = self.seen(rf"{NQN2} +1 other +[1-9]", "IOPSv")
        self.assertEqual(self.bdevs(screen), ["other", "first"])
        self.keys("r")
        screen = self.seen(r"IOPS\^", rf"{NQN2} +1 other +[1-9]")
        self.assertEqual(self.bdevs(screen), ["first", "other"])
        self.keys("<")
        screen = self.seen(r"BDEVv", rf"{NQN2} +1 other +[1-9]")
        self.assertEqual(self.bdevs(screen), ["other", "first"])
        self.keys("r")
        screen = self.seen(r"BDEV\^")
        self.assertEqual(self.bdevs(screen), ["first", "other"])
        self.keys("/")
        self.keys("oThE")
        self.seen(r"^filter: oThE_", r"\bother\b", absent=r"\bfirst\b")
        self.keys("Enter")
        self.seen(r"^filter oThE; 1 shown of 2")
        self.keys("Escape")
        self.seen(r"^2 shown of 2")
        self.keys("d")
        self.keys("0.5", "Enter")
        self.seen(r"every 0.5 s")

    def test_zoom(self):
        self.start()
        self.populate()
        self.open("-d", "0.2")
        self.seen(rf"^{NQN2} +[1-9]")
        self.keys("Down", "Up", "Enter")
        self.seen(r"\[2 namespaces\]", rf"^of {NQN2}; 1 shown of 1", r" other +[1-9]",
                  absent=r"\bfirst\b")
        self.keys("3")
        self.seen(r"\[3 hosts\]", r"host-.*second +127", rf"^of {NQN2};")
        self.keys("Enter")
        self.seen(r"\[4 paths\]", r"of host nqn.2014-08.org.example:host-")
        self.keys("Escape")
        self.seen(r"\[3 hosts\]", rf"^of {NQN2};", absent="of host")
        self.keys("Escape")
        self.seen(r"\[1 subsystems\]", r"3 shown of 3")

    def test_zoom_into_what_ends(self):
        self.start()
        self.populate(io=False)
        self.open("-d", "0.2", "--sort", "SUBSYSTEM")
        self.seen(r"SUBSYSTEM\^", r"3 shown of 3")
        self.keys("End", "Enter")
        self.seen(rf"^of {NQN2}; 1 shown")
        self.ctl("nvmf_delete_subsystem", NQN2)
        self.seen(r"\[1 subsystems\]", r"2 shown of 2")

    def test_sizes(self):
        self.start()
        self.populate()
        self.open("-d", "0.2")
        self.seen(rf"^{NQN2} +[1-9]")
        self.tmux("resize-window", "-t", "t", "-x", "40", "-y", "10")
        screen = self.seen(r"\[1 subsystems\] of 1-6", r"SUBSYSTEM +IOPSv", r"second +[1-9][\d.k]*",
                           absent="P99")
        self.assertLessEqual(max(map(len, screen)), 40)
        for width, height in ((12, 3), (5, 2), (1, 1)):
            self.tmux("resize-window", "-t", "t", "-x", str(width), "-y", str(height))
            self.until("a line is left", lambda: len(self.lines()) <= height)
        self.tmux("resize-window", "-t", "t", "-x", "150", "-y", "30")
        self.seen(rf"^{NQN2} +[1-9].*us", "P99.9", "q quit")
        self.keys("q")
        self.gone()

    def test_many(self):
        """A thousand namespaces with names of any length; those on the screen are shown."""
        self.start()
        lines = [f"nvmf_create_subsystem {NQN} -a -m 1000"]
        for i in range(1000):
            lines.append(f"bdev_null_create {'n' * (i % 60)}{i:04} 1 512")
            lines.append(f"nvmf_subsystem_add_ns {NQN} {'n' * (i % 60)}{i:04}")
        self.ctl("-b", text="\n".join(lines))
        self.open("--view", "namespaces", "--sort", "NSID", "-r", "-d", "0.2")
        self.seen(r"1000 shown of 1000", r"cnode1 +1 0000 ")
        self.keys("End")
        self.seen(r"cnode1 +1000 .*nn0999 ")
        self.keys("PPage", "Up")
        self.seen(r"cnode1 +98\d ", absent=r"nn0999 ")
        self.keys("q")
        self.gone()

    def test_target_restarts(self):
        self.open("-d", "0.2")
        self.seen(r"waiting for the target: cannot connect")
        self.start()
        self.populate()
        self.seen(rf"^{NQN2} +[1-9]", absent="waiting")
        self.daemon.kill()
        self.daemon.wait()
        self.daemon.stderr.close()
        self.seen(r"waiting for the target", r"^SUBSYSTEM")
        self.start()
        self.seen(r"0 IOPS", absent=f"waiting|{NQN2}")
        self.keys("q")
        self.gone()

    @staticmethod
    def child_of(parent):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as f:
                    name, fields = f.read().split("(")[1].rsplit(")", 1)
            except OSError:
                continue  # it has ended
            if name == "weftctl" and fields.split()[1] == parent:
                return int(pid)
        raise AssertionError("top does not run")

    def test_signals(self):
        self.start()
        for name in ("INT", "TERM", "HUP"):
            with self.subTest(name):
                self.open("-d", "0.2")
                self.seen(r"\[1 subsystems\]", "shown of")
                pane = self.tmux("display-message", "-p", "-t", "t", "#{pane_pid}").strip()
                os.kill(self.child_of(pane), getattr(signal, "SIG" + name))
                self.gone()
                self.close()

    def test_terminal_goes(self):
        """The shell that would pass on SIGHUP goes at the same moment."""
        self.start()
        self.open("-d", "0.2")
        self.seen("shown of")
        pid = self.child_of(self.tmux("display-message", "-p", "-t", "t", "#{pane_pid}").strip())
        self.close()
        self.until("top is still there", lambda: not os.path.exists(f"/proc/{pid}"))

    def test_terminal_it_cannot_use(self):
        self.start()
        self.open("-d", "0.2; TERM=nothing-like-it", f"{BIN}/weftctl -s {self.path} top")
        self.seen("shown of")
        self.keys("q")
        self.seen("--batch prints lines")
        self.gone(status=1)


class Lines(Served):
    def test_batch(self):
        self.start()
        self.populate()
        text = self.ctl("top", "-n", "2", "-d", "0.2", "--view", "namespaces")
        self.assertEqual(len(re.findall(r"^SUBSYSTEM ", text, re.M)), 2)
        rates = re.findall(rf"^{NQN2} +1 other +(\S+)", text, re.M)
        self.assertEqual(len(rates), 2)
        for rate in rates:
            self.assertRegex(rate, r"^[1-9]")
        text = self.ctl("top", "-n", "1", "-d", "0.1", "--nqn", NQN, "--view", "namespaces")
        self.assertIn("first", text)
        self.assertNotIn("other", text)
        text = self.ctl("top", "-n", "1", "-d", "0.1", "--view", "bdevs", "--sort", "bdev", "-r")
        self.assertLess(text.index("other"), text.index("first"))

    def test_usage(self):
        self.start()
        for args, part in ((("-d", "0"), "0.1 to 3600"), (("-d", "x"), "0.1 to 3600"),
                           (("-n", "0"), "1 or more"), (("--view", "x"), "there are subsystems"),
                           (("--sort", "x"), "the columns of subsystems are SUBSYSTEM, IOPS")):
            self.assertIn(part, self.ctl("top", *args, status=2))
        self.assertIn("metrics_get", self.ctl("--json", "top", status=2))
        self.assertIn("no --dry-run", self.ctl("--dry-run", "top", status=2))
        self.assertIn("nqn.x", self.ctl("top", "-n", "1", "--nqn", "nqn.x", status=1))

    def test_no_target(self):
        self.assertIn("Is weftd running?", self.ctl("top", "-n", "1", status=1))


class Watch(Served):
    def watch(self, *args):
        self.out = open(os.path.join(self.dir.name, "out"), "w+")
        self.addCleanup(self.out.close)
        p = subprocess.Popen([BIN + "/weftctl", "-s", self.path, "watch", *args], text=True,
                             stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return p

    def said(self):
        with open(self.out.name) as f:
            return f.read()

    def seen(self, text):
        self.until(lambda: f"{text} is not in:\n{self.said()}", lambda: text in self.said())

    def ready(self):
        """Until an event is seen: from then on all are."""
        n = [0]

        def look():
            self.ctl("bdev_null_create", f"probe{n[0]}", "1", "512")
            n[0] += 1
            return "probe" in self.said()
        self.until("nothing was seen", look)

    def end(self, p, status=0):
        p.send_signal(signal.SIGINT)
        self.assertEqual(p.wait(DEADLINE), status)

    def test_sentences(self):
        self.start()
        self.populate(io=False)
        p = self.watch()
        self.ready()
        self.ctl("bdev_null_create", "another", "1", "512")
        self.ctl("nvmf_subsystem_add_ns", NQN, "another")
        self.seen(f"namespace 2 (bdev another) was added to {NQN}")
        self.assertNotIn("bdev first was made", self.said())
        line = next(x for x in self.said().splitlines() if "bdev another was made" in x)
        self.assertRegex(line, r"^\d\d:\d\d:\d\d\.\d{3}  ")
        self.end(p)

    def test_all_and_json(self):
        self.start()
        self.populate(io=False)
        p = self.watch("--all", "--json")
        self.seen("nvmf_listener_add")
        self.ready()
        self.end(p)
        events = [json.loads(line) for line in self.said().splitlines()]
        self.assertEqual([e["id"] for e in events], list(range(len(events))))
        self.assertEqual((events[0]["type"], events[0]["ctx"], events[0]["text"]),
                         ("bdev_register", "first", "bdev first was made"))
        self.assertNotIn("time", events[0])  # it was before watching
        self.assertRegex(events[-1]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d")

    def test_from_a_number(self):
        self.start()
        self.populate(io=False)
        p = self.watch("-i", "1")
        self.seen("bdev other was made")
        self.assertNotIn("bdev first was made", self.said())
        self.end(p)

    def test_events_that_were_missed(self):
        """The target keeps 1024."""
        self.start()
        p = self.watch()
        self.ready()
        p.send_signal(signal.SIGSTOP)
        self.ctl("-b", text="\n".join(f"bdev_null_create n{i} 1 512" for i in range(1100)))
        p.send_signal(signal.SIGCONT)
        self.seen("bdev n1099 was made")
        self.assertRegex(self.said(), r"weftctl: \d+ events were missed")
        self.end(p)

    def test_target_goes(self):
        self.start()
        p = self.watch()
        self.ready()
        self.daemon.kill()
        self.daemon.wait()
        self.assertEqual(p.wait(DEADLINE), 1)
        self.assertIn("weftctl: the target has gone", self.said())

    def test_follow(self):
        p = self.watch("--follow")
        self.seen("Is weftd running?")
        self.start()
        self.seen("the target is there again")
        self.ctl("bdev_null_create", "before", "1", "512")
        self.seen("bdev before was made")
        self.daemon.kill()
        self.daemon.wait()
        self.daemon.stderr.close()
        self.seen("the target has gone")
        self.start()
        self.ctl("bdev_null_create", "after", "1", "512")
        self.seen("bdev after was made")
        self.assertEqual(self.said().count("the target is there again"), 2)
        self.end(p)

    def test_no_target(self):
        self.assertIn("Is weftd running?", self.ctl("watch", status=1))
        p = self.watch("--follow")
        self.seen("Is weftd running?")
        self.end(p)


if __name__ == "__main__":
    unittest.main()
