/* SPDX-License-Identifier: BSD-3-Clause */
/* What each kind of raw host says, and to which answer. */
#include <string.h>

#include "sim/run/raw-priv.h"

#define CC_ON 0x460001u
#define SILENCE (100 * WORLD_SEC)
#define CONNECTS 3 /* bad ones on one queue */

uint16_t raw_cid(struct raw_stream *q)
{
	q->outstanding++;
	return q->session->cid++;
}

static void acted(struct raw_session *s)
{
	s->acted = true;
	raw_leave_in(s, RAW_LINGER);
}

static void simple(struct raw_stream *q, uint8_t opcode, uint32_t cdw10, uint32_t cdw11)
{
	const struct raw_cmd cmd = {
		.opcode = opcode, .cid = raw_cid(q), .cdw10 = cdw10, .cdw11 = cdw11
	};

	raw_command(&q->out, &cmd);
}

static void set_cc(struct raw_stream *q, uint32_t cc)
{
	raw_property(&q->out, raw_cid(q), true, 0x14, 4, cc);
}

static void identify(struct raw_stream *q)
{
	const struct raw_cmd cmd = { .opcode = 0x06, .cid = raw_cid(q), .cdw10 = 1, .len = 4096 };

	raw_command(&q->out, &cmd);
}

/* --- Connect --------------------------------------------------------------------------------- */

static struct raw_connect good(const struct raw_stream *q)
{
	const struct run_raw *raw = q->session->raw;

	return (struct raw_connect){
		.qid = q->qid,
		.sqsize = RAW_DEPTH - 1,
		.cntlid = q->qid == 0 ? 0xffff : q->session->cntlid,
		.kato_ms = q->qid == 0 ? (uint32_t)(raw->s->kato / WORLD_MS) : 0,
		.hostid = 0xa5,
		.subnqn = raw->s->subnqn,
		.hostnqn = raw->hostnqn,
	};
}

void raw_good_connect(struct raw_stream *q)
{
	const struct raw_connect c = good(q);

	raw_connect_pdu(&q->out, raw_cid(q), &c);
}

/* One or two fields are not what they should be. */
static void bad_connect(struct raw_stream *q)
{
	static const uint16_t some[] = { 0, 1, 2, 0xfffe, 0xffff, 0xffef, 5000 };
	static const char *const nqns[] = { "nqn.2020-01.x:none", "nqn.2016-06.io.spdk:another", "",
					    "no nqn", NULL };
	struct world_rng *rng = &q->session->raw->rng;
	struct raw_connect c = good(q);

	for (unsigned i = 0; i <= world_rng_below(rng, 2); i++) {
		uint16_t value = some[world_rng_below(rng, G_N_ELEMENTS(some))];

		switch (world_rng_below(rng, 8)) {
		case 0:
			c.qid = value;
			break;
		case 1:
			c.sqsize = value;
			break;
		case 2:
			c.cntlid = value;
			break;
		case 3:
			c.recfmt = value;
			break;
		case 4:
			c.kato_ms = (uint32_t)world_rng_u64(rng);
			break;
		case 5:
			c.hostid = (uint8_t)world_rng_below(rng, 3);
			break;
		case 6:
			c.subnqn = nqns[world_rng_below(rng, 4)];
			break;
		default:
			c.hostnqn = nqns[world_rng_below(rng, 5)];
		}
	}
	raw_connect_pdu(&q->out, raw_cid(q), &c);
}

/* --- one queue of I/O ------------------------------------------------------------------------- */

/* Of blocks that others use: none of its data may ever be found there. */
static void write_blocks(struct raw_stream *q, uint32_t len, bool in_capsule)
{
	const struct raw_cmd cmd = {
		.opcode = 0x01,
		.cid = raw_cid(q),
		.nsid = 1,
		.cdw12 = len / 512 - 1,
		.len = len,
		.in_capsule = in_capsule,
	};

	raw_command(&q->out, &cmd);
}

static void write_spoiled(struct raw_stream *q)
{
	q->out.spoil_ddgst = true;
	write_blocks(q, 512, true);
	q->out.spoil_ddgst = false;
	write_blocks(q, RAW_WRITE, false);
	q->session->rounds = 1;
}

