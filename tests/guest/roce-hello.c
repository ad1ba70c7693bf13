/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One NVMe/RDMA connection of a Linux host over rdma_rxe, answered by hand: REQ,
 * REP, RTU, the Connect capsule and its data by RDMA READ, a completion that
 * says the host may not, by SEND with Invalidate, DREQ, DREP. What hw/roce
 * writes is thus read by a kernel and the other way round, without any engine.
 *
 * Sends through a UDP socket, as an unprivileged program would; receives whole
 * packets, so that the ICRC of each can be checked.
 *
 * usage: roce-hello ADDRESS INTERFACE
 *
 * A line on standard output for each packet; exit status 0 when all was said.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <errno.h>
#include <glib.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hw/linux/net-internal.h"
#include "hw/roce/bytes.h"
#include "hw/roce/cm-wire.h"
#include "hw/roce/icrc.h"
#include "hw/roce/wire.h"

#define WAIT_MS 120000
#define OUR_QPN 0x00abcd
#define OUR_PSN 0xffffff /* the peer's first; its next one wraps */
#define OUR_ID 0x77656674
#define CAPSULE 64
#define CONNECT_DATA 1024
/* Connect Invalid Host, and do not retry, as it stands in a completion. */
#define STATUS (0x4184 << 1)

struct hello {
	int udp, raw;
	struct net_addr us, peer;
	uint32_t peer_qpn;
	uint32_t first_psn;    /* of our requests */
	uint32_t expected_psn; /* of the peer's next request */
	uint32_t msn;
	uint8_t capsule[CAPSULE];
	bool connected, asked, answered, acked, gone;
};

static uint64_t get_le(const uint8_t *p, int n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | p[n];
	return value;
}

/* ---- packets ---- */

static bool is_v6(const struct hello *h)
{
	return h->us.family == NET_INET6;
}

static size_t addr_len(const struct hello *h)
{
	return is_v6(h) ? 16 : 4;
}

