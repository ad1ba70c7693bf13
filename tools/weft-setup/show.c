/* SPDX-License-Identifier: BSD-3-Clause */
/* What there is, for people and for programs. */
#include <string.h>

#include "tools/weft-setup/findings.h"
#include "tools/weft-setup/rdma.h"

static const char *const kind_names[] = { "RoCE", "iWARP", "InfiniBand" };
static const char *const known_names[] = { "not readable", "not supported", "known" };

/* Names come from files: no line of ours is broken by one. */
static void show(const char *format, ...) G_GNUC_PRINTF(1, 2);
static void show(const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	for (char *c = text; *c; c++)
		if (g_ascii_iscntrl(*c))
			*c = '?';
	g_print("%s\n", text);
}

static char *priorities(uint8_t mask)
{
	g_autoptr(GString) s = g_string_new(NULL);

	for (unsigned n = 0; n < 8; n++)
		if (mask >> n & 1)
			g_string_append_printf(s, "%s%u", s->len ? "," : "", n);
	return g_strdup(s->len ? s->str : "none");
}

static char *pfc_text(const struct rdma_flow *flow)
{
	g_autofree char *list = priorities(flow->priorities);

	if (flow->pfc == RDMA_KNOWN)
		return g_strdup_printf("priorities %s", list);
	if (flow->pfc == RDMA_UNREADABLE && flow->why)
		return g_strdup_printf("not readable (%s)", flow->why);
	return g_strdup(known_names[flow->pfc]);
}

static char *pause_text(const struct rdma_flow *flow)
{
	if (flow->pause != RDMA_KNOWN)
		return g_strdup(known_names[flow->pause]);
	return g_strdup_printf("rx %s, tx %s", flow->pause_rx ? "on" : "off",
			       flow->pause_tx ? "on" : "off");
}

static void print_port(const struct rdma_device *dev, const struct rdma_port *port)
{
	g_autofree char *pfc = pfc_text(&port->flow), *pause = pause_text(&port->flow);
	g_autofree char *netdev =
		port->netdev ? g_strdup_printf(", %s with MTU %u", port->netdev, port->netdev_mtu)
			     : g_strdup("");
	g_autofree char *mtu = port->active_mtu ? g_strdup_printf("%u", port->active_mtu)
						: g_strdup("not readable");

	show("  port %u: %s, %s, %s, %s%s", port->number, port->state ? port->state : "unknown",
	     port->phys ? port->phys : "unknown", port->layer ? port->layer : "unknown",
	     port->rate ? port->rate : "rate unknown", netdev);
	if (dev->kind != RDMA_IWARP)
		show("    active MTU: %s", mtu);
	for (guint i = 0; i < port->gids->len; i++) {
		const struct rdma_gid *gid = port->gids->pdata[i];

		show("    GID %u: %s %s%s%s", gid->index, gid->type ? gid->type : "type unknown",
		     gid->address, gid->netdev ? " at " : "", gid->netdev ? gid->netdev : "");
	}
	if (dev->kind == RDMA_ROCE)
		show("    PFC: %s; pause: %s; ECN: %s", pfc, pause,
		     port->flow.ecn ? port->flow.ecn : "not readable");
}

static void print_device(const struct rdma_device *dev)
{
	g_autofree char *numa = dev->numa >= 0
					? g_strdup_printf("NUMA node %d (processors %s)", dev->numa,
							  dev->cpus ? dev->cpus : "unknown")
					: g_strdup("no NUMA node");

	show("%s: %s, driver %s, firmware %s%s%s, %s, %s", dev->name, kind_names[dev->kind],
	     dev->driver ? dev->driver : "unknown",
	     dev->firmware && *dev->firmware ? dev->firmware : "unknown",
	     dev->board ? ", board " : "", dev->board ? dev->board : "",
	     dev->pci ? dev->pci : "no PCI device", numa);
	for (guint i = 0; i < dev->ports->len; i++)
		print_port(dev, dev->ports->pdata[i]);
	for (guint i = 0; i < dev->irqs->len; i++) {
		const struct rdma_irq *irq = dev->irqs->pdata[i];

		show("  IRQ %u: %s, processors %s, came %" G_GUINT64_FORMAT " times", irq->number,
		     irq->name, irq->cpus ? irq->cpus : "not readable", irq->count);
	}
}

