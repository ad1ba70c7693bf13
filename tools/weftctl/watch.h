/* SPDX-License-Identifier: BSD-3-Clause */
/* weftctl watch: events as sentences. */
#pragma once

#include "tools/weftctl/live.h"

/* What a notification says, for people. Caller frees. */
char *watch_sentence(const char *type, const char *ctx);
