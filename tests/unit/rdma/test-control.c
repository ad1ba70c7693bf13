/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVMe/RDMA, the control path: transport and listeners made and refused, what hosts
 * and users are told, devices and addresses that come and go.
 */
#include <string.h>

#include "target/core/error.h"
#include "target/nvmf/rdma.h"
#include "tests/unit/rdma/fixture.h"

static unsigned greedy; /* data was moved out of receives so often */

/* --- made and refused -------------------------------------------------------------------- */

static void test_no_rnic(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct core *core = fake_core_new(fake, 1, 0);
	struct bdev_layer *bdevs = bdev_layer_new(core);
	struct nvmf_tgt *tgt = nvmf_tgt_new(core, bdevs, NULL);
	struct nvmf_transport_options o;
	GError *error = NULL;

	nvmf_transport_options_default(&o);
	g_assert_null(nvmf_transport_create(tgt, "RDMA", &o, &error));
	g_assert_nonnull(strstr(weft_error_detail(error), "there is no RDMA here"));
	g_error_free(error);
	g_assert_cmpuint(nvmf_transports(tgt)->len, ==, 0);
	nvmf_tgt_free(tgt);
	bdev_layer_free(bdevs);
	core_free(core);
	fake_hw_free(fake);
}

static void listen_fails(struct rx *rx, const char *addr, const char *port, const char *why)
{
	struct nvmf_trid trid;
	GError *error = NULL;

	g_assert_true(nvmf_trid_parse(&trid, "RDMA", NULL, addr, port, NULL));
	g_assert_false(nvmf_subsystem_add_listener(rx->subsystem, &trid, &error));
	g_assert_nonnull(strstr(weft_error_detail(error), why));
	g_assert_nonnull(strstr(weft_error_detail(error), addr));
	g_error_free(error);
}

static void test_listen(void)
{
	struct rx *rx = rx_new(NULL);

	listen_fails(rx, "192.0.2.77", "4420", "no RDMA device has this address");
	listen_fails(rx, RX_TARGET, RX_PORT, "listens on");
	rx_free(rx);
}

/* --- what is told ---------------------------------------------------------------------------- */

static void test_discovery(void)
{
	struct rx *rx = rx_new(NULL);
	struct nvmf_listener *l = g_ptr_array_index(rx->subsystem->listeners, 0);
	uint32_t len;
	g_autofree uint8_t *log = nvmf_discovery_log(rx->tgt, RX_HOST, &l->trid, &len);
	const struct nvme_discovery_log *header = (void *)log;
	const struct nvme_discovery_entry *e = (void *)(log + sizeof(*header));

	g_assert_cmpuint(header->numrec, ==, 1);
	g_assert_cmpuint(len, ==, 2 * sizeof(*e));
	g_assert_cmpuint(e->trtype, ==, NVME_TRTYPE_RDMA);
	g_assert_cmpuint(e->adrfam, ==, NVME_ADRFAM_IPV4);
	g_assert_cmpuint(e->tsas[0], ==, 1); /* connected */
	g_assert_cmpuint(e->tsas[1], ==, 1); /* provider: not specified */
	g_assert_cmpuint(e->tsas[2], ==, 1); /* RDMA_CM */
	for (unsigned i = 3; i < sizeof(e->tsas); i++)
		g_assert_cmpuint(e->tsas[i], ==, 0);
	g_assert_true(g_str_has_prefix(e->trsvcid, RX_PORT));
	g_assert_true(g_str_has_prefix(e->traddr, RX_TARGET));
	rx_free(rx);
}

