/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host over RDMA that gets as far as an I/O queue, and then sends reads and writes of
 * which most are as no host makes them: data at odd places in the capsule and in blocks of
 * odd lengths, which must be written as it is; too little room, none at all, more than the
 * capsule holds, which must be refused by a status; and at last a key that is not one, which
 * must end the queue and nothing else.
 *
 * One command at a time. It writes where it likes: its subsystem has to be its own.
 * See raw-priv.h.
 */
#include <string.h>

#include "sim/run/raw-priv.h"
#include "target/core/rnic.h"

#define QUEUES 2u /* admin, I/O */
#define RECVS 8u
#define ANSWER 16u
#define DATA 4096u /* for the target to reach */
#define CAPSULE_AT DATA
#define CAPSULE 8192u
#define ANSWERS_AT (CAPSULE_AT + CAPSULE)
#define MEMORY (ANSWERS_AT + QUEUES * RECVS * ANSWER)
#define IOVA UINT64_C(0x9000000)
#define SQE 64u
#define BLOCK 512u
#define STEPS 12u
#define POLL (20 * WORLD_US)

enum due { DUE_SUCCESS, DUE_STATUS, DUE_END };

enum stage { CONNECT_ADMIN, ENABLE, CONNECT_IO, READY };

struct queue {
	struct raw_rdma_io *s;
	struct rnic_id *id;
	struct rnic_qp *qp;
};

struct raw_rdma_io {
	struct run_raw *raw;
	struct rnic_ctx *ctx;
	struct rnic_watcher watcher;
	struct rnic_device *dev;
	struct rnic_pd *pd;
	struct rnic_cq *cq;
	struct rnic_mr *own, *given;
	uint8_t *memory;
	struct queue queues[QUEUES];
	enum stage stage;
	uint16_t cntlid, cid;
	unsigned steps; /* to come */
	enum due due;	/* of the command that is outstanding, */
	const char *what;
	bool check;	     /* which reads what was written last: */
	bool written;	     /* something has been, and is to be read */
	uint8_t last[BLOCK]; /* this, */
	uint64_t lba;	     /* here */
	struct timer leave, poll;
	bool removed, over;
};

static const struct hw_rnic_ops *ops_of(const struct raw_rdma_io *s)
{
	return core_main(s->raw->core)->hw->rnic->ops;
}

static struct world_rng *rng_of(const struct raw_rdma_io *s)
{
	return &s->raw->rng;
}

