# SPDX-License-Identifier: BSD-3-Clause
"""RoCEv2 packets of a capture, for tests: pcap and pcapng files, headers, ICRC, NVMe
capsules. Written from the specifications alone; it has nothing of hw/roce.

    for frame in read("all.pcapng"):
        p = parse(frame)            # None: not RoCEv2
        assert p.icrc_good
"""
import collections
import struct
import zlib

PORT = 4791
OPCODES = {
    0x00: "SEND First", 0x01: "SEND Middle", 0x02: "SEND Last", 0x03: "SEND Last Immediate",
    0x04: "SEND Only", 0x05: "SEND Only Immediate", 0x06: "WRITE First", 0x07: "WRITE Middle",
    0x08: "WRITE Last", 0x09: "WRITE Last Immediate", 0x0a: "WRITE Only",
    0x0b: "WRITE Only Immediate", 0x0c: "READ Request", 0x0d: "READ Response First",
    0x0e: "READ Response Middle", 0x0f: "READ Response Last", 0x10: "READ Response Only",
    0x11: "Acknowledge", 0x16: "SEND Last Invalidate", 0x17: "SEND Only Invalidate",
    0x64: "UD SEND Only", 0x81: "CNP"}
CODES = {name: code for code, name in OPCODES.items()}
RETH = {0x06, 0x0a, 0x0b, 0x0c}
AETH = {0x0d, 0x0f, 0x10, 0x11}
CM = {0x10: "ConnectRequest", 0x11: "MessageReceiptAck", 0x12: "ConnectReject",
      0x13: "ConnectReply", 0x14: "ReadyToUse", 0x15: "DisconnectRequest",
      0x16: "DisconnectReply", 0x17: "ServiceIdResolutionRequest",
      0x18: "ServiceIdResolutionReply"}

Frame = collections.namedtuple("Frame", "time data comment")


# --- files ------------------------------------------------------------------------------

def read(path):
    """The Ethernet frames of a file, in its order. time: seconds."""
    with open(path, "rb") as f:
        data = f.read()
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        return read_ng(data)
    return read_pcap(data)


def read_pcap(data):
    scale = {0xa1b2c3d4: 1e-6, 0xa1b23c4d: 1e-9}[struct.unpack_from("<I", data)[0]]
    frames, at = [], 24
    while at + 16 <= len(data):
        sec, frac, size, whole = struct.unpack_from("<IIII", data, at)
        if at + 16 + size > len(data):
            break       # still being written
        if size != whole:
            raise ValueError(f"packet {len(frames) + 1} was cut by the capture")
        frames.append(Frame(sec + frac * scale, data[at + 16:at + 16 + size], ""))
        at += 16 + size
    return frames


def read_ng(data):
    frames, at, units = [], 0, []
    while at + 12 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        body = data[at + 8:at + size - 4]
        at += size
        if kind == 1:           # interface: only its resolution counts here
            units.append(10.0 ** -dict(options(body, 8)).get(9, b"\x06")[0])
        elif kind == 6:         # enhanced packet
            which, high, low, size = struct.unpack_from("<IIII", body)
            comment = dict(options(body, 20 + (size + 3 & ~3))).get(1, b"")
            frames.append(Frame((high << 32 | low) * units[which], body[20:20 + size],
                                comment.decode()))
    return frames


def options(body, at):
    while at + 4 <= len(body):
        code, size = struct.unpack_from("<HH", body, at)
        if code == 0:
            return
        yield code, body[at + 4:at + 4 + size]
        at += 4 + (size + 3 & ~3)


# --- packets ------------------------------------------------------------------------------

class Packet:
    """src, dst: addresses (bytes). syndrome and msn of an AETH; va, rkey, dma_len of a
    RETH; inv of an IETH; None where the opcode has none. payload: without pad."""

    def __init__(self, frame, ip, transport, version):
        self.frame = frame
        self.version = version
        self.src, self.dst = (ip[12:16], ip[16:20]) if version == 4 else (ip[8:24], ip[24:40])
        self.ident = struct.unpack_from(">H", ip, 4)[0] if version == 4 else None
        self.tos = ip[1] if version == 4 else struct.unpack_from(">H", ip)[0] >> 4 & 0xff
        bth = transport[8:]
        self.opcode = bth[0]
        self.solicited, self.pad = bool(bth[1] & 0x80), bth[1] >> 4 & 3
        self.dest_qp = int.from_bytes(bth[5:8], "big")
        self.ack_request = bool(bth[8] & 0x80)
        self.psn = int.from_bytes(bth[9:12], "big")
        self.syndrome = self.msn = self.va = self.rkey = self.dma_len = self.inv = None
        at = 12
        if self.opcode == CODES["UD SEND Only"]:
            self.src_qp = int.from_bytes(bth[17:20], "big")
            at += 8
        if self.opcode in RETH:
            self.va, self.rkey, self.dma_len = struct.unpack_from(">QII", bth, at)
            at += 16
        if self.opcode in AETH:
            self.syndrome, self.msn = bth[at], int.from_bytes(bth[at + 1:at + 4], "big")
            at += 4
        if "Immediate" in self.name or "Invalidate" in self.name:
            self.inv = int.from_bytes(bth[at:at + 4], "big")
            at += 4
        if self.name == "CNP":
            at += 16
        self.payload = bth[at:len(bth) - 4 - self.pad]
        self.icrc = struct.unpack_from("<I", bth, len(bth) - 4)[0]
        self.icrc_good = self.icrc == icrc(ip, transport, version)

    @property
    def name(self):
        return OPCODES.get(self.opcode, f"opcode {self.opcode:#x}")

    @property
    def is_request(self):
        return self.opcode <= 0x0c or self.opcode in (0x16, 0x17)

    @property
    def is_ack(self):
        return self.opcode == 0x11 and self.syndrome >> 5 == 0

    @property
    def mad(self):
        """Its CM message: name and the 232 bytes behind the MAD's header."""
        if self.opcode != CODES["UD SEND Only"]:
            return None
        return CM.get(struct.unpack_from(">H", self.payload, 16)[0]), self.payload[24:]


