/* SPDX-License-Identifier: BSD-3-Clause */
/* See wire.h. */
#include "tests/unit/roce/wire.h"

#include <errno.h>
#include <string.h>

#include "target/core/reactor.h"

static struct wire_end *end_of(struct roce_io *io)
{
	return (struct wire_end *)io;
}

static struct wire_end *peer_of(struct wire_end *end)
{
	return &end->wire->ends[end == &end->wire->ends[0]];
}

static uint32_t dest_qpn(const uint8_t *bth)
{
	return (uint32_t)bth[5] << 16 | (uint32_t)bth[6] << 8 | bth[7];
}

struct wire_packet *wire_packet_new(const struct roce_tx *tx)
{
	struct wire_packet *p = g_new0(struct wire_packet, 1);
	struct roce_icrc_flow flow;

	p->from = *tx->from;
	p->to = *tx->to;
	p->tos = tx->tos;
	for (unsigned i = 0; i < tx->niov; i++) {
		memcpy(p->bytes + p->len, tx->iov[i].iov_base, tx->iov[i].iov_len);
		p->len += tx->iov[i].iov_len;
	}
	g_assert_cmpuint(p->len, ==, tx->len);
	roce_icrc_flow_init(&flow, &p->from, &p->to);
	g_assert_true(roce_icrc_good(&flow, p->bytes, p->len));
	return p;
}

void wire_nothing(struct roce_binding *binding, unsigned shard)
{
	(void)binding;
	(void)shard;
}

static bool wire_send(struct roce_binding *binding, unsigned shard, const struct roce_tx *tx)
{
	struct wire_end *end = (struct wire_end *)binding, *peer = peer_of(end);
	struct wire_packet *p = wire_packet_new(tx);

	(void)shard;
	end->sent++;
	if (end->cut || (end->pass != NULL && !end->pass(end, p, end->user)))
		g_free(p);
	else
		g_queue_push_tail(&peer->in[roce_qpn_shard(dest_qpn(p->bytes), peer->nshards)], p);
	return true;
}

static const struct roce_binding_ops binding_ops = { .send = wire_send,
						     .flush = wire_nothing,
						     .wake = wire_nothing };

static int io_open(struct roce_io *io, unsigned index, struct reactor *reactor,
		   struct roce_shard *shard)
{
	(void)reactor;
	end_of(io)->shards[index] = shard;
	return 0;
}

static void io_close(struct roce_io *io, unsigned index)
{
	end_of(io)->shards[index] = NULL;
	g_queue_clear_full(&end_of(io)->in[index], g_free);
}

static unsigned io_poll(struct roce_io *io, unsigned index, unsigned budget)
{
	struct wire_end *end = end_of(io);
	unsigned n = 0;

	for (; n < budget && !g_queue_is_empty(&end->in[index]); n++) {
		struct wire_packet *p = g_queue_pop_head(&end->in[index]);

		/* Time is the reactors'; here it only orders. */
		roce_shard_receive(end->shards[index], &p->from, &p->to, 0, p->bytes, p->len,
				   hw_now(end->user_hw));
		g_free(p);
	}
	return n;
}

static bool io_arm(struct roce_io *io, unsigned index)
{
	return g_queue_is_empty(&end_of(io)->in[index]);
}

static void io_disarm(struct roce_io *io, unsigned index)
{
	(void)io;
	(void)index;
}

static int io_fd(struct roce_io *io, unsigned index)
{
	(void)io;
	(void)index;
	return -1;
}

static int io_route(struct roce_io *io, const struct net_addr *dst, struct net_addr *src)
{
	const struct wire_end *end = end_of(io);

	if (dst->family != end->addr.family)
		return -ENETUNREACH;
	*src = end->addr;
	return 0;
}

static unsigned io_mtu(struct roce_io *io, const struct net_addr *src, const struct net_addr *dst)
{
	g_assert_true(net_addr_same_host(src, &end_of(io)->addr));
	g_assert_true(net_addr_same_host(dst, &peer_of(end_of(io))->addr));
	return end_of(io)->mtu;
}

static const struct roce_io_ops io_ops = {
	.open = io_open,
	.close = io_close,
	.poll = io_poll,
	.arm = io_arm,
	.disarm = io_disarm,
	.fd = io_fd,
	.route = io_route,
	.mtu = io_mtu,
};

static void end_init(struct wire *w, struct wire_end *end, const char *addr, unsigned nshards)
{
	end->io.binding.ops = &binding_ops;
	end->io.ops = &io_ops;
	end->wire = w;
	end->nshards = nshards;
	g_assert_true(net_addr_parse(&end->addr, addr, "0", NULL));
	for (unsigned i = 0; i < ROCE_MAX_SHARDS; i++)
		g_queue_init(&end->in[i]);
}

struct wire *wire_new(const char *a, unsigned nshards_a, const char *b, unsigned nshards_b)
{
	struct wire *w = g_new0(struct wire, 1);

	end_init(w, &w->ends[0], a, nshards_a);
	end_init(w, &w->ends[1], b, nshards_b);
	return w;
}

void wire_free(struct wire *w)
{
	for (unsigned i = 0; i < ROCE_MAX_SHARDS; i++) {
		g_queue_clear_full(&w->ends[0].in[i], g_free);
		g_queue_clear_full(&w->ends[1].in[i], g_free);
	}
	g_free(w);
}

struct hw_rnic *wire_rnic_new(struct wire_end *end, const struct hw *hw,
			      const struct ibv_device_attr *attr, uint32_t max_inline)
{
	struct roce_params params = { .name = end == &end->wire->ends[0] ? "soft0" : "soft1",
				      .kind = RNIC_SOFT,
				      .nshards = end->nshards,
				      .mtu = 1024,
				      .max_inline = max_inline,
				      .seed = end == &end->wire->ends[0] ? 0x1234 : 0x9876,
				      .hw = hw };
	GError *error = NULL;
	struct hw_rnic *rnic;

	if (attr != NULL)
		params.attr = *attr;
	end->user_hw = hw;
	rnic = roce_soft_new(&params, &end->io, &error);
	g_assert_no_error(error);
	g_assert_cmpint(roce_device_add_addr(roce_soft_device(rnic), &end->addr), ==, 0);
	return rnic;
}
