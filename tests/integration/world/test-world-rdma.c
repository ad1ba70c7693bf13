/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host over RDMA against the target, on software RNICs of a world: verified I/O
 * on devices that can much or little, over links that lose packets; reconnecting;
 * either side gone at every moment of connecting and of doing I/O.
 */
#include <string.h>

#include "sim/roce.h"
#include "target/core/error.h"
#include "target/nvme/nvme-rdma.h"
#include "tests/integration/tcp/raw.h"
#include "tests/integration/world/load.h"
#include "tests/integration/world/rdma.h"
#include "tests/integration/world/workload.h"

#define BLOCKS 4096
#define LIMIT (200 * WORLD_SEC)

/* --- the world -------------------------------------------------------------------------------- */

static void lossy(struct fx *fx, struct fx_host *h, uint32_t ppm)
{
	struct world_link_params p;

	world_link_get(fx->node, h->node, &p);
	p.loss_ppm = ppm;
	p.mtu = 9000;
	world_link_set(fx->node, h->node, &p);
	world_link_set(h->node, fx->node, &p);
}

/* --- I/O ----------------------------------------------------------------------------------------
 */

static void full(struct world_rnic_params *p)
{
	p->reactors = 2;
	p->max_inline = 256;
}

/* Keys of regions: no windows. */
static void no_windows(struct world_rnic_params *p)
{
	p->attr.device_cap_flags &= ~(unsigned)IBV_DEVICE_MEM_WINDOW_TYPE_2B;
}

static void small(struct world_rnic_params *p)
{
	p->attr.max_qp_wr = 5;
	p->attr.max_sge = 1;
	p->attr.max_cqe = 16;
	p->attr.max_qp_rd_atom = 1;
	p->max_inline = 0;
	p->mtu = 256;
}

static void two_wrs(struct world_rnic_params *p)
{
	p->attr.max_qp_wr = 2;
}

struct kind {
	const char *name;
	void (*change)(struct world_rnic_params *p);
	uint32_t loss_ppm;
};

static const struct kind kinds[] = {
	{ "full", full, 0 },	       { "no-windows", no_windows, 0 },
	{ "small", small, 0 },	       { "two-work-requests", two_wrs, 0 },
	{ "full-lossy", full, 10000 }, { "small-lossy", small, 10000 },
};

static void test_io(const void *arg)
{
	const struct kind *kind = arg;
	struct fx *fx = fx_rdma_target(5, 2);
	struct workload_params wp = { .nsid = 1, .blocks = BLOCKS, .ios = 600, .depth = 12 };
	struct world_rnic_params rnic;
	struct host_params p;
	struct workload *wl;
	struct fx_host *h;

	wp.max_blocks = 256;
	fx_rnic_params(&rnic, 1);
	kind->change(&rnic);
	h = fx_rdma_host(fx, &rnic);
	lossy(fx, h, kind->loss_ppm);
	fx_rdma_params(h, &p, 2);
	g_assert_true(fx_connect(h, &p));
	g_assert_cmpuint(host_ctrlr_max_io(h->ctrlr), ==, 128 * 1024);
	wl = workload_start(h, &wp);
	fx_wait(fx, LIMIT);
	workload_free(wl);
	g_assert_cmpuint(h->events[HOST_EVENT_LOST], ==, 0);
	fx_free(fx);
}

/* --- life
 * ------------------------------------------------------------------------------------------ */

static void found(const struct nvme_discovery_entry *entries, unsigned n, uint64_t genctr,
		  const GError *error, void *arg)
{
	struct fx *fx = arg;

	(void)genctr;
	g_assert_no_error(error);
	g_assert_cmpuint(n, ==, 1);
	g_assert_cmpuint(entries[0].trtype, ==, NVME_TRTYPE_RDMA);
	g_assert_cmpuint(entries[0].tsas[0], ==, NVME_RDMA_QPTYPE_CONNECTED);
	g_assert_cmpuint(entries[0].tsas[2], ==, NVME_RDMA_CMS_RDMA_CM);
	fx->waiting--;
}

