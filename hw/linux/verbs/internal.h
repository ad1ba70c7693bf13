/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of the module: module.c (operations, entry), ctx.c (what a reactor has, what it
 * waits for), scan.c (which devices there are), nodes.c (their nodes), trouble.c (why there
 * are none), device.c (a device, its memory), async.c (events of libibverbs), cq.c, srq.c,
 * qp.c, cm.c (ids), cm-event.c.
 *
 * Events. Those of the CM come by a channel of each context and are acknowledged before
 * their callback is called; those of CQs by a channel of each context and device; those of
 * devices (async) are read by the main reactor alone, acknowledged at once and sent to the
 * reactor of their object under its serial number, which is nobody's when it was destroyed
 * meanwhile. So no destroy ever waits for an event that its own caller would have to
 * acknowledge.
 */
#pragma once

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

#include "hw/linux/verbs/verbs.h"
#include "target/core/core.h"
#include "target/core/error.h"

#define VERBS_INLINE 64 /* a hint: providers do not say; see verbs_qp_create() */

struct verbs {
	struct verbs_rnic made;
	const struct hw *hw;
	char *only;	     /* name of a device, or NULL */
	uint8_t ack_timeout; /* verbs_options */
	struct log *log;     /* once the main reactor's context is open */
	pthread_mutex_t lock;
	struct rnic_device *devices;   /* changed by the main reactor, with the lock */
	struct rnic_watcher *watchers; /* that have been told of all devices */
	struct verbs_watch *watches;   /* those that have not */
	struct rnic_ctx *ctxs[CORE_MAX_REACTORS];
	struct reactor *_Atomic reactors[CORE_MAX_REACTORS];
};

/* Something that a context's epoll waits for. */
struct verbs_source {
	void (*ready)(struct verbs_source *source);
	int fd;
};

/*
 * Something that asynchronous events are about: the first member of it. Added before the
 * library has it: events may come before the call that makes it returns.
 */
struct verbs_object {
	gint64 serial;
	struct rnic_ctx *ctx;
	void (*event)(struct verbs_object *object, enum ibv_event_type type);
};

struct verbs_watch;

/* Completion channel of a context and a device. */
struct verbs_channel {
	struct verbs_source source;
	struct verbs_channel *next;
	struct rnic_ctx *ctx;
	struct rnic_device *dev;
	struct ibv_comp_channel *channel;
	unsigned users;
};

/* The directory of the kernel's nodes (nodes.c). */
struct verbs_nodes {
	struct verbs_source source; /* first */
	char *dir;
	int wd, above; /* watches: of it, -1: there is none; of the one above it */
	/* Some may be there that were not; a node has gone. */
	void (*came)(struct verbs_nodes *n);
	void (*went)(struct verbs_nodes *n, const char *node);
};

struct rnic_ctx {
	struct verbs *verbs;
	struct reactor *reactor;
	struct engine engine;
	unsigned index;
	bool look;	 /* at the descriptors, in the next poll */
	uint64_t looked; /* when last */
	int epoll;
	struct rdma_event_channel *cm;
	struct verbs_source cm_source;
	struct verbs_channel *channels;
	GHashTable *objects; /* by serial number */
	gint64 serial;
	struct rnic_id *ids;
	struct rnic_id *tell, **tell_last; /* with events that the kernel does not send */
	/* Main reactor: devices that come. */
	struct verbs_nodes nodes;
	struct timer rescan;
	unsigned rescans; /* still to come */
};

struct rnic_device {
	struct rnic_device *next;
	struct verbs *verbs;
	struct ibv_context *context; /* librdmacm's; kept open by a reference */
	struct verbs_source async;
	struct rnic_info info;
	char node[64];	 /* "uverbs0" */
	unsigned vector; /* completion vectors are given out in turn */
	atomic_bool gone;
	unsigned leaving; /* watchers that have not said that they are done */
};

struct rnic_pd {
	struct rnic_device *dev;
	struct ibv_pd *pd;
};

struct rnic_mr {
	struct rnic_device *dev;
	struct ibv_mr *mr;
};

struct rnic_mw {
	struct ibv_mw *mw;
};

struct rnic_cq {
	struct verbs_object object;
	struct ibv_cq *cq;
	struct verbs_channel *channel;
	const struct rnic_cq_cb *cb;
	void *user;
	bool armed;
	bool overflowed;
	unsigned unacked;
	GArray *kept; /* ibv_wc, of queue pairs that were destroyed, and before; NULL: none */
	unsigned kept_at;
};

struct rnic_srq {
	struct verbs_object object;
	struct rnic_device *dev;
	struct ibv_srq *srq;
	const struct rnic_srq_cb *cb;
	void *user;
	uint32_t max_wr;
};

