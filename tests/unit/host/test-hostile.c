/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A controller that breaks the protocol, one rule at a time: the host must send
 * the TermReq that belongs to it, end every I/O once, and work again on a new
 * connection.
 */
#include <errno.h>
#include <string.h>

#include "tests/unit/host/fixture.h"

struct hostile {
	const char *name;
	/* Answers an I/O command of its own; called for the first one. */
	void (*act)(struct conn *c, const struct nvme_cmd *cmd);
	uint16_t fes; /* 0: the host closes without a TermReq */
	bool write, hdgst, ddgst;
	uint8_t hpda;
};

/* --- what a controller may get wrong ------------------------------------------------------ */

static void put(struct conn *c, const void *pdu, size_t len)
{
	conn_bytes(c, pdu, len);
}

static struct nvme_tcp_data data_pdu(const struct nvme_cmd *cmd)
{
	return (struct nvme_tcp_data){
		.hdr = { .type = NVME_TCP_C2H_DATA,
			 .hlen = 24,
			 .pdo = 24,
			 .plen = 24 + 4096,
			 .flags = NVME_TCP_LAST_PDU },
		.cccid = cmd->cid,
		.datal = 4096,
	};
}

static struct nvme_tcp_capsule_resp resp_pdu(const struct nvme_cmd *cmd)
{
	return (struct nvme_tcp_capsule_resp){
		.hdr = { .type = NVME_TCP_CAPSULE_RESP, .hlen = 24, .plen = 24 },
		.cqe.cid = cmd->cid,
	};
}

static struct nvme_tcp_r2t r2t_pdu(const struct nvme_cmd *cmd)
{
	return (struct nvme_tcp_r2t){
		.hdr = { .type = NVME_TCP_R2T, .hlen = 24, .plen = 24 },
		.cccid = cmd->cid,
		.ttag = 1,
		.r2tl = 8192,
	};
}

#define ACT(name, make, change)                                                                    \
	static void name(struct conn *c, const struct nvme_cmd *cmd)                               \
	{                                                                                          \
		__auto_type p = make(cmd);                                                         \
		change;                                                                            \
		put(c, &p, sizeof(p));                                                             \
	}

ACT(type_unknown, resp_pdu, p.hdr.type = 0x42)
ACT(type_command, resp_pdu, p.hdr.type = NVME_TCP_CAPSULE_CMD)
ACT(type_h2c_data, data_pdu, p.hdr.type = NVME_TCP_H2C_DATA)
ACT(type_icresp, resp_pdu, p.hdr.type = NVME_TCP_ICRESP)
ACT(resp_hlen, resp_pdu, p.hdr.hlen = 25)
ACT(resp_plen_short, resp_pdu, p.hdr.plen = 8)
ACT(resp_plen_huge, resp_pdu, p.hdr.plen = 0xffffffff)
ACT(resp_cid_free, resp_pdu, p.cqe.cid = 60)
ACT(resp_cid_beyond, resp_pdu, p.cqe.cid = 0xffff)
ACT(resp_hdgst_flag, resp_pdu, p.hdr.flags = NVME_TCP_HDGSTF)
ACT(data_pdo_small, data_pdu, p.hdr.pdo = 20)
ACT(data_pdo_odd, data_pdu, p.hdr.pdo = 26)
ACT(data_pdo_align, data_pdu, p.hdr.pdo = 28)
ACT(data_plen_zero, data_pdu, p.hdr.plen = 0)
ACT(data_plen_none, data_pdu, (p.hdr.plen = 24, p.datal = 0))
ACT(data_lengths, data_pdu, p.datal = 4092)
ACT(data_datal_wraps, data_pdu, p.datal = 0xffffffff)
ACT(data_too_long, data_pdu, (p.hdr.plen = 24 + 4097, p.datal = 4097))
ACT(data_offset, data_pdu, p.datao = 4)
ACT(data_offset_wraps, data_pdu, p.datao = 0xfffff000)
ACT(data_cid, data_pdu, p.cccid = 99)
ACT(data_ddgst_flag, data_pdu, p.hdr.flags |= NVME_TCP_DDGSTF)
ACT(data_success_early, data_pdu, p.hdr.flags = NVME_TCP_DATA_SUCCESS)
ACT(r2t_for_read, r2t_pdu, (void)p)
ACT(r2t_offset, r2t_pdu, p.r2to = 512)
ACT(r2t_too_long, r2t_pdu, p.r2tl = 8193)
ACT(r2t_wraps, r2t_pdu, p.r2tl = 0xffffffff)
ACT(r2t_zero, r2t_pdu, p.r2tl = 0)
ACT(r2t_cid, r2t_pdu, p.cccid = 77)
ACT(data_for_write, data_pdu, (void)p)

