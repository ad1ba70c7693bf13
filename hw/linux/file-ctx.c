/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of one reactor share: its ring, and the list on which threads
 * put what has to be done on the reactor. A context comes with the first user of
 * a reactor, a file or a queue, and goes with the last.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hw/linux/file-internal.h"

static unsigned deliver_notices(struct file_ctx *ctx, unsigned budget)
{
	unsigned n = 0;

	if (!__atomic_load_n(&ctx->any, __ATOMIC_ACQUIRE))
		return 0;
	while (n < budget) {
		struct notice *notice;

		pthread_mutex_lock(&ctx->lock);
		notice = ctx->head;
		if (notice != NULL)
			ctx->head = notice->next;
		if (ctx->head == NULL) {
			ctx->tail = &ctx->head;
			__atomic_store_n(&ctx->any, false, __ATOMIC_RELEASE);
		}
		pthread_mutex_unlock(&ctx->lock);
		if (notice == NULL)
			break;
		n++;
		notice->deliver(notice);
	}
	return n;
}

static void destroy(struct file_ctx *ctx)
{
	/* Of files that are closed already: they only go. */
	deliver_notices(ctx, UINT32_MAX);
	file_ring_free(ctx->ring);
	close(ctx->engine.fd);
	pthread_mutex_destroy(&ctx->lock);
	free(ctx);
}

static unsigned ctx_poll(struct engine *e, unsigned budget)
{
	struct file_ctx *ctx = (struct file_ctx *)e;
	unsigned n = 0;

	/* It may lose its last user meanwhile. */
	ctx->polling = true;
	if (ctx->ring != NULL)
		n = file_ring_poll(ctx->ring, budget);
	n += deliver_notices(ctx, budget);
	ctx->polling = false;
	if (ctx->refs == 0)
		destroy(ctx);
	return n;
}

static bool ctx_arm(struct engine *e)
{
	struct file_ctx *ctx = (struct file_ctx *)e;
	bool idle;

	pthread_mutex_lock(&ctx->lock);
	ctx->armed = true;
	idle = ctx->head == NULL;
	pthread_mutex_unlock(&ctx->lock);
	if (ctx->ring != NULL && !file_ring_arm(ctx->ring))
		idle = false;
	return idle;
}

static void ctx_disarm(struct engine *e)
{
	struct file_ctx *ctx = (struct file_ctx *)e;
	uint64_t value;

	pthread_mutex_lock(&ctx->lock);
	ctx->armed = false;
	pthread_mutex_unlock(&ctx->lock);
	if (ctx->ring != NULL)
		file_ring_disarm(ctx->ring);
	while (read(ctx->engine.fd, &value, sizeof(value)) < 0 && errno == EINTR)
		;
}

static const struct engine_ops file_engine_ops = {
	.name = "file",
	.poll = ctx_poll,
	.arm = ctx_arm,
	.disarm = ctx_disarm,
};

static int ctx_new(struct linux_files *files, struct reactor *reactor, struct file_ctx **out)
{
	struct file_ctx *ctx = calloc(1, sizeof(*ctx));
	int rc;

	if (ctx == NULL)
		return -ENOMEM;
	ctx->engine = (struct engine){ .ops = &file_engine_ops };
	ctx->files = files;
	ctx->reactor = reactor;
	ctx->tail = &ctx->head;
	ctx->refs = 1;
	ctx->engine.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ctx->engine.fd < 0) {
		rc = -errno;
		free(ctx);
		return rc;
	}
	rc = files->use_rings ? file_ring_new(reactor, ctx->engine.fd, &ctx->ring) : 0;
	if (rc != 0 && (!files->fall_back || rc == -EMFILE || rc == -ENFILE)) {
		close(ctx->engine.fd);
		free(ctx);
		return rc;
	}
	pthread_mutex_init(&ctx->lock, NULL);
	*out = ctx;
	return 0;
}

