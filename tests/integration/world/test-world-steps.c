/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands of several I/Os, and what waits for them, on backends that take their
 * time or never answer: after an Abort, a reset or the end of the connection no
 * further I/O begins, what can be got back ends, and nothing stays.
 */
#include <string.h>

#include "target/core/buf.h"
#include "target/nvmf/group.h"
#include "target/nvmf/request.h"
#include "tests/integration/tcp/raw.h"
#include "tests/unit/bdev/slow.h"

#define LIMIT (5 * WORLD_SEC)
#define BS 512u
#define BLOCKS 4096u
#define ABORTED 0x0007

/* --- a target with two namespaces, one reactor ------------------------------------------- */

static void config(struct fx *fx, const char *first, const char *second)
{
	g_autofree char *json = g_strdup_printf(
		"{\"subsystems\":[{\"subsystem\":\"nvmf\",\"config\":["
		"{\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"TCP\"}},"
		"{\"method\":\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" FX_NQN "\","
		"\"allow_any_host\":true}},"
		"{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN "\","
		"\"namespace\":{\"bdev_name\":\"%s\"}}},"
		"{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN "\","
		"\"namespace\":{\"bdev_name\":\"%s\"}}},"
		"{\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" FX_NQN "\","
		"\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\",\"traddr\":\"" FX_ADDR
		"\",\"trsvcid\":\"4420\"}}}]}]}",
		first, second);

	fx_config(fx, json);
}

struct env {
	struct fx *fx;
	struct core *core;
	struct raw *admin, *q;
	uint16_t id;
};

static void connect(struct env *e)
{
	e->core = fx_host_new(e->fx, 1)->core;
	e->admin = raw_admin(e->fx, e->core, false, false, 0, &e->id);
	e->q = raw_io(e->fx, e->core, false, false, e->id, 1, 31);
	world_run_for(e->fx->world, 10 * WORLD_MS);
	raw_forget(e->q);
}

static void disconnect(struct env *e)
{
	raw_free(e->q);
	raw_free(e->admin);
	raw_settle(e->fx, 0, LIMIT);
	g_assert_cmpuint(raw_bufs_in_use(e->fx), ==, 0);
	fx_free(e->fx);
}

/* --- the commands: each takes two I/Os at least, and is known by its cid ------------------ */

#define CID 7

static void send_copy(struct raw *q)
{
	uint8_t sqe[64], ranges[64] = { 0 };

	raw_put(ranges, 8, 8, 0);
	raw_put(ranges, 16, 2, 7);
	raw_put(ranges + 32, 8, 8, 16);
	raw_put(ranges + 32, 16, 2, 7);
	raw_sqe(sqe, 0x19, CID, 1, SGL_INCAPSULE, sizeof(ranges));
	raw_put(sqe, 40, 8, 1000);
	raw_put(sqe, 48, 4, 1);
	raw_send_bytes(q, raw_capsule(q, sqe, ranges, sizeof(ranges)));
}

static void send_verify(struct raw *q)
{
	uint8_t sqe[64];

	raw_sqe(sqe, 0x0c, CID, 1, SGL_NONE, 0);
	raw_put(sqe, 48, 2, 299);
	raw_send_bytes(q, raw_capsule(q, sqe, NULL, 0));
}

static void send_dsm(struct raw *q)
{
	uint8_t sqe[64], ranges[32] = { 0 };

	raw_put(ranges, 4, 4, 8);
	raw_put(ranges, 20, 4, 8);
	raw_put(ranges, 24, 8, 100);
	raw_sqe(sqe, 0x09, CID, 1, SGL_INCAPSULE, sizeof(ranges));
	raw_put(sqe, 40, 4, 1);
	raw_put(sqe, 44, 4, 4);
	raw_send_bytes(q, raw_capsule(q, sqe, ranges, sizeof(ranges)));
}

static void send_flush(struct raw *q)
{
	uint8_t sqe[64];

	raw_sqe(sqe, 0x00, CID, 0xffffffff, SGL_NONE, 0);
	raw_send_bytes(q, raw_capsule(q, sqe, NULL, 0));
}

