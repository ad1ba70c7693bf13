/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a RoCE packet is called: by its bytes, and by the queue pairs that connection
 * management has set up over the wire. A packet names only whom it is for; who sends it
 * is that one's peer, known when the reply has answered the request.
 */
#include <string.h>

#include "sim/roce-priv.h"

/* As many PSNs are told apart as may be on their way, twice. */
#define MEMORY 1024
#define MESSAGES 64

#define OP_READ_REQUEST 0x0c
#define OP_ACK 0x11
#define OP_CNP 0x81
#define MAD_AT 20 /* behind BTH and DETH */
#define MAD_LEN 256

struct sent {
	uint32_t psn;
	uint32_t times;
};

struct named_qp {
	struct net_addr host;
	uint32_t qpn, comm_id;
	uint64_t number;
	uint32_t first_psn; /* of the requests that it gets */
	struct named_qp *peer;
	uint64_t packets;	/* sent */
	struct sent *requests;	/* MEMORY of them, by PSN */
	struct sent *responses; /* to READs, and acknowledgements */
};

struct message {
	uint64_t what;
	unsigned times;
};

struct roce_names {
	GHashTable *by_qpn, *by_comm_id; /* the last one that had it */
	GPtrArray *all;
	struct message messages[MESSAGES];
	unsigned next_message;
};

static uint32_t get24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | get24(p + 1);
}

/* ---- queue pairs ---------------------------------------------------------------------- */

static guint hash_host(const struct net_addr *host, uint32_t number)
{
	return (guint)world_hash_bytes(number, host->ip, sizeof(host->ip));
}

static guint hash_qpn(gconstpointer key)
{
	const struct named_qp *qp = key;

	return hash_host(&qp->host, qp->qpn);
}

static gboolean same_qpn(gconstpointer a, gconstpointer b)
{
	const struct named_qp *x = a, *y = b;

	return x->qpn == y->qpn && net_addr_same_host(&x->host, &y->host);
}

static guint hash_comm_id(gconstpointer key)
{
	const struct named_qp *qp = key;

	return hash_host(&qp->host, qp->comm_id);
}

static gboolean same_comm_id(gconstpointer a, gconstpointer b)
{
	const struct named_qp *x = a, *y = b;

	return x->comm_id == y->comm_id && net_addr_same_host(&x->host, &y->host);
}

static void qp_free(void *data)
{
	struct named_qp *qp = data;

	g_free(qp->requests);
	g_free(qp->responses);
	g_free(qp);
}

static struct roce_names *names_of(struct world *w)
{
	struct roce_names *names = w->roce_names;

	if (names)
		return names;
	w->roce_names = names = g_new0(struct roce_names, 1);
	names->by_qpn = g_hash_table_new(hash_qpn, same_qpn);
	names->by_comm_id = g_hash_table_new(hash_comm_id, same_comm_id);
	names->all = g_ptr_array_new_with_free_func(qp_free);
	return names;
}

void sim_roce_names_free(struct world *w)
{
	struct roce_names *names = w->roce_names;

	if (!names)
		return;
	g_hash_table_destroy(names->by_qpn);
	g_hash_table_destroy(names->by_comm_id);
	g_ptr_array_free(names->all, TRUE);
	g_free(names);
	w->roce_names = NULL;
}

/* A request or a reply names its sender's queue pair. One that is sent again names no new one. */
static struct named_qp *introduce(struct roce_names *names, const struct net_addr *host,
				  uint32_t qpn, uint32_t comm_id, uint32_t first_psn)
{
	struct named_qp key = { .host = *host, .qpn = qpn }, *qp;

	qp = g_hash_table_lookup(names->by_qpn, &key);
	if (qp && qp->comm_id == comm_id && qp->first_psn == first_psn)
		return qp;
	qp = g_new0(struct named_qp, 1);
	qp->host = *host;
	qp->qpn = qpn;
	qp->comm_id = comm_id;
	qp->first_psn = first_psn;
	qp->requests = g_new0(struct sent, MEMORY);
	qp->responses = g_new0(struct sent, MEMORY);
	g_ptr_array_add(names->all, qp);
	qp->number = names->all->len;
	g_hash_table_replace(names->by_qpn, qp, qp);
	g_hash_table_replace(names->by_comm_id, qp, qp);
	return qp;
}

/* ---- connection management -------------------------------------------------------------- */

