// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd: debugfs' "iosignalfds", a line for each registration of a VM.
 */

#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/seq_file.h>

#include "eventfd_show.h"
#include "iosignalfd.h"
#include "iosignalfd_item.h"

static void *iosignalfd_list_start(struct seq_file *m, loff_t *pos)
{
	struct kvm_eventfd_reader *reader = m->private;

	mutex_lock(&reader->kvm->iosignalfds.lock);
	return seq_list_start_head(&reader->kvm->iosignalfds.items, *pos);
}

static void *iosignalfd_list_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct kvm_eventfd_reader *reader = m->private;

	return seq_list_next(v, &reader->kvm->iosignalfds.items, pos);
}

static void iosignalfd_list_stop(struct seq_file *m, void *v)
{
	struct kvm_eventfd_reader *reader = m->private;

	mutex_unlock(&reader->kvm->iosignalfds.lock);
}

static const char *iosignalfd_bus_name(enum kvm_bus bus)
{
	switch (bus) {
	case KVM_PIO_BUS:
		return "pio";
	case KVM_VIRTIO_CCW_NOTIFY_BUS:
		return "ccw";
	default:
		return "mmio";
	}
}

static int iosignalfd_list_show(struct seq_file *m, void *v)
{
	struct kvm_eventfd_reader *reader = m->private;
	struct iosignalfd_item *item;
	struct iosignalfd_group *group;
	u64 rings;

	if (v == &reader->kvm->iosignalfds.items) {
		seq_puts(m, "bus address length value eventfd-id rings flags\n");
		return 0;
	}

	item = list_entry(v, struct iosignalfd_item, vm_node);
	group = item->group;

	seq_printf(m, "%s %#llx %u ", iosignalfd_bus_name(group->bus), group->point.addr,
		   group->len);
	if (item->wildcard)
		seq_puts(m, "any");
	else
		seq_printf(m, "%#llx", item->value);
	/* data_race(): a vCPU may be counting; the figure is as old as its line. */
	rings = data_race(item->rings);
	seq_putc(m, ' ');
	/* A listed item has its eventfd: both go under kvm->iosignalfds.lock. */
	kvm_eventfd_show_id(m, item->eventfd);
	seq_printf(m, " %llu %s%s%s%s\n", rings,
		   item->fanout ? "f" : "", item->post ? "p" : "",
		   item->watch ? "h" : "",
		   item->fanout || item->post || item->watch ? "" : "-");
	return 0;
}

static const struct seq_operations list_ops = {
	.start = iosignalfd_list_start,
	.next = iosignalfd_list_next,
	.stop = iosignalfd_list_stop,
	.show = iosignalfd_list_show,
};

static int iosignalfd_list_open(struct inode *inode, struct file *file)
{
	return kvm_eventfd_show_open(inode, file, &list_ops,
				     sizeof(struct kvm_eventfd_reader));
}

static const struct file_operations list_fops = {
	.owner = THIS_MODULE,
	.open = iosignalfd_list_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = kvm_eventfd_show_release,
};

/**
 * kvm_iosignalfd_create_debugfs - show a VM's registrations
 * @kvm: the VM
 *
 * The file goes with the VM's directory.
 * Context: VM creation, when that directory has been made.
 */
void kvm_iosignalfd_create_debugfs(struct kvm *kvm)
{
	debugfs_create_file("iosignalfds", 0400, kvm->debugfs_dentry, kvm,
			    &list_fops);
}
