/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Admin commands that fail or answer nonsense while connecting and later, and
 * parameters that do not fit.
 */
#include <errno.h>
#include <string.h>

#include "tests/unit/host/fixture.h"

struct script {
	uint8_t opcode;
	uint32_t cdw10; /* low byte; 0x100: any */
	uint16_t status;
	const uint8_t *page; /* 4096 bytes, when status is 0 */
	unsigned hits;
};

static bool play(struct resp *r, struct conn *c, const struct nvme_cmd *cmd, void *arg)
{
	struct script *s = arg;

	(void)r;
	if (c->qid != 0 || cmd->opcode != s->opcode ||
	    (s->cdw10 < 0x100 && (cmd->cdw10 & 0xff) != s->cdw10))
		return false;
	s->hits++;
	if (s->page)
		conn_data(c, cmd->cid, 0, s->page, 4096, NVME_TCP_LAST_PDU);
	conn_resp(c, cmd->cid, s->status, 0);
	return true;
}

/* While connecting: the error names the command and the status. */
static void test_connect_fails(void)
{
	static const struct {
		struct script script;
		const char *what;
	} fails[] = {
		{ { .opcode = NVME_ADMIN_IDENTIFY,
		    .cdw10 = NVME_CNS_CTRLR,
		    .status = NVME_SC_INTERNAL_ERROR },
		  "Identify Controller failed" },
		{ { .opcode = NVME_ADMIN_IDENTIFY,
		    .cdw10 = NVME_CNS_ACTIVE_NS,
		    .status = NVME_SC_INVALID_FIELD },
		  "active namespaces" },
		{ { .opcode = NVME_ADMIN_SET_FEATURES,
		    .cdw10 = NVME_FEAT_QUEUES,
		    .status = NVME_SC_INVALID_FIELD },
		  "number of queues" },
		{ { .opcode = NVME_ADMIN_SET_FEATURES,
		    .cdw10 = NVME_FEAT_AEC,
		    .status = NVME_SC_INVALID_FIELD },
		  "asynchronous events" },
		{ { .opcode = NVME_OP_FABRICS, .cdw10 = 0x100, .status = NVME_SC_INVALID_FIELD },
		  "Connect was refused" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(fails); i++) {
		struct script script = fails[i].script;
		struct fix f;

		fix_up(&f, 20 + i, 1);
		f.resp.hook = play;
		f.resp.arg = &script;
		g_assert_false(fix_connect(&f));
		g_assert_nonnull(strstr(f.error->message, fails[i].what));
		g_assert_cmpuint(script.hits, ==, 1);
		fix_down(&f);
	}
}

/* A namespace list out of order, without end, or with numbers that cannot be. */
static void test_bad_lists(void)
{
	uint32_t list[1024];

	for (unsigned kind = 0; kind < 3; kind++) {
		struct script script = { .opcode = NVME_ADMIN_IDENTIFY,
					 .cdw10 = NVME_CNS_ACTIVE_NS,
					 .page = (const uint8_t *)list };
		struct fix f;

		memset(list, 0, sizeof(list));
		for (unsigned i = 0; i < 1024 && kind == 0; i++)
			list[i] = i + 1; /* the same again and again */
		if (kind == 1)
			list[0] = 5, list[1] = 5;
		if (kind == 2)
			list[0] = NVME_NSID_ALL;
		fix_up(&f, 30 + kind, 1);
		f.resp.hook = play;
		f.resp.arg = &script;
		g_assert_false(fix_connect(&f));
		g_assert_nonnull(strstr(f.error->message, "out of order"));
		fix_down(&f);
	}
}

/* Formats that cannot be used: the namespace is left out, the rest works. */
static void test_bad_namespace(void)
{
	for (unsigned kind = 0; kind < 4; kind++) {
		struct nvme_id_ns id = { .nsze = 100, .ncap = 100 };
		struct script script = { .opcode = NVME_ADMIN_IDENTIFY,
					 .cdw10 = NVME_CNS_NS,
					 .page = (const uint8_t *)&id };
		struct fix f;

		id.lbaf[0].lbads = kind == 0 ? 8 : kind == 1 ? 17 : 9;
		if (kind == 2)
			id.nsze = UINT64_MAX;
		if (kind == 3) {
			script.page = NULL;
			script.status = NVME_SC_INVALID_NS;
		}
		fix_up(&f, 40 + kind, 1);
		f.resp.hook = play;
		f.resp.arg = &script;
		g_assert_true(fix_connect(&f));
		g_assert_cmpuint(host_ctrlr_namespaces(f.c), ==, 0);
		fix_down(&f);
	}
}

/* Identification descriptors: each kind, and lengths that lie. */
static void test_descriptors(void)
{
	uint8_t page[4096] = { 0 };
	struct script script = { .opcode = NVME_ADMIN_IDENTIFY,
				 .cdw10 = NVME_CNS_NS_DESC,
				 .page = page };
	const struct host_ns *ns;
	uint8_t *p = page;
	struct fix f;

	p[0] = NVME_NIDT_EUI64, p[1] = 8, memset(p + 4, 0x11, 8), p += 12;
	p[0] = NVME_NIDT_NGUID, p[1] = 16, memset(p + 4, 0x22, 16), p += 20;
	p[0] = 0x55, p[1] = 3, p += 7;
	p[0] = NVME_NIDT_UUID, p[1] = 16, memset(p + 4, 0x33, 16), p += 20;
	while (p + 4 + 255 <= page + 4096)
		p[0] = 0x60, p[1] = 255, p += 259;
	p[0] = NVME_NIDT_UUID, p[1] = 255; /* beyond the page */
	fix_up(&f, 50, 1);
	f.resp.hook = play;
	f.resp.arg = &script;
	g_assert_true(fix_connect(&f));
	ns = host_ctrlr_ns(f.c, 1);
	g_assert_cmpuint(ns->eui64[7], ==, 0x11);
	g_assert_cmpuint(ns->nguid[15], ==, 0x22);
	g_assert_cmpuint(ns->uuid[15], ==, 0x33);
	fix_down(&f);
}

/* A scan that fails later: the old picture stays, the connection too. */
static void test_scan_fails_later(void)
{
	struct script script = { .opcode = NVME_ADMIN_IDENTIFY,
				 .cdw10 = NVME_CNS_ACTIVE_NS,
				 .status = NVME_SC_INTERNAL_ERROR };
	uint32_t dw0 = NVME_AEN_RESULT(NVME_AEN_TYPE_NOTICE, NVME_AEN_NOTICE_NS_CHANGED, 4);
	struct fix f;

	fix_up(&f, 51, 1);
	g_assert_true(fix_connect(&f));
	world_run_for(f.world, 10 * WORLD_MS);
	resp_add_ns(&f.resp, 2, 50);
	f.resp.hook = play;
	f.resp.arg = &script;
	resp_event(&f.resp, dw0);
	g_assert_true(fix_wait(&f, &script.hits, 1));
	world_run_for(f.world, 10 * WORLD_MS);
	g_assert_cmpuint(host_ctrlr_namespaces(f.c), ==, 1);
	f.resp.hook = NULL;
	resp_event(&f.resp, dw0);
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_NS_ADDED], 1));
	fix_down(&f);
}

