/* SPDX-License-Identifier: BSD-3-Clause */
/* What changes the NVMe-oF target: transports, subsystems, listeners, namespaces, hosts. */
#include <errno.h>
#include <string.h>

#include "target/rpc/methods.h"

/* error is looked at when `ok` has been evaluated: pass its address. */
static void end(struct rpc_request *req, bool ok, GError **error)
{
	rpc_done(req, ok ? NULL : *error);
}

/* --- transports ------------------------------------------------------------------------ */

struct create_transport {
	const char *trtype, *tgt_name;
	struct nvmf_transport_options o;
	int32_t acceptor_backlog;
	uint16_t max_qpairs;  /* older: with the admin queue */
	unsigned oncs, fuses; /* by the names below */
};

const char *const rpc_oncs_features[] = { "nvmcmps", "nvmdsmsv", "nvmwzsv",
					  "reservs", "nvmcpys",	 NULL };
const unsigned rpc_oncs_bits[] = { NVMF_ONCS_COMPARE, NVMF_ONCS_DSM, NVMF_ONCS_WRITE_ZEROES,
				   NVMF_ONCS_RESERVATIONS, NVMF_ONCS_COPY };
_Static_assert(G_N_ELEMENTS(rpc_oncs_bits) + 1 == G_N_ELEMENTS(rpc_oncs_features), "ONCS");
const char *const rpc_fuses_features[] = { "fcws", NULL };

#define OPTION(name_, type_, ...)                                                                  \
	{                                                                                          \
		.name = #name_, .type = type_,                                                     \
		.offset = offsetof(struct create_transport, o.name_), ##__VA_ARGS__                \
	}

static const struct rpc_param create_transport_params[] = {
	RPC_PARAM("trtype", RPC_STR, RPC_REQUIRED, struct create_transport, trtype, .max = 32),
	RPC_PARAM("tgt_name", RPC_STR, 0, struct create_transport, tgt_name),
	OPTION(max_queue_depth, RPC_U16),
	OPTION(max_io_qpairs_per_ctrlr, RPC_U16, .min = 1),
	RPC_PARAM("max_qpairs_per_ctrlr", RPC_U16, 0, struct create_transport, max_qpairs,
		  .min = 2),
	OPTION(in_capsule_data_size, RPC_U32),
	OPTION(max_io_size, RPC_U32),
	OPTION(max_aq_depth, RPC_U32),
	OPTION(iobuf_small_cache_size, RPC_U32),
	OPTION(iobuf_large_cache_size, RPC_U32),
	OPTION(zcopy, RPC_BOOL),
	OPTION(c2h_success, RPC_BOOL),
	OPTION(dif_insert_or_strip, RPC_BOOL),
	OPTION(sock_priority, RPC_U32),
	RPC_PARAM("acceptor_backlog", RPC_I32, 0, struct create_transport, acceptor_backlog),
	OPTION(abort_timeout_sec, RPC_U32),
	OPTION(control_msg_num, RPC_U16),
	OPTION(ack_timeout, RPC_U32),
	OPTION(data_wr_pool_size, RPC_U32),
	OPTION(disable_command_passthru, RPC_BOOL),
	OPTION(kas, RPC_U16),
	RPC_PARAM("min_kato", RPC_U32, 0, struct create_transport, o.min_kato_ms),
	RPC_PARAM("masked_oncs", RPC_FLAGS, 0, struct create_transport, oncs,
		  .values = rpc_oncs_features),
	RPC_PARAM("masked_fuses", RPC_FLAGS, 0, struct create_transport, fuses,
		  .values = rpc_fuses_features),
	/* Of no effect on TCP. */
	OPTION(num_cqe, RPC_U32, .min = 1),
	OPTION(max_srq_depth, RPC_U32, .min = 1),
	OPTION(no_srq, RPC_BOOL),
	OPTION(no_wr_batching, RPC_BOOL),
	/* Of other transports or of pollers: of no effect here. */
	RPC_CHECKED("io_unit_size", RPC_U32, RPC_IGNORED),
	RPC_CHECKED("num_shared_buffers", RPC_U32, RPC_IGNORED),
	RPC_CHECKED("buf_cache_size", RPC_U32, RPC_IGNORED),
	RPC_CHECKED("disable_mappable_bar0", RPC_BOOL, RPC_IGNORED),
	RPC_CHECKED("disable_adaptive_irq", RPC_BOOL, RPC_IGNORED),
	RPC_CHECKED("disable_shadow_doorbells", RPC_BOOL, RPC_IGNORED),
	RPC_CHECKED("acceptor_poll_rate", RPC_U32, RPC_IGNORED),
	{ 0 },
};

