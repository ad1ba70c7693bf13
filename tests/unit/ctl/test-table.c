/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands of weftctl and the methods of weftd: each method has a command, each key
 * can be given on the command line, and nothing is there that weftd does not take.
 */
#include <string.h>

#include "target/rpc/rpc.h"
#include "tools/weftctl/undo.h"
#include "tools/weftctl/weftctl.h"

/* Not to be given on the command line, only as '{...}': "method key". */
static const char *const absent[] = {
	NULL,
};

/* All that is wrong is said, not only the first. */
static void wrong(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_printerr("%s\n", text);
	g_test_fail();
}

static const struct rpc_param *find_param(const struct rpc_param *table, const char *key)
{
	size_t n = strcspn(key, ".");

	for (; table && table->name; table++)
		if (strlen(table->name) == n && strncmp(table->name, key, n) == 0)
			return key[n] ? find_param(table->sub, key + n + 1) : table;
	return NULL;
}

static bool types_agree(enum arg_type given, enum rpc_type taken)
{
	switch (taken) {
	case RPC_BOOL:
		return given == ARG_TRUE || given == ARG_FALSE || given == ARG_SWITCH;
	case RPC_U8:
	case RPC_U16:
	case RPC_U32:
	case RPC_U64:
	case RPC_I32:
		return given == ARG_INT || given == ARG_HEX || given == ARG_MIB;
	case RPC_STR:
	case RPC_ENUM:
		return given == ARG_STR || given == ARG_LEVEL || given == ARG_STATE ||
		       given == ARG_NQN;
	case RPC_UUID:
	case RPC_HEX:
		return given == ARG_STR;
	case RPC_STRS:
	case RPC_FLAGS:
		return given == ARG_LIST || given == ARG_WORDS;
	case RPC_OBJECT:
		return given == ARG_SET || given == ARG_MAP;
	case RPC_ARRAY:
		return given == ARG_ADDRESSES || given == ARG_NAMESPACES || given == ARG_INTS;
	}
	return false;
}

/* --- methods of weftd ----------------------------------------------------------------------- */

static const struct arg *find_arg(const struct command *c, const char *key)
{
	size_t n = strlen(key);

	for (const struct arg *a = command_args(c); a->name; a++)
		if (strcmp(a->key, key) == 0 || (strncmp(a->key, key, n) == 0 && a->key[n] == '.'))
			return a;
	return NULL;
}

static void check_params(const struct command *c, const struct rpc_param *table, const char *prefix)
{
	for (const struct rpc_param *p = table; p && p->name; p++) {
		g_autofree char *key = g_strconcat(prefix, p->name, NULL);
		g_autofree char *both = g_strconcat(c->method, " ", key, NULL);
		g_autofree char *inner = g_strconcat(key, ".", NULL);
		const struct arg *a = find_arg(c, key);

		if (!a && !g_strv_contains(absent, both))
			wrong("%s of %s cannot be given", key, c->method);
		if (a && p->sub && strcmp(a->key, key) != 0)
			check_params(c, p->sub, inner);
	}
}

static void check_methods(const struct rpc_method *const *tables)
{
	for (; *tables; tables++) {
		for (const struct rpc_method *m = *tables; m->name; m++) {
			struct command c;

			if (!command_find(m->name, &c))
				wrong("weftctl has no %s", m->name);
			else if (!c.run)
				check_params(&c, m->params, "");
		}
	}
}

static void test_methods(void)
{
	check_methods(rpc_method_tables);
	check_methods(rpc_old_method_tables);
}

/* An older name that weftd answers to is one of weftctl. */
static void test_aliases(void)
{
	for (const struct rpc_alias *alias = rpc_aliases; alias->name; alias++) {
		struct command c;

		if (!rpc_method_find(alias->name))
			continue;
		if (!command_find(alias->name, &c))
			g_error("weftctl has no %s", alias->name);
		g_assert_cmpstr(c.method, ==, alias->name);
		g_assert_cmpstr(c.now, ==, alias->now);
	}
}

/* --- commands of weftctl ---------------------------------------------------------------------- */

