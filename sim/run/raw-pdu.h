/* SPDX-License-Identifier: BSD-3-Clause */
/* NVMe/TCP PDUs for hosts that misbehave: encoded here, by nothing of target/. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	RAW_ICREQ = 0,
	RAW_ICRESP = 1,
	RAW_H2C_TERM = 2,
	RAW_CMD = 4,
	RAW_RESP = 5,
	RAW_H2CDATA = 6,
	RAW_R2T = 9,
};

/* What goes out, and with which digests; spoiled ones are wrong. */
struct raw_out {
	GByteArray *bytes;
	bool hdgst, ddgst;
	bool spoil_hdgst, spoil_ddgst;
};

struct raw_connect {
	uint16_t qid, sqsize, cntlid, recfmt; /* sqsize: 0's based */
	uint32_t kato_ms;
	uint8_t hostid;
	const char *subnqn, *hostnqn;
};

struct raw_cmd {
	uint8_t opcode;
	uint16_t cid;
	uint32_t nsid;
	uint32_t cdw10, cdw11, cdw12;
	uint32_t len;	 /* of its data: by R2T and H2CData, or by C2HData */
	bool in_capsule; /* instead of by R2T */
	uint32_t excess; /* of what the SGL says, over that */
};

uint64_t raw_le(const uint8_t *p, unsigned len);
void raw_icreq(struct raw_out *out);
void raw_connect_pdu(struct raw_out *out, uint16_t cid, const struct raw_connect *c);
void raw_property(struct raw_out *out, uint16_t cid, bool set, uint32_t offset, unsigned size,
		  uint64_t value);
void raw_command(struct raw_out *out, const struct raw_cmd *cmd);
void raw_h2c(struct raw_out *out, uint16_t cid, uint16_t ttag, uint32_t offset, uint32_t len,
	     bool last);
void raw_term(struct raw_out *out, uint16_t fes);
