/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every parameter of every method, made from the tables themselves: what is missing,
 * of a wrong type, out of range, given twice, unknown, too long or no text at all is
 * refused over the wire with -32602 and a sentence that names the key (-32700 when it
 * is not JSON), and changes nothing; what is just in range decodes.
 */
#include <string.h>

#include "tests/unit/rpc/rig.h"
#include "target/rpc/rpc.h"

#define NQN "nqn.2016-06.io.spdk:cnode1"

/* One parameter: of the method (outer NULL), or of an object that is one. */
struct spot {
	struct rig *rig;
	struct client *client;
	const struct rpc_method *method;
	const struct rpc_param *outer, *param;
	unsigned cases;
};

/* --- values ------------------------------------------------------------------------------ */

static char *object_with(const struct rpc_param *table, const struct rpc_param *one,
			 const char *value);

static uint64_t max_of(const struct rpc_param *p)
{
	static const uint64_t largest[] = {
		[RPC_U8] = 0xff,	[RPC_U16] = 0xffff,	[RPC_U32] = 0xffffffff,
		[RPC_U64] = UINT64_MAX, [RPC_I32] = 0x7fffffff,
	};

	return p->max ? p->max : largest[p->type];
}

static bool is_number(const struct rpc_param *p)
{
	return p->type == RPC_U8 || p->type == RPC_U16 || p->type == RPC_U32 ||
	       p->type == RPC_U64 || p->type == RPC_I32;
}

