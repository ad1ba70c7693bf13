/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths: what each host may do with each namespace by the way that it came, as the
 * target's configuration has it, and what the host knows of that: it reads the ANA
 * log page when it has connected and when a notice says so. A status that says
 * that a path has gone does not make it read: then a notice that is missing would
 * not be missed.
 *
 * Now and then a host tries what it may not: it reads from a namespace that is
 * hidden from it.
 */
#include <string.h>

#include "sim/run/run-priv.h"
#include "target/nvmf/ana.h"
#include "target/nvmf/subsystem.h"
#include "target/nvmf/tgt.h"

#define CMIC_ANA 0x08
#define AGAIN (10 * WORLD_MS)
/* A call whose client left may take effect until then. */
#define UNSURE (200 * WORLD_MS)
#define BLIND_LEN 4096

struct run_paths {
	struct run_host *h;
	struct net_addr addr; /* of the target */
	struct world_rng rng;
	struct host_io io; /* reads the log */
	struct iovec iov;
	uint8_t *log;
	bool busy, again;
	uint64_t incarnation;
	uint32_t known[RUN_NSIDS + 1];
	struct host_io blind; /* reads what is hidden */
	struct iovec blind_iov;
	struct run_path_io blind_begun;
	bool blind_busy, blind_due;
	uint8_t data[BLIND_LEN];
};

/* --- as they are --------------------------------------------------------------------------- */

bool run_ns_allowed(const struct nvmf_ns *ns, const char *hostnqn)
{
	bool allowed = !ns->no_auto_visible;

	for (unsigned i = 0; !allowed && i < ns->hosts->len; i++)
		allowed = !strcmp(ns->hosts->pdata[i], hostnqn);
	return allowed;
}

static struct nvmf_subsystem *subsystem_of(const struct run_host *h)
{
	return h->target->down ? NULL : nvmf_subsystem_find(h->target->target->nvmf, h->s->subnqn);
}

const char *run_trtype(const struct scn_host *h)
{
	return h->trtype == HOST_RDMA ? "RDMA" : "TCP";
}

static const struct nvmf_listener *listener_of(const struct nvmf_subsystem *s,
					       const struct run_host *h)
{
	for (unsigned i = 0; i < s->listeners->len; i++) {
		const struct nvmf_listener *l = s->listeners->pdata[i];

		if (net_addr_equal(&l->trid.addr, &h->paths->addr) &&
		    !strcmp(l->trid.trtype, run_trtype(h->s)))
			return l;
	}
	return NULL;
}

/* False: it has no listener, so that it has no path at all. */
static bool path_of(const struct run_host *h, const struct nvmf_subsystem *s, uint32_t nsid,
		    uint32_t *path)
{
	const struct nvmf_listener *l = listener_of(s, h);
	const struct nvmf_ns *ns = nsid <= s->max_namespaces ? s->nss[nsid - 1] : NULL;

	*path = 0;
	if (l == NULL)
		return false;
	if (ns == NULL || ns->desc == NULL || ns->removing || !run_ns_allowed(ns, h->hostnqn))
		return true;
	*path = s->ana_reporting
			? ORACLE_PATH(ns->anagrpid, nvmf_listener_ana_state(l, ns->anagrpid))
			: ORACLE_PATH(0, ORACLE_PATH_OPTIMIZED);
	return true;
}

bool run_path_usable(const struct run_host *h, uint32_t nsid)
{
	const struct nvmf_subsystem *s = subsystem_of(h);
	uint32_t path;

	return s != NULL && path_of(h, s, nsid, &path) &&
	       ((path & 0xff) == ORACLE_PATH_OPTIMIZED ||
		(path & 0xff) == ORACLE_PATH_NON_OPTIMIZED);
}

static void look_at(struct run_host *h, const struct nvmf_subsystem *s, uint32_t nsid)
{
	struct run *run = h->run;
	const struct host_ns *ns = host_ctrlr_ns(h->ctrlr, nsid);
	struct run_paths *p = h->paths;
	uint32_t path;

	if (!path_of(h, s, nsid, &path))
		return;
	oracle_paths_is(run->paths, h->index, nsid, path, world_now(run->world));
	if (!s->ana_reporting) /* what the host lists is another oracle's business */
		oracle_paths_knows(run->paths, h->index, nsid, path);
	else
		oracle_paths_knows(run->paths, h->index, nsid, ns != NULL ? p->known[nsid] : 0);
}

static void look_hidden(struct run_paths *p, const struct nvmf_subsystem *s, uint32_t nsid);

static void look(struct run_host *h)
{
	const struct nvmf_subsystem *s = subsystem_of(h);

	if (s == NULL || !h->live || h->ctrlr == NULL || h->paths == NULL)
		return;
	for (uint32_t nsid = 1; nsid <= RUN_NSIDS; nsid++) {
		look_at(h, s, nsid);
		look_hidden(h->paths, s, nsid);
	}
}

