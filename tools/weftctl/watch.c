/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weftctl watch: what notify_get_notifications has, as it comes. The target gives
 * events a number and no time; the time here is that of seeing it, at most PERIOD_US
 * after it happened. What happened before watching began has none.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/weftctl/watch.h"

#define PERIOD_US 100000
#define RETRY_US 250000

struct watch {
	struct live live;
	bool json, follow;
	guint64 next;	 /* the event to ask for */
	bool seen;	 /* next is of a target that has been watched */
	guint64 started; /* when the target was, by its clock */
	guint64 from;	 /* events before this one are from before watching */
};

/* --- one event ----------------------------------------------------------------------------------
 */

static const struct {
	const char *type, *format; /* {key}: a value of ctx; {}: all of it */
} sentences[] = {
	{ "bdev_register", "bdev {} was made" },
	{ "bdev_unregister", "bdev {} was removed" },
	{ "bdev_resize", "bdev {} has another size" },
	{ "nvmf_subsystem_add", "subsystem {nqn} was made" },
	{ "nvmf_subsystem_remove", "subsystem {nqn} was removed" },
	{ "nvmf_ns_add", "namespace {nsid} (bdev {bdev}) was added to {nqn}" },
	{ "nvmf_ns_remove", "namespace {nsid} (bdev {bdev}) was removed from {nqn}" },
	{ "nvmf_ns_write_protect",
	  "the write protection of namespace {nsid} of {nqn} is now {on}" },
	{ "nvmf_listener_add", "{nqn} is offered at {trtype} {traddr} port {trsvcid}" },
	{ "nvmf_listener_remove",
	  "{nqn} is no longer offered at {trtype} {traddr} port {trsvcid}" },
	{ "nvmf_host_add", "host {host} may connect to {nqn}" },
	{ "nvmf_host_remove", "host {host} may no longer connect to {nqn}" },
	{ "nvmf_ctrlr_connect", "host {host} connected to {nqn} (controller {cntlid})" },
	{ "nvmf_ctrlr_disconnect",
	  "host {host} is no longer connected to {nqn} (controller {cntlid})" },
};

/* The keys of ctx; what follows the last one is all of its value. */
static const char *const keys[] = { "tgt",     "nsid",	"bdev",	 "on",	   "trtype", "traddr",
				    "trsvcid", "group", "state", "cntlid", "host" };

/* Where the next " key=" begins, or the end. Names may hold blanks: only known keys count. */
static const char *next_key(const char *s)
{
	for (s = strchr(s, ' '); s; s = strchr(s + 1, ' '))
		for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
			if (g_str_has_prefix(s + 1, keys[i]) && s[1 + strlen(keys[i])] == '=')
				return s;
	return NULL;
}

static char *value_of(const char *ctx, const char *key, gsize n)
{
	const char *s = next_key(ctx), *end;

	if (n == 0)
		return g_strdup(ctx);
	if (n == 3 && strncmp(key, "nqn", n) == 0)
		return s ? g_strndup(ctx, (gsize)(s - ctx)) : g_strdup(ctx);
	for (; s; s = next_key(s + 1)) {
		const char *value = strchr(s + 1, '=') + 1;

		if ((gsize)(value - s) != n + 2 || strncmp(s + 1, key, n) != 0)
			continue;
		/* the names of hosts and bdevs are last, and theirs to choose */
		end = g_str_has_prefix(key, "host}") || g_str_has_prefix(key, "bdev}")
			      ? NULL
			      : next_key(value);
		return end ? g_strndup(value, (gsize)(end - value)) : g_strdup(value);
	}
	return NULL;
}

static char *replace(const char *type, const char *key, const char *value)
{
	if (g_str_has_prefix(key, "host}") && value && strcmp(value, "*") == 0)
		return g_strdup("with any name");
	if (strcmp(type, "nvmf_ns_write_protect") == 0 && g_str_has_prefix(key, "on}"))
		return g_strdup(value && strcmp(value, "0") != 0 ? "on" : "off");
	return g_strdup(value ? value : "?");
}

static const char *format_of(const char *type, const char *ctx)
{
	if (strcmp(type, "nvmf_ana_change") == 0)
		return strstr(ctx, " nsid=")
			       ? "namespace {nsid} of {nqn} is now in ANA group {group}"
			       : "group {group} of {nqn} is now {state} at {traddr} port {trsvcid}";
	for (unsigned i = 0; i < G_N_ELEMENTS(sentences); i++)
		if (strcmp(sentences[i].type, type) == 0)
			return sentences[i].format;
	return NULL;
}

char *watch_sentence(const char *type, const char *ctx)
{
	const char *format = format_of(type, ctx), *end;
	g_autoptr(GString) s = g_string_new(NULL);
	g_autofree char *tgt = NULL;

	if (!format)
		return g_strdup_printf("%s: %s", type, ctx);
	for (const char *f = format; *f; f++) {
		g_autofree char *value = NULL, *text = NULL;

		if (*f != '{') {
			g_string_append_c(s, *f);
			continue;
		}
		end = strchr(f, '}');
		value = value_of(ctx, f + 1, (gsize)(end - f - 1));
		text = replace(type, f + 1, value);
		g_string_append(s, text);
		f = end;
	}
	tgt = strstr(format, "{nqn}") ? value_of(ctx, "tgt", 3) : NULL;
	if (tgt)
		g_string_append_printf(s, " (target %s)", tgt);
	return g_strdup(s->str);
}

/* --- printing ------------------------------------------------------------------------------------
 */

static void print_safe(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	g_autoptr(GString) s = g_string_new(NULL);

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		g_string_append_unichar(s, g_unichar_isprint(c) ? c : '?');
	}
	g_print("%s\n", s->str);
}

