/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What shows the NVMe-oF target: nvmf_get_*, nvmf_subsystem_get_*, and its saved
 * configuration. Keys and their order are those that users' scripts know.
 */
#include <errno.h>
#include <string.h>

#include "target/core/buf.h"
#include "target/rpc/methods.h"
#include "target/rpc/walk.h"

static void set_u(JsonObject *o, const char *key, uint64_t value)
{
	json_object_set_int_member(o, key, (gint64)value);
}

/* --- shapes -------------------------------------------------------------------------- */

static void add_masks(const struct nvmf_transport_options *opts, JsonObject *o)
{
	JsonArray *array;

	if (opts->masked_oncs) {
		array = json_array_new();
		for (unsigned i = 0; rpc_oncs_features[i]; i++)
			if (opts->masked_oncs & rpc_oncs_bits[i])
				json_array_add_string_element(array, rpc_oncs_features[i]);
		json_object_set_array_member(o, "masked_oncs", array);
	}
	if (opts->masked_fuses) {
		array = json_array_new();
		json_array_add_string_element(array, rpc_fuses_features[0]);
		json_object_set_array_member(o, "masked_fuses", array);
	}
}

/* What only transports of one kind show. */
static void add_of_kind(const struct nvmf_transport_options *opts, bool rdma, JsonObject *o)
{
	if (!rdma) {
		json_object_set_boolean_member(o, "c2h_success", opts->c2h_success);
		set_u(o, "sock_priority", opts->sock_priority);
		return;
	}
	set_u(o, "num_cqe", opts->num_cqe);
	set_u(o, "max_srq_depth", opts->max_srq_depth);
	json_object_set_boolean_member(o, "no_srq", opts->no_srq);
	set_u(o, "acceptor_backlog", (uint64_t)opts->acceptor_backlog);
	json_object_set_boolean_member(o, "no_wr_batching", opts->no_wr_batching);
}

static JsonObject *transport_json(const struct nvmf_transport *t)
{
	const struct nvmf_transport_options *opts = nvmf_transport_get_options(t);
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "trtype", nvmf_transport_name(t));
	set_u(o, "max_queue_depth", opts->max_queue_depth);
	set_u(o, "max_io_qpairs_per_ctrlr", opts->max_io_qpairs_per_ctrlr);
	set_u(o, "in_capsule_data_size", opts->in_capsule_data_size);
	set_u(o, "max_io_size", opts->max_io_size);
	set_u(o, "max_aq_depth", opts->max_aq_depth);
	set_u(o, "iobuf_small_cache_size", opts->iobuf_small_cache_size);
	set_u(o, "iobuf_large_cache_size", opts->iobuf_large_cache_size);
	json_object_set_boolean_member(o, "dif_insert_or_strip", opts->dif_insert_or_strip);
	json_object_set_boolean_member(o, "zcopy", opts->zcopy);
	add_of_kind(opts, g_str_equal(nvmf_transport_name(t), "RDMA"), o);
	set_u(o, "abort_timeout_sec", opts->abort_timeout_sec);
	set_u(o, "ack_timeout", opts->ack_timeout);
	set_u(o, "data_wr_pool_size", opts->data_wr_pool_size);
	json_object_set_boolean_member(o, "disable_command_passthru",
				       opts->disable_command_passthru);
	set_u(o, "kas", opts->kas);
	set_u(o, "min_kato", opts->min_kato_ms);
	add_masks(opts, o);
	return o;
}

/* What releases up to 21.10 showed as well; sizes and numbers of the pools there are. */
static void add_old_transport(const struct rpc_server *server, const struct nvmf_transport *t,
			      JsonObject *o)
{
	const struct nvmf_transport_options *opts = nvmf_transport_get_options(t);
	uint64_t each = buf_pool_stats(server->reactor->bufs)->limit / opts->max_io_size;

	set_u(o, "max_qpairs_per_ctrlr", opts->max_io_qpairs_per_ctrlr + 1u);
	set_u(o, "io_unit_size", opts->max_io_size);
	set_u(o, "num_shared_buffers", each * server->core->nreactors);
	set_u(o, "buf_cache_size", each);
}