static void check_arg(const struct command *c, const struct arg *a, const struct rpc_method *m)
{
	const struct rpc_param *p = find_param(m->params, a->key);

	if (!p && m->relaxed)
		return;
	if (!p) {
		wrong("%s does not take %s", c->method, a->key);
		return;
	}
	if (!types_agree(a->type, p->type))
		wrong("%s: the type of %s differs", c->method, a->key);
	if (a->positional && a->required && !(p->flags & RPC_REQUIRED) && a->type < ARG_WORDS)
		wrong("%s: %s may be left out", c->method, a->key);
	for (unsigned i = 0; a->values && p->type == RPC_ENUM && p->values[i]; i++)
		if (!strstr(a->values, p->values[i]))
			wrong("%s: %s may also be %s", c->method, a->key, p->values[i]);
}

static void check_command(void *arg, const struct command *c)
{
	const struct rpc_method *m = rpc_method_find(c->method);

	(void)arg;
	if (c->run)
		return;
	if (!m) {
		wrong("weftd has no %s", c->method);
		return;
	}
	for (const struct arg *a = command_args(c); a->name; a++)
		check_arg(c, a, m);
	for (const struct rpc_param *p = m->params; p && p->name; p++)
		if (p->flags & RPC_REQUIRED) {
			const struct arg *a = find_arg(c, p->name);

			if (!a || !(a->required || a->def || strchr(a->key, '.')))
				wrong("%s needs %s", c->method, p->name);
		}
}

static void test_commands(void)
{
	command_each(check_command, NULL);
}

/*
 * What makes something can be taken back by a load that fails; what takes something away
 * is in no saved configuration; the rest sets something.
 */
static void check_undo(const struct rpc_method *m)
{
	static const char *const making[] = { "_create", "nvmf_create_", "_add_", "_start", NULL };
	const char *undo = undo_method(m->name);

	if (undo && !rpc_method_find(undo))
		wrong("%s is to be undone by %s, which is not there", m->name, undo);
	if (!m->makes || undo || strcmp(m->name, "nvmf_create_transport") == 0)
		return;
	for (unsigned i = 0; making[i]; i++)
		if (strstr(m->name, making[i]))
			wrong("nothing undoes %s", m->name);
}

static void test_undo(void)
{
	for (const struct rpc_method *const *t = rpc_method_tables; *t; t++)
		for (const struct rpc_method *m = *t; m->name; m++)
			check_undo(m);
	g_assert_cmpstr(undo_method("construct_malloc_bdev"), ==, "bdev_malloc_delete");
	g_assert_null(undo_method("nvmf_create_transport"));
}

/* --- the tables themselves ----------------------------------------------------------------------
 */

static void check_spellings(void *arg, const struct command *c)
{
	(void)arg;
	for (const struct arg *a = command_args(c); a->name; a++) {
		g_assert_nonnull(a->help);
		g_assert_cmpint(a - command_args(c), <, 64);
		for (const struct arg *b = a + 1; b->name; b++) {
			if (b->positional && !a->positional)
				wrong("%s: positionals come first", c->method);
			if (a->positional || b->positional)
				continue;
			if (a->letter && a->letter == b->letter)
				wrong("%s: two options -%c", c->method, a->letter);
			if (strcmp(a->name, b->name) == 0)
				wrong("%s: two options --%s", c->method, a->name);
		}
	}
}

static void test_spellings(void)
{
	command_each(check_spellings, NULL);
	check_spellings(NULL, &command_self);
}

static void count_name(void *arg, const struct command *c)
{
	if (!g_hash_table_add(arg, (gpointer)c->method))
		g_error("%s is there twice", c->method);
}

static void test_names(void)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
	struct command c;

	command_each(count_name, names);
	g_assert_false(command_find("bdev_get_bdev", &c));
	g_assert_cmpstr(command_nearest("bdev_get_bdev"), ==, "bdev_get_bdevs");
	g_assert_null(command_nearest("something_else_entirely"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/weftctl/table/methods", test_methods);
	g_test_add_func("/weftctl/table/aliases", test_aliases);
	g_test_add_func("/weftctl/table/commands", test_commands);
	g_test_add_func("/weftctl/table/undo", test_undo);
	g_test_add_func("/weftctl/table/spellings", test_spellings);
	g_test_add_func("/weftctl/table/names", test_names);
	return g_test_run();
}
