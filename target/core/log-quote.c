/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text that came from outside, made fit for one field of a log line: in quotes,
 * with everything escaped that could end the field or the line, or make a
 * terminal or a reader see something else than what was sent.
 */
#include <glib.h>
#include <string.h>

#include "target/core/log.h"

static unsigned escape_byte(unsigned char c, char out[5])
{
	static const char hex[] = "0123456789abcdef";

	out[0] = '\\';
	switch (c) {
	case '\n':
		out[1] = 'n';
		return 2;
	case '\r':
		out[1] = 'r';
		return 2;
	case '\t':
		out[1] = 't';
		return 2;
	case '"':
	case '\\':
		out[1] = (char)c;
		return 2;
	default:
		out[1] = 'x';
		out[2] = hex[c >> 4];
		out[3] = hex[c & 15];
		return 4;
	}
}

/* Length of the printable character at s, or 0: escape its first byte. */
static unsigned plain_length(const char *s)
{
	gunichar c;

	if (*s == '"' || *s == '\\')
		return 0;
	/* All bytes up to the terminating zero may be looked at. */
	c = g_utf8_get_char_validated(s, -1);
	if (c == (gunichar)-1 || c == (gunichar)-2 || !g_unichar_isprint(c))
		return 0;
	return (unsigned)(g_utf8_next_char(s) - s);
}

const char *log_quote(const char *s, char *buf, size_t len)
{
	size_t n = 0;

	if (len < 3) {
		if (len > 0)
			buf[0] = '\0';
		return buf;
	}
	if (s == NULL)
		s = "";
	buf[n++] = '"';
	while (*s != '\0') {
		char escaped[5];
		unsigned in = plain_length(s);
		unsigned out = in;
		const char *from = s;

		if (in == 0) {
			in = 1;
			out = escape_byte((unsigned char)*s, escaped);
			from = escaped;
		}
		if (n + out + 2 > len)
			break;
		memcpy(buf + n, from, out);
		n += out;
		s += in;
	}
	buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}
