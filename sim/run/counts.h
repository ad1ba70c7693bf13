/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers by name, in the order of their first meeting. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct counts;

struct counts *counts_new(void);
void counts_free(struct counts *c);
void counts_add(struct counts *c, const char *name, uint64_t n);
uint64_t counts_get(const struct counts *c, const char *name);
/* It has been met, perhaps with 0. */
bool counts_has(const struct counts *c, const char *name);
unsigned counts_len(const struct counts *c);
const char *counts_at(const struct counts *c, unsigned i, uint64_t *n);
/* Sorted by name. */
void counts_sort(struct counts *c);
/* Sum of those whose names begin so. */
uint64_t counts_sum(const struct counts *c, const char *prefix);
