/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Recorded good sessions, each with one thing changed by hand, must give exactly
 * the rule that the change breaks; and every rule there is must be broken by one.
 *
 * A change is told by the command it belongs to (queue, opcode, what it is about),
 * the PDU of that command, and what happens to the PDU.
 */
#include "tests/unit/oracle/session.h"

#include <string.h>

enum { ICREQ, ICRESP, H2C_TERM, C2H_TERM, CMD, RESP, H2C, C2H, R2T = 9 };
enum { PLAIN, DIGESTS, SESSIONS }; /* DIGESTS: without flow control, too */
enum { ADMIN, IO, ANY };
enum op { SET8, SET16, SET32, OR8, XOR8, ADD16, ADD32, DROP, TWICE, CUSTOM };

#define CONNECT 0x7f, 0x01
#define PROP_SET 0x7f, 0x00
#define PROP_GET 0x7f, 0x04
#define IDENTIFY 0x06, -1
#define GET_LOG 0x02, -1
#define SET_FEATURES 0x09, -1
#define AER_CMD 0x0c, -1
#define WRITE 0x01, -1
#define READ 0x02, -1
#define NONE -1, -1
/* A property's offset, or the low byte of dword 10: CNS, log page, feature */
#define ABOUT_ANY -1

typedef void custom_fn(GArray *pdus, unsigned cmd, unsigned at);
static custom_fn term_before, term_fes, term_fei, after_term, second_ttag, split_r2t, no_r2t_at_all,
	resp_after_success, never_enabled, term_other, term_pdu, cap_again, get_cc, second_connect,
	no_connect;

struct mutant {
	const char *rule;
	int session, queue, opcode, fctype, about;
	unsigned pdu;
	enum op op;
	int at; /* from the end when negative */
	uint32_t value;
	custom_fn *custom;
	bool cascades;	     /* other connections cannot be followed then, either */
	bool tolerated_host; /* the host breaks a rule first */
};

#define M(...) M_(__VA_ARGS__)
#define M_(r, s, q, o, f, a, p, op_, at_, v, ...)                                                  \
	{                                                                                          \
		.rule = r, .session = s, .queue = q, .opcode = o, .fctype = f, .about = a,         \
		.pdu = p, .op = op_, .at = at_, .value = v, ##__VA_ARGS__                          \
	}
#define C(...) C_(__VA_ARGS__)
#define C_(r, s, q, o, f, a, p, c, ...)                                                            \
	{                                                                                          \
		.rule = r, .session = s, .queue = q, .opcode = o, .fctype = f, .about = a,         \
		.pdu = p, .op = CUSTOM, .custom = c, ##__VA_ARGS__                                 \
	}

