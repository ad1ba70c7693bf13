/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the readers of others' forms (ini.c, nvmetcli.c) share: everything that is
 * wrong with a file is said at once, by line; the parameters of calls are written
 * as JSON; what a build lacks is said in one place.
 */
#pragma once

#include "target/config/config.h"

/* A file that is wrong all over is not read to its end. */
#define FORM_MAX_FAULTS 20

struct form {
	struct config *config;
	GArray *faults; /* struct form_fault */
};

/* Values that were not given have line 0. */
struct form_number {
	uint64_t value;
	unsigned line;
};

struct form_string {
	const char *s;
	unsigned line;
};

void form_begin(struct form *f, struct config *config);
/* False, and error says all faults in the order of their lines: there are some. */
bool form_end(struct form *f, GError **error);

/* Something is wrong. Returns false. */
bool form_fault(struct form *f, unsigned line, const char *format, ...) G_GNUC_PRINTF(3, 4);
bool form_too_many(const struct form *f);

/* `; did you mean "NAME"?` whatever the case of the letters, or "". Caller frees. */
char *form_meant(const char *text, const char *const *names);

/* A decimal number from min to max. False: it is none; nothing has been said. */
bool form_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);
/* A power of two from 512 to 65536. False: a fault. */
bool form_block_size(struct form *f, unsigned line, uint64_t value);
/* What the target will take. what: the key, for the fault. */
bool form_text(struct form *f, unsigned line, const char *what, const char *text, size_t max);
bool form_subnqn(struct form *f, unsigned line, const char *nqn);
bool form_hostnqn(struct form *f, unsigned line, const char *nqn);
/* Canonical text of a UUID; false: it is none, nothing has been said. */
bool form_uuid(const char *text, char out[37]);

/* A transport that this build has, by its name for calls; NULL: a fault. */
const char *form_transport(struct form *f, unsigned line, const char *trtype);

/* --- parameters ------------------------------------------------------------------------ */

/* An object is written into a string: begin, members, end. */
void form_open(GString *json, const char *key); /* NULL: no member */
void form_close(GString *json);
void form_str(GString *json, const char *key, const char *value);
void form_num(GString *json, const char *key, uint64_t value);
void form_bool(GString *json, const char *key, bool value);

/*
 * The member "listen_address" (or what key says). family NULL: whatever host is.
 * False: a fault, and nothing written.
 */
struct form_address {
	const char *trtype, *family, *host, *port;
};
bool form_address_ok(struct form *f, unsigned line, const struct form_address *a);
void form_address(GString *json, const char *key, const struct form_address *a);
/* Ends the object that json is and adds the call; json begins another one. */
void form_add(struct form *f, const char *part, unsigned line, const char *method, GString *json);
