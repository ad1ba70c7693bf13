/* SPDX-License-Identifier: BSD-3-Clause */
/* Which RDMA devices there are, with their ports and GIDs: /sys/class/infiniband. */
#include <arpa/inet.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "tools/weft-setup/rdma.h"

#define CLASS "sys/class/infiniband"
#define MAX_GIDS 1024

/* --- GIDs ------------------------------------------------------------------------------- */

static void gid_free(void *p)
{
	struct rdma_gid *gid = p;

	g_free(gid->type);
	g_free(gid->address);
	g_free(gid->netdev);
	g_free(gid);
}

/* False: it is empty, or no GID. */
static bool read_address(struct rdma_gid *gid, const char *text)
{
	char shown[INET6_ADDRSTRLEN];
	struct in6_addr addr;

	if (inet_pton(AF_INET6, text, &addr) != 1 || IN6_IS_ADDR_UNSPECIFIED(&addr))
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&addr))
		inet_ntop(AF_INET, &addr.s6_addr[12], shown, sizeof(shown));
	else
		inet_ntop(AF_INET6, &addr, shown, sizeof(shown));
	gid->link_local = IN6_IS_ADDR_LINKLOCAL(&addr);
	gid->address = g_strdup(shown);
	return true;
}

static void read_gids(const struct rdma_look *look, const char *dev, struct rdma_port *port)
{
	g_autoptr(GPtrArray) names = tree_names(look, CLASS "/%s/ports/%u/gids", dev, port->number);

	for (guint i = 0; i < names->len && port->gids->len < MAX_GIDS; i++) {
		const char *name = names->pdata[i];
		g_autofree char *text =
			tree_read(look, CLASS "/%s/ports/%u/gids/%s", dev, port->number, name);
		struct rdma_gid *gid;
		uint64_t index;

		if (!text || !tree_number(name, &index))
			continue;
		gid = g_new0(struct rdma_gid, 1);
		gid->index = (unsigned)index;
		if (!read_address(gid, text)) {
			gid_free(gid);
			continue;
		}
		gid->type = tree_read(look, CLASS "/%s/ports/%u/gid_attrs/types/%s", dev,
				      port->number, name);
		gid->netdev = tree_read(look, CLASS "/%s/ports/%u/gid_attrs/ndevs/%s", dev,
					port->number, name);
		gid->v2 = gid->type && strcmp(gid->type, "RoCE v2") == 0;
		g_ptr_array_add(port->gids, gid);
	}
}

/* --- ports ------------------------------------------------------------------------------ */

static void port_free(void *p)
{
	struct rdma_port *port = p;

	g_free(port->state);
	g_free(port->phys);
	g_free(port->layer);
	g_free(port->rate);
	g_free(port->netdev);
	g_free(port->flow.ecn);
	g_ptr_array_unref(port->gids);
	g_free(port);
}

/* "4: ACTIVE" without the number. */
static char *after_number(char *text)
{
	const char *colon = text ? strchr(text, ':') : NULL;
	char *rest = g_strdup(colon ? g_strchug(text + (colon - text) + 1) : text);

	g_free(text);
	return rest;
}

/* Of an interface of the device, the one with that number of a port, or the only one. */
static char *netdev_of_parent(const struct rdma_look *look, const char *dev, unsigned port)
{
	g_autoptr(GPtrArray) names = tree_names(look, CLASS "/%s/device/net", dev);

	for (guint i = 0; i < names->len; i++) {
		g_autofree char *text =
			tree_read(look, "sys/class/net/%s/dev_port", (char *)names->pdata[i]);
		uint64_t number;

		if (names->len == 1 || (tree_number(text, &number) && number + 1 == port))
			return g_strdup(names->pdata[i]);
	}
	/* rdma_rxe */
	return tree_read(look, CLASS "/%s/parent", dev);
}

static char *netdev_of(const struct rdma_look *look, const char *dev, const struct rdma_port *port)
{
	for (guint i = 0; i < port->gids->len; i++) {
		const struct rdma_gid *gid = port->gids->pdata[i];

		if (gid->netdev && *gid->netdev)
			return g_strdup(gid->netdev);
	}
	return netdev_of_parent(look, dev, port->number);
}

