/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_IOSIGNALFD_H__
#define __KVM_IOSIGNALFD_H__

#include <linux/kvm_host.h>

/* What KVM_CAP_IOSIGNALFD tells: the flags of struct kvm_iosignalfd. */
#define KVM_IOSIGNALFD_FLAGS						\
	(KVM_IOSIGNALFD_FLAG_TRIGGER | KVM_IOSIGNALFD_FLAG_PIO |	\
	 KVM_IOSIGNALFD_FLAG_DEASSIGN | KVM_IOSIGNALFD_FLAG_FANOUT |	\
	 KVM_IOSIGNALFD_FLAG_POST_WRITE | KVM_IOSIGNALFD_FLAG_HANGUP |	\
	 KVM_IOSIGNALFD_FLAG_ANY_FD)

/*
 * What KVM_CAP_IOSIGNALFD_FANOUT tells: how many may share a write.  The vCPU signals
 * all of them without being preempted.  Each signal takes as long as it takes to wake a
 * waiter, some microseconds, so all of them take a fraction of a millisecond.
 */
#define KVM_IOSIGNALFD_MAX_FANOUT	64

int kvm_iosignalfd_create_caches(void);
void kvm_iosignalfd_destroy_caches(void);
void kvm_iosignalfd_init(struct kvm *kvm);
void kvm_iosignalfd_stop(struct kvm *kvm);
void kvm_iosignalfd_destroy(struct kvm *kvm);
int kvm_iosignalfd_assign(struct kvm *kvm, const struct kvm_ioeventfd *args);
int kvm_iosignalfd_deassign(struct kvm *kvm, const struct kvm_ioeventfd *args);

#ifdef CONFIG_KVM_EVENTFD_DEBUGFS
void kvm_iosignalfd_create_debugfs(struct kvm *kvm);
#else
static inline void kvm_iosignalfd_create_debugfs(struct kvm *kvm) {}
#endif

#endif /* __KVM_IOSIGNALFD_H__ */
