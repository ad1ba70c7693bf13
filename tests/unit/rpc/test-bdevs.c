/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Methods of the block device layer: settings before the start, bdevs whose base
 * comes later, every key of those that make bdevs, histograms as they are shown;
 * their refusals, and that the saved configuration makes the same again.
 */
#include <string.h>

#include "target/core/hist.h"
#include "target/rpc/json.h"
#include "tests/unit/rpc/rig.h"

static void make_malloc(struct rig *rig, const char *name)
{
	g_autofree char *params =
		g_strdup_printf("\"name\":\"%s\",\"num_blocks\":64,\"block_size\":512", name);

	rig_has(rig, "bdev_malloc_create", params, name);
}

/* --- settings, examination ----------------------------------------------------------------------
 */

static void test_options(void)
{
	static const struct rig_refusal cases[] = {
		{ "bdev_set_options", "\"bdev_io_pool_size\":767", "it must be at least 768" },
		{ "bdev_set_options", "\"bdev_io_cache_size\":4294967294", "\"code\":-22" },
		{ "bdev_set_options", "\"bdev_io_pool_size\":-1", "\"code\":-32602" },
		{ "bdev_set_options", "\"bdev_auto_examine\":1", "true or false" },
		{ "bdev_examine", "\"name\":\"M\"", "\"code\":-1," },
	};
	struct rig *rig = rig_new_waiting(1, 2);

	rig_refuse_all(rig, cases, G_N_ELEMENTS(cases));
	rig_good(rig, "bdev_set_options",
		 "\"bdev_io_pool_size\":3000,\"bdev_io_cache_size\":1000,"
		 "\"iobuf_small_cache_size\":3,\"iobuf_large_cache_size\":4,"
		 "\"bdev_auto_examine\":false");
	rig_good(rig, "framework_start_init", "");
	rig_has(rig, "bdev_set_options", "", "Method may only be called before");
	/* Only what was named is examined, before it comes or after. */
	for (const char *const *base = (const char *const[]){ "A", "B", "C", NULL }; *base;
	     base++) {
		g_autofree char *params =
			g_strdup_printf("\"name\":\"P%s\",\"base_bdev_name\":\"%s\"", *base, *base);

		rig_has(rig, "bdev_passthru_create", params, "\"result\":\"P");
	}
	rig_good(rig, "bdev_examine", "\"name\":\"A\"");
	make_malloc(rig, "A");
	make_malloc(rig, "B");
	make_malloc(rig, "C");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"PA\"", "\"result\"");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"PB\"", "\"code\":-19");
	rig_good(rig, "bdev_examine", "\"name\":\"B\"");
	rig_good(rig, "bdev_examine", "\"name\":\"B\"");
	rig_good(rig, "bdev_wait_for_examine", "");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"PB\"", "\"result\"");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"PC\"", "\"code\":-19");
	rig_check_saved(rig,
			"{\"method\":\"bdev_set_options\",\"params\":{\"bdev_io_pool_size\":3000,"
			"\"bdev_io_cache_size\":1000,\"bdev_auto_examine\":false,"
			"\"iobuf_small_cache_size\":3,\"iobuf_large_cache_size\":4}},{\"method\":"
			"\"bdev_examine\",\"params\":{\"name\":\"A\"}},{\"method\":"
			"\"bdev_examine\",\"params\":{\"name\":\"B\"}}");
}

#define LATENCIES                                                                                  \
	"\"avg_read_latency\":1,\"p99_read_latency\":2,\"avg_write_latency\":3,"                   \
	"\"p99_write_latency\":4"

