/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86's part of intx_vm.h: INTx is a pin of the IOAPIC.
 */
#ifndef SELFTEST_KVM_INTX_VM_ARCH_H
#define SELFTEST_KVM_INTX_VM_ARCH_H

#include "apic.h"
#include "processor.h"

static inline void guest_end_intx(void)
{
	x2apic_write_reg(APIC_EOI, 0);
}

/* Whatever is pending, with interrupts off before and after. */
static inline void guest_take_irqs(void)
{
	asm volatile("sti; nop; cli" : : : "memory");
}

static inline void writel(uint32_t value, void *reg)
{
	WRITE_ONCE(*(uint32_t *)reg, value);
}

static inline uint32_t readl(void *reg)
{
	return READ_ONCE(*(uint32_t *)reg);
}

#endif /* SELFTEST_KVM_INTX_VM_ARCH_H */
