/* SPDX-License-Identifier: GPL-2.0-only */
/* The segments of a vCPU in flat 32-bit mode, without paging. */
#ifndef LAB_STRESS_FLAT_H
#define LAB_STRESS_FLAT_H

#include <linux/kvm.h>

#define CODE_SEL	8
#define DATA_SEL	16

static inline void set_flat_mode(struct kvm_sregs *sregs)
{
	struct kvm_segment flat = {
		.limit = 0xffffffff, .selector = DATA_SEL, .type = 3,
		.present = 1, .s = 1, .db = 1, .g = 1,
	};

	sregs->ds = flat;
	sregs->es = flat;
	sregs->fs = flat;
	sregs->gs = flat;
	sregs->ss = flat;
	flat.selector = CODE_SEL;
	flat.type = 11;
	sregs->cs = flat;
	sregs->cr0 = 0x21;
}

#endif /* LAB_STRESS_FLAT_H */
