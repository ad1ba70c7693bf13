/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Admin commands and properties field by field: each input byte chooses a value of
 * a field, mostly from those at a boundary, so that few commands are refused for
 * what is before the field in question. Each command is answered (AERs when there
 * is something to tell), with as much data as was asked for, and an error has at
 * most one entry in the error log.
 */
#include <string.h>

#include "fuzz/nvme-world.h"

#define MAX_COMMANDS 64
#define NSID 2 /* of fuzz_world_init() */

struct fuzz {
	struct fuzz_world w;
	struct fuzz_input in;
	struct raw *admin, *io;
	uint16_t cid;
	bool enabled;
	bool counted;	 /* errors is what the log says */
	uint64_t errors; /* count in the newest entry of the log */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t opcodes[] = { 0x02, 0x06, 0x08, 0x09, 0x0a, 0x0c, 0x18 };
static const uint32_t nsids[] = { 0,	1,    NSID,	  3,	      32,	 33,
				  1024, 1025, 0xfffffffd, 0xfffffffe, 0xffffffff };
static const uint32_t lengths[] = { 0, 4, 16, 511, 512, 4092, 4096, 8192, 131072, 131076 };
static const uint32_t words[] = { 0,	   1,	   2,	       3,	   4,	       5,
				  7,	   0x1f,   0x7f,       0x80,	   0xff,       0x100,
				  0x1ff,   0x200,  0xfff,      0x1000,	   0x7fff,     0x8000,
				  0xfffe,  0xffff, 0x10000,    0x7ffff,	   0x800000,   0x1000000,
				  1 << 20, 127,	   0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff };

/* One of the values, or (rarely) any. */
static uint32_t choose(struct fuzz *f, const uint32_t *values, unsigned n)
{
	uint8_t b = fuzz_byte(&f->in);
	uint32_t any;

	if (b != 0xff)
		return values[b % n];
	fuzz_bytes(&f->in, &any, sizeof(any));
	return any;
}

struct answer {
	struct raw *r;
	uint16_t cid;
};

/* Data with the success flag is an answer, too. */
static bool unanswered(void *arg)
{
	const struct answer *a = arg;

	for (unsigned i = 0; i < a->r->pdus->len; i++) {
		const uint8_t *p = raw_pdu(a->r, i);

		if (p[0] == C2HDATA && raw_get(p, 8, 2) == a->cid && (p[1] & 0x08))
			return false;
	}
	return !a->r->closed && raw_response(a->r, a->cid) == NULL;
}

/* The status; 0xffff: the connection has ended. */
static uint16_t await(struct fuzz *f, const uint8_t *sqe)
{
	struct answer a = { f->admin, (uint16_t)raw_get(sqe, 2, 2) };
	const uint8_t *p;

	if (!world_run_while(f->w.fx->world, unanswered, &a, WORLD_SEC))
		g_error("no answer to opcode 0x%02x", sqe[0]);
	if (f->admin->closed)
		return 0xffff;
	p = raw_response(f->admin, a.cid);
	return p != NULL ? (uint16_t)(raw_get(p, 8 + 14, 2) >> 1) : 0;
}

static void check_length(struct fuzz *f, const uint8_t *sqe, uint32_t room)
{
	uint32_t want = sqe[0] == 0x06 ? 4096 : 0, got = 0;

	if (sqe[0] == 0x02)
		want = (uint32_t)(raw_get(sqe, 42, 2) | raw_get(sqe, 44, 2) << 16) * 4 + 4;
	for (unsigned i = 0; i < f->admin->pdus->len; i++) {
		const uint8_t *p = raw_pdu(f->admin, i);

		if (p[0] == C2HDATA)
			got += (uint32_t)raw_get(p, 16, 4);
	}
	if (got > room || (want != 0 && got != want))
		g_error("opcode 0x%02x: %u bytes came, %u asked for, room for %u", sqe[0], got,
			want, room);
}

/* An error that has an entry has exactly one, and that of this command. */
static void check_log(struct fuzz *f, const uint8_t *sqe, uint16_t status)
{
	uint8_t get[64];
	const uint8_t *e;
	uint64_t count;

	raw_sqe(get, 0x02, 0xfff0, 0xffffffff, SGL_TRANSPORT, 64);
	raw_put(get, 40, 4, 0x01 | 0x8000 | 15u << 16);
	raw_forget(f->admin);
	raw_send_bytes(f->admin, raw_capsule(f->admin, get, NULL, 0));
	if (await(f, get) != 0)
		g_error("the error log is not to be had");
	e = raw_last(f->admin, C2HDATA);
	e += e[3]; /* PDO */
	count = raw_get(e, 0, 8);
	if (f->counted && count != f->errors &&
	    (count != f->errors + 1 || status == 0 || raw_get(e, 12, 2) >> 1 != status ||
	     raw_get(e, 10, 2) != raw_get(sqe, 2, 2)))
		g_error("error %u behind %u, status %03x", (unsigned)count, (unsigned)f->errors,
			status);
	f->errors = count;
	f->counted = true;
}

static void command(struct fuzz *f, uint8_t how)
{
	uint32_t len = choose(f, lengths, G_N_ELEMENTS(lengths));
	uint8_t sqe[64], opcode = opcodes[how % G_N_ELEMENTS(opcodes)];
	uint16_t status;

	if (how & 0x80)
		opcode = fuzz_byte(&f->in);
	if (opcode == 0x7f || ((opcode & 3) == 1 && len > 8192))
		return;
	f->cid = (uint16_t)((f->cid + 1) & 0x7fff);
	raw_sqe(sqe, opcode, f->cid, choose(f, nsids, G_N_ELEMENTS(nsids)),
		len == 0	    ? SGL_NONE
		: (opcode & 3) == 1 ? SGL_INCAPSULE
				    : SGL_TRANSPORT,
		len);
	for (unsigned at = 40; at < 64; at += 4)
		raw_put(sqe, at, 4, choose(f, words, G_N_ELEMENTS(words)));
	/* Which page, data structure or feature: any of the first ones. */
	sqe[40] = fuzz_byte(&f->in);
	raw_forget(f->admin);
	if ((opcode & 3) == 1 && len > 0) {
		g_autofree uint8_t *data = g_malloc0(len);

		fuzz_bytes(&f->in, data, MIN(len, 16));
		raw_send_bytes(f->admin, raw_capsule(f->admin, sqe, data, len));
	} else {
		raw_send_bytes(f->admin, raw_capsule(f->admin, sqe, NULL, 0));
	}
	if (opcode == 0x0c) {
		world_run_for(f->w.fx->world, WORLD_MS);
		f->counted = false; /* refused, or not: seen by the next */
		return;
	}
	status = await(f, sqe);
	if (status == 0)
		check_length(f, sqe, len);
	if (f->admin->closed || !f->enabled)
		return;
	check_log(f, sqe, status);
}

/* CC, CSTS, NSSR and what is not there, in both sizes. */
static void property(struct fuzz *f, uint8_t how)
{
	static const uint32_t offsets[] = { 0x00, 0x08, 0x14, 0x1c, 0x20, 0x68, 0x04, 0x1000 };
	static const uint32_t values[] = { 0,	     0x460000, 0x460001, 0x464001,
					   0x468001, 0x460081, 0x10,	 0x4e564d65 };
	uint32_t offset = offsets[fuzz_byte(&f->in) % G_N_ELEMENTS(offsets)];
	uint32_t value = choose(f, values, G_N_ELEMENTS(values));
	uint8_t sqe[64];

	f->cid = (uint16_t)((f->cid + 1) & 0x7fff);
	raw_prop(sqe, how & 1, f->cid, offset, how & 2 ? 8 : 4, value);
	raw_forget(f->admin);
	raw_send_bytes(f->admin, raw_capsule(f->admin, sqe, NULL, 0));
	await(f, sqe);
	if ((how & 1) && offset == 0x14)
		f->enabled = false; /* nobody knows */
	f->counted = false;
}

static void enable(struct fuzz *f)
{
	static const uint32_t steps[] = { 0x460000, 0x460001 };
	uint8_t sqe[64];

	for (unsigned i = 0; i < G_N_ELEMENTS(steps) && !f->admin->closed; i++) {
		raw_prop(sqe, true, (uint16_t)(0x7ff0 + i), 0x14, 4, steps[i]);
		raw_forget(f->admin);
		raw_send_bytes(f->admin, raw_capsule(f->admin, sqe, NULL, 0));
		await(f, sqe);
		world_run_for(f->w.fx->world, WORLD_MS);
	}
	f->enabled = true;
}

static void step(struct fuzz *f)
{
	uint8_t how = fuzz_byte(&f->in);

	if ((how & 0x70) == 0x10) {
		property(f, how);
	} else if ((how & 0x70) == 0x20) {
		enable(f);
	} else if ((how & 0x70) == 0x30) {
		struct bdev *b = bdev_find(f->w.fx->target->bdevs, "Malloc1");

		bdev_resize(b, how & 1 ? b->num_blocks + 8 : MAX(b->num_blocks - 8, 64), NULL);
		world_run_for(f->w.fx->world, WORLD_MS);
	} else {
		command(f, how);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz f = { .in = { data, MIN(len, 4096) }, .enabled = true };
	uint16_t cntlid;
	uint8_t options = fuzz_byte(&f.in);

	fuzz_world_init(&f.w);
	f.admin = raw_admin(f.w.fx, f.w.core, options & 1, options & 2, 0, &cntlid);
	f.io = raw_io(f.w.fx, f.w.core, options & 1, options & 2, cntlid, 1, 31);
	for (unsigned i = 0; i < MAX_COMMANDS && f.in.len > 0 && !f.admin->closed; i++)
		step(&f);
	raw_free(f.admin);
	raw_free(f.io);
	fuzz_world_clear(&f.w);
	return 0;
}
