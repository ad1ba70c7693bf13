#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""RNICs by libibverbs that cannot be had: weftd and weft-host say what is wrong and what mends
it, or do without where they may. What the kernel would show of devices is files of the test's,
in a mount namespace of its own."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
OTHER = sys.argv.pop(2)  # before BIN is taken
from running import BIN, NQN, Running  # noqa: E402
import network  # noqa: E402

OWN_NETWORK = network.move(BIN, OTHER, *sys.argv[1:])
MODULE = "weft-rnic-verbs.so"
BUILD = os.path.realpath(__file__ + "/../../../../hw/linux/verbs/build.cmake")
# A /dev and a /sys/class that files can be added to.
MACHINE = """
mount --make-rprivate / && mount -t tmpfs weft "$1" && mkdir "$1/infiniband" && cd "$1"
for node in null zero random urandom; do touch $node && mount --bind /dev/$node $node; done
mount --rbind "$1" /dev && mount -t tmpfs weft /sys/class || exit 99
shift; cd /; """


def able():
    flags = ["-m"] if os.geteuid() == 0 else ["-m", "-r"]
    r = subprocess.run(["unshare", *flags, "mount", "-t", "tmpfs", "weft", "/sys/class"],
                       capture_output=True, check=False)
    return r.returncode == 0