static void test_discover(void)
{
	struct fx *fx = fx_rdma_target(3, 1);
	struct world_rnic_params rnic;
	GError *error = NULL;
	struct host_params p;
	struct fx_host *h;

	fx_rnic_params(&rnic, 1);
	h = fx_rdma_host(fx, &rnic);
	fx_rdma_params(h, &p, 0);
	p.subnqn = NVME_DISCOVERY_NQN;
	p.hostnqn = h->hostnqn;
	g_assert_true(net_addr_parse(&p.addr, FX_ADDR, "4420", NULL));
	fx_begin(fx);
	g_assert_true(host_discover(core_main(h->core), &p, found, fx, &error));
	fx_wait(fx, LIMIT);
	fx_free(fx);
}

static bool no_event(void *arg)
{
	const struct fx_host *h = arg;

	return h->events[HOST_EVENT_LIVE] == 0;
}

/* I/O of a lost connection is done on the next one; idle ones stay. */
static void test_reconnect(void)
{
	struct workload_params wp = { .nsid = 1, .blocks = BLOCKS, .ios = 3000, .depth = 8 };
	struct fx *fx = fx_rdma_target(11, 2);
	struct world_rnic_params rnic;
	struct host_params p;
	struct workload *wl;
	struct fx_host *h;

	wp.max_blocks = 64;
	fx_rnic_params(&rnic, 2);
	h = fx_rdma_host(fx, &rnic);
	fx_rdma_params(h, &p, 2);
	p.queue_io = true;
	p.reconnect_delay_ms = 100;
	p.io_timeout_ms = 2000;
	g_assert_true(fx_connect(h, &p));
	wl = workload_start(h, &wp);
	for (unsigned i = 0; i < 3; i++) {
		h->events[HOST_EVENT_LIVE] = 0;
		world_run_for(fx->world, 5 * WORLD_MS);
		if (i == 0)
			host_ctrlr_reset(h->ctrlr);
		world_link_stall(fx->node, h->node, world_now(fx->world) + 30 * WORLD_SEC);
		world_link_stall(h->node, fx->node, world_now(fx->world) + 30 * WORLD_SEC);
		g_assert_true(world_run_while(fx->world, no_event, h, LIMIT));
		g_assert_cmpuint(workload_finished(wl), <, wp.ios);
	}
	fx_wait(fx, LIMIT);
	workload_free(wl);
	g_assert_cmpuint(h->events[HOST_EVENT_LOST], ==, 3);
	world_run_for(fx->world, 100 * WORLD_SEC);
	g_assert_cmpuint(h->events[HOST_EVENT_LOST], ==, 3);
	fx_free(fx);
}

/* Nobody else does anything: who was not told of a completion finds it when it looks by itself. */
static void test_lost_notification(const void *at_target)
{
	struct workload_params wp = { .nsid = 1, .blocks = BLOCKS, .ios = 50, .depth = 1 };
	const struct world_fault_rule rule = { .nth = 5, .times = 3 };
	struct fx *fx = fx_rdma_target(19, 1);
	struct world_fault_stats stats;
	struct world_rnic_params rnic;
	struct world_node *node;
	struct host_params p;
	struct workload *wl;
	struct fx_host *h;
	uint64_t begun;

	wp.max_blocks = 8;
	fx_rnic_params(&rnic, 1);
	h = fx_rdma_host(fx, &rnic);
	node = at_target != NULL ? fx->node : h->node;
	fx_rdma_params(h, &p, 1);
	p.kato_ms = 0;
	g_assert_true(fx_connect(h, &p));
	world_fault_set(node, "roce.cq.lost", &rule);
	begun = world_now(fx->world);
	wl = workload_start(h, &wp);
	fx_wait(fx, LIMIT);
	workload_free(wl);
	world_fault_stats(node, "roce.cq.lost", &stats);
	g_assert_cmpuint(stats.taken, ==, 3);
	/* They stopped it, and not for long. */
	g_assert_cmpuint(world_now(fx->world) - begun, >, 1 * WORLD_SEC);
	g_assert_cmpuint(world_now(fx->world) - begun, <, 4 * WORLD_SEC);
	g_assert_cmpuint(h->events[HOST_EVENT_LOST], ==, 0);
	fx_free(fx);
}

