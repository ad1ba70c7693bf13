/* SPDX-License-Identifier: BSD-3-Clause */
/* Oracle P: connections, controllers, rules, and what was found. See wire.h. */
#include "sim/oracle/wire-priv.h"

#include <inttypes.h>
#include <string.h>

static const struct {
	const char *id;
	bool alone;
	const char *meaning;
} rules[R_COUNT] = {
#define X(name, id, alone, meaning) [R_##name] = { id, alone, meaning },
	ORACLE_RULES(X)
#undef X
};

static const char *const pdu_names[T_COUNT] = {
	[T_ICREQ] = "ICReq",	     [T_ICRESP] = "ICResp",    [T_H2C_TERM] = "H2CTermReq",
	[T_C2H_TERM] = "C2HTermReq", [T_CMD] = "CapsuleCmd",   [T_RESP] = "CapsuleResp",
	[T_H2C_DATA] = "H2CData",    [T_C2H_DATA] = "C2HData", [T_R2T] = "R2T",
};

bool wire_all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

/* --- what was found ---------------------------------------------------------------- */

static void report(struct wire_conn *c, enum oracle_side side, enum wire_rule rule,
		   const char *detail)
{
	const struct wire_stream *s = &c->streams[side];
	uint8_t type = s->hdr[0];
	struct oracle_violation v = {
		.rule = rules[rule].id,
		.conn = c->id,
		.side = side,
		.offset = s->start,
		.time = c->time,
		.pdu = type,
	};

	v.text =
		g_strdup_printf("%s: connection %" PRIu64 ", %s, stream offset %" PRIu64
				", time %" PRIu64 " ns, %s: %s (rule: %s)",
				v.rule, v.conn, side == ORACLE_HOST ? "host" : "target", v.offset,
				v.time, type < T_COUNT && pdu_names[type] ? pdu_names[type] : "PDU",
				detail, rules[rule].meaning);
	g_array_append_val(c->o->found, v);
}

static bool tolerated(const struct wire_conn *c, enum oracle_side side)
{
	return c->o->tolerate[side] || (side == ORACLE_HOST && c->tolerated);
}

static void judge(struct wire_conn *c, enum wire_judge how)
{
	c->judge = how;
	if (c->ctrl != NULL && c->qid == 0)
		c->ctrl->lost = true;
}

/* A tolerated side broke a rule. Whether going on makes sense. */
static bool wronged(struct wire_conn *c, enum oracle_side side, enum wire_rule rule)
{
	uint8_t how = wire_wrong(rule);

	c->o->stats.tolerated++;
	if (side == ORACLE_HOST && c->judge == JUDGE_ALL && how != 0 && c->now != NULL) {
		c->now->wrong |= how;
		return true;
	}
	if (side != ORACLE_HOST || c->judge != JUDGE_ALL || !wire_blame(c, rule))
		judge(c, JUDGE_ALONE);
	return false;
}

static void violated(struct wire_conn *c, enum oracle_side side, enum wire_rule rule,
		     const char *format, va_list args)
{
	g_autofree char *detail = g_strdup_vprintf(format, args);

	judge(c, JUDGE_NONE);
	report(c, side, rule, detail);
}

bool wire_soft(struct wire_conn *c, enum oracle_side side, enum wire_rule rule, bool holds,
	       const char *format, ...)
{
	va_list args;

	if (c->judge == JUDGE_NONE)
		return false;
	c->o->evaluated[rule]++;
	c->o->stats.evaluated++;
	if (holds)
		return true;
	if (tolerated(c, side)) {
		c->o->stats.tolerated++;
		c->odd = true;
		return true;
	}
	va_start(args, format);
	violated(c, side, rule, format, args);
	va_end(args);
	return false;
}

bool wire_check(struct wire_conn *c, enum oracle_side side, enum wire_rule rule, bool holds,
		const char *format, ...)
{
	struct oracle_wire *o = c->o;
	va_list args;

	if (c->judge == JUDGE_NONE)
		return false;
	if (c->judge == JUDGE_ALONE && !rules[rule].alone)
		return true;
	o->evaluated[rule]++;
	o->stats.evaluated++;
	if (holds)
		return true;
	if (tolerated(c, side))
		return wronged(c, side, rule);
	va_start(args, format);
	violated(c, side, rule, format, args);
	va_end(args);
	return false;
}

