/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Methods about bdevs on top of others, limits and statistics: their answers,
 * every refusal, that the saved configuration makes the same again, and that a
 * removal is answered when somebody never lets go.
 */
#include <string.h>

#include "target/rpc/json.h"
#include "tests/unit/rpc/rig.h"

#define LATENCIES                                                                                  \
	"\"avg_read_latency\":1,\"p99_read_latency\":2,\"avg_write_latency\":3,"                   \
	"\"p99_write_latency\":4"

static struct rig *new_rig(uint64_t seed)
{
	struct rig *rig = rig_new(seed, 2);

	rig_has(rig, "bdev_malloc_create", "\"name\":\"M\",\"num_blocks\":128,\"block_size\":512",
		"\"M\"");
	rig_has(rig, "bdev_error_create", "\"base_name\":\"M\"", "\"result\":\"EE_M\"");
	rig_has(rig, "bdev_delay_create",
		"\"name\":\"D\",\"base_bdev_name\":\"EE_M\",\"uuid\":"
		"\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"," LATENCIES,
		"\"result\":\"D\"");
	rig_has(rig, "bdev_passthru_create", "\"name\":\"P\",\"base_bdev_name\":\"D\"",
		"\"result\":\"P\"");
	return rig;
}

static void test_made(void)
{
	struct rig *rig = new_rig(1);

	rig_has(rig, "bdev_get_bdevs", "\"name\":\"D\"",
		"\"driver_specific\":{\"delay\":{\"name\":\"D\",\"base_bdev_name\":\"EE_"
		"M\"," LATENCIES "}}");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"EE_M\"",
		"\"driver_specific\":{\"error_disk\":{\"base_bdev\":\"M\"}}");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"P\"", "\"passthru\":{\"name\":\"P\"");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"M\"", "\"claimed\":true");
	rig_good(rig, "bdev_delay_update_latency",
		 "\"delay_bdev_name\":\"D\",\"latency_type\":\"p99_write\",\"latency_us\":70");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"D\"", "\"p99_write_latency\":70");
	rig_good(rig, "bdev_error_inject_error",
		 "\"name\":\"EE_M\",\"io_type\":\"all\",\"error_type\":\"pending\",\"num\":3");
	rig_good(rig, "bdev_error_inject_error",
		 "\"name\":\"EE_M\",\"io_type\":\"write\",\"error_type\":\"corrupt_data\","
		 "\"corrupt_offset\":7,\"corrupt_value\":1");
	rig_good(rig, "bdev_error_inject_error",
		 "\"name\":\"EE_M\",\"io_type\":\"clear\",\"error_type\":\"failure\"");
	rig_good(rig, "bdev_error_resume_pending", "\"name\":\"EE_M\"");
	rig_good(rig, "bdev_passthru_delete", "\"name\":\"P\"");
	rig_good(rig, "bdev_delay_delete", "\"name\":\"D\"");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"EE_M\"", "\"claimed\":false");
	rig_good(rig, "bdev_error_delete", "\"name\":\"EE_M\"");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"M\"", "\"claimed\":false");
	/* the one below goes: all go */
	rig_has(rig, "bdev_error_create", "\"base_name\":\"M\"", "EE_M");
	rig_good(rig, "bdev_malloc_delete", "\"name\":\"M\"");
	rig_has(rig, "bdev_get_bdevs", "", "\"result\":[]");
	rig_free(rig);
}

