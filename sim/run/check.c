/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of a run: all namespaces are read through the backend and through a
 * fresh host, everybody leaves, and nothing may be left.
 */
#include <string.h>

#include "sim/run/run-priv.h"
#include "target/core/buf.h"
#include "target/nvmf/tgt.h"

#define IMAGE_CHUNK 65536u

/* --- whole images -------------------------------------------------------------------------- */

struct image {
	struct run *run;
	struct run_target *t;
	struct bdev_desc *desc;
	struct bdev_channel *channel;
	struct bdev_io io;
	struct iovec iov;
	struct host_io host_io;
	uint8_t *data;
	uint64_t blocks, at;
	uint32_t block_size;
	unsigned failed;
	bool done;
};

static bool image_block(void *arg, uint64_t lba, void *block)
{
	const struct image *im = arg;

	memcpy(block, im->data + lba * im->block_size, im->block_size);
	return true;
}

static bool image_done(struct run *run)
{
	return run->pending == 0;
}

static uint32_t image_piece(const struct image *im)
{
	return (uint32_t)MIN(IMAGE_CHUNK / im->block_size, im->blocks - im->at);
}

static void backend_next(struct image *im);

static void backend_removed(struct bdev_desc *desc, void *user)
{
	(void)desc;
	(void)user;
}

static const struct bdev_events no_events = { .removed = backend_removed };

static void backend_done(struct bdev_io *io)
{
	struct image *im = (struct image *)((char *)io - offsetof(struct image, io));

	im->failed += io->status != NVME_SUCCESS;
	im->at += io->blocks;
	backend_next(im);
}

static void backend_next(struct image *im)
{
	if (im->at == im->blocks) {
		bdev_channel_put(im->channel);
		bdev_close(im->desc);
		im->run->pending--;
		return;
	}
	im->iov = (struct iovec){ im->data + im->at * im->block_size,
				  (size_t)image_piece(im) * im->block_size };
	im->io = (struct bdev_io){ .channel = im->channel,
				   .done = backend_done,
				   .op = BDEV_READ,
				   .lba = im->at,
				   .blocks = image_piece(im),
				   .iov = &im->iov,
				   .niov = 1 };
	bdev_submit(&im->io);
}

static void backend_begin(struct reactor *r, void *arg)
{
	struct image *im = arg;

	im->channel = bdev_channel_get(bdev_desc_bdev(im->desc), r);
	backend_next(im);
}

static void compare(struct image *im, struct oracle_block_ns *model, const char *how)
{
	char *text;

	if (im->failed > 0) {
		run_fail(im->run, RUN_SAFETY, "B", "%u reads through the %s failed", im->failed,
			 how);
		return;
	}
	text = oracle_block_compare(model, image_block, im);
	if (text != NULL)
		run_fail(im->run, RUN_SAFETY, "B", "the image, read through the %s: %s", how, text);
	g_free(text);
}

static void image_of_bdev(struct run *run, struct run_target *t, struct bdev *b)
{
	struct oracle_block_ns *model = oracle_block_ns_find(run->block, b->uuid);
	struct image im = { .run = run, .t = t, .blocks = b->num_blocks };

	if (model == NULL || run->failed)
		return;
	im.block_size = b->block_size;
	im.data = g_malloc(b->num_blocks * b->block_size);
	im.desc = bdev_open(t->target->bdevs, b->name, false, &no_events, NULL, NULL);
	if (im.desc != NULL) {
		run->pending = 1;
		core_call(core_main(t->target->core), backend_begin, &im);
		if (run_until_done(run, image_done, run->s->bound))
			compare(&im, model, "backend");
		else
			run_fail(run, RUN_LIVENESS, "L", "reading %s through the backend hangs",
				 b->name);
	}
	g_free(im.data);
}

/* --- through a fresh host ------------------------------------------------------------------- */

struct fresh {
	struct run *run;
	struct run_host *like;
	struct core *core;
	struct host_ctrlr *c;
	char *error;
};

static void fresh_connected(struct host_ctrlr *c, const GError *error, void *arg)
{
	struct fresh *f = arg;

	f->c = error == NULL ? c : NULL;
	f->error = error != NULL ? g_strdup(error->message) : NULL;
	f->run->pending--;
}

