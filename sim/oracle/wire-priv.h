/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside of oracle P. wire.c has connections, rules and what was found; wire-pdu.c
 * cuts streams into PDUs and checks what a PDU says of itself; wire-cmd.c follows
 * commands and completions, wire-data.c their data; wire-status.c knows which
 * status may be sent when; wire-admin.c, wire-identify.c and wire-log.c what admin
 * commands mean; wire-connect.c whom Connect may let in; wire-blame.c what is due
 * to a host that breaks a rule.
 */
#pragma once

#include <glib.h>

#include "sim/oracle/wire.h"

/*
 * X(NAME, "id", of the PDU alone, meaning). A rule of the PDU alone needs nothing
 * of what the other side did but the ICReq and ICResp.
 */
#define ORACLE_RULES(X)                                                                            \
	X(PDU_TYPE, "P.pdu.type", true, "the type exists and goes in this direction")              \
	X(PDU_PHASE, "P.pdu.phase", true, "ICReq and ICResp once, before everything else")         \
	X(PDU_HLEN, "P.pdu.hlen", true, "header length is that of the type")                       \
	X(PDU_PLEN, "P.pdu.plen", true, "PDU length fits header, digests and data")                \
	X(PDU_PDO, "P.pdu.pdo", true, "data offset behind the header, aligned; 0 without data")    \
	X(PDU_FLAGS, "P.pdu.flags", true, "digest flags as negotiated, no flag of other types")    \
	X(PDU_RESERVED, "P.pdu.reserved", true, "reserved fields are zero")                        \
	X(PDU_PAD, "P.pdu.pad", true, "padding is zero")                                           \
	X(PDU_HDGST, "P.pdu.hdgst", true, "header digest")                                         \
	X(PDU_DDGST, "P.pdu.ddgst", true, "data digest")                                           \
	X(PDU_DATAL, "P.pdu.datal", true, "DATAL is the length of the data in the PDU, not 0")     \
	X(PDU_AFTER_TERM, "P.pdu.after-term", true, "nothing follows a TermReq")                   \
	X(IC_PFV, "P.ic.pfv", true, "PDU format version 0")                                        \
	X(IC_PDA, "P.ic.pda", true, "HPDA, CPDA at most 31")                                       \
	X(IC_DIGEST, "P.ic.digest", true, "only digests that were asked for")                      \
	X(IC_MAXH2C, "P.ic.maxh2cdata", true, "MAXH2CDATA a multiple of 4, at least 4096")         \
	X(TERM_FES, "P.term.fes", true, "fatal error status that exists")                          \
	X(TERM_FEI, "P.term.fei", true, "fatal error information of the status")                   \
	X(TERM_CAUSE, "P.term.cause", false, "a TermReq that names what the peer broke")           \
	X(TERM_PDU, "P.term.pdu", false, "a TermReq shows the PDU that broke the rule")            \
	X(CMD_FUSE, "P.cmd.fuse", true, "no fused commands")                                       \
	X(CMD_PSDT, "P.cmd.psdt", true, "SGLs")                                                    \
	X(CMD_SGL, "P.cmd.sgl", true, "a transport or offset SGL, with what is in the capsule")    \
	X(CMD_ICD, "P.cmd.icd", false, "no more data in the capsule than allowed")                 \
	X(CMD_RESERVED, "P.cmd.reserved", true, "reserved fields of fabrics commands are zero")    \
	X(CMD_FIRST, "P.cmd.first", false, "Connect first, alone, and once")                       \
	X(CMD_DEPTH, "P.cmd.depth", false, "fewer commands outstanding than queue entries")        \
	X(CMD_CID, "X.cmd.cid", false, "command identifier not in use")                            \
	X(CONNECT_DATA, "P.connect.data", false, "Connect data well-formed")                       \
	X(R2T_CID, "P.r2t.cid", false, "R2T for an outstanding command that sends data so")        \
	X(R2T_RANGE, "P.r2t.range", false, "R2T ranges contiguous, within the command's data")     \
	X(R2T_TTAG, "P.r2t.ttag", false, "transfer tag not in use")                                \
	X(R2T_MAX, "P.r2t.max", false, "no more R2Ts of a command than MAXR2T")                    \
	X(H2C_TTAG, "P.h2c.ttag", false, "H2CData answers an R2T")                                 \
	X(H2C_CID, "P.h2c.cid", false, "H2CData of the R2T's command")                             \
	X(H2C_RANGE, "P.h2c.range", false, "H2CData contiguous, within the R2T")                   \
	X(H2C_LAST, "P.h2c.last", false, "LAST_PDU exactly on the last of an R2T")                 \
	X(H2C_MAX, "P.h2c.max", false, "no more data than MAXH2CDATA")                             \
	X(C2H_CID, "P.c2h.cid", false, "C2HData for an outstanding command that wants data")       \
	X(C2H_RANGE, "P.c2h.range", false, "C2HData contiguous, within the command's data")        \
	X(C2H_LAST, "P.c2h.last", false, "LAST_PDU exactly on the last C2HData")                   \
	X(C2H_SUCCESS, "P.c2h.success", false, "SUCCESS with LAST_PDU, without flow control")      \
	X(RESP_CID, "X.resp.cid", false, "a completion for an outstanding command, once")          \
	X(RESP_EARLY, "X.resp.early", false, "success only after all data of the host")            \
	X(RESP_DATA, "X.resp.data", false, "success only with all data for the host")              \
	X(RESP_SQHD, "P.resp.sqhd", false, "SQ head within the queue, only going on")              \
	X(RESP_SQID, "P.resp.sqid", true, "SQ identifier is reserved in fabrics")                  \
	X(RESP_PHASE, "P.resp.phase", true, "phase tag is 0 in fabrics")                           \
	X(RESP_CRD, "P.resp.crd", true, "no retry delay index without retry delays")               \
	X(RESP_STATUS, "P.resp.status", false, "a status that this command can have")              \
	X(RESP_DNR, "P.resp.dnr", false, "Do Not Retry as the status means")                       \
	X(RESP_WRONG, "P.resp.wrong", false, "a wrong command ends with the status that says so")  \
	X(RESP_ENABLED, "P.resp.enabled", false, "no success while the controller is disabled")    \
	X(RESP_DW, "P.resp.dw", false, "reserved dwords and bits of results are zero")             \
	X(CONNECT_CNTLID, "P.connect.cntlid", false, "controller id valid, unique, as asked")      \
	X(CONNECT_WRONG, "P.connect.wrong", false, "a wrong Connect is refused")                   \
	X(CONNECT_SQHD, "P.connect.sqhd", false, "SQHD FFFFh says that flow control is off")       \
	X(CONNECT_IPO, "P.connect.ipo", false, "invalid parameter offset names a field")           \
	X(PROP_CONST, "P.prop.const", false, "constant properties stay")                           \
	X(PROP_VALUE, "P.prop.value", false, "property values well-formed")                        \
	X(PROP_CC, "P.prop.cc", false, "CC as it was written")                                     \
	X(PROP_CSTS, "P.prop.csts", false, "CSTS follows CC")                                      \
	X(FEAT_QUEUES, "P.feature.queues", false, "no more queues granted than asked for")         \
	X(AER_RESULT, "P.aer.result", false, "event type, information and log page belong")        \
	X(AER_ENABLED, "P.aer.enabled", false, "only notices that the host enabled")               \
	X(AER_MASKED, "P.aer.masked", false, "no second notice before the log page is read")       \
	X(AER_LIST, "P.aer.list", false, "the list that a notice is of is not empty")              \
	X(AER_LIMIT, "P.aer.limit", false, "limit exceeded only beyond AERL")                      \
	X(ID_RESERVED, "P.identify.reserved", false, "reserved ranges of Identify data are zero")  \
	X(ID_ASCII, "P.identify.ascii", false, "text is printable and padded with spaces")         \
	X(ID_VALUE, "P.identify.value", false, "Identify values make sense")                       \
	X(ID_MATCH, "P.identify.match", false, "Identify agrees with Connect and properties")      \
	X(ID_LIST, "P.identify.list", false, "namespace lists and descriptors well-formed")        \
	X(LOG_RESERVED, "P.log.reserved", false, "reserved ranges of log pages are zero")          \
	X(LOG_VALUE, "P.log.value", false, "log page values make sense")                           \
	X(DISC_RECORD, "P.discovery.record", false, "discovery records well-formed")

