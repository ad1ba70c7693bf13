/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers have the shape that users' scripts rely on: replies.json holds requests
 * and replies recorded from the program they were written for. A target is set up
 * like the recorded one, a host connects, and each request is sent: the same
 * types, the same keys in the same order; errors with the same code and message.
 */
#include <string.h>

#include "target/host/host.h"
#include "target/rpc/json.h"
#include "tests/unit/rpc/rig.h"

#define NQN "nqn.2016-06.io.spdk:cnode1"

/* Arrays that are empty here where the recorded one has elements, and why. */
static const char *const may_be_empty[] = {
	"/framework_get_subsystems[]/depends_on", /* other parts stand in these places */
	NULL,
};

static void compare(const char *path, const struct jv *want, const struct jv *have);

static void compare_objects(const char *path, const struct jv *want, const struct jv *have)
{
	const struct jv *w = want->first, *h = have->first;

	for (; w && h; w = w->next, h = h->next) {
		g_autofree char *sub = g_strdup_printf("%s/%s", path, w->key);

		if (strcmp(w->key, h->key) != 0)
			g_error("%s: key \"%s\" instead of \"%s\"", path, h->key, w->key);
		compare(sub, w, h);
	}
	if (w || h)
		g_error("%s: key \"%s\" is %s", path, w ? w->key : h->key, w ? "missing" : "new");
}

/* Each element against the recorded one of its place, or the first. */
static void compare_arrays(const char *path, const struct jv *want, const struct jv *have)
{
	g_autofree char *sub = g_strdup_printf("%s[]", path);
	const struct jv *w = want->first;

	if (want->count > 0 && have->count == 0 && !g_strv_contains(may_be_empty, path))
		g_error("%s is empty", path);
	for (const struct jv *h = have->first; h && want->first; h = h->next) {
		compare(sub, w ? w : want->first, h);
		w = w ? w->next : NULL;
	}
}

static void compare(const char *path, const struct jv *want, const struct jv *have)
{
	if (want->type != have->type)
		g_error("%s: %.*s instead of %.*s", path, (int)have->raw_len, have->raw,
			(int)want->raw_len, want->raw);
	if (want->type == JV_OBJECT)
		compare_objects(path, want, have);
	else if (want->type == JV_ARRAY)
		compare_arrays(path, want, have);
}

static void compare_errors(const char *path, const struct jv *want, const struct jv *have)
{
	const struct jv *data = jv_member(have, "data");

	g_assert_nonnull(have);
	for (const struct jv *w = want->first; w; w = w->next) {
		const struct jv *h = jv_member(have, w->key);

		if (!h || h->raw_len != w->raw_len || memcmp(h->raw, w->raw, w->raw_len) != 0)
			g_error("%s: %.*s", path, (int)have->raw_len, have->raw);
	}
	/* The sentence for people. */
	g_assert_nonnull(data);
	g_assert_cmpuint(data->len, >, 10);
}

/* Flags are the program's own: only the shape {flag: bool} is given. */
static void compare_flags(const struct jv *have)
{
	g_assert_cmpint(have->type, ==, JV_OBJECT);
	for (const struct jv *v = have->first; v; v = v->next)
		g_assert_cmpint(v->type, ==, JV_BOOL);
}

static void check_one(struct rig *rig, const struct jv *recorded)
{
	const struct jv *request = jv_member(recorded, "request");
	const struct jv *reply = jv_member(recorded, "reply");
	const struct jv *error = jv_member(reply, "error");
	g_autofree char *text = g_strndup(request->raw, request->raw_len);
	g_autofree char *answer = rig_ask(rig, text);
	g_autofree char *path = g_strdup_printf("/%s", recorded->key);
	struct jv_doc *doc;
	const struct jv *have;

	g_assert_nonnull(answer);
	doc = jv_parse(answer, strlen(answer), 0, NULL);
	g_assert_nonnull(doc);
	have = jv_root(doc);
	g_assert_cmpstr(have->first->key, ==, "jsonrpc");
	g_assert_cmpstr(have->first->next->key, ==, "id");
	if (error)
		compare_errors(path, error, jv_member(have, "error"));
	else if (!jv_member(have, "result"))
		g_error("%s: %s", path, answer);
	else if (strcmp(recorded->key, "log_get_flags") == 0)
		compare_flags(jv_member(have, "result"));
	else
		compare(path, jv_member(reply, "result"), jv_member(have, "result"));
	jv_doc_unref(doc);
}

