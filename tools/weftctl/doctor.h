/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weftctl doctor: looks at the machine, at a running target and at a configuration, and
 * changes nothing. What it finds is a list of findings; each that is not right says
 * what would put it right.
 */
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include "target/config/config.h"
#include "tools/weft-setup/findings.h"
#include "tools/weftctl/weftctl.h"

struct doctor {
	struct ctl *ctl;
	bool reachable;		/* there is a target at the socket */
	pid_t pid;		/* its process; 0: not known */
	GHashTable *served;	/* "tcp address port" that it listens on, of each transport */
	bool rdma;		/* it has that transport */
	bool verbs;		/* over RNICs, or it would be */
	bool rdma_buffers;	/* they have been looked at */
	struct rdma_look *look; /* the RNICs, when they have been looked at */
	guint64 memory;		/* bytes that the configuration takes */
	GArray *findings;
};

/* fix NULL: it is right. */
void doctor_say(struct doctor *d, enum finding_status status, const char *what, const char *fix,
		const char *format, ...) G_GNUC_PRINTF(5, 6);
/* A whole small file without the line end; NULL: it cannot be read. Caller frees. */
char *doctor_read(const char *path);

/* Limits, processors, memory, io_uring, clock, modules. */
void doctor_host(struct doctor *d);
/* The socket of the target, and what the target says. wanted: there ought to be one. */
void doctor_target(struct doctor *d, bool wanted);
/* What a configuration needs; name NULL: that of the running target. */
void doctor_config(struct doctor *d, const struct config *config, bool running);

/* As it is in served. Caller frees. */
char *doctor_served(const char *trtype, const char *address, const char *port);
/* Of software RoCE: 0 or an errno. port: its own, else any. */
int doctor_rdma_bind(const struct sockaddr *addr, socklen_t len, bool port);
void doctor_rdma_buffers(struct doctor *d);
/* What weft-setup says of the RNICs. */
void doctor_rdma_devices(struct doctor *d);
/* Whether an address is an RNIC's; where: who wants it. */
void doctor_rdma_address(struct doctor *d, const char *where, const char *port,
			 const struct sockaddr *addr, socklen_t len);

/* --- for tests ---------------------------------------------------------------------------------
 */

/* Where a device is mounted, in the text of /proc/self/mountinfo; NULL: nowhere. Caller frees. */
char *doctor_mounted(const char *mountinfo, unsigned major, unsigned minor);
/* The soft limit of that name in the text of /proc/PID/limits; G_MAXUINT64: none. */
bool doctor_limit(const char *limits, const char *name, guint64 *value);
