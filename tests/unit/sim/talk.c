/* SPDX-License-Identifier: BSD-3-Clause */
/* See talk.h. */
#include "tests/unit/sim/talk.h"

#include <string.h>

#define MEM ((size_t)2 * TALK_DEPTH * TALK_SLOT)
#define OPS(t) ((t)->rnic->ops)
#define RECV UINT64_C(0x100) /* in a wr_id */

static uint64_t iova(const struct talker *t)
{
	return t == &t->talk->client ? UINT64_C(0x100000000) : UINT64_C(0x200000000);
}

/* Slot i's place; the upper half is where receives go. */
static uint32_t place(unsigned i, bool recv)
{
	return (i + (recv ? TALK_DEPTH : 0)) * TALK_SLOT;
}

static void fill(uint8_t *to, uint32_t len, unsigned salt)
{
	for (uint32_t i = 0; i < len; i++)
		to[i] = (uint8_t)(salt * 31 + i * 7 + (i >> 8));
}

static void check(const uint8_t *got, uint32_t len, unsigned salt)
{
	g_autofree uint8_t *want = g_malloc(len + 1);

	fill(want, len, salt);
	g_assert_cmpmem(got, len, want, len);
}

/* ---- work ------------------------------------------------------------------------------- */

static void post_recv(struct talker *t, unsigned i)
{
	struct ibv_sge sge = { .addr = iova(t) + place(i, true),
			       .length = TALK_SLOT,
			       .lkey = OPS(t)->mr_lkey(t->mr) };
	struct ibv_recv_wr wr = { .wr_id = RECV | i, .sg_list = &sge, .num_sge = 1 }, *bad;

	g_assert_cmpint(OPS(t)->post_recv(t->qp, &wr, &bad), ==, 0);
}

static void post_one(struct talk *t, unsigned i)
{
	static const enum ibv_wr_opcode opcodes[] = { IBV_WR_SEND, IBV_WR_RDMA_WRITE,
						      IBV_WR_RDMA_READ };
	static const char *const names[] = { "SEND", "WRITE", "READ" };
	struct talker *c = &t->client, *s = &t->server;
	struct ibv_sge sge = { .addr = iova(c) + place(i, false), .lkey = OPS(c)->mr_lkey(c->mr) };
	struct ibv_send_wr wr = { .wr_id = i, .sg_list = &sge, .num_sge = 1 }, *bad;

	t->what[i] = (uint8_t)world_rng_below(&t->rng, 3);
	t->len[i] = (uint32_t)world_rng_below(&t->rng, t->max_len + 1);
	t->number[i] = t->what[i] == 0 ? t->nsends++ : t->posted;
	t->slot_busy[i] = true;
	t->posted++;
	if (t->log)
		fprintf(t->log, "posted %s %u\n", names[t->what[i]], t->len[i]);
	wr.opcode = opcodes[t->what[i]];
	wr.send_flags = IBV_SEND_SIGNALED;
	sge.length = t->len[i];
	wr.wr.rdma.remote_addr = iova(s) + place(i, false);
	wr.wr.rdma.rkey = OPS(s)->mr_rkey(s->mr);
	fill((t->what[i] == 2 ? s : c)->mem + place(i, false), t->len[i], t->number[i]);
	g_assert_cmpint(OPS(c)->post_send(c->qp, &wr, &bad), ==, 0);
}

static void post_all(struct talk *t)
{
	for (unsigned i = 0; i < TALK_DEPTH && t->posted < t->total; i++) {
		if (!t->slot_busy[i])
			post_one(t, i);
	}
}

static void sent(struct talk *t, const struct ibv_wc *wc)
{
	unsigned i = (unsigned)wc->wr_id;

	g_assert_true(t->slot_busy[i]);
	t->slot_busy[i] = false;
	if (wc->status != IBV_WC_SUCCESS) {
		if (t->failed++ == 0)
			t->first_failure = wc->status;
		return;
	}
	t->done++;
	if (t->what[i] != 0)
		check((t->what[i] == 1 ? &t->server : &t->client)->mem + place(i, false), t->len[i],
		      t->number[i]);
	if (t->client.trouble == 0)
		post_all(t);
}

