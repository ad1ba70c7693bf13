/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The trace: a running hash over records, which can also be kept, printed or
 * handed to somebody. Keeping or printing them changes nothing of the run.
 */
#include <inttypes.h>
#include <string.h>

#include "sim/priv.h"

static const char *const kind_names[] = {
#define X(name, str, a, b) [WORLD_##name] = str,
	WORLD_KINDS(X)
#undef X
};

static const char *const kind_fields[][2] = {
#define X(name, str, a, b) [WORLD_##name] = { a, b },
	WORLD_KINDS(X)
#undef X
};

static void hand_out(struct world *w, const struct world_record *rec)
{
	if (w->kept)
		g_array_append_val(w->kept, *rec);
	if (w->on_record)
		w->on_record(w->on_record_arg, rec);
	if (w->trace_file) {
		char line[256];

		world_record_format(w, rec, line, sizeof(line));
		fprintf(w->trace_file, "%s\n", line);
	}
}

void world_trace(struct world *w, enum world_kind kind, uint16_t node, uint64_t a, uint64_t b)
{
	uint64_t h = world_mix(w->hash, w->now);

	h = world_mix(h, (uint64_t)kind << 16 | node);
	h = world_mix(h, a);
	w->hash = h = world_mix(h, b);
	w->nrecords++;
	if (__builtin_expect(w->kept || w->on_record || w->trace_file, 0)) {
		struct world_record rec = {
			.time = w->now,
			.a = a,
			.b = b,
			.hash = h,
			.kind = (uint16_t)kind,
			.node = node,
		};

		hand_out(w, &rec);
	}
}

uint64_t world_hash(const struct world *w)
{
	return w->hash;
}

uint64_t world_records(const struct world *w)
{
	return w->nrecords;
}

void world_note(struct world *w, const char *name, uint64_t value)
{
	world_trace(w, WORLD_NOTE, NO_NODE, world_hash_str(name), value);
}

void world_on_record(struct world *w, void (*fn)(void *arg, const struct world_record *rec),
		     void *arg)
{
	w->on_record = fn;
	w->on_record_arg = arg;
}

void world_trace_to(struct world *w, FILE *f)
{
	w->trace_file = f;
}

void world_keep_records(struct world *w)
{
	if (!w->kept)
		w->kept = g_array_new(FALSE, FALSE, sizeof(struct world_record));
}

int world_record_format(const struct world *w, const struct world_record *rec, char *buf,
			size_t len)
{
	const char *node = "-";

	if (rec->node < w->nodes->len)
		node = world_node_name(g_ptr_array_index(w->nodes, rec->node));
	return g_snprintf(
		buf, len,
		"%" PRIu64 ".%09" PRIu64 " %s %s %s=%" PRIx64 " %s=%" PRIx64 " hash=%016" PRIx64,
		rec->time / WORLD_SEC, rec->time % WORLD_SEC, node, kind_names[rec->kind],
		kind_fields[rec->kind][0], rec->a, kind_fields[rec->kind][1], rec->b, rec->hash);
}

static void append_record(GString *s, const struct world *w, guint i)
{
	char line[256];

	if (i >= w->kept->len) {
		g_string_append(s, "(end)\n");
		return;
	}
	world_record_format(w, &g_array_index(w->kept, struct world_record, i), line, sizeof(line));
	g_string_append_printf(s, "%s\n", line);
}

char *world_diff(const struct world *a, const struct world *b)
{
	guint n, i;
	GString *s;

	g_assert(a->kept && b->kept);
	n = MIN(a->kept->len, b->kept->len);
	for (i = 0; i < n; i++) {
		if (memcmp(&g_array_index(a->kept, struct world_record, i),
			   &g_array_index(b->kept, struct world_record, i),
			   sizeof(struct world_record)) != 0)
			break;
	}
	if (i == a->kept->len && i == b->kept->len)
		return NULL;
	s = g_string_new(NULL);
	g_string_append_printf(s, "record %u differs; after ", i);
	if (i > 0)
		append_record(s, a, i - 1);
	else
		g_string_append(s, "the start\n");
	g_string_append(s, "one:   ");
	append_record(s, a, i);
	g_string_append(s, "other: ");
	append_record(s, b, i);
	return g_string_free(s, FALSE);
}
