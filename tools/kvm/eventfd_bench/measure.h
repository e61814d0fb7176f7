/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting what an operation costs.
 *
 * The clock is CLOCK_MONOTONIC.  On an emulated machine of one processor that
 * counts instructions (QEMU's -icount shift=0) a nanosecond of it is one
 * instruction, whoever executes it; anywhere else it is a nanosecond.  When
 * such a machine has nothing to do, its clock leaps to the next timer.
 */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

/* Enough of them to see an operation that is costly now and then. */
#define MEASURE_MAX_SAMPLES	64

/* What is measured: the @i-th of a series, where @arg is the caller's. */
typedef void (*measure_op)(void *arg, unsigned int i);

/* Once, before anything else; waits till the machine is at rest. */
void measure_init(void);

uint64_t measure_now(void);

/* How many of measure_now()'s units an instruction takes, at first one. */
extern unsigned int measure_unit;

/* Print one result, "name n instructions"; they are given in measure_now()'s unit. */
void measure_report(const char *name, unsigned int n, uint64_t instructions);

struct samples {
	unsigned int nr;
	uint64_t v[MEASURE_MAX_SAMPLES];
};

/* Any beyond MEASURE_MAX_SAMPLES are dropped. */
void samples_add(struct samples *s, uint64_t v);
uint64_t samples_median(const struct samples *s);

/*
 * From the call of each @op to its return, for i from @first for @count: what
 * its caller waits for, idle time included.  Every one is a sample.
 */
void measure_each(struct samples *s, measure_op op, void *arg,
		  unsigned int first, unsigned int count);

/*
 * The work of @count times @op, all that the machine executes for it: in the
 * caller, in other threads and in interrupts, and also what is put off till
 * after the return; but no idle time.  Returns the share of one @op.
 */
uint64_t measure_work(measure_op op, void *arg, unsigned int first,
		      unsigned int count);

/*
 * Who runs first when this thread wakes another one: MEASURE_LAST, always the
 * other, so that measure_each() sees its work too; MEASURE_FIRST, always this
 * one; MEASURE_NORMAL, whom the scheduler prefers.  A kernel that groups threads
 * by session heeds that within a group only: boot it with "noautogroup".
 */
enum measure_priority {
	MEASURE_LAST,
	MEASURE_NORMAL,
	MEASURE_FIRST,
};

void measure_priority(enum measure_priority priority);

#endif /* MEASURE_H */
