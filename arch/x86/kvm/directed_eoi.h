/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * EOIs that a local APIC doesn't broadcast, and the IOAPIC's EOI register.
 */
#ifndef __KVM_X86_DIRECTED_EOI_H
#define __KVM_X86_DIRECTED_EOI_H

#include <linux/kvm_host.h>

#include "ioapic.h"
#include "lapic.h"

/* A direct register of the IOAPIC, where it has one. */
#define IOAPIC_REG_EOI		0x40
#define IOAPIC_VERSION_EOI	0x20

/* Besides IOAPIC_EDGE_TRIG and IOAPIC_LEVEL_TRIG: a write to that register. */
#define IOAPIC_DIRECTED_EOI	2

/* What KVM_CAP_X2APIC_API takes for it. */
#define KVM_DIRECTED_EOI_FLAGS	(KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST | \
				 KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST)

u64 kvm_directed_eoi_flags(struct kvm *kvm);
int kvm_directed_eoi_choose(struct kvm *kvm, u64 flags, u64 others);
bool kvm_directed_eoi_advertised(struct kvm *kvm);
bool kvm_directed_eoi_used(struct kvm_lapic *apic);
bool kvm_directed_eoi_awaited(struct kvm_lapic *apic, int vector);

u8 kvm_ioapic_version(struct kvm_ioapic *ioapic);
bool __kvm_ioapic_ends(struct kvm_vcpu *vcpu, struct kvm_ioapic *ioapic,
		       int pin, int vector, int trigger_mode, u32 guesses);
void kvm_ioapic_write_eoi(struct kvm_vcpu *vcpu, struct kvm_ioapic *ioapic,
			  gpa_t offset, u32 data);

/* The same; most pins have nothing to do with a vector, whatever EOI it is. */
static inline bool kvm_ioapic_ends(struct kvm_vcpu *vcpu,
				   struct kvm_ioapic *ioapic, int pin,
				   int vector, int trigger_mode,
				   u32 guesses)
{
	if (ioapic->redirtbl[pin].fields.vector != vector &&
	    ioapic->sent_vector[pin] != vector && likely(!guesses))
		return false;

	return __kvm_ioapic_ends(vcpu, ioapic, pin, vector, trigger_mode,
				 guesses);
}

#endif /* __KVM_X86_DIRECTED_EOI_H */
