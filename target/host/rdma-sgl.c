/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA, host side: the memory that a target may reach for a command (base 2.0, 4.1.2;
 * transport specification, 4): keyed SGLs, and the windows behind their keys.
 *
 * Only the first key of a list is for the target to invalidate: a response takes one. Windows are
 * bound to exactly the bytes of the command.
 */
#include <string.h>

#include "target/host/rdma.h"

struct piece {
	uint8_t *base;
	uint32_t len;
	const struct rnic_region *region;
};

/* --- pieces --------------------------------------------------------------------------------- */

/* Where the data is, neighbors as one. 0: in more than max pieces, or out of the RNIC's reach. */
static unsigned find_pieces(struct rdma_qpair *t, const struct host_io *io, struct piece *p,
			    unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < io->niov; i++) {
		const struct iovec *iov = &io->iov[i];

		if (iov->iov_len == 0)
			continue;
		if (n > 0 && p[n - 1].base + p[n - 1].len == iov->iov_base) {
			p[n - 1].len += (uint32_t)iov->iov_len;
			continue;
		}
		if (n == max)
			return 0;
		p[n++] = (struct piece){ .base = iov->iov_base, .len = (uint32_t)iov->iov_len };
	}
	for (unsigned i = 0; i < n; i++) {
		p[i].region = host_rdma_region(t, p[i].base, p[i].len);
		if (!p[i].region)
			return 0;
	}
	return n;
}

/* As one piece, of the bounce buffer. False: there is no room now. */
static bool bounce(struct rdma_qpair *t, struct host_slot *s, struct piece *p)
{
	if (!host_rdma_bounce(t, s))
		return false;
	p->base = t->slots[s - t->q.slots].bounce;
	p->len = s->len;
	p->region = host_rdma_region(t, p->base, p->len);
	return true;
}

/* --- windows -------------------------------------------------------------------------------- */

static int bind_window(struct rdma_qpair *t, const struct host_slot *s, struct rnic_mw *mw,
		       const struct piece *p, uint64_t iova, uint32_t *key)
{
	int access = s->xfer == NVME_XFER_H2C ? IBV_ACCESS_REMOTE_READ : IBV_ACCESS_REMOTE_WRITE;
	int rc;

	/* Never signaled: those of a batch are posted before its SENDs, which say when. */
	t->sq_used++;
	t->quiet++;
	if (s->xfer == NVME_XFER_BIDIR)
		access |= IBV_ACCESS_REMOTE_READ;
	rc = host_rdma_ops(t)->post_bind(t->qp, mw, p->region->mr, iova, p->len, access, 0, 0);
	*key = host_rdma_ops(t)->mw_rkey(mw);
	return rc;
}

void host_rdma_give_back(struct rdma_qpair *t, struct rdma_slot *r)
{
	while (r->nmore > 0)
		t->spare[t->nspare++] = r->more[--r->nmore];
}

/* --- descriptors ---------------------------------------------------------------------------- */

/* The i-th piece; with a window of its own, if there are any. 0 or an error of the RNIC. */
static int put_piece(struct rdma_qpair *t, const struct host_slot *s, unsigned i,
		     const struct piece *p, struct nvme_sgl *d)
{
	struct rdma_slot *r = &t->slots[s - t->q.slots];
	uint64_t iova = p->region->iova + (uint64_t)(p->base - p->region->base);
	uint32_t key = p->region->rkey;
	int rc = 0;

	*d = (struct nvme_sgl){ .type = NVME_SGL_KEYED };
	if (r->mw && i == 0) {
		rc = bind_window(t, s, r->mw, p, iova, &key);
		r->key = key;
		r->bound = true;
		d->type = NVME_SGL_KEYED_INVALIDATE;
	} else if (r->mw) {
		r->more[r->nmore++] = t->spare[--t->nspare];
		rc = bind_window(t, s, r->more[r->nmore - 1], p, iova, &key);
	}
	d->keyed.address = iova;
	for (unsigned k = 0; k < 3; k++)
		d->keyed.length3[k] = (uint8_t)(p->len >> 8 * k);
	memcpy(d->keyed.key, &key, sizeof(key));
	return rc;
}

static int put_list(struct rdma_qpair *t, const struct host_slot *s, const struct piece *p,
		    unsigned n, struct nvme_cmd *cmd)
{
	struct nvme_sgl *list = t->lists + (s - t->q.slots) * RDMA_PIECES;
	int rc = 0;

	cmd->sgl = (struct nvme_sgl){ .length = n * (uint32_t)sizeof(*list),
				      .type = NVME_SGL_LAST_SEGMENT | NVME_SGL_OFFSET };
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = put_piece(t, s, i, &p[i], &list[i]);
	return rc;
}

bool host_rdma_put_keyed(struct rdma_qpair *t, struct host_slot *s, struct nvme_cmd *cmd,
			 uint32_t *list, int *rc)
{
	struct piece pieces[RDMA_PIECES];
	unsigned n;

	*list = 0;
	cmd->sgl = (struct nvme_sgl){ .type = NVME_SGL_KEYED };
	if (s->len == 0 || s->xfer == NVME_XFER_NONE)
		return true;
	n = find_pieces(t, s->io, pieces, MAX(t->max_pieces, 1));
	if (n > 1 && t->device->windows && t->nspare < n - 1)
		n = 0;
	if (n > 1 && !host_rdma_room(t, n + 1))
		return false;
	if (n == 0) {
		if (!bounce(t, s, pieces))
			return false;
		n = 1;
	}
	if (n == 1) {
		*rc = put_piece(t, s, 0, pieces, &cmd->sgl);
		return true;
	}
	*rc = put_list(t, s, pieces, n, cmd);
	*list = cmd->sgl.length;
	return true;
}