static void test_identify(gconstpointer arg)
{
	uint32_t icd = GPOINTER_TO_UINT(arg);
	const struct nvme_id_ctrlr *id;
	struct rx_options o;
	struct rx_queue *q;
	struct nvme_cmd cmd;
	struct rx *rx;

	rx_options_default(&o);
	o.transport.in_capsule_data_size = icd;
	rx = rx_new(&o);
	q = rx_open(rx, 0, 32);
	cmd = rx_cmd(NVME_ADMIN_IDENTIFY, 0);
	cmd.cdw10 = 1;
	cmd.sgl = rx_keyed(rx, 0, 4096);
	g_assert_cmphex(rx_exec(q, &cmd, NULL, 0), ==, NVME_SUCCESS);
	id = (void *)rx->area;
	g_assert_cmpuint(id->ioccsz, ==, (64 + icd) / 16);
	g_assert_cmpuint(id->iorcsz, ==, 1);
	g_assert_cmpuint(id->icdoff, ==, 0);
	g_assert_cmpuint(id->msdbd, ==, icd >= 256 ? 16 : icd == 64 ? 4 : 1);
	g_assert_cmphex(id->sgls & 0x4, ==, 0x4);	  /* keyed */
	g_assert_cmphex(id->sgls & 1u << 21, ==, 0);	  /* no transport SGL */
	g_assert_cmphex(id->sgls >> 20 & 1, ==, icd > 0); /* offsets */
	g_assert_cmpstr(id->subnqn, ==, RX_NQN);
	rx_free(rx);
}

static void take_stats(void *arg, const struct nvmf_group_stats *stats, unsigned n)
{
	g_assert_cmpuint(n, ==, 1);
	*(struct nvmf_group_stats *)arg = stats[0];
}

/* Of what the RNIC counts: 16 capsules and 16 responses at least, nothing of it wrong. */
static void check_counters(const struct nvmf_group_stats *before,
			   const struct nvmf_group_stats *after)
{
	g_assert_cmpuint(after->nrnics, ==, 1);
	g_assert_cmpstr(after->rnics[0].name, ==, "soft0");
	g_assert_cmpuint(after->rnics[0].ncounters, >, 0);
	for (unsigned i = 0; i < after->rnics[0].ncounters; i++) {
		const char *name = after->rnics[0].counters[i].name;
		uint64_t n = after->rnics[0].counters[i].value - before->rnics[0].counters[i].value;

		if (g_str_equal(name, "sent_pkts") || g_str_equal(name, "rcvd_pkts"))
			g_assert_cmpuint(n, >=, 16);
		else if (!strstr(name, "_bytes") && !g_str_equal(name, "sent_acks"))
			g_assert_cmpuint(n, ==, 0);
	}
}

/* All of the process's memory that devices may reach is registered; no less, no more. */
static void check_memory(struct rx *rx, const struct nvmf_rnic_stats *rnic)
{
	struct hw_mem *mem = rx->target_hw->hw.mem;
	struct mem_chunk *chunk;
	struct nvmf_group_stats more;

	g_assert_cmpuint(rnic->memory_regions, >=, 1);
	g_assert_cmpuint(rnic->registered_bytes, ==, mem->ops->in_use(mem));
	g_assert_cmpint(mem->ops->alloc(mem, 8192, &chunk), ==, 0);
	nvmf_get_stats(rx->tgt, take_stats, &more);
	rx_run(rx);
	mem->ops->free(mem, chunk);
	g_assert_cmpuint(more.rnics[0].memory_regions, ==, rnic->memory_regions + 1);
	g_assert_cmpuint(more.rnics[0].registered_bytes, ==, rnic->registered_bytes + 8192);
	nvmf_get_stats(rx->tgt, take_stats, &more);
	rx_run(rx);
	g_assert_cmpuint(more.rnics[0].memory_regions, ==, rnic->memory_regions);
	g_assert_cmpuint(more.rnics[0].registered_bytes, ==, rnic->registered_bytes);
}

