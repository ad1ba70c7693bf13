/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration and controller resets against hosts that do not behave: one that
 * never reads its socket, one that has I/O outstanding.
 */
#include <string.h>

#include "tests/integration/tcp/raw.h"
#include "tests/integration/world/load.h"
#include "tests/integration/world/workload.h"

#define LIMIT (5 * WORLD_SEC)
#define BLOCKS 4096
#define READS 30

/* A reader that does not read, with 30 x 128 KiB of placed data on its way. */
static struct raw *deaf_reader(struct fx *fx, struct core *core, uint16_t cntlid)
{
	struct raw *r = raw_io(fx, core, false, false, cntlid, 1, 63);
	uint8_t sqe[64];

	r->deaf = true;
	for (unsigned i = 0; i < READS; i++) {
		raw_rw(sqe, false, (uint16_t)i, 1, 0, 256, SGL_TRANSPORT, 131072);
		raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
	}
	world_run_for(fx->world, 100 * WORLD_MS);
	return r;
}

static void check_reads(struct raw *r, uint8_t value)
{
	r->deaf = false;
	r->stream->ops->pause(r->stream, false);
	g_assert_true(raw_wait(r, 2 * READS, LIMIT));
	g_assert_false(r->closed);
	for (unsigned i = 0; i < r->pdus->len; i++) {
		const uint8_t *p = raw_pdu(r, i);

		if (p[0] != C2HDATA)
			continue;
		g_assert_cmpuint(raw_get(p, 16, 4), ==, 131072);
		for (unsigned k = 0; k < 131072; k += 509)
			g_assert_cmphex(p[24 + k], ==, value);
	}
}

/* Removal of namespace and bdev does not wait for it, and what it gets later is still the data. */
static void test_deaf(const void *arg)
{
	bool whole_bdev = arg != NULL;
	struct fx *fx = fx_new(1, 2);
	struct core *core = fx_host_new(fx, 1)->core;
	struct raw *admin, *r;
	uint16_t id;

	fx_config_default(fx, BLOCKS);
	memset(raw_memory(fx, "Malloc0"), 0xc3, BLOCKS * 512);
	admin = raw_admin(fx, core, false, false, 0, &id);
	r = deaf_reader(fx, core, id);
	if (whole_bdev) {
		bdev_unregister(bdev_find(fx->target->bdevs, "Malloc0"), NULL, NULL);
		world_run_for(fx->world, 100 * WORLD_MS);
	} else {
		fx_begin(fx);
		nvmf_subsystem_remove_ns(nvmf_subsystem_find(fx->target->nvmf, FX_NQN), 1, fx_done,
					 fx);
		fx_wait(fx, 10 * WORLD_MS);
	}
	g_assert_null(nvmf_subsystem_find(fx->target->nvmf, FX_NQN)->nss[0]);
	check_reads(r, 0xc3);
	raw_free(r);
	raw_free(admin);
	raw_settle(fx, 0, LIMIT);
	fx_free(fx);
}

/* The target can end while somebody does not read. */
static void test_deaf_shutdown(void)
{
	struct fx *fx = fx_new(1, 2);
	struct core *core = fx_host_new(fx, 1)->core;
	struct raw *admin, *r;
	uint16_t id;

	fx_config_default(fx, BLOCKS);
	admin = raw_admin(fx, core, false, false, 0, &id);
	r = deaf_reader(fx, core, id);
	fx_shutdown(fx);
	fx_wait(fx, LIMIT);
	raw_free(r);
	raw_free(admin);
	fx_free(fx);
}

/* CC.EN to 0, or a shutdown notification, with reads and half-done writes outstanding. */
static void test_reset(const void *arg)
{
	uint64_t cc = arg != NULL ? 0x464001 : 0x460000, csts = arg != NULL ? 9 : 0;

	for (unsigned us = 0; us < 300; us += 5) {
		struct fx *fx = fx_new(us, us % 2 ? 4 : 1);
		struct core *core = fx_host_new(fx, 1)->core;
		struct raw *admin, *q[4];
		uint64_t value = 99;
		uint8_t sqe[64];
		uint16_t id;

		fx_config_default(fx, BLOCKS);
		admin = raw_admin(fx, core, us % 3 == 0, us % 3 == 1, 0, &id);
		for (unsigned i = 0; i < 4; i++) {
			q[i] = raw_io(fx, core, us % 3 == 0, us % 3 == 1, id, (uint16_t)(i + 1),
				      31);
			for (unsigned k = 0; k < 16; k++) {
				raw_rw(sqe, k % 2, (uint16_t)k, 1, 0, 64, SGL_TRANSPORT, 32768);
				raw_send_bytes(q[i], raw_capsule(q[i], sqe, NULL, 0));
			}
		}
		world_run_for(fx->world, us * WORLD_US);
		raw_prop(sqe, true, 5, 0x14, 4, cc);
		g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, NULL), ==, 0);
		for (unsigned i = 0; i < 4; i++) {
			g_assert_true(raw_wait_closed(q[i], LIMIT));
			raw_free(q[i]);
		}
		raw_prop(sqe, false, 6, 0x1c, 4, 0);
		g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, &value), ==, 0);
		g_assert_cmphex(value, ==, csts);
		raw_settle(fx, 1, LIMIT);
		g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
		/* And on again (a shut down controller only after a reset). */
		raw_prop(sqe, true, 7, 0x14, 4, 0x460000);
		g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, NULL), ==, 0);
		raw_prop(sqe, true, 8, 0x14, 4, 0x460001);
		g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, NULL), ==, 0);
		q[0] = raw_io(fx, core, false, false, id, 1, 31);
		raw_free(q[0]);
		raw_free(admin);
		raw_settle(fx, 0, LIMIT);
		fx_free(fx);
	}
}

