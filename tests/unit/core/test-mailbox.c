/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages from several real threads to one reactor: none lost, none twice,
 * each sender's in order, and never asleep while there is one. Meant for TSan.
 */
#include <pthread.h>

#include "tests/unit/core/fake-hw.h"

#define SENDERS 3
#define PER_SENDER 20000

struct numbered {
	struct msg msg;
	struct receiver *receiver;
	unsigned sender, number;
};

struct receiver {
	struct fake_hw *fake;
	struct reactor *r;
	struct numbered *msgs[SENDERS];
	unsigned next[SENDERS];
	unsigned received;
};

static void receive(struct msg *msg, struct reactor *r)
{
	struct numbered *n = (struct numbered *)msg;

	g_assert_true(r == n->receiver->r);
	g_assert_cmpuint(n->number, ==, n->receiver->next[n->sender]);
	n->receiver->next[n->sender]++;
	n->receiver->received++;
	/* The memory is the receiver's now: whoever still used it would be seen. */
	*n = (struct numbered){ .sender = ~0u };
}

struct sender_arg {
	struct receiver *receiver;
	unsigned sender;
};

static void *sender_main(void *data)
{
	struct sender_arg *arg = data;

	for (unsigned i = 0; i < PER_SENDER; i++) {
		struct numbered *n = &arg->receiver->msgs[arg->sender][i];

		n->msg.fn = receive;
		n->receiver = arg->receiver;
		n->sender = arg->sender;
		n->number = i;
		reactor_post(arg->receiver->r, &n->msg);
	}
	return NULL;
}

/* A runner that sleeps on a count of wakes: loses nothing, or this test does not end. */
static void test_threads(void)
{
	struct receiver rx = { .fake = fake_hw_new() };
	struct sender_arg args[SENDERS];
	pthread_t threads[SENDERS];
	struct fake_runner *runner = &rx.fake->runners[0];
	unsigned seen = 0;

	rx.r = reactor_new(NULL, &rx.fake->hw, 0);
	g_assert_cmpint(reactor_start(rx.r, "rx", -1, 0), ==, 0);
	for (unsigned i = 0; i < SENDERS; i++) {
		rx.msgs[i] = g_new0(struct numbered, PER_SENDER);
		args[i] = (struct sender_arg){ .receiver = &rx, .sender = i };
		g_assert_cmpint(pthread_create(&threads[i], NULL, sender_main, &args[i]), ==, 0);
	}
	while (rx.received < SENDERS * PER_SENDER) {
		if (reactor_pass(rx.r) > 0 || !reactor_arm(rx.r))
			continue;
		/* asleep: only a wake since the last sleep may end it */
		while (atomic_load(&runner->wakes) == seen)
			;
		seen = atomic_load(&runner->wakes);
		reactor_disarm(rx.r);
	}
	for (unsigned i = 0; i < SENDERS; i++) {
		pthread_join(threads[i], NULL);
		g_assert_cmpuint(rx.next[i], ==, PER_SENDER);
		g_free(rx.msgs[i]);
	}
	g_assert_cmpuint(reactor_pass(rx.r), ==, 0);
	g_assert_cmpuint(rx.r->stats.messages, ==, SENDERS * PER_SENDER);
	reactor_stop(rx.r);
	reactor_free(rx.r);
	fake_hw_free(rx.fake);
}

/* Stopping while others post: the fake runner asserts that nobody wakes a stopped one. */
static void test_stop_race(void)
{
	struct receiver rx = { .fake = fake_hw_new() };
	struct sender_arg args[SENDERS];
	pthread_t threads[SENDERS];

	rx.r = reactor_new(NULL, &rx.fake->hw, 0);
	g_assert_cmpint(reactor_start(rx.r, "rx", -1, 0), ==, 0);
	for (unsigned i = 0; i < SENDERS; i++) {
		rx.msgs[i] = g_new0(struct numbered, PER_SENDER);
		args[i] = (struct sender_arg){ .receiver = &rx, .sender = i };
		g_assert_cmpint(pthread_create(&threads[i], NULL, sender_main, &args[i]), ==, 0);
	}
	while (rx.received < PER_SENDER)
		reactor_pass(rx.r);
	reactor_stop(rx.r);
	for (unsigned i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	while (reactor_pass(rx.r) > 0)
		;
	g_assert_cmpuint(rx.received, ==, SENDERS * PER_SENDER);
	for (unsigned i = 0; i < SENDERS; i++)
		g_free(rx.msgs[i]);
	reactor_free(rx.r);
	fake_hw_free(rx.fake);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/mailbox/threads", test_threads);
	g_test_add_func("/mailbox/stop-race", test_stop_race);
	return g_test_run();
}
