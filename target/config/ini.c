/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads an INI file of 2018 (SPDK's to 20.07): which section and key a line is, and
 * the values that are numbers and strings. What sections and keys there are stands in
 * ini-sections.c.
 */
#include "target/config/ini.h"

#include <string.h>

#include "target/config/ini-sections.h"

/* --- sections -------------------------------------------------------------------------- */

/* Name without its number. */
static bool is_section(const struct ini_section *s, const char *name)
{
	size_t len = strlen(name);

	while (s->numbered && len > 0 && g_ascii_isdigit(name[len - 1]))
		len--;
	return len == strlen(s->name) && !g_ascii_strncasecmp(s->name, name, len);
}

static void unknown_section(struct ini *ini, const struct ini_line *line)
{
	g_autofree const char **names = g_new0(const char *, ini_sections_n + 1);
	g_autofree char *bare = g_strdup(line->section), *meant = NULL;

	for (unsigned i = 0; i < ini_sections_n; i++)
		names[i] = ini_sections[i].name;
	for (size_t len = strlen(bare); len > 0 && g_ascii_isdigit(bare[len - 1]); len--)
		bare[len - 1] = '\0';
	meant = form_meant(bare, names);
	form_fault(&ini->form, line->line, "there is no section [%.64s]%s", line->section, meant);
}

static void begin_section(struct ini *ini, const struct ini_line *line)
{
	g_autofree char *part = g_strdup_printf("[%s]", line->section);

	ini->part = g_string_chunk_insert(ini->strings, part);
	ini->section = NULL;
	ini->base = NULL;
	ini->skip = true;
	for (unsigned i = 0; i < ini_sections_n && !ini->section; i++)
		if (is_section(&ini_sections[i], line->section))
			ini->section = &ini_sections[i];
	if (!ini->section) {
		unknown_section(ini, line);
		return;
	}
	if (ini->section->absent) {
		form_fault(&ini->form, line->line, "%s: this build has no %s; remove the section",
			   ini->part, ini->section->absent);
		return;
	}
	ini->skip = false;
	if (ini->section->begin)
		ini->section->begin(ini, line->line);
}

/* --- keys ------------------------------------------------------------------------------ */

static bool values_fit(struct ini *ini, const struct ini_line *line, const struct ini_key *key,
		       unsigned least, unsigned most, const char *usage)
{
	unsigned n = line->words->len - 1;

	if (n >= least && (n <= most || most == 0))
		return true;
	return form_fault(&ini->form, line->line, "%s %s has %u values; it is \"%s %s\"", ini->part,
			  key->name, n, key->name, usage);
}

/* A number and so on: one value, given once. before: the line where it is already, or 0. */
static bool single(struct ini *ini, const struct ini_line *line, const struct ini_key *key,
		   unsigned before, const char *usage)
{
	if (!values_fit(ini, line, key, 1, 1, usage))
		return false;
	return !before || form_fault(&ini->form, line->line, "%s %s is given in line %u already",
				     ini->part, key->name, before);
}

static void take_number(struct ini *ini, const struct ini_line *line, const struct ini_key *key)
{
	struct form_number *number = (struct form_number *)((char *)ini->base + key->offset);
	const char *text;

	if (!single(ini, line, key, number->line, "NUMBER"))
		return;
	text = line->words->pdata[1];
	if (form_number(text, key->min, key->max, &number->value))
		number->line = line->line;
	else
		form_fault(&ini->form, line->line,
			   "%s %s is \"%.64s\"; it must be a whole number from %" G_GUINT64_FORMAT
			   " to %" G_GUINT64_FORMAT,
			   ini->part, key->name, text, key->min, key->max);
}

static void take_bool(struct ini *ini, const struct ini_line *line, const struct ini_key *key)
{
	static const char *const words[] = { "No", "Yes", "False", "True" };
	struct form_number *number = (struct form_number *)((char *)ini->base + key->offset);
	const char *text;

	if (!single(ini, line, key, number->line, "Yes|No"))
		return;
	text = line->words->pdata[1];
	for (unsigned i = 0; i < G_N_ELEMENTS(words); i++)
		if (!g_ascii_strcasecmp(text, words[i]))
			*number = (struct form_number){ i % 2, line->line };
	if (!number->line)
		form_fault(&ini->form, line->line,
			   "%s %s is \"%.64s\"; it must be Yes or No (or True or False)", ini->part,
			   key->name, text);
}

static void take_string(struct ini *ini, const struct ini_line *line, const struct ini_key *key)
{
	struct form_string *string = (struct form_string *)((char *)ini->base + key->offset);
	g_autofree char *what = g_strdup_printf("%s %s", ini->part, key->name);

	if (single(ini, line, key, string->line, "TEXT (in \"\" if it has spaces)") &&
	    form_text(&ini->form, line->line, what, line->words->pdata[1], key->max))
		*string = (struct form_string){
			g_string_chunk_insert(ini->strings, line->words->pdata[1]), line->line
		};
}

static void take_absent(struct ini *ini, const struct ini_line *line, const struct ini_key *key)
{
	form_fault(&ini->form, line->line,
		   "%s %s: this build has no %s; remove the section, or serve its bdevs from "
		   "[AIO], [Malloc] or [Null]",
		   ini->part, key->name, key->why);
	if (key->take && values_fit(ini, line, key, key->least, key->most, key->usage))
		key->take(ini, line);
}

static void take_key(struct ini *ini, const struct ini_line *line, const struct ini_key *key)
{
	switch (key->kind) {
	case INI_NUMBER:
		take_number(ini, line, key);
		break;
	case INI_BOOL:
		take_bool(ini, line, key);
		break;
	case INI_STRING:
		take_string(ini, line, key);
		break;
	case INI_LIST:
		if (values_fit(ini, line, key, key->least, key->most, key->usage))
			key->take(ini, line);
		break;
	case INI_IGNORED:
		config_note(ini->form.config, line->line, "%s %s has no effect: %s", ini->part,
			    key->name, key->why);
		break;
	case INI_ABSENT:
		take_absent(ini, line, key);
		break;
	}
}

static void unknown_key(struct ini *ini, const struct ini_line *line, const char *name)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *meant = NULL, *list = NULL;

	for (const struct ini_key *key = ini->section->keys; key->name; key++)
		g_ptr_array_add(names, (char *)key->name);
	g_ptr_array_add(names, NULL);
	meant = form_meant(name, (const char *const *)names->pdata);
	list = g_strjoinv(", ", (char **)names->pdata);
	form_fault(&ini->form, line->line, "%s has no key \"%.64s\"%s%s It has: %s", ini->part,
		   name, meant, *meant ? "" : ".", list);
}