static void test_refused(void)
{
	static const struct rig_refusal cases[] = {
		{ "bdev_error_create", "\"base_name\":\"M\"",
		  "\"code\":-1,\"message\":\"Operation not permitted\"" },
		{ "bdev_passthru_create", "\"name\":\"P\",\"base_bdev_name\":\"P\"",
		  "\"code\":-17" },
		{ "bdev_passthru_create", "\"name\":\"X\",\"base_bdev_name\":\"M\"",
		  "in use by another" },
		{ "bdev_delay_create",
		  "\"name\":\"X\",\"base_bdev_name\":\"P\",\"avg_read_latency\":2,"
		  "\"p99_read_latency\":1,\"avg_write_latency\":0,\"p99_write_latency\":0",
		  "\"code\":-22" },
		{ "bdev_delay_update_latency",
		  "\"delay_bdev_name\":\"D\",\"latency_type\":\"avg_read\",\"latency_us\":9",
		  "\"code\":-22" },
		{ "bdev_delay_update_latency",
		  "\"delay_bdev_name\":\"M\",\"latency_type\":\"avg_read\",\"latency_us\":9",
		  "not a delay bdev" },
		{ "bdev_delay_update_latency",
		  "\"delay_bdev_name\":\"D\",\"latency_type\":\"p50_read\",\"latency_us\":9",
		  "\"code\":-32602" },
		{ "bdev_delay_delete", "\"name\":\"P\"", "\"code\":-19" },
		{ "bdev_error_delete", "\"name\":\"no\"", "there is no bdev" },
		{ "bdev_error_inject_error",
		  "\"name\":\"EE_M\",\"io_type\":\"read\",\"error_type\":\"corrupt_data\"",
		  "corrupt_value is 0" },
		{ "bdev_error_inject_error",
		  "\"name\":\"EE_M\",\"io_type\":\"read\",\"error_type\":\"nvme_failure\"",
		  "nvme_sct and nvme_sc" },
		{ "bdev_error_inject_error",
		  "\"name\":\"D\",\"io_type\":\"read\",\"error_type\":\"failure\"",
		  "\"code\":-19" },
		{ "bdev_error_resume_pending", "\"name\":\"D\"", "\"code\":-19" },
		{ "bdev_set_qos_limit", "\"name\":\"M\"",
		  "\"code\":-22,\"message\":\"No rate limits specified\"" },
		{ "bdev_set_qos_limit", "\"name\":\"no\",\"rw_ios_per_sec\":1", "\"code\":-19" },
		{ "bdev_set_qos_limit", "\"name\":\"M\",\"r_mbytes_per_sec\":18446744073709551615",
		  "\"code\":-32602" },
		{ "bdev_get_iostat", "\"names\":[\"M\",\"no\"]", "\"code\":-19" },
		{ "bdev_get_iostat", "\"names\":[\"M\",\"P\"],\"per_channel\":true",
		  "\"code\":-22" },
		{ "bdev_get_iostat", "\"per_channel\":true", "\"code\":-22" },
		{ "bdev_get_iostat", "\"names\":\"M\"", "\"code\":-32602" },
		{ "bdev_get_iostat", "\"names\":[1]", "\"code\":-32602" },
		{ "bdev_reset_iostat", "\"name\":\"no\"", "\"code\":-19" },
		{ "bdev_enable_histogram", "\"name\":\"M\",\"enable\":true,\"opc\":\"erase\"",
		  "it is one of read, write" },
		{ "bdev_enable_histogram", "\"name\":\"no\",\"enable\":true", "\"code\":-19" },
		{ "bdev_get_histogram", "\"name\":\"M\"", "\"code\":-14" },
		{ "bdev_get_histogram", "\"name\":\"no\"", "\"code\":-19" },
	};
	struct rig *rig = new_rig(2);

	rig_refuse_all(rig, cases, G_N_ELEMENTS(cases));
	rig_free(rig);
}

static void test_limits(void)
{
	struct rig *rig = new_rig(3);

	rig_good(rig, "bdev_set_qos_limit", "\"name\":\"P\",\"rw_ios_per_sec\":1500");
	rig_good(rig, "bdev_set_qos_limit", "\"name\":\"P\",\"w_mbytes_per_sec\":7");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"P\"",
		"\"assigned_rate_limits\":{\"rw_ios_per_sec\":2000,\"rw_mbytes_per_sec\":0,"
		"\"r_mbytes_per_sec\":0,\"w_mbytes_per_sec\":7}");
	rig_good(rig, "bdev_set_qos_limit", "\"name\":\"P\",\"rw_ios_per_sec\":0");
	rig_has(rig, "bdev_get_bdevs", "\"name\":\"P\"",
		"\"assigned_rate_limits\":{\"rw_ios_per_sec\":0,\"rw_mbytes_per_sec\":0,"
		"\"r_mbytes_per_sec\":0,\"w_mbytes_per_sec\":7}");
	rig_free(rig);
}

