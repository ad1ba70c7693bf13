/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metrics_get, metrics_start, metrics_stop: what has been counted as JSON, and the
 * endpoint for Prometheus. The shapes are in docs/metrics.md.
 */
#include "target/rpc/methods.h"

#include <errno.h>
#include <string.h>

#include "target/metrics/http.h"
#include "target/rpc/server.h"

/* --- pieces -------------------------------------------------------------------------------- */

static void set_u(JsonObject *o, const char *key, uint64_t value)
{
	json_object_set_int_member(o, key, (gint64)value);
}

/* NQNs of hosts are bytes. */
static void set_text(JsonObject *o, const char *key, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	json_object_set_string_member(o, key, valid);
}

static JsonArray *pair(bool bounded, uint64_t bound, uint64_t count)
{
	JsonArray *a = json_array_new();

	if (bounded)
		json_array_add_int_element(a, (gint64)bound);
	else
		json_array_add_null_element(a);
	json_array_add_int_element(a, (gint64)count);
	return a;
}

static JsonObject *latency_json(const struct latency *l)
{
	JsonObject *o = json_object_new();
	JsonArray *buckets = json_array_new();

	set_u(o, "sum_ns", l->sum);
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		if (l->n[i])
			json_array_add_array_element(
				buckets, pair(i < LATENCY_BUCKETS - 1, latency_bound(i), l->n[i]));
	json_object_set_array_member(o, "buckets", buckets);
	return o;
}

static JsonObject *hist_json(const struct hist *h)
{
	struct latency *l = g_new0(struct latency, 1);
	JsonObject *o;
	unsigned b = 0;

	l->sum = h->sum;
	for (unsigned i = 0; i < LATENCY_BUCKETS - 1; i++)
		while (b < hist_bucket(latency_bound(i)))
			l->n[i] += h->buckets[b++];
	while (b < HIST_BUCKETS)
		l->n[LATENCY_BUCKETS - 1] += h->buckets[b++];
	o = latency_json(l);
	g_free(l);
	return o;
}

static void add_counts(JsonObject *o, const struct nvmf_counts *c, bool histograms)
{
	static const char *const kinds[NVMF_KINDS] = { "read", "write", "other" };
	static const char *const classes[NVMF_ERROR_CLASSES] = { "generic", "command", "media",
								 "path", "other" };
	static const struct nvmf_counts none;
	JsonObject *errors = json_object_new();

	if (!c)
		c = &none;
	for (unsigned i = 0; i < NVMF_KINDS; i++) {
		JsonObject *kind = json_object_new();

		set_u(kind, "ops", c->ops[i]);
		if (i < G_N_ELEMENTS(c->bytes))
			set_u(kind, "bytes", c->bytes[i]);
		if (histograms)
			json_object_set_object_member(kind, "latency",
						      latency_json(&c->latency[i]));
		json_object_set_object_member(o, kinds[i], kind);
	}
	for (unsigned i = 0; i < NVMF_ERROR_CLASSES; i++)
		set_u(errors, classes[i], c->errors[i]);
	json_object_set_object_member(o, "errors", errors);
}

static void set_address(JsonObject *o, const char *key, const struct metrics_address *a)
{
	JsonObject *address = json_object_new();

	json_object_set_string_member(address, "trtype", a->trtype);
	json_object_set_string_member(address, "adrfam", a->adrfam);
	json_object_set_string_member(address, "traddr", a->traddr);
	json_object_set_string_member(address, "trsvcid", a->trsvcid);
	json_object_set_object_member(o, key, address);
}

/* --- sections ------------------------------------------------------------------------------ */

struct get {
	struct rpc_pieces pieces;
	struct rpc_request *req;
	struct metrics_waiter waiter;
	struct metrics *metrics;
	const char *nqn;
	bool histograms;
	unsigned section, item;
	bool begun;
	bool inside, comma; /* the array of the section */
};

static JsonObject *pool_json(const struct buf_pool_stats *p)
{
	JsonObject *o = json_object_new();
	JsonArray *in_use = json_array_new();

	set_u(o, "limit", p->limit);
	set_u(o, "allocated", p->allocated);
	set_u(o, "gets", p->gets);
	set_u(o, "misses", p->misses);
	set_u(o, "waits", p->waits);
	for (unsigned i = 0; i < BUF_CLASSES; i++) {
		JsonObject *class = json_object_new();

		set_u(class, "size", buf_class_sizes[i]);
		set_u(class, "buffers", p->in_use[i]);
		json_array_add_object_element(in_use, class);
	}
	json_object_set_array_member(o, "in_use", in_use);
	return o;
}

