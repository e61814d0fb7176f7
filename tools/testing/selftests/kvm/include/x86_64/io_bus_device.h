/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Registers of devices of KVM's own, for the tests that have iosignalfds beside them.
 */
#ifndef SELFTEST_KVM_IO_BUS_DEVICE_H
#define SELFTEST_KVM_IO_BUS_DEVICE_H

#include "kvm_util.h"
#include "processor.h"

#define IOAPIC_GPA	0xfec00000ull

/* The PIC's mask; all bits of one byte can be written. */
#define PORT_DEVICE	0x21

/* The IOAPIC's window.  The register that is selected after reset is the ID. */
#define MMIO_DEVICE		(IOAPIC_GPA + 0x10)
/* Its lowest bit that can be written. */
#define MMIO_DEVICE_SHIFT	24

/* The VM has them; map them for the guest. */
static inline void add_bus_devices(struct kvm_vm *vm)
{
	virt_pg_map(vm, IOAPIC_GPA, IOAPIC_GPA);
}

#endif /* SELFTEST_KVM_IO_BUS_DEVICE_H */
