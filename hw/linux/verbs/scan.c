/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which devices there are: those that librdmacm opens. They come and go: the kernel's
 * nodes in /dev/infiniband are watched, and a node that is new is asked for until its
 * device can be opened. Main reactor.
 *
 * A device is held by a reference of librdmacm's, so that its context stays open between
 * ids. When everybody is done with one that has gone, the context must be closed, for the
 * kernel may wait for it (rdma_rxe of Linux 6.1 does); librdmacm closes it when it sees in a
 * list of devices that it has gone, but it does not look at a list that is empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hw/linux/verbs/internal.h"

#define NODES "/dev/infiniband"
#define RESCAN_NS UINT64_C(200000000)
#define RESCANS 25 /* udev gives a node its owner and mode after it was made */

struct rnic_device *verbs_device_of(struct verbs *verbs, const struct ibv_context *context)
{
	struct rnic_device *dev;

	pthread_mutex_lock(&verbs->lock);
	for (dev = verbs->devices; dev && dev->context != context;)
		dev = dev->next;
	pthread_mutex_unlock(&verbs->lock);
	return dev;
}

void verbs_device_remove(struct rnic_device *dev)
{
	struct rnic_device **at = &dev->verbs->devices;

	pthread_mutex_lock(&dev->verbs->lock);
	while (*at != dev)
		at = &(*at)->next;
	*at = dev->next;
	pthread_mutex_unlock(&dev->verbs->lock);
}

/* Gives back one device of a list of rdma_get_devices(), which gives back lists. */
static void put_back(struct ibv_context *context)
{
	struct ibv_context **one = calloc(2, sizeof(*one));

	if (!one)
		return;
	one[0] = context;
	rdma_free_devices(one);
}

static bool wanted(const struct verbs *verbs, const struct ibv_context *context)
{
	return !verbs->only || strcmp(verbs->only, ibv_get_device_name(context->device)) == 0;
}

static void come(struct verbs *verbs, struct ibv_context *context)
{
	struct rnic_device *dev = verbs_device_new(verbs, context), **last = &verbs->devices;
	struct rnic_ctx *main = verbs->ctxs[0];

	pthread_mutex_lock(&verbs->lock);
	while (*last)
		last = &(*last)->next;
	*last = dev;
	pthread_mutex_unlock(&verbs->lock);
	if (!main)
		return;
	verbs_async_open(dev, main);
	log_notice(verbs->log, "rnic", "device found", "device=%s", dev->info.name);
	for (struct rnic_watcher *w = verbs->watchers, *next; w; w = next) {
		next = w->next;
		w->added(w, dev);
	}
}

/* 0, or why there is no list. */
static int look(struct verbs *verbs, unsigned *found)
{
	struct ibv_context **list = rdma_get_devices(NULL);

	*found = 0;
	if (!list)
		return verbs_errno();
	for (unsigned i = 0; list[i]; i++) {
		bool known = verbs_device_of(verbs, list[i]) != NULL;

		*found += wanted(verbs, list[i]);
		if (!known && wanted(verbs, list[i]))
			come(verbs, list[i]);
		else
			put_back(list[i]);
	}
	free(list);
	return 0;
}

bool verbs_scan(struct verbs *verbs, GError **error)
{
	unsigned found;
	int rc = look(verbs, &found);

	if (rc == 0 && found > 0)
		return true;
	if (rc == 0 && verbs->only)
		return weft_error_set(error, -ENODEV, NULL,
				      "RDMA: there is no device %s (rdma link show lists them)",
				      verbs->only);
	return verbs_trouble(rc < 0 ? rc : -ENODEV, error);
}

/* --- going ------------------------------------------------------------------------------ */