/* The write is CID. */
static void send_fused(struct raw *q)
{
	uint8_t sqe[64], data[BS] = { 0 };

	raw_sqe(sqe, 0x05, CID + 1, 1, SGL_INCAPSULE, BS);
	sqe[1] |= 1;
	raw_send_bytes(q, raw_capsule(q, sqe, data, BS));
	raw_rw(sqe, true, CID, 1, 0, 1, SGL_INCAPSULE, BS);
	sqe[1] |= 2;
	raw_send_bytes(q, raw_capsule(q, sqe, data, BS));
}

static void (*const commands[])(struct raw *q) = {
	send_copy, send_verify, send_dsm, send_flush, send_fused,
};

static uint64_t abort_of(struct raw *admin, uint16_t sqid, uint16_t cid)
{
	uint64_t dw01 = 99;
	uint8_t sqe[64];

	raw_sqe(sqe, 0x08, 0x8888, 0, SGL_NONE, 0);
	raw_put(sqe, 40, 4, sqid | (uint32_t)cid << 16);
	g_assert_cmphex(raw_cmd(admin, sqe, NULL, 0, &dw01), ==, 0);
	return dw01;
}

static unsigned status_of(struct raw *q, uint16_t cid)
{
	const uint8_t *p = raw_response(q, cid);

	return p != NULL ? (unsigned)raw_get(p, 8 + 14, 2) >> 1 : 0xffff;
}

enum how { ABORT, CLOSE, RESET, HOWS };

static void end_queue(struct env *e, enum how how)
{
	uint8_t sqe[64];

	if (how == CLOSE) {
		raw_abort(e->q);
	} else {
		raw_prop(sqe, true, 5, 0x14, 4, 0x460000);
		g_assert_cmphex(raw_cmd(e->admin, sqe, NULL, 0, NULL), ==, 0);
	}
	world_run_for(e->fx->world, 10 * WORLD_MS);
}

/* The step under way is the last, though it ends well. */
static void no_further_step(void (*send)(struct raw *q), enum how how)
{
	struct env e = { .fx = fx_new(7, 1) };
	struct slow *s[2];

	for (unsigned i = 0; i < 2; i++)
		s[i] = slow_new(e.fx->target->bdevs, i == 0 ? "slow0" : "slow1", BS, BLOCKS);
	config(e.fx, "slow0", "slow1");
	connect(&e);
	send(e.q);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	g_assert_cmpuint(s[0]->submitted, ==, 1);
	if (how == ABORT)
		g_assert_cmphex(abort_of(e.admin, 1, CID), ==, 1); /* not now */
	else
		end_queue(&e, how);
	g_assert_cmpuint(raw_connections(e.fx), ==, 2);
	core_call(core_main(e.fx->target->core), slow_answer, s[0]);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	g_assert_cmpuint(s[0]->submitted + s[1]->submitted, ==, 1);
	if (how != ABORT)
		raw_settle(e.fx, 1, WORLD_MS);
	else
		g_assert_cmphex(status_of(e.q, CID), ==, ABORTED);
	disconnect(&e);
}

static void test_no_further_step(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
		for (unsigned how = 0; how < HOWS; how++)
			no_further_step(commands[i], how);
	}
}

/* --- a backend that never answers ---------------------------------------------------------- */

static void never(struct fx *fx, uint32_t ops, uint32_t num)
{
	const struct bdev_injection in = { .type = BDEV_ERROR_PENDING, .ops = ops, .num = num };

	g_assert_true(bdev_error_inject(bdev_find(fx->target->bdevs, "EE_Malloc0"), &in, NULL));
	world_run_for(fx->world, WORLD_MS);
}

static struct fx *error_target(uint64_t seed)
{
	const struct core_options options = { .nreactors = 1, .buf_limit = 4 << 20 };
	struct fx *fx = fx_new_with(seed, &options);

