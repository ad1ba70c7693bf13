/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe-oF targets: their settings, several of them in one process, and the look-up
 * that other methods begin with. Saved with each: what makes it.
 */
#include <stdlib.h>
#include <string.h>

#include "target/rpc/methods.h"

/* --- look-up ------------------------------------------------------------------------------- */

struct nvmf_tgt *rpc_tgt_find(const struct rpc_server *server, const char *name)
{
	struct nvmf_tgt *tgt;

	for (unsigned i = 0; (tgt = nvmf_tgt_nth(server->nvmf, i)) != NULL; i++)
		if (strcmp(nvmf_tgt_name(tgt), name) == 0)
			break;
	return tgt;
}

struct nvmf_tgt *rpc_tgt(struct rpc_request *req, const char *tgt_name)
{
	struct nvmf_tgt *first = req->server->nvmf, *tgt;
	g_autofree char *message = NULL;

	if (!tgt_name && !nvmf_tgt_nth(first, 1))
		return first;
	tgt = tgt_name ? rpc_tgt_find(req->server, tgt_name) : NULL;
	if (tgt)
		return tgt;
	if (!tgt_name) {
		rpc_fail_with(req, RPC_INTERNAL_ERROR,
			      "No default NVMf target found; specify tgt_name",
			      "there are several targets, so that \"tgt_name\" is needed; "
			      "nvmf_get_targets lists them");
		return NULL;
	}
	message = g_strdup_printf("NVMf target '%s' not found", tgt_name);
	if (nvmf_tgt_nth(first, 1))
		rpc_fail_with(req, RPC_INVALID_PARAMS, message, "nvmf_get_targets lists them");
	else
		rpc_fail_with(req, RPC_INVALID_PARAMS, message,
			      "the only target is \"%s\"; tgt_name may be left out",
			      nvmf_tgt_name(first));
	return NULL;
}

struct nvmf_subsystem *rpc_subsystem(struct rpc_request *req, const char *tgt_name, const char *nqn)
{
	struct nvmf_tgt *tgt = rpc_tgt(req, tgt_name);
	g_autofree char *message = NULL;
	struct nvmf_subsystem *s;

	if (!tgt)
		return NULL;
	s = nvmf_subsystem_find(tgt, nqn);
	if (s && !s->deleting)
		return s;
	message = g_strdup_printf("Subsystem with NQN '%s' not found", nqn);
	rpc_fail_with(req, RPC_INVALID_PARAMS, message, "%s",
		      s ? "it is being deleted" : "nvmf_get_subsystems lists those there are");
	return NULL;
}

struct nvmf_subsystem *rpc_subsystem_of(struct rpc_request *req)
{
	const struct rpc_on_subsystem *p = req->params;

	return rpc_subsystem(req, p->tgt_name, p->nqn);
}

void rpc_config_add_tgt(JsonObject *params, struct nvmf_tgt *tgt)
{
	if (!nvmf_tgt_is_first(tgt))
		json_object_set_string_member(params, "tgt_name", nvmf_tgt_name(tgt));
}

/* --- processors ---------------------------------------------------------------------------- */

#define MAX_CPUS 1024

/* The processor that a reactor is shown with; see framework_get_reactors. */
static unsigned cpu_of(const struct core *core, unsigned i)
{
	return core->options.cpus && core->options.cpus[i] >= 0 ? (unsigned)core->options.cpus[i]
								: i;
}

static bool parse_hex(const char *text, bool cpus[MAX_CPUS])
{
	size_t len;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	len = strlen(text);
	if (len == 0 || len > MAX_CPUS / 4)
		return false;
	for (size_t i = 0; i < len; i++) {
		int digit = g_ascii_xdigit_value(text[len - 1 - i]);

		if (digit < 0)
			return false;
		for (unsigned bit = 0; bit < 4; bit++)
			cpus[i * 4 + bit] = digit >> bit & 1;
	}
	return true;
}

static bool parse_number(const char **at, unsigned *n)
{
	char *end;

	if (!g_ascii_isdigit(**at))
		return false;
	*n = (unsigned)MIN(g_ascii_strtoull(*at, &end, 10), MAX_CPUS);
	*at = end;
	return *n < MAX_CPUS;
}

/* "[0,2-3]" */
static bool parse_list(const char *at, bool cpus[MAX_CPUS])
{
	unsigned from, to;

	do {
		at++;
		if (!parse_number(&at, &from))
			return false;
		to = from;
		if (*at == '-') {
			at++;
			if (!parse_number(&at, &to) || to < from)
				return false;
		}
		for (unsigned i = from; i <= to; i++)
			cpus[i] = true;
	} while (*at == ',');
	return at[0] == ']' && at[1] == 0;
}

