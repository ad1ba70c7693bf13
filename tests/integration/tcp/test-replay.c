/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session of two queues, replayed with one PDU at a time damaged: every bit of
 * every header (and samples of the data) flipped, cut short, too long, out of
 * order, twice. The target answers with a status, a C2HTermReq or the end of the
 * connection, or waits for more; afterwards nothing is left of it, no block holds
 * what it must not, and a second host on other connections has noticed nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/integration/tcp/raw.h"
#include "tests/integration/world/workload.h"

#define ANSWER (200 * WORLD_MS)
#define NS 2 /* the session's own namespace; no single bit makes 1 of it */
#define NS_BLOCKS 64
#define NS_BYTES (NS_BLOCKS * 512)

/* No bit makes one of another. */
enum { CID_CONNECT = 0x11, CID_CAPSULE = 0x22, CID_R2T = 0x44, CID_READ = 0x88, CID_FLUSH = 0xee };

enum how { FLIP, CUT, CUT_AND_CLOSE, LONGER, SWAP, TWICE, HOWS };
static const char *const how_names[] = {
	"flip", "cut", "cut and close", "longer", "swap", "twice"
};

struct session {
	struct fx *fx;
	struct core *core;
	bool digests;
	/* the damage */
	int target; /* step, -1: none */
	enum how how;
	unsigned bit; /* or byte */
	/* as it goes */
	struct raw *q[2];
	uint16_t cntlid;
	uint16_t ttag;
	uint64_t cap;
	GByteArray *held; /* SWAP */
	unsigned held_queue;
	/* what may have become of each block: 0 as it was, 1 new, 2 either */
	uint8_t before[NS_BYTES], after[NS_BYTES];
	bool touched[NS_BLOCKS];
	uint16_t write_cid[NS_BLOCKS];
	unsigned sessions, terms, errors, successes, quiet; /* outcomes */
	bool loose; /* the stream is out of step: only the ranges count */
};

struct step {
	const char *name;
	unsigned queue;
	unsigned replies; /* PDUs that answer it */
	GByteArray *(*make)(struct session *s);
};

static uint8_t pattern[NS_BYTES];

/* --- the steps --------------------------------------------------------------------------- */

static GByteArray *icreq(struct session *s, unsigned queue)
{
	return raw_icreq(s->q[queue], 0, s->digests, s->digests);
}

static GByteArray *admin_icreq(struct session *s)
{
	return icreq(s, 0);
}

static GByteArray *io_icreq(struct session *s)
{
	return icreq(s, 1);
}

static GByteArray *admin_connect(struct session *s)
{
	uint8_t sqe[64], data[1024];

	raw_connect_sqe(sqe, 1, 0, 31, 0);
	raw_connect_data(data, 0xffff, RAW_HOSTNQN, 0xaa);
	return raw_capsule(s->q[0], sqe, data, sizeof(data));
}

static GByteArray *io_connect(struct session *s)
{
	uint8_t sqe[64], data[1024];

	raw_connect_sqe(sqe, CID_CONNECT, 1, 7, 0);
	raw_connect_data(data, s->cntlid, RAW_HOSTNQN, 0xaa);
	return raw_capsule(s->q[1], sqe, data, sizeof(data));
}

static GByteArray *get_cap(struct session *s)
{
	uint8_t sqe[64];

	raw_prop(sqe, false, 2, 0, 8, 0);
	return raw_capsule(s->q[0], sqe, NULL, 0);
}

static GByteArray *set_cc(struct session *s)
{
	uint8_t sqe[64];

	raw_prop(sqe, true, 3, 0x14, 4, 0x460001);
	return raw_capsule(s->q[0], sqe, NULL, 0);
}

static GByteArray *identify(struct session *s)
{
	uint8_t sqe[64];

	raw_sqe(sqe, 6, 4, 0, SGL_TRANSPORT, 4096);
	sqe[40] = 1;
	return raw_capsule(s->q[0], sqe, NULL, 0);
}

static GByteArray *set_queues(struct session *s)
{
	uint8_t sqe[64];

	raw_sqe(sqe, 9, 5, 0, SGL_NONE, 0);
	raw_put(sqe, 40, 4, 7);
	raw_put(sqe, 44, 4, 0x30003);
	return raw_capsule(s->q[0], sqe, NULL, 0);
}

