/* SPDX-License-Identifier: BSD-3-Clause */
/* See responder.h. What commands do. */
#include "tests/unit/host/responder-priv.h"

#include <string.h>

struct resp_ns *resp_ns(struct resp *r, uint32_t nsid)
{
	for (unsigned i = 0; i < RESP_NS_MAX; i++)
		if (nsid && r->ns[i].nsid == nsid)
			return &r->ns[i];
	return NULL;
}

/* Kept sorted: slot nsid - 1. */
void resp_add_ns(struct resp *r, uint32_t nsid, uint64_t blocks)
{
	struct resp_ns *ns = &r->ns[nsid - 1];

	g_assert_cmpuint(nsid, <=, RESP_NS_MAX);
	g_free(ns->data);
	*ns = (struct resp_ns){ .nsid = nsid, .blocks = blocks };
	memset(ns->uuid, (int)(0xa0 + nsid), 16);
	ns->data = g_malloc0(blocks * RESP_BLOCK);
}

void resp_del_ns(struct resp *r, uint32_t nsid)
{
	g_free(r->ns[nsid - 1].data);
	r->ns[nsid - 1] = (struct resp_ns){ 0 };
}

void resp_event(struct resp *r, uint32_t dw0)
{
	for (struct conn *c = r->conns; c; c = c->next)
		if (c->qid == 0 && !g_queue_is_empty(&c->aers)) {
			conn_resp(c, (uint16_t)GPOINTER_TO_UINT(g_queue_pop_head(&c->aers)), 0,
				  dw0);
			conn_flush(c);
		}
}

static void send_data(struct conn *c, uint16_t cid, const uint8_t *p, uint32_t len)
{
	struct resp *r = c->resp;

	for (uint32_t off = 0; off < len;) {
		uint32_t n = MIN(len - off, r->data_max);
		bool last = off + n == len;

		conn_data(c, cid, off, p + off, n,
			  last ? NVME_TCP_LAST_PDU |
					  (r->success_flag && c->qid ? NVME_TCP_DATA_SUCCESS : 0)
			       : 0);
		off += n;
	}
	if (!r->success_flag || !c->qid)
		conn_resp(c, cid, 0, 0);
}

/* --- fabrics ------------------------------------------------------------------------ */

static void on_connect(struct conn *c, const struct nvme_connect_cmd *cmd, const uint8_t *data)
{
	const struct nvme_connect_data *d = (const void *)data;
	struct resp *r = c->resp;

	g_assert_nonnull(data);
	c->qid = cmd->qid;
	if (strcmp(d->subnqn, "nqn.2024-01.test:no") == 0) {
		conn_resp(c, cmd->cid, NVME_SC_CONNECT_INVALID_PARAM | NVME_DNR,
			  NVME_CONNECT_IPO_DATA(subnqn));
	} else if (r->refuse_host) {
		conn_resp(c, cmd->cid, NVME_SC_CONNECT_INVALID_HOST | NVME_DNR, 0);
	} else {
		g_assert_cmpuint(d->cntlid, ==, cmd->qid ? 5 : 0xffff);
		r->io_qid_mask |= (uint16_t)(1u << cmd->qid);
		conn_resp(c, cmd->cid, 0, cmd->qid && r->cntlid ? r->cntlid : 5);
	}
}

static void on_property(struct conn *c, const struct nvme_property_cmd *cmd)
{
	struct resp *r = c->resp;
	uint64_t value = 0;

	if (cmd->fctype == NVME_FCTYPE_PROPERTY_SET) {
		g_assert_cmpuint(cmd->offset, ==, NVME_REG_CC);
		r->cc = (uint32_t)cmd->value;
		if (NVME_CC_SHN(r->cc))
			r->shutdowns++;
	} else if (cmd->offset == NVME_REG_CAP) {
		value = r->mqes | 1u << 16 | 1u << 24 | 1ull << 37;
	} else if (cmd->offset == NVME_REG_VS) {
		value = 0x20000;
	} else {
		value = (r->cc & NVME_CC_EN && !r->never_ready ? NVME_CSTS_RDY : 0) |
			(r->fatal ? NVME_CSTS_CFS : 0) |
			(NVME_CC_SHN(r->cc) && !r->never_shut ? NVME_CSTS_SHST_COMPLETE : 0);
	}
	conn_resp(c, cmd->cid, 0, value);
}

