/* SPDX-License-Identifier: BSD-3-Clause */
/* A core of several reactors: options, start, calls, broadcasts, and stopping in the middle. */
#include <errno.h>
#include <string.h>

#include "hw/net.h"
#include "target/core/error.h"
#include "tests/unit/core/fake-hw.h"

struct tally {
	unsigned ran[CORE_MAX_REACTORS], done;
};

static void each(struct reactor *r, void *arg)
{
	((struct tally *)arg)->ran[r->index]++;
}

static void done(void *arg)
{
	struct tally *t = arg;

	for (unsigned i = 0; i < 3; i++)
		g_assert_cmpuint(t->ran[i], ==, 1);
	t->done++;
}

static void test_broadcast(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct core *core = fake_core_new(fake, 3, 0);
	struct tally t = { 0 };

	core_broadcast(core, each, done, &t);
	g_assert_cmpuint(t.ran[0], ==, 0); /* never from inside the call */
	reactor_pass(core->reactors[1]);
	reactor_pass(core->reactors[0]);
	g_assert_cmpuint(t.done, ==, 0);
	fake_core_run(core);
	g_assert_cmpuint(t.done, ==, 1);
	core_call(core->reactors[2], each, &t);
	g_assert_cmpuint(t.ran[2], ==, 1);
	fake_core_run(core);
	g_assert_cmpuint(t.ran[2], ==, 2);
	core_free(core);
	fake_hw_free(fake);
}

static void count_done(void *arg)
{
	((struct tally *)arg)->done++;
}

/* Calls and broadcasts that never arrive, at each stage, leak nothing. */
static void test_dropped(void)
{
	for (unsigned passes = 0; passes < 8; passes++) {
		struct fake_hw *fake = fake_hw_new();
		struct core *core = fake_core_new(fake, 3, 0);
		struct tally t = { 0 };

		core_broadcast(core, each, count_done, &t);
		core_call(core->reactors[1], each, &t);
		for (unsigned i = 0; i < 3; i++) {
			if (passes & 1u << i)
				reactor_pass(core->reactors[2 - i]);
		}
		core_free(core);
		fake_hw_free(fake);
	}
}

static void test_start(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct core_options options = { .nreactors = 2,
					.cpus = (const int[]){ 4, 5 },
					.spin_ns = 77 };
	g_autoptr(GError) error = NULL;
	struct core *core = core_new(&fake->hw, &options, &error);

	g_assert_no_error(error);
	fake->runner_error = -EINVAL;
	g_assert_false(core_start(core, &error));
	g_assert_error(error, WEFT_ERROR, -EINVAL);
	g_assert_nonnull(strstr(weft_error_detail(error), "processor 5"));
	g_clear_error(&error);
	g_assert_true(core_start(core, &error));
	g_assert_cmpuint(fake->nrunners, ==, 2);
	/* the main reactor last, on the caller's thread */
	g_assert_true(fake->runners[0].params.own_thread);
	g_assert_cmpint(fake->runners[0].params.cpu, ==, 5);
	g_assert_cmpstr(fake->runners[0].name, ==, "weft-1");
	g_assert_false(fake->runners[1].params.own_thread);
	g_assert_cmpuint(fake->runners[1].params.spin_ns, ==, 77);
	core_stop(core);
	core_stop(core);
	core_free(core);
	core_free(NULL);
	fake_hw_free(fake);
}

static void expect_refused(struct fake_hw *fake, struct core_options options)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(core_new(&fake->hw, &options, &error));
	g_assert_error(error, WEFT_ERROR, -EINVAL);
	g_assert_nonnull(weft_error_detail(error));
}

static void test_options(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct core *core;

	expect_refused(fake, (struct core_options){ .nreactors = 65 });
	expect_refused(fake, (struct core_options){ .buf_limit = 4096 });
	expect_refused(fake, (struct core_options){ .trace_records = 1000 });
	core = core_new(&fake->hw, &(struct core_options){ 0 }, NULL);
	g_assert_cmpuint(core->nreactors, ==, 1);
	g_assert_true(core_main(core)->core == core);
	g_assert_cmpuint(fake->mem_in_use, ==, 0);
	core_free(core);
	fake_hw_free(fake);
}

/* --- a network that can refuse ----------------------------------------------------------- */

struct fake_net {
	struct hw_net net;
	unsigned open, fail_at, opened;
};

static int ctx_open(struct hw_net *net, struct reactor *r, struct net_ctx **out)
{
	struct fake_net *fn = (struct fake_net *)net;

	g_assert_true(r->core->reactors[r->index] == r);
	if (fn->opened++ == fn->fail_at)
		return -EMFILE;
	fn->open++;
	*out = (struct net_ctx *)fn;
	return 0;
}

static void ctx_close(struct net_ctx *ctx)
{
	((struct fake_net *)ctx)->open--;
}

static void test_net(void)
{
	static const struct hw_net_ops ops = { .ctx_open = ctx_open, .ctx_close = ctx_close };
	struct fake_hw *fake = fake_hw_new();
	struct fake_net fn = { .net.ops = &ops };

	fake->hw.net = &fn.net;
	for (fn.fail_at = 0; fn.fail_at < 4; fn.fail_at++) {
		struct core_options options = { .nreactors = 3 };
		g_autoptr(GError) error = NULL;
		struct core *core;

		fn.opened = 0;
		core = core_new(&fake->hw, &options, &error);
		if (fn.fail_at < 3) {
			g_assert_null(core);
			g_assert_error(error, WEFT_ERROR, -EMFILE);
		} else {
			g_assert_no_error(error);
			g_assert_nonnull(core->reactors[2]->net);
			core_free(core);
		}
		g_assert_cmpuint(fn.open, ==, 0);
	}
	fake_hw_free(fake);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/core/broadcast", test_broadcast);
	g_test_add_func("/core/dropped", test_dropped);
	g_test_add_func("/core/start", test_start);
	g_test_add_func("/core/options", test_options);
	g_test_add_func("/core/net", test_net);
	return g_test_run();
}
