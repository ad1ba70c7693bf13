/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's answers about PFC, as drivers make them, and broken in every way; and what is
 * made of PFC, pause frames and ECN together. What a real kernel answers for an interface
 * without PFC is in tests/guest/verbs-setup.
 */
#include <errno.h>
#include <linux/dcbnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "tools/weft-setup/findings.h"
#include "tools/weft-setup/rdma.h"

#define ROOM 512

struct answer {
	_Alignas(struct nlmsghdr) uint8_t bytes[ROOM];
	size_t len;
};

static size_t add(struct answer *a, unsigned type, const void *data, size_t len)
{
	struct rtattr attr = { .rta_len = (unsigned short)RTA_LENGTH(len),
			       .rta_type = (unsigned short)type };
	size_t at = a->len;

	memcpy(a->bytes + at, &attr, sizeof(attr));
	if (data)
		memcpy(a->bytes + at + RTA_LENGTH(0), data, len);
	a->len += RTA_SPACE(data ? len : 0);
	return at;
}

static void finish(struct answer *a, size_t nest)
{
	struct rtattr *attr = (struct rtattr *)(a->bytes + nest);
	struct nlmsghdr *h = (struct nlmsghdr *)a->bytes;

	attr->rta_len = (unsigned short)(a->len - nest);
	h->nlmsg_len = (uint32_t)a->len;
}

/* As dcb asks and mlx5 answers: name, then a nest with ETS before PFC. */
static struct answer good(uint8_t priorities, unsigned flag)
{
	struct answer a = { .len = NLMSG_ALIGN(sizeof(struct nlmsghdr) + sizeof(struct dcbmsg)) };
	struct nlmsghdr *h = (struct nlmsghdr *)a.bytes;
	const struct ieee_ets ets = { .ets_cap = 8 };
	const struct ieee_pfc pfc = { .pfc_cap = 8, .pfc_en = priorities };
	size_t nest;

	h->nlmsg_type = RTM_GETDCB;
	add(&a, DCB_ATTR_IFNAME, "ens1f0np0", sizeof("ens1f0np0"));
	nest = add(&a, DCB_ATTR_IEEE | flag, NULL, 0);
	add(&a, DCB_ATTR_IEEE_ETS, &ets, sizeof(ets));
	if (priorities)
		add(&a, DCB_ATTR_IEEE_PFC, &pfc, sizeof(pfc));
	finish(&a, nest);
	return a;
}

static void test_good(void)
{
	for (unsigned flag = 0; flag <= NLA_F_NESTED; flag += NLA_F_NESTED) {
		struct answer a = good(0x18, flag);
		uint8_t priorities = 0;
		int err = -1;

		g_assert_true(rdma_parse_pfc(a.bytes, a.len, &priorities, &err));
		g_assert_cmpint(err, ==, 0);
		g_assert_cmpuint(priorities, ==, 0x18);
	}
}

static void test_none(void)
{
	struct answer a = good(0, 0);
	uint8_t priorities = 0;
	int err = 0;

	g_assert_true(rdma_parse_pfc(a.bytes, a.len, &priorities, &err));
	g_assert_cmpint(err, ==, EOPNOTSUPP);
}

static void test_error(void)
{
	struct answer a = { .len = NLMSG_LENGTH(sizeof(struct nlmsgerr)) };
	struct nlmsghdr *h = (struct nlmsghdr *)a.bytes;
	struct nlmsgerr *e = NLMSG_DATA(h);
	uint8_t priorities = 0;
	int err = 0;

	h->nlmsg_type = NLMSG_ERROR;
	h->nlmsg_len = (uint32_t)a.len;
	e->error = -EOPNOTSUPP;
	g_assert_true(rdma_parse_pfc(a.bytes, a.len, &priorities, &err));
	g_assert_cmpint(err, ==, EOPNOTSUPP);
	/* An acknowledgment is no answer; half an error is none either. */
	e->error = 0;
	g_assert_false(rdma_parse_pfc(a.bytes, a.len, &priorities, &err));
	h->nlmsg_len = NLMSG_LENGTH(2);
	g_assert_false(rdma_parse_pfc(a.bytes, a.len, &priorities, &err));
}

