/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The metrics as a table. A family is of one section of the snapshot; a sample's value
 * is a field of a structure there, or of the counts it points to.
 */
#pragma once

#include "target/metrics/snapshot.h"

enum metrics_section {
	METRICS_GLOBAL,
	METRICS_REACTORS,
	METRICS_SUBSYSTEMS,
	METRICS_NAMESPACES,
	METRICS_LISTENERS,
	METRICS_CTRLRS,
	METRICS_PATHS,
	METRICS_BDEVS,
	METRICS_RNICS,
	METRICS_SECTIONS
};

enum metrics_unit { METRICS_PLAIN, METRICS_NS, METRICS_MS, METRICS_MIB };

enum metrics_shape {
	METRICS_FIELD,	   /* of the section's structure */
	METRICS_COUNTS,	   /* of its counts; nothing is shown where they are NULL */
	METRICS_HISTOGRAM, /* latency[] of its counts; empty ones are not shown */
	METRICS_BDEV_HIST, /* of bdevs that have one */
	METRICS_INFO,	   /* 1, with more labels than others of the section have */
};

struct metrics_family {
	const char *name;
	const char *type; /* "counter", "gauge", "histogram" */
	const char *help;
	uint8_t section, shape, unit;
	uint8_t size; /* of the field: 4 or 8 */
	uint16_t offset;
	uint16_t stride;   /* from one value to the next */
	const char *label; /* tells the values of one thing apart; NULL: there is one */
	const char *const *values;
	uint8_t nvalues;
};

extern const struct metrics_family metrics_families[]; /* name NULL: the end */
