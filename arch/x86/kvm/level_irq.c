// SPDX-License-Identifier: GPL-2.0-only
/*
 * What irqchips do for level irqfds.
 *
 * Masked pins
 * -----------
 *
 * A guest that acknowledges an interrupt whose pin it has masked hasn't looked
 * after the device yet: it does that next, and then unmasks.  To tell the device
 * at the acknowledge would make it raise the line for what is about to be done.
 * So the line is left up, and when the pin is unmasked what the level irqfds
 * raised is taken back instead of being injected, and they are told: a device
 * that still wants service raises the line again.
 *
 * They are told when the irqchip's lock has been dropped, because other routes
 * of the GSI may lead to the same irqchip, and because whoever is signalled
 * should find no lock of ours held.
 *
 * A state that user space sets says that a line is up, and not which source has
 * raised it.  So the decision doesn't hang on that: a line that is up at the unmask
 * is taken back if the GSI has level irqfds and no other source is known to hold it.
 * The level irqfds are told even if one is.
 *
 * An EOI that is not what it was
 * ------------------------------
 *
 * A redirection entry may be rewritten while its interrupt is in service.  The
 * EOI that will come is that of the vector, and from the vCPU, which it was sent
 * to.  A pin therefore notes the vector, and a vCPU looks for the EOIs of what it
 * has pending as well as for those of the entries as they are now; and once
 * there was such an EOI, it makes up its mind again.
 *
 * A state that user space sets has no such note.  The entry's vector is a guess,
 * and mostly right.  Where it is wrong, a level-triggered vector is in service in a
 * local APIC that no pin waits for: its EOI ends all pins whose vector is a guess.
 * One that is ended too early interrupts once more if its line is up; one that is
 * never ended doesn't interrupt any more.
 *
 * The split irqchip
 * -----------------
 *
 * The IOAPIC's pins are in user space, and the routing table has the message
 * that each of them sends, or none while it is masked.  The line of a level
 * irqfd and its being in service, remote IRR, is then kept here: who has sent a
 * message is on kvm->irqfds.sent until the EOI of the message's vector comes
 * from one of the message's vCPUs, or user space says that it has.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/list.h>
#include <linux/srcu.h>

#include "ioapic.h"
#include "irq.h"
#include "lapic.h"
#include "level_irq.h"

/* Whatever other routes the pin's GSI has go down with it. */
static void resample_pin(struct kvm *kvm, unsigned int irqchip,
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
static bool has_level_irqfds(struct kvm *kvm, unsigned int irqchip,
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

/* Once it has nothing in service, what it sends next is known. */
static bool is_guess(struct kvm_ioapic *ioapic, int pin)
{
	if (!ioapic->redirtbl[pin].fields.remote_irr)
		ioapic->guessed &= ~BIT(pin);

	return ioapic->guessed & BIT(pin);
}

/**
 * kvm_ioapic_may_await - may an EOI end a pin of which the vector is a guess?
 * @ioapic: the IOAPIC
 * @pin: its pin
 * @vector: the EOI's vector, which isn't the one that was guessed
 *
 * Context: the IOAPIC's lock.
 * Return: true if the pin may be meant, and none has that vector in service.
 */
bool kvm_ioapic_may_await(struct kvm_ioapic *ioapic, int pin, int vector)
{
	int i;

	lockdep_assert_held(&ioapic->lock);

	if (!is_guess(ioapic, pin))
		return false;

	for (i = 0; i < IOAPIC_NUM_PINS; i++)
		if (ioapic->redirtbl[i].fields.remote_irr &&
		    ioapic->sent_vector[i] == vector)
			return false;

	return true;
}

static bool is_level_vector(struct kvm_vcpu *vcpu, int vector)
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
		guess |= is_guess(ioapic, pin);
	}

	for (vector = 0; guess && vector < 256; vector++)
		if (!test_bit(vector, vectors) &&
		    is_level_vector(vcpu, vector) &&
		    kvm_apic_stale_eoi(vcpu, vector))
			__set_bit(vector, vectors);
}

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
	      has_level_irqfds(ioapic->kvm, KVM_IRQCHIP_IOAPIC, pin)))
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
		kvm_ioapic_sent(ioapic, pin,
				ioapic->redirtbl[pin].fields.vector);
		if (ioapic->redirtbl[pin].fields.remote_irr)
			ioapic->guessed |= BIT(pin);
		/* Nobody would acknowledge what the state doesn't know of. */
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
		resample_pin(ioapic->kvm, KVM_IRQCHIP_IOAPIC, pin);
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
		      has_level_irqfds(pic->kvm, SELECT_PIC(base + irq),
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
		resample_pin(s->kvm, SELECT_PIC(irq), irq);
}

