/* SPDX-License-Identifier: BSD-3-Clause */
/* What a program's --rnic says: one text, the same for all programs. */
#include <string.h>

#include "hw/linux/linux.h"

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

/* One of the list behind "soft:". */
static bool add_addr(struct linux_rnic_option *o, const char *text, GError **error)
{
	struct net_addr addr;

	if (!net_addr_parse(&addr, text, NULL, NULL))
		return bad(error,
			   "--rnic soft:... %s: the address of an interface of this machine "
			   "expected, such as 192.0.2.1 or 2001:db8::1",
			   text[0] ? text : "(nothing)");
	if (net_addr_is_any(&addr))
		return bad(error, "--rnic soft:... %s: --rnic soft alone is for all addresses",
			   text);
	for (unsigned i = 0; i < o->naddrs; i++)
		if (net_addr_same_host(&o->addrs[i], &addr))
			return bad(error, "--rnic soft:... %s: it is named twice", text);
	if (o->naddrs == LINUX_RNIC_ADDRS)
		return bad(error, "--rnic soft:... %s: at most %d addresses", text,
			   LINUX_RNIC_ADDRS);
	o->addrs[o->naddrs++] = addr;
	return true;
}

bool linux_rnic_option_parse(struct linux_rnic_option *o, const char *text, GError **error)
{
	static const char *const names[] = {
		[LINUX_RNIC_NONE] = "none",
		[LINUX_RNIC_AUTO] = "auto",
		[LINUX_RNIC_SOFT] = "soft",
		[LINUX_RNIC_VERBS] = "verbs",
	};
	g_auto(GStrv) addrs = NULL;

	o->naddrs = 0;
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		if (strcmp(names[i], text) != 0)
			continue;
		o->which = (enum linux_rnic)i;
		return true;
	}
	if (!g_str_has_prefix(text, "soft:"))
		return bad(error, "--rnic %s: auto, verbs, soft, soft:ADDRESS,... or none expected",
			   text);
	o->which = LINUX_RNIC_SOFT;
	addrs = g_strsplit(text + strlen("soft:"), ",", -1);
	if (!addrs[0])
		return add_addr(o, "", error);
	for (char **a = addrs; *a; a++)
		if (!add_addr(o, *a, error))
			return false;
	return true;
}
