/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that two Linux kernels exchanged: each is understood, its ICRC is what
 * ours would be, and written again from what was read it is the same bytes.
 *
 * usage: test-roce-kernel [--pcap=FILE]: another capture than the sample, of
 * which no kinds of packet are expected.
 */
#include <string.h>

#include "hw/roce/bytes.h"
#include "hw/roce/cm-wire.h"
#include "hw/roce/icrc.h"
#include "hw/roce/wire.h"
#include "tests/unit/roce/pcap.h"

static const char *file;
static bool is_sample = true;

struct sight {
	unsigned packets, opcodes[256], messages[32], v6, padded;
};

/* What a socket would know of the packet. */
static void flow_of(struct roce_icrc_flow *flow, const uint8_t *ip, size_t at)
{
	const bool v6 = ip[0] >> 4 == 6;
	const size_t n = v6 ? 16 : 4;
	struct net_addr from = { .family = v6 ? NET_INET6 : NET_INET }, to = from;

	from.port = roce_get16(ip + at - 8);
	to.port = roce_get16(ip + at - 6);
	memcpy(from.ip, ip + at - 8 - 2 * n, n);
	memcpy(to.ip, ip + at - 8 - n, n);
	roce_icrc_flow_init(flow, &from, &to);
	if (!v6)
		roce_icrc_flow_set_id(flow, roce_get16(ip + 4), roce_get16(ip + 6));
}

/* As a socket sees it: without identification and flags. The kernel counts the first up. */
static void check_any_id(const uint8_t *ip, const struct roce_icrc_flow *flow, const uint8_t *data,
			 size_t len)
{
	struct roce_icrc_ids *ids = roce_icrc_ids_new(ROCE_PACKET_MAX);
	g_autofree uint8_t *broken = g_memdup2(data, len);
	struct roce_icrc_flow socket = *flow;

	if (ip[0] >> 4 == 4) {
		roce_icrc_flow_set_id(&socket, 0, ROCE_IP_DF);
		g_assert_true(roce_icrc_good_any_id(ids, &socket, data, len));
		for (size_t i = 0; i < len; i++) {
			broken[i] ^= 0x10;
			/* Bits that switches change are not covered. */
			g_assert_true(roce_icrc_good_any_id(ids, &socket, broken, len) == (i == 4));
			broken[i] ^= 0x10;
		}
	}
	roce_icrc_ids_free(ids);
}

/* Into one buffer, and around the payload where it is. */
static void write_again(const struct roce_packet *p, const struct roce_icrc_flow *flow,
			const uint8_t *data, size_t len)
{
	const struct iovec payload = { (void *)p->payload, p->payload_len };
	uint8_t copy[ROCE_PACKET_MAX];
	struct roce_frame frame;
	size_t copy_len;

	g_assert_cmpint(roce_packet_build(p, &payload, 1, copy, sizeof(copy), &copy_len), ==,
			ROCE_OK);
	roce_packet_seal(copy, copy_len, flow);
	g_assert_cmpmem(copy, copy_len, data, len);

	g_assert_cmpint(roce_frame_build(&frame, p, p->payload_len), ==, ROCE_OK);
	roce_frame_seal(&frame, flow, &payload, 1);
	g_assert_cmpmem(frame.head, frame.head_len, data, p->info->head_len);
	g_assert_cmpmem(frame.tail, frame.tail_len, data + len - frame.tail_len, frame.tail_len);
}

static void check_cm(const struct roce_packet *p, struct sight *sight)
{
	uint8_t again[ROCE_MAD_LEN], ip_again[ROCE_CM_IP_LEN];
	struct roce_cm cm;
	struct roce_cm_ip ip;
	enum roce_cm_error error = roce_cm_decode(&cm, p->payload, p->payload_len);

	if (error != ROCE_CM_OK)
		g_error("%s", roce_cm_error_str(error));
	g_assert_cmpuint(p->dest_qp, ==, ROCE_GSI_QPN);
	g_assert_cmphex(p->qkey, ==, ROCE_GSI_QKEY);
	sight->messages[cm.mad.attribute & 31]++;
	g_assert_cmpint(roce_cm_encode(&cm, again), ==, ROCE_CM_OK);
	g_assert_cmpmem(again, sizeof(again), p->payload, p->payload_len);
	if (cm.mad.attribute != ROCE_CM_REQ)
		return;
	g_assert_true(roce_cm_ip_decode(&ip, cm.private_data, cm.private_len));
	roce_cm_ip_encode(&ip, ip_again);
	g_assert_cmpmem(ip_again, sizeof(ip_again), cm.private_data, sizeof(ip_again));
	/* A GID is the address, an IPv4 one mapped. */
	g_assert_cmpmem(cm.req.primary.local_gid + (ip.version == 4 ? 12 : 0),
			ip.version == 4 ? 4 : 16, ip.from, ip.version == 4 ? 4 : 16);
}

