# SPDX-License-Identifier: BSD-3-Clause
"""NVMe/RDMA of a capture, for tests: capsules, SGLs and CQEs of every connection, and whether
the data that went to and fro is what they asked for. Beside it, what tshark makes of the same.
"""
import collections
import struct
import subprocess

import packets as roce

FABRICS, READ, WRITE = 0x7f, 2, 1
# May be under way when a controller has been shut down: event requests, and a Property Get
# that asks whether it has, of a host whose I/O queue was taken away meanwhile.
ALLOWED_OPEN = {(0x0c, None), (FABRICS, 4)}
# See tests/unit/roce/tshark.
TSHARK = ["tshark", "-2", "--disable-protocol", "rpcordma"]


class Wrong(Exception):
    pass


def same(what, want, got):
    if want != got:
        raise Wrong(f"{what}: {want} expected, {got} captured")


def tshark(file, *args):
    r = subprocess.run([*TSHARK, "-r", file, *args], capture_output=True, text=True, check=False)
    if r.returncode != 0:
        raise Wrong(f"tshark {' '.join(args)}: exit status {r.returncode}\n{r.stderr}")
    return r.stdout.splitlines()


class Command:
    """One capsule: its SQE, its SGL and what is behind it."""

    def __init__(self, capsule, qid, cut):
        self.qid, self.opcode, self.cut = qid, capsule[0], cut  # cut: into several packets
        self.cid, = struct.unpack_from("<H", capsule, 2)
        self.fctype = capsule[4] if self.opcode == FABRICS else None
        self.kind, self.inside = capsule[39], len(capsule) - 64
        self.length, = struct.unpack_from("<I", capsule, 32)
        if self.kind >> 4 in (2, 3):    # a list behind the SQE
            self.keyed = [self.block(capsule, at) for at in range(64, 64 + self.length, 16)]
        else:
            self.keyed = [self.block(capsule, 24)] if self.kind >> 4 == 4 else []
        if self.keyed:
            self.length = sum(size for _, size, _ in self.keyed)
        self.written = self.read = 0    # bytes that the target moved

    @staticmethod
    def block(data, at):
        """Address, length and key of a keyed data block descriptor."""
        address, = struct.unpack_from("<Q", data, at)
        return (address, int.from_bytes(data[at + 8:at + 11], "little"),
                int.from_bytes(data[at + 11:at + 15], "little"))

    def gave(self, va, size, key):
        return any(k == key and at <= va and va + size <= at + n for at, n, k in self.keyed)

    @property
    def from_host(self):
        """The data goes to the target: bits 1:0 of an opcode say it, of Fabrics its type."""
        return (self.fctype if self.opcode == FABRICS else self.opcode) & 3 == 1

    @property
    def sgl(self):
        return {0x40: "keyed", 0x4f: "keyed, to be invalidated", 0x01: "in the capsule",
                0x21: "list in the capsule", 0x31: "last list in the capsule"}.get(
                    self.kind, f"type {self.kind:#x}")


class Queue:
    """What a connection's capture adds up to."""

    def __init__(self, conn):
        self.conn = conn
        self.host = roce.Flow(conn.server_expects)
        self.target = roce.Flow(conn.client_expects)
        self.open, self.ended = {}, []
        self.statuses = collections.Counter()
        self.invalidated = 0
        self.whole = collections.Counter()  # capsules of one packet, repeated ones too

    def take(self, p, side):
        flow = self.host if side == 1 else self.target
        if side == 1 and p.name == "SEND Only":
            self.whole[p.payload[0]] += 1
        if not p.is_request or not flow.request(p, self.conn.mtu):
            return
        if side == 2 and p.rkey is not None and p.dma_len:
            self.transfer(p)
        while flow.messages:
            last, message = flow.messages.pop(0)
            if side == 1:
                command = Command(message, self.conn.qid,
                                  last.name != "SEND Only")
                if command.cid in self.open:
                    raise Wrong(f"command identifier {command.cid} of queue {command.qid} at "
                                f"{p.frame.time} is in use: opcode {command.opcode:#x} while "
                                f"{self.open[command.cid].opcode:#x} is under way")
                self.open[command.cid] = command
            else:
                self.complete(last, message)

    def transfer(self, p):
        """The first packet of a WRITE, or a READ request: of which command?"""
        command = next((c for c in self.open.values() if c.gave(p.va, p.dma_len, p.rkey)), None)
        if command is None:
            raise Wrong(f"{p.name} of {p.dma_len} bytes at {p.va:#x} under key {p.rkey:#x}, which "
                        "no command gave")
        if p.name == "READ Request":
            command.read += p.dma_len
        else:
            command.written += p.dma_len

    def complete(self, p, cqe):
        same("bytes of a CQE", 16, len(cqe))
        cid, status = struct.unpack_from("<HH", cqe, 12)
        command = self.open.pop(cid, None)
        if command is None:
            raise Wrong(f"a CQE for command identifier {cid}, which is not in use")
        self.statuses[status >> 1] += 1
        if p.inv is not None:
            same("the key that a response invalidates", [p.inv],
                 [key for _, _, key in command.keyed])
            same("the SGL of a command whose key is invalidated", 0x4f, command.kind)
            self.invalidated += 1
        if status >> 1 == 0 and command.opcode in (READ, WRITE) and self.conn.qid:
            same("bytes moved for an I/O (WRITE, READ)", self.due(command),
                 (command.written, command.read))
        self.ended.append(command)

    @staticmethod
    def due(command):
        if command.kind == 0x01:
            same("bytes in the capsule", command.length, command.inside)
            return 0, 0
        return (0, command.length) if command.from_host else (command.length, 0)


