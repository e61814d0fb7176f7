/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_EVENTFD_SHOW_H__
#define __KVM_EVENTFD_SHOW_H__

#include <linux/seq_file.h>

struct eventfd_ctx;
struct kvm;

/**
 * struct kvm_eventfd_reader - a reader of a VM's file
 * @kvm: the VM, to which the reader has a reference
 *
 * What a file's reader has besides stands behind it, in a struct that begins with this
 * one.
 */
struct kvm_eventfd_reader {
	struct kvm *kvm;
};

int kvm_eventfd_show_open(struct inode *inode, struct file *file,
			  const struct seq_operations *ops, size_t size);
int kvm_eventfd_show_release(struct inode *inode, struct file *file);
void kvm_eventfd_show_id(struct seq_file *m, struct eventfd_ctx *eventfd);

#endif /* __KVM_EVENTFD_SHOW_H__ */
