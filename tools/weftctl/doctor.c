/* SPDX-License-Identifier: BSD-3-Clause */
/* weftctl doctor: the order of things, and how they are shown. */
#include <string.h>

#include "tools/weftctl/doctor.h"
#include "tools/weftctl/live.h"

static const char *const status_names[] = { "ok", "warning", "wrong" };

/* --- findings ------------------------------------------------------------------------------------
 */

static void finding_clear(void *p)
{
	struct doctor_finding *f = p;

	g_free(f->what);
	g_free(f->text);
	g_free(f->fix);
}

void doctor_say(struct doctor *d, enum doctor_status status, const char *what, const char *fix,
		const char *format, ...)
{
	struct doctor_finding f = { .status = status,
				    .what = g_strdup(what),
				    .fix = g_strdup(fix) };
	va_list args;

	va_start(args, format);
	f.text = g_strdup_vprintf(format, args);
	va_end(args);
	/* names in it are of whoever wrote the file */
	for (char *c = f.text; *c; c++)
		if (g_ascii_iscntrl(*c))
			*c = '?';
	g_array_append_val(d->findings, f);
}

char *doctor_read(const char *path)
{
	char *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	return g_strchomp(text);
}

static guint count(const struct doctor *d, enum doctor_status status)
{
	guint n = 0;

	for (guint i = 0; i < d->findings->len; i++)
		n += g_array_index(d->findings, struct doctor_finding, i).status == status;
	return n;
}

/* --- output --------------------------------------------------------------------------------------
 */

static void append_text(GString *s, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	append_quoted(s, valid, strlen(valid));
}

static void print_json_all(const struct doctor *d)
{
	g_autoptr(GString) s = g_string_new(NULL);

	g_string_printf(s, "{\"wrong\": %u, \"warnings\": %u, \"findings\": [",
			count(d, DOCTOR_WRONG), count(d, DOCTOR_WARNING));
	for (guint i = 0; i < d->findings->len; i++) {
		const struct doctor_finding *f =
			&g_array_index(d->findings, struct doctor_finding, i);

		g_string_append_printf(s, "%s{\"status\": \"%s\", \"what\": ", i ? ", " : "",
				       status_names[f->status]);
		append_text(s, f->what);
		g_string_append(s, ", \"text\": ");
		append_text(s, f->text);
		g_string_append(s, ", \"fix\": ");
		if (f->fix)
			append_text(s, f->fix);
		else
			g_string_append(s, "null");
		g_string_append_c(s, '}');
	}
	g_string_append(s, "]}");
	print_indented(s->str, 2);
}

static void print_all(const struct doctor *d, bool quiet)
{
	for (guint i = 0; i < d->findings->len; i++) {
		const struct doctor_finding *f =
			&g_array_index(d->findings, struct doctor_finding, i);

		if (quiet && f->status == DOCTOR_OK)
			continue;
		g_print("%-8s %-12s %s\n", status_names[f->status], f->what, f->text);
		if (f->fix)
			g_print("%-21s -> %s\n", "", f->fix);
	}
	if (!quiet || count(d, DOCTOR_WRONG) + count(d, DOCTOR_WARNING) > 0)
		g_print("%u wrong, %u to look at\n", count(d, DOCTOR_WRONG),
			count(d, DOCTOR_WARNING));
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
		doctor_say(d, DOCTOR_WRONG, "config", "name a file that there is, and may be read",
			   "%s", error->message);
		return;
	}
	config = config_parse(path, text, len, &error);
	if (!config) {
		doctor_say(d, DOCTOR_WRONG, "config",
			   "correct the file; weftd --check-config FILE tries it", "%s",
			   ctl_reason(error));
		return;
	}
	for (guint i = 0; i < config->notes->len; i++)
		doctor_say(d, DOCTOR_WARNING, "config", "leave it out of the file", "%s: %s", path,
			   (char *)config->notes->pdata[i]);
	doctor_say(d, DOCTOR_OK, "config", NULL, "%s can be read: %u calls", path,
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
	d.findings = g_array_new(FALSE, FALSE, sizeof(struct doctor_finding));
	g_array_set_clear_func(d.findings, finding_clear);
	d.served = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	doctor_target(&d, !*path);
	if (*path)
		look_at_file(&d, path);
	doctor_host(&d);
	if (ctl->json || (params && jv_member(params, "json")))
		print_json_all(&d);
	else
		print_all(&d, params && jv_member(params, "quiet"));
	status = count(&d, DOCTOR_WRONG) > 0 ? EXIT_FAILED : EXIT_OK;
	g_hash_table_unref(d.served);
	g_array_unref(d.findings);
	return status;
}
