/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A discovery service that says anything: the host reads its log in pieces while
 * records, generation and number of records change under it, or reads fail.
 * Whatever comes: one end, no more records than the last header gave, of one
 * generation, the very bytes that were sent, and text that can be printed.
 *
 * Input: first the log (1 byte: how many records; then for each: length, bytes
 * that are repeated over the record), then a byte for each read: 0 as it is,
 * 1 the generation moves, 2 another number of records, 3 an error status,
 * 4 a huge number of records, 5 the first record changes and the generation
 * does, 6 the connection ends.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/nvme-world.h"
#include "tests/unit/host/fixture.h"
#include "tools/weft-host/app.h"

#define RECORDS 256

struct fuzz {
	struct fix fix;
	struct fuzz_input in;
	struct nvme_discovery_log header;
	struct nvme_discovery_entry entries[RECORDS];
	unsigned done;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void fill_record(struct fuzz *f, struct nvme_discovery_entry *e)
{
	uint8_t pattern[255], n = fuzz_byte(&f->in);

	fuzz_bytes(&f->in, pattern, n);
	for (size_t i = 0; n > 0 && i < sizeof(*e); i++)
		((uint8_t *)e)[i] = pattern[i % n];
}

static void send_part(struct fuzz *f, struct conn *c, const struct nvme_cmd *cmd)
{
	uint32_t len = ((cmd->cdw10 >> 16) + 1) * 4;
	uint64_t off = cmd->cdw12 | (uint64_t)cmd->cdw13 << 32;
	uint8_t *part = g_malloc0(len);
	const uint8_t *log = (const uint8_t *)&f->header;
	const uint64_t size = sizeof(f->header) + sizeof(f->entries);

	/* Header and records lie behind each other. */
	if (off < size)
		memcpy(part, log + off, MIN(len, size - off));
	conn_data(c, cmd->cid, 0, part, len, NVME_TCP_LAST_PDU);
	conn_resp(c, cmd->cid, NVME_SUCCESS, 0);
	g_free(part);
}

/* Not in the hook: the connection that called it ends too. */
static void end_connection(void *arg)
{
	resp_crash(&((struct fuzz *)arg)->fix.resp);
}

static bool hook(struct resp *r, struct conn *c, const struct nvme_cmd *cmd, void *arg)
{
	struct fuzz *f = arg;

	(void)r;
	if (cmd->opcode != NVME_ADMIN_GET_LOG_PAGE || c->qid != 0)
		return false;
	switch (fuzz_byte(&f->in)) {
	case 1:
		f->header.genctr++;
		break;
	case 2:
		f->header.numrec = fuzz_byte(&f->in);
		f->header.genctr++;
		break;
	case 3:
		conn_resp(c, cmd->cid, (uint16_t)(fuzz_byte(&f->in) | 1), 0);
		return true;
	case 4:
		fuzz_bytes(&f->in, &f->header.numrec, sizeof(f->header.numrec));
		break;
	case 5:
		fill_record(f, &f->entries[0]);
		f->header.genctr++;
		break;
	case 6:
		world_at(f->fix.world, world_now(f->fix.world), end_connection, f);
		return true;
	default:
		break;
	}
	send_part(f, c, cmd);
	return true;
}

static void discovered(const struct nvme_discovery_entry *entries, unsigned n, uint64_t genctr,
		       const GError *error, void *arg)
{
	struct fuzz *f = arg;
	g_autofree char *text = NULL;

	f->done++;
	if (error != NULL) {
		g_assert_null(entries);
		g_assert_cmpuint(n, ==, 0);
		return;
	}
	g_assert_cmpuint(n, <=, HOST_DISCOVERY_MAX);
	g_assert_cmpuint(n, ==, f->header.numrec);
	g_assert_cmpuint(genctr, ==, f->header.genctr);
	/* Records of this generation, as far as there were any. */
	g_assert_cmpmem(entries, MIN(n, RECORDS) * sizeof(*entries), f->entries,
			MIN(n, RECORDS) * sizeof(*entries));
	text = discover_text(entries, n, genctr);
	for (const char *p = text; *p; p++)
		g_assert_true(*p == '\n' || (*p >= ' ' && *p < 0x7f));
}

/* g_error() ends in SIGTRAP, of which libFuzzer does not know. */
static void trapped(int signal_number)
{
	(void)signal_number;
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	g_autofree struct fuzz *f = g_new0(struct fuzz, 1);

	signal(SIGTRAP, trapped);
	fix_up(&f->fix, 1, 1);
	f->in = (struct fuzz_input){ data, MIN(len, 65536) };
	f->fix.resp.hook = hook;
	f->fix.resp.arg = f;
	f->header.genctr = 1;
	f->header.numrec = fuzz_byte(&f->in);
	for (unsigned i = 0; i < f->header.numrec && f->in.len > 0; i++)
		fill_record(f, &f->entries[i]);
	g_assert_true(host_discover(core_main(f->fix.hcore), &f->fix.params, discovered, f, NULL));
	g_assert_true(fix_wait(&f->fix, &f->done, 1));
	world_run_for(f->fix.world, WORLD_SEC);
	g_assert_cmpuint(f->done, ==, 1);
	fix_down(&f->fix);
	return 0;
}
