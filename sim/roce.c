/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The binding of the software RNIC to a world: packets go into the fabric at once and
 * come out of it into a ring for each reactor, whose runner is woken. What happens to
 * the device is told to its main reactor in its next pass.
 */
#include "sim/roce.h"

#include <errno.h>
#include <string.h>

#include "hw/roce/soft.h"
#include "sim/roce-priv.h"
#include "target/core/reactor.h"

struct rnic_shard {
	struct reactor *reactor; /* NULL: nobody has joined */
	struct roce_shard *shard;
	struct packet *first, **last; /* received */
	unsigned n;
	struct net_addr src, dst; /* of the route below */
	struct route route;
};

struct node_rnic {
	struct roce_io io;
	struct world_node *node;
	struct hw_rnic *rnic;
	struct world_rnic_params params;
	struct task task; /* tells the device what has changed */
	bool changed, removed, torn, returned, failed_over;
	bool cut; /* its machine has crashed */
	uint64_t registrations, pinned; /* of memory: so many ever, bytes now */
	uint64_t away_until;
	struct rnic_shard shards[ROCE_MAX_SHARDS];
};

static struct node_rnic *of_io(struct roce_io *io)
{
	return container(io, struct node_rnic, io);
}

static struct node_rnic *of_binding(struct roce_binding *binding)
{
	return of_io(container(binding, struct roce_io, binding));
}

/* The machine whose software uses it, which may have several (see world_rnic_new). */
static struct world_node *user_of(const struct node_rnic *r)
{
	const struct reactor *reactor = r->shards[0].reactor;

	return reactor ? sim_env_node(reactor->hw->env) : r->node;
}

static void wake(const struct rnic_shard *s)
{
	if (s->reactor && s->reactor->runner)
		s->reactor->hw->env->ops->runner_wake(s->reactor->runner);
}

/* ---- what changes about the device ---------------------------------------------------- */

static bool is_up(const struct world_node *node)
{
	for (const struct world_port *port = node->ports; port; port = port->next) {
		if (!port->params.down)
			return true;
	}
	return false;
}

static bool among(const struct net_addr *list, unsigned n, const struct net_addr *addr)
{
	for (unsigned i = 0; i < n; i++) {
		if (net_addr_same_host(&list[i], addr))
			return true;
	}
	return false;
}

static void set_addrs(struct node_rnic *r)
{
	const GArray *addrs = r->node->net.addrs;
	struct net_addr had[16];
	unsigned n = roce_device_addrs(roce_soft_device(r->rnic), had, G_N_ELEMENTS(had));

	for (unsigned i = 0; i < n; i++) {
		if (!sim_net_port(r->node, &had[i]))
			roce_soft_address(r->rnic, &had[i], false);
	}
	for (guint i = 0; i < addrs->len; i++) {
		const struct net_addr *addr = &g_array_index(addrs, struct node_addr, i).addr;

		if (!among(had, n, addr))
			roce_soft_address(r->rnic, addr, true);
	}
}

static void tell_device(struct task *task)
{
	struct node_rnic *r = container(task, struct node_rnic, task);
	bool up = !r->removed && is_up(r->node);

	r->changed = false;
	if (r->removed) {
		r->failed_over = false;
		if (r->torn)
			roce_soft_tear(r->rnic);
		else
			roce_soft_remove(r->rnic);
		return;
	}
	if (r->returned)
		roce_soft_return(r->rnic);
	r->returned = false;
	set_addrs(r);
	if (r->failed_over)
		roce_soft_failover(r->rnic);
	r->failed_over = false;
	if (up != roce_device_port_active(roce_soft_device(r->rnic)))
		roce_soft_port(r->rnic, up);
}

void sim_rnic_changed(struct world_node *node)
{
	struct node_rnic *r = node->rnic;

	if (!r || r->cut)
		return;
	r->changed = true;
	if (r->shards[0].reactor)
		wake(&r->shards[0]);
	else
		tell_device(&r->task); /* nobody watches */
}

