/* SPDX-License-Identifier: BSD-3-Clause */
/* See fixture.h. */
#include "tests/unit/rdma/fixture.h"

#include <string.h>

/* --- both sides run --------------------------------------------------------------------- */

static void take_wc(struct rx *rx, const struct ibv_wc *wc)
{
	struct rx_queue *q = NULL;
	struct rx_response r = { 0 };

	for (unsigned i = 0; i < rx->queues->len && q == NULL; i++) {
		struct rx_queue *other = rx->queues->pdata[i];

		if (other->qp != NULL && rx->rnic->ops->qp_num(other->qp) == wc->qp_num)
			q = other;
	}
	if (q == NULL)
		return;
	if (wc->status == IBV_WC_WR_FLUSH_ERR)
		q->flushed++;
	else if (wc->status != IBV_WC_SUCCESS && q->send_error == 0)
		q->send_error = wc->status;
	if (wc->status != IBV_WC_SUCCESS || wc->opcode != IBV_WC_RECV)
		return;
	g_assert_cmpuint(wc->byte_len, ==, sizeof(r.cpl));
	memcpy(&r.cpl, q->memory + RX_SLOTS * RX_CAPSULE + wc->wr_id * sizeof(r.cpl),
	       sizeof(r.cpl));
	g_assert_cmphex(r.cpl.status & 1, ==, 0);
	r.invalidated = wc->wc_flags & IBV_WC_WITH_INV;
	r.key = r.invalidated ? wc->invalidated_rkey : 0;
	g_array_append_val(q->responses, r);
}

static unsigned pump(struct rx *rx)
{
	struct ibv_wc wc[16];
	int n = rx->cq != NULL ? rx->rnic->ops->cq_poll(rx->cq, 16, wc) : 0;

	for (int i = 0; i < n; i++)
		take_wc(rx, &wc[i]);
	return (unsigned)n;
}

void rx_run(struct rx *rx)
{
	bool busy;

	do {
		busy = pump(rx) > 0;
		for (unsigned i = 0; i < rx->core->nreactors; i++)
			busy |= reactor_pass(rx->core->reactors[i]) > 0;
		busy |= reactor_pass(core_main(rx->host)) > 0;
	} while (busy);
}

static uint64_t next_deadline(const struct rx *rx)
{
	uint64_t next = reactor_deadline(core_main(rx->host));

	for (unsigned i = 0; i < rx->core->nreactors; i++)
		next = MIN(next, reactor_deadline(rx->core->reactors[i]));
	return next;
}

void rx_time(struct rx *rx, uint64_t ns)
{
	uint64_t end = rx->target_hw->now + ns;

	rx_run(rx); /* what was asked for before begins now */
	while (rx->target_hw->now < end) {
		uint64_t next = CLAMP(next_deadline(rx), rx->target_hw->now + 1000, end);

		rx->target_hw->now = rx->host_hw->now = next;
		rx_run(rx);
	}
}

/* --- target ------------------------------------------------------------------------------------
 */

void rx_options_default(struct rx_options *o)
{
	*o = (struct rx_options){ .nreactors = 1, .max_inline = 256 };
	nvmf_transport_options_default(&o->transport);
	o->transport.max_srq_depth = 512;
}

static void expect_done(void *arg, const GError *error)
{
	g_assert_no_error(error);
	*(bool *)arg = true;
}

void rx_add_ns(struct rx *rx, uint32_t nsid, const char *bdev)
{
	struct nvmf_ns_options options = { .bdev_name = bdev, .nsid = nsid };
	bool done = false;

	nvmf_subsystem_add_ns(rx->subsystem, &options, NULL, expect_done, &done);
	rx_run(rx);
	g_assert_true(done);
}

