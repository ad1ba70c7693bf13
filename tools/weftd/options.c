/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line. */
#include "tools/weftd/weftd.h"

#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include "hw/env.h"

#define MAX_CPU 1023
#define MAX_LINKS 40 /* as Linux has it */

static bool bad(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool bad(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, text);
	return false;
}

/* --- processors ------------------------------------------------------------------------ */

static bool parse_number(const char **s, unsigned *value)
{
	char *end;
	unsigned long v;

	if (!g_ascii_isdigit(**s))
		return false;
	v = strtoul(*s, &end, 10);
	if (v > MAX_CPU)
		return false;
	*s = end;
	*value = (unsigned)v;
	return true;
}

/* "[0,2-3]" */
static bool parse_list(const char *s, bool set[MAX_CPU + 1])
{
	unsigned first, last;

	do {
		s++;
		if (!parse_number(&s, &first))
			return false;
		last = first;
		if (*s == '-') {
			s++;
			if (!parse_number(&s, &last) || last < first)
				return false;
		}
		for (unsigned cpu = first; cpu <= last; cpu++)
			set[cpu] = true;
	} while (*s == ',');
	return s[0] == ']' && s[1] == '\0';
}

static bool parse_mask(const char *s, bool set[MAX_CPU + 1])
{
	size_t len;

	if (g_ascii_strncasecmp(s, "0x", 2) == 0)
		s += 2;
	len = strlen(s);
	if (len == 0 || len > (MAX_CPU + 1) / 4)
		return false;
	for (size_t i = 0; i < len; i++) {
		int digit = g_ascii_xdigit_value(s[len - 1 - i]);

		if (digit < 0)
			return false;
		for (unsigned bit = 0; bit < 4; bit++)
			if (digit & 1 << bit)
				set[i * 4 + bit] = true;
	}
	return true;
}

int *weftd_parse_cpus(const char *text, unsigned *n, GError **error)
{
	g_autofree bool *set = g_new0(bool, MAX_CPU + 1);
	g_autofree int *cpus = g_new(int, CORE_MAX_REACTORS);

	*n = 0;
	if (!(text[0] == '[' ? parse_list(text, set) : parse_mask(text, set))) {
		bad(error,
		    "-m %s: a hexadecimal mask such as 0x3, or a list such as [0,2-3] expected",
		    text);
		return NULL;
	}
	for (int cpu = 0; cpu <= MAX_CPU; cpu++) {
		if (!set[cpu])
			continue;
		if (*n == CORE_MAX_REACTORS) {
			bad(error, "-m %s: at most %d processors", text, CORE_MAX_REACTORS);
			return NULL;
		}
		cpus[(*n)++] = cpu;
	}
	if (*n == 0) {
		bad(error, "-m %s: no processor in it", text);
		return NULL;
	}
	return g_steal_pointer(&cpus);
}

bool weftd_parse_spin(const char *text, uint64_t *spin_ns)
{
	if (strcmp(text, "adaptive") == 0) {
		*spin_ns = HW_SPIN_ADAPTIVE;
		return true;
	}
	if (strcmp(text, "always") == 0) {
		*spin_ns = HW_NEVER;
		return true;
	}
	return g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, spin_ns, NULL);
}

/* --- all ------------------------------------------------------------------------------------ */

/* The place of text among n names. */
static bool pick(const char *text, const char *const *names, unsigned n, unsigned *at)
{
	for (*at = 0; *at < n; (*at)++)
		if (strcmp(names[*at], text) == 0)
			return true;
	return false;
}

static bool parse_net(const char *text, enum linux_net_engine *engine)
{
	static const char *const names[] = {
		[LINUX_NET_AUTO] = "auto",
		[LINUX_NET_IO_URING] = "io_uring",
		[LINUX_NET_EPOLL] = "epoll",
	};

	return pick(text, names, G_N_ELEMENTS(names), engine);
}

static bool parse_files(const char *text, enum linux_file_engine *engine)
{
	static const char *const names[] = {
		[LINUX_FILE_AUTO] = "auto",
		[LINUX_FILE_IO_URING] = "io_uring",
		[LINUX_FILE_THREADS] = "threads",
	};

	return pick(text, names, G_N_ELEMENTS(names), engine);
}

struct raw {
	char *cpus, *spin, *net, *files, *rnic, *level, *group;
	gboolean version;
};

/* By name or number. */
static bool parse_group(const char *text, uint32_t *gid)
{
	const struct group *group = getgrnam(text);
	guint64 number;

	if (group)
		*gid = group->gr_gid;
	else if (g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 - 1, &number, NULL))
		*gid = (uint32_t)number;
	else
		return false;
	return true;
}

/*
 * What path leads to over symbolic links, which need not be there yet: a file that
 * is replaced under another name takes a link's place otherwise. A ring of links
 * ends somewhere in it, and opening that says what is wrong.
 */
static char *follow_links(char *path)
{
	for (unsigned i = 0; i < MAX_LINKS; i++) {
		g_autofree char *to = g_file_read_link(path, NULL);
		g_autofree char *dir = g_path_get_dirname(path);

		if (!to)
			break;
		g_free(path);
		path = g_path_is_absolute(to) ? g_steal_pointer(&to)
					      : g_build_filename(dir, to, NULL);
	}
	return path;
}

