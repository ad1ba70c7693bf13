/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The largest queues, with every entry in use by a command that waits for its
 * data, again and again, with and without SQ flow control; one command more is
 * the end of the connection, and of nothing else.
 */
#include <string.h>

#include "tests/integration/tcp/raw.h"

#define LIMIT (5 * WORLD_SEC)
#define ENTRIES 1024u
#define ROUNDS 3
#define NO_FLOW_CONTROL 0x04

static struct fx *target(void)
{
	struct fx *fx = fx_new(3, 2);

	fx_config(fx,
		  "{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":["
		  "{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"Malloc0\","
		  "\"num_blocks\":4096,\"block_size\":512}}]},{\"subsystem\":\"nvmf\",\"config\":["
		  "{\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"TCP\","
		  "\"max_queue_depth\":1024}},"
		  "{\"method\":\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" FX_NQN "\","
		  "\"allow_any_host\":true}},"
		  "{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN "\","
		  "\"namespace\":{\"bdev_name\":\"Malloc0\"}}},"
		  "{\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" FX_NQN "\","
		  "\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\",\"traddr\":\"" FX_ADDR
		  "\",\"trsvcid\":\"4420\"}}}]}]}");
	return fx;
}

static struct raw *connect(struct fx *fx, struct core *core, uint16_t cntlid, bool flow_control)
{
	struct raw *r = raw_open_ic(fx, core, false, false);
	uint8_t sqe[64], data[1024];

	raw_connect_sqe(sqe, 1, 1, ENTRIES - 1, 0);
	sqe[46] = flow_control ? 0 : NO_FLOW_CONTROL;
	raw_connect_data(data, cntlid, RAW_HOSTNQN, 0xaa);
	raw_send_bytes(r, raw_capsule(r, sqe, data, sizeof(data)));
	g_assert_true(raw_wait(r, 1, LIMIT));
	g_assert_cmphex(raw_get(raw_response(r, 1), 22, 2), ==, 0);
	/* FFFFh: agreed to do without. */
	g_assert_cmphex(raw_get(raw_response(r, 1), 16, 2), ==, flow_control ? 1 : 0xffff);
	raw_forget(r);
	return r;
}

static void send_write(struct raw *r, uint16_t cid)
{
	uint8_t sqe[64];

	raw_rw(sqe, true, cid, 1, cid, 1, SGL_TRANSPORT, 512);
	raw_send_bytes(r, raw_capsule(r, sqe, NULL, 0));
}

/* All are under way at once: each has its R2T. Their data comes in the reverse order. */
static void round_of(struct raw *r, unsigned round, bool flow_control)
{
	uint32_t head = 1 + round * ENTRIES; /* Connect was the first */
	g_autofree uint16_t *ttags = g_new0(uint16_t, ENTRIES);
	uint8_t data[512];

	for (unsigned i = 0; i < ENTRIES; i++)
		send_write(r, (uint16_t)i);
	g_assert_true(raw_wait(r, ENTRIES, LIMIT));
	for (unsigned i = 0; i < ENTRIES; i++) {
		const uint8_t *p = raw_pdu(r, i);

		g_assert_cmpuint(p[0], ==, R2T);
		ttags[raw_get(p, 8, 2)] = (uint16_t)raw_get(p, 10, 2);
	}
	raw_forget(r);
	for (unsigned i = ENTRIES; i-- > 0;) {
		memset(data, (int)(i + round), sizeof(data));
		raw_send_bytes(r, raw_h2c(r, (uint16_t)i, ttags[i], 0, data, sizeof(data), true));
	}
	g_assert_true(raw_wait(r, ENTRIES, LIMIT));
	for (unsigned i = 0; i < ENTRIES; i++) {
		const uint8_t *p = raw_pdu(r, i);

		g_assert_cmpuint(p[0], ==, RESP);
		g_assert_cmpuint(raw_get(p, 20, 2), ==, ENTRIES - 1 - i);
		g_assert_cmphex(raw_get(p, 22, 2), ==, 0);
		g_assert_cmpuint(raw_get(p, 16, 2), ==,
				 flow_control ? (head + i + 1) % ENTRIES : 0);
	}
	raw_forget(r);
	for (unsigned i = 0; i < ENTRIES; i++)
		g_assert_cmphex(raw_memory(r->fx, "Malloc0")[i * 512 + 511], ==,
				(uint8_t)(i + round));
}

static void test_full(const void *arg)
{
	bool flow_control = arg != NULL;
	struct fx *fx = target();
	struct core *core = fx_host_new(fx, 1)->core;
	struct raw *admin, *r;
	const uint8_t *term;
	uint8_t sqe[64];
	uint16_t cntlid;

	admin = raw_admin(fx, core, false, false, 0, &cntlid);
	r = connect(fx, core, cntlid, flow_control);
	for (unsigned round = 0; round < ROUNDS; round++)
		round_of(r, round, flow_control);
	for (unsigned i = 0; i <= ENTRIES; i++)
		send_write(r, (uint16_t)i);
	g_assert_true(raw_wait_closed(r, LIMIT));
	term = raw_last(r, C2HTERM);
	g_assert_nonnull(term);
	g_assert_cmpuint(raw_get(term, 8, 2), ==, 2);
	g_assert_cmpuint(raw_get(term, 24 + 8 + 2, 2), ==, ENTRIES); /* the one too many */
	raw_free(r);
	raw_settle(fx, 1, LIMIT);
	g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
	raw_sqe(sqe, 0x18, 9, 0, SGL_NONE, 0);
	g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, NULL), ==, 0);
	/* No larger one is made. */
	r = raw_open_ic(fx, core, false, false);
	g_assert_cmphex(raw_connect(r, 2, ENTRIES, 0, cntlid, NULL), ==, 0x4182);
	raw_free(r);
	raw_free(admin);
	raw_settle(fx, 0, LIMIT);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/tcp/full/flow-control", "", test_full);
	g_test_add_data_func("/tcp/full/no-flow-control", NULL, test_full);
	return g_test_run();
}