static void append_member(GString *s, const char *key, const char *value)
{
	g_string_append_printf(s, "%s\"%s\": ", s->len > 1 ? ", " : "", key);
	append_quoted(s, value, strlen(value));
}

static void print_event(const struct watch *w, const struct jv *v)
{
	const char *type = live_text(v, "type"), *ctx = live_text(v, "ctx");
	g_autofree char *sentence = watch_sentence(type, ctx);
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	guint64 id = live_number(v, "id");
	g_autofree char *time = NULL;
	bool timed = id >= w->from;

	if (w->json) {
		g_autoptr(GString) s = g_string_new("{");

		time = g_date_time_format(now, "%FT%T.%f%:z");
		if (timed)
			append_member(s, "time", time);
		append_member(s, "type", type);
		append_member(s, "ctx", ctx);
		append_member(s, "text", sentence);
		g_string_append_printf(s, ", \"id\": %" G_GUINT64_FORMAT "}\n", id);
		g_print("%s", s->str);
	} else {
		time = timed ? g_date_time_format(now, "%H:%M:%S.%f") : g_strdup("before");
		/* milliseconds do */
		g_print("%-12.12s  ", time);
		print_safe(sentence);
	}
	fflush(stdout);
}

static void say(const char *format, ...) G_GNUC_PRINTF(1, 2);

static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	fflush(stdout);
	g_printerr("weftctl: %s\n", text);
}

/* --- following
 * ------------------------------------------------------------------------------------ */

static struct jv_doc *ask(struct watch *w, const char *method, const char *params, GError **error)
{
	struct jv_doc *doc = live_call(&w->live, method, params, error);

	if (doc && !ctl_result(doc)) {
		usage_error(error, "%s: %s", method,
			    live_text(jv_member(jv_root(doc), "error"), "message"));
		live_drop(&w->live);
		g_clear_pointer(&doc, jv_doc_unref);
	}
	return doc;
}

/* When the target was started, by its own clock; 0: it does not say yet. False: it has gone. */
static bool started(struct watch *w, guint64 *at, GError **error)
{
	struct jv_doc *doc = live_call(&w->live, "metrics_get", "{\"sections\": []}", error);
	const struct jv *result = doc ? ctl_result(doc) : NULL;

	*at = live_number(result, "time_ns") - live_number(result, "uptime_ns");
	jv_doc_unref(doc);
	return doc != NULL;
}

/* All that there is from next on. False and error: the target has gone. */
static bool look(struct watch *w, bool quietly, GError **error)
{
	g_autofree char *params = g_strdup_printf("{\"id\": %" G_GUINT64_FORMAT "}", w->next);
	struct jv_doc *doc = ask(w, "notify_get_notifications", params, error);
	const struct jv *list = doc ? ctl_result(doc) : NULL;

	for (const struct jv *v = list && list->type == JV_ARRAY ? list->first : NULL; v;
	     v = v->next) {
		guint64 id = live_number(v, "id");

		if (id > w->next && w->seen && !quietly)
			say("%" G_GUINT64_FORMAT " events were missed: more came at once than the "
			    "target keeps",
			    id - w->next);
		if (!quietly)
			print_event(w, v);
		w->seen = true;
		w->next = id + 1;
	}
	jv_doc_unref(doc);
	return doc != NULL;
}

/* After connecting: where to go on. False: no connection after all. */
static bool begin(struct watch *w, GError **error)
{
	guint64 at;

	if (!started(w, &at, error))
		return false;
	if (w->seen && (!at || at != w->started)) {
		w->next = w->from = 0;
		w->seen = false;
	}
	w->started = at;
	return true;
}

static void pause_until(struct watch *w, gint64 until)
{
	while (!live_ended() && g_get_monotonic_time() < until)
		live_wait(&w->live, -1, until);
}

/* Waits for the target; false: a signal ended that. */
static bool come_back(struct watch *w)
{
	while (!live_ended()) {
		g_autoptr(GError) error = NULL;

		pause_until(w, g_get_monotonic_time() + RETRY_US);
		if (!live_ended() && begin(w, &error)) {
			say("the target is there again");
			return true;
		}
	}
	return false;
}

static int follow(struct watch *w)
{
	while (!live_ended()) {
		g_autoptr(GError) error = NULL;

		if (look(w, false, &error)) {
			pause_until(w, g_get_monotonic_time() + PERIOD_US);
			continue;
		}
		if (live_ended())
			break;
		say("the target has gone: %s", ctl_reason(error));
		if (!w->follow)
			return EXIT_FAILED;
		if (!come_back(w))
			break;
	}
	return EXIT_OK;
}

/* Where watching begins. */
static bool first(struct watch *w, const struct jv *params, GError **error)
{
	bool all = params && jv_member(params, "all"), from = params && jv_member(params, "id");

	if (!begin(w, error) || !look(w, true, error))
		return false;
	w->from = w->next;
	w->seen = true;
	if (from)
		w->next = live_number(params, "id");
	else if (all)
		w->next = 0;
	if (all || from)
		w->seen = false;
	return true;
}

int run_watch(struct ctl *ctl, const struct jv *params)
{
	struct watch w = { .live.ctl = ctl,
			   .json = ctl->json || (params && jv_member(params, "json")),
			   .follow = params && jv_member(params, "follow") };
	g_autoptr(GError) error = NULL;

	if (refuse_dry_run(ctl, "watch"))
		return EXIT_USAGE;
	live_signals();
	if (!first(&w, params, &error)) {
		if (live_ended())
			return EXIT_OK;
		say("%s", ctl_reason(error));
		if (!w.follow || (w.from = 0, !come_back(&w)))
			return w.follow ? EXIT_OK : EXIT_FAILED;
	}
	return follow(&w);
}
