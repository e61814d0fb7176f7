// SPDX-License-Identifier: GPL-2.0-only
/*
 * What user space asks for about routes, checked and copied.
 */

#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "irq_routes.h"
#include "irq_routes_ioctl.h"

/* Entries are as great as this or greater. */
#define ENTRY_SIZE_VER0	48

/* So many entries are copied at once, but for a call with few. */
#define COPY_AT_ONCE	64

/* Entries of user space, their distance, and where some of them are copied to. */
struct irq_entries {
	const char __user *from;
	u32 nr;
	u32 size;
	struct kvm_irq_routing_entry *copy;
	struct kvm_irq_routing_entry few[KVM_IRQ_FEW];
};

static int irq_copy_some(struct irq_entries *entries, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	if (entries->size == sizeof(*entries->copy))
		return copy_from_user(entries->copy, entries->from,
				      nr * sizeof(*entries->copy)) ? -EFAULT : 0;

	for (i = 0; i < nr && !ret; i++)
		ret = copy_struct_from_user(&entries->copy[i], sizeof(*entries->copy),
					    entries->from + (size_t)i * entries->size,
					    entries->size);

	return ret;
}

/* All are copied before anything else is told of them than that there is no memory. */
static int irq_name_entries(struct kvm_irq_change *change, struct irq_entries *entries)
{
	unsigned int room = entries->copy == entries->few ? KVM_IRQ_FEW : COPY_AT_ONCE;
	unsigned int nr, i;
	int ret;

	for (; entries->nr; entries->nr -= nr) {
		nr = min(entries->nr, room);
		ret = irq_copy_some(entries, nr);
		if (ret)
			return ret;
		/* What means nothing yet may mean something later. */
		for (i = 0; i < nr && !change->all; i++)
			if (entries->copy[i].pad)
				change->error = -EINVAL;
		ret = kvm_irq_change_name(change, entries->copy, nr);
		if (ret)
			return ret;
		entries->from += (size_t)nr * entries->size;
	}

	return kvm_irq_change_do(change);
}

static int irq_change_routes(struct kvm *kvm, bool all, struct irq_entries *entries)
{
	struct kvm_irq_change change;
	int ret;

	entries->copy = entries->few;
	if (entries->nr > KVM_IRQ_FEW) {
		entries->copy = kmalloc_array(COPY_AT_ONCE, sizeof(*entries->copy),
					      GFP_KERNEL_ACCOUNT);
		if (!entries->copy)
			return -ENOMEM;
	}

	kvm_irq_change_begin(&change, kvm, all);
	ret = irq_name_entries(&change, entries);
	kvm_irq_change_end(&change);
	if (entries->copy != entries->few)
		kfree(entries->copy);

	return ret;
}

/**
 * kvm_vm_ioctl_set_gsi_routing - KVM_SET_GSI_ROUTING
 * @kvm: the VM
 * @user: user space's argument
 *
 * Context: process context, no locks held.
 * Return: as kvm_irq_change_do(); -EFAULT for memory that can't be read; -EINVAL also if
 * there is no irqchip yet, for too many routes and for flags.
 */
int kvm_vm_ioctl_set_gsi_routing(struct kvm *kvm,
				 const struct kvm_irq_routing __user *user)
{
	struct irq_entries entries;
	struct kvm_irq_routing args;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (!kvm_arch_can_set_irq_routing(kvm) || args.flags ||
	    args.nr > KVM_MAX_IRQ_ROUTES)
		return -EINVAL;

	entries.from = (const char __user *)user->entries;
	entries.nr = args.nr;
	entries.size = sizeof(user->entries[0]);

	return irq_change_routes(kvm, true, &entries);
}

/**
 * kvm_vm_ioctl_set_gsi_routes - KVM_SET_GSI_ROUTES
 * @kvm: the VM
 * @user: user space's argument
 *
 * Context: process context, no locks held.
 * Return: as kvm_irq_change_do(); -EFAULT for memory that can't be read; -EINVAL also if
 * there is no irqchip yet, for too many entries, entries that are too small, flags and
 * padding; -E2BIG for entries with more in them than is known here.
 */
int kvm_vm_ioctl_set_gsi_routes(struct kvm *kvm,
				const struct kvm_gsi_routes __user *user)
{
	struct irq_entries entries;
	struct kvm_gsi_routes args;

	BUILD_BUG_ON(sizeof(entries.few[0]) < ENTRY_SIZE_VER0);

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	if (!kvm_arch_can_set_irq_routing(kvm) || args.flags || args.pad ||
	    args.nr > KVM_MAX_NAMED_ROUTES || args.entry_size < ENTRY_SIZE_VER0)
		return -EINVAL;
	if (args.entry_size > PAGE_SIZE)
		return -E2BIG;

	entries.from = u64_to_user_ptr(args.entries);
	entries.nr = args.nr;
	entries.size = args.entry_size;

	return irq_change_routes(kvm, false, &entries);
}