/* Chains and receives are counted as posted: few doorbells for many requests. */
static void test_stats(gconstpointer no_batching)
{
	struct nvmf_group_stats before, after;
	const struct nvmf_device_stats *d = &after.devices[0];
	struct rx_options o;
	struct rx_queue *q;
	struct rx *rx;

	rx_options_default(&o);
	o.transport.no_wr_batching = no_batching != NULL;
	rx = rx_new(&o);
	rx_open(rx, 0, 32);
	q = rx_open(rx, 1, 32);
	nvmf_get_stats(rx->tgt, take_stats, &before);
	rx_run(rx);
	for (unsigned i = 0; i < 16; i++) {
		struct nvme_cmd cmd = rx_rw(rx, NVME_CMD_READ, 1, i, 1, 0);

		rx_post(q, &cmd, NULL, 0);
	}
	rx_run(rx);
	nvmf_get_stats(rx->tgt, take_stats, &after);
	rx_run(rx);
	g_assert_cmpuint(after.ndevices, ==, 1);
	g_assert_cmpstr(d->name, ==, "soft0");
	g_assert_cmpuint(d->requests - before.devices[0].requests, ==, 16);
	g_assert_cmpuint(d->total_send_wrs - before.devices[0].total_send_wrs, ==, 32);
	if (no_batching)
		g_assert_cmpuint(d->send_doorbell_updates - before.devices[0].send_doorbell_updates,
				 ==, 16);
	else
		g_assert_cmpuint(d->send_doorbell_updates - before.devices[0].send_doorbell_updates,
				 <, 8);
	g_assert_cmpuint(d->total_recv_wrs - before.devices[0].total_recv_wrs, ==, 16);
	check_counters(&before, &after);
	check_memory(rx, &after.rnics[0]);
	g_assert_cmpuint(d->pending_free_request, ==, 0);
	g_assert_cmpuint(d->pending_rdma_read, ==, 0);
	g_assert_cmpuint(d->polls, >, d->idle_polls);
	/* Two bytes of work for each READ: one completion for data and response together. */
	g_assert_cmpuint(d->completions - before.devices[0].completions, ==, 32);
	rx_free(rx);
}

/* --- what waits is counted ------------------------------------------------------------------ */

static struct nvmf_device_stats stats_of(struct rx *rx)
{
	struct nvmf_group_stats stats;

	nvmf_get_stats(rx->tgt, take_stats, &stats);
	rx_run(rx);
	return stats.devices[0];
}

static void many(struct rx_queue *q, uint8_t opcode, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct nvme_cmd cmd = rx_rw(q->rx, opcode, 1, i * 8, 8, i * 4096);

		rx_post(q, &cmd, NULL, 0);
	}
	rx_run(q->rx);
}

/* For a place in the send queue, or for a READ. */
static void test_waiting(gconstpointer one_slot)
{
	struct nvmf_device_stats stats;
	struct rx_options o;
	struct rx_queue *q;
	struct rx *rx;

	rx_options_default(&o);
	roce_attr_default(&o.attr);
	if (one_slot)
		o.attr.max_qp_wr = 1;
	else
		o.attr.max_qp_init_rd_atom = 1;
	rx = rx_new(&o);
	rx_open(rx, 0, 32);
	q = rx_open(rx, 1, 32);
	many(q, NVME_CMD_READ, 16);
	stats = stats_of(rx);
	g_assert_cmpuint(stats.pending_rdma_write > 0, ==, one_slot != NULL);
	g_assert_cmpuint(stats.pending_rdma_send > 0, ==, one_slot != NULL);
	g_assert_cmpuint(stats.pending_rdma_read, ==, 0);
	many(q, NVME_CMD_WRITE, 16);
	g_assert_cmpuint(stats_of(rx).pending_rdma_read, >, 0);
	g_assert_cmpuint(stats_of(rx).pending_free_request, ==, 0);
	g_assert_cmpuint(q->responses->len, ==, 1 + 32);
	rx_free(rx);
}

static bool no_acks(struct wire_end *end, const struct wire_packet *p, void *user)
{
	(void)end;
	(void)user;
	return p->bytes[0] != 0x11;
}

/* For a request: nobody says that answers have come, and others cannot be sent. */
static void test_waiting_request(void)
{
	struct rx *rx = rx_new(NULL);
	struct rx_queue *q;

	rx_open(rx, 0, 32);
	q = rx_open(rx, 1, 16);
	rx->wire->ends[1].pass = no_acks;
	for (unsigned i = 0; i < 4; i++)
		many(q, NVME_CMD_READ, 8);
	g_assert_cmpuint(q->responses->len, <, 1 + 32);
	g_assert_cmpuint(stats_of(rx).pending_free_request, ==, 0);
	many(q, NVME_CMD_READ, 5);
	g_assert_cmpuint(q->responses->len, <, 1 + 32);
	g_assert_cmpuint(stats_of(rx).pending_free_request, ==, 5);
	rx->wire->ends[1].pass = NULL;
	rx_time(rx, UINT64_C(3000000000));
	g_assert_cmpuint(q->responses->len, ==, 1 + 37);
	g_assert_cmpuint(stats_of(rx).pending_free_request, ==, 5);
	rx_free(rx);
}

