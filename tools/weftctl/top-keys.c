/* SPDX-License-Identifier: BSD-3-Clause */
/* What keys do. */
#include <math.h>
#include <string.h>

#include "tools/weftctl/top.h"

#define MAX_TYPED 256
#define MIN_INTERVAL 0.1
#define MAX_INTERVAL 3600
#define KEY_ESCAPE 27

/* --- where one is
 * --------------------------------------------------------------------------------- */

static void select_at(struct top *top, gint64 at)
{
	const struct top_row *row;

	if (!top->rows || top->rows->len == 0)
		return;
	top->at = (guint)CLAMP(at, 0, (gint64)top->rows->len - 1);
	row = top->rows->pdata[top->at];
	g_free(top->selected);
	top->selected = g_strdup(row->item->key);
}

static void push(struct top *top)
{
	struct top_place *place = g_new0(struct top_place, 1);

	place->view = top->view;
	place->scope = (struct top_scope){ g_strdup(top->scope.nqn), g_strdup(top->scope.host),
					   g_strdup(top->scope.bdev), g_strdup(top->scope.filter) };
	place->selected = g_steal_pointer(&top->selected);
	g_ptr_array_add(top->places, place);
	g_clear_pointer(&top->scope.filter, g_free);
}

static void set(char **field, const char *value)
{
	g_free(*field);
	*field = g_strdup(value);
}

/* Into the row: what belongs to it. */
static void enter(struct top *top)
{
	const struct top_view *view = &top_views[top->view];
	g_autofree char *nqn = NULL, *other = NULL;
	const struct top_row *row;

	if (!top->rows || top->at >= top->rows->len || top->view >= TOP_BDEVS)
		return;
	row = top->rows->pdata[top->at];
	nqn = g_strdup(row->item->text[view->nqn]);
	other = view->host >= 0	  ? g_strdup(row->item->text[view->host])
		: view->bdev >= 0 ? g_strdup(row->item->text[view->bdev])
				  : NULL;
	push(top);
	set(&top->scope.nqn, nqn);
	if (view->host >= 0)
		set(&top->scope.host, other);
	if (view->bdev >= 0)
		set(&top->scope.bdev, other);
	top_go(top, top->view == TOP_SUBSYSTEMS	  ? TOP_NAMESPACES
		    : top->view == TOP_NAMESPACES ? TOP_BDEVS
		    : top->view == TOP_HOSTS	  ? TOP_PATHS
						  : TOP_HOSTS);
}

static void back(struct top *top)
{
	struct top_place *place;

	if (top->help) {
		top->help = false;
	} else if (top->scope.filter) {
		g_clear_pointer(&top->scope.filter, g_free);
		top_refresh(top);
	} else if (top->places->len > 0) {
		place = top->places->pdata[top->places->len - 1];
		top_scope_clear(&top->scope);
		top->scope = place->scope;
		place->scope = (struct top_scope){ 0 };
		g_free(top->selected);
		top->selected = g_steal_pointer(&place->selected);
		top_go(top, place->view);
		g_ptr_array_set_size(top->places, (gint)top->places->len - 1);
	}
}

static void show_view(struct top *top, unsigned view)
{
	g_clear_pointer(&top->selected, g_free);
	top_go(top, view % TOP_VIEWS);
}

static void sort_by(struct top *top, int step)
{
	unsigned n = top_columns(top->view);

	top->sort[top->view] = (top->sort[top->view] + n + (unsigned)step) % n;
	top_refresh(top);
}

/* --- typing
 * ---------------------------------------------------------------------------------------- */

static void ask(struct top *top, enum top_prompt prompt)
{
	top->help = false;
	top->prompt = prompt;
	g_string_assign(top->typed,
			prompt == TOP_ASK_FILTER && top->scope.filter ? top->scope.filter : "");
}

static void take_typed(struct top *top)
{
	double seconds;
	char *end;

	if (top->prompt == TOP_ASK_FILTER) {
		set(&top->scope.filter, top->typed->len ? top->typed->str : NULL);
		top_refresh(top);
		return;
	}
	seconds = g_ascii_strtod(top->typed->str, &end);
	if (end != top->typed->str && !*end && isfinite(seconds))
		top->interval = CLAMP(seconds, MIN_INTERVAL, MAX_INTERVAL);
}

static void type(struct top *top, gunichar key)
{
	if (key == KEY_ESCAPE) {
		g_string_truncate(top->typed, 0);
		take_typed(top);
		top->prompt = TOP_NO_PROMPT;
		return;
	}
	if (key == '\n' || key == '\r') {
		take_typed(top);
		top->prompt = TOP_NO_PROMPT;
		return;
	}
	if (key == TOP_KEY_BACK && top->typed->len)
		g_string_truncate(top->typed,
				  (gsize)(g_utf8_prev_char(top->typed->str + top->typed->len) -
					  top->typed->str));
	else if (key < TOP_KEY_UP && g_unichar_isprint(key) && top->typed->len < MAX_TYPED)
		g_string_append_unichar(top->typed, key);
	if (top->prompt == TOP_ASK_FILTER)
		take_typed(top);
}

/* --- keys
 * ------------------------------------------------------------------------------------------- */

/* False: it is none of those that move. */
static bool move(struct top *top, gunichar key, int page)
{
	gint64 at = top->at;

	switch (key) {
	case TOP_KEY_UP:
	case 'k':
		select_at(top, at - 1);
		return true;
	case TOP_KEY_DOWN:
	case 'j':
		select_at(top, at + 1);
		return true;
	case TOP_KEY_PAGE_UP:
		select_at(top, at - page);
		return true;
	case TOP_KEY_PAGE_DOWN:
		select_at(top, at + page);
		return true;
	case TOP_KEY_HOME:
	case 'g':
		select_at(top, 0);
		return true;
	case TOP_KEY_END:
	case 'G':
		select_at(top, G_MAXINT);
		return true;
	default:
		return false;
	}
}

/* False: it is none of those that change what is shown. */
static bool change(struct top *top, gunichar key)
{
	switch (key) {
	case '\n':
	case '\r':
		enter(top);
		return true;
	case '\t':
		show_view(top, top->view + 1);
		return true;
	case TOP_KEY_BACKTAB:
		show_view(top, top->view + TOP_VIEWS - 1);
		return true;
	case '<':
	case TOP_KEY_LEFT:
		sort_by(top, -1);
		return true;
	case '>':
	case 's':
	case TOP_KEY_RIGHT:
		sort_by(top, 1);
		return true;
	case 'r':
		top->reverse[top->view] = !top->reverse[top->view];
		top_refresh(top);
		return true;
	default:
		return false;
	}
}

void top_press(struct top *top, gunichar key, int page)
{
	if (top->prompt != TOP_NO_PROMPT)
		type(top, key);
	else if (key == 'q' || key == 'Q')
		top->quit = true;
	else if (key == 'h' || key == '?')
		top->help = !top->help;
	else if (key == KEY_ESCAPE || key == TOP_KEY_BACK)
		back(top);
	else if (key == '/')
		ask(top, TOP_ASK_FILTER);
	else if (key == 'd')
		ask(top, TOP_ASK_INTERVAL);
	else if (key == ' ')
		top->again = true;
	else if (key >= '1' && key < '1' + TOP_VIEWS)
		show_view(top, key - '1');
	else if (!move(top, key, page))
		change(top, key);
}
