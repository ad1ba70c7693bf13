/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may see which namespace, and as what: namespaces for chosen hosts,
 * read-only ones, identities that are given once only.
 */
#include <string.h>

#include "target/core/error.h"
#include "tests/unit/nvmf/fixture.h"

#define HOST_A "nqn.2024-01.org.example:host-a"
#define HOST_B "nqn.2024-01.org.example:host-b"
#define NQN_B "nqn.2024-01.org.example:bbb"
#define TOLD 0x00040002u

static void expect_done(void *arg, const GError *error)
{
	g_assert_no_error(error);
	*(bool *)arg = true;
}

static void expect_error(void *arg, const GError *error)
{
	g_assert_nonnull(error);
	g_assert_cmpint(error->code, ==, RPC_INVALID_PARAMS);
	*(char **)arg = g_strdup(weft_error_detail(error));
}

static struct nvmf_ns *add_ns(struct fx *fx, struct nvmf_subsystem *s, struct nvmf_ns_options o)
{
	static const uint8_t none[16];
	bool done = false;
	uint32_t nsid = 0;

	if (bdev_find(fx->bdevs, o.bdev_name) == NULL)
		bdev_null_create(fx->bdevs, o.bdev_name, 1024, 512, NULL, NULL);
	nvmf_subsystem_add_ns(s, &o, &nsid, expect_done, &done);
	fx_run(fx);
	g_assert_true(done);
	g_assert_cmpint(memcmp(s->nss[nsid - 1]->uuid, none, 16), !=, 0);
	g_assert_cmpint(memcmp(s->nss[nsid - 1]->nguid, none, 16), !=, 0);
	return s->nss[nsid - 1];
}

static void show(struct fx *fx, uint32_t nsid, const char *host, bool visible)
{
	bool done = false;

	(visible ? nvmf_ns_add_host : nvmf_ns_remove_host)(fx->subsystem, nsid, host, expect_done,
							   &done);
	fx_run(fx);
	g_assert_true(done);
}

struct host {
	struct fx_queue *admin, *io;
};

static void connect(struct fx *fx, struct host *h, const char *hostnqn)
{
	g_assert_cmphex(fx_connect_as(fx, &h->admin, 0, FX_NQN, hostnqn), ==, NVME_SUCCESS);
	g_assert_cmphex(fx_connect_io_as(h->admin, &h->io, 1), ==, NVME_SUCCESS);
}

static uint16_t io(struct host *h, uint8_t opcode, uint32_t nsid)
{
	static const uint8_t block[512];
	struct nvme_cmd cmd = fx_cmd(opcode, nsid, 0, 0);
	enum nvme_xfer xfer = nvme_cmd_xfer(&cmd);
	struct fx_req *r;
	uint16_t status;

	if (opcode == NVME_CMD_WRITE_ZEROES || opcode == NVME_CMD_FLUSH)
		xfer = NVME_XFER_NONE;
	r = fx_exec_on(h->io, &cmd, xfer, block, xfer == NVME_XFER_NONE ? 0 : sizeof(block));
	status = r->status;
	fx_req_free(r);
	return status;
}

/* What Identify says of nsid is not nothing. */
static bool tells(struct host *h, uint32_t nsid, uint32_t cns)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_IDENTIFY, nsid, cns, 0);
	struct fx_req *r = fx_exec_on(h->admin, &cmd, NVME_XFER_C2H, NULL, 4096);
	bool any = false;

	assert_status(r, NVME_SUCCESS);
	for (unsigned i = 0; i < 4096; i++)
		any = any || r->data[i] != 0;
	fx_req_free(r);
	return any;
}

