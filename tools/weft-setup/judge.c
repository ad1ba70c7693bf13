/* SPDX-License-Identifier: BSD-3-Clause */
/* What of a machine's RDMA is not right, and what would put it right. */
#include <errno.h>
#include <string.h>

#include "tools/weft-setup/findings.h"
#include "tools/weft-setup/rdma.h"

#define MIB (1024 * 1024)
#define LITTLE_LOCKED (256u * MIB) /* a reactor's buffers, queues, what providers lock */

struct judge {
	const struct rdma_look *look;
	GArray *findings;
	unsigned active; /* ports, on all devices */
};

#define SAY_OK(what, ...) findings_say(j->findings, FINDING_OK, what, NULL, __VA_ARGS__)
#define WARN(what, fix, ...) findings_say(j->findings, FINDING_WARNING, what, fix, __VA_ARGS__)
#define WRONG(what, fix, ...) findings_say(j->findings, FINDING_WRONG, what, fix, __VA_ARGS__)

/* --- ports ------------------------------------------------------------------------------ */

static const char *or_unknown(const char *text)
{
	return text ? text : "unknown";
}

static void judge_link(struct judge *j, const struct rdma_device *dev, const struct rdma_port *port)
{
	g_autofree char *up = port->netdev ? g_strdup_printf("ip link set %s up", port->netdev)
					   : g_strdup("ip link set INTERFACE up");
	const char *fix = up;

	if (port->active) {
		SAY_OK("link", "%s port %u is up: %s", dev->name, port->number,
		       port->rate ? port->rate : "its rate is not readable");
		return;
	}
	if (port->phys && strcmp(port->phys, "Disabled") != 0)
		fix = dev->kind == RDMA_INFINIBAND
			      ? "cable, switch, and a subnet manager (opensm)"
			      : "cable, transceiver and the switch's port (ethtool INTERFACE), "
				"same "
				"speed and FEC on both sides; and ip link set INTERFACE up";
	/* A second port may be meant to be without a cable. */
	findings_say(j->findings, j->active ? FINDING_WARNING : FINDING_WRONG, "link", fix,
		     "%s port %u is down: state %s, physical %s%s%s", dev->name, port->number,
		     or_unknown(port->state), or_unknown(port->phys),
		     port->netdev ? ", interface " : "", port->netdev ? port->netdev : "");
}

static void judge_gids(struct judge *j, const struct rdma_device *dev, const struct rdma_port *port)
{
	const char *first = NULL;
	g_autofree char *fix = NULL;
	unsigned v2 = 0;

	if (dev->kind != RDMA_ROCE)
		return;
	for (guint i = 0; i < port->gids->len; i++) {
		const struct rdma_gid *gid = port->gids->pdata[i];

		v2 += gid->v2;
		if (gid->v2 && !gid->link_local && !first)
			first = gid->address;
	}
	if (port->gids->len > 0 && v2 == 0) {
		WRONG("GIDs",
		      "switch RoCE v2 on: newer firmware, or mlx4_core with roce_mode=2 (1 is v1 "
		      "only)",
		      "%s port %u has GIDs of RoCE v1 only, which no router passes on and weft's "
		      "hosts do not expect",
		      dev->name, port->number);
	} else if (!first) {
		fix = g_strdup_printf("ip addr add ADDRESS/LENGTH dev %s",
				      port->netdev ? port->netdev : "INTERFACE");
		findings_say(j->findings, port->active ? FINDING_WARNING : FINDING_OK, "GIDs",
			     port->active ? fix : NULL,
			     "%s port %u has no address that can be listened on", dev->name,
			     port->number);
	} else {
		SAY_OK("GIDs", "%s port %u does RoCE v2, at %s", dev->name, port->number, first);
	}
}

static void judge_mtu(struct judge *j, const struct rdma_device *dev, const struct rdma_port *port)
{
	g_autofree char *fix = NULL;

	if (dev->kind != RDMA_ROCE || !port->netdev_mtu || !port->active)
		return;
	if (port->active_mtu >= 4096) {
		SAY_OK("MTU", "%s port %u sends %u bytes in a packet", dev->name, port->number,
		       port->active_mtu);
		return;
	}
	fix = g_strdup_printf("ip link set %s mtu 4200 (or 9000), on both sides and all switches "
			      "between",
			      port->netdev);
	if (port->active_mtu == 0)
		WRONG("MTU", fix, "%s port %u: an MTU of %u at %s is too small for RoCE", dev->name,
		      port->number, port->netdev_mtu, port->netdev);
	else
		WARN("MTU", fix,
		     "%s port %u sends only %u bytes in a packet: the MTU of %s is %u; 4096 need "
		     "4200",
		     dev->name, port->number, port->active_mtu, port->netdev, port->netdev_mtu);
}

