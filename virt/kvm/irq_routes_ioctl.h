/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What user space asks for about routes.
 */
#ifndef __KVM_IRQ_ROUTES_IOCTL_H__
#define __KVM_IRQ_ROUTES_IOCTL_H__

#include <linux/kvm_host.h>

/* So many entries KVM_SET_GSI_ROUTES takes in one call. */
#define KVM_MAX_NAMED_ROUTES	4096

#ifdef CONFIG_HAVE_KVM_IRQ_ROUTING
int kvm_vm_ioctl_set_gsi_routing(struct kvm *kvm,
				 const struct kvm_irq_routing __user *user);
int kvm_vm_ioctl_set_gsi_routes(struct kvm *kvm,
				const struct kvm_gsi_routes __user *user);
#endif

#endif /* __KVM_IRQ_ROUTES_IOCTL_H__ */
