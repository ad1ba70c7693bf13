/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads what nvmetcli saves of Linux nvmet. Its values are those of files in configfs:
 * numbers are strings as often as not. Keys are data; of those of no effect the log
 * hears once, what a build lacks must be switched off.
 */
#include "target/config/nvmetcli.h"

#include <string.h>

#include "target/nvmf/nvmf.h"

enum nt_kind {
	NT_NUMBER,  /* struct form_number at offset, from min to max */
	NT_DEFAULT, /* the same; -1 is as if it were not there */
	NT_TEXT,    /* struct form_string at offset, at most max bytes */
	NT_OBJECT,  /* sub, in the same structure */
	NT_OBJECTS, /* an array: take() for each */
	NT_TEXTS,   /* the same of strings */
	NT_IGNORED, /* of no effect; why says so, NULL: that is no news */
	NT_OFF,	    /* of a part that weft does not have: why says which */
};

struct nt_field {
	const char *name; /* NULL ends a table */
	enum nt_kind kind;
	size_t offset;
	uint64_t min, max;
	const struct nt_field *sub;
	void (*take)(struct nt *nt, const struct jv *v);
	const char *why;
};

/* --- lines --------------------------------------------------------------------------------- */

static void find_lines(struct nt *nt, const char *text)
{
	size_t at = 0;

	nt->text = text;
	nt->lines = g_array_new(FALSE, FALSE, sizeof(size_t));
	g_array_append_val(nt->lines, at);
	for (; text[at]; at++) {
		size_t next = at + 1;

		if (text[at] == '\n')
			g_array_append_val(nt->lines, next);
	}
}

static unsigned line_of(const struct nt *nt, const struct jv *v)
{
	size_t at = (size_t)(v->raw - nt->text);
	unsigned low = 0, high = nt->lines->len;

	while (high - low > 1) {
		unsigned middle = low + (high - low) / 2;

		if (g_array_index(nt->lines, size_t, middle) <= at)
			low = middle;
		else
			high = middle;
	}
	return low + 1;
}

/* --- values -------------------------------------------------------------------------------- */

static void wrong(struct nt *nt, const char *path, const struct jv *v, const char *expected)
{
	g_autofree char *found = jv_describe(v);

	form_fault(&nt->form, line_of(nt, v), "%s is %s; it must be %s", path, found, expected);
}

/* Text of a number or a string as in a file; NULL: it is another thing. Caller frees. */
static char *text_of(const struct jv *v)
{
	if (v->type == JV_NUMBER)
		return g_strndup(v->raw, v->raw_len);
	if (v->type == JV_STRING && v->len == strlen(v->str))
		return g_strdup(v->str);
	return NULL;
}

static void take_number(struct nt *nt, const struct nt_field *f, const char *path,
			const struct jv *v, void *base)
{
	struct form_number *number = (struct form_number *)((char *)base + f->offset);
	g_autofree char *text = text_of(v), *expected = NULL;

	if (text && f->kind == NT_DEFAULT && !strcmp(text, "-1"))
		return;
	if (text && form_number(text, f->min, f->max, &number->value)) {
		number->line = line_of(nt, v);
		return;
	}
	expected = g_strdup_printf("a whole number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
				   "%s",
				   f->min, f->max, f->kind == NT_DEFAULT ? ", or -1" : "");
	wrong(nt, path, v, expected);
}

static bool is_text(struct nt *nt, const char *path, const struct jv *v, size_t max)
{
	g_autofree char *expected = NULL;

	if (v->type == JV_STRING && v->len == strlen(v->str) && v->len <= max)
		return true;
	expected = g_strdup_printf("a string of at most %zu bytes", max);
	wrong(nt, path, v, expected);
	return false;
}

static void take_text(struct nt *nt, const struct nt_field *f, const char *path, const struct jv *v,
		      void *base)
{
	struct form_string *string = (struct form_string *)((char *)base + f->offset);

	if (is_text(nt, path, v, f->max))
		*string = (struct form_string){ v->str, line_of(nt, v) };
}

