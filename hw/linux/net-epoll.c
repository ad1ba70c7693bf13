/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Edges from epoll.
 */
#include <errno.h>
#include <unistd.h>

#include "hw/linux/net-internal.h"

#define BATCH 64

static int epoll_open(struct net_ctx *ctx)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return -errno;
	ctx->engine.fd = fd;
	return 0;
}

static void epoll_close(struct net_ctx *ctx)
{
	close(ctx->engine.fd);
}

static int epoll_add(struct net_ctx *ctx, struct watch *w)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = w,
	};

	return epoll_ctl(ctx->engine.fd, EPOLL_CTL_ADD, w->fd, &ev) == 0 ? 0 : -errno;
}

static void epoll_remove(struct net_ctx *ctx, struct watch *w)
{
	epoll_ctl(ctx->engine.fd, EPOLL_CTL_DEL, w->fd, NULL);
}

static void epoll_fetch(struct net_ctx *ctx)
{
	struct epoll_event events[BATCH];
	int n = epoll_wait(ctx->engine.fd, events, BATCH, 0);

	/* What does not fit is fetched next time: the kernel goes round. */
	for (int i = 0; i < n; i++) {
		struct watch *w = events[i].data.ptr;

		w->event(w, events[i].events);
	}
}

const struct poller_ops epoll_poller = {
	.name = "epoll",
	.open = epoll_open,
	.close = epoll_close,
	.add = epoll_add,
	.remove = epoll_remove,
	.fetch = epoll_fetch,
};
