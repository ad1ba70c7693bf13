/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading files below a root: they may be anybody's copy, so nothing is believed of them. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/weft-setup/rdma.h"

#define MAX_BYTES (64u * 1024 * 1024) /* /proc/interrupts of a large machine has several */

#define FORMATTED(path)                                                                            \
	g_autofree char *path = NULL;                                                              \
	do {                                                                                       \
		va_list args;                                                                      \
		g_autofree char *rest = NULL;                                                      \
                                                                                                   \
		va_start(args, format);                                                            \
		rest = g_strdup_vprintf(format, args);                                             \
		va_end(args);                                                                      \
		path = g_strconcat(look->root, "/", rest, NULL);                                   \
	} while (0)

char *tree_path(const struct rdma_look *look, const char *format, ...)
{
	FORMATTED(path);
	return g_steal_pointer(&path);
}

static char *read_fd(int fd)
{
	g_autoptr(GString) text = g_string_new(NULL);
	char buf[16384];
	struct stat st;
	ssize_t n;

	/* What is no file could keep us waiting. */
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return NULL;
	while ((n = read(fd, buf, sizeof(buf))) > 0 && text->len < MAX_BYTES)
		g_string_append_len(text, buf, n);
	if (n < 0)
		return NULL;
	return g_strchomp(g_strdup(text->str));
}

char *tree_read(const struct rdma_look *look, const char *format, ...)
{
	FORMATTED(path);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char *text = fd >= 0 ? read_fd(fd) : NULL;

	if (fd >= 0)
		close(fd);
	return text;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *tree_names(const struct rdma_look *look, const char *format, ...)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	FORMATTED(path);
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_strdup(name));
	if (dir)
		g_dir_close(dir);
	g_ptr_array_sort(names, by_name);
	return names;
}

char *tree_link(const struct rdma_look *look, const char *format, ...)
{
	FORMATTED(path);
	g_autofree char *to = g_file_read_link(path, NULL);
	g_autofree char *last = to ? g_path_get_basename(to) : NULL;
	char *whole;

	if (!last || last[0] != '.')
		return g_steal_pointer(&last);
	/* "..": only where it is tells its name. */
	whole = realpath(path, NULL);
	g_free(last);
	last = whole ? g_path_get_basename(whole) : NULL;
	free(whole);
	return g_steal_pointer(&last);
}

bool tree_exists(const struct rdma_look *look, const char *format, ...)
{
	FORMATTED(path);
	return g_file_test(path, G_FILE_TEST_EXISTS);
}

bool tree_number(const char *text, uint64_t *value)
{
	char *end = NULL;

	if (!text || !g_ascii_isdigit(*text))
		return false;
	*value = g_ascii_strtoull(text, &end, 10);
	return end != text;
}
