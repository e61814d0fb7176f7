// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: interrupts that bypass it.
 *
 * A device whose interrupt the hardware can deliver to a vCPU by itself has a
 * producer, and the irqfd on the same eventfd is the consumer.  While they are
 * connected, the architecture keeps the hardware to where the GSI leads, as long
 * as that is something the hardware can do, and gives the interrupt back to the
 * host otherwise: then it's the eventfd again, and irqfd injects.
 *
 * Which lock protects what
 * ------------------------
 * The bypass manager connects and disconnects under its own mutex, so there is one
 * producer at a time.  A GSI's routes change under kvm->irq_lock.  Both sides look at
 * kvm->irqfds.lock's data: which producers are connected, and which of the GSI's routes
 * each one's hardware has been told.
 *
 *	not on the GSI's list	no producer, or one that waits: @bypass_waits
 *	on it, no @producer	being connected: a new route is noted, so that none
 *				is missed, and not yet given to the hardware
 *	on it, @producer	connected: a new route is given to the hardware
 *
 * A connection that fails leaves the first of these and no pointer to the producer,
 * which may be freed without a call to this file.
 *
 * While KVM_IRQFD_CONTROL holds producers back, for a masked irqfd or for a move to
 * another GSI, the bypass manager has the two connected, and the architecture hasn't: the
 * interrupt stays the host's.  Only the manager knows whether a producer is still there,
 * so the consumer is unregistered and registered again for the architecture to connect or
 * disconnect it.
 */

#include <linux/irqbypass.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/sched.h>

#include "irqfd.h"

#if IS_ENABLED(CONFIG_HAVE_KVM_IRQ_BYPASS)

/* So many irqfds are told of a new route before interrupts are on for a moment. */
#define TELL_AT_ONCE	16

void __weak kvm_arch_irq_bypass_stop(struct irq_bypass_consumer *cons)
{
}

void __weak kvm_arch_irq_bypass_start(struct irq_bypass_consumer *cons)
{
}

int __weak kvm_arch_update_irqfd_routing(struct kvm *kvm, unsigned int host_irq,
					 u32 guest_irq, bool set)
{
	return 0;
}

bool __weak kvm_arch_irqfd_route_changed(struct kvm_kernel_irq_routing_entry *old,
					 struct kvm_kernel_irq_routing_entry *new)
{
	return true;
}

/* Note the route as it is now, which the caller gives to the producer. */
static void irqfd_note_route(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	struct kvm *kvm = irqfd->kvm;

	lockdep_assert_held(&kvm->irqfds.lock);

	/* Pairs with irq_put_in_place(), whose store is not under this lock. */
	irqfd->irq_generation = smp_load_acquire(&irqfd->routing->generation);
	/*
	 * The route may be newer than the generation, and is given once more then.
	 * It can't be older, and so it can't be missed.
	 */
	if (kvm_irq_map_gsi(kvm, routes, irqfd->gsi) == 1)
		irqfd->irq_entry = routes[0];
	else
		irqfd->irq_entry.type = 0;
}

static int irqfd_add_producer(struct irq_bypass_consumer *cons,
			      struct irq_bypass_producer *prod)
{
	struct kvm_kernel_irqfd *irqfd =
		container_of(cons, struct kvm_kernel_irqfd, consumer);
	struct kvm *kvm = irqfd->kvm;
	int idx, ret;
	bool held;

	idx = srcu_read_lock(&kvm->irq_srcu);
	spin_lock_irq(&kvm->irqfds.lock);
	held = irqfd->bypass_held;
	if (held) {
		irqfd->bypass_waits = true;
	} else {
		list_add_tail(&irqfd->bypass_link, &irqfd->routing->bypassed);
		/* Pairs with irq_put_in_place(): it sees the irqfd, or this its route. */
		smp_mb();
		irqfd_note_route(irqfd);
	}
	spin_unlock_irq(&kvm->irqfds.lock);
	srcu_read_unlock(&kvm->irq_srcu, idx);
	if (held)
		return 0;

	ret = kvm_arch_irq_bypass_add_producer(cons, prod);

	/* An architecture that reads the route itself has set it, under this lock. */
	spin_lock_irq(&kvm->irqfds.lock);
	irqfd->producer = ret ? NULL : prod;
	if (ret)
		list_del_init(&irqfd->bypass_link);
	spin_unlock_irq(&kvm->irqfds.lock);

	return ret;
}

