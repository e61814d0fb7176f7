/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Level irqfds with a split irqchip.
 */
#ifndef __KVM_X86_SPLIT_LEVEL_H
#define __KVM_X86_SPLIT_LEVEL_H

#include <linux/kvm_host.h>

#include "irq.h"

/* kvm->arch.nr_reserved_ioapic_pins is a u8, which bounds every walk over pins. */
#define SPLIT_MAX_PINS	256

/**
 * struct kvm_split_lapic - what there was before a local APIC's state changed
 * @nr: how many messages the VM's pins had sent
 * @directed: did the guest end level-triggered interrupts by the IOAPIC's register?
 * @pins: which had one in service for this vCPU
 */
struct kvm_split_lapic {
	u64 nr;
	bool directed;
	DECLARE_BITMAP(pins, SPLIT_MAX_PINS);
};

#ifdef CONFIG_KVM_SPLIT_LEVEL_IRQFD
int kvm_split_init(struct kvm *kvm, u8 pins);
void kvm_split_free(struct kvm *kvm);

void kvm_split_acked(struct kvm_vcpu *vcpu, int vector);
void kvm_split_ended(struct kvm *kvm, unsigned int gsi);
void kvm_split_scan_sent(struct kvm_vcpu *vcpu, ulong *vectors);

void kvm_split_lapic_begin(struct kvm_vcpu *vcpu,
			   struct kvm_split_lapic *before);
void kvm_split_lapic_end(struct kvm_vcpu *vcpu, struct kvm_split_lapic *before);

int kvm_split_get(struct kvm *kvm, struct kvm_irq_routing __user *user);
int kvm_split_set(struct kvm *kvm, struct kvm_irq_routing __user *user);

bool kvm_level_irqfd_allowed(struct kvm *kvm, unsigned int gsi);
#else
static inline int kvm_split_init(struct kvm *kvm, u8 pins)
{
	return 0;
}

static inline void kvm_split_free(struct kvm *kvm) {}
static inline void kvm_split_acked(struct kvm_vcpu *vcpu, int vector) {}
static inline void kvm_split_ended(struct kvm *kvm, unsigned int gsi) {}
static inline void kvm_split_scan_sent(struct kvm_vcpu *vcpu, ulong *vectors) {}
static inline void kvm_split_lapic_begin(struct kvm_vcpu *vcpu,
					 struct kvm_split_lapic *before) {}
static inline void kvm_split_lapic_end(struct kvm_vcpu *vcpu,
				       struct kvm_split_lapic *before) {}

static inline int kvm_split_get(struct kvm *kvm, struct kvm_irq_routing __user *user)
{
	return -ENOTTY;
}

static inline int kvm_split_set(struct kvm *kvm, struct kvm_irq_routing __user *user)
{
	return -ENOTTY;
}

static inline bool kvm_level_irqfd_allowed(struct kvm *kvm, unsigned int gsi)
{
	return irqchip_kernel(kvm);
}
#endif

#endif /* __KVM_X86_SPLIT_LEVEL_H */