/* --- the recorded set-up --------------------------------------------------------------- */

static void do_setup(struct rig *rig)
{
	static const char *const requests[] = {
		"{\"id\":1,\"method\":\"log_set_level\",\"params\":{\"level\":\"NOTICE\"}}",
		"{\"id\":1,\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"TCP\"}}",
		"{\"id\":1,\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"Malloc0\","
		"\"num_blocks\":2048,\"block_size\":512,\"uuid\":"
		"\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"}}",
		"{\"id\":1,\"method\":\"bdev_null_create\",\"params\":{\"name\":\"Null0\","
		"\"num_blocks\":134217728,\"block_size\":512}}",
		"{\"id\":1,\"method\":\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" NQN "\","
		"\"allow_any_host\":true,\"serial_number\":\"SPDK00000000000001\"}}",
		"{\"id\":1,\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" NQN "\","
		"\"namespace\":{\"bdev_name\":\"Malloc0\"}}}",
		"{\"id\":1,\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" NQN "\","
		"\"namespace\":{\"bdev_name\":\"Null0\"}}}",
		"{\"id\":1,\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" NQN
		"\",\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"ipv4\",\"traddr\":"
		"\"127.0.0.1\",\"trsvcid\":\"4420\"}}}",
		"{\"id\":1,\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":"
		"\"discovery\",\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"ipv4\","
		"\"traddr\":\"127.0.0.1\",\"trsvcid\":\"4420\"}}}",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(requests); i++) {
		g_autofree char *answer = rig_ask(rig, requests[i]);

		if (!answer || !strstr(answer, "\"result\""))
			g_error("%s: %s", requests[i], answer);
	}
}

struct host {
	struct rig *rig;
	struct host_ctrlr *ctrlr;
	bool live, gone;
};

static void host_live(struct host_ctrlr *c, const GError *error, void *arg)
{
	struct host *host = arg;

	g_assert_no_error(error);
	host->ctrlr = c;
	host->live = true;
}

static void host_connect(struct reactor *r, void *arg)
{
	struct host_params params;
	g_autoptr(GError) error = NULL;

	host_params_default(&params);
	g_assert_true(net_addr_parse(&params.addr, "127.0.0.1", "4420", &error));
	params.subnqn = NQN;
	params.hostnqn = "nqn.2014-08.org.nvmexpress:uuid:1a1f6276-e700-4618-9a55-6724b0a344fa";
	params.hostid[0] = 1;
	params.io_queues = 2;
	g_assert_nonnull(host_ctrlr_connect(r, &params, host_live, arg, &error));
}

static bool not_live(void *arg)
{
	return !((struct host *)arg)->live;
}

static void host_gone(void *arg)
{
	((struct host *)arg)->gone = true;
}

static void host_leave(struct reactor *r, void *arg)
{
	struct host *host = arg;

	(void)r;
	host_ctrlr_disconnect(host->ctrlr, host_gone, host);
}

static bool not_gone(void *arg)
{
	return !((struct host *)arg)->gone;
}

/* What happened to the host's controller, and when: told in this order. */
static void check_notified(struct rig *rig, const char *const *types)
{
	g_autofree char *answer =
		rig_ask(rig, "{\"id\":1,\"method\":\"notify_get_notifications\"}");
	const char *at = answer;

	for (; *types; types++) {
		g_autofree char *text = g_strdup_printf(
			"{\"type\":\"%s\",\"ctx\":\"" NQN " cntlid=1 host=nqn.2014-08.org."
			"nvmexpress:uuid:1a1f6276-e700-4618-9a55-6724b0a344fa\"",
			*types);

		at = strstr(at, text);
		if (!at)
			g_error("no %s: %s", text, answer);
		g_assert_null(strstr(at + 1, text));
	}
}