static void on_fabrics(struct conn *c, const struct nvme_cmd *cmd, const uint8_t *data)
{
	if (nvme_cmd_fctype(cmd) == NVME_FCTYPE_CONNECT)
		on_connect(c, (const void *)cmd, data);
	else
		on_property(c, (const void *)cmd);
}

/* --- admin ---------------------------------------------------------------------------- */

static void identify(struct conn *c, const struct nvme_cmd *cmd)
{
	struct resp *r = c->resp;
	struct resp_ns *ns = resp_ns(r, cmd->nsid);
	g_autofree uint8_t *page = g_malloc0(4096);
	struct nvme_id_ctrlr *id = (void *)page;
	struct nvme_id_ns *idn = (void *)page;
	unsigned n = 0;

	switch (cmd->cdw10 & 0xff) {
	case NVME_CNS_CTRLR:
		nvme_pad(id->sn, "SN1", sizeof(id->sn));
		nvme_pad(id->mn, "responder", sizeof(id->mn));
		id->mdts = r->mdts;
		id->oaes = NVME_OAES_NS_ATTR | NVME_OAES_DISCOVERY;
		id->aerl = 1;
		id->ioccsz = 4 + r->capsule / 16;
		id->iorcsz = 1;
		break;
	case NVME_CNS_ACTIVE_NS:
		for (unsigned i = 0; i < RESP_NS_MAX; i++)
			if (r->ns[i].nsid > cmd->nsid)
				((uint32_t *)page)[n++] = r->ns[i].nsid;
		break;
	case NVME_CNS_NS:
		if (ns) {
			idn->nsze = idn->ncap = idn->nuse = ns->blocks;
			idn->lbaf[0].lbads = 9;
		}
		break;
	default:
		g_assert_cmpuint(cmd->cdw10 & 0xff, ==, NVME_CNS_NS_DESC);
		if (ns) {
			page[0] = NVME_NIDT_UUID;
			page[1] = 16;
			memcpy(page + 4, ns->uuid, 16);
		}
	}
	send_data(c, cmd->cid, page, 4096);
}

static void get_log(struct conn *c, const struct nvme_cmd *cmd)
{
	struct resp *r = c->resp;
	uint32_t len = ((cmd->cdw10 >> 16) + 1) * 4;
	uint64_t off = cmd->cdw12 | (uint64_t)cmd->cdw13 << 32;
	g_autofree uint8_t *log = g_malloc0((r->nlog + 1) * 1024 + off + len);
	struct nvme_discovery_log *h = (void *)log;
	struct nvme_discovery_entry *e = (void *)(h + 1);

	r->log_reads++;
	if ((cmd->cdw10 & 0xff) == NVME_LOG_DISCOVERY) {
		h->genctr = r->genctr_moves ? r->genctr++ : r->genctr;
		h->numrec = r->claim_numrec ? r->claim_numrec : r->nlog;
		for (uint32_t i = 0; i < r->nlog; i++)
			g_snprintf(e[i].subnqn, sizeof(e[i].subnqn), "nqn.2024-01.test:%u", i);
	}
	g_assert_cmpuint(len, ==, cmd->sgl.length);
	send_data(c, cmd->cid, log + off, len);
}

static void admin(struct conn *c, const struct nvme_cmd *cmd)
{
	struct resp *r = c->resp;
	uint32_t q = MIN(cmd->cdw11 & 0xffff, r->queues - 1u);

	switch (cmd->opcode) {
	case NVME_ADMIN_IDENTIFY:
		identify(c, cmd);
		break;
	case NVME_ADMIN_GET_LOG_PAGE:
		get_log(c, cmd);
		break;
	case NVME_ADMIN_SET_FEATURES:
		conn_resp(c, cmd->cid, 0, cmd->cdw10 == NVME_FEAT_QUEUES ? q | q << 16 : 0);
		break;
	case NVME_ADMIN_AER:
		g_queue_push_tail(&c->aers, GUINT_TO_POINTER(cmd->cid));
		break;
	case NVME_ADMIN_KEEP_ALIVE:
		r->keep_alives++;
		conn_resp(c, cmd->cid, 0, 0);
		break;
	default:
		conn_resp(c, cmd->cid, NVME_SC_INVALID_OPCODE | NVME_DNR, 0);
	}
}

