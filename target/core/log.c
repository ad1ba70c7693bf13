/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log: finished lines go out through hw/env.h, held back by a token bucket
 * for each (component, event). The table of buckets is of fixed size; a bucket
 * that must give way reports first what it held back.
 *
 * The lock is held for the table only, never while a line is made or written.
 * Not for the I/O path.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hw/env.h"
#include "target/core/log.h"

#define LOG_BURST 20	      /* lines at once */
#define LOG_RATE_NS 200000000 /* then one each 200 ms */
#define LOG_SLOTS 256
#define LOG_WAYS 4 /* slots that an event may be in */
#define LOG_LINE_MAX 1024

struct bucket {
	const char *component, *event; /* constant strings; NULL: free */
	uint64_t hash;
	uint64_t refilled; /* clock of the last token given */
	unsigned tokens;
	uint64_t suppressed;
};

const char *const log_components[] = {
#define X(name) name,
	LOG_COMPONENTS(X)
#undef X
		NULL,
};

#define COMPONENTS (G_N_ELEMENTS(log_components) - 1)

struct log {
	const struct hw *hw;
	atomic_int level, print_level;
	atomic_int own[COMPONENTS]; /* LOG_GENERAL: none */
	atomic_int most;	    /* that any component may write: the first look */
	atomic_bool timestamps;
	GMutex lock;
	struct bucket buckets[LOG_SLOTS];
};

static const char *const level_names[] = {
	[LOG_ERROR] = "ERROR", [LOG_WARN] = "WARNING", [LOG_NOTICE] = "NOTICE",
	[LOG_INFO] = "INFO",   [LOG_DEBUG] = "DEBUG",
};

/* As they stand in a line. */
static const char *const level_tags[] = {
	[LOG_ERROR] = "ERROR", [LOG_WARN] = "WARN",   [LOG_NOTICE] = "NOTICE",
	[LOG_INFO] = "INFO",   [LOG_DEBUG] = "DEBUG",
};

struct log *log_new(const struct hw *hw, enum log_level level)
{
	struct log *log = g_new0(struct log, 1);

	log->hw = hw;
	atomic_init(&log->level, (int)level);
	atomic_init(&log->print_level, (int)level);
	atomic_init(&log->most, (int)level);
	atomic_init(&log->timestamps, true);
	for (unsigned i = 0; i < COMPONENTS; i++)
		atomic_init(&log->own[i], LOG_GENERAL);
	g_mutex_init(&log->lock);
	return log;
}

/* --- levels ---------------------------------------------------------------------- */

static int get(const atomic_int *level)
{
	return atomic_load_explicit(level, memory_order_relaxed);
}

static int general(const struct log *log)
{
	return MAX(get(&log->level), get(&log->print_level));
}

/* Changes come from the control path, one at a time; readers are any thread. */
static void set(struct log *log, atomic_int *level, int value)
{
	int most;

	atomic_store_explicit(level, value, memory_order_relaxed);
	most = general(log);
	for (unsigned i = 0; i < COMPONENTS; i++)
		most = MAX(most, get(&log->own[i]));
	atomic_store_explicit(&log->most, most, memory_order_relaxed);
}

void log_set_level(struct log *log, enum log_level level)
{
	set(log, &log->level, (int)level);
}

enum log_level log_get_level(const struct log *log)
{
	return (enum log_level)get(&log->level);
}

void log_set_print_level(struct log *log, enum log_level level)
{
	set(log, &log->print_level, (int)level);
}

enum log_level log_get_print_level(const struct log *log)
{
	return (enum log_level)get(&log->print_level);
}

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		if (*a != *b && !((*a == '_' || *a == '.') && (*b == '_' || *b == '.')))
			return false;
	}
	return *a == *b;
}

int log_component_find(const char *name)
{
	for (unsigned i = 0; i < COMPONENTS; i++) {
		if (same_name(name, log_components[i]))
			return (int)i;
	}
	return -1;
}

void log_set_component_level(struct log *log, unsigned component, int level)
{
	g_assert(component < COMPONENTS && level >= LOG_GENERAL && level <= LOG_DEBUG);
	set(log, &log->own[component], level);
}

int log_get_component_level(const struct log *log, unsigned component)
{
	g_assert(component < COMPONENTS);
	return get(&log->own[component]);
}

static bool is_wanted(const struct log *log, enum log_level level, const char *component)
{
	int i, own;

	if ((int)level > get(&log->most))
		return false;
	i = log_component_find(component);
	own = i >= 0 ? get(&log->own[i]) : LOG_GENERAL;
	return (int)level <= (own != LOG_GENERAL ? own : general(log));
}

void log_set_timestamps(struct log *log, bool on)
{
	atomic_store_explicit(&log->timestamps, on, memory_order_relaxed);
}

const char *log_level_name(enum log_level level)
{
	return (unsigned)level < G_N_ELEMENTS(level_names) ? level_names[level] : "UNKNOWN";
}