/* Stale EOIs */

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

/* The split irqchip */

static bool is_message(struct kvm *kvm,
		       struct kvm_kernel_irq_routing_entry *route)
{
	return irqchip_split(kvm) && route->type == KVM_IRQ_ROUTING_MSI;
}

/* Would @vcpu send @vector's EOI for this message? */
static bool is_sent_to(struct kvm_kernel_irq_routing_entry *message,
		       struct kvm_vcpu *vcpu, int vector)
{
	struct kvm_lapic_irq irq;

	kvm_set_msi_irq(vcpu->kvm, message, &irq);
	return irq.vector == vector &&
	       kvm_apic_match_dest(vcpu, NULL, APIC_DEST_NOSHORT, irq.dest_id,
				   irq.dest_mode);
}

static bool is_level(struct kvm *kvm,
		     struct kvm_kernel_irq_routing_entry *message)
{
	struct kvm_lapic_irq irq;

	kvm_set_msi_irq(kvm, message, &irq);
	return irq.trig_mode;
}

/*
 * While a message is in service others who raise the line have nothing to send:
 * they are told with its EOI.
 */
static bool send_message(struct kvm *kvm,
			 struct kvm_irqfd_resampler *resampler,
			 struct kvm_kernel_irq_routing_entry *message)
{
	bool sent = true;

	spin_lock(&kvm->irqfds.sent_lock);
	if (list_empty(&resampler->sent_link)) {
		/* Before it's sent: the EOI may be there sooner than we are. */
		resampler->sent = *message;
		list_add_tail(&resampler->sent_link, &kvm->irqfds.sent);
		sent = kvm_set_msi(message, kvm,
				   KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, 1,
				   false) > 0;
		if (!sent)
			list_del_init(&resampler->sent_link);
	}
	spin_unlock(&kvm->irqfds.sent_lock);

	return sent;
}

/* Without a route, or with one to an APIC that is off, the raise has to wait. */
bool kvm_arch_irqfd_level_raise(struct kvm *kvm,
				struct kvm_irqfd_resampler *resampler)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];

	if (!kvm_irq_map_gsi(kvm, routes, resampler->gsi))
		return false;

	if (is_message(kvm, &routes[0]))
		return send_message(kvm, resampler, &routes[0]);

	kvm_set_irq(kvm, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, resampler->gsi, 1,
		    false);
	return true;
}

void kvm_arch_irqfd_level_retire(struct kvm *kvm,
				 struct kvm_irqfd_resampler *resampler)
{
	spin_lock(&kvm->irqfds.sent_lock);
	list_del_init(&resampler->sent_link);
	spin_unlock(&kvm->irqfds.sent_lock);
}

/*
 * An entry that is made an edge loses its remote IRR: some guests end an
 * interrupt by that.
 */
void kvm_arch_irqfd_level_rerouted(struct kvm *kvm)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	struct kvm_irqfd_resampler *resampler, *next;

	if (list_empty(&kvm->irqfds.sent))
		return;

	spin_lock(&kvm->irqfds.sent_lock);
	list_for_each_entry_safe(resampler, next, &kvm->irqfds.sent,
				 sent_link) {
		if (!kvm_irq_map_gsi(kvm, routes, resampler->gsi) ||
		    !is_message(kvm, &routes[0]) ||
		    !is_level(kvm, &resampler->sent) ||
		    is_level(kvm, &routes[0]))
			continue;
		list_del_init(&resampler->sent_link);
		kvm_irqfd_level_strand(resampler);
	}
	spin_unlock(&kvm->irqfds.sent_lock);
}

/* What has no route is masked, and waits for one. */
static bool is_masked(struct kvm *kvm, struct kvm_irqfd_resampler *resampler)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];

	if (kvm_irq_map_gsi(kvm, routes, resampler->gsi))
		return false;

	kvm_irqfd_level_strand(resampler);
	return !kvm_irq_map_gsi(kvm, routes, resampler->gsi);
}

/*
 * What is on @acked, taken from kvm->irqfds.sent, has been acknowledged.  Off the
 * list one by one, as they may go when the lock is dropped.  Who raises before
 * it's their turn sends nothing and is told.
 */
static void tell_acked(struct kvm *kvm, struct list_head *acked)
	__must_hold(&kvm->irqfds.sent_lock)
{
	struct kvm_irqfd_resampler *resampler;
	unsigned int gsi;
	bool masked;

	while (!list_empty(acked)) {
		resampler = list_first_entry(acked, struct kvm_irqfd_resampler,
					     sent_link);
		list_del_init(&resampler->sent_link);
		gsi = resampler->gsi;
		masked = is_masked(kvm, resampler);
		spin_unlock(&kvm->irqfds.sent_lock);
		if (!masked)
			kvm_notify_acked_gsi(kvm, gsi);
		spin_lock(&kvm->irqfds.sent_lock);
	}
}

