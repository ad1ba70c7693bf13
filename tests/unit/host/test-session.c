/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host with a well-behaved controller: connecting, I/O of all shapes, events,
 * discovery. The responder asserts what the host sends.
 */
#include <errno.h>
#include <string.h>

#include "target/host/priv.h"
#include "target/host/tcp.h"
#include "tests/unit/host/fixture.h"

static void test_crc(void)
{
	static const uint8_t zeros[32];
	uint8_t ones[32], up[32];

	/* RFC 3720, B.4 */
	memset(ones, 0xff, 32);
	for (unsigned i = 0; i < 32; i++)
		up[i] = (uint8_t)i;
	g_assert_cmphex(nvme_tcp_digest(0, zeros, 32), ==, 0x8a9136aa);
	g_assert_cmphex(nvme_tcp_digest(0, ones, 32), ==, 0x62a8ab43);
	g_assert_cmphex(nvme_tcp_digest(0, up, 32), ==, 0x46dd794e);
	g_assert_cmphex(nvme_tcp_digest(0, "123456789", 9), ==, 0xe3069283);
	g_assert_cmphex(nvme_tcp_digest(nvme_tcp_digest(0, "1234", 4), "56789", 5), ==, 0xe3069283);
	g_assert_cmphex(resp_crc("123456789", 9), ==, 0xe3069283);
}

static void test_states(void)
{
	g_assert_true(host_ctrlr_edge(HOST_CTRLR_LIVE, HOST_CTRLR_RESETTING));
	g_assert_false(host_ctrlr_edge(HOST_CTRLR_CLOSED, HOST_CTRLR_LIVE));
	g_assert_false(host_ctrlr_edge(HOST_CTRLR_NEW, HOST_CTRLR_LIVE));
	g_assert_false(host_qpair_edge(HOST_QPAIR_FAILED, HOST_QPAIR_LIVE));
	for (unsigned s = HOST_CTRLR_ADMIN; s <= HOST_CTRLR_LIVE; s++)
		g_assert_true(host_ctrlr_edge(s, HOST_CTRLR_RESETTING));
	for (unsigned s = HOST_QPAIR_TRANSPORT; s <= HOST_QPAIR_FAILED; s++)
		g_assert_true(host_qpair_edge(s, HOST_QPAIR_CLOSED));
}

static void test_connect(void)
{
	const struct host_ns *ns;
	struct fix f;

	fix_up(&f, 1, 1);
	resp_add_ns(&f.resp, 3, 100);
	f.params.io_queues = 3;
	g_assert_true(fix_connect(&f));
	g_assert_cmpstr(host_ctrlr_state_name(f.c), ==, "LIVE");
	g_assert_cmpuint(host_ctrlr_qpairs(f.c), ==, 3);
	g_assert_cmpuint(f.resp.io_qid_mask, ==, 0xf);
	g_assert_cmpuint(f.resp.cc, ==, 0x460001);
	g_assert_cmpuint(host_ctrlr_version(f.c), ==, 0x20000);
	g_assert_cmpuint(host_ctrlr_cntlid(f.c), ==, 5);
	g_assert_cmpuint(host_ctrlr_max_io(f.c), ==, 128 * 1024);
	g_assert_cmpuint(host_qpair_depth(host_ctrlr_qpair(f.c, 0)), ==, 127); /* MQES */
	g_assert_cmpuint(host_ctrlr_namespaces(f.c), ==, 2);
	ns = host_ctrlr_ns_at(f.c, 1);
	g_assert_cmpuint(ns->nsid, ==, 3);
	g_assert_cmpuint(ns->blocks, ==, 100);
	g_assert_cmpuint(ns->block_size, ==, 512);
	g_assert_cmpuint(ns->uuid[15], ==, 0xa3);
	g_assert_null(host_ctrlr_ns(f.c, 2));
	fix_disconnect(&f);
	g_assert_cmpuint(f.resp.shutdowns, ==, 1);
	world_run_for(f.world, WORLD_SEC);
	g_assert_cmpuint(f.resp.ends, ==, 4);
	g_assert_cmpuint(f.resp.terms, ==, 0);
	fix_down(&f);
}

struct shape {
	bool hdgst, ddgst, no_flow, success;
	uint8_t cpda, hpda;
	uint32_t capsule, maxh2c, r2t_max, data_max;
};