/* The identities of a namespace, as both the listing and the saved form have them. */
static void add_ns_ids(JsonObject *o, const struct nvmf_ns *ns)
{
	g_autofree char *nguid = rpc_hex(ns->nguid, sizeof(ns->nguid));
	g_autofree char *eui64 = rpc_hex(ns->eui64, sizeof(ns->eui64));
	char uuid[37];

	if (!rpc_is_zero(ns->nguid, sizeof(ns->nguid)))
		json_object_set_string_member(o, "nguid", nguid);
	if (!rpc_is_zero(ns->eui64, sizeof(ns->eui64)))
		json_object_set_string_member(o, "eui64", eui64);
	if (!rpc_is_zero(ns->uuid, sizeof(ns->uuid))) {
		bdev_uuid_format(ns->uuid, uuid);
		json_object_set_string_member(o, "uuid", uuid);
	}
}

/* Only where it is not as usual: others' scripts do not expect these keys. */
static void add_ns_access(JsonObject *o, const struct nvmf_ns *ns)
{
	if (ns->no_auto_visible)
		json_object_set_boolean_member(o, "no_auto_visible", TRUE);
	if (ns->read_only)
		json_object_set_boolean_member(o, "read_only", TRUE);
	if (nvmf_ns_write_protected(ns))
		json_object_set_boolean_member(o, "write_protected", TRUE);
}

static JsonObject *ns_json(const struct nvmf_ns *ns)
{
	JsonObject *o = json_object_new();
	const char *name = bdev_desc_bdev(ns->desc)->name;

	set_u(o, "nsid", ns->nsid);
	json_object_set_string_member(o, "bdev_name", name);
	json_object_set_string_member(o, "name", name);
	add_ns_ids(o, ns);
	if (ns->subsystem->ana_reporting)
		set_u(o, "anagrpid", ns->anagrpid);
	add_ns_access(o, ns);
	if (ns->no_auto_visible) {
		JsonArray *hosts = json_array_new();

		for (guint i = 0; i < ns->hosts->len; i++)
			json_array_add_string_element(hosts, ns->hosts->pdata[i]);
		json_object_set_array_member(o, "hosts", hosts);
	}
	return o;
}

/* The first namespace of s from that index on, which is set to its place. NULL: none. */
static const struct nvmf_ns *next_ns(const struct nvmf_subsystem *s, unsigned *i)
{
	for (; *i < s->max_namespaces; ++*i)
		if (s->nss[*i] && !s->nss[*i]->removing)
			return s->nss[*i];
	return NULL;
}

static JsonObject *listen_json(const struct nvmf_listener *l, bool old)
{
	JsonObject *o = rpc_trid_json(&l->trid);

	if (old)
		json_object_set_string_member(o, "transport", l->trid.trtype);
	return o;
}

/* Without its namespaces, which come last. */
static JsonObject *subsystem_json(const struct nvmf_subsystem *s, bool old)
{
	JsonObject *o = json_object_new();
	JsonArray *listeners = json_array_new(), *hosts = json_array_new();
	bool nvme = s->subtype == NVMF_SUBTYPE_NVM;

	json_object_set_string_member(o, "nqn", s->nqn);
	json_object_set_string_member(o, "subtype", nvme ? "NVMe" : "Discovery");
	for (guint i = 0; i < s->listeners->len; i++)
		json_array_add_object_element(listeners, listen_json(s->listeners->pdata[i], old));
	json_object_set_array_member(o, "listen_addresses", listeners);
	json_object_set_boolean_member(o, "allow_any_host", s->allow_any_host);
	for (guint i = 0; i < s->hosts->len; i++) {
		JsonObject *host = json_object_new();

		json_object_set_string_member(host, "nqn", s->hosts->pdata[i]);
		json_array_add_object_element(hosts, host);
	}
	json_object_set_array_member(o, "hosts", hosts);
	if (!nvme)
		return o;
	json_object_set_string_member(o, "serial_number", s->serial);
	json_object_set_string_member(o, "model_number", s->model);
	if (s->admin_label)
		json_object_set_string_member(o, "admin_label", s->admin_label);
	set_u(o, "max_namespaces", s->max_namespaces);
	json_object_set_boolean_member(o, "passthrough", FALSE);
	set_u(o, "min_cntlid", s->min_cntlid);
	set_u(o, "max_cntlid", s->max_cntlid);
	set_u(o, "dmrsl", s->dmrsl);
	set_u(o, "wzsl", s->wzsl);
	return o;
}

