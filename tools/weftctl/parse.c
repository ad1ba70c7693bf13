/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arguments of a command to its params object, by the table. Options may come
 * anywhere; "-t tcp", "-ttcp", "-t=tcp", "--trtype tcp", "--trtype=tcp" and an
 * unambiguous beginning of a long name all do, '_' in it as '-', as in rpc.py.
 * Of several arguments with one key the last counts.
 */
#include <string.h>

#include "target/rpc/nearest.h"
#include "tools/weftctl/weftctl.h"

#define MAX_ARGS 64

struct parsed {
	const struct command *command;
	const struct arg *args;
	const char *values[MAX_ARGS]; /* by place in the table; flags: "true", "false" */
	GStringChunk *joined;	      /* what values of repeated ones are in */
};

bool usage_error(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_propagate_error(error, g_error_new_valist(G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
						    format, args));
	va_end(args);
	return false;
}

static void set_value(struct parsed *p, const struct arg *a, const char *value)
{
	const char **slot = &p->values[a - p->args];

	if (a->type == ARG_MAP && *slot) {
		g_autofree char *both = g_strdup_printf("%s\n%s", *slot, value);

		*slot = g_string_chunk_insert(p->joined, both);
		return;
	}
	for (const struct arg *other = p->args; other->name; other++)
		if (strcmp(other->key, a->key) == 0)
			p->values[other - p->args] = NULL;
	*slot = value;
}

/* Long names with '-' or '_' alike, compared over n characters. */
static bool name_matches(const char *name, const char *given, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name[i] != (given[i] == '_' ? '-' : given[i]))
			return false;
	return true;
}

static bool no_such_option(const struct parsed *p, const char *given, size_t n, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *name = g_strndup(given, n);

	for (const struct arg *a = p->args; a->name; a++)
		if (!a->positional)
			g_ptr_array_add(names, (gpointer)a->name);
	g_ptr_array_add(names, NULL);

	const char *near = rpc_nearest(name, (const char *const *)names->pdata);

	if (near)
		return usage_error(error, "there is no option --%s. Did you mean --%s?", name,
				   near);
	return usage_error(error, "there is no option --%s", name);
}

struct found {
	const struct arg *arg;
	bool no; /* as --no-name */
};

/* Adds a to what was found, unless it does not match. True: it does exactly. */
static bool look_at(const struct arg *a, bool no, const char *given, size_t n, struct found *found,
		    struct found *second)
{
	if (a->positional || strlen(a->name) < n || !name_matches(a->name, given, n))
		return false;
	if (found->arg)
		*second = *found;
	*found = (struct found){ .arg = a, .no = no };
	return strlen(a->name) == n;
}

static bool find_long(const struct parsed *p, const char *given, size_t n, struct found *found,
		      GError **error)
{
	struct found second = { 0 };
	bool no = n > 3 && name_matches("no-", given, 3);

	*found = (struct found){ 0 };
	for (const struct arg *a = p->args; a->name; a++) {
		if (look_at(a, false, given, n, found, &second))
			return true;
		if (no && a->type == ARG_SWITCH &&
		    look_at(a, true, given + 3, n - 3, found, &second))
			return true;
		if (a->also && strlen(a->also) == n + 2 && name_matches(a->also + 2, given, n)) {
			found->arg = a;
			return true;
		}
	}
	if (second.arg)
		return usage_error(error, "--%.*s could be --%s%s or --%s%s", (int)n, given,
				   second.no ? "no-" : "", second.arg->name, found->no ? "no-" : "",
				   found->arg->name);
	return found->arg || no_such_option(p, given, n, error);
}

/* Takes the value of an option from what is attached to it, or the next argument. */
static bool take_value(struct parsed *p, const struct arg *a, const char *attached, char ***argv,
		       GError **error)
{
	if (!attached && !*++*argv) {
		--*argv;
		return usage_error(error, "--%s needs a value", a->name);
	}
	set_value(p, a, attached ? attached : **argv);
	return true;
}

static bool parse_long(struct parsed *p, char ***argv, GError **error)
{
	const char *given = **argv + 2;
	size_t n = strcspn(given, "=");
	struct found found;

	if (!find_long(p, given, n, &found, error))
		return false;
	if (!arg_is_flag(found.arg))
		return take_value(p, found.arg, given[n] ? given + n + 1 : NULL, argv, error);
	if (given[n])
		return usage_error(error, "--%s takes no value", found.arg->name);
	set_value(p, found.arg, found.no || found.arg->type == ARG_FALSE ? "false" : "true");
	return true;
}

static const struct arg *find_letter(const struct parsed *p, char letter)
{
	for (const struct arg *a = p->args; a->name; a++)
		if (!a->positional && a->letter == letter)
			return a;
	return NULL;
}

static bool parse_letters(struct parsed *p, char ***argv, GError **error)
{
	const char *all = **argv;

	for (const struct arg *a = p->args; a->name; a++)
		if (a->also && strcmp(a->also, all) == 0)
			return take_value(p, a, NULL, argv, error);
	for (const char *s = all + 1; *s; s++) {
		const struct arg *a = find_letter(p, *s);

		if (!a)
			return usage_error(error, "there is no option -%.*s",
					   (int)(g_utf8_next_char(s) - s), s);
		if (!arg_is_flag(a))
			return take_value(p, a, s[1] ? s + 1 + (s[1] == '=') : NULL, argv, error);
		set_value(p, a, a->type == ARG_FALSE ? "false" : "true");
	}
	return true;
}

