// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ioeventfds beside many other devices on a bus, and on a bus for whose change there is
 * no memory.  Both need no vCPU: what is registered shows by the errno of another call.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "kvm_util.h"
#include "test_util.h"

#define BASE		0x40000000ull
/* As many other devices as KVM allows on a bus. */
#define DEVICES		1000
#define FAILSLAB	"/sys/kernel/debug/failslab/ignore-gfp-wait"

FIXTURE(bus) {
	struct kvm_vm *vm;
	int fd;
};

FIXTURE_SETUP(bus)
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));
	self->vm = vm_create_barebones();
	self->fd = eventfd(0, EFD_CLOEXEC);
	TEST_ASSERT(self->fd >= 0, "eventfd(): %s", strerror(errno));
}

FIXTURE_TEARDOWN(bus)
{
	kvm_vm_free(self->vm);
	close(self->fd);
}

/* Returns 0 or the errno. */
static int ioeventfd(struct kvm_vm *vm, int fd, uint64_t addr, uint32_t flags)
{
	struct kvm_ioeventfd io = { .addr = addr, .len = 4, .fd = fd, .flags = flags };

	return __vm_ioctl(vm, KVM_IOEVENTFD, &io) ? errno : 0;
}

static int coalesced_zone(struct kvm_vm *vm, uint64_t addr)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = addr, .size = 4 };

	return __vm_ioctl(vm, KVM_REGISTER_COALESCED_MMIO, &zone) ? errno : 0;
}

/*
 * Without the fix the first ioeventfd beside 1,000 coalesced zones gets ENOSPC.  Their
 * own limit stays, and the ioeventfd doesn't count.
 */
TEST_F(bus, beside_many)
{
	int i;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_COALESCED_MMIO));
	for (i = 0; coalesced_zone(self->vm, BASE + 4 * i) == 0; i++)
		ASSERT_LE(i, DEVICES);
	/* An irqchip of the VM's, if it had one, would be among them. */
	ASSERT_EQ(i, DEVICES);
	ASSERT_EQ(coalesced_zone(self->vm, BASE + 4 * i), ENOSPC);

	for (i = 0; i < 3; i++)
		ASSERT_EQ(ioeventfd(self->vm, self->fd, 2 * BASE + 4 * i, 0), 0);
	ASSERT_EQ(coalesced_zone(self->vm, 3 * BASE), ENOSPC);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(ioeventfd(self->vm, self->fd, 2 * BASE + 4 * i,
				    KVM_IOEVENTFD_FLAG_DEASSIGN), 0);
	ASSERT_EQ(coalesced_zone(self->vm, 3 * BASE), ENOSPC);
}

/* Returns what the file had. */
static char set_failslab(char yes)
{
	int fd = open(FAILSLAB, O_RDWR | O_CLOEXEC);
	char old;

	TEST_REQUIRE(fd >= 0);
	TEST_ASSERT(read(fd, &old, 1) == 1 && pwrite(fd, &yes, 1, 0) == 1,
		    "%s: %s", FAILSLAB, strerror(errno));
	close(fd);
	return old;
}

/*
 * Each memory allocation of DEASSIGN fails in turn.  The registration is gone in any
 * case, and the others stay.  Without the fix all are gone with the first failure, and
 * a new one gets ENOMEM.
 */
TEST_F(bus, removed_without_memory)
{
	int nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char left = '0', old;
	int nth, err;

	TEST_REQUIRE(nth_fd >= 0);
	old = set_failslab('N');
	ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE, 0), 0);
	ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE + 8, 0), 0);
	for (nth = 1; left == '0'; nth++) {
		ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE + 4, 0), 0);

		TEST_ASSERT(dprintf(nth_fd, "%d", nth) > 0, "fail-nth: %s", strerror(errno));
		err = ioeventfd(self->vm, self->fd, BASE + 4, KVM_IOEVENTFD_FLAG_DEASSIGN);
		/* It has counted down to 0 if that allocation was reached. */
		TEST_ASSERT(pread(nth_fd, &left, 1, 0) == 1 && pwrite(nth_fd, "0", 1, 0) == 1,
			    "fail-nth: %s", strerror(errno));
		ASSERT_EQ(err, 0);

		ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE, 0), EEXIST);
		ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE + 8, 0), EEXIST);
	}
	set_failslab(old);
	ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE, KVM_IOEVENTFD_FLAG_DEASSIGN), 0);
	ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE + 8, KVM_IOEVENTFD_FLAG_DEASSIGN), 0);
	close(nth_fd);
}

TEST_HARNESS_MAIN
