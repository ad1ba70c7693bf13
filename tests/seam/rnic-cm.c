/* SPDX-License-Identifier: BSD-3-Clause */
/* Conformance of hw/rnic.h: connections. */
#include <errno.h>
#include <string.h>

#include "tests/seam/rnic-peer.h"

static void listening(struct conn *c, struct pair *p)
{
	struct net_addr addr;

	pair_up(p);
	addr = p->target.addr;
	conn_listen(c, p, &addr);
}

/* The request that has come, as an end of its own. */
static struct seen *take_request(struct conn *c)
{
	struct seen *seen = end_event(&c->listener, RDMA_CM_EVENT_CONNECT_REQUEST);

	c->target.id = seen->id;
	CALL(&c->pair->target, id_move, seen->id, c->pair->target.ctx[0], &end_cb, &c->target);
	return seen;
}

static int accept_with(struct conn *c, const void *data, unsigned len)
{
	struct rdma_conn_param param = { .private_data = data,
					 .private_data_len = (uint8_t)len,
					 .responder_resources = 4,
					 .initiator_depth = 255,
					 .rnr_retry_count = 7 };

	pair_step(c->pair);
	return CALL(&c->pair->target, accept, c->target.id, &param);
}

/* --- listening ------------------------------------------------------------------------- */

static int try_listen(struct side *s, const struct net_addr *addr, struct rnic_id **id)
{
	return CALL(s, id_listen, s->ctx[0], addr, 1, &end_cb, NULL, id);
}

static void test_listen(void)
{
	struct net_addr addr, any = { .family = NET_INET }, other;
	struct rnic_id *id, *wild;
	struct conn c;
	struct pair p;

	listening(&c, &p);
	addr = c.addr;
	expect_error(try_listen(&p.target, &addr, &id), -EADDRINUSE);
	any.port = addr.port;
	expect_error(try_listen(&p.target, &any, &id), -EADDRINUSE);
	any.port++;
	g_assert_cmpint(try_listen(&p.target, &any, &wild), ==, 0);
	g_assert_null(CALL(&p.target, id_device, wild));
	g_assert_true(CALL(&p.target, id_device, c.listener.id) == p.target.dev);
	addr.port++;
	expect_error(try_listen(&p.target, &addr, &id), -EADDRINUSE);
	CALL(&p.target, id_destroy, wild);
	g_assert_cmpint(try_listen(&p.target, &addr, &id), ==, 0);
	CALL(&p.target, id_local, id, &other);
	g_assert_true(net_addr_equal(&other, &addr));
	CALL(&p.target, id_destroy, id);
	g_assert_true(net_addr_parse(&other, rnic_backend_foreign(), NULL, NULL));
	expect_error(try_listen(&p.target, &other, &id), -EADDRNOTAVAIL);
	net_addr_unix(&other, "/tmp/x");
	expect_error(try_listen(&p.target, &other, &id), -EAFNOSUPPORT);
	conn_down(&c);
}

static void test_wildcard(void)
{
	struct net_addr any = { .family = NET_INET }, local;
	struct conn c;
	struct pair p;

	pair_up(&p);
	conn_listen(&c, &p, &any);
	conn_open(&c, NULL);
	CALL(&p.target, id_local, c.target.id, &local);
	g_assert_true(net_addr_equal(&local, &c.addr));
	conn_down(&c);
}

/* --- resolving ---------------------------------------------------------------------------- */

