/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See jobs.h. Threads are detached: the pool counts them, and is freed by
 * whoever is last, its owner or a thread.
 */
#include "hw/linux/jobs.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IDLE_SECONDS 5

struct job_pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_cond_t ended;
	struct job *head, **tail;
	unsigned waiting, threads, idle, max_threads;
	bool closed;   /* no job comes any more */
	bool orphaned; /* the last thread frees it */
	char name[16];
};

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

struct job_pool *job_pool_new(const char *name, unsigned max_threads)
{
	struct job_pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	cond_init(&pool->work);
	cond_init(&pool->ended);
	pool->tail = &pool->head;
	pool->max_threads = max_threads;
	strncpy(pool->name, name, sizeof(pool->name) - 1);
	return pool;
}

static void destroy(struct job_pool *pool)
{
	pthread_cond_destroy(&pool->work);
	pthread_cond_destroy(&pool->ended);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static struct timespec after_ms(unsigned ms)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	return ts;
}

/* The next job, or NULL: the thread is to end. Locked. */
static struct job *next_job(struct job_pool *pool)
{
	struct timespec end = after_ms(IDLE_SECONDS * 1000);
	struct job *job;
	int rc = 0;

	while (pool->head == NULL && !pool->closed && rc == 0) {
		pool->idle++;
		rc = pthread_cond_timedwait(&pool->work, &pool->lock, &end);
		pool->idle--;
	}
	job = pool->head;
	if (job == NULL)
		return NULL;
	pool->head = job->next;
	if (pool->head == NULL)
		pool->tail = &pool->head;
	pool->waiting--;
	return job;
}

static void *thread_main(void *arg)
{
	struct job_pool *pool = arg;
	struct job *job;
	bool last;

	pthread_setname_np(pthread_self(), pool->name);
	pthread_mutex_lock(&pool->lock);
	while ((job = next_job(pool)) != NULL) {
		pthread_mutex_unlock(&pool->lock);
		job->run(job);
		pthread_mutex_lock(&pool->lock);
	}
	last = --pool->threads == 0;
	if (last && !pool->orphaned) {
		pthread_cond_broadcast(&pool->ended);
		last = false;
	}
	pthread_mutex_unlock(&pool->lock);
	if (last)
		destroy(pool);
	return NULL;
}

/* Locked. Signals are for other threads. */
static int add_thread(struct job_pool *pool)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	rc = pthread_create(&thread, &attr, thread_main, pool);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0)
		pool->threads++;
	return -rc;
}

int job_pool_push(struct job_pool *pool, struct job *job)
{
	int rc = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->waiting >= pool->idle && pool->threads < pool->max_threads)
		rc = add_thread(pool);
	if (pool->threads > 0) {
		rc = 0;
		job->next = NULL;
		*pool->tail = job;
		pool->tail = &job->next;
		pool->waiting++;
		pthread_cond_signal(&pool->work);
	} else {
		rc = -EAGAIN;
	}
	pthread_mutex_unlock(&pool->lock);
	return rc;
}

bool job_pool_free(struct job_pool *pool, unsigned wait_ms)
{
	struct timespec end = after_ms(wait_ms);
	bool gone;

	if (pool == NULL)
		return true;
	pthread_mutex_lock(&pool->lock);
	pool->closed = true;
	pthread_cond_broadcast(&pool->work);
	while (pool->threads > 0 &&
	       pthread_cond_timedwait(&pool->ended, &pool->lock, &end) != ETIMEDOUT)
		;
	gone = pool->threads == 0;
	pool->orphaned = !gone;
	pthread_mutex_unlock(&pool->lock);
	if (gone)
		destroy(pool);
	return gone;
}
