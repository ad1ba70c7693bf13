/* SPDX-License-Identifier: BSD-3-Clause */
/* The program's side: finds and loads the module. */
#include <errno.h>
#include <gmodule.h>
#include <string.h>

#include "hw/linux/verbs/verbs.h"
#include "target/core/error.h"
#include "verbs-build.h"

#define FILE_NAME "weft-rnic-verbs.so"

static const struct verbs_entry *entry_of(GModule *module)
{
	gpointer symbol = NULL;

	return g_module_symbol(module, VERBS_ENTRY, &symbol) ? symbol : NULL;
}

/* What the linker says is missing, as the package that has it. */
static bool cannot_load(const char *path, const char *why, GError **error)
{
	static const struct {
		const char *library, *package;
	} known[] = { { "librdmacm.so", "librdmacm1" },
		      { "libibverbs.so", "libibverbs1" },
		      { "libnl-", "libnl-route-3-200" } };

	for (unsigned i = 0; i < G_N_ELEMENTS(known); i++)
		if (strstr(why, known[i].library))
			return weft_error_set(
				error, -ENOENT, NULL,
				"RDMA: %s cannot be loaded: %s; apt-get install %s brings it, "
				"--rnic soft does without",
				path, why, known[i].package);
	return weft_error_set(error, -ENOENT, NULL, "RDMA: %s cannot be loaded: %s", path, why);
}

/* A module that is used stays loaded: what it has registered with libibverbs does too. */
static const struct verbs_entry *load(const char *path, GError **error)
{
	GModule *module = g_module_open(path, G_MODULE_BIND_LOCAL);
	const struct verbs_entry *entry = module ? entry_of(module) : NULL;

	if (!module) {
		cannot_load(path, g_module_error(), error);
		return NULL;
	}
	if (!entry || strcmp(entry->build, VERBS_BUILD) != 0) {
		weft_error_set(error, -ENOEXEC, NULL,
			       "RDMA: %s is not of this build: version %s, %s expected; install "
			       "the files of one version",
			       path, entry ? entry->build : "unknown", VERBS_BUILD);
		g_module_close(module);
		return NULL;
	}
	g_module_make_resident(module);
	return entry;
}

/* Beside the program (a build), else where it is installed. */
static char *find_module(void)
{
	g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *dir = program ? g_path_get_dirname(program) : NULL;
	g_autofree char *beside = dir ? g_build_filename(dir, FILE_NAME, NULL) : NULL;
	g_autofree char *near =
		dir ? g_build_filename(dir, "..", WEFT_MODULE_SUBDIR, FILE_NAME, NULL) : NULL;

	if (beside && g_file_test(beside, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&beside);
	if (near && g_file_test(near, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&near);
	return g_build_filename(WEFT_MODULE_DIR, FILE_NAME, NULL);
}

struct hw_rnic *linux_verbs_new(const struct verbs_options *options, GError **error)
{
	g_autofree char *path = find_module();
	const struct verbs_entry *entry = NULL;
	struct verbs_rnic *made;

	if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
		weft_error_set(error, -ENOENT, NULL,
			       "RDMA: there is no %s; it belongs to weft's installation, or beside "
			       "the program; --rnic soft does without",
			       path);
		return NULL;
	}
	entry = load(path, error);
	made = entry ? entry->make(options, error) : NULL;
	return made ? &made->rnic : NULL;
}

void linux_verbs_free(struct hw_rnic *rnic)
{
	struct verbs_rnic *made = (struct verbs_rnic *)rnic;

	if (made)
		made->free(made);
}

bool linux_verbs_present(void)
{
	GDir *dir = g_dir_open("/sys/class/infiniband", 0, NULL);
	bool any = dir && g_dir_read_name(dir);

	if (dir)
		g_dir_close(dir);
	return any;
}
