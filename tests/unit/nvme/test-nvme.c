/* SPDX-License-Identifier: BSD-3-Clause */
/* Names, NQNs, padded fields. */
#include <glib.h>
#include <string.h>

#include "target/nvme/nvme.h"

static void test_nqn_good(void)
{
	static const char *const good[] = {
		"nqn.2016-06.io.spdk:cnode1",
		NVME_DISCOVERY_NQN,
		"nqn.2014-08.org.nvmexpress:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
		"nqn.2014-08.org.nvmexpress:uuid:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
		"nqn.2014-08.com.example",
		"nqn.2014-08.com.example:a:b::c d",
		"nqn.2019-12.com.ex-ample.a1:x",
		"nqn.2014-08.com.example:gr\xc3\xbc\xc3\x9f",
		"nqn.2014-08.org.nvmexpress:other",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(good); i++)
		g_assert_cmpstr(nvme_nqn_check(good[i]), ==, NULL);
}

static void test_nqn_bad(void)
{
	static const struct {
		const char *nqn, *part;
	} bad[] = {
		{ "", "begins with" },
		{ "nqn", "begins with" },
		{ "NQN.2014-08.com.example", "begins with" },
		{ "iqn.2014-08.com.example:a", "begins with" },
		{ "nqn.", "date" },
		{ "nqn.2014-08", "date" },
		{ "nqn.2014-8.com.example:a", "date" },
		{ "nqn.2014-13.com.example:a", "date" },
		{ "nqn.2014-00.com.example:a", "date" },
		{ "nqn.20x4-01.com.example:a", "date" },
		{ "nqn.2014-08com.example:a", "date" },
		{ "nqn.2014-08.", "empty" },
		{ "nqn.2014-08.:a", "empty" },
		{ "nqn.2014-08.com..example:a", "empty" },
		{ "nqn.2014-08.com.example.:a", "empty" },
		{ "nqn.2014-08.-com.example:a", "begins with a hyphen" },
		{ "nqn.2014-08.com-.example:a", "ends with a hyphen" },
		{ "nqn.2014-08.com.example-", "ends with a hyphen" },
		{ "nqn.2014-08.com.exa_mple:a", "hyphens and dots only" },
		{ "nqn.2014-08.com.exa mple:a", "hyphens and dots only" },
		{ "nqn.2014-08.com.example:", "colon" },
		{ "nqn.2014-08.com.example:a\n", "control" },
		{ "nqn.2014-08.com.example:a\x7f", "control" },
		{ "nqn.2014-08.com.example:\xc2\x85", "control" },
		{ "nqn.2014-08.com.example:\xff", "UTF-8" },
		{ "nqn.2014-08.com.example:\xc3", "UTF-8" },
		{ "nqn.2014-08.org.nvmexpress:uuid:", "uuid" },
		{ "nqn.2014-08.org.nvmexpress:uuid:f81d4fae", "uuid" },
		{ "nqn.2014-08.org.nvmexpress:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bfg", "uuid" },
		{ "nqn.2014-08.org.nvmexpress:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6a", "uuid" },
		{ "nqn.2014-08.org.nvmexpress:uuid:f81d4fae07dec-11d0-a765-00a0c91e6bf6", "uuid" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		const char *error = nvme_nqn_check(bad[i].nqn);

		g_assert_nonnull(error);
		g_assert_nonnull(strstr(error, bad[i].part));
	}
}

static void test_nqn_length(void)
{
	char nqn[300] = "nqn.2014-08.com.example:";

	memset(nqn + strlen(nqn), 'x', sizeof(nqn) - strlen(nqn));
	nqn[223] = '\0';
	g_assert_cmpstr(nvme_nqn_check(nqn), ==, NULL);
	nqn[223] = 'x';
	nqn[224] = '\0';
	g_assert_nonnull(strstr(nvme_nqn_check(nqn), "223"));
	/* a label of 63 bytes and one of 64 */
	g_strlcpy(nqn, "nqn.2014-08.com.", sizeof(nqn));
	memset(nqn + 16, 'a', 64);
	g_strlcpy(nqn + 16 + 63, ":x", sizeof(nqn) - 16 - 63);
	g_assert_cmpstr(nvme_nqn_check(nqn), ==, NULL);
	g_strlcpy(nqn + 16 + 63, "a:x", sizeof(nqn) - 16 - 63);
	g_assert_nonnull(strstr(nvme_nqn_check(nqn), "63"));
}

/* Every prefix of a good one is good or bad, never read past its end (ASan). */
static void test_nqn_prefixes(void)
{
	const char *nqn = "nqn.2014-08.org.nvmexpress:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6";

	for (size_t n = 0; n <= strlen(nqn); n++) {
		g_autofree char *copy = g_strndup(nqn, n);
		bool good = nvme_nqn_check(copy) == NULL;
		const char *uuid = strstr(copy, ":uuid:");

		if (n == strlen(nqn))
			g_assert_true(good);
		else if (uuid != NULL || n < 13)
			g_assert_false(good);
	}
}

static void test_subnqn(void)
{
	g_autofree char *longest = g_strnfill(NVME_NQN_MAX, 'a');
	g_autofree char *longer = g_strnfill(NVME_NQN_MAX + 1, 'a');
	static const char *const bad[] = { "", "nqn", "nqn.", "NQN.x", "nqm.2016-06.io:x", "a b",
					   "a/b", "\xc3\xbc" };

	g_assert_null(nvme_subnqn_check("nqn.2016-06.io.spdk:cnode1"));
	g_assert_null(nvme_subnqn_check("nvme-test-1"));
	g_assert_null(nvme_subnqn_check(longest));
	g_assert_nonnull(nvme_subnqn_check(longer));
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_nonnull(nvme_subnqn_check(bad[i]));
}

static void test_opcodes(void)
{
	struct nvme_cmd cmd = { .opcode = NVME_CMD_READ };

	g_assert_cmpstr(nvme_opcode_name(1, &cmd), ==, "READ");
	g_assert_cmpstr(nvme_opcode_name(0, &cmd), ==, "GET LOG PAGE");
	cmd.opcode = NVME_ADMIN_IDENTIFY;
	g_assert_cmpstr(nvme_opcode_name(0, &cmd), ==, "IDENTIFY");
	cmd.opcode = NVME_OP_FABRICS;
	cmd.nsid = NVME_FCTYPE_CONNECT | 0xabcdef00;
	g_assert_cmpstr(nvme_opcode_name(0, &cmd), ==, "CONNECT");
	g_assert_cmpstr(nvme_opcode_name(3, &cmd), ==, "CONNECT");
	for (unsigned op = 0; op < 256; op++) {
		cmd.opcode = (uint8_t)op;
		cmd.nsid = op;
		g_assert_nonnull(nvme_opcode_name(0, &cmd));
		g_assert_nonnull(nvme_opcode_name(1, &cmd));
	}
	g_assert_cmpstr(nvme_opcode_name(0, &cmd), ==, "ADMIN (unknown)");
	g_assert_cmpstr(nvme_opcode_name(1, &cmd), ==, "IO (unknown)");
	cmd.opcode = NVME_OP_FABRICS;
	g_assert_cmpstr(nvme_opcode_name(1, &cmd), ==, "FABRICS (unknown)");
}

static void test_statuses(void)
{
	g_assert_cmpstr(nvme_status_name(0), ==, "Success");
	g_assert_cmpstr(nvme_status_name(NVME_SC_INVALID_FIELD | NVME_DNR | NVME_MORE), ==,
			"Invalid Field in Command");
	g_assert_cmpstr(nvme_status_name(NVME_SC_LBA_RANGE), ==, "LBA Out of Range");
	g_assert_cmpstr(nvme_status_name(NVME_SC_CONNECT_INVALID_HOST), ==, "Connect Invalid Host");
	g_assert_cmpstr(nvme_status_name(0x7f), ==, "Unknown Generic Status");
	g_assert_cmpstr(nvme_status_name(0x1ff), ==, "Unknown Command Specific Status");
	g_assert_cmpstr(nvme_status_name(0x2ff), ==, "Unknown Media Error");
	g_assert_cmpstr(nvme_status_name(0x3ff), ==, "Unknown Path Related Status");
	g_assert_cmpstr(nvme_status_name(0x4ff), ==, "Unknown Status");
	g_assert_cmpstr(nvme_status_name(0x7ff), ==, "Vendor Specific Status");
	for (unsigned i = 0; i <= UINT16_MAX; i++)
		g_assert_nonnull(nvme_status_name((uint16_t)i));
}

static void test_pad(void)
{
	char field[6];

	memset(field, '#', sizeof(field));
	nvme_pad(field, "ab", 5);
	g_assert_cmpmem(field, 6, "ab   #", 6);
	nvme_pad(field, "abcdefgh", 5);
	g_assert_cmpmem(field, 6, "abcde#", 6);
	nvme_pad(field, "", 5);
	g_assert_cmpmem(field, 6, "     #", 6);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/nvme/nqn/good", test_nqn_good);
	g_test_add_func("/nvme/nqn/bad", test_nqn_bad);
	g_test_add_func("/nvme/nqn/length", test_nqn_length);
	g_test_add_func("/nvme/nqn/prefixes", test_nqn_prefixes);
	g_test_add_func("/nvme/nqn/subnqn", test_subnqn);
	g_test_add_func("/nvme/opcodes", test_opcodes);
	g_test_add_func("/nvme/statuses", test_statuses);
	g_test_add_func("/nvme/pad", test_pad);
	return g_test_run();
}
