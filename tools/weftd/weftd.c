/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The daemon: a target on the Linux backends, in the foreground. It ends on
 * SIGTERM and SIGINT when all I/O is done; at once when asked a second time.
 */
#include "tools/weftd/weftd.h"

#include <errno.h>
#include <glib-unix.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "target/core/error.h"
#include "target/target.h"

struct weftd {
	struct weftd_options options;
	GMainLoop *loop;
	struct linux_hw *lhw;
	struct target *target;
	struct weftd_status shown;
	int signal_fd;
	bool stopping;
	int status;
};

/* --- end --------------------------------------------------------------------------- */

static void stopped(void *arg)
{
	struct weftd *d = arg;

	g_main_loop_quit(d->loop);
}

static void stop(struct weftd *d)
{
	d->stopping = true;
	weftd_status_end(&d->shown);
	target_shutdown(d->target, stopped, d);
}

static gboolean signalled(gint fd, GIOCondition condition, gpointer user)
{
	struct weftd *d = user;
	struct signalfd_siginfo info;

	(void)condition;
	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (d->stopping) {
			g_printerr("weftd: asked again, ending at once\n");
			unlink(d->options.rpc_path);
			_exit(d->status);
		}
		stop(d);
	}
	return G_SOURCE_CONTINUE;
}

/*
 * A signalfd rather than g_unix_signal_add(), which needs a thread. Blocked
 * before any thread starts, so that none gets them.
 */
static void watch_signals(struct weftd *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	g_unix_fd_add(d->signal_fd, G_IO_IN, signalled, d);
}

/* --- start ------------------------------------------------------------------------------ */

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* What the error says, for people: the sentence if there is one. */
static void complain(const GError *error)
{
	g_autofree char *message = weft_error_message(error);
	const char *detail = weft_error_detail(error);

	g_printerr("weftd: %s\n", detail ? detail : message);
}

static void state_trouble(void *arg, const char *problem)
{
	struct weftd *d = arg;

	weftd_status_problem(&d->shown, problem);
}

static void notified(void *arg, const char *type)
{
	struct weftd *d = arg;

	weftd_status_count(&d->shown, type);
}

/* The name is one of those that spdk_kill_instance takes. */
static void kill_self(void *arg, const char *name)
{
	static const struct {
		const char *name;
		int signal;
	} signals[] = {
		{ "SIGINT", SIGINT }, { "SIGTERM", SIGTERM }, { "SIGQUIT", SIGQUIT },
		{ "SIGHUP", SIGHUP }, { "SIGKILL", SIGKILL }, { "SIGUSR1", SIGUSR1 },
	};
	struct weftd *d = arg;

	log_notice(d->target->core->log, "weftd", "signal by RPC", "signal=%s", name);
	for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++)
		if (strcmp(name, signals[i].name) == 0)
			kill(getpid(), signals[i].signal);
}

static void serving(struct weftd *d)
{
	weftd_status_ready(&d->shown, (int)getpid());
	log_notice(d->target->core->log, "weftd", "ready", "rpc=%s reactors=%u net=%s files=%s",
		   d->options.rpc_path, d->target->core->nreactors, linux_hw_net_engine(d->lhw),
		   linux_hw_file_engine(d->lhw));
}

static void loaded(void *arg, const GError *error)
{
	struct weftd *d = arg;

	if (!error) {
		if (!d->stopping)
			serving(d);
		return;
	}
	if (d->stopping)
		return;
	complain(error);
	d->status = 1;
	stop(d);
}

static bool load(struct weftd *d)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	gsize len = 0;

	if (d->options.config && !g_file_get_contents(d->options.config, &text, &len, &error)) {
		g_printerr("weftd: %s\n", error->message);
		return false;
	}
	if (text || d->options.state)
		target_load_config(d->target, d->options.config, text, len, loaded, d);
	else
		serving(d);
	return true;
}

static bool start(struct weftd *d)
{
	const struct weftd_options *o = &d->options;
	struct linux_hw_options hw_options = { .net_engine = o->net_engine,
					       .file_engine = o->file_engine,
					       .rnic = o->rnic.which,
					       .rnic_addrs = o->rnic.addrs,
					       .n_rnic_addrs = o->rnic.naddrs };
	struct target_options options = {
		.hooks = { .kill = kill_self, .notified = notified, .arg = d },
		.core = { .nreactors = o->cpus ? o->ncpus : 1,
			  .cpus = o->cpus,
			  .spin_ns = o->spin_ns,
			  .log_level = o->log_level },
		.rpc_path = o->rpc_path,
		.pid = getpid(),
		.rpc_has_group = o->rpc_has_group,
		.rpc_group = o->rpc_group,
		.rpc_tcp = o->rpc_listen,
		.metrics_listen = o->metrics_listen,
		.wait_for_rpc = o->wait_for_rpc,
		.state_path = o->state,
		.state_trouble = state_trouble,
		.state_arg = d,
	};
	g_autoptr(GError) error = NULL;

	d->shown.rpc_path = o->rpc_path;
	d->lhw = linux_hw_new(&hw_options, &error);
	if (!d->lhw) {
		complain(error);
		return false;
	}
	d->target = target_new(linux_hw_get(d->lhw), &options, &error);
	if (!d->target) {
		complain(error);
		if (!o->rpc_path_given && (error->code == -EACCES || error->code == -EPERM ||
					   error->code == -EROFS || error->code == -EADDRINUSE))
			g_printerr("weftd: -r PATH puts the socket elsewhere; then weftctl -s PATH "
				   "(or WEFT_SOCK=PATH) finds it\n");
		return false;
	}
	weftd_crash_init(d->target->core);
	return true;
}

static void serve(struct weftd *d)
{
	if (!load(d)) {
		d->status = 1;
		stop(d);
	}
	g_main_loop_run(d->loop);
}

/* Unused memory that is given back to the kernel at once, which takes the time of many passes. */
#define TRIM_BYTES (64 * 1024 * 1024)

int main(int argc, char **argv)
{
	struct weftd d = { .signal_fd = -1 };
	int status;

	/* A long answer that has been sent must not hold the reactor once more. */
	mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
	if (!weftd_options_parse(&d.options, argc, argv, &status)) {
		weftd_options_clear(&d.options);
		return status;
	}
	if (d.options.check) {
		status = weftd_check_config(d.options.check);
		weftd_options_clear(&d.options);
		return status;
	}
	raise_file_limit();
	watch_signals(&d);
	d.loop = g_main_loop_new(NULL, FALSE);
	if (start(&d))
		serve(&d);
	else
		d.status = 1;
	weftd_crash_done();
	target_free(d.target);
	linux_hw_free(d.lhw);
	g_main_loop_unref(d.loop);
	close(d.signal_fd);
	weftd_status_clear(&d.shown);
	weftd_options_clear(&d.options);
	return d.status;
}
