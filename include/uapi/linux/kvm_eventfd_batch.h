/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Many registrations of eventfds in one call.
 */
#ifndef _UAPI_LINUX_KVM_EVENTFD_BATCH_H
#define _UAPI_LINUX_KVM_EVENTFD_BATCH_H

#include <linux/ioctl.h>
#include <linux/kvm.h>
#include <linux/kvm_iosignalfd.h>
#include <linux/types.h>

/* @io is what KVM_IOSIGNALFD takes, to assign or to deassign. */
#define KVM_EVENTFD_OP_IOSIGNALFD	1
/* @irqfd is what KVM_IRQFD takes, to assign or to deassign. */
#define KVM_EVENTFD_OP_IRQFD		2
/*
 * The registration that was assigned with @io moves to @to_addr, with all that it was
 * assigned with.  @to_flags says on which bus that is.
 */
#define KVM_EVENTFD_OP_MOVE		3

/**
 * struct kvm_eventfd_op - one operation of a batch
 * @op: KVM_EVENTFD_OP_*
 * @reserved: 0
 * @io: of KVM_EVENTFD_OP_IOSIGNALFD and KVM_EVENTFD_OP_MOVE; of the latter it has the
 *	flags that were assigned, not KVM_IOSIGNALFD_FLAG_DEASSIGN
 * @irqfd: of KVM_EVENTFD_OP_IRQFD
 * @to_addr: of KVM_EVENTFD_OP_MOVE: the new address; else 0
 * @to_flags: of KVM_EVENTFD_OP_MOVE: KVM_IOSIGNALFD_FLAG_PIO if @to_addr is a port, 0
 *	if it is a guest physical address; else 0
 * @reserved2: 0
 */
struct kvm_eventfd_op {
	__u32 op;
	__u32 reserved;
	union {
		struct kvm_iosignalfd io;
		struct kvm_irqfd irqfd;
	};
	__u64 to_addr;
	__u32 to_flags;
	__u32 reserved2;
};

/**
 * struct kvm_eventfd_batch - argument of KVM_EVENTFD_BATCH
 * @size: sizeof(struct kvm_eventfd_batch), as the caller has it
 * @op_size: sizeof(struct kvm_eventfd_op), as the caller has it
 * @ops: the address of the first operation
 * @nr: how many there are
 * @flags: 0
 * @failed: written when the call fails: which operation can't be done, or @nr if none
 *	of them is the reason
 * @reserved: 0
 *
 * A caller may have structures that are longer than the kernel's, if what the kernel
 * doesn't know is 0, or shorter ones.
 */
struct kvm_eventfd_batch {
	__u32 size;
	__u32 op_size;
	__u64 ops;
	__u32 nr;
	__u32 flags;
	__u32 failed;
	__u32 reserved;
};

/*
 * An ioctl of a VM.  All operations are done, or none.  What they remove and move is
 * looked for among the registrations before the call; and what they assign and move to
 * must not collide with what there is after it.
 */
#define KVM_EVENTFD_BATCH	_IO(KVMIO, 0xf4)

/*
 * KVM_CHECK_EXTENSION returns how many operations a batch may have, 0 where there is no
 * KVM_EVENTFD_BATCH.  The number lies far from those that are given out one after the
 * other, so that it can't come to mean something else.
 */
#define KVM_CAP_EVENTFD_BATCH	4137

#endif /* _UAPI_LINUX_KVM_EVENTFD_BATCH_H */
