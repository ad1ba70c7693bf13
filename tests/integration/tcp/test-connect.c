/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connect: every refusal with its status and the offset it names, and the times
 * after which a connection or a controller is ended.
 */
#include <string.h>

#include "tests/integration/tcp/raw.h"
#include "tests/integration/world/workload.h"

#define LIMIT (5 * WORLD_SEC)
#define DNR 0x4000
#define IN_DATA 0x10000

struct env {
	struct fx *fx;
	struct core *core;
};

static void env_init(struct env *e, unsigned reactors)
{
	e->fx = fx_new(11, reactors);
	fx_config_default(e->fx, 1024);
	e->core = fx_host_new(e->fx, 1)->core;
}

static void env_clear(struct env *e)
{
	raw_settle(e->fx, 0, 20 * WORLD_SEC);
	world_run_for(e->fx->world, 10 * WORLD_MS);
	g_assert_cmpuint(raw_bufs_in_use(e->fx), ==, 0);
	fx_free(e->fx);
}

/* --- refusals ------------------------------------------------------------------------------ */

struct refusal {
	const char *what;
	bool data; /* where the change is */
	uint16_t offset;
	uint8_t len;
	uint64_t value;
	uint16_t status;
	uint32_t where;
};

static const struct refusal admin_refusals[] = {
	{ "record format", false, 40, 2, 1, DNR | 0x180, 40 },
	{ "sqsize 0", false, 44, 2, 0, DNR | 0x182, 44 },
	{ "sqsize as large as the limit", false, 44, 2, 128, DNR | 0x182, 44 },
	{ "sqsize 65535", false, 44, 2, 65535, DNR | 0x182, 44 },
	{ "cntlid 1", true, 16, 2, 1, DNR | 0x182, IN_DATA | 16 },
	{ "cntlid static", true, 16, 2, 0xfffe, DNR | 0x182, IN_DATA | 16 },
	{ "subnqn unknown", true, 256, 1, 'x', 0x182, IN_DATA | 256 },
	{ "subnqn empty", true, 256, 1, 0, 0x182, IN_DATA | 256 },
	{ "qid of nobody's queue", false, 42, 2, 1, 0x182, IN_DATA | 16 },
};

static void test_admin(void)
{
	struct env e;

	env_init(&e, 2);
	for (unsigned i = 0; i < G_N_ELEMENTS(admin_refusals); i++) {
		const struct refusal *c = &admin_refusals[i];
		struct raw *r = raw_open_ic(e.fx, e.core, i & 1, i & 2);
		uint8_t sqe[64], data[1024];
		uint64_t dw01 = 0;
		uint16_t status;

		raw_connect_sqe(sqe, 1, 0, 31, 0);
		raw_connect_data(data, 0xffff, RAW_HOSTNQN, 0xaa);
		raw_put(c->data ? data : sqe, c->offset, c->len, c->value);
		status = raw_cmd(r, sqe, data, sizeof(data), &dw01);
		if (status != c->status || dw01 != c->where)
			g_error("%s: status %04x dw0 %x instead of %04x, %x", c->what, status,
				(unsigned)dw01, c->status, c->where);
		/* The connection may try again, and do better. */
		g_assert_cmphex(raw_connect(r, 0, 31, 0, 0xffff, NULL), ==, 0);
		raw_free(r);
	}
	env_clear(&e);
}

static void test_strings(void)
{
	struct env e;
	struct raw *r;
	uint8_t sqe[64], data[1024];
	uint64_t dw01;

	env_init(&e, 2);
	r = raw_open_ic(e.fx, e.core, false, false);
	raw_connect_sqe(sqe, 1, 0, 31, 0);
	for (unsigned field = 256; field <= 512; field += 256) {
		raw_connect_data(data, 0xffff, RAW_HOSTNQN, 0xaa);
		memset(data + field, 'n', 256);
		g_assert_cmphex(raw_cmd(r, sqe, data, sizeof(data), &dw01), ==, DNR | 0x182);
		g_assert_cmphex(dw01, ==, IN_DATA | field);
	}
	/* Too little data, none at all, from the transport. */
	raw_connect_data(data, 0xffff, RAW_HOSTNQN, 0xaa);
	raw_put(sqe, 32, 4, 1023);
	g_assert_cmphex(raw_cmd(r, sqe, data, 1024, NULL), ==, DNR | 0x0f);
	raw_put(sqe, 32, 4, 0);
	g_assert_cmphex(raw_cmd(r, sqe, data, 0, NULL), ==, DNR | 0x0f);
	raw_put(sqe, 32, 4, 2048);
	memset(data + 1000, 0, 24);
	g_assert_cmphex(raw_cmd(r, sqe, data, 1024, NULL), ==, DNR | 0x0f);
	raw_free(r);
	env_clear(&e);
}

