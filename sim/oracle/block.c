/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Oracle B. See block.h for the idea. Each block that was ever touched has its
 * values; those that no read can return any more are forgotten when no read of the
 * block is under way, since seeing them later is a violation whatever they were.
 */
#include "sim/oracle/block.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#include "sim/oracle/crc.h"

#define NEVER UINT64_MAX

enum value_kind {
	VALUE_STAMP,
	VALUE_ZERO, /* of any write of zeros: they look alike */
	VALUE_ANY,  /* what was there before, not known */
	VALUE_HASH, /* the same, since it was read */
};

struct value {
	uint64_t id; /* of the write; 0: there from the beginning */
	enum value_kind kind;
	uint64_t begun; /* the write */
	uint64_t ended; /* the first of its operations that ended; NEVER: none has */
	uint64_t last;	/* when the last of its operations began */
	uint32_t hash;	/* VALUE_HASH */
	uint64_t stamp_lba, stamp_id; /* VALUE_STAMP: other ones than its own when it was copied */
	uint64_t swapped;	      /* write of a Compare and Write that replaced just this */
	uint64_t after;		      /* it replaced what had been there since then: nothing between */
	bool certain;	/* it has been there: acknowledged, or seen */
	bool durable;	/* and a loss of power cannot undo that */
	uint64_t acked; /* 0: not yet */
};

struct cell {
	GArray *values;
	unsigned reads; /* under way */
	bool fragile;	/* what is over may come back: only durable values end others */
};

struct oracle_block_ns {
	struct oracle_block *o;
	uint8_t uuid[16];
	uint32_t block_size;
	uint64_t blocks;
	uint64_t known; /* blocks from here on were cut off once: unknown */
	bool zeroed, fragile;
	GHashTable *cells; /* LBA -> struct cell */
};

struct oracle_write {
	struct oracle_block_ns *ns;
	uint64_t id, path, lba, begun;
	uint32_t blocks;
	enum oracle_write_kind kind;
	bool in_doubt, fenced, fua;
	bool seen; /* any of its blocks, by a read */
};

struct oracle_block {
	uint64_t now, next_id;
	GPtrArray *namespaces;
	GPtrArray *writes; /* struct oracle_write, not resolved; in order of begin */
	struct oracle_block_stats stats;
};

/* --- cells -------------------------------------------------------------------------- */

static void cell_free(void *p)
{
	struct cell *cell = p;

	g_array_free(cell->values, TRUE);
	g_free(cell);
}

static struct cell *cell_get(struct oracle_block_ns *ns, uint64_t lba)
{
	struct cell *cell = g_hash_table_lookup(ns->cells, &lba);
	struct value first = { .certain = true, .durable = true };
	uint64_t *key;

	if (cell != NULL)
		return cell;
	first.kind = ns->zeroed && lba < ns->known ? VALUE_ZERO : VALUE_ANY;
	cell = g_new0(struct cell, 1);
	cell->fragile = ns->fragile;
	cell->values = g_array_new(FALSE, FALSE, sizeof(struct value));
	g_array_append_val(cell->values, first);
	key = g_new(uint64_t, 1);
	*key = lba;
	g_hash_table_insert(ns->cells, key, cell);
	return cell;
}

static struct value *find_id(const struct cell *cell, uint64_t id)
{
	for (unsigned i = 0; i < cell->values->len; i++) {
		struct value *v = &g_array_index(cell->values, struct value, i);

		if (v->id == id)
			return v;
	}
	return NULL;
}

/*
 * Whether v, of which an operation began at `begun` and ends now, came both before
 * and after another value that is certain.
 */
static bool over(const struct cell *cell, const struct value *v, uint64_t begun)
{
	for (unsigned i = 0; i < cell->values->len; i++) {
		const struct value *u = &g_array_index(cell->values, struct value, i);

		if (u != v && u->certain && v->ended < u->last && u->ended < begun)
			return true;
	}
	return false;
}

