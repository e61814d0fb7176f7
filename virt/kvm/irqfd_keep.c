// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: irqfds that outlive their eventfds' files, with KVM_IRQFD_FLAG_KEEP.
 *
 * Once vhost or VFIO signals an eventfd that KVM has an irqfd for, user space has no use
 * for the descriptor.  When the last one is closed, such an irqfd stays on the queue,
 * LIVE: the eventfd's context is there for as long as an end of it is.
 *
 *	file open		found by its eventfd, as all irqfds
 *	   |
 *	EPOLLHUP: kvm_irqfd_keep()
 *	   v
 *	kept			found by its GSI alone: no descriptor names the eventfd,
 *	   |			and none ever will
 *	   |
 *	   | the last producer goes, a deassign of the GSI, or the VM's end: the first one
 *	   | becomes the owner, and takes it off its GSI's list
 *	   v
 *	ENDING			as all irqfds (irqfd.c)
 *
 * If the file is the last producer, the eventfd says so right after EPOLLHUP, in the same
 * critical section.
 */

#include <linux/bits.h>
#include <linux/eventfd.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/lockdep.h>
#include <linux/wait_bit.h>

#include "irqfd.h"
#include "irqfd_keep.h"

/*
 * The eventfd's last producer is going.  An irqfd that has an owner already may be off the
 * queue, but not freed, as its owner ends the listening first.
 */
static void irqfd_told(struct eventfd_listener *listener, enum eventfd_event event,
		       u64 data)
{
	struct kvm_kernel_irqfd *irqfd =
		container_of(listener, struct kvm_kernel_irqfd, listener);

	kvm_irqfd_hang_up(irqfd);
}

/**
 * kvm_irqfd_listen - have an irqfd end with its eventfd's last producer
 * @irqfd: a NEW irqfd, with its reference to the eventfd
 * @file: the eventfd's file, which the caller holds until the irqfd is LIVE or gone
 *
 * On a kernel that doesn't know an eventfd's producers it isn't told of their end.
 * Context: process context, no locks held.
 * Return: 0; -EUSERS if the eventfd has too many listeners.
 */
int kvm_irqfd_listen(struct kvm_kernel_irqfd *irqfd, struct file *file)
{
	irqfd->keep = true;
	irqfd->listener.func = irqfd_told;
	irqfd->listener.events = EVENTFD_EVENTS & BIT(EVENTFD_PRODUCERS_GONE);
	if (!irqfd->listener.events)
		return 0;

	return eventfd_listen(file, &irqfd->listener);
}

/**
 * kvm_irqfd_keep_ends - what ends an irqfd with KVM_IRQFD_FLAG_KEEP?
 *
 * Return: for KVM_CHECK_EXTENSION of KVM_CAP_IRQFD_KEEP.
 */
int kvm_irqfd_keep_ends(void)
{
	return EVENTFD_EVENTS & BIT(EVENTFD_PRODUCERS_GONE) ?
	       KVM_IRQFD_KEEP_TO_PRODUCERS : KVM_IRQFD_KEEP_TO_DEASSIGN;
}

/**
 * kvm_irqfd_unlink_kept - an irqfd has an owner
 * @irqfd: the irqfd, with or without KVM_IRQFD_FLAG_KEEP
 *
 * Its GSI's list has no irqfd with an owner, but for what an owner does until it has the
 * lock.  So what finds an irqfd there finds its reference to the eventfd, too.
 * Context: the irqfd's owner; kvm->irqfds.lock is held.
 */
void kvm_irqfd_unlink_kept(struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&irqfd->kvm->irqfds.lock);

	if (!hlist_unhashed(&irqfd->kept_link)) {
		hlist_del_init(&irqfd->kept_link);
		irqfd->routing->nr_ending++;
	}
}

/**
 * kvm_irqfd_keep - an irqfd's eventfd has no file any more
 * @irqfd: an irqfd with KVM_IRQFD_FLAG_KEEP, on the queue
 *
 * VM close takes the queue's lock for each of its irqfds, so the VM is there.
 * Context: the eventfd's wait queue lock is held.
 */
void kvm_irqfd_keep(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;
	unsigned long flags;

	lockdep_assert_held(&irqfd->wqh->lock);

	WRITE_ONCE(irqfd->file, NULL);

	spin_lock_irqsave(&kvm->irqfds.lock, flags);
	irqfd->kept = true;
	hlist_add_head(&irqfd->kept_link, &irqfd->routing->kept);
	/* Of VM close, which has looked for it before. */
	if (test_bit(IRQFD_OWNED, &irqfd->flags))
		kvm_irqfd_unlink_kept(irqfd);
	spin_unlock_irqrestore(&kvm->irqfds.lock, flags);
}

/**
 * kvm_irqfd_keep_end - an irqfd has ended
 * @irqfd: the irqfd, with or without KVM_IRQFD_FLAG_KEEP; it injects nothing any more
 *
 * Context: the irqfd's owner; kvm->irqfds.lock is held.
 */
void kvm_irqfd_keep_end(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_gsi *routing = irqfd->routing;

	lockdep_assert_held(&irqfd->kvm->irqfds.lock);

	/* The lock is the barrier: what waits looks at the number under it. */
	if (irqfd->kept && !--routing->nr_ending)
		wake_up_var(&routing->nr_ending);
}

/**
 * kvm_irqfd_take_kept - take an irqfd that outlives its eventfd's file off its GSI's list
 * @kvm: the VM
 * @routing: what it has of the GSI
 * @gsi: the GSI
 *
 * Context: kvm->irqfds.lock is held, which also keeps the irqfd.
 * Return: the irqfd, which may have an owner; NULL if there is none.
 */
struct kvm_kernel_irqfd *kvm_irqfd_take_kept(struct kvm *kvm, struct kvm_gsi *routing,
					     int gsi)
{
	struct kvm_kernel_irqfd *irqfd;

	lockdep_assert_held(&kvm->irqfds.lock);

	/* The first one is of this GSI where GSIs have routes. */
	hlist_for_each_entry(irqfd, &routing->kept, kept_link) {
		if (irqfd->gsi == gsi) {
			kvm_irqfd_unlink_kept(irqfd);
			return irqfd;
		}
	}

	return NULL;
}

static bool irqfd_none_ending(struct kvm *kvm, struct kvm_gsi *routing)
{
	bool none;

	spin_lock_irq(&kvm->irqfds.lock);
	none = !routing->nr_ending;
	spin_unlock_irq(&kvm->irqfds.lock);

	return none;
}

/**
 * kvm_irqfd_wait_for_kept - wait for the ends of irqfds that have outlived a file
 * @kvm: the VM
 * @routing: what it has of the irqfds' GSI
 *
 * Not for those that have no owner: nothing may end them.
 * Context: process context, no locks held; the caller owns no irqfd.
 * Return: 0; -EINTR if a fatal signal came first.
 */
int kvm_irqfd_wait_for_kept(struct kvm *kvm, struct kvm_gsi *routing)
{
	if (wait_var_event_killable(&routing->nr_ending, irqfd_none_ending(kvm, routing)))
		return -EINTR;

	return 0;
}