	g_assert_nonnull(bdev_malloc_create(fx->target->bdevs, "Malloc0", BLOCKS, BS, NULL, NULL));
	g_assert_nonnull(bdev_null_create(fx->target->bdevs, "Null0", BLOCKS, BS, NULL, NULL));
	g_assert_nonnull(bdev_error_create(fx->target->bdevs, "Malloc0", NULL, NULL));
	config(fx, "EE_Malloc0", "Null0");
	return fx;
}

/* The step that hangs is got back. */
static void hung_step(void (*send)(struct raw *q), enum how how, uint32_t ops)
{
	struct env e = { .fx = error_target(9) };

	connect(&e);
	never(e.fx, ops, UINT32_MAX);
	send(e.q);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	g_assert_cmphex(status_of(e.q, CID), ==, 0xffff);
	if (how == ABORT) {
		g_assert_cmphex(abort_of(e.admin, 1, CID), ==, 0);
		world_run_for(e.fx->world, 10 * WORLD_MS);
		if (send == send_fused && ops == 1u << BDEV_READ)
			g_assert_cmphex(status_of(e.q, CID), ==, NVME_SC_FUSED_FAILED);
		else
			g_assert_cmphex(status_of(e.q, CID), ==, ABORTED);
	} else {
		end_queue(&e, how);
		raw_settle(e.fx, 1, WORLD_MS);
	}
	disconnect(&e);
}

static void test_hung_step(void)
{
	for (unsigned how = 0; how < HOWS; how++) {
		hung_step(send_copy, how, 1u << BDEV_READ);
		hung_step(send_copy, how, 1u << BDEV_WRITE);
		hung_step(send_verify, how, 1u << BDEV_READ);
		hung_step(send_dsm, how, 1u << BDEV_UNMAP);
		hung_step(send_flush, how, 1u << BDEV_FLUSH);
		hung_step(send_fused, how, 1u << BDEV_READ);
		hung_step(send_fused, how, 1u << BDEV_WRITE);
	}
}

/* The first of a pair does not end the write of the second, which its own part is before. */
static void test_first_while_second_writes(void)
{
	struct env e = { .fx = error_target(9) };

	connect(&e);
	never(e.fx, 1u << BDEV_WRITE, UINT32_MAX);
	send_fused(e.q);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	g_assert_cmphex(abort_of(e.admin, 1, CID + 1), ==, 1);
	g_assert_cmphex(abort_of(e.admin, 1, CID), ==, 0);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	g_assert_cmphex(status_of(e.q, CID + 1), ==, 0);
	g_assert_cmphex(status_of(e.q, CID), ==, ABORTED);
	disconnect(&e);
}

/* A pair that waits for its reactor's one scratch buffer, ended by its second. */
static void test_pair_without_buffer(void)
{
	struct env e = { .fx = error_target(5) };
	GPtrArray *held = g_ptr_array_new();
	struct reactor *r = core_main(e.fx->target->core);
	struct buf *buf;

	connect(&e);
	while ((buf = buf_get(r->bufs, NVMF_SCRATCH_SIZE)) != NULL)
		g_ptr_array_add(held, buf);
	buf = buf_get(nvmf_group_of(e.fx->target->nvmf, r)->scratch, NVMF_SCRATCH_SIZE);
	g_assert_nonnull(buf);
	g_ptr_array_add(held, buf);
	send_fused(e.q);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	g_assert_cmphex(status_of(e.q, CID), ==, 0xffff);
	g_assert_cmphex(abort_of(e.admin, 1, CID), ==, 0);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	g_assert_cmphex(status_of(e.q, CID + 1), ==, ABORTED);
	g_assert_cmphex(status_of(e.q, CID), ==, NVME_SC_FUSED_FAILED);
	while (held->len > 0)
		buf_put(g_ptr_array_steal_index(held, held->len - 1));
	g_ptr_array_unref(held);
	disconnect(&e);
}