static void judge_pfc(struct judge *j, const struct rdma_device *dev, const struct rdma_port *port)
{
	const struct rdma_flow *flow = &port->flow;
	g_autofree char *fix = NULL;

	if (flow->pfc == RDMA_UNREADABLE)
		SAY_OK("PFC", "%s port %u: not readable (%s)", dev->name, port->number,
		       flow->why ? flow->why : "no answer");
	else if (flow->pfc == RDMA_KNOWN && flow->priorities && flow->pause == RDMA_KNOWN &&
		 (flow->pause_rx || flow->pause_tx)) {
		fix = g_strdup_printf("ethtool -A %s autoneg off rx off tx off", port->netdev);
		WARN("PFC", fix,
		     "%s port %u has PFC and pause frames for everything, which exclude each "
		     "other",
		     dev->name, port->number);
	} else if (flow->pfc == RDMA_KNOWN && flow->priorities)
		SAY_OK("PFC", "%s port %u: on, priorities as a mask 0x%02x", dev->name,
		       port->number, flow->priorities);
	else if (flow->pause == RDMA_KNOWN && flow->pause_rx && flow->pause_tx)
		SAY_OK("PFC", "%s port %u: off; pause frames for everything are on", dev->name,
		       port->number);
	else if (dev->pci && port->active) {
		fix = g_strdup_printf("dcb pfc set dev %s prio-pfc 3:on, the switch and the other "
				      "side alike (docs/guide/rnics.md)",
				      port->netdev);
		WARN("PFC", fix,
		     "%s port %u: %s, so a full queue of the network loses packets, which RoCE "
		     "takes hard",
		     dev->name, port->number,
		     flow->pfc == RDMA_KNOWN ? "off on all priorities"
					     : "the driver offers none to the kernel's tools");
	}
}

static void judge_ecn(struct judge *j, const struct rdma_device *dev, const struct rdma_port *port)
{
	g_autofree char *fix = NULL;

	if (!port->flow.ecn) {
		SAY_OK("ECN", "%s port %u: not readable (no common interface; see the vendor's)",
		       dev->name, port->number);
	} else if (port->flow.ecn_on) {
		SAY_OK("ECN", "%s port %u: %s", dev->name, port->number, port->flow.ecn);
	} else {
		fix = g_strdup_printf("echo 1 > /sys/class/net/%s/ecn/roce_np/enable/3, and "
				      "roce_rp, for the priority of RDMA",
				      port->netdev);
		WARN("ECN", fix, "%s port %u: %s; DCQCN needs both sides", dev->name, port->number,
		     port->flow.ecn);
	}
}

/* --- the device ------------------------------------------------------------------------- */

static bool outside(const char *cpus, const uint8_t near[128])
{
	uint8_t bits[128];
	bool away = false;

	rdma_cpus(cpus, bits);
	for (unsigned i = 0; i < 128; i++) {
		if (bits[i] & near[i])
			return false;
		away |= bits[i] != 0;
	}
	return away;
}

static void judge_irqs(struct judge *j, const struct rdma_device *dev)
{
	unsigned far = 0, known = 0, same = 0;
	const char *first = NULL;
	g_autofree char *fix = NULL;
	uint8_t near[128];

	rdma_cpus(dev->cpus ? dev->cpus : "", near);
	for (guint i = 0; i < dev->irqs->len; i++) {
		const struct rdma_irq *irq = dev->irqs->pdata[i];

		if (!irq->cpus)
			continue;
		first = first ? first : irq->cpus;
		known++;
		same += strcmp(first, irq->cpus) == 0;
		far += dev->cpus && j->look->nodes > 1 && outside(irq->cpus, near);
	}
	if (known == 0) {
		if (dev->pci)
			SAY_OK("IRQs", "%s: their placement is not readable", dev->name);
	} else if (far > 0) {
		fix = g_strdup_printf("echo %s > /proc/irq/NUMBER/smp_affinity_list for each "
				      "(weft-setup rdma lists them), and keep irqbalance off them",
				      dev->cpus);
		WARN("IRQs", fix,
		     "%s: %u of %u interrupts come to processors of another NUMA node than %d",
		     dev->name, far, known, dev->numa);
	} else if (known > 1 && same == known && !strpbrk(first, ",-")) {
		WARN("IRQs",
		     "irqbalance, or a processor for each in /proc/irq/NUMBER/"
		     "smp_affinity_list",
		     "%s: all %u interrupts come to processor %s", dev->name, known, first);
	} else {
		SAY_OK("IRQs", "%s: %u, spread over processors near it", dev->name, known);
	}
}

