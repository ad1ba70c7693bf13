/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RoCEv2 packets: the table of opcodes, and reading and writing headers by it.
 * Both directions use the same check of lengths, so that nothing is built that
 * would not be read again.
 */
#include "hw/roce/wire.h"

#include <string.h>

#include "hw/roce/bytes.h"

#define DETH(f) ((f)&ROCE_EXT_DETH ? ROCE_DETH_LEN : 0)
#define RETH(f) ((f)&ROCE_EXT_RETH ? ROCE_RETH_LEN : 0)
#define ATOMIC(f) ((f)&ROCE_EXT_ATOMIC ? ROCE_ATOMIC_LEN : 0)
#define AETH(f) ((f)&ROCE_EXT_AETH ? ROCE_AETH_LEN : 0)
#define ATOMIC_ACK(f) ((f)&ROCE_EXT_ATOMIC_ACK ? ROCE_ATOMIC_ACK_LEN : 0)
#define IMM(f) ((f)&ROCE_EXT_IMM ? ROCE_IMM_LEN : 0)
#define IETH(f) ((f)&ROCE_EXT_IETH ? ROCE_IETH_LEN : 0)
#define CNP(f) ((f)&ROCE_EXT_CNP ? ROCE_CNP_LEN : 0)
#define HEAD_LEN(f)                                                                                \
	(ROCE_BTH_LEN + DETH(f) + RETH(f) + ATOMIC(f) + AETH(f) + ATOMIC_ACK(f) + IMM(f) +         \
	 IETH(f) + CNP(f))

#define OPCODE(op, text, what, where, flags, min, max, whole)                                      \
	[op] = { .name = text,                                                                     \
		 .kind = ROCE_KIND_##what,                                                         \
		 .place = where,                                                                   \
		 .ext = flags,                                                                     \
		 .head_len = HEAD_LEN(flags),                                                      \
		 .payload_min = min,                                                               \
		 .payload_max = max,                                                               \
		 .whole_mtu = whole }
/* First and Middle; Last; Only; and what has no payload. */
#define WHOLE(op, text, what, where, flags)                                                        \
	OPCODE(op, text, what, where, flags, ROCE_MTU_MIN, ROCE_MTU_MAX, true)
#define LAST(op, text, what, flags) OPCODE(op, text, what, ROCE_LAST, flags, 1, ROCE_MTU_MAX, false)
#define ONLY(op, text, what, flags) OPCODE(op, text, what, ROCE_ONLY, flags, 0, ROCE_MTU_MAX, false)
#define BARE(op, text, what, flags) OPCODE(op, text, what, ROCE_ONLY, flags, 0, 0, false)

static const struct roce_opcode_info opcodes[] = {
	WHOLE(ROCE_SEND_FIRST, "SEND First", SEND, ROCE_FIRST, 0),
	WHOLE(ROCE_SEND_MIDDLE, "SEND Middle", SEND, ROCE_MIDDLE, 0),
	LAST(ROCE_SEND_LAST, "SEND Last", SEND, 0),
	LAST(ROCE_SEND_LAST_IMM, "SEND Last with Immediate", SEND, ROCE_EXT_IMM),
	ONLY(ROCE_SEND_ONLY, "SEND Only", SEND, 0),
	ONLY(ROCE_SEND_ONLY_IMM, "SEND Only with Immediate", SEND, ROCE_EXT_IMM),
	WHOLE(ROCE_WRITE_FIRST, "RDMA WRITE First", WRITE, ROCE_FIRST, ROCE_EXT_RETH),
	WHOLE(ROCE_WRITE_MIDDLE, "RDMA WRITE Middle", WRITE, ROCE_MIDDLE, 0),
	LAST(ROCE_WRITE_LAST, "RDMA WRITE Last", WRITE, 0),
	LAST(ROCE_WRITE_LAST_IMM, "RDMA WRITE Last with Immediate", WRITE, ROCE_EXT_IMM),
	ONLY(ROCE_WRITE_ONLY, "RDMA WRITE Only", WRITE, ROCE_EXT_RETH),
	ONLY(ROCE_WRITE_ONLY_IMM, "RDMA WRITE Only with Immediate", WRITE,
	     ROCE_EXT_RETH | ROCE_EXT_IMM),
	BARE(ROCE_READ_REQUEST, "RDMA READ Request", READ_REQUEST, ROCE_EXT_RETH),
	WHOLE(ROCE_READ_RESPONSE_FIRST, "RDMA READ Response First", READ_RESPONSE, ROCE_FIRST,
	      ROCE_EXT_AETH),
	WHOLE(ROCE_READ_RESPONSE_MIDDLE, "RDMA READ Response Middle", READ_RESPONSE, ROCE_MIDDLE,
	      0),
	LAST(ROCE_READ_RESPONSE_LAST, "RDMA READ Response Last", READ_RESPONSE, ROCE_EXT_AETH),
	ONLY(ROCE_READ_RESPONSE_ONLY, "RDMA READ Response Only", READ_RESPONSE, ROCE_EXT_AETH),
	BARE(ROCE_ACKNOWLEDGE, "Acknowledge", ACK, ROCE_EXT_AETH),
	BARE(ROCE_ATOMIC_ACKNOWLEDGE, "ATOMIC Acknowledge", ATOMIC_ACK,
	     ROCE_EXT_AETH | ROCE_EXT_ATOMIC_ACK),
	BARE(ROCE_COMPARE_SWAP, "CmpSwap", ATOMIC, ROCE_EXT_ATOMIC),
	BARE(ROCE_FETCH_ADD, "FetchAdd", ATOMIC, ROCE_EXT_ATOMIC),
	LAST(ROCE_SEND_LAST_INV, "SEND Last with Invalidate", SEND, ROCE_EXT_IETH),
	ONLY(ROCE_SEND_ONLY_INV, "SEND Only with Invalidate", SEND, ROCE_EXT_IETH),
	ONLY(ROCE_UD_SEND_ONLY, "UD SEND Only", DATAGRAM, ROCE_EXT_DETH),
	BARE(ROCE_CNP, "CNP", CNP, ROCE_EXT_CNP),
};

