/* SPDX-License-Identifier: BSD-3-Clause */
/* The method tables of the domains, and what several of them need. */
#pragma once

#include "target/rpc/server.h"

extern const struct rpc_method rpc_methods_framework[];
extern const struct rpc_method rpc_methods_init[];
extern const struct rpc_method rpc_methods_old[];
extern const struct rpc_method rpc_methods_thread[];
extern const struct rpc_method rpc_methods_log[];
extern const struct rpc_method rpc_methods_notify[];
extern const struct rpc_method rpc_methods_sock[];
extern const struct rpc_method rpc_methods_iobuf[];
extern const struct rpc_method rpc_methods_config[];
extern const struct rpc_method rpc_methods_bdev[];
extern const struct rpc_method rpc_methods_bdev_file[];
extern const struct rpc_method rpc_methods_bdev_layers[];
extern const struct rpc_method rpc_methods_bdev_options[];
extern const struct rpc_method rpc_methods_bdev_stat[];
extern const struct rpc_method rpc_methods_bdev_histogram[];
extern const struct rpc_method rpc_methods_nvmf[];
extern const struct rpc_method rpc_methods_nvmf_target[];
extern const struct rpc_method rpc_methods_nvmf_show[];
extern const struct rpc_method rpc_methods_nvmf_access[];
extern const struct rpc_method rpc_methods_nvmf_discovery[];
extern const struct rpc_method rpc_methods_trace[];
extern const struct rpc_method rpc_methods_metrics[];

/* Ticks of all figures that SPDK counts in ticks: nanoseconds here. */
#define RPC_TICK_RATE 1000000000

/* A reactor as users' scripts know it. */
#define RPC_THREAD_NAME "nvmf_tgt_poll_group_%03u"

/* [{method, params}] that make what there is now: framework_get_config; and see walk.h. */
JsonArray *rpc_config_sock(struct rpc_server *server);
JsonArray *rpc_config_iobuf(struct rpc_server *server);
JsonArray *rpc_config_metrics(struct rpc_server *server);
/* driver_specific of a file bdev; nothing for others. */
void rpc_bdev_file_specific(const struct bdev *bdev, JsonObject *specific);
/* False: it is none. */
bool rpc_config_bdev_file(const struct bdev *bdev, JsonArray *config);
/* The same for delay, error and passthru ones. */
void rpc_bdev_layer_specific(const struct bdev *bdev, JsonObject *specific);
bool rpc_config_bdev_layer(const struct bdev *bdev, JsonArray *config);
/* Settings, before all bdevs. */
void rpc_config_bdev_options(struct rpc_server *server, JsonArray *config);
/*
 * Those that wait for their base: before all bdevs where that is there (and is not
 * examined), else after them. One whose base somebody else has is in neither.
 */
void rpc_config_bdev_deferred(struct rpc_server *server, bool before, JsonArray *config);
/* What looks at a bdev: its histogram, its queue depth. */
void rpc_config_bdev_histogram(const struct bdev *bdev, JsonArray *config);
void rpc_config_bdev_stat(const struct bdev *bdev, JsonArray *config);
/* assigned_rate_limits; and what sets them, if there are any. */
JsonObject *rpc_bdev_limits(const struct bdev *bdev);
void rpc_config_bdev_limits(const struct bdev *bdev, JsonArray *config);
/* is NULL: any kind. NULL: the request has been failed. */
struct bdev *rpc_bdev_find(struct rpc_request *req, const char *name,
			   bool (*is)(const struct bdev *bdev), const char *kind);
/*
 * Removes bdev and ends req: true when it is gone, -ETIMEDOUT with a sentence of
 * what is waited for when its backend does not let go of it.
 */
void rpc_bdev_delete(struct rpc_request *req, struct bdev *bdev);
/*
 * req ends something that may hang: it is failed with -ETIMEDOUT if that takes
 * too long, saying what waits(arg) gives (freed). One of the two others is then
 * the callback, with the patience, whether req was answered or not.
 */
struct rpc_patience;
struct rpc_patience *rpc_patience_new(struct rpc_request *req, char *(*waits)(void *arg),
				      void *arg);
void rpc_patience_done(void *patience, const GError *error);
void rpc_patience_removed(void *patience);
char *rpc_bdev_waits(void *bdev); /* of a bdev that is being removed */
/* Appends {method, params}; takes params. */
void rpc_config_add(JsonArray *config, const char *method, JsonObject *params);

/* Upper-case hexadecimal digits. Caller frees. */
char *rpc_hex(const uint8_t *bytes, size_t n);
bool rpc_is_zero(const uint8_t *bytes, size_t n);

/* NULL: the request has been failed. tgt_name NULL: the one target, if it is the only one. */
struct nvmf_tgt *rpc_tgt(struct rpc_request *req, const char *tgt_name);
/* NULL: none. */
struct nvmf_tgt *rpc_tgt_find(const struct rpc_server *server, const char *name);
/* Names it in the parameters of a saved call, where that is needed. */
void rpc_config_add_tgt(JsonObject *params, struct nvmf_tgt *tgt);
/* What makes it as it is. */
void rpc_config_tgt(const struct rpc_server *server, struct nvmf_tgt *tgt, JsonArray *config);
/* NULL: the request has been failed. */
struct nvmf_subsystem *rpc_subsystem(struct rpc_request *req, const char *tgt_name,
				     const char *nqn);

/*
 * Parameters of a method about a subsystem begin with these two, so that one look-up
 * serves all.
 */
struct rpc_on_subsystem {
	const char *nqn, *tgt_name;
};

#define RPC_PARAM_NQN                                                                              \
	RPC_PARAM("nqn", RPC_STR, RPC_REQUIRED, struct rpc_on_subsystem, nqn, .min = 1,            \
		  .max = RPC_NQN_MAX)
#define RPC_PARAM_TGT RPC_PARAM("tgt_name", RPC_STR, 0, struct rpc_on_subsystem, tgt_name)

/* The one that req->params names. NULL: the request has been failed. */
struct nvmf_subsystem *rpc_subsystem_of(struct rpc_request *req);

/* Commands that a transport may mask: names, and their bits in NVMF_ONCS_*. */
extern const char *const rpc_oncs_features[];
extern const unsigned rpc_oncs_bits[];
extern const char *const rpc_fuses_features[];

/* An address as users give it. */
struct rpc_address {
	const char *trtype, *adrfam, *traddr, *trsvcid;
};

extern const struct rpc_param rpc_address_params[];
/* False: the request has been failed. */
bool rpc_parse_address(struct rpc_request *req, const struct rpc_address *a,
		       struct nvmf_trid *trid);
JsonObject *rpc_trid_json(const struct nvmf_trid *trid);

/* ANA states by their number in the RPC, and as the target has them. */
extern const char *const rpc_ana_states[];
enum nvme_ana_state rpc_ana_state(unsigned number);
const char *rpc_ana_state_name(enum nvme_ana_state state);

/* For the saved configuration. */
void rpc_config_referrals(struct nvmf_tgt *tgt, JsonArray *config);
/* ANA states of a listener in as few calls as they take. */
enum nvme_ana_state rpc_ana_usual(const struct nvmf_listener *l);

/* NQNs have at most 223 bytes. */
#define RPC_NQN_MAX 223