/* Receives come in the order of the sends, which had these numbers. */
static void received(struct talker *t, const struct ibv_wc *wc)
{
	unsigned i = wc->wr_id & 0xff;

	if (wc->status != IBV_WC_SUCCESS)
		return;
	check(t->mem + place(i, true), wc->byte_len, t->got++);
	post_recv(t, i);
}

static struct talker *of_engine(struct engine *e)
{
	return (struct talker *)((char *)e - offsetof(struct talker, engine));
}

static unsigned poll_cq(struct engine *e, unsigned budget)
{
	struct talker *t = of_engine(e);
	struct ibv_wc wc[4];
	int n;

	(void)budget;
	if (!t->cq)
		return 0;
	n = OPS(t)->cq_poll(t->cq, 4, wc);
	for (int i = 0; i < n; i++) {
		if (wc[i].wr_id & RECV)
			received(t, &wc[i]);
		else
			sent(t->talk, &wc[i]);
	}
	return (unsigned)MAX(n, 0);
}

static bool arm_cq(struct engine *e)
{
	struct talker *t = of_engine(e);

	if (!t->cq)
		return true;
	OPS(t)->cq_arm(t->cq);
	return poll_cq(e, 1) == 0;
}

static const struct engine_ops engine_ops = { .name = "talk", .poll = poll_cq, .arm = arm_cq };

/* ---- the connection --------------------------------------------------------------------- */

static void on_qp(struct rnic_qp *qp, enum ibv_event_type type, void *user)
{
	(void)qp;
	(void)type;
	(void)user;
}

static const struct rnic_qp_cb qp_cb = { on_qp };

static void make_qp(struct talker *t)
{
	struct rnic_qp_init init = { .send_cq = t->cq,
				     .recv_cq = t->cq,
				     .cap = { .max_send_wr = TALK_DEPTH,
					      .max_recv_wr = TALK_DEPTH,
					      .max_send_sge = 1,
					      .max_recv_sge = 1 },
				     .cb = &qp_cb };

	g_assert_cmpint(OPS(t)->qp_create(t->id, t->pd, &init, &t->qp), ==, 0);
}

static struct rdma_conn_param conn_param(const struct talker *t)
{
	struct rnic_info info;

	OPS(t)->device_info(t->dev, &info);
	return (struct rdma_conn_param){
		.responder_resources = (uint8_t)MIN(4, info.attr.max_qp_rd_atom),
		.initiator_depth = (uint8_t)MIN(4, info.attr.max_qp_init_rd_atom),
		.retry_count = 7,
		.rnr_retry_count = 7,
	};
}

static void recv_all(struct reactor *r, void *arg)
{
	struct talker *t = arg;

	(void)r;
	for (unsigned i = 0; t->qp && i < TALK_DEPTH; i++)
		post_recv(t, i);
}

static void recv_late(void *arg)
{
	core_call(core_main(((struct talker *)arg)->core), recv_all, arg);
}

static void asked(struct talker *t, struct rnic_id *id)
{
	const struct rdma_conn_param param = conn_param(t);
	struct world *w = t->talk->world;

	if (t->id) {
		OPS(t)->id_destroy(id);
		return;
	}
	t->id = id;
	make_qp(t);
	if (t->talk->busy_server)
		world_at(w, world_now(w) + 5 * WORLD_MS, recv_late, t);
	else
		recv_all(NULL, t);
	g_assert_cmpint(OPS(t)->accept(id, &param), ==, 0);
}

static void on_id(struct rnic_id *id, const struct rnic_cm_event *event, void *user)
{
	struct talker *t = user;
	const struct rdma_conn_param param = conn_param(t);

	switch (event->type) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		asked(t, event->id);
		break;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		make_qp(t);
		g_assert_cmpint(OPS(t)->connect(id, &param), ==, 0);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		t->established = true;
		if (t == &t->talk->client)
			post_all(t->talk);
		break;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		t->timewait = true;
		break;
	default:
		t->trouble = event->status ? event->status : 1;
		break;
	}
}

static const struct rnic_id_cb id_cb = { on_id };

/* ---- the machines ----------------------------------------------------------------------- */

