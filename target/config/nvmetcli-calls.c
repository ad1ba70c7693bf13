/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a file of nvmetcli says becomes calls: bdevs on the devices, a transport of each
 * type that ports have, subsystems, and last the listeners: who connects finds all
 * namespaces.
 *
 * What nvmet has and weft has otherwise: port ids are the listener's "portid"; inline
 * data and queue sizes of ports are one of their transport (the largest), and qid_max of
 * subsystems is one of all transports; referrals of ports are the target's; a namespace
 * is in ANA group 1 unless it is said otherwise, and a port has a group that it does not
 * mention inaccessible. A regular file's blocks have 4096 bytes, as most file systems
 * made nvmet choose; a device's are its own.
 */
#include <string.h>

#include "target/config/nvmetcli.h"
#include "target/nvmf/nvmf.h"

#define DEFAULT_NAMESPACES 32
#define FILE_BLOCK 4096
#define NO_ID "00000000-0000-0000-0000-000000000000"

/* --- addresses ----------------------------------------------------------------------------- */

static struct form_address address_of(const struct nt_addr *a, const char *trtype)
{
	return (struct form_address){ trtype, a->adrfam.s, a->traddr.s, a->trsvcid.s };
}

static bool check_address(struct nt *nt, unsigned line, const char *what, const struct nt_addr *a,
			  const char *trtype)
{
	struct form_address address = address_of(a, trtype);

	if (!a->traddr.s || !a->trsvcid.s || !*a->trsvcid.s)
		return form_fault(&nt->form, line, "%s has no addr.%s", what,
				  a->traddr.s ? "trsvcid" : "traddr");
	return form_address_ok(&nt->form, a->traddr.line, &address);
}

static void check_security(struct nt *nt, const struct nt_port *p)
{
	const struct nt_addr *a = &p->addr;

	if (a->tsas.s && *a->tsas.s && g_ascii_strcasecmp(a->tsas.s, "none"))
		form_fault(&nt->form, a->tsas.line,
			   "addr.tsas is \"%s\", and weft has no secure channels so far; it may be "
			   "\"none\"",
			   a->tsas.s);
	if (!a->treq.s || !strcmp(a->treq.s, "not specified"))
		return;
	if (!strcmp(a->treq.s, "not required"))
		config_note(nt->form.config, a->treq.line,
			    "addr.treq has no effect: hosts read \"not specified\"");
	else
		form_fault(&nt->form, a->treq.line,
			   "addr.treq is \"%s\"; it may be \"not specified\" or \"not required\": "
			   "weft has no secure channels so far",
			   a->treq.s);
}

/* --- ports --------------------------------------------------------------------------------- */

/* As calls have it; NULL: none of them. */
static const char *ana_state(const char *state)
{
	if (!strcmp(state, "optimized"))
		return "optimized";
	if (!strcmp(state, "non-optimized"))
		return "non_optimized";
	return strcmp(state, "inaccessible") ? NULL : "inaccessible";
}

static void check_groups(struct nt *nt, const struct nt_port *p)
{
	unsigned seen[129] = { 0 }; /* lines */

	for (guint i = 0; i < p->groups->len; i++) {
		const struct nt_group *g = &g_array_index(p->groups, struct nt_group, i);
		unsigned *before = &seen[g->grpid.value];

		if (g->grpid.line && *before)
			form_fault(&nt->form, g->line,
				   "ANA group %" G_GUINT64_FORMAT " is in line %u already",
				   g->grpid.value, *before);
		*before = g->line;
		if (g->state.s && !ana_state(g->state.s))
			form_fault(&nt->form, g->state.line,
				   "the state of an ANA group is \"%s\"; it may be optimized, "
				   "non-optimized or inaccessible",
				   g->state.s);
	}
}

static void unknown_link(struct nt *nt, const struct form_string *nqn)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *meant = NULL;

	for (guint i = 0; i < nt->subsystems->len; i++) {
		const struct nt_subsystem *s = nt->subsystems->pdata[i];

		if (s->nqn.s)
			g_ptr_array_add(names, (char *)s->nqn.s);
	}
	g_ptr_array_add(names, NULL);
	meant = form_meant(nqn->s, (const char *const *)names->pdata);
	form_fault(&nt->form, nqn->line,
		   "the port has a subsystem \"%.223s\", and the file has none of that name%s",
		   nqn->s, meant);
}