/* By R2T, for once. */
static void test_by_r2t(void)
{
	struct env e;
	struct raw *r;
	uint8_t sqe[64], data[1024];

	env_init(&e, 2);
	for (unsigned i = 0; i < 4; i++) {
		r = raw_open_ic(e.fx, e.core, true, true);
		raw_connect_sqe(sqe, 1, 0, 31, 0);
		sqe[39] = 0x5a;
		raw_connect_data(data, 0xffff, RAW_HOSTNQN, 0xaa);
		raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
		g_assert_true(raw_wait(r, 1, LIMIT));
		g_assert_cmpuint(raw_pdu(r, 0)[0], ==, R2T);
		raw_send_bytes(r, raw_h2c(r, 1, (uint16_t)raw_get(raw_pdu(r, 0), 10, 2), 0, data,
					  1024, true));
		g_assert_true(raw_wait(r, 2, LIMIT));
		g_assert_cmphex(raw_get(raw_response(r, 1), 22, 2), ==, 0);
		raw_free(r);
	}
	env_clear(&e);
}

static void expect_io(struct env *e, const char *what, uint16_t qid, uint16_t sqsize,
		      uint16_t cntlid, const char *hostnqn, uint8_t hostid, uint16_t status,
		      uint32_t where)
{
	struct raw *r = raw_open_ic(e->fx, e->core, false, false);
	uint8_t sqe[64], data[1024];
	uint64_t dw01 = 0;
	uint16_t is;

	raw_connect_sqe(sqe, 1, qid, sqsize, 0);
	raw_connect_data(data, cntlid, hostnqn, hostid);
	is = raw_cmd(r, sqe, data, sizeof(data), &dw01);
	if (is != status || (status != 0 && dw01 != where))
		g_error("%s: status %04x dw0 %x", what, is, (unsigned)dw01);
	raw_free(r);
	world_run_for(e->fx->world, 10 * WORLD_MS);
}

static void test_io(void)
{
	struct env e;
	struct raw *admin, *r;
	uint16_t id;
	uint8_t sqe[64];

	env_init(&e, 2);
	admin = raw_admin(e.fx, e.core, false, false, 0, &id);
	g_assert_cmphex(raw_connect(admin, 0, 31, 0, 0xffff, NULL), ==, DNR | 0x0c);
	expect_io(&e, "good", 1, 31, id, RAW_HOSTNQN, 0xaa, 0, 0);
	expect_io(&e, "sqsize 0", 1, 0, id, RAW_HOSTNQN, 0xaa, DNR | 0x182, 44);
	expect_io(&e, "sqsize", 1, 128, id, RAW_HOSTNQN, 0xaa, DNR | 0x182, 44);
	expect_io(&e, "largest sqsize", 1, 127, id, RAW_HOSTNQN, 0xaa, 0, 0);
	expect_io(&e, "smallest sqsize", 1, 1, id, RAW_HOSTNQN, 0xaa, 0, 0);
	expect_io(&e, "qid not granted", 5, 31, id, RAW_HOSTNQN, 0xaa, DNR | 0x182, 42);
	expect_io(&e, "qid 65535", 65535, 31, id, RAW_HOSTNQN, 0xaa, DNR | 0x182, 42);
	expect_io(&e, "qid granted", 4, 31, id, RAW_HOSTNQN, 0xaa, 0, 0);
	expect_io(&e, "cntlid", 1, 31, (uint16_t)(id + 1), RAW_HOSTNQN, 0xaa, 0x182,
		  IN_DATA | 16);
	expect_io(&e, "hostnqn", 1, 31, id, RAW_HOSTNQN "x", 0xaa, DNR | 0x182, IN_DATA | 512);
	expect_io(&e, "hostid", 1, 31, id, RAW_HOSTNQN, 0xab, DNR | 0x182, IN_DATA | 0);
	r = raw_io(e.fx, e.core, false, false, id, 2, 31);
	expect_io(&e, "queue in use", 2, 31, id, RAW_HOSTNQN, 0xaa, 0x181, 0);
	raw_prop(sqe, true, 9, 0x14, 4, 0x460000);
	g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, NULL), ==, 0);
	g_assert_true(raw_wait_closed(r, LIMIT));
	expect_io(&e, "not enabled", 1, 31, id, RAW_HOSTNQN, 0xaa, DNR | 0x0c, 0);
	raw_free(r);
	raw_free(admin);
	env_clear(&e);
}

