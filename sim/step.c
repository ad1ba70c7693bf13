/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small files that are worked on as a whole: names that mean contents. Changes of
 * names go through a journal, in order; contents become durable by SYNC alone. So
 * a power cut shows what was done in the wrong order, or not at all.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/disk.h"
#include "target/core/reactor.h"

#define HALF 500000u
#define STEP_MIN_NS (20 * WORLD_US)
#define STEP_MAX_NS (2 * WORLD_MS)

/* What a name means. Counted: by names, by the journal, by a step between WRITE and SYNC. */
struct content {
	unsigned refs;
	GString *bytes;
	bool synced;
};

struct name {
	char *path;
	struct content *now, *durable; /* NULL: there is no such file */
};

/* One entry of the journal: up to two names mean something else at once. */
struct change {
	struct name *name[2];
	struct content *content[2];
};

struct sim_texts {
	GPtrArray *names; /* struct name, in order of their first use */
	GArray *journal;  /* struct change, not durable yet */
	struct world_rng rng;
	uint64_t progress, hang_until;
	struct sim_step *under_way;
};

/* struct file_step's backend part. */
struct sim_step {
	struct file_step *step;
	struct world_node *node;
	struct file_ctx *ctx;
	struct content *content; /* what WRITE wrote, until SYNC */
	struct sim_step *next;
	struct world_event ev;
	struct file_due due;
};

/* ---- contents and names --------------------------------------------------------------- */

static struct content *content_ref(struct content *c)
{
	if (c)
		c->refs++;
	return c;
}

static void content_unref(struct content *c)
{
	if (!c || --c->refs > 0)
		return;
	g_string_free(c->bytes, TRUE);
	g_free(c);
}

static struct content *content_new(const char *bytes, size_t len)
{
	struct content *c = g_new0(struct content, 1);

	c->refs = 1;
	c->bytes = g_string_new_len(bytes, (gssize)len);
	return c;
}

static void mean(struct content **slot, struct content *c)
{
	content_ref(c);
	content_unref(*slot);
	*slot = c;
}

static struct sim_texts *texts_of(struct world_node *node)
{
	struct sim_texts *t = node->files.texts;
	g_autofree char *stream = NULL;

	if (t)
		return t;
	t = g_new0(struct sim_texts, 1);
	t->names = g_ptr_array_new();
	t->journal = g_array_new(FALSE, FALSE, sizeof(struct change));
	stream = g_strdup_printf("texts.%s", node->name);
	world_rng_init(node->world, &t->rng, stream);
	node->files.texts = t;
	return t;
}

static struct name *find(struct sim_texts *t, const char *path)
{
	struct name *n;

	for (unsigned i = 0; i < t->names->len; i++) {
		n = t->names->pdata[i];
		if (strcmp(n->path, path) == 0)
			return n;
	}
	n = g_new0(struct name, 1);
	n->path = g_strdup(path);
	g_ptr_array_add(t->names, n);
	return n;
}

/* ---- the journal ------------------------------------------------------------------------ */

static void change(struct sim_texts *t, struct change c)
{
	for (unsigned i = 0; i < 2 && c.name[i]; i++) {
		content_ref(c.content[i]);
		mean(&c.name[i]->now, c.content[i]);
	}
	g_array_append_val(t->journal, c);
}

/* The first n changes are durable. */
static void commit(struct sim_texts *t, unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		struct change *c = &g_array_index(t->journal, struct change, k);

		for (unsigned i = 0; i < 2 && c->name[i]; i++) {
			mean(&c->name[i]->durable, c->content[i]);
			content_unref(c->content[i]);
		}
	}
	g_array_remove_range(t->journal, 0, n);
}

static void forget_journal(struct sim_texts *t)
{
	for (unsigned k = 0; k < t->journal->len; k++) {
		struct change *c = &g_array_index(t->journal, struct change, k);

		for (unsigned i = 0; i < 2 && c->name[i]; i++)
			content_unref(c->content[i]);
	}
	g_array_set_size(t->journal, 0);
}

/* ---- steps ------------------------------------------------------------------------------ */

