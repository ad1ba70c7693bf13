/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a file of nvmetcli says (Linux nvmet's configfs as JSON), when it has been read
 * (nvmetcli.c) and before it becomes calls (nvmetcli-calls.c).
 */
#pragma once

#include "target/config/form.h"

struct nt_addr {
	struct form_string trtype, adrfam, traddr, trsvcid, treq, tsas;
};

/* ANA groups of a port; number 1 is optimized unless it is said otherwise. */
struct nt_group {
	unsigned line;
	struct form_number grpid;
	struct form_string state;
};

struct nt_port {
	unsigned line;
	struct form_number portid;
	struct nt_addr addr;
	const char *trtype; /* for calls; NULL: this build has none */
	struct form_number inline_data_size, max_queue_size;
	GArray *groups;	    /* struct nt_group */
	GArray *subsystems; /* struct form_string */
};

struct nt_referral {
	unsigned line;
	struct form_number enable;
	struct form_string name;
	struct nt_addr addr;
};

struct nt_ns {
	unsigned line;
	struct form_number nsid, enable, ana_grpid, grpid; /* two spellings */
	struct form_string path, uuid, nguid, eui64;
	char *bdev; /* name, of those that are served */
};

struct nt_subsystem {
	unsigned line;
	struct form_string nqn, serial, model;
	struct form_number allow_any_host, cntlid_min, cntlid_max, qid_max;
	GArray *hosts; /* struct form_string */
	GArray *nss;   /* struct nt_ns */
	/* Found when all has been read. */
	bool ana;
	uint64_t max_namespaces;
};

struct nt {
	struct form form;
	GArray *lines; /* size_t: where each begins, in the text */
	const char *text;
	GHashTable *noted; /* fields of which it has been said that they have no effect */
	/* What is being read. */
	struct nt_port *port;
	struct nt_subsystem *subsystem;

	GPtrArray *ports, *subsystems; /* struct nt_port *, struct nt_subsystem * */
	GArray *referrals;	       /* struct nt_referral */
	GHashTable *by_nqn;	       /* struct nt_subsystem * */
};

/* Checks what needs all of the file, then appends the calls, unless something is wrong. */
void nt_calls(struct nt *nt);
