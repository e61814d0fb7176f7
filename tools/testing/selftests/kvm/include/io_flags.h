/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of what iosignalfd has beyond ioeventfd, for ports and for MMIO alike.
 * Kernels without KVM_CAP_IOSIGNALFD have nothing of it, and the tests are skipped.  To
 * be included after kvm_test_harness.h.
 */
#ifndef SELFTEST_KVM_IO_FLAGS_H
#define SELFTEST_KVM_IO_FLAGS_H

#include <sys/mman.h>

#include "io_vm.h"

FIXTURE(bus) {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	struct kvm_iosignalfd sig;
	uint32_t flags;
	uint64_t base;
	int fd;
	/* Three pages, the middle one to post to. */
	void *pages;
	void *page;
};

FIXTURE_VARIANT(bus) {
	uint32_t flags;
	uint64_t base;
	/* The longest access there is. */
	uint32_t max;
};

#ifdef GUESTS_HAVE_PORTS
FIXTURE_VARIANT_ADD(bus, pio) {
	.flags = FLAG_PIO,
	.base = PIO_BASE,
	.max = 4,
};
#endif

FIXTURE_VARIANT_ADD(bus, mmio) {
	.base = MMIO_BASE,
	.max = 8,
};

FIXTURE_SETUP(bus)
{
	if (!kvm_check_cap(KVM_CAP_IOSIGNALFD))
		SKIP(return, "KVM_CAP_IOSIGNALFD is 0");

	self->vm = vm_create_with_one_vcpu(&self->vcpu, io_guest_main);
	virt_map(self->vm, MMIO_BASE, MMIO_BASE, MMIO_PAGES);
	self->flags = variant->flags;
	self->base = variant->base;
	self->fd = new_eventfd();
	self->sig = (struct kvm_iosignalfd) {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	self->pages = mmap(NULL, 3 * getpagesize(), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	TEST_ASSERT(self->pages != MAP_FAILED, __KVM_SYSCALL_ERROR("mmap()", -1));
	self->page = self->pages + getpagesize();
}

FIXTURE_TEARDOWN(bus)
{
	if (!self->vcpu)
		return;

	munmap(self->pages, 3 * getpagesize());
	close(self->fd);
	if (self->vm)
		kvm_vm_free(self->vm);
}

#endif /* SELFTEST_KVM_IO_FLAGS_H */
