/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be said of a list of calls without calling anything: the methods are
 * there, and take such parameters.
 */
#include <errno.h>
#include <string.h>

#include "target/config/load.h"
#include "target/rpc/nearest.h"
#include "target/rpc/server.h"

/* Methods that only set options of parts that weft does not have (yet). */
static const struct {
	const char *method, *part;
} absent_options[] = {
	{ "accel_set_options", "acceleration framework" },
	{ "bdev_iscsi_set_options", "iSCSI initiator" },
	{ "bdev_nvme_set_hotplug", "NVMe initiator" },
	{ "bdev_nvme_set_options", "NVMe initiator" },
	{ "bdev_raid_set_options", "RAID" },
	{ "bdev_set_options", "SPDK pool of bdev I/Os" },
	{ "bdev_virtio_blk_set_hotplug", "virtio initiator" },
	{ "bdev_wait_for_examine", "examination of bdevs by other modules" },
	{ "framework_set_scheduler", "scheduler of SPDK threads" },
	{ "fsdev_set_opts", "file system devices" },
	{ "iobuf_set_options", "SPDK pool of buffers" },
	{ "iscsi_set_discovery_auth", "iSCSI target" },
	{ "iscsi_set_options", "iSCSI target" },
	{ "keyring_linux_set_options", "keys of the kernel's keyring" },
	{ "nvmf_set_crdt", "command retry delays" },
	{ "nvmf_set_max_subsystems", "limit on the number of subsystems" },
	{ "scheduler_set_options", "scheduler of SPDK threads" },
	{ "set_bdev_nvme_hotplug", "NVMe initiator" },
	{ "set_bdev_nvme_options", "NVMe initiator" },
	{ "set_bdev_options", "SPDK pool of bdev I/Os" },
	{ "set_iscsi_discovery_auth", "iSCSI target" },
	{ "set_iscsi_options", "iSCSI target" },
	{ "sock_impl_set_options", "choice among socket implementations" },
	{ "sock_set_default_impl", "choice among socket implementations" },
	{ "vmd_enable", "Intel VMD" },
};

/* Keys that older releases saved, and whose methods do not take them any more. */
static const struct {
	const char *method, *key;
} old_keys[] = {
	{ "bdev_set_options", "large_buf_pool_size" },
	{ "bdev_set_options", "small_buf_pool_size" },
	{ "nvmf_set_config", "acceptor_poll_rate" },
	{ "nvmf_set_config", "conn_sched" },
	{ "sock_impl_set_options", "enable_zerocopy_send" },
};

static const char *absent_option(const char *method)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(absent_options); i++)
		if (strcmp(absent_options[i].method, method) == 0)
			return absent_options[i].part;
	return NULL;
}

char *config_entry_text(const struct config_entry *e)
{
	if (e->number)
		return g_strdup_printf("subsystem \"%s\", entry %u (%s)", e->part, e->number,
				       e->method);
	return g_strdup_printf("%s (%s)", e->part, e->method);
}

bool config_complain(const GPtrArray *problems, GError **error)
{
	if (problems->len == 1)
		return weft_error_set(error, -EINVAL, NULL, "%s", (char *)problems->pdata[0]);
	return weft_error_set(error, -EINVAL, NULL,
			      "%s (and %u more; weftd --check-config lists them)",
			      (char *)problems->pdata[0], problems->len - 1);
}

static bool is_old_key(const char *method, const char *key)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(old_keys); i++)
		if (strcmp(old_keys[i].method, method) == 0 && strcmp(old_keys[i].key, key) == 0)
			return true;
	return false;
}

/* Leaves out of e what only older releases knew. */
static void drop_old_keys(struct config *config, struct config_entry *e)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct jv_doc *doc;
	bool any = false;

	if (!e->params || e->params->type != JV_OBJECT)
		return;
	for (const struct jv *v = e->params->first; v; v = v->next) {
		if (is_old_key(e->method, v->key)) {
			config_note(config, e->line, "%s: \"%s\" of an older release is left out",
				    e->method, v->key);
			any = true;
			continue;
		}
		g_string_append_printf(text, "%s\"%s\":%.*s", text->len ? "," : "", v->key,
				       (int)v->raw_len, v->raw);
	}
	if (!any)
		return;
	g_string_prepend_c(text, '{');
	g_string_append_c(text, '}');
	/* Keys that need quoting are none of these methods': then it stays as it was, and wrong. */
	doc = jv_parse(text->str, text->len, 0, NULL);
	if (!doc)
		return;
	e->doc = doc;
	e->params = jv_root(doc);
	g_ptr_array_add(config->docs, doc);
}

static bool unknown(const struct config *config, const struct config_entry *e, GError **error)
{
	g_autofree char *what = config_entry_text(e);
	const char *part = rpc_absent_part(e->method), *near;

	if (part)
		return config_bad(config, error, e->line,
				  "%s: weft has no method \"%s\": it does not have %s", what,
				  e->method, part);
	near = rpc_method_near(e->method);
	if (near)
		return config_bad(config, error, e->line,
				  "%s: weft has no method \"%s\". Did you mean %s?", what,
				  e->method, near);
	return config_bad(config, error, e->line,
			  "%s: weft has no method \"%s\"; rpc_get_methods lists those it has", what,
			  e->method);
}

static bool check_params(const struct config *config, const struct config_entry *e,
			 const struct rpc_method *m, GError **error)
{
	g_autofree void *params = g_malloc0(MAX(m->params_size, 1));
	g_autofree char *what = NULL, *message = NULL;
	g_autoptr(GError) cause = NULL;

	if (m->defaults)
		m->defaults(params);
	if (rpc_decode(m->name, m->params, m->relaxed, e->params, params, &cause))
		return true;
	what = config_entry_text(e);
	message = weft_error_message(cause);
	return config_bad(config, error, e->line, "%s: %s: %s", what, message,
			  weft_error_detail(cause));
}

/* False: it cannot be called, and problems says why. */
static bool check_entry(const struct config *config, const struct config_entry *e,
			GPtrArray *problems)
{
	const struct rpc_method *m = rpc_method_find(e->method);
	g_autoptr(GError) error = NULL;

	if (m ? check_params(config, e, m, &error) : unknown(config, e, &error))
		return true;
	g_ptr_array_add(problems, g_strdup(weft_error_detail(error)));
	return false;
}

void config_check(struct config *config, GPtrArray *problems)
{
	GArray *kept =
		g_array_sized_new(FALSE, FALSE, sizeof(struct config_entry), config->entries->len);

	for (unsigned i = 0; i < config->entries->len; i++) {
		struct config_entry *e = &g_array_index(config->entries, struct config_entry, i);
		const char *part = rpc_method_find(e->method) ? NULL : absent_option(e->method);

		if (part) {
			config_note(config, e->line, "%s is left out: weft has no %s", e->method,
				    part);
			continue;
		}
		drop_old_keys(config, e);
		check_entry(config, e, problems);
		g_array_append_val(kept, *e);
	}
	g_array_unref(config->entries);
	config->entries = kept;
}