void run_paths_look(struct run *run)
{
	for (unsigned i = 0; i < run->hosts->len; i++)
		look(run->hosts->pdata[i]);
}

/* --- I/O ------------------------------------------------------------------------------------ */

static bool certain(const struct run_target *t, uint64_t since)
{
	return !t->down && t->path_calls == 0 && t->ns_calls == 0 &&
	       (t->path_unsure_at == 0 || t->path_unsure_at + UNSURE < since);
}

void run_path_begin(struct run_host *h, uint32_t nsid, struct run_path_io *io)
{
	const struct nvmf_subsystem *s = subsystem_of(h);

	*io = (struct run_path_io){ .since = world_now(h->run->world),
				    .changes = h->target->path_changes,
				    .incarnation = h->incarnation };
	io->certain = s != NULL && nsid <= RUN_NSIDS && certain(h->target, io->since);
	if (io->certain)
		look_at(h, s, nsid);
}

void run_path_end(struct run_host *h, uint32_t nsid, const struct run_path_io *begun,
		  uint16_t status, bool held)
{
	struct run *run = h->run;
	const struct nvmf_subsystem *s = subsystem_of(h);
	const struct oracle_path_io io = {
		.host = h->index,
		.nsid = nsid,
		.begun = begun->since,
		.status = status & 0x7ff,
		.exact = begun->certain && certain(h->target, begun->since) &&
			 begun->changes == h->target->path_changes,
		.calm_since = run->disturbed > 0 || held ? UINT64_MAX : run->calm_since,
	};

	/* What was under way when the connection ended has no answer of the target. */
	if (s == NULL || nsid > RUN_NSIDS || !h->live || h->ctrlr == NULL || run->s->corrupts ||
	    begun->incarnation != h->incarnation)
		return;
	counts_add(run->counts, io.exact ? "rule.A.path" : "rule.A.path.late", 1);
	look_at(h, s, nsid);
	run_violation(run, "A", oracle_paths_io(run->paths, &io, world_now(run->world)));
}

/* --- what the host knows ----------------------------------------------------------------------
 */

static uint32_t page_size(const struct host_ctrlr *c)
{
	const struct nvme_id_ctrlr *id = host_ctrlr_identify(c);
	uint64_t size = sizeof(struct nvme_ana_log) +
			(uint64_t)id->nanagrpid * sizeof(struct nvme_ana_group) +
			(uint64_t)id->nn * 4;

	return (uint32_t)MIN(size, host_ctrlr_max_io(c)) & ~3u;
}

static bool reports_ana(const struct host_ctrlr *c)
{
	return host_ctrlr_identify(c)->cmic & CMIC_ANA;
}

static void ask(struct run_paths *p);

/* By nsid: the groups and states of a page. */
static void take(const uint8_t *page, uint32_t len, uint32_t *known)
{
	const struct nvme_ana_log *log = (const void *)page;
	uint32_t at = sizeof(*log);

	memset(known, 0, (RUN_NSIDS + 1) * sizeof(known[0]));
	for (unsigned i = 0; i < log->ngrps && at + sizeof(struct nvme_ana_group) <= len; i++) {
		const struct nvme_ana_group *g = (const void *)(page + at);

		at += sizeof(*g);
		for (uint32_t j = 0; j < g->nnsids && at + 4 <= len; j++, at += 4) {
			if (g->nsids[j] <= RUN_NSIDS)
				known[g->nsids[j]] = ORACLE_PATH(g->grpid, g->state & 0xf);
		}
	}
}

static void ask_now(struct reactor *r, void *arg);

static void ask_due(void *arg)
{
	struct run_paths *p = arg;

	p->busy = false;
	if (p->h->live)
		core_call(core_main(p->h->core), ask_now, p);
}

static void ask_later(struct run_paths *p)
{
	struct world *w = p->h->run->world;

	p->busy = true;
	world_at(w, world_now(w) + AGAIN, ask_due, p);
}

static void got_log(struct host_io *io)
{
	struct run_paths *p = (struct run_paths *)((char *)io - offsetof(struct run_paths, io));
	struct run_host *h = p->h;

	p->busy = false;
	if (!h->live || h->ctrlr == NULL)
		return;
	if (io->status != NVME_SUCCESS || p->incarnation != h->incarnation) {
		ask_later(p);
		return;
	}
	take(p->log, (uint32_t)p->iov.iov_len, p->known);
	counts_add(h->run->counts, "host.ana_logs", 1);
	look(h);
	if (p->again)
		ask(p);
}

