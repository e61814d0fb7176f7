// SPDX-License-Identifier: GPL-2.0-only
/*
 * Irqfds' lines at the pins of the PIC and the IOAPIC.
 *
 * A GSI's routes may lead to both.  All of them are set in one hold of the irqchips'
 * locks.  So a pulse is one step for whatever else changes these pins, and two pulses on
 * one pin can't merge: the second one begins when the line is down again.
 *
 * The wake-up may have interrupted a context that holds one of these locks, so it only
 * tries to take them.  If it doesn't get all of them it has done nothing, and irqfd
 * leaves the event to a worker, which waits for the locks.
 *
 * A context that spins for one of these locks has interrupts on and holds no lock that
 * an injection takes.  So the wake-up, which holds the locks with interrupts off, waits
 * for none of those.
 *
 * KVM_CREATE_IRQCHIP has made both irqchips before a route can lead to their pins, and
 * they are freed when the VM is destroyed.  VM close has waited for wake-ups and workers
 * by then (irqfd_inject.c, irqfd_lane.c), so none of them sees an irqchip that is freed.
 */
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd_arch.h>
#include <linux/spinlock.h>
#include <trace/events/kvm.h>

#include "ioapic.h"
#include "irq.h"

/*
 * To find the vCPU for a pin's interrupt may take a walk over all of the VM's vCPUs.
 * With interrupts off it isn't longer than this.
 */
#define PIN_VCPUS_IRQS_OFF	64

/* The irqchips that a GSI's routes lead to. */
struct irqfd_pin_chips {
	struct kvm_pic *pic;
	struct kvm_ioapic *ioapic;
};

/* False if not all of the routes lead to pins. */
static bool irqfd_pin_find_chips(struct kvm *kvm,
				 const struct kvm_kernel_irq_routing_entry *routes,
				 int nr, struct irqfd_pin_chips *chips)
{
	int i;

	for (i = 0; i < nr; i++) {
		if (routes[i].type != KVM_IRQ_ROUTING_IRQCHIP)
			return false;

		if (routes[i].irqchip.irqchip == KVM_IRQCHIP_IOAPIC)
			chips->ioapic = kvm->arch.vioapic;
		else
			chips->pic = kvm->arch.vpic;
	}

	return true;
}

/*
 * The PIC's lock first: no other context takes one of the two inside the other.  For
 * sparse both locks are taken, as it can't follow a condition.
 */
static void irqfd_pin_lock(const struct irqfd_pin_chips *chips)
	__acquires(&chips->pic->lock)
	__acquires(&chips->ioapic->lock)
{
	if (chips->pic)
		spin_lock(&chips->pic->lock);
	else
		__acquire(chips->pic);

	if (chips->ioapic)
		spin_lock(&chips->ioapic->lock);
	else
		__acquire(chips->ioapic);
}

static void irqfd_pin_unlock_pic(const struct irqfd_pin_chips *chips)
	__releases(&chips->pic->lock)
{
	/* It wakes the vCPU that takes the PIC's interrupts. */
	if (chips->pic)
		kvm_pic_unlock(chips->pic);
	else
		__release(chips->pic);
}

static void irqfd_pin_unlock(const struct irqfd_pin_chips *chips)
	__releases(&chips->ioapic->lock)
	__releases(&chips->pic->lock)
{
	if (chips->ioapic)
		spin_unlock(&chips->ioapic->lock);
	else
		__release(chips->ioapic);

	irqfd_pin_unlock_pic(chips);
}

/* As the route's set(). */
static int irqfd_pin_set_one(const struct irqfd_pin_chips *chips,
			     const struct kvm_kernel_irq_routing_entry *route,
			     int irq_source_id, int level)
{
	if (route->irqchip.irqchip == KVM_IRQCHIP_IOAPIC)
		return kvm_ioapic_set_irq_locked(chips->ioapic,
						 route->irqchip.pin,
						 irq_source_id, level, false);

	return kvm_pic_set_irq_locked(chips->pic, route->irqchip.pin,
				      irq_source_id, level);
}