static void fresh_connect(struct reactor *r, void *arg)
{
	struct fresh *f = arg;
	const struct scn_host *s = f->like->s;
	const char *traddr = s->traddr != NULL
				     ? s->traddr
				     : ((const char **)f->like->target->s->addresses.items)[0];
	struct host_params p;

	host_params_default(&p);
	p.transport = (enum host_trtype)s->trtype;
	p.subnqn = s->subnqn;
	p.hostnqn = f->like->hostnqn;
	memset(p.hostid, 0xf5, sizeof(p.hostid));
	if (!net_addr_parse(&p.addr, traddr, s->trsvcid, NULL) ||
	    host_ctrlr_connect(r, &p, fresh_connected, f, NULL) == NULL)
		f->run->pending--;
}

static void fresh_left(void *arg)
{
	((struct fresh *)arg)->run->pending--;
}

static void fresh_disconnect(struct reactor *r, void *arg)
{
	struct fresh *f = arg;

	(void)r;
	host_ctrlr_disconnect(f->c, fresh_left, f);
}

struct fresh_image {
	struct image im;
	struct fresh *f;
	uint32_t nsid;
};

static void fresh_read(struct reactor *r, void *arg);

static void fresh_read_done(struct host_io *io)
{
	struct fresh_image *fi =
		(struct fresh_image *)((char *)io - offsetof(struct fresh_image, im.host_io));

	fi->im.failed += io->status != NVME_SUCCESS;
	fi->im.at += io->blocks;
	fresh_read(NULL, fi);
}

static void fresh_read(struct reactor *r, void *arg)
{
	struct fresh_image *fi = arg;
	struct image *im = &fi->im;
	uint32_t most = host_ctrlr_max_io(fi->f->c) / im->block_size;

	(void)r;
	if (im->at == im->blocks) {
		im->run->pending--;
		return;
	}
	im->host_io = (struct host_io){ .done = fresh_read_done,
					.iov = &im->iov,
					.niov = 1,
					.nsid = fi->nsid,
					.lba = im->at,
					.blocks = MIN(image_piece(im), most) };
	im->iov = (struct iovec){ im->data + im->at * im->block_size,
				  (size_t)im->host_io.blocks * im->block_size };
	if (host_read(host_ctrlr_qpair(fi->f->c, 0), &im->host_io) != 0) {
		im->failed++;
		im->run->pending--;
	}
}

static void fresh_image(struct fresh *f, const struct host_ns *ns)
{
	struct run *run = f->run;
	struct oracle_block_ns *model = oracle_block_ns_find(run->block, ns->uuid);
	struct fresh_image fi = {
		.im = { .run = run, .blocks = ns->blocks, .block_size = ns->block_size },
		.f = f,
		.nsid = ns->nsid,
	};

	if (model == NULL || run->failed || !run_path_usable(f->like, ns->nsid))
		return;
	fi.im.data = g_malloc(ns->blocks * ns->block_size);
	run->pending = 1;
	core_call(core_main(f->core), fresh_read, &fi);
	if (run_until_done(run, image_done, run->s->bound))
		compare(&fi.im, model, "fresh host");
	else
		run_fail(run, RUN_LIVENESS, "L", "reading namespace %u from a fresh host hangs",
			 ns->nsid);
	g_free(fi.im.data);
}

static void fresh_host(struct run *run, struct run_host *like, struct core *core)
{
	struct fresh f = { .run = run, .like = like, .core = core };

	run->pending = 1;
	core_call(core_main(core), fresh_connect, &f);
	if (!run_until_done(run, image_done, run->s->bound) || f.c == NULL) {
		run_fail(run, RUN_LIVENESS, "L", "a fresh host cannot connect to %s: %s",
			 like->s->subnqn, f.error != NULL ? f.error : "no answer");
		g_free(f.error);
		return;
	}
	for (unsigned i = 0; i < host_ctrlr_namespaces(f.c); i++)
		fresh_image(&f, host_ctrlr_ns_at(f.c, i));
	if (run->failed)
		return;
	run->pending = 1;
	core_call(core_main(core), fresh_disconnect, &f);
	if (!run_until_done(run, image_done, run->s->bound))
		run_fail(run, RUN_LIVENESS, "L", "the fresh host cannot disconnect");
}

