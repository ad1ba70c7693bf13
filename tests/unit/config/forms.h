/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of files of others' forms: what calls each becomes, or what is wrong with it. */
#pragma once

struct form_case {
	const char *name; /* of the test; NULL ends a table */
	const char *text; /* of the file, which is called "F" */
	/* "LINE PART METHOD PARAMS\n" of each call; or what is wrong. */
	const char *calls, *wrong;
	const char *notes; /* "line N: ...\n" of each; NULL: none */
};

/* One test for each case, PREFIX/NAME. */
void forms_add(const char *prefix, const struct form_case *cases);
