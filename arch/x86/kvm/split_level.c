// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds with a split irqchip.
 *
 * The IOAPIC's pins are in user space, and the routing table has the message
 * that each of them sends, or none while it is masked.  A GSI below the number
 * of pins that user space has reserved is a pin.  What the IOAPIC would keep in
 * remote IRR is kept here for each pin: a message that was sent is in service
 * until the EOI of its vector comes from one of the vCPUs that it is for, or user
 * space says that it has ended it.
 *
 * No EOI passes unseen
 * --------------------
 *
 * A vCPU notices the EOIs of those vectors that it has found when it last scanned
 * the routing table, and what is noted here.  The worker may send a message of a
 * table that this vCPU hasn't scanned yet, or of one before that which it has.  So
 * the worker notes the message, looks whether each vCPU that it is for handles the
 * vector, has those scan again that don't, and then sends it.
 *
 * Either the worker or the scan sees the other one.  The scan empties the vCPU's
 * set, and takes the lock here after that; the worker looks at the set when it has
 * noted the message, with the lock held.  If the scan has the lock first, the
 * worker sees a set that was emptied, and a vector that is in it again stays there
 * until the next scan; if the worker has it first, the scan finds the message.
 *
 * A vCPU that has to scan does so before it takes the interrupt.  When the request
 * has been made, each of them has left the guest, where hardware would have taken
 * a posted interrupt and completed its EOI by the bitmap of the scan before; and it
 * enters the guest again only when there is no request.  That is why the request
 * comes before the message.
 *
 * Edge-triggered messages
 * -----------------------
 *
 * A pin that is programmed to be edge-triggered has no remote IRR, but a level
 * irqfd's line is up until it is told, and so it waits for the EOI there, too.  AVIC
 * completes an edge's EOI without an exit.  The first one that a VM sends to such a
 * pin inhibits AVIC in this VM for good.
 *
 * When a local APIC is reset
 * --------------------------
 *
 * What a local APIC loses by INIT or KVM_SET_LAPIC has no EOI.  The level irqfds
 * are told then, and their devices interrupt again if there's reason.  But where the
 * EOI is a write to the IOAPIC's register, that is still to come.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd_arch.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <trace/events/kvm.h>

#include "directed_eoi.h"
#include "ioapic.h"
#include "irq.h"
#include "lapic.h"
#include "split_level.h"

/**
 * struct split_message - what a pin has sent
 * @nr: which of the VM's messages it is
 * @route: the routing entry that it went by
 * @irq: the same for the local APICs
 */
struct split_message {
	u64 nr;
	struct kvm_kernel_irq_routing_entry route;
	struct kvm_lapic_irq irq;
};

/**
 * struct kvm_split_level - the messages of a VM's pins
 * @lock: for all of it; taken with interrupts on.  It is held while a message is
 *	sent, so that a reader that finds the message noted finds it sent
 * @nr: how many messages have been sent
 * @in_service: the pins that have a message in service
 * @sent: by pin, that message
 */
struct kvm_split_level {
	spinlock_t lock; /* for all of it */
	u64 nr;
	DECLARE_BITMAP(in_service, SPLIT_MAX_PINS);
	struct split_message sent[];
};

/**
 * kvm_split_init - set up a VM's part of this
 * @kvm: a VM that is about to get a split irqchip
 * @pins: how many GSIs are pins
 *
 * Context: process context, kvm->lock.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_split_init(struct kvm *kvm, u8 pins)
{
	struct kvm_split_level *split;

	split = kzalloc(struct_size(split, sent, pins), GFP_KERNEL_ACCOUNT);
	if (!split)
		return -ENOMEM;

	spin_lock_init(&split->lock);
	kvm->arch.split_level = split;
	return 0;
}

/**
 * kvm_split_free - the counterpart of kvm_split_init()
 * @kvm: a VM without irqfds and vCPUs, which may have no split irqchip
 *
 * Context: process context.
 */
void kvm_split_free(struct kvm *kvm)
{
	kfree(kvm->arch.split_level);
}

static bool split_is_pin(struct kvm *kvm, unsigned int gsi)
{
	return kvm->arch.split_level && gsi < kvm->arch.nr_reserved_ioapic_pins;
}

