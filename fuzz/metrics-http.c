/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes what a client of the metrics endpoint controls: the heads of its requests.
 *
 * Properties: what is found does not depend on how much has come after it, nor is
 * anything found before all of it has come; a head ends with an empty line; after an
 * error that may have hidden where the next request begins nothing more is taken.
 */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "target/metrics/http-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_status(const struct http_request *r)
{
	static const unsigned known[] = { 0, 400, 404, 405, 431, 501, 505 };
	bool found = false;

	for (unsigned i = 0; i < G_N_ELEMENTS(known); i++)
		found |= r->status == known[i];
	g_assert_true(found);
	if (r->status != 0 && r->status != 404 && r->status != 405)
		g_assert_false(r->keep);
}

static void check_head(const char *text, size_t len, size_t used, const struct http_request *r)
{
	struct http_request again;

	g_assert_cmpuint(used, <=, MIN(len, HTTP_HEAD_MAX));
	g_assert_cmpint(text[used - 1], ==, '\n');
	g_assert_cmpuint(http_parse(text, used, &again), ==, used);
	g_assert_cmpuint(again.status, ==, r->status);
	g_assert_true(again.keep == r->keep && again.head == r->head && again.index == r->index);
	g_assert_cmpuint(http_parse(text, used - 1, &again), ==, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct http_request r;

	while (size > 0) {
		size_t used = http_parse(text, size, &r);

		check_status(&r);
		if (used == 0) {
			g_assert_true(r.status == (size >= HTTP_HEAD_MAX ? 431 : 0));
			break;
		}
		check_head(text, size, used, &r);
		if (!r.keep)
			break;
		text += used;
		size -= used;
	}
	return 0;
}
