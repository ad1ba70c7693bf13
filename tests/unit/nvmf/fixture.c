/* SPDX-License-Identifier: BSD-3-Clause */
/* See fixture.h. */
#include "tests/unit/nvmf/fixture.h"

#include <string.h>

/* --- the transport ------------------------------------------------------------------------ */

static bool listen_ok(struct nvmf_port *port, GError **error)
{
	(void)port;
	(void)error;
	return true;
}

static void unlisten(struct nvmf_port *port)
{
	(void)port;
}

static void complete(struct nvmf_request *req)
{
	struct fx_req *r = (struct fx_req *)req;
	struct fx_req **p = &((struct fx_queue *)req->qpair)->executing;
	uint32_t at = 0;

	g_assert_false(r->done);
	g_assert_cmphex(req->rsp.status & 1, ==, 0);
	g_assert_cmphex(req->rsp.cid, ==, req->cmd.cid);
	while (*p != r)
		p = &(*p)->next;
	*p = r->next;
	r->done = true;
	r->status = req->rsp.status >> 1;
	r->value = req->rsp.value;
	if (r->status == NVME_SUCCESS && req->xfer == NVME_XFER_C2H && req->niov > 0) {
		r->len = req->data_len;
		r->data = g_malloc(r->len);
		for (unsigned i = 0; i < req->niov; i++) {
			memcpy(r->data + at, req->iov[i].iov_base, req->iov[i].iov_len);
			at += (uint32_t)req->iov[i].iov_len;
		}
		g_assert_cmpuint(at, ==, r->len);
	}
	nvmf_request_release(req);
}

static void detach(struct nvmf_qpair *q)
{
	(void)q;
}

static bool succeed(struct nvmf_qpair *q)
{
	(void)q;
	return true;
}

static void killed(struct nvmf_qpair *q)
{
	struct fx_queue *fq = (struct fx_queue *)q;

	g_assert_false(fq->killed);
	fq->killed = true;
}

static void free_queue(struct nvmf_qpair *q)
{
	struct fx_queue *fq = (struct fx_queue *)q;

	g_assert_true(fq->killed);
	*fq->self = NULL;
	if (fq->self == &fq->fx->admin)
		fq->fx->ctrlr = NULL;
	g_free(fq);
}

static void each(struct nvmf_qpair *q, void (*fn)(struct nvmf_request *req, void *arg), void *arg)
{
	for (struct fx_req *r = ((struct fx_queue *)q)->executing; r != NULL; r = r->next)
		fn(&r->req, arg);
}

static void peer_of(struct nvmf_qpair *q, struct net_addr *peer)
{
	(void)q;
	g_assert_true(net_addr_parse(peer, "192.0.2.7", "50000", NULL));
}

static void local_of(struct nvmf_qpair *q, struct net_addr *local)
{
	*local = ((struct fx_queue *)q)->fx->local;
}

static const struct nvmf_transport_ops fx_ops = {
	.name = "TCP",
	.trtype = NVME_TRTYPE_TCP,
	.listen = listen_ok,
	.unlisten = unlisten,
	.complete = complete,
	.qpair_detach = detach,
	.qpair_attach = succeed,
	.qpair_enable = succeed,
	.qpair_kill = killed,
	.qpair_free = free_queue,
	.qpair_each = each,
	.qpair_peer = peer_of,
	.qpair_local = local_of,
};

/* --- target --------------------------------------------------------------------------------- */

void fx_run(struct fx *fx)
{
	fake_core_run(fx->core);
}

static void parse(struct nvmf_trid *trid, const char *traddr, const char *trsvcid)
{
	GError *error = NULL;

	nvmf_trid_parse(trid, "TCP", NULL, traddr, trsvcid, &error);
	g_assert_no_error(error);
}

void fx_listen(struct nvmf_subsystem *s, const char *traddr, const char *trsvcid)
{
	struct nvmf_trid trid;
	GError *error = NULL;

	parse(&trid, traddr, trsvcid);
	nvmf_subsystem_add_listener(s, &trid, &error);
	g_assert_no_error(error);
}

static void expect_done(void *arg, const GError *error)
{
	g_assert_no_error(error);
	*(bool *)arg = true;
}