/* Active namespaces, by list and by each one's own page; all lists and pages agree. */
static uint32_t active(struct host *h)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_IDENTIFY, 0, NVME_CNS_ACTIVE_NS, 0);
	struct fx_req *r = fx_exec_on(h->admin, &cmd, NVME_XFER_C2H, NULL, 4096), *same;
	const uint32_t *list = (const void *)r->data;
	uint32_t seen = 0, pages = 0;

	for (unsigned i = 0; list[i] != 0; i++)
		seen |= 1u << list[i];
	cmd = fx_cmd(NVME_ADMIN_IDENTIFY, 0, NVME_CNS_ALLOCATED_NS_LIST, 0);
	same = fx_exec_on(h->admin, &cmd, NVME_XFER_C2H, NULL, 4096);
	g_assert_cmpmem(r->data, 4096, same->data, 4096);
	fx_req_free(same);
	fx_req_free(r);
	for (uint32_t nsid = 1; nsid <= FX_MAX_NS; nsid++) {
		bool is = seen >> nsid & 1;

		g_assert_cmpint(tells(h, nsid, NVME_CNS_ALLOCATED_NS), ==, is);
		g_assert_cmpint(tells(h, nsid, NVME_CNS_NS_CTRLRS), ==, is);
		cmd = fx_cmd(NVME_ADMIN_IDENTIFY, nsid, NVME_CNS_NS, 0);
		r = fx_exec_on(h->admin, &cmd, NVME_XFER_C2H, NULL, 4096);
		assert_status(r, NVME_SUCCESS);
		if (((const struct nvme_id_ns *)r->data)->nsze != 0)
			pages |= 1u << nsid;
		fx_req_free(r);
		cmd = fx_cmd(NVME_ADMIN_IDENTIFY, nsid, NVME_CNS_NS_DESC, 0);
		r = fx_exec_on(h->admin, &cmd, NVME_XFER_C2H, NULL, 4096);
		g_assert_cmpint(r->status == NVME_SUCCESS, ==, seen >> nsid & 1);
		fx_req_free(r);
	}
	g_assert_cmphex(seen, ==, pages);
	return seen;
}

/* --- chosen hosts -------------------------------------------------------------------------------
 */

static void test_visible(void)
{
	struct fx *fx = fx_new(3);
	struct host a = { 0 }, b = { 0 }, c = { 0 };

	add_ns(fx, fx->subsystem, (struct nvmf_ns_options){ .bdev_name = "N1" });
	add_ns(fx, fx->subsystem,
	       (struct nvmf_ns_options){ .bdev_name = "N2", .no_auto_visible = true });
	show(fx, 2, HOST_A, true);
	connect(fx, &a, HOST_A);
	connect(fx, &b, HOST_B);
	g_assert_cmphex(active(&a), ==, 1 << 1 | 1 << 2);
	g_assert_cmphex(active(&b), ==, 1 << 1);
	g_assert_cmphex(io(&a, NVME_CMD_FLUSH, 2), ==, NVME_SUCCESS);
	g_assert_cmphex(io(&b, NVME_CMD_FLUSH, 2), ==, INVALID_NS);
	g_assert_cmphex(io(&b, NVME_CMD_FLUSH, 1), ==, NVME_SUCCESS);
	show(fx, 2, HOST_B, true);
	show(fx, 2, HOST_A, false);
	g_assert_cmphex(active(&a), ==, 1 << 1);
	g_assert_cmphex(active(&b), ==, 1 << 1 | 1 << 2);
	g_assert_cmphex(io(&a, NVME_CMD_READ, 2), ==, INVALID_NS);
	g_assert_cmphex(io(&a, NVME_CMD_WRITE, 2), ==, INVALID_NS);
	g_assert_cmphex(io(&b, NVME_CMD_WRITE, 2), ==, NVME_SUCCESS);
	/* A second controller of the same host sees the same. */
	connect(fx, &c, HOST_B);
	g_assert_cmphex(active(&c), ==, 1 << 1 | 1 << 2);
	show(fx, 2, HOST_B, false);
	g_assert_cmphex(active(&c) | active(&b), ==, 1 << 1);
	/* Another under the number of a restricted one is not restricted. */
	fx_remove_ns(fx, 2);
	add_ns(fx, fx->subsystem, (struct nvmf_ns_options){ .bdev_name = "N2", .nsid = 2 });
	g_assert_cmphex(active(&a), ==, 1 << 1 | 1 << 2);
	g_assert_cmphex(io(&c, NVME_CMD_FLUSH, 2), ==, NVME_SUCCESS);
	fx_free(fx);
}

static struct fx_req *send_aer(struct host *h)
{
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_AER, 0, 0, 0);
	struct nvme_cmd aec = fx_cmd(NVME_ADMIN_SET_FEATURES, 0, NVME_FEAT_AEC, NVME_OAES_NS_ATTR);

	fx_req_free(fx_exec_on(h->admin, &aec, NVME_XFER_NONE, NULL, 0));
	return fx_send(h->admin, &cmd, NVME_XFER_NONE, NULL, 0);
}

