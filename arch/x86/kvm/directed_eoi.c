// SPDX-License-Identifier: GPL-2.0-only
/*
 * EOIs that a local APIC doesn't broadcast, and the IOAPIC's EOI register.
 *
 * A guest that finds bit 24 of the local APIC's version set may set bit 12 of the
 * spurious-interrupt register.  From then on an EOI of a level-triggered interrupt ends
 * it in the local APIC only, and the guest ends it in the IOAPIC by a write to the
 * IOAPIC's EOI register, in either order.  An edge-triggered interrupt has nothing to
 * be ended in the IOAPIC; acknowledge notifiers are called at its EOI as before.
 *
 * User space chooses, by KVM_CAP_X2APIC_API, for the whole VM and before it runs:
 *
 *	nothing		as before: bit 24 is clear with KVM's IOAPIC, which has no
 *			such register; with user space's IOAPIC bit 24 is set, and
 *			every EOI is broadcast nevertheless
 *	enable		bit 24 is set, and bit 12 has its effect; KVM's IOAPIC has
 *			the register
 *	disable		bit 24 is clear, and the guest can't set bit 12
 *
 * A state that user space restores may have bit 12 set where bit 24 is clear.  Then
 * EOIs are broadcast: the guest wouldn't write the register, and no further interrupt
 * of the pin would come.
 *
 * A pin that waits for the write to the register has its remote IRR set.  Nothing else
 * is noted, so the IOAPIC's state has all of it.
 *
 * A write to the register of user space's IOAPIC is user space's.
 */
#include <linux/bitops.h>
#include <linux/kvm_host.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "directed_eoi.h"
#include "ioapic.h"
#include "irq.h"
#include "lapic.h"
#include "stale_eoi.h"

/* In kvm->arch.suppress_eoi_broadcast; a new VM has the first. */
enum { CHOSEN_NOTHING, CHOSEN_ENABLE, CHOSEN_DISABLE };

static bool directed_eoi_is_enabled(struct kvm *kvm)
{
	return READ_ONCE(kvm->arch.suppress_eoi_broadcast) == CHOSEN_ENABLE;
}

/**
 * kvm_directed_eoi_flags - what there is to choose
 * @kvm: the VM, or NULL for what a VM may have
 *
 * Context: process context.
 * Return: flags of KVM_CAP_X2APIC_API.
 */
u64 kvm_directed_eoi_flags(struct kvm *kvm)
{
	if (kvm && !irqchip_in_kernel(kvm))
		return KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST;

	return KVM_DIRECTED_EOI_FLAGS;
}

/**
 * kvm_directed_eoi_choose - have a choice of user space's
 * @kvm: the VM
 * @flags: what KVM_CAP_X2APIC_API was enabled with
 * @others: the flags among them that are for other things
 *
 * Context: process context; takes kvm->lock.
 * Return: 0, or -EINVAL with nothing changed: for a flag that isn't known; for
 * both at once; to enable it without an irqchip, or with an IOAPIC of KVM's that a
 * vCPU may have looked at.
 */
int kvm_directed_eoi_choose(struct kvm *kvm, u64 flags, u64 others)
{
	int ret = 0;

	if (flags & ~(KVM_DIRECTED_EOI_FLAGS | others))
		return -EINVAL;

	flags &= KVM_DIRECTED_EOI_FLAGS;
	if (!flags)
		return 0;
	if (flags == KVM_DIRECTED_EOI_FLAGS)
		return -EINVAL;

	/* For the irqchip and created_vcpus. */
	mutex_lock(&kvm->lock);
	if (flags & KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST) {
		WRITE_ONCE(kvm->arch.suppress_eoi_broadcast, CHOSEN_DISABLE);
	} else if (irqchip_split(kvm) ||
		   (irqchip_kernel(kvm) && !kvm->created_vcpus)) {
		WRITE_ONCE(kvm->arch.suppress_eoi_broadcast, CHOSEN_ENABLE);
	} else {
		ret = -EINVAL;
	}
	mutex_unlock(&kvm->lock);

	return ret;
}

/**
 * kvm_directed_eoi_advertised - is a guest told that it may have it?
 * @kvm: the VM
 *
 * Context: any.
 * Return: true if it is.
 */
