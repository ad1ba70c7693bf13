/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weft-host verify: writes stamped blocks at random places in random sizes,
 * several in flight, reads them back in between and all at the end, and stops
 * at the first block that is not what it must be. It overwrites the namespace.
 *
 * Blocks of an I/O in flight are busy; no other I/O touches them, so what each
 * must hold is always known.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/weft-host/app.h"
#include "tools/weft-host/stamp.h"

#define container(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define MAX_BYTES (1ull << 30) /* of the namespace, unless --size says otherwise */
#define BLANK_BYTES 65536
#define TRIES 32

struct verify;

struct vio {
	struct host_io io;
	struct iovec iov;
	struct verify *v;
	uint64_t write_id;
	bool write;
};

struct verify {
	struct app *app;
	struct host_qpair *q;
	uint32_t nsid, block_size, max_blocks;
	uint8_t uuid[16];
	uint64_t blocks;
	uint64_t *ids; /* write that each block holds; 0: not written by us */
	bool *busy;
	uint64_t rng, next_id, sweep;
	uint64_t writes, reads, bytes_written, bytes_read;
	uint64_t until;
	bool sweeping, failed, looking;
	unsigned nios, outstanding;
	struct vio *ios;
	struct mem_chunk *data;
};

static uint64_t draw(struct verify *v, uint64_t n)
{
	v->rng ^= v->rng >> 12;
	v->rng ^= v->rng << 25;
	v->rng ^= v->rng >> 27;
	return (uint64_t)((unsigned __int128)(v->rng * UINT64_C(0x2545f4914f6cdd1d)) * n >> 64);
}

static void finish(struct verify *v)
{
	struct app *app = v->app;
	char written[32], read[32];
	JsonBuilder *b;

	if (app->o.json && !v->failed) {
		b = json_builder_new();
		json_builder_begin_object(b);
		json_builder_set_member_name(b, "writes");
		json_builder_add_int_value(b, (gint64)v->writes);
		json_builder_set_member_name(b, "bytes_written");
		json_builder_add_int_value(b, (gint64)v->bytes_written);
		json_builder_set_member_name(b, "reads");
		json_builder_add_int_value(b, (gint64)v->reads);
		json_builder_set_member_name(b, "bytes_verified");
		json_builder_add_int_value(b, (gint64)v->bytes_read);
		json_builder_end_object(b);
		json_print(b);
	} else if (!v->failed) {
		g_print("verify: %" G_GUINT64_FORMAT " writes (%s), %" G_GUINT64_FORMAT
			" reads (%s verified): all blocks as written\n",
			(guint64)v->writes, size_text(v->bytes_written, written), (guint64)v->reads,
			size_text(v->bytes_read, read));
	}
	bool failed = v->failed;

	app->hw->mem->ops->free(app->hw->mem, v->data);
	g_free(v->ios);
	g_free(v->ids);
	g_free(v->busy);
	g_free(v);
	app->work = NULL;
	app_finish(app, failed ? 1 : 0);
}

static void mark(struct verify *v, const struct vio *p, bool busy)
{
	memset(v->busy + p->io.lba, busy, p->io.blocks);
}

static void check_read(struct verify *v, struct vio *p)
{
	const uint8_t *block = p->iov.iov_base;

	for (uint32_t i = 0; i < p->io.blocks; i++, block += v->block_size) {
		uint64_t lba = p->io.lba + i;
		g_autofree char *text = NULL;

		if (v->ids[lba] == 0)
			continue;
		text = stamp_check(block, v->block_size, v->uuid, lba, v->ids[lba]);
		if (text) {
			g_printerr("weft-host: MISMATCH: namespace %u, LBA %" G_GUINT64_FORMAT
				   ": expected what write %" G_GUINT64_FORMAT " wrote, found %s\n",
				   v->nsid, (guint64)lba, (guint64)v->ids[lba], text);
			v->failed = true;
			return;
		}
		v->bytes_read += v->block_size;
	}
}

/* --- what to do next --------------------------------------------------------------------- */

