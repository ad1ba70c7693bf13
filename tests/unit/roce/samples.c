/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One packet of each opcode and one of each CM message, IPv4 and IPv6 in turn,
 * every field with a number of its own. Writes a capture, and to standard output
 * a line for each packet: its name, then what tshark should say of it.
 *
 * usage: roce-samples FILE.pcap
 */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "hw/roce/bytes.h"
#include "hw/roce/cm-wire.h"
#include "hw/roce/icrc.h"
#include "hw/roce/wire.h"
#include "tests/unit/roce/pcap.h"

static void say(const char *field, uint64_t value)
{
	printf("\tinfiniband.%s=%#" G_GINT64_MODIFIER "x", field, value);
}

static uint32_t sum16(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)data[i] << (i % 2 == 0 ? 8 : 0);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

static void put_ip(uint8_t *ip, bool v6, const struct net_addr *from, const struct net_addr *to,
		   size_t udp_len)
{
	const size_t ip_len = v6 ? 40 : 20, n = v6 ? 16 : 4;

	memset(ip, 0, ip_len + 8);
	ip[0] = v6 ? 0x60 : 0x45;
	roce_put16(ip + (v6 ? 4 : 2), (uint16_t)(udp_len + (v6 ? 0 : ip_len)));
	ip[v6 ? 6 : 9] = 17;
	ip[v6 ? 7 : 8] = 64;
	memcpy(ip + ip_len - 2 * n, from->ip, n);
	memcpy(ip + ip_len - n, to->ip, n);
	roce_put16(ip + ip_len, from->port);
	roce_put16(ip + ip_len + 2, to->port);
	roce_put16(ip + ip_len + 4, (uint16_t)udp_len);
	if (v6) {
		/* Without a checksum IPv6 has no UDP; IPv4 does without. */
		const uint16_t sum = fold(sum16(ip + 8, 32 + udp_len) + (uint32_t)udp_len + 17);

		roce_put16(ip + ip_len + 6, sum != 0 ? sum : 0xffff);
		return;
	}
	roce_put16(ip + 6, ROCE_IP_DF);
	roce_put16(ip + 10, fold(sum16(ip, ip_len)));
}

static void add(GByteArray *to_file, const struct roce_packet *p, const void *payload, size_t len,
		bool v6)
{
	const struct iovec iov = { (void *)payload, len };
	struct net_addr from, to;
	struct roce_icrc_flow flow;
	uint8_t ip[ROCE_PACKET_MAX + 48], *udp = ip + (v6 ? 48 : 28);
	size_t packet_len;

	g_assert_true(net_addr_parse(&from, v6 ? "2001:db8::1" : "192.0.2.1", "49152", NULL));
	g_assert_true(net_addr_parse(&to, v6 ? "2001:db8::2" : "192.0.2.2", "4791", NULL));
	g_assert_cmpint(roce_packet_build(p, &iov, 1, udp, ROCE_PACKET_MAX, &packet_len), ==,
			ROCE_OK);
	roce_icrc_flow_init(&flow, &from, &to);
	roce_packet_seal(udp, packet_len, &flow);
	put_ip(ip, v6, &from, &to, 8 + packet_len);
	pcap_add(to_file, ip, (size_t)(udp - ip) + packet_len);
	say("bth.opcode", p->opcode);
	say("bth.se", p->solicited);
	say("bth.m", p->migrated);
	say("bth.padcnt", -len & 3);
	say("bth.tver", 0);
	say("bth.p_key", p->pkey);
	say("bth.destqp", p->dest_qp);
	say("bth.a", p->ack_request);
	say("bth.psn", p->psn);
	/* tshark 4.0 has no CNP: it sees a BTH. */
	if (p->opcode != ROCE_CNP)
		say("invariant.crc", roce_get32(udp + packet_len - 4));
}