static void create_transport_defaults(void *params)
{
	struct create_transport *p = params;

	nvmf_transport_options_default(&p->o);
	p->acceptor_backlog = p->o.acceptor_backlog;
	p->o.max_io_qpairs_per_ctrlr = 0; /* not given */
}

/* The older key counts the admin queue too. */
static bool count_qpairs(struct rpc_request *req, struct create_transport *p)
{
	struct nvmf_transport_options defaults;
	uint16_t *io = &p->o.max_io_qpairs_per_ctrlr;

	if (p->max_qpairs > 0 && *io > 0 && *io != p->max_qpairs - 1) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"max_io_qpairs_per_ctrlr\" is %u and \"max_qpairs_per_ctrlr\", its "
			      "older name that counts the admin queue too, is %u; give one of them",
			      *io, p->max_qpairs);
		return false;
	}
	nvmf_transport_options_default(&defaults);
	if (*io == 0)
		*io = p->max_qpairs > 0 ? p->max_qpairs - 1 : defaults.max_io_qpairs_per_ctrlr;
	return true;
}

static void nvmf_create_transport(struct rpc_request *req)
{
	struct create_transport *p = req->params;
	struct nvmf_tgt *tgt = rpc_tgt(req, p->tgt_name);
	g_autoptr(GError) error = NULL;

	if (!tgt)
		return;
	if (p->acceptor_backlog < 1) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"acceptor_backlog\" is %d; it must be at least 1",
			      p->acceptor_backlog);
		return;
	}
	p->o.acceptor_backlog = p->acceptor_backlog;
	if (!count_qpairs(req, p))
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(rpc_oncs_bits); i++)
		p->o.masked_oncs |= p->oncs & 1u << i ? rpc_oncs_bits[i] : 0;
	p->o.masked_fuses = p->fuses ? NVMF_FUSES_COMPARE_AND_WRITE : 0;
	end(req, nvmf_transport_create(tgt, p->trtype, &p->o, &error) != NULL, &error);
}

/* --- subsystems ------------------------------------------------------------------------------ */

struct create_subsystem {
	struct rpc_on_subsystem on;
	struct nvmf_subsystem_options o;
};

static const struct rpc_param create_subsystem_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM_TGT,
	RPC_PARAM("serial_number", RPC_STR, 0, struct create_subsystem, o.serial_number, .max = 20),
	RPC_PARAM("model_number", RPC_STR, 0, struct create_subsystem, o.model_number, .max = 40),
	RPC_PARAM("max_namespaces", RPC_U32, 0, struct create_subsystem, o.max_namespaces,
		  .max = NVMF_MAX_NSID),
	RPC_PARAM("allow_any_host", RPC_BOOL, 0, struct create_subsystem, o.allow_any_host),
	RPC_PARAM("ana_reporting", RPC_BOOL, 0, struct create_subsystem, o.ana_reporting),
	RPC_PARAM("enable_nssr", RPC_BOOL, 0, struct create_subsystem, o.enable_nssr),
	RPC_PARAM("min_cntlid", RPC_U16, 0, struct create_subsystem, o.min_cntlid,
		  .def = NVMF_MIN_CNTLID),
	RPC_PARAM("max_cntlid", RPC_U16, 0, struct create_subsystem, o.max_cntlid,
		  .def = NVMF_MAX_CNTLID),
	RPC_PARAM("admin_label", RPC_STR, 0, struct create_subsystem, o.admin_label, .min = 1,
		  .max = NVMF_ADMIN_LABEL_MAX),
	RPC_PARAM("dmrsl", RPC_U32, 0, struct create_subsystem, o.dmrsl),
	RPC_PARAM("wzsl", RPC_U8, 0, struct create_subsystem, o.wzsl),
	RPC_CHECKED("passthrough", RPC_BOOL, RPC_FIXED),
	{ 0 },
};

