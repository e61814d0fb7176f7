/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * x86's part of irq_vm.h.
 */
#ifndef SELFTEST_KVM_IRQ_VM_ARCH_H
#define SELFTEST_KVM_IRQ_VM_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "kvm_util.h"

/* The PIC's vector for line 5. */
#define PIC_VECTOR	0x55

/*
 * The pins are the IOAPIC's, but for GSI_BOTH, which is the IOAPIC's and the PIC's.
 * GSI_WORKER's MSI is to all vCPUs, which is no case for the wake-up: a worker injects it.
 */
#define GSI_IOAPIC	GSI_PIN
#define PINS_CHIP	KVM_IRQCHIP_IOAPIC
#define NR_PINS		24
#define GSI_BOTH	5

/* The guest's doorbell, where a test has one. */
#define DOORBELL_PORT	0x2000
#define DOORBELL_ADDR	DOORBELL_PORT
#define DOORBELL_FLAGS	KVM_IOEVENTFD_FLAG_PIO

/* KVM_IRQFD's errno without an interrupt controller. */
#define NO_IRQCHIP_ERRNO	EINVAL

struct irq_vm;

struct irq_vm_arch {
};

static inline bool is_doorbell(struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO && run->io.port == DOORBELL_PORT;
}

struct kvm_irq_routing_entry worker_route(uint8_t vector);

struct kvm_ioapic_state ioapic_state(struct kvm_vm *vm);
void ioapic_set_pin(struct kvm_vm *vm, int pin, uint8_t vector, bool level);
void pic_mask_all(struct kvm_vm *vm);

/* A split irqchip, whose IOAPIC user space has, of @pins pins; without routes. */
void irq_vm_init_split(struct irq_vm *v, uint32_t pins);
/* With these flags of KVM_CAP_X2APIC_API; 0 pins: KVM's IOAPIC, otherwise split. */
void irq_vm_init_x2apic(struct irq_vm *v, uint32_t pins, uint64_t flags);
/* Have the guest take and count the interrupts of one more vector. */
void irq_vm_add_vector(struct irq_vm *v, uint8_t vector);

/* Close what keeps the VM. */
static inline void irq_vm_close(struct irq_vm *v)
{
}

#endif /* SELFTEST_KVM_IRQ_VM_ARCH_H */
