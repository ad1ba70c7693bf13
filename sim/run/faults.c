/* SPDX-License-Identifier: BSD-3-Clause */
/* Carries out the fault rules of a scenario, and takes them back. */
#include <string.h>

#include "sim/roce.h"
#include "sim/run/run-priv.h"

struct rule {
	struct run *run;
	const struct scn_fault *f;
	uint64_t left;
	unsigned packet; /* number of the packet rule, or of a file's */
};

/* Faults that make waiting nobody's fault. */
static bool disturbs(const struct scn_fault *f)
{
	switch (f->kind) {
	case SCN_F_STALL:
	case SCN_F_PARTITION:
	case SCN_F_ONE_WAY:
	case SCN_F_LINK:
	case SCN_F_PAUSE:
	case SCN_F_SILENT:
	case SCN_F_DEL_ADDR:
	case SCN_F_PACKET:
	case SCN_F_PORT:
	case SCN_F_RNIC_GONE:
	case SCN_F_RNIC_TORN:
	case SCN_F_DRIFT:
	case SCN_F_STARVE:
	case SCN_F_POWER:
	case SCN_F_HOLD:
		return true;
	default:
		return false;
	}
}

/* Faults that keep processors from their work. */
static bool keeps_away(const struct scn_fault *f)
{
	return f->kind == SCN_F_PAUSE || f->kind == SCN_F_HOLD || f->kind == SCN_F_STARVE ||
	       f->kind == SCN_F_POWER;
}

static uint64_t end_of(const struct rule *rule)
{
	const struct run *run = rule->run;
	uint64_t heal = run_at(run, run->s->heal_at), now = world_now(run->world);

	/* A pause is over when it is over: nobody can end it early. */
	if (rule->f->during == 0 || rule->f->during > heal - MIN(heal, now))
		return MAX(heal, now);
	return now + rule->f->during;
}

/* The host's network, both ways. */
static void silence(struct run *run, struct world_node *node, uint64_t until)
{
	for (unsigned i = 0; i < run->targets->len; i++) {
		struct run_target *t = run->targets->pdata[i];

		world_link_stall(node, t->node, until);
		world_link_stall(t->node, node, until);
	}
}

void run_host_vanish(struct run_host *h)
{
	silence(h->run, h->node, HW_NEVER);
	h->gone = true;
	h->wanted = false;
	h->gone_at = world_now(h->run->world);
}

static void point(struct run *run, const struct scn_fault *f)
{
	const struct world_fault_rule rule = { .nth = f->nth,
					       .times = f->count,
					       .ppm = (uint32_t)f->ppm };

	world_fault_set(run_node_find(run, f->node), f->name, &rule);
}

/* TCP waits twice as long each time: what got lost is repeated within as long again. */
static void calm_down(struct run *run)
{
	uint64_t now = world_now(run->world);
	uint64_t calm = now + 2 * (now - run->disturbed_since) + 2 * WORLD_SEC;

	run->calm_since = MAX(run->calm_since, calm);
}

bool run_is_calm(const struct run *run)
{
	return run->disturbed == 0 && world_now(run->world) >= run->calm_since;
}

static void set_down(struct world_node *from, struct world_node *to, bool down)
{
	struct world_link_params p;

	world_link_get(from, to, &p);
	p.down = down;
	world_link_set(from, to, &p);
}

static void set_port(struct world_node *node, bool down)
{
	struct world_port_params p;

	world_port_get(world_node_port(node, 0), &p);
	p.down = down;
	world_port_set(world_node_port(node, 0), &p);
}

static unsigned packet(struct run *run, const struct scn_fault *f)
{
	const struct scn_packet *p = f->packet;
	struct world_packet_rule rule = {
		.from = f->from,
		.to = f->to,
		.port = (uint16_t)p->port,
		.qp = p->qp,
		.psn_first = p->psn_first,
		.psn_last = p->psn_last,
		.conn = p->conn,
		.side = (unsigned)p->side,
		.first = p->first,
		.last = p->last,
		.pos_first = p->pos_first,
		.pos_last = p->pos_last,
		.tx = (unsigned)p->tx,
		.nth = p->nth,
		.times = p->count,
		.ppm = (uint32_t)p->ppm,
		.action = (enum world_action)p->action,
		.ns = p->by,
	};

	for (unsigned i = 0; i < p->kinds.n; i++)
		rule.kinds |= (unsigned)world_packet_kind_parse(((const char **)p->kinds.items)[i]);
	for (unsigned i = 0; i < p->cm.n; i++)
		rule.cms |= (unsigned)world_cm_kind_parse(((const char **)p->cm.items)[i]);
	return world_packet_rule_add(run->world, &rule);
}

