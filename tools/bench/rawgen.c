/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weft-rawgen: drives one NVMe/TCP I/O queue as fast as the target answers and
 * places nothing, with the very loop of weft-probe's client, so that the two
 * programs' figures differ by what the target adds to bare sockets.
 *
 * Bytes are counted, not parsed, so each stretch of counting lies between two
 * batches that are parsed in full: the length of an answer is learned from the
 * first, and the stream must stand at a PDU boundary, with every answer's bytes
 * there and none besides, when the next begins. Checks are not in the time
 * measured. Data is not compared: that is what weft-host verify is for.
 */
#include "tools/bench/drive.h"
#include "tools/bench/rawgen.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct rawgen {
	struct rawgen_target target;
	uint32_t nsids; /* from target.nsid on */
	struct rawgen_ctrl ctrl;
	bool write, json;
	size_t size;
	unsigned qd, entries, refill, hold;
	uint64_t seconds, warmup, check_every, random;
	double rate;
	int cpu, pid, sndbuf, rcvbuf;
	size_t client_recv;

	struct drive drive;
	struct rawgen_check check;
	uint8_t *buf; /* of checked batches */
	size_t buf_len;
	uint64_t checked;
	uint64_t ops, wall, user, sys, server;
};

static const char help[] =
	"usage: weft-rawgen [OPTION]...\n"
	"Drives one NVMe/TCP queue and places nothing: how fast is the target?\n"
	"  --traddr ADDRESS   of the target (127.0.0.1)\n"
	"  --trsvcid PORT     of the target (4420)\n"
	"  --subnqn NQN       of the subsystem (needed)\n"
	"  --nsid N           namespace (1)\n"
	"  --nsids N          at random among N namespaces of the same size from it on (1)\n"
	"  --mode read|write  at random places (read)\n"
	"  --size N           bytes of a command (4096)\n"
	"  --qd N             commands outstanding (128)\n"
	"  --entries N        of the queue (128, or qd when that is more)\n"
	"  --seconds S        time measured (2)\n"
	"  --warmup S         time before it (0.2)\n"
	"  --rate N           commands a second, evenly spaced; 0: as fast as answered (0)\n"
	"  --refill N         send when N commands are free (1)\n"
	"  --client-recv N    bytes asked of a receive (4M)\n"
	"  --sndbuf N, --rcvbuf N  socket buffers; 0: the kernel's autotuning\n"
	"                       (0; write: 1M)\n"
	"  --check-every N    completions between batches that are parsed in full (64k)\n"
	"  --cpu N            core to run on; -1: any (1)\n"
	"  --pid N            report the CPU that this process (the target) uses meanwhile\n"
	"  --hold N           only connect N queues, say 'ready', keep them till the end of stdin\n"
	"  --json             one JSON object instead of a line\n"
	"  --help             this text\n";

static const struct option options[] = {
	{ "traddr", 1, NULL, 'a' },
	{ "trsvcid", 1, NULL, 'p' },
	{ "subnqn", 1, NULL, 'n' },
	{ "nsid", 1, NULL, 'N' },
	{ "nsids", 1, NULL, 'U' },
	{ "mode", 1, NULL, 'm' },
	{ "size", 1, NULL, 's' },
	{ "qd", 1, NULL, 'q' },
	{ "entries", 1, NULL, 'E' },
	{ "seconds", 1, NULL, 't' },
	{ "warmup", 1, NULL, 'w' },
	{ "rate", 1, NULL, 'r' },
	{ "refill", 1, NULL, 'i' },
	{ "client-recv", 1, NULL, 'C' },
	{ "check-every", 1, NULL, 'k' },
	{ "cpu", 1, NULL, 'c' },
	{ "pid", 1, NULL, 'P' },
	{ "hold", 1, NULL, 'H' },
	{ "json", 0, NULL, 'j' },
	{ "sndbuf", 1, NULL, 'S' },
	{ "rcvbuf", 1, NULL, 'R' },
	{ "help", 0, NULL, 'h' },
	{ 0 },
};

