/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of doorbell_demo: what is shown, what is counted, and BARs that move.
 */
#ifndef DOORBELL_DEMO_H
#define DOORBELL_DEMO_H

#include <stdbool.h>

#include "doorbell.h"
#include "tinyvm.h"

#define DEMO_PORT	0x510
#define DEMO_ADDR	TINYVM_MMIO_BASE

/* A new doorbell of the module. */
int open_doorbell(void);
void doorbell_counts(int doorbell, struct doorbell_counts *counts);

/* Attach @fd by @cmd, or with -1 detach. */
void doorbell_attach(int doorbell, unsigned long cmd, int fd);

/**
 * struct moving_bars - what came of rings while two BARs changed places
 * @moves: how often they did
 * @first: rings of the doorbell that was at the address first
 * @second: rings of the one that was there second
 * @exits: writes that went to user space
 */
struct moving_bars {
	__u64 moves;
	__u64 first;
	__u64 second;
	__u64 exits;
};

/* Ring one address so often meanwhile; false without KVM_CAP_EVENTFD_BATCH. */
bool ring_moving_bars(unsigned int times, struct moving_bars *result);

/*
 * Print what a ring costs by each way, "path instructions", in the unit of
 * tools/kvm/eventfd_bench/measure.h.
 */
void count_rings(void);

#endif /* DOORBELL_DEMO_H */