enum wire_rule {
#define X(name, id, alone, meaning) R_##name,
	ORACLE_RULES(X)
#undef X
		R_COUNT
};

/* PDU types */
enum {
	T_ICREQ = 0,
	T_ICRESP = 1,
	T_H2C_TERM = 2,
	T_C2H_TERM = 3,
	T_CMD = 4,
	T_RESP = 5,
	T_H2C_DATA = 6,
	T_C2H_DATA = 7,
	T_R2T = 9,
	T_COUNT
};
#define F_HDGST 0x01
#define F_DDGST 0x02
#define F_LAST 0x04
#define F_SUCCESS 0x08
#define SQE_LEN 64
#define CQE_LEN 16
#define OP_FABRICS 0x7f
#define UNKNOWN UINT32_MAX

/* A controller, as seen from its Connect on. Shared by its connections. */
struct wire_ctrl {
	unsigned refs;
	const void *node; /* of the target */
	char subnqn[256], hostnqn[256];
	uint8_t hostid[16];
	uint16_t cntlid;
	bool gone; /* its admin queue was closed */
	bool lost; /* an admin queue that cannot be followed: CC is not known */
	bool discovery;

	/* properties */
	bool have_cap, have_vs;
	uint64_t cap;
	uint32_t vs;
	uint32_t cc;	   /* as last written with success */
	uint64_t cc_epoch; /* counts begins and ends of writes */
	unsigned cc_pending;
	bool was_enabled; /* ever */
	bool was_ready;	  /* RDY was seen since CC.EN went to 1 */
	bool was_shn;	  /* CC.SHN was written since */
	bool was_shut;	  /* shutdown was seen complete since */