/* As the first of the hosts that use one. */
static void fresh_rnic(struct run *run, struct world_node *node, const char *address)
{
	const struct scn_host *hosts = run->s->hosts.items;
	struct scn_rnic rnic;
	unsigned i = 0;

	while (i < run->s->hosts.n && hosts[i].trtype != HOST_RDMA)
		i++;
	if (i == run->s->hosts.n)
		return;
	/* It tries once. */
	rnic = *hosts[i].rnic;
	rnic.mr_fail_at = 0;
	run_rnic_put(run, node, &rnic, 0, 1);
	run_rnic_boot(run, node, &address, 1, false);
}

static void fresh_hosts(struct run *run)
{
	static const char *const address = "203.0.113.250";
	const struct core_options options = { .nreactors = 1, .trace_records = 64 };
	struct world_node *node = world_node_new(run->world, "fresh");
	struct core *core;

	/* Documentation addresses of another block than examples take. */
	if (!world_node_add_addr(node, address))
		return;
	fresh_rnic(run, node, address);
	core = core_new(world_node_hw(node), &options, NULL);
	if (core == NULL || !core_start(core, NULL))
		return;
	for (unsigned i = 0; i < run->views->len && !run->failed; i++) {
		const struct run_view *v = run->views->pdata[i];

		for (unsigned j = 0; j < run->hosts->len; j++) {
			struct run_host *h = run->hosts->pdata[j];

			if (h->view == v && h->live) {
				fresh_host(run, h, core);
				break;
			}
		}
	}
	if (!run->failed)
		core_free(core);
}

void run_check_images(struct run *run)
{
	/* What has gone cannot take effect any more; what is connected has nothing under way. */
	if (run->s->corrupts)
		return;
	for (unsigned i = 0; i < run->targets->len; i++) {
		struct run_target *t = run->targets->pdata[i];
		GPtrArray *list = bdev_layer_list(t->target->bdevs);

		for (unsigned j = 0; j < list->len && !run->failed; j++)
			image_of_bdev(run, t, list->pdata[j]);
	}
	if (!run->failed)
		fresh_hosts(run);
}

/* --- healed ---------------------------------------------------------------------------------- */

static bool settled(struct run *run)
{
	return run->calls == 0 && run_loads_done(run) && run_hosts_settled(run) &&
	       run_raws_done(run);
}

static void not_settled(struct run *run)
{
	g_autofree char *loads = run_loads_text(run);
	g_autoptr(GString) text = g_string_new(loads);

	for (unsigned i = 0; i < run->hosts->len; i++) {
		const struct run_host *h = run->hosts->pdata[i];

		if (!h->wanted || h->live)
			continue;
		g_string_append_printf(text, "host %s is not connected: %s\n", h->s->name,
				       h->why != NULL	  ? h->why
				       : h->ctrlr != NULL ? host_ctrlr_state_name(h->ctrlr)
							  : "no answer");
	}
	if (run->calls > 0)
		g_string_append_printf(text, "%u calls are not answered\n", run->calls);
	run_fail(run, RUN_LIVENESS, "L",
		 "not everything was done %" G_GUINT64_FORMAT " s after the faults ended:\n%s",
		 run->s->bound / WORLD_SEC, text->str);
}

void run_check_healed(struct run *run)
{
	if (!run_until_done(run, settled, run->s->bound)) {
		not_settled(run);
		return;
	}
	run_violation(run, "X", oracle_exact_all_done(run->exact));
	/* Everybody has heard of everything by then, also of what was put right at the end. */
	run_to(run, MAX(world_now(run->world), run->calm_since) + RUN_VIEW_BOUND + 600 * WORLD_MS +
			    run->s->quiet);
	if (!run->failed)
		run_config_check(run);
	for (unsigned i = 0; i < run->views->len && !run->failed; i++)
		run_violation(run, "N",
			      oracle_view_check(((struct run_view *)run->views->pdata[i])->oracle,
						world_now(run->world)));
	run_violation(run, "N", oracle_paths_check(run->paths, world_now(run->world)));
}

/* --- resources -------------------------------------------------------------------------------- */

