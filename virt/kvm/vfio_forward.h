/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_VFIO_FORWARD_H
#define __KVM_VFIO_FORWARD_H

#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/mutex.h>

/**
 * struct kvm_vfio_forwards - the forwarded interrupts of a VM's kvm-vfio device
 * @lock: of @list; an interrupt is forwarded and given back under it
 * @list: of struct kvm_vfio_forward
 */
struct kvm_vfio_forwards {
	struct mutex lock; /* of list */
	struct list_head list;
};

#ifdef CONFIG_KVM_IRQ_FORWARD
void kvm_vfio_forward_init(struct kvm_vfio_forwards *forwards);
void kvm_vfio_forward_release(struct kvm_vfio_forwards *forwards);
int kvm_vfio_forward_set_attr(struct kvm *kvm, struct kvm_vfio_forwards *forwards,
			      u64 attr, void __user *arg);
int kvm_vfio_forward_has_attr(u64 attr);
#else
static inline void kvm_vfio_forward_init(struct kvm_vfio_forwards *forwards) {}
static inline void kvm_vfio_forward_release(struct kvm_vfio_forwards *forwards) {}
static inline int kvm_vfio_forward_set_attr(struct kvm *kvm,
					    struct kvm_vfio_forwards *forwards,
					    u64 attr, void __user *arg)
{
	return -ENXIO;
}

static inline int kvm_vfio_forward_has_attr(u64 attr)
{
	return -ENXIO;
}
#endif

#endif /* __KVM_VFIO_FORWARD_H */
