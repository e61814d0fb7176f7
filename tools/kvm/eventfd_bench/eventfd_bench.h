/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The groups of measurements, one function each.
 */
#ifndef EVENTFD_BENCH_H
#define EVENTFD_BENCH_H

#include <stdint.h>

#include "measure.h"
#include "tinyvm.h"

/* How many operations are timed one by one, if N is large enough. */
#define NR_OPS		16U
/* How many operations' work is summed up: the more, the less ticks matter. */
#define NR_WORK_OPS	64U

/* Sizes above this one are left out. */
extern unsigned int max_n;

/* A new eventfd that doesn't block. */
int new_eventfd(void);

/* End the program, unless @ret is 0; @ret is 0 or -errno. */
void must(int ret, const char *what);

/*
 * Report the cost of @up and @down, two operations that undo one another, near @n:
 * this calls both for the last NR_OPS numbers below @n.  Before, the caller has
 * called @up(i) for every i below @n - min(n, NR_OPS); afterwards @up(i) has been
 * called for every i below @n.  Names with "-work" report the work of the last
 * NR_WORK_OPS operations, if @n is that large.
 */
void bench_pair(const char *up_name, measure_op up, const char *down_name,
		measure_op down, void *arg, unsigned int n);

void bench_exit(void);
void bench_flags(void);
void bench_floor(void);
void bench_values(void);
void bench_addresses(void);
void bench_irqfd(void);
void bench_level(void);
void bench_signal(void);
void bench_control(void);
void bench_routes(void);
void bench_bypass(void);
void bench_batch(void);
void bench_eventfd(void);

#endif /* EVENTFD_BENCH_H */
