/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See wire-rc.h. Positions are PSNs without wrapping, from 0 for a queue pair's first
 * request. Each queue pair has two halves: what it asks its peer for, and what it
 * answers its peer.
 */
#include <string.h>

#include "sim/oracle/wire-rc-priv.h"

#define RNR_FOR_EVER 7
#define KEEP 4096 /* positions behind the last one that are remembered */

enum { CM_REQ = 0x10, CM_REJ = 0x12, CM_REP = 0x13, CM_RTU = 0x14, CM_DREQ = 0x15, CM_DREP = 0x16 };

#define REASON_CONSUMER 28
#define CNP 0x81

void rc_violation(struct oracle_rc *o, const struct rc_qp *qp, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	o->told(o->arg, g_strdup_printf("queue pair %u at %" G_GUINT64_FORMAT ": opcode 0x%02x, "
					"PSN %u: %s",
					qp->qpn, o->now, o->p->opcode, o->p->psn, what));
}

void rc_omission(struct oracle_rc *o, const struct rc_qp *qp, char *text)
{
	if (text != NULL)
		rc_violation(o, qp, "%s", text);
	g_free(text);
}

uint64_t rc_at(uint64_t near, uint32_t first, uint32_t psn)
{
	uint32_t ahead = (psn - first - (uint32_t)near) & 0xffffff;

	return ahead < 0x800000 ? near + ahead : near + ahead - 0x1000000;
}

/* ---- who is who --------------------------------------------------------------------------- */

static guint hash_of(const uint8_t *host, uint32_t n)
{
	for (unsigned i = 0; i < 16; i++)
		n = n * 31 + host[i];
	return n;
}

static guint qpn_hash(gconstpointer a)
{
	return hash_of(((const struct rc_qp *)a)->host, ((const struct rc_qp *)a)->qpn);
}

static gboolean qpn_equal(gconstpointer a, gconstpointer b)
{
	const struct rc_qp *x = a, *y = b;

	return x->qpn == y->qpn && memcmp(x->host, y->host, 16) == 0;
}

static guint id_hash(gconstpointer a)
{
	return hash_of(((const struct rc_qp *)a)->host, ((const struct rc_qp *)a)->comm_id);
}

static gboolean id_equal(gconstpointer a, gconstpointer b)
{
	const struct rc_qp *x = a, *y = b;

	return x->comm_id == y->comm_id && memcmp(x->host, y->host, 16) == 0;
}

static struct rc_qp *find(GHashTable *table, const uint8_t *host, uint32_t qpn, uint32_t comm_id)
{
	struct rc_qp key = { .qpn = qpn, .comm_id = comm_id };

	memcpy(key.host, host, 16);
	return g_hash_table_lookup(table, &key);
}

static void qp_free(void *data)
{
	struct rc_qp *qp = data;

	g_array_free(qp->asked, TRUE);
	g_array_free(qp->taken, TRUE);
	g_free(qp);
}

static struct rc_qp *introduce(struct oracle_rc *o, uint32_t qpn, uint32_t comm_id, uint32_t first)
{
	struct rc_qp *qp = find(o->by_qpn, o->p->src, qpn, 0);

	if (qp != NULL && qp->comm_id == comm_id && qp->first == first)
		return NULL; /* the same message again */
	qp = g_new0(struct rc_qp, 1);
	memcpy(qp->host, o->p->src, 16);
	qp->qpn = qpn;
	qp->comm_id = comm_id;
	qp->first = first;
	qp->asked = g_array_new(FALSE, FALSE, sizeof(struct asked));
	qp->taken = g_array_new(FALSE, FALSE, sizeof(struct taken));
	g_ptr_array_add(o->all, qp);
	g_hash_table_replace(o->by_qpn, qp, qp);
	g_hash_table_replace(o->by_comm_id, qp, qp);
	return qp;
}

static uint32_t get(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;

	while (n-- > 0)
		v = v << 8 | *p++;
	return v;
}

static void connect_request(struct oracle_rc *o, const uint8_t *cm)
{
	struct rc_qp *qp = introduce(o, get(cm + 32, 3), get(cm, 4), get(cm + 44, 3));

	if (qp == NULL)
		return;
	qp->mtu = 128u << (cm[50] >> 4);
	qp->asks = true;
	qp->retries = cm[47] & 7;
	qp->rnr_retries = cm[50] & 7; /* its peer's, until the reply */
}