static GByteArray *aer(struct session *s)
{
	uint8_t sqe[64];

	raw_sqe(sqe, 0x0c, 6, 0, SGL_NONE, 0);
	return raw_capsule(s->q[0], sqe, NULL, 0);
}

static GByteArray *changed_log(struct session *s)
{
	uint8_t sqe[64];

	raw_sqe(sqe, 2, 7, UINT32_MAX, SGL_TRANSPORT, 512);
	raw_put(sqe, 40, 4, 4 | 127 << 16);
	return raw_capsule(s->q[0], sqe, NULL, 0);
}

static GByteArray *write_capsule(struct session *s)
{
	uint8_t sqe[64];

	raw_rw(sqe, true, CID_CAPSULE, NS, 3, 2, SGL_INCAPSULE, 1024);
	return raw_capsule(s->q[1], sqe, pattern + 3 * 512, 1024);
}

static GByteArray *write_r2t(struct session *s)
{
	uint8_t sqe[64];

	raw_rw(sqe, true, CID_R2T, NS, 40, 16, SGL_TRANSPORT, 8192);
	return raw_capsule(s->q[1], sqe, NULL, 0);
}

static GByteArray *h2c_first(struct session *s)
{
	return raw_h2c(s->q[1], CID_R2T, s->ttag, 0, pattern + 40 * 512, 3000, false);
}

static GByteArray *h2c_second(struct session *s)
{
	return raw_h2c(s->q[1], CID_R2T, s->ttag, 3000, pattern + 40 * 512 + 3000, 5192, true);
}

static GByteArray *read_back(struct session *s)
{
	uint8_t sqe[64];

	raw_rw(sqe, false, CID_READ, NS, 32, 32, SGL_TRANSPORT, 16384);
	return raw_capsule(s->q[1], sqe, NULL, 0);
}

static GByteArray *flush(struct session *s)
{
	uint8_t sqe[64];

	raw_sqe(sqe, 0, CID_FLUSH, NS, SGL_NONE, 0);
	return raw_capsule(s->q[1], sqe, NULL, 0);
}

static const struct step steps[] = {
	{ "ICReq", 0, 1, admin_icreq },
	{ "Connect", 0, 1, admin_connect },
	{ "Property Get", 0, 1, get_cap },
	{ "Property Set", 0, 1, set_cc },
	{ "Identify", 0, 2, identify },
	{ "Set Features", 0, 1, set_queues },
	{ "AER", 0, 0, aer },
	{ "Get Log Page", 0, 2, changed_log },
	{ "I/O ICReq", 1, 1, io_icreq },
	{ "I/O Connect", 1, 1, io_connect },
	{ "write in capsule", 1, 1, write_capsule },
	{ "write by R2T", 1, 1, write_r2t },
	{ "H2CData", 1, 0, h2c_first },
	{ "last H2CData", 1, 1, h2c_second },
	{ "read", 1, 2, read_back },
	{ "flush", 1, 1, flush },
};
#define STEPS ((int)G_N_ELEMENTS(steps))

/* --- what a command may do to the namespace ----------------------------------------------- */

/* Notes the blocks that a capsule as it is sent may change. */
static void foresee(struct session *s, const GByteArray *pdu)
{
	const uint8_t *sqe = pdu->data + 8;
	uint64_t slba, blocks;

	if (pdu->len < 72 || pdu->data[0] != CMD || raw_get(sqe, 4, 4) != NS ||
	    (sqe[0] != 1 && sqe[0] != 8))
		return;
	slba = raw_get(sqe, 40, 8);
	blocks = raw_get(sqe, 48, 2) + 1;
	if (slba >= NS_BLOCKS || blocks > NS_BLOCKS - slba)
		return;
	for (uint64_t b = slba; b < slba + blocks; b++) {
		s->touched[b] = true;
		s->write_cid[b] = (uint16_t)raw_get(sqe, 2, 2);
		memcpy(s->after + b * 512, pattern + b * 512, 512);
		if (sqe[0] == 8)
			memset(s->after + b * 512, 0, 512);
	}
	/* Data as sent: from the capsule, or in place by H2CData (written by deliver()). */
	if (sqe[0] == 1 && sqe[39] == 1 && pdu->len > pdu->data[3]) {
		uint64_t from = pdu->data[3] + raw_get(sqe, 24, 8), len = blocks * 512;

		if (from <= pdu->len && len <= pdu->len - from)
			memcpy(s->after + slba * 512, pdu->data + from, len);
	}
}