static void start_target(struct rx *rx, const struct rx_options *o)
{
	const struct nvmf_subsystem_options subsystem = {
		.nqn = RX_NQN, .serial_number = "SN 1", .max_namespaces = 4, .allow_any_host = true
	};
	struct nvmf_trid trid;
	GError *error = NULL;

	rx->bdevs = bdev_layer_new(rx->core);
	rx->tgt = nvmf_tgt_new(rx->core, rx->bdevs, NULL);
	rx->transport = nvmf_transport_create(rx->tgt, "rdma", &o->transport, &error);
	g_assert_no_error(error);
	rx_run(rx); /* contexts of the other reactors, the device */
	rx->subsystem = nvmf_subsystem_create(rx->tgt, &subsystem, &error);
	g_assert_no_error(error);
	nvmf_trid_parse(&trid, "RDMA", NULL, RX_TARGET, RX_PORT, &error);
	g_assert_no_error(error);
	nvmf_subsystem_add_listener(rx->subsystem, &trid, &error);
	g_assert_no_error(error);
	bdev_malloc_create(rx->bdevs, "Malloc0", RX_BLOCKS, 512, NULL, &error);
	g_assert_no_error(error);
	bdev_null_create(rx->bdevs, "Null0", RX_BLOCKS, 512, NULL, &error);
	g_assert_no_error(error);
	rx_add_ns(rx, 1, "Malloc0");
	rx_add_ns(rx, 2, "Null0");
}

/* --- host ---------------------------------------------------------------------------------------
 */

static void added(struct rnic_watcher *w, struct rnic_device *dev)
{
	struct rx *rx = (struct rx *)((char *)w - offsetof(struct rx, watcher));

	rx->dev = dev;
}

static void no_event(struct rnic_watcher *w, struct rnic_device *dev, enum ibv_event_type type,
		     unsigned port)
{
	(void)w;
	(void)dev;
	(void)type;
	(void)port;
}

static void start_host(struct rx *rx)
{
	const struct hw_rnic_ops *ops = rx->rnic->ops;

	g_assert_cmpint(reactor_rnic_get(core_main(rx->host), &rx->ctx), ==, 0);
	rx->watcher.added = added;
	rx->watcher.event = no_event;
	ops->watch(rx->rnic, rx->ctx, &rx->watcher);
	rx_run(rx);
	g_assert_nonnull(rx->dev);
	g_assert_cmpint(ops->pd_alloc(rx->dev, &rx->pd), ==, 0);
	g_assert_cmpint(ops->cq_create(rx->ctx, rx->dev, 65536, NULL, NULL, &rx->cq), ==, 0);
	rx->area = g_malloc0(RX_AREA);
	g_assert_cmpint(ops->mr_reg(rx->pd, rx->area, RX_AREA, RX_IOVA,
				    IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
					    IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_MW_BIND,
				    &rx->mr),
			==, 0);
}

struct rx *rx_new(const struct rx_options *o)
{
	struct rx *rx = g_new0(struct rx, 1);
	struct rx_options usual;

	if (o == NULL) {
		rx_options_default(&usual);
		o = &usual;
	}
	rx->target_hw = fake_hw_new();
	rx->host_hw = fake_hw_new();
	rx->wire = wire_new(RX_TARGET, o->nreactors, "192.0.2.2", 1);
	rx->receives = RX_SLOTS;
	rx->target_rnic = wire_rnic_new(&rx->wire->ends[0], &rx->target_hw->hw,
					o->attr.max_qp > 0 ? &o->attr : NULL, o->max_inline);
	rx->rnic = wire_rnic_new(&rx->wire->ends[1], &rx->host_hw->hw, NULL, 256);
	rx->target_hw->hw.rnic = rx->target_rnic;
	rx->host_hw->hw.rnic = rx->rnic;
	rx->core = fake_core_new(rx->target_hw, o->nreactors, o->buf_limit);
	rx->host = fake_core_new(rx->host_hw, 1, 0);
	rx->queues = g_ptr_array_new();
	start_target(rx, o);
	start_host(rx);
	return rx;
}

static void stopped(void *arg)
{
	*(bool *)arg = true;
}

static void stop_target(struct rx *rx)
{
	GPtrArray *bdevs = bdev_layer_list(rx->bdevs);

	nvmf_tgt_shutdown(rx->tgt, stopped, &rx->stopped);
	rx_run(rx);
	if (!rx->stopped)
		rx_time(rx, UINT64_C(3000000000));
	g_assert_true(rx->stopped);
	while (bdevs->len > 0)
		bdev_unregister(g_ptr_array_index(bdevs, 0), NULL, NULL);
	rx_run(rx);
	nvmf_tgt_free(rx->tgt);
	bdev_layer_free(rx->bdevs);
}