static void check(const uint8_t *ip, size_t ip_len, struct sight *sight)
{
	enum roce_ip_error ip_error;
	struct roce_icrc_flow flow;
	struct roce_packet p;
	enum roce_error error;
	size_t at, len;

	ip_error = roce_ip_check(ip, ip_len, &at, &len);
	if (ip_error != ROCE_IP_OK)
		g_error("packet %u: %s", sight->packets + 1, roce_ip_error_str(ip_error));
	flow_of(&flow, ip, at);
	g_assert_true(roce_icrc_good(&flow, ip + at, len));
	check_any_id(ip, &flow, ip + at, len);
	error = roce_packet_parse(&p, ip + at, len);
	if (error != ROCE_OK)
		g_error("packet %u: %s", sight->packets + 1, roce_error_str(error));
	g_assert_cmphex(p.icrc, ==,
			roce_icrc(&flow, &(struct iovec){ (void *)(ip + at), len - 4 }, 1));
	write_again(&p, &flow, ip + at, len);
	sight->packets++;
	sight->opcodes[p.opcode]++;
	sight->v6 += ip[0] >> 4 == 6;
	sight->padded += p.pad != 0;
	if (p.opcode == ROCE_UD_SEND_ONLY)
		check_cm(&p, sight);
}

static void test_all(void)
{
	static const uint8_t opcodes[] = {
		ROCE_SEND_FIRST,
		ROCE_SEND_LAST,
		ROCE_SEND_ONLY,
		ROCE_WRITE_FIRST,
		ROCE_WRITE_MIDDLE,
		ROCE_WRITE_LAST,
		ROCE_WRITE_ONLY,
		ROCE_READ_REQUEST,
		ROCE_READ_RESPONSE_FIRST,
		ROCE_READ_RESPONSE_LAST,
		ROCE_READ_RESPONSE_MIDDLE,
		ROCE_READ_RESPONSE_ONLY,
		ROCE_ACKNOWLEDGE,
		ROCE_SEND_ONLY_INV,
		ROCE_UD_SEND_ONLY,
	};
	static const uint8_t messages[] = { ROCE_CM_REQ,     ROCE_CM_REP,  ROCE_CM_RTU,
					    ROCE_CM_REJ,     ROCE_CM_DREQ, ROCE_CM_DREP,
					    ROCE_CM_SIDR_REP };
	struct sight sight = { 0 };
	struct pcap_packet packet;
	struct pcap pcap;

	pcap_open(&pcap, file);
	while (pcap_next(&pcap, &packet))
		check(packet.ip, packet.len, &sight);
	pcap_close(&pcap);
	g_test_message("%u packets, %u of IPv6, %u padded", sight.packets, sight.v6, sight.padded);
	if (!is_sample)
		return;
	g_assert_cmpuint(sight.packets, ==, 74);
	g_assert_cmpuint(sight.v6, >, 10);
	g_assert_cmpuint(sight.v6, <, sight.packets - 10);
	g_assert_cmpuint(sight.padded, >, 3);
	for (size_t i = 0; i < G_N_ELEMENTS(opcodes); i++)
		g_assert_cmpuint(sight.opcodes[opcodes[i]], >, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(messages); i++)
		g_assert_cmpuint(sight.messages[messages[i] & 31], >, 0);
}

