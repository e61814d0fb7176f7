// SPDX-License-Identifier: GPL-2.0-only
/*
 * EOIs of interrupts that were sent by redirection entries which have changed since.
 *
 * A guest may rewrite a redirection entry while the pin's interrupt is in service.  The
 * EOI that will come is that of the vector that was sent, from the vCPU that it was
 * sent to.  So a pin notes the vector that it has sent.  A vCPU looks for the EOIs of
 * the vectors that it has pending as well as for those of the current entries.  After
 * the EOI of a vector that only a former entry had, it scans again.
 *
 * A state that user space sets has no such note.  The vector in the entry is then a
 * guess, and mostly right.  If it is wrong, a local APIC has a level-triggered vector
 * in service that no pin waits for; the EOI of that vector ends all pins whose vector
 * is a guess.  A pin that is ended too early interrupts once more if its line is up; a
 * pin that is never ended doesn't interrupt any more.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/kvm_host.h>

#include "ioapic.h"
#include "lapic.h"
#include "stale_eoi.h"

/* Local APIC */

/**
 * kvm_apic_stale_eoi - will an EOI come that is none by what is routed now?
 * @vcpu: the vCPU
 * @vector: the EOI's vector
 *
 * Context: the vCPU's thread, while it looks for the EOIs to intercept.
 * Return: true if the vector is pending or in service.
 */
bool kvm_apic_stale_eoi(struct kvm_vcpu *vcpu, int vector)
{
	if (!kvm_apic_pending_eoi(vcpu, vector))
		return false;

	vcpu->arch.apic->stale_eoi = true;
	return true;
}

/* IOAPIC */

/* Once it has nothing in service, what it sends next is known. */
static bool stale_eoi_is_guess(struct kvm_ioapic *ioapic, int pin)
{
	if (!ioapic->redirtbl[pin].fields.remote_irr)
		ioapic->guessed &= ~BIT(pin);

	return ioapic->guessed & BIT(pin);
}

/**
 * __kvm_ioapic_guesses - the pins that may be meant by an EOI that isn't theirs
 * @ioapic: the IOAPIC
 * @vector: the EOI's vector
 *
 * The caller asks before the EOI has ended any pin: after that the pin that has sent
 * @vector no longer has it in service.
 * Context: the IOAPIC's lock.
 * Return: those that have something in service whose vector is a guess, or none if
 * some pin is known to have @vector in service.
 */
u32 __kvm_ioapic_guesses(struct kvm_ioapic *ioapic, int vector)
{
	u32 guesses = 0;
	int pin;

	lockdep_assert_held(&ioapic->lock);

	for (pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
		if (ioapic->redirtbl[pin].fields.remote_irr &&
		    ioapic->sent_vector[pin] == vector)
			return 0;
		if (stale_eoi_is_guess(ioapic, pin))
			guesses |= BIT(pin);
	}

	return guesses;
}

static bool stale_eoi_is_level(struct kvm_vcpu *vcpu, int vector)
{
	return test_bit(VEC_POS(vector), vcpu->arch.apic->regs + APIC_TMR +
					 REG_POS(vector));
}

/**
 * kvm_ioapic_scan_sent - find vectors that pins have in service and changed
 * @vcpu: the vCPU
 * @vectors: where to add those whose EOI will come from @vcpu
 *
 * Context: the vCPU's thread, with the IOAPIC's lock.
 */
void kvm_ioapic_scan_sent(struct kvm_vcpu *vcpu, ulong *vectors)
{
	struct kvm_ioapic *ioapic = vcpu->kvm->arch.vioapic;
	bool guess = false;
	int pin, vector;

	lockdep_assert_held(&ioapic->lock);

	for (pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
		vector = kvm_ioapic_eoi_vector(ioapic, pin);
		if (vector != ioapic->redirtbl[pin].fields.vector &&
		    kvm_apic_stale_eoi(vcpu, vector))
			__set_bit(vector, vectors);
		guess |= stale_eoi_is_guess(ioapic, pin);
	}

	for (vector = 0; guess && vector < 256; vector++)
		if (!test_bit(vector, vectors) &&
		    stale_eoi_is_level(vcpu, vector) &&
		    kvm_apic_stale_eoi(vcpu, vector))
			__set_bit(vector, vectors);
}

/**
 * kvm_ioapic_guess_sent - user space has set the IOAPIC's state
 * @ioapic: the IOAPIC
 *
 * Context: the IOAPIC's lock.
 */
void kvm_ioapic_guess_sent(struct kvm_ioapic *ioapic)
{
	int pin;

	lockdep_assert_held(&ioapic->lock);

	for (pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
		kvm_ioapic_sent(ioapic, pin,
				ioapic->redirtbl[pin].fields.vector);
		if (ioapic->redirtbl[pin].fields.remote_irr)
			ioapic->guessed |= BIT(pin);
	}
}

/* vCPU */

/**
 * kvm_apic_begin_scan - begin to look for the EOIs to intercept
 * @vcpu: the vCPU
 * @before: where to note those that have been intercepted
 *
 * Context: the vCPU's thread.
 */
void kvm_apic_begin_scan(struct kvm_vcpu *vcpu, ulong *before)
{
	bitmap_copy(before, vcpu->arch.ioapic_handled_vectors, 256);
	vcpu->arch.apic->stale_eoi = false;
}

/**
 * kvm_apic_keep_stale - go on to intercept EOIs that are still to come
 * @vcpu: the vCPU, all that is routed now having been found
 * @before: those that have been intercepted
 *
 * Context: the vCPU's thread, after kvm_apic_begin_scan().
 */
void kvm_apic_keep_stale(struct kvm_vcpu *vcpu, ulong *before)
{
	ulong *vectors = vcpu->arch.ioapic_handled_vectors;
	int vector;

	for_each_andnot_bit(vector, before, vectors, 256)
		if (kvm_apic_stale_eoi(vcpu, vector))
			__set_bit(vector, vectors);
}
