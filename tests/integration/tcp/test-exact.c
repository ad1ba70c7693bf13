/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the target answers to each single offence: the C2HTermReq with its FES
 * and FEI, or the status of the command. A second host works on all the while.
 */
#include <string.h>

#include "tests/integration/tcp/raw.h"
#include "tests/integration/world/workload.h"

#define LIMIT (5 * WORLD_SEC)
#define BLOCKS 4096
#define DNR 0x4000

struct env {
	struct fx *fx;
	struct fx_host *good;
	struct core *core; /* of the raw host */
	struct workload *wl;
	unsigned connections;
};

static struct env *env_new(void)
{
	struct env *e = g_new0(struct env, 1);
	const struct workload_params p = { .nsid = 1,
					   .first_lba = BLOCKS / 2,
					   .blocks = BLOCKS / 2,
					   .ios = 200,
					   .depth = 4,
					   .max_blocks = 16 };
	struct world_link_params whole;
	struct host_params params;

	e->fx = fx_new(7, 2);
	/* Headers come in one piece: C2HTermReq holds what has come of them. */
	world_link_default(&whole);
	whole.seg_min = whole.seg_max;
	whole.short_send_ppm = whole.short_recv_ppm = 0;
	world_link_set_all(e->fx->world, &whole);
	fx_config_default(e->fx, BLOCKS);
	e->good = fx_host_new(e->fx, 1);
	e->core = fx_host_new(e->fx, 1)->core;
	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.io_queues = 2;
	g_assert_true(fx_connect(e->good, &params));
	world_run_for(e->fx->world, 10 * WORLD_MS);
	e->connections = raw_connections(e->fx);
	g_assert_cmpuint(e->connections, ==, 3);
	g_assert_cmpuint(raw_bufs_in_use(e->fx), ==, 0);
	e->wl = workload_start(e->good, &p);
	return e;
}

static void env_free(struct env *e)
{
	fx_wait(e->fx, 100 * WORLD_SEC);
	g_assert_cmpuint(e->good->events[HOST_EVENT_LOST], ==, 0);
	raw_settle(e->fx, e->connections, 20 * WORLD_SEC);
	workload_free(e->wl);
	world_run_for(e->fx->world, 10 * WORLD_MS);
	g_assert_cmpuint(raw_bufs_in_use(e->fx), ==, 0);
	fx_free(e->fx);
	g_free(e);
}

/* --- what ends the connection ------------------------------------------------------------ */

static void expect_term(struct raw *r, const char *what, unsigned fes, uint32_t fei,
			const uint8_t *header, unsigned hlen)
{
	const uint8_t *p;

	if (!raw_wait_closed(r, LIMIT))
		g_error("%s: the connection stays open", what);
	p = raw_last(r, C2HTERM);
	if (p == NULL)
		g_error("%s: no C2HTermReq", what);
	if (raw_get(p, 8, 2) != fes || raw_get(p, 10, 4) != fei)
		g_error("%s: FES %u FEI %u instead of %u, %u", what, (unsigned)raw_get(p, 8, 2),
			(unsigned)raw_get(p, 10, 4), fes, fei);
	g_assert_cmpuint(p[2], ==, 24);
	hlen = MAX(hlen, 8); /* the common header in any case */
	g_assert_cmpuint(raw_get(p, 4, 4), ==, 24 + hlen);
	g_assert_cmpmem(p + 24, hlen, header, hlen);
	g_assert_cmpuint(raw_get(p, 14, 8) | raw_get(p, 22, 2), ==, 0);
	raw_free(r);
}

struct patch {
	const char *what;
	uint16_t offset;
	uint8_t len;
	uint64_t value;
	uint8_t fes;
	uint32_t fei;
};

