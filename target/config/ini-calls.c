/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an INI file of 2018 says becomes calls: bdevs, limits, transports, subsystems.
 * Of a subsystem the listeners come last: who connects finds all namespaces.
 *
 * The nsid of a namespace that has none is the lowest that is free in its line, as it
 * was in 2018; it is written out, so that nothing depends on the order of calls.
 */
#include <string.h>

#include "target/config/ini.h"
#include "target/nvmf/nvmf.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_NAMESPACES 32
#define DEFAULT_IO_SIZE 131072

static void opt_num(GString *json, const char *key, const struct form_number *n)
{
	if (n->line)
		form_num(json, key, n->value);
}

/* --- bdevs --------------------------------------------------------------------------------- */

bool ini_name(struct ini *ini, unsigned line, const char *name)
{
	unsigned before = GPOINTER_TO_UINT(g_hash_table_lookup(ini->by_name, name));
	const char *kept;

	if (before)
		return form_fault(&ini->form, line, "there is a bdev %s already, of line %u", name,
				  before);
	if (!form_text(&ini->form, line, "the name of a bdev", name, 255))
		return false;
	kept = g_string_chunk_insert(ini->strings, name);
	g_hash_table_insert(ini->by_name, (char *)kept, GUINT_TO_POINTER(line));
	g_ptr_array_add(ini->names, (char *)kept);
	return true;
}

/* One that the file makes; what it would make in a complete build has been said already. */
static void check_bdev(struct ini *ini, unsigned line, const char *name)
{
	g_autoptr(GPtrArray) names = NULL;
	g_autofree char *meant = NULL;

	if (g_hash_table_contains(ini->by_name, name))
		return;
	for (guint i = 0; i < ini->missing->len; i++)
		if (g_str_has_prefix(name, ini->missing->pdata[i]))
			return;
	names = g_ptr_array_copy(ini->names, NULL, NULL);
	g_ptr_array_add(names, NULL);
	meant = form_meant(name, (const char *const *)names->pdata);
	form_fault(&ini->form, line, "no section of this file makes a bdev \"%.64s\"%s", name,
		   meant);
}

static void name_mallocs(struct ini *ini)
{
	const struct ini_malloc *m = &ini->memory;

	if (!m->line)
		return;
	if (!m->count.line || !m->size_mb.line) {
		form_fault(&ini->form, m->line, "[Malloc] needs NumberOfLuns and LunSizeInMB");
		return;
	}
	if (m->block_size.line)
		form_block_size(&ini->form, m->block_size.line, m->block_size.value);
	for (uint64_t i = 0; i < m->count.value; i++) {
		g_autofree char *name = g_strdup_printf("Malloc%" G_GUINT64_FORMAT, i);

		ini_name(ini, m->count.line, name);
	}
}

static void add_mallocs(struct ini *ini, GString *json)
{
	const struct ini_malloc *m = &ini->memory;
	uint64_t block = m->block_size.line ? m->block_size.value : 512;

	for (uint64_t i = 0; i < m->count.value; i++) {
		g_autofree char *name = g_strdup_printf("Malloc%" G_GUINT64_FORMAT, i);

		form_str(json, "name", name);
		form_num(json, "block_size", block);
		form_num(json, "num_blocks", m->size_mb.value * MIB / block);
		form_add(&ini->form, "[Malloc]", m->count.line, "bdev_malloc_create", json);
	}
}

static void add_all(struct ini *ini, const GArray *calls)
{
	for (guint i = 0; i < calls->len; i++) {
		const struct ini_call *call = &g_array_index(calls, struct ini_call, i);

		config_add(ini->form.config, call->part, call->line, call->method, call->params);
	}
}

/* The member "name" of a call about one. */
static void check_limits(struct ini *ini)
{
	for (guint i = 0; i < ini->limits->len; i++) {
		const struct ini_call *call = &g_array_index(ini->limits, struct ini_call, i);
		struct jv_doc *doc = jv_parse(call->params, strlen(call->params), 0, NULL);

		check_bdev(ini, call->line, jv_member(jv_root(doc), "name")->str);
		jv_doc_unref(doc);
	}
}

/* --- options ------------------------------------------------------------------------------- */