static int do_read(struct sim_texts *t, struct file_step *step)
{
	const struct content *c = find(t, step->path)->now;

	if (!c)
		return -ENOENT;
	if (c->bytes->len > step->len)
		return -EFBIG;
	step->len = c->bytes->len;
	step->bytes = malloc(step->len + 1);
	memcpy(step->bytes, c->bytes->str, step->len);
	step->bytes[step->len] = '\0';
	return 0;
}

static int do_rename(struct sim_texts *t, const struct file_step *step)
{
	struct name *from = find(t, step->path), *to = find(t, step->to);

	if (!from->now)
		return -ENOENT;
	change(t, (struct change){ .name = { to, from }, .content = { from->now, NULL } });
	return 0;
}

static int work(struct sim_texts *t, struct sim_step *s)
{
	struct file_step *step = s->step;

	switch (step->op) {
	case FILE_STEP_READ:
		return do_read(t, step);
	case FILE_STEP_WRITE:
		s->content = content_new(step->bytes, step->len);
		change(t, (struct change){ .name = { find(t, step->path) },
					   .content = { s->content } });
		return 0;
	case FILE_STEP_SYNC:
		s->content->synced = true;
		/* Most file systems write the journal, too; none promises to. */
		if (world_rng_chance(&t->rng, HALF))
			commit(t, t->journal->len);
		return 0;
	case FILE_STEP_RENAME:
		return do_rename(t, step);
	default:
		commit(t, t->journal->len);
		return 0;
	}
}

static int fault(struct world_node *node, uint8_t op)
{
	static const char *const points[FILE_STEP_COUNT] = {
		[FILE_STEP_READ] = "step.read.eio",	    [FILE_STEP_WRITE] = "step.write.eio",
		[FILE_STEP_SYNC] = "step.sync.eio",	    [FILE_STEP_RENAME] = "step.rename.eio",
		[FILE_STEP_SYNC_DIR] = "step.sync-dir.eio",
	};

	if (sim_fault(node, points[op]))
		return -EIO;
	if (op == FILE_STEP_WRITE && sim_fault(node, "step.write.enospc"))
		return -ENOSPC;
	if (op == FILE_STEP_WRITE && sim_fault(node, "step.write.erofs"))
		return -EROFS;
	return 0;
}

static void step_told(struct file_due *due)
{
	struct sim_step *s = container(due, struct sim_step, due);
	struct file_step *step = s->step;
	struct content *content = s->content;

	sim_file_ctx_put(s->ctx);
	g_free(s);
	if (step->result == 0 && step->op == FILE_STEP_WRITE)
		step->backend[0] = (uint64_t)(uintptr_t)content;
	else
		content_unref(content);
	step->done(step);
}

static void ended(struct sim_step *s, int result)
{
	s->step->result = result;
	s->due.run = step_told;
	sim_file_due(s->ctx, &s->due);
}

static void unlink_step(struct sim_texts *t, struct sim_step *s)
{
	struct sim_step **p = &t->under_way;

	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
}

static void step_due(struct world_event *ev)
{
	struct sim_step *s = container(ev, struct sim_step, ev);
	struct sim_texts *t = texts_of(s->node);
	int result;

	if (t->hang_until > s->node->world->now) {
		if (t->hang_until != HW_NEVER)
			world_event_set(s->node->world, ev, t->hang_until);
		return;
	}
	unlink_step(t, s);
	result = s->node->crashed ? -EIO : fault(s->node, s->step->op);
	if (result == 0)
		result = work(t, s);
	t->progress++;
	world_trace(s->node->world, WORLD_FILE_STEP, s->node->index,
		    world_mix(world_hash_str(s->step->path), s->step->op),
		    (uint64_t)(int64_t)result);
	ended(s, result);
}

