/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Results as tables, for people. A table says which array of the result has the
 * rows, and what stands in each column: text in which {key} is replaced with that
 * member of the row ({a.b}: of an object in it; {a*b}: a size in bytes that is the
 * product). A column of a list has that text for each element.
 */
#include <string.h>

#include "tools/weftctl/weftctl.h"

#define MAX_COLUMNS 8
#define MAX_ELEMENTS 8 /* of a list, in one cell */

struct column {
	const char *title; /* NULL ends them */
	const char *text;
	const char *list; /* array in the row whose elements are meant; NULL: the row */
	bool right;
};

struct view {
	const char *method;
	const char *rows; /* NULL: the result itself is the array */
	struct column columns[MAX_COLUMNS];
};

#define ADDRESS_TEXT(p_) "{" p_ "trtype} {" p_ "traddr}:{" p_ "trsvcid}"

#define LEFT(title_, text_)                                                                        \
	{                                                                                          \
		.title = title_, .text = text_                                                     \
	}
#define RIGHT(title_, text_)                                                                       \
	{                                                                                          \
		.title = title_, .text = text_, .right = true                                      \
	}
#define EACH(title_, text_, list_)                                                                 \
	{                                                                                          \
		.title = title_, .text = text_, .list = list_                                      \
	}

static const struct view views[] = {
	{ "bdev_get_bdevs",
	  NULL,
	  { LEFT("NAME", "{name}"), LEFT("KIND", "{product_name}"),
	    RIGHT("SIZE", "{block_size*num_blocks}"), RIGHT("BLOCK", "{block_size}"),
	    LEFT("UUID", "{uuid}"), LEFT("IN USE", "{claimed}") } },
	{ "bdev_get_iostat",
	  "bdevs",
	  { LEFT("NAME", "{name}"), RIGHT("READS", "{num_read_ops}"),
	    RIGHT("READ", "{bytes_read*}"), RIGHT("WRITES", "{num_write_ops}"),
	    RIGHT("WRITTEN", "{bytes_written*}"), RIGHT("UNMAPS", "{num_unmap_ops}") } },
	{ "nvmf_get_transports",
	  NULL,
	  { LEFT("TYPE", "{trtype}"), RIGHT("QUEUES", "{max_io_qpairs_per_ctrlr}"),
	    RIGHT("DEPTH", "{max_queue_depth}"), RIGHT("IN CAPSULE", "{in_capsule_data_size*}"),
	    RIGHT("LARGEST I/O", "{max_io_size*}") } },
	{ "nvmf_get_subsystems",
	  NULL,
	  { LEFT("NQN", "{nqn}"), LEFT("SERIAL", "{serial_number}"),
	    LEFT("ANY HOST", "{allow_any_host}"), EACH("HOSTS", "{nqn}", "hosts"),
	    EACH("ADDRESSES", "{traddr}:{trsvcid}", "listen_addresses"),
	    EACH("NAMESPACES", "{nsid}={bdev_name}", "namespaces") } },
	{ "nvmf_subsystem_get_controllers",
	  NULL,
	  { RIGHT("ID", "{cntlid}"), LEFT("TYPE", "{cntrltype}"),
	    RIGHT("QUEUES", "{num_io_qpairs}"), LEFT("HOST", "{hostnqn}") } },
	{ "nvmf_subsystem_get_qpairs",
	  NULL,
	  { RIGHT("CONTROLLER", "{cntlid}"), RIGHT("QUEUE", "{qid}"), LEFT("STATE", "{state}"),
	    LEFT("FROM", "{peer_address.traddr}:{peer_address.trsvcid}"),
	    LEFT("THREAD", "{thread}"), LEFT("HOST", "{hostnqn}") } },
	{ "nvmf_subsystem_get_listeners",
	  NULL,
	  { LEFT("ADDRESS", ADDRESS_TEXT("address.")),
	    EACH("ANA", "{ana_group}={ana_state}", "ana_states") } },
	{ "nvmf_discovery_get_referrals",
	  NULL,
	  { LEFT("ADDRESS", ADDRESS_TEXT("address.")), LEFT("TLS", "{secure_channel}"),
	    LEFT("NQN", "{subnqn}") } },
	{ "nvmf_get_stats",
	  "poll_groups",
	  { LEFT("REACTOR", "{name}"), RIGHT("ADMIN QUEUES", "{current_admin_qpairs}"),
	    RIGHT("I/O QUEUES", "{current_io_qpairs}"), RIGHT("COMMANDS", "{completed_nvme_io}"),
	    RIGHT("PENDING", "{pending_bdev_io}") } },
	{ "framework_get_subsystems",
	  NULL,
	  { LEFT("PART", "{subsystem}"), EACH("NEEDS", "{}", "depends_on") } },
	{ "framework_get_reactors",
	  "reactors",
	  { RIGHT("PROCESSOR", "{lcore}"), RIGHT("THREAD", "{tid}"), RIGHT("BUSY", "{busy}"),
	    RIGHT("IDLE", "{idle}") } },
	{ "thread_get_stats",
	  "threads",
	  { RIGHT("ID", "{id}"), LEFT("NAME", "{name}"), LEFT("PROCESSORS", "{cpumask}"),
	    RIGHT("BUSY", "{busy}"), RIGHT("IDLE", "{idle}") } },
	{ "notify_get_notifications",
	  NULL,
	  { RIGHT("ID", "{id}"), LEFT("TYPE", "{type}"), LEFT("WHAT", "{ctx}") } },
	{ "rpc_get_methods", NULL, { LEFT("METHOD", "{}") } },
	{ "notify_get_types", NULL, { LEFT("TYPE", "{}") } },
	{ "nvmf_get_targets", NULL, { LEFT("TARGET", "{}") } },
};