static bool is_off(const struct jv *v)
{
	static const char *const off[] = { "", "0", "none", "no" };
	g_autofree char *text = text_of(v);

	for (unsigned i = 0; text && i < G_N_ELEMENTS(off); i++)
		if (!g_ascii_strcasecmp(text, off[i]))
			return true;
	return v->type == JV_NULL || (v->type == JV_BOOL && !v->truth);
}

static void take_list(struct nt *nt, const struct nt_field *f, const char *path, const struct jv *v)
{
	enum jv_type type = f->kind == NT_TEXTS ? JV_STRING : JV_OBJECT;
	g_autofree char *each = g_strdup_printf("an element of %s", path);

	if (v->type != JV_ARRAY) {
		wrong(nt, path, v, "an array");
		return;
	}
	for (v = v->first; v && !form_too_many(&nt->form); v = v->next) {
		if (type == JV_STRING ? !is_text(nt, each, v, 1024) : v->type != type) {
			if (type != JV_STRING)
				wrong(nt, each, v, "an object");
			continue;
		}
		f->take(nt, v);
	}
}

/* --- objects ------------------------------------------------------------------------------- */

static void read_object(struct nt *nt, const char *what, const struct jv *v,
			const struct nt_field *fields, void *base);

static void take_field(struct nt *nt, const struct nt_field *f, const char *path,
		       const struct jv *v, void *base)
{
	switch (f->kind) {
	case NT_NUMBER:
	case NT_DEFAULT:
		take_number(nt, f, path, v, base);
		break;
	case NT_TEXT:
		take_text(nt, f, path, v, base);
		break;
	case NT_OBJECT:
		if (v->type == JV_OBJECT)
			read_object(nt, path, v, f->sub, base);
		else
			wrong(nt, path, v, "an object");
		break;
	case NT_OBJECTS:
	case NT_TEXTS:
		take_list(nt, f, path, v);
		break;
	case NT_IGNORED:
		if (f->why && g_hash_table_add(nt->noted, (char *)f->name))
			config_note(nt->form.config, line_of(nt, v), "%s has no effect: %s", path,
				    f->why);
		break;
	case NT_OFF:
		if (!is_off(v))
			form_fault(&nt->form, line_of(nt, v),
				   "%s is on, and weft has no %s; switch it off, or remove it",
				   path, f->why);
		break;
	}
}

static void unknown(struct nt *nt, const char *what, const struct jv *v,
		    const struct nt_field *fields)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *meant = NULL, *list = NULL;

	for (const struct nt_field *f = fields; f->name; f++)
		g_ptr_array_add(names, (char *)f->name);
	g_ptr_array_add(names, NULL);
	meant = form_meant(v->key, (const char *const *)names->pdata);
	list = g_strjoinv(", ", (char **)names->pdata);
	form_fault(&nt->form, line_of(nt, v), "%s has no \"%.64s\"%s%s It has: %s", what, v->key,
		   meant, *meant ? "" : ".", list);
}

static bool is_repeated(const struct jv *object, const struct jv *v)
{
	return jv_member(object, v->key) != v;
}

static void read_object(struct nt *nt, const char *what, const struct jv *v,
			const struct nt_field *fields, void *base)
{
	const struct jv *object = v;

	for (v = object->first; v && !form_too_many(&nt->form); v = v->next) {
		g_autofree char *path = g_strdup_printf("%s: \"%s\"", what, v->key);
		const struct nt_field *f = fields;

		while (f->name && strcmp(f->name, v->key))
			f++;
		if (!f->name)
			unknown(nt, what, v, fields);
		else if (is_repeated(object, v))
			form_fault(&nt->form, line_of(nt, v), "%s is there twice", path);
		else
			take_field(nt, f, path, v, base);
	}
}

/* --- tables -------------------------------------------------------------------------------- */

#define NUMBER(name_, struct_, member_, min_, max_)                                                \
	{                                                                                          \
		.name = name_, .kind = NT_NUMBER, .offset = offsetof(struct_, member_),            \
		.min = min_, .max = max_                                                           \
	}
