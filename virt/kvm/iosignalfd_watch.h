/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_IOSIGNALFD_WATCH_H__
#define __KVM_IOSIGNALFD_WATCH_H__

#include <linux/eventfd.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/llist.h>

/**
 * struct iosignalfd_watch - one VM's look-out for the end of an eventfd's consumers
 * @kvm: the VM; it outlives the watch
 * @eventfd: the eventfd, by which the watch is found in kvm->iosignalfds.watches;
 *	the items hold it
 * @items: the items that ring the eventfd; not empty until the last has left, under
 *	kvm->iosignalfds.lock
 * @gone: the eventfd has no consumer; set under the lock of its wait queue
 * @gone_node: in kvm->iosignalfds.gone from then on
 * @listener: is told by the eventfd
 */
struct iosignalfd_watch {
	struct kvm *kvm;
	struct eventfd_ctx *eventfd;
	struct list_head items;
	bool gone;
	struct llist_node gone_node;
	struct eventfd_listener listener;
};

int iosignalfd_watch(struct kvm *kvm, struct file *file,
		     struct eventfd_ctx *eventfd, struct list_head *node,
		     struct iosignalfd_watch **watch);
void iosignalfd_unwatch(struct iosignalfd_watch *watch, struct list_head *node);

#endif /* __KVM_IOSIGNALFD_WATCH_H__ */