/*
 * An I/O connection that ends in the very pass in which the keep-alive timer ends
 * its controller.
 */
static void test_keep_alive_and_close(void)
{
	unsigned at_once = 0;

	for (uint64_t ns = 0; ns < 24000; ns += 200) {
		struct fx *fx = fx_new(3, 1);
		struct core *core = fx_host_new(fx, 1)->core;
		struct world_link_params lp;
		struct raw *admin, *q[2];
		uint64_t enabled;
		uint8_t sqe[64];

		world_link_default(&lp);
		lp.jitter_ns = 0;
		world_link_set_all(fx->world, &lp);
		fx_config_default(fx, BLOCKS);
		admin = raw_open_ic(fx, core, false, false);
		g_assert_cmphex(raw_connect(admin, 0, 31, 10000, 0xffff, NULL), ==, 0);
		raw_prop(sqe, true, 2, 0x14, 4, 0x460001);
		g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, NULL), ==, 0);
		enabled = world_now(fx->world);
		q[0] = raw_io(fx, core, false, false, 1, 1, 31);
		world_run_until(fx->world, enabled + 11 * WORLD_SEC);
		q[1] = raw_open_ic(fx, core, false, false); /* nobody's */
		/* The answer took 20 us and some; the way of the end takes 20 us. */
		world_run_until(fx->world, enabled + 20 * WORLD_SEC - 53 * WORLD_US + ns);
		/* Nobody's end makes a pass; the queue's and the timer fall into its time. */
		raw_close(q[1]);
		world_run_for(fx->world, 600);
		raw_abort(q[0]);
		/* A queue that leaves is no sign of life. */
		world_run_for(fx->world, 200 * WORLD_US);
		at_once += admin->closed;
		world_run_for(fx->world, 20 * WORLD_SEC);
		g_assert_true(admin->closed);
		raw_settle(fx, 0, WORLD_MS);
		raw_free(q[0]);
		raw_free(q[1]);
		raw_free(admin);
		fx_free(fx);
	}
	g_assert_cmpuint(at_once, ==, 24000 / 200);
}

/* Keep-alives get through whatever the load. */
static void test_keep_alive_under_load(void)
{
	struct fx *fx = fx_new(9, 2);
	struct world_link_params lp;
	struct host_params p;
	struct load *load;

	fx_config_default(fx, BLOCKS);
	world_link_default(&lp);
	lp.bytes_per_sec = 2000000;
	world_link_set_all(fx->world, &lp);
	fx_host_new(fx, 1);
	host_params_default(&p);
	p.subnqn = FX_NQN;
	p.io_queues = 2;
	p.kato_ms = 10000;
	g_assert_true(fx_connect(fx->hosts[0], &p));
	load = load_start(fx->hosts[0], 1, 32, 256);
	world_run_for(fx->world, 60 * WORLD_SEC);
	load_stop(load);
	world_run_for(fx->world, 20 * WORLD_SEC);
	g_assert_cmpuint(load_failed(load), ==, 0);
	g_assert_cmpuint(fx->hosts[0]->events[HOST_EVENT_LOST], ==, 0);
	load_free(load);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/world/admin/deaf/namespace", NULL, test_deaf);
	g_test_add_data_func("/world/admin/deaf/bdev", "", test_deaf);
	g_test_add_func("/world/admin/deaf/shutdown", test_deaf_shutdown);
	g_test_add_data_func("/world/admin/reset", NULL, test_reset);
	g_test_add_data_func("/world/admin/shutdown", "", test_reset);
	g_test_add_func("/world/admin/keep-alive-and-close", test_keep_alive_and_close);
	g_test_add_func("/world/admin/keep-alive-under-load", test_keep_alive_under_load);
	return g_test_run();
}