/* What a read that begins now finds, where that is certain; else NULL. */
static const struct value *only_value(const struct cell *cell, uint64_t now)
{
	const struct value *found = NULL;

	for (unsigned i = 0; i < cell->values->len; i++) {
		const struct value *v = &g_array_index(cell->values, struct value, i);

		if (over(cell, v, now + 1))
			continue;
		if (found != NULL)
			return NULL;
		found = v;
	}
	return found;
}

/*
 * Drops values that are over (over()) for all reads to come; of a fragile cell, by what a loss of
 * power cannot undo. There may be thousands where reads never pause.
 */
static void forget(struct oracle_block *o, struct cell *cell)
{
	uint64_t last[2] = { 0, 0 }; /* of the value that the others are over by, and of the next */
	unsigned best = 0;

	if (cell->reads > 0)
		return;
	for (unsigned i = 0; i < cell->values->len; i++) {
		const struct value *u = &g_array_index(cell->values, struct value, i);

		if (!u->certain || u->ended > o->now || (cell->fragile && !u->durable))
			continue;
		if (u->last > last[0]) {
			last[1] = last[0];
			last[0] = u->last;
			best = i;
		} else {
			last[1] = MAX(last[1], u->last);
		}
	}
	for (unsigned i = cell->values->len; i-- > 0;) {
		if (g_array_index(cell->values, struct value, i).ended < last[i == best])
			g_array_remove_index(cell->values, i);
	}
}

/* --- writes -------------------------------------------------------------------------- */

/* What it leaves in the i-th of its blocks. */
static void set_left(const struct oracle_write *w, struct value *v, uint32_t i, uint64_t source)
{
	const struct value *from;

	v->stamp_lba = w->lba + i;
	v->stamp_id = w->id;
	if (w->kind != ORACLE_COPY)
		return;
	from = only_value(cell_get(w->ns, source + i), w->ns->o->now);
	g_assert(from != NULL);
	v->kind = from->kind;
	v->stamp_lba = from->stamp_lba;
	v->stamp_id = from->stamp_id;
}

static struct oracle_write *begin_write(struct oracle_block_ns *ns, uint64_t path,
					enum oracle_write_kind kind, uint64_t lba, uint32_t blocks,
					uint64_t source)
{
	struct oracle_block *o = ns->o;
	struct oracle_write *w = g_new(struct oracle_write, 1);
	struct value v = { .kind = kind == ORACLE_WRITE ? VALUE_STAMP : VALUE_ZERO,
			   .ended = NEVER };
	struct cell *cell;

	*w = (struct oracle_write){ .ns = ns,
				    .id = ++o->next_id,
				    .path = path,
				    .lba = lba,
				    .begun = ++o->now,
				    .blocks = blocks,
				    .kind = kind };
	v.id = w->id;
	v.begun = v.last = w->begun;
	for (uint32_t i = 0; i < blocks; i++) {
		cell = cell_get(ns, lba + i);
		set_left(w, &v, i, source);
		g_array_append_val(cell->values, v);
	}
	g_ptr_array_add(o->writes, w);
	o->stats.writes++;
	return w;
}

struct oracle_write *oracle_block_write_begin(struct oracle_block_ns *ns, uint64_t path,
					      enum oracle_write_kind kind, uint64_t lba,
					      uint32_t blocks)
{
	return begin_write(ns, path, kind, lba, blocks, 0);
}

struct oracle_write *oracle_block_copy_begin(struct oracle_block_ns *ns, uint64_t path,
					     uint64_t from, uint64_t lba, uint32_t blocks)
{
	for (uint32_t i = 0; i < blocks; i++) {
		const struct value *v = only_value(cell_get(ns, from + i), ns->o->now);

		if (v == NULL || (v->kind != VALUE_STAMP && v->kind != VALUE_ZERO))
			return NULL;
	}
	return begin_write(ns, path, ORACLE_COPY, lba, blocks, from);
}

uint64_t oracle_block_write_id(const struct oracle_write *w)
{
	return w->id;
}