static const struct patch icreq_patches[] = {
	{ "unknown type", 0, 1, 0x0b, 1, 0 },
	{ "a response", 0, 1, RESP, 1, 0 },
	{ "a command before ICReq", 0, 1, CMD, 2, 0 },
	{ "H2CData before ICReq", 0, 1, H2CDATA, 2, 0 },
	{ "ICReq hlen", 2, 1, 127, 1, 2 },
	{ "ICReq plen small", 4, 4, 127, 1, 4 },
	{ "ICReq plen 0", 4, 4, 0, 1, 4 },
	{ "ICReq plen large", 4, 4, 132, 1, 4 },
	{ "ICReq plen huge", 4, 4, UINT32_MAX, 1, 4 },
	{ "PFV", 8, 2, 1, 6, 8 },
	{ "HPDA", 10, 1, 32, 1, 10 },
	{ "digests", 11, 1, 4, 1, 11 },
};

static void test_icreq(void)
{
	struct env *e = env_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(icreq_patches); i++) {
		const struct patch *p = &icreq_patches[i];
		struct raw *r = raw_open(e->fx, e->core);
		GByteArray *pdu = raw_icreq(r, 0, false, false);
		g_autofree uint8_t *sent = NULL;

		raw_put(pdu->data, p->offset, p->len, p->value);
		sent = g_memdup2(pdu->data, 128);
		raw_send_bytes(r, pdu);
		expect_term(r, p->what, p->fes, p->fei, sent, MIN(sent[2], 128));
	}
	env_free(e);
}

static const struct patch capsule_patches[] = {
	{ "unknown type", 0, 1, 0x42, 1, 0 },
	{ "second ICReq", 0, 1, ICREQ, 2, 0 },
	{ "C2HData from a host", 0, 1, C2HDATA, 1, 0 },
	{ "header digest flag", 1, 1, 0x01, 1, 1 },
	{ "data digest flag", 1, 1, 0x02, 1, 1 },
	{ "hlen small", 2, 1, 71, 1, 2 },
	{ "hlen 0", 2, 1, 0, 1, 2 },
	{ "hlen large", 2, 1, 76, 1, 2 },
	{ "pdo into the header", 3, 1, 68, 1, 3 },
	{ "pdo unaligned", 3, 1, 73, 1, 3 },
	{ "pdo 0", 3, 1, 0, 1, 3 },
	{ "pdo behind the end", 3, 1, 252, 1, 3 },
	{ "plen small", 4, 4, 71, 1, 4 },
	{ "plen 0", 4, 4, 0, 1, 4 },
	{ "plen too large for a capsule", 4, 4, 72 + 8192 + 4, 1, 4 },
	{ "plen huge", 4, 4, UINT32_MAX, 1, 4 },
};

static void test_capsule(void)
{
	struct env *e = env_new();
	uint8_t sqe[64], data[16] = { 1, 2, 3 };

	for (unsigned i = 0; i < G_N_ELEMENTS(capsule_patches); i++) {
		const struct patch *p = &capsule_patches[i];
		struct raw *r = raw_open_ic(e->fx, e->core, false, false);
		GByteArray *pdu;
		g_autofree uint8_t *sent = NULL;

		raw_rw(sqe, true, 5, 1, 0, 1, SGL_INCAPSULE, sizeof(data));
		pdu = raw_capsule(r, sqe, data, sizeof(data));
		raw_put(pdu->data, p->offset, p->len, p->value);
		sent = g_memdup2(pdu->data, pdu->len);
		raw_send_bytes(r, pdu);
		expect_term(r, p->what, p->fes, p->fei, sent, sent[2]);
	}
	env_free(e);
}

static void test_header_digest(void)
{
	struct env *e = env_new();
	struct raw *r = raw_open_ic(e->fx, e->core, true, false);
	GByteArray *pdu;
	g_autofree uint8_t *sent = NULL;
	uint8_t sqe[64];

	raw_prop(sqe, false, 5, 0, 8, 0);
	pdu = raw_capsule(r, sqe, NULL, 0);
	pdu->data[20] ^= 0x10;
	sent = g_memdup2(pdu->data, pdu->len);
	raw_send_bytes(r, pdu);
	expect_term(r, "header digest", 3, (uint32_t)raw_get(sent, 72, 4), sent, 72);
	env_free(e);
}

