/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --check-config: the configuration is run in a target of its own, on the Linux
 * backends but for two things. Nothing listens: an address is only looked for among
 * those of this machine. Files are opened for reading.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "hw/file.h"
#include "hw/net.h"
#include "target/config/load.h"
#include "target/target.h"
#include "tools/weftd/weftd.h"

struct net_listener {
	struct net_addr local;
};

struct dry_net {
	struct hw_net hw;
	struct hw_net_ops ops;
	struct hw_net *real;
};

struct dry_file {
	struct hw_file hw;
	struct hw_file_ops ops;
	struct hw_file *real;
};

/* --- nothing listens --------------------------------------------------------------------- */

static int dry_ctx_open(struct hw_net *net, struct reactor *reactor, struct net_ctx **out)
{
	struct hw_net *real = ((struct dry_net *)net)->real;

	return real->ops->ctx_open(real, reactor, out);
}

static bool same_address(const struct sockaddr *sa, const struct net_addr *addr)
{
	if (sa && sa->sa_family == AF_INET && addr->family == NET_INET)
		return memcmp(&((const struct sockaddr_in *)sa)->sin_addr, addr->ip, 4) == 0;
	if (sa && sa->sa_family == AF_INET6 && addr->family == NET_INET6)
		return memcmp(&((const struct sockaddr_in6 *)sa)->sin6_addr, addr->ip, 16) == 0;
	return false;
}

static int find_address(const struct net_addr *addr)
{
	struct ifaddrs *all;
	int rc = -EADDRNOTAVAIL;

	/* All of 127.0.0.0/8 is this machine. */
	if (net_addr_is_any(addr) || (addr->family == NET_INET && addr->ip[0] == 127))
		return 0;
	if (getifaddrs(&all) != 0)
		return -errno;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		if (same_address(i->ifa_addr, addr))
			rc = 0;
	freeifaddrs(all);
	return rc;
}

static int dry_listen(struct net_ctx *ctx, const struct net_addr *addr,
		      const struct net_listen_opts *opts, const struct net_listener_cb *cb,
		      void *user, struct net_listener **out)
{
	int rc = find_address(addr);

	(void)ctx;
	(void)opts;
	(void)cb;
	(void)user;
	if (rc != 0)
		return rc;
	*out = g_new0(struct net_listener, 1);
	(*out)->local = *addr;
	return 0;
}

static void dry_listener_close(struct net_listener *listener)
{
	g_free(listener);
}

static void dry_listener_local(struct net_listener *listener, struct net_addr *addr)
{
	*addr = listener->local;
}

/* --- nothing is written ------------------------------------------------------------------ */

static int dry_open(struct hw_file *hw, struct reactor *reactor, const char *path, unsigned flags,
		    const struct file_cb *cb, void *user, struct file **out)
{
	struct hw_file *real = ((struct dry_file *)hw)->real;

	return real->ops->open(real, reactor, path, flags | FILE_READ_ONLY, cb, user, out);
}

static struct hw dry_hw(const struct hw *real, struct dry_net *net, struct dry_file *file)
{
	struct hw hw = *real;

	*net = (struct dry_net){ .ops = *real->net->ops, .real = real->net };
	net->hw.ops = &net->ops;
	net->ops.ctx_open = dry_ctx_open;
	net->ops.listen = dry_listen;
	net->ops.listener_close = dry_listener_close;
	net->ops.listener_local = dry_listener_local;
	*file = (struct dry_file){ .ops = *real->file->ops, .real = real->file };
	file->hw.ops = &file->ops;
	file->ops.open = dry_open;
	hw.net = &net->hw;
	hw.file = &file->hw;
	return hw;
}

/* --- the trial --------------------------------------------------------------------------- */

static void ended(void *loop)
{
	g_main_loop_quit(loop);
}

static void try_all(const struct hw *hw, const char *file, const char *text, size_t len,
		    GPtrArray *problems)
{
	/* What is left out of a file is a warning. */
	struct target_options options = { .core = { .nreactors = 1, .log_level = LOG_WARN } };
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GError) error = NULL;
	struct target *t = target_new(hw, &options, &error);

	if (t) {
		config_try(t->rpc, file, text, len, problems, ended, loop);
		g_main_loop_run(loop);
		target_shutdown(t, ended, loop);
		g_main_loop_run(loop);
		target_free(t);
	} else {
		g_ptr_array_add(problems, g_strdup(weft_error_detail(error)));
	}
	g_main_loop_unref(loop);
}

static void check(const char *file, const char *text, size_t len, GPtrArray *problems)
{
	struct linux_hw_options options = { .net_engine = LINUX_NET_EPOLL,
					    .file_engine = LINUX_FILE_THREADS };
	g_autoptr(GError) error = NULL;
	struct linux_hw *lhw = linux_hw_new(&options, &error);
	struct dry_net net;
	struct dry_file files;
	struct hw hw;

	if (!lhw) {
		g_ptr_array_add(problems, g_strdup(weft_error_detail(error)));
		return;
	}
	hw = dry_hw(linux_hw_get(lhw), &net, &files);
	try_all(&hw, file, text, len, problems);
	linux_hw_free(lhw);
}

int weftd_check_config(const char *file)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	gsize len;

	if (!g_file_get_contents(file, &text, &len, &error)) {
		g_printerr("weftd: %s\n", error->message);
		return 1;
	}
	check(file, text, len, problems);
	for (unsigned i = 0; i < problems->len; i++)
		g_printerr("weftd: %s\n", (char *)problems->pdata[i]);
	return problems->len > 0 ? 1 : 0;
}
