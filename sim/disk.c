/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The medium of a virtual file: a volatile write cache before what is durable.
 * Blocks become durable by flush, by FUA, or by themselves; a power cut leaves
 * of each other one what was there before or what was written, drawn from the
 * seed. I/O takes effect at its end; what is under way when the power fails does
 * so in some of its blocks.
 */
#include <errno.h>
#include <string.h>

#include "sim/disk.h"

#define HALF 500000u

_Static_assert(WORLD_FILE_OPS == FILE_OP_COUNT, "statistics of each kind of I/O");

void world_file_params_default(struct world_file_params *params)
{
	*params = (struct world_file_params){
		.latency_min_ns = 10 * WORLD_US,
		.latency_max_ns = 200 * WORLD_US,
		.evict_ppm = 100000,
	};
}

static uint64_t blocks_of(const struct world_file *d, uint64_t size)
{
	return (size + d->block - 1) / d->block;
}

struct world_file *world_file_new(struct world_node *node, const char *path, uint64_t size,
				  uint32_t block_size)
{
	struct world_file *d = g_new0(struct world_file, 1);
	g_autofree char *stream = g_strdup_printf("file.%s.%s", node->name, path);

	g_assert(world_file_find(node, path) == NULL);
	d->node = node;
	d->path = g_strdup(path);
	d->block = block_size;
	d->index = node->files.ndisks++;
	d->rules = g_array_new(FALSE, FALSE, sizeof(struct disk_rule));
	world_rng_init(node->world, &d->rng, stream);
	world_file_params_default(&d->params);
	world_file_resize(d, size);
	d->next = node->files.disks;
	node->files.disks = d;
	return d;
}

struct world_file *world_file_find(struct world_node *node, const char *path)
{
	struct world_file *d = node->files.disks;

	while (d && (d->gone || strcmp(d->path, path) != 0))
		d = d->next;
	return d;
}

void world_file_resize(struct world_file *d, uint64_t size)
{
	uint64_t old = blocks_of(d, d->size), new = blocks_of(d, size);

	d->view = g_realloc_n(d->view, new, d->block);
	d->durable = g_realloc_n(d->durable, new, d->block);
	d->dirty = g_realloc_n(d->dirty, new, sizeof(d->dirty[0]));
	if (new > old) {
		memset(d->view + old * d->block, 0, (new - old) * d->block);
		memset(d->durable + old * d->block, 0, (new - old) * d->block);
		memset(d->dirty + old, 0, (new - old) * sizeof(d->dirty[0]));
	}
	if (size < d->size && size % d->block != 0)
		memset(d->view + size, 0, d->block - size % d->block);
	d->size = size;
	world_trace(d->node->world, WORLD_FILE_SIZE, d->node->index, d->index, size);
	sim_file_changed(d);
}

void world_file_remove(struct world_file *d)
{
	d->gone = true;
	sim_file_changed(d);
}

void world_file_set_params(struct world_file *d, const struct world_file_params *params)
{
	d->params = *params;
}