static JsonObject *reactor_json(const struct get *g, unsigned i)
{
	const struct metrics_reactor *r = &g->metrics->reactors[i];
	JsonObject *o = json_object_new();

	set_u(o, "reactor", i);
	set_u(o, "passes", r->stats.passes);
	set_u(o, "busy_passes", r->stats.busy_passes);
	set_u(o, "busy_ns", r->stats.busy_ns);
	set_u(o, "idle_ns", r->stats.idle_ns);
	set_u(o, "messages", r->stats.messages);
	set_u(o, "timers", r->stats.timers);
	set_u(o, "commands", r->commands);
	set_u(o, "commands_waiting", r->waiting);
	set_u(o, "admin_queues", r->current_admin_queues);
	set_u(o, "io_queues", r->current_io_queues);
	set_u(o, "unassociated_queues", r->unassociated_queues);
	set_u(o, "admin_queues_ever", r->admin_queues);
	set_u(o, "io_queues_ever", r->io_queues);
	json_object_set_object_member(o, "pool", pool_json(&r->pool));
	return o;
}

/* An object of that subsystem, or NULL: it is not asked for. */
static JsonObject *of_subsystem(const struct get *g, uint32_t subsystem)
{
	const char *nqn = g->metrics->subsystems[subsystem].nqn;
	JsonObject *o;

	if (g->nqn && strcmp(g->nqn, nqn) != 0)
		return NULL;
	o = json_object_new();
	set_text(o, "nqn", nqn);
	return o;
}

static JsonObject *subsystem_json(const struct get *g, unsigned i)
{
	const struct metrics_subsystem *s = &g->metrics->subsystems[i];
	JsonObject *o = of_subsystem(g, i);

	if (!o)
		return NULL;
	json_object_set_string_member(o, "subtype", s->discovery ? "Discovery" : "NVMe");
	set_u(o, "namespaces", s->namespaces);
	set_u(o, "hosts", s->hosts);
	set_u(o, "listeners", s->listeners);
	set_u(o, "controllers", s->controllers);
	set_u(o, "commands", s->commands);
	set_u(o, "errors", s->errors);
	return o;
}

static JsonObject *ns_json(const struct get *g, unsigned i)
{
	const struct metrics_ns *ns = &g->metrics->namespaces[i];
	JsonObject *o = of_subsystem(g, ns->subsystem);

	if (!o)
		return NULL;
	set_u(o, "nsid", ns->nsid);
	json_object_set_string_member(o, "bdev", ns->bdev);
	json_object_set_string_member(o, "uuid", ns->uuid);
	set_u(o, "anagrpid", ns->anagrpid);
	set_u(o, "block_size", ns->block_size);
	set_u(o, "blocks", ns->blocks);
	set_u(o, "outstanding", ns->inflight);
	add_counts(o, ns->counts, g->histograms);
	return o;
}

static JsonObject *listener_json(const struct get *g, unsigned i)
{
	const struct metrics_listener *l = &g->metrics->listeners[i];
	JsonObject *o = of_subsystem(g, l->subsystem), *states;

	if (!o)
		return NULL;
	set_address(o, "address", &l->address);
	set_u(o, "portid", l->portid);
	json_object_set_string_member(o, "ana_state", l->ana_state);
	states = json_object_new();
	for (unsigned k = 0; k < METRICS_ANA_STATES; k++)
		set_u(states, metrics_ana_names[k], l->ana[k]);
	json_object_set_object_member(o, "namespaces", states);
	return o;
}

static JsonObject *ctrlr_json(const struct get *g, unsigned i)
{
	const struct metrics_ctrlr *c = &g->metrics->ctrlrs[i];
	JsonObject *o = of_subsystem(g, c->subsystem);

	if (!o)
		return NULL;
	set_u(o, "cntlid", c->cntlid);
	json_object_set_string_member(o, "type", c->discovery ? "discovery" : "io");
	set_text(o, "hostnqn", c->hostnqn);
	json_object_set_string_member(o, "hostid", c->hostid);
	set_address(o, "listen_address", &c->listen);
	json_object_set_string_member(o, "peer", c->peer);
	set_u(o, "reactor", c->reactor);
	set_u(o, "io_queues", c->io_queues);
	set_u(o, "outstanding", c->outstanding);
	set_u(o, "admin_commands", c->admin_commands);
	set_u(o, "keep_alive_ms", c->keep_alive_ms);
	set_u(o, "keep_alive_age_ns", c->keep_alive_age_ns);
	add_counts(o, c->counts, g->histograms);
	return o;
}

