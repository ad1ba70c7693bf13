/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files of others' forms become targets that hosts of theirs find as they left them:
 * scenario F0 (an INI file of 2018, two paths), scenario F3 (Linux nvmet as nvmetcli
 * saves it), each by TCP and by RDMA. Those that ask for what weft or the machine does
 * not have change nothing.
 */
#include <string.h>

#include "sim/roce.h"
#include "target/nvme/nvme-rdma.h"
#include "tests/integration/config/box.h"
#include "tests/integration/world/fixture.h"
#include "tests/unit/config/texts.h"

#define HOST1 "nqn.2016-06.io.spdk:init"

struct by {
	enum host_trtype transport;
	uint8_t trtype;
	const char *f0, *f3; /* the files */
};

static void put_rnic(struct world_node *node)
{
	struct world_rnic_params params;
	g_autoptr(GError) error = NULL;

	world_rnic_params_default(&params);
	params.reactors = 2;
	world_rnic_new(node, &params, &error);
	g_assert_no_error(error);
}

/* A world with a target, and RNICs where they are needed. */
static struct fx *rig_new(const struct by *by)
{
	struct fx *fx = fx_new(1, 2);

	if (by->transport == HOST_RDMA)
		put_rnic(fx->node);
	return fx;
}

static struct fx_host *rig_host(struct fx *fx, const struct by *by)
{
	struct fx_host *h = fx_host_new(fx, 1);

	if (by->transport == HOST_RDMA)
		put_rnic(h->node);
	return h;
}

/* --- what hosts see ------------------------------------------------------------------------ */

struct view {
	struct fx *fx;
	struct host_params params;
	struct nvme_discovery_entry entries[8];
	unsigned n;
	uint64_t genctr;
};

static void discovered(const struct nvme_discovery_entry *entries, unsigned n, uint64_t genctr,
		       const GError *error, void *arg)
{
	struct view *v = arg;

	g_assert_no_error(error);
	g_assert_cmpuint(n, <=, G_N_ELEMENTS(v->entries));
	memcpy(v->entries, entries, n * sizeof(*entries));
	v->n = n;
	v->genctr = genctr;
	fx_done(v->fx, NULL);
}

static void start_discovery(struct reactor *r, void *arg)
{
	struct view *v = arg;

	g_assert_true(host_discover(r, &v->params, discovered, v, NULL));
}

static void discover(struct fx *fx, const struct by *by, const char *addr, struct view *v)
{
	*v = (struct view){ .fx = fx };
	host_params_default(&v->params);
	v->params.transport = by->transport;
	v->params.hostnqn = fx->hosts[0]->hostnqn;
	g_assert_true(net_addr_parse(&v->params.addr, addr, "4420", NULL));
	fx_begin(fx);
	core_call(core_main(fx->hosts[0]->core), start_discovery, v);
	fx_wait(fx, 10 * WORLD_SEC);
}

static void check_record(const struct nvme_discovery_entry *e, const struct by *by, const char *nqn,
			 const char *traddr)
{
	char text[257];

	g_assert_cmpuint(e->trtype, ==, by->trtype);
	g_assert_cmpuint(e->adrfam, ==, NVME_ADRFAM_IPV4);
	g_assert_cmpuint(e->subtype, ==, NVME_SUBTYPE_NVM);
	g_assert_cmpuint(e->treq & 3, ==, NVME_TREQ_NOT_SPECIFIED);
	g_assert_cmpstr(e->subnqn, ==, nqn);
	host_ascii(text, sizeof(text), e->traddr, sizeof(e->traddr));
	g_assert_cmpstr(text, ==, traddr);
	host_ascii(text, sizeof(text), e->trsvcid, sizeof(e->trsvcid));
	g_assert_cmpstr(text, ==, "4420");
}

static void connect_to(struct fx_host *h, const struct by *by, const char *addr, const char *nqn)
{
	struct host_params p;

	host_params_default(&p);
	p.transport = by->transport;
	p.subnqn = nqn;
	g_assert_true(net_addr_parse(&p.addr, addr, "4420", NULL));
	if (!fx_connect(h, &p))
		g_error("%s", h->error);
}

struct identify {
	struct host_io io;
	struct fx_host *host;
	struct nvme_id_ns id;
	struct iovec iov;
};

static void identified(struct host_io *io)
{
	g_assert_cmphex(io->status, ==, 0);
	fx_done(((struct identify *)io)->host->fx, NULL);
}

static void start_identify(struct reactor *r, void *arg)
{
	struct identify *i = arg;

	(void)r;
	g_assert_cmpint(host_admin(i->host->ctrlr, &i->io), ==, 0);
}