static const struct mutant mutants[] = {
	/* what a PDU says of itself */
	M("P.pdu.type", PLAIN, IO, READ, ABOUT_ANY, CMD, SET8, 0, 0x0a),
	M("P.pdu.type", PLAIN, IO, READ, ABOUT_ANY, RESP, SET8, 0, CMD),
	M("P.pdu.type", PLAIN, IO, READ, ABOUT_ANY, RESP, SET8, 0, 0xff),
	M("P.pdu.phase", PLAIN, ANY, NONE, ABOUT_ANY, ICREQ, TWICE, 0, 0),
	M("P.pdu.phase", PLAIN, ANY, NONE, ABOUT_ANY, ICRESP, TWICE, 0, 0),
	M("P.pdu.phase", PLAIN, ANY, NONE, ABOUT_ANY, ICREQ, DROP, 0, 0),
	M("P.pdu.phase", PLAIN, ANY, NONE, ABOUT_ANY, ICRESP, DROP, 0, 0),
	M("P.pdu.hlen", PLAIN, IO, READ, ABOUT_ANY, RESP, SET8, 2, 28),
	M("P.pdu.hlen", PLAIN, IO, READ, ABOUT_ANY, CMD, SET8, 2, 64),
	M("P.pdu.plen", PLAIN, IO, READ, ABOUT_ANY, RESP, SET32, 4, 28),
	M("P.pdu.plen", PLAIN, IO, READ, ABOUT_ANY, C2H, SET32, 4, 24),
	M("P.pdu.plen", PLAIN, IO, READ, ABOUT_ANY, CMD, SET32, 4, 71),
	M("P.pdu.pdo", PLAIN, IO, READ, ABOUT_ANY, C2H, SET8, 3, 26),
	M("P.pdu.pdo", PLAIN, IO, READ, ABOUT_ANY, C2H, SET8, 3, 20),
	M("P.pdu.pdo", PLAIN, IO, READ, ABOUT_ANY, RESP, SET8, 3, 24),
	M("P.pdu.pdo", DIGESTS, IO, READ, ABOUT_ANY, C2H, SET8, 3, 36),
	M("P.pdu.flags", PLAIN, IO, READ, ABOUT_ANY, RESP, OR8, 1, 0x01),
	M("P.pdu.flags", PLAIN, IO, READ, ABOUT_ANY, RESP, OR8, 1, 0x04),
	M("P.pdu.flags", PLAIN, IO, READ, ABOUT_ANY, C2H, OR8, 1, 0x02),
	M("P.pdu.flags", PLAIN, IO, READ, ABOUT_ANY, C2H, OR8, 1, 0x10),
	M("P.pdu.flags", DIGESTS, IO, READ, ABOUT_ANY, CMD, XOR8, 1, 0x01),
	M("P.pdu.reserved", PLAIN, IO, WRITE, ABOUT_ANY, R2T, SET8, 20, 1),
	M("P.pdu.reserved", PLAIN, IO, READ, ABOUT_ANY, C2H, SET8, 23, 1),
	M("P.pdu.reserved", PLAIN, IO, READ, ABOUT_ANY, C2H, SET16, 10, 1),
	M("P.pdu.reserved", PLAIN, ANY, NONE, ABOUT_ANY, ICRESP, SET8, 127, 1),
	M("P.pdu.pad", DIGESTS, IO, READ, ABOUT_ANY, C2H, SET8, 31, 1),
	M("P.pdu.hdgst", DIGESTS, IO, WRITE, ABOUT_ANY, RESP, XOR8, 24, 1),
	M("P.pdu.hdgst", DIGESTS, IO, READ, ABOUT_ANY, CMD, XOR8, 8 + 40, 1),
	M("P.pdu.ddgst", DIGESTS, IO, READ, ABOUT_ANY, C2H, XOR8, -1, 1),
	M("P.pdu.ddgst", DIGESTS, IO, READ, ABOUT_ANY, C2H, XOR8, 100, 1),
	M("P.pdu.ddgst", DIGESTS, IO, WRITE, ABOUT_ANY, H2C, XOR8, 100, 1),
	M("P.pdu.datal", PLAIN, IO, READ, ABOUT_ANY, C2H, ADD32, 16, 4),
	M("P.pdu.datal", PLAIN, IO, WRITE, ABOUT_ANY, H2C, SET32, 16, 0),
	C("P.pdu.after-term", PLAIN, IO, READ, ABOUT_ANY, C2H, after_term, .tolerated_host = true),
	M("P.ic.pfv", PLAIN, ANY, NONE, ABOUT_ANY, ICRESP, SET16, 8, 1),
	M("P.ic.pfv", PLAIN, ANY, NONE, ABOUT_ANY, ICREQ, SET16, 8, 1),
	M("P.ic.pda", PLAIN, ANY, NONE, ABOUT_ANY, ICRESP, SET8, 10, 32),
	M("P.ic.pda", PLAIN, ANY, NONE, ABOUT_ANY, ICREQ, SET8, 10, 32),
	M("P.ic.digest", PLAIN, ANY, NONE, ABOUT_ANY, ICRESP, SET8, 11, 1),
	M("P.ic.digest", PLAIN, ANY, NONE, ABOUT_ANY, ICREQ, SET8, 11, 4),
	M("P.ic.maxh2cdata", PLAIN, ANY, NONE, ABOUT_ANY, ICRESP, SET32, 12, 4092),
	M("P.ic.maxh2cdata", PLAIN, ANY, NONE, ABOUT_ANY, ICRESP, SET32, 12, 8194),
	C("P.term.cause", PLAIN, IO, READ, ABOUT_ANY, RESP, term_before),
	C("P.term.cause", PLAIN, IO, READ, ABOUT_ANY, C2H, term_other, .tolerated_host = true),
	C("P.term.pdu", PLAIN, IO, READ, ABOUT_ANY, C2H, term_pdu, .tolerated_host = true),
	M("P.pdu.phase", PLAIN, ANY, NONE, ABOUT_ANY, ICREQ, SET8, 10, 32, .tolerated_host = true),
	C("P.term.fes", PLAIN, IO, READ, ABOUT_ANY, RESP, term_fes),
	C("P.term.fei", PLAIN, IO, READ, ABOUT_ANY, RESP, term_fei),

	/* commands */
	M("P.cmd.fuse", PLAIN, IO, READ, ABOUT_ANY, CMD, OR8, 9, 1),
	M("P.cmd.psdt", PLAIN, IO, READ, ABOUT_ANY, CMD, SET8, 9, 0),
	M("P.cmd.sgl", PLAIN, IO, READ, ABOUT_ANY, CMD, SET8, 8 + 39, 0),
	M("P.cmd.sgl", PLAIN, IO, READ, ABOUT_ANY, CMD, SET8, 8 + 39, 0x01),
	M("P.cmd.sgl", PLAIN, IO, READ, ABOUT_ANY, CMD, SET8, 8 + 24, 4),
	M("P.cmd.sgl", PLAIN, ADMIN, CONNECT, ABOUT_ANY, CMD, ADD32, 8 + 32, 4, .cascades = true),
	M("P.cmd.icd", PLAIN, ADMIN, IDENTIFY, 0x01, C2H, SET16, 24 + 1792, 4, .cascades = true),
	M("P.cmd.reserved", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, SET8, 8 + 5, 1),
	M("P.cmd.reserved", PLAIN, ADMIN, PROP_GET, ABOUT_ANY, CMD, SET8, 8 + 41, 1),
	M("P.cmd.first", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, TWICE, 0, 0),
	C("P.cmd.first", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, no_connect),
	C("P.cmd.first", PLAIN, IO, CONNECT, ABOUT_ANY, RESP, second_connect),
	M("P.cmd.depth", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, SET16, 8 + 44, 1),
	M("X.cmd.cid", PLAIN, IO, READ, ABOUT_ANY, CMD, TWICE, 0, 0),
	M("P.connect.data", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, SET8, 72 + 18, 1),
	M("P.connect.data", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, SET8, 72 + 511, 1),

	/* data */
	M("P.r2t.cid", PLAIN, IO, WRITE, ABOUT_ANY, R2T, XOR8, 9, 0x40),
	M("P.r2t.range", PLAIN, IO, WRITE, ABOUT_ANY, R2T, SET32, 12, 512),
	M("P.r2t.range", PLAIN, IO, WRITE, ABOUT_ANY, R2T, ADD32, 16, 512),
	M("P.r2t.range", PLAIN, IO, WRITE, ABOUT_ANY, R2T, SET32, 16, 0),
	M("P.r2t.range", PLAIN, IO, WRITE, ABOUT_ANY, R2T, TWICE, 0, 0),
	C("P.r2t.ttag", PLAIN, IO, WRITE, ABOUT_ANY, R2T, second_ttag),
	C("P.r2t.max", PLAIN, IO, WRITE, ABOUT_ANY, R2T, split_r2t),
	M("P.h2c.ttag", PLAIN, IO, WRITE, ABOUT_ANY, H2C, XOR8, 11, 0x40),
	M("P.h2c.ttag", PLAIN, IO, WRITE, ABOUT_ANY, H2C, TWICE, 0, 0),
	M("P.h2c.ttag", PLAIN, IO, WRITE, ABOUT_ANY, R2T, DROP, 0, 0),
	M("P.h2c.cid", PLAIN, IO, WRITE, ABOUT_ANY, H2C, XOR8, 9, 0x40),
	M("P.h2c.range", PLAIN, IO, WRITE, ABOUT_ANY, H2C, SET32, 12, 4),
	M("P.h2c.range", PLAIN, IO, WRITE, ABOUT_ANY, R2T, SET32, 16, 512),
	M("P.h2c.last", PLAIN, IO, WRITE, ABOUT_ANY, H2C, SET8, 1, 0),
	M("P.h2c.max", PLAIN, IO, NONE, ABOUT_ANY, ICRESP, SET32, 12, 4096),
	M("P.c2h.cid", PLAIN, IO, READ, ABOUT_ANY, C2H, XOR8, 9, 0x40),
	M("P.c2h.cid", PLAIN, IO, READ, ABOUT_ANY, CMD, DROP, 0, 0),
	M("P.c2h.range", PLAIN, IO, READ, ABOUT_ANY, C2H, SET32, 12, 512),
	M("P.c2h.last", PLAIN, IO, READ, ABOUT_ANY, C2H, SET8, 1, 0),
	M("P.c2h.last", PLAIN, IO, READ, ABOUT_ANY, C2H, TWICE, 0, 0),
	M("P.c2h.success", PLAIN, IO, READ, ABOUT_ANY, C2H, OR8, 1, 0x08),

	/* completions */
	M("X.resp.cid", PLAIN, IO, READ, ABOUT_ANY, RESP, TWICE, 0, 0),
	M("X.resp.cid", PLAIN, IO, WRITE, ABOUT_ANY, RESP, XOR8, 8 + 13, 0x40),
	C("X.resp.cid", DIGESTS, IO, READ, ABOUT_ANY, C2H, resp_after_success),
	M("X.resp.early", PLAIN, IO, WRITE, ABOUT_ANY, H2C, DROP, 0, 0),
	C("X.resp.early", PLAIN, IO, WRITE, ABOUT_ANY, R2T, no_r2t_at_all),
	M("X.resp.data", PLAIN, IO, READ, ABOUT_ANY, C2H, DROP, 0, 0),
	M("P.resp.sqhd", PLAIN, IO, READ, ABOUT_ANY, RESP, SET16, 8 + 8, 16),
	M("P.resp.sqhd", PLAIN, IO, WRITE, ABOUT_ANY, RESP, ADD16, 8 + 8, 0xffff),
	M("P.resp.sqhd", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, SET16, 8 + 44, 14),
	M("P.resp.sqid", PLAIN, IO, READ, ABOUT_ANY, RESP, SET16, 8 + 10, 1),
	M("P.resp.phase", PLAIN, IO, READ, ABOUT_ANY, RESP, OR8, 8 + 14, 1),
	M("P.resp.crd", PLAIN, IO, READ, ABOUT_ANY, RESP, OR8, 8 + 15, 0x10),
	M("P.resp.status", PLAIN, IO, READ, ABOUT_ANY, RESP, SET16, 8 + 14, 0x8000 | 0x109 << 1),
	M("P.resp.status", PLAIN, IO, READ, ABOUT_ANY, RESP, SET16, 8 + 14, 0x7ff << 1),
	M("P.resp.status", PLAIN, IO, READ, ABOUT_ANY, RESP, OR8, 8 + 15, 0x40),
	M("P.resp.dnr", PLAIN, IO, READ, ABOUT_ANY, RESP, SET16, 8 + 14, 0x080 << 1),
	M("P.resp.dnr", PLAIN, IO, WRITE, ABOUT_ANY, RESP, SET16, 8 + 14, 0x8000 | 0x022 << 1),
	M("P.resp.dnr", PLAIN, IO, WRITE, ABOUT_ANY, RESP, SET16, 8 + 14, 0x8000),
	M("P.resp.wrong", PLAIN, IO, READ, ABOUT_ANY, CMD, SET8, 9, 0, .tolerated_host = true),
	M("P.resp.wrong", PLAIN, IO, READ, ABOUT_ANY, CMD, SET8, 8 + 39, 0x22,
	  .tolerated_host = true),
	M("P.resp.wrong", DIGESTS, IO, WRITE, ABOUT_ANY, H2C, XOR8, 100, 1, .tolerated_host = true),
	C("P.resp.enabled", PLAIN, ADMIN, PROP_SET, 0x14, CMD, never_enabled, .cascades = true),
	M("P.resp.dw", PLAIN, IO, READ, ABOUT_ANY, RESP, SET32, 8, 1),
	M("P.resp.dw", PLAIN, ADMIN, PROP_GET, 0x08, RESP, SET32, 12, 1),
	M("P.resp.dw", PLAIN, ADMIN, PROP_SET, 0x14, RESP, SET32, 8, 1),

	/* what commands mean */
	M("P.connect.cntlid", PLAIN, ADMIN, CONNECT, ABOUT_ANY, RESP, SET16, 8, 0xfff5,
	  .cascades = true),
	M("P.connect.cntlid", PLAIN, IO, CONNECT, ABOUT_ANY, RESP, SET16, 8, 77),
	M("P.connect.wrong", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, SET16, 8 + 40, 1),
	M("P.connect.wrong", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, SET16, 8 + 42, 9),
	M("P.connect.wrong", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, SET16, 8 + 44, 0),
	M("P.connect.wrong", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, XOR8, 72 + 3, 1),
	M("P.connect.wrong", PLAIN, IO, CONNECT, ABOUT_ANY, CMD, XOR8, 72 + 520, 1),
	M("P.connect.sqhd", PLAIN, IO, CONNECT, ABOUT_ANY, RESP, SET16, 8 + 8, 0xffff),
	M("P.connect.sqhd", PLAIN, IO, CONNECT, ABOUT_ANY, RESP, SET16, 8 + 8, 0),
	M("P.connect.ipo", PLAIN, IO, CONNECT, ABOUT_ANY, RESP, SET16, 8 + 14, 0x8000 | 0x182 << 1),
	C("P.prop.const", PLAIN, ADMIN, PROP_GET, 0x00, RESP, cap_again),
	M("P.prop.value", PLAIN, ADMIN, PROP_GET, 0x00, RESP, OR8, 8 + 7, 0x80),
	M("P.prop.value", PLAIN, ADMIN, PROP_GET, 0x1c, RESP, OR8, 8 + 3, 0x80),
	M("P.prop.value", PLAIN, ADMIN, PROP_GET, 0x1c, RESP, OR8, 8, 0x0c),
	C("P.prop.cc", PLAIN, ADMIN, PROP_GET, 0x1c, RESP, get_cc),
	M("P.prop.csts", PLAIN, ADMIN, PROP_SET, 0x14, CMD, SET8, 8 + 48, 0),
	M("P.prop.csts", PLAIN, ADMIN, PROP_GET, 0x1c, RESP, OR8, 8, 0x08),
	M("P.feature.queues", PLAIN, ADMIN, SET_FEATURES, 0x07, RESP, SET32, 8, 0x00ff00ff),
	M("P.aer.result", PLAIN, ADMIN, AER_CMD, ABOUT_ANY, RESP, SET32, 8, 0x000c0002),
	M("P.aer.result", PLAIN, ADMIN, AER_CMD, ABOUT_ANY, RESP, SET32, 8, 0x00040005),
	M("P.aer.result", PLAIN, ADMIN, AER_CMD, ABOUT_ANY, RESP, OR8, 11, 1),
	M("P.aer.enabled", PLAIN, ADMIN, AER_CMD, ABOUT_ANY, RESP, SET32, 8, 0x000c0302),
	M("P.aer.enabled", PLAIN, ADMIN, SET_FEATURES, 0x0b, CMD, SET32, 8 + 44, 0),
	M("P.aer.masked", PLAIN, ADMIN, GET_LOG, 0x04, CMD, OR8, 8 + 41, 0x80),
	M("P.aer.list", PLAIN, ADMIN, GET_LOG, 0x04, C2H, SET32, 24, 0),
	M("P.aer.limit", PLAIN, ADMIN, AER_CMD, ABOUT_ANY, RESP, SET32, 8, 0),
	M("P.identify.reserved", PLAIN, ADMIN, IDENTIFY, 0x01, C2H, SET8, 24 + 105, 1),
	M("P.identify.reserved", PLAIN, ADMIN, IDENTIFY, 0x01, C2H, SET8, 24 + 1791, 1),
	M("P.identify.reserved", PLAIN, ADMIN, IDENTIFY, 0x00, C2H, SET8, 24 + 85, 1),
	M("P.identify.reserved", PLAIN, ADMIN, IDENTIFY, 0x00, C2H, SET8, 24 + 134, 9),
	M("P.identify.ascii", PLAIN, ADMIN, IDENTIFY, 0x01, C2H, SET8, 24 + 23, 0),
	M("P.identify.value", PLAIN, ADMIN, IDENTIFY, 0x01, C2H, SET8, 24 + 512, 0x46),
	M("P.identify.value", PLAIN, ADMIN, IDENTIFY, 0x00, C2H, SET8, 24 + 8 + 7, 1),
	M("P.identify.value", PLAIN, ADMIN, IDENTIFY, 0x00, C2H, SET8, 24 + 130, 3),
	M("P.identify.match", PLAIN, ADMIN, IDENTIFY, 0x01, C2H, ADD16, 24 + 78, 1),
	M("P.identify.match", PLAIN, ADMIN, IDENTIFY, 0x01, C2H, XOR8, 24 + 768, 1),
	M("P.identify.list", PLAIN, ADMIN, IDENTIFY, 0x02, C2H, SET32, 24 + 4, 1),
	M("P.identify.list", PLAIN, ADMIN, IDENTIFY, 0x02, C2H, SET32, 24 + 4092, 9),
	M("P.identify.list", PLAIN, ADMIN, IDENTIFY, 0x03, C2H, SET8, 24 + 1, 15),
	M("P.log.reserved", PLAIN, ADMIN, GET_LOG, 0x70, C2H, SET8, 24 + 20, 1),
	M("P.log.value", PLAIN, ADMIN, GET_LOG, 0x70, C2H, SET16, 24 + 16, 1),
	M("P.log.value", PLAIN, ADMIN, GET_LOG, 0x04, C2H, SET32, 24 + 4, 1),
	M("P.discovery.record", PLAIN, ADMIN, GET_LOG, 0x170, C2H, SET8, 24, 9),
	M("P.discovery.record", PLAIN, ADMIN, GET_LOG, 0x170, C2H, SET8, 24 + 767, 0),
};