static void test_resolve(void)
{
	struct net_addr foreign, far;
	struct rnic_id *id;
	struct conn c;
	struct pair p;

	listening(&c, &p);
	g_assert_true(net_addr_parse(&foreign, rnic_backend_foreign(), NULL, NULL));
	expect_error(CALL(&p.host, id_resolve, p.host.ctx[0], &c.addr, &foreign, 100, &end_cb,
			  &c.host, &id),
		     -EADDRNOTAVAIL);
	foreign.family = NET_INET6;
	expect_error(CALL(&p.host, id_resolve, p.host.ctx[0], &c.addr, &foreign, 100, &end_cb,
			  &c.host, &id),
		     -EAFNOSUPPORT);
	g_assert_cmpint(CALL(&p.host, id_resolve, p.host.ctx[0], &c.addr, &p.host.addr, 100,
			     &end_cb, &c.host, &c.host.id),
			==, 0);
	end_event(&c.host, RDMA_CM_EVENT_ROUTE_RESOLVED);
	end_clear(&c.host);
	end_init(&c.host, &p.host);
	g_assert_true(net_addr_parse(&far, backend_far(), "4420", NULL));
	g_assert_cmpint(CALL(&p.host, id_resolve, p.host.ctx[0], &far, NULL, 100, &end_cb, &c.host,
			     &c.host.id),
			==, 0);
	g_assert_cmpint(end_event(&c.host, RDMA_CM_EVENT_ADDR_ERROR)->status, <, 0);
	conn_down(&c);
}

/* --- connecting ------------------------------------------------------------------------------ */

static void test_private_data(void)
{
	uint8_t ask[RNIC_CM_REQ_PRIVATE + 1], say[RNIC_CM_REP_PRIVATE + 1];
	struct rdma_conn_param param = { .private_data = ask, .private_data_len = sizeof(ask) };
	struct net_addr a, b;
	struct seen *seen;
	struct conn c;
	struct pair p;

	memset(ask, 0xa5, sizeof(ask));
	memset(say, 0x5a, sizeof(say));
	listening(&c, &p);
	conn_resolve(&c);
	g_assert_cmpint(CALL(&p.host, connect, c.host.id, &param), ==, -EINVAL);
	param.private_data_len = RNIC_CM_REQ_PRIVATE;
	param.responder_resources = 3;
	param.initiator_depth = 2;
	param.retry_count = 5;
	param.rnr_retry_count = 6;
	pair_step(&p);
	g_assert_cmpint(CALL(&p.host, connect, c.host.id, &param), ==, 0);
	seen = take_request(&c);
	g_assert_cmpuint(seen->param.private_data_len, ==, RNIC_CM_REQ_PRIVATE);
	g_assert_cmpmem(seen->data, RNIC_CM_REQ_PRIVATE, ask, RNIC_CM_REQ_PRIVATE);
	/* What the target may have: the host answers 3 READs at a time, and makes 2. */
	g_assert_cmpuint(seen->param.responder_resources, ==, 2);
	g_assert_cmpuint(seen->param.initiator_depth, ==, 3);
	g_assert_cmpuint(seen->param.retry_count, ==, 5);
	g_assert_cmpuint(seen->param.rnr_retry_count, ==, 6);
	g_assert_cmpuint(seen->param.qp_num, ==, CALL(&p.host, qp_num, c.host.qp));
	CALL(&p.target, id_remote, c.target.id, &a);
	CALL(&p.host, id_local, c.host.id, &b);
	g_assert_true(net_addr_equal(&a, &b));
	g_assert_cmpint(accept_with(&c, NULL, 0), ==, -EINVAL); /* no queue pair */
	g_assert_cmpint(end_qp(&c.target, NULL, 8), ==, 0);
	g_assert_cmpint(accept_with(&c, say, sizeof(say)), ==, -EINVAL);
	g_assert_cmpint(accept_with(&c, say, RNIC_CM_REP_PRIVATE), ==, 0);
	seen = end_event(&c.host, RDMA_CM_EVENT_ESTABLISHED);
	g_assert_cmpuint(seen->param.private_data_len, ==, RNIC_CM_REP_PRIVATE);
	g_assert_cmpmem(seen->data, RNIC_CM_REP_PRIVATE, say, RNIC_CM_REP_PRIVATE);
	/* At most what was asked for: 2 READs of the host's, 3 of the target's. */
	g_assert_cmpuint(seen->param.responder_resources, ==, 3);
	g_assert_cmpuint(seen->param.initiator_depth, ==, 2);
	g_assert_cmpuint(seen->param.qp_num, ==, CALL(&p.target, qp_num, c.target.qp));
	end_event(&c.target, RDMA_CM_EVENT_ESTABLISHED);
	conn_down(&c);
}

