/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls of JSON-RPC at a given rate on one connection: what scripts and exporters ask
 * for, and some that change something. Evenly spaced, several under way; a call that
 * is refused, or an answer that is none, ends it with status 1.
 *
 * Answers are only looked at as far as that takes: their ends by brackets, their id and
 * whether they are errors by how they begin.
 */
#include "tools/bench/bench.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define HEAD "{\"jsonrpc\":\"2.0\",\"id\":"
#define SLOTS 1024
#define PATIENCE (10 * BENCH_NS)

struct options {
	const char *socket, *bdev, *nqn;
	uint64_t rate, depth, ns;
	int cpu;
};

struct gen {
	struct options o;
	int fd;
	uint64_t sent, answered, bytes;
	uint64_t begun[SLOTS];
	struct bench_hist latency;
	uint64_t longest;
	char out[65536];
	size_t len;
	/* The answer that comes: how it begins, and where its brackets stand. */
	char head[96];
	size_t at;
	unsigned depth;
	bool string, escaped;
};

/* %s: bdev or nqn, %u: a number of its own. The calls with a number undo each other. */
static const struct {
	const char *method, *params;
	enum { NONE, BDEV, NQN, NUMBER } what;
} mix[] = {
	{ "bdev_get_bdevs", "{\"name\":\"%s\"}", BDEV },
	{ "nvmf_get_subsystems", "{\"nqn\":\"%s\"}", NQN },
	{ "thread_get_stats", "{}", NONE },
	{ "bdev_null_create", "{\"name\":\"rpcgen%u\",\"num_blocks\":1024,\"block_size\":4096}",
	  NUMBER },
	{ "log_get_level", "{}", NONE },
	{ "bdev_get_iostat", "{\"names\":[\"%s\"]}", BDEV },
	{ "notify_get_notifications", "{\"max\":1}", NONE },
	{ "log_set_level", "{\"level\":\"NOTICE\"}", NONE },
	{ "nvmf_subsystem_get_controllers", "{\"nqn\":\"%s\"}", NQN },
	{ "bdev_null_delete", "{\"name\":\"rpcgen%u\"}", NUMBER },
};

#define MIX (sizeof(mix) / sizeof(mix[0]))

/* --- requests ------------------------------------------------------------------------ */

static void add_params(struct gen *g, char *params, size_t size)
{
	size_t kind = g->sent % MIX;
	const char *percent = strchr(mix[kind].params, '%');
	int before = percent ? (int)(percent - mix[kind].params) : 0;

	if (mix[kind].what == NONE)
		snprintf(params, size, "%s", mix[kind].params);
	else if (mix[kind].what == NUMBER)
		snprintf(params, size, "%.*s%u%s", before, mix[kind].params,
			 (unsigned)(g->sent / MIX), percent + 2);
	else
		snprintf(params, size, "%.*s%s%s", before, mix[kind].params,
			 mix[kind].what == BDEV ? g->o.bdev : g->o.nqn, percent + 2);
}

static void add_request(struct gen *g, uint64_t due)
{
	char params[512];
	int n;

	add_params(g, params, sizeof(params));
	n = snprintf(g->out + g->len, sizeof(g->out) - g->len,
		     HEAD "%llu,\"method\":\"%s\",\"params\":%s}", (unsigned long long)g->sent,
		     mix[g->sent % MIX].method, params);
	if (n < 0 || (size_t)n >= sizeof(g->out) - g->len)
		bench_die("the requests do not fit");
	g->len += (size_t)n;
	g->begun[g->sent++ % SLOTS] = due;
}

static void flush(struct gen *g)
{
	ssize_t n = g->len > 0 ? send(g->fd, g->out, g->len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	if (n < 0 && errno != EAGAIN)
		bench_die("send: %s", strerror(errno));
	if (n > 0) {
		g->len -= (size_t)n;
		memmove(g->out, g->out + n, g->len);
	}
}

/* --- answers ------------------------------------------------------------------------- */

static void answer(struct gen *g)
{
	char *end;
	unsigned long long id;
	uint64_t took;

	g->head[g->at < sizeof(g->head) - 1 ? g->at : sizeof(g->head) - 1] = '\0';
	if (strncmp(g->head, HEAD, strlen(HEAD)) != 0)
		bench_die("this is no answer: %s", g->head);
	id = strtoull(g->head + strlen(HEAD), &end, 10);
	if (id >= g->sent || g->sent - id > SLOTS)
		bench_die("an answer to nothing that was asked: %s", g->head);
	if (strncmp(end, ",\"result\":", 10) != 0)
		bench_die("%s was refused: %s", mix[id % MIX].method, g->head);
	took = bench_now() - g->begun[id % SLOTS];
	bench_hist_add(&g->latency, took);
	g->longest = took > g->longest ? took : g->longest;
	g->answered++;
	g->at = 0;
}

static void feed(struct gen *g, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char ch = s[i];

		if (g->at < sizeof(g->head))
			g->head[g->at] = ch;
		g->at++;
		if (g->string) {
			g->string = g->escaped || ch != '"';
			g->escaped = !g->escaped && ch == '\\';
		} else if (ch == '"') {
			g->string = true;
		} else if (ch == '{' || ch == '[') {
			g->depth++;
		} else if ((ch == '}' || ch == ']') && --g->depth == 0) {
			answer(g);
		}
	}
	g->bytes += len;
}

