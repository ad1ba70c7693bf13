/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kept configuration when things go wrong: faults 51 and 52. The power fails at
 * every step of the file's work; the target comes back with every call that was
 * answered, at most the one besides that was not, and none by halves.
 */
#include <string.h>

#include "target/rpc/server.h"
#include "tests/integration/config/box.h"

#define NQN "nqn.2016-06.io.spdk:cnode1"
#define UUID(n) "11111111-2222-4333-8444-00000000000" n

static const struct {
	const char *method, *params;
} script[] = {
	{ "nvmf_create_transport", "{\"trtype\":\"TCP\"}" },
	{ "bdev_malloc_create", "{\"name\":\"M0\",\"num_blocks\":64,\"block_size\":512,"
				"\"uuid\":\"" UUID("1") "\"}" },
	{ "nvmf_create_subsystem", "{\"nqn\":\"" NQN "\",\"ana_reporting\":true}" },
	{ "nvmf_subsystem_add_ns", "{\"nqn\":\"" NQN "\",\"namespace\":{\"bdev_name\":\"M0\"}}" },
	{ "nvmf_subsystem_add_listener",
	  "{\"nqn\":\"" NQN "\",\"listen_address\":{\"trtype\":\"TCP\",\"adrfam\":\"IPv4\","
	  "\"traddr\":\"192.0.2.1\",\"trsvcid\":\"4420\"}}" },
	{ "bdev_null_create", "{\"name\":\"N0\",\"num_blocks\":2048,\"block_size\":512,"
			      "\"uuid\":\"" UUID("2") "\"}" },
	/* Several calls of today in one. */
	{ "construct_nvmf_subsystem",
	  "{\"nqn\":\"nqn.2016-06.io.spdk:cnode2\",\"serial_number\":\"S2\","
	  "\"allow_any_host\":true,\"listen_addresses\":[{\"trtype\":\"TCP\","
	  "\"adrfam\":\"IPv4\",\"traddr\":\"192.0.2.1\",\"trsvcid\":\"4421\"}],"
	  "\"namespaces\":[{\"bdev_name\":\"N0\",\"nsid\":3}]}" },
	{ "nvmf_subsystem_add_host",
	  "{\"nqn\":\"" NQN "\",\"host\":\"nqn.2014-08.org.example:host1\"}" },
	{ "nvmf_subsystem_remove_ns", "{\"nqn\":\"" NQN "\",\"nsid\":1}" },
	{ "bdev_malloc_delete", "{\"name\":\"M0\"}" },
};

#define CALLS G_N_ELEMENTS(script)

/* texts[n]: the configuration after n calls. */
static void make_texts(char *texts[CALLS + 1])
{
	struct box *box = box_new(1, false);

	box_boot(box, NULL, true);
	texts[0] = box_text(box);
	for (unsigned i = 0; i < CALLS; i++) {
		g_free(box_must(box, script[i].method, script[i].params));
		texts[i + 1] = box_text(box);
		g_assert_cmpstr(texts[i + 1], !=, texts[i]);
	}
	box_free(box);
}

struct run {
	struct box *box;
	unsigned begun, answered;
	struct box_call call;
	uint64_t crash_at; /* progress of the file's work */
};

/* Makes the calls, one after the other, until the power is to fail. False: it is time. */
static bool go_on(void *arg)
{
	struct run *run = arg;

	if (world_text_progress(run->box->node) >= run->crash_at)
		return false;
	if (!box_loaded(run->box))
		return true;
	if (run->call.done) {
		g_assert_null(run->call.error);
		box_call_clear(&run->call);
		run->call.done = false;
		run->answered++;
	}
	if (run->answered == CALLS)
		return false;
	if (run->begun == run->answered) {
		box_begin(run->box, &run->call, script[run->begun].method,
			  script[run->begun].params);
		run->begun++;
	}
	return true;
}

/*
 * After a crash: what is there is what was answered, or one call more. A caller who
 * never had the answer repeats the call: it takes effect now, or is told it has.
 */
