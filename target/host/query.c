/* SPDX-License-Identifier: BSD-3-Clause */
/* What callers may read of a controller. */
#include "target/host/priv.h"

unsigned host_ctrlr_qpairs(const struct host_ctrlr *c)
{
	return c->nqueues;
}

struct host_qpair *host_ctrlr_qpair(struct host_ctrlr *c, unsigned i)
{
	g_assert(i < c->nqueues);
	return c->queues[i];
}

uint32_t host_ctrlr_max_io(const struct host_ctrlr *c)
{
	return c->max_io;
}

const struct nvme_id_ctrlr *host_ctrlr_identify(const struct host_ctrlr *c)
{
	return c->id;
}

uint32_t host_ctrlr_version(const struct host_ctrlr *c)
{
	return c->vs;
}

uint64_t host_ctrlr_cap(const struct host_ctrlr *c)
{
	return c->cap;
}

uint16_t host_ctrlr_cntlid(const struct host_ctrlr *c)
{
	return c->cntlid;
}

const char *host_ctrlr_subnqn(const struct host_ctrlr *c)
{
	return c->subnqn;
}

unsigned host_ctrlr_namespaces(const struct host_ctrlr *c)
{
	return c->ns->len;
}

const struct host_ns *host_ctrlr_ns_at(const struct host_ctrlr *c, unsigned i)
{
	g_assert(i < c->ns->len);
	return &g_array_index(c->ns, struct host_ns, i);
}

const struct host_ns *host_ctrlr_ns(const struct host_ctrlr *c, uint32_t nsid)
{
	for (unsigned i = 0; i < c->ns->len; i++)
		if (host_ctrlr_ns_at(c, i)->nsid == nsid)
			return host_ctrlr_ns_at(c, i);
	return NULL;
}
