/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Raw hosts that send any PDUs, in any order and state of a queue: most are good
 * ones, so that sessions come far; some are damaged. Commands that could change a
 * namespace, and those that could become one by damage, name blocks far beyond the
 * end of any.
 */
#include "sim/run/raw-priv.h"

#define FAR 0xeeeeeeeeu /* dwords 10 and 11: a starting block that does not exist */
#define BACKLOG 200000u

static bool chance(struct world_rng *rng, unsigned percent)
{
	return world_rng_chance(rng, percent * 10000);
}

void raw_mutate(struct world_rng *rng, GByteArray *pdu)
{
	uint64_t n = 1 + world_rng_below(rng, 3);

	/* Headers more often than what follows. */
	for (uint64_t i = 0; i < n && pdu->len > 0; i++) {
		uint64_t at = world_rng_below(rng, chance(rng, 50) ? MIN(pdu->len, 24) : pdu->len);

		pdu->data[at] = (uint8_t)world_rng_u64(rng);
	}
}

static void damage(struct world_rng *rng, GByteArray *pdu)
{
	uint8_t noise[64];

	switch (world_rng_below(rng, 6)) {
	case 0: /* cut off */
		g_byte_array_set_size(pdu, (guint)world_rng_below(rng, pdu->len));
		break;
	case 1: /* something before it */
		world_rng_fill(rng, noise, sizeof(noise));
		g_byte_array_prepend(pdu, noise, (guint)world_rng_below(rng, sizeof(noise)));
		break;
	default:
		raw_mutate(rng, pdu);
	}
}

/* --- commands --------------------------------------------------------------------------------- */

static void property(struct raw_out *out, struct raw_stream *q)
{
	static const uint32_t ccs[] = { 0x460001, 0x460001, 0x460000, 0x464001, 0x468001, 0, ~0u };
	static const uint32_t offsets[] = { 0x0, 0x8, 0x14, 0x1c, 0x20, 0x68, 0x1000 };
	struct world_rng *rng = &q->session->raw->rng;
	bool set = chance(rng, 10);
	uint32_t offset = offsets[world_rng_below(rng, G_N_ELEMENTS(offsets))];
	unsigned size = chance(rng, 50) ? 4 : 8;

	if (chance(rng, 25))
		raw_property(out, raw_cid(q), true, 0x14, 4,
			     ccs[world_rng_below(rng, G_N_ELEMENTS(ccs))]);
	else
		raw_property(out, raw_cid(q), set, offset, size, world_rng_u64(rng));
}

static void admin(struct raw_out *out, struct raw_stream *q)
{
	static const uint8_t opcodes[] = { 0x02, 0x06, 0x06, 0x08, 0x09, 0x0a, 0x0c, 0x0c, 0x18 };
	struct world_rng *rng = &q->session->raw->rng;
	struct raw_cmd cmd = { .cid = raw_cid(q) };

	/* One statement a draw: initializers and arguments have no order. */
	cmd.opcode = chance(rng, 90) ? opcodes[world_rng_below(rng, G_N_ELEMENTS(opcodes))]
				     : (uint8_t)world_rng_below(rng, 0x7f);
	cmd.nsid = (uint32_t)world_rng_below(rng, 4);
	cmd.cdw10 = (uint32_t)world_rng_below(rng, 0x20);
	cmd.cdw11 = chance(rng, 80) ? (uint32_t)world_rng_below(rng, 4) : FAR;
	if (cmd.opcode == 0x02) /* a log page and a length */
		cmd.cdw10 = (uint32_t)world_rng_below(rng, 8) | 0x3ff0000;
	if (cmd.opcode == 0x08)
		cmd.cdw10 = (uint32_t)world_rng_below(rng, 64) << 16;
	if ((cmd.opcode & 3) != 0)
		cmd.len = 4096;
	raw_command(out, &cmd);
}

static void io(struct raw_out *out, struct raw_stream *q)
{
	static const uint8_t opcodes[] = { 0x00, 0x01, 0x01, 0x01, 0x02, 0x02, 0x08, 0x05, 0x09 };
	struct world_rng *rng = &q->session->raw->rng;
	struct raw_cmd cmd = { .cid = raw_cid(q), .cdw10 = FAR, .cdw11 = FAR };

	cmd.opcode = chance(rng, 90) ? opcodes[world_rng_below(rng, G_N_ELEMENTS(opcodes))]
				     : (uint8_t)world_rng_below(rng, 0x7f);
	cmd.nsid = (uint32_t)world_rng_below(rng, 4);
	cmd.cdw12 = (uint32_t)world_rng_below(rng, 32);
	if ((cmd.opcode & 3) != 0)
		cmd.len = (cmd.cdw12 + 1) * 512;
	cmd.in_capsule = (cmd.opcode & 3) == 1 && chance(rng, 40);
	if (cmd.in_capsule && chance(rng, 10))
		cmd.excess = (uint32_t)world_rng_below(rng, 2000);
	raw_command(out, &cmd);
}

static void read_good(struct raw_out *out, struct raw_stream *q)
{
	const struct raw_cmd cmd = {
		.opcode = 0x02, .cid = raw_cid(q), .nsid = 1, .cdw12 = 15, .len = 8192
	};

	raw_command(out, &cmd);
}

/* --- what is neither ----------------------------------------------------------------------------
 */

