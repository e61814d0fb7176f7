// SPDX-License-Identifier: GPL-2.0-only
#include "level_vm.h"
#include "test_util.h"

void wait_for_line(struct irq_vm *v, bool up)
{
	WAIT_FOR(line_is_up(v) == up, "Wanted the line %s, it is %s", up ? "up" : "down",
		 up ? "down" : "up");
}

void run_into_irq(struct irq_vm *v)
{
	WRITE_ONCE(v->guest->stop_before_eoi, 1);
	assert_runs_to(v->vcpu, SYNC_BEFORE_EOI);
	WRITE_ONCE(v->guest->stop_before_eoi, 0);
}

void assert_resampled(int resamplefd, uint64_t want, const char *when)
{
	uint64_t got = take(resamplefd);

	TEST_ASSERT(got == want, "%s: wanted %lu signals to the resample eventfd, got %lu", when,
		    want, got);
}

void do_work(struct irq_vm *v, void (*work)(void))
{
	WRITE_ONCE(v->guest->work, work);
	pass(v);
	WRITE_ONCE(v->guest->work, NULL);
}
