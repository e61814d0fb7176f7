/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_EVENTFD_IDS_H__
#define __KVM_EVENTFD_IDS_H__

#include <linux/kvm_host.h>
#include <linux/xarray.h>

struct eventfd_ctx;
struct file;

int kvm_eventfd_file_id(struct file *file);

void kvm_eventfd_ids_init(struct xarray *ids, struct kvm *kvm);
void kvm_eventfd_ids_destroy(struct xarray *ids);
int kvm_eventfd_id(struct xarray *ids, const struct eventfd_ctx *eventfd);

#endif /* __KVM_EVENTFD_IDS_H__ */
