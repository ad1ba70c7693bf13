/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The software RNIC over UDP, beyond what every RNIC does: whose the port is, ICRCs of
 * packets whose identification nobody sees, ECN marks, a kernel without room, and
 * that nothing is opened before it is needed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hw/linux/linux.h"
#include "hw/linux/roce-udp.h"
#include "hw/roce/cm-wire.h"
#include "target/core/error.h"
#include "tests/seam/rnic-linux.h"

/* --- others' sockets --------------------------------------------------------------------- */

/* A socket of a stranger. Negative errno: it cannot have the port. */
static int stranger(const char *host, uint16_t port, bool reuse)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = reuse;
	int rc;

	g_assert_cmpint(inet_aton(host, &in.sin_addr), ==, 1);
	g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), ==, 0);
	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static void refused(const struct hw *hw, const char *host, unsigned nshards, int want)
{
	g_autoptr(GError) error = NULL;
	struct net_addr addr;
	const struct roce_udp_options options = {
		.hw = hw, .nshards = nshards, .addrs = &addr, .naddrs = 1
	};

	g_assert_true(net_addr_parse(&addr, host, NULL, NULL));
	g_assert_null(roce_udp_new(&options, &error));
	g_assert_error(error, WEFT_ERROR, want);
	g_assert_nonnull(strstr(error->message, nshards ? host : "0 reactors"));
}

static void test_port(void)
{
	struct pair p;
	int fd;

	pair_up(&p);
	refused(p.rig.hw, rnic_backend_addr(0), 1, -EADDRINUSE);
	refused(p.rig.hw, rnic_backend_addr(0), 2, -EADDRINUSE);
	refused(p.rig.hw, rnic_backend_foreign(), 1, -EADDRNOTAVAIL);
	refused(p.rig.hw, rnic_backend_addr(0), 0, -EINVAL);
	/* One who would share the port is not shared with. */
	fd = stranger("127.0.0.23", ROCE_UDP_PORT, true);
	g_assert_cmpint(fd, >=, 0);
	refused(p.rig.hw, "127.0.0.23", 1, -EADDRINUSE);
	refused(p.rig.hw, "127.0.0.23", 2, -EADDRINUSE);
	close(fd);
	pair_down(&p);
}

/* --- ICRC -------------------------------------------------------------------------------- */

/* A datagram to the CM of device 0, as if with that identification. */
static size_t make_request(uint8_t *packet, size_t room, int fd, uint16_t id)
{
	static const uint8_t ip_data[ROCE_CM_IP_LEN];
	struct roce_packet p = { .opcode = ROCE_UD_SEND_ONLY,
				 .pkey = ROCE_PKEY_DEFAULT,
				 .dest_qp = ROCE_GSI_QPN,
				 .qkey = ROCE_GSI_QKEY,
				 .src_qp = ROCE_GSI_QPN };
	struct net_addr from, to;
	struct sockaddr_in in;
	socklen_t in_len = sizeof(in);
	struct roce_icrc_flow flow;
	struct roce_cm cm = { 0 };
	uint8_t mad[ROCE_MAD_LEN];
	struct iovec iov = { mad, sizeof(mad) };
	size_t len;

	roce_cm_head(&cm, ROCE_CM_REQ, 77);
	cm.req.local_id = 0x4711;
	cm.req.service_id = roce_cm_service_id(ROCE_IP_PROTO_TCP, 9);
	cm.private_data = ip_data;
	cm.private_len = sizeof(ip_data);
	g_assert_cmpint(roce_cm_encode(&cm, mad), ==, ROCE_CM_OK);
	g_assert_cmpint(roce_packet_build(&p, &iov, 1, packet, room, &len), ==, ROCE_OK);
	g_assert_cmpint(getsockname(fd, (struct sockaddr *)&in, &in_len), ==, 0);
	from = (struct net_addr){ .family = NET_INET, .port = ntohs(in.sin_port) };
	memcpy(from.ip, &in.sin_addr, 4);
	g_assert_true(net_addr_parse(&to, rnic_backend_addr(0), "4791", NULL));
	roce_icrc_flow_init(&flow, &from, &to);
	roce_icrc_flow_set_id(&flow, id, id % 2 ? ROCE_IP_DF : 0);
	roce_packet_seal(packet, len, &flow);
	return len;
}