/* --- receives run short: nobody is starved -------------------------------------------------- */

static bool no_read_responses(struct wire_end *end, const struct wire_packet *p, void *user)
{
	(void)end;
	(void)user;
	return p->bytes[0] < 0x0d || p->bytes[0] > 0x10;
}

/* One whose commands wait for data that it never sends; another one works all the same. */
static void test_fair(void)
{
	struct rx_options o;
	struct rx_queue *bad, *good;
	struct nvme_cmd cmd;
	struct rx *rx;

	rx_options_default(&o);
	o.transport.max_srq_depth = 64;
	o.buf_limit = 4u << 20;
	rx = rx_new(&o);
	rx_open(rx, 0, 32);
	good = rx_open(rx, 1, 32);
	bad = rx_open(rx, 2, 64);
	rx->wire->ends[1].pass = no_read_responses;
	for (unsigned i = 0; i < 64; i++) {
		cmd = rx_rw(rx, NVME_CMD_WRITE, 1, 0, 256, 0);
		rx_post(bad, &cmd, NULL, 0);
	}
	rx_run(rx);
	g_assert_cmpuint(bad->responses->len, ==, 1);
	for (unsigned i = 0; i < 100; i++) {
		cmd = rx_rw(rx, NVME_CMD_READ, 1, 0, 8, 0);
		g_assert_cmphex(rx_exec(good, &cmd, NULL, 0), ==, NVME_SUCCESS);
	}
	rx->wire->ends[1].pass = NULL;
	rx_time(rx, UINT64_C(3000000000));
	g_assert_cmpuint(bad->responses->len, ==, 65);
	rx_free(rx);
}

static void count_mark(struct hw_faults *faults, const char *name)
{
	(void)faults;
	if (g_str_equal(name, "rdma.greedy"))
		greedy++;
}

static bool never(struct hw_faults *faults, const char *name)
{
	(void)faults;
	(void)name;
	return false;
}

static struct nvme_cmd in_capsule(struct rx *rx, uint64_t lba)
{
	struct nvme_cmd cmd = rx_rw(rx, NVME_CMD_WRITE, 3, lba, 1, 0);

	memset(&cmd.sgl, 0, sizeof(cmd.sgl));
	cmd.sgl.type = NVME_SGL_OFFSET;
	cmd.sgl.length = 512;
	return cmd;
}

/*
 * Data in capsules of one connection fills most of the receives (a delayed bdev keeps
 * it): what comes then is moved out of them, and written all the same.
 */
static void test_greedy(void)
{
	static const uint64_t slow[BDEV_LATENCY_COUNT] = { 1000000, 1000000, 1000000, 1000000 };
	struct hw_faults faults = { .hit = never, .mark = count_mark };
	struct rx_options o;
	struct rx_queue *q, *other;
	struct nvme_cmd cmd;
	uint8_t data[512];
	GError *error = NULL;
	struct rx *rx;

	rx_options_default(&o);
	o.transport.max_srq_depth = 64;
	rx = rx_new(&o);
	rx->target_hw->hw.faults = &faults;
	bdev_malloc_create(rx->bdevs, "Base", RX_BLOCKS, 512, NULL, &error);
	g_assert_no_error(error);
	g_assert_nonnull(bdev_delay_create(rx->bdevs, "Slow", "Base", slow, NULL, &error));
	rx_add_ns(rx, 3, "Slow");
	rx_open(rx, 0, 32);
	q = rx_open(rx, 1, 64);
	other = rx_open(rx, 2, 32);
	greedy = 0;
	for (unsigned i = 0; i < 60; i++) {
		rx_fill(data, sizeof(data), i);
		cmd = in_capsule(rx, i);
		rx_post(q, &cmd, data, sizeof(data));
	}
	rx_run(rx);
	g_assert_cmpuint(q->responses->len, ==, 1);
	g_assert_cmpuint(greedy, >, 0);
	cmd = rx_rw(rx, NVME_CMD_READ, 1, 0, 8, 0);
	g_assert_cmphex(rx_exec(other, &cmd, NULL, 0), ==, NVME_SUCCESS);
	rx_time(rx, 3000000000);
	g_assert_cmpuint(q->responses->len, ==, 61);
	for (unsigned i = 0; i < 60; i++) {
		cmd = rx_rw(rx, NVME_CMD_READ, 3, i, 1, 0);
		rx_post(q, &cmd, NULL, 0);
		rx_time(rx, 1100000000);
		rx_fill(data, sizeof(data), i);
		g_assert_cmpmem(rx->area, 512, data, 512);
	}
	rx->target_hw->hw.faults = NULL;
	rx_free(rx);
}

