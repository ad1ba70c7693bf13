/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes as instructions of a hostile host on up to four connections: PDUs of its
 * own making, good ones with single fields changed, raw bytes, waiting, closing.
 */
#include <string.h>

#include "fuzz/nvme-world.h"

#define CONNS 4

struct fuzz {
	struct fuzz_world w;
	struct fuzz_input in;
	struct raw *r[CONNS];
	struct raw *now;
	uint16_t cntlid, cid;
	uint8_t patches, patch_at[4], patch_xor[4]; /* of the next PDU's header */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void send_pdu(struct fuzz *f, GByteArray *pdu)
{
	for (unsigned i = 0; i < f->patches; i++) {
		if (f->patch_at[i] < pdu->len)
			pdu->data[f->patch_at[i]] ^= f->patch_xor[i];
	}
	f->patches = 0;
	raw_send_bytes(f->now, pdu);
}

static void op_raw(struct fuzz *f)
{
	uint8_t bytes[256];
	size_t n = fuzz_byte(&f->in);

	fuzz_bytes(&f->in, bytes, n);
	raw_send(f->now, bytes, n);
}

static void op_icreq(struct fuzz *f)
{
	uint8_t b = fuzz_byte(&f->in);

	send_pdu(f, raw_icreq(f->now, b >> 2 & 31, b & 1, b & 2));
}

static void op_connect(struct fuzz *f)
{
	uint8_t qid = fuzz_byte(&f->in), sqsize = fuzz_byte(&f->in), sqe[64], data[1024];

	raw_connect_sqe(sqe, f->cid++, qid, sqsize, (uint32_t)fuzz_byte(&f->in) * 1000);
	raw_connect_data(data, qid == 0 ? 0xffff : f->cntlid, RAW_HOSTNQN, 0xaa);
	send_pdu(f, raw_capsule(f->now, sqe, data, sizeof(data)));
}

/* What a host says first, up to I/O: admin queue, enabled. */
static void op_enable(struct fuzz *f)
{
	uint8_t sqe[64];

	raw_prop(sqe, true, f->cid++, 0x14, 4, 0x460001 ^ fuzz_byte(&f->in));
	send_pdu(f, raw_capsule(f->now, sqe, NULL, 0));
}

static void op_command(struct fuzz *f)
{
	static const uint32_t sizes[] = { 0, 512, 4096, 4097, 8192, 65536, 131072, 131073 };
	static uint8_t data[8192];
	uint8_t opcode = fuzz_byte(&f->in), how = fuzz_byte(&f->in), nsid = fuzz_byte(&f->in);
	uint32_t len = sizes[how & 7], sent = how & 8 ? MIN(len, 8192) : 0;
	uint8_t sqe[64];

	raw_sqe(sqe, opcode, f->cid++, nsid == 1 ? 2 : nsid, sent ? SGL_INCAPSULE : SGL_TRANSPORT,
		len);
	sqe[40] = fuzz_byte(&f->in);
	sqe[48] = fuzz_byte(&f->in);
	sqe[44] = how >> 4;
	send_pdu(f, raw_capsule(f->now, sqe, data, sent));
}

/* Answers the last R2T, right or wrong. */
static void op_h2c(struct fuzz *f)
{
	static uint8_t data[131072];
	const uint8_t *r2t = raw_last(f->now, R2T);
	uint8_t how = fuzz_byte(&f->in);
	uint32_t off = how & 1 ? fuzz_byte(&f->in) * 512u : 0, len;

	if (r2t == NULL) {
		send_pdu(f, raw_h2c(f->now, f->cid, how >> 4, off, data, how & 2 ? 4096 : 512,
				    how & 4));
		return;
	}
	len = (uint32_t)raw_get(r2t, 16, 4);
	len = MIN(len, sizeof(data));
	if (how & 2 && len > 8)
		len /= 2;
	send_pdu(f, raw_h2c(f->now, (uint16_t)raw_get(r2t, 8, 2), (uint16_t)raw_get(r2t, 10, 2),
			    off, data, len, !(how & 4)));
}

static void op_patch(struct fuzz *f)
{
	if (f->patches == G_N_ELEMENTS(f->patch_at))
		f->patches = 0;
	f->patch_at[f->patches] = fuzz_byte(&f->in);
	f->patch_xor[f->patches++] = fuzz_byte(&f->in);
}

static void op_wait(struct fuzz *f)
{
	const uint8_t *p;

	world_run_for(f->w.fx->world, WORLD_US << (fuzz_byte(&f->in) & 15));
	for (unsigned i = 0; i < CONNS; i++) {
		/* The controller that the last Connect made. */
		p = f->r[i] != NULL ? raw_response(f->r[i], 0) : NULL;
		if (p != NULL && raw_get(p, 22, 2) == 0)
			f->cntlid = (uint16_t)raw_get(p, 8, 2);
	}
}

static void op_end(struct fuzz *f)
{
	uint8_t how = fuzz_byte(&f->in);

	if (how & 1)
		raw_abort(f->now);
	else if (how & 2)
		f->now->deaf = true;
	else if (f->now->stream != NULL && how & 4)
		f->now->stream->ops->shutdown(f->now->stream);
	else
		raw_close(f->now);
}

static void (*const ops[])(struct fuzz *f) = { op_raw, op_icreq, op_connect, op_enable, op_command,
					       op_h2c, op_patch, op_wait,    op_end };

static void step(struct fuzz *f)
{
	uint8_t op = fuzz_byte(&f->in);
	unsigned slot = op >> 6;

	if (f->r[slot] != NULL && f->r[slot]->stream == NULL) {
		raw_free(f->r[slot]);
		f->r[slot] = NULL;
	}
	if (f->r[slot] == NULL)
		f->r[slot] = raw_open(f->w.fx, f->w.core);
	f->now = f->r[slot];
	ops[(op & 63) % G_N_ELEMENTS(ops)](f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { .in = { data, MIN(len, 4096) } };

	fuzz_world_init(&f.w);
	for (unsigned n = 0; f.in.len > 0 && n < 200; n++)
		step(&f);
	world_run_for(f.w.fx->world, WORLD_MS);
	for (unsigned i = 0; i < CONNS; i++) {
		if (f.r[i] != NULL)
			raw_abort(f.r[i]);
		raw_free(f.r[i]);
	}
	fuzz_world_clear(&f.w);
	return 0;
}
