/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hw/net.h of a node: contexts with their ready queue, listeners, streams.
 * Addresses and what listens where are in addr.c, the bytes in pipe.c and tcp.c.
 *
 * A stream is in its context's ready queue when a callback is due. The queue is
 * worked through by the reactor's pass; nothing here calls back otherwise.
 */
#include <errno.h>
#include <string.h>

#include "sim/net-priv.h"
#include "target/core/reactor.h"

/* A listener that could not accept tries again after this. */
#define ACCEPT_PAUSE (100 * WORLD_MS)

/* ---- ready queue -------------------------------------------------------------------- */

static void ready_push(struct net_ctx *ctx, struct ready *item)
{
	struct node_net *net = &ctx->node->net;

	if (item->queued)
		return;
	item->queued = true;
	if (ctx->ready && world_rng_chance(&net->rng, ctx->node->world->sched_params.shuffle_ppm)) {
		item->next = ctx->ready;
		ctx->ready = item;
	} else {
		item->next = NULL;
		*ctx->ready_tail = item;
		ctx->ready_tail = &item->next;
	}
	if (ctx->reactor->runner)
		ctx->reactor->hw->env->ops->runner_wake(ctx->reactor->runner);
}

static struct ready *ready_pop(struct net_ctx *ctx)
{
	struct ready *item = ctx->ready;

	ctx->ready = item->next;
	if (!ctx->ready)
		ctx->ready_tail = &ctx->ready;
	item->queued = false;
	return item;
}

static void ready_remove(struct net_ctx *ctx, struct ready *item)
{
	struct ready **p = &ctx->ready;

	/* A callback of it may be running: it must not be touched afterwards. */
	if (ctx->current == item)
		ctx->current = NULL;
	if (!item->queued)
		return;
	while (*p != item)
		p = &(*p)->next;
	*p = item->next;
	if (ctx->ready_tail == &item->next)
		ctx->ready_tail = p;
	item->queued = false;
}

/* ---- streams ------------------------------------------------------------------------ */

static bool stream_due(const struct sim_stream *s)
{
	if (s->decided && !s->told)
		return true;
	if (!s->told)
		return false;
	return (s->readable && !s->paused) || (s->want_room && s->has_room);
}

static void stream_kick(struct sim_stream *s)
{
	if (s->ctx && stream_due(s))
		ready_push(s->ctx, &s->ready);
}

static void look_for_room(struct sim_stream *s)
{
	size_t buffer, room = s->end->ops->room(s->end, &buffer);

	if (s->want_room && (room >= s->room_wanted || s->end->ops->error(s->end)))
		s->has_room = true;
}

void sim_end_changed(struct conn_end *e)
{
	struct sim_stream *s;

	if (!e->stream)
		return;
	s = container(e->stream, struct sim_stream, base);
	if (e->ops->readable(e))
		s->readable = true;
	look_for_room(s);
	stream_kick(s);
}

void sim_end_connected(struct conn_end *e, int err)
{
	struct sim_stream *s;

	if (!e->stream)
		return;
	s = container(e->stream, struct sim_stream, base);
	s->decided = true;
	s->error = err;
	if (err == 0)
		s->readable = true;
	look_for_room(s);
	stream_kick(s);
}

/* Calls back once for each thing due; the stream may be gone after any of them. */
static unsigned stream_run(struct net_ctx *ctx, struct sim_stream *s)
{
	const struct net_stream_cb *cb = s->base.cb;
	unsigned n = 0;

	ctx->current = &s->ready;
	if (s->decided && !s->told) {
		s->told = true;
		n++;
		cb->connected(&s->base, s->error, s->base.user);
	}
	if (ctx->current && s->told && s->readable && !s->paused) {
		n++;
		cb->readable(&s->base, s->base.user);
	}
	if (ctx->current && s->told && s->want_room && s->has_room) {
		s->want_room = false;
		s->has_room = false;
		n++;
		if (cb->writable)
			cb->writable(&s->base, s->base.user);
	}
	if (ctx->current)
		stream_kick(s);
	ctx->current = NULL;
	return n;
}