static void foresee_data(struct session *s, const GByteArray *pdu)
{
	uint32_t off;

	if (pdu->len < 24 || pdu->data[0] != H2CDATA)
		return;
	/* The R2T write's data, wherever its command (perhaps damaged) put it. */
	off = (uint32_t)raw_get(pdu->data, 12, 4);
	for (unsigned b = 0; b < NS_BLOCKS; b++) {
		if (!s->touched[b] || s->write_cid[b] != raw_get(pdu->data, 8, 2))
			continue;
		uint32_t pdo = pdu->data[3], n = (uint32_t)raw_get(pdu->data, 16, 4);

		if (pdo > pdu->len || n > pdu->len - pdo || off > NS_BYTES - b * 512 ||
		    n > NS_BYTES - b * 512 - off)
			return;
		memcpy(s->after + b * 512 + off, pdu->data + pdo, n);
		return;
	}
}

static void check_blocks(struct session *s, const uint8_t *memory)
{
	for (unsigned b = 0; b < NS_BLOCKS; b++) {
		const uint8_t *is = memory + b * 512;
		bool old = !memcmp(is, s->before + b * 512, 512);
		bool new = s->touched[b] && !memcmp(is, s->after + b * 512, 512);
		const uint8_t *p =
			s->touched[b] && s->q[1] ? raw_response(s->q[1], s->write_cid[b]) : NULL;
		bool ok = old || new || (s->loose && s->touched[b]);

		if (p != NULL && !s->loose)
			ok = raw_get(p, 22, 2) >> 1 == 0 ? new : old;
		if (!ok)
			g_error("step %s, %s %u, digests %d: block %u holds what it must not",
				steps[s->target].name, how_names[s->how], s->bit, s->digests, b);
	}
}

/* --- answers --------------------------------------------------------------------------------- */

/* Statuses a damaged command may get, without DNR. */
static const uint16_t allowed[] = { 0x000, 0x001, 0x002, 0x007, 0x009, 0x00a, 0x00b, 0x00c, 0x00f, 0x011,
				    0x016, 0x018, 0x022, 0x080, 0x183, 0x285, 0x101, 0x103, 0x105, 0x109,
				    0x10d, 0x10e, 0x10f, 0x180, 0x181, 0x182, 0x184 };

static void check_answers(struct session *s, const struct raw *r)
{
	for (unsigned i = 0; r != NULL && i < r->pdus->len; i++) {
		const uint8_t *p = raw_pdu(r, i);
		uint16_t status = p[0] == RESP ? (uint16_t)(raw_get(p, 22, 2) >> 1 & 0x3ff) : 0;
		unsigned k = 0;

		switch (p[0]) {
		case ICRESP:
			g_assert_cmpuint(i, ==, 0);
			break;
		case RESP:
			s->errors += status != 0;
			s->successes += status == 0;
			while (k < G_N_ELEMENTS(allowed) && allowed[k] != status)
				k++;
			if (k == G_N_ELEMENTS(allowed))
				g_error("step %s, %s %u: status 0x%x", steps[s->target].name,
					how_names[s->how], s->bit, status);
			break;
		case C2HTERM:
			g_assert_cmpuint(i, ==, r->pdus->len - 1);
			s->terms++;
			g_assert_cmpuint(raw_get(p, 8, 2), >=, 1);
			g_assert_cmpuint(raw_get(p, 8, 2), <=, 6);
			break;
		case C2HDATA:
		case R2T:
			break;
		default:
			g_error("step %s: PDU type %u", steps[s->target].name, p[0]);
		}
	}
}

/* --- the run ------------------------------------------------------------------------------------
 */

static void send_it(struct session *s, unsigned queue, GByteArray *pdu)
{
	foresee(s, pdu);
	foresee_data(s, pdu);
	raw_send_bytes(s->q[queue], pdu);
}