/* --- devices and addresses -------------------------------------------------------------------- */

static bool connects(struct rx *rx)
{
	struct rx_queue *q = rx_connect(rx, 0, 32);
	bool ok = q->established;

	rx_queue_free(q);
	rx_time(rx, UINT64_C(2000000000));
	return ok;
}

/* The device is pulled out: connections end, all of it is given back, shutdown works. */
static void test_removal(void)
{
	struct rx *rx = rx_new(NULL);
	struct rdma_transport *rt = rdma_transport_of(rx->transport);

	rx_open(rx, 0, 32);
	rx_open(rx, 1, 32);
	g_assert_cmpuint(rx_connections(rx), ==, 2);
	roce_soft_remove(rx->target_rnic);
	rx_time(rx, UINT64_C(5000000000));
	g_assert_cmpuint(rx_connections(rx), ==, 0);
	g_assert_null(rt->devs);
	rx_free(rx);
}

static void expect_done(void *arg, const GError *error)
{
	g_assert_no_error(error);
	*(bool *)arg = true;
}

/* A listener that was taken away is not there any more, and can be made again. */
static void test_relisten(void)
{
	struct rx *rx = rx_new(NULL);
	struct nvmf_trid trid;
	struct rx_queue *q;
	bool done = false;

	g_assert_true(connects(rx));
	g_assert_true(nvmf_trid_parse(&trid, "RDMA", NULL, RX_TARGET, RX_PORT, NULL));
	nvmf_subsystem_remove_listener(rx->subsystem, &trid, expect_done, &done);
	rx_run(rx);
	g_assert_true(done);
	q = rx_connect(rx, 0, 32);
	g_assert_cmpint(q->reject, ==, RNIC_REJ_INVALID_SERVICE_ID);
	rx_queue_free(q);
	g_assert_true(nvmf_subsystem_add_listener(rx->subsystem, &trid, NULL));
	g_assert_true(connects(rx));
	rx_free(rx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rdma/control/no-rnic", test_no_rnic);
	g_test_add_func("/rdma/control/listen", test_listen);
	g_test_add_func("/rdma/control/discovery", test_discovery);
	g_test_add_data_func("/rdma/control/identify/4096", GUINT_TO_POINTER(4096), test_identify);
	g_test_add_data_func("/rdma/control/identify/64", GUINT_TO_POINTER(64), test_identify);
	g_test_add_data_func("/rdma/control/identify/0", GUINT_TO_POINTER(0), test_identify);
	g_test_add_data_func("/rdma/control/stats/chains", NULL, test_stats);
	g_test_add_data_func("/rdma/control/stats/no-wr-batching", "no", test_stats);
	g_test_add_data_func("/rdma/control/waiting/slot", "one", test_waiting);
	g_test_add_data_func("/rdma/control/waiting/read", NULL, test_waiting);
	g_test_add_func("/rdma/control/waiting/request", test_waiting_request);
	g_test_add_func("/rdma/control/fair", test_fair);
	g_test_add_func("/rdma/control/greedy", test_greedy);
	g_test_add_func("/rdma/control/removal", test_removal);
	g_test_add_func("/rdma/control/relisten", test_relisten);
	return g_test_run();
}