/* What drivers make of an interface's MTU: as large as fits beside all headers. */
static unsigned roce_mtu(unsigned netdev_mtu)
{
	const unsigned headers = 96;

	for (unsigned mtu = 4096; mtu >= 256; mtu /= 2)
		if (netdev_mtu >= mtu + headers)
			return mtu;
	return 0;
}

static void read_netdev(const struct rdma_look *look, struct rdma_device *dev,
			struct rdma_port *port)
{
	g_autofree char *text = NULL;
	uint64_t mtu;

	port->netdev = netdev_of(look, dev->name, port);
	if (!port->netdev)
		return;
	text = tree_read(look, "sys/class/net/%s/mtu", port->netdev);
	if (tree_number(text, &mtu) && mtu <= UINT_MAX)
		port->netdev_mtu = (unsigned)mtu;
	if (dev->kind == RDMA_ROCE)
		port->active_mtu = roce_mtu(port->netdev_mtu);
}

static void read_port(const struct rdma_look *look, struct rdma_device *dev, unsigned number)
{
	struct rdma_port *port = g_new0(struct rdma_port, 1);
	const char *name = dev->name;

	port->number = number;
	port->gids = g_ptr_array_new_with_free_func(gid_free);
	port->state = after_number(tree_read(look, CLASS "/%s/ports/%u/state", name, number));
	port->phys = after_number(tree_read(look, CLASS "/%s/ports/%u/phys_state", name, number));
	port->layer = tree_read(look, CLASS "/%s/ports/%u/link_layer", name, number);
	port->rate = tree_read(look, CLASS "/%s/ports/%u/rate", name, number);
	port->active = port->state && strcmp(port->state, "ACTIVE") == 0;
	if (port->layer && strcmp(port->layer, "InfiniBand") == 0)
		dev->kind = RDMA_INFINIBAND;
	read_gids(look, name, port);
	read_netdev(look, dev, port);
	rdma_flow(look, dev, port);
	g_ptr_array_add(dev->ports, port);
}

/* --- devices ---------------------------------------------------------------------------- */

static void device_free(void *p)
{
	struct rdma_device *dev = p;

	g_free(dev->name);
	g_free(dev->driver);
	g_free(dev->pci);
	g_free(dev->firmware);
	g_free(dev->board);
	g_free(dev->node);
	g_free(dev->cpus);
	g_free(dev->slower);
	g_ptr_array_unref(dev->ports);
	g_ptr_array_unref(dev->irqs);
	g_free(dev);
}

/* Drivers of the PCI device, with the module that makes it an RNIC and libibverbs' part. */
static const struct {
	const char *driver, *module, *provider;
} drivers[] = {
	{ "mlx5_core", "mlx5_ib", "mlx5" },
	{ "mlx4_core", "mlx4_ib", "mlx4" },
	{ "qede", "qedr", "qedr" },
	{ "bnxt_en", "bnxt_re", "bnxt_re" },
	{ "ice", "irdma", "irdma" },
	{ "i40e", "irdma", "irdma" },
	{ "cxgb4", "iw_cxgb4", "cxgb4" },
	{ "hns3", "hns_roce_hw_v2", "hns" },
	{ "efa", "efa", "efa" },
	{ "rdma_rxe", "rdma_rxe", "rxe" },
	{ "siw", "siw", "siw" },
};

static char *node_of(const struct rdma_look *look, const char *dev)
{
	g_autoptr(GPtrArray) names = tree_names(look, "sys/class/infiniband_verbs");

	for (guint i = 0; i < names->len; i++) {
		const char *name = names->pdata[i];
		g_autofree char *of = tree_read(look, "sys/class/infiniband_verbs/%s/ibdev", name);

		if (of && strcmp(of, dev) == 0)
			return g_strdup(name);
	}
	return NULL;
}

/* One without hardware has no driver of a bus: Linux has two kinds, of different transports. */
static char *driver_of(const struct rdma_look *look, const struct rdma_device *dev)
{
	if (dev->pci)
		return tree_link(look, CLASS "/%s/device/driver", dev->name);
	return g_strdup(dev->kind == RDMA_IWARP ? "siw" : "rdma_rxe");
}

