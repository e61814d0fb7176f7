/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_X86_EXIT_PATH_H
#define __KVM_X86_EXIT_PATH_H

#include <linux/kvm_host.h>

#include "lapic.h"

/**
 * kvm_is_apic_page - does an access belong to the local APIC before any bus is asked?
 * @vcpu: the vCPU
 * @gpa: the address
 *
 * That goes for a disabled APIC's page, too.  Each vCPU has its own and may move it.
 * Context: the vCPU's thread.
 * Return: true if it does.
 */
static inline bool kvm_is_apic_page(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	return lapic_in_kernel(vcpu) &&
	       gpa - vcpu->arch.apic->base_address < PAGE_SIZE;
}

bool kvm_fastpath_pio_out(struct kvm_vcpu *vcpu, u16 port, int size);
bool kvm_fastpath_mmio_write(struct kvm_vcpu *vcpu, gpa_t gpa);

#endif /* __KVM_X86_EXIT_PATH_H */
