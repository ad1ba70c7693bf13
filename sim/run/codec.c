/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/run/codec.h"

#include <stdio.h>
#include <string.h>

#include "target/core/error.h"
#include "target/rpc/json.h"

#define MAX_VALUES 1000000

struct codec_arena {
	GPtrArray *blocks;
};

struct codec_arena *codec_arena_new(void)
{
	struct codec_arena *arena = g_new0(struct codec_arena, 1);

	arena->blocks = g_ptr_array_new_with_free_func(g_free);
	return arena;
}

void codec_arena_free(struct codec_arena *arena)
{
	if (arena == NULL)
		return;
	g_ptr_array_unref(arena->blocks);
	g_free(arena);
}

void *codec_alloc(struct codec_arena *arena, size_t size)
{
	void *p = g_malloc0(MAX(size, 1));

	g_ptr_array_add(arena->blocks, p);
	return p;
}

const char *codec_strdup(struct codec_arena *arena, const char *s)
{
	char *copy = g_strdup(s);

	if (copy != NULL)
		g_ptr_array_add(arena->blocks, copy);
	return copy;
}

void *codec_list_add(struct codec_arena *arena, struct codec_list *list, size_t size)
{
	/* Room for a power of two of them: moved only when that is full. */
	if ((list->n & (list->n - 1)) == 0) {
		void *items = codec_alloc(arena, (list->n ? 2 * (size_t)list->n : 1) * size);

		if (list->n > 0)
			memcpy(items, list->items, list->n * size);
		list->items = items;
	}
	return (char *)list->items + list->n++ * size;
}

/* --- times ---------------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "h", UINT64_C(3600000000000) },
	{ "min", UINT64_C(60000000000) },
	{ "s", UINT64_C(1000000000) },
	{ "ms", 1000000 },
	{ "us", 1000 },
	{ "ns", 1 },
};

const char *codec_time_text(uint64_t ns, char *buf, size_t len)
{
	unsigned i = 0;

	if (ns == UINT64_MAX)
		return "never";
	if (ns == 0)
		return "0s";
	while (ns % units[i].ns != 0)
		i++;
	g_snprintf(buf, len, "%" G_GUINT64_FORMAT "%s", ns / units[i].ns, units[i].name);
	return buf;
}

bool codec_time_parse(const char *text, uint64_t *ns)
{
	char *end;
	uint64_t n;

	if (!strcmp(text, "never")) {
		*ns = UINT64_MAX;
		return true;
	}
	if (!g_ascii_isdigit(*text))
		return false;
	n = g_ascii_strtoull(text, &end, 10);
	for (unsigned i = 0; i < G_N_ELEMENTS(units); i++) {
		if (!strcmp(end, units[i].name))
			return !__builtin_mul_overflow(n, units[i].ns, ns);
	}
	return false;
}

/* --- reading ----------------------------------------------------------------------------- */

struct reader {
	struct codec_arena *arena;
	const char *name, *text;
	const struct jv *root;
	const char *path; /* key of what is being read, with those above */
	GError **error;
};

static bool read_object(struct reader *r, const struct codec_shape *shape, const struct jv *v,
			void *obj);

static unsigned line_of(const char *text, const struct jv *root, const struct jv *v)
{
	const char *start = text;
	unsigned line = 1;

	/* The tree points into a copy of the text: the same offset from its first value. */
	while (*start == ' ' || *start == '\t' || *start == '\n' || *start == '\r')
		start++;
	for (const char *p = text; p < start + (v->raw - root->raw); p++)
		line += *p == '\n';
	return line;
}

static bool G_GNUC_PRINTF(3, 4) fail(struct reader *r, const struct jv *v, const char *format, ...)
{
	unsigned line = line_of(r->text, r->root, v);
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(r->error, WEFT_ERROR, RPC_INVALID_PARAMS, "%s:%u: %s%s%s", r->name, line,
		    r->path, *r->path ? ": " : "", what);
	return false;
}

static bool expected(struct reader *r, const struct jv *v, const char *what)
{
	g_autofree char *is = jv_describe(v);

	return fail(r, v, "%s expected, not %s", what, is);
}

