/* SPDX-License-Identifier: BSD-3-Clause */
/* A module for RNICs as another version of weft would have it. */
#include "hw/linux/verbs/verbs.h"

extern const struct verbs_entry weft_rnic_verbs;
const struct verbs_entry weft_rnic_verbs = { .build = "0.0.1" };
