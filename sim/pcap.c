/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures in pcapng form: one section, one Ethernet interface with times in
 * nanoseconds, one enhanced packet block a packet. Little-endian on every machine.
 */
#include <string.h>

#include "sim/ip.h"

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINKTYPE_ETHERNET 1
#define OPT_COMMENT 1
#define OPT_IF_NAME 2
#define OPT_IF_TSRESOL 9
#define OPT_EPB_FLAGS 2

struct world_pcap {
	struct world_pcap *next;
	struct world *world;
	struct world_port *port;    /* or ... */
	struct world_node *ends[2]; /* ... NULL: any */
	GByteArray *block;	    /* being put together */
	FILE *f;
};

static void add16(GByteArray *b, uint16_t v)
{
	const uint8_t bytes[2] = { (uint8_t)v, (uint8_t)(v >> 8) };

	g_byte_array_append(b, bytes, 2);
}

static void add32(GByteArray *b, uint32_t v)
{
	add16(b, (uint16_t)v);
	add16(b, (uint16_t)(v >> 16));
}

static void add_padded(GByteArray *b, const void *data, size_t len)
{
	static const uint8_t zero[4];

	g_byte_array_append(b, data, (guint)len);
	g_byte_array_append(b, zero, (guint)(-len & 3));
}

static void add_option(GByteArray *b, uint16_t code, const void *data, size_t len)
{
	add16(b, code);
	add16(b, (uint16_t)len);
	add_padded(b, data, len);
}

static void block_begin(struct world_pcap *pcap, uint32_t type)
{
	g_byte_array_set_size(pcap->block, 0);
	add32(pcap->block, type);
	add32(pcap->block, 0); /* its length, known at the end */
}

static void block_end(struct world_pcap *pcap)
{
	GByteArray *b = pcap->block;
	uint32_t len = GUINT32_TO_LE(b->len + 4);

	add32(b, b->len + 4);
	memcpy(b->data + 4, &len, 4);
	for (guint i = 0; i < b->len; i++)
		putc(b->data[i], pcap->f);
}

static struct world_pcap *pcap_new(struct world *w, const char *name, FILE *f)
{
	static const uint8_t nanoseconds = 9;
	struct world_pcap *pcap = g_new0(struct world_pcap, 1), **at = &w->pcaps;
	GByteArray *b = pcap->block = g_byte_array_new();

	while (*at)
		at = &(*at)->next;
	*at = pcap;
	pcap->world = w;
	pcap->f = f;
	block_begin(pcap, BLOCK_SECTION);
	add32(b, BYTE_ORDER_MAGIC);
	add32(b, 1); /* version 1.0 */
	add32(b, UINT32_MAX);
	add32(b, UINT32_MAX); /* length of the section: not known */
	block_end(pcap);
	block_begin(pcap, BLOCK_INTERFACE);
	add32(b, LINKTYPE_ETHERNET);
	add32(b, 0); /* whole packets */
	add_option(b, OPT_IF_NAME, name, strlen(name));
	add_option(b, OPT_IF_TSRESOL, &nanoseconds, 1);
	add32(b, 0);
	block_end(pcap);
	return pcap;
}

struct world_pcap *world_pcap_link(struct world *w, struct world_node *a, struct world_node *b,
				   FILE *f)
{
	g_autofree char *name = g_strdup_printf("%s-%s", a ? a->name : "any", b ? b->name : "any");
	struct world_pcap *pcap = pcap_new(w, name, f);

	pcap->ends[0] = a;
	pcap->ends[1] = b;
	return pcap;
}

struct world_pcap *world_pcap_port(struct world_port *port, FILE *f)
{
	g_autofree char *name = g_strdup_printf("%s-%s", port->node->name, port->name);
	struct world_pcap *pcap = pcap_new(port->node->world, name, f);

	pcap->port = port;
	return pcap;
}

static void pcap_free(struct world_pcap *pcap)
{
	fflush(pcap->f);
	g_byte_array_free(pcap->block, TRUE);
	g_free(pcap);
}

void world_pcap_close(struct world_pcap *pcap)
{
	struct world_pcap **at = &pcap->world->pcaps;

	while (*at != pcap)
		at = &(*at)->next;
	*at = pcap->next;
	pcap_free(pcap);
}

void sim_pcaps_free(struct world *w)
{
	while (w->pcaps) {
		struct world_pcap *pcap = w->pcaps;

		w->pcaps = pcap->next;
		pcap_free(pcap);
	}
}

/* flags: 0, or 1 inbound, 2 outbound. */
static void put_packet(struct world_pcap *pcap, struct packet *p, const char *comment,
		       uint32_t flags)
{
	uint64_t time = SIM_WALL_EPOCH + pcap->world->now;
	GByteArray *b = pcap->block;

	packet_sum(p);
	block_begin(pcap, BLOCK_PACKET);
	add32(b, 0);
	add32(b, (uint32_t)(time >> 32));
	add32(b, (uint32_t)time);
	add32(b, p->len);
	add32(b, p->len);
	add_padded(b, p->bytes, p->len);
	if (comment)
		add_option(b, OPT_COMMENT, comment, strlen(comment));
	if (flags) {
		flags = GUINT32_TO_LE(flags);
		add_option(b, OPT_EPB_FLAGS, &flags, 4);
	}
	if (comment || flags)
		add32(b, 0);
	block_end(pcap);
}

static bool fits(const struct world_node *want, const struct world_node *node)
{
	/* A machine that crashed and came back is the same. */
	return !want || want->index == node->index;
}

void sim_pcap_link(struct world *w, struct packet *p, const char *comment)
{
	const struct world_node *from = p->link->from, *to = p->link->to;

	for (struct world_pcap *pcap = w->pcaps; pcap; pcap = pcap->next) {
		if (pcap->port)
			continue;
		if ((fits(pcap->ends[0], from) && fits(pcap->ends[1], to)) ||
		    (fits(pcap->ends[0], to) && fits(pcap->ends[1], from)))
			put_packet(pcap, p, comment, 0);
	}
}

void sim_pcap_port(struct world_port *port, struct packet *p, bool inbound)
{
	for (struct world_pcap *pcap = port->node->world->pcaps; pcap; pcap = pcap->next) {
		if (pcap->port == port)
			put_packet(pcap, p, NULL, inbound ? 1 : 2);
	}
}