static void add_options(struct ini *ini, GString *json)
{
	unsigned line = MAX(ini->io_pool_size.line, ini->io_cache_size.line);

	if (line) {
		opt_num(json, "bdev_io_pool_size", &ini->io_pool_size);
		opt_num(json, "bdev_io_cache_size", &ini->io_cache_size);
		form_add(&ini->form, "[Bdev]", line, "bdev_set_options", json);
	}
	if (ini->max_subsystems.line) {
		opt_num(json, "max_subsystems", &ini->max_subsystems);
		form_add(&ini->form, "[Nvmf]", ini->max_subsystems.line, "nvmf_set_max_subsystems",
			 json);
	}
}

/* --- transports ---------------------------------------------------------------------------- */

static const struct ini_transport *find_transport(const struct ini *ini, const char *trtype)
{
	for (guint i = 0; i < ini->transports->len; i++) {
		const struct ini_transport *t = ini->transports->pdata[i];

		if (t->type.s && !g_ascii_strcasecmp(t->type.s, trtype))
			return t;
	}
	return NULL;
}

/* What [Nvmf] says is for all, as it was before there was [TransportN]. */
static const struct form_number *either(const struct form_number *own,
					const struct form_number *all)
{
	return own->line ? own : all;
}

static void check_transport(struct ini *ini, struct ini_transport *t)
{
	const struct form_number *capsule =
		either(&t->in_capsule_data_size, &ini->defaults.in_capsule_data_size);
	const struct form_number *io = either(&t->max_io_size, &ini->defaults.max_io_size);
	uint64_t most = io->line ? io->value : DEFAULT_IO_SIZE;

	if (io->line && (io->value & (io->value - 1)) != 0)
		form_fault(&ini->form, io->line,
			   "MaxIOSize is %" G_GUINT64_FORMAT "; it must be a power of two",
			   io->value);
	else if (capsule->line && (capsule->value > most || capsule->value % 16 != 0))
		form_fault(
			&ini->form, capsule->line,
			"InCapsuleDataSize is %" G_GUINT64_FORMAT
			"; it must be a multiple of 16, and at most MaxIOSize (%" G_GUINT64_FORMAT
			")",
			capsule->value, most);
}

static void check_transports(struct ini *ini)
{
	struct ini_transport none = { 0 };

	if (ini->transports->len == 0)
		check_transport(ini, &none);
	for (guint i = 0; i < ini->transports->len; i++) {
		struct ini_transport *t = ini->transports->pdata[i];

		if (!t->type.s)
			form_fault(&ini->form, t->line, "%s has no Type, such as TCP", t->part);
		else if (form_transport(&ini->form, t->type.line, t->type.s) &&
			 find_transport(ini, t->type.s) != t)
			form_fault(&ini->form, t->type.line, "there is a transport %s already",
				   t->type.s);
		check_transport(ini, t);
	}
}

