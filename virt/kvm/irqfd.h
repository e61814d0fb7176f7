/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the front door has of irqfd, and irqfd of its level kind.
 */
#ifndef __KVM_IRQFD_H__
#define __KVM_IRQFD_H__

#include <linux/kvm_host.h>

#ifdef CONFIG_HAVE_KVM_IRQCHIP
struct kvm_kernel_irqfd;

void kvm_irqfd_init_vm(struct kvm *kvm);
int kvm_irqfd_assign(struct kvm *kvm, struct kvm_irqfd *args);
int kvm_irqfd_deassign(struct kvm *kvm, const struct kvm_irqfd *args);

void kvm_irqfd_level_init_vm(struct kvm *kvm);
int kvm_irqfd_level_attach(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_detach(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd);
void kvm_irqfd_level_synchronize(struct kvm *kvm);
void kvm_irqfd_level_free(struct kvm_kernel_irqfd *irqfd);
#else
static inline void kvm_irqfd_init_vm(struct kvm *kvm)
{
}
#endif /* CONFIG_HAVE_KVM_IRQCHIP */

#endif /* __KVM_IRQFD_H__ */
