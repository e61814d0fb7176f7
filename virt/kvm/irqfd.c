// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: the life of what ties an eventfd to a GSI.
 *
 *	          KVM_IRQFD
 *	              |
 *	              v
 *	NEW	on the eventfd's wait queue, so that no other irqfd can have the
 *	 |	eventfd; owned by the assign; @vm is NULL, so events stay in
 *	 |	the counter
 *	 |
 *	 | kvm_irqfd_publish(), under the queue's lock: sets @vm, ends the
 *	 | ownership and takes what is in the counter
 *	 v
 *	LIVE	an event is taken from the counter and injected in the wake-up,
 *	 |	or left to the VM's worker; or it stays pending while the irqfd
 *	 |	is masked (irqfd_control.c)
 *	 |
 *	 | irqfd_own(): one of DEASSIGN, hang-up and VM close becomes the owner
 *	 v
 *	ENDING	the owner ends the bypass and lets no event come in any more; it
 *	 |	does that under the wait queue's lock, so that a wake-up in progress
 *	 |	is over.  It waits until the worker has injected what was deferred,
 *	 |	and ends acknowledge notification.  DEASSIGN keeps the irqfd on the
 *	 |	queue until then
 *	 v
 *	gone	off kvm->irqfds.items and no longer counted.  The memory is freed
 *		after a grace period of RCU, asynchronously, or of kvm_irqfd_srcu:
 *		readers of the list are in read sections of both
 *
 * Calls that find an irqfd ENDING
 * -------------------------------
 *
 * A second DEASSIGN of the same eventfd and GSI, or an assign of the eventfd, finds
 * the irqfd on the queue and waits until it has left.  A fatal signal ends these
 * waits, because the injection that they wait for may itself wait for user space.
 * A fatal signal also ends the owner's wait; the VM's shutdown work does the rest.
 *
 * Many at once
 * ------------
 *
 * A batch makes NEW irqfds and becomes the owner of those that it is to end, which go on
 * being LIVE.  If it fails, it frees the former and gives the ownership of the latter up.
 * So a call that has waited for an irqfd's end looks again.  A batch waits for no other
 * call while it owns an irqfd: two batches can't wait for each other.  It holds the files
 * of all eventfds, so that there is no hang-up meanwhile.
 *
 * An irqfd may succeed one that the same batch ends.  It is NEW without being on the
 * queue, and takes the other's place there when that has been quiesced.
 *
 * Masks and moves
 * ---------------
 *
 * KVM_IRQFD_CONTROL owns a LIVE irqfd while it has to wait for the worker or for the
 * bypass manager.  Calls that find such an irqfd wait in the same way, and then look
 * again: it is still there.
 *
 * When the eventfd goes first
 * ---------------------------
 *
 * The hang-up comes in the wake-up, which can't wait.  It takes the ownership and
 * takes the irqfd off the queue, so that no event comes in after it returns.
 * Mostly nothing is left to wait for: the worker has nothing to inject, no producer
 * bypasses the irqfd, and the GSI has no resampler.  Then the hang-up frees the
 * irqfd as well.  Otherwise it leaves the rest to the VM's shutdown work, which
 * needs one grace period for all irqfds that wait for it.
 *
 * An irqfd that was assigned with KVM_IRQFD_FLAG_KEEP stays LIVE without the file, as long
 * as the eventfd has a producer (irqfd_keep.c).  Then the end of the last producer is to
 * it what the hang-up is to others.
 *
 * When the VM goes first
 * ----------------------
 *
 * VM close clears @vm in each of the VM's irqfds and waits for one grace period.
 * After that no worker begins an injection (irqfd_lane.c).  VM close then ends
 * the irqfds that it owns, and waits until the hang-ups have counted off those that
 * they own: a hang-up doesn't touch the VM after that.
 *
 * Only VM close walks a list: an eventfd has at most one irqfd in the whole system,
 * and that irqfd stands first on the eventfd's wait queue.
 *
 * kvm->irqfds.lock is taken inside the wait queue's lock, never the other way
 * round.
 */

#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/poll.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <trace/events/kvm_irqfd.h>

#include "bulk.h"
#include "irqfd.h"
#include "irqfd_keep.h"
#include "irqfd_layout.h"

/* So many irqfds are gathered by VM close before interrupts are on for a moment. */
#define GATHER_AT_ONCE	64

/* One work item for a VM, so that no VM's ends are in the way of another's. */
static struct workqueue_struct *shutdown_wq;
/* All VMs' irqfds.  Of a cache, unlike kmalloc(), a batch can take many at a time. */
static struct kmem_cache *irqfd_cache;

bool __weak kvm_arch_irqfd_allowed(struct kvm *kvm, struct kvm_irqfd *args)
{
	return true;
}

/* The end */

/* Try to become the owner, which is the only one that ends @irqfd. */
static bool irqfd_own(struct kvm_kernel_irqfd *irqfd)
{
	return !test_and_set_bit(IRQFD_OWNED, &irqfd->flags);
}

/* What is in the counter, of a semaphore or since the VM began to close, is lost. */
static void irqfd_drop_count(struct kvm_kernel_irqfd *irqfd)
{
	if (kvm_irqfd_take(irqfd))
		kvm_irqfd_wake_writers(irqfd);
}

/* The one that is on the queue when a DEASSIGN has begun: events aren't consumed. */
static int irqfd_ending_wakeup(struct wait_queue_entry *wait, unsigned int mode,
			       int sync, void *key)
{
	return 0;
}

/* Of the owner alone. */
static bool irqfd_stays_on_queue(struct kvm_kernel_irqfd *irqfd)
{
	return irqfd->wait.func == irqfd_ending_wakeup;
}

/*
 * When this returns no wake-up is in progress, and none will see the irqfd LIVE.  True
 * if there is nothing to wait for and it is off the queue.
 */
