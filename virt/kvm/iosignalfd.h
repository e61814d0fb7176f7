/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_IOSIGNALFD_H__
#define __KVM_IOSIGNALFD_H__

#include <linux/kvm_host.h>

void kvm_iosignalfd_init(struct kvm *kvm);
int kvm_iosignalfd_assign(struct kvm *kvm, const struct kvm_ioeventfd *args);
int kvm_iosignalfd_deassign(struct kvm *kvm, const struct kvm_ioeventfd *args);

#endif /* __KVM_IOSIGNALFD_H__ */