static bool split_nothing_in_service(struct kvm_split_level *split)
{
	/* Without the lock: the callers needn't see what is sent from now on. */
	return data_race(bitmap_empty(split->in_service, SPLIT_MAX_PINS));
}

static bool split_is_for(struct kvm_lapic_irq *irq, struct kvm_vcpu *vcpu)
{
	return kvm_apic_match_dest(vcpu, NULL, irq->shorthand, irq->dest_id,
				   irq->dest_mode);
}

static bool split_is_level(struct kvm *kvm,
			   struct kvm_kernel_irq_routing_entry *route)
{
	struct kvm_lapic_irq irq;

	kvm_set_msi_irq(kvm, route, &irq);
	return irq.trig_mode;
}

static bool split_is_handled(struct kvm_vcpu *vcpu, int vector)
{
	/* A scan of the vCPU's may be at it, see above. */
	return data_race(test_bit(vector, vcpu->arch.ioapic_handled_vectors));
}

/* Have each vCPU scan that @irq is for and that wouldn't notice its EOI. */
static void split_make_handled(struct kvm *kvm, struct kvm_lapic_irq *irq)
{
	DECLARE_BITMAP(vcpus, KVM_MAX_VCPUS) = {};
	struct kvm_vcpu *vcpu;
	unsigned long i;

	lockdep_assert_held(&kvm->arch.split_level->lock);

	kvm_bitmap_or_dest_vcpus(kvm, irq, vcpus);
	for_each_set_bit(i, vcpus, KVM_MAX_VCPUS) {
		vcpu = kvm_get_vcpu(kvm, i);
		if (!vcpu || split_is_handled(vcpu, irq->vector))
			__clear_bit(i, vcpus);
	}
	if (!bitmap_empty(vcpus, KVM_MAX_VCPUS))
		kvm_make_scan_ioapic_request_mask(kvm, vcpus);
}

/* The message's EOI has to exit. */
static void split_inhibit_avic(struct kvm *kvm)
{
	const int reason = APICV_INHIBIT_REASON_EDGE_EOI;

	if (!test_bit(reason, &kvm->arch.apicv_inhibit_reasons))
		kvm_set_apicv_inhibit(kvm, reason);
}

/*
 * While a message is in service another raise of the line sends nothing: its level
 * irqfd is told at the EOI of that message.
 */
static bool split_send_message(struct kvm *kvm, unsigned int gsi,
			       struct kvm_kernel_irq_routing_entry *route)
{
	struct kvm_split_level *split = kvm->arch.split_level;
	struct split_message *message;
	struct kvm_lapic_irq irq;
	bool sent = true;

	gsi = array_index_nospec(gsi, kvm->arch.nr_reserved_ioapic_pins);
	message = &split->sent[gsi];
	kvm_set_msi_irq(kvm, route, &irq);
	if (!irq.trig_mode)
		split_inhibit_avic(kvm);

	spin_lock(&split->lock);
	if (!test_bit(gsi, split->in_service)) {
		/* Before it's sent: the EOI may be there sooner than we are. */
		message->nr = ++split->nr;
		message->route = *route;
		message->irq = irq;
		__set_bit(gsi, split->in_service);
		split_make_handled(kvm, &irq);
		trace_kvm_set_irq(gsi, 1, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID);
		sent = kvm_set_msi(route, kvm, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID,
				   1, false) > 0;
		if (!sent)
			__clear_bit(gsi, split->in_service);
	}
	spin_unlock(&split->lock);

	return sent;
}

/* Without a route, or with one to an APIC that is off, the raise has to wait. */
bool kvm_arch_irqfd_level_raise(struct kvm *kvm,
				struct kvm_irqfd_resampler *resampler)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	int nr;

	nr = kvm_irq_map_gsi(kvm, routes, resampler->gsi);
	if (nr && split_is_pin(kvm, resampler->gsi) &&
	    routes[0].type == KVM_IRQ_ROUTING_MSI)
		return split_send_message(kvm, resampler->gsi, &routes[0]);

	return kvm_irqfd_level_raise_by(kvm, resampler->gsi, routes, nr);
}

void kvm_arch_irqfd_level_retire(struct kvm *kvm,
				 struct kvm_irqfd_resampler *resampler)
{
	struct kvm_split_level *split = kvm->arch.split_level;

