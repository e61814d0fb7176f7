// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ioeventfds beside many other devices on a bus, and on a bus for whose change there is
 * no memory.  Both need no vCPU: what is registered shows by the errno of another call.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "kvm_util.h"
#include "test_util.h"

#define BASE		0x40000000ull
/* As many other devices as KVM allows on a bus. */
#define DEVICES		1000

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

static bool set(const char *name, const char *text)
{
	char path[64];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/failslab/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

/*
 * One of three is removed without memory, which fault injection refuses.  It is gone,
 * and the others stay.  Without the fix all are gone, and a new one gets ENOMEM.
 */
TEST_F(bus, removed_without_memory)
{
	int fail_fd = open("/proc/thread-self/make-it-fail", O_WRONLY | O_CLOEXEC);
	int i, err;

	/* Where there is fault injection, a thread that asks for it gets no small memory. */
	if (fail_fd < 0 || !set("task-filter", "Y") || !set("verbose", "0") ||
	    !set("ignore-gfp-wait", "N") || !set("times", "-1") || !set("probability", "100"))
		SKIP(return, "No fault injection in this kernel");
	for (i = 0; i < 3; i++)
		ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE + 4 * i, 0), 0);

	TEST_ASSERT(pwrite(fail_fd, "1", 1, 0) == 1, "make-it-fail: %s", strerror(errno));
	err = ioeventfd(self->vm, self->fd, BASE + 4, KVM_IOEVENTFD_FLAG_DEASSIGN);
	TEST_ASSERT(pwrite(fail_fd, "0", 1, 0) == 1 && set("probability", "0"),
		    "make-it-fail: %s", strerror(errno));
	close(fail_fd);
	ASSERT_EQ(err, 0);

	ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE, 0), EEXIST);
	ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE + 8, 0), EEXIST);
	ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE + 4, KVM_IOEVENTFD_FLAG_DEASSIGN), ENOENT);

	/* Its place is free. */
	ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE + 4, 0), 0);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(ioeventfd(self->vm, self->fd, BASE + 4 * i,
				    KVM_IOEVENTFD_FLAG_DEASSIGN), 0);
}

TEST_HARNESS_MAIN
