/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Subsystems as hosts meet them: controller ids and their range, many
 * controllers, a host that comes back while its old controller is still there,
 * hosts that lose their permission.
 */
#include <string.h>

#include "target/core/error.h"
#include "tests/unit/nvmf/fixture.h"

#define NQN_A "nqn.2024-01.org.example:aaa"
#define OTHER_HOST "nqn.2024-01.org.example:other-host"
#define MANY 1024

static struct nvmf_subsystem *create(struct fx *fx, uint16_t min, uint16_t max)
{
	const struct nvmf_subsystem_options options = {
		.nqn = NQN_A, .allow_any_host = true, .min_cntlid = min, .max_cntlid = max
	};
	struct nvmf_subsystem *s = nvmf_subsystem_create(fx->tgt, &options, NULL);

	fx_listen(s, "127.0.0.1", "4420");
	fx_run(fx);
	return s;
}

static void count(void *arg, const GError *error)
{
	g_assert_no_error(error);
	++*(unsigned *)arg;
}

/* All ids of the range are used, then it is busy, which a host may try again. */
static void test_cntlid_range(void)
{
	struct fx *fx = fx_new(2);
	struct fx_queue *q[4] = { NULL };

	create(fx, 100, 102);
	for (unsigned i = 0; i < 3; i++) {
		g_assert_cmphex(fx_connect_as(fx, &q[i], 0, NQN_A, FX_HOST), ==, NVME_SUCCESS);
		g_assert_cmpuint(q[i]->q.ctrlr->cntlid, ==, 100 + i);
	}
	g_assert_cmphex(fx_connect_as(fx, &q[3], 0, NQN_A, FX_HOST), ==, NVME_SC_CONNECT_BUSY);
	fx_drop(q[1]);
	g_assert_null(q[1]);
	g_assert_cmphex(fx_connect_as(fx, &q[3], 0, NQN_A, OTHER_HOST), ==, NVME_SUCCESS);
	g_assert_cmpuint(q[3]->q.ctrlr->cntlid, ==, 101);
	fx_free(fx);
}

static void test_many_controllers(void)
{
	struct fx *fx = fx_new(3);
	struct nvmf_subsystem *s = create(fx, 0, 0);
	g_autofree struct fx_queue **q = g_new0(struct fx_queue *, MANY);
	g_autofree bool *seen = g_new0(bool, 0x10000);
	unsigned gone = 0;

	for (unsigned i = 0; i < MANY; i++) {
		g_assert_cmphex(fx_connect_as(fx, &q[i], 0, NQN_A, i % 2 ? FX_HOST : OTHER_HOST),
				==, NVME_SUCCESS);
		g_assert_false(seen[q[i]->q.ctrlr->cntlid]);
		seen[q[i]->q.ctrlr->cntlid] = true;
	}
	nvmf_subsystem_remove_host(s, OTHER_HOST, count, &gone);
	fx_run(fx);
	g_assert_cmpuint(gone, ==, 1);
	for (unsigned i = 0; i < MANY; i++)
		g_assert_true((q[i] != NULL) == (i % 2));
	fx_free(fx);
}

/*
 * A host whose connection broke comes back at once. Its old controller has I/O
 * outstanding, so it is there as long as the I/O is: nobody says duplicate, and
 * the end of the old one does not touch the new.
 */
static void test_reconnect(void)
{
	struct nvme_cmd cmd = fx_cmd(NVME_CMD_FLUSH, 1, 0, 0);
	struct fx *fx = fx_new(3);
	struct fx_queue *old = NULL, *old_io = NULL, *new = NULL, *io = NULL;
	struct fx_req *r;
	uint16_t id;

	fx_add_ns(fx, 1, 1024, 512);
	g_assert_cmphex(fx_connect_as(fx, &old, 0, FX_NQN, FX_HOST), ==, NVME_SUCCESS);
	g_assert_cmphex(fx_connect_io_as(old, &old_io, 1), ==, NVME_SUCCESS);
	id = old->q.ctrlr->cntlid;
	r = fx_send(old_io, &cmd, NVME_XFER_NONE, NULL, 0);
	nvmf_qpair_kill(&old_io->q);
	nvmf_qpair_kill(&old->q);
	/* Nothing of that has run yet when the new Connect is decided. */
	g_assert_cmphex(fx_connect_as(fx, &new, 0, FX_NQN, FX_HOST), ==, NVME_SUCCESS);
	g_assert_cmpuint(new->q.ctrlr->cntlid, !=, id);
	g_assert_cmphex(fx_connect_io_as(new, &io, 1), ==, NVME_SUCCESS);
	g_assert_null(old);
	g_assert_null(old_io);
	fx_req_free(r);
	r = fx_exec_on(io, &cmd, NVME_XFER_NONE, NULL, 0);
	assert_status(r, NVME_SUCCESS);
	fx_req_free(r);
	fx_free(fx);
}

static void test_allowed(void)
{
	struct fx *fx = fx_new(2);
	struct nvmf_subsystem *s = fx->subsystem;
	struct fx_queue *q = NULL;
	unsigned gone = 0;
	GError *error = NULL;

	nvmf_subsystem_allow_any_host(s, false, &error);
	g_assert_no_error(error);
	g_assert_cmphex(fx_connect_as(fx, &q, 0, FX_NQN, FX_HOST), ==,
			NVME_SC_CONNECT_INVALID_HOST);
	nvmf_subsystem_add_host(s, FX_HOST, &error);
	nvmf_subsystem_add_host(s, FX_HOST, &error); /* is so */
	g_assert_no_error(error);
	g_assert_cmpuint(s->hosts->len, ==, 1);
	g_assert_cmphex(fx_connect_as(fx, &q, 0, FX_NQN, OTHER_HOST), ==,
			NVME_SC_CONNECT_INVALID_HOST);
	g_assert_cmphex(fx_connect_as(fx, &q, 0, FX_NQN, FX_HOST), ==, NVME_SUCCESS);
	nvmf_subsystem_remove_host(s, FX_HOST, count, &gone);
	fx_run(fx);
	g_assert_cmpuint(gone, ==, 1);
	g_assert_null(q);
	g_assert_cmphex(fx_connect_as(fx, &q, 0, FX_NQN, FX_HOST), ==,
			NVME_SC_CONNECT_INVALID_HOST);
	g_assert_false(nvmf_subsystem_add_host(s, "nobody", &error));
	g_assert_error(error, WEFT_ERROR, RPC_INVALID_PARAMS);
	g_clear_error(&error);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvmf/subsystem/cntlid-range", test_cntlid_range);
	g_test_add_func("/nvmf/subsystem/many-controllers", test_many_controllers);
	g_test_add_func("/nvmf/subsystem/reconnect", test_reconnect);
	g_test_add_func("/nvmf/subsystem/allowed", test_allowed);
	return g_test_run();
}