	/* Identify */
	bool identified;
	bool ana;	  /* it says that it reports states */
	uint32_t icd_max; /* of I/O commands */
	uint8_t aerl;
	bool queues_set;
	uint16_t queues;      /* granted I/O queues, where queues_set */
	GHashTable *ns_shift; /* nsid -> log2 of the block size */

	uint64_t smart[9]; /* counters of log 02h as last seen */

	/* events */
	uint32_t aec_now, aec_may; /* enabled; possibly enabled */
	unsigned aec_pending, naers;
	uint8_t masked;	   /* bits by notice */
	unsigned reads[6]; /* by notice: of its log page, that unmask it, under way */
	bool ns_told;	   /* by a notice, and the list not read since */
	unsigned ns_reads; /* of the list, under way */
};

/* What is wrong with a command of a host that is tolerated. */
enum {
	WRONG_FIELD = 1,   /* flags */
	WRONG_SGL = 2,	   /* SGL, direction */
	WRONG_ORDER = 4,   /* not Connect, or Connect again */
	WRONG_DIGEST = 8,  /* of its data */
	WRONG_CONNECT = 16 /* data of Connect */
};

struct wire_cmd {
	uint16_t cid;
	uint8_t wrong;		      /* WRONG_... */
	uint8_t opcode, fctype, xfer; /* xfer: 0 none, 1 from the host, 2 to the host */
	bool in_capsule;
	bool capsule_done; /* all of the capsule has been sent */
	uint8_t sqe[SQE_LEN];
	uint32_t sgl_len;
	uint32_t want;	/* bytes of data that success takes, UNKNOWN */
	uint32_t asked; /* by R2Ts */
	uint32_t got;	/* from the host: in the capsule or by H2CData */
	uint32_t sent;	/* to the host */
	bool sent_last; /* LAST_PDU was seen */
	uint64_t epoch; /* cc_epoch when it was submitted */
	bool ns_told;	/* of the controller, the same */
	unsigned r2ts;	/* outstanding */
	uint8_t *data;	/* kept where something looks at it */
	uint32_t data_len;
};