/* --- one cell ----------------------------------------------------------------------------------
 */

static const struct jv *member_at(const struct jv *v, const char *path)
{
	g_auto(GStrv) keys = g_strsplit(path, ".", -1);

	for (char **key = keys; *key && v; key++)
		v = jv_member(v, *key);
	return v;
}

static void append_scalar(GString *out, const struct jv *v)
{
	if (!v || v->type == JV_NULL)
		g_string_append_c(out, '-');
	else if (v->type == JV_BOOL)
		g_string_append(out, v->truth ? "yes" : "no");
	else if (v->type == JV_STRING)
		g_string_append(out, v->str);
	else
		g_string_append_len(out, v->raw, (gssize)v->raw_len);
}

/* a*b, or a* alone: bytes. */
static void append_bytes(GString *out, const struct jv *row, const char *factors)
{
	g_auto(GStrv) keys = g_strsplit(factors, "*", 2);
	guint64 product = 1, n;
	bool negative;

	for (char **key = keys; *key; key++) {
		const struct jv *v = **key ? jv_member(row, *key) : NULL;

		if (!**key)
			continue;
		if (!v || v->type != JV_NUMBER || jv_integer(v, &negative, &n) != JV_INT_OK ||
		    negative || (n && product > G_MAXUINT64 / n)) {
			g_string_append_c(out, '-');
			return;
		}
		product *= n;
	}
	g_autofree char *text = g_format_size_full(product, G_FORMAT_SIZE_IEC_UNITS);
	char *blank = strstr(text, "\u00a0"); /* one that does not break */

	g_string_append_printf(out, "%.*s%s%s", blank ? (int)(blank - text) : 0, text,
			       blank ? " " : "", blank ? blank + strlen("\u00a0") : text);
}

static void append_text(GString *out, const char *text, const struct jv *row)
{
	while (*text) {
		size_t n = strcspn(text, "{");

		g_string_append_len(out, text, (gssize)n);
		text += n;
		if (!*text)
			return;
		n = strcspn(text, "}");
		g_autofree char *key = g_strndup(text + 1, n - 1);

		if (strchr(key, '*'))
			append_bytes(out, row, key);
		else
			append_scalar(out, *key ? member_at(row, key) : row);
		text += n + 1;
	}
}

static char *cell(const struct column *column, const struct jv *row)
{
	g_autoptr(GString) out = g_string_new(NULL);
	const struct jv *list = column->list ? jv_member(row, column->list) : NULL;
	unsigned n = 0;

	if (!column->list)
		append_text(out, column->text, row);
	for (const struct jv *v = list ? list->first : NULL; v; v = v->next) {
		if (out->len)
			g_string_append(out, ", ");
		if (++n > MAX_ELEMENTS) {
			g_string_append_printf(out, "and %u more", list->count - MAX_ELEMENTS);
			break;
		}
		append_text(out, column->text, v);
	}
	/* what a client of the target named must not move the cursor */
	for (char *c = out->str; *c; c++)
		if (g_ascii_iscntrl(*c))
			*c = '?';
	return g_strdup(out->len ? out->str : "-");
}

/* --- the table -----------------------------------------------------------------------------------
 */

static void pad(GString *out, const char *text, int width, bool right, bool last)
{
	int blanks = width - (int)g_utf8_strlen(text, -1);

	if (right)
		g_string_append_printf(out, "%*s%s", blanks, "", text);
	else
		g_string_append_printf(out, "%s%*s", text, last ? 0 : blanks, "");
	g_string_append(out, last ? "\n" : "  ");
}

static void append_lines(GString *out, const struct view *view, unsigned columns, GPtrArray *cells)
{
	int widths[MAX_COLUMNS] = { 0 };

	for (guint i = 0; i < cells->len; i++) {
		int n = (int)g_utf8_strlen(cells->pdata[i], -1);

		widths[i % columns] = MAX(widths[i % columns], n);
	}
	for (guint i = 0; i < cells->len; i++)
		pad(out, cells->pdata[i], widths[i % columns], view->columns[i % columns].right,
		    i % columns == columns - 1);
}

static void append_table(GString *out, const struct view *view, const struct jv *rows)
{
	g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
	unsigned columns = 0;

	while (columns < MAX_COLUMNS && view->columns[columns].title)
		g_ptr_array_add(cells, g_strdup(view->columns[columns++].title));
	for (const struct jv *row = rows->first; row; row = row->next)
		for (unsigned i = 0; i < columns; i++)
			g_ptr_array_add(cells, cell(&view->columns[i], row));
	append_lines(out, view, columns, cells);
}

bool view_append(GString *out, const char *method, const struct jv *result)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(views); i++) {
		const struct jv *rows = views[i].rows ? jv_member(result, views[i].rows) : result;

		if (strcmp(views[i].method, method) != 0 || !rows || rows->type != JV_ARRAY)
			continue;
		append_table(out, &views[i], rows);
		return true;
	}
	return false;
}