static void clear_violation(void *v)
{
	g_free(((struct oracle_violation *)v)->text);
}

unsigned oracle_wire_violations(const struct oracle_wire *o,
				const struct oracle_violation **violations)
{
	if (violations != NULL)
		*violations = (const struct oracle_violation *)(void *)o->found->data;
	return o->found->len;
}

void oracle_wire_stats(const struct oracle_wire *o, struct oracle_wire_stats *stats)
{
	*stats = o->stats;
}

const char *oracle_wire_rule(const struct oracle_wire *o, unsigned i, uint64_t *evaluated,
			     const char **meaning)
{
	if (i >= R_COUNT)
		return NULL;
	if (evaluated != NULL)
		*evaluated = o->evaluated[i];
	if (meaning != NULL)
		*meaning = rules[i].meaning;
	return rules[i].id;
}

/* --- controllers --------------------------------------------------------------------- */

struct wire_ctrl *wire_ctrl_new(struct wire_conn *c, const char *subnqn, uint16_t cntlid)
{
	struct wire_ctrl *ctrl = g_new0(struct wire_ctrl, 1);

	ctrl->refs = 1;
	ctrl->node = c->node;
	g_strlcpy(ctrl->subnqn, subnqn, sizeof(ctrl->subnqn));
	ctrl->cntlid = cntlid;
	ctrl->discovery = !strcmp(subnqn, "nqn.2014-08.org.nvmexpress.discovery");
	ctrl->icd_max = UNKNOWN;
	ctrl->ns_shift = g_hash_table_new(g_direct_hash, g_direct_equal);
	g_ptr_array_add(c->o->ctrls, ctrl);
	return ctrl;
}

struct wire_ctrl *wire_ctrl_find(struct wire_conn *c, const char *subnqn, uint16_t cntlid)
{
	for (unsigned i = c->o->ctrls->len; i-- > 0;) {
		struct wire_ctrl *ctrl = g_ptr_array_index(c->o->ctrls, i);

		if (ctrl->node == c->node && ctrl->cntlid == cntlid &&
		    !strcmp(ctrl->subnqn, subnqn))
			return ctrl;
	}
	return NULL;
}

void wire_ctrl_unref(struct oracle_wire *o, struct wire_ctrl *ctrl)
{
	if (ctrl == NULL || --ctrl->refs > 0)
		return;
	g_ptr_array_remove(o->ctrls, ctrl);
	g_hash_table_destroy(ctrl->ns_shift);
	g_free(ctrl);
}

/* --- connections ----------------------------------------------------------------------- */

void wire_cmd_free(void *p)
{
	struct wire_cmd *cmd = p;

	g_free(cmd->data);
	g_free(cmd);
}

static void conn_free(void *p)
{
	struct wire_conn *c = p;

	if (c->ctrl != NULL && c->qid == 0)
		c->ctrl->gone = true;
	wire_ctrl_unref(c->o, c->ctrl);
	wire_ctrl_unref(c->o, c->asked);
	g_hash_table_destroy(c->cmds);
	g_array_free(c->r2ts, TRUE);
	g_free(c);
}

static struct wire_conn *conn_new(struct oracle_wire *o, uint64_t id, uint64_t time)
{
	struct wire_conn *c = g_new0(struct wire_conn, 1);

	c->o = o;
	c->id = id;
	c->time = time;
	c->align[0] = c->align[1] = 4;
	c->cmds = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, wire_cmd_free);
	c->r2ts = g_array_new(FALSE, FALSE, sizeof(struct wire_r2t));
	g_hash_table_replace(o->conns, &c->id, c);
	o->stats.conns++;
	return c;
}

static struct wire_conn *conn_find(struct oracle_wire *o, uint64_t id)
{
	return g_hash_table_lookup(o->conns, &id);
}

void oracle_wire_open(struct oracle_wire *o, uint64_t conn, uint64_t time)
{
	conn_new(o, conn, time);
}

void oracle_wire_feed(struct oracle_wire *o, uint64_t conn, enum oracle_side side, uint64_t time,
		      const void *data, size_t len)
{
	struct wire_conn *c = conn_find(o, conn);

	if (c == NULL)
		return;
	c->time = time;
	o->stats.bytes[side] += len;
	wire_pdu_bytes(c, side, data, len);
}