	if (!split_is_pin(kvm, resampler->gsi))
		return;

	spin_lock(&split->lock);
	__clear_bit(resampler->gsi, split->in_service);
	spin_unlock(&split->lock);
}

/*
 * An entry that is made an edge loses its remote IRR: some guests end an
 * interrupt by that.
 */
static noinline void split_rerouted(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	struct kvm_split_level *split = kvm->arch.split_level;

	if (!kvm_irq_map_gsi(kvm, routes, gsi) ||
	    routes[0].type != KVM_IRQ_ROUTING_MSI)
		return;

	spin_lock(&split->lock);
	if (test_bit(gsi, split->in_service) && split->sent[gsi].irq.trig_mode &&
	    !split_is_level(kvm, &routes[0])) {
		__clear_bit(gsi, split->in_service);
		kvm_irqfd_level_strand(kvm, gsi);
	}
	spin_unlock(&split->lock);
}

void kvm_arch_irqfd_level_rerouted(struct kvm *kvm, unsigned int gsi)
{
	if (split_is_pin(kvm, gsi))
		split_rerouted(kvm, gsi);
}

/* What has no route is masked, and waits for one. */
static bool split_is_masked(struct kvm *kvm, unsigned int pin)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];

	if (kvm_irq_map_gsi(kvm, routes, pin))
		return false;

	kvm_irqfd_level_strand(kvm, pin);
	return !kvm_irq_map_gsi(kvm, routes, pin);
}

/*
 * @pins aren't in service any more.  A level irqfd that raises before this loop gets to
 * its pin has sent a new message, and is told nevertheless; its next raise sends no
 * second message then.
 */
static void split_tell_acked(struct kvm *kvm, const unsigned long *pins)
{
	unsigned int pin;
	int idx;

	idx = srcu_read_lock(&kvm->irq_srcu);
	for_each_set_bit(pin, pins, SPLIT_MAX_PINS)
		if (!split_is_masked(kvm, pin))
			kvm_notify_acked_gsi(kvm, pin);
	srcu_read_unlock(&kvm->irq_srcu, idx);
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
	struct kvm_split_level *split = vcpu->kvm->arch.split_level;
	DECLARE_BITMAP(acked, SPLIT_MAX_PINS) = {};
	struct kvm_lapic_irq *irq;
	unsigned int pin;

	/* What this EOI is for was noted before the vCPU had the interrupt. */
	if (split_nothing_in_service(split))
		return;

	spin_lock(&split->lock);
	for_each_set_bit(pin, split->in_service, SPLIT_MAX_PINS) {
		irq = &split->sent[pin].irq;
		if (irq->vector == vector && split_is_for(irq, vcpu))
			__set_bit(pin, acked);
	}
	bitmap_andnot(split->in_service, split->in_service, acked,
		      SPLIT_MAX_PINS);
	spin_unlock(&split->lock);

	split_tell_acked(vcpu->kvm, acked);
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
	struct kvm_split_level *split = kvm->arch.split_level;
	DECLARE_BITMAP(acked, SPLIT_MAX_PINS) = {};

	if (!split_is_pin(kvm, gsi))
		return;
	gsi = array_index_nospec(gsi, kvm->arch.nr_reserved_ioapic_pins);

	spin_lock(&split->lock);
	if (test_bit(gsi, split->in_service) && split->sent[gsi].irq.trig_mode) {
		__clear_bit(gsi, split->in_service);
		__set_bit(gsi, acked);
	}
	spin_unlock(&split->lock);

	split_tell_acked(kvm, acked);
}

/**
 * kvm_split_scan_sent - find vectors that level irqfds have in service
 * @vcpu: the vCPU
 * @vectors: where to add those whose EOI may come from @vcpu; what is in there was
 *	put there after it had been emptied
 *
 * All that are for this vCPU, pending or not: a posted interrupt is neither in IRR
 * nor in ISR before the vCPU has seen it.
 * Context: the vCPU's thread.
 */