static void damage(struct session *s, int step, GByteArray *pdu)
{
	static const uint8_t junk[64] = { 0x55, 0xaa, 1, 2, 3 };
	unsigned queue = steps[step].queue;

	switch (s->how) {
	case FLIP:
		pdu->data[s->bit / 8] ^= (uint8_t)(1u << s->bit % 8);
		break;
	case CUT:
	case CUT_AND_CLOSE:
		foresee(s, pdu);
		g_byte_array_set_size(pdu, s->bit);
		s->loose = true;
		break;
	case LONGER:
		s->loose = true;
		g_byte_array_append(pdu, junk, 1 + s->bit % 64);
		break;
	case SWAP:
		s->held = pdu;
		s->held_queue = queue;
		s->loose = true;
		return;
	default:
		s->loose = true;
		send_it(s, queue, g_byte_array_append(g_byte_array_new(), pdu->data, pdu->len));
	}
	send_it(s, queue, pdu);
	if (s->how == CUT_AND_CLOSE)
		raw_close(s->q[queue]);
}

static void learn(struct session *s, int step)
{
	const uint8_t *p;

	if (step == 1 && (p = raw_response(s->q[0], 1)) != NULL)
		s->cntlid = (uint16_t)raw_get(p, 8, 2);
	if (step == 11 && (p = raw_last(s->q[1], R2T)) != NULL)
		s->ttag = (uint16_t)raw_get(p, 10, 2);
}

/* False: the queue is of no more use. */
static bool do_step(struct session *s, int step)
{
	unsigned queue = steps[step].queue, had;
	bool hurt = s->target == step || s->held != NULL;
	GByteArray *pdu;

	if (s->q[queue] == NULL)
		s->q[queue] = raw_open(s->fx, s->core);
	if (s->q[queue]->stream == NULL)
		return false;
	had = s->q[queue]->pdus->len;
	pdu = steps[step].make(s);
	if (s->target == step) {
		damage(s, step, pdu);
	} else {
		send_it(s, queue, pdu);
		if (s->held != NULL && s->q[s->held_queue] != NULL)
			send_it(s, s->held_queue, g_steal_pointer(&s->held));
	}
	if (s->held != NULL)
		return true;
	if (s->q[queue]->stream != NULL &&
	    !raw_wait(s->q[queue], had + steps[step].replies, ANSWER) && !hurt && s->target > step)
		g_error("no answer to %s before anything was wrong", steps[step].name);
	learn(s, step);
	return true;
}

static void run(struct session *s, const uint8_t *memory, unsigned connections)
{
	s->sessions++;
	memcpy(s->before, memory, NS_BYTES);
	memset(s->touched, 0, sizeof(s->touched));
	memcpy(s->after, memory, NS_BYTES);
	s->loose = false;
	s->cntlid = 0;
	s->ttag = 0;
	for (int i = 0; i < STEPS; i++) {
		/* Two more after the damage show whether the stream is still sane. */
		if (s->target >= 0 && i > s->target + 2)
			break;
		if (!do_step(s, i))
			break;
	}
	world_run_for(s->fx->world, WORLD_MS);
	for (unsigned i = 0; i < 2; i++)
		check_answers(s, s->q[i]);
	for (unsigned i = 0; i < 2; i++) {
		s->quiet += s->q[i] != NULL && !s->q[i]->closed;
		if (s->q[i] != NULL)
			raw_abort(s->q[i]);
	}
	raw_settle(s->fx, connections, 5 * WORLD_SEC);
	check_blocks(s, memory);
	for (unsigned i = 0; i < 2; i++) {
		raw_free(s->q[i]);
		s->q[i] = NULL;
	}
	if (s->held != NULL)
		g_byte_array_unref(g_steal_pointer(&s->held));
}

/* --- all of it ----------------------------------------------------------------------------------
 */

struct env {
	struct fx *fx;
	struct fx_host *good;
	struct session s;
	unsigned connections;
	uint8_t *memory;
};