static void read_key(struct ini *ini, const struct ini_line *line)
{
	const char *name = line->words->pdata[0];

	if (ini->skip)
		return;
	if (!ini->section) {
		form_fault(&ini->form, line->line,
			   "\"%.64s\" stands before any section; an INI file begins with one, such "
			   "as [Global]",
			   name);
		ini->skip = true; /* up to the first section once is enough */
		return;
	}
	for (const struct ini_key *key = ini->section->keys; key->name; key++) {
		if (g_ascii_strcasecmp(key->name, name))
			continue;
		take_key(ini, line, key);
		return;
	}
	unknown_key(ini, line, name);
}

/* --- the whole ------------------------------------------------------------------------- */

static void free_transport(void *transport)
{
	struct ini_transport *t = transport;

	g_free(t->part);
	g_free(t);
}

static void free_subsystem(void *subsystem)
{
	struct ini_subsystem *s = subsystem;

	g_array_unref(s->listens);
	g_array_unref(s->nss);
	g_ptr_array_unref(s->hosts);
	g_array_unref(s->host_lines);
	g_free(s->part);
	g_free(s);
}

static void clear_call(void *call)
{
	g_free(((struct ini_call *)call)->params);
}

static GArray *new_calls(void)
{
	GArray *calls = g_array_new(FALSE, FALSE, sizeof(struct ini_call));

	g_array_set_clear_func(calls, clear_call);
	return calls;
}

static void begin(struct ini *ini, struct config *config)
{
	form_begin(&ini->form, config);
	ini->strings = g_string_chunk_new(1024);
	ini->transports = g_ptr_array_new_with_free_func(free_transport);
	ini->subsystems = g_ptr_array_new_with_free_func(free_subsystem);
	ini->subsystem_by_part = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	ini->bdevs = new_calls();
	ini->limits = new_calls();
	ini->names = g_ptr_array_new();
	ini->missing = g_ptr_array_new();
	ini->by_name = g_hash_table_new(g_str_hash, g_str_equal);
}

static void end(struct ini *ini)
{
	g_hash_table_unref(ini->by_name);
	g_ptr_array_unref(ini->missing);
	g_ptr_array_unref(ini->names);
	g_array_unref(ini->limits);
	g_array_unref(ini->bdevs);
	g_hash_table_unref(ini->subsystem_by_part);
	g_ptr_array_unref(ini->subsystems);
	g_ptr_array_unref(ini->transports);
	g_string_chunk_free(ini->strings);
}

bool config_parse_ini(struct config *config, const char *text, size_t len, GError **error)
{
	struct ini ini = { 0 };
	struct ini_line line;
	bool ok;

	begin(&ini, config);
	if (ini_text_begin(&ini.text, &ini.form, text, len)) {
		while (ini_text_next(&ini.text, &line)) {
			if (line.section)
				begin_section(&ini, &line);
			else
				read_key(&ini, &line);
			ini_line_clear(&line);
		}
		ini_calls(&ini);
	}
	ok = form_end(&ini.form, error);
	end(&ini);
	return ok;
}
