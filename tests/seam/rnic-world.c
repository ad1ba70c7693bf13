/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * With SEAM_LEDGER the oracles' ledgers stand between the suite and the devices, and must
 * find that both obey.
 *
 * Pairs of devices for the suite: RNICs of two machines of a world, whose packets go
 * over its links. Both work for the reactors of the first machine.
 */
#include "sim/oracle/rdma-ledger.h"
#include "sim/roce.h"
#include "tests/seam/backend-world.h"
#include "tests/seam/rnic-peer.h"

/* Whose each device is. A test program has one pair at a time. */
static struct {
	struct hw_rnic *rnic;
	struct world_node *node;
	struct oracle_rdma *ledger;
} devices[2];

static struct world_node *node_of(const struct hw_rnic *rnic)
{
	return devices[devices[1].rnic == rnic].node;
}

/* The far machine is one that no route leads to. */
static struct world_node *machine(struct backend *b, unsigned which)
{
	struct world_node *near = backend_node(b, 0), *node = near;
	struct world_link_params params;

	if (which == 1) {
		node = world_node_new(world_node_world(near), "peer");
		g_assert_true(world_node_add_addr(node, rnic_backend_addr(1)));
	} else {
		g_assert_true(world_node_add_addr(node, rnic_backend_addr6()));
	}
	world_link_get(node, backend_node(b, 1), &params);
	params.unreachable = true;
	world_link_set(node, backend_node(b, 1), &params);
	return node;
}

static void G_GNUC_UNUSED misdeed(void *arg, const char *oracle, char *text)
{
	(void)arg;
	g_error("%s: %s", oracle, text);
}

struct hw_rnic *rnic_backend_new(struct backend *b, unsigned which, unsigned nreactors)
{
	g_autoptr(GError) error = NULL;
	struct world_rnic_params params;
	struct world_node *node = machine(b, which);

	world_rnic_params_default(&params);
	params.reactors = nreactors;
	devices[which].node = node;
	devices[which].rnic = world_rnic_new(node, &params, &error);
	g_assert_no_error(error);
#ifdef SEAM_LEDGER
	devices[which].ledger = oracle_rdma_new(devices[which].rnic, misdeed, NULL);
	devices[which].rnic = oracle_rdma_rnic(devices[which].ledger);
#endif
	return devices[which].rnic;
}

void rnic_backend_free(struct backend *b, unsigned which, struct hw_rnic *rnic)
{
	(void)b; /* goes with its machine */
	(void)rnic;
	oracle_rdma_free(devices[which].ledger);
	devices[which].ledger = NULL;
	devices[which].rnic = NULL;
}

const char *rnic_backend_addr(unsigned which)
{
	return which == 0 ? "192.0.2.1" : "192.0.2.2";
}

const char *rnic_backend_addr6(void)
{
	return "2001:db8::1";
}

const char *rnic_backend_foreign(void)
{
	return "192.0.2.77";
}

void rnic_backend_remove(struct hw_rnic *rnic)
{
	world_rnic_remove(node_of(rnic));
}

void rnic_backend_port(struct hw_rnic *rnic, bool active)
{
	struct world_port *port = world_node_port(node_of(rnic), 0);
	struct world_port_params params;

	world_port_get(port, &params);
	params.down = !active;
	world_port_set(port, &params);
}

void rnic_backend_address(struct hw_rnic *rnic, const struct net_addr *addr, bool there)
{
	char host[NET_ADDR_STRLEN];

	net_addr_host(addr, host);
	if (there)
		g_assert_true(world_node_add_addr(node_of(rnic), host));
	else
		world_node_del_addr(node_of(rnic), host);
}

bool rnic_backend_lose_rtu(struct backend *b)
{
	static const struct world_packet_rule rule = { .cms = WORLD_CM_READY,
						       .times = 1,
						       .action = WORLD_ACTION_DROP };

	world_packet_rule_add(world_node_world(backend_node(b, 0)), &rule);
	return true;
}

bool rnic_backend_virtual(void)
{
	return true;
}

const char *rnic_backend_lacks(enum ibv_event_type type)
{
	(void)type;
	return NULL;
}

enum ibv_wc_status rnic_backend_status(enum ibv_wc_status status)
{
	return status;
}