static unsigned connections(struct run *run)
{
	unsigned n = 0;

	for (unsigned i = 0; i < run->targets->len; i++)
		n += ((struct run_target *)run->targets->pdata[i])->target->nvmf->connections;
	return n;
}

static bool all_closed(struct run *run)
{
	return connections(run) == 0;
}

static void check_reactor(struct run_target *t, unsigned i)
{
	struct reactor *r = t->target->core->reactors[i];
	const struct buf_pool_stats *st = buf_pool_stats(r->bufs);
	const struct nvmf_group *g = t->target->nvmf->groups[i];

	for (unsigned c = 0; c < BUF_CLASSES; c++) {
		if (st->in_use[c] > 0)
			run_fail(t->run, RUN_LIVENESS, "R",
				 "%s, reactor %u: %u buffers of %u bytes are not back", t->s->name,
				 i, st->in_use[c], buf_class_sizes[c]);
	}
	if (g->stats.current_admin_qpairs + g->stats.current_io_qpairs +
		    g->stats.current_unassociated_qpairs >
	    0)
		run_fail(t->run, RUN_LIVENESS, "R",
			 "%s, reactor %u counts %u admin, %u I/O and %u other queues though all "
			 "have gone",
			 t->s->name, i, g->stats.current_admin_qpairs, g->stats.current_io_qpairs,
			 g->stats.current_unassociated_qpairs);
	if (g->qpairs != NULL || g->ctrlrs->len > 0)
		run_fail(t->run, RUN_LIVENESS, "R", "%s, reactor %u still lists %u controllers",
			 t->s->name, i, g->ctrlrs->len);
}

static bool nothing_pending(struct run *run)
{
	return run->pending == 0 && run_wrecks_gone(run);
}

/*
 * The targets go while their hosts are connected, or just connect again. Nobody
 * expects anything of the rest but that it comes to an end.
 */
static void check_abrupt(struct run *run)
{
	run->phase = RUN_ENDING;
	for (unsigned i = 0; i < run->hosts->len; i++) {
		if (world_rng_chance(&run->rng, 500000))
			run_host_reset(run->hosts->pdata[i]);
	}
	run_to(run, world_now(run->world) + world_rng_below(&run->rng, 3 * WORLD_MS));
	run_shutdown(run);
	if (!run_until_done(run, nothing_pending, run->s->bound)) {
		run_fail(run, RUN_LIVENESS, "L", "%u targets do not shut down under their hosts",
			 run->pending);
		return;
	}
	for (unsigned i = 0; i < run->hosts->len; i++)
		run_host_disconnect(run->hosts->pdata[i]);
	run_to(run, world_now(run->world) + WORLD_MS);
	if (!run_until_done(run, run_hosts_closed, run->s->bound))
		run_fail(run, RUN_LIVENESS, "L", "a host cannot disconnect");
}

/* All hosts leave; then the target is as it was before they came; then it ends, and leaves nothing.
 */
void run_check_resources(struct run *run)
{
	if (run->s->abrupt) {
		check_abrupt(run);
		return;
	}
	for (unsigned i = 0; i < run->hosts->len; i++)
		run_host_disconnect(run->hosts->pdata[i]);
	run_to(run, world_now(run->world) + WORLD_MS);
	if (!run_until_done(run, run_hosts_closed, run->s->bound)) {
		run_fail(run, RUN_LIVENESS, "L", "a host cannot disconnect");
		return;
	}
	if (!run_until_done(run, all_closed, run->s->bound)) {
		run_fail(run, RUN_LIVENESS, "R", "%u connections are left at the targets",
			 connections(run));
		return;
	}
	run_to(run, world_now(run->world) + 10 * WORLD_MS);
	for (unsigned i = 0; i < run->targets->len && !run->failed; i++) {
		struct run_target *t = run->targets->pdata[i];

		for (unsigned j = 0; j < t->s->reactors; j++)
			check_reactor(t, j);
	}
	run_rdma_idle(run);
	if (run->failed)
		return;
	run->phase = RUN_ENDING;
	run_shutdown(run);
	if (!run_until_done(run, nothing_pending, run->s->bound))
		run_fail(run, RUN_LIVENESS, "L", "%u targets do not shut down", run->pending);
}
