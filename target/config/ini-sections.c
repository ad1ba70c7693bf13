/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What sections and keys an INI file of 2018 may have, and what becomes of lists. A
 * part that weft learns later is rows here: ABSENT ones become others, and a take().
 */
#include "target/config/ini-sections.h"

#include <string.h>

#include "target/nvmf/nvmf.h"

#define AT(member_) offsetof(struct ini, member_)
#define MIB (UINT64_C(1) << 20)
/* [Malloc] makes them all of one line: a mistyped number is no reason to fill the memory. */
#define MALLOC_MAX_LUNS 1024
#define MAX_MB (UINT64_C(1) << 32)

#define IGNORED(name_, why_)                                                                       \
	{                                                                                          \
		.name = name_, .kind = INI_IGNORED, .why = why_                                    \
	}
#define NUMBER(name_, offset_, min_, max_)                                                         \
	{                                                                                          \
		.name = name_, .kind = INI_NUMBER, .offset = offset_, .min = min_, .max = max_     \
	}
#define BOOL(name_, offset_)                                                                       \
	{                                                                                          \
		.name = name_, .kind = INI_BOOL, .offset = offset_                                 \
	}
#define STRING(name_, offset_, max_)                                                               \
	{                                                                                          \
		.name = name_, .kind = INI_STRING, .offset = offset_, .max = max_                  \
	}
#define LIST(name_, take_, least_, most_, usage_)                                                  \
	{                                                                                          \
		.name = name_, .kind = INI_LIST, .take = take_, .least = least_, .most = most_,    \
		.usage = usage_                                                                    \
	}

static const char *keep(struct ini *ini, const struct ini_line *line, unsigned i)
{
	return i < line->words->len ? g_string_chunk_insert(ini->strings, line->words->pdata[i])
				    : NULL;
}

/* Value i; not given: def. False: a fault. */
static bool number(struct ini *ini, const struct ini_line *line, unsigned i, const char *what,
		   uint64_t min, uint64_t max, uint64_t def, uint64_t *value)
{
	*value = def;
	if (i >= line->words->len || form_number(line->words->pdata[i], min, max, value))
		return true;
	return form_fault(&ini->form, line->line,
			  "%s %s: %s is \"%.64s\"; it must be a whole number "
			  "from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
			  ini->part, (const char *)line->words->pdata[0], what,
			  (const char *)line->words->pdata[i], min, max);
}

/* --- [Global], [Bdev] -------------------------------------------------------------------- */

static const char start_option[] = "it is an option of weftd (weftd --help)";
static const char no_dpdk[] = "weft has no DPDK";
static const char no_polling[] = "weft waits for events and polls no devices";
static const char own_pools[] = "weft sizes its pools itself";

static const struct ini_key global_keys[] = {
	IGNORED("Comment", "it is a comment"),
	IGNORED("ReactorMask", start_option),
	IGNORED("TpointGroupMask", "trace_enable_tpoint_group does it while weftd runs"),
	IGNORED("SharedMemoryID", no_dpdk),
	IGNORED("NoPci", no_dpdk),
	IGNORED("PciBlacklist", no_dpdk),
	IGNORED("PciWhitelist", no_dpdk),
	IGNORED("LogFacility", "the log goes to standard error, which systemd keeps"),
	{ 0 },
};

static const struct ini_key bdev_keys[] = {
	NUMBER("BdevIoPoolSize", AT(io_pool_size), 1, UINT32_MAX),
	NUMBER("BdevIoCacheSize", AT(io_cache_size), 1, UINT32_MAX),
	{ 0 },
};

static void begin_globals(struct ini *ini, unsigned line)
{
	(void)line;
	ini->base = ini;
}

/* Of configurations from before the RPC socket was the way. */
static const struct ini_key rpc_keys[] = {
	IGNORED("Enable", start_option),
	IGNORED("Listen", start_option),
	{ 0 },
};

static const struct ini_key ioat_keys[] = {
	IGNORED("Enable", "weft uses no I/OAT channels"),
	IGNORED("Disable", "weft uses no I/OAT channels"),
	IGNORED("Whitelist", "weft uses no I/OAT channels"),
	{ 0 },
};

/* --- [Malloc], [Null], [AIO] ------------------------------------------------------------- */

static const struct ini_key malloc_keys[] = {
	NUMBER("NumberOfLuns", AT(memory.count), 1, MALLOC_MAX_LUNS),
	NUMBER("LunSizeInMB", AT(memory.size_mb), 1, MAX_MB),
	NUMBER("BlockSize", AT(memory.block_size), 1, UINT32_MAX),
	{ 0 },
};

static void begin_malloc(struct ini *ini, unsigned line)
{
	ini->base = ini;
	if (!ini->memory.line)
		ini->memory.line = line;
}

