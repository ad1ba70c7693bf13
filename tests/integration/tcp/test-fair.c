/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts that take buffers and never give them back, beside one that works: that
 * one, and admin commands, go on; and the others are ended in bounded time.
 */
#include <string.h>

#include "tests/integration/tcp/raw.h"
#include "tests/integration/world/workload.h"

#define LIMIT (5 * WORLD_SEC)
#define BLOCKS 65536u
#define HOGS 3

struct env {
	struct fx *fx;
	struct fx_host *good;
	struct core *core;
	struct raw *admin, *hogs[HOGS];
	uint16_t cntlid;
	uint8_t *memory;
};

/* Reads take buffers: known when a channel is opened. */
static void place_no_more(struct fx *fx)
{
	const struct nvmf_ns_options ns = { .bdev_name = "Malloc0", .nsid = 1 };
	struct nvmf_subsystem *s = nvmf_subsystem_find(fx->target->nvmf, FX_NQN);

	fx_begin(fx);
	nvmf_subsystem_remove_ns(s, 1, fx_done, fx);
	fx_wait(fx, LIMIT);
	bdev_find(fx->target->bdevs, "Malloc0")->can_place = false;
	fx_begin(fx);
	nvmf_subsystem_add_ns(s, &ns, NULL, fx_done, fx);
	fx_wait(fx, LIMIT);
}

/* One reactor with so little that one hog alone could have it all. */
static struct env *env_new(size_t bufs)
{
	const struct core_options options = { .nreactors = 1, .buf_limit = bufs };
	struct env *e = g_new0(struct env, 1);
	struct host_params params;

	e->fx = fx_new_with(3, &options);
	fx_config_default(e->fx, BLOCKS);
	e->memory = raw_memory(e->fx, "Malloc0");
	place_no_more(e->fx);
	e->good = fx_host_new(e->fx, 1);
	e->core = fx_host_new(e->fx, 1)->core;
	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.kato_ms = 5000;
	g_assert_true(fx_connect(e->good, &params));
	world_run_for(e->fx->world, 10 * WORLD_MS);
	e->admin = raw_admin(e->fx, e->core, false, false, 0, &e->cntlid);
	for (unsigned i = 0; i < HOGS; i++)
		e->hogs[i] =
			raw_io(e->fx, e->core, false, false, e->cntlid, (uint16_t)(i + 1), 127);
	return e;
}

static void env_free(struct env *e)
{
	for (unsigned i = 0; i < HOGS; i++) {
		raw_abort(e->hogs[i]);
		raw_free(e->hogs[i]);
	}
	raw_free(e->admin);
	raw_settle(e->fx, 2, LIMIT);
	g_assert_cmpuint(e->good->events[HOST_EVENT_LOST], ==, 0);
	fx_disconnect(e->good);
	raw_settle(e->fx, 0, LIMIT);
	g_assert_cmpuint(raw_bufs_in_use(e->fx), ==, 0);
	fx_free(e->fx);
	g_free(e);
}

/* The good host does all of this, in not much more time than without the others. */
static void must_work(struct env *e, unsigned ios, uint64_t limit)
{
	static const struct workload_params p = { .nsid = 1,
						  .first_lba = 0,
						  .blocks = 4096,
						  .ios = 400,
						  .depth = 16,
						  .max_blocks = 200 };
	struct workload_params mine = p;
	struct workload *wl;

	mine.ios = ios;
	memset(e->memory, 0, 4096 * 512);
	wl = workload_start(e->good, &mine);
	fx_wait(e->fx, limit);
	workload_free(wl);
}

static void must_identify(struct env *e)
{
	uint8_t sqe[64];

	raw_forget(e->admin);
	raw_sqe(sqe, 0x06, 50, 0, SGL_TRANSPORT, 4096);
	raw_put(sqe, 40, 4, 1);
	raw_send_bytes(e->admin, raw_capsule(e->admin, sqe, NULL, 0));
	g_assert_true(raw_wait(e->admin, 2, WORLD_SEC));
}

/* Writes whose data never comes: each holds a buffer. */
static void test_no_data(void)
{
	struct env *e = env_new(8 << 20);
	unsigned closed = 0;
	uint8_t sqe[64];

	for (unsigned i = 0; i < HOGS; i++) {
		for (unsigned k = 0; k < 120; k++) {
			raw_rw(sqe, true, (uint16_t)k, 1, 8192, 256, SGL_TRANSPORT, 131072);
			raw_send_bytes(e->hogs[i], raw_capsule(e->hogs[i], sqe, NULL, 0));
		}
	}
	world_run_for(e->fx->world, 10 * WORLD_MS);
	must_work(e, 400, LIMIT);
	must_identify(e);
	/* What waits behind them for so long that it is too long ends them. */
	world_run_for(e->fx->world, 32 * WORLD_SEC);
	for (unsigned i = 0; i < HOGS; i++)
		closed += e->hogs[i]->closed;
	g_assert_cmpuint(closed, >=, HOGS - 1); /* the last one is in nobody's way */
	must_work(e, 400, LIMIT);
	env_free(e);
}

