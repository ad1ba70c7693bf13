/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The trace ring, and its records as text. Dumping and formatting run in a
 * signal handler after a crash: no allocation, no stdio, no locale.
 */
#include <glib.h>
#include <stdbool.h>
#include <string.h>

#include "target/core/trace.h"

/* Immutable. */
static const struct {
	const char *name, *a, *b;
} events[TRACE_EVENT_COUNT] = {
#define X(name, str, a, b) [TRACE_##name] = { str, a, b },
	TRACE_EVENTS(X)
#undef X
};

G_STATIC_ASSERT(TRACE_EVENT_COUNT <= 64);

/* --- groups -------------------------------------------------------------------- */

/* By the component that an event's name begins with. */
static const struct {
	const char *component;
	unsigned group;
} components[] = {
	{ "tcp", 0 }, { "req", 1 },	   { "ctrlr", 1 }, { "qpair", 1 }, { "ns", 1 },
	{ "aer", 1 }, { "keep_alive", 1 }, { "bdev", 2 },  { "host", 3 },  { "rdma", 4 },
};

const char *const trace_groups[] = { "nvmf_tcp", "nvmf", "bdev", "host", "nvmf_rdma", NULL };

unsigned trace_group_of(enum trace_event event)
{
	const char *name = events[event].name;
	size_t len = strcspn(name, ".");

	for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
		if (strlen(components[i].component) == len &&
		    strncmp(name, components[i].component, len) == 0)
			return components[i].group;
	}
	g_assert_not_reached();
}

uint64_t trace_group_events(unsigned group)
{
	uint64_t bits = 0;

	for (unsigned i = TRACE_NONE + 1; i < TRACE_EVENT_COUNT; i++) {
		if (trace_group_of((enum trace_event)i) == group)
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

/* --- ring ---------------------------------------------------------------------- */

struct trace *trace_new(uint32_t records, uint16_t reactor, const uint64_t *now)
{
	struct trace *t = g_new0(struct trace, 1);

	g_assert(records > 0 && (records & (records - 1)) == 0);
	t->ring = g_new0(struct trace_record, records);
	t->mask = records - 1;
	t->enabled = TRACE_ALL;
	t->reactor = reactor;
	t->now = now;
	return t;
}

void trace_free(struct trace *trace)
{
	if (trace == NULL)
		return;
	g_free(trace->ring);
	g_free(trace);
}

void trace_clear(struct trace *t)
{
	memset(t->ring, 0, ((size_t)t->mask + 1) * sizeof(t->ring[0]));
}

const char *trace_event_name(uint16_t event)
{
	return event < TRACE_EVENT_COUNT ? events[event].name : "unknown";
}

void trace_dump(const struct trace *t, void (*write)(void *arg, const struct trace_record *rec),
		void *arg)
{
	uint32_t next = t->next;

	/* Slots never written are NONE: the count cannot tell, it wraps. */
	for (uint64_t i = 0; i <= t->mask; i++) {
		struct trace_record rec = t->ring[(next + (uint32_t)i) & t->mask];

		if (rec.event != TRACE_NONE)
			write(arg, &rec);
	}
}

struct out {
	char *buf;
	size_t len;
	int n;
};

static void put_char(struct out *o, char c)
{
	if ((size_t)o->n + 1 < o->len)
		o->buf[o->n] = c;
	o->n++;
}

static void put_str(struct out *o, const char *s)
{
	while (*s != '\0')
		put_char(o, *s++);
}

/* At least width digits. */
static void put_num(struct out *o, uint64_t v, unsigned base, unsigned width)
{
	char digits[24];
	unsigned n = 0;

	while (v != 0 || n < width || n == 0) {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	}
	while (n > 0)
		put_char(o, digits[--n]);
}

static void put_field(struct out *o, const char *name, const char *fallback, uint64_t v)
{
	if (*name == '\0') {
		/* Not meant to be set: shown only when it is. */
		if (v == 0)
			return;
		name = fallback;
	}
	put_char(o, ' ');
	put_str(o, name);
	put_str(o, "=0x");
	put_num(o, v, 16, 1);
}

int trace_format(const struct trace_record *rec, char *buf, size_t len)
{
	struct out o = { .buf = buf, .len = len };
	bool known = rec->event < TRACE_EVENT_COUNT;

	put_num(&o, rec->time / 1000000000, 10, 1);
	put_char(&o, '.');
	put_num(&o, rec->time % 1000000000, 10, 9);
	put_str(&o, " r");
	put_num(&o, rec->reactor, 10, 1);
	put_str(&o, " #");
	put_num(&o, rec->seq, 10, 1);
	put_char(&o, ' ');
	put_str(&o, trace_event_name(rec->event));
	if (!known) {
		put_char(&o, '-');
		put_num(&o, rec->event, 10, 1);
	}
	put_field(&o, known ? events[rec->event].a : "", "a", rec->a);
	put_field(&o, known ? events[rec->event].b : "", "b", rec->b);
	if (len > 0)
		buf[(size_t)o.n < len ? (size_t)o.n : len - 1] = '\0';
	return o.n;
}