/* Returns whether one of them has told the guest: kvm_arch_irqfd_delivered(). */
static bool irqfd_pin_raise_all(const struct irqfd_pin_chips *chips,
				unsigned int gsi,
				const struct kvm_kernel_irq_routing_entry *routes,
				int nr, int irq_source_id)
{
	bool delivered = false;
	int i;

	trace_kvm_set_irq(gsi, 1, irq_source_id);
	for (i = 0; i < nr; i++)
		delivered |= irqfd_pin_set_one(chips, &routes[i],
					       irq_source_id, 1) >= 0;

	return delivered;
}

/* Up and down again.  Returns as irqfd_pin_raise_all(). */
static bool irqfd_pin_pulse_all(const struct irqfd_pin_chips *chips,
				unsigned int gsi,
				const struct kvm_kernel_irq_routing_entry *routes,
				int nr, int irq_source_id)
{
	bool delivered;
	int i;

	delivered = irqfd_pin_raise_all(chips, gsi, routes, nr, irq_source_id);
	trace_kvm_set_irq(gsi, 0, irq_source_id);
	for (i = 0; i < nr; i++)
		irqfd_pin_set_one(chips, &routes[i], irq_source_id, 0);

	return delivered;
}

int kvm_arch_irqfd_pulse(struct kvm *kvm, unsigned int gsi,
			 struct kvm_kernel_irq_routing_entry *routes, int nr)
{
	struct irqfd_pin_chips chips = {};
	bool delivered;

	if (!irqfd_pin_find_chips(kvm, routes, nr, &chips))
		return -EWOULDBLOCK;

	irqfd_pin_lock(&chips);
	delivered = irqfd_pin_pulse_all(&chips, gsi, routes, nr,
					KVM_IRQFD_IRQ_SOURCE_ID);
	irqfd_pin_unlock(&chips);

	return delivered;
}

typedef bool irqfd_pin_set_all_t(const struct irqfd_pin_chips *chips,
				 unsigned int gsi,
				 const struct kvm_kernel_irq_routing_entry *routes,
				 int nr, int irq_source_id);

/* Returns -EWOULDBLOCK with nothing done, or what set_all() does. */
static __always_inline int
irqfd_pin_try(struct kvm *kvm, unsigned int gsi,
	      const struct kvm_kernel_irq_routing_entry *routes, int nr,
	      int irq_source_id, irqfd_pin_set_all_t *set_all)
{
	struct irqfd_pin_chips chips = {};
	bool delivered;

	if (atomic_read(&kvm->online_vcpus) > PIN_VCPUS_IRQS_OFF ||
	    !irqfd_pin_find_chips(kvm, routes, nr, &chips))
		return -EWOULDBLOCK;

	if (!chips.pic)
		__acquire(chips.pic);
	else if (!spin_trylock(&chips.pic->lock))
		return -EWOULDBLOCK;

	if (!chips.ioapic) {
		__acquire(chips.ioapic);
	} else if (!spin_trylock(&chips.ioapic->lock)) {
		irqfd_pin_unlock_pic(&chips);
		return -EWOULDBLOCK;
	}

	delivered = set_all(&chips, gsi, routes, nr, irq_source_id);
	irqfd_pin_unlock(&chips);

	return delivered;
}

int kvm_arch_irqfd_pulse_inatomic(struct kvm *kvm, unsigned int gsi,
				  struct kvm_kernel_irq_routing_entry *routes,
				  int nr)
{
	return irqfd_pin_try(kvm, gsi, routes, nr, KVM_IRQFD_IRQ_SOURCE_ID,
			     irqfd_pin_pulse_all);
}

int kvm_arch_irqfd_raise_inatomic(struct kvm *kvm, unsigned int gsi,
				  struct kvm_kernel_irq_routing_entry *routes,
				  int nr)
{
	int ret = irqfd_pin_try(kvm, gsi, routes, nr,
				KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID,
				irqfd_pin_raise_all);

	/* Masked or in service, it is injected when it can be. */
	return ret < 0 ? ret : 1;
}