/* Reads whose data is not read from the socket. */
static void test_deaf(void)
{
	struct env *e = env_new(8 << 20);
	uint8_t sqe[64];

	for (unsigned i = 0; i < HOGS; i++) {
		e->hogs[i]->deaf = true;
		for (unsigned k = 0; k < 120; k++) {
			raw_rw(sqe, false, (uint16_t)k, 1, 8192, 256, SGL_TRANSPORT, 131072);
			raw_send_bytes(e->hogs[i], raw_capsule(e->hogs[i], sqe, NULL, 0));
		}
	}
	world_run_for(e->fx->world, WORLD_SEC);
	must_work(e, 400, LIMIT);
	must_identify(e);
	world_run_for(e->fx->world, 60 * WORLD_SEC);
	must_work(e, 400, LIMIT);
	/* The ends of connections that are not read from are not seen; the target has dropped them.
	 */
	raw_settle(e->fx, 4, LIMIT);
	env_free(e);
}

/* Namespace 2, whose backend keeps every write. */
static void add_hung(struct env *e)
{
	const struct bdev_injection in = { .type = BDEV_ERROR_PENDING,
					   .ops = 1u << BDEV_WRITE,
					   .num = UINT32_MAX };

	fx_config(e->fx, "{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":["
			 "{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"Malloc1\","
			 "\"num_blocks\":65536,\"block_size\":512}},"
			 "{\"method\":\"bdev_error_create\",\"params\":{\"base_name\":\"Malloc1\"}}"
			 "]},{\"subsystem\":\"nvmf\",\"config\":["
			 "{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN
			 "\",\"namespace\":{\"bdev_name\":\"EE_Malloc1\",\"nsid\":2}}}]}]}");
	g_assert_true(bdev_error_inject(bdev_find(e->fx->target->bdevs, "EE_Malloc1"), &in, NULL));
	world_run_for(e->fx->world, WORLD_MS);
}

/* Sends the data for every R2T that has come. */
static void answer_r2ts(struct raw *r)
{
	static uint8_t data[131072];

	for (unsigned i = 0; i < r->pdus->len; i++) {
		const uint8_t *p = raw_pdu(r, i);

		if (p[0] == R2T)
			raw_send_bytes(r, raw_h2c(r, (uint16_t)raw_get(p, 8, 2),
						  (uint16_t)raw_get(p, 10, 2), 0, data,
						  sizeof(data), true));
	}
	raw_forget(r);
}

/*
 * One connection with many large writes on a backend that never answers: the
 * others, one that comes later, and admin commands have theirs; for as long as
 * that lasts. What it was is over with its connection.
 */
static void test_hung_backend(void)
{
	struct env *e = env_new(8 << 20);
	struct host_params params;
	struct fx_host *later = fx_host_new(e->fx, 1);
	struct env also = *e;
	uint8_t sqe[64];

	add_hung(e);
	for (unsigned k = 0; k < 120; k++) {
		raw_rw(sqe, true, (uint16_t)k, 2, k * 256, 256, SGL_TRANSPORT, 131072);
		raw_send_bytes(e->hogs[0], raw_capsule(e->hogs[0], sqe, NULL, 0));
	}
	for (unsigned i = 0; i < 100; i++) {
		world_run_for(e->fx->world, 10 * WORLD_MS);
		answer_r2ts(e->hogs[0]);
	}
	g_assert_cmpuint(bdev_find(e->fx->target->bdevs, "EE_Malloc1")->channels[0]->inflight, >,
			 4);
	for (unsigned i = 0; i < 3; i++) {
		must_work(e, 400, LIMIT);
		must_identify(e);
		world_run_for(e->fx->world, 40 * WORLD_SEC);
	}
	host_params_default(&params);
	params.subnqn = FX_NQN;
	g_assert_true(fx_connect(later, &params));
	world_run_for(e->fx->world, 10 * WORLD_MS);
	also.good = later;
	must_work(&also, 400, LIMIT);
	fx_disconnect(later);
	g_assert_false(e->hogs[0]->closed);
	raw_abort(e->hogs[0]);
	raw_settle(e->fx, 3 + HOGS - 1, LIMIT);
	g_assert_cmpuint(bdev_find(e->fx->target->bdevs, "EE_Malloc1")->channels[0]->inflight, ==,
			 0);
	must_work(e, 400, LIMIT);
	env_free(e);
}

/* One that holds what nobody wants is left alone. */
static void test_alone(void)
{
	struct env *e = env_new(8 << 20);
	uint8_t sqe[64];

	raw_rw(sqe, true, 1, 1, 8192, 256, SGL_TRANSPORT, 131072);
	raw_send_bytes(e->hogs[0], raw_capsule(e->hogs[0], sqe, NULL, 0));
	for (unsigned i = 0; i < 10; i++) {
		world_run_for(e->fx->world, 12 * WORLD_SEC);
		must_work(e, 20, LIMIT);
	}
	g_assert_false(e->hogs[0]->closed);
	env_free(e);
}

/* In-capsule data larger than the pool's buffers, a pool of next to nothing, writes of both kinds.
 */
static void test_large_capsules(void)
{
	const struct core_options options = { .nreactors = 1, .buf_limit = 1 << 20 };
	struct fx *fx = fx_new_with(5, &options);
	static uint8_t data[262144];
	struct core *core;
	struct raw *admin, *r[2];
	uint16_t cntlid;
	uint8_t sqe[64];

	fx_config(fx,
		  "{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":["
		  "{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"Malloc0\","
		  "\"num_blocks\":8192,\"block_size\":512}}]},{\"subsystem\":\"nvmf\",\"config\":["
		  "{\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"TCP\","
		  "\"in_capsule_data_size\":262144,\"max_io_size\":1048576}},"
		  "{\"method\":\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" FX_NQN "\","
		  "\"allow_any_host\":true}},"
		  "{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN "\","
		  "\"namespace\":{\"bdev_name\":\"Malloc0\"}}},"
		  "{\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" FX_NQN "\","
		  "\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\",\"traddr\":\"" FX_ADDR
		  "\",\"trsvcid\":\"4420\"}}}]}]}");
	core = fx_host_new(fx, 1)->core;
	admin = raw_admin(fx, core, false, false, 0, &cntlid);
	for (unsigned i = 0; i < 2; i++)
		r[i] = raw_io(fx, core, i, i, cntlid, (uint16_t)(i + 1), 31);
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 0; i < 2; i++) {
			/* Holds the pool's only large buffer, then capsules, then its data. */
			raw_forget(r[i]);
			raw_rw(sqe, true, 20, 1, 0, 2048, SGL_TRANSPORT, 1048576);
			raw_send_bytes(r[i], raw_capsule(r[i], sqe, NULL, 0));
			for (unsigned k = 0; k < 4; k++) {
				memset(data, (int)(k + round), sizeof(data));
				raw_rw(sqe, true, (uint16_t)k, 1, 2048 + k * 512, 512 - k,
				       SGL_INCAPSULE, (512 - k) * 512);
				raw_send_bytes(r[i], raw_capsule(r[i], sqe, data, (512 - k) * 512));
			}
		}
		for (unsigned i = 0; i < 2; i++) {
			g_autofree uint8_t *all = g_malloc0(1048576);

			g_assert_true(raw_wait(r[i], 5, LIMIT));
			g_assert_nonnull(raw_last(r[i], R2T));
			raw_send_bytes(r[i], raw_h2c(r[i], 20,
						     (uint16_t)raw_get(raw_last(r[i], R2T), 10, 2),
						     0, all, 1048576, true));
			g_assert_true(raw_wait(r[i], 6, LIMIT));
			for (unsigned k = 0; k < 4; k++)
				g_assert_cmphex(raw_get(raw_response(r[i], (uint16_t)k), 22, 2), ==,
						0);
			g_assert_cmphex(raw_get(raw_response(r[i], 20), 22, 2), ==, 0);
		}
		g_assert_cmpint(raw_memory(fx, "Malloc0")[2048 * 512], ==, (int)round);
	}
	for (unsigned i = 0; i < 2; i++)
		raw_free(r[i]);
	raw_free(admin);
	raw_settle(fx, 0, LIMIT);
	g_assert_cmpuint(raw_bufs_in_use(fx), ==, 0);
	fx_free(fx);
}

