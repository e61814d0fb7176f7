/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Level irqfds' raises on pins that the guest has masked.
 */
#ifndef __KVM_X86_MASKED_IRQ_H
#define __KVM_X86_MASKED_IRQ_H

#include <linux/kvm_host.h>

#include "ioapic.h"
#include "irq.h"

void kvm_ioapic_notify_acked(struct kvm_ioapic *ioapic, int pin,
			     int trigger_mode);
bool kvm_ioapic_withhold(struct kvm_ioapic *ioapic, int pin);
void kvm_ioapic_restored(struct kvm_ioapic *ioapic, u32 irr);
void kvm_ioapic_resample(struct kvm_ioapic *ioapic);

void kvm_pic_notify_acked(struct kvm_kpic_state *s, int irq);
void kvm_pic_withhold(struct kvm_kpic_state *s, u8 irqs);
void kvm_pic_restored(struct kvm_kpic_state *s);
void kvm_pic_resample(struct kvm_pic *s, u16 irqs);

#endif /* __KVM_X86_MASKED_IRQ_H */