static bool irqfd_stop_events(struct kvm_kernel_irqfd *irqfd)
{
	bool off;

	spin_lock_irq(&irqfd->wqh->lock);
	irqfd_drop_count(irqfd);
	off = !irqfd->resampler && kvm_irqfd_idle(irqfd);
	if (off)
		eventfd_ctx_leave_queue(irqfd->eventfd, &irqfd->wait);
	else
		irqfd->wait.func = irqfd_ending_wakeup;
	spin_unlock_irq(&irqfd->wqh->lock);

	return off;
}

/* Of the owner, while the eventfd has a file, or when it hasn't any more. */
static void irqfd_stop_producers(struct kvm_kernel_irqfd *irqfd)
{
	/* From here on a hang-up has nothing to do. */
	WRITE_ONCE(irqfd->file, NULL);
	/* What no longer bypasses is injected. */
	kvm_irqfd_bypass_stop(irqfd);
}

/* kvm_irqfd_wait_for_call() goes on. */
static void irqfd_has_left_queue(struct kvm_kernel_irqfd *irqfd)
{
	/* For wake_up_var(), which goes by the address alone. */
	smp_mb();
	wake_up_var(irqfd->wqh);
}

/* The counter isn't ours to take any more. */
static void irqfd_leave_queue(struct kvm_kernel_irqfd *irqfd)
{
	spin_lock_irq(&irqfd->wqh->lock);
	eventfd_ctx_leave_queue(irqfd->eventfd, &irqfd->wait);
	spin_unlock_irq(&irqfd->wqh->lock);
	irqfd_has_left_queue(irqfd);
}

/*
 * When this returns all events that came in have been injected or found the VM
 * closed, no interrupt bypasses the irqfd, and the eventfd can have another one.  A
 * level irqfd may still be told of acknowledges.
 */
static void irqfd_quiesce(struct kvm_kernel_irqfd *irqfd)
{
	wait_queue_head_t *wqh = irqfd->wqh;

	/*
	 * While the irqfd is on the queue, no other irqfd registers a consumer with
	 * the eventfd's token, and what no longer bypasses is injected.
	 */
	kvm_irqfd_bypass_stop(irqfd);

	/* A wake-up in progress is over when the lock has been taken. */
	spin_lock_irq(&wqh->lock);
	/* When the queue is left no hang-up does it any more. */
	WRITE_ONCE(irqfd->file, NULL);
	eventfd_ctx_leave_queue(irqfd->eventfd, &irqfd->wait);
	irqfd_drop_count(irqfd);
	spin_unlock_irq(&wqh->lock);

	kvm_irqfd_flush(irqfd);
}

/* The VM may be gone when this returns. */
static void irqfd_leave_vm(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;
	unsigned long flags;
	bool last;

	spin_lock_irqsave(&kvm->irqfds.lock, flags);
	kvm_irqfd_stats_remove(kvm, irqfd);
	kvm_irqfd_keep_end(irqfd);
	last = !--kvm->irqfds.nr;
	spin_unlock_irqrestore(&kvm->irqfds.lock, flags);

	/* The waiters compare the address alone, they don't look at the irqfd. */
	if (last)
		wake_up_var(&kvm->irqfds.nr);
}

/* Give up all that @irqfd holds, the VM last; the memory is left. */
static void irqfd_put_all(struct kvm_kernel_irqfd *irqfd)
{
	if (irqfd->resamplefd)
		kvm_irqfd_level_free(irqfd->kvm, irqfd);
	kvm_irqfd_unlisten(irqfd);
	eventfd_ctx_put(irqfd->eventfd);
	irqfd_leave_vm(irqfd);
}

/* Readers of kvm->irqfds.items may still look at it.  It goes with @others, or NULL. */
static void irqfd_release_with(struct kvm_kernel_irqfd *irqfd,
			       struct kvm_bulk_free *others)
{
	irqfd_put_all(irqfd);
	kvm_bulk_kfree_rcu(others, irqfd);
}

static void irqfd_release(struct kvm_kernel_irqfd *irqfd)
{
	irqfd_release_with(irqfd, NULL);
}

/*
 * What hang-ups and DEASSIGNs that were killed have left to do; the VM stays as long as
 * one of them is left.
 */
static void irqfd_shutdown_work(struct work_struct *work)
{
	struct kvm *kvm = container_of(work, struct kvm, irqfds.shutdown);
	struct llist_node *list = llist_del_all(&kvm->irqfds.hung_up);
	struct kvm_kernel_irqfd *irqfd, *next;
	bool level = false;

	llist_for_each_entry(irqfd, list, hung_up_link) {
		/*
		 * Of a hang-up's there is no file by which the eventfd could have
		 * another one before that.
		 */
		kvm_irqfd_flush(irqfd);
		kvm_irqfd_bypass_stop(irqfd);
		if (irqfd->resampler) {
			kvm_irqfd_level_detach(kvm, irqfd);
			level = true;
		}
		cond_resched();
	}
	if (level)
		synchronize_srcu_expedited(&kvm_irqfd_srcu);
	llist_for_each_entry_safe(irqfd, next, list, hung_up_link) {
		if (irqfd_stays_on_queue(irqfd))
			irqfd_leave_queue(irqfd);
		irqfd_release(irqfd);
		cond_resched();
	}
}

/*
 * Leave the end of an irqfd to the VM's shutdown work.
 *
 * That may be running, and be through with the irqfd as soon as it is on the list,
 * but it counts it off only under the lock.  Until then VM close waits, so that the
 * VM is there for its work to be queued.
 */
static void irqfd_end_later(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;
	unsigned long flags;

	spin_lock_irqsave(&kvm->irqfds.lock, flags);
	llist_add(&irqfd->hung_up_link, &kvm->irqfds.hung_up);
	queue_work(shutdown_wq, &kvm->irqfds.shutdown);
	spin_unlock_irqrestore(&kvm->irqfds.lock, flags);
}

/* Events stay in the counter until the successor is LIVE. */
static void irqfd_hold_events(struct kvm_kernel_irqfd *irqfd)
{
	spin_lock_irq(&irqfd->wqh->lock);
	irqfd->wait.func = irqfd_ending_wakeup;
	spin_unlock_irq(&irqfd->wqh->lock);
}

