/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hw/file.h of a node: opening, queues, and who is told what, on the medium of
 * disk.c. What is due on a reactor is on its context's list, and is worked
 * through by the reactor's pass; nothing here calls back otherwise.
 *
 * A machine that crashes keeps its files; what was opened on the dead one gives
 * -EIO from then on.
 */
#include <errno.h>
#include <string.h>

#include "sim/disk.h"
#include "target/core/reactor.h"

/* A change of size is seen within this time. */
#define LOOK_NS WORLD_SEC

/* ---- contexts ----------------------------------------------------------------------- */

void sim_file_due(struct file_ctx *ctx, struct file_due *due)
{
	due->next = NULL;
	*ctx->tail = due;
	ctx->tail = &due->next;
	if (ctx->reactor->runner)
		ctx->reactor->hw->env->ops->runner_wake(ctx->reactor->runner);
}

static void due_remove(struct file_ctx *ctx, struct file_due *due)
{
	struct file_due **p = &ctx->head;

	while (*p != due)
		p = &(*p)->next;
	*p = due->next;
	if (ctx->tail == &due->next)
		ctx->tail = p;
}

static unsigned ctx_poll(struct engine *e, unsigned budget)
{
	struct file_ctx *ctx = (struct file_ctx *)e;
	unsigned n = 0;

	ctx->polling = true;
	while (n < budget && ctx->head) {
		struct file_due *due = ctx->head;

		ctx->head = due->next;
		if (!ctx->head)
			ctx->tail = &ctx->head;
		n++;
		ctx->node->activity++;
		due->run(due);
	}
	ctx->polling = false;
	if (ctx->refs == 0)
		g_free(ctx);
	return n;
}

static bool ctx_arm(struct engine *e)
{
	return ((struct file_ctx *)e)->head == NULL;
}

static const struct engine_ops file_engine = { .name = "file", .poll = ctx_poll, .arm = ctx_arm };

struct file_ctx *sim_file_ctx_get(struct world_node *node, struct reactor *reactor)
{
	struct file_ctx *ctx = node->files.ctxs;

	while (ctx && ctx->reactor != reactor)
		ctx = ctx->next;
	if (!ctx) {
		ctx = g_new0(struct file_ctx, 1);
		ctx->engine = (struct engine){ .ops = &file_engine, .fd = -1 };
		ctx->node = node;
		ctx->reactor = reactor;
		ctx->tail = &ctx->head;
		ctx->next = node->files.ctxs;
		node->files.ctxs = ctx;
		reactor_add_engine(reactor, &ctx->engine);
	}
	ctx->refs++;
	return ctx;
}

void sim_file_ctx_put(struct file_ctx *ctx)
{
	struct file_ctx **p = &ctx->node->files.ctxs;

	if (--ctx->refs > 0)
		return;
	while (*p != ctx)
		p = &(*p)->next;
	*p = ctx->next;
	reactor_remove_engine(ctx->reactor, &ctx->engine);
	if (!ctx->polling)
		g_free(ctx);
}

/* ---- files -------------------------------------------------------------------------- */

static void file_due_push(struct file *f)
{
	if (f->due_queued)
		return;
	f->due_queued = true;
	sim_file_due(f->ctx, &f->due);
}

static void identify(struct file *f)
{
	const struct world_file *d = f->disk;

	f->info = (struct file_info){ .size = d->size,
				      .block_size = d->block,
				      .physical_block_size = d->block,
				      .direct = (f->flags & FILE_BUFFERED) == 0 };
	if (d->params.identity)
		g_strlcpy(f->info.identity, d->params.identity, sizeof(f->info.identity));
	else
		g_snprintf(f->info.identity, sizeof(f->info.identity), "%s:%s", f->node->name,
			   f->path);
}

static void told_open(struct file_due *due)
{
	struct file *f = container(due, struct file, due);

	f->due_queued = false;
	f->is_open = f->err == 0;
	f->cb->opened(f, f->err, f->user);
}

static void told_changed(struct file_due *due)
{
	struct file *f = container(due, struct file, due);
	const struct world_file *d = f->disk;

	f->due_queued = false;
	f->gone_told = !d || d->gone;
	if (!f->gone_told)
		f->info.size = d->size;
	f->cb->changed(f, f->gone_told ? -ENODEV : 0, f->info.size, f->user);
}

static void opening_done(struct world_event *ev)
{
	struct file *f = container(ev, struct file, ev);
	struct world_file *d =
		f->node->down || f->node->crashed ? NULL : world_file_find(f->node, f->path);

	if (!d) {
		f->err = f->node->crashed ? -EIO : -ENOENT;
	} else if (d->hang_until > f->node->world->now) {
		world_event_set(f->node->world, ev,
				MIN(d->hang_until, f->node->world->now + WORLD_SEC));
		return;
	} else if (d->params.open_err) {
		f->err = d->params.open_err;
	} else if (sim_fault(f->node, "file.open.eio")) {
		f->err = -EIO;
	} else {
		f->disk = d;
		identify(f);
	}
	f->due.run = told_open;
	file_due_push(f);
}

static int file_open(struct hw_file *hw, struct reactor *reactor, const char *path, unsigned flags,
		     const struct file_cb *cb, void *user, struct file **out)
{
	struct world_node *node = container(hw, struct node_files, hw)->node;
	struct file *f;

	if (path[0] == '\0')
		return -EINVAL;
	if (strlen(path) >= FILE_PATH_MAX)
		return -ENAMETOOLONG;
	if (sim_fault(node, "file.open.enomem"))
		return -ENOMEM;
	f = g_new0(struct file, 1);
	f->node = node;
	f->path = g_strdup(path);
	f->flags = flags;
	f->cb = cb;
	f->user = user;
	f->ctx = sim_file_ctx_get(node, reactor);
	f->next = node->files.files;
	node->files.files = f;
	node->files.nfiles++;
	world_event_init(&f->ev, opening_done);
	world_event_set(node->world, &f->ev,
			node->world->now +
				world_rng_range(&node->files.rng, 10 * WORLD_US, WORLD_MS));
	*out = f;
	return 0;
}

