/* SPDX-License-Identifier: BSD-3-Clause */
/* Long answers; see pieces.h. */
#include "target/rpc/pieces.h"

#include <errno.h>

#include "target/rpc/server.h"

#define PORTION 8192 /* of text, made in one go */
#define SMALL 4096   /* chunks up to this length are put together */

/* --- text ---------------------------------------------------------------------------------- */

void rpc_text_take(struct rpc_text *text, GString *chunk)
{
	GString *last = g_queue_peek_tail(&text->chunks);

	text->len += chunk->len;
	if (chunk->len > 0 && (!last || last->len + chunk->len > SMALL)) {
		g_queue_push_tail(&text->chunks, chunk);
		return;
	}
	if (chunk->len > 0)
		g_string_append_len(last, chunk->str, (gssize)chunk->len);
	g_string_free(chunk, TRUE);
}

void rpc_text_append(struct rpc_text *text, const char *s, size_t len)
{
	rpc_text_take(text, g_string_new_len(s, (gssize)len));
}

void rpc_text_move(struct rpc_text *to, struct rpc_text *from)
{
	GString *chunk;

	while ((chunk = g_queue_pop_head(&from->chunks)) != NULL)
		rpc_text_take(to, chunk);
	from->len = 0;
}

void rpc_text_drop_first(struct rpc_text *text)
{
	GString *chunk = g_queue_pop_head(&text->chunks);

	text->len -= chunk->len;
	g_string_free(chunk, TRUE);
}

void rpc_text_clear(struct rpc_text *text)
{
	while (text->len > 0)
		rpc_text_drop_first(text);
}

/* --- helpers of makers --------------------------------------------------------------------- */

static void append_node(GString *out, JsonNode *node, bool comma)
{
	g_autofree char *text = json_to_string(node, FALSE);

	if (comma)
		g_string_append_c(out, ',');
	g_string_append(out, text);
}

void rpc_append_object(GString *out, JsonObject *object, bool comma)
{
	g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);

	json_node_take_object(node, object);
	append_node(out, node, comma);
}

bool rpc_append_elements(GString *out, JsonArray *array, bool comma)
{
	guint n = json_array_get_length(array);

	for (guint i = 0; i < n; i++)
		append_node(out, json_array_get_element(array, i), comma || i > 0);
	json_array_unref(array);
	return n > 0;
}

/* --- one after the other ------------------------------------------------------------------- */

static void pieces_end(struct rpc_request *req)
{
	req->pieces->free(g_steal_pointer(&req->pieces));
}

/* False: that was all, or it is too long, which whoever sends it says. */
static bool make_portion(struct rpc_request *req)
{
	GString *out = g_string_sized_new(PORTION + PORTION / 2);
	bool more;

	do {
		more = req->pieces->more(req->pieces, out);
	} while (more && out->len < PORTION);
	rpc_text_take(&req->text, out);
	if (more && req->text.len <= RPC_MAX_RESPONSE)
		return true;
	pieces_end(req);
	return false;
}

static void next_portion(struct timer *timer, struct reactor *r)
{
	struct rpc_server *server =
		(struct rpc_server *)((char *)timer - offsetof(struct rpc_server, pieces_timer));
	struct rpc_request *req = g_queue_peek_head(&server->pieces);
	uint64_t begun = hw_now(r->hw), end;

	if (!make_portion(req)) {
		g_queue_pop_head(&server->pieces);
		rpc_reply_text(req);
	}
	end = hw_now(r->hw);
	if (!g_queue_is_empty(&server->pieces))
		reactor_timer_set(r, timer, end + (end - begun));
}

void rpc_reply_pieces(struct rpc_request *req, struct rpc_pieces *pieces)
{
	struct rpc_server *server = req->server;
	struct reactor *r = server->reactor;

	req->pieces = pieces;
	if (server->stopping) {
		pieces_end(req);
		rpc_fail_with(req, -ESHUTDOWN, NULL, "weftd is shutting down");
		return;
	}
	if (!make_portion(req)) {
		rpc_reply_text(req);
		return;
	}
	g_queue_push_tail(&server->pieces, req);
	if (server->pieces.length == 1) {
		server->pieces_timer.fn = next_portion;
		reactor_timer_set(r, &server->pieces_timer, r->now);
	}
}

void rpc_pieces_stop(struct rpc_server *server)
{
	struct rpc_request *req;

	reactor_timer_cancel(server->reactor, &server->pieces_timer);
	while ((req = g_queue_pop_head(&server->pieces)) != NULL) {
		pieces_end(req);
		rpc_fail_with(req, -ESHUTDOWN, NULL, "weftd is shutting down");
	}
}
