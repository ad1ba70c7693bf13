/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mailbox of a reactor: lock-free, intrusive, first in first out for each
 * sender. Waking the receiver is the caller's part (reactor_post).
 */
#include "target/core/reactor-priv.h"

bool mailbox_push(struct mailbox *mb, struct msg *msg)
{
	struct msg *old = atomic_load_explicit(&mb->stack, memory_order_relaxed);

	do {
		atomic_store_explicit(&msg->next, old, memory_order_relaxed);
		/* Sequentially consistent: it pairs with the look at the mailbox after arming. */
	} while (!atomic_compare_exchange_weak(&mb->stack, &old, msg));
	return old == NULL;
}

static void take_over(struct mailbox *mb)
{
	struct msg *newest = atomic_exchange(&mb->stack, NULL);

	while (newest != NULL) {
		struct msg *older = atomic_load_explicit(&newest->next, memory_order_relaxed);

		atomic_store_explicit(&newest->next, mb->head, memory_order_relaxed);
		mb->head = newest;
		newest = older;
	}
}

struct msg *mailbox_pop(struct mailbox *mb)
{
	if (mb->head == NULL) {
		/* A plain load first: an idle pass must not write to a shared line. */
		if (atomic_load_explicit(&mb->stack, memory_order_relaxed) == NULL)
			return NULL;
		take_over(mb);
	}

	struct msg *msg = mb->head;
	mb->head = atomic_load_explicit(&msg->next, memory_order_relaxed);
	return msg;
}

bool mailbox_is_empty(struct mailbox *mb)
{
	return mb->head == NULL && atomic_load(&mb->stack) == NULL;
}
