/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Coverage lists and the rig of the conformance suites.
 */
#include "tests/seam/seam.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

/* A test program: the lists are its own, the lock is for callbacks on other threads. */
/* Not a GMutex, which ThreadSanitizer does not see. */
static pthread_mutex_t cover_lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *covered, *skipped;

static char *cover_key(const char *kind, const char *name)
{
	return g_strdup_printf("%s/%s", kind, name);
}

void cover(const char *kind, const char *name)
{
	pthread_mutex_lock(&cover_lock);
	g_hash_table_add(covered, cover_key(kind, name));
	pthread_mutex_unlock(&cover_lock);
}

void cover_skip(const char *kind, const char *name, const char *why)
{
	pthread_mutex_lock(&cover_lock);
	g_hash_table_insert(skipped, cover_key(kind, name), g_strdup(why));
	pthread_mutex_unlock(&cover_lock);
}

void cover_error(int err)
{
	switch (err) {
#define E(name)                                                                                    \
	case -name:                                                                                \
		cover("error", #name);                                                             \
		break
		E(EAGAIN);
		E(ECONNRESET);
		E(ECONNREFUSED);
		E(EPIPE);
		E(ETIMEDOUT);
		E(EADDRINUSE);
		E(EADDRNOTAVAIL);
		E(EACCES);
		E(EMFILE);
		E(ENOMEM);
		E(EINVAL);
		E(ENOENT);
		E(ENODATA);
		E(EBADF);
		E(EIO);
#undef E
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		cover("error", "EHOSTUNREACH or ENETUNREACH");
		break;
	default:
		break;
	}
}

static unsigned print_list(const struct cover_list *list)
{
	unsigned total = 0, met = 0, missing = 0;

	for (const char *const *n = list->names; *n; n++) {
		g_autofree char *key = cover_key(list->kind, *n);
		const char *why = g_hash_table_lookup(skipped, key);

		total++;
		if (g_hash_table_contains(covered, key)) {
			met++;
		} else {
			printf("# %s %s: %s\n", list->kind, *n, why ? why : "NOT MET");
			missing += !why;
		}
	}
	printf("# %s: %ss met: %u of %u\n", backend_name(), list->kind, met, total);
	return missing;
}

int seam_main(int argc, char **argv, void (*add_tests)(void), const struct cover_list *lists,
	      unsigned nlists)
{
	g_autofree char *missing_backend = NULL;
	unsigned missing = 0;
	bool all = argc == 1;
	int ret;

	g_test_init(&argc, &argv, NULL);
	missing_backend = backend_missing();
	if (missing_backend) {
		printf("1..0 # SKIP %s: %s\n", backend_name(), missing_backend);
		return 0;
	}
	covered = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	skipped = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	add_tests();
	ret = g_test_run();
	for (unsigned i = 0; i < nlists; i++)
		missing += print_list(&lists[i]);
	g_hash_table_destroy(covered);
	g_hash_table_destroy(skipped);
	/* Part of the suite only (-p): the lists cannot be complete. */
	return ret ? ret : all && missing > 0;
}

void rig_up(struct rig *rig)
{
	static const struct core_options options = { .nreactors = 2, .log_level = LOG_ERROR };
	GError *error = NULL;

	rig->b = backend_new();
	rig->hw = backend_hw(rig->b);
	rig->core = core_new(rig->hw, &options, &error);
	g_assert_no_error(error);
	core_start(rig->core, &error);
	g_assert_no_error(error);
}

void rig_down(struct rig *rig)
{
	core_stop(rig->core);
	core_free(rig->core);
	backend_free(rig->b);
}

static bool flag_unset(void *arg)
{
	return g_atomic_int_get((int *)arg) == 0;
}

void rig_wait(struct rig *rig, bool (*cond)(void *arg), void *arg)
{
	g_assert_true(backend_run(rig->b, cond, arg));
}

void rig_wait_flag(struct rig *rig, int *flag)
{
	rig_wait(rig, flag_unset, flag);
}

struct on_call {
	void (*fn)(struct reactor *r, void *arg);
	void *arg;
	int done;
};

static void on_run(struct reactor *r, void *arg)
{
	struct on_call *call = arg;

	call->fn(r, call->arg);
	g_atomic_int_set(&call->done, 1);
}

void rig_on(struct rig *rig, unsigned reactor, void (*fn)(struct reactor *r, void *arg), void *arg)
{
	struct on_call call = { fn, arg, 0 };

	core_call(rig->core->reactors[reactor], on_run, &call);
	rig_wait_flag(rig, &call.done);
}