def check(all_packets):
    """All NVMe/RDMA connections of a capture that has them whole. Raises Wrong."""
    queues = [Queue(c) for c in roce.connections(all_packets)]
    # Numbers of queue pairs come again in time: a connection's are its own from its REP on.
    coming, places = {q.conn.replied: q for q in queues}, {}
    for p in all_packets:
        if p in coming:
            q = coming[p]
            places[q.conn.client, q.conn.server_qp] = q, 1
            places[q.conn.server, q.conn.client_qp] = q, 2
        if not p.icrc_good:
            raise Wrong(f"{p.name}, PSN {p.psn:#x}, at {p.frame.time}: the ICRC is wrong")
        if p.mad:
            continue
        if (p.src, p.dest_qp) not in places:
            raise Wrong(f"{p.name} to queue pair {p.dest_qp:#x}, which no connection has")
        q, side = places[p.src, p.dest_qp]
        q.take(p, side)
    for q in queues:
        record, qid, hrqsize, hsqsize = struct.unpack_from("<4H", q.conn.private)
        same("private data of a REQ: record format, queue, sizes", (0, True),
             (record, 0 < hrqsize and hsqsize < hrqsize + 1))
        same("private data of its REP: record format", 0,
             struct.unpack_from("<H", q.conn.reply_private)[0])
        left = {(c.opcode, c.fctype) for c in q.open.values()}
        if left - ALLOWED_OPEN or qid and left:
            raise Wrong(f"commands without a CQE: opcodes and types {left} of queue {qid}")
    return queues


def total(queues, what):
    out = collections.Counter()
    for q in queues:
        out += what(q)
    return out


def messages(all_packets):
    return collections.Counter(p.mad[0] for p in all_packets if p.mad)


FIELDS = ("infiniband.bth.opcode", "infiniband.bth.psn", "infiniband.mad.attributeid",
          "nvme.cmd.opc", "nvme.fabrics.cmd.opc", "nvme.cqe.cid", "ip.checksum.status",
          "udp.checksum.status", "_ws.expert.severity", "_ws.malformed")
WORST = 0x00600000      # a warning; an error is above


def check_tshark(file, all_packets, queues, checksums):
    """tshark finds no fault, and has the same opcodes, messages, capsules and CQEs. (It has
    none of capsules that are cut into packets, nor of their CQEs, and counts repeated ones.)"""
    options = ["-o", "ip.check_checksum:TRUE", "-o",
               f"udp.check_checksum:{'TRUE' if checksums else 'FALSE'}"]
    seen = [line.split("\t") for line in tshark(
        file, *options, "-T", "fields", "-E", "occurrence=f",
        *(a for f in FIELDS for a in ("-e", f)))]
    same("packets as tshark counts them", len(all_packets), len(seen))
    wrong = [n for n, s in enumerate(seen, 1) if s[9] or s[6] == "0" or checksums and s[7] == "0"
             or s[8] and int(s[8], 0) > WORST]
    if wrong:
        raise Wrong("tshark finds fault with frames " + ", ".join(map(str, wrong[:20])))
    same("opcodes and PSNs as tshark has them", [(p.opcode, p.psn) for p in all_packets],
         [(int(s[0], 0), int(s[1], 0)) for s in seen])
    same("messages as tshark has them", messages(all_packets),
         collections.Counter(roce.CM[int(s[2], 0)] for s in seen if s[2]))
    commands = collections.Counter(int(s[3] or s[4], 16) for s in seen if s[3] or s[4])
    same("commands as tshark has them", total(queues, lambda q: q.whole), commands)
    cqes = sum(bool(s[5]) for s in seen)
    least = sum(not c.cut for q in queues for c in q.ended)
    most = least + sum(q.target.again.total() for q in queues)
    if not least <= cqes <= most:
        raise Wrong(f"CQEs as tshark has them: {least} to {most} expected, {cqes} captured")
    return commands.total(), cqes
