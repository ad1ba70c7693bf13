/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weftctl top: samples (what metrics_get counts) become rows (rates between two of
 * them), rows become lines of text, and a screen or a file shows those. Only
 * top-screen.c knows of a terminal.
 */
#pragma once

#include "target/core/latency.h"
#include "tools/weftctl/live.h"

enum top_view_id {
	TOP_SUBSYSTEMS,
	TOP_NAMESPACES,
	TOP_HOSTS,
	TOP_PATHS,
	TOP_BDEVS,
	TOP_REACTORS,
	TOP_VIEWS
};

/* --- what there is to see ------------------------------------------------------------------- */

enum top_counter {
	TOP_OPS,
	TOP_READ_BYTES,
	TOP_WRITE_BYTES,
	TOP_ERRORS,
	TOP_TIMED, /* commands whose time is in TOP_TIME */
	TOP_TIME,  /* ns */
	TOP_BUSY,  /* ns, of a reactor */
	TOP_IDLE,
	TOP_PASSES,
	TOP_COUNTERS
};

#define TOP_TEXTS 5
#define TOP_GAUGES 4
#define TOP_MAX_COLUMNS 16

/* One thing in one sample. */
struct top_item {
	char *key; /* the same in all samples */
	char *text[TOP_TEXTS];
	guint64 gauge[TOP_GAUGES];
	guint64 count[TOP_COUNTERS];
	struct latency *latency; /* NULL: not known, or nothing in it */
};

struct top_sample {
	enum top_view_id view;
	guint64 time_ns, uptime_ns;
	guint64 busy_ns, idle_ns; /* of all reactors */
	GPtrArray *items;
	GHashTable *by_key;
};

/* What metrics_get is asked for a view; nqn NULL: of all subsystems. Caller frees. */
char *top_params(enum top_view_id view, const char *nqn);
/* NULL: result is not what metrics_get says. */
struct top_sample *top_sample_new(enum top_view_id view, const struct jv *result);
void top_sample_free(struct top_sample *s); /* NULL allowed */
/* Both are of one view and of one run of the target, in this order. */
bool top_comparable(const struct top_sample *before, const struct top_sample *now);

/* --- rows ------------------------------------------------------------------------------------- */

/* What happened between two samples; NAN where that is not known. */
struct top_row {
	const struct top_item *item;
	double rate[TOP_COUNTERS]; /* a second */
	double seconds;
	struct latency *latency; /* of what ended between them; NULL: nothing */
	double sort;
};

enum top_kind {
	TOP_TEXT,
	TOP_GAUGE,
	TOP_SIZE, /* a gauge in bytes */
	TOP_RATE,
	TOP_MEGABYTES, /* a rate in MB/s */
	TOP_TOTAL,     /* a counter as it is */
	TOP_QUANTILE,
	TOP_AVERAGE,
	TOP_SHARE, /* busy of busy and idle, % */
};

struct top_column {
	const char *title; /* NULL ends the table */
	enum top_kind kind;
	unsigned index; /* of the text, gauge or counter; of a quantile in 1/1000 */
	int width;	/* the least of a text */
	int keep;	/* which go first when there is no room: the lowest */
};

struct top_view {
	const char *name;
	const struct top_column *columns;
	int nqn, host, bdev; /* which texts have these; -1: none */
	unsigned sort;	     /* column */
};

extern const struct top_view top_views[TOP_VIEWS];
/* False: there is none of that name. */
bool top_find_view(const char *name, enum top_view_id *view);
/* Column of that title (in any case); -1: none. */
int top_find_column(enum top_view_id view, const char *title);
unsigned top_columns(enum top_view_id view);

/* What rows are left out; NULL: of all. */
struct top_scope {
	char *nqn, *host, *bdev;
	char *filter;
};

void top_scope_clear(struct top_scope *scope);

/* Rows of now (struct top_row, freed with the array), which must outlive them, sorted. */
GPtrArray *top_rows(const struct top_sample *before, const struct top_sample *now,
		    const struct top_scope *scope, unsigned sort, bool reverse);
/* The value of a column that is no text; NAN: not known. */
double top_value(const struct top_row *row, const struct top_column *column);
/* The time within which thousandths/1000 of l took; INFINITY: beyond the last bound. NAN: none. */
double top_quantile(const struct latency *l, unsigned thousandths);

/* --- text ----------------------------------------------------------------------------------------
 */

/* "-" where a value is not known. Caller frees. */
char *top_format_time(double ns);
char *top_format_rate(double per_second);
char *top_format_size(double bytes);
/*
 * Of at most width columns on a terminal: without control or combining characters, and
 * without other than ASCII if so; what is too long loses its beginning. Caller frees.
 */
char *top_fit(const char *text, int width, bool ascii);
/* The columns that text takes. */
int top_width(const char *text);

/* Where columns stand: width 0 is left out. */
struct top_layout {
	int width[TOP_MAX_COLUMNS];
};

void top_lay_out(struct top_layout *layout, enum top_view_id view, unsigned sort, GPtrArray *rows,
		 guint first, guint n, int width);
/* A line of layout: row NULL has the titles. Caller frees. */
char *top_line(const struct top_layout *layout, enum top_view_id view, const struct top_row *row,
	       unsigned sort, bool reverse, bool ascii);

/* --- the page ----------------------------------------------------------------------------------
 */

enum top_prompt { TOP_NO_PROMPT, TOP_ASK_FILTER, TOP_ASK_INTERVAL };

/* A place that Esc goes back to. */
struct top_place {
	enum top_view_id view;
	struct top_scope scope;
	char *selected;
};

struct top {
	struct live live;
	enum top_view_id view, asked;
	struct top_scope scope;
	GPtrArray *places; /* struct top_place */
	unsigned sort[TOP_VIEWS];
	bool reverse[TOP_VIEWS];
	double interval; /* seconds */
	struct top_sample *before, *now;
	GPtrArray *rows;
	char *selected;	 /* key */
	guint at, first; /* rows: the selected one, the first one shown */
	bool help, quit, ascii;
	enum top_prompt prompt;
	GString *typed;
	char *problem; /* why there is no answer */
	bool again;    /* ask at once */
};

void top_init(struct top *top, struct ctl *ctl);
void top_clear(struct top *top);
/* Takes a sample as the latest one. */
void top_take(struct top *top, struct top_sample *sample);
/* Makes the rows anew. */
void top_refresh(struct top *top);
/* Another view, or the same elsewhere: begins without samples. */
void top_go(struct top *top, enum top_view_id view);

/* The lines of the whole screen (char*), at most height of them. */
struct top_page {
	GPtrArray *lines;
	int titles, selected; /* which are these; -1: none */
};

void top_draw(struct top *top, int width, int height, struct top_page *page);
/* The totals of all rows, for the first line. Caller frees. */
char *top_totals(const struct top *top);

/* --- keys ---------------------------------------------------------------------------------------
 */

enum top_key {
	TOP_KEY_UP = 0x110000, /* beyond all characters */
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_BACK, /* backspace */
	TOP_KEY_BACKTAB,
};

/* A character, or one of those. */
void top_press(struct top *top, gunichar key, int page);

/* --- asking, and showing ------------------------------------------------------------------------
 */

/* Asks when it is time, takes answers; when to ask next (g_get_monotonic_time). */
gint64 top_step(struct top *top);
/* On the terminal, until one quits. False and error: it cannot be used. */
bool top_screen(struct top *top, GError **error);
