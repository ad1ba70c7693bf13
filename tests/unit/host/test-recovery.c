/* SPDX-License-Identifier: BSD-3-Clause */
/* Losing a controller and getting it back; time running out; events; discovery. */
#include <errno.h>
#include <string.h>

#include "tests/unit/host/fixture.h"

static bool ignore_io(struct resp *r, struct conn *c, const struct nvme_cmd *cmd, void *arg)
{
	(void)r;
	(void)arg;
	return c->qid != 0 && cmd->opcode != NVME_OP_FABRICS;
}

/* Without queueing, I/O fails at once, and is refused until there is a connection. */
static void test_fail_fast(void)
{
	struct tio *t, *again;
	struct fix f;

	fix_up(&f, 1, 2);
	f.params.io_queues = 2;
	f.params.reconnect_delay_ms = 100;
	g_assert_true(fix_connect(&f));
	f.resp.hook = ignore_io;
	t = tio_new(&f, 1, 1, 0, 8, false);
	tio_submit(t);
	world_run_for(f.world, WORLD_MS);
	g_assert_cmpuint(t->done, ==, 0);
	resp_crash(&f.resp);
	tio_wait(t);
	g_assert_cmphex(t->io.status, ==, NVME_SC_TRANSIENT_TRANSPORT);
	again = tio_new(&f, 1, 1, 0, 8, false);
	tio_submit(again);
	g_assert_cmpint(again->submit, ==, -ENOTCONN);
	f.resp.hook = NULL;
	world_run_for(f.world, WORLD_SEC);
	g_assert_cmpuint(f.events[HOST_EVENT_LIVE], ==, 0);
	resp_listen(&f.resp);
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_LIVE], 1));
	fix_write_read(&f, 1, 0, 64, 3);
	fix_write_read(&f, 0, 64, 64, 3);
	tio_free(t);
	tio_free(again);
	fix_down(&f);
}

/* With queueing, what was outstanding and what came meanwhile is done on the new connection. */
static void test_queueing(void)
{
	struct tio *t[20];
	struct fix f;

	fix_up(&f, 2, 2);
	f.params.io_queues = 2;
	f.params.reconnect_delay_ms = 100;
	f.params.queue_io = true;
	g_assert_true(fix_connect(&f));
	f.resp.hook = ignore_io;
	for (unsigned i = 0; i < 20; i++) {
		t[i] = tio_new(&f, i & 1, 1, i * 64, 64, i % 3 == 0);
		tio_fill(t[i], i);
	}
	for (unsigned i = 0; i < 10; i++)
		tio_submit(t[i]);
	world_run_for(f.world, WORLD_MS);
	resp_crash(&f.resp);
	world_run_for(f.world, WORLD_MS * 50);
	for (unsigned i = 10; i < 20; i++) {
		tio_submit(t[i]);
		g_assert_cmpint(t[i]->submit, ==, 0);
	}
	world_run_for(f.world, WORLD_SEC);
	for (unsigned i = 0; i < 20; i++)
		g_assert_cmpuint(t[i]->done, ==, 0);
	f.resp.hook = NULL;
	resp_listen(&f.resp);
	for (unsigned i = 0; i < 20; i++) {
		tio_wait(t[i]);
		g_assert_cmphex(t[i]->io.status, ==, 0);
		if (t[i]->write)
			g_assert_cmpmem(t[i]->data, 64 * 512, f.resp.ns[0].data + i * 64 * 512,
					64 * 512);
		tio_free(t[i]);
	}
	fix_down(&f);
}

/* Lost for good: what waits fails, later I/O is refused, disconnect works. */
static void test_loss_timeout(void)
{
	struct tio *t, *late;
	struct fix f;

	fix_up(&f, 3, 1);
	f.params.reconnect_delay_ms = 200;
	f.params.loss_timeout_ms = 1000;
	f.params.queue_io = true;
	g_assert_true(fix_connect(&f));
	f.resp.hook = ignore_io;
	t = tio_new(&f, 0, 1, 0, 8, true);
	tio_submit(t);
	world_run_for(f.world, WORLD_MS);
	resp_crash(&f.resp);
	tio_wait(t);
	g_assert_cmphex(t->io.status, ==, NVME_SC_INTERNAL_PATH_ERROR);
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_DEAD], 1));
	g_assert_cmpstr(host_ctrlr_state_name(f.c), ==, "DEAD");
	late = tio_new(&f, 0, 1, 0, 8, true);
	tio_submit(late);
	g_assert_cmpint(late->submit, ==, -ENOTCONN);
	tio_free(t);
	tio_free(late);
	fix_down(&f);
}

