/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of what holds for ports and for MMIO alike: an eventfd, and a VM whose vCPU
 * accesses either bus.  To be included after kvm_test_harness.h.
 */
#ifndef SELFTEST_KVM_IO_BUS_H
#define SELFTEST_KVM_IO_BUS_H

#include "io_bus_device.h"
#include "io_vm.h"

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

#ifdef GUESTS_HAVE_PORTS
FIXTURE_VARIANT_ADD(bus, pio) {
	.flags = FLAG_PIO,
	.base = PIO_BASE,
	.max = 4,
	.dev_addr = PORT_DEVICE,
	.dev_len = 1,
};
#endif

FIXTURE_VARIANT_ADD(bus, mmio) {
	.base = MMIO_BASE,
	.max = 8,
	.dev_addr = MMIO_DEVICE,
	.dev_len = 4,
	.dev_shift = MMIO_DEVICE_SHIFT,
};

FIXTURE_SETUP(bus)
{
	self->vm = vm_create_with_one_vcpu(&self->vcpu, io_guest_main);
	virt_map(self->vm, MMIO_BASE, MMIO_BASE, MMIO_PAGES);
	add_bus_devices(self->vm);
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