void oracle_block_stamp(const struct oracle_write *w, void *data)
{
	struct oracle_stamp stamp = { .id = w->id };

	memcpy(stamp.uuid, w->ns->uuid, sizeof(stamp.uuid));
	for (uint32_t i = 0; i < w->blocks; i++) {
		stamp.lba = w->lba + i;
		oracle_stamp_fill((uint8_t *)data + (size_t)i * w->ns->block_size,
				  w->ns->block_size, &stamp);
	}
}

static void write_end(struct oracle_write *w)
{
	g_ptr_array_remove(w->ns->o->writes, w);
	g_free(w);
}

/* The write, if it has an effect at all, has it before now. */
static void end_values(struct oracle_write *w, bool certain)
{
	uint64_t now = ++w->ns->o->now;

	for (uint32_t i = 0; i < w->blocks; i++) {
		struct cell *cell = cell_get(w->ns, w->lba + i);
		struct value *v = find_id(cell, w->id);

		if (v == NULL) /* over already, or cut off by a resize */
			continue;
		v->ended = MIN(v->ended, now);
		v->certain = v->certain || certain;
		if (certain)
			v->acked = now;
		v->durable = v->durable || (certain && w->fua);
		forget(w->ns->o, cell);
	}
}

void oracle_block_write_fua(struct oracle_write *w)
{
	w->fua = true;
}

void oracle_block_write_ack(struct oracle_write *w)
{
	w->ns->o->stats.acked++;
	end_values(w, w->kind != ORACLE_TRIM);
	write_end(w);
}

char *oracle_block_write_failed(struct oracle_write *w)
{
	char *text = NULL;

	w->ns->o->now++;
	w->ns->o->stats.failed++;
	if (w->seen)
		text = g_strdup_printf("B.failed: LBA %" PRIu64 ", %u blocks: write %" PRIu64
				       " was refused, but a read has seen it",
				       w->lba, w->blocks, w->id);
	for (uint32_t i = 0; i < w->blocks; i++) {
		struct cell *cell = cell_get(w->ns, w->lba + i);
		struct value *v = find_id(cell, w->id);

		if (v == NULL)
			continue;
		g_array_remove_index(cell->values,
				     (unsigned)(v - (struct value *)(void *)cell->values->data));
	}
	write_end(w);
	return text;
}

void oracle_block_write_in_doubt(struct oracle_write *w)
{
	w->ns->o->now++;
	w->ns->o->stats.in_doubt++;
	w->in_doubt = true;
	if (w->fenced)
		write_end(w);
}

void oracle_block_fence(struct oracle_block *o, uint64_t path)
{
	o->now++;
	for (unsigned i = 0; i < o->writes->len;) {
		struct oracle_write *w = g_ptr_array_index(o->writes, i);

		if (w->path != path) {
			i++;
			continue;
		}
		o->stats.fenced++;
		end_values(w, false);
		w->fenced = true;
		if (w->in_doubt)
			write_end(w);
		else
			i++;
	}
}

/* --- loss of power -------------------------------------------------------------------- */

void oracle_block_ns_volatile(struct oracle_block_ns *ns)
{
	ns->fragile = true;
}

uint64_t oracle_block_flush_begin(struct oracle_block_ns *ns)
{
	return ++ns->o->now;
}

void oracle_block_flush_ack(struct oracle_block_ns *ns, uint64_t begun)
{
	struct cell *cell;
	GHashTableIter iter;
	gpointer p;

	ns->o->now++;
	g_hash_table_iter_init(&iter, ns->cells);
	while (g_hash_table_iter_next(&iter, NULL, &p)) {
		cell = p;
		for (unsigned i = 0; i < cell->values->len; i++) {
			struct value *v = &g_array_index(cell->values, struct value, i);

			if (v->acked != 0 && v->acked < begun)
				v->durable = true;
		}
		forget(ns->o, cell);
	}
}

/*
 * Any value that is not over by a durable one may be there now. It is as if all
 * their writes were concurrent and had just ended: the first read decides.
 */