/* Registration fails as often as it likes: the target opens its device as soon as that is over. */
static void test_opened_again(void)
{
	struct workload_params wp = { .nsid = 1, .blocks = BLOCKS, .ios = 50, .depth = 4 };
	const struct world_fault_rule rule = { .times = 5 };
	struct fx *fx = fx_rdma_target(23, 1);
	struct world_rnic_params rnic;
	struct host_params p;
	struct workload *wl;
	struct fx_host *h;

	wp.max_blocks = 8;
	fx_rnic_params(&rnic, 1);
	h = fx_rdma_host(fx, &rnic);
	fx_rdma_params(h, &p, 1);
	p.queue_io = true;
	p.reconnect_delay_ms = 100;
	g_assert_true(fx_connect(h, &p));
	world_fault_set(fx->node, "roce.pd", &rule);
	world_rnic_remove(fx->node);
	world_run_for(fx->world, 10 * WORLD_MS);
	world_rnic_return(fx->node);
	h->events[HOST_EVENT_LIVE] = 0;
	g_assert_true(world_run_while(fx->world, no_event, h, LIMIT));
	g_assert_cmpuint(world_now(fx->world), >, 5 * WORLD_SEC);
	wl = workload_start(h, &wp);
	fx_wait(fx, LIMIT);
	workload_free(wl);
	fx_free(fx);
}

/* --- what is wrong
 * --------------------------------------------------------------------------------- */

struct wrong {
	const char *name, *text;
	void (*change)(struct host_params *p, struct world_rnic_params *rnic);
	bool no_rnic;
};

static void nobody(struct host_params *p, struct world_rnic_params *rnic)
{
	(void)rnic;
	g_assert_true(net_addr_parse(&p->addr, FX_ADDR, "4421", NULL));
}

static void nowhere(struct host_params *p, struct world_rnic_params *rnic)
{
	(void)rnic;
	g_assert_true(net_addr_parse(&p->addr, "192.0.2.99", "4420", NULL));
}

static void not_ours(struct host_params *p, struct world_rnic_params *rnic)
{
	(void)rnic;
	p->src_given = net_addr_parse(&p->src, "192.0.2.98", NULL, NULL);
}

static void no_reads(struct host_params *p, struct world_rnic_params *rnic)
{
	(void)p;
	rnic->attr.max_qp_rd_atom = 0;
}

static void no_pd(struct host_params *p, struct world_rnic_params *rnic)
{
	(void)p;
	rnic->attr.max_pd = 0;
}

static void no_qp(struct host_params *p, struct world_rnic_params *rnic)
{
	(void)p;
	rnic->attr.max_qp = 1;
}

static void one_wr(struct host_params *p, struct world_rnic_params *rnic)
{
	(void)p;
	rnic->attr.max_qp_wr = 1;
}

static const struct wrong wrongs[] = {
	{ "nobody-listens", "Nothing listens on 192.0.2.1:4421", nobody, false },
	{ "no-such-address", "192.0.2.99:4420", nowhere, false },
	{ "not-our-address", "no RDMA device has the address given for this host", not_ours,
	  false },
	{ "no-rnic", "no RDMA device could be opened", NULL, true },
	{ "no-reads", "answers too few READs at a time", no_reads, false },
	{ "no-pd", "no memory could be registered with the RNIC", no_pd, false },
	{ "few-queue-pairs", "the RNIC made no queue pair", no_qp, false },
	{ "one-work-request", "the RNIC made no queue pair", one_wr, false },
};

static void refused(struct host_ctrlr *c, const GError *error, void *arg)
{
	struct fx_host *h = arg;

	(void)c;
	g_assert_nonnull(error);
	h->error = g_strdup(weft_error_detail(error) ? weft_error_detail(error) : error->message);
	h->fx->waiting--;
}

