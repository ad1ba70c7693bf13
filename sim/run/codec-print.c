/* SPDX-License-Identifier: BSD-3-Clause */
/* The way back: structures as JSON, and the schema of such texts. */
#include <string.h>

#include "sim/run/codec.h"

static void print_object(GString *out, const struct codec_shape *shape, const void *obj,
			 unsigned depth);

static void new_line(GString *out, unsigned depth)
{
	g_string_append_c(out, '\n');
	for (unsigned i = 0; i < depth; i++)
		g_string_append(out, "  ");
}

static void print_text(GString *out, const char *s)
{
	g_string_append_c(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			g_string_append_printf(out, "\\%c", *s);
		else if (*s == '\n')
			g_string_append(out, "\\n");
		else if ((unsigned char)*s < 0x20)
			g_string_append_printf(out, "\\u%04x", *s);
		else
			g_string_append_c(out, *s);
	}
	g_string_append_c(out, '"');
}

static void print_list(GString *out, const struct codec_field *f, const struct codec_list *list,
		       unsigned depth)
{
	g_string_append_c(out, '[');
	for (unsigned i = 0; i < list->n; i++) {
		if (i > 0)
			g_string_append_c(out, ',');
		if (f->type == CODEC_TEXTS) {
			g_string_append(out, i > 0 ? " " : "");
			print_text(out, ((const char **)list->items)[i]);
		} else {
			new_line(out, depth + 1);
			print_object(out, f->shape, (char *)list->items + i * f->shape->size,
				     depth + 1);
		}
	}
	if (f->type == CODEC_LIST)
		new_line(out, depth);
	g_string_append_c(out, ']');
}

static void print_value(GString *out, const struct codec_field *f, const void *at, unsigned depth)
{
	char buf[32];

	switch (f->type) {
	case CODEC_NUM:
		g_string_append_printf(out, "%" G_GUINT64_FORMAT, *(const uint64_t *)at);
		break;
	case CODEC_BOOL:
		g_string_append(out, *(const bool *)at ? "true" : "false");
		break;
	case CODEC_TEXT:
		print_text(out, *(const char *const *)at);
		break;
	case CODEC_TIME:
		print_text(out, codec_time_text(*(const uint64_t *)at, buf, sizeof(buf)));
		break;
	case CODEC_ENUM:
		print_text(out, f->values[*(const uint64_t *)at]);
		break;
	case CODEC_JSON:
		g_string_append(out, *(const char *const *)at);
		break;
	case CODEC_ONE:
		print_object(out, f->shape, *(void *const *)at, depth);
		break;
	default:
		print_list(out, f, at, depth);
	}
}

static bool same(const struct codec_field *f, const void *a, const void *b)
{
	const char *const *s = a, *const *t = b;
	const struct codec_list *l = a;

	switch (f->type) {
	case CODEC_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case CODEC_TEXT:
	case CODEC_JSON:
		return g_strcmp0(*s, *t) == 0;
	case CODEC_ONE:
		return *s == NULL;
	case CODEC_TEXTS:
	case CODEC_LIST:
		return l->n == 0;
	default:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	}
}

static void *defaults(const struct codec_shape *shape)
{
	void *obj = g_malloc0(shape->size);

	if (shape->init != NULL)
		shape->init(obj);
	return obj;
}

/* What need not be said of obj, by what its first field says. */
static void *defaults_of(const struct codec_shape *shape, const void *obj)
{
	char *def = defaults(shape);
	const struct codec_field *f = shape->fields;

	if (f->choose != NULL) {
		memcpy(def + f->offset, (const char *)obj + f->offset, sizeof(uint64_t));
		f->choose(def);
	}
	return def;
}

/* Things of one line each, where nothing in them needs more. */
static bool is_flat(const struct codec_shape *shape, const void *obj)
{
	for (const struct codec_field *f = shape->fields; f->key != NULL; f++) {
		const struct codec_list *list = (const void *)((const char *)obj + f->offset);

		if (f->type == CODEC_LIST && list->n > 0)
			return false;
	}
	return true;
}

static void print_object(GString *out, const struct codec_shape *shape, const void *obj,
			 unsigned depth)
{
	g_autofree char *def = defaults_of(shape, obj), *plain = defaults(shape);
	bool flat = depth > 0 && is_flat(shape, obj);
	bool first = true;

	g_string_append_c(out, '{');
	for (const struct codec_field *f = shape->fields; f->key != NULL; f++) {
		const void *at = (const char *)obj + f->offset;

		const char *usual = f == shape->fields ? plain : def;

		if (!f->required && same(f, at, usual + f->offset))
			continue;
		if (!first)
			g_string_append_c(out, ',');
		if (flat)
			g_string_append_c(out, ' ');
		else
			new_line(out, depth + 1);
		print_text(out, f->key);
		g_string_append(out, ": ");
		print_value(out, f, at, depth + 1);
		first = false;
	}
	if (flat)
		g_string_append_c(out, ' ');
	else
		new_line(out, depth);
	g_string_append_c(out, '}');
}

