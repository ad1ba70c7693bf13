/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets against a second table of opcodes, written from the specification and
 * not from the first: every opcode with every length, pad and version.
 */
#include <glib.h>
#include <string.h>

#include "hw/roce/bytes.h"
#include "hw/roce/wire.h"

/* W: a whole MTU; L: at least a byte; O: any; N: no payload. */
static const struct {
	uint8_t opcode, head_len;
	char payload;
} expected[] = {
	{ 0, 12, 'W' },	 { 1, 12, 'W' },  { 2, 12, 'L' },  { 3, 16, 'L' },   { 4, 12, 'O' },
	{ 5, 16, 'O' },	 { 6, 28, 'W' },  { 7, 12, 'W' },  { 8, 12, 'L' },   { 9, 16, 'L' },
	{ 10, 28, 'O' }, { 11, 32, 'O' }, { 12, 28, 'N' }, { 13, 16, 'W' },  { 14, 12, 'W' },
	{ 15, 16, 'L' }, { 16, 16, 'O' }, { 17, 16, 'N' }, { 18, 24, 'N' },  { 19, 40, 'N' },
	{ 20, 40, 'N' }, { 22, 16, 'L' }, { 23, 16, 'O' }, { 100, 20, 'O' }, { 129, 28, 'N' },
};

static int find(unsigned opcode)
{
	for (size_t i = 0; i < G_N_ELEMENTS(expected); i++)
		if (expected[i].opcode == opcode)
			return (int)i;
	return -1;
}

static enum roce_error expected_payload(char payload, size_t len)
{
	if (payload == 'N')
		return len > 0 ? ROCE_PAYLOAD_UNEXPECTED : ROCE_OK;
	if (len > 4096)
		return ROCE_PAYLOAD_TOO_LONG;
	if (payload == 'W')
		return len == 256 || len == 512 || len == 1024 || len == 2048 || len == 4096
			       ? ROCE_OK
			       : ROCE_PAYLOAD_NOT_MTU;
	return payload == 'L' && len == 0 ? ROCE_PAYLOAD_MISSING : ROCE_OK;
}

static enum roce_error expected_error(unsigned opcode, unsigned version, size_t pad, size_t len)
{
	const int i = find(opcode);
	size_t rest;

	if (len < 16)
		return ROCE_TOO_SHORT;
	if (len % 4 != 0)
		return ROCE_UNALIGNED;
	if (version != 0)
		return ROCE_BAD_VERSION;
	if (i < 0)
		return ROCE_BAD_OPCODE;
	if (len < expected[i].head_len + 4u)
		return ROCE_HEADERS_CUT;
	rest = len - expected[i].head_len - 4;
	if (pad > 0 && expected[i].payload == 'N')
		return ROCE_PAD_WITHOUT_PAYLOAD;
	if (pad > rest)
		return ROCE_PAD_TOO_LONG;
	return expected_payload(expected[i].payload, rest - pad);
}

/* The packet ends where the memory ends, so that ASan sees a read beyond it. */
static void parse_at_end(uint8_t *end, unsigned opcode, unsigned version, unsigned pad, size_t len)
{
	const enum roce_error want = expected_error(opcode, version, pad, len);
	uint8_t *data = end - len;
	struct roce_packet p;
	enum roce_error got;

	if (len > 0)
		data[0] = (uint8_t)opcode;
	if (len > 1)
		data[1] = (uint8_t)(pad << 4 | version);
	got = roce_packet_parse(&p, data, len);
	if (got != want)
		g_error("opcode %u, version %u, pad %u, length %zu: \"%s\", not \"%s\"", opcode,
			version, pad, len, roce_error_str(got), roce_error_str(want));
	if (got == ROCE_OK) {
		const size_t head_len = expected[find(opcode)].head_len;

		g_assert_true(p.payload == data + head_len);
		g_assert_cmpuint(p.payload_len, ==, len - head_len - pad - 4);
	} else {
		g_assert_null(p.payload);
		g_assert_cmpuint(p.payload_len, ==, 0);
	}
	if (len > 1)
		data[0] = data[1] = 0;
}

