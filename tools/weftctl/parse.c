/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arguments of a command to its params object, by the table; and the help texts.
 * Options may come anywhere; "-t tcp", "-ttcp", "--trtype tcp", "--trtype=tcp"
 * and an unambiguous beginning of a long name all do, as in rpc.py.
 */
#include <math.h>
#include <string.h>

#include "tools/weftctl/weftctl.h"

#define MAX_ARGS 64

struct parsed {
	const struct command *command;
	const char *values[MAX_ARGS]; /* by place in the table; flags: "" */
};

static bool usage_error(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool usage_error(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, text);
	return false;
}

static bool is_flag(const struct arg *a)
{
	return a->type == ARG_TRUE || a->type == ARG_FALSE;
}

/* Long names with '-' or '_' alike, compared over n characters. */
static bool name_matches(const char *name, const char *given, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name[i] != (given[i] == '_' ? '-' : given[i]))
			return false;
	return true;
}

static const struct arg *find_long(const struct command *c, const char *given, size_t n,
				   GError **error)
{
	const struct arg *found = NULL;

	for (const struct arg *a = c->args; a && a->name; a++) {
		if (a->positional || strlen(a->name) < n || !name_matches(a->name, given, n))
			continue;
		if (strlen(a->name) == n)
			return a;
		if (found) {
			usage_error(error, "--%.*s could be --%s or --%s", (int)n, given,
				    found->name, a->name);
			return NULL;
		}
		found = a;
	}
	if (!found)
		usage_error(error, "there is no option --%.*s", (int)n, given);
	return found;
}

static const struct arg *find_letter(const struct command *c, char letter, GError **error)
{
	for (const struct arg *a = c->args; a && a->name; a++)
		if (!a->positional && a->letter == letter)
			return a;
	usage_error(error, "there is no option -%c", letter);
	return NULL;
}

/* Takes the value of an option from what is attached to it, or the next argument. */
static bool take_value(struct parsed *p, const struct arg *a, const char *attached, char ***argv,
		       GError **error)
{
	if (!attached && !*++*argv)
		return usage_error(error, "--%s needs a value", a->name);
	p->values[a - p->command->args] = attached ? attached : **argv;
	return true;
}

static bool parse_long(struct parsed *p, char ***argv, GError **error)
{
	const char *given = **argv + 2;
	size_t n = strcspn(given, "=");
	const struct arg *a = find_long(p->command, given, n, error);

	if (!a)
		return false;
	if (!is_flag(a))
		return take_value(p, a, given[n] ? given + n + 1 : NULL, argv, error);
	if (given[n])
		return usage_error(error, "--%s takes no value", a->name);
	p->values[a - p->command->args] = "";
	return true;
}

static bool parse_letters(struct parsed *p, char ***argv, GError **error)
{
	for (const char *s = **argv + 1; *s; s++) {
		const struct arg *a = find_letter(p->command, *s, error);

		if (!a)
			return false;
		if (!is_flag(a))
			return take_value(p, a, s[1] ? s + 1 : NULL, argv, error);
		p->values[a - p->command->args] = "";
	}
	return true;
}

static bool parse_positional(struct parsed *p, const char *value, GError **error)
{
	for (const struct arg *a = p->command->args; a && a->name; a++) {
		const char **slot = &p->values[a - p->command->args];

		if (a->positional && !*slot) {
			*slot = value;
			return true;
		}
	}
	return usage_error(error, "unexpected argument: %s", value);
}

static bool parse_args(struct parsed *p, char **argv, bool *help, GError **error)
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
			return false;
		if (options && g_str_has_prefix(s, "--"))
			ok = parse_long(p, &argv, error);
		else if (options && s[0] == '-' && s[1] && !g_ascii_isdigit(s[1]))
			ok = parse_letters(p, &argv, error);
		else
			ok = parse_positional(p, s, error);
		if (!ok)
			return false;
	}
	return true;
}

/* --- params ---------------------------------------------------------------------------- */

static const char *value_of(const struct parsed *p, const char *key)
{
	for (const struct arg *a = p->command->args; a && a->name; a++)
		if (strcmp(a->key, key) == 0)
			return p->values[a - p->command->args];
	return NULL;
}

static bool append_blocks(const struct parsed *p, GString *out, const char *size, GError **error)
{
	const char *block_text = value_of(p, "block_size");
	guint64 block_size;
	char *end;
	double mib = g_ascii_strtod(size, &end);

	if (*end || end == size || !isfinite(mib) || mib <= 0 || mib > 1e12)
		return usage_error(error, "size %s: MiB expected, above 0", size);
	if (!block_text ||
	    !g_ascii_string_to_unsigned(block_text, 10, 1, G_MAXUINT32, &block_size, NULL))
		return usage_error(error, "block size %s: a number above 0 expected",
				   block_text ? block_text : "");
	g_string_append_printf(out, "%" G_GUINT64_FORMAT, (guint64)(mib * 1048576) / block_size);
	return true;
}

static bool append_int(GString *out, const struct arg *a, const char *value, GError **error)
{
	const char *digits = value + (*value == '-');
	guint64 n;

	if (g_ascii_strncasecmp(digits, "0x", 2) == 0) {
		if (!g_ascii_string_to_unsigned(digits + 2, 16, 0, G_MAXUINT64, &n, NULL))
			return usage_error(error, "%s %s: a number expected", a->name, value);
	} else if (!g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT64, &n, NULL)) {
		return usage_error(error, "%s %s: a number expected", a->name, value);
	}
	g_string_append_printf(out, "%s%" G_GUINT64_FORMAT, *value == '-' ? "-" : "", n);
	return true;
}