static void test_not_allowed(void)
{
	struct env e;
	struct nvmf_subsystem *s;
	struct raw *r;
	uint64_t dw01 = 99;

	env_init(&e, 2);
	s = nvmf_subsystem_find(e.fx->target->nvmf, FX_NQN);
	g_assert_true(nvmf_subsystem_allow_any_host(s, false, NULL));
	r = raw_open_ic(e.fx, e.core, false, false);
	g_assert_cmphex(raw_connect(r, 0, 31, 0, 0xffff, &dw01), ==, 0x184);
	g_assert_true(nvmf_subsystem_add_host(s, RAW_HOSTNQN, NULL));
	g_assert_cmphex(raw_connect(r, 0, 31, 0, 0xffff, NULL), ==, 0);
	fx_begin(e.fx);
	nvmf_subsystem_remove_host(s, RAW_HOSTNQN, fx_done, e.fx);
	fx_wait(e.fx, LIMIT);
	g_assert_true(raw_wait_closed(r, LIMIT));
	raw_free(r);
	env_clear(&e);
}

static void test_before_connect(void)
{
	static const struct {
		uint8_t opcode, fctype;
	} cmds[] = { { 0x7f, 0 }, { 0x7f, 4 }, { 0x7f, 8 }, { 6, 0 },
		     { 0, 0 },	  { 2, 0 },    { 0x0c, 0 } };
	struct env e;
	struct raw *r;
	uint8_t sqe[64];

	env_init(&e, 2);
	r = raw_open_ic(e.fx, e.core, false, false);
	for (unsigned i = 0; i < G_N_ELEMENTS(cmds); i++) {
		uint16_t status;

		raw_sqe(sqe, cmds[i].opcode, (uint16_t)i, cmds[i].fctype, SGL_TRANSPORT, 0);
		status = raw_cmd(r, sqe, NULL, 0, NULL);
		g_assert_true(status == (DNR | 0x0c) || status == (DNR | 0x01));
	}
	raw_free(r);
	env_clear(&e);
}

/* --- bytes at once, moved to another reactor -------------------------------------------------- */

/* ICReq, Connect and what belongs behind it, without waiting for any answer. */
static void test_pipelined(void)
{
	for (unsigned sndbuf = 1; sndbuf < 400; sndbuf += 37) {
		struct world_link_params p;
		struct env e;

		env_init(&e, 4);
		world_link_default(&p);
		p.sndbuf = sndbuf;
		p.short_send_ppm = 500000;
		world_link_set_all(e.fx->world, &p);
		for (unsigned i = 0; i < 4; i++) {
			struct raw *r = raw_open(e.fx, e.core);
			uint8_t sqe[64], data[1024];

			raw_send_bytes(r, raw_icreq(r, 0, i & 1, i & 2));
			raw_connect_sqe(sqe, 1, 0, 31, 0);
			raw_connect_data(data, 0xffff, RAW_HOSTNQN, 0xaa);
			raw_send_bytes(r, raw_capsule(r, sqe, data, sizeof(data)));
			raw_prop(sqe, false, 2, 0, 8, 0);
			for (unsigned k = 0; k < 6; k++)
				raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
			g_assert_true(raw_wait(r, 8, LIMIT));
			g_assert_false(r->closed);
			raw_free(r);
		}
		env_clear(&e);
	}
}

/* --- times
 * ---------------------------------------------------------------------------------------- */

/*
 * A host that is gone, or says more, while its second Connect is on the way from
 * the reactor that refused the first one, over the main one, to another.
 */
static void test_gone_meanwhile(void)
{
	struct env e;
	struct raw *admin;
	uint16_t id;

	env_init(&e, 4);
	admin = raw_admin(e.fx, e.core, false, false, 0, &id);
	for (uint64_t ns = 0; ns < 60 * WORLD_US; ns += 100) {
		struct raw *r = raw_open_ic(e.fx, e.core, false, false);
		uint16_t qid = (uint16_t)(1 + ns / 100 % 4);
		uint8_t sqe[64], data[1024];

		g_assert_cmphex(raw_connect(r, qid, 0, 0, id, NULL), ==, DNR | 0x182);
		raw_connect_sqe(sqe, 1, qid % 4 + 1, 31, 0);
		raw_connect_data(data, id, RAW_HOSTNQN, 0xaa);
		raw_send_bytes(r, raw_capsule(r, sqe, data, sizeof(data)));
		world_run_for(e.fx->world, ns);
		if (ns / 400 % 2) {
			raw_abort(r);
			raw_settle(e.fx, 1, 10 * WORLD_MS);
		} else {
			raw_sqe(sqe, 0, 2, 1, SGL_NONE, 0);
			raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
			g_assert_true(raw_wait(r, 2, 10 * WORLD_MS));
		}
		raw_free(r);
		raw_settle(e.fx, 1, 10 * WORLD_MS);
	}
	raw_free(admin);
	env_clear(&e);
}

