/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNICs of a scenario's machines, and what judges them: ledgers between software and
 * RNIC (W, M), the monitor of everything that they say on the wire (V).
 */
#include <string.h>

#include "sim/oracle/rdma-ledger.h"
#include "sim/oracle/wire-rc.h"
#include "sim/roce.h"
#include "sim/run/run-priv.h"
#include "target/nvmf/rdma.h"

/* Of one incarnation of a machine. */
struct ledger {
	struct oracle_rdma *oracle;
	struct hw_rnic *joined; /* with those of the machine's other RNICs; NULL: it has none */
	struct net_addr addrs[16];
	unsigned naddrs;
};

struct run_rdma {
	struct run *run;
	struct world_roce_tap tap;
	struct oracle_rc *monitor;
	GPtrArray *ledgers; /* oldest first */
	uint64_t awake;	    /* since when no machine is kept from its work */
};

static void ledger_free(void *data)
{
	struct ledger *l = data;

	oracle_rdma_join_free(l->joined);
	oracle_rdma_free(l->oracle);
	g_free(l);
}

static void misdeed(void *arg, const char *oracle, char *text)
{
	run_violation(arg, oracle, text);
}

static void misspoken(void *arg, char *text)
{
	run_violation(arg, "V", text);
}

static void look(struct world_roce_tap *tap, const struct world_node *node, bool sent,
		 const uint8_t *frame, uint32_t len, uint64_t now)
{
	struct run_rdma *r = (struct run_rdma *)((char *)tap - offsetof(struct run_rdma, tap));

	(void)node;
	oracle_rc_frame(r->monitor, sent, frame, len, now);
}

static bool is_at(const struct ledger *l, const uint8_t host[16])
{
	for (unsigned i = 0; i < l->naddrs; i++) {
		if (memcmp(l->addrs[i].ip, host, sizeof(l->addrs[i].ip)) == 0)
			return true;
	}
	return false;
}

static bool reachable(void *arg, const uint8_t host[16], uint32_t qpn, uint32_t rkey, uint64_t va,
		      uint32_t len, bool write)
{
	const struct run_rdma *r = arg;

	for (guint i = r->ledgers->len; i-- > 0;) {
		const struct ledger *l = r->ledgers->pdata[i];

		if (is_at(l, host))
			return oracle_rdma_reachable(l->oracle, qpn, rkey, va, len, write);
	}
	return true;
}

static struct run_rdma *rdma_of(struct run *run)
{
	struct run_rdma *r = run->rdma;

	if (r != NULL)
		return r;
	run->rdma = r = g_new0(struct run_rdma, 1);
	r->run = run;
	r->ledgers = g_ptr_array_new_with_free_func(ledger_free);
	r->monitor = oracle_rc_new(misspoken, run);
	oracle_rc_memory(r->monitor, reachable, r);
	r->tap.fn = look;
	world_roce_tap_add(run->world, &r->tap);
	return r;
}

static void set_flag(struct ibv_device_attr *attr, unsigned flag, bool on)
{
	attr->device_cap_flags &= ~flag;
	if (on)
		attr->device_cap_flags |= flag;
}

