# SPDX-License-Identifier: BSD-3-Clause
"""A throw-away Linux guest for tests: Debian's kernel in QEMU, emulated, with
this machine's root file system shared read-only under a tmpfs.

    with Guest(cpus=2, links=[("weft00", "192.0.2.2/24")]) as g:
        print(g.run("nvme", "version").out)

Every wait is bounded. A guest that panics, hangs or ends early raises
GuestError with the last lines of its console. QEMU dies with this process.
"""
import ctypes
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_console", "virtio_net",
           "virtio_rng")
NEEDS = {"qemu-system-x86_64": "qemu-system-x86", "modprobe": "kmod", "ip": "iproute2",
         "busybox": "busybox-static", "unshare": "util-linux"}
PR_SET_PDEATHSIG = 1


class GuestError(Exception):
    pass


class Done:
    """The end of a program: exit status and output."""

    def __init__(self, rc, out, err):
        self.rc, self.out, self.err = rc, out, err

    def __str__(self):
        text = (self.out + self.err).strip()
        return f"exit status {self.rc}" + (": " + text if text else "")


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def sbin_path():
    for d in ("/usr/sbin", "/sbin"):
        if d not in os.environ["PATH"].split(":"):
            os.environ["PATH"] += ":" + d


def newest_kernel():
    best = None
    for v in os.listdir("/lib/modules") if os.path.isdir("/lib/modules") else ():
        key = [int(n) if n.isdigit() else n for n in v.replace("-", ".").split(".")]
        if not os.access(f"/boot/vmlinuz-{v}", os.R_OK):
            continue
        if not os.access(f"/lib/modules/{v}/modules.dep", os.R_OK):
            continue
        if best is None or [str(k).zfill(9) for k in key] > best[0]:
            best = ([str(k).zfill(9) for k in key], v)
    return best[1] if best else None


def missing_packages():
    """The Debian packages that a guest needs and this machine lacks."""
    sbin_path()
    gone = [pkg for prog, pkg in NEEDS.items() if not shutil.which(prog)]
    if not newest_kernel():
        gone.append("linux-image-amd64")
    if not os.path.exists("/usr/bin/python3"):
        gone.append("python3")
    return sorted(gone)


