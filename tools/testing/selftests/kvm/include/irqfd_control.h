/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_IRQFD_CONTROL.
 */
#ifndef SELFTEST_KVM_IRQFD_CONTROL_H
#define SELFTEST_KVM_IRQFD_CONTROL_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <linux/kvm.h>
#include <linux/kvm_irqfd_control.h>
#include <sys/ioctl.h>

#include "eventfd_util.h"
#include "kvm_util.h"

/* Skip the test in a kernel without it. */
static inline void require_irqfd_control(void)
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_IRQFD_CONTROL) == KVM_IRQFD_CONTROL_FLAGS);
}

/* The result, or the errno as a negative number. */
static inline int control_full(struct kvm_vm *vm, uint32_t op,
			       const struct kvm_irqfd_control_one *some, uint32_t nr,
			       uint64_t *pending)
{
	struct kvm_irqfd_control args = {
		.size = sizeof(args),
		.op = op,
		.nr = nr,
		.irqfds = (uintptr_t)some,
		.pending = (uintptr_t)pending,
	};
	int ret = ioctl(vm->fd, KVM_IRQFD_CONTROL, &args);

	return ret < 0 ? -errno : ret;
}

/* Of one irqfd: the errno or 0. */
static inline int control(struct kvm_vm *vm, uint32_t op, int fd, uint32_t gsi, bool *pending)
{
	const struct kvm_irqfd_control_one one = { .fd = fd, .gsi = gsi };
	uint64_t bits = 0;
	int ret = control_full(vm, op, &one, 1, &bits);

	if (pending)
		*pending = bits & 1;
	return ret == 1 ? 0 : -ret;
}

/* That must succeed; returns whether an event is pending, or was before an unmask. */
static inline bool control_ok(struct kvm_vm *vm, uint32_t op, int fd, uint32_t gsi)
{
	bool pending;

	ASSERT_ERRNO(0, control(vm, op, fd, gsi, &pending), "KVM_IRQFD_CONTROL %u of %d", op, fd);
	return pending;
}

static inline bool mask_ok(struct kvm_vm *vm, int fd)
{
	return control_ok(vm, KVM_IRQFD_CONTROL_MASK, fd, 0);
}

static inline bool unmask_ok(struct kvm_vm *vm, int fd)
{
	return control_ok(vm, KVM_IRQFD_CONTROL_UNMASK, fd, 0);
}

static inline bool is_held(struct kvm_vm *vm, int fd)
{
	return control_ok(vm, KVM_IRQFD_CONTROL_READ, fd, 0);
}

static inline void move_ok(struct kvm_vm *vm, int fd, uint32_t gsi)
{
	control_ok(vm, KVM_IRQFD_CONTROL_MOVE, fd, gsi);
}

#endif /* SELFTEST_KVM_IRQFD_CONTROL_H */
