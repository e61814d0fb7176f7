// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: from an event to an interrupt.
 *
 * The thread or interrupt that signals runs the wake-up (irqfd.c), which takes the event
 * from the eventfd's counter.  Here it is injected.  Where the architecture can't inject
 * in a wake-up, or an irqchip's lock is taken at that moment, the event is left to one
 * of the VM's lanes (irqfd_lane.c).
 *
 * Why a wake-up may use the VM
 * ----------------------------
 * The wake-up runs under the wait queue's lock, and irqfd_publish() makes an irqfd
 * LIVE under the same lock.  Before VM close lets go of the VM, it takes every irqfd
 * of the VM off its queue under that lock, or waits until the hang-up that owns the
 * irqfd has done so.  So no wake-up uses the VM after that, and a wake-up needs no
 * read section for the pointer.
 *
 * After a change of a GSI's routes nothing goes by an old one
 * -----------------------------------------------------------
 * Every injection is in a read section of kvm->irq_srcu that begins before the look at
 * the GSI's routes, or at their generation, and ends after delivery.  A change
 * (irq_routes.c) puts the new routes in place, begins a new generation and waits for
 * these sections.  So it needn't tell any irqfd of them, and irqfds of other GSIs don't
 * notice.
 *
 * No such section waits for user space, because user space may be waiting in
 * KVM_SET_GSI_ROUTING.  A lane's worker brings missing memory in between two sections,
 * and looks the route up again in the second one.
 */

#include <linux/kvm_host.h>
#include <linux/kvm_irqfd_arch.h>
#include <linux/srcu.h>

#define CREATE_TRACE_POINTS
#include <trace/events/kvm_irqfd.h>

#include "irqfd.h"

int __weak kvm_arch_set_irq_inatomic(struct kvm_kernel_irq_routing_entry *e,
				     struct kvm *kvm, int irq_source_id,
				     int level, bool line_status)
{
	return -EWOULDBLOCK;
}

/* The GSI's generation is read first: the routes may be newer, never older. */
static noinline void irqfd_resolve(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
{
	struct kvm_irqfd_route *route = &irqfd->route;
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];

	/* Pairs with irq_put_in_place(). */
	route->generation = smp_load_acquire(&irqfd->routing->generation);
	route->nr = kvm_irqfd_map(irqfd, kvm, routes);
	if (route->nr)
		route->entry = routes[0];
	/* Lines are another matter: irqfd_set_lines_in_wakeup(). */
	route->in_wakeup = route->nr == 1 && !irqfd->resampler &&
			   !(IS_ENABLED(CONFIG_HAVE_KVM_ARCH_IRQFD_PINS) &&
			     route->entry.type == KVM_IRQ_ROUTING_IRQCHIP);
}

/* By these routes.  Its line stays up, if it's a level irqfd's. */
static int irqfd_set_lines(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm,
			   struct kvm_kernel_irq_routing_entry *routes, int nr)
{
	int ret;

	if (!irqfd->resampler)
		return kvm_arch_irqfd_pulse_inatomic(kvm, irqfd->gsi, routes, nr);

	ret = kvm_arch_irqfd_raise_inatomic(kvm, irqfd->gsi, routes, nr);
	if (ret != -EWOULDBLOCK)
		kvm_irqfd_level_raised(irqfd);

	return ret;
}

/*
 * They are looked up again, in the same read section.  So they are those that are in
 * place, or that a change is replacing, which waits for this.
 */
static noinline int irqfd_set_several_lines(struct kvm_kernel_irqfd *irqfd,
					    struct kvm *kvm)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	int nr = kvm_irqfd_map(irqfd, kvm, routes);

	/* The worker counts an edge as lost, and has a raise wait for a route. */
	return nr ? irqfd_set_lines(irqfd, kvm, routes, nr) : -EWOULDBLOCK;
}

/* By any number of routes. */
static int irqfd_set_lines_in_wakeup(struct kvm_kernel_irqfd *irqfd,
				     struct kvm *kvm)
{
	/*
	 * An edge that was left to the worker comes first.  A raise needs no such
	 * order: the line stays up.
	 */
	if (!irqfd->resampler && !kvm_irqfd_idle(irqfd))
		return -EWOULDBLOCK;

	if (likely(irqfd->route.nr == 1))
		return irqfd_set_lines(irqfd, kvm, &irqfd->route.entry, 1);

	return irqfd_set_several_lines(irqfd, kvm);
}

/**
 * kvm_irqfd_event - an event has been taken from the counter
 * @irqfd: the irqfd, LIVE
 * @kvm: its VM
 *
 * Without a route the event is lost on the guest, also if the GSI gets a route soon
 * after.  A level irqfd is different: its raise waits for a route.
 * Context: the eventfd's wait queue lock is held.
 */
void kvm_irqfd_event(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
{
	struct kvm_irqfd_route *route = &irqfd->route;
	bool delivered = false;
	int idx, ret;

	idx = srcu_read_lock(&kvm->irq_srcu);

	if (unlikely(route->generation != READ_ONCE(irqfd->routing->generation)))
		irqfd_resolve(irqfd, kvm);

	if (likely(route->in_wakeup)) {
		ret = kvm_arch_irqfd_inject(kvm, &route->entry);
		if (ret == -EWOULDBLOCK)
			goto defer;
		delivered = ret > 0 ||
			    kvm_arch_irqfd_delivered(&route->entry, ret);
	} else if (route->nr || irqfd->resampler) {
		ret = irqfd_set_lines_in_wakeup(irqfd, kvm);
		if (ret == -EWOULDBLOCK)
			goto defer;
		delivered = ret;
	}

	srcu_read_unlock(&kvm->irq_srcu, idx);
	kvm_irqfd_count(&irqfd->at_once, delivered);
	trace_kvm_irqfd_inject(kvm, irqfd, false, delivered);
	return;

defer:
	srcu_read_unlock(&kvm->irq_srcu, idx);
	kvm_irqfd_defer(irqfd, kvm);
}
