/* SPDX-License-Identifier: BSD-3-Clause */
/* The table-driven decoder; see decode.h. */
#include "target/rpc/decode.h"

#include <string.h>

#include "target/bdev/bdev.h"
#include "target/core/error.h"

#define STR_MAX 1024

struct decoder {
	const char *method;
	char path[96]; /* "listen_address.", or "" */
	GError **error;
};

static bool bad(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool bad(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	return weft_error_set(error, RPC_INVALID_PARAMS, NULL, "%s", text);
}

/* --- what a key takes ---------------------------------------------------------------- */

static uint64_t type_max(const struct rpc_param *p)
{
	if (p->max)
		return p->max;
	switch (p->type) {
	case RPC_U8:
		return UINT8_MAX;
	case RPC_U16:
		return UINT16_MAX;
	case RPC_U32:
		return UINT32_MAX;
	case RPC_I32:
		return INT32_MAX;
	case RPC_STR:
		return STR_MAX;
	default:
		return UINT64_MAX;
	}
}

static char *number_text(const struct rpc_param *p)
{
	uint64_t max = type_max(p);

	if (p->type == RPC_I32)
		return g_strdup_printf("whole number from %d to %" G_GUINT64_FORMAT, INT32_MIN,
				       max);
	return g_strdup_printf("whole number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
			       p->min, max);
}

char *rpc_param_type_text(const struct rpc_param *p)
{
	switch (p->type) {
	case RPC_STR:
		return g_strdup("string");
	case RPC_BOOL:
		return g_strdup("true or false");
	case RPC_ENUM: {
		g_autofree char *list = g_strjoinv(", ", (char **)p->values);

		return g_strdup_printf("one of %s", list);
	}
	case RPC_FLAGS: {
		g_autofree char *list = g_strjoinv(", ", (char **)p->values);

		return g_strdup_printf("array of %s", list);
	}
	case RPC_UUID:
		return g_strdup("UUID such as \"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"");
	case RPC_HEX:
		return g_strdup_printf("string of %u hexadecimal digits", (unsigned)p->max * 2);
	case RPC_OBJECT:
		return g_strdup("object");
	case RPC_STRS:
		return g_strdup_printf("array of at most %u strings", (unsigned)p->max);
	case RPC_ARRAY:
		return g_strdup_printf("array of at most %u elements", (unsigned)p->max);
	default:
		return number_text(p);
	}
}

static bool wrong(const struct decoder *d, const struct rpc_param *p, const struct jv *v)
{
	g_autofree char *given = jv_describe(v);
	g_autofree char *takes = rpc_param_type_text(p);

	return bad(d->error, "\"%s%s\" is %s; %s takes a value of this kind there: %s", d->path,
		   p->name, given, d->method, takes);
}

/* --- values ---------------------------------------------------------------------------- */

static void store(const struct rpc_param *p, uint8_t *at, uint64_t value)
{
	switch (p->type) {
	case RPC_BOOL:
		*(bool *)at = value != 0;
		break;
	case RPC_U8:
		*at = (uint8_t)value;
		break;
	case RPC_U16:
		*(uint16_t *)at = (uint16_t)value;
		break;
	case RPC_U32:
		*(uint32_t *)at = (uint32_t)value;
		break;
	case RPC_U64:
		*(uint64_t *)at = value;
		break;
	case RPC_I32:
		*(int32_t *)at = (int32_t)value;
		break;
	case RPC_ENUM:
	case RPC_FLAGS:
		*(unsigned *)at = (unsigned)value;
		break;
	default:
		g_assert_not_reached();
	}
}

static bool decode_number(const struct decoder *d, const struct rpc_param *p, const struct jv *v,
			  uint64_t *value)
{
	bool negative;

	if (v->type != JV_NUMBER || jv_integer(v, &negative, value) != JV_INT_OK)
		return wrong(d, p, v);
	if (negative && *value != 0) {
		if (p->type != RPC_I32 || *value > (uint64_t)INT32_MAX + 1)
			return wrong(d, p, v);
		*value = -*value;
		return true;
	}
	if (*value < p->min || *value > type_max(p))
		return wrong(d, p, v);
	return true;
}

static bool decode_enum(const struct decoder *d, const struct rpc_param *p, const struct jv *v,
			uint64_t *value)
{
	if (v->type != JV_STRING)
		return wrong(d, p, v);
	for (unsigned i = 0; p->values[i]; i++) {
		if (v->len == strlen(p->values[i]) && strcmp(v->str, p->values[i]) == 0) {
			*value = i;
			return true;
		}
	}

	const char *near = rpc_nearest(v->str, p->values);
	if (!near)
		return wrong(d, p, v);

	g_autofree char *given = jv_describe(v);
	g_autofree char *takes = rpc_param_type_text(p);
	return bad(d->error, "\"%s%s\" is %s; it is %s. Did you mean \"%s\"?", d->path, p->name,
		   given, takes, near);
}

static bool decode_flags(const struct decoder *d, const struct rpc_param *p, const struct jv *v,
			 uint64_t *value)
{
	uint64_t bit;

	*value = 0;
	if (v->type != JV_ARRAY)
		return wrong(d, p, v);
	for (v = v->first; v; v = v->next) {
		if (!decode_enum(d, p, v, &bit))
			return false;
		*value |= UINT64_C(1) << bit;
	}
	return true;
}

static bool decode_str(const struct decoder *d, const struct rpc_param *p, const struct jv *v,
		       const char **out)
{
	if (v->type != JV_STRING)
		return wrong(d, p, v);
	if (v->len != strlen(v->str))
		return bad(d->error, "\"%s%s\" has a zero character in it", d->path, p->name);
	if (v->len > type_max(p))
		return bad(d->error,
			   "\"%s%s\" has %zu bytes; it may have %" G_GUINT64_FORMAT " at most",
			   d->path, p->name, v->len, type_max(p));
	if (v->len < p->min)
		return bad(d->error,
			   "\"%s%s\" has %zu bytes; it needs %" G_GUINT64_FORMAT " at least",
			   d->path, p->name, v->len, p->min);
	*out = v->str;
	return true;
}

static bool decode_bytes(const struct decoder *d, const struct rpc_param *p, const struct jv *v,
			 struct rpc_bytes *out)
{
	if (v->type != JV_STRING || v->len != strlen(v->str))
		return wrong(d, p, v);
	if (p->type == RPC_UUID) {
		if (!bdev_uuid_parse(v->str, out->v))
			return wrong(d, p, v);
	} else {
		if (v->len != p->max * 2)
			return wrong(d, p, v);
		for (size_t i = 0; i < p->max; i++) {
			int hi = g_ascii_xdigit_value(v->str[2 * i]);
			int lo = g_ascii_xdigit_value(v->str[2 * i + 1]);

			if (hi < 0 || lo < 0)
				return wrong(d, p, v);
			out->v[i] = (uint8_t)(hi << 4 | lo);
		}
	}
	out->given = true;
	return true;
}

static bool decode_array(const struct decoder *d, const struct rpc_param *p, const struct jv *v,
			 const struct jv **out)
{
	if (v->type != JV_ARRAY || v->count > p->max)
		return wrong(d, p, v);
	for (const struct jv *s = v->first; s && p->type == RPC_STRS; s = s->next)
		if (s->type != JV_STRING || s->len != strlen(s->str))
			return wrong(d, p, s);
	*out = v;
	return true;
}

static bool decode_object(struct decoder *d, const struct rpc_param *table, bool relaxed,
			  const struct jv *params, uint8_t *base);

static bool decode_sub(const struct decoder *d, const struct rpc_param *p, const struct jv *v,
		       uint8_t *at)
{
	struct decoder sub = { .method = d->method, .error = d->error };

	if (v->type != JV_OBJECT)
		return wrong(d, p, v);
	g_snprintf(sub.path, sizeof(sub.path), "%s%s.", d->path, p->name);
	return decode_object(&sub, p->sub, false, v, at);
}

static bool fixed(const struct decoder *d, const struct rpc_param *p, const struct jv *v,
		  uint64_t value)
{
	g_autofree char *given = NULL;

	if (!(p->flags & RPC_FIXED) || value == p->def)
		return true;
	given = jv_describe(v);
	if (p->type == RPC_ENUM)
		return bad(d->error, "\"%s%s\" is %s; weft has only \"%s\" there so far", d->path,
			   p->name, given, p->values[p->def]);
	if (p->type == RPC_BOOL)
		return bad(d->error, "\"%s%s\" is %s; weft has only %s there so far", d->path,
			   p->name, given, p->def ? "true" : "false");
	return bad(d->error, "\"%s%s\" is %s; weft has only %" G_GUINT64_FORMAT " there so far",
		   d->path, p->name, given, p->def);
}

static bool decode_value(struct decoder *d, const struct rpc_param *p, const struct jv *v,
			 uint8_t *base)
{
	union {
		const void *pointer;
		struct rpc_bytes bytes;
	} nowhere;
	bool kept = !(p->flags & (RPC_IGNORED | RPC_FIXED));
	uint8_t *at = kept ? base + p->offset : (uint8_t *)&nowhere;
	uint64_t value;

	switch (p->type) {
	case RPC_STR:
		return decode_str(d, p, v, (const char **)at);
	case RPC_UUID:
	case RPC_HEX:
		return decode_bytes(d, p, v, (struct rpc_bytes *)at);
	case RPC_OBJECT:
		g_assert(kept);
		return decode_sub(d, p, v, at);
	case RPC_STRS:
	case RPC_ARRAY:
		return decode_array(d, p, v, (const struct jv **)at);
	case RPC_BOOL:
		if (v->type != JV_BOOL)
			return wrong(d, p, v);
		value = v->truth;
		break;
	case RPC_ENUM:
		if (!decode_enum(d, p, v, &value))
			return false;
		break;
	case RPC_FLAGS:
		if (!decode_flags(d, p, v, &value))
			return false;
		break;
	default:
		if (!decode_number(d, p, v, &value))
			return false;
	}
	if (!fixed(d, p, v, value))
		return false;
	if (kept)
		store(p, at, value);
	return true;
}

/* --- objects ----------------------------------------------------------------------------- */

static unsigned table_names(const struct rpc_param *table, const char *names[RPC_MAX_PARAMS + 1])
{
	unsigned n = 0;

	for (; table[n].name; n++)
		names[n] = table[n].name;
	names[n] = NULL;
	return n;
}

static bool unknown_key(const struct decoder *d, const struct rpc_param *table, const struct jv *v)
{
	const char *names[RPC_MAX_PARAMS + 1];

	if (table_names(table, names) == 0)
		return bad(d->error, "\"%s%s\" is not a parameter; %s takes none", d->path, v->key,
			   d->method);

	const char *near = rpc_nearest(v->key, names);
	g_autofree char *list = g_strjoinv(", ", (char **)names);
	g_autofree char *key = g_utf8_substring(v->key, 0, MIN(g_utf8_strlen(v->key, -1), 80));

	if (near)
		return bad(d->error,
			   "\"%s%s\" is not a parameter of %s. Did you mean \"%s%s\"? "
			   "It takes: %s",
			   d->path, key, d->method, d->path, near, list);
	return bad(d->error, "\"%s%s\" is not a parameter of %s, which takes: %s", d->path, key,
		   d->method, list);
}

static bool missing(const struct decoder *d, const struct rpc_param *p)
{
	g_autofree char *takes = rpc_param_type_text(p);

	return bad(d->error, "\"%s%s\" is missing; %s needs it (%s)", d->path, p->name, d->method,
		   takes);
}

static const struct rpc_param *find(const struct rpc_param *table, const struct jv *v)
{
	if (v->key_len != strlen(v->key))
		return NULL;
	for (; table->name; table++)
		if (strcmp(table->name, v->key) == 0 ||
		    (table->old && strcmp(table->old, v->key) == 0))
			return table;
	return NULL;
}

static void defaults(const struct rpc_param *table, uint8_t *base)
{
	for (const struct rpc_param *p = table; p->name; p++) {
		if (p->type == RPC_OBJECT)
			defaults(p->sub, base + p->offset);
		else if (p->def && !(p->flags & (RPC_IGNORED | RPC_FIXED)))
			store(p, base + p->offset, p->def);
	}
}

static bool given_twice(const struct decoder *d, const struct rpc_param *p)
{
	if (p->old)
		return bad(d->error, "\"%s%s\" (formerly \"%s\") is given twice", d->path, p->name,
			   p->old);
	return bad(d->error, "\"%s%s\" is given twice", d->path, p->name);
}

static bool decode_object(struct decoder *d, const struct rpc_param *table, bool relaxed,
			  const struct jv *params, uint8_t *base)
{
	uint64_t given = 0;

	for (const struct jv *v = params ? params->first : NULL; v; v = v->next) {
		const struct rpc_param *p = find(table, v);

		if (!p && relaxed)
			continue;
		if (!p)
			return unknown_key(d, table, v);

		uint64_t bit = UINT64_C(1) << (p - table);
		if (given & bit)
			return given_twice(d, p);
		given |= bit;
		if (!decode_value(d, p, v, base))
			return false;
	}
	for (const struct rpc_param *p = table; p->name; p++)
		if ((p->flags & RPC_REQUIRED) && !(given & UINT64_C(1) << (p - table)))
			return missing(d, p);
	return true;
}

bool rpc_decode(const char *method, const struct rpc_param *table, bool relaxed,
		const struct jv *params, void *base, GError **error)
{
	static const struct rpc_param none[] = { { 0 } };
	struct decoder d = { .method = method, .error = error };

	if (!table)
		table = none;
	if (params && params->type != JV_OBJECT) {
		g_autofree char *given = jv_describe(params);

		return bad(error, "params is %s; %s takes them by name, as an object", given,
			   method);
	}
	defaults(table, base);
	return decode_object(&d, table, relaxed, params, base);
}
