/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The main program of a harness without libFuzzer: runs every file of the given
 * folders, in the order of their names, and every beginning of the short ones.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#define SHORT 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact allocation, so that a read beyond its end is seen. */
static void run_copy(const char *data, size_t size)
{
	g_autofree uint8_t *copy = g_malloc(MAX(size, 1));

	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
}

static void run_file(const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *data = NULL;
	gsize len;

	if (!g_file_get_contents(path, &data, &len, &error))
		g_error("%s", error->message);
	run_copy(data, len);
	for (size_t cut = 0; len <= SHORT && cut < len; cut++)
		run_copy(data, cut);
}

static int by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static guint run_folder(const char *folder)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
	const char *name;

	if (!dir)
		g_error("%s", error->message);
	while ((name = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_build_filename(folder, name, NULL));
	g_ptr_array_sort(names, by_name);
	for (guint i = 0; i < names->len; i++)
		run_file(names->pdata[i]);
	return names->len;
}

int main(int argc, char **argv)
{
	guint n = 0;

	for (int i = 1; i < argc; i++)
		n += run_folder(argv[i]);
	printf("%u inputs\n", n);
	return n > 0 ? 0 : 1;
}