static void cut_cell(struct oracle_block *o, struct cell *cell)
{
	/* Not while a read is under way, whose answer may have left before. */
	forget(o, cell);
	for (unsigned i = 0; i < cell->values->len; i++) {
		struct value *v = &g_array_index(cell->values, struct value, i);

		v->certain = cell->values->len == 1;
		v->durable = v->certain;
		v->ended = o->now;
		v->last = v->begun;
		v->acked = 0;
		v->swapped = 0; /* which may have been undone */
	}
}

void oracle_block_power_cut(struct oracle_block_ns *ns)
{
	GHashTableIter iter;
	gpointer p;

	ns->o->now++;
	g_hash_table_iter_init(&iter, ns->cells);
	while (g_hash_table_iter_next(&iter, NULL, &p))
		cut_cell(ns->o, p);
}

/* --- reads ---------------------------------------------------------------------------------- */

uint64_t oracle_block_read_begin(struct oracle_block_ns *ns, uint64_t lba, uint32_t blocks)
{
	for (uint32_t i = 0; i < blocks; i++)
		cell_get(ns, lba + i)->reads++;
	return ++ns->o->now;
}

void oracle_block_read_failed(struct oracle_block_ns *ns, uint64_t lba, uint32_t blocks)
{
	for (uint32_t i = 0; i < blocks; i++) {
		struct cell *cell = cell_get(ns, lba + i);

		if (cell->reads > 0) /* 0: cut off meanwhile, and back */
			cell->reads--;
	}
}

static void seen_write(struct oracle_block *o, uint64_t id)
{
	for (unsigned i = 0; i < o->writes->len; i++) {
		struct oracle_write *w = g_ptr_array_index(o->writes, i);

		if (w->id == id)
			w->seen = true;
	}
}

static void seen(struct oracle_block *o, struct value *v, uint64_t begun)
{
	if (!v->certain)
		seen_write(o, v->id);
	v->certain = true;
	v->ended = MIN(v->ended, o->now);
	v->last = MAX(v->last, begun);
}

/*
 * Which write's zeros they are (or which copy of a block) cannot be told when it may be several; then nothing
 * is learned of it.
 */
static struct value *find_like(struct cell *cell, uint64_t begun, enum value_kind kind,
			       const struct oracle_stamp *stamp, unsigned *n)
{
	struct value *found = NULL;

	*n = 0;
	for (unsigned i = 0; i < cell->values->len; i++) {
		struct value *v = &g_array_index(cell->values, struct value, i);

		if (v->kind != kind ||
		    (kind == VALUE_STAMP &&
		     (v->stamp_id != stamp->id || v->stamp_lba != stamp->lba)) ||
		    over(cell, v, MAX(begun, v->begun)))
			continue;
		++*n;
		found = v;
	}
	return found;
}

static bool seen_like(struct oracle_block *o, struct cell *cell, uint64_t begun,
		      enum value_kind kind, const struct oracle_stamp *stamp)
{
	unsigned n;
	struct value *found = find_like(cell, begun, kind, stamp, &n);

	if (n == 1)
		seen(o, found, begun);
	return n > 0;
}

/* Whether what was there before can be what is there now; then it stays so. */
static bool seen_before(struct oracle_block *o, struct cell *cell, uint64_t begun,
			const void *block, uint32_t size)
{
	uint32_t hash = oracle_crc32c(0, block, size);

	for (unsigned i = 0; i < cell->values->len; i++) {
		struct value *v = &g_array_index(cell->values, struct value, i);

		if ((v->kind != VALUE_ANY && (v->kind != VALUE_HASH || v->hash != hash)) ||
		    over(cell, v, begun))
			continue;
		v->kind = VALUE_HASH;
		v->hash = hash;
		seen(o, v, begun);
		return true;
	}
	return false;
}