static void r2t_twice(struct conn *c, const struct nvme_cmd *cmd)
{
	struct nvme_tcp_r2t p = r2t_pdu(cmd);

	p.r2tl = 4096;
	put(c, &p, sizeof(p));
	p.r2to = 4096;
	put(c, &p, sizeof(p));
}

static void data_twice(struct conn *c, const struct nvme_cmd *cmd)
{
	uint8_t data[4096] = { 0 };

	conn_data(c, cmd->cid, 0, data, 4096, 0);
	conn_data(c, cmd->cid, 0, data, 4096, NVME_TCP_LAST_PDU);
}

static void resp_twice(struct conn *c, const struct nvme_cmd *cmd)
{
	conn_resp(c, cmd->cid, NVME_SC_INTERNAL_ERROR, 0);
	conn_resp(c, cmd->cid, NVME_SC_INTERNAL_ERROR, 0);
}

static void bad_hdgst(struct conn *c, const struct nvme_cmd *cmd)
{
	conn_resp(c, cmd->cid, 0, 0);
	c->held->data[c->held->len - 1] ^= 1;
}

static void resp_no_hdgst_flag(struct conn *c, const struct nvme_cmd *cmd)
{
	struct nvme_tcp_capsule_resp p = resp_pdu(cmd);

	put(c, &p, sizeof(p));
}

static void term_plain(struct conn *c, const struct nvme_cmd *cmd)
{
	struct nvme_tcp_term p = { .hdr = { .type = NVME_TCP_C2H_TERM, .hlen = 24, .plen = 24 },
				   .fes = NVME_TCP_FES_RANGE };

	(void)cmd;
	put(c, &p, sizeof(p));
}

static void term_long(struct conn *c, const struct nvme_cmd *cmd)
{
	struct nvme_tcp_term p = {
		.hdr = { .type = NVME_TCP_C2H_TERM, .hlen = 24, .plen = 24 + 129 }, .fes = 0xffff
	};

	(void)cmd;
	put(c, &p, sizeof(p));
}

#define HDR NVME_TCP_FES_INVALID_HEADER
#define SEQ NVME_TCP_FES_SEQUENCE
#define RANGE NVME_TCP_FES_RANGE