/* The namespace may be attached to several controllers. */
static void check_shared(struct fx_host *h, uint32_t nsid)
{
	struct identify i = { .host = h };

	i.iov = (struct iovec){ &i.id, sizeof(i.id) };
	i.io.done = identified;
	i.io.iov = &i.iov;
	i.io.niov = 1;
	i.io.cmd.opcode = NVME_ADMIN_IDENTIFY;
	i.io.cmd.nsid = nsid;
	i.io.cmd.cdw10 = 0; /* CNS 00h */
	fx_begin(h->fx);
	core_call(core_main(h->core), start_identify, &i);
	fx_wait(h->fx, 10 * WORLD_SEC);
	g_assert_cmphex(i.id.nmic, ==, 1);
}

/* --- F0 ------------------------------------------------------------------------------------ */

static struct fx *f0_new(const struct by *by)
{
	struct fx *fx = rig_new(by);

	g_assert_true(world_node_add_addr(fx->node, "192.168.11.11"));
	g_assert_true(world_node_add_addr(fx->node, "192.168.12.11"));
	return fx;
}

static void test_f0(const void *data)
{
	const struct by *by = data;
	static const char *const addrs[] = { "192.168.11.11", "192.168.12.11" };
	struct fx *fx = f0_new(by);
	uint64_t genctr = 0;

	fx_config(fx, by->f0);
	for (unsigned i = 0; i < 2; i++) {
		struct fx_host *h = rig_host(fx, by);
		struct view v;

		discover(fx, by, addrs[i], &v);
		g_assert_cmpuint(v.n, ==, 2);
		check_record(&v.entries[0], by, F0_NQN, addrs[0]);
		check_record(&v.entries[1], by, F0_NQN, addrs[1]);
		g_assert_cmpuint(v.entries[0].portid, !=, v.entries[1].portid);
		if (i == 0)
			genctr = v.genctr;
		g_assert_cmpuint(v.genctr, ==, genctr);

		connect_to(h, by, addrs[i], F0_NQN);
		g_assert_cmpuint(host_ctrlr_namespaces(h->ctrlr), ==, 2);
		for (uint32_t nsid = 1; nsid <= 2; nsid++) {
			const struct host_ns *ns = host_ctrlr_ns(h->ctrlr, nsid);

			g_assert_nonnull(ns);
			g_assert_cmpuint(ns->block_size, ==, 512);
			g_assert_cmpuint(ns->blocks, ==, 131072);
			check_shared(h, nsid);
		}
	}
	g_assert_cmpuint(host_ctrlr_cntlid(fx->hosts[0]->ctrlr), !=,
			 host_ctrlr_cntlid(fx->hosts[1]->ctrlr));
	fx_free(fx);
}

/* --- F3 ------------------------------------------------------------------------------------ */

#define F3_ADDR "192.168.11.100"
#define F3_NQN "nvme-test-1"
/* Its users have 2 GiB; a disk of a world is memory. */
#define F3_BYTES (UINT64_C(64) << 20)

static void test_f3(const void *data)
{
	const struct by *by = data;
	static const uint8_t uuid[16] = { 0x43, 0xc4, 0x26, 0x0a, 0x82, 0x6b, 0x47, 0x5d,
					  0x9b, 0x42, 0x88, 0x3b, 0x42, 0x58, 0xf5, 0x3f };
	struct fx *fx = rig_new(by);
	struct fx_host *h = rig_host(fx, by);
	const struct host_ns *ns;
	struct view v;

	g_assert_true(world_node_add_addr(fx->node, F3_ADDR));
	world_file_new(fx->node, "/dev/nullb0", F3_BYTES, 512);
	fx_config(fx, by->f3);
	discover(fx, by, F3_ADDR, &v);
	g_assert_cmpuint(v.n, ==, 1);
	check_record(&v.entries[0], by, F3_NQN, F3_ADDR);
	g_assert_cmpuint(v.entries[0].portid, ==, 1);

	connect_to(h, by, F3_ADDR, F3_NQN);
	g_assert_cmpuint(host_ctrlr_namespaces(h->ctrlr), ==, 1);
	ns = host_ctrlr_ns(h->ctrlr, 1);
	g_assert_nonnull(ns);
	g_assert_cmpuint(ns->blocks * ns->block_size, ==, F3_BYTES);
	g_assert_cmpuint(ns->anagrpid, ==, 1);
	g_assert_cmpmem(ns->uuid, 16, uuid, 16);
	fx_free(fx);
}

static const struct by by_tcp = { HOST_TCP, NVME_TRTYPE_TCP, F0_ADAPTED("TCP"),
				  F3("tcp", F3_ADDR) };
static const struct by by_rdma = { HOST_RDMA, NVME_TRTYPE_RDMA, F0_ADAPTED("RDMA"),
				   F3("rdma", F3_ADDR) };

