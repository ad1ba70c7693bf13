/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Admin commands over the wire: each valid, with each wrong field, and at the
 * boundaries; an error has its entry in the log, which says where it was. Abort
 * on whatever reactor, subsystem resets under I/O, a thousand controllers.
 */
#include <string.h>

#include "target/core/buf.h"
#include "tests/integration/tcp/raw.h"
#include "tests/integration/world/load.h"

#define LIMIT (5 * WORLD_SEC)
#define BLOCKS 4096
#define OK 0x0000
#define FIELD 0x4002
#define OPCODE 0x4001
#define NS 0x400b
#define LENGTH 0x400f
#define LOG_PAGE 0x4109
#define NOT_SAVEABLE 0x410d
#define NOT_CHANGEABLE 0x410e
#define NOT_NS 0x410f
#define SEQUENCE 0x400c
#define ABORTED 0x0007
#define NONE 0xffff /* no entry: it is good */

/* cdw10 and so on; what comes of it, and the byte (and bit) of the command that is to blame. */
static const struct {
	uint8_t opcode;
	uint32_t nsid, cdw10, cdw11;
	uint32_t cdw12, cdw14;
	uint32_t len;
	uint16_t status, where;
} cases[] = {
	/* Identify: CNS, NSID, CSI, CNTID, length */
	{ 0x06, 0, 0x01, 0, 0, 0, 4096, OK, NONE },
	{ 0x06, 0, 0x01, 0, 0, 0x7f, 4096, OK, NONE }, /* a UUID index means nothing here */
	{ 0x06, 0, 0x01, 0, 0, 0, 4092, LENGTH, 32 },
	{ 0x06, 1, 0x00, 0, 0, 0, 4096, OK, NONE },
	{ 0x06, 32, 0x00, 0, 0, 0, 4096, OK, NONE },
	{ 0x06, 33, 0x00, 0, 0, 0, 4096, NS, 4 },
	{ 0x06, 0, 0x00, 0, 0, 0, 4096, NS, 4 },
	{ 0x06, 0xffffffff, 0x00, 0, 0, 0, 4096, OK, NONE },
	{ 0x06, 0xfffffffe, 0x00, 0, 0, 0, 4096, NS, 4 },
	{ 0x06, 0xfffffffd, 0x02, 0, 0, 0, 4096, OK, NONE },
	{ 0x06, 0xfffffffe, 0x02, 0, 0, 0, 4096, NS, 4 },
	{ 0x06, 2, 0x03, 0, 0, 0, 4096, NS, 4 },
	{ 0x06, 1, 0x04, 0, 0, 0, 4096, FIELD, 40 },
	{ 0x06, 1, 0x09, 0, 0, 0, 4096, FIELD, 40 },
	{ 0x06, 1, 0x05, 2u << 24, 0, 0, 4096, FIELD, 47 },
	{ 0x06, 0, 0x06, 1u << 24, 0, 0, 4096, FIELD, 47 },
	{ 0x06, 0, 0x10, 0, 0, 0, 4096, OK, NONE },
	{ 0x06, 1, 0x11, 0, 0, 0, 4096, OK, NONE },
	{ 0x06, 0xffffffff, 0x11, 0, 0, 0, 4096, NS, 4 },
	{ 0x06, 1, 0x12, 0, 0, 0, 4096, OK, NONE },
	{ 0x06, 33, 0x12, 0, 0, 0, 4096, NS, 4 },
	{ 0x06, 0xffffffff, 0x12, 0, 0, 0, 4096, FIELD, 4 },
	{ 0x06, 0, 0x13 | 0xffffu << 16, 0, 0, 0, 4096, OK, NONE },
	{ 0x06, 0, 0x14, 0, 0, 0, 4096, FIELD, 40 },
	{ 0x06, 0, 0x1c | 0xffffu << 16, 0, 0, 0, 4096, OK, NONE },
	{ 0x06, 0, 0x1c | 0xfffeu << 16, 0, 0, 0, 4096, FIELD, 42 },
	/* Get Log Page: LID, NUMD, LPO, index offset, CSI, NSID */
	{ 0x02, 0, 0x00 | 255u << 16, 0, 0, 0, 1024, OK, NONE },
	{ 0x02, 0, 0x06 | 127u << 16, 0, 0, 0, 512, LOG_PAGE, 40 },
	{ 0x02, 0, 0x70 | 127u << 16, 0, 0, 0, 512, LOG_PAGE, 40 },
	{ 0x02, 0, 0x0c | 127u << 16, 0, 0, 0, 512, LOG_PAGE, 40 }, /* without ANA */
	{ 0x02, 0xffffffff, 0x02 | 127u << 16, 0, 0, 0, 512, OK, NONE },
	{ 0x02, 1, 0x02 | 127u << 16, 0, 0, 0, 512, OK, NONE },
	{ 0x02, 2, 0x02 | 127u << 16, 0, 0, 0, 512, NS, 4 },
	{ 0x02, 0, 0x02 | 128u << 16, 0, 0, 0, 512, LENGTH, 32 },
	{ 0x02, 0, 0x02 | 127u << 16, 0, 512, 0, 512, OK, NONE },
	{ 0x02, 0, 0x02 | 127u << 16, 0, 516, 0, 512, FIELD, 48 },
	{ 0x02, 0, 0x02 | 127u << 16, 0, 2, 0, 512, FIELD, 48 },
	{ 0x02, 0, 0x02 | 127u << 16, 0, 0, 1u << 23, 512, FIELD, 58 | 7 << 8 },
	{ 0x02, 0, 0x02 | 127u << 16, 0, 0, 0x7f, 512, OK, NONE },
	{ 0x02, 0, 0x02 | 0x7f00 | 127u << 16, 0x7u << 16, 0, 0, 512, OK, NONE }, /* LSP, LSI */
	{ 0x02, 0, 0x03 | 0xffffu << 16, 1, 0, 0, 8192, FIELD, 42 },		  /* beyond MDTS */
	{ 0x02, 0, 0x05 | 1023u << 16, 0, 0, 0, 4096, OK, NONE },
	{ 0x02, 0, 0x05 | 1023u << 16, 0, 0, 2u << 24, 4096, FIELD, 59 },
	{ 0x02, 0, 0x12 | 255u << 16, 0, 0, 0, 1024, OK, NONE },
	/* Set Features: FID, SV, NSID, value */
	{ 0x09, 0, 0x01, 0x07, 0, 0, 0, OK, NONE },
	{ 0x09, 0, 0x01 | 1u << 31, 0x07, 0, 0, 0, NOT_SAVEABLE, 43 | 7 << 8 },
	{ 0x09, 1, 0x01, 0x07, 0, 0, 0, NOT_NS, 4 },
	{ 0x09, 0, 0x03, 0, 0, 0, 0, FIELD, 40 },
	{ 0x09, 0, 0x08, 0, 0, 0, 0, FIELD, 40 }, /* interrupts are no matter of fabrics */
	{ 0x09, 0, 0x09, 0, 0, 0, 0, FIELD, 40 },
	{ 0x09, 0, 0x02, 1, 0, 0, 0, FIELD, 44 },
	{ 0x09, 0, 0x04, 0x155, 0, 0, 0, OK, NONE },
	{ 0x09, 0, 0x04, 1u << 16, 0, 0, 0, FIELD, 44 },
	{ 0x09, 0, 0x06, 0, 0, 0, 0, NOT_CHANGEABLE, 44 },
	{ 0x09, 0, 0x07, 0xffff, 0, 0, 0, FIELD, 44 },
	{ 0x09, 0, 0x0b, 1u << 9, 0, 0, 0, FIELD, 44 },
	{ 0x09, 0, 0x0f, 30000, 0, 0, 0, OK, NONE },
	{ 0x09, 0, 0x81, 1, 0, 0, 0, SEQUENCE, 44 },
	{ 0x09, 1, 0x84, 1, 0, 0, 0, OK, NONE },
	{ 0x09, 1, 0x84, 0, 0, 0, 0, OK, NONE },
	{ 0x09, 1, 0x84, 2, 0, 0, 0, FIELD, 44 },
	{ 0x09, 2, 0x84, 1, 0, 0, 0, NS, 4 },
	/* Get Features: FID, SEL, NSID */
	{ 0x0a, 0, 0x0f, 0, 0, 0, 0, OK, NONE },
	{ 0x0a, 0, 0x0f | 3u << 8, 0, 0, 0, 0, OK, NONE },
	{ 0x0a, 0, 0x0f | 4u << 8, 0, 0, 0, 0, FIELD, 41 },
	{ 0x0a, 0, 0x08, 0, 0, 0, 0, FIELD, 40 },
	{ 0x0a, 0, 0xff, 0, 0, 0, 0, FIELD, 40 },
	{ 0x0a, 0, 0x81, 1, 0, 0, 16, OK, NONE },
	{ 0x0a, 0, 0x81, 0, 0, 0, 16, FIELD, 44 },
	{ 0x0a, 0, 0x05, 0, 0, 0, 0, NS, 4 },
	{ 0x0a, 0, 0x84, 0, 0, 0, 0, NS, 4 },
	/* What there is not: queues, firmware, self-test, namespaces, security, format, sanitize,
	   ... */
	{ 0x00, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x01, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x04, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x05, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x0d, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x10, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x11, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x14, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x15, 1, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x19, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x1a, 0, 0, 0, 0, 0, 512, OPCODE, 0 },
	{ 0x1c, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x7c, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x80, 1, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x81, 1, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0x82, 1, 0, 0, 0, 0, 512, OPCODE, 0 },
	{ 0x84, 1, 0, 0, 0, 0, 0, OPCODE, 0 },
	{ 0xc0, 0, 0, 0, 0, 0, 0, OPCODE, 0 },
};

