/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "sim/run/run-priv.h"

void run_raws_new(struct run *run)
{
	(void)run;
}
void run_raws_start(struct run *run)
{
	(void)run;
}
bool run_raws_done(struct run *run)
{
	(void)run;
	return true;
}
void run_raws_free(struct run *run)
{
	(void)run;
}
struct world_node *run_raw_node(const struct run *run, unsigned i)
{
	(void)run;
	(void)i;
	return NULL;
}
const char *run_raw_nqn(const struct run *run, const char *name)
{
	(void)run;
	return name;
}
