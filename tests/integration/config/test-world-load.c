/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configurations of others and of older versions load, and what they say is there;
 * those that cannot be loaded change nothing, and the error says what and where.
 */
#include <string.h>

#include "tests/integration/config/box.h"

/* --- files ------------------------------------------------------------------------------- */

struct file {
	const char *name;
	/* In what is saved then. */
	const char *want[6];
};

static const struct file files[] = {
	{ "spdk-26.05.json",
	  { "\"traddr\" : \"192.0.2.1\"", "\"nsid\" : 1",
	    "\"uuid\" : \"3f1e2d4c-5b6a-4788-9900-aabbccddee00\"", "\"rw_ios_per_sec\" : 20000",
	    "\"serial_number\" : \"SPDK00000000000001\"" } },
	{ "spdk-20.10.json",
	  { "\"traddr\" : \"192.0.2.1\"", "\"nsid\" : 1",
	    "\"serial_number\" : \"SPDK00000000000001\"" } },
	{ "weft-0.1.json",
	  { "\"traddr\" : \"192.0.2.1\"", "\"nsid\" : 3", "\"serial_number\" : \"SER1\"",
	    "\"uuid\" : \"11111111-2222-4333-8444-000000000002\"" } },
};

/* Saved after text was loaded; it must load. Caller frees. */
static char *saved_of(const char *text)
{
	struct box *box = box_new(1, false);
	char *saved;

	box_boot(box, text, true);
	g_assert_cmpstr(box->error, ==, NULL);
	saved = box_text(box);
	box_free(box);
	return saved;
}

static void test_file(const void *data)
{
	const struct file *f = data;
	g_autofree char *path = g_build_filename(DATA_DIR, f->name, NULL);
	g_autofree char *text = NULL, *first = NULL, *second = NULL;
	g_autoptr(GError) error = NULL;

	g_file_get_contents(path, &text, NULL, &error);
	g_assert_no_error(error);
	first = saved_of(text);
	for (unsigned i = 0; i < G_N_ELEMENTS(f->want) && f->want[i]; i++)
		if (!strstr(first, f->want[i]))
			g_error("%s: %s is missing in %s", f->name, f->want[i], first);
	second = saved_of(first);
	g_assert_cmpstr(second, ==, first);
}

/* --- what cannot be loaded ----------------------------------------------------------------- */

#define ONE(call) "{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":[\n" GOOD ",\n" call "]}]}"
#define GOOD                                                                                       \
	"{\"method\":\"bdev_null_create\",\"params\":{\"name\":\"N\",\"num_blocks\":8,"            \
	"\"block_size\":512}}"

static const struct {
	const char *text;
	const char *want[3]; /* in the error */
} bad[] = {
	{ "", { "seed.json: is empty" } },
	{ "{", { "seed.json: not JSON" } },
	{ "{}", { "seed.json: {\"subsystems\": [...]} expected" } },
	{ "{\"subsystems\":[{}]}", { "line 1: element 1 of \"subsystems\" has no name" } },
	{ "{\"subsystems\":[\n{\"subsystem\":\"bdev\",\"config\":7}]}",
	  { "line 2: subsystem \"bdev\": \"config\" must be an array or null" } },
	{ ONE("{\"params\":{}}"), { "line 3: subsystem \"bdev\", entry 2: {\"method\": " } },
	{ ONE("[7]"), { "line 3: subsystem \"bdev\", entry 2: {\"method\": " } },
	{ ONE("{\"method\":\"bdev_nul_create\"}"),
	  { "line 3: subsystem \"bdev\", entry 2 (bdev_nul_create)",
	    "Did you mean bdev_null_create?" } },
	{ ONE("{\"method\":\"bdev_null_create\",\"params\":{\"name\":\"O\",\"num_blocks\":\"8\","
	      "\"block_size\":512}}"),
	  { "line 3: subsystem \"bdev\", entry 2 (bdev_null_create)", "num_blocks" } },
	{ ONE("{\"method\":\"bdev_nvme_attach_controller\",\"params\":{\"name\":\"Nvme0\","
	      "\"trtype\":\"PCIe\",\"traddr\":\"0000:01:00.0\"}}"),
	  { "line 3: subsystem \"bdev\", entry 2 (bdev_nvme_attach_controller)",
	    "an NVMe initiator" } },
	{ ONE("{\"method\":\"bdev_rbd_create\",\"params\":{\"pool_name\":\"rbd\"}}"),
	  { "line 3: subsystem \"bdev\", entry 2 (bdev_rbd_create)", "Ceph RBD images" } },
	/* Several: the first, and how many more. */
	{ ONE("{\"method\":\"bdev_rbd_create\"},{\"method\":\"nbd_start_disk\"},{\"method\":"
	      "\"x\"}"),
	  { "entry 2 (bdev_rbd_create)", "and 2 more" } },
};

static void test_bad(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct box *box = box_new(1, false);
		g_autofree char *bdevs = NULL;

		box_boot(box, bad[i].text, true);
		for (unsigned j = 0; j < G_N_ELEMENTS(bad[i].want) && bad[i].want[j]; j++)
			if (!box->error || !strstr(box->error, bad[i].want[j]))
				g_error("\"%s\" expected, not: %s", bad[i].want[j], box->error);
		bdevs = box_must(box, "bdev_get_bdevs", NULL);
		g_assert_cmpstr(bdevs, ==, "[]");
		box_free(box);
	}
}

/* --- a running target is asked ------------------------------------------------------------- */

static void test_check(void)
{
	struct box *box = box_new(1, false);
	g_autofree char *good = NULL, *wrong = NULL, *bdevs = NULL, *status = NULL;

	box_boot(box, "{\"subsystems\":[]}", true);
	good = box_must(
		box, "config_check",
		"{\"config\":" ONE("{\"method\":\"bdev_nvme_set_options\",\"params\":{}}") "}");
	g_assert_cmpstr(good, ==,
			"{\"calls\":1,\"notes\":[\"bdev_nvme_set_options is left out: weft "
			"has no NVMe initiator\"]}");
	wrong = box_call(
		box, "config_check",
		"{\"config\":" ONE("{\"method\":\"bdev_rbd_create\"},{\"method\":\"x\"}") "}");
	g_assert_nonnull(strstr(wrong, "entry 2 (bdev_rbd_create)"));
	g_assert_nonnull(strstr(wrong, "entry 3 (x)"));
	bdevs = box_must(box, "bdev_get_bdevs", NULL);
	g_assert_cmpstr(bdevs, ==, "[]");
	status = box_must(box, "config_get_status", NULL);
	g_assert_cmpstr(status, ==, "{\"state\":\"off\"}");
	box_free(box);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_strdup_printf("/load/%s", files[i].name);

		g_test_add_data_func(path, &files[i], test_file);
	}
	g_test_add_func("/load/bad", test_bad);
	g_test_add_func("/load/check", test_check);
	return g_test_run();
}