static void added(struct rnic_watcher *w, struct rnic_device *dev)
{
	struct talker *t = (struct talker *)((char *)w - offsetof(struct talker, watcher));
	struct net_addr addr;

	t->dev = dev;
	if (t->added++ > 0)
		return; /* it has been away, and has all been said */
	g_assert_cmpint(OPS(t)->pd_alloc(dev, &t->pd), ==, 0);
	g_assert_cmpint(OPS(t)->mr_reg(t->pd, t->mem, MEM, iova(t),
				       IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
					       IBV_ACCESS_REMOTE_WRITE,
				       &t->mr),
			==, 0);
	g_assert_cmpint(OPS(t)->cq_create(t->ctx, dev, 4 * TALK_DEPTH, NULL, t, &t->cq), ==, 0);
	g_assert_true(net_addr_parse(&addr, t->talk->server.host, "4420", NULL));
	if (t == &t->talk->server)
		g_assert_cmpint(OPS(t)->id_listen(t->ctx, &addr, 8, &id_cb, t, &t->listener), ==,
				0);
	else
		g_assert_cmpint(OPS(t)->id_resolve(t->ctx, &addr, NULL, 1000, &id_cb, t, &t->id),
				==, 0);
}

static void removing(struct rnic_watcher *w, struct rnic_device *dev)
{
	(void)dev;
	((struct talker *)((char *)w - offsetof(struct talker, watcher)))->removed = true;
}

static void event(struct rnic_watcher *w, struct rnic_device *dev, enum ibv_event_type type,
		  unsigned port)
{
	struct talker *t = (struct talker *)((char *)w - offsetof(struct talker, watcher));

	(void)dev;
	g_assert_cmpuint(port, ==, 1);
	t->port_events += type == IBV_EVENT_PORT_ERR || type == IBV_EVENT_PORT_ACTIVE;
	t->gid_events += type == IBV_EVENT_GID_CHANGE;
}

static void begin(struct reactor *r, void *arg)
{
	struct talker *t = arg;

	g_assert_cmpint(OPS(t)->ctx_open(t->rnic, r, &t->ctx), ==, 0);
	t->engine.ops = &engine_ops;
	t->engine.fd = -1;
	reactor_add_engine(r, &t->engine);
	t->watcher.added = added;
	t->watcher.removing = removing;
	t->watcher.event = event;
	OPS(t)->watch(t->rnic, t->ctx, &t->watcher);
}

void talk_let_go(struct talker *t)
{
	if (t->qp)
		OPS(t)->qp_destroy(t->qp);
	if (t->id)
		OPS(t)->id_destroy(t->id);
	if (t->listener)
		OPS(t)->id_destroy(t->listener);
	if (t->cq)
		g_assert_cmpint(OPS(t)->cq_destroy(t->cq), ==, 0);
	t->cq = NULL;
	if (t->mr)
		g_assert_cmpint(OPS(t)->mr_dereg(t->mr), ==, 0);
	if (t->pd)
		g_assert_cmpint(OPS(t)->pd_dealloc(t->pd), ==, 0);
	t->qp = NULL;
	t->id = t->listener = NULL;
	t->mr = NULL;
	t->pd = NULL;
	if (t->removed)
		OPS(t)->device_done(t->dev);
	t->removed = false;
}

static void end(struct reactor *r, void *arg)
{
	struct talker *t = arg;

	talk_let_go(t);
	OPS(t)->unwatch(t->rnic, &t->watcher);
	reactor_remove_engine(r, &t->engine);
	OPS(t)->ctx_close(t->ctx);
	t->ctx = NULL;
}

static void misdeed(void *arg, const char *oracle, char *text)
{
	(void)arg;
	g_error("%s: %s", oracle, text);
}

static void talker_up(struct talk *talk, struct talker *t, const char *name, const char *host,
		      const struct world_rnic_params *params)
{
	static const struct core_options options = { .nreactors = 1, .log_level = LOG_ERROR };
	GError *error = NULL;

	t->talk = talk;
	t->host = host;
	t->node = world_node_new(talk->world, name);
	g_assert_true(world_node_add_addr(t->node, host));
	t->ledger = oracle_rdma_new(world_rnic_new(t->node, params, &error), misdeed, NULL);
	g_assert_no_error(error);
	t->rnic = oracle_rdma_rnic(t->ledger);
	world_rnic_wrap(t->node, t->rnic);
	t->core = core_new(world_node_hw(t->node), &options, &error);
	g_assert_no_error(error);
	core_start(t->core, &error);
	g_assert_no_error(error);
	t->mem = g_malloc0(MEM);
}

