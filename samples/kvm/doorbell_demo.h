/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two halves of doorbell_demo: what is shown, and what is counted.
 */
#ifndef DOORBELL_DEMO_H
#define DOORBELL_DEMO_H

#include "doorbell.h"
#include "tinyvm.h"

#define DEMO_PORT	0x510
#define DEMO_ADDR	TINYVM_MMIO_BASE

/* A new doorbell of the module. */
int open_doorbell(void);
void doorbell_counts(int doorbell, struct doorbell_counts *counts);

/* Attach @fd by @cmd, or with -1 detach. */
void doorbell_attach(int doorbell, unsigned long cmd, int fd);

/*
 * Print what a ring costs by each way, "path instructions", in the unit of
 * tools/kvm/eventfd_bench/measure.h.
 */
void count_rings(void);

#endif /* DOORBELL_DEMO_H */