static void send_to(int fd, const char *host, const void *data, size_t len)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(ROCE_UDP_PORT) };

	g_assert_cmpint(inet_aton(host, &in.sin_addr), ==, 1);
	g_assert_cmpint(sendto(fd, data, len, 0, (struct sockaddr *)&in, sizeof(in)), ==, len);
}

struct answer {
	int fd;
	uint8_t data[ROCE_PACKET_MAX];
	ssize_t len;
};

static bool no_answer(void *arg)
{
	struct answer *a = arg;

	a->len = recv(a->fd, a->data, sizeof(a->data), MSG_DONTWAIT);
	return a->len < 0;
}

struct count {
	const _Atomic uint64_t *counter;
	uint64_t want;
};

static bool below(void *arg)
{
	struct count *c = arg;

	return *c->counter < c->want;
}

/* Any identification will do; a changed byte will not, nor will too few bytes or too many. */
static void test_icrc(void)
{
	static const uint16_t ids[] = { 0, 1, 0x1234, 0xffff };
	struct answer a;
	uint8_t packet[8192];
	const struct roce_stats *stats;
	struct roce_packet p;
	struct roce_cm cm;
	struct pair pair;
	size_t len;

	pair_up(&pair);
	stats = roce_shard_stats(roce_device_shard(roce_soft_device(pair.target.rnic), 0));
	a.fd = stranger("127.0.0.23", ROCE_UDP_PORT, false);
	for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
		len = make_request(packet, sizeof(packet), a.fd, ids[i]);
		send_to(a.fd, rnic_backend_addr(0), packet, len);
		rig_wait(&pair.rig, no_answer, &a);
		g_assert_cmpint(roce_packet_parse(&p, a.data, (size_t)a.len), ==, ROCE_OK);
		g_assert_cmpint(roce_cm_decode(&cm, p.payload, p.payload_len), ==, ROCE_CM_OK);
		g_assert_cmpint(cm.mad.attribute, ==, ROCE_CM_REJ);
		g_assert_cmpint(cm.rej.remote_id, ==, 0x4711);
	}
	g_assert_cmpuint(stats->bad_icrc, ==, 0);
	packet[60] ^= 1;
	send_to(a.fd, rnic_backend_addr(0), packet, len);
	packet[60] ^= 1;
	send_to(a.fd, rnic_backend_addr(0), packet, 7);
	send_to(a.fd, rnic_backend_addr(0), packet, len - 4);
	memset(packet, 0, sizeof(packet));
	send_to(a.fd, rnic_backend_addr(0), packet, sizeof(packet));
	rig_wait(&pair.rig, below, &(struct count){ &stats->bad_icrc, 3 });
	g_assert_cmpuint(stats->received, ==, G_N_ELEMENTS(ids));
	close(a.fd);
	pair_down(&pair);
}

/* --- ECN --------------------------------------------------------------------------------- */

/* A marked packet at a live queue pair is seen as marked, and its sender is told. */
static void test_ecn(void)
{
	struct roce_packet p = { .opcode = ROCE_ACKNOWLEDGE, .pkey = ROCE_PKEY_DEFAULT };
	const struct roce_stats *target, *host;
	struct net_addr from = { .family = NET_INET };
	struct roce_icrc_flow flow;
	uint8_t packet[64];
	struct conn c;
	struct pair pair;
	int fd, tos = 3;
	size_t len;

	conn_up(&c, &pair);
	p.dest_qp = CALL(&pair.target, qp_num, c.target.qp);
	target = roce_shard_stats(roce_device_shard(roce_soft_device(pair.target.rnic),
						    roce_qpn_shard(p.dest_qp, 2)));
	host = roce_shard_stats(roce_device_shard(roce_soft_device(pair.host.rnic), 0));
	g_assert_cmpint(roce_packet_build(&p, NULL, 0, packet, sizeof(packet), &len), ==, ROCE_OK);
	fd = stranger(rnic_backend_addr(1), 4999, false);
	g_assert_cmpint(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), ==, 0);
	from = pair.host.addr;
	from.port = 4999;
	pair.target.addr.port = ROCE_UDP_PORT;
	roce_icrc_flow_init(&flow, &from, &pair.target.addr);
	pair.target.addr.port = 0;
	roce_packet_seal(packet, len, &flow);
	send_to(fd, rnic_backend_addr(0), packet, len);
	rig_wait(&pair.rig, below, &(struct count){ &host->cnps_received, 1 });
	g_assert_cmpuint(target->ecn_marked, ==, 1);
	g_assert_cmpuint(target->cnps_sent, ==, 1);
	close(fd);
	conn_down(&c);
}

