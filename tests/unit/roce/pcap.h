/* SPDX-License-Identifier: BSD-3-Clause */
/* Captures of Ethernet in the classic format with microseconds, little-endian. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pcap {
	uint8_t *data;
	gsize len, at;
};

struct pcap_packet {
	const uint8_t *ip; /* behind the Ethernet header */
	size_t len;
};

/* Ends the program when there is no such file, or not of this kind. */
void pcap_open(struct pcap *p, const char *path);
bool pcap_next(struct pcap *p, struct pcap_packet *packet);
void pcap_close(struct pcap *p);

/* A new capture, written all at once. */
GByteArray *pcap_new(void);
void pcap_add(GByteArray *to, const void *ip, size_t len);