static void judge_place(struct judge *j, const struct rdma_device *dev)
{
	if (dev->slower)
		WARN("PCIe",
		     "another slot; lspci -vv shows what card and slot can (LnkCap, LnkSta)",
		     "%s has a link that is less than it could be: %s", dev->name, dev->slower);
	if (dev->numa >= 0 && j->look->nodes > 1)
		SAY_OK("NUMA", "%s is at node %d: weftd -m [%s] puts reactors there", dev->name,
		       dev->numa, dev->cpus ? dev->cpus : "its processors");
	judge_irqs(j, dev);
}

static void judge_provider(struct judge *j, const struct rdma_device *dev)
{
	enum rdma_known known;

	if (!dev->provider) {
		WARN("provider", "rdma-core's list of providers (ibv_devinfo -d lists what works)",
		     "%s: it is not known which provider of libibverbs the driver %s needs",
		     dev->name, or_unknown(dev->driver));
		return;
	}
	known = rdma_provider(j->look, dev->provider);
	if (known == RDMA_UNREADABLE)
		SAY_OK("provider", "%s needs %s of libibverbs: not readable in this copy",
		       dev->name, dev->provider);
	else if (known == RDMA_UNSUPPORTED)
		WRONG("provider", "apt-get install ibverbs-providers",
		      "%s: libibverbs has no provider %s for it", dev->name, dev->provider);
	else
		SAY_OK("provider", "%s: libibverbs has %s", dev->name, dev->provider);
}

static void judge_node(struct judge *j, const char *dev, const char *node, const char *module)
{
	const struct rdma_user *user = &j->look->user;
	int err = rdma_may_open(j->look, node);
	g_autofree char *fix = NULL;

	if (j->look->copy && !tree_exists(j->look, "dev")) {
		SAY_OK("nodes", "%s: /dev/infiniband/%s is not readable in this copy", dev, node);
	} else if (err == ENOENT) {
		fix = g_strdup_printf("modprobe %s makes it (in a container it must be passed in, "
				      "with all of /dev/infiniband)",
				      module);
		WRONG("nodes", fix, "%s: there is no /dev/infiniband/%s", dev, node);
	} else if (err) {
		fix = g_strdup_printf("chmod 0666 /dev/infiniband/%s, or a rule of udev "
				      "(rdma-core has them)",
				      node);
		WRONG("nodes", fix, "%s: /dev/infiniband/%s may not be opened by user %u: %s", dev,
		      node, user->uid, user->name);
	} else {
		SAY_OK("nodes", "%s: %s may open /dev/infiniband/%s", dev, user->name, node);
	}
}

static void judge_device(struct judge *j, const struct rdma_device *dev)
{
	judge_provider(j, dev);
	if (dev->node)
		judge_node(j, dev->name, dev->node, "ib_uverbs");
	else
		WRONG("nodes", "modprobe ib_uverbs",
		      "%s: programs cannot use it, the kernel has no uverbs device for it",
		      dev->name);
	for (guint i = 0; i < dev->ports->len; i++) {
		const struct rdma_port *port = dev->ports->pdata[i];

		judge_link(j, dev, port);
		judge_gids(j, dev, port);
		judge_mtu(j, dev, port);
		if (dev->kind != RDMA_ROCE)
			continue;
		judge_pfc(j, dev, port);
		judge_ecn(j, dev, port);
	}
	judge_place(j, dev);
}

/* --- the machine ------------------------------------------------------------------------ */

static void judge_locked(struct judge *j)
{
	static const char fix[] = "LimitMEMLOCK=infinity in the unit of systemd, or ulimit -l "
				  "unlimited before weftd";
	const struct rdma_user *user = &j->look->user;

	if (!user->has_limit)
		SAY_OK("memlock", "how much memory may be locked is not readable");
	else if (user->locks || user->max_locked == UINT64_MAX)
		SAY_OK("memlock", "%s may lock as much memory as it likes", user->name);
	else
		findings_say(j->findings,
			     user->max_locked < LITTLE_LOCKED ? FINDING_WRONG : FINDING_WARNING,
			     "memlock", fix,
			     "%s may lock only %" G_GUINT64_FORMAT
			     " KiB; an RNIC reaches nothing but locked memory: buffers of each "
			     "reactor, and malloc bdevs",
			     user->name, user->max_locked / 1024);
}

