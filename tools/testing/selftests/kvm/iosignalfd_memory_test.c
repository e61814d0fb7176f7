// SPDX-License-Identifier: GPL-2.0-only
/*
 * What iosignalfds cost in memory and which cgroup is charged; and that they slow
 * nothing else in the VM down.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "io_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define CGROUP		"/sys/fs/cgroup/iosignalfd_memory_test"
#define NR		10000

static int64_t cgroup_read(const char *file)
{
	char path[128], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), CGROUP "/%s", file);
	fd = open(path, O_RDONLY);
	TEST_ASSERT(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0, "%s: %s", path,
		    strerror(errno));
	close(fd);
	return atoll(text);
}

/* Enter a cgroup, with a limit if @max isn't 0; false if none limits memory. */
static bool enter_cgroup(uint64_t max)
{
	if (!tell_kernel("/sys/fs/cgroup/cgroup.subtree_control", 0, "+memory"))
		return false;

	TEST_ASSERT(!mkdir(CGROUP, 0700) || errno == EEXIST, "mkdir(): %s", strerror(errno));
	if (max)
		ASSERT_TOLD(CGROUP "/memory.max", 0, "%lu", max);
	else
		ASSERT_TOLD(CGROUP "/memory.max", 0, "max");
	ASSERT_TOLD(CGROUP "/cgroup.procs", 0, "0");
	return true;
}

static void assign_many(struct kvm_vm *vm, int fd, uint32_t flags, int from, int nr)
{
	struct kvm_iosignalfd sig = { .addr = MMIO_BASE, .len = 4, .fd = fd, .flags = flags };
	int i;

	for (i = from; i < from + nr; i++) {
		if (flags & FLAG_TRIGGER)
			sig.trigger = i;
		else
			sig.addr = MMIO_BASE + 4ull * i;
		io_assign_ok(vm, sig);
	}
}

/*
 * The VM's cgroup is charged in proportion to the registrations, and uncharged when
 * they go.
 *
 * Pins B08 and B75: a kernel that copies the bus with each registration and frees the
 * copies after a grace period needs a gigabyte for a while, for 10,000 registrations.
 */
static void assert_linear(uint32_t flags)
{
	struct kvm_vm *vm = vm_create_barebones();
	int64_t before, half, all, after;
	int fd = new_eventfd();

	/* Have tables and slabs allocated that stay. */
	assign_many(vm, fd, flags, 0, 100);

	before = cgroup_read("memory.current");
	assign_many(vm, fd, flags, 100, NR / 2);
	half = cgroup_read("memory.current");
	assign_many(vm, fd, flags, 100 + NR / 2, NR / 2);
	all = cgroup_read("memory.current");

	pr_info("%s: %ld bytes each for %d, %ld for %d\n",
		flags & FLAG_TRIGGER ? "values" : "addresses", (half - before) / (NR / 2), NR / 2,
		(all - before) / NR, NR);
	TEST_ASSERT(half - before > 100l * NR / 2, "%d are charged %ld bytes", NR / 2,
		    half - before);
	TEST_ASSERT(all - before < 1024l * NR, "%d are charged %ld bytes", NR, all - before);
	TEST_ASSERT(all - half < (half - before) * 3 / 2, "First %ld bytes, then %ld",
		    half - before, all - half);

	kvm_vm_free(vm);
	WAIT_FOR((after = cgroup_read("memory.current")) < before + (all - before) / 5,
		 "%ld of %ld bytes are still charged", after - before, all - before);
	close(fd);
}

TEST(linear_in_values)
{
	if (!enter_cgroup(0))
		SKIP(return, "No memory cgroups");
	assert_linear(FLAG_TRIGGER);
}

TEST(linear_in_addresses)
{
	if (!enter_cgroup(0))
		SKIP(return, "No memory cgroups");
	assert_linear(0);
}

/*
 * However many registrations come and go, the memory that waits for a grace period
 * stays bounded: the cgroup's limit is little more than what the VM needs.  With a slow
 * kernel's fewer rounds all of it would fit, so there the test shows only that no call
 * fails.
 */
TEST(come_and_go)
{
	const int64_t room = 16 << 20;
	const int nr = rounds(200000);
	struct kvm_iosignalfd sig = { .addr = MMIO_BASE, .len = 4 };
	struct kvm_vm *vm;
	int64_t before;
	int i;

	if (!enter_cgroup(0))
		SKIP(return, "No memory cgroups");

	vm = vm_create_barebones();
	sig.fd = new_eventfd();
	before = cgroup_read("memory.current");
	ASSERT_TOLD(CGROUP "/memory.max", 0, "%ld", before + room);

	for (i = 0; i < nr; i++) {
		sig.addr = MMIO_BASE + 8 * (i % 1000);
		io_assign_ok(vm, sig);
		io_unassign_ok(vm, sig);
	}

	pr_info("%d came and went within %ld bytes\n", nr,
		cgroup_read("memory.peak") - before);
	ASSERT_TOLD(CGROUP "/memory.max", 0, "max");
	close(sig.fd);
	kvm_vm_free(vm);
}

static uint64_t nsec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* The shortest of some times for a first vCPU and a memslot in a new VM. */
static void shortest(int nr, uint64_t *vcpu, uint64_t *memslot)
{
	int fd = new_eventfd(), round;

	*vcpu = *memslot = -1ull;

	for (round = 0; round < 5; round++) {
		struct kvm_vm *vm = vm_create_barebones();
		uint64_t start;

#ifdef __x86_64__
		vm_ioctl(vm, KVM_CREATE_IRQCHIP, NULL);
#endif
		assign_many(vm, fd, 0, 0, nr);

		start = nsec();
		__vm_vcpu_add(vm, 0);
		*vcpu = min(*vcpu, nsec() - start);

		start = nsec();
		vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, 0, 0, 16, 0);
		*memslot = min(*memslot, nsec() - start);

		kvm_vm_free(vm);
	}
	close(fd);
}

/*
 * Creating a first vCPU or a memslot doesn't wait for callbacks of registrations.
 *
 * Pins B04: if registering leaves a callback on the SRCU structure that these ioctls
 * synchronize, they take a whole normal grace period more, 20 ms and up.
 */
TEST(others_dont_wait)
{
	const uint64_t slack = 10 * 1000 * 1000;
	uint64_t vcpu, memslot, vcpu_many, memslot_many;

	shortest(0, &vcpu, &memslot);
	shortest(NR, &vcpu_many, &memslot_many);
	pr_info("first vCPU: %lu us, after %d registrations %lu us; memslot: %lu us, %lu us\n",
		vcpu / 1000, NR, vcpu_many / 1000, memslot / 1000, memslot_many / 1000);

	TEST_ASSERT(vcpu_many < 2 * vcpu + slack && memslot_many < 2 * memslot + slack,
		    "After %d registrations it takes longer", NR);
}

/* Pins B07: a VM that closes at once must not leave callbacks that use it. */
TEST(gone_at_once)
{
	struct kvm_iosignalfd sig = { .addr = MMIO_BASE, .len = 4, .fd = new_eventfd() };
	int i;

	for (i = 0; i < 100; i++) {
		struct kvm_vm *vm = vm_create_barebones();

		io_assign_ok(vm, sig);
		if (i & 1)
			io_unassign_ok(vm, sig);
		kvm_vm_free(vm);
	}
	close(sig.fd);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/* Hold a VM throughout: the first and the last one patch the kernel's text. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
