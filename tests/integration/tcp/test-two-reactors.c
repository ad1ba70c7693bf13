/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Real threads, for the thread sanitizer: a target and a host of two reactors
 * each in one process over loopback, verified I/O on four queues, and a second
 * namespace that is added, resized, shown to the host, hidden from it and removed
 * all the while, as the ANA state of the path and the first namespace's group change.
 */
#include <string.h>

#include "hw/linux/linux.h"
#include "target/host/host.h"
#include "target/target.h"

#define NQN "nqn.2016-06.io.weft:threads"
#define HOSTNQN "nqn.2014-08.org.nvmexpress:uuid:00000000-0000-4000-8000-000000000001"
#define QUEUES 4
#define DEPTH 8
#define IOS 400	     /* of each slot */
#define SPAN 64	     /* blocks of a slot */
#define CHURN_MIN 10 /* rounds at least */

struct slot {
	struct host_io io;
	struct iovec iov;
	struct test *t;
	struct host_qpair *q;
	unsigned index, n;
	bool verify;
	uint8_t data[SPAN * 512];
};

struct test {
	struct linux_hw *target_hw, *host_hw;
	struct target *target;
	struct core *host;
	struct host_ctrlr *ctrlr;
	struct nvmf_subsystem *s;
	uint16_t port;
	unsigned running; /* slots; main thread */
	unsigned rounds;  /* of the namespace */
	bool churning, connected, over;
	struct slot slots[QUEUES * DEPTH];
};

static void until(const bool *flag)
{
	while (!*flag)
		g_main_context_iteration(NULL, TRUE);
}

static gboolean too_long(void *arg)
{
	(void)arg;
	g_error("the test does not end");
	return G_SOURCE_REMOVE;
}

/* --- I/O, on the reactor of the queue ----------------------------------------------------- */

static void next(struct slot *s);

static void slot_over(struct reactor *r, void *arg)
{
	struct slot *s = arg;

	(void)r;
	s->t->running--;
}

static uint8_t byte_of(const struct slot *s, size_t i)
{
	return (uint8_t)(s->n / 2 * 31 + s->index * 7 + i + (i >> 9));
}

static void io_done(struct host_io *io)
{
	struct slot *s = (struct slot *)io;

	if (io->nsid == 1) {
		g_assert_cmphex(io->status, ==, NVME_SUCCESS);
		for (size_t i = 0; s->verify && i < s->iov.iov_len; i++)
			g_assert_cmpuint(s->data[i], ==, byte_of(s, i));
	}
	s->n++;
	next(s);
}

static void next(struct slot *s)
{
	bool other = s->n % 8 >= 6;
	uint32_t blocks = other ? 1 : 1 + s->n / 2 * 5 % SPAN;

	if (s->n == IOS) {
		core_call(core_main(s->t->host), slot_over, s);
		return;
	}
	s->iov = (struct iovec){ s->data, (size_t)blocks * 512 };
	s->io = (struct host_io){ .done = io_done,
				  .iov = &s->iov,
				  .niov = 1,
				  .nsid = other ? 2 : 1,
				  .lba = other ? 0 : (uint64_t)s->index * SPAN,
				  .blocks = blocks };
	s->verify = !other && s->n % 2 == 1;
	if (s->n % 2 == 0) {
		for (size_t i = 0; i < s->iov.iov_len; i++)
			s->data[i] = byte_of(s, i);
		g_assert_cmpint(host_write(s->q, &s->io), ==, 0);
	} else {
		memset(s->data, 0, s->iov.iov_len);
		g_assert_cmpint(host_read(s->q, &s->io), ==, 0);
	}
}

static void slot_start(struct reactor *r, void *arg)
{
	(void)r;
	next(arg);
}

/* --- the second namespace, on the main thread ------------------------------------------------ */

static void churn(struct test *t);

static void removed(void *arg, const GError *error)
{
	struct test *t = arg;

	g_assert_no_error(error);
	t->rounds++;
	churn(t);
}

static void hidden(void *arg, const GError *error)
{
	struct test *t = arg;

	g_assert_no_error(error);
	nvmf_subsystem_remove_ns(t->s, 2, removed, t);
}

static void regrouped(void *arg, const GError *error)
{
	struct test *t = arg;

	g_assert_no_error(error);
	nvmf_ns_remove_host(t->s, 2, HOSTNQN, hidden, t);
}

static void stated(void *arg, const GError *error)
{
	struct test *t = arg;

	g_assert_no_error(error);
	nvmf_subsystem_set_ns_ana_group(t->s, 1, 1 + t->rounds % 3, regrouped, t);
}

/* States that I/O is done in, since all of it is verified. */
static void shown(void *arg, const GError *error)
{
	struct test *t = arg;
	const struct nvmf_listener *l = g_ptr_array_index(t->s->listeners, 0);

	g_assert_no_error(error);
	nvmf_subsystem_set_ana_state(t->s, &l->trid,
				     t->rounds % 2 ? NVME_ANA_OPTIMIZED : NVME_ANA_NON_OPTIMIZED, 0,
				     stated, t);
}

static void added(void *arg, const GError *error)
{
	struct test *t = arg;
	struct bdev *b = bdev_find(t->target->bdevs, "Null0");

	g_assert_no_error(error);
	g_assert_true(bdev_resize(b, 100 + t->rounds, NULL));
	g_assert_true(bdev_resize(b, 1000 + t->rounds, NULL));
	nvmf_ns_add_host(t->s, 2, HOSTNQN, shown, t);
}

static void churn(struct test *t)
{
	const struct nvmf_ns_options ns = { .bdev_name = "Null0",
					    .nsid = 2,
					    .no_auto_visible = true };

	t->churning = t->running > 0 || t->rounds < CHURN_MIN;
	if (t->churning)
		nvmf_subsystem_add_ns(t->s, &ns, NULL, added, t);
}