static bool interpret(struct weftd_options *o, const struct raw *raw, GError **error)
{
	if (raw->cpus && !(o->cpus = weftd_parse_cpus(raw->cpus, &o->ncpus, error)))
		return false;
	if (raw->spin && !weftd_parse_spin(raw->spin, &o->spin_ns))
		return bad(error, "--spin %s: adaptive, always or nanoseconds expected", raw->spin);
	if (raw->net && !parse_net(raw->net, &o->net_engine))
		return bad(error, "--net %s: auto, io_uring or epoll expected", raw->net);
	if (raw->files && !parse_files(raw->files, &o->file_engine))
		return bad(error, "--files %s: auto, io_uring or threads expected", raw->files);
	if (raw->rnic && !linux_rnic_option_parse(&o->rnic, raw->rnic, error))
		return false;
	if (raw->level) {
		g_autofree char *upper = g_ascii_strup(raw->level, -1);

		if (!log_level_parse(upper, &o->log_level))
			return bad(error, "-L %s: error, warning, notice, info or debug expected",
				   raw->level);
	}
	o->rpc_has_group = raw->group != NULL;
	if (raw->group && !parse_group(raw->group, &o->rpc_group))
		return bad(error, "--rpc-group %s: there is no such group", raw->group);
	if (o->state)
		o->state = follow_links(o->state);
	o->rpc_path_given = o->rpc_path != NULL;
	if (!o->rpc_path)
		o->rpc_path = g_strdup(WEFTD_DEFAULT_SOCKET);
	return true;
}

static bool parse(struct weftd_options *o, struct raw *raw, int *argc, char ***argv, GError **error)
{
	const GOptionEntry entries[] = {
		{ "config", 'c', 0, G_OPTION_ARG_FILENAME, &o->config,
		  "Load this configuration (of save_config, of nvmetcli, or INI)", "FILE" },
		{ "json", 0, 0, G_OPTION_ARG_FILENAME, &o->config, "The same as --config", "FILE" },
		{ "state", 0, 0, G_OPTION_ARG_FILENAME, &o->state,
		  "Load this file if it is there, and keep every change in it", "FILE" },
		{ "check-config", 0, 0, G_OPTION_ARG_FILENAME, &o->check,
		  "Say what is wrong with this configuration, and end", "FILE" },
		{ "rpc-socket", 'r', 0, G_OPTION_ARG_FILENAME, &o->rpc_path,
		  "Listen for JSON-RPC there (" WEFTD_DEFAULT_SOCKET ")", "PATH" },
		{ "rpc-group", 0, 0, G_OPTION_ARG_STRING, &raw->group,
		  "Let this group use that socket too", "GROUP" },
		{ "rpc-listen", 0, 0, G_OPTION_ARG_STRING, &o->rpc_listen,
		  "Listen for JSON-RPC on this loopback address as well", "127.0.0.1:PORT" },
		{ "metrics-listen", 0, 0, G_OPTION_ARG_STRING, &o->metrics_listen,
		  "Serve metrics for Prometheus there", "ADDR:PORT" },
		{ "wait-for-rpc", 0, 0, G_OPTION_ARG_NONE, &o->wait_for_rpc,
		  "Start with framework_start_init, after calls that configure", NULL },
		{ "cpumask", 'm', 0, G_OPTION_ARG_STRING, &raw->cpus,
		  "One reactor on each of these processors: 0x3 or [0,2-3]", "CPUMASK" },
		{ "spin", 0, 0, G_OPTION_ARG_STRING, &raw->spin,
		  "Look for work that long before sleeping: adaptive, always, or nanoseconds",
		  "HOW" },
		{ "net", 0, 0, G_OPTION_ARG_STRING, &raw->net,
		  "Socket engine: auto, io_uring, epoll", "ENGINE" },
		{ "files", 0, 0, G_OPTION_ARG_STRING, &raw->files,
		  "File I/O engine: auto, io_uring, threads", "ENGINE" },
		{ "rnic", 0, 0, G_OPTION_ARG_STRING, &raw->rnic,
		  "RDMA with: auto, verbs (RNICs), soft (RoCEv2 over UDP), soft:ADDR,... (there "
		  "only), none",
		  "WHAT" },
		{ "log-level", 'L', 0, G_OPTION_ARG_STRING, &raw->level,
		  "error, warning, notice, info, debug", "LEVEL" },
		{ "version", 0, 0, G_OPTION_ARG_NONE, &raw->version, "Print the version", NULL },
		{ 0 },
	};
	g_autoptr(GOptionContext) context = g_option_context_new("- NVMe over Fabrics target");

	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, error))
		return false;
	if (*argc > 1)
		return bad(error, "unexpected argument: %s", (*argv)[1]);
	return interpret(o, raw, error);
}

bool weftd_options_parse(struct weftd_options *o, int argc, char **argv, int *status)
{
	g_autoptr(GError) error = NULL;
	struct raw raw = { 0 };
	bool ok;

	*o = (struct weftd_options){ .spin_ns = HW_SPIN_ADAPTIVE,
				     .rnic.which = LINUX_RNIC_AUTO,
				     .log_level = LOG_NOTICE };
	ok = parse(o, &raw, &argc, &argv, &error);
	g_free(raw.cpus);
	g_free(raw.spin);
	g_free(raw.net);
	g_free(raw.files);
	g_free(raw.rnic);
	g_free(raw.level);
	g_free(raw.group);
	*status = ok ? 0 : 1;
	if (!ok)
		g_printerr("weftd: %s\nweftd --help shows the options\n", error->message);
	else if (raw.version)
		g_print("weftd %s\n", WEFT_VERSION);
	return ok && !raw.version;
}

void weftd_options_clear(struct weftd_options *o)
{
	g_free(o->config);
	g_free(o->state);
	g_free(o->check);
	g_free(o->rpc_path);
	g_free(o->rpc_listen);
	g_free(o->metrics_listen);
	g_free(o->cpus);
}