static void test_shapes(void)
{
	static const char *const connected[] = { "nvmf_ctrlr_connect", NULL };
	static const char *const left[] = { "nvmf_ctrlr_connect", "nvmf_ctrlr_disconnect", NULL };
	struct rig *rig = rig_new(1, 2);
	struct host host = { .rig = rig };
	g_autofree char *path = g_test_build_filename(G_TEST_DIST, "replies.json", NULL);
	g_autofree char *text = NULL;
	gsize len;
	struct jv_doc *doc;

	g_assert_true(g_file_get_contents(path, &text, &len, NULL));
	doc = jv_parse(text, len, 0, NULL);
	g_assert_nonnull(doc);
	do_setup(rig);
	core_call(core_main(rig->clients), host_connect, &host);
	g_assert_true(world_run_while(rig->world, not_live, &host, RIG_LIMIT));
	for (const struct jv *v = jv_root(doc)->first; v; v = v->next)
		check_one(rig, v);
	check_notified(rig, connected);
	core_call(core_main(rig->clients), host_leave, &host);
	g_assert_true(world_run_while(rig->world, not_gone, &host, RIG_LIMIT));
	world_run_for(rig->world, WORLD_SEC);
	check_notified(rig, left);
	jv_doc_unref(doc);
	rig_free(rig);
}

/* --- save and load ------------------------------------------------------------------------ */

static void test_save_load(void)
{
	struct rig *one = rig_new(2, 1), *two = rig_new(3, 2);
	g_autofree char *first = NULL, *second = NULL, *error = NULL, *waited = NULL;

	do_setup(one);
	first = rig_saved(one);
	error = rig_load(two, first);
	g_assert_cmpstr(error, ==, NULL);
	second = rig_saved(two);
	g_assert_cmpstr(first, ==, second);
	waited = rig_ask(two, "{\"id\":1,\"method\":\"framework_wait_init\"}");
	g_assert_cmpstr(waited, ==, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":true}");
	rig_free(one);
	rig_free(two);
}

static void test_bad_config(void)
{
	static const struct {
		const char *text, *part;
	} cases[] = {
		{ "", "file.json: is empty" },
		{ "{\"subsystems\":[}", "not JSON" },
		{ "{}", "\"subsystems\": [...]} expected" },
		{ "{\"subsystems\":{}}", "\"subsystems\": [...]} expected" },
		{ "{\"subsystems\":[{}]}", "element 1" },
		{ "{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":{}}]}",
		  "subsystem \"bdev\": \"config\" must be an array or null" },
		{ "{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":[{}]}]}",
		  "subsystem \"bdev\", entry 1" },
		{ "{\"subsystems\":[{\"subsystem\":\"a\",\"config\":null},{\"subsystem\":\"b\","
		  "\"config\":[{\"method\":\"log_get_level\"},[{\"method\":\"nope\"}]]}]}",
		  "subsystem \"b\", entry 2 (nope): weft has no method \"nope\"" },
		{ "{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":[{\"method\":"
		  "\"log_get_level\"},{\"method\":\"bdev_null_delete\",\"params\":{\"name\":\"x\"}"
		  "}]}]}",
		  "subsystem \"bdev\", entry 2 (bdev_null_delete): No such device: there is no" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct rig *rig = rig_new(4, 1);
		g_autofree char *error = rig_load(rig, cases[i].text);

		if (!error || !strstr(error, cases[i].part))
			g_error("%s: %s", cases[i].text, error);
		rig_free(rig);
	}
}

/* --- removal under a namespace ------------------------------------------------------------------
 */

static void test_delete_in_use(void)
{
	struct rig *rig = rig_new(5, 2);
	g_autofree char *answer = NULL, *subsystem = NULL;

	do_setup(rig);
	answer = rig_ask(rig, "{\"id\":1,\"method\":\"bdev_malloc_delete\",\"params\":{\"name\":"
			      "\"Malloc0\"}}");
	g_assert_cmpstr(answer, ==, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":true}");
	subsystem = rig_ask(rig, "{\"id\":1,\"method\":\"nvmf_get_subsystems\",\"params\":{\"nqn\":"
				 "\"" NQN "\"}}");
	g_assert_null(strstr(subsystem, "Malloc0"));
	g_assert_nonnull(strstr(subsystem, "Null0"));
	rig_free(rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/shapes", test_shapes);
	g_test_add_func("/rpc/save-load", test_save_load);
	g_test_add_func("/rpc/bad-config", test_bad_config);
	g_test_add_func("/rpc/delete-in-use", test_delete_in_use);
	return g_test_run();
}