static void test_stats(void)
{
	struct rig *rig = new_rig(4);

	rig_has(rig, "bdev_get_iostat", "",
		"\"bdevs\":[{\"name\":\"M\",\"bytes_read\":0,\"num_read_ops\":0,");
	rig_has(rig, "bdev_get_iostat", "\"names\":[\"P\",\"M\"]", "\"bdevs\":[{\"name\":\"P\",");
	rig_has(rig, "bdev_get_iostat", "\"names\":[]", "{\"name\":\"EE_M\",");
	rig_has(rig, "bdev_get_iostat", "\"names\":[\"P\"],\"per_channel\":true",
		"\"name\":\"P\",\"channels\":[");
	rig_good(rig, "bdev_set_qd_sampling_period", "\"name\":\"P\",\"period\":1000");
	rig_has(rig, "bdev_get_iostat", "\"names\":[\"P\"]",
		"\"queue_depth_polling_period\":1000,\"queue_depth\":0,\"io_time\":0,");
	rig_good(rig, "bdev_set_qd_sampling_period", "\"name\":\"P\",\"period\":0");
	rig_good(rig, "bdev_reset_iostat", "");
	rig_good(rig, "bdev_reset_iostat", "\"name\":\"M\",\"mode\":\"maxmin\"");
	rig_good(rig, "bdev_enable_histogram", "\"name\":\"M\",\"enable\":true,\"opc\":\"read\"");
	rig_has(rig, "bdev_get_histogram", "\"name\":\"M\"",
		"\"granularity\":5,\"min_range\":0,\"max_range\":35,\"tsc_rate\":1000000000");
	rig_good(rig, "bdev_enable_histogram", "\"name\":\"M\",\"enable\":false");
	rig_has(rig, "bdev_get_histogram", "\"name\":\"M\"", "\"code\":-14");
	rig_free(rig);
}

static void test_saved(void)
{
	struct rig *rig = new_rig(5);

	rig_good(rig, "bdev_set_qos_limit", "\"name\":\"P\",\"r_mbytes_per_sec\":12");
	rig_good(rig, "bdev_delay_update_latency",
		 "\"delay_bdev_name\":\"D\",\"latency_type\":\"avg_read\",\"latency_us\":2");
	rig_check_saved(rig, "\"bdev_set_qos_limit\"");
}

/* Somebody has it open and does not close it. */
static void test_never_goes(void)
{
	struct rig *rig = new_rig(7);
	struct bdev_desc *desc = bdev_open(rig->target->bdevs, "P", true, NULL, NULL, NULL);

	bdev_desc_set_owner(desc, "a test that hangs");
	rig_has(rig, "bdev_malloc_delete", "\"name\":\"M\"",
		"\"code\":-110,\"message\":\"Connection timed out\"");
	/* out of sight; the rest goes on, under the same names */
	rig_has(rig, "bdev_get_bdevs", "", "\"result\":[]");
	rig_has(rig, "bdev_malloc_create", "\"name\":\"P\",\"num_blocks\":8,\"block_size\":512",
		"\"P\"");
	bdev_close(desc);
	desc = bdev_open(rig->target->bdevs, "P", true, NULL, NULL, NULL);
	bdev_desc_set_owner(desc, "a test that hangs");
	rig_has(rig, "bdev_malloc_delete", "\"name\":\"P\"",
		"a test that hangs still waits for its I/O");
	bdev_close(desc);
	rig_free(rig);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/layers/made", test_made);
	g_test_add_func("/layers/refused", test_refused);
	g_test_add_func("/layers/limits", test_limits);
	g_test_add_func("/layers/stats", test_stats);
	g_test_add_func("/layers/saved", test_saved);
	g_test_add_func("/layers/never-goes", test_never_goes);
	return g_test_run();
}