void kvm_split_scan_sent(struct kvm_vcpu *vcpu, ulong *vectors)
{
	struct kvm_split_level *split = vcpu->kvm->arch.split_level;
	struct kvm_lapic_irq *irq;
	unsigned int pin;

	/* Also if there is nothing: the lock is what orders this. */
	spin_lock(&split->lock);
	for_each_set_bit(pin, split->in_service, SPLIT_MAX_PINS) {
		irq = &split->sent[pin].irq;
		if (test_bit(irq->vector, vectors) || !split_is_for(irq, vcpu))
			continue;
		/* Not by what is routed now: once its EOI has come, look anew. */
		vcpu->arch.apic->stale_eoi = true;
		__set_bit(irq->vector, vectors);
	}
	spin_unlock(&split->lock);
}

/**
 * kvm_split_lapic_begin - a local APIC is about to get another state
 * @vcpu: its vCPU
 * @before: what kvm_split_lapic_end() has to know
 *
 * Context: process context with the vCPU loaded, or one that can't run yet.
 */
void kvm_split_lapic_begin(struct kvm_vcpu *vcpu,
			   struct kvm_split_lapic *before)
{
	struct kvm_split_level *split = vcpu->kvm->arch.split_level;
	unsigned int pin;

	if (!split)
		return;

	before->directed = kvm_directed_eoi_used(vcpu->arch.apic);
	bitmap_zero(before->pins, SPLIT_MAX_PINS);
	spin_lock(&split->lock);
	before->nr = split->nr;
	for_each_set_bit(pin, split->in_service, SPLIT_MAX_PINS)
		if (split_is_for(&split->sent[pin].irq, vcpu))
			__set_bit(pin, before->pins);
	spin_unlock(&split->lock);
}

/**
 * kvm_split_lapic_end - a local APIC has got another state
 * @vcpu: its vCPU
 * @before: what kvm_split_lapic_begin() has put there
 *
 * Tells the level irqfds whose message may have been lost.  That is a message that was
 * for this vCPU, or is now, or was sent in between, and that isn't pending here.  If
 * another vCPU has the message, its level irqfds are told without reason.
 * Context: as kvm_split_lapic_begin().
 */
void kvm_split_lapic_end(struct kvm_vcpu *vcpu, struct kvm_split_lapic *before)
{
	struct kvm_split_level *split = vcpu->kvm->arch.split_level;
	DECLARE_BITMAP(lost, SPLIT_MAX_PINS) = {};
	struct split_message *message;
	unsigned int pin;

	if (!split)
		return;

	spin_lock(&split->lock);
	/* What was posted in between is pending as well. */
	if (!bitmap_empty(split->in_service, SPLIT_MAX_PINS))
		kvm_x86_call(sync_pir_to_irr)(vcpu);
	for_each_set_bit(pin, split->in_service, SPLIT_MAX_PINS) {
		message = &split->sent[pin];
		/* It may have been ended here already, and is the IOAPIC's. */
		if (before->directed && message->irq.trig_mode)
			continue;
		if ((test_bit(pin, before->pins) || message->nr > before->nr ||
		     split_is_for(&message->irq, vcpu)) &&
		    !kvm_apic_pending_eoi(vcpu, message->irq.vector))
			__set_bit(pin, lost);
	}
	bitmap_andnot(split->in_service, split->in_service, lost,
		      SPLIT_MAX_PINS);
	spin_unlock(&split->lock);

	split_tell_acked(vcpu->kvm, lost);
}

/**
 * kvm_split_get - KVM_GET_SPLIT_LEVEL
 * @kvm: the VM
 * @user: user space's struct kvm_irq_routing
 *
 * Context: process context.
 * Return: 0; -ENXIO without a split irqchip, -EINVAL for a flag, -E2BIG, -EFAULT or
 * -ENOMEM.
 */