void fx_unlisten(struct nvmf_subsystem *s, const char *traddr, const char *trsvcid)
{
	struct nvmf_trid trid;
	bool done = false;

	parse(&trid, traddr, trsvcid);
	nvmf_subsystem_remove_listener(s, &trid, expect_done, &done);
	fake_core_run(s->tgt->core);
	g_assert_true(done);
}

void fx_add_ns(struct fx *fx, uint32_t nsid, uint64_t blocks, uint32_t physical)
{
	g_autofree char *name = g_strdup_printf("Null%u", nsid);
	struct nvmf_ns_options options = { .bdev_name = name, .nsid = nsid };
	GError *error = NULL;
	struct bdev *bdev = bdev_find(fx->bdevs, name);
	bool done = false;

	if (bdev == NULL)
		bdev = bdev_null_create(fx->bdevs, name, blocks, 512, NULL, &error);
	g_assert_no_error(error);
	bdev->physical_block_size = physical;
	nvmf_subsystem_add_ns(fx->subsystem, &options, NULL, expect_done, &done);
	fx_run(fx);
	g_assert_true(done);
}

void fx_remove_ns(struct fx *fx, uint32_t nsid)
{
	bool done = false;

	nvmf_subsystem_remove_ns(fx->subsystem, nsid, expect_done, &done);
	fx_run(fx);
	g_assert_true(done);
}

struct fx *fx_new(unsigned nreactors)
{
	const struct nvmf_subsystem_options options = {
		.nqn = FX_NQN,
		.serial_number = "SN 1",
		.model_number = "a model",
		.max_namespaces = FX_MAX_NS,
		.allow_any_host = true,
	};
	struct fx *fx = g_new0(struct fx, 1);
	GError *error = NULL;

	fx->fake = fake_hw_new();
	fx->core = fake_core_new(fx->fake, nreactors, 0);
	fx->bdevs = bdev_layer_new(fx->core);
	fx->tgt = nvmf_tgt_new(fx->core, fx->bdevs, NULL);
	fx->transport = g_new0(struct nvmf_transport, 1);
	fx->transport->ops = &fx_ops;
	fx->transport->tgt = fx->tgt;
	fx->transport->ports = g_ptr_array_new();
	nvmf_transport_options_default(&fx->transport->options);
	g_ptr_array_add(fx->tgt->transports, fx->transport);
	fx->subsystem = nvmf_subsystem_create(fx->tgt, &options, &error);
	g_assert_no_error(error);
	fx_listen(fx->subsystem, "127.0.0.1", "4420");
	g_assert_true(net_addr_parse(&fx->local, "127.0.0.1", "4420", NULL));
	fx_run(fx);
	return fx;
}

struct fx *fx_new_ready(unsigned nreactors)
{
	struct fx *fx = fx_new(nreactors);

	g_assert_cmphex(fx_connect_admin(fx, FX_NQN, 0), ==, NVME_SUCCESS);
	fx_set_cc(fx, FX_CC_EN);
	g_assert_cmphex(fx_csts(fx), ==, NVME_CSTS_RDY);
	return fx;
}

static void stopped(void *arg)
{
	*(bool *)arg = true;
}

void fx_free(struct fx *fx)
{
	GPtrArray *bdevs = bdev_layer_list(fx->bdevs);

	if (fx->last != NULL)
		fx_req_free(fx->last);
	nvmf_tgt_shutdown(fx->tgt, stopped, &fx->stopped);
	fx_run(fx);
	g_assert_true(fx->stopped);
	g_assert_null(fx->admin);
	while (bdevs->len > 0)
		bdev_unregister(g_ptr_array_index(bdevs, 0), NULL, NULL);
	fx_run(fx);
	nvmf_tgt_free(fx->tgt);
	bdev_layer_free(fx->bdevs);
	core_free(fx->core);
	fake_hw_free(fx->fake);
	g_free(fx);
}

static struct nvme_cmd property_cmd(uint8_t fctype, uint32_t offset, uint8_t attrib, uint64_t value)
{
	struct nvme_property_cmd cmd = {
		.opcode = NVME_OP_FABRICS,
		.flags = NVME_CMD_PSDT_SGL,
		.fctype = fctype,
		.attrib = attrib,
		.offset = offset,
		.value = value,
	};
	struct nvme_cmd sqe;

