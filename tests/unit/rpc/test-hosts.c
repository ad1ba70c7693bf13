/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvmf_subsystem_remove_host with timeout_ms: answered when the host's controllers
 * have gone, or when the time is up while one waits for its backend; which then
 * goes by itself, also when the target ends meanwhile.
 */
#include "tests/unit/bdev/slow.h"
#include "tests/unit/rpc/rig-host.h"

#define NQN "nqn.2016-06.io.spdk:cnode1"
#define HOST "nqn.2014-08.org.nvmexpress:uuid:1a1f6276-e700-4618-9a55-6724b0a344fa"
#define REMOVE(ms_) "\"nqn\":\"" NQN "\",\"host\":\"" HOST "\",\"timeout_ms\":" ms_
#define BS 512u

struct env {
	struct rig *rig;
	struct slow *slow;
	struct host_ctrlr *ctrlr;
	struct host_io io;
	bool io_done;
};

static void io_done(struct host_io *io)
{
	struct env *e = (struct env *)((char *)io - offsetof(struct env, io));

	e->io_done = true;
}

/* One I/O, which stays with the backend. */
static void begin_io(struct env *e)
{
	e->io_done = false;
	e->io = (struct host_io){ .done = io_done, .nsid = 1, .blocks = 8 };
	g_assert_cmpint(host_verify(host_ctrlr_qpair(e->ctrlr, 0), &e->io), ==, 0);
	world_run_for(e->rig->world, 10 * WORLD_MS);
	g_assert_nonnull(e->slow->held.head);
}

static void disconnect(struct env *e)
{
	rig_host_disconnect(e->rig, &e->ctrlr);
	g_assert_true(e->io_done);
}

static void env_init(struct env *e, uint64_t seed, unsigned reactors)
{
	*e = (struct env){ .rig = rig_new(seed, reactors) };
	e->slow = slow_new(e->rig->target->bdevs, "slow", BS, 1024);
	rig_has(e->rig, "nvmf_create_transport", "\"trtype\":\"TCP\"", "true");
	rig_has(e->rig, "nvmf_create_subsystem", "\"nqn\":\"" NQN "\"", "true");
	rig_has(e->rig, "nvmf_subsystem_add_ns",
		"\"nqn\":\"" NQN "\",\"namespace\":{\"bdev_name\":\"slow\"}", "1");
	rig_has(e->rig, "nvmf_subsystem_add_listener",
		"\"nqn\":\"" NQN "\",\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\","
		"\"traddr\":\"127.0.0.1\",\"trsvcid\":\"4420\"}",
		"true");
	rig_has(e->rig, "nvmf_subsystem_add_host", "\"nqn\":\"" NQN "\",\"host\":\"" HOST "\"",
		"true");
}

#define NOBODY "\"hosts\":[]"

/* In time, with nothing under way and with I/O that ends in time. */
static void test_in_time(void)
{
	struct env e;
	uint64_t begun;

	env_init(&e, 3, 2);
	rig_host_connect(e.rig, NQN, HOST, &e.ctrlr);
	begin_io(&e);
	core_call(e.slow->held.head->channel->reactor, slow_answer, e.slow);
	world_run_for(e.rig->world, 10 * WORLD_MS);
	begun = world_now(e.rig->world);
	rig_has(e.rig, "nvmf_subsystem_remove_host", REMOVE("5000"), "true");
	g_assert_cmpuint(world_now(e.rig->world) - begun, <, WORLD_SEC);
	rig_has(e.rig, "nvmf_subsystem_get_controllers", "\"nqn\":\"" NQN "\"", "[]");
	disconnect(&e);
	rig_free(e.rig);
}

/* The time is up, to the millisecond; the rest goes by itself. */
static void test_time_up(void)
{
	struct env e;
	uint64_t begun;

	env_init(&e, 4, 2);
	rig_host_connect(e.rig, NQN, HOST, &e.ctrlr);
	begin_io(&e);
	begun = world_now(e.rig->world);
	rig_has(e.rig, "nvmf_subsystem_remove_host", REMOVE("100"),
		"\"Timeout reached during host removal\"");
	g_assert_cmpuint(world_now(e.rig->world) - begun, >=, 100 * WORLD_MS);
	g_assert_cmpuint(world_now(e.rig->world) - begun, <, 110 * WORLD_MS);
	rig_has(e.rig, "nvmf_get_subsystems", "\"nqn\":\"" NQN "\"", NOBODY);
	rig_has(e.rig, "nvmf_subsystem_get_controllers", "\"nqn\":\"" NQN "\"", "\"cntlid\":1");
	core_call(e.slow->held.head->channel->reactor, slow_answer, e.slow);
	world_run_for(e.rig->world, 10 * WORLD_MS);
	rig_has(e.rig, "nvmf_subsystem_get_controllers", "\"nqn\":\"" NQN "\"", "[]");
	disconnect(&e);
	/* And it may come again. */
	rig_has(e.rig, "nvmf_subsystem_add_host", "\"nqn\":\"" NQN "\",\"host\":\"" HOST "\"",
		"true");
	rig_host_connect(e.rig, NQN, HOST, &e.ctrlr);
	disconnect(&e);
	rig_free(e.rig);
}

/* The target ends when the backend answers: before the time is up, and after. */
static void test_shutdown(void)
{
	static const char request[] =
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nvmf_subsystem_remove_host\","
		"\"params\":{" REMOVE("1000") "}}";

	for (unsigned late = 0; late < 2; late++) {
		struct client *c;
		struct env e;

		env_init(&e, 5 + late, 1 + late);
		rig_host_connect(e.rig, NQN, HOST, &e.ctrlr);
		begin_io(&e);
		c = client_open(e.rig);
		client_send(c, request);
		world_run_for(e.rig->world, late ? 2 * WORLD_SEC : 10 * WORLD_MS);
		core_call(e.slow->held.head->channel->reactor, slow_answer, e.slow);
		rig_shutdown(e.rig);
		client_free(c);
		disconnect(&e);
		rig_free(e.rig);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc/hosts/in-time", test_in_time);
	g_test_add_func("/rpc/hosts/time-up", test_time_up);
	g_test_add_func("/rpc/hosts/shutdown", test_shutdown);
	return g_test_run();
}
