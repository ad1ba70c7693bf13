/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz/input.h"

#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

uint8_t fuzz_byte(struct fuzz_input *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->data++;
}

void fuzz_bytes(struct fuzz_input *in, void *to, size_t len)
{
	size_t n = MIN(len, in->len);

	memset(to, 0, len);
	memcpy(to, in->data, n);
	in->data += n;
	in->len -= n;
}

static void trapped(int signal_number)
{
	(void)signal_number;
	abort();
}

void fuzz_abort_on_trap(void)
{
	signal(SIGTRAP, trapped);
}