static void put(uint8_t *p, unsigned len, uint64_t v)
{
	for (unsigned i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void keyed(uint8_t *sgl, uint32_t at, uint32_t len, uint32_t key)
{
	put(sgl, 8, IOVA + at);
	put(sgl + 8, 3, len);
	put(sgl + 11, 4, key);
	sgl[15] = 0x40;
}

/* --- the end of a session -------------------------------------------------------------------- */

void raw_rdma_io_free(struct raw_rdma_io *s)
{
	if (s == NULL)
		return;
	g_free(s->memory);
	g_free(s);
}

static void leave(struct timer *timer, struct reactor *r)
{
	struct raw_rdma_io *s =
		(struct raw_rdma_io *)((char *)timer - offsetof(struct raw_rdma_io, leave));
	struct run_raw *raw = s->raw;
	const struct hw_rnic_ops *ops = ops_of(s);

	reactor_timer_cancel(r, &s->poll);
	for (unsigned i = 0; i < QUEUES; i++) {
		if (s->queues[i].qp != NULL)
			ops->qp_destroy(s->queues[i].qp);
		if (s->queues[i].id != NULL)
			ops->id_destroy(s->queues[i].id);
	}
	if (s->cq != NULL)
		ops->cq_destroy(s->cq);
	if (s->given != NULL)
		ops->mr_dereg(s->given);
	if (s->own != NULL)
		ops->mr_dereg(s->own);
	if (s->pd != NULL)
		ops->pd_dealloc(s->pd);
	ops->unwatch(r->hw->rnic, &s->watcher);
	if (s->removed)
		ops->device_done(s->dev);
	reactor_rnic_put(r);
	raw_rdma_io_free(s);
	raw->rdma_io = NULL;
	raw_again(raw);
}

static void leave_soon(struct raw_rdma_io *s)
{
	struct reactor *r = core_main(s->raw->core);

	reactor_timer_set(r, &s->leave, r->now + WORLD_MS);
}

/* --- commands ----------------------------------------------------------------------------------
 */

static uint8_t *new_command(struct raw_rdma_io *s, uint8_t opcode)
{
	uint8_t *sqe = s->memory + CAPSULE_AT;

	memset(sqe, 0, CAPSULE);
	sqe[0] = opcode;
	sqe[1] = 0x40;
	put(sqe + 2, 2, ++s->cid);
	return sqe;
}

static void send_capsule(struct raw_rdma_io *s, unsigned queue, uint32_t data_len)
{
	struct ibv_sge sge = { IOVA + CAPSULE_AT, SQE + data_len, ops_of(s)->mr_lkey(s->own) };
	struct ibv_send_wr wr = { .wr_id = UINT64_MAX,
				  .sg_list = &sge,
				  .num_sge = 1,
				  .send_flags = IBV_SEND_SIGNALED,
				  .opcode = IBV_WR_SEND },
			   *bad;

	if (ops_of(s)->post_send(s->queues[queue].qp, &wr, &bad) < 0)
		leave_soon(s);
}

static void send_connect(struct raw_rdma_io *s, unsigned qid)
{
	uint8_t *sqe = new_command(s, 0x7f), *data = s->memory;

	memset(data, 0, 1024);
	memset(data, 0x78, 16);
	put(data + 16, 2, qid == 0 ? 0xffff : s->cntlid);
	g_strlcpy((char *)data + 256, s->raw->s->subnqn, 256);
	g_strlcpy((char *)data + 512, s->raw->hostnqn, 256);
	sqe[4] = 0x01;
	put(sqe + 42, 2, qid);
	put(sqe + 44, 2, RECVS - 1);
	put(sqe + 48, 4, qid == 0 ? 5000 : 0);
	keyed(sqe + 24, 0, 1024, ops_of(s)->mr_rkey(s->given));
	send_capsule(s, qid, 0);
}

static void send_enable(struct raw_rdma_io *s)
{
	uint8_t *sqe = new_command(s, 0x7f);

	sqe[39] = 0x40;
	put(sqe + 44, 4, 0x14);
	put(sqe + 48, 4, 0x00460001);
	send_capsule(s, 0, 0);
}

/* --- what it came for --------------------------------------------------------------------------
 */

static uint8_t *new_io(struct raw_rdma_io *s, uint8_t opcode, const char *what, enum due due)
{
	uint8_t *sqe = new_command(s, opcode);

	s->what = what;
	s->due = due;
	s->check = false;
	put(sqe + 4, 4, 1);
	put(sqe + 40, 8, s->lba);
	return sqe;
}

static void new_block(struct raw_rdma_io *s)
{
	for (unsigned i = 0; i < BLOCK; i++)
		s->last[i] = (uint8_t)world_rng_below(rng_of(s), 256);
	s->written = true;
}

/* [address, address + len) of the capsule's data. */
static void in_capsule(uint8_t *sqe, uint64_t address, uint32_t len)
{
	put(sqe + 24, 8, address);
	put(sqe + 32, 4, len);
	sqe[39] = 0x01;
}

static void write_odd_place(struct raw_rdma_io *s)
{
	uint32_t at = (uint32_t)world_rng_below(rng_of(s), 2048);
	uint8_t *sqe = new_io(s, 0x01, "a write from an odd place in its capsule", DUE_SUCCESS);

	new_block(s);
	memcpy(sqe + SQE + at, s->last, BLOCK);
	in_capsule(sqe, at, BLOCK);
	send_capsule(s, 1, at + BLOCK);
}

static void write_odd_blocks(struct raw_rdma_io *s)
{
	uint32_t list = (uint32_t)world_rng_below(rng_of(s), 100);
	uint32_t first = (uint32_t)world_rng_range(rng_of(s), 1, BLOCK - 1);
	uint32_t key = ops_of(s)->mr_rkey(s->given);
	uint8_t *sqe =
		new_io(s, 0x01, "a write from three blocks, one of them of no bytes", DUE_SUCCESS);

	new_block(s);
	memcpy(s->memory + 7, s->last, first);
	memcpy(s->memory + 2049, s->last + first, BLOCK - first);
	put(sqe + 24, 8, list);
	put(sqe + 32, 4, 48);
	sqe[39] = 0x31;
	keyed(sqe + SQE + list, 7, first, key);
	keyed(sqe + SQE + list + 16, 0, 0, key);
	keyed(sqe + SQE + list + 32, 2049, BLOCK - first, key);
	send_capsule(s, 1, list + 48);
}

static void too_short(struct raw_rdma_io *s)
{
	uint8_t opcode = world_rng_chance(rng_of(s), 500000) ? 0x01 : 0x02;
	uint32_t len = (uint32_t)world_rng_below(rng_of(s), BLOCK);
	uint8_t *sqe = new_io(s, opcode, "a read or write with too little room", DUE_STATUS);

	keyed(sqe + 24, 0, len, ops_of(s)->mr_rkey(s->given));
	send_capsule(s, 1, 0);
}

static void too_short_inside(struct raw_rdma_io *s)
{
	uint32_t len = (uint32_t)world_rng_below(rng_of(s), BLOCK);
	uint8_t *sqe = new_io(s, 0x01, "a write of less than a block, in its capsule", DUE_STATUS);

	in_capsule(sqe, 0, len);
	send_capsule(s, 1, len);
}

static void beyond_capsule(struct raw_rdma_io *s)
{
	uint64_t at = world_rng_below(rng_of(s), 2) == 0 ? UINT64_MAX - 5 : 1;
	uint8_t *sqe = new_io(s, 0x01, "a write from beyond its capsule", DUE_STATUS);

	in_capsule(sqe, at, BLOCK);
	send_capsule(s, 1, BLOCK);
}

static void bad_key(struct raw_rdma_io *s)
{
	uint8_t opcode = world_rng_chance(rng_of(s), 500000) ? 0x01 : 0x02;
	uint32_t key = ops_of(s)->mr_rkey(s->given), bit = 1u << world_rng_below(rng_of(s), 32);
	bool beyond = world_rng_chance(rng_of(s), 300000);
	uint8_t *sqe = new_io(s, opcode, "a read or write with a key that is wrong", DUE_END);

	keyed(sqe + 24, beyond ? DATA - 1 : 0, BLOCK, beyond ? key : key ^ bit);
	send_capsule(s, 1, 0);
}

static void read_back(struct raw_rdma_io *s)
{
	uint8_t *sqe = new_io(s, 0x02, "a read of what was written", DUE_SUCCESS);

	s->check = true;
	s->written = false;
	memset(s->memory, 0, DATA);
	keyed(sqe + 24, 3, BLOCK, ops_of(s)->mr_rkey(s->given));
	send_capsule(s, 1, 0);
}

static void next_io(struct raw_rdma_io *s)
{
	static void (*const acts[])(struct raw_rdma_io * s) = { write_odd_place, write_odd_blocks,
								too_short, too_short_inside,
								beyond_capsule };

	if (s->written)
		read_back(s);
	else if (s->steps-- > 0)
		acts[world_rng_below(rng_of(s), G_N_ELEMENTS(acts))](s);
	else
		bad_key(s);
}

/* --- answers -----------------------------------------------------------------------------------
 */

static void judge(struct raw_rdma_io *s, unsigned status)
{
	const char *name = s->raw->s->name;

	if (s->due == DUE_END)
		run_violation(s->raw->run, "P",
			      g_strdup_printf("%s: %s was answered, by status %x", name, s->what,
					      status));
	else if ((status == 0) != (s->due == DUE_SUCCESS))
		run_violation(
			s->raw->run, "P",
			g_strdup_printf("%s: %s ended with status %x", name, s->what, status));
	else if (s->check && memcmp(s->memory + 3, s->last, BLOCK) != 0)
		run_violation(s->raw->run, "B",
			      g_strdup_printf("%s: block %" G_GUINT64_FORMAT
					      " is not what was written",
					      name, s->lba));
	else if (s->check || s->due == DUE_STATUS)
		counts_add(s->raw->run->counts, s->check ? "raw.read_back" : "raw.refused", 1);
}

static void resolve(struct raw_rdma_io *s, unsigned i);

static void answered(struct raw_rdma_io *s, const uint8_t *cqe)
{
	unsigned status = (cqe[14] | (unsigned)cqe[15] << 8) >> 1;

	if (s->stage == READY) {
		judge(s, status);
		if (s->due != DUE_END)
			next_io(s);
		return;
	}
	if (status != 0) {
		leave_soon(s);
		return;
	}
	if (s->stage == CONNECT_ADMIN) {
		s->cntlid = (uint16_t)(cqe[0] | cqe[1] << 8);
		s->stage = ENABLE;
		send_enable(s);
	} else if (s->stage == ENABLE) {
		s->stage = CONNECT_IO;
		resolve(s, 1);
	} else {
		s->stage = READY;
		next_io(s);
	}
}

/* As it should be, if a wrong key was what it said last. */
static void ended(struct raw_rdma_io *s)
{
	if (s->stage == READY && s->due == DUE_END && !s->over)
		counts_add(s->raw->run->counts, "raw.ended", 1);
	s->over = true;
	leave_soon(s);
}

static void look(struct timer *timer, struct reactor *r)
{
	struct raw_rdma_io *s =
		(struct raw_rdma_io *)((char *)timer - offsetof(struct raw_rdma_io, poll));
	struct ibv_wc wc;

	while (ops_of(s)->cq_poll(s->cq, 1, &wc) == 1) {
		if (wc.status != IBV_WC_SUCCESS)
			ended(s);
		else if (wc.wr_id != UINT64_MAX)
			answered(s, s->memory + ANSWERS_AT + wc.wr_id * ANSWER);
	}
	reactor_timer_set(r, timer, r->now + POLL);
}

/* --- connecting --------------------------------------------------------------------------------
 */

static bool make_qp(struct queue *q, unsigned index)
{
	struct raw_rdma_io *s = q->s;
	struct rnic_qp_init init = { .send_cq = s->cq,
				     .recv_cq = s->cq,
				     .cap = { .max_send_wr = STEPS * 3,
					      .max_recv_wr = STEPS * 3,
					      .max_send_sge = 1,
					      .max_recv_sge = 1 } };

	if (ops_of(s)->qp_create(q->id, s->pd, &init, &q->qp) < 0) {
		q->qp = NULL;
		return false;
	}
	/* More than it will ever need, in turn into the same places. */
	for (unsigned i = 0; i < STEPS * 3; i++) {
		unsigned place = index * RECVS + i % RECVS;
		struct ibv_sge sge = { IOVA + ANSWERS_AT + place * ANSWER, ANSWER,
				       ops_of(s)->mr_lkey(s->own) };
		struct ibv_recv_wr wr = { .wr_id = place, .sg_list = &sge, .num_sge = 1 }, *bad;

		ops_of(s)->post_recv(q->qp, &wr, &bad);
	}
	return true;
}

static void resolved(struct queue *q)
{
	unsigned index = (unsigned)(q - q->s->queues);
	uint8_t data[32] = { 0 };
	struct rdma_conn_param param = { .private_data = data,
					 .private_data_len = sizeof(data),
					 .responder_resources = 4,
					 .retry_count = 7,
					 .rnr_retry_count = 7 };

	put(data + 2, 2, index);
	put(data + 4, 2, RECVS);
	put(data + 6, 2, RECVS - 1);
	put(data + 8, 2, index > 0 ? q->s->cntlid : 0);
	if (!make_qp(q, index) || ops_of(q->s)->connect(q->id, &param) < 0)
		leave_soon(q->s);
}

static void on_id(struct rnic_id *id, const struct rnic_cm_event *event, void *user)
{
	struct queue *q = user;

	(void)id;
	if (event->type == RDMA_CM_EVENT_ROUTE_RESOLVED)
		resolved(q);
	else if (event->type == RDMA_CM_EVENT_ESTABLISHED)
		send_connect(q->s, (unsigned)(q - q->s->queues));
	else
		leave_soon(q->s);
}

static const struct rnic_id_cb id_cb = { on_id };

static void resolve(struct raw_rdma_io *s, unsigned i)
{
	const struct scn_raw *c = s->raw->s;
	const struct scn_target *t = s->raw->run->s->targets.items;
	const char *traddr = c->traddr != NULL ? c->traddr : ((const char **)t->addresses.items)[0];
	struct queue *q = &s->queues[i];
	struct net_addr addr;

	if (net_addr_parse(&addr, traddr, c->trsvcid, NULL) &&
	    ops_of(s)->id_resolve(s->ctx, &addr, NULL, 1000, &id_cb, q, &q->id) == 0)
		return;
	q->id = NULL;
	leave_soon(s);
}

static bool open_device(struct raw_rdma_io *s)
{
	const struct hw_rnic_ops *ops = ops_of(s);
	int own = IBV_ACCESS_LOCAL_WRITE;
	int all = own | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE;

	if (ops->pd_alloc(s->dev, &s->pd) < 0)
		s->pd = NULL;
	else if (ops->mr_reg(s->pd, s->memory, MEMORY, IOVA, own, &s->own) < 0)
		s->own = NULL;
	else if (ops->mr_reg(s->pd, s->memory, DATA, IOVA, all, &s->given) < 0)
		s->given = NULL;
	else if (ops->cq_create(s->ctx, s->dev, QUEUES * STEPS * 6, NULL, s, &s->cq) < 0)
		s->cq = NULL;
	return s->cq != NULL;
}

static struct raw_rdma_io *session_of(struct rnic_watcher *watcher)
{
	return (struct raw_rdma_io *)((char *)watcher - offsetof(struct raw_rdma_io, watcher));
}

static void added(struct rnic_watcher *watcher, struct rnic_device *dev)
{
	struct raw_rdma_io *s = session_of(watcher);
	struct reactor *r = core_main(s->raw->core);

	if (s->dev != NULL)
		return;
	s->dev = dev;
	if (!open_device(s))
		return;
	reactor_timer_set(r, &s->poll, r->now + POLL);
	resolve(s, 0);
}

static void removing(struct rnic_watcher *watcher, struct rnic_device *dev)
{
	session_of(watcher)->removed = true;
	session_of(watcher)->dev = dev;
}

static void event(struct rnic_watcher *watcher, struct rnic_device *dev, enum ibv_event_type type,
		  unsigned port)
{
	(void)watcher; /* it does not care */
	(void)dev;
	(void)type;
	(void)port;
}

bool raw_rdma_io_begin(struct run_raw *raw)
{
	struct reactor *r = core_main(raw->core);
	struct raw_rdma_io *s = g_new0(struct raw_rdma_io, 1);

	s->raw = raw;
	if (reactor_rnic_get(r, &s->ctx) < 0) {
		g_free(s);
		return false;
	}
	raw->rdma_io = s;
	s->memory = g_malloc0(MEMORY);
	for (unsigned i = 0; i < QUEUES; i++)
		s->queues[i].s = s;
	/* Another block each time: what an earlier session sent may still be on its way. */
	s->lba = raw->left % 64;
	s->steps = (unsigned)world_rng_range(rng_of(s), 1, STEPS);
	timer_init(&s->leave, leave);
	timer_init(&s->poll, look);
	s->watcher = (struct rnic_watcher){ .added = added, .removing = removing, .event = event };
	r->hw->rnic->ops->watch(r->hw->rnic, s->ctx, &s->watcher);
	reactor_timer_set(r, &s->leave, r->now + RAW_LINGER);
	return true;
}
