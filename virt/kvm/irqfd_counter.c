// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: an eventfd's counter, and those that wait for room in it.
 *
 * An irqfd consumes what is signalled.  What its take does to the counter is news for
 * other waiters on the eventfd's queue only if a writer finds room that it hadn't.
 */

#include <linux/eventfd.h>
#include <linux/kvm_irqfd.h>
#include <linux/lockdep.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/wait.h>

#include "irqfd.h"

/**
 * kvm_irqfd_wake_writers - a take has made room in the counter
 * @irqfd: the irqfd, on its eventfd's queue or not
 *
 * Wakes the writers that wait for room, as read(2) does.  A waiter that is woken under
 * the queue's lock must not signal this eventfd; current->in_eventfd tells it so.
 * Context: the eventfd's wait queue lock is held, and no walk of the queue is under way.
 */
void kvm_irqfd_wake_writers(struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&irqfd->wqh->lock);

	current->in_eventfd = 1;
	wake_up_locked_poll(irqfd->wqh, EPOLLOUT);
	current->in_eventfd = 0;
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

/**
 * kvm_irqfd_take_among_others - take the event of a signal that other waiters may see
 * @irqfd: the irqfd, LIVE, the first of several on the eventfd's queue
 * @events: what the signal's walk of the queue has as its key
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
 * Context: the eventfd's wait queue lock is held, in the signal's walk of the queue.
 * Return: whether there was an event.
 */
bool kvm_irqfd_take_among_others(struct kvm_kernel_irqfd *irqfd, __poll_t events)
{
	bool full = irqfd_full(irqfd);

	if (!kvm_irqfd_take(irqfd))
		return false;

	if (full)
		wake_up_locked_poll(irqfd->wqh,
				    EPOLLOUT | (events & EPOLL_URING_WAKE));

	return true;
}
