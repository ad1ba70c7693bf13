/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RDMA of this machine, opened when the first context is: a target without RDMA has
 * no socket, no memory, no library and no work of it. From then on its operations are
 * the real ones: of its RNICs, by libibverbs, or of the software RNIC.
 */
#include <errno.h>

#include "hw/linux/internal.h"
#include "hw/linux/roce-udp.h"
#include "hw/linux/verbs/verbs.h"
#include "target/core/core.h"
#include "target/core/error.h"

struct lazy {
	struct hw_rnic rnic;
	struct hw_rnic_ops ops; /* of the real one, but for those that name it */
	const struct hw *hw;
	enum linux_rnic which;
	struct net_addr addrs[LINUX_RNIC_ADDRS]; /* the only ones of the software RNIC, */
	unsigned naddrs;			 /* if there are any */
	GMainContext *main_context;		 /* or NULL */
	struct hw_rnic *real;			 /* NULL: not yet */
	void (*free)(struct hw_rnic *real);
};

static int lazy_ctx_open(struct hw_rnic *rnic, struct reactor *reactor, struct rnic_ctx **out);

static void lazy_watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w)
{
	struct lazy *lazy = (struct lazy *)rnic;

	lazy->real->ops->watch(lazy->real, ctx, w);
}

static void lazy_unwatch(struct hw_rnic *rnic, struct rnic_watcher *w)
{
	struct lazy *lazy = (struct lazy *)rnic;

	lazy->real->ops->unwatch(lazy->real, w);
}

static void take_over(struct lazy *lazy)
{
	lazy->ops = *lazy->real->ops;
	lazy->ops.ctx_open = lazy_ctx_open;
	lazy->ops.watch = lazy_watch;
	lazy->ops.unwatch = lazy_unwatch;
}

static void open_soft(struct lazy *lazy, const struct core *core, GError **error)
{
	const struct roce_udp_options options = { .hw = lazy->hw,
						  .nshards = core->nreactors,
						  .main_context = lazy->main_context,
						  .addrs = lazy->addrs,
						  .naddrs = lazy->naddrs };

	lazy->real = roce_udp_new(&options, error);
	lazy->free = roce_udp_free;
}

static void open_verbs(struct lazy *lazy, GError **error)
{
	const struct verbs_options options = { .hw = lazy->hw };

	lazy->real = linux_verbs_new(&options, error);
	lazy->free = linux_verbs_free;
}

static void log_reason(const struct core *core, enum log_level level, const char *event,
		       const GError *error)
{
	char quoted[512];

	log_write(core->log, level, "rnic", event, "reason=%s",
		  log_quote(weft_error_detail(error), quoted, sizeof(quoted)));
}

static int open_real(struct lazy *lazy, const struct core *core)
{
	g_autoptr(GError) error = NULL;

	if (lazy->which == LINUX_RNIC_VERBS ||
	    (lazy->which == LINUX_RNIC_AUTO && linux_verbs_present()))
		open_verbs(lazy, &error);
	if (lazy->real == NULL && lazy->which != LINUX_RNIC_VERBS) {
		/* There is a device, and it cannot be used: that is to be known. */
		if (error != NULL)
			log_reason(core, LOG_WARN, "the RNIC is not used, a software one is",
				   error);
		g_clear_error(&error);
		open_soft(lazy, core, &error);
	}
	if (lazy->real != NULL) {
		take_over(lazy);
		return 0;
	}
	log_reason(core, LOG_ERROR, "no RDMA", error);
	return error->code;
}

/* The first is the main reactor's. */
static int lazy_ctx_open(struct hw_rnic *rnic, struct reactor *reactor, struct rnic_ctx **out)
{
	struct lazy *lazy = (struct lazy *)rnic;
	int rc = 0;

	if (lazy->real == NULL)
		rc = reactor->index == 0 ? open_real(lazy, reactor->core) : -EINVAL;
	return rc < 0 ? rc : lazy->real->ops->ctx_open(lazy->real, reactor, out);
}

bool linux_rnic_new(const struct linux_hw_options *options, const struct hw *hw,
		    struct hw_rnic **out, GError **error)
{
	struct lazy *lazy;

	*out = NULL;
	if (options->rnic == LINUX_RNIC_NONE)
		return true;
	if (!roce_udp_check_addrs(options->rnic_addrs, options->n_rnic_addrs, error))
		return false;
	lazy = g_new0(struct lazy, 1);
	lazy->rnic.ops = &lazy->ops;
	lazy->ops.ctx_open = lazy_ctx_open;
	lazy->hw = hw;
	lazy->which = options->rnic;
	lazy->main_context = options->main_context;
	lazy->naddrs = options->n_rnic_addrs;
	for (unsigned i = 0; i < lazy->naddrs; i++)
		lazy->addrs[i] = options->rnic_addrs[i];
	*out = &lazy->rnic;
	return true;
}

void linux_rnic_free(struct hw_rnic *rnic)
{
	struct lazy *lazy = (struct lazy *)rnic;

	if (lazy == NULL)
		return;
	if (lazy->real != NULL)
		lazy->free(lazy->real);
	g_free(lazy);
}