_Static_assert(HEAD_LEN(ROCE_EXT_ATOMIC) == ROCE_HEAD_MAX, "the longest headers");
_Static_assert(HEAD_LEN(ROCE_EXT_RETH | ROCE_EXT_IMM) + ROCE_MTU_MAX + ROCE_ICRC_LEN ==
		       ROCE_PACKET_MAX,
	       "the longest packet");
_Static_assert(ROCE_MTU_MAX % 4 == 0, "the largest payload needs no pad");

const struct roce_opcode_info *roce_opcode_info(uint8_t opcode)
{
	if (opcode >= sizeof(opcodes) / sizeof(opcodes[0]) || opcodes[opcode].name == NULL)
		return NULL;
	return &opcodes[opcode];
}

const char *roce_error_str(enum roce_error error)
{
	static const char *const text[ROCE_ERRORS] = {
		[ROCE_OK] = "no error",
		[ROCE_TOO_SHORT] = "the packet is shorter than a BTH and an ICRC",
		[ROCE_UNALIGNED] = "the packet's length is not a multiple of four",
		[ROCE_BAD_VERSION] = "the transport header version is not 0",
		[ROCE_BAD_OPCODE] = "the opcode is unknown",
		[ROCE_HEADERS_CUT] = "the packet is shorter than the headers of its opcode",
		[ROCE_PAD_WITHOUT_PAYLOAD] = "the opcode has no payload that could be padded",
		[ROCE_PAD_TOO_LONG] = "the pad is longer than the payload",
		[ROCE_PAYLOAD_UNEXPECTED] = "the opcode has no payload, the packet has",
		[ROCE_PAYLOAD_MISSING] = "the last packet of a message has no payload",
		[ROCE_PAYLOAD_TOO_LONG] = "the payload is longer than any path MTU",
		[ROCE_PAYLOAD_NOT_MTU] =
			"the payload of a first or middle packet is not a path MTU long",
		[ROCE_NO_ROOM] = "the buffer is too small for the packet",
	};

	return error < ROCE_ERRORS ? text[error] : "unknown error";
}

/* ---- AETH ---- */

/* What RNR timers and credits count by: 1, 2, 3, 4, 6, 8, 12, 16, 24, ... */
static uint32_t step(uint8_t value)
{
	if (value <= 1)
		return value;
	return value % 2 == 0 ? 1u << value / 2 : 3u << (value - 3) / 2;
}

#define RNR_UNIT_NS 10000u
#define RNR_LONGEST 65536u /* value 0 */

uint64_t roce_rnr_timer_ns(uint8_t value)
{
	value &= 0x1f;
	return (uint64_t)RNR_UNIT_NS * (value == 0 ? RNR_LONGEST : step(value));
}

