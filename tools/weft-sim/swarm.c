/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hands seeds to processes and gathers what they tell. A process that dies takes
 * only its seed with it (outcome crash); so does one that hangs.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/weft-sim/sim.h"

#define MAX_JOBS 64
#define HANG_SECONDS 180 /* of real time, for one seed */

struct job {
	pid_t pid; /* 0: none */
	int to, from;
	bool busy, ending; /* ending: its seed failed, it takes no more */
	uint64_t seed;
	int64_t begun; /* us */
	GString *in;
};

struct swarm_state {
	struct swarm o;
	struct job jobs[MAX_JOBS];
	uint64_t next, last;  /* seeds; last: UINT64_MAX with --for */
	int64_t begin, until; /* us; 0: no end */
	struct totals totals;
	GHashTable *hashes; /* seed -> line, until its turn to be printed */
	uint64_t print_next;
	int code;
	bool line; /* a progress line stands on the terminal */
};

static int64_t now_us(void)
{
	return g_get_monotonic_time();
}

static void job_start(struct swarm_state *st, struct job *job)
{
	int to[2], from[2];

	if (pipe(to) != 0 || pipe(from) != 0) {
		perror("weft-sim: pipe");
		exit(EXIT_CRASH);
	}
	fflush(stdout);
	fflush(stderr);
	job->pid = fork();
	if (job->pid == 0) {
		close(to[1]);
		close(from[0]);
		/* The other jobs' pipes: else these would not see their end. */
		for (int i = 0; i < st->o.jobs; i++) {
			if (&st->jobs[i] != job && st->jobs[i].pid > 0) {
				close(st->jobs[i].to);
				close(st->jobs[i].from);
			}
		}
		worker(to[0], from[1], &st->o);
	}
	close(to[0]);
	close(from[1]);
	job->to = to[1];
	job->from = from[0];
	job->busy = job->ending = false;
	if (job->in == NULL)
		job->in = g_string_new(NULL);
	g_string_truncate(job->in, 0);
}

static void worse(struct swarm_state *st, enum run_outcome outcome)
{
	int code = exit_of(outcome);

	if (code != EXIT_OK && (st->code == EXIT_OK || code < st->code))
		st->code = code;
}

static void print_hashes(struct swarm_state *st)
{
	char *line;

	while ((line = g_hash_table_lookup(st->hashes, &st->print_next)) != NULL) {
		puts(line);
		g_hash_table_remove(st->hashes, &st->print_next);
		st->print_next++;
	}
}

static void seed_done(struct swarm_state *st, uint64_t seed, const char *hash,
		      enum run_outcome outcome)
{
	st->totals.seeds++;
	st->totals.outcomes[outcome]++;
	worse(st, outcome);
	if (!st->o.hashes)
		return;
	g_hash_table_insert(st->hashes, g_memdup2(&seed, sizeof(seed)),
			    g_strdup_printf("%" PRIu64 " %s", seed, hash));
	print_hashes(st);
}

static void take_line(struct swarm_state *st, struct job *job, char *line)
{
	uint64_t seed, ios, records, pdus, bytes, n;
	int outcome, twice, at = 0;
	char hash[32], oracle[16];

	if (sscanf(line, "count %" SCNu64 " %n", &n, &at) == 1 && at > 0) {
		counts_add(st->totals.counts, line + at, n);
	} else if (sscanf(line,
			  "result %" SCNu64 " %31s %d %15s %" SCNu64 " %" SCNu64 " %" SCNu64
			  " %" SCNu64 " %d",
			  &seed, hash, &outcome, oracle, &ios, &records, &pdus, &bytes,
			  &twice) == 9) {
		st->totals.ios += ios;
		st->totals.records += records;
		st->totals.pdus += pdus;
		st->totals.bytes += bytes;
		st->totals.checked_twice += (uint64_t)twice;
		job->ending = outcome != RUN_OK;
		seed_done(st, seed, hash, (enum run_outcome)outcome);
	} else if (g_str_has_prefix(line, "text ")) {
		fprintf(stderr, "%sseed %" PRIu64 ": %s\n", st->line ? "\n" : "", job->seed,
			line + 5);
	} else if (!strcmp(line, "end")) {
		job->busy = false;
	}
}

static void job_died(struct swarm_state *st, struct job *job)
{
	int status;

	close(job->to);
	close(job->from);
	waitpid(job->pid, &status, 0);
	job->pid = 0;
	if (!job->busy)
		return;
	if (WIFSIGNALED(status))
		fprintf(stderr, "seed %" PRIu64 ": crash: signal %d (%s)\n", job->seed,
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		fprintf(stderr, "seed %" PRIu64 ": crash: the process ended with status %d\n",
			job->seed, WEXITSTATUS(status));
	fprintf(stderr, "again     weft-sim replay %" PRIu64 " --profile %s\n", job->seed,
		st->o.profile);
	job->busy = false;
	seed_done(st, job->seed, "----------------", RUN_CRASH);
}

static void job_read(struct swarm_state *st, struct job *job)
{
	char buf[65536], *end;
	ssize_t n = read(job->from, buf, sizeof(buf));

	if (n <= 0) {
		if (n < 0 && errno == EINTR)
			return;
		job_died(st, job);
		return;
	}
	g_string_append_len(job->in, buf, n);
	while ((end = strchr(job->in->str, '\n')) != NULL) {
		*end = '\0';
		take_line(st, job, job->in->str);
		g_string_erase(job->in, 0, end - job->in->str + 1);
	}
}

static bool more_seeds(const struct swarm_state *st)
{
	return st->next <= st->last && (st->until == 0 || now_us() < st->until);
}

static void job_feed(struct swarm_state *st, struct job *job)
{
	if (job->busy || (job->pid != 0 && job->ending) || !more_seeds(st))
		return;
	if (job->pid == 0)
		job_start(st, job);
	job->seed = st->next++;
	job->busy = true;
	job->begun = now_us();
	/* A process that has just ended is found out when its pipe is read. */
	if (write(job->to, &job->seed, sizeof(job->seed)) != sizeof(job->seed) && errno == EPIPE) {
		st->next--;
		job->busy = false;
		job_died(st, job);
		job_feed(st, job);
	}
}

static void progress(struct swarm_state *st)
{
	double s = (double)(now_us() - st->begin) / 1e6;
	const struct totals *t = &st->totals;

	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr,
		"\r%" PRIu64 " seeds, %.0f a minute, %.0f events/s, %" PRIu64 " faults, %" PRIu64
		" failed\033[K",
		t->seeds, s > 0 ? (double)t->seeds * 60 / s : 0, s > 0 ? (double)t->records / s : 0,
		counts_sum(t->counts, "fault."), t->seeds - t->outcomes[RUN_OK]);
	st->line = true;
}