static void check_links(struct nt *nt, const struct nt_port *p)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < p->subsystems->len; i++) {
		const struct form_string *nqn =
			&g_array_index(p->subsystems, struct form_string, i);

		if (!g_hash_table_contains(nt->by_nqn, nqn->s))
			unknown_link(nt, nqn);
		else if (!g_hash_table_add(seen, (char *)nqn->s))
			form_fault(&nt->form, nqn->line, "the port has the subsystem %s already",
				   nqn->s);
	}
}

static void check_port(struct nt *nt, struct nt_port *p, GHashTable *addresses)
{
	const struct nt_addr *a = &p->addr;
	char *key;

	check_groups(nt, p);
	check_links(nt, p);
	check_security(nt, p);
	if (!a->trtype.s || !*a->trtype.s) {
		form_fault(&nt->form, p->line, "a port has no addr.trtype, such as tcp");
		return;
	}
	p->trtype = form_transport(&nt->form, a->trtype.line, a->trtype.s);
	if (!p->trtype || !check_address(nt, p->line, "a port", a, p->trtype))
		return;
	key = g_strdup_printf("%s %s %s", p->trtype, a->traddr.s, a->trsvcid.s);
	if (!g_hash_table_add(addresses, key))
		form_fault(&nt->form, a->traddr.line, "there is a port of %s, trsvcid %s already",
			   a->traddr.s, a->trsvcid.s);
}

static void check_ports(struct nt *nt)
{
	g_autoptr(GHashTable) addresses =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GHashTable) ids = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < nt->ports->len; i++) {
		struct nt_port *p = nt->ports->pdata[i];

		if (p->portid.line &&
		    !g_hash_table_add(ids, GUINT_TO_POINTER((guint)p->portid.value)))
			form_fault(&nt->form, p->portid.line,
				   "there is a port %" G_GUINT64_FORMAT " already",
				   p->portid.value);
		check_port(nt, p, addresses);
	}
}

static void check_referrals(struct nt *nt)
{
	for (guint i = 0; i < nt->referrals->len; i++) {
		const struct nt_referral *r = &g_array_index(nt->referrals, struct nt_referral, i);
		const char *trtype = r->addr.trtype.s;

		if (r->enable.line && !r->enable.value)
			continue;
		if (!trtype ||
		    (g_ascii_strcasecmp(trtype, "tcp") && g_ascii_strcasecmp(trtype, "rdma")))
			form_fault(&nt->form, r->line,
				   "addr.trtype of a referral must be tcp or rdma");
		else
			check_address(nt, r->line, "a referral", &r->addr, trtype);
	}
}

/* --- namespaces ---------------------------------------------------------------------------- */

static bool served(const struct nt_ns *ns)
{
	return ns->enable.value == 1;
}

static unsigned group_of(const struct nt_ns *ns)
{
	if (ns->ana_grpid.value)
		return (unsigned)ns->ana_grpid.value;
	return ns->grpid.value ? (unsigned)ns->grpid.value : 1;
}

/*
 * A bdev is named after its device: what follows /dev/, or the whole path. One device
 * has one name whatever else is in the file. Several slashes are one. Caller frees.
 */
static char *bdev_name(const char *path)
{
	GString *s = g_string_new(NULL);

	for (; *path; path++)
		if (*path != '/' || s->len == 0 || s->str[s->len - 1] != '/')
			g_string_append_c(s, *path);
	if (g_str_has_prefix(s->str, "/dev/") && s->len > 5)
		g_string_erase(s, 0, 5);
	return g_string_free(s, FALSE);
}

static bool on_device(const struct nt_ns *ns)
{
	return *ns->bdev != '/' && !g_str_has_prefix(ns->bdev, "shm/");
}

static void check_device(struct nt *nt, struct nt_ns *ns, GHashTable *used)
{
	unsigned before;

	if (!ns->path.s || *ns->path.s != '/') {
		form_fault(&nt->form, ns->path.line ? ns->path.line : ns->line,
			   "namespace %" G_GUINT64_FORMAT " has no device.path; it is that of a "
			   "device or file, such as /dev/nvme0n1",
			   ns->nsid.value);
		return;
	}
	ns->bdev = bdev_name(ns->path.s);
	if (!form_text(&nt->form, ns->path.line, "device.path", ns->bdev, 255))
		return;
	before = GPOINTER_TO_UINT(g_hash_table_lookup(used, ns->bdev));
	if (before)
		form_fault(
			&nt->form, ns->path.line,
			"%s is a namespace already, in line %u; weft serves a device as one only: "
			"link that subsystem to the port instead",
			ns->path.s, before);
	else
		g_hash_table_insert(used, ns->bdev, GUINT_TO_POINTER(ns->path.line));
}

