/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host over RDMA: what it asks for, and what it makes of every answer to that.
 * The target is connection management and a queue pair by hand, in a world; what
 * comes after is tests/integration/world/test-world-rdma.c.
 */
#include <errno.h>
#include <string.h>

#include "sim/roce.h"
#include "target/core/error.h"
#include "target/core/rnic.h"
#include "target/host/host.h"
#include "target/host/rdma.h"
#include "target/nvme/nvme-rdma.h"

#define ADDR "192.0.2.1"
#define LIMIT (60 * WORLD_SEC)

/* --- a target ------------------------------------------------------------------------------------
 */

struct answer {
	bool accept;
	uint16_t recfmt, value; /* STS or CRQSIZE */
	uint8_t len;		/* of the private data */
};

struct peer {
	struct hw_rnic *rnic;
	struct core *core;
	struct rnic_ctx *ctx;
	struct rnic_watcher watcher;
	struct rnic_device *dev;
	struct rnic_pd *pd;
	struct rnic_mr *mr;
	struct rnic_cq *cq;
	struct rnic_qp *qp;
	struct rnic_id *listener, *id;
	struct answer answer;
	uint8_t capsules[64][64];
	/* what it was asked */
	unsigned requests, disconnects;
	struct nvme_rdma_request req;
	struct rdma_conn_param param;
};

#define IOVA 0x100000

static void peer_drop(struct peer *p)
{
	struct ibv_wc wcs[16];

	if (p->qp)
		p->rnic->ops->qp_destroy(p->qp);
	if (p->id)
		p->rnic->ops->id_destroy(p->id);
	p->qp = NULL;
	p->id = NULL;
	/* Capsules, and receives that were flushed. */
	while (p->rnic->ops->cq_poll(p->cq, G_N_ELEMENTS(wcs), wcs) > 0)
		;
}

static const struct rnic_qp_cb qp_cb = { NULL };