static void add_call(GArray *calls, struct ini *ini, const struct ini_line *line,
		     const char *method, GString *params)
{
	struct ini_call call = { line->line, ini->part, method, g_string_free(params, FALSE) };

	g_array_append_val(calls, call);
}

/* Dev NAME MB [BS] */
static void take_null(struct ini *ini, const struct ini_line *line)
{
	const char *name = line->words->pdata[1];
	uint64_t mb, block;
	GString *json;

	if (!number(ini, line, 2, "the size in MiB", 1, MAX_MB, 0, &mb) ||
	    !number(ini, line, 3, "the block size", 1, UINT32_MAX, 512, &block) ||
	    !form_block_size(&ini->form, line->line, block) || !ini_name(ini, line->line, name))
		return;
	json = g_string_new(NULL);
	form_open(json, NULL);
	form_str(json, "name", name);
	form_num(json, "block_size", block);
	form_num(json, "num_blocks", mb * MIB / block);
	form_close(json);
	add_call(ini->bdevs, ini, line, "bdev_null_create", json);
}

static const struct ini_key null_keys[] = {
	LIST("Dev", take_null, 2, 3, "NAME MB [BLOCK_SIZE]"),
	{ 0 },
};

/* AIO FILE NAME [BS] */
static void take_aio(struct ini *ini, const struct ini_line *line)
{
	const char *file = line->words->pdata[1], *name = line->words->pdata[2];
	uint64_t block;
	GString *json;

	if (!number(ini, line, 3, "the block size", 1, UINT32_MAX, 0, &block) ||
	    (block && !form_block_size(&ini->form, line->line, block)) ||
	    !ini_name(ini, line->line, name))
		return;
	if (!*file) {
		form_fault(&ini->form, line->line, "%s AIO has an empty file name", ini->part);
		return;
	}
	json = g_string_new(NULL);
	form_open(json, NULL);
	form_str(json, "name", name);
	form_str(json, "filename", file);
	if (block)
		form_num(json, "block_size", block);
	form_close(json);
	add_call(ini->bdevs, ini, line, "bdev_aio_create", json);
}

static const struct ini_key aio_keys[] = {
	LIST("AIO", take_aio, 2, 3, "FILE NAME [BLOCK_SIZE]"),
	{ 0 },
};

/* --- what others' bdevs would be called ---------------------------------------------------- */

static void miss(struct ini *ini, char *prefix)
{
	g_ptr_array_add(ini->missing, g_string_chunk_insert(ini->strings, prefix));
	g_free(prefix);
}

static void miss_split(struct ini *ini, const struct ini_line *line)
{
	miss(ini, g_strdup_printf("%sp", (const char *)line->words->pdata[1]));
}

static const struct ini_key split_keys[] = {
	{ "Split", INI_ABSENT, .why = "split bdevs", .least = 2, .most = 3,
	  .usage = "BDEV COUNT [MB]", .take = miss_split },
	{ 0 },
};

static void miss_ceph(struct ini *ini, const struct ini_line *line)
{
	(void)line;
	miss(ini, g_strdup("Ceph"));
}

static const struct ini_key ceph_keys[] = {
	{ "Ceph", INI_ABSENT, .why = "Ceph RBD bdevs", .least = 2, .most = 3,
	  .usage = "POOL IMAGE [BLOCK_SIZE]", .take = miss_ceph },
	{ 0 },
};

static void miss_nvme(struct ini *ini, const struct ini_line *line)
{
	miss(ini, g_strdup_printf("%sn", (const char *)line->words->pdata[2]));
}

static const char no_nvme[] = "this build has no bdevs of NVMe controllers";

/* Files without a TransportID have the others all the same. */
static const struct ini_key nvme_keys[] = {
	{ "TransportID", INI_ABSENT, .why = "bdevs of NVMe controllers", .least = 2, .most = 3,
	  .usage = "\"trtype:... traddr:...\" NAME", .take = miss_nvme },
	IGNORED("RetryCount", no_nvme),
	IGNORED("Timeout", no_nvme),
	IGNORED("TimeoutUsec", no_nvme),
	IGNORED("ActionOnTimeout", no_nvme),
	IGNORED("AdminPollRate", no_nvme),
	IGNORED("IOPollRate", no_nvme),
	IGNORED("HotplugEnable", no_nvme),
	IGNORED("HotplugPollRate", no_nvme),
	IGNORED("HostNQN", no_nvme),
	{ 0 },
};

/* --- [QoS] --------------------------------------------------------------------------------- */

