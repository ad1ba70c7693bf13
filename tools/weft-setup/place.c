/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a device is: NUMA node, PCIe link, and which processors its interrupts come to. */
#include <stdlib.h>
#include <string.h>

#include "tools/weft-setup/rdma.h"

#define CLASS "sys/class/infiniband"

void rdma_cpus(const char *list, uint8_t bits[1024 / 8])
{
	g_auto(GStrv) ranges = g_strsplit(list, ",", -1);

	memset(bits, 0, 1024 / 8);
	for (char **range = ranges; *range; range++) {
		const char *dash = strchr(*range, '-');
		uint64_t first, last;

		if (!tree_number(g_strstrip(*range), &first))
			continue;
		if (!dash || !tree_number(dash + 1, &last))
			last = first;
		for (uint64_t n = first; n <= last && n < 1024; n++)
			bits[n / 8] |= (uint8_t)(1u << n % 8);
	}
}

static void irq_free(void *p)
{
	struct rdma_irq *irq = p;

	g_free(irq->name);
	g_free(irq->cpus);
	g_free(irq);
}

/* A line of /proc/interrupts after the colon: a number for each processor, then names. */
static void read_counts(struct rdma_irq *irq, const char *line)
{
	const char *name;

	for (;;) {
		char *end;
		uint64_t n;

		line += strspn(line, " ");
		n = g_ascii_strtoull(line, &end, 10);
		if (end == line || (*end != ' ' && *end != '\0'))
			break;
		irq->count += n;
		line = end;
	}
	/* The last word is what the driver calls it. */
	name = strrchr(line, ' ');
	irq->name = g_strdup(name ? name + 1 : line);
}

static void read_irq(const struct rdma_look *look, struct rdma_device *dev, char **lines,
		     unsigned number)
{
	struct rdma_irq *irq;

	for (char **line = lines; *line; line++) {
		char *end;
		const char *start = *line + strspn(*line, " ");

		if (strtoul(start, &end, 10) != number || end == start || *end != ':')
			continue;
		irq = g_new0(struct rdma_irq, 1);
		irq->number = number;
		read_counts(irq, end + 1);
		irq->cpus = tree_read(look, "proc/irq/%u/effective_affinity_list", number);
		if (!irq->cpus || !*irq->cpus) {
			g_free(irq->cpus);
			irq->cpus = tree_read(look, "proc/irq/%u/smp_affinity_list", number);
		}
		g_ptr_array_add(dev->irqs, irq);
		return;
	}
}

static void read_irqs(const struct rdma_look *look, struct rdma_device *dev)
{
	g_autoptr(GPtrArray) names = tree_names(look, CLASS "/%s/device/msi_irqs", dev->name);
	g_autofree char *interrupts = names->len ? tree_read(look, "proc/interrupts") : NULL;
	g_auto(GStrv) lines = g_strsplit(interrupts ? interrupts : "", "\n", -1);
	uint64_t number;

	for (guint i = 0; i < names->len; i++)
		if (tree_number(names->pdata[i], &number) && number <= G_MAXINT)
			read_irq(look, dev, lines, (unsigned)number);
}

/* As much as device and slot can: both say so, the link may still be less. */
static void read_link(const struct rdma_look *look, struct rdma_device *dev)
{
	static const char *const names[] = { "speed", "width" };

	for (unsigned i = 0; i < 2 && !dev->slower; i++) {
		g_autofree char *now =
			tree_read(look, CLASS "/%s/device/current_link_%s", dev->name, names[i]);
		g_autofree char *most =
			tree_read(look, CLASS "/%s/device/max_link_%s", dev->name, names[i]);

		if (now && most && g_ascii_strtod(now, NULL) > 0 &&
		    g_ascii_strtod(now, NULL) < g_ascii_strtod(most, NULL))
			dev->slower = g_strdup_printf("%s %s of %s", names[i], now, most);
	}
}

void rdma_place(const struct rdma_look *look, struct rdma_device *dev)
{
	g_autofree char *node = tree_read(look, CLASS "/%s/device/numa_node", dev->name);
	uint64_t number;

	dev->irqs = g_ptr_array_new_with_free_func(irq_free);
	if (tree_number(node, &number) && number < 1024) {
		dev->numa = (int)number;
		dev->cpus = tree_read(look, "sys/devices/system/node/node%d/cpulist", dev->numa);
	}
	read_irqs(look, dev);
	read_link(look, dev);
}