static void connect_reply(struct oracle_rc *o, const uint8_t *cm)
{
	struct rc_qp *asker = find(o->by_comm_id, o->p->dst, 0, get(cm + 4, 4)), *qp;

	qp = introduce(o, get(cm + 12, 3), get(cm, 4), get(cm + 20, 3));
	if (qp == NULL || asker == NULL)
		return;
	o->counts.connections++;
	qp->peer = asker;
	asker->peer = qp;
	qp->mtu = asker->mtu;
	qp->retries = asker->retries;
	qp->rnr_retries = asker->rnr_retries;
	asker->rnr_retries = cm[27] >> 5;
	asker->reads = cm[24];
	qp->reads = cm[25];
}

void rc_end(struct rc_qp *qp, const char *why)
{
	qp->over = true;
	qp->why = why;
}

static void rejected(struct oracle_rc *o, const uint8_t *cm)
{
	uint32_t reason = get(cm + 10, 2), status = cm[86] | (uint32_t)cm[87] << 8;

	o->counts.rejects[MIN(reason, ORACLE_RC_REASONS - 1)]++;
	if (reason == REASON_CONSUMER)
		o->counts.refused[MIN(status, ORACLE_RC_STATUSES - 1)]++;
}

static void disconnects(struct oracle_rc *o, struct rc_qp *qp)
{
	struct rc_qp *peer = qp->peer;

	if (!o->quiet && qp->asks && !qp->over && peer != NULL && !peer->over && !peer->dead)
		rc_omission(o, qp, rc_duty_left(&peer->duty, o->now, o->awake));
	rc_end(qp, "a disconnect request");
}

static void cm_sent(struct oracle_rc *o)
{
	const uint8_t *cm = o->p->cm;
	struct rc_qp *qp;

	if (o->p->opcode == CM_REQ)
		connect_request(o, cm);
	else if (o->p->opcode == CM_REP)
		connect_reply(o, cm);
	else if (o->p->opcode == CM_REJ)
		rejected(o, cm);
	else if (o->p->opcode == CM_DREQ && (qp = find(o->by_comm_id, o->p->src, 0, get(cm, 4))))
		disconnects(o, qp);
	else if (o->p->opcode == CM_DREP &&
		 (qp = find(o->by_comm_id, o->p->dst, 0, get(cm + 4, 4))))
		rc_duty_drep(&qp->duty);
}

static void cm_taken(struct oracle_rc *o)
{
	struct rc_qp *qp = find(o->by_comm_id, o->p->src, 0, get(o->p->cm, 4));

	if (o->p->opcode == CM_DREQ && qp != NULL)
		rc_omission(o, qp, rc_duty_dreq(&qp->duty, o->now, o->awake));
	else if (o->p->opcode == CM_RTU && qp != NULL && qp->peer != NULL)
		rc_duty_ready(&qp->peer->duty, o->now);
}

/* ---- requests -------------------------------------------------------------------------------- */

/*
 * All but the bit that asks for an acknowledgement; of a WRITE not its data: what has
 * arrived may be changed in its sender's memory before the sender knows.
 */
static uint32_t hash_packet(const struct rc_packet *p)
{
	uint32_t h = (2166136261u ^ p->payload) * 16777619u;
	uint32_t len = p->message == RC_WRITE ? p->len - (p->payload + 3) / 4 * 4 : p->len;

	for (uint32_t i = 0; i < len; i++)
		h = (h ^ (i == 8 ? p->bth[i] & 0x7f : p->bth[i])) * 16777619u;
	return h;
}

static struct asked *find_asked(struct rc_qp *qp, uint64_t pos)
{
	guint lo = 0, hi = qp->asked->len;

	while (lo < hi) {
		guint mid = (lo + hi) / 2;
		struct asked *a = &g_array_index(qp->asked, struct asked, mid);

		if (pos < a->pos)
			hi = mid;
		else if (pos >= a->pos + a->n)
			lo = mid + 1;
		else
			return a;
	}
	return NULL;
}

static unsigned reads_open(const struct rc_qp *qp)
{
	unsigned n = 0;

	for (guint i = 0; i < qp->asked->len; i++)
		n += g_array_index(qp->asked, struct asked, i).message == RC_READ;
	return n;
}

