/* SPDX-License-Identifier: BSD-3-Clause */
/* The file of the configuration that is there; see autosave.h. */
#include "target/config/autosave.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "target/config/load.h"
#include "target/rpc/server.h"
#include "target/rpc/walk.h"

/* A step that could not be begun. */
#define AGAIN_NS UINT64_C(100000000)
/* Between saves, in units of what making the text took: so much of the reactor is others'. */
#define PACE 4
#define PORTION 8192 /* of the text, made in one go */

struct autosave {
	struct rpc_keeper keeper;
	struct rpc_server *server;
	struct autosave_options options;
	char *path, *beside;
	struct file_step step;
	struct task task;      /* begins a save at the end of a pass */
	struct timer timer;    /* begins one, or a step, later */
	struct timer patience; /* with the save under way */
	/* The text while it is made, in portions; calls that make state wait meanwhile. */
	struct rpc_saved saved;
	GString *making;
	bool same;	   /* as what is kept, so far */
	uint64_t spent;	   /* on it, ns */
	char *text, *kept; /* being written; in the file */
	size_t len, kept_len;
	enum { NOT_STARTED, LOADING, KEEPING, ENDED } phase;
	bool dirty, saving, task_queued;
	char *problem; /* NULL: saves are good */
	uint64_t not_before, saves;
	GQueue next, covered; /* struct rpc_request: for the next save, the one under way */
	/* autosave_start() */
	char *seed_name, *seed;
	size_t seed_len;
	void (*started)(void *arg, const GError *error);
	void *started_arg;
	void (*stopped)(void *arg);
	void *stopped_arg;
};

static void kick(struct autosave *a);

static struct autosave *autosave_of(struct rpc_keeper *keeper)
{
	return (struct autosave *)((char *)keeper - offsetof(struct autosave, keeper));
}

static void release(GQueue *requests)
{
	struct rpc_request *req;

	while ((req = g_queue_pop_head(requests)))
		rpc_deliver(req);
}

/* --- trouble ----------------------------------------------------------------------------- */

/* Nobody waits for it from now on. */
static void trouble(struct autosave *a, const char *what)
{
	g_autofree char *problem = g_strdup_printf(
		"the configuration is not kept: %s: %s; changes until this is mended are lost in a "
		"restart",
		a->path, what);

	release(&a->covered);
	release(&a->next);
	if (g_strcmp0(a->problem, problem) == 0)
		return;
	g_free(a->problem);
	a->problem = g_steal_pointer(&problem);
	log_error(a->server->core->log, "config", "save failed", "file=%s error=%s", a->path, what);
	if (a->options.trouble)
		a->options.trouble(a->options.arg, a->problem);
}

static void mended(struct autosave *a)
{
	if (!a->problem)
		return;
	g_clear_pointer(&a->problem, g_free);
	log_notice(a->server->core->log, "config", "saved again", "file=%s", a->path);
	if (a->options.trouble)
		a->options.trouble(a->options.arg, NULL);
}

static void out_of_patience(struct timer *timer, struct reactor *r)
{
	struct autosave *a =
		(struct autosave *)((char *)timer - offsetof(struct autosave, patience));

	(void)r;
	trouble(a, "writing it takes longer than 5 s");
}

/* --- a save ------------------------------------------------------------------------------ */

static void run_step(struct autosave *a);

static void retry(struct timer *timer, struct reactor *r)
{
	struct autosave *a = (struct autosave *)((char *)timer - offsetof(struct autosave, timer));

	(void)r;
	if (a->saving)
		run_step(a);
	else
		kick(a);
}

static void later(struct autosave *a, uint64_t time)
{
	a->timer.fn = retry;
	reactor_timer_set(a->server->reactor, &a->timer, time);
}

static void look_for_end(struct autosave *a)
{
	void (*stopped)(void *arg) = a->stopped;

	if (!stopped || a->saving || (a->dirty && !a->problem))
		return;
	a->stopped = NULL;
	a->phase = ENDED;
	reactor_timer_cancel(a->server->reactor, &a->timer);
	stopped(a->stopped_arg);
}

