/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An RNIC in between, which fails at one call of those that may fail, whichever it is, and
 * hands over all others. There is one at a time.
 */
#pragma once

#include "target/core/rnic.h"

struct fails {
	struct hw_rnic outer; /* to be had instead of real */
	struct hw_rnic_ops ops;
	struct hw_rnic *real;
	const struct hw_rnic_ops *real_ops;
	unsigned in;	    /* that many calls; 0: none of them fails */
	const char *only;   /* counts these alone; NULL: all */
	const char *failed; /* the call that did; NULL: none yet */
};

extern struct fails fails;

/* Between the RNIC and whoever gets fails.outer, or fails.ops. None fails so far. */
void fails_wrap(struct hw_rnic *real);
/* It is this call's turn. */
bool fails_now(const char *what);
