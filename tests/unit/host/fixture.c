/* SPDX-License-Identifier: BSD-3-Clause */
/* See fixture.h. */
#include "tests/unit/host/fixture.h"

#include <string.h>

static struct core *new_core(struct world_node *node, unsigned nreactors)
{
	struct core_options options = { .nreactors = nreactors, .log_level = LOG_DEBUG };
	g_autoptr(GError) error = NULL;
	struct core *core = core_new(world_node_hw(node), &options, &error);

	g_assert_no_error(error);
	g_assert_true(core_start(core, &error));
	return core;
}

static void event(struct host_ctrlr *c, enum host_event ev, const struct host_ns *ns, void *arg)
{
	struct fix *f = arg;

	(void)c;
	f->events[ev]++;
	f->last_nsid = ns ? ns->nsid : 0;
	f->last_blocks = ns ? ns->blocks : 0;
}

void fix_up(struct fix *f, uint64_t seed, unsigned nreactors)
{
	struct world_node *target, *host;

	memset(f, 0, sizeof(*f));
	f->world = world_new(seed);
	target = world_node_new(f->world, "target");
	host = world_node_new(f->world, "host");
	g_assert_true(world_node_add_addr(target, "192.0.2.1"));
	g_assert_true(world_node_add_addr(host, "192.0.2.2"));
	f->tcore = new_core(target, 1);
	f->hcore = new_core(host, nreactors);
	resp_start(&f->resp, f->tcore, "192.0.2.1");
	resp_add_ns(&f->resp, 1, 4096);
	host_params_default(&f->params);
	f->params.addr = f->resp.addr;
	f->params.subnqn = FIX_SUBNQN;
	f->params.hostnqn = FIX_HOSTNQN;
	f->params.reactors = f->hcore->reactors;
	f->params.nreactors = nreactors;
	f->params.kato_ms = 0;
	f->params.event = event;
	f->params.event_arg = f;
}

void fix_down(struct fix *f)
{
	g_autofree char *leaks = NULL;

	if (f->c)
		fix_disconnect(f);
	resp_stop(&f->resp);
	core_stop(f->hcore);
	core_free(f->hcore);
	core_stop(f->tcore);
	core_free(f->tcore);
	leaks = world_leaks(f->world);
	g_assert_cmpstr(leaks, ==, NULL);
	world_free(f->world);
	g_clear_error(&f->error);
}

static bool not_connected(void *arg)
{
	return !((struct fix *)arg)->connected;
}

static bool not_stopped(void *arg)
{
	return !((struct fix *)arg)->stopped;
}

static void connected(struct host_ctrlr *c, const GError *error, void *arg)
{
	struct fix *f = arg;

	g_assert_false(f->connected);
	f->connected = true;
	f->c = error ? NULL : c;
	if (error)
		f->error = g_error_copy(error);
}

bool fix_connect(struct fix *f)
{
	g_clear_error(&f->error);
	f->connected = false;
	f->c = host_ctrlr_connect(core_main(f->hcore), &f->params, connected, f, &f->error);
	if (!f->c)
		return false;
	g_assert_true(world_run_while(f->world, not_connected, f, FIX_LIMIT));
	return f->c != NULL;
}

static void stopped(void *arg)
{
	((struct fix *)arg)->stopped = true;
}

void fix_disconnect(struct fix *f)
{
	f->stopped = false;
	host_ctrlr_disconnect(f->c, stopped, f);
	g_assert_true(world_run_while(f->world, not_stopped, f, FIX_LIMIT));
	f->c = NULL;
}

struct counter {
	const unsigned *at;
	unsigned n;
};

static bool below(void *arg)
{
	struct counter *counter = arg;

	return *counter->at < counter->n;
}

bool fix_wait(struct fix *f, const unsigned *at, unsigned n)
{
	struct counter counter = { at, n };

	return *at >= n || world_run_while(f->world, below, &counter, FIX_LIMIT);
}

/* --- I/O ------------------------------------------------------------------------------ */

static void tio_done(struct host_io *io)
{
	struct tio *t = (struct tio *)io;

	t->done++;
	g_assert_cmpuint(t->done, ==, 1);
}

struct tio *tio_new(struct fix *f, unsigned queue, uint32_t nsid, uint64_t lba, uint32_t blocks,
		    bool write)
{
	struct tio *t = g_new0(struct tio, 1);

	t->f = f;
	t->q = host_ctrlr_qpair(f->c, queue);
	t->write = write;
	t->data = g_malloc0((size_t)blocks * RESP_BLOCK);
	t->iov[0] = (struct iovec){ t->data, (size_t)blocks * RESP_BLOCK };
	t->io = (struct host_io){ .done = tio_done,
				  .iov = t->iov,
				  .niov = 1,
				  .nsid = nsid,
				  .lba = lba,
				  .blocks = blocks };
	t->submit = 1;
	return t;
}

void tio_scatter(struct tio *t, unsigned n)
{
	size_t len = (size_t)t->io.blocks * RESP_BLOCK, off = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t part = i + 1 == n ? len - off : MIN(len - off, 7 + i * 333 % 1000);

		t->iov[i] = (struct iovec){ t->data + off, part };
		off += part;
	}
	t->io.niov = (uint16_t)n;
}

void tio_fill(struct tio *t, unsigned seed)
{
	for (size_t i = 0; i < (size_t)t->io.blocks * RESP_BLOCK; i++)
		t->data[i] = (uint8_t)(seed + i * 7 + (i >> 8));
}

static void submit(struct reactor *r, void *arg)
{
	struct tio *t = arg;

	(void)r;
	t->submit = t->write ? host_write(t->q, &t->io) : host_read(t->q, &t->io);
	g_assert_cmpuint(t->done, ==, 0);
}

static bool not_submitted(void *arg)
{
	return ((struct tio *)arg)->submit == 1;
}

void tio_submit(struct tio *t)
{
	core_call(host_qpair_reactor(t->q), submit, t);
	g_assert_true(world_run_while(t->f->world, not_submitted, t, FIX_LIMIT));
}

void tio_wait(struct tio *t)
{
	g_assert_true(fix_wait(t->f, &t->done, 1));
}

void tio_free(struct tio *t)
{
	g_free(t->data);
	g_free(t);
}

uint16_t tio_run(struct tio *t)
{
	uint16_t status;

	tio_submit(t);
	g_assert_cmpint(t->submit, ==, 0);
	tio_wait(t);
	status = t->io.status;
	tio_free(t);
	return status;
}

void fix_write_read(struct fix *f, unsigned queue, uint64_t lba, uint32_t blocks, unsigned elements)
{
	struct tio *w = tio_new(f, queue, 1, lba, blocks, true);
	struct tio *r = tio_new(f, queue, 1, lba, blocks, false);

	tio_fill(w, blocks + (unsigned)lba);
	tio_scatter(w, elements);
	tio_scatter(r, elements);
	tio_submit(w);
	tio_wait(w);
	g_assert_cmphex(w->io.status, ==, 0);
	tio_submit(r);
	tio_wait(r);
	g_assert_cmphex(r->io.status, ==, 0);
	g_assert_cmpuint(r->io.moved, ==, blocks * RESP_BLOCK);
	g_assert_cmpmem(r->data, blocks * RESP_BLOCK, w->data, blocks * RESP_BLOCK);
	tio_free(w);
	tio_free(r);
}