/* eui64: 16 digits, with dashes or not. Caller frees; NULL: they are not so many. */
static char *hex_of(const char *text, unsigned digits)
{
	GString *s = g_string_new(NULL);

	for (; *text; text++) {
		if (g_ascii_isxdigit(*text))
			g_string_append_c(s, g_ascii_tolower(*text));
		else if (*text != '-')
			break;
	}
	return g_string_free(s, *text || s->len != digits);
}

static void check_ids(struct nt *nt, const struct nt_ns *ns)
{
	const struct {
		const char *name;
		const struct form_string *id;
		unsigned digits;
	} ids[] = {
		{ "uuid", &ns->uuid, 32 },
		{ "nguid", &ns->nguid, 32 },
		{ "eui64", &ns->eui64, 16 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
		g_autofree char *hex = ids[i].id->line ? hex_of(ids[i].id->s, ids[i].digits) : NULL;

		if (ids[i].id->line && !hex)
			form_fault(&nt->form, ids[i].id->line,
				   "device.%s is \"%s\"; it must have %u hexadecimal digits",
				   ids[i].name, ids[i].id->s, ids[i].digits);
	}
}

static void check_subsystem(struct nt *nt, const struct nt_subsystem *s, GHashTable *used)
{
	unsigned seen[NVMF_MAX_NSID + 1] = { 0 }; /* lines */

	if (s->serial.s && *s->serial.s)
		form_text(&nt->form, s->serial.line, "attr.serial", s->serial.s, 20);
	if (s->model.s && *s->model.s)
		form_text(&nt->form, s->model.line, "attr.model", s->model.s, 40);
	if (s->cntlid_min.line && s->cntlid_max.line && s->cntlid_min.value > s->cntlid_max.value)
		form_fault(&nt->form, s->cntlid_min.line,
			   "attr.cntlid_min is above attr.cntlid_max");
	for (guint i = 0; i < s->nss->len; i++) {
		struct nt_ns *ns = &g_array_index(s->nss, struct nt_ns, i);
		unsigned *before = &seen[ns->nsid.value];

		if (!ns->nsid.line)
			continue;
		if (*before)
			form_fault(&nt->form, ns->nsid.line,
				   "there is a namespace %" G_GUINT64_FORMAT " already, in line %u",
				   ns->nsid.value, *before);
		*before = ns->nsid.line;
		if (!served(ns)) {
			config_note(nt->form.config, ns->line,
				    "namespace %" G_GUINT64_FORMAT " is not added: its \"enable\" "
				    "is not 1",
				    ns->nsid.value);
			continue;
		}
		check_device(nt, ns, used);
		check_ids(nt, ns);
	}
}

static void check_subsystems(struct nt *nt)
{
	g_autoptr(GHashTable) used = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < nt->subsystems->len; i++)
		check_subsystem(nt, nt->subsystems->pdata[i], used);
}

/* --- calls --------------------------------------------------------------------------------- */

static void add_bdev(struct nt *nt, const char *part, const struct nt_ns *ns, GString *json)
{
	form_str(json, "name", ns->bdev);
	form_str(json, "filename", ns->path.s);
	if (!on_device(ns))
		form_num(json, "block_size", FILE_BLOCK);
	form_add(&nt->form, part, ns->path.line, "bdev_aio_create", json);
}

static void largest(struct nt *nt, struct form_number *most, const struct form_number *one,
		    const char *name)
{
	if (!one->line)
		return;
	if (most->line && most->value != one->value)
		config_note(nt->form.config, one->line,
			    "\"%s\" differs from that in line %u; the larger one is for all", name,
			    most->line);
	if (!most->line || one->value > most->value)
		*most = *one;
}

/* That of the type of the port, which is the first that has it. */
static void add_transport(struct nt *nt, const struct nt_port *first,
			  const struct form_number *queues, GString *json)
{
	struct form_number inline_size = { 0 }, queue_size = { 0 };

	for (guint i = 0; i < nt->ports->len; i++) {
		const struct nt_port *p = nt->ports->pdata[i];

		if (strcmp(p->trtype, first->trtype))
			continue;
		largest(nt, &inline_size, &p->inline_data_size, "inline_data_size");
		largest(nt, &queue_size, &p->max_queue_size, "max_queue_size");
	}
	form_str(json, "trtype", first->trtype);
	if (queue_size.line)
		form_num(json, "max_queue_depth", queue_size.value);
	if (queues->line)
		form_num(json, "max_io_qpairs_per_ctrlr", queues->value);
	if (inline_size.line) /* weft's are in units of 16 */
		form_num(json, "in_capsule_data_size", (inline_size.value + 15) / 16 * 16);
	form_add(&nt->form, "ports", first->line, "nvmf_create_transport", json);
}

