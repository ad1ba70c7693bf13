/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parser with the stream cut anywhere: the answer to a read is sent in two
 * parts, cut at each byte, with every combination of digests and padding; then
 * a whole session one byte a segment.
 */
#include <string.h>

#include "tests/unit/host/fixture.h"

static void cut_everywhere(bool hdgst, bool ddgst, bool success, uint8_t hpda, uint32_t data_max)
{
	struct fix f;
	struct tio *t;
	unsigned total;

	fix_up(&f, 77, 1);
	f.params.hdgst = hdgst;
	f.params.ddgst = ddgst;
	f.params.hpda = hpda;
	f.resp.success_flag = success;
	f.resp.data_max = data_max;
	g_assert_true(fix_connect(&f));
	for (unsigned i = 0; i < 1024; i++)
		f.resp.ns[0].data[i] = (uint8_t)(i * 13 + 1);
	total = 1024 + 3 * (128 + 32); /* at least what an answer has */
	for (unsigned cut = 0; cut <= total; cut++) {
		f.resp.cut_on = true;
		f.resp.cut = cut;
		t = tio_new(&f, 0, 1, 0, 2, false);
		tio_scatter(t, 1 + cut % 4);
		tio_submit(t);
		tio_wait(t);
		g_assert_cmphex(t->io.status, ==, 0);
		g_assert_cmpmem(t->data, 1024, f.resp.ns[0].data, 1024);
		tio_free(t);
	}
	fix_down(&f);
}

static void test_cut(void)
{
	cut_everywhere(false, false, true, 0, 65536);
	cut_everywhere(true, false, false, 0, 512);
	cut_everywhere(false, true, true, 3, 512);
	cut_everywhere(true, true, false, 31, 1000);
}

static void test_bytewise(void)
{
	struct world_link_params link;
	struct fix f;

	for (unsigned i = 0; i < 4; i++) {
		fix_up(&f, 90 + i, 1);
		world_link_default(&link);
		link.seg_min = link.seg_max = 1 + i * 2;
		link.short_send_ppm = link.short_recv_ppm = 300000;
		link.sndbuf = 3000;
		world_link_set_all(f.world, &link);
		f.params.hdgst = i & 1;
		f.params.ddgst = i & 2;
		f.resp.capsule = 1024;
		f.resp.maxh2c = 4096;
		g_assert_true(fix_connect(&f));
		fix_write_read(&f, 0, 0, 2, 2);
		fix_write_read(&f, 0, 10, 20, 3);
		fix_down(&f);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host/split/cut", test_cut);
	g_test_add_func("/host/split/bytewise", test_bytewise);
	return g_test_run();
}