static void test_reject(void)
{
	uint8_t why[RNIC_CM_REJ_PRIVATE + 1];
	struct seen *seen;
	struct conn c;
	struct pair p;

	memset(why, 0x77, sizeof(why));
	listening(&c, &p);
	conn_ask(&c, "hello", 5);
	seen = take_request(&c);
	g_assert_cmpmem(seen->data, 5, "hello", 5);
	g_assert_cmpint(CALL(&p.target, reject, c.target.id, why, sizeof(why)), ==, -EINVAL);
	g_assert_cmpint(CALL(&p.target, reject, c.target.id, why, RNIC_CM_REJ_PRIVATE), ==, 0);
	seen = end_event(&c.host, RDMA_CM_EVENT_REJECTED);
	g_assert_cmpint(seen->status, ==, RNIC_REJ_CONSUMER);
	g_assert_cmpmem(seen->data, seen->param.private_data_len, why, RNIC_CM_REJ_PRIVATE);
	g_assert_cmpint(CALL(&p.host, qp_state, c.host.qp), ==, IBV_QPS_ERR);
	conn_down(&c);
}

static void test_nobody_listens(void)
{
	struct conn c;
	struct pair p;

	listening(&c, &p);
	c.addr.port++;
	conn_ask(&c, NULL, 0);
	g_assert_cmpint(end_event(&c.host, RDMA_CM_EVENT_REJECTED)->status, ==,
			RNIC_REJ_INVALID_SERVICE_ID);
	conn_down(&c);
}

/* Both ways: nobody answers the REQ; nobody answers the REP. */
static void test_unreachable(void)
{
	struct conn c;
	struct pair p;

	if (!rnic_backend_virtual()) {
		cover_skip("event", "UNREACHABLE",
			   "a request is given up after 17 s, of real time");
		g_test_skip("takes 17 s of real time");
		return;
	}
	listening(&c, &p);
	rnic_backend_port(p.target.rnic, false);
	conn_ask(&c, NULL, 0);
	g_assert_cmpint(end_event(&c.host, RDMA_CM_EVENT_UNREACHABLE)->status, ==, -ETIMEDOUT);
	rnic_backend_port(p.target.rnic, true);
	end_clear(&c.host);
	end_init(&c.host, &p.host);
	conn_ask(&c, NULL, 0);
	take_request(&c);
	rnic_backend_port(p.host.rnic, false);
	g_assert_cmpint(end_qp(&c.target, NULL, 8), ==, 0);
	g_assert_cmpint(accept_with(&c, NULL, 0), ==, 0);
	g_assert_cmpint(end_event(&c.target, RDMA_CM_EVENT_UNREACHABLE)->status, ==, -ETIMEDOUT);
	g_assert_cmpint(end_event(&c.host, RDMA_CM_EVENT_UNREACHABLE)->status, ==, -ETIMEDOUT);
	conn_down(&c);
}

/* The RTU is lost: the first packet of the host says as much, and is received. */
static void test_early(void)
{
	struct conn c;
	struct pair p;

	listening(&c, &p);
	if (!rnic_backend_lose_rtu(p.rig.b)) {
		cover_skip("async", "COMM_EST", "the RTU is not lost on request on this network");
		g_test_skip("the RTU cannot be lost on request");
		conn_down(&c);
		return;
	}
	conn_ask(&c, NULL, 0);
	take_request(&c);
	g_assert_cmpint(end_qp(&c.target, NULL, 8), ==, 0);
	end_recv(&c.target, 1, 0, 64);
	g_assert_cmpint(accept_with(&c, NULL, 0), ==, 0);
	end_event(&c.host, RDMA_CM_EVENT_ESTABLISHED);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 2, 0, 64, 0, 0), ==, 0);
	side_expect(&p.target, 1, IBV_WC_SUCCESS);
	end_async(&c.target, IBV_EVENT_COMM_EST);
	end_event(&c.target, RDMA_CM_EVENT_ESTABLISHED);
	side_expect(&p.host, 2, IBV_WC_SUCCESS);
	g_assert_cmpuint(c.host.async, ==, 0);
	conn_down(&c);
}