char *codec_print(const struct codec_shape *shape, const void *obj)
{
	GString *out = g_string_new(NULL);

	print_object(out, shape, obj, 0);
	g_string_append_c(out, '\n');
	return g_string_free(out, FALSE);
}

/* --- schema ------------------------------------------------------------------------------ */

#define TIME_PATTERN "^([0-9]+(ns|us|ms|s|min|h)|never)$"

static void collect(GPtrArray *shapes, const struct codec_shape *shape)
{
	if (g_ptr_array_find(shapes, shape, NULL))
		return;
	g_ptr_array_add(shapes, (void *)shape);
	for (const struct codec_field *f = shape->fields; f->key != NULL; f++) {
		if (f->shape != NULL)
			collect(shapes, f->shape);
	}
}

static void schema_type(GString *out, const struct codec_field *f)
{
	switch (f->type) {
	case CODEC_NUM:
		g_string_append_printf(
			out, "\"type\": \"integer\", \"minimum\": %" G_GUINT64_FORMAT, f->min);
		if (f->max != 0)
			g_string_append_printf(out, ", \"maximum\": %" G_GUINT64_FORMAT, f->max);
		break;
	case CODEC_BOOL:
		g_string_append(out, "\"type\": \"boolean\"");
		break;
	case CODEC_TEXT:
		g_string_append(out, "\"type\": \"string\"");
		break;
	case CODEC_TIME:
		g_string_append(out, "\"type\": \"string\", \"pattern\": \"" TIME_PATTERN "\"");
		break;
	case CODEC_ENUM:
		g_string_append(out, "\"enum\": [");
		for (unsigned i = 0; f->values[i] != NULL; i++) {
			g_string_append(out, i > 0 ? ", " : "");
			print_text(out, f->values[i]);
		}
		g_string_append_c(out, ']');
		break;
	case CODEC_TEXTS:
		g_string_append(out, "\"type\": \"array\", \"items\": {\"type\": \"string\"}");
		break;
	case CODEC_JSON:
		g_string_append(out, "\"type\": [\"object\", \"array\"]");
		break;
	case CODEC_ONE:
		g_string_append_printf(out, "\"$ref\": \"#/$defs/%s\"", f->shape->name);
		break;
	default:
		g_string_append_printf(out,
				       "\"type\": \"array\", \"items\": {\"$ref\": \"#/$defs/%s\"}",
				       f->shape->name);
	}
}

static void schema_default(GString *out, const struct codec_field *f, const void *at)
{
	if (f->required || f->type == CODEC_JSON || f->type == CODEC_ONE || f->type == CODEC_LIST ||
	    f->type == CODEC_TEXTS || (f->type == CODEC_TEXT && *(const char *const *)at == NULL) ||
	    (f->type == CODEC_NUM && *(const uint64_t *)at == UINT64_MAX))
		return;
	g_string_append(out, ", \"default\": ");
	print_value(out, f, at, 0);
}

static void schema_shape(GString *out, const struct codec_shape *shape, unsigned depth)
{
	g_autofree char *def = defaults(shape);
	unsigned required = 0;

	g_string_append(out, "\"type\": \"object\",");
	new_line(out, depth);
	g_string_append(out, "\"additionalProperties\": false,");
	new_line(out, depth);
	for (const struct codec_field *f = shape->fields; f->key != NULL; f++) {
		if (!f->required)
			continue;
		g_string_append(out, required++ > 0 ? ", " : "\"required\": [");
		print_text(out, f->key);
	}
	if (required > 0) {
		g_string_append(out, "],");
		new_line(out, depth);
	}
	g_string_append(out, "\"properties\": {");
	for (const struct codec_field *f = shape->fields; f->key != NULL; f++) {
		if (f != shape->fields)
			g_string_append_c(out, ',');
		new_line(out, depth + 1);
		print_text(out, f->key);
		g_string_append(out, ": {");
		if (f->about != NULL) {
			g_string_append(out, "\"description\": ");
			print_text(out, f->about);
			g_string_append(out, ", ");
		}
		schema_type(out, f);
		schema_default(out, f, def + f->offset);
		g_string_append_c(out, '}');
	}
	new_line(out, depth);
	g_string_append_c(out, '}');
}

char *codec_schema(const struct codec_shape *shape, const char *title)
{
	g_autoptr(GPtrArray) shapes = g_ptr_array_new();
	GString *out = g_string_new("{\n  \"$schema\": "
				    "\"https://json-schema.org/draft/2020-12/schema\",\n"
				    "  \"title\": ");

	print_text(out, title);
	g_string_append(out, ",\n  ");
	schema_shape(out, shape, 1);
	collect(shapes, shape);
	g_string_append(out, ",\n  \"$defs\": {");
	for (unsigned i = 1; i < shapes->len; i++) {
		const struct codec_shape *s = shapes->pdata[i];

		g_string_append(out, i > 1 ? ",\n    " : "\n    ");
		print_text(out, s->name);
		g_string_append(out, ": {\n      ");
		schema_shape(out, s, 3);
		g_string_append(out, "\n    }");
	}
	g_string_append(out, "\n  }\n}\n");
	return g_string_free(out, FALSE);
}