class Verbs(Running):
    def setUp(self):
        super().setUp()
        self.bin = self.dir.name + "/bin"
        os.mkdir(self.bin)
        for name in ("weftd", "weft-host"):
            shutil.copy(f"{BIN}/{name}", self.bin)

    def module(self, path=BIN + "/" + MODULE, wants="", instead=""):
        """Beside the programs; one that wants another library, of a name of the same length."""
        with open(path, "rb") as f:
            text = f.read()
        self.assertIn(wants.encode(), text)
        with open(f"{self.bin}/{MODULE}", "wb") as f:
            f.write(text.replace(wants.encode(), instead.encode()) if wants else text)

    def said(self, *args, within=()):
        """What the log of a weftd that is told to make the transport says, and whether it does."""
        self.daemon = subprocess.Popen([*within, self.bin + "/weftd", "-r", self.path, *args],
                                       stderr=subprocess.PIPE, text=True)
        while self.run_ctl("framework_wait_init").returncode != 0:
            if self.daemon.poll() is not None:
                self.fail(self.daemon.stderr.read())
        r = self.run_ctl("nvmf_create_transport", "-t", "RDMA")
        self.daemon.terminate()
        self.assertEqual(self.daemon.wait(60), 0)
        log = self.daemon.stderr.read()
        self.daemon.stderr.close()
        self.daemon = None
        if r.returncode != 0:
            self.assertIn("the RNIC cannot be opened", r.stderr)
            self.assertIn("the log says more", r.stderr)
        return r.returncode == 0, log

    def refused(self, *parts, within=()):
        """By weftd, and by weft-host in the same words."""
        made, log = self.said("--rnic", "verbs", within=within)
        self.assertFalse(made)
        host = subprocess.run([*within, self.bin + "/weft-host", "identify", "-t", "rdma", "-a",
                               "192.0.2.1", "-n", NQN, "--rnic", "verbs"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(host.returncode, 1, host.stderr)
        for text in (log, host.stderr):
            for part in parts:
                self.assertIn(part, text)

    def test_no_module(self):
        self.refused("RDMA: there is no /", f"/{MODULE}; it belongs to weft's installation",
                     "--rnic soft does without")

    def test_another_version(self):
        self.module(OTHER)
        self.refused(f"/bin/{MODULE} is not of this build: version 0.0.1, ",
                     "install the files of one version")

    def test_other_headers(self):
        """Of the same version, but of other sources: the two would not agree on what lies where."""
        with open(f"{BIN}/{MODULE}", "rb") as f:
            build = re.search(rb"\0(\d[\w.]*-[0-9a-f]{16})\0", f.read()).group(1).decode()
        other = build[:-1] + ("1" if build[-1] == "0" else "0")
        self.module(wants=build, instead=other)
        self.refused(f"/bin/{MODULE} is not of this build: version {other}, {build} expected; "
                     "install the files of one version")

    def test_no_module_of_ours(self):
        shutil.copy("/proc/self/exe", f"{self.bin}/{MODULE}")
        self.refused(f"/bin/{MODULE} cannot be loaded: ")

    def test_no_library(self):
        for library, package in (("librdmacm", "librdmacm1"), ("libibverbs", "libibverbs1")):
            self.module(wants=library + ".so.1", instead=library + ".so.9")
            self.refused(f"/bin/{MODULE} cannot be loaded: {library}.so.9: cannot open",
                         f"apt-get install {package} brings it", "--rnic soft does without")

    def machine(self, *commands, plain=False):
        """Words before a program that is to see what these commands make."""
        flags = ["-m"] if os.geteuid() == 0 else ["-m", "-r"]
        drop = "exec setpriv --bounding-set=-all " if plain else "exec "
        script = MACHINE + "set -e; " + "; ".join(commands) + f'; {drop}"$@"'
        mounted = f"{self.dir.name}/dev"
        os.makedirs(mounted, exist_ok=True)
        return ["unshare", *flags, "sh", "-c", script, "sh", mounted]

    NODES = ("mkdir -p /sys/class/infiniband/mlx5_7 /sys/class/infiniband_verbs/uverbs3",
             "echo mlx5_7 >/sys/class/infiniband_verbs/uverbs3/ibdev")

    @unittest.skipUnless(able(), "mount namespaces cannot be made here")
    def test_nodes(self):
        """From nothing on, in the order in which they are looked for."""
        self.module()
        there = ("touch /dev/infiniband/rdma_cm",)
        self.refused("this machine has no RDMA device", "modprobe mlx5_ib",
                     within=self.machine("true"))
        self.refused("there is no /dev/infiniband/rdma_cm; modprobe rdma_ucm makes it",
                     within=self.machine(*self.NODES))
        self.refused("/dev/infiniband/rdma_cm may not be opened by user 0: chmod 0666",
                     within=self.machine(*self.NODES, *there,
                                         "chmod 0 /dev/infiniband/rdma_cm", plain=True))
        self.refused("there is no /dev/infiniband/uverbs3; modprobe ib_uverbs makes it",
                     within=self.machine(*self.NODES, *there))
        there += ("touch /dev/infiniband/uverbs3",)
        self.refused("/dev/infiniband/uverbs3 may not be opened by user 0: chmod 0666",
                     within=self.machine(*self.NODES, *there,
                                         "chmod 0 /dev/infiniband/uverbs3", plain=True))
        self.refused("libibverbs has no provider for device mlx5_7", "ibverbs-providers",
                     within=self.machine(*self.NODES, *there))

    @unittest.skipUnless(OWN_NETWORK and able(), "namespaces cannot be made here")
    def test_auto(self):
        """An RNIC that cannot be used is known of; none is nothing to speak of."""
        self.module()
        made, log = self.said(within=self.machine(*self.NODES))
        self.assertTrue(made, log)
        self.assertIn("the RNIC is not used, a software one is", log)
        self.assertIn("there is no /dev/infiniband/rdma_cm", log)
        made, log = self.said(within=self.machine("true"))
        self.assertTrue(made, log)
        self.assertNotIn("RNIC", log)


class Build(unittest.TestCase):
    """What program and module compare."""

    def made(self, version, *contents):
        with tempfile.TemporaryDirectory() as top:
            paths = [f"{top}/{n}.h" for n in range(len(contents))]
            for path, text in zip(paths, contents):
                with open(path, "w", encoding="utf-8") as f:
                    f.write(text)
            subprocess.run(["cmake", f"-DOUT={top}/out", f"-DVERSION={version}",
                            "-DFILES=" + ";".join(paths), "-P", BUILD], check=True)
            with open(f"{top}/out", encoding="utf-8") as f:
                return re.fullmatch('#define VERBS_BUILD "([^"]+)"\n', f.read()).group(1)

    def test_build(self):
        first = self.made("1.2.3", "int a;", "int b;")
        self.assertRegex(first, r"^1\.2\.3-[0-9a-f]{16}$")
        self.assertEqual(self.made("1.2.3", "int b;", "int a;"), first)
        for other in (("1.2.4", "int a;", "int b;"), ("1.2.3", "int a;", "int c;"),
                      ("1.2.3", "int a;"), ("1.2.3", "int a;", "int b;", "")):
            self.assertNotEqual(self.made(*other), first)


if __name__ == "__main__":
    unittest.main()
