/* SPDX-License-Identifier: BSD-3-Clause */
/* bdev_aio_* and bdev_uring_* on virtual files: answers, errors, sizes, saving and loading. */
#include <errno.h>
#include <string.h>

#include "tests/unit/rpc/rig.h"

static struct rig *up(void)
{
	struct rig *rig = rig_new(1, 2);

	world_file_new(rig->node, "/srv/a", 1 << 20, 512);
	world_file_new(rig->node, "/srv/b", 1 << 20, 4096);
	return rig;
}

/* method(params) is answered by something with part in it. */
static void test_create(void)
{
	struct rig *rig = up();

	rig_expect(rig, "bdev_aio_create",
		   "{\"name\":\"A\",\"filename\":\"/srv/a\",\"block_size\":1024,\"readonly\":true,"
		   "\"fallocate\":true,\"nowait\":true}",
		   "\"result\":\"A\"");
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"A\"}", "\"product_name\":\"AIO disk\"");
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"A\"}", "\"num_blocks\":1024");
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"A\"}",
		   "\"driver_specific\":{\"aio\":{\"filename\":\"/srv/"
		   "a\",\"block_size_override\":true,"
		   "\"readonly\":true,\"fallocate\":true}}");
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"A\"}", "\"write\":false");
	rig_expect(rig, "bdev_uring_create", "{\"name\":\"B\",\"filename\":\"/srv/b\"}",
		   "\"result\":\"B\"");
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"B\"}", "\"product_name\":\"URING bdev\"");
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"B\"}",
		   "\"block_size\":4096,\"num_blocks\":256");
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"B\"}",
		   "\"driver_specific\":{\"uring\":{\"filename\":\"/srv/b\"}}");
	rig_expect(rig, "bdev_uring_delete", "{\"name\":\"B\"}", "\"result\":true");
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"B\"}", "\"code\":-19");
	rig_expect(rig, "bdev_aio_delete", "{\"name\":\"A\"}", "\"result\":true");
	rig_free(rig);
}

static void test_errors(void)
{
	static const struct world_fault_rule once = { .times = 1 };
	struct world_file_params params;
	struct rig *rig = up();

	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\"}", "\"code\":-32602");
	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"/srv/none\"}",
		   "/srv/none cannot be opened: No such file or directory");
	rig_expect(rig, "bdev_aio_create",
		   "{\"name\":\"A\",\"filename\":\"/srv/a\",\"block_size\":500}",
		   "it must be a power of two");
	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"\"}", "\"code\":-32602");
	rig_expect(rig, "bdev_uring_create",
		   "{\"name\":\"A\",\"filename\":\"/srv/a\",\"uuid\":\"00000000-0000-0000-0000-"
		   "000000000000\"}",
		   "a UUID of zeros");
	world_fault_set(rig->node, "file.open.enomem", &once);
	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"/srv/a\"}",
		   "Cannot allocate memory");
	world_fault_set(rig->node, "file.open.eio", &once);
	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"/srv/a\"}",
		   "Input/output error");
	world_file_params_default(&params);
	params.open_err = -EACCES;
	world_file_set_params(world_file_find(rig->node, "/srv/b"), &params);
	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"/srv/b\"}",
		   "Permission denied");
	world_file_new(rig->node, "/srv/tiny", 100, 512);
	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"/srv/tiny\"}",
		   "less than one block");

	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"/srv/a\"}",
		   "\"result\":\"A\"");
	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"/srv/a\"}",
		   "there is a bdev A already");
	/* The same object is the same namespace, unless it is given another uuid. */
	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A2\",\"filename\":\"/srv/a\"}",
		   "there is a bdev with uuid");
	rig_expect(rig, "bdev_uring_create",
		   "{\"name\":\"A2\",\"filename\":\"/srv/a\",\"uuid\":\"52f5d7a5-4e8c-47dc-9d1c-"
		   "0f0c3ab7a001\"}",
		   "\"result\":\"A2\"");
	rig_expect(rig, "bdev_aio_delete", "{\"name\":\"A2\"}",
		   "\\\"A2\\\" is a URING bdev, not a AIO disk");
	rig_expect(rig, "bdev_uring_rescan", "{\"name\":\"A\"}", "not a URING bdev");
	rig_expect(rig, "bdev_aio_rescan", "{\"name\":\"none\"}", "\"code\":-19");
	rig_free(rig);
}

