/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RoCEv2 packets as bytes: what is between the UDP header and the end of the
 * datagram, that is the Base Transport Header, the extension headers that its
 * opcode asks for, payload, pad and ICRC. Pure functions: no state, no
 * allocation, no I/O. Numbers in structures are in host byte order.
 *
 * What is checked here is what a packet says of itself, whoever it is for. Left
 * to the owner of the queue pair: the path MTU agreed on, P_Key, Q_Key, PSN, the
 * order of opcodes, rkeys and ranges. The ICRC is in icrc.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define ROCE_UDP_PORT 4791
#define ROCE_PKEY_DEFAULT 0xffff
#define ROCE_QPN_MASK 0xffffffu
/* Queue pair 1, to which management datagrams go, and the Q_Key they carry. */
#define ROCE_GSI_QPN 1
#define ROCE_GSI_QKEY 0x80010000u

#define ROCE_MTU_MIN 256
#define ROCE_MTU_MAX 4096

#define ROCE_BTH_LEN 12
#define ROCE_RETH_LEN 16
#define ROCE_AETH_LEN 4
#define ROCE_IETH_LEN 4
#define ROCE_IMM_LEN 4
#define ROCE_DETH_LEN 8
#define ROCE_ATOMIC_LEN 28
#define ROCE_ATOMIC_ACK_LEN 8
#define ROCE_CNP_LEN 16
#define ROCE_ICRC_LEN 4
/* The longest headers: BTH and AtomicETH. */
#define ROCE_HEAD_MAX (ROCE_BTH_LEN + ROCE_ATOMIC_LEN)
#define ROCE_PAD_MAX 3
#define ROCE_PACKET_MIN (ROCE_BTH_LEN + ROCE_ICRC_LEN)
/* Headers of a packet with payload are at most BTH, RETH and ImmDt. */
#define ROCE_PACKET_MAX (ROCE_BTH_LEN + ROCE_RETH_LEN + ROCE_IMM_LEN + ROCE_MTU_MAX + ROCE_ICRC_LEN)

enum roce_opcode {
	ROCE_SEND_FIRST = 0x00,
	ROCE_SEND_MIDDLE = 0x01,
	ROCE_SEND_LAST = 0x02,
	ROCE_SEND_LAST_IMM = 0x03,
	ROCE_SEND_ONLY = 0x04,
	ROCE_SEND_ONLY_IMM = 0x05,
	ROCE_WRITE_FIRST = 0x06,
	ROCE_WRITE_MIDDLE = 0x07,
	ROCE_WRITE_LAST = 0x08,
	ROCE_WRITE_LAST_IMM = 0x09,
	ROCE_WRITE_ONLY = 0x0a,
	ROCE_WRITE_ONLY_IMM = 0x0b,
	ROCE_READ_REQUEST = 0x0c,
	ROCE_READ_RESPONSE_FIRST = 0x0d,
	ROCE_READ_RESPONSE_MIDDLE = 0x0e,
	ROCE_READ_RESPONSE_LAST = 0x0f,
	ROCE_READ_RESPONSE_ONLY = 0x10,
	ROCE_ACKNOWLEDGE = 0x11,
	ROCE_ATOMIC_ACKNOWLEDGE = 0x12,
	ROCE_COMPARE_SWAP = 0x13,
	ROCE_FETCH_ADD = 0x14,
	ROCE_SEND_LAST_INV = 0x16,
	ROCE_SEND_ONLY_INV = 0x17,
	ROCE_UD_SEND_ONLY = 0x64,
	ROCE_CNP = 0x81,
};

/* What a packet does, whichever part of its message it is. */
enum roce_kind {
	ROCE_KIND_SEND,
	ROCE_KIND_WRITE,
	ROCE_KIND_READ_REQUEST,
	ROCE_KIND_READ_RESPONSE,
	ROCE_KIND_ACK,
	ROCE_KIND_ATOMIC,
	ROCE_KIND_ATOMIC_ACK,
	ROCE_KIND_DATAGRAM,
	ROCE_KIND_CNP,
};

