/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts that misbehave over RDMA: they speak connection management and verbs as any host,
 * but say what they like in private data and capsules, and give away keys that are wrong.
 * All that is theirs is made for a session, and goes with it. See raw-priv.h.
 */
#include <string.h>

#include "sim/run/raw-priv.h"
#include "target/core/rnic.h"

#define WAYS 16 /* connections of a session */
#define CAPSULES 24
#define CAPSULE 16384u
#define ANSWER 16u
#define DATA 8192u
#define MEMORY (DATA + CAPSULES * CAPSULE + CAPSULES * ANSWER)
#define IOVA UINT64_C(0x7000000)
#define SQE 64u
#define MORE_NS (RAW_LINGER / 8)
#define FILL 0x5a /* where nobody should write */

struct way {
	struct raw_rdma *s;
	struct rnic_id *id;
	struct rnic_qp *qp;
};

struct raw_rdma {
	struct run_raw *raw;
	struct rnic_ctx *ctx;
	struct rnic_watcher watcher;
	struct rnic_device *dev;
	struct rnic_pd *pd, *other_pd; /* other_pd: no queue pair has it */
	struct rnic_cq *cq;
	struct rnic_mr *mr;    /* its own: capsules and answers */
	struct rnic_mr *given; /* the first DATA bytes, for the target */
	struct rnic_mr *other; /* the same, of other_pd; NULL: there was no room for it */
	uint8_t *memory;
	struct way ways[WAYS];
	unsigned nways;
	uint32_t named;	   /* of the second half of DATA, the most that a descriptor named */
	uint32_t hopeless; /* bit n: capsule n cannot succeed */
	struct timer leave, more;
	unsigned said; /* capsules of the first way */
	bool removed;
};

static const struct hw_rnic_ops *ops_of(const struct raw_rdma *s)
{
	return core_main(s->raw->core)->hw->rnic->ops;
}

static struct world_rng *rng_of(const struct raw_rdma *s)
{
	return &s->raw->rng;
}