static void take_limit(struct ini *ini, const struct ini_line *line, const char *what,
		       const char *key)
{
	const char *bdev = line->words->pdata[1];
	uint64_t limit;
	GString *json;

	if (!number(ini, line, 2, what, 1, INT64_MAX, 0, &limit))
		return;
	json = g_string_new(NULL);
	form_open(json, NULL);
	form_str(json, "name", bdev);
	form_num(json, key, limit);
	form_close(json);
	add_call(ini->limits, ini, line, "bdev_set_qos_limit", json);
}

static void take_iops(struct ini *ini, const struct ini_line *line)
{
	take_limit(ini, line, "the number of I/Os a second", "rw_ios_per_sec");
}

static void take_bps(struct ini *ini, const struct ini_line *line)
{
	take_limit(ini, line, "the MiB a second", "rw_mbytes_per_sec");
}

static const struct ini_key qos_keys[] = {
	LIST("Limit_IOPS", take_iops, 2, 2, "BDEV IOS_PER_SECOND"),
	LIST("Limit_BPS", take_bps, 2, 2, "BDEV MB_PER_SECOND"),
	{ 0 },
};

/* --- [Nvmf], [TransportN] -------------------------------------------------------------------- */

#define TRANSPORT(member_) offsetof(struct ini_transport, member_)
#define QUEUE_KEYS(at_)                                                                            \
	NUMBER("MaxQueueDepth", at_(max_queue_depth), 2, NVMF_MAX_QUEUE_DEPTH),                    \
		NUMBER("MaxQueuesPerSession", at_(queues), 2, 1025),                               \
		NUMBER("InCapsuleDataSize", at_(in_capsule_data_size), 0, NVMF_MAX_IO_SIZE),       \
		NUMBER("MaxIOSize", at_(max_io_size), NVMF_MIN_IO_SIZE, NVMF_MAX_IO_SIZE),         \
		IGNORED("IOUnitSize", own_pools)

#define DEFAULTS(member_) offsetof(struct ini, defaults.member_)

static const struct ini_key nvmf_keys[] = {
	QUEUE_KEYS(DEFAULTS),
	IGNORED("AcceptorPollRate", no_polling),
	IGNORED("ConnectionScheduler", "weft places each queue where there are fewest"),
	NUMBER("MaxSubsystems", AT(max_subsystems), 1, 65535),
	{ 0 },
};

static const struct ini_key transport_keys[] = {
	STRING("Type", TRANSPORT(type), 16),
	QUEUE_KEYS(TRANSPORT),
	NUMBER("MaxAQDepth", TRANSPORT(max_aq_depth), NVME_ADMIN_SQ_MIN, 4096),
	BOOL("C2HSuccess", TRANSPORT(c2h_success)),
	NUMBER("SockPriority", TRANSPORT(sock_priority), 0, UINT32_MAX),
	NUMBER("AcceptorBacklog", TRANSPORT(acceptor_backlog), 1, INT32_MAX),
	IGNORED("NumSharedBuffers", own_pools),
	IGNORED("BufCacheSize", own_pools),
	NUMBER("MaxSRQDepth", TRANSPORT(max_srq_depth), 1, 1 << 20),
	BOOL("NoSRQ", TRANSPORT(no_srq)),
	{ 0 },
};

/* Each begins another one: files have [Transport] several times. */
static void begin_transport(struct ini *ini, unsigned line)
{
	struct ini_transport *t = g_new0(struct ini_transport, 1);

	t->part = g_strdup(ini->part);
	t->line = line;
	g_ptr_array_add(ini->transports, t);
	ini->base = t;
}

/* --- [SubsystemN] ------------------------------------------------------------------------------
 */

/* A section that is there twice is one. */
static void begin_subsystem(struct ini *ini, unsigned line)
{
	g_autofree char *part = g_ascii_strdown(ini->part, -1);
	struct ini_subsystem *s = g_hash_table_lookup(ini->subsystem_by_part, part);

	if (!s) {
		s = g_new0(struct ini_subsystem, 1);
		s->part = g_strdup(ini->part);
		s->line = line;
		s->listens = g_array_new(FALSE, FALSE, sizeof(struct ini_listen));
		s->nss = g_array_new(FALSE, FALSE, sizeof(struct ini_ns));
		s->hosts = g_ptr_array_new();
		s->host_lines = g_array_new(FALSE, FALSE, sizeof(unsigned));
		g_ptr_array_add(ini->subsystems, s);
		g_hash_table_insert(ini->subsystem_by_part, g_steal_pointer(&part), s);
	}
	ini->base = s;
}

/* IP:PORT or [IP]:PORT in text becomes two. */
static bool split_address(char *text, const char **host, const char **port)
{
	char *colon = strrchr(text, ':');
	char *close = strrchr(text, ']');

	if (!colon || (close && colon < close) || (*text == '[') != !!close)
		return false;
	*colon = '\0';
	*port = colon + 1;
	if (close && close[1])
		return false;
	if (close)
		*close = '\0';
	*host = close ? text + 1 : text;
	return close || !strchr(text, ':');
}

