/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface of guest (guest.c) and host (tinyvm.c).  The guest's assembly text
 * contains these numbers too, so they have no suffixes.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

/* Guest physical addresses, which are the virtual ones as well. */
#define GUEST_PML4	0x1000
#define GUEST_PDPT	0x2000
#define GUEST_PD	0x3000		/* four pages, one for each GiB */
#define GUEST_GDT	0x7000
#define GUEST_IDT	0x8000
#define GUEST_SHARED	0x9000
#define GUEST_STACK	0x10000		/* grows down from here */
#define GUEST_CODE	0x10000
#define GUEST_MEM_SIZE	0x200000

/* Selectors into the GDT. */
#define GUEST_CS	0x08
#define GUEST_DS	0x10

/* A write here says that the routine has ended. */
#define GUEST_EXIT_PORT	0xf4

/* Interrupts that the guest has a handler for, and their vectors. */
#define GUEST_IRQ_PIN	0		/* by way of the IOAPIC */
#define GUEST_IRQ_MSI	1
#define GUEST_NR_IRQS	2
#define GUEST_VECTOR	0x40		/* and upwards, one for each */

#define GUEST_LAPIC	0xfee00000
#define GUEST_IOAPIC	0xfec00000

#ifndef __ASSEMBLER__

/* At GUEST_SHARED. */
struct guest_shared {
	uint64_t irqs[GUEST_NR_IRQS];	/* the handlers count them here */
	uint32_t ack_port;		/* if not 0, they write a word to it */
};

/* The image that goes to GUEST_CODE. */
extern const uint8_t guest_start[], guest_end[];

/*
 * Routines.  Arguments are in rdi, rsi and rcx.
 *
 * guest_ring_pio, guest_ring_mmio: write 4 bytes of arg2 to port or address
 *	arg1, arg3 times over.
 * guest_ring_round: write 1, as 4 bytes, to the ports arg1, arg1 + 4, and so on
 *	below arg2, round and round, arg3 times in all.
 * guest_ring_beside: write 1, as 4 bytes, to port arg1, and the bytes 1 to 16 to
 *	port arg2, arg3 times over.
 * guest_ring_real: as guest_ring_pio, in real mode.
 * guest_irq_setup: switch the local APIC on, and let IOAPIC pin arg1, an edge,
 *	raise the vector of GUEST_IRQ_PIN.
 * guest_irq_wait: halt with interrupts on till irqs[arg1] has reached arg2.
 */
extern const uint8_t guest_ring_pio[], guest_ring_mmio[];
extern const uint8_t guest_ring_round[], guest_ring_beside[], guest_ring_real[];
extern const uint8_t guest_irq_setup[], guest_irq_wait[];

/* Handlers, for the IDT. */
extern const uint8_t guest_isr_pin[], guest_isr_msi[];

#endif /* !__ASSEMBLER__ */
#endif /* GUEST_H */