static const struct shape shapes[] = {
	{ .success = true,
	  .capsule = 4096,
	  .maxh2c = 131072,
	  .r2t_max = 131072,
	  .data_max = 131072 },
	{ .hdgst = true, .capsule = 4096, .maxh2c = 4096, .r2t_max = 8192, .data_max = 4096 },
	{ .ddgst = true,
	  .success = true,
	  .capsule = 8192,
	  .maxh2c = 8192,
	  .r2t_max = 16384,
	  .data_max = 512 },
	{ .hdgst = true,
	  .ddgst = true,
	  .capsule = 0,
	  .maxh2c = 4096,
	  .r2t_max = 5000,
	  .data_max = 1000 },
	{ .hdgst = true,
	  .ddgst = true,
	  .no_flow = true,
	  .success = true,
	  .cpda = 31,
	  .hpda = 31,
	  .capsule = 4096,
	  .maxh2c = 65536,
	  .r2t_max = 65536,
	  .data_max = 65536 },
	{ .cpda = 3,
	  .hpda = 7,
	  .success = true,
	  .capsule = 0,
	  .maxh2c = 4100,
	  .r2t_max = 131072,
	  .data_max = 20000 },
};

/* All combinations of what changes the bytes, with I/O from one block to the maximum. */
static void test_shapes(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(shapes); i++) {
		const struct shape *s = &shapes[i];
		struct fix f;

		fix_up(&f, 100 + i, 1 + i % 2);
		f.params.io_queues = 2;
		f.params.hdgst = s->hdgst;
		f.params.ddgst = s->ddgst;
		f.params.no_sq_flow_control = s->no_flow;
		f.params.hpda = s->hpda;
		f.resp.cpda = s->cpda;
		f.resp.capsule = s->capsule;
		f.resp.maxh2c = s->maxh2c;
		f.resp.r2t_max = s->r2t_max;
		f.resp.data_max = s->data_max;
		f.resp.success_flag = s->success;
		g_assert_true(fix_connect(&f));
		fix_write_read(&f, 0, 0, 1, 1);
		fix_write_read(&f, 1, 5, 8, 3);
		fix_write_read(&f, 0, 9, 9, 4);
		fix_write_read(&f, 1, 100, 64, 8);
		fix_write_read(&f, 0, 200, 256, 2);
		/* More elements than one receive takes, and as many as there may be. */
		fix_write_read(&f, 1, 600, 256, 100);
		fix_write_read(&f, 0, 900, 256, HOST_IOV_MAX);
		fix_down(&f);
	}
}

static unsigned swallowed;

static bool swallow(struct resp *r, struct conn *c, const struct nvme_cmd *cmd, void *arg)
{
	(void)r;
	(void)cmd;
	(void)arg;
	swallowed += c->qid != 0;
	return c->qid != 0;
}

/* A full queue: one more is refused, all complete, then there is room again. */
static void test_full(void)
{
	struct tio *t[8];
	struct fix f;

	fix_up(&f, 3, 1);
	f.params.queue_size = 8;
	g_assert_true(fix_connect(&f));
	g_assert_cmpuint(host_qpair_depth(host_ctrlr_qpair(f.c, 0)), ==, 7);
	f.resp.hook = swallow;
	f.resp.arg = &f;
	for (unsigned i = 0; i < 8; i++) {
		t[i] = tio_new(&f, 0, 1, i * 16, 16, i & 1);
		tio_submit(t[i]);
		g_assert_cmpint(t[i]->submit, ==, i == 7 ? -EAGAIN : 0);
	}
	g_assert_true(fix_wait(&f, &swallowed, 7));
	g_assert_cmpuint(host_qpair_outstanding(t[0]->q), ==, 7);
	f.resp.hook = NULL;
	for (struct conn *c = f.resp.conns; c; c = c->next)
		for (unsigned i = 0; c->qid && i < 7; i++)
			conn_resp(c, (uint16_t)i, NVME_SC_INTERNAL_ERROR, 0);
	for (struct conn *c = f.resp.conns; c; c = c->next)
		conn_flush(c);
	for (unsigned i = 0; i < 7; i++) {
		tio_wait(t[i]);
		g_assert_cmphex(t[i]->io.status, ==, NVME_SC_INTERNAL_ERROR);
	}
	for (unsigned i = 0; i < 8; i++)
		tio_free(t[i]);
	fix_write_read(&f, 0, 0, 8, 1);
	fix_down(&f);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host/session/crc", test_crc);
	g_test_add_func("/host/session/states", test_states);
	g_test_add_func("/host/session/connect", test_connect);
	g_test_add_func("/host/session/shapes", test_shapes);
	g_test_add_func("/host/session/full", test_full);
	return g_test_run();
}
