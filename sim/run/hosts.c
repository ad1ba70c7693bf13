/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hosts: each has one controller, connects, and tries again when the first
 * connection did not succeed or was lost for good.
 */
#include <string.h>

#include "sim/run/run-priv.h"

#define RETRY (100 * WORLD_MS)

static void do_connect(struct reactor *r, void *arg);

static void try_again(void *arg)
{
	struct run_host *h = arg;

	if (h->wanted && !h->live && h->trying == NULL && h->ctrlr == NULL && !h->leaving)
		core_call(core_main(h->core), do_connect, h);
}

static void later(struct run_host *h)
{
	world_at(h->run->world, world_now(h->run->world) + RETRY, try_again, h);
}

static void set_live(struct run_host *h, bool live)
{
	uint64_t now = world_now(h->run->world);

	h->live = live;
	if (live) {
		h->ever = true;
		h->live_at = now;
		h->incarnation++;
	}
	run_watch_view(h->run);
	if (!live)
		return;
	run_loads_kick(h);
	run_paths_live(h);
	run_probe_live(h);
}

static void left(void *arg)
{
	struct run_host *h = arg;

	h->leaving = false;
	run_loads_kick(h);
	if (h->wanted)
		later(h);
}

static void do_disconnect(struct reactor *r, void *arg)
{
	struct run_host *h = arg;
	struct host_ctrlr *c = h->ctrlr != NULL ? h->ctrlr : h->trying;

	(void)r;
	if (c == NULL || h->leaving)
		return;
	h->leaving = true;
	h->ctrlr = NULL;
	h->live = false;
	run_watch_view(h->run);
	host_ctrlr_disconnect(c, left, h);
}

static void on_event(struct host_ctrlr *c, enum host_event ev, const struct host_ns *ns, void *arg)
{
	struct run_host *h = arg;

	(void)c;
	h->events[ev]++;
	counts_add(h->run->counts, "host.events", 1);
	switch (ev) {
	case HOST_EVENT_LOST:
		set_live(h, false);
		break;
	case HOST_EVENT_LIVE:
		set_live(h, true);
		break;
	case HOST_EVENT_DEAD:
		h->live = false;
		run_watch_view(h->run);
		core_call(core_main(h->core), do_disconnect, h);
		break;
	case HOST_EVENT_NS_REMOVED:
		/* It is listed until this returns. */
		if (h->live)
			run_violation(h->run, "N",
				      oracle_view_host(h->view->oracle, h->index, ns->nsid, 0,
						       world_now(h->run->world)));
		break;
	case HOST_EVENT_ANA:
		run_paths_ask(h);
		break;
	default:
		if (ns != NULL)
			run_loads_kick(h);
	}
}

static void on_connected(struct host_ctrlr *c, const GError *error, void *arg)
{
	struct run_host *h = arg;

	h->trying = NULL;
	g_clear_pointer(&h->why, g_free);
	if (error == NULL) {
		h->ctrlr = c;
		set_live(h, true);
		if (h->s->never)
			run_fail(h->run, RUN_SAFETY, "E", "host %s got in, which it must not",
				 h->s->name);
		return;
	}
	h->why = g_strdup(error->message);
	if (h->wanted && h->s->reconnect_delay > 0)
		later(h);
}

void run_host_id(const struct run_host *h, uint8_t hostid[16])
{
	memset(hostid, 0x11 + (int)(h->index % 200), 16);
	hostid[15] = (uint8_t)(h->index >> 8);
	hostid[14] = (uint8_t)h->index;
}

static void fill_params(struct run_host *h, struct host_params *p, struct reactor **reactors)
{
	const struct scn_host *s = h->s;
	const struct scn_target *t = h->run->s->targets.items;
	const char *traddr = s->traddr != NULL ? s->traddr : ((const char **)t->addresses.items)[0];

	host_params_default(p);
	if (!net_addr_parse(&p->addr, traddr, s->trsvcid, NULL))
		run_fail(h->run, RUN_SAFETY, "E", "host %s: traddr %s, trsvcid %s", s->name, traddr,
			 s->trsvcid);
	p->transport = (enum host_trtype)s->trtype;
	p->subnqn = s->subnqn;
	p->hostnqn = h->hostnqn;
	run_host_id(h, p->hostid);
	p->io_queues = (unsigned)s->io_queues;
	p->queue_size = (uint16_t)s->queue_size;
	p->kato_ms = (uint32_t)(s->kato / WORLD_MS);
	p->hdgst = s->hdgst;
	p->ddgst = s->ddgst;
	p->no_sq_flow_control = s->no_sq_flow_control;
	p->hpda = (uint8_t)s->hpda;
	for (unsigned i = 0; i < s->reactors; i++)
		reactors[i] = h->core->reactors[i];
	p->reactors = reactors;
	p->nreactors = (unsigned)s->reactors;
	p->io_timeout_ms = (uint32_t)(s->io_timeout / WORLD_MS);
	p->connect_timeout_ms = (uint32_t)(s->connect_timeout / WORLD_MS);
	p->reconnect_delay_ms = (uint32_t)(s->reconnect_delay / WORLD_MS);
	p->loss_timeout_ms = (uint32_t)(s->loss_timeout / WORLD_MS);
	p->queue_io = s->queue_io;
	p->event = on_event;
	p->event_arg = h;
}

static void do_connect(struct reactor *r, void *arg)
{
	struct run_host *h = arg;
	struct reactor *reactors[CORE_MAX_REACTORS];
	struct host_params params;
	g_autoptr(GError) error = NULL;

	if (h->trying != NULL || h->ctrlr != NULL || h->leaving || !h->wanted || h->gone)
		return;
	fill_params(h, &params, reactors);
	h->trying = host_ctrlr_connect(r, &params, on_connected, h, &error);
	if (h->trying == NULL)
		run_fail(h->run, RUN_SAFETY, "E", "host %s: %s", h->s->name, error->message);
}

void run_host_connect(struct run_host *h)
{
	h->wanted = !h->gone;
	core_call(core_main(h->core), do_connect, h);
}

void run_host_disconnect(struct run_host *h)
{
	h->wanted = false;
	core_call(core_main(h->core), do_disconnect, h);
}

static void do_reset(struct reactor *r, void *arg)
{
	struct run_host *h = arg;

	(void)r;
	if (h->ctrlr != NULL)
		host_ctrlr_reset(h->ctrlr);
}

void run_host_reset(struct run_host *h)
{
	core_call(core_main(h->core), do_reset, h);
}

static void connect_now(void *arg)
{
	run_host_connect(arg);
}

void run_hosts_start(struct run *run)
{
	for (unsigned i = 0; i < run->hosts->len; i++) {
		struct run_host *h = run->hosts->pdata[i];

		if (h->s->connect_at != HW_NEVER)
			world_at(run->world, run_at(run, h->s->connect_at), connect_now, h);
	}
}

bool run_hosts_settled(struct run *run)
{
	for (unsigned i = 0; i < run->hosts->len; i++) {
		struct run_host *h = run->hosts->pdata[i];

		if (h->wanted && !h->s->never && (!h->live || run_host_is_left(h)))
			return false;
		if (h->leaving)
			return false;
	}
	return true;
}

bool run_hosts_closed(struct run *run)
{
	for (unsigned i = 0; i < run->hosts->len; i++) {
		struct run_host *h = run->hosts->pdata[i];

		if (h->ctrlr != NULL || h->trying != NULL || h->leaving)
			return false;
	}
	return true;
}
