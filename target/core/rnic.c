/* SPDX-License-Identifier: BSD-3-Clause */
/* See rnic.h. */
#include "target/core/rnic.h"

#include <errno.h>

int reactor_rnic_get(struct reactor *r, struct rnic_ctx **out)
{
	struct hw_rnic *rnic = r->hw->rnic;

	if (rnic == NULL)
		return -EOPNOTSUPP;
	if (r->rnic_users == 0) {
		int rc = rnic->ops->ctx_open(rnic, r, &r->rnic);

		if (rc < 0)
			return rc;
	}
	r->rnic_users++;
	*out = r->rnic;
	return 0;
}

void reactor_rnic_put(struct reactor *r)
{
	if (--r->rnic_users > 0)
		return;
	r->hw->rnic->ops->ctx_close(r->rnic);
	r->rnic = NULL;
}
