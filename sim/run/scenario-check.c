/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tables of a scenario cannot say: names that refer to something, keys that go together.
 */
#include <string.h>

#include "hw/net.h"
#include "sim/roce.h"
#include "sim/run/run.h"
#include "sim/run/scenario.h"
#include "sim/run/trigger.h"
#include "sim/world.h"
#include "target/core/error.h"

struct check {
	const struct scenario *s;
	const char *file, *text;
	GError **error;
};

/* What is wrong begins with the key that it is about, if any. */
static bool G_GNUC_PRINTF(4, 5)
	bad(const struct check *c, const char *list, unsigned i, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *what = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *key = g_strndup(what, strcspn(what, ":. "));
	unsigned line = codec_line(c->text, list, i, key);

	if (line > 0)
		g_set_error(c->error, WEFT_ERROR, RPC_INVALID_PARAMS, "%s:%u: %s[%u].%s", c->file,
			    line, list, i, what);
	else
		g_set_error(c->error, WEFT_ERROR, RPC_INVALID_PARAMS, "%s:%u: %s[%u]: %s", c->file,
			    MAX(codec_line(c->text, list, i, ""), 1), list, i, what);
	return false;
}

static bool is_target(const struct scenario *s, const char *name)
{
	const struct scn_target *t = s->targets.items;

	for (unsigned i = 0; i < s->targets.n; i++) {
		if (!strcmp(t[i].name, name))
			return true;
	}
	return false;
}

static bool is_host(const struct scenario *s, const char *name)
{
	const struct scn_host *h = s->hosts.items;

	for (unsigned i = 0; i < s->hosts.n; i++) {
		if (!strcmp(h[i].name, name))
			return true;
	}
	return false;
}

/* How many RNICs beside their targets' first are called that. */
static unsigned nics_called(const struct scenario *s, const char *name)
{
	const struct scn_target *t = s->targets.items;
	unsigned n = 0;

	for (unsigned i = 0; i < s->targets.n; i++) {
		const struct scn_nic *nic = t[i].nics.items;

		for (unsigned j = 0; j < t[i].nics.n; j++)
			n += strcmp(nic[j].name, name) == 0;
	}
	return n;
}

static bool is_nic(const struct scenario *s, const char *name)
{
	return nics_called(s, name) > 0;
}

static bool is_raw(const struct scenario *s, const char *name)
{
	const struct scn_raw *r = s->raws.items;

	for (unsigned i = 0; i < s->raws.n; i++) {
		if (!strcmp(r[i].name, name))
			return true;
	}
	return false;
}

static bool node_good(const struct check *c, const char *list, unsigned i, const char *key,
		      const char *name)
{
	if (name == NULL || is_target(c->s, name) || is_host(c->s, name) || is_raw(c->s, name) ||
	    is_nic(c->s, name))
		return true;
	return bad(c, list, i, "%s: no target, host or raw is called \"%s\"", key, name);
}

static bool host_good(const struct check *c, const char *list, unsigned i, const char *name,
		      bool needed)
{
	if (name == NULL)
		return !needed || bad(c, list, i, "the key host is missing");
	return is_host(c->s, name) || bad(c, list, i, "host: no host is called \"%s\"", name);
}

static bool address_good(const struct check *c, const char *list, unsigned i, const char *address)
{
	struct net_addr addr;

	return net_addr_parse(&addr, address, NULL, NULL) ||
	       bad(c, list, i, "address \"%s\" is not an IP address", address);
}

static bool rnic_good(const struct check *c, const char *list, unsigned i, const struct scn_rnic *r)
{
	if (r != NULL && (r->mtu & (r->mtu - 1)) != 0)
		return bad(c, list, i, "rnic.mtu: 256, 512, 1024, 2048 or 4096 is possible");
	return true;
}

static bool addresses_good(const struct check *c, unsigned i, const struct codec_list *list)
{
	if (list->n == 0)
		return bad(c, "targets", i, "addresses: one at least is needed");
	for (unsigned j = 0; j < list->n; j++) {
		if (!address_good(c, "targets", i, ((const char **)list->items)[j]))
			return false;
	}
	return true;
}