static void test_every_length(void)
{
	const size_t most = ROCE_PACKET_MAX + 8;
	g_autofree uint8_t *memory = g_malloc0(most);
	unsigned seen[ROCE_ERRORS] = { 0 };

	for (unsigned opcode = 0; opcode < 256; opcode++) {
		const bool known = find(opcode) >= 0;

		g_assert_true((roce_opcode_info((uint8_t)opcode) != NULL) == known);
		for (size_t len = 0; len <= (known ? most : 64); len++) {
			for (unsigned pad = 0; pad < 4; pad++) {
				parse_at_end(memory + most, opcode, 0, pad, len);
				seen[expected_error(opcode, 0, pad, len)]++;
			}
			parse_at_end(memory + most, opcode, 1, 0, len);
			parse_at_end(memory + most, opcode, 15, 3, len);
			seen[expected_error(opcode, 1, 0, len)]++;
		}
	}
	for (int i = 0; i < ROCE_NO_ROOM; i++)
		g_assert_cmpuint(seen[i], >, 0);
}

/* Building refuses what parsing does, and nothing else. */
static void test_build_every_length(void)
{
	static uint8_t zeros[ROCE_MTU_MAX + 8];
	uint8_t buf[ROCE_PACKET_MAX + 16];

	for (unsigned opcode = 0; opcode < 256; opcode++) {
		const int i = find(opcode);

		for (size_t len = 0; len <= sizeof(zeros); len++) {
			struct roce_packet p = { .opcode = (uint8_t)opcode }, back;
			const struct iovec iov = { zeros, len };
			const enum roce_error want =
				i < 0 ? ROCE_BAD_OPCODE
				      : expected_payload(expected[i].payload, len);
			size_t total = 0;

			g_assert_cmpint(roce_packet_build(&p, &iov, 1, buf, sizeof(buf), &total),
					==, want);
			if (want != ROCE_OK)
				continue;
			g_assert_cmpuint(total, ==, expected[i].head_len + (len + 3) / 4 * 4 + 4);
			g_assert_cmpint(roce_packet_parse(&back, buf, total), ==, ROCE_OK);
			g_assert_cmpuint(back.payload_len, ==, len);
		}
	}
}

static uint64_t rand64(GRand *r)
{
	const uint64_t high = g_rand_int(r);

	return high << 32 | g_rand_int(r);
}

static struct roce_packet any_packet(GRand *r, uint8_t opcode)
{
	struct roce_packet p = { .opcode = opcode, .info = roce_opcode_info(opcode) };
	const unsigned bits = g_rand_int(r);
	const unsigned ext = p.info->ext;

	p.solicited = bits & 1;
	p.migrated = bits & 2;
	p.fecn = bits & 4;
	p.becn = bits & 8;
	p.ack_request = bits & 16;
	p.pkey = (uint16_t)g_rand_int(r);
	p.dest_qp = g_rand_int(r) & 0xffffff;
	p.psn = g_rand_int(r) & 0xffffff;
	if (ext & (ROCE_EXT_RETH | ROCE_EXT_ATOMIC))
		p.va = rand64(r);
	if (ext & (ROCE_EXT_RETH | ROCE_EXT_ATOMIC | ROCE_EXT_IETH))
		p.rkey = g_rand_int(r);
	if (ext & ROCE_EXT_RETH)
		p.dma_len = g_rand_int(r);
	if (ext & ROCE_EXT_IMM)
		p.imm = g_rand_int(r);
	if (ext & ROCE_EXT_AETH) {
		p.syndrome = (uint8_t)g_rand_int(r);
		p.msn = g_rand_int(r) & 0xffffff;
	}
	if (ext & ROCE_EXT_DETH) {
		p.qkey = g_rand_int(r);
		p.src_qp = g_rand_int(r) & 0xffffff;
	}
	if (ext & ROCE_EXT_ATOMIC) {
		p.swap_add = rand64(r);
		p.compare = rand64(r);
	}
	if (ext & ROCE_EXT_ATOMIC_ACK)
		p.original = rand64(r);
	return p;
}

static size_t some_length(GRand *r, const struct roce_opcode_info *info)
{
	if (info->payload_max == 0)
		return 0;
	if (info->whole_mtu)
		return (size_t)256 << g_rand_int_range(r, 0, 5);
	return (size_t)g_rand_int_range(r, info->payload_min, info->payload_max + 1);
}

