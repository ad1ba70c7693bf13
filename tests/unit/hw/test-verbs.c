/* SPDX-License-Identifier: BSD-3-Clause */
/* RNICs by libibverbs: what does not need a device, or one poll function of a provider. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/linux/verbs/internal.h"
#include "tests/unit/core/fake-hw.h"

/* --- completions ------------------------------------------------------------------------- */

struct provider {
	struct ibv_cq ibv; /* first */
	struct ibv_context context;
	struct rnic_device dev;
	struct verbs_channel channel;
	struct rnic_cq cq;
	uint64_t head, tail; /* wr_ids of what is in the CQ */
	unsigned wc_flags;
};

static int poll_cq(struct ibv_cq *ibv, int n, struct ibv_wc *wc)
{
	struct provider *p = (struct provider *)ibv;
	int got = 0;

	while (got < n && p->head < p->tail)
		wc[got++] = (struct ibv_wc){ .wr_id = p->head++,
					     .opcode = IBV_WC_RECV,
					     .wc_flags = p->wc_flags };
	return got;
}

static void provider_init(struct provider *p, uint32_t vendor)
{
	*p = (struct provider){ .context.ops.poll_cq = poll_cq, .ibv.cqe = 8 };
	p->dev.info.attr.vendor_id = vendor;
	p->ibv.context = &p->context;
	p->channel.dev = &p->dev;
	p->cq.cq = &p->ibv;
	p->cq.channel = &p->channel;
}

static void expect(struct provider *p, int n, uint64_t first, uint64_t last)
{
	struct ibv_wc wc[16];

	g_assert_cmpint(verbs_cq_poll(&p->cq, n, wc), ==, last - first);
	for (uint64_t i = first; i < last; i++)
		g_assert_cmpuint(wc[i - first].wr_id, ==, i);
}

/* A provider forgets what a destroyed queue pair has in a CQ: we do not, nor its order. */
static void test_kept(void)
{
	struct provider p;

	provider_init(&p, 0x15b3);
	verbs_cq_keep(&p.cq);
	expect(&p, 16, 0, 0);
	p.tail = 5;
	verbs_cq_keep(&p.cq);
	g_assert_cmpuint(p.head, ==, 5);
	expect(&p, 2, 0, 2);
	p.tail = 7;
	verbs_cq_keep(&p.cq);
	p.tail = 9;
	expect(&p, 3, 2, 5);
	expect(&p, 3, 5, 8);
	expect(&p, 16, 8, 9);
	expect(&p, 16, 9, 9);
	g_assert_null(p.cq.kept);
	/* Others' may come for ever: no more than it holds. */
	p.tail = 100;
	verbs_cq_keep(&p.cq);
	g_assert_cmpuint(p.head, ==, 17);
	expect(&p, 16, 9, 25);
	g_assert_null(p.cq.kept);
}

static void test_flags(void)
{
	struct provider p;
	struct ibv_wc wc;

	provider_init(&p, 0xffffff); /* rdma_rxe */
	p.wc_flags = IBV_WC_IP_CSUM_OK;
	p.tail = 1;
	g_assert_cmpint(verbs_cq_poll(&p.cq, 1, &wc), ==, 1);
	g_assert_cmpuint(wc.wc_flags, ==, IBV_WC_WITH_INV);
	p.dev.info.attr.vendor_id = 0x15b3;
	p.tail = 2;
	g_assert_cmpint(verbs_cq_poll(&p.cq, 1, &wc), ==, 1);
	g_assert_cmpuint(wc.wc_flags, ==, IBV_WC_IP_CSUM_OK);
}

/* --- locked memory ------------------------------------------------------------------------ */

static void test_memlock(void)
{
	struct fake_hw *fake = fake_hw_new();
	struct verbs verbs = { .log = log_new(&fake->hw, LOG_ERROR) };
	struct rlimit limit;

	g_assert_cmpint(getrlimit(RLIMIT_MEMLOCK, &limit), ==, 0);
	limit.rlim_cur = 65536;
	g_assert_cmpint(setrlimit(RLIMIT_MEMLOCK, &limit), ==, 0);
	/* What is not about memory stays what it is, and is nobody's to mend here. */
	g_assert_cmpint(verbs_no_memory(&verbs, -EINVAL, "memory for data"), ==, -EINVAL);
	g_assert_cmpuint(fake->lines->len, ==, 0);
	g_assert_cmpint(verbs_no_memory(&verbs, -EAGAIN, "memory for data"), ==, -ENOMEM);
	g_assert_cmpuint(fake->lines->len, ==, 1);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const parts[] = { "ulimit -l unlimited", "LimitMEMLOCK=infinity",
						     "for=\"memory for data\" limit=65536" };

		g_assert_nonnull(strstr(fake->lines->pdata[0], parts[i]));
	}
	log_free(verbs.log);
	fake_hw_free(fake);
}