static bool is_first_of_type(const struct nt *nt, guint at)
{
	const struct nt_port *p = nt->ports->pdata[at];

	for (guint i = 0; i < at; i++)
		if (!strcmp(((const struct nt_port *)nt->ports->pdata[i])->trtype, p->trtype))
			return false;
	return true;
}

static void add_transports(struct nt *nt, GString *json)
{
	struct form_number queues = { 0 };

	if (nt->ports->len == 0)
		return;
	for (guint i = 0; i < nt->subsystems->len; i++)
		largest(nt, &queues, &((struct nt_subsystem *)nt->subsystems->pdata[i])->qid_max,
			"qid_max");
	for (guint i = 0; i < nt->ports->len; i++)
		if (is_first_of_type(nt, i))
			add_transport(nt, nt->ports->pdata[i], &queues, json);
}

/* Several ports may have the same. */
static void add_referrals(struct nt *nt, GString *json)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < nt->referrals->len; i++) {
		const struct nt_referral *r = &g_array_index(nt->referrals, struct nt_referral, i);
		bool rdma = r->addr.trtype.s && !g_ascii_strcasecmp(r->addr.trtype.s, "rdma");
		const struct form_address a = address_of(&r->addr, rdma ? "RDMA" : "TCP");

		if ((r->enable.line && !r->enable.value) ||
		    !g_hash_table_add(seen, g_strdup_printf("%s %s %s", a.trtype, a.host, a.port)))
			continue;
		form_address(json, "address", &a);
		if (r->addr.treq.s && !strcmp(r->addr.treq.s, "required"))
			form_bool(json, "secure_channel", true);
		form_add(&nt->form, "referrals", r->line, "nvmf_discovery_add_referral", json);
	}
}

/* --- calls: subsystems --------------------------------------------------------------------- */

static bool links(const struct nt_port *p, const struct nt_subsystem *s)
{
	for (guint i = 0; i < p->subsystems->len; i++)
		if (!strcmp(g_array_index(p->subsystems, struct form_string, i).s, s->nqn.s))
			return true;
	return false;
}

/* Kernels before 4.20 had no ANA, and their files nothing of it. */
static bool mentions_ana(const struct nt *nt, const struct nt_subsystem *s)
{
	for (guint i = 0; i < s->nss->len; i++) {
		const struct nt_ns *ns = &g_array_index(s->nss, struct nt_ns, i);

		if (ns->ana_grpid.value || ns->grpid.value)
			return true;
	}
	for (guint i = 0; i < nt->ports->len; i++) {
		const struct nt_port *p = nt->ports->pdata[i];

		if (p->groups->len > 0 && links(p, s))
			return true;
	}
	return false;
}

static uint64_t groups_and_nsids(const struct nt_subsystem *s)
{
	uint64_t most = DEFAULT_NAMESPACES;

	for (guint i = 0; i < s->nss->len; i++) {
		const struct nt_ns *ns = &g_array_index(s->nss, struct nt_ns, i);

		most = MAX(most, MAX(ns->nsid.value, group_of(ns)));
	}
	return most;
}

static void opt_id(GString *json, const char *key, const struct form_string *id, unsigned digits)
{
	g_autofree char *hex = id->line ? hex_of(id->s, digits) : NULL;

	if (hex && strspn(hex, "0") != digits)
		form_str(json, key, hex);
}

static void add_ns(struct nt *nt, const char *part, const struct nt_subsystem *s,
		   const struct nt_ns *ns, GString *json)
{
	char uuid[37];

	form_str(json, "nqn", s->nqn.s);
	form_open(json, "namespace");
	form_num(json, "nsid", ns->nsid.value);
	form_str(json, "bdev_name", ns->bdev);
	if (ns->uuid.line && form_uuid(ns->uuid.s, uuid) && strcmp(uuid, NO_ID))
		form_str(json, "uuid", uuid);
	opt_id(json, "nguid", &ns->nguid, 32);
	opt_id(json, "eui64", &ns->eui64, 16);
	if (s->ana)
		form_num(json, "anagrpid", group_of(ns));
	form_close(json);
	form_add(&nt->form, part, ns->line, "nvmf_subsystem_add_ns", json);
}

