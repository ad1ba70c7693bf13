/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The reactors of one target: made, started, stopped and freed together; and
 * the two helpers of the control path that run something on other reactors.
 */
#include <errno.h>

#include "hw/net.h"
#include "target/core/buf.h"
#include "target/core/core.h"
#include "target/core/error.h"
#include "target/core/reactor-priv.h"
#include "target/core/trace.h"

#define DEFAULT_BUF_LIMIT ((size_t)128 << 20)
#define DEFAULT_TRACE_RECORDS 8192
#define MAX_TRACE_RECORDS (1u << 24)

static bool check_options(const struct core_options *o, GError **error)
{
	if (o->nreactors > CORE_MAX_REACTORS)
		return weft_error_set(error, -EINVAL, NULL,
				      "%u reactors asked for, at most %d are possible",
				      o->nreactors, CORE_MAX_REACTORS);
	if (o->buf_limit != 0 && o->buf_limit < BUF_MAX_SIZE)
		return weft_error_set(error, -EINVAL, NULL,
				      "a buffer limit of %zu bytes is less than one buffer of %d",
				      o->buf_limit, BUF_MAX_SIZE);
	if (o->trace_records > MAX_TRACE_RECORDS ||
	    (o->trace_records & (o->trace_records - 1)) != 0)
		return weft_error_set(error, -EINVAL, NULL,
				      "%u trace records: must be a power of two, at most %u",
				      o->trace_records, MAX_TRACE_RECORDS);
	return true;
}

static bool add_reactor(struct core *core, GError **error)
{
	const struct hw *hw = core->hw;
	unsigned index = core->nreactors;
	struct reactor *r = reactor_new(core, hw, index);

	core->reactors[core->nreactors++] = r;
	r->bufs = buf_pool_new(r, core->options.buf_limit);
	r->trace = trace_new(core->options.trace_records, (uint16_t)index, &r->now);
	if (hw->net != NULL) {
		int rc = hw->net->ops->ctx_open(hw->net, r, &r->net);

		if (rc < 0) {
			r->net = NULL;
			return weft_error_set(error, rc, NULL, "reactor %u: network: %s", index,
					      g_strerror(-rc));
		}
	}
	return true;
}

struct core *core_new(const struct hw *hw, const struct core_options *options, GError **error)
{
	if (!check_options(options, error))
		return NULL;

	struct core *core = g_new0(struct core, 1);

	core->hw = hw;
	core->options = *options;
	core->options.cpus = g_memdup2(options->cpus, options->nreactors * sizeof(int));
	if (core->options.nreactors == 0)
		core->options.nreactors = 1;
	if (core->options.buf_limit == 0)
		core->options.buf_limit = DEFAULT_BUF_LIMIT;
	if (core->options.trace_records == 0)
		core->options.trace_records = DEFAULT_TRACE_RECORDS;
	core->log = log_new(hw, options->log_level);
	for (unsigned i = 0; i < core->options.nreactors; i++) {
		if (!add_reactor(core, error)) {
			core_free(core);
			return NULL;
		}
	}
	return core;
}

static bool start_one(struct core *core, unsigned i, GError **error)
{
	struct reactor *r = core->reactors[i];
	const char *main_name = core->nreactors == 1 ? "weft" : "weft-main";
	g_autofree char *name = i == 0 ? g_strdup(main_name) : g_strdup_printf("weft-%u", i);
	int cpu = core->options.cpus != NULL ? core->options.cpus[i] : -1;
	int rc;

	if (r->runner != NULL)
		return true;
	rc = reactor_start(r, name, cpu, core->options.spin_ns);
	if (rc < 0)
		return weft_error_set(error, rc, NULL, "reactor %u (processor %d): %s", i, cpu,
				      g_strerror(-rc));
	return true;
}

bool core_start(struct core *core, GError **error)
{
	for (unsigned i = core->nreactors; i-- > 0;) {
		if (!start_one(core, i, error)) {
			core_stop(core);
			return false;
		}
	}
	return true;
}

void core_stop(struct core *core)
{
	g_assert(!reactor_is_current(core_main(core)));
	for (unsigned i = core->nreactors; i-- > 0;)
		reactor_stop(core->reactors[i]);
}

void core_free(struct core *core)
{
	if (core == NULL)
		return;
	core_stop(core);
	for (unsigned i = core->nreactors; i-- > 0;) {
		struct reactor *r = core->reactors[i];

		if (r->net != NULL)
			core->hw->net->ops->ctx_close(r->net);
	}
	for (unsigned i = core->nreactors; i-- > 0;) {
		struct reactor *r = core->reactors[i];

		buf_pool_free(r->bufs);
		trace_free(r->trace);
		reactor_free(r);
	}
	log_free(core->log);
	g_free((int *)core->options.cpus);
	g_free(core);
}

/* --- calls ------------------------------------------------------------------------ */

struct call {
	struct msg msg;
	void (*fn)(struct reactor *r, void *arg);
	void *arg;
};

static void call_run(struct msg *msg, struct reactor *r)
{
	g_autofree struct call *call = (struct call *)msg;

	call->fn(r, call->arg);
}

void core_call(struct reactor *r, void (*fn)(struct reactor *r, void *arg), void *arg)
{
	struct call *call = g_new0(struct call, 1);

	call->msg.fn = call_run;
	call->fn = fn;
	call->arg = arg;
	reactor_post(r, &call->msg);
}

/* One message a reactor: it goes there, runs each, and comes back to the main reactor. */
struct broadcast_msg {
	struct msg msg;
	struct broadcast *broadcast;
};

struct broadcast {
	void (*each)(struct reactor *r, void *arg);
	void (*done)(void *arg);
	void *arg;
	unsigned away; /* main reactor: messages that are not back yet */
	struct broadcast_msg msgs[];
};

static void broadcast_back(struct msg *msg, struct reactor *r)
{
	struct broadcast *b = ((struct broadcast_msg *)msg)->broadcast;

	(void)r;
	if (--b->away > 0)
		return;
	if (b->done != NULL)
		b->done(b->arg);
	g_free(b);
}

static void broadcast_run(struct msg *msg, struct reactor *r)
{
	struct broadcast *b = ((struct broadcast_msg *)msg)->broadcast;

	b->each(r, b->arg);
	msg->fn = broadcast_back;
	reactor_post(core_main(r->core), msg);
}

void core_broadcast(struct core *core, void (*each)(struct reactor *r, void *arg),
		    void (*done)(void *arg), void *arg)
{
	struct broadcast *b = g_malloc0(sizeof(*b) + core->nreactors * sizeof(b->msgs[0]));

	b->each = each;
	b->done = done;
	b->arg = arg;
	b->away = core->nreactors;
	for (unsigned i = 0; i < core->nreactors; i++) {
		b->msgs[i].broadcast = b;
		b->msgs[i].msg.fn = broadcast_run;
		reactor_post(core->reactors[i], &b->msgs[i].msg);
	}
}

void core_drop_msg(struct msg *msg)
{
	if (msg->fn == call_run) {
		g_free(msg);
	} else if (msg->fn == broadcast_run || msg->fn == broadcast_back) {
		struct broadcast *b = ((struct broadcast_msg *)msg)->broadcast;

		if (--b->away == 0)
			g_free(b);
	}
}