struct rnic_qp {
	struct verbs_object object;
	struct rnic_id *id;
	struct ibv_qp *qp;
	struct rnic_cq *send_cq, *recv_cq;
	const struct rnic_qp_cb *cb;
	void *user;
	bool srq;
	bool error;    /* qp_error() */
	bool last_wqe; /* has been told */
	struct timer last_timer;
};

enum verbs_id_state {
	VERBS_LISTEN,
	VERBS_RESOLVING,
	VERBS_RESOLVED,
	VERBS_ASKED,
	VERBS_REQUEST,
	VERBS_ACCEPTED,
	VERBS_ESTABLISHED,
	VERBS_OVER,
};

struct rnic_id {
	struct rnic_ctx *ctx;
	struct rdma_cm_id *cm;
	const struct rnic_id_cb *cb;
	void *user;
	struct rnic_qp *qp;
	struct rnic_id *next, **prev;
	enum verbs_id_state state;
	unsigned timeout_ms;		   /* of resolving */
	uint8_t may_answer, may_ask;	   /* READs, as the request said */
	bool removed;			   /* DEVICE_REMOVAL has been told */
	bool joined;			   /* it is among its context's ids */
	bool tell_there;		   /* what was to be told here, as to_tell */
	bool dead;			   /* destroyed before it was */
	bool to_tell;			   /* it is in the context's list */
	enum rdma_cm_event_type tell_type; /* what */
	int tell_status;
	struct rnic_id *tell_next;
};

extern const struct hw_rnic_ops verbs_ops;

static inline int verbs_errno(void)
{
	return errno > 0 ? -errno : -EIO;
}

/* Of a call that returns an errno, negative in some providers, or -1 and sets it. */
static inline int verbs_rc(int rc)
{
	if (rc == -1)
		return verbs_errno();
	return rc > 0 ? -rc : rc;
}

/* --- ctx.c --- */

int verbs_ctx_open(struct hw_rnic *rnic, struct reactor *reactor, struct rnic_ctx **out);
void verbs_ctx_close(struct rnic_ctx *ctx);
int verbs_source_add(struct rnic_ctx *ctx, struct verbs_source *source);
void verbs_source_remove(struct rnic_ctx *ctx, struct verbs_source *source);
void verbs_object_add(struct rnic_ctx *ctx, struct verbs_object *object);
void verbs_object_remove(struct verbs_object *object);
/* Runs fn(ctx, arg, n) on the reactor of a context that may have been closed: then not. Any thread.
 */
void verbs_post(struct verbs *verbs, unsigned index,
		void (*fn)(struct rnic_ctx *ctx, void *arg, gint64 n), void *arg, gint64 n);

/* --- nodes.c --- */

/* came and went are set. dir need not be there. 0 or a negative errno. */
int verbs_nodes_open(struct verbs_nodes *n, const char *dir);
void verbs_nodes_close(struct verbs_nodes *n);

/* --- scan.c: main reactor --- */

/* Those that are there now become devices of it. False and error. */
bool verbs_scan(struct verbs *verbs, GError **error);
void verbs_scan_start(struct rnic_ctx *ctx);
void verbs_scan_stop(struct rnic_ctx *ctx);
/* It is known to have gone: watchers and ids are told, once. */
void verbs_device_gone(struct rnic_device *dev);
/* Off the list; then what there is of it. */
void verbs_device_remove(struct rnic_device *dev);
void verbs_device_free(struct rnic_device *dev);
/* Any thread. NULL: none of ours. */
struct rnic_device *verbs_device_of(struct verbs *verbs, const struct ibv_context *context);

/* --- trouble.c --- */

/* Why there is no device that can be used; rc: what the library said. False. */
bool verbs_trouble(int rc, GError **error);
/* Logs what mends it, when the limit of locked memory is why. Returns rc. */
int verbs_no_memory(struct verbs *verbs, int rc, const char *what);

/* --- async.c --- */

int verbs_async_open(struct rnic_device *dev, struct rnic_ctx *main);
void verbs_tell_watchers(struct rnic_device *dev, enum ibv_event_type type, unsigned port);

/* --- device.c --- */

struct rnic_device *verbs_device_new(struct verbs *verbs, struct ibv_context *context);
void verbs_watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w);
void verbs_unwatch(struct hw_rnic *rnic, struct rnic_watcher *w);
void verbs_device_info(struct rnic_device *dev, struct rnic_info *info);
bool verbs_device_port(struct rnic_device *dev, unsigned port, struct rnic_port *out);
void verbs_device_done(struct rnic_device *dev);
/* counters.c */
unsigned verbs_device_counters(struct rnic_device *dev, struct rnic_counter out[RNIC_COUNTERS]);

