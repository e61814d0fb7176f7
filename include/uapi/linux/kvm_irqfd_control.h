/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * irqfds that are masked, and moved to another GSI, without being deassigned.
 */
#ifndef _UAPI_LINUX_KVM_IRQFD_CONTROL_H
#define _UAPI_LINUX_KVM_IRQFD_CONTROL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * KVM_CHECK_EXTENSION returns the flags of KVM_IRQFD below, KVM_IRQFD_CONTROL_FLAGS, or 0
 * where there is no KVM_IRQFD_CONTROL.  This number, and that of KVM_IRQFD_CONTROL, lie
 * far from those that are given out one after the other, so that they can't come to mean
 * something else.
 */
#define KVM_CAP_IRQFD_CONTROL		4136

/*
 * Flags of KVM_IRQFD, for an assign without KVM_IRQFD_FLAG_RESAMPLE.  They grow from
 * above; bit 31 stays free, because KVM_CHECK_EXTENSION's result is an int.
 */
/* The irqfd is masked from its beginning. */
#define KVM_IRQFD_FLAG_MASKED		(1 << 30)
/* It has an event: that is pending if the irqfd is masked, and is injected if not. */
#define KVM_IRQFD_FLAG_PENDING		(1 << 29)

#define KVM_IRQFD_CONTROL_FLAGS		\
	(KVM_IRQFD_FLAG_MASKED | KVM_IRQFD_FLAG_PENDING)

/* What to do with each irqfd.  With any of them it may have a pending event. */
/* Nothing: tell whether an event is pending. */
#define KVM_IRQFD_CONTROL_READ		0
/* Events stay pending from now on. */
#define KVM_IRQFD_CONTROL_MASK		1
/* Inject once if an event is pending, and all events from now on. */
#define KVM_IRQFD_CONTROL_UNMASK	2
/* Events go to another GSI from now on; a mask stays as it is. */
#define KVM_IRQFD_CONTROL_MOVE		3

/**
 * struct kvm_irqfd_control_one - an irqfd
 * @fd: its eventfd
 * @gsi: with KVM_IRQFD_CONTROL_MOVE where to; otherwise not looked at
 */
struct kvm_irqfd_control_one {
	__s32 fd;
	__u32 gsi;
};

/**
 * struct kvm_irqfd_control - argument of KVM_IRQFD_CONTROL
 * @size: of this structure as the caller knows it.  A larger one is taken as well if what
 *	KVM doesn't know of it is 0
 * @op: KVM_IRQFD_CONTROL_*
 * @flags: 0
 * @nr: how many irqfds, at least 1
 * @irqfds: address of @nr struct kvm_irqfd_control_one
 * @pending: 0, or the address of @nr bits in words of __u64, the lowest first.  A bit is
 *	set if the irqfd has a pending event after the call, or had one that
 *	KVM_IRQFD_CONTROL_UNMASK has injected
 *
 * The irqfds are done one after the other.  The result is how many, which is less than
 * @nr if one of them failed; -1 and its errno if that was the first.  Only the words of
 * those that were done are written to @pending.
 */
struct kvm_irqfd_control {
	__u32 size;
	__u32 op;
	__u32 flags;
	__u32 nr;
	__u64 irqfds;
	__u64 pending;
};

/* The structure may grow, and the number must not. */
#define KVM_IRQFD_CONTROL		_IO(KVMIO, 0xf3)

#endif /* _UAPI_LINUX_KVM_IRQFD_CONTROL_H */
