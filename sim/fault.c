/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fault points and coverage marks of a node. Each point has its own random
 * stream, so that a new one changes nothing for the others.
 */
#include "sim/priv.h"

struct fault_point {
	char *name;
	uint64_t id;
	struct world_rng rng;
	struct world_fault_stats stats;
	bool has_rule;
	struct world_fault_rule rule;
	uint64_t asked, taken; /* since the rule was set */
};

static void point_free(void *data)
{
	struct fault_point *p = data;

	g_free(p->name);
	g_free(p);
}

static struct fault_point *point_get(struct node_faults *f, const char *name)
{
	struct fault_point *p = g_hash_table_lookup(f->by_name, name);
	g_autofree char *stream = NULL;

	if (p)
		return p;
	p = g_new0(struct fault_point, 1);
	p->name = g_strdup(name);
	p->id = world_hash_str(name);
	stream = g_strdup_printf("fault.%s.%s", f->node->name, name);
	world_rng_init(f->node->world, &p->rng, stream);
	g_hash_table_insert(f->by_name, p->name, p);
	g_ptr_array_add(f->points, p);
	return p;
}

static bool rule_takes(struct world *w, struct fault_point *p)
{
	const struct world_fault_rule *r = &p->rule;

	p->asked++;
	if (p->asked < r->nth || (r->times && p->taken >= r->times))
		return false;
	if (w->now < r->from || (r->until && w->now >= r->until))
		return false;
	return r->ppm == 0 || world_rng_chance(&p->rng, r->ppm);
}

static bool faults_hit(struct hw_faults *faults, const char *name)
{
	struct node_faults *f = container(faults, struct node_faults, faults);
	struct fault_point *p = point_get(f, name);

	p->stats.asked++;
	if (!p->has_rule || !rule_takes(f->node->world, p))
		return false;
	p->taken++;
	p->stats.taken++;
	world_trace(f->node->world, WORLD_FAULT, f->node->index, p->id, p->stats.asked);
	return true;
}

static void faults_mark(struct hw_faults *faults, const char *name)
{
	struct node_faults *f = container(faults, struct node_faults, faults);
	struct fault_point *p = point_get(f, name);

	p->stats.marks++;
	world_trace(f->node->world, WORLD_MARK, f->node->index, p->id, p->stats.marks);
}

bool sim_fault(struct world_node *node, const char *name)
{
	return faults_hit(&node->faults.faults, name);
}

void sim_faults_init(struct world_node *node)
{
	struct node_faults *f = &node->faults;

	f->faults.hit = faults_hit;
	f->faults.mark = faults_mark;
	f->node = node;
	f->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	f->points = g_ptr_array_new_with_free_func(point_free);
}

void sim_faults_fini(struct world_node *node)
{
	g_hash_table_destroy(node->faults.by_name);
	g_ptr_array_free(node->faults.points, TRUE);
}

void world_fault_set(struct world_node *node, const char *name, const struct world_fault_rule *rule)
{
	struct fault_point *p = point_get(&node->faults, name);

	p->has_rule = rule != NULL;
	p->asked = 0;
	p->taken = 0;
	if (rule)
		p->rule = *rule;
}

void world_fault_clear_all(struct world_node *node)
{
	for (guint i = 0; i < node->faults.points->len; i++) {
		struct fault_point *p = g_ptr_array_index(node->faults.points, i);

		p->has_rule = false;
	}
}

void world_fault_stats(struct world_node *node, const char *name, struct world_fault_stats *out)
{
	struct fault_point *p = g_hash_table_lookup(node->faults.by_name, name);

	*out = p ? p->stats : (struct world_fault_stats){ 0 };
}

void world_fault_each(struct world_node *node,
		      void (*fn)(void *arg, const char *name, const struct world_fault_stats *st),
		      void *arg)
{
	for (guint i = 0; i < node->faults.points->len; i++) {
		struct fault_point *p = g_ptr_array_index(node->faults.points, i);

		fn(arg, p->name, &p->stats);
	}
}
