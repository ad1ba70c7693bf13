/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Linux backends of the headers in hw/, as one object. Several may live in one process;
 * they share nothing.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "hw/hw.h"
#include "hw/net.h"

enum linux_net_engine {
	LINUX_NET_AUTO,	    /* io_uring where the kernel has and permits it, else epoll */
	LINUX_NET_IO_URING, /* or linux_hw_new() fails */
	LINUX_NET_EPOLL,
};

enum linux_file_engine {
	LINUX_FILE_AUTO,     /* io_uring where the kernel has and permits it, else threads */
	LINUX_FILE_IO_URING, /* or linux_hw_new() fails */
	LINUX_FILE_THREADS,
};

enum linux_rnic {
	LINUX_RNIC_NONE,
	LINUX_RNIC_AUTO,  /* RNICs if there are any that can be used, else RoCEv2 in this process */
	LINUX_RNIC_SOFT,  /* RoCEv2 in this process, over UDP (roce-udp.h) */
	LINUX_RNIC_VERBS, /* RNICs, by libibverbs (verbs/verbs.h) */
};

#define LINUX_RNIC_ADDRS 16

/* What --rnic says. */
struct linux_rnic_option {
	enum linux_rnic which;
	struct net_addr addrs[LINUX_RNIC_ADDRS]; /* of soft; none: all */
	unsigned naddrs;
};

struct linux_hw_options {
	enum linux_net_engine net_engine;
	enum linux_file_engine file_engine;
	/* Nothing is opened before somebody opens an RDMA context. */
	enum linux_rnic rnic;
	/*
	 * The software RNIC has these addresses of the machine only, so that others can have
	 * theirs: without ports, each once. None: all. linux_hw_new() fails when one is not
	 * there; later they may go and come back.
	 */
	const struct net_addr *rnic_addrs;
	unsigned n_rnic_addrs;
	/*
	 * Where runners without a thread of their own live. NULL: the
	 * thread-default context of the thread that starts the runner.
	 */
	GMainContext *main_context;
};

struct linux_hw;

/* "auto", "none", "verbs", "soft", "soft:ADDRESS,...". */
bool linux_rnic_option_parse(struct linux_rnic_option *o, const char *text, GError **error);
/* options NULL: all defaults. NULL and error when the machine lacks what is asked for. */
struct linux_hw *linux_hw_new(const struct linux_hw_options *options, GError **error);
/* Lives as long as the linux_hw. */
struct hw *linux_hw_get(struct linux_hw *lhw);
/* "io_uring" or "epoll". */
const char *linux_hw_net_engine(const struct linux_hw *lhw);
/* Why AUTO did not take io_uring ("io_uring_setup: Operation not permitted"); NULL: it did. */
const char *linux_hw_net_reason(const struct linux_hw *lhw);
/* "io_uring" or "threads". */
const char *linux_hw_file_engine(const struct linux_hw *lhw);
/* No runner, context, chunk or stream of it may be left. NULL is allowed. */
void linux_hw_free(struct linux_hw *lhw);