/* Events that are refused are not asked for again; other events do no harm. */
static void test_events(void)
{
	struct script script = { .opcode = NVME_ADMIN_AER,
				 .cdw10 = 0x100,
				 .status = NVME_SC_AER_LIMIT };
	struct fix f;

	fix_up(&f, 52, 1);
	f.resp.hook = play;
	f.resp.arg = &script;
	g_assert_true(fix_connect(&f));
	world_run_for(f.world, WORLD_SEC);
	g_assert_cmpuint(script.hits, ==, 2); /* AERL */
	fix_down(&f);

	fix_up(&f, 53, 1);
	f.params.subnqn = NVME_DISCOVERY_NQN;
	g_assert_true(fix_connect(&f));
	g_assert_cmpuint(host_ctrlr_qpairs(f.c), ==, 0);
	world_run_for(f.world, 10 * WORLD_MS);
	resp_event(&f.resp, NVME_AEN_RESULT(NVME_AEN_TYPE_ERROR, 1, 1));
	resp_event(&f.resp, NVME_AEN_RESULT(NVME_AEN_TYPE_NOTICE, NVME_AEN_NOTICE_DISCOVERY, 0x70));
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_DISCOVERY], 1));
	fix_down(&f);
}

/* A target that shrank: no reconnect onto fewer or smaller queues. */
static void test_shrunk(void)
{
	for (unsigned kind = 0; kind < 2; kind++) {
		struct fix f;

		fix_up(&f, 54, 1);
		f.params.io_queues = 4;
		f.params.reconnect_delay_ms = 100;
		f.params.loss_timeout_ms = 1000;
		g_assert_true(fix_connect(&f));
		if (kind)
			f.resp.mqes = 63;
		else
			f.resp.queues = 3;
		host_ctrlr_reset(f.c);
		g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_DEAD], 1));
		fix_down(&f);
	}
}

