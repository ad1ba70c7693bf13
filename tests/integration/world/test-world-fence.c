/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No ghost writes: when a path, or a host's view of a namespace, has been closed
 * and that has been answered, no write that came through it before reaches the
 * backend any more. Two hosts, each with a listener and half of a namespace of its
 * own, write; the backend takes a while; what is in it is compared from then on.
 * The other host, and the call itself, must not wait for anything else.
 */
#include <string.h>

#include "target/nvmf/fence.h"
#include "target/nvmf/tgt.h"
#include "tests/integration/world/fixture.h"

#define BLOCKS 2048
#define HALF (BLOCKS / 2)
#define SLOTS 16
#define MOST 32 /* blocks of a write */
#define LATENCY (3 * WORLD_MS)
#define WORST (9 * WORLD_MS) /* one in a hundred */
/* A delay comes after the write, the limit of the malloc bdev before it. */
#define SEEDS 9

/* Ways to close the path of host 0. */
enum how { INACCESSIBLE, LOSS, CHANGE, ONE_GROUP, FLAP, OTHER_GROUP, HIDE, HOST, LISTENER, WAYS };

static const char *const names[] = { "inaccessible", "loss", "change", "one-group", "flap",
				     "other-group",  "hide", "host",   "listener" };

struct slot {
	struct host_io io;
	struct writer *writer;
	struct host_qpair *q;
	struct iovec iov;
};

struct writer {
	struct fx *fx;
	struct world_rng rng;
	unsigned host, outstanding, good, refused;
	uint32_t stamp;
	bool stop;
	struct slot slots[SLOTS];
};

struct rig {
	struct fx *fx;
	struct writer *writers[2];
	struct bdev_desc *desc;
	struct bdev_channel *channel;
	struct bdev_io io; /* holds the memory of the backend */
};

/* --- writes ------------------------------------------------------------------------------- */

static bool path_status(uint16_t status)
{
	return status == NVME_SC_ANA_INACCESSIBLE || status == NVME_SC_ANA_PERSISTENT_LOSS ||
	       status == NVME_SC_ANA_TRANSITION || status == (NVME_SC_INVALID_NS | NVME_DNR);
}

static void write_next(struct slot *slot);

static void written(struct host_io *io)
{
	struct slot *slot = (struct slot *)io;
	struct writer *w = slot->writer;

	w->outstanding--;
	if (io->status == NVME_SUCCESS)
		w->good++;
	else if (path_status(io->status))
		w->refused++;
	else
		w->stop = true;
	write_next(slot);
}

static void write_next(struct slot *slot)
{
	struct writer *w = slot->writer;
	uint32_t *words = slot->iov.iov_base;
	uint32_t blocks = (uint32_t)world_rng_range(&w->rng, 1, MOST);

	if (w->stop)
		return;
	w->stamp++;
	for (uint32_t i = 0; i < blocks * 128; i++)
		words[i] = w->stamp << 1 | w->host;
	slot->iov.iov_len = (size_t)blocks * 512;
	slot->io = (struct host_io){
		.done = written,
		.iov = &slot->iov,
		.niov = 1,
		.nsid = 1,
		.lba = w->host * HALF + world_rng_below(&w->rng, HALF - MOST),
		.blocks = blocks,
	};
	if (host_write(slot->q, &slot->io) == 0)
		w->outstanding++;
	else
		w->stop = true;
}

static struct writer *writer_start(struct fx *fx, unsigned host)
{
	struct writer *w = g_new0(struct writer, 1);
	struct host_ctrlr *c = fx->hosts[host]->ctrlr;

	w->fx = fx;
	w->host = host;
	world_rng_init(fx->world, &w->rng, host == 0 ? "writer0" : "writer1");
	for (unsigned i = 0; i < SLOTS; i++) {
		w->slots[i].writer = w;
		w->slots[i].q = host_ctrlr_qpair(c, i % host_ctrlr_qpairs(c));
		w->slots[i].iov.iov_base = g_malloc0(MOST * 512);
		write_next(&w->slots[i]);
	}
	return w;
}

static bool writing(void *arg)
{
	return ((struct writer *)arg)->outstanding > 0;
}

