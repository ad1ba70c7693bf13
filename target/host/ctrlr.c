/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller's life: connect, loss, reconnect, disconnect. The steps between a
 * connected admin queue and LIVE are in init.c.
 *
 * Whatever goes wrong leads to RESETTING: every queue is told to close, and when
 * the last one has, it is decided what comes next (all_closed()).
 */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/host/priv.h"

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

void host_ctrlr_event(struct host_ctrlr *c, enum host_event event, const struct host_ns *ns)
{
	char subnqn[NVME_NQN_FIELD + 8];

	log_info(c->reactor->core->log, "host", host_event_name(event),
		 "subsystem=%s cntlid=%u nsid=%u", log_quote(c->subnqn, subnqn, sizeof(subnqn)),
		 c->cntlid, ns ? ns->nsid : 0);
	if (c->params.event)
		c->params.event(c, event, ns, c->params.event_arg);
}

static void ctrlr_free(struct host_ctrlr *c)
{
	reactor_cancel_task(c->reactor, &c->stop_task);
	reactor_cancel_task(c->reactor, &c->reset_task);
	reactor_timer_cancel(c->reactor, &c->poll);
	reactor_timer_cancel(c->reactor, &c->ka_timer);
	reactor_timer_cancel(c->reactor, &c->retry);
	reactor_timer_cancel(c->reactor, &c->again);
	host_qpair_free(c->admin);
	for (unsigned i = 0; i < c->nqueues; i++)
		host_qpair_free(c->queues[i]);
	g_free(c->queues);
	g_free(c->reactors);
	g_free(c->subnqn);
	g_free(c->hostnqn);
	g_free(c->id);
	g_free(c->buf);
	g_free(c->scan_buf);
	g_array_unref(c->ns);
	g_array_unref(c->found);
	g_array_unref(c->nsids);
	g_clear_error(&c->error);
	g_free(c);
}

/* The end: tells those who wait for it. */
static void finish(struct host_ctrlr *c)
{
	host_ctrlr_set_state(c, HOST_CTRLR_CLOSED);
	if (c->done) {
		if (c->stopping) {
			g_clear_error(&c->error);
			weft_error_set(&c->error, -ECANCELED, NULL, "Disconnected by the caller.");
		}
		c->done(c, c->error, c->done_arg);
	}
	if (c->stopped)
		c->stopped(c->stopped_arg);
	ctrlr_free(c);
}

/* --- closing ------------------------------------------------------------------------ */

static bool any_open(const struct host_ctrlr *c)
{
	if (c->admin->open)
		return true;
	for (unsigned i = 0; i < c->nqueues; i++)
		if (c->queues[i]->open)
			return true;
	return false;
}

static bool may_retry(const struct host_ctrlr *c)
{
	uint64_t loss = HOST_MS(c->params.loss_timeout_ms);

	if (!c->was_live || c->stopping || c->params.reconnect_delay_ms == 0)
		return false;
	return loss == 0 || c->reactor->now - c->lost_at < loss;
}

static void stop_queues(struct host_ctrlr *c, bool final)
{
	c->final = final;
	for (unsigned i = 0; i < c->nqueues; i++)
		if ((final || c->queues[i]->open) && !c->queues[i]->close_posted)
			host_qpair_stop(c->queues[i], final);
	if ((final || c->admin->open) && !c->admin->close_posted)
		host_qpair_stop(c->admin, final);
}

static void all_closed(struct host_ctrlr *c)
{
	if (may_retry(c)) {
		g_clear_error(&c->error);
		host_ctrlr_set_state(c, HOST_CTRLR_WAITING);
		reactor_timer_set(c->reactor, &c->retry,
				  c->reactor->now + HOST_MS(c->params.reconnect_delay_ms));
		return;
	}
	if (!c->final) {
		stop_queues(c, true);
		return;
	}
	if (c->stopping || !c->was_live) {
		finish(c);
		return;
	}
	host_ctrlr_set_state(c, HOST_CTRLR_DEAD);
	host_ctrlr_event(c, HOST_EVENT_DEAD, NULL);
}

static void teardown(struct host_ctrlr *c)
{
	bool lost = c->state == HOST_CTRLR_LIVE;

	if (lost)
		c->lost_at = c->reactor->now;
	host_ctrlr_set_state(c, HOST_CTRLR_RESETTING);
	reactor_timer_cancel(c->reactor, &c->poll);
	reactor_timer_cancel(c->reactor, &c->ka_timer);
	reactor_timer_cancel(c->reactor, &c->retry);
	host_ctrlr_again_stop(c);
	stop_queues(c, !may_retry(c));
	if (lost)
		host_ctrlr_event(c, HOST_EVENT_LOST, NULL);
	if (!any_open(c))
		all_closed(c);
}

