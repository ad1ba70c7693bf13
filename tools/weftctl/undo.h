/* SPDX-License-Identifier: BSD-3-Clause */
/* What a load has done, and taking it back. */
#pragma once

#include "target/config/config.h"
#include "tools/weftctl/weftctl.h"

struct undo;

/* The method that takes back what method has made; NULL: there is none. */
const char *undo_method(const char *method);

struct undo *undo_new(void);
void undo_free(struct undo *undo);
/* entry (which outlives undo) has run with that response, which is taken. */
void undo_add(struct undo *undo, const struct config_entry *entry, struct jv_doc *response);
/* Takes back all that there is a way back from, last first, and says what stays. */
void undo_run(struct undo *undo, struct ctl *ctl);
