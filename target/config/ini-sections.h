/* SPDX-License-Identifier: BSD-3-Clause */
/* The sections and keys of an INI file of 2018, as data. */
#pragma once

#include "target/config/ini.h"

enum ini_kind {
	INI_NUMBER,  /* struct form_number at offset, from min to max */
	INI_BOOL,    /* the same, 0 or 1 */
	INI_STRING,  /* struct form_string at offset, 1 to max characters */
	INI_LIST,    /* take() for each: the key may be there many times */
	INI_IGNORED, /* of no effect in weft; why says so */
	INI_ABSENT,  /* of a part that this build does not have; why says which */
};

struct ini_key {
	const char *name; /* NULL ends a table */
	enum ini_kind kind;
	size_t offset;
	uint64_t min, max;
	/* INI_LIST, INI_ABSENT */
	unsigned least, most; /* values; most 0: any number */
	const char *usage;    /* values, for people */
	void (*take)(struct ini *ini, const struct ini_line *line);
	const char *why;
};

struct ini_section {
	const char *name;
	bool numbered; /* [NameN] */
	const struct ini_key *keys;
	/* A section begins, perhaps again. NULL: nothing to do. */
	void (*begin)(struct ini *ini, unsigned line);
	/* Of a part that this build does not have: all of it is. */
	const char *absent;
};

extern const struct ini_section ini_sections[];
extern const unsigned ini_sections_n;
