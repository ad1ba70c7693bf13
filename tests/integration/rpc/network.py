# SPDX-License-Identifier: BSD-3-Clause
"""A network of a test's own: a namespace in which all addresses and ports are free, and a
second one behind a cable. Software RoCE needs that: it has one UDP port, at both ends."""
import os
import subprocess
import sys

NEAR, FAR = "weft0", "weft1"


def move(*argv):
    """This program is executed again, with the arguments, in a namespace of its own. False:
    that is not possible here."""
    state = os.environ.get("WEFT_TEST_NETWORK")
    if state:
        return state == "own"
    flags = ["-n"] if os.geteuid() == 0 else ["-r", "-n"]
    probe = ["unshare", *flags, "ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR]
    try:
        able = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        able = False
    os.environ["WEFT_TEST_NETWORK"] = "own" if able else "shared"
    if able:
        os.execvp("unshare", ["unshare", *flags, "sh", "-c", 'ip link set lo up && exec "$@"',
                              "sh", sys.executable, sys.argv[0], *argv])
    return False


def ip(words):
    subprocess.run(["ip", *words.split()], check=True)


class Far:
    """The other end of a cable from here. Commands are executed there when they follow within."""

    def __init__(self, near, far):
        """Addresses with their prefix lengths: ours, and those of the other end."""
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo in; exec cat"],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.within = ["nsenter", "-t", str(self.holder.pid), "-n"]
        ip(f"link add {NEAR} type veth peer name {FAR} netns {self.holder.pid}")
        for address in near:
            ip(f"addr add {address} dev {NEAR}")
        for address in far:
            self.ip(f"addr add {address} dev {FAR}")
        ip(f"link set {NEAR} up")
        self.ip(f"link set {FAR} up")

    def ip(self, words):
        subprocess.run([*self.within, "ip", *words.split()], check=True)

    def close(self):
        ip(f"link del {NEAR}")
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
