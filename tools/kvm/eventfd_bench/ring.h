/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a guest's write costs, in the unit of measure.h.
 */
#ifndef RING_H
#define RING_H

#include "tinyvm.h"

/*
 * A write that rings: the time from one to the next, with the two instructions of
 * the guest's loop.  No write may exit to user space.
 */
uint64_t ring_cost(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		   uint32_t value);

/* The same for a routine that writes as often as its third argument says. */
uint64_t ring_cost_of(struct tinyvm *vm, const uint8_t *routine, uint64_t arg1,
		      uint64_t arg2);

/*
 * A write that exits to user space, with the way back; @serve, if not NULL, is
 * called for each.
 */
uint64_t exit_cost(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		   void (*serve)(void *arg), void *arg);

#endif /* RING_H */
