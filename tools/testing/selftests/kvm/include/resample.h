/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of a level irqfd's tests.  To be included after kvm_test_harness.h.
 */
#ifndef SELFTEST_KVM_RESAMPLE_H
#define SELFTEST_KVM_RESAMPLE_H

#include "level_vm.h"

/*
 * Level-triggered lines.  The line stays up from the signal to the guest's EOI,
 * which lowers it and signals the resample eventfd.
 */
FIXTURE(resample) {
	struct irq_vm v;
	int fd;
	int resamplefd;
};

FIXTURE_SETUP(resample)
{
	irq_vm_init(&self->v);
	self->fd = new_eventfd();
	self->resamplefd = new_eventfd();
}

FIXTURE_TEARDOWN(resample)
{
	close(self->fd);
	close(self->resamplefd);
	irq_vm_free(&self->v);
}

#endif /* SELFTEST_KVM_RESAMPLE_H */