/* --- nvmf_get_transports, nvmf_get_subsystems ------------------------------------------------- */

struct on_target {
	const char *tgt_name, *nqn, *trtype;
};

#define TGT_PARAM RPC_PARAM("tgt_name", RPC_STR, 0, struct on_target, tgt_name)

static const struct rpc_param get_transports_params[] = {
	TGT_PARAM,
	RPC_PARAM("trtype", RPC_STR, 0, struct on_target, trtype, .max = 32),
	{ 0 },
};

static void nvmf_get_transports(struct rpc_request *req)
{
	const struct on_target *p = req->params;
	struct nvmf_tgt *tgt = rpc_tgt(req, p->tgt_name);
	struct nvmf_transport *one = NULL;
	JsonArray *array;
	GPtrArray *all;

	if (!tgt)
		return;
	all = nvmf_transports(tgt);
	if (p->trtype && !(one = nvmf_transport_find(tgt, p->trtype))) {
		rpc_fail_with(req, -ENODEV, NULL,
			      "transport %s has not been created; nvmf_create_transport does it",
			      p->trtype);
		return;
	}
	array = json_array_new();
	for (guint i = 0; i < all->len; i++) {
		JsonObject *o;

		if (one && one != all->pdata[i])
			continue;
		o = transport_json(all->pdata[i]);
		if (rpc_old_shape(req))
			add_old_transport(req->server, all->pdata[i], o);
		json_array_add_object_element(array, o);
	}
	rpc_reply_array(req, array);
}

static const struct rpc_param get_subsystems_params[] = {
	RPC_PARAM("nqn", RPC_STR, 0, struct on_target, nqn, .max = RPC_NQN_MAX),
	TGT_PARAM,
	{ 0 },
};

struct subsystems {
	struct rpc_pieces pieces;
	struct rpc_walk walk;
	const char *tgt; /* its name; it may go */
	bool old, comma;
};

static struct nvmf_subsystem *subsystem_at(struct rpc_walk *walk, struct nvmf_tgt *tgt)
{
	const char *nqn = rpc_walk_name(walk);

	return tgt && nqn ? nvmf_subsystem_find(tgt, nqn) : NULL;
}

/* Its namespaces follow, one after the other, unless it has none by its kind. */
static void append_head(struct subsystems *all, const struct nvmf_subsystem *s, GString *out)
{
	rpc_append_object(out, subsystem_json(s, all->old), all->comma);
	all->comma = true;
	if (s->subtype != NVMF_SUBTYPE_NVM) {
		all->walk.at++;
		return;
	}
	g_string_truncate(out, out->len - 1);
	g_string_append(out, ",\"namespaces\":[");
	all->walk.inside = 1;
	all->comma = false;
}

static void append_ns(struct subsystems *all, const struct nvmf_subsystem *s, GString *out)
{
	unsigned i = all->walk.inside - 1;
	const struct nvmf_ns *ns = s ? next_ns(s, &i) : NULL;

	if (ns) {
		rpc_append_object(out, ns_json(ns), all->comma);
		all->walk.inside = i + 2;
	} else {
		g_string_append(out, "]}");
		all->walk.inside = 0;
		all->walk.at++;
	}
	all->comma = true;
}

