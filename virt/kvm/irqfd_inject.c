// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: from an event to an interrupt.
 *
 * An event is taken from the eventfd's counter and injected in the wake-up, by
 * whoever signals.  Where that can't be done, because the GSI has several routes
 * or the architecture may have to sleep, the irqfd is put on its VM's list and
 * injected by its VM's worker.
 *
 * Why a wake-up may use the VM
 * ----------------------------
 * It runs under the wait queue's lock, and so does what makes an irqfd LIVE.  VM
 * close takes every irqfd of the VM off its queue, under that lock, or waits
 * until a hang-up that was there first has done so, before it lets go of the VM.
 * Hence no wake-up is in the VM afterwards, and none needs a read section for it.
 *
 * The worker is not under that lock, and its irqfds' eventfds may be gone.  It
 * reads the pointer to the VM under kvm_irqfd_srcu, as the last thing before it
 * begins to inject.  VM close clears the pointers and waits for one grace period: after
 * that no injection begins, however many are on the list, and the one that has
 * begun is all there is to wait for.  The read section is over when the injection
 * begins, which may sleep, so that it is the same for all VMs and no VM's
 * injection holds up another one's close.
 *
 * Why there is one worker for a VM
 * --------------------------------
 * A line goes up and down again.  Were two to do that on one line at once, an edge
 * could fall together with the end of another one and be lost after the guest
 * had taken that.  And an injection that is stuck, on memory that user space
 * provides, must not use up the workers that other VMs need: no VM has more than
 * one.
 *
 * After KVM_SET_GSI_ROUTING nothing goes by an old route
 * ------------------------------------------------------
 * Every injection is in a read section of kvm->irq_srcu from before the look at
 * the routing table, or at its generation, until it is delivered, and
 * KVM_SET_GSI_ROUTING waits for these sections when the new table is in place and
 * the generation has moved on.  So a new table needn't be told to any irqfd.
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

/*
 * Unbound, so that a task that hogs the processor the event came in on is not in
 * the way.  One work item for a VM, so that its limit is one of VMs.
 */
static struct workqueue_struct *inject_wq;

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