/* H2CTermReq gets no answer. */
static void test_term(void)
{
	struct env *e = env_new();

	for (unsigned plen = 20; plen <= 24 + 128 + 4; plen += 4) {
		struct raw *r = raw_open_ic(e->fx, e->core, false, false);
		uint8_t pdu[160] = { H2CTERM, 0, 24, 0 };

		raw_put(pdu, 4, 4, plen);
		raw_put(pdu, 8, 2, 1);
		raw_send(r, pdu, plen);
		g_assert_true(raw_wait_closed(r, LIMIT));
		if (plen >= 24 && plen <= 24 + 128)
			g_assert_cmpuint(r->pdus->len, ==, 0);
		raw_free(r);
	}
	env_free(e);
}

/* --- H2CData -------------------------------------------------------------------------------- */

enum { CID = 77, LEN = 8192 };

struct h2c_case {
	const char *what;
	uint16_t cid, ttag_off;
	uint32_t first; /* bytes in a good PDU before */
	uint32_t off, len, datal;
	bool last;
	uint8_t fes;
	uint32_t fei;
};

static const struct h2c_case h2c_cases[] = {
	{ "other ttag", CID, 1, 0, 0, LEN, LEN, true, 1, 10 },
	{ "wild ttag", CID, 0x7fff, 0, 0, LEN, LEN, true, 1, 10 },
	{ "other cid", CID + 1, 0, 0, 0, LEN, LEN, true, 1, 8 },
	{ "offset not 0", CID, 0, 0, 512, 512, 512, false, 4, 12 },
	{ "data again", CID, 0, 4096, 0, 4096, 4096, false, 4, 12 },
	{ "a gap", CID, 0, 4096, 4608, 3584, 3584, true, 4, 12 },
	{ "too much", CID, 0, 0, 0, LEN + 512, LEN + 512, true, 4, 16 },
	{ "too much in the second", CID, 0, 4096, 4096, 4100, 4100, true, 4, 16 },
	{ "less than it says", CID, 0, 0, 0, 4096, 4100, false, 1, 16 },
	{ "more than it says", CID, 0, 0, 0, 4096, 4092, false, 1, 16 },
	{ "nothing", CID, 0, 0, 0, 0, 0, false, 1, 16 },
	{ "last too early", CID, 0, 0, 0, 4096, 4096, true, 1, 1 },
	{ "last missing", CID, 0, 4096, 4096, 4096, 4096, false, 1, 1 },
};

static struct raw *with_r2t(struct env *e, bool hdgst, bool ddgst, uint16_t cntlid, uint16_t *ttag)
{
	struct raw *r = raw_io(e->fx, e->core, hdgst, ddgst, cntlid, 1, 7);
	const uint8_t *p;
	uint8_t sqe[64];

	raw_rw(sqe, true, CID, 1, 0, LEN / 512, SGL_TRANSPORT, LEN);
	raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
	g_assert_true(raw_wait(r, 1, LIMIT));
	p = raw_last(r, R2T);
	g_assert_nonnull(p);
	g_assert_cmpuint(raw_get(p, 8, 2), ==, CID);
	g_assert_cmpuint(raw_get(p, 12, 4), ==, 0);
	g_assert_cmpuint(raw_get(p, 16, 4), ==, LEN);
	*ttag = (uint16_t)raw_get(p, 10, 2);
	raw_forget(r);
	return r;
}

static void test_h2c(void)
{
	struct env *e = env_new();
	static uint8_t data[LEN * 2];
	uint16_t cntlid, ttag;
	struct raw *admin = raw_admin(e->fx, e->core, false, false, 0, &cntlid);
	uint8_t *memory = raw_memory(e->fx, "Malloc0");

	memset(data, 0xee, sizeof(data));
	for (unsigned i = 0; i < G_N_ELEMENTS(h2c_cases); i++) {
		const struct h2c_case *c = &h2c_cases[i];
		struct raw *r = with_r2t(e, false, false, cntlid, &ttag);
		g_autofree uint8_t *sent = NULL;
		GByteArray *pdu;

		if (c->first > 0)
			raw_send_bytes(r, raw_h2c(r, CID, ttag, 0, data, c->first, false));
		pdu = raw_h2c(r, c->cid, (uint16_t)(ttag + c->ttag_off), c->off, data, c->len,
			      c->last);
		raw_put(pdu->data, 16, 4, c->datal);
		sent = g_memdup2(pdu->data, 24);
		raw_send_bytes(r, pdu);
		expect_term(r, c->what, c->fes, c->fei, sent, 24);
		raw_settle(e->fx, e->connections + 1, LIMIT);
	}
	/* Nothing of an unfinished write may be there. */
	for (unsigned i = 0; i < LEN * 2; i++)
		g_assert_cmpuint(memory[i], ==, 0);
	raw_free(admin);
	env_free(e);
}

