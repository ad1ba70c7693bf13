/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * weft-probe: how fast bare sockets answer requests of NVMe/TCP's sizes on one
 * loopback connection. A server process and this client are pinned to a core
 * each and spin; the client places nothing. It is the limit that weft is
 * measured against, so its defaults are the best that were found; README.md in
 * this folder has the trials.
 */
#include "tools/bench/drive.h"
#include "tools/bench/probe-server.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define REQ_HDR 72

struct probe_opts {
	bool write, json;
	size_t size;
	unsigned qd, refill;
	uint64_t seconds, warmup;
	int server_cpu, client_cpu, sndbuf, rcvbuf;
	size_t client_recv;
	struct probe_server server;
};

static const char *const engines[] = { "direct", "epoll", "uring-poll", "uring-ops" };

static const char help[] =
	"usage: weft-probe [OPTION]...\n"
	"The limit of bare sockets on one loopback connection, in NVMe/TCP's sizes.\n"
	"  --mode read|write    72-byte requests and 24+SIZE-byte answers, or 72+SIZE and 24 "
	"(read)\n"
	"  --size N             data bytes of a request (4096)\n"
	"  --qd N               requests outstanding (128)\n"
	"  --seconds S          time measured (2)\n"
	"  --warmup S           time before it (0.2)\n"
	"  --cpus SERVER,CLIENT cores; -1: not pinned (0,1)\n"
	"  --json               one JSON object instead of a line\n"
	"How the server works:\n"
	"  --engine NAME        direct, epoll, uring-poll or uring-ops (direct)\n"
	"  --max-batch N        answers a send (512)\n"
	"  --piece N            bytes a send (640k)\n"
	"  --region N           bytes of memory that read data comes from (SIZE)\n"
	"  --flat               header and data side by side in memory: no gathering\n"
	"  --recv N             bytes asked of a receive (64k)\n"
	"How both ends work:\n"
	"  --sndbuf N, --rcvbuf N  socket buffers; 0: the kernel's autotuning\n"
	"                       (0; write: 1M)\n"
	"  --quickack           ask for it after each receive\n"
	"How the client works:\n"
	"  --refill N           send when N requests are free (1)\n"
	"  --client-recv N      bytes asked of a receive (4M)\n"
	"  --help               this text\n";

static const struct option options[] = {
	{ "mode", 1, NULL, 'm' },      { "size", 1, NULL, 's' },
	{ "qd", 1, NULL, 'q' },	       { "seconds", 1, NULL, 't' },
	{ "warmup", 1, NULL, 'w' },    { "cpus", 1, NULL, 'c' },
	{ "json", 0, NULL, 'j' },      { "engine", 1, NULL, 'e' },
	{ "max-batch", 1, NULL, 'b' }, { "piece", 1, NULL, 'p' },
	{ "region", 1, NULL, 'r' },    { "flat", 0, NULL, 'f' },
	{ "recv", 1, NULL, 'v' },      { "sndbuf", 1, NULL, 'S' },
	{ "rcvbuf", 1, NULL, 'R' },    { "quickack", 0, NULL, 'k' },
	{ "refill", 1, NULL, 'i' },    { "client-recv", 1, NULL, 'C' },
	{ "help", 0, NULL, 'h' },      { 0 },
};

static void parse_server(struct probe_opts *o, int c, const char *arg)
{
	struct probe_server *s = &o->server;

	switch (c) {
	case 'e':
		for (s->engine = 0; strcmp(engines[s->engine], arg); s->engine++) {
			if (s->engine == PROBE_URING_OPS)
				bench_die("--engine is direct, epoll, uring-poll or uring-ops, not "
					  "'%s'",
					  arg);
		}
		break;
	case 'b':
		s->max_batch = (unsigned)bench_size("max-batch", arg, 1, 1 << 20);
		break;
	case 'p':
		s->piece = bench_size("piece", arg, 1, 1 << 30);
		break;
	case 'r':
		s->region = bench_size("region", arg, 1, 1 << 30);
		break;
	case 'f':
		s->flat = true;
		break;
	case 'v':
		s->recv_len = bench_size("recv", arg, 1, 1 << 30);
		break;
	case 'k':
		s->quickack = true;
		break;
	default:
		fputs(help, stderr);
		exit(2);
	}
}

