// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the debugfs files of irqfds and iosignalfds have in common.
 */

#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/seq_file.h>

#include "eventfd_show.h"

/**
 * kvm_eventfd_show_open - open a file of a VM's in debugfs
 * @inode: the file's inode, whose i_private is the VM
 * @file: the file
 * @ops: what it shows
 * @size: of the reader, a struct that begins with struct kvm_eventfd_reader
 *
 * The open file has a reference to the VM, which may be going already.
 * Context: a file's open.
 * Return: 0; -ENOENT if the VM is going; -ENOMEM.
 */
int kvm_eventfd_show_open(struct inode *inode, struct file *file,
			  const struct seq_operations *ops, size_t size)
{
	struct kvm *kvm = inode->i_private;
	struct kvm_eventfd_reader *reader;

	if (!kvm_get_kvm_safe(kvm))
		return -ENOENT;

	reader = __seq_open_private(file, ops, size);
	if (!reader) {
		kvm_put_kvm(kvm);
		return -ENOMEM;
	}
	reader->kvm = kvm;

	return 0;
}

/**
 * kvm_eventfd_show_release - the counterpart of kvm_eventfd_show_open()
 * @inode: the file's inode
 * @file: the file
 *
 * Context: a file's release.
 * Return: 0.
 */
int kvm_eventfd_show_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct kvm_eventfd_reader *reader = m->private;

	kvm_put_kvm(reader->kvm);

	return seq_release_private(inode, file);
}

/**
 * kvm_eventfd_show_id - show the number by which user space knows an eventfd
 * @m: the file
 * @eventfd: the eventfd, to which the caller has a reference
 *
 * Shows "-" in a kernel that doesn't tell.
 */
void kvm_eventfd_show_id(struct seq_file *m, struct eventfd_ctx *eventfd)
{
	int id = eventfd_ctx_id(eventfd);

	if (id < 0)
		seq_putc(m, '-');
	else
		seq_printf(m, "%d", id);
}