static ssize_t stream_recv(struct net_stream *stream, const struct iovec *iov, int n)
{
	struct sim_stream *s = container(stream, struct sim_stream, base);
	bool more, all;
	ssize_t ret;

	if (n <= 0 || n > NET_IOV_MAX)
		return -EINVAL;
	if (!s->decided)
		return -EAGAIN;
	if (s->error)
		return s->error;
	ret = s->end->ops->recv(s->end, iov, n, &more, &all);
	if (ret < 0 && ret != -EAGAIN)
		s->error = (int)ret;
	s->readable = ret > 0 && (more || all);
	stream_kick(s);
	return ret;
}

static ssize_t stream_send(struct net_stream *stream, const struct iovec *iov, int n, bool more)
{
	struct sim_stream *s = container(stream, struct sim_stream, base);
	size_t len = 0, buffer;
	ssize_t ret;

	(void)more;
	if (n <= 0 || n > NET_IOV_MAX)
		return -EINVAL;
	if (s->shut)
		return -EPIPE;
	if (s->error)
		return s->error;
	ret = s->end->ops->error(s->end);
	if (ret < 0)
		return ret;
	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	if (len == 0)
		return 0;
	ret = s->decided ? s->end->ops->send(s->end, iov, n) : -EAGAIN;
	if (ret < 0 || (size_t)ret < len) {
		s->end->ops->room(s->end, &buffer);
		s->want_room = true;
		s->has_room = false;
		s->room_wanted = world_rng_range(&s->node->net.rng, 1, MAX(1, buffer / 2));
		look_for_room(s);
		stream_kick(s);
	}
	return ret;
}

static void stream_shutdown(struct net_stream *stream)
{
	struct sim_stream *s = container(stream, struct sim_stream, base);

	s->shut = true;
	s->end->ops->shutdown(s->end);
}

static void stream_detach(struct net_stream *stream)
{
	struct sim_stream *s = container(stream, struct sim_stream, base);

	if (!s->ctx)
		return;
	ready_remove(s->ctx, &s->ready);
	s->ctx->users--;
	s->ctx = NULL;
}

static void stream_free(struct sim_stream *s)
{
	stream_detach(&s->base);
	s->node->net.nstreams--;
	g_free(s);
}

static void stream_close(struct net_stream *stream)
{
	struct sim_stream *s = container(stream, struct sim_stream, base);

	s->end->ops->close(s->end);
	stream_free(s);
}

static void stream_abort(struct net_stream *stream)
{
	struct sim_stream *s = container(stream, struct sim_stream, base);

	s->end->ops->abort(s->end);
	stream_free(s);
}

static void stream_pause(struct net_stream *stream, bool paused)
{
	struct sim_stream *s = container(stream, struct sim_stream, base);

	s->paused = paused;
	stream_kick(s);
}

static int stream_attach(struct net_stream *stream, struct net_ctx *ctx,
			 const struct net_stream_cb *cb, void *user)
{
	struct sim_stream *s = container(stream, struct sim_stream, base);

	if (s->ctx || ctx->node != s->node)
		return -EINVAL;
	if (sim_fault(s->node, "net.attach.enomem"))
		return -ENOMEM;
	s->base.cb = cb;
	s->base.user = user;
	s->ctx = ctx;
	ctx->users++;
	s->readable = true;
	stream_kick(s);
	return 0;
}

static void stream_local(struct net_stream *stream, struct net_addr *addr)
{
	*addr = container(stream, struct sim_stream, base)->end->local;
}

static void stream_remote(struct net_stream *stream, struct net_addr *addr)
{
	*addr = container(stream, struct sim_stream, base)->end->remote;
}

static const struct net_stream_ops stream_ops = {
	.recv = stream_recv,
	.send = stream_send,
	.shutdown = stream_shutdown,
	.close = stream_close,
	.abort = stream_abort,
	.pause = stream_pause,
	.detach = stream_detach,
	.attach = stream_attach,
	.local = stream_local,
	.remote = stream_remote,
};

static struct sim_stream *stream_new(struct world_node *node, struct conn_end *end)
{
	struct sim_stream *s = g_new0(struct sim_stream, 1);

