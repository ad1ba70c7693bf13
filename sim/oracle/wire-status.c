/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which status a command may end with (base 2.0, 4.6.1; fabrics: 6), and whether
 * trying again makes sense: DNR is set where the same command would fail the same
 * way again, clear where the failure is a matter of the moment.
 */
#include "sim/oracle/wire-priv.h"

enum { NO, YES, ANY };

/* On which commands */
#define FABRICS 0x001
#define CONNECT 0x002
#define ADMIN 0x004
#define LOG 0x008
#define AER 0x010
#define FEATURES 0x020
#define ABORT 0x040
#define IO 0x080
#define ALL 0x0ff
#define ADMIN_ALL (ADMIN | LOG | AER | FEATURES | ABORT)

static const struct status {
	uint16_t code; /* type 10:8, code 7:0 */
	uint8_t dnr;
	uint8_t on;
} statuses[] = {
	{ 0x000, NO, ALL },
	{ 0x001, YES, ALL },		    /* invalid opcode */
	{ 0x002, YES, ALL },		    /* invalid field */
	{ 0x003, YES, ALL },		    /* command identifier conflict */
	{ 0x004, ANY, ALL },		    /* data transfer error */
	{ 0x006, ANY, ALL },		    /* internal error */
	{ 0x007, NO, ALL },		    /* abort requested */
	{ 0x008, NO, ALL },		    /* queue deleted */
	{ 0x009, NO, IO },		    /* the other half of a fused pair failed */
	{ 0x00a, NO, IO },		    /* there is no other half */
	{ 0x00b, YES, IO | ADMIN_ALL },	    /* invalid namespace */
	{ 0x00c, YES, ALL },		    /* command sequence error */
	{ 0x00d, YES, ALL },		    /* invalid SGL segment */
	{ 0x00e, YES, ALL },		    /* number of SGL descriptors */
	{ 0x00f, YES, ALL },		    /* data SGL length */
	{ 0x011, YES, ALL },		    /* SGL type */
	{ 0x016, YES, ALL },		    /* SGL offset */
	{ 0x018, YES, CONNECT | FEATURES }, /* host identifier inconsistent */
	{ 0x01a, YES, CONNECT | FEATURES }, /* keep alive timeout invalid */
	{ 0x020, YES, IO },		    /* namespace is write protected */
	{ 0x021, NO, ALL },		    /* command interrupted */
	{ 0x022, NO, ALL },		    /* transient transport error */
	{ 0x080, YES, IO },		    /* LBA out of range */
	{ 0x081, ANY, IO },		    /* capacity exceeded */
	{ 0x082, NO, IO | ADMIN_ALL },	    /* namespace not ready */
	{ 0x103, NO, ABORT },		    /* abort limit: one may end soon */
	{ 0x105, YES, AER },		    /* AER limit */
	{ 0x109, YES, LOG },		    /* invalid log page */
	{ 0x10d, YES, FEATURES },	    /* not saveable */
	{ 0x10e, YES, FEATURES },	    /* not changeable */
	{ 0x10f, YES, FEATURES },	    /* not namespace specific */
	{ 0x180, YES, CONNECT },	    /* incompatible format */
	{ 0x181, NO, CONNECT },		    /* controller busy */
	{ 0x182, ANY, CONNECT },	    /* invalid parameters, or none such now */
	{ 0x183, YES, CONNECT | IO },	    /* restart discovery; copy too large */
	{ 0x184, NO, CONNECT },		    /* invalid host, as the lists are now */
	{ 0x190, ANY, LOG },		    /* discovery restart */
	{ 0x191, ANY, ALL },		    /* authentication required */
	{ 0x280, ANY, IO },		    /* write fault */
	{ 0x281, ANY, IO },		    /* unrecovered read error */
	{ 0x285, YES, IO },		    /* compare failure */
	{ 0x300, NO, IO | ADMIN_ALL },	    /* internal path error */
	{ 0x301, ANY, IO | ADMIN_ALL },	    /* ANA persistent loss */
	{ 0x302, NO, IO | ADMIN_ALL },	    /* ANA inaccessible */
	{ 0x303, NO, IO | ADMIN_ALL },	    /* ANA transition */
};

static uint8_t kind(const struct wire_conn *c, const struct wire_cmd *cmd)
{
	if (cmd->opcode == OP_FABRICS)
		return cmd->fctype == 0x01 ? CONNECT : FABRICS;
	if (c->qid != 0)
		return IO;
	switch (cmd->opcode) {
	case 0x02:
		return LOG;
	case 0x08:
		return ABORT;
	case 0x09:
	case 0x0a:
		return FEATURES;
	case 0x0c:
		return AER;
	default:
		return ADMIN;
	}
}

/* Of paths, where the host was told that there are states. */
static bool of_ana(const struct wire_conn *c, uint16_t status)
{
	uint16_t code = status & 0x7ff;

	return code < 0x301 || code > 0x303 || c->ctrl == NULL || !c->ctrl->identified ||
	       c->ctrl->ana;
}

/* Status: 7:0 code, 10:8 type, 12:11 CRD, 13 More, 14 DNR. */
bool wire_status_check(struct wire_conn *c, const struct wire_cmd *cmd, uint16_t status)
{
	const struct status *st = NULL;
	bool dnr = status & 0x4000;

	for (unsigned i = 0; i < G_N_ELEMENTS(statuses) && st == NULL; i++) {
		if (statuses[i].code == (status & 0x7ff))
			st = &statuses[i];
	}
	return wire_check(c, ORACLE_TARGET, R_RESP_STATUS,
			  st != NULL && (st->on & kind(c, cmd)) && !(status & 0x2000) &&
				  of_ana(c, status),
			  "status %04xh of opcode %02xh, type %02xh, on queue %u", status,
			  cmd->opcode, cmd->fctype, c->qid) &&
	       wire_check(c, ORACLE_TARGET, R_RESP_DNR, st->dnr == ANY || dnr == (st->dnr == YES),
			  "status %04xh", status);
}
