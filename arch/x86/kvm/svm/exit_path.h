/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __KVM_SVM_EXIT_PATH_H
#define __KVM_SVM_EXIT_PATH_H

#include "../exit_path.h"
#include "svm.h"

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
	    (io & (SVM_IOIO_TYPE_MASK | SVM_IOIO_STR_MASK)))
		return EXIT_FASTPATH_NONE;

	svm->next_rip = control->exit_info_2;

	return kvm_fastpath_pio_out(&svm->vcpu, io >> 16,
				    (io & SVM_IOIO_SIZE_MASK) >>
				    SVM_IOIO_SIZE_SHIFT);
}

#endif /* __KVM_SVM_EXIT_PATH_H */
