#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Process 1 of a guest: does what vm.py asks for over a virtio port.

A request is one line of JSON with an "op"; the answer is one line with its
result, or an "error". Requests are served one at a time. When the port closes,
the guest powers off.
"""
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CHILDREN = {}


def slurp(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read().strip()
    except OSError:
        return None


def op_run(req):
    """Run a program to its end; its output comes back with its exit status."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        p = subprocess.Popen(req["argv"], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                             cwd=req.get("cwd", "/"), start_new_session=True)
        try:
            rc = p.wait(req.get("timeout", 60))
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait(10)
            rc = 124
        out.seek(0)
        err.seek(0)
        return {"rc": rc, "out": out.read().decode(errors="replace"),
                "err": err.read().decode(errors="replace")}


def op_spawn(req):
    """Start a program in the background; its output goes to a file."""
    log = open(req["log"], "ab")
    p = subprocess.Popen(req["argv"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                         cwd="/", start_new_session=True)
    CHILDREN[p.pid] = p
    return {"pid": p.pid}


def op_reap(req):
    """Wait for a background program; optionally send it a signal first."""
    p = CHILDREN[req["pid"]]
    if req.get("signal"):
        p.send_signal(req["signal"])
    try:
        rc = p.wait(req.get("timeout", 30))
    except subprocess.TimeoutExpired:
        return {"rc": None}
    del CHILDREN[req["pid"]]
    return {"rc": rc}


def op_read(req):
    return {"text": slurp(req["path"])}


def op_write(req):
    with open(req["path"], "w", encoding="utf-8") as f:
        f.write(req["text"])
    return {}


def op_nvme(req):
    """What the kernel shows of NVMe: controllers and their block devices."""
    ctrls = {}
    for d in glob.glob("/sys/class/nvme/nvme*"):
        keys = ("subsysnqn", "state", "serial", "model", "cntlid", "queue_count", "transport",
                "address", "hostnqn")
        ctrls[os.path.basename(d)] = {k: slurp(f"{d}/{k}") for k in keys}
    disks = {}
    for d in glob.glob("/sys/block/nvme*"):
        if slurp(f"{d}/hidden") == "1":
            continue
        keys = ("size", "uuid", "nguid", "eui", "nsid", "wwid", "queue/logical_block_size", "ro")
        disk = {k.split("/")[-1]: slurp(f"{d}/{k}") for k in keys}
        disk["subsysnqn"] = slurp(f"{d}/device/subsysnqn")
        disk["serial"] = slurp(f"{d}/device/serial")
        disks[os.path.basename(d)] = disk
    return {"ctrls": ctrls, "disks": disks}


OPS = {"run": op_run, "spawn": op_spawn, "reap": op_reap, "read": op_read, "write": op_write,
       "nvme": op_nvme}


def find_port(name):
    for d in glob.glob("/sys/class/virtio-ports/*"):
        if slurp(f"{d}/name") == name:
            return os.open("/dev/" + os.path.basename(d), os.O_RDWR)
    raise RuntimeError("no virtio port named " + name)


def send(fd, obj):
    data = json.dumps(obj).encode() + b"\n"
    while data:
        data = data[os.write(fd, data):]


def serve(fd):
    buf = b""
    while True:
        chunk = os.read(fd, 65536)
        if not chunk:
            return
        buf += chunk
        while b"\n" in buf:
            line, buf = buf.split(b"\n", 1)
            req = json.loads(line)
            if req["op"] == "off":
                send(fd, {})
                return
            try:
                send(fd, OPS[req["op"]](req))
            except (OSError, KeyError, ValueError, subprocess.SubprocessError) as e:
                send(fd, {"error": f"{type(e).__name__}: {e}"})


def set_up():
    os.environ.update(PATH=PATH, HOME="/root", LANG="C.UTF-8", TERM="dumb")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["modprobe", "-q", "configfs"], check=False)
    for kind, at in (("configfs", "/sys/kernel/config"), ("debugfs", "/sys/kernel/debug")):
        subprocess.run(["mount", "-t", kind, kind, at], check=False, **quiet)
    os.makedirs("/dev/shm", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/dev/shm"], check=False, **quiet)
    if not os.path.exists("/dev/fd"):
        os.symlink("/proc/self/fd", "/dev/fd")


def main():
    try:
        set_up()
        fd = find_port("weft.agent")
        send(fd, {"ready": os.uname().release})
        serve(fd)
    except BaseException as e:  # the guest must end, whatever happened
        print("agent:", type(e).__name__, e, file=sys.stderr, flush=True)
    os.sync()
    with open("/proc/sysrq-trigger", "w", encoding="ascii") as f:
        f.write("o")
    signal.pause()


if __name__ == "__main__":
    main()
