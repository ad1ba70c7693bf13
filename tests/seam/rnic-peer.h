/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the suite for hw/rnic.h works with: two devices that reach each other, each
 * with memory, a PD, a CQ and who polls it; connections between them; and what has
 * been told, in order.
 */
#pragma once

#include "hw/rnic.h"
#include "tests/seam/seam.h"

/* What tests call them, "?" for others. */
const char *wc_name(enum ibv_wc_status status);
const char *cm_name(enum rdma_cm_event_type type);
const char *async_name(enum ibv_event_type type);

/* --- of each backend ------------------------------------------------------------------- */

/* Device 0 or 1 of a pair, for so many reactors. */
struct hw_rnic *rnic_backend_new(struct backend *b, unsigned which, unsigned nreactors);
void rnic_backend_free(struct backend *b, unsigned which, struct hw_rnic *rnic);
/* Where the devices are, and an address that is of no device. */
const char *rnic_backend_addr(unsigned which);
const char *rnic_backend_foreign(void);
/* Another address of device 0, of IPv6; NULL: this machine has none. */
const char *rnic_backend_addr6(void);
/* The device goes away; the port of it comes and goes; an address does. */
void rnic_backend_remove(struct hw_rnic *rnic);
void rnic_backend_port(struct hw_rnic *rnic, bool active);
void rnic_backend_address(struct hw_rnic *rnic, const struct net_addr *addr, bool there);
/* The next RTU is lost on its way. False: that cannot be arranged. */
bool rnic_backend_lose_rtu(struct backend *b);
/* Time passes without anybody waiting for it: what takes a minute may be tested. */
bool rnic_backend_virtual(void);
/* Why the devices do not produce this event; NULL: they do. */
const char *rnic_backend_lacks(enum ibv_event_type type);
/* How the devices call what ends with this status elsewhere; usually the same. */
enum ibv_wc_status rnic_backend_status(enum ibv_wc_status status);

/* --- devices ------------------------------------------------------------------------------ */

#define MEM (1u << 20)
#define IOVA UINT64_C(0x7000000000)

#define CALL(side, slot, ...) (cover("slot", #slot), (side)->rnic->ops->slot(__VA_ARGS__))

struct pair;

struct side {
	struct pair *pair;
	struct hw_rnic *rnic;
	struct net_addr addr;
	struct rnic_ctx *ctx[2]; /* of reactors 0 and 1 */
	struct rnic_watcher watcher;
	struct rnic_device *dev;
	int removing;
	GArray *async; /* enum ibv_event_type of the device */
	struct rnic_pd *pd;
	struct rnic_mr *mr;
	uint8_t *mem;
	struct rnic_cq *cq;
	unsigned cq_errors;
	struct engine engine; /* polls cq, and arms it */
	GArray *wcs;	      /* struct ibv_wc */
	unsigned wc_at;
	unsigned polls;
};

struct pair {
	struct rig rig;
	struct side target, host;
};

void pair_up(struct pair *p);
void pair_down(struct pair *p);
/* Lets the reactors look at their clocks and at what has been asked for since. */
void pair_step(struct pair *p);
/* The next completion; fails when none comes. */
struct ibv_wc side_wc(struct side *s);
/* The same, with checks. */
void side_expect(struct side *s, uint64_t wr_id, enum ibv_wc_status status);
/* Nothing is in the CQ that has not been expected. */
void side_quiet(struct side *s);
struct ibv_sge sge_at(struct side *s, uint64_t offset, uint32_t len);

/* --- connections --------------------------------------------------------------------------- */

struct seen {
	enum rdma_cm_event_type type;
	int status;
	struct rnic_id *id;
	struct rdma_conn_param param;
	uint8_t data[256];
};

/* An id, its queue pair, and what both have been told. */
struct end {
	struct side *side;
	struct rnic_id *id;
	struct rnic_qp *qp;
	GArray *events; /* struct seen */
	unsigned at;
	unsigned async; /* 1 << enum ibv_event_type */
	/* From inside the callback, after it was noted. */
	void (*hook)(struct end *e, const struct rnic_cm_event *event);
	void *arg;
};

extern const struct rnic_id_cb end_cb;
extern const struct rnic_qp_cb end_qp_cb;

void end_init(struct end *e, struct side *s);
/* Destroys what there is of it. */
void end_clear(struct end *e);
/* What comes next; it stays. */
enum rdma_cm_event_type end_peek(struct end *e);
/* The next event, which must be this one. */
struct seen *end_event(struct end *e, enum rdma_cm_event_type type);
/* Waits until the queue pair has told that. */
void end_async(struct end *e, enum ibv_event_type type);
int end_qp(struct end *e, struct rnic_srq *srq, unsigned wrs);
void end_recv(struct end *e, uint64_t wr_id, uint64_t offset, uint32_t len);
/* One request with one SGE; remote: for RDMA, offset in the other side's memory. */
int end_send(struct end *e, enum ibv_wr_opcode opcode, uint64_t wr_id, uint64_t offset,
	     uint32_t len, uint64_t remote, uint32_t rkey);

struct conn {
	struct pair *pair;
	struct end listener, target, host;
	struct net_addr addr; /* of the listener */
	uint8_t retry;	      /* that the host asks for; to rdma_rxe 7 is for ever */
	uint8_t rnr_retry;    /* that the target grants; 7: for ever */
};

void conn_listen(struct conn *c, struct pair *p, const struct net_addr *addr);
/* The host's end is resolved and has a queue pair; then it has asked; then the target knows. */
void conn_resolve(struct conn *c);
void conn_ask(struct conn *c, const void *data, unsigned len);
/* A whole connection, on a listener that there is. */
void conn_open(struct conn *c, struct rnic_srq *srq);
void conn_up(struct conn *c, struct pair *p);
void conn_down(struct conn *c);

/* rc is want, which is noted as met. */
void expect_error(int rc, int want);

/* rnic-cm.c */
void add_cm_tests(void);
