/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A recursive-descent JSON reader. The text is copied once (values point into
 * the copy); unescaped strings go to a second buffer of the same size, which
 * always suffices: a string loses its two quotes and gains one terminator.
 */
#include "target/rpc/json.h"

#include <string.h>

#include "target/core/error.h"

#define BLOCK_VALUES 32

struct jv_block {
	struct jv_block *next;
	unsigned used;
	struct jv values[BLOCK_VALUES];
};

struct jv_doc {
	unsigned refs;
	char *text;
	char *strings;
	struct jv_block *blocks;
	struct jv *root;
};

struct parser {
	struct jv_doc *doc;
	const char *start, *pos, *end;
	char *string; /* next free byte of doc->strings */
	unsigned values, max_values, depth;
	GError **error;
};

static bool parse_value(struct parser *p, struct jv **out);

static bool fail(struct parser *p, const char *what)
{
	unsigned line = 1;

	for (const char *c = p->start; c < p->pos; c++)
		line += *c == '\n';
	return weft_error_set(p->error, RPC_PARSE_ERROR, "Parse error", "byte %zu, line %u: %s",
			      (size_t)(p->pos - p->start), line, what);
}

static void skip_space(struct parser *p)
{
	while (p->pos < p->end &&
	       (*p->pos == ' ' || *p->pos == '\t' || *p->pos == '\n' || *p->pos == '\r'))
		p->pos++;
}

static int peek(const struct parser *p)
{
	return p->pos < p->end ? (unsigned char)*p->pos : -1;
}

static struct jv *new_value(struct parser *p)
{
	struct jv_block *block = p->doc->blocks;

	if (p->max_values && p->values == p->max_values) {
		fail(p, "too many values");
		return NULL;
	}
	p->values++;
	if (!block || block->used == BLOCK_VALUES) {
		block = g_new(struct jv_block, 1);
		block->used = 0;
		block->next = p->doc->blocks;
		p->doc->blocks = block;
	}

	struct jv *v = &block->values[block->used++];
	*v = (struct jv){ .raw = p->pos };
	return v;
}

static bool parse_hex4(struct parser *p, unsigned *out)
{
	unsigned code = 0;

	*out = 0; /* gcc -O3 does not see that nobody looks at it after a failure */
	if (p->end - p->pos < 4)
		return fail(p, "\\u needs four hexadecimal digits");
	for (int i = 0; i < 4; i++) {
		int digit = g_ascii_xdigit_value(p->pos[i]);

		if (digit < 0)
			return fail(p, "\\u needs four hexadecimal digits");
		code = code << 4 | (unsigned)digit;
	}
	p->pos += 4;
	*out = code;
	return true;
}