int kvm_split_get(struct kvm *kvm, struct kvm_irq_routing __user *user)
{
	struct kvm_split_level *split = kvm->arch.split_level;
	struct kvm_irq_routing_entry *entries, *entry;
	struct kvm_irq_routing routing;
	struct split_message *message;
	unsigned int pin, room;
	int ret = 0;

	if (!split)
		return -ENXIO;
	if (copy_from_user(&routing, user, sizeof(routing)))
		return -EFAULT;
	if (routing.flags)
		return -EINVAL;

	entries = kcalloc(SPLIT_MAX_PINS, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	if (!entries)
		return -ENOMEM;

	room = routing.nr;
	entry = entries;
	spin_lock(&split->lock);
	for_each_set_bit(pin, split->in_service, SPLIT_MAX_PINS) {
		message = &split->sent[pin];
		entry->gsi = pin;
		entry->type = KVM_IRQ_ROUTING_MSI;
		entry->u.msi.address_lo = message->route.msi.address_lo;
		entry->u.msi.address_hi = message->route.msi.address_hi;
		entry->u.msi.data = message->route.msi.data;
		entry++;
	}
	spin_unlock(&split->lock);

	routing.nr = entry - entries;
	if (routing.nr > room)
		ret = -E2BIG;
	else if (copy_to_user(user->entries, entries,
			      routing.nr * sizeof(*entries)))
		ret = -EFAULT;
	if (copy_to_user(user, &routing, sizeof(routing)))
		ret = -EFAULT;
	kfree(entries);

	return ret;
}

static int split_restore_message(struct kvm *kvm, struct split_message *messages,
				 unsigned long *pins,
				 const struct kvm_irq_routing_entry *entry)
{
	struct split_message *message;
	unsigned int pin = entry->gsi;
	int ret;

	if (pin >= kvm->arch.nr_reserved_ioapic_pins ||
	    entry->type != KVM_IRQ_ROUTING_MSI || entry->flags)
		return -EINVAL;

	pin = array_index_nospec(pin, kvm->arch.nr_reserved_ioapic_pins);
	if (__test_and_set_bit(pin, pins))
		return -EINVAL;

	message = &messages[pin];
	message->route.gsi = pin;
	message->route.type = entry->type;
	ret = kvm_set_routing_entry(kvm, &message->route, entry);
	if (!ret)
		kvm_set_msi_irq(kvm, &message->route, &message->irq);

	return ret;
}

/**
 * kvm_split_set - KVM_SET_SPLIT_LEVEL
 * @kvm: the VM
 * @user: user space's struct kvm_irq_routing
 *
 * Level irqfds whose pins aren't in service by this are told, as nothing that they
 * have raised before will be acknowledged.
 * Context: process context.
 * Return: 0; with nothing done -ENXIO without a split irqchip, -EINVAL for a flag,
 * or an entry that is of another type, of no pin, or the second of one, -EFAULT or
 * -ENOMEM.
 */
int kvm_split_set(struct kvm *kvm, struct kvm_irq_routing __user *user)
{
	struct kvm_split_level *split = kvm->arch.split_level;
	DECLARE_BITMAP(pins, SPLIT_MAX_PINS) = {};
	DECLARE_BITMAP(others, SPLIT_MAX_PINS);
	struct kvm_irq_routing_entry *entries;
	struct split_message *messages;
	struct kvm_irq_routing routing;
	unsigned int i, pin, nr_pins;
	bool has_edge = false;
	int ret = 0;

	if (!split)
		return -ENXIO;
	if (copy_from_user(&routing, user, sizeof(routing)))
		return -EFAULT;
	nr_pins = kvm->arch.nr_reserved_ioapic_pins;
	if (routing.flags || routing.nr > nr_pins)
		return -EINVAL;

	entries = memdup_array_user(user->entries, routing.nr, sizeof(*entries));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	messages = kcalloc(nr_pins, sizeof(*messages), GFP_KERNEL_ACCOUNT);
	if (!messages)
		ret = -ENOMEM;
	for (i = 0; i < routing.nr && !ret; i++)
		ret = split_restore_message(kvm, messages, pins, &entries[i]);
	if (ret)
		goto out;

	for_each_set_bit(pin, pins, SPLIT_MAX_PINS)
		has_edge |= !messages[pin].irq.trig_mode;
	if (has_edge)
		split_inhibit_avic(kvm);

	spin_lock(&split->lock);
	for_each_set_bit(pin, pins, SPLIT_MAX_PINS) {
		messages[pin].nr = ++split->nr;
		split->sent[pin] = messages[pin];
	}
	bitmap_copy(split->in_service, pins, SPLIT_MAX_PINS);
	spin_unlock(&split->lock);

	kvm_make_scan_ioapic_request(kvm);
	bitmap_zero(others, SPLIT_MAX_PINS);
	bitmap_set(others, 0, nr_pins);
	bitmap_andnot(others, others, pins, SPLIT_MAX_PINS);
	split_tell_acked(kvm, others);

out:
	kfree(messages);
	kfree(entries);
	return ret;
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