static void nvmf_create_subsystem(struct rpc_request *req)
{
	struct create_subsystem *p = req->params;
	struct nvmf_tgt *tgt = rpc_tgt(req, p->on.tgt_name);
	g_autoptr(GError) error = NULL;

	if (!tgt)
		return;
	p->o.nqn = p->on.nqn;
	if (p->o.min_cntlid < NVMF_MIN_CNTLID || p->o.max_cntlid > NVMF_MAX_CNTLID ||
	    p->o.min_cntlid > p->o.max_cntlid) {
		g_autofree char *message = g_strdup_printf("Invalid cntlid range [%u-%u]",
							   p->o.min_cntlid, p->o.max_cntlid);

		rpc_fail_with(req, RPC_INVALID_PARAMS, message,
			      "min_cntlid must not be above max_cntlid, and both from %d to %d",
			      NVMF_MIN_CNTLID, NVMF_MAX_CNTLID);
		return;
	}
	end(req, nvmf_subsystem_create(tgt, &p->o, &error) != NULL, &error);
}

static const struct rpc_param on_subsystem_params[] = { RPC_PARAM_NQN, RPC_PARAM_TGT, { 0 } };

/* req, and its parameters, are there as long as it waits. */
static char *subsystem_waits(void *req)
{
	const struct rpc_on_subsystem *p = ((struct rpc_request *)req)->params;

	return g_strdup_printf("%s serves nobody any more, but still waits for I/O of its hosts",
			       p->nqn);
}

static void nvmf_delete_subsystem(struct rpc_request *req)
{
	struct nvmf_subsystem *s = rpc_subsystem_of(req);

	if (!s)
		return;
	if (s->subtype == NVMF_SUBTYPE_DISCOVERY) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "the discovery subsystem cannot be deleted");
		return;
	}
	nvmf_subsystem_delete(s, rpc_patience_done, rpc_patience_new(req, subsystem_waits, req));
}

/* --- listeners
 * ------------------------------------------------------------------------------------ */

struct on_listener {
	struct rpc_on_subsystem on;
	struct rpc_address address;
	unsigned ana_state;
	bool secure_channel;
	const char *sock_impl;
	int32_t numa_id, portid;
};

#define ADDRESS_PARAM                                                                              \
	RPC_PARAM("listen_address", RPC_OBJECT, RPC_REQUIRED, struct on_listener, address,         \
		  .sub = rpc_address_params)

static const struct rpc_param add_listener_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM_TGT,
	ADDRESS_PARAM,
	RPC_PARAM("secure_channel", RPC_BOOL, 0, struct on_listener, secure_channel),
	RPC_PARAM("ana_state", RPC_ENUM, 0, struct on_listener, ana_state,
		  .values = rpc_ana_states),
	RPC_PARAM("sock_impl", RPC_STR, 0, struct on_listener, sock_impl),
	RPC_PARAM("numa_id", RPC_I32, 0, struct on_listener, numa_id),
	RPC_PARAM("portid", RPC_I32, 0, struct on_listener, portid),
	{ 0 },
};

static const struct rpc_param remove_listener_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM_TGT,
	ADDRESS_PARAM,
	{ 0 },
};

static void add_listener_defaults(void *params)
{
	((struct on_listener *)params)->numa_id = -1;
	((struct on_listener *)params)->portid = NVMF_PORTID_ANY;
}

static bool check_listener(struct rpc_request *req, const struct nvmf_subsystem *s)
{
	static const char *const sock_impls[] = { "posix", "uring", NULL };
	const struct on_listener *p = req->params;
	enum nvme_ana_state state = rpc_ana_state(p->ana_state);

	if (state != NVME_ANA_OPTIMIZED && !s->ana_reporting) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"ana_state\" is \"%s\", and %s reports no ANA; create it with "
			      "ana_reporting",
			      rpc_ana_state_name(state), s->nqn);
		return false;
	}
	if (p->secure_channel || !g_strcmp0(p->sock_impl, "ssl")) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"%s\" asks for TLS, which weft does not have so far; without it, "
			      "hosts would connect in the clear",
			      p->secure_channel ? "secure_channel" : "sock_impl");
		return false;
	}
	if (p->sock_impl && !g_strv_contains(sock_impls, p->sock_impl)) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"sock_impl\" is \"%s\"; it may be posix or uring (weft chooses "
			      "by itself)",
			      p->sock_impl);
		return false;
	}
	return true;
}