/* Data without having been asked: the command still waits for its buffer. */
static void test_h2c_before_r2t(void)
{
	const struct world_fault_rule never = { .nth = 1 };
	struct env *e = env_new();
	uint16_t cntlid;
	struct raw *admin, *r;
	g_autofree uint8_t *sent = NULL;
	static uint8_t data[LEN];
	uint8_t sqe[64];
	GByteArray *pdu;

	fx_wait(e->fx, 100 * WORLD_SEC);
	admin = raw_admin(e->fx, e->core, false, false, 0, &cntlid);
	r = raw_io(e->fx, e->core, false, false, cntlid, 1, 63);
	world_fault_set(e->fx->node, "mem.alloc", &never);
	/* More than the pool has by now; ttags are given in order. */
	for (unsigned i = 0; i < 60; i++) {
		raw_rw(sqe, true, CID, 1, 0, 256, SGL_TRANSPORT, 131072);
		raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
	}
	world_run_for(e->fx->world, 100 * WORLD_MS);
	g_assert_cmpuint(r->pdus->len, >, 0);
	g_assert_cmpuint(r->pdus->len, <, 60);
	pdu = raw_h2c(r, CID, 59, 0, data, LEN, false);
	sent = g_memdup2(pdu->data, 24);
	raw_send_bytes(r, pdu);
	expect_term(r, "before the R2T", 1, 10, sent, 24);
	world_fault_clear_all(e->fx->node);
	raw_free(admin);
	env_free(e);
}

/* --- data digests -------------------------------------------------------------------------- */

static void test_data_digest(void)
{
	struct env *e = env_new();
	uint16_t cntlid, ttag;
	struct raw *admin = raw_admin(e->fx, e->core, true, true, 0, &cntlid);
	uint8_t *memory = raw_memory(e->fx, "Malloc0");
	static uint8_t data[LEN];
	uint8_t sqe[64];

	memset(data, 0x5a, sizeof(data));
	for (int bad = 0; bad < 4; bad++) { /* which of two PDUs: none, first, second, in capsule */
		struct raw *r = with_r2t(e, true, true, cntlid, &ttag);
		GByteArray *one = raw_h2c(r, CID, ttag, 0, data, 4096, false);
		GByteArray *two = raw_h2c(r, CID, ttag, 4096, data, 4096, true);
		uint16_t want = bad == 1 || bad == 2 ? 0x22 : 0;
		const uint8_t *p;

		if (bad == 1)
			one->data[200] ^= 1;
		if (bad == 2)
			two->data[two->len - 1] ^= 0x80;
		raw_send_bytes(r, one);
		raw_send_bytes(r, two);
		g_assert_true(raw_wait(r, 1, LIMIT));
		p = raw_response(r, CID);
		g_assert_nonnull(p);
		g_assert_cmphex(raw_get(p, 22, 2) >> 1 & 0x3ff, ==, want);
		raw_forget(r);
		raw_rw(sqe, true, 9, 1, 100, 2, SGL_INCAPSULE, 1024);
		one = raw_capsule(r, sqe, data, 1024);
		if (bad == 3)
			one->data[100] ^= 1;
		raw_send_bytes(r, one);
		g_assert_true(raw_wait(r, 1, LIMIT));
		g_assert_cmphex(raw_get(raw_response(r, 9), 22, 2) >> 1 & 0x3ff, ==,
				bad == 3 ? 0x22 : 0);
		raw_forget(r);
		/* The connection goes on. */
		raw_sqe(sqe, 0, 10, 1, SGL_NONE, 0);
		g_assert_cmphex(raw_cmd(r, sqe, NULL, 0, NULL), ==, 0);
		raw_free(r);
		raw_settle(e->fx, e->connections + 1, LIMIT);
		if (bad == 0)
			g_assert_cmpmem(memory, LEN, data, LEN);
	}
	raw_free(admin);
	env_free(e);
}

