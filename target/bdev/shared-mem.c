/* SPDX-License-Identifier: BSD-3-Clause */
/* Reference-counted device memory: see bdev-priv.h. */
#include <errno.h>
#include <stdatomic.h>

#include "hw/mem.h"
#include "target/bdev/bdev-priv.h"
#include "target/core/error.h"

struct shared_mem {
	atomic_uint refs;
	struct hw_mem *hw_mem;
	struct mem_chunk *chunk;
};

struct shared_mem *shared_mem_new(const struct hw *hw, size_t len, GError **error)
{
	struct mem_chunk *chunk = NULL;
	int rc = hw->mem->ops->alloc(hw->mem, len, &chunk);

	if (rc < 0) {
		weft_error_set(error, rc, NULL, "%zu bytes of memory: %s", len, g_strerror(-rc));
		return NULL;
	}

	struct shared_mem *mem = g_new0(struct shared_mem, 1);

	atomic_init(&mem->refs, 1);
	mem->hw_mem = hw->mem;
	mem->chunk = chunk;
	return mem;
}

struct shared_mem *shared_mem_ref(struct shared_mem *mem)
{
	atomic_fetch_add_explicit(&mem->refs, 1, memory_order_relaxed);
	return mem;
}

void shared_mem_unref(struct shared_mem *mem)
{
	if (mem == NULL || atomic_fetch_sub(&mem->refs, 1) != 1)
		return;
	mem->hw_mem->ops->free(mem->hw_mem, mem->chunk);
	g_free(mem);
}

void *shared_mem_base(const struct shared_mem *mem)
{
	return mem->chunk->base;
}