/* --- set-up ------------------------------------------------------------------------------------
 */

static void plain_done(void *arg, const GError *error)
{
	g_assert_no_error(error);
	*(bool *)arg = true;
}

static void flag_done(void *arg)
{
	*(bool *)arg = true;
}

static void make_target(struct test *t)
{
	const struct target_options options = { .core = { .nreactors = 2 } };
	const struct nvmf_subsystem_options so = { .nqn = NQN,
						   .allow_any_host = true,
						   .ana_reporting = true };
	const struct nvmf_ns_options ns = { .bdev_name = "Malloc0", .nsid = 1 };
	struct nvmf_transport_options to;
	struct nvmf_trid trid;
	GError *error = NULL;
	bool done = false;

	t->target = target_new(linux_hw_get(t->target_hw), &options, &error);
	g_assert_no_error(error);
	nvmf_transport_options_default(&to);
	g_assert_nonnull(nvmf_transport_create(t->target->nvmf, "TCP", &to, &error));
	bdev_malloc_create(t->target->bdevs, "Malloc0", QUEUES * DEPTH * SPAN, 512, NULL, &error);
	g_assert_no_error(error);
	bdev_null_create(t->target->bdevs, "Null0", 512, 512, NULL, &error);
	g_assert_no_error(error);
	t->s = nvmf_subsystem_create(t->target->nvmf, &so, &error);
	g_assert_no_error(error);
	g_assert_true(nvmf_trid_parse(&trid, "TCP", NULL, "127.0.0.1", "0", &error));
	g_assert_true(nvmf_subsystem_add_listener(t->s, &trid, &error));
	t->port = ((struct nvmf_listener *)g_ptr_array_index(t->s->listeners, 0))->trid.addr.port;
	nvmf_subsystem_add_ns(t->s, &ns, NULL, plain_done, &done);
	until(&done);
}

static void connected(struct host_ctrlr *c, const GError *error, void *arg)
{
	struct test *t = arg;

	g_assert_no_error(error);
	t->ctrlr = c;
	t->connected = true;
}

static void start_connect(struct reactor *r, void *arg)
{
	struct test *t = arg;
	g_autofree char *port = g_strdup_printf("%u", t->port);
	struct host_params p;
	GError *error = NULL;

	host_params_default(&p);
	g_assert_true(net_addr_parse(&p.addr, "127.0.0.1", port, NULL));
	p.subnqn = NQN;
	p.hostnqn = HOSTNQN;
	memset(p.hostid, 1, sizeof(p.hostid));
	p.io_queues = QUEUES;
	p.reactors = t->host->reactors;
	p.nreactors = 2;
	host_ctrlr_connect(r, &p, connected, t, &error);
	g_assert_no_error(error);
}

static void make_host(struct test *t)
{
	const struct core_options options = { .nreactors = 2 };
	GError *error = NULL;

	t->host = core_new(linux_hw_get(t->host_hw), &options, &error);
	g_assert_no_error(error);
	g_assert_true(core_start(t->host, &error));
	core_call(core_main(t->host), start_connect, t);
	until(&t->connected);
	g_assert_cmpuint(host_ctrlr_qpairs(t->ctrlr), ==, QUEUES);
}

static void start_disconnect(struct reactor *r, void *arg)
{
	struct test *t = arg;

	(void)r;
	host_ctrlr_disconnect(t->ctrlr, flag_done, &t->over);
}

static void finish(struct test *t, bool rough)
{
	bool done = false;

	if (!rough) {
		core_call(core_main(t->host), start_disconnect, t);
		until(&t->over);
	}
	target_shutdown(t->target, flag_done, &done);
	until(&done);
	if (rough) { /* the target went first */
		core_call(core_main(t->host), start_disconnect, t);
		until(&t->over);
	}
	target_free(t->target);
	core_stop(t->host);
	core_free(t->host);
	linux_hw_free(t->target_hw);
	linux_hw_free(t->host_hw);
}

static void run(enum linux_net_engine engine, bool rough)
{
	const struct linux_hw_options options = { .net_engine = engine };
	g_autoptr(GError) error = NULL;
	struct test *t = g_new0(struct test, 1);
	unsigned watchdog = g_timeout_add_seconds(120, too_long, NULL);

	t->target_hw = linux_hw_new(&options, &error);
	if (t->target_hw == NULL) {
		g_test_skip(error->message);
		g_source_remove(watchdog);
		g_free(t);
		return;
	}
	t->host_hw = linux_hw_new(&options, &error);
	g_assert_no_error(error);
	make_target(t);
	make_host(t);
	t->running = QUEUES * DEPTH;
	for (unsigned i = 0; i < QUEUES * DEPTH; i++) {
		struct slot *s = &t->slots[i];

		s->t = t;
		s->index = i;
		s->q = host_ctrlr_qpair(t->ctrlr, i % QUEUES);
		core_call(host_qpair_reactor(s->q), slot_start, s);
	}
	churn(t);
	while (t->running > 0 || t->churning)
		g_main_context_iteration(NULL, TRUE);
	g_test_message("%u rounds of the second namespace", t->rounds);
	finish(t, rough);
	g_source_remove(watchdog);
	g_free(t);
}

static void test_epoll(void)
{
	run(LINUX_NET_EPOLL, false);
	run(LINUX_NET_EPOLL, true);
}

static void test_uring(void)
{
	run(LINUX_NET_IO_URING, false);
	run(LINUX_NET_IO_URING, true);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/tcp/two-reactors/epoll", test_epoll);
	g_test_add_func("/tcp/two-reactors/io_uring", test_uring);
	return g_test_run();
}