/* H2CData that was never asked for so. */
static void wrong_data(struct raw_stream *q, const uint8_t *r2t)
{
	struct raw_session *s = q->session;
	uint16_t cid = (uint16_t)raw_le(r2t + 8, 2), ttag = (uint16_t)raw_le(r2t + 10, 2);
	uint32_t offset = (uint32_t)raw_le(r2t + 12, 4), len = (uint32_t)raw_le(r2t + 16, 4);

	switch (s->raw->s->kind) {
	case SCN_RAW_R2T_TTAG:
		raw_h2c(&q->out, cid, ttag ^ 0x5555, offset, len, true);
		break;
	case SCN_RAW_R2T_OFFSET:
		raw_h2c(&q->out, cid, ttag, offset + 512, len - 512, true);
		break;
	case SCN_RAW_R2T_OVERLAP:
		raw_h2c(&q->out, cid, ttag, offset, 1024, false);
		raw_h2c(&q->out, cid, ttag, offset, 1024, false);
		break;
	case SCN_RAW_DDGST:
		q->out.spoil_ddgst = world_rng_chance(&s->raw->rng, 500000);
		raw_h2c(&q->out, cid, ttag, offset, 1024, false);
		q->out.spoil_ddgst = !q->out.spoil_ddgst;
		raw_h2c(&q->out, cid, ttag, offset + 1024, len - 1024, true);
		q->out.spoil_ddgst = false;
		break;
	case SCN_RAW_R2T_AFTER:
		q->out.spoil_ddgst = true;
		raw_h2c(&q->out, cid, ttag, offset, len, true);
		raw_h2c(&q->out, cid, ttag, offset, len, true);
		break;
	default:
		raw_h2c(&q->out, cid, ttag, offset, len + 512, true);
	}
	acted(s);
}

static bool open_queue(struct raw_session *s, unsigned qid)
{
	raw_icreq(&s->queues[qid].out);
	return raw_stream_open(s, &s->queues[qid]);
}

/* --- the admin queue -----------------------------------------------------------------------------
 */

static void properties(struct raw_stream *q)
{
	static const uint32_t offsets[] = {
		0x0, 0x8, 0x14, 0x1c, 0x20, 0x24, 0x30, 0x68, 0x1000, 3
	};
	struct world_rng *rng = &q->session->raw->rng;

	/* One statement a draw: arguments have no order. */
	for (unsigned i = 0; i < 20; i++) {
		bool set = world_rng_chance(rng, 600000);
		uint32_t offset = offsets[world_rng_below(rng, G_N_ELEMENTS(offsets))];
		unsigned size = world_rng_chance(rng, 500000) ? 4 : 8;

		raw_property(&q->out, raw_cid(q), set, offset, size, world_rng_u64(rng));
	}
}

/* CC.EN and CC.SHN in odd order, with AERs under way. */
static void reset_round(struct raw_stream *q)
{
	static const uint32_t ccs[] = { CC_ON,	  CC_ON,    0x460000, 0x460000, 0x464001, 0x468001,
					0x468000, 0x46c001, 0,	      1,	~0u };
	struct world_rng *rng = &q->session->raw->rng;

	/* What was written is there when it is read with nothing else under way. */
	if (q->session->rounds % 2 == 0) {
		raw_property(&q->out, raw_cid(q), false, 0x14, 4, 0);
		raw_property(&q->out, raw_cid(q), false, 0x1c, 4, 0);
		return;
	}
	for (unsigned i = 0; i < world_rng_below(rng, 3); i++)
		simple(q, 0x0c, 0, 0);
	if (world_rng_chance(rng, 300000))
		identify(q);
	set_cc(q, ccs[world_rng_below(rng, G_N_ELEMENTS(ccs))]);
}

static void set_queues(struct raw_stream *q)
{
	uint32_t n = (uint32_t)world_rng_below(&q->session->raw->rng, RAW_QUEUES - 2);

	simple(q, 0x09, 0x07, n << 16 | n);
}

