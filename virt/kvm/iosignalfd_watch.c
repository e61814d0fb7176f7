// SPDX-License-Identifier: GPL-2.0-only
/*
 * Learning that an eventfd has no consumer any more: that its last file was closed, and
 * that no irqfd or other consumer in the kernel outlives it.
 *
 * A VM has one watch for an eventfd, whatever number of items rings it, and only if an
 * item asked for it (HANGUP).  The eventfd tells its listeners; signals don't look at
 * these.
 *
 * The eventfd tells with its wait queue locked, where no item can be removed.  So the
 * watch goes on kvm->iosignalfds.gone, and kvm->iosignalfds.reap is queued.
 *
 *	WATCHING --last item leaves--> freed
 *	   |
 *	the last consumer goes, under the queue's lock
 *	   v
 *	  GONE --last item leaves, taken off kvm->iosignalfds.gone--> freed by the
 *							  one that took it off
 */

#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "iosignalfd_watch.h"

/* Once at most. */
static void iosignalfd_watch_told(struct eventfd_listener *listener,
				  enum eventfd_event event, u64 data)
{
	struct iosignalfd_watch *watch =
		container_of(listener, struct iosignalfd_watch, listener);
	struct kvm *kvm = watch->kvm;

	WRITE_ONCE(watch->gone, true);
	llist_add(&watch->gone_node, &kvm->iosignalfds.gone);
	queue_work(system_unbound_wq, &kvm->iosignalfds.reap);
}

static struct iosignalfd_watch *iosignalfd_new_watch(struct kvm *kvm, struct file *file,
						     struct eventfd_ctx *eventfd)
{
	struct iosignalfd_watch *watch;
	int ret;

	watch = kzalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);
	if (!watch)
		return ERR_PTR(-ENOMEM);

	watch->kvm = kvm;
	watch->eventfd = eventfd;
	INIT_LIST_HEAD(&watch->items);
	watch->listener.func = iosignalfd_watch_told;
	watch->listener.events = BIT(EVENTFD_CONSUMERS_GONE);

	ret = xa_err(xa_store(&kvm->iosignalfds.watches, (unsigned long)eventfd,
			      watch, GFP_KERNEL_ACCOUNT));
	if (ret)
		goto free;

	ret = eventfd_listen(file, &watch->listener);
	if (ret)
		goto erase;

	return watch;

erase:
	xa_erase(&kvm->iosignalfds.watches, (unsigned long)eventfd);
free:
	kfree(watch);
	return ERR_PTR(ret);
}

/**
 * iosignalfd_watch - have an item's eventfd watched
 * @kvm: the VM
 * @file: the eventfd's file
 * @eventfd: the eventfd
 * @node: the item's, to be put into the watch's list
 * @watch: where the watch is put; the item must leave it by iosignalfd_unwatch()
 *
 * The VM's watch is found without a walk of the eventfd's listeners: there may be any
 * number of these, and their lock has interrupts off.
 * Context: process context, kvm->iosignalfds.lock; the caller holds @file, which is a
 * consumer, and the item a reference to the eventfd.
 * Return: 0; or with nothing done -ENOMEM, or -EUSERS if the eventfd has too many listeners.
 */
int iosignalfd_watch(struct kvm *kvm, struct file *file,
		     struct eventfd_ctx *eventfd, struct list_head *node,
		     struct iosignalfd_watch **watch)
{
	struct iosignalfd_watch *found;

	lockdep_assert_held(&kvm->iosignalfds.lock);

	found = xa_load(&kvm->iosignalfds.watches, (unsigned long)eventfd);
	if (!found)
		found = iosignalfd_new_watch(kvm, file, eventfd);
	if (IS_ERR(found))
		return PTR_ERR(found);

	list_add_tail(node, &found->items);
	*watch = found;
	return 0;
}

/**
 * iosignalfd_unwatch - an item leaves its watch
 * @watch: the watch; the last item's leaving frees it, now or, if the eventfd
 *	has no consumer, when it is taken off kvm->iosignalfds.gone
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
	/* From here on @watch isn't being told. */
	eventfd_unlisten(watch->eventfd, &watch->listener);
	if (!watch->gone)
		kfree(watch);
}
