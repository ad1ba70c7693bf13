/* SPDX-License-Identifier: BSD-3-Clause */
/* Input of a harness as a stream of bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Takes bytes off an input; zeros behind its end. */
struct fuzz_input {
	const uint8_t *data;
	size_t len;
};

uint8_t fuzz_byte(struct fuzz_input *in);
void fuzz_bytes(struct fuzz_input *in, void *to, size_t len);

/* g_error() ends in SIGTRAP, of which libFuzzer does not know: SIGABRT from now on. */
void fuzz_abort_on_trap(void);