/* --- statuses -----------------------------------------------------------------------------------
 */

struct status_case {
	const char *what;
	uint8_t opcode, flags, sgl_type;
	uint32_t nsid;
	uint64_t slba;
	uint32_t blocks;
	uint64_t sgl_offset;
	uint32_t sgl_len, capsule; /* bytes of in-capsule data sent */
	uint16_t status;
};

static const struct status_case status_cases[] = {
	{ "read", 2, 0x40, 0x5a, 1, 0, 1, 0, 512, 0, 0 },
	{ "write in capsule", 1, 0x40, 1, 1, 0, 1, 0, 512, 512, 0 },
	{ "write in capsule at an offset", 1, 0x40, 1, 1, 0, 1, 512, 512, 1024, 0 },
	{ "write in capsule at an odd offset", 1, 0x40, 1, 1, 0, 1, 3, 512, 515, 0 },
	{ "PRP", 2, 0, 0x5a, 1, 0, 1, 0, 512, 0, DNR | 0x02 },
	{ "SGL segment", 2, 0x80, 0x5a, 1, 0, 1, 0, 512, 0, DNR | 0x02 },
	{ "fused both", 2, 0x43, 0x5a, 1, 0, 1, 0, 512, 0, DNR | 0x02 },
	{ "SGL data block", 2, 0x40, 0x00, 1, 0, 1, 0, 512, 0, DNR | 0x11 },
	{ "SGL keyed", 1, 0x40, 0x40, 1, 0, 1, 0, 512, 512, DNR | 0x11 },
	{ "read with data in capsule", 2, 0x40, 1, 1, 0, 1, 0, 512, 512, DNR | 0x11 },
	{ "read of an offset", 2, 0x40, 1, 1, 0, 1, 0, 512, 0, DNR | 0x11 },
	{ "transport SGL and data", 1, 0x40, 0x5a, 1, 0, 1, 0, 512, 512, DNR | 0x11 },
	{ "offset behind the capsule", 1, 0x40, 1, 1, 0, 1, 513, 512, 512, DNR | 0x16 },
	{ "offset far behind", 1, 0x40, 1, 1, 0, 1, UINT64_MAX - 15, 512, 512, DNR | 0x16 },
	{ "longer than the capsule", 1, 0x40, 1, 1, 0, 1, 0, 513, 512, DNR | 0x0f },
	{ "huge length", 1, 0x40, 1, 1, 0, 1, 16, UINT32_MAX, 512, DNR | 0x0f },
	{ "no data in the capsule", 1, 0x40, 1, 1, 0, 1, 0, 512, 0, DNR | 0x0f },
	{ "write without data", 1, 0x40, 0x5a, 1, 0, 1, 0, 0, 0, DNR | 0x0f },
	{ "write with too much", 1, 0x40, 1, 1, 0, 1, 0, 1024, 1024, DNR | 0x0f },
	{ "read with too little", 2, 0x40, 0x5a, 1, 0, 2, 0, 1023, 0, DNR | 0x0f },
	{ "flush with data", 0, 0x40, 1, 1, 0, 1, 0, 512, 512, DNR | 0x02 },
	{ "read max_io_size", 2, 0x40, 0x5a, 1, 0, 256, 0, 131072, 0, 0 },
	{ "read one block more", 2, 0x40, 0x5a, 1, 0, 257, 0, 131584, 0, DNR | 0x02 },
	{ "write one block more", 1, 0x40, 0x5a, 1, 0, 257, 0, 131584, 0, DNR | 0x0f },
	{ "last block", 2, 0x40, 0x5a, 1, BLOCKS - 1, 1, 0, 512, 0, 0 },
	{ "one behind", 2, 0x40, 0x5a, 1, BLOCKS - 1, 2, 0, 1024, 0, DNR | 0x80 },
	{ "first behind", 2, 0x40, 0x5a, 1, BLOCKS, 1, 0, 512, 0, DNR | 0x80 },
	{ "64 bits", 2, 0x40, 0x5a, 1, UINT64_MAX, 1, 0, 512, 0, DNR | 0x80 },
	{ "64 bits overflow", 1, 0x40, 1, 1, UINT64_MAX, 2, 0, 1024, 1024, DNR | 0x80 },
	{ "byte overflow", 1, 0x40, 1, 1, UINT64_C(1) << 55, 1, 0, 512, 512, DNR | 0x80 },
	{ "write zeroes", 8, 0x40, 0x5a, 1, 0, 2, 0, 0, 0, 0 },
	{ "write zeroes behind", 8, 0x40, 0x5a, 1, BLOCKS - 1, 2, 0, 0, 0, DNR | 0x80 },
	{ "write zeroes overflow", 8, 0x40, 0x5a, 1, UINT64_MAX - 1, 65536, 0, 0, 0, DNR | 0x80 },
	{ "nsid 0", 2, 0x40, 0x5a, 0, 0, 1, 0, 512, 0, DNR | 0x0b },
	{ "nsid unknown", 2, 0x40, 0x5a, 2, 0, 1, 0, 512, 0, DNR | 0x0b },
	{ "nsid too large", 2, 0x40, 0x5a, 33, 0, 1, 0, 512, 0, DNR | 0x0b },
	{ "nsid all", 2, 0x40, 0x5a, UINT32_MAX, 0, 1, 0, 512, 0, DNR | 0x0b },
	{ "opcode", 0x7e, 0x40, 0x5a, 1, 0, 1, 0, 512, 0, DNR | 0x01 },
	{ "bidirectional", 3, 0x40, 0x5a, 1, 0, 1, 0, 512, 0, DNR | 0x02 },
	{ "property get", 0x7f, 0x40, 0x5a, 4, 0, 1, 0, 0, 0, DNR | 0x01 },
	{ "connect again", 0x7f, 0x40, 1, 1, 0, 1, 0, 1024, 1024, DNR | 0x0c },
};

