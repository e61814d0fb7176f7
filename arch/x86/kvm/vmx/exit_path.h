/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_VMX_EXIT_PATH_H
#define __KVM_VMX_EXIT_PATH_H

#include <kvm/iobus.h>

#include "../exit_path.h"
#include "vmx.h"

/* The exit qualification of an I/O instruction. */
#define VMX_IO_SIZE	GENMASK(2, 0)
#define VMX_IO_IN	BIT(3)
#define VMX_IO_STRING	BIT(4)

/* The guest is to be stopped after the instruction. */
static inline bool vmx_single_steps(struct kvm_vcpu *vcpu)
{
	return vmx_get_rflags(vcpu) & X86_EFLAGS_TF;
}

static inline bool vmx_fastpath_io(struct kvm_vcpu *vcpu)
{
	unsigned long io = vmx_get_exit_qual(vcpu);
	u16 port = io >> 16;

	if (io & (VMX_IO_IN | VMX_IO_STRING) ||
	    !kvm_io_bus_may_have_point(vcpu->kvm, KVM_PIO_BUS, port) ||
	    vmx_single_steps(vcpu))
		return false;

	return kvm_fastpath_pio_out(vcpu, port, (io & VMX_IO_SIZE) + 1);
}

/*
 * As in handle_ept_misconfig(), an access to a page that is known to have no
 * memory counts as a write, since the processor doesn't tell.  It has to be the
 * instruction's own, not that of an event which is being delivered.  Nor does a
 * processor have to tell the instruction's length; only hypervisors are known
 * not to, and there decoding it is the long way's business.
 */
static inline bool vmx_fastpath_ept_misconfig(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	gpa_t gpa;

	if (static_cpu_has(X86_FEATURE_HYPERVISOR) ||
	    vmx->exit_reason.enclave_mode ||
	    vmx->idt_vectoring_info & VECTORING_INFO_VALID_MASK)
		return false;

	gpa = vmcs_read64(GUEST_PHYSICAL_ADDRESS);
	if (!kvm_io_bus_may_have_point(vcpu->kvm, KVM_MMIO_BUS, gpa) ||
	    vmx_single_steps(vcpu))
		return false;

	return kvm_fastpath_mmio_write(vcpu, gpa);
}

/*
 * Try to ring.  True if an iosignalfd took the write, and then the instruction is
 * to be skipped; false, and nothing has been done.
 *
 * Not for a nested guest: its write is its own hypervisor's, if that wants it.
 */
static inline bool vmx_fastpath_write(struct kvm_vcpu *vcpu)
{
	if (!IS_ENABLED(CONFIG_KVM_RING_IN_EXIT_PATH))
		return false;

	switch (to_vmx(vcpu)->exit_reason.basic) {
	case EXIT_REASON_IO_INSTRUCTION:
		return vmx_fastpath_io(vcpu);
	case EXIT_REASON_EPT_MISCONFIG:
		return vmx_fastpath_ept_misconfig(vcpu);
	default:
		return false;
	}
}

#endif /* __KVM_VMX_EXIT_PATH_H */
