/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A register of a device of KVM's own, for the tests that have iosignalfds beside it.
 */
#ifndef SELFTEST_KVM_IO_BUS_DEVICE_H
#define SELFTEST_KVM_IO_BUS_DEVICE_H

#include <linux/sizes.h>
#include <unistd.h>

#include "kvm_util.h"

#include "gic.h"
#include "vgic.h"

/* The distributor's groups of the first 32 SPIs; all bits can be written. */
#define MMIO_DEVICE		(GICD_BASE_GPA + 0x84)
/* Its lowest bit that can be written. */
#define MMIO_DEVICE_SHIFT	0

/* Give the VM a GICv3, and map it for the guest.  To be called after its one vCPU is there. */
static inline void add_bus_devices(struct kvm_vm *vm)
{
	int fd = vgic_v3_setup(vm, 1, 64);

	__TEST_REQUIRE(fd >= 0, "The host has no GICv3");
	close(fd);
}

#endif /* SELFTEST_KVM_IO_BUS_DEVICE_H */
