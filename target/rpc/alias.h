/* SPDX-License-Identifier: BSD-3-Clause */
/* Older names of methods; needs nothing of the target. */
#pragma once

/* An older name of a method. */
struct rpc_alias {
	const char *name; /* NULL ends the table */
	const char *now;  /* may be a method that weft does not have: then neither is the alias */
};

extern const struct rpc_alias rpc_aliases[];