/* --- what is wrong changes nothing ----------------------------------------------------------- */

static void check_refused(const char *text, const char *wrong)
{
	struct box *box = box_new(1, false);
	g_autofree char *now = NULL, *empty = NULL;

	box_boot(box, NULL, true);
	empty = box_text(box);
	box_stop(box);
	box_boot(box, text, true);
	g_assert_cmpstr(box->error, ==, wrong);
	now = box_text(box);
	g_assert_cmpstr(now, ==, empty);
	box_free(box);
}

static void test_refused(void)
{
	check_refused(F0,
		      "seed.json: line 2: [Nvme] TransportID: this build has no bdevs of NVMe "
		      "controllers; remove the section, or serve its bdevs from [AIO], [Malloc] or "
		      "[Null]\nseed.json: line 3: [Nvme] TransportID: this build has no bdevs of "
		      "NVMe controllers; remove the section, or serve its bdevs from [AIO], "
		      "[Malloc] or [Null]");
	check_refused(by_rdma.f3, "seed.json: line 8: ports (nvmf_create_transport): Invalid "
				  "parameters: there is no RDMA here: neither an RNIC nor a "
				  "software one (weftd --rnic says which is used)");
}

/* --- port ids -------------------------------------------------------------------------------- */

#define LISTEN(nqn_, port_, more_)                                                                 \
	"{\"nqn\":\"" nqn_ "\",\"listen_address\":{\"trtype\":\"TCP\",\"traddr\":\"127.0.0.1\","   \
	"\"trsvcid\":\"" port_ "\"}" more_ "}"

static void listen_fails(struct box *box, const char *params, const char *why)
{
	g_autofree char *error = box_call(box, "nvmf_subsystem_add_listener", params);

	g_assert_nonnull(error);
	if (!strstr(error, why))
		g_error("%s: \"%s\" has no \"%s\"", params, error, why);
}

static void listens(struct box *box, const char *params)
{
	g_free(box_must(box, "nvmf_subsystem_add_listener", params));
}

/* They may be given, are kept through a restart, and two addresses have not the same. */
static void test_portids(void)
{
	struct box *box = box_new(1, false);
	g_autofree char *saved = NULL, *again = NULL;

	box_boot(box, NULL, true);
	g_free(box_must(box, "nvmf_create_transport", "{\"trtype\":\"TCP\"}"));
	g_free(box_must(box, "nvmf_create_subsystem", "{\"nqn\":\"a\"}"));
	g_free(box_must(box, "nvmf_create_subsystem", "{\"nqn\":\"b\"}"));
	listens(box, LISTEN("a", "1", ",\"portid\":2"));
	listens(box, LISTEN("a", "2", ""));
	listens(box, LISTEN("a", "3", ",\"portid\":-1"));
	listens(box, LISTEN("a", "4", ",\"portid\" : 0"));
	listens(box, LISTEN("b", "1", ",\"portid\":2"));
	listens(box, LISTEN("b", "2", ""));
	listen_fails(box, LISTEN("a", "5", ",\"portid\":2"), "portid is 2; port 2 is 127.0.0.1:1");
	listen_fails(box, LISTEN("b", "3", ",\"portid\":9"),
		     "portid is 9; 127.0.0.1:3 is port 3 already");
	listen_fails(box, LISTEN("a", "5", ",\"portid\":65536"),
		     "portid is 65536; it may be 0 to 65535");
	listen_fails(box, LISTEN("a", "5", ",\"portid\":-2"), "portid is -2; it may be 0 to 65535");
	saved = box_text(box);
	g_assert_nonnull(strstr(saved, "\"portid\" : 0"));
	g_assert_nonnull(strstr(saved, "\"portid\" : 3"));
	/* Without the first, numbers that are drawn anew would be others. */
	g_free(box_must(box, "nvmf_delete_subsystem", "{\"nqn\":\"b\"}"));
	g_free(box_must(box, "nvmf_subsystem_remove_listener", LISTEN("a", "1", "")));
	g_free(saved);
	saved = box_text(box);
	box_stop(box);
	box_boot(box, saved, true);
	g_assert_cmpstr(box->error, ==, NULL);
	again = box_text(box);
	g_assert_cmpstr(again, ==, saved);
	box_free(box);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/world/config/f0/tcp", &by_tcp, test_f0);
	g_test_add_data_func("/world/config/f0/rdma", &by_rdma, test_f0);
	g_test_add_data_func("/world/config/f3/tcp", &by_tcp, test_f3);
	g_test_add_data_func("/world/config/f3/rdma", &by_rdma, test_f3);
	g_test_add_func("/world/config/refused", test_refused);
	g_test_add_func("/world/config/portids", test_portids);
	return g_test_run();
}