/* What a step finds lost is a media error in the SMART log, once; a difference is none. */
static void test_media_errors(void)
{
	static const uint32_t ops[] = { BDEV_READ, BDEV_WRITE, BDEV_READ, BDEV_READ };
	static void (*const send[])(struct raw * q) = { send_copy, send_copy, send_verify,
							send_fused };
	struct env e = { .fx = error_target(5) };
	const struct nvmf_subsystem *s = nvmf_subsystem_find(e.fx->target->nvmf, FX_NQN);
	struct nvmf_group *g = nvmf_group_of(e.fx->target->nvmf, core_main(e.fx->target->core));
	const struct nvmf_sgroup *sg = g_ptr_array_index(g->sgroups, s->index);
	struct bdev_injection in = { .type = BDEV_ERROR_NVME,
				     .status = NVME_SC_READ_ERROR | NVME_DNR };

	connect(&e);
	for (unsigned i = 0; i < G_N_ELEMENTS(send); i++) {
		in.ops = 1u << ops[i];
		in.num = 1;
		g_assert_true(
			bdev_error_inject(bdev_find(e.fx->target->bdevs, "EE_Malloc0"), &in, NULL));
		world_run_for(e.fx->world, WORLD_MS);
		raw_forget(e.q);
		send[i](e.q);
		world_run_for(e.fx->world, 10 * WORLD_MS);
		g_assert_cmphex(status_of(e.q, send[i] == send_fused ? CID + 1 : CID), ==,
				NVME_SC_READ_ERROR | NVME_DNR);
		g_assert_cmpuint(sg->ns[0].counts.media_errors, ==, i + 1);
	}
	disconnect(&e);
}

static void send_write(struct raw *q, uint16_t cid, uint64_t lba, uint8_t value)
{
	uint8_t sqe[64], data[BS];

	memset(data, value, sizeof(data));
	raw_rw(sqe, true, cid, 1, lba, 1, SGL_INCAPSULE, BS);
	raw_send_bytes(q, raw_capsule(q, sqe, data, BS));
}

/*
 * Writes that wait for a Copy which hangs: one is aborted, one goes with its
 * connection, and neither is done when the Copy goes on; the third is.
 */
static void test_behind_lock(void)
{
	struct env e = { .fx = error_target(3) };
	const uint8_t *memory = raw_memory(e.fx, "Malloc0");
	struct raw *q2;

	connect(&e);
	q2 = raw_io(e.fx, e.core, false, false, e.id, 2, 31);
	never(e.fx, 1u << BDEV_WRITE, 1);
	send_copy(e.q);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	for (uint16_t cid = 1; cid <= 2; cid++)
		send_write(q2, cid, 1000u + cid, (uint8_t)cid);
	send_write(e.q, 3, 1003, 3);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	g_assert_cmphex(status_of(e.q, 3), ==, 0xffff);
	g_assert_cmphex(abort_of(e.admin, 2, 2), ==, 0);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	g_assert_cmphex(status_of(q2, 2), ==, ABORTED);
	raw_abort(q2);
	raw_settle(e.fx, 2, WORLD_MS);
	bdev_error_resume(bdev_find(e.fx->target->bdevs, "EE_Malloc0"), NULL, NULL);
	world_run_for(e.fx->world, 10 * WORLD_MS);
	g_assert_cmphex(status_of(e.q, CID), ==, 0);
	g_assert_cmphex(status_of(e.q, 3), ==, 0);
	for (unsigned i = 1; i <= 3; i++)
		g_assert_cmphex(memory[(1000 + i) * BS], ==, i == 3 ? 3 : 0);
	raw_free(q2);
	disconnect(&e);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/world/steps/no-further-step", test_no_further_step);
	g_test_add_func("/world/steps/hung-step", test_hung_step);
	g_test_add_func("/world/steps/first-while-second-writes", test_first_while_second_writes);
	g_test_add_func("/world/steps/pair-without-buffer", test_pair_without_buffer);
	g_test_add_func("/world/steps/media-errors", test_media_errors);
	g_test_add_func("/world/steps/behind-lock", test_behind_lock);
	return g_test_run();
}