static bool read_text(struct reader *r, const struct jv *v, const char **out)
{
	if (v->type != JV_STRING || v->len != strlen(v->str))
		return expected(r, v, "a text in quotes");
	*out = codec_strdup(r->arena, v->str);
	return true;
}

static bool in_range(struct reader *r, const struct codec_field *f, const struct jv *v, uint64_t n)
{
	if (n >= f->min && (f->max == 0 || n <= f->max))
		return true;
	if (f->type == CODEC_TIME) {
		char a[32], b[32];

		return fail(r, v, "a time from %s to %s expected",
			    codec_time_text(f->min, a, sizeof(a)),
			    codec_time_text(f->max ? f->max : UINT64_MAX, b, sizeof(b)));
	}
	return fail(r, v, "a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " expected",
		    f->min, f->max ? f->max : UINT64_MAX);
}

static bool read_num(struct reader *r, const struct codec_field *f, const struct jv *v,
		     uint64_t *out)
{
	bool negative;

	if (v->type != JV_NUMBER || jv_integer(v, &negative, out) != JV_INT_OK ||
	    (negative && *out != 0))
		return expected(r, v, "a whole number, not negative,");
	return in_range(r, f, v, *out);
}

static bool read_time(struct reader *r, const struct codec_field *f, const struct jv *v,
		      uint64_t *out)
{
	if (v->type != JV_STRING || !codec_time_parse(v->str, out))
		return expected(r, v, "a time such as \"250ms\" (ns, us, ms, s, min, h)");
	return in_range(r, f, v, *out);
}

static bool read_enum(struct reader *r, const struct codec_field *f, const struct jv *v,
		      uint64_t *out)
{
	g_autofree char *all = NULL;

	for (*out = 0; v->type == JV_STRING && f->values[*out] != NULL; (*out)++) {
		if (!strcmp(f->values[*out], v->str))
			return true;
	}
	all = g_strjoinv(", ", (char **)f->values);
	g_autofree char *what = g_strdup_printf("one of %s", all);
	return expected(r, v, what);
}

static bool read_texts(struct reader *r, const struct jv *v, struct codec_list *out)
{
	if (v->type != JV_ARRAY)
		return expected(r, v, "an array of texts");
	for (const struct jv *e = v->first; e != NULL; e = e->next) {
		if (!read_text(r, e, codec_list_add(r->arena, out, sizeof(char *))))
			return false;
	}
	return true;
}

static bool read_list(struct reader *r, const struct codec_field *f, const struct jv *v,
		      struct codec_list *out)
{
	const char *path = r->path;
	unsigned i = 0;

	if (v->type != JV_ARRAY)
		return expected(r, v, "an array of objects");
	for (const struct jv *e = v->first; e != NULL; e = e->next, i++) {
		g_autofree char *here = g_strdup_printf("%s[%u]", path, i);

		r->path = here;
		if (!read_object(r, f->shape, e, codec_list_add(r->arena, out, f->shape->size)))
			return false;
	}
	r->path = path;
	return true;
}

static bool read_value(struct reader *r, const struct codec_field *f, const struct jv *v, void *at)
{
	switch (f->type) {
	case CODEC_NUM:
		return read_num(r, f, v, at);
	case CODEC_BOOL:
		if (v->type != JV_BOOL)
			return expected(r, v, "true or false");
		*(bool *)at = v->truth;
		return true;
	case CODEC_TEXT:
		return read_text(r, v, at);
	case CODEC_TIME:
		return read_time(r, f, v, at);
	case CODEC_ENUM:
		return read_enum(r, f, v, at);
	case CODEC_TEXTS:
		return read_texts(r, v, at);
	case CODEC_JSON: {
		g_autofree char *raw = g_strndup(v->raw, v->raw_len);

		if (v->type != JV_OBJECT && v->type != JV_ARRAY)
			return expected(r, v, "an object or array");
		*(const char **)at = codec_strdup(r->arena, raw);
		return true;
	}
	case CODEC_ONE:
		*(void **)at = codec_alloc(r->arena, f->shape->size);
		return read_object(r, f->shape, v, *(void **)at);
	default:
		return read_list(r, f, v, at);
	}
}