static JsonObject *path_json(const struct get *g, unsigned i)
{
	const struct metrics_path *p = &g->metrics->paths[i];
	JsonObject *o = of_subsystem(g, p->subsystem);

	if (!o)
		return NULL;
	set_text(o, "hostnqn", p->hostnqn);
	set_address(o, "listen_address", &p->listen);
	json_object_set_string_member(o, "ana_state", p->ana_state);
	set_u(o, "controllers", p->controllers);
	set_u(o, "io_queues", p->io_queues);
	set_u(o, "outstanding", p->outstanding);
	add_counts(o, p->counts, g->histograms);
	return o;
}

static void add_bdev_counts(JsonObject *o, const struct bdev_stats *s)
{
	static const char *const ops[BDEV_OP_COUNT] = { "read",	 "write",
							"flush", "write_zeroes",
							"unmap", "write_uncorrectable" };
	static const char *const kinds[BDEV_E_COUNT] = { "failed", "aborted", "miscompare",
							 "nvme_error" };
	JsonObject *errors = json_object_new();

	for (unsigned i = 0; i < BDEV_OP_COUNT; i++) {
		JsonObject *op = json_object_new();

		set_u(op, "ops", s->op[i].ops);
		set_u(op, "bytes", s->op[i].bytes);
		set_u(op, "ns", s->op[i].ticks);
		set_u(op, "min_ns", s->op[i].min == UINT64_MAX ? 0 : s->op[i].min);
		set_u(op, "max_ns", s->op[i].max);
		json_object_set_object_member(o, ops[i], op);
	}
	for (unsigned i = 0; i < BDEV_E_COUNT; i++)
		set_u(errors, kinds[i], s->errors[i]);
	json_object_set_object_member(o, "errors", errors);
}

static JsonObject *bdev_json(const struct get *g, unsigned i)
{
	static const char *const limits[BDEV_LIMIT_COUNT] = { "rw_ios_per_sec", "rw_mbytes_per_sec",
							      "r_mbytes_per_sec",
							      "w_mbytes_per_sec" };
	const struct metrics_bdev *b = &g->metrics->bdevs[i];
	JsonObject *o = json_object_new(), *limit = json_object_new();

	json_object_set_string_member(o, "name", b->name);
	json_object_set_string_member(o, "product_name", b->product);
	json_object_set_string_member(o, "uuid", b->uuid);
	set_u(o, "block_size", b->block_size);
	set_u(o, "blocks", b->blocks);
	json_object_set_boolean_member(o, "claimed", b->claimed);
	set_u(o, "queue_depth", b->inflight);
	add_bdev_counts(o, &b->stats);
	for (unsigned k = 0; k < BDEV_LIMIT_COUNT; k++)
		set_u(limit, limits[k], b->limits[k]);
	json_object_set_object_member(o, "limits", limit);
	set_u(o, "throttled", b->throttled);
	if (b->hist && g->histograms)
		json_object_set_object_member(o, "latency", hist_json(b->hist));
	else if (g->histograms)
		json_object_set_null_member(o, "latency");
	return o;
}

static JsonObject *rnic_json(const struct get *g, unsigned i)
{
	const struct metrics_rnic *r = &g->metrics->rnics[i];
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "device", r->device);
	set_u(o, "memory_regions", r->regions);
	set_u(o, "registered_bytes", r->registered);
	return o;
}

static const struct section {
	const char *name;
	size_t count; /* where struct metrics has it */
	JsonObject *(*make)(const struct get *g, unsigned i);
} sections[] = {
	{ "reactors", offsetof(struct metrics, nreactors), reactor_json },
	{ "subsystems", offsetof(struct metrics, nsubsystems), subsystem_json },
	{ "namespaces", offsetof(struct metrics, nnamespaces), ns_json },
	{ "listeners", offsetof(struct metrics, nlisteners), listener_json },
	{ "controllers", offsetof(struct metrics, nctrlrs), ctrlr_json },
	{ "paths", offsetof(struct metrics, npaths), path_json },
	{ "bdevs", offsetof(struct metrics, nbdevs), bdev_json },
	{ "rnics", offsetof(struct metrics, nrnics), rnic_json },
};