static void parse_more(struct rawgen *g, int c, const char *arg)
{
	switch (c) {
	case 't':
		g->seconds = bench_seconds("seconds", arg);
		break;
	case 'w':
		g->warmup = bench_seconds("warmup", arg);
		break;
	case 'r':
		g->rate = (double)bench_size("rate", arg, 0, 1000000000);
		break;
	case 'i':
		g->refill = (unsigned)bench_size("refill", arg, 1, 1024);
		break;
	case 'C':
		g->client_recv = bench_size("client-recv", arg, 1, 1 << 30);
		break;
	case 'k':
		g->check_every = bench_size("check-every", arg, 1, UINT64_MAX / 2);
		break;
	case 'c':
		g->cpu = strcmp(arg, "-1") ? (int)bench_size("cpu", arg, 0, 1023) : -1;
		break;
	case 'S':
		g->sndbuf = (int)bench_size("sndbuf", arg, 0, 1 << 30);
		break;
	case 'R':
		g->rcvbuf = (int)bench_size("rcvbuf", arg, 0, 1 << 30);
		break;
	case 'P':
		g->pid = (int)bench_size("pid", arg, 1, INT32_MAX);
		break;
	case 'H':
		g->hold = (unsigned)bench_size("hold", arg, 1, 65535);
		break;
	case 'j':
		g->json = true;
		break;
	case 'h':
		fputs(help, stdout);
		exit(0);
	default:
		fputs(help, stderr);
		exit(2);
	}
}

static void parse_one(struct rawgen *g, int c, const char *arg)
{
	switch (c) {
	case 'a':
		g->target.traddr = arg;
		break;
	case 'p':
		g->target.trsvcid = arg;
		break;
	case 'n':
		g->target.subnqn = arg;
		break;
	case 'N':
		g->target.nsid = (uint32_t)bench_size("nsid", arg, 1, NVME_NSID_ALL - 1);
		break;
	case 'U':
		g->nsids = (uint32_t)bench_size("nsids", arg, 1, 65535);
		break;
	case 'm':
		g->write = !strcmp(arg, "write");
		if (!g->write && strcmp(arg, "read"))
			bench_die("--mode is read or write, not '%s'", arg);
		break;
	case 's':
		g->size = bench_size("size", arg, 512, 16 << 20);
		break;
	case 'q':
		g->qd = (unsigned)bench_size("qd", arg, 1, 1024);
		break;
	case 'E':
		g->entries = (unsigned)bench_size("entries", arg, 2, 65535);
		break;
	default:
		parse_more(g, c, arg);
	}
}

static void parse(struct rawgen *g, int argc, char **argv)
{
	int c;

	*g = (struct rawgen){ .target = { .traddr = "127.0.0.1", .trsvcid = "4420", .nsid = 1 },
			      .nsids = 1,
			      .size = 4096,
			      .qd = 128,
			      .refill = 1,
			      .seconds = 2 * BENCH_NS,
			      .warmup = BENCH_NS / 5,
			      .check_every = 65536,
			      .cpu = 1,
			      .sndbuf = -1,
			      .rcvbuf = -1,
			      .client_recv = 4 << 20,
			      .random = 0x9e3779b97f4a7c15 };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		parse_one(g, c, optarg);
	if (optind < argc)
		bench_die("'%s' is not understood; see --help", argv[optind]);
	if (!g->target.subnqn)
		bench_die("--subnqn is needed");
	if (g->refill > g->qd)
		g->refill = g->qd;
	/* As weft-probe has it. */
	if (g->sndbuf < 0)
		g->sndbuf = g->write ? 1 << 20 : 0;
	if (g->rcvbuf < 0)
		g->rcvbuf = g->write ? 1 << 20 : 0;
	if (!g->entries)
		g->entries = g->qd > 128 ? g->qd : 128;
}

static void fill(struct drive *d, uint64_t k, uint8_t *slot)
{
	struct rawgen *g = d->arg;
	struct nvme_cmd *sqe = (struct nvme_cmd *)(slot + sizeof(struct nvme_tcp_hdr));
	uint32_t nlb = sqe->cdw12 + 1;

	/* xorshift64, then scaled to the number of places. */
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	uint64_t lba =
		(uint64_t)((unsigned __int128)g->random * (g->ctrl.blocks / nlb) >> 64) * nlb;

	if (g->nsids > 1)
		sqe->nsid = g->target.nsid + (uint32_t)((g->random & 0xffffffff) * g->nsids >> 32);
	sqe->cid = (uint16_t)(k % RAWGEN_CIDS);
	sqe->cdw10 = (uint32_t)lba;
	sqe->cdw11 = (uint32_t)(lba >> 32);
}