static bool nics_good(const struct check *c, unsigned i, const struct scn_target *t)
{
	const struct scn_nic *nic = t->nics.items;

	if (t->nics.n > SCN_NICS_MAX)
		return bad(c, "targets", i, "nics: at most %d", SCN_NICS_MAX);
	if (t->nics.n > 0 && t->rnic == NULL)
		return bad(c, "targets", i, "nics: more RNICs need an rnic of the target's own");
	for (unsigned j = 0; j < t->nics.n; j++) {
		if (nic[j].rnic == NULL)
			return bad(c, "targets", i, "nics[%u].rnic is missing", j);
		if (is_target(c->s, nic[j].name) || is_host(c->s, nic[j].name) ||
		    is_raw(c->s, nic[j].name) || nics_called(c->s, nic[j].name) > 1)
			return bad(c, "targets", i, "nics[%u].name: \"%s\" is another node's, too",
				   j, nic[j].name);
		if (!addresses_good(c, i, &nic[j].addresses) ||
		    !rnic_good(c, "targets", i, nic[j].rnic))
			return false;
	}
	return true;
}

static bool check_nodes(const struct check *c)
{
	const struct scenario *s = c->s;
	const struct scn_target *t = s->targets.items;
	const struct scn_host *h = s->hosts.items;
	const struct scn_raw *r = s->raws.items;

	if (s->targets.n == 0)
		return bad(c, "targets", 0, "there must be one at least");
	for (unsigned i = 0; i < s->targets.n; i++) {
		if (!addresses_good(c, i, &t[i].addresses) ||
		    !rnic_good(c, "targets", i, t[i].rnic) || !nics_good(c, i, &t[i]))
			return false;
	}
	for (unsigned i = 0; i < s->hosts.n; i++) {
		if (!address_good(c, "hosts", i, h[i].address) ||
		    !rnic_good(c, "hosts", i, h[i].rnic))
			return false;
		if (h[i].trtype == 1 && h[i].rnic == NULL)
			return bad(c, "hosts", i, "trtype: rdma needs an rnic");
		if (h[i].kato % 1000000 != 0)
			return bad(c, "hosts", i, "kato: whole milliseconds expected");
	}
	for (unsigned i = 0; i < s->raws.n; i++) {
		if (!address_good(c, "raws", i, r[i].address) ||
		    !rnic_good(c, "raws", i, r[i].rnic))
			return false;
		if (r[i].kind >= SCN_RAW_RDMA && r[i].rnic == NULL)
			return bad(c, "raws", i, "does: %s needs an rnic",
				   scn_raw_names[r[i].kind]);
	}
	return true;
}

static bool check_calls(const struct check *c, const struct codec_list *list, const char *name)
{
	const struct scn_call *call = list->items;

	for (unsigned i = 0; i < list->n; i++) {
		if (call[i].target != NULL && !is_target(c->s, call[i].target))
			return bad(c, name, i, "target: no target is called \"%s\"",
				   call[i].target);
		if (call[i].times > 1 && call[i].every == 0 && call[i].on == NULL)
			return bad(c, name, i, "times needs every");
		if (call[i].on != NULL && !run_trigger_known(call[i].on))
			return bad(c, name, i, "on: there is no event \"%s\"", call[i].on);
	}
	return true;
}

static bool file_good(const struct scenario *s, const char *node, const char *path)
{
	const struct scn_target *t = s->targets.items;

	for (unsigned i = 0; i < s->targets.n; i++) {
		const struct scn_file *f = t[i].files.items;

		for (unsigned j = 0; j < t[i].files.n; j++) {
			if (strcmp(t[i].name, node) == 0 && strcmp(f[j].path, path) == 0)
				return true;
		}
	}
	return false;
}

static bool file_ops_good(const struct check *c, unsigned i, const struct scn_file_rule *r)
{
	for (unsigned j = 0; j < r->ops.n; j++) {
		const char *name = ((const char **)r->ops.items)[j];

		if (world_file_op_parse(name) < 0)
			return bad(c, "faults", i, "file.ops: there is no \"%s\"", name);
	}
	return true;
}

static bool packet_good(const struct check *c, unsigned i, const struct scn_packet *p)
{
	for (unsigned j = 0; j < p->kinds.n; j++) {
		const char *name = ((const char **)p->kinds.items)[j];

		if (world_packet_kind_parse(name) < 0)
			return bad(c, "faults", i, "packet.kinds: no packet is called \"%s\"",
				   name);
	}
	for (unsigned j = 0; j < p->cm.n; j++) {
		const char *name = ((const char **)p->cm.items)[j];

		if (world_cm_kind_parse(name) < 0)
			return bad(c, "faults", i,
				   "packet.cm: there is no \"%s\" in connection management", name);
	}
	return true;
}