enum roce_place {
	ROCE_FIRST,
	ROCE_MIDDLE,
	ROCE_LAST,
	ROCE_ONLY,
};

/* Extension headers, in the order they have on the wire. */
enum roce_ext {
	ROCE_EXT_DETH = 1 << 0,
	ROCE_EXT_RETH = 1 << 1,
	ROCE_EXT_ATOMIC = 1 << 2,
	ROCE_EXT_AETH = 1 << 3,
	ROCE_EXT_ATOMIC_ACK = 1 << 4,
	ROCE_EXT_IMM = 1 << 5,
	ROCE_EXT_IETH = 1 << 6,
	ROCE_EXT_CNP = 1 << 7, /* 16 reserved bytes */
};

struct roce_opcode_info {
	const char *name; /* "SEND Last with Immediate"; NULL: no such opcode */
	uint8_t kind;	  /* enum roce_kind */
	uint8_t place;	  /* enum roce_place */
	uint8_t ext;	  /* enum roce_ext, ored */
	uint8_t head_len; /* BTH and extension headers */
	/*
	 * First and Middle carry exactly a path MTU (a power of two between these,
	 * no pad), Last at least a byte, Only any length up to the path MTU.
	 */
	uint16_t payload_min, payload_max;
	bool whole_mtu;
};

/* NULL when there is no such opcode, or none that a RoCEv2 RC or GSI port has to know. */
const struct roce_opcode_info *roce_opcode_info(uint8_t opcode);

/* ---- AETH ---- */

enum roce_aeth_kind {
	ROCE_AETH_ACK,
	ROCE_AETH_RNR,
	ROCE_AETH_RESERVED,
	ROCE_AETH_NAK,
};

enum roce_nak {
	ROCE_NAK_PSN_SEQUENCE = 0,
	ROCE_NAK_INVALID_REQUEST = 1,
	ROCE_NAK_REMOTE_ACCESS = 2,
	ROCE_NAK_REMOTE_OPERATIONAL = 3,
	ROCE_NAK_INVALID_RD_REQUEST = 4,
};

/* The value of an ACK's syndrome when no end-to-end credits are reported. */
#define ROCE_CREDITS_NONE 31

/* The syndrome's upper three bits; one with the top bit set is reserved. */
static inline enum roce_aeth_kind roce_aeth_kind(uint8_t syndrome)
{
	return syndrome & 0x80 ? ROCE_AETH_RESERVED : (enum roce_aeth_kind)(syndrome >> 5);
}

/* Its lower five: credits, RNR timer or enum roce_nak. */
static inline uint8_t roce_aeth_value(uint8_t syndrome)
{
	return syndrome & 0x1f;
}

static inline uint8_t roce_aeth_syndrome(enum roce_aeth_kind kind, uint8_t value)
{
	return (uint8_t)((unsigned)kind << 5 | (value & 0x1f));
}

/* Nanoseconds of an RNR NAK's timer value: 10 us to 655.36 ms. */
uint64_t roce_rnr_timer_ns(uint8_t value);
/* The shortest timer of at least so many; the longest there is when none is. */
uint8_t roce_rnr_timer_value(uint64_t ns);

/* Receive WQEs that a credit count stands for; UINT32_MAX for ROCE_CREDITS_NONE. */
uint32_t roce_credits(uint8_t value);
/* The largest credit count that promises no more than there are. */
uint8_t roce_credits_value(uint32_t wqes);

/* ---- PSN ---- */

#define ROCE_PSN_MASK 0xffffffu

static inline uint32_t roce_psn_add(uint32_t psn, uint32_t n)
{
	return (psn + n) & ROCE_PSN_MASK;
}

/*
 * How far a is ahead of b: -0x800000 to 0x7fffff. The farthest distance of all
 * counts as behind, so exactly half of the circle is behind any PSN.
 */
static inline int32_t roce_psn_diff(uint32_t a, uint32_t b)
{
	return (int32_t)((a - b) << 8) / 256;
}