/* The commands as they lie in the ring; fill() changes identifier and place. */
static void template(struct rawgen *g, size_t data_offset)
{
	struct nvme_tcp_capsule_cmd pdu = {
		.hdr = { .type = NVME_TCP_CAPSULE_CMD,
			 .hlen = sizeof(pdu),
			 .pdo = g->write ? (uint8_t)data_offset : 0,
			 .plen = (uint32_t)g->drive.req_len },
		.sqe = { .opcode = g->write ? NVME_CMD_WRITE : NVME_CMD_READ,
			 .flags = NVME_CMD_PSDT_SGL,
			 .nsid = g->target.nsid,
			 .sgl = { .type = g->write ? NVME_SGL_OFFSET : NVME_SGL_TRANSPORT,
				  .length = (uint32_t)g->size },
			 .cdw12 = (uint32_t)(g->size / g->ctrl.block_size - 1) },
	};

	for (unsigned i = 0; i < g->qd; i++) {
		uint8_t *slot = g->drive.ring + i * g->drive.req_len;

		if (g->write)
			memset(slot + data_offset, (int)i + 1, g->size);
		memcpy(slot, &pdu, sizeof(pdu));
	}
}

static void prepare(struct rawgen *g)
{
	unsigned align = (g->ctrl.cpda + 1u) * 4;
	size_t offset = (sizeof(struct nvme_tcp_capsule_cmd) + align - 1) / align * align;
	struct drive *d = &g->drive;

	if (g->size % g->ctrl.block_size || g->size > g->ctrl.mdts ||
	    g->size / g->ctrl.block_size > g->ctrl.blocks || g->size / g->ctrl.block_size > 65536)
		bench_die("--size %zu does not fit %llu blocks of %u bytes, transfers of up to %zu",
			  g->size, (unsigned long long)g->ctrl.blocks, g->ctrl.block_size,
			  g->ctrl.mdts);
	if (g->write && g->size > g->ctrl.in_capsule)
		bench_die("writes of %zu bytes do not fit in the command (%zu)", g->size,
			  g->ctrl.in_capsule);
	*d = (struct drive){ .qd = g->qd,
			     .refill = g->refill,
			     .recv_len = g->client_recv,
			     .req_len = g->write ? offset + g->size
						 : sizeof(struct nvme_tcp_capsule_cmd),
			     .interval = g->rate ? (uint64_t)(1e9 / g->rate) : 0,
			     .fill = fill,
			     .arg = g,
			     .limit = UINT64_MAX };
	d->fd = rawgen_queue_open(&g->ctrl, &g->target, 1, g->entries);
	bench_tune(d->fd, g->sndbuf, g->rcvbuf);
	if (fcntl(d->fd, F_SETFL, O_NONBLOCK))
		bench_die("fcntl: %s", strerror(errno));
	drive_init(d);
	template(g, offset);
	g->check = (struct rawgen_check){ .size = g->size, .write = g->write };
	g->check.slot = bench_alloc(g->qd * sizeof(g->check.slot[0]));
	/* Data, and a header for each 512 bytes of it at worst, and one of the largest PDUs over.
	 */
	g->buf_len = g->qd * (g->size + g->size / 512 * 24 + 24) + g->size + 255;
	g->buf = bench_alloc(g->buf_len);
}

/* Sends qd commands with the pipeline empty and parses every answer. */
static void checked_batch(struct rawgen *g)
{
	struct rawgen_check *c = &g->check;
	struct drive *d = &g->drive;
	size_t have = 0, at = 0, wire;
	uint64_t start = bench_now();

	rawgen_check_begin(c, d->issued, g->qd);
	if (!drive_issue(d, g->qd))
		bench_die("%s", d->error);
	while (c->done < c->n) {
		ssize_t n = recv(d->fd, g->buf + have, g->buf_len - have, MSG_DONTWAIT);

		if (n == 0 || have == g->buf_len)
			bench_die(n ? "too many bytes in a checked batch"
				    : "the target closed the connection");
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			bench_die("recv: %s", strerror(errno));
		if (n < 0 && bench_now() > start + 5 * BENCH_NS)
			bench_die("no answer for 5 seconds");
		have += n > 0 ? (size_t)n : 0;
		ptrdiff_t used = rawgen_check_feed(c, g->buf + at, have - at);

		if (used < 0)
			bench_die("wrong answer: %s", c->error);
		at += (size_t)used;
	}
	wire = rawgen_check_end(c);
	if (!wire || at != have)
		bench_die("wrong answer: %s", wire ? "bytes behind the last one" : c->error);
	if (d->resp_len && d->resp_len != wire)
		bench_die("answers of %zu bytes, which were %zu before", wire, d->resp_len);
	d->resp_len = wire;
	drive_skip(d, g->qd);
	g->checked += g->qd;
}

