/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of an irqfd's tests.  To be included after kvm_test_harness.h.
 */
#ifndef SELFTEST_KVM_IRQFD_VM_H
#define SELFTEST_KVM_IRQFD_VM_H

#include "irq_vm.h"

/* A VM without an irqfd. */
FIXTURE(vm) {
	struct irq_vm v;
	int fd;
};

FIXTURE_SETUP(vm)
{
	irq_vm_init(&self->v);
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(vm)
{
	close(self->fd);
	irq_vm_free(&self->v);
}

#endif /* SELFTEST_KVM_IRQFD_VM_H */
