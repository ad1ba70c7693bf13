/* SPDX-License-Identifier: BSD-3-Clause */
/* The discovery service: referrals, and their saved configuration. */
#include <string.h>

#include "target/rpc/methods.h"

/* --- referrals ------------------------------------------------------------------------------- */

struct referral {
	const char *tgt_name, *subnqn;
	struct rpc_address address;
	bool secure_channel;
};

#define REFERRAL_PARAMS                                                                            \
	RPC_PARAM("tgt_name", RPC_STR, 0, struct referral, tgt_name),                              \
		RPC_PARAM("address", RPC_OBJECT, RPC_REQUIRED, struct referral, address,           \
			  .sub = rpc_address_params),                                              \
		RPC_PARAM("subnqn", RPC_STR, 0, struct referral, subnqn, .min = 1,                 \
			  .max = RPC_NQN_MAX)

static const struct rpc_param add_referral_params[] = {
	REFERRAL_PARAMS,
	RPC_PARAM("secure_channel", RPC_BOOL, 0, struct referral, secure_channel),
	{ 0 },
};

static const struct rpc_param remove_referral_params[] = { REFERRAL_PARAMS, { 0 } };

static void add_referral(struct rpc_request *req)
{
	const struct referral *p = req->params;
	struct nvmf_tgt *tgt = rpc_tgt(req, p->tgt_name);
	g_autoptr(GError) error = NULL;
	struct nvmf_trid trid;

	if (!tgt || !rpc_parse_address(req, &p->address, &trid))
		return;
	nvmf_discovery_add_referral(tgt, &trid, p->subnqn, p->secure_channel, &error);
	rpc_done(req, error);
}

static void remove_referral(struct rpc_request *req)
{
	const struct referral *p = req->params;
	struct nvmf_tgt *tgt = rpc_tgt(req, p->tgt_name);
	g_autoptr(GError) error = NULL;
	struct nvmf_trid trid;

	if (!tgt || !rpc_parse_address(req, &p->address, &trid))
		return;
	nvmf_discovery_remove_referral(tgt, &trid, p->subnqn, &error);
	rpc_done(req, error);
}

static JsonObject *referral_json(const struct nvmf_referral *r)
{
	JsonObject *o = json_object_new();

	json_object_set_object_member(o, "address", rpc_trid_json(&r->trid));
	json_object_set_boolean_member(o, "secure_channel", r->secure_channel);
	json_object_set_string_member(o, "subnqn", r->subnqn);
	return o;
}

struct on_target {
	const char *tgt_name;
};

static const struct rpc_param on_target_params[] = {
	RPC_PARAM("tgt_name", RPC_STR, 0, struct on_target, tgt_name),
	{ 0 },
};

static void get_referrals(struct rpc_request *req)
{
	const struct on_target *p = req->params;
	struct nvmf_tgt *tgt = rpc_tgt(req, p->tgt_name);
	GPtrArray *all;
	JsonArray *array;

	if (!tgt)
		return;
	all = nvmf_discovery_referrals(tgt);
	array = json_array_new();
	for (guint i = 0; i < all->len; i++)
		json_array_add_object_element(array, referral_json(all->pdata[i]));
	rpc_reply_array(req, array);
}

void rpc_config_referrals(struct nvmf_tgt *tgt, JsonArray *config)
{
	GPtrArray *all = nvmf_discovery_referrals(tgt);

	for (guint i = 0; i < all->len; i++) {
		JsonObject *params = referral_json(all->pdata[i]);

		rpc_config_add_tgt(params, tgt);
		rpc_config_add(config, "nvmf_discovery_add_referral", params);
	}
}

const struct rpc_method rpc_methods_nvmf_discovery[] = {
	{ .name = "nvmf_discovery_add_referral",
	  .makes = true,
	  .call = add_referral,
	  .params = add_referral_params,
	  .params_size = sizeof(struct referral),
	  .states = RPC_RUNTIME },
	{ .name = "nvmf_discovery_remove_referral",
	  .makes = true,
	  .call = remove_referral,
	  .params = remove_referral_params,
	  .params_size = sizeof(struct referral),
	  .states = RPC_RUNTIME },
	{ .name = "nvmf_discovery_get_referrals",
	  .call = get_referrals,
	  .params = on_target_params,
	  .params_size = sizeof(struct on_target),
	  .states = RPC_RUNTIME },
	{ 0 },
};
