/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who reaches a namespace, and how well: ANA states of listeners, ANA groups of
 * namespaces, the hosts that see one. And addresses, which other methods take
 * too.
 */
#include <string.h>

#include "target/rpc/methods.h"

/* --- addresses ---------------------------------------------------------------------------- */

const struct rpc_param rpc_address_params[] = {
	RPC_PARAM("trtype", RPC_STR, RPC_REQUIRED, struct rpc_address, trtype, .max = 32,
		  .old = "transport"),
	RPC_PARAM("adrfam", RPC_STR, 0, struct rpc_address, adrfam, .max = 32),
	RPC_PARAM("traddr", RPC_STR, RPC_REQUIRED, struct rpc_address, traddr, .max = 255),
	RPC_PARAM("trsvcid", RPC_STR, 0, struct rpc_address, trsvcid, .max = 31),
	{ 0 },
};

bool rpc_parse_address(struct rpc_request *req, const struct rpc_address *a, struct nvmf_trid *trid)
{
	g_autoptr(GError) error = NULL;

	if (nvmf_trid_parse(trid, a->trtype, a->adrfam, a->traddr, a->trsvcid, &error))
		return true;
	rpc_fail(req, error);
	return false;
}

JsonObject *rpc_trid_json(const struct nvmf_trid *trid)
{
	JsonObject *o = json_object_new();

	json_object_set_string_member(o, "trtype", trid->trtype);
	json_object_set_string_member(o, "adrfam", trid->adrfam);
	json_object_set_string_member(o, "traddr", trid->traddr);
	json_object_set_string_member(o, "trsvcid", trid->trsvcid);
	return o;
}

/* --- ANA ---------------------------------------------------------------------------------- */

const char *const rpc_ana_states[] = {
	"optimized", "non_optimized", "inaccessible", "persistent_loss", "change", NULL,
};

static const enum nvme_ana_state states[] = {
	NVME_ANA_OPTIMIZED,	  NVME_ANA_NON_OPTIMIZED, NVME_ANA_INACCESSIBLE,
	NVME_ANA_PERSISTENT_LOSS, NVME_ANA_CHANGE,
};
_Static_assert(G_N_ELEMENTS(states) + 1 == G_N_ELEMENTS(rpc_ana_states), "ANA states");

enum nvme_ana_state rpc_ana_state(unsigned number)
{
	return states[number];
}

const char *rpc_ana_state_name(enum nvme_ana_state state)
{
	unsigned i = 0;

	while (i + 1 < G_N_ELEMENTS(states) && states[i] != state)
		i++;
	return rpc_ana_states[i];
}

enum nvme_ana_state rpc_ana_usual(const struct nvmf_listener *l)
{
	uint32_t count[G_N_ELEMENTS(states)] = { 0 };
	unsigned most = 0;

	for (uint32_t group = 1; group <= l->subsystem->max_namespaces; group++) {
		enum nvme_ana_state state = nvmf_listener_ana_state(l, group);

		for (unsigned i = 0; i < G_N_ELEMENTS(states); i++)
			count[i] += states[i] == state;
	}
	for (unsigned i = 1; i < G_N_ELEMENTS(states); i++)
		if (count[i] > count[most])
			most = i;
	return states[most];
}

struct set_state {
	struct rpc_on_subsystem on;
	struct rpc_address address;
	unsigned ana_state;
	uint32_t anagrpid;
};

static const struct rpc_param set_state_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM_TGT,
	RPC_PARAM("listen_address", RPC_OBJECT, RPC_REQUIRED, struct set_state, address,
		  .sub = rpc_address_params),
	RPC_PARAM("ana_state", RPC_ENUM, RPC_REQUIRED, struct set_state, ana_state,
		  .values = rpc_ana_states),
	RPC_PARAM("anagrpid", RPC_U32, 0, struct set_state, anagrpid),
	{ 0 },
};

static char *state_waits(void *req)
{
	const struct set_state *p = ((struct rpc_request *)req)->params;

	return g_strdup_printf("%s is \"%s\" on %s:%s, but I/O that came before still waits",
			       p->on.nqn, rpc_ana_states[p->ana_state], p->address.traddr,
			       p->address.trsvcid ? p->address.trsvcid : "");
}

