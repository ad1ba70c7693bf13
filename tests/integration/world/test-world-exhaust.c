/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Too little memory, queues of the smallest and I/Os of the largest size, many
 * controllers: everything goes on, only slower, and nobody is left out.
 */
#include <string.h>

#include "tests/integration/tcp/raw.h"
#include "tests/integration/world/load.h"
#include "tests/integration/world/workload.h"

#define BLOCKS 16384

static void connect_host(struct fx_host *h, unsigned queues, uint16_t size, bool digests)
{
	struct host_params params;

	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.io_queues = queues;
	params.queue_size = size;
	params.hdgst = params.ddgst = digests; /* data digest: reads need buffers */
	if (!fx_connect(h, &params))
		g_error("%s", h->error);
}

static bool both_busy(void *arg)
{
	struct workload **wl = arg;

	return workload_finished(wl[0]) < 600 && workload_finished(wl[1]) < 600;
}

/* 8 buffers of the largest class for 2 x 4 x 32 I/Os. */
static void test_small_pool(const void *arg)
{
	const struct core_options core = { .nreactors = (unsigned)GPOINTER_TO_UINT(arg),
					   .buf_limit = 1 << 20 };

	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct fx *fx = fx_new_with(seed, &core);
		struct workload *wl[2];
		unsigned least;

		fx_config_default(fx, BLOCKS);
		for (unsigned i = 0; i < 2; i++)
			connect_host(fx_host_new(fx, 1), 4, 33, true);
		for (unsigned i = 0; i < 2; i++) {
			const struct workload_params p = { .nsid = 1,
							   .first_lba = i * BLOCKS / 2,
							   .blocks = BLOCKS / 2,
							   .ios = 600,
							   .depth = seed & 1 ? 30 : 128,
							   .max_blocks = seed & 1 ? 256 : 60 };

			wl[i] = workload_start(fx->hosts[i], &p);
		}
		g_assert_true(world_run_while(fx->world, both_busy, wl, 60 * WORLD_SEC));
		least = MIN(workload_finished(wl[0]), workload_finished(wl[1]));
		if (least < 200)
			g_error("seed %" G_GUINT64_FORMAT ": %u I/Os of one host, 600 of the other",
				seed, least);
		fx_wait(fx, 60 * WORLD_SEC);
		for (unsigned i = 0; i < 2; i++)
			workload_free(wl[i]);
		g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
		fx_free(fx);
	}
}

/* More connections than the pool has staging buffers, all of them writing. */
static void test_many_queues(void)
{
	const struct core_options core = { .nreactors = 1, .buf_limit = 1 << 20 };
	struct fx *fx = fx_new_with(3, &core);
	struct load *load[8];

	fx_config_default(fx, BLOCKS);
	for (unsigned i = 0; i < 8; i++) {
		connect_host(fx_host_new(fx, 1), 8, 9, i & 1);
		load[i] = load_start(fx->hosts[i], 1, 8, i & 2 ? 256 : 8);
	}
	world_run_for(fx->world, 100 * WORLD_MS);
	for (unsigned i = 0; i < 8; i++)
		load_stop(load[i]);
	world_run_for(fx->world, 2 * WORLD_SEC);
	for (unsigned i = 0; i < 8; i++) {
		g_assert_cmpuint(load_failed(load[i]), ==, 0);
		g_assert_cmpuint(load_good(load[i]), >, 64);
		load_free(load[i]);
	}
	g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
	fx_free(fx);
}

static const char *const points[] = { "buf.get", "mem.alloc" };

/* Buffers that are refused now and then, or for a while. */
static void test_faults(void)
{
	for (unsigned i = 0; i < 8; i++) {
		struct world_fault_rule rule = { .ppm = 300000 };
		struct world_fault_stats st;
		struct fx *fx = fx_new(i + 1, 2);
		const struct workload_params p = {
			.nsid = 1, .blocks = BLOCKS, .ios = 500, .depth = 64, .max_blocks = 256
		};
		struct workload *wl;

		fx_config_default(fx, BLOCKS);
		fx_host_new(fx, 1);
		if (i & 2)
			rule = (struct world_fault_rule){ .until = world_now(fx->world) +
								   3 * WORLD_SEC };
		world_fault_set(fx->node, points[i & 1], &rule);
		connect_host(fx->hosts[0], 3, 64, i & 4);
		wl = workload_start(fx->hosts[0], &p);
		fx_wait(fx, 100 * WORLD_SEC);
		workload_free(wl);
		world_fault_stats(fx->node, points[i & 1], &st);
		g_assert_true(st.taken > 0 || i % 4 == 1); /* few chunks are asked for */
		g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
		fx_free(fx);
	}
}

