# SPDX-License-Identifier: BSD-3-Clause
"""What users arrive with, word for word, in the files beside this one, and what a test
changes of it: addresses, paths, the transport, and devices that this build lacks.

F0.conf a file of 2018; F2.txt command lines, `/` between two names of one command and
`->` before what it prints; F3.json what nvmetcli saved; F3.fio the tests of its users,
`...` being the options of the line before."""
import os
import re
import shlex

HERE = os.path.dirname(os.path.realpath(__file__))


def words_of(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return f.read()


def changed(text, changes):
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def f0(devices, addresses, port, trtype="TCP"):
    """F0.conf; devices: the section that makes Nvme0n1 and Nvme1n1."""
    text = re.sub(r"\[Nvme\]\n( +.*\n)+", lambda _: devices, words_of("F0.conf"))
    assert devices in text
    old = ("192.168.11.11:4420", "192.168.12.11:4420")
    return changed(text, [(f"Listen RDMA {there}", f"Listen {trtype} {here}:{port}")
                          for there, here in zip(old, addresses)])


def f2():
    """(command and its arguments, what it prints or None), in order."""
    found = []
    for line in words_of("F2.txt").splitlines():
        line, _, printed = line.partition("->")
        for part in line.split(" ; "):
            argv = shlex.split(part, comments=True)
            names = [argv.pop(0)]
            while argv[:1] == ["/"]:
                names.append(argv.pop(1))
                argv.pop(0)
            out = printed.split()[-1] if printed else None
            found += [([name, *argv], out) for name in names]
    return found


def f3(address, port="4420", device="/dev/nullb0", portid=1, trtype="tcp"):
    """F3.json, over TCP unless another is given."""
    return changed(words_of("F3.json"), [
        ('"trtype": "rdma"', f'"trtype": "{trtype}"'), ("192.168.11.100", address),
        ('"4420"', f'"{port}"'), ("/dev/nullb0", device), ('"portid": 1', f'"portid": {portid}')])


def f3_fio(seconds):
    """The two fio lines as lists, to run for so long."""
    first, second = (shlex.split(line) for line in words_of("F3.fio").splitlines())
    given = {option.split("=")[0] for option in second}
    assert second.pop() == "..."
    second += [option for option in first[1:] if option.split("=")[0] not in given]
    assert "--runtime=10" in first
    return [[f"--runtime={seconds}" if o == "--runtime=10" else o for o in line]
            for line in (first, second)]
