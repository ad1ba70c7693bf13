/* SPDX-License-Identifier: BSD-3-Clause */
/* Oracles N and A of paths. See paths.h. */
#include "sim/oracle/paths.h"

#include <glib.h>
#include <inttypes.h>

#define STATE(path) ((path)&0xffu)
#define MS UINT64_C(1000000)
/* A namespace that came or went is known everywhere after this. */
#define SETTLED (200 * MS)
/* An I/O that was under way when its path went is over by then. */
#define LATE (1000 * MS)

#define SC_INVALID_NS 0x00b
#define SC_PATH_LOST 0x301
#define SC_PATH_INACCESSIBLE 0x302
#define SC_PATH_TRANSITION 0x303

struct path {
	uint32_t is, known;
	uint64_t changed;
};

struct host {
	unsigned number;
	bool hears;
	uint64_t since;
	GHashTable *paths; /* nsid -> struct path; looked up, and listed by nsids only */
	GArray *nsids;	   /* uint32_t, as they were first seen */
};

struct oracle_paths {
	uint64_t bound;
	GPtrArray *hosts;
};

static void host_free(void *arg)
{
	struct host *h = arg;

	g_hash_table_destroy(h->paths);
	g_array_free(h->nsids, TRUE);
	g_free(h);
}

static struct host *host_get(struct oracle_paths *p, unsigned number)
{
	struct host *h;

	for (unsigned i = 0; i < p->hosts->len; i++) {
		h = g_ptr_array_index(p->hosts, i);
		if (h->number == number)
			return h;
	}
	h = g_new0(struct host, 1);
	h->number = number;
	h->paths = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	h->nsids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	g_ptr_array_add(p->hosts, h);
	return h;
}

static struct path *path_get(struct host *h, uint32_t nsid)
{
	struct path *path = g_hash_table_lookup(h->paths, GUINT_TO_POINTER(nsid));

	if (path == NULL) {
		path = g_new0(struct path, 1);
		g_hash_table_insert(h->paths, GUINT_TO_POINTER(nsid), path);
		g_array_append_val(h->nsids, nsid);
	}
	return path;
}

void oracle_paths_is(struct oracle_paths *p, unsigned host, uint32_t nsid, uint32_t value,
		     uint64_t now)
{
	struct path *path = path_get(host_get(p, host), nsid);

	if (path->is == value)
		return;
	path->is = value;
	path->changed = now;
}

void oracle_paths_knows(struct oracle_paths *p, unsigned host, uint32_t nsid, uint32_t value)
{
	path_get(host_get(p, host), nsid)->known = value;
}

void oracle_paths_hears(struct oracle_paths *p, unsigned host, bool hears, uint64_t now)
{
	struct host *h = host_get(p, host);

	if (hears && !h->hears)
		h->since = now;
	h->hears = hears;
}

static char *check_host(const struct oracle_paths *p, const struct host *h, uint64_t now)
{
	for (unsigned i = 0; h->hears && i < h->nsids->len; i++) {
		uint32_t nsid = g_array_index(h->nsids, uint32_t, i);
		const struct path *path = g_hash_table_lookup(h->paths, GUINT_TO_POINTER(nsid));

		if (path->is == path->known || now - MAX(path->changed, h->since) <= p->bound)
			continue;
		return g_strdup_printf(
			"N.path: host %u knows namespace %u in ANA group %u, state %xh; it is in "
			"%u, %xh since %" PRIu64 " ns, now it is %" PRIu64 " ns (0: not there)",
			h->number, nsid, path->known >> 8, STATE(path->known), path->is >> 8,
			STATE(path->is), path->changed, now);
	}
	return NULL;
}

char *oracle_paths_check(const struct oracle_paths *p, uint64_t now)
{
	for (unsigned i = 0; i < p->hosts->len; i++) {
		char *text = check_host(p, g_ptr_array_index(p->hosts, i), now);

		if (text != NULL)
			return text;
	}
	return NULL;
}

/* What an I/O gets on it; 0: it is done, or fails for reasons of its own. */
static uint16_t due(uint32_t path)
{
	switch (STATE(path)) {
	case 0:
		return SC_INVALID_NS;
	case ORACLE_PATH_INACCESSIBLE:
		return SC_PATH_INACCESSIBLE;
	case ORACLE_PATH_LOST:
		return SC_PATH_LOST;
	case ORACLE_PATH_CHANGE:
		return SC_PATH_TRANSITION;
	default:
		return 0;
	}
}

/* The answer says what the path is, or that there is one. */
static bool tells(uint16_t status)
{
	return status == 0 || status == SC_INVALID_NS ||
	       (status >= SC_PATH_LOST && status <= SC_PATH_TRANSITION);
}

char *oracle_paths_io(const struct oracle_paths *p, const struct oracle_path_io *io, uint64_t now)
{
	const struct path *path = NULL;
	uint16_t want;
	bool settled;

	for (unsigned i = 0; i < p->hosts->len && path == NULL; i++) {
		const struct host *h = g_ptr_array_index(p->hosts, i);

		if (h->number == io->host)
			path = g_hash_table_lookup(h->paths, GUINT_TO_POINTER(io->nsid));
	}
	if (path == NULL || !tells(io->status))
		return NULL;
	want = due(path->is);
	settled = path->changed + SETTLED < io->begun;
	if (want == SC_INVALID_NS || io->status == SC_INVALID_NS)
		settled = settled && io->exact;
	else
		settled = io->exact && path->changed < io->begun;
	if (settled && io->status != want)
		return g_strdup_printf(
			"A.path: host %u: I/O on namespace %u ended with status %03xh; it is in "
			"ANA group %u, state %xh since %" PRIu64 " ns (0: not there, or hidden)",
			io->host, io->nsid, io->status, path->is >> 8, STATE(path->is),
			path->changed);
	if (io->calm_since < now && want != 0 && io->status == 0 &&
	    MAX(path->changed, io->calm_since) + LATE < now)
		return g_strdup_printf("A.path: host %u: I/O on namespace %u was done %" PRIu64
				       " ms after its path had gone (ANA group %u, state %xh)",
				       io->host, io->nsid, (now - path->changed) / MS,
				       path->is >> 8, STATE(path->is));
	return NULL;
}

struct oracle_paths *oracle_paths_new(uint64_t bound_ns)
{
	struct oracle_paths *p = g_new(struct oracle_paths, 1);

	p->bound = bound_ns;
	p->hosts = g_ptr_array_new_with_free_func(host_free);
	return p;
}

void oracle_paths_free(struct oracle_paths *p)
{
	if (p == NULL)
		return;
	g_ptr_array_free(p->hosts, TRUE);
	g_free(p);
}
