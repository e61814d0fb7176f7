/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_X86_EXIT_PATH_H
#define __KVM_X86_EXIT_PATH_H

#include <linux/kvm_host.h>

bool kvm_fastpath_pio_out(struct kvm_vcpu *vcpu, u16 port, int size);
bool kvm_fastpath_mmio_write(struct kvm_vcpu *vcpu, gpa_t gpa);

#endif /* __KVM_X86_EXIT_PATH_H */