/* A device to itself, over IPv6. */
static void test_itself(void)
{
	struct net_addr addr;
	struct conn c;
	struct pair p;

	if (!rnic_backend_addr6()) {
		g_test_skip("there is no address of IPv6");
		return;
	}
	pair_up(&p);
	g_assert_true(net_addr_parse(&addr, rnic_backend_addr6(), NULL, NULL));
	conn_listen(&c, &p, &addr);
	c.host.side = &p.target;
	conn_open(&c, NULL);
	memset(p.target.mem, 0x5c, 9000);
	end_recv(&c.target, 1, 20000, 9000);
	g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, 2, 0, 9000, 0, 0), ==, 0);
	side_expect(&p.target, 1, IBV_WC_SUCCESS);
	side_expect(&p.target, 2, IBV_WC_SUCCESS);
	g_assert_cmpmem(p.target.mem, 9000, p.target.mem + 20000, 9000);
	conn_down(&c);
}

/* --- disconnecting --------------------------------------------------------------------------- */

static void check_gone(struct conn *c, struct end *first, struct end *second)
{
	end_recv(&c->host, 1, 0, 8);
	end_recv(&c->target, 2, 0, 8);
	pair_step(c->pair);
	CALL(first->side, disconnect, first->id);
	end_event(first, RDMA_CM_EVENT_DISCONNECTED);
	end_event(second, RDMA_CM_EVENT_DISCONNECTED);
	side_expect(&c->pair->host, 1, IBV_WC_WR_FLUSH_ERR);
	side_expect(&c->pair->target, 2, IBV_WC_WR_FLUSH_ERR);
	g_assert_cmpint(CALL(first->side, qp_state, first->qp), ==, IBV_QPS_ERR);
	g_assert_cmpint(CALL(second->side, qp_state, second->qp), ==, IBV_QPS_ERR);
	end_event(first, RDMA_CM_EVENT_TIMEWAIT_EXIT);
	end_event(second, RDMA_CM_EVENT_TIMEWAIT_EXIT);
}

static void test_disconnect(void)
{
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	check_gone(&c, &c.host, &c.target);
	end_clear(&c.host);
	end_clear(&c.target);
	end_init(&c.host, &p.host);
	end_init(&c.target, &p.target);
	conn_open(&c, NULL);
	check_gone(&c, &c.target, &c.host);
	conn_down(&c);
}

/* Both at once. */
static void test_disconnect_both(void)
{
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	CALL(&p.host, disconnect, c.host.id);
	CALL(&p.target, disconnect, c.target.id);
	CALL(&p.target, disconnect, c.target.id);
	end_event(&c.host, RDMA_CM_EVENT_DISCONNECTED);
	end_event(&c.target, RDMA_CM_EVENT_DISCONNECTED);
	end_event(&c.host, RDMA_CM_EVENT_TIMEWAIT_EXIT);
	end_event(&c.target, RDMA_CM_EVENT_TIMEWAIT_EXIT);
	conn_down(&c);
}

/* --- destroyed in each state --------------------------------------------------------------------
 */

static void gone(struct end *e)
{
	struct side *s = e->side;

	end_clear(e);
	end_init(e, s);
}

static void test_destroy_early(void)
{
	struct conn c;
	struct pair p;

	listening(&c, &p);
	/* resolved; */
	conn_resolve(&c);
	gone(&c.host);
	/* requested, and the target has not said anything: it hears when it does, or cannot; */
	conn_ask(&c, NULL, 0);
	take_request(&c);
	gone(&c.host);
	if (end_qp(&c.target, NULL, 8) == 0 && accept_with(&c, NULL, 0) == 0)
		end_event(&c.target, RDMA_CM_EVENT_REJECTED);
	gone(&c.target);
	/* a request: that rejects it; */
	conn_ask(&c, NULL, 0);
	take_request(&c);
	gone(&c.target);
	end_event(&c.host, RDMA_CM_EVENT_REJECTED);
	gone(&c.host);
	/* a listener whose request is not answered: it still can be, or destroyed. */
	conn_ask(&c, NULL, 0);
	end_event(&c.listener, RDMA_CM_EVENT_CONNECT_REQUEST);
	c.target.id = g_array_index(c.listener.events, struct seen, c.listener.at - 1).id;
	gone(&c.listener);
	gone(&c.target);
	end_event(&c.host, RDMA_CM_EVENT_REJECTED);
	conn_down(&c);
}