#define DEFAULT(name_, struct_, member_, min_, max_)                                               \
	{                                                                                          \
		.name = name_, .kind = NT_DEFAULT, .offset = offsetof(struct_, member_),           \
		.min = min_, .max = max_                                                           \
	}
#define TEXT(name_, struct_, member_, max_)                                                        \
	{                                                                                          \
		.name = name_, .kind = NT_TEXT, .offset = offsetof(struct_, member_), .max = max_  \
	}
#define OBJECT(name_, sub_)                                                                        \
	{                                                                                          \
		.name = name_, .kind = NT_OBJECT, .sub = sub_                                      \
	}
#define LIST(name_, kind_, take_)                                                                  \
	{                                                                                          \
		.name = name_, .kind = kind_, .take = take_                                        \
	}
#define IGNORED(name_, why_)                                                                       \
	{                                                                                          \
		.name = name_, .kind = NT_IGNORED, .why = why_                                     \
	}
#define OFF(name_, why_)                                                                           \
	{                                                                                          \
		.name = name_, .kind = NT_OFF, .why = why_                                         \
	}

static const char no_auth[] = "in-band authentication so far";
static const char no_pi[] = "protection information";
static const char own_identity[] = "hosts see weft's own";

/* Hosts: they need not be made; allowed_hosts is what counts. */
static const struct nt_field dhchap_fields[] = {
	OFF("key", no_auth),
	OFF("ctrl_key", no_auth),
	IGNORED("hash", NULL),
	IGNORED("dhgroup", NULL),
	{ 0 },
};

static const struct nt_field host_fields[] = {
	IGNORED("nqn", NULL),
	OBJECT("dhchap", dhchap_fields),
	{ 0 },
};

static void take_host(struct nt *nt, const struct jv *v)
{
	read_object(nt, "a host", v, host_fields, NULL);
}

/* Subsystems. */
static const struct nt_field device_fields[] = {
	TEXT("path", struct nt_ns, path, 4095),
	TEXT("uuid", struct nt_ns, uuid, 36),
	TEXT("nguid", struct nt_ns, nguid, 36),
	TEXT("eui64", struct nt_ns, eui64, 16),
	{ 0 },
};

static const struct nt_field ns_ana_fields[] = {
	NUMBER("grpid", struct nt_ns, grpid, 0, 128),
	{ 0 },
};

static const struct nt_field ns_fields[] = {
	NUMBER("nsid", struct nt_ns, nsid, 1, NVMF_MAX_NSID),
	NUMBER("enable", struct nt_ns, enable, 0, 1),
	NUMBER("ana_grpid", struct nt_ns, ana_grpid, 0, 128),
	OBJECT("ana", ns_ana_fields),
	OBJECT("device", device_fields),
	IGNORED("buffered_io", "weft reads and writes past the page cache where it can"),
	IGNORED("revalidate_size", NULL),
	OFF("p2pmem", "peer-to-peer memory"),
	OFF("resv_enable", "persistent reservations so far"),
	{ 0 },
};

static void take_ns(struct nt *nt, const struct jv *v)
{
	struct nt_ns ns = { .line = line_of(nt, v) };

	read_object(nt, "a namespace", v, ns_fields, &ns);
	if (!ns.nsid.line && !jv_member(v, "nsid"))
		form_fault(&nt->form, ns.line, "a namespace has no \"nsid\"");
	g_array_append_val(nt->subsystem->nss, ns);
}

static void take_allowed_host(struct nt *nt, const struct jv *v)
{
	struct form_string host = { v->str, line_of(nt, v) };

	if (form_hostnqn(&nt->form, host.line, host.s))
		g_array_append_val(nt->subsystem->hosts, host);
}

