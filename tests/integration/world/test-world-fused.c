/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three hosts add to one counter by fused Compare and Write, while a fourth writes
 * zeros over the blocks beside it and verifies: every success is counted, once.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "tests/integration/world/fixture.h"

#define HOSTS 3
#define ROUNDS 100
#define LBA 7
#define BS 512

struct adder {
	struct host_io read, compare, write;
	struct iovec iov[3];
	uint8_t old[BS], new[BS];
	struct fx_host *h;
	unsigned left, halves, won;
};

static void begin(struct adder *a);

static void pair_done(struct adder *a)
{
	if (++a->halves < 2)
		return;
	if (a->compare.status == NVME_SUCCESS) {
		g_assert_cmphex(a->write.status, ==, NVME_SUCCESS);
		a->won++;
		a->left--;
	} else {
		g_assert_cmphex(a->compare.status, ==, NVME_SC_COMPARE_FAILURE | NVME_DNR);
		g_assert_cmphex(a->write.status, ==, NVME_SC_FUSED_FAILED);
	}
	if (a->left > 0)
		begin(a);
	else
		fx_done(a->h->fx, NULL);
}

static void compared(struct host_io *io)
{
	pair_done((struct adder *)((uint8_t *)io - offsetof(struct adder, compare)));
}

static void written(struct host_io *io)
{
	pair_done((struct adder *)((uint8_t *)io - offsetof(struct adder, write)));
}

static void was_read(struct host_io *io)
{
	struct adder *a = (struct adder *)io;
	struct host_qpair *q = host_ctrlr_qpair(a->h->ctrlr, a->left % 2);
	uint64_t value;

	g_assert_cmphex(io->status, ==, NVME_SUCCESS);
	memcpy(a->new, a->old, BS);
	memcpy(&value, a->new, sizeof(value));
	value++;
	memcpy(a->new, &value, sizeof(value));
	a->halves = 0;
	a->iov[1] = (struct iovec){ a->old, BS };
	a->iov[2] = (struct iovec){ a->new, BS };
	a->compare = (struct host_io){
		.done = compared, .nsid = 1, .lba = LBA, .blocks = 1, .iov = &a->iov[1], .niov = 1
	};
	a->write = a->compare;
	a->write.done = written;
	a->write.iov = &a->iov[2];
	a->write.lba++;
	g_assert_cmpint(host_compare_and_write(q, &a->compare, &a->write), ==, -EINVAL);
	a->write.lba--;
	g_assert_cmpint(host_compare_and_write(q, &a->compare, &a->write), ==, 0);
}

static void begin(struct adder *a)
{
	a->iov[0] = (struct iovec){ a->old, BS };
	a->read = (struct host_io){
		.done = was_read, .nsid = 1, .lba = LBA, .blocks = 1, .iov = a->iov, .niov = 1
	};
	g_assert_cmpint(host_read(host_ctrlr_qpair(a->h->ctrlr, 0), &a->read), ==, 0);
}

/* The fourth: erases what is beside, checks that it can be read. */
struct eraser {
	struct host_io io;
	struct fx_host *h;
	unsigned left;
};

static void erase(struct host_io *io)
{
	struct eraser *e = (struct eraser *)io;
	struct host_qpair *q = host_ctrlr_qpair(e->h->ctrlr, 0);

	g_assert_cmphex(io->status, ==, NVME_SUCCESS);
	if (e->left-- == 0) {
		fx_done(e->h->fx, NULL);
		return;
	}
	e->io = (struct host_io){ .done = erase, .nsid = 1, .lba = LBA + 1, .blocks = 50 };
	if (e->left % 3 == 0)
		g_assert_cmpint(host_verify(q, io), ==, 0);
	else
		g_assert_cmpint(host_write_zeroes(q, io, e->left & 1), ==, 0);
}

static struct fx_host *connect(struct fx *fx)
{
	struct fx_host *h = fx_host_new(fx, 1);
	struct host_params params;

	host_params_default(&params);
	params.subnqn = FX_NQN;
	params.io_queues = 2;
	g_assert_true(fx_connect(h, &params));
	return h;
}

static void test_counter(void)
{
	struct fx *fx = fx_new(11, 3);
	struct adder a[HOSTS] = { 0 };
	struct eraser e = { .left = 300 };
	uint64_t value;

	fx_config_default(fx, 64);
	for (unsigned i = 0; i < HOSTS; i++) {
		a[i].h = connect(fx);
		a[i].left = ROUNDS;
	}
	e.h = connect(fx);
	for (unsigned i = 0; i < HOSTS; i++) {
		fx_begin(fx);
		begin(&a[i]);
	}
	fx_begin(fx);
	erase(&e.io);
	fx_wait(fx, 60 * WORLD_SEC);
	fx_begin(fx);
	a[0].left = 1;
	begin(&a[0]);
	fx_wait(fx, WORLD_SEC);
	memcpy(&value, a[0].new, sizeof(value));
	g_assert_cmpuint(value, ==, HOSTS * ROUNDS + 1);
	fx_free(fx);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/world/fused/counter", test_counter);
	return g_test_run();
}
