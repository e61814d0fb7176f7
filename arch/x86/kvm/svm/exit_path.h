/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_SVM_EXIT_PATH_H
#define __KVM_SVM_EXIT_PATH_H

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
static inline fastpath_t svm_fastpath_io(struct vcpu_svm *svm)
{
	struct vmcb_control_area *control = &svm->vmcb->control;
	u32 io = control->exit_info_1;

	/* A nested guest's is its own hypervisor's, if that wants it. */
	if (is_guest_mode(&svm->vcpu) ||
	    (io & (SVM_IOIO_TYPE_MASK | SVM_IOIO_STR_MASK)) ||
	    svm_single_steps(svm))
		return EXIT_FASTPATH_NONE;

	if (!kvm_fastpath_pio_out(&svm->vcpu, io >> 16,
				  (io & SVM_IOIO_SIZE_MASK) >>
				  SVM_IOIO_SIZE_SHIFT))
		return EXIT_FASTPATH_NONE;

	svm_skip_to(svm, control->exit_info_2);
	return EXIT_FASTPATH_REENTER_GUEST;
}

#endif /* __KVM_SVM_EXIT_PATH_H */
