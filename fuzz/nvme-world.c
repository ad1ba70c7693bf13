/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz/nvme-world.h"

#include <stdlib.h>
#include <string.h>

#include "tests/integration/world/workload.h"

void fuzz_world_init(struct fuzz_world *w)
{
	const struct nvmf_ns_options ns = { .bdev_name = "Malloc1", .nsid = 2 };
	struct host_params params;
	GError *error = NULL;

	fuzz_abort_on_trap();
	w->fx = fx_new(1, 2);
	fx_config_default(w->fx, 64);
	bdev_malloc_create(w->fx->target->bdevs, "Malloc1", 2048, 512, NULL, &error);
	g_assert_no_error(error);
	fx_begin(w->fx);
	nvmf_subsystem_add_ns(nvmf_subsystem_find(w->fx->target->nvmf, FX_NQN), &ns, NULL, fx_done,
			      w->fx);
	fx_wait(w->fx, WORLD_SEC);
	w->good = fx_host_new(w->fx, 1);
	w->core = fx_host_new(w->fx, 1)->core;
	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.io_queues = 2;
	g_assert_true(fx_connect(w->good, &params));
	world_run_for(w->fx->world, 10 * WORLD_MS);
	w->connections = raw_connections(w->fx);
}

void fuzz_world_clear(struct fuzz_world *w)
{
	static const struct workload_params p = {
		.nsid = 1, .blocks = 64, .ios = 20, .depth = 4, .max_blocks = 16
	};
	struct workload *wl;

	raw_settle(w->fx, w->connections, 5 * WORLD_SEC);
	memset(raw_memory(w->fx, "Malloc0"), 0, 64 * 512);
	wl = workload_start(w->good, &p);
	fx_wait(w->fx, 5 * WORLD_SEC);
	workload_free(wl);
	g_assert_cmpuint(w->good->events[HOST_EVENT_LOST], ==, 0);
	g_assert_cmpuint(raw_bufs_in_use(w->fx), ==, 0);
	fx_free(w->fx);
}
