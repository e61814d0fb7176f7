/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_EVENTFD_BATCH for tests.
 */
#ifndef SELFTEST_KVM_EVENTFD_BATCH_H
#define SELFTEST_KVM_EVENTFD_BATCH_H

#include <stdint.h>

#include <linux/kvm_eventfd_batch.h>

#include "eventfd_util.h"
#include "kvm_util.h"

static inline struct kvm_eventfd_op io_op(struct kvm_iosignalfd sig)
{
	return (struct kvm_eventfd_op) { .op = KVM_EVENTFD_OP_IOSIGNALFD, .io = sig };
}

static inline struct kvm_eventfd_op io_end_op(struct kvm_iosignalfd sig)
{
	sig.flags |= KVM_IOSIGNALFD_FLAG_DEASSIGN;
	return io_op(sig);
}

/* To another address on the same bus. */
static inline struct kvm_eventfd_op move_op(struct kvm_iosignalfd sig, uint64_t to)
{
	return (struct kvm_eventfd_op) {
		.op = KVM_EVENTFD_OP_MOVE,
		.io = sig,
		.to_addr = to,
		.to_flags = sig.flags & KVM_IOSIGNALFD_FLAG_PIO,
	};
}

static inline struct kvm_eventfd_op irqfd_op(int fd, uint32_t gsi)
{
	return (struct kvm_eventfd_op) {
		.op = KVM_EVENTFD_OP_IRQFD,
		.irqfd = { .fd = fd, .gsi = gsi },
	};
}

static inline struct kvm_eventfd_op irqfd_end_op(int fd, uint32_t gsi)
{
	struct kvm_eventfd_op op = irqfd_op(fd, gsi);

	op.irqfd.flags = KVM_IRQFD_FLAG_DEASSIGN;
	return op;
}

/* The call, with its errno or 0.  @failed may be NULL. */
static inline int eventfd_batch(struct kvm_vm *vm, const struct kvm_eventfd_op *ops,
				uint32_t nr, uint32_t *failed)
{
	struct kvm_eventfd_batch batch = {
		.size = sizeof(batch),
		.op_size = sizeof(*ops),
		.ops = (uintptr_t)ops,
		.nr = nr,
		.failed = -1,
	};
	int ret = __vm_ioctl(vm, KVM_EVENTFD_BATCH, &batch) ? errno : 0;

	if (failed)
		*failed = batch.failed;
	return ret;
}

#define ASSERT_BATCH_FAILS(_errno, _at, _vm, _ops, _nr)				\
do {										\
	uint32_t __at = (_at), __failed;					\
										\
	ASSERT_ERRNO(_errno, eventfd_batch(_vm, _ops, _nr, &__failed), "Batch");	\
	TEST_ASSERT(__failed == __at, "Operation %u failed, not %u", __failed, __at);	\
} while (0)

#define ASSERT_BATCH_OK(_vm, _ops, _nr)						\
do {										\
	uint32_t __failed;							\
										\
	ASSERT_ERRNO(0, eventfd_batch(_vm, _ops, _nr, &__failed),		\
		     "Batch, operation %u", __failed);				\
} while (0)

#endif /* SELFTEST_KVM_EVENTFD_BATCH_H */