static void check_and_finish(struct run *run, char *texts[CALLS + 1])
{
	struct box *box = run->box;
	g_autofree char *now = NULL, *error = NULL, *after = NULL, *kept = NULL;
	unsigned there = run->answered;

	box_boot(box, NULL, true);
	g_assert_cmpstr(box->error, ==, NULL);
	now = box_text(box);
	if (run->begun > run->answered && strcmp(now, texts[run->begun]) == 0)
		there = run->begun;
	g_assert_cmpstr(now, ==, texts[there]);
	if (run->begun > run->answered) {
		error = box_call(box, script[run->answered].method, script[run->answered].params);
		if (there == run->answered)
			g_assert_cmpstr(error, ==, NULL);
		there = run->begun;
	}
	for (unsigned i = there; i < CALLS; i++)
		g_free(box_must(box, script[i].method, script[i].params));
	after = box_text(box);
	g_assert_cmpstr(after, ==, texts[CALLS]);
	box_stop(box);
	kept = box_kept(box);
	g_assert_cmpstr(kept, ==, texts[CALLS]);
}

/* True: the calls had all been answered before step `at`. */
static bool crash_at(uint64_t seed, uint64_t at, char *texts[CALLS + 1])
{
	struct run run = { .box = box_new(seed, true), .crash_at = at };
	bool all;

	box_boot(run.box, NULL, false);
	g_assert_true(world_run_while(run.box->world, go_on, &run, BOX_LIMIT));
	all = run.answered == CALLS;
	box_crash(run.box);
	box_call_clear(&run.call);
	check_and_finish(&run, texts);
	box_free(run.box);
	return all;
}

static void test_crash(void)
{
	char *texts[CALLS + 1];
	unsigned steps = 0;

	make_texts(texts);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		for (uint64_t at = 1; !crash_at(seed, at, texts); at++)
			steps++;
	}
	/* A save has four steps with a beginning and an end each. */
	g_assert_cmpuint(steps, >=, 20 * CALLS * 8);
	for (unsigned i = 0; i <= CALLS; i++)
		g_free(texts[i]);
}

/* --- saves that fail ----------------------------------------------------------------------- */

static bool no_trouble(void *arg)
{
	return ((struct box *)arg)->trouble == NULL;
}

static bool some_trouble(void *arg)
{
	return ((struct box *)arg)->trouble != NULL;
}

/* Calls are answered, the old file stays, the fault is shown; then all is saved. */
static void test_fails(const void *point)
{
	struct box *box = box_new(7, true);
	g_autofree char *before = NULL, *kept = NULL, *after = NULL, *now = NULL, *status = NULL;

	box_boot(box, NULL, true);
	g_free(box_must(box, script[0].method, script[0].params));
	before = box_kept(box);
	world_fault_set(box->node, point, &(struct world_fault_rule){ 0 });
	g_free(box_must(box, script[1].method, script[1].params));
	g_assert_true(world_run_while(box->world, no_trouble, box, 10 * WORLD_SEC));
	g_assert_nonnull(strstr(box->trouble, BOX_STATE));
	status = box_must(box, "config_get_status", NULL);
	g_assert_nonnull(strstr(status, "\"failing\""));
	/* Further calls do not wait for the disk at all. */
	g_free(box_must(box, script[2].method, script[2].params));
	kept = box_kept(box);
	if (strcmp(point, "step.sync-dir.eio") != 0)
		g_assert_cmpstr(kept, ==, before);
	world_fault_set(box->node, point, NULL);
	g_assert_true(world_run_while(box->world, some_trouble, box, BOX_LIMIT));
	now = box_text(box);
	box_stop(box);
	after = box_kept(box);
	g_assert_cmpstr(after, ==, now);
	g_assert_cmpuint(box->troubles, ==, 1);
	box_free(box);
}