static void save_ended(struct autosave *a)
{
	reactor_timer_cancel(a->server->reactor, &a->patience);
	a->saving = false;
	if (a->step.result == 0) {
		g_free(a->kept);
		a->kept = g_steal_pointer(&a->text);
		a->kept_len = a->len;
		a->saves++;
		mended(a);
		release(&a->covered);
	} else {
		/* The file may be that of before or, its name not durable, this one. */
		g_clear_pointer(&a->text, g_free);
		g_clear_pointer(&a->kept, g_free);
		a->kept_len = 0;
		a->dirty = true;
		trouble(a, g_strerror(-a->step.result));
		later(a, a->server->reactor->now + AUTOSAVE_RETRY_NS);
	}
	if (a->step.result == 0 && a->dirty)
		kick(a);
	look_for_end(a);
}

static void step_done(struct file_step *step)
{
	struct autosave *a = step->user;

	if (step->result == 0 && step->op < FILE_STEP_SYNC_DIR) {
		step->op++;
		run_step(a);
	} else {
		save_ended(a);
	}
}

/* In order: it is written beside the file, durable there, takes its name, durably. */
static void run_step(struct autosave *a)
{
	struct hw_file *hw = a->server->core->hw->file;

	a->step.path = a->step.op == FILE_STEP_SYNC_DIR ? a->path : a->beside;
	a->step.to = a->path;
	a->step.bytes = a->text;
	a->step.len = a->len;
	if (hw->ops->step(hw, a->server->reactor, &a->step) != 0)
		later(a, a->server->reactor->now + AGAIN_NS);
}

/* The text is complete. */
static void made(struct autosave *a)
{
	bool same = a->same && a->making->len == a->kept_len;

	rpc_saved_clear(&a->saved);
	a->len = a->making->len;
	a->text = g_string_free(g_steal_pointer(&a->making), FALSE);
	a->not_before = hw_now(a->server->core->hw) + PACE * a->spent;
	rpc_server_hold(a->server, false);
	if (same) {
		g_clear_pointer(&a->text, g_free);
		a->saving = false;
		mended(a);
		release(&a->covered);
		if (a->dirty)
			kick(a);
		look_for_end(a);
		return;
	}
	a->step.op = FILE_STEP_WRITE;
	a->patience.fn = out_of_patience;
	reactor_timer_set(a->server->reactor, &a->patience,
			  a->server->reactor->now + AUTOSAVE_PATIENCE_NS);
	run_step(a);
}

/* As much time as it takes is left to others before the next one. */
static void make_portion(struct timer *timer, struct reactor *r)
{
	struct autosave *a = (struct autosave *)((char *)timer - offsetof(struct autosave, timer));
	uint64_t begun = hw_now(r->hw), end;
	size_t at = a->making->len;
	bool more;

	do {
		more = rpc_saved_more(&a->saved, a->making);
	} while (more && a->making->len < at + PORTION);
	a->same = a->same && a->making->len <= a->kept_len &&
		  memcmp(a->kept + at, a->making->str + at, a->making->len - at) == 0;
	end = hw_now(r->hw);
	a->spent += end - begun;
	if (more)
		reactor_timer_set(r, timer, end + (end - begun));
	else
		made(a);
}

static void begin(struct task *task)
{
	struct autosave *a = (struct autosave *)((char *)task - offsetof(struct autosave, task));
	GQueue waiting = a->next;

	a->task_queued = false;
	if (a->saving || !a->dirty || a->phase != KEEPING || a->server->parts > 0)
		return;
	a->dirty = false;
	g_queue_init(&a->next);
	a->covered = waiting;
	a->saving = true;
	a->same = a->kept != NULL;
	a->spent = 0;
	a->making = g_string_new(NULL);
	rpc_saved_begin(&a->saved, a->server);
	rpc_server_hold(a->server, true);
	a->timer.fn = make_portion;
	make_portion(&a->timer, a->server->reactor);
}

/* A save begins, unless one is under way: then when it has ended. */
static void kick(struct autosave *a)
{
	if (a->phase != KEEPING || !a->dirty || a->saving || a->task_queued ||
	    a->server->parts > 0 || timer_is_set(&a->timer))
		return;
	if (a->server->reactor->now < a->not_before) {
		later(a, a->not_before);
		return;
	}
	a->task_queued = true;
	reactor_run_soon(a->server->reactor, &a->task);
}

/* --- what the server says ---------------------------------------------------------------- */

static void changed(struct rpc_keeper *keeper)
{
	struct autosave *a = autosave_of(keeper);

	a->dirty = true;
	kick(a);
}