static bool more_subsystems(struct rpc_pieces *pieces, GString *out)
{
	struct subsystems *all = (struct subsystems *)pieces;
	struct rpc_walk *walk = &all->walk;
	struct nvmf_tgt *tgt = rpc_tgt_find(walk->server, all->tgt);
	const struct nvmf_subsystem *s = subsystem_at(walk, tgt);

	if (walk->at == 0 && walk->inside == 0)
		g_string_append_c(out, '[');
	if (walk->inside > 0) {
		append_ns(all, s, out);
	} else if (s) {
		append_head(all, s, out);
	} else if (rpc_walk_name(walk)) {
		walk->at++;
	} else {
		g_string_append_c(out, ']');
		return false;
	}
	return true;
}

static void free_subsystems(struct rpc_pieces *pieces)
{
	rpc_walk_clear(&((struct subsystems *)pieces)->walk);
	g_free(pieces);
}

static void walk_subsystems(struct rpc_walk *walk, struct nvmf_tgt *tgt)
{
	g_autoptr(GPtrArray) list = nvmf_subsystems(tgt);

	rpc_walk_begin(walk);
	for (guint i = 0; i < list->len; i++)
		rpc_walk_add(walk, ((const struct nvmf_subsystem *)list->pdata[i])->nqn);
}

static void nvmf_get_subsystems(struct rpc_request *req)
{
	const struct on_target *p = req->params;
	const struct nvmf_subsystem *one = NULL;
	struct subsystems *all;
	struct nvmf_tgt *tgt;

	if (p->nqn && !(one = rpc_subsystem(req, p->tgt_name, p->nqn)))
		return;
	tgt = rpc_tgt(req, p->tgt_name);
	if (!tgt)
		return;
	all = g_new0(struct subsystems, 1);
	all->pieces = (struct rpc_pieces){ more_subsystems, free_subsystems };
	all->walk.server = req->server;
	all->tgt = p->tgt_name ? p->tgt_name : nvmf_tgt_name(tgt);
	all->old = rpc_old_shape(req);
	rpc_walk_begin(&all->walk);
	if (one)
		rpc_walk_add(&all->walk, one->nqn);
	else
		walk_subsystems(&all->walk, tgt);
	rpc_reply_pieces(req, &all->pieces);
}

static const struct rpc_param on_target_params[] = { TGT_PARAM, { 0 } };

/* --- nvmf_subsystem_get_*
 * ------------------------------------------------------------------------- */

static const struct rpc_param on_subsystem_params[] = {
	RPC_PARAM("nqn", RPC_STR, RPC_REQUIRED, struct on_target, nqn, .min = 1,
		  .max = RPC_NQN_MAX),
	TGT_PARAM,
	{ 0 },
};

static struct nvmf_subsystem *subsystem_of(struct rpc_request *req)
{
	const struct on_target *p = req->params;

	return rpc_subsystem(req, p->tgt_name, p->nqn);
}

static JsonArray *ana_states_json(const struct nvmf_listener *l)
{
	JsonArray *array = json_array_new();

	for (uint32_t group = 1; group <= l->subsystem->max_namespaces; group++) {
		JsonObject *o = json_object_new();

		set_u(o, "ana_group", group);
		json_object_set_string_member(
			o, "ana_state", rpc_ana_state_name(nvmf_listener_ana_state(l, group)));
		json_array_add_object_element(array, o);
	}
	return array;
}

static void nvmf_subsystem_get_listeners(struct rpc_request *req)
{
	struct nvmf_subsystem *s = subsystem_of(req);
	JsonArray *array;

	if (!s)
		return;
	array = json_array_new();
	for (guint i = 0; i < s->listeners->len; i++) {
		const struct nvmf_listener *l = s->listeners->pdata[i];
		JsonObject *o = json_object_new();

		json_object_set_object_member(o, "address", rpc_trid_json(&l->trid));
		if (s->ana_reporting)
			json_object_set_array_member(o, "ana_states", ana_states_json(l));
		json_array_add_object_element(array, o);
	}
	rpc_reply_array(req, array);
}