static void nvmf_subsystem_add_listener_method(struct rpc_request *req)
{
	const struct on_listener *p = req->params;
	enum nvme_ana_state state = rpc_ana_state(p->ana_state);
	struct nvmf_subsystem *s = rpc_subsystem_of(req);
	g_autoptr(GError) error = NULL;
	struct nvmf_listener *l;
	struct nvmf_trid trid;

	if (!s || !rpc_parse_address(req, &p->address, &trid) || !check_listener(req, s))
		return;
	if (!nvmf_subsystem_add_listener_as(s, &trid, p->portid, &error)) {
		rpc_fail(req, error);
		return;
	}
	l = s->listeners->pdata[s->listeners->len - 1];
	l->sock_impl = g_strdup(p->sock_impl);
	l->numa_id = MAX(p->numa_id, -1);
	/* No host comes in between: Connect is decided on this reactor. */
	if (state == NVME_ANA_OPTIMIZED)
		rpc_reply_true(req);
	else
		nvmf_subsystem_set_ana_state(s, &trid, state, 0, rpc_done, req);
}

static char *listener_waits(void *req)
{
	const struct on_listener *p = ((struct rpc_request *)req)->params;

	return g_strdup_printf(
		"%s does not listen on %s:%s any more, but I/O of the hosts that came "
		"in there still waits",
		p->on.nqn, p->address.traddr, p->address.trsvcid ? p->address.trsvcid : "");
}

static void nvmf_subsystem_remove_listener_method(struct rpc_request *req)
{
	struct nvmf_subsystem *s = rpc_subsystem_of(req);
	const struct on_listener *p = req->params;
	struct nvmf_trid trid;

	if (s && rpc_parse_address(req, &p->address, &trid))
		nvmf_subsystem_remove_listener(s, &trid, rpc_patience_done,
					       rpc_patience_new(req, listener_waits, req));
}

/* --- namespaces
 * ------------------------------------------------------------------------------------- */

struct ns {
	const char *bdev_name, *ptpl_file;
	uint32_t nsid, anagrpid;
	bool no_auto_visible, read_only, write_protected;
	struct rpc_bytes uuid, nguid, eui64;
};

static const struct rpc_param ns_params[] = {
	RPC_PARAM("bdev_name", RPC_STR, RPC_REQUIRED, struct ns, bdev_name, .min = 1),
	RPC_PARAM("ptpl_file", RPC_STR, 0, struct ns, ptpl_file),
	RPC_PARAM("nsid", RPC_U32, 0, struct ns, nsid, .max = NVMF_MAX_NSID),
	RPC_PARAM("nguid", RPC_HEX, 0, struct ns, nguid, .max = 16),
	RPC_PARAM("eui64", RPC_HEX, 0, struct ns, eui64, .max = 8),
	RPC_PARAM("uuid", RPC_UUID, 0, struct ns, uuid),
	RPC_PARAM("anagrpid", RPC_U32, 0, struct ns, anagrpid, .max = NVMF_MAX_NSID),
	RPC_PARAM("no_auto_visible", RPC_BOOL, 0, struct ns, no_auto_visible),
	RPC_PARAM("read_only", RPC_BOOL, 0, struct ns, read_only),
	RPC_PARAM("write_protected", RPC_BOOL, 0, struct ns, write_protected),
	RPC_CHECKED("hide_metadata", RPC_BOOL, RPC_IGNORED),
	{ 0 },
};

struct add_ns {
	struct rpc_on_subsystem on;
	struct ns ns;
	uint32_t nsid; /* result */
};

static const struct rpc_param add_ns_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM_TGT,
	RPC_PARAM("namespace", RPC_OBJECT, RPC_REQUIRED, struct add_ns, ns, .sub = ns_params),
	{ 0 },
};

static void ns_added(void *arg, const GError *error)
{
	struct rpc_request *req = arg;
	const struct add_ns *p = req->params;

	if (error)
		rpc_fail(req, error);
	else
		rpc_reply(req, json_node_init_int(json_node_alloc(), p->nsid));
}