static void test_deferred(void)
{
	static const struct rig_refusal cases[] = {
		{ "bdev_passthru_create", "\"name\":\"D\",\"base_bdev_name\":\"x\"",
		  "waits for its base" },
		{ "bdev_passthru_create", "\"name\":\"M\",\"base_bdev_name\":\"x\"",
		  "\"code\":-17" },
		{ "bdev_passthru_create", "\"name\":\"a\\u0001\",\"base_bdev_name\":\"x\"",
		  "control character" },
		{ "bdev_passthru_create",
		  "\"name\":\"Q\",\"base_bdev_name\":\"M\","
		  "\"uuid\":\"00000000-0000-0000-0000-000000000000\"",
		  "a UUID of zeros" },
		{ "bdev_delay_create",
		  "\"name\":\"Q\",\"base_bdev_name\":\"x\",\"avg_read_latency\":2,"
		  "\"p99_read_latency\":1,\"avg_write_latency\":0,\"p99_write_latency\":0",
		  "\"code\":-22" },
		{ "bdev_passthru_delete", "\"name\":\"D\"", "\"code\":-19" },
		{ "bdev_delay_update_latency",
		  "\"delay_bdev_name\":\"D\",\"latency_type\":\"avg_read\",\"latency_us\":1",
		  "\"code\":-19" },
		{ "bdev_examine", "\"name\":\"M\"", "\"code\":-22" },
	};
	struct rig *rig = rig_new(2, 2);

	rig_has(rig, "bdev_delay_create", "\"name\":\"D\",\"base_bdev_name\":\"EE_N\"," LATENCIES,
		"\"result\":\"D\"");
	rig_has(rig, "bdev_error_create",
		"\"base_name\":\"N\",\"uuid\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"",
		"\"result\":\"EE_N\"");
	rig_has(rig, "bdev_passthru_create",
		"\"name\":\"P\",\"base_bdev_name\":\"a5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"",
		"\"result\":\"P\"");
	rig_has(rig, "bdev_passthru_create", "\"name\":\"gone\",\"base_bdev_name\":\"N\"",
		"\"gone\"");
	make_malloc(rig, "M");
	rig_refuse_all(rig, cases, G_N_ELEMENTS(cases));
	rig_good(rig, "bdev_passthru_delete", "\"name\":\"gone\"");
	rig_has(rig, "bdev_passthru_delete", "\"name\":\"gone\"", "\"code\":-19");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"D\"", "\"code\":-19");
	/* The base of one, which is the base of the other. */
	rig_has(rig, "bdev_null_create", "\"name\":\"N\",\"num_blocks\":64,\"block_size\":512",
		"\"N\"");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"D\"",
		"{\"delay\":{\"name\":\"D\",\"base_bdev_name\":\"EE_N\"," LATENCIES "}}");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"EE_N\"",
		"\"uuid\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"");
	rig_check_saved(rig, "{\"method\":\"bdev_passthru_create\",\"params\":{\"name\":\"P\","
			     "\"base_bdev_name\":\"a5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"}}");
}

/* One that cannot be made when its base comes waits on, and does not stop the others. */
static void test_deferred_in_vain(void)
{
	struct rig *rig = rig_new(3, 1);

	rig_has(rig, "bdev_passthru_create", "\"name\":\"P\",\"base_bdev_name\":\"N\"", "\"P\"");
	rig_has(rig, "bdev_error_create", "\"base_name\":\"N\"", "\"EE_N\"");
	make_malloc(rig, "N");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"P\"", "\"result\"");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"EE_N\"", "\"code\":-19");
	rig_good(rig, "bdev_malloc_delete", "\"name\":\"N\"");
	rig_has(rig, "bdev_get_bdevs", "", "\"result\":[]");
	make_malloc(rig, "N");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"EE_N\"", "\"base_bdev\":\"N\"");
	rig_free(rig);
}

/* --- every key
 * -------------------------------------------------------------------------------------- */

static void test_keys(void)
{
	struct rig *rig = rig_new(4, 2);

	rig_has(rig, "bdev_null_create",
		"\"name\":\"N\",\"block_size\":512,\"num_blocks\":64,"
		"\"uuid\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\",\"physical_block_size\":4096,"
		"\"md_size\":0,\"dif_type\":0,\"dif_pi_format\":0,\"dif_is_head_of_md\":false,"
		"\"preferred_write_granularity\":2,\"preferred_write_alignment\":3,"
		"\"optimal_write_size\":4,\"preferred_unmap_granularity\":5,"
		"\"preferred_unmap_alignment\":6",
		"\"N\"");
	rig_has(rig, "bdev_passthru_create", "\"name\":\"P\",\"base_bdev_name\":\"N\"", "\"P\"");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"P\"",
		"\"preferred_write_alignment\":3,\"preferred_write_granularity\":2,"
		"\"optimal_write_size\":4,\"preferred_unmap_alignment\":6,"
		"\"preferred_unmap_granularity\":5");
	rig_has(rig, "bdev_malloc_create",
		"\"block_size\":4096,\"num_blocks\":64,\"optimal_io_boundary\":8,\"md_size\":0,"
		"\"md_interleave\":false,\"dif_type\":0,\"dif_is_head_of_md\":false,"
		"\"physical_block_size\":4096,\"dif_pi_format\":0,\"numa_id\":0",
		"\"Malloc0\"");
	make_malloc(rig, "Malloc2");
	rig_has(rig, "bdev_malloc_create", "\"block_size\":512,\"num_blocks\":1", "\"Malloc1\"");
	rig_has(rig, "bdev_malloc_create", "\"block_size\":512,\"num_blocks\":1", "\"Malloc3\"");
	rig_good(rig, "bdev_malloc_delete", "\"name\":\"Malloc1\"");
	rig_has(rig, "bdev_malloc_create", "\"block_size\":512,\"num_blocks\":1", "\"Malloc1\"");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"Malloc0\"", "\"numa_id\":0,");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"Malloc1\"", "\"numa_id\":-1,");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"",
		"\"N\"");
	rig_good(rig, "bdev_set_qd_sampling_period", "\"name\":\"P\",\"period\":5000");
	rig_good(rig, "bdev_enable_histogram",
		 "\"name\":\"N\",\"enable\":true,\"opc\":\"write\",\"granularity\":3,"
		 "\"min_nsec\":100,\"max_nsec\":100000");
	rig_good(rig, "bdev_enable_histogram", "\"name\":\"P\",\"enable\":true");
	rig_check_saved(rig, "{\"method\":\"bdev_enable_histogram\",\"params\":{\"name\":\"N\","
			     "\"enable\":true,\"opc\":\"write\",\"granularity\":3,\"min_nsec\":100,"
			     "\"max_nsec\":100000}}");
}