/* --- no room ----------------------------------------------------------------------------- */

/* A fault that comes every so often. */
struct full {
	struct hw_faults faults;
	const char *name;
	unsigned every;
	unsigned asked, hit;
};

static bool full_hit(struct hw_faults *faults, const char *name)
{
	struct full *f = (struct full *)faults;

	if (strcmp(name, f->name) != 0 || ++f->asked % f->every != 0)
		return false;
	f->hit++;
	return true;
}

static void full_mark(struct hw_faults *faults, const char *name)
{
	(void)faults;
	(void)name;
}

/* Transfers go on meanwhile: nothing is lost, sent twice or changed. Returns how often it came. */
static unsigned with_fault(const char *name, unsigned every)
{
	struct full f = { .faults = { full_hit, full_mark }, .name = name, .every = every };
	const struct roce_stats *stats;
	struct conn c;
	struct pair p;

	rnic_linux_faults = &f.faults;
	conn_up(&c, &p);
	rnic_linux_faults = NULL;
	stats = roce_shard_stats(roce_device_shard(roce_soft_device(p.host.rnic), 0));
	for (uint32_t i = 0; i < MEM / 2; i++)
		p.host.mem[i] = (uint8_t)(i * 7 + i / 251);
	for (unsigned i = 0; i < 50; i++) {
		uint32_t len = 1000 + 9000 * i;

		g_assert_cmpint(end_send(&c.host, IBV_WR_RDMA_WRITE, i, 0, len, IOVA + i,
					 CALL(&p.target, mr_rkey, p.target.mr)),
				==, 0);
		side_expect(&p.host, i, IBV_WC_SUCCESS);
		g_assert_cmpmem(p.target.mem + i, len, p.host.mem, len);
	}
	/* A machine that is busy may have made it wait; but no packet was missed. */
	g_assert_cmpuint(stats->naks_received, ==, 0);
	conn_down(&c);
	return f.hit;
}

/* What the kernel has no room for goes later. */
static void test_full(void)
{
	g_assert_cmpuint(with_fault("roce-udp.full", 4), >, 20);
}

/* --- cut by the kernel --------------------------------------------------------------- */

/* The same without it. */
static void test_plain(void)
{
	rnic_linux_plain = true;
	g_assert_cmpuint(with_fault("roce-udp.full", 4), >, 20);
	g_assert_cmpuint(with_fault("roce-udp.uncut", 1), ==, 0);
	rnic_linux_plain = false;
}

/* A kernel that cannot is asked once, and not again by that reactor. */
static void test_uncut(void)
{
	unsigned asked = with_fault("roce-udp.uncut", 1);

	g_assert_cmpuint(asked, >=, 1);
	g_assert_cmpuint(asked, <=, 2);
}

/* --- what strangers say of the way ------------------------------------------------------- */

static uint16_t internet_sum(const void *data, size_t len)
{
	const uint8_t *d = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)d[i] << 8 | d[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* "What you send from there to there is too long for me", as a router would say it. */
static void say_narrow(const char *from, const char *to)
{
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		struct udphdr udp;
	} m = {
		.icmp = { .type = ICMP_DEST_UNREACH,
			  .code = ICMP_FRAG_NEEDED,
			  .un.frag.mtu = htons(600) },
		.ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP },
		.udp = { .source = htons(ROCE_UDP_PORT), .dest = htons(ROCE_UDP_PORT) },
	};
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);

	g_assert_cmpint(fd, >=, 0);
	m.ip.saddr = inet_addr(from);
	m.ip.daddr = inet_addr(to);
	m.ip.tot_len = htons(1100);
	m.ip.frag_off = htons(IP_DF);
	m.icmp.checksum = internet_sum(&m, sizeof(m));
	in.sin_addr.s_addr = inet_addr(from);
	g_assert_cmpint(sendto(fd, &m, sizeof(m), 0, (struct sockaddr *)&in, sizeof(in)), ==,
			sizeof(m));
	close(fd);
}

static unsigned mtu_between(struct hw_rnic *rnic, const char *from, const char *to)
{
	struct roce_io *io = roce_soft_io(rnic);
	struct net_addr src, dst;

	g_assert_true(net_addr_parse(&src, from, "4420", NULL));
	g_assert_true(net_addr_parse(&dst, to, "4420", NULL));
	return io->ops->mtu(io, &src, &dst);
}

