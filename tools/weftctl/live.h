/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What top and watch share: they ask the same again and again, look at keys and
 * signals while an answer is on its way, and come back when the target does.
 */
#pragma once

#include "tools/weftctl/weftctl.h"

struct live {
	struct ctl *ctl;
	unsigned id;	/* of the call under way; 0: none */
	gint64 sent_us; /* when it was sent */
};

/* SIGINT, SIGTERM and SIGHUP only end live_wait() from now on, SIGWINCH too. */
void live_signals(void);
/* One of the first three came. */
bool live_ended(void);
/* SIGWINCH came since this was asked last. */
bool live_resized(void);

/*
 * Waits until key_fd (-1: none) can be read, something comes of the call under way, a
 * signal, or that time (g_get_monotonic_time). False: key_fd has been closed.
 */
bool live_wait(const struct live *l, int key_fd, gint64 until_us);

/* Sends a call; false and error: there is no target (any more). Signals end connecting too. */
bool live_send(struct live *l, const char *method, const char *params, GError **error);
/*
 * The response, if all of it is there. NULL without error: not yet. NULL and error:
 * there will be none, and the connection is closed.
 */
struct jv_doc *live_receive(struct live *l, GError **error);
/* The two, and waiting between them; NULL without error: a signal ended it. */
struct jv_doc *live_call(struct live *l, const char *method, const char *params, GError **error);
/* Forgets the connection. */
void live_drop(struct live *l);

/* The number in object[key]; 0: none. */
guint64 live_number(const struct jv *object, const char *key);
/* The string there; "": none. */
const char *live_text(const struct jv *object, const char *key);
