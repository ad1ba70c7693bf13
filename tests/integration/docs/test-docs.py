#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The chapters of the guide that newcomers follow, and README.md, are followed here as
they stand; what the other texts have of weftctl's commands is known to it."""
import glob
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
from blocks import Reader, blocks, commands  # noqa: E402

BIN = os.path.abspath(sys.argv.pop(1))
ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
# And how many blocks there are to run at the least.
FOLLOWED = {"README.md": 2, "docs/guide/first-target.md": 10, "docs/guide/from-spdk.md": 17,
            "docs/guide/from-nvmet.md": 7}
# These take a file, or a terminal: their arguments are not looked at.
LOCAL = {"save_config", "load_config", "save_subsystem_config", "load_subsystem_config",
         "config_check", "top", "watch", "doctor"}


def follow(path):
    reader = Reader(BIN)
    try:
        return reader.follow(path)
    finally:
        reader.close()


class Followed(unittest.TestCase):
    def test_chapters(self):
        for path, least in FOLLOWED.items():
            with self.subTest(path):
                self.assertGreaterEqual(follow(os.path.join(ROOT, path)), least)

    def follow_text(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".md") as f:
            f.write(text)
            f.flush()
            return follow(f.name)

    def test_finds_what_is_wrong(self):
        """Or else the chapters are followed in vain."""
        good = ("```sh daemon\nweftd -r /tmp/weft.sock\n```\n\n1. Then:\n\n   ```sh run\n"
                "   export WEFT_SOCK=/tmp/weft.sock\n   weftctl bdev_null_create N 1 512\n   ```\n"
                "```output\nN\n```\n```ini a.conf\n[Null]\n```\n"
                "```sh run\ngrep Null a.conf; weftctl log_get_level\n```\n"
                "```output\n[...l]\n...NOTICE...\n```\n"
                "```sh fails\nweftctl bdev_null_create N 1 512\n```\n"
                "```output\n...File exists...\n```\n")
        self.assertEqual(self.follow_text(good), 4)
        for old, new, said in ((" N 1 512\n   ", " N\n   ", "a command failed"),
                               ("output\nN", "output\nM", "no line"),
                               ("[...l]\n...NOTICE...", "...NOTICE...\n[...l]", "no line"),
                               ("fails", "run", "a command failed"),
                               ("fails\nweftctl bdev_null_create N", "fails\nweftctl "
                                "bdev_null_create M", "did not fail"),
                               ("daemon\nweftd", "daemon\nweftd -m x", "weftd ended"),
                               ("sh fails", "sh fail", "fail?")):
            self.assertIn(old, good)
            with self.assertRaisesRegex(AssertionError, said.replace("?", r"\?")):
                self.follow_text(good.replace(old, new))


class Known(unittest.TestCase):
    def ctl(self, *args):
        r = subprocess.run([BIN + "/weftctl", *args], capture_output=True, text=True, timeout=60,
                           stdin=subprocess.DEVNULL)
        return "" if r.returncode == 0 else f"weftctl {' '.join(args)}: {r.stderr}"

    def check(self, text):
        """What is wrong with the commands of a text, and how many were looked at."""
        faults, n = [], 0
        for args in commands(text, "weftctl"):
            while args and args[0] in ("-s", "-p", "-t", "-r"):
                args = args[2:]
            if not args or args[0].startswith("-") or not args[0].islower():
                continue
            n += 1
            faults += filter(None, [self.ctl(args[0], "--help") if args[0] in LOCAL else
                                    self.ctl("--dry-run", *args)])
        return faults, n

    def test_commands(self):
        for path, least in (("docs/guide/*.md", 60), ("docs/metrics.md", 1),
                            ("docs/man/weftctl.1.scd", 10)):
            texts = []
            for name in glob.glob(os.path.join(ROOT, path)):
                texts += [b.text for b in blocks(name) if b.language == "sh" or not b.language]
            text = "\n".join(texts)
            if path.endswith(".scd"):
                text = text.replace("\\\\", "\\")
            faults, n = self.check(text)
            self.assertEqual(faults, [])
            self.assertGreaterEqual(n, least, path)

    def test_finds_what_is_wrong(self):
        faults, n = self.check("weftctl bdev_get_bdev   # a comment\nweftctl bdev_get_bdevs | wc\n"
                               "weftctl bdev_null_create N \\\n  1\nweftctl -s x save_confi > x\n")
        self.assertEqual((len(faults), n), (3, 4), faults)


unittest.main()
