/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host that vanishes, or a target that is taken from under it, at every moment
 * of connecting and of doing I/O: every I/O ends exactly once, and of the host
 * nothing is left at the target.
 */
#include <string.h>

#include "tests/integration/tcp/raw.h"
#include "tests/integration/world/load.h"

#define BLOCKS 2048
#define STEP (9 * WORLD_US)
#define SPAN (1800 * WORLD_US) /* of a session: connects, then I/O */

enum how { RESET, SILENT, ONE_WAY, DELETE, UNLISTEN, SHUTDOWN, BDEV, HOWS };

static const char *const names[] = { "reset",	 "silent",   "one-way", "delete",
				     "unlisten", "shutdown", "bdev" };

static void begin_load(struct fx_host *h)
{
	if (host_ctrlr_ns(h->ctrlr, 1) != NULL) /* else it went already */
		h->user = load_start(h, 1, 8, 200);
}

static void cut(struct fx *fx, enum how how)
{
	struct nvmf_subsystem *s = nvmf_subsystem_find(fx->target->nvmf, FX_NQN);
	struct nvmf_trid trid;

	switch (how) {
	case RESET:
		world_net_reset(fx->world, fx->node, NULL);
		break;
	case SILENT:
		world_link_stall(fx->node, fx->hosts[0]->node, HW_NEVER);
		world_link_stall(fx->hosts[0]->node, fx->node, HW_NEVER);
		break;
	case ONE_WAY:
		world_link_stall(fx->node, fx->hosts[0]->node, HW_NEVER);
		break;
	case DELETE:
		fx_begin(fx);
		nvmf_subsystem_delete(s, fx_done, fx);
		break;
	case UNLISTEN:
		g_assert_true(nvmf_trid_parse(&trid, "tcp", NULL, FX_ADDR, "4420", NULL));
		fx_begin(fx);
		nvmf_subsystem_remove_listener(s, &trid, fx_done, fx);
		break;
	case BDEV:
		bdev_unregister(bdev_find(fx->target->bdevs, "Malloc0"), NULL, NULL);
		break;
	default:
		break;
	}
}

static bool busy(void *arg)
{
	struct load *load = ((struct fx_host *)arg)->user;

	return load != NULL && load_outstanding(load) > 0;
}

/* Returns how many I/Os had been under way. */
static unsigned run(uint64_t when, enum how how, unsigned reactors)
{
	struct fx *fx = fx_new(when + how, reactors);
	struct fx_host *h = fx_host_new(fx, 1);
	struct host_params params;
	unsigned were = 0;
	uint64_t start;

	fx_config_default(fx, BLOCKS);
	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.io_queues = 3;
	params.io_timeout_ms = 5000;
	params.hdgst = when & 1;
	params.ddgst = when & 2;
	start = world_now(fx->world);
	fx_connect_start(h, &params, begin_load);
	world_run_until(fx->world, start + when);
	were = busy(h) ? load_outstanding(h->user) : 0;
	if (how == SHUTDOWN) {
		fx_shutdown(fx);
	} else {
		cut(fx, how);
		if (how == BDEV)
			world_run_for(fx->world, 100 * WORLD_MS);
	}
	if (h->user != NULL)
		load_stop(h->user);
	fx_wait(fx, 100 * WORLD_SEC);
	if (h->user != NULL)
		load_stop(h->user);
	g_assert_true(world_run_while(fx->world, busy, h, 100 * WORLD_SEC));
	if (how == BDEV || how == RESET) /* it may be connected still */
		fx_disconnect(h);
	raw_settle(fx, 0, 50 * WORLD_SEC);
	world_run_for(fx->world, WORLD_MS);
	g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
	fx_disconnect(h);
	load_free(h->user);
	fx_free(fx);
	return were;
}

static void test(const void *arg)
{
	enum how how = (enum how)GPOINTER_TO_UINT(arg);
	unsigned with_io = 0;

	for (uint64_t when = 0; when < SPAN; when += STEP + when % 5)
		with_io += run(when, how, when % 2 ? 1 : 1 + (unsigned)(when % 3)) > 0;
	g_assert_cmpuint(with_io, >, 20);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < HOWS; i++) {
		g_autofree char *path = g_strdup_printf("/world/vanish/%s", names[i]);

		g_test_add_data_func(path, GUINT_TO_POINTER(i), test);
	}
	return g_test_run();
}
