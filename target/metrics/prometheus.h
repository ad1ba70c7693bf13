/* SPDX-License-Identifier: BSD-3-Clause */
/* A snapshot as text for Prometheus (exposition format 0.0.4), a portion at a time. */
#pragma once

#include "target/metrics/snapshot.h"

struct prometheus {
	const struct metrics *metrics;
	unsigned family;
	unsigned item; /* of the family */
};

#define PROMETHEUS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* The snapshot stays until the text is complete. */
void prometheus_begin(struct prometheus *text, const struct metrics *metrics);
/* Appends more until out has at least enough bytes. False: that was all. */
bool prometheus_next(struct prometheus *text, GString *out, size_t enough);
/* A label's value between quotes, whatever bytes it has. */
void prometheus_escape(GString *out, const char *value);
/* Names of all families there are, in order; NULL at the end. */
const char *prometheus_family(unsigned i);
