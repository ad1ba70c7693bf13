/* SPDX-License-Identifier: BSD-3-Clause */
/* The module's entry: devices are opened, operations are those of the other files. */
#include <errno.h>

#include "hw/linux/verbs/internal.h"
#include "verbs-build.h"

const struct hw_rnic_ops verbs_ops = {
	.ctx_open = verbs_ctx_open,
	.ctx_close = verbs_ctx_close,
	.watch = verbs_watch,
	.unwatch = verbs_unwatch,
	.device_info = verbs_device_info,
	.device_port = verbs_device_port,
	.device_done = verbs_device_done,
	.device_counters = verbs_device_counters,
	.pd_alloc = verbs_pd_alloc,
	.pd_dealloc = verbs_pd_dealloc,
	.mr_reg = verbs_mr_reg,
	.mr_dereg = verbs_mr_dereg,
	.mr_lkey = verbs_mr_lkey,
	.mr_rkey = verbs_mr_rkey,
	.mw_alloc = verbs_mw_alloc,
	.mw_dealloc = verbs_mw_dealloc,
	.mw_rkey = verbs_mw_rkey,
	.cq_create = verbs_cq_create,
	.cq_destroy = verbs_cq_destroy,
	.cq_poll = verbs_cq_poll,
	.cq_arm = verbs_cq_arm,
	.srq_create = verbs_srq_create,
	.srq_destroy = verbs_srq_destroy,
	.srq_arm = verbs_srq_arm,
	.srq_post_recv = verbs_srq_post_recv,
	.qp_create = verbs_qp_create,
	.qp_destroy = verbs_qp_destroy,
	.qp_num = verbs_qp_num,
	.qp_state = verbs_qp_state,
	.qp_error = verbs_qp_error,
	.post_send = verbs_post_send,
	.post_recv = verbs_post_recv,
	.post_bind = verbs_post_bind,
	.post_local_inv = verbs_post_local_inv,
	.id_listen = verbs_id_listen,
	.id_resolve = verbs_id_resolve,
	.id_move = verbs_id_move,
	.id_device = verbs_id_device,
	.id_local = verbs_id_local,
	.id_remote = verbs_id_remote,
	.connect = verbs_connect,
	.accept = verbs_accept,
	.reject = verbs_reject,
	.disconnect = verbs_disconnect,
	.id_destroy = verbs_id_destroy,
};

static void verbs_free(struct verbs_rnic *made)
{
	struct verbs *verbs = (struct verbs *)made;

	while (verbs->devices) {
		struct rnic_device *dev = verbs->devices;

		verbs_device_remove(dev);
		verbs_device_free(dev);
	}
	pthread_mutex_destroy(&verbs->lock);
	g_free(verbs->only);
	g_free(verbs);
}

static struct verbs_rnic *verbs_make(const struct verbs_options *options, GError **error)
{
	struct verbs *verbs = g_new0(struct verbs, 1);

	verbs->made = (struct verbs_rnic){ { &verbs_ops }, verbs_free };
	pthread_mutex_init(&verbs->lock, NULL);
	verbs->hw = options->hw;
	verbs->only = g_strdup(options->device);
	verbs->ack_timeout = options->ack_timeout;
	if (verbs_scan(verbs, error))
		return &verbs->made;
	verbs_free(&verbs->made);
	return NULL;
}

extern const struct verbs_entry weft_rnic_verbs;
const struct verbs_entry weft_rnic_verbs = {
	.build = VERBS_BUILD,
	.make = verbs_make,
};