/* The controller is enabled. */
static void act(struct raw_stream *q)
{
	struct raw_session *s = q->session;

	switch (s->raw->s->kind) {
	case SCN_RAW_AERS:
		for (unsigned i = 0; i < 20; i++)
			simple(q, 0x0c, 0, 0);
		acted(s);
		break;
	case SCN_RAW_ABORTS:
		simple(q, 0x0c, 0, 0);
		for (unsigned i = 0; i < 20; i++)
			simple(q, 0x08, (uint32_t)world_rng_below(&s->raw->rng, 64) << 16, 0);
		acted(s);
		break;
	case SCN_RAW_PROPERTIES:
		properties(q);
		acted(s);
		break;
	case SCN_RAW_HDGST:
		q->out.spoil_hdgst = true;
		identify(q);
		acted(s);
		break;
	case SCN_RAW_RESETS:
		s->rounds = 30;
		raw_round(s);
		break;
	case SCN_RAW_SILENT: /* the target must end it; else it leaves when nobody waits any more */
		raw_leave_in(s, SILENCE);
		break;
	case SCN_RAW_KEEP_ALIVE:
		s->rounds = (unsigned)s->raw->s->beats;
		s->begun = core_main(s->raw->core)->now;
		raw_leave_in(s, s->rounds * s->raw->s->beat + SILENCE);
		raw_next_at(s, s->begun + s->raw->s->beat);
		break;
	case SCN_RAW_QUEUES:
		set_queues(q);
		break;
	default:
		if (open_queue(s, 1))
			raw_leave_in(s, 5 * WORLD_SEC);
		else
			acted(s);
	}
}

static void keep_alive_round(struct raw_session *s)
{
	struct raw_stream *q = &s->queues[0];

	if (s->raw->s->traffic)
		raw_property(&q->out, raw_cid(q), false, 0x1c, 4, 0);
	else
		simple(q, 0x18, 0, 0);
	s->rounds--;
	s->begun += s->raw->s->beat;
	if (s->rounds > 0)
		raw_next_at(s, s->begun + s->raw->s->beat);
}

void raw_round(struct raw_session *s)
{
	switch (s->raw->s->kind) {
	case SCN_RAW_RESETS:
		if (s->rounds-- > 0 && s->queues[0].outstanding + 8 < RAW_DEPTH) {
			reset_round(&s->queues[0]);
			raw_next_at(s, core_main(s->raw->core)->now + WORLD_MS);
		} else {
			acted(s);
		}
		break;
	case SCN_RAW_KEEP_ALIVE:
		if (s->rounds > 0)
			keep_alive_round(s);
		break;
	default:
		raw_any_round(s);
	}
}

/* --- answers
 * ---------------------------------------------------------------------------------------- */

static void on_connect(struct raw_stream *q, bool success, uint16_t cntlid)
{
	struct raw_session *s = q->session;
	uint64_t kind = s->raw->s->kind;

	q->connected = success;
	if (kind == SCN_RAW_BAD_CONNECT && (q->qid != 0 || s->rounds > 0)) {
		if (success || s->rounds == 0 || --s->rounds == 0)
			acted(s);
		else
			bad_connect(q);
		return;
	}
	if (kind == SCN_RAW_QUEUES && q->qid != 0) {
		if (q->qid > s->nqueues)
			acted(s);
		return;
	}
	q->step++;
	if (!success) {
		raw_leave_in(s, 0);
	} else if (q->qid == 0) {
		s->cntlid = cntlid;
		set_cc(q, CC_ON);
	} else if (kind == SCN_RAW_DDGST) {
		write_spoiled(q);
	} else {
		write_blocks(q, RAW_WRITE, false);
	}
}

static void on_queues(struct raw_session *s, uint32_t granted)
{
	s->nqueues = 1 + MIN(granted & 0xffff, granted >> 16);
	for (unsigned qid = 1; qid < RAW_QUEUES && qid <= s->nqueues + 1; qid++)
		open_queue(s, qid);
	raw_leave_in(s, 200 * WORLD_MS);
}

static void on_response(struct raw_stream *q, const uint8_t *cqe)
{
	bool success = raw_le(cqe + 14, 2) >> 1 == 0;

	if (q->step == 1) {
		on_connect(q, success, (uint16_t)raw_le(cqe, 2));
	} else if (q->step == 2 && q->qid == 0) {
		q->step++;
		act(q);
	} else if (q->step == 3 && q->session->raw->s->kind == SCN_RAW_QUEUES) {
		q->step++;
		on_queues(q->session, (uint32_t)raw_le(cqe, 4));
	}
}

