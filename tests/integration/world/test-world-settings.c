/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the administrator sets, as hosts meet it: commands that a transport masks,
 * limits of a subsystem, preferred sizes, retry delays, which reactors take queues,
 * a host that comes twice; and another target that is deleted under its hosts.
 */
#include <string.h>

#include "tests/integration/world/fixture.h"

#define LIMIT (60 * WORLD_SEC)
#define DSM_AD 4

#define CONFIG(bdev_, settings_, transport_, subsystem_)                                           \
	"{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":[" bdev_ "]},"                        \
	"{\"subsystem\":\"nvmf\",\"config\":[" settings_                                           \
	"{\"method\":\"nvmf_create_transport\",\"params\":{\"trtype\":\"TCP\"" transport_ "}},"    \
	"{\"method\":\"nvmf_create_subsystem\",\"params\":{\"nqn\":\"" FX_NQN                      \
	"\",\"allow_any_host\":true" subsystem_ "}},"                                              \
	"{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"nqn\":\"" FX_NQN                      \
	"\",\"namespace\":{\"bdev_name\":\"B\"}}}," LISTEN("4420") "," LISTEN("4421") "]}]}"
#define LISTEN(port_)                                                                              \
	"{\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"nqn\":\"" FX_NQN                \
	"\",\"listen_address\":{\"trtype\":\"TCP\",\"traddr\":\"" FX_ADDR                          \
	"\",\"trsvcid\":\"" port_ "\"}}}"
#define MALLOC                                                                                     \
	"{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"B\",\"num_blocks\":4096,"       \
	"\"block_size\":512,\"optimal_io_boundary\":64}}"

static bool connect_to(struct fx_host *h, const char *port)
{
	struct host_params params;

	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.io_queues = 4;
	g_assert_true(net_addr_parse(&params.addr, FX_ADDR, port, NULL));
	return fx_connect(h, &params);
}

/* --- one command --------------------------------------------------------------------------------
 */

struct command {
	struct host_io io, second;
	struct fx_host *h;
	bool admin, fused;
	struct iovec iov;
	uint8_t data[4096];
	uint16_t left;
};

static void command_done(struct host_io *io)
{
	((struct command *)io)->left--;
}

static void second_done(struct host_io *io)
{
	((struct command *)((char *)io - offsetof(struct command, second)))->left--;
}

static void command_start(struct reactor *r, void *arg)
{
	struct command *c = arg;
	struct host_qpair *q = host_ctrlr_qpair(c->h->ctrlr, 0);

	(void)r;
	if (c->fused)
		g_assert_cmpint(host_compare_and_write(q, &c->io, &c->second), ==, 0);
	else if (c->admin)
		g_assert_cmpint(host_admin(c->h->ctrlr, &c->io), ==, 0);
	else
		g_assert_cmpint(host_submit(q, &c->io), ==, 0);
}

static bool command_runs(void *arg)
{
	return ((struct command *)arg)->left > 0;
}

static void run(struct command *c)
{
	c->left = c->fused ? 2 : 1;
	core_call(core_main(c->h->core), command_start, c);
	g_assert_true(world_run_while(c->h->fx->world, command_runs, c, LIMIT));
}

static struct command *command_new(struct fx_host *h, uint8_t opcode, size_t len)
{
	struct command *c = g_new0(struct command, 1);

	c->h = h;
	c->iov = (struct iovec){ c->data, len };
	c->io.done = command_done;
	c->second.done = second_done;
	c->io.iov = c->second.iov = &c->iov;
	c->io.niov = c->second.niov = len > 0;
	c->io.nsid = c->second.nsid = 1;
	c->io.blocks = c->second.blocks = 1;
	c->io.cmd = (struct nvme_cmd){ .opcode = opcode, .nsid = 1 };
	return c;
}

/* The status of an I/O command with these last dwords, and len bytes of data that are all zero. */
static uint16_t io(struct fx_host *h, uint8_t opcode, uint32_t cdw11, uint32_t cdw12, size_t len)
{
	g_autofree struct command *c = command_new(h, opcode, len);

	c->io.cmd.cdw11 = cdw11;
	c->io.cmd.cdw12 = cdw12;
	run(c);
	return c->io.status;
}

/* Dataset Management: one range of so many blocks, to be deallocated. */
static uint16_t deallocate(struct fx_host *h, uint32_t blocks)
{
	g_autofree struct command *c = command_new(h, NVME_CMD_DSM, sizeof(struct nvme_dsm_range));
	const struct nvme_dsm_range range = { .blocks = blocks };

	memcpy(c->data, &range, sizeof(range));
	c->io.cmd.cdw11 = DSM_AD;
	run(c);
	return c->io.status;
}

/* An Identify page, or (log) the commands supported and effects. Caller frees. */
static struct command *page(struct fx_host *h, bool log, uint8_t cns, uint32_t nsid)
{
	struct command *c = command_new(h, log ? 0x02 : 0x06, sizeof(c->data));

	c->admin = true;
	c->io.cmd.nsid = nsid;
	c->io.cmd.cdw10 = log ? 0x05 | 1023u << 16 : cns;
	run(c);
	g_assert_cmphex(c->io.status, ==, NVME_SUCCESS);
	return c;
}

/* --- masks and limits ---------------------------------------------------------------------------
 */

#define OPCODE (NVME_SC_INVALID_OPCODE | NVME_DNR)
#define FIELD (NVME_SC_INVALID_FIELD | NVME_DNR)

static void test_masks(void)
{
	struct fx *fx = fx_new(1, 2);
	struct fx_host *h = fx_host_new(fx, 1);
	g_autofree struct command *log = NULL, *fused = NULL;
	const struct nvme_effects_log *effects;
	const struct nvme_id_ctrlr *id;

	fx_config(fx, CONFIG(MALLOC, "",
			     ",\"masked_oncs\":[\"nvmcmps\",\"nvmdsmsv\",\"nvmwzsv\",\"reservs\","
			     "\"nvmcpys\"]",
			     ""));
	g_assert_true(connect_to(h, "4420"));
	id = host_ctrlr_identify(h->ctrlr);
	g_assert_cmphex(id->oncs & 0x012d, ==, 0);
	g_assert_cmphex(id->oncs & 0x0080, ==, 0x0080); /* Verify is not masked */
	g_assert_cmphex(id->fuses, ==, 0);
	log = page(h, true, 0, 0);
	effects = (const void *)log->data;
	g_assert_cmphex(effects->io[NVME_CMD_COMPARE], ==, 0);
	g_assert_cmphex(effects->io[NVME_CMD_DSM], ==, 0);
	g_assert_cmphex(effects->io[NVME_CMD_WRITE_ZEROES], ==, 0);
	g_assert_cmphex(effects->io[NVME_CMD_COPY], ==, 0);
	g_assert_cmphex(effects->io[NVME_CMD_VERIFY] & 1, ==, 1);
	g_assert_cmphex(io(h, NVME_CMD_COMPARE, 0, 0, 512), ==, OPCODE);
	g_assert_cmphex(io(h, NVME_CMD_WRITE_ZEROES, 0, 0, 0), ==, OPCODE);
	g_assert_cmphex(io(h, NVME_CMD_COPY, 0, 0, 32), ==, OPCODE);
	g_assert_cmphex(deallocate(h, 1), ==, OPCODE);
	g_assert_cmphex(io(h, NVME_CMD_VERIFY, 0, 0, 0), ==, NVME_SUCCESS);
	g_assert_cmphex(io(h, NVME_CMD_FLUSH, 0, 0, 0), ==, NVME_SUCCESS);
	fused = command_new(h, 0, 512);
	fused->fused = true;
	run(fused);
	g_assert_cmphex(fused->io.status, ==, FIELD);
	g_assert_cmphex(fused->second.status, !=, NVME_SUCCESS);
	fx_free(fx);
}

/* Fused commands alone: Compare is there. */
static void test_no_fused(void)
{
	struct fx *fx = fx_new(2, 2);
	struct fx_host *h = fx_host_new(fx, 1);
	g_autofree struct command *fused = NULL;

	fx_config(fx, CONFIG(MALLOC, "", ",\"masked_fuses\":[\"fcws\"]", ""));
	g_assert_true(connect_to(h, "4420"));
	g_assert_cmphex(host_ctrlr_identify(h->ctrlr)->fuses, ==, 0);
	g_assert_cmphex(host_ctrlr_identify(h->ctrlr)->oncs & 1, ==, 1);
	g_assert_cmphex(io(h, NVME_CMD_COMPARE, 0, 0, 512), ==, NVME_SUCCESS);
	fused = command_new(h, 0, 512);
	fused->fused = true;
	run(fused);
	g_assert_cmphex(fused->io.status, ==, FIELD);
	fx_free(fx);
}

static void test_limits(void)
{
	struct fx *fx = fx_new(3, 2);
	struct fx_host *h = fx_host_new(fx, 1);
	g_autofree struct command *limits = NULL, *ns = NULL;
	const struct nvme_id_ctrlr_nvm *nvm;
	const struct nvme_id_ctrlr *id;

	fx_config(fx, CONFIG(MALLOC,
			     "{\"method\":\"nvmf_set_crdt\",\"params\":{\"crdt1\":10,\"crdt2\":20,"
			     "\"crdt3\":30}},",
			     "", ",\"dmrsl\":100,\"wzsl\":1"));
	g_assert_true(connect_to(h, "4420"));
	id = host_ctrlr_identify(h->ctrlr);
	g_assert_cmpuint(id->crdt1, ==, 10);
	g_assert_cmpuint(id->crdt2, ==, 20);
	g_assert_cmpuint(id->crdt3, ==, 30);
	limits = page(h, false, 0x06, 0);
	nvm = (const void *)limits->data;
	g_assert_cmpuint(nvm->wzsl, ==, 1);
	g_assert_cmpuint(nvm->dmrsl, ==, 100);
	g_assert_cmphex(io(h, NVME_CMD_WRITE_ZEROES, 0, 15, 0), ==, NVME_SUCCESS); /* 8 KiB */
	g_assert_cmphex(io(h, NVME_CMD_WRITE_ZEROES, 0, 16, 0), ==, FIELD);
	g_assert_cmphex(deallocate(h, 100), ==, NVME_SUCCESS);
	g_assert_cmphex(deallocate(h, 101), ==, NVME_SC_COMMAND_SIZE_LIMIT | NVME_DNR);
	ns = page(h, false, 0x00, 1);
	g_assert_cmpuint(((const struct nvme_id_ns *)(const void *)ns->data)->noiob, ==, 64);
	fx_free(fx);
}

static void test_preferred(void)
{
	struct fx *fx = fx_new(4, 1);
	struct fx_host *h = fx_host_new(fx, 1);
	g_autofree struct command *c = NULL;
	const struct nvme_id_ns *ns;

	fx_config(fx, CONFIG("{\"method\":\"bdev_null_create\",\"params\":{\"name\":\"B\","
			     "\"num_blocks\":4096,\"block_size\":512,"
			     "\"preferred_write_granularity\":16,\"preferred_write_alignment\":8,"
			     "\"optimal_write_size\":64,\"preferred_unmap_granularity\":65536}}",
			     "", "", ""));
	g_assert_true(connect_to(h, "4420"));
	c = page(h, false, 0x00, 1);
	ns = (const void *)c->data;
	g_assert_cmphex(ns->nsfeat & 0x10, ==, 0x10);
	g_assert_cmpuint(ns->npwg, ==, 15);
	g_assert_cmpuint(ns->npwa, ==, 7);
	g_assert_cmpuint(ns->nows, ==, 63);
	g_assert_cmpuint(ns->npdg, ==, 65535);
	g_assert_cmpuint(ns->npda, ==, 0);
	fx_free(fx);
}

/* --- who comes, and where to
 * ------------------------------------------------------------------------ */

static void test_twice(void)
{
	struct fx *fx = fx_new(5, 2);
	struct fx_host *one = fx_host_new(fx, 1), *same = fx_host_new(fx, 1);
	struct fx_host *other_port = fx_host_new(fx, 1);

	fx_config(fx, CONFIG(MALLOC,
			     "{\"method\":\"nvmf_set_config\",\"params\":{\"dup_host_policy\":"
			     "\"restrict_per_listener\"}},",
			     "", ""));
	/* The fixture gives each its own NQN and ID: here they are one. */
	same->index = other_port->index = one->index;
	g_assert_true(connect_to(one, "4420"));
	g_assert_false(connect_to(same, "4420"));
	g_assert_nonnull(same->error);
	g_assert_true(connect_to(other_port, "4421"));
	fx_disconnect(one);
	g_assert_true(connect_to(same, "4420"));
	fx_free(fx);
}

struct placed {
	unsigned on[4];
	bool done;
};

static void count_placed(void *arg, const struct nvmf_group_stats *stats, unsigned n)
{
	struct placed *p = arg;

	for (unsigned i = 0; i < n; i++)
		p->on[i] = stats[i].current_admin_qpairs + stats[i].current_io_qpairs;
	p->done = true;
}

static bool not_counted(void *arg)
{
	return !((struct placed *)arg)->done;
}

static void ask_placed(struct reactor *r, void *arg)
{
	struct fx *fx = ((void **)arg)[0];

	(void)r;
	nvmf_get_stats(fx->target->nvmf, count_placed, ((void **)arg)[1]);
}

static void test_homes(void)
{
	struct fx *fx = fx_new(6, 4);
	struct fx_host *h = fx_host_new(fx, 1);
	struct placed placed = { 0 };
	void *args[] = { fx, &placed };

	fx_config(fx, CONFIG(MALLOC,
			     "{\"method\":\"nvmf_set_config\",\"params\":{\"poll_groups_mask\":"
			     "\"[1,3]\"}},",
			     "", ""));
	g_assert_true(connect_to(h, "4420"));
	core_call(core_main(fx->target->core), ask_placed, args);
	g_assert_true(world_run_while(fx->world, not_counted, &placed, LIMIT));
	g_assert_cmpuint(placed.on[0], ==, 0);
	g_assert_cmpuint(placed.on[2], ==, 0);
	g_assert_cmpuint(placed.on[1] + placed.on[3], ==, 5);
	g_assert_cmpuint(placed.on[1], >, 0);
	g_assert_cmpuint(placed.on[3], >, 0);
	g_assert_cmphex(io(h, NVME_CMD_FLUSH, 0, 0, 0), ==, NVME_SUCCESS);
	fx_free(fx);
}

/* --- write protection
 * ---------------------------------------------------------------------------------- */

static void resumed(void *arg)
{
	(void)arg;
}

static void start(struct command *c)
{
	c->left = 1;
	core_call(core_main(c->h->core), command_start, c);
}

static void resume(struct reactor *r, void *arg)
{
	(void)r;
	bdev_error_resume(arg, resumed, NULL);
}

/* It is answered when a write that came before has ended, and then no other is done. */
static void test_protect(void)
{
	struct fx *fx = fx_new(8, 2);
	struct fx_host *h = fx_host_new(fx, 1);
	const struct bdev_injection pending = { .type = BDEV_ERROR_PENDING,
						.ops = 1u << BDEV_WRITE,
						.num = 1 };
	g_autofree struct command *write = NULL, *protect = NULL;
	struct bdev *bdev;

	fx_config(fx, CONFIG("{\"method\":\"bdev_malloc_create\",\"params\":{\"name\":\"x\","
			     "\"num_blocks\":64,\"block_size\":512,\"uuid\":"
			     "\"d5ea6df9-fc80-4750-a361-ae6b3abf1ef1\"}},{\"method\":"
			     "\"bdev_error_create\",\"params\":{\"base_name\":\"x\"}},{\"method\":"
			     "\"bdev_passthru_create\",\"params\":{\"name\":\"B\","
			     "\"base_bdev_name\":\"EE_x\"}}",
			     "", "", ""));
	g_assert_true(connect_to(h, "4420"));
	bdev = bdev_find(fx->target->bdevs, "EE_x");
	g_assert_true(bdev_error_inject(bdev, &pending, NULL));
	write = command_new(h, NVME_CMD_WRITE, 512);
	protect = command_new(h, 0x09, 0);
	protect->admin = true;
	protect->io.cmd.cdw10 = 0x84;
	protect->io.cmd.cdw11 = 1;
	start(write);
	world_run_for(fx->world, WORLD_SEC);
	start(protect);
	world_run_for(fx->world, WORLD_SEC);
	g_assert_cmpuint(write->left, ==, 1);
	g_assert_cmpuint(protect->left, ==, 1);
	core_call(core_main(fx->target->core), resume, bdev);
	g_assert_true(world_run_while(fx->world, command_runs, protect, LIMIT));
	g_assert_cmpuint(write->left, ==, 0);
	g_assert_cmphex(write->io.status, ==, NVME_SUCCESS);
	g_assert_cmphex(protect->io.status, ==, NVME_SUCCESS);
	g_assert_cmphex(io(h, NVME_CMD_WRITE_ZEROES, 0, 0, 0), ==,
			NVME_SC_NS_WRITE_PROTECTED | NVME_DNR);
	g_assert_true(
		nvmf_ns_write_protected(nvmf_subsystem_find(fx->target->nvmf, FX_NQN)->nss[0]));
	fx_free(fx);
}

/* --- another target
 * ------------------------------------------------------------------------------------ */

/* clang-format off */
static const char two_targets[] =
	"{\"subsystems\":[{\"subsystem\":\"bdev\",\"config\":[" MALLOC "]},"
	"{\"subsystem\":\"nvmf\",\"config\":["
	"{\"method\":\"nvmf_create_target\",\"params\":{\"name\":\"two\"}},"
	"{\"method\":\"nvmf_create_transport\",\"params\":{\"tgt_name\":\"two\",\"trtype\":\"TCP\"}},"
	"{\"method\":\"nvmf_create_subsystem\",\"params\":{\"tgt_name\":\"two\",\"nqn\":\"" FX_NQN
	"\",\"allow_any_host\":true}},"
	"{\"method\":\"nvmf_subsystem_add_ns\",\"params\":{\"tgt_name\":\"two\",\"nqn\":\"" FX_NQN
	"\",\"namespace\":{\"bdev_name\":\"B\"}}},"
	"{\"method\":\"nvmf_subsystem_add_listener\",\"params\":{\"tgt_name\":\"two\",\"nqn\":\"" FX_NQN
	"\",\"listen_address\":{\"trtype\":\"TCP\",\"traddr\":\"" FX_ADDR
	"\",\"trsvcid\":\"4420\"}}}]}]}";
/* clang-format on */

/* Deleted while a host is connected, or (arg) shut down with the rest. */
static void test_second(const void *arg)
{
	struct fx *fx = fx_new(7, 3);
	struct fx_host *h = fx_host_new(fx, 1);
	struct nvmf_tgt *two;

	fx_config(fx, two_targets);
	two = nvmf_tgt_nth(fx->target->nvmf, 1);
	g_assert_cmpstr(nvmf_tgt_name(two), ==, "two");
	g_assert_true(connect_to(h, "4420"));
	g_assert_cmphex(io(h, NVME_CMD_VERIFY, 0, 0, 0), ==, NVME_SUCCESS);
	if (!arg) {
		fx_begin(fx);
		nvmf_tgt_delete(two, fx_done, fx);
		g_assert_null(nvmf_tgt_nth(fx->target->nvmf, 1));
		fx_wait(fx, LIMIT);
		g_assert_false(bdev_is_claimed(bdev_find(fx->target->bdevs, "B")));
	}
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/world/settings/masks", test_masks);
	g_test_add_func("/world/settings/no-fused", test_no_fused);
	g_test_add_func("/world/settings/limits", test_limits);
	g_test_add_func("/world/settings/preferred", test_preferred);
	g_test_add_func("/world/settings/twice", test_twice);
	g_test_add_func("/world/settings/homes", test_homes);
	g_test_add_func("/world/settings/protect", test_protect);
	g_test_add_data_func("/world/settings/second-deleted", NULL, test_second);
	g_test_add_data_func("/world/settings/second-shut-down", "", test_second);
	return g_test_run();
}