static void test_status(void)
{
	struct env *e = env_new();
	static uint8_t data[4096];
	uint16_t cntlid;
	struct raw *admin = raw_admin(e->fx, e->core, false, false, 0, &cntlid);

	for (unsigned digests = 0; digests < 2; digests++) {
		struct raw *r = raw_io(e->fx, e->core, digests, digests, cntlid, 1, 7);

		for (unsigned i = 0; i < G_N_ELEMENTS(status_cases); i++) {
			const struct status_case *c = &status_cases[i];
			uint16_t status;
			uint8_t sqe[64];

			raw_rw(sqe, true, (uint16_t)i, c->nsid, c->slba, c->blocks, 0, c->sgl_len);
			sqe[0] = c->opcode;
			sqe[1] = c->flags;
			sqe[39] = c->sgl_type;
			raw_put(sqe, 24, 8, c->sgl_offset);
			if (c->status == 0 &&
			    c->opcode == 2) { /* data comes instead of a response too */
				raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
				g_assert_true(raw_wait(r, 2, LIMIT));
				g_assert_cmpuint(raw_pdu(r, 0)[0], ==, C2HDATA);
				g_assert_cmpuint(raw_get(raw_pdu(r, 0), 16, 4), ==, c->sgl_len);
				status = (uint16_t)(raw_get(raw_response(r, (uint16_t)i), 22, 2) >>
						    1);
				raw_forget(r);
			} else {
				status = raw_cmd(r, sqe, data, c->capsule, NULL);
			}
			if (status != c->status)
				g_error("%s: status %04x instead of %04x", c->what, status,
					c->status);
		}
		raw_free(r);
		raw_settle(e->fx, e->connections + 1, LIMIT);
	}
	raw_free(admin);
	env_free(e);
}

/*
 * As many commands as the queue has entries, again and again, are fine (some hosts
 * count one too many); one more than that at once is the end.
 */