static bool has_rnic(const struct scenario *s, const char *node)
{
	const struct scn_target *t = s->targets.items;
	const struct scn_host *h = s->hosts.items;

	for (unsigned i = 0; i < s->targets.n; i++) {
		if (!strcmp(t[i].name, node))
			return t[i].rnic != NULL;
	}
	for (unsigned i = 0; i < s->hosts.n; i++) {
		if (!strcmp(h[i].name, node))
			return h[i].rnic != NULL;
	}
	return is_nic(s, node);
}

/* The keys that a kind of fault must have. */
static const struct {
	bool from_to, node, host, name, link, packet, during, file, bytes;
} needs[SCN_F_KINDS] = {
	[SCN_F_STALL] = { .from_to = true },
	[SCN_F_PARTITION] = { .from_to = true },
	[SCN_F_ONE_WAY] = { .from_to = true },
	[SCN_F_LINK] = { .link = true },
	[SCN_F_PACKET] = { .packet = true },
	[SCN_F_PORT] = { .node = true },
	[SCN_F_DRIFT] = { .node = true },
	[SCN_F_HOLD] = { .node = true, .during = true },
	[SCN_F_PAUSE] = { .node = true, .during = true },
	[SCN_F_WALL] = { .node = true },
	[SCN_F_POINT] = { .node = true, .name = true },
	[SCN_F_SILENT] = { .host = true },
	[SCN_F_VANISH] = { .host = true },
	[SCN_F_DISCONNECT] = { .host = true },
	[SCN_F_CONNECT] = { .host = true },
	[SCN_F_HOST_RESET] = { .host = true },
	[SCN_F_DEL_ADDR] = { .node = true, .name = true },
	[SCN_F_FILE] = { .node = true, .name = true, .file = true },
	[SCN_F_FILE_HANG] = { .node = true, .name = true, .during = true },
	[SCN_F_FILE_SIZE] = { .node = true, .name = true, .bytes = true },
	[SCN_F_FILE_GONE] = { .node = true, .name = true },
	[SCN_F_POWER] = { .node = true, .during = true },
	[SCN_F_RNIC_GONE] = { .node = true },
	[SCN_F_RNIC_TORN] = { .node = true },
	[SCN_F_RNIC_FAILOVER] = { .node = true },
};

static bool is_of_rnic(const struct scn_fault *f)
{
	return f->kind == SCN_F_RNIC_GONE || f->kind == SCN_F_RNIC_TORN ||
	       f->kind == SCN_F_RNIC_FAILOVER;
}

static bool check_fault(const struct check *c, unsigned i, const struct scn_fault *f)
{
	const char *kind = scn_fault_names[f->kind];

	if (!node_good(c, "faults", i, "from", f->from) ||
	    !node_good(c, "faults", i, "to", f->to) ||
	    !node_good(c, "faults", i, "node", f->node) ||
	    !host_good(c, "faults", i, f->host, needs[f->kind].host))
		return false;
	if (needs[f->kind].from_to && (f->from == NULL || f->to == NULL))
		return bad(c, "faults", i, "%s needs from and to", kind);
	if (needs[f->kind].node && f->node == NULL)
		return bad(c, "faults", i, "%s needs node", kind);
	if (needs[f->kind].name && f->name == NULL)
		return bad(c, "faults", i, "%s needs name", kind);
	if (needs[f->kind].link && f->link == NULL)
		return bad(c, "faults", i, "%s needs link", kind);
	if (needs[f->kind].packet && f->packet == NULL)
		return bad(c, "faults", i, "%s needs packet", kind);
	if (needs[f->kind].file && (f->file == NULL || !file_ops_good(c, i, f->file)))
		return f->file == NULL ? bad(c, "faults", i, "%s needs file", kind) : false;
	if (needs[f->kind].bytes && f->bytes == 0)
		return bad(c, "faults", i, "%s needs bytes", kind);
	if ((needs[f->kind].file || needs[f->kind].bytes || f->kind == SCN_F_FILE_HANG ||
	     f->kind == SCN_F_FILE_GONE) &&
	    !file_good(c->s, f->node, f->name))
		return bad(c, "faults", i, "%s has no file %s", f->node, f->name);
	if (f->kind == SCN_F_POWER && !is_target(c->s, f->node))
		return bad(c, "faults", i, "power: only targets are started again");
	if (f->packet != NULL && !packet_good(c, i, f->packet))
		return false;
	if (is_of_rnic(f) && !has_rnic(c->s, f->node))
		return bad(c, "faults", i, "node: %s has no rnic", f->node);
	if (needs[f->kind].during && f->during == 0)
		return bad(c, "faults", i, "%s needs for", kind);
	if (f->times > 1 && f->every == 0 && f->on == NULL)
		return bad(c, "faults", i, "times needs every");
	if (f->on != NULL && !run_trigger_known(f->on))
		return bad(c, "faults", i, "on: there is no event \"%s\"", f->on);
	if (f->at > c->s->heal_at)
		return bad(c, "faults", i, "at is after heal_at, when faults end");
	return true;
}