static void peer_accept(struct peer *p, const void *data)
{
	struct rdma_conn_param param = { .private_data = data,
					 .private_data_len = p->answer.len,
					 .initiator_depth = p->param.initiator_depth,
					 .rnr_retry_count = 7 };
	struct rnic_qp_init init = {
		.send_cq = p->cq,
		.recv_cq = p->cq,
		.cap = { .max_send_wr = 8,
			 .max_recv_wr = 64,
			 .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.cb = &qp_cb,
	};

	g_assert_cmpint(p->rnic->ops->qp_create(p->id, p->pd, &init, &p->qp), ==, 0);
	for (unsigned i = 0; i < 64; i++) {
		struct ibv_sge sge = { .addr = IOVA + i * 64,
				       .length = 64,
				       .lkey = p->rnic->ops->mr_lkey(p->mr) };
		struct ibv_recv_wr wr = { .sg_list = &sge, .num_sge = 1 }, *bad;

		g_assert_cmpint(p->rnic->ops->post_recv(p->qp, &wr, &bad), ==, 0);
	}
	g_assert_cmpint(p->rnic->ops->accept(p->id, &param), ==, 0);
}

static void peer_event(struct rnic_id *id, const struct rnic_cm_event *e, void *user)
{
	struct peer *p = user;
	struct nvme_rdma_accept data = { .recfmt = p->answer.recfmt, .crqsize = p->answer.value };

	(void)id;
	if (e->type == RDMA_CM_EVENT_DISCONNECTED)
		p->disconnects++;
	if (e->type != RDMA_CM_EVENT_CONNECT_REQUEST)
		return;
	peer_drop(p);
	p->requests++;
	p->id = e->id;
	p->param = e->param;
	g_assert_cmpuint(e->param.private_data_len, >=, sizeof(p->req));
	memcpy(&p->req, e->param.private_data, sizeof(p->req));
	if (p->answer.accept)
		peer_accept(p, &data);
	else
		g_assert_cmpint(p->rnic->ops->reject(p->id, &data, p->answer.len), ==, 0);
}

static const struct rnic_id_cb id_cb = { .event = peer_event };

static void peer_added(struct rnic_watcher *w, struct rnic_device *dev)
{
	((struct peer *)((char *)w - offsetof(struct peer, watcher)))->dev = dev;
}

static void peer_open(struct reactor *r, void *arg)
{
	struct peer *p = arg;

	p->watcher.added = peer_added;
	g_assert_cmpint(reactor_rnic_get(r, &p->ctx), ==, 0);
	p->rnic->ops->watch(p->rnic, p->ctx, &p->watcher);
}

static void peer_listen(struct reactor *r, void *arg)
{
	const struct hw_rnic_ops *ops;
	struct peer *p = arg;
	struct net_addr addr;

	(void)r;
	ops = p->rnic->ops;
	g_assert_true(net_addr_parse(&addr, ADDR, "4420", NULL));
	g_assert_cmpint(ops->pd_alloc(p->dev, &p->pd), ==, 0);
	g_assert_cmpint(ops->mr_reg(p->pd, p->capsules, sizeof(p->capsules), IOVA,
				    IBV_ACCESS_LOCAL_WRITE, &p->mr),
			==, 0);
	g_assert_cmpint(ops->cq_create(p->ctx, p->dev, 128, NULL, NULL, &p->cq), ==, 0);
	g_assert_cmpint(ops->id_listen(p->ctx, &addr, 8, &id_cb, p, &p->listener), ==, 0);
}

static void peer_close(struct reactor *r, void *arg)
{
	struct peer *p = arg;

	peer_drop(p);
	p->rnic->ops->id_destroy(p->listener);
	g_assert_cmpint(p->rnic->ops->cq_destroy(p->cq), ==, 0);
	g_assert_cmpint(p->rnic->ops->mr_dereg(p->mr), ==, 0);
	g_assert_cmpint(p->rnic->ops->pd_dealloc(p->pd), ==, 0);
	p->rnic->ops->unwatch(p->rnic, &p->watcher);
	reactor_rnic_put(r);
}

/* --- the world
 * ------------------------------------------------------------------------------------ */

struct rig {
	struct world *world;
	struct peer peer;
	struct core *host;
	struct host_params params;
	unsigned ended;
	int err;
	char *text;
};

static struct core *new_core(struct rig *f, const char *name, const char *addr)
{
	const struct core_options options = { .nreactors = 1 };
	struct world_node *node = world_node_new(f->world, name);
	struct world_rnic_params params;
	g_autoptr(GError) error = NULL;
	struct core *core;

	g_assert_true(world_node_add_addr(node, addr));
	world_rnic_params_default(&params);
	world_rnic_new(node, &params, &error);
	g_assert_no_error(error);
	core = core_new(world_node_hw(node), &options, &error);
	g_assert_no_error(error);
	g_assert_true(core_start(core, &error));
	return core;
}

static void rig_up(struct rig *f)
{
	memset(f, 0, sizeof(*f));
	f->world = world_new(1);
	f->peer.core = new_core(f, "target", ADDR);
	f->peer.rnic = core_main(f->peer.core)->hw->rnic;
	core_call(core_main(f->peer.core), peer_open, &f->peer);
	world_run_for(f->world, WORLD_MS);
	core_call(core_main(f->peer.core), peer_listen, &f->peer);
	world_run_for(f->world, WORLD_MS);
	f->host = new_core(f, "host", "192.0.2.2");
	host_params_default(&f->params);
	f->params.transport = HOST_RDMA;
	f->params.hostnqn = "nqn.2024-01.test:host";
	f->params.subnqn = "nqn.2024-01.test:sub";
	f->params.connect_timeout_ms = 3000;
	g_assert_true(net_addr_parse(&f->params.addr, ADDR, "4420", NULL));
}

static void rig_down(struct rig *f)
{
	g_autofree char *leaks = NULL;

	core_call(core_main(f->peer.core), peer_close, &f->peer);
	world_run_for(f->world, WORLD_MS);
	core_stop(f->host);
	core_free(f->host);
	core_stop(f->peer.core);
	core_free(f->peer.core);
	leaks = world_leaks(f->world);
	g_assert_cmpstr(leaks, ==, NULL);
	world_free(f->world);
	g_free(f->text);
}

static void ended(struct host_ctrlr *c, const GError *error, void *arg)
{
	struct rig *f = arg;

	(void)c;
	g_assert_nonnull(error);
	f->err = error->code;
	g_free(f->text);
	f->text = g_strdup(weft_error_detail(error) ? weft_error_detail(error) : error->message);
	f->ended++;
}

static bool not_ended(void *arg)
{
	return ((struct rig *)arg)->ended == 0;
}

/* It must not succeed. */
static void attempt(struct rig *f)
{
	GError *error = NULL;

	f->ended = 0;
	g_assert_nonnull(host_ctrlr_connect(core_main(f->host), &f->params, ended, f, &error));
	g_assert_true(world_run_while(f->world, not_ended, f, LIMIT));
	world_run_for(f->world, 10 * WORLD_MS); /* DREQ and its answer */
}

/* --- tests
 * ------------------------------------------------------------------------------------------ */

static const struct {
	struct answer answer;
	int err;
	const char *text;
} answers[] = {
	{ { false, 0, 1, 4 }, -EACCES, "private data of another length (status 1)" },
	{ { false, 0, 2, 4 }, -EACCES, "this format of private data (status 2)" },
	{ { false, 0, 3, 4 }, -EACCES, "no queue of that number (status 3)" },
	{ { false, 0, 4, 4 }, -EACCES, "a queue of that size (status 4, HSQSIZE)" },
	{ { false, 0, 5, 4 }, -EACCES, "number of receives (status 5, HRQSIZE)" },
	{ { false, 0, 6, 4 }, -EACCES, "no resources for one more queue (status 6)" },
	{ { false, 0, 7, 4 }, -EACCES, "too few READs at a time for it (status 7, IRD)" },
	{ { false, 0, 8, 4 }, -EACCES, "this host makes at a time (status 8, ORD)" },
	{ { false, 0, 9, 4 }, -EACCES, "no controller of that number for this queue (status 9)" },
	{ { false, 0, 0, 4 }, -EACCES, "a status that NVMe/RDMA does not define" },
	{ { false, 0, 10, 4 }, -EACCES, "a status that NVMe/RDMA does not define" },
	{ { false, 0, 0xffff, 4 }, -EACCES, "a status that NVMe/RDMA does not define" },
	{ { false, 1, 3, 4 }, -EACCES, "refused the connection and did not say why" },
	{ { true, 1, 32, 32 }, -EPROTO, "accepted without the private data of NVMe/RDMA" },
	{ { true, 0, 0, 32 }, -EPROTO, "a queue that takes no command (CRQSIZE)" },
	{ { true, 0, 1, 32 }, -EPROTO, "a queue that takes no command (CRQSIZE)" },
	/* Connect is never answered. */
	{ { true, 0, 2, 32 }, -ETIMEDOUT, "did not answer in time" },
	{ { true, 0, 0xffff, 32 }, -ETIMEDOUT, "did not answer in time" },
};

static void test_answers(void)
{
	struct rig f;

	rig_up(&f);
	for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
		f.peer.answer = answers[i].answer;
		attempt(&f);
		g_assert_cmpuint(f.peer.requests, ==, i + 1);
		if (f.err != answers[i].err || !strstr(f.text, answers[i].text))
			g_error("%u: %d \"%s\" is not: %d %s", i, f.err, f.text, answers[i].err,
				answers[i].text);
	}
	/* Who was let in says goodbye. */
	g_assert_cmpuint(f.peer.disconnects, ==, 5);
	rig_down(&f);
}

