/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether weftd may use the devices: its limits, the nodes, the service, the libraries. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/weft-setup/rdma.h"

#define CAP_IPC_LOCK 14

/* --- who is to use them ----------------------------------------------------------------- */

/* The first weftd that runs; 0: none. */
static pid_t find_weftd(const struct rdma_look *look)
{
	g_autoptr(GPtrArray) names = tree_names(look, "proc");
	uint64_t number;

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *comm = NULL;

		if (!tree_number(names->pdata[i], &number) || number > G_MAXINT)
			continue;
		comm = tree_read(look, "proc/%s/comm", (char *)names->pdata[i]);
		if (comm && strcmp(comm, "weftd") == 0)
			return (pid_t)number;
	}
	return 0;
}

/* The fields of a line, NULL: there is none. */
static char **fields_of(const char *text, const char *key)
{
	g_autofree char *head = g_strconcat("\n", key, NULL);
	g_autofree char *all = g_strconcat("\n", text, NULL);
	const char *line = strstr(all, head);
	g_autofree char *rest = NULL;

	if (!line)
		return NULL;
	line += strlen(head);
	rest = g_strndup(line, strcspn(line, "\n"));
	return g_strsplit_set(g_strstrip(rest), " \t", -1);
}

static void add_numbers(GArray *out, char **fields)
{
	for (char **f = fields; f && *f; f++) {
		uint64_t n;
		unsigned one;

		if (!tree_number(*f, &n))
			continue;
		one = (unsigned)n;
		g_array_append_val(out, one);
	}
}

static void read_status(struct rdma_user *user, const char *text)
{
	g_auto(GStrv) uid = fields_of(text, "Uid:");
	g_auto(GStrv) gid = fields_of(text, "Gid:");
	g_auto(GStrv) groups = fields_of(text, "Groups:");
	g_auto(GStrv) caps = fields_of(text, "CapEff:");
	uint64_t n;

	/* Real, effective, saved, of the file system. */
	if (!uid || g_strv_length(uid) < 4 || !tree_number(uid[1], &n))
		return;
	user->known = true;
	user->uid = (unsigned)n;
	if (gid && g_strv_length(gid) >= 4)
		add_numbers(user->groups, (char *[]){ gid[1], NULL });
	add_numbers(user->groups, groups);
	user->locks = caps && *caps && g_ascii_strtoull(*caps, NULL, 16) >> CAP_IPC_LOCK & 1;
}

static void read_limits(struct rdma_user *user, const char *text)
{
	static const char name[] = "Max locked memory";
	const char *line = strstr(text, name);

	if (!line)
		return;
	line += strlen(name);
	line += strspn(line, " ");
	user->has_limit = true;
	if (g_str_has_prefix(line, "unlimited"))
		user->max_locked = UINT64_MAX;
	else
		user->has_limit = tree_number(line, &user->max_locked);
}

void rdma_user(struct rdma_look *look, pid_t pid)
{
	struct rdma_user *user = &look->user;
	g_autofree char *dir = NULL, *status = NULL, *limits = NULL, *group = NULL;

	user->groups = g_array_new(FALSE, FALSE, sizeof(unsigned));
	user->pid = pid ? pid : find_weftd(look);
	user->name = user->pid ? g_strdup_printf("weftd (process %d)", (int)user->pid)
			       : g_strdup("a process started here");
	dir = user->pid ? g_strdup_printf("%d", (int)user->pid) : g_strdup("self");
	status = tree_read(look, "proc/%s/status", dir);
	limits = tree_read(look, "proc/%s/limits", dir);
	group = user->pid ? tree_read(look, "proc/%s/cgroup", dir) : NULL;
	user->of_service = !group || strstr(group, "weftd.service");
	if (status)
		read_status(user, status);
	if (limits)
		read_limits(user, limits);
}

int rdma_may_open(const struct rdma_look *look, const char *node)
{
	g_autofree char *path = tree_path(look, "dev/infiniband/%s", node);
	const struct rdma_user *user = &look->user;
	struct stat st;
	unsigned bits;

	if (stat(path, &st) != 0)
		return ENOENT;
	if (!user->known || user->uid == 0)
		return 0;
	bits = st.st_mode & 7u;
	for (guint i = 0; i < user->groups->len; i++)
		if (g_array_index(user->groups, unsigned, i) == st.st_gid)
			bits = st.st_mode >> 3 & 7u;
	if (user->uid == st.st_uid)
		bits = st.st_mode >> 6 & 7u;
	return (bits & 6u) == 6u ? 0 : EACCES;
}

/* --- the service ------------------------------------------------------------------------ */

