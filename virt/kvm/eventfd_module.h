/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_EVENTFD_MODULE_H__
#define __KVM_EVENTFD_MODULE_H__

int kvm_eventfd_module_init(void);
void kvm_eventfd_module_exit(void);

#endif /* __KVM_EVENTFD_MODULE_H__ */
