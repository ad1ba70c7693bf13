/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an INI file of 2018 says, when it has been read (ini.c) and before it becomes
 * calls (ini-calls.c): sections may come in any order, calls may not.
 */
#pragma once

#include "target/config/ini-text.h"

struct ini_malloc {
	struct form_number count, size_mb, block_size;
	unsigned line; /* of the section; 0: there is none */
};

struct ini_transport {
	char *part;
	unsigned line;
	struct form_string type;
	struct form_number max_queue_depth, queues, in_capsule_data_size, max_io_size, max_aq_depth;
	struct form_number c2h_success, sock_priority, acceptor_backlog;
	struct form_number max_srq_depth, no_srq; /* of RDMA */
};

struct ini_listen {
	unsigned line;
	const char *trtype; /* of a transport that there is */
	const char *host, *port;
};

struct ini_ns {
	unsigned line;
	const char *bdev;
	struct form_number nsid;
	const char *uuid; /* NULL: none */
};

struct ini_subsystem {
	char *part;
	unsigned line;
	struct form_string nqn, serial, model;
	struct form_number allow_any_host, max_namespaces;
	GArray *listens, *nss; /* struct ini_listen, struct ini_ns */
	GPtrArray *hosts;      /* const char*, with the line of each in host_lines */
	GArray *host_lines;
};

/* A call about a bdev, ready. */
struct ini_call {
	unsigned line;
	const char *part, *method;
	char *params;
};

struct ini {
	struct form form;
	struct ini_text text;
	GStringChunk *strings; /* words that are kept */
	/* Where the lines that are read belong. */
	const struct ini_section *section; /* NULL: none yet, or an unknown one */
	bool skip;			   /* an unknown section: not one fault a line of it */
	void *base;			   /* structure that the numbers and strings of it go to */
	const char *part;		   /* "[Null]" */

	struct ini_malloc memory;
	struct ini_transport defaults; /* of [Nvmf]: for all transports */
	struct form_number max_subsystems;
	struct form_number io_pool_size, io_cache_size;
	GPtrArray *transports, *subsystems; /* struct ini_transport *, struct ini_subsystem * */
	GHashTable *subsystem_by_part;	    /* in small letters */
	GArray *bdevs, *limits;		    /* struct ini_call */
	/* Names of bdevs that the file makes, and beginnings of those that it would. */
	GPtrArray *names, *missing;
	GHashTable *by_name;
};

/* A bdev of that name is made. False: there is one already; a fault. */
bool ini_name(struct ini *ini, unsigned line, const char *name);
/* Checks what needs all of the file, then appends the calls, unless something is wrong. */
void ini_calls(struct ini *ini);