/* A command that is never answered resets the controller; others are not waited for. */
static void test_timeout(void)
{
	struct tio *t;
	uint64_t start;
	struct fix f;

	fix_up(&f, 4, 1);
	f.params.io_timeout_ms = 500;
	f.params.reconnect_delay_ms = 10;
	g_assert_true(fix_connect(&f));
	f.resp.hook = ignore_io;
	t = tio_new(&f, 0, 1, 0, 8, false);
	start = world_now(f.world);
	tio_submit(t);
	tio_wait(t);
	g_assert_cmphex(t->io.status, ==, NVME_SC_TRANSIENT_TRANSPORT);
	g_assert_cmpuint(world_now(f.world) - start, >=, 500 * WORLD_MS);
	g_assert_cmpuint(world_now(f.world) - start, <, 600 * WORLD_MS);
	tio_free(t);
	f.resp.hook = NULL;
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_LIVE], 1));
	/* One is done, so that its limit passes; another began later and goes on. */
	f.resp.hook = NULL;
	g_assert_cmphex(tio_run(tio_new(&f, 0, 1, 0, 8, false)), ==, 0);
	world_run_for(f.world, 300 * WORLD_MS);
	f.resp.hook = ignore_io;
	t = tio_new(&f, 0, 1, 0, 8, false);
	start = world_now(f.world);
	tio_submit(t);
	tio_wait(t);
	g_assert_cmpuint(world_now(f.world) - start, >=, 500 * WORLD_MS);
	g_assert_cmpuint(world_now(f.world) - start, <, 600 * WORLD_MS);
	tio_free(t);
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_LIVE], 2));
	/* One that is slow, but not too slow for its own limit. */
	f.resp.hook = ignore_io;
	t = tio_new(&f, 0, 1, 0, 8, false);
	t->io.timeout_ms = 100000;
	tio_submit(t);
	world_run_for(f.world, 5 * WORLD_SEC);
	g_assert_cmpuint(t->done, ==, 0);
	f.resp.hook = NULL;
	fix_disconnect(&f);
	g_assert_cmpuint(t->done, ==, 1);
	g_assert_cmphex(t->io.status, ==, NVME_SC_ABORTED_SQ_DELETED);
	tio_free(t);
	fix_down(&f);
}

static bool ignore_ka(struct resp *r, struct conn *c, const struct nvme_cmd *cmd, void *arg)
{
	(void)r;
	(void)arg;
	return c->qid == 0 && cmd->opcode == NVME_ADMIN_KEEP_ALIVE;
}

static void test_keep_alive(void)
{
	struct fix f;

	fix_up(&f, 5, 1);
	f.params.kato_ms = 2000;
	f.params.reconnect_delay_ms = 10;
	g_assert_true(fix_connect(&f));
	world_run_for(f.world, 10 * WORLD_SEC);
	g_assert_cmpuint(f.resp.keep_alives, >=, 9);
	g_assert_cmpuint(f.resp.keep_alives, <=, 10);
	f.resp.hook = ignore_ka;
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_LOST], 1));
	f.resp.hook = NULL;
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_LIVE], 1));
	fix_down(&f);
}

/* Reset asked for, at any moment of connecting too: disconnect. */
static void test_disconnect_anywhere(void)
{
	for (unsigned us = 0; us < 1500; us += 25) {
		struct fix f;

		fix_up(&f, 6, 2);
		f.params.io_queues = 2;
		f.params.reconnect_delay_ms = 1;
		f.c = NULL;
		g_assert_true(fix_connect(&f));
		host_ctrlr_reset(f.c);
		world_run_for(f.world, us * WORLD_US);
		fix_disconnect(&f);
		fix_down(&f);
	}
}

static void cancelled(struct host_ctrlr *c, const GError *error, void *arg)
{
	unsigned *n = arg;

	(void)c;
	*n += error ? 1 : 1000;
}

static void gone(void *arg)
{
	++*(unsigned *)arg;
}

/* The first connect, given up at every stage: both callbacks, once each, nothing left behind. */
static void test_cancel_connect(void)
{
	for (unsigned us = 0; us < 2500; us += 20) {
		unsigned connects = 0, ends = 0;
		struct host_ctrlr *c;
		struct fix f;

		fix_up(&f, 11, 2);
		f.params.io_queues = 2;
		c = host_ctrlr_connect(core_main(f.hcore), &f.params, cancelled, &connects, NULL);
		g_assert_nonnull(c);
		world_run_for(f.world, us * WORLD_US);
		host_ctrlr_disconnect(c, gone, &ends);
		g_assert_true(fix_wait(&f, &ends, 1));
		g_assert_true(connects == 1 || connects == 1000);
		fix_down(&f);
	}
}