struct wire_r2t {
	uint16_t ttag, cid;
	uint32_t next, end; /* offsets */
	bool stale;	    /* its command has ended: the host may not know yet */
};

enum wire_step { STEP_COMMON, STEP_HEADER, STEP_PAD, STEP_DATA, STEP_DDGST };

/* One direction. */
struct wire_stream {
	uint64_t offset; /* bytes seen */
	bool mute;	 /* cannot be followed any more */
	bool ic_seen, term_seen, closed;
	enum wire_step step;
	/* the PDU under way */
	uint64_t start;
	uint8_t hdr[256];
	uint32_t have, hdr_len; /* hdr_len: with digest */
	uint32_t left;		/* of the step, from STEP_PAD on */
	uint32_t data_len, data_at;
	uint32_t crc;
	uint8_t digest[4];
	struct wire_cmd *cmd; /* whose data it carries, NULL: nobody's */
	uint32_t cmd_at;      /* where in the command's data */
	uint32_t skip;	      /* of in-capsule data, before the SGL's offset */
};

/*
 * A tolerated host broke a rule of the transport: nothing that it sends from then
 * on counts, and the target may end the connection by a TermReq that says just
 * that.
 */
struct wire_blame {
	bool set;
	enum wire_rule rule;
	uint8_t pdu[160]; /* as much of it as came */
	uint32_t have;
	uint32_t at, end; /* H2CData: what was wanted */
};

enum wire_judge { JUDGE_ALL, JUDGE_ALONE, JUDGE_NONE };

struct wire_conn {
	struct oracle_wire *o;
	uint64_t id;
	const void *node; /* of the target */
	uint64_t time;
	enum wire_judge judge;
	bool tolerated; /* its host */
	bool odd;	/* something came that receivers may object to, or not */
	struct wire_blame blame;
	struct wire_cmd *now; /* that is looked at */
	struct wire_stream streams[2];

	bool hdgst, ddgst;
	uint32_t align[2]; /* of data that this side sends */
	uint32_t maxh2c, maxr2t;

	GHashTable *cmds; /* cid -> struct wire_cmd */
	GArray *r2ts;	  /* struct wire_r2t */
	bool connected;
	uint16_t qid;
	uint32_t qsize;
	bool fc_off;
	uint64_t submitted, completed, head; /* since Connect, it included */
	struct wire_ctrl *ctrl;
	struct wire_ctrl *asked; /* whose queue Connect wants to be */
};

struct oracle_wire {
	struct world *world;
	struct world_tap tap;
	GHashTable *conns; /* number -> struct wire_conn */
	GPtrArray *ctrls;  /* struct wire_ctrl */
	GArray *ports;	   /* uint16_t */
	GArray *found;	   /* struct oracle_violation */
	bool tolerate[2];
	GPtrArray *tolerated; /* const void *: nodes */
	GHashTable *loose_blocks; /* nsid */
	struct oracle_wire_stats stats;
	uint64_t evaluated[R_COUNT];
};

static inline uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t le32(const uint8_t *p)
{
	return le16(p) | (uint32_t)le16(p + 2) << 16;
}

static inline uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

bool wire_all_zero(const uint8_t *p, size_t len);

/* wire.c: counts the rule; reports when it does not hold. Returns whether going on makes sense. */
bool wire_check(struct wire_conn *c, enum oracle_side side, enum wire_rule rule, bool holds,
		const char *format, ...) G_GNUC_PRINTF(5, 6);
