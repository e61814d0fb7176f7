// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: events that the wake-up leaves to a worker.
 *
 * The wake-up puts the irqfd on the list of one of its VM's lanes.  The lane's worker
 * takes the irqfds from the list and injects for each.
 *
 * Why a worker may use the VM
 * ---------------------------
 * A worker doesn't hold the lock of an eventfd's wait queue, and the eventfds of its
 * irqfds may be gone.  The worker reads the pointer to the VM in a read section of
 * kvm_irqfd_srcu, as the last step before it begins to inject.  VM close clears the
 * pointers and waits for one grace period.  After that no injection begins, whatever is
 * on the lists, and VM close waits for those that have begun, at most one in each lane.
 * The read section ends before the injection, which may sleep.  So one kvm_irqfd_srcu
 * serves all VMs, and one VM's injection can't hold up another VM's close.
 *
 * Lanes
 * -----
 * An edge takes its line up and down again.  If two workers did that to one line at
 * once, the second one's edge could merge with the first one's after the guest has
 * already taken the first, and would be lost.  Two GSIs may lead to one line.  So all
 * lines of a VM are in one lane, and its worker injects them one after the other.
 * Nothing in that lane waits for user space.  Where an architecture takes a line up
 * and down in one step, the wake-up may do that at any time, too:
 * kvm_arch_irqfd_pulse_inatomic().
 *
 * A route that may have to wait for memory is its GSI's only one and is no line, so it
 * needs no order with other GSIs.  The irqfds of such routes share the other lanes;
 * which one an irqfd uses is fixed when it is made.  An injection that is stuck holds
 * up the irqfds of the same lane.  The number of lanes is fixed, so one VM's stuck
 * injections can't use up the workers that other VMs need.
 *
 * An irqfd is in one lane at a time.  So its events stay in order, and what only the
 * worker writes has one writer.  The context that sets IRQFD_PENDING chooses the lane:
 * - An event chooses by the route if the irqfd is idle, and otherwise takes the lane
 *   in which the irqfd is being injected.
 * - A worker that finds the irqfd in the wrong lane, after a new routing table, moves
 *   it to the right one, unless an event has put it back on the worker's own list.
 */

#include <linux/kvm_host.h>
#include <linux/kvm_irqfd_arch.h>
#include <linux/llist.h>
#include <linux/srcu.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <trace/events/kvm.h>
#include <trace/events/kvm_irqfd.h>

#include "irqfd.h"

/* For what hasn't the lock of an eventfd, and never sleeps. */
DEFINE_SRCU(kvm_irqfd_srcu);

/* The lane of lines; all others are for what may wait. */
#define LINES	0

/* So often is memory brought in for an injection before it is another one's turn. */
#define TRIES	8

/*
 * Unbound, so that a task that hogs the processor on which the event came in doesn't
 * delay the worker.  Lines have a workqueue of their own, in which no work waits for
 * user space: a line finds a worker, whatever number of other injections is stuck.
 */
static struct workqueue_struct *inject_wq, *wait_wq;

/*
 * Up and down again, both by the same routes: were a new routing table to come
 * between, the line would stay up where the old one led, and the next edge there
 * would be none.  It's a line of irqfds' own that goes down, not that which user
 * space may hold up with KVM_IRQ_LINE.
 */
static bool irqfd_pulse(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm,
			struct kvm_kernel_irq_routing_entry *routes, int nr)
{
	bool delivered = false;
	int i, level, ret;

	ret = kvm_arch_irqfd_pulse(kvm, irqfd->gsi, routes, nr);
	if (ret != -EWOULDBLOCK)
		return ret;

	for (level = 1; level >= 0; level--) {
		trace_kvm_set_irq(irqfd->gsi, level, KVM_IRQFD_IRQ_SOURCE_ID);
		for (i = 0; i < nr; i++) {
			ret = routes[i].set(&routes[i], kvm,
					    KVM_IRQFD_IRQ_SOURCE_ID, level,
					    false);
			if (level)
				delivered |= kvm_arch_irqfd_delivered(&routes[i],
								      ret);
		}
	}

