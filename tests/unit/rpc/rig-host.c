/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/rpc/rig-host.h"

static void connected(struct host_ctrlr *c, const GError *error, void *arg)
{
	g_assert_no_error(error);
	*(struct host_ctrlr **)arg = c;
}

void rig_host_connect(struct rig *rig, const char *nqn, const char *hostnqn,
		      struct host_ctrlr **ctrlr)
{
	struct host_params p;

	host_params_default(&p);
	g_assert_true(net_addr_parse(&p.addr, "127.0.0.1", "4420", NULL));
	p.subnqn = nqn;
	p.hostnqn = hostnqn;
	*ctrlr = NULL;
	g_assert_nonnull(host_ctrlr_connect(core_main(rig->clients), &p, connected, ctrlr, NULL));
	world_run_for(rig->world, 100 * WORLD_MS);
	g_assert_nonnull(*ctrlr);
}

static void ended(void *arg)
{
	*(struct host_ctrlr **)arg = NULL;
}

void rig_host_disconnect(struct rig *rig, struct host_ctrlr **ctrlr)
{
	host_ctrlr_disconnect(*ctrlr, ended, ctrlr);
	world_run_for(rig->world, WORLD_SEC);
	g_assert_null(*ctrlr);
}