static void test_namespaces(void)
{
	struct fix f;

	fix_up(&f, 7, 1);
	g_assert_true(fix_connect(&f));
	world_run_for(f.world, 10 * WORLD_MS); /* the event requests are there */
	resp_add_ns(&f.resp, 3, 77);
	resp_event(&f.resp, NVME_AEN_RESULT(NVME_AEN_TYPE_NOTICE, NVME_AEN_NOTICE_NS_CHANGED, 4));
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_NS_ADDED], 1));
	g_assert_cmpuint(f.last_nsid, ==, 3);
	g_assert_cmpuint(f.resp.log_reads, ==, 1);
	f.resp.ns[2].blocks = 70;
	resp_event(&f.resp, NVME_AEN_RESULT(NVME_AEN_TYPE_NOTICE, NVME_AEN_NOTICE_NS_CHANGED, 4));
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_NS_RESIZED], 1));
	g_assert_cmpuint(f.last_blocks, ==, 70);
	/* Two changes at once, told one after the other: a scan follows the scan. */
	resp_del_ns(&f.resp, 3);
	resp_event(&f.resp, NVME_AEN_RESULT(NVME_AEN_TYPE_NOTICE, NVME_AEN_NOTICE_NS_CHANGED, 4));
	resp_event(&f.resp, NVME_AEN_RESULT(NVME_AEN_TYPE_NOTICE, NVME_AEN_NOTICE_NS_CHANGED, 4));
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_NS_REMOVED], 1));
	world_run_for(f.world, WORLD_SEC);
	g_assert_cmpuint(f.resp.log_reads, ==, 4);
	g_assert_cmpuint(host_ctrlr_namespaces(f.c), ==, 1);
	/* Another one under the same number, while the connection is away. */
	memset(f.resp.ns[0].uuid, 0x11, 16);
	host_ctrlr_reset(f.c);
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_DEAD], 1));
	fix_down(&f);
}

static void test_replaced_namespace(void)
{
	struct fix f;

	fix_up(&f, 8, 1);
	f.params.reconnect_delay_ms = 10;
	g_assert_true(fix_connect(&f));
	memset(f.resp.ns[0].uuid, 0x11, 16);
	host_ctrlr_reset(f.c);
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_LIVE], 1));
	g_assert_cmpuint(f.events[HOST_EVENT_NS_REMOVED], ==, 1);
	g_assert_cmpuint(f.events[HOST_EVENT_NS_ADDED], ==, 1);
	fix_down(&f);
}

/* --- discovery ------------------------------------------------------------------------- */

struct found {
	unsigned done, n;
	uint64_t genctr;
	char first[64], last[64];
	GError *error;
};

static void discovered(const struct nvme_discovery_entry *entries, unsigned n, uint64_t genctr,
		       const GError *error, void *arg)
{
	struct found *d = arg;

	d->done++;
	d->n = n;
	d->genctr = genctr;
	if (n) {
		host_ascii(d->first, sizeof(d->first), entries[0].subnqn, 256);
		host_ascii(d->last, sizeof(d->last), entries[n - 1].subnqn, 256);
	}
	if (error)
		d->error = g_error_copy(error);
}

static void discover(struct fix *f, struct found *d)
{
	*d = (struct found){ 0 };
	g_assert_true(host_discover(core_main(f->hcore), &f->params, discovered, d, NULL));
	g_assert_true(fix_wait(f, &d->done, 1));
}

static void test_discovery(void)
{
	struct found d;
	struct fix f;

	fix_up(&f, 9, 1);
	discover(&f, &d);
	g_assert_no_error(d.error);
	g_assert_cmpuint(d.n, ==, 0);
	f.resp.nlog = 200; /* more than one read takes */
	discover(&f, &d);
	g_assert_no_error(d.error);
	g_assert_cmpuint(d.n, ==, 200);
	g_assert_cmpuint(d.genctr, ==, 7);
	g_assert_cmpstr(d.first, ==, "nqn.2024-01.test:0");
	g_assert_cmpstr(d.last, ==, "nqn.2024-01.test:199");
	f.resp.genctr_moves = true;
	discover(&f, &d);
	g_assert_nonnull(strstr(d.error->message, "changed 10 times"));
	g_clear_error(&d.error);
	f.resp.claim_numrec = UINT64_MAX;
	discover(&f, &d);
	g_assert_nonnull(strstr(d.error->message, "up to 4096"));
	g_clear_error(&d.error);
	resp_crash(&f.resp);
	discover(&f, &d);
	g_assert_nonnull(strstr(d.error->message, "Nothing listens"));
	g_clear_error(&d.error);
	fix_down(&f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host/recovery/fail-fast", test_fail_fast);
	g_test_add_func("/host/recovery/queueing", test_queueing);
	g_test_add_func("/host/recovery/loss-timeout", test_loss_timeout);
	g_test_add_func("/host/recovery/timeout", test_timeout);
	g_test_add_func("/host/recovery/keep-alive", test_keep_alive);
	g_test_add_func("/host/recovery/disconnect-anywhere", test_disconnect_anywhere);
	g_test_add_func("/host/recovery/cancel-connect", test_cancel_connect);
	g_test_add_func("/host/recovery/namespaces", test_namespaces);
	g_test_add_func("/host/recovery/replaced-namespace", test_replaced_namespace);
	g_test_add_func("/host/recovery/discovery", test_discovery);
	return g_test_run();
}