static void take_away(struct world_node *node, bool torn, const char *note)
{
	g_assert_nonnull(node->rnic);
	node->rnic->removed = true;
	node->rnic->torn = torn;
	world_note(node->world, note, node->index);
	sim_rnic_changed(node);
}

void world_rnic_remove(struct world_node *node)
{
	take_away(node, false, "rnic.remove");
}

void world_rnic_tear(struct world_node *node)
{
	take_away(node, true, "rnic.tear");
}

void world_rnic_return(struct world_node *node)
{
	struct node_rnic *r = node->rnic;

	if (!r || !r->removed)
		return;
	r->removed = false;
	r->returned = true;
	world_note(node->world, "rnic.return", node->index);
	sim_rnic_changed(node);
}

void world_rnic_failover(struct world_node *node)
{
	g_assert_nonnull(node->rnic);
	node->rnic->failed_over = true;
	world_note(node->world, "rnic.failover", node->index);
	sim_rnic_changed(node);
}

/* ---- sending -------------------------------------------------------------------------- */

static const struct route *route_for(struct world_node *node, struct rnic_shard *s,
				     const struct net_addr *src, const struct net_addr *dst)
{
	struct route *route = &s->route;

	if (route->gen == node->world->route_gen && net_addr_same_host(&s->src, src) &&
	    net_addr_same_host(&s->dst, dst))
		return route;
	s->src = *src;
	s->dst = *dst;
	sim_route(node, src, dst, route);
	if (!route->link && sim_net_has_addr(node, dst)) {
		/* To itself: the RNIC has a way of its own. */
		route->link = sim_link(node, node);
		route->to = sim_net_port(node, dst);
	}
	return route;
}

static void tap(struct world_node *node, bool sent, const struct packet *p)
{
	struct world *w = node->world;

	for (struct world_roce_tap *t = w->roce_taps; t; t = t->next)
		t->fn(t, node, sent, p->bytes, p->len, w->now);
}

static struct packet *frame_of(struct node_rnic *r, const struct roce_tx *tx)
{
	struct world_node *node = r->node;
	struct world *w = node->world;
	const struct udp_header h = { tx->from, tx->to, tx->tos, tx->len };
	struct packet *p = packet_udp(node, &h);
	uint8_t *at;

	at = p->bytes + p->data_off;
	for (unsigned i = 0; i < tx->niov; i++) {
		memcpy(at, tx->iov[i].iov_base, tx->iov[i].iov_len);
		at += tx->iov[i].iov_len;
	}
	sim_roce_name(w, p);
	user_of(r)->activity++;
	/* The headers' first part and the ICRC, which is over all the rest. */
	world_trace(w, WORLD_ROCE, node->index, packet_conn_side(p),
		    world_mix(world_hash_bytes(p->len, p->bytes + p->data_off, 12),
			      world_hash_bytes(tx->tos, at - 4, 4)));
	tap(node, true, p);
	return p;
}

static bool io_send(struct roce_binding *binding, unsigned index, const struct roce_tx *tx)
{
	struct node_rnic *r = of_binding(binding);
	struct packet *p;

	if (r->cut)
		return true;
	p = frame_of(r, tx);
	fabric_send(r->node->world, route_for(r->node, &r->shards[index], tx->from, tx->to), p);
	return true;
}

/* Who looks on must know of it: its PSN is used. */
static void io_lost(struct roce_binding *binding, unsigned index, const struct roce_tx *tx)
{
	struct node_rnic *r = of_binding(binding);

	(void)index;
	if (!r->cut)
		packet_drop(frame_of(r, tx), WORLD_DROP_PORT_DOWN);
}

static void io_flush(struct roce_binding *binding, unsigned index)
{
	(void)binding; /* all has left */
	(void)index;
}

static void io_wake(struct roce_binding *binding, unsigned index)
{
	wake(&of_binding(binding)->shards[index]);
}