/* Expects the one changed namespace of the list. */
static void expect_changed(struct host *h, struct fx_req *aer, uint32_t nsid)
{
	struct nvme_cmd cmd =
		fx_cmd(NVME_ADMIN_GET_LOG_PAGE, NVME_NSID_ALL, NVME_LOG_CHANGED_NS | 1u << 16, 0);
	struct fx_req *r;

	g_assert_true(aer->done);
	g_assert_cmphex(aer->value, ==, TOLD);
	r = fx_exec_on(h->admin, &cmd, NVME_XFER_C2H, NULL, 8);
	g_assert_cmpuint(r->data[0], ==, nsid);
	g_assert_cmpuint(r->data[4], ==, 0);
	fx_req_free(r);
	fx_req_free(aer);
}

static void resize(struct fx *fx, const char *name, uint64_t blocks)
{
	GError *error = NULL;

	bdev_resize(bdev_find(fx->bdevs, name), blocks, &error);
	g_assert_no_error(error);
	fx_run(fx);
}

/* Told are those who see it, and the one for whom it changes. */
static void test_notices(void)
{
	struct fx *fx = fx_new(2);
	struct host a = { 0 }, b = { 0 };
	struct fx_req *aer_a, *aer_b;

	connect(fx, &a, HOST_A);
	connect(fx, &b, HOST_B);
	aer_a = send_aer(&a);
	aer_b = send_aer(&b);
	add_ns(fx, fx->subsystem,
	       (struct nvmf_ns_options){ .bdev_name = "N3", .nsid = 3, .no_auto_visible = true });
	resize(fx, "N3", 2048);
	g_assert_false(aer_a->done || aer_b->done);
	show(fx, 3, HOST_A, false); /* is so */
	g_assert_false(aer_a->done);
	show(fx, 3, HOST_A, true);
	expect_changed(&a, aer_a, 3);
	aer_a = send_aer(&a);
	show(fx, 3, HOST_A, true); /* is so */
	g_assert_false(aer_a->done);
	resize(fx, "N3", 4096);
	expect_changed(&a, aer_a, 3);
	aer_a = send_aer(&a);
	show(fx, 3, HOST_A, false);
	expect_changed(&a, aer_a, 3);
	aer_a = send_aer(&a);
	fx_remove_ns(fx, 3);
	g_assert_false(aer_a->done || aer_b->done);
	add_ns(fx, fx->subsystem, (struct nvmf_ns_options){ .bdev_name = "N3", .nsid = 3 });
	expect_changed(&a, aer_a, 3);
	expect_changed(&b, aer_b, 3);
	fx_free(fx);
}

/* Hidden while a read waits for its buffer: it is not done. */
static void test_waiting_read(void)
{
	struct nvme_cmd cmd = fx_cmd(NVME_CMD_READ, 1, 0, 0);
	struct fx *fx = fx_new(1);
	GPtrArray *held = g_ptr_array_new_with_free_func((GDestroyNotify)buf_put);
	struct host a = { 0 };
	struct buf *buf;
	struct fx_req *r;

	add_ns(fx, fx->subsystem,
	       (struct nvmf_ns_options){ .bdev_name = "N1", .no_auto_visible = true });
	show(fx, 1, HOST_A, true);
	connect(fx, &a, HOST_A);
	while ((buf = buf_get(a.io->q.reactor->bufs, 512)) != NULL)
		g_ptr_array_add(held, buf);
	r = fx_send(a.io, &cmd, NVME_XFER_C2H, NULL, 512);
	show(fx, 1, HOST_A, false);
	g_assert_false(r->done);
	g_ptr_array_unref(held);
	fx_run(fx);
	g_assert_true(r->done);
	assert_status(r, INVALID_NS);
	fx_req_free(r);
	fx_free(fx);
}

static void host_refused(struct fx *fx, uint32_t nsid, const char *host, const char *part)
{
	for (unsigned remove = 0; remove < 2; remove++) {
		g_autofree char *detail = NULL;

		(remove ? nvmf_ns_remove_host : nvmf_ns_add_host)(fx->subsystem, nsid, host,
								  expect_error, &detail);
		fx_run(fx);
		if (!strstr(detail, part))
			g_error("%s", detail);
	}
}