void host_ctrlr_fail(struct host_ctrlr *c, GError *error)
{
	char text[512];

	switch (c->state) {
	case HOST_CTRLR_RESETTING:
	case HOST_CTRLR_WAITING:
	case HOST_CTRLR_DEAD:
	case HOST_CTRLR_CLOSED:
		g_error_free(error);
		return;
	default:
		break;
	}
	log_warn(c->reactor->core->log, "host", "connection failed", "cntlid=%u state=%s error=%s",
		 c->cntlid, host_ctrlr_state_name(c),
		 log_quote(weft_error_detail(error) ? weft_error_detail(error) : error->message,
			   text, sizeof(text)));
	if (c->error)
		g_error_free(error);
	else
		c->error = error;
	teardown(c);
}

void host_ctrlr_queue_failed(struct host_qpair *q)
{
	host_ctrlr_fail(q->ctrlr, host_queue_error(q));
}

void host_ctrlr_queue_closed(struct host_qpair *q)
{
	struct host_ctrlr *c = q->ctrlr;

	q->open = q->ready = q->close_posted = false;
	if (c->state == HOST_CTRLR_RESETTING && !any_open(c))
		all_closed(c);
}

/* --- connecting --------------------------------------------------------------------- */

static void start(struct host_ctrlr *c)
{
	host_ctrlr_set_state(c, HOST_CTRLR_ADMIN);
	c->nready = 0;
	c->final = false;
	c->max_io = c->admin->conn_next.max_io = HOST_MAX_IO;
	host_qpair_start(c->admin);
}

static void retry_fn(struct timer *timer, struct reactor *r)
{
	(void)r;
	start(container(timer, struct host_ctrlr, retry));
}

void host_ctrlr_live(struct host_ctrlr *c)
{
	bool again = c->was_live;

	g_clear_error(&c->error);
	host_ctrlr_set_state(c, HOST_CTRLR_LIVE);
	c->was_live = true;
	host_ctrlr_aer_start(c);
	if (again) {
		host_ctrlr_event(c, HOST_EVENT_LIVE, NULL);
	} else {
		host_connect_done done = c->done;

		c->done = NULL;
		done(c, NULL, c->done_arg);
	}
}

void host_ctrlr_queue_connected(struct host_qpair *q)
{
	struct host_ctrlr *c = q->ctrlr;

	if (c->state == HOST_CTRLR_ADMIN && q == c->admin) {
		c->cntlid = q->cntlid;
		host_ctrlr_begin(c);
	} else if (c->state == HOST_CTRLR_QUEUES && !q->ready) {
		q->ready = true;
		if (++c->nready == c->nqueues)
			host_ctrlr_live(c);
	}
}

void host_ctrlr_connect_queues(struct host_ctrlr *c, unsigned granted)
{
	unsigned size = MIN(c->params.queue_size, (c->cap & 0xffff) + 1);
	unsigned n = MIN(granted, c->params.io_queues);
	GError *error = NULL;

	if (c->queues && (n < c->nqueues || (n && size < c->queues[0]->size))) {
		weft_error_set(&error, -EPROTO, NULL,
			       "The target offers fewer or smaller queues than it did before.");
		host_ctrlr_fail(c, error);
		return;
	}
	if (!c->queues) {
		c->queues = g_new0(struct host_qpair *, n + 1);
		for (unsigned i = 0; i < n; i++)
			c->queues[i] = host_qpair_new(c, (uint16_t)(i + 1), (uint16_t)size,
						      c->reactors[i % c->params.nreactors]);
		c->nqueues = n;
	}
	if (c->nqueues == 0) {
		host_ctrlr_live(c);
		return;
	}
	for (unsigned i = 0; i < c->nqueues; i++) {
		c->queues[i]->conn_next = c->io_conn;
		host_qpair_start(c->queues[i]);
	}
}

/* --- what callers ask for ------------------------------------------------------------ */

static void stop_task_fn(struct task *task)
{
	struct host_ctrlr *c = container(task, struct host_ctrlr, stop_task);

	switch (c->state) {
	case HOST_CTRLR_LIVE:
		host_ctrlr_shutdown(c);
		break;
	case HOST_CTRLR_DEAD:
		finish(c);
		break;
	case HOST_CTRLR_RESETTING: /* all_closed() sees that we are stopping */
		break;
	default:
		teardown(c);
	}
}