/* The successor comes to be on the queue, NEW, and has what is pending. */
static void irqfd_hand_over(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_kernel_irqfd *successor = irqfd->successor;

	spin_lock_irq(&irqfd->wqh->lock);
	__remove_wait_queue(irqfd->wqh, &irqfd->wait);
	irqfd->wait.func = NULL;
	__add_wait_queue(irqfd->wqh, &successor->wait);
	successor->held |= irqfd->held;
	spin_unlock_irq(&irqfd->wqh->lock);

	irqfd_has_left_queue(irqfd);
}

/* Returns false if the rest waits for the worker, or for readers. */
static bool irqfd_end_at_once(struct kvm_kernel_irqfd *irqfd,
			      struct kvm_bulk_free *others)
{
	irqfd_stop_producers(irqfd);
	if (irqfd->successor) {
		irqfd_hold_events(irqfd);
		return false;
	}
	if (!irqfd_stop_events(irqfd))
		return false;

	irqfd_has_left_queue(irqfd);
	irqfd_release_with(irqfd, others);

	return true;
}

/*
 * Returns false if a fatal signal has come first, and true with @level set if readers of
 * kvm_irqfd_srcu are still to be waited for.
 */
static bool irqfd_settle(struct kvm_kernel_irqfd *irqfd, bool *level)
{
	if (kvm_irqfd_flush_killable(irqfd))
		return false;

	if (irqfd->resampler) {
		kvm_irqfd_level_detach(irqfd->kvm, irqfd);
		*level = true;
	}

	return true;
}

/* Its place on the queue is its successor's, or no irqfd's. */
static void irqfd_give_place_up(struct kvm_kernel_irqfd *irqfd)
{
	if (irqfd->successor)
		irqfd_hand_over(irqfd);
	else
		irqfd_leave_queue(irqfd);
}

/*
 * What DEASSIGN does.  -EINTR if a fatal signal came first; all the same nothing comes
 * in, and the work ends what is left.
 */
static int irqfd_end(struct kvm_kernel_irqfd *irqfd)
{
	bool level = false;

	if (irqfd_end_at_once(irqfd, NULL))
		return 0;
	if (!irqfd_settle(irqfd, &level)) {
		irqfd_end_later(irqfd);
		return -EINTR;
	}
	if (level)
		synchronize_srcu_expedited(&kvm_irqfd_srcu);
	irqfd_give_place_up(irqfd);
	irqfd_release(irqfd);

	return 0;
}

/**
 * kvm_irqfd_end_all - end irqfds
 * @owned: those that the caller owns by kvm_irqfd_own(), by their closing_link
 * @free: with what they are freed; or NULL
 *
 * As kvm_irqfd_deassign() for each of them, with one grace period if there are level
 * irqfds.  Those that have a successor leave it on the eventfd's queue, still NEW.
 * Context: process context, no locks held; the caller holds the eventfds' files.
 */
void kvm_irqfd_end_all(struct list_head *owned, struct kvm_bulk_free *free)
{
	struct kvm_kernel_irqfd *irqfd, *next;
	LIST_HEAD(rest);
	LIST_HEAD(killed);
	bool level = false;

	list_for_each_entry_safe(irqfd, next, owned, closing_link) {
		trace_kvm_irqfd_shutdown(irqfd->kvm, irqfd, KVM_IRQFD_DEASSIGN);
		list_del(&irqfd->closing_link);
		if (!irqfd_end_at_once(irqfd, free))
			list_add_tail(&irqfd->closing_link, &rest);
		cond_resched();
	}

	list_for_each_entry_safe(irqfd, next, &rest, closing_link) {
		if (!irqfd_settle(irqfd, &level))
			list_move_tail(&irqfd->closing_link, &killed);
		cond_resched();
	}
	if (level)
		synchronize_srcu_expedited(&kvm_irqfd_srcu);

	list_for_each_entry_safe(irqfd, next, &rest, closing_link) {
		irqfd_give_place_up(irqfd);
		irqfd_release_with(irqfd, free);
		cond_resched();
	}
	list_for_each_entry_safe(irqfd, next, &killed, closing_link) {
		if (irqfd->successor)
			irqfd_hand_over(irqfd);
		irqfd_end_later(irqfd);
		cond_resched();
	}
}

/**
 * kvm_irqfd_hang_up - nothing signals an irqfd's eventfd any more
 * @irqfd: the irqfd, on the queue; it may be gone on return
 *
 * The eventfd's file or its last producer is on its way out, which has a reference to the
 * eventfd for as long as that.
 *
 * A signal that comes after this, by a reference to the eventfd's context, adds to a
 * counter that no consumer takes from.
 * Context: the eventfd's wait queue lock is held.
 */
void kvm_irqfd_hang_up(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;
	unsigned long flags;

	lockdep_assert_held(&irqfd->wqh->lock);

	WRITE_ONCE(irqfd->file, NULL);
	if (!irqfd_own(irqfd))
		return;

	trace_kvm_irqfd_shutdown(kvm, irqfd, KVM_IRQFD_HANGUP);

	if (irqfd->kept) {
		spin_lock_irqsave(&kvm->irqfds.lock, flags);
		kvm_irqfd_unlink_kept(irqfd);
		spin_unlock_irqrestore(&kvm->irqfds.lock, flags);
	}
	kvm_irqfd_unlisten_locked(irqfd);
	eventfd_ctx_leave_queue(irqfd->eventfd, &irqfd->wait);

	/* An irqfd without a resamplefd has no resampler. */
	if (irqfd->resamplefd || irqfd->consumer.token ||
	    !kvm_irqfd_idle(irqfd))
		irqfd_end_later(irqfd);
	else
		irqfd_release(irqfd);
}

static bool irqfd_vm_has_any(struct kvm *kvm)
{
	bool has;

	/* What counts the last one off holds the lock until it is done with us. */
	spin_lock_irq(&kvm->irqfds.lock);
	has = kvm->irqfds.nr;
	spin_unlock_irq(&kvm->irqfds.lock);

	return has;
}

