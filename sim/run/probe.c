/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hosts that look around: each, for a while after it has connected, sends admin
 * commands that change nothing, and one that must be refused. What the answers
 * hold is judged by oracle P on the wire; here is what only the sender knows.
 */
#include <string.h>

#include "sim/run/run-priv.h"

#define PROBES 56 /* of a connection */
#define BAD_NSID 0xfffffffeu
#define NOBODY 0xeeeeu /* no host of ours uses that cid, with queues as small as they are */

struct run_probe {
	struct run_host *h;
	struct world_rng rng;
	struct host_io io;
	struct iovec iov;
	bool busy;
	unsigned next;
	uint64_t incarnation;
	unsigned refused; /* commands of this connection, that have their entry in the error log */
	uint8_t data[4096];
};

/* One after the other. */
static const struct {
	struct nvme_cmd cmd;
	bool data;
} probes[] = {
	{ { .opcode = NVME_ADMIN_IDENTIFY, .nsid = BAD_NSID }, true },
	{ { .opcode = NVME_ADMIN_ABORT, .cdw10 = NOBODY << 16 | 1 }, false },
	{ { .opcode = NVME_ADMIN_GET_LOG_PAGE, .cdw10 = NVME_LOG_ERROR | 1u << 15 | 1023u << 16 },
	  true },
	{ { .opcode = NVME_ADMIN_IDENTIFY, .cdw10 = 0x13 }, true },
	{ { .opcode = NVME_ADMIN_GET_LOG_PAGE,
	    .nsid = NVME_NSID_ALL,
	    .cdw10 = NVME_LOG_SMART | 1u << 15 | 1023u << 16 },
	  true },
	{ { .opcode = NVME_ADMIN_IDENTIFY, .cdw10 = 0x10 }, true },
	{ { .opcode = NVME_ADMIN_GET_FEATURES, .cdw10 = NVME_FEAT_KATO }, false },
};

static void probe_later(struct run_probe *p);

static void wrong(struct run_probe *p, const char *what)
{
	run_fail(p->h->run, RUN_SAFETY, "E", "host %s: %s: status %03x, dword 0 %08x",
		 p->h->s->name, what, p->io.status, p->io.cpl.dw0);
}

/* A connection that ends has statuses of its own: those without an answer say nothing. */
static void judge(struct run_probe *p)
{
	bool success = p->io.status == NVME_SUCCESS;
	uint64_t count;

	if (!success && p->io.cpl.status >> 1 != p->io.status)
		return;
	if (p->io.cmd.opcode == NVME_ADMIN_IDENTIFY && p->io.cmd.nsid == BAD_NSID) {
		p->refused += !success;
		if (success)
			wrong(p, "a namespace that cannot be is identified");
	} else if (!success && (p->io.status & ~NVME_DNR) != NVME_SC_SEQUENCE_ERROR &&
		   (p->io.status & ~NVME_DNR) != NVME_SC_ABORTED_SQ_DELETED) {
		wrong(p, "refused");
	} else if (success && p->io.cmd.opcode == NVME_ADMIN_ABORT && p->io.cpl.dw0 != 1) {
		wrong(p, "a command that is not there was aborted");
	} else if (success && (p->io.cmd.cdw10 & 0xff) == NVME_LOG_ERROR &&
		   p->io.cmd.opcode == NVME_ADMIN_GET_LOG_PAGE) {
		memcpy(&count, p->data, sizeof(count));
		if (count < p->refused)
			wrong(p, "errors are missing in the log");
	}
}

static void probed(struct host_io *io)
{
	struct run_probe *p = (struct run_probe *)((char *)io - offsetof(struct run_probe, io));

	p->busy = false;
	if (p->incarnation != p->h->incarnation || !p->h->live)
		return;
	judge(p);
	counts_add(p->h->run->counts, "host.probes", 1);
	probe_later(p);
}

static void probe(struct reactor *r, void *arg)
{
	struct run_probe *p = arg;
	unsigned which = p->next % G_N_ELEMENTS(probes);

	(void)r;
	if (p->busy || !p->h->live || p->h->ctrlr == NULL || p->next >= PROBES)
		return;
	memset(p->data, 0, sizeof(p->data));
	p->io = (struct host_io){ .done = probed, .cmd = probes[which].cmd };
	if (probes[which].data) {
		p->iov = (struct iovec){ p->data, sizeof(p->data) };
		p->io.iov = &p->iov;
		p->io.niov = 1;
	}
	p->next++;
	p->busy = host_admin(p->h->ctrlr, &p->io) == 0;
}

static void probe_due(void *arg)
{
	struct run_probe *p = arg;

	if (p->h->live)
		core_call(core_main(p->h->core), probe, p);
}

static void probe_later(struct run_probe *p)
{
	if (p->next < PROBES)
		world_at(p->h->run->world,
			 world_now(p->h->run->world) +
				 world_rng_range(&p->rng, 100 * WORLD_US, 5 * WORLD_MS),
			 probe_due, p);
}

void run_probe_live(struct run_host *h)
{
	struct run_probe *p = h->probe;

	/* Discovery controllers have little of all this. */
	if (!strcmp(h->s->subnqn, NVME_DISCOVERY_NQN))
		return;
	if (p == NULL) {
		p = h->probe = g_new0(struct run_probe, 1);
		p->h = h;
		world_rng_init(h->run->world, &p->rng, "probe");
	}
	if (p->busy)
		return;
	p->next = 0;
	p->refused = 0;
	p->incarnation = h->incarnation;
	probe_later(p);
}
