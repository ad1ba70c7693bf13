/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers and names as text of a known width, and lines of columns. Names are of
 * hosts, so of strangers: nothing in them moves a cursor or takes more room than
 * is counted here.
 */
#include <math.h>
#include <string.h>

#include "tools/weftctl/top.h"

#define MAX_LINE 1000

/* --- numbers --------------------------------------------------------------------------------- */

/* Three digits that say something, before a unit. */
static char *three(double v, const char *unit)
{
	return g_strdup_printf("%.*f%s", v < 9.995 ? 2 : v < 99.95 ? 1 : 0, v, unit);
}

char *top_format_time(double ns)
{
	if (isnan(ns))
		return g_strdup("-");
	if (isinf(ns))
		return g_strdup(">8.6s");
	if (ns < 999.5)
		return g_strdup_printf("%.0fns", ns);
	if (ns < 999.5e3)
		return three(ns / 1e3, "us");
	if (ns < 999.5e6)
		return three(ns / 1e6, "ms");
	return three(ns / 1e9, "s");
}

char *top_format_rate(double n)
{
	static const char *const units[] = { "k", "M", "G", "T" };
	unsigned i = 0;

	if (isnan(n))
		return g_strdup("-");
	if (n < 99999.5)
		return g_strdup_printf("%.*f", n > 0 && n < 9.95 ? 1 : 0, n);
	for (n /= 1000; n >= 999.5 && i + 1 < G_N_ELEMENTS(units); i++)
		n /= 1000;
	return three(n, units[i]);
}

char *top_format_size(double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned i = 0;

	if (isnan(bytes))
		return g_strdup("-");
	for (; bytes >= 1023.5 && i + 1 < G_N_ELEMENTS(units); i++)
		bytes /= 1024;
	return g_strdup_printf("%.*f%s", i > 0 && bytes < 9.95 ? 1 : 0, bytes, units[i]);
}

static char *megabytes(double n)
{
	if (isnan(n))
		return g_strdup("-");
	return g_strdup_printf("%.*f", n > 0 && n < 0.995 ? 2 : n > 0 && n < 999.95 ? 1 : 0, n);
}

/* --- names -------------------------------------------------------------------------------------
 */

static bool plain(gunichar c)
{
	return g_unichar_isprint(c) && !g_unichar_ismark(c) && !g_unichar_iszerowidth(c);
}

/* What there is at s, as it is shown; *next is behind it. */
static gunichar shown(const char *s, bool ascii, const char **next)
{
	gunichar c = g_utf8_get_char_validated(s, -1);

	if (c == (gunichar)-1 || c == (gunichar)-2) {
		*next = s + 1;
		return '?';
	}
	*next = g_utf8_next_char(s);
	return plain(c) && (c < 0x80 || !ascii) ? c : '?';
}

static int columns_of(const char *text, bool ascii)
{
	int n = 0;

	while (*text)
		n += g_unichar_iswide(shown(text, ascii, &text)) ? 2 : 1;
	return n;
}

int top_width(const char *text)
{
	return columns_of(text, false);
}

char *top_fit(const char *text, int width, bool ascii)
{
	g_autoptr(GString) s = g_string_new(NULL);
	int have = columns_of(text, ascii), mark = have > width ? MIN(2, width) : 0;

	g_string_append_len(s, "..", MAX(mark, 0));
	/* the ends of NQNs differ, not their beginnings */
	while (*text && have + mark > width)
		have -= g_unichar_iswide(shown(text, ascii, &text)) ? 2 : 1;
	while (*text)
		g_string_append_unichar(s, shown(text, ascii, &text));
	return g_strdup(s->str);
}

/* --- columns -------------------------------------------------------------------------------------
 */

static char *cell(const struct top_row *row, const struct top_column *column, bool ascii)
{
	double v = top_value(row, column);

	switch (column->kind) {
	case TOP_TEXT:
		return g_strdup(row->item->text[column->index]);
	case TOP_TOTAL:
	case TOP_RATE:
		return top_format_rate(v);
	case TOP_MEGABYTES:
		return megabytes(v);
	case TOP_SIZE:
		return top_format_size(v);
	case TOP_QUANTILE:
		if (v <= (double)latency_bound(0))
			return g_strdup(ascii ? "<4.10us" : "≤4.10us");
		return top_format_time(v);
	case TOP_AVERAGE:
		return top_format_time(v);
	case TOP_SHARE:
		return isnan(v) ? g_strdup("-") : g_strdup_printf("%.1f", v);
	case TOP_GAUGE:
		break;
	}
	return g_strdup_printf("%.0f", v);
}

