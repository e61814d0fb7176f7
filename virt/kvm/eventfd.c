// SPDX-License-Identifier: GPL-2.0-only
/*
 * The front door of KVM_IRQFD and KVM_IOEVENTFD, alias KVM_IOSIGNALFD.
 */

#include <linux/kvm_host.h>

#include "iosignalfd.h"
#include "irqfd.h"

#ifdef CONFIG_HAVE_KVM_IRQCHIP
/**
 * kvm_irqfd - KVM_IRQFD
 * @kvm: the VM
 * @args: what user space passed
 *
 * Context: the VM's ioctl, no locks held.
 * Return: as kvm_irqfd_assign(), kvm_irqfd_deassign() and, with both flags,
 * kvm_irqfd_deassign_kept(); -EINVAL for a flag
 * that isn't known, whichever of the two is meant, and for a level irqfd or a
 * deassign with a flag of KVM_IRQFD_CONTROL_FLAGS.
 */
int kvm_irqfd(struct kvm *kvm, struct kvm_irqfd *args)
{
	if (!kvm_irqfd_are_flags_known(args->flags))
		return -EINVAL;

	if (!(args->flags & KVM_IRQFD_FLAG_DEASSIGN))
		return kvm_irqfd_assign(kvm, args);
	if (args->flags & KVM_IRQFD_FLAG_KEEP)
		return kvm_irqfd_deassign_kept(kvm, args);

	return kvm_irqfd_deassign(kvm, args);
}
#endif

/**
 * kvm_ioeventfd - KVM_IOEVENTFD
 * @kvm: the VM
 * @args: what user space passed
 *
 * Context: the VM's ioctl, no locks held.
 * Return: as kvm_iosignalfd_assign() and kvm_iosignalfd_deassign().
 */
int kvm_ioeventfd(struct kvm *kvm, struct kvm_ioeventfd *args)
{
	if (args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		return kvm_iosignalfd_deassign(kvm, args);

	return kvm_iosignalfd_assign(kvm, args);
}

/**
 * kvm_eventfd_init - set up what a new VM needs for both
 * @kvm: the VM
 *
 * Context: VM creation; can't fail.
 */
void kvm_eventfd_init(struct kvm *kvm)
{
	kvm_irqfd_init_vm(kvm);
	kvm_iosignalfd_init(kvm);
}
