/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts of raw bytes that break the protocol on purpose, one session after the
 * other. They write nothing that may reach a namespace: if their data is ever read
 * there, B finds it. What the target answers is judged by P; that it lets go of
 * everything by R.
 */
#include <errno.h>
#include <string.h>

#include "sim/run/raw-priv.h"

static void session_begin(struct reactor *r, void *arg);

/* --- the end of a session ------------------------------------------------------------------- */

static void again(void *arg)
{
	struct run_raw *raw = arg;

	core_call(core_main(raw->core), session_begin, raw);
}

static void stream_close(struct raw_stream *q, bool hard)
{
	if (q->stream == NULL)
		return;
	if (hard)
		q->stream->ops->abort(q->stream);
	else
		q->stream->ops->close(q->stream);
	q->stream = NULL;
}

static void session_free(struct raw_session *s)
{
	for (unsigned i = 0; i < RAW_QUEUES; i++) {
		g_byte_array_unref(s->queues[i].out.bytes);
		g_byte_array_unref(s->queues[i].in);
	}
	g_free(s);
}

void raw_again(struct run_raw *raw)
{
	if (raw->left > 0)
		world_at(raw->run->world, world_now(raw->run->world) + raw->s->every, again, raw);
}

static void session_end(struct raw_session *s)
{
	struct run_raw *raw = s->raw;
	bool hard = world_rng_chance(&raw->rng, 500000);

	for (unsigned i = 0; i < RAW_QUEUES; i++)
		stream_close(&s->queues[i], hard);
	reactor_timer_cancel(core_main(raw->core), &s->leave);
	reactor_timer_cancel(core_main(raw->core), &s->next);
	session_free(s);
	raw->now = NULL;
	raw_again(raw);
}

static void leave(struct timer *timer, struct reactor *r)
{
	(void)r;
	session_end((struct raw_session *)((char *)timer - offsetof(struct raw_session, leave)));
}

void raw_leave_in(struct raw_session *s, uint64_t ns)
{
	struct reactor *r = core_main(s->raw->core);

	reactor_timer_set(r, &s->leave, r->now + ns);
}

static void next(struct timer *timer, struct reactor *r)
{
	struct raw_session *s =
		(struct raw_session *)((char *)timer - offsetof(struct raw_session, next));

	(void)r;
	raw_round(s);
	for (unsigned i = 0; i < RAW_QUEUES; i++)
		raw_flush(&s->queues[i]);
}

void raw_next_at(struct raw_session *s, uint64_t at)
{
	reactor_timer_set(core_main(s->raw->core), &s->next, at);
}

/* --- streams ------------------------------------------------------------------------------- */

void raw_flush(struct raw_stream *q)
{
	while (q->stream != NULL && q->out.bytes->len > 0) {
		struct iovec iov = { q->out.bytes->data, q->out.bytes->len };
		ssize_t n = net_send(q->stream, &iov, 1, false);

		if (n <= 0)
			return;
		g_byte_array_remove_range(q->out.bytes, 0, (guint)n);
	}
}

static void on_connected(struct net_stream *stream, int err, void *user)
{
	struct raw_stream *q = user;

	(void)stream;
	if (err != 0)
		session_end(q->session);
	else
		raw_flush(q);
}

/* The target has ended it. An I/O queue that goes leaves the session its others. */
static void ended(struct raw_stream *q)
{
	if (q == q->session->queues || q->session->raw->s->kind != SCN_RAW_ANY)
		session_end(q->session);
	else
		stream_close(q, false);
}

static void on_readable(struct net_stream *stream, void *user)
{
	struct raw_stream *q = user;
	struct raw_session *s = q->session;
	uint8_t buf[8192];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n = net_recv(stream, &iov, 1);

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		ended(q);
		return;
	}
	g_byte_array_append(q->in, buf, (guint)n);
	while (q->in->len >= 8) {
		uint32_t len = (uint32_t)raw_le(q->in->data + 4, 4);

		if (len < 8 || q->in->len < len)
			break;
		raw_answer(q, q->in->data, len);
		g_byte_array_remove_range(q->in, 0, len);
	}
	for (unsigned i = 0; i < RAW_QUEUES; i++)
		raw_flush(&s->queues[i]);
}

static void on_writable(struct net_stream *stream, void *user)
{
	(void)stream;
	raw_flush(user);
}

static const struct net_stream_cb callbacks = { on_connected, on_readable, on_writable };

