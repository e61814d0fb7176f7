// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: from an event to an interrupt.
 *
 * The thread or interrupt that signals runs the wake-up.  The wake-up takes the event
 * from the eventfd's counter and injects it.  Where the GSI has several routes, or the
 * architecture can't inject there, the wake-up puts the irqfd on the list of one of
 * its VM's lanes, and that lane's worker injects.
 *
 * Why a wake-up may use the VM
 * ----------------------------
 * The wake-up runs under the wait queue's lock, and irqfd_publish() makes an irqfd
 * LIVE under the same lock.  Before VM close lets go of the VM, it takes every irqfd
 * of the VM off its queue under that lock, or waits until the hang-up that owns the
 * irqfd has done so.  So no wake-up uses the VM after that, and a wake-up needs no
 * read section for the pointer.
 *
 * A lane's worker doesn't hold that lock, and the eventfds of its irqfds may be gone.
 * The worker reads the pointer to the VM in a read section of kvm_irqfd_srcu, as the
 * last step before it begins to inject.  VM close clears the pointers and waits for
 * one grace period.  After that no injection begins, whatever is on the lists, and VM
 * close waits for those that have begun, at most one in each lane.  The read section
 * ends before the injection, which may sleep.  So one kvm_irqfd_srcu serves all VMs,
 * and one VM's injection can't hold up another VM's close.
 *
 * Lanes
 * -----
 * An edge takes its line up and down again.  If two workers did that to one line at
 * once, the second one's edge could merge with the first one's after the guest has
 * already taken the first, and would be lost.  Two GSIs may lead to one line.  So all
 * lines of a VM are in one lane, and its worker injects them one after the other.
 * Nothing in that lane waits for user space.
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
 *
 * After KVM_SET_GSI_ROUTING nothing goes by an old route
 * ------------------------------------------------------
 * Every injection is in a read section of kvm->irq_srcu that begins before the look at
 * the routing table, or at its generation, and ends after delivery.
 * KVM_SET_GSI_ROUTING puts the new table in place, begins a new generation and waits
 * for these sections.  So it needn't tell any irqfd of the new table.
 *
 * No such section waits for user space, because user space may be waiting in
 * KVM_SET_GSI_ROUTING.  The worker brings missing memory in between two sections, and
 * looks the route up again in the second one.
 */

#include <linux/eventfd.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/llist.h>
#include <linux/poll.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <trace/events/kvm.h>

#define CREATE_TRACE_POINTS
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

int __weak kvm_arch_set_irq_inatomic(struct kvm_kernel_irq_routing_entry *e,
				     struct kvm *kvm, int irq_source_id,
				     int level, bool line_status)
{
	return -EWOULDBLOCK;
}

/**
 * kvm_arch_irqfd_inject - inject in the wake-up, if that's possible
 * @kvm: the VM
 * @e: the GSI's only route
 *
 * Context: an eventfd's wait queue lock is held, which is a read section of RCU:
 * interrupts are off or, on PREEMPT_RT, the lock itself is one.  In a read section
 * of kvm->irq_srcu.
 * Return: as kvm_set_irq(), or -EWOULDBLOCK with nothing done.
 */
int __weak kvm_arch_irqfd_inject(struct kvm *kvm,
				 struct kvm_kernel_irq_routing_entry *e)
{
	return kvm_arch_set_irq_inatomic(e, kvm, KVM_IRQFD_IRQ_SOURCE_ID, 1,
					 false);
}

/**
 * kvm_arch_irqfd_may_wait - may this route's injection have to wait for user space?
 * @e: a route, which is no line and its GSI's only one if so
 *
 * It may have to wait until user space provides memory, or for a lock whose holder
 * waits for that.
 * Context: any.
 * Return: true if it may.
 */
bool __weak kvm_arch_irqfd_may_wait(const struct kvm_kernel_irq_routing_entry *e)
{
	return false;
}

/**
 * kvm_arch_irqfd_send - inject by a route that may have to wait, without waiting
 * @kvm: the VM
 * @e: the route
 * @irq_source_id: the IRQ source that raises
 *
 * Context: process context, in a read section of kvm->irq_srcu.
 * Return: as @e's set(), or -EWOULDBLOCK with nothing done.
 */
int __weak kvm_arch_irqfd_send(struct kvm *kvm,
			       struct kvm_kernel_irq_routing_entry *e,
			       int irq_source_id)
{
	return kvm_arch_set_irq_inatomic(e, kvm, irq_source_id, 1, false);
}

/**
 * kvm_arch_irqfd_page_in - wait for what kvm_arch_irqfd_send() didn't wait for
 * @kvm: the VM, which may be closing
 * @e: the route, which may be out of date
 *
 * Context: a worker, in no read section.  May wait for user space.
 * Return: 0 if it makes sense to try again, else a negative errno.
 */