static unsigned times_sent(struct roce_names *names, const struct net_addr *from,
			   const uint8_t *mad)
{
	uint64_t what = world_mix(world_hash_bytes(0, from->ip, sizeof(from->ip)),
				  world_hash_bytes(mad[17], mad + 8, 8));
	struct message *m;

	for (unsigned i = 0; i < MESSAGES; i++) {
		if (names->messages[i].what == what)
			return ++names->messages[i].times;
	}
	m = &names->messages[names->next_message++ % MESSAGES];
	*m = (struct message){ what, 1 };
	return 1;
}

static void name_cm(struct roce_names *names, struct packet *p, const struct net_addr *from,
		    const struct net_addr *to)
{
	const uint8_t *mad = p->bytes + p->data_off + MAD_AT, *cm = mad + 24;
	struct named_qp key, *asker, *qp = NULL;
	unsigned kind = mad[17];

	p->kinds = WORLD_PACKET_CM;
	if (p->data_len < MAD_AT + MAD_LEN || mad[16] != 0 || kind < 0x10 || kind > 0x16)
		return;
	p->cm = (uint8_t)(1u << (kind - 0x10));
	p->tx = (uint16_t)times_sent(names, from, mad);
	if (p->cm == WORLD_CM_REQUEST) {
		qp = introduce(names, from, get24(cm + 32), get32(cm), get24(cm + 44));
	} else if (p->cm == WORLD_CM_REPLY) {
		qp = introduce(names, from, get24(cm + 12), get32(cm), get24(cm + 20));
		key = (struct named_qp){ .host = *to, .comm_id = get32(cm + 4) };
		asker = g_hash_table_lookup(names->by_comm_id, &key);
		if (asker) {
			qp->peer = asker;
			asker->peer = qp;
		}
	} else {
		key = (struct named_qp){ .host = *from, .comm_id = get32(cm) };
		qp = g_hash_table_lookup(names->by_comm_id, &key);
	}
	p->qp = qp ? qp->number : 0;
}

/* ---- packets ------------------------------------------------------------------------------ */

static bool answers(uint8_t opcode)
{
	return opcode > OP_READ_REQUEST && opcode <= OP_ACK + 1;
}

static unsigned kinds_of(const struct packet *p, uint8_t opcode)
{
	const uint8_t *aeth = p->bytes + p->data_off + 12;

	if (opcode == OP_CNP)
		return WORLD_PACKET_CNP;
	if (opcode <= 0x05 || opcode == 0x16 || opcode == 0x17)
		return WORLD_PACKET_SEND | WORLD_PACKET_DATA;
	if (opcode <= 0x0b)
		return WORLD_PACKET_WRITE | WORLD_PACKET_DATA;
	if (opcode == OP_READ_REQUEST)
		return WORLD_PACKET_READ;
	if (opcode < OP_ACK)
		return WORLD_PACKET_RESPONSE | WORLD_PACKET_DATA;
	if (opcode > OP_ACK)
		return 0;
	return aeth[0] >> 5 == 1   ? WORLD_PACKET_RNR
	       : aeth[0] >> 5 == 3 ? WORLD_PACKET_NAK
				   : WORLD_PACKET_ACK;
}

static uint16_t count(struct sent *memory, uint32_t psn)
{
	struct sent *s = &memory[psn % MEMORY];

	if (s->times == 0 || s->psn != psn)
		*s = (struct sent){ .psn = psn };
	return (uint16_t)++s->times;
}

static void name_rc(struct roce_names *names, struct packet *p, const struct net_addr *to)
{
	const uint8_t *bth = p->bytes + p->data_off;
	struct named_qp key = { .host = *to, .qpn = get24(bth + 5) }, *qp, *dest;
	uint32_t psn = get24(bth + 9);

	p->kinds = (uint16_t)kinds_of(p, bth[0]);
	dest = g_hash_table_lookup(names->by_qpn, &key);
	qp = dest ? dest->peer : NULL;
	if (!qp)
		return;
	p->qp = qp->number;
	p->number = ++qp->packets;
	if (p->kinds == WORLD_PACKET_CNP)
		return;
	if (answers(bth[0])) {
		p->psn = ((psn - qp->first_psn) & 0xffffff) + 1;
		p->tx = count(qp->responses, psn);
	} else {
		p->psn = ((psn - dest->first_psn) & 0xffffff) + 1;
		p->tx = count(qp->requests, psn);
	}
}

void sim_roce_name(struct world *w, struct packet *p)
{
	struct roce_names *names = names_of(w);
	struct net_addr from, to;

	p->roce = true;
	packet_udp_addrs(p, &from, &to);
	if (get24(p->bytes + p->data_off + 5) == 1)
		name_cm(names, p, &from, &to);
	else
		name_rc(names, p, &to);
}