static void odd(struct raw_out *out, struct raw_stream *q)
{
	struct world_rng *rng = &q->session->raw->rng;

	switch (world_rng_below(rng, 5)) {
	case 0:
		raw_icreq(out);
		break;
	case 1:
		raw_term(out, (uint16_t)world_rng_below(rng, 8));
		break;
	case 2: {
		uint16_t cid = (uint16_t)world_rng_below(rng, 40);
		uint16_t ttag = (uint16_t)world_rng_below(rng, 40);
		uint32_t offset = (uint32_t)world_rng_below(rng, 3) * 512;

		raw_h2c(out, cid, ttag, offset, 512, chance(rng, 50));
		break;
	}
	case 3: { /* Connect once more, or to another queue */
		const struct raw_connect c = { .qid = (uint16_t)world_rng_below(rng, 4),
					       .sqsize = 31,
					       .cntlid = q->session->cntlid,
					       .hostid = 0xa5,
					       .subnqn = q->session->raw->s->subnqn,
					       .hostnqn = q->session->raw->hostnqn };

		raw_connect_pdu(out, raw_cid(q), &c);
		break;
	}
	default: /* a command identifier that is perhaps in use */
		raw_property(out, (uint16_t)(q->session->cid - world_rng_below(rng, 8)), false, 0x8,
			     4, 0);
		q->outstanding++;
	}
}

void raw_any_r2t(struct raw_stream *q, const uint8_t *r2t)
{
	struct raw_session *s = q->session;
	struct world_rng *rng = &s->raw->rng;
	struct raw_out out = q->out;
	uint16_t cid = (uint16_t)raw_le(r2t + 8, 2), ttag = (uint16_t)raw_le(r2t + 10, 2);
	uint32_t offset = (uint32_t)raw_le(r2t + 12, 4), len = (uint32_t)raw_le(r2t + 16, 4);
	uint32_t first = chance(rng, 50) ? len : (uint32_t)world_rng_range(rng, 1, len);

	if (chance(rng, 10))
		return; /* it waits for ever */
	out.bytes = g_byte_array_new();
	out.spoil_ddgst = chance(rng, 10);
	raw_h2c(&out, cid, ttag, offset, first, first == len);
	out.spoil_ddgst = chance(rng, 10);
	if (first < len)
		raw_h2c(&out, cid, ttag, offset + first, len - first, true);
	if (chance(rng, 5))
		damage(rng, out.bytes);
	if (chance(rng, 5)) /* and once more */
		raw_h2c(&out, cid, ttag, offset, len, true);
	g_byte_array_append(q->out.bytes, out.bytes->data, out.bytes->len);
	g_byte_array_unref(out.bytes);
}

/* --- rounds
 * ------------------------------------------------------------------------------------------ */

static void say(struct raw_stream *q)
{
	struct world_rng *rng = &q->session->raw->rng;
	struct raw_out out = q->out;
	bool fragile = false;

	out.bytes = g_byte_array_new();
	out.spoil_hdgst = chance(rng, 1);
	out.spoil_ddgst = chance(rng, 10);
	if (chance(rng, 4)) {
		odd(&out, q);
	} else if (q->qid == 0) {
		(chance(rng, 40) ? property : admin)(&out, q);
	} else {
		fragile = chance(rng, 20);
		(fragile ? read_good : io)(&out, q);
	}
	if (!fragile && chance(rng, 4))
		damage(rng, out.bytes);
	g_byte_array_append(q->out.bytes, out.bytes->data, out.bytes->len);
	g_byte_array_unref(out.bytes);
}

static void soon(struct raw_session *s)
{
	struct world_rng *rng = &s->raw->rng;

	raw_next_at(s, core_main(s->raw->core)->now +
			       (chance(rng, 50) ? 1 : world_rng_below(rng, WORLD_MS)));
}

static void open_another(struct raw_session *s)
{
	for (unsigned i = 1; i < RAW_QUEUES; i++) {
		struct raw_stream *q = &s->queues[i];

		if (q->step > 0 || q->stream != NULL || q->out.bytes->len > 0)
			continue;
		raw_icreq(&q->out);
		raw_stream_open(s, q);
		return;
	}
}

void raw_any_round(struct raw_session *s)
{
	struct world_rng *rng = &s->raw->rng;
	struct raw_stream *q = &s->queues[world_rng_below(rng, RAW_QUEUES)];

	if (s->rounds == 0 || s->acted) {
		s->acted = true;
		raw_leave_in(s, RAW_LINGER);
		return;
	}
	s->rounds--;
	if (q->stream == NULL)
		q = &s->queues[0];
	if (s->queues[0].connected && chance(rng, 10))
		open_another(s);
	else if ((q->connected || chance(rng, 3)) && q->out.bytes->len < BACKLOG &&
		 (q->outstanding + 4 < RAW_DEPTH || chance(rng, 2)))
		say(q);
	soon(s);
}

static void begin(struct raw_session *s)
{
	s->rounds = (unsigned)world_rng_range(&s->raw->rng, 10, 120);
	soon(s);
}

void raw_any_icresp(struct raw_stream *q)
{
	q->step = 1;
	if (chance(&q->session->raw->rng, 93))
		raw_good_connect(q);
	else if (q->qid == 0)
		begin(q->session);
}

void raw_any_response(struct raw_stream *q, const uint8_t *cqe)
{
	struct raw_session *s = q->session;

	if (q->step != 1)
		return;
	q->step = 2;
	q->connected = raw_le(cqe + 14, 2) >> 1 == 0;
	if (q->qid != 0)
		return;
	s->cntlid = (uint16_t)raw_le(cqe, 2);
	if (chance(&s->raw->rng, 95))
		raw_property(&q->out, raw_cid(q), true, 0x14, 4, 0x460001);
	begin(s);
}
