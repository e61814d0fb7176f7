/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of irqfd_stress: flat 32-bit code that carries out a table of
 * accesses in its memory, round and round.
 */
#ifndef LAB_STRESS_GUEST_H
#define LAB_STRESS_GUEST_H

#define GUEST_COUNTS	0x1800		/* struct guest_counts */
#define GUEST_OPS	0x2000		/* the table */
#define GUEST_NR_OPS	1024
#define GUEST_CODE	0x10000

/* The kinds of an entry of the table. */
#define OP_OUTB		0
#define OP_OUTW		1
#define OP_OUTL		2
#define OP_STOREB	3
#define OP_STOREW	4
#define OP_STOREL	5
#define OP_STOREQ	6
#define OP_LOAD		7
#define OP_INB		8
#define OP_OUTS		9		/* three bytes of the value */
#define OP_HALT		10
#define OP_NOP		11
#define NR_OP_KINDS	12

#ifndef __ASSEMBLER__
#include <stdint.h>

struct guest_op {
	uint32_t kind, addr, value, unused;
};

/* The sums of all vCPUs. */
struct guest_counts {
	uint32_t ops, interrupts;
};

/*
 * A vCPU begins at guest_start, with the first entry's number in ESI, and non-zero
 * in EBP if it must acknowledge interrupts to PICs.
 */
extern const uint8_t guest_start[], guest_isr[], guest_end[];
#endif

#endif /* LAB_STRESS_GUEST_H */