/* The parts of a message, one after the other. */
static void check_parts(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	bool begins = p->part == RC_FIRST || p->part == RC_ONLY;

	if (begins == qp->in_message)
		rc_violation(o, qp, begins ? "a message begins within another" : "it never began");
	else if (!begins && p->message != qp->message)
		rc_violation(o, qp, "a part of another kind of message");
	if ((p->part == RC_FIRST || p->part == RC_MIDDLE) ? p->payload != qp->mtu
							  : p->payload > qp->mtu)
		rc_violation(o, qp, "%u bytes in a packet; the path MTU is %u", p->payload,
			     qp->mtu);
	if (p->part == RC_LAST && p->payload == 0)
		rc_violation(o, qp, "a last packet without a byte");
	if (begins) {
		qp->message = p->message;
		qp->message_len = p->dma_len;
		qp->message_got = 0;
	}
	qp->message_got += p->payload;
	qp->in_message = p->part == RC_FIRST || p->part == RC_MIDDLE;
	if (!qp->in_message && qp->message == RC_WRITE && qp->message_got != qp->message_len)
		rc_violation(o, qp, "a WRITE of %u bytes that said %u", (unsigned)qp->message_got,
			     (unsigned)qp->message_len);
}

static void new_request(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	struct asked a = { .pos = qp->next, .n = 1, .message = (uint8_t)p->message };

	check_parts(o, qp, p);
	qp->duty.replied |= p->message == RC_SEND;
	a.va = p->va;
	a.rkey = p->rkey;
	a.len = p->dma_len;
	if (p->message == RC_READ) {
		a.n = MAX(1, (p->dma_len + qp->mtu - 1) / qp->mtu);
		if (reads_open(qp) >= qp->reads)
			rc_violation(o, qp, "more than %u READs at a time", qp->reads);
	} else {
		a.hash = hash_packet(p);
	}
	g_array_append_val(qp->asked, a);
	qp->next += a.n;
}

/* Returns how many positions it covers. */
static uint64_t repeated(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p,
			 uint64_t pos)
{
	const struct asked *a = find_asked(qp, pos);
	uint64_t gone;

	o->counts.repeated++;
	if (a == NULL) {
		rc_violation(o, qp, "it sends again what it has never sent");
		return 1;
	}
	gone = (pos - a->pos) * qp->mtu;
	if (a->message == RC_READ ? p->message != RC_READ || p->va != a->va + gone ||
					    p->rkey != a->rkey || p->dma_len != a->len - gone
				  : hash_packet(p) != a->hash)
		rc_violation(o, qp, "it is not what was sent with this PSN at first");
	return a->pos + a->n - pos;
}

static void went_back(struct oracle_rc *o, struct rc_qp *qp)
{
	unsigned rnrs = qp->rnr_retries == RNR_FOR_EVER ? qp->rnrs : MIN(qp->rnrs, qp->rnr_retries);

	o->counts.backs++;
	if (++qp->backs > qp->retries + rnrs + qp->naks)
		rc_violation(
			o, qp,
			"the %u. retry without progress: %u are allowed, %u NAKs and %u RNR NAKs "
			"have come",
			qp->backs, qp->retries, qp->naks, qp->rnrs);
}

static void request_sent(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	uint64_t pos = rc_at(qp->una, qp->peer->first, p->psn), n;

	o->counts.requests++;
	qp->cursor = MAX(qp->cursor, qp->una);
	if ((int64_t)pos < (int64_t)qp->una) {
		rc_violation(o, qp, "it has been acknowledged");
		return;
	}
	if (pos > qp->cursor)
		rc_violation(o, qp, "%" G_GUINT64_FORMAT " PSNs are left out", pos - qp->cursor);
	if (pos >= qp->rnr_pos && o->now < qp->rnr_until)
		rc_violation(o, qp, "%" G_GUINT64_FORMAT " ns too soon after an RNR NAK",
			     qp->rnr_until - o->now);
	if (pos < qp->cursor)
		went_back(o, qp);
	rc_omission(o, qp, rc_duty_request(&qp->duty, pos, o->now, o->awake));
	if (pos > qp->next)
		return; /* told */
	if (pos == qp->next) {
		new_request(o, qp, p);
		qp->cursor = qp->next;
		return;
	}
	n = repeated(o, qp, p, pos);
	qp->cursor = pos + n;
}

/* ---- answers that are taken ----------------------------------------------------------------- */

static void progress(struct rc_qp *qp)
{
	rc_duty_progress(&qp->duty, qp->una);
	qp->backs = qp->rnrs = qp->naks = 0;
}

/* Everything below pos is done, but for READs that have not been answered. */
static void done_below(struct rc_qp *qp, uint64_t pos)
{
	guint i = 0;

	for (; i < qp->asked->len; i++) {
		const struct asked *a = &g_array_index(qp->asked, struct asked, i);

		if (a->pos + a->n > pos || (a->message == RC_READ && a->got < a->n))
			break;
		qp->una = a->pos + a->n;
		progress(qp);
	}
	if (i > 0)
		g_array_remove_range(qp->asked, 0, i);
}