/* The first packet is a REQ; what tshark and its sender say of it. */
static void test_first(void)
{
	struct pcap_packet packet;
	struct roce_packet p;
	struct roce_cm_ip ip;
	struct roce_cm cm;
	struct pcap pcap;

	if (!is_sample) {
		g_test_skip("not the sample");
		return;
	}
	pcap_open(&pcap, file);
	g_assert_true(pcap_next(&pcap, &packet));
	g_assert_cmpint(roce_packet_parse(&p, packet.ip + 28, packet.len - 28), ==, ROCE_OK);
	g_assert_cmpint(roce_cm_decode(&cm, p.payload, p.payload_len), ==, ROCE_CM_OK);
	g_assert_cmphex(cm.mad.tid, ==, 0x000000023e0fd437);
	g_assert_cmphex(cm.req.local_id, ==, 0x37d40f3e);
	g_assert_cmphex(cm.req.service_id, ==, roce_cm_service_id(ROCE_IP_PROTO_TCP, 4420));
	g_assert_cmphex(cm.req.qpn, ==, 0x11);
	g_assert_cmphex(cm.req.psn, ==, 0xb14f6d);
	g_assert_cmphex(cm.req.responder_resources, ==, 0x80);
	g_assert_cmpuint(cm.req.initiator_depth, ==, 0);
	g_assert_cmpuint(cm.req.retry_count, ==, 7);
	g_assert_cmpuint(cm.req.rnr_retry_count, ==, 7);
	g_assert_cmpuint(cm.req.max_cm_retries, ==, 15);
	g_assert_cmpuint(roce_cm_mtu_bytes(cm.req.mtu), ==, 4096);
	g_assert_true(cm.req.flow_control && !cm.req.srq);
	g_assert_cmphex(cm.req.primary.flow_label, ==, 0xa2280);
	g_assert_cmpuint(cm.req.primary.packet_rate, ==, 0);
	g_assert_cmpuint(cm.req.primary.hop_limit, ==, 64);
	g_assert_cmpuint(cm.req.primary.ack_timeout, ==, 19);
	g_assert_true(roce_cm_ip_decode(&ip, cm.private_data, cm.private_len));
	g_assert_cmphex(ip.port, ==, 0xd744);
	/* NVMe/RDMA: record format, queue id, host's queue sizes. */
	g_assert_cmpmem(cm.private_data + ROCE_CM_IP_LEN, 8, "\0\0\0\0\x20\0\x1f\0", 8);
	pcap_close(&pcap);
}

/* Whether a byte of the packet may change on the way. */
static bool may_change(const uint8_t *ip, size_t at, size_t byte)
{
	const bool v6 = ip[0] >> 4 == 6;

	if (byte == at - 2 || byte == at - 1 || byte == at + 4)
		return true;
	if (v6)
		return byte == 1 || byte == 2 || byte == 3 || byte == 7;
	return byte == 1 || byte == 8 || byte == 10 || byte == 11;
}

/* Any bit turned is seen, but those that a router or a NIC may turn. */
static void test_bits(void)
{
	uint8_t copy[8192];
	struct pcap_packet packet;
	unsigned small = 0, turned = 0;
	struct pcap pcap;
	size_t at, len;

	pcap_open(&pcap, file);
	while (pcap_next(&pcap, &packet)) {
		if (packet.len > 128)
			continue;
		small++;
		memcpy(copy, packet.ip, packet.len);
		g_assert_cmpint(roce_ip_check(copy, packet.len, &at, &len), ==, ROCE_IP_OK);
		for (size_t bit = 0; bit < packet.len * 8; bit++) {
			const bool first_v6 = bit < 8 && copy[0] >> 4 == 6;
			size_t was = at;
			bool good;

			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			good = roce_ip_check(copy, packet.len, &at, &len) == ROCE_IP_OK;
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			at = was;
			if (first_v6)
				g_assert_true(good == (bit < 4));
			else
				g_assert_true(good == may_change(copy, at, bit / 8));
			turned++;
		}
	}
	pcap_close(&pcap);
	g_test_message("%u packets, %u bits", small, turned);
	g_assert_cmpuint(small, >, is_sample ? 20 : 0);
}

int main(int argc, char **argv)
{
	file = g_getenv("ROCE_KERNEL_PCAP");
	for (int i = 1; i < argc; i++) {
		if (g_str_has_prefix(argv[i], "--pcap=")) {
			file = argv[i] + strlen("--pcap=");
			is_sample = false;
			argv[i] = argv[--argc];
		}
	}
	g_test_init(&argc, &argv, NULL);
	if (!file)
		g_error("ROCE_KERNEL_PCAP or --pcap= must name a capture");
	g_test_add_func("/roce/kernel/all", test_all);
	g_test_add_func("/roce/kernel/first", test_first);
	g_test_add_func("/roce/kernel/bits", test_bits);
	return g_test_run();
}