static void add_subsystem(struct nt *nt, const struct nt_subsystem *s, GString *json)
{
	g_autofree char *part = g_strdup_printf("subsystem %s", s->nqn.s);

	for (guint i = 0; i < s->nss->len; i++)
		if (served(&g_array_index(s->nss, struct nt_ns, i)))
			add_bdev(nt, part, &g_array_index(s->nss, struct nt_ns, i), json);
	form_str(json, "nqn", s->nqn.s);
	form_bool(json, "allow_any_host", s->allow_any_host.value);
	if (s->serial.s && *s->serial.s)
		form_str(json, "serial_number", s->serial.s);
	if (s->model.s && *s->model.s)
		form_str(json, "model_number", s->model.s);
	form_num(json, "max_namespaces", s->max_namespaces);
	form_bool(json, "ana_reporting", s->ana);
	if (s->cntlid_min.line)
		form_num(json, "min_cntlid", s->cntlid_min.value);
	if (s->cntlid_max.line)
		form_num(json, "max_cntlid", s->cntlid_max.value);
	form_add(&nt->form, part, s->line, "nvmf_create_subsystem", json);
	for (guint i = 0; i < s->nss->len; i++)
		if (served(&g_array_index(s->nss, struct nt_ns, i)))
			add_ns(nt, part, s, &g_array_index(s->nss, struct nt_ns, i), json);
	for (guint i = 0; i < s->hosts->len; i++) {
		const struct form_string *host = &g_array_index(s->hosts, struct form_string, i);

		form_str(json, "nqn", s->nqn.s);
		form_str(json, "host", host->s);
		form_add(&nt->form, part, host->line, "nvmf_subsystem_add_host", json);
	}
}

/* --- calls: listeners ---------------------------------------------------------------------- */

static const char *group_state(const struct nt_port *p, const struct nt_subsystem *s,
			       unsigned grpid)
{
	for (guint i = 0; i < p->groups->len; i++) {
		const struct nt_group *g = &g_array_index(p->groups, struct nt_group, i);

		if (g->grpid.value == grpid)
			return g->state.s ? ana_state(g->state.s) : "optimized";
	}
	for (guint i = 0; grpid > 1 && i < s->nss->len; i++)
		if (group_of(&g_array_index(s->nss, struct nt_ns, i)) == grpid)
			return "inaccessible";
	return "optimized";
}

static void add_listener(struct nt *nt, const struct nt_port *p, const struct nt_subsystem *s,
			 GString *json)
{
	g_autofree char *part = g_strdup_printf("port %" G_GUINT64_FORMAT, p->portid.value);
	const struct form_address a = address_of(&p->addr, p->trtype);

	form_str(json, "nqn", s->nqn.s);
	form_address(json, "listen_address", &a);
	form_num(json, "portid", p->portid.value);
	form_add(&nt->form, part, p->line, "nvmf_subsystem_add_listener", json);
	for (unsigned grpid = 1; s->ana && grpid <= s->max_namespaces; grpid++) {
		const char *state = group_state(p, s, grpid);

		if (!strcmp(state, "optimized"))
			continue;
		form_str(json, "nqn", s->nqn.s);
		form_address(json, "listen_address", &a);
		form_str(json, "ana_state", state);
		form_num(json, "anagrpid", grpid);
		form_add(&nt->form, part, p->line, "nvmf_subsystem_listener_set_ana_state", json);
	}
}

void nt_calls(struct nt *nt)
{
	g_autoptr(GString) json = g_string_new(NULL);

	check_subsystems(nt);
	check_ports(nt);
	check_referrals(nt);
	if (nt->form.faults->len > 0)
		return;
	for (guint i = 0; i < nt->subsystems->len; i++) {
		struct nt_subsystem *s = nt->subsystems->pdata[i];

		s->ana = mentions_ana(nt, s);
		s->max_namespaces = groups_and_nsids(s);
	}
	form_open(json, NULL);
	add_transports(nt, json);
	add_referrals(nt, json);
	for (guint i = 0; i < nt->subsystems->len; i++)
		add_subsystem(nt, nt->subsystems->pdata[i], json);
	for (guint i = 0; i < nt->ports->len; i++) {
		const struct nt_port *p = nt->ports->pdata[i];

		for (guint k = 0; k < p->subsystems->len; k++)
			add_listener(nt, p,
				     g_hash_table_lookup(
					     nt->by_nqn,
					     g_array_index(p->subsystems, struct form_string, k).s),
				     json);
	}
}
