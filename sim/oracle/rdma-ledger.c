/* SPDX-License-Identifier: BSD-3-Clause */
/* The books: see rdma-ledger.h. */
#include <string.h>

#include "sim/oracle/crc.h"
#include "sim/oracle/rdma-ledger-priv.h"

static void G_GNUC_PRINTF(3, 4)
	violation(struct oracle_rdma *o, const char *oracle, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	o->told(o->arg, oracle, text);
}

/* ---- queues ------------------------------------------------------------------------------ */

static void queues_free(void *data)
{
	struct ledger_queues *q = data;

	g_array_free(q->send.wrs, TRUE);
	g_array_free(q->recv.wrs, TRUE);
	g_free(q);
}

static void pool_free(void *data)
{
	struct ledger_queue *q = data;

	g_array_free(q->wrs, TRUE);
	g_free(q);
}

void ledger_init(struct oracle_rdma *o)
{
	o->qps = g_hash_table_new(NULL, NULL);
	o->keys = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	o->regions = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	o->ids = g_hash_table_new(NULL, NULL);
	o->devs = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	o->books = g_ptr_array_new_with_free_func(queues_free);
	o->pools = g_ptr_array_new_with_free_func(pool_free);
	o->watchers = g_ptr_array_new_with_free_func(g_free);
	o->all_ids = g_ptr_array_new_with_free_func(g_free);
}

void ledger_fini(struct oracle_rdma *o)
{
	g_hash_table_destroy(o->qps);
	g_hash_table_destroy(o->keys);
	g_hash_table_destroy(o->regions);
	g_hash_table_destroy(o->ids);
	g_hash_table_destroy(o->devs);
	g_ptr_array_free(o->books, TRUE);
	g_ptr_array_free(o->pools, TRUE);
	g_ptr_array_free(o->watchers, TRUE);
	g_ptr_array_free(o->all_ids, TRUE);
}

struct ledger_queues *ledger_open(struct oracle_rdma *o, uint32_t qpn)
{
	struct ledger_queues *q = g_new0(struct ledger_queues, 1);

	q->qpn = qpn;
	q->send.wrs = g_array_new(FALSE, FALSE, sizeof(struct ledger_wr));
	q->recv.wrs = g_array_new(FALSE, FALSE, sizeof(struct ledger_wr));
	g_ptr_array_add(o->books, q);
	g_hash_table_insert(o->qps, GUINT_TO_POINTER(qpn), q);
	return q;
}

/* ---- what is in a queue --------------------------------------------------------------------- */

static guint left_in(const struct ledger_queue *q)
{
	return q->wrs->len - q->ended;
}

static struct ledger_wr *wr_at(const struct ledger_queue *q, guint i)
{
	return &g_array_index(q->wrs, struct ledger_wr, q->ended + i);
}

/* Made up for now and then, so that none of it costs by what is behind. */
static void drop_first(struct ledger_queue *q, guint n)
{
	q->ended += n;
	if (q->ended < 64 || q->ended < q->wrs->len / 2)
		return;
	g_array_remove_range(q->wrs, 0, q->ended);
	q->ended = 0;
}

/* Nobody waits for what says nothing at its end, and uses no memory. */
static guint waited_for(const struct ledger_queue *q)
{
	guint n = 0;

	for (guint i = 0; i < left_in(q); i++) {
		const struct ledger_wr *w = wr_at(q, i);

		n += w->signaled || w->nsges > 0;
	}
	return n;
}

/* ---- a device that fails ------------------------------------------------------------------ */

/* Of all bytes of its pieces, as they are now. */
static uint32_t content(const struct oracle_rdma *o, const struct ledger_wr *w)
{
	uint32_t crc = 0;

	for (unsigned i = 0; i < w->nsges; i++) {
		const struct ibv_sge *sge = &w->sges[i];
		const struct ledger_region *r =
			g_hash_table_lookup(o->regions, GUINT_TO_POINTER(sge->lkey));

		if (r && sge->addr >= r->iova && sge->addr - r->iova + sge->length <= r->len)
			crc = oracle_crc32c(crc, r->base + (sge->addr - r->iova), sge->length);
	}
	return crc;
}

