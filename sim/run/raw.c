/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts of raw bytes that break the protocol on purpose, one session after the
 * other. They write nothing that may reach a namespace: if their data is ever read
 * there, B finds it. What the target answers is judged by P; that it lets go of
 * everything by R.
 *
 * A session is two streams at most (admin queue, one I/O queue). It goes on with
 * each answer: ICResp, Connect's, CC.EN's; then it does what it came for, and
 * leaves when the target ends it or after a while.
 */
#include <errno.h>
#include <string.h>

#include "sim/run/raw-pdu.h"
#include "sim/run/run-priv.h"

#define LINGER (50 * WORLD_MS)
#define WRITE_BYTES 16384u

struct session;

struct raw_stream {
	struct session *session;
	struct net_stream *stream;
	GByteArray *out, *in;
	unsigned step; /* answers so far */
	uint16_t qid;
};

struct session {
	struct run_raw *raw;
	struct raw_stream queues[2];
	uint16_t cntlid, cid;
	struct timer leave;
	bool acted;
};

struct run_raw {
	struct run *run;
	const struct scn_raw *s;
	struct world_node *node;
	struct core *core;
	struct world_rng rng;
	char *hostnqn;
	uint64_t left; /* sessions to come */
	struct session *now;
	bool started;
};

static void session_begin(struct reactor *r, void *arg);

/* --- streams ------------------------------------------------------------------------------- */

static void flush(struct raw_stream *q)
{
	while (q->stream != NULL && q->out->len > 0) {
		struct iovec iov = { q->out->data, q->out->len };
		ssize_t n = net_send(q->stream, &iov, 1, false);

		if (n <= 0)
			return;
		g_byte_array_remove_range(q->out, 0, (guint)n);
	}
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

static void again(void *arg)
{
	struct run_raw *raw = arg;

	core_call(core_main(raw->core), session_begin, raw);
}

static void session_end(struct session *s)
{
	struct run_raw *raw = s->raw;
	bool hard = world_rng_chance(&raw->rng, 500000);

	for (unsigned i = 0; i < 2; i++) {
		stream_close(&s->queues[i], hard);
		g_byte_array_unref(s->queues[i].out);
		g_byte_array_unref(s->queues[i].in);
	}
	reactor_timer_cancel(core_main(raw->core), &s->leave);
	g_free(s);
	raw->now = NULL;
	if (raw->left > 0)
		world_at(raw->run->world, world_now(raw->run->world) + raw->s->every, again, raw);
}

static void leave(struct timer *timer, struct reactor *r)
{
	(void)r;
	session_end((struct session *)((char *)timer - offsetof(struct session, leave)));
}

static void leave_in(struct session *s, uint64_t ns)
{
	struct reactor *r = core_main(s->raw->core);

	reactor_timer_set(r, &s->leave, r->now + ns);
}

static void on_answer(struct raw_stream *q, const uint8_t *pdu, uint32_t len);

static void on_connected(struct net_stream *stream, int err, void *user)
{
	struct raw_stream *q = user;

	(void)stream;
	if (err != 0)
		session_end(q->session);
	else
		flush(q);
}

static void on_readable(struct net_stream *stream, void *user)
{
	struct raw_stream *q = user;
	struct session *s = q->session;
	uint8_t buf[8192];
	struct iovec iov = { buf, sizeof(buf) };
	ssize_t n = net_recv(stream, &iov, 1);

	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		session_end(s);
		return;
	}
	g_byte_array_append(q->in, buf, (guint)n);
	while (q->in->len >= 8) {
		uint32_t len = (uint32_t)raw_le(q->in->data + 4, 4);

		if (len < 8 || q->in->len < len)
			break;
		on_answer(q, q->in->data, len);
		g_byte_array_remove_range(q->in, 0, len);
	}
	flush(q);
	flush(&s->queues[0]);
}

static void on_writable(struct net_stream *stream, void *user)
{
	(void)stream;
	flush(user);
}

static const struct net_stream_cb callbacks = { on_connected, on_readable, on_writable };

static bool stream_open(struct session *s, struct raw_stream *q)
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

/* --- what they do ---------------------------------------------------------------------------- */

static void connect_pdu(struct session *s, struct raw_stream *q)
{
	const struct raw_connect c = {
		.qid = q->qid,
		.sqsize = 31,
		.cntlid = q->qid == 0 ? 0xffff : s->cntlid,
		.kato_ms = q->qid == 0 ? (uint32_t)(s->raw->s->kato / WORLD_MS) : 0,
		.hostid = 0xa5,
		.subnqn = s->raw->s->subnqn,
		.hostnqn = s->raw->hostnqn,
	};

	raw_connect_pdu(q->out, s->cid++, &c);
}