/*
 * It ends no connection: nobody could send shorter packets, and anybody may say so. Only
 * what is to be connected from now on may begin with shorter ones.
 */
static void test_narrow(void)
{
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	g_assert_cmpuint(mtu_between(p.host.rnic, rnic_backend_addr(1), rnic_backend_addr(0)), ==,
			 4096);
	say_narrow(rnic_backend_addr(0), rnic_backend_addr(1));
	say_narrow(rnic_backend_addr(1), rnic_backend_addr(0));
	g_assert_cmpuint(mtu_between(p.host.rnic, rnic_backend_addr(1), rnic_backend_addr(0)), ==,
			 512);
	g_assert_cmpuint(mtu_between(p.host.rnic, rnic_backend_addr(1), "127.0.0.77"), ==, 4096);
	g_assert_cmpuint(mtu_between(p.host.rnic, rnic_backend_foreign(), "127.0.0.77"), ==, 0);
	memset(p.host.mem, 0x5a, 9000);
	g_assert_cmpint(end_send(&c.host, IBV_WR_RDMA_WRITE, 1, 0, 9000, IOVA,
				 CALL(&p.target, mr_rkey, p.target.mr)),
			==, 0);
	side_expect(&p.host, 1, IBV_WC_SUCCESS);
	g_assert_cmpmem(p.target.mem, 9000, p.host.mem, 9000);
	conn_down(&c);
}

/* Two packets in one datagram, for queue pairs of two reactors: each gets its own. */
static void test_stray(void)
{
	const struct roce_stats *stats[2];
	struct net_addr from = { .family = NET_INET, .port = 4999 }, to;
	struct roce_icrc_flow flow;
	uint8_t packets[2][20];
	int fd, segment = 20;
	struct pair pair;

	pair_up(&pair);
	to = pair.target.addr;
	to.port = ROCE_UDP_PORT;
	memcpy(from.ip, pair.host.addr.ip, sizeof(from.ip));
	roce_icrc_flow_init(&flow, &from, &to);
	for (uint32_t i = 0; i < 2; i++) {
		struct roce_packet p = { .opcode = ROCE_ACKNOWLEDGE,
					 .pkey = ROCE_PKEY_DEFAULT,
					 .dest_qp = 100 + i };
		size_t len;

		stats[i] =
			roce_shard_stats(roce_device_shard(roce_soft_device(pair.target.rnic), i));
		g_assert_cmpint(roce_packet_build(&p, NULL, 0, packets[i], 20, &len), ==, ROCE_OK);
		g_assert_cmpuint(len, ==, 20);
		roce_packet_seal(packets[i], len, &flow);
	}
	fd = stranger(rnic_backend_addr(1), 4999, false);
	if (setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0) {
		g_test_skip("this kernel does not cut datagrams");
	} else {
		send_to(fd, rnic_backend_addr(0), packets, sizeof(packets));
		for (unsigned i = 0; i < 2; i++)
			rig_wait(&pair.rig, below, &(struct count){ &stats[i]->no_qp, 1 });
		g_assert_cmpuint(stats[0]->received + stats[1]->received, ==, 2);
	}
	close(fd);
	pair_down(&pair);
}

/* A queue pair that sends to a stranger, who never answers. */
struct lonely {
	struct roce_cq *cq;
	struct roce_qp *qp;
};

static void send_lonely(struct pair *p, struct lonely *l, const struct net_addr *to, uint32_t len)
{
	struct roce_device *dev = roce_soft_device(p->target.rnic);
	struct roce_shard *shard = roce_device_shard(dev, 0);
	struct ibv_sge sge = sge_at(&p->target, 0, len);
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_RDMA_WRITE },
			   *bad;
	struct roce_qp_init init = { .cap = { .max_send_wr = 1, .max_send_sge = 1 } };
	struct roce_rtr rtr = {
		.local = p->target.addr, .remote = *to, .dest_qpn = 77, .mtu = 1024
	};
	const struct roce_rts rts = { .timeout = 0 };

	rtr.local.port = ROCE_UDP_PORT;
	g_assert_cmpint(roce_cq_create(shard, 4, NULL, NULL, &l->cq), ==, 0);
	init.send_cq = init.recv_cq = l->cq;
	g_assert_cmpint(roce_qp_create(shard, (struct roce_pd *)p->target.pd, &init, &l->qp), ==,
			0);
	g_assert_cmpint(roce_qp_rtr(l->qp, &rtr), ==, 0);
	g_assert_cmpint(roce_qp_rts(l->qp, &rts), ==, 0);
	g_assert_cmpint(roce_qp_post_send(l->qp, &wr, &bad), ==, 0);
}

