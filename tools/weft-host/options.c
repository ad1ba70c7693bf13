/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line. Names are those of nvme-cli for the connection, and those of
 * fio and spdk_nvme_perf for the load.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "target/core/error.h"
#include "tools/weft-host/app.h"

/* As text, before it is looked at. */
struct raw {
	char *transport, *addr, *port, *host_addr, *nqn, *hostnqn, *hostid, *io_size, *pattern,
		*mask, *cpus, *spin, *rate, *rnic, *size;
	int depth, queues, mix, nsid, kato, timeout;
	double seconds;
	gint64 seed;
	gboolean json, hdgst, ddgst, no_sqflow;
};

static const struct command *const commands[] = { &command_discover, &command_identify,
						  &command_perf, &command_verify };

char *options_usage(void)
{
	GString *s = g_string_new(
		"usage: weft-host COMMAND -t tcp|rdma -a ADDRESS [-s PORT] [options]\n\n");

	for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++)
		g_string_append_printf(s, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	g_string_append(s, "\nweft-host COMMAND --help lists the options of a command.\n");
	return g_string_free(s, FALSE);
}

bool options_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	char *end;
	const char *unit;

	if (!g_ascii_isdigit(text[0]))
		return false;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end == 0)
		return true;
	unit = strchr(units, g_ascii_toupper(*end));
	if (!unit || !(end[1] == 0 || strcmp(end + 1, "iB") == 0))
		return false;
	unsigned shift = 10 * (unsigned)(unit - units + 1);

	if (*bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

static bool bad(GError **error, const char *option, const char *value, const char *right)
{
	return weft_error_set(error, -EINVAL, "Bad option", "%s %s: %s.", option, value, right);
}

static bool bad_number(GError **error, const char *option, double value, const char *right)
{
	g_autofree char *text = g_strdup_printf("%g", value);

	return bad(error, option, text, right);
}

/* --- processors ------------------------------------------------------------------------ */

static bool add_cpu(struct options *o, unsigned cpu)
{
	if (o->ncpus == APP_CPUS_MAX)
		return false;
	o->cpus[o->ncpus++] = (int)cpu;
	return true;
}

static bool parse_mask(struct options *o, const char *text)
{
	const char *p = g_str_has_prefix(text, "0x") ? text + 2 : text;
	size_t n = strlen(p);

	for (size_t i = n; i-- > 0;) {
		int v = g_ascii_xdigit_value(p[i]);

		if (v < 0)
			return false;
		for (unsigned b = 0; b < 4; b++)
			if (v >> b & 1 && !add_cpu(o, (unsigned)(n - 1 - i) * 4 + b))
				return false;
	}
	return o->ncpus > 0;
}

static bool parse_list(struct options *o, const char *text)
{
	g_auto(GStrv) parts = g_strsplit(text, ",", -1);

	for (unsigned i = 0; parts[i]; i++) {
		char *end;
		unsigned long from = strtoul(parts[i], &end, 10), to = from;

		if (!g_ascii_isdigit(parts[i][0]))
			return false;
		if (*end == '-' && g_ascii_isdigit(end[1]))
			to = strtoul(end + 1, &end, 10);
		if (*end || to < from || to > 4095)
			return false;
		for (; from <= to; from++)
			if (!add_cpu(o, (unsigned)from))
				return false;
	}
	return o->ncpus > 0;
}

static bool parse_cpus(struct options *o, const struct raw *raw, GError **error)
{
	if (raw->mask && raw->cpus)
		return bad(error, "--cpu", raw->cpus, "give either --cpu or --core-mask");
	if (raw->mask && !parse_mask(o, raw->mask))
		return bad(error, "--core-mask", raw->mask, "a hexadecimal mask, such as 0x3");
	if (raw->cpus && !parse_list(o, raw->cpus))
		return bad(error, "--cpu", raw->cpus, "processor numbers, such as 1 or 0,2-3");
	return true;
}

/* --- connection -------------------------------------------------------------------------- */

/* What nvme-cli uses on this machine, where it was set up; otherwise somebody new. */
static void default_host(struct options *o)
{
	g_autofree char *text = NULL;
	char uuid[37];

	for (unsigned i = 0; i < 16; i++)
		o->hostid[i] = (uint8_t)g_random_int();
	o->hostid[6] = (o->hostid[6] & 0x0f) | 0x40;
	o->hostid[8] = (o->hostid[8] & 0x3f) | 0x80;
	if (o->hostnqn)
		return;
	if (g_file_get_contents("/etc/nvme/hostnqn", &text, NULL, NULL) &&
	    !nvme_nqn_check(g_strstrip(text)))
		o->hostnqn = g_steal_pointer(&text);
	else
		o->hostnqn = g_strdup_printf("nqn.2014-08.org.nvmexpress:uuid:%s",
					     uuid_text(o->hostid, uuid));
}

static bool parse_hostid(struct options *o, const char *text)
{
	unsigned n = 0;

	for (; *text; text++) {
		int v = g_ascii_xdigit_value(*text);

		if (*text == '-')
			continue;
		if (v < 0 || n == 32)
			return false;
		o->hostid[n / 2] = (uint8_t)(n % 2 ? o->hostid[n / 2] | v : v << 4);
		n++;
	}
	return n == 32;
}

static bool parse_transport(struct options *o, const struct raw *raw, GError **error)
{
	if (!raw->transport)
		return weft_error_set(error, -EINVAL, "Missing option",
				      "-t TRANSPORT is needed: -t tcp or -t rdma.");
	if (g_ascii_strcasecmp(raw->transport, "rdma") == 0)
		o->transport = HOST_RDMA;
	else if (g_ascii_strcasecmp(raw->transport, "tcp") != 0)
		return bad(error, "-t", raw->transport, "tcp or rdma");
	if (o->transport == HOST_RDMA && (raw->hdgst || raw->ddgst))
		return weft_error_set(error, -EINVAL, "Bad option",
				      "%s: digests are of -t tcp; leave it out.",
				      raw->hdgst ? "-g" : "-G");
	return true;
}

static bool parse_addresses(struct options *o, const struct raw *raw, GError **error)
{
	if (!raw->addr)
		return weft_error_set(error, -EINVAL, "Missing option",
				      "-a ADDRESS is needed, such as -a 192.0.2.1.");
	if (!net_addr_parse(&o->addr, raw->addr, raw->port ? raw->port : "4420", error))
		return false;
	o->src_given = raw->host_addr != NULL;
	if (!o->src_given)
		return true;
	if (!net_addr_parse(&o->src, raw->host_addr, NULL, error))
		return false;
	if (o->src.family != o->addr.family)
		return bad(error, "--host-traddr", raw->host_addr,
			   "an address of the same family as that of -a");
	return true;
}

/* The software RNIC of a host is at its own address, if it was given one. */
static bool parse_rnic(struct options *o, const struct raw *raw, GError **error)
{
	if (raw->rnic && o->transport != HOST_RDMA)
		return bad(error, "--rnic", raw->rnic, "it is of -t rdma; leave it out");
	o->rnic.which = o->transport == HOST_RDMA ? LINUX_RNIC_AUTO : LINUX_RNIC_NONE;
	if (raw->rnic && !linux_rnic_option_parse(&o->rnic, raw->rnic, error))
		return false;
	if (o->transport == HOST_RDMA && o->rnic.which == LINUX_RNIC_NONE)
		return bad(error, "--rnic", raw->rnic, "-t rdma needs one: auto, verbs or soft");
	if (o->transport != HOST_RDMA || !o->src_given)
		return true;
	for (unsigned i = 0; i < o->rnic.naddrs; i++)
		if (net_addr_same_host(&o->rnic.addrs[i], &o->src))
			return true;
	if (o->rnic.naddrs > 0)
		return bad(error, "--rnic", raw->rnic,
			   "--host-traddr is to be among its addresses");
	o->rnic.addrs[o->rnic.naddrs++] = o->src;
	return true;
}

static bool parse_connection(struct options *o, struct raw *raw, GError **error)
{
	const char *why;

	if (!parse_transport(o, raw, error) || !parse_addresses(o, raw, error) ||
	    !parse_rnic(o, raw, error))
		return false;
	if (o->command->discovery && raw->nqn)
		return bad(error, "-n", raw->nqn,
			   "discovery asks the discovery subsystem; leave it out");
	if (!o->command->discovery && !raw->nqn)
		return weft_error_set(error, -EINVAL, "Missing option",
				      "-n NQN is needed: the subsystem; weft-host discover shows "
				      "what there is.");
	if (raw->nqn && (why = nvme_subnqn_check(raw->nqn)) != NULL)
		return bad(error, "-n", raw->nqn, why);
	if (raw->hostnqn && (why = nvme_nqn_check(raw->hostnqn)) != NULL)
		return bad(error, "--hostnqn", raw->hostnqn, why);
	o->subnqn = g_strdup(raw->nqn ? raw->nqn : NVME_DISCOVERY_NQN);
	o->hostnqn = g_strdup(raw->hostnqn);
	default_host(o);
	if (raw->hostid && !parse_hostid(o, raw->hostid))
		return bad(error, "--hostid", raw->hostid, "a UUID");
	return true;
}

/* --- load --------------------------------------------------------------------------------- */

static bool parse_pattern(struct options *o, const struct raw *raw, GError **error)
{
	static const struct {
		const char *name;
		bool random;
		int read;
	} patterns[] = {
		{ "read", false, 100 },	   { "write", false, 0 },    { "rw", false, 50 },
		{ "randread", true, 100 }, { "randwrite", true, 0 }, { "randrw", true, 50 },
	};
	const char *name = raw->pattern ? raw->pattern : "randread";

	for (unsigned i = 0; i < G_N_ELEMENTS(patterns); i++) {
		if (strcmp(name, patterns[i].name) != 0)
			continue;
		o->random = patterns[i].random;
		o->read_percent = (unsigned)patterns[i].read;
		if (raw->mix < 0)
			return true;
		if (raw->mix > 100 || patterns[i].read != 50)
			return bad_number(error, "-M", raw->mix,
					  "0 to 100, together with -w rw or randrw");
		o->read_percent = (unsigned)raw->mix;
		return true;
	}
	return bad(error, "-w", name, "read, write, rw, randread, randwrite or randrw");
}

static bool parse_spin(struct options *o, const char *text)
{
	if (!text || strcmp(text, "adaptive") == 0)
		o->spin_ns = HW_SPIN_ADAPTIVE;
	else if (strcmp(text, "always") == 0)
		o->spin_ns = HW_NEVER;
	else if (strcmp(text, "never") == 0)
		o->spin_ns = 0;
	else
		return false;
	return true;
}

static bool parse_load(struct options *o, const struct raw *raw, GError **error)
{
	bool verify = o->command == &command_verify;
	uint64_t io = verify ? 65536 : 4096;

	if (raw->depth < 1 || raw->depth > APP_MAX_DEPTH)
		return bad_number(error, "-q", raw->depth, "1 to 4095 commands in flight");
	if (raw->queues < 1 || raw->queues > 128)
		return bad_number(error, "-P", raw->queues, "1 to 128 queues");
	if (raw->io_size && (!options_size(raw->io_size, &io) || io < 512 || io > 1024 * 1024))
		return bad(error, "-o", raw->io_size, "512 bytes to 1M, such as 4096 or 128k");
	if (!(raw->seconds >= 0) || !isfinite(raw->seconds) || raw->seconds > 1e8)
		return bad_number(error, "--time", raw->seconds, "seconds");
	if (raw->rate &&
	    (!options_size(raw->rate, &o->rate) || o->rate == 0 || o->rate > 100000000))
		return bad(error, "--rate", raw->rate, "I/Os a second");
	if (raw->size && (!options_size(raw->size, &o->size) || o->size == 0))
		return bad(error, "--size", raw->size, "bytes, such as 64M");
	if (!parse_spin(o, raw->spin))
		return bad(error, "--spin", raw->spin, "never, adaptive or always");
	o->depth = (unsigned)raw->depth;
	o->queues = (unsigned)raw->queues;
	o->io_size = (uint32_t)io;
	o->seconds = raw->seconds;
	o->seed = (uint64_t)raw->seed;
	return parse_pattern(o, raw, error) && parse_cpus(o, raw, error);
}

/* --- all ------------------------------------------------------------------------------------- */

static bool parse_with(GOptionContext *ctx, struct options *o, struct raw *raw, char **argv,
		       char **help, GError **error)
{
	g_autoptr(GError) why = NULL;

	for (unsigned i = 0; argv[i]; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			*help = g_option_context_get_help(ctx, TRUE, NULL);
			return true;
		}
	if (!g_option_context_parse_strv(ctx, &argv, &why))
		return weft_error_set(error, -EINVAL, why->message,
				      "weft-host %s --help lists the options.", o->command->name);
	if (argv[0] && argv[1])
		return weft_error_set(error, -EINVAL, "Unexpected argument",
				      "'%s' belongs to no option; weft-host %s --help lists them.",
				      argv[1], o->command->name);
	if (raw->nsid < 0 || raw->kato < 0 || raw->timeout < 1)
		return weft_error_set(error, -EINVAL, "Bad option", "A number is out of range.");
	o->nsid = (uint32_t)raw->nsid;
	o->kato_ms = (uint32_t)raw->kato * 1000;
	o->timeout_ms = (uint32_t)raw->timeout * 1000;
	o->json = raw->json;
	o->hdgst = raw->hdgst;
	o->ddgst = raw->ddgst;
	o->no_sqflow = raw->no_sqflow;
	return parse_connection(o, raw, error) && (!o->command->load || parse_load(o, raw, error));
}

static bool parse_command(struct options *o, struct raw *raw, char **argv, char **help,
			  GError **error)
{
	const GOptionEntry common[] = {
		{ "transport", 't', 0, G_OPTION_ARG_STRING, &raw->transport, "tcp or rdma",
		  "TRANSPORT" },
		{ "traddr", 'a', 0, G_OPTION_ARG_STRING, &raw->addr, "Address of the target",
		  "ADDRESS" },
		{ "trsvcid", 's', 0, G_OPTION_ARG_STRING, &raw->port, "Port (4420)", "PORT" },
		{ "host-traddr", 0, 0, G_OPTION_ARG_STRING, &raw->host_addr,
		  "Address of this host to use", "ADDRESS" },
		{ "rnic", 0, 0, G_OPTION_ARG_STRING, &raw->rnic,
		  "RDMA with: auto, verbs (RNICs), soft (RoCEv2 over UDP), soft:ADDRESS,...",
		  "WHAT" },
		{ "nqn", 'n', 0, G_OPTION_ARG_STRING, &raw->nqn, "NQN of the subsystem", "NQN" },
		{ "hostnqn", o->command->load ? 0 : 'q', 0, G_OPTION_ARG_STRING, &raw->hostnqn,
		  "NQN of this host", "NQN" },
		{ "hostid", 'I', 0, G_OPTION_ARG_STRING, &raw->hostid, "Id of this host", "UUID" },
		{ "keep-alive-tmo", 'k', 0, G_OPTION_ARG_INT, &raw->kato,
		  "Keep-alive timeout (10; 0: none)", "SECONDS" },
		{ "timeout", 0, 0, G_OPTION_ARG_INT, &raw->timeout,
		  "Of a command, and of connecting (10)", "SECONDS" },
		{ "hdgst", 'g', 0, G_OPTION_ARG_NONE, &raw->hdgst, "Header digests", NULL },
		{ "ddgst", 'G', 0, G_OPTION_ARG_NONE, &raw->ddgst, "Data digests", NULL },
		{ "disable-sqflow", 'd', 0, G_OPTION_ARG_NONE, &raw->no_sqflow,
		  "No SQ flow control", NULL },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &raw->json, "The result as JSON", NULL },
		{ NULL, 0, 0, 0, NULL, NULL, NULL },
	};
	const GOptionEntry load[] = {
		{ "namespace-id", 'N', 0, G_OPTION_ARG_INT, &raw->nsid,
		  "Namespace (perf: the first one)", "NSID" },
		{ "io-depth", 'q', 0, G_OPTION_ARG_INT, &raw->depth, "I/Os in flight, in all (32)",
		  "N" },
		{ "io-size", 'o', 0, G_OPTION_ARG_STRING, &raw->io_size,
		  "Bytes of an I/O (4096; verify: of the largest, 64k)", "BYTES" },
		{ "io-pattern", 'w', 0, G_OPTION_ARG_STRING, &raw->pattern,
		  "read, write, rw, randread, randwrite, randrw", "PATTERN" },
		{ "rwmixread", 'M', 0, G_OPTION_ARG_INT, &raw->mix,
		  "Percent of reads, with rw and randrw (50)", "PERCENT" },
		{ "time", 'T', 0, G_OPTION_ARG_DOUBLE, &raw->seconds, "How long (10)", "SECONDS" },
		{ "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &raw->seconds, "The same", "SECONDS" },
		{ "nr-io-queues", 'P', 0, G_OPTION_ARG_INT, &raw->queues, "I/O queues (1)", "N" },
		{ "core-mask", 'c', 0, G_OPTION_ARG_STRING, &raw->mask,
		  "Processors, one thread each", "MASK" },
		{ "cpu", 0, 0, G_OPTION_ARG_STRING, &raw->cpus, "The same as a list", "LIST" },
		{ "rate", 0, 0, G_OPTION_ARG_STRING, &raw->rate, "I/Os a second, in all", "IOPS" },
		{ "size", 0, 0, G_OPTION_ARG_STRING, &raw->size,
		  "Use only so much of the namespace", "BYTES" },
		{ "spin", 0, 0, G_OPTION_ARG_STRING, &raw->spin,
		  "never, adaptive, always (adaptive)", "HOW" },
		{ "seed", 0, 0, G_OPTION_ARG_INT64, &raw->seed, "Of addresses and sizes (random)",
		  "N" },
		{ NULL, 0, 0, 0, NULL, NULL, NULL },
	};
	g_autofree char *title = g_strdup_printf("- %s", o->command->summary);
	g_autofree char *program = g_strdup_printf("weft-host %s", o->command->name);
	g_autoptr(GOptionContext) ctx = g_option_context_new(title);

	g_set_prgname(program);
	g_option_context_set_help_enabled(ctx, FALSE);
	g_option_context_add_main_entries(ctx, common, NULL);
	if (o->command->load)
		g_option_context_add_main_entries(ctx, load, NULL);
	return parse_with(ctx, o, raw, argv, help, error);
}

bool options_parse(struct options *o, int argc, char **argv, char **help, GError **error)
{
	struct raw raw = {
		.depth = 32, .queues = 1, .mix = -1, .kato = 10, .timeout = 10, .seconds = 10
	};
	g_auto(GStrv) copy = NULL;
	bool ok;

	*o = (struct options){ .spin_ns = HW_SPIN_ADAPTIVE };
	*help = NULL;
	if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		*help = options_usage();
		return true;
	}
	for (unsigned i = 0; argc >= 2 && i < G_N_ELEMENTS(commands); i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			o->command = commands[i];
	if (!o->command)
		return weft_error_set(error, -EINVAL, argc < 2 ? "No command" : "Unknown command",
				      "discover, identify, perf and verify are possible; "
				      "weft-host --help says more.");
	copy = g_strdupv(argv + 1);
	ok = parse_command(o, &raw, copy, help, error);
	for (char **p = &raw.transport; p <= &raw.size; p++)
		g_free(*p);
	if (!ok)
		options_clear(o);
	return ok;
}

void options_clear(struct options *o)
{
	g_clear_pointer(&o->subnqn, g_free);
	g_clear_pointer(&o->hostnqn, g_free);
}