/* --- I/O -------------------------------------------------------------------------------- */

static void write_cmd(struct conn *c, const struct nvme_cmd *cmd, uint8_t *to, uint32_t len)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(c->xfer); i++) {
		if (c->xfer[i].used)
			continue;
		c->xfer[i].used = true;
		c->xfer[i].cid = cmd->cid;
		c->xfer[i].to = to;
		c->xfer[i].off = 0;
		c->xfer[i].len = len;
		c->xfer[i].window = MIN(len, c->resp->r2t_max);
		conn_r2t(c, cmd->cid, (uint16_t)(i + 1), 0, c->xfer[i].window);
		return;
	}
	g_assert_not_reached();
}

void conn_h2c_data(struct conn *c, const struct nvme_tcp_data *h, const uint8_t *data)
{
	unsigned i = h->ttag - 1u;
	uint32_t n;

	g_assert_cmpuint(i, <, G_N_ELEMENTS(c->xfer));
	if (c->resp->answer_early) {
		if (c->xfer[i].used)
			conn_resp(c, h->cccid, NVME_SC_WRITE_FAULT, 0);
		c->xfer[i].used = false;
		return;
	}
	g_assert_true(c->xfer[i].used);
	g_assert_cmpuint(h->cccid, ==, c->xfer[i].cid);
	g_assert_cmpuint(h->datao, ==, c->xfer[i].off);
	g_assert_cmpuint(h->datal, <=, c->resp->maxh2c);
	g_assert_cmpuint(h->datao + h->datal, <=, c->xfer[i].window);
	memcpy(c->xfer[i].to + h->datao, data, h->datal);
	c->xfer[i].off += h->datal;
	g_assert_cmpint(!!(h->hdr.flags & NVME_TCP_LAST_PDU), ==,
			c->xfer[i].off == c->xfer[i].window);
	if (c->xfer[i].off == c->xfer[i].len) {
		c->xfer[i].used = false;
		conn_resp(c, h->cccid, 0, 0);
	} else if (c->xfer[i].off == c->xfer[i].window) {
		n = MIN(c->xfer[i].len - c->xfer[i].off, c->resp->r2t_max);
		c->xfer[i].window += n;
		conn_r2t(c, h->cccid, h->ttag, c->xfer[i].off, n);
	}
}

void conn_serve(struct conn *c, const struct nvme_cmd *cmd, const uint8_t *data, uint32_t len)
{
	struct resp_ns *ns = resp_ns(c->resp, cmd->nsid);
	uint32_t bytes = nvme_cmd_nlb(cmd) * RESP_BLOCK;

	if (cmd->opcode == NVME_OP_FABRICS) {
		on_fabrics(c, cmd, data);
	} else if (c->qid == 0) {
		admin(c, cmd);
	} else if (!ns) {
		conn_resp(c, cmd->cid, NVME_SC_INVALID_NS | NVME_DNR, 0);
	} else if (cmd->opcode == NVME_CMD_FLUSH) {
		conn_resp(c, cmd->cid, 0, 0);
	} else if (nvme_cmd_slba(cmd) + nvme_cmd_nlb(cmd) > ns->blocks) {
		conn_resp(c, cmd->cid, NVME_SC_LBA_RANGE | NVME_DNR, 0);
	} else if (cmd->opcode == NVME_CMD_READ) {
		g_assert_cmpuint(cmd->sgl.type, ==, NVME_SGL_TRANSPORT);
		g_assert_cmpuint(cmd->sgl.length, ==, bytes);
		send_data(c, cmd->cid, ns->data + nvme_cmd_slba(cmd) * RESP_BLOCK, bytes);
	} else if (data) {
		g_assert_cmpuint(cmd->sgl.type, ==, NVME_SGL_OFFSET);
		g_assert_cmpuint(len, ==, bytes);
		g_assert_cmpuint(len, <=, c->resp->capsule);
		memcpy(ns->data + nvme_cmd_slba(cmd) * RESP_BLOCK, data, bytes);
		conn_resp(c, cmd->cid, 0, 0);
	} else {
		g_assert_cmpuint(cmd->sgl.type, ==, NVME_SGL_TRANSPORT);
		write_cmd(c, cmd, ns->data + nvme_cmd_slba(cmd) * RESP_BLOCK, bytes);
	}
}
