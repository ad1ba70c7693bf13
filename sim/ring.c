/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See ring.h.
 */
#include <glib.h>
#include <string.h>

#include "sim/ring.h"

#define RING_MIN 4096u

void ring_reserve(struct ring *r, uint64_t head, uint64_t tail, size_t need)
{
	struct ring old = *r;

	if (need <= r->size)
		return;
	if (r->size == 0)
		r->size = RING_MIN;
	while (r->size < need)
		r->size *= 2;
	r->buf = g_malloc(r->size);
	for (uint64_t at = head; at < tail;) {
		size_t n = MIN(tail - at, old.size - (at & (old.size - 1)));

		ring_write(r, at, old.buf + (at & (old.size - 1)), n);
		at += n;
	}
	g_free(old.buf);
}

void ring_write(struct ring *r, uint64_t at, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t off = at & (r->size - 1), n = MIN(len, r->size - off);

		memcpy(r->buf + off, p, n);
		at += n;
		p += n;
		len -= n;
	}
}

void ring_read(const struct ring *r, uint64_t at, void *data, size_t len)
{
	uint8_t *p = data;

	while (len > 0) {
		size_t off = at & (r->size - 1), n = MIN(len, r->size - off);

		memcpy(p, r->buf + off, n);
		at += n;
		p += n;
		len -= n;
	}
}

void ring_free(struct ring *r)
{
	g_free(r->buf);
	*r = (struct ring){ 0 };
}