/*
 * The file has its new name, but not durably; then what it was about is taken back. The
 * file is not what was kept before, however much the configuration is.
 */
static void test_taken_back(void)
{
	static const char point[] = "step.sync-dir.eio";
	struct box *box = box_new(13, true);
	g_autofree char *before = NULL, *now = NULL, *kept = NULL;

	box_boot(box, NULL, true);
	g_free(box_must(box, script[0].method, script[0].params));
	before = box_text(box);
	world_fault_set(box->node, point, &(struct world_fault_rule){ 0 });
	g_free(box_must(box, "bdev_null_create",
			"{\"name\":\"T\",\"num_blocks\":8,\"block_size\":512}"));
	g_assert_true(world_run_while(box->world, no_trouble, box, 10 * WORLD_SEC));
	g_free(box_must(box, "bdev_null_delete", "{\"name\":\"T\"}"));
	now = box_text(box);
	g_assert_cmpstr(now, ==, before);
	kept = box_kept(box);
	g_assert_cmpstr(kept, !=, before);
	world_fault_set(box->node, point, NULL);
	g_assert_true(world_run_while(box->world, some_trouble, box, BOX_LIMIT));
	g_free(kept);
	kept = box_kept(box);
	g_assert_cmpstr(kept, ==, before);
	box_free(box);
}

/* Writing hangs: who waits for it waits five seconds, others not at all. */
static void test_hangs(void)
{
	struct box *box = box_new(8, true);
	g_autofree char *kept = NULL, *now = NULL;
	uint64_t begin;

	box_boot(box, NULL, true);
	world_text_hang(box->node, HW_NEVER);
	begin = world_now(box->world);
	g_free(box_must(box, script[0].method, script[0].params));
	g_assert_cmpuint(world_now(box->world) - begin, <, 6 * WORLD_SEC);
	g_assert_nonnull(box->trouble);
	begin = world_now(box->world);
	g_free(box_must(box, script[1].method, script[1].params));
	g_assert_cmpuint(world_now(box->world) - begin, <, WORLD_SEC / 10);
	world_text_hang(box->node, world_now(box->world));
	g_assert_true(world_run_while(box->world, some_trouble, box, BOX_LIMIT));
	/* The call during the hang is in the next save; stopping waits for it. */
	now = box_text(box);
	box_stop(box);
	kept = box_kept(box);
	g_assert_cmpstr(kept, ==, now);
	box_free(box);
}

static bool any_left(void *arg)
{
	const struct box_call *calls = arg;

	for (unsigned i = 0; i < 100; i++)
		if (!calls[i].done)
			return true;
	return false;
}

/* Calls share a save; without power right after the answers all of them are there. */
static void test_shared(void)
{
	struct box *box = box_new(9, true);
	struct box_call calls[100];
	g_autofree char *now = NULL, *again = NULL;
	uint64_t begin;

	box_boot(box, NULL, true);
	begin = world_text_progress(box->node);
	for (unsigned i = 0; i < 100; i++) {
		g_autofree char *params = g_strdup_printf(
			"{\"name\":\"N%u\",\"num_blocks\":8,\"block_size\":512}", i);

		box_begin(box, &calls[i], "bdev_null_create", params);
	}
	g_assert_true(world_run_while(box->world, any_left, calls, BOX_LIMIT));
	/* The first save that was under way, and one or two for all of them. */
	g_assert_cmpuint(world_text_progress(box->node) - begin, <=, 3 * 8);
	for (unsigned i = 0; i < 100; i++)
		box_call_clear(&calls[i]);
	now = box_text(box);
	box_crash(box);
	box_boot(box, NULL, true);
	again = box_text(box);
	g_assert_cmpstr(again, ==, now);
	box_free(box);
}

/* --- one state ----------------------------------------------------------------------------- */

#define MANY 200 /* bdevs: the text is of many portions */