static void ended(struct rpc_keeper *keeper, struct rpc_request *req)
{
	struct autosave *a = autosave_of(keeper);

	if ((a->phase == LOADING || a->phase == KEEPING) && !req->part && !req->error &&
	    !a->problem)
		g_queue_push_tail(&a->next, req);
	else
		rpc_deliver(req);
	changed(keeper);
}

static void show(struct rpc_keeper *keeper, JsonObject *o)
{
	const struct autosave *a = autosave_of(keeper);
	const char *state = a->problem ? "failing" : a->dirty || a->saving ? "saving" : "saved";

	json_object_set_string_member(o, "file", a->path);
	json_object_set_string_member(o, "state", a->phase == LOADING ? "loading" : state);
	json_object_set_int_member(o, "saves", (gint64)a->saves);
	if (a->problem)
		json_object_set_string_member(o, "problem", a->problem);
}

/* --- start and end ----------------------------------------------------------------------- */

struct autosave *autosave_new(struct rpc_server *server, const struct autosave_options *options)
{
	struct autosave *a = g_new0(struct autosave, 1);

	a->keeper = (struct rpc_keeper){ .ended = ended, .changed = changed, .show = show };
	a->server = server;
	a->options = *options;
	a->options.path = NULL;
	a->path = g_strdup(options->path);
	a->beside = g_strdup_printf("%s.tmp", options->path);
	a->task.fn = begin;
	a->step.user = a;
	a->step.done = step_done;
	timer_init(&a->timer, NULL);
	timer_init(&a->patience, NULL);
	server->keeper = &a->keeper;
	return a;
}

static void loaded(void *arg, const GError *error)
{
	struct autosave *a = arg;

	a->phase = error ? ENDED : KEEPING;
	a->dirty = true;
	if (error)
		release(&a->next);
	kick(a);
	a->started(a->started_arg, error);
}

static void read_done(struct file_step *step)
{
	struct autosave *a = step->user;
	g_autoptr(GError) error = NULL;

	step->done = step_done;
	if (step->result == -ENOENT && a->seed) {
		config_load(a->server, a->seed_name, a->seed, a->seed_len, loaded, a);
	} else if (step->result == -ENOENT) {
		rpc_server_loaded(a->server);
		loaded(a, NULL);
	} else if (step->result == 0) {
		a->kept = g_strndup(step->bytes, step->len);
		a->kept_len = step->len;
		config_load(a->server, a->path, step->bytes, step->len, loaded, a);
		free(step->bytes);
	} else {
		weft_error_set(&error, step->result, NULL, "cannot read %s: %s", a->path,
			       g_strerror(-step->result));
		loaded(a, error);
	}
}

static void read_file(struct timer *timer, struct reactor *r)
{
	struct autosave *a = (struct autosave *)((char *)timer - offsetof(struct autosave, timer));
	struct hw_file *hw = r->hw->file;

	a->step.done = read_done;
	a->step.op = FILE_STEP_READ;
	a->step.path = a->path;
	a->step.len = CONFIG_MAX_BYTES;
	if (hw->ops->step(hw, r, &a->step) != 0)
		reactor_timer_set(r, &a->timer, r->now + AGAIN_NS);
}

void autosave_start(struct autosave *a, const char *seed_name, const char *seed, size_t len,
		    void (*done)(void *arg, const GError *error), void *arg)
{
	a->started = done;
	a->started_arg = arg;
	a->seed_name = g_strdup(seed_name);
	a->seed = seed ? g_memdup2(seed, len) : NULL;
	a->seed_len = len;
	a->phase = LOADING;
	a->server->loading = true;
	a->timer.fn = read_file;
	reactor_timer_set(a->server->reactor, &a->timer, 0);
}

void autosave_stop(struct autosave *a, void (*done)(void *arg), void *arg)
{
	a->stopped = done;
	a->stopped_arg = arg;
	if (a->phase != KEEPING)
		a->dirty = false;
	look_for_end(a);
}

void autosave_free(struct autosave *a)
{
	if (!a)
		return;
	g_assert(!a->saving);
	g_free(a->path);
	g_free(a->beside);
	g_free(a->text);
	g_free(a->kept);
	g_free(a->problem);
	g_free(a->seed_name);
	g_free(a->seed);
	g_free(a);
}