static void put(uint8_t *p, unsigned len, uint64_t v)
{
	for (unsigned i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void scramble(struct raw_rdma *s, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)world_rng_below(rng_of(s), 256);
}

/* --- what it has got ------------------------------------------------------------------------- */

/* Whatever it said: nothing stands where it named nothing, no data came from nowhere. */
static void check_got(const struct raw_rdma *s)
{
	struct run *run = s->raw->run;
	const char *name = s->raw->s->name;

	for (uint32_t i = DATA / 2 + s->named; i < DATA; i++) {
		if (s->memory[i] == FILL)
			continue;
		run_violation(run, "M",
			      g_strdup_printf("%s named %u bytes, and byte %u was written", name,
					      s->named, i - DATA / 2));
		return;
	}
	for (unsigned i = 0; i < CAPSULES; i++) {
		const uint8_t *cqe = s->memory + MEMORY - (i + 1) * ANSWER;
		unsigned cid = cqe[12] | (unsigned)cqe[13] << 8;

		if (cid < CAPSULES && s->hopeless >> cid & 1 && (cqe[14] | cqe[15]) <= 1)
			run_violation(run, "M",
				      g_strdup_printf("%s: command %u, whose data is not in its "
						      "capsule, has succeeded",
						      name, cid));
	}
}

/* --- the end of a session -------------------------------------------------------------------- */

static void close_way(struct raw_rdma *s, struct way *w)
{
	if (w->qp != NULL)
		ops_of(s)->qp_destroy(w->qp);
	if (w->id != NULL)
		ops_of(s)->id_destroy(w->id);
	*w = (struct way){ s, NULL, NULL };
}

static void leave(struct timer *timer, struct reactor *r)
{
	struct raw_rdma *s = (struct raw_rdma *)((char *)timer - offsetof(struct raw_rdma, leave));
	struct run_raw *raw = s->raw;
	const struct hw_rnic_ops *ops = ops_of(s);

	reactor_timer_cancel(r, &s->more);
	check_got(s);
	for (unsigned i = 0; i < WAYS; i++)
		close_way(s, &s->ways[i]);
	if (s->cq != NULL)
		ops->cq_destroy(s->cq);
	if (s->given != NULL)
		ops->mr_dereg(s->given);
	if (s->other != NULL)
		ops->mr_dereg(s->other);
	if (s->mr != NULL)
		ops->mr_dereg(s->mr);
	if (s->other_pd != NULL)
		ops->pd_dealloc(s->other_pd);
	if (s->pd != NULL)
		ops->pd_dealloc(s->pd);
	ops->unwatch(r->hw->rnic, &s->watcher);
	if (s->removed)
		ops->device_done(s->dev);
	reactor_rnic_put(r);
	raw_rdma_free(s);
	raw->rdma = NULL;
	raw_again(raw);
}

void raw_rdma_free(struct raw_rdma *s)
{
	if (s == NULL)
		return;
	g_free(s->memory);
	g_free(s);
}

/* --- capsules ------------------------------------------------------------------------------- */

static uint64_t iova(unsigned at)
{
	return IOVA + at;
}

/* A keyed block, with or without invalidation. */
static void keyed(uint8_t *sgl, uint64_t addr, uint32_t len, uint32_t key, uint8_t type)
{
	put(sgl, 8, addr);
	put(sgl + 8, 3, len);
	put(sgl + 11, 4, key);
	sgl[15] = type;
}

static void good_sgl(const struct raw_rdma *s, uint8_t *sqe, uint32_t len)
{
	keyed(sqe + 24, iova(0), len, ops_of(s)->mr_rkey(s->given), 0x40);
}

/* In the capsule, at an offset that nobody has agreed on. Returns the bytes that are there. */
static uint32_t bad_offset(struct raw_rdma *s, uint8_t *sqe, unsigned n)
{
	uint64_t at = world_rng_below(rng_of(s), 3 * DATA);
	uint64_t len = world_rng_below(rng_of(s), 2 * DATA);
	uint64_t there = world_rng_below(rng_of(s), DATA);

	put(sqe + 24, 8, at);
	put(sqe + 32, 4, len);
	sqe[39] = 0x01;
	if (at + len > there)
		s->hopeless |= 1u << n;
	return (uint32_t)there;
}

/* Shorter than what is to go there. */
static void short_sgl(struct raw_rdma *s, uint8_t *sqe, uint32_t key)
{
	uint32_t len = (uint32_t)world_rng_below(rng_of(s), DATA / 2);

	s->named = MAX(s->named, len);
	keyed(sqe + 24, iova(DATA / 2), len, key, 0x40);
}

/* One thing of capsule n is wrong, or all. Returns the bytes of data behind the command. */
static uint32_t bad_sgl(struct raw_rdma *s, uint8_t *sqe, unsigned n)
{
	struct world_rng *rng = rng_of(s);
	uint32_t key = ops_of(s)->mr_rkey(s->given);
	uint32_t bit = (uint32_t)world_rng_below(rng, 32);
	uint64_t what = world_rng_below(rng, 9);

	switch (what) {
	case 0:
		keyed(sqe + 24, iova(0), 4096, key ^ 1u << bit, 0x40);
		return 0;
	case 1: /* the end of it is beyond the memory */
		keyed(sqe + 24, iova(DATA) - bit - 1, 4096, key, 0x40);
		return 0;
	case 2:
		keyed(sqe + 24, iova(0) - 4096, 4096, key, 0x4f);
		return 0;
	case 3:
		keyed(sqe + 24, iova(0), (uint32_t)world_rng_below(rng, 1u << 24), key, 0x40);
		return 0;
	case 4:
		return bad_offset(s, sqe, n);
	case 5: /* a list of blocks of any length */
		put(sqe + 24, 8, 0);
		put(sqe + 32, 4, 16 * world_rng_below(rng, 40));
		sqe[39] = 0x31;
		for (unsigned i = 0; i < 40; i++)
			keyed(sqe + SQE + 16 * i, iova(0), 128, key + (i == bit), 0x40);
		return 640;
	case 6: /* a key of another protection domain */
		key = s->other != NULL ? ops_of(s)->mr_rkey(s->other) : 0;
		keyed(sqe + 24, iova(0), 4096, key, 0x40);
		return 0;
	case 7:
		short_sgl(s, sqe, key);
		return 0;
	default:
		scramble(s, sqe + 24, 16);
		return 0;
	}
}

static void connect_capsule(struct raw_rdma *s, uint8_t *sqe)
{
	uint8_t *data = s->memory;

	memset(data, 0, 1024);
	memset(data, 0x77, 16);
	put(data + 16, 2, 0xffff);
	g_strlcpy((char *)data + 256, s->raw->s->subnqn, 256);
	g_strlcpy((char *)data + 512, s->raw->hostnqn, 256);
	sqe[0] = 0x7f;
	sqe[1] = 0x40;
	sqe[4] = 0x01;
	put(sqe + 44, 2, 31);
	put(sqe + 48, 4, 5000);
	good_sgl(s, sqe, 1024);
}

/* Identify, or Set Features with data from us: whatever, its data is where it must not be. */
static uint32_t bad_capsule(struct raw_rdma *s, uint8_t *sqe, unsigned n)
{
	struct world_rng *rng = rng_of(s);
	uint64_t what = world_rng_below(rng, 10);

	if (what == 0) {
		uint64_t len = world_rng_below(rng, CAPSULE);

		scramble(s, sqe, len);
		return (uint32_t)len; /* too short, too long, and nothing in it */
	}
	sqe[1] = 0x40;
	if (what < 6) {
		sqe[0] = 0x06;
		sqe[40] = 0x01;
	} else {
		sqe[0] = 0x09;
		sqe[40] = 0x16; /* host behavior support */
	}
	return SQE + bad_sgl(s, sqe, n);
}

static void property_capsule(uint8_t *sqe)
{
	sqe[0] = 0x7f;
	sqe[1] = 0x40;
	sqe[39] = 0x40;
	put(sqe + 44, 4, 0x14);
	put(sqe + 48, 4, 0x00460001);
}

static bool post(struct raw_rdma *s, struct way *w, unsigned i, uint32_t len)
{
	struct ibv_sge sge = { iova(DATA + i * CAPSULE), len, ops_of(s)->mr_lkey(s->mr) };
	struct ibv_send_wr wr = { .wr_id = i,
				  .sg_list = &sge,
				  .num_sge = 1,
				  .opcode = IBV_WR_SEND },
			   *bad;

	return ops_of(s)->post_send(w->qp, &wr, &bad) == 0;
}

/* Capsules up to number n. False: no more can be said. */
static bool say_to(struct raw_rdma *s, struct way *w, unsigned n)
{
	for (; s->said < n; s->said++) {
		unsigned i = s->said;
		uint8_t *sqe = s->memory + DATA + i * CAPSULE;
		uint32_t len = SQE;

		memset(sqe, 0, CAPSULE);
		if (i == 0)
			connect_capsule(s, sqe);
		else if (i == 1)
			property_capsule(sqe);
		else
			len = bad_capsule(s, sqe, i);
		if (len >= SQE)
			put(sqe + 2, 2, i);
		if (!post(s, w, i, len))
			return false;
	}
	return true;
}

static void say_rest(struct raw_rdma *s, struct way *w)
{
	unsigned n = (unsigned)world_rng_range(rng_of(s), 3, CAPSULES);

	if (!say_to(s, w, n))
		return;
	if (!world_rng_chance(rng_of(s), 200000))
		return;
	/* The key goes while it may be in use. */
	ops_of(s)->mr_dereg(s->given);
	s->given = NULL;
}

static void more(struct timer *timer, struct reactor *r)
{
	struct raw_rdma *s = (struct raw_rdma *)((char *)timer - offsetof(struct raw_rdma, more));
	struct way *w = &s->ways[0];

	if (w->qp == NULL || s->given == NULL || s->removed)
		return;
	if (s->said > 1)
		say_rest(s, w);
	else if (say_to(s, w, s->said + 1))
		reactor_timer_set(r, timer, r->now + MORE_NS);
}

/* Mostly as a host that waits until it is connected, and ready: else it gets no further. */
static void say(struct raw_rdma *s, struct way *w)
{
	struct reactor *r = core_main(s->raw->core);

	if (world_rng_chance(rng_of(s), 200000))
		say_rest(s, w);
	else if (say_to(s, w, 1))
		reactor_timer_set(r, &s->more, r->now + MORE_NS);
}

/* --- connecting ------------------------------------------------------------------------------ */

static void private_data(struct raw_rdma *s, uint8_t data[56], uint8_t *len)
{
	struct world_rng *rng = rng_of(s);
	uint64_t what;

	memset(data, 0, 56);
	put(data + 4, 2, 32);
	put(data + 6, 2, 31);
	*len = 32;
	if (s->raw->s->kind != SCN_RAW_RDMA_PRIVATE)
		return;
	what = world_rng_below(rng, 9);
	switch (what) {
	case 0:
		put(data, 2, world_rng_range(rng, 1, 65535));
		break;
	case 1:
		put(data + 2, 2, world_rng_range(rng, 200, 65535));
		break;
	case 2:
		put(data + 4, 2, world_rng_below(rng, 2));
		break;
	case 3:
		put(data + 6, 2, 0);
		break;
	case 4: /* of no controller */
		put(data + 2, 2, 1);
		put(data + 8, 2, world_rng_range(rng, 0x7000, 0xffef));
		break;
	case 5: /* huge queues: it may have less */
		put(data + 4, 2, 0xffff);
		put(data + 6, 2, 0xffff);
		break;
	case 6:
		*len = (uint8_t)world_rng_below(rng, 32);
		break;
	default:
		scramble(s, data, 56);
		*len = (uint8_t)world_rng_below(rng, 57);
	}
}

static bool make_qp(struct raw_rdma *s, struct way *w)
{
	struct rnic_qp_init init = { .send_cq = s->cq,
				     .recv_cq = s->cq,
				     .cap = { .max_send_wr = CAPSULES,
					      .max_recv_wr = CAPSULES,
					      .max_send_sge = 1,
					      .max_recv_sge = 1 } };

	if (s->mr == NULL || ops_of(s)->qp_create(w->id, s->pd, &init, &w->qp) < 0) {
		w->qp = NULL;
		return false;
	}
	for (unsigned i = 0; i < CAPSULES; i++) {
		struct ibv_sge sge = { iova(MEMORY - (i + 1) * ANSWER), ANSWER,
				       ops_of(s)->mr_lkey(s->mr) };
		struct ibv_recv_wr wr = { .wr_id = i, .sg_list = &sge, .num_sge = 1 }, *bad;

		ops_of(s)->post_recv(w->qp, &wr, &bad);
	}
	return true;
}

static void resolved(struct raw_rdma *s, struct way *w)
{
	bool no_reads =
		s->raw->s->kind == SCN_RAW_RDMA_PRIVATE && world_rng_chance(rng_of(s), 100000);
	uint8_t data[56], len;
	struct rdma_conn_param param = { .private_data = data,
					 .responder_resources = no_reads ? 0 : 4,
					 .retry_count = 7,
					 .rnr_retry_count = 7 };

	if (!make_qp(s, w))
		return;
	private_data(s, data, &len);
	param.private_data_len = len;
	ops_of(s)->connect(w->id, &param);
	if (s->raw->s->kind == SCN_RAW_RDMA_STORM && world_rng_chance(rng_of(s), 300000))
		close_way(s, w); /* it has asked, and is not there any more */
}

static void on_id(struct rnic_id *id, const struct rnic_cm_event *event, void *user)
{
	struct way *w = user;
	struct raw_rdma *s = w->s;

	(void)id;
	if (event->type == RDMA_CM_EVENT_ROUTE_RESOLVED)
		resolved(s, w);
	else if (event->type == RDMA_CM_EVENT_ESTABLISHED &&
		 s->raw->s->kind == SCN_RAW_RDMA_CAPSULES && s->given != NULL)
		say(s, w);
}

static const struct rnic_id_cb id_cb = { on_id };

/* Not where the RNIC has little of either. */
static void open_other(struct raw_rdma *s, int access)
{
	const struct hw_rnic_ops *ops = ops_of(s);

	if (ops->pd_alloc(s->dev, &s->other_pd) < 0)
		s->other_pd = NULL;
	else if (ops->mr_reg(s->other_pd, s->memory, DATA, IOVA, access, &s->other) < 0)
		s->other = NULL;
}

static bool open_device(struct raw_rdma *s)
{
	const struct hw_rnic_ops *ops = ops_of(s);
	int own = IBV_ACCESS_LOCAL_WRITE;
	int all = own | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE;

	if (ops->pd_alloc(s->dev, &s->pd) < 0) {
		s->pd = NULL;
		return false;
	}
	if (ops->mr_reg(s->pd, s->memory, MEMORY, IOVA, own, &s->mr) < 0) {
		s->mr = NULL;
		return false;
	}
	if (ops->mr_reg(s->pd, s->memory, DATA, IOVA, all, &s->given) < 0) {
		s->given = NULL;
		return false;
	}
	open_other(s, all);
	if (ops->cq_create(s->ctx, s->dev, WAYS * 2 * CAPSULES, NULL, s, &s->cq) < 0)
		s->cq = NULL;
	return s->cq != NULL;
}

static void added(struct rnic_watcher *watcher, struct rnic_device *dev)
{
	struct raw_rdma *s =
		(struct raw_rdma *)((char *)watcher - offsetof(struct raw_rdma, watcher));
	const struct scn_raw *c = s->raw->s;
	const struct scn_target *t = s->raw->run->s->targets.items;
	const char *traddr = c->traddr != NULL ? c->traddr : ((const char **)t->addresses.items)[0];
	struct net_addr addr;

	if (s->dev != NULL)
		return;
	s->dev = dev;
	if (!open_device(s) || !net_addr_parse(&addr, traddr, c->trsvcid, NULL))
		return;
	for (unsigned i = 0; i < s->nways; i++) {
		struct way *w = &s->ways[i];

		if (ops_of(s)->id_resolve(s->ctx, &addr, NULL, 1000, &id_cb, w, &w->id) < 0)
			w->id = NULL;
	}
}

static void removing(struct rnic_watcher *watcher, struct rnic_device *dev)
{
	struct raw_rdma *s =
		(struct raw_rdma *)((char *)watcher - offsetof(struct raw_rdma, watcher));

	s->removed = true;
	s->dev = dev;
}

static void event(struct rnic_watcher *watcher, struct rnic_device *dev, enum ibv_event_type type,
		  unsigned port)
{
	(void)watcher; /* it does not care */
	(void)dev;
	(void)type;
	(void)port;
}

bool raw_rdma_begin(struct run_raw *raw)
{
	struct reactor *r = core_main(raw->core);
	struct raw_rdma *s = g_new0(struct raw_rdma, 1);

	s->raw = raw;
	if (reactor_rnic_get(r, &s->ctx) < 0) {
		g_free(s);
		return false;
	}
	raw->rdma = s;
	s->memory = g_malloc0(MEMORY);
	memset(s->memory + DATA / 2, FILL, DATA / 2);
	s->nways = raw->s->kind == SCN_RAW_RDMA_STORM ? WAYS : 1;
	for (unsigned i = 0; i < WAYS; i++)
		s->ways[i].s = s;
	timer_init(&s->leave, leave);
	timer_init(&s->more, more);
	s->watcher = (struct rnic_watcher){ .added = added, .removing = removing, .event = event };
	r->hw->rnic->ops->watch(r->hw->rnic, s->ctx, &s->watcher);
	reactor_timer_set(r, &s->leave, r->now + RAW_LINGER);
	return true;
}