/* A shutdown that never completes does not hold up the disconnect for ever. */
static void test_never_shut(void)
{
	uint64_t start;
	struct fix f;

	fix_up(&f, 55, 1);
	f.resp.never_shut = true;
	g_assert_true(fix_connect(&f));
	start = world_now(f.world);
	fix_disconnect(&f);
	g_assert_cmpuint(world_now(f.world) - start, >=, 5 * WORLD_SEC);
	g_assert_cmpuint(world_now(f.world) - start, <, 6 * WORLD_SEC);
	fix_down(&f);
}

static void check_limits(struct reactor *r, void *arg)
{
	struct fix *f = arg;
	struct host_qpair *q = host_ctrlr_qpair(f->c, 0);
	static uint8_t block[512];
	struct iovec iov[HOST_IOV_MAX + 1];
	struct host_io io = { .iov = iov, .niov = 1, .nsid = 1 };

	(void)r;
	for (unsigned i = 0; i < G_N_ELEMENTS(iov); i++)
		iov[i] = (struct iovec){ block, sizeof(block) };
	g_assert_cmpint(host_read(q, &io), ==, -EINVAL);
	io.blocks = 65537;
	g_assert_cmpint(host_write(q, &io), ==, -EINVAL);
	io.blocks = io.niov = HOST_IOV_MAX + 1;
	g_assert_cmpint(host_read(q, &io), ==, -EINVAL);
	io.niov = 1;
	iov[0].iov_len = host_ctrlr_max_io(f->c) + 1;
	g_assert_cmpint(host_read(q, &io), ==, -EINVAL);
	iov[0].iov_len = SIZE_MAX;
	g_assert_cmpint(host_read(q, &io), ==, -EINVAL);
	f->stopped = true;
}

static bool unchecked(void *arg)
{
	return !((struct fix *)arg)->stopped;
}

static void test_limits(void)
{
	struct fix f;

	fix_up(&f, 56, 1);
	g_assert_true(fix_connect(&f));
	core_call(core_main(f.hcore), check_limits, &f);
	g_assert_true(world_run_while(f.world, unchecked, &f, FIX_LIMIT));
	fix_down(&f);
}

struct generic {
	struct host_io io;
	struct fix *f;
	unsigned accepted, done;
};

static void generic_done(struct host_io *io)
{
	((struct generic *)io)->done++;
}

static void flush_and_admin(struct reactor *r, void *arg)
{
	struct generic *g = arg;

	(void)r;
	for (unsigned i = 0; i < 40; i++) {
		g[i].io.done = generic_done;
		g[i].io.nsid = 1;
		if (i == 0) {
			g_assert_cmpint(host_flush(host_ctrlr_qpair(g->f->c, 0), &g[i].io), ==, 0);
			g->accepted++;
			continue;
		}
		g[i].io.cmd.opcode = 0xc0; /* vendor specific */
		if (host_admin(g->f->c, &g[i].io) == 0)
			g->accepted++;
		else
			g[i].done = 1;
	}
}

/* Flush; admin commands of the caller's, which leave slots for the host's own. */
static void test_generic(void)
{
	struct generic g[40] = { 0 };
	struct fix f;

	fix_up(&f, 57, 1);
	g_assert_true(fix_connect(&f));
	g->f = &f;
	core_call(core_main(f.hcore), flush_and_admin, g);
	for (unsigned i = 0; i < 40; i++)
		g_assert_true(fix_wait(&f, &g[i].done, 1));
	g_assert_cmpuint(g->accepted, >=, 16);
	g_assert_cmpuint(g->accepted, <=, 1 + 31 - 8);
	g_assert_cmphex(g[0].io.status, ==, 0);
	g_assert_cmphex(g[1].io.status, ==, NVME_SC_INVALID_OPCODE | NVME_DNR);
	fix_down(&f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host/control/connect-fails", test_connect_fails);
	g_test_add_func("/host/control/bad-lists", test_bad_lists);
	g_test_add_func("/host/control/bad-namespace", test_bad_namespace);
	g_test_add_func("/host/control/descriptors", test_descriptors);
	g_test_add_func("/host/control/scan-fails-later", test_scan_fails_later);
	g_test_add_func("/host/control/events", test_events);
	g_test_add_func("/host/control/shrunk", test_shrunk);
	g_test_add_func("/host/control/never-shut", test_never_shut);
	g_test_add_func("/host/control/limits", test_limits);
	g_test_add_func("/host/control/generic", test_generic);
	return g_test_run();
}
