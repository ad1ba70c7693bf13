/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every I/O command field by field: opcode, fuse, namespace, LBA and length near
 * what matters (ends, MDTS, limits of Copy), ranges, data in the capsule or by R2T,
 * several under way on two queues, data withheld, and queues that go. Each is
 * answered or its connection ends; what is outside of the namespace changes nothing.
 */
#include <string.h>

#include "fuzz/nvme-world.h"

#define QUEUES 2
#define DEPTH 12
#define BLOCKS 2048u /* namespace 2 */

struct fuzz {
	struct fuzz_world w;
	struct fuzz_input in;
	struct raw *q[QUEUES];
	uint16_t cid[QUEUES][DEPTH];
	unsigned under_way[QUEUES];
	uint16_t next_cid;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A value of interest, most often a small one. */
static uint64_t interesting(struct fuzz *f)
{
	static const uint64_t values[] = { BLOCKS - 1, BLOCKS,	   BLOCKS - 256, 64,
					   65535,      65536,	   255,		 256,
					   UINT32_MAX, 0x80000000, UINT64_MAX,	 UINT64_MAX - 7 };
	uint8_t b = fuzz_byte(&f->in);

	return b < 200 ? b % 64 : values[b % G_N_ELEMENTS(values)];
}

static uint32_t count(struct fuzz *f)
{
	static const uint16_t counts[] = { 0, 7, 127, 128, 255, 256, 2047, 65535 };
	uint8_t b = fuzz_byte(&f->in);

	return b < 160 ? b % 8 : counts[b % G_N_ELEMENTS(counts)];
}

static uint32_t ranges(struct fuzz *f, uint8_t *data, uint32_t n, uint32_t size)
{
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *r = data + i * size;

		if (size == 16) {
			raw_put(r, 4, 4, interesting(f));
			raw_put(r, 8, 8, interesting(f));
		} else {
			raw_put(r, 8, 8, interesting(f));
			raw_put(r, 16, 2, count(f));
		}
	}
	return n * size;
}

/* Fills in what the opcode has; returns the bytes of data it takes. */
static uint32_t fields(struct fuzz *f, uint8_t *sqe, uint8_t *data)
{
	uint32_t n = fuzz_byte(&f->in) % 18, blocks;

	raw_put(sqe, 40, 8, interesting(f));
	blocks = count(f);
	raw_put(sqe, 48, 4, blocks | (uint32_t)fuzz_byte(&f->in) << 24);
	switch (sqe[0]) {
	case 0x09:
		raw_put(sqe, 40, 8, n | (uint64_t)fuzz_byte(&f->in) << 32);
		return ranges(f, data, n + 1, 16);
	case 0x19:
		raw_put(sqe, 48, 4, n | (uint32_t)(fuzz_byte(&f->in) & 0x11) << 8);
		return ranges(f, data, n + 1, 32);
	case 0x01:
	case 0x02:
	case 0x05:
		return MIN((blocks + 1) * 512, 131072u);
	default:
		return 0;
	}
}

static void send(struct fuzz *f, unsigned i, uint8_t how)
{
	static const uint8_t opcodes[] = { 0x00, 0x01, 0x02, 0x04, 0x05,
					   0x08, 0x09, 0x0c, 0x19, 0x0d };
	static uint8_t data[131072];
	uint8_t sqe[64], pick = fuzz_byte(&f->in), adjust = fuzz_byte(&f->in);
	uint8_t opcode = opcodes[pick % G_N_ELEMENTS(opcodes)];
	struct raw *r = f->q[i];
	bool capsule;
	uint32_t len;

	raw_sqe(sqe, opcode, f->next_cid, pick < 200 ? 2 : (pick & 1 ? 0xffffffff : pick), 0, 0);
	len = fields(f, sqe, data);
	if (adjust > 240)
		len = len > 16 ? len - 16 : 16; /* too short */
	else if (adjust > 220)
		len += 512; /* too long */
	capsule = (opcode & 3) == 1 && len > 0 && len <= 4096 && !(how & 1);
	raw_put(sqe, 32, 4, len);
	sqe[39] = capsule ? 0x01 : 0x5a;
	sqe[1] |= how >> 1 & 3;
	f->cid[i][f->under_way[i]++] = f->next_cid++;
	raw_send_bytes(r, raw_capsule(r, sqe, data, capsule ? len : 0));
}

