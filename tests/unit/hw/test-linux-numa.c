/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NUMA: what sysfs says of processors, in trees made for it; and that memory is bound to a
 * node as asked, on this machine's first node, where the kernel lets us.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hw/linux/internal.h"

static void make_folder(const char *root, const char *path)
{
	g_autofree char *folder = g_build_filename(root, path, NULL);

	g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
}

static void drop(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		drop(below);
	}
	g_remove(path);
}

static void test_two_nodes(void)
{
	g_autofree char *root = g_dir_make_tmp("weft-numa-XXXXXX", NULL);

	make_folder(root, "devices/system/node/node0");
	make_folder(root, "devices/system/node/node1");
	make_folder(root, "devices/system/cpu/cpu0/node0");
	make_folder(root, "devices/system/cpu/cpu1/topology");
	make_folder(root, "devices/system/cpu/cpu1/node1");
	make_folder(root, "devices/system/cpu/cpu10/node1");
	make_folder(root, "devices/system/cpu/cpu2/topology"); /* offline */
	make_folder(root, "devices/system/cpu/cpu3/node");
	make_folder(root, "devices/system/cpu/cpu3/nodes4");
	g_assert_cmpint(linux_cpu_node(root, 0), ==, 0);
	g_assert_cmpint(linux_cpu_node(root, 1), ==, 1);
	g_assert_cmpint(linux_cpu_node(root, 10), ==, 1);
	g_assert_cmpint(linux_cpu_node(root, 2), ==, -1);
	g_assert_cmpint(linux_cpu_node(root, 3), ==, -1);
	g_assert_cmpint(linux_cpu_node(root, 4), ==, -1);
	/* Not pinned: it may be at either. */
	g_assert_cmpint(linux_cpu_node(root, -1), ==, -1);
	drop(root);
}

static void test_one_node(void)
{
	g_autofree char *root = g_dir_make_tmp("weft-numa-XXXXXX", NULL);

	g_assert_cmpint(linux_cpu_node(root, -1), ==, -1); /* a kernel without NUMA */
	make_folder(root, "devices/system/node/node3");
	make_folder(root, "devices/system/node/power");
	g_assert_cmpint(linux_cpu_node(root, -1), ==, 3);
	drop(root);
}

/* As the kernel has it for a page; MPOL_MAX: not to be had. */
static int policy_of(void *base)
{
	int mode;

	return syscall(SYS_get_mempolicy, &mode, NULL, 0, base, base ? MPOL_F_ADDR : 0) == 0
		       ? mode
		       : MPOL_MAX;
}

static bool may_bind(struct hw_mem *mem)
{
	unsigned long node0 = 1;
	struct mem_chunk *c;
	bool may;

	g_assert_cmpint(mem->ops->alloc(mem, 4096, &c), ==, 0);
	may = policy_of(NULL) == MPOL_DEFAULT &&
	      syscall(SYS_mbind, c->base, c->len, MPOL_PREFERRED, &node0, 2ul, 0) == 0;
	mem->ops->free(mem, c);
	return may;
}

static int policy_on(struct hw_mem *mem, int node)
{
	struct mem_chunk *c;
	int mode;

	g_assert_cmpint(mem->ops->alloc_on(mem, 1 << 20, node, &c), ==, 0);
	memset(c->base, 1, c->len);
	mode = policy_of(c->base);
	mem->ops->free(mem, c);
	return mode;
}

static void test_memory(void)
{
	struct hw_mem *mem = linux_mem_new();
	unsigned long node0 = 1;

	/* Nodes that are not there, and numbers that cannot be: memory comes all the same. */
	policy_on(mem, 63);
	policy_on(mem, 1023);
	policy_on(mem, 1024);
	policy_on(mem, G_MAXINT);
	if (!may_bind(mem)) {
		linux_mem_free(mem);
		g_test_skip("this kernel lets nobody bind memory");
		return;
	}
	g_assert_cmpint(policy_on(mem, -1), ==, MPOL_DEFAULT);
	g_assert_cmpint(policy_on(mem, 1023), ==, MPOL_DEFAULT);
	g_assert_cmpint(policy_on(mem, 0), ==, MPOL_PREFERRED);
	/* Who started the program has said where. */
	g_assert_cmpint(syscall(SYS_set_mempolicy, MPOL_BIND, &node0, 2ul), ==, 0);
	g_assert_cmpint(policy_of(NULL), ==, MPOL_BIND);
	g_assert_cmpint(policy_on(mem, 0), !=, MPOL_PREFERRED);
	g_assert_cmpint(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0ul), ==, 0);
	linux_mem_free(mem);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/linux-numa/two-nodes", test_two_nodes);
	g_test_add_func("/linux-numa/one-node", test_one_node);
	g_test_add_func("/linux-numa/memory", test_memory);
	return g_test_run();
}
