/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests that end something which may hang: a bdev whose backend does not
 * answer, and what uses it. Such a request is answered in any case; what it began
 * goes on by itself.
 */
#include <errno.h>

#include "target/rpc/methods.h"

struct rpc_patience {
	struct rpc_request *req; /* NULL: it has been answered */
	char *(*waits)(void *arg);
	void *arg;
};

static bool look(struct rpc_request *req, bool give_up)
{
	struct rpc_patience *p = req->scratch;

	if (!give_up)
		return false;
	p->req = NULL;
	rpc_fail_with(req, -ESHUTDOWN, NULL, "weftd is shutting down");
	return true;
}

static void out_of_patience(struct timer *timer, struct reactor *r)
{
	struct rpc_request *req =
		(struct rpc_request *)((char *)timer - offsetof(struct rpc_request, timer));
	struct rpc_patience *p = req->scratch;
	g_autofree char *what = p->waits(p->arg);

	(void)r;
	p->req = NULL;
	rpc_wait_cancel(req);
	rpc_fail_with(req, -ETIMEDOUT, NULL,
		      "%s after %u s; this goes on by itself, and ends when the backend has "
		      "answered",
		      what, (unsigned)(RPC_PATIENCE / 1000000000));
}

struct rpc_patience *rpc_patience_new(struct rpc_request *req, char *(*waits)(void *arg), void *arg)
{
	struct rpc_patience *p = g_new0(struct rpc_patience, 1);
	struct reactor *r = req->server->reactor;

	*p = (struct rpc_patience){ .req = req, .waits = waits, .arg = arg };
	req->scratch = p;
	req->timer.fn = out_of_patience;
	reactor_timer_set(r, &req->timer, r->now + RPC_PATIENCE);
	rpc_wait(req, look);
	return p;
}

void rpc_patience_done(void *arg, const GError *error)
{
	struct rpc_patience *p = arg;
	struct rpc_request *req = p->req;

	g_free(p);
	if (!req)
		return;
	rpc_wait_cancel(req);
	rpc_done(req, error);
}

void rpc_patience_removed(void *patience)
{
	rpc_patience_done(patience, NULL);
}
