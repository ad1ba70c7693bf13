# SPDX-License-Identifier: BSD-3-Clause
"""What the scripts that drive a guest share: steps that say what they expect and
what they got, and what the guest's kernel shows of its NVMe devices."""
import json
import os
import re
import time

import targets
import vm
from targets import NQN

# A line of the guest's kernel log that no test should cause.
BAD_LOG = r"BUG|WARNING:|Call Trace|I/O error|digest (error|mismatch)|data_len|unexpected"


class Unexpected(Exception):
    pass


class Script:
    """Steps, in order; each says what it expects and what it got."""

    nqn = NQN

    def __init__(self, guest, target):
        self.g, self.t = guest, target
        self.passed = 0

    def step(self, title):
        print(f"\n{title}", flush=True)

    def check(self, expect, got, good):
        print(f"    expect: {expect}\n    got:    {got}    {'ok' if good else 'NOT AS EXPECTED'}",
              flush=True)
        if not good:
            raise Unexpected(expect)
        self.passed += 1

    def succeeds(self, *argv, timeout=120):
        done = self.g.run(*argv, timeout=timeout)
        last = (done.out + done.err).strip().splitlines()[-1:] or [""]
        what = " ".join(argv)
        if done.rc != 0:
            print(done.out + done.err)
        self.check(f"exit status 0 from: {what}", f"{done.rc} ({last[0][:90]})", done.rc == 0)
        return done.out

    def until(self, expect, probe, seconds=60):
        """Look at what the kernel shows until probe() gives something true."""
        end = time.monotonic() + seconds
        while True:
            seen = self.g.nvme()
            got = probe(seen)
            if got:
                self.check(expect, got, True)
                return got
            if time.monotonic() > end:
                self.check(f"{expect}, within {seconds} s", json.dumps(seen), False)
            time.sleep(0.1)

    def modules(self, guest, links):
        """What a guest needs for the target's transport over so many links."""
        guest.must("modprobe", f"nvme-{self.t.trtype}", timeout=240)
        if self.t.trtype == "rdma":
            targets.rnics(guest, links)

    def disk(self, seen, nsid):
        for name, d in seen["disks"].items():
            if (d["subsysnqn"] == self.nqn and d["nsid"] == str(nsid)
                    and d["size"] not in (None, "0")):
                return name, d
        return None

    def ctrl(self, seen):
        for name, c in seen["ctrls"].items():
            if c["subsysnqn"] == self.nqn:
                return name, c
        return None

    def sized(self, nsid, mib):
        def probe(seen):
            found = self.disk(seen, nsid)
            if found and int(found[1]["size"]) == mib * 2048:
                return f"/dev/{found[0]}, {found[1]['size']} sectors"
            return None
        return probe

    def kernel_log(self, words=BAD_LOG):
        self.step("the kernel's log")
        bad = [line for line in self.g.must("dmesg").out.splitlines() if re.search(words, line)]
        self.check("no warning, I/O or digest error", bad, not bad)


def main(build, make, doc):
    """Runs make(guest, target).run(); build() gives both, or raises. Returns the
    exit status: 0 all as expected, 1 not, 77 this machine cannot run a guest."""
    gone = vm.missing_packages()
    if gone:
        print("cannot run a guest; apt-get install --no-install-recommends " + " ".join(gone))
        return 1 if os.environ.get("WEFT_GUEST_REQUIRED") else 77
    print(doc.split("\n\n", maxsplit=1)[0])
    guest = target = script = None
    try:
        guest, target = build()
        print(f"guest: Linux {guest.kernel}; target: {target.name} at {target.address}")
        script = make(guest, target)
        script.run()
        if target.stop() != 0:
            raise Unexpected("the target ends with exit status 0")
        print(f"\n{script.passed} checks, all as expected")
        return 0
    except (Unexpected, vm.GuestError) as e:
        if target:
            print("---- the target's log\n" + target.log())
        if guest and guest.qemu.poll() is None and isinstance(e, Unexpected):
            print("---- the guest's kernel\n" + "\n".join(
                guest.run("dmesg").out.splitlines()[-30:]))
        print(f"\nFAILED after {script.passed if script else 0} good checks: {e}")
        return 1
    finally:
        if target:
            target.close()
        if guest:
            guest.close(force=True)
