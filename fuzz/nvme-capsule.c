/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands to the admin and an I/O queue of an enabled controller: 64 bytes of SQE
 * each, as the input has them, with data behind it or by R2T. Each is answered,
 * save AERs, or ends the connection.
 */
#include <string.h>

#include "fuzz/nvme-world.h"

#define DATA 1024

struct fuzz {
	struct fuzz_world w;
	struct fuzz_input in;
	struct raw *q[2];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct answer {
	struct raw *r;
	uint16_t cid;
};

static bool unanswered(void *arg)
{
	const struct answer *a = arg;

	return !a->r->closed && raw_response(a->r, a->cid) == NULL && raw_last(a->r, R2T) == NULL;
}

/* All data that an R2T asks for, in two pieces. */
static void give_data(struct raw *r, uint16_t cid)
{
	static uint8_t data[NVMF_MAX_IO_SIZE];
	const uint8_t *p = raw_last(r, R2T);
	uint32_t len = (uint32_t)raw_get(p, 16, 4), half = len > 8 ? len / 8 * 4 : 0;
	uint16_t ttag = (uint16_t)raw_get(p, 10, 2);

	g_assert_cmpuint(raw_get(p, 8, 2), ==, cid);
	g_assert_cmpuint(len, <=, 131072);
	raw_forget(r);
	if (half > 0)
		raw_send_bytes(r, raw_h2c(r, cid, ttag, 0, data, half, false));
	raw_send_bytes(r, raw_h2c(r, cid, ttag, half, data, len - half, true));
}

static void command(struct fuzz *f)
{
	uint8_t how = fuzz_byte(&f->in), sqe[64], data[DATA] = { 0 };
	struct answer a = { f->q[how & 1], 0 };
	uint32_t len = how & 2 ? (1 + (how >> 4)) * 64u : 0;

	fuzz_bytes(&f->in, sqe, sizeof(sqe));
	fuzz_bytes(&f->in, data, len);
	a.cid = (uint16_t)raw_get(sqe, 2, 2);
	if (how & 4 && len > 0) { /* an SGL that fits */
		raw_put(sqe, 24, 8, 0);
		raw_put(sqe, 32, 4, len);
		sqe[39] = 1;
	} else if (how & 4) {
		sqe[39] = 0x5a;
		raw_put(sqe, 32, 4, sqe[33] << 8 | (sqe[34] & 1) << 16);
	}
	if (how & 8)
		sqe[1] = 0x40;
	raw_forget(a.r);
	raw_send_bytes(a.r, raw_capsule(a.r, sqe, data, len));
	if (sqe[0] == 0x0c && a.r == f->q[0]) {
		world_run_for(f->w.fx->world, WORLD_MS);
		return;
	}
	if (!world_run_while(f->w.fx->world, unanswered, &a, WORLD_SEC))
		g_error("no answer to opcode 0x%02x", sqe[0]);
	if (raw_last(a.r, R2T) == NULL)
		return;
	give_data(a.r, a.cid);
	if (!world_run_while(f->w.fx->world, unanswered, &a, WORLD_SEC))
		g_error("no answer to opcode 0x%02x after its data", sqe[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { .in = { data, MIN(len, 8192) } };
	uint16_t cntlid;
	uint8_t digests = fuzz_byte(&f.in);

	fuzz_world_init(&f.w);
	f.q[0] = raw_admin(f.w.fx, f.w.core, digests & 1, digests & 2, 0, &cntlid);
	f.q[1] = raw_io(f.w.fx, f.w.core, digests & 1, digests & 2, cntlid, 1, 31);
	while (f.in.len > 0 && !f.q[0]->closed && !f.q[1]->closed)
		command(&f);
	for (unsigned i = 0; i < 2; i++)
		raw_free(f.q[i]);
	fuzz_world_clear(&f.w);
	return 0;
}
