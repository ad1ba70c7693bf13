/* SPDX-License-Identifier: BSD-3-Clause */
/* weftctl doctor: the order of things, and how they are shown. */
#include <string.h>

#include "tools/weft-setup/rdma.h"
#include "tools/weftctl/doctor.h"
#include "tools/weftctl/live.h"

/* --- findings ------------------------------------------------------------------------------------
 */

void doctor_say(struct doctor *d, enum finding_status status, const char *what, const char *fix,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	findings_vsay(d->findings, status, what, fix, format, args);
	va_end(args);
}

char *doctor_read(const char *path)
{
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	return g_strchomp(text);
}

static void print_json_all(const struct doctor *d)
{
	g_autoptr(GString) s = g_string_new("{");

	findings_json(d->findings, s);
	g_string_append_c(s, '}');
	print_indented(s->str, 2);
}

/* --- the command ---------------------------------------------------------------------------------
 */

static void look_at_file(struct doctor *d, const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	struct config *config;
	gsize len;

	if (!g_file_get_contents(path, &text, &len, &error)) {
		doctor_say(d, FINDING_WRONG, "config", "name a file that there is, and may be read",
			   "%s", error->message);
		return;
	}
	config = config_parse(path, text, len, &error);
	if (!config) {
		doctor_say(d, FINDING_WRONG, "config",
			   "correct the file; weftd --check-config FILE tries it", "%s",
			   ctl_reason(error));
		return;
	}
	for (guint i = 0; i < config->notes->len; i++)
		doctor_say(d, FINDING_WARNING, "config", "leave it out of the file", "%s: %s", path,
			   (char *)config->notes->pdata[i]);
	doctor_say(d, FINDING_OK, "config", NULL, "%s can be read: %u calls", path,
		   config->entries->len);
	doctor_config(d, config, false);
	config_free(config);
}

int run_doctor(struct ctl *ctl, const struct jv *params)
{
	struct doctor d = { .ctl = ctl };
	const char *path = live_text(params, "config");
	int status;

	if (refuse_dry_run(ctl, "doctor"))
		return EXIT_USAGE;
	d.findings = findings_new();
	d.served = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	d.verbs = rdma_present(NULL); /* weftd --rnic auto; one that runs is asked */
	doctor_target(&d, !*path);
	if (*path)
		look_at_file(&d, path);
	doctor_host(&d);
	if (ctl->json || (params && jv_member(params, "json")))
		print_json_all(&d);
	else
		findings_print(d.findings, params && jv_member(params, "quiet"));
	status = findings_count(d.findings, FINDING_WRONG) > 0 ? EXIT_FAILED : EXIT_OK;
	if (d.look)
		rdma_look_free(d.look);
	g_hash_table_unref(d.served);
	g_array_unref(d.findings);
	return status;
}