static bool allows(const struct rdma_service *service, const char *what)
{
	for (guint i = 0; i < service->allowed->len; i++)
		if (strstr(service->allowed->pdata[i], what))
			return true;
	return false;
}

/* Of LimitMEMLOCK=, soft and hard if there is a colon. */
static enum finding_status enough_locked(const char *value)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;
	uint64_t n;

	if (!value)
		return FINDING_WRONG;
	if (g_str_has_prefix(value, "infinity"))
		return FINDING_OK;
	n = g_ascii_strtoull(value, &end, 10);
	unit = end != value && *end ? strchr(units, *end) : NULL;
	for (const char *u = units; unit && u <= unit; u++)
		n = n > UINT64_MAX / 1024 ? UINT64_MAX : n * 1024;
	return n < LITTLE_LOCKED ? FINDING_WRONG : FINDING_WARNING;
}

static void judge_service(struct judge *j)
{
	static const char fix[] = "copy weftd-rdma.conf, installed with weft, to "
				  "/etc/systemd/system/weftd.service.d/; systemctl daemon-reload";
	const struct rdma_service *service = &j->look->service;
	enum finding_status locked;

	if (!service->path || !j->look->user.of_service)
		return;
	if (service->no_devices)
		WRONG("service", fix, "%s has PrivateDevices=yes: it sees no /dev/infiniband",
		      service->path);
	else if ((service->closed || service->allowed->len > 0) &&
		 !(allows(service, "infiniband_verbs") && allows(service, "rdma_cm")))
		WRONG("service", fix,
		      "%s allows only some devices, and not those of /dev/infiniband",
		      service->path);
	else
		SAY_OK("service", "%s lets weftd use /dev/infiniband", service->path);
	locked = enough_locked(service->memlock);
	findings_say(j->findings, locked, "memlock",
		     locked == FINDING_OK ? NULL : "LimitMEMLOCK=infinity there",
		     "%s has LimitMEMLOCK=%s", service->path,
		     service->memlock ? service->memlock : "of the system, 8 MiB as a rule");
}

static void judge_libraries(struct judge *j)
{
	static const struct {
		const char *name, *package;
	} libraries[] = { { "libibverbs.so.1", "libibverbs1" },
			  { "librdmacm.so.1", "librdmacm1" } };

	for (unsigned i = 0; i < G_N_ELEMENTS(libraries); i++) {
		g_autofree char *fix = g_strdup_printf("apt-get install %s", libraries[i].package);
		enum rdma_known known = rdma_library(j->look, libraries[i].name);

		if (known == RDMA_UNSUPPORTED)
			WRONG("libraries", fix, "there is no %s", libraries[i].name);
		else if (known == RDMA_KNOWN)
			SAY_OK("libraries", "%s is there", libraries[i].name);
	}
}

static void judge_none(struct judge *j, bool wanted)
{
	findings_say(
		j->findings, wanted ? FINDING_WRONG : FINDING_WARNING, "devices",
		"load the driver of its RNIC (modprobe mlx5_ib, qedr, ...), or make a device of "
		"any interface: rdma link add rxe0 type rxe netdev IFACE; weftd --rnic soft "
		"needs none",
		"this machine has no RDMA device");
	if (!wanted)
		SAY_OK("software", "RoCE in software is there: weftd --rnic soft, or auto as "
				   "long as there is no device");
}

void rdma_judge(const struct rdma_look *look, bool wanted, GArray *findings)
{
	struct judge all = { .look = look, .findings = findings }, *j = &all;

	for (guint i = 0; i < look->unloaded->len; i++) {
		const char *text = look->unloaded->pdata[i];
		const char *colon = strstr(text, ": ");
		g_autofree char *fix =
			g_strdup_printf("%s; if it makes no device, RDMA is off in the card's "
					"firmware or its setup",
					colon + 2);

		WARN("driver", fix, "%.*s could do RDMA, its driver for that is not loaded",
		     (int)(colon - text), text);
	}
	if (look->devices->len == 0) {
		judge_none(j, wanted);
		return;
	}
	for (guint i = 0; i < look->devices->len; i++) {
		const struct rdma_device *dev = look->devices->pdata[i];

		for (guint n = 0; n < dev->ports->len; n++)
			all.active += ((const struct rdma_port *)dev->ports->pdata[n])->active;
	}
	for (guint i = 0; i < look->devices->len; i++)
		judge_device(j, look->devices->pdata[i]);
	judge_node(j, "connection manager", "rdma_cm", "rdma_ucm");
	judge_libraries(j);
	judge_locked(j);
	judge_service(j);
}