static void test_keys_refused(void)
{
#define NULL_BDEV "\"name\":\"X\",\"block_size\":512,\"num_blocks\":64"
	static const struct rig_refusal cases[] = {
		{ "bdev_null_create", NULL_BDEV ",\"md_size\":8", "\\\"md_size\\\" is 8" },
		{ "bdev_null_create", NULL_BDEV ",\"dif_type\":1", "\\\"dif_type\\\" is 1" },
		{ "bdev_null_create", NULL_BDEV ",\"dif_is_head_of_md\":true", "only false" },
		{ "bdev_null_create", NULL_BDEV ",\"physical_block_size\":513",
		  "it must be a power of two" },
		{ "bdev_malloc_create", NULL_BDEV ",\"md_interleave\":true", "only false" },
		{ "bdev_malloc_create", NULL_BDEV ",\"optimal_write_size\":1",
		  "is not a parameter" },
		{ "bdev_malloc_create", "\"name\":\"X\",\"block_size\":513,\"num_blocks\":1",
		  "must be a power of two" },
		{ "bdev_malloc_create", "\"name\":\"X\",\"block_size\":512,\"num_blocks\":0",
		  "at least one block" },
		{ "bdev_null_create",
		  NULL_BDEV ",\"uuid\":\"00000000-0000-0000-0000-000000000000\"",
		  "a UUID of zeros" },
		{ "bdev_null_resize", "\"name\":\"M\",\"new_size\":1", "not a Null disk" },
		{ "bdev_enable_histogram", "\"name\":\"M\",\"enable\":true,\"granularity\":0",
		  "from 1 to 5" },
		{ "bdev_enable_histogram",
		  "\"name\":\"M\",\"enable\":true,\"min_nsec\":2,\"max_nsec\":1",
		  "must not be above" },
		{ "bdev_get_histogram_borders", "\"name\":\"M\",\"borders\":[1]", "\"code\":-14" },
		{ "bdev_get_histogram_borders", "\"name\":\"no\",\"borders\":[1]", "\"code\":-19" },
		{ "bdev_get_histogram_borders", "\"name\":\"M\"", "is missing" },
	};
	static const char *const borders[] = { "[]",	  "[0]",   "[1,1]",    "[2,1]", "[-1]",
					       "[\"1\"]", "[1.5]", "[1,null]", "[1e30]" };
	struct rig *rig = rig_new(5, 2);

	make_malloc(rig, "M");
	rig_refuse_all(rig, cases, G_N_ELEMENTS(cases));
	rig_good(rig, "bdev_enable_histogram", "\"name\":\"M\",\"enable\":true");
	for (unsigned i = 0; i < G_N_ELEMENTS(borders); i++) {
		g_autofree char *params =
			g_strdup_printf("\"name\":\"M\",\"borders\":%s", borders[i]);

		rig_has(rig, "bdev_get_histogram_borders", params, "\"code\":-32602");
		rig_has(rig, "bdev_get_histogram_borders", params, "\\\"borders");
	}
	rig_free(rig);
}

/* --- histograms
 * -------------------------------------------------------------------------------------- */