static int total(const struct top_layout *layout, unsigned n)
{
	int sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += layout->width[i] ? layout->width[i] + 1 : 0;
	return sum - 1;
}

/* Leaves out the column that matters least; false: only the needed ones are left. */
static bool leave_out(struct top_layout *layout, enum top_view_id view, unsigned sort)
{
	const struct top_column *columns = top_views[view].columns;
	int least = -1;

	for (unsigned i = 1; columns[i].title; i++)
		if (layout->width[i] && i != sort &&
		    (least < 0 || columns[i].keep < columns[least].keep))
			least = (int)i;
	if (least >= 0)
		layout->width[least] = 0;
	return least >= 0;
}

/* Gives texts what they want of the room that is left, evenly. */
static void widen(struct top_layout *layout, enum top_view_id view, const int *wanted, int left)
{
	const struct top_column *columns = top_views[view].columns;
	bool any = true;

	while (any && left > 0) {
		any = false;
		for (unsigned i = 0; columns[i].title && left > 0; i++) {
			if (columns[i].kind != TOP_TEXT || !layout->width[i] ||
			    layout->width[i] >= wanted[i])
				continue;
			layout->width[i]++;
			left--;
			any = true;
		}
	}
}

void top_lay_out(struct top_layout *layout, enum top_view_id view, unsigned sort, GPtrArray *rows,
		 guint first, guint n, int width)
{
	const struct top_column *columns = top_views[view].columns;
	unsigned ncolumns = top_columns(view);
	int wanted[TOP_MAX_COLUMNS] = { 0 };

	*layout = (struct top_layout){ 0 };
	for (unsigned i = 0; i < ncolumns; i++) {
		layout->width[i] = columns[i].width;
		wanted[i] = (int)strlen(columns[i].title) + 1;
		for (guint k = first; columns[i].kind == TOP_TEXT && k < first + n; k++) {
			const struct top_row *row = rows->pdata[k];

			wanted[i] = MAX(wanted[i], top_width(row->item->text[columns[i].index]));
		}
	}
	width = CLAMP(width, 1, MAX_LINE);
	while (total(layout, ncolumns) > width && leave_out(layout, view, sort))
		;
	if (total(layout, ncolumns) > width && sort != 0)
		layout->width[0] = MAX(layout->width[0] - (total(layout, ncolumns) - width), 1);
	if (total(layout, ncolumns) > width) {
		*layout = (struct top_layout){ 0 };
		layout->width[0] = width;
	}
	widen(layout, view, wanted, width - total(layout, ncolumns));
}

static void append_cell(GString *line, const char *text, int width, bool left, bool ascii)
{
	g_autofree char *fit = top_fit(text, width, ascii);
	int blanks = width - columns_of(fit, ascii);

	if (line->len)
		g_string_append_c(line, ' ');
	if (left)
		g_string_append_printf(line, "%s%*s", fit, blanks, "");
	else
		g_string_append_printf(line, "%*s%s", blanks, "", fit);
}

/* The first direction of numbers is down, that of texts up. Without room its end goes. */
static char *title(const struct top_column *column, bool sorted, bool reverse, int width)
{
	bool up = (column->kind == TOP_TEXT) != reverse;

	return g_strdup_printf("%.*s%s", width - sorted, column->title,
			       sorted ? (up ? "^" : "v") : "");
}

char *top_line(const struct top_layout *layout, enum top_view_id view, const struct top_row *row,
	       unsigned sort, bool reverse, bool ascii)
{
	g_autoptr(GString) line = g_string_new(NULL);
	const struct top_column *columns = top_views[view].columns;

	for (unsigned i = 0; columns[i].title; i++) {
		g_autofree char *text = NULL;

		if (!layout->width[i])
			continue;
		text = row ? cell(row, &columns[i], ascii)
			   : title(&columns[i], i == sort, reverse, layout->width[i]);
		append_cell(line, text, layout->width[i], columns[i].kind == TOP_TEXT, ascii);
	}
	return g_strdup(line->str);
}
