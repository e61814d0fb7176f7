/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * iosignalfd: a guest's write to a PIO or MMIO address signals an eventfd.
 *
 * These are the names the interface was proposed under.  Number and layout are
 * those of KVM_IOEVENTFD and struct kvm_ioeventfd, so a program may use either.
 */
#ifndef _UAPI_LINUX_KVM_IOSIGNALFD_H
#define _UAPI_LINUX_KVM_IOSIGNALFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Ring for one value only, the one in @trigger, instead of for every write. */
#define KVM_IOSIGNALFD_FLAG_TRIGGER	(1 << 0)
/* @addr is a port; without this flag it is a guest physical address. */
#define KVM_IOSIGNALFD_FLAG_PIO		(1 << 1)
/* Take away the registration that has just these arguments. */
#define KVM_IOSIGNALFD_FLAG_DEASSIGN	(1 << 2)

/*
 * KVM_IOEVENTFD's flags grow from below, those of iosignalfd alone from above.
 * Bit 31 stays free: KVM_CHECK_EXTENSION's result is an int.  None of those to
 * come names a bus: deassign passes over a flag that it doesn't know, and would
 * take the registration away that is on another one.
 *
 * Share these writes with other registrations that have this flag and an eventfd
 * of their own; a write signals all of them.  EUSERS when as many share them as
 * KVM_CAP_IOSIGNALFD_FANOUT tells.
 */
#define KVM_IOSIGNALFD_FLAG_FANOUT	(1 << 30)
/* Before the signal store the written value at @post_addr. */
#define KVM_IOSIGNALFD_FLAG_POST_WRITE	(1 << 29)
/* The registration goes with the last close of its eventfd. */
#define KVM_IOSIGNALFD_FLAG_HANGUP	(1 << 28)
/*
 * With KVM_IOSIGNALFD_FLAG_DEASSIGN: take away all registrations for the address
 * and length, with KVM_IOSIGNALFD_FLAG_TRIGGER those for the value, whatever
 * their eventfd; @fd is not looked at.
 */
#define KVM_IOSIGNALFD_FLAG_ANY_FD	(1 << 27)

/**
 * struct kvm_iosignalfd - argument of KVM_IOSIGNALFD
 * @trigger: the value that rings, with KVM_IOSIGNALFD_FLAG_TRIGGER; its low
 *	@len bytes are compared with what the guest writes, and a value that
 *	does not fit into @len bytes never rings
 * @addr: where the guest writes, a port or a guest physical address
 * @len: how many bytes the guest writes: 1, 2, 4 or 8; or 0 for any number of
 *	them, which excludes KVM_IOSIGNALFD_FLAG_TRIGGER
 * @fd: the eventfd to signal; KVM holds no file reference to it
 * @flags: KVM_IOSIGNALFD_FLAG_*; an unknown flag is EINVAL at assign
 * @reserved: not looked at
 * @post_addr: with KVM_IOSIGNALFD_FLAG_POST_WRITE the caller's address for the
 *	value, a multiple of @len, which is not 0
 * @pad: not looked at
 */
struct kvm_iosignalfd {
	__u64 trigger;
	__u64 addr;
	__u32 len;
	__s32 fd;
	__u32 flags;
	__u32 reserved;
	__u64 post_addr;
	__u8  pad[24];
};

/* The ioctl number of KVM_IOEVENTFD; KVMIO is linux/kvm.h's. */
#define KVM_IOSIGNALFD	_IOW(KVMIO, 0x79, struct kvm_iosignalfd)

/*
 * KVM_CHECK_EXTENSION returns the mask of KVM_IOSIGNALFD_FLAG_* that are known,
 * 0 where KVM has ioeventfd alone.  The number lies far from those that are
 * given out one after the other, so that it can't come to mean something else.
 */
#define KVM_CAP_IOSIGNALFD	4132
/* How many registrations may share a write by KVM_IOSIGNALFD_FLAG_FANOUT. */
#define KVM_CAP_IOSIGNALFD_FANOUT	4133

#endif /* _UAPI_LINUX_KVM_IOSIGNALFD_H */