static bool is_true(const char *value)
{
	return strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 || strcmp(value, "1") == 0 ||
	       strcmp(value, "on") == 0;
}

static void read_unit(struct rdma_service *service, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		char *value = strchr(g_strstrip(*line), '=');

		if (!value || **line == '#' || **line == ';')
			continue;
		*value++ = '\0';
		g_strstrip(value);
		if (strcmp(g_strstrip(*line), "LimitMEMLOCK") == 0) {
			g_free(service->memlock);
			service->memlock = g_strdup(value);
		} else if (strcmp(*line, "PrivateDevices") == 0) {
			service->no_devices = is_true(value);
		} else if (strcmp(*line, "DevicePolicy") == 0) {
			service->closed = strcmp(value, "auto") != 0;
		} else if (strcmp(*line, "DeviceAllow") == 0) {
			if (*value)
				g_ptr_array_add(service->allowed, g_strdup(value));
			else
				g_ptr_array_set_size(service->allowed, 0);
		}
	}
}

void rdma_service(struct rdma_look *look)
{
	/* The first that has the unit; additions are of all, those of the last count most. */
	static const char *const places[] = { "etc/systemd/system", "run/systemd/system",
					      "usr/local/lib/systemd/system",
					      "usr/lib/systemd/system", "lib/systemd/system" };
	struct rdma_service *service = &look->service;

	service->allowed = g_ptr_array_new_with_free_func(g_free);
	for (unsigned i = 0; i < G_N_ELEMENTS(places) && !service->path; i++) {
		g_autofree char *text = tree_read(look, "%s/weftd.service", places[i]);

		if (!text)
			continue;
		service->path = g_strdup_printf("/%s/weftd.service", places[i]);
		read_unit(service, text);
	}
	for (unsigned i = G_N_ELEMENTS(places); i-- > 0 && service->path;) {
		g_autoptr(GPtrArray) names = tree_names(look, "%s/weftd.service.d", places[i]);

		for (guint n = 0; n < names->len; n++) {
			const char *name = names->pdata[n];
			g_autofree char *text = NULL;

			if (!g_str_has_suffix(name, ".conf"))
				continue;
			text = tree_read(look, "%s/weftd.service.d/%s", places[i], name);
			if (text)
				read_unit(service, text);
		}
	}
}

/* --- libraries -------------------------------------------------------------------------- */

static const char *const library_dirs[] = { "usr/lib64", "usr/lib", "lib64", "usr/local/lib" };

static bool in_multiarch(const struct rdma_look *look, const char *name)
{
	g_autoptr(GPtrArray) names = tree_names(look, "usr/lib");

	for (guint i = 0; i < names->len; i++)
		if (strstr(names->pdata[i], "-linux-") &&
		    tree_exists(look, "usr/lib/%s/%s", (char *)names->pdata[i], name))
			return true;
	return false;
}

enum rdma_known rdma_library(const struct rdma_look *look, const char *name)
{
	/* A copy may be of /sys, /proc and /dev alone. */
	if (!tree_exists(look, "usr"))
		return RDMA_UNREADABLE;
	for (unsigned i = 0; i < G_N_ELEMENTS(library_dirs); i++)
		if (tree_exists(look, "%s/%s", library_dirs[i], name))
			return RDMA_KNOWN;
	return in_multiarch(look, name) ? RDMA_KNOWN : RDMA_UNSUPPORTED;
}

/* Their names end with the version of libibverbs' inner interface. */
static bool provider_in(const struct rdma_look *look, const char *dir, const char *provider)
{
	g_autofree char *start = g_strdup_printf("lib%s-rdmav", provider);
	g_autoptr(GPtrArray) names = tree_names(look, "%s/libibverbs", dir);

	for (guint i = 0; i < names->len; i++)
		if (g_str_has_prefix(names->pdata[i], start))
			return true;
	return false;
}

enum rdma_known rdma_provider(const struct rdma_look *look, const char *name)
{
	g_autoptr(GPtrArray) archs = tree_names(look, "usr/lib");

	if (!tree_exists(look, "usr"))
		return RDMA_UNREADABLE;
	for (unsigned i = 0; i < G_N_ELEMENTS(library_dirs); i++)
		if (provider_in(look, library_dirs[i], name))
			return RDMA_KNOWN;
	for (guint i = 0; i < archs->len; i++) {
		g_autofree char *dir = g_strdup_printf("usr/lib/%s", (char *)archs->pdata[i]);

		if (strstr(archs->pdata[i], "-linux-") && provider_in(look, dir, name))
			return RDMA_KNOWN;
	}
	return RDMA_UNSUPPORTED;
}