def icrc(ip, transport, version):
    """CRC-32 over everything from the IP header on, eight bytes of ones before it and what
    changes on the way replaced by ones: InfiniBand A17.9.1 (RoCEv2)."""
    ip, transport = bytearray(ip), bytearray(transport[:-4])
    if version == 4:
        ip[1] = ip[8] = ip[10] = ip[11] = 0xff          # TOS, TTL, checksum
    else:
        ip[0] |= 0x0f                                   # class, flow label, hop limit
        ip[1] = ip[2] = ip[3] = ip[7] = 0xff
    transport[6] = transport[7] = 0xff                  # UDP checksum
    transport[8 + 4] = 0xff                             # BTH: FECN, BECN, reserved
    return zlib.crc32(b"\xff" * 8 + ip + transport)


def parse(frame):
    data = frame.data
    if data[12:14] == b"\x08\x00" and data[14] >> 4 == 4:
        head = (data[14] & 15) * 4
        size = struct.unpack_from(">H", data, 16)[0]
        ip, rest, version = data[14:14 + head], data[14 + head:14 + size], 4
        if ip[9] != 17:
            return None
    elif data[12:14] == b"\x86\xdd" and data[20] == 17:
        size = struct.unpack_from(">H", data, 18)[0]
        ip, rest, version = data[14:54], data[54:54 + size], 6
    else:
        return None
    if len(rest) < 8 + 12 + 4 or struct.unpack_from(">H", rest, 2)[0] != PORT:
        return None
    if len(rest) != struct.unpack_from(">H", rest, 4)[0]:
        raise ValueError(f"a UDP header says {struct.unpack_from('>H', rest, 4)[0]} bytes, IP "
                         f"{len(rest)}: was the capture made before the packets were cut?")
    return Packet(frame, ip, rest, version)


def packets(frames):
    return [p for p in map(parse, frames) if p]


def psn_diff(a, b):
    """How far a is ahead of b, on the circle."""
    return (a - b + 0x800000 & 0xffffff) - 0x800000


# --- connections -----------------------------------------------------------------------------

class Connection:
    """What a REQ and its REP agreed on. private, reply_private: of NVMe/RDMA. A PSN in a
    message is the one that its sender expects first."""

    def __init__(self, p, body):
        self.client, self.server = p.src, p.dst
        self.local_id = body[:4]
        self.client_qp = int.from_bytes(body[32:35], "big")
        self.client_expects = int.from_bytes(body[44:47], "big")
        self.mtu = 128 << (body[50] >> 4)
        self.private = body[140 + 36:]
        self.server_qp = self.server_expects = self.reply_private = self.replied = None

    @property
    def qid(self):
        return struct.unpack_from("<H", self.private, 2)[0]

    def reply(self, p, body):
        self.replied = p
        self.server_qp = int.from_bytes(body[12:15], "big")
        self.server_expects = int.from_bytes(body[20:23], "big")
        self.reply_private = body[36:]

    def has(self, p):
        """1: p is one of the client's, 2: one of the server's, 0: of another connection."""
        if p.dest_qp == self.server_qp and p.src == self.client:
            return 1
        return 2 if p.dest_qp == self.client_qp and p.src == self.server else 0


def connections(all_packets):
    """Those that were replied to, in the order of their replies."""
    asked, made = {}, []
    for p in all_packets:
        name, body = p.mad or (None, None)
        if name == "ConnectRequest":
            asked.setdefault((p.src, body[:4]), Connection(p, body))
        elif name == "ConnectReply":
            c = asked.get((p.dst, body[4:8]))
            if c and c.server_qp is None:
                c.reply(p, body)
                made.append(c)
    return made


class Flow:
    """One direction of a connection, packet by packet: which of them are new, and the
    messages that they make up."""

    def __init__(self, first_psn):
        self.next = first_psn
        self.new, self.again = collections.Counter(), collections.Counter()
        self.message = b""
        self.messages = []      # (last opcode, bytes) of every SEND

    def request(self, p, mtu):
        """A request of the sender's: False: it was sent before."""
        if psn_diff(p.psn, self.next) < 0:
            self.again[p.opcode] += 1
            return False
        if p.psn != self.next:
            raise ValueError(f"PSN {p.psn:#x} comes where {self.next:#x} should")
        self.new[p.opcode] += 1
        n = max(1, -(-p.dma_len // mtu)) if p.name == "READ Request" else 1
        self.next = p.psn + n & 0xffffff
        if p.name.startswith("SEND"):
            self.message += p.payload
            if "Last" in p.name or "Only" in p.name:
                self.messages.append((p, self.message))
                self.message = b""
        return True