void verbs_device_gone(struct rnic_device *dev)
{
	struct verbs *verbs = dev->verbs;
	struct rnic_ctx *main = verbs->ctxs[0];

	if (atomic_exchange(&dev->gone, true))
		return;
	if (main)
		verbs_source_remove(main, &dev->async);
	log_notice(verbs->log, "rnic", "device has gone", "device=%s", dev->info.name);
	/* Held until all have been told: the first to be done may be so at once. */
	dev->leaving = 1;
	for (unsigned i = 0; i < CORE_MAX_REACTORS; i++)
		verbs_post(verbs, i, verbs_ids_removed, dev->context, 0);
	for (struct rnic_watcher *w = verbs->watchers, *next; w; w = next) {
		next = w->next;
		dev->leaving++;
		w->removing(w, dev);
	}
	verbs_device_done(dev);
}

/* For the kernel it is as if they were closed; librdmacm, which may close them, is not told. */
static void let_go(struct ibv_context *context)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	dup3(null, context->cmd_fd, O_CLOEXEC);
	dup3(null, context->async_fd, O_CLOEXEC);
	close(null);
}

static bool is_listed(struct ibv_context **list, const struct ibv_context *context)
{
	bool listed = false;

	for (unsigned i = 0; list[i]; i++)
		listed |= list[i] == context;
	return listed;
}

void verbs_device_free(struct rnic_device *dev)
{
	if (dev->gone) {
		struct ibv_context **list = rdma_get_devices(NULL);

		if (!list || is_listed(list, dev->context))
			let_go(dev->context);
		if (list)
			rdma_free_devices(list);
	}
	put_back(dev->context);
	g_free(dev);
}

/* --- watching --------------------------------------------------------------------------- */

static void node_gone(struct verbs *verbs, const char *name)
{
	for (struct rnic_device *dev = verbs->devices, *next; dev; dev = next) {
		next = dev->next;
		if (strcmp(dev->node, name) == 0)
			verbs_device_gone(dev);
	}
}

static void rescan_soon(struct rnic_ctx *ctx)
{
	reactor_timer_set(ctx->reactor, &ctx->rescan, ctx->reactor->now + RESCAN_NS);
}

static void rescan(struct timer *timer, struct reactor *reactor)
{
	struct rnic_ctx *ctx =
		(struct rnic_ctx *)((char *)timer - offsetof(struct rnic_ctx, rescan));
	unsigned before = 0, after = 0, found;

	(void)reactor;
	for (struct rnic_device *dev = ctx->verbs->devices; dev; dev = dev->next)
		before++;
	look(ctx->verbs, &found);
	for (struct rnic_device *dev = ctx->verbs->devices; dev; dev = dev->next)
		after++;
	if (after > before)
		ctx->rescans = 0;
	if (ctx->rescans > 0) {
		ctx->rescans--;
		rescan_soon(ctx);
	}
}

static struct rnic_ctx *ctx_of(struct verbs_nodes *n)
{
	return (struct rnic_ctx *)((char *)n - offsetof(struct rnic_ctx, nodes));
}

static void nodes_came(struct verbs_nodes *n)
{
	ctx_of(n)->rescans = RESCANS;
	rescan_soon(ctx_of(n));
}

static void node_went(struct verbs_nodes *n, const char *node)
{
	node_gone(ctx_of(n)->verbs, node);
}

void verbs_scan_start(struct rnic_ctx *ctx)
{
	int rc;

	timer_init(&ctx->rescan, rescan);
	ctx->nodes.came = nodes_came;
	ctx->nodes.went = node_went;
	rc = verbs_nodes_open(&ctx->nodes, NODES);
	if (rc == 0)
		rc = verbs_source_add(ctx, &ctx->nodes.source);
	if (rc < 0)
		log_warn(ctx->verbs->log, "rnic", "devices that come later are not seen",
			 "directory=" NODES " error=\"%s\"", g_strerror(-rc));
}

void verbs_scan_stop(struct rnic_ctx *ctx)
{
	reactor_timer_cancel(ctx->reactor, &ctx->rescan);
	verbs_nodes_close(&ctx->nodes);
}
