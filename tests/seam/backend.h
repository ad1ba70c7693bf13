/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a conformance suite needs from the backend it is linked with: a struct hw
 * and a way to let it run. Each program has one backend (backend-*.c).
 */
#pragma once

#include <stdbool.h>

#include "hw/env.h"
#include "hw/mem.h"
#include "hw/net.h"

struct backend;

/* Why the backend cannot be had on this machine, or NULL. Caller frees. */
char *backend_missing(void);
const char *backend_name(void);
struct backend *backend_new(void);
/* Checks that nothing is left of what was built on it. */
void backend_free(struct backend *b);
const struct hw *backend_hw(struct backend *b);
/* Runs while cond(arg) holds. False: it took too long. */
bool backend_run(struct backend *b, bool (*cond)(void *arg), void *arg);
/* Runs for about that long in the backend's time. */
void backend_run_for(struct backend *b, uint64_t ns);
/* True: other reactors have threads of their own. */
bool backend_has_threads(void);
/* The path of a socket file that may be made. */
void backend_socket_path(struct backend *b, const char *name, char path[108]);
void backend_make_stale_socket(struct backend *b, const char *path);
bool backend_socket_exists(struct backend *b, const char *path);
/* A file: its path, made or resized, removed. */
void backend_file_path(struct backend *b, const char *name, char path[256]);
void backend_file_set_size(struct backend *b, const char *path, uint64_t size);
void backend_file_remove(struct backend *b, const char *path);

/*
 * Makes what follows fail with that error; off undoes it. Returns NULL, or why
 * this backend cannot be made to.
 */
enum backend_trouble {
	TROUBLE_NO_FDS,	      /* no more descriptors: -EMFILE */
	TROUBLE_NO_MEMORY,    /* -ENOMEM of listen, connect, attach and mem alloc */
	TROUBLE_UNPRIVILEGED, /* listening on port 80: -EACCES */
	TROUBLE_SILENT,	      /* connects to backend_far() get no answer: -ETIMEDOUT */
	TROUBLE_UNREACHABLE,  /* connects to backend_far(): -EHOSTUNREACH or -ENETUNREACH */
	TROUBLE_NO_SPACE,     /* writes to files, from 512 KiB on: -ENOSPC or the like */
	TROUBLE_BAD_MEDIUM,   /* I/O to files: -EIO */
};
const char *backend_trouble(struct backend *b, enum backend_trouble what, bool on);
/* The address for the two last ones. */
const char *backend_far(void);
