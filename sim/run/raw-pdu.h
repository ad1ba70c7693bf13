/* SPDX-License-Identifier: BSD-3-Clause */
/* NVMe/TCP PDUs for hosts that misbehave: encoded here, by nothing of target/. No digests. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	RAW_ICREQ = 0,
	RAW_ICRESP = 1,
	RAW_CMD = 4,
	RAW_RESP = 5,
	RAW_H2CDATA = 6,
	RAW_R2T = 9,
};

struct raw_connect {
	uint16_t qid, sqsize, cntlid; /* sqsize: 0's based */
	uint32_t kato_ms;
	uint8_t hostid;
	const char *subnqn, *hostnqn;
};

uint64_t raw_le(const uint8_t *p, unsigned len);
void raw_icreq(GByteArray *out);
void raw_connect_pdu(GByteArray *out, uint16_t cid, const struct raw_connect *c);
void raw_property(GByteArray *out, uint16_t cid, bool set, uint32_t offset, unsigned size,
		  uint64_t value);
/* A command without data, or with data of len bytes asked for by R2T (or sent by C2HData). */
void raw_command(GByteArray *out, uint16_t cid, uint8_t opcode, uint32_t nsid,
		 const uint32_t cdw10[3], uint32_t len);
void raw_h2c(GByteArray *out, uint16_t cid, uint16_t ttag, uint32_t offset, uint32_t len,
	     bool last);