/* ---- receiving ------------------------------------------------------------------------ */

static bool is_whole(struct node_rnic *r, struct packet *p)
{
	size_t at, len;
	enum roce_ip_error error = roce_ip_check(p->bytes + ETH_LEN, p->len - ETH_LEN, &at, &len);

	if (error == ROCE_IP_OK)
		return true;
	if (error == ROCE_IP_BAD_ICRC)
		roce_shard_bad_icrc(r->shards[0].shard);
	packet_drop(p, error == ROCE_IP_BAD_ICRC ? WORLD_DROP_ICRC : WORLD_DROP_CHECKSUM);
	return false;
}

void sim_roce_input(struct world_node *node, struct packet *p)
{
	struct node_rnic *r = node->rnic;
	struct rnic_shard *s;
	const uint8_t *bth = p->bytes + p->data_off;
	struct net_addr from, to;

	packet_udp_addrs(p, &from, &to);
	if (!sim_net_has_addr(node, &to)) {
		packet_drop(p, WORLD_DROP_NO_ADDR);
		return;
	}
	if (!r || !r->shards[0].reactor || to.port != ROCE_UDP_PORT) {
		packet_drop(p, WORLD_DROP_NO_RNIC);
		return;
	}
	if (!is_whole(r, p))
		return;
	s = &r->shards[roce_qpn_shard((uint32_t)bth[5] << 16 | bth[6] << 8 | bth[7],
				      r->params.reactors)];
	if (!s->reactor || s->n >= r->params.rx_ring) {
		packet_drop(p, s->reactor ? WORLD_DROP_OVERRUN : WORLD_DROP_NO_RNIC);
		return;
	}
	p->next = NULL;
	*s->last = p;
	s->last = &p->next;
	s->n++;
	user_of(r)->activity++;
	wake(s);
}

static uint8_t tos_of(const struct packet *p)
{
	const uint8_t *ip = p->bytes + ETH_LEN;

	return ip[0] >> 4 == 6 ? (uint8_t)(ip[0] << 4 | ip[1] >> 4) : ip[1];
}

static unsigned io_poll(struct roce_io *io, unsigned index, unsigned budget)
{
	struct node_rnic *r = of_io(io);
	struct rnic_shard *s = &r->shards[index];
	unsigned n = 0;

	if (index == 0 && r->changed) {
		reactor_run_soon(s->reactor, &r->task);
		n++;
	}
	for (; s->first && n < budget; n++) {
		struct packet *p = s->first;
		struct net_addr from, to;

		s->first = p->next;
		if (!s->first)
			s->last = &s->first;
		s->n--;
		packet_udp_addrs(p, &from, &to);
		if (roce_device_port_active(roce_soft_device(r->rnic))) /* it looks at none without */
			tap(r->node, false, p);
		roce_shard_receive(s->shard, &from, &to, tos_of(p), p->bytes + p->data_off,
				   p->len - p->data_off, s->reactor->now);
		packet_free(p);
	}
	return n;
}

static bool io_arm(struct roce_io *io, unsigned index)
{
	const struct node_rnic *r = of_io(io);

	return !r->shards[index].first && !(index == 0 && r->changed);
}

static void io_disarm(struct roce_io *io, unsigned index)
{
	(void)io; /* wakes are always welcome */
	(void)index;
}

static int io_fd(struct roce_io *io, unsigned index)
{
	(void)io;
	(void)index;
	return -1;
}

/* ---- reactors, routes --------------------------------------------------------------------- */

static int io_open(struct roce_io *io, unsigned index, struct reactor *reactor,
		   struct roce_shard *shard)
{
	struct node_rnic *r = of_io(io);
	struct rnic_shard *s = &r->shards[index];

	if (sim_fault(r->node, "rnic.ctx_open.enomem"))
		return -ENOMEM;
	s->reactor = reactor;
	s->shard = shard;
	return 0;
}