bool kvm_directed_eoi_advertised(struct kvm *kvm)
{
	switch (READ_ONCE(kvm->arch.suppress_eoi_broadcast)) {
	case CHOSEN_ENABLE:
		return true;
	case CHOSEN_DISABLE:
		return false;
	default:
		return !ioapic_in_kernel(kvm);
	}
}

/**
 * kvm_directed_eoi_used - does a guest keep level-triggered EOIs to itself?
 * @apic: one of its local APICs
 *
 * Context: the vCPU's thread.
 * Return: true if it was told that it may, and does.
 */
bool kvm_directed_eoi_used(struct kvm_lapic *apic)
{
	return directed_eoi_is_enabled(apic->vcpu->kvm) &&
	       kvm_lapic_get_reg(apic, APIC_SPIV) & APIC_SPIV_DIRECTED_EOI &&
	       kvm_lapic_get_reg(apic, APIC_LVR) & APIC_LVR_DIRECTED_EOI;
}

/**
 * kvm_directed_eoi_awaited - is an EOI no more than the local APIC's?
 * @apic: the local APIC that an EOI was written to
 * @vector: the EOI's vector
 *
 * Context: the vCPU's thread.
 * Return: true if the IOAPIC has to wait for its own.
 */
bool kvm_directed_eoi_awaited(struct kvm_lapic *apic, int vector)
{
	return kvm_directed_eoi_used(apic) &&
	       test_bit(VEC_POS(vector),
			apic->regs + APIC_TMR + REG_POS(vector));
}

/**
 * kvm_ioapic_version - an IOAPIC's version
 * @ioapic: the IOAPIC
 *
 * Context: any.
 * Return: what its version register has.
 */
u8 kvm_ioapic_version(struct kvm_ioapic *ioapic)
{
	return directed_eoi_is_enabled(ioapic->kvm) ? IOAPIC_VERSION_EOI :
						      IOAPIC_VERSION_ID;
}

/**
 * __kvm_ioapic_ends - does an EOI end what a pin has in service?
 * @vcpu: the vCPU the EOI comes from
 * @ioapic: the IOAPIC
 * @pin: its pin
 * @vector: the EOI's vector
 * @trigger_mode: what it is an EOI of, or IOAPIC_DIRECTED_EOI
 * @guesses: kvm_ioapic_guesses(), from before the EOI has ended any pin
 *
 * A guest that rewrites an entry with its interrupt in service may mean by a
 * vector that it writes the one that was sent or the one that is there now.
 * Context: the vCPU's thread, with the IOAPIC's lock.
 * Return: true if it does, or may.
 */
bool __kvm_ioapic_ends(struct kvm_vcpu *vcpu, struct kvm_ioapic *ioapic,
		       int pin, int vector, int trigger_mode, u32 guesses)
{
	union kvm_ioapic_redirect_entry *entry = &ioapic->redirtbl[pin];
	bool is_its = kvm_ioapic_awaits(ioapic, pin, vector, guesses);

	lockdep_assert_held(&ioapic->lock);

	if (trigger_mode != IOAPIC_DIRECTED_EOI)
		return is_its &&
		       !kvm_directed_eoi_awaited(vcpu->arch.apic, vector);

	/*
	 * Without remote IRR, but with its line up: it shares the vector with
	 * another pin, and the interrupt was the other one's.
	 */
	return (is_its || entry->fields.vector == vector) &&
	       (entry->fields.remote_irr ||
		(entry->fields.trig_mode == IOAPIC_LEVEL_TRIG &&
		 ioapic->irr & BIT(pin)));
}

/**
 * kvm_ioapic_write_eoi - a write that may be one to the EOI register
 * @vcpu: the vCPU that writes
 * @ioapic: the IOAPIC
 * @offset: where to, in the IOAPIC's direct registers
 * @data: what
 *
 * Context: the vCPU's thread, without the IOAPIC's lock.
 */
void kvm_ioapic_write_eoi(struct kvm_vcpu *vcpu, struct kvm_ioapic *ioapic,
			  gpa_t offset, u32 data)
{
	if (offset == IOAPIC_REG_EOI && directed_eoi_is_enabled(ioapic->kvm))
		kvm_ioapic_update_eoi(vcpu, data & 0xff, IOAPIC_DIRECTED_EOI);
}