/* What only RDMA has. */
static void add_shared_receives(struct ini *ini, const char *part, const char *trtype,
				const struct ini_transport *t, GString *json)
{
	const struct {
		const char *name;
		unsigned line;
	} keys[] = {
		{ "MaxSRQDepth", t->max_srq_depth.line },
		{ "NoSRQ", t->no_srq.line },
	};

	if (!strcmp(trtype, "RDMA")) {
		opt_num(json, "max_srq_depth", &t->max_srq_depth);
		if (t->no_srq.line)
			form_bool(json, "no_srq", t->no_srq.value);
		return;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
		if (keys[i].line)
			config_note(ini->form.config, keys[i].line,
				    "%s %s has no effect: it is of RDMA", part, keys[i].name);
}

static void add_transport(struct ini *ini, const char *part, unsigned line, const char *trtype,
			  const struct ini_transport *t, GString *json)
{
	const struct ini_transport *all = &ini->defaults;
	const struct form_number *queues = either(&t->queues, &all->queues);

	form_str(json, "trtype", trtype);
	opt_num(json, "max_queue_depth", either(&t->max_queue_depth, &all->max_queue_depth));
	if (queues->line) /* they counted the admin queue */
		form_num(json, "max_io_qpairs_per_ctrlr", queues->value - 1);
	opt_num(json, "in_capsule_data_size",
		either(&t->in_capsule_data_size, &all->in_capsule_data_size));
	opt_num(json, "max_io_size", either(&t->max_io_size, &all->max_io_size));
	opt_num(json, "max_aq_depth", &t->max_aq_depth);
	if (t->c2h_success.line)
		form_bool(json, "c2h_success", t->c2h_success.value);
	opt_num(json, "sock_priority", &t->sock_priority);
	opt_num(json, "acceptor_backlog", &t->acceptor_backlog);
	add_shared_receives(ini, part, trtype, t, json);
	form_add(&ini->form, part, line, "nvmf_create_transport", json);
}

/* Those of sections, then those that files before 18.10 only listened by. */
static void add_transports(struct ini *ini, GString *json)
{
	const struct ini_transport none = { 0 };
	g_autoptr(GPtrArray) made = g_ptr_array_new();

	for (guint i = 0; i < ini->transports->len; i++) {
		const struct ini_transport *t = ini->transports->pdata[i];

		add_transport(ini, t->part, t->line,
			      form_transport(&ini->form, t->type.line, t->type.s), t, json);
	}
	for (guint i = 0; i < ini->subsystems->len; i++) {
		const struct ini_subsystem *s = ini->subsystems->pdata[i];

		for (guint k = 0; k < s->listens->len; k++) {
			const struct ini_listen *l =
				&g_array_index(s->listens, struct ini_listen, k);

			if (find_transport(ini, l->trtype) ||
			    g_ptr_array_find(made, l->trtype, NULL))
				continue;
			g_ptr_array_add(made, (char *)l->trtype);
			add_transport(ini, s->part, l->line, l->trtype, &none, json);
		}
	}
}

/* --- subsystems --------------------------------------------------------------------------------
 */

/* Sets the nsids that were not given. Returns the highest. */
static uint64_t number_nss(struct ini *ini, struct ini_subsystem *s)
{
	unsigned taken[NVMF_MAX_NSID + 1] = { 0 }; /* lines */
	uint64_t next = 1, highest = 0;

	for (guint i = 0; i < s->nss->len; i++) {
		struct ini_ns *ns = &g_array_index(s->nss, struct ini_ns, i);

		if (!ns->nsid.line) {
			while (next <= NVMF_MAX_NSID && taken[next])
				next++;
			ns->nsid.value = next;
		}
		if (ns->nsid.value > NVMF_MAX_NSID)
			form_fault(&ini->form, ns->line,
				   "%s has %d namespaces already: no nsid "
				   "is left",
				   s->part, NVMF_MAX_NSID);
		else if (taken[ns->nsid.value])
			form_fault(&ini->form, ns->line,
				   "%s has a namespace %" G_GUINT64_FORMAT " already, of line %u",
				   s->part, ns->nsid.value, taken[ns->nsid.value]);
		else
			taken[ns->nsid.value] = ns->line;
		highest = MAX(highest, ns->nsid.value);
	}
	return highest;
}

static void check_nss(struct ini *ini, struct ini_subsystem *s, GHashTable *used)
{
	uint64_t highest = number_nss(ini, s);

	for (guint i = 0; i < s->nss->len; i++) {
		struct ini_ns *ns = &g_array_index(s->nss, struct ini_ns, i);
		unsigned before = GPOINTER_TO_UINT(g_hash_table_lookup(used, ns->bdev));

		if (before)
			form_fault(&ini->form, ns->line,
				   "bdev %s is a namespace already, in line %u; it can be one only",
				   ns->bdev, before);
		else
			check_bdev(ini, ns->line, ns->bdev);
		g_hash_table_insert(used, (char *)ns->bdev, GUINT_TO_POINTER(ns->line));
		if (s->max_namespaces.value && ns->nsid.value > s->max_namespaces.value)
			form_fault(&ini->form, ns->line,
				   "nsid %" G_GUINT64_FORMAT
				   " is above MaxNamespaces (%" G_GUINT64_FORMAT ")",
				   ns->nsid.value, s->max_namespaces.value);
	}
	if (!s->max_namespaces.value) /* there was no limit */
		s->max_namespaces.value = MAX(highest, DEFAULT_NAMESPACES);
}

static void check_listens(struct ini *ini, const struct ini_subsystem *s)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < s->listens->len; i++) {
		const struct ini_listen *l = &g_array_index(s->listens, struct ini_listen, i);
		char *key = g_strdup_printf("%s %s %s", l->trtype, l->host, l->port);

		if (!g_hash_table_add(seen, key))
			form_fault(&ini->form, l->line, "%s listens on %s port %s already", s->part,
				   l->host, l->port);
	}
}