static void bad_connect(struct session *s, struct raw_stream *q)
{
	struct world_rng *rng = &s->raw->rng;
	const uint16_t some[] = { 0, 1, 2, 0xfffe, 0xffff, 200 };
	struct raw_connect c = { 0 };

	/* One statement each: the order of draws is fixed. */
	c.qid = some[world_rng_below(rng, 6)];
	c.sqsize = some[world_rng_below(rng, 6)];
	c.cntlid = some[world_rng_below(rng, 6)];
	c.kato_ms = (uint32_t)world_rng_u64(rng);
	c.hostid = (uint8_t)world_rng_below(rng, 3);
	c.subnqn = world_rng_chance(rng, 500000) ? s->raw->s->subnqn : "nqn.2020-01.x:none";
	c.hostnqn = world_rng_chance(rng, 500000) ? s->raw->hostnqn : "not an nqn";
	raw_connect_pdu(q->out, s->cid++, &c);
}

static void any_property(struct session *s, struct raw_stream *q)
{
	static const uint32_t offsets[] = { 0x0, 0x8, 0x14, 0x1c, 0x20, 0x24, 0x30, 0x1000, 0x3 };
	struct world_rng *rng = &s->raw->rng;
	bool set = world_rng_chance(rng, 600000);
	uint32_t offset = offsets[world_rng_below(rng, G_N_ELEMENTS(offsets))];
	unsigned size = world_rng_chance(rng, 500000) ? 4 : 8;

	raw_property(q->out, s->cid++, set, offset, size, world_rng_u64(rng));
}

static void properties(struct session *s, struct raw_stream *q, bool resets)
{
	static const uint32_t ccs[] = {
		0, 1, 0x460001, 0x460000, 0x464001, 0x468001, 0x46c001, ~0u
	};
	struct world_rng *rng = &s->raw->rng;

	for (unsigned i = 0; i < 20; i++) {
		if (resets)
			raw_property(q->out, s->cid++, true, 0x14, 4, ccs[world_rng_below(rng, 8)]);
		else
			any_property(s, q);
	}
}

static void commands(struct session *s, struct raw_stream *q, uint8_t opcode)
{
	for (unsigned i = 0; i < 20; i++) {
		const uint32_t cdw[3] = { (uint32_t)world_rng_below(&s->raw->rng, 64) << 16 };

		raw_command(q->out, s->cid++, opcode, 0, cdw, 0);
	}
}

/* The answers to H2CData that was never asked for so. */
static void wrong_data(struct session *s, struct raw_stream *q, const uint8_t *r2t)
{
	uint16_t cid = (uint16_t)raw_le(r2t + 8, 2), ttag = (uint16_t)raw_le(r2t + 10, 2);
	uint32_t offset = (uint32_t)raw_le(r2t + 12, 4), len = (uint32_t)raw_le(r2t + 16, 4);

	switch (s->raw->s->kind) {
	case SCN_RAW_R2T_TTAG:
		raw_h2c(q->out, cid, ttag ^ 0x5555, offset, len, true);
		break;
	case SCN_RAW_R2T_OFFSET:
		raw_h2c(q->out, cid, ttag, offset + 512, len - 512, true);
		break;
	case SCN_RAW_R2T_OVERLAP:
		raw_h2c(q->out, cid, ttag, offset, 1024, false);
		raw_h2c(q->out, cid, ttag, offset, 1024, false);
		break;
	default:
		raw_h2c(q->out, cid, ttag, offset, len + 512, true);
	}
	s->acted = true;
	leave_in(s, LINGER);
}

/* The controller is enabled. */
static void act(struct session *s, struct raw_stream *q)
{
	switch (s->raw->s->kind) {
	case SCN_RAW_AERS:
		commands(s, q, 0x0c);
		break;
	case SCN_RAW_ABORTS:
		commands(s, q, 0x08);
		break;
	case SCN_RAW_RESETS:
		properties(s, q, true);
		break;
	case SCN_RAW_PROPERTIES:
		properties(s, q, false);
		break;
	case SCN_RAW_SILENT: /* the target must end it; else it leaves when nobody waits any more */
		leave_in(s, 60 * WORLD_SEC);
		return;
	default:
		s->queues[1].qid = 1;
		raw_icreq(s->queues[1].out);
		if (!stream_open(s, &s->queues[1]))
			break;
		leave_in(s, 5 * WORLD_SEC);
		return;
	}
	s->acted = true;
	leave_in(s, LINGER);
}

