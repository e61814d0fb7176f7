/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * arm64's part of irq_vm.h: a GICv3 with an ITS.
 */
#ifndef SELFTEST_KVM_IRQ_VM_ARCH_H
#define SELFTEST_KVM_IRQ_VM_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm_util.h"

/*
 * An MSI's vector is its event, and GIC_LPI + vector its LPI.  A pin is an SPI.  KVM looks
 * an MSI's translation up in the ITS when the first signal comes, which the wake-up leaves
 * to a worker, and has it in a cache from then on.
 */
#define GIC_LPI		8192

/* The only irqchip there is in a route, and its pins. */
#define PINS_CHIP	0
#define NR_PINS		(1020 - 32)

/* The guest's doorbell, where a test has one: outside of all memslots. */
#define DOORBELL_ADDR	(4ull << 30)
#define DOORBELL_FLAGS	0

/* KVM_IRQFD's errno without an interrupt controller. */
#define NO_IRQCHIP_ERRNO	EAGAIN

struct irq_vm;

struct irq_vm_arch {
	int gic_fd;
	uint64_t tables;
};

static inline bool is_doorbell(struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == DOORBELL_ADDR;
}

/* Close what keeps the VM. */
void irq_vm_close(struct irq_vm *v);

#endif /* SELFTEST_KVM_IRQ_VM_ARCH_H */
