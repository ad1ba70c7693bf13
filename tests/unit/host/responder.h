/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small NVMe/TCP controller on a node of the world, written against the
 * specification and sharing nothing with weft but the layouts of nvme.h. It
 * does the right thing by itself; a test makes it do wrong things through the
 * hook and the options. It keeps its data in memory and allocates freely.
 */
#pragma once

#include <glib.h>

#include "hw/net.h"
#include "target/core/core.h"
#include "target/nvme/nvme.h"

struct resp;

struct conn {
	struct resp *resp;
	struct net_stream *stream;
	GByteArray *rx, *tx;
	bool ic_done, hdgst, ddgst, dead;
	uint16_t qid;
	uint32_t cpda, hpda;
	GQueue aers; /* cids */
	/* writes whose data is awaited: by ttag - 1 */
	struct {
		bool used;
		uint16_t cid;
		uint8_t *to;
		uint32_t off, len, window; /* window: end of the R2T under way */
	} xfer[64];
	struct timer later;
	GByteArray *held; /* bytes that wait for it */
	struct conn *next;
};

struct resp_ns {
	uint32_t nsid;
	uint64_t blocks;
	uint8_t uuid[16];
	uint8_t *data;
};

#define RESP_BLOCK 512
#define RESP_NS_MAX 4

struct resp {
	struct core *core;
	struct net_listener *listener;
	struct net_addr addr;
	struct conn *conns;
	/* options */
	uint32_t capsule; /* bytes of data in an I/O capsule */
	uint32_t maxh2c;
	uint32_t r2t_max;  /* bytes an R2T asks for */
	uint32_t data_max; /* bytes a C2HData carries */
	uint8_t cpda;
	uint8_t pfv;
	bool no_hdgst, no_ddgst, success_flag, silent_ic, never_ready, refuse_host;
	uint16_t mqes, queues;
	uint8_t mdts;
	unsigned cut; /* of what is sent after a command: this many bytes, the rest later */
	bool cut_on;
	bool answer_early; /* writes fail at their first H2CData */
	bool ignore_eof;   /* the host half-closed: keep the connection */
	uint8_t ic_hlen;   /* of ICResp, when not 0 */
	uint32_t ic_plen;
	uint8_t ic_type;
	uint16_t cntlid; /* of I/O queues, when not 0 */
	bool fatal;	 /* CSTS.CFS */
	bool never_shut;
	struct resp_ns ns[RESP_NS_MAX]; /* nsid 0: none */
	uint32_t nlog;			/* discovery entries */
	uint64_t genctr;
	bool genctr_moves;
	uint64_t claim_numrec;
	/* A command on any queue. True: the test has dealt with it. */
	bool (*hook)(struct resp *r, struct conn *c, const struct nvme_cmd *cmd, void *arg);
	void *arg;
	/* seen */
	unsigned accepts, commands, keep_alives, shutdowns, terms, log_reads, h2c_pdus, r2ts;
	unsigned ends; /* connections that the host closed or reset */
	uint16_t last_fes;
	uint32_t cc;
	uint16_t io_qid_mask;
};

/* Listens on addr ("192.0.2.1", 4420) of the node behind core, which runs. */
void resp_start(struct resp *r, struct core *core, const char *host);
/* Closes everything at once, as a crash does; resp_listen() brings it back. */
void resp_crash(struct resp *r);
void resp_listen(struct resp *r);
void resp_stop(struct resp *r);
void resp_add_ns(struct resp *r, uint32_t nsid, uint64_t blocks);
void resp_del_ns(struct resp *r, uint32_t nsid);
struct resp_ns *resp_ns(struct resp *r, uint32_t nsid);
/* Completes an event request. */
void resp_event(struct resp *r, uint32_t dw0);

void conn_bytes(struct conn *c, const void *p, size_t len);
void conn_flush(struct conn *c);
void conn_resp(struct conn *c, uint16_t cid, uint16_t status, uint64_t value);
void conn_data(struct conn *c, uint16_t cid, uint32_t off, const void *p, uint32_t len,
	       uint8_t flags);
void conn_r2t(struct conn *c, uint16_t cid, uint16_t ttag, uint32_t off, uint32_t len);
/* What the controller does by itself with a command. */
void conn_serve(struct conn *c, const struct nvme_cmd *cmd, const uint8_t *data, uint32_t len);

/* CRC32C, bit by bit. */
uint32_t resp_crc(const void *p, size_t len);