static void irqfd_del_producer(struct irq_bypass_consumer *cons,
			       struct irq_bypass_producer *prod)
{
	struct kvm_kernel_irqfd *irqfd =
		container_of(cons, struct kvm_kernel_irqfd, consumer);
	struct kvm *kvm = irqfd->kvm;
	bool waited;

	spin_lock_irq(&kvm->irqfds.lock);
	waited = irqfd->bypass_waits;
	irqfd->bypass_waits = false;
	spin_unlock_irq(&kvm->irqfds.lock);
	if (waited)
		return;

	kvm_arch_irq_bypass_del_producer(cons, prod);

	spin_lock_irq(&kvm->irqfds.lock);
	irqfd->producer = NULL;
	list_del_init(&irqfd->bypass_link);
	spin_unlock_irq(&kvm->irqfds.lock);
}

/**
 * kvm_irqfd_bypass_start - have a producer bypass the irqfd, when there is one
 * @irqfd: an irqfd that is the caller's: NEW, or owned with its bypass stopped
 *
 * Injecting by hand works without it, so that failing is no error.
 * Context: process context.
 */
void kvm_irqfd_bypass_start(struct kvm_kernel_irqfd *irqfd)
{
	int ret;

	if (!kvm_arch_has_irq_bypass())
		return;

	irqfd->consumer.token = irqfd->eventfd;
	irqfd->consumer.add_producer = irqfd_add_producer;
	irqfd->consumer.del_producer = irqfd_del_producer;
	irqfd->consumer.stop = kvm_arch_irq_bypass_stop;
	irqfd->consumer.start = kvm_arch_irq_bypass_start;

	ret = irq_bypass_register_consumer(&irqfd->consumer);
	if (ret) {
		pr_info_ratelimited("irqfd: no interrupt bypass for GSI %d: %d\n",
				    irqfd->gsi, ret);
		irqfd->consumer.token = NULL;
	}
}

/**
 * kvm_irqfd_bypass_stop - have none bypass it any more
 * @irqfd: an irqfd that is the caller's; it needs no locks if its consumer.token is
 *	NULL, as there is nothing to do then, or no more
 *
 * On return the interrupt is the host's again.  The irqfd's cached routes are left
 * alone: the producer's hardware is told by the GSI.
 * Context: process context.
 */
void kvm_irqfd_bypass_stop(struct kvm_kernel_irqfd *irqfd)
{
	if (!irqfd->consumer.token)
		return;

	irq_bypass_unregister_consumer(&irqfd->consumer);
	irqfd->consumer.token = NULL;
}

/**
 * kvm_irqfd_bypass_hold - connect no producer from now on
 * @irqfd: the irqfd, LIVE
 *
 * Context: the eventfd's wait queue lock is held.
 * Return: true if one is connected, or gets connected: kvm_irqfd_bypass_reconnect() has
 * to follow.
 */
bool kvm_irqfd_bypass_hold(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;
	bool connected;

	lockdep_assert_held(&irqfd->wqh->lock);

	spin_lock(&kvm->irqfds.lock);
	irqfd->bypass_held = true;
	connected = !list_empty(&irqfd->bypass_link);
	spin_unlock(&kvm->irqfds.lock);

	return connected;
}

/**
 * kvm_irqfd_bypass_release - the counterpart of kvm_irqfd_bypass_hold()
 * @irqfd: the irqfd, LIVE
 *
 * Context: the eventfd's wait queue lock is held.
 * Return: true if a producer waits: kvm_irqfd_bypass_reconnect() has to follow.
 */
bool kvm_irqfd_bypass_release(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;
	bool waits;

	lockdep_assert_held(&irqfd->wqh->lock);

	spin_lock(&kvm->irqfds.lock);
	irqfd->bypass_held = false;
	waits = irqfd->bypass_waits;
	spin_unlock(&kvm->irqfds.lock);

	return waits;
}

/**
 * kvm_irqfd_bypass_reconnect - have a producer that is there bypass, or not any more
 * @irqfd: an irqfd that is the caller's
 *
 * On return a producer bypasses the irqfd unless producers are held back.  If they are,
 * none does.  Memory is needed only where the producer goes at that moment; if there is
 * none, no later producer bypasses the irqfd, which injects by hand.
 * Context: process context.
 */
void kvm_irqfd_bypass_reconnect(struct kvm_kernel_irqfd *irqfd)
{
	kvm_irqfd_bypass_stop(irqfd);
	kvm_irqfd_bypass_start(irqfd);
}