/* Listen TYPE IP:PORT */
static void take_listen(struct ini *ini, const struct ini_line *line)
{
	struct ini_subsystem *s = ini->base;
	struct ini_listen l = { .line = line->line };
	char *text = g_string_chunk_insert(ini->strings, line->words->pdata[2]);
	struct form_address a;

	l.trtype = form_transport(&ini->form, line->line, line->words->pdata[1]);
	if (!l.trtype)
		return;
	if (!split_address(text, &l.host, &l.port)) {
		form_fault(&ini->form, line->line,
			   "\"%.64s\" is no address with a port, such as 192.0.2.1:4420 or "
			   "[2001:db8::1]:4420",
			   (const char *)line->words->pdata[2]);
		return;
	}
	a = (struct form_address){ l.trtype, NULL, l.host, l.port };
	if (form_address_ok(&ini->form, line->line, &a))
		g_array_append_val(s->listens, l);
}

static void take_host(struct ini *ini, const struct ini_line *line)
{
	struct ini_subsystem *s = ini->base;

	if (!form_hostnqn(&ini->form, line->line, line->words->pdata[1]))
		return;
	g_ptr_array_add(s->hosts, (char *)keep(ini, line, 1));
	g_array_append_val(s->host_lines, line->line);
}

/* Namespace BDEV [NSID [UUID]] */
static void take_ns(struct ini *ini, const struct ini_line *line)
{
	struct ini_subsystem *s = ini->base;
	struct ini_ns ns = { .line = line->line, .bdev = keep(ini, line, 1) };
	char uuid[37];

	if (!number(ini, line, 2, "the nsid", 1, NVMF_MAX_NSID, 0, &ns.nsid.value))
		return;
	ns.nsid.line = line->words->len > 2 ? line->line : 0;
	if (line->words->len > 3) {
		if (!form_uuid(line->words->pdata[3], uuid)) {
			form_fault(&ini->form, line->line, "\"%.64s\" is no UUID",
				   (const char *)line->words->pdata[3]);
			return;
		}
		ns.uuid = g_string_chunk_insert(ini->strings, uuid);
	}
	g_array_append_val(s->nss, ns);
}

#define SUBSYSTEM(member_) offsetof(struct ini_subsystem, member_)

static const char own_placing[] = "weft places each queue on a reactor by itself";

static const struct ini_key subsystem_keys[] = {
	STRING("NQN", SUBSYSTEM(nqn), 223),
	LIST("Listen", take_listen, 2, 2, "TYPE IP:PORT"),
	LIST("Host", take_host, 1, 1, "NQN"),
	BOOL("AllowAnyHost", SUBSYSTEM(allow_any_host)),
	STRING("SN", SUBSYSTEM(serial), 20),
	STRING("MN", SUBSYSTEM(model), 40),
	NUMBER("MaxNamespaces", SUBSYSTEM(max_namespaces), 0, NVMF_MAX_NSID),
	LIST("Namespace", take_ns, 1, 3, "BDEV [NSID [UUID]]"),
	IGNORED("Core", own_placing),
	IGNORED("Mode", "every subsystem is what \"Virtual\" was"),
	{ 0 },
};

/* --- all
 * ------------------------------------------------------------------------------------------ */

static const char no_iscsi[] = "iSCSI target";

const struct ini_section ini_sections[] = {
	{ "Global", .keys = global_keys },
	{ "Rpc", .keys = rpc_keys },
	{ "Ioat", .keys = ioat_keys },
	{ "Bdev", .keys = bdev_keys, .begin = begin_globals },
	{ "Malloc", .keys = malloc_keys, .begin = begin_malloc },
	{ "Null", .keys = null_keys },
	{ "AIO", .keys = aio_keys },
	{ "Split", .keys = split_keys },
	{ "Ceph", .keys = ceph_keys },
	{ "QoS", .keys = qos_keys },
	{ "Nvme", .keys = nvme_keys },
	{ "Nvmf", .keys = nvmf_keys, .begin = begin_globals },
	{ "Transport", .numbered = true, .keys = transport_keys, .begin = begin_transport },
	{ "Subsystem", .numbered = true, .keys = subsystem_keys, .begin = begin_subsystem },
	{ "iSCSI", .absent = no_iscsi },
	{ "PortalGroup", .numbered = true, .absent = no_iscsi },
	{ "InitiatorGroup", .numbered = true, .absent = no_iscsi },
	{ "TargetNode", .numbered = true, .absent = no_iscsi },
	{ "AuthGroup", .numbered = true, .absent = no_iscsi },
};
const unsigned ini_sections_n = G_N_ELEMENTS(ini_sections);
