# SPDX-License-Identifier: BSD-3-Clause
"""The fenced blocks of a Markdown file and what their first line says of them:

    ```sh run        commands that succeed; ```output after it is what they print
    ```sh fails      a command that does not
    ```sh daemon     weftd, in another terminal: until the next of these, or the end
    ```sh            commands that a test cannot run
    ```json NAME     (any language) a file of that name
"""
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile

MARKS = {"run", "fails", "daemon"}
# What stands for something of the reader's own. Paths: below the directory of the test.
PATHS = ("/var/lib/weft", "/etc/nvmet", "/etc/weft", "/srv", "/tmp/weft.sock",
         "/run/weft/weft.sock", "/run/weft.sock", "/var/tmp/spdk.sock")
ADDRESSES = {"192.0.2.1": "127.0.0.2", "192.0.2.2": "127.0.0.3"}
PORTS = ("4420", "4421", "8009", "5260", "9604")


class Block:
    def __init__(self, path, line, words, text):
        self.where = f"{path}:{line}"
        self.language = words[0] if words else ""
        self.mark = words[1] if len(words) > 1 else ""
        self.text = text


def blocks(path):
    found, begin, words, lines = [], 0, None, []
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            m = re.match(r"(\s*)```(.*)$", line)
            if m and words is None:
                begin, indent, words, lines = n, len(m.group(1)), m.group(2).split(), []
            elif m:
                found.append(Block(os.path.basename(path), begin, words, "".join(lines)))
                words = None
            elif words is not None:
                lines.append(line[min(indent, len(line) - len(line.lstrip(" "))):])
    assert words is None, f"{path}:{begin}: a block without an end"
    return found


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


class Reader:
    """Somebody who follows a text: a directory, a shell, and a weftd in another terminal."""

    def __init__(self, programs):
        self.dir = tempfile.TemporaryDirectory()
        self.programs = programs
        self.ports = {p: free_port() for p in PORTS}
        self.daemon = None
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.dir.name + "/notify")
        self.notify.settimeout(0.05)
        for path in PATHS:
            at = os.path.dirname(path) if path.endswith(".sock") else path
            os.makedirs(self.dir.name + at, exist_ok=True)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("WEFT", "NOTIFY"))}
        self.env.update(PATH=programs + ":" + os.environ["PATH"], LC_ALL="C")
        self.shell = subprocess.Popen(["bash", "--norc"], cwd=self.dir.name, env=self.env,
                                      text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)

    def close(self):
        self.shell.stdin.close()
        self.shell.wait()
        self.shell.stdout.close()
        self.end_daemon()
        self.notify.close()
        self.dir.cleanup()

    def own(self, text):
        """The text with what the reader puts in its place."""
        text = text.replace("build/release/bin/", self.programs + "/")
        for path in PATHS:
            text = re.sub(rf"(?<![\w.]){re.escape(path)}(?![\w.])", self.dir.name + path, text)
        for old, new in ADDRESSES.items():
            text = re.sub(rf"\b{re.escape(old)}\b", new, text)
        for old, new in self.ports.items():
            text = re.sub(rf"\b{old}\b", new, text)
        return text

    def run(self, block):
        """What it prints; AssertionError when it does not end as it is marked."""
        text = self.own(block.text)
        if block.mark == "fails":
            text = f"(\n{text}\n) && echo 'this was to fail' && false || true\n"
        self.shell.stdin.write(f"{{\nset -eo pipefail\n{text}\n}} < /dev/null\n"
                               "echo; echo '== done =='\n")
        self.shell.stdin.flush()
        lines = []
        for line in self.shell.stdout:
            if line == "== done ==\n":
                break
            lines.append(line)
        else:
            raise AssertionError(f"{block.where}: a command failed:\n{text}{''.join(lines)}")
        if block.mark == "fails" and "this was to fail\n" in lines:
            raise AssertionError(f"{block.where}: it did not fail:\n{text}")
        return "".join(lines)

    def write(self, block):
        path = os.path.join(self.dir.name, self.own(block.mark))
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.own(block.text))

    def start_daemon(self, block):
        self.end_daemon()
        self.daemon = subprocess.Popen(
            ["bash", "-c", "exec " + self.own(block.text).strip()], cwd=self.dir.name, text=True,
            env=dict(self.env, NOTIFY_SOCKET=self.dir.name + "/notify"),
            stderr=subprocess.PIPE)
        while self.daemon.poll() is None:
            try:
                if "READY=1" in self.notify.recv(4096).decode():
                    return
            except TimeoutError:
                pass
        _, said = self.daemon.communicate()
        self.daemon = None
        raise AssertionError(f"{block.where}: weftd ended: {said}")

    def end_daemon(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGTERM)
            _, said = self.daemon.communicate(timeout=60)
            assert self.daemon.returncode == 0, said
        self.daemon = None

    def follow(self, path):
        """How many blocks were run. AssertionError: what does not work, and where."""
        ran, printed = 0, None
        for b in blocks(path):
            if b.language == "output":
                assert printed is not None, f"{b.where}: an output of nothing"
                compare(b, self.own(b.text), printed)
                printed = None
            elif b.language != "sh":
                if b.mark:
                    self.write(b)
            elif b.mark == "daemon":
                self.start_daemon(b)
                ran += 1
            elif b.mark:
                assert b.mark in MARKS, f"{b.where}: {b.mark}?"
                printed = self.run(b)
                ran += 1
        return ran


def compare(block, wanted, printed):
    """Each line is printed, in this order; "..." stands for anything, blanks are blanks."""
    have = iter(" ".join(line.split()) for line in printed.splitlines())
    for line in wanted.splitlines():
        pattern = r"\s*.*\s*".join(re.escape(" ".join(p.split())) for p in line.split("..."))
        if not any(re.fullmatch(pattern, h) for h in have):
            raise AssertionError(f"{block.where}: no line, or not there, like\n{line}\nin\n"
                                 + printed)


def commands(text, program):
    """The argument lists of the commands in text that call program."""
    for line in text.replace("\\\n", " ").splitlines():
        try:
            words = shlex.split(re.sub(r"\s#.*$", "", line).strip())
        except ValueError:
            continue
        if not words or words[0] != program:
            continue
        for stop in ("|", "<", ">", "&&", ";", "<<"):
            if stop in words:
                words = words[:words.index(stop)]
        yield words[1:]
