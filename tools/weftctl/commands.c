/* SPDX-License-Identifier: BSD-3-Clause */
/* All commands there are, and finding one. */
#include <string.h>

#include "target/rpc/alias.h"
#include "target/rpc/nearest.h"
#include "tools/weftctl/weftctl.h"

const struct command *const command_tables[] = {
	commands_framework, commands_log,   commands_bdev,
	commands_bdev_stat, commands_nvmf,  commands_nvmf_access,
	commands_old,	    commands_local, NULL,
};

static const struct command *find_today(const char *method)
{
	for (const struct command *const *t = command_tables; *t; t++)
		for (const struct command *c = *t; c->method; c++)
			if (strcmp(c->method, method) == 0)
				return c;
	return NULL;
}

/* The command of today under its older name. False: there is none of today. */
static bool old_command(const struct rpc_alias *alias, struct command *c)
{
	const struct command *now = find_today(alias->now);

	if (!now)
		return false;
	*c = *now;
	c->method = alias->name;
	c->now = alias->now;
	return true;
}

bool command_find(const char *method, struct command *found)
{
	const struct command *c = find_today(method);

	if (c) {
		*found = *c;
		return true;
	}
	for (const struct rpc_alias *alias = rpc_aliases; alias->name; alias++)
		if (strcmp(alias->name, method) == 0)
			return old_command(alias, found);
	return false;
}

void command_each(void (*each)(void *arg, const struct command *c), void *arg)
{
	struct command old;

	for (const struct command *const *t = command_tables; *t; t++)
		for (const struct command *c = *t; c->method; c++)
			each(arg, c);
	for (const struct rpc_alias *alias = rpc_aliases; alias->name; alias++)
		if (old_command(alias, &old))
			each(arg, &old);
}

static void add_name(void *arg, const struct command *c)
{
	g_ptr_array_add(arg, (gpointer)c->method);
}

const char *command_nearest(const char *method)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	command_each(add_name, names);
	g_ptr_array_add(names, NULL);
	return rpc_nearest(method, (const char *const *)names->pdata);
}

const struct arg *command_args(const struct command *c)
{
	static const struct arg none[] = { { .name = NULL } };

	return c->args ? c->args : none;
}

bool arg_is_flag(const struct arg *a)
{
	return a->type == ARG_TRUE || a->type == ARG_FALSE || a->type == ARG_SWITCH;
}

char *arg_spelling(const struct arg *a)
{
	g_autoptr(GString) s = g_string_new(NULL);

	if (a->positional)
		return g_strdup(a->name);
	if (a->letter)
		g_string_append_printf(s, "-%c, ", a->letter);
	else if (a->also && a->also[1] != '-')
		g_string_append_printf(s, "%s, ", a->also);
	g_string_append_printf(s, a->type == ARG_SWITCH ? "--[no-]%s" : "--%s", a->name);
	if (!arg_is_flag(a)) {
		g_autofree char *value = g_ascii_strup(a->name, -1);

		g_string_append_printf(s, " %s", g_strdelimit(value, "-", '_'));
	}
	return g_strdup(s->str);
}
