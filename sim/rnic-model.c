/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNICs by their names: limits that devices were seen to report (ibv_devinfo -v in public
 * bug reports, their drivers' headers). How many objects of a kind there may be is left
 * at what a world can use, where a device has more. Each of these limits may be another by
 * firmware and configuration: a model is an example of a device, not its data sheet.
 *
 * Nothing of a device's timing, packets or errors is modeled; all speak RoCE on the wire.
 */
#include "hw/roce/roce.h"
#include "sim/roce.h"

/* More pieces in a work request than hw/roce gathers would not be true. */
#define GATHER 16

struct model {
	const char *name;
	uint32_t max_inline;
	int qp_wr, sge, sge_rd, cqe;
	int srq_wr, srq_sge; /* srq_wr 0: no SRQs */
	int reads;
	int mw; /* type 2B; -1: none */
	bool iwarp, no_send_inv;
	int queues, regions; /* QPs and CQs, MRs; 0: as many as there are in a world */
	unsigned mtu;
};

static const struct model models[] = {
	/* hw/roce itself. */
	{ "soft", 256, 16384, GATHER, GATHER, 1 << 20, 65536, GATHER, 128, 4096, .mtu = 1024 },
	/*
	 * ConnectX-5: max_qp_wr 32768, max_sge 30, max_cqe 4194303, max_qp_rd_atom 16, max_srq_wr
	 * 32767, max_srq_sge 31, windows of type 2B. What fits inline depends on the queue pair and
	 * is not reported: 512 is assumed.
	 */
	{ "mlx5", 512, 32768, GATHER, GATHER, 4194303, 32767, GATHER, 16, 4096, .mtu = 1024 },
	/*
	 * ConnectX-3: max_qp_wr 16351, max_sge 32, max_srq_wr 16383. Says that it has windows of
	 * type 2B, and that there may be 0 of them. Inline: assumed.
	 */
	{ "mlx4", 512, 16351, GATHER, GATHER, 4194303, 16383, GATHER, 16, 0, .mtu = 1024 },
	/*
	 * FastLinQ 45000: max_qp_wr 32767, max_sge and max_sge_rd 4, max_cqe 8388480,
	 * max_qp_rd_atom 32, no windows, 256 bytes inline (ROCE_REQ_MAX_INLINE_DATA_SIZE). Its
	 * SRQs' limits are not known: those of queue pairs are assumed.
	 */
	{ "qedr", 256, 32767, 4, 4, 8388480, 32767, 4, 32, -1, .mtu = 1024 },
	/*
	 * The same with iWARP firmware. Not known: what fits inline (none is assumed), whether
	 * there are SRQs (none), READs at a time (as RoCE). Its provider posts SEND with
	 * Invalidate.
	 */
	{ "qedr-iwarp", 0, 32767, 4, 1, 8388480, 0, 0, 32, -1, .iwarp = true, .mtu = 1024 },
	/*
	 * X722 (i40iw), iWARP: 2048 work requests, 3 SGEs, 1 of a READ, 48 bytes inline, a CQ of
	 * 1048575, 63 READs (I40IW_MAX_IRD_SIZE). Without SRQs. That it does not take SEND with
	 * Invalidate is an assumption, for the sake of a model that does not.
	 */
	{ "i40iw", 48, 2048, 3, 1, 1048575, 0, 0, 63, -1, true, true, .mtu = 1024 },
	/*
	 * Linux rdma_rxe as of 5.x: max_qp_wr 16384, max_sge 32, max_cqe 32767, max_qp_rd_atom 128.
	 * The rest is assumed.
	 */
	{ "rxe", 256, 16384, GATHER, GATHER, 32767, 16384, GATHER, 128, 4096, .mtu = 1024 },
	/* No device: what just suffices for an admin and some I/O queues. */
	{ "tiny", 0, 4, 1, 1, 8, 0, 0, 1, -1, .queues = 16, .regions = 64, .mtu = 256 },
};

const char *const world_rnic_models[] = { "soft",  "mlx5", "mlx4", "qedr", "qedr-iwarp",
					  "i40iw", "rxe",  "tiny", NULL };
G_STATIC_ASSERT(G_N_ELEMENTS(world_rnic_models) == G_N_ELEMENTS(models) + 1);

static void fill(const struct model *m, struct ibv_device_attr *attr)
{
	unsigned lacks = 0;

	roce_attr_default(attr);
	attr->max_qp_wr = m->qp_wr;
	attr->max_sge = m->sge;
	attr->max_sge_rd = m->sge_rd;
	attr->max_cqe = m->cqe;
	attr->max_srq = m->srq_wr > 0 ? 4096 : 0;
	attr->max_srq_wr = m->srq_wr;
	attr->max_srq_sge = m->srq_sge;
	attr->max_qp_rd_atom = attr->max_qp_init_rd_atom = m->reads;
	attr->max_mw = MAX(m->mw, 0);
	attr->max_qp = attr->max_cq = m->queues > 0 ? m->queues : 4096;
	attr->max_mr = m->regions > 0 ? m->regions : 4096;
	if (m->mw < 0)
		lacks |= IBV_DEVICE_MEM_WINDOW_TYPE_2B;
	attr->device_cap_flags &= ~lacks;
}

void world_rnic_model(unsigned index, struct world_rnic_params *params)
{
	const struct model *m = &models[index];

	*params = (struct world_rnic_params){
		.reactors = 1,
		.mtu = m->mtu,
		.max_inline = m->max_inline,
		.rx_ring = 4096,
		.iwarp = m->iwarp,
		.no_send_inv = m->no_send_inv,
	};
	fill(m, &params->attr);
}

void world_rnic_params_default(struct world_rnic_params *params)
{
	world_rnic_model(0, params);
}