static void say_extensions(const struct roce_packet *p)
{
	const unsigned ext = p->info->ext;

	if (ext & ROCE_EXT_DETH) {
		say("deth.q_key", p->qkey);
		say("deth.srcqp", p->src_qp);
	}
	if (ext & (ROCE_EXT_RETH | ROCE_EXT_ATOMIC)) {
		say("reth.va", p->va);
		say("reth.r_key", p->rkey);
	}
	if (ext & ROCE_EXT_RETH)
		say("reth.dmalen", p->dma_len);
	if (ext & ROCE_EXT_ATOMIC) {
		say("atomiceth.swapdt", p->swap_add);
		say("atomiceth.cmpdt", p->compare);
	}
	if (ext & ROCE_EXT_AETH) {
		say("aeth.syndrome", p->syndrome);
		say("aeth.msn", p->msn);
	}
	if (ext & ROCE_EXT_ATOMIC_ACK)
		say("atomicacketh.origremdt", p->original);
	if (ext & ROCE_EXT_IMM)
		say("immdt", p->imm);
	if (ext & ROCE_EXT_IETH)
		say("ieth", p->rkey);
}

static void one_of_each_opcode(GByteArray *file)
{
	static uint8_t payload[ROCE_MTU_MAX];

	memset(payload, 0x5a, sizeof(payload));
	for (unsigned opcode = 0; opcode < 256; opcode++) {
		struct roce_packet p = { .opcode = (uint8_t)opcode,
					 .info = roce_opcode_info((uint8_t)opcode),
					 .solicited = opcode & 1,
					 .migrated = opcode & 2,
					 .ack_request = opcode & 4,
					 .pkey = 0xffff,
					 .dest_qp = 0x112200 + opcode,
					 .psn = 0x334400 + opcode,
					 .va = 0x5566778899aabbcc,
					 .rkey = 0x12345678,
					 .dma_len = 0x1122,
					 .imm = 0xabcdef01,
					 .msn = 0x7788aa,
					 .syndrome = (uint8_t)(opcode & 1 ? 0x62 : 0x1f),
					 .qkey = 0x11223344,
					 .src_qp = 0x99,
					 .swap_add = 0x0102030405060708,
					 .compare = 0x1112131415161718,
					 .original = 0x2122232425262728 };
		size_t len;

		if (p.info == NULL)
			continue;
		len = p.info->whole_mtu ? 1024 : p.info->payload_max > 0 ? 41 + opcode % 4 : 0;
		printf("%s", p.info->name);
		add(file, &p, payload, len, opcode & 1);
		say_extensions(&p);
		printf("\n");
	}
}