static bool read_member(struct reader *r, const struct codec_shape *shape, const struct jv *object,
			const struct jv *m, void *obj)
{
	const struct codec_field *f = shape->fields;

	while (f->key != NULL && (m->key_len != strlen(f->key) || strcmp(f->key, m->key) != 0))
		f++;
	if (f->key == NULL) {
		g_autoptr(GString) keys = g_string_new(NULL);

		for (f = shape->fields; f->key != NULL; f++)
			g_string_append_printf(keys, "%s%s", keys->len ? ", " : "", f->key);
		return fail(r, m, "%s has no such key; it has %s", shape->name, keys->str);
	}
	for (const struct jv *e = object->first; e != m; e = e->next) {
		if (!strcmp(e->key, m->key))
			return fail(r, m, "given twice");
	}
	return read_value(r, f, m, (char *)obj + f->offset);
}

static bool read_defaults(struct reader *r, const struct codec_shape *shape, const struct jv *v,
			  void *obj)
{
	const struct codec_field *f = shape->fields;
	const struct jv *m = f->choose != NULL ? jv_member(v, f->key) : NULL;

	if (shape->init != NULL)
		shape->init(obj);
	if (m == NULL)
		return true;
	if (!read_value(r, f, m, (char *)obj + f->offset))
		return false;
	f->choose(obj);
	return true;
}

static bool read_object(struct reader *r, const struct codec_shape *shape, const struct jv *v,
			void *obj)
{
	const char *path = r->path;

	if (v->type != JV_OBJECT)
		return expected(r, v, "an object");
	if (!read_defaults(r, shape, v, obj))
		return false;
	for (const struct jv *m = v->first; m != NULL; m = m->next) {
		g_autofree char *here = g_strdup_printf("%s%s%s", path, *path ? "." : "", m->key);

		r->path = here;
		if (!read_member(r, shape, v, m, obj))
			return false;
		r->path = path;
	}
	for (const struct codec_field *f = shape->fields; f->key != NULL; f++) {
		if (f->required && jv_member(v, f->key) == NULL)
			return fail(r, v, "%s needs the key %s", shape->name, f->key);
	}
	return true;
}

unsigned codec_line(const char *text, const char *list, unsigned i, const char *key)
{
	struct jv_doc *doc = jv_parse(text, strlen(text), MAX_VALUES, NULL);
	const struct jv *v = doc != NULL ? jv_member(jv_root(doc), list) : NULL, *member = NULL;
	unsigned line = 0;

	for (v = v != NULL ? v->first : NULL; v != NULL && i > 0; i--)
		v = v->next;
	if (v != NULL && *key != '\0')
		member = jv_member(v, key);
	if (member != NULL)
		v = member;
	if (v != NULL && (member != NULL || *key == '\0'))
		line = line_of(text, jv_root(doc), v);
	if (doc != NULL)
		jv_doc_unref(doc);
	return line;
}

/* What the parser says begins with the place. */
static void parse_failed(const char *name, GError **error)
{
	g_autofree char *what = NULL;
	unsigned byte, line;
	int at = 0;

	if (error == NULL || weft_error_detail(*error) == NULL)
		return;
	what = g_strdup(weft_error_detail(*error));
	g_clear_error(error);
	if (sscanf(what, "byte %u, line %u: %n", &byte, &line, &at) == 2 && at > 0)
		g_set_error(error, WEFT_ERROR, RPC_PARSE_ERROR, "%s:%u: byte %u: %s", name, line,
			    byte, what + at);
	else
		g_set_error(error, WEFT_ERROR, RPC_PARSE_ERROR, "%s: %s", name, what);
}

bool codec_read(struct codec_arena *arena, const struct codec_shape *shape, const char *name,
		const char *text, void *obj, GError **error)
{
	struct reader r = {
		.arena = arena, .name = name, .text = text, .path = "", .error = error
	};
	struct jv_doc *doc = jv_parse(text, strlen(text), MAX_VALUES, error);
	bool good;

	if (doc == NULL) {
		parse_failed(name, error);
		return false;
	}
	r.root = jv_root(doc);
	good = read_object(&r, shape, r.root, obj);
	jv_doc_unref(doc);
	return good;
}
