/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the reader of what nvmetcli saves. Property: each call that a file becomes is
 * one that its method takes.
 */
#include <stdint.h>

#include "fuzz/config-fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jv_doc *doc = jv_parse((const char *)data, size, 0, NULL);
	const struct jv *root = doc ? jv_root(doc) : NULL;

	/* Saved ones name any method: config-json has them. */
	if (root && (jv_member(root, "ports") || jv_member(root, "hosts")))
		config_free(config_fuzz_parse((const char *)data, size, true));
	jv_doc_unref(doc);
	return 0;
}
