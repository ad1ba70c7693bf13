/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a row says, and in which order rows stand. A counter that became less is of
 * something that was made anew under its name, or lost a part (a subsystem its
 * namespace): such an interval has no rates.
 */
#include <math.h>
#include <string.h>

#include "tools/weftctl/top.h"

/* clang-format off */
#define TEXT_(title_, index_, width_, keep_) { title_, TOP_TEXT, index_, width_, keep_ }
#define IO_COLUMNS \
	{ "IOPS", TOP_RATE, TOP_OPS, 8, 90 }, \
	{ "READ MB/s", TOP_MEGABYTES, TOP_READ_BYTES, 10, 80 }, \
	{ "WRITE MB/s", TOP_MEGABYTES, TOP_WRITE_BYTES, 11, 79 }, \
	{ "AVG", TOP_AVERAGE, 0, 7, 30 }, \
	{ "P50", TOP_QUANTILE, 500, 7, 60 }, \
	{ "P99", TOP_QUANTILE, 990, 7, 70 }, \
	{ "P99.9", TOP_QUANTILE, 999, 7, 50 }, \
	{ "ERRORS", TOP_TOTAL, TOP_ERRORS, 7, 40 }

static const struct top_column subsystem_columns[] = {
	TEXT_("SUBSYSTEM", 0, 20, 100), IO_COLUMNS,
	{ "DEPTH", TOP_GAUGE, 3, 6, 35 },
	{ "NS", TOP_GAUGE, 0, 5, 25 },
	{ "CTRLS", TOP_GAUGE, 1, 6, 24 },
	{ 0 },
};
static const struct top_column namespace_columns[] = {
	TEXT_("SUBSYSTEM", 0, 20, 100),
	{ "NSID", TOP_GAUGE, 0, 6, 95 },
	TEXT_("BDEV", 1, 8, 45), IO_COLUMNS,
	{ "DEPTH", TOP_GAUGE, 1, 6, 35 },
	{ "SIZE", TOP_SIZE, 2, 8, 20 },
	{ 0 },
};
static const struct top_column host_columns[] = {
	TEXT_("HOST", 0, 20, 100),
	{ "CTRL", TOP_GAUGE, 0, 5, 44 },
	TEXT_("SUBSYSTEM", 1, 14, 45),
	TEXT_("FROM", 2, 15, 32), IO_COLUMNS,
	{ "DEPTH", TOP_GAUGE, 1, 6, 35 },
	{ "QUEUES", TOP_GAUGE, 2, 7, 25 },
	{ "REACTOR", TOP_GAUGE, 3, 8, 20 },
	{ 0 },
};
static const struct top_column path_columns[] = {
	TEXT_("HOST", 0, 20, 100),
	TEXT_("SUBSYSTEM", 1, 14, 43),
	TEXT_("LISTENER", 2, 15, 45),
	TEXT_("ANA", 3, 9, 44), IO_COLUMNS,
	{ "DEPTH", TOP_GAUGE, 1, 6, 35 },
	{ "CTRLS", TOP_GAUGE, 0, 6, 20 },
	{ "QUEUES", TOP_GAUGE, 2, 7, 25 },
	{ 0 },
};
static const struct top_column bdev_columns[] = {
	TEXT_("BDEV", 0, 16, 100),
	TEXT_("KIND", 1, 8, 28), IO_COLUMNS,
	{ "DEPTH", TOP_GAUGE, 1, 6, 35 },
	{ "SIZE", TOP_SIZE, 2, 8, 25 },
	{ 0 },
};
static const struct top_column reactor_columns[] = {
	TEXT_("REACTOR", 0, 7, 100),
	{ "BUSY %", TOP_SHARE, 0, 7, 95 },
	{ "IOPS", TOP_RATE, TOP_OPS, 8, 90 },
	{ "PASSES/s", TOP_RATE, TOP_PASSES, 9, 40 },
	{ "QUEUES", TOP_GAUGE, 0, 7, 60 },
	{ "WAITING", TOP_GAUGE, 1, 8, 50 },
	{ "POOL", TOP_SIZE, 2, 8, 30 },
	{ "POOL MAX", TOP_SIZE, 3, 9, 20 },
	{ 0 },
};
/* clang-format on */

const struct top_view top_views[TOP_VIEWS] = {
	{ "subsystems", subsystem_columns, 0, -1, -1, 1 },
	{ "namespaces", namespace_columns, 0, -1, 1, 3 },
	{ "hosts", host_columns, 1, 0, -1, 4 },
	{ "paths", path_columns, 1, 0, -1, 4 },
	{ "bdevs", bdev_columns, -1, -1, 0, 2 },
	{ "reactors", reactor_columns, -1, -1, -1, 1 },
};

bool top_find_view(const char *name, enum top_view_id *view)
{
	for (unsigned i = 0; i < TOP_VIEWS; i++) {
		if (strcmp(top_views[i].name, name) != 0)
			continue;
		*view = i;
		return true;
	}
	return false;
}

unsigned top_columns(enum top_view_id view)
{
	unsigned n = 0;

	while (top_views[view].columns[n].title)
		n++;
	return n;
}

int top_find_column(enum top_view_id view, const char *title)
{
	for (unsigned i = 0; i < top_columns(view); i++)
		if (g_ascii_strcasecmp(top_views[view].columns[i].title, title) == 0)
			return (int)i;
	return -1;
}