	memcpy(&sqe, &cmd, sizeof(sqe));
	return sqe;
}

/* --- queues ----------------------------------------------------------------------------------- */

static uint16_t do_connect(struct fx_queue *q, const char *subnqn, const char *hostnqn,
			   uint16_t qid, uint16_t cntlid, uint32_t kato_ms)
{
	struct nvme_connect_cmd cmd = {
		.opcode = NVME_OP_FABRICS,
		.flags = NVME_CMD_PSDT_SGL,
		.fctype = NVME_FCTYPE_CONNECT,
		.qid = qid,
		.sqsize = 31,
		.kato = kato_ms,
	};
	struct nvme_connect_data data = { .hostid = "0123456789abcde", .cntlid = cntlid };
	struct nvme_cmd sqe;
	struct fx_req *r;
	uint16_t status;

	g_strlcpy(data.subnqn, subnqn, sizeof(data.subnqn));
	g_strlcpy(data.hostnqn, hostnqn, sizeof(data.hostnqn));
	memcpy(&sqe, &cmd, sizeof(sqe));
	r = fx_send(q, &sqe, NVME_XFER_H2C, &data, sizeof(data));
	fx_run(q->fx);
	g_assert_true(r->done);
	status = r->status;
	fx_req_free(r);
	return status;
}

static struct fx_queue *accept_queue(struct fx *fx, struct fx_queue **self, unsigned port)
{
	struct fx_queue *q = g_new0(struct fx_queue, 1);

	g_assert_null(*self);
	q->fx = fx;
	q->self = self;
	*self = q;
	nvmf_qpair_init(&q->q, g_ptr_array_index(fx->transport->ports, port), core_main(fx->core));
	return q;
}

uint16_t fx_connect_admin(struct fx *fx, const char *subnqn, uint32_t kato_ms)
{
	struct fx_queue *q = accept_queue(fx, &fx->admin, 0);
	uint16_t status = do_connect(q, subnqn, FX_HOST, 0, NVME_CNTLID_DYNAMIC, kato_ms);

	fx->ctrlr = fx->admin != NULL ? q->q.ctrlr : NULL;
	return status;
}

uint16_t fx_connect_io(struct fx *fx, uint16_t qid)
{
	struct fx_queue *q = accept_queue(fx, &fx->io[qid], 0);
	uint16_t status = do_connect(q, FX_NQN, FX_HOST, qid, fx->ctrlr->cntlid, 0);

	if (status != NVME_SUCCESS)
		fx_drop(q);
	fx_run(fx);
	return status;
}

uint16_t fx_connect_as(struct fx *fx, struct fx_queue **slot, unsigned port, const char *subnqn,
		       const char *hostnqn)
{
	struct fx_queue *q = accept_queue(fx, slot, port);
	uint16_t status = do_connect(q, subnqn, hostnqn, 0, NVME_CNTLID_DYNAMIC, 0);
	struct nvme_cmd cmd;
	struct fx_req *r;

	if (status != NVME_SUCCESS) {
		fx_drop(q);
		return status;
	}
	cmd = property_cmd(NVME_FCTYPE_PROPERTY_SET, NVME_REG_CC, 0, FX_CC_EN);
	r = fx_exec_on(q, &cmd, NVME_XFER_NONE, NULL, 0);
	assert_status(r, NVME_SUCCESS);
	fx_req_free(r);
	return status;
}

uint16_t fx_connect_io_as(struct fx_queue *admin, struct fx_queue **slot, uint16_t qid)
{
	const struct nvmf_ctrlr *c = admin->q.ctrlr;
	struct fx_queue *q = accept_queue(admin->fx, slot, 0);
	uint16_t status;

	q->q.portid = c->portid;
	status = do_connect(q, c->subsystem->nqn, c->hostnqn, qid, c->cntlid, 0);
	if (status != NVME_SUCCESS)
		fx_drop(q);
	return status;
}