int file_ctx_get(struct linux_files *files, struct reactor *reactor, struct file_ctx **out)
{
	struct file_ctx *ctx;
	int rc;

	/* A reactor's context is made and dropped on that reactor only. */
	pthread_mutex_lock(&files->lock);
	for (ctx = files->ctxs; ctx != NULL && ctx->reactor != reactor; ctx = ctx->next)
		;
	if (ctx != NULL)
		ctx->refs++;
	pthread_mutex_unlock(&files->lock);
	if (ctx == NULL) {
		rc = ctx_new(files, reactor, &ctx);
		if (rc != 0)
			return rc;
		pthread_mutex_lock(&files->lock);
		ctx->next = files->ctxs;
		files->ctxs = ctx;
		pthread_mutex_unlock(&files->lock);
		reactor_add_engine(reactor, &ctx->engine);
	}
	*out = ctx;
	return 0;
}

void file_ctx_put(struct file_ctx *ctx)
{
	struct linux_files *files = ctx->files;
	struct file_ctx **p;
	bool last;

	pthread_mutex_lock(&files->lock);
	last = --ctx->refs == 0;
	if (last) {
		for (p = &files->ctxs; *p != ctx; p = &(*p)->next)
			;
		*p = ctx->next;
	}
	pthread_mutex_unlock(&files->lock);
	if (!last)
		return;
	reactor_remove_engine(ctx->reactor, &ctx->engine);
	if (!ctx->polling)
		destroy(ctx);
}

void file_ctx_notify(struct file_ctx *ctx, struct notice *notice)
{
	static const uint64_t one = 1;

	/* Under the lock to the end: once delivered, the context may go. */
	pthread_mutex_lock(&ctx->lock);
	notice->next = NULL;
	*ctx->tail = notice;
	ctx->tail = &notice->next;
	__atomic_store_n(&ctx->any, true, __ATOMIC_RELEASE);
	while (ctx->armed && write(ctx->engine.fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_mutex_unlock(&ctx->lock);
}

/* --- I/O ------------------------------------------------------------------------------ */

void file_io_ended(struct file_io *io)
{
	linux_io_of(io)->queue->inflight--;
	io->done(io);
}

static void deliver_io(struct notice *notice)
{
	struct linux_io *lio =
		(struct linux_io *)((char *)notice - offsetof(struct linux_io, notice));

	file_io_ended(file_io_of(lio));
}

void file_io_ends_soon(struct file_io *io, int result)
{
	struct linux_io *lio = linux_io_of(io);

	io->result = result;
	lio->notice.deliver = deliver_io;
	file_ctx_notify(lio->queue->ctx, &lio->notice);
}

static void run_io(struct job *job)
{
	struct linux_io *lio = (struct linux_io *)job;
	struct file_io *io = file_io_of(lio);

	file_io_ends_soon(io, file_io_block(lio->queue->file, io, lio->progress));
}

void file_io_to_thread(struct file_io *io)
{
	struct linux_io *lio = linux_io_of(io);
	int rc;

	_Static_assert(offsetof(struct linux_io, job) == 0, "an I/O begins with its job");
	lio->job.run = run_io;
	rc = job_pool_push(lio->queue->file->pool, &lio->job);
	if (rc != 0)
		file_io_ends_soon(io, rc);
}

int file_queue_open(struct file *file, struct reactor *reactor, struct file_queue **out)
{
	struct file_queue *queue = calloc(1, sizeof(*queue));
	int rc;

	if (queue == NULL)
		return -ENOMEM;
	queue->file = file;
	rc = file_ctx_get(file->files, reactor, &queue->ctx);
	if (rc != 0) {
		free(queue);
		return rc;
	}
	*out = queue;
	return 0;
}

void file_queue_close(struct file_queue *queue)
{
	g_assert(queue->inflight == 0);
	file_ctx_put(queue->ctx);
	free(queue);
}

void file_submit(struct file_queue *queue, struct file_io *io)
{
	struct linux_io *lio = linux_io_of(io);

	lio->queue = queue;
	lio->progress = 0;
	queue->inflight++;
	if (queue->ctx->ring != NULL && io->op <= FILE_FLUSH)
		file_ring_submit(queue->ctx->ring, io);
	else
		file_io_to_thread(io);
}
