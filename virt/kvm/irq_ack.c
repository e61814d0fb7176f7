// SPDX-License-Identifier: GPL-2.0-only
/*
 * Acknowledge notifiers: what is called when the guest has acknowledged a GSI.
 *
 * Devices of the kernel's own are on a list.  There is one at most, x86's PIT,
 * and the list is changed under kvm->irq_lock and read under kvm->irq_srcu, under
 * which the notifiers are called as well.
 *
 * Level irqfds, of which there may be any number, are looked up by GSI.
 */

#include <linux/kvm_host.h>
#include <linux/kvm_irqfd_arch.h>
#include <linux/rculist.h>
#include <linux/srcu.h>
#include <trace/events/kvm.h>

#include "irqfd.h"

/* The part of it that a mask doesn't hold up.  Under kvm->irq_srcu. */
static void irq_ack_notify_list(struct kvm *kvm, int gsi)
{
	struct kvm_irq_ack_notifier *kian;

	hlist_for_each_entry_srcu(kian, &kvm->irq_ack_notifier_list, link,
				  srcu_read_lock_held(&kvm->irq_srcu))
		if (kian->gsi == gsi)
			kian->irq_acked(kian);
}

static bool irq_ack_on_list(struct kvm *kvm, int gsi)
{
	struct kvm_irq_ack_notifier *kian;

	hlist_for_each_entry_srcu(kian, &kvm->irq_ack_notifier_list, link,
				  srcu_read_lock_held(&kvm->irq_srcu))
		if (kian->gsi == gsi)
			return true;

	return false;
}

/**
 * kvm_irq_has_notifier - does anyone want to know of this pin's acknowledge?
 * @kvm: the VM
 * @irqchip: the irqchip
 * @pin: its pin
 *
 * Context: any that may take a read section of kvm->irq_srcu.
 * Return: true if the pin has a GSI and the GSI a notifier.
 */
bool kvm_irq_has_notifier(struct kvm *kvm, unsigned int irqchip,
			  unsigned int pin)
{
	bool found = false;
	int gsi, idx;

	idx = srcu_read_lock(&kvm->irq_srcu);
	gsi = kvm_irq_map_chip_pin(kvm, irqchip, pin);
	if (gsi != -1)
		found = kvm_irqfd_level_on_gsi(kvm, gsi) || irq_ack_on_list(kvm, gsi);
	srcu_read_unlock(&kvm->irq_srcu, idx);

	return found;
}
EXPORT_SYMBOL_GPL(kvm_irq_has_notifier);

/**
 * kvm_notify_acked_gsi - the guest has acknowledged a GSI
 * @kvm: the VM
 * @gsi: the GSI
 *
 * Context: a read section of kvm->irq_srcu, no lock of an irqchip held: notifiers
 * take those.  Interrupts may be off where kvm_set_irq() may be called so, and no
 * notifier on the list needs them on.
 */
void kvm_notify_acked_gsi(struct kvm *kvm, int gsi)
{
	kvm_irqfd_level_acked(kvm, gsi);
	irq_ack_notify_list(kvm, gsi);
}

static void irq_ack_notify_pin(struct kvm *kvm, unsigned int irqchip,
			       unsigned int pin, bool masked)
{
	int gsi, idx;

	trace_kvm_ack_irq(irqchip, pin);

	idx = srcu_read_lock(&kvm->irq_srcu);
	gsi = kvm_irq_map_chip_pin(kvm, irqchip, pin);
	if (gsi != -1 && !masked)
		kvm_irqfd_level_acked(kvm, gsi);
	if (gsi != -1)
		irq_ack_notify_list(kvm, gsi);
	srcu_read_unlock(&kvm->irq_srcu, idx);
}

/**
 * kvm_notify_acked_irq - the guest has acknowledged an irqchip's pin
 * @kvm: the VM
 * @irqchip: the irqchip
 * @pin: its pin; nothing happens if it has no GSI
 *
 * Context: as kvm_notify_acked_gsi(), without the read section.
 */
void kvm_notify_acked_irq(struct kvm *kvm, unsigned int irqchip,
			  unsigned int pin)
{
	irq_ack_notify_pin(kvm, irqchip, pin, false);
}

/**
 * kvm_notify_acked_masked_irq - the same, of a pin that the guest has masked
 * @kvm: the VM
 * @irqchip: the irqchip
 * @pin: its pin
 *
 * The guest has not looked after the device yet, or it would have unmasked the
 * pin.  Level irqfds keep the line up; the irqchip calls
 * kvm_notify_irqfd_resampler() when the pin is unmasked.
 * Context: as kvm_notify_acked_irq().
 */
void kvm_notify_acked_masked_irq(struct kvm *kvm, unsigned int irqchip,
				 unsigned int pin)
{
	irq_ack_notify_pin(kvm, irqchip, pin, true);
}

/**
 * kvm_register_irq_ack_notifier - be told of acknowledges from now on
 * @kvm: the VM
 * @kian: the notifier, its GSI and callback set; the list's until unregistered
 *
 * Context: process context; takes kvm->irq_lock.  Waits for no reader.
 */
void kvm_register_irq_ack_notifier(struct kvm *kvm,
				   struct kvm_irq_ack_notifier *kian)
{
	mutex_lock(&kvm->irq_lock);
	hlist_add_head_rcu(&kian->link, &kvm->irq_ack_notifier_list);
	mutex_unlock(&kvm->irq_lock);

	kvm_arch_post_irq_ack_notifier_list_update(kvm);
}

/**
 * kvm_unregister_irq_ack_notifier - be told no more
 * @kvm: the VM
 * @kian: the notifier; on return its callback neither runs nor will, and it is
 *	the caller's again
 *
 * Context: process context; takes kvm->irq_lock, and with that dropped waits
 * for a grace period of kvm->irq_srcu.
 */
void kvm_unregister_irq_ack_notifier(struct kvm *kvm,
				     struct kvm_irq_ack_notifier *kian)
{
	mutex_lock(&kvm->irq_lock);
	hlist_del_init_rcu(&kian->link);
	mutex_unlock(&kvm->irq_lock);

	synchronize_srcu_expedited(&kvm->irq_srcu);
	kvm_arch_post_irq_ack_notifier_list_update(kvm);
}