/* The response's status, with the data left in r->pdus. */
static uint16_t command(struct raw *r, const uint8_t *sqe)
{
	const uint16_t cid = (uint16_t)raw_get(sqe, 2, 2);
	const uint8_t *p;

	raw_forget(r);
	raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
	for (unsigned i = 0; i < 1000 && !r->closed; i++) {
		p = raw_response(r, cid);
		if (p != NULL)
			return (uint16_t)(raw_get(p, 8 + 14, 2) >> 1);
		p = raw_last(r, C2HDATA);
		if (p != NULL && (p[1] & 0x08)) /* SUCCESS */
			return OK;
		world_run_for(r->fx->world, WORLD_MS);
	}
	return 0xffff;
}

/* Entry i of the error log. */
static const uint8_t *error_entry(struct raw *r, unsigned i)
{
	uint8_t sqe[64];

	raw_sqe(sqe, 0x02, 0x7777, 0xffffffff, SGL_TRANSPORT, 4096);
	raw_put(sqe, 40, 4, 0x01 | 1023u << 16);
	g_assert_cmphex(command(r, sqe), ==, OK);
	return raw_last(r, C2HDATA) + 24 + (size_t)i * 64;
}

static void test_fields(void)
{
	struct fx *fx = fx_new(1, 2);
	struct core *core = fx_host_new(fx, 1)->core;
	uint64_t errors = 0;
	struct raw *admin;
	uint16_t id;

	fx_config_default(fx, BLOCKS);
	admin = raw_admin(fx, core, false, false, 0, &id);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		const uint8_t *e;
		uint8_t sqe[64];

		raw_sqe(sqe, cases[i].opcode, (uint16_t)(0x100 + i), cases[i].nsid,
			cases[i].len > 0 ? SGL_TRANSPORT : SGL_NONE, cases[i].len);
		raw_put(sqe, 40, 4, cases[i].cdw10);
		raw_put(sqe, 44, 4, cases[i].cdw11);
		raw_put(sqe, 48, 4, cases[i].cdw12);
		raw_put(sqe, 56, 4, cases[i].cdw14);
		if ((cases[i].opcode & 3) == 1 && cases[i].len > 0)
			continue;
		g_test_message("case %u: opcode %02xh, cdw10 %08x", i, cases[i].opcode,
			       cases[i].cdw10);
		g_assert_cmphex(command(admin, sqe), ==, cases[i].status);
		e = error_entry(admin, 0);
		if (cases[i].where != NONE) {
			errors++;
			g_assert_cmpuint(raw_get(e, 10, 2), ==, 0x100 + i);
			g_assert_cmphex(raw_get(e, 12, 2), ==, cases[i].status << 1);
			g_assert_cmphex(raw_get(e, 14, 2), ==, cases[i].where);
			g_assert_cmphex(raw_get(e, 24, 4), ==, cases[i].nsid);
		}
		g_assert_cmpuint(raw_get(e, 0, 8), ==, errors);
	}
	raw_free(admin);
	raw_settle(fx, 0, LIMIT);
	fx_free(fx);
}