/* Take all irqfds of @kvm off its list, and on @owned those that are ours to end. */
static void irqfd_gather(struct kvm *kvm, struct list_head *owned)
{
	struct kvm_kernel_irqfd *irqfd;
	int n = 0;

	spin_lock_irq(&kvm->irqfds.lock);
	while (!hlist_empty(&kvm->irqfds.items)) {
		irqfd = hlist_entry(kvm->irqfds.items.first,
				    struct kvm_kernel_irqfd, link);
		kvm_irqfd_stats_remove(kvm, irqfd);
		RCU_INIT_POINTER(irqfd->vm, NULL);
		if (irqfd_own(irqfd)) {
			kvm_irqfd_unlink_kept(irqfd);
			trace_kvm_irqfd_shutdown(kvm, irqfd,
						 KVM_IRQFD_VM_CLOSE);
			list_add_tail(&irqfd->closing_link, owned);
		}
		if (++n % GATHER_AT_ONCE == 0) {
			spin_unlock_irq(&kvm->irqfds.lock);
			cond_resched();
			spin_lock_irq(&kvm->irqfds.lock);
		}
	}
	spin_unlock_irq(&kvm->irqfds.lock);
}

/**
 * kvm_irqfd_release - end all irqfds of a VM
 * @kvm: the VM, whose file is being released: no ioctl can come any more
 *
 * Context: process context.  Waits for the VM's own irqfds, and for one grace
 * period, whatever their number.
 */
void kvm_irqfd_release(struct kvm *kvm)
{
	struct kvm_kernel_irqfd *irqfd, *next;
	LIST_HEAD(owned);

	if (irqfd_vm_has_any(kvm)) {
		irqfd_gather(kvm, &owned);
		list_for_each_entry(irqfd, &owned, closing_link)
			if (irqfd->resampler)
				kvm_irqfd_level_detach(kvm, irqfd);
		/*
		 * No injection begins from work, no reader sees them, and no
		 * acknowledge is told to them.
		 */
		synchronize_srcu_expedited(&kvm_irqfd_srcu);

		list_for_each_entry(irqfd, &owned, closing_link)
			irqfd_quiesce(irqfd);
		/* What had begun may have raised a line again. */
		list_for_each_entry(irqfd, &owned, closing_link)
			if (irqfd->resampler)
				kvm_irqfd_level_close(kvm, irqfd);
		list_for_each_entry_safe(irqfd, next, &owned, closing_link) {
			irqfd_put_all(irqfd);
			kfree(irqfd);
		}

		wait_var_event(&kvm->irqfds.nr, !irqfd_vm_has_any(kvm));
	}

	kvm_irqfd_lane_end_vm(kvm);
	/* It may have been queued for irqfds that it had been through with. */
	flush_work(&kvm->irqfds.shutdown);
}

/* The wake-up */

static bool irqfd_take_signal(struct kvm_kernel_irqfd *irqfd, __poll_t events)
{
	/* It stands first. */
	if (unlikely(!list_is_last(&irqfd->wait.entry, &irqfd->wqh->head)))
		return kvm_irqfd_take_among_others(irqfd, events);

	return kvm_irqfd_take(irqfd);
}

/* The eventfd's file is being released. */
static void irqfd_lose_file(struct kvm_kernel_irqfd *irqfd)
{
	if (irqfd->keep)
		kvm_irqfd_keep(irqfd);
	else
		kvm_irqfd_hang_up(irqfd);
}

/*
 * The eventfd was signalled, or is being released: @key tells.  The eventfd's wait queue
 * lock is held, interrupts are off, in whatever context signals.
 *
 * Non-zero, which ends the wake-up as the entry is exclusive, when the event was
 * consumed: nothing has come for others to read.  A semaphore's rest was there before,
 * or is what the writer of more than 1 has left for its readers.
 */
static int irqfd_wakeup(struct wait_queue_entry *wait, unsigned int mode, int sync,
			void *key)
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
		irqfd_lose_file(irqfd);

	return consumed;
}

/*
 * The same where events are held back: an event is pending instead of injected.  An event
 * loop sees nothing of that, either.
 */
static int irqfd_holding_wakeup(struct wait_queue_entry *wait, unsigned int mode,
				int sync, void *key)
{
	struct kvm_kernel_irqfd *irqfd =
		container_of(wait, struct kvm_kernel_irqfd, wait);
	__poll_t events = key_to_poll(key);
	int consumed = 0;

	if ((events & EPOLLIN) && rcu_access_pointer(irqfd->vm) &&
	    irqfd_take_signal(irqfd, events)) {
		irqfd->held = true;
		consumed = 1;
	}

	if (unlikely(events & EPOLLHUP))
		irqfd_lose_file(irqfd);

	return consumed;
}

/**
 * kvm_irqfd_hold_events - have events stay pending
 * @irqfd: the irqfd, LIVE
 *
 * Events that were left to the worker are still injected.
 * Context: the eventfd's wait queue lock is held.
 */
void kvm_irqfd_hold_events(struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&irqfd->wqh->lock);

	irqfd->wait.func = irqfd_holding_wakeup;
}

/**
 * kvm_irqfd_release_events - have events injected again
 * @irqfd: the irqfd, LIVE
 *
 * Injects once if an event is pending.
 * Context: the eventfd's wait queue lock is held, in a call of the irqfd's VM.
 */
void kvm_irqfd_release_events(struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&irqfd->wqh->lock);

	irqfd->wait.func = irqfd_wakeup;
	if (irqfd->held) {
		irqfd->held = false;
		kvm_irqfd_event(irqfd, irqfd->kvm);
	}
}

/* Those that find an irqfd on the queue */

/**
 * kvm_irqfd_on - find the irqfd of an eventfd
 * @wqh: the eventfd's wait queue
 *
 * Context: @wqh's lock is held.
 * Return: the irqfd, whichever VM's it is and wherever in its life, or NULL.
 */
struct kvm_kernel_irqfd *kvm_irqfd_on(wait_queue_head_t *wqh)
{
	wait_queue_entry_t *first;

	lockdep_assert_held(&wqh->lock);

