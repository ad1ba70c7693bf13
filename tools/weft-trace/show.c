/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A dump as text, and as the JSON that trace viewers load: a track a reactor, each
 * request from its start to its end, everything else as a point in time.
 */
#include <string.h>

#include "tools/weft-trace/weft-trace.h"

static const struct record *record_at(const struct dump *dump, guint i)
{
	return &g_array_index(dump->records, struct record, i);
}

/* What a request does, by its queue and opcode. */
static const char *opcode_name(const struct record *rec)
{
	static const struct {
		uint8_t opcode;
		const char *io, *admin;
	} names[] = {
		{ 0x00, "flush", "delete_sq" },	   { 0x01, "write", "create_sq" },
		{ 0x02, "read", "get_log_page" },  { 0x04, "write_uncorrectable", "delete_cq" },
		{ 0x05, "compare", "create_cq" },  { 0x06, NULL, "identify" },
		{ 0x08, "write_zeroes", "abort" }, { 0x09, "dataset_management", "set_features" },
		{ 0x0a, NULL, "get_features" },	   { 0x0c, "verify", "async_event_request" },
		{ 0x18, NULL, "keep_alive" },	   { 0x19, "copy", NULL },
		{ 0x7f, "fabrics", "fabrics" },
	};
	bool admin = (record_field(rec, "cntlid_qid_cid") >> 16 & 0xffff) == 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		const char *name = admin ? names[i].admin : names[i].io;

		if (names[i].opcode == record_field(rec, "opcode") && name)
			return name;
	}
	return admin ? "admin" : "io";
}

/* --- text --------------------------------------------------------------------------------- */

static void text_record(const struct dump *dump, const struct record *rec, GString *out)
{
	g_string_append_printf(out, "%" G_GUINT64_FORMAT ".%09" G_GUINT64_FORMAT " r%u %s",
			       rec->time / 1000000000, rec->time % 1000000000, rec->reactor,
			       rec->name);
	for (unsigned i = 0; i < rec->nfields; i++)
		g_string_append_printf(out, " %s=0x%" G_GINT64_MODIFIER "x", rec->fields[i].key,
				       rec->fields[i].value);
	if (strcmp(rec->name, "req.start") == 0) {
		g_string_append_printf(out, " (%s)", opcode_name(rec));
	} else if (rec->other > 0) {
		const struct record *start = record_at(dump, rec->other - 1);
		uint64_t took = rec->time - start->time;

		g_string_append_printf(out,
				       " (%s, %" G_GUINT64_FORMAT ".%03" G_GUINT64_FORMAT " us)",
				       opcode_name(start), took / 1000, took % 1000);
	}
	g_string_append_c(out, '\n');
}

void dump_text(const struct dump *dump, GString *out)
{
	for (guint i = 0; i < dump->records->len; i++)
		text_record(dump, record_at(dump, i), out);
}

/* --- trace events ---------------------------------------------------------------------------- */

/* Names and keys have no characters that JSON would want escaped. */
static void begin_event(GString *out, const struct record *rec, const char *name, const char *phase)
{
	g_string_append_printf(
		out,
		",\n{\"name\":\"%s\",\"ph\":\"%s\",\"pid\":1,\"tid\":%u,\"ts\":%" G_GUINT64_FORMAT
		".%03" G_GUINT64_FORMAT,
		name, phase, rec->reactor, rec->time / 1000, rec->time % 1000);
}

static void end_event(GString *out, const struct record *rec)
{
	g_string_append(out, ",\"args\":{");
	for (unsigned i = 0; i < rec->nfields; i++)
		g_string_append_printf(out, "%s\"%s\":\"0x%" G_GINT64_MODIFIER "x\"", i ? "," : "",
				       rec->fields[i].key, rec->fields[i].value);
	g_string_append(out, "}}");
}

/* One end of a request whose other end is there too. start is its first. */
static void request_event(GString *out, const struct record *rec, const struct record *start,
			  unsigned number)
{
	begin_event(out, rec, opcode_name(start), rec == start ? "b" : "e");
	/* The same for both; numbers of requests come again, so this is the start's place. */
	g_string_append_printf(out, ",\"cat\":\"request\",\"id\":\"0x%x\"", number);
	end_event(out, rec);
}

static void chrome_record(const struct dump *dump, guint i, GString *out)
{
	const struct record *rec = record_at(dump, i);

	if (rec->other == 0) {
		begin_event(out, rec, rec->name, "i");
		g_string_append(out, ",\"s\":\"t\"");
		end_event(out, rec);
	} else if (rec->other - 1 > i) {
		request_event(out, rec, rec, i + 1);
	} else {
		request_event(out, rec, record_at(dump, rec->other - 1), rec->other);
	}
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Tracks have names and an order. */
static void name_tracks(const struct dump *dump, GString *out)
{
	g_autoptr(GArray) reactors = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	uint32_t last = UINT32_MAX;

	for (guint i = 0; i < dump->records->len; i++)
		g_array_append_val(reactors, record_at(dump, i)->reactor);
	g_array_sort(reactors, by_number);
	for (guint i = 0; i < reactors->len; i++) {
		uint32_t r = g_array_index(reactors, uint32_t, i);

		if (r == last)
			continue;
		last = r;
		g_string_append_printf(out,
				       ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":1,"
				       "\"tid\":%u,\"args\":{\"name\":\"reactor %u\"}}",
				       r, r);
	}
}

void dump_chrome(const struct dump *dump, GString *out)
{
	g_string_append(out, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
			     "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{"
			     "\"name\":\"weftd\"}}");
	name_tracks(dump, out);
	for (guint i = 0; i < dump->records->len; i++)
		chrome_record(dump, i, out);
	g_string_append(out, "\n]}\n");
}
