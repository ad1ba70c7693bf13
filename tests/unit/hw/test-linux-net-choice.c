/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which engine the Linux sockets take where io_uring is absent or forbidden:
 * seccomp plays the machine that has none.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/hw/net-fixture.h"

/* One connection, to see that it works. */
static void converse(struct fixture *fx)
{
	struct server sv;
	int fd;

	server_open(&sv, fx, 1);
	fd = raw_pair(&sv);
	sv.ends[0].chunk = 7;
	g_assert_cmpint(send(fd, blob, 100, 0), ==, 100);
	close(fd);
	RUN_UNTIL(fx, sv.ends[0].eof);
	g_assert_cmpuint(sv.ends[0].got, ==, 100);
	server_close(&sv);
}

/* io_uring_setup fails with err from now on, for this process. */
static void forbid_io_uring(int err)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = G_N_ELEMENTS(filter), .filter = filter };

	g_assert_cmpint(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
	g_assert_cmpint(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), ==, 0);
}

static void test_fall_back(gconstpointer data)
{
	int err = GPOINTER_TO_INT(data);
	struct linux_hw_options options = { .net_engine = LINUX_NET_AUTO };
	g_autoptr(GError) error = NULL;
	struct setting setting = { "auto", LINUX_NET_AUTO, 0 };
	struct fixture fx = { 0 };
	struct linux_hw *lhw;

	if (!g_test_subprocess()) {
		g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
		g_test_trap_assert_passed();
		return;
	}
	forbid_io_uring(err);
	lhw = linux_hw_new(&options, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(linux_hw_net_engine(lhw), ==, "epoll");
	g_assert_cmpstr(linux_hw_file_engine(lhw), ==, "threads");
	g_assert_nonnull(strstr(linux_hw_net_reason(lhw), "io_uring_setup"));
	g_assert_nonnull(strstr(linux_hw_net_reason(lhw), g_strerror(err)));
	linux_hw_free(lhw);
	options.net_engine = LINUX_NET_IO_URING;
	g_assert_null(linux_hw_new(&options, &error));
	g_assert_nonnull(error);
	/* And it works. */
	net_setup(&fx, &setting);
	converse(&fx);
	net_teardown(&fx, &setting);
}

/* Allowed when the process started, forbidden when a context is made. */
static void test_fall_back_late(void)
{
	struct setting setting = { "auto", LINUX_NET_AUTO, 0 };
	struct fixture fx = { 0 };
	struct net_ctx *ctx = NULL;

	if (!g_test_subprocess()) {
		g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
		g_test_trap_assert_passed();
		return;
	}
	net_setup(&fx, &setting);
	forbid_io_uring(ENOMEM);
	g_assert_cmpint(fx.net->ctx_open(linux_hw_get(fx.lhw)->net, core_main(fx.core), &ctx), ==,
			0);
	fx.net->ctx_close(ctx);
	converse(&fx);
	net_teardown(&fx, &setting);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/net/fall-back/absent", GINT_TO_POINTER(ENOSYS), test_fall_back);
	g_test_add_data_func("/net/fall-back/forbidden", GINT_TO_POINTER(EPERM), test_fall_back);
	g_test_add_func("/net/fall-back/late", test_fall_back_late);
	return g_test_run();
}
