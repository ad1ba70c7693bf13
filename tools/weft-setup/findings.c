/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/weft-setup/findings.h"

#include <string.h>

#include "tools/weftctl/print.h"

static const char *const status_names[] = { "ok", "warning", "wrong" };

static void finding_clear(void *p)
{
	struct finding *f = p;

	g_free(f->what);
	g_free(f->text);
	g_free(f->fix);
}

GArray *findings_new(void)
{
	GArray *findings = g_array_new(FALSE, FALSE, sizeof(struct finding));

	g_array_set_clear_func(findings, finding_clear);
	return findings;
}

/* Names in a text are of whoever wrote them. */
static char *clean(char *text)
{
	for (char *c = text; c && *c; c++)
		if (g_ascii_iscntrl(*c))
			*c = '?';
	return text;
}

void findings_vsay(GArray *findings, enum finding_status status, const char *what, const char *fix,
		   const char *format, va_list args)
{
	struct finding f = { .status = status,
			     .what = g_strdup(what),
			     .text = clean(g_strdup_vprintf(format, args)),
			     .fix = clean(g_strdup(fix)) };

	g_array_append_val(findings, f);
}

void findings_say(GArray *findings, enum finding_status status, const char *what, const char *fix,
		  const char *format, ...)
{
	va_list args;

	va_start(args, format);
	findings_vsay(findings, status, what, fix, format, args);
	va_end(args);
}

unsigned findings_count(const GArray *findings, enum finding_status status)
{
	unsigned n = 0;

	for (guint i = 0; i < findings->len; i++)
		n += g_array_index(findings, struct finding, i).status == status;
	return n;
}

void findings_print(const GArray *findings, bool quiet)
{
	unsigned wrong = findings_count(findings, FINDING_WRONG);
	unsigned warnings = findings_count(findings, FINDING_WARNING);

	for (guint i = 0; i < findings->len; i++) {
		const struct finding *f = &g_array_index(findings, struct finding, i);

		if (quiet && f->status == FINDING_OK)
			continue;
		g_print("%-8s %-12s %s\n", status_names[f->status], f->what, f->text);
		if (f->fix)
			g_print("%-21s -> %s\n", "", f->fix);
	}
	if (!quiet || wrong + warnings > 0)
		g_print("%u wrong, %u to look at\n", wrong, warnings);
}

void findings_json_text(GString *out, const char *text)
{
	g_autofree char *valid = text ? g_utf8_make_valid(text, -1) : NULL;

	if (valid)
		append_quoted(out, valid, strlen(valid));
	else
		g_string_append(out, "null");
}

void findings_json(const GArray *findings, GString *out)
{
	g_string_append_printf(out, "\"wrong\": %u, \"warnings\": %u, \"findings\": [",
			       findings_count(findings, FINDING_WRONG),
			       findings_count(findings, FINDING_WARNING));
	for (guint i = 0; i < findings->len; i++) {
		const struct finding *f = &g_array_index(findings, struct finding, i);

		g_string_append_printf(out, "%s{\"status\": \"%s\", \"what\": ", i ? ", " : "",
				       status_names[f->status]);
		findings_json_text(out, f->what);
		g_string_append(out, ", \"text\": ");
		findings_json_text(out, f->text);
		g_string_append(out, ", \"fix\": ");
		findings_json_text(out, f->fix);
		g_string_append_c(out, '}');
	}
	g_string_append_c(out, ']');
}
