#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""weftd on real files and loop devices, with weft-host: data, sizes, restarts, both engines."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BIN = sys.argv.pop(1)
NQN = "nqn.2016-06.io.spdk:cnode1"
MIB = 1 << 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Files(unittest.TestCase):
    engine = "auto"

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.socket = self.path("s")
        self.port = free_port()
        self.daemon = None
        self.disk = self.path("disk.img")
        self.truncate(self.disk, 16 * MIB)

    def tearDown(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.kill()
        if self.daemon:
            self.daemon.wait()
            self.daemon.stderr.close()
        self.dir.cleanup()

    def path(self, name):
        return os.path.join(self.dir.name, name)

    @staticmethod
    def truncate(path, size):
        with open(path, "ab") as f:
            f.truncate(size)

    def start(self, *args):
        if self.daemon:
            self.daemon.stderr.close()
        self.daemon = subprocess.Popen([BIN + "/weftd", "-r", self.socket, "--files", self.engine,
                                        *args], stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.daemon.poll() is None:
            if subprocess.run([BIN + "/weftctl", "-s", self.socket, "framework_wait_init"],
                              capture_output=True).returncode == 0:
                return
        self.fail("weftd does not serve")

    def end(self):
        self.daemon.send_signal(signal.SIGTERM)
        err = self.daemon.stderr.read()
        self.assertEqual(self.daemon.wait(30), 0, err)

    def ctl(self, *args, status=0):
        r = subprocess.run([BIN + "/weftctl", "-s", self.socket, *args], capture_output=True,
                           text=True, timeout=60)
        self.assertEqual(r.returncode, status, r.stderr)
        return r.stdout if status == 0 else r.stderr

    def bdev(self, name="D"):
        return json.loads(self.ctl("bdev_get_bdevs", "-b", name))[0]

    def host(self, command, *args):
        r = subprocess.run([BIN + "/weft-host", command, "-t", "tcp", "-a", "127.0.0.1", "-s",
                            str(self.port), "-n", NQN, *args], capture_output=True, text=True,
                           timeout=120)
        self.assertEqual(r.returncode, 0, r.stderr + r.stdout)
        return r.stdout

    def serve(self, bdev="D"):
        self.ctl("nvmf_create_transport", "-t", "tcp")
        self.ctl("nvmf_create_subsystem", NQN, "-a", "-s", "SN1")
        self.ctl("nvmf_subsystem_add_ns", NQN, bdev)
        self.ctl("nvmf_subsystem_add_listener", NQN, "-t", "tcp", "-a", "127.0.0.1", "-s",
                 str(self.port))

    def bytes_seen(self):
        """The size of the namespace as a host that connects now sees it."""
        ns = json.loads(self.host("identify", "--json"))["namespaces"][0]
        return ns["nsze"] * ns["block_size"]

    def wait_for(self, what, wanted):
        end = time.monotonic() + 30
        while what() != wanted:
            self.assertLess(time.monotonic(), end, "still %s" % what())
            time.sleep(0.05)

    def test_data(self):
        """All blocks as written, also after a restart with what was saved; and they are in the
        file."""
        self.start()
        self.assertEqual(self.ctl("bdev_aio_create", self.disk, "D", "512"), "D\n")
        self.serve()
        self.host("verify", "-N", "1", "-T", "1", "-q", "64")
        with open(self.disk, "rb") as f:
            self.assertTrue(any(f.read(4 * MIB)))
        before = self.bdev()
        config = self.path("config.json")
        with open(config, "w") as f:
            f.write(self.ctl("save_config"))
        self.daemon.kill()
        self.daemon.wait()
        self.start("-c", config)
        self.assertEqual(self.bdev(), before)
        self.host("verify", "-N", "1", "-T", "1")
        self.end()

    def test_size(self):
        """What truncate does reaches the bdev and the host by itself."""
        self.start()
        self.ctl("bdev_uring_create", self.disk, "D")
        self.serve()
        self.assertEqual(self.bytes_seen(), 16 * MIB)
        self.truncate(self.disk, 24 * MIB)
        self.wait_for(self.bytes_seen, 24 * MIB)
        self.host("verify", "-N", "1", "-T", "1")
        self.truncate(self.disk, 8 * MIB)
        self.ctl("bdev_uring_rescan", "D")
        self.assertEqual(self.bdev()["num_blocks"] * self.bdev()["block_size"], 8 * MIB)
        self.wait_for(self.bytes_seen, 8 * MIB)
        self.ctl("bdev_uring_delete", "D")
        self.end()

    def test_same_uuid(self):
        """The object is what counts, not its name; two objects differ."""
        self.start()
        other = self.path("other.img")
        self.truncate(other, MIB)
        os.symlink(self.disk, self.path("link"))
        self.ctl("bdev_aio_create", self.disk, "D")
        uuid = self.bdev()["uuid"]
        self.assertIn("there is a bdev with uuid",
                      self.ctl("bdev_aio_create", self.path("link"), "L", status=1))
        self.ctl("bdev_aio_delete", "D")
        os.rename(self.disk, self.path("moved.img"))
        self.ctl("bdev_uring_create", self.path("moved.img"), "D")
        self.assertEqual(self.bdev()["uuid"], uuid)
        self.ctl("bdev_aio_create", other, "O")
        self.assertNotEqual(self.bdev("O")["uuid"], uuid)
        self.end()

    def test_refusals(self):
        self.start()
        for path, why in ((self.path("none"), "No such file"), (self.dir.name, "Is a directory"),
                          ("/dev/null", "neither a regular file nor a block device")):
            self.assertIn(why, self.ctl("bdev_aio_create", path, "D", status=1))
        read_only = self.path("ro.img")
        self.truncate(read_only, MIB)
        self.ctl("bdev_aio_create", "--readonly", read_only, "R")
        self.assertFalse(self.bdev("R")["supported_io_types"]["write"])
        self.end()

    def test_loop_device(self):
        """Grown by losetup -c; uuid and block size are the device's."""
        r = subprocess.run(["losetup", "--sector-size", "4096", "-f", "--show", self.disk],
                           capture_output=True, text=True)
        if r.returncode != 0:
            self.skipTest("no loop device to be had: " + r.stderr.strip())
        device = r.stdout.strip()
        try:
            self.start()
            self.ctl("bdev_aio_create", device, "D")
            self.assertEqual(self.bdev()["block_size"], 4096)
            self.serve()
            self.host("verify", "-N", "1", "-T", "1")
            self.truncate(self.disk, 32 * MIB)
            subprocess.run(["losetup", "-c", device], check=True)
            self.wait_for(self.bytes_seen, 32 * MIB)
            self.assertIn("cannot be written by halves",
                          self.ctl("bdev_aio_create", device, "E", "512", status=1))
            self.ctl("bdev_aio_delete", "D")
            # The reply came after the device was closed.
            subprocess.run(["losetup", "-d", device], check=True)
            self.end()
        finally:
            subprocess.run(["losetup", "-d", device], capture_output=True)


class FilesByThreads(Files):
    engine = "threads"


if __name__ == "__main__":
    unittest.main(verbosity=2)