static void test_request(void)
{
	struct rig f;

	rig_up(&f);
	attempt(&f);
	g_assert_cmpuint(f.peer.req.recfmt, ==, 0);
	g_assert_cmpuint(f.peer.req.qid, ==, 0);
	g_assert_cmpuint(f.peer.req.hrqsize, ==, 32);
	g_assert_cmpuint(f.peer.req.hsqsize, ==, 31);
	g_assert_cmpuint(f.peer.req.cntlid, ==, 0);
	/* The host answers READs and makes none. */
	g_assert_cmpuint(f.peer.param.initiator_depth, ==, 128);
	g_assert_cmpuint(f.peer.param.responder_resources, ==, 0);
	rig_down(&f);
}

/* The queue is as large as the target says (CRQSIZE), and the first capsule says that. */
static void test_crqsize(void)
{
	static const uint16_t sizes[][2] = { { 2, 1 }, { 17, 16 }, { 32, 31 }, { 1000, 31 } };
	struct rig f;

	rig_up(&f);
	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		struct nvme_connect_cmd cmd;

		f.peer.answer = (struct answer){ true, 0, sizes[i][0], 32 };
		attempt(&f);
		memcpy(&cmd, f.peer.capsules[0], sizeof(cmd));
		g_assert_cmphex(cmd.opcode, ==, NVME_OP_FABRICS);
		g_assert_cmphex(cmd.fctype, ==, NVME_FCTYPE_CONNECT);
		g_assert_cmpuint(cmd.sqsize, ==, sizes[i][1]);
		/* On the admin queue data is never in the capsule. */
		g_assert_cmphex(f.peer.capsules[0][39], ==, NVME_SGL_KEYED_INVALIDATE);
	}
	rig_down(&f);
}