bool log_level_parse(const char *name, enum log_level *level)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(level_names); i++) {
		if (g_ascii_strcasecmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* --- one line ------------------------------------------------------------------ */

struct line {
	char text[LOG_LINE_MAX];
	size_t len;
};

static void line_vadd(struct line *l, const char *format, va_list args) G_GNUC_PRINTF(2, 0);
static void line_vadd(struct line *l, const char *format, va_list args)
{
	size_t room = sizeof(l->text) - l->len;
	int n = vsnprintf(l->text + l->len, room, format, args);

	if (n > 0)
		l->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void line_add(struct line *l, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void line_add(struct line *l, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line_vadd(l, format, args);
	va_end(args);
}

static void line_time(struct line *l, const struct log *log)
{
	uint64_t wall = log->hw->env->ops->wall(log->hw->env);
	time_t seconds = (time_t)(wall / 1000000000);
	unsigned micros = (unsigned)(wall % 1000000000 / 1000);
	struct tm tm = { 0 };

	gmtime_r(&seconds, &tm);
	line_add(l, "%04d-%02d-%02dT%02d:%02d:%02d.%06uZ ", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, micros);
}

static void line_start(struct line *l, const struct log *log, enum log_level level,
		       const char *component, const char *event)
{
	l->len = 0;
	if (atomic_load_explicit(&log->timestamps, memory_order_relaxed))
		line_time(l, log);
	line_add(l, "%s %s \"%s\"", level_tags[level], component, event);
}

static void line_write(struct line *l, struct log *log)
{
	/* Whatever a caller forgot to quote: a line stays one line. */
	for (size_t i = 0; i < l->len; i++) {
		unsigned char c = (unsigned char)l->text[i];

		if (c < 0x20 || c == 0x7f)
			l->text[i] = '?';
	}
	log->hw->env->ops->log_line(log->hw->env, l->text, l->len);
}

static void report_suppressed(struct log *log, const struct bucket *b)
{
	struct line line;

	if (b->component == NULL || b->suppressed == 0)
		return;
	line_start(&line, log, LOG_NOTICE, b->component, b->event);
	line_add(&line, " suppressed=%" G_GUINT64_FORMAT, b->suppressed);
	line_write(&line, log);
}

void log_free(struct log *log)
{
	if (log == NULL)
		return;
	for (unsigned i = 0; i < LOG_SLOTS; i++)
		report_suppressed(log, &log->buckets[i]);
	g_mutex_clear(&log->lock);
	g_free(log);
}

/* --- rate limit ------------------------------------------------------------------ */

static uint64_t hash_str(uint64_t h, const char *s)
{
	/* FNV-1a, the terminating zero included, so that the border of two strings counts */
	do {
		h = (h ^ (unsigned char)*s) * 0x100000001b3;
	} while (*s++ != '\0');
	return h;
}

static bool is_bucket_of(const struct bucket *b, uint64_t hash, const char *component,
			 const char *event)
{
	return b->component != NULL && b->hash == hash && strcmp(b->component, component) == 0 &&
	       strcmp(b->event, event) == 0;
}

/* The bucket of an event; *evicted is what had to give way to it, if anything. */
static struct bucket *find_bucket(struct log *log, const char *component, const char *event,
				  uint64_t now, struct bucket *evicted)
{
	uint64_t hash = hash_str(hash_str(0xcbf29ce484222325, component), event);
	struct bucket *set = &log->buckets[hash % (LOG_SLOTS / LOG_WAYS) * LOG_WAYS];
	struct bucket *victim = set;

	for (unsigned i = 0; i < LOG_WAYS; i++) {
		if (is_bucket_of(&set[i], hash, component, event))
			return &set[i];
		if (set[i].component == NULL ||
		    (victim->component != NULL && set[i].refilled < victim->refilled))
			victim = &set[i];
	}
	*evicted = *victim;
	*victim = (struct bucket){
		.component = component,
		.event = event,
		.hash = hash,
		.refilled = now,
		.tokens = LOG_BURST,
	};
	return victim;
}

/* Whether a line may be written; *suppressed is how many were held back before it. */
static bool take_token(struct log *log, const char *component, const char *event,
		       uint64_t *suppressed, struct bucket *evicted)
{
	uint64_t now = hw_now(log->hw);
	bool ok = false;

	g_mutex_lock(&log->lock);
	struct bucket *b = find_bucket(log, component, event, now, evicted);
	uint64_t fresh = now > b->refilled ? (now - b->refilled) / LOG_RATE_NS : 0;

	if (fresh >= LOG_BURST - b->tokens) {
		b->tokens = LOG_BURST;
		b->refilled = now > b->refilled ? now : b->refilled;
	} else {
		b->tokens += (unsigned)fresh;
		b->refilled += fresh * LOG_RATE_NS;
	}
	if (b->tokens > 0) {
		b->tokens--;
		*suppressed = b->suppressed;
		b->suppressed = 0;
		ok = true;
	} else {
		b->suppressed++;
	}
	g_mutex_unlock(&log->lock);
	return ok;
}

void log_write(struct log *log, enum log_level level, const char *component, const char *event,
	       const char *fields, ...)
{
	struct bucket evicted = { 0 };
	uint64_t suppressed = 0;
	struct line line;
	va_list args;
	bool ok;

	if (!is_wanted(log, level, component))
		return;
	ok = take_token(log, component, event, &suppressed, &evicted);
	report_suppressed(log, &evicted);
	if (!ok)
		return;

	line_start(&line, log, level, component, event);
	if (suppressed > 0)
		line_add(&line, " suppressed=%" G_GUINT64_FORMAT, suppressed);
	if (fields[0] != '\0') {
		line_add(&line, " ");
		va_start(args, fields);
		line_vadd(&line, fields, args);
		va_end(args);
	}
	line_write(&line, log);
}