/* --- memory.c --- */

int verbs_pd_alloc(struct rnic_device *dev, struct rnic_pd **out);
int verbs_pd_dealloc(struct rnic_pd *pd);
int verbs_mr_reg(struct rnic_pd *pd, void *addr, size_t len, uint64_t iova, int access,
		 struct rnic_mr **out);
int verbs_mr_dereg(struct rnic_mr *mr);
uint32_t verbs_mr_lkey(const struct rnic_mr *mr);
uint32_t verbs_mr_rkey(const struct rnic_mr *mr);
int verbs_mw_alloc(struct rnic_pd *pd, struct rnic_mw **out);
void verbs_mw_dealloc(struct rnic_mw *mw);
uint32_t verbs_mw_rkey(const struct rnic_mw *mw);

/* --- cq.c, srq.c --- */

int verbs_cq_create(struct rnic_ctx *ctx, struct rnic_device *dev, unsigned cqe,
		    const struct rnic_cq_cb *cb, void *user, struct rnic_cq **out);
int verbs_cq_destroy(struct rnic_cq *cq);
int verbs_cq_poll(struct rnic_cq *cq, int n, struct ibv_wc *wc);
int verbs_cq_arm(struct rnic_cq *cq);
/* What it holds stays in it, even if a queue pair is destroyed now. */
void verbs_cq_keep(struct rnic_cq *cq);
int verbs_srq_create(struct rnic_ctx *ctx, struct rnic_pd *pd, struct ibv_srq_attr *attr,
		     const struct rnic_srq_cb *cb, void *user, struct rnic_srq **out);
int verbs_srq_destroy(struct rnic_srq *srq);
int verbs_srq_arm(struct rnic_srq *srq, uint32_t limit);
int verbs_srq_post_recv(struct rnic_srq *srq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);

/* --- qp.c --- */

int verbs_qp_create(struct rnic_id *id, struct rnic_pd *pd, struct rnic_qp_init *init,
		    struct rnic_qp **out);
void verbs_qp_destroy(struct rnic_qp *qp);
uint32_t verbs_qp_num(const struct rnic_qp *qp);
enum ibv_qp_state verbs_qp_state(const struct rnic_qp *qp);
void verbs_qp_error(struct rnic_qp *qp);
int verbs_post_send(struct rnic_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad);
int verbs_post_recv(struct rnic_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad);
int verbs_post_bind(struct rnic_qp *qp, struct rnic_mw *mw, struct rnic_mr *mr, uint64_t iova,
		    uint32_t len, int access, uint64_t wr_id, unsigned send_flags);
int verbs_post_local_inv(struct rnic_qp *qp, uint32_t rkey, uint64_t wr_id, unsigned send_flags);

/* --- cm.c --- */

int verbs_id_listen(struct rnic_ctx *ctx, const struct net_addr *addr, int backlog,
		    const struct rnic_id_cb *cb, void *user, struct rnic_id **out);
int verbs_id_resolve(struct rnic_ctx *ctx, const struct net_addr *dst, const struct net_addr *src,
		     unsigned timeout_ms, const struct rnic_id_cb *cb, void *user,
		     struct rnic_id **out);
void verbs_id_move(struct rnic_id *id, struct rnic_ctx *ctx, const struct rnic_id_cb *cb,
		   void *user);
struct rnic_device *verbs_id_device(const struct rnic_id *id);
void verbs_id_local(const struct rnic_id *id, struct net_addr *addr);
void verbs_id_remote(const struct rnic_id *id, struct net_addr *addr);
int verbs_connect(struct rnic_id *id, const struct rdma_conn_param *param);
int verbs_accept(struct rnic_id *id, const struct rdma_conn_param *param);
int verbs_reject(struct rnic_id *id, const void *private_data, uint8_t len);
void verbs_disconnect(struct rnic_id *id);
void verbs_id_destroy(struct rnic_id *id);
struct rnic_id *verbs_id_new(struct rnic_ctx *ctx, const struct rnic_id_cb *cb, void *user,
			     enum verbs_id_state state);

/* --- cm-event.c --- */

void verbs_cm_ready(struct verbs_source *source);
/* An event of our own, told in a later pass. */
void verbs_id_tell_later(struct rnic_id *id, enum rdma_cm_event_type type, int status);
void verbs_id_forget(struct rnic_id *id);
/* Those that are due. Returns how many. */
unsigned verbs_tell_ids(struct rnic_ctx *ctx);
/* Every id on the device of this ibv_context hears that it has gone. */
void verbs_ids_removed(struct rnic_ctx *ctx, void *context, gint64 unused);
