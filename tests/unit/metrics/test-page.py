#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The page of the metrics, as test-metrics --page prints it: promtool finds nothing wrong
with it, its histograms add up, docs/metrics.md lists the same metrics with the same
words, and the dashboard asks for none that is not there."""
import json
import re
import shutil
import subprocess
import sys
import unittest

PROGRAM, SOURCE = sys.argv[1], sys.argv[2]
del sys.argv[1:]
PAGE = subprocess.run([PROGRAM, "--page"], capture_output=True, text=True, check=True).stdout
HELP = dict(re.findall(r"^# HELP (\S+) (.*)$", PAGE, re.M))
TYPE = dict(re.findall(r"^# TYPE (\S+) (\S+)$", PAGE, re.M))
SAMPLE = re.compile(r'^(\w+)(\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)*\})? ([0-9.]+)$')


def samples():
    for line in PAGE.splitlines():
        if not line.startswith("#"):
            yield SAMPLE.match(line).groups()


class Page(unittest.TestCase):
    @unittest.skipUnless(shutil.which("promtool"), "promtool (package prometheus) is not installed")
    def test_promtool(self):
        r = subprocess.run(["promtool", "check", "metrics"], input=PAGE, capture_output=True,
                           text=True, check=False)
        self.assertEqual((r.returncode, r.stdout + r.stderr), (0, ""))

    def test_families(self):
        self.assertEqual(set(HELP), set(TYPE))
        seen = [(name, labels) for name, labels, _ in samples()]
        self.assertEqual(len(seen), len(set(seen)), "a sample is there twice")
        for name, _ in seen:
            self.assertIn(re.sub("_(bucket|sum|count)$", "", name) if name not in TYPE else name, TYPE)

    def test_histograms(self):
        last, count, buckets = {}, {}, 0
        for name, labels, value in samples():
            if name.endswith("_bucket"):
                key = name[:-7] + re.sub(r',?le="[^"]*"', "", labels)
                self.assertGreaterEqual(int(value), last.get(key, 0), f"{name}{labels}")
                last[key] = int(value)
                buckets += 1
                if 'le="+Inf"' in labels:
                    count[key] = int(value)
        self.assertEqual(last, count)
        self.assertGreater(buckets, 0)
        for name, labels, value in samples():
            if name.endswith("_count") and name[:-6] in TYPE:
                self.assertEqual(count[name[:-6] + labels], int(value))

    def test_document(self):
        with open(SOURCE + "/docs/metrics.md", encoding="utf-8") as f:
            rows = re.findall(r"^\| `(weft_\w+)` \| (\w+) \| (.*?) \|", f.read(), re.M)
        self.assertEqual([(n, TYPE[n], HELP[n]) for n in HELP], rows)

    def test_dashboard(self):
        with open(SOURCE + "/packaging/grafana/weft.json", encoding="utf-8") as f:
            board = json.load(f)
        exprs = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
        exprs += [v["query"] for v in board["templating"]["list"] if v["type"] == "query"]
        self.assertGreater(len(exprs), 10)
        known = {name for name, _, _ in samples()}
        labels = {"instance"} | {label for _, text, _ in samples() for label in re.findall(r'(\w+)="', text or "")}
        for expr in exprs:
            names = re.findall(r"\bweft_\w+", expr)
            self.assertTrue(names, expr)
            for name in names:
                self.assertIn(name, known, expr)
            for label in re.findall(r"(\w+)\s*=~?\s*\"", expr):
                self.assertIn(label, labels, expr)


if __name__ == "__main__":
    unittest.main()
