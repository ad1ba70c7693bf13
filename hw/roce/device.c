/* SPDX-License-Identifier: BSD-3-Clause */
/* The device: its limits, its addresses, its shards. */
#include <errno.h>
#include <string.h>

#include "hw/roce/shard.h"

void roce_attr_default(struct ibv_device_attr *attr)
{
	*attr = (struct ibv_device_attr){
		.fw_ver = "0.1",
		.max_mr_size = UINT64_C(1) << 40,
		.page_size_cap = 0xfffff000,
		.max_qp = 65536,
		.max_qp_wr = 16384,
		.device_cap_flags = IBV_DEVICE_MEM_WINDOW_TYPE_2B | IBV_DEVICE_RC_RNR_NAK_GEN |
				    IBV_DEVICE_SYS_IMAGE_GUID | IBV_DEVICE_MEM_MGT_EXTENSIONS,
		.max_sge = 16,
		.max_sge_rd = 16,
		.max_cq = 65536,
		.max_cqe = 1 << 20,
		.max_mr = 65536,
		.max_pd = 4096,
		.max_qp_rd_atom = 128,
		.max_qp_init_rd_atom = 128,
		.max_mw = 65536,
		.max_srq = 4096,
		.max_srq_wr = 65536,
		.max_srq_sge = 16,
		.max_pkeys = 1,
		.phys_port_cnt = 1,
	};
}

/* No queue pairs at all: nobody has said anything of the limits. */
static void fill_limits(struct ibv_device_attr *attr)
{
	struct ibv_device_attr usual;

	roce_attr_default(&usual);
	if (attr->max_qp == 0)
		*attr = usual;
}

static bool bad(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool bad(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	return weft_error_set(error, -EINVAL, NULL, "%s", text);
}

static bool check_params(const struct roce_params *p, GError **error)
{
	if (p->nshards == 0 || p->nshards > ROCE_MAX_SHARDS)
		return bad(error, "%u shards: 1 to %d are possible", p->nshards, ROCE_MAX_SHARDS);
	if (p->mtu < ROCE_MTU_MIN || p->mtu > ROCE_MTU_MAX || (p->mtu & (p->mtu - 1)))
		return bad(error, "path MTU %u: 256, 512, 1024, 2048 or 4096 expected", p->mtu);
	if (p->max_inline > 4096)
		return bad(error, "%u bytes inline: at most 4096", p->max_inline);
	return true;
}

struct roce_device *roce_device_new(const struct roce_params *params, struct roce_binding *binding,
				    GError **error)
{
	struct roce_device *dev;

	if (!check_params(params, error))
		return NULL;
	dev = g_new0(struct roce_device, 1);
	dev->params = *params;
	dev->params.name = dev->name = g_strdup(params->name);
	dev->binding = binding;
	fill_limits(&dev->params.attr);
	dev->nregions = (uint32_t)(dev->params.attr.max_mr + dev->params.attr.max_mw + 1);
	dev->regions = g_malloc0_n(dev->nregions, sizeof(*dev->regions));
	dev->variants = g_malloc0(dev->nregions);
	atomic_init(&dev->active, true);
	atomic_init(&dev->mtu, params->mtu);
	g_mutex_init(&dev->addr_lock);
	dev->shards = g_new0(struct roce_shard, params->nshards);
	for (unsigned i = 0; i < params->nshards; i++)
		roce_shard_init(&dev->shards[i], dev, i);
	return dev;
}

void roce_device_free(struct roce_device *dev)
{
	for (unsigned i = 0; i < dev->params.nshards; i++)
		roce_shard_clear(&dev->shards[i]);
	g_free(dev->shards);
	g_mutex_clear(&dev->addr_lock);
	g_free(dev->regions);
	g_free(dev->variants);
	g_free(dev->name);
	g_free(dev);
}

const struct roce_params *roce_device_params(const struct roce_device *dev)
{
	return &dev->params;
}

struct roce_shard *roce_device_shard(struct roce_device *dev, unsigned index)
{
	return &dev->shards[index];
}

void roce_device_set_mtu(struct roce_device *dev, unsigned mtu)
{
	atomic_store(&dev->mtu, mtu);
}

unsigned roce_device_mtu(const struct roce_device *dev)
{
	return atomic_load(&dev->mtu);
}

void roce_device_set_port(struct roce_device *dev, bool active)
{
	atomic_store(&dev->active, active);
}

bool roce_device_port_active(const struct roce_device *dev)
{
	return atomic_load(&dev->active);
}

void roce_device_set_torn(struct roce_device *dev, bool torn)
{
	atomic_store(&dev->torn, torn);
}

/* --- addresses ---------------------------------------------------------------------------- */

static unsigned find_addr(const struct roce_device *dev, const struct net_addr *addr)
{
	unsigned i = 0;

	while (i < dev->naddrs && !net_addr_same_host(&dev->addrs[i], addr))
		i++;
	return i;
}

int roce_device_add_addr(struct roce_device *dev, const struct net_addr *addr)
{
	int rc = 0;

	g_mutex_lock(&dev->addr_lock);
	if (find_addr(dev, addr) < dev->naddrs) {
		rc = -EEXIST;
	} else if (dev->naddrs == G_N_ELEMENTS(dev->addrs)) {
		rc = -ENOSPC;
	} else {
		dev->addrs[dev->naddrs] = *addr;
		dev->addrs[dev->naddrs++].port = 0;
	}
	g_mutex_unlock(&dev->addr_lock);
	return rc;
}

int roce_device_remove_addr(struct roce_device *dev, const struct net_addr *addr)
{
	unsigned i;
	bool found;

	g_mutex_lock(&dev->addr_lock);
	i = find_addr(dev, addr);
	found = i < dev->naddrs;
	if (found) {
		dev->naddrs--;
		memmove(&dev->addrs[i], &dev->addrs[i + 1],
			(dev->naddrs - i) * sizeof(dev->addrs[0]));
	}
	g_mutex_unlock(&dev->addr_lock);
	return found ? 0 : -ENOENT;
}

unsigned roce_device_addrs(struct roce_device *dev, struct net_addr *out, unsigned max)
{
	unsigned n;

	g_mutex_lock(&dev->addr_lock);
	n = MIN(max, dev->naddrs);
	memcpy(out, dev->addrs, n * sizeof(*out));
	g_mutex_unlock(&dev->addr_lock);
	return n;
}