/* A task of a reactor that may be asleep: the caller may be outside of a pass. */
static void soon(struct host_ctrlr *c, struct task *task)
{
	reactor_run_soon(c->reactor, task);
	if (c->reactor->runner)
		c->reactor->hw->env->ops->runner_wake(c->reactor->runner);
}

void host_ctrlr_disconnect(struct host_ctrlr *c, void (*done)(void *arg), void *arg)
{
	g_assert(!c->stopping);
	c->stopping = true;
	c->stopped = done;
	c->stopped_arg = arg;
	soon(c, &c->stop_task);
}

static void reset_task_fn(struct task *task)
{
	struct host_ctrlr *c = container(task, struct host_ctrlr, reset_task);
	GError *error = NULL;

	if (c->state != HOST_CTRLR_LIVE)
		return;
	weft_error_set(&error, -ECONNRESET, NULL, "Reset by the caller.");
	host_ctrlr_fail(c, error);
}

void host_ctrlr_reset(struct host_ctrlr *c)
{
	soon(c, &c->reset_task);
}

void host_params_default(struct host_params *p)
{
	*p = (struct host_params){
		.subnqn = NVME_DISCOVERY_NQN,
		.io_queues = 1,
		.queue_size = 129,
		.kato_ms = 10000,
		.io_timeout_ms = 30000,
		.connect_timeout_ms = 10000,
	};
}

static bool check_params(const struct host_params *p, GError **error)
{
	const char *bad = "A host NQN is needed.";

	if (!p->hostnqn || (bad = nvme_nqn_check(p->hostnqn)) != NULL)
		return weft_error_set(error, -EINVAL, "Invalid host NQN", "%s", bad);
	bad = p->subnqn ? nvme_subnqn_check(p->subnqn) : "A subsystem NQN is needed.";
	if (bad)
		return weft_error_set(error, -EINVAL, "Invalid subsystem NQN", "%s", bad);
	if (p->queue_size < 2 || p->queue_size > 4096)
		return weft_error_set(error, -EINVAL, "Invalid queue size",
				      "%u entries; 2 to 4096 are possible.", p->queue_size);
	if (p->io_queues > 1024)
		return weft_error_set(error, -EINVAL, "Invalid number of queues",
				      "%u; up to 1024 are possible.", p->io_queues);
	if (p->hpda > 31)
		return weft_error_set(error, -EINVAL, "Invalid HPDA", "%u; 0 to 31 are possible.",
				      p->hpda);
	if (p->transport == HOST_RDMA && (p->hdgst || p->ddgst))
		return weft_error_set(error, -EINVAL, "Invalid digest",
				      "Digests are NVMe/TCP's; RDMA has checksums of its own.");
	if (p->io_timeout_ms == 0 || p->connect_timeout_ms == 0)
		return weft_error_set(error, -EINVAL, "Invalid timeout", "It must not be 0.");
	return true;
}

struct host_ctrlr *host_ctrlr_connect(struct reactor *r, const struct host_params *params,
				      host_connect_done done, void *arg, GError **error)
{
	struct host_ctrlr *c;

	if (!check_params(params, error))
		return NULL;
	c = g_new0(struct host_ctrlr, 1);
	c->reactor = r;
	c->params = *params;
	c->params.subnqn = c->subnqn = g_strdup(params->subnqn);
	c->params.hostnqn = c->hostnqn = g_strdup(params->hostnqn);
	c->params.nreactors = MAX(1, params->nreactors);
	c->reactors = g_new0(struct reactor *, c->params.nreactors);
	for (unsigned i = 0; i < c->params.nreactors; i++)
		c->reactors[i] = params->nreactors ? params->reactors[i] : r;
	c->params.reactors = c->reactors;
	c->discovery = strcmp(c->subnqn, NVME_DISCOVERY_NQN) == 0;
	c->ops = params->transport == HOST_RDMA ? &host_rdma : &host_tcp;
	c->done = done;
	c->done_arg = arg;
	c->id = g_new0(struct nvme_id_ctrlr, 1);
	c->buf = g_malloc0(4096);
	c->scan_buf = g_malloc0(4096);
	c->ns = g_array_new(FALSE, TRUE, sizeof(struct host_ns));
	c->found = g_array_new(FALSE, TRUE, sizeof(struct host_ns));
	c->nsids = g_array_new(FALSE, TRUE, sizeof(uint32_t));
	c->stop_task.fn = stop_task_fn;
	c->reset_task.fn = reset_task_fn;
	timer_init(&c->retry, retry_fn);
	host_ctrlr_init(c);
	c->admin = host_qpair_new(c, 0, HOST_ADMIN_SIZE, r);
	start(c);
	return c;
}
