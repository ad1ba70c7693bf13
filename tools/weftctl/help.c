/* SPDX-License-Identifier: BSD-3-Clause */
/* Help texts, from the tables. */
#include <string.h>

#include "tools/weftctl/weftctl.h"

#define HELP_COLUMN 34

static void print_argument(const struct arg *a)
{
	g_autofree char *spelling = arg_spelling(a);
	bool long_only = !a->positional && spelling[1] == '-';

	g_print("  %s%-*s %s", long_only ? "    " : "", HELP_COLUMN - (long_only ? 4 : 0), spelling,
		a->help);
	if (a->values && !strstr(a->help, ","))
		g_print(": %s", a->values);
	g_print("%s\n", a->required && !a->positional ? " (needed)" : "");
}

static void print_command(void *arg, const struct command *c)
{
	(void)arg;
	if (!c->now)
		g_print("  %-40s %s\n", c->method, c->summary);
}

static void print_old(void *arg, const struct command *c)
{
	(void)arg;
	if (c->now)
		g_print("  %-40s now %s\n", c->method, c->now);
}

void help_all(void)
{
	g_print("usage: weftctl [options] METHOD [arguments]\n"
		"       weftctl [options] METHOD '{\"key\": value, ...}'\n"
		"       weftctl [options] -b < FILE\n\n");
	for (const struct arg *a = command_self.args; a->name; a++)
		print_argument(a);
	g_print("\nweftctl METHOD --help shows its arguments.\n\nMethods:\n\n");
	command_each(print_command, NULL);
	g_print("\nOlder names:\n\n");
	command_each(print_old, NULL);
}

static void print_usage(const struct command *c)
{
	const struct arg *args = command_args(c);

	g_print("usage: weftctl %s", c->method);
	for (const struct arg *a = args; a->name; a++)
		if (a->positional)
			g_print(a->required ? " %s" : " [%s]", a->name);
	for (const struct arg *a = args; a->name; a++) {
		if (a->positional || !a->required)
			continue;
		if (a->letter)
			g_print(" -%c ...", a->letter);
		else
			g_print(" --%s%s", a->name, arg_is_flag(a) ? "" : " ...");
	}
	g_print(" [options]\n\n%s.\n", c->summary);
}

void help_command(const struct command *c)
{
	print_usage(c);
	if (c->now)
		g_print("An older name of %s.\n", c->now);
	for (const struct arg *a = command_args(c); a->name; a++) {
		if (a == c->args)
			g_print("\n");
		print_argument(a);
	}
}
