/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as a RoCEv2 packet. What is accepted lies within the input, and
 * written again from what was read it is read as the same. An ICRC that is put
 * on is good, with one bit turned it is not.
 *
 * Input: a byte (0: a UDP payload, else a whole IP packet), then the packet.
 */
#include <string.h>

#include <glib.h>

#include "hw/roce/icrc.h"
#include "hw/roce/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void same_fields(const struct roce_packet *a, const struct roce_packet *b)
{
	struct roce_packet x = *a, y = *b;

	g_assert_cmpmem(a->payload, a->payload_len, b->payload, b->payload_len);
	x.payload = y.payload = NULL;
	x.icrc = y.icrc = 0;
	/* Both began as zeros. */
	g_assert_cmpmem(&x, sizeof(x), &y, sizeof(y));
}

static void seal(uint8_t *packet, size_t len)
{
	const struct net_addr from = { .family = NET_INET6, .ip = { 1 }, .port = 49152 };
	const struct net_addr to = { .family = NET_INET6, .ip = { 2 }, .port = ROCE_UDP_PORT };
	struct roce_icrc_flow flow;

	roce_icrc_flow_init(&flow, &from, &to);
	roce_packet_seal(packet, len, &flow);
	g_assert_true(roce_icrc_good(&flow, packet, len));
	/* The last byte of the headers, payload and pad; not one that may change. */
	packet[len - ROCE_ICRC_LEN - 1] ^= 1;
	g_assert_false(roce_icrc_good(&flow, packet, len));
}

static void datagram(const uint8_t *data, size_t len)
{
	uint8_t again[ROCE_PACKET_MAX];
	struct roce_packet p, back;
	struct iovec payload;
	size_t again_len;

	if (roce_packet_parse(&p, data, len) != ROCE_OK)
		return;
	g_assert_cmpuint(p.info->head_len + p.payload_len + p.pad + ROCE_ICRC_LEN, ==, len);
	g_assert_true(p.payload == data + p.info->head_len);
	g_assert_cmpuint(len, <=, ROCE_PACKET_MAX);
	payload = (struct iovec){ (void *)p.payload, p.payload_len };
	g_assert_cmpint(roce_packet_build(&p, &payload, 1, again, sizeof(again), &again_len), ==,
			ROCE_OK);
	g_assert_cmpuint(again_len, <=, len);
	g_assert_cmpint(roce_packet_parse(&back, again, again_len), ==, ROCE_OK);
	back.pad = p.pad;
	same_fields(&p, &back);
	seal(again, again_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t at, udp_len;

	if (len == 0)
		return 0;
	if (data[0] == 0) {
		datagram(data + 1, len - 1);
		return 0;
	}
	roce_ip_check(data + 1, len - 1, &at, &udp_len);
	g_assert_cmpuint(at + udp_len, <, len);
	if (at > 0)
		datagram(data + 1 + at, udp_len);
	return 0;
}
