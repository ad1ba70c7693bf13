/* SPDX-License-Identifier: BSD-3-Clause */
/* Signals, waiting, and calls that do not stop what is going on. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "target/core/error.h"
#include "tools/weftctl/live.h"

static volatile sig_atomic_t ended, resized;
/* What is blocked but for when live_wait() waits: so none is missed. */
static sigset_t outside;

static void on_signal(int signal_number)
{
	if (signal_number == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

void live_signals(void)
{
	static const int all[] = { SIGINT, SIGTERM, SIGHUP, SIGWINCH };
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t blocked;

	sigemptyset(&blocked);
	for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
		sigaddset(&blocked, all[i]);
		sigaction(all[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, &outside);
	for (unsigned i = 0; i < G_N_ELEMENTS(all); i++)
		sigdelset(&outside, all[i]);
}

bool live_ended(void)
{
	return ended;
}

bool live_resized(void)
{
	bool was = resized;

	resized = 0;
	return was;
}

bool live_wait(const struct live *l, int key_fd, gint64 until_us)
{
	int fd = l->id && l->ctl->conn ? conn_fd(l->ctl->conn) : -1;
	struct pollfd pfds[] = { { .fd = key_fd, .events = POLLIN },
				 { .fd = fd, .events = POLLIN } };
	gint64 left = MAX(until_us - g_get_monotonic_time(), 0);
	struct timespec time = { left / G_USEC_PER_SEC, left % G_USEC_PER_SEC * 1000 };

	ppoll(pfds, G_N_ELEMENTS(pfds), &time, &outside);
	/* a terminal that has hung up can be read for ever, and has nothing */
	return !(pfds[0].revents & (POLLERR | POLLHUP | POLLNVAL));
}

void live_drop(struct live *l)
{
	conn_close(g_steal_pointer(&l->ctl->conn));
	l->id = 0;
}

bool live_send(struct live *l, const char *method, const char *params, GError **error)
{
	l->id = ctl_send(l->ctl, method, params, error);
	l->sent_us = g_get_monotonic_time();
	if (!l->id)
		live_drop(l);
	return l->id != 0;
}

struct jv_doc *live_receive(struct live *l, GError **error)
{
	const double shortly = 0.001;
	GError *problem = NULL;
	struct jv_doc *doc;

	if (!l->id)
		return NULL;
	doc = conn_receive(l->ctl->conn, shortly, &problem);
	if (doc)
		l->id = 0;
	else if (problem->code == -ETIMEDOUT && problem->domain == WEFT_ERROR &&
		 g_get_monotonic_time() - l->sent_us < l->ctl->timeout * G_USEC_PER_SEC)
		g_clear_error(&problem);
	else
		live_drop(l);
	if (problem)
		g_propagate_error(error, problem);
	return doc;
}

struct jv_doc *live_call(struct live *l, const char *method, const char *params, GError **error)
{
	GError *problem = NULL;
	struct jv_doc *doc = NULL;

	if (!live_send(l, method, params, error))
		return NULL;
	while (!doc && !problem && !live_ended()) {
		live_wait(l, -1, l->sent_us + (gint64)(l->ctl->timeout * G_USEC_PER_SEC));
		doc = live_receive(l, &problem);
	}
	if (problem)
		g_propagate_error(error, problem);
	return doc;
}

guint64 live_number(const struct jv *object, const char *key)
{
	const struct jv *v = object ? jv_member(object, key) : NULL;
	guint64 n = 0;
	bool negative;

	if (!v || v->type != JV_NUMBER || jv_integer(v, &negative, &n) != JV_INT_OK || negative)
		return 0;
	return n;
}

const char *live_text(const struct jv *object, const char *key)
{
	const struct jv *v = object ? jv_member(object, key) : NULL;

	return v && v->type == JV_STRING ? v->str : "";
}