static void reply_controllers(void *arg, const struct nvmf_ctrlr_info *ctrlrs, unsigned nctrlrs,
			      const struct nvmf_qpair_info *qpairs, unsigned nqpairs)
{
	JsonArray *array = json_array_new();

	(void)qpairs;
	(void)nqpairs;
	for (unsigned i = 0; i < nctrlrs; i++) {
		const struct nvmf_ctrlr_info *c = &ctrlrs[i];
		JsonObject *o = json_object_new();
		char hostid[37];

		bdev_uuid_format(c->hostid, hostid);
		set_u(o, "cntlid", c->cntlid);
		json_object_set_string_member(o, "cntrltype", c->discovery ? "discovery" : "io");
		json_object_set_string_member(o, "hostnqn", c->hostnqn);
		json_object_set_string_member(o, "hostid", hostid);
		set_u(o, "num_io_qpairs", c->num_io_qpairs);
		json_array_add_object_element(array, o);
	}
	rpc_reply_array(arg, array);
}

static void nvmf_subsystem_get_controllers(struct rpc_request *req)
{
	struct nvmf_subsystem *s = subsystem_of(req);

	if (s)
		nvmf_subsystem_get_connected(s, reply_controllers, req);
}

static JsonObject *peer_json(const struct nvmf_trid *listen, const struct net_addr *peer)
{
	JsonObject *o = json_object_new();
	char host[NET_ADDR_STRLEN], port[8];

	g_snprintf(port, sizeof(port), "%u", peer->port);
	json_object_set_string_member(o, "trtype", listen->trtype);
	json_object_set_string_member(o, "adrfam", peer->family == NET_INET6 ? "IPv6" : "IPv4");
	json_object_set_string_member(o, "traddr", net_addr_host(peer, host));
	json_object_set_string_member(o, "trsvcid", port);
	return o;
}

static void reply_qpairs(void *arg, const struct nvmf_ctrlr_info *ctrlrs, unsigned nctrlrs,
			 const struct nvmf_qpair_info *qpairs, unsigned nqpairs)
{
	JsonArray *array = json_array_new();

	(void)ctrlrs;
	(void)nctrlrs;
	for (unsigned i = 0; i < nqpairs; i++) {
		const struct nvmf_qpair_info *q = &qpairs[i];
		g_autofree char *thread = g_strdup_printf(RPC_THREAD_NAME, q->reactor);
		JsonObject *o = json_object_new();

		set_u(o, "cntlid", q->cntlid);
		set_u(o, "qid", q->qid);
		json_object_set_string_member(o, "state", q->state);
		json_object_set_string_member(o, "thread", thread);
		json_object_set_string_member(o, "hostnqn", q->hostnqn);
		json_object_set_object_member(o, "listen_address", rpc_trid_json(&q->listen));
		json_object_set_object_member(o, "peer_address", peer_json(&q->listen, &q->peer));
		json_array_add_object_element(array, o);
	}
	rpc_reply_array(arg, array);
}

static void nvmf_subsystem_get_qpairs(struct rpc_request *req)
{
	struct nvmf_subsystem *s = subsystem_of(req);

	if (s)
		nvmf_subsystem_get_connected(s, reply_qpairs, req);
}

/* --- nvmf_get_stats
 * ------------------------------------------------------------------------------- */

static JsonObject *device_json(const struct nvmf_device_stats *d)
{
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "name", d->name);
	set_u(o, "polls", d->polls);
	set_u(o, "idle_polls", d->idle_polls);
	set_u(o, "completions", d->completions);
	set_u(o, "requests", d->requests);
	set_u(o, "request_latency", d->request_latency);
	set_u(o, "pending_free_request", d->pending_free_request);
	set_u(o, "pending_rdma_read", d->pending_rdma_read);
	set_u(o, "pending_rdma_write", d->pending_rdma_write);
	set_u(o, "pending_rdma_send", d->pending_rdma_send);
	set_u(o, "total_send_wrs", d->total_send_wrs);
	set_u(o, "send_doorbell_updates", d->send_doorbell_updates);
	set_u(o, "total_recv_wrs", d->total_recv_wrs);
	set_u(o, "recv_doorbell_updates", d->recv_doorbell_updates);
	return o;
}

