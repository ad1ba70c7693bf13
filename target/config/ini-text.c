/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines and words of an INI file of 2018; see ini-text.h. */
#include "target/config/ini-text.h"

#include <string.h>

bool ini_text_begin(struct ini_text *t, struct form *f, const char *text, size_t len)
{
	const char *bad;
	unsigned line = 1;

	*t = (struct ini_text){ .form = f, .pos = text, .end = text + len, .line = 1 };
	if (g_utf8_validate(text, (gssize)len, &bad))
		return true;
	for (const char *c = text; c < bad; c++)
		line += *c == '\n';
	return form_fault(f, line,
			  "byte 0x%02x is no text; a configuration is JSON, or an INI file in "
			  "UTF-8",
			  (unsigned char)*bad);
}

/* Bytes of the end of line at p, 0: none is there. */
static size_t end_of_line(const struct ini_text *t, const char *p)
{
	if (p < t->end && *p == '\n')
		return 1;
	return t->end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

/* The next character of the line, or -1: its end. What continues a line is passed by. */
static int peek(struct ini_text *t)
{
	while (t->pos < t->end && *t->pos == '\\') {
		size_t n = end_of_line(t, t->pos + 1);

		if (n == 0 && t->pos + 1 < t->end)
			break;
		t->pos += 1 + n;
		t->line += n > 0;
	}
	return t->pos == t->end || end_of_line(t, t->pos) ? -1 : (unsigned char)*t->pos;
}

static void skip_space(struct ini_text *t)
{
	int c;

	while ((c = peek(t)) == ' ' || c == '\t')
		t->pos++;
}

/* To the next line, whatever is left of this one; a comment is not continued. */
static void skip_line(struct ini_text *t, bool comment)
{
	while (comment ? t->pos < t->end && *t->pos != '\n' : peek(t) != -1)
		t->pos++;
	t->pos += end_of_line(t, t->pos);
	t->line++;
}

static bool read_word(struct ini_text *t, GString *word)
{
	bool quoted = false;
	int c;

	while ((c = peek(t)) != -1 && (quoted || (c != ' ' && c != '\t'))) {
		if (g_ascii_iscntrl(c) && c != '\t')
			return form_fault(t->form, t->line, "there is a control character 0x%02x",
					  (unsigned)c);
		if (c == '"')
			quoted = !quoted;
		else
			g_string_append_c(word, (char)c);
		t->pos++;
	}
	return !quoted || form_fault(t->form, t->line, "a quotation mark (\") is not closed");
}

/* Whatever follows must be a comment or nothing. */
static bool read_section(struct ini_text *t, struct ini_line *line)
{
	g_autoptr(GString) name = g_string_new(NULL);
	int c;

	t->pos++;
	while ((c = peek(t)) != -1 && c != ']' && !g_ascii_iscntrl(c)) {
		g_string_append_c(name, (char)c);
		t->pos++;
	}
	if (c != ']')
		return form_fault(t->form, t->line, "a section is [NAME]: there is no \"]\"");
	t->pos++;
	skip_space(t);
	c = peek(t);
	if (c != -1 && c != '#')
		return form_fault(t->form, t->line,
				  "something follows [%s]; keys stand on lines of their own",
				  name->str);
	line->section = g_strdup(g_strstrip(name->str));
	return true;
}

static bool read_words(struct ini_text *t, struct ini_line *line)
{
	int c;

	line->words = g_ptr_array_new_with_free_func(g_free);
	for (skip_space(t); (c = peek(t)) != -1 && c != '#'; skip_space(t)) {
		g_autoptr(GString) word = g_string_new(NULL);

		if (!read_word(t, word))
			return false;
		g_ptr_array_add(line->words, g_strdup(word->str));
	}
	return true;
}

bool ini_text_next(struct ini_text *t, struct ini_line *line)
{
	while (t->pos < t->end && !form_too_many(t->form)) {
		bool ok;
		int c;

		skip_space(t);
		c = peek(t);
		*line = (struct ini_line){ .line = t->line };
		if (c == -1 || c == '#') {
			skip_line(t, c == '#');
			continue;
		}
		ok = c == '[' ? read_section(t, line) : read_words(t, line);
		skip_line(t, peek(t) == '#');
		if (ok)
			return true;
		ini_line_clear(line);
	}
	return false;
}

void ini_line_clear(struct ini_line *line)
{
	g_free(line->section);
	if (line->words)
		g_ptr_array_unref(line->words);
	*line = (struct ini_line){ 0 };
}