/* The identification that a packet's ICRC is for; -1: none below 64. */
static int id_of(const struct net_addr *from, const struct net_addr *to, const uint8_t *packet,
		 size_t len)
{
	struct roce_icrc_flow flow;

	roce_icrc_flow_init(&flow, from, to);
	for (uint16_t id = 0; id < 64; id++) {
		roce_icrc_flow_set_id(&flow, id, ROCE_IP_DF);
		if (roce_icrc_good(&flow, packet, len))
			return id;
	}
	return -1;
}

/* The ICRCs of packets that leave together are for identifications that count up. */
static void test_places(void)
{
	struct net_addr from, to;
	struct lonely l;
	struct answer a;
	struct pair p;
	int last = 0, most = 0;

	pair_up(&p);
	a.fd = stranger("127.0.0.23", ROCE_UDP_PORT, false);
	g_assert_true(net_addr_parse(&to, "127.0.0.23", "4791", NULL));
	from = p.target.addr;
	from.port = ROCE_UDP_PORT;
	send_lonely(&p, &l, &to, 40 * 1024 + 5);
	for (unsigned i = 0; i < 41; i++) {
		int id;

		rig_wait(&p.rig, no_answer, &a);
		id = id_of(&from, &to, a.data, (size_t)a.len);
		g_assert_true(id == 0 || id == last + 1);
		last = id;
		most = MAX(most, id);
	}
	g_assert_cmpint(most, >, 5);
	roce_qp_destroy(l.qp);
	g_assert_cmpint(roce_cq_destroy(l.cq), ==, 0);
	close(a.fd);
	pair_down(&p);
}

/* --- opened when needed ------------------------------------------------------------------ */

static bool port_is_free(void)
{
	int fd = stranger("0.0.0.0", ROCE_UDP_PORT, false);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void test_lazy(void)
{
	const struct linux_hw_options with = { .rnic = LINUX_RNIC_SOFT };
	static const struct core_options options = { .nreactors = 2, .log_level = LOG_ERROR };
	g_autoptr(GError) error = NULL;
	struct linux_hw *lhw = linux_hw_new(&with, &error);
	struct core *core = core_new(linux_hw_get(lhw), &options, &error);
	struct hw_rnic *rnic = linux_hw_get(lhw)->rnic;
	struct rnic_ctx *ctx;
	struct rnic_id *id;
	struct net_addr any = { .family = NET_INET, .port = 4420 };
	int fd;

	g_assert_no_error(error);
	g_assert_nonnull(rnic);
	g_assert_cmpint(rnic->ops->ctx_open(rnic, core->reactors[1], &ctx), ==, -EINVAL);
	fd = stranger("0.0.0.0", ROCE_UDP_PORT, false);
	if (fd < 0) {
		g_test_skip("somebody on this machine has UDP port 4791");
	} else {
		g_assert_cmpint(rnic->ops->ctx_open(rnic, core_main(core), &ctx), ==, -EADDRINUSE);
		close(fd);
		g_assert_cmpint(rnic->ops->ctx_open(rnic, core_main(core), &ctx), ==, 0);
		g_assert_false(port_is_free());
		g_assert_cmpint(rnic->ops->id_listen(ctx, &any, 1, NULL, NULL, &id), ==, 0);
		rnic->ops->id_destroy(id);
		rnic->ops->ctx_close(ctx);
	}
	core_free(core);
	linux_hw_free(lhw);
}

static void add_tests(void)
{
	g_test_add_func("/roce-udp/port", test_port);
	g_test_add_func("/roce-udp/icrc", test_icrc);
	g_test_add_func("/roce-udp/ecn", test_ecn);
	g_test_add_func("/roce-udp/full", test_full);
	g_test_add_func("/roce-udp/plain", test_plain);
	g_test_add_func("/roce-udp/uncut", test_uncut);
	g_test_add_func("/roce-udp/narrow", test_narrow);
	g_test_add_func("/roce-udp/stray", test_stray);
	g_test_add_func("/roce-udp/places", test_places);
	g_test_add_func("/roce-udp/lazy", test_lazy);
}

int main(int argc, char **argv)
{
	return seam_main(argc, argv, add_tests, NULL, 0);
}
