/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_VMX_EXIT_PATH_H
#define __KVM_VMX_EXIT_PATH_H

#include "../exit_path.h"
#include "vmx.h"

/* The exit qualification of an I/O instruction. */
#define VMX_IO_SIZE	GENMASK(2, 0)
#define VMX_IO_IN	BIT(3)
#define VMX_IO_STRING	BIT(4)

/* Not for a nested guest: its OUT is its own hypervisor's, if that wants it. */
static inline fastpath_t vmx_fastpath_io(struct kvm_vcpu *vcpu)
{
	unsigned long io = vmx_get_exit_qual(vcpu);

	if (io & (VMX_IO_IN | VMX_IO_STRING))
		return EXIT_FASTPATH_NONE;

	return kvm_fastpath_pio_out(vcpu, io >> 16, (io & VMX_IO_SIZE) + 1);
}

#endif /* __KVM_VMX_EXIT_PATH_H */