/* The buckets, shown as asked for; their number. */
static guint64 *buckets_of(struct rig *rig, const char *view, const char *head, unsigned *n)
{
	struct bdev *bdev = bdev_find(rig->target->bdevs, "M");
	g_autofree char *params =
		g_strdup_printf("\"name\":\"M\",\"enable\":true,\"opc\":\"read\"%s", view);
	g_autofree char *answer = NULL;
	const struct jv *v;
	struct jv_doc *doc;
	guint64 *buckets;
	gsize len;

	rig_good(rig, "bdev_enable_histogram", params);
	/* As if I/O had taken so long, on either reactor. */
	for (unsigned i = 0; i < 40; i++) {
		hist_record(bdev->stats[0]->hist, (UINT64_C(1) << i) - 1);
		hist_record(bdev->stats[1]->hist, UINT64_C(1) << i);
	}
	rig_has(rig, "bdev_get_histogram", "\"name\":\"M\"", head);
	answer = rig_call(rig, "bdev_get_histogram", "{\"name\":\"M\"}");
	doc = jv_parse(answer, strlen(answer), 0, NULL);
	v = jv_member(jv_member(jv_root(doc), "result"), "histogram");
	buckets = (guint64 *)g_base64_decode(v->str, &len);
	*n = (unsigned)(len / sizeof(guint64));
	jv_doc_unref(doc);
	return buckets;
}

static guint64 total(const guint64 *buckets, unsigned n)
{
	guint64 sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += GUINT64_FROM_LE(buckets[i]);
	return sum;
}

static void test_histogram(void)
{
	struct rig *rig = rig_new(6, 2);
	g_autofree guint64 *fine = NULL, *coarse = NULL, *part = NULL;
	unsigned n;

	make_malloc(rig, "M");
	fine = buckets_of(rig, "",
			  "\"granularity\":5,\"min_range\":0,\"max_range\":35,"
			  "\"tsc_rate\":1000000000",
			  &n);
	g_assert_cmpuint(n, ==, 36 * 32);
	g_assert_cmpuint(total(fine, n), ==, 80);
	g_assert_cmpuint(GUINT64_FROM_LE(fine[1]), ==, 2);  /* 2^1 - 1 and 2^0 */
	g_assert_cmpuint(GUINT64_FROM_LE(fine[32]), ==, 1); /* 2^5 */
	g_assert_cmpuint(GUINT64_FROM_LE(fine[63]), ==, 1); /* 2^6 - 1 */
	coarse = buckets_of(rig, ",\"granularity\":1",
			    "\"granularity\":1,\"min_range\":0,\"max_range\":39,", &n);
	g_assert_cmpuint(n, ==, 40 * 2);
	g_assert_cmpuint(total(coarse, n), ==, 80);
	/* Each octave: what begins it, and what ends it; 0 and twice 1 in the first. */
	g_assert_cmpuint(GUINT64_FROM_LE(coarse[0]), ==, 1);
	g_assert_cmpuint(GUINT64_FROM_LE(coarse[1]), ==, 2);
	for (unsigned i = 2; i < n - 1; i++)
		g_assert_cmpuint(GUINT64_FROM_LE(coarse[i]), ==, 1);
	part = buckets_of(rig, ",\"granularity\":2,\"min_nsec\":16,\"max_nsec\":100",
			  "\"granularity\":2,\"min_range\":3,\"max_range\":5,", &n);
	g_assert_cmpuint(n, ==, 3 * 4);
	g_assert_cmpuint(total(part, n), ==, 80);
	g_assert_cmpuint(GUINT64_FROM_LE(part[0]), ==, 10); /* 2^0..2^4, 0..2^4 - 1 */
	g_assert_cmpuint(GUINT64_FROM_LE(part[3]), ==, 1);  /* 2^5 - 1 */
	g_assert_cmpuint(GUINT64_FROM_LE(part[4]), ==, 1);  /* 2^5 */
	rig_free(rig);
}

static void test_borders(void)
{
	struct rig *rig = rig_new(7, 2);
	g_autofree guint64 *buckets = NULL;
	unsigned n;

	make_malloc(rig, "M");
	buckets = buckets_of(rig, "", "", &n);
	rig_has(rig, "bdev_get_histogram_borders", "\"name\":\"M\",\"borders\":[1,16,1024,1000000]",
		"{\"borders_count\":[1,8,12,19,40]}");
	rig_has(rig, "bdev_get_histogram_borders",
		"\"name\":\"M\",\"borders\":[18446744073709551615]", "{\"borders_count\":[80,0]}");
	rig_free(rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bdevs/options", test_options);
	g_test_add_func("/bdevs/deferred", test_deferred);
	g_test_add_func("/bdevs/deferred-in-vain", test_deferred_in_vain);
	g_test_add_func("/bdevs/keys", test_keys);
	g_test_add_func("/bdevs/keys-refused", test_keys_refused);
	g_test_add_func("/bdevs/histogram", test_histogram);
	g_test_add_func("/bdevs/borders", test_borders);
	return g_test_run();
}
