/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/roce/pcap.h"

#include <stdbool.h>
#include <string.h>

#define MAGIC 0xa1b2c3d4u
#define ETHERNET 1
#define ETHER_LEN 14

struct file_head {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snap, link;
};

struct packet_head {
	uint32_t sec, usec, len, wire_len;
};

void pcap_open(struct pcap *p, const char *path)
{
	g_autoptr(GError) error = NULL;
	struct file_head head;

	if (!g_file_get_contents(path, (char **)&p->data, &p->len, &error))
		g_error("%s", error->message);
	g_assert_cmpuint(p->len, >=, sizeof(head));
	memcpy(&head, p->data, sizeof(head));
	g_assert_cmphex(GUINT32_FROM_LE(head.magic), ==, MAGIC);
	g_assert_cmpuint(GUINT32_FROM_LE(head.link), ==, ETHERNET);
	p->at = sizeof(head);
}

bool pcap_next(struct pcap *p, struct pcap_packet *packet)
{
	struct packet_head head;
	size_t len;

	if (p->at == p->len)
		return false;
	g_assert_cmpuint(p->len - p->at, >=, sizeof(head));
	memcpy(&head, p->data + p->at, sizeof(head));
	p->at += sizeof(head);
	len = GUINT32_FROM_LE(head.len);
	g_assert_cmpuint(len, ==, GUINT32_FROM_LE(head.wire_len));
	g_assert_cmpuint(len, >, ETHER_LEN);
	g_assert_cmpuint(p->len - p->at, >=, len);
	packet->ip = p->data + p->at + ETHER_LEN;
	packet->len = len - ETHER_LEN;
	p->at += len;
	return true;
}

void pcap_close(struct pcap *p)
{
	g_free(p->data);
}

GByteArray *pcap_new(void)
{
	const struct file_head head = {
		GUINT32_TO_LE(MAGIC), GUINT16_TO_LE(2),	      GUINT16_TO_LE(4), 0, 0,
		GUINT32_TO_LE(65535), GUINT32_TO_LE(ETHERNET)
	};
	GByteArray *to = g_byte_array_new();

	return g_byte_array_append(to, (const uint8_t *)&head, sizeof(head));
}

void pcap_add(GByteArray *to, const void *ip, size_t len)
{
	const bool v6 = *(const uint8_t *)ip >> 4 == 6;
	const uint8_t ether[ETHER_LEN] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, v6 ? 0x86 : 0x08, v6 ? 0xdd : 0
	};
	const uint32_t total = GUINT32_TO_LE((uint32_t)(ETHER_LEN + len));
	const struct packet_head head = { 0, 0, total, total };

	g_byte_array_append(to, (const uint8_t *)&head, sizeof(head));
	g_byte_array_append(to, ether, sizeof(ether));
	g_byte_array_append(to, ip, (guint)len);
}