void top_scope_clear(struct top_scope *scope)
{
	g_free(scope->nqn);
	g_free(scope->host);
	g_free(scope->bdev);
	g_free(scope->filter);
	*scope = (struct top_scope){ 0 };
}

/* --- values --------------------------------------------------------------------------------------
 */

double top_quantile(const struct latency *l, unsigned thousandths)
{
	guint64 count = l ? latency_count(l) : 0, rank, seen = 0;

	if (count == 0)
		return NAN;
	rank = MAX((guint64)ceil((double)count * thousandths / 1000), 1);
	for (unsigned i = 0; i < LATENCY_BUCKETS - 1; i++) {
		seen += l->n[i];
		if (seen >= rank)
			return (double)latency_bound(i);
	}
	return INFINITY;
}

double top_value(const struct top_row *row, const struct top_column *column)
{
	double busy = row->rate[TOP_BUSY], all = busy + row->rate[TOP_IDLE];

	switch (column->kind) {
	case TOP_GAUGE:
	case TOP_SIZE:
		return (double)row->item->gauge[column->index];
	case TOP_RATE:
		return row->rate[column->index];
	case TOP_MEGABYTES:
		return row->rate[column->index] / 1e6;
	case TOP_TOTAL:
		return (double)row->item->count[column->index];
	case TOP_QUANTILE:
		return top_quantile(row->latency, column->index);
	case TOP_AVERAGE:
		return row->rate[TOP_TIMED] > 0 ? row->rate[TOP_TIME] / row->rate[TOP_TIMED] : NAN;
	case TOP_SHARE:
		return all > 0 ? 100 * busy / all : NAN;
	case TOP_TEXT:
		break;
	}
	return NAN;
}

/* --- differences
 * ---------------------------------------------------------------------------------- */

/* False: something became less. */
static bool subtract(struct top_row *row, const struct top_item *old)
{
	static const struct latency zero;
	const struct latency *was = old && old->latency ? old->latency : &zero;
	const struct latency *is = row->item->latency;

	for (unsigned i = 0; i < TOP_COUNTERS; i++) {
		guint64 from = old ? old->count[i] : 0;

		if (row->item->count[i] < from)
			return false;
		row->rate[i] = (double)(row->item->count[i] - from) / row->seconds;
	}
	if (!is)
		return was == &zero;
	row->latency = g_new0(struct latency, 1);
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		if (is->n[i] < was->n[i])
			return false;
		row->latency->n[i] = is->n[i] - was->n[i];
	}
	return true;
}

static void row_free(void *p)
{
	struct top_row *row = p;

	g_free(row->latency);
	g_free(row);
}

static struct top_row *row_new(const struct top_sample *before, const struct top_sample *now,
			       const struct top_item *item)
{
	struct top_row *row = g_new0(struct top_row, 1);
	bool known = top_comparable(before, now);

	row->item = item;
	if (known) {
		row->seconds = (double)(now->time_ns - before->time_ns) / 1e9;
		known = subtract(row, g_hash_table_lookup(before->by_key, item->key));
	}
	if (!known) {
		for (unsigned i = 0; i < TOP_COUNTERS; i++)
			row->rate[i] = NAN;
		g_clear_pointer(&row->latency, g_free);
	}
	return row;
}

/* --- which, and in which order
 * ---------------------------------------------------------------------- */

static bool in_scope(const struct top_item *item, int text, const char *wanted)
{
	return !wanted || text < 0 || strcmp(item->text[text], wanted) == 0;
}

static bool matches(const struct top_item *item, const char *filter)
{
	if (!filter || !*filter)
		return true;
	for (unsigned i = 0; i < TOP_TEXTS; i++)
		if (item->text[i] && strcasestr(item->text[i], filter))
			return true;
	return false;
}

struct order {
	const struct top_column *column;
	bool reverse;
};

static gint compare(gconstpointer pa, gconstpointer pb, gpointer arg)
{
	const struct top_row *a = *(const struct top_row *const *)pa;
	const struct top_row *b = *(const struct top_row *const *)pb;
	const struct order *o = arg;
	int order;

	if (o->column->kind == TOP_TEXT)
		order = strcmp(a->item->text[o->column->index], b->item->text[o->column->index]);
	else if (isnan(a->sort) || isnan(b->sort))
		/* what is not known is last in either direction */
		order = (o->reverse ? -1 : 1) * (isnan(a->sort) - isnan(b->sort));
	else
		order = (a->sort < b->sort) - (a->sort > b->sort); /* the largest first */
	if (order)
		return o->reverse ? -order : order;
	return strcmp(a->item->key, b->item->key);
}

GPtrArray *top_rows(const struct top_sample *before, const struct top_sample *now,
		    const struct top_scope *scope, unsigned sort, bool reverse)
{
	const struct top_view *view = &top_views[now->view];
	struct order order = { &view->columns[sort], reverse };
	GPtrArray *rows = g_ptr_array_new_with_free_func(row_free);

	for (guint i = 0; i < now->items->len; i++) {
		const struct top_item *item = now->items->pdata[i];
		struct top_row *row;

		if (!in_scope(item, view->nqn, scope->nqn) ||
		    !in_scope(item, view->host, scope->host) ||
		    !in_scope(item, view->bdev, scope->bdev) || !matches(item, scope->filter))
			continue;
		row = row_new(before, now, item);
		row->sort = top_value(row, order.column);
		g_ptr_array_add(rows, row);
	}
	g_ptr_array_sort_with_data(rows, compare, &order);
	return rows;
}