	return delivered;
}

/* The VM, unless it is being closed. */
static struct kvm *irqfd_live_vm(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm;
	int idx;

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	kvm = srcu_dereference(irqfd->vm, &kvm_irqfd_srcu);
	srcu_read_unlock(&kvm_irqfd_srcu, idx);

	return kvm;
}

/* By which lane these routes are injected. */
static unsigned int irqfd_lane_for(const struct kvm_kernel_irqfd *irqfd,
				   const struct kvm_kernel_irq_routing_entry *routes,
				   int nr)
{
	return nr == 1 && kvm_arch_irqfd_may_wait(routes) ? irqfd->own_lane :
							     LINES;
}

/* The caller has set IRQFD_PENDING.  Once on the list, the irqfd may be freed. */
static void irqfd_put_in_lane(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
{
	struct kvm_irqfd_lane *lane = &kvm->irqfds.lanes[irqfd->lane];

	llist_add(&irqfd->pending_link, &lane->pending);
	queue_work(lane->wq, &lane->work);
}

/*
 * Have it injected in lane @nr, after what is there already.  False if that isn't
 * needed, as an event has put it on the list of the lane that it is in.
 */
static bool irqfd_send_on(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm,
			  unsigned int nr)
{
	if (test_and_set_bit(IRQFD_PENDING, &irqfd->flags))
		return false;

	irqfd->lane = nr;
	irqfd_put_in_lane(irqfd, kvm);

	return true;
}

static int irqfd_send(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm,
		      struct kvm_kernel_irq_routing_entry *e)
{
	int ret;

	if (irqfd->resampler) {
		ret = kvm_arch_irqfd_send(kvm, e,
					  KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID);
		if (ret != -EWOULDBLOCK)
			kvm_irqfd_level_raised(irqfd);
	} else {
		ret = kvm_arch_irqfd_send(kvm, e, KVM_IRQFD_IRQ_SOURCE_ID);
	}

	return ret == -EWOULDBLOCK ? ret : kvm_arch_irqfd_delivered(e, ret);
}

/*
 * One attempt.  Returns whether it was delivered, -ESTALE if @nr isn't the lane it
 * should be in, which *@lane is, or -EWOULDBLOCK if it needs something brought in
 * for *@e.
 */
static int irqfd_inject_once(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm,
			     unsigned int nr, unsigned int *lane,
			     struct kvm_kernel_irq_routing_entry *e)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	int nr_routes, ret;

	lockdep_assert_held(&kvm->irq_srcu);

	nr_routes = kvm_irq_map_gsi(kvm, routes, irqfd->gsi);
	*lane = irqfd_lane_for(irqfd, routes, nr_routes);
	if (*lane != nr)
		return -ESTALE;

	if (nr != LINES) {
		*e = routes[0];
		return irqfd_send(irqfd, kvm, e);
	}

	if (!irqfd->resampler)
		return irqfd_pulse(irqfd, kvm, routes, nr_routes);

	ret = kvm_irqfd_level_raise(kvm, irqfd);
	/*
	 * It looks for itself, and may have found a route that has come since and
	 * by which set() won't wait.  That it is raised twice then does no harm.
	 */
	nr_routes = kvm_irq_map_gsi(kvm, routes, irqfd->gsi);
	*lane = irqfd_lane_for(irqfd, routes, nr_routes);

	return *lane == nr ? ret : -ESTALE;
}

/*
 * irqfd_inject_once() in one read section: kvm_set_irq()'s own ends before it delivers,
 * and a table that KVM_SET_GSI_ROUTING has replaced mustn't be used after it returns.
 */
static int irqfd_try_inject(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm,
			    unsigned int nr, unsigned int *lane,
			    struct kvm_kernel_irq_routing_entry *e)
{
	int idx, ret;

