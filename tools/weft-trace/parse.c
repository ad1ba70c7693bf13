/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading a dump. A record is
 *
 *     SECONDS.NANOSECONDS rREACTOR #NUMBER component.event key=0xVALUE ...
 *
 * as trace_format() of target/core writes it.
 */
#include <errno.h>
#include <string.h>

#include "target/core/error.h"
#include "target/rpc/json.h"
#include "tools/weft-trace/weft-trace.h"

#define MAX_SECONDS (UINT64_MAX / 1000000000)

/* --- one record ------------------------------------------------------------------- */

struct scan {
	const char *at, *end;
};

static bool take(struct scan *s, char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* Digits, at least one, of a value of at most max. */
static bool take_number(struct scan *s, unsigned base, uint64_t max, uint64_t *value)
{
	const char *begin = s->at;

	*value = 0;
	for (; s->at < s->end && g_ascii_isxdigit(*s->at); s->at++) {
		unsigned digit = (unsigned)g_ascii_xdigit_value(*s->at);

		if (digit >= base)
			break;
		if (*value > (max - digit) / base)
			return false;
		*value = *value * base + digit;
	}
	return s->at > begin;
}

static bool take_name(struct scan *s, const char *more, char name[NAME_MAX_LEN + 1])
{
	size_t n = 0;

	for (; s->at < s->end && n <= NAME_MAX_LEN; s->at++, n++) {
		if (!g_ascii_isalnum(*s->at) && (*s->at == '\0' || !strchr(more, *s->at)))
			break;
		if (n < NAME_MAX_LEN)
			name[n] = *s->at;
	}
	if (n == 0 || n > NAME_MAX_LEN)
		return false;
	name[n] = '\0';
	return true;
}

static bool take_time(struct scan *s, uint64_t *time)
{
	uint64_t seconds, nanos;
	const char *begin;

	if (!take_number(s, 10, MAX_SECONDS, &seconds) || !take(s, '.'))
		return false;
	begin = s->at;
	if (!take_number(s, 10, 999999999, &nanos) || s->at - begin != 9 ||
	    nanos > UINT64_MAX - seconds * 1000000000)
		return false;
	*time = seconds * 1000000000 + nanos;
	return true;
}

static bool take_fields(struct scan *s, struct record *rec)
{
	rec->nfields = 0;
	while (take(s, ' ')) {
		struct field *f = &rec->fields[rec->nfields];

		if (rec->nfields == RECORD_FIELDS || !take_name(s, "_", f->key) || !take(s, '=') ||
		    !take(s, '0') || !take(s, 'x') || !take_number(s, 16, UINT64_MAX, &f->value))
			return false;
		rec->nfields++;
	}
	return s->at == s->end;
}

static bool parse_at(struct record *rec, struct scan s)
{
	uint64_t reactor, seq;

	if (!take_time(&s, &rec->time) || !take(&s, ' ') || !take(&s, 'r') ||
	    !take_number(&s, 10, UINT16_MAX, &reactor) || !take(&s, ' ') || !take(&s, '#') ||
	    !take_number(&s, 10, UINT32_MAX, &seq) || !take(&s, ' ') ||
	    !take_name(&s, "._-", rec->name))
		return false;
	rec->reactor = (uint32_t)reactor;
	rec->seq = (uint32_t)seq;
	rec->other = 0;
	return take_fields(&s, rec);
}

bool record_parse(struct record *rec, const char *line, size_t len)
{
	struct scan s = { line, line + len };

	while (s.at < s.end) {
		if (g_ascii_isdigit(*s.at) && parse_at(rec, s))
			return true;
		while (s.at < s.end && *s.at != ' ')
			s.at++;
		take(&s, ' ');
	}
	return false;
}

uint64_t record_field(const struct record *rec, const char *key)
{
	for (unsigned i = 0; i < rec->nfields; i++) {
		if (strcmp(rec->fields[i].key, key) == 0)
			return rec->fields[i].value;
	}
	return 0;
}

/* --- a dump ---------------------------------------------------------------------------- */

static void add_line(struct dump *dump, const char *line, size_t len)
{
	struct record rec;

	while (len > 0 && g_ascii_isspace(line[len - 1]))
		len--;
	if (len == 0)
		return;
	if (record_parse(&rec, line, len))
		g_array_append_val(dump->records, rec);
	else
		dump->skipped++;
}

static bool add_json(struct dump *dump, const char *text, size_t len, GError **error)
{
	g_autoptr(GError) parse_error = NULL;
	struct jv_doc *doc = jv_parse(text, len, 0, &parse_error);
	const struct jv *root, *array;

	if (!doc)
		return weft_error_set(error, -EINVAL, NULL, "not JSON: %s",
				      weft_error_detail(parse_error));
	root = jv_root(doc);
	array = root->type == JV_OBJECT ? jv_member(root, "result") : root;
	if (array && array->type == JV_ARRAY) {
		for (const struct jv *v = array->first; v; v = v->next) {
			if (v->type == JV_STRING)
				add_line(dump, v->str, v->len);
			else
				dump->skipped++;
		}
	}
	jv_doc_unref(doc);
	return true;
}

static void add_text(struct dump *dump, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		if (!newline)
			newline = end;
		add_line(dump, text, (size_t)(newline - text));
		text = newline < end ? newline + 1 : end;
	}
}