static void open_sockets(struct hello *h, const char *address, const char *interface)
{
	const int dont_fragment = IP_PMTUDISC_DO;
	struct sockaddr_ll ll = { .sll_family = AF_PACKET };
	struct sockaddr_storage in;
	socklen_t len;

	if (!net_addr_parse(&h->us, address, "4791", NULL) ||
	    sockaddr_from_net(&h->us, &in, &len) != 0)
		g_error("\"%s\" is not a numeric IP address", address);
	ll.sll_protocol = htons(is_v6(h) ? ETH_P_IPV6 : ETH_P_IP);
	ll.sll_ifindex = (int)if_nametoindex(interface);
	h->udp = socket(in.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	h->raw = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, ll.sll_protocol);
	if (h->udp < 0 || h->raw < 0 ||
	    setsockopt(h->udp, is_v6(h) ? IPPROTO_IPV6 : IPPROTO_IP,
		       is_v6(h) ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &dont_fragment,
		       sizeof(dont_fragment)) < 0 ||
	    bind(h->udp, (struct sockaddr *)&in, len) < 0 ||
	    bind(h->raw, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		g_error("%s on %s: %s", address, interface, g_strerror(errno));
}

static void send_packet(struct hello *h, struct roce_packet *p, const void *payload, size_t len)
{
	const struct iovec iov = { (void *)payload, len };
	struct sockaddr_storage to;
	struct roce_icrc_flow flow;
	uint8_t buf[ROCE_PACKET_MAX];
	size_t packet_len;
	socklen_t to_len;

	p->pkey = ROCE_PKEY_DEFAULT;
	g_assert_cmpint(roce_packet_build(p, &iov, 1, buf, sizeof(buf), &packet_len), ==, ROCE_OK);
	roce_icrc_flow_init(&flow, &h->us, &h->peer);
	roce_packet_seal(buf, packet_len, &flow);
	g_assert_cmpint(sockaddr_from_net(&h->peer, &to, &to_len), ==, 0);
	if (sendto(h->udp, buf, packet_len, 0, (struct sockaddr *)&to, to_len) < 0)
		g_error("sendto: %s", g_strerror(errno));
	printf("sent %s psn %#x\n", roce_opcode_info(p->opcode)->name, p->psn);
}

/* Whether an IP packet goes to our address and port. */
static bool is_ours(const struct hello *h, const uint8_t *ip, size_t len)
{
	const size_t head = is_v6(h) ? 40 : 20;

	return len >= head + 8 && ip[is_v6(h) ? 6 : 9] == IPPROTO_UDP &&
	       roce_get16(ip + head + 2) == ROCE_UDP_PORT &&
	       memcmp(ip + head - addr_len(h), h->us.ip, addr_len(h)) == 0;
}

/* The next RoCEv2 packet to us, into buf. */
static void receive(struct hello *h, struct roce_packet *p, uint8_t *buf, size_t size)
{
	struct pollfd wait = { .fd = h->raw, .events = POLLIN };
	enum roce_ip_error ip_error;
	enum roce_error error;
	size_t at, udp_len;
	ssize_t n;

	do {
		if (poll(&wait, 1, WAIT_MS) <= 0)
			g_error("nothing comes for %d s", WAIT_MS / 1000);
		n = recv(h->raw, buf, size, 0);
	} while (n < 0 || !is_ours(h, buf, (size_t)n));
	ip_error = roce_ip_check(buf, (size_t)n, &at, &udp_len);
	if (ip_error != ROCE_IP_OK)
		g_error("%s", roce_ip_error_str(ip_error));
	error = roce_packet_parse(p, buf + at, udp_len);
	if (error != ROCE_OK)
		g_error("%s", roce_error_str(error));
	h->peer.family = h->us.family;
	h->peer.port = ROCE_UDP_PORT;
	memcpy(h->peer.ip, buf + at - 8 - 2 * addr_len(h), addr_len(h));
}

/* ---- communication management ---- */

static void send_cm(struct hello *h, struct roce_cm *cm, enum roce_cm_kind kind, uint64_t tid)
{
	struct roce_packet p = { .opcode = ROCE_UD_SEND_ONLY,
				 .dest_qp = ROCE_GSI_QPN,
				 .qkey = ROCE_GSI_QKEY,
				 .src_qp = ROCE_GSI_QPN };
	uint8_t mad[ROCE_MAD_LEN];

	roce_cm_head(cm, kind, tid);
	g_assert_cmpint(roce_cm_encode(cm, mad), ==, ROCE_CM_OK);
	printf("sending %s\n", roce_cm_name((uint16_t)kind));
	send_packet(h, &p, mad, sizeof(mad));
}

static void on_req(struct hello *h, const struct roce_cm *req)
{
	/* Record format 0, a receive queue of 32. */
	static const uint8_t accept_data[32] = { [2] = 32 };
	struct roce_cm rep = { .private_data = accept_data, .private_len = sizeof(accept_data) };
	struct roce_cm_ip ip;
	const uint8_t *nvme;

	g_assert_true(roce_cm_ip_decode(&ip, req->private_data, req->private_len));
	g_assert_cmpuint(ip.version, ==, is_v6(h) ? 6 : 4);
	g_assert_cmpmem(ip.to, addr_len(h), h->us.ip, addr_len(h));
	g_assert_cmpmem(ip.from, addr_len(h), h->peer.ip, addr_len(h));
	g_assert_cmphex(req->req.service_id, ==, roce_cm_service_id(ROCE_IP_PROTO_TCP, 4420));
	nvme = req->private_data + ROCE_CM_IP_LEN;
	printf("REQ mtu %u, psn %#x, retries %u, rnr retries %u, responder resources %u, "
	       "record format %u, queue %u, hrqsize %u, hsqsize %u\n",
	       roce_cm_mtu_bytes(req->req.mtu), req->req.psn, req->req.retry_count,
	       req->req.rnr_retry_count, req->req.responder_resources, nvme[0], nvme[2], nvme[4],
	       nvme[6]);
	/* Each side is told where to begin by the other. */
	h->first_psn = req->req.psn;
	h->peer_qpn = req->req.qpn;
	rep.rep = (struct roce_cm_rep){ .local_id = OUR_ID,
					.remote_id = req->req.local_id,
					.qpn = OUR_QPN,
					.psn = OUR_PSN,
					.initiator_depth = 1,
					.ack_delay = 15,
					.flow_control = true,
					.rnr_retry_count = 7,
					.ca_guid = 0x020000fffe000001 };
	send_cm(h, &rep, ROCE_CM_REP, req->mad.tid);
}

static void on_cm(struct hello *h, const struct roce_packet *p)
{
	struct roce_cm cm, reply = { 0 };
	enum roce_cm_error error = roce_cm_decode(&cm, p->payload, p->payload_len);

	if (error != ROCE_CM_OK)
		g_error("%s", roce_cm_error_str(error));
	printf("received %s\n", roce_cm_name(cm.mad.attribute));
	switch (cm.mad.attribute) {
	case ROCE_CM_REQ:
		on_req(h, &cm);
		break;
	case ROCE_CM_RTU:
		g_assert_cmphex(cm.ids.remote_id, ==, OUR_ID);
		h->connected = true;
		break;
	case ROCE_CM_DREQ:
		g_assert_cmphex(cm.ids.remote_id, ==, OUR_ID);
		g_assert_cmphex(cm.ids.remote_qpn, ==, OUR_QPN);
		reply.ids = (struct roce_cm_ids){ OUR_ID, cm.ids.local_id, 0 };
		send_cm(h, &reply, ROCE_CM_DREP, cm.mad.tid);
		h->gone = true;
		break;
	default:
		g_error("%s is not expected", roce_cm_name(cm.mad.attribute));
	}
}

/* ---- the queue pair ---- */

static struct roce_packet to_peer(const struct hello *h, enum roce_opcode opcode, uint32_t psn)
{
	return (struct roce_packet){ .opcode = (uint8_t)opcode,
				     .dest_qp = h->peer_qpn,
				     .psn = psn,
				     .ack_request = opcode == ROCE_SEND_ONLY_INV };
}

static void on_capsule(struct hello *h, const struct roce_packet *p)
{
	struct roce_packet ack = to_peer(h, ROCE_ACKNOWLEDGE, p->psn);
	struct roce_packet read = to_peer(h, ROCE_READ_REQUEST, h->first_psn);

	/* One that comes again is acknowledged again, and that is all. */
	if (p->psn == h->expected_psn) {
		h->expected_psn = roce_psn_add(h->expected_psn, 1);
		h->msn++;
	}
	ack.syndrome = roce_aeth_syndrome(ROCE_AETH_ACK, ROCE_CREDITS_NONE);
	ack.msn = h->msn;
	send_packet(h, &ack, NULL, 0);
	if (h->asked)
		return;
	h->asked = true;
	g_assert_cmpuint(p->payload_len, ==, CAPSULE);
	memcpy(h->capsule, p->payload, CAPSULE);
	printf("capsule opcode %#x, fabrics type %u, data of %" G_GUINT64_FORMAT
	       " bytes, descriptor %#x, queue %" G_GUINT64_FORMAT "\n",
	       h->capsule[0], h->capsule[4], get_le(h->capsule + 32, 3), h->capsule[39],
	       get_le(h->capsule + 42, 2));
	read.va = get_le(h->capsule + 24, 8);
	read.dma_len = CONNECT_DATA;
	read.rkey = (uint32_t)get_le(h->capsule + 35, 4);
	send_packet(h, &read, NULL, 0);
}

/* The Connect data has arrived: a completion for it. */
static void on_data(struct hello *h, const struct roce_packet *p)
{
	struct roce_packet send = to_peer(h, ROCE_SEND_ONLY_INV, roce_psn_add(h->first_psn, 1));
	uint8_t cqe[16] = { [8] = 1, [14] = STATUS & 0xff, [15] = STATUS >> 8 };

	g_assert_cmphex(p->psn, ==, h->first_psn);
	g_assert_cmpuint(p->payload_len, ==, CONNECT_DATA);
	if (h->answered)
		return;
	h->answered = true;
	printf("Connect data, subsystem %.223s\n", (const char *)p->payload + 256);
	memcpy(cqe + 12, h->capsule + 2, 2);
	send.rkey = (uint32_t)get_le(h->capsule + 35, 4);
	send_packet(h, &send, cqe, sizeof(cqe));
}

static void on_packet(struct hello *h, const struct roce_packet *p)
{
	if (p->dest_qp == ROCE_GSI_QPN) {
		on_cm(h, p);
		return;
	}
	g_assert_cmphex(p->dest_qp, ==, OUR_QPN);
	printf("received %s psn %#x\n", p->info->name, p->psn);
	switch (p->opcode) {
	case ROCE_SEND_ONLY:
		on_capsule(h, p);
		break;
	case ROCE_READ_RESPONSE_ONLY:
		on_data(h, p);
		break;
	case ROCE_ACKNOWLEDGE:
		printf("AETH syndrome %#x, msn %u\n", p->syndrome, p->msn);
		g_assert_cmpint(roce_aeth_kind(p->syndrome), ==, ROCE_AETH_ACK);
		h->acked = p->psn == roce_psn_add(h->first_psn, 1);
		break;
	default:
		g_error("%s is not expected", p->info->name);
	}
}

int main(int argc, char **argv)
{
	static uint8_t buf[65536];
	struct roce_packet p;
	struct hello h = { .expected_psn = OUR_PSN };

	if (argc != 3) {
		fprintf(stderr, "usage: roce-hello ADDRESS INTERFACE\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_sockets(&h, argv[1], argv[2]);
	printf("ready\n");
	while (!h.gone) {
		receive(&h, &p, buf, sizeof(buf));
		on_packet(&h, &p);
	}
	close(h.udp);
	close(h.raw);
	return h.connected && h.answered && h.acked ? 0 : 1;
}