static bool parse_positional(struct parsed *p, const char *value, GError **error)
{
	for (const struct arg *a = p->args; a->name; a++) {
		if (a->positional && !p->values[a - p->args]) {
			p->values[a - p->args] = value;
			return true;
		}
	}
	return usage_error(error, "unexpected argument: %s", value);
}

static bool is_option(const char *s)
{
	return s[0] == '-' && s[1] && !g_ascii_isdigit(s[1]);
}

/* Returns where it ended; NULL: help was asked for, or there is an error. */
static char **parse_args(struct parsed *p, char **argv, bool stop_early, bool *help, GError **error)
{
	bool options = true;

	for (; *argv; argv++) {
		const char *s = *argv;
		bool ok;

		if (options && strcmp(s, "--") == 0) {
			options = false;
			continue;
		}
		*help = options && (strcmp(s, "-h") == 0 || strcmp(s, "--help") == 0);
		if (*help)
			return NULL;
		if (options && g_str_has_prefix(s, "--"))
			ok = parse_long(p, &argv, error);
		else if (options && is_option(s))
			ok = parse_letters(p, &argv, error);
		else if (stop_early)
			return argv;
		else
			ok = parse_positional(p, s, error);
		if (!ok)
			return NULL;
	}
	return argv;
}

/* --- params ---------------------------------------------------------------------------- */

/* Key in the table -> text given, for the value that needs another one. */
static const char *value_of(const struct parsed *p, const char *key)
{
	for (const struct arg *a = p->args; a->name; a++)
		if (strcmp(a->key, key) == 0 && p->values[a - p->args])
			return p->values[a - p->args];
	return NULL;
}

static bool append_blocks(const struct parsed *p, GString *out, const char *size, GError **error)
{
	const char *block_text = value_of(p, "block_size");
	guint64 block_size;
	char *end;
	double mib = g_ascii_strtod(size, &end);

	/* not as !(mib > 0): NaN is one of those */
	if (*end || end == size || !(mib > 0 && mib <= 1e12))
		return usage_error(error, "size %s: MiB expected, above 0", size);
	if (!block_text ||
	    !g_ascii_string_to_unsigned(block_text, 10, 1, G_MAXUINT32, &block_size, NULL))
		return usage_error(error, "block size %s: a number above 0 expected",
				   block_text ? block_text : "");
	g_string_append_printf(out, "%" G_GUINT64_FORMAT, (guint64)(mib * 1048576) / block_size);
	return true;
}

static void append_key(GString *out, const char *key, size_t len)
{
	if (out->str[out->len - 1] != '{')
		g_string_append(out, ", ");
	append_quoted(out, key, len);
	g_string_append(out, ": ");
}

struct members {
	GString *out;
	const char *outer; /* the object that is open, and ... */
	size_t outer_len;  /* ... its length; 0: none */
};

/* Opens the object that key is in, closes another one, and begins the member. */
static void begin_member(struct members *m, const char *key)
{
	const char *dot = strchr(key, '.');
	size_t len = dot ? (size_t)(dot - key) : 0;

	if (m->outer_len && (len != m->outer_len || strncmp(key, m->outer, len) != 0)) {
		g_string_append_c(m->out, '}');
		m->outer_len = 0;
	}
	if (dot && !m->outer_len) {
		append_key(m->out, key, len);
		g_string_append_c(m->out, '{');
		m->outer = key;
		m->outer_len = len;
	}
	append_key(m->out, dot ? dot + 1 : key, strlen(dot ? dot + 1 : key));
}

static bool append_member(const struct parsed *p, struct members *m, const struct arg *a,
			  GError **error)
{
	const char *text = p->values[a - p->args];
	g_autoptr(GString) value = g_string_new(NULL);
	bool given = true;

	if (!text && a->def && !value_of(p, a->key))
		g_string_append(value, a->def);
	else if (!text)
		return true;
	else if (a->type == ARG_MIB ? !append_blocks(p, value, text, error)
				    : !value_append(value, a, text, &given, error))
		return false;
	if (given) {
		begin_member(m, a->key);
		g_string_append(m->out, value->str);
	}
	return true;
}

static bool append_members(const struct parsed *p, GString *out, GError **error)
{
	struct members m = { .out = out };

	for (const struct arg *a = p->args; a->name; a++)
		if (!append_member(p, &m, a, error))
			return false;
	if (m.outer_len)
		g_string_append_c(out, '}');
	return true;
}

static bool check_required(const struct parsed *p, GError **error)
{
	for (const struct arg *a = p->args; a->name; a++)
		if (a->required && !value_of(p, a->key))
			return usage_error(error, "%s%s is missing", a->positional ? "" : "--",
					   a->name);
	return true;
}

static char *parse(struct parsed *p, char **argv, char ***rest, bool *help, GError **error)
{
	g_autoptr(GString) out = g_string_new("{");

	argv = parse_args(p, argv, rest != NULL, help, error);
	if (!argv || !check_required(p, error) || !append_members(p, out, error))
		return NULL;
	if (rest)
		*rest = argv;
	if (out->len == 1)
		return g_strdup("");
	g_string_append_c(out, '}');
	return g_strdup(out->str);
}

char *command_parse(const struct command *c, char **argv, char ***rest, bool *help, GError **error)
{
	struct parsed p = { .command = c, .args = command_args(c) };
	char *params;

	*help = false;
	p.joined = g_string_chunk_new(256);
	params = parse(&p, argv, rest, help, error);
	g_string_chunk_free(p.joined);
	return params;
}
