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

/*
 * main() of a test of one form: a test for each case, /config/FORM/{good,bad}/NAME. With
 * "--write DIR" instead, the files themselves, {good,bad}-NAME: seeds for the fuzzer.
 */
int forms_main(int argc, char *argv[], const char *form, const struct form_case *good,
	       const struct form_case *bad);
