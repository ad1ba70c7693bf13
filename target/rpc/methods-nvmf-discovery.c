/* SPDX-License-Identifier: BSD-3-Clause */
/* The discovery service: referrals, filters, and their saved configuration. */
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
	g_autoptr(GError) error = NULL;
	struct nvmf_trid trid;

	if (!rpc_check_tgt(req, p->tgt_name) || !rpc_parse_address(req, &p->address, &trid))
		return;
	nvmf_discovery_add_referral(req->server->nvmf, &trid, p->subnqn, p->secure_channel, &error);
	rpc_done(req, error);
}

static void remove_referral(struct rpc_request *req)
{
	const struct referral *p = req->params;
	g_autoptr(GError) error = NULL;
	struct nvmf_trid trid;

	if (!rpc_check_tgt(req, p->tgt_name) || !rpc_parse_address(req, &p->address, &trid))
		return;
	nvmf_discovery_remove_referral(req->server->nvmf, &trid, p->subnqn, &error);
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
	GPtrArray *all = nvmf_discovery_referrals(req->server->nvmf);
	JsonArray *array;

	if (!rpc_check_tgt(req, p->tgt_name))
		return;
	array = json_array_new();
	for (guint i = 0; i < all->len; i++)
		json_array_add_object_element(array, referral_json(all->pdata[i]));
	rpc_reply_array(req, array);
}

void rpc_config_referrals(struct nvmf_tgt *tgt, JsonArray *config)
{
	GPtrArray *all = nvmf_discovery_referrals(tgt);

	for (guint i = 0; i < all->len; i++)
		rpc_config_add(config, "nvmf_discovery_add_referral", referral_json(all->pdata[i]));
}

/* --- nvmf_set_config ------------------------------------------------------------------------- */

const char *const rpc_discovery_filters[] = { "transport", "address", "svcid", NULL };

static const char *const digests[] = { "sha256", "sha384", "sha512", NULL };
static const char *const dhgroups[] = { "null",	     "ffdhe2048", "ffdhe3072", "ffdhe4096",
					"ffdhe6144", "ffdhe8192", NULL };
static const char *const dup_host_policies[] = { "allow", "restrict_per_listener", NULL };

/* Nothing is passed through, so each of them is off. */
static const struct rpc_param passthru_params[] = {
	RPC_CHECKED("identify_ctrlr", RPC_BOOL, RPC_FIXED),
	RPC_CHECKED("identify_uuid_list", RPC_BOOL, RPC_FIXED),
	RPC_CHECKED("get_log_page", RPC_BOOL, RPC_FIXED),
	RPC_CHECKED("get_set_features", RPC_BOOL, RPC_FIXED),
	RPC_CHECKED("sanitize", RPC_BOOL, RPC_FIXED),
	RPC_CHECKED("security_send_recv", RPC_BOOL, RPC_FIXED),
	RPC_CHECKED("fw_update", RPC_BOOL, RPC_FIXED),
	RPC_CHECKED("nvme_mi", RPC_BOOL, RPC_FIXED),
	RPC_CHECKED("vendor_specific", RPC_BOOL, RPC_FIXED),
	{ 0 },
};

struct set_config {
	const char *discovery_filter;
	unsigned discovery_filters;
};

static const struct rpc_param set_config_params[] = {
	RPC_CHECKED("admin_cmd_passthru", RPC_OBJECT, 0, .sub = passthru_params),
	RPC_CHECKED("poll_groups_mask", RPC_STR, RPC_IGNORED),
	RPC_PARAM("discovery_filter", RPC_STR, 0, struct set_config, discovery_filter),
	RPC_PARAM("discovery_filters", RPC_FLAGS, 0, struct set_config, discovery_filters,
		  .values = rpc_discovery_filters),
	RPC_CHECKED("dhchap_digests", RPC_FLAGS, RPC_IGNORED, .values = digests),
	RPC_CHECKED("dhchap_dhgroups", RPC_FLAGS, RPC_IGNORED, .values = dhgroups),
	RPC_CHECKED("dup_host_policy", RPC_ENUM, RPC_FIXED, .values = dup_host_policies),
	{ 0 },
};

/* The older form: names with commas between them. False: the request has been failed. */
static bool parse_filter(struct rpc_request *req, const char *text, unsigned *filters)
{
	g_auto(GStrv) names = g_strsplit(text, ",", -1);

	for (char **name = names; *name; name++) {
		unsigned i = 0;

		if (!strcmp(*name, "match_any"))
			continue;
		while (rpc_discovery_filters[i] && strcmp(*name, rpc_discovery_filters[i]))
			i++;
		if (!rpc_discovery_filters[i]) {
			rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
				      "\"discovery_filter\" is \"%s\"; it is match_any, or of "
				      "transport, address and svcid, with commas between",
				      text);
			return false;
		}
		*filters |= 1u << i;
	}
	return true;
}

static void set_config(struct rpc_request *req)
{
	const struct set_config *p = req->params;
	unsigned filters = p->discovery_filters;

	if (p->discovery_filter && !parse_filter(req, p->discovery_filter, &filters))
		return;
	nvmf_discovery_set_filters(req->server->nvmf, filters);
	rpc_reply_true(req);
}

void rpc_config_discovery_filters(struct nvmf_tgt *tgt, JsonArray *config)
{
	unsigned filters = nvmf_discovery_filters(tgt);
	JsonObject *params;
	JsonArray *array;

	if (filters == 0)
		return;
	params = json_object_new();
	array = json_array_new();
	for (unsigned i = 0; rpc_discovery_filters[i]; i++)
		if (filters & 1u << i)
			json_array_add_string_element(array, rpc_discovery_filters[i]);
	json_object_set_array_member(params, "discovery_filters", array);
	rpc_config_add(config, "nvmf_set_config", params);
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
	{ .name = "nvmf_set_config",
	  .call = set_config,
	  .params = set_config_params,
	  .params_size = sizeof(struct set_config),
	  .states = RPC_STARTUP | RPC_RUNTIME },
	{ 0 },
};
