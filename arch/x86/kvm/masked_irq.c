// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds' raises on pins that the guest has masked.
 *
 * A guest may mask a pin, acknowledge its interrupt, serve the device and then unmask
 * the pin.  If the device were told at the acknowledge, it would raise the line for
 * what the guest is about to do.  So KVM leaves the line up at the acknowledge.  When
 * the guest unmasks the pin, KVM takes back what the level irqfds raised instead of
 * injecting it, and tells them: a device that still wants service raises the line
 * again.
 *
 * KVM tells them after it has dropped the irqchip's lock, because other routes of the
 * GSI may lead to the same irqchip, and so that no eventfd is signalled under the lock.
 *
 * A state that user space sets says that a line is up, but not which source has raised
 * it.  So an unmask takes a line back if it is up, its GSI has level irqfds, and no
 * other source is known to hold it.  If another source holds it, the line stays up, but
 * the level irqfds are told all the same.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kvm_host.h>
#include <linux/kvm_irqfd_arch.h>
#include <linux/srcu.h>

#include "ioapic.h"
#include "irq.h"
#include "masked_irq.h"

/* Whatever other routes the pin's GSI has go down with it. */
static void masked_irq_resample_pin(struct kvm *kvm, unsigned int irqchip,
				    unsigned int pin)
{
	int gsi, idx;

	idx = srcu_read_lock(&kvm->irq_srcu);
	gsi = kvm_irq_map_chip_pin(kvm, irqchip, pin);
	if (gsi != -1)
		kvm_set_irq(kvm, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, gsi, 0,
			    false);
	srcu_read_unlock(&kvm->irq_srcu, idx);

	kvm_notify_irqfd_resampler(kvm, irqchip, pin);
}

/* Has the pin's GSI level irqfds?  A line that a state has up may be theirs then. */
static bool masked_irq_has_irqfds(struct kvm *kvm, unsigned int irqchip,
				  unsigned int pin)
{
	bool found;
	int gsi, idx;

	idx = srcu_read_lock(&kvm->irq_srcu);
	gsi = kvm_irq_map_chip_pin(kvm, irqchip, pin);
	found = gsi != -1 && kvm_irqfd_level_on_gsi(kvm, gsi);
	srcu_read_unlock(&kvm->irq_srcu, idx);

	return found;
}

/* IOAPIC */

/**
 * kvm_ioapic_notify_acked - tell of a pin's acknowledge, if it's time to
 * @ioapic: the IOAPIC
 * @pin: its pin
 * @trigger_mode: what was acknowledged
 *
 * Context: the vCPU's thread, with the IOAPIC's lock, which is dropped and taken
 * again.
 */
void kvm_ioapic_notify_acked(struct kvm_ioapic *ioapic, int pin,
			     int trigger_mode)
	__must_hold(&ioapic->lock)
{
	union kvm_ioapic_redirect_entry *entry = &ioapic->redirtbl[pin];
	bool masked = entry->fields.mask && trigger_mode != IOAPIC_EDGE_TRIG;

	spin_unlock(&ioapic->lock);
	if (masked)
		kvm_notify_acked_masked_irq(ioapic->kvm, KVM_IRQCHIP_IOAPIC,
					    pin);
	else
		kvm_notify_acked_irq(ioapic->kvm, KVM_IRQCHIP_IOAPIC, pin);
	spin_lock(&ioapic->lock);

	/* Unmasked in between: that was too early, with the pin in service. */
	if (masked && !entry->fields.mask)
		kvm_ioapic_withhold(ioapic, pin);
}

/**
 * kvm_ioapic_withhold - take back what level irqfds have raised
 * @ioapic: the IOAPIC
 * @pin: its pin
 *
 * kvm_ioapic_resample() has to follow, when the lock has been dropped.
 * Context: the IOAPIC's lock.
 * Return: true if that takes the line down.
 */
bool kvm_ioapic_withhold(struct kvm_ioapic *ioapic, int pin)
{
	unsigned long *state = &ioapic->irq_states[pin];

	lockdep_assert_held(&ioapic->lock);

	if (!__test_and_clear_bit(KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, state) &&
	    !(ioapic->irr & BIT(pin) &&
	      masked_irq_has_irqfds(ioapic->kvm, KVM_IRQCHIP_IOAPIC, pin)))
		return false;

	ioapic->resample |= BIT(pin);
	if (*state)
		return false;

	ioapic->irr &= ~BIT(pin);
	return true;
}