static void make_many(struct box *box)
{
	struct box_call calls[100];

	for (unsigned i = 0; i < MANY; i += 100) {
		for (unsigned k = 0; k < 100; k++) {
			g_autofree char *params = g_strdup_printf(
				"{\"name\":\"N%u\",\"num_blocks\":8,\"block_size\":512}", i + k);

			box_begin(box, &calls[k], "bdev_null_create", params);
		}
		g_assert_true(world_run_while(box->world, any_left, calls, BOX_LIMIT));
		for (unsigned k = 0; k < 100; k++)
			box_call_clear(&calls[k]);
	}
}

static bool not_held(void *arg)
{
	return !((const struct box *)arg)->target->rpc->held;
}

static bool is_held(void *arg)
{
	return !not_held(arg);
}

static bool not_done(void *arg)
{
	return !((const struct box_call *)arg)->done;
}

/* A text is being made, of which several portions are still to come. */
static struct box *box_held(uint64_t seed, struct box_call *call)
{
	struct box *box = box_new(seed, true);

	box_boot(box, NULL, true);
	make_many(box);
	box_begin(box, call, "bdev_null_create",
		  "{\"name\":\"before\",\"num_blocks\":8,\"block_size\":512}");
	g_assert_true(world_run_while(box->world, not_held, box, BOX_LIMIT));
	return box;
}

/* What is called while the text is made takes effect after it, and is in the next one. */
static void test_one_state(void)
{
	struct box_call before, change, look;
	struct box *box = box_held(10, &before);
	g_autofree char *first = NULL, *second = NULL, *now = NULL;

	box_begin(box, &change, "bdev_null_delete", "{\"name\":\"N0\"}");
	box_begin(box, &look, "bdev_get_bdevs", "{\"name\":\"N0\"}");
	g_assert_true(world_run_while(box->world, not_done, &look, BOX_LIMIT));
	/* Who only looks does not wait. */
	g_assert_true(is_held(box));
	g_assert_null(look.error);
	g_assert_false(change.done);
	g_assert_true(world_run_while(box->world, not_done, &before, BOX_LIMIT));
	first = box_kept(box);
	g_assert_nonnull(strstr(first, "\"before\""));
	g_assert_nonnull(strstr(first, "\"N0\""));
	g_assert_true(world_run_while(box->world, not_done, &change, BOX_LIMIT));
	g_assert_null(change.error);
	second = box_kept(box);
	now = box_text(box);
	g_assert_null(strstr(second, "\"N0\""));
	g_assert_cmpstr(second, ==, now);
	box_call_clear(&before);
	box_call_clear(&change);
	box_call_clear(&look);
	box_free(box);
}

/* The target ends, or its power fails, while the text is made and a call waits for that. */
static void test_ends_meanwhile(gconstpointer crash)
{
	struct box_call before, change;
	struct box *box = box_held(11, &before);
	g_autofree char *kept = NULL, *now = NULL;

	box_begin(box, &change, "bdev_null_delete", "{\"name\":\"N0\"}");
	if (crash)
		box_crash(box);
	else
		box_stop(box);
	kept = box_kept(box);
	g_assert_nonnull(strstr(kept, "\"N0\""));
	/* What was answered is there; a crash answers nothing. */
	g_assert_cmpint(strstr(kept, "\"before\"") != NULL, ==, crash == NULL);
	box_boot(box, NULL, true);
	now = box_text(box);
	g_assert_cmpstr(now, ==, kept);
	box_call_clear(&before);
	box_call_clear(&change);
	box_free(box);
}

/* --- start --------------------------------------------------------------------------------- */

/* A start that changes nothing writes nothing. */
static void test_restart(void)
{
	struct box *box = box_new(10, true);
	g_autofree char *now = NULL, *again = NULL;
	uint64_t progress;

	box_boot(box, NULL, true);
	for (unsigned i = 0; i < CALLS; i++)
		g_free(box_must(box, script[i].method, script[i].params));
	now = box_text(box);
	box_stop(box);
	progress = world_text_progress(box->node);
	box_boot(box, NULL, true);
	again = box_text(box);
	g_assert_cmpstr(again, ==, now);
	box_stop(box);
	/* It was read: a beginning and an end. */
	g_assert_cmpuint(world_text_progress(box->node), ==, progress + 2);
	box_free(box);
}

