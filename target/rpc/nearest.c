/* SPDX-License-Identifier: BSD-3-Clause */
/* Which known name a mistyped one is most like: by the edits between them. */
#include "target/rpc/nearest.h"

#include <glib.h>
#include <string.h>

#define NEAREST_MAX 64

static unsigned distance(const char *a, const char *b)
{
	unsigned row[NEAREST_MAX + 1];
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < n; j++) {
			unsigned change = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			row[j + 1] = MIN(change, 1 + MIN(row[j], diagonal));
		}
	}
	return row[n];
}

const char *rpc_nearest(const char *text, const char *const *names)
{
	const char *best = NULL;
	unsigned best_distance = UINT_MAX;

	if (strlen(text) > NEAREST_MAX)
		return NULL;
	for (; *names; names++) {
		if (strlen(*names) > NEAREST_MAX)
			continue;

		unsigned d = distance(text, *names);
		if (d < best_distance) {
			best = *names;
			best_distance = d;
		}
	}
	return best && best_distance <= 1 + strlen(best) / 3 ? best : NULL;
}
