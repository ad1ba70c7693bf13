/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes a target from its parts, bottom up, and takes it apart top down: RPC
 * (nobody changes anything any more), NVMe-oF, block devices, reactors.
 */
#include "target/target.h"

#include <errno.h>
#include <string.h>

#include "target/config/autosave.h"
#include "target/config/load.h"
#include "target/core/error.h"
#include "target/metrics/http.h"

/* "ADDR:PORT", an IPv6 address in brackets. */
static bool listen_metrics(struct target *t, const char *text, GError **error)
{
	g_autofree char *copy = g_strdup(text);
	char *colon = copy ? strrchr(copy, ':') : NULL, *host = copy;
	struct net_addr addr;

	if (!text)
		return true;
	if (!colon || colon == copy)
		return weft_error_set(error, -EINVAL, NULL,
				      "metrics on \"%s\": ADDR:PORT expected, such as 127.0.0.1:9604",
				      text);
	*colon = '\0';
	if (host[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		host++;
	}
	return net_addr_parse(&addr, host, colon + 1, error) &&
	       metrics_http_listen(t->metrics_http, &addr, false, error);
}

struct target *target_new(const struct hw *hw, const struct target_options *options, GError **error)
{
	struct target *t = g_new0(struct target, 1);
	struct nvmf_tgt_options nvmf_options = { .name = "nvmf_tgt" };
	struct rpc_options rpc_options = {
		.hooks = options->hooks,
		.path = options->rpc_path,
		.has_group = options->rpc_has_group,
		.group = options->rpc_group,
		.tcp = options->rpc_tcp,
		.pid = options->pid,
		.wait_for_rpc = options->wait_for_rpc,
	};

	t->options = *options;
	t->options.core.cpus = NULL; /* the core has its own copy */
	t->options.rpc_path = t->options.rpc_tcp = t->options.state_path = NULL;
	t->options.metrics_listen = NULL;
	t->core = core_new(hw, &options->core, error);
	if (!t->core)
		goto fail;
	t->bdevs = bdev_layer_new(t->core);
	t->nvmf = nvmf_tgt_new(t->core, t->bdevs, &nvmf_options);
	t->metrics = metrics_source_new(t->core, t->bdevs, t->nvmf);
	t->metrics_http = metrics_http_new(t->core, t->metrics);
	rpc_options.metrics = t->metrics;
	rpc_options.metrics_http = t->metrics_http;
	t->rpc = rpc_server_new(t->core, t->bdevs, t->nvmf, &rpc_options);
	if (options->state_path)
		t->autosave = autosave_new(
			t->rpc, &(struct autosave_options){ .path = options->state_path,
							    .trouble = options->state_trouble,
							    .arg = options->state_arg });
	/* Listening before the start: a socket in use is found while all is easy to undo. */
	if (!rpc_server_listen(t->rpc, error) ||
	    !listen_metrics(t, options->metrics_listen, error))
		goto fail;
	if (!core_start(t->core, error))
		goto fail;
	return t;
fail:
	target_free(t);
	return NULL;
}

void target_load_config(struct target *t, const char *name, const char *text, size_t len,
			void (*done)(void *arg, const GError *error), void *arg)
{
	if (t->autosave)
		autosave_start(t->autosave, name, text, len, done, arg);
	else
		config_load(t->rpc, name, text, len, done, arg);
}

/* --- end -------------------------------------------------------------------------- */

struct shutdown {
	struct target *target;
	unsigned bdevs; /* not gone yet, and one for the loop that removes them */
	void (*done)(void *arg);
	void *arg;
};

static void bdev_gone(void *arg)
{
	struct shutdown *s = arg;

	if (--s->bdevs > 0)
		return;
	s->done(s->arg);
	g_free(s);
}

static void nvmf_gone(void *arg)
{
	struct shutdown *s = arg;
	GPtrArray *list = bdev_layer_list(s->target->bdevs);

	s->bdevs = 1;
	while (list->len > 0) {
		s->bdevs++;
		/* It leaves the list at once. */
		bdev_unregister(list->pdata[list->len - 1], bdev_gone, s);
	}
	bdev_gone(s);
}

static void metrics_gone(void *arg)
{
	struct shutdown *s = arg;

	nvmf_tgt_shutdown(s->target->nvmf, nvmf_gone, s);
}

/* From here on what goes away is not to be forgotten. */
static void saved(void *arg)
{
	struct shutdown *s = arg;

	metrics_http_close(s->target->metrics_http);
	metrics_source_stop(s->target->metrics, metrics_gone, s);
}

static void rpc_gone(void *arg)
{
	struct shutdown *s = arg;

	if (s->target->autosave)
		autosave_stop(s->target->autosave, saved, s);
	else
		saved(s);
}

void target_shutdown(struct target *t, void (*done)(void *arg), void *arg)
{
	struct shutdown *s = g_new0(struct shutdown, 1);

	s->target = t;
	s->done = done;
	s->arg = arg;
	rpc_server_stop(t->rpc, rpc_gone, s);
}

void target_free(struct target *t)
{
	if (!t)
		return;
	if (t->core)
		core_stop(t->core);
	autosave_free(t->autosave);
	rpc_server_free(t->rpc);
	metrics_http_free(t->metrics_http);
	metrics_source_free(t->metrics);
	if (t->nvmf)
		nvmf_tgt_free(t->nvmf);
	if (t->bdevs)
		bdev_layer_free(t->bdevs);
	core_free(t->core);
	g_free(t);
}
