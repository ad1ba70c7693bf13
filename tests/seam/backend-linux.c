/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The suites on the Linux backend, with the socket engine the build names.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hw/linux/linux.h"
#include "tests/seam/backend.h"

#ifdef SEAM_ENGINE_URING
#define ENGINE LINUX_NET_IO_URING
#define FILE_ENGINE LINUX_FILE_IO_URING
#define NAME "linux-uring"
#else
#define ENGINE LINUX_NET_EPOLL
#define FILE_ENGINE LINUX_FILE_THREADS
#define NAME "linux-epoll"
#endif
/* What is tested is not the engine. */
#ifdef SEAM_NAME
#undef NAME
#define NAME SEAM_NAME
#endif

#define TOO_LONG (60 * G_USEC_PER_SEC)

struct backend {
	struct linux_hw *lhw;
	char *dir;
	struct rlimit fds, file_size;
};

static const struct linux_hw_options options = { .net_engine = ENGINE,
						 .file_engine = FILE_ENGINE };

char *backend_missing(void)
{
	GError *error = NULL;
	struct linux_hw *lhw = linux_hw_new(&options, &error);
	char *why = NULL;

	if (!lhw)
		why = g_strdup(error->message);
	g_clear_error(&error);
	linux_hw_free(lhw);
	return why;
}

const char *backend_name(void)
{
	return NAME;
}

struct backend *backend_new(void)
{
	struct backend *b = g_new0(struct backend, 1);
	GError *error = NULL;

	b->lhw = linux_hw_new(&options, &error);
	g_assert_no_error(error);
	b->dir = g_dir_make_tmp("weft-seam-XXXXXX", &error);
	g_assert_no_error(error);
	return b;
}

void backend_free(struct backend *b)
{
	linux_hw_free(b->lhw);
	/* Fails when a socket file is left. */
	g_assert_cmpint(g_rmdir(b->dir), ==, 0);
	g_free(b->dir);
	g_free(b);
}

const struct hw *backend_hw(struct backend *b)
{
	return linux_hw_get(b->lhw);
}

static gboolean tick(gpointer data)
{
	(void)data;
	return G_SOURCE_CONTINUE;
}

/* What happens on other threads wakes nobody here: look again every few milliseconds. */
bool backend_run(struct backend *b, bool (*cond)(void *arg), void *arg)
{
	gint64 end = g_get_monotonic_time() + TOO_LONG;
	guint id = g_timeout_add(2, tick, NULL);
	bool wanted;

	(void)b;
	while ((wanted = cond(arg)) && g_get_monotonic_time() < end)
		g_main_context_iteration(NULL, TRUE);
	g_source_remove(id);
	return !wanted;
}

static bool before(void *arg)
{
	return g_get_monotonic_time() < *(gint64 *)arg;
}

void backend_run_for(struct backend *b, uint64_t ns)
{
	gint64 end = g_get_monotonic_time() + (gint64)(ns / 1000);

	backend_run(b, before, &end);
}

bool backend_has_threads(void)
{
	return true;
}

void backend_socket_path(struct backend *b, const char *name, char path[108])
{
	g_assert_cmpint(g_snprintf(path, 108, "%s/%s", b->dir, name), <, 108);
}

void backend_make_stale_socket(struct backend *b, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)b;
	g_strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	g_assert_cmpint(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), ==, 0);
	close(fd);
}

bool backend_socket_exists(struct backend *b, const char *path)
{
	(void)b;
	return g_access(path, F_OK) == 0;
}

void backend_file_path(struct backend *b, const char *name, char path[256])
{
	g_assert_cmpint(g_snprintf(path, 256, "%s/%s", b->dir, name), <, 256);
}

void backend_file_set_size(struct backend *b, const char *path, uint64_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	(void)b;
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(ftruncate(fd, (off_t)size), ==, 0);
	close(fd);
}

void backend_file_remove(struct backend *b, const char *path)
{
	(void)b;
	g_assert_cmpint(g_unlink(path), ==, 0);
}

const char *backend_far(void)
{
	return "255.255.255.255";
}

const char *backend_trouble(struct backend *b, enum backend_trouble what, bool on)
{
	struct rlimit none;

	switch (what) {
	case TROUBLE_NO_FDS:
		if (on) {
			int next = dup(0);

			g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &b->fds), ==, 0);
			close(next);
			none = b->fds;
			none.rlim_cur = (rlim_t)next;
			g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
		} else {
			g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &b->fds), ==, 0);
		}
		return NULL;
	case TROUBLE_NO_MEMORY:
		return "the kernel cannot be made to run out of memory by a test";
	case TROUBLE_UNPRIVILEGED:
		return "depends on the capabilities and sysctls of the machine";
	case TROUBLE_SILENT:
		return "the kernel gives up after minutes only";
	case TROUBLE_UNREACHABLE:
		return NULL;
	case TROUBLE_NO_SPACE:
		if (on) {
			g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &b->file_size), ==, 0);
			none = b->file_size;
			none.rlim_cur = 512 * 1024;
			g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &none), ==, 0);
		} else {
			g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &b->file_size), ==, 0);
		}
		return NULL;
	case TROUBLE_BAD_MEDIUM:
		return "a file system has no bad blocks for the asking";
	}
	return "?";
}