static void file_info(struct file *f, struct file_info *info)
{
	*info = f->info;
}

static void look(struct world_event *ev)
{
	struct file *f = container(ev, struct file, ev);

	f->due.run = told_changed;
	file_due_push(f);
}

static void look_after(struct file *f, uint64_t most)
{
	uint64_t now = f->node->world->now;

	f->ev.fn = look;
	world_event_set(f->node->world, &f->ev,
			now + world_rng_range(&f->node->files.rng, WORLD_US, most));
}

static void file_check(struct file *f)
{
	look_after(f, 100 * WORLD_US);
}

void sim_file_changed(struct world_file *d)
{
	for (struct file *f = d->node->files.files; f; f = f->next) {
		if (f->disk == d && f->is_open && !f->closing && !f->ev.slot)
			look_after(f, LOOK_NS);
	}
}

static void file_free(struct file *f)
{
	struct file **p = &f->node->files.files;

	while (*p != f)
		p = &(*p)->next;
	*p = f->next;
	f->node->files.nfiles--;
	world_event_cancel(f->node->world, &f->ev);
	if (f->due_queued)
		due_remove(f->ctx, &f->due);
	sim_file_ctx_put(f->ctx);
	g_free(f->path);
	g_free(f);
}

static void told_closed(struct file_due *due)
{
	struct file *f = container(due, struct file, due);
	void (*closed)(void *user) = f->closed;
	void *user = f->closed_user;

	f->due_queued = false;
	file_free(f);
	closed(user);
}

static void closing_done(struct world_event *ev)
{
	struct file *f = container(ev, struct file, ev);

	f->due.run = told_closed;
	file_due_push(f);
}

static void file_close(struct file *f, void (*closed)(void *user), void *user)
{
	struct world *w = f->node->world;

	g_assert(f->queues == 0);
	f->closing = true;
	if (!closed) {
		file_free(f);
		return;
	}
	if (f->due_queued)
		due_remove(f->ctx, &f->due);
	f->due_queued = false;
	f->closed = closed;
	f->closed_user = user;
	f->ev.fn = closing_done;
	world_event_set(w, &f->ev,
			w->now + world_rng_range(&f->node->files.rng, WORLD_US, WORLD_MS));
}

/* ---- queues ------------------------------------------------------------------------- */

static int queue_open(struct file *f, struct reactor *reactor, struct file_queue **out)
{
	struct file_queue *q;

	if (sim_fault(f->node, "file.queue.enomem"))
		return -ENOMEM;
	q = g_new0(struct file_queue, 1);
	q->file = f;
	q->ctx = sim_file_ctx_get(f->node, reactor);
	f->queues++;
	*out = q;
	return 0;
}

static void queue_close(struct file_queue *q)
{
	q->file->queues--;
	sim_file_ctx_put(q->ctx);
	g_free(q);
}

static void io_ends(struct file_due *due)
{
	struct file_io *io = file_io_of(container(due, struct sim_io, due));

	io->done(io);
}

void sim_file_io_ended(struct file_io *io, int result)
{
	struct sim_io *s = sim_io_of(io);

	io->result = result;
	s->due.run = io_ends;
	sim_file_due(s->queue->ctx, &s->due);
}

static void submit(struct file_queue *q, struct file_io *io)
{
	struct file *f = q->file;

	sim_io_of(io)->queue = q;
	if ((f->flags & FILE_READ_ONLY) != 0 && io->op != FILE_READ && io->op != FILE_FLUSH)
		sim_file_io_ended(io, -EBADF);
	else if (!f->disk)
		sim_file_io_ended(io, -EIO);
	else if (sim_fault(f->node, "file.submit.eagain"))
		sim_file_io_ended(io, -EAGAIN);
	else
		sim_disk_submit(f->disk, io);
}

static const struct hw_file_ops file_ops = {
	.open = file_open,
	.info = file_info,
	.check = file_check,
	.close = file_close,
	.queue_open = queue_open,
	.queue_close = queue_close,
	.submit = submit,
	.step = sim_step,
};

/* ---- nodes -------------------------------------------------------------------------- */

void sim_files_init(struct world_node *node)
{
	g_autofree char *stream = g_strdup_printf("files.%s#%u", node->name, node->incarnation);

	node->files.hw.ops = &file_ops;
	node->files.node = node;
	world_rng_init(node->world, &node->files.rng, stream);
}

void sim_files_fini(struct world_node *node)
{
	while (node->files.disks) {
		struct world_file *d = node->files.disks;

		node->files.disks = d->next;
		sim_disk_free(d);
	}
	sim_texts_free(node);
}

void sim_files_crash(struct world_node *fresh, struct world_node *corpse)
{
	corpse->crashed = true;
	for (struct world_file *d = corpse->files.disks; d; d = d->next) {
		sim_disk_power_cut(d);
		d->node = fresh;
	}
	for (struct file *f = corpse->files.files; f; f = f->next)
		f->disk = NULL;
	fresh->files.disks = corpse->files.disks;
	fresh->files.ndisks = corpse->files.ndisks;
	corpse->files.disks = NULL;
	sim_texts_crash(fresh, corpse);
}
