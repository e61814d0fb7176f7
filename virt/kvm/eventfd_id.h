/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_EVENTFD_ID_H__
#define __KVM_EVENTFD_ID_H__

struct file;

int kvm_eventfd_id(struct file *file);

#endif /* __KVM_EVENTFD_ID_H__ */