static void add_devices(JsonObject *transport, const struct nvmf_group_stats *st)
{
	JsonArray *devices = json_array_new();

	for (unsigned i = 0; i < st->ndevices; i++)
		json_array_add_object_element(devices, device_json(&st->devices[i]));
	set_u(transport, "pending_data_buffer", st->pending_bdev_io);
	json_object_set_array_member(transport, "devices", devices);
}

static JsonObject *group_json(struct nvmf_tgt *tgt, unsigned i, const struct nvmf_group_stats *st)
{
	g_autofree char *name = g_strdup_printf(RPC_THREAD_NAME, i);
	JsonObject *o = json_object_new();
	JsonArray *array = json_array_new();
	GPtrArray *transports = nvmf_transports(tgt);

	json_object_set_string_member(o, "name", name);
	set_u(o, "admin_qpairs", st->admin_qpairs);
	set_u(o, "io_qpairs", st->io_qpairs);
	set_u(o, "current_admin_qpairs", st->current_admin_qpairs);
	set_u(o, "current_io_qpairs", st->current_io_qpairs);
	set_u(o, "current_unassociated_qpairs", st->current_unassociated_qpairs);
	set_u(o, "pending_bdev_io", st->pending_bdev_io);
	set_u(o, "completed_nvme_io", st->completed_nvme_io);
	for (guint t = 0; t < transports->len; t++) {
		JsonObject *transport = json_object_new();

		json_object_set_string_member(transport, "trtype",
					      nvmf_transport_name(transports->pdata[t]));
		if (g_str_equal(nvmf_transport_name(transports->pdata[t]), "RDMA"))
			add_devices(transport, st);
		json_array_add_object_element(array, transport);
	}
	json_object_set_array_member(o, "transports", array);
	return o;
}

/* Where it is, and the reactors that are there; nothing where that is not known. */
static void add_place(JsonObject *o, const struct nvmf_rnic_stats *rnic)
{
	JsonArray *near;

	if (rnic->numa_node < 0)
		return;
	near = json_array_new();
	for (unsigned i = 0; i < rnic->nnear; i++) {
		g_autofree char *name = g_strdup_printf(RPC_THREAD_NAME, (unsigned)rnic->near[i]);

		json_array_add_string_element(near, name);
	}
	json_object_set_int_member(o, "numa_id", rnic->numa_node);
	json_object_set_array_member(o, "near", near);
}

static JsonArray *rnics_json(const struct nvmf_group_stats *first)
{
	JsonArray *array = json_array_new();

	for (unsigned i = 0; i < first->nrnics; i++) {
		const struct nvmf_rnic_stats *rnic = &first->rnics[i];
		JsonObject *o = json_object_new(), *counters = json_object_new();

		json_object_set_string_member(o, "name", rnic->name);
		add_place(o, rnic);
		for (unsigned c = 0; c < rnic->ncounters; c++)
			set_u(counters, rnic->counters[c].name, rnic->counters[c].value);
		set_u(o, "memory_regions", rnic->memory_regions);
		set_u(o, "registered_bytes", rnic->registered_bytes);
		json_object_set_object_member(o, "counters", counters);
		json_array_add_object_element(array, o);
	}
	return array;
}

static void reply_stats(void *arg, const struct nvmf_group_stats *stats, unsigned n)
{
	struct rpc_request *req = arg;
	JsonObject *o = json_object_new();
	JsonArray *groups = json_array_new();

	set_u(o, "tick_rate", RPC_TICK_RATE);
	for (unsigned i = 0; i < n; i++)
		json_array_add_object_element(groups, group_json(req->scratch, i, &stats[i]));
	json_object_set_array_member(o, "poll_groups", groups);
	if (stats[0].nrnics > 0)
		json_object_set_array_member(o, "rdma_devices", rnics_json(&stats[0]));
	rpc_reply_object(req, o);
}