static void drain(struct rnic_shard *s)
{
	while (s->first) {
		struct packet *p = s->first;

		s->first = p->next;
		packet_free(p);
	}
	s->last = &s->first;
	s->n = 0;
}

static void io_close(struct roce_io *io, unsigned index)
{
	struct rnic_shard *s = &of_io(io)->shards[index];

	drain(s);
	s->reactor = NULL;
}

static int io_route(struct roce_io *io, const struct net_addr *dst, struct net_addr *src)
{
	struct world_node *node = of_io(io)->node, *to = sim_net_route(node, dst);
	struct world_link_params params;
	int rc = sim_net_own_addr(&node->net, dst, src);

	src->port = 0;
	if (rc < 0)
		return rc;
	if (!to)
		return -EHOSTUNREACH;
	world_link_get(node, to, &params);
	return params.unreachable ? -EHOSTUNREACH : 0;
}

static const struct roce_binding_ops binding_ops = { io_send, io_flush, io_wake, io_lost };

static const struct roce_io_ops io_ops = {
	.open = io_open,
	.close = io_close,
	.poll = io_poll,
	.arm = io_arm,
	.disarm = io_disarm,
	.fd = io_fd,
	.route = io_route,
};

/* ---- made, crashed, freed ----------------------------------------------------------------- */

static uint64_t draw_seed(struct world_node *node)
{
	g_autofree char *stream = g_strdup_printf("rnic.%s#%u", node->name, node->incarnation);
	struct world_rng rng;

	world_rng_init(node->world, &rng, stream);
	return world_rng_u64(&rng);
}

/* The call is synchronous: its reactor does nothing else meanwhile. */
static void take_time(struct node_rnic *r, uint64_t bytes)
{
	const struct world_rnic_params *p = &r->params;
	uint64_t ns = p->mr_ns + (bytes + 4095) / 4096 * p->mr_page_ns;
	struct world *w = r->node->world;

	if (ns == 0 || r->cut)
		return;
	r->away_until = MAX(r->away_until, w->now) + ns;
	sim_runner_keep(user_of(r), r->away_until);
	if (p->away)
		p->away(p->away_arg, r->away_until);
}

static int pin(void *user, int64_t bytes)
{
	struct node_rnic *r = user;
	const struct world_rnic_params *p = &r->params;

	if (bytes < 0) {
		r->pinned -= (uint64_t)-bytes;
		return 0;
	}
	take_time(r, (uint64_t)bytes);
	r->registrations++;
	if (p->mr_fail_at > 0 && r->registrations >= p->mr_fail_at &&
	    r->registrations - p->mr_fail_at < MAX(p->mr_fail_count, 1)) {
		hw_mark(&r->node->hw, "rnic.mr_failed");
		return -ENOMEM;
	}
	if (p->max_mr_bytes > 0 && r->pinned + (uint64_t)bytes > p->max_mr_bytes) {
		hw_mark(&r->node->hw, "rnic.mr_bytes");
		return -ENOMEM;
	}
	r->pinned += (uint64_t)bytes;
	return 0;
}

struct hw_rnic *world_rnic_new(struct world_node *node, const struct world_rnic_params *params,
			       GError **error)
{
	static const char *const names[] = { "world0", "world1", "world2", "world3" };
	struct node_rnic *r = g_new0(struct node_rnic, 1);
	struct roce_params roce = {
		.name = names[MIN(params->number, G_N_ELEMENTS(names) - 1)],
		.kind = RNIC_MODEL,
		.nshards = params->reactors,
		.mtu = params->mtu,
		.attr = params->attr,
		.max_inline = params->max_inline,
		.mac = { 2, 0, (uint8_t)((node->index + 1) >> 8), (uint8_t)(node->index + 1) },
		.dcqcn = params->dcqcn,
		.hw = &node->hw,
		.transport = params->iwarp ? IBV_TRANSPORT_IWARP : IBV_TRANSPORT_IB,
		.no_send_inv = params->no_send_inv,
		.numa = params->numa,
		.pin = pin,
		.pin_user = r,
	};

	g_assert_null(node->rnic);
	r->node = node;
	r->params = *params;
	r->io.binding.ops = &binding_ops;
	r->io.ops = &io_ops;
	r->task.fn = tell_device;
	for (unsigned i = 0; i < ROCE_MAX_SHARDS; i++)
		r->shards[i].last = &r->shards[i].first;
	roce.seed = draw_seed(node);
	r->rnic = roce_soft_new(&roce, &r->io, error);
	if (!r->rnic) {
		g_free(r);
		return NULL;
	}
	for (unsigned i = 0; i < params->reactors; i++)
		r->shards[i].shard = roce_device_shard(roce_soft_device(r->rnic), i);
	node->rnic = r;
	node->hw.rnic = r->rnic;
	sim_rnic_changed(node);
	return r->rnic;
}