	idx = srcu_read_lock(&kvm->irq_srcu);
	ret = irqfd_inject_once(irqfd, kvm, nr, lane, e);
	srcu_read_unlock(&kvm->irq_srcu, idx);

	return ret;
}

/* True if that's done; else the irqfd is another work's, or a later one's. */
static bool irqfd_inject_deferred(struct kvm_kernel_irqfd *irqfd, unsigned int nr)
{
	struct kvm_kernel_irq_routing_entry e;
	struct kvm *kvm = irqfd_live_vm(irqfd);
	unsigned int lane;
	int ret, tries;

	/* From here on it has begun, and VM close waits for it. */
	if (!kvm)
		return true;

	for (tries = 1; ; tries++) {
		ret = irqfd_try_inject(irqfd, kvm, nr, &lane, &e);
		if (ret >= 0)
			break;
		/*
		 * If user space takes the memory away each time before it can be
		 * used, its own event waits, behind the others of the lane.
		 */
		if (ret == -ESTALE || tries > TRIES)
			return !irqfd_send_on(irqfd, kvm, lane);

		/* There is no such memory. */
		ret = kvm_arch_irqfd_page_in(kvm, &e);
		if (ret) {
			ret = 0;
			break;
		}
	}

	kvm_irqfd_count(&irqfd->from_work, ret);
	trace_kvm_irqfd_inject(irqfd->kvm, irqfd, true, ret);

	return true;
}

/* All that is on the list, the oldest first. */
static struct llist_node *irqfd_take_lane(struct kvm_irqfd_lane *lane)
{
	struct llist_node *node, *next, *first = NULL;

	for (node = llist_del_all(&lane->pending); node; node = next) {
		next = node->next;
		node->next = first;
		first = node;
		cond_resched();
	}

	return first;
}

/*
 * Each irqfd stays until it has been seen to be done, and the VM until
 * kvm_irqfd_inject_end_vm().
 */
static void irqfd_inject_work(struct work_struct *work)
{
	struct kvm_irqfd_lane *lane =
		container_of(work, struct kvm_irqfd_lane, work);
	struct kvm_kernel_irqfd *irqfd, *next;

	llist_for_each_entry_safe(irqfd, next, irqfd_take_lane(lane), pending_link) {
		/*
		 * An event from here on puts it on the list again: it may be one
		 * that this injection comes too early for.
		 */
		clear_bit_unlock(IRQFD_PENDING, &irqfd->flags);
		/* An event that finds it set relies on an injection that is to come. */
		smp_mb__after_atomic();
		if (irqfd_inject_deferred(irqfd, lane->nr)) {
			/* Pairs with kvm_irqfd_idle().  Now it may be freed. */
			smp_store_release(&irqfd->done, irqfd->done + 1);
			/* For wake_up_var(), which goes by the address alone. */
			smp_mb();
			wake_up_var(&irqfd->done);
		}
		cond_resched();
	}
}

/**
 * kvm_irqfd_defer - leave an event to a lane
 * @irqfd: the irqfd, LIVE, with a route that is looked up
 * @kvm: its VM
 *
 * Context: the eventfd's wait queue lock is held.
 */