static void read_device(struct rdma_look *look, const char *name)
{
	g_autoptr(GPtrArray) ports = tree_names(look, CLASS "/%s/ports", name);
	struct rdma_device *dev = g_new0(struct rdma_device, 1);
	g_autofree char *type = tree_read(look, CLASS "/%s/node_type", name);
	uint64_t number;

	dev->name = g_strdup(name);
	dev->numa = -1;
	dev->kind = type && *type == '4' ? RDMA_IWARP : RDMA_ROCE;
	dev->ports = g_ptr_array_new_with_free_func(port_free);
	dev->pci = tree_link(look, CLASS "/%s/device", name);
	dev->driver = driver_of(look, dev);
	dev->firmware = tree_read(look, CLASS "/%s/fw_ver", name);
	dev->board = tree_read(look, CLASS "/%s/board_id", name);
	dev->node = node_of(look, name);
	for (unsigned i = 0; dev->driver && i < G_N_ELEMENTS(drivers); i++)
		if (strcmp(dev->driver, drivers[i].driver) == 0)
			dev->provider = drivers[i].provider;
	for (guint i = 0; i < ports->len; i++)
		if (tree_number(ports->pdata[i], &number) && number > 0 && number < 256)
			read_port(look, dev, (unsigned)number);
	rdma_place(look, dev);
	g_ptr_array_add(look->devices, dev);
}

/* Hardware that could do RDMA, of whose driver only the part for Ethernet is there. */
static void find_unloaded(struct rdma_look *look)
{
	g_autoptr(GPtrArray) slots = tree_names(look, "sys/bus/pci/devices");

	for (guint i = 0; i < slots->len; i++) {
		const char *slot = slots->pdata[i];
		g_autofree char *driver = tree_link(look, "sys/bus/pci/devices/%s/driver", slot);
		g_autofree char *class = tree_read(look, "sys/bus/pci/devices/%s/class", slot);

		/* Network controllers only. */
		if (!driver || !class || !g_str_has_prefix(class, "0x02") ||
		    tree_exists(look, "sys/bus/pci/devices/%s/infiniband", slot))
			continue;
		for (unsigned n = 0; n < G_N_ELEMENTS(drivers); n++)
			if (strcmp(driver, drivers[n].driver) == 0)
				g_ptr_array_add(look->unloaded,
						g_strdup_printf("%s (%s): modprobe %s", slot,
								driver, drivers[n].module));
	}
}

struct rdma_look *rdma_look_new(const char *root, pid_t pid)
{
	struct rdma_look *look = g_new0(struct rdma_look, 1);
	g_autoptr(GPtrArray) names = NULL, nodes = NULL;

	look->root = g_strdup(root ? root : "");
	look->copy = root != NULL;
	look->devices = g_ptr_array_new_with_free_func(device_free);
	look->unloaded = g_ptr_array_new_with_free_func(g_free);
	nodes = tree_names(look, "sys/devices/system/node");
	for (guint i = 0; i < nodes->len; i++)
		look->nodes += g_str_has_prefix(nodes->pdata[i], "node") &&
			       g_ascii_isdigit(((char *)nodes->pdata[i])[4]);
	names = tree_names(look, CLASS);
	for (guint i = 0; i < names->len; i++)
		read_device(look, names->pdata[i]);
	find_unloaded(look);
	rdma_user(look, pid);
	rdma_service(look);
	return look;
}

void rdma_look_free(struct rdma_look *look)
{
	g_ptr_array_unref(look->devices);
	g_ptr_array_unref(look->unloaded);
	g_free(look->user.name);
	g_array_unref(look->user.groups);
	g_free(look->service.path);
	g_free(look->service.memlock);
	g_ptr_array_unref(look->service.allowed);
	g_free(look->root);
	g_free(look);
}

const struct rdma_device *rdma_device_at(const struct rdma_look *look, const char *address)
{
	for (guint i = 0; i < look->devices->len; i++) {
		const struct rdma_device *dev = look->devices->pdata[i];

		for (guint n = 0; n < dev->ports->len; n++) {
			const struct rdma_port *port = dev->ports->pdata[n];

			for (guint g = 0; g < port->gids->len; g++) {
				const struct rdma_gid *gid = port->gids->pdata[g];

				if (strcmp(gid->address, address) == 0)
					return dev;
			}
		}
	}
	return NULL;
}

bool rdma_present(const char *name)
{
	g_autofree char *path = g_build_filename("/" CLASS, name, NULL);
	GDir *dir = g_dir_open(path, 0, NULL);
	bool any = dir && g_dir_read_name(dir);

	if (dir)
		g_dir_close(dir);
	return any;
}
