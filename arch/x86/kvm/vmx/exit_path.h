/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_VMX_EXIT_PATH_H
#define __KVM_VMX_EXIT_PATH_H

#include "../exit_path.h"
#include "vmx.h"

/* The exit qualification of an I/O instruction. */
#define VMX_IO_SIZE	GENMASK(2, 0)
#define VMX_IO_IN	BIT(3)
#define VMX_IO_STRING	BIT(4)

/*
 * Not for a nested guest: its OUT is its own hypervisor's, if that wants it.
 * True if the instruction is to be skipped, and that's all.
 */
static inline bool vmx_fastpath_io(struct kvm_vcpu *vcpu)
{
	unsigned long io = vmx_get_exit_qual(vcpu);

	if ((io & (VMX_IO_IN | VMX_IO_STRING)) ||
	    (vmx_get_rflags(vcpu) & X86_EFLAGS_TF))
		return false;

	return kvm_fastpath_pio_out(vcpu, io >> 16, (io & VMX_IO_SIZE) + 1);
}

/*
 * Try to ring.  True if an iosignalfd took the write, and then the instruction is
 * to be skipped; false, and nothing has been done.
 */
static inline bool vmx_fastpath_write(struct kvm_vcpu *vcpu)
{
	switch (to_vmx(vcpu)->exit_reason.basic) {
	case EXIT_REASON_IO_INSTRUCTION:
		return vmx_fastpath_io(vcpu);
	default:
		return false;
	}
}

#endif /* __KVM_VMX_EXIT_PATH_H */
