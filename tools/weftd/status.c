/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the service manager shows: kept true while weftd runs. Only a change sends
 * anything, and a rush of changes no more than one notice each PAUSE_MS; when
 * nothing changes, nothing wakes up.
 */
#include "tools/weftd/weftd.h"

#include <string.h>

#define PAUSE_MS 2000

char *weftd_status_text(const struct weftd_status *s)
{
	if (s->problem)
		return g_strdup_printf("Serving, but %s", s->problem);
	return g_strdup_printf("Serving %u subsystem%s, %u controller%s connected, RPC on %s",
			       s->subsystems, s->subsystems == 1 ? "" : "s", s->ctrlrs,
			       s->ctrlrs == 1 ? "" : "s", s->rpc_path);
}

static void show(struct weftd_status *s)
{
	g_autofree char *text = weftd_status_text(s);
	g_autofree char *state = NULL;

	if (g_strcmp0(text, s->shown) == 0)
		return;
	state = g_strdup_printf("STATUS=%s", text);
	weftd_notify(state);
	g_free(s->shown);
	s->shown = g_steal_pointer(&text);
}

static gboolean paused_enough(void *user)
{
	struct weftd_status *s = user;

	s->timeout = 0;
	if (s->changed)
		weftd_status_changed(s);
	return G_SOURCE_REMOVE;
}

void weftd_status_changed(struct weftd_status *s)
{
	s->changed = true;
	if (!s->serving || s->timeout)
		return;
	s->changed = false;
	show(s);
	s->timeout = g_timeout_add(PAUSE_MS, paused_enough, s);
}

void weftd_status_problem(struct weftd_status *s, const char *problem)
{
	g_free(s->problem);
	s->problem = g_strdup(problem);
	weftd_status_changed(s);
}

void weftd_status_count(struct weftd_status *s, const char *type)
{
	if (strcmp(type, "nvmf_subsystem_add") == 0)
		s->subsystems++;
	else if (strcmp(type, "nvmf_subsystem_remove") == 0)
		s->subsystems--;
	else if (strcmp(type, "nvmf_ctrlr_connect") == 0)
		s->ctrlrs++;
	else if (strcmp(type, "nvmf_ctrlr_disconnect") == 0)
		s->ctrlrs--;
	else
		return;
	weftd_status_changed(s);
}

void weftd_status_ready(struct weftd_status *s, int pid)
{
	g_autofree char *text = weftd_status_text(s);
	g_autofree char *state = g_strdup_printf("READY=1\nSTATUS=%s\nMAINPID=%d", text, pid);

	weftd_notify(state);
	s->serving = true;
	s->shown = g_steal_pointer(&text);
}

void weftd_status_end(struct weftd_status *s)
{
	s->serving = false;
	if (s->timeout)
		g_source_remove(s->timeout);
	s->timeout = 0;
	weftd_notify("STOPPING=1\nSTATUS=Ending");
}

void weftd_status_clear(struct weftd_status *s)
{
	if (s->timeout)
		g_source_remove(s->timeout);
	g_free(s->problem);
	g_free(s->shown);
}