uint8_t roce_rnr_timer_value(uint64_t ns)
{
	for (uint8_t value = 1; value < 32; value++)
		if (roce_rnr_timer_ns(value) >= ns)
			return value;
	return 0;
}

uint32_t roce_credits(uint8_t value)
{
	value &= 0x1f;
	return value == ROCE_CREDITS_NONE ? UINT32_MAX : step(value);
}

uint8_t roce_credits_value(uint32_t wqes)
{
	uint8_t value = 0;

	while (value + 1 < ROCE_CREDITS_NONE && step(value + 1) <= wqes)
		value++;
	return value;
}

/* ---- reading ---- */

static bool is_mtu(size_t len)
{
	return len >= ROCE_MTU_MIN && len <= ROCE_MTU_MAX && (len & (len - 1)) == 0;
}

/* Of a packet with this payload; the pad is not part of it. */
static enum roce_error check_payload(const struct roce_opcode_info *info, size_t len)
{
	if (len > 0 && info->payload_max == 0)
		return ROCE_PAYLOAD_UNEXPECTED;
	if (len > info->payload_max)
		return ROCE_PAYLOAD_TOO_LONG;
	if (info->whole_mtu)
		return is_mtu(len) ? ROCE_OK : ROCE_PAYLOAD_NOT_MTU;
	return len < info->payload_min ? ROCE_PAYLOAD_MISSING : ROCE_OK;
}

/* padded: payload and pad. */
static enum roce_error check_pad(const struct roce_opcode_info *info, uint8_t pad, size_t padded)
{
	if (pad > 0 && info->payload_max == 0)
		return ROCE_PAD_WITHOUT_PAYLOAD;
	return pad > padded ? ROCE_PAD_TOO_LONG : ROCE_OK;
}

/* Returns TVer. */
static uint8_t get_bth(struct roce_packet *p, const uint8_t *d)
{
	p->opcode = d[0];
	p->info = roce_opcode_info(p->opcode);
	p->solicited = d[1] & 0x80;
	p->migrated = d[1] & 0x40;
	p->pad = d[1] >> 4 & 3;
	p->pkey = roce_get16(d + 2);
	p->fecn = d[4] & 0x80;
	p->becn = d[4] & 0x40;
	p->dest_qp = roce_get24(d + 5);
	p->ack_request = d[8] & 0x80;
	p->psn = roce_get24(d + 9);
	return d[1] & 0xf;
}

static void get_atomic(struct roce_packet *p, const uint8_t *d)
{
	p->va = roce_get64(d);
	p->rkey = roce_get32(d + 8);
	p->swap_add = roce_get64(d + 12);
	p->compare = roce_get64(d + 20);
}

static void get_extensions(struct roce_packet *p, const uint8_t *d)
{
	const unsigned ext = p->info->ext;

	if (ext & ROCE_EXT_DETH) {
		p->qkey = roce_get32(d);
		p->src_qp = roce_get24(d + 5);
		d += ROCE_DETH_LEN;
	}
	if (ext & ROCE_EXT_RETH) {
		p->va = roce_get64(d);
		p->rkey = roce_get32(d + 8);
		p->dma_len = roce_get32(d + 12);
		d += ROCE_RETH_LEN;
	}
	if (ext & ROCE_EXT_ATOMIC)
		get_atomic(p, d);
	if (ext & ROCE_EXT_AETH) {
		p->syndrome = d[0];
		p->msn = roce_get24(d + 1);
		d += ROCE_AETH_LEN;
	}
	if (ext & ROCE_EXT_ATOMIC_ACK)
		p->original = roce_get64(d);
	if (ext & ROCE_EXT_IMM)
		p->imm = roce_get32(d);
	if (ext & ROCE_EXT_IETH)
		p->rkey = roce_get32(d);
}

enum roce_error roce_packet_parse(struct roce_packet *p, const void *data, size_t len)
{
	const uint8_t *d = data;
	enum roce_error error;
	uint8_t version;
	size_t padded;