	s->base.ops = &stream_ops;
	s->ready.kind = READY_STREAM;
	s->node = node;
	s->end = end;
	end->stream = &s->base;
	end->listener = NULL;
	node->net.nstreams++;
	return s;
}

/* ---- listeners ---------------------------------------------------------------------- */

void sim_net_incoming(struct net_listener *l, struct conn_end *e)
{
	e->listener = l;
	e->next = NULL;
	*l->pending_tail = e;
	l->pending_tail = &e->next;
	l->npending++;
	if (!l->waiting)
		ready_push(l->ctx, &l->ready);
}

static bool out_of_fds(const struct world_node *node)
{
	unsigned max = node->limits.max_fds;

	return max > 0 && node->net.nstreams + node->net.nlisteners >= max;
}

static int no_resources(struct world_node *node, const char *emfile, const char *enomem)
{
	if (out_of_fds(node) || sim_fault(node, emfile))
		return -EMFILE;
	return sim_fault(node, enomem) ? -ENOMEM : 0;
}

/* Accepts one, or reports that it cannot. */
static void listener_accept(struct net_ctx *ctx, struct net_listener *l)
{
	struct world *w = l->node->world;
	struct conn_end *e = l->pending;
	struct sim_stream *s;
	int err = no_resources(l->node, "net.accept.emfile", "net.accept.enomem");

	ctx->current = &l->ready;
	if (err < 0) {
		l->waiting = true;
		world_event_set(w, &l->retry, w->now + ACCEPT_PAUSE);
		if (l->cb->failed)
			l->cb->failed(l, err, l->user);
		ctx->current = NULL;
		return;
	}
	l->pending = e->next;
	if (!l->pending)
		l->pending_tail = &l->pending;
	l->npending--;
	s = stream_new(l->node, e);
	s->decided = s->told = true;
	l->cb->accepted(l, &s->base, l->user);
	if (ctx->current && l->pending && !l->waiting)
		ready_push(ctx, &l->ready);
	ctx->current = NULL;
}

static void listener_retry(struct world_event *ev)
{
	struct net_listener *l = container(ev, struct net_listener, retry);

	l->waiting = false;
	if (l->pending)
		ready_push(l->ctx, &l->ready);
}

static int net_listen(struct net_ctx *ctx, const struct net_addr *addr,
		      const struct net_listen_opts *opts, const struct net_listener_cb *cb,
		      void *user, struct net_listener **out)
{
	struct world_node *node = ctx->node;
	struct net_addr bound = *addr;
	struct net_listener *l;
	int ret = no_resources(node, "net.listen.emfile", "net.listen.enomem");

	if (ret == 0)
		ret = sim_net_bind(&node->net, &bound);
	if (ret < 0)
		return ret;
	l = g_new0(struct net_listener, 1);
	l->ready.kind = READY_LISTENER;
	l->node = node;
	l->ctx = ctx;
	l->local = bound;
	l->backlog = opts && opts->backlog > 0 ? (unsigned)opts->backlog : 128;
	l->cb = cb;
	l->user = user;
	l->pending_tail = &l->pending;
	world_event_init(&l->retry, listener_retry);
	l->next = node->net.listeners;
	node->net.listeners = l;
	node->net.nlisteners++;
	ctx->users++;
	if (bound.family == NET_UNIX)
		sim_unix_claim(&node->net, l);
	world_trace(node->world, WORLD_LISTEN, node->index, bound.port,
		    world_hash_bytes(bound.family, bound.ip, sizeof(bound.ip)));
	*out = l;
	return 0;
}

static void net_listener_close(struct net_listener *l)
{
	struct world_node *node = l->node;
	struct net_listener **p = &node->net.listeners;

	while (*p != l)
		p = &(*p)->next;
	*p = l->next;
	if (l->local.family == NET_UNIX)
		sim_unix_release(&node->net, l);
	while (l->pending) {
		struct conn_end *e = l->pending;

		l->pending = e->next;
		e->ops->abort(e);
	}
	world_event_cancel(node->world, &l->retry);
	ready_remove(l->ctx, &l->ready);
	l->ctx->users--;
	node->net.nlisteners--;
	g_free(l);
}