/* What may be read, for a text. */
static char *candidates(const struct cell *cell)
{
	GString *s = g_string_new(NULL);

	for (unsigned i = 0; i < cell->values->len; i++) {
		const struct value *v = &g_array_index(cell->values, struct value, i);

		g_string_append_printf(s, "%s%s %" PRIu64 "%s", i > 0 ? ", " : "",
				       v->kind == VALUE_ZERO ? "zeros of write" : "write", v->id,
				       v->ended == NEVER ? " (not ended)" : "");
	}
	return g_string_free(s, FALSE);
}

static char *wrong(const struct oracle_block_ns *ns, const struct cell *cell, uint64_t lba,
		   enum oracle_stamp_kind kind, const struct oracle_stamp *stamp)
{
	g_autofree char *may = candidates(cell);

	if (kind == ORACLE_STAMP_TORN)
		return g_strdup_printf("B.torn: LBA %" PRIu64 ": a block mixed of write %" PRIu64
				       " and something else; it may be: %s",
				       lba, stamp->id, may);
	if (kind == ORACLE_STAMP_NONE)
		return g_strdup_printf("B.garbage: LBA %" PRIu64
				       ": nothing that was ever written; it may be: %s",
				       lba, may);
	if (kind == ORACLE_STAMP_ZERO)
		return g_strdup_printf("B.lost: LBA %" PRIu64 ": zeros; it may be: %s", lba, may);
	if (memcmp(stamp->uuid, ns->uuid, sizeof(ns->uuid)) != 0 || stamp->lba != lba)
		return g_strdup_printf("B.misdirected: LBA %" PRIu64 ": block %" PRIu64
				       " of %s namespace, write %" PRIu64 "; it may be: %s",
				       lba, stamp->lba,
				       memcmp(stamp->uuid, ns->uuid, 16) != 0 ? "another" : "this",
				       stamp->id, may);
	return g_strdup_printf("B.stale: LBA %" PRIu64 ": write %" PRIu64
			       ", which is overwritten, refused or too late; it may be: %s",
			       lba, stamp->id, may);
}

/*
 * A Compare and Write replaced what it had compared: no other write may have come
 * in between. One that began after the old value was there and ended before the
 * new one was read did just that.
 */
static char *check_between(struct cell *cell, uint64_t lba, const struct oracle_stamp *stamp,
			   uint64_t begun)
{
	const struct value *v = find_id(cell, stamp->id);

	if (v == NULL || v->after == 0 || stamp->lba != lba)
		return NULL;
	for (unsigned i = 0; i < cell->values->len; i++) {
		const struct value *u = &g_array_index(cell->values, struct value, i);

		if (u != v && u->stamp_id == v->stamp_id && u->stamp_lba == lba)
			return NULL; /* copied away and back: it may be that one */
	}
	for (unsigned i = 0; i < cell->values->len; i++) {
		const struct value *u = &g_array_index(cell->values, struct value, i);

		if (u != v && u->certain && u->begun > v->after && u->ended < begun)
			return g_strdup_printf("B.between: LBA %" PRIu64 ": write %" PRIu64
					       " came between Compare and Write %" PRIu64,
					       lba, u->id, v->id);
	}
	return NULL;
}

static char *check_block(struct oracle_block_ns *ns, uint64_t begun, uint64_t lba,
			 const void *block)
{
	struct cell *cell = cell_get(ns, lba);
	struct oracle_stamp stamp;
	enum oracle_stamp_kind kind = oracle_stamp_read(block, ns->block_size, &stamp);

	ns->o->stats.blocks_read++;
	if (kind == ORACLE_STAMP_GOOD && memcmp(stamp.uuid, ns->uuid, sizeof(ns->uuid)) == 0 &&
	    seen_like(ns->o, cell, begun, VALUE_STAMP, &stamp))
		return check_between(cell, lba, &stamp, begun);
	if (kind == ORACLE_STAMP_ZERO && seen_like(ns->o, cell, begun, VALUE_ZERO, NULL))
		return NULL;
	if (seen_before(ns->o, cell, begun, block, ns->block_size))
		return NULL;
	return wrong(ns, cell, lba, kind, &stamp);
}