/* Its peer has gone with the first word or the second. */
static void seen_gone(struct end *e)
{
	if (end_peek(e) == RDMA_CM_EVENT_CONNECT_ERROR) {
		end_event(e, RDMA_CM_EVENT_CONNECT_ERROR);
		return;
	}
	end_event(e, RDMA_CM_EVENT_ESTABLISHED);
	end_event(e, RDMA_CM_EVENT_DISCONNECTED);
}

static void test_destroy_late(void)
{
	struct conn c;
	struct pair p;

	/* accepted, before the RTU */
	listening(&c, &p);
	conn_ask(&c, NULL, 0);
	take_request(&c);
	g_assert_cmpint(end_qp(&c.target, NULL, 8), ==, 0);
	g_assert_cmpint(accept_with(&c, NULL, 0), ==, 0);
	gone(&c.target);
	seen_gone(&c.host);
	gone(&c.host);
	/* established, each side */
	conn_open(&c, NULL);
	gone(&c.target);
	end_event(&c.host, RDMA_CM_EVENT_DISCONNECTED);
	gone(&c.host);
	conn_open(&c, NULL);
	gone(&c.host);
	end_event(&c.target, RDMA_CM_EVENT_DISCONNECTED);
	/* that was timewait; and while a DREQ waits for its answer */
	gone(&c.target);
	conn_open(&c, NULL);
	CALL(&p.host, disconnect, c.host.id);
	gone(&c.host);
	end_event(&c.target, RDMA_CM_EVENT_DISCONNECTED);
	gone(&c.target);
	conn_down(&c);
}

/* --- destroyed inside of callbacks
 * -------------------------------------------------------------------- */

static void destroy_self(struct end *e, const struct rnic_cm_event *event)
{
	if (event->type != *(enum rdma_cm_event_type *)e->arg)
		return;
	if (e->qp)
		CALL(e->side, qp_destroy, e->qp);
	e->qp = NULL;
	CALL(e->side, id_destroy, e->id);
	e->id = NULL;
}

static void destroy_request(struct end *e, const struct rnic_cm_event *event)
{
	if (event->type != RDMA_CM_EVENT_CONNECT_REQUEST)
		return;
	CALL(e->side, id_destroy, event->id);
	if (e->arg) {
		CALL(e->side, id_destroy, e->id);
		e->id = NULL;
	}
}

static void test_destroy_inside(void)
{
	enum rdma_cm_event_type established = RDMA_CM_EVENT_ESTABLISHED,
				lost = RDMA_CM_EVENT_DISCONNECTED,
				resolved = RDMA_CM_EVENT_ROUTE_RESOLVED;
	struct conn c;
	struct pair p;

	listening(&c, &p);
	/* the request, then the listener with it */
	for (unsigned i = 0; i < 2; i++) {
		c.listener.hook = destroy_request;
		c.listener.arg = i ? &c : NULL;
		conn_ask(&c, NULL, 0);
		end_event(&c.listener, RDMA_CM_EVENT_CONNECT_REQUEST);
		end_event(&c.host, RDMA_CM_EVENT_REJECTED);
		gone(&c.host);
	}
	end_clear(&c.listener);
	end_clear(&c.target);
	end_clear(&c.host);
	conn_listen(&c, &p, &p.target.addr);
	/* an id, when it is resolved; established; disconnected */
	c.host.hook = destroy_self;
	c.host.arg = &resolved;
	g_assert_cmpint(CALL(&p.host, id_resolve, p.host.ctx[0], &c.addr, NULL, 1000, &end_cb,
			     &c.host, &c.host.id),
			==, 0);
	end_event(&c.host, RDMA_CM_EVENT_ROUTE_RESOLVED);
	g_assert_null(c.host.id);
	gone(&c.host);
	c.host.hook = destroy_self;
	c.host.arg = &established;
	c.target.hook = destroy_self;
	c.target.arg = &lost;
	conn_ask(&c, NULL, 0);
	take_request(&c);
	g_assert_cmpint(end_qp(&c.target, NULL, 8), ==, 0);
	g_assert_cmpint(accept_with(&c, NULL, 0), ==, 0);
	end_event(&c.host, RDMA_CM_EVENT_ESTABLISHED);
	/* Linux' CM works on messages at the same time: its DREQ may be seen before its RTU. */
	if (end_peek(&c.target) == RDMA_CM_EVENT_ESTABLISHED)
		end_event(&c.target, RDMA_CM_EVENT_ESTABLISHED);
	end_event(&c.target, RDMA_CM_EVENT_DISCONNECTED);
	g_assert_null(c.host.id);
	g_assert_null(c.target.id);
	conn_down(&c);
}