/* A bad PDU right behind the ICReq, before the ICResp has gone: both answers come. */
static void test_early_term(void)
{
	struct env *e = env_new(8 << 20);
	struct raw *r = raw_open(e->fx, e->core);
	GByteArray *bytes = raw_icreq(r, 0, false, false);
	uint8_t bad[24] = { 0x42, 0, 24, 0, 24 };

	g_byte_array_append(bytes, bad, sizeof(bad));
	raw_send_bytes(r, bytes);
	g_assert_true(raw_wait_closed(r, LIMIT));
	g_assert_cmpuint(r->pdus->len, ==, 2);
	g_assert_cmpuint(raw_pdu(r, 0)[0], ==, ICRESP);
	g_assert_cmpuint(raw_pdu(r, 1)[0], ==, C2HTERM);
	g_assert_cmpuint(raw_get(raw_pdu(r, 1), 8, 2), ==, 1);
	g_assert_cmpmem(raw_pdu(r, 1) + 24, 24, bad, 24);
	raw_free(r);
	env_free(e);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tcp/fair/no-data", test_no_data);
	g_test_add_func("/tcp/fair/deaf", test_deaf);
	g_test_add_func("/tcp/fair/hung-backend", test_hung_backend);
	g_test_add_func("/tcp/fair/alone", test_alone);
	g_test_add_func("/tcp/fair/large-capsules", test_large_capsules);
	g_test_add_func("/tcp/fair/early-term", test_early_term);
	return g_test_run();
}
