/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that a device has written. valgrind sees what the process writes, and the kernel for
 * it: what a device has read from a host, or a host has written, it takes for undefined.
 * Whoever takes the completion says so, before anybody looks at the data. Without valgrind's
 * headers this is nothing; without valgrind a few instructions.
 */
#pragma once

#include <stddef.h>

#ifdef WEFT_HAVE_VALGRIND
#include <valgrind/memcheck.h>
#endif

static inline void mem_written(const void *ptr, size_t len)
{
#ifdef WEFT_HAVE_VALGRIND
	(void)VALGRIND_MAKE_MEM_DEFINED(ptr, len);
#endif
	(void)ptr;
	(void)len;
}