/* A file that cannot be loaded is left as it is, and nothing of it is done. */
static void test_broken(void)
{
	static const char text[] =
		"{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": [\n"
		"{\"method\": \"bdev_null_create\", \"params\": {\"name\": \"N\", "
		"\"num_blocks\": 8, \"block_size\": 512}},\n"
		"{\"method\": \"bdev_null_create\", \"params\": {\"name\": \"O\", "
		"\"num_blocks\": -8, \"block_size\": 512}}]}]}";
	struct box *box = box_new(11, true);
	g_autofree char *kept = NULL, *bdevs = NULL;

	world_text_put(box->node, BOX_STATE, text);
	box_boot(box, NULL, true);
	g_assert_nonnull(box->error);
	g_assert_nonnull(strstr(box->error, BOX_STATE ": line 3: subsystem \"bdev\", entry 2"));
	g_assert_nonnull(strstr(box->error, "num_blocks"));
	bdevs = box_must(box, "bdev_get_bdevs", NULL);
	g_assert_cmpstr(bdevs, ==, "[]");
	box_stop(box);
	kept = box_kept(box);
	g_assert_cmpstr(kept, ==, text);
	box_free(box);
}

static void test_unreadable(void)
{
	struct box *box = box_new(12, true);

	world_text_put(box->node, BOX_STATE, "{\"subsystems\": []}");
	world_fault_set(box->node, "step.read.eio", &(struct world_fault_rule){ 0 });
	box_boot(box, NULL, true);
	g_assert_cmpstr(box->error, ==, "cannot read " BOX_STATE ": Input/output error");
	box_free(box);
}

/* A first start takes what it is given; a later one what it has. */
static void test_seed(void)
{
	static const char seed[] =
		"{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": [{\"method\": "
		"\"bdev_null_create\", \"params\": {\"name\": \"Seed\", \"num_blocks\": 8, "
		"\"block_size\": 512}}]}]}";
	struct box *box = box_new(13, true);
	g_autofree char *kept = NULL, *now = NULL;

	box_boot(box, seed, true);
	g_assert_null(box->error);
	box_stop(box);
	kept = box_kept(box);
	g_assert_nonnull(strstr(kept, "\"Seed\""));
	box_boot(box, "nonsense", true);
	g_assert_null(box->error);
	now = box_text(box);
	g_assert_cmpstr(now, ==, kept);
	box_free(box);
}

int main(int argc, char **argv)
{
	static const char *const points[] = { "step.write.eio",	  "step.write.enospc",
					      "step.write.erofs", "step.sync.eio",
					      "step.rename.eio",  "step.sync-dir.eio",
					      "step.enomem" };

	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/autosave/crash", test_crash);
	for (unsigned i = 0; i < G_N_ELEMENTS(points); i++) {
		g_autofree char *path = g_strdup_printf("/autosave/fails/%s", points[i]);

		g_test_add_data_func(path, points[i], test_fails);
	}
	g_test_add_func("/autosave/taken-back", test_taken_back);
	g_test_add_func("/autosave/hangs", test_hangs);
	g_test_add_func("/autosave/shared", test_shared);
	g_test_add_func("/autosave/one-state", test_one_state);
	g_test_add_data_func("/autosave/ends-meanwhile/stop", NULL, test_ends_meanwhile);
	g_test_add_data_func("/autosave/ends-meanwhile/crash", "", test_ends_meanwhile);
	g_test_add_func("/autosave/restart", test_restart);
	g_test_add_func("/autosave/broken", test_broken);
	g_test_add_func("/autosave/unreadable", test_unreadable);
	g_test_add_func("/autosave/seed", test_seed);
	return g_test_run();
}
