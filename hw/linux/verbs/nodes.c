/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The directory of the kernel's nodes: which come and go. The directory may go, too, with the
 * last node or when a container gets another; the one above it, which stays, tells when it is
 * back. What came before it was watched again is not told by name: users look for themselves.
 */
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "hw/linux/verbs/internal.h"

#define CAME (IN_CREATE | IN_MOVED_TO)
#define WENT (IN_DELETE | IN_MOVED_FROM)

static bool watch(struct verbs_nodes *n)
{
	n->wd = inotify_add_watch(n->source.fd, n->dir, CAME | WENT | IN_MOVE_SELF | IN_ONLYDIR);
	return n->wd >= 0;
}

static void watch_again(struct verbs_nodes *n)
{
	if (watch(n))
		n->came(n);
}

static void about_node(struct verbs_nodes *n, const struct inotify_event *event)
{
	if (event->len == 0 || !g_str_has_prefix(event->name, "uverbs"))
		return;
	if (event->mask & WENT)
		n->went(n, event->name);
	else
		n->came(n);
}

static void heed(struct verbs_nodes *n, const struct inotify_event *event)
{
	const char *slash = strrchr(n->dir, '/');

	if (event->mask & IN_Q_OVERFLOW) {
		n->came(n);
	} else if (event->wd == n->above) {
		if (event->len > 0 && strcmp(event->name, slash + 1) == 0)
			watch_again(n);
	} else if (event->wd != n->wd) {
		return; /* of a directory that is ours no more */
	} else if (event->mask & IN_MOVE_SELF) {
		inotify_rm_watch(n->source.fd, n->wd);
		watch_again(n);
	} else if (event->mask & IN_IGNORED) {
		watch_again(n);
	} else {
		about_node(n, event);
	}
}

static void ready(struct verbs_source *source)
{
	struct verbs_nodes *n = (struct verbs_nodes *)source;
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t len = read(source->fd, buf, sizeof(buf));

	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *event = (const struct inotify_event *)(buf + at);

		at += (ssize_t)sizeof(*event) + event->len;
		heed(n, event);
	}
}

int verbs_nodes_open(struct verbs_nodes *n, const char *dir)
{
	g_autofree char *above = g_path_get_dirname(dir);

	n->source = (struct verbs_source){ ready, inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
	if (n->source.fd < 0)
		return -errno;
	n->dir = g_strdup(dir);
	n->above = inotify_add_watch(n->source.fd, above, CAME | IN_ONLYDIR);
	return watch(n) || n->above >= 0 ? 0 : -errno;
}

void verbs_nodes_close(struct verbs_nodes *n)
{
	if (n->source.fd >= 0)
		close(n->source.fd);
	n->source.fd = -1;
	g_clear_pointer(&n->dir, g_free);
}
