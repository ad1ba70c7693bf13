/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/oracle/session.h"

#include <string.h>

#define BLOCKS 1024

struct churn {
	struct fx *fx;
	struct world_rng rng;
	unsigned step;
};

static void churn_soon(struct churn *c);

static void churn_step(void *arg)
{
	struct churn *c = arg;
	struct target *t = c->fx->target;
	struct nvmf_subsystem *s = nvmf_subsystem_find(t->nvmf, FX_NQN);
	const struct nvmf_ns_options ns = { .bdev_name = "Null0", .nsid = 2 };
	struct bdev *b = bdev_find(t->bdevs, "Null0");
	GError *error = NULL;

	switch (c->step++ % 3) {
	case 0:
		if (b == NULL)
			bdev_null_create(t->bdevs, "Null0", 1024, 512, NULL, &error);
		fx_begin(c->fx);
		nvmf_subsystem_add_ns(s, &ns, NULL, fx_done, c->fx);
		break;
	case 1:
		bdev_resize(b, 512 + world_rng_below(&c->rng, 100000), &error);
		break;
	default:
		fx_begin(c->fx);
		nvmf_subsystem_remove_ns(s, 2, fx_done, c->fx);
	}
	g_assert_no_error(error);
	churn_soon(c);
	fx_done(c->fx, NULL);
}

static void churn_soon(struct churn *c)
{
	if (c->step >= 6)
		return;
	fx_begin(c->fx);
	world_at(c->fx->world,
		 world_now(c->fx->world) + world_rng_range(&c->rng, 100 * WORLD_US, 3 * WORLD_MS),
		 churn_step, c);
}

static void draw_links(struct fx *fx, struct world_rng *rng)
{
	struct world_link_params p;

	world_link_default(&p);
	if (world_rng_chance(rng, 300000)) {
		p.seg_max = (uint32_t)world_rng_range(rng, 1, 200);
		p.bytes_per_sec = 0;
		p.latency_ns = 2000;
	}
	if (world_rng_chance(rng, 300000)) {
		p.stall_ppm = 1000;
		p.stall_ns = 20 * WORLD_MS;
	}
	if (world_rng_chance(rng, 300000))
		p.sndbuf = (uint32_t)world_rng_range(rng, 1, 8192);
	world_link_set_all(fx->world, &p);
}

static void connect_params(struct host_params *h, const struct session_params *p,
			   struct world_rng *rng)
{
	host_params_default(h);
	h->subnqn = FX_NQN;
	h->io_queues = 2;
	h->queue_size = 16;
	h->hdgst = p->hdgst;
	h->ddgst = p->ddgst;
	h->hpda = p->hpda;
	h->no_sq_flow_control = p->no_flow_control;
	if (!p->draw)
		return;
	h->io_queues = (unsigned)world_rng_range(rng, 1, 4);
	h->queue_size = (uint16_t)world_rng_range(rng, 2, 128);
	h->hdgst = world_rng_chance(rng, 400000);
	h->ddgst = world_rng_chance(rng, 400000);
	h->no_sq_flow_control = world_rng_chance(rng, 500000);
	h->hpda = (uint8_t)world_rng_below(rng, 32);
}

static void discovered(const struct nvme_discovery_entry *entries, unsigned n, uint64_t genctr,
		       const GError *error, void *arg)
{
	(void)entries;
	(void)genctr;
	g_assert_no_error(error);
	g_assert_cmpuint(n, ==, 1);
	fx_done(arg, NULL);
}

static void discover(struct fx_host *h)
{
	struct host_params p;
	GError *error = NULL;

	host_params_default(&p);
	g_assert_true(net_addr_parse(&p.addr, FX_ADDR, "4420", NULL));
	p.hostnqn = h->hostnqn;
	fx_begin(h->fx);
	host_discover(core_main(h->core), &p, discovered, h->fx, &error);
	g_assert_no_error(error);
	fx_wait(h->fx, 60 * WORLD_SEC);
}

void session_run(const struct session_params *p)
{
	struct fx *fx = fx_new(p->seed, 2);
	struct churn churn = { .fx = fx };
	struct workload *wl[FX_HOSTS_MAX];
	struct world_rng rng;

	p->begin(fx->world, p->arg);
	world_rng_init(fx->world, &rng, "session");
	world_rng_init(fx->world, &churn.rng, "churn");
	fx_config_default(fx, BLOCKS);
	for (unsigned i = 0; i < p->hosts; i++)
		fx_host_new(fx, 1);
	if (p->draw)
		draw_links(fx, &rng);
	discover(fx->hosts[0]);
	for (unsigned i = 0; i < p->hosts; i++) {
		struct host_params h;

		connect_params(&h, p, &rng);
		if (!fx_connect(fx->hosts[i], &h))
			g_error("seed %" G_GUINT64_FORMAT ": %s", p->seed, fx->hosts[i]->error);
	}
	churn_soon(&churn);
	for (unsigned i = 0; i < p->hosts; i++) {
		const struct workload_params w = {
			.nsid = 1,
			.first_lba = i * BLOCKS / p->hosts,
			.blocks = BLOCKS / p->hosts,
			.ios = p->ios,
			.depth = p->draw ? (unsigned)world_rng_range(&rng, 1, 32) : 8,
			.max_blocks = 32,
		};

		wl[i] = workload_start(fx->hosts[i], &w);
	}
	fx_wait(fx, 600 * WORLD_SEC);
	world_run_for(fx->world, 12 * WORLD_SEC); /* keep-alives */
	for (unsigned i = 0; i < p->hosts; i++) {
		workload_free(wl[i]);
		fx_disconnect(fx->hosts[i]);
	}
	p->end(fx->world, p->arg);
	fx_free(fx);
}

