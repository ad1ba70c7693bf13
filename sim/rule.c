/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packet rules: data that says which packets, how often, and what happens to
 * them. They draw from a stream of their own.
 */
#include <string.h>

#include "sim/ip.h"

struct packet_rule {
	struct world_packet_rule rule;
	char *from, *to;
	bool removed;
	uint64_t matched, taken;
	struct world_rng rng;
};

static const char *const action_names[] = {
#define X(name, str) [WORLD_ACTION_##name] = str,
	WORLD_ACTIONS(X)
#undef X
};

static const struct {
	const char *name;
	int bit;
} kinds[] = {
#define X(name, bit, str) { str, bit },
	WORLD_PACKETS(X)
#undef X
};

static const struct {
	const char *name;
	int bit;
} cms[] = {
#define X(name, bit, str) { str, bit },
	WORLD_CMS(X)
#undef X
};

const char *world_action_name(enum world_action action)
{
	return action < WORLD_ACTION_COUNT ? action_names[action] : NULL;
}

int world_action_parse(const char *name)
{
	for (unsigned i = 0; i < WORLD_ACTION_COUNT; i++) {
		if (strcmp(action_names[i], name) == 0)
			return (int)i;
	}
	return -1;
}

int world_cm_kind_parse(const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(cms); i++) {
		if (strcmp(cms[i].name, name) == 0)
			return cms[i].bit;
	}
	return -1;
}

int world_packet_kind_parse(const char *name)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].bit;
	}
	return -1;
}

unsigned world_packet_rule_add(struct world *w, const struct world_packet_rule *rule)
{
	struct packet_rule *r = g_new0(struct packet_rule, 1);
	g_autofree char *stream = g_strdup_printf("rule.%u", w->rules->len + 1);

	r->rule = *rule;
	r->rule.from = r->from = g_strdup(rule->from);
	r->rule.to = r->to = g_strdup(rule->to);
	world_rng_init(w, &r->rng, stream);
	g_ptr_array_add(w->rules, r);
	return w->rules->len;
}

static struct packet_rule *rule_get(struct world *w, unsigned rule)
{
	g_assert(rule >= 1 && rule <= w->rules->len);
	return g_ptr_array_index(w->rules, rule - 1);
}

void world_packet_rule_stats(struct world *w, unsigned rule, uint64_t *matched, uint64_t *taken)
{
	const struct packet_rule *r = rule_get(w, rule);

	*matched = r->matched;
	*taken = r->taken;
}

void world_packet_rule_remove(struct world *w, unsigned rule)
{
	rule_get(w, rule)->removed = true;
}

void world_packet_rules_clear(struct world *w)
{
	for (guint i = 0; i < w->rules->len; i++) {
		struct packet_rule *r = g_ptr_array_index(w->rules, i);

		g_free(r->from);
		g_free(r->to);
		g_free(r);
	}
	g_ptr_array_set_size(w->rules, 0);
}

/* ---- matching ----------------------------------------------------------------------- */

static bool is_between(const struct world_packet_rule *r, const struct packet *p)
{
	if (r->from && strcmp(r->from, p->link->from->name) != 0)
		return false;
	if (r->to && strcmp(r->to, p->link->to->name) != 0)
		return false;
	return r->port == 0 || r->port == p->ports[0] || r->port == p->ports[1];
}

static bool is_of_flow(const struct world_packet_rule *r, const struct packet *p)
{
	if (r->conn && r->conn != p->conn)
		return false;
	if (r->side && r->side != p->side + 1u)
		return false;
	if (r->first && p->number < r->first)
		return false;
	return r->last == 0 || p->number <= r->last;
}

static bool carries(const struct world_packet_rule *r, const struct packet *p)
{
	if (r->pos_first == 0 && r->pos_last == 0)
		return true;
	return !p->roce && p->data_len > 0 && p->pos < r->pos_last &&
	       p->pos + p->data_len >= r->pos_first;
}

static bool is_of_qp(const struct world_packet_rule *r, const struct packet *p)
{
	if (r->cms && !(r->cms & p->cm))
		return false;
	if (r->qp && (!p->roce || r->qp != p->qp))
		return false;
	if ((r->psn_first || r->psn_last) && p->psn == 0)
		return false;
	return p->psn >= r->psn_first && (r->psn_last == 0 || p->psn <= r->psn_last);
}

static bool matches(const struct world *w, const struct world_packet_rule *r,
		    const struct packet *p)
{
	if (w->now < r->since || (r->until && w->now >= r->until))
		return false;
	if (r->kinds && !(r->kinds & p->kinds))
		return false;
	if (r->tx && r->tx != p->tx)
		return false;
	return is_between(r, p) && is_of_flow(r, p) && carries(r, p) && is_of_qp(r, p);
}

static void act(struct packet_rule *r, struct fate *f)
{
	switch (r->rule.action) {
	case WORLD_ACTION_DROP:
		f->drop = true;
		f->why = WORLD_DROP_RULE;
		break;
	case WORLD_ACTION_DUPLICATE:
		f->duplicate = true;
		f->again = r->rule.ns;
		break;
	case WORLD_ACTION_DELAY:
		f->delay += r->rule.ns;
		break;
	case WORLD_ACTION_REORDER:
		f->keep_order = false;
		f->late += r->rule.ns;
		break;
	case WORLD_ACTION_FLIP:
		f->flip = true;
		break;
	case WORLD_ACTION_CORRUPT:
		f->corrupt = true;
		break;
	case WORLD_ACTION_COUNT:
		break;
	}
}

void sim_rules_apply(struct world *w, const struct packet *p, struct fate *fate)
{
	for (guint i = 0; i < w->rules->len; i++) {
		struct packet_rule *r = g_ptr_array_index(w->rules, i);

		if (r->removed || !matches(w, &r->rule, p))
			continue;
		r->matched++;
		if (r->matched < r->rule.nth || (r->rule.times && r->taken >= r->rule.times))
			continue;
		if (r->rule.ppm && !world_rng_chance(&r->rng, r->rule.ppm))
			continue;
		r->taken++;
		world_trace(w, WORLD_RULE, p->link->from->index, i + 1, packet_conn_side(p));
		act(r, fate);
	}
}
