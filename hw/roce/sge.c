/* SPDX-License-Identifier: BSD-3-Clause */
/* Local memory that work requests name by lkey and IOVA. */
#include <errno.h>
#include <string.h>

#include "hw/roce/qp.h"

int roce_sge_pieces(const struct roce_qp *qp, const struct ibv_sge *sge, uint32_t n,
		    uint32_t offset, uint32_t len, int access, struct iovec *out, int max)
{
	int pieces = 0;

	for (uint32_t i = 0; i < n && len > 0; i++) {
		struct roce_region *region;
		uint32_t take;
		void *at;

		if (offset >= sge[i].length) {
			offset -= sge[i].length;
			continue;
		}
		take = MIN(sge[i].length - offset, len);
		region = roce_region_find(qp->shard->dev, sge[i].lkey);
		at = region && !region->window ? roce_region_at(region, qp->pd, qp->qpn,
								sge[i].addr + offset, take, access)
					       : NULL;
		if (!at || pieces == max)
			return -EINVAL;
		out[pieces++] = (struct iovec){ .iov_base = at, .iov_len = take };
		len -= take;
		offset = 0;
	}
	return len == 0 ? pieces : -EINVAL;
}

void roce_sge_scribble(struct roce_device *dev, const struct roce_pd *pd, uint32_t qpn,
		       const struct ibv_sge *sge, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct roce_region *region = roce_region_find(dev, sge[i].lkey);
		void *at = region && !region->window
				   ? roce_region_at(region, pd, qpn, sge[i].addr, sge[i].length,
						    IBV_ACCESS_LOCAL_WRITE)
				   : NULL;

		if (at)
			memset(at, 0xa5, sge[i].length);
	}
}

bool roce_sge_scatter(const struct roce_qp *qp, const struct ibv_sge *sge, uint32_t n, int access,
		      uint32_t offset, const uint8_t *data, uint32_t len)
{
	struct iovec to[ROCE_TX_IOV];
	int pieces = roce_sge_pieces(qp, sge, n, offset, len, access, to, ROCE_TX_IOV);

	for (int i = 0; i < pieces; i++) {
		memcpy(to[i].iov_base, data, to[i].iov_len);
		data += to[i].iov_len;
	}
	return pieces >= 0;
}
