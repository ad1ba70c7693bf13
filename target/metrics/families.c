/* SPDX-License-Identifier: BSD-3-Clause */
/* All metrics there are. docs/metrics.md has the same list (tests/unit/metrics compares them). */
#include "target/metrics/families.h"

static const char *const kinds[] = { "read", "write", "other" };
static const char *const directions[] = { "read", "write" };
static const char *const classes[] = { "generic", "command", "media", "path", "other" };
static const char *const bdev_ops[] = { "read",		"write", "flush",
					"write_zeroes", "unmap", "write_uncorrectable" };
static const char *const bdev_errors[] = { "failed", "aborted", "miscompare", "nvme_error" };
static const char *const byte_limits[] = { "all", "read", "write" };
static const char *const sizes[BUF_CLASSES] = { "4096", "16384", "65536", "131072", "1048576" };

#define ONE(struct_, member, unit_)                                                                \
	.unit = unit_, .offset = offsetof(struct_, member),                                        \
	.size = sizeof(((struct_ *)0)->member), .nvalues = 1
#define MANY(struct_, member, stride_, label_, values_)                                            \
	.offset = offsetof(struct_, member), .size = sizeof(((struct_ *)0)->member),               \
	.stride = stride_, .label = label_, .values = values_, .nvalues = G_N_ELEMENTS(values_)
#define GLOBAL(member, unit) .section = METRICS_GLOBAL, ONE(struct metrics, member, unit)
#define REACTOR(member, unit) .section = METRICS_REACTORS, ONE(struct metrics_reactor, member, unit)
#define SUBSYSTEM(member) .section = METRICS_SUBSYSTEMS, ONE(struct metrics_subsystem, member, 0)
#define CTRLR(member, unit) .section = METRICS_CTRLRS, ONE(struct metrics_ctrlr, member, unit)
#define PATH(member) .section = METRICS_PATHS, ONE(struct metrics_path, member, 0)
#define BDEV(member) .section = METRICS_BDEVS, ONE(struct metrics_bdev, member, 0)
#define RNIC(member) .section = METRICS_RNICS, ONE(struct metrics_rnic, member, 0)
#define OPS(section_)                                                                              \
	.section = section_, .shape = METRICS_COUNTS,                                              \
	MANY(struct nvmf_counts, ops[0], 8, "op", kinds)
#define BYTES(section_)                                                                            \
	.section = section_, .shape = METRICS_COUNTS,                                              \
	MANY(struct nvmf_counts, bytes[0], 8, "op", directions)
#define ERRORS(section_)                                                                           \
	.section = section_, .shape = METRICS_COUNTS,                                              \
	MANY(struct nvmf_counts, errors[0], 8, "type", classes)
#define LATENCY(section_)                                                                          \
	.section = section_, .shape = METRICS_HISTOGRAM, .unit = METRICS_NS, .label = "op",        \
	.values = kinds, .nvalues = NVMF_KINDS
#define OF_BDEV(member)                                                                            \
	.section = METRICS_BDEVS, MANY(struct metrics_bdev, stats.op[0].member,                    \
				       sizeof(struct bdev_op_stats), "op", bdev_ops)
#define INFO(section_) .section = section_, .shape = METRICS_INFO, .nvalues = 1

#define COUNTER(name_, help_) .name = "weft_" name_, .type = "counter", .help = help_
#define GAUGE(name_, help_) .name = "weft_" name_, .type = "gauge", .help = help_
#define HISTOGRAM(name_, help_) .name = "weft_" name_, .type = "histogram", .help = help_