static void parse_one(struct probe_opts *o, int c, const char *arg)
{
	switch (c) {
	case 'm':
		o->write = !strcmp(arg, "write");
		if (!o->write && strcmp(arg, "read"))
			bench_die("--mode is read or write, not '%s'", arg);
		break;
	case 's':
		o->size = bench_size("size", arg, 1, 16 << 20);
		break;
	case 'q':
		o->qd = (unsigned)bench_size("qd", arg, 1, 65535);
		break;
	case 't':
		o->seconds = bench_seconds("seconds", arg);
		break;
	case 'w':
		o->warmup = bench_seconds("warmup", arg);
		break;
	case 'c':
		if (sscanf(arg, "%d,%d", &o->server_cpu, &o->client_cpu) != 2)
			bench_die("--cpus takes SERVER,CLIENT, not '%s'", arg);
		break;
	case 'j':
		o->json = true;
		break;
	case 'S':
		o->sndbuf = (int)bench_size("sndbuf", arg, 0, 1 << 30);
		break;
	case 'R':
		o->rcvbuf = (int)bench_size("rcvbuf", arg, 0, 1 << 30);
		break;
	case 'i':
		o->refill = (unsigned)bench_size("refill", arg, 1, 65535);
		break;
	case 'C':
		o->client_recv = bench_size("client-recv", arg, 1, 1 << 30);
		break;
	case 'h':
		fputs(help, stdout);
		exit(0);
	default:
		parse_server(o, c, arg);
	}
}

static void parse(struct probe_opts *o, int argc, char **argv)
{
	int c;

	*o = (struct probe_opts){ .size = 4096,
				  .qd = 128,
				  .refill = 1,
				  .seconds = 2 * BENCH_NS,
				  .warmup = BENCH_NS / 5,
				  .client_cpu = 1,
				  .sndbuf = -1,
				  .rcvbuf = -1,
				  .client_recv = 4 << 20 };
	o->server.max_batch = 512;
	o->server.piece = 640 << 10;
	o->server.recv_len = 64 << 10;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		parse_one(o, c, optarg);
	if (optind < argc)
		bench_die("'%s' is not understood; see --help", argv[optind]);
	if (o->refill > o->qd)
		o->refill = o->qd;
	/* Left to autotuning, writes settle at either of two speeds, one half of the other. */
	if (o->sndbuf < 0)
		o->sndbuf = o->write ? 1 << 20 : 0;
	if (o->rcvbuf < 0)
		o->rcvbuf = o->write ? 1 << 20 : 0;
	o->server.req_len = REQ_HDR + (o->write ? o->size : 0);
	o->server.data_len = o->write ? 0 : o->size;
	if (o->write)
		o->server.flat = false;
	if (o->server.region < o->size)
		o->server.region = o->size;
	o->server.region -= o->server.region % o->size;
}