	first = list_first_entry_or_null(&wqh->head, wait_queue_entry_t, entry);
	if (!first || (first->func != irqfd_wakeup &&
		       first->func != irqfd_holding_wakeup &&
		       first->func != irqfd_ending_wakeup))
		return NULL;

	return container_of(first, struct kvm_kernel_irqfd, wait);
}

/**
 * kvm_irqfd_is_busy - is a call working on an irqfd?
 * @irqfd: the irqfd, on the queue
 *
 * Under the queue's lock a NEW irqfd has an owner and no VM, and a LIVE one a VM and no
 * owner, unless KVM_IRQFD_CONTROL owns it.  A hang-up has taken its irqfd off the queue,
 * and VM close has cleared the VM.
 * Context: the eventfd's wait queue lock is held.
 * Return: true if a DEASSIGN or a KVM_IRQFD_CONTROL owns it.
 */
bool kvm_irqfd_is_busy(struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&irqfd->wqh->lock);

	return test_bit(IRQFD_OWNED, &irqfd->flags) &&
	       rcu_access_pointer(irqfd->vm);
}

static bool irqfd_is_of_batch(const struct kvm_kernel_irqfd *irqfd, const void *batch)
{
	lockdep_assert_held(&irqfd->wqh->lock);

	return batch && irqfd->batch == batch;
}

static bool irqfd_none_busy(wait_queue_head_t *wqh)
{
	struct kvm_kernel_irqfd *irqfd;
	bool none;

	spin_lock_irq(&wqh->lock);
	irqfd = kvm_irqfd_on(wqh);
	none = !irqfd || !kvm_irqfd_is_busy(irqfd);
	spin_unlock_irq(&wqh->lock);

	return none;
}

/**
 * kvm_irqfd_wait_for_call - wait until no call works on an eventfd's irqfd
 * @wqh: the eventfd's wait queue
 *
 * Context: process context, no locks held; the caller has the eventfd's file, and owns no
 * irqfd.
 * Return: 0, when the irqfd may be gone or LIVE; -EINTR if a fatal signal came first.
 */
int kvm_irqfd_wait_for_call(wait_queue_head_t *wqh)
{
	if (wait_var_event_killable(wqh, irqfd_none_busy(wqh)))
		return -EINTR;

	return 0;
}

struct irqfd_search {
	poll_table pt;
	struct kvm *kvm;
	int gsi;
	/* The batch that looks, or NULL. */
	const void *batch;
	struct kvm_kernel_irqfd *owned;
	/* Where there is one that another call works on. */
	wait_queue_head_t *busy;
};

/* It can't be freed under the lock, and not by others once it is owned. */
static void irqfd_search(struct file *file, wait_queue_head_t *wqh,
			 poll_table *pt)
{
	struct irqfd_search *search =
		container_of(pt, struct irqfd_search, pt);
	struct kvm_kernel_irqfd *irqfd;

	spin_lock_irq(&wqh->lock);
	irqfd = kvm_irqfd_on(wqh);
	if (irqfd && irqfd->kvm == search->kvm && irqfd->gsi == search->gsi) {
		if (irqfd_own(irqfd)) {
			irqfd->batch = search->batch;
			search->owned = irqfd;
		} else if (kvm_irqfd_is_busy(irqfd) &&
			   !irqfd_is_of_batch(irqfd, search->batch)) {
			search->busy = wqh;
		}
	}
	spin_unlock_irq(&wqh->lock);
}

/*
 * Become the owner of the irqfd, if the eventfd has one on the GSI.  Returns -EAGAIN where
 * another call works on it.
 */
static int irqfd_find_and_own(struct file *file, struct irqfd_search *search)
{
	search->owned = NULL;
	search->busy = NULL;
	init_poll_funcptr(&search->pt, irqfd_search);
	vfs_poll(file, &search->pt);

	return search->busy ? -EAGAIN : 0;
}

/* Is it an eventfd's file? */
static int irqfd_check_file(struct file *file)
{
	struct eventfd_ctx *eventfd;

	if (!file)
		return -EBADF;

	eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	eventfd_ctx_put(eventfd);

	return 0;
}

/**
 * kvm_irqfd_own - do of a deassign what can fail
 * @kvm: the VM
 * @args: as kvm_irqfd_deassign() has it
 * @file: the eventfd's file, NULL if the descriptor isn't open.  The caller holds it until
 *	it has called kvm_irqfd_end_all() or kvm_irqfd_disown()
 * @batch: the batch that this is a part of
 * @irqfd: set to the irqfd, which goes on being LIVE, or to NULL if the two aren't tied,
 *	or if the batch owns the irqfd already
 * @busy: set to the eventfd's wait queue if another call works on it, else to NULL
 *
 * Context: process context, no locks held.  Waits for no other call.
 * Return: 0; -EBADF or -EINVAL as kvm_irqfd_deassign(); or -EAGAIN with @busy.
 */
int kvm_irqfd_own(struct kvm *kvm, const struct kvm_irqfd *args, struct file *file,
		  const void *batch, struct kvm_kernel_irqfd **irqfd,
		  wait_queue_head_t **busy)
{
	struct irqfd_search search = {
		.kvm = kvm,
		.gsi = args->gsi,
		.batch = batch,
	};
	int ret;

	*irqfd = NULL;
	*busy = NULL;

	ret = irqfd_check_file(file);
	if (ret)
		return ret;

	ret = irqfd_find_and_own(file, &search);
	*irqfd = search.owned;
	*busy = search.busy;

	return ret;
}

/**
 * kvm_irqfd_disown - the counterpart of kvm_irqfd_own()
 * @irqfd: the irqfd, without a successor
 *
 * Context: process context, no locks held.
 */
void kvm_irqfd_disown(struct kvm_kernel_irqfd *irqfd)
{
	wait_queue_head_t *wqh = irqfd->wqh;

	spin_lock_irq(&wqh->lock);
	irqfd->batch = NULL;
	clear_bit_unlock(IRQFD_OWNED, &irqfd->flags);
	spin_unlock_irq(&wqh->lock);

	/* For wake_up_var(), which goes by the address alone. */
	smp_mb();
	wake_up_var(wqh);
}