const struct metrics_family metrics_families[] = {
	{ GAUGE("build_info", "1; the version is a label."), INFO(METRICS_GLOBAL) },
	{ GAUGE("uptime_seconds", "Since the target was made."), GLOBAL(uptime_ns, METRICS_NS) },
	{ GAUGE("collect_seconds", "How long collecting this answer took."),
	  GLOBAL(took_ns, METRICS_NS) },
	{ GAUGE("rpc_clients", "Clients connected to the RPC server."), GLOBAL(rpc.clients, 0) },
	{ GAUGE("rpc_calls_running", "RPC calls that have not ended."), GLOBAL(rpc.calls, 0) },
	{ COUNTER("rpc_calls_total", "RPC calls begun."), GLOBAL(rpc.calls_started, 0) },
	{ COUNTER("notifications_total", "Notifications made (notify_get_notifications)."),
	  GLOBAL(rpc.notifications, 0) },
	{ GAUGE("discovery_generation", "Generation counter of the discovery log."),
	  GLOBAL(discovery_generation, 0) },
	{ GAUGE("discovery_referrals", "Referrals in the discovery log."), GLOBAL(referrals, 0) },

	{ COUNTER("reactor_busy_seconds_total", "Time in passes that found work."),
	  REACTOR(stats.busy_ns, METRICS_NS) },
	{ COUNTER("reactor_idle_seconds_total", "The rest: asleep, or looking for work."),
	  REACTOR(stats.idle_ns, METRICS_NS) },
	{ COUNTER("reactor_passes_total", "Rounds of a reactor."), REACTOR(stats.passes, 0) },
	{ COUNTER("reactor_busy_passes_total", "Rounds that found work."),
	  REACTOR(stats.busy_passes, 0) },
	{ COUNTER("reactor_messages_total", "Messages received from reactors."),
	  REACTOR(stats.messages, 0) },
	{ COUNTER("reactor_timers_total", "Timers fired."), REACTOR(stats.timers, 0) },
	{ COUNTER("reactor_commands_total", "I/O commands completed."), REACTOR(commands, 0) },
	{ GAUGE("reactor_commands_waiting", "Commands that wait for a buffer."),
	  REACTOR(waiting, 0) },
	{ GAUGE("reactor_admin_queues", "Connected admin queues."),
	  REACTOR(current_admin_queues, 0) },
	{ GAUGE("reactor_io_queues", "Connected I/O queues."), REACTOR(current_io_queues, 0) },
	{ GAUGE("reactor_unassociated_queues", "Connections that have not said what they are for."),
	  REACTOR(unassociated_queues, 0) },
	{ COUNTER("reactor_admin_queues_total", "Admin queues that were ever connected."),
	  REACTOR(admin_queues, 0) },
	{ COUNTER("reactor_io_queues_total", "I/O queues that were ever connected."),
	  REACTOR(io_queues, 0) },
	{ GAUGE("pool_limit_bytes", "What the buffer pool may grow to."), REACTOR(pool.limit, 0) },
	{ GAUGE("pool_allocated_bytes", "What it has grown to."), REACTOR(pool.allocated, 0) },
	{ COUNTER("pool_gets_total", "Buffers taken."), REACTOR(pool.gets, 0) },
	{ COUNTER("pool_misses_total", "Times that there was none."), REACTOR(pool.misses, 0) },
	{ COUNTER("pool_waits_total", "Times that somebody waited for one."),
	  REACTOR(pool.waits, 0) },
	{ GAUGE("pool_buffers_in_use", "Buffers held, by size."), .section = METRICS_REACTORS,
	  MANY(struct metrics_reactor, pool.in_use[0], sizeof(unsigned), "size", sizes) },

	{ GAUGE("subsystem_namespaces", "Namespaces of a subsystem."), SUBSYSTEM(namespaces) },
	{ GAUGE("subsystem_hosts", "Hosts that are allowed by name."), SUBSYSTEM(hosts) },
	{ GAUGE("subsystem_listeners", "Listeners of a subsystem."), SUBSYSTEM(listeners) },
	{ GAUGE("subsystem_controllers", "Controllers that hosts have."), SUBSYSTEM(controllers) },
	{ COUNTER("subsystem_commands_total",
		  "I/O commands that succeeded, of all hosts there are and ever were."),
	  SUBSYSTEM(commands) },
	{ COUNTER("subsystem_errors_total", "I/O commands that failed, likewise."),
	  SUBSYSTEM(errors) },

	{ GAUGE("namespace_info", "1; what a namespace is, in labels."), INFO(METRICS_NAMESPACES) },
	{ GAUGE("namespace_blocks", "Size of a namespace in blocks."),
	  .section = METRICS_NAMESPACES, ONE(struct metrics_ns, blocks, 0) },
	{ GAUGE("namespace_outstanding", "Commands that are being done by its bdev."),
	  .section = METRICS_NAMESPACES, ONE(struct metrics_ns, inflight, 0) },
	{ COUNTER("namespace_commands_total", "I/O commands that succeeded."),
	  OPS(METRICS_NAMESPACES) },
	{ COUNTER("namespace_bytes_total", "Bytes of reads and writes that succeeded."),
	  BYTES(METRICS_NAMESPACES) },
	{ COUNTER("namespace_errors_total", "I/O commands that failed, by status code type."),
	  ERRORS(METRICS_NAMESPACES) },
	{ HISTOGRAM("namespace_latency_seconds", "Latency of I/O commands that succeeded."),
	  LATENCY(METRICS_NAMESPACES) },

	{ GAUGE("listener_namespaces", "Namespaces by the ANA state in which they are reached."),
	  .section = METRICS_LISTENERS,
	  MANY(struct metrics_listener, ana[0], sizeof(uint32_t), "state", metrics_ana_names) },

	{ GAUGE("controller_info", "1; whose a controller is, in labels."), INFO(METRICS_CTRLRS) },
	{ GAUGE("controller_io_queues", "Connected I/O queues."), CTRLR(io_queues, 0) },
	{ GAUGE("controller_outstanding", "Commands of all its queues."), CTRLR(outstanding, 0) },
	{ COUNTER("controller_admin_commands_total", "Admin commands received."),
	  CTRLR(admin_commands, 0) },
	{ GAUGE("controller_keep_alive_timeout_seconds", "0: off."),
	  CTRLR(keep_alive_ms, METRICS_MS) },
	{ GAUGE("controller_keep_alive_age_seconds", "Since its host was last known to be there."),
	  CTRLR(keep_alive_age_ns, METRICS_NS) },
	{ COUNTER("controller_commands_total", "I/O commands that succeeded."),
	  OPS(METRICS_CTRLRS) },
	{ COUNTER("controller_bytes_total", "Bytes of reads and writes that succeeded."),
	  BYTES(METRICS_CTRLRS) },
	{ COUNTER("controller_errors_total", "I/O commands that failed, by status code type."),
	  ERRORS(METRICS_CTRLRS) },

	{ GAUGE("path_info", "1; the ANA state of a path, in a label."), INFO(METRICS_PATHS) },
	{ GAUGE("path_controllers", "Controllers of one host through one listener."),
	  PATH(controllers) },
	{ GAUGE("path_io_queues", "Connected I/O queues."), PATH(io_queues) },
	{ GAUGE("path_outstanding", "Commands that have not been answered."), PATH(outstanding) },
	{ COUNTER("path_commands_total", "I/O commands that succeeded."), OPS(METRICS_PATHS) },
	{ COUNTER("path_bytes_total", "Bytes of reads and writes that succeeded."),
	  BYTES(METRICS_PATHS) },
	{ COUNTER("path_errors_total", "I/O commands that failed, by status code type."),
	  ERRORS(METRICS_PATHS) },
	{ HISTOGRAM("path_latency_seconds", "Latency of I/O commands that succeeded."),
	  LATENCY(METRICS_PATHS) },

	{ GAUGE("bdev_info", "1; what a bdev is, in labels."), INFO(METRICS_BDEVS) },
	{ GAUGE("bdev_blocks", "Size of a bdev in blocks."), BDEV(blocks) },
	{ GAUGE("bdev_queue_depth", "I/Os under way."), BDEV(inflight) },
	{ COUNTER("bdev_operations_total", "I/Os that succeeded."), OF_BDEV(ops) },
	{ COUNTER("bdev_bytes_total", "Their bytes."), OF_BDEV(bytes) },
	{ COUNTER("bdev_operation_seconds_total", "The sum of their latencies."), OF_BDEV(ticks),
	  .unit = METRICS_NS },
	{ COUNTER("bdev_errors_total", "I/Os that failed, by kind."), .section = METRICS_BDEVS,
	  MANY(struct metrics_bdev, stats.errors[0], 8, "kind", bdev_errors) },
	{ GAUGE("bdev_limit_operations_per_second", "bdev_set_qos_limit; 0: none."),
	  BDEV(limits[BDEV_RW_IOS]) },
	{ GAUGE("bdev_limit_bytes_per_second", "bdev_set_qos_limit; 0: none."),
	  .section = METRICS_BDEVS, .unit = METRICS_MIB,
	  MANY(struct metrics_bdev, limits[BDEV_RW_MBYTES], 8, "op", byte_limits) },
	{ COUNTER("bdev_throttled_total", "I/Os that had to wait for a limit."), BDEV(throttled) },
	{ HISTOGRAM("bdev_latency_seconds",
		    "Latency of I/Os, once bdev_enable_histogram was called."),
	  .section = METRICS_BDEVS, .shape = METRICS_BDEV_HIST, .unit = METRICS_NS, .nvalues = 1 },

	{ GAUGE("rdma_registered_bytes", "Memory that is registered with an RNIC."),
	  RNIC(registered) },
	{ GAUGE("rdma_memory_regions", "In how many regions it is."), RNIC(regions) },
	{ 0 },
};