static void violated(void *arg, char *text)
{
	(void)arg;
	g_error("%s", text);
}

static bool reachable(void *arg, const uint8_t host[16], uint32_t qpn, uint32_t rkey, uint64_t va,
		      uint32_t len, bool write)
{
	const struct talk *t = arg;
	struct net_addr addr;

	g_assert_true(net_addr_parse(&addr, t->server.host, NULL, NULL));
	return oracle_rdma_reachable(memcmp(host, addr.ip, 16) ? t->client.ledger
							       : t->server.ledger,
				     qpn, rkey, va, len, write);
}

static void look(struct world_roce_tap *tap, const struct world_node *node, bool sent,
		 const uint8_t *frame, uint32_t len, uint64_t now)
{
	(void)node;
	oracle_rc_frame(((struct talk *)((char *)tap - offsetof(struct talk, tap)))->monitor, sent,
			frame, len, now);
}

static void up(struct talk *t, uint64_t seed, const struct world_rnic_params *params,
	       const char *server, const char *client)
{
	struct world_rnic_params usual;

	world_rnic_params_default(&usual);
	*t = (struct talk){ .world = world_new(seed), .max_len = TALK_SLOT };
	world_rng_init(t->world, &t->rng, "talk");
	t->monitor = oracle_rc_new(violated, NULL);
	oracle_rc_quiet(t->monitor);
	oracle_rc_memory(t->monitor, reachable, t);
	t->tap.fn = look;
	world_roce_tap_add(t->world, &t->tap);
	talker_up(t, &t->server, "server", server, params ? params : &usual);
	talker_up(t, &t->client, "client", client, params ? params : &usual);
}

void talk_up(struct talk *t, uint64_t seed, const struct world_rnic_params *params)
{
	up(t, seed, params, "192.0.2.1", "192.0.2.2");
}

void talk_up6(struct talk *t, uint64_t seed, const struct world_rnic_params *params)
{
	up(t, seed, params, "2001:db8::1", "2001:db8::2");
}

void talk_start(struct talk *t, unsigned total)
{
	t->total = total;
	core_call(core_main(t->server.core), begin, &t->server);
	world_run_for(t->world, WORLD_MS);
	core_call(core_main(t->client.core), begin, &t->client);
}

static bool goes_on(void *arg)
{
	const struct talk *t = arg;

	return t->done < t->total && !t->client.trouble && t->failed == 0;
}

bool talk_wait(struct talk *t, uint64_t limit)
{
	return world_run_while(t->world, goes_on, t, limit);
}

static void hang_up(struct reactor *r, void *arg)
{
	struct talker *t = arg;

	(void)r;
	if (t->id && t->established)
		OPS(t)->disconnect(t->id);
}

uint64_t talk_down(struct talk *t)
{
	struct talker *both[] = { &t->client, &t->server };
	struct oracle_rc_counts counts;
	struct oracle_rdma_counts books;
	uint64_t hash;

	core_call(core_main(t->client.core), hang_up, &t->client);
	world_run_for(t->world, 10 * WORLD_MS);
	for (unsigned i = 0; i < 2; i++)
		core_call(core_main(both[i]->core), end, both[i]);
	world_run_for(t->world, 10 * WORLD_MS);
	hash = world_hash(t->world);
	for (unsigned i = 0; i < 2; i++) {
		core_stop(both[i]->core);
		core_free(both[i]->core);
		g_free(both[i]->mem);
		oracle_rdma_counts(both[i]->ledger, &books);
		g_assert_cmpuint(books.posted, ==, books.ended + books.unfinished);
		oracle_rdma_free(both[i]->ledger);
	}
	oracle_rc_counts(t->monitor, &counts);
	g_assert_cmpuint(counts.strangers, ==, 0);
	g_assert_cmpuint(counts.requests, >, 0);
	oracle_rc_free(t->monitor);
	g_assert_null(world_leaks(t->world));
	world_free(t->world);
	return hash;
}