/* --- Abort -------------------------------------------------------------------------------- */

static uint64_t abort_of(struct raw *admin, uint16_t sqid, uint16_t cid)
{
	uint64_t dw01 = 99;
	uint8_t sqe[64];

	raw_sqe(sqe, 0x08, 0x8888, 0, SGL_NONE, 0);
	raw_put(sqe, 40, 4, sqid | (uint32_t)cid << 16);
	g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, &dw01), ==, OK);
	return dw01;
}

static GPtrArray *take_buffers(struct fx *fx)
{
	GPtrArray *held = g_ptr_array_new();
	struct buf *buf;

	for (unsigned i = 0; i < fx->target->core->nreactors; i++) {
		while ((buf = buf_get(fx->target->core->reactors[i]->bufs, 65536)) != NULL)
			g_ptr_array_add(held, buf);
	}
	return held;
}

/* Reads that wait for a buffer, on each of the reactors: one is aborted, the other is not. */
static void test_abort(void)
{
	const struct core_options options = { .nreactors = 3, .buf_limit = 4 << 20 };
	struct fx *fx = fx_new_with(5, &options);
	struct core *core = fx_host_new(fx, 1)->core;
	struct raw *admin, *q[3];
	GPtrArray *held;
	uint8_t sqe[64];
	uint16_t id;

	fx_config_default(fx, BLOCKS);
	admin = raw_admin(fx, core, false, false, 0, &id);
	for (unsigned i = 0; i < 3; i++)
		q[i] = raw_io(fx, core, false, true, id, (uint16_t)(i + 1), 31);
	world_run_for(fx->world, 10 * WORLD_MS);
	held = take_buffers(fx);
	for (unsigned i = 0; i < 3; i++) {
		raw_forget(q[i]);
		for (uint16_t cid = 7; cid <= 8; cid++) {
			raw_rw(sqe, false, cid, 1, 0, 128, SGL_TRANSPORT, 65536);
			raw_send_bytes(q[i], raw_capsule(q[i], sqe, NULL, 0));
		}
	}
	world_run_for(fx->world, 10 * WORLD_MS);
	for (unsigned i = 0; i < 3; i++) {
		uint16_t qid = (uint16_t)(i + 1);

		g_assert_cmpuint(q[i]->pdus->len, ==, 0);
		g_assert_cmphex(abort_of(admin, qid, 7), ==, 0);
		world_run_for(fx->world, WORLD_MS);
		g_assert_cmphex(raw_get(raw_response(q[i], 7), 8 + 14, 2) >> 1, ==, ABORTED);
		g_assert_null(raw_response(q[i], 8));
		g_assert_cmphex(abort_of(admin, qid, 7), ==, 1);  /* gone */
		g_assert_cmphex(abort_of(admin, qid, 99), ==, 1); /* never was */
		raw_forget(q[i]);
	}
	g_assert_cmphex(abort_of(admin, 4, 8), ==, 1);	    /* no such queue */
	g_assert_cmphex(abort_of(admin, 0xffff, 8), ==, 1); /* nor could be */
	for (unsigned i = 0; i < held->len; i++)
		buf_put(g_ptr_array_index(held, i));
	g_ptr_array_unref(held);
	/* Whoever waited gets its buffer when another is given back: this one is. */
	for (unsigned i = 0; i < 3; i++) {
		raw_rw(sqe, false, 9, 1, 0, 8, SGL_TRANSPORT, 4096);
		raw_send_bytes(q[i], raw_capsule(q[i], sqe, NULL, 0));
		g_assert_true(raw_wait(q[i], 4, LIMIT));
		raw_free(q[i]);
	}
	raw_free(admin);
	raw_settle(fx, 0, LIMIT);
	g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
	fx_free(fx);
}