static void net_listener_local(struct net_listener *l, struct net_addr *addr)
{
	*addr = l->local;
}

static int net_connect(struct net_ctx *ctx, const struct net_addr *remote,
		       const struct net_addr *local, const struct net_stream_cb *cb, void *user,
		       struct net_stream **out)
{
	struct world_node *node = ctx->node;
	struct net_addr from;
	struct sim_stream *s;
	int ret = no_resources(node, "net.connect.emfile", "net.connect.enomem");

	if (ret == 0)
		ret = sim_net_source(&node->net, remote, local, &from);
	if (ret < 0)
		return ret;
	s = stream_new(node, sim_conn_open(node, &from, remote));
	s->base.cb = cb;
	s->base.user = user;
	s->ctx = ctx;
	ctx->users++;
	*out = &s->base;
	return 0;
}

/* ---- contexts ----------------------------------------------------------------------- */

static unsigned ctx_poll(struct engine *e, unsigned budget)
{
	struct net_ctx *ctx = container(e, struct net_ctx, engine);
	unsigned n = 0;

	/* Who is queued again meanwhile has its turn in the next pass. */
	ctx->round++;
	while (n < budget && ctx->ready && ctx->ready->round != ctx->round) {
		struct ready *item = ready_pop(ctx);

		item->round = ctx->round;
		if (item->kind == READY_LISTENER) {
			listener_accept(ctx, container(item, struct net_listener, ready));
			n++;
		} else {
			struct sim_stream *s = container(item, struct sim_stream, ready);

			n += stream_due(s) ? stream_run(ctx, s) : 0;
		}
	}
	return n;
}

static bool ctx_arm(struct engine *e)
{
	return container(e, struct net_ctx, engine)->ready == NULL;
}

static const struct engine_ops ctx_engine_ops = {
	.name = "sim.net",
	.poll = ctx_poll,
	.arm = ctx_arm,
};

static int net_ctx_open(struct hw_net *net, struct reactor *reactor, struct net_ctx **out)
{
	struct node_net *n = container(net, struct node_net, net);
	struct net_ctx *ctx;

	if (sim_fault(n->node, "net.ctx_open.enomem"))
		return -ENOMEM;
	ctx = g_new0(struct net_ctx, 1);
	ctx->engine.ops = &ctx_engine_ops;
	ctx->engine.fd = -1;
	ctx->node = n->node;
	ctx->reactor = reactor;
	ctx->ready_tail = &ctx->ready;
	n->nctxs++;
	reactor_add_engine(reactor, &ctx->engine);
	*out = ctx;
	return 0;
}

static void net_ctx_close(struct net_ctx *ctx)
{
	g_assert(ctx->users == 0);
	reactor_remove_engine(ctx->reactor, &ctx->engine);
	ctx->node->net.nctxs--;
	g_free(ctx);
}

static const struct hw_net_ops net_ops = {
	.ctx_open = net_ctx_open,
	.ctx_close = net_ctx_close,
	.listen = net_listen,
	.listener_close = net_listener_close,
	.listener_local = net_listener_local,
	.connect = net_connect,
};

void sim_net_init(struct world_node *node)
{
	struct node_net *n = &node->net;
	g_autofree char *stream = g_strdup_printf("net.%s#%u", node->name, node->incarnation);

	n->net.ops = &net_ops;
	n->node = node;
	n->addrs = g_array_new(FALSE, FALSE, sizeof(struct node_addr));
	n->next_port = 49152;
	world_rng_init(node->world, &n->rng, stream);
	g_free(stream);
	stream = g_strdup_printf("tcp.%s#%u", node->name, node->incarnation);
	world_rng_init(node->world, &n->tcp_rng, stream);
}

void sim_net_fini(struct node_net *n)
{
	while (n->files) {
		struct unix_file *next = n->files->next;

		g_free(n->files);
		n->files = next;
	}
	g_array_free(n->addrs, TRUE);
}
