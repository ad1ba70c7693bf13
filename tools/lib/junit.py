#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Counts test programs in what `ctest --output-junit` wrote: prints
"PASSED FAILED SKIPPED", then a line "failed: NAME" or "skipped: NAME" each."""
import sys
import xml.etree.ElementTree as ET


def main():
    passed, failed, skipped = 0, [], []
    for path in sys.argv[1:]:
        for case in ET.parse(path).getroot().iter("testcase"):
            name, status = case.get("name"), case.get("status")
            if case.find("failure") is not None or status == "fail":
                failed.append(name)
            elif status in ("notrun", "disabled") or case.find("skipped") is not None:
                # a program that could not be started at all is a failure
                reason = case.find("skipped")
                text = (reason.get("message") or "") if reason is not None else ""
                (skipped if "SKIP" in text.upper() or status == "disabled"
                 else failed).append(name)
            else:
                passed += 1
    print(passed, len(failed), len(skipped))
    for name in failed:
        print("failed:", name)
    for name in skipped:
        print("skipped:", name)


if __name__ == "__main__":
    main()