/* --- removal
 * --------------------------------------------------------------------------------------------- */

static bool not_removing(void *arg)
{
	return ((struct side *)arg)->removing == 0;
}

static void test_removal(void)
{
	struct net_addr addr;
	struct rnic_pd *pd;
	struct rnic_id *id;
	struct conn c;
	struct pair p;

	conn_up(&c, &p);
	addr = p.target.addr;
	end_recv(&c.target, 1, 0, 8);
	rnic_backend_remove(p.target.rnic);
	rig_wait(&p.rig, not_removing, &p.target);
	end_event(&c.target, RDMA_CM_EVENT_DEVICE_REMOVAL);
	end_event(&c.listener, RDMA_CM_EVENT_DEVICE_REMOVAL);
	side_expect(&p.target, 1, IBV_WC_WR_FLUSH_ERR);
	g_assert_cmpint(p.target.removing, ==, 1);
	expect_error(CALL(&p.target, pd_alloc, p.target.dev, &pd), -ENODEV);
	expect_error(try_listen(&p.target, &addr, &id), -ENODEV);
	CALL(&p.host, qp_error, c.host.qp);
	conn_down(&c);
}

/* --- other reactors
 * ------------------------------------------------------------------------------------------- */

struct far {
	struct conn *c;
	struct rnic_cq *cq;
	unsigned n; /* wrs */
	bool told;
};

static void far_accept(struct reactor *r, void *arg)
{
	struct far *far = arg;
	struct conn *c = far->c;
	struct side *s = &c->pair->target;
	struct rnic_qp_init init = {
		.cap = { .max_send_wr = 8, .max_recv_wr = 8, .max_send_sge = 1, .max_recv_sge = 1 },
		.cb = &end_qp_cb,
		.user = &c->target
	};
	struct rdma_conn_param param = { .responder_resources = 4, .rnr_retry_count = 7 };

	g_assert_cmpint(CALL(s, cq_create, s->ctx[r->index], s->dev, 64, NULL, NULL, &far->cq), ==,
			0);
	init.send_cq = init.recv_cq = far->cq;
	g_assert_cmpint(CALL(s, qp_create, c->target.id, s->pd, &init, &c->target.qp), ==, 0);
	for (far->n = 0; far->n < 8; far->n++)
		end_recv(&c->target, far->n, 4096 * far->n, 4096);
	g_assert_cmpint(CALL(s, accept, c->target.id, &param), ==, 0);
}

static void far_check(struct reactor *r, void *arg)
{
	struct far *far = arg;
	struct side *s = &far->c->pair->target;
	struct ibv_wc wcs[16];

	(void)r;
	g_assert_cmpint(CALL(s, cq_poll, far->cq, 16, wcs), ==, far->n);
	for (unsigned i = 0; i < far->n; i++)
		g_assert_cmpint(wcs[i].status, ==, IBV_WC_SUCCESS);
	CALL(s, disconnect, far->c->target.id);
}

static void far_look(struct reactor *r, void *arg)
{
	struct far *far = arg;

	(void)r;
	far->told = far->c->target.events->len > 0;
}

static void far_close(struct reactor *r, void *arg)
{
	struct far *far = arg;
	struct side *s = &far->c->pair->target;

	(void)r;
	g_assert_cmpint(g_array_index(far->c->target.events, struct seen, 0).type, ==,
			RDMA_CM_EVENT_ESTABLISHED);
	end_clear(&far->c->target);
	g_assert_cmpint(CALL(s, cq_destroy, far->cq), ==, 0);
}

