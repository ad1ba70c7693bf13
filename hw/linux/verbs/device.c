/* SPDX-License-Identifier: BSD-3-Clause */
/* A device: what it can, its ports, who wants to know of it. Main reactor. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

#include "hw/linux/net-internal.h"
#include "hw/linux/verbs/internal.h"

/* Not in <infiniband/verbs.h>: bit 21, IB_DEVICE_MEM_MGT_EXTENSIONS of the kernel. */
#define MEM_MGT_EXTENSIONS (1u << 21)

static int numa_node(const struct ibv_device *device)
{
	g_autofree char *path = g_build_filename(device->ibdev_path, "device/numa_node", NULL);
	g_autofree char *text = NULL;
	gint64 node;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return -1;
	return g_ascii_string_to_signed(g_strstrip(text), 10, 0, INT_MAX, &node, NULL) ? (int)node
										       : -1;
}

struct rnic_device *verbs_device_new(struct verbs *verbs, struct ibv_context *context)
{
	struct rnic_device *dev = g_new0(struct rnic_device, 1);
	struct ibv_device_attr_ex attr = { 0 };

	dev->verbs = verbs;
	dev->context = context;
	dev->async.fd = -1;
	g_strlcpy(dev->node, context->device->dev_name, sizeof(dev->node));
	dev->info = (struct rnic_info){
		.kind = RNIC_VERBS,
		.transport = context->device->transport_type,
		.max_inline = VERBS_INLINE,
		.numa_node = numa_node(context->device),
	};
	g_strlcpy(dev->info.name, ibv_get_device_name(context->device), sizeof(dev->info.name));
	/* Of one that goes away meanwhile all limits are 0: nothing can be made of it. */
	if (ibv_query_device_ex(context, NULL, &attr) == 0)
		dev->info.attr = attr.orig_attr;
	dev->info.send_with_inv = dev->info.attr.device_cap_flags & MEM_MGT_EXTENSIONS;
	return dev;
}

void verbs_device_info(struct rnic_device *dev, struct rnic_info *info)
{
	*info = dev->info;
}

/* --- ports ---------------------------------------------------------------------------- */

/* Whether CM ids at this address are this port's: the CM is asked, for all kinds of RNICs. */
static bool is_of(const struct rnic_device *dev, unsigned port, struct sockaddr *addr)
{
	struct rdma_cm_id *id;
	bool is;

	if (rdma_create_id(dev->verbs->ctxs[0]->cm, &id, NULL, RDMA_PS_TCP) != 0)
		return false;
	is = rdma_bind_addr(id, addr) == 0 && id->verbs == dev->context && id->port_num == port;
	rdma_destroy_id(id);
	return is;
}

static void add_address(const struct rnic_device *dev, unsigned port, const struct ifaddrs *ifa,
			struct rnic_port *out)
{
	struct sockaddr_storage ss = { 0 };
	sa_family_t family = ifa->ifa_addr ? ifa->ifa_addr->sa_family : AF_UNSPEC;

	if (out->naddrs == G_N_ELEMENTS(out->addrs) || ifa->ifa_flags & IFF_LOOPBACK ||
	    (family != AF_INET && family != AF_INET6))
		return;
	memcpy(&ss, ifa->ifa_addr,
	       family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	if (is_of(dev, port, (struct sockaddr *)&ss))
		sockaddr_to_net(&ss, sizeof(ss), &out->addrs[out->naddrs++]);
}

bool verbs_device_port(struct rnic_device *dev, unsigned port, struct rnic_port *out)
{
	struct ifaddrs *all;

	*out = (struct rnic_port){ 0 };
	if (port == 0 || port > dev->info.attr.phys_port_cnt)
		return false;
	if (atomic_load(&dev->gone) ||
	    ibv_query_port(dev->context, (uint8_t)port, &out->attr) != 0) {
		out->attr.state = IBV_PORT_DOWN;
		return true;
	}
	if (getifaddrs(&all) != 0)
		return true;
	for (const struct ifaddrs *ifa = all; ifa; ifa = ifa->ifa_next)
		add_address(dev, port, ifa, out);
	freeifaddrs(all);
	return true;
}

/* --- watchers --------------------------------------------------------------------------- */

/* One that is to be told which devices there are. Until it was, it hears of none. */
struct verbs_watch {
	struct task task;
	struct verbs_watch *next;
	struct verbs *verbs;
	struct rnic_watcher *w;
};

static void drop_watch(struct verbs_watch *watch)
{
	struct verbs_watch **at = &watch->verbs->watches;

	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	g_free(watch);
}

static bool is_watching(const struct verbs *verbs, const struct rnic_watcher *watcher)
{
	const struct rnic_watcher *w = verbs->watchers;

	while (w && w != watcher)
		w = w->next;
	return w != NULL;
}

static void tell_added(struct task *task)
{
	struct verbs_watch *watch = (struct verbs_watch *)task;
	struct verbs *verbs = watch->verbs;
	struct rnic_watcher *w = watch->w;

	drop_watch(watch);
	w->next = verbs->watchers;
	verbs->watchers = w;
	for (struct rnic_device *dev = verbs->devices, *next; dev; dev = next) {
		next = dev->next;
		if (is_watching(verbs, w) && !dev->gone)
			w->added(w, dev);
	}
}

void verbs_watch(struct hw_rnic *rnic, struct rnic_ctx *ctx, struct rnic_watcher *w)
{
	struct verbs *verbs = (struct verbs *)rnic;
	struct verbs_watch *watching = g_new0(struct verbs_watch, 1);

	watching->task.fn = tell_added;
	watching->verbs = verbs;
	watching->w = w;
	watching->next = verbs->watches;
	verbs->watches = watching;
	reactor_run_soon(ctx->reactor, &watching->task);
}

void verbs_unwatch(struct hw_rnic *rnic, struct rnic_watcher *w)
{
	struct verbs *verbs = (struct verbs *)rnic;
	struct rnic_watcher **at = &verbs->watchers;

	for (struct verbs_watch *watch = verbs->watches; watch; watch = watch->next) {
		if (watch->w != w)
			continue;
		reactor_cancel_task(verbs->ctxs[0]->reactor, &watch->task);
		drop_watch(watch);
		return;
	}
	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

void verbs_device_done(struct rnic_device *dev)
{
	if (--dev->leaving > 0)
		return;
	verbs_device_remove(dev);
	verbs_device_free(dev);
}