static bool pick(struct verify *v, struct vio *p)
{
	for (unsigned i = 0; i < TRIES; i++) {
		uint32_t n = 1 + (uint32_t)draw(v, MIN(v->max_blocks, v->blocks));
		uint64_t lba = draw(v, v->blocks - n + 1);

		if (memchr(v->busy + lba, true, n))
			continue;
		p->io.lba = lba;
		p->io.blocks = n;
		p->write = draw(v, 100) < 60;
		return true;
	}
	return false;
}

/* At the end, all from first to last. */
static bool pick_sweep(struct verify *v, struct vio *p)
{
	while (v->sweep < v->blocks && v->ids[v->sweep] == 0)
		v->sweep++;
	if (v->sweep == v->blocks)
		return false;
	p->io.lba = v->sweep;
	p->io.blocks = (uint32_t)MIN(v->max_blocks, v->blocks - v->sweep);
	p->write = false;
	v->sweep += p->io.blocks;
	return true;
}

static bool submit(struct verify *v, struct vio *p)
{
	int err;

	p->iov.iov_len = (size_t)p->io.blocks * v->block_size;
	if (p->write) {
		p->write_id = v->next_id++;
		for (uint32_t i = 0; i < p->io.blocks; i++)
			stamp_fill((uint8_t *)p->iov.iov_base + (size_t)i * v->block_size,
				   v->block_size, v->uuid, p->io.lba + i, p->write_id);
	} else {
		memset(p->iov.iov_base, 0xdb, p->iov.iov_len);
	}
	err = p->write ? host_write(v->q, &p->io) : host_read(v->q, &p->io);
	if (err) {
		g_printerr("weft-host: verify: an I/O could not be sent: %s\n", g_strerror(-err));
		v->failed = true;
		return false;
	}
	mark(v, p, true);
	v->outstanding++;
	return true;
}

/* Keeps an I/O going; when none is left, on to the sweep, and to the end. */
static void go_on(struct verify *v, struct vio *p)
{
	if (!v->failed && !v->sweeping && hw_now(v->app->hw) < v->until && !v->app->interrupted) {
		if (pick(v, p) && submit(v, p))
			return;
	} else if (!v->failed && v->sweeping && pick_sweep(v, p) && submit(v, p)) {
		return;
	}
	if (v->outstanding)
		return;
	if (v->failed || v->sweeping) {
		finish(v);
		return;
	}
	v->sweeping = hw_now(v->app->hw) >= v->until || v->app->interrupted;
	for (unsigned i = 0; i < v->nios && !v->failed; i++)
		if (!(v->sweeping ? pick_sweep(v, &v->ios[i]) : pick(v, &v->ios[i])) ||
		    !submit(v, &v->ios[i]))
			break;
	if (v->outstanding == 0)
		finish(v);
}

static void done(struct host_io *io)
{
	struct vio *p = container(io, struct vio, io);
	struct verify *v = p->v;

	v->outstanding--;
	mark(v, p, false);
	if (io->status) {
		if (!v->failed)
			g_printerr("weft-host: verify: %s of %u blocks at LBA %" G_GUINT64_FORMAT
				   " failed: %s (0x%x)\n",
				   p->write ? "write" : "read", io->blocks, (guint64)io->lba,
				   nvme_status_name(io->status), io->status);
		v->failed = true;
	} else if (p->write) {
		v->writes++;
		v->bytes_written += p->iov.iov_len;
		for (uint32_t i = 0; i < io->blocks; i++)
			v->ids[io->lba + i] = p->write_id;
	} else if (!v->failed) {
		v->reads++;
		check_read(v, p);
	}
	go_on(v, p);
}

/* --- the beginning ------------------------------------------------------------------------- */

static void begin(struct verify *v)
{
	v->until = hw_now(v->app->hw) + (uint64_t)(v->app->o.seconds * 1e9);
	for (unsigned i = 0; i < v->nios && !v->failed; i++)
		if (!pick(v, &v->ios[i]) || !submit(v, &v->ios[i]))
			break;
	if (v->outstanding == 0)
		finish(v);
}