/* Reasons that are not the NVMe/RDMA target's. */
static void test_reasons(void)
{
	static const struct {
		int reason, err;
		const char *text;
	} reasons[] = {
		{ RNIC_REJ_INVALID_SERVICE_ID, -ECONNREFUSED, "nothing listens" },
		{ RNIC_REJ_NO_QP, -EACCES, "no queue pair left" },
		{ RNIC_REJ_TIMEOUT, -ETIMEDOUT, "gave up waiting" },
		{ RNIC_REJ_STALE_CONN, -EACCES, "old connection" },
		{ 33, -EACCES, "the target's RNIC refused" },
		/* Without private data at all. */
		{ RNIC_REJ_CONSUMER, -EACCES, "did not say why" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(reasons); i++) {
		const struct rnic_cm_event e = { .type = RDMA_CM_EVENT_REJECTED,
						 .status = reasons[i].reason };
		const char *text = NULL;

		g_assert_cmpint(host_rdma_rejected(&e, &text), ==, reasons[i].err);
		g_assert_nonnull(strstr(text, reasons[i].text));
	}
}

/* --- devices that go away
 * -------------------------------------------------------------------------- */

/* The host's RNIC, but that its device goes away as soon as the way to the target is known. */
static struct leaving {
	const struct hw_rnic_ops *real;
	struct hw_rnic_ops ops;
	struct rnic_watcher *watcher;
	bool unknown; /* there is no trace of it any more */
	struct rnic_device *done;
} leaving;

static void leaving_watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w)
{
	leaving.watcher = w;
	leaving.real->watch(rnic, ctx, w);
}

static struct rnic_device *leaving_id_device(const struct rnic_id *id)
{
	struct rnic_device *dev = leaving.real->id_device(id);

	if (leaving.unknown)
		return NULL;
	leaving.watcher->removing(leaving.watcher, dev);
	return dev;
}

/* The device itself does not know of it. */
static void leaving_done(struct rnic_device *dev)
{
	leaving.done = dev;
}

static void leaving_info(struct rnic_device *dev, struct rnic_info *info)
{
	g_assert_true(dev != leaving.done);
	leaving.real->device_info(dev, info);
}

static void test_leaving(void)
{
	struct hw_rnic *rnic;
	struct rig f;

	rig_up(&f);
	rnic = core_main(f.host)->hw->rnic;
	leaving = (struct leaving){ .real = rnic->ops, .ops = *rnic->ops };
	leaving.ops.watch = leaving_watch;
	leaving.ops.id_device = leaving_id_device;
	leaving.ops.device_done = leaving_done;
	leaving.ops.device_info = leaving_info;
	rnic->ops = &leaving.ops;
	for (unsigned i = 0; i < 2; i++) {
		leaving.unknown = i == 1;
		attempt(&f);
		g_assert_cmpint(f.err, ==, -ENODEV);
		g_assert_nonnull(strstr(f.text, "the RNIC was removed"));
		g_assert_true(leaving.unknown || leaving.done);
	}
	/* Another one of that name, or at that place, is as good as any. */
	leaving.watcher = NULL;
	rnic->ops = leaving.real;
	f.peer.answer = (struct answer){ false, 0, 6, 4 };
	attempt(&f);
	g_assert_cmpint(f.err, ==, -EACCES);
	rig_down(&f);
}

/* --- the bounce buffer
 * ----------------------------------------------------------------------------- */

/* Against a map of pages: what is given out was free, and is found when it is there. */
static void test_bounce(void)
{
	uint8_t *base = g_malloc(64 * RDMA_PAGE), *got[64];
	struct rdma_bounce b;
	uint32_t len[64];
	unsigned n = 0;
	guint refused = 0;

	rdma_bounce_init(&b, base, 64 * RDMA_PAGE);
	for (unsigned i = 0; i < 20000; i++) {
		uint32_t want = (uint32_t)g_test_rand_int_range(1, 20 * RDMA_PAGE);
		uint8_t *p;

		if (n > 0 && g_test_rand_int_range(0, 2)) {
			unsigned at = (unsigned)g_test_rand_int_range(0, (int)n);

			for (uint32_t j = 0; j < len[at]; j += 512)
				g_assert_cmphex(got[at][j], ==, (uint8_t)len[at]);
			rdma_bounce_put(&b, got[at], len[at]);
			n--;
			got[at] = got[n];
			len[at] = len[n];
			continue;
		}
		p = rdma_bounce_get(&b, want);
		if (!p) {
			refused++;
			g_assert_cmpuint(n, >, 0);
			continue;
		}
		g_assert_true(p >= base && p + want <= base + 64 * RDMA_PAGE);
		memset(p, (uint8_t)want, want);
		got[n] = p;
		len[n++] = want;
	}
	g_assert_cmpuint(refused, >, 100);
	rdma_bounce_reset(&b);
	g_assert_true(rdma_bounce_get(&b, 64 * RDMA_PAGE) == base);
	g_assert_null(rdma_bounce_get(&b, 1));
	rdma_bounce_clear(&b);
	g_free(base);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host/rdma/answers", test_answers);
	g_test_add_func("/host/rdma/request", test_request);
	g_test_add_func("/host/rdma/crqsize", test_crqsize);
	g_test_add_func("/host/rdma/reasons", test_reasons);
	g_test_add_func("/host/rdma/leaving", test_leaving);
	g_test_add_func("/host/rdma/bounce", test_bounce);
	return g_test_run();
}
