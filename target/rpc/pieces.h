/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Long answers, made in pieces: however long one becomes, the reactor, which has I/O
 * to do, is never held longer than a portion of it takes. What an answer shows is each
 * thing as it is when it is its turn; what goes meanwhile may be missing, what comes
 * may be too.
 *
 * The first portion is made at once. If that was not all, the request waits for its
 * turn: one long answer is made at a time, so that the memory they need together has a
 * bound, and as much time as a portion took is left to others before the next one.
 */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stddef.h>

/* Text in chunks: moved without being copied, freed as it is sent. All zero: empty. */
struct rpc_text {
	GQueue chunks; /* GString, none of them empty */
	size_t len;
};

void rpc_text_append(struct rpc_text *text, const char *s, size_t len);
/* chunk is taken. */
void rpc_text_take(struct rpc_text *text, GString *chunk);
/* from is empty then. */
void rpc_text_move(struct rpc_text *to, struct rpc_text *from);
void rpc_text_drop_first(struct rpc_text *text);
void rpc_text_clear(struct rpc_text *text);

struct rpc_request;
struct rpc_server;

/* A JSON value that is made in pieces; the beginning of a maker's own structure. */
struct rpc_pieces {
	/* Appends the next piece, a few KiB at most. False: that was the last. */
	bool (*more)(struct rpc_pieces *pieces, GString *out);
	void (*free)(struct rpc_pieces *pieces);
};

/* Answers req; takes pieces, which may use req until they are freed. */
void rpc_reply_pieces(struct rpc_request *req, struct rpc_pieces *pieces);
/* The server ends: what waits for its turn fails. */
void rpc_pieces_stop(struct rpc_server *server);

/* Helpers of makers. A comma before it unless it follows a bracket. The value is taken. */
void rpc_append_object(GString *out, JsonObject *object, bool comma);
/* Elements of array, without its brackets. True: there were some. */
bool rpc_append_elements(GString *out, JsonArray *array, bool comma);
