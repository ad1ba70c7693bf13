/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that weftctl makes of several calls, and its own options. */
#include "tools/weftctl/args.h"

/* clang-format off */
#define INDENT OPT('i', "indent", "indent", ARG_INT, "blanks a level (2); below 0: all on one line")
#define FILE_ARG \
	OPT('j', "json-conf", "file", ARG_STR, "the file (standard input)", .also = "--json-config", .names = NAMES_FILE)

const struct command commands_local[] = {
	{ "save_config", "Print the configuration, as load_config and weftd -c read it", OUT_JSON, .args = ARGS {
		INDENT,
		OPT('s', "subsystems", "subsystems", ARG_LIST, "only these parts and those they depend on: a,b"), END },
		.run = save_config },
	{ "load_config", "Call the methods of a saved configuration; all or nothing", OUT_NONE, .args = ARGS {
		FILE_ARG,
		OPT('i', "include-aliases", "include_aliases", ARG_TRUE, "accepted: older names always do"), END },
		.run = load_config },
	{ "save_subsystem_config", "Print one part of the configuration", OUT_JSON, .args = ARGS {
		INDENT,
		REQ('n', "name", "name", ARG_STR, "bdev, nvmf, ...: see framework_get_subsystems"), END },
		.run = save_subsystem_config },
	{ "load_subsystem_config", "The same as load_config, of one part", OUT_NONE, .args = ARGS { FILE_ARG, END },
		.run = load_subsystem_config },
	{ "config_check", "Have weftd look at the calls of a configuration, without any effect", OUT_NONE,
		.args = ARGS { FILE_ARG, END }, .run = check_config },
	{ "top", "Look at a running target: rates and latencies of what there is, until q", OUT_NONE, .args = ARGS {
		OPT('d', "delay", "delay", ARG_STR, "seconds between two looks (1)"),
		OPT(0, "view", "view", ARG_STR, "what to begin with", .values = "subsystems namespaces hosts paths bdevs reactors"),
		OPT(0, "nqn", "nqn", ARG_STR, "only of this subsystem", .names = NAMES_NQN),
		OPT(0, "filter", "filter", ARG_STR, "only lines that have these characters in a name"),
		OPT(0, "sort", "sort", ARG_STR, "title of the column to sort by (IOPS)"),
		OPT('r', "reverse", "reverse", ARG_TRUE, "the other way round"),
		OPT('b', "batch", "batch", ARG_TRUE, "print lines, as without a terminal"),
		OPT('n', "count", "count", ARG_INT, "print so often, then end (implies -b)"), END },
		.run = run_top },
	{ "watch", "Say what happens, as it happens, until SIGINT", OUT_NONE, .args = ARGS {
		OPT('i', "id", "id", ARG_INT, "from this event on; the target keeps the last 1024"),
		OPT('a', "all", "all", ARG_TRUE, "from the oldest event that the target keeps"),
		OPT('F', "follow", "follow", ARG_TRUE, "when the target goes, wait until it is there again"),
		OPT(0, "json", "json", ARG_TRUE, "an object a line"), END },
		.run = run_watch },
	{ "doctor", "Look for what is wrong, and what would put it right; exit status 1 if anything is", OUT_NONE, .args = ARGS {
		OPT('c', "config", "config", ARG_STR, "look at what this file would need, before weftd does", .names = NAMES_FILE),
		OPT('q', "quiet", "quiet", ARG_TRUE, "leave out what is right"),
		OPT(0, "json", "json", ARG_TRUE, "as JSON"), END },
		.run = run_doctor },
	{ 0 },
};

const struct command command_self = {
	NULL, "Administers a running weftd", OUT_NONE, .args = ARGS {
		OPT('s', "socket", "server", ARG_STR, "socket of weftd, or host (WEFT_SOCK, or /run/weft.sock)",
			.names = NAMES_FILE),
		OPT('p', "port", "port", ARG_INT, "port, when -s is a host (5260)"),
		OPT('t', "timeout", "timeout", ARG_STR, "give up after so many seconds without an answer (60)"),
		OPT('r', "retries", "retries", ARG_INT, "try to connect so many times more, 0.2 s apart (0)"),
		OPT('v', "show-calls", "verbose", ARG_TRUE, "show requests and responses on standard error"),
		OPT(0, "verbose", "verbosity", ARG_STR, "the same with DEBUG or INFO", .values = "DEBUG INFO ERROR"),
		OPT(0, "json", "json", ARG_TRUE, "JSON also on a terminal"),
		OPT(0, "dry-run", "dry_run", ARG_TRUE, "show the request and do not send it"),
		OPT('b', "batch", "batch", ARG_TRUE, "run the commands on standard input, one a line"),
		OPT('k', "keep-going", "keep_going", ARG_TRUE, "go on with the next line when one fails"),
		OPT(0, "server", "status_lines", ARG_TRUE, "as -b -k; a line **STATUS=0 or 1 after each"),
		OPT(0, "completion", "completion", ARG_STR, "print what makes a shell complete commands: bash, zsh, fish",
			.values = "bash zsh fish"),
		OPT(0, "man", "man", ARG_TRUE, "print the methods as part of a manual page"),
		OPT(0, "names", "names", ARG_STR, "print the names that weftd has: bdev, nqn", .values = "bdev nqn"),
		OPT('V', "version", "version", ARG_TRUE, "print the version"), END }
};
/* clang-format on */