/*
 * Become the owner of an irqfd that has outlived its eventfd's file, if there is one.
 * Those that have an owner already leave the list here, so none is looked at twice.
 */
static struct kvm_kernel_irqfd *irqfd_own_kept(struct kvm *kvm, struct kvm_gsi *routing,
					       int gsi)
{
	struct kvm_kernel_irqfd *irqfd;

	spin_lock_irq(&kvm->irqfds.lock);
	do
		irqfd = kvm_irqfd_take_kept(kvm, routing, gsi);
	while (irqfd && !irqfd_own(irqfd));
	spin_unlock_irq(&kvm->irqfds.lock);

	return irqfd;
}

/**
 * kvm_irqfd_deassign_kept - untie a GSI from the eventfds that have no file any more
 * @kvm: the VM
 * @args: the GSI
 *
 * When this returns there are no more interrupts on this GSI from eventfds that had been
 * closed when it was called; only irqfds with KVM_IRQFD_FLAG_KEEP can have such ones.
 * Context: process context, no locks held.  Waits for these irqfds' own injection; for a
 * grace period for each level irqfd.
 * Return: 0, also when there is none; -EINVAL if a descriptor was passed; -EINTR when a
 * fatal signal has come, with an injection still to be waited for.
 */
int kvm_irqfd_deassign_kept(struct kvm *kvm, const struct kvm_irqfd *args)
{
	struct kvm_gsi *routing = kvm_gsi_find(kvm, args->gsi);
	struct kvm_kernel_irqfd *irqfd;
	int ret;

	if (args->fd != KVM_IRQFD_CLOSED)
		return -EINVAL;
	if (!routing)
		return 0;

	while ((irqfd = irqfd_own_kept(kvm, routing, args->gsi))) {
		trace_kvm_irqfd_shutdown(kvm, irqfd, KVM_IRQFD_DEASSIGN);
		ret = irqfd_end(irqfd);
		if (ret)
			return ret;
	}

	/* Others may be ending some. */
	return kvm_irqfd_wait_for_kept(kvm, routing);
}

/**
 * kvm_irqfd_deassign - untie an eventfd from a GSI
 * @kvm: the VM
 * @args: the eventfd and the GSI
 *
 * When this returns there are no more interrupts from this eventfd on this GSI,
 * and the eventfd can be assigned again; its counter was read (0 then, with
 * EFD_SEMAPHORE one less).  If two calls for the same irqfd overlap, that holds
 * for both.
 * Context: process context, no locks held.  Waits for this irqfd's own
 * injection; for a grace period only if it is a level irqfd.
 * Return: 0, also when the two weren't tied; -EBADF or -EINVAL for an fd that
 * isn't open or isn't an eventfd; -EINTR when a fatal signal has come, with an
 * injection still to be waited for.
 */
int kvm_irqfd_deassign(struct kvm *kvm, const struct kvm_irqfd *args)
{
	struct irqfd_search search = { .kvm = kvm, .gsi = args->gsi };
	int ret;

	CLASS(fd, f)(args->fd);
	ret = irqfd_check_file(fd_file(f));
	if (ret)
		return ret;

	/* The call that works on it may leave it, and then this call has to end it. */
	while (irqfd_find_and_own(fd_file(f), &search)) {
		ret = kvm_irqfd_wait_for_call(search.busy);
		if (ret)
			return ret;
	}
	if (!search.owned)
		return 0;

	trace_kvm_irqfd_shutdown(kvm, search.owned, KVM_IRQFD_DEASSIGN);
	return irqfd_end(search.owned);
}

/* The beginning */

struct irqfd_claim {
	poll_table pt;
	struct kvm_kernel_irqfd *irqfd;
	int ret;
	/* With -EAGAIN: where there is one that another call works on. */
	wait_queue_head_t *busy;
};

/*
 * An eventfd has one waiter that consumes its events, and such a waiter stands
 * first: to look there and to go there, under one lock, is what makes a second
 * irqfd impossible, whichever VM asks.
 */
static void irqfd_claim(struct file *file, wait_queue_head_t *wqh,
			poll_table *pt)
{
	struct irqfd_claim *claim = container_of(pt, struct irqfd_claim, pt);
	struct kvm_kernel_irqfd *irqfd = claim->irqfd, *other;
	wait_queue_entry_t *first;

	spin_lock_irq(&wqh->lock);
	first = list_first_entry_or_null(&wqh->head, wait_queue_entry_t, entry);
	other = kvm_irqfd_on(wqh);
	if (other && kvm_irqfd_is_busy(other) &&
	    irqfd_is_of_batch(other, irqfd->batch)) {
		/* It has the eventfd from irqfd_hand_over() on. */
		claim->ret = other->successor ? -EBUSY : 0;
		if (!claim->ret) {
			irqfd->wqh = wqh;
			other->successor = irqfd;
		}
	} else if (other && kvm_irqfd_is_busy(other)) {
		claim->ret = -EAGAIN;
		claim->busy = wqh;
	} else if (first && (first->flags & WQ_FLAG_PRIORITY)) {
		claim->ret = -EBUSY;
	} else {
		irqfd->wqh = wqh;
		__add_wait_queue(wqh, &irqfd->wait);
		claim->ret = 0;
	}
	spin_unlock_irq(&wqh->lock);
}

/*
 * Returns -EAGAIN, and where that is in @busy, if another call works on the one that the
 * eventfd has.
 */
static int irqfd_claim_eventfd(struct kvm_kernel_irqfd *irqfd, struct file *file,
			       wait_queue_head_t **busy)
{
	struct irqfd_claim claim = { .irqfd = irqfd, .ret = -EINVAL };

	init_poll_funcptr(&claim.pt, irqfd_claim);
	vfs_poll(file, &claim.pt);
	*busy = claim.busy;

	return claim.ret;
}

/*
 * From here on events are taken.  What was in the counter before is taken too,
 * in the same step: nothing can come between that would be taken twice, or not.
 */