static void watch(const struct oracle_rdma *o, const struct ledger_queue *q)
{
	for (guint i = 0; !q->closed && i < left_in(q); i++) {
		struct ledger_wr *w = wr_at(q, i);

		w->watched = w->sink;
		w->was = w->watched ? content(o, w) : 0;
	}
}

void ledger_device_failed(struct oracle_rdma *o)
{
	o->torn = true;
	for (guint i = 0; i < o->books->len; i++) {
		const struct ledger_queues *q = o->books->pdata[i];

		watch(o, &q->send);
		watch(o, &q->recv);
	}
	for (guint i = 0; i < o->pools->len; i++)
		watch(o, o->pools->pdata[i]);
}

/* The RNIC writes no more, and has not said what it has written. */
void ledger_check_unused(struct oracle_rdma *o, const struct ledger_queue *q)
{
	unsigned n = 0;

	for (guint i = 0; i < left_in(q); i++)
		n += wr_at(q, i)->watched && content(o, wr_at(q, i)) != wr_at(q, i)->was;
	if (n > 0)
		violation(o, "M",
			  "memory of %u READs or receives was used while an RNIC that was torn out "
			  "might still write to it",
			  n);
}

void ledger_cq_failed(struct oracle_rdma *o, const void *cq)
{
	for (guint i = 0; i < o->books->len; i++) {
		struct ledger_queues *q = o->books->pdata[i];

		q->lost |= q->send_cq == cq || q->recv_cq == cq;
	}
}

void ledger_close(struct oracle_rdma *o, struct ledger_queues *q)
{
	guint left = left_in(&q->send) + left_in(&q->recv), waited = waited_for(&q->send);

	ledger_check_unused(o, &q->send);
	ledger_check_unused(o, &q->recv);
	/* What is in a CQ by now may still come out of it. */
	q->send.closed = q->recv.closed = true;
	o->counts.unfinished += left;
	if (o->drains && !o->torn && !q->lost && waited + left_in(&q->recv) > 0)
		violation(o, "W",
			  "queue pair %u is destroyed with %u sends and %u receives that "
			  "have not ended",
			  q->qpn, waited, left_in(&q->recv));
}

/* ---- posted --------------------------------------------------------------------------------- */

static void note_sges(struct ledger_wr *w, const struct ibv_sge *sges, int n)
{
	for (int i = 0; i < n; i++) {
		w->room += sges[i].length;
		if (w->nsges < LEDGER_SGES)
			w->sges[w->nsges++] = sges[i];
	}
}

void ledger_posted(struct oracle_rdma *o, struct ledger_queues *q, uint64_t wr_id, bool signaled,
		   uint32_t invalidates)
{
	const struct ledger_wr w = { .id = wr_id,
				     .signaled = signaled || q->sig_all,
				     .invalidates = invalidates };

	g_array_append_val(q->send.wrs, w);
	o->counts.posted++;
}

void ledger_posted_send(struct oracle_rdma *o, struct ledger_queues *q,
			const struct ibv_send_wr *wr, const struct ibv_send_wr *end)
{
	for (; wr != end; wr = wr->next) {
		struct ledger_wr w = { .id = wr->wr_id, .sink = wr->opcode == IBV_WR_RDMA_READ };

		w.signaled = q->sig_all || (wr->send_flags & IBV_SEND_SIGNALED);
		if (!(wr->send_flags & IBV_SEND_INLINE))
			note_sges(&w, wr->sg_list, wr->num_sge);
		g_array_append_val(q->send.wrs, w);
		o->counts.posted++;
	}
}

