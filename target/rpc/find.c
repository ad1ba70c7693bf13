/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds a method by its name of today, or an older one. */
#include <string.h>

#include "target/rpc/methods.h"

const struct rpc_method *const rpc_old_method_tables[] = {
	rpc_methods_old,
	NULL,
};

static const struct rpc_method *find(const struct rpc_method *const *table, const char *name)
{
	for (; *table; table++)
		for (const struct rpc_method *m = *table; m->name; m++)
			if (strcmp(m->name, name) == 0)
				return m;
	return NULL;
}

const struct rpc_method *rpc_method_find_as(const char *name, const char **old)
{
	const struct rpc_method *m = find(rpc_method_tables, name);

	*old = NULL;
	if (m)
		return m;
	m = find(rpc_old_method_tables, name);
	if (m) {
		*old = m->name;
		return m;
	}
	for (const struct rpc_alias *alias = rpc_aliases; alias->name; alias++) {
		if (strcmp(alias->name, name) == 0) {
			*old = alias->name;
			return find(rpc_method_tables, alias->now);
		}
	}
	return NULL;
}

const struct rpc_method *rpc_method_find(const char *name)
{
	const char *old;

	return rpc_method_find_as(name, &old);
}