static void test_size(void)
{
	struct rig *rig = up();
	struct world_file *f = world_file_find(rig->node, "/srv/a");

	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"/srv/a\"}",
		   "\"result\":\"A\"");
	world_file_resize(f, 2 << 20);
	rig_expect(rig, "bdev_aio_rescan", "{\"name\":\"A\"}", "\"result\":true");
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"A\"}", "\"num_blocks\":4096");
	world_file_resize(f, 512 * 10 + 100);
	world_run_for(rig->world, 1100 * WORLD_MS);
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"A\"}", "\"num_blocks\":10,");
	/* Nothing left: a namespace cannot be empty, and comes back with the file. */
	world_file_resize(f, 0);
	world_run_for(rig->world, 1100 * WORLD_MS);
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"A\"}", "\"num_blocks\":1,");
	world_file_resize(f, 1 << 20);
	world_run_for(rig->world, 1100 * WORLD_MS);
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"A\"}", "\"num_blocks\":2048");
	rig_expect(rig, "notify_get_notifications", "{}", "bdev_resize");
	world_file_remove(f);
	world_run_for(rig->world, 1100 * WORLD_MS);
	rig_expect(rig, "bdev_get_bdevs", "{\"name\":\"A\"}", "\"code\":-19");
	rig_free(rig);
}

/* Saved and loaded it is the same, uuid included. */
static void test_saved(void)
{
	struct rig *rig = up(), *again;
	g_autofree char *saved = NULL, *wrong = NULL, *saved_again = NULL;

	rig_expect(rig, "bdev_aio_create",
		   "{\"name\":\"A\",\"filename\":\"/srv/a\",\"block_size\":4096,\"readonly\":true}",
		   "\"result\":\"A\"");
	rig_expect(rig, "bdev_uring_create", "{\"name\":\"B\",\"filename\":\"/srv/b\"}",
		   "\"result\":\"B\"");
	saved = rig_saved(rig);
	g_assert_nonnull(strstr(saved, "bdev_aio_create"));
	again = up();
	wrong = rig_load(again, saved);
	g_assert_cmpstr(wrong, ==, NULL);
	saved_again = rig_saved(again);
	g_assert_cmpstr(saved_again, ==, saved);
	rig_free(again);
	rig_free(rig);
}

/* A file that does not answer keeps nobody from ending, whatever waits for it. */
static void test_hang(void)
{
	struct rig *rig = up();
	struct client *create, *rescan;

	rig_expect(rig, "bdev_aio_create", "{\"name\":\"A\",\"filename\":\"/srv/a\"}",
		   "\"result\":\"A\"");
	world_file_hang(world_file_find(rig->node, "/srv/b"), HW_NEVER);
	create = client_open(rig);
	client_send(create,
		    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bdev_aio_create\",\"params\":"
		    "{\"name\":\"B\",\"filename\":\"/srv/b\"}}");
	world_run_for(rig->world, 2 * WORLD_SEC);
	/* Others go on. */
	rescan = client_open(rig);
	client_send(rescan, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"bdev_aio_rescan\","
			    "\"params\":{\"name\":\"A\"}}");
	{
		g_autofree char *answer = client_answer(rescan);

		g_assert_nonnull(answer);
		g_assert_nonnull(strstr(answer, "\"result\":true"));
	}
	rig_shutdown(rig);
	client_free(create);
	client_free(rescan);
	rig_free(rig);
}

/* And who waits for it hears of that, in time; it can be had when it is back. */
static void test_hang_told(void)
{
	struct rig *rig = up();
	struct world_file *b = world_file_find(rig->node, "/srv/b");
	uint64_t begin = world_now(rig->world);

	world_file_hang(b, HW_NEVER);
	rig_expect(rig, "bdev_aio_create", "{\"name\":\"B\",\"filename\":\"/srv/b\"}",
		   "\"code\":-110,\"message\":\"Connection timed out\",\"data\":\"/srv/b has not "
		   "opened "
		   "after 20 s");
	g_assert_cmpuint(world_now(rig->world) - begin, <, 30 * WORLD_SEC);
	rig_expect(rig, "bdev_get_bdevs", "{}", "\"result\":[]");
	world_file_hang(b, 0);
	rig_expect(rig, "bdev_aio_create", "{\"name\":\"B\",\"filename\":\"/srv/b\"}",
		   "\"result\":\"B\"");
	rig_free(rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rpc-file/create", test_create);
	g_test_add_func("/rpc-file/errors", test_errors);
	g_test_add_func("/rpc-file/size", test_size);
	g_test_add_func("/rpc-file/saved", test_saved);
	g_test_add_func("/rpc-file/hang", test_hang);
	g_test_add_func("/rpc-file/hang-told", test_hang_told);
	return g_test_run();
}