static void irqfd_go_live(struct kvm_kernel_irqfd *irqfd, struct file *file)
{
	struct kvm *kvm = irqfd->kvm;

	lockdep_assert_held(&irqfd->wqh->lock);

	WRITE_ONCE(irqfd->file, file);
	rcu_assign_pointer(irqfd->vm, kvm);
	irqfd->batch = NULL;
	clear_bit_unlock(IRQFD_OWNED, &irqfd->flags);
	if (kvm_irqfd_take(irqfd)) {
		kvm_irqfd_wake_writers(irqfd);
		irqfd->held = true;
	}
	if (!irqfd->masked)
		kvm_irqfd_release_events(irqfd);
}

/**
 * kvm_irqfd_publish - let a NEW irqfd begin
 * @irqfd: what kvm_irqfd_prepare() has made; it may be gone on return, if the caller
 *	doesn't hold @file
 * @file: the eventfd's file
 *
 * Context: process context.  Can't fail.
 */
void kvm_irqfd_publish(struct kvm_kernel_irqfd *irqfd, struct file *file)
{
	/* What bypasses KVM has no line that could be lowered. */
	if (!irqfd->resamplefd)
		kvm_irqfd_bypass_start(irqfd);

	spin_lock_irq(&irqfd->wqh->lock);
	irqfd_go_live(irqfd, file);
	spin_unlock_irq(&irqfd->wqh->lock);
}

/* A NEW irqfd, on no list yet, with references to its eventfds. */
static struct kvm_kernel_irqfd *irqfd_alloc(struct kvm *kvm, struct file *file,
					    const struct kvm_irqfd *args,
					    struct kvm_bulk_alloc *bulk)
{
	struct eventfd_ctx *eventfd, *resamplefd = NULL;
	struct kvm_kernel_irqfd *irqfd;

	eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(eventfd))
		return ERR_CAST(eventfd);

	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		resamplefd = eventfd_producer_fdget(args->resamplefd);
		if (IS_ERR(resamplefd)) {
			eventfd_ctx_put(eventfd);
			return ERR_CAST(resamplefd);
		}
	}

	irqfd = bulk ? kvm_bulk_take(bulk) :
		       kmem_cache_zalloc(irqfd_cache, GFP_KERNEL_ACCOUNT);
	if (!irqfd) {
		if (resamplefd)
			eventfd_producer_put(resamplefd);
		eventfd_ctx_put(eventfd);
		return ERR_PTR(-ENOMEM);
	}

	irqfd->kvm = kvm;
	irqfd->gsi = args->gsi;
	irqfd->flags = BIT(IRQFD_OWNED);
	irqfd->eventfd = eventfd;
	irqfd->resamplefd = resamplefd;
	irqfd->masked = args->flags & KVM_IRQFD_FLAG_MASKED;
	irqfd->bypass_held = irqfd->masked;
	irqfd->held = args->flags & KVM_IRQFD_FLAG_PENDING;
	/* Until kvm_irqfd_publish() it takes none. */
	init_waitqueue_func_entry(&irqfd->wait, irqfd_holding_wakeup);
	INIT_LIST_HEAD(&irqfd->wait.entry);
	irqfd->wait.flags |= WQ_FLAG_EXCLUSIVE | WQ_FLAG_PRIORITY;
	INIT_LIST_HEAD(&irqfd->bypass_link);

	return irqfd;
}

/**
 * kvm_irqfd_is_on_queue - has a NEW irqfd the eventfd already?
 * @irqfd: the irqfd
 *
 * Context: the caller of kvm_irqfd_prepare() and kvm_irqfd_end_all().
 * Return: false if it is to succeed another one that has it.
 */
bool kvm_irqfd_is_on_queue(const struct kvm_kernel_irqfd *irqfd)
{
	return !list_empty(&irqfd->wait.entry);
}

static void irqfd_leave_predecessor(struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_kernel_irqfd *other;

	spin_lock_irq(&irqfd->wqh->lock);
	other = kvm_irqfd_on(irqfd->wqh);
	if (other && other->successor == irqfd)
		other->successor = NULL;
	spin_unlock_irq(&irqfd->wqh->lock);
}

/* The counter isn't read, so this is not eventfd_ctx_remove_wait_queue(). */
static void irqfd_give_eventfd_back(struct kvm_kernel_irqfd *irqfd)
{
	if (kvm_irqfd_is_on_queue(irqfd))
		remove_wait_queue(irqfd->wqh, &irqfd->wait);
	else
		irqfd_leave_predecessor(irqfd);
}

/**
 * kvm_irqfd_bulk_init - have a batch take its irqfds many at a time
 * @bulk: where it takes them from; the caller ends it with kvm_bulk_end()
 * @nr: how many it makes, at most
 *
 * Context: any.
 */
void kvm_irqfd_bulk_init(struct kvm_bulk_alloc *bulk, u32 nr)
{
	kvm_bulk_init(bulk, irqfd_cache, nr);
}

/**
 * kvm_irqfd_prepare - do of an assign what can fail
 * @kvm: the VM
 * @args: as kvm_irqfd_assign() has it
 * @file: the eventfd's file, which the caller holds until it has called
 *	kvm_irqfd_publish() or kvm_irqfd_abandon(); NULL if the descriptor isn't open
 * @batch: the batch that this is a part of, or NULL.  An eventfd whose irqfd the same
 *	batch ends is free for another one
 * @bulk: of the batch, for its irqfds: kvm_irqfd_bulk_init(); or NULL
 * @busy: set to the eventfd's wait queue if another call works on the irqfd that the
 *	eventfd has, else to NULL
 *
 * Context: process context, no locks held.  Waits for no other call.
 * Return: a NEW irqfd; or as kvm_irqfd_assign(), or -EAGAIN with @busy.
 */