def tap_namespace(*taps):
    """Move this program into a network namespace of its own that holds tap devices,
    each a name and an address, or None. True when that worked; the program is executed
    again to get there."""
    sbin_path()
    if os.environ.get("WEFT_TEST_NETNS") == "failed":
        return False
    if os.environ.get("WEFT_TEST_NETNS") != "inside":
        flags = ["-n"] if os.geteuid() == 0 else ["-r", "-n"]
        probe = ["unshare"] + flags + ["ip", "tuntap", "add", taps[0][0], "mode", "tap"]
        if subprocess.run(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode != 0:
            return False
        os.environ["WEFT_TEST_NETNS"] = "inside"
        script = [os.path.realpath(os.sys.argv[0])] + os.sys.argv[1:]
        os.execvp("unshare", ["unshare"] + flags + ["/usr/bin/python3"] + script)
    cmds = ["link set lo up"]
    for tap, address in taps:
        cmds += [f"tuntap add {tap} mode tap", f"link set {tap} up"]
        cmds += [f"addr add {address} dev {tap}"] if address else []
    for cmd in cmds:
        subprocess.run(["ip"] + cmd.split(), check=True)
    return True


def bridges(*networks):
    """As tap_namespace(), with a bridge for each network, which is a list of taps."""
    if not tap_namespace(*[(tap, None) for taps in networks for tap in taps]):
        return False
    for n, taps in enumerate(networks):
        cmds = [f"link add br{n} type bridge", f"link set br{n} up"]
        for cmd in cmds + [f"link set {tap} master br{n}" for tap in taps]:
            subprocess.run(["ip"] + cmd.split(), check=True)
    return True


def cpio_entry(name, mode, data, ino):
    head = b"070701" + b"".join(b"%08X" % n for n in (
        ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0))
    out = head + name.encode() + b"\0"
    out += b"\0" * (-len(out) % 4) + data
    return out + b"\0" * (-len(data) % 4)


def module_files(kernel):
    """The files of MODULES with what they depend on, in loading order."""
    base = f"/lib/modules/{kernel}"
    deps = {}
    with open(f"{base}/modules.dep", encoding="ascii") as f:
        for line in f:
            path, _, rest = line.partition(":")
            deps[path.split("/")[-1].split(".")[0].replace("-", "_")] = (path, rest.split())
    order = []
    for name in MODULES:
        if name not in deps:    # built into this kernel
            continue
        path, rest = deps[name]
        for p in list(reversed(rest)) + [path]:
            if p not in order:
                order.append(p)
    return [f"{base}/{p}" for p in order]


def read_module(path):
    tool = {".xz": "xz", ".zst": "zstd", ".gz": "gzip"}.get(os.path.splitext(path)[1])
    if tool:
        return subprocess.run([tool, "-dc", path], check=True, stdout=subprocess.PIPE).stdout
    with open(path, "rb") as f:
        return f.read()


def make_initramfs(kernel, where):
    files = [("bin", stat.S_IFDIR | 0o755, b""), ("modules", stat.S_IFDIR | 0o755, b"")]
    with open(shutil.which("busybox"), "rb") as f:
        files.append(("bin/busybox", stat.S_IFREG | 0o755, f.read()))
    with open(f"{HERE}/init", "rb") as f:
        files.append(("init", stat.S_IFREG | 0o755, f.read()))
    files.append(("agent", stat.S_IFREG | 0o644, f"{HERE}/agent.py\n".encode()))
    names = []
    for path in module_files(kernel):
        names.append(os.path.basename(path).split(".ko")[0] + ".ko")
        files.append(("modules/" + names[-1], stat.S_IFREG | 0o644, read_module(path)))
    files.append(("modules/list", stat.S_IFREG | 0o644, "".join(n + "\n" for n in names).encode()))
    files.append(("TRAILER!!!", 0, b""))
    with open(where, "wb") as f:
        for ino, (name, mode, data) in enumerate(files, 1):
            f.write(cpio_entry(name, mode, data, ino))


class Guest:
    """links: (tap, address with prefix length) of each network interface; a tap's
    name ends in two digits that no other guest on its link has."""

    def __init__(self, cpus=2, memory="1G", links=(), accel="tcg,thread=multi",
                 boot_timeout=240, append=""):
        gone = missing_packages()
        if gone:
            raise GuestError("a guest needs: apt-get install --no-install-recommends "
                             + " ".join(gone))
        self.kernel = newest_kernel()
        self.dir = tempfile.mkdtemp(prefix="weft-guest-")
        self.qemu = self.sock = None
        self.buf = b""
        self.links = links
        try:
            self._start(cpus, memory, accel, append)
            self._greet(boot_timeout)
        except BaseException:
            self.close(force=True)
            raise

    def _start(self, cpus, memory, accel, append):
        make_initramfs(self.kernel, f"{self.dir}/initramfs")
        argv = ["qemu-system-x86_64", "-M", "q35", "-accel", accel, "-cpu", "max",
                "-smp", str(cpus), "-m", memory, "-nodefaults", "-no-user-config", "-no-reboot",
                "-nographic", "-kernel", f"/boot/vmlinuz-{self.kernel}",
                "-initrd", f"{self.dir}/initramfs",
                "-append", "console=ttyS0 quiet panic=-1 oops=panic net.ifnames=0 mitigations=off "
                           "tsc=reliable no_timer_check random.trust_cpu=on " + append,
                "-serial", f"file:{self.dir}/console",
                "-fsdev", "local,id=lower,path=/,security_model=none,readonly=on,multidevs=remap",
                "-device", "virtio-9p-pci,fsdev=lower,mount_tag=lower",
                "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,path={self.dir}/agent,server=on,wait=off",
                "-device", "virtserialport,chardev=agent,name=weft.agent"]
        for n, (tap, _) in enumerate(self.links):
            argv += ["-netdev", f"tap,id=net{n},ifname={tap},script=no,downscript=no",
                     "-device", f"virtio-net-pci,netdev=net{n},mac=52:54:00:77:00:{tap[-2:]},"
                                "romfile="]
        with open(f"{self.dir}/qemu.log", "wb") as log:
            self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                         preexec_fn=die_with_parent)

    def _greet(self, timeout):
        end = time.monotonic() + timeout
        while True:
            self._check_alive()
            try:
                self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.sock.connect(f"{self.dir}/agent")
                break
            except OSError:
                self.sock.close()
                if time.monotonic() > end:
                    raise GuestError("QEMU does not answer") from None
                time.sleep(0.05)
        self._receive(end - time.monotonic(), "did not finish booting")
        for n, (_, address) in enumerate(self.links):
            for cmd in (f"addr add {address} dev eth{n}", f"link set eth{n} up"):
                self.must("ip", *cmd.split())

    def _check_alive(self):
        if self.qemu.poll() is not None:
            raise GuestError("the guest ended early; its console says:\n" + self.console_tail())

    def console_tail(self, lines=40):
        text = ""
        for name in ("console", "qemu.log"):
            try:
                with open(f"{self.dir}/{name}", errors="replace", encoding="utf-8") as f:
                    text += "\n".join(f.read().replace("\r", "").splitlines()[-lines:]) + "\n"
            except OSError:
                pass
        return text

    def _receive(self, timeout, what):
        end = time.monotonic() + timeout
        while b"\n" not in self.buf:
            left = end - time.monotonic()
            if left <= 0:
                raise GuestError(f"the guest {what} in {timeout:.0f} s; its console says:\n"
                                 + self.console_tail())
            self.sock.settimeout(min(left, 1.0))
            try:
                chunk = self.sock.recv(65536)
            except TimeoutError:
                self._check_alive()
                continue
            if not chunk:
                time.sleep(0.5)
                raise GuestError("the guest ended early; its console says:\n"
                                 + self.console_tail())
            self.buf += chunk
        line, self.buf = self.buf.split(b"\n", 1)
        return json.loads(line)

    def ask(self, op, timeout=60, **args):
        """One request to the agent. The guest itself keeps the time; the extra
        here is for a guest that has stopped."""
        self.sock.sendall(json.dumps(dict(args, op=op, timeout=timeout)).encode() + b"\n")
        answer = self._receive(timeout + 60, f"did not answer '{op}'")
        if "error" in answer:
            raise GuestError(f"{op} {args}: {answer['error']}")
        return answer

    def run(self, *argv, timeout=60):
        a = self.ask("run", timeout=timeout, argv=argv)
        return Done(a["rc"], a["out"], a["err"])

    def must(self, *argv, timeout=60):
        done = self.run(*argv, timeout=timeout)
        if done.rc != 0:
            raise GuestError(f"{' '.join(argv)}: {done}")
        return done

    def spawn(self, argv, log):
        return self.ask("spawn", argv=argv, log=log)["pid"]

    def reap(self, pid, sig=None, timeout=30):
        return self.ask("reap", timeout=timeout, pid=pid, signal=sig)["rc"]

    def read(self, path):
        return self.ask("read", path=path)["text"]

    def write(self, path, text):
        self.ask("write", path=path, text=text)

    def nvme(self):
        return self.ask("nvme")

    def close(self, force=False):
        if self.qemu and self.qemu.poll() is None:
            try:
                if not force and self.sock:
                    self.ask("off", timeout=5)
                    self.qemu.wait(30)
            except (GuestError, OSError, subprocess.TimeoutExpired):
                pass
            if self.qemu.poll() is None:
                self.qemu.kill()
                self.qemu.wait()
        if self.sock:
            self.sock.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(force=kind is not None)
