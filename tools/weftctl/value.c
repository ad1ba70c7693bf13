/* SPDX-License-Identifier: BSD-3-Clause */
/* The text of one argument to its JSON, by its type. */
#include <string.h>

#include "target/rpc/nearest.h"
#include "tools/weftctl/weftctl.h"

#define DISCOVERY_NQN "nqn.2014-08.org.nvmexpress.discovery"

static bool append_number(GString *out, const struct arg *a, const char *value, GError **error)
{
	const char *digits = value + (*value == '-');
	unsigned base = a->type == ARG_HEX ? 16 : 10;
	guint64 n;

	if (g_ascii_strncasecmp(digits, "0x", 2) == 0) {
		digits += 2;
		base = 16;
	}
	if (!g_ascii_string_to_unsigned(digits, base, 0, G_MAXUINT64, &n, NULL))
		return usage_error(error, "%s %s: a %snumber expected", a->name, value,
				   a->type == ARG_HEX ? "hexadecimal " : "");
	g_string_append_printf(out, "%s%" G_GUINT64_FORMAT, *value == '-' ? "-" : "", n);
	return true;
}

static void append_str(GString *out, const char *s)
{
	append_quoted(out, s, strlen(s));
}

/* --- several in one ------------------------------------------------------------------------- */

/* Appends each part, separated by one of the characters; empty ones do not count. */
static bool
append_parts(GString *out, const struct arg *a, const char *value, const char *separators,
	     bool (*append)(GString *out, const struct arg *a, const char *part, GError **error),
	     GError **error)
{
	g_auto(GStrv) parts = g_strsplit_set(value, separators, -1);
	bool first = true;

	for (char **part = parts; *part; part++) {
		if (!*g_strstrip(*part))
			continue;
		if (!first)
			g_string_append_c(out, ',');
		first = false;
		if (!append(out, a, *part, error))
			return false;
	}
	return true;
}

static bool part_str(GString *out, const struct arg *a, const char *part, GError **error)
{
	(void)a;
	(void)error;
	append_str(out, part);
	return true;
}

static bool part_true(GString *out, const struct arg *a, const char *part, GError **error)
{
	g_auto(GStrv) values = g_strsplit(a->values, " ", -1);

	if (!g_strv_contains((const char *const *)values, part)) {
		const char *near = rpc_nearest(part, (const char *const *)values);

		return usage_error(error, "%s: \"%s\" is not one of all, %s%s%s%s", a->name, part,
				   a->values, near ? ". Did you mean " : "", near ? near : "",
				   near ? "?" : "");
	}
	append_str(out, part);
	g_string_append(out, ": true");
	return true;
}

static bool part_pair(GString *out, const struct arg *a, const char *part, GError **error)
{
	const char *equals = strchr(part, '=');

	if (!equals || equals == part)
		return usage_error(error, "%s: \"%s\" should be KEY=VALUE", a->name, part);
	append_quoted(out, part, (size_t)(equals - part));
	g_string_append(out, ": ");
	append_str(out, equals + 1);
	return true;
}

static bool part_of_address(GString *out, const struct arg *a, const char *part, GError **error)
{
	static const char *const keys[] = { "trtype", "traddr",	   "trsvcid",
					    "adrfam", "transport", NULL };
	const char *colon = strchr(part, ':');
	g_autofree char *key = g_strndup(part, colon ? (size_t)(colon - part) : strlen(part));
	const char *near;

	if (!colon)
		return usage_error(error,
				   "%s: \"%s\" should be KEY:VALUE, as in \"trtype:TCP "
				   "traddr:192.0.2.1 trsvcid:4420\"",
				   a->name, part);
	if (!g_strv_contains(keys, key)) {
		near = rpc_nearest(key, keys);
		return usage_error(error, "%s: there is no \"%s\" in an address%s%s%s", a->name,
				   key, near ? ". Did you mean " : "", near ? near : "",
				   near ? "?" : "");
	}
	append_str(out, key);
	g_string_append(out, ": ");
	append_str(out, colon + 1);
	return true;
}

static bool part_address(GString *out, const struct arg *a, const char *part, GError **error)
{
	g_string_append_c(out, '{');
	if (!append_parts(out, a, part, " \t\n", part_of_address, error))
		return false;
	g_string_append_c(out, '}');
	return true;
}

/* The nsid stands after the last colon, if that is a number. */
static bool part_namespace(GString *out, const struct arg *a, const char *part, GError **error)
{
	const char *colon = strrchr(part, ':');
	guint64 nsid = 0;

	if (colon && !g_ascii_string_to_unsigned(colon + 1, 10, 0, G_MAXUINT32, &nsid, NULL))
		return usage_error(error, "%s: \"%s\" should be BDEV or BDEV:NSID", a->name, part);
	g_string_append(out, "{\"bdev_name\": ");
	append_quoted(out, part, colon ? (size_t)(colon - part) : strlen(part));
	if (nsid)
		g_string_append_printf(out, ", \"nsid\": %" G_GUINT64_FORMAT, nsid);
	g_string_append_c(out, '}');
	return true;
}

/* --- all types ---------------------------------------------------------------------------------
 */

struct container {
	const char *separators; /* NULL: it is none */
	bool (*append)(GString *out, const struct arg *a, const char *part, GError **error);
	bool object;
	bool empty_is_none;
};

static const struct container containers[] = {
	[ARG_LIST] = { ",", part_str, .object = false },
	[ARG_WORDS] = { " \t\n", part_str, .empty_is_none = true },
	[ARG_INTS] = { ", ", append_number, .object = false },
	[ARG_SET] = { ",", part_true, .object = true },
	[ARG_MAP] = { "\n", part_pair, .object = true },
	[ARG_ADDRESSES] = { ",", part_address, .empty_is_none = true },
	[ARG_NAMESPACES] = { " \t\n", part_namespace, .empty_is_none = true },
};

static bool append_container(GString *out, const struct arg *a, const char *value, bool *given,
			     GError **error)
{
	const struct container *c = &containers[a->type];
	g_autofree char *every = NULL;
	size_t begin = out->len + 1;

	if (a->type == ARG_SET && strcmp(value, "all") == 0)
		value = every = g_strdelimit(g_strdup(a->values), " ", ',');
	g_string_append_c(out, c->object ? '{' : '[');
	if (!append_parts(out, a, value, c->separators, c->append, error))
		return false;
	*given = out->len > begin || !c->empty_is_none;
	g_string_append_c(out, c->object ? '}' : ']');
	return true;
}

bool value_append(GString *out, const struct arg *a, const char *value, bool *given, GError **error)
{
	g_autofree char *made = NULL;

	if (!g_utf8_validate(value, -1, NULL))
		return usage_error(error, "%s: not valid UTF-8", a->name);
	if ((size_t)a->type < G_N_ELEMENTS(containers) && containers[a->type].separators)
		return append_container(out, a, value, given, error);
	switch (a->type) {
	case ARG_TRUE:
	case ARG_FALSE:
	case ARG_SWITCH:
		g_string_append(out, value);
		return true;
	case ARG_INT:
	case ARG_HEX:
		return append_number(out, a, value, error);
	case ARG_LEVEL:
		value = made = g_ascii_strup(value, -1);
		break;
	case ARG_STATE:
		value = made = g_strdelimit(g_strdup(value), "-", '_');
		break;
	case ARG_NQN:
		value = strcmp(value, "discovery") == 0 ? DISCOVERY_NQN : value;
		break;
	default:
		break;
	}
	append_str(out, value);
	return true;
}