/* Its status, after some time; 0xffff: none. */
static unsigned status_of(struct raw *q, uint16_t cid)
{
	const uint8_t *p;

	world_run_for(q->fx->world, 10 * WORLD_MS);
	p = raw_response(q, cid);
	return p != NULL ? (unsigned)raw_get(p, 8 + 14, 2) >> 1 : 0xffff;
}

static void send_half(struct raw *q, uint16_t cid, unsigned half, int sgl)
{
	uint8_t sqe[64], data[512] = { 0 };

	raw_sqe(sqe, half == 1 ? 0x05 : 0x01, cid, 1, sgl, sizeof(data));
	sqe[1] |= half;
	raw_send_bytes(q, raw_capsule(q, sqe, data, sgl == SGL_INCAPSULE ? sizeof(data) : 0));
}

static void send_data(struct raw *q, uint16_t cid, uint32_t len)
{
	g_autofree uint8_t *data = g_malloc(len);
	const uint8_t *r2t = raw_last(q, R2T);

	memset(data, 0x5a, len);
	g_assert_nonnull(r2t);
	raw_send_bytes(q, raw_h2c(q, cid, (uint16_t)raw_get(r2t, 10, 2), 0, data, len, true));
}

/* Halves of pairs that wait for the other one, or for its data, on each of the reactors. */
static void test_abort_half(void)
{
	struct fx *fx = fx_new(5, 2);
	struct core *core = fx_host_new(fx, 1)->core;
	struct raw *admin;
	uint16_t id;

	fx_config_default(fx, BLOCKS);
	memset(raw_memory(fx, "Malloc0"), 0, BLOCKS * 512);
	admin = raw_admin(fx, core, false, false, 0, &id);
	for (uint16_t qid = 1; qid <= 2; qid++) {
		struct raw *q = raw_io(fx, core, false, false, id, qid, 31);

		send_half(q, 1, 1, SGL_INCAPSULE);
		g_assert_cmphex(status_of(q, 1), ==, 0xffff);
		g_assert_cmphex(abort_of(admin, qid, 1), ==, 0);
		g_assert_cmphex(status_of(q, 1), ==, ABORTED);
		g_assert_cmphex(abort_of(admin, qid, 1), ==, 1);
		send_half(q, 2, 2, SGL_INCAPSULE); /* its second comes too late */
		g_assert_cmphex(status_of(q, 2), ==, NVME_SC_FUSED_FAILED);
		/* The second is there, the first's data is not. */
		send_half(q, 3, 1, SGL_TRANSPORT);
		send_half(q, 4, 2, SGL_INCAPSULE);
		g_assert_cmphex(status_of(q, 4), ==, 0xffff);
		g_assert_cmphex(abort_of(admin, qid, 4), ==, 0);
		g_assert_cmphex(status_of(q, 4), ==, ABORTED);
		send_data(q, 3, 512);
		g_assert_cmphex(status_of(q, 3), ==, NVME_SC_FUSED_FAILED);
		/* The first is aborted while its data is to come. */
		send_half(q, 5, 1, SGL_TRANSPORT);
		send_half(q, 6, 2, SGL_INCAPSULE);
		g_assert_cmphex(status_of(q, 5), ==, 0xffff);
		g_assert_cmphex(abort_of(admin, qid, 5), ==, 0);
		send_data(q, 5, 512);
		g_assert_cmphex(status_of(q, 5), ==, ABORTED);
		g_assert_cmphex(status_of(q, 6), ==, NVME_SC_FUSED_FAILED);
		/* And pairs go on. */
		send_half(q, 7, 1, SGL_INCAPSULE);
		send_half(q, 8, 2, SGL_INCAPSULE);
		g_assert_cmphex(status_of(q, 7), ==, OK);
		g_assert_cmphex(status_of(q, 8), ==, OK);
		raw_free(q);
	}
	raw_free(admin);
	raw_settle(fx, 0, LIMIT);
	g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
	fx_free(fx);
}

