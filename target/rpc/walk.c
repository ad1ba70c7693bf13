/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a walk through what there is stands; see walk.h. */
#include "target/rpc/walk.h"

#include "target/rpc/server.h"

void rpc_walk_clear(struct rpc_walk *walk)
{
	if (!walk->names)
		return;
	g_ptr_array_unref(g_steal_pointer(&walk->names));
	g_string_chunk_free(g_steal_pointer(&walk->strings));
}

void rpc_walk_begin(struct rpc_walk *walk)
{
	rpc_walk_clear(walk);
	walk->names = g_ptr_array_new();
	walk->strings = g_string_chunk_new(4096);
	walk->at = walk->inside = 0;
}

void rpc_walk_add(struct rpc_walk *walk, const char *name)
{
	g_ptr_array_add(walk->names, g_string_chunk_insert(walk->strings, name));
}

const char *rpc_walk_name(const struct rpc_walk *walk)
{
	return walk->at < walk->names->len ? walk->names->pdata[walk->at] : NULL;
}

void rpc_walk_bdevs(struct rpc_walk *walk)
{
	const GPtrArray *list = bdev_layer_list(walk->server->bdevs);

	rpc_walk_begin(walk);
	for (guint i = 0; i < list->len; i++)
		rpc_walk_add(walk, ((const struct bdev *)list->pdata[i])->name);
}