/* Runs for a time, between checked batches; the time and commands between them count. */
static void run(struct rawgen *g, uint64_t duration)
{
	struct drive *d = &g->drive;

	for (g->wall = g->ops = 0; g->wall < duration;) {
		uint64_t start = bench_now(), done = d->done;

		d->limit = done + g->check_every;
		if (!drive_run(d, start + duration - g->wall))
			bench_die("%s", d->error);
		g->wall += bench_now() - start;
		g->ops += d->done - done;
		if (!drive_drain(d))
			bench_die("%s", d->error);
		checked_batch(g);
	}
}

static void measure(struct rawgen *g)
{
	uint64_t user, sys, server, start;

	checked_batch(g);
	run(g, g->warmup);
	drive_reset_figures(&g->drive);
	bench_cpu_self(&user, &sys);
	server = g->pid ? bench_cpu_of(g->pid) : 0;
	start = bench_now();
	run(g, g->seconds);
	double wall = (double)(bench_now() - start);

	bench_cpu_self(&g->user, &g->sys);
	g->user = (uint64_t)((double)(g->user - user) / wall * 1e6);
	g->sys = (uint64_t)((double)(g->sys - sys) / wall * 1e6);
	if (g->pid)
		g->server = (uint64_t)((double)(bench_cpu_of(g->pid) - server) / wall * 1e6);
}

static void print_result(const struct rawgen *g)
{
	const struct drive *d = &g->drive;
	double sec = (double)g->wall / 1e9, iops = sec > 0 ? (double)g->ops / sec : 0;

	printf(g->json ? "{\"tool\": \"weft-rawgen\", \"mode\": \"%s\", \"size\": %zu, \"qd\": %u, "
			 "\"rate\": %.0f, \"seconds\": %.3f, \"iops\": %.0f, \"mbps\": %.1f, "
			 "\"p50_us\": %.2f, \"p99_us\": %.2f, \"mean_us\": %.2f, \"client_cpu\": "
			 "%.3f, "
			 "\"server_cpu\": %.3f, \"answer_bytes\": %zu, \"success_flag\": %s, "
			 "\"checked\": %llu, \"late\": %llu, \"batch\": %.2f, \"entries\": %u}\n"
		       : "%s, %zu bytes, qd %u, rate %.0f, %.1f s: %.0f IOPS, %.1f MB/s, p50 %.2f "
			 "us, "
			 "p99 %.2f us, mean %.2f us; CPU client %.2f, server %.2f; answers of %zu "
			 "bytes, "
			 "success flag %s, %llu parsed in full, %llu times late, %.1f commands a "
			 "send, "
			 "%u entries\n",
	       g->write ? "write" : "read", g->size, g->qd, g->rate, sec, iops,
	       iops * (double)g->size / 1e6, (double)bench_hist_quantile(&d->hist, 0.5) / 1e3,
	       (double)bench_hist_quantile(&d->hist, 0.99) / 1e3,
	       d->hist.count ? (double)d->hist.sum / (double)d->hist.count / 1e3 : 0,
	       (double)(g->user + g->sys) / 1e6, (double)g->server / 1e6, d->resp_len,
	       g->check.successes ? "true" : "false", (unsigned long long)g->checked,
	       (unsigned long long)d->late, d->sends ? (double)d->hist.count / (double)d->sends : 0,
	       g->entries);
}

/* Connects many queues, over as many controllers as that takes, and leaves them idle. */
static void hold(struct rawgen *g)
{
	unsigned n = 0, ctrls = 0;
	char c;

	while (n < g->hold) {
		rawgen_ctrl_open(&g->ctrl, &g->target, g->hold - n);
		ctrls++;
		for (uint16_t qid = 1; qid <= g->ctrl.queues; qid++, n++)
			rawgen_queue_open(&g->ctrl, &g->target, qid, g->entries);
	}
	printf("ready %u %u\n", n, ctrls);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	static struct rawgen g;

	parse(&g, argc, argv);
	if (g.hold) {
		hold(&g);
		return 0;
	}
	bench_pin(g.cpu);
	rawgen_ctrl_open(&g.ctrl, &g.target, 1);
	prepare(&g);
	measure(&g);
	print_result(&g);
	drive_fini(&g.drive);
	munmap(g.buf, g.buf_len);
	munmap(g.check.slot, g.qd * sizeof(g.check.slot[0]));
	close(g.drive.fd);
	close(g.ctrl.fd);
	return 0;
}