/* --- finding ------------------------------------------------------------------------------- */

static struct record_pdu *pdu_at(GArray *pdus, unsigned i)
{
	return &g_array_index(pdus, struct record_pdu, i);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static bool on_queue(const struct record_pdu *p, int queue)
{
	return queue == ANY || (p->qid != 0xffff && (p->qid == 0) == (queue == ADMIN));
}

static bool is_command(const struct record_pdu *p, const struct mutant *m)
{
	const uint8_t *sqe;
	int about;

	if (p->open || p->data[0] != CMD || !on_queue(p, m->queue))
		return false;
	sqe = p->data + 8;
	if (sqe[0] != m->opcode || (m->fctype >= 0 && sqe[4] != m->fctype))
		return false;
	about = sqe[0] == 0x7f ? get16(sqe + 44) : sqe[40];
	/* 100h: the discovery log behind its header is read */
	if (m->about >= 0x100)
		about += get16(sqe + 48) != 0 ? 0x100 : 0;
	return m->about < 0 || about == m->about;
}

/* The PDU of that type that belongs to command i; itself for CMD. pdus->len: none. */
static unsigned related(GArray *pdus, unsigned i, unsigned type)
{
	const struct record_pdu *cmd = pdu_at(pdus, i);
	uint16_t cid = get16(cmd->data + 10);

	for (unsigned j = i; j < pdus->len; j++) {
		const struct record_pdu *p = pdu_at(pdus, j);
		bool resp = !p->open && p->data[0] == RESP;

		if (p->open || p->conn != cmd->conn)
			continue;
		if (p->data[0] == type && (type == CMD || get16(p->data + (resp ? 20 : 8)) == cid))
			return j;
		if (resp && get16(p->data + 20) == cid)
			break;
	}
	return pdus->len;
}

/* The first connection whose queue fits; its Connect comes later. */
static unsigned find_ic(GArray *pdus, const struct mutant *m)
{
	for (unsigned i = 0; i < pdus->len; i++) {
		const struct record_pdu *p = pdu_at(pdus, i);

		if (p->open || p->data[0] != m->pdu)
			continue;
		for (unsigned j = i; j < pdus->len; j++) {
			if (pdu_at(pdus, j)->conn == p->conn && !pdu_at(pdus, j)->open &&
			    on_queue(pdu_at(pdus, j), m->queue))
				return i;
		}
	}
	return pdus->len;
}

static bool find_pdu(GArray *pdus, const struct mutant *m, unsigned *cmd, unsigned *at)
{
	bool discovery = m->about >= 0 && (m->about & 0xff) == 0x70 && m->opcode == 0x02;
	uint64_t first = pdu_at(pdus, 0)->conn; /* the discovery controller's */

	if (m->opcode < 0) {
		*cmd = *at = find_ic(pdus, m);
		return *at < pdus->len;
	}
	for (*cmd = 0; *cmd < pdus->len; (*cmd)++) {
		const struct record_pdu *p = pdu_at(pdus, *cmd);

		if (!is_command(p, m) || (p->conn == first) != discovery)
			continue;
		*at = related(pdus, *cmd, m->pdu);
		if (*at < pdus->len && (m->pdu != RESP || m->opcode != 0x0c ||
					get16(pdu_at(pdus, *at)->data + 22) == 0))
			return true;
	}
	return false;
}

/* --- changing -------------------------------------------------------------------------------- */

static void drop(GArray *pdus, unsigned i)
{
	g_free(pdu_at(pdus, i)->data);
	g_array_remove_index(pdus, i);
}

/* Puts a copy of PDU `from` before PDU `at`; returns its data. */
static uint8_t *insert_copy(GArray *pdus, unsigned from, unsigned at)
{
	struct record_pdu p = *pdu_at(pdus, from);

	p.data = g_memdup2(p.data, p.len);
	g_array_insert_val(pdus, at, p);
	return p.data;
}

static void set(uint8_t *p, uint32_t value, unsigned size)
{
	memcpy(p, &value, size);
}

static void term(GArray *pdus, unsigned at, uint16_t fes, uint32_t fei)
{
	struct record_pdu p = *pdu_at(pdus, at);

	p.len = 24 + 72;
	p.data = g_malloc0(p.len);
	p.data[0] = C2H_TERM;
	p.data[2] = 24;
	set(p.data + 4, p.len, 4);
	set(p.data + 8, fes, 2);
	set(p.data + 10, fei, 4);
	g_array_insert_val(pdus, at, p);
}

/* CC is written without EN, and yet all goes well. */
static void never_enabled(GArray *pdus, unsigned cmd, unsigned at)
{
	(void)at;
	pdu_at(pdus, cmd)->data[8 + 48] &= 0xfe;
	/* Nobody looks at CSTS, which would say it first. */
	for (unsigned i = cmd; i < pdus->len; i++) {
		uint8_t *p = pdu_at(pdus, i)->data;

		if (p != NULL && p[0] == CMD && p[8] == 0x7f && p[8 + 4] == 0x04 &&
		    p[8 + 44] == 0x1c)
			p[8 + 44] = 0x68;
	}
}

static void term_before(GArray *pdus, unsigned cmd, unsigned at)
{
	(void)cmd;
	term(pdus, at, 1, 9);
}

static void term_fes(GArray *pdus, unsigned cmd, unsigned at)
{
	(void)cmd;
	term(pdus, at, 7, 0);
}

static void term_fei(GArray *pdus, unsigned cmd, unsigned at)
{
	(void)cmd;
	term(pdus, at, 1, 72);
}

/* HLEN is the host's fault, so that a TermReq is right that names it and shows the PDU. */
static void broken_pdu(GArray *pdus, unsigned cmd, unsigned at, uint32_t fei)
{
	pdu_at(pdus, cmd)->data[2] = 71;
	term(pdus, at, 1, fei);
	memcpy(pdu_at(pdus, at)->data + 24, pdu_at(pdus, cmd)->data, 72);
}

static void term_other(GArray *pdus, unsigned cmd, unsigned at)
{
	broken_pdu(pdus, cmd, at, 4);
}

static void term_pdu(GArray *pdus, unsigned cmd, unsigned at)
{
	broken_pdu(pdus, cmd, at, 2);
	pdu_at(pdus, at)->data[24 + 40] ^= 1;
}

static void after_term(GArray *pdus, unsigned cmd, unsigned at)
{
	broken_pdu(pdus, cmd, at, 2);
}

/* Two R2Ts under way at once get one tag. */
static void second_ttag(GArray *pdus, unsigned cmd, unsigned at)
{
	(void)cmd;
	for (unsigned i = at; i < pdus->len; i++) {
		const struct record_pdu *p = pdu_at(pdus, i);
		unsigned last = i;

		if (p->open || p->data[0] != R2T)
			continue;
		while (++last < pdus->len) {
			const struct record_pdu *q = pdu_at(pdus, last);

			if (q->open || q->conn != p->conn)
				continue;
			if (q->data[0] == H2C)
				break;
			if (q->data[0] == R2T) {
				memcpy(q->data + 10, p->data + 10, 2);
				return;
			}
		}
	}
	g_error("no two R2Ts at once");
}

static void split_r2t(GArray *pdus, unsigned cmd, unsigned at)
{
	uint8_t *second = insert_copy(pdus, at, at + 1), *first = pdu_at(pdus, at)->data;
	uint32_t len;

	(void)cmd;
	memcpy(&len, first + 16, sizeof(len));
	set(first + 16, 512, 4);
	set(second + 10, 0x7fff, 2);
	set(second + 12, 512, 4);
	set(second + 16, len - 512, 4);
}

static void no_r2t_at_all(GArray *pdus, unsigned cmd, unsigned at)
{
	drop(pdus, related(pdus, cmd, H2C));
	drop(pdus, at);
}

static void resp_after_success(GArray *pdus, unsigned cmd, unsigned at)
{
	for (unsigned i = 0; i < pdus->len; i++) {
		const struct record_pdu *p = pdu_at(pdus, i), *data = pdu_at(pdus, at);

		if (p->open || p->data[0] != RESP || p->conn != data->conn ||
		    get16(p->data + 20) == get16(data->data + 8))
			continue;
		/* A completion of another command; its own identifier would need a new digest. */
		g_assert_cmphex(data->data[1] & 0x08, ==, 0x08);
		insert_copy(pdus, i, at + 1 + (i < at));
		(void)cmd;
		return;
	}
	g_assert_not_reached();
}

static void cap_again(GArray *pdus, unsigned cmd, unsigned at)
{
	insert_copy(pdus, cmd, at + 1);
	insert_copy(pdus, at, at + 2)[8] ^= 2;
}

static void get_cc(GArray *pdus, unsigned cmd, unsigned at)
{
	insert_copy(pdus, cmd, at + 1)[8 + 44] = 0x14;
	insert_copy(pdus, at, at + 2);
}

static void second_connect(GArray *pdus, unsigned cmd, unsigned at)
{
	insert_copy(pdus, cmd, at + 1);
}

static void no_connect(GArray *pdus, unsigned cmd, unsigned at)
{
	(void)at;
	drop(pdus, related(pdus, cmd, RESP));
	drop(pdus, cmd);
}

static void change(GArray *pdus, const struct mutant *m, unsigned cmd, unsigned at)
{
	struct record_pdu *p = pdu_at(pdus, at);
	uint8_t *b = p->data + (m->at < 0 ? (int)p->len + m->at : m->at);
	uint32_t word;

	switch (m->op) {
	case SET8:
	case SET16:
	case SET32:
		set(b, m->value, 1u << m->op);
		break;
	case OR8:
		*b |= (uint8_t)m->value;
		break;
	case XOR8:
		*b ^= (uint8_t)m->value;
		break;
	case ADD16:
		set(b, get16(b) + m->value, 2);
		break;
	case ADD32:
		memcpy(&word, b, sizeof(word));
		set(b, word + m->value, 4);
		break;
	case DROP:
		drop(pdus, at);
		break;
	case TWICE:
		insert_copy(pdus, at, at + 1);
		break;
	case CUSTOM:
		m->custom(pdus, cmd, at);
	}
	/* An event turned into a refusal needs the status as well. */
	if (!strcmp(m->rule, "P.aer.limit"))
		set(p->data + 8 + 14, 0x8000 | 0x105 << 1, 2);
	if (!strcmp(m->rule, "P.connect.ipo"))
		set(p->data + 8, 17, 4);
}

/* --- the tests -----------------------------------------------------------------------------------
 */

static void run_mutant(GArray *good, const struct mutant *m, unsigned number)
{
	GArray *pdus = record_copy(good);
	struct oracle_wire *o = oracle_wire_new(NULL);
	const struct oracle_violation *v;
	unsigned cmd = 0, at = 0, n;

	if (!find_pdu(pdus, m, &cmd, &at))
		g_error("mutant %u (%s): the session has no such PDU", number, m->rule);
	change(pdus, m, cmd, at);
	if (m->tolerated_host)
		oracle_wire_tolerate(o, ORACLE_HOST);
	record_replay(o, pdus, number % 2 ? 0 : 5);
	n = oracle_wire_violations(o, &v);
	if (n == 0)
		g_error("mutant %u (%s) was not found", number, m->rule);
	if (strcmp(v[0].rule, m->rule) != 0)
		g_error("mutant %u (%s) was taken for: %s", number, m->rule, v[0].text);
	if (n > 1 && !m->cascades)
		g_error("mutant %u (%s): then also: %s", number, m->rule, v[1].text);
	g_assert_nonnull(strstr(v[0].text, m->rule));
	oracle_wire_free(o);
	record_free(pdus);
}

static void test_mutants(void)
{
	const struct session_params params[SESSIONS] = {
		[PLAIN] = { .seed = 3, .ios = 60, .hosts = 1 },
		[DIGESTS] = { .seed = 3,
			      .ios = 60,
			      .hosts = 1,
			      .hdgst = true,
			      .ddgst = true,
			      .hpda = 7,
			      .no_flow_control = true },
	};
	GArray *good[SESSIONS];

	for (unsigned i = 0; i < SESSIONS; i++)
		good[i] = record_session(&params[i]);
	for (unsigned i = 0; i < G_N_ELEMENTS(mutants); i++)
		run_mutant(good[mutants[i].session], &mutants[i], i);
	g_test_message("%u mutants", (unsigned)G_N_ELEMENTS(mutants));
	for (unsigned i = 0; i < SESSIONS; i++)
		record_free(good[i]);
}

/* Violations of a tolerated side are counted; of a connection whose bits flipped, nothing is said.
 */
static void test_tolerance(void)
{
	const struct session_params params = { .seed = 3, .ios = 60, .hosts = 1 };
	const struct mutant host = M("", PLAIN, IO, READ, ABOUT_ANY, CMD, SET8, 8 + 36, 1);
	const struct mutant target = M("", PLAIN, IO, READ, ABOUT_ANY, C2H, XOR8, 9, 0x40);
	const struct mutant *const both[] = { &host, &target };
	GArray *good = record_session(&params);

	for (unsigned i = 0; i < 4; i++) {
		GArray *pdus = record_copy(good);
		struct oracle_wire *o = oracle_wire_new(NULL);
		struct oracle_wire_stats st;
		unsigned cmd, at;

		g_assert_true(find_pdu(pdus, both[i % 2], &cmd, &at));
		change(pdus, both[i % 2], cmd, at);
		if (i < 2)
			oracle_wire_tolerate(o, (enum oracle_side)i);
		record_replay_corrupted(o, pdus, 0, i == 3 ? pdu_at(pdus, at)->conn : 0);
		oracle_wire_stats(o, &st);
		/* Reserved bytes are wrong by themselves, whatever the other side did; a CID is
		 * not. */
		g_assert_cmpuint(oracle_wire_violations(o, NULL), ==, i == 2);
		g_assert_cmpuint(st.tolerated, ==, i < 2);
		oracle_wire_free(o);
		record_free(pdus);
	}
	record_free(good);
}

/* No rule without a mutant that breaks it, so none that cannot fail. */
static void test_complete(void)
{
	struct oracle_wire *o = oracle_wire_new(NULL);
	const char *rule, *meaning;

	for (unsigned i = 0; (rule = oracle_wire_rule(o, i, NULL, &meaning)) != NULL; i++) {
		bool found = false;

		for (unsigned j = 0; j < G_N_ELEMENTS(mutants); j++)
			found = found || !strcmp(mutants[j].rule, rule);
		if (!found)
			g_error("no mutant breaks %s (%s)", rule, meaning);
	}
	oracle_wire_free(o);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/oracle/wire/mutants", test_mutants);
	g_test_add_func("/oracle/wire/tolerance", test_tolerance);
	g_test_add_func("/oracle/wire/mutants-complete", test_complete);
	return g_test_run();
}