/**
 * kvm_ioapic_restored - user space has set the IOAPIC's state
 * @ioapic: the IOAPIC
 * @irr: the lines that are up in that state
 *
 * kvm_ioapic_resample() has to follow, when the lock has been dropped.
 * Context: the IOAPIC's lock.
 */
void kvm_ioapic_restored(struct kvm_ioapic *ioapic, u32 irr)
{
	int pin;

	lockdep_assert_held(&ioapic->lock);

	for (pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
		/* The guest wouldn't acknowledge what its state doesn't have. */
		if (!(irr & BIT(pin)))
			kvm_ioapic_withhold(ioapic, pin);
	}
}

/**
 * kvm_ioapic_resample - tell the level irqfds that something was withheld
 * @ioapic: the IOAPIC
 *
 * Context: process context, without the IOAPIC's lock.
 */
void kvm_ioapic_resample(struct kvm_ioapic *ioapic)
{
	unsigned long pins;
	int pin;

	if (likely(!READ_ONCE(ioapic->resample)))
		return;

	spin_lock(&ioapic->lock);
	pins = ioapic->resample;
	ioapic->resample = 0;
	spin_unlock(&ioapic->lock);

	for_each_set_bit(pin, &pins, IOAPIC_NUM_PINS)
		masked_irq_resample_pin(ioapic->kvm, KVM_IRQCHIP_IOAPIC, pin);
}

/* PIC */

/**
 * kvm_pic_notify_acked - tell of a PIC line's acknowledge, if it's time to
 * @s: the one of the two
 * @irq: the line, of all 16
 *
 * Context: process context, without the PIC's lock.  Should the line be unmasked
 * meanwhile, kvm_pic_withhold() has found it up.
 */
void kvm_pic_notify_acked(struct kvm_kpic_state *s, int irq)
{
	struct kvm *kvm = s->pics_state->kvm;

	if (READ_ONCE(s->imr) & READ_ONCE(s->elcr) & BIT(irq & 7))
		kvm_notify_acked_masked_irq(kvm, SELECT_PIC(irq), irq);
	else
		kvm_notify_acked_irq(kvm, SELECT_PIC(irq), irq);
}

/**
 * kvm_pic_withhold - take back what level irqfds have raised
 * @s: the one of the two
 * @irqs: its lines that have been unmasked, or are down in a new state
 *
 * kvm_pic_resample() has to follow, when the lock has been dropped.
 * Context: the PIC's lock.
 */
void kvm_pic_withhold(struct kvm_kpic_state *s, u8 irqs)
{
	struct kvm_pic *pic = s->pics_state;
	unsigned long lines = irqs;
	int base = s == &pic->pics[0] ? 0 : 8;
	unsigned long *state;
	int irq;

	lockdep_assert_held(&pic->lock);

	for_each_set_bit(irq, &lines, 8) {
		state = &pic->irq_states[base + irq];
		if (!__test_and_clear_bit(KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID,
					  state) &&
		    !(s->irr & BIT(irq) &&
		      masked_irq_has_irqfds(pic->kvm, SELECT_PIC(base + irq),
					    base + irq)))
			continue;

		pic->resample |= BIT(base + irq);
		if (!*state) {
			s->irr &= ~BIT(irq);
			s->last_irr &= ~BIT(irq);
		}
	}
}

/**
 * kvm_pic_restored - user space has set the state of one of the two
 * @s: that one
 *
 * kvm_pic_resample() has to follow, when the lock has been dropped.
 * Context: the PIC's lock.
 */
void kvm_pic_restored(struct kvm_kpic_state *s)
{
	lockdep_assert_held(&s->pics_state->lock);

	/* Of an edge, what is in service will be acknowledged. */
	kvm_pic_withhold(s, ~s->irr & (s->elcr | ~s->isr));
}

/**
 * kvm_pic_resample - tell the level irqfds that something was withheld
 * @s: the PIC
 * @irqs: its lines, of all 16
 *
 * Context: process context, without the PIC's lock.
 */
void kvm_pic_resample(struct kvm_pic *s, u16 irqs)
{
	unsigned long lines = irqs;
	int irq;

	for_each_set_bit(irq, &lines, PIC_NUM_PINS)
		masked_irq_resample_pin(s->kvm, SELECT_PIC(irq), irq);
}