/* Below zero when a is behind b, zero when they are one, above when a is ahead. */
static inline int roce_psn_cmp(uint32_t a, uint32_t b)
{
	int32_t d = roce_psn_diff(a, b);

	return (d > 0) - (d < 0);
}

/* ---- packets ---- */

/* Fields of headers that the opcode does not have are zero after parsing. */
struct roce_packet {
	const struct roce_opcode_info *info; /* of opcode */
	uint8_t opcode;
	uint8_t pad; /* set by roce_frame_build() */
	bool solicited, migrated, fecn, becn, ack_request;
	uint16_t pkey;
	uint32_t dest_qp, psn;

	uint64_t va;		    /* RETH, AtomicETH */
	uint32_t rkey;		    /* RETH, AtomicETH, and the key to invalidate of an IETH */
	uint32_t dma_len;	    /* RETH */
	uint32_t imm;		    /* ImmDt */
	uint32_t msn;		    /* AETH */
	uint8_t syndrome;	    /* AETH */
	uint32_t qkey, src_qp;	    /* DETH */
	uint64_t swap_add, compare; /* AtomicETH */
	uint64_t original;	    /* AtomicAckETH */

	/* Into what was parsed; not used in building. */
	const uint8_t *payload;
	uint32_t payload_len; /* without pad */
	uint32_t icrc;	      /* as roce_icrc() counts it; not checked here */
};

enum roce_error {
	ROCE_OK,
	ROCE_TOO_SHORT,	  /* less than a BTH and an ICRC */
	ROCE_UNALIGNED,	  /* the datagram's length is no multiple of four */
	ROCE_BAD_VERSION, /* TVer is not 0 */
	ROCE_BAD_OPCODE,
	ROCE_HEADERS_CUT, /* no room for the headers of its opcode */
	ROCE_PAD_WITHOUT_PAYLOAD,
	ROCE_PAD_TOO_LONG,	 /* longer than what there is of payload */
	ROCE_PAYLOAD_UNEXPECTED, /* its opcode has none */
	ROCE_PAYLOAD_MISSING,	 /* Last without a byte */
	ROCE_PAYLOAD_TOO_LONG,	 /* above the largest path MTU */
	ROCE_PAYLOAD_NOT_MTU,	 /* First or Middle whose length no path MTU has */
	ROCE_NO_ROOM,		 /* building only: the buffer is too small */
	ROCE_ERRORS,		 /* how many there are */
};

/* One sentence without a capital: "the payload is longer than any path MTU". */
const char *roce_error_str(enum roce_error error);

/*
 * Reads a UDP payload. On ROCE_OK everything of *p is set; otherwise p->info and
 * the fields of the BTH are where there was room for a BTH, for whoever counts
 * or answers. Reserved bits and the content of pad bytes are not looked at.
 */
enum roce_error roce_packet_parse(struct roce_packet *p, const void *data, size_t len);

/*
 * What comes before and after the payload, to be sent with the caller's own
 * buffers in between. tail: pad bytes of zero, then room for the ICRC.
 */
struct roce_frame {
	uint8_t head[ROCE_HEAD_MAX];
	uint8_t tail[ROCE_PAD_MAX + ROCE_ICRC_LEN];
	uint8_t head_len, tail_len;
};

/*
 * Writes the headers of *p for a payload of so many bytes, pad, and an ICRC of
 * zero. Fields wider than their place are cut. Refuses what roce_packet_parse()
 * would; then *f is undefined.
 */
enum roce_error roce_frame_build(struct roce_frame *f, const struct roce_packet *p,
				 size_t payload_len);

/*
 * The whole packet in one buffer: headers, the gathered payload, pad, ICRC of
 * zero. *len is how long it is, also when cap is too small for it: then nothing
 * is written (ROCE_NO_ROOM).
 */
enum roce_error roce_packet_build(const struct roce_packet *p, const struct iovec *payload, int n,
				  void *buf, size_t cap, size_t *len);

/* Bytes that n buffers hold together. */
size_t roce_iov_len(const struct iovec *iov, int n);