/* The same for what receivers need not look at: where the host is tolerated it counts as good. */
bool wire_soft(struct wire_conn *c, enum oracle_side side, enum wire_rule rule, bool holds,
	       const char *format, ...) G_GNUC_PRINTF(5, 6);
struct wire_ctrl *wire_ctrl_new(struct wire_conn *c, const char *subnqn, uint16_t cntlid);
/* The newest; NULL: there is none. */
struct wire_ctrl *wire_ctrl_find(struct wire_conn *c, const char *subnqn, uint16_t cntlid);
void wire_ctrl_unref(struct oracle_wire *o, struct wire_ctrl *ctrl);
void wire_cmd_free(void *cmd);

/*
 * wire-blame.c: a tolerated host broke a rule. What is wrong with the command
 * under way, 0: nothing; whether the target has to end the connection.
 */
uint8_t wire_wrong(enum wire_rule rule);
bool wire_blame(struct wire_conn *c, enum wire_rule rule);
void wire_blame_more(struct wire_conn *c, const uint8_t *p, size_t len);
bool wire_blame_justifies(const struct wire_conn *c, uint16_t fes, uint32_t fei);
void wire_blame_excerpt(struct wire_conn *c, uint32_t at, const uint8_t *p, uint32_t len);
bool wire_wrong_status(struct wire_conn *c, const struct wire_cmd *cmd, uint16_t status);

/* wire-connect.c */
void wire_connect_data(struct wire_conn *c, struct wire_cmd *cmd);
void wire_connect_failed(struct wire_conn *c, const struct wire_cmd *cmd, const uint8_t *cqe);
void wire_connected(struct wire_conn *c, const struct wire_cmd *cmd, const uint8_t *cqe);

/* wire-pdu.c */
uint8_t wire_hlen(uint8_t type, enum oracle_side side); /* 0: it sends no such PDU */
void wire_pdu_bytes(struct wire_conn *c, enum oracle_side side, const uint8_t *p, size_t len);

/* wire-cmd.c, wire-data.c: a header is complete and well-formed; a PDU has ended. */
bool wire_check_capsule(struct wire_conn *c, uint32_t len);
void wire_command(struct wire_conn *c, struct wire_stream *s);
void wire_response(struct wire_conn *c, const uint8_t *cqe);
void wire_complete(struct wire_conn *c, struct wire_cmd *cmd, const uint8_t *cqe);
void wire_r2t(struct wire_conn *c, const uint8_t *h);
void wire_h2c(struct wire_conn *c, struct wire_stream *s);
/* The command that an outstanding R2T with this tag is for; -1: there is none. */
int wire_r2t_cid(const struct wire_conn *c, uint16_t ttag);
void wire_c2h(struct wire_conn *c, struct wire_stream *s);
void wire_data_byte(struct wire_stream *s, const uint8_t *p, uint32_t len);
void wire_pdu_end(struct wire_conn *c, enum oracle_side side, struct wire_stream *s);
bool wire_data_complete(struct wire_conn *c, const struct wire_cmd *cmd);
void wire_data_forget(struct wire_conn *c, const struct wire_cmd *cmd);

/* wire-status.c: status is the field without the phase bit. */
bool wire_status_check(struct wire_conn *c, const struct wire_cmd *cmd, uint16_t status);

/* wire-admin.c: a command came; it ended (cqe zero where the success was in a flag). */
void wire_admin_submitted(struct wire_conn *c, struct wire_cmd *cmd);
void wire_admin_completed(struct wire_conn *c, struct wire_cmd *cmd, const uint8_t *cqe);
uint32_t wire_admin_want(const struct wire_cmd *cmd);

/* wire-identify.c, wire-log.c: the data of a successful command, all of it. */
void wire_identify(struct wire_conn *c, const struct wire_cmd *cmd);
void wire_log_page(struct wire_conn *c, const struct wire_cmd *cmd);
bool wire_ascii(const uint8_t *p, size_t len);
