/* SPDX-License-Identifier: BSD-3-Clause */
/* The NVMe/TCP host program: see docs/man/weft-host.1.scd. */
#include "tools/weft-host/app.h"

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *help = NULL;
	struct app app = { 0 };
	int status;

	if (!options_parse(&app.o, argc, argv, &help, &error)) {
		app_error(error);
		return 1;
	}
	if (help) {
		g_print("%s", help);
		return 0;
	}
	status = app_run(&app);
	options_clear(&app.o);
	return status;
}