/* --- nodes -------------------------------------------------------------------------------- */

struct nodes {
	struct verbs_nodes n; /* first */
	char *above, *dir;
	unsigned came;
	GString *went;
};

static void node_came(struct verbs_nodes *n)
{
	((struct nodes *)n)->came++;
}

static void node_went(struct verbs_nodes *n, const char *node)
{
	g_string_append_printf(((struct nodes *)n)->went, "%s ", node);
}

/* Whether any may have come, and which went, since it was asked last. */
static void told(struct nodes *t, bool came, const char *went)
{
	struct pollfd p = { .fd = t->n.source.fd, .events = POLLIN };

	while (poll(&p, 1, 0) == 1)
		t->n.source.ready(&t->n.source);
	g_assert_cmpint(t->came > 0, ==, came);
	g_assert_cmpstr(t->went->str, ==, went);
	t->came = 0;
	g_string_truncate(t->went, 0);
}

static void make_node(const struct nodes *t, const char *name)
{
	g_autofree char *path = g_build_filename(t->dir, name, NULL);

	g_assert_cmpint(mkfifo(path, 0600), ==, 0);
}

static void remove_node(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	g_assert_cmpint(unlink(path), ==, 0);
}

static void make_dir(const struct nodes *t)
{
	g_assert_cmpint(mkdir(t->dir, 0700), ==, 0);
}

static void test_nodes(void)
{
	struct nodes t = { .n = { .came = node_came, .went = node_went } };
	g_autofree char *old = NULL;

	t.above = g_dir_make_tmp("weft-nodes-XXXXXX", NULL);
	t.dir = g_build_filename(t.above, "infiniband", NULL);
	old = g_build_filename(t.above, "old", NULL);
	t.went = g_string_new(NULL);
	/* Not there yet; others of its neighborhood do not matter. */
	g_assert_cmpint(verbs_nodes_open(&t.n, t.dir), ==, 0);
	g_assert_cmpint(mkdir(old, 0700), ==, 0);
	told(&t, false, "");
	make_dir(&t);
	told(&t, true, "");
	make_node(&t, "rdma_cm");
	told(&t, false, "");
	make_node(&t, "uverbs0");
	told(&t, true, "");
	/* It goes with its last node, and is back before anybody has looked. */
	remove_node(t.dir, "uverbs0");
	remove_node(t.dir, "rdma_cm");
	told(&t, false, "uverbs0 ");
	g_assert_cmpint(rmdir(t.dir), ==, 0);
	make_dir(&t);
	make_node(&t, "uverbs1");
	told(&t, true, "");
	remove_node(t.dir, "uverbs1");
	told(&t, false, "uverbs1 ");
	/* It goes, and later it is back. */
	g_assert_cmpint(rmdir(t.dir), ==, 0);
	told(&t, false, "");
	make_dir(&t);
	told(&t, true, "");
	make_node(&t, "uverbs2");
	told(&t, true, "");
	/* It is moved away, and replaced. */
	g_assert_cmpint(rmdir(old), ==, 0);
	g_assert_cmpint(rename(t.dir, old), ==, 0);
	told(&t, false, "");
	remove_node(old, "uverbs2");
	told(&t, false, "");
	make_dir(&t);
	told(&t, true, "");
	make_node(&t, "uverbs3");
	told(&t, true, "");
	remove_node(t.dir, "uverbs3");
	told(&t, false, "uverbs3 ");
	verbs_nodes_close(&t.n);
	g_assert_cmpint(rmdir(t.dir), ==, 0);
	/* Neither is there. */
	g_assert_cmpint(rmdir(old), ==, 0);
	g_assert_cmpint(rmdir(t.above), ==, 0);
	g_assert_cmpint(verbs_nodes_open(&t.n, t.dir), ==, -ENOENT);
	verbs_nodes_close(&t.n);
	g_string_free(t.went, TRUE);
	g_free(t.dir);
	g_free(t.above);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/verbs/kept", test_kept);
	g_test_add_func("/verbs/flags", test_flags);
	g_test_add_func("/verbs/nodes", test_nodes);
	g_test_add_func("/verbs/memlock", test_memlock);
	return g_test_run();
}