static void response_taken(struct rc_qp *qp, uint64_t pos)
{
	struct asked *a = find_asked(qp, pos);

	if (a == NULL || a->message != RC_READ)
		return;
	done_below(qp, a->pos);
	a = find_asked(qp, pos);
	if (qp->una < a->pos || a->pos + a->got != pos)
		return;
	a->got++;
	qp->una = pos + 1;
	progress(qp);
	done_below(qp, pos + 1);
}

static uint64_t rnr_time(unsigned value)
{
	static const uint32_t us10[32] = { 65536, 1,	2,    3,     4,	    6,	   8,	  12,
					   16,	  24,	32,   48,    64,    96,	   128,	  192,
					   256,	  384,	512,  768,   1024,  1536,  2048,  3072,
					   4096,  6144, 8192, 12288, 16384, 24576, 32768, 49152 };

	return us10[value & 31] * UINT64_C(10000);
}

static void answer_taken(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	uint64_t pos = rc_at(qp->una, qp->peer->first, p->psn);

	if ((int64_t)pos < (int64_t)qp->una || pos >= qp->next)
		return;
	if (p->what == RC_RESPONSE) {
		response_taken(qp, pos);
		return;
	}
	switch (p->syndrome >> 5) {
	case 0:
		done_below(qp, pos + 1);
		break;
	case 1:
		done_below(qp, pos);
		qp->rnrs++;
		qp->rnr_pos = pos;
		/* Clocks may run at another rate than the world's. */
		qp->rnr_until = o->now + rnr_time(p->syndrome) / 2;
		if (qp->una == pos)
			rc_duty_not_ready(&qp->duty, pos, rnr_time(p->syndrome), o->now);
		break;
	case 3:
		done_below(qp, pos);
		qp->naks++;
		if ((p->syndrome & 31) == 0 || qp->una != pos)
			break;
		qp->has_last_word = !qp->over;
		rc_end(qp, "a NAK that ends the connection");
		break;
	default:
		break;
	}
}

/* ---- requests that are taken -------------------------------------------------------------------
 */

struct taken *rc_find_taken(struct rc_qp *qp, uint64_t pos)
{
	for (guint i = qp->taken->len; i-- > 0;) {
		struct taken *t = &g_array_index(qp->taken, struct taken, i);

		if (pos >= t->pos && pos < t->pos + t->n)
			return t;
	}
	return NULL;
}

bool rc_is_allowed(const struct oracle_rc *o, const struct rc_qp *qp, uint32_t rkey, uint64_t va,
		   uint32_t len, bool write)
{
	return o->reachable == NULL ||
	       o->reachable(o->reachable_arg, qp->host, qp->qpn, rkey, va, len, write);
}

static void write_taken(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	if (p->message != RC_WRITE || (p->part != RC_FIRST && p->part != RC_ONLY) ||
	    qp->has_forbidden || rc_is_allowed(o, qp, p->rkey, p->va, p->dma_len, true))
		return;
	qp->has_forbidden = true;
	qp->forbidden = qp->hi;
}

/* What its sender has an answer to, a late copy is of; and a READ's key may be gone. */
static void taken_again(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p,
			uint64_t pos)
{
	if (pos < qp->peer->una || qp->over || qp->dead || qp->peer->over ||
	    (p->message == RC_READ && !rc_is_allowed(o, qp, p->rkey, p->va, p->dma_len, false)))
		return;
	rc_omission(o, qp, rc_duty_again(&qp->duty, pos, o->now, o->awake));
}

static void request_taken(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	uint64_t pos = rc_at(qp->hi, qp->first, p->psn);
	struct taken t = { .pos = pos, .n = 1, .read = p->message == RC_READ, .len = p->dma_len };
	struct taken *old;

	t.va = p->va;
	t.rkey = p->rkey;
	if ((int64_t)pos < (int64_t)qp->hi) {
		old = t.read ? rc_find_taken(qp, pos) : NULL;
		if (old != NULL && old->read)
			old->from[old->nfrom++ % RESTARTS] = pos;
		taken_again(o, qp, p, pos);
		return;
	}
	if (!qp->over && !qp->dead)
		rc_omission(o, qp, rc_duty_taken(&qp->duty, pos, qp->hi, o->now, o->awake));
	if (pos > qp->hi)
		return;
	if (t.read) {
		t.n = MAX(1, (p->dma_len + qp->mtu - 1) / qp->mtu);
		t.from[t.nfrom++] = pos;
	}
	write_taken(o, qp, p);
	if (p->part == RC_LAST || p->part == RC_ONLY) {
		if (qp->msn++ == 0)
			rc_duty_first(&qp->duty, false, o->now);
	}
	t.msn = qp->msn;
	qp->hi += t.n;
	g_array_append_val(qp->taken, t);
	if (qp->taken->len > 2 * KEEP)
		g_array_remove_range(qp->taken, 0, KEEP);
}

