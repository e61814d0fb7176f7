// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: what irqfds a VM has, and what they have done.
 *
 * An event is counted in its irqfd, under the eventfd's lock, and nowhere else.  A
 * reader of the VM's statistics adds what the irqfds have counted, and so does the
 * owner of an irqfd that takes it off the list.  The irqfd notes what has been added.
 * Both hold kvm->irqfds.lock from the look at the counts to that note, so no event is
 * added twice, and none is left out when its irqfd has gone.
 *
 * A reader of the statistics walks the list in batches and drops the lock in between.
 * Its place is kvm->irqfds.fold_at; a removal moves the place on from the irqfd that
 * it takes.  New irqfds are put before that place.  So the reader sees each irqfd that
 * was there when it began, or the irqfd's owner has added its counts.
 */

#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "irqfd.h"

/* So many irqfds are added up before interrupts are on for a moment. */
#define FOLD_AT_ONCE	64

/* Add what has come since the last time. */
static void irqfd_fold(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_vm_stat_generic *stat = &kvm->stat.generic;
	struct kvm_irqfd_totals *told = &irqfd->told;
	u64 injected = READ_ONCE(irqfd->at_once.injected);
	u64 from_work = READ_ONCE(irqfd->from_work.injected);
	u64 undeliverable = READ_ONCE(irqfd->at_once.undeliverable) +
			    READ_ONCE(irqfd->from_work.undeliverable);

	lockdep_assert_held(&kvm->irqfds.lock);

	stat->irqfd_injected += injected - told->injected;
	told->injected = injected;
	stat->irqfd_injected_from_work += from_work - told->injected_from_work;
	told->injected_from_work = from_work;
	stat->irqfd_undeliverable += undeliverable - told->undeliverable;
	told->undeliverable = undeliverable;
}

/*
 * Add up the next few; are there more?  Interrupts are on whenever this begins, which
 * irqfd_stats_test looks at.
 */
static noinline bool irqfd_fold_some(struct kvm *kvm)
{
	struct hlist_node *node;
	bool more;
	int n;

	spin_lock_irq(&kvm->irqfds.lock);
	for (n = 0; n < FOLD_AT_ONCE; n++) {
		node = kvm->irqfds.fold_at;
		if (!node)
			break;
		irqfd_fold(kvm, hlist_entry(node, struct kvm_kernel_irqfd, link));
		kvm->irqfds.fold_at = node->next;
	}
	more = kvm->irqfds.fold_at;
	spin_unlock_irq(&kvm->irqfds.lock);

	return more;
}

/**
 * kvm_irqfd_update_stats - bring a VM's statistics up to date
 * @kvm: the VM
 *
 * What is added is what has come since the last time, so that a statistic that
 * was set to 0 counts from there.
 * Context: process context; may hold kvm_lock.  Waits for other callers.
 */
void kvm_irqfd_update_stats(struct kvm *kvm)
{
	/* There is one place for one reader. */
	mutex_lock(&kvm->irqfds.fold_lock);

	spin_lock_irq(&kvm->irqfds.lock);
	kvm->irqfds.fold_at = kvm->irqfds.items.first;
	kvm->stat.generic.nr_irqfds = kvm->irqfds.nr;
	spin_unlock_irq(&kvm->irqfds.lock);

	while (irqfd_fold_some(kvm))
		cond_resched();

	mutex_unlock(&kvm->irqfds.fold_lock);
}

/**
 * kvm_irqfd_stats_add - an irqfd can be seen from now on
 * @kvm: its VM
 * @irqfd: the irqfd
 *
 * Context: kvm->irqfds.lock is held.
 */
void kvm_irqfd_stats_add(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&kvm->irqfds.lock);

	/* First, where no reader's place is behind it. */
	hlist_add_head_rcu(&irqfd->link, &kvm->irqfds.items);
}

/**
 * kvm_irqfd_stats_remove - an irqfd can be seen no more
 * @kvm: its VM
 * @irqfd: the irqfd; it may be off the list, and what it has counted since is added
 *
 * The last call for an irqfd comes when it counts nothing any more.
 * Context: kvm->irqfds.lock is held.
 */
void kvm_irqfd_stats_remove(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	struct hlist_node *node = &irqfd->link;

	lockdep_assert_held(&kvm->irqfds.lock);

	/* No reader's place is at an irqfd that is off the list. */
	if (unlikely(kvm->irqfds.fold_at == node))
		kvm->irqfds.fold_at = node->next;
	if (unlikely(kvm->irqfds.show_at == node))
		kvm->irqfds.show_at = node->next;
	hlist_del_init_rcu(node);

	irqfd_fold(kvm, irqfd);
}

/**
 * kvm_irqfd_stats_init_vm - set up a new VM's part of this
 * @kvm: the VM
 *
 * Context: kvm->irqfds.lock is there.
 */
void kvm_irqfd_stats_init_vm(struct kvm *kvm)
{
	INIT_HLIST_HEAD(&kvm->irqfds.items);
	mutex_init(&kvm->irqfds.fold_lock);
}