static void test_wrong(const void *arg)
{
	const struct wrong *wrong = arg;
	struct fx *fx = fx_rdma_target(7, 1);
	struct fx_host *h = fx_host_new(fx, 1);
	struct world_rnic_params rnic;
	GError *error = NULL;
	struct host_params p;

	fx_rnic_params(&rnic, 1);
	fx_rdma_params(h, &p, 2);
	p.hostnqn = h->hostnqn;
	g_assert_true(net_addr_parse(&p.addr, FX_ADDR, "4420", NULL));
	if (wrong->change != NULL)
		wrong->change(&p, &rnic);
	if (!wrong->no_rnic)
		fx_rnic_new(h->node, &rnic);
	fx_begin(fx);
	g_assert_nonnull(host_ctrlr_connect(core_main(h->core), &p, refused, h, &error));
	fx_wait(fx, LIMIT);
	if (strstr(h->error, wrong->text) == NULL)
		g_error("\"%s\" does not say: %s", h->error, wrong->text);
	fx_free(fx);
}

/* --- an RNIC in between, which tells what did not happen ----------------------------------------
 */

enum lie {
	LIE_NONE,
	LIE_SHORT,   /* a response of 12 bytes */
	LIE_OTHER,   /* a receive that holds none: its cid is of nothing outstanding */
	LIE_KEY,     /* another key was invalidated */
	LIE_FAILED,  /* a work request failed */
	LIE_FLUSHED, /* or was flushed, and nobody says why */
};

struct liar {
	struct hw_rnic rnic;
	struct hw_rnic_ops ops;
	struct hw_rnic *real;
	enum lie lie;
	unsigned after; /* so many responses */
	unsigned told;
	unsigned by_target, by_host; /* windows made invalid */
};

/* The host's, and the target's. What does not name its RNIC is of the host's, but for info. */
static struct liar liar, plain;

static int liar_ctx_open(struct hw_rnic *rnic, struct reactor *r, struct rnic_ctx **out)
{
	struct hw_rnic *real = ((struct liar *)rnic)->real;

	return real->ops->ctx_open(real, r, out);
}

static void liar_watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w)
{
	struct hw_rnic *real = ((struct liar *)rnic)->real;

	real->ops->watch(real, ctx, w);
}

static void liar_unwatch(struct hw_rnic *rnic, struct rnic_watcher *w)
{
	struct hw_rnic *real = ((struct liar *)rnic)->real;

	real->ops->unwatch(real, w);
}

static void tell_lie(struct ibv_wc *wc)
{
	liar.told++;
	switch (liar.lie) {
	case LIE_SHORT:
		wc->byte_len = 12;
		break;
	case LIE_OTHER:
		wc->wr_id = (wc->wr_id & ~UINT64_C(0xffff)) | 31;
		break;
	case LIE_KEY:
		wc->wc_flags |= IBV_WC_WITH_INV;
		wc->invalidated_rkey ^= 0x100;
		break;
	case LIE_FAILED:
		wc->status = IBV_WC_REM_OP_ERR;
		break;
	case LIE_FLUSHED:
		wc->status = IBV_WC_WR_FLUSH_ERR;
		break;
	default:
		break;
	}
}

static int liar_cq_poll(struct rnic_cq *cq, int n, struct ibv_wc *wc)
{
	int got = liar.real->ops->cq_poll(cq, n, wc);

	for (int i = 0; i < got; i++) {
		if (wc[i].status != IBV_WC_SUCCESS || wc[i].opcode != IBV_WC_RECV)
			continue;
		liar.by_target += (wc[i].wc_flags & IBV_WC_WITH_INV) != 0;
		if (liar.after > 0)
			liar.after--;
		else if (liar.told == 0 && liar.lie != LIE_NONE)
			tell_lie(&wc[i]);
	}
	return got;
}

static int liar_local_inv(struct rnic_qp *qp, uint32_t rkey, uint64_t wr_id, unsigned flags)
{
	liar.by_host++;
	return liar.real->ops->post_local_inv(qp, rkey, wr_id, flags);
}

/* A device that cannot SEND with Invalidate. */
static void plain_info(struct rnic_device *dev, struct rnic_info *info)
{
	plain.real->ops->device_info(dev, info);
	info->send_with_inv = false;
}