static void set_ana_state(struct rpc_request *req)
{
	const struct set_state *p = req->params;
	struct nvmf_subsystem *s = rpc_subsystem_of(req);
	struct nvmf_trid trid;

	if (s && rpc_parse_address(req, &p->address, &trid))
		nvmf_subsystem_set_ana_state(s, &trid, rpc_ana_state(p->ana_state), p->anagrpid,
					     rpc_patience_done,
					     rpc_patience_new(req, state_waits, req));
}

struct set_group {
	struct rpc_on_subsystem on;
	uint32_t nsid, anagrpid;
};

static const struct rpc_param set_group_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM("nsid", RPC_U32, RPC_REQUIRED, struct set_group, nsid, .min = 1),
	RPC_PARAM("anagrpid", RPC_U32, RPC_REQUIRED, struct set_group, anagrpid, .min = 1),
	RPC_PARAM_TGT,
	{ 0 },
};

static char *group_waits(void *req)
{
	const struct set_group *p = ((struct rpc_request *)req)->params;

	return g_strdup_printf("namespace %u of %s is in group %u, but I/O that came before over "
			       "paths that do not reach it any more still waits",
			       p->nsid, p->on.nqn, p->anagrpid);
}

static void set_ns_ana_group(struct rpc_request *req)
{
	const struct set_group *p = req->params;
	struct nvmf_subsystem *s = rpc_subsystem_of(req);

	if (s)
		nvmf_subsystem_set_ns_ana_group(s, p->nsid, p->anagrpid, rpc_patience_done,
						rpc_patience_new(req, group_waits, req));
}

/* --- hosts of a namespace ------------------------------------------------------------------ */

struct ns_host {
	struct rpc_on_subsystem on;
	uint32_t nsid;
	const char *host;
};

static const struct rpc_param ns_host_params[] = {
	RPC_PARAM_NQN,
	RPC_PARAM("nsid", RPC_U32, RPC_REQUIRED, struct ns_host, nsid, .min = 1),
	RPC_PARAM("host", RPC_STR, RPC_REQUIRED, struct ns_host, host, .min = 1,
		  .max = RPC_NQN_MAX),
	RPC_PARAM_TGT,
	{ 0 },
};

static void ns_add_host(struct rpc_request *req)
{
	const struct ns_host *p = req->params;
	struct nvmf_subsystem *s = rpc_subsystem_of(req);

	if (s)
		nvmf_ns_add_host(s, p->nsid, p->host, rpc_done, req);
}

static char *ns_host_waits(void *req)
{
	const struct ns_host *p = ((struct rpc_request *)req)->params;

	return g_strdup_printf("%s does not see namespace %u of %s any more, but its I/O that came "
			       "before still waits",
			       p->host, p->nsid, p->on.nqn);
}

static void ns_remove_host(struct rpc_request *req)
{
	const struct ns_host *p = req->params;
	struct nvmf_subsystem *s = rpc_subsystem_of(req);

	if (s)
		nvmf_ns_remove_host(s, p->nsid, p->host, rpc_patience_done,
				    rpc_patience_new(req, ns_host_waits, req));
}

#define METHOD(name_, call_, table_, type_)                                                        \
	{                                                                                          \
		.name = name_, .call = call_, .params = table_, .params_size = sizeof(type_),      \
		.states = RPC_RUNTIME, .makes = true                                                              \
	}

const struct rpc_method rpc_methods_nvmf_access[] = {
	METHOD("nvmf_subsystem_listener_set_ana_state", set_ana_state, set_state_params,
	       struct set_state),
	METHOD("nvmf_subsystem_set_ns_ana_group", set_ns_ana_group, set_group_params,
	       struct set_group),
	METHOD("nvmf_ns_add_host", ns_add_host, ns_host_params, struct ns_host),
	METHOD("nvmf_ns_remove_host", ns_remove_host, ns_host_params, struct ns_host),
	{ 0 },
};
