/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_SVM_EXIT_PATH_H
#define __KVM_SVM_EXIT_PATH_H

#include <kvm/iobus.h>

#include "../exit_path.h"
#include "store.h"
#include "svm.h"
#include "x86.h"

/*
 * If the guest single-steps, or KVM itself does up to an NMI window, the vCPU has to
 * stop after the instruction.
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
 * Does the instruction that faulted store at @gpa alone?
 *
 * Of a store in two pages the other half would be lost.  The fault is of one of them:
 * of the first, where the bus tells (kvm_io_bus_write_points()), or of the second, and
 * then at its first byte.  So a store at the first byte of a page has to be known to
 * begin there.  An address has the same lowest bits before and after translation.
 *
 * Out of line, so that other exits don't pay for the registers and the stack.
 */
static noinline bool svm_stores_at(struct vcpu_svm *svm, gpa_t gpa)
{
	struct vmcb_control_area *control = &svm->vmcb->control;
	struct kvm_vcpu *vcpu = &svm->vcpu;
	int base;

	if (!svm_decode_store(control->insn_bytes, control->insn_len, &base))
		return false;

	return offset_in_page(gpa) ||
	       (base >= 0 && is_64_bit_mode(vcpu) &&
		!offset_in_page(kvm_register_read_raw(vcpu, base)));
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
	    !svm_stores_at(svm, gpa))
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

	if (!IS_ENABLED(CONFIG_KVM_RING_IN_EXIT_PATH) ||
	    (exit_code != SVM_EXIT_IOIO && exit_code != SVM_EXIT_NPF))
		return false;

	/* A nested guest's write is its own hypervisor's, if that wants it. */
	if (is_guest_mode(&svm->vcpu))
		return false;

	return exit_code == SVM_EXIT_IOIO ? svm_fastpath_io(svm) :
					    svm_fastpath_npf(svm);
}

#endif /* __KVM_SVM_EXIT_PATH_H */