void rx_free(struct rx *rx)
{
	const struct hw_rnic_ops *ops = rx->rnic->ops;

	stop_target(rx);
	while (rx->queues->len > 0)
		rx_queue_free(rx->queues->pdata[0]);
	g_ptr_array_unref(rx->queues);
	ops->cq_destroy(rx->cq);
	rx->cq = NULL;
	g_assert_cmpint(ops->mr_dereg(rx->mr), ==, 0);
	g_assert_cmpint(ops->pd_dealloc(rx->pd), ==, 0);
	ops->unwatch(rx->rnic, &rx->watcher);
	rx_run(rx);
	reactor_rnic_put(core_main(rx->host));
	core_free(rx->core);
	core_free(rx->host);
	roce_soft_free(rx->target_rnic);
	roce_soft_free(rx->rnic);
	wire_free(rx->wire);
	fake_hw_free(rx->target_hw);
	fake_hw_free(rx->host_hw);
	g_free(rx->area);
	g_free(rx);
}

/* --- queues
 * ---------------------------------------------------------------------------------------
 */

static void id_event(struct rnic_id *id, const struct rnic_cm_event *event, void *user)
{
	struct rx_queue *q = user;

	(void)id;
	switch (event->type) {
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		q->resolved = true;
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		q->established = true;
		break;
	case RDMA_CM_EVENT_REJECTED:
		q->reject = event->status;
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		q->disconnected = true;
		break;
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		break;
	default:
		q->over = true;
	}
	if (event->param.private_data_len > 0) {
		q->private_len = event->param.private_data_len;
		memcpy(q->private_data, event->param.private_data, q->private_len);
	}
}

static const struct rnic_id_cb id_cb = { .event = id_event };

static void post_receives(struct rx_queue *q)
{
	for (unsigned i = 0; i < q->rx->receives; i++) {
		struct ibv_sge sge = { .addr = q->iova + RX_SLOTS * RX_CAPSULE +
					       i * sizeof(struct nvme_cpl),
				       .length = sizeof(struct nvme_cpl),
				       .lkey = q->rx->rnic->ops->mr_lkey(q->mr) };
		struct ibv_recv_wr wr = { .wr_id = i, .sg_list = &sge, .num_sge = 1 }, *bad;

		g_assert_cmpint(q->rx->rnic->ops->post_recv(q->qp, &wr, &bad), ==, 0);
	}
}

static void make_qp(struct rx_queue *q)
{
	struct rnic_qp_init init = { .send_cq = q->rx->cq,
				     .recv_cq = q->rx->cq,
				     .cap = { .max_send_wr = RX_SLOTS,
					      .max_recv_wr = RX_SLOTS,
					      .max_send_sge = 1,
					      .max_recv_sge = 1 } };
	size_t len = RX_SLOTS * (RX_CAPSULE + sizeof(struct nvme_cpl));

	q->memory = g_malloc0(len);
	q->iova = RX_IOVA + ((uint64_t)(q->rx->queues->len + 1) << 30);
	g_assert_cmpint(q->rx->rnic->ops->mr_reg(q->rx->pd, q->memory, len, q->iova,
						 IBV_ACCESS_LOCAL_WRITE, &q->mr),
			==, 0);
	g_assert_cmpint(q->rx->rnic->ops->qp_create(q->id, q->rx->pd, &init, &q->qp), ==, 0);
	post_receives(q);
}