static void fill_path(struct roce_cm_path *path, unsigned n)
{
	*path = (struct roce_cm_path){ .local_lid = (uint16_t)(0x1100 + n),
				       .remote_lid = (uint16_t)(0x2200 + n),
				       .flow_label = 0x12345,
				       .packet_rate = 0x22,
				       .traffic_class = (uint8_t)(0x30 + n),
				       .hop_limit = (uint8_t)(0x40 + n),
				       .sl = (uint8_t)(5 + n),
				       .subnet_local = n == 0,
				       .ack_timeout = (uint8_t)(19 + n) };
	memcpy(path->local_gid, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
	memcpy(path->remote_gid, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\2", 16);
}

static void say_req(const struct roce_cm_req *r)
{
	say("cm.req", r->local_id);
	say("cm.req.serviceid.protocol", r->service_id >> 16 & 0xff);
	say("cm.req.serviceid.dport", r->service_id & 0xffff);
	say("cm.req.localcaguid", r->ca_guid);
	say("cm.req.localqkey", r->qkey);
	say("cm.req.localqpn", r->qpn);
	say("cm.req.responderres", r->responder_resources);
	say("cm.req.localeecn", r->local_eecn);
	say("cm.req.initdepth", r->initiator_depth);
	say("cm.req.remoteeecn", r->remote_eecn);
	say("cm.req.remoteresptout", r->remote_response_timeout);
	say("cm.req.transpsvctype", r->transport);
	say("cm.req.e2eflowctrl", r->flow_control);
	say("cm.req.startpsn", r->psn);
	say("cm.req.localresptout", r->local_response_timeout);
	say("cm.req.retrcount", r->retry_count);
	say("cm.req.pkey", r->pkey);
	say("cm.req.pppmtu", r->mtu);
	say("cm.req.rdcexist", r->rdc);
	say("cm.req.rnrretrcount", r->rnr_retry_count);
	say("cm.req.maxcmretr", r->max_cm_retries);
	say("cm.req.srq", r->srq);
	say("cm.req.ext_transport", r->extended_transport);
}

/* tshark 4.0 takes flow label and rate for little-endian: those are not asked for. */
static void say_path(const char *which, const struct roce_cm_path *p)
{
	const struct {
		const char *name;
		uint64_t value;
	} fields[] = { { "locallid", p->local_lid },
		       { "remotelid", p->remote_lid },
		       { "tfcclass", p->traffic_class },
		       { "hoplim", p->hop_limit },
		       { "sl", p->sl },
		       { "subnetlocal", p->subnet_local },
		       { "localacktout", p->ack_timeout } };

	for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
		g_autofree char *name = g_strdup_printf("cm.req.%s_%s", which, fields[i].name);

		say(name, fields[i].value);
	}
}

static void make_req(struct roce_cm *cm, uint8_t private_data[ROCE_CM_IP_LEN])
{
	struct roce_cm_ip ip = { .version = 4, .port = 0xd744 };

	cm->req = (struct roce_cm_req){ .local_id = 0x01020304,
					.service_id = roce_cm_service_id(ROCE_IP_PROTO_TCP, 4420),
					.ca_guid = 0x1122334455667788,
					.qkey = 0x99,
					.qpn = 0xaabbcc,
					.responder_resources = 0x80,
					.initiator_depth = 0x7f,
					.local_eecn = 0x010203,
					.remote_eecn = 0x040506,
					.remote_response_timeout = 20,
					.transport = 0,
					.flow_control = true,
					.psn = 0x123456,
					.local_response_timeout = 21,
					.retry_count = 6,
					.pkey = 0xffff,
					.mtu = 4,
					.rnr_retry_count = 7,
					.max_cm_retries = 14,
					.srq = true,
					.extended_transport = 0 };
	fill_path(&cm->req.primary, 0);
	fill_path(&cm->req.alternate, 1);
	say_req(&cm->req);
	say_path("prim", &cm->req.primary);
	say_path("alt", &cm->req.alternate);
	memcpy(ip.from, "\xc0\0\2\1", 4);
	memcpy(ip.to, "\xc0\0\2\2", 4);
	roce_cm_ip_encode(&ip, private_data);
	cm->private_data = private_data;
	cm->private_len = ROCE_CM_IP_LEN;
	say("cm.req.ip_cm.ipv", 4);
	say("cm.req.ip_cm.sport", 0xd744);
	printf("\tinfiniband.cm.req.ip_cm.sip4=192.0.2.1\tinfiniband.cm.req.ip_cm.dip4=192.0.2.2");
}

static void make_rep(struct roce_cm *cm)
{
	cm->rep = (struct roce_cm_rep){
		0x01020304, 0x05060708, 0x11, 0x223344, 0x556677, 0x8899aa, 0x10,
		0x0f,	    15,		1,    true,	7,	  true,	    0x1122334455667788
	};
	say("cm.rep", cm->rep.local_id);
	say("cm.rep.remotecommid", cm->rep.remote_id);
	say("cm.rep.localqkey", cm->rep.qkey);
	say("cm.rep.localqpn", cm->rep.qpn);
	say("cm.rep.localeecn", cm->rep.eecn);
	say("cm.rep.startpsn", cm->rep.psn);
	say("cm.rep.respres", cm->rep.responder_resources);
	say("cm.rep.initdepth", cm->rep.initiator_depth);
	say("cm.rep.tgtackdelay", cm->rep.ack_delay);
	say("cm.rep.failoveracc", cm->rep.failover);
	say("cm.rep.e2eflowctrl", cm->rep.flow_control);
	say("cm.rep.rnrretrcount", cm->rep.rnr_retry_count);
	say("cm.rep.srq", cm->rep.srq);
	say("cm.rep.localcaguid", cm->rep.ca_guid);
}

static void make_rej(struct roce_cm *cm)
{
	cm->rej = (struct roce_cm_rej){ 1, 0x05060708, ROCE_CM_ABOUT_REP, ROCE_REJ_CONSUMER };
	cm->info = (const uint8_t *)"more";
	cm->info_len = 4;
	say("cm.rej.localcommid", 1);
	say("cm.rej.remotecommid", 0x05060708);
	say("cm.rej.msgrej", 1);
	say("cm.rej.rejinfolen", 4);
	say("cm.rej.reason", 28);
}

static void make_ids(struct roce_cm *cm, const char *name)
{
	g_autofree char *local = g_strdup_printf("cm.%s.localcommid", name);
	g_autofree char *remote = g_strdup_printf("cm.%s.remotecommid", name);

	cm->ids = (struct roce_cm_ids){ 0x01020304, 0x05060708, 0xaabbcc };
	say(local, cm->ids.local_id);
	say(remote, cm->ids.remote_id);
}

static void fill(struct roce_cm *cm, uint8_t private_data[ROCE_CM_IP_LEN])
{
	switch (cm->mad.attribute) {
	case ROCE_CM_REQ:
		make_req(cm, private_data);
		break;
	case ROCE_CM_REP:
		make_rep(cm);
		break;
	case ROCE_CM_REJ:
		make_rej(cm);
		break;
	case ROCE_CM_RTU:
		make_ids(cm, "rtu");
		break;
	case ROCE_CM_DREQ:
		make_ids(cm, "dreq");
		say("cm.req.remoteqpneecn", cm->ids.remote_qpn);
		break;
	case ROCE_CM_DREP:
		make_ids(cm, "drsp");
		break;
	default:
		/* tshark knows no more of the others than their kind. */
		break;
	}
}

static void one_of_each_message(GByteArray *file)
{
	for (unsigned kind = ROCE_CM_REQ; kind <= ROCE_CM_APR; kind++) {
		uint8_t private_data[ROCE_CM_IP_LEN], mad[ROCE_MAD_LEN];
		struct roce_packet p = { .opcode = ROCE_UD_SEND_ONLY,
					 .info = roce_opcode_info(ROCE_UD_SEND_ONLY),
					 .pkey = ROCE_PKEY_DEFAULT,
					 .dest_qp = ROCE_GSI_QPN,
					 .psn = kind,
					 .qkey = ROCE_GSI_QKEY,
					 .src_qp = ROCE_GSI_QPN };
		struct roce_cm cm = { 0 };

		printf("%s", roce_cm_name((uint16_t)kind));
		roce_cm_head(&cm, (enum roce_cm_kind)kind, 0x1122334455667700 + kind);
		fill(&cm, private_data);
		g_assert_cmpint(roce_cm_encode(&cm, mad), ==, ROCE_CM_OK);
		add(file, &p, mad, sizeof(mad), kind & 1);
		say_extensions(&p);
		say("mad.baseversion", 1);
		say("mad.mgmtclass", 7);
		say("mad.classversion", 2);
		say("mad.method", 3);
		say("mad.transactionid", cm.mad.tid);
		say("mad.attributeid", kind);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	g_autoptr(GByteArray) file = pcap_new();
	g_autoptr(GError) error = NULL;

	if (argc != 2) {
		fprintf(stderr, "usage: roce-samples FILE.pcap\n");
		return 2;
	}
	one_of_each_opcode(file);
	one_of_each_message(file);
	if (!g_file_set_contents(argv[1], (const char *)file->data, file->len, &error))
		g_error("%s", error->message);
	return 0;
}
