/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weftctl top: asks metrics_get again and again, for what is being looked at only, and
 * shows it on the terminal, or as text for scripts and where there is no terminal.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target/core/error.h"
#include "tools/weftctl/top.h"

#define RETRY_US 250000
#define BATCH_WIDTH 200

/* --- asking -------------------------------------------------------------------------------------
 */

static void set_problem(struct top *top, const char *text)
{
	g_free(top->problem);
	top->problem = g_strdup(text);
}

/* A zoom into a subsystem that was deleted ends; all else waits. */
static void take_failure(struct top *top, const struct jv *failure)
{
	const char *data = live_text(failure, "data"), *of = top->scope.nqn;
	g_autofree char *text = g_strdup_printf("%s%s%s", of ? of : "", of ? ": " : "",
						*data ? data : live_text(failure, "message"));

	set_problem(top, text);
	if (top->scope.nqn) {
		top_scope_clear(&top->scope);
		g_ptr_array_set_size(top->places, 0);
		top_go(top, TOP_SUBSYSTEMS);
		top->again = false;
	}
}

static void take_answer(struct top *top, enum top_view_id view, const struct jv_doc *doc)
{
	const struct jv *result = ctl_result(doc);
	struct top_sample *sample = result ? top_sample_new(view, result) : NULL;
	const struct jv *failure = jv_member(jv_root(doc), "error");

	if (view != top->view)
		top_sample_free(sample);
	else if (sample)
		top_take(top, sample);
	else if (failure)
		take_failure(top, failure);
	else
		set_problem(top, "its metrics_get says something else than weft's");
}

static void lose(struct top *top, const GError *error)
{
	set_problem(top, ctl_reason(error));
	/* what comes next is of another run */
	g_clear_pointer(&top->before, top_sample_free);
	top_refresh(top);
}

gint64 top_step(struct top *top)
{
	struct live *l = &top->live;
	gint64 interval = (gint64)(top->interval * G_USEC_PER_SEC);
	g_autoptr(GError) error = NULL;
	g_autofree char *params = NULL;
	struct jv_doc *doc = NULL;
	gint64 now;

	if (l->id) {
		doc = live_receive(l, &error);
		if (doc)
			take_answer(top, top->asked, doc);
		jv_doc_unref(doc);
	}
	now = g_get_monotonic_time();
	if (!error && !l->id && (top->again || now >= l->sent_us + interval || !l->sent_us)) {
		top->again = false;
		top->asked = top->view;
		params = top_params(top->view, top->scope.nqn);
		live_send(l, "metrics_get", params, &error);
	}
	if (error) {
		lose(top, error);
		l->sent_us = now - interval + RETRY_US;
	}
	if (top->again && !l->id)
		return now;
	return l->sent_us + (l->id ? (gint64)(l->ctl->timeout * G_USEC_PER_SEC) : interval);
}

/* --- text ---------------------------------------------------------------------------------------
 */

static void print_sample(struct top *top)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *time = g_date_time_format(now, "%F %T");
	g_autofree char *totals = top_totals(top);
	unsigned sort = top->sort[top->view];
	bool reverse = top->reverse[top->view];
	struct top_layout layout;

	g_print("%s  %s: %s\n", time, top_views[top->view].name, totals);
	top_lay_out(&layout, top->view, sort, top->rows, 0, top->rows->len, BATCH_WIDTH);
	for (guint i = 0; i <= top->rows->len; i++) {
		const struct top_row *row = i ? top->rows->pdata[i - 1] : NULL;
		g_autofree char *line =
			top_line(&layout, top->view, row, sort, reverse, top->ascii);

		g_print("%s\n", g_strchomp(line));
	}
	g_print("\n");
	fflush(stdout);
}

/* count 0: until a signal. */
static int batch(struct top *top, guint64 count)
{
	for (guint64 done = 0; (count == 0 || done < count) && !live_ended();) {
		const struct top_sample *last = top->now;
		gint64 next = top_step(top);

		if (top->problem) {
			g_printerr("weftctl: %s\n", top->problem);
			return EXIT_FAILED;
		}
		if (top->now != last) {
			if (top_comparable(top->before, top->now)) {
				print_sample(top);
				done++;
			}
			continue;
		}
		live_wait(&top->live, -1, next);
	}
	return EXIT_OK;
}

/* --- the command --------------------------------------------------------------------------------
 */

static int wrong(const char *format, ...) G_GNUC_PRINTF(1, 2);

static int wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_printerr("weftctl: top: %s\n", text);
	return EXIT_USAGE;
}

static int set_sort(struct top *top, const char *title)
{
	int column = top_find_column(top->view, title);
	g_autoptr(GString) titles = g_string_new(NULL);

	if (column >= 0) {
		top->sort[top->view] = (unsigned)column;
		return EXIT_OK;
	}
	for (unsigned i = 0; i < top_columns(top->view); i++)
		g_string_append_printf(titles, "%s%s", i ? ", " : "",
				       top_views[top->view].columns[i].title);
	return wrong("--sort %s: the columns of %s are %s", title, top_views[top->view].name,
		     titles->str);
}

static int set_options(struct top *top, const struct jv *params)
{
	const char *delay = live_text(params, "delay"), *view = live_text(params, "view");
	const char *sort = live_text(params, "sort"), *nqn = live_text(params, "nqn");
	const char *filter = live_text(params, "filter");
	const struct jv *reverse = params ? jv_member(params, "reverse") : NULL;
	char *end;

	if (*delay) {
		top->interval = g_ascii_strtod(delay, &end);
		if (*end || !isfinite(top->interval) || top->interval < 0.1 || top->interval > 3600)
			return wrong("-d takes seconds, 0.1 to 3600, not %s", delay);
	}
	if (*view && !top_find_view(view, &top->view))
		return wrong("--view %s: there are subsystems, namespaces, hosts, paths, bdevs and "
			     "reactors",
			     view);
	if (*sort && set_sort(top, sort) != EXIT_OK)
		return EXIT_USAGE;
	top->reverse[top->view] = reverse && reverse->truth;
	top->scope.nqn = *nqn ? g_strdup(nqn) : NULL;
	top->scope.filter = *filter ? g_strdup(filter) : NULL;
	return EXIT_OK;
}

static int on_terminal(struct top *top)
{
	g_autoptr(GError) error = NULL;

	if (top_screen(top, &error))
		return EXIT_OK;
	g_printerr("weftctl: %s\n", error->message);
	return EXIT_FAILED;
}

int run_top(struct ctl *ctl, const struct jv *params)
{
	const struct jv *batched = params ? jv_member(params, "batch") : NULL;
	const struct jv *count = params ? jv_member(params, "count") : NULL;
	bool text = (batched && batched->truth) || count || ctl->stdin_is_batch ||
		    !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
	struct top top;
	int status;

	if (refuse_dry_run(ctl, "top"))
		return EXIT_USAGE;
	if (ctl->json)
		return wrong("it has no JSON; metrics_get has what it is made from");
	top_init(&top, ctl);
	status = set_options(&top, params);
	if (status == EXIT_OK && count && live_number(params, "count") == 0)
		status = wrong("-n takes how often to print, 1 or more");
	if (status == EXIT_OK) {
		live_signals();
		status = text ? batch(&top, count ? live_number(params, "count") : 0)
			      : on_terminal(&top);
	}
	top_clear(&top);
	return status;
}
