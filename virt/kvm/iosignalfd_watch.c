// SPDX-License-Identifier: GPL-2.0-only
/*
 * Learning that an eventfd has hung up: that its last file was closed.
 *
 * Each signal walks the eventfd's wait queue.  So a VM has one watch for an eventfd,
 * whatever number of items rings it, and only if an item asked for it (HANGUP).
 *
 * The hang-up comes with the wait queue locked, where no item can be removed.  It puts
 * the watch on kvm->iosignalfds.gone and queues kvm->iosignalfds.reap.
 *
 *	WATCHING --last item leaves--> freed
 *	   |
 *	hang-up, under the queue's lock
 *	   v
 *	  GONE --last item leaves, taken off kvm->iosignalfds.gone--> freed by the
 *							  one that took it off
 */

#include <linux/file.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "iosignalfd_watch.h"

static int iosignalfd_watch_wake(wait_queue_entry_t *wait, unsigned int mode, int sync,
				 void *key)
{
	struct iosignalfd_watch *watch =
		container_of(wait, struct iosignalfd_watch, wait);
	struct kvm *kvm = watch->kvm;

	if (likely(!(key_to_poll(key) & EPOLLHUP)) || watch->gone)
		return 0;

	lockdep_assert_held(&watch->queue->lock);
	WRITE_ONCE(watch->gone, true);
	llist_add(&watch->gone_node, &kvm->iosignalfds.gone);
	queue_work(system_unbound_wq, &kvm->iosignalfds.reap);

	return 0;
}

/* Polling tells the wait queue. */
struct watch_poll {
	poll_table table;
	struct iosignalfd_watch *watch;
};

static void iosignalfd_watch_queue(struct file *file, wait_queue_head_t *queue,
				   poll_table *table)
{
	struct iosignalfd_watch *watch =
		container_of(table, struct watch_poll, table)->watch;

	watch->queue = queue;

	/* Behind the consumers, which shouldn't wait for it. */
	spin_lock_irq(&queue->lock);
	__add_wait_queue_entry_tail(queue, &watch->wait);
	spin_unlock_irq(&queue->lock);
}

static struct iosignalfd_watch *iosignalfd_new_watch(struct kvm *kvm, struct file *file,
						     struct eventfd_ctx *eventfd)
{
	struct iosignalfd_watch *watch;
	struct watch_poll poll = { };
	int ret;

	watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	if (!watch)
		return NULL;

	watch->kvm = kvm;
	watch->eventfd = eventfd;
	INIT_LIST_HEAD(&watch->items);
	init_waitqueue_func_entry(&watch->wait, iosignalfd_watch_wake);

	ret = xa_err(xa_store(&kvm->iosignalfds.watches, (unsigned long)eventfd,
			      watch, GFP_KERNEL_ACCOUNT));
	if (ret) {
		kfree(watch);
		return NULL;
	}

	poll.watch = watch;
	init_poll_funcptr(&poll.table, iosignalfd_watch_queue);
	vfs_poll(file, &poll.table);

	return watch;
}

/**
 * iosignalfd_watch - have an item's eventfd watched
 * @kvm: the VM
 * @file: the eventfd's file
 * @eventfd: the eventfd
 * @node: the item's, to be put into the watch's list
 * @watch: where the watch is put; the item must leave it by iosignalfd_unwatch()
 *
 * The VM's watch is found without a walk of the eventfd's wait queue: there may be any
 * number of waiters, and the queue's lock has interrupts off.
 * Context: process context, kvm->iosignalfds.lock; the caller holds @file, so
 * that there is no hang-up yet, and the item a reference to the eventfd.
 * Return: 0, or -ENOMEM with nothing done.
 */
int iosignalfd_watch(struct kvm *kvm, struct file *file,
		     struct eventfd_ctx *eventfd, struct list_head *node,
		     struct iosignalfd_watch **watch)
{
	lockdep_assert_held(&kvm->iosignalfds.lock);

	*watch = xa_load(&kvm->iosignalfds.watches, (unsigned long)eventfd);
	if (!*watch)
		*watch = iosignalfd_new_watch(kvm, file, eventfd);
	if (!*watch)
		return -ENOMEM;

	list_add_tail(node, &(*watch)->items);
	return 0;
}

/**
 * iosignalfd_unwatch - an item leaves its watch
 * @watch: the watch; the last item's leaving frees it, now or, if the eventfd
 *	has hung up, when it is taken off kvm->iosignalfds.gone
 * @node: the item's
 *
 * Context: kvm->iosignalfds.lock, or VM destruction; the item still has its reference
 * to the eventfd.
 */
void iosignalfd_unwatch(struct iosignalfd_watch *watch, struct list_head *node)
{
	list_del(node);
	if (!list_empty(&watch->items))
		return;

	xa_erase(&watch->kvm->iosignalfds.watches, (unsigned long)watch->eventfd);
	/* It takes the queue's lock: no wake-up is in @watch, and none comes. */
	remove_wait_queue(watch->queue, &watch->wait);
	if (!watch->gone)
		kfree(watch);
}
