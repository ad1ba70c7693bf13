/* SPDX-License-Identifier: BSD-3-Clause */
/* The defaults that SPDK has; see settings.h. */
#include "target/rpc/settings.h"

#include <glib.h>

#define SOCK_BUF_SIZE (2u << 20)

struct rpc_settings *rpc_settings_new(void)
{
	struct rpc_settings *s = g_new0(struct rpc_settings, 1);

	for (unsigned i = 0; i < RPC_SOCK_IMPLS; i++) {
		s->sock[i].recv_buf_size = SOCK_BUF_SIZE;
		s->sock[i].send_buf_size = SOCK_BUF_SIZE;
		s->sock[i].enable_recv_pipe = true;
		s->sock[i].enable_zerocopy_send_server = i != RPC_SOCK_URING;
	}
	s->iobuf.small_pool_count = 8192;
	s->iobuf.large_pool_count = 1024;
	s->iobuf.small_bufsize = 8192;
	s->iobuf.large_bufsize = 135168;
	return s;
}

void rpc_settings_free(struct rpc_settings *settings)
{
	if (!settings)
		return;
	g_free(settings->scheduler.isolated_core_mask);
	g_free(settings);
}