struct kvm_kernel_irqfd *kvm_irqfd_prepare(struct kvm *kvm, struct kvm_irqfd *args,
					   struct file *file, const void *batch,
					   struct kvm_bulk_alloc *bulk,
					   wait_queue_head_t **busy)
{
	struct kvm_kernel_irqfd *irqfd;
	struct kvm_gsi *routing;
	int ret;

	*busy = NULL;

	if (!kvm_arch_intc_initialized(kvm))
		return ERR_PTR(-EAGAIN);

	if (!kvm_arch_irqfd_allowed(kvm, args))
		return ERR_PTR(-EINVAL);

	if (!kvm_irqfd_can_keep(args))
		return ERR_PTR(-EINVAL);

	if (!file)
		return ERR_PTR(-EBADF);

	routing = kvm_gsi_get(kvm, args->gsi);
	if (!routing)
		return ERR_PTR(-ENOMEM);

	irqfd = irqfd_alloc(kvm, file, args, bulk);
	if (IS_ERR(irqfd))
		return irqfd;
	irqfd->routing = routing;
	irqfd->batch = batch;

	spin_lock_irq(&kvm->irqfds.lock);
	kvm_irqfd_stats_add(kvm, irqfd);
	kvm_irqfd_lane_add(kvm, irqfd);
	kvm->irqfds.nr++;
	spin_unlock_irq(&kvm->irqfds.lock);

	ret = irqfd_claim_eventfd(irqfd, file, busy);
	if (ret)
		goto free;

	if (args->flags & KVM_IRQFD_FLAG_KEEP) {
		ret = kvm_irqfd_listen(irqfd, file);
		if (ret)
			goto leave;
	}

	if (irqfd->resamplefd) {
		ret = kvm_irqfd_level_attach(kvm, irqfd);
		if (ret)
			goto leave;
	}

	return irqfd;

leave:
	irqfd_give_eventfd_back(irqfd);
free:
	irqfd_release(irqfd);
	return ERR_PTR(ret);
}

/**
 * kvm_irqfd_abandon - the counterpart of kvm_irqfd_prepare()
 * @irqfd: a NEW irqfd, which is freed
 *
 * All is as it was before.
 * Context: process context, no locks held.  Waits for a grace period if it is a level
 * irqfd.
 */
void kvm_irqfd_abandon(struct kvm_kernel_irqfd *irqfd)
{
	irqfd_give_eventfd_back(irqfd);
	if (irqfd->resampler) {
		kvm_irqfd_level_withdraw(irqfd->kvm, irqfd);
		synchronize_srcu_expedited(&kvm_irqfd_srcu);
	}
	irqfd_release(irqfd);
}

/**
 * kvm_irqfd_assign - tie an eventfd to a GSI
 * @kvm: the VM
 * @args: the eventfd, the GSI and, for a level irqfd, the resamplefd
 *
 * When this returns every signal of the eventfd is an interrupt, and so was,
 * once, what the eventfd's counter held before; with KVM_IRQFD_FLAG_MASKED, they
 * are pending.
 * Context: process context, no locks held.  Waits for no reader, but for a DEASSIGN
 * of the same eventfd's former irqfd.
 * Return: 0; -EAGAIN if the VM's interrupt controller isn't there yet; -EINVAL
 * for a level irqfd where acknowledges aren't known, an fd that isn't an
 * eventfd, or KVM_IRQFD_FLAG_KEEP with a GSI that can't have routes; -EBADF for an
 * fd that isn't open; -EBUSY if the eventfd has an irqfd, in whichever VM, or
 * another waiter that consumes its events; -EUSERS with KVM_IRQFD_FLAG_KEEP if the
 * eventfd has too many listeners; -EINTR when a fatal signal has come while a
 * DEASSIGN was waited for; -ENOMEM.  With an error nothing
 * has changed, the eventfd's counter included.
 */
int kvm_irqfd_assign(struct kvm *kvm, struct kvm_irqfd *args)
{
	struct kvm_kernel_irqfd *irqfd;
	wait_queue_head_t *busy;
	int ret;

	/* Kept to the end: before it is dropped there can be no hang-up. */
	CLASS(fd, f)(args->fd);

	while (true) {
		irqfd = kvm_irqfd_prepare(kvm, args, fd_file(f), NULL, NULL, &busy);
		if (!IS_ERR(irqfd))
			break;
		if (!busy)
			return PTR_ERR(irqfd);
		ret = kvm_irqfd_wait_for_call(busy);
		if (ret)
			return ret;
	}

	kvm_irqfd_publish(irqfd, fd_file(f));
	return 0;
}

/**
 * kvm_irqfd_init_vm - set up a new VM's part of this
 * @kvm: the VM
 */
void kvm_irqfd_init_vm(struct kvm *kvm)
{
	spin_lock_init(&kvm->irqfds.lock);
	kvm_gsi_init(&kvm->irqfds.unrouted, U32_MAX);
	init_llist_head(&kvm->irqfds.hung_up);
	INIT_WORK(&kvm->irqfds.shutdown, irqfd_shutdown_work);
	kvm_irqfd_lane_init_vm(kvm);
	kvm_irqfd_stats_init_vm(kvm);
	kvm_irqfd_level_init_vm(kvm);
}

/**
 * kvm_irqfd_init - set up what all VMs share
 *
 * Context: module initialisation.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_irqfd_init(void)
{
	int ret;

	kvm_irqfd_assert_layout();

	ret = kvm_irqfd_lane_init();
	if (ret)
		return ret;

	shutdown_wq = alloc_workqueue("kvm-irqfd-shutdown", WQ_UNBOUND,
				      WQ_MAX_ACTIVE);
	if (!shutdown_wq)
		goto no_workqueue;

	irqfd_cache = KMEM_CACHE(kvm_kernel_irqfd, SLAB_ACCOUNT | SLAB_HWCACHE_ALIGN);
	if (!irqfd_cache)
		goto no_cache;

	return 0;

no_cache:
	destroy_workqueue(shutdown_wq);
no_workqueue:
	kvm_irqfd_lane_exit();
	return -ENOMEM;
}

/**
 * kvm_irqfd_exit - the counterpart of kvm_irqfd_init()
 *
 * Waits for the irqfds that have gone by kfree_rcu().
 * Context: module exit; there are no VMs, so there are no irqfds.
 */
void kvm_irqfd_exit(void)
{
	kmem_cache_destroy(irqfd_cache);
	destroy_workqueue(shutdown_wq);
	kvm_irqfd_lane_exit();
}