static void check_subsystems(struct ini *ini)
{
	g_autoptr(GHashTable) nqns = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < ini->subsystems->len; i++) {
		struct ini_subsystem *s = ini->subsystems->pdata[i];

		if (!s->nqn.s)
			form_fault(&ini->form, s->line, "%s has no NQN", s->part);
		else if (form_subnqn(&ini->form, s->nqn.line, s->nqn.s) &&
			 !g_hash_table_add(nqns, (char *)s->nqn.s))
			form_fault(&ini->form, s->nqn.line, "there is a subsystem %s already",
				   s->nqn.s);
		if (s->hosts->len == 0 && !s->allow_any_host.value)
			config_note(
				ini->form.config, s->line,
				"%s has no Host and no \"AllowAnyHost Yes\": nobody may connect",
				s->part);
		check_nss(ini, s, used);
		check_listens(ini, s);
		if (ini->max_subsystems.line && i == ini->max_subsystems.value)
			form_fault(&ini->form, s->line,
				   "%s is one more than [Nvmf] MaxSubsystems (%" G_GUINT64_FORMAT
				   ")",
				   s->part, ini->max_subsystems.value);
	}
}

static void add_ns(struct ini *ini, const struct ini_subsystem *s, const struct ini_ns *ns,
		   GString *json)
{
	form_str(json, "nqn", s->nqn.s);
	form_open(json, "namespace");
	form_num(json, "nsid", ns->nsid.value);
	form_str(json, "bdev_name", ns->bdev);
	if (ns->uuid)
		form_str(json, "uuid", ns->uuid);
	form_close(json);
	form_add(&ini->form, s->part, ns->line, "nvmf_subsystem_add_ns", json);
}

static void add_subsystem(struct ini *ini, const struct ini_subsystem *s, GString *json)
{
	form_str(json, "nqn", s->nqn.s);
	form_bool(json, "allow_any_host", s->allow_any_host.value);
	if (s->serial.s)
		form_str(json, "serial_number", s->serial.s);
	if (s->model.s)
		form_str(json, "model_number", s->model.s);
	form_num(json, "max_namespaces", s->max_namespaces.value);
	form_add(&ini->form, s->part, s->line, "nvmf_create_subsystem", json);
	for (guint i = 0; i < s->nss->len; i++)
		add_ns(ini, s, &g_array_index(s->nss, struct ini_ns, i), json);
	for (guint i = 0; i < s->hosts->len; i++) {
		form_str(json, "nqn", s->nqn.s);
		form_str(json, "host", s->hosts->pdata[i]);
		form_add(&ini->form, s->part, g_array_index(s->host_lines, unsigned, i),
			 "nvmf_subsystem_add_host", json);
	}
	for (guint i = 0; i < s->listens->len; i++) {
		const struct ini_listen *l = &g_array_index(s->listens, struct ini_listen, i);
		const struct form_address a = { l->trtype, NULL, l->host, l->port };

		form_str(json, "nqn", s->nqn.s);
		form_address(json, "listen_address", &a);
		form_add(&ini->form, s->part, l->line, "nvmf_subsystem_add_listener", json);
	}
}

/* --- all
 * ------------------------------------------------------------------------------------------ */

void ini_calls(struct ini *ini)
{
	g_autoptr(GString) json = g_string_new(NULL);

	name_mallocs(ini);
	check_limits(ini);
	check_transports(ini);
	check_subsystems(ini);
	if (ini->form.faults->len > 0)
		return;
	form_open(json, NULL);
	add_options(ini, json);
	add_mallocs(ini, json);
	add_all(ini, ini->bdevs);
	add_all(ini, ini->limits);
	add_transports(ini, json);
	for (guint i = 0; i < ini->subsystems->len; i++)
		add_subsystem(ini, ini->subsystems->pdata[i], json);
}