/* --- recordings ------------------------------------------------------------------------- */

struct recorder {
	struct world_tap tap;
	GArray *pdus;
	GHashTable *rest; /* conn * 2 + side -> GByteArray */
	void (*end)(struct world *w, void *arg);
};

static void cut(struct recorder *r, uint64_t conn, unsigned side, GByteArray *bytes)
{
	while (bytes->len >= 8) {
		uint32_t plen;
		struct record_pdu pdu = { .conn = conn,
					  .side = (enum oracle_side)side,
					  .qid = 0xffff };

		memcpy(&plen, bytes->data + 4, sizeof(plen));
		if (bytes->len < plen)
			return;
		pdu.data = g_memdup2(bytes->data, plen);
		pdu.len = plen;
		g_array_append_val(r->pdus, pdu);
		g_byte_array_remove_range(bytes, 0, plen);
	}
}

static void on_tap(struct world_tap *tap, enum world_tap_kind kind,
		   const struct world_tap_info *info, const void *data, size_t len)
{
	struct recorder *r = (struct recorder *)tap;
	gpointer key = GUINT_TO_POINTER(info->conn * 2 + info->side);
	GByteArray *bytes;

	if (kind == WORLD_TAP_OPEN) {
		struct record_pdu pdu = { .conn = info->conn, .open = true };

		g_array_append_val(r->pdus, pdu);
	} else if (kind == WORLD_TAP_DATA) {
		bytes = g_hash_table_lookup(r->rest, key);
		if (bytes == NULL) {
			bytes = g_byte_array_new();
			g_hash_table_insert(r->rest, key, bytes);
		}
		g_byte_array_append(bytes, data, (guint)len);
		cut(r, info->conn, info->side, bytes);
	}
}

static void record_begin(struct world *w, void *arg)
{
	world_tap_add(w, &((struct recorder *)arg)->tap);
}

static void record_end(struct world *w, void *arg)
{
	world_tap_remove(w, &((struct recorder *)arg)->tap);
}

/* Connect names the queue of its connection. */
static void find_queues(GArray *pdus)
{
	g_autoptr(GHashTable) qids = g_hash_table_new(g_direct_hash, g_direct_equal);

	for (unsigned i = 0; i < pdus->len; i++) {
		struct record_pdu *p = &g_array_index(pdus, struct record_pdu, i);
		gpointer key = GUINT_TO_POINTER(p->conn), qid;

		if (!p->open && p->data[0] == 4 && p->data[8] == 0x7f && p->data[12] == 1)
			g_hash_table_insert(qids, key,
					    GUINT_TO_POINTER(p->data[50] | p->data[51] << 8));
		if (g_hash_table_lookup_extended(qids, key, NULL, &qid))
			p->qid = (uint16_t)GPOINTER_TO_UINT(qid);
	}
}

GArray *record_session(const struct session_params *params)
{
	struct recorder r = { .tap = { .fn = on_tap } };
	struct session_params p = *params;

	r.pdus = g_array_new(FALSE, TRUE, sizeof(struct record_pdu));
	r.rest = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL,
				       (GDestroyNotify)g_byte_array_unref);
	p.begin = record_begin;
	p.end = record_end;
	p.arg = &r;
	session_run(&p);
	g_hash_table_destroy(r.rest);
	find_queues(r.pdus);
	return r.pdus;
}

void record_free(GArray *pdus)
{
	for (unsigned i = 0; i < pdus->len; i++)
		g_free(g_array_index(pdus, struct record_pdu, i).data);
	g_array_free(pdus, TRUE);
}

GArray *record_copy(const GArray *pdus)
{
	GArray *copy = g_array_new(FALSE, TRUE, sizeof(struct record_pdu));

	for (unsigned i = 0; i < pdus->len; i++) {
		struct record_pdu p = g_array_index(pdus, struct record_pdu, i);

		p.data = g_memdup2(p.data, p.len);
		g_array_append_val(copy, p);
	}
	return copy;
}

void record_replay(struct oracle_wire *o, const GArray *pdus, uint32_t piece)
{
	record_replay_corrupted(o, pdus, piece, 0);
}

void record_replay_corrupted(struct oracle_wire *o, const GArray *pdus, uint32_t piece,
			     uint64_t corrupted)
{
	for (unsigned i = 0; i < pdus->len; i++) {
		const struct record_pdu *p = &g_array_index(pdus, struct record_pdu, i);

		if (p->open) {
			oracle_wire_open(o, p->conn, i);
			if (p->conn == corrupted)
				oracle_wire_corrupted(o, p->conn);
			continue;
		}
		for (uint32_t at = 0, n; at < p->len; at += n) {
			n = piece != 0 ? MIN(piece, p->len - at) : p->len;
			oracle_wire_feed(o, p->conn, p->side, i, p->data + at, n);
		}
	}
}