static void fill_params(struct world_rnic_params *p, const struct scn_rnic *s, uint64_t reactors)
{
	world_rnic_model((unsigned)s->model, p);
	p->reactors = (unsigned)reactors;
	p->mtu = (unsigned)s->mtu;
	p->rx_ring = (unsigned)s->rx_ring;
	p->max_inline = (uint32_t)s->max_inline;
	p->dcqcn = s->dcqcn;
	p->attr.max_qp = (int)s->max_qp;
	p->attr.max_qp_wr = (int)s->max_qp_wr;
	p->iwarp = s->iwarp;
	p->no_send_inv = s->no_send_inv;
	p->numa = (unsigned)(s->numa_node + 1);
	p->max_mr_bytes = s->max_mr_bytes;
	p->mr_fail_at = s->mr_fail_at;
	p->mr_fail_count = s->mr_fail_count;
	p->mr_ns = s->mr_time;
	p->mr_page_ns = s->mr_page_time;
	p->attr.max_sge = (int)s->max_sge;
	p->attr.max_sge_rd = (int)MIN(s->max_sge_rd, s->max_sge);
	p->attr.max_srq_sge = (int)MIN(s->max_srq_sge, s->max_sge);
	p->attr.max_cq = (int)s->max_cq;
	p->attr.max_cqe = (int)s->max_cqe;
	p->attr.max_pd = (int)s->max_pd;
	p->attr.max_mr = (int)s->max_mr;
	p->attr.max_mw = (int)s->max_mw;
	p->attr.max_srq = (int)s->max_srq;
	p->attr.max_srq_wr = (int)s->max_srq_wr;
	p->attr.max_qp_rd_atom = p->attr.max_qp_init_rd_atom = (int)s->max_qp_rd_atom;
	set_flag(&p->attr, IBV_DEVICE_RC_RNR_NAK_GEN, !s->no_rnr);
	set_flag(&p->attr, IBV_DEVICE_MEM_WINDOW_TYPE_2B, !s->no_windows);
	if (s->no_windows)
		p->attr.max_mw = 0;
}

static void registering(void *arg, uint64_t until)
{
	run_rdma_away(arg, until);
}

void run_rnic_put(struct run *run, struct world_node *node, const struct scn_rnic *s,
		  unsigned number, uint64_t reactors)
{
	g_autoptr(GError) error = NULL;
	struct world_rnic_params p;

	if (s == NULL)
		return;
	fill_params(&p, s, reactors);
	p.number = number;
	p.away = registering;
	p.away_arg = run;
	if (world_rnic_new(node, &p, &error) == NULL)
		run_fail(run, RUN_SAFETY, "E", "RNIC of %s: %s", world_node_name(node),
			 error->message);
}

static struct ledger *boot(struct run *run, struct world_node *node, const char *const *addrs,
			   unsigned naddrs, bool drains)
{
	struct hw_rnic *rnic = world_node_hw(node)->rnic;
	struct ledger *l;

	if (rnic == NULL)
		return NULL;
	l = g_new0(struct ledger, 1);
	for (unsigned i = 0; i < MIN(naddrs, G_N_ELEMENTS(l->addrs)); i++)
		net_addr_parse(&l->addrs[l->naddrs++], addrs[i], NULL, NULL);
	for (unsigned i = 0; i < l->naddrs; i++)
		oracle_rc_booted(rdma_of(run)->monitor, l->addrs[i].ip);
	l->oracle = oracle_rdma_new(rnic, misdeed, run);
	oracle_rdma_drains(l->oracle, drains);
	g_ptr_array_add(rdma_of(run)->ledgers, l);
	world_rnic_wrap(node, oracle_rdma_rnic(l->oracle));
	return l;
}

void run_rnic_boot(struct run *run, struct world_node *node, const char *const *addrs,
		   unsigned naddrs, bool drains)
{
	boot(run, node, addrs, naddrs, drains);
}

void run_rnics_boot(struct run_target *t)
{
	const struct scn_nic *nics = t->s->nics.items;
	struct ledger *l = boot(t->run, t->node, t->s->addresses.items, t->s->addresses.n, true);
	struct oracle_rdma *all[ORACLE_RDMA_JOIN_MAX];

	if (l == NULL || t->s->nics.n == 0)
		return;
	all[0] = l->oracle;
	for (unsigned i = 0; i < t->s->nics.n; i++)
		all[i + 1] =
			boot(t->run, t->nics[i], nics[i].addresses.items, nics[i].addresses.n, true)
				->oracle;
	l->joined = oracle_rdma_join(all, t->s->nics.n + 1);
	world_rnic_wrap(t->node, l->joined);
}

/* --- near and far --------------------------------------------------------------------------- */

