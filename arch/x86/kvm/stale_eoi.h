/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * EOIs of interrupts that were sent by redirection entries which have changed since.
 */
#ifndef __KVM_X86_STALE_EOI_H
#define __KVM_X86_STALE_EOI_H

#include <linux/kvm_host.h>

#include "ioapic.h"

/* The vector whose EOI ends what a pin has in service, or would if it had. */
static inline u8 kvm_ioapic_eoi_vector(struct kvm_ioapic *ioapic, int pin)
{
	union kvm_ioapic_redirect_entry *entry = &ioapic->redirtbl[pin];

	return entry->fields.remote_irr ? ioapic->sent_vector[pin] :
					  entry->fields.vector;
}

u32 __kvm_ioapic_guesses(struct kvm_ioapic *ioapic, int vector);

/* The pins that @vector's EOI may end though it isn't theirs, see stale_eoi.c. */
static inline u32 kvm_ioapic_guesses(struct kvm_ioapic *ioapic, int vector)
{
	return unlikely(ioapic->guessed) ?
	       __kvm_ioapic_guesses(ioapic, vector) : 0;
}

/*
 * Does @vector's EOI end what a pin has in service, or would if it had?  @guesses are
 * kvm_ioapic_guesses(), from before the EOI has ended any pin.
 */
static inline bool kvm_ioapic_awaits(struct kvm_ioapic *ioapic, int pin,
				     int vector, u32 guesses)
{
	return kvm_ioapic_eoi_vector(ioapic, pin) == vector ||
	       guesses & ioapic->guessed & BIT(pin);
}

static inline void kvm_ioapic_sent(struct kvm_ioapic *ioapic, int pin,
				   u8 vector)
{
	ioapic->sent_vector[pin] = vector;
	ioapic->guessed &= ~BIT(pin);
}

void kvm_ioapic_scan_sent(struct kvm_vcpu *vcpu, ulong *vectors);
void kvm_ioapic_guess_sent(struct kvm_ioapic *ioapic);

bool kvm_apic_stale_eoi(struct kvm_vcpu *vcpu, int vector);
void kvm_apic_begin_scan(struct kvm_vcpu *vcpu, ulong *before);
void kvm_apic_keep_stale(struct kvm_vcpu *vcpu, ulong *before);

#endif /* __KVM_X86_STALE_EOI_H */
