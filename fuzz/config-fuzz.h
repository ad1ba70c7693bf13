/* SPDX-License-Identifier: BSD-3-Clause */
/* What the fuzzers of configuration files share. */
#pragma once

#include "target/config/config.h"

/*
 * Parses: what is wrong is said in UTF-8 and begins with the file's name; what is
 * right gives entries that point to what lives as long as they do. sound: a parser
 * that writes calls itself writes none that its method would not take. NULL: wrong.
 * The caller frees.
 */
struct config *config_fuzz_parse(const char *text, size_t len, bool sound);