static bool has(const struct codec_list *addresses, const struct net_addr *addr)
{
	struct net_addr one;

	for (unsigned i = 0; i < addresses->n; i++) {
		if (net_addr_parse(&one, ((const char **)addresses->items)[i], NULL, NULL) &&
		    net_addr_same_host(&one, addr))
			return true;
	}
	return false;
}

/* The RNIC that a connection came to, by its address. */
static const struct scn_rnic *rnic_at(const struct scn_target *s, const struct net_addr *addr)
{
	const struct scn_nic *nics = s->nics.items;

	for (unsigned i = 0; i < s->nics.n; i++) {
		if (has(&nics[i].addresses, addr))
			return nics[i].rnic;
	}
	return s->rnic;
}

static void count_place(struct run_target *t, unsigned index, uint64_t node)
{
	struct counts *counts = t->run->counts;
	g_autofree char *name = g_strdup_printf("rdma.reactor.%u", index);

	if (node == UINT64_MAX)
		return;
	counts_add(counts, index / t->s->numa_cpus == node ? "rdma.near" : "rdma.far", 1);
	counts_add(counts, name, 1);
}

void run_rdma_accepted(struct run_target *t, unsigned index, uint32_t qpn)
{
	struct nvmf_transport *rdma = nvmf_transport_find(t->target->nvmf, "RDMA");
	const struct rdma_poller *p = NULL;

	if (t->s->numa_cpus > 0 && rdma != NULL)
		p = rdma_transport_of(rdma)->pollers[index];
	for (; p != NULL; p = p->next) {
		for (const struct rdma_conn *c = p->conns; c != NULL; c = c->next) {
			if (c->qpn == qpn)
				count_place(t, index, rnic_at(t->s, &c->local)->numa_node);
		}
	}
}

/* What it is now; asked again it may have grown. */
static void set_count(struct run *run, const char *name, uint64_t value)
{
	counts_add(run->counts, name, value - counts_get(run->counts, name));
}

static void count_refusals(struct run *run, const char *what, const uint64_t *n, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		g_autofree char *name = g_strdup_printf("rdma.%s.%u", what, i);

		if (n[i] > 0)
			set_count(run, name, n[i]);
	}
}

void run_rdma_counts(struct run *run)
{
	struct run_rdma *r = run->rdma;
	struct oracle_rc_counts c;
	uint64_t posted = 0, flushed = 0, unfinished = 0;

	if (r == NULL)
		return;
	oracle_rc_counts(r->monitor, &c);
#define X(name) set_count(run, "rdma." #name, c.name);
	RUN_RDMA_COUNTS(X)
#undef X
	run->result->packets = c.frames;
	count_refusals(run, "reject", c.rejects, ORACLE_RC_REASONS);
	count_refusals(run, "refused", c.refused, ORACLE_RC_STATUSES);
	for (guint i = 0; i < r->ledgers->len; i++) {
		struct oracle_rdma_counts books;

		oracle_rdma_counts(((struct ledger *)r->ledgers->pdata[i])->oracle, &books);
		posted += books.posted;
		flushed += books.flushed;
		unfinished += books.unfinished;
	}
	set_count(run, "rdma.work", posted);
	set_count(run, "rdma.flushed", flushed);
	set_count(run, "rdma.unfinished", unfinished);
}

void run_rdma_idle(struct run *run)
{
	struct run_rdma *r = run->rdma;

	for (guint i = 0; r != NULL && i < r->ledgers->len; i++)
		run_violation(run, "W",
			      oracle_rdma_idle(((struct ledger *)r->ledgers->pdata[i])->oracle));
}

void run_rdma_away(struct run *run, uint64_t until)
{
	struct run_rdma *r = run->rdma;

	if (r == NULL)
		return;
	r->awake = MAX(r->awake, until);
	oracle_rc_awake(r->monitor, r->awake);
}

void run_rdma_free(struct run *run)
{
	struct run_rdma *r = run->rdma;

	if (r == NULL)
		return;
	world_roce_tap_remove(run->world, &r->tap);
	oracle_rc_free(r->monitor);
	g_ptr_array_free(r->ledgers, TRUE);
	g_free(r);
}