static void nvmf_subsystem_add_ns_method(struct rpc_request *req)
{
	struct nvmf_subsystem *s = rpc_subsystem_of(req);
	struct add_ns *p = req->params;
	struct nvmf_ns_options o = {
		.bdev_name = p->ns.bdev_name,
		.nsid = p->ns.nsid,
		.uuid = p->ns.uuid.given ? p->ns.uuid.v : NULL,
		.nguid = p->ns.nguid.given ? p->ns.nguid.v : NULL,
		.eui64 = p->ns.eui64.given ? p->ns.eui64.v : NULL,
		.anagrpid = p->ns.anagrpid,
		.no_auto_visible = p->ns.no_auto_visible,
		.read_only = p->ns.read_only,
		.write_protected = p->ns.write_protected,
	};

	if (!s)
		return;
	if (p->ns.ptpl_file) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"namespace.ptpl_file\" is given, and weft has no persistent "
			      "reservations so far that a file could keep; leave it out");
		return;
	}
	nvmf_subsystem_add_ns(s, &o, &p->nsid, ns_added, req);
}

struct remove_ns {
	struct rpc_on_subsystem on;
	uint32_t nsid;
};

static const struct rpc_param remove_ns_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM_TGT,
	RPC_PARAM("nsid", RPC_U32, RPC_REQUIRED, struct remove_ns, nsid, .min = 1),
	{ 0 },
};

static char *ns_waits(void *req)
{
	const struct remove_ns *p = ((struct rpc_request *)req)->params;

	return g_strdup_printf("namespace %u of %s serves nobody any more, but still waits for I/O "
			       "of its hosts",
			       p->nsid, p->on.nqn);
}

static void nvmf_subsystem_remove_ns_method(struct rpc_request *req)
{
	const struct remove_ns *p = req->params;
	struct nvmf_subsystem *s = rpc_subsystem_of(req);

	if (s)
		nvmf_subsystem_remove_ns(s, p->nsid, rpc_patience_done,
					 rpc_patience_new(req, ns_waits, req));
}

/* --- hosts
 * --------------------------------------------------------------------------------------------- */

struct on_host {
	struct rpc_on_subsystem on;
	const char *host;
	uint64_t timeout_ms;
	bool allow_any_host;
	const char *keys[3];
};

static const char *const key_names[] = { "psk", "dhchap_key", "dhchap_ctrlr_key" };

#define HOST_PARAM                                                                                 \
	RPC_PARAM("host", RPC_STR, RPC_REQUIRED, struct on_host, host, .min = 1, .max = RPC_NQN_MAX)

static const struct rpc_param add_host_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM_TGT,
	HOST_PARAM,
	RPC_PARAM("psk", RPC_STR, 0, struct on_host, keys[0]),
	RPC_PARAM("dhchap_key", RPC_STR, 0, struct on_host, keys[1]),
	RPC_PARAM("dhchap_ctrlr_key", RPC_STR, 0, struct on_host, keys[2]),
	{ 0 },
};

static const struct rpc_param remove_host_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM_TGT,
	HOST_PARAM,
	RPC_PARAM("timeout_ms", RPC_U64, 0, struct on_host, timeout_ms, .max = 86400000),
	{ 0 },
};

static const struct rpc_param allow_any_host_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM_TGT,
	RPC_PARAM("allow_any_host", RPC_BOOL, RPC_REQUIRED, struct on_host, allow_any_host),
	{ 0 },
};

static void nvmf_subsystem_add_host_method(struct rpc_request *req)
{
	const struct on_host *p = req->params;
	struct nvmf_subsystem *s = rpc_subsystem_of(req);
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; s && i < G_N_ELEMENTS(key_names); i++) {
		if (!p->keys[i])
			continue;
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"%s\" is \"%s\", and weft has no keys so far: %s comes later; a "
			      "host that is added without it is let in by its NQN alone",
			      key_names[i], p->keys[i],
			      i == 0 ? "TLS" : "authentication (DH-HMAC-CHAP)");
		return;
	}
	if (s)
		end(req, nvmf_subsystem_add_host(s, p->host, &error), &error);
}

