/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ICRC against a bitwise CRC over bytes put together here, and whole packets
 * that are broken in each way. (test-kernel.c has packets of others' making.)
 */
#include "hw/roce/icrc.h"

#include <glib.h>
#include <string.h>

#include "hw/roce/bytes.h"

static uint32_t plain_crc(const uint8_t *data, size_t len)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static struct net_addr address(const char *host, const char *port)
{
	struct net_addr addr;

	g_assert_true(net_addr_parse(&addr, host, port, NULL));
	return addr;
}

/* An IP packet whose UDP payload is a SEND Only of so many bytes. Returns its length. */
static size_t make(uint8_t *ip, bool v6, size_t payload_len, struct roce_icrc_flow *flow)
{
	const struct net_addr from = address(v6 ? "2001:db8::1" : "192.0.2.1", "49152");
	const struct net_addr to = address(v6 ? "2001:db8::2" : "192.0.2.2", "4791");
	const size_t ip_len = v6 ? 40 : 20, n = v6 ? 16 : 4;
	const struct roce_packet p = { .opcode = ROCE_SEND_ONLY, .pkey = 0xffff, .dest_qp = 0x11 };
	g_autofree uint8_t *payload = g_malloc(payload_len + 1);
	const struct iovec iov = { payload, payload_len };
	size_t len;

	for (size_t i = 0; i < payload_len; i++)
		payload[i] = (uint8_t)(i * 5);
	memset(ip, 0, ip_len + 8);
	g_assert_cmpint(roce_packet_build(&p, &iov, 1, ip + ip_len + 8, 8192, &len), ==, ROCE_OK);
	ip[0] = v6 ? 0x60 : 0x45;
	roce_put16(ip + (v6 ? 4 : 2), (uint16_t)(8 + len + (v6 ? 0 : 20)));
	ip[v6 ? 6 : 9] = 17;
	ip[v6 ? 7 : 8] = 64;
	if (!v6)
		ip[6] = 0x40;
	memcpy(ip + ip_len - 2 * n, from.ip, n);
	memcpy(ip + ip_len - n, to.ip, n);
	roce_put16(ip + ip_len, 49152);
	roce_put16(ip + ip_len + 2, 4791);
	roce_put16(ip + ip_len + 4, (uint16_t)(8 + len));
	roce_icrc_flow_init(flow, &from, &to);
	roce_packet_seal(ip + ip_len + 8, len, flow);
	return ip_len + 8 + len;
}

/* The specification's masks, byte by byte. */
static uint32_t expected_crc(const uint8_t *ip, bool v6, size_t len)
{
	static const uint8_t v4_ones[] = { 1, 8, 10, 11, 26, 27, 32 };
	static const uint8_t v6_ones[] = { 1, 2, 3, 7, 46, 47, 52 };
	g_autofree uint8_t *copy = g_malloc(8 + len);

	memset(copy, 0xff, 8);
	memcpy(copy + 8, ip, len);
	for (size_t i = 0; i < sizeof(v4_ones); i++)
		copy[8 + (v6 ? v6_ones : v4_ones)[i]] = 0xff;
	if (v6)
		copy[8] |= 0x0f;
	return plain_crc(copy, 8 + len - 4);
}

static void check_length(bool v6, size_t payload_len)
{
	static uint8_t ip[9000];
	struct roce_icrc_flow flow;
	const size_t len = make(ip, v6, payload_len, &flow);
	const size_t head = v6 ? 48 : 28;
	size_t at, udp_len;

	g_assert_cmphex(roce_get32le(ip + len - 4), ==, expected_crc(ip, v6, len));
	g_assert_cmpint(roce_ip_check(ip, len, &at, &udp_len), ==, ROCE_IP_OK);
	g_assert_cmpuint(at, ==, head);
	g_assert_cmpuint(udp_len, ==, len - head);
	g_assert_true(roce_icrc_good(&flow, ip + at, udp_len));
}

static void test_lengths(void)
{
	for (size_t len = 0; len <= 300; len++) {
		check_length(false, len);
		check_length(true, len);
	}
	for (size_t len = 4089; len <= 4096; len++) {
		check_length(false, len);
		check_length(true, len);
	}
}

/* A payload in pieces, any of them empty. */
static void test_pieces(void)
{
	const struct net_addr from = address("192.0.2.1", "1"), to = address("192.0.2.2", "2");
	struct roce_packet p = { .opcode = ROCE_WRITE_ONLY_IMM, .pkey = 0xffff, .va = 77 };
	uint8_t data[103], flat[256];
	struct roce_icrc_flow flow;
	struct roce_frame frame;
	size_t len;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(3 * i);
	roce_icrc_flow_init(&flow, &from, &to);
	for (size_t a = 0; a <= sizeof(data); a += 17) {
		const size_t b = (a + sizeof(data)) / 2;
		const struct iovec iov[] = { { data, a },
					     { data + a, b - a },
					     { NULL, 0 },
					     { data + b, sizeof(data) - b } };

		g_assert_cmpint(roce_packet_build(&p, iov, 4, flat, sizeof(flat), &len), ==,
				ROCE_OK);
		roce_packet_seal(flat, len, &flow);
		g_assert_cmpint(roce_frame_build(&frame, &p, sizeof(data)), ==, ROCE_OK);
		roce_frame_seal(&frame, &flow, iov, 4);
		g_assert_cmpmem(frame.tail, frame.tail_len, flat + len - frame.tail_len,
				frame.tail_len);
		g_assert_true(roce_icrc_good(&flow, flat, len));
	}
}

/* Another direction, port, identification or flag is another ICRC; but IPv6 has no id. */
static void test_flow(void)
{
	uint8_t ip[512];
	struct roce_icrc_flow flow, other;
	size_t len = make(ip, false, 33, &flow) - 28;

	other = flow;
	roce_icrc_flow_set_id(&other, 1, ROCE_IP_DF);
	g_assert_false(roce_icrc_good(&other, ip + 28, len));
	roce_icrc_flow_set_id(&other, 0, 0);
	g_assert_false(roce_icrc_good(&other, ip + 28, len));
	roce_icrc_flow_set_id(&other, 0, ROCE_IP_DF);
	g_assert_true(roce_icrc_good(&other, ip + 28, len));
	g_assert_false(roce_icrc_good(&flow, ip + 28, len - 4));
	g_assert_false(roce_icrc_good(&flow, ip + 28, 15));
	g_assert_false(roce_icrc_good(&flow, ip + 28, 0));

	len = make(ip, true, 33, &flow) - 48;
	other = flow;
	roce_icrc_flow_set_id(&other, 1, 0);
	g_assert_true(roce_icrc_good(&other, ip + 48, len));
}

/*
 * Any identification, with DF or without, is taken, of all lengths; no other flag, and
 * of packets broken at random about one in 2^15.
 */
static void test_any_id(void)
{
	g_autofree uint8_t *ip = g_malloc0(8192);
	struct roce_icrc_ids *ids = roce_icrc_ids_new(4096 + 64);
	struct roce_icrc_flow flow, sent;
	g_autoptr(GRand) rand = g_rand_new_with_seed(5);
	unsigned taken = 0;

	for (size_t payload = 0; payload <= 4096;
	     payload = payload < 40 ? payload + 1 : 2 * payload) {
		size_t len = make(ip, false, payload, &flow) - 28;

		for (unsigned i = 0; i < 40; i++) {
			const uint16_t id = (uint16_t)g_rand_int(rand);
			uint32_t before;
			const uint16_t bad = (uint16_t)(1 << g_rand_int_range(rand, 0, 14));

			sent = flow;
			roce_icrc_flow_set_id(&sent, id, i % 2 ? ROCE_IP_DF : 0);
			roce_packet_seal(ip + 28, len, &sent);
			g_assert_true(roce_icrc_good_any_id(ids, &flow, ip + 28, len));
			before = roce_get32le(ip + 28 + len - 4);
			roce_icrc_flow_set_id(&sent, (uint16_t)(id ^ 0x1f3c),
					      i % 2 ? ROCE_IP_DF : 0);
			roce_packet_seal(ip + 28, len, &sent);
			g_assert_cmphex(roce_icrc_id_change(ids, 0x1f3c, len), ==,
					before ^ roce_get32le(ip + 28 + len - 4));
			roce_icrc_flow_set_id(&sent, id, bad | ROCE_IP_DF);
			roce_packet_seal(ip + 28, len, &sent);
			g_assert_false(roce_icrc_good_any_id(ids, &flow, ip + 28, len));
		}
	}
	for (unsigned i = 0; i < 1u << 18; i++) {
		roce_put32(ip + 28 + 12, g_rand_int(rand));
		taken += roce_icrc_good_any_id(ids, &flow, ip + 28, 100);
	}
	g_assert_cmpuint(taken, <, 24);
	g_assert_false(roce_icrc_good_any_id(ids, &flow, ip + 28, 15));
	g_assert_false(roce_icrc_good_any_id(ids, &flow, ip + 28, 4096 + 100));
	roce_icrc_ids_free(ids);
}

static void broken(const uint8_t *ip, size_t len, enum roce_ip_error want)
{
	g_autofree uint8_t *exact = g_memdup2(ip, MAX(len, 1));
	size_t at, udp_len;
	const enum roce_ip_error got = roce_ip_check(exact, len, &at, &udp_len);

	if (got != want)
		g_error("\"%s\", not \"%s\"", roce_ip_error_str(got), roce_ip_error_str(want));
	g_assert_true((at > 0) == (want == ROCE_IP_OK || want >= ROCE_IP_TOO_SHORT));
}

static void test_broken(void)
{
	uint8_t good[256], ip[256];
	struct roce_icrc_flow flow;
	size_t len;

	for (int v6 = 0; v6 < 2; v6++) {
		const size_t head = v6 ? 40 : 20, total = v6 ? 4 : 2, proto = v6 ? 6 : 9;

		len = make(good, v6, 8, &flow);
		for (size_t cut = 0; cut < len; cut++)
			broken(good, cut, ROCE_IP_CUT);
		memcpy(ip, good, sizeof(ip));
		ip[proto] = 6;
		broken(ip, len, ROCE_IP_NOT_UDP);
		ip[proto] = 17;
		roce_put16(ip + head + 4, 4);
		broken(ip, len, ROCE_IP_BAD_LENGTH);
		/* Shorter than an ICRC and a BTH, or than the UDP header. */
		roce_put16(ip + head + 4, 8 + 12);
		roce_put16(ip + total, (uint16_t)(8 + 12 + (v6 ? 0 : 20)));
		broken(ip, len, ROCE_IP_TOO_SHORT);
		roce_put16(ip + total, (uint16_t)(7 + (v6 ? 0 : 20)));
		broken(ip, len, ROCE_IP_CUT);
		memcpy(ip, good, sizeof(ip));
		ip[len - 1] ^= 1;
		broken(ip, len, ROCE_IP_BAD_ICRC);
		/* A link's padding behind it is not its own. */
		memcpy(ip, good, sizeof(ip));
		broken(ip, len + 6, ROCE_IP_OK);
		ip[0] = 0x46;
		broken(ip, len, ROCE_IP_OTHER);
	}
	make(ip, false, 8, &flow);
	ip[6] = 0x20;
	broken(ip, sizeof(ip), ROCE_IP_FRAGMENT);
	ip[6] = 0;
	ip[7] = 1;
	broken(ip, sizeof(ip), ROCE_IP_FRAGMENT);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/roce/icrc/lengths", test_lengths);
	g_test_add_func("/roce/icrc/pieces", test_pieces);
	g_test_add_func("/roce/icrc/flow", test_flow);
	g_test_add_func("/roce/icrc/any-id", test_any_id);
	g_test_add_func("/roce/icrc/broken", test_broken);
	return g_test_run();
}
