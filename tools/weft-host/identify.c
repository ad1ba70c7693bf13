/* SPDX-License-Identifier: BSD-3-Clause */
/* weft-host identify: the controller and its namespaces, for people or as JSON. */
#include "tools/weft-host/app.h"

struct view {
	const struct nvme_id_ctrlr *id;
	char sn[21], mn[41], fr[9], subnqn[257];
	unsigned mjr, mnr;
};

static void look(struct view *v, const struct app *app)
{
	uint32_t vs = host_ctrlr_version(app->ctrlr);

	v->id = host_ctrlr_identify(app->ctrlr);
	host_ascii(v->sn, sizeof(v->sn), v->id->sn, sizeof(v->id->sn));
	host_ascii(v->mn, sizeof(v->mn), v->id->mn, sizeof(v->id->mn));
	host_ascii(v->fr, sizeof(v->fr), v->id->fr, sizeof(v->id->fr));
	host_ascii(v->subnqn, sizeof(v->subnqn), v->id->subnqn, sizeof(v->id->subnqn));
	v->mjr = vs >> 16;
	v->mnr = vs >> 8 & 0xff;
}

static void print_text(struct app *app)
{
	unsigned n = host_ctrlr_namespaces(app->ctrlr);
	char text[64];
	struct view v;

	look(&v, app);
	g_print("subsystem     %s\n", v.subnqn);
	g_print("controller    %u, NVMe %u.%u\n", host_ctrlr_cntlid(app->ctrlr), v.mjr, v.mnr);
	g_print("model         %s\n", v.mn);
	g_print("serial        %s\n", v.sn);
	g_print("firmware      %s\n", v.fr);
	g_print("largest I/O   %s\n", size_text(host_ctrlr_max_io(app->ctrlr), text));
	g_print("in capsules   %s\n",
		size_text(v.id->ioccsz > 4 ? v.id->ioccsz * 16ull - 64 : 0, text));
	g_print("queue entries %u\n", (unsigned)(host_ctrlr_cap(app->ctrlr) & 0xffff) + 1);
	g_print("namespaces    %u\n", n);
	for (unsigned i = 0; i < n; i++) {
		const struct host_ns *ns = host_ctrlr_ns_at(app->ctrlr, i);

		g_print("\nnamespace     %u\n", ns->nsid);
		g_print("size          %s (%" G_GUINT64_FORMAT " blocks of %u bytes)\n",
			size_text(ns->blocks * ns->block_size, text), (guint64)ns->blocks,
			ns->block_size);
		g_print("uuid          %s\n", uuid_text(ns->uuid, text));
		g_print("nguid         ");
		for (unsigned b = 0; b < 16; b++)
			g_print("%02x", ns->nguid[b]);
		g_print("\neui64         ");
		for (unsigned b = 0; b < 8; b++)
			g_print("%02x", ns->eui64[b]);
		g_print("\nana group     %u\n", ns->anagrpid);
	}
}

static void add_string(JsonBuilder *b, const char *name, const char *value)
{
	json_builder_set_member_name(b, name);
	json_builder_add_string_value(b, value);
}

static void add_int(JsonBuilder *b, const char *name, uint64_t value)
{
	json_builder_set_member_name(b, name);
	json_builder_add_int_value(b, (gint64)value);
}

static void add_hex(JsonBuilder *b, const char *name, const uint8_t *p, unsigned len)
{
	GString *s = g_string_new(NULL);

	for (unsigned i = 0; i < len; i++)
		g_string_append_printf(s, "%02x", p[i]);
	add_string(b, name, s->str);
	g_string_free(s, TRUE);
}

static void print_json(struct app *app)
{
	JsonBuilder *b = json_builder_new();
	char text[64];
	struct view v;

	look(&v, app);
	json_builder_begin_object(b);
	add_string(b, "subnqn", v.subnqn);
	add_int(b, "cntlid", host_ctrlr_cntlid(app->ctrlr));
	add_string(b, "mn", v.mn);
	add_string(b, "sn", v.sn);
	add_string(b, "fr", v.fr);
	add_int(b, "ver", host_ctrlr_version(app->ctrlr));
	add_int(b, "max_io", host_ctrlr_max_io(app->ctrlr));
	add_int(b, "ioccsz", v.id->ioccsz);
	add_int(b, "mqes", host_ctrlr_cap(app->ctrlr) & 0xffff);
	json_builder_set_member_name(b, "namespaces");
	json_builder_begin_array(b);
	for (unsigned i = 0; i < host_ctrlr_namespaces(app->ctrlr); i++) {
		const struct host_ns *ns = host_ctrlr_ns_at(app->ctrlr, i);

		json_builder_begin_object(b);
		add_int(b, "nsid", ns->nsid);
		add_int(b, "nsze", ns->blocks);
		add_int(b, "ncap", ns->capacity);
		add_int(b, "nuse", ns->used);
		add_int(b, "block_size", ns->block_size);
		add_int(b, "anagrpid", ns->anagrpid);
		add_string(b, "uuid", uuid_text(ns->uuid, text));
		add_hex(b, "nguid", ns->nguid, 16);
		add_hex(b, "eui64", ns->eui64, 8);
		json_builder_end_object(b);
	}
	json_builder_end_array(b);
	json_builder_end_object(b);
	json_print(b);
}

static void start(struct app *app)
{
	if (app->o.json)
		print_json(app);
	else
		print_text(app);
	app_finish(app, 0);
}

const struct command command_identify = {
	.name = "identify",
	.summary = "show a controller and its namespaces",
	.start = start,
};