static gint by_time(gconstpointer a, gconstpointer b)
{
	const struct record *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->reactor != y->reactor)
		return x->reactor < y->reactor ? -1 : 1;
	/* Numbers wrap: what is less than half the circle ahead is later. */
	return x->seq == y->seq ? 0 : x->seq - y->seq > UINT32_MAX / 2 ? -1 : 1;
}

/* A request under way: by its number, on its reactor. */
static guint hash_request(gconstpointer key)
{
	const struct record *rec = key;
	uint64_t id = record_field(rec, "cntlid_qid_cid") * 31 + rec->reactor;

	return (guint)(id ^ id >> 32);
}

static gboolean same_request(gconstpointer a, gconstpointer b)
{
	const struct record *x = a, *y = b;

	return x->reactor == y->reactor &&
	       record_field(x, "cntlid_qid_cid") == record_field(y, "cntlid_qid_cid");
}

/* Each start that was not lost meets its end: the next one of that request. */
static void match_requests(struct dump *dump)
{
	g_autoptr(GHashTable) open = g_hash_table_new(hash_request, same_request);
	struct record *all = (struct record *)(void *)dump->records->data;

	for (guint i = 0; i < dump->records->len; i++) {
		struct record *rec = &all[i], *start;

		if (strcmp(rec->name, "req.start") == 0) {
			g_hash_table_replace(open, rec, rec);
		} else if (strcmp(rec->name, "req.done") == 0) {
			start = g_hash_table_lookup(open, rec);
			if (!start)
				continue;
			g_hash_table_remove(open, rec);
			start->other = i + 1;
			rec->other = (unsigned)(start - all) + 1;
		}
	}
}

struct dump *dump_parse(const char *text, size_t len, GError **error)
{
	struct dump *dump = g_new0(struct dump, 1);
	size_t i = 0;
	bool ok = true;

	dump->records = g_array_new(FALSE, FALSE, sizeof(struct record));
	while (i < len && g_ascii_isspace(text[i]))
		i++;
	if (i < len && (text[i] == '[' || text[i] == '{'))
		ok = add_json(dump, text, len, error);
	else
		add_text(dump, text, len);
	if (ok && dump->records->len == 0)
		ok = weft_error_set(error, -ENODATA, NULL,
				    "there is no record in it; the answer of trace_dump is "
				    "expected, or what weftd wrote when it crashed");
	if (!ok) {
		dump_free(dump);
		return NULL;
	}
	g_array_sort(dump->records, by_time);
	match_requests(dump);
	return dump;
}

void dump_free(struct dump *dump)
{
	g_array_unref(dump->records);
	g_free(dump);
}