static const struct hostile cases[] = {
	{ .name = "type-unknown", .act = type_unknown, .fes = HDR },
	{ .name = "type-command", .act = type_command, .fes = HDR },
	{ .name = "type-h2c-data", .act = type_h2c_data, .fes = HDR },
	{ .name = "second-icresp", .act = type_icresp, .fes = SEQ },
	{ .name = "resp-hlen", .act = resp_hlen, .fes = HDR },
	{ .name = "resp-plen-short", .act = resp_plen_short, .fes = HDR },
	{ .name = "resp-plen-huge", .act = resp_plen_huge, .fes = HDR },
	{ .name = "resp-cid-free", .act = resp_cid_free, .fes = HDR },
	{ .name = "resp-cid-beyond", .act = resp_cid_beyond, .fes = HDR },
	{ .name = "resp-hdgst-flag", .act = resp_hdgst_flag, .fes = HDR },
	{ .name = "resp-no-hdgst-flag", .act = resp_no_hdgst_flag, .fes = HDR, .hdgst = true },
	{ .name = "resp-bad-hdgst", .act = bad_hdgst, .fes = NVME_TCP_FES_HDGST, .hdgst = true },
	{ .name = "resp-twice", .act = resp_twice, .fes = HDR },
	{ .name = "data-pdo-small", .act = data_pdo_small, .fes = HDR },
	{ .name = "data-pdo-odd", .act = data_pdo_odd, .fes = HDR },
	{ .name = "data-pdo-align", .act = data_pdo_align, .fes = HDR, .hpda = 3 },
	{ .name = "data-plen-zero", .act = data_plen_zero, .fes = HDR },
	{ .name = "data-plen-none", .act = data_plen_none, .fes = HDR },
	{ .name = "data-lengths", .act = data_lengths, .fes = HDR },
	{ .name = "data-datal-wraps", .act = data_datal_wraps, .fes = HDR },
	{ .name = "data-too-long", .act = data_too_long, .fes = RANGE },
	{ .name = "data-offset", .act = data_offset, .fes = RANGE },
	{ .name = "data-offset-wraps", .act = data_offset_wraps, .fes = RANGE },
	{ .name = "data-cid", .act = data_cid, .fes = HDR },
	{ .name = "data-ddgst-flag", .act = data_ddgst_flag, .fes = HDR },
	{ .name = "data-no-ddgst-flag", .act = data_lengths, .fes = HDR, .ddgst = true },
	{ .name = "data-success-early", .act = data_success_early, .fes = HDR },
	{ .name = "data-twice", .act = data_twice, .fes = RANGE },
	{ .name = "data-for-write", .act = data_for_write, .fes = HDR, .write = true },
	{ .name = "r2t-for-read", .act = r2t_for_read, .fes = HDR },
	{ .name = "r2t-offset", .act = r2t_offset, .fes = RANGE, .write = true },
	{ .name = "r2t-too-long", .act = r2t_too_long, .fes = RANGE, .write = true },
	{ .name = "r2t-wraps", .act = r2t_wraps, .fes = RANGE, .write = true },
	{ .name = "r2t-zero", .act = r2t_zero, .fes = RANGE, .write = true },
	{ .name = "r2t-cid", .act = r2t_cid, .fes = HDR, .write = true },
	{ .name = "r2t-twice", .act = r2t_twice, .fes = NVME_TCP_FES_LIMIT, .write = true },
	{ .name = "term", .act = term_plain, .fes = 0 },
	{ .name = "term-long", .act = term_long, .fes = HDR },
};

static bool misbehave(struct resp *r, struct conn *c, const struct nvme_cmd *cmd, void *arg)
{
	const struct hostile *h = arg;

	if (c->qid == 0 || cmd->opcode == NVME_OP_FABRICS)
		return false;
	/* Others in flight stay unanswered. */
	if (h->act && cmd->opcode == (h->write ? NVME_CMD_WRITE : NVME_CMD_READ) &&
	    nvme_cmd_slba(cmd) == 0) {
		h->act(c, cmd);
		r->commands += 1000;
	}
	return true;
}

static void test_case(gconstpointer data)
{
	const struct hostile *h = data;
	struct tio *t[5];
	struct fix f;

	fix_up(&f, 42, 1);
	f.params.reconnect_delay_ms = 10;
	f.params.hdgst = h->hdgst;
	f.params.ddgst = h->ddgst;
	f.params.hpda = h->hpda;
	f.resp.capsule = 0;
	g_assert_true(fix_connect(&f));
	f.resp.hook = misbehave;
	f.resp.arg = (void *)h;
	for (unsigned i = 0; i < 5; i++) {
		/* One to be answered badly, others of both kinds; 4 KiB reads, 8 KiB writes. */
		bool write = i ? i & 1 : h->write;

		t[i] = tio_new(&f, 0, 1, i ? 1000 + 16 * i : 0, write ? 16 : 8, write);
	}
	for (unsigned i = 5; i-- > 0;) {
		tio_submit(t[i]);
		g_assert_cmpint(t[i]->submit, ==, 0);
	}
	for (unsigned i = 0; i < 5; i++) {
		tio_wait(t[i]);
		if (i || h->act != resp_twice)
			g_assert_cmphex(t[i]->io.status, ==, NVME_SC_TRANSIENT_TRANSPORT);
		else
			g_assert_cmphex(t[i]->io.status, ==, NVME_SC_INTERNAL_ERROR);
	}
	g_assert_cmpuint(f.resp.commands, >=, 1000);
	f.resp.hook = NULL;
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_LIVE], 1));
	g_assert_cmpuint(f.resp.terms, ==, h->fes ? 1 : 0);
	g_assert_cmpuint(f.resp.last_fes, ==, h->fes);
	g_assert_cmpuint(f.events[HOST_EVENT_LOST], ==, 1);
	fix_write_read(&f, 0, 0, 16, 2);
	for (unsigned i = 0; i < 5; i++)
		tio_free(t[i]);
	fix_down(&f);
}