static void nvmf_get_stats_method(struct rpc_request *req)
{
	const struct on_target *p = req->params;
	struct nvmf_tgt *tgt = rpc_tgt(req, p->tgt_name);

	if (!tgt)
		return;
	req->scratch = tgt;
	nvmf_get_stats(tgt, reply_stats, req);
}

/* --- saved configuration
 * ------------------------------------------------------------------------------ */

static JsonObject *nqn_params(const struct nvmf_subsystem *s)
{
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "nqn", s->nqn);
	rpc_config_add_tgt(o, s->tgt);
	return o;
}

static void config_ns(JsonArray *config, const struct nvmf_ns *ns)
{
	JsonObject *params = nqn_params(ns->subsystem), *o = json_object_new();

	set_u(o, "nsid", ns->nsid);
	json_object_set_string_member(o, "bdev_name", bdev_desc_bdev(ns->desc)->name);
	add_ns_ids(o, ns);
	if (ns->subsystem->ana_reporting)
		set_u(o, "anagrpid", ns->anagrpid);
	add_ns_access(o, ns);
	json_object_set_object_member(params, "namespace", o);
	rpc_config_add(config, "nvmf_subsystem_add_ns", params);
	for (guint i = 0; i < ns->hosts->len; i++) {
		params = nqn_params(ns->subsystem);
		set_u(params, "nsid", ns->nsid);
		json_object_set_string_member(params, "host", ns->hosts->pdata[i]);
		rpc_config_add(config, "nvmf_ns_add_host", params);
	}
}

/* The state that most groups have is given with the listener, then those that differ. */
static void config_listener(JsonArray *config, const struct nvmf_listener *l)
{
	const struct nvmf_subsystem *s = l->subsystem;
	enum nvme_ana_state usual = rpc_ana_usual(l);
	JsonObject *params = nqn_params(s);

	json_object_set_object_member(params, "listen_address", rpc_trid_json(&l->trid));
	if (usual != NVME_ANA_OPTIMIZED)
		json_object_set_string_member(params, "ana_state", rpc_ana_state_name(usual));
	if (l->sock_impl)
		json_object_set_string_member(params, "sock_impl", l->sock_impl);
	if (l->numa_id >= 0)
		json_object_set_int_member(params, "numa_id", l->numa_id);
	/* Hosts know a path by it: it must not be another one after a restart. */
	set_u(params, "portid", l->portid);
	rpc_config_add(config, "nvmf_subsystem_add_listener", params);
	for (uint32_t group = 1; group <= s->max_namespaces; group++) {
		enum nvme_ana_state state = nvmf_listener_ana_state(l, group);

		if (state == usual)
			continue;
		params = nqn_params(s);
		json_object_set_object_member(params, "listen_address", rpc_trid_json(&l->trid));
		json_object_set_string_member(params, "ana_state", rpc_ana_state_name(state));
		set_u(params, "anagrpid", group);
		rpc_config_add(config, "nvmf_subsystem_listener_set_ana_state", params);
	}
}

static void config_parts(JsonArray *config, const struct nvmf_subsystem *s)
{
	for (guint i = 0; i < s->listeners->len; i++)
		config_listener(config, s->listeners->pdata[i]);
	for (guint i = 0; i < s->hosts->len; i++) {
		JsonObject *params = nqn_params(s);

		json_object_set_string_member(params, "host", s->hosts->pdata[i]);
		rpc_config_add(config, "nvmf_subsystem_add_host", params);
	}
}