static void writer_free(struct writer *w)
{
	w->stop = true;
	g_assert_true(world_run_while(w->fx->world, writing, w, 60 * WORLD_SEC));
	for (unsigned i = 0; i < SLOTS; i++)
		g_free(w->slots[i].iov.iov_base);
	g_free(w);
}

/* --- a target with a slow backend ---------------------------------------------------------- */

static void configure(struct fx *fx)
{
#define LISTENER_JSON(port_)                                                                       \
	"{\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" FX_NQN                \
	"\",\"listen_address\":{\"trtype\":\"TCP\",\"traddr\":\"" FX_ADDR                          \
	"\",\"trsvcid\":\"" port_ "\"}}}"
#define SEES_JSON(method_, host_)                                                                  \
	"{\"method\":\"" method_ "\",\"params\":{\"nqn\":\"" FX_NQN "\"," host_ "}}"
#define HOST_JSON(n_)                                                                              \
	"\"host\":\"nqn.2014-08.org.nvmexpress:uuid:00000000-0000-4000-8000-00000000000" n_ "\""
	fx_config(fx, "{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":["
		      "{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"M\","
		      "\"num_blocks\":2048,\"block_size\":512}},"
		      "{\"method\":\"bdev_delay_create\",\"params\":{\"name\":\"D\","
		      "\"base_bdev_name\":\"M\",\"avg_read_latency\":0,\"p99_read_latency\":0,"
		      "\"avg_write_latency\":3000,\"p99_write_latency\":9000}},"
		      "{\"method\":\"bdev_set_qos_limit\",\"params\":{\"name\":\"M\","
		      "\"rw_ios_per_sec\":4000}}]},"
		      "{\"subsystem\":\"nvmf\",\"config\":["
		      "{\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"TCP\"}},"
		      "{\"method\":\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" FX_NQN "\","
		      "\"allow_any_host\":false,\"ana_reporting\":true,\"max_namespaces\":4}},"
		      "{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN "\","
		      "\"namespace\":{\"bdev_name\":\"D\",\"no_auto_visible\":true}}}," SEES_JSON("nvmf_subsystem_add_host", HOST_JSON("0")) "," SEES_JSON(
			      "nvmf_subsystem_add_host",
			      HOST_JSON(
				      "1")) "," SEES_JSON("nvmf_ns_add_host",
							  "\"nsid\":1," HOST_JSON(
								  "0")) "," SEES_JSON("nvmf_ns_add_"
										      "host",
										      "\"nsid\":"
										      "1"
										      "," HOST_JSON(
											      "1")) "," LISTENER_JSON("4420") "," LISTENER_JSON("4421") "]}]}");
}

static void connect_host(struct fx *fx, const char *port)
{
	struct fx_host *h = fx_host_new(fx, 2);
	struct host_params params;

	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.io_queues = 3;
	g_assert_true(net_addr_parse(&params.addr, FX_ADDR, port, NULL));
	g_assert_true(fx_connect(h, &params));
}

static void nothing(struct bdev_io *io)
{
	g_assert_cmphex(io->status, ==, NVME_SUCCESS);
}

static void rig_up(struct rig *rig, uint64_t seed)
{
	struct fx *fx = fx_new(seed, 1 + (unsigned)(seed % 3));

	*rig = (struct rig){ .fx = fx };
	configure(fx);
	connect_host(fx, "4420");
	connect_host(fx, "4421");
	rig->desc = bdev_open(fx->target->bdevs, "M", false, NULL, NULL, NULL);
	rig->channel = bdev_channel_get(bdev_desc_bdev(rig->desc), core_main(fx->target->core));
	rig->io = (struct bdev_io){ .channel = rig->channel,
				    .done = nothing,
				    .op = BDEV_READ,
				    .flags = BDEV_IO_PLACE,
				    .blocks = BLOCKS };
	bdev_submit(&rig->io);
	for (unsigned i = 0; i < 2; i++)
		rig->writers[i] = writer_start(fx, i);
	world_run_for(fx->world, 20 * WORLD_MS);
	g_assert_cmpuint(rig->io.nplace, ==, 1);
}

static void rig_down(struct rig *rig)
{
	for (unsigned i = 0; i < 2; i++)
		writer_free(rig->writers[i]);
	bdev_io_release(&rig->io);
	bdev_channel_put(rig->channel);
	bdev_close(rig->desc);
	fx_free(rig->fx);
}

static struct nvmf_subsystem *subsystem(struct fx *fx)
{
	return nvmf_subsystem_find(fx->target->nvmf, FX_NQN);
}

static void set_state(struct fx *fx, unsigned host, enum nvme_ana_state state, uint32_t group)
{
	struct nvmf_trid trid;

	g_assert_true(nvmf_trid_parse(&trid, "TCP", NULL, FX_ADDR, host ? "4421" : "4420", NULL));
	fx_begin(fx);
	nvmf_subsystem_set_ana_state(subsystem(fx), &trid, state, group, fx_done, fx);
}

/* --- one way after the other ----------------------------------------------------------------- */

static void close_path(struct fx *fx, enum how how)
{
	struct nvmf_subsystem *s = subsystem(fx);
	struct nvmf_trid trid;

	switch (how) {
	case LOSS:
		set_state(fx, 0, NVME_ANA_PERSISTENT_LOSS, 0);
		break;
	case CHANGE:
		set_state(fx, 0, NVME_ANA_CHANGE, 0);
		break;
	case ONE_GROUP:
		set_state(fx, 0, NVME_ANA_INACCESSIBLE, 1);
		break;
	case OTHER_GROUP:
		set_state(fx, 0, NVME_ANA_INACCESSIBLE, 3);
		fx_begin(fx);
		nvmf_subsystem_set_ns_ana_group(s, 1, 3, fx_done, fx);
		break;
	case HIDE:
		fx_begin(fx);
		nvmf_ns_remove_host(s, 1, fx->hosts[0]->hostnqn, fx_done, fx);
		break;
	case HOST:
		fx_begin(fx);
		nvmf_subsystem_remove_host(s, fx->hosts[0]->hostnqn, fx_done, fx);
		break;
	case LISTENER:
		g_assert_true(nvmf_trid_parse(&trid, "TCP", NULL, FX_ADDR, "4420", NULL));
		fx_begin(fx);
		nvmf_subsystem_remove_listener(s, &trid, fx_done, fx);
		break;
	default:
		set_state(fx, 0, NVME_ANA_INACCESSIBLE, 0);
	}
}

/* What the other host has done meanwhile is more than what it had under way. */
static void check_other(struct rig *rig, unsigned good)
{
	g_assert_cmpuint(rig->writers[1]->refused, ==, 0);
	g_assert_false(rig->writers[1]->stop);
	g_assert_cmpuint(rig->writers[1]->good, >, good + SLOTS);
}

static void check_no_ghost(struct rig *rig)
{
	const void *data = rig->io.place[0].iov_base;
	g_autofree void *before = g_memdup2(data, HALF * 512);
	unsigned good = rig->writers[1]->good;

	world_run_for(rig->fx->world, 3 * WORST);
	g_assert_true(memcmp(before, data, HALF * 512) == 0);
	check_other(rig, good);
}

/* Returns how long the answer took. */
static uint64_t run(uint64_t seed, enum how how)
{
	struct rig rig;
	uint64_t begun, took;

	rig_up(&rig, seed);
	world_run_for(rig.fx->world, seed * 313 * WORLD_US);
	begun = world_now(rig.fx->world);
	close_path(rig.fx, how);
	if (how == FLAP) {
		set_state(rig.fx, 0, NVME_ANA_OPTIMIZED, 0);
		set_state(rig.fx, 0, NVME_ANA_INACCESSIBLE, 0);
	}
	fx_wait(rig.fx, WORLD_SEC);
	took = world_now(rig.fx->world) - begun;
	g_assert_cmpuint(took, <, 4 * WORST);
	check_no_ghost(&rig);
	if (how <= FLAP) {
		unsigned good = rig.writers[0]->good;

		g_assert_cmpuint(rig.writers[0]->refused, >, 0);
		set_state(rig.fx, 0, NVME_ANA_OPTIMIZED, 0);
		fx_wait(rig.fx, WORLD_MS);
		world_run_for(rig.fx->world, 30 * WORLD_MS);
		g_assert_cmpuint(rig.writers[0]->good, >, good);
	}
	rig_down(&rig);
	return took;
}

static void test_way(const void *arg)
{
	enum how how = (enum how)GPOINTER_TO_UINT(arg);
	unsigned waited = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		waited += run(seed, how) > LATENCY / 2;
	/* Else the test tests nothing. What is held back is aborted with its queue. */
	if (how < HOST)
		g_assert_cmpuint(waited, >, SEEDS / 2);
}

/* --- many at once, and the end of what they are about ------------------------------------------
 */

static void any_change(struct fx *fx, struct world_rng *rng)
{
	static const enum nvme_ana_state all[] = { NVME_ANA_OPTIMIZED, NVME_ANA_INACCESSIBLE,
						   NVME_ANA_PERSISTENT_LOSS, NVME_ANA_CHANGE };
	unsigned host = (unsigned)world_rng_below(rng, 2);

	switch (world_rng_below(rng, 6)) {
	case 0:
		fx_begin(fx);
		nvmf_subsystem_set_ns_ana_group(subsystem(fx), 1,
						(uint32_t)world_rng_range(rng, 1, 4), fx_done, fx);
		break;
	case 1:
		fx_begin(fx);
		nvmf_ns_remove_host(subsystem(fx), 1, fx->hosts[host]->hostnqn, fx_done, fx);
		break;
	case 2:
		fx_begin(fx);
		nvmf_ns_add_host(subsystem(fx), 1, fx->hosts[host]->hostnqn, fx_done, fx);
		break;
	default:
		set_state(fx, host, all[world_rng_below(rng, 4)],
			  (uint32_t)world_rng_below(rng, 5));
	}
}

enum end { NS, SUBSYSTEM, BDEV, SHUTDOWN, ENDS };

static void end(struct fx *fx, enum end how)
{
	switch (how) {
	case NS:
		fx_begin(fx);
		nvmf_subsystem_remove_ns(subsystem(fx), 1, fx_done, fx);
		break;
	case SUBSYSTEM:
		fx_begin(fx);
		nvmf_subsystem_delete(subsystem(fx), fx_done, fx);
		break;
	case BDEV:
		bdev_unregister(bdev_find(fx->target->bdevs, "D"), NULL, NULL);
		break;
	default:
		break;
	}
}

static bool has_parts(struct fx *fx)
{
	struct nvmf_tgt *tgt = fx->target->nvmf;

	for (unsigned i = 0; i < fx->target->core->nreactors; i++) {
		const struct nvmf_sgroup *sg =
			g_ptr_array_index(tgt->groups[i]->sgroups, subsystem(fx)->index);

		if (sg->parts != NULL)
			return true;
	}
	return false;
}

static uint64_t storm(uint64_t seed, unsigned *with_parts)
{
	enum end how = (enum end)(seed % ENDS);
	struct world_rng rng;
	struct rig rig;
	uint64_t hash;

	rig_up(&rig, seed);
	world_rng_init(rig.fx->world, &rng, "storm");
	for (unsigned i = 0; i < 40; i++) {
		any_change(rig.fx, &rng);
		world_run_for(rig.fx->world, world_rng_below(&rng, 400 * WORLD_US));
	}
	*with_parts += has_parts(rig.fx);
	bdev_io_release(&rig.io);
	bdev_channel_put(rig.channel);
	bdev_close(rig.desc);
	if (how == SHUTDOWN)
		fx_shutdown(rig.fx);
	else
		end(rig.fx, how);
	fx_wait(rig.fx, WORLD_SEC);
	for (unsigned i = 0; i < 2; i++)
		writer_free(rig.writers[i]);
	hash = fx_free(rig.fx);
	return hash;
}

static void test_storm(void)
{
	unsigned with_parts = 0;

	for (uint64_t seed = 1; seed <= 60; seed++)
		g_assert_cmphex(storm(seed, &with_parts), ==, storm(seed, &with_parts));
	g_assert_cmpuint(with_parts, >, 30);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < WAYS; i++) {
		g_autofree char *path = g_strdup_printf("/world/fence/%s", names[i]);

		g_test_add_data_func(path, GUINT_TO_POINTER(i), test_way);
	}
	g_test_add_func("/world/fence/storm", test_storm);
	return g_test_run();
}
