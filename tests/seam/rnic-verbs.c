/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pairs of devices for the suite: two of Linux' rdma_rxe, by libibverbs. They are on two
 * interfaces of one machine that reach each other over a bridge, which a guest has for
 * that (tests/guest/verbs-seam); a device that a test has removed is made anew.
 */
#include <glib.h>
#include <sys/wait.h>

#include "hw/linux/verbs/verbs.h"
#include "tests/seam/rnic-peer.h"

/* Of device 0 and 1. */
static const char *const devices[] = { "rxe0", "rxe1" };
static const char *const interfaces[] = { "veth0", "veth1" };
static const char *const ports[] = { "port0", "port1" }; /* of the bridge */

static struct hw_rnic *made[2];
static GPid removing[2];

static unsigned which_of(const struct hw_rnic *rnic)
{
	return rnic == made[0] ? 0 : 1;
}

/* The command ends well, or the test does not. */
static void run(const char *format, ...) G_GNUC_PRINTF(1, 2);
static void run(const char *format, ...)
{
	g_autofree char *command = NULL, *out = NULL, *err = NULL;
	g_autoptr(GError) error = NULL;
	int status;
	va_list args;

	va_start(args, format);
	command = g_strdup_vprintf(format, args);
	va_end(args);
	g_spawn_command_line_sync(command, &out, &err, &status, &error);
	g_assert_no_error(error);
	if (status != 0)
		g_error("%s: %s", command, err);
}

static bool is_there(unsigned which)
{
	g_autofree char *path = g_build_filename("/sys/class/infiniband", devices[which], NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* From loss of the link to the port that is up again: what has come meanwhile is old. */
static void link_up(unsigned which)
{
	run("ip link set %s up", ports[which]);
}

struct hw_rnic *rnic_backend_new(struct backend *b, unsigned which, unsigned nreactors)
{
	/* 17 ms, not seconds, for what waits until a peer is given up. */
	const struct verbs_options options = { .hw = backend_hw(b),
					       .device = devices[which],
					       .ack_timeout = 12 };
	g_autoptr(GError) error = NULL;

	(void)nreactors;
	link_up(which);
	if (!is_there(which))
		run("rdma link add %s type rxe netdev %s", devices[which], interfaces[which]);
	made[which] = linux_verbs_new(&options, &error);
	g_assert_no_error(error);
	return made[which];
}

void rnic_backend_free(struct backend *b, unsigned which, struct hw_rnic *rnic)
{
	(void)b;
	linux_verbs_free(rnic);
	made[which] = NULL;
	link_up(which);
	/* The kernel waits for the last who has the device open. */
	if (removing[which]) {
		int status;

		g_assert_cmpint(waitpid(removing[which], &status, 0), ==, removing[which]);
		g_assert_cmpint(status, ==, 0);
		removing[which] = 0;
	}
}

const char *rnic_backend_addr(unsigned which)
{
	return which == 0 ? "192.0.2.21" : "192.0.2.22";
}

const char *rnic_backend_addr6(void)
{
	return "fd00::21";
}

const char *rnic_backend_foreign(void)
{
	return "192.0.2.77";
}

void rnic_backend_remove(struct hw_rnic *rnic)
{
	unsigned which = which_of(rnic);
	char *argv[] = { "rdma", "link", "delete", (char *)devices[which], NULL };
	g_autoptr(GError) error = NULL;

	g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
		      &removing[which], &error);
	g_assert_no_error(error);
}

/* Its end of the bridge: the interface has no carrier then, and keeps its addresses. */
void rnic_backend_port(struct hw_rnic *rnic, bool active)
{
	run("ip link set %s %s", ports[which_of(rnic)], active ? "up" : "down");
}

void rnic_backend_address(struct hw_rnic *rnic, const struct net_addr *addr, bool there)
{
	char host[NET_ADDR_STRLEN];

	run("ip addr %s %s/32 dev %s", there ? "add" : "del", net_addr_host(addr, host),
	    interfaces[which_of(rnic)]);
}

bool rnic_backend_lose_rtu(struct backend *b)
{
	(void)b;
	return false;
}

bool rnic_backend_virtual(void)
{
	return false;
}

const char *rnic_backend_lacks(enum ibv_event_type type)
{
	switch (type) {
	case IBV_EVENT_QP_FATAL:
	case IBV_EVENT_QP_REQ_ERR:
	case IBV_EVENT_QP_ACCESS_ERR:
		return "rdma_rxe of Linux 6.1 does not tell";
	default:
		return NULL;
	}
}

/* What is wrong on its own side is all one to rdma_rxe, and what it tells its peer of it. */
enum ibv_wc_status rnic_backend_status(enum ibv_wc_status status)
{
	switch (status) {
	case IBV_WC_LOC_LEN_ERR:
	case IBV_WC_LOC_PROT_ERR:
	case IBV_WC_MW_BIND_ERR:
		return IBV_WC_LOC_QP_OP_ERR;
	case IBV_WC_REM_INV_REQ_ERR:
		return IBV_WC_REM_OP_ERR;
	default:
		return status;
	}
}