void oracle_wire_close(struct oracle_wire *o, uint64_t conn, enum oracle_side side, bool reset)
{
	struct wire_conn *c = conn_find(o, conn);

	if (c == NULL)
		return;
	c->streams[side].closed = true;
	if (c->ctrl != NULL && c->qid == 0)
		c->ctrl->gone = true;
	if (reset || c->streams[!side].closed)
		g_hash_table_remove(o->conns, &conn);
}

void oracle_wire_corrupted(struct oracle_wire *o, uint64_t conn)
{
	struct wire_conn *c = conn_find(o, conn);

	if (c != NULL && c->judge == JUDGE_ALL)
		judge(c, JUDGE_ALONE);
}

/* --- the world ------------------------------------------------------------------------------ */

static bool followed(const struct oracle_wire *o, const struct net_addr *addr)
{
	if (addr->family == NET_UNIX)
		return false;
	if (o->ports->len == 0)
		return addr->port == 4420 || addr->port == 8009;
	for (unsigned i = 0; i < o->ports->len; i++) {
		if (g_array_index(o->ports, uint16_t, i) == addr->port)
			return true;
	}
	return false;
}

static void opened(struct oracle_wire *o, const struct world_tap_info *info)
{
	struct wire_conn *c = conn_new(o, info->conn, info->time);

	c->node = info->side == 0 ? info->to : info->from;
	c->tolerated =
		g_ptr_array_find(o->tolerated, info->side == 0 ? info->from : info->to, NULL);
}

static void on_tap(struct world_tap *tap, enum world_tap_kind kind,
		   const struct world_tap_info *info, const void *data, size_t len)
{
	struct oracle_wire *o = (void *)((char *)tap - offsetof(struct oracle_wire, tap));

	switch (kind) {
	case WORLD_TAP_OPEN:
		if (followed(o, info->side == 0 ? info->dst : info->src))
			opened(o, info);
		break;
	case WORLD_TAP_DATA:
		oracle_wire_feed(o, info->conn, (enum oracle_side)info->side, info->time, data,
				 len);
		break;
	default:
		oracle_wire_close(o, info->conn, (enum oracle_side)info->side,
				  kind == WORLD_TAP_RST);
	}
}

void oracle_wire_follow(struct oracle_wire *o, uint16_t port)
{
	g_array_append_val(o->ports, port);
}

void oracle_wire_tolerate(struct oracle_wire *o, enum oracle_side side)
{
	o->tolerate[side] = true;
}

void oracle_wire_tolerate_node(struct oracle_wire *o, const void *node)
{
	g_ptr_array_add(o->tolerated, (void *)node);
}

void oracle_wire_block_sizes_change(struct oracle_wire *o, uint32_t nsid)
{
	g_hash_table_add(o->loose_blocks, GUINT_TO_POINTER(nsid));
}

struct oracle_wire *oracle_wire_new(struct world *w)
{
	struct oracle_wire *o = g_new0(struct oracle_wire, 1);

	o->world = w;
	o->conns = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, conn_free);
	o->ctrls = g_ptr_array_new();
	o->tolerated = g_ptr_array_new();
	o->loose_blocks = g_hash_table_new(g_direct_hash, g_direct_equal);
	o->ports = g_array_new(FALSE, FALSE, sizeof(uint16_t));
	o->found = g_array_new(FALSE, FALSE, sizeof(struct oracle_violation));
	g_array_set_clear_func(o->found, clear_violation);
	o->tap.fn = on_tap;
	if (w != NULL)
		world_tap_add(w, &o->tap);
	return o;
}

void oracle_wire_free(struct oracle_wire *o)
{
	if (o == NULL)
		return;
	if (o->world != NULL)
		world_tap_remove(o->world, &o->tap);
	g_hash_table_destroy(o->conns);
	g_assert(o->ctrls->len == 0);
	g_ptr_array_free(o->ctrls, TRUE);
	g_ptr_array_free(o->tolerated, TRUE);
	g_hash_table_destroy(o->loose_blocks);
	g_array_free(o->ports, TRUE);
	g_array_free(o->found, TRUE);
	g_free(o);
}
