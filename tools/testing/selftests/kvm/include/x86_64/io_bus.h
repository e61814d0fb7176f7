/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of what holds for ports and for MMIO alike: an eventfd, and a VM whose vCPU
 * accesses either bus.  To be included after kvm_test_harness.h.
 */
#ifndef SELFTEST_KVM_IO_BUS_H
#define SELFTEST_KVM_IO_BUS_H

#include "io_vm.h"
#include "processor.h"

#define IOAPIC_GPA	0xfec00000ull
#define IOAPIC_WINDOW	(IOAPIC_GPA + 0x10)
#define PIC_IMR_PORT	0x21

FIXTURE(bus) {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	uint32_t flags;
	uint64_t base;
	int fd;
};

FIXTURE_VARIANT(bus) {
	uint32_t flags;
	uint64_t base;
	/* The longest access there is. */
	uint32_t max;
	/* A register of a device of KVM's own, and its lowest writable bit. */
	uint64_t dev_addr;
	uint32_t dev_len;
	uint32_t dev_shift;
};

FIXTURE_VARIANT_ADD(bus, pio) {
	.flags = FLAG_PIO,
	.base = PIO_BASE,
	.max = 4,
	.dev_addr = PIC_IMR_PORT,
	.dev_len = 1,
};

FIXTURE_VARIANT_ADD(bus, mmio) {
	.base = MMIO_BASE,
	.max = 8,
	/* The register that is selected after reset is the ID. */
	.dev_addr = IOAPIC_WINDOW,
	.dev_len = 4,
	.dev_shift = 24,
};

FIXTURE_SETUP(bus)
{
	self->vm = vm_create_with_one_vcpu(&self->vcpu, io_guest_main);
	virt_map(self->vm, MMIO_BASE, MMIO_BASE, MMIO_PAGES);
	virt_pg_map(self->vm, IOAPIC_GPA, IOAPIC_GPA);
	self->flags = variant->flags;
	self->base = variant->base;
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(bus)
{
	close(self->fd);
	kvm_vm_free(self->vm);
}

#endif /* SELFTEST_KVM_IO_BUS_H */
