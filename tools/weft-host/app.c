/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A run of the program: reactors on the Linux backends (the main one on the
 * default main context), the connection, signals, the orderly end.
 */
#include "tools/weft-host/app.h"

#include <glib-unix.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "target/core/error.h"

void app_error(const GError *error)
{
	g_autofree char *message = weft_error_message(error);
	const char *detail = weft_error_detail(error);

	g_printerr("weft-host: %s%s%s\n", message, detail ? ": " : "", detail ? detail : "");
}

void app_host_params(const struct app *app, struct host_params *p)
{
	const struct options *o = &app->o;

	host_params_default(p);
	p->transport = o->transport;
	p->addr = o->addr;
	p->src = o->src;
	p->src_given = o->src_given;
	p->subnqn = o->subnqn;
	p->hostnqn = o->hostnqn;
	memcpy(p->hostid, o->hostid, 16);
	p->hdgst = o->hdgst;
	p->ddgst = o->ddgst;
	p->no_sq_flow_control = o->no_sqflow;
	p->kato_ms = o->kato_ms;
	p->io_timeout_ms = p->connect_timeout_ms = o->timeout_ms;
	p->io_queues = o->command->load ? o->queues : 0;
	p->queue_size =
		(uint16_t)MAX(2, (o->depth + MAX(1, o->queues) - 1) / MAX(1, o->queues) + 1);
	p->reactors = app->core->reactors;
	p->nreactors = app->core->nreactors;
}

/* --- the end ------------------------------------------------------------------------------ */

static void disconnected(void *arg)
{
	struct app *app = arg;

	app->ctrlr = NULL;
	g_main_loop_quit(app->loop);
}

void app_finish(struct app *app, int status)
{
	if (app->finishing)
		return;
	app->finishing = true;
	app->status = status;
	if (app->ctrlr)
		host_ctrlr_disconnect(app->ctrlr, disconnected, app);
	else
		g_main_loop_quit(app->loop);
}

static gboolean signalled(gint fd, GIOCondition condition, gpointer user)
{
	struct app *app = user;
	struct signalfd_siginfo info;

	(void)condition;
	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return G_SOURCE_CONTINUE;
	if (app->interrupted)
		_exit(130);
	app->interrupted = true;
	if (app->work && app->o.command->stop)
		app->o.command->stop(app);
	else if (app->ctrlr)
		app_finish(app, 130);
	else
		_exit(130);
	return G_SOURCE_CONTINUE;
}

/* Blocked before any thread starts, so that none gets them. */
static unsigned watch_signals(struct app *app)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	app->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return g_unix_fd_add(app->signal_fd, G_IO_IN, signalled, app);
}

/* --- the beginning --------------------------------------------------------------------------- */

static void event(struct host_ctrlr *c, enum host_event ev, const struct host_ns *ns, void *arg)
{
	struct app *app = arg;

	(void)c;
	if (ns)
		g_printerr("weft-host: %s: %u\n", host_event_name(ev), ns->nsid);
	else
		g_printerr("weft-host: %s\n", host_event_name(ev));
	if (ev == HOST_EVENT_DEAD)
		app_finish(app, 1);
}

static void connected(struct host_ctrlr *c, const GError *error, void *arg)
{
	struct app *app = arg;

	(void)c;
	if (error) {
		app->ctrlr = NULL;
		if (!g_error_matches(error, WEFT_ERROR, -ECANCELED)) {
			app_error(error);
			app_finish(app, 1);
		}
	} else if (!app->finishing) {
		app->o.command->start(app);
	}
}

static bool begin(struct app *app, GError **error)
{
	struct host_params p;

	if (app->o.command->discovery) {
		app->o.command->start(app);
		return true;
	}
	app_host_params(app, &p);
	p.event = event;
	p.event_arg = app;
	app->ctrlr = host_ctrlr_connect(core_main(app->core), &p, connected, app, error);
	return app->ctrlr != NULL;
}

static bool setup(struct app *app, GError **error)
{
	struct core_options options = {
		.nreactors = MAX(1, app->o.ncpus),
		.cpus = app->o.ncpus ? app->o.cpus : NULL,
		.spin_ns = app->o.spin_ns,
		.log_level = LOG_ERROR,
	};

	const struct linux_hw_options hw_options = {
		.rnic = app->o.rnic.which,
		.rnic_addrs = app->o.rnic.addrs,
		.n_rnic_addrs = app->o.rnic.naddrs,
	};

	app->lhw = linux_hw_new(&hw_options, error);
	if (!app->lhw)
		return false;
	app->hw = linux_hw_get(app->lhw);
	app->core = core_new(app->hw, &options, error);
	return app->core && core_start(app->core, error);
}

int app_run(struct app *app)
{
	g_autoptr(GError) error = NULL;
	unsigned source = watch_signals(app);

	app->loop = g_main_loop_new(NULL, FALSE);
	app->garbage = g_ptr_array_new_with_free_func(free);
	if (!setup(app, &error) || !begin(app, &error)) {
		app_error(error);
		app->status = 1;
	} else if (!app->finishing) {
		g_main_loop_run(app->loop);
	}
	if (app->core) {
		core_stop(app->core);
		core_free(app->core);
	}
	g_ptr_array_unref(app->garbage);
	linux_hw_free(app->lhw);
	g_source_remove(source);
	close(app->signal_fd);
	g_main_loop_unref(app->loop);
	return app->status;
}

struct mem_chunk *app_memory(struct app *app, unsigned n, uint32_t len)
{
	struct hw_mem *mem = app->hw->mem;
	struct mem_chunk *chunk;

	if (mem->ops->alloc(mem, (size_t)n * app_stride(len), &chunk) < 0)
		g_error("no memory for -q %u -o %u", n, len);
	return chunk;
}

const struct host_ns *app_namespace(struct app *app)
{
	unsigned n = host_ctrlr_namespaces(app->ctrlr);
	const struct host_ns *ns;

	if (n == 0) {
		g_printerr("weft-host: %s has no namespaces: add one, or check what this host may "
			   "see\n",
			   app->o.subnqn);
		return NULL;
	}
	if (!app->o.nsid)
		return host_ctrlr_ns_at(app->ctrlr, 0);
	ns = host_ctrlr_ns(app->ctrlr, app->o.nsid);
	if (!ns) {
		g_printerr("weft-host: there is no namespace %u; there are:", app->o.nsid);
		for (unsigned i = 0; i < n; i++)
			g_printerr(" %u", host_ctrlr_ns_at(app->ctrlr, i)->nsid);
		g_printerr("\n");
	}
	return ns;
}