/* --- metrics_get ----------------------------------------------------------------------------- */

#define MAX_SECTIONS 32

struct get_params {
	const char *nqn;
	const struct jv *sections;
	bool histograms;
};

static void get_defaults(void *params)
{
	((struct get_params *)params)->histograms = true;
}

static const struct rpc_param get_params[] = {
	RPC_PARAM("nqn", RPC_STR, 0, struct get_params, nqn, .min = 1, .max = RPC_NQN_MAX),
	RPC_PARAM("sections", RPC_STRS, 0, struct get_params, sections, .max = MAX_SECTIONS),
	RPC_PARAM("histograms", RPC_BOOL, 0, struct get_params, histograms),
	{ 0 },
};

static bool wanted(const struct jv *list, const char *name)
{
	if (!list)
		return true;
	for (const struct jv *v = list->first; v; v = v->next)
		if (strcmp(v->str, name) == 0)
			return true;
	return false;
}

static bool check_sections(struct rpc_request *req, const struct jv *list)
{
	g_autoptr(GString) known = g_string_new("discovery, rpc");

	for (unsigned i = 0; i < G_N_ELEMENTS(sections); i++)
		g_string_append_printf(known, ", %s", sections[i].name);
	for (const struct jv *v = list ? list->first : NULL; v; v = v->next) {
		bool found = strcmp(v->str, "discovery") == 0 || strcmp(v->str, "rpc") == 0;

		for (unsigned i = 0; i < G_N_ELEMENTS(sections); i++)
			found |= strcmp(v->str, sections[i].name) == 0;
		if (found)
			continue;
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"sections\" has \"%s\"; there are %s", v->str, known->str);
		return false;
	}
	return true;
}

static void add_rest(const struct get *g, JsonObject *out)
{
	const struct get_params *p = g->req->params;
	const struct metrics *m = g->metrics;
	JsonObject *discovery, *rpc;

	if (wanted(p->sections, "discovery")) {
		discovery = json_object_new();
		set_u(discovery, "generation", m->discovery_generation);
		set_u(discovery, "referrals", m->referrals);
		json_object_set_object_member(out, "discovery", discovery);
	}
	if (wanted(p->sections, "rpc")) {
		rpc = json_object_new();
		set_u(rpc, "clients", m->rpc.clients);
		set_u(rpc, "calls", m->rpc.calls);
		set_u(rpc, "calls_started", m->rpc.calls_started);
		set_u(rpc, "notifications", m->rpc.notifications);
		json_object_set_object_member(out, "rpc", rpc);
	}
}

static void get_begins(const struct get *g, GString *out)
{
	JsonObject *o = json_object_new();

	set_u(o, "time_ns", g->metrics->time);
	set_u(o, "took_ns", g->metrics->took_ns);
	set_u(o, "uptime_ns", g->metrics->uptime_ns);
	rpc_append_object(out, o, false);
	g_string_truncate(out, out->len - 1); /* its end comes at the end */
}

static void get_ends(const struct get *g, GString *out)
{
	JsonObject *rest = json_object_new();
	gsize at = out->len;
	bool empty;

	add_rest(g, rest);
	empty = json_object_get_size(rest) == 0;
	rpc_append_object(out, rest, false);
	if (empty)
		g_string_erase(out, (gssize)at, 1);
	else
		out->str[at] = ','; /* in the place of its bracket */
}

/* An object of the section, or its end. */
static void get_item(struct get *g, const struct section *s, GString *out)
{
	JsonObject *o;

	if (!g->inside) {
		g_string_append_printf(out, ",\"%s\":[", s->name);
		g->inside = true;
		g->comma = false;
	}
	if (g->item < *(const unsigned *)((const char *)g->metrics + s->count)) {
		o = s->make(g, g->item++);
		if (!o)
			return;
		rpc_append_object(out, o, g->comma);
		g->comma = true;
		return;
	}
	g_string_append_c(out, ']');
	g->inside = false;
	g->section++;
	g->item = 0;
}