void fx_drop(struct fx_queue *q)
{
	struct fx *fx = q->fx;

	nvmf_qpair_kill(&q->q);
	fx_run(fx);
}

/* --- commands -----------------------------------------------------------------------------------
 */

struct nvme_cmd fx_cmd(uint8_t opcode, uint32_t nsid, uint32_t cdw10, uint32_t cdw11)
{
	return (struct nvme_cmd){
		.opcode = opcode,
		.flags = NVME_CMD_PSDT_SGL,
		.cid = 0x1234,
		.nsid = nsid,
		.cdw10 = cdw10,
		.cdw11 = cdw11,
	};
}

struct fx_req *fx_send(struct fx_queue *q, const struct nvme_cmd *cmd, enum nvme_xfer xfer,
		       const void *data, uint32_t len)
{
	struct fx_req *r = g_new0(struct fx_req, 1);

	r->req.qpair = &q->q;
	r->req.cmd = *cmd;
	r->req.xfer = (uint8_t)xfer;
	r->req.data_len = len;
	if (xfer == NVME_XFER_H2C && data != NULL) {
		r->iov = (struct iovec){ g_memdup2(data, len), len };
		r->req.iov = &r->iov;
		r->req.niov = 1;
	}
	r->next = q->executing;
	q->executing = r;
	nvmf_request_exec(&r->req);
	return r;
}

void fx_req_free(struct fx_req *r)
{
	g_assert_true(r->done);
	g_free(r->iov.iov_base);
	g_free(r->data);
	g_free(r);
}

struct fx_req *fx_exec_on(struct fx_queue *q, const struct nvme_cmd *cmd, enum nvme_xfer xfer,
			  const void *data, uint32_t len)
{
	struct fx_req *r = fx_send(q, cmd, xfer, data, len);

	fx_run(q->fx);
	g_assert_true(r->done);
	return r;
}

struct fx_req *fx_exec(struct fx *fx, const struct nvme_cmd *cmd, const void *data, uint32_t len)
{
	if (fx->last != NULL)
		fx_req_free(fx->last);
	fx->last =
		fx_send(fx->admin, cmd, len > 0 ? nvme_cmd_xfer(cmd) : NVME_XFER_NONE, data, len);
	fx_run(fx);
	g_assert_true(fx->last->done);
	return fx->last;
}

struct fx_req *fx_get_log(struct fx *fx, uint8_t lid, bool keep, uint64_t offset, uint32_t len)
{
	uint32_t numd = len / 4 - 1;
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_GET_LOG_PAGE, NVME_NSID_ALL,
				     lid | (keep ? 1u << 15 : 0) | numd << 16, numd >> 16);

	cmd.cdw12 = (uint32_t)offset;
	cmd.cdw13 = (uint32_t)(offset >> 32);
	return fx_exec(fx, &cmd, NULL, len);
}

static struct fx_req *property(struct fx *fx, uint8_t fctype, uint32_t offset, uint8_t attrib,
			       uint64_t value)
{
	struct nvme_cmd cmd = property_cmd(fctype, offset, attrib, value);

	return fx_exec(fx, &cmd, NULL, 0);
}

struct fx_req *fx_property_get(struct fx *fx, uint32_t offset, uint8_t attrib)
{
	return property(fx, NVME_FCTYPE_PROPERTY_GET, offset, attrib, 0);
}

struct fx_req *fx_property_set(struct fx *fx, uint32_t offset, uint8_t attrib, uint64_t value)
{
	return property(fx, NVME_FCTYPE_PROPERTY_SET, offset, attrib, value);
}

uint32_t fx_csts(struct fx *fx)
{
	struct fx_req *r = fx_property_get(fx, NVME_REG_CSTS, 0);

	assert_status(r, NVME_SUCCESS);
	return (uint32_t)r->value;
}

void fx_set_cc(struct fx *fx, uint32_t cc)
{
	assert_status(fx_property_set(fx, NVME_REG_CC, 0, cc), NVME_SUCCESS);
}

struct fx_req *fx_send_aer(struct fx *fx, uint16_t cid)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_AER, 0, 0, 0);

	cmd.cid = cid;
	return fx_send(fx->admin, &cmd, NVME_XFER_NONE, NULL, 0);
}