int world_file_op_parse(const char *name)
{
	static const char *const names[WORLD_FILE_OPS] = {
		[FILE_READ] = "read", [FILE_WRITE] = "write",	  [FILE_FLUSH] = "flush",
		[FILE_ZERO] = "zero", [FILE_DISCARD] = "discard",
	};

	for (int i = 0; i < WORLD_FILE_OPS; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

unsigned world_file_rule_add(struct world_file *d, const struct world_file_rule *rule)
{
	struct disk_rule r = { .rule = *rule };

	g_array_append_val(d->rules, r);
	return d->rules->len;
}

void world_file_rule_remove(struct world_file *d, unsigned rule)
{
	if (rule >= 1 && rule <= d->rules->len)
		g_array_index(d->rules, struct disk_rule, rule - 1).removed = true;
}

void world_file_rules_clear(struct world_file *d)
{
	g_array_set_size(d->rules, 0);
}

void world_file_stats(const struct world_file *d, struct world_file_stats *stats)
{
	*stats = d->stats;
}

uint64_t world_file_size(const struct world_file *d)
{
	return d->size;
}

const uint8_t *world_file_data(const struct world_file *d)
{
	return d->view;
}

void sim_disk_free(struct world_file *d)
{
	g_array_free(d->rules, TRUE);
	g_free(d->view);
	g_free(d->durable);
	g_free(d->dirty);
	g_free(d->path);
	g_free(d);
}

/* ---- blocks ------------------------------------------------------------------------- */

static void make_durable(struct world_file *d, uint64_t block)
{
	memcpy(d->durable + block * d->block, d->view + block * d->block, d->block);
	d->dirty[block] = 0;
}

/* data NULL: zeros. skip: from the block's begin. */
static void put(struct world_file *d, uint64_t block, uint32_t skip, uint32_t len,
		const uint8_t *data)
{
	uint8_t *to = d->view + block * d->block + skip;

	/* A cache writes back when it likes: so older data, not only the oldest, may survive. */
	if (d->dirty[block] != 0 && world_rng_chance(&d->rng, d->params.evict_ppm))
		make_durable(d, block);
	if (data)
		memcpy(to, data, len);
	else
		memset(to, 0, len);
	if (d->dirty[block] == 0)
		d->dirty[block] = d->seq;
}

static void gather(const struct file_io *io, uint64_t skip, void *to, size_t len)
{
	uint8_t *out = to;

	for (uint32_t i = 0; i < io->niov && len > 0; i++) {
		const struct iovec *v = &io->iov[i];
		size_t n;

		if (skip >= v->iov_len) {
			skip -= v->iov_len;
			continue;
		}
		n = MIN(v->iov_len - skip, len);
		memcpy(out, (const char *)v->iov_base + skip, n);
		skip = 0;
		out += n;
		len -= n;
	}
}

/* Some: only some of its blocks, drawn. */
static void change(struct world_file *d, const struct file_io *io, bool some)
{
	g_autofree uint8_t *data = io->op == FILE_WRITE ? g_malloc(d->block) : NULL;
	uint64_t end = MIN(io->offset + io->len, d->size);

	d->seq++;
	for (uint64_t at = io->offset; at < end;) {
		uint32_t skip = (uint32_t)(at % d->block);
		uint32_t n = (uint32_t)MIN(d->block - skip, end - at);

		if (!some || world_rng_chance(&d->rng, HALF)) {
			if (data)
				gather(io, at - io->offset, data, n);
			put(d, at / d->block, skip, n, data);
			if (!some && (io->flags & FILE_IO_FUA) != 0)
				make_durable(d, at / d->block);
		} else {
			d->stats.torn++;
		}
		at += n;
	}
}

static void read_out(const struct world_file *d, const struct file_io *io)
{
	const uint8_t *from = d->view + io->offset;

	for (uint32_t i = 0; i < io->niov; i++) {
		memcpy(io->iov[i].iov_base, from, io->iov[i].iov_len);
		from += io->iov[i].iov_len;
	}
}

static void flush(struct world_file *d, uint64_t seq)
{
	for (uint64_t b = 0; b < blocks_of(d, d->size); b++) {
		if (d->dirty[b] != 0 && d->dirty[b] <= seq)
			make_durable(d, b);
	}
}

/* ---- I/O ----------------------------------------------------------------------------- */

static bool changes(const struct file_io *io)
{
	return io->op == FILE_WRITE || io->op == FILE_ZERO || io->op == FILE_DISCARD;
}

static int by_rule(struct world_file *d, const struct file_io *io)
{
	for (guint i = 0; i < d->rules->len; i++) {
		struct disk_rule *r = &g_array_index(d->rules, struct disk_rule, i);

		if (r->removed || (r->rule.ops && !(r->rule.ops & 1u << io->op)))
			continue;
		if (r->rule.last && io->op != FILE_FLUSH &&
		    (io->offset > r->rule.last || io->offset + io->len <= r->rule.first))
			continue;
		if (++r->matched < r->rule.nth || (r->rule.times && r->taken >= r->rule.times))
			continue;
		if (r->rule.ppm && !world_rng_chance(&d->rng, r->rule.ppm))
			continue;
		r->taken++;
		return r->rule.err;
	}
	return 0;
}

static int take_effect(struct world_file *d, struct file_io *io)
{
	int err = d->gone ? -ENODEV : by_rule(d, io);

	if (err == 0 && io->op != FILE_FLUSH &&
	    (io->offset > d->size || io->len > d->size - io->offset))
		err = io->op == FILE_READ ? -ENODATA : -ENOSPC;
	if (err != 0) {
		d->stats.errors++;
		if (changes(io) && err != -EOPNOTSUPP && !d->gone)
			change(d, io, true);
		return err;
	}
	d->stats.ios[io->op]++;
	if (io->op == FILE_READ)
		read_out(d, io);
	else if (io->op == FILE_FLUSH)
		flush(d, sim_io_of(io)->seq);
	else
		change(d, io, false);
	return 0;
}

static uint64_t data_hash(const struct file_io *io)
{
	uint64_t hash = (uint64_t)io->op << 8 | io->flags;

	for (uint32_t i = 0; io->op == FILE_WRITE && i < io->niov; i++)
		hash = world_hash_bytes(hash, io->iov[i].iov_base, io->iov[i].iov_len);
	return world_mix(hash, io->len);
}

static void forget(struct world_file *d, struct file_io *io)
{
	struct file_io **p = &d->under_way;

	while (*p != io)
		p = &sim_io_of(*p)->next;
	*p = sim_io_of(io)->next;
}

static void io_due(struct world_event *ev)
{
	struct file_io *io = file_io_of(container(ev, struct sim_io, ev));
	struct world_file *d = sim_io_of(io)->queue->file->disk;
	int result;

	if (d->hang_until > d->node->world->now) {
		if (d->hang_until != HW_NEVER)
			world_event_set(d->node->world, ev, d->hang_until);
		return;
	}
	forget(d, io);
	result = take_effect(d, io);
	world_trace(d->node->world, WORLD_FILE_DONE, d->node->index,
		    (uint64_t)d->index << 32 | io->op, (uint64_t)(int64_t)result);
	sim_file_io_ended(io, result);
}

void world_file_hang(struct world_file *d, uint64_t until)
{
	uint64_t now = d->node->world->now;

	world_trace(d->node->world, WORLD_FILE_HANG, d->node->index, d->index, until);
	d->hang_until = until;
	for (struct file_io *io = d->under_way; io; io = sim_io_of(io)->next) {
		if (!sim_io_of(io)->ev.slot)
			world_event_set(d->node->world, &sim_io_of(io)->ev, now);
	}
}

void sim_disk_submit(struct world_file *d, struct file_io *io)
{
	struct sim_io *s = sim_io_of(io);
	struct world *w = d->node->world;

	world_trace(w, WORLD_FILE_SUBMIT, d->node->index, (uint64_t)d->index << 48 | io->offset,
		    data_hash(io));
	s->seq = d->seq;
	s->next = d->under_way;
	d->under_way = io;
	world_event_init(&s->ev, io_due);
	world_event_set(
		w, &s->ev,
		w->now + world_rng_range(&d->rng, d->params.latency_min_ns,
					 MAX(d->params.latency_min_ns, d->params.latency_max_ns)));
}

void sim_disk_power_cut(struct world_file *d)
{
	uint64_t n = blocks_of(d, d->size);

	while (d->under_way) {
		struct file_io *io = d->under_way;

		forget(d, io);
		world_event_cancel(d->node->world, &sim_io_of(io)->ev);
		if (changes(io) && io->offset < d->size)
			change(d, io, true);
		sim_file_io_ended(io, -EIO);
	}
	for (uint64_t b = 0; b < n; b++) {
		if (d->dirty[b] == 0)
			continue;
		if (world_rng_chance(&d->rng, HALF)) {
			make_durable(d, b);
			continue;
		}
		d->stats.lost++;
		d->dirty[b] = 0;
		memcpy(d->view + b * d->block, d->durable + b * d->block, d->block);
	}
	d->hang_until = 0;
	world_trace(d->node->world, WORLD_FILE_CUT, d->node->index, d->index, d->stats.lost);
}