struct rx_queue *rx_connect_raw(struct rx *rx, const void *private_data, uint8_t len,
				uint8_t responder_resources)
{
	struct rx_queue *q = g_new0(struct rx_queue, 1);
	struct rdma_conn_param param = { .private_data = private_data,
					 .private_data_len = len,
					 .responder_resources = responder_resources,
					 .retry_count = 7,
					 .rnr_retry_count = 7 };
	struct net_addr to;

	q->rx = rx;
	q->responses = g_array_new(FALSE, FALSE, sizeof(struct rx_response));
	g_assert_true(net_addr_parse(&to, RX_TARGET, RX_PORT, NULL));
	g_assert_cmpint(rx->rnic->ops->id_resolve(rx->ctx, &to, NULL, 1000, &id_cb, q, &q->id), ==,
			0);
	rx_run(rx);
	g_assert_true(q->resolved);
	make_qp(q);
	g_ptr_array_add(rx->queues, q);
	g_assert_cmpint(rx->rnic->ops->connect(q->id, &param), ==, 0);
	rx_run(rx);
	return q;
}

struct rx_queue *rx_connect(struct rx *rx, uint16_t qid, uint16_t depth)
{
	const struct nvme_rdma_request req = { .qid = qid,
					       .hrqsize = depth,
					       .hsqsize = (uint16_t)(depth - 1),
					       .cntlid = qid != 0 ? rx->cntlid : 0 };

	return rx_connect_raw(rx, &req, sizeof(req), 16);
}

void rx_queue_free(struct rx_queue *q)
{
	const struct hw_rnic_ops *ops = q->rx->rnic->ops;

	g_ptr_array_remove(q->rx->queues, q);
	if (q->qp != NULL)
		ops->qp_destroy(q->qp);
	ops->id_destroy(q->id);
	g_assert_cmpint(ops->mr_dereg(q->mr), ==, 0);
	g_array_unref(q->responses);
	g_free(q->memory);
	rx_run(q->rx);
	g_free(q);
}

uint16_t rx_reject_status(const struct rx_queue *q)
{
	struct nvme_rdma_reject rej;

	g_assert_cmpint(q->reject, ==, RNIC_REJ_CONSUMER);
	g_assert_cmpuint(q->private_len, >=, sizeof(rej));
	memcpy(&rej, q->private_data, sizeof(rej));
	g_assert_cmpuint(rej.recfmt, ==, 0);
	return rej.sts;
}

/* --- commands
 * -------------------------------------------------------------------------------------
 */

struct nvme_cmd rx_cmd(uint8_t opcode, uint32_t nsid)
{
	struct nvme_cmd cmd = { .opcode = opcode, .flags = NVME_CMD_PSDT_SGL, .nsid = nsid };

	cmd.sgl.type = NVME_SGL_KEYED;
	return cmd;
}

struct nvme_sgl rx_keyed(const struct rx *rx, uint32_t at, uint32_t len)
{
	struct nvme_sgl sgl = { 0 };
	uint32_t key = rx->rnic->ops->mr_rkey(rx->mr);

	sgl.keyed.address = RX_IOVA + at;
	memcpy(sgl.keyed.length3, &len, 3);
	memcpy(sgl.keyed.key, &key, 4);
	sgl.keyed.type = NVME_SGL_KEYED;
	return sgl;
}

void rx_post_raw(struct rx_queue *q, const void *bytes, uint32_t len)
{
	uint32_t at = (q->next_capsule++ % RX_SLOTS) * RX_CAPSULE;
	struct ibv_sge sge = { .addr = q->iova + at,
			       .length = len,
			       .lkey = q->rx->rnic->ops->mr_lkey(q->mr) };
	struct ibv_send_wr wr = { .opcode = IBV_WR_SEND,
				  .sg_list = &sge,
				  .num_sge = 1,
				  .send_flags = IBV_SEND_SIGNALED },
			   *bad;

	g_assert_cmpuint(len, <=, RX_CAPSULE);
	if (len > 0)
		memcpy(q->memory + at, bytes, len);
	g_assert_cmpint(q->rx->rnic->ops->post_send(q->qp, &wr, &bad), ==, 0);
	q->sends++;
}

uint16_t rx_post(struct rx_queue *q, struct nvme_cmd *cmd, const void *data, uint32_t len)
{
	uint8_t capsule[RX_CAPSULE];

	cmd->cid = ++q->cid;
	memcpy(capsule, cmd, sizeof(*cmd));
	if (len > 0)
		memcpy(capsule + sizeof(*cmd), data, len);
	rx_post_raw(q, capsule, (uint32_t)sizeof(*cmd) + len);
	return cmd->cid;
}