/* --- what costs a command only --------------------------------------------------------------- */

static void bad_ddgst_act(struct conn *c, const struct nvme_cmd *cmd)
{
	uint8_t data[4096] = { 0 };

	conn_data(c, cmd->cid, 0, data, 4096, NVME_TCP_LAST_PDU | NVME_TCP_DATA_SUCCESS);
	c->held->data[c->held->len - 1] ^= 1;
}

static void short_act(struct conn *c, const struct nvme_cmd *cmd)
{
	uint8_t data[512] = { 0 };

	conn_data(c, cmd->cid, 0, data, 512, NVME_TCP_LAST_PDU | NVME_TCP_DATA_SUCCESS);
}

static void no_data_act(struct conn *c, const struct nvme_cmd *cmd)
{
	conn_resp(c, cmd->cid, 0, 0);
}

static void test_command_only(void)
{
	static const struct {
		struct hostile h;
		uint16_t status;
	} soft[] = {
		{ { .name = "ddgst", .act = bad_ddgst_act, .ddgst = true },
		  NVME_SC_TRANSIENT_TRANSPORT },
		{ { .name = "short", .act = short_act, .ddgst = true },
		  NVME_SC_DATA_TRANSFER_ERROR },
		{ { .name = "none", .act = no_data_act }, NVME_SC_DATA_TRANSFER_ERROR },
		{ { .name = "write-none", .act = no_data_act, .write = true },
		  NVME_SC_DATA_TRANSFER_ERROR },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(soft); i++) {
		struct fix f;

		fix_up(&f, 43, 1);
		f.params.ddgst = soft[i].h.ddgst;
		f.resp.capsule = 0;
		g_assert_true(fix_connect(&f));
		f.resp.hook = misbehave;
		f.resp.arg = (void *)&soft[i].h;
		g_assert_cmphex(tio_run(tio_new(&f, 0, 1, 0, 8, soft[i].h.write)), ==,
				soft[i].status);
		f.resp.hook = NULL;
		fix_write_read(&f, 0, 0, 8, 1);
		g_assert_cmpuint(f.events[HOST_EVENT_LOST], ==, 0);
		g_assert_cmpuint(f.resp.terms, ==, 0);
		fix_down(&f);
	}
}

/* --- early answers: to a write whose data is still on the way --- */

static bool early(struct resp *r, struct conn *c, const struct nvme_cmd *cmd, void *arg)
{
	(void)arg;
	if (c->qid == 0 || cmd->opcode != NVME_CMD_WRITE)
		return false;
	c->xfer[0].used = true;
	c->xfer[0].cid = cmd->cid;
	c->xfer[0].to = resp_ns(r, 1)->data;
	c->xfer[0].off = 0;
	c->xfer[0].len = 1 << 20; /* never complete: no second answer */
	c->xfer[0].window = cmd->sgl.length;
	conn_r2t(c, cmd->cid, 1, 0, cmd->sgl.length);
	conn_resp(c, cmd->cid, NVME_SC_WRITE_FAULT, 0);
	r->hook = NULL;
	return true;
}

