/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks at what a machine has for weft, and says what is wrong. It changes nothing. */
#include <stdio.h>
#include <string.h>

#include "tools/weft-setup/findings.h"
#include "tools/weft-setup/rdma.h"
#include "tools/weftctl/print.h"

enum { STATUS_OK, STATUS_WRONG, STATUS_USAGE };

struct options {
	gboolean json, quiet, version;
	char *root;
	int pid;
	char **words;
};

static bool parse(struct options *o, int *argc, char ***argv)
{
	const GOptionEntry entries[] = {
		{ "json", 0, 0, G_OPTION_ARG_NONE, &o->json, "Print JSON", NULL },
		{ "quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "Leave out what is right", NULL },
		{ "pid", 'p', 0, G_OPTION_ARG_INT, &o->pid,
		  "Look at the limits of this process (a weftd that runs, else one started here)",
		  "PID" },
		{ "root", 0, 0, G_OPTION_ARG_FILENAME, &o->root,
		  "Look at a copy of a machine's /sys, /proc and /dev", "DIR" },
		{ "version", 'V', 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL },
		{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->words, NULL, "rdma" },
		{ 0 },
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	g_option_context_add_main_entries(context, entries, NULL);
	g_option_context_set_summary(
		context, "Shows the RDMA devices of this machine and what is wrong with them. "
			 "Changes nothing.");
	if (!g_option_context_parse(context, argc, argv, &error))
		g_printerr("weft-setup: %s\n", error->message);
	else if (o->pid < 0)
		g_printerr("weft-setup: --pid %d: the number of a process expected\n", o->pid);
	else if (o->root && !g_file_test(o->root, G_FILE_TEST_IS_DIR))
		g_printerr("weft-setup: --root %s: there is no such directory\n", o->root);
	else if (o->version)
		return true;
	else if (!o->words || strcmp(o->words[0], "rdma") != 0 || o->words[1])
		g_printerr("weft-setup: %s%sone thing to look at expected: rdma\n",
			   o->words ? o->words[0] : "", o->words ? ": " : "");
	else
		return true;
	return false;
}

static int rdma(const struct options *o)
{
	struct rdma_look *look = rdma_look_new(o->root, o->pid);
	g_autoptr(GArray) findings = findings_new();
	g_autoptr(GString) text = g_string_new("{");

	if (o->pid && !look->user.known) {
		g_printerr("weft-setup: --pid %d: there is no such process, or nothing may be read "
			   "of it\n",
			   o->pid);
		rdma_look_free(look);
		return STATUS_USAGE;
	}
	rdma_judge(look, false, findings);
	if (o->json) {
		rdma_json(look, text);
		g_string_append(text, ", ");
		findings_json(findings, text);
		g_string_append_c(text, '}');
		print_indented(text->str, 2);
	} else {
		if (!o->quiet)
			rdma_print(look);
		findings_print(findings, o->quiet);
	}
	rdma_look_free(look);
	return findings_count(findings, FINDING_WRONG) > 0 ? STATUS_WRONG : STATUS_OK;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	int status = STATUS_USAGE;

	if (parse(&o, &argc, &argv)) {
		status = STATUS_OK;
		if (o.version)
			g_print("weft-setup " WEFT_VERSION "\n");
		else
			status = rdma(&o);
	}
	g_free(o.root);
	g_strfreev(o.words);
	return status;
}