static void packet_end(struct run *run, const struct rule *rule)
{
	const char *action = world_action_name((enum world_action)rule->f->packet->action);
	g_autofree char *name = g_strdup_printf("fault.packet.%s", action);
	uint64_t matched, taken;

	world_packet_rule_stats(run->world, rule->packet, &matched, &taken);
	counts_add(run->counts, name, taken);
	world_packet_rule_remove(run->world, rule->packet);
}

static void end(void *arg)
{
	struct rule *rule = arg;
	const struct scn_fault *f = rule->f;
	struct run *run = rule->run;

	switch (f->kind) {
	case SCN_F_LINK:
		run_links(run);
		break;
	case SCN_F_POINT:
		world_fault_set(run_node_find(run, f->node), f->name, NULL);
		break;
	case SCN_F_DEL_ADDR:
		world_node_add_addr(run_node_find(run, f->node), f->name);
		break;
	case SCN_F_PARTITION:
		set_down(run_node_find(run, f->to), run_node_find(run, f->from), false);
		set_down(run_node_find(run, f->from), run_node_find(run, f->to), false);
		break;
	case SCN_F_ONE_WAY:
		set_down(run_node_find(run, f->from), run_node_find(run, f->to), false);
		break;
	case SCN_F_PORT:
		set_port(run_node_find(run, f->node), false);
		break;
	case SCN_F_PACKET:
		packet_end(run, rule);
		break;
	case SCN_F_DRIFT:
		world_node_set_drift(run_node_find(run, f->node), 0);
		break;
	case SCN_F_STARVE:
		world_sched_set(run->world, &(const struct world_sched_params){ 0 });
		break;
	case SCN_F_FILE:
		run_file_heal(run, f, rule->packet);
		break;
	case SCN_F_RNIC_GONE:
	case SCN_F_RNIC_TORN:
		if (f->during > 0)
			world_rnic_return(run_node_find(run, f->node));
		break;
	case SCN_F_POWER:
		run_power_back(run, run_target_find(run, f->node));
		break;
	default:
		break;
	}
	if (disturbs(f)) {
		if (--run->disturbed == 0)
			calm_down(run);
		run_watch_hears(run);
	}
	g_free(rule);
}

static void act_host(struct run *run, const struct scn_fault *f, struct run_host *h)
{
	switch (f->kind) {
	case SCN_F_VANISH:
		run_host_vanish(h);
		break;
	case SCN_F_DISCONNECT:
		run_host_disconnect(h);
		break;
	case SCN_F_CONNECT:
		run_host_connect(h);
		break;
	default:
		if (h->ctrlr != NULL)
			host_ctrlr_reset(h->ctrlr);
	}
	(void)run;
}

struct host_act {
	struct rule rule;
	struct run_host *h;
};

static void act_in_pass(struct reactor *r, void *arg)
{
	struct host_act *act = arg;

	(void)r;
	act_host(act->rule.run, act->rule.f, act->h);
	g_free(act);
}

/* What hosts do themselves they do on their own reactor. */
static void on_host(struct run *run, const struct scn_fault *f)
{
	struct host_act *act = g_new0(struct host_act, 1);

	act->rule.run = run;
	act->rule.f = f;
	act->h = run_host_find(run, f->host);
	core_call(core_main(act->h->core), act_in_pass, act);
}

static void starve(struct run *run, const struct scn_fault *f)
{
	const struct world_sched_params p = { .starve_ppm = (uint32_t)f->ppm,
					      .starve_ns = f->by,
					      .shuffle_ppm = (uint32_t)f->ppm };

	world_sched_set(run->world, &p);
}

/* By turns each of the connections that the host opened, or all of them. */
static void reset(struct run *run, const struct scn_fault *f, struct world_node *from,
		  struct world_node *to)
{
	if (f->count == 0)
		world_net_reset(run->world, from, to);
	else
		world_net_reset_one(run->world, from, to, (unsigned)f->count - 1);
}

static void hold(struct run *run, const struct scn_fault *f, uint64_t until)
{
	const struct run_target *t = run_target_find(run, f->node);
	const struct run_host *h = run_host_find(run, f->node);
	const struct core *core = t != NULL ? t->target->core : h != NULL ? h->core : NULL;

	if (core != NULL)
		world_runner_hold(core->reactors[f->reactor % core->nreactors]->runner, until);
}

static void act_rnic(const struct scn_fault *f, struct world_node *node)
{
	if (f->kind == SCN_F_RNIC_FAILOVER)
		world_rnic_failover(node);
	else if (f->kind == SCN_F_RNIC_TORN)
		world_rnic_tear(node);
	else
		world_rnic_remove(node);
}