/**
 * kvm_split_acked - a vCPU has sent an EOI that a split IOAPIC may wait for
 * @vcpu: the vCPU
 * @vector: the EOI's vector
 *
 * Context: the vCPU's thread, interrupts on, no lock of an irqchip held.
 */
void kvm_split_acked(struct kvm_vcpu *vcpu, int vector)
{
	struct kvm *kvm = vcpu->kvm;
	struct kvm_irqfd_resampler *resampler, *next;
	LIST_HEAD(acked);
	int idx;

	/* What this EOI is for was on it before the vCPU had the interrupt. */
	if (list_empty(&kvm->irqfds.sent))
		return;

	idx = srcu_read_lock(&kvm->irq_srcu);
	spin_lock(&kvm->irqfds.sent_lock);
	list_for_each_entry_safe(resampler, next, &kvm->irqfds.sent, sent_link)
		if (is_sent_to(&resampler->sent, vcpu, vector))
			list_move_tail(&resampler->sent_link, &acked);
	tell_acked(kvm, &acked);
	spin_unlock(&kvm->irqfds.sent_lock);
	srcu_read_unlock(&kvm->irq_srcu, idx);
}

/**
 * kvm_split_ended - user space's IOAPIC has ended what a pin has in service
 * @kvm: the VM
 * @gsi: the pin's GSI
 *
 * That is an acknowledge that KVM can't know of by itself, because the EOI wasn't
 * broadcast and the IOAPIC's register is user space's, or because an irqchip was
 * reset.  An edge-triggered message isn't in service in an IOAPIC, and user space
 * may be lowering what it has just raised.
 * Context: process context, no lock of an irqchip held.
 */
void kvm_split_ended(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_irqfd_resampler *resampler, *next;
	LIST_HEAD(acked);
	int idx;

	if (list_empty(&kvm->irqfds.sent))
		return;

	idx = srcu_read_lock(&kvm->irq_srcu);
	spin_lock(&kvm->irqfds.sent_lock);
	list_for_each_entry_safe(resampler, next, &kvm->irqfds.sent, sent_link)
		if (resampler->gsi == gsi && is_level(kvm, &resampler->sent))
			list_move_tail(&resampler->sent_link, &acked);
	tell_acked(kvm, &acked);
	spin_unlock(&kvm->irqfds.sent_lock);
	srcu_read_unlock(&kvm->irq_srcu, idx);
}

/**
 * kvm_split_scan_sent - find vectors that level irqfds have in service
 * @vcpu: the vCPU
 * @vectors: where to add those whose EOI will come from @vcpu
 *
 * Context: the vCPU's thread.
 */
void kvm_split_scan_sent(struct kvm_vcpu *vcpu, ulong *vectors)
{
	struct kvm *kvm = vcpu->kvm;
	struct kvm_irqfd_resampler *resampler;
	struct kvm_lapic_irq irq;

	if (list_empty(&kvm->irqfds.sent))
		return;

	spin_lock(&kvm->irqfds.sent_lock);
	list_for_each_entry(resampler, &kvm->irqfds.sent, sent_link) {
		kvm_set_msi_irq(kvm, &resampler->sent, &irq);
		if (!test_bit(irq.vector, vectors) &&
		    kvm_apic_stale_eoi(vcpu, irq.vector))
			__set_bit(irq.vector, vectors);
	}
	spin_unlock(&kvm->irqfds.sent_lock);
}

/**
 * kvm_level_irqfd_allowed - can a GSI have level irqfds?
 * @kvm: the VM
 * @gsi: the GSI
 *
 * In a split irqchip only those GSIs that user space has reserved for its
 * IOAPIC's pins: of others the EOI isn't known.  A synthetic interrupt's is.
 * Context: process context.
 * Return: true if it can.
 */
bool kvm_level_irqfd_allowed(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	bool allowed;
	int idx;

	if (!irqchip_split(kvm))
		return irqchip_kernel(kvm);
	if (gsi < kvm->arch.nr_reserved_ioapic_pins)
		return true;

	idx = srcu_read_lock(&kvm->irq_srcu);
	allowed = kvm_irq_map_gsi(kvm, routes, gsi) == 1 &&
		  routes[0].type == KVM_IRQ_ROUTING_HV_SINT;
	srcu_read_unlock(&kvm->irq_srcu, idx);

	return allowed;
}