static void nvmf_subsystem_allow_any_host_method(struct rpc_request *req)
{
	const struct on_host *p = req->params;
	struct nvmf_subsystem *s = rpc_subsystem_of(req);
	g_autoptr(GError) error = NULL;

	if (s)
		end(req, nvmf_subsystem_allow_any_host(s, p->allow_any_host, &error), &error);
}

/*
 * A removal outlives its request when the time is up; the server must not stop
 * before it has called back, so that counts as a call of its own.
 */
struct host_removal {
	struct rpc_server *server;
	struct rpc_request *req; /* NULL: has been answered */
};

static void host_removed(void *arg, const GError *error)
{
	g_autofree struct host_removal *removal = arg;

	if (removal->req) {
		removal->req->scratch = NULL;
		rpc_done(removal->req, error);
	}
	rpc_server_call_ends(removal->server);
}

static void host_removal_timeout(struct timer *timer, struct reactor *r)
{
	struct rpc_request *req =
		(struct rpc_request *)((char *)timer - offsetof(struct rpc_request, timer));
	struct host_removal *removal = req->scratch;

	(void)r;
	removal->req = NULL;
	rpc_fail_with(req, RPC_INTERNAL_ERROR, "Timeout reached during host removal",
		      "the host may not connect any more; its controllers are still ending");
}

static char *host_waits(void *req)
{
	const struct on_host *p = ((struct rpc_request *)req)->params;

	return g_strdup_printf("%s is no host of %s any more, but its controllers still wait for "
			       "I/O",
			       p->host, p->on.nqn);
}

static void nvmf_subsystem_remove_host_method(struct rpc_request *req)
{
	const struct on_host *p = req->params;
	struct nvmf_subsystem *s = rpc_subsystem_of(req);
	struct reactor *r = req->server->reactor;
	struct host_removal *removal;

	if (!s)
		return;
	if (!p->timeout_ms) {
		nvmf_subsystem_remove_host(s, p->host, rpc_patience_done,
					   rpc_patience_new(req, host_waits, req));
		return;
	}
	removal = g_new0(struct host_removal, 1);
	removal->server = req->server;
	removal->req = req;
	req->scratch = removal;
	rpc_server_call_begins(req->server);
	req->timer.fn = host_removal_timeout;
	reactor_timer_set(r, &req->timer, r->now + p->timeout_ms * 1000000);
	nvmf_subsystem_remove_host(s, p->host, host_removed, removal);
}

#define METHOD(name_, call_, table_, type_, ...)                                                   \
	{                                                                                          \
		.name = name_, .call = call_, .params = table_, .params_size = sizeof(type_),      \
		.states = RPC_RUNTIME, .makes = true, ##__VA_ARGS__                                               \
	}

const struct rpc_method rpc_methods_nvmf[] = {
	METHOD("nvmf_create_transport", nvmf_create_transport, create_transport_params,
	       struct create_transport, .defaults = create_transport_defaults, .relaxed = true),
	METHOD("nvmf_create_subsystem", nvmf_create_subsystem, create_subsystem_params,
	       struct create_subsystem),
	METHOD("nvmf_delete_subsystem", nvmf_delete_subsystem, on_subsystem_params,
	       struct rpc_on_subsystem),
	METHOD("nvmf_subsystem_add_listener", nvmf_subsystem_add_listener_method,
	       add_listener_params, struct on_listener, .defaults = add_listener_defaults,
	       .relaxed = true),
	METHOD("nvmf_subsystem_remove_listener", nvmf_subsystem_remove_listener_method,
	       remove_listener_params, struct on_listener),
	METHOD("nvmf_subsystem_add_ns", nvmf_subsystem_add_ns_method, add_ns_params, struct add_ns,
	       .relaxed = true),
	METHOD("nvmf_subsystem_remove_ns", nvmf_subsystem_remove_ns_method, remove_ns_params,
	       struct remove_ns),
	METHOD("nvmf_subsystem_add_host", nvmf_subsystem_add_host_method, add_host_params,
	       struct on_host, .relaxed = true),
	METHOD("nvmf_subsystem_remove_host", nvmf_subsystem_remove_host_method, remove_host_params,
	       struct on_host),
	METHOD("nvmf_subsystem_allow_any_host", nvmf_subsystem_allow_any_host_method,
	       allow_any_host_params, struct on_host),
	{ 0 },
};