static void append_list(GString *out, const char *names)
{
	char separator = '[';

	while (*names) {
		size_t n = strcspn(names, ",");

		g_string_append_c(out, separator);
		append_quoted(out, names, n);
		separator = ',';
		names += n + (names[n] == ',');
	}
	g_string_append(out, separator == '[' ? "[]" : "]");
}

static bool append_value(const struct parsed *p, GString *out, const struct arg *a,
			 const char *value, GError **error)
{
	g_autofree char *made = NULL;

	switch (a->type) {
	case ARG_TRUE:
		g_string_append(out, "true");
		return true;
	case ARG_FALSE:
		g_string_append(out, "false");
		return true;
	case ARG_INT:
		return append_int(out, a, value, error);
	case ARG_MIB:
		return append_blocks(p, out, value, error);
	case ARG_LEVEL:
		value = made = g_ascii_strup(value, -1);
		break;
	case ARG_STATE:
		value = made = g_strdelimit(g_strdup(value), "-", '_');
		break;
	case ARG_LIST:
	case ARG_STR:
		break;
	}
	if (!g_utf8_validate(value, -1, NULL))
		return usage_error(error, "%s: not valid UTF-8", a->name);
	if (a->type == ARG_LIST)
		append_list(out, value);
	else
		append_quoted(out, value, strlen(value));
	return true;
}

static void append_key(GString *out, const char *key, size_t len)
{
	if (out->str[out->len - 1] != '{')
		g_string_append(out, ", ");
	append_quoted(out, key, len);
	g_string_append(out, ": ");
}

/* The members of the object `outer` (NULL: of params itself); those in objects follow. */
static bool append_members(const struct parsed *p, GString *out, GError **error)
{
	const char *outer = ""; /* the object that is open */
	size_t outer_len = 0;

	for (const struct arg *a = p->command->args; a && a->name; a++) {
		const char *value = p->values[a - p->command->args];
		const char *dot = strchr(a->key, '.');
		const char *key = dot ? dot + 1 : a->key;
		size_t len = dot ? (size_t)(dot - a->key) : 0;

		if (!value)
			continue;
		if (outer_len && (len != outer_len || strncmp(a->key, outer, len) != 0)) {
			g_string_append_c(out, '}');
			outer_len = 0;
		}
		if (dot && !outer_len) {
			append_key(out, a->key, len);
			g_string_append_c(out, '{');
			outer = a->key;
			outer_len = len;
		}
		append_key(out, key, strlen(key));
		if (!append_value(p, out, a, value, error))
			return false;
	}
	if (outer_len)
		g_string_append_c(out, '}');
	return true;
}

static bool check_required(const struct parsed *p, GError **error)
{
	for (const struct arg *a = p->command->args; a && a->name; a++)
		if (a->required && !p->values[a - p->command->args])
			return usage_error(error, "%s%s is missing", a->positional ? "" : "--",
					   a->name);
	return true;
}

char *command_parse(const struct command *c, char **argv, bool *help, GError **error)
{
	struct parsed p = { .command = c };
	g_autoptr(GString) out = g_string_new("{");

	if (!parse_args(&p, argv, help, error) || !check_required(&p, error) ||
	    !append_members(&p, out, error))
		return NULL;
	if (out->len == 1)
		return g_strdup("");
	g_string_append_c(out, '}');
	return g_strdup(out->str);
}

/* --- help --------------------------------------------------------------------------------- */

void help_all(void)
{
	g_print("usage: weftctl [-s SOCKET] [-t SECONDS] [-v] METHOD [arguments]\n"
		"       weftctl [...] METHOD '{\"key\": value, ...}'\n\n"
		"  -s SOCKET   RPC socket of weftd (WEFT_SOCK, or /run/weft.sock)\n"
		"  -t SECONDS  give up after that long (60)\n"
		"  -v          show request and response on stderr\n\n"
		"weftctl METHOD --help shows its arguments. Methods:\n\n");
	for (const struct command *c = commands; c->method; c++)
		g_print("  %-32s %s\n", c->method, c->summary);
	for (const struct command *c = saved_commands; c->method; c++)
		g_print("  %-32s %s\n", c->method, c->summary);
}

static void help_usage(const struct command *c)
{
	g_print("usage: weftctl %s", c->method);
	for (const struct arg *a = c->args; a && a->name; a++)
		if (a->positional)
			g_print(a->required ? " %s" : " [%s]", a->name);
	for (const struct arg *a = c->args; a && a->name; a++) {
		if (a->positional)
			continue;
		g_autofree char *text = a->letter ? g_strdup_printf("-%c", a->letter)
						  : g_strdup_printf("--%s", a->name);
		g_autofree char *with = g_strconcat(text, is_flag(a) ? "" : " ...", NULL);
		g_print(a->required ? " %s" : " [%s]", with);
	}
	g_print("\n\n%s.\n", c->summary);
}

void help_command(const struct command *c)
{
	help_usage(c);
	for (const struct arg *a = c->args; a && a->name; a++) {
		g_autofree char *name = a->positional ? g_strdup(a->name)
					: a->letter
						? g_strdup_printf("-%c, --%s", a->letter, a->name)
						: g_strdup_printf("    --%s", a->name);

		g_print("%s  %-32s %s\n", a == c->args ? "\n" : "", name, a->help);
	}
}