static bool get_more(struct rpc_pieces *pieces, GString *out)
{
	struct get *g = (struct get *)pieces;
	const struct get_params *p = g->req->params;

	if (!g->begun)
		get_begins(g, out);
	g->begun = true;
	if (g->section == G_N_ELEMENTS(sections)) {
		get_ends(g, out);
		return false;
	}
	if (wanted(p->sections, sections[g->section].name))
		get_item(g, &sections[g->section], out);
	else
		g->section++;
	return true;
}

static void get_free(struct rpc_pieces *pieces)
{
	struct get *g = (struct get *)pieces;

	metrics_unref(g->metrics);
	g_free(g);
}

static void got(struct metrics_waiter *w, struct metrics *metrics)
{
	struct get *g = (struct get *)((char *)w - offsetof(struct get, waiter));
	struct rpc_request *req = g->req;

	if (!metrics) {
		g_free(g);
		rpc_fail_with(req, -ESHUTDOWN, NULL, "weftd is shutting down");
		return;
	}
	g->metrics = metrics;
	g->pieces = (struct rpc_pieces){ get_more, get_free };
	rpc_reply_pieces(req, &g->pieces);
}

static void metrics_get(struct rpc_request *req)
{
	const struct get_params *p = req->params;
	struct get *g;

	if (!check_sections(req, p->sections) || (p->nqn && !rpc_subsystem(req, NULL, p->nqn)))
		return;
	g = g_new0(struct get, 1);
	g->req = req;
	g->nqn = p->nqn;
	g->histograms = p->histograms;
	g->waiter.done = got;
	metrics_collect(req->server->metrics, &g->waiter);
}

/* --- metrics_start, metrics_stop ------------------------------------------------------------- */

struct start_params {
	const char *traddr, *trsvcid;
};

static void start_defaults(void *params)
{
	struct start_params *p = params;

	p->traddr = METRICS_ADDRESS;
	p->trsvcid = METRICS_PORT;
}

static const struct rpc_param start_params[] = {
	RPC_PARAM("traddr", RPC_STR, 0, struct start_params, traddr, .min = 1),
	RPC_PARAM("trsvcid", RPC_STR, 0, struct start_params, trsvcid, .min = 1),
	{ 0 },
};

static JsonObject *address_json(const struct net_addr *addr)
{
	JsonObject *o = json_object_new();
	char host[NET_ADDR_STRLEN], port[8];

	g_snprintf(port, sizeof(port), "%u", addr->port);
	json_object_set_string_member(o, "traddr", net_addr_host(addr, host));
	json_object_set_string_member(o, "trsvcid", port);
	return o;
}

static void metrics_start(struct rpc_request *req)
{
	const struct start_params *p = req->params;
	struct metrics_http *http = req->server->metrics_http;
	g_autoptr(GError) error = NULL;
	struct net_addr addr;

	if (!net_addr_parse(&addr, p->traddr, p->trsvcid, &error)) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL, "%s", weft_error_detail(error));
		return;
	}
	if (!metrics_http_listen(http, &addr, true, &error))
		rpc_fail(req, error);
	else
		rpc_reply_object(req, address_json(metrics_http_local(http)));
}

static void metrics_stop(struct rpc_request *req)
{
	struct metrics_http *http = req->server->metrics_http;

	if (!metrics_http_local(http)) {
		rpc_fail_with(req, -ENOENT, NULL,
			      "metrics are not served; metrics_start begins that");
		return;
	}
	metrics_http_close(http);
	rpc_reply_true(req);
}

JsonArray *rpc_config_metrics(struct rpc_server *server)
{
	const struct net_addr *addr =
		server->metrics_http ? metrics_http_asked(server->metrics_http) : NULL;
	JsonArray *config = json_array_new();

	if (addr)
		rpc_config_add(config, "metrics_start", address_json(addr));
	return config;
}

const struct rpc_method rpc_methods_metrics[] = {
	{ .name = "metrics_get",
	  .call = metrics_get,
	  .params = get_params,
	  .params_size = sizeof(struct get_params),
	  .defaults = get_defaults,
	  .states = RPC_RUNTIME },
	{ .name = "metrics_start",
	  .call = metrics_start,
	  .params = start_params,
	  .params_size = sizeof(struct start_params),
	  .defaults = start_defaults,
	  .states = RPC_RUNTIME,
	  .makes = true },
	{ .name = "metrics_stop", .call = metrics_stop, .states = RPC_RUNTIME, .makes = true },
	{ 0 },
};