static void on_icresp(struct raw_stream *q)
{
	struct raw_session *s = q->session;

	q->step++;
	if (s->raw->s->kind != SCN_RAW_BAD_CONNECT) {
		raw_good_connect(q);
		return;
	}
	/* The admin queue's, or those of an I/O queue after it. */
	if (q->qid == 0 && world_rng_chance(&s->raw->rng, 600000)) {
		raw_good_connect(q);
		return;
	}
	s->rounds = CONNECTS;
	bad_connect(q);
}

static void any_answer(struct raw_stream *q, const uint8_t *pdu)
{
	if (pdu[0] == RAW_ICRESP && q->step == 0)
		raw_any_icresp(q);
	else if (pdu[0] == RAW_RESP)
		raw_any_response(q, pdu + 8);
	else if (pdu[0] == RAW_R2T)
		raw_any_r2t(q, pdu);
}

void raw_answer(struct raw_stream *q, const uint8_t *pdu, uint32_t len)
{
	struct raw_session *s = q->session;
	uint8_t at = pdu[0] == RAW_RESP || pdu[0] == RAW_R2T ? 24 : 8;

	if (len < at)
		return;
	if (pdu[0] == RAW_RESP && q->outstanding > 0)
		q->outstanding--;
	if (s->acted) /* it has said all it wanted to */
		return;
	if (s->raw->s->kind == SCN_RAW_ANY)
		any_answer(q, pdu);
	else if (pdu[0] == RAW_ICRESP && q->step == 0)
		on_icresp(q);
	else if (pdu[0] == RAW_RESP)
		on_response(q, pdu + 8);
	else if (pdu[0] == RAW_R2T)
		wrong_data(q, pdu);
}

/* --- the beginning
 * -------------------------------------------------------------------------------- */

/* All bytes of a good beginning, without waiting for any answer. */
static void good_beginning(struct raw_stream *q)
{
	raw_icreq(&q->out);
	raw_good_connect(q);
	raw_property(&q->out, raw_cid(q), false, 0, 8, 0);
	set_cc(q, CC_ON);
	identify(q);
	simple(q, 0x0c, 0, 0);
}

/* Connects of which only the last is good, perhaps, and what comes after them. */
static void eager_beginning(struct raw_stream *q)
{
	unsigned n = (unsigned)world_rng_below(&q->session->raw->rng, 4);

	raw_icreq(&q->out);
	for (unsigned i = 0; i < n; i++)
		bad_connect(q);
	raw_good_connect(q);
	properties(q);
	simple(q, 0x0c, 0, 0);
}

void raw_first_bytes(struct raw_session *s)
{
	struct world_rng *rng = &s->raw->rng;
	struct raw_stream *q = &s->queues[0];

	for (unsigned i = 0; i < RAW_QUEUES; i++) {
		s->queues[i].out.hdgst |= s->raw->s->kind == SCN_RAW_HDGST;
		s->queues[i].out.ddgst |=
			s->raw->s->kind == SCN_RAW_DDGST || s->raw->s->kind == SCN_RAW_R2T_AFTER;
	}
	switch (s->raw->s->kind) {
	case SCN_RAW_CONNECTS:
		break;
	case SCN_RAW_GARBAGE:
		g_byte_array_set_size(q->out.bytes, (guint)world_rng_range(rng, 1, 5000));
		world_rng_fill(rng, q->out.bytes->data, q->out.bytes->len);
		break;
	case SCN_RAW_MUTATE:
		good_beginning(q);
		raw_mutate(rng, q->out.bytes);
		break;
	case SCN_RAW_TRUNCATE:
		good_beginning(q);
		g_byte_array_set_size(q->out.bytes, (guint)world_rng_below(rng, q->out.bytes->len));
		break;
	case SCN_RAW_EAGER:
		eager_beginning(q);
		s->acted = true;
		raw_leave_in(s, world_rng_below(rng, RAW_LINGER));
		return;
	default:
		raw_icreq(&q->out);
		raw_leave_in(s, 5 * WORLD_SEC);
		return;
	}
	acted(s);
}