void world_rnic_heal(struct world_node *node)
{
	if (node->rnic)
		node->rnic->params.mr_fail_at = 0;
}

void world_rnic_wrap(struct world_node *node, struct hw_rnic *outer)
{
	node->hw.rnic = outer;
}

void sim_rnic_crash(struct world_node *corpse, struct world_node *fresh)
{
	struct node_rnic *r = corpse->rnic;

	if (!r)
		return;
	world_rnic_new(fresh, &r->params, NULL);
	r->cut = true;
	for (unsigned i = 0; i < ROCE_MAX_SHARDS; i++)
		drain(&r->shards[i]);
}

void sim_rnic_free(struct world_node *node)
{
	struct node_rnic *r = node->rnic;

	if (!r)
		return;
	for (unsigned i = 0; i < ROCE_MAX_SHARDS; i++)
		drain(&r->shards[i]);
	roce_soft_free(r->rnic);
	g_free(r);
	node->rnic = NULL;
}

unsigned sim_rnic_ctxs(const struct world_node *node)
{
	unsigned n = 0;

	for (unsigned i = 0; node->rnic && i < ROCE_MAX_SHARDS; i++)
		n += node->rnic->shards[i].reactor != NULL;
	return n;
}

/* As struct roce_stats has them. */
#define STATS(X)                                                                                   \
	X(sent) X(received) X(bad_icrc) X(retransmissions) X(timeouts) X(duplicates)               \
	X(out_of_sequence) X(naks_sent) X(naks_received) X(rnr_sent) X(rnr_received)               \
	X(retry_exceeded) X(rnr_retry_exceeded) X(bad_key) X(ecn_marked) X(cnps_sent)              \
	X(cnps_received)

void world_rnic_stats(const struct world_node *node, struct world_rnic_stats *out)
{
	const struct node_rnic *r = node->rnic;

	*out = (struct world_rnic_stats){ 0 };
	for (unsigned i = 0; r && i < r->params.reactors; i++) {
		const struct roce_stats *s = roce_shard_stats(r->shards[i].shard);

#define X(name) out->name += s->name;
		STATS(X)
#undef X
	}
}

bool world_rnic_stat(const struct world_rnic_stats *stats, const char *name, uint64_t *value)
{
	static const struct {
		const char *name;
		size_t offset;
	} all[] = {
#define X(name) { #name, offsetof(struct world_rnic_stats, name) },
		STATS(X)
#undef X
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
		if (strcmp(all[i].name, name) != 0)
			continue;
		memcpy(value, (const char *)stats + all[i].offset, sizeof(*value));
		return true;
	}
	return false;
}

void world_roce_tap_add(struct world *w, struct world_roce_tap *tap)
{
	tap->next = w->roce_taps;
	w->roce_taps = tap;
}

void world_roce_tap_remove(struct world *w, struct world_roce_tap *tap)
{
	struct world_roce_tap **at = &w->roce_taps;

	while (*at && *at != tap)
		at = &(*at)->next;
	if (*at)
		*at = tap->next;
}