/* Which reactors a mask of processors means. False: the request has been failed. */
static bool parse_mask(struct rpc_request *req, const char *text, bool takes[CORE_MAX_REACTORS])
{
	const struct core *core = req->server->core;
	bool cpus[MAX_CPUS] = { false };
	bool any = false;

	if (!(text[0] == '[' ? parse_list(text, cpus) : parse_hex(text, cpus))) {
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"poll_groups_mask\" is \"%s\"; it is a mask of processors such as "
			      "\"0x3\", or a list such as \"[0,2-3]\"",
			      text);
		return false;
	}
	for (unsigned i = 0; i < core->nreactors; i++) {
		takes[i] = cpus[cpu_of(core, i)];
		any |= takes[i];
		cpus[cpu_of(core, i)] = false;
	}
	for (unsigned cpu = 0; cpu < MAX_CPUS; cpu++) {
		if (!cpus[cpu])
			continue;
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"poll_groups_mask\" is \"%s\", and there is no reactor on "
			      "processor %u; framework_get_reactors lists them",
			      text, cpu);
		return false;
	}
	if (!any)
		rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
			      "\"poll_groups_mask\" is \"%s\"; it must have one processor at least",
			      text);
	return any;
}

/* NULL: all of them. Caller frees. */
static char *mask_text(const struct core *core, const struct nvmf_tgt *tgt)
{
	uint8_t digits[MAX_CPUS / 4] = { 0 };
	unsigned high = 0, n = 0;
	GString *s;

	for (unsigned i = 0; i < core->nreactors; i++) {
		unsigned cpu = cpu_of(core, i);

		if (!nvmf_tgt_is_home(tgt, i) || cpu >= MAX_CPUS)
			continue;
		digits[cpu / 4] |= (uint8_t)(1u << cpu % 4);
		high = MAX(high, cpu / 4);
		n++;
	}
	if (n == core->nreactors)
		return NULL;
	s = g_string_new("0x");
	for (unsigned i = high + 1; i-- > 0;)
		g_string_append_printf(s, "%x", digits[i]);
	return g_string_free(s, FALSE);
}

/* --- nvmf_set_config ----------------------------------------------------------------------- */

static const char *const discovery_filters[] = { "transport", "address", "svcid", NULL };
static const char *const dup_host_policies[] = { "allow", "restrict_per_listener", NULL };
static const char *const digests[] = { "sha256", "sha384", "sha512", NULL };
static const char *const dhgroups[] = { "null",	     "ffdhe2048", "ffdhe3072", "ffdhe4096",
					"ffdhe6144", "ffdhe8192", NULL };

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

#define NOT_GIVEN UINT_MAX

struct set_config {
	const char *discovery_filter, *poll_groups_mask;
	unsigned discovery_filters, dup_host_policy, dhchap_digests, dhchap_dhgroups;
};

static const struct rpc_param set_config_params[] = {
	RPC_CHECKED("admin_cmd_passthru", RPC_OBJECT, 0, .sub = passthru_params),
	RPC_PARAM("poll_groups_mask", RPC_STR, 0, struct set_config, poll_groups_mask),
	RPC_PARAM("discovery_filter", RPC_STR, 0, struct set_config, discovery_filter),
	RPC_PARAM("discovery_filters", RPC_FLAGS, 0, struct set_config, discovery_filters,
		  .values = discovery_filters),
	RPC_PARAM("dhchap_digests", RPC_FLAGS, 0, struct set_config, dhchap_digests,
		  .values = digests),
	RPC_PARAM("dhchap_dhgroups", RPC_FLAGS, 0, struct set_config, dhchap_dhgroups,
		  .values = dhgroups),
	RPC_PARAM("dup_host_policy", RPC_ENUM, 0, struct set_config, dup_host_policy,
		  .values = dup_host_policies),
	{ 0 },
};

static void set_config_defaults(void *params)
{
	*(struct set_config *)params = (struct set_config){
		.discovery_filters = NOT_GIVEN,
		.dup_host_policy = NOT_GIVEN,
		.dhchap_digests = NOT_GIVEN,
		.dhchap_dhgroups = NOT_GIVEN,
	};
}