void ledger_posted_recv(struct oracle_rdma *o, struct ledger_queue *q, const struct ibv_recv_wr *wr,
			const struct ibv_recv_wr *end)
{
	for (; wr != end; wr = wr->next) {
		struct ledger_wr w = { .id = wr->wr_id, .signaled = true, .sink = true };

		note_sges(&w, wr->sg_list, wr->num_sge);
		g_array_append_val(q->wrs, w);
		q->most = MAX(q->most, left_in(q));
		o->counts.posted++;
	}
}

/* ---- ended ---------------------------------------------------------------------------------- */

static void retire(struct oracle_rdma *o, struct ledger_queue *q, guint n)
{
	for (guint i = 0; i < n; i++) {
		if (wr_at(q, i)->invalidates)
			ledger_key_gone(o, wr_at(q, i)->invalidates);
	}
	o->counts.ended += n;
	drop_first(q, n);
}

/* Those before it that nobody wanted to hear of have ended with it. */
static bool end_send(struct oracle_rdma *o, struct ledger_queue *q, const struct ibv_wc *wc)
{
	for (guint i = 0; i < left_in(q); i++) {
		const struct ledger_wr *w = wr_at(q, i);

		if (w->id == wc->wr_id && (w->signaled || wc->status != IBV_WC_SUCCESS)) {
			retire(o, q, i + 1);
			return true;
		}
		if (w->signaled)
			return false;
	}
	return false;
}

static void check_room(struct oracle_rdma *o, const struct ledger_wr *w, const struct ibv_wc *wc)
{
	if (wc->status == IBV_WC_SUCCESS && wc->opcode == IBV_WC_RECV && wc->byte_len > w->room)
		violation(o, "W", "a receive of %u bytes, where there was place for %u",
			  wc->byte_len, (unsigned)w->room);
}

static bool end_recv(struct oracle_rdma *o, struct ledger_queue *q, bool shared,
		     const struct ibv_wc *wc)
{
	for (guint i = 0; i < (shared ? left_in(q) : MIN(left_in(q), 1)); i++) {
		if (wr_at(q, i)->id != wc->wr_id)
			continue;
		check_room(o, wr_at(q, i), wc);
		/* The oldest, mostly: those before it move up. */
		memmove(wr_at(q, 1), wr_at(q, 0), i * sizeof(struct ledger_wr));
		drop_first(q, 1);
		o->counts.ended++;
		return true;
	}
	return false;
}

void ledger_ended(struct oracle_rdma *o, const void *cq, const struct ibv_wc *wc)
{
	struct ledger_queues *q = g_hash_table_lookup(o->qps, GUINT_TO_POINTER(wc->qp_num));
	bool good = wc->status == IBV_WC_SUCCESS;
	bool recv = good && (wc->opcode & IBV_WC_RECV), found = false;

	if (q == NULL) {
		violation(o, "W", "a completion of queue pair %u, which there never was",
			  wc->qp_num);
		return;
	}
	o->counts.flushed += wc->status == IBV_WC_WR_FLUSH_ERR;
	if ((!good || !recv) && cq == q->send_cq)
		found = end_send(o, &q->send, wc);
	if (!found && (!good || recv) && cq == q->recv_cq)
		found = end_recv(o, q->srq ? q->srq : &q->recv, q->srq != NULL, wc);
	if (!found)
		violation(o, "W",
			  "queue pair %u: a completion (status %d) of %" G_GUINT64_FORMAT
			  ", which was not posted, has ended, is not the next, or belongs into "
			  "another completion queue",
			  q->qpn, wc->status, wc->wr_id);
	if (recv && (wc->wc_flags & IBV_WC_WITH_INV))
		ledger_key_gone(o, wc->invalidated_rkey);
}

/* ---- memory ---------------------------------------------------------------------------------- */