static void test_queue_full(void)
{
	static const unsigned sizes[] = { 2, 3, 128 };
	struct env *e = env_new();
	uint16_t cntlid;
	struct raw *admin;
	uint8_t sqe[64];

	admin = raw_admin(e->fx, e->core, false, false, 0, &cntlid);
	for (unsigned k = 0; k < G_N_ELEMENTS(sizes); k++) {
		unsigned n = sizes[k];
		struct raw *r = raw_io(e->fx, e->core, false, false, cntlid, 2, (uint16_t)(n - 1));

		for (unsigned i = 0; i < 3 * n; i++) {
			raw_sqe(sqe, 0x00, (uint16_t)i, 1, SGL_NONE, 0);
			raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
			if (i % n == n - 1)
				g_assert_true(raw_wait(r, i + 1, LIMIT));
		}
		for (unsigned i = 0; i < 3 * n; i++)
			g_assert_cmphex(raw_get(raw_response(r, (uint16_t)i), 22, 2), ==, 0);
		raw_forget(r);
		for (unsigned i = 0; i <= n; i++) {
			raw_rw(sqe, true, (uint16_t)i, 1, 0, 1, SGL_TRANSPORT, 512);
			raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
		}
		g_assert_true(raw_wait_closed(r, LIMIT));
		g_assert_nonnull(raw_last(r, C2HTERM));
		g_assert_cmpuint(raw_get(raw_last(r, C2HTERM), 8, 2), ==, 2);
		raw_free(r);
		raw_settle(e->fx, e->connections + 1, LIMIT);
	}
	raw_free(admin);
	env_free(e);
}

/*
 * More commands than entries, and all that were taken wait for the host: what
 * they wait for can only come behind the next one. That is the end.
 */
static void test_stuck(void)
{
	struct env *e = env_new();
	uint16_t cntlid;
	struct raw *admin = raw_admin(e->fx, e->core, false, false, 0, &cntlid);
	struct raw *r = raw_io(e->fx, e->core, false, false, cntlid, 2, 1);
	g_autofree uint8_t *sent = NULL;
	GByteArray *pdu = NULL;
	uint8_t sqe[64];

	for (unsigned i = 0; i < 3; i++) {
		raw_rw(sqe, true, (uint16_t)i, 1, 0, 16, SGL_TRANSPORT, 8192);
		pdu = raw_capsule(r, sqe, NULL, 0);
		g_free(sent);
		sent = g_memdup2(pdu->data, 72);
		raw_send_bytes(r, pdu);
	}
	expect_term(r, "all wait for the host", 2, 0, sent, 72);
	raw_free(admin);
	/* AERs on the smallest admin queue. */
	r = raw_open_ic(e->fx, e->core, false, false);
	g_assert_cmphex(raw_connect(r, 0, 1, 0, 0xffff, NULL), ==, 0);
	raw_prop(sqe, true, 2, 0x14, 4, 0x460001);
	g_assert_cmphex(raw_cmd(r, sqe, NULL, 0, NULL), ==, 0);
	for (unsigned i = 0; i < 3; i++) {
		raw_sqe(sqe, 0x0c, (uint16_t)(10 + i), 0, SGL_NONE, 0);
		raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
	}
	memcpy(sent + 8, sqe, 64);
	expect_term(r, "AERs only", 2, 0, sent, 72);
	env_free(e);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tcp/exact/icreq", test_icreq);
	g_test_add_func("/tcp/exact/capsule", test_capsule);
	g_test_add_func("/tcp/exact/header-digest", test_header_digest);
	g_test_add_func("/tcp/exact/term", test_term);
	g_test_add_func("/tcp/exact/h2c", test_h2c);
	g_test_add_func("/tcp/exact/h2c-before-r2t", test_h2c_before_r2t);
	g_test_add_func("/tcp/exact/data-digest", test_data_digest);
	g_test_add_func("/tcp/exact/status", test_status);
	g_test_add_func("/tcp/exact/queue-full", test_queue_full);
	g_test_add_func("/tcp/exact/stuck", test_stuck);
	return g_test_run();
}