static void test_move(void)
{
	struct conn c;
	struct pair p;
	struct far far = { .c = &c };

	listening(&c, &p);
	for (unsigned round = 0; round < 3; round++) {
		conn_ask(&c, NULL, 0);
		c.target.id = end_event(&c.listener, RDMA_CM_EVENT_CONNECT_REQUEST)->id;
		CALL(&p.target, id_move, c.target.id, p.target.ctx[1], &end_cb, &c.target);
		rig_on(&p.rig, 1, far_accept, &far);
		end_event(&c.host, RDMA_CM_EVENT_ESTABLISHED);
		for (unsigned i = 0; i < far.n; i++)
			g_assert_cmpint(end_send(&c.host, IBV_WR_SEND, i, 0, 4096, 0, 0), ==, 0);
		for (unsigned i = 0; i < far.n; i++)
			side_expect(&p.host, i, IBV_WC_SUCCESS);
		rig_on(&p.rig, 1, far_check, &far);
		end_event(&c.host, RDMA_CM_EVENT_DISCONNECTED);
		/* The host's reactor may hear of the end before the target's of the beginning. */
		far.told = false;
		for (unsigned i = 0; i < 100000 && !far.told; i++)
			rig_on(&p.rig, 1, far_look, &far);
		g_assert_true(far.told);
		rig_on(&p.rig, 1, far_close, &far);
		end_init(&c.target, &p.target);
		gone(&c.host);
	}
	conn_down(&c);
}

/* --- many
 * -------------------------------------------------------------------------------------------------------
 */

#define MANY 40

static void test_many(void)
{
	struct conn all[MANY], *first = &all[0];
	struct pair p;

	listening(first, &p);
	for (unsigned i = 0; i < MANY; i++) {
		if (i > 0) {
			all[i] = *first;
			end_init(&all[i].host, &p.host);
			end_init(&all[i].target, &p.target);
		}
		conn_open(&all[i], NULL);
		first->listener = all[i].listener;
		end_recv(&all[i].target, i, 64 * i, 64);
	}
	for (unsigned i = 0; i < MANY; i++) {
		memset(p.host.mem, (int)i, 64);
		g_assert_cmpint(end_send(&all[i].host, IBV_WR_SEND, i, 0, 64, 0, 0), ==, 0);
		side_expect(&p.host, i, IBV_WC_SUCCESS);
		side_expect(&p.target, i, IBV_WC_SUCCESS);
		g_assert_cmpuint(p.target.mem[64 * i + 63], ==, i);
	}
	for (unsigned i = 1; i < MANY; i++) {
		end_clear(&all[i].host);
		end_event(&all[i].target, RDMA_CM_EVENT_DISCONNECTED);
		end_clear(&all[i].target);
	}
	conn_down(first);
}

void add_cm_tests(void)
{
	g_test_add_func("/rnic/cm/listen", test_listen);
	g_test_add_func("/rnic/cm/wildcard", test_wildcard);
	g_test_add_func("/rnic/cm/resolve", test_resolve);
	g_test_add_func("/rnic/cm/private-data", test_private_data);
	g_test_add_func("/rnic/cm/reject", test_reject);
	g_test_add_func("/rnic/cm/nobody-listens", test_nobody_listens);
	g_test_add_func("/rnic/cm/unreachable", test_unreachable);
	g_test_add_func("/rnic/cm/early", test_early);
	g_test_add_func("/rnic/cm/itself", test_itself);
	g_test_add_func("/rnic/cm/disconnect", test_disconnect);
	g_test_add_func("/rnic/cm/disconnect-both", test_disconnect_both);
	g_test_add_func("/rnic/cm/destroy-early", test_destroy_early);
	g_test_add_func("/rnic/cm/destroy-late", test_destroy_late);
	g_test_add_func("/rnic/cm/destroy-inside", test_destroy_inside);
	g_test_add_func("/rnic/cm/move", test_move);
	g_test_add_func("/rnic/cm/many", test_many);
	/* Last: a device that is back counts its queue pairs anew, and the kernel's CM takes them
	 * for stale ones for a while. */
	g_test_add_func("/rnic/cm/removal", test_removal);
}