static void count(struct kvm_irqfd_count *count, bool delivered)
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
static bool pulse(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	bool delivered = false;
	int i, level, nr, ret;

	nr = kvm_irq_map_gsi(kvm, routes, irqfd->gsi);
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
static struct kvm *vm_of(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm;
	int idx;

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	kvm = srcu_dereference(irqfd->vm, &kvm_irqfd_srcu);
	srcu_read_unlock(&kvm_irqfd_srcu, idx);

	return kvm;
}

static void inject_deferred(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm = vm_of(irqfd);
	bool delivered;
	int idx;

	if (!kvm)
		return;

	/* kvm_set_irq()'s own section ends before it delivers. */
	idx = srcu_read_lock(&kvm->irq_srcu);
	if (irqfd->resampler)
		delivered = kvm_irqfd_level_raise(kvm, irqfd);
	else
		delivered = pulse(irqfd, kvm);
	srcu_read_unlock(&kvm->irq_srcu, idx);

	count(&irqfd->from_work, delivered);
	trace_kvm_irqfd_inject(irqfd->kvm, irqfd, true, delivered);
}

/*
 * Each irqfd stays until it has been seen to be done, and the VM until
 * kvm_irqfd_inject_synchronize().
 */
static void inject_work(struct work_struct *work)
{
	struct kvm *kvm = container_of(work, struct kvm, irqfds.inject);
	struct kvm_kernel_irqfd *irqfd, *next;
	struct llist_node *list;

	list = llist_reverse_order(llist_del_all(&kvm->irqfds.pending));
	llist_for_each_entry_safe(irqfd, next, list, pending_link) {
		/*
		 * An event from here on puts it on the list again: it may be one
		 * that this injection comes too early for.
		 */
		clear_bit_unlock(IRQFD_PENDING, &irqfd->flags);
		/* Who finds it set relies on an injection that is yet to come. */
		smp_mb__after_atomic();
		inject_deferred(irqfd);

		/* Pairs with kvm_irqfd_idle().  From here it may be freed. */
		smp_store_release(&irqfd->done, irqfd->done + 1);
		/* For wake_up_var(), which goes by the address alone. */
		smp_mb();
		wake_up_var(&irqfd->done);
	}
}

static void defer(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
{
	if (test_and_set_bit(IRQFD_PENDING, &irqfd->flags))
		return;

	irqfd->deferred++;
	llist_add(&irqfd->pending_link, &kvm->irqfds.pending);
	queue_work(inject_wq, &kvm->irqfds.inject);
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
	/* Pairs with inject_work(): all it did to the irqfd is over. */
	return smp_load_acquire(&irqfd->done) == irqfd->deferred;
}

/**
 * kvm_irqfd_flush - wait until all that was left to the worker is injected
 * @irqfd: an irqfd that no event can come in to
 *
 * Context: process context.  Waits for nothing else, but what the VM's worker has
 * before it.
 */
void kvm_irqfd_flush(struct kvm_kernel_irqfd *irqfd)
{
	if (!kvm_irqfd_idle(irqfd))
		wait_var_event(&irqfd->done, kvm_irqfd_idle(irqfd));
}

/* In the wake-up */

/* The table's generation is read first: the route may be newer, never older. */
static noinline void resolve(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
{
	struct kvm_irqfd_route *route = &irqfd->route;
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];

	/* Pairs with kvm_irq_routing_update(). */
	route->generation = smp_load_acquire(&kvm->irqfds.generation);
	route->nr = kvm_irq_map_gsi(kvm, routes, irqfd->gsi);
	if (route->nr)
		route->entry = routes[0];
	/* Whatever the routes, a line is raised from work. */
	route->in_wakeup = route->nr == 1 && !irqfd->resampler;
}

/**
 * kvm_irqfd_event - an event has been taken from the counter
 * @irqfd: the irqfd, LIVE
 * @kvm: its VM
 *
 * With no route there is nobody to interrupt, neither now nor, should it get one
 * in the meantime, from work.  A level irqfd's line is raised all the same.
 * Context: the eventfd's wait queue lock is held.
 */
void kvm_irqfd_event(struct kvm_kernel_irqfd *irqfd, struct kvm *kvm)
{
	struct kvm_irqfd_route *route = &irqfd->route;
	bool delivered = false;
	int idx, ret;

	idx = srcu_read_lock(&kvm->irq_srcu);

	if (unlikely(route->generation != READ_ONCE(kvm->irqfds.generation)))
		resolve(irqfd, kvm);

	if (likely(route->in_wakeup)) {
		ret = kvm_arch_irqfd_inject(kvm, &route->entry);
		if (ret == -EWOULDBLOCK)
			goto defer;
		delivered = ret > 0 ||
			    kvm_arch_irqfd_delivered(&route->entry, ret);
	} else if (route->nr || irqfd->resampler) {
		goto defer;
	}

	srcu_read_unlock(&kvm->irq_srcu, idx);
	count(&irqfd->at_once, delivered);
	trace_kvm_irqfd_inject(kvm, irqfd, false, delivered);
	return;

defer:
	srcu_read_unlock(&kvm->irq_srcu, idx);
	defer(irqfd, kvm);
}

/**
 * kvm_irqfd_take - take what is in the eventfd's counter
 * @irqfd: the irqfd
 *
 * All of it, or one if the eventfd is a semaphore.  Wakes nobody.
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
 * Take the event that a wake-up has come with, where others wait on the eventfd.
 *
 * A signal and its take are one critical section, so that the counter of a LIVE
 * irqfd is as full after it as it was before, 0 mostly: no writer has reason to
 * sleep, and whoever polls finds nothing new.  So nobody is woken, unless the
 * counter is full, where one of these may be untrue:
 * - A semaphore's counter of ULLONG_MAX takes no signal but gives one away, and so
 *   does any semaphore's at a write(2) of 0.
 * - poll(2) looks at the counter without the lock.  It may do so between a signal
 *   that fills the counter and the take, and its caller may then sleep.
 *
 * Waking takes waiters off the queue that is being walked, which is well since the
 * walk ends with this irqfd.  Whoever signals has set current->in_eventfd.  An
 * io_uring that signals is to find out that a poll of its own has woken it.
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
 * kvm_irqfd_inject_init_vm - set up a new VM's part of this
 * @kvm: the VM
 */
void kvm_irqfd_inject_init_vm(struct kvm *kvm)
{
	/* No route is of generation 0. */
	kvm->irqfds.generation = 1;
	init_llist_head(&kvm->irqfds.pending);
	INIT_WORK(&kvm->irqfds.inject, inject_work);
}

/**
 * kvm_irqfd_inject_init - set up what all VMs share
 *
 * Context: module initialisation.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_irqfd_inject_init(void)
{
	inject_wq = alloc_workqueue("kvm-irqfd-inject",
				    WQ_UNBOUND | WQ_HIGHPRI, WQ_MAX_ACTIVE);

	return inject_wq ? 0 : -ENOMEM;
}

/**
 * kvm_irqfd_inject_exit - the counterpart of kvm_irqfd_inject_init()
 *
 * Context: module exit; there are no VMs.
 */
void kvm_irqfd_inject_exit(void)
{
	destroy_workqueue(inject_wq);
}
