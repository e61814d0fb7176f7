// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest's write costs.
 *
 * Writes are timed in batches.  A batch of n + 1 writes and a batch of one write
 * differ by n writes: entry and exit, KVM_SET_REGS and the clock are in both.
 * The result is the median of several batches, because a timer tick may interrupt
 * some.
 */
#include "ring.h"

#include <errno.h>

#include "measure.h"

#define BATCH_COST	1000000U
#define BATCH_MIN	4U
#define BATCH_MAX	500U
#define NR_BATCHES	9

static uint64_t timed_rings(struct tinyvm *vm, const uint8_t *routine,
			    uint64_t arg1, uint64_t arg2, unsigned int times)
{
	uint64_t before, cost, exits;

	before = measure_now();
	tinyvm_call(vm, routine, arg1, arg2, times);
	exits = tinyvm_finish(vm);
	cost = measure_now() - before;

	errno = 0;
	if (exits)
		tinyvm_die("%llu of %u rings went to user space",
			   (unsigned long long)exits, times);
	return cost;
}

uint64_t ring_cost_of(struct tinyvm *vm, const uint8_t *routine, uint64_t arg1,
		      uint64_t arg2)
{
	struct samples one = { }, batch = { };
	uint64_t estimate, times;
	int i;

	/* KVM's caches don't have the first writes. */
	timed_rings(vm, routine, arg1, arg2, BATCH_MIN);
	estimate = timed_rings(vm, routine, arg1, arg2, BATCH_MIN) / BATCH_MIN;
	times = BATCH_COST / (estimate + 1);
	if (times < BATCH_MIN)
		times = BATCH_MIN;
	if (times > BATCH_MAX)
		times = BATCH_MAX;

	for (i = 0; i < NR_BATCHES; i++) {
		samples_add(&one, timed_rings(vm, routine, arg1, arg2, 1));
		samples_add(&batch,
			    timed_rings(vm, routine, arg1, arg2, times + 1));
	}
	return (samples_median(&batch) - samples_median(&one)) / times;
}

uint64_t ring_cost(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		   uint32_t value)
{
	return ring_cost_of(vm, bus == TINYVM_PIO ? guest_ring_pio :
						    guest_ring_mmio,
			    addr, value);
}

static uint64_t timed_exits(struct tinyvm *vm, enum tinyvm_bus bus,
			    uint64_t addr, unsigned int times,
			    void (*serve)(void *arg), void *arg)
{
	uint64_t before = measure_now();

	tinyvm_call_ring(vm, bus, addr, 1, times);
	while (!tinyvm_run(vm))
		if (serve)
			serve(arg);
	return measure_now() - before;
}

uint64_t exit_cost(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		   void (*serve)(void *arg), void *arg)
{
	struct samples one = { }, batch = { };
	int i;

	timed_exits(vm, bus, addr, BATCH_MIN, serve, arg);
	for (i = 0; i < NR_BATCHES; i++) {
		samples_add(&one, timed_exits(vm, bus, addr, 1, serve, arg));
		samples_add(&batch, timed_exits(vm, bus, addr, BATCH_MAX + 1,
						serve, arg));
	}
	return (samples_median(&batch) - samples_median(&one)) / BATCH_MAX;
}