int __weak kvm_arch_irqfd_page_in(struct kvm *kvm,
				  const struct kvm_kernel_irq_routing_entry *e)
{
	return -EOPNOTSUPP;
}

/**
 * kvm_arch_irqfd_delivered - does this mean that the guest has been told?
 * @e: the route
 * @ret: what its set() has returned for the rising edge, or
 *	kvm_arch_irqfd_inject() other than -EWOULDBLOCK
 *
 * An interrupt that has merged with one that is pending has been told.
 * Context: any.
 * Return: false if the event is lost on the guest.
 */
bool __weak kvm_arch_irqfd_delivered(const struct kvm_kernel_irq_routing_entry *e,
				     int ret)
{
	return ret >= 0;
}

static void irqfd_count(struct kvm_irqfd_count *count, bool delivered)
{
	if (likely(delivered))
		count->injected++;
	else
		count->undeliverable++;
}

/* From work */

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

	irqfd_count(&irqfd->from_work, ret);
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

static void irqfd_defer(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
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

/* In the wake-up */

/* The table's generation is read first: the route may be newer, never older. */
static noinline void irqfd_resolve(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
{
	struct kvm_irqfd_route *route = &irqfd->route;
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];

	/* Pairs with kvm_irq_routing_update(). */
	route->generation = smp_load_acquire(&kvm->irqfds.generation);
	route->nr = kvm_irq_map_gsi(kvm, routes, irqfd->gsi);
	if (route->nr)
		route->entry = routes[0];
	/* A level irqfd's line is another matter: irqfd_raise_in_wakeup(). */
	route->in_wakeup = route->nr == 1 && !irqfd->resampler;
}

/*
 * Of a level irqfd, by a route that is in no doubt.  Its line stays up, so there is no
 * order to keep with others.  What isn't a pin may be a line all the same, which the
 * architecture keeps.
 */
static noinline int irqfd_raise_in_wakeup(struct kvm_kernel_irqfd *irqfd,
					  struct kvm *kvm)
{
	struct kvm_irqfd_route *route = &irqfd->route;
	int ret;

	if (route->nr != 1 || route->entry.type != KVM_IRQ_ROUTING_IRQCHIP)
		return -EWOULDBLOCK;

	ret = kvm_arch_set_irq_inatomic(&route->entry, kvm,
					KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, 1,
					false);
	if (ret != -EWOULDBLOCK)
		kvm_irqfd_level_raised(irqfd);

	return ret;
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

	if (unlikely(route->generation != READ_ONCE(kvm->irqfds.generation)))
		irqfd_resolve(irqfd, kvm);

	if (likely(route->in_wakeup)) {
		ret = kvm_arch_irqfd_inject(kvm, &route->entry);
		if (ret == -EWOULDBLOCK)
			goto defer;
		delivered = ret > 0 ||
			    kvm_arch_irqfd_delivered(&route->entry, ret);
	} else if (irqfd->resampler) {
		ret = irqfd_raise_in_wakeup(irqfd, kvm);
		if (ret == -EWOULDBLOCK)
			goto defer;
		delivered = kvm_arch_irqfd_delivered(&route->entry, ret);
	} else if (route->nr) {
		goto defer;
	}

	srcu_read_unlock(&kvm->irq_srcu, idx);
	irqfd_count(&irqfd->at_once, delivered);
	trace_kvm_irqfd_inject(kvm, irqfd, false, delivered);
	return;

defer:
	srcu_read_unlock(&kvm->irq_srcu, idx);
	irqfd_defer(irqfd, kvm);
}

/**
 * kvm_irqfd_take - take what is in the eventfd's counter
 * @irqfd: the irqfd
 *
 * All of it, or one if the eventfd is a semaphore.  It wakes no waiter.
 * Context: the eventfd's wait queue lock is held.
 * Return: whether there was anything, which is one event then.
 */
bool kvm_irqfd_take(struct kvm_kernel_irqfd *irqfd)
{
	u64 count;

	eventfd_ctx_do_read(irqfd->eventfd, &count);

	return count;
}

/*
 * Does the counter have no room for a write(2) of 1?  The file, if there is one, stays
 * for as long as the lock is held: its release takes that first.
 */
static bool irqfd_full(struct kvm_kernel_irqfd *irqfd)
{
	struct file *file = READ_ONCE(irqfd->file);

	lockdep_assert_held(&irqfd->wqh->lock);

	return file && !(vfs_poll(file, NULL) & EPOLLOUT);
}

/*
 * Take the event of a wake-up, where other waiters are on the eventfd's queue.
 *
 * The signal and the take are one critical section.  So after it the counter of a
 * LIVE irqfd has what it had before, 0 mostly: no writer has reason to sleep, and a
 * poll finds nothing new.  Other waiters need a wake-up only if the counter is full,
 * for one of two reasons:
 * - A semaphore's counter of ULLONG_MAX takes no signal but gives one away, and so
 *   does any semaphore's at a write(2) of 0.
 * - poll(2) looks at the counter without the lock.  It may do so between a signal
 *   that fills the counter and the take, and its caller may then sleep.
 *
 * wake_up_locked_poll() takes waiters off the queue that the signal is walking.  That
 * is safe, because the signal's walk ends with this irqfd.  The signal has set
 * current->in_eventfd.  EPOLL_URING_WAKE is passed on, so that an io_uring that signals
 * finds out that one of its own polls was woken by that.
 */
static noinline bool irqfd_take_among_others(struct kvm_kernel_irqfd *irqfd,
					     __poll_t events)
{
	bool full = irqfd_full(irqfd);

	if (!kvm_irqfd_take(irqfd))
		return false;

	if (full)
		wake_up_locked_poll(irqfd->wqh,
				    EPOLLOUT | (events & EPOLL_URING_WAKE));

	return true;
}

static bool irqfd_take_signal(struct kvm_kernel_irqfd *irqfd, __poll_t events)
{
	/* It stands first. */
	if (unlikely(!list_is_last(&irqfd->wait.entry, &irqfd->wqh->head)))
		return irqfd_take_among_others(irqfd, events);

	return kvm_irqfd_take(irqfd);
}

/**
 * kvm_irqfd_wakeup - the eventfd was signalled, or is being released
 * @wait: the irqfd's place on the wait queue
 * @mode: of no interest
 * @sync: of no interest
 * @key: which of the two
 *
 * Context: the eventfd's wait queue lock is held, interrupts are off; whatever
 * context signals.
 * Return: non-zero, which ends the wake-up as the entry is exclusive, when the
 * event was consumed: nothing has come for others to read.  A semaphore's rest was
 * there before, or is what the writer of more than 1 has left for its readers.
 */
int kvm_irqfd_wakeup(struct wait_queue_entry *wait, unsigned int mode,
		     int sync, void *key)
{
	struct kvm_kernel_irqfd *irqfd =
		container_of(wait, struct kvm_kernel_irqfd, wait);
	__poll_t events = key_to_poll(key);
	struct kvm *kvm;
	int consumed = 0;

	if (events & EPOLLIN) {
		kvm = rcu_dereference_check(irqfd->vm,
					    lockdep_is_held(&irqfd->wqh->lock));
		if (kvm && irqfd_take_signal(irqfd, events)) {
			kvm_irqfd_event(irqfd, kvm);
			consumed = 1;
		}
	}

	if (unlikely(events & EPOLLHUP))
		kvm_irqfd_hang_up(irqfd);

	return consumed;
}

/**
 * kvm_irqfd_inject_add - give a new irqfd what it needs to be injected
 * @kvm: its VM
 * @irqfd: the irqfd
 *
 * Those that come one after the other don't share a lane.
 * Context: kvm->irqfds.lock is held.
 */
void kvm_irqfd_inject_add(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&kvm->irqfds.lock);

	BUILD_BUG_ON(KVM_IRQFD_LANES < 2 || KVM_IRQFD_LANES > U8_MAX);
	irqfd->own_lane = 1 + kvm->irqfds.next_lane++ % (KVM_IRQFD_LANES - 1);
}