/* No memory for the connection or for its requests: this connection ends, the next one works. */
static void test_accept(void)
{
	static const char *const names[] = { "tcp.accept", "tcp.requests", "net.attach.enomem",
					     "net.accept.enomem", "net.accept.emfile" };

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		for (unsigned nth = 1; nth <= 4; nth++) {
			const struct world_fault_rule rule = { .nth = nth, .times = 1 };
			struct fx *fx = fx_new(nth, 2);
			struct fx_host *h = fx_host_new(fx, 1);
			struct world_fault_stats st;
			struct host_params params;

			fx_config_default(fx, BLOCKS);
			host_params_default(&params);
			params.subnqn = FX_NQN;
			params.io_queues = 4;
			world_fault_set(fx->node, names[i], &rule);
			fx_connect(h, &params); /* may fail, or do with fewer queues */
			world_fault_stats(fx->node, names[i], &st);
			g_assert_cmpuint(st.taken, ==, 1);
			fx_disconnect(h);
			raw_settle(fx, 0, 20 * WORLD_SEC);
			connect_host(h, 4, 64, false);
			g_assert_cmpuint(host_ctrlr_qpairs(h->ctrlr), ==, 4);
			fx_free(fx);
		}
	}
}

static void transport(struct fx *fx, unsigned max_io)
{
	g_autofree char *json = g_strdup_printf(
		"{\"subsystems\":[{\"subsystem\":\"nvmf\",\"config\":["
		"{\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"TCP\","
		"\"max_io_size\":%u,\"in_capsule_data_size\":8192}}]}]}",
		max_io);
	struct nvmf_tgt *tgt = fx->target->nvmf;
	const struct nvmf_subsystem_options so = { .nqn = FX_NQN, .allow_any_host = true };
	const struct nvmf_ns_options ns = { .bdev_name = "Malloc0" };
	struct nvmf_subsystem *s;
	struct nvmf_trid trid;
	GError *error = NULL;

	fx_config(fx, json);
	g_assert_nonnull(
		bdev_malloc_create(fx->target->bdevs, "Malloc0", BLOCKS, 512, NULL, &error));
	s = nvmf_subsystem_create(tgt, &so, &error);
	g_assert_no_error(error);
	g_assert_true(nvmf_trid_parse(&trid, "TCP", NULL, FX_ADDR, "4420", NULL));
	g_assert_true(nvmf_subsystem_add_listener(s, &trid, &error));
	fx_begin(fx);
	nvmf_subsystem_add_ns(s, &ns, NULL, fx_done, fx);
	fx_wait(fx, WORLD_SEC);
}

/* I/Os of a mebibyte, queues of two entries, digests or not, dribbling links. */
static void test_sizes(void)
{
	for (unsigned i = 0; i < 8; i++) {
		struct fx *fx = fx_new(i, 2);
		struct world_link_params lp;
		const struct workload_params p = {
			.nsid = 1, .blocks = BLOCKS, .ios = 60, .depth = 8, .max_blocks = 2048
		};
		struct workload *wl;

		transport(fx, 1 << 20);
		world_link_default(&lp);
		lp.seg_max = i & 4 ? 1500 : 65536;
		world_link_set_all(fx->world, &lp);
		connect_host(fx_host_new(fx, 1), 2, i & 1 ? 2 : 64, i & 2);
		g_assert_cmpuint(host_ctrlr_max_io(fx->hosts[0]->ctrlr), ==, 1 << 20);
		wl = workload_start(fx->hosts[0], &p);
		fx_wait(fx, 100 * WORLD_SEC);
		workload_free(wl);
		g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
		fx_free(fx);
	}
}

/* 64 controllers on 4 reactors, with I/O on the first, and an end all at once. */
static void test_controllers(void)
{
	struct fx *fx = fx_new(5, 4);
	struct core *core;
	struct raw *q[128];
	uint16_t id;
	const struct workload_params p = {
		.nsid = 1, .blocks = BLOCKS, .ios = 300, .depth = 16, .max_blocks = 16
	};
	struct workload *wl;

	fx_config_default(fx, BLOCKS);
	connect_host(fx_host_new(fx, 1), 4, 64, false);
	core = fx_host_new(fx, 1)->core;
	wl = workload_start(fx->hosts[0], &p);
	for (unsigned i = 0; i < 64; i++) {
		q[2 * i] = raw_admin(fx, core, false, false, 0, &id);
		g_assert_cmpuint(id, ==, i + 2);
		q[2 * i + 1] = raw_io(fx, core, false, false, id, (uint16_t)(1 + i % 4), 31);
	}
	fx_wait(fx, 10 * WORLD_SEC);
	workload_free(wl);
	g_assert_cmpuint(raw_connections(fx), ==, 5 + 128);
	g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0); /* an idle connection has none */
	for (unsigned i = 0; i < 128; i++)
		raw_free(q[i]);
	raw_settle(fx, 5, 5 * WORLD_SEC);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/world/exhaust/small-pool/1", GUINT_TO_POINTER(1), test_small_pool);
	g_test_add_data_func("/world/exhaust/small-pool/2", GUINT_TO_POINTER(2), test_small_pool);
	g_test_add_func("/world/exhaust/many-queues", test_many_queues);
	g_test_add_func("/world/exhaust/faults", test_faults);
	g_test_add_func("/world/exhaust/accept", test_accept);
	g_test_add_func("/world/exhaust/sizes", test_sizes);
	g_test_add_func("/world/exhaust/controllers", test_controllers);
	return g_test_run();
}