/* The older form: names with commas between them. False: the request has been failed. */
static bool parse_filter(struct rpc_request *req, const char *text, unsigned *filters)
{
	g_auto(GStrv) names = g_strsplit(text, ",", -1);

	*filters = *filters == NOT_GIVEN ? 0 : *filters;
	for (char **name = names; *name; name++) {
		unsigned i = 0;

		if (!strcmp(*name, "match_any"))
			continue;
		while (discovery_filters[i] && strcmp(*name, discovery_filters[i]))
			i++;
		if (!discovery_filters[i]) {
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

/* All of them is what a file says that nobody has restricted. */
static bool all_given(struct rpc_request *req, const char *key, unsigned given,
		      const char *const *values)
{
	unsigned all = (1u << g_strv_length((char **)values)) - 1;

	if (given == NOT_GIVEN || given == all)
		return true;
	rpc_fail_with(req, RPC_INVALID_PARAMS, NULL,
		      "\"%s\" restricts what hosts authenticate with, and weft has no "
		      "authentication (DH-HMAC-CHAP) so far; leave it out",
		      key);
	return false;
}

static void set_config(struct rpc_request *req)
{
	struct set_config *p = req->params;
	struct nvmf_tgt *tgt = req->server->nvmf;
	bool takes[CORE_MAX_REACTORS] = { false };

	if (p->discovery_filter && !parse_filter(req, p->discovery_filter, &p->discovery_filters))
		return;
	if (!all_given(req, "dhchap_digests", p->dhchap_digests, digests) ||
	    !all_given(req, "dhchap_dhgroups", p->dhchap_dhgroups, dhgroups))
		return;
	if (p->poll_groups_mask) {
		if (!parse_mask(req, p->poll_groups_mask, takes))
			return;
		nvmf_tgt_set_homes(tgt, takes);
	}
	if (p->discovery_filters != NOT_GIVEN)
		nvmf_discovery_set_filters(tgt, p->discovery_filters);
	if (p->dup_host_policy != NOT_GIVEN)
		nvmf_tgt_set_dup_host_policy(tgt, (enum nvmf_dup_host_policy)p->dup_host_policy);
	rpc_reply_true(req);
}

/* --- nvmf_set_max_subsystems, nvmf_set_crdt ------------------------------------------------ */

struct numbers {
	uint32_t max_subsystems;
	uint16_t crdt[3];
};

static const struct rpc_param max_subsystems_params[] = {
	RPC_PARAM("max_subsystems", RPC_U32, RPC_REQUIRED, struct numbers, max_subsystems, .min = 1,
		  .max = NVMF_MAX_SUBSYSTEMS),
	{ 0 },
};

static const struct rpc_param crdt_params[] = {
	RPC_PARAM("crdt1", RPC_U16, 0, struct numbers, crdt[0]),
	RPC_PARAM("crdt2", RPC_U16, 0, struct numbers, crdt[1]),
	RPC_PARAM("crdt3", RPC_U16, 0, struct numbers, crdt[2]),
	{ 0 },
};

static void set_max_subsystems(struct rpc_request *req)
{
	const struct numbers *p = req->params;

	nvmf_tgt_set_max_subsystems(req->server->nvmf, p->max_subsystems);
	rpc_reply_true(req);
}

static void set_crdt(struct rpc_request *req)
{
	const struct numbers *p = req->params;

	nvmf_tgt_set_crdt(req->server->nvmf, p->crdt);
	rpc_reply_true(req);
}

/* --- several targets ----------------------------------------------------------------------- */

struct create_target {
	const char *name;
	uint32_t max_subsystems;
	unsigned discovery_filter, dup_host_policy;
};

static const struct rpc_param create_target_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct create_target, name, .min = 1, .max = 255),
	RPC_PARAM("max_subsystems", RPC_U32, 0, struct create_target, max_subsystems,
		  .max = NVMF_MAX_SUBSYSTEMS),
	RPC_PARAM("discovery_filter", RPC_FLAGS, 0, struct create_target, discovery_filter,
		  .values = discovery_filters),
	RPC_PARAM("dup_host_policy", RPC_ENUM, 0, struct create_target, dup_host_policy,
		  .values = dup_host_policies),
	{ 0 },
};

static void create_target(struct rpc_request *req)
{
	const struct create_target *p = req->params;
	const struct nvmf_tgt_options options = {
		.name = p->name,
		.max_subsystems = p->max_subsystems,
		.discovery_filters = p->discovery_filter,
		.dup_host_policy = (enum nvmf_dup_host_policy)p->dup_host_policy,
	};
	g_autoptr(GError) error = NULL;

	if (nvmf_tgt_add(req->server->nvmf, &options, &error))
		rpc_reply_string(req, p->name);
	else
		rpc_fail(req, error);
}

static const struct rpc_param delete_target_params[] = {
	RPC_PARAM("name", RPC_STR, RPC_REQUIRED, struct create_target, name),
	{ 0 },
};

static char *target_waits(void *req)
{
	const struct create_target *p = ((struct rpc_request *)req)->params;

	return g_strdup_printf("target \"%s\" serves nobody any more, but still waits for I/O of "
			       "its hosts",
			       p->name);
}

static void delete_target(struct rpc_request *req)
{
	const struct create_target *p = req->params;
	struct nvmf_tgt *tgt = rpc_tgt(req, p->name);

	if (tgt)
		nvmf_tgt_delete(tgt, rpc_patience_done, rpc_patience_new(req, target_waits, req));
}

static void get_targets(struct rpc_request *req)
{
	JsonArray *array = json_array_new();
	struct nvmf_tgt *tgt;

	for (unsigned i = 0; (tgt = nvmf_tgt_nth(req->server->nvmf, i)) != NULL; i++)
		json_array_add_string_element(array, nvmf_tgt_name(tgt));
	rpc_reply_array(req, array);
}

/* --- configuration ------------------------------------------------------------------------- */

static JsonArray *filters_json(const struct nvmf_tgt *tgt)
{
	unsigned filters = nvmf_discovery_filters(tgt);
	JsonArray *array = json_array_new();

	for (unsigned i = 0; discovery_filters[i]; i++)
		if (filters & 1u << i)
			json_array_add_string_element(array, discovery_filters[i]);
	return array;
}

static void config_first(const struct rpc_server *server, JsonArray *config)
{
	static const char *const names[] = { "crdt1", "crdt2", "crdt3" };
	struct nvmf_tgt *tgt = server->nvmf;
	g_autofree char *mask = mask_text(server->core, tgt);
	JsonObject *params = json_object_new();

	json_object_set_array_member(params, "discovery_filters", filters_json(tgt));
	if (mask)
		json_object_set_string_member(params, "poll_groups_mask", mask);
	json_object_set_string_member(params, "dup_host_policy",
				      dup_host_policies[nvmf_tgt_dup_host_policy(tgt)]);
	rpc_config_add(config, "nvmf_set_config", params);
	params = json_object_new();
	json_object_set_int_member(params, "max_subsystems", nvmf_tgt_max_subsystems(tgt));
	rpc_config_add(config, "nvmf_set_max_subsystems", params);
	params = json_object_new();
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		json_object_set_int_member(params, names[i], nvmf_tgt_crdt(tgt)[i]);
	rpc_config_add(config, "nvmf_set_crdt", params);
}

void rpc_config_tgt(const struct rpc_server *server, struct nvmf_tgt *tgt, JsonArray *config)
{
	JsonObject *params;

	if (nvmf_tgt_is_first(tgt)) {
		config_first(server, config);
		return;
	}
	params = json_object_new();
	json_object_set_string_member(params, "name", nvmf_tgt_name(tgt));
	json_object_set_int_member(params, "max_subsystems", nvmf_tgt_max_subsystems(tgt));
	json_object_set_array_member(params, "discovery_filter", filters_json(tgt));
	json_object_set_string_member(params, "dup_host_policy",
				      dup_host_policies[nvmf_tgt_dup_host_policy(tgt)]);
	rpc_config_add(config, "nvmf_create_target", params);
}

#define METHOD(name_, call_, table_, type_, states_, ...)                                          \
	{                                                                                          \
		.name = name_, .call = call_, .params = table_, .params_size = sizeof(type_),      \
		.states = states_, ##__VA_ARGS__                                                   \
	}

const struct rpc_method rpc_methods_nvmf_target[] = {
	METHOD("nvmf_set_config", set_config, set_config_params, struct set_config, RPC_STARTUP,
	       .makes = true, .defaults = set_config_defaults),
	METHOD("nvmf_set_max_subsystems", set_max_subsystems, max_subsystems_params, struct numbers,
	       RPC_STARTUP, .makes = true),
	METHOD("nvmf_set_crdt", set_crdt, crdt_params, struct numbers, RPC_STARTUP,
	       .makes = true),
	METHOD("nvmf_create_target", create_target, create_target_params, struct create_target,
	       RPC_RUNTIME, .makes = true),
	METHOD("nvmf_delete_target", delete_target, delete_target_params, struct create_target,
	       RPC_RUNTIME, .makes = true),
	METHOD("nvmf_get_targets", get_targets, NULL, struct create_target, RPC_RUNTIME),
	{ 0 },
};
