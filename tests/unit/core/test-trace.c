/* SPDX-License-Identifier: BSD-3-Clause */
/* The trace ring: wrap, counter overflow, text. */
#include <glib.h>
#include <string.h>

#include "target/core/trace.h"

struct seen {
	unsigned count;
	uint64_t first, last;
};

static void see(void *arg, const struct trace_record *rec)
{
	struct seen *s = arg;

	if (s->count++ == 0)
		s->first = rec->a;
	else
		g_assert_cmpuint(rec->a, ==, s->last + 1);
	s->last = rec->a;
	g_assert_cmpuint(rec->reactor, ==, 7);
	g_assert_cmpuint(rec->time, ==, 1000 + rec->a);
}

static void test_wrap(void)
{
	uint64_t now = 1000;
	struct trace *t = trace_new(16, 7, &now);
	struct seen none = { 0 };

	trace_dump(t, see, &none);
	g_assert_cmpuint(none.count, ==, 0);
	for (uint64_t i = 0; i < 40; i++) {
		struct seen s = { 0 };

		now = 1000 + i;
		trace_write(t, TRACE_AER, i, 0);
		trace_dump(t, see, &s);
		g_assert_cmpuint(s.count, ==, MIN(i + 1, 16));
		g_assert_cmpuint(s.first, ==, i < 16 ? 0 : i - 15);
		g_assert_cmpuint(s.last, ==, i);
	}
	/* the counter runs over, the ring does not notice */
	t->next = UINT32_MAX - 15;
	for (uint64_t i = 100; i < 140; i++) {
		struct seen s = { 0 };

		now = 1000 + i;
		trace_write(t, TRACE_AER, i, 0);
		if (i < 116)
			continue;
		trace_dump(t, see, &s);
		g_assert_cmpuint(s.count, ==, 16);
		g_assert_cmpuint(s.last, ==, i);
	}
	trace_free(t);
	trace_free(NULL);
}

static void test_format(void)
{
	struct trace_record rec = { .time = 12000000034,
				    .event = TRACE_TCP_CLOSE,
				    .reactor = 3,
				    .seq = 4000000000u,
				    .a = 0xabc,
				    .b = 0 };
	const char *text = "12.000000034 r3 #4000000000 tcp.close conn=0xabc reason=0x0";
	char buf[128];

	for (size_t len = 0; len <= sizeof(buf); len++) {
		memset(buf, '#', sizeof(buf));
		g_assert_cmpint(trace_format(&rec, buf, len), ==, (int)strlen(text));
		if (len < sizeof(buf))
			g_assert_cmpint(buf[len], ==, '#');
		if (len > 0)
			g_assert_cmpuint(strnlen(buf, len), ==, MIN(len - 1, strlen(text)));
	}
	g_assert_cmpstr(buf, ==, text);
	/* a field without a name shows only when it is set */
	rec.event = TRACE_TCP_ACCEPT;
	trace_format(&rec, buf, sizeof(buf));
	g_assert_cmpstr(buf, ==, "12.000000034 r3 #4000000000 tcp.accept conn=0xabc");
	rec = (struct trace_record){ .event = 9999, .a = UINT64_MAX, .b = 1 };
	trace_format(&rec, buf, sizeof(buf));
	g_assert_cmpstr(buf, ==, "0.000000000 r0 #0 unknown-9999 a=0xffffffffffffffff b=0x1");
}

static void test_names(void)
{
	for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++) {
		g_assert_cmpuint(strlen(trace_event_name((uint16_t)i)), >, 0);
		for (unsigned j = 0; j < i; j++)
			g_assert_cmpstr(trace_event_name((uint16_t)i), !=,
					trace_event_name((uint16_t)j));
	}
	g_assert_cmpstr(trace_event_name(TRACE_EVENT_COUNT), ==, "unknown");
	g_assert_cmpstr(trace_event_name(TRACE_KEEP_ALIVE_EXPIRED), ==, "keep_alive.expired");
}

static void count(void *arg, const struct trace_record *rec)
{
	(void)rec;
	++*(unsigned *)arg;
}

static unsigned kept(const struct trace *t)
{
	unsigned n = 0;

	trace_dump(t, count, &n);
	return n;
}

/* Every event is in one group; one that is off leaves nothing, not even a number. */
static void test_groups(void)
{
	uint64_t now = 0, all = 0;
	struct trace *t = trace_new(16, 0, &now);

	for (unsigned g = 0; trace_groups[g]; g++) {
		uint64_t bits = trace_group_events(g);

		g_assert_cmphex(bits, !=, 0);
		g_assert_cmphex(bits & all, ==, 0);
		all |= bits;
	}
	g_assert_cmphex(all, ==, (UINT64_C(1) << TRACE_EVENT_COUNT) - 2);
	g_assert_cmpstr(trace_groups[trace_group_of(TRACE_TCP_CLOSE)], ==, "nvmf_tcp");
	g_assert_cmpstr(trace_groups[trace_group_of(TRACE_REQ_DONE)], ==, "nvmf");

	t->enabled &= ~trace_group_events(trace_group_of(TRACE_REQ_START));
	trace_write(t, TRACE_REQ_START, 1, 2);
	g_assert_cmpuint(kept(t), ==, 0);
	g_assert_cmpuint(t->next, ==, 0);
	trace_write(t, TRACE_TCP_ACCEPT, 1, 0);
	g_assert_cmpuint(kept(t), ==, 1);
	t->enabled = TRACE_ALL;
	trace_write(t, TRACE_REQ_START, 1, 2);
	g_assert_cmpuint(kept(t), ==, 2);
	trace_clear(t);
	g_assert_cmpuint(kept(t), ==, 0);
	trace_write(t, TRACE_REQ_START, 1, 2);
	g_assert_cmpuint(kept(t), ==, 1);
	g_assert_cmpuint(t->next, ==, 3);
	trace_free(t);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/trace/wrap", test_wrap);
	g_test_add_func("/trace/format", test_format);
	g_test_add_func("/trace/names", test_names);
	g_test_add_func("/trace/groups", test_groups);
	return g_test_run();
}