#define LONG (128u * 512)

static void send_write(struct raw *q, uint16_t cid, int sgl, uint32_t len)
{
	g_autofree uint8_t *data = g_malloc(len);
	uint8_t sqe[64];

	memset(data, 0xa5, len);
	raw_rw(sqe, true, cid, 1, 0, len / 512, sgl, len);
	raw_send_bytes(q, raw_capsule(q, sqe, data, sgl == SGL_INCAPSULE ? len : 0));
}

/* Writes that wait for a buffer, in the capsule and before their R2T; none comes to the backend. */
static void test_abort_before_data(void)
{
	const struct core_options options = { .nreactors = 2, .buf_limit = 4 << 20 };
	struct fx *fx = fx_new_with(5, &options);
	struct core *core = fx_host_new(fx, 1)->core;
	struct raw *admin, *q[2];
	GPtrArray *held;
	uint16_t id;

	fx_config_default(fx, BLOCKS);
	admin = raw_admin(fx, core, false, false, 0, &id);
	for (unsigned i = 0; i < 2; i++)
		q[i] = raw_io(fx, core, false, i, id, (uint16_t)(i + 1), 31);
	for (unsigned i = 0; i < 2; i++)
		send_write(q[i], 1, SGL_TRANSPORT, LONG);
	world_run_for(fx->world, 10 * WORLD_MS);
	held = take_buffers(fx);
	for (unsigned i = 0; i < 2; i++) {
		uint16_t qid = (uint16_t)(i + 1);
		unsigned n = q[i]->pdus->len;

		send_write(q[i], 2, SGL_TRANSPORT, LONG);
		g_assert_cmphex(status_of(q[i], 2), ==, 0xffff);
		g_assert_cmpuint(q[i]->pdus->len, ==, n); /* no R2T */
		g_assert_cmphex(abort_of(admin, qid, 2), ==, 0);
		g_assert_cmphex(status_of(q[i], 2), ==, ABORTED);
		/* What has its R2T ends when its data has come. */
		g_assert_cmphex(abort_of(admin, qid, 1), ==, 0);
		g_assert_cmphex(status_of(q[i], 1), ==, 0xffff);
		send_data(q[i], 1, LONG);
		g_assert_cmphex(status_of(q[i], 1), ==, ABORTED);
	}
	for (unsigned i = 0; i < held->len; i++)
		buf_put(g_ptr_array_index(held, i));
	g_ptr_array_unref(held);
	for (unsigned i = 0; i < LONG; i += 512)
		g_assert_cmphex(raw_memory(fx, "Malloc0")[i], ==, 0);
	for (unsigned i = 0; i < 2; i++) {
		send_write(q[i], 3, SGL_INCAPSULE, 4096);
		g_assert_cmphex(status_of(q[i], 3), ==, OK);
		raw_free(q[i]);
	}
	raw_free(admin);
	raw_settle(fx, 0, LIMIT);
	g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
	fx_free(fx);
}

