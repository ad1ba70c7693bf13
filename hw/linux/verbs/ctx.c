/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a reactor has: an engine with one descriptor, an epoll of all that events come by.
 * Completions are not among what it looks for: who has a CQ polls it; only the
 * notifications of those that were armed come this way.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "hw/linux/verbs/internal.h"

/* While the reactor is busy the descriptors are looked at so often: it costs a system call. */
#define LOOK_NS UINT64_C(50000)
#define BATCH 16

static struct rnic_ctx *ctx_of(struct engine *e)
{
	return (struct rnic_ctx *)((char *)e - offsetof(struct rnic_ctx, engine));
}

/*
 * One at a time: what one causes may take the next away. The second says only that it is worth
 * another call, which after most wakes it is not.
 */
static unsigned look(struct rnic_ctx *ctx)
{
	struct epoll_event ev[2];
	unsigned n = 0;
	int ready = 2;

	ctx->looked = ctx->reactor->now;
	while (n < BATCH && ready == 2) {
		struct verbs_source *source;

		ready = epoll_wait(ctx->epoll, ev, 2, 0);
		if (ready <= 0)
			break;
		source = ev[0].data.ptr;
		source->ready(source);
		n++;
	}
	ctx->look = n == BATCH;
	return n;
}

static unsigned poll_ctx(struct engine *e, unsigned budget)
{
	struct rnic_ctx *ctx = ctx_of(e);
	unsigned n = 0;

	(void)budget;
	if (ctx->look || ctx->reactor->now - ctx->looked >= LOOK_NS)
		n = look(ctx);
	return n + verbs_tell_ids(ctx);
}

/* Readiness is of level: what has come meanwhile keeps the descriptor readable. */
static bool arm_ctx(struct engine *e)
{
	return ctx_of(e)->tell == NULL;
}

static void disarm_ctx(struct engine *e)
{
	ctx_of(e)->look = true;
}

static const struct engine_ops ctx_engine = {
	.name = "rnic", .poll = poll_ctx, .arm = arm_ctx, .disarm = disarm_ctx
};

int verbs_source_add(struct rnic_ctx *ctx, struct verbs_source *source)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = source };
	int flags = fcntl(source->fd, F_GETFL);

	if (flags < 0 || fcntl(source->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    epoll_ctl(ctx->epoll, EPOLL_CTL_ADD, source->fd, &ev) != 0)
		return -errno;
	return 0;
}

void verbs_source_remove(struct rnic_ctx *ctx, struct verbs_source *source)
{
	epoll_ctl(ctx->epoll, EPOLL_CTL_DEL, source->fd, NULL);
}

/* --- open, close ---------------------------------------------------------------------- */

static void free_ctx(struct rnic_ctx *ctx)
{
	if (ctx->cm)
		rdma_destroy_event_channel(ctx->cm);
	if (ctx->epoll >= 0)
		close(ctx->epoll);
	g_hash_table_unref(ctx->objects);
	g_free(ctx);
}

static int open_cm(struct rnic_ctx *ctx)
{
	if (ctx->epoll < 0)
		return -errno;
	ctx->cm = rdma_create_event_channel();
	if (!ctx->cm)
		return verbs_errno();
	ctx->cm_source = (struct verbs_source){ verbs_cm_ready, ctx->cm->fd };
	return verbs_source_add(ctx, &ctx->cm_source);
}

/* The main reactor's context, which is opened first and closed last. */
static int open_main(struct rnic_ctx *ctx)
{
	struct verbs *verbs = ctx->verbs;

	verbs->log = ctx->reactor->core->log;
	for (struct rnic_device *dev = verbs->devices; dev; dev = dev->next) {
		int rc = verbs_async_open(dev, ctx);

		if (rc < 0)
			return rc;
	}
	verbs_scan_start(ctx);
	return 0;
}

int verbs_ctx_open(struct hw_rnic *rnic, struct reactor *reactor, struct rnic_ctx **out)
{
	struct verbs *verbs = (struct verbs *)rnic;
	struct rnic_ctx *ctx;
	int rc;

	if (verbs->ctxs[reactor->index] || (reactor->index > 0 && !verbs->ctxs[0]))
		return -EINVAL;
	ctx = g_new0(struct rnic_ctx, 1);
	ctx->verbs = verbs;
	ctx->reactor = reactor;
	ctx->index = reactor->index;
	ctx->look = true;
	ctx->objects = g_hash_table_new(g_int64_hash, g_int64_equal);
	ctx->tell_last = &ctx->tell;
	ctx->nodes.source.fd = -1;
	ctx->epoll = epoll_create1(EPOLL_CLOEXEC);
	rc = open_cm(ctx);
	if (rc == 0 && ctx->index == 0)
		rc = open_main(ctx);
	if (rc < 0) {
		free_ctx(ctx);
		return rc;
	}
	ctx->engine = (struct engine){ .ops = &ctx_engine, .fd = ctx->epoll };
	reactor_add_engine(reactor, &ctx->engine);
	verbs->ctxs[ctx->index] = ctx;
	atomic_store(&verbs->reactors[ctx->index], reactor);
	*out = ctx;
	return 0;
}

void verbs_ctx_close(struct rnic_ctx *ctx)
{
	struct verbs *verbs = ctx->verbs;

	g_assert(!ctx->ids && !ctx->channels && g_hash_table_size(ctx->objects) == 0);
	if (ctx->index == 0)
		verbs_scan_stop(ctx);
	atomic_store(&verbs->reactors[ctx->index], NULL);
	verbs->ctxs[ctx->index] = NULL;
	reactor_remove_engine(ctx->reactor, &ctx->engine);
	free_ctx(ctx);
}

/* --- objects, messages -------------------------------------------------------------------- */

void verbs_object_add(struct rnic_ctx *ctx, struct verbs_object *object)
{
	object->ctx = ctx;
	object->serial = ++ctx->serial;
	g_hash_table_insert(ctx->objects, &object->serial, object);
}

void verbs_object_remove(struct verbs_object *object)
{
	g_hash_table_remove(object->ctx->objects, &object->serial);
}

struct verbs_msg {
	struct msg msg;
	struct verbs *verbs;
	unsigned index;
	void (*fn)(struct rnic_ctx *ctx, void *arg, gint64 n);
	void *arg;
	gint64 n;
};

static void run_msg(struct msg *msg, struct reactor *reactor)
{
	struct verbs_msg *m = (struct verbs_msg *)msg;
	struct rnic_ctx *ctx = m->verbs->ctxs[m->index];

	(void)reactor;
	if (ctx)
		m->fn(ctx, m->arg, m->n);
	g_free(m);
}

void verbs_post(struct verbs *verbs, unsigned index,
		void (*fn)(struct rnic_ctx *ctx, void *arg, gint64 n), void *arg, gint64 n)
{
	struct reactor *reactor = atomic_load(&verbs->reactors[index]);
	struct verbs_msg *m;

	if (!reactor)
		return;
	m = g_new0(struct verbs_msg, 1);
	m->msg.fn = run_msg;
	m->verbs = verbs;
	m->index = index;
	m->fn = fn;
	m->arg = arg;
	m->n = n;
	reactor_post(reactor, &m->msg);
}