static void receive(struct gen *g)
{
	static char buf[1 << 18];
	ssize_t n = recv(g->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n == 0)
		bench_die("weftd closed the connection");
	if (n < 0 && errno != EAGAIN)
		bench_die("recv: %s", strerror(errno));
	if (n > 0)
		feed(g, buf, (size_t)n);
}

/* --- the run ------------------------------------------------------------------------- */

static void wait_for(struct gen *g, uint64_t due)
{
	struct pollfd p = { .fd = g->fd, .events = (short)(POLLIN | (g->len ? POLLOUT : 0)) };
	uint64_t now = bench_now(), ns = due > now ? due - now : 0;
	struct timespec ts = { (time_t)(ns / BENCH_NS), (long)(ns % BENCH_NS) };

	if (ppoll(&p, 1, &ts, NULL) > 0 && (p.revents & (POLLIN | POLLHUP | POLLERR)))
		receive(g);
}

/* How long it took. What has been begun is undone, and all that was asked answered. */
static uint64_t run(struct gen *g)
{
	uint64_t begin = bench_now(), end = begin + g->o.ns, now, due;

	while ((now = bench_now()) < end || g->sent % MIX != 0) {
		while ((due = begin + g->sent * BENCH_NS / g->o.rate) <= now &&
		       g->sent - g->answered < g->o.depth && (now < end || g->sent % MIX != 0))
			add_request(g, due);
		flush(g);
		if (g->sent - g->answered >= g->o.depth)
			due = now + PATIENCE;
		wait_for(g, due);
		if (bench_now() > end + PATIENCE)
			bench_die("%llu calls are not answered",
				  (unsigned long long)(g->sent - g->answered));
	}
	while (g->answered < g->sent) {
		flush(g);
		wait_for(g, now + PATIENCE);
		if (bench_now() > now + PATIENCE)
			bench_die("%llu calls are not answered",
				  (unsigned long long)(g->sent - g->answered));
	}
	return bench_now() - begin;
}

static void usage(void)
{
	puts("usage: rpcgen --socket PATH --bdev NAME --nqn NQN [OPTION]...\n"
	     "Calls methods of weftd at a rate.\n"
	     "  --rate N      calls a second (10000)\n"
	     "  --depth N     under way at most (16)\n"
	     "  --seconds S   how long (2)\n"
	     "  --cpu N       core to run on, only when nothing else wants it; -1: any (-1)");
	exit(0);
}

static void parse(struct options *o, int argc, char **argv)
{
	*o = (struct options){ .rate = 10000, .depth = 16, .ns = 2 * BENCH_NS, .cpu = -1 };
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(name, "--help") == 0)
			usage();
		if (!value)
			bench_die("%s: unknown, or without its value; see --help", name);
		i++;
		if (strcmp(name, "--socket") == 0)
			o->socket = value;
		else if (strcmp(name, "--bdev") == 0)
			o->bdev = value;
		else if (strcmp(name, "--nqn") == 0)
			o->nqn = value;
		else if (strcmp(name, "--rate") == 0)
			o->rate = bench_size(name, value, 1, 10000000);
		else if (strcmp(name, "--depth") == 0)
			o->depth = bench_size(name, value, 1, 128);
		else if (strcmp(name, "--seconds") == 0)
			o->ns = bench_seconds(name, value);
		else if (strcmp(name, "--cpu") == 0)
			o->cpu = value[0] == '-' ? -1 : (int)bench_size(name, value, 0, 1023);
		else
			bench_die("%s: unknown; see --help", name);
	}
	if (!o->socket || !o->bdev || !o->nqn)
		bench_die("--socket, --bdev and --nqn are needed");
}

/* It leaves the core to the client whose latency is measured. */
static void step_back(int cpu)
{
	struct sched_param none = { 0 };

	bench_pin(cpu);
	if (cpu >= 0 && sched_setscheduler(0, SCHED_IDLE, &none) != 0)
		bench_die("sched_setscheduler: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	static struct gen g;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	double us = 1e3, took;

	parse(&g.o, argc, argv);
	if (strlen(g.o.socket) >= sizeof(addr.sun_path))
		bench_die("--socket: the path is too long");
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", g.o.socket);
	g.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (g.fd < 0 || connect(g.fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		bench_die("%s: %s", g.o.socket, strerror(errno));
	step_back(g.o.cpu);
	took = (double)run(&g) / BENCH_NS;
	printf("{\"tool\": \"rpcgen\", \"calls\": %llu, \"rate\": %.1f, \"bytes\": %llu, "
	       "\"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
	       (unsigned long long)g.answered, (double)g.answered / took,
	       (unsigned long long)g.bytes, (double)bench_hist_quantile(&g.latency, 0.5) / us,
	       (double)bench_hist_quantile(&g.latency, 0.99) / us, (double)g.longest / us);
	close(g.fd);
	return 0;
}