/* --- subsystem reset, many controllers ------------------------------------------------------ */

/* One host resets the subsystem while another has I/O: it comes back and goes on. */
static void test_nssr(void)
{
	struct fx *fx = fx_new(11, 2);
	struct core *core = fx_host_new(fx, 1)->core;
	struct host_params p;
	struct raw *admin;
	struct load *load;
	uint8_t sqe[64];
	uint64_t csts;
	uint16_t id;

	fx_config_default(fx, BLOCKS);
	nvmf_subsystem_find(fx->target->nvmf, FX_NQN)->enable_nssr = true;
	fx_host_new(fx, 1);
	host_params_default(&p);
	p.subnqn = FX_NQN;
	p.io_queues = 2;
	g_assert_true(fx_connect(fx->hosts[1], &p));
	admin = raw_admin(fx, core, false, false, 0, &id);
	load = load_start(fx->hosts[1], 1, 16, 64);
	world_run_for(fx->world, 50 * WORLD_MS);
	raw_prop(sqe, true, 9, 0x20, 4, 0x4e564d65);
	g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, NULL), ==, OK);
	world_run_for(fx->world, 100 * WORLD_MS);
	raw_prop(sqe, false, 9, 0x1c, 4, 0);
	g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, &csts), ==, OK);
	g_assert_cmphex(csts, ==, 0x10);
	raw_free(admin);
	world_run_for(fx->world, 20 * WORLD_SEC);
	g_assert_cmpuint(fx->hosts[1]->events[HOST_EVENT_LOST], >, 0);
	load_stop(load);
	world_run_for(fx->world, 20 * WORLD_SEC);
	g_assert_cmpuint(load_outstanding(load), ==, 0);
	load_free(load);
	admin = raw_admin(fx, core, false, false, 0, &id);
	raw_prop(sqe, false, 9, 0x1c, 4, 0);
	g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, &csts), ==, OK);
	g_assert_cmphex(csts, ==, 0x11);
	raw_free(admin);
	fx_free(fx);
}