/**
 * kvm_irqfd_inject_init_vm - set up a new VM's part of this
 * @kvm: the VM
 */
void kvm_irqfd_inject_init_vm(struct kvm *kvm)
{
	struct kvm_irqfd_lane *lane;
	int i;

	/* No route is of generation 0. */
	kvm->irqfds.generation = 1;
	for (i = 0; i < KVM_IRQFD_LANES; i++) {
		lane = &kvm->irqfds.lanes[i];
		lane->nr = i;
		lane->wq = i == LINES ? inject_wq : wait_wq;
		init_llist_head(&lane->pending);
		INIT_WORK(&lane->work, irqfd_inject_work);
	}
}

/**
 * kvm_irqfd_inject_end_vm - the counterpart of kvm_irqfd_inject_init_vm()
 * @kvm: a VM without irqfds; no work of it runs on return
 *
 * Works may have been queued for irqfds that they had been through with.
 * Context: process context.
 */
void kvm_irqfd_inject_end_vm(struct kvm *kvm)
{
	int i;

	for (i = 0; i < KVM_IRQFD_LANES; i++)
		flush_work(&kvm->irqfds.lanes[i].work);
}

/**
 * kvm_irqfd_inject_init - set up what all VMs share
 *
 * Context: module initialisation.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_irqfd_inject_init(void)
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
 * kvm_irqfd_inject_exit - the counterpart of kvm_irqfd_inject_init()
 *
 * Context: module exit; there are no VMs.
 */
void kvm_irqfd_inject_exit(void)
{
	destroy_workqueue(wait_wq);
	destroy_workqueue(inject_wq);
}