static void test_errors(void)
{
	struct fx *fx = fx_new(1);

	add_ns(fx, fx->subsystem, (struct nvmf_ns_options){ .bdev_name = "N1" });
	add_ns(fx, fx->subsystem,
	       (struct nvmf_ns_options){ .bdev_name = "N2", .no_auto_visible = true });
	host_refused(fx, 1, HOST_A, "no_auto_visible");
	host_refused(fx, 3, HOST_A, "has no namespace 3");
	host_refused(fx, 2, "host-a", "host: ");
	fx_free(fx);
}

static void count(void *arg, const GError *error)
{
	(void)error;
	++*(unsigned *)arg;
}

static void test_with_removal(void)
{
	for (unsigned passes = 0; passes < 8; passes++) {
		struct fx *fx = fx_new(2);
		struct host a = { 0 };
		unsigned ended = 0;

		connect(fx, &a, HOST_A);
		add_ns(fx, fx->subsystem,
		       (struct nvmf_ns_options){ .bdev_name = "N1", .no_auto_visible = true });
		nvmf_ns_add_host(fx->subsystem, 1, HOST_A, count, &ended);
		for (unsigned i = 0; i < passes; i++)
			reactor_pass(fx->core->reactors[i % 2]);
		nvmf_subsystem_remove_ns(fx->subsystem, 1, count, &ended);
		nvmf_ns_remove_host(fx->subsystem, 1, HOST_A, count, &ended); /* too late */
		nvmf_subsystem_delete(fx->subsystem, count, &ended);
		fx_run(fx);
		g_assert_cmpuint(ended, ==, 4);
		fx_free(fx);
	}
}

/* --- read-only -----------------------------------------------------------------------------------
 */

static void test_read_only(void)
{
	struct fx *fx = fx_new(1);
	struct nvme_cmd cmd = fx_cmd(NVME_ADMIN_IDENTIFY, 1, NVME_CNS_NS, 0);
	struct host a = { 0 };
	struct fx_req *r;

	add_ns(fx, fx->subsystem, (struct nvmf_ns_options){ .bdev_name = "N1", .read_only = true });
	add_ns(fx, fx->subsystem, (struct nvmf_ns_options){ .bdev_name = "N2" });
	/* One whose bdev cannot be written to is so by itself. */
	bdev_null_create(fx->bdevs, "N3", 1024, 512, NULL, NULL)->supported &= ~(1u << BDEV_WRITE);
	add_ns(fx, fx->subsystem, (struct nvmf_ns_options){ .bdev_name = "N3" });
	connect(fx, &a, HOST_A);
	g_assert_cmphex(io(&a, NVME_CMD_WRITE, 3), ==, NVME_SC_NS_WRITE_PROTECTED | NVME_DNR);
	g_assert_cmphex(io(&a, NVME_CMD_READ, 1), ==, NVME_SUCCESS);
	g_assert_cmphex(io(&a, NVME_CMD_FLUSH, 1), ==, NVME_SUCCESS);
	g_assert_cmphex(io(&a, NVME_CMD_WRITE, 1), ==, NVME_SC_NS_WRITE_PROTECTED | NVME_DNR);
	g_assert_cmphex(io(&a, NVME_CMD_WRITE_ZEROES, 1), ==,
			NVME_SC_NS_WRITE_PROTECTED | NVME_DNR);
	g_assert_cmphex(io(&a, NVME_CMD_WRITE, 2), ==, NVME_SUCCESS);
	r = fx_exec_on(a.admin, &cmd, NVME_XFER_C2H, NULL, 4096);
	g_assert_cmphex(((const struct nvme_id_ns *)r->data)->nsattr & 1, ==, 1);
	fx_req_free(r);
	cmd.nsid = 2;
	r = fx_exec_on(a.admin, &cmd, NVME_XFER_C2H, NULL, 4096);
	g_assert_cmphex(((const struct nvme_id_ns *)r->data)->nsattr & 1, ==, 0);
	fx_req_free(r);
	fx_free(fx);
}

/* --- identities
 * ------------------------------------------------------------------------------------ */