void kvm_irqfd_defer(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
{
	struct kvm_irqfd_route *route = &irqfd->route;

	if (test_and_set_bit(IRQFD_PENDING, &irqfd->flags))
		return;

	/* One that isn't is being injected in irqfd->lane. */
	if (kvm_irqfd_idle(irqfd))
		irqfd->lane = irqfd_lane_for(irqfd, &route->entry, route->nr);
	irqfd->deferred++;
	irqfd_put_in_lane(irqfd, kvm);
}

/**
 * kvm_irqfd_idle - is nothing left to the worker?
 * @irqfd: an irqfd that no event can come in to, for good or for the moment
 *
 * Context: any.
 * Return: true if all has been injected, with the lines of edges down again; the
 * worker doesn't look at it before the next event.
 */
bool kvm_irqfd_idle(struct kvm_kernel_irqfd *irqfd)
{
	/* Pairs with irqfd_inject_work(): all it did to the irqfd is over. */
	return smp_load_acquire(&irqfd->done) == irqfd->deferred;
}

/**
 * kvm_irqfd_flush - wait until all that was left to the worker is injected
 * @irqfd: an irqfd that no event can come in to
 *
 * Context: process context.  Waits for nothing else, but what its lane has before
 * it.
 */
void kvm_irqfd_flush(struct kvm_kernel_irqfd *irqfd)
{
	if (!kvm_irqfd_idle(irqfd))
		wait_var_event(&irqfd->done, kvm_irqfd_idle(irqfd));
}

/**
 * kvm_irqfd_flush_killable - the same, unless a fatal signal comes
 * @irqfd: an irqfd that no event can come in to
 *
 * Context: as kvm_irqfd_flush().
 * Return: 0, or -ERESTARTSYS if a fatal signal came first.
 */
int kvm_irqfd_flush_killable(struct kvm_kernel_irqfd *irqfd)
{
	if (kvm_irqfd_idle(irqfd))
		return 0;

	return wait_var_event_killable(&irqfd->done, kvm_irqfd_idle(irqfd));
}

/**
 * kvm_irqfd_lane_add - give a new irqfd what it needs to be injected
 * @kvm: its VM
 * @irqfd: the irqfd
 *
 * Those that come one after the other don't share a lane.
 * Context: kvm->irqfds.lock is held.
 */
void kvm_irqfd_lane_add(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&kvm->irqfds.lock);

	BUILD_BUG_ON(KVM_IRQFD_LANES < 2 || KVM_IRQFD_LANES > U8_MAX);
	irqfd->own_lane = 1 + kvm->irqfds.next_lane++ % (KVM_IRQFD_LANES - 1);
}

/**
 * kvm_irqfd_lane_init_vm - set up a new VM's part of this
 * @kvm: the VM
 */
void kvm_irqfd_lane_init_vm(struct kvm *kvm)
{
	struct kvm_irqfd_lane *lane;
	int i;

	for (i = 0; i < KVM_IRQFD_LANES; i++) {
		lane = &kvm->irqfds.lanes[i];
		lane->nr = i;
		lane->wq = i == LINES ? inject_wq : wait_wq;
		init_llist_head(&lane->pending);
		INIT_WORK(&lane->work, irqfd_inject_work);
	}
}

/**
 * kvm_irqfd_lane_end_vm - the counterpart of kvm_irqfd_lane_init_vm()
 * @kvm: a VM without irqfds; no work of it runs on return
 *
 * Works may have been queued for irqfds that they had been through with.
 * Context: process context.
 */
void kvm_irqfd_lane_end_vm(struct kvm *kvm)
{
	int i;

	for (i = 0; i < KVM_IRQFD_LANES; i++)
		flush_work(&kvm->irqfds.lanes[i].work);
}

/**
 * kvm_irqfd_lane_init - set up what all VMs share
 *
 * Context: module initialisation.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_irqfd_lane_init(void)
{
	inject_wq = alloc_workqueue("kvm-irqfd-inject", WQ_UNBOUND,
				    WQ_MAX_ACTIVE);
	if (!inject_wq)
		return -ENOMEM;

	wait_wq = alloc_workqueue("kvm-irqfd-wait", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (!wait_wq) {
		destroy_workqueue(inject_wq);
		return -ENOMEM;
	}

	return 0;
}

/**
 * kvm_irqfd_lane_exit - the counterpart of kvm_irqfd_lane_init()
 *
 * Context: module exit; there are no VMs.
 */
void kvm_irqfd_lane_exit(void)
{
	destroy_workqueue(wait_wq);
	destroy_workqueue(inject_wq);
}