/* From memory of just that length, so that a sanitizer sees who reads on. */
static bool parse(const struct answer *a, size_t len)
{
	uint8_t *copy = g_memdup2(a->bytes, len), priorities;
	int err;
	bool good_one = rdma_parse_pfc(copy, len, &priorities, &err);

	g_free(copy);
	return good_one;
}

static void test_broken(void)
{
	const struct answer whole = good(0x08, 0);

	for (size_t len = 1; len < whole.len; len++)
		g_assert_false(parse(&whole, len));
	for (size_t at = 0; at < whole.len; at++)
		for (unsigned value = 0; value < 256; value++) {
			struct answer a = whole;

			a.bytes[at] = (uint8_t)value;
			parse(&a, a.len);
		}
	/* Cut with a length that agrees: no attribute is read beyond it. */
	for (size_t len = sizeof(struct nlmsghdr); len < whole.len; len++) {
		struct answer a = whole;

		((struct nlmsghdr *)a.bytes)->nlmsg_len = (uint32_t)len;
		g_assert_false(parse(&a, len));
	}
}

/* --- what is made of it ------------------------------------------------------------------ */

struct state {
	struct rdma_flow flow;
	enum finding_status pfc;
	const char *part;
};

static const struct finding *find(const GArray *findings, const char *what)
{
	for (guint i = 0; i < findings->len; i++) {
		const struct finding *f = &g_array_index(findings, struct finding, i);

		if (strcmp(f->what, what) == 0)
			return f;
	}
	return NULL;
}

static void judge_flow(const struct state *state)
{
	struct rdma_port port = { .number = 1,
				  .active = true,
				  .netdev = (char *)"eth0",
				  .gids = g_ptr_array_new(),
				  .flow = state->flow };
	struct rdma_device dev = { .name = (char *)"mlx5_0",
				   .pci = (char *)"0000:3b:00.0",
				   .numa = -1,
				   .ports = g_ptr_array_new(),
				   .irqs = g_ptr_array_new() };
	struct rdma_look look = { .root = (char *)"/nonexistent",
				  .devices = g_ptr_array_new(),
				  .unloaded = g_ptr_array_new() };
	g_autoptr(GArray) findings = findings_new();
	const struct finding *f;

	g_ptr_array_add(dev.ports, &port);
	g_ptr_array_add(look.devices, &dev);
	rdma_judge(&look, true, findings);
	f = find(findings, "PFC");
	g_assert_nonnull(f);
	g_assert_cmpint(f->status, ==, state->pfc);
	g_assert_nonnull(strstr(f->text, state->part));
	g_assert_true((f->fix == NULL) == (f->status == FINDING_OK));
	g_ptr_array_unref(port.gids);
	g_ptr_array_unref(dev.ports);
	g_ptr_array_unref(dev.irqs);
	g_ptr_array_unref(look.devices);
	g_ptr_array_unref(look.unloaded);
}

static void test_judged(void)
{
	const struct state states[] = {
		{ { .why = "a copy of files" }, FINDING_OK, "not readable (a copy of files)" },
		{ { .pfc = RDMA_KNOWN, .priorities = 8 }, FINDING_OK, "0x08" },
		{ { .pfc = RDMA_KNOWN, .priorities = 8, .pause = RDMA_KNOWN }, FINDING_OK, "0x08" },
		{ { .pfc = RDMA_KNOWN, .priorities = 8, .pause = RDMA_KNOWN, .pause_rx = true },
		  FINDING_WARNING,
		  "exclude each other" },
		{ { .pfc = RDMA_KNOWN }, FINDING_WARNING, "off on all priorities" },
		{ { .pfc = RDMA_UNSUPPORTED }, FINDING_WARNING, "offers none" },
		{ { .pfc = RDMA_KNOWN, .pause = RDMA_KNOWN, .pause_rx = true, .pause_tx = true },
		  FINDING_OK,
		  "pause frames for everything are on" },
		{ { .pfc = RDMA_KNOWN, .pause = RDMA_KNOWN, .pause_rx = true },
		  FINDING_WARNING,
		  "off on all priorities" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(states); i++)
		judge_flow(&states[i]);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/setup/pfc/good", test_good);
	g_test_add_func("/setup/pfc/none", test_none);
	g_test_add_func("/setup/pfc/error", test_error);
	g_test_add_func("/setup/pfc/broken", test_broken);
	g_test_add_func("/setup/pfc/judged", test_judged);
	return g_test_run();
}