static void config_subsystem(JsonArray *config, const struct nvmf_subsystem *s)
{
	JsonObject *params = nqn_params(s);

	json_object_set_boolean_member(params, "allow_any_host", s->allow_any_host);
	json_object_set_string_member(params, "serial_number", s->serial);
	json_object_set_string_member(params, "model_number", s->model);
	if (s->admin_label)
		json_object_set_string_member(params, "admin_label", s->admin_label);
	set_u(params, "max_namespaces", s->max_namespaces);
	set_u(params, "min_cntlid", s->min_cntlid);
	set_u(params, "max_cntlid", s->max_cntlid);
	set_u(params, "dmrsl", s->dmrsl);
	set_u(params, "wzsl", s->wzsl);
	json_object_set_boolean_member(params, "ana_reporting", s->ana_reporting);
	if (s->enable_nssr)
		json_object_set_boolean_member(params, "enable_nssr", true);
	rpc_config_add(config, "nvmf_create_subsystem", params);
}

/* With what the listing does not show. */
static void config_transport(JsonArray *config, struct nvmf_tgt *tgt,
			     const struct nvmf_transport *t)
{
	const struct nvmf_transport_options *opts = nvmf_transport_get_options(t);
	JsonObject *params = transport_json(t);

	json_object_set_int_member(params, "acceptor_backlog", opts->acceptor_backlog);
	set_u(params, "control_msg_num", opts->control_msg_num);
	rpc_config_add_tgt(params, tgt);
	rpc_config_add(config, "nvmf_create_transport", params);
}

static void config_tgt(const struct rpc_server *server, struct nvmf_tgt *tgt, JsonArray *config)
{
	GPtrArray *transports = nvmf_transports(tgt);

	rpc_config_tgt(server, tgt, config);
	for (guint i = 0; i < transports->len; i++)
		config_transport(config, tgt, transports->pdata[i]);
	rpc_config_referrals(tgt, config);
}

/* A subsystem without its namespaces, or one of these. */
static void config_step(struct rpc_walk *walk, const struct nvmf_subsystem *s, JsonArray *config)
{
	unsigned i = walk->inside > 0 ? walk->inside - 1 : 0;
	const struct nvmf_ns *ns = NULL;

	if (walk->inside == 0) {
		if (s->subtype == NVMF_SUBTYPE_NVM)
			config_subsystem(config, s);
		config_parts(config, s);
	} else {
		ns = next_ns(s, &i);
		if (ns)
			config_ns(config, ns);
		i++;
	}
	if (s->subtype == NVMF_SUBTYPE_NVM && (walk->inside == 0 || ns)) {
		walk->inside = i + 1;
	} else {
		walk->inside = 0;
		walk->at++;
	}
}

bool rpc_walk_config_nvmf(struct rpc_walk *walk, JsonArray *config)
{
	struct nvmf_tgt *tgt = nvmf_tgt_nth(walk->server->nvmf, walk->tgt);
	const struct nvmf_subsystem *s;

	if (!tgt)
		return false;
	if (!walk->names) {
		config_tgt(walk->server, tgt, config);
		walk_subsystems(walk, tgt);
	}
	s = subsystem_at(walk, tgt);
	if (s && !s->deleting) {
		config_step(walk, s, config);
	} else if (rpc_walk_name(walk)) {
		walk->inside = 0;
		walk->at++;
	} else {
		walk->tgt++;
		rpc_walk_clear(walk);
	}
	return true;
}

#define METHOD(name_, call_, table_)                                                               \
	{                                                                                          \
		.name = name_, .call = call_, .params = table_,                                    \
		.params_size = sizeof(struct on_target), .states = RPC_RUNTIME                     \
	}

const struct rpc_method rpc_methods_nvmf_show[] = {
	METHOD("nvmf_get_transports", nvmf_get_transports, get_transports_params),
	METHOD("nvmf_get_subsystems", nvmf_get_subsystems, get_subsystems_params),
	METHOD("nvmf_get_stats", nvmf_get_stats_method, on_target_params),
	METHOD("nvmf_subsystem_get_listeners", nvmf_subsystem_get_listeners, on_subsystem_params),
	METHOD("nvmf_subsystem_get_controllers", nvmf_subsystem_get_controllers,
	       on_subsystem_params),
	METHOD("nvmf_subsystem_get_qpairs", nvmf_subsystem_get_qpairs, on_subsystem_params),
	{ 0 },
};
