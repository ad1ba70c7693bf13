/* SPDX-License-Identifier: BSD-3-Clause */
/* Turns a dump of weftd's trace rings into text, or into a file for trace viewers. */
#include "tools/weft-trace/weft-trace.h"

#include <stdio.h>
#include <string.h>

#include "target/core/error.h"

struct options {
	gboolean chrome, version;
	char *output; /* NULL: standard output */
	char **files; /* at most one; NULL: standard input */
};

static bool parse_options(struct options *o, int *argc, char ***argv)
{
	const GOptionEntry entries[] = {
		{ "chrome", 'c', 0, G_OPTION_ARG_NONE, &o->chrome,
		  "JSON for chrome://tracing and Perfetto", NULL },
		{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output,
		  "Write to FILE instead of standard output", "FILE" },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Show the version", NULL },
		{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->files, NULL,
		  "[FILE]" },
		{ 0 },
	};
	GOptionContext *context = g_option_context_new("- shows what weftd's trace rings hold");
	g_autoptr(GError) error = NULL;
	bool ok;

	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_set_summary(context, "FILE (standard input when it is left out, or -) is "
					      "the answer of trace_dump, or what weftd\nwrote when "
					      "it crashed.");
	ok = g_option_context_parse(context, argc, argv, &error);
	if (!ok)
		g_printerr("weft-trace: %s\n", error->message);
	else if (o->files && g_strv_length(o->files) > 1) {
		g_printerr("weft-trace: one file at most\n");
		ok = false;
	}
	g_option_context_free(context);
	return ok;
}

static GString *read_all(FILE *in, const char *name)
{
	GString *text = g_string_new(NULL);
	char buf[65536];
	size_t n;

	while ((n = fread(buf, 1, sizeof(buf), in)) > 0) {
		if (text->len + n > DUMP_MAX_BYTES) {
			g_printerr("weft-trace: %s has more than %zu MiB\n", name,
				   DUMP_MAX_BYTES >> 20);
			g_string_free(text, TRUE);
			return NULL;
		}
		g_string_append_len(text, buf, (gssize)n);
	}
	if (ferror(in)) {
		g_printerr("weft-trace: cannot read %s\n", name);
		g_string_free(text, TRUE);
		return NULL;
	}
	return text;
}

static GString *read_input(const struct options *o)
{
	const char *name = o->files && o->files[0] ? o->files[0] : "-";
	GString *text;
	FILE *in;

	if (strcmp(name, "-") == 0)
		return read_all(stdin, "standard input");
	in = fopen(name, "re");
	if (!in) {
		g_printerr("weft-trace: cannot open %s: %m\n", name);
		return NULL;
	}
	text = read_all(in, name);
	fclose(in);
	return text;
}

static bool write_output(const struct options *o, const GString *text)
{
	g_autoptr(GError) error = NULL;

	if (o->output) {
		if (g_file_set_contents(o->output, text->str, (gssize)text->len, &error))
			return true;
		g_printerr("weft-trace: %s\n", error->message);
		return false;
	}
	if (fwrite(text->str, 1, text->len, stdout) == text->len && fflush(stdout) == 0)
		return true;
	g_printerr("weft-trace: cannot write: %m\n");
	return false;
}

static bool convert(const struct options *o)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	GString *text = read_input(o);
	struct dump *dump;

	if (!text)
		return false;
	dump = dump_parse(text->str, text->len, &error);
	g_string_free(text, TRUE);
	if (!dump) {
		g_printerr("weft-trace: %s\n", weft_error_detail(error));
		return false;
	}
	if (o->chrome)
		dump_chrome(dump, out);
	else
		dump_text(dump, out);
	if (dump->skipped > 0)
		g_printerr("weft-trace: %u line%s left out: not records\n", dump->skipped,
			   dump->skipped == 1 ? "" : "s");
	dump_free(dump);
	return write_output(o, out);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int status = 2;

	if (parse_options(&o, &argc, &argv)) {
		status = 0;
		if (o.version)
			g_print("weft-trace " WEFT_VERSION "\n");
		else
			status = convert(&o) ? 0 : 1;
	}
	g_free(o.output);
	g_strfreev(o.files);
	return status;
}