int sim_step(struct hw_file *hw, struct reactor *reactor, struct file_step *step)
{
	struct world_node *node = container(hw, struct node_files, hw)->node;
	struct sim_texts *t = texts_of(node);
	struct sim_step *s;

	if (sim_fault(node, "step.enomem"))
		return -ENOMEM;
	s = g_new0(struct sim_step, 1);
	s->step = step;
	s->node = node;
	s->ctx = sim_file_ctx_get(node, reactor);
	if (step->op == FILE_STEP_SYNC)
		s->content = (struct content *)(uintptr_t)step->backend[0];
	s->next = t->under_way;
	t->under_way = s;
	t->progress++;
	world_event_init(&s->ev, step_due);
	world_event_set(node->world, &s->ev,
			node->world->now + world_rng_range(&t->rng, STEP_MIN_NS, STEP_MAX_NS));
	return 0;
}

/* ---- power ------------------------------------------------------------------------------ */

/* Done, not done, or a part of it. */
static void cut_step(struct sim_texts *t, struct sim_step *s)
{
	if (s->step->op == FILE_STEP_READ || !world_rng_chance(&t->rng, HALF))
		return;
	work(t, s);
	if (s->step->op == FILE_STEP_WRITE)
		g_string_truncate(s->content->bytes,
				  world_rng_below(&t->rng, s->content->bytes->len + 1));
}

/* What was not synced is all there, or not quite. */
static void cut_content(struct sim_texts *t, struct content *c)
{
	if (!c || c->synced)
		return;
	c->synced = true;
	switch (world_rng_below(&t->rng, 4)) {
	case 0:
		g_string_truncate(c->bytes, 0);
		return;
	case 1:
		g_string_truncate(c->bytes, world_rng_below(&t->rng, c->bytes->len + 1));
		return;
	case 2:
		memset(c->bytes->str, 0, c->bytes->len);
		return;
	default:
		return;
	}
}

void sim_texts_crash(struct world_node *fresh, struct world_node *corpse)
{
	struct sim_texts *t = corpse->files.texts;

	if (!t)
		return;
	while (t->under_way) {
		struct sim_step *s = t->under_way;

		cut_step(t, s);
		unlink_step(t, s);
		world_event_cancel(corpse->world, &s->ev);
		ended(s, -EIO);
	}
	commit(t, (unsigned)world_rng_below(&t->rng, t->journal->len + 1));
	forget_journal(t);
	for (unsigned i = 0; i < t->names->len; i++) {
		struct name *n = t->names->pdata[i];

		cut_content(t, n->durable);
		mean(&n->now, n->durable);
	}
	t->hang_until = 0;
	fresh->files.texts = t;
	corpse->files.texts = NULL;
}

void sim_texts_free(struct world_node *node)
{
	struct sim_texts *t = node->files.texts;

	if (!t)
		return;
	g_assert(!t->under_way);
	forget_journal(t);
	for (unsigned i = 0; i < t->names->len; i++) {
		struct name *n = t->names->pdata[i];

		content_unref(n->now);
		content_unref(n->durable);
		g_free(n->path);
		g_free(n);
	}
	g_ptr_array_unref(t->names);
	g_array_unref(t->journal);
	g_free(t);
}

/* ---- for tests -------------------------------------------------------------------------- */

const char *world_text_get(struct world_node *node, const char *path, size_t *len)
{
	const struct content *c = find(texts_of(node), path)->now;

	if (!c)
		return NULL;
	*len = c->bytes->len;
	return c->bytes->str;
}

void world_text_put(struct world_node *node, const char *path, const char *text)
{
	struct sim_texts *t = texts_of(node);
	struct content *c = text ? content_new(text, strlen(text)) : NULL;

	if (c)
		c->synced = true;
	change(t, (struct change){ .name = { find(t, path) }, .content = { c } });
	content_unref(c);
	commit(t, t->journal->len);
}

uint64_t world_text_progress(const struct world_node *node)
{
	return node->files.texts ? node->files.texts->progress : 0;
}

void world_text_hang(struct world_node *node, uint64_t until)
{
	struct sim_texts *t = texts_of(node);

	t->hang_until = until;
	for (struct sim_step *s = t->under_way; s; s = s->next) {
		if (!s->ev.slot)
			world_event_set(node->world, &s->ev, node->world->now);
	}
}