/* ---- frames ------------------------------------------------------------------------------------
 */

static void taken(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	if (p->what == RC_REQUEST)
		request_taken(o, qp, p);
	else
		answer_taken(o, qp, p);
}

/* Its own NAK of what had come before the other's. */
static bool is_last_word(const struct rc_qp *qp, const struct rc_packet *p)
{
	return qp->has_last_word && p->what == RC_ACK && p->syndrome >> 5 == 3 &&
	       (p->syndrome & 31) != 0;
}

static void sent(struct oracle_rc *o, struct rc_qp *qp, const struct rc_packet *p)
{
	if (qp->over && !is_last_word(qp, p)) {
		rc_violation(o, qp, "it speaks after %s", qp->why);
		return;
	}
	qp->has_last_word = false;
	if (p->what == RC_REQUEST)
		request_sent(o, qp, p);
	else if (p->what == RC_RESPONSE)
		rc_response_sent(o, qp, p);
	else
		rc_ack_sent(o, qp, p);
}

void oracle_rc_frame(struct oracle_rc *o, bool is_sent, const uint8_t *frame, uint32_t len,
		     uint64_t now)
{
	struct rc_packet p;
	const char *wrong = rc_packet_read(&p, frame, len);
	struct rc_qp *dest;

	o->p = &p;
	o->now = now;
	o->counts.frames += is_sent;
	if (wrong != NULL) {
		o->told(o->arg,
			g_strdup_printf("a frame at %" G_GUINT64_FORMAT ": %s", now, wrong));
		return;
	}
	if (p.what == RC_CM && is_sent)
		cm_sent(o);
	else if (p.what == RC_CM)
		cm_taken(o);
	o->counts.cnps += is_sent && p.what == RC_OTHER && p.opcode == CNP;
	if (p.what == RC_CM || p.what == RC_OTHER)
		return;
	dest = find(o->by_qpn, p.dst, p.dest, 0);
	if (dest == NULL || dest->peer == NULL || memcmp(dest->peer->host, p.src, 16) != 0)
		o->counts.strangers += is_sent;
	else if (is_sent)
		sent(o, dest->peer, &p);
	else
		taken(o, dest, &p);
}

struct oracle_rc *oracle_rc_new(void (*told)(void *arg, char *text), void *arg)
{
	struct oracle_rc *o = g_new0(struct oracle_rc, 1);

	o->told = told;
	o->arg = arg;
	o->by_qpn = g_hash_table_new(qpn_hash, qpn_equal);
	o->by_comm_id = g_hash_table_new(id_hash, id_equal);
	o->all = g_ptr_array_new_with_free_func(qp_free);
	return o;
}

void oracle_rc_quiet(struct oracle_rc *o)
{
	o->quiet = true;
}

void oracle_rc_free(struct oracle_rc *o)
{
	if (o == NULL)
		return;
	g_hash_table_destroy(o->by_qpn);
	g_hash_table_destroy(o->by_comm_id);
	g_ptr_array_free(o->all, TRUE);
	g_free(o);
}

void oracle_rc_memory(struct oracle_rc *o,
		      bool (*reachable)(void *arg, const uint8_t host[16], uint32_t qpn,
					uint32_t rkey, uint64_t va, uint32_t len, bool write),
		      void *arg)
{
	o->reachable = reachable;
	o->reachable_arg = arg;
}

void oracle_rc_awake(struct oracle_rc *o, uint64_t since)
{
	o->awake = since;
}

void oracle_rc_booted(struct oracle_rc *o, const uint8_t host[16])
{
	for (guint i = 0; i < o->all->len; i++) {
		struct rc_qp *qp = o->all->pdata[i];

		qp->dead |= memcmp(qp->host, host, sizeof(qp->host)) == 0;
	}
}

void oracle_rc_counts(const struct oracle_rc *o, struct oracle_rc_counts *out)
{
	*out = o->counts;
}