static const uint8_t id_x[16] = "0123456789abcdef", id_y[16] = "another id of 16", zero[16];

static void ns_refused(struct fx *fx, struct nvmf_subsystem *s, struct nvmf_ns_options o,
		       const char *part)
{
	g_autofree char *detail = NULL;

	if (bdev_find(fx->bdevs, o.bdev_name) == NULL)
		bdev_null_create(fx->bdevs, o.bdev_name, 1024, 512, NULL, NULL);
	nvmf_subsystem_add_ns(s, &o, NULL, expect_error, &detail);
	fx_run(fx);
	if (!strstr(detail, part))
		g_error("%s", detail);
	g_assert_false(bdev_is_claimed(bdev_find(fx->bdevs, o.bdev_name)));
}

static void test_derived(void)
{
	struct fx *fx = fx_new(1);
	struct nvmf_ns *ns =
		add_ns(fx, fx->subsystem, (struct nvmf_ns_options){ .bdev_name = "N1" });

	g_assert_cmpmem(ns->uuid, 16, bdev_find(fx->bdevs, "N1")->uuid, 16);
	g_assert_cmpmem(ns->nguid, 16, ns->uuid, 16);
	g_assert_cmpmem(ns->eui64, 8, zero, 8);
	ns = add_ns(fx, fx->subsystem,
		    (struct nvmf_ns_options){ .bdev_name = "N2", .uuid = id_x, .eui64 = id_y });
	g_assert_cmpmem(ns->uuid, 16, id_x, 16);
	g_assert_cmpmem(ns->nguid, 16, id_x, 16);
	g_assert_cmpmem(ns->eui64, 8, id_y, 8);
	ns = add_ns(fx, fx->subsystem,
		    (struct nvmf_ns_options){
			    .bdev_name = "N3", .uuid = zero, .nguid = zero, .eui64 = zero });
	g_assert_cmpmem(ns->uuid, 16, bdev_find(fx->bdevs, "N3")->uuid, 16);
	g_assert_cmpmem(ns->nguid, 16, ns->uuid, 16);
	fx_free(fx);
}

static void test_once(void)
{
	const struct nvmf_subsystem_options options = { .nqn = NQN_B, .allow_any_host = true };
	struct fx *fx = fx_new(2);
	struct nvmf_subsystem *s = nvmf_subsystem_create(fx->tgt, &options, NULL);
	struct nvmf_ns_options first = {
		.bdev_name = "N1", .uuid = id_x, .nguid = id_y, .eui64 = id_x
	};

	add_ns(fx, fx->subsystem, first);
	ns_refused(fx, s, (struct nvmf_ns_options){ .bdev_name = "N2", .uuid = id_x },
		   "uuid 30313233-3435-3637-3839-616263646566 is that of namespace 1 of " FX_NQN);
	ns_refused(fx, fx->subsystem, (struct nvmf_ns_options){ .bdev_name = "N2", .uuid = id_x },
		   "(bdev N1) already");
	ns_refused(fx, s, (struct nvmf_ns_options){ .bdev_name = "N2", .nguid = id_y },
		   "nguid 616E6F74686572206964206F66203136 is");
	ns_refused(fx, s, (struct nvmf_ns_options){ .bdev_name = "N2", .eui64 = id_x },
		   "eui64 3031323334353637 is");
	/* Whatever was refused has left nothing behind; kinds are apart. */
	add_ns(fx, s, (struct nvmf_ns_options){ .bdev_name = "N2", .uuid = id_y, .nguid = id_x });
	fx_remove_ns(fx, 1);
	add_ns(fx, s, (struct nvmf_ns_options){ .bdev_name = "N1", .uuid = id_x, .nguid = id_y });
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvmf/access/visible", test_visible);
	g_test_add_func("/nvmf/access/notices", test_notices);
	g_test_add_func("/nvmf/access/waiting-read", test_waiting_read);
	g_test_add_func("/nvmf/access/errors", test_errors);
	g_test_add_func("/nvmf/access/with-removal", test_with_removal);
	g_test_add_func("/nvmf/access/read-only", test_read_only);
	g_test_add_func("/nvmf/access/derived", test_derived);
	g_test_add_func("/nvmf/access/once", test_once);
	return g_test_run();
}
