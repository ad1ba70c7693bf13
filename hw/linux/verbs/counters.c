/* SPDX-License-Identifier: BSD-3-Clause */
/* What the driver counts, as the kernel shows it in sysfs; which counters there are differs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hw/linux/verbs/internal.h"

static const char *const names[] = {
	"sent_pkts",
	"rcvd_pkts",
	"send_rnr_err",
	"rcvd_rnr_err",
	"rnr_nak_retry_err",
	"rcvd_seq_err",
	"packet_seq_err",
	"implied_nak_seq_err",
	"completer_retry_err",
	"local_ack_timeout_err",
	"retry_exceeded_err",
	"retry_rnr_exceeded_err",
	"duplicate_request",
	"out_of_seq_request",
	"out_of_sequence",
	"ack_deferred",
	"send_err",
	"rx_icrc_encapsulated",
	"rx_read_requests",
	"rx_write_requests",
	"np_ecn_marked_roce_packets",
	"np_cnp_sent",
	"rp_cnp_handled",
	"link_downed",
};

G_STATIC_ASSERT(G_N_ELEMENTS(names) <= RNIC_COUNTERS);

static bool read_counter(const char *device, unsigned port, const char *name, uint64_t *value)
{
	char path[256], text[32];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/%u/hw_counters/%s",
		       device, port, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	*value = strtoull(text, NULL, 10);
	return true;
}

/* Of all ports. */
static bool sum(const struct rnic_device *dev, const char *name, uint64_t *total)
{
	bool any = false;

	*total = 0;
	for (unsigned port = 1; port <= dev->info.attr.phys_port_cnt; port++) {
		uint64_t value;

		if (!read_counter(dev->info.name, port, name, &value))
			continue;
		*total += value;
		any = true;
	}
	return any;
}

/* Files are read, some by the firmware: only when somebody asks for them. */
unsigned verbs_device_counters(struct rnic_device *dev, struct rnic_counter out[RNIC_COUNTERS])
{
	unsigned n = 0;

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		if (sum(dev, names[i], &out[n].value))
			out[n++].name = names[i];
	}
	return n;
}