static void check_round(GRand *r, uint8_t opcode)
{
	struct roce_packet p = any_packet(r, opcode), back;
	const size_t len = some_length(r, p.info);
	const size_t a = len / 3, b = len / 2;
	uint8_t data[ROCE_MTU_MAX], buf[ROCE_PACKET_MAX + 1];
	const struct iovec iov[] = {
		{ data, a }, { NULL, 0 }, { data + a, b - a }, { data + b, len - b }
	};
	size_t total;

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	memset(buf, 0xee, sizeof(buf));
	g_assert_cmpint(roce_packet_build(&p, iov, 4, buf, sizeof(buf), &total), ==, ROCE_OK);
	g_assert_cmphex(buf[total], ==, 0xee);
	g_assert_cmpint(roce_packet_parse(&back, buf, total), ==, ROCE_OK);
	g_assert_cmpmem(back.payload, back.payload_len, data, len);
	for (size_t i = 0; i < back.pad + 4u; i++)
		g_assert_cmphex(buf[total - 1 - i], ==, 0);
	g_assert_cmphex(back.icrc, ==, 0);
	p.payload = back.payload;
	p.payload_len = (uint32_t)len;
	p.pad = (uint8_t)(-len & 3);
	g_assert_true(p.va == back.va && p.rkey == back.rkey && p.dma_len == back.dma_len);
	g_assert_true(p.imm == back.imm && p.msn == back.msn && p.syndrome == back.syndrome);
	g_assert_true(p.qkey == back.qkey && p.src_qp == back.src_qp);
	g_assert_true(p.swap_add == back.swap_add && p.compare == back.compare);
	g_assert_true(p.original == back.original && p.pad == back.pad && p.pkey == back.pkey);
	g_assert_true(p.solicited == back.solicited && p.migrated == back.migrated);
	g_assert_true(p.fecn == back.fecn && p.becn == back.becn);
	g_assert_true(p.ack_request == back.ack_request);
	g_assert_true(p.dest_qp == back.dest_qp && p.psn == back.psn && p.info == back.info);
	/* No room: nothing is written, and the length is told. */
	memset(buf, 0xee, sizeof(buf));
	g_assert_cmpint(roce_packet_build(&p, iov, 4, buf, total - 1, &total), ==, ROCE_NO_ROOM);
	g_assert_cmphex(buf[0], ==, 0xee);
	g_assert_cmpuint(total, ==, p.info->head_len + (len + 3) / 4 * 4 + 4);
}

#define SEED 6

static void test_round(void)
{
	g_autoptr(GRand) r = g_rand_new_with_seed(SEED);

	g_test_message("seed %d", SEED);
	for (size_t i = 0; i < G_N_ELEMENTS(expected); i++)
		for (int n = 0; n < 200; n++)
			check_round(r, expected[i].opcode);
}

/* Numbers too wide for their place leave the reserved bits beside it alone. */
static void test_wide(void)
{
	const struct roce_packet p = { .opcode = ROCE_UD_SEND_ONLY,
				       .dest_qp = 0xff000001,
				       .psn = 0x1000002,
				       .src_qp = 0xab000003 };
	uint8_t buf[64];
	size_t len;

	g_assert_cmpint(roce_packet_build(&p, NULL, 0, buf, sizeof(buf), &len), ==, ROCE_OK);
	g_assert_cmphex(roce_get32(buf + 4), ==, 1);
	g_assert_cmphex(roce_get32(buf + 8), ==, 2);
	g_assert_cmphex(roce_get32(buf + 16), ==, 3);
}

static void test_bth_bytes(void)
{
	static const uint8_t bytes[] = { 0x04, 0xc0, 0x12, 0x34, 0xc0, 0xab, 0xcd, 0xef,
					 0x80, 0x56, 0x78, 0x9a, 0x11, 0x22, 0x33, 0x44 };
	struct roce_packet p;

	g_assert_cmpint(roce_packet_parse(&p, bytes, sizeof(bytes)), ==, ROCE_OK);
	g_assert_true(p.solicited && p.migrated && p.fecn && p.becn && p.ack_request);
	g_assert_cmphex(p.pkey, ==, 0x1234);
	g_assert_cmphex(p.dest_qp, ==, 0xabcdef);
	g_assert_cmphex(p.psn, ==, 0x56789a);
	g_assert_cmphex(p.icrc, ==, 0x44332211);
	g_assert_cmpstr(p.info->name, ==, "SEND Only");
}