static void wrap(struct liar *l, struct world_node *node)
{
	struct hw_rnic *real = world_node_hw(node)->rnic;

	*l = (struct liar){ .ops = *real->ops, .real = real };
	l->rnic.ops = &l->ops;
	l->ops.ctx_open = liar_ctx_open;
	l->ops.watch = liar_watch;
	l->ops.unwatch = liar_unwatch;
	world_rnic_wrap(node, &l->rnic);
}

static void liar_up(struct world_node *node, enum lie lie, unsigned after)
{
	wrap(&liar, node);
	liar.lie = lie;
	liar.after = after;
	liar.ops.cq_poll = liar_cq_poll;
	liar.ops.post_local_inv = liar_local_inv;
}

static const struct lied {
	const char *name, *text;
	enum lie lie;
	unsigned after;
} lied[] = {
	{ "short", "sent a response of a wrong length", LIE_SHORT, 3 },
	{ "other", "answered a command that is not outstanding", LIE_OTHER, 0 },
	{ "key", "invalidated a key that is not the command's", LIE_KEY, 0 },
	{ "key-of-none", "invalidated a key that is not the command's", LIE_KEY, 2 },
	{ "failed", "the target's RNIC refused a command", LIE_FAILED, 1 },
	{ "flushed", "the connection broke", LIE_FLUSHED, 1 },
};

static void test_lied(const void *arg)
{
	const struct lied *l = arg;
	struct fx *fx = fx_rdma_target(13, 1);
	struct world_rnic_params rnic;
	GError *error = NULL;
	struct host_params p;
	struct fx_host *h;

	fx_rnic_params(&rnic, 1);
	h = fx_rdma_host(fx, &rnic);
	liar_up(h->node, l->lie, l->after);
	fx_rdma_params(h, &p, 1);
	p.hostnqn = h->hostnqn;
	g_assert_true(net_addr_parse(&p.addr, FX_ADDR, "4420", NULL));
	fx_begin(fx);
	g_assert_nonnull(host_ctrlr_connect(core_main(h->core), &p, refused, h, &error));
	fx_wait(fx, LIMIT);
	g_assert_cmpuint(liar.told, ==, 1);
	if (strstr(h->error, l->text) == NULL)
		g_error("\"%s\" does not say: %s", h->error, l->text);
	fx_free(fx);
}

/* Who invalidates: the target where it can, else we. Either way before the command is done. */
static void test_invalidate(const void *arg)
{
	struct workload_params wp = { .nsid = 1, .blocks = BLOCKS, .ios = 200, .depth = 8 };
	struct fx *fx = fx_new(17, 1);
	struct world_rnic_params rnic;
	struct host_params p;
	struct workload *wl;
	struct fx_host *h;

	wp.max_blocks = 256;
	fx_rnic_params(&rnic, 1);
	fx_rnic_new(fx->node, &rnic);
	if (arg != NULL) {
		wrap(&plain, fx->node);
		plain.ops.device_info = plain_info;
	}
	fx_config_rdma(fx);
	rnic.attr.max_qp_wr = 8;
	h = fx_rdma_host(fx, &rnic);
	liar_up(h->node, LIE_NONE, 0);
	fx_rdma_params(h, &p, 1);
	g_assert_true(fx_connect(h, &p));
	wl = workload_start(h, &wp);
	fx_wait(fx, LIMIT);
	workload_free(wl);
	g_assert_cmpuint(arg != NULL ? liar.by_host : liar.by_target, >, 100);
	g_assert_cmpuint(arg != NULL ? liar.by_target : liar.by_host, ==, 0);
	fx_free(fx);
}

/* --- gone at any moment -------------------------------------------------------------------------
 */

#define STEP (23 * WORLD_US)
#define SPAN (2500 * WORLD_US) /* of a session: connects, then I/O */

enum how { RESET, SILENT, DISCONNECT, SHUTDOWN, REMOVED, TARGET_REMOVED, HOWS };

static const char *const how_names[] = { "reset",    "silent",	"disconnect",
					 "shutdown", "removed", "target-removed" };

