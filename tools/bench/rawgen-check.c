/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks the answers to a batch of I/O commands, PDU by PDU. They may come in
 * any order and data may come in several PDUs, but each command is answered
 * once, in full, successfully, and nothing else is in the stream.
 */
#include "tools/bench/rawgen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool bad(struct rawgen_check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	return false;
}

void rawgen_check_begin(struct rawgen_check *c, uint64_t first, unsigned n)
{
	c->first = first;
	c->n = n;
	c->done = c->successes = 0;
	c->error[0] = 0;
	memset(c->slot, 0, n * sizeof(c->slot[0]));
}

static struct rawgen_slot *slot_of(struct rawgen_check *c, uint16_t cid)
{
	unsigned i = (cid - (unsigned)(c->first % RAWGEN_CIDS)) % RAWGEN_CIDS;

	if (cid >= RAWGEN_CIDS || i >= c->n) {
		bad(c, "an answer for command identifier %u, which is not outstanding", cid);
		return NULL;
	}
	if (c->slot[i].done) {
		bad(c, "a second answer for command identifier %u", cid);
		return NULL;
	}
	return &c->slot[i];
}

static bool check_data(struct rawgen_check *c, const struct nvme_tcp_data *pdu)
{
	struct rawgen_slot *s = slot_of(c, pdu->cccid);
	bool last = pdu->hdr.flags & NVME_TCP_LAST_PDU,
	     success = pdu->hdr.flags & NVME_TCP_DATA_SUCCESS;

	if (!s)
		return false;
	if (c->write)
		return bad(c, "C2HData for a write");
	if (pdu->hdr.hlen != sizeof(*pdu) || pdu->hdr.pdo < sizeof(*pdu) || pdu->hdr.pdo % 4 ||
	    pdu->hdr.plen != pdu->hdr.pdo + (uint64_t)pdu->datal)
		return bad(c,
			   "C2HData with header length %u, data offset %u, length %u for %u bytes",
			   pdu->hdr.hlen, pdu->hdr.pdo, pdu->hdr.plen, pdu->datal);
	if (pdu->hdr.flags & ~(NVME_TCP_LAST_PDU | NVME_TCP_DATA_SUCCESS) || (success && !last))
		return bad(c, "C2HData with flags %02x", pdu->hdr.flags);
	if (!pdu->datal || pdu->datao != s->data || pdu->datal > c->size - s->data)
		return bad(c, "C2HData of %u bytes at %u where %u of %zu had come", pdu->datal,
			   pdu->datao, s->data, c->size);
	s->data += pdu->datal;
	s->wire += pdu->hdr.plen;
	if (last != (s->data == c->size))
		return bad(c, "C2HData %s the last-PDU flag at byte %u of %zu",
			   last ? "with" : "without", s->data, c->size);
	s->done = success;
	c->done += success;
	c->successes += success;
	return true;
}

static bool check_resp(struct rawgen_check *c, const struct nvme_tcp_capsule_resp *pdu)
{
	struct rawgen_slot *s = slot_of(c, pdu->cqe.cid);

	if (!s)
		return false;
	if (pdu->hdr.hlen != sizeof(*pdu) || pdu->hdr.plen != sizeof(*pdu) || pdu->hdr.flags)
		return bad(c, "CapsuleResp with header length %u, length %u, flags %02x",
			   pdu->hdr.hlen, pdu->hdr.plen, pdu->hdr.flags);
	if (pdu->cqe.status)
		return bad(c, "status %03x for command identifier %u", pdu->cqe.status >> 1,
			   pdu->cqe.cid);
	if (!c->write && s->data != c->size)
		return bad(c, "a read completed after %u of %zu bytes", s->data, c->size);
	s->wire += sizeof(*pdu);
	s->done = true;
	c->done++;
	return true;
}

union answer {
	struct nvme_tcp_hdr hdr;
	struct nvme_tcp_data data;
	struct nvme_tcp_capsule_resp resp;
};

static bool check_pdu(struct rawgen_check *c, const union answer *pdu)
{
	switch (pdu->hdr.type) {
	case NVME_TCP_C2H_DATA:
		return check_data(c, &pdu->data);
	case NVME_TCP_CAPSULE_RESP:
		return check_resp(c, &pdu->resp);
	default:
		return bad(c, "a PDU of type %02x", pdu->hdr.type);
	}
}

ptrdiff_t rawgen_check_feed(struct rawgen_check *c, const uint8_t *buf, size_t len)
{
	size_t at = 0;
	union answer pdu;

	while (len - at >= sizeof(pdu)) {
		memcpy(&pdu, buf + at, sizeof(pdu));
		if (pdu.hdr.plen < sizeof(pdu) || pdu.hdr.plen > c->size + 255) {
			bad(c, "a PDU of type %02x and %u bytes", pdu.hdr.type, pdu.hdr.plen);
			return -1;
		}
		if (pdu.hdr.plen > len - at)
			break;
		if (!check_pdu(c, &pdu))
			return -1;
		at += pdu.hdr.plen;
	}
	return (ptrdiff_t)at;
}

size_t rawgen_check_end(struct rawgen_check *c)
{
	if (c->done != c->n) {
		bad(c, "%u of %u commands answered", c->done, c->n);
		return 0;
	}
	for (unsigned i = 1; i < c->n; i++) {
		if (c->slot[i].wire != c->slot[0].wire) {
			bad(c, "answers of %u and %u bytes: bytes cannot be counted",
			    c->slot[0].wire, c->slot[i].wire);
			return 0;
		}
	}
	return c->slot[0].wire;
}