static void test_psn(void)
{
	g_autoptr(GRand) r = g_rand_new_with_seed(SEED);

	g_test_message("seed %d", SEED);
	g_assert_cmphex(roce_psn_add(0xffffff, 1), ==, 0);
	g_assert_cmphex(roce_psn_add(0xfffffe, 5), ==, 3);
	g_assert_cmphex(roce_psn_add(2, (uint32_t)-3), ==, 0xffffff);
	g_assert_cmpint(roce_psn_diff(0, 0xffffff), ==, 1);
	g_assert_cmpint(roce_psn_diff(0xffffff, 0), ==, -1);
	g_assert_cmpint(roce_psn_diff(0x800000, 0), ==, -0x800000);
	g_assert_cmpint(roce_psn_diff(0, 0x800000), ==, -0x800000);
	g_assert_cmpint(roce_psn_diff(0x7fffff, 0), ==, 0x7fffff);
	g_assert_cmpint(roce_psn_cmp(0, 0xffffff), ==, 1);
	g_assert_cmpint(roce_psn_cmp(0xffffff, 0), ==, -1);
	g_assert_cmpint(roce_psn_cmp(77, 77), ==, 0);
	for (int i = 0; i < 20000; i++) {
		const uint32_t b = g_rand_int(r) & ROCE_PSN_MASK;
		const int32_t d = g_rand_int_range(r, -0x800000, 0x800000);
		const uint32_t a = roce_psn_add(b, (uint32_t)d);

		g_assert_cmpint(roce_psn_diff(a, b), ==, d);
		g_assert_cmpint(roce_psn_cmp(a, b), ==, (d > 0) - (d < 0));
		if (d != -0x800000)
			g_assert_cmpint(roce_psn_diff(b, a), ==, -d);
	}
}

/* The specification's tables, in units of 10 us and in WQEs. */
static const uint32_t rnr[32] = { 65536, 1,    2,    3,	    4,	   6,	  8,	 12,
				  16,	 24,   32,   48,    64,	   96,	  128,	 192,
				  256,	 384,  512,  768,   1024,  1536,  2048,	 3072,
				  4096,	 6144, 8192, 12288, 16384, 24576, 32768, 49152 };

static void test_aeth(void)
{
	for (uint8_t i = 0; i < 32; i++) {
		g_assert_cmpuint(roce_rnr_timer_ns(i), ==, rnr[i] * UINT64_C(10000));
		g_assert_cmpuint(roce_rnr_timer_value(rnr[i] * UINT64_C(10000)), ==, i);
		g_assert_cmpuint(roce_rnr_timer_value(rnr[i] * UINT64_C(10000) - 1), ==, i);
		g_assert_cmpuint(roce_credits(i), ==, i == 0 ? 0 : i == 31 ? UINT32_MAX : rnr[i]);
		if (i == 0 || i == 31)
			continue;
		g_assert_cmpuint(roce_credits_value(rnr[i]), ==, i);
		g_assert_cmpuint(roce_credits_value(rnr[i] - 1), ==, i - 1);
	}
	g_assert_cmpuint(roce_credits_value(UINT32_MAX), ==, 30);
	g_assert_cmpuint(roce_rnr_timer_value(UINT64_MAX), ==, 0);
	g_assert_cmpuint(roce_rnr_timer_value(0), ==, 1);
	g_assert_cmpint(roce_aeth_kind(0x1f), ==, ROCE_AETH_ACK);
	g_assert_cmpint(roce_aeth_kind(0x20), ==, ROCE_AETH_RNR);
	g_assert_cmpint(roce_aeth_kind(0x40), ==, ROCE_AETH_RESERVED);
	g_assert_cmpint(roce_aeth_kind(0x63), ==, ROCE_AETH_NAK);
	g_assert_cmpint(roce_aeth_kind(0x80), ==, ROCE_AETH_RESERVED);
	g_assert_cmpint(roce_aeth_kind(0xe0), ==, ROCE_AETH_RESERVED);
	g_assert_cmphex(roce_aeth_syndrome(ROCE_AETH_NAK, ROCE_NAK_REMOTE_ACCESS), ==, 0x62);
	g_assert_cmphex(roce_aeth_value(0x63), ==, ROCE_NAK_REMOTE_OPERATIONAL);
}

static void test_texts(void)
{
	for (int i = 0; i < ROCE_ERRORS; i++)
		for (int k = 0; k < i; k++)
			g_assert_cmpstr(roce_error_str((enum roce_error)i), !=,
					roce_error_str((enum roce_error)k));
	g_assert_cmpstr(roce_error_str(ROCE_ERRORS), ==, "unknown error");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/roce/wire/every-length", test_every_length);
	g_test_add_func("/roce/wire/build-every-length", test_build_every_length);
	g_test_add_func("/roce/wire/round", test_round);
	g_test_add_func("/roce/wire/wide", test_wide);
	g_test_add_func("/roce/wire/bth-bytes", test_bth_bytes);
	g_test_add_func("/roce/wire/psn", test_psn);
	g_test_add_func("/roce/wire/aeth", test_aeth);
	g_test_add_func("/roce/wire/texts", test_texts);
	return g_test_run();
}
