/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contexts: one a reactor, an engine of it. See net-internal.h.
 *
 * Fetching edges is a system call, or at least a look into shared memory. It is
 * left out, for a bounded number of polls, while streams are ready anyway; and
 * while only a few streams are active it is cheaper to try to receive on them
 * than to ask whether one may: at queue depth 1 a request then costs one recv
 * and one send.
 */
#include "hw/linux/net-internal.h"

#include <errno.h>
#include <stdlib.h>

#include "hw/linux/uring.h"
#include "target/core/error.h"

/* Polls in a row without fetching edges. */
#define SKIP_MAX 8
/* A stream is hot for this long after it has received. */
#define HOT_NS UINT64_C(200000)

int net_ctx_add(struct net_ctx *ctx, struct watch *w)
{
	int rc = ctx->poller->add(ctx, w);

	if (rc == 0)
		w->added = true;
	return rc;
}

void net_ctx_remove(struct net_ctx *ctx, struct watch *w)
{
	watch_unqueue(w);
	if (ctx->running == w)
		ctx->running = NULL;
	if (w->added)
		ctx->poller->remove(ctx, w);
	w->added = false;
	ctx->users--;
}

void net_ctx_hot(struct net_ctx *ctx, struct linux_stream *s)
{
	uint64_t now = ctx->reactor->now;

	s->last_recv = now;
	if (s->hot)
		return;
	for (unsigned i = 0; i < NET_HOT; i++) {
		struct linux_stream *other = ctx->hot[i];

		if (other != NULL && now - other->last_recv < HOT_NS)
			continue;
		if (other != NULL)
			other->hot = false;
		ctx->hot[i] = s;
		s->hot = true;
		return;
	}
	/* More active streams than can be tried one by one: edges tell which. */
	ctx->crowded_until = now + HOT_NS;
}

void net_ctx_cool(struct net_ctx *ctx, struct linux_stream *s)
{
	for (unsigned i = 0; i < NET_HOT; i++)
		if (ctx->hot[i] == s)
			ctx->hot[i] = NULL;
	s->hot = false;
}

static void try_hot(struct net_ctx *ctx)
{
	uint64_t now = ctx->reactor->now;

	if (now < ctx->crowded_until)
		return;
	for (unsigned i = 0; i < NET_HOT; i++)
		if (ctx->hot[i] != NULL && now - ctx->hot[i]->last_recv < HOT_NS)
			linux_stream_try(ctx->hot[i]);
}

static void run_ready(struct net_ctx *ctx, unsigned budget)
{
	struct list turn;

	list_init(&turn);
	list_splice(&ctx->ready, &turn);
	for (; budget > 0 && !list_empty(&turn); budget--) {
		struct watch *w = (struct watch *)turn.next;

		/* It stays on the ready list until there is nothing left; next time, as the last.
		 */
		list_remove(&w->link);
		list_append(&ctx->ready, &w->link);
		ctx->running = w;
		w->run(w);
	}
	ctx->running = NULL;
	list_splice(&turn, &ctx->ready);
}

static unsigned net_poll(struct engine *e, unsigned budget)
{
	struct net_ctx *ctx = (struct net_ctx *)e;

	ctx->work = 0;
	if (ctx->skipped++ < SKIP_MAX && list_empty(&ctx->ready))
		try_hot(ctx);
	if (ctx->skipped > SKIP_MAX || list_empty(&ctx->ready)) {
		ctx->skipped = 0;
		ctx->poller->fetch(ctx);
	}
	if (!list_empty(&ctx->ready))
		run_ready(ctx, budget);
	return ctx->work;
}

static bool net_arm(struct engine *e)
{
	struct net_ctx *ctx = (struct net_ctx *)e;

	if (!list_empty(&ctx->ready))
		return false;
	if (ctx->poller->arm != NULL)
		ctx->poller->arm(ctx);
	ctx->skipped = 0;
	ctx->poller->fetch(ctx);
	return list_empty(&ctx->ready) && !ctx->unsettled;
}

static void net_disarm(struct engine *e)
{
	struct net_ctx *ctx = (struct net_ctx *)e;

	if (ctx->poller->disarm != NULL)
		ctx->poller->disarm(ctx);
}

static const struct engine_ops net_engine_ops = {
	.name = "net",
	.poll = net_poll,
	.arm = net_arm,
	.disarm = net_disarm,
};

static int ctx_open(struct hw_net *net, struct reactor *reactor, struct net_ctx **out)
{
	struct linux_net *n = (struct linux_net *)net;
	struct net_ctx *ctx = calloc(1, sizeof(*ctx));
	int rc;

	if (ctx == NULL)
		return -ENOMEM;
	ctx->engine = (struct engine){ .ops = &net_engine_ops, .fd = -1 };
	ctx->net = n;
	ctx->reactor = reactor;
	ctx->poller = n->poller;
	list_init(&ctx->ready);
	rc = ctx->poller->open(ctx);
	if (rc != 0 && n->fall_back && rc != -EMFILE && rc != -ENFILE) {
		/* Rings may be used up (locked memory, a limit) while descriptors are not. */
		ctx->poller = &epoll_poller;
		rc = ctx->poller->open(ctx);
	}
	if (rc != 0) {
		free(ctx);
		return rc;
	}
	reactor_add_engine(reactor, &ctx->engine);
	*out = ctx;
	return 0;
}

static void ctx_close(struct net_ctx *ctx)
{
	g_assert(ctx->users == 0);
	reactor_remove_engine(ctx->reactor, &ctx->engine);
	ctx->poller->close(ctx);
	free(ctx);
}

static const struct hw_net_ops net_ops = {
	.ctx_open = ctx_open,
	.ctx_close = ctx_close,
	.listen = linux_listen,
	.listener_close = linux_listener_close,
	.listener_local = linux_listener_local,
	.connect = linux_stream_connect,
};

struct hw_net *linux_net_new(enum linux_net_engine engine, char **reason, GError **error)
{
	const struct poller_ops *poller = &epoll_poller;
	const char *what = NULL;
	struct linux_net *n;
	int rc;

	*reason = NULL;
	if (engine != LINUX_NET_EPOLL) {
		rc = uring_probe(&what);
		if (rc == 0) {
			poller = &uring_poller;
		} else if (engine == LINUX_NET_IO_URING) {
			weft_error_set(error, rc, NULL, "io_uring cannot be used: %s: %s", what,
				       g_strerror(-rc));
			return NULL;
		} else {
			*reason = g_strdup_printf("%s: %s", what, g_strerror(-rc));
		}
	}
	n = g_new0(struct linux_net, 1);
	n->net.ops = &net_ops;
	n->poller = poller;
	n->fall_back = engine == LINUX_NET_AUTO;
	return &n->net;
}

const char *linux_net_name(const struct hw_net *net)
{
	return ((const struct linux_net *)net)->poller->name;
}

void linux_net_free(struct hw_net *net)
{
	g_free(net);
}