static void on_response(struct raw_stream *q, const uint8_t *pdu)
{
	const uint32_t write[3] = { 0, 0, WRITE_BYTES / 512 - 1 };
	struct session *s = q->session;
	bool good = raw_le(pdu + 22, 2) >> 1 == 0;

	if (q->step == 1) {
		q->step++;
		if (!good || s->raw->s->kind == SCN_RAW_BAD_CONNECT) {
			leave_in(s, 0);
		} else if (q->qid == 0) {
			s->cntlid = (uint16_t)raw_le(pdu + 8, 2);
			raw_property(q->out, s->cid++, true, 0x14, 4, 0x460001);
		} else {
			raw_command(q->out, s->cid++, 0x01, 1, write, WRITE_BYTES);
		}
	} else if (q->step == 2 && q->qid == 0) {
		q->step++;
		act(s, q);
	}
}

static void on_answer(struct raw_stream *q, const uint8_t *pdu, uint32_t len)
{
	struct session *s = q->session;

	if (s->acted) /* it has said all it wanted to */
		return;
	if (pdu[0] == RAW_ICRESP && q->step == 0) {
		q->step++;
		if (s->raw->s->kind == SCN_RAW_BAD_CONNECT)
			bad_connect(s, q);
		else
			connect_pdu(s, q);
	} else if (pdu[0] == RAW_RESP && len >= 24) {
		on_response(q, pdu);
	} else if (pdu[0] == RAW_R2T && len >= 24) {
		wrong_data(s, q, pdu);
	}
}

/* --- sessions -----------------------------------------------------------------------------------
 */

/* All bytes of a good beginning, without waiting for any answer. */
static void good_beginning(struct session *s, struct raw_stream *q)
{
	const uint32_t identify[3] = { 1 };

	raw_icreq(q->out);
	connect_pdu(s, q);
	raw_property(q->out, s->cid++, false, 0, 8, 0);
	raw_property(q->out, s->cid++, true, 0x14, 4, 0x460001);
	raw_command(q->out, s->cid++, 0x06, 0, identify, 4096);
	raw_command(q->out, s->cid++, 0x0c, 0, identify, 0);
}

static void first_bytes(struct session *s, struct raw_stream *q)
{
	struct world_rng *rng = &s->raw->rng;
	guint len;

	switch (s->raw->s->kind) {
	case SCN_RAW_CONNECTS:
		break;
	case SCN_RAW_GARBAGE:
		len = (guint)world_rng_range(rng, 1, 5000);
		g_byte_array_set_size(q->out, len);
		world_rng_fill(rng, q->out->data, len);
		break;
	case SCN_RAW_MUTATE:
		good_beginning(s, q);
		for (unsigned i = 0; i < 1 + world_rng_below(rng, 3); i++) {
			uint8_t byte = (uint8_t)world_rng_u64(rng);

			q->out->data[world_rng_below(rng, q->out->len)] = byte;
		}
		break;
	case SCN_RAW_TRUNCATE:
		good_beginning(s, q);
		g_byte_array_set_size(q->out, (guint)world_rng_below(rng, q->out->len));
		break;
	default:
		raw_icreq(q->out);
		leave_in(s, 5 * WORLD_SEC);
		return;
	}
	s->acted = true;
	leave_in(s, LINGER);
}

static void session_begin(struct reactor *r, void *arg)
{
	struct run_raw *raw = arg;
	struct session *s = g_new0(struct session, 1);
	g_autofree char *name = g_strdup_printf("fault.raw.%s", scn_raw_names[raw->s->kind]);

	(void)r;
	raw->started = true;
	raw->left--;
	raw->now = s;
	s->raw = raw;
	timer_init(&s->leave, leave);
	for (unsigned i = 0; i < 2; i++) {
		s->queues[i].session = s;
		s->queues[i].out = g_byte_array_new();
		s->queues[i].in = g_byte_array_new();
	}
	counts_add(raw->run->counts, name, 1);
	first_bytes(s, &s->queues[0]);
	if (!stream_open(s, &s->queues[0]))
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

		if (raw->left > 0 || raw->now != NULL)
			return false;
	}
	return true;
}

void run_raws_free(struct run *run)
{
	for (unsigned i = 0; i < run->raws->len; i++) {
		struct run_raw *raw = run->raws->pdata[i];

		core_free(raw->core);
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