static void test_early_answer(void)
{
	struct world_link_params link;
	struct fix f;

	fix_up(&f, 44, 1);
	world_link_default(&link);
	link.sndbuf = 4096;
	link.rcvbuf = 4096;
	link.bytes_per_sec = 1000000;
	world_link_set_all(f.world, &link);
	f.resp.capsule = 0;
	f.resp.maxh2c = 4096;
	g_assert_true(fix_connect(&f));
	f.resp.hook = early;
	g_assert_cmphex(tio_run(tio_new(&f, 0, 1, 0, 256, true)), ==, NVME_SC_WRITE_FAULT);
	g_assert_cmpuint(f.events[HOST_EVENT_LOST], ==, 0);
	g_assert_cmphex(tio_run(tio_new(&f, 0, 1, 0, 8, false)), ==, 0);
	fix_down(&f);
}

/* The same with the data on its way: the caller gets its buffer back when it has left. */
static void test_late_answer(void)
{
	struct world_link_params link;
	struct fix f;

	fix_up(&f, 45, 1);
	world_link_default(&link);
	link.sndbuf = 4096;
	link.rcvbuf = 4096;
	link.bytes_per_sec = 1000000;
	world_link_set_all(f.world, &link);
	f.resp.capsule = 0;
	f.resp.maxh2c = 4096;
	f.resp.r2t_max = 131072;
	f.resp.answer_early = true;
	g_assert_true(fix_connect(&f));
	g_assert_cmphex(tio_run(tio_new(&f, 0, 1, 0, 256, true)), ==, NVME_SC_WRITE_FAULT);
	/* Nearly all 32 PDUs came although the answer was out after the first. */
	g_assert_cmpuint(f.resp.h2c_pdus, >=, 30);
	g_assert_cmpuint(f.events[HOST_EVENT_LOST], ==, 0);
	g_assert_cmphex(tio_run(tio_new(&f, 0, 1, 0, 8, false)), ==, 0);
	fix_down(&f);
}

/* Answers a command whose capsule is still in the host's hands. */
static void answer_unsent(struct fix *f, unsigned kind)
{
	static const uint8_t data[512];

	for (struct conn *c = f->resp.conns; c; c = c->next) {
		if (c->qid == 0)
			continue;
		if (kind == 0)
			conn_data(c, 1, 0, data, 512, 0);
		else if (kind == 1)
			conn_r2t(c, 1, 1, 0, 512);
		else
			conn_resp(c, 1, 0, 0);
		conn_flush(c);
	}
}

static void test_premature(void)
{
	for (unsigned kind = 0; kind < 3; kind++) {
		struct world_link_params link;
		struct tio *t[2];
		struct fix f;

		fix_up(&f, 46, 1);
		world_link_default(&link);
		link.bytes_per_sec = 100000;
		link.sndbuf = link.rcvbuf = 2048;
		world_link_set_all(f.world, &link);
		f.resp.capsule = 16384;
		f.params.reconnect_delay_ms = 10;
		g_assert_true(fix_connect(&f));
		t[0] = tio_new(&f, 0, 1, 0, 32, true);
		t[1] = tio_new(&f, 0, 1, 64, 33, kind == 1);
		tio_submit(t[0]);
		tio_submit(t[1]);
		answer_unsent(&f, kind);
		tio_wait(t[0]);
		tio_wait(t[1]);
		g_assert_cmphex(t[0]->io.status, ==, NVME_SC_TRANSIENT_TRANSPORT);
		g_assert_cmphex(t[1]->io.status, ==, NVME_SC_INTERNAL_PATH_ERROR);
		g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_LIVE], 1));
		/* In the middle of a PDU there can be no TermReq. */
		g_assert_cmpuint(f.resp.terms, ==, 0);
		g_assert_cmpuint(f.events[HOST_EVENT_LOST], ==, 1);
		tio_free(t[0]);
		tio_free(t[1]);
		fix_down(&f);
	}
}

