/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls made of calls; see steps.h. */
#include "target/rpc/steps.h"

#include <string.h>

struct call {
	const char *method; /* NULL: none */
	char *params;
};

struct step {
	struct call call, undo;
};

struct rpc_steps {
	struct rpc_request *req;
	GArray *all;	/* struct step */
	guint next;	/* to run; when undoing: the one after the next to undo */
	GError *failed; /* undoing */
};

char *rpc_quote(const char *text)
{
	g_autoptr(JsonNode) node = json_node_init_string(json_node_alloc(), text);

	return json_to_string(node, FALSE);
}

static void clear_step(gpointer data)
{
	struct step *step = data;

	g_free(step->call.params);
	g_free(step->undo.params);
}

struct rpc_steps *rpc_steps_new(struct rpc_request *req)
{
	struct rpc_steps *steps = g_new0(struct rpc_steps, 1);

	steps->req = req;
	steps->all = g_array_new(FALSE, TRUE, sizeof(struct step));
	g_array_set_clear_func(steps->all, clear_step);
	return steps;
}

void rpc_steps_add(struct rpc_steps *steps, const char *method, char *params)
{
	struct step step = { .call = { method, params } };

	g_array_append_val(steps->all, step);
}

void rpc_steps_undo(struct rpc_steps *steps, const char *method, char *params)
{
	struct step *last = &g_array_index(steps->all, struct step, steps->all->len - 1);

	last->undo = (struct call){ method, params };
}

static void run(struct rpc_steps *steps);

static void called(struct rpc_request *req, JsonNode *result, const GError *error)
{
	struct rpc_steps *steps = req->owner;

	(void)result;
	if (error && !steps->failed) {
		const struct step *step = &g_array_index(steps->all, struct step, --steps->next);
		g_autofree char *message = weft_error_message(error);
		const char *detail = weft_error_detail(error);

		weft_error_set(&steps->failed, error->code, message, "%s%s%s", step->call.method,
			       detail ? ": " : " refused it", detail ? detail : "");
	}
	run(steps);
}

static void run_call(struct rpc_steps *steps, const struct call *call)
{
	g_autoptr(GError) error = NULL;
	struct jv_doc *doc = jv_parse(call->params, strlen(call->params), 0, &error);

	g_assert_no_error(error);
	rpc_call_part(steps->req->server, doc, call->method, jv_root(doc), called, steps);
	jv_doc_unref(doc);
}

static void run(struct rpc_steps *steps)
{
	while (steps->failed && steps->next > 0) {
		const struct step *step = &g_array_index(steps->all, struct step, --steps->next);

		if (step->undo.method) {
			run_call(steps, &step->undo);
			return;
		}
	}
	if (!steps->failed && steps->next < steps->all->len) {
		run_call(steps, &g_array_index(steps->all, struct step, steps->next++).call);
		return;
	}
	steps->req->server->parts--;
	rpc_done(steps->req, steps->failed);
	g_clear_error(&steps->failed);
	g_array_unref(steps->all);
	g_free(steps);
}

void rpc_steps_run(struct rpc_steps *steps)
{
	steps->req->server->parts++;
	run(steps);
}
