/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/integration/config/box.h"

#include <string.h>

#include "target/rpc/json.h"
#include "target/rpc/server.h"

struct box *box_new(uint64_t seed, bool keeps)
{
	struct box *box = g_new0(struct box, 1);

	box->world = world_new(seed);
	box->node = world_node_new(box->world, "box");
	world_node_add_addr(box->node, "192.0.2.1");
	world_node_add_addr(box->node, "192.0.2.2");
	world_node_add_addr(box->node, "2001:db8::1");
	box->keeps = keeps;
	return box;
}

void box_free(struct box *box)
{
	g_autofree char *leaks = NULL;

	box_stop(box);
	leaks = world_leaks(box->world);
	g_assert_null(leaks);
	world_free(box->world);
	g_free(box->error);
	g_free(box->trouble);
	g_free(box);
}

/* --- start and end ----------------------------------------------------------------------- */

static void on_trouble(void *arg, const char *problem)
{
	struct box *box = arg;

	g_free(box->trouble);
	box->trouble = g_strdup(problem);
	box->troubles += problem != NULL;
}

static void on_loaded(void *arg, const GError *error)
{
	struct box *box = arg;

	box->done = true;
	g_clear_pointer(&box->error, g_free);
	if (error)
		box->error = g_strdup(weft_error_detail(error));
}

bool box_loaded(const struct box *box)
{
	return box->done;
}

static bool not_done(void *arg)
{
	return !((struct box *)arg)->done;
}

void box_boot(struct box *box, const char *seed, bool wait)
{
	struct target_options options = {
		.core = { .nreactors = 2, .trace_records = 64 },
		.state_path = box->keeps ? BOX_STATE : NULL,
		.state_trouble = on_trouble,
		.state_arg = box,
	};
	g_autoptr(GError) error = NULL;

	if (!world_node_is_up(box->node))
		world_node_boot(box->node);
	box->target = target_new(world_node_hw(box->node), &options, &error);
	g_assert_no_error(error);
	box->done = !seed && !box->keeps;
	if (!box->done)
		target_load_config(box->target, "seed.json", seed, seed ? strlen(seed) : 0,
				   on_loaded, box);
	if (wait)
		g_assert_true(world_run_while(box->world, not_done, box, BOX_LIMIT));
}

static void on_stopped(void *arg)
{
	*(bool *)arg = true;
}

static bool not_stopped(void *arg)
{
	return !*(bool *)arg;
}

void box_stop(struct box *box)
{
	bool stopped = false;

	if (!box->target)
		return;
	target_shutdown(box->target, on_stopped, &stopped);
	g_assert_true(world_run_while(box->world, not_stopped, &stopped, BOX_LIMIT));
	target_free(box->target);
	box->target = NULL;
}

void box_crash(struct box *box)
{
	box->node = world_node_crash(box->node);
	/* What is left of it is taken apart, cut off from everything. */
	box_stop(box);
}

/* --- calls ------------------------------------------------------------------------------- */

/* A long answer is text in chunks. */
static char *text_of(const struct rpc_request *req)
{
	GString *all = g_string_new(NULL);

	for (const GList *l = req->text.chunks.head; l; l = l->next)
		g_string_append(all, ((const GString *)l->data)->str);
	return g_string_free(all, FALSE);
}

static void called(struct rpc_request *req, JsonNode *result, const GError *error)
{
	struct box_call *call = req->owner;

	call->done = true;
	if (error)
		call->error = g_strdup(error->message);
	else
		call->result = result ? json_to_string(result, FALSE) : text_of(req);
}

void box_begin(struct box *box, struct box_call *call, const char *method, const char *params)
{
	struct jv_doc *doc = params ? jv_parse(params, strlen(params), 0, NULL) : NULL;

	g_assert_true(doc || !params);
	*call = (struct box_call){ 0 };
	rpc_call(box->target->rpc, doc, method, doc ? jv_root(doc) : NULL, called, call);
	jv_doc_unref(doc);
}

void box_call_clear(struct box_call *call)
{
	g_clear_pointer(&call->error, g_free);
	g_clear_pointer(&call->result, g_free);
}

static bool not_called(void *arg)
{
	return !((struct box_call *)arg)->done;
}

char *box_call(struct box *box, const char *method, const char *params)
{
	struct box_call call;
	char *error;

	box_begin(box, &call, method, params);
	g_assert_true(world_run_while(box->world, not_called, &call, BOX_LIMIT));
	error = g_steal_pointer(&call.error);
	box_call_clear(&call);
	return error;
}

char *box_must(struct box *box, const char *method, const char *params)
{
	struct box_call call;

	box_begin(box, &call, method, params);
	g_assert_true(world_run_while(box->world, not_called, &call, BOX_LIMIT));
	if (call.error)
		g_error("%s %s: %s", method, params ? params : "", call.error);
	return g_steal_pointer(&call.result);
}

char *box_text(struct box *box)
{
	return rpc_config_text(box->target->rpc);
}

char *box_kept(struct box *box)
{
	size_t len;
	const char *text = world_text_get(box->node, BOX_STATE, &len);

	return text ? g_strndup(text, len) : NULL;
}