/* A target that does not close after the TermReq is left after a second. */
static void test_linger(void)
{
	static const struct hostile h = { .name = "linger", .act = type_unknown };
	uint64_t start;
	struct fix f;

	fix_up(&f, 47, 1);
	f.params.reconnect_delay_ms = 10;
	g_assert_true(fix_connect(&f));
	f.resp.ignore_eof = true;
	f.resp.hook = misbehave;
	f.resp.arg = (void *)&h;
	start = world_now(f.world);
	g_assert_cmphex(tio_run(tio_new(&f, 0, 1, 0, 8, false)), ==, NVME_SC_TRANSIENT_TRANSPORT);
	g_assert_cmpuint(world_now(f.world) - start, <, WORLD_SEC / 2);
	f.resp.hook = NULL;
	g_assert_true(fix_wait(&f, &f.events[HOST_EVENT_LIVE], 1));
	g_assert_cmpuint(world_now(f.world) - start, >=, WORLD_SEC);
	g_assert_cmpuint(f.resp.terms, ==, 1);
	f.resp.ignore_eof = false;
	fix_down(&f);
}

/* --- connecting --- */

static void refused(struct fix *f, const char *what)
{
	g_assert_false(fix_connect(f));
	g_assert_nonnull(strstr(f->error->message, what));
	fix_down(f);
}

static void test_connect_errors(void)
{
	struct fix f;

	fix_up(&f, 50, 1);
	resp_crash(&f.resp);
	refused(&f, "Nothing listens on 192.0.2.1:4420");
	fix_up(&f, 51, 1);
	f.resp.silent_ic = true;
	refused(&f, "No answer from 192.0.2.1:4420");
	fix_up(&f, 52, 1);
	f.resp.pfv = 1;
	refused(&f, "PDU format version");
	fix_up(&f, 53, 1);
	f.resp.cpda = 32;
	refused(&f, "bad CPDA");
	fix_up(&f, 54, 1);
	f.resp.maxh2c = 4000;
	refused(&f, "bad MAXH2CDATA");
	fix_up(&f, 55, 1);
	f.params.hdgst = true;
	f.resp.no_hdgst = true;
	refused(&f, "digests");
	fix_up(&f, 56, 1);
	f.params.subnqn = "nqn.2024-01.test:no";
	refused(&f, "does not offer nqn.2024-01.test:no");
	fix_up(&f, 57, 1);
	f.resp.refuse_host = true;
	refused(&f, "does not admit host " FIX_HOSTNQN);
	fix_up(&f, 58, 1);
	f.resp.never_ready = true;
	refused(&f, "did not become ready in the 500 ms");
	fix_up(&f, 59, 1);
	f.params.hostnqn = "me";
	refused(&f, "Invalid host NQN");
	fix_up(&f, 60, 1);
	f.params.queue_size = 1;
	refused(&f, "2 to 4096");
	fix_up(&f, 61, 1);
	f.resp.ic_hlen = 127;
	refused(&f, "ICResp with a bad header length");
	fix_up(&f, 62, 1);
	f.resp.ic_plen = 132;
	refused(&f, "ICResp with a bad length");
	fix_up(&f, 63, 1);
	f.resp.ic_type = NVME_TCP_CAPSULE_RESP;
	refused(&f, "another PDU before ICResp");
	fix_up(&f, 64, 1);
	f.resp.cntlid = 6;
	refused(&f, "another controller id");
	fix_up(&f, 65, 1);
	f.resp.fatal = true;
	refused(&f, "CSTS.CFS");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *path = g_strdup_printf("/host/hostile/%s", cases[i].name);

		g_test_add_data_func(path, &cases[i], test_case);
	}
	g_test_add_func("/host/hostile/command-only", test_command_only);
	g_test_add_func("/host/hostile/early-answer", test_early_answer);
	g_test_add_func("/host/hostile/late-answer", test_late_answer);
	g_test_add_func("/host/hostile/premature", test_premature);
	g_test_add_func("/host/hostile/linger", test_linger);
	g_test_add_func("/host/hostile/connect", test_connect_errors);
	return g_test_run();
}
