/* SPDX-License-Identifier: BSD-3-Clause */
/* Oracle N. See view.h. */
#include "sim/oracle/view.h"

#include <glib.h>
#include <inttypes.h>

struct ns {
	uint32_t nsid;
	uint64_t blocks, changed;
	GArray *sizes; /* all it ever had, each once: uint64_t */
};

struct host {
	unsigned number;
	bool hears;
	uint64_t since;
	GHashTable *blocks; /* nsid -> uint64_t, none: 0 */
	GHashTable *hidden; /* nsid -> struct hidden, where that ever changed */
};

struct hidden {
	bool now;
	uint64_t changed;
};

struct oracle_view {
	uint64_t bound;
	GPtrArray *nss, *hosts;
};

static void ns_free(void *p)
{
	g_array_free(((struct ns *)p)->sizes, TRUE);
	g_free(p);
}

static void host_free(void *p)
{
	g_hash_table_destroy(((struct host *)p)->blocks);
	g_hash_table_destroy(((struct host *)p)->hidden);
	g_free(p);
}

static struct ns *ns_get(struct oracle_view *v, uint32_t nsid)
{
	struct ns *ns;

	for (unsigned i = 0; i < v->nss->len; i++) {
		ns = g_ptr_array_index(v->nss, i);
		if (ns->nsid == nsid)
			return ns;
	}
	ns = g_new0(struct ns, 1);
	ns->nsid = nsid;
	ns->sizes = g_array_new(FALSE, TRUE, sizeof(uint64_t));
	g_array_set_size(ns->sizes, 1); /* it was not there */
	g_ptr_array_add(v->nss, ns);
	return ns;
}

static struct host *host_get(struct oracle_view *v, unsigned number)
{
	struct host *h;

	for (unsigned i = 0; i < v->hosts->len; i++) {
		h = g_ptr_array_index(v->hosts, i);
		if (h->number == number)
			return h;
	}
	h = g_new0(struct host, 1);
	h->number = number;
	h->blocks = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	h->hidden = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
	g_ptr_array_add(v->hosts, h);
	return h;
}

static bool had_size(const struct ns *ns, uint64_t blocks)
{
	for (unsigned i = 0; i < ns->sizes->len; i++) {
		if (g_array_index(ns->sizes, uint64_t, i) == blocks)
			return true;
	}
	return false;
}

void oracle_view_target(struct oracle_view *v, uint32_t nsid, uint64_t blocks, uint64_t now)
{
	struct ns *ns = ns_get(v, nsid);

	if (ns->blocks == blocks)
		return;
	ns->blocks = blocks;
	ns->changed = now;
	if (!had_size(ns, blocks))
		g_array_append_val(ns->sizes, blocks);
}

void oracle_view_touched(struct oracle_view *v, uint32_t nsid, uint64_t now)
{
	ns_get(v, nsid)->changed = now;
}

char *oracle_view_host(struct oracle_view *v, unsigned host, uint32_t nsid, uint64_t blocks,
		       uint64_t now)
{
	struct host *h = host_get(v, host);
	struct ns *ns = ns_get(v, nsid);
	uint64_t *value = g_hash_table_lookup(h->blocks, GUINT_TO_POINTER(nsid));

	if (value == NULL && blocks == 0)
		return NULL;
	if (value == NULL) {
		value = g_new(uint64_t, 1);
		g_hash_table_insert(h->blocks, GUINT_TO_POINTER(nsid), value);
	}
	*value = blocks;
	if (had_size(ns, blocks))
		return NULL;
	return g_strdup_printf("N.size: host %u, namespace %u, time %" PRIu64 " ns: %" PRIu64
			       " blocks, which it never had",
			       host, nsid, now, blocks);
}

void oracle_view_allows(struct oracle_view *v, unsigned host, uint32_t nsid, bool allowed,
			uint64_t now)
{
	struct host *h = host_get(v, host);
	struct hidden *hidden = g_hash_table_lookup(h->hidden, GUINT_TO_POINTER(nsid));

	if (hidden == NULL) {
		if (allowed)
			return;
		hidden = g_new0(struct hidden, 1);
		g_hash_table_insert(h->hidden, GUINT_TO_POINTER(nsid), hidden);
	}
	if (hidden->now == !allowed)
		return;
	hidden->now = !allowed;
	hidden->changed = now;
}

void oracle_view_hears(struct oracle_view *v, unsigned host, bool hears, uint64_t now)
{
	struct host *h = host_get(v, host);

	if (hears && !h->hears)
		h->since = now;
	h->hears = hears;
}

static char *check_host(const struct oracle_view *v, const struct host *h, uint64_t now)
{
	for (unsigned i = 0; h->hears && i < v->nss->len; i++) {
		const struct ns *ns = g_ptr_array_index(v->nss, i);
		const uint64_t *known = g_hash_table_lookup(h->blocks, GUINT_TO_POINTER(ns->nsid));
		const struct hidden *hidden =
			g_hash_table_lookup(h->hidden, GUINT_TO_POINTER(ns->nsid));
		uint64_t blocks = known != NULL ? *known : 0;
		uint64_t due = hidden != NULL && hidden->now ? 0 : ns->blocks;
		uint64_t changed = MAX(ns->changed, hidden != NULL ? hidden->changed : 0);

		if (blocks == due || now - MAX(changed, h->since) <= v->bound)
			continue;
		return g_strdup_printf("N.late: host %u knows namespace %u with %" PRIu64
				       " blocks (0: none); it has %" PRIu64 " since %" PRIu64
				       " ns, now it is %" PRIu64 " ns",
				       h->number, ns->nsid, blocks, due, changed, now);
	}
	return NULL;
}

char *oracle_view_check(const struct oracle_view *v, uint64_t now)
{
	for (unsigned i = 0; i < v->hosts->len; i++) {
		char *text = check_host(v, g_ptr_array_index(v->hosts, i), now);

		if (text != NULL)
			return text;
	}
	return NULL;
}

struct oracle_view *oracle_view_new(uint64_t bound_ns)
{
	struct oracle_view *v = g_new(struct oracle_view, 1);

	v->bound = bound_ns;
	v->nss = g_ptr_array_new_with_free_func(ns_free);
	v->hosts = g_ptr_array_new_with_free_func(host_free);
	return v;
}

void oracle_view_free(struct oracle_view *v)
{
	if (v == NULL)
		return;
	g_ptr_array_free(v->nss, TRUE);
	g_ptr_array_free(v->hosts, TRUE);
	g_free(v);
}