static void test_timeout(void)
{
	for (unsigned far = 0; far < 3; far++) {
		struct env e;
		struct raw *admin = NULL, *r;
		uint64_t t0;
		uint16_t id = 0;

		env_init(&e, 4);
		if (far == 2)
			admin = raw_admin(e.fx, e.core, false, false, 0, &id);
		t0 = world_now(e.fx->world);
		r = far == 0 ? raw_open(e.fx, e.core) : raw_open_ic(e.fx, e.core, false, false);
		if (far == 2) { /* refused on another reactor: 15 s from there */
			world_run_for(e.fx->world, 3 * WORLD_SEC);
			t0 = world_now(e.fx->world);
			g_assert_cmphex(raw_connect(r, 4, 200, 0, id, NULL), ==, DNR | 0x182);
		}
		world_run_until(e.fx->world, t0 + 15 * WORLD_SEC - WORLD_MS);
		g_assert_false(r->closed && far != 2);
		world_run_until(e.fx->world, t0 + 15 * WORLD_SEC + 5 * WORLD_MS);
		g_assert_true(r->closed);
		raw_free(r);
		raw_free(admin);
		env_clear(&e);
	}
}

/*
 * A host that went silent: ended by the second look, one KATO after the first one
 * that saw something. Armed when CC.EN is set, to the nanosecond.
 */
static void test_keep_alive(void)
{
	struct env e;
	struct raw *admin, *r;
	uint16_t id;
	uint8_t sqe[64];
	uint64_t enabled, last;

	env_init(&e, 4);
	admin = raw_open_ic(e.fx, e.core, false, false);
	g_assert_cmphex(raw_connect(admin, 0, 31, 10000, 0xffff, NULL), ==, 0);
	id = 1;
	raw_prop(sqe, true, 2, 0x14, 4, 0x460001);
	last = world_now(e.fx->world);
	g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, NULL), ==, 0);
	enabled = world_now(e.fx->world); /* between last and this */
	r = raw_io(e.fx, e.core, false, false, id, 2, 31);
	/* Traffic on an I/O queue of another reactor alone, once a period, keeps it. */
	for (unsigned i = 1; i <= 6; i++) {
		world_run_until(e.fx->world, enabled + i * 10 * WORLD_SEC - WORLD_MS);
		raw_sqe(sqe, 0, (uint16_t)i, 1, SGL_NONE, 0);
		g_assert_cmphex(raw_cmd(r, sqe, NULL, 0, NULL), ==, 0);
	}
	/* Seen at the sixth look; none at the seventh. */
	world_run_until(e.fx->world, last + 70 * WORLD_SEC - 1);
	g_assert_false(admin->closed || r->closed);
	world_run_until(e.fx->world, enabled + 70 * WORLD_SEC + WORLD_MS);
	g_assert_true(admin->closed && r->closed);
	raw_free(r);
	raw_free(admin);
	env_clear(&e);
}

/* KATO 0: nobody looks. */
static void test_no_keep_alive(void)
{
	struct env e;
	struct raw *admin;
	uint16_t id;

	env_init(&e, 2);
	admin = raw_admin(e.fx, e.core, false, false, 0, &id);
	world_run_for(e.fx->world, 3600 * WORLD_SEC);
	g_assert_false(admin->closed);
	raw_free(admin);
	env_clear(&e);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tcp/connect/admin", test_admin);
	g_test_add_func("/tcp/connect/strings", test_strings);
	g_test_add_func("/tcp/connect/by-r2t", test_by_r2t);
	g_test_add_func("/tcp/connect/io", test_io);
	g_test_add_func("/tcp/connect/not-allowed", test_not_allowed);
	g_test_add_func("/tcp/connect/before", test_before_connect);
	g_test_add_func("/tcp/connect/pipelined", test_pipelined);
	g_test_add_func("/tcp/connect/gone-meanwhile", test_gone_meanwhile);
	g_test_add_func("/tcp/connect/timeout", test_timeout);
	g_test_add_func("/tcp/connect/keep-alive", test_keep_alive);
	g_test_add_func("/tcp/connect/no-keep-alive", test_no_keep_alive);
	return g_test_run();
}
