/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that programs its interrupt controllers, for the tests of level irqfds.
 * GSI_LEVEL's pin is the IOAPIC's, GSI_BOTH's here the PIC's.
 */
#ifndef SELFTEST_KVM_LEVEL_VM_ARCH_H
#define SELFTEST_KVM_LEVEL_VM_ARCH_H

#include <stdint.h>

#include "irq_vm.h"

#define IOAPIC_GPA	0xfec00000ull

#define RTE_LEVEL	BIT(15)
#define RTE_MASKED	BIT(16)

/*
 * For the guest, which needs IOAPIC_GPA mapped.  The low and the high half of a
 * redirection entry.
 */
void rte_write(uint32_t pin, uint32_t low);
void rte_write_dest(uint32_t pin, uint32_t apic);
void ioapic_mask_and_ack(void);
void ioapic_unmask(void);
void pic_ack(void);
void pic_mask_and_ack(void);
void pic_unmask(void);

struct kvm_pic_state pic_state(struct kvm_vm *vm);
/*
 * Line GSI_BOTH of the PIC, level and not masked, and nothing else.  A PIC whose line goes
 * down before the vCPU takes the vector has a spurious interrupt: its last line's vector,
 * with nothing in service.
 */
void init_pic(struct irq_vm *v);

#endif /* SELFTEST_KVM_LEVEL_VM_ARCH_H */
