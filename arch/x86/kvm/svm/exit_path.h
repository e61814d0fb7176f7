/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_SVM_EXIT_PATH_H
#define __KVM_SVM_EXIT_PATH_H

#include <kvm/iobus.h>

#include "../exit_path.h"
#include "svm.h"

/*
 * Whoever single-steps, the guest or KVM itself up to an NMI window, is to be
 * stopped after the instruction.
 */
static inline bool svm_single_steps(struct vcpu_svm *svm)
{
	return svm->vmcb->save.rflags & X86_EFLAGS_TF;
}

static inline void svm_skip_to(struct vcpu_svm *svm, unsigned long next_rip)
{
	kvm_rip_write(&svm->vcpu, next_rip);
	svm->vmcb->control.int_state &= ~SVM_INTERRUPT_SHADOW_MASK;
}

/*
 * An OUT comes with the address of the next instruction, on processors as well
 * that don't save it for other exits.
 */
static inline bool svm_fastpath_io(struct vcpu_svm *svm)
{
	struct vmcb_control_area *control = &svm->vmcb->control;
	u32 io = control->exit_info_1;
	u16 port = io >> 16;

	if (io & (SVM_IOIO_TYPE_MASK | SVM_IOIO_STR_MASK) ||
	    !kvm_io_bus_may_have_point(svm->vcpu.kvm, KVM_PIO_BUS, port) ||
	    svm_single_steps(svm))
		return false;

	if (!kvm_fastpath_pio_out(&svm->vcpu, port,
				  (io & SVM_IOIO_SIZE_MASK) >>
				  SVM_IOIO_SIZE_SHIFT))
		return false;

	svm_skip_to(svm, control->exit_info_2);
	return true;
}

/*
 * Does the instruction that faulted store, and do nothing else?  Bytes 0x40 to
 * 0x4f are prefixes: as instructions they don't access memory.
 */
static inline bool svm_insn_is_store(const struct vmcb_control_area *control)
{
	int i;

	for (i = 0; i < control->insn_len; i++) {
		switch (control->insn_bytes[i]) {
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
		case 0x66: case 0x67:
		case 0x40 ... 0x4f:
			continue;
		case 0x88: case 0x89: case 0xa2: case 0xa3: case 0xc6: case 0xc7:
			return true;
		default:
			return false;
		}
	}

	return false;
}

/*
 * A nested-page fault says that it was a write, and where, and on most processors
 * what the instruction's bytes are and where the next one is.  It has to be the
 * instruction's own access, not a page walk's or that of an event which is being
 * delivered, and to a page that is known to have no memory, which a reserved bit
 * says.
 */
static inline bool svm_fastpath_npf(struct vcpu_svm *svm)
{
	struct vmcb_control_area *control = &svm->vmcb->control;
	u64 error = control->exit_info_1;
	gpa_t gpa = control->exit_info_2;

	if (!nrips || !control->next_rip ||
	    !static_cpu_has(X86_FEATURE_DECODEASSISTS) ||
	    (error & (PFERR_RSVD_MASK | PFERR_WRITE_MASK | PFERR_FETCH_MASK |
		      PFERR_GUEST_PAGE_MASK)) !=
	    (PFERR_RSVD_MASK | PFERR_WRITE_MASK) ||
	    control->exit_int_info & SVM_EXITINTINFO_VALID ||
	    !kvm_io_bus_may_have_point(svm->vcpu.kvm, KVM_MMIO_BUS, gpa) ||
	    svm_single_steps(svm) || sev_guest(svm->vcpu.kvm) ||
	    !svm_insn_is_store(control))
		return false;

	if (!kvm_fastpath_mmio_write(&svm->vcpu, gpa))
		return false;

	svm_skip_to(svm, control->next_rip);
	return true;
}

/*
 * Try to ring.  True if an iosignalfd took the write, and then there is nothing
 * more to do for this exit; false, and nothing has been done.
 */
static inline bool svm_fastpath_write(struct vcpu_svm *svm)
{
	u32 exit_code = svm->vmcb->control.exit_code;

	if (exit_code != SVM_EXIT_IOIO && exit_code != SVM_EXIT_NPF)
		return false;

	/* A nested guest's write is its own hypervisor's, if that wants it. */
	if (is_guest_mode(&svm->vcpu))
		return false;

	return exit_code == SVM_EXIT_IOIO ? svm_fastpath_io(svm) :
					    svm_fastpath_npf(svm);
}

#endif /* __KVM_SVM_EXIT_PATH_H */
