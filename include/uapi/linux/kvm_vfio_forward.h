/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Interrupts of VFIO devices that go straight to a guest.
 */
#ifndef _UAPI_LINUX_KVM_VFIO_FORWARD_H
#define _UAPI_LINUX_KVM_VFIO_FORWARD_H

#include <linux/types.h>

/* Group of KVM_DEV_TYPE_VFIO's attributes. */
#define KVM_DEV_VFIO_DEVICE			2

/*
 * Attributes of the group, both with a struct kvm_vfio_forward_irq.
 * KVM_HAS_DEVICE_ATTR tells whether KVM can forward interrupts at all.
 */
#define KVM_DEV_VFIO_DEVICE_FORWARD_IRQ		1
#define KVM_DEV_VFIO_DEVICE_UNFORWARD_IRQ	2

/**
 * struct kvm_vfio_forward_irq - an interrupt of a VFIO device and a GSI
 * @argsz: this structure's size
 * @flags: none; must be 0
 * @fd: the device's file descriptor, of a group or of /dev/vfio/devices
 * @index: VFIO's index of the interrupt, VFIO_PCI_INTX_IRQ_INDEX for one
 * @subindex: which of those of @index
 * @gsi: the GSI that the guest takes it as
 */
struct kvm_vfio_forward_irq {
	__u32	argsz;
	__u32	flags;
	__s32	fd;
	__u32	index;
	__u32	subindex;
	__u32	gsi;
};

#endif /* _UAPI_LINUX_KVM_VFIO_FORWARD_H */