static int probe_listen(struct sockaddr_in *sa)
{
	socklen_t len = sizeof(*sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*sa = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	if (fd < 0 || bind(fd, (struct sockaddr *)sa, len) || listen(fd, 1) ||
	    getsockname(fd, (struct sockaddr *)sa, &len))
		bench_die("cannot listen: %s", strerror(errno));
	return fd;
}

static void probe_child(struct probe_opts *o, int lfd, struct probe_server_stats *stats)
{
	bench_pin(o->server_cpu);
	o->server.fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (o->server.fd < 0)
		bench_die("accept: %s", strerror(errno));
	bench_tune(o->server.fd, o->sndbuf, o->rcvbuf);
	probe_serve(&o->server, stats);
	_exit(0);
}

/* The requests never change: they were laid out once. */
static void probe_fill(struct drive *d, uint64_t k, uint8_t *slot)
{
	(void)d;
	(void)k;
	(void)slot;
}

struct result {
	uint64_t ops, wall, user, sys;
};

static void print_result(const struct probe_opts *o, const struct drive *d, const struct result *r,
			 const struct probe_server_stats *st)
{
	double sec = (double)r->wall / 1e9, iops = (double)r->ops / sec;
	double swall = (double)st->wall, cwall = (double)r->wall;

	printf(o->json ? "{\"tool\": \"weft-probe\", \"mode\": \"%s\", \"engine\": \"%s\", "
			 "\"size\": %zu, "
			 "\"qd\": %u, \"seconds\": %.3f, \"iops\": %.0f, \"mbps\": %.1f, "
			 "\"p50_us\": %.2f, "
			 "\"p99_us\": %.2f, \"mean_us\": %.2f, \"client_cpu\": %.3f, "
			 "\"server_user\": %.3f, "
			 "\"server_sys\": %.3f, \"batch\": %.2f, \"empty\": %.3f}\n"
		       : "%s, %s, %zu bytes, qd %u, %.1f s: %.0f IOPS, %.1f MB/s, p50 %.2f us, p99 "
			 "%.2f us, "
			 "mean %.2f us; CPU client %.2f, server %.2f user + %.2f system; %.1f "
			 "answers a send, "
			 "%.2f of the receives empty\n",
	       o->write ? "write" : "read", engines[o->server.engine], o->size, o->qd, sec, iops,
	       iops * (double)o->size / 1e6, (double)bench_hist_quantile(&d->hist, 0.5) / 1e3,
	       (double)bench_hist_quantile(&d->hist, 0.99) / 1e3,
	       d->hist.count ? (double)d->hist.sum / (double)d->hist.count / 1e3 : 0,
	       (double)(r->user + r->sys) / cwall, (double)st->cpu_user / swall,
	       (double)st->cpu_sys / swall, st->sends ? (double)d->done / (double)st->sends : 0,
	       st->recvs ? (double)st->empty / (double)st->recvs : 0);
}

static void probe_client(const struct probe_opts *o, struct drive *d, struct result *r)
{
	uint64_t start = bench_now(), done;
	struct result before = { 0 };

	if (!drive_run(d, start + o->warmup))
		bench_die("%s", d->error);
	drive_reset_figures(d);
	done = d->done;
	bench_cpu_self(&before.user, &before.sys);
	start = bench_now();
	if (!drive_run(d, start + o->seconds))
		bench_die("%s", d->error);
	r->wall = bench_now() - start;
	r->ops = d->done - done;
	bench_cpu_self(&r->user, &r->sys);
	r->user -= before.user;
	r->sys -= before.sys;
	if (!drive_drain(d))
		bench_die("%s", d->error);
}

int main(int argc, char **argv)
{
	struct probe_opts o;
	struct sockaddr_in sa;
	struct result r = { 0 };
	int status;

	parse(&o, argc, argv);

	struct probe_server_stats *stats = mmap(NULL, sizeof(*stats), PROT_READ | PROT_WRITE,
						MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (stats == MAP_FAILED)
		bench_die("mmap: %s", strerror(errno));
	int lfd = probe_listen(&sa);
	/* Processes, not threads: with one owner of the file table a call takes no reference. */
	pid_t child = fork();

	if (child < 0)
		bench_die("fork: %s", strerror(errno));
	if (child == 0)
		probe_child(&o, lfd, stats);
	close(lfd);
	bench_pin(o.client_cpu);

	struct drive d = { .qd = o.qd,
			   .refill = o.refill,
			   .req_len = o.server.req_len,
			   .resp_len = PROBE_HDR + o.server.data_len,
			   .recv_len = o.client_recv,
			   .quickack = o.server.quickack,
			   .limit = UINT64_MAX,
			   .fill = probe_fill };

	drive_init(&d);
	memset(d.ring, 0x5a, d.qd * d.req_len);
	d.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (d.fd < 0 || connect(d.fd, (struct sockaddr *)&sa, sizeof(sa)) ||
	    fcntl(d.fd, F_SETFL, O_NONBLOCK))
		bench_die("connect: %s", strerror(errno));
	bench_tune(d.fd, o.sndbuf, o.rcvbuf);
	probe_client(&o, &d, &r);
	shutdown(d.fd, SHUT_WR);
	if (waitpid(child, &status, 0) != child || status)
		bench_die("the server process failed");
	close(d.fd);
	print_result(&o, &d, &r, stats);
	drive_fini(&d);
	munmap(stats, sizeof(*stats));
	return 0;
}
