/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Measuring what an operation costs.
 *
 * The clock is CLOCK_MONOTONIC.  On an emulated machine of one processor that
 * counts instructions (QEMU's -icount shift=0) a nanosecond of it is one
 * instruction of any task or interrupt; anywhere else it is a nanosecond.  When
 * such a machine is idle, its clock leaps to the next timer.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

/* Enough samples to see an operation that is only sometimes expensive. */
#define MEASURE_MAX_SAMPLES	64

/* The operation to measure: the @i-th of a series; @arg is the caller's. */
typedef void (*measure_op)(void *arg, unsigned int i);

/* To be called once, before anything else; waits until the machine is at rest. */
void measure_init(void);

uint64_t measure_now(void);

/* How many of measure_now()'s units an instruction takes; the default is one. */
extern unsigned int measure_unit;

/* Print one result, "name n instructions"; @instructions is in measure_now()'s unit. */
void measure_report(const char *name, unsigned int n, uint64_t instructions);

struct samples {
	unsigned int nr;
	uint64_t v[MEASURE_MAX_SAMPLES];
};

/* Samples beyond MEASURE_MAX_SAMPLES are dropped. */
void samples_add(struct samples *s, uint64_t v);
uint64_t samples_median(const struct samples *s);

/*
 * The time from the call of each @op to its return, for @count numbers from @first
 * on: what the caller waits for, idle time included.  Each call is a sample.
 */
void measure_each(struct samples *s, measure_op op, void *arg,
		  unsigned int first, unsigned int count);

/*
 * The work of @count calls of @op, all that the machine executes for them: in the
 * caller, in other threads and in interrupts, deferred work included; but no idle
 * time.  Returns the share of one @op.
 */
uint64_t measure_work(measure_op op, void *arg, unsigned int first,
		      unsigned int count);

/*
 * Which thread runs first when this thread wakes another one.  MEASURE_LAST: always
 * the other one, so that measure_each() sees its work too.  MEASURE_FIRST: always
 * this one.  MEASURE_NORMAL: the one that the scheduler prefers.  A kernel that
 * groups threads by session obeys this only within a group: boot it with
 * "noautogroup".
 */
enum measure_priority {
	MEASURE_LAST,
	MEASURE_NORMAL,
	MEASURE_FIRST,
};

void measure_priority(enum measure_priority priority);

#endif /* MEASURE_H */