/* The first whose producer hasn't got the new route: those that have stand behind. */
static struct kvm_kernel_irqfd *irqfd_next_to_tell(struct kvm_gsi *gsi)
{
	struct kvm_kernel_irqfd *irqfd;

	irqfd = list_first_entry_or_null(&gsi->bypassed,
					 struct kvm_kernel_irqfd, bypass_link);
	if (!irqfd || irqfd->irq_generation == gsi->generation)
		return NULL;

	return irqfd;
}

static void irqfd_tell_producer(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_kernel_irq_routing_entry old = irqfd->irq_entry;
	struct kvm *kvm = irqfd->kvm;
	int ret;

	irqfd_note_route(irqfd);
	if (!irqfd->producer ||
	    !kvm_arch_irqfd_route_changed(&old, &irqfd->irq_entry))
		return;

	ret = kvm_arch_update_irqfd_routing(kvm, irqfd->producer->irq,
					    irqfd->gsi, true);
	if (!ret)
		return;

	/* It must not go on where it went before. */
	pr_warn_ratelimited("irqfd: interrupt %d does not follow GSI %d: %d\n",
			    irqfd->producer->irq, irqfd->gsi, ret);
	kvm_arch_update_irqfd_routing(kvm, irqfd->producer->irq, irqfd->gsi,
				      false);
}

/**
 * kvm_irqfd_bypass_rerouted - a GSI has new routes
 * @kvm: the VM
 * @gsi: the GSI
 *
 * An irqfd that injects compares the generation.  Producers that bypass one don't: they
 * are told here.
 * Context: kvm->irq_lock, with the new routes in place; the caller waits for a grace
 * period of kvm->irq_srcu before it frees the old ones.
 */
void kvm_irqfd_bypass_rerouted(struct kvm *kvm, struct kvm_gsi *gsi)
{
	struct kvm_kernel_irqfd *irqfd;
	int n = 0;

	lockdep_assert_held(&kvm->irq_lock);

	spin_lock_irq(&kvm->irqfds.lock);
	while ((irqfd = irqfd_next_to_tell(gsi))) {
		irqfd_tell_producer(irqfd);
		list_move_tail(&irqfd->bypass_link, &gsi->bypassed);
		if (++n % TELL_AT_ONCE == 0) {
			spin_unlock_irq(&kvm->irqfds.lock);
			cond_resched();
			spin_lock_irq(&kvm->irqfds.lock);
		}
	}
	spin_unlock_irq(&kvm->irqfds.lock);
}
#else
void kvm_irqfd_bypass_start(struct kvm_kernel_irqfd *irqfd)
{
}

void kvm_irqfd_bypass_stop(struct kvm_kernel_irqfd *irqfd)
{
}

bool kvm_irqfd_bypass_hold(struct kvm_kernel_irqfd *irqfd)
{
	return false;
}

bool kvm_irqfd_bypass_release(struct kvm_kernel_irqfd *irqfd)
{
	return false;
}

void kvm_irqfd_bypass_reconnect(struct kvm_kernel_irqfd *irqfd)
{
}

void kvm_irqfd_bypass_rerouted(struct kvm *kvm, struct kvm_gsi *gsi)
{
}
#endif /* CONFIG_HAVE_KVM_IRQ_BYPASS */

/**
 * kvm_irqfd_set_gsi - have an irqfd interrupt another GSI from now on
 * @irqfd: the irqfd, LIVE, no level irqfd, with nothing left to work
 * @gsi: the GSI
 * @routing: what the VM has of it
 *
 * A producer that comes later is connected by this GSI.
 * Context: the eventfd's wait queue lock is held.
 * Return: false if a producer is connected by the former one; nothing has changed then.
 */
bool kvm_irqfd_set_gsi(struct kvm_kernel_irqfd *irqfd, int gsi,
		       struct kvm_gsi *routing)
{
	struct kvm *kvm = irqfd->kvm;
	bool connected;

	lockdep_assert_held(&irqfd->wqh->lock);

	spin_lock(&kvm->irqfds.lock);
	connected = !list_empty(&irqfd->bypass_link);
	if (!connected) {
		irqfd->gsi = gsi;
		irqfd->routing = routing;
	}
	spin_unlock(&kvm->irqfds.lock);

	if (connected)
		return false;

	/* The next event looks it up. */
	irqfd->route.generation = 0;

	return true;
}