static void ask_now(struct reactor *r, void *arg)
{
	struct run_paths *p = arg;
	struct run_host *h = p->h;
	uint32_t len;

	(void)r;
	if (p->busy || !h->live || h->ctrlr == NULL || !reports_ana(h->ctrlr))
		return;
	len = page_size(h->ctrlr);
	p->log = g_realloc(p->log, len);
	memset(p->log, 0, len);
	p->iov = (struct iovec){ p->log, len };
	p->io = (struct host_io){ .done = got_log, .iov = &p->iov, .niov = 1 };
	p->io.cmd = (struct nvme_cmd){ .opcode = NVME_ADMIN_GET_LOG_PAGE,
				       .cdw10 = NVME_LOG_ANA | (len / 4 - 1) << 16,
				       .cdw11 = (len / 4 - 1) >> 16 };
	p->incarnation = h->incarnation;
	p->again = false;
	p->busy = host_admin(h->ctrlr, &p->io) == 0;
	if (!p->busy)
		ask_later(p);
}

static void ask(struct run_paths *p)
{
	p->again = true;
	if (!p->busy)
		core_call(core_main(p->h->core), ask_now, p);
}

void run_paths_ask(struct run_host *h)
{
	if (h->paths != NULL)
		ask(h->paths);
}

void run_paths_live(struct run_host *h)
{
	const struct scn_target *t = h->run->s->targets.items;
	const char *traddr =
		h->s->traddr != NULL ? h->s->traddr : ((const char **)t->addresses.items)[0];

	if (!strcmp(h->s->subnqn, NVME_DISCOVERY_NQN))
		return;
	if (h->paths == NULL) {
		g_autofree char *name = g_strdup_printf("paths%u", h->index);

		h->paths = g_new0(struct run_paths, 1);
		h->paths->h = h;
		world_rng_init(h->run->world, &h->paths->rng, name);
		net_addr_parse(&h->paths->addr, traddr, h->s->trsvcid, NULL);
	}
	memset(h->paths->known, 0, sizeof(h->paths->known));
	ask(h->paths);
}

void run_paths_free(struct run_host *h)
{
	if (h->paths != NULL)
		g_free(h->paths->log);
	g_free(h->paths);
}

/* --- what is hidden ------------------------------------------------------------------------ */

static void blind_done(struct host_io *io)
{
	struct run_paths *p = (struct run_paths *)((char *)io - offsetof(struct run_paths, blind));
	bool done = io->status == NVME_SUCCESS || io->status == NVME_SC_DATA_TRANSFER_ERROR;

	p->blind_busy = false;
	counts_add(p->h->run->counts, "host.blind", 1);
	/* Its blocks may be smaller than what there is place for. */
	run_path_end(p->h, io->nsid, &p->blind_begun, done ? 0 : io->status, false);
}

static void blind_read(struct reactor *r, void *arg)
{
	struct run_paths *p = arg;
	struct run_host *h = p->h;
	struct host_qpair *q;

	if (p->blind_busy || !h->live || h->ctrlr == NULL || host_ctrlr_qpairs(h->ctrlr) == 0)
		return;
	q = host_ctrlr_qpair(h->ctrlr, 0);
	if (host_qpair_reactor(q) != r)
		return;
	p->blind_iov = (struct iovec){ p->data, sizeof(p->data) };
	p->blind.done = blind_done;
	p->blind.iov = &p->blind_iov;
	p->blind.niov = 1;
	p->blind.cmd = (struct nvme_cmd){ .opcode = NVME_CMD_READ, .nsid = p->blind.nsid };
	run_path_begin(h, p->blind.nsid, &p->blind_begun);
	p->blind_busy = host_submit(q, &p->blind) == 0;
}

static void blind_due(void *arg)
{
	struct run_paths *p = arg;
	struct run_host *h = p->h;

	p->blind_due = false;
	if (!p->blind_busy && h->live && h->ctrlr != NULL && host_ctrlr_qpairs(h->ctrlr) > 0 &&
	    h->run->phase < RUN_HEALED)
		core_call(host_qpair_reactor(host_ctrlr_qpair(h->ctrlr, 0)), blind_read, p);
}

/* It is there, for others. */
static void look_hidden(struct run_paths *p, const struct nvmf_subsystem *s, uint32_t nsid)
{
	const struct nvmf_ns *ns = nsid <= s->max_namespaces ? s->nss[nsid - 1] : NULL;
	struct run *run = p->h->run;

	if (ns == NULL || ns->removing || p->blind_due || p->blind_busy ||
	    run->phase >= RUN_HEALED || run_ns_allowed(ns, p->h->hostnqn))
		return;
	p->blind_due = true;
	p->blind.nsid = nsid;
	world_at(run->world,
		 world_now(run->world) + world_rng_range(&p->rng, WORLD_MS, 20 * WORLD_MS),
		 blind_due, p);
}