void ledger_key(struct oracle_rdma *o, uint32_t rkey, const struct ledger_key *key)
{
	struct ledger_key *k = g_new(struct ledger_key, 1);

	*k = *key;
	g_hash_table_insert(o->keys, GUINT_TO_POINTER(rkey), k);
}

void ledger_key_gone(struct oracle_rdma *o, uint32_t rkey)
{
	g_hash_table_remove(o->keys, GUINT_TO_POINTER(rkey));
}

bool oracle_rdma_reachable(const struct oracle_rdma *o, uint32_t qpn, uint32_t rkey, uint64_t va,
			   uint32_t len, bool write)
{
	const struct ledger_queues *q = g_hash_table_lookup(o->qps, GUINT_TO_POINTER(qpn));
	const struct ledger_key *k = g_hash_table_lookup(o->keys, GUINT_TO_POINTER(rkey));
	int access = write ? IBV_ACCESS_REMOTE_WRITE : IBV_ACCESS_REMOTE_READ;

	if (len == 0)
		return true;
	return q != NULL && k != NULL && k->pd == q->pd && (k->qpn == 0 || k->qpn == qpn) &&
	       (k->access & access) && va >= k->va && len <= k->len && va - k->va <= k->len - len;
}

static unsigned names(const struct ledger_queue *q, uint32_t lkey)
{
	unsigned n = 0;

	if (q->closed)
		return 0;
	for (guint i = 0; i < left_in(q); i++) {
		const struct ledger_wr *w = wr_at(q, i);

		for (unsigned j = 0; j < w->nsges; j++)
			n += w->sges[j].lkey == lkey;
	}
	return n;
}

void ledger_region(struct oracle_rdma *o, uint32_t lkey, const struct ledger_region *region)
{
	struct ledger_region *r = g_new(struct ledger_region, 1);

	*r = *region;
	g_hash_table_insert(o->regions, GUINT_TO_POINTER(lkey), r);
}

void ledger_lkey_gone(struct oracle_rdma *o, uint32_t lkey)
{
	unsigned n = 0;

	g_hash_table_remove(o->regions, GUINT_TO_POINTER(lkey));

	for (guint i = 0; i < o->books->len; i++) {
		const struct ledger_queues *q = o->books->pdata[i];

		n += names(&q->send, lkey) + names(&q->recv, lkey);
	}
	for (guint i = 0; i < o->pools->len; i++)
		n += names(o->pools->pdata[i], lkey);
	if (n > 0)
		violation(o, "M", "memory goes that %u work requests name which have not ended", n);
}

/* ---- whole ------------------------------------------------------------------------------------
 */

struct oracle_rdma *oracle_rdma_new(struct hw_rnic *inner,
				    void (*told)(void *arg, const char *oracle, char *text),
				    void *arg)
{
	struct oracle_rdma *o = g_new0(struct oracle_rdma, 1);

	o->rnic.ops = &ledger_ops;
	o->inner = inner;
	o->told = told;
	o->arg = arg;
	ledger_init(o);
	return o;
}

void oracle_rdma_free(struct oracle_rdma *o)
{
	if (o == NULL)
		return;
	ledger_fini(o);
	g_free(o);
}

struct hw_rnic *oracle_rdma_rnic(struct oracle_rdma *o)
{
	return &o->rnic;
}

void oracle_rdma_drains(struct oracle_rdma *o, bool drains)
{
	o->drains = drains;
}

char *oracle_rdma_idle(const struct oracle_rdma *o)
{
	for (guint i = 0; i < o->pools->len; i++) {
		const struct ledger_queue *q = o->pools->pdata[i];

		if (!q->closed && left_in(q) < q->most)
			return g_strdup_printf("%u of %u receives of an SRQ have not been posted "
					       "again",
					       q->most - left_in(q), q->most);
	}
	return NULL;
}

void oracle_rdma_counts(const struct oracle_rdma *o, struct oracle_rdma_counts *out)
{
	*out = o->counts;
}