static void gather(struct swarm_state *st)
{
	struct pollfd fds[MAX_JOBS];
	struct job *of[MAX_JOBS];
	nfds_t n = 0;

	for (int i = 0; i < st->o.jobs; i++) {
		struct job *job = &st->jobs[i];

		job_feed(st, job);
		if (job->pid == 0)
			continue;
		if (job->busy && now_us() - job->begun > HANG_SECONDS * 1000000LL) {
			fprintf(stderr, "seed %" PRIu64 " hangs in real time\n", job->seed);
			kill(job->pid, SIGABRT);
			job->begun = now_us();
		}
		of[n] = job;
		fds[n++] = (struct pollfd){ .fd = job->from, .events = POLLIN };
	}
	if (poll(fds, n, 500) <= 0)
		n = 0;
	for (nfds_t i = 0; i < n; i++) {
		if (fds[i].revents != 0)
			job_read(st, of[i]);
	}
}

static bool any_busy(const struct swarm_state *st)
{
	for (int i = 0; i < st->o.jobs; i++) {
		if (st->jobs[i].busy)
			return true;
	}
	return false;
}

static void run_all(struct swarm_state *st)
{
	int64_t shown = 0;

	while (more_seeds(st) || any_busy(st)) {
		gather(st);
		if (now_us() - shown > 500000) {
			shown = now_us();
			progress(st);
		}
	}
	if (st->line)
		fputc('\n', stderr);
	for (int i = 0; i < st->o.jobs; i++) {
		if (st->jobs[i].pid > 0)
			job_died(st, &st->jobs[i]);
		if (st->jobs[i].in != NULL)
			g_string_free(st->jobs[i].in, TRUE);
	}
}

/* "A-B", "A+N" or "A" (last: 0). */
static bool parse_seeds(const char *text, uint64_t *first, uint64_t *last)
{
	const char *sign = strpbrk(text, "+-");
	g_autofree char *begin =
		g_strndup(text, sign != NULL ? (size_t)(sign - text) : strlen(text));

	*last = 0;
	if (!parse_seed(begin, first))
		return false;
	if (sign == NULL)
		return true;
	if (!parse_seed(sign + 1, last))
		return false;
	if (*sign == '+') {
		if (*last == 0 || *last - 1 > UINT64_MAX - 1 - *first)
			return false;
		*last += *first - 1;
	}
	return *last >= *first;
}

static bool parse_range(const struct swarm *o, struct swarm_state *st)
{
	uint64_t duration;

	if (o->seeds == NULL && o->duration == NULL) {
		fprintf(stderr, "weft-sim: swarm needs --seeds A-B or --for TIME\n");
		return false;
	}
	if (!parse_seeds(o->seeds != NULL ? o->seeds : "1", &st->next, &st->last)) {
		fprintf(stderr,
			"weft-sim: --seeds %s: A-B, A+N, a number or a commit hash expected\n",
			o->seeds);
		return false;
	}
	if (st->last == 0)
		st->last = o->duration != NULL ? UINT64_MAX : st->next;
	if (o->duration != NULL && !codec_time_parse(o->duration, &duration)) {
		fprintf(stderr, "weft-sim: --for %s: a time such as 10min expected\n", o->duration);
		return false;
	}
	st->begin = now_us();
	st->until = o->duration != NULL ? st->begin + (int64_t)(duration / 1000) : 0;
	return true;
}

int swarm(const struct swarm *options)
{
	struct swarm_state st = { .o = *options };
	struct scenario *probe;

	if (st.o.profile == NULL)
		st.o.profile = "default";
	if (st.o.out == NULL)
		st.o.out = "weft-sim-failed";
	st.o.jobs = CLAMP(st.o.jobs, 1, MAX_JOBS);
	probe = scenario_draw(1, st.o.profile);
	if (probe == NULL) {
		fprintf(stderr, "weft-sim: there is no profile %s\n", st.o.profile);
		return EXIT_USAGE;
	}
	scenario_free(probe);
	if (!parse_range(options, &st))
		return EXIT_USAGE;
	signal(SIGPIPE, SIG_IGN);
	st.print_next = st.next;
	st.totals.counts = counts_new();
	st.hashes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	run_all(&st);
	if (!st.o.quiet && !st.o.hashes)
		table_print(&st.totals, (double)(now_us() - st.begin) / 1e6, stdout);
	g_hash_table_unref(st.hashes);
	counts_free(st.totals.counts);
	return st.code;
}