/* Gives all data that was asked for, and waits for all answers. */
struct settle {
	struct fuzz *f;
	unsigned i;
};

static bool unsettled(void *arg)
{
	const struct settle *s = arg;
	struct raw *r = s->f->q[s->i];
	bool missing = false;

	if (r->closed || raw_last(r, R2T) != NULL)
		return false;
	for (unsigned k = 0; k < s->f->under_way[s->i]; k++)
		missing |= raw_response(r, s->f->cid[s->i][k]) == NULL;
	return missing;
}

static void give(struct raw *r, const uint8_t *r2t)
{
	static uint8_t data[NVMF_MAX_IO_SIZE];

	raw_send_bytes(r, raw_h2c(r, (uint16_t)raw_get(r2t, 8, 2), (uint16_t)raw_get(r2t, 10, 2), 0,
				  data, (uint32_t)raw_get(r2t, 16, 4), true));
}

/* All R2Ts that came; the answered commands are no longer under way. */
static void take(struct fuzz *f, unsigned i)
{
	struct raw *r = f->q[i];
	unsigned left = 0;

	for (unsigned k = 0; k < r->pdus->len; k++) {
		if (raw_pdu(r, k)[0] == R2T)
			give(r, raw_pdu(r, k));
	}
	for (unsigned k = 0; k < f->under_way[i]; k++) {
		if (raw_response(r, f->cid[i][k]) == NULL)
			f->cid[i][left++] = f->cid[i][k];
	}
	f->under_way[i] = left;
	raw_forget(r);
}

/* A first half has no partner yet: something must follow. */
static void settle(struct fuzz *f, unsigned i)
{
	struct settle s = { f, i };
	uint8_t sqe[64];

	raw_sqe(sqe, 0x00, f->next_cid, 2, SGL_NONE, 0);
	f->cid[i][f->under_way[i]++] = f->next_cid++;
	raw_send_bytes(f->q[i], raw_capsule(f->q[i], sqe, NULL, 0));
	while (f->under_way[i] > 0 && !f->q[i]->closed) {
		if (!world_run_while(f->w.fx->world, unsettled, &s, 10 * WORLD_SEC))
			g_error("no answer to command %u on queue %u", f->cid[i][0], i);
		take(f, i);
	}
}

static void step(struct fuzz *f)
{
	uint8_t op = fuzz_byte(&f->in);
	unsigned i = op & 1;

	if (f->q[i]->closed)
		return;
	if (op < 208) {
		if (f->under_way[i] == DEPTH - 1)
			settle(f, i);
		send(f, i, op >> 1);
	} else if (op < 236) {
		world_run_for(f->w.fx->world, WORLD_US << (op & 7));
	} else if (op < 254) {
		settle(f, i);
	} else {
		raw_abort(f->q[i]);
		f->q[i]->closed = true;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { .in = { data, MIN(len, 4096) } };
	struct raw *admin;
	uint16_t cntlid;
	uint8_t how = fuzz_byte(&f.in);

	fuzz_world_init(&f.w);
	bdev_find(f.w.fx->target->bdevs, "Malloc1")->can_place = how & 4;
	admin = raw_admin(f.w.fx, f.w.core, how & 1, how & 2, 0, &cntlid);
	for (unsigned i = 0; i < QUEUES; i++)
		f.q[i] = raw_io(f.w.fx, f.w.core, how & 1, how & 2, cntlid, (uint16_t)(i + 1), 31);
	while (f.in.len > 0)
		step(&f);
	for (unsigned i = 0; i < QUEUES; i++) {
		if (!f.q[i]->closed)
			settle(&f, i);
		raw_free(f.q[i]);
	}
	raw_free(admin);
	fuzz_world_clear(&f.w);
	return 0;
}