static void begin_load(struct fx_host *h)
{
	if (host_ctrlr_ns(h->ctrlr, 1) != NULL) /* else it went already */
		h->user = load_start(h, 1, 8, 200);
}

static bool busy(void *arg)
{
	struct load *load = ((struct fx_host *)arg)->user;

	return load != NULL && load_outstanding(load) > 0;
}

static void act(struct fx *fx, struct fx_host *h, enum how how)
{
	switch (how) {
	case RESET:
		if (h->ctrlr != NULL)
			host_ctrlr_reset(h->ctrlr);
		break;
	case SILENT:
		world_link_stall(fx->node, h->node, HW_NEVER);
		world_link_stall(h->node, fx->node, HW_NEVER);
		break;
	case SHUTDOWN:
		fx_shutdown(fx);
		break;
	case REMOVED:
		world_rnic_remove(h->node);
		break;
	case TARGET_REMOVED:
		world_rnic_remove(fx->node);
		break;
	default:
		break;
	}
}

/* Returns how many I/Os had been under way. */
static unsigned run(uint64_t when, enum how how, unsigned reactors)
{
	struct fx *fx = fx_rdma_target(when + how, reactors);
	struct world_rnic_params rnic;
	struct host_params p;
	struct fx_host *h;
	unsigned were;

	fx_rnic_params(&rnic, reactors);
	if (when % 3 == 0)
		no_windows(&rnic);
	h = fx_rdma_host(fx, &rnic);
	fx_rdma_params(h, &p, 3);
	p.io_timeout_ms = 5000;
	fx_connect_start(h, &p, begin_load);
	world_run_for(fx->world, when);
	were = busy(h) ? load_outstanding(h->user) : 0;
	act(fx, h, how);
	if (h->user != NULL)
		load_stop(h->user);
	if (how == DISCONNECT)
		fx_disconnect(h);
	fx_wait(fx, LIMIT);
	if (h->user != NULL)
		load_stop(h->user);
	g_assert_true(world_run_while(fx->world, busy, h, LIMIT));
	fx_disconnect(h);
	world_run_for(fx->world, 60 * WORLD_SEC);
	g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
	load_free(h->user);
	fx_free(fx);
	return were;
}

static void test_gone(const void *arg)
{
	enum how how = (enum how)GPOINTER_TO_UINT(arg);
	unsigned with_io = 0;

	for (uint64_t when = 0; when < SPAN; when += STEP + when % 5)
		with_io += run(when, how, 1 + (unsigned)(when % 2)) > 0;
	g_assert_cmpuint(with_io, >, 10);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *path = g_strdup_printf("/world/rdma/io/%s", kinds[i].name);

		g_test_add_data_func(path, &kinds[i], test_io);
	}
	g_test_add_func("/world/rdma/discover", test_discover);
	g_test_add_func("/world/rdma/reconnect", test_reconnect);
	g_test_add_data_func("/world/rdma/lost-notification/target", "", test_lost_notification);
	g_test_add_data_func("/world/rdma/lost-notification/host", NULL, test_lost_notification);
	g_test_add_func("/world/rdma/opened-again", test_opened_again);
	for (unsigned i = 0; i < G_N_ELEMENTS(wrongs); i++) {
		g_autofree char *path = g_strdup_printf("/world/rdma/wrong/%s", wrongs[i].name);

		g_test_add_data_func(path, &wrongs[i], test_wrong);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(lied); i++) {
		g_autofree char *path = g_strdup_printf("/world/rdma/lied/%s", lied[i].name);

		g_test_add_data_func(path, &lied[i], test_lied);
	}
	g_test_add_data_func("/world/rdma/invalidate/target", NULL, test_invalidate);
	g_test_add_data_func("/world/rdma/invalidate/host", "", test_invalidate);
	for (unsigned i = 0; i < HOWS; i++) {
		g_autofree char *path = g_strdup_printf("/world/rdma/gone/%s", how_names[i]);

		g_test_add_data_func(path, GUINT_TO_POINTER(i), test_gone);
	}
	return g_test_run();
}
