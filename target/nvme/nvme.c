/* SPDX-License-Identifier: BSD-3-Clause */
/* Small helpers of the NVMe vocabulary. Name tables: nvme-names.c. */
#include <glib.h>
#include <string.h>

#include "target/nvme/nvme.h"

#define UUID_PREFIX "nqn.2014-08.org.nvmexpress:uuid:"
#define DATE_LENGTH 7 /* yyyy-mm */

static bool is_digits(const char *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!g_ascii_isdigit(s[i]))
			return false;
	}
	return true;
}

static bool is_date(const char *s)
{
	int month;

	if (!is_digits(s, 4) || s[4] != '-' || !is_digits(s + 5, 2))
		return false;
	month = (s[5] - '0') * 10 + (s[6] - '0');
	return month >= 1 && month <= 12;
}

/* A reverse domain: labels of letters, digits and inner hyphens, up to 63 bytes, with dots. */
static const char *check_domain(const char *s, size_t len)
{
	size_t label = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && (g_ascii_isalnum(s[i]) || s[i] == '-')) {
			if (label == 0 && s[i] == '-')
				return "a domain label of the NQN begins with a hyphen";
			label++;
			continue;
		}
		if (i < len && s[i] != '.')
			return "the NQN's domain may have letters, digits, hyphens and dots only";
		if (label == 0)
			return "the NQN's domain, or a label of it, is empty";
		if (label > 63)
			return "a domain label of the NQN is longer than 63 bytes";
		if (s[i - 1] == '-')
			return "a domain label of the NQN ends with a hyphen";
		label = 0;
	}
	return NULL;
}

static const char *check_uuid(const char *s)
{
	for (unsigned i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !g_ascii_isxdigit(s[i]))
			return "the NQN's uuid is not of the form 8-4-4-4-12 hexadecimal digits";
	}
	return s[36] == '\0' ? NULL : "something follows the NQN's uuid";
}

static const char *check_text(const char *nqn)
{
	const char *p;

	if (strnlen(nqn, NVME_NQN_MAX + 1) > NVME_NQN_MAX)
		return "the NQN is longer than 223 bytes";
	if (!g_utf8_validate(nqn, -1, NULL))
		return "the NQN is not valid UTF-8";
	for (p = nqn; *p != '\0'; p = g_utf8_next_char(p)) {
		if (g_unichar_iscntrl(g_utf8_get_char(p)))
			return "the NQN has a control character";
	}
	return NULL;
}

const char *nvme_nqn_check(const char *nqn)
{
	const char *error = check_text(nqn);
	const char *domain;
	size_t len;

	if (error != NULL)
		return error;
	if (strncmp(nqn, "nqn.", 4) != 0)
		return "an NQN begins with \"nqn.\"";
	if (strncmp(nqn, UUID_PREFIX, strlen(UUID_PREFIX)) == 0)
		return check_uuid(nqn + strlen(UUID_PREFIX));
	if (strnlen(nqn + 4, DATE_LENGTH + 1) <= DATE_LENGTH || !is_date(nqn + 4) ||
	    nqn[4 + DATE_LENGTH] != '.')
		return "\"nqn.\" is followed by a date yyyy-mm, a dot and a reverse domain name";
	domain = nqn + 4 + DATE_LENGTH + 1;
	len = strcspn(domain, ":");
	error = check_domain(domain, len);
	if (error != NULL)
		return error;
	if (domain[len] == ':' && domain[len + 1] == '\0')
		return "nothing follows the colon of the NQN";
	return NULL;
}

const char *nvme_subnqn_check(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				  "0123456789.-_");

	if (len > 0 && len <= NVME_NQN_MAX && name[len] == '\0' &&
	    g_ascii_strncasecmp(name, "nqn", 3) != 0)
		return NULL;
	return nvme_nqn_check(name);
}

void nvme_pad(char *field, const char *s, unsigned len)
{
	unsigned n = (unsigned)strnlen(s, len);

	memcpy(field, s, n);
	memset(field + n, ' ', len - n);
}
