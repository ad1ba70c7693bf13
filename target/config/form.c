/* SPDX-License-Identifier: BSD-3-Clause */
/* What the readers of others' forms share; see form.h. */
#include "target/config/form.h"

#include <string.h>

#include "hw/net.h"
#include "target/nvme/nvme.h"
#include "target/rpc/nearest.h"

/* Of namespaces' and bdevs' blocks; bdev.h has the same rule for all bdevs. */
#define BLOCK_MIN 512
#define BLOCK_MAX 65536

struct form_fault {
	unsigned line, order;
	char *text;
};

/* --- faults ---------------------------------------------------------------------------- */

static void free_fault(void *fault)
{
	g_free(((struct form_fault *)fault)->text);
}

void form_begin(struct form *f, struct config *config)
{
	f->config = config;
	f->faults = g_array_new(FALSE, FALSE, sizeof(struct form_fault));
	g_array_set_clear_func(f->faults, free_fault);
}

bool form_too_many(const struct form *f)
{
	return f->faults->len >= FORM_MAX_FAULTS;
}

bool form_fault(struct form *f, unsigned line, const char *format, ...)
{
	struct form_fault fault = { .line = line, .order = f->faults->len };
	g_autofree char *text = NULL;
	va_list args;

	if (form_too_many(f))
		return false;
	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	fault.text = g_utf8_make_valid(text, -1); /* what is quoted may have been cut */
	g_array_append_val(f->faults, fault);
	return false;
}

static int by_line(const void *a, const void *b)
{
	const struct form_fault *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

bool form_end(struct form *f, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	const struct form_fault *first;
	bool ok = f->faults->len == 0;

	if (!ok) {
		g_array_sort(f->faults, by_line);
		first = &g_array_index(f->faults, struct form_fault, 0);
		for (guint i = 0; i < f->faults->len; i++) {
			const struct form_fault *fault = first + i;

			if (i > 0)
				g_string_append_printf(text, "\n%s: line %u: ", f->config->name,
						       fault->line);
			g_string_append(text, fault->text);
		}
		if (form_too_many(f))
			g_string_append_printf(text, "\n%s: and perhaps more", f->config->name);
		config_bad(f->config, error, first->line, "%s", text->str);
	}
	g_array_unref(f->faults);
	f->faults = NULL;
	return ok;
}

char *form_meant(const char *text, const char *const *names)
{
	g_autofree char *lower = g_ascii_strdown(text, -1);
	g_autoptr(GPtrArray) lowers = g_ptr_array_new_with_free_func(g_free);
	const char *near;
	guint at;

	for (unsigned i = 0; names[i]; i++)
		g_ptr_array_add(lowers, g_ascii_strdown(names[i], -1));
	g_ptr_array_add(lowers, NULL);
	near = rpc_nearest(lower, (const char *const *)lowers->pdata);
	if (!near)
		return g_strdup("");
	g_ptr_array_find(lowers, near, &at); /* the very pointer */
	return g_strdup_printf("; did you mean \"%s\"?", names[at]);
}

/* --- values ---------------------------------------------------------------------------- */

bool form_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	return g_ascii_string_to_unsigned(text, 10, min, max, value, NULL);
}

bool form_block_size(struct form *f, unsigned line, uint64_t value)
{
	if (value >= BLOCK_MIN && value <= BLOCK_MAX && (value & (value - 1)) == 0)
		return true;
	return form_fault(f, line,
			  "the block size is %" G_GUINT64_FORMAT
			  "; it must be a power of two from %d to %d",
			  value, BLOCK_MIN, BLOCK_MAX);
}

bool form_text(struct form *f, unsigned line, const char *what, const char *text, size_t max)
{
	for (const char *c = text; *c; c++)
		if (!g_ascii_isprint(*c))
			return form_fault(f, line, "%s may have printable ASCII characters only",
					  what);
	if (*text && strlen(text) <= max)
		return true;
	return form_fault(f, line, "%s has %zu characters; it may have 1 to %zu", what,
			  strlen(text), max);
}

bool form_subnqn(struct form *f, unsigned line, const char *nqn)
{
	const char *why = nvme_subnqn_check(nqn);

	if (why)
		return form_fault(f, line, "\"%s\" is no name for a subsystem: %s", nqn, why);
	if (!strcmp(nqn, NVME_DISCOVERY_NQN))
		return form_fault(f, line,
				  "%s is the discovery subsystem, which is always there; "
				  "remove it",
				  nqn);
	return true;
}

