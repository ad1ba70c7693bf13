/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvmf_subsystem_remove_host with timeout_ms: answered when the host's controllers
 * have gone, or when the time is up while one waits for its backend; which then
 * goes by itself, also when the target ends meanwhile.
 */
#include <string.h>

#include "target/bdev/bdev-priv.h"
#include "target/host/host.h"
#include "target/rpc/json.h"
#include "tests/unit/rpc/rig.h"

#define NQN "nqn.2016-06.io.spdk:cnode1"
#define HOST "nqn.2014-08.org.nvmexpress:uuid:1a1f6276-e700-4618-9a55-6724b0a344fa"
#define REMOVE(ms_) "\"nqn\":\"" NQN "\",\"host\":\"" HOST "\",\"timeout_ms\":" ms_
#define BS 512u

/* A backend that answers when it is told. */
struct slow {
	struct bdev bdev;
	struct bdev_io *held;
};

static void slow_submit(struct bdev_channel *ch, struct bdev_io *io)
{
	((struct slow *)ch->bdev)->held = io;
}

static int slow_open(struct bdev *bdev, struct bdev_channel *ch)
{
	ch->ctx = bdev;
	return 0;
}

static void slow_close(struct bdev_channel *ch)
{
	ch->ctx = NULL;
}

static void slow_destroy(struct bdev *bdev)
{
	bdev_fini_common(bdev);
	g_free(bdev);
}

static const struct bdev_ops slow_ops = {
	.product_name = "Slow disk",
	.destroy = slow_destroy,
	.channel_open = slow_open,
	.channel_close = slow_close,
	.submit = slow_submit,
};

static void answer(struct reactor *r, void *arg)
{
	struct bdev_io *io = g_steal_pointer(&((struct slow *)arg)->held);

	(void)r;
	g_assert_nonnull(io);
	bdev_io_complete(io, NVME_SUCCESS);
}

struct env {
	struct rig *rig;
	struct slow *slow;
	struct host_ctrlr *ctrlr;
	struct host_io io;
	bool io_done;
};

/* The raw text of a method's result, or of its error. */
static char *call(struct rig *rig, const char *method, const char *params)
{
	g_autofree char *request = g_strdup_printf(
		"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":{%s}}", method, params);
	g_autofree char *text = rig_ask(rig, request);
	g_autofree char *got = NULL;
	struct jv_doc *doc;
	const struct jv *v;

	g_assert_nonnull(text);
	doc = jv_parse(text, strlen(text), 0, NULL);
	v = jv_member(jv_root(doc), "result");
	v = v ? v : jv_member(jv_root(doc), "error");
	got = g_strndup(v->raw, v->raw_len);
	jv_doc_unref(doc);
	return g_steal_pointer(&got);
}

static void expect(struct rig *rig, const char *method, const char *params, const char *part)
{
	g_autofree char *have = call(rig, method, params);

	if (!strstr(have, part))
		g_error("%s {%s}: %s without %s", method, params, have, part);
}

static void connected(struct host_ctrlr *c, const GError *error, void *arg)
{
	g_assert_no_error(error);
	((struct env *)arg)->ctrlr = c;
}

static void io_done(struct host_io *io)
{
	struct env *e = (struct env *)((char *)io - offsetof(struct env, io));

	e->io_done = true;
}

static void connect(struct env *e)
{
	struct host_params p;

	host_params_default(&p);
	g_assert_true(net_addr_parse(&p.addr, "127.0.0.1", "4420", NULL));
	p.subnqn = NQN;
	p.hostnqn = HOST;
	e->ctrlr = NULL;
	g_assert_nonnull(host_ctrlr_connect(core_main(e->rig->clients), &p, connected, e, NULL));
	world_run_for(e->rig->world, 100 * WORLD_MS);
	g_assert_nonnull(e->ctrlr);
}

/* One I/O, which stays with the backend. */
static void begin_io(struct env *e)
{
	e->io_done = false;
	e->io = (struct host_io){ .done = io_done, .nsid = 1, .blocks = 8 };
	g_assert_cmpint(host_verify(host_ctrlr_qpair(e->ctrlr, 0), &e->io), ==, 0);
	world_run_for(e->rig->world, 10 * WORLD_MS);
	g_assert_nonnull(e->slow->held);
}