/* Nobody named the namespace: it must look unused, or it is not touched. */
static void looked(struct host_io *io)
{
	struct vio *p = container(io, struct vio, io);
	struct verify *v = p->v;
	const uint8_t *data = p->iov.iov_base;
	size_t i = 0;

	while (io->status == NVME_SUCCESS && i < p->iov.iov_len && data[i] == 0)
		i++;
	if (io->status || i < p->iov.iov_len) {
		g_printerr("weft-host: verify overwrites data, and namespace %u is not blank: "
			   "name it if that is meant (-N %u)\n",
			   v->nsid, v->nsid);
		v->failed = true;
		finish(v);
		return;
	}
	io->done = done;
	begin(v);
}

static void look(struct verify *v)
{
	struct vio *p = &v->ios[0];

	p->io.done = looked;
	p->io.lba = 0;
	p->io.blocks = (uint32_t)MIN(MIN(v->max_blocks, BLANK_BYTES / v->block_size), v->blocks);
	p->iov.iov_len = (size_t)p->io.blocks * v->block_size;
	if (host_read(v->q, &p->io)) {
		v->failed = true;
		finish(v);
	}
}

static bool setup(struct verify *v, const struct host_ns *ns)
{
	struct app *app = v->app;
	uint64_t bytes = MIN(ns->blocks * ns->block_size, app->o.size ? app->o.size : MAX_BYTES);
	uint32_t most = MIN(app->o.io_size, host_ctrlr_max_io(app->ctrlr));

	if (host_ctrlr_qpairs(app->ctrlr) == 0 || bytes < ns->block_size || most < ns->block_size) {
		g_printerr("weft-host: verify: no I/O queue, or -o or --size is less than a block "
			   "(%u)\n",
			   ns->block_size);
		return false;
	}
	v->q = host_ctrlr_qpair(app->ctrlr, 0);
	v->nsid = ns->nsid;
	v->block_size = ns->block_size;
	v->blocks = bytes / ns->block_size;
	v->max_blocks = most / ns->block_size;
	memcpy(v->uuid, ns->uuid, 16);
	v->ids = g_new0(uint64_t, v->blocks);
	v->busy = g_new0(bool, v->blocks);
	v->next_id = 1;
	v->rng = app->o.seed;
	if (!v->rng)
		hw_random(app->hw, &v->rng, sizeof(v->rng));
	v->rng |= 1;
	v->nios = MIN(app->o.depth, host_qpair_depth(v->q));
	v->ios = g_new0(struct vio, v->nios);
	v->data = app_memory(app, v->nios, most);
	for (unsigned i = 0; i < v->nios; i++) {
		struct vio *p = &v->ios[i];

		p->v = v;
		p->iov.iov_base = (uint8_t *)v->data->base + i * app_stride(most);
		p->io = (struct host_io){
			.done = done, .iov = &p->iov, .niov = 1, .nsid = v->nsid
		};
	}
	return true;
}

static void start(struct app *app)
{
	const struct host_ns *ns = app_namespace(app);
	struct verify *v;

	if (ns && !app->o.nsid && host_ctrlr_namespaces(app->ctrlr) > 1) {
		g_printerr("weft-host: verify overwrites data: name the namespace (-N NSID)\n");
		ns = NULL;
	}
	if (!ns) {
		app_finish(app, 1);
		return;
	}
	app->work = v = g_new0(struct verify, 1);
	v->app = app;
	if (!setup(v, ns)) {
		v->failed = true;
		finish(v);
	} else if (app->o.nsid) {
		begin(v);
	} else {
		look(v);
	}
}

/* app->interrupted is looked at by every completion. */
static void stop(struct app *app)
{
	(void)app;
}

const struct command command_verify = {
	.name = "verify",
	.summary = "write stamped blocks, read them back, compare; OVERWRITES the namespace",
	.start = start,
	.stop = stop,
	.load = true,
};
