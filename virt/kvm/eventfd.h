/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files behind KVM_IRQFD and KVM_IOEVENTFD have of each other.
 * Documentation/virt/kvm/eventfd.rst says which of them owns what.
 */
#ifndef __KVM_EVENTFD_H__
#define __KVM_EVENTFD_H__

#include <linux/kvm_host.h>

/* iosignalfd.c */
void kvm_iosignalfd_init(struct kvm *kvm);
int kvm_iosignalfd_assign(struct kvm *kvm, const struct kvm_ioeventfd *args);
int kvm_iosignalfd_deassign(struct kvm *kvm, const struct kvm_ioeventfd *args);

#ifdef CONFIG_HAVE_KVM_IRQCHIP
struct kvm_kernel_irqfd;

/* irqfd.c */
void kvm_irqfd_init_vm(struct kvm *kvm);
int kvm_irqfd_assign(struct kvm *kvm, struct kvm_irqfd *args);
int kvm_irqfd_deassign(struct kvm *kvm, const struct kvm_irqfd *args);

/* irq_ack.c */
void kvm_irq_ack_notifier_remove(struct kvm *kvm,
				 struct kvm_irq_ack_notifier *kian);

/* irqfd_level.c */
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

#endif /* __KVM_EVENTFD_H__ */
