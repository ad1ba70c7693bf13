/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands of the table: statistics and limits of block devices. */
#include "tools/weftctl/args.h"

/* clang-format off */
const struct command commands_bdev_stat[] = {
	{ "bdev_get_iostat", "What was read and written, and how long it took", OUT_JSON, .args = ARGS {
		OPT('b', "name", "names", ARG_LIST, "only this one", .names = NAMES_BDEV),
		OPT(0, "names", "names", ARG_LIST, "only these: a,b", .names = NAMES_BDEV),
		OPT('c', "per-channel", "per_channel", ARG_TRUE, "by reactor, of one"),
		OPT(0, "reset-mode", "reset_mode", ARG_STR, "and begin again: all, maxmin, error (none)",
			.values = "all maxmin error none"), END } },
	{ "bdev_reset_iostat", "Count from zero", OUT_NONE, .args = ARGS {
		OPT('b', "name", "name", ARG_STR, "only this one", .names = NAMES_BDEV),
		OPT('m', "mode", "mode", ARG_STR, "all, maxmin, error, none (all)",
			.values = "all maxmin error none"), END } },
	{ "bdev_set_qd_sampling_period", "Look at the queue depth every so often", OUT_NONE, .args = ARGS {
		BDEV("name", "name", "block device"),
		POS("period", "period", ARG_INT, "us; 0: no more"), END } },
	{ "bdev_enable_histogram", "Count latencies", OUT_NONE, .args = ARGS {
		BDEV("name", "name", "block device"),
		OPT(0, "histogram", "enable", ARG_SWITCH, "from now on (that is the default), or no more", .def = "true"),
		OPT('e', "enable", "enable", ARG_TRUE, "--histogram, as it was called"),
		OPT('d', "disable", "enable", ARG_FALSE, "--no-histogram, as it was called"),
		OPT('o', "opc", "opc", ARG_STR, "only read, write, flush, write_zeroes or unmap",
			.values = "read write flush write_zeroes unmap"),
		OPT(0, "granularity", "granularity", ARG_INT, "accepted, without effect"),
		OPT(0, "min-nsec", "min_nsec", ARG_INT, "accepted, without effect"),
		OPT(0, "max-nsec", "max_nsec", ARG_INT, "accepted, without effect"), END } },
	{ "bdev_get_histogram", "Latencies counted", OUT_JSON, .args = ARGS {
		BDEV("name", "name", "block device"), END } },
	{ "bdev_get_histogram_borders", "How many of those counted are between borders", OUT_JSON, .args = ARGS {
		BDEV("name", "name", "block device"),
		POS("borders", "borders", ARG_INTS, "ns, ascending: 1000,10000"), END } },
	{ "bdev_set_qos_limit", "Limit what is read and written; 0 lifts a limit", OUT_NONE, .args = ARGS {
		BDEV("name", "name", "block device"),
		OPT(0, "rw-ios-per-sec", "rw_ios_per_sec", ARG_INT, "I/Os a second, in thousands"),
		OPT(0, "rw-mbytes-per-sec", "rw_mbytes_per_sec", ARG_INT, "MiB a second"),
		OPT(0, "r-mbytes-per-sec", "r_mbytes_per_sec", ARG_INT, "MiB read a second"),
		OPT(0, "w-mbytes-per-sec", "w_mbytes_per_sec", ARG_INT, "MiB written a second"), END } },
	{ 0 },
};
/* clang-format on */