/* A value of the right type and range, as JSON. */
static char *sample(const struct rpc_param *p)
{
	switch (p->type) {
	case RPC_STR: {
		g_autofree char *text = g_strnfill(MAX(p->min, 1), 'x');

		return g_strdup_printf("\"%s\"", text);
	}
	case RPC_BOOL:
		return g_strdup(p->def ? "true" : "false");
	case RPC_ENUM:
		return g_strdup_printf("\"%s\"", p->values[p->def]);
	case RPC_FLAGS:
		return g_strdup_printf("[\"%s\"]", p->values[0]);
	case RPC_UUID:
		return g_strdup("\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"");
	case RPC_HEX:
		return g_strdup_printf("\"%0*d\"", (int)p->max * 2, 1);
	case RPC_OBJECT:
		return object_with(p->sub, NULL, NULL);
	case RPC_STRS:
	case RPC_ARRAY:
		return g_strdup("[\"x\"]");
	default:
		return g_strdup_printf("%" G_GUINT64_FORMAT,
				       p->flags & RPC_FIXED ? p->def : p->min);
	}
}

/* All that is required, and value (NULL: nothing) for one. */
static char *object_with(const struct rpc_param *table, const struct rpc_param *one,
			 const char *value)
{
	GString *s = g_string_new("{");

	for (const struct rpc_param *p = table; p && p->name; p++) {
		g_autofree char *v = p == one ? g_strdup(value) : sample(p);

		if (v && (p == one || (p->flags & RPC_REQUIRED)))
			g_string_append_printf(s, "%s\"%s\":%s", s->len > 1 ? "," : "", p->name, v);
	}
	g_string_append_c(s, '}');
	return g_string_free(s, FALSE);
}

/* The params of the method with value at the spot; extra: more members beside it. */
static char *params_text(const struct spot *at, const char *value, const char *extra)
{
	g_autofree char *inner =
		object_with(at->outer ? at->outer->sub : at->method->params, at->param, value);

	if (extra) {
		g_autofree char *plain = g_steal_pointer(&inner);
		bool empty = strcmp(plain, "{}") == 0;

		plain[strlen(plain) - 1] = '\0';
		inner = g_strdup_printf("%s%s%s}", plain, empty ? "" : ",", extra);
	}
	return at->outer ? object_with(at->method->params, at->outer, inner)
			 : g_steal_pointer(&inner);
}

/* --- judgement ----------------------------------------------------------------------------- */

/* Refused, with a sentence in which says stands. */
static void refused(struct spot *at, const char *params, const char *says)
{
	g_autofree char *request =
		g_strdup_printf("{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"%s\",\"params\":%s}",
				++at->cases, at->method->name, params);
	g_autofree char *answer = NULL;
	struct jv_doc *doc;
	const struct jv *error, *data;

	client_send(at->client, request);
	answer = client_answer(at->client);
	g_assert_nonnull(answer);
	doc = jv_parse(answer, strlen(answer), 0, NULL);
	g_assert_nonnull(doc);
	error = jv_member(jv_root(doc), "error");
	data = jv_member(error, "data");
	if (!strstr(answer, "\"error\":{\"code\":-32602,\"message\":\"Invalid parameters\"") ||
	    !data || !strstr(data->str, says))
		g_error("%.300s -> %.600s: no \"%s\"", request, answer, says);
	jv_doc_unref(doc);
}

static char *key_of(const struct spot *at, const char *name)
{
	return g_strdup_printf("\"%s%s%s\"", at->outer ? at->outer->name : "", at->outer ? "." : "",
			       name);
}

static void bad(struct spot *at, const char *value)
{
	g_autofree char *params = params_text(at, value, NULL);
	g_autofree char *key = key_of(at, at->param->name);

	refused(at, params, key);
}

static void good(const struct spot *at, const char *value)
{
	g_autofree char *text = params_text(at, value, NULL);
	g_autofree void *base = g_malloc0(MAX(at->method->params_size, 1));
	g_autoptr(GError) error = NULL;
	struct jv_doc *doc = jv_parse(text, strlen(text), 0, NULL);

	g_assert_nonnull(doc);
	rpc_decode(at->method->name, at->method->params, at->method->relaxed, jv_root(doc), base,
		   &error);
	if (error)
		g_error("%s %s: %s", at->method->name, text, error->message);
	jv_doc_unref(doc);
}

/* Not JSON: answered, and the connection ends. */
static void unreadable(struct spot *at, const char *value)
{
	g_autofree char *params = params_text(at, value, NULL);
	g_autofree char *request = g_strdup_printf("{\"id\":1,\"method\":\"%s\",\"params\":%s}",
						   at->method->name, params);
	struct client *c = client_open(at->rig);
	g_autofree char *answer = NULL;

	client_send(c, request);
	answer = client_answer(c);
	g_assert_nonnull(answer);
	if (!strstr(answer, "\"id\":null,\"error\":{\"code\":-32700,"))
		g_error("%.300s -> %s", request, answer);
	g_assert_true(client_closed(c));
	client_free(c);
	at->cases++;
}

/* --- cases ---------------------------------------------------------------------------------- */

static void try_numbers(struct spot *at)
{
	const struct rpc_param *p = at->param;
	uint64_t max = max_of(p), in = p->flags & RPC_FIXED ? p->def : p->min;
	g_autofree char *least = g_strdup_printf("%" G_GUINT64_FORMAT, in);
	g_autofree char *point = g_strdup_printf("%s.0", least);
	g_autofree char *exponent = g_strdup_printf("%s.0E+0", least);
	g_autofree char *most = g_strdup_printf("%" G_GUINT64_FORMAT, max);
	g_autofree char *text = g_strdup_printf("\"%s\"", least);

	good(at, least);
	good(at, point);
	good(at, exponent);
	if (in == 0)
		good(at, "-0");
	if (!(p->flags & RPC_FIXED) || p->def == max)
		good(at, most);
	bad(at, text);
	bad(at, "0.5");
	bad(at, "1e400");
	bad(at, "18446744073709551616");
	if (p->type == RPC_I32) {
		bad(at, "-2147483649");
		bad(at, "2147483648");
	} else {
		bad(at, "-1");
	}
	if (max < UINT64_MAX) {
		g_autofree char *above = g_strdup_printf("%" G_GUINT64_FORMAT, max + 1);

		bad(at, above);
	}
	if (p->min > 0) {
		g_autofree char *below = g_strdup_printf("%" G_GUINT64_FORMAT, p->min - 1);

		bad(at, below);
	}
}

static void try_strings(struct spot *at)
{
	const struct rpc_param *p = at->param;
	size_t max = p->max ? p->max : 1024;
	g_autofree char *fill = g_strnfill(max + 1, 'x');
	g_autofree char *above = g_strdup_printf("\"%s\"", fill);
	g_autofree char *most = g_strdup_printf("\"%s\"", fill + 1);

	good(at, most);
	bad(at, above);
	bad(at, "\"\\u0000\"");
	bad(at, "\"x\\u0000\"");
	unreadable(at, "\"\xff\"");
	unreadable(at, "\"\\ud800\"");
	if (p->min > 0)
		bad(at, "\"\"");
}

static void try_texts(struct spot *at)
{
	const struct rpc_param *p = at->param;

	if (p->type == RPC_ENUM) {
		g_autofree char *other = g_strdup_printf("\"%sz\"", p->values[0]);

		bad(at, other);
	} else if (p->type == RPC_FLAGS) {
		good(at, "[]");
		bad(at, "[\"zzzzzz\"]");
		bad(at, "[1]");
	} else if (p->type == RPC_UUID || p->type == RPC_HEX) {
		bad(at, "\"\"");
		bad(at, "\"g5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"");
	} else if (p->type == RPC_STRS) {
		good(at, "[]");
		bad(at, "[1]");
		bad(at, "[\"\\u0000\"]");
	}
	if (p->type == RPC_STRS || p->type == RPC_ARRAY) {
		GString *s = g_string_new("[\"x\"");

		for (uint64_t i = 0; i < p->max; i++)
			g_string_append(s, ",\"x\"");
		g_string_append_c(s, ']');
		bad(at, s->str);
		g_string_free(s, TRUE);
	}
}

/* Of every type, those that are not the parameter's. */
static void try_types(struct spot *at)
{
	const struct rpc_param *p = at->param;
	bool array = p->type == RPC_FLAGS || p->type == RPC_STRS || p->type == RPC_ARRAY;
	g_autofree char *open = g_strnfill(50, '['), *close = g_strnfill(50, ']');
	g_autofree char *deep = g_strconcat(open, close, NULL);
	g_autofree char *bomb = g_strnfill(1000, '[');

	bad(at, "null");
	if (p->type != RPC_BOOL)
		bad(at, "true");
	if (!is_number(p))
		bad(at, "1");
	if (p->type != RPC_STR)
		bad(at, "\"zzzzzz\"");
	if (p->type != RPC_OBJECT) {
		bad(at, "{}");
		bad(at, "{\"zzz\":1}");
	}
	if (!array)
		bad(at, "[]");
	if (p->type != RPC_ARRAY)
		bad(at, deep);
	unreadable(at, bomb);
}

static void try_keys(struct spot *at)
{
	const struct rpc_param *p = at->param;
	g_autofree char *value = sample(p);
	g_autofree char *again = g_strdup_printf("\"%s\":%s", p->old ? p->old : p->name, value);
	g_autofree char *twice = params_text(at, value, again);
	g_autofree char *other = g_strdup_printf("%sz", p->name);
	g_autofree char *unknown_member = g_strdup_printf("\"%s\":1", other);
	g_autofree char *unknown = params_text(at, value, unknown_member);
	g_autofree char *key = key_of(at, p->name), *unknown_key = key_of(at, other);

	good(at, value);
	refused(at, twice, key);
	refused(at, twice, "given twice");
	if (p->flags & RPC_REQUIRED)
		bad(at, NULL);
	else
		good(at, NULL);
	if (at->method->relaxed && !at->outer)
		return;
	refused(at, unknown, unknown_key);
	refused(at, unknown, "Did you mean \"");
}

static void try_param(struct spot *at)
{
	try_keys(at);
	try_types(at);
	if (is_number(at->param))
		try_numbers(at);
	else if (at->param->type == RPC_STR)
		try_strings(at);
	else
		try_texts(at);
}

static unsigned try_method(struct rig *rig, struct client *client, const struct rpc_method *m)
{
	struct spot at = { .rig = rig, .client = client, .method = m };
	g_autofree char *before = rig_saved(rig), *after = NULL;

	for (const struct rpc_param *p = m->params; p && p->name; p++) {
		at.outer = NULL;
		at.param = p;
		try_param(&at);
		if (p->type != RPC_OBJECT)
			continue;
		at.outer = p;
		for (at.param = p->sub; at.param->name; at.param++)
			try_param(&at);
	}
	at.outer = at.param = NULL;
	if (!m->relaxed)
		refused(&at, "{\"zzzzzzzz\":1}", "\"zzzzzzzz\" is not a parameter");
	refused(&at, "[1]", "as an object");
	after = rig_saved(rig);
	g_assert_cmpstr(after, ==, before);
	return at.cases;
}

static unsigned try_tables(struct rig *rig, const struct rpc_method *const *table, unsigned states,
			   unsigned without)
{
	struct client *client = client_open(rig);
	unsigned cases = 0;

	for (; *table; table++)
		for (const struct rpc_method *m = *table; m->name; m++)
			if ((m->states & states) && !(m->states & without))
				cases += try_method(rig, client, m);
	client_free(client);
	return cases;
}

/* Something to lose. */
static void fill(struct rig *rig)
{
	static const char *const calls[] = {
		"\"bdev_malloc_create\",\"params\":{\"name\":\"x\",\"num_blocks\":64,"
		"\"block_size\":512}",
		"\"nvmf_create_transport\",\"params\":{\"trtype\":\"TCP\"}",
		"\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" NQN "\"}",
		"\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" NQN "\",\"namespace\":{"
		"\"bdev_name\":\"x\"}}",
		"\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" NQN "\","
		"\"listen_address\":{\"trtype\":\"TCP\",\"traddr\":\"0.0.0.0\","
		"\"trsvcid\":\"4420\"}}",
		"\"nvmf_subsystem_add_host\",\"params\":{\"nqn\":\"" NQN
		"\",\"host\":\"nqn.2016-06.io.spdk:x\"}",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(calls); i++) {
		g_autofree char *request = g_strdup_printf("{\"id\":1,\"method\":%s}", calls[i]);
		g_autofree char *answer = rig_ask(rig, request);

		if (!strstr(answer, "\"result\""))
			g_error("%s: %s", request, answer);
	}
}

static void test_runtime(void)
{
	struct rig *rig = rig_new(1, 1);
	unsigned cases;

	fill(rig);
	cases = try_tables(rig, rpc_method_tables, RPC_RUNTIME, 0);
	cases += try_tables(rig, rpc_old_method_tables, RPC_RUNTIME, 0);
	g_test_message("%u bad calls", cases);
	g_assert_cmpuint(cases, >, 3000);
	rig_free(rig);
}

/* Those that can be called only before framework_start_init. */
static void test_startup(void)
{
	struct rig *rig = rig_new_waiting(1, 1);
	unsigned cases = try_tables(rig, rpc_method_tables, RPC_STARTUP, RPC_RUNTIME);

	cases += try_tables(rig, rpc_old_method_tables, RPC_STARTUP, RPC_RUNTIME);
	g_assert_cmpuint(cases, >, 100);
	rig_free(rig);
}

/* Which methods ignore unknown keys is the specification's choice. */
static void test_relaxed(void)
{
	static const char *const relaxed[] = { "nvmf_create_transport",
					       "nvmf_subsystem_add_listener",
					       "nvmf_subsystem_add_ns", "nvmf_subsystem_add_host",
					       NULL };

	for (const struct rpc_method *const *table = rpc_method_tables; *table; table++)
		for (const struct rpc_method *m = *table; m->name; m++)
			g_assert_true(m->relaxed == g_strv_contains(relaxed, m->name));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/params/runtime", test_runtime);
	g_test_add_func("/rpc/params/startup", test_startup);
	g_test_add_func("/rpc/params/relaxed", test_relaxed);
	return g_test_run();
}
