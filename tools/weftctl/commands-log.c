/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands of the table: log, notifications and trace. */
#include "tools/weftctl/args.h"

/* clang-format off */
#define TPOINTS \
	POS("name", "name", ARG_STR, "group"), \
	POS("tpoint_mask", "tpoint_mask", ARG_HEX, "its events, hexadecimal: 0x3")

const struct command commands_log[] = {
	{ "log_set_level", "Set what is logged", OUT_NONE, .args = ARGS { LEVEL, END } },
	{ "log_get_level", "What is logged", OUT_JSON, .args = NULL },
	{ "log_set_print_level", "The same as log_set_level", OUT_NONE, .args = ARGS { LEVEL, END } },
	{ "log_get_print_level", "The same as log_get_level", OUT_JSON, .args = NULL },
	{ "log_set_component_level", "Set what one part logs", OUT_NONE, .args = ARGS {
		POS("component", "component", ARG_STR, "see log_get_component_levels"),
		POS("level", "level", ARG_LEVEL, "ERROR, WARNING, NOTICE, INFO, DEBUG, or DEFAULT: the general one",
			.values = LEVELS " DEFAULT"), END } },
	{ "log_get_component_levels", "What each part logs", OUT_JSON, .args = NULL },
	ONE("log_set_flag", "Log what a flag stands for", "flag", "see log_get_flags"),
	ONE("log_clear_flag", "Log it no longer", "flag", "see log_get_flags"),
	{ "log_get_flags", "Log flags", OUT_JSON, .args = NULL },
	{ "log_enable_timestamps", "Whether lines of the log begin with the time", OUT_NONE, .args = ARGS {
		OPT(0, "timestamps", "enabled", ARG_SWITCH, "they do, or not", .required = true),
		OPT('e', "enable", "enabled", ARG_TRUE, "--timestamps, as it was called"),
		OPT('d', "disable", "enabled", ARG_FALSE, "--no-timestamps, as it was called"), END } },
	{ "notify_get_types", "Kinds of notifications", OUT_JSON, .args = NULL },
	{ "notify_get_notifications", "What happened", OUT_JSON, .args = ARGS {
		OPT('i', "id", "id", ARG_INT, "from this one on"),
		OPT('n', "max", "max", ARG_INT, "at most so many"), END } },
	{ "trace_dump", "Last events of the reactors, as text", OUT_JSON, .args = ARGS {
		OPT('n', "max", "max", ARG_INT, "at most so many (1000)"), END } },
	ONE("trace_enable_tpoint_group", "Record the events of a group", "name", "group, or all"),
	ONE("trace_disable_tpoint_group", "Record them no longer", "name", "group, or all"),
	{ "trace_set_tpoint_mask", "Record some events of a group", OUT_NONE, .args = ARGS { TPOINTS, END } },
	{ "trace_clear_tpoint_mask", "Record those no longer", OUT_NONE, .args = ARGS { TPOINTS, END } },
	{ "trace_get_tpoint_group_mask", "What is recorded", OUT_JSON, .args = NULL },
	{ "trace_get_info", "Groups of events", OUT_JSON, .args = NULL },
	{ "trace_clear", "Forget what was recorded", OUT_NONE, .args = NULL },
	{ 0 },
};
/* clang-format on */
