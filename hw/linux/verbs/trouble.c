/* SPDX-License-Identifier: BSD-3-Clause */
/* What is wrong when RDMA cannot be had, in words that say what mends it. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hw/linux/verbs/internal.h"

#define NODES "/dev/infiniband"
#define SYS "/sys/class/infiniband_verbs"

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, in order; empty when there is none. */
static GPtrArray *names_in(const char *path)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_strdup(name));
	if (dir)
		g_dir_close(dir);
	g_ptr_array_sort(names, by_name);
	return names;
}

static bool no_node(const char *path, GError **error)
{
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return weft_error_set(
			error, -ENODEV, NULL,
			"RDMA: there is no %s; modprobe %s makes it (in a container it must be "
			"passed in, with all of " NODES ")",
			path, strstr(path, "rdma_cm") ? "rdma_ucm" : "ib_uverbs");
	return weft_error_set(error, -EACCES, NULL,
			      "RDMA: %s may not be opened by user %u: chmod 0666 %s, or a rule of "
			      "udev (rdma-core has 90-rdma-ulp.rules), lets it",
			      path, (unsigned)geteuid(), path);
}

/* False: said so. */
static bool node_is_good(const char *name, GError **error)
{
	g_autofree char *path = g_build_filename(NODES, name, NULL);

	return access(path, R_OK | W_OK) == 0 || no_node(path, error);
}

static bool has_provider(const char *uverbs)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	bool found = false;

	for (unsigned i = 0; list && list[i]; i++)
		found |= strcmp(list[i]->dev_name, uverbs) == 0;
	if (list)
		ibv_free_device_list(list);
	return found;
}

static bool provider_is_there(const char *uverbs, GError **error)
{
	g_autofree char *path = g_build_filename(SYS, uverbs, "ibdev", NULL);
	g_autofree char *name = NULL;

	if (has_provider(uverbs))
		return true;
	if (g_file_get_contents(path, &name, NULL, NULL))
		g_strstrip(name);
	return weft_error_set(error, -ENODEV, NULL,
			      "RDMA: libibverbs has no provider for device %s: "
			      "apt-get install ibverbs-providers brings those that there are",
			      name ? name : uverbs);
}

bool verbs_trouble(int rc, GError **error)
{
	g_autoptr(GPtrArray) devices = names_in("/sys/class/infiniband");
	g_autoptr(GPtrArray) nodes = names_in(SYS);

	if (devices->len == 0)
		return weft_error_set(
			error, -ENODEV, NULL,
			"RDMA: this machine has no RDMA device (rdma link show): load the driver "
			"of "
			"its RNIC (modprobe mlx5_ib, qedr, ...), or make a device of any "
			"interface: "
			"rdma link add rxe0 type rxe netdev IFACE; --rnic soft needs none");
	if (!node_is_good("rdma_cm", error))
		return false;
	for (guint i = 0; i < nodes->len; i++) {
		const char *name = nodes->pdata[i];

		if (g_str_has_prefix(name, "uverbs") &&
		    (!node_is_good(name, error) || !provider_is_there(name, error)))
			return false;
	}
	return weft_error_set(error, rc, NULL, "RDMA: the devices cannot be opened: %s",
			      g_strerror(-rc));
}

int verbs_no_memory(struct verbs *verbs, int rc, const char *what)
{
	struct rlimit limit;

	if ((rc != -ENOMEM && rc != -EAGAIN) || getrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return rc;
	log_error(verbs->log, "rnic",
		  "no memory: the limit of locked memory may be too small; ulimit -l unlimited, or "
		  "LimitMEMLOCK=infinity in the unit of systemd, lifts it",
		  "for=\"%s\" limit=%" G_GUINT64_FORMAT, what, (uint64_t)limit.rlim_cur);
	return -ENOMEM;
}