#define MANY 1024

/* As many controllers as a subsystem should bear; each is in the list, and leaves nothing. */
static void test_many(void)
{
	struct fx *fx = fx_new(3, 2);
	struct core *core = fx_host_new(fx, 1)->core;
	struct raw **admin = g_new0(struct raw *, MANY);
	const uint8_t *list;
	uint8_t sqe[64];
	uint16_t id;

	fx_config_default(fx, BLOCKS);
	for (unsigned i = 0; i < MANY; i++) {
		admin[i] = raw_admin(fx, core, false, false, 0, &id);
		g_assert_cmpuint(id, ==, i + 1);
	}
	raw_sqe(sqe, 0x06, 5, 0, SGL_TRANSPORT, 4096);
	raw_put(sqe, 40, 4, 0x13);
	g_assert_cmphex(command(admin[MANY - 1], sqe), ==, OK);
	list = raw_last(admin[MANY - 1], C2HDATA) + 24;
	g_assert_cmpuint(raw_get(list, 0, 2), ==, MANY);
	for (unsigned i = 0; i < MANY; i++)
		g_assert_cmpuint(raw_get(list, 2 + 2 * i, 2), ==, i + 1);
	for (unsigned i = 0; i < MANY; i++)
		raw_free(admin[i]);
	g_free(admin);
	raw_settle(fx, 0, LIMIT);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/world/commands/fields", test_fields);
	g_test_add_func("/world/commands/abort", test_abort);
	g_test_add_func("/world/commands/abort-half", test_abort_half);
	g_test_add_func("/world/commands/abort-before-data", test_abort_before_data);
	g_test_add_func("/world/commands/nssr", test_nssr);
	g_test_add_func("/world/commands/many", test_many);
	return g_test_run();
}
