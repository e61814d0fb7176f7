/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of the tests of forwarded interrupts: INTx by a level irqfd, and not forwarded.
 * To be included after kvm_test_harness.h.
 */
#ifndef SELFTEST_KVM_FORWARD_H
#define SELFTEST_KVM_FORWARD_H

#include "intx_vm.h"

FIXTURE(forward) {
	struct intx_vm f;
};

FIXTURE_SETUP(forward)
{
	if (!intx_vm_init(&self->f))
		SKIP(return, "No edu device that vfio-pci takes");
	use_intx(&self->f);
}

FIXTURE_TEARDOWN(forward)
{
	intx_vm_free(&self->f);
}

#endif /* SELFTEST_KVM_FORWARD_H */