static void env_init(struct env *e, uint64_t seed, bool digests)
{
	struct host_params params;
	const struct nvmf_ns_options ns = { .bdev_name = "Malloc1", .nsid = NS };
	GError *error = NULL;

	*e = (struct env){ .fx = fx_new(seed, 2) };
	fx_config_default(e->fx, 256);
	g_assert_nonnull(
		bdev_malloc_create(e->fx->target->bdevs, "Malloc1", NS_BLOCKS, 512, NULL, &error));
	fx_begin(e->fx);
	nvmf_subsystem_add_ns(nvmf_subsystem_find(e->fx->target->nvmf, FX_NQN), &ns, NULL, fx_done,
			      e->fx);
	fx_wait(e->fx, WORLD_SEC);
	e->good = fx_host_new(e->fx, 1);
	e->s = (struct session){ .fx = e->fx,
				 .core = fx_host_new(e->fx, 1)->core,
				 .digests = digests };
	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.io_queues = 2;
	g_assert_true(fx_connect(e->good, &params));
	world_run_for(e->fx->world, 10 * WORLD_MS);
	e->connections = raw_connections(e->fx);
	e->memory = raw_memory(e->fx, "Malloc1");
}

/* The damage, with the other host at work. */
static void one(struct env *e, int target, enum how how, unsigned bit)
{
	static const struct workload_params p = {
		.nsid = 1, .blocks = 64, .ios = 12, .depth = 4, .max_blocks = 16
	};
	struct workload *wl = NULL;

	if (bit % 16 == 0) {
		memset(e->memory, 0, NS_BYTES);
		memset(raw_memory(e->fx, "Malloc0"), 0, 64 * 512);
		wl = workload_start(e->good, &p);
	}
	e->s.target = target;
	e->s.how = how;
	e->s.bit = bit;
	run(&e->s, e->memory, e->connections);
	if (wl != NULL) {
		fx_wait(e->fx, 10 * WORLD_SEC);
		workload_free(wl);
	}
	g_assert_cmpuint(raw_bufs_in_use(e->fx), ==, 0);
	g_assert_cmpuint(e->good->events[HOST_EVENT_LOST], ==, 0);
}

static unsigned header_len(int step)
{
	return steps[step].make == admin_icreq || steps[step].make == io_icreq	 ? 128
	       : steps[step].make == h2c_first || steps[step].make == h2c_second ? 24
										 : 72;
}

static void damage_step(struct env *e, int step, unsigned len)
{
	unsigned hlen = header_len(step) + (e->s.digests && header_len(step) != 128 ? 4 : 0);

	for (unsigned bit = 0; bit < hlen * 8; bit++)
		one(e, step, FLIP, bit);
	for (unsigned byte = hlen; byte < len; byte += 1 + (len - hlen) / 24)
		one(e, step, FLIP, byte * 8 + byte % 8);
	for (unsigned n = 0; n < len; n += n < hlen + 8 ? 1 : 97) {
		one(e, step, CUT, n);
		one(e, step, CUT_AND_CLOSE, n);
	}
	for (unsigned n = 0; n < 8; n++)
		one(e, step, LONGER, n * 9);
	one(e, step, SWAP, 0);
	one(e, step, TWICE, 0);
}

static void test_all(const void *arg)
{
	bool digests = arg != NULL;

	for (unsigned i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + (i >> 9) + 1);
	for (int step = 0; step < STEPS; step++) {
		struct env e;
		unsigned len;
		GByteArray *pdu;

		env_init(&e, (uint64_t)step + 1, digests);
		/* As it is recorded: everything works. */
		one(&e, -1, FLIP, 0);
		for (unsigned b = 0; b < NS_BLOCKS; b++)
			g_assert_true(!e.s.touched[b] ||
				      !memcmp(e.memory + b * 512, pattern + b * 512, 512));
		e.s.q[0] = e.s.q[1] = raw_open(e.fx, e.s.core);
		e.s.q[0]->hdgst = e.s.q[0]->ddgst = digests;
		pdu = steps[step].make(&e.s);
		len = pdu->len;
		g_byte_array_unref(pdu);
		raw_free(e.s.q[0]);
		e.s.q[0] = e.s.q[1] = NULL;
		raw_settle(e.fx, e.connections, 20 * WORLD_SEC);
		damage_step(&e, step, len);
		g_test_message(
			"%s: %u sessions, %u C2HTermReq, %u errors, %u successes, %u queues open",
			steps[step].name, e.s.sessions, e.s.terms, e.s.errors, e.s.successes,
			e.s.quiet);
		g_assert_cmpuint(e.s.terms, >, 50);
		g_assert_cmpuint(e.s.quiet, >, 50);
		fx_free(e.fx);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/tcp/replay/plain", NULL, test_all);
	g_test_add_data_func("/tcp/replay/digests", "", test_all);
	return g_test_run();
}