/* After "\u". */
static bool parse_unicode(struct parser *p)
{
	unsigned code, low;

	if (!parse_hex4(p, &code))
		return false;
	if (code >= 0xd800 && code <= 0xdfff) {
		if (code >= 0xdc00 || p->end - p->pos < 2 || p->pos[0] != '\\' || p->pos[1] != 'u')
			return fail(p, "half of a surrogate pair");
		p->pos += 2;
		if (!parse_hex4(p, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(p, "half of a surrogate pair");
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	p->string += g_unichar_to_utf8(code, p->string);
	return true;
}

static bool parse_escape(struct parser *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = peek(p);
	const char *found = c > 0 ? strchr(from, c) : NULL;

	if (c == 'u') {
		p->pos++;
		return parse_unicode(p);
	}
	if (!found)
		return fail(p, "unknown escape in a string");
	*p->string++ = to[found - from];
	p->pos++;
	return true;
}

static bool parse_string(struct parser *p, const char **str, size_t *len)
{
	char *begin = p->string;

	p->pos++;
	for (;;) {
		int c = peek(p);

		if (c < 0)
			return fail(p, "a string does not end");
		if (c < 0x20)
			return fail(p, "a control character in a string must be escaped");
		p->pos++;
		if (c == '"')
			break;
		if (c != '\\')
			*p->string++ = (char)c;
		else if (!parse_escape(p))
			return false;
	}
	*str = begin;
	*len = (size_t)(p->string - begin);
	*p->string++ = '\0';
	return true;
}

static bool skip_digits(struct parser *p)
{
	const char *begin = p->pos;

	while (p->pos < p->end && g_ascii_isdigit(*p->pos))
		p->pos++;
	return p->pos > begin || fail(p, "a digit is missing in a number");
}

static bool parse_number(struct parser *p)
{
	if (peek(p) == '-')
		p->pos++;
	if (peek(p) == '0') {
		p->pos++;
		if (g_ascii_isdigit(peek(p)))
			return fail(p, "a number starts with a zero");
	} else if (!skip_digits(p)) {
		return false;
	}
	if (peek(p) == '.') {
		p->pos++;
		if (!skip_digits(p))
			return false;
	}
	if (peek(p) == 'e' || peek(p) == 'E') {
		p->pos++;
		if (peek(p) == '+' || peek(p) == '-')
			p->pos++;
		if (!skip_digits(p))
			return false;
	}
	return true;
}

static bool parse_word(struct parser *p, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(p->end - p->pos) < len || memcmp(p->pos, word, len) != 0)
		return fail(p, "a value must be an object, array, string, number, true, false or "
			       "null");
	p->pos += len;
	return true;
}

static bool parse_member(struct parser *p, struct jv **out)
{
	const char *key;
	size_t key_len;

	if (peek(p) != '"')
		return fail(p, "a key in double quotes expected");
	if (!parse_string(p, &key, &key_len))
		return false;
	skip_space(p);
	if (peek(p) != ':')
		return fail(p, "':' expected after a key");
	p->pos++;
	skip_space(p);
	if (!parse_value(p, out))
		return false;
	(*out)->key = key;
	(*out)->key_len = key_len;
	return true;
}

static bool parse_container(struct parser *p, struct jv *v, char close)
{
	struct jv **tail = &v->first;

	if (++p->depth > JV_MAX_DEPTH)
		return fail(p, "nested too deeply");
	p->pos++;
	skip_space(p);
	if (peek(p) == close)
		goto end;
	for (;;) {
		if (!(close == '}' ? parse_member(p, tail) : parse_value(p, tail)))
			return false;
		tail = &(*tail)->next;
		v->count++;
		skip_space(p);
		if (peek(p) == close)
			break;
		if (peek(p) != ',')
			return fail(p,
				    close == '}' ? "',' or '}' expected" : "',' or ']' expected");
		p->pos++;
		skip_space(p);
	}
end:
	p->pos++;
	p->depth--;
	return true;
}

static bool parse_typed(struct parser *p, struct jv *v)
{
	switch (peek(p)) {
	case '{':
		v->type = JV_OBJECT;
		return parse_container(p, v, '}');
	case '[':
		v->type = JV_ARRAY;
		return parse_container(p, v, ']');
	case '"':
		v->type = JV_STRING;
		return parse_string(p, &v->str, &v->len);
	case 't':
		v->type = JV_BOOL;
		v->truth = true;
		return parse_word(p, "true");
	case 'f':
		v->type = JV_BOOL;
		return parse_word(p, "false");
	case '-':
	case '0' ... '9':
		v->type = JV_NUMBER;
		return parse_number(p);
	default:
		return parse_word(p, "null");
	}
}

static bool parse_value(struct parser *p, struct jv **out)
{
	struct jv *v = new_value(p);

	if (!v || !parse_typed(p, v))
		return false;
	v->raw_len = (size_t)(p->pos - v->raw);
	*out = v;
	return true;
}

static bool parse_text(struct parser *p)
{
	const char *bad;

	if (!g_utf8_validate(p->start, p->end - p->start, &bad)) {
		p->pos = bad;
		return fail(p, "not valid UTF-8");
	}
	skip_space(p);
	if (!parse_value(p, &p->doc->root))
		return false;
	skip_space(p);
	return p->pos == p->end || fail(p, "something follows the JSON text");
}

struct jv_doc *jv_parse(const char *text, size_t len, unsigned max_values, GError **error)
{
	struct jv_doc *doc = g_new0(struct jv_doc, 1);

	doc->refs = 1;
	doc->text = g_malloc(len + 1);
	memcpy(doc->text, text, len);
	doc->text[len] = '\0';
	doc->strings = g_malloc(len + 1);

	struct parser p = {
		.doc = doc,
		.start = doc->text,
		.pos = doc->text,
		.end = doc->text + len,
		.string = doc->strings,
		.max_values = max_values,
		.error = error,
	};
	if (!parse_text(&p)) {
		jv_doc_unref(doc);
		return NULL;
	}
	return doc;
}

struct jv_doc *jv_doc_ref(struct jv_doc *doc)
{
	doc->refs++;
	return doc;
}

void jv_doc_unref(struct jv_doc *doc)
{
	if (!doc || --doc->refs > 0)
		return;
	while (doc->blocks) {
		struct jv_block *block = doc->blocks;

		doc->blocks = block->next;
		g_free(block);
	}
	g_free(doc->text);
	g_free(doc->strings);
	g_free(doc);
}

const char *jv_text(const struct jv_doc *doc)
{
	return doc->text;
}

const struct jv *jv_root(const struct jv_doc *doc)
{
	return doc->root;
}

const struct jv *jv_member(const struct jv *object, const char *key)
{
	if (!object || object->type != JV_OBJECT)
		return NULL;
	for (const struct jv *m = object->first; m; m = m->next)
		if (m->key_len == strlen(key) && strcmp(m->key, key) == 0)
			return m;
	return NULL;
}

/* The exponent of a number; anything beyond 1000 is as good as 1000. */
static int exponent(const char *s, const char *end)
{
	bool negative = s < end && *s == '-';
	int value = 0;

	if (s < end && (*s == '-' || *s == '+'))
		s++;
	for (; s < end; s++)
		if (value < 1000)
			value = value * 10 + (*s - '0');
	return negative ? -value : value;
}

enum jv_int jv_integer(const struct jv *number, bool *negative, uint64_t *magnitude)
{
	const char *s = number->raw, *end = s + number->raw_len, *e = s;
	uint64_t value = 0;
	int scale, zeros = 0; /* zeros: seen and not yet multiplied in */
	bool fraction = false, too_big = false;

	while (e < end && *e != 'e' && *e != 'E')
		e++;
	scale = e < end ? exponent(e + 1, end) : 0;
	*negative = *s == '-';
	for (s += *negative; s < e; s++) {
		if (*s == '.') {
			fraction = true;
			continue;
		}
		if (fraction)
			scale--;
		zeros++;
		if (*s == '0')
			continue;
		for (; zeros > 0; zeros--)
			too_big |= __builtin_mul_overflow(value, 10, &value);
		too_big |= __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value);
	}
	scale += zeros;
	if (value == 0 && !too_big)
		scale = 0;
	if (scale < 0)
		return JV_INT_FRACTION;
	for (; scale > 0 && !too_big; scale--)
		too_big = __builtin_mul_overflow(value, 10, &value);
	*magnitude = value;
	return too_big ? JV_INT_TOO_BIG : JV_INT_OK;
}

#define DESCRIBE_CHARS 60

char *jv_describe(const struct jv *v)
{
	switch (v->type) {
	case JV_OBJECT:
		return g_strdup("an object");
	case JV_ARRAY:
		return g_strdup("an array");
	default:
		break;
	}

	g_autofree char *raw = g_strndup(v->raw, v->raw_len);
	bool cut = g_utf8_strlen(raw, -1) > DESCRIBE_CHARS;
	g_autofree char *shown = cut ? g_utf8_substring(raw, 0, DESCRIBE_CHARS) : g_strdup(raw);

	return g_strdup_printf("%s%s%s", shown, cut ? "..." : "",
			       v->type == JV_STRING ? " (a string)" : "");
}