char *oracle_block_read_check(struct oracle_block_ns *ns, uint64_t begun, uint64_t lba,
			      uint32_t blocks, const void *data)
{
	char *text = NULL;

	ns->o->now++;
	for (uint32_t i = 0; i < blocks && text == NULL; i++)
		text = check_block(ns, begun, lba + i,
				   (const uint8_t *)data + (size_t)i * ns->block_size);
	oracle_block_read_failed(ns, lba, blocks); /* it is over */
	for (uint32_t i = 0; i < blocks; i++)
		forget(ns->o, cell_get(ns, lba + i));
	return text;
}

/* --- Compare, and Compare and Write -------------------------------------------------------- */

void oracle_block_guess(struct oracle_block_ns *ns, uint64_t lba, uint32_t blocks, void *data)
{
	for (uint32_t i = 0; i < blocks; i++) {
		const struct cell *cell = cell_get(ns, lba + i);
		uint8_t *block = (uint8_t *)data + (size_t)i * ns->block_size;
		struct oracle_stamp stamp;
		const struct value *v = only_value(cell, ns->o->now);

		if (v == NULL)
			v = &g_array_index(cell->values, struct value, cell->values->len - 1);
		memset(block, 0, ns->block_size);
		if (v->kind != VALUE_STAMP)
			continue;
		memcpy(stamp.uuid, ns->uuid, sizeof(stamp.uuid));
		stamp.lba = v->stamp_lba;
		stamp.id = v->stamp_id;
		oracle_stamp_fill(block, ns->block_size, &stamp);
	}
}

/* All the time it was, and is, just this. */
static bool must_be(struct oracle_block_ns *ns, uint64_t begun, uint64_t lba, const void *block)
{
	const struct cell *cell = cell_get(ns, lba);
	struct oracle_stamp stamp;
	enum oracle_stamp_kind kind = oracle_stamp_read(block, ns->block_size, &stamp);

	for (unsigned i = 0; i < cell->values->len; i++) {
		const struct value *v = &g_array_index(cell->values, struct value, i);

		if (over(cell, v, MAX(begun, v->begun)))
			continue;
		if (!(v->kind == VALUE_ZERO && kind == ORACLE_STAMP_ZERO) &&
		    !(v->kind == VALUE_STAMP && kind == ORACLE_STAMP_GOOD &&
		      v->stamp_lba == stamp.lba && v->stamp_id == stamp.id))
			return false;
	}
	return memcmp(stamp.uuid, ns->uuid, sizeof(ns->uuid)) == 0 || kind == ORACLE_STAMP_ZERO;
}

char *oracle_block_differs(struct oracle_block_ns *ns, uint64_t begun, uint64_t lba,
			   uint32_t blocks, const void *data)
{
	bool all = true;

	ns->o->now++;
	for (uint32_t i = 0; i < blocks && all; i++)
		all = must_be(ns, begun, lba + i, (const uint8_t *)data + (size_t)i * ns->block_size);
	oracle_block_read_failed(ns, lba, blocks); /* it is over */
	return all ? g_strdup_printf("B.compare: LBA %" PRIu64 ", %u blocks: Compare failed, "
				     "but all of them are what it compared with",
				     lba, blocks)
		   : NULL;
}

/* The value that was compared is replaced by this write, and by no other one. */
static char *swap_block(struct oracle_write *w, uint64_t begun, uint64_t lba, const void *block)
{
	struct cell *cell = cell_get(w->ns, lba);
	struct oracle_stamp stamp;
	struct value *v, *mine = find_id(cell, w->id);
	unsigned n;

	if (mine == NULL || oracle_stamp_read(block, w->ns->block_size, &stamp) != ORACLE_STAMP_GOOD)
		return NULL;
	v = find_like(cell, begun, VALUE_STAMP, &stamp, &n);
	if (n != 1)
		return NULL;
	if (v->swapped != 0)
		return g_strdup_printf("B.swap: LBA %" PRIu64 ": write %" PRIu64
				       " was replaced by Compare and Write %" PRIu64
				       ", and again by %" PRIu64,
				       lba, v->id, v->swapped, w->id);
	v->swapped = w->id;
	mine->after = v->ended;
	return NULL;
}