static const struct nt_field attr_fields[] = {
	NUMBER("allow_any_host", struct nt_subsystem, allow_any_host, 0, 1),
	TEXT("serial", struct nt_subsystem, serial, 20),
	TEXT("model", struct nt_subsystem, model, 40),
	NUMBER("cntlid_min", struct nt_subsystem, cntlid_min, NVMF_MIN_CNTLID, NVMF_MAX_CNTLID),
	NUMBER("cntlid_max", struct nt_subsystem, cntlid_max, NVMF_MIN_CNTLID, NVMF_MAX_CNTLID),
	NUMBER("qid_max", struct nt_subsystem, qid_max, 1, 1024),
	IGNORED("version", own_identity),
	IGNORED("firmware", own_identity),
	IGNORED("ieee_oui", own_identity),
	IGNORED("vendor_id", own_identity),
	IGNORED("subsys_vendor_id", own_identity),
	OFF("pi_enable", no_pi),
	{ 0 },
};

static const struct nt_field passthru_fields[] = {
	OFF("enable", "controllers that are passed through"),
	IGNORED("device", NULL),
	IGNORED("admin_timeout", NULL),
	IGNORED("io_timeout", NULL),
	IGNORED("clear_ids", NULL),
	{ 0 },
};

static const struct nt_field subsystem_fields[] = {
	TEXT("nqn", struct nt_subsystem, nqn, 223),
	LIST("allowed_hosts", NT_TEXTS, take_allowed_host),
	OBJECT("attr", attr_fields),
	LIST("namespaces", NT_OBJECTS, take_ns),
	OBJECT("passthru", passthru_fields),
	{ 0 },
};

static void clear_ns(void *ns)
{
	g_free(((struct nt_ns *)ns)->bdev);
}

static void take_subsystem(struct nt *nt, const struct jv *v)
{
	struct nt_subsystem *s = g_new0(struct nt_subsystem, 1);

	s->line = line_of(nt, v);
	s->hosts = g_array_new(FALSE, FALSE, sizeof(struct form_string));
	s->nss = g_array_new(FALSE, FALSE, sizeof(struct nt_ns));
	g_array_set_clear_func(s->nss, clear_ns);
	nt->subsystem = s;
	g_ptr_array_add(nt->subsystems, s);
	read_object(nt, "a subsystem", v, subsystem_fields, s);
	if (!s->nqn.line && !jv_member(v, "nqn"))
		form_fault(&nt->form, s->line, "a subsystem has no \"nqn\"");
	else if (s->nqn.line && form_subnqn(&nt->form, s->nqn.line, s->nqn.s) &&
		 !g_hash_table_insert(nt->by_nqn, (char *)s->nqn.s, s))
		form_fault(&nt->form, s->nqn.line, "there is a subsystem %s already", s->nqn.s);
}

/* Ports. */
#define ADDR_FIELDS(struct_)                                                                       \
	TEXT("adrfam", struct_, addr.adrfam, 16), TEXT("traddr", struct_, addr.traddr, 127),       \
		TEXT("trsvcid", struct_, addr.trsvcid, 31),                                        \
		TEXT("trtype", struct_, addr.trtype, 16), TEXT("treq", struct_, addr.treq, 32),    \
		TEXT("tsas", struct_, addr.tsas, 32)

static const struct nt_field addr_fields[] = {
	ADDR_FIELDS(struct nt_port),
	{ 0 },
};

static const struct nt_field referral_addr_fields[] = {
	ADDR_FIELDS(struct nt_referral),
	IGNORED("portid", NULL),
	{ 0 },
};

static const struct nt_field referral_fields[] = {
	TEXT("name", struct nt_referral, name, 255),
	NUMBER("enable", struct nt_referral, enable, 0, 1),
	OBJECT("addr", referral_addr_fields),
	{ 0 },
};

static void take_referral(struct nt *nt, const struct jv *v)
{
	struct nt_referral r = { .line = line_of(nt, v) };

	read_object(nt, "a referral", v, referral_fields, &r);
	g_array_append_val(nt->referrals, r);
}

static const struct nt_field group_ana_fields[] = {
	TEXT("state", struct nt_group, state, 32),
	{ 0 },
};

