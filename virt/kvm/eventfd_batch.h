/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_EVENTFD_BATCH_H__
#define __KVM_EVENTFD_BATCH_H__

#include <linux/kvm_host.h>
#include <linux/kvm_eventfd_batch.h>

/*
 * What KVM_CAP_EVENTFD_BATCH tells.  A batch has kvm->iosignalfds.lock for all of its
 * operations, each of which takes less than a microsecond; and it takes some 200 bytes
 * for each while it lasts.
 */
#define KVM_EVENTFD_BATCH_MAX	8192

int kvm_eventfd_batch(struct kvm *kvm, struct kvm_eventfd_batch __user *user);

#endif /* __KVM_EVENTFD_BATCH_H__ */