void rdma_print(const struct rdma_look *look)
{
	for (guint i = 0; i < look->devices->len; i++)
		print_device(look->devices->pdata[i]);
	if (look->devices->len > 0)
		g_print("\n");
}

/* --- JSON ------------------------------------------------------------------------------- */

static void member(GString *out, const char *key, const char *text)
{
	g_string_append_printf(out, "\"%s\": ", key);
	findings_json_text(out, text);
	g_string_append(out, ", ");
}

/* Those that are 0 when unknown. */
static void number(GString *out, const char *key, uint64_t value)
{
	if (value)
		g_string_append_printf(out, "\"%s\": %" G_GUINT64_FORMAT ", ", key, value);
	else
		member(out, key, NULL);
}

static void end_object(GString *out)
{
	g_string_truncate(out, out->len - 2);
	g_string_append_c(out, '}');
}

static void json_gid(GString *out, const struct rdma_gid *gid)
{
	g_string_append_printf(out, "{\"index\": %u, ", gid->index);
	member(out, "type", gid->type);
	member(out, "address", gid->address);
	member(out, "interface", gid->netdev);
	end_object(out);
}

static void json_list(GString *out, const char *key, const GPtrArray *list,
		      void (*each)(GString *out, const void *item))
{
	g_string_append_printf(out, "\"%s\": [", key);
	for (guint i = 0; i < list->len; i++) {
		if (i)
			g_string_append(out, ", ");
		each(out, list->pdata[i]);
	}
	g_string_append(out, "], ");
}

static void each_gid(GString *out, const void *item)
{
	json_gid(out, item);
}

static void json_flow(GString *out, const struct rdma_flow *flow)
{
	if (flow->pfc == RDMA_KNOWN)
		g_string_append_printf(out, "\"pfc_priorities\": %u, ", flow->priorities);
	else
		member(out, "pfc_priorities", NULL);
	if (flow->pause == RDMA_KNOWN)
		g_string_append_printf(out, "\"pause\": {\"rx\": %s, \"tx\": %s}, ",
				       flow->pause_rx ? "true" : "false",
				       flow->pause_tx ? "true" : "false");
	else
		member(out, "pause", NULL);
	member(out, "ecn", flow->ecn);
}

static void each_port(GString *out, const void *item)
{
	const struct rdma_port *port = item;

	g_string_append_printf(out, "{\"port\": %u, ", port->number);
	member(out, "state", port->state);
	member(out, "physical", port->phys);
	member(out, "link_layer", port->layer);
	member(out, "rate", port->rate);
	member(out, "interface", port->netdev);
	number(out, "interface_mtu", port->netdev_mtu);
	number(out, "active_mtu", port->active_mtu);
	json_list(out, "gids", port->gids, each_gid);
	json_flow(out, &port->flow);
	end_object(out);
}

static void each_irq(GString *out, const void *item)
{
	const struct rdma_irq *irq = item;

	g_string_append_printf(out, "{\"irq\": %u, \"count\": %" G_GUINT64_FORMAT ", ", irq->number,
			       irq->count);
	member(out, "name", irq->name);
	member(out, "processors", irq->cpus);
	end_object(out);
}

static void each_device(GString *out, const void *item)
{
	const struct rdma_device *dev = item;

	g_string_append_c(out, '{');
	member(out, "name", dev->name);
	member(out, "kind", kind_names[dev->kind]);
	member(out, "driver", dev->driver);
	member(out, "firmware", dev->firmware);
	member(out, "board", dev->board);
	member(out, "pci", dev->pci);
	member(out, "node", dev->node);
	member(out, "provider", dev->provider);
	if (dev->numa >= 0)
		g_string_append_printf(out, "\"numa_node\": %d, ", dev->numa);
	else
		member(out, "numa_node", NULL);
	member(out, "processors", dev->cpus);
	json_list(out, "ports", dev->ports, each_port);
	json_list(out, "irqs", dev->irqs, each_irq);
	end_object(out);
}

void rdma_json(const struct rdma_look *look, GString *out)
{
	json_list(out, "devices", look->devices, each_device);
	if (look->user.has_limit && look->user.max_locked != UINT64_MAX)
		g_string_append_printf(out, "\"max_locked_memory\": %" G_GUINT64_FORMAT ", ",
				       look->user.max_locked);
	else
		member(out, "max_locked_memory", look->user.has_limit ? "unlimited" : NULL);
	g_string_truncate(out, out->len - 2);
}
