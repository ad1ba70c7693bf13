/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is on the screen, line by line, for any size of it. When there is little room
 * the rows and what is wrong stay longest.
 */
#include <math.h>
#include <string.h>

#include "tools/weftctl/top.h"

static const char *const help_lines[] = {
	"1 to 6, Tab     what is shown: subsystems, namespaces, hosts, ...",
	"arrows, j, k    another line; also Page Up, Page Down, Home, End",
	"Enter           into the subsystem, the host or the namespace",
	"Esc             back; also out of a filter",
	"<, >, s         sort by the column to the left, to the right, the next",
	"r               the other way round",
	"/               only lines that have these characters in a name",
	"d               seconds between two looks",
	"space           look now",
	"q               quit",
	"",
	"Rates and latencies are of the time between the last two looks.",
	"A latency is a bound: so many commands took at most that long.",
};

/* --- state --------------------------------------------------------------------------------------
 */

static void place_free(void *p)
{
	struct top_place *place = p;

	top_scope_clear(&place->scope);
	g_free(place->selected);
	g_free(place);
}

void top_init(struct top *top, struct ctl *ctl)
{
	*top = (struct top){ .live.ctl = ctl, .interval = 1 };
	top->places = g_ptr_array_new_with_free_func(place_free);
	top->typed = g_string_new(NULL);
	top->ascii = !g_get_charset(NULL);
	for (unsigned i = 0; i < TOP_VIEWS; i++)
		top->sort[i] = top_views[i].sort;
}

static void forget(struct top *top)
{
	g_clear_pointer(&top->rows, g_ptr_array_unref);
	g_clear_pointer(&top->before, top_sample_free);
	g_clear_pointer(&top->now, top_sample_free);
}

void top_clear(struct top *top)
{
	forget(top);
	g_ptr_array_unref(top->places);
	g_string_free(top->typed, TRUE);
	top_scope_clear(&top->scope);
	g_free(top->selected);
	g_free(top->problem);
}

void top_go(struct top *top, enum top_view_id view)
{
	forget(top);
	top->view = view;
	top->first = top->at = 0;
	top->again = true;
}

/* The row that was selected is where it went; if it is gone, what is there now. */
static void find_selected(struct top *top)
{
	for (guint i = 0; top->selected && i < top->rows->len; i++) {
		const struct top_row *row = top->rows->pdata[i];

		if (strcmp(row->item->key, top->selected) == 0) {
			top->at = i;
			return;
		}
	}
	top->at = MIN(top->at, MAX(top->rows->len, 1) - 1);
}

void top_refresh(struct top *top)
{
	g_clear_pointer(&top->rows, g_ptr_array_unref);
	if (!top->now)
		return;
	top->rows = top_rows(top->before, top->now, &top->scope, top->sort[top->view],
			     top->reverse[top->view]);
	find_selected(top);
}

void top_take(struct top *top, struct top_sample *sample)
{
	g_clear_pointer(&top->problem, g_free);
	g_clear_pointer(&top->rows, g_ptr_array_unref);
	top_sample_free(top->before);
	top->before = top->now;
	top->now = sample;
	top_refresh(top);
}

/* --- lines
 * ---------------------------------------------------------------------------------------- */

static char *busy(const struct top *top)
{
	double work, all;

	if (!top->now || !top_comparable(top->before, top->now) ||
	    top->now->busy_ns < top->before->busy_ns || top->now->idle_ns < top->before->idle_ns)
		return g_strdup("-");
	work = (double)(top->now->busy_ns - top->before->busy_ns);
	all = work + (double)(top->now->idle_ns - top->before->idle_ns);
	return all > 0 ? g_strdup_printf("%.0f%%", 100 * work / all) : g_strdup("-");
}

char *top_totals(const struct top *top)
{
	double sum[TOP_COUNTERS] = { 0 };
	bool known = false;

	for (guint i = 0; top->rows && i < top->rows->len; i++) {
		const struct top_row *row = top->rows->pdata[i];

		for (unsigned k = 0; k < TOP_COUNTERS && !isnan(row->rate[k]); k++) {
			sum[k] += row->rate[k];
			known = true;
		}
	}
	g_autofree char *iops = top_format_rate(known ? sum[TOP_OPS] : NAN);
	g_autofree char *share = busy(top);

	if (!known || top->view == TOP_REACTORS)
		return g_strdup_printf("%s IOPS, reactors busy %s", iops, share);
	return g_strdup_printf("%s IOPS, read %.1f MB/s, write %.1f MB/s, reactors busy %s", iops,
			       sum[TOP_READ_BYTES] / 1e6, sum[TOP_WRITE_BYTES] / 1e6, share);
}

static char *first_line(const struct top *top)
{
	g_autofree char *totals = top_totals(top);

	return g_strdup_printf("weft %s  %s, every %g s", top->live.ctl->server, totals,
			       top->interval);
}

