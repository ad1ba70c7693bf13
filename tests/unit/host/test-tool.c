/* SPDX-License-Identifier: BSD-3-Clause */
/* weft-host: options, stamped blocks, the text of discover. */
#include <string.h>

#include "tools/weft-host/app.h"
#include "tools/weft-host/stamp.h"

static bool parse(struct options *o, const char *line, GError **error)
{
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	g_autofree char *help = NULL;

	return options_parse(o, (int)g_strv_length(argv), argv, &help, error);
}

#define PERF "weft-host perf -t tcp -a 192.0.2.1 -n nqn.2024-01.test:x "

#define RDMA "weft-host perf -t rdma -a 192.0.2.1 -n nqn.2024-01.test:x "

static void test_options(void)
{
	struct options o;

	g_assert_true(parse(&o,
			    PERF "-q 64 -o 128k -w randrw -M 70 -T 2.5 -P 3 -c 0x5 --hdgst -G -d "
				 "--rate 10k --spin always -s 4421 --hostnqn nqn.2024-01.test:h",
			    NULL));
	g_assert_cmpuint(o.depth, ==, 64);
	g_assert_cmpuint(o.io_size, ==, 131072);
	g_assert_true(o.random && o.hdgst && o.ddgst && o.no_sqflow);
	g_assert_cmpuint(o.read_percent, ==, 70);
	g_assert_true(o.seconds == 2.5);
	g_assert_cmpuint(o.queues, ==, 3);
	g_assert_cmpuint(o.ncpus, ==, 2);
	g_assert_cmpint(o.cpus[0], ==, 0);
	g_assert_cmpint(o.cpus[1], ==, 2);
	g_assert_cmpuint(o.rate, ==, 10240);
	g_assert_true(o.spin_ns == HW_NEVER);
	g_assert_cmpuint(o.addr.port, ==, 4421);
	g_assert_cmpstr(o.hostnqn, ==, "nqn.2024-01.test:h");
	options_clear(&o);
	g_assert_true(parse(&o, PERF "--cpu 1,3-5", NULL));
	g_assert_cmpuint(o.ncpus, ==, 4);
	g_assert_cmpint(o.cpus[3], ==, 5);
	g_assert_cmpuint(o.addr.port, ==, 4420);
	options_clear(&o);
	g_assert_cmpuint(o.transport, ==, HOST_TCP);
	g_assert_false(o.src_given);
	g_assert_true(parse(&o, RDMA "--host-traddr 192.0.2.2", NULL));
	g_assert_cmpuint(o.transport, ==, HOST_RDMA);
	g_assert_true(o.src_given);
	g_assert_cmpuint(o.src.ip[3], ==, 2);
	g_assert_cmpint(o.rnic.which, ==, LINUX_RNIC_AUTO);
	g_assert_cmpuint(o.rnic.naddrs, ==, 1);
	options_clear(&o);
	g_assert_true(parse(&o, RDMA "--rnic soft:192.0.2.2,192.0.2.3", NULL));
	g_assert_cmpint(o.rnic.which, ==, LINUX_RNIC_SOFT);
	g_assert_cmpuint(o.rnic.naddrs, ==, 2);
	options_clear(&o);
	g_assert_true(parse(&o, RDMA "--rnic verbs", NULL));
	g_assert_cmpint(o.rnic.which, ==, LINUX_RNIC_VERBS);
	options_clear(&o);
	g_assert_true(parse(&o, "weft-host discover -t tcp -a ::1 -q nqn.2024-01.test:h", NULL));
	g_assert_cmpstr(o.hostnqn, ==, "nqn.2024-01.test:h");
	g_assert_cmpstr(o.subnqn, ==, NVME_DISCOVERY_NQN);
	options_clear(&o);
}

