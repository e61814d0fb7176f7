/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_IOSIGNALFD_WATCH_H__
#define __KVM_IOSIGNALFD_WATCH_H__

#include <linux/eventfd.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/wait.h>

/**
 * struct iosignalfd_watch - one VM's look-out for one eventfd's hang-up
 * @kvm: the VM; it outlives the watch
 * @eventfd: the eventfd, by which the watch is found in kvm->iosignalfds.watches;
 *	the items hold it
 * @items: the items that ring the eventfd; not empty until the last has left, under
 *	kvm->iosignalfds.lock
 * @gone: the eventfd has hung up; set under the lock of its wait queue
 * @gone_node: in kvm->iosignalfds.gone from then on
 * @queue: the eventfd's wait queue, there for as long as an item holds the eventfd
 * @wait: in @queue
 */
struct iosignalfd_watch {
	struct kvm *kvm;
	struct eventfd_ctx *eventfd;
	struct list_head items;
	bool gone;
	struct llist_node gone_node;
	wait_queue_head_t *queue;
	wait_queue_entry_t wait;
};

int iosignalfd_watch(struct kvm *kvm, struct file *file,
		     struct eventfd_ctx *eventfd, struct list_head *node,
		     struct iosignalfd_watch **watch);
void iosignalfd_unwatch(struct iosignalfd_watch *watch, struct list_head *node);

#endif /* __KVM_IOSIGNALFD_WATCH_H__ */
