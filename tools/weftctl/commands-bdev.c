/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands of the table: block devices. */
#include "tools/weftctl/args.h"

/* clang-format off */
#define BDEV_LAYOUT \
	OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: random)"), \
	OPT('p', "physical-block-size", "physical_block_size", ARG_INT, "physical block size in bytes"), \
	OPT('m', "md-size", "md_size", ARG_INT, "metadata bytes a block"), \
	OPT('t', "dif-type", "dif_type", ARG_INT, "protection information type"), \
	OPT('d', "dif-is-head-of-md", "dif_is_head_of_md", ARG_TRUE, "protection information comes first in the metadata"), \
	OPT('f', "dif-pi-format", "dif_pi_format", ARG_INT, "protection information format")

const struct command commands_bdev[] = {
	{ "bdev_set_options", "Settings of all block devices (before framework_start_init)", OUT_NONE, .args = ARGS {
		OPT('p', "bdev-io-pool-size", "bdev_io_pool_size", ARG_INT, "commands at most"),
		OPT('c', "bdev-io-cache-size", "bdev_io_cache_size", ARG_INT, "of those, for each reactor"),
		OPT(0, "auto-examine", "bdev_auto_examine", ARG_SWITCH, "look at what is on a new block device"),
		OPT('e', "enable-auto-examine", "bdev_auto_examine", ARG_TRUE, "--auto-examine, as it was called"),
		OPT('d', "disable-auto-examine", "bdev_auto_examine", ARG_FALSE, "--no-auto-examine, as it was called"),
		OPT(0, "iobuf-small-cache-size", "iobuf_small_cache_size", ARG_INT, "small buffers for each reactor"),
		OPT(0, "iobuf-large-cache-size", "iobuf_large_cache_size", ARG_INT, "large buffers for each reactor"), END } },
	{ "bdev_examine", "Look at what is on a block device", OUT_NONE, .args = ARGS {
		REQ('b', "name", "name", ARG_STR, "name", .names = NAMES_BDEV), END } },
	{ "bdev_wait_for_examine", "Wait until that is done for all", OUT_NONE, .args = NULL },

	{ "bdev_get_bdevs", "Block devices", OUT_JSON, .args = ARGS {
		OPT('b', "name", "name", ARG_STR, "only this one (name or UUID)", .names = NAMES_BDEV),
		OPT('t', "timeout", "timeout", ARG_INT, "wait so many ms for it to appear"), END } },
	{ "bdev_malloc_create", "Make a block device in memory", OUT_NAME, .args = ARGS {
		POS("total_size", "num_blocks", ARG_MIB, "size in MiB"),
		POS("block_size", "block_size", ARG_INT, "block size in bytes"),
		OPT('b', "name", "name", ARG_STR, "name (Malloc<N>)"),
		BDEV_LAYOUT,
		OPT('o', "optimal-io-boundary", "optimal_io_boundary", ARG_INT, "blocks"),
		OPT('i', "md-interleave", "md_interleave", ARG_TRUE, "metadata within the blocks"),
		OPT('n', "numa-id", "numa_id", ARG_INT, "accepted, without effect"), END } },
	ONE("bdev_malloc_delete", "Remove a block device in memory", "name", "its name", .names = NAMES_BDEV),
	{ "bdev_null_create", "Make a block device that keeps nothing", OUT_NAME, .args = ARGS {
		POS("name", "name", ARG_STR, "name"),
		POS("total_size", "num_blocks", ARG_MIB, "size in MiB"),
		POS("block_size", "block_size", ARG_INT, "block size in bytes"),
		BDEV_LAYOUT,
		OPT('a', "preferred-write-alignment", "preferred_write_alignment", ARG_INT, "accepted, without effect"),
		OPT('g', "preferred-write-granularity", "preferred_write_granularity", ARG_INT, "accepted, without effect"),
		OPT('s', "optimal-write-size", "optimal_write_size", ARG_INT, "accepted, without effect"),
		OPT(0, "preferred-unmap-alignment", "preferred_unmap_alignment", ARG_INT, "accepted, without effect"),
		OPT(0, "preferred-unmap-granularity", "preferred_unmap_granularity", ARG_INT, "accepted, without effect"), END } },
	ONE("bdev_null_delete", "Remove a null block device", "name", "its name", .names = NAMES_BDEV),
	{ "bdev_null_resize", "Make a null block device larger", OUT_NONE, .args = ARGS {
		BDEV("name", "name", "its name"),
		POS("new_size", "new_size", ARG_INT, "new size in MiB"), END } },
	{ "bdev_aio_create", "Make a block device of a file or device", OUT_NAME, .args = ARGS {
		POS("filename", "filename", ARG_STR, "path of the file or device", .names = NAMES_FILE),
		POS("name", "name", ARG_STR, "name"),
		POS_OPT("block_size", "block_size", ARG_INT, "block size in bytes (that of the file)"),
		OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: made from what the file is)"),
		OPT('f', "fallocate", "fallocate", ARG_TRUE, "accepted: space is always given back"),
		OPT(0, "nowait", "nowait", ARG_TRUE, "accepted, without effect"),
		OPT('r', "readonly", "readonly", ARG_TRUE, "nothing can be written"), END } },
	ONE("bdev_aio_rescan", "Look at the size of the file now", "name", "its name", .names = NAMES_BDEV),
	ONE("bdev_aio_delete", "Remove a block device of a file", "name", "its name", .names = NAMES_BDEV),
	{ "bdev_uring_create", "Make a block device of a file or device", OUT_NAME, .args = ARGS {
		POS("filename", "filename", ARG_STR, "path of the file or device", .names = NAMES_FILE),
		POS("name", "name", ARG_STR, "name"),
		POS_OPT("block_size", "block_size", ARG_INT, "block size in bytes (that of the file)"),
		OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: made from what the file is)"),
		OPT('r', "readonly", "readonly", ARG_TRUE, "nothing can be written"), END } },
	ONE("bdev_uring_rescan", "Look at the size of the file now", "name", "its name", .names = NAMES_BDEV),
	ONE("bdev_uring_delete", "Remove a block device of a file", "name", "its name", .names = NAMES_BDEV),

	{ "bdev_passthru_create", "Make a block device that is another one", OUT_NAME, .args = ARGS {
		REQ('b', "base-bdev-name", "base_bdev_name", ARG_STR, "the block device below", .names = NAMES_BDEV),
		REQ('p', "name", "name", ARG_STR, "name"),
		OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: random)"), END } },
	ONE("bdev_passthru_delete", "Remove a passthru block device", "name", "its name", .names = NAMES_BDEV),
	{ "bdev_delay_create", "Make a block device that is slower than another one", OUT_NAME, .args = ARGS {
		REQ('b', "base-bdev-name", "base_bdev_name", ARG_STR, "the block device below", .names = NAMES_BDEV),
		REQ('d', "name", "name", ARG_STR, "name"),
		REQ('r', "avg-read-latency", "avg_read_latency", ARG_INT, "us added to a read"),
		REQ('t', "p99-read-latency", "p99_read_latency", ARG_INT, "us added to one read in a hundred"),
		REQ('w', "avg-write-latency", "avg_write_latency", ARG_INT, "us added to a write"),
		REQ('n', "p99-write-latency", "p99_write_latency", ARG_INT, "us added to one write in a hundred"),
		OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: random)"), END } },
	ONE("bdev_delay_delete", "Remove a delay block device", "name", "its name", .names = NAMES_BDEV),
	{ "bdev_delay_update_latency", "Change how slow it is", OUT_NONE, .args = ARGS {
		BDEV("delay_bdev_name", "delay_bdev_name", "its name"),
		POS("latency_type", "latency_type", ARG_STR, "avg_read, p99_read, avg_write, p99_write",
			.values = "avg_read p99_read avg_write p99_write"),
		POS("latency_us", "latency_us", ARG_INT, "us"), END } },
	{ "bdev_error_create", "Make a block device that fails when told, EE_<base>", OUT_NAME, .args = ARGS {
		BDEV("base_name", "base_name", "the block device below"),
		OPT('u', "uuid", "uuid", ARG_STR, "UUID (default: random)"), END } },
	ONE("bdev_error_delete", "Remove such a block device", "name", "its name", .names = NAMES_BDEV),
	{ "bdev_error_inject_error", "Tell it how to fail", OUT_NONE, .args = ARGS {
		BDEV("name", "name", "its name"),
		POS("io_type", "io_type", ARG_STR, "read, write, unmap, flush, all; clear: no more errors",
			.values = "clear read write unmap flush all"),
		POS("error_type", "error_type", ARG_STR, "failure, pending, corrupt_data, nomem, nvme_failure",
			.values = "failure pending corrupt_data nomem nvme_failure"),
		OPT('n', "num", "num", ARG_INT, "so many commands (1)"),
		OPT('q', "queue-depth", "queue_depth", ARG_INT, "only when so many are under way"),
		OPT('o', "corrupt-offset", "corrupt_offset", ARG_INT, "byte of the data to change"),
		OPT('v', "corrupt-value", "corrupt_value", ARG_INT, "1 to 255: what it is XORed with"),
		OPT(0, "nvme-sct", "nvme_sct", ARG_INT, "NVMe status code type"),
		OPT(0, "nvme-sc", "nvme_sc", ARG_INT, "NVMe status code"), END } },
	{ "bdev_error_resume_pending", "Let go on what is pending", OUT_NONE, .args = ARGS {
		BDEV("name", "name", "its name"), END } },
	{ 0 },
};
/* clang-format on */
