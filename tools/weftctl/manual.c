/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sections of the manual page that the tables have, as roff. The options of weftctl
 * itself stand in the page as people write it (docs/man), compared by tests/tidy.
 */
#include <string.h>

#include "tools/weftctl/weftctl.h"

static char *roff(const char *text)
{
	g_autoptr(GString) s = g_string_new(NULL);

	for (; *text; text++) {
		if (*text == '-')
			g_string_append(s, "\\-");
		else if (*text == '\\')
			g_string_append(s, "\\e");
		else if ((*text == '.' || *text == '\'') && s->len == 0)
			g_string_append_printf(s, "\\&%c", *text);
		else
			g_string_append_c(s, *text);
	}
	return g_strdup(s->str);
}

static void print_argument(const struct arg *a)
{
	g_autofree char *spelling = arg_spelling(a);
	g_autofree char *name = roff(spelling);
	g_autofree char *help = roff(a->help);

	g_print(".TP\n\\fB%s\\fR%s\n%s%s%s\n", name,
		a->required && !a->positional ? " (needed)" : "", help,
		a->values && !strchr(a->help, ',') ? ": " : "",
		a->values && !strchr(a->help, ',') ? a->values : "");
}

static void print_command(void *arg, const struct command *c)
{
	(void)arg;
	if (c->now)
		return;
	g_print(".SS %s\n.B %s\n", c->method, c->method);
	for (const struct arg *a = command_args(c); a->name; a++)
		if (a->positional)
			g_print(a->required ? "\\fI%s\\fR\n" : "[\\fI%s\\fR]\n", a->name);
	g_print("[options]\n.PP\n%s.\n", c->summary);
	for (const struct arg *a = command_args(c); a->name; a++)
		print_argument(a);
}

static void print_old(void *arg, const struct command *c)
{
	(void)arg;
	if (c->now)
		g_print(".TP\n\\fB%s\\fR\nnow \\fB%s\\fR\n", c->method, c->now);
}

void manual_print(void)
{
	g_print(".SH METHODS\nThose that are called, with their arguments.\n");
	command_each(print_command, NULL);
	g_print(".SH OLDER NAMES\nThese take the arguments of what they are called now; what they "
		"print has the shape of their time.\n");
	command_each(print_old, NULL);
	g_print(".SH SEE ALSO\n\\fBweftd\\fR(8), \\fBweft\\-host\\fR(1)\n");
}