char *oracle_block_swap_ack(struct oracle_write *w, uint64_t begun, const void *data)
{
	struct oracle_block_ns *ns = w->ns;
	char *text = NULL;

	ns->o->now++;
	for (uint32_t i = 0; i < w->blocks && text == NULL; i++) {
		const uint8_t *block = (const uint8_t *)data + (size_t)i * ns->block_size;

		text = check_block(ns, begun, w->lba + i, block);
		if (text == NULL)
			text = swap_block(w, begun, w->lba + i, block);
	}
	oracle_block_read_failed(ns, w->lba, w->blocks); /* it is over */
	oracle_block_write_ack(w);
	return text;
}

char *oracle_block_compare(struct oracle_block_ns *ns,
			   bool (*fn)(void *arg, uint64_t lba, void *block), void *arg)
{
	g_autofree uint8_t *block = g_malloc(ns->block_size);

	for (uint64_t lba = 0; lba < ns->blocks; lba++) {
		uint64_t begun = oracle_block_read_begin(ns, lba, 1);
		char *text;

		if (!fn(arg, lba, block))
			return g_strdup_printf("B.unreadable: LBA %" PRIu64, lba);
		text = oracle_block_read_check(ns, begun, lba, 1, block);
		if (text != NULL)
			return text;
		ns->o->stats.blocks_compared++;
	}
	return NULL;
}

/* --- namespaces ---------------------------------------------------------------------------------
 */

static gboolean beyond(void *key, void *cell, void *blocks)
{
	(void)cell;
	return *(uint64_t *)key >= *(uint64_t *)blocks;
}

void oracle_block_resize(struct oracle_block_ns *ns, uint64_t blocks)
{
	ns->o->now++;
	if (blocks < ns->blocks) {
		g_hash_table_foreach_remove(ns->cells, beyond, &blocks);
		ns->known = MIN(ns->known, blocks);
	}
	ns->blocks = blocks;
}

static void ns_free(void *p)
{
	struct oracle_block_ns *ns = p;

	g_hash_table_destroy(ns->cells);
	g_free(ns);
}

struct oracle_block_ns *oracle_block_ns_new(struct oracle_block *o, const uint8_t uuid[16],
					    uint32_t block_size, uint64_t blocks, bool zeroed)
{
	struct oracle_block_ns *ns = g_new0(struct oracle_block_ns, 1);

	g_assert(block_size >= ORACLE_BLOCK_MIN);
	ns->o = o;
	memcpy(ns->uuid, uuid, sizeof(ns->uuid));
	ns->block_size = block_size;
	ns->blocks = blocks;
	ns->known = NEVER;
	ns->zeroed = zeroed;
	ns->cells = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, cell_free);
	g_ptr_array_add(o->namespaces, ns);
	return ns;
}

struct oracle_block_ns *oracle_block_ns_find(struct oracle_block *o, const uint8_t uuid[16])
{
	for (unsigned i = 0; i < o->namespaces->len; i++) {
		struct oracle_block_ns *ns = g_ptr_array_index(o->namespaces, i);

		if (memcmp(ns->uuid, uuid, sizeof(ns->uuid)) == 0)
			return ns;
	}
	return NULL;
}

void oracle_block_stats(const struct oracle_block *o, struct oracle_block_stats *stats)
{
	*stats = o->stats;
}

struct oracle_block *oracle_block_new(void)
{
	struct oracle_block *o = g_new0(struct oracle_block, 1);

	o->namespaces = g_ptr_array_new_with_free_func(ns_free);
	o->writes = g_ptr_array_new();
	return o;
}

void oracle_block_free(struct oracle_block *o)
{
	if (o == NULL)
		return;
	for (unsigned i = 0; i < o->writes->len; i++)
		g_free(g_ptr_array_index(o->writes, i));
	g_ptr_array_free(o->writes, TRUE);
	g_ptr_array_free(o->namespaces, TRUE);
	g_free(o);
}