bool raw_stream_open(struct raw_session *s, struct raw_stream *q)
{
	struct reactor *r = core_main(s->raw->core);
	const struct scn_raw *c = s->raw->s;
	const struct scn_target *t = s->raw->run->s->targets.items;
	const char *traddr = c->traddr != NULL ? c->traddr : ((const char **)t->addresses.items)[0];
	struct net_addr addr;

	if (!net_addr_parse(&addr, traddr, c->trsvcid, NULL) ||
	    r->hw->net->ops->connect(r->net, &addr, NULL, &callbacks, q, &q->stream) != 0) {
		q->stream = NULL;
		return false;
	}
	return true;
}

/* --- the beginning --------------------------------------------------------------------------- */

static void session_begin(struct reactor *r, void *arg)
{
	struct run_raw *raw = arg;
	g_autofree char *name = g_strdup_printf("fault.raw.%s", scn_raw_names[raw->s->kind]);
	struct raw_session *s;

	(void)r;
	raw->left--;
	counts_add(raw->run->counts, name, 1);
	if (raw->s->kind >= SCN_RAW_RDMA) {
		if (!(raw->s->kind == SCN_RAW_RDMA_IO ? raw_rdma_io_begin(raw)
						      : raw_rdma_begin(raw)))
			raw_again(raw);
		return;
	}
	s = g_new0(struct raw_session, 1);
	raw->now = s;
	s->raw = raw;
	timer_init(&s->leave, leave);
	timer_init(&s->next, next);
	for (unsigned i = 0; i < RAW_QUEUES; i++) {
		struct raw_stream *q = &s->queues[i];

		q->session = s;
		q->qid = (uint16_t)i;
		q->in = g_byte_array_new();
		q->out = (struct raw_out){ .bytes = g_byte_array_new(),
					   .hdgst = raw->s->hdgst,
					   .ddgst = raw->s->ddgst };
	}
	raw_first_bytes(s);
	if (!raw_stream_open(s, &s->queues[0]))
		session_end(s);
}

/* --- all of them -------------------------------------------------------------------------------
 */

void run_raws_new(struct run *run)
{
	const struct scn_raw *s = run->s->raws.items;
	const struct core_options options = { .nreactors = 1, .trace_records = 64 };

	for (unsigned i = 0; i < run->s->raws.n; i++) {
		struct run_raw *raw = g_new0(struct run_raw, 1);

		raw->run = run;
		raw->s = &s[i];
		raw->left = s[i].times;
		raw->node = world_node_new(run->world, s[i].name);
		oracle_wire_tolerate_node(run->wire, raw->node);
		raw->hostnqn = g_strdup_printf("nqn.2014-08.org.nvmexpress:uuid:00000000-0000-4000-"
					       "9000-%012x",
					       i);
		world_rng_init(run->world, &raw->rng, s[i].name);
		g_ptr_array_add(run->raws, raw);
		if (!world_node_add_addr(raw->node, s[i].address))
			run_fail(run, RUN_SAFETY, "E", "address %s is in use", s[i].address);
		run_rnic_put(run, raw->node, s[i].rnic, 0, 1);
		run_rnic_boot(run, raw->node, &s[i].address, 1, false);
		raw->core = core_new(world_node_hw(raw->node), &options, NULL);
		if (raw->core == NULL || !core_start(raw->core, NULL))
			run_fail(run, RUN_SAFETY, "E", "raw host %s cannot start", s[i].name);
	}
}

void run_raws_start(struct run *run)
{
	for (unsigned i = 0; i < run->raws->len; i++) {
		struct run_raw *raw = run->raws->pdata[i];

		world_at(run->world, run_at(run, raw->s->at), again, raw);
	}
}

bool run_raws_done(struct run *run)
{
	for (unsigned i = 0; i < run->raws->len; i++) {
		const struct run_raw *raw = run->raws->pdata[i];

		if (raw->left > 0 || raw->now != NULL || raw->rdma != NULL ||
		    raw->rdma_io != NULL)
			return false;
	}
	return true;
}

void run_raws_free(struct run *run)
{
	for (unsigned i = 0; i < run->raws->len; i++) {
		struct run_raw *raw = run->raws->pdata[i];

		core_free(raw->core);
		if (raw->now != NULL) /* the run has failed */
			session_free(raw->now);
		raw_rdma_free(raw->rdma);
		raw_rdma_io_free(raw->rdma_io);
		g_free(raw->hostnqn);
		g_free(raw);
	}
}

struct world_node *run_raw_node(const struct run *run, unsigned i)
{
	return ((const struct run_raw *)run->raws->pdata[i])->node;
}

const char *run_raw_nqn(const struct run *run, const char *name)
{
	for (unsigned i = 0; i < run->raws->len; i++) {
		const struct run_raw *raw = run->raws->pdata[i];

		if (!strcmp(raw->s->name, name))
			return raw->hostnqn;
	}
	return "";
}
