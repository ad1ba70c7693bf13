/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The suites in the world. Its seed is SEAM_SEED in the environment, or 1.
 */
#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hw/file.h"
#include "tests/seam/backend-world.h"

struct backend {
	struct world *world;
	struct world_node *node, *far;
};

char *backend_missing(void)
{
	return NULL;
}

const char *backend_name(void)
{
	return "world";
}

struct backend *backend_new(void)
{
	struct backend *b = g_new0(struct backend, 1);
	const char *seed = g_getenv("SEAM_SEED");

	b->world = world_new(seed ? strtoull(seed, NULL, 0) : 1);
	b->node = world_node_new(b->world, "near");
	b->far = world_node_new(b->world, "far");
	g_assert_true(world_node_add_addr(b->node, "192.0.2.1"));
	g_assert_true(world_node_add_addr(b->far, backend_far()));
	return b;
}

void backend_free(struct backend *b)
{
	char *leaks = world_leaks(b->world);

	g_assert_cmpstr(leaks, ==, NULL);
	g_assert_cmpuint(world_net_conns(b->world), ==, 0);
	g_test_message("hash %016" PRIx64 " after %" PRIu64 " ns", world_hash(b->world),
		       world_now(b->world));
	world_free(b->world);
	g_free(b);
}

const struct hw *backend_hw(struct backend *b)
{
	return world_node_hw(b->node);
}

struct world_node *backend_node(struct backend *b, unsigned which)
{
	return which == 0 ? b->node : b->far;
}

bool backend_run(struct backend *b, bool (*cond)(void *arg), void *arg)
{
	return world_run_while(b->world, cond, arg, 100 * WORLD_SEC);
}

void backend_run_for(struct backend *b, uint64_t ns)
{
	world_run_for(b->world, ns);
}

bool backend_has_threads(void)
{
	return false;
}

void backend_socket_path(struct backend *b, const char *name, char path[108])
{
	(void)b;
	g_snprintf(path, 108, "/run/%s", name);
}

void backend_make_stale_socket(struct backend *b, const char *path)
{
	world_node_stale_unix(b->node, path);
}

bool backend_socket_exists(struct backend *b, const char *path)
{
	return world_node_has_unix(b->node, path);
}

void backend_file_path(struct backend *b, const char *name, char path[256])
{
	(void)b;
	g_snprintf(path, 256, "/srv/%s", name);
}

void backend_file_set_size(struct backend *b, const char *path, uint64_t size)
{
	struct world_file *f = world_file_find(b->node, path);

	if (f)
		world_file_resize(f, size);
	else
		world_file_new(b->node, path, size, 512);
}

void backend_file_remove(struct backend *b, const char *path)
{
	world_file_remove(world_file_find(b->node, path));
}

static void file_rule(struct backend *b, const struct world_file_rule *rule, bool on)
{
	struct world_file *f = world_file_find(b->node, "/srv/disk");

	if (on)
		world_file_rule_add(f, rule);
	else
		world_file_rules_clear(f);
}

const char *backend_far(void)
{
	return "192.0.2.99";
}

static void no_memory(struct backend *b, bool on)
{
	static const char *const points[] = { "mem.alloc", "net.listen.enomem",
					      "net.connect.enomem", "net.attach.enomem" };
	static const struct world_fault_rule always = { 0 };

	for (unsigned i = 0; i < G_N_ELEMENTS(points); i++)
		world_fault_set(b->node, points[i], on ? &always : NULL);
}

const char *backend_trouble(struct backend *b, enum backend_trouble what, bool on)
{
	static const struct world_file_rule no_space = { .ops = 1 << FILE_WRITE,
							 .first = 512 * 1024,
							 .last = UINT64_MAX,
							 .err = -ENOSPC };
	static const struct world_file_rule bad_medium = { .err = -EIO };
	struct world_limits limits = { 0 };
	struct world_link_params params;
	struct world_live live;

	switch (what) {
	case TROUBLE_NO_FDS:
		world_node_live(b->node, &live);
		limits.max_fds = on ? MAX(1, live.streams + live.listeners) : 0;
		world_node_set_limits(b->node, &limits);
		break;
	case TROUBLE_NO_MEMORY:
		no_memory(b, on);
		break;
	case TROUBLE_UNPRIVILEGED:
		limits.unprivileged = on;
		world_node_set_limits(b->node, &limits);
		break;
	case TROUBLE_SILENT:
		world_link_stall(b->node, b->far, on ? HW_NEVER : 0);
		break;
	case TROUBLE_UNREACHABLE:
		world_link_get(b->node, b->far, &params);
		params.unreachable = on;
		world_link_set(b->node, b->far, &params);
		break;
	case TROUBLE_NO_SPACE:
		file_rule(b, &no_space, on);
		break;
	case TROUBLE_BAD_MEDIUM:
		file_rule(b, &bad_medium, on);
		break;
	}
	return NULL;
}