static const struct nt_field group_fields[] = {
	NUMBER("grpid", struct nt_group, grpid, 1, 128),
	OBJECT("ana", group_ana_fields),
	{ 0 },
};

static void take_group(struct nt *nt, const struct jv *v)
{
	struct nt_group g = { .line = line_of(nt, v) };

	read_object(nt, "an ANA group", v, group_fields, &g);
	if (!g.grpid.line && !jv_member(v, "grpid"))
		form_fault(&nt->form, g.line, "an ANA group has no \"grpid\"");
	g_array_append_val(nt->port->groups, g);
}

static void take_link(struct nt *nt, const struct jv *v)
{
	struct form_string nqn = { v->str, line_of(nt, v) };

	g_array_append_val(nt->port->subsystems, nqn);
}

static const struct nt_field param_fields[] = {
	DEFAULT("inline_data_size", struct nt_port, inline_data_size, 0, 131072),
	DEFAULT("max_queue_size", struct nt_port, max_queue_size, 2, NVMF_MAX_QUEUE_DEPTH),
	IGNORED("mdts", "weft's transports have max_io_size"),
	OFF("pi_enable", no_pi),
	{ 0 },
};

static const struct nt_field port_fields[] = {
	OBJECT("addr", addr_fields),
	LIST("ana_groups", NT_OBJECTS, take_group),
	OBJECT("param", param_fields),
	NUMBER("portid", struct nt_port, portid, 0, UINT16_MAX),
	LIST("referrals", NT_OBJECTS, take_referral),
	LIST("subsystems", NT_TEXTS, take_link),
	{ 0 },
};

static void take_port(struct nt *nt, const struct jv *v)
{
	struct nt_port *p = g_new0(struct nt_port, 1);

	p->line = line_of(nt, v);
	p->groups = g_array_new(FALSE, FALSE, sizeof(struct nt_group));
	p->subsystems = g_array_new(FALSE, FALSE, sizeof(struct form_string));
	nt->port = p;
	g_ptr_array_add(nt->ports, p);
	read_object(nt, "a port", v, port_fields, p);
	if (!p->portid.line && !jv_member(v, "portid"))
		form_fault(&nt->form, p->line, "a port has no \"portid\"");
}

static const struct nt_field root_fields[] = {
	LIST("hosts", NT_OBJECTS, take_host),
	LIST("ports", NT_OBJECTS, take_port),
	LIST("subsystems", NT_OBJECTS, take_subsystem),
	{ 0 },
};

/* --- the whole ------------------------------------------------------------------------- */

static void free_port(void *port)
{
	struct nt_port *p = port;

	g_array_unref(p->groups);
	g_array_unref(p->subsystems);
	g_free(p);
}

static void free_subsystem(void *subsystem)
{
	struct nt_subsystem *s = subsystem;

	g_array_unref(s->hosts);
	g_array_unref(s->nss);
	g_free(s);
}

bool config_parse_nvmetcli(struct config *config, struct jv_doc *doc, GError **error)
{
	struct nt nt = { 0 };
	bool ok;

	form_begin(&nt.form, config);
	find_lines(&nt, jv_text(doc));
	nt.noted = g_hash_table_new(g_str_hash, g_str_equal);
	nt.ports = g_ptr_array_new_with_free_func(free_port);
	nt.subsystems = g_ptr_array_new_with_free_func(free_subsystem);
	nt.referrals = g_array_new(FALSE, FALSE, sizeof(struct nt_referral));
	nt.by_nqn = g_hash_table_new(g_str_hash, g_str_equal);

	read_object(&nt, "the file", jv_root(doc), root_fields, NULL);
	nt_calls(&nt);
	ok = form_end(&nt.form, error);

	g_hash_table_unref(nt.by_nqn);
	g_array_unref(nt.referrals);
	g_ptr_array_unref(nt.subsystems);
	g_ptr_array_unref(nt.ports);
	g_hash_table_unref(nt.noted);
	g_array_unref(nt.lines);
	return ok;
}
