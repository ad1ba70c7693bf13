/* SPDX-License-Identifier: BSD-3-Clause */
/* weft-host discover: the discovery log, printed as nvme-cli does. */
#include "target/core/error.h"
#include "tools/weft-host/app.h"

static const char *trtype(const struct nvme_discovery_entry *e)
{
	return e->trtype == NVME_TRTYPE_TCP    ? "tcp"
	       : e->trtype == NVME_TRTYPE_RDMA ? "rdma"
	       : e->trtype == 2		       ? "fibre-channel"
	       : e->trtype == 254	       ? "loop"
					       : "unrecognized";
}

static const char *adrfam(const struct nvme_discovery_entry *e)
{
	static const char *const names[] = { "pci", "ipv4", "ipv6", "infiniband", "fibre-channel" };

	return e->adrfam < G_N_ELEMENTS(names) ? names[e->adrfam] : "unrecognized";
}

static const char *subtype(const struct nvme_discovery_entry *e)
{
	static const char *const names[] = { "unrecognized", "discovery subsystem referral",
					     "nvme subsystem", "current discovery subsystem" };

	return e->subtype < G_N_ELEMENTS(names) ? names[e->subtype] : names[0];
}

static const char *treq(const struct nvme_discovery_entry *e)
{
	static const char *const names[] = { "not specified",
					     "required",
					     "not required",
					     "reserved",
					     "not specified, sq flow control disable supported",
					     "required, sq flow control disable supported",
					     "not required, sq flow control disable supported",
					     "reserved" };

	return names[e->treq & 7];
}

static const char *eflags(const struct nvme_discovery_entry *e)
{
	static const char *const names[] = {
		"none", "duplicate discovery information", "explicit discovery connections",
		"explicit discovery connections, duplicate discovery information"
	};

	return names[e->eflags & 3];
}

static const char *sectype(const struct nvme_discovery_entry *e)
{
	static const char *const names[] = { "none", "tls", "tls13" };

	return e->tsas[0] < G_N_ELEMENTS(names) ? names[e->tsas[0]] : "reserved";
}

char *discover_text(const struct nvme_discovery_entry *e, unsigned n, uint64_t genctr)
{
	GString *s = g_string_new(NULL);
	char subnqn[257], traddr[257], trsvcid[33];

	g_string_append_printf(
		s,
		"\nDiscovery Log Number of Records %u, Generation counter %" G_GUINT64_FORMAT "\n",
		n, (guint64)genctr);
	for (unsigned i = 0; i < n; i++, e++) {
		host_ascii(subnqn, sizeof(subnqn), e->subnqn, sizeof(e->subnqn));
		host_ascii(traddr, sizeof(traddr), e->traddr, sizeof(e->traddr));
		host_ascii(trsvcid, sizeof(trsvcid), e->trsvcid, sizeof(e->trsvcid));
		g_string_append_printf(s,
				       "=====Discovery Log Entry %u======\n"
				       "trtype:  %s\nadrfam:  %s\nsubtype: %s\ntreq:    %s\n"
				       "portid:  %u\ntrsvcid: %s\nsubnqn:  %s\ntraddr:  %s\n"
				       "eflags:  %s\n",
				       i, trtype(e), adrfam(e), subtype(e), treq(e), e->portid,
				       trsvcid, subnqn, traddr, eflags(e));
		if (e->trtype == NVME_TRTYPE_TCP)
			g_string_append_printf(s, "sectype: %s\n", sectype(e));
	}
	return g_string_free(s, FALSE);
}

static void add(JsonBuilder *b, const char *name, const char *field, size_t len)
{
	char text[257];

	host_ascii(text, sizeof(text), field, len);
	json_builder_set_member_name(b, name);
	json_builder_add_string_value(b, text);
}

static void add_name(JsonBuilder *b, const char *name, const char *value)
{
	json_builder_set_member_name(b, name);
	json_builder_add_string_value(b, value);
}

static void print_json(const struct nvme_discovery_entry *e, unsigned n, uint64_t genctr)
{
	JsonBuilder *b = json_builder_new();

	json_builder_begin_object(b);
	json_builder_set_member_name(b, "genctr");
	json_builder_add_int_value(b, (gint64)genctr);
	json_builder_set_member_name(b, "records");
	json_builder_begin_array(b);
	for (unsigned i = 0; i < n; i++, e++) {
		json_builder_begin_object(b);
		add_name(b, "trtype", trtype(e));
		add_name(b, "adrfam", adrfam(e));
		add_name(b, "subtype", subtype(e));
		add_name(b, "treq", treq(e));
		json_builder_set_member_name(b, "portid");
		json_builder_add_int_value(b, e->portid);
		add(b, "trsvcid", e->trsvcid, sizeof(e->trsvcid));
		add(b, "subnqn", e->subnqn, sizeof(e->subnqn));
		add(b, "traddr", e->traddr, sizeof(e->traddr));
		add_name(b, "eflags", eflags(e));
		add_name(b, "sectype", sectype(e));
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
	json_builder_end_object(b);
	json_print(b);
}

static void done(const struct nvme_discovery_entry *entries, unsigned n, uint64_t genctr,
		 const GError *error, void *arg)
{
	struct app *app = arg;

	if (error) {
		app_error(error);
	} else if (app->o.json) {
		print_json(entries, n, genctr);
	} else {
		g_autofree char *text = discover_text(entries, n, genctr);

		g_print("%s", text);
	}
	app_finish(app, error ? 1 : 0);
}

static void start(struct app *app)
{
	g_autoptr(GError) error = NULL;
	struct host_params p;

	app_host_params(app, &p);
	if (!host_discover(core_main(app->core), &p, done, app, &error)) {
		app_error(error);
		app_finish(app, 1);
	}
}

const struct command command_discover = {
	.name = "discover",
	.summary = "show the discovery log of a target",
	.start = start,
	.discovery = true,
};
