// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measuring what an operation costs.
 */
#include "measure.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tinyvm.h"

/* Grace periods, kworkers and what they queue in turn are done by then. */
#define SETTLE_US	60000
/* Until the soaker runs. */
#define START_US	2000
#define NR_QUIET	5
#define SOME_TURNS	100000ULL
/* At rest, less than 1/REST_SHARE is work; ticks alone are a tenth of that. */
#define REST_SHARE	100
#define MAX_UNREST	500

/*
 * A thread that runs whenever the machine would be idle: all time that it doesn't
 * get is work.  It counts its turns, because a thread's processor time includes
 * interrupts and their work.
 */
static struct soaker {
	pthread_t thread;
	sem_t start;
	bool stop;
	uint64_t turns;
} soaker;

unsigned int measure_unit = 1;

static uint64_t clock_cost;	/* of measure_now() itself */
static double turn_cost;	/* of the soaker */
static uint64_t quiet_work;	/* busy_with_nothing(), once known */

uint64_t measure_now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts))
		tinyvm_die("clock_gettime");
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void measure_priority(enum measure_priority priority)
{
	static const int policies[] = {
		[MEASURE_LAST] = SCHED_IDLE,
		[MEASURE_NORMAL] = SCHED_OTHER,
		[MEASURE_FIRST] = SCHED_FIFO,
	};
	struct sched_param param = {
		.sched_priority = priority == MEASURE_FIRST,
	};

	if (sched_setscheduler(0, policies[priority], &param))
		tinyvm_die("sched_setscheduler");
}

/* Out of line: it costs the same wherever it is called from. */
static __attribute_noinline__ void take_turns(uint64_t limit)
{
	uint64_t turns = 0;

	while (!__atomic_load_n(&soaker.stop, __ATOMIC_RELAXED) &&
	       turns < limit)
		__atomic_store_n(&soaker.turns, ++turns, __ATOMIC_RELAXED);
}

static void *soak(void *unused)
{
	(void)unused;
	measure_priority(MEASURE_LAST);
	for (;;) {
		sem_wait(&soaker.start);
		take_turns(UINT64_MAX);
	}
	return NULL;
}

static void soak_start(void)
{
	__atomic_store_n(&soaker.stop, false, __ATOMIC_RELAXED);
	sem_post(&soaker.start);
}

static void soak_stop(void)
{
	__atomic_store_n(&soaker.stop, true, __ATOMIC_RELAXED);
	usleep(1000);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void samples_add(struct samples *s, uint64_t v)
{
	if (s->nr < MEASURE_MAX_SAMPLES)
		s->v[s->nr++] = v;
}

uint64_t samples_median(const struct samples *s)
{
	struct samples sorted = *s;

	qsort(sorted.v, sorted.nr, sizeof(sorted.v[0]), compare);
	if (sorted.nr % 2)
		return sorted.v[sorted.nr / 2];
	return (sorted.v[sorted.nr / 2 - 1] + sorted.v[sorted.nr / 2]) / 2;
}

void measure_report(const char *name, unsigned int n, uint64_t instructions)
{
	printf("%-24s %8u %12llu\n", name, n,
	       (unsigned long long)(instructions / measure_unit));
	fflush(stdout);
}

void measure_each(struct samples *s, measure_op op, void *arg,
		  unsigned int first, unsigned int count)
{
	uint64_t before, after;
	unsigned int i;

	for (i = first; i < first + count; i++) {
		before = measure_now();
		op(arg, i);
		after = measure_now();
		samples_add(s, after - before - clock_cost);
	}
}

/*
 * The time that the machine spent on anything but the soaker, from before the first
 * @op until it has settled.
 */
static uint64_t busy(measure_op op, void *arg, unsigned int first,
		     unsigned int count)
{
	uint64_t wall, turns, soaked;
	unsigned int i;

	soak_start();
	usleep(START_US);
	wall = measure_now();
	turns = __atomic_load_n(&soaker.turns, __ATOMIC_RELAXED);
	for (i = first; i < first + count; i++)
		op(arg, i);
	usleep(SETTLE_US);
	turns = __atomic_load_n(&soaker.turns, __ATOMIC_RELAXED) - turns;
	wall = measure_now() - wall;
	soak_stop();
	soaked = turns * turn_cost;

	return wall > soaked ? wall - soaked : 0;
}

/* The cost of ticks, and of starting and stopping the soaker. */
static uint64_t busy_with_nothing(void)
{
	struct samples s = { };
	int i;

	for (i = 0; i < NR_QUIET; i++)
		samples_add(&s, busy(NULL, NULL, 0, 0));
	return samples_median(&s);
}

uint64_t measure_work(measure_op op, void *arg, unsigned int first,
		      unsigned int count)
{
	uint64_t all;

	if (!quiet_work)
		quiet_work = busy_with_nothing();
	all = busy(op, arg, first, count);
	return all > quiet_work ? (all - quiet_work) / count : 0;
}

/*
 * A kernel that has just booted may be busy for some seconds, for example with
 * self-tests, and share the processor between that and this program.
 */
static void wait_for_rest(void)
{
	int i;

	for (i = 0; i < MAX_UNREST; i++)
		if (busy(NULL, NULL, 0, 0) < SETTLE_US * 1000 / REST_SHARE)
			return;
	errno = 0;
	tinyvm_die("the machine does not come to rest");
}

/* The least of a few, because a tick may interrupt some. */
static uint64_t cost_of_turns(uint64_t turns)
{
	uint64_t before, cost, least = UINT64_MAX;
	int i;

	for (i = 0; i < NR_QUIET; i++) {
		before = measure_now();
		take_turns(turns);
		cost = measure_now() - before;
		if (cost < least)
			least = cost;
	}
	return least;
}

void measure_init(void)
{
	struct samples s = { };
	uint64_t before;
	unsigned int i;

	for (i = 0; i < MEASURE_MAX_SAMPLES; i++) {
		before = measure_now();
		samples_add(&s, measure_now() - before);
	}
	clock_cost = samples_median(&s);
	turn_cost = (double)(cost_of_turns(2 * SOME_TURNS) -
			     cost_of_turns(SOME_TURNS)) / SOME_TURNS;

	if (sem_init(&soaker.start, 0, 0) ||
	    pthread_create(&soaker.thread, NULL, soak, NULL))
		tinyvm_die("soaker thread");
	wait_for_rest();
}