/* Each says what would be right. */
static void test_bad_options(void)
{
	static const struct {
		const char *line, *right;
	} bad[] = {
		{ "weft-host", "discover, identify, perf and verify" },
		{ "weft-host frob", "discover, identify, perf and verify" },
		{ PERF "--frob", "weft-host perf --help" },
		{ PERF "frob", "belongs to no option" },
		{ PERF "-w frob", "randread" },
		{ PERF "-w read -M 30", "together with -w rw" },
		{ PERF "-q 0", "1 to 4095" },
		{ PERF "-o 3", "512 bytes to 1M" },
		{ PERF "-o 2M", "512 bytes to 1M" },
		{ PERF "-c xyz", "hexadecimal" },
		{ PERF "--cpu 3-1", "such as 1 or 0,2-3" },
		{ PERF "--cpu 1 -c 1", "either" },
		{ PERF "--spin fast", "never, adaptive or always" },
		{ PERF "--rate 0", "I/Os a second" },
		{ PERF "-T -1", "seconds" },
		{ PERF "--hostid 12", "a UUID" },
		{ "weft-host perf -t tcp -a 192.0.2.1", "-n NQN is needed" },
		{ "weft-host perf -a 192.0.2.1 -n nqn.2024-01.test:x", "-t tcp" },
		{ "weft-host perf -t fc -a 192.0.2.1 -n nqn.2024-01.test:x", "tcp or rdma" },
		{ RDMA "-g", "-g: digests are of -t tcp" },
		{ RDMA "--ddgst", "-G: digests are of -t tcp" },
		{ PERF "--rnic soft", "--rnic soft: it is of -t rdma" },
		{ RDMA "--rnic none", "--rnic none: -t rdma needs one" },
		{ RDMA "--rnic hard", "--rnic hard: auto, verbs, soft" },
		{ RDMA "--rnic soft:192.0.2.3 --host-traddr 192.0.2.2",
		  "--host-traddr is to be among its addresses" },
		{ RDMA "--host-traddr ::1", "same family as that of -a" },
		{ RDMA "--host-traddr frob", "frob" },
		{ "weft-host perf -t tcp -n nqn.2024-01.test:x", "-a ADDRESS" },
		{ "weft-host identify -t tcp -a 192.0.2.1 -n nqn.2024-01.test:x -w read",
		  "Unknown option" },
		{ "weft-host discover -t tcp -a 192.0.2.1 -n nqn.2024-01.test:x", "leave it out" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		struct options o;

		g_assert_false(parse(&o, bad[i].line, &error));
		g_assert_nonnull(error);
		if (!strstr(error->message, bad[i].right))
			g_error("%s: says '%s', not '%s'", bad[i].line, error->message,
				bad[i].right);
	}
}

static void test_size(void)
{
	uint64_t v;

	g_assert_true(options_size("512", &v) && v == 512);
	g_assert_true(options_size("4k", &v) && v == 4096);
	g_assert_true(options_size("1MiB", &v) && v == 1 << 20);
	g_assert_true(options_size("2G", &v) && v == 2ull << 30);
	g_assert_false(options_size("", &v));
	g_assert_false(options_size("k", &v));
	g_assert_false(options_size("4x", &v));
	g_assert_false(options_size("4kk", &v));
	g_assert_false(options_size("-4", &v));
	g_assert_false(options_size("99999999999T", &v));
	g_assert_false(options_size("99999999999999999999999", &v));
}

static void expect(const void *block, const uint8_t uuid[16], uint64_t lba, uint64_t id,
		   const char *what)
{
	g_autofree char *text = stamp_check(block, 512, uuid, lba, id);

	if (!what)
		g_assert_cmpstr(text, ==, NULL);
	else
		g_assert_nonnull(text ? strstr(text, what) : NULL);
}

static void test_stamp(void)
{
	uint64_t words[64];
	uint8_t *block = (uint8_t *)words, one[16] = { 1 }, two[16] = { 2 };

	stamp_fill(block, 512, one, 7, 100);
	expect(block, one, 7, 100, NULL);
	expect(block, one, 8, 100, "the block of LBA 7 as written by write 100");
	expect(block, one, 7, 101, "written by write 100");
	expect(block, two, 7, 100, "another namespace");
	for (unsigned i = 0; i < 512; i++) {
		g_autofree char *where = g_strdup_printf("first wrong byte at %u:", i);

		block[i] ^= 0x10;
		expect(block, one, 7, 100, where);
		block[i] ^= 0x10;
	}
	block[300] ^= 1;
	expect(block, one, 7, 100, "a damaged block; first wrong byte at 300");
	memset(block, 0, 512);
	expect(block, one, 7, 100,
	       "data that no verify wrote; first wrong byte at 0: 0x00 instead of 0x77");
}

/* As nvme-cli prints it: /spec/linux-nvmet/discover-tcp.txt of the project. */
static void test_discover_text(void)
{
	static const char want[] =
		"\nDiscovery Log Number of Records 1, Generation counter 4\n"
		"=====Discovery Log Entry 0======\n"
		"trtype:  tcp\nadrfam:  ipv4\nsubtype: current discovery subsystem\n"
		"treq:    not specified, sq flow control disable supported\nportid:  3\n"
		"trsvcid: 4420\nsubnqn:  nqn.2014-08.org.nvmexpress.discovery\n"
		"traddr:  127.0.0.1?\neflags:  none\nsectype: none\n";
	struct nvme_discovery_entry e = { .trtype = NVME_TRTYPE_TCP,
					  .adrfam = NVME_ADRFAM_IPV4,
					  .subtype = NVME_SUBTYPE_CURRENT_DISCOVERY,
					  .treq = 4,
					  .portid = 3,
					  .subnqn = NVME_DISCOVERY_NQN };
	g_autofree char *text = NULL;

	nvme_pad(e.trsvcid, "4420", sizeof(e.trsvcid));
	nvme_pad(e.traddr, "127.0.0.1\033", sizeof(e.traddr));
	text = discover_text(&e, 1, 4);
	g_assert_cmpstr(text, ==, want);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/host/tool/options", test_options);
	g_test_add_func("/host/tool/bad-options", test_bad_options);
	g_test_add_func("/host/tool/size", test_size);
	g_test_add_func("/host/tool/stamp", test_stamp);
	g_test_add_func("/host/tool/discover", test_discover_text);
	return g_test_run();
}