	memset(p, 0, sizeof(*p));
	if (len < ROCE_PACKET_MIN)
		return ROCE_TOO_SHORT;
	version = get_bth(p, d);
	if (len % 4 != 0)
		return ROCE_UNALIGNED;
	if (version != 0)
		return ROCE_BAD_VERSION;
	if (p->info == NULL)
		return ROCE_BAD_OPCODE;
	if (len < (size_t)p->info->head_len + ROCE_ICRC_LEN)
		return ROCE_HEADERS_CUT;
	padded = len - p->info->head_len - ROCE_ICRC_LEN;
	error = check_pad(p->info, p->pad, padded);
	if (error == ROCE_OK)
		error = check_payload(p->info, padded - p->pad);
	if (error != ROCE_OK)
		return error;
	get_extensions(p, d + ROCE_BTH_LEN);
	p->payload = d + p->info->head_len;
	p->payload_len = (uint32_t)(padded - p->pad);
	p->icrc = roce_get32le(d + len - ROCE_ICRC_LEN);
	return ROCE_OK;
}

/* ---- writing ---- */

static void put_bth(uint8_t *d, const struct roce_packet *p, uint8_t pad)
{
	d[0] = p->opcode;
	d[1] = (uint8_t)(p->solicited << 7 | p->migrated << 6 | pad << 4);
	roce_put16(d + 2, p->pkey);
	d[4] = (uint8_t)(p->fecn << 7 | p->becn << 6);
	roce_put24(d + 5, p->dest_qp);
	d[8] = (uint8_t)(p->ack_request << 7);
	roce_put24(d + 9, p->psn);
}

static void put_atomic(uint8_t *d, const struct roce_packet *p)
{
	roce_put64(d, p->va);
	roce_put32(d + 8, p->rkey);
	roce_put64(d + 12, p->swap_add);
	roce_put64(d + 20, p->compare);
}

static void put_extensions(uint8_t *d, const struct roce_packet *p, unsigned ext)
{
	if (ext & ROCE_EXT_DETH) {
		roce_put32(d, p->qkey);
		roce_put32(d + 4, p->src_qp & ROCE_QPN_MASK);
		d += ROCE_DETH_LEN;
	}
	if (ext & ROCE_EXT_RETH) {
		roce_put64(d, p->va);
		roce_put32(d + 8, p->rkey);
		roce_put32(d + 12, p->dma_len);
		d += ROCE_RETH_LEN;
	}
	if (ext & ROCE_EXT_ATOMIC)
		put_atomic(d, p);
	if (ext & ROCE_EXT_AETH) {
		d[0] = p->syndrome;
		roce_put24(d + 1, p->msn);
		d += ROCE_AETH_LEN;
	}
	if (ext & ROCE_EXT_ATOMIC_ACK)
		roce_put64(d, p->original);
	if (ext & ROCE_EXT_IMM)
		roce_put32(d, p->imm);
	if (ext & ROCE_EXT_IETH)
		roce_put32(d, p->rkey);
	if (ext & ROCE_EXT_CNP)
		memset(d, 0, ROCE_CNP_LEN);
}

enum roce_error roce_frame_build(struct roce_frame *f, const struct roce_packet *p,
				 size_t payload_len)
{
	const struct roce_opcode_info *info = roce_opcode_info(p->opcode);
	const uint8_t pad = (uint8_t)(-payload_len & 3);
	enum roce_error error;

	if (info == NULL)
		return ROCE_BAD_OPCODE;
	error = check_payload(info, payload_len);
	if (error != ROCE_OK)
		return error;
	put_bth(f->head, p, pad);
	put_extensions(f->head + ROCE_BTH_LEN, p, info->ext);
	f->head_len = info->head_len;
	memset(f->tail, 0, sizeof(f->tail));
	f->tail_len = (uint8_t)(pad + ROCE_ICRC_LEN);
	return ROCE_OK;
}

size_t roce_iov_len(const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	return len;
}

enum roce_error roce_packet_build(const struct roce_packet *p, const struct iovec *payload, int n,
				  void *buf, size_t cap, size_t *len)
{
	const size_t payload_len = roce_iov_len(payload, n);
	struct roce_frame f;
	enum roce_error error = roce_frame_build(&f, p, payload_len);
	uint8_t *d = buf;

	if (error != ROCE_OK)
		return error;
	*len = f.head_len + payload_len + f.tail_len;
	if (*len > cap)
		return ROCE_NO_ROOM;
	memcpy(d, f.head, f.head_len);
	d += f.head_len;
	for (int i = 0; i < n; i++) {
		if (payload[i].iov_len == 0)
			continue;
		memcpy(d, payload[i].iov_base, payload[i].iov_len);
		d += payload[i].iov_len;
	}
	memcpy(d, f.tail, f.tail_len);
	return ROCE_OK;
}
