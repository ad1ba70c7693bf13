/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The text, family by family as the format wants it, from the table in families.c.
 * It stops after any sample's thing, so that a portion is bounded by what is asked
 * for plus one histogram.
 */
#include "target/metrics/prometheus.h"

#include <string.h>

#include "target/metrics/families.h"

/* --- values ------------------------------------------------------------------------------------
 */

/* printf would be half of the work of a large page. */
static void append_number(GString *out, uint64_t value)
{
	char text[24];
	unsigned i = sizeof(text);

	do {
		text[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	g_string_append_len(out, text + i, (gssize)(sizeof(text) - i));
}

/* Integer arithmetic: the same digits everywhere. */
static void append_seconds(GString *out, uint64_t ns)
{
	append_number(out, ns / 1000000000);
	if (ns % 1000000000 == 0)
		return;
	g_string_append_printf(out, ".%09u", (unsigned)(ns % 1000000000));
	while (out->str[out->len - 1] == '0')
		g_string_truncate(out, out->len - 1);
}

static void append_value(GString *out, uint64_t value, enum metrics_unit unit)
{
	if (unit == METRICS_NS)
		append_seconds(out, value);
	else if (unit == METRICS_MS)
		append_seconds(out, value * 1000000);
	else
		append_number(out, unit == METRICS_MIB ? value << 20 : value);
	g_string_append_c(out, '\n');
}

static bool is_plain(const char *value)
{
	for (; *value; value++)
		if (!g_ascii_isprint(*value) || *value == '"' || *value == '\\')
			return false;
	return true;
}

/*
 * NQNs are bytes of hosts: what is no UTF-8, or a control character, is shown as the
 * replacement character, so that the line stays one line and the text stays text.
 */
void prometheus_escape(GString *out, const char *value)
{
	if (is_plain(value)) {
		g_string_append(out, value);
		return;
	}
	while (*value) {
		gunichar c = g_utf8_get_char_validated(value, -1);

		if (c == (gunichar)-1 || c == (gunichar)-2) {
			g_string_append(out, "\xef\xbf\xbd");
			value++;
			continue;
		}
		if (c == '\\')
			g_string_append(out, "\\\\");
		else if (c == '"')
			g_string_append(out, "\\\"");
		else if (c == '\n')
			g_string_append(out, "\\n");
		else if (c < 0x20 || c == 0x7f)
			g_string_append(out, "\xef\xbf\xbd");
		else
			g_string_append_unichar(out, c);
		value = g_utf8_next_char(value);
	}
}

static void label(GString *out, const char *name, const char *value)
{
	if (out->str[out->len - 1] != '{')
		g_string_append_c(out, ',');
	g_string_append(out, name);
	g_string_append(out, "=\"");
	prometheus_escape(out, value);
	g_string_append_c(out, '"');
}

static void label_number(GString *out, const char *name, uint64_t value)
{
	char text[24];

	g_snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, value);
	label(out, name, text);
}

static void label_address(GString *out, const struct metrics_address *a)
{
	label(out, "trtype", a->trtype);
	label(out, "traddr", a->traddr);
	label(out, "trsvcid", a->trsvcid);
}

/* --- things of a section ---------------------------------------------------------------------- */

static unsigned section_count(const struct metrics *m, enum metrics_section section)
{
	switch (section) {
	case METRICS_REACTORS:
		return m->nreactors;
	case METRICS_SUBSYSTEMS:
		return m->nsubsystems;
	case METRICS_NAMESPACES:
		return m->nnamespaces;
	case METRICS_LISTENERS:
		return m->nlisteners;
	case METRICS_CTRLRS:
		return m->nctrlrs;
	case METRICS_PATHS:
		return m->npaths;
	case METRICS_BDEVS:
		return m->nbdevs;
	case METRICS_RNICS:
		return m->nrnics;
	default:
		return 1;
	}
}

static const void *thing(const struct metrics *m, enum metrics_section section, unsigned i)
{
	switch (section) {
	case METRICS_REACTORS:
		return &m->reactors[i];
	case METRICS_SUBSYSTEMS:
		return &m->subsystems[i];
	case METRICS_NAMESPACES:
		return &m->namespaces[i];
	case METRICS_LISTENERS:
		return &m->listeners[i];
	case METRICS_CTRLRS:
		return &m->ctrlrs[i];
	case METRICS_PATHS:
		return &m->paths[i];
	case METRICS_BDEVS:
		return &m->bdevs[i];
	case METRICS_RNICS:
		return &m->rnics[i];
	default:
		return m;
	}
}

static const struct nvmf_counts *counts_of(const struct metrics *m, enum metrics_section section,
					   unsigned i)
{
	if (section == METRICS_NAMESPACES)
		return m->namespaces[i].counts;
	if (section == METRICS_CTRLRS)
		return m->ctrlrs[i].counts;
	return section == METRICS_PATHS ? m->paths[i].counts : NULL;
}

/* What tells it apart from others of its section. */
static void identify(GString *out, const struct metrics *m, enum metrics_section section,
		     unsigned i)
{
	switch (section) {
	case METRICS_REACTORS:
		label_number(out, "reactor", i);
		break;
	case METRICS_SUBSYSTEMS:
		label(out, "nqn", m->subsystems[i].nqn);
		break;
	case METRICS_NAMESPACES:
		label(out, "nqn", m->subsystems[m->namespaces[i].subsystem].nqn);
		label_number(out, "nsid", m->namespaces[i].nsid);
		break;
	case METRICS_LISTENERS:
		label(out, "nqn", m->subsystems[m->listeners[i].subsystem].nqn);
		label_address(out, &m->listeners[i].address);
		break;
	case METRICS_CTRLRS:
		label(out, "nqn", m->subsystems[m->ctrlrs[i].subsystem].nqn);
		label_number(out, "cntlid", m->ctrlrs[i].cntlid);
		break;
	case METRICS_PATHS:
		label(out, "nqn", m->subsystems[m->paths[i].subsystem].nqn);
		label(out, "hostnqn", m->paths[i].hostnqn);
		label_address(out, &m->paths[i].listen);
		break;
	case METRICS_BDEVS:
		label(out, "bdev", m->bdevs[i].name);
		break;
	case METRICS_RNICS:
		label(out, "device", m->rnics[i].device);
		break;
	default:
		break;
	}
}

static void describe(GString *out, const struct metrics *m, enum metrics_section section,
		     unsigned i)
{
	switch (section) {
	case METRICS_GLOBAL:
		label(out, "version", WEFT_VERSION);
		break;
	case METRICS_NAMESPACES:
		label(out, "bdev", m->namespaces[i].bdev);
		label(out, "uuid", m->namespaces[i].uuid);
		label_number(out, "anagrpid", m->namespaces[i].anagrpid);
		label_number(out, "block_size", m->namespaces[i].block_size);
		break;
	case METRICS_CTRLRS:
		label(out, "type", m->ctrlrs[i].discovery ? "discovery" : "io");
		label(out, "hostnqn", m->ctrlrs[i].hostnqn);
		label(out, "hostid", m->ctrlrs[i].hostid);
		label_address(out, &m->ctrlrs[i].listen);
		label(out, "peer", m->ctrlrs[i].peer);
		label_number(out, "reactor", m->ctrlrs[i].reactor);
		break;
	case METRICS_PATHS:
		label(out, "ana_state", m->paths[i].ana_state);
		break;
	case METRICS_BDEVS:
		label(out, "product", m->bdevs[i].product);
		label(out, "uuid", m->bdevs[i].uuid);
		label_number(out, "block_size", m->bdevs[i].block_size);
		break;
	default:
		break;
	}
}

/* --- samples ------------------------------------------------------------------------------------
 */

/* name{labels} without the end of the labels, so that more can follow. */
static void begin_sample(GString *out, const struct metrics *m, const struct metrics_family *f,
			 const char *suffix, unsigned i, unsigned k)
{
	g_string_append(out, f->name);
	g_string_append(out, suffix);
	g_string_append_c(out, '{');
	identify(out, m, f->section, i);
	if (f->label)
		label(out, f->label, f->values[k]);
}

static void end_sample(GString *out, uint64_t value, enum metrics_unit unit)
{
	if (out->str[out->len - 1] == '{')
		g_string_truncate(out, out->len - 1);
	else
		g_string_append_c(out, '}');
	g_string_append_c(out, ' ');
	append_value(out, value, unit);
}

static uint64_t read_field(const struct metrics_family *f, const void *base, unsigned k)
{
	const char *at = (const char *)base + f->offset + (size_t)k * f->stride;
	uint32_t small;
	uint64_t large;

	if (f->size == sizeof(large)) {
		memcpy(&large, at, sizeof(large));
		return large;
	}
	memcpy(&small, at, sizeof(small));
	return small;
}

static void values(GString *out, const struct metrics *m, const struct metrics_family *f,
		   unsigned i, const void *base)
{
	for (unsigned k = 0; base && k < f->nvalues; k++) {
		begin_sample(out, m, f, "", i, k);
		end_sample(out, read_field(f, base, k), f->unit);
	}
}

struct totals {
	uint64_t sum, count;
};

static void bucket(GString *out, const struct metrics *m, const struct metrics_family *f,
		   unsigned i, unsigned k, uint64_t bound, uint64_t count)
{
	begin_sample(out, m, f, "_bucket", i, k);
	label(out, "le", "");
	g_string_truncate(out, out->len - 1);
	if (bound == UINT64_MAX)
		g_string_append(out, "+Inf");
	else
		append_seconds(out, bound);
	g_string_append_c(out, '"');
	end_sample(out, count, METRICS_PLAIN);
}

static void end_histogram(GString *out, const struct metrics *m, const struct metrics_family *f,
			  unsigned i, unsigned k, const struct totals *t)
{
	bucket(out, m, f, i, k, UINT64_MAX, t->count);
	begin_sample(out, m, f, "_sum", i, k);
	end_sample(out, t->sum, METRICS_NS);
	begin_sample(out, m, f, "_count", i, k);
	end_sample(out, t->count, METRICS_PLAIN);
}

/* Octaves only: four times as many series would be a burden. */
static void histogram(GString *out, const struct metrics *m, const struct metrics_family *f,
		      unsigned i, unsigned k, const struct latency *l)
{
	struct totals t = { .sum = l->sum };

	if (latency_count(l) == 0)
		return;
	for (unsigned b = 0; b < LATENCY_BUCKETS - 1; b++) {
		t.count += l->n[b];
		if (b % LATENCY_STEPS == 0)
			bucket(out, m, f, i, k, latency_bound(b), t.count);
	}
	t.count += l->n[LATENCY_BUCKETS - 1];
	end_histogram(out, m, f, i, k, &t);
}

/* Its buckets end below a power of two, not at it. */
static void bdev_histogram(GString *out, const struct metrics *m, const struct metrics_family *f,
			   unsigned i, const struct hist *h)
{
	struct totals t = { 0 };
	unsigned b = 0;

	if (!h)
		return;
	t.sum = h->sum;
	for (unsigned bits = LATENCY_MIN_BITS; bits <= LATENCY_MAX_BITS; bits++) {
		while (b < hist_bucket(UINT64_C(1) << bits))
			t.count += h->buckets[b++];
		bucket(out, m, f, i, 0, (UINT64_C(1) << bits) - 1, t.count);
	}
	t.count = h->count;
	end_histogram(out, m, f, i, 0, &t);
}

static void one_thing(GString *out, const struct metrics *m, const struct metrics_family *f,
		      unsigned i)
{
	const struct nvmf_counts *counts = counts_of(m, f->section, i);

	switch (f->shape) {
	case METRICS_INFO:
		begin_sample(out, m, f, "", i, 0);
		describe(out, m, f->section, i);
		end_sample(out, 1, METRICS_PLAIN);
		break;
	case METRICS_COUNTS:
		values(out, m, f, i, counts);
		break;
	case METRICS_HISTOGRAM:
		for (unsigned k = 0; counts && k < f->nvalues; k++)
			histogram(out, m, f, i, k, &counts->latency[k]);
		break;
	case METRICS_BDEV_HIST:
		bdev_histogram(out, m, f, i, m->bdevs[i].hist);
		break;
	default:
		values(out, m, f, i, thing(m, f->section, i));
	}
}

/* --- all -----------------------------------------------------------------------------------------
 */

void prometheus_begin(struct prometheus *text, const struct metrics *metrics)
{
	*text = (struct prometheus){ .metrics = metrics };
}

bool prometheus_next(struct prometheus *text, GString *out, size_t enough)
{
	while (out->len < enough) {
		const struct metrics_family *f = &metrics_families[text->family];

		if (!f->name)
			return false;
		if (text->item == 0)
			g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name,
					       f->help, f->name, f->type);
		if (text->item < section_count(text->metrics, f->section)) {
			one_thing(out, text->metrics, f, text->item++);
			continue;
		}
		text->family++;
		text->item = 0;
	}
	return true;
}

const char *prometheus_family(unsigned i)
{
	return metrics_families[i].name;
}