static char *views_line(const struct top *top, int width)
{
	g_autoptr(GString) s = g_string_new(NULL);

	for (unsigned i = 0; i < TOP_VIEWS; i++)
		g_string_append_printf(s, i == top->view ? "[%u %s] " : " %u %s  ", i + 1,
				       top_views[i].name);
	if (top_width(s->str) <= width)
		return g_strdup(s->str);
	return g_strdup_printf("[%u %s] of 1-%u", top->view + 1, top_views[top->view].name,
			       TOP_VIEWS);
}

static void say(GString *s, const char *what, const char *value)
{
	if (value && *value)
		g_string_append_printf(s, "%s%s %s", s->len ? "; " : "", what, value);
}

/* What is asked, what is wrong, or which rows there are. */
static char *state_line(const struct top *top)
{
	g_autoptr(GString) s = g_string_new(NULL);

	if (top->prompt == TOP_ASK_FILTER)
		return g_strdup_printf("filter: %s_", top->typed->str);
	if (top->prompt == TOP_ASK_INTERVAL)
		return g_strdup_printf("seconds between two looks: %s_", top->typed->str);
	if (top->problem)
		return g_strdup_printf("waiting for the target: %s", top->problem);
	say(s, "of", top->scope.nqn);
	say(s, "of host", top->scope.host);
	say(s, "of bdev", top->scope.bdev);
	say(s, "filter", top->scope.filter);
	if (top->rows)
		g_string_append_printf(s, "%s%u shown of %u", s->len ? "; " : "", top->rows->len,
				       top->now->items->len);
	return g_strdup(s->len ? s->str : "asking ...");
}

/* --- the page ------------------------------------------------------------------------------------
 */

static void scroll(struct top *top, guint height)
{
	guint n = top->rows ? top->rows->len : 0;

	if (top->at < top->first)
		top->first = top->at;
	if (height > 0 && top->at >= top->first + height)
		top->first = top->at - height + 1;
	top->first = MIN(top->first, n > height ? n - height : 0);
}

static void add(struct top_page *page, char *line)
{
	g_ptr_array_add(page->lines, line);
}

static void draw_rows(struct top *top, int width, guint height, struct top_page *page)
{
	unsigned sort = top->sort[top->view];
	bool reverse = top->reverse[top->view];
	struct top_layout layout;
	guint n = 0;

	scroll(top, height);
	if (top->rows)
		n = MIN(top->rows->len - top->first, height);
	top_lay_out(&layout, top->view, sort, top->rows, top->first, n, width);
	page->titles = (int)page->lines->len;
	add(page, top_line(&layout, top->view, NULL, sort, reverse, top->ascii));
	for (guint i = top->first; i < top->first + n; i++) {
		if (i == top->at)
			page->selected = (int)page->lines->len;
		add(page,
		    top_line(&layout, top->view, top->rows->pdata[i], sort, reverse, top->ascii));
	}
}

/* Lines that are no rows lose their ends, not their beginnings. */
static void cut(GPtrArray *lines, int width, bool ascii)
{
	for (guint i = 0; i < lines->len; i++) {
		char *line = lines->pdata[i];
		g_autofree char *safe = top_fit(line, G_MAXINT / 2, ascii);
		const char *end = safe;

		for (int n = 0; *end; end = g_utf8_next_char(end)) {
			n += g_unichar_iswide(g_utf8_get_char(end)) ? 2 : 1;
			if (n > width)
				break;
		}
		lines->pdata[i] = g_strndup(safe, (gsize)(end - safe));
		g_free(line);
	}
}

void top_draw(struct top *top, int width, int height, struct top_page *page)
{
	bool message = top->problem || top->prompt != TOP_NO_PROMPT;
	bool hint = height >= 12;

	page->lines = g_ptr_array_new_with_free_func(g_free);
	page->titles = page->selected = -1;
	if (height >= 6)
		add(page, first_line(top));
	if (height >= 5)
		add(page, views_line(top, width));
	if (height >= 4 || message)
		add(page, state_line(top));
	if (top->help)
		for (unsigned i = 0; i < G_N_ELEMENTS(help_lines); i++)
			add(page, g_strdup(help_lines[i]));
	else if ((int)page->lines->len < height)
		draw_rows(top, width, (guint)MAX(height - (int)page->lines->len - 1 - hint, 0),
			  page);
	if (hint && !top->help) {
		while ((int)page->lines->len < height - 1)
			add(page, g_strdup(""));
		add(page, g_strdup("q quit  h help  Enter into  Esc back  < > sort  r reverse  "
				   "/ filter  d interval"));
	}
	if ((int)page->lines->len > height)
		g_ptr_array_set_size(page->lines, height);
	cut(page->lines, width, top->ascii);
}
