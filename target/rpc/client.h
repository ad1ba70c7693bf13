/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection to the RPC socket; see client.c. */
#pragma once

#include "target/rpc/server.h"

struct rpc_client;

/* Takes the stream. NULL (and the stream is closed) when it cannot be attached. */
struct rpc_client *rpc_client_new(struct rpc_server *server, struct net_stream *stream);
/* Its calls go on, their answers are dropped. */
void rpc_client_close(struct rpc_client *c);