static bool about_rnic(uint64_t that)
{
	return that == SCN_X_RNIC || that == SCN_X_RNIC_AT_MOST;
}

/* Of something that has a name, and not of a host. */
static bool about_name(uint64_t that)
{
	return about_rnic(that) || that == SCN_X_FAULT_TAKEN || that == SCN_X_PDUS ||
	       that == SCN_X_LOG || that == SCN_X_COUNTED || that == SCN_X_COUNTED_AT_MOST;
}

static bool check_expect(const struct check *c, unsigned i, const struct scn_expect *x)
{
	uint64_t value;

	if (x->host != NULL && !is_host(c->s, x->host) && !is_raw(c->s, x->host))
		return bad(c, "expect", i, "host: no host or raw is called \"%s\"", x->host);
	if (!node_good(c, "expect", i, "node", x->node))
		return false;
	if (x->host == NULL && !about_name(x->that))
		return bad(c, "expect", i, "the key host is missing");
	if (x->name == NULL && about_name(x->that))
		return bad(c, "expect", i, "the key name is missing");
	if ((x->that == SCN_X_COUNTED || x->that == SCN_X_COUNTED_AT_MOST) &&
	    !run_count_known(x->name))
		return bad(c, "expect", i, "name: nothing is counted as \"%s\"", x->name);
	if (!about_rnic(x->that))
		return true;
	if (x->node == NULL)
		return bad(c, "expect", i, "the key node is missing");
	if (!has_rnic(c->s, x->node))
		return bad(c, "expect", i, "node: %s has no rnic", x->node);
	if (!world_rnic_stat(&(const struct world_rnic_stats){ 0 }, x->name, &value))
		return bad(c, "expect", i, "name: RNICs do not count \"%s\"", x->name);
	return true;
}

static bool check_rest(const struct check *c)
{
	const struct scenario *s = c->s;
	const struct scn_link *l = s->links.items;
	const struct scn_load *load = s->loads.items;

	for (unsigned i = 0; i < s->links.n; i++) {
		if (!node_good(c, "links", i, "from", l[i].from) ||
		    !node_good(c, "links", i, "to", l[i].to))
			return false;
		if (l[i].seg_min > l[i].seg_max)
			return bad(c, "links", i, "seg_min is larger than seg_max");
	}
	for (unsigned i = 0; i < s->loads.n; i++) {
		if (!host_good(c, "loads", i, load[i].host, true))
			return false;
		if (load[i].reads + load[i].writes + load[i].zeroes + load[i].flushes == 0)
			return bad(c, "loads", i, "one of reads, writes, flushes must be above 0");
	}
	for (unsigned i = 0; i < s->faults.n; i++) {
		if (!check_fault(c, i, (const struct scn_fault *)s->faults.items + i))
			return false;
	}
	for (unsigned i = 0; i < s->expect.n; i++) {
		if (!check_expect(c, i, (const struct scn_expect *)s->expect.items + i))
			return false;
	}
	return true;
}

bool scenario_check(const struct scenario *s, const char *name, const char *text, GError **error)
{
	const struct check c = { s, name, text, error };

	return check_nodes(&c) && check_calls(&c, &s->setup, "setup") &&
	       check_calls(&c, &s->timeline, "timeline") && check_rest(&c);
}