const struct rx_response *rx_response(const struct rx_queue *q, uint16_t cid)
{
	for (unsigned i = 0; i < q->responses->len; i++) {
		const struct rx_response *r = &g_array_index(q->responses, struct rx_response, i);

		if (r->cpl.cid == cid)
			return r;
	}
	return NULL;
}

uint16_t rx_exec(struct rx_queue *q, struct nvme_cmd *cmd, const void *data, uint32_t len)
{
	uint16_t cid = rx_post(q, cmd, data, len);
	const struct rx_response *r;

	rx_run(q->rx);
	r = rx_response(q, cid);
	if (r == NULL && q->rx->lenient)
		return RX_NO_ANSWER;
	g_assert_nonnull(r);
	return r->cpl.status >> 1;
}

uint16_t rx_nvme_connect(struct rx_queue *q, uint16_t qid, uint16_t depth)
{
	struct nvme_connect_cmd connect = { .opcode = NVME_OP_FABRICS,
					    .flags = NVME_CMD_PSDT_SGL,
					    .fctype = NVME_FCTYPE_CONNECT,
					    .qid = qid,
					    .sqsize = (uint16_t)(depth - 1) };
	struct nvme_connect_data data = { .hostid = "0123456789abcde",
					  .cntlid =
						  qid == 0 ? NVME_CNTLID_DYNAMIC : q->rx->cntlid };
	struct nvme_cmd cmd;
	uint16_t status;

	g_strlcpy(data.subnqn, RX_NQN, sizeof(data.subnqn));
	g_strlcpy(data.hostnqn, RX_HOST, sizeof(data.hostnqn));
	memcpy(q->rx->area, &data, sizeof(data));
	connect.sgl = rx_keyed(q->rx, 0, sizeof(data));
	memcpy(&cmd, &connect, sizeof(cmd));
	status = rx_exec(q, &cmd, NULL, 0);
	if (status == NVME_SUCCESS && qid == 0)
		q->rx->cntlid = (uint16_t)rx_response(q, cmd.cid)->cpl.dw0;
	return status;
}

static void enable(struct rx_queue *q)
{
	struct nvme_property_cmd set = { .opcode = NVME_OP_FABRICS,
					 .flags = NVME_CMD_PSDT_SGL,
					 .fctype = NVME_FCTYPE_PROPERTY_SET,
					 .offset = NVME_REG_CC,
					 .value = 0x00460000u | NVME_CC_EN };
	struct nvme_cmd cmd;

	memcpy(&cmd, &set, sizeof(cmd));
	if (rx_exec(q, &cmd, NULL, 0) != NVME_SUCCESS)
		g_assert_true(q->rx->lenient);
}

struct rx_queue *rx_open(struct rx *rx, uint16_t qid, uint16_t depth)
{
	struct rx_queue *q = rx_connect(rx, qid, depth);

	if (rx->lenient && !q->established)
		return q;
	g_assert_cmpint(q->reject, ==, 0);
	g_assert_true(q->established);
	if (rx_nvme_connect(q, qid, depth) != NVME_SUCCESS)
		g_assert_true(rx->lenient);
	else if (qid == 0)
		enable(q);
	return q;
}

struct nvme_cmd rx_rw(const struct rx *rx, uint8_t opcode, uint32_t nsid, uint64_t lba,
		      uint32_t blocks, uint32_t at)
{
	struct nvme_cmd cmd = rx_cmd(opcode, nsid);

	cmd.sgl = rx_keyed(rx, at, blocks * 512);
	cmd.cdw10 = (uint32_t)lba;
	cmd.cdw11 = (uint32_t)(lba >> 32);
	cmd.cdw12 = blocks - 1;
	return cmd;
}

void rx_fill(uint8_t *to, uint32_t len, unsigned what)
{
	for (uint32_t i = 0; i < len; i++)
		to[i] = (uint8_t)(what * 37 + i * 11 + (i >> 9));
}

unsigned rx_connections(const struct rx *rx)
{
	return rx->tgt->connections;
}