bool form_hostnqn(struct form *f, unsigned line, const char *nqn)
{
	const char *why = nvme_nqn_check(nqn);

	return !why || form_fault(f, line, "\"%s\" is no NQN of a host: %s", nqn, why);
}

bool form_uuid(const char *text, char out[37])
{
	if (!g_uuid_string_is_valid(text))
		return false;
	for (unsigned i = 0; i <= 36; i++)
		out[i] = g_ascii_tolower(text[i]);
	return true;
}

/* --- what a build has ------------------------------------------------------------------ */

const char *form_transport(struct form *f, unsigned line, const char *trtype)
{
	static const char *const names[] = { "TCP", "RDMA" };
	static const struct {
		const char *name, *what;
	} absent[] = {
		{ "FC", "Fibre Channel" },
		{ "loop", "loop" },
		{ "PCI", "PCI endpoint" },
		{ "VFIOUSER", "vfio-user" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		if (!g_ascii_strcasecmp(trtype, names[i]))
			return names[i];
	for (unsigned i = 0; i < G_N_ELEMENTS(absent); i++) {
		if (g_ascii_strcasecmp(trtype, absent[i].name))
			continue;
		form_fault(f, line,
			   "this build has no %s transport; listen by TCP or RDMA, or remove this",
			   absent[i].what);
		return NULL;
	}
	form_fault(f, line, "\"%s\" is no transport; this build has TCP and RDMA", trtype);
	return NULL;
}

/* --- parameters ------------------------------------------------------------------------ */

static void quote(GString *json, const char *text)
{
	g_string_append_c(json, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			g_string_append_c(json, '\\');
		if (c < ' ')
			g_string_append_printf(json, "\\u%04x", c);
		else
			g_string_append_c(json, *text);
	}
	g_string_append_c(json, '"');
}

static void member(GString *json, const char *key)
{
	if (json->len > 0 && json->str[json->len - 1] != '{')
		g_string_append_c(json, ',');
	quote(json, key);
	g_string_append_c(json, ':');
}

void form_open(GString *json, const char *key)
{
	if (key)
		member(json, key);
	g_string_append_c(json, '{');
}

void form_close(GString *json)
{
	g_string_append_c(json, '}');
}

void form_str(GString *json, const char *key, const char *value)
{
	member(json, key);
	quote(json, value);
}

void form_num(GString *json, const char *key, uint64_t value)
{
	member(json, key);
	g_string_append_printf(json, "%" G_GUINT64_FORMAT, value);
}

void form_bool(GString *json, const char *key, bool value)
{
	member(json, key);
	g_string_append(json, value ? "true" : "false");
}

static bool parse_address(const struct form_address *a, struct net_addr *addr, GError **error)
{
	return net_addr_parse(addr, a->host, a->port, error);
}

bool form_address_ok(struct form *f, unsigned line, const struct form_address *a)
{
	g_autoptr(GError) error = NULL;
	struct net_addr addr;
	bool six;

	if (!parse_address(a, &addr, &error))
		return form_fault(f, line, "%s", weft_error_detail(error));
	if (addr.port == 0)
		return form_fault(f, line, "port 0 cannot be listened on; NVMe's is 4420");
	if (!a->family)
		return true;
	six = !g_ascii_strcasecmp(a->family, "ipv6");
	if (!six && g_ascii_strcasecmp(a->family, "ipv4"))
		return form_fault(f, line, "the address family is \"%s\"; it may be ipv4 or ipv6",
				  a->family);
	if (six != (addr.family == NET_INET6))
		return form_fault(f, line, "%s is no address of the family %s", a->host, a->family);
	return true;
}

void form_address(GString *json, const char *key, const struct form_address *a)
{
	struct net_addr addr;

	parse_address(a, &addr, NULL);
	form_open(json, key);
	form_str(json, "trtype", a->trtype);
	form_str(json, "adrfam", addr.family == NET_INET6 ? "IPv6" : "IPv4");
	form_str(json, "traddr", a->host);
	form_str(json, "trsvcid", a->port);
	form_close(json);
}

void form_add(struct form *f, const char *part, unsigned line, const char *method, GString *json)
{
	form_close(json);
	config_add(f->config, part, line, method, json->str);
	g_string_truncate(json, 0);
	form_open(json, NULL);
}