/* rule is what ends it. */
static void act(struct run *run, const struct scn_fault *f, uint64_t until, struct rule *rule)
{
	struct world_node *from = run_node_find(run, f->from), *to = run_node_find(run, f->to);
	struct world_node *node = run_node_find(run, f->node);

	switch (f->kind) {
	case SCN_F_PARTITION:
		set_down(to, from, true);
		set_down(from, to, true);
		break;
	case SCN_F_ONE_WAY:
		set_down(from, to, true);
		break;
	case SCN_F_PORT:
		set_port(node, true);
		break;
	case SCN_F_PACKET:
		rule->packet = packet(run, f);
		break;
	case SCN_F_DRIFT:
		world_node_set_drift(node, f->back ? -(int32_t)f->ppm : (int32_t)f->ppm);
		break;
	case SCN_F_STARVE:
		starve(run, f);
		break;
	case SCN_F_STALL:
		world_link_stall(from, to, until);
		break;
	case SCN_F_LINK:
		run_link_apply(run, f->link, f->from, f->to);
		break;
	case SCN_F_RESET:
		reset(run, f, from, to);
		break;
	case SCN_F_HOLD:
		hold(run, f, until);
		break;
	case SCN_F_PAUSE:
		world_node_pause(node, until);
		break;
	case SCN_F_WALL:
		world_node_step_wall(node, f->back ? -(int64_t)f->by : (int64_t)f->by);
		break;
	case SCN_F_POINT:
		point(run, f);
		break;
	case SCN_F_SILENT:
		if (!run_host_find(run, f->host)->gone) /* that is for good */
			silence(run, run_host_find(run, f->host)->node, until);
		break;
	case SCN_F_DEL_ADDR:
		world_node_del_addr(node, f->name);
		break;
	case SCN_F_FILE:
	case SCN_F_FILE_HANG:
	case SCN_F_FILE_SIZE:
	case SCN_F_FILE_GONE:
		rule->packet = run_file_fault(run, f, until);
		break;
	case SCN_F_POWER:
		run_power_cut(run, run_target_find(run, f->node));
		break;
	case SCN_F_RNIC_GONE:
	case SCN_F_RNIC_TORN:
	case SCN_F_RNIC_FAILOVER:
		act_rnic(f, node);
		break;
	default:
		on_host(run, f);
	}
}

static void once(void *arg)
{
	struct rule *rule = arg, *ending;
	const struct scn_fault *f = rule->f;
	struct run *run = rule->run;
	g_autofree char *name = g_strdup_printf("fault.%s", scn_fault_names[f->kind]);
	uint64_t until = end_of(rule);

	if (run->phase != RUN_SAFETY_PHASE)
		return;
	world_note(run->world, name, rule->left);
	if (f->kind != SCN_F_POINT)
		counts_add(run->counts, name, 1);
	if (disturbs(f)) {
		if (run->disturbed++ == 0)
			run->disturbed_since = world_now(run->world);
		run_watch_hears(run);
	}
	if (keeps_away(f))
		run_rdma_away(run, until);
	ending = g_new(struct rule, 1);
	*ending = *rule;
	act(run, f, until, ending);
	world_at(run->world, until, end, ending);
}

static void begin(void *arg)
{
	struct rule *rule = arg;
	struct run *run = rule->run;

	once(rule);
	if (rule->left > 0 && run->phase == RUN_SAFETY_PHASE) {
		rule->left--;
		world_at(run->world, world_now(run->world) + rule->f->every, begin, rule);
	} else {
		g_free(rule);
	}
}

static void aim(struct rule *rule)
{
	const struct scn_fault *f = rule->f;
	const struct run_when when = { .on = f->on,
				       .from = run_at(rule->run, f->at),
				       .skip = f->skip,
				       .times = f->times,
				       .every = f->every,
				       .after = f->after };

	run_trigger_add(rule->run, &when, once, rule);
}

void run_faults_start(struct run *run)
{
	const struct scn_fault *f = run->s->faults.items;

	for (unsigned i = 0; i < run->s->faults.n; i++) {
		struct rule *rule = g_new0(struct rule, 1);

		rule->run = run;
		rule->f = &f[i];
		rule->left = f[i].times - 1;
		if (f[i].on != NULL) {
			aim(rule);
			continue;
		}
		world_at(run->world, run_at(run, f[i].at), begin, rule);
	}
}

static void heal_node(struct world_node *node)
{
	world_fault_clear_all(node);
	world_rnic_heal(node);
}

/* Every rule's own end is at heal_at at the latest; fault points met there are cleared too,
 * and registrations of memory that fail. */
void run_heal(struct run *run)
{
	run_links(run);
	for (unsigned i = 0; i < run->targets->len; i++) {
		const struct run_target *t = run->targets->pdata[i];

		heal_node(t->node);
		for (unsigned j = 0; j < t->s->nics.n; j++)
			heal_node(t->nics[j]);
	}
	for (unsigned i = 0; i < run->hosts->len; i++)
		heal_node(((struct run_host *)run->hosts->pdata[i])->node);
	run_watch_hears(run);
}