static void ended(void *arg)
{
	((struct env *)arg)->ctrlr = NULL;
}

static void disconnect(struct env *e)
{
	host_ctrlr_disconnect(e->ctrlr, ended, e);
	world_run_for(e->rig->world, WORLD_SEC);
	g_assert_null(e->ctrlr);
	g_assert_true(e->io_done);
}

static void env_init(struct env *e, uint64_t seed, unsigned reactors)
{
	struct bdev_layer *layer;

	*e = (struct env){ .rig = rig_new(seed, reactors), .slow = g_new0(struct slow, 1) };
	layer = e->rig->target->bdevs;
	e->slow->bdev.block_size = BS;
	e->slow->bdev.num_blocks = 1024;
	bdev_init_common(layer, &e->slow->bdev, &slow_ops, "slow", NULL, NULL);
	e->slow->bdev.can_place = false;
	g_assert_true(bdev_register(layer, &e->slow->bdev, NULL));
	expect(e->rig, "nvmf_create_transport", "\"trtype\":\"TCP\"", "true");
	expect(e->rig, "nvmf_create_subsystem", "\"nqn\":\"" NQN "\"", "true");
	expect(e->rig, "nvmf_subsystem_add_ns",
	       "\"nqn\":\"" NQN "\",\"namespace\":{\"bdev_name\":\"slow\"}", "1");
	expect(e->rig, "nvmf_subsystem_add_listener",
	       "\"nqn\":\"" NQN "\",\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\","
	       "\"traddr\":\"127.0.0.1\",\"trsvcid\":\"4420\"}",
	       "true");
	expect(e->rig, "nvmf_subsystem_add_host", "\"nqn\":\"" NQN "\",\"host\":\"" HOST "\"",
	       "true");
}

#define NOBODY "\"hosts\":[]"

/* In time, with nothing under way and with I/O that ends in time. */
static void test_in_time(void)
{
	struct env e;
	uint64_t begun;

	env_init(&e, 3, 2);
	connect(&e);
	begin_io(&e);
	core_call(e.slow->held->channel->reactor, answer, e.slow);
	world_run_for(e.rig->world, 10 * WORLD_MS);
	begun = world_now(e.rig->world);
	expect(e.rig, "nvmf_subsystem_remove_host", REMOVE("5000"), "true");
	g_assert_cmpuint(world_now(e.rig->world) - begun, <, WORLD_SEC);
	expect(e.rig, "nvmf_subsystem_get_controllers", "\"nqn\":\"" NQN "\"", "[]");
	disconnect(&e);
	rig_free(e.rig);
}

/* The time is up, to the millisecond; the rest goes by itself. */
static void test_time_up(void)
{
	struct env e;
	uint64_t begun;

	env_init(&e, 4, 2);
	connect(&e);
	begin_io(&e);
	begun = world_now(e.rig->world);
	expect(e.rig, "nvmf_subsystem_remove_host", REMOVE("100"),
	       "\"Timeout reached during host removal\"");
	g_assert_cmpuint(world_now(e.rig->world) - begun, >=, 100 * WORLD_MS);
	g_assert_cmpuint(world_now(e.rig->world) - begun, <, 110 * WORLD_MS);
	expect(e.rig, "nvmf_get_subsystems", "\"nqn\":\"" NQN "\"", NOBODY);
	expect(e.rig, "nvmf_subsystem_get_controllers", "\"nqn\":\"" NQN "\"", "\"cntlid\":1");
	core_call(e.slow->held->channel->reactor, answer, e.slow);
	world_run_for(e.rig->world, 10 * WORLD_MS);
	expect(e.rig, "nvmf_subsystem_get_controllers", "\"nqn\":\"" NQN "\"", "[]");
	disconnect(&e);
	/* And it may come again. */
	expect(e.rig, "nvmf_subsystem_add_host", "\"nqn\":\"" NQN "\",\"host\":\"" HOST "\"",
	       "true");
	connect(&e);
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
		connect(&e);
		begin_io(&e);
		c = client_open(e.rig);
		client_send(c, request);
		world_run_for(e.rig->world, late ? 2 * WORLD_SEC : 10 * WORLD_MS);
		core_call(e.slow->held->channel->reactor, answer, e.slow);
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
