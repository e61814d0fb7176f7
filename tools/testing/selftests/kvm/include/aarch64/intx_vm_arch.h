/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * arm64's part of intx_vm.h: INTx is an SPI.
 */
#ifndef SELFTEST_KVM_INTX_VM_ARCH_H
#define SELFTEST_KVM_INTX_VM_ARCH_H

#include <linux/sizes.h>

#include "kvm_util.h"
#include "gic.h"
#include "processor.h"

static inline void guest_end_intx(void)
{
	gic_set_eoi(MIN_SPI + GSI_LEVEL);
}

/* Whatever is pending, with interrupts off before and after. */
static inline void guest_take_irqs(void)
{
	local_irq_enable();
	isb();
	local_irq_disable();
}

#endif /* SELFTEST_KVM_INTX_VM_ARCH_H */
