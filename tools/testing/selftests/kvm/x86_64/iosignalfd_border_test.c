// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd at borders: writes that cross from one page into another, and
 * registered addresses where memory and KVM's own devices come and go.
 *
 * The guest has three adjacent pages: memory, a hole, and memory again.  Each test runs
 * with the exit path and without it (kvm's parameter ring_in_exit_path).
 */
#include <string.h>

#include "apic.h"
#include "io_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define LOW_RAM		MMIO_BASE
#define HOLE		(LOW_RAM + PAGE_SIZE)
#define HIGH_RAM	(HOLE + PAGE_SIZE)
#define NR_PAGES	3

#define LOW_SLOT	5
#define HIGH_SLOT	6
#define NEW_SLOT	7

/* Below 4 GiB, as TSS pages have to be. */
#define TSS		0xd0000000ull

/* After so many writes the vCPU's and the processor's caches have the address. */
#define TIMES		3

#define VALUE		0x8877665544332211ull

/* The value that the guest pushes, and the stack pointer before the push. */
static uint64_t guest_value;
static uint64_t guest_stack;

/* KVM emulates ENTER with the pushed value in a variable on the kernel's stack. */
static void guest_push(void)
{
	for (;;) {
		asm volatile("mov %%rsp, %%r8\n\t"
			     "mov %%rbp, %%r9\n\t"
			     "mov %0, %%rsp\n\t"
			     "mov %1, %%rbp\n\t"
			     "enter $0, $0\n\t"
			     "mov %%r8, %%rsp\n\t"
			     "mov %%r9, %%rbp"
			     : : "a"(READ_ONCE(guest_stack)), "d"(READ_ONCE(guest_value))
			     : "r8", "r9", "memory");
		GUEST_SYNC(0);
	}
}

FIXTURE(border) {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	char before;
	int fd;
};

FIXTURE_VARIANT(border) {
	bool off;
};

FIXTURE_VARIANT_ADD(border, exit_path) {
};

FIXTURE_VARIANT_ADD(border, long_way) {
	.off = true,
};

static void set_up(struct kvm_vm *vm)
{
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, LOW_RAM, LOW_SLOT, 1, 0);
	vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, HIGH_RAM, HIGH_SLOT, 1, 0);
	virt_map(vm, LOW_RAM, LOW_RAM, NR_PAGES);
}

FIXTURE_SETUP(border)
{
	if (variant->off)
		self->before = swap_ring_in_exit_path('N');
	self->vm = vm_create_with_one_vcpu(&self->vcpu, io_guest_main);
	set_up(self->vm);
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(border)
{
	close(self->fd);
	kvm_vm_free(self->vm);
	if (variant->off)
		swap_ring_in_exit_path(self->before);
}

/* A write that neither rings nor exits. */
static void assert_taken(struct kvm_vcpu *vcpu, uint64_t addr, uint32_t len, uint64_t val,
			 int fd, const char *whose)
{
	struct io_access io = { .addr = addr, .val = val, .len = len, .write = true };
	bool exited = do_io(vcpu, &io);
	uint64_t count = take(fd);

	TEST_ASSERT(!exited && !count, "A write to %s: %lu signals and %s", whose, count,
		    exited ? "an exit" : "no exit");
}

static void assert_rings_again(struct kvm_vcpu *vcpu, uint64_t addr, int fd)
{
	int i;

	for (i = 0; i < TIMES; i++)
		assert_rings(vcpu, 0, addr, 4, i, fd);
}

/*
 * A push across the border of memory reaches the bus with the bytes beyond the border
 * only.  Code that reads eight bytes there reads beyond the emulator's variable, which
 * KASAN reports.
 */
TEST_F(border, push)
{
	static const uint32_t lengths[] = { 1, 2, 4 };
	struct kvm_iosignalfd sig = { .addr = HOLE, .fd = self->fd };
	uint8_t *ram = addr_gpa2hva(self->vm, LOW_RAM);
	uint64_t value = VALUE;
	struct io_access part;
	uint32_t i, n;
	bool rings, exited;

	vcpu_arch_set_entry_point(self->vcpu, guest_push);
	write_guest_global(self->vm, guest_value, value);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		sig.len = lengths[i];
		io_assign_ok(self->vm, sig);
	}

	for (n = 1; n < 8; n++) {
		memset(ram, 0, PAGE_SIZE);
		write_guest_global(self->vm, guest_stack, HOLE + n);
		part = (struct io_access) {
			.addr = HOLE, .len = n, .val = VALUE >> 8 * (8 - n), .write = true,
		};

		rings = !(n & (n - 1));
		exited = !run_to_sync(self->vcpu);
		if (exited) {
			assert_exit_is(self->vcpu, &part);
			TEST_ASSERT(run_to_sync(self->vcpu), "One push, but a second exit");
		}
		TEST_ASSERT(exited == !rings, "%u bytes in the hole: %s", n,
			    exited ? "an exit" : "no exit");
		TEST_ASSERT_EQ(take(self->fd), rings);
		TEST_ASSERT(!memcmp(ram + PAGE_SIZE - (8 - n), &value, 8 - n),
			    "%u bytes in the hole: the others aren't in memory", n);
	}
}

/*
 * KVM must store the half of a store that lies in the next page, though the exit reports
 * only the first page's address.  Kernels before this one lose that half on Intel.
 */
TEST_F(border, crossing)
{
	struct kvm_iosignalfd sig = { .fd = self->fd };
	uint8_t *ram = addr_gpa2hva(self->vm, HIGH_RAM);
	uint64_t value = VALUE;
	uint32_t n, i;

	for (n = 1; n < 8; n++) {
		sig.addr = HIGH_RAM - n;
		io_assign_ok(self->vm, sig);
		for (i = 0; i < TIMES; i++) {
			memset(ram, 0, 8);
			assert_rings(self->vcpu, 0, sig.addr, 8, VALUE, self->fd);
			TEST_ASSERT(!memcmp(ram, (uint8_t *)&value + n, 8 - n),
				    "%u bytes in the hole: the others aren't in memory", n);
		}
		io_unassign_ok(self->vm, sig);
	}
}

/* From memory into the hole.  On Intel the exit reports only the second page. */
TEST_F(border, crossing_into)
{
	struct kvm_iosignalfd sig = { .addr = HOLE, .fd = self->fd };
	uint8_t *ram = addr_gpa2hva(self->vm, LOW_RAM);
	struct io_access io = { .val = VALUE, .len = 8, .write = true };
	uint64_t value = VALUE;
	uint32_t n, i;

	if (host_cpu_is_intel)
		SKIP(return, "On Intel KVM can't see where such a store begins");

	io_assign_ok(self->vm, sig);
	for (n = 1; n < 8; n++) {
		for (i = 0; i < TIMES; i++) {
			memset(ram, 0, PAGE_SIZE);
			io.addr = HOLE - n;
			TEST_ASSERT(!do_io(self->vcpu, &io), "An exit");
			TEST_ASSERT_EQ(take(self->fd), 1);
			TEST_ASSERT(!memcmp(ram + PAGE_SIZE - n, &value, n),
				    "%u bytes in memory: they aren't there", n);
		}
	}
}

/*
 * A write to memory never rings, also where writes rang before the memory was added.
 * Kernels before this one ring on Intel, and the write is lost.
 */
TEST_F(border, memory_comes_and_goes)
{
	struct kvm_iosignalfd sig = { .addr = HOLE + 0x100, .fd = self->fd };
	struct io_access read = { .addr = sig.addr, .len = 4 };
	uint32_t *word, i;

	io_assign_ok(self->vm, sig);
	assert_rings_again(self->vcpu, sig.addr, self->fd);

	/* Memory is added. */
	vm_userspace_mem_region_add(self->vm, VM_MEM_SRC_ANONYMOUS, HOLE, NEW_SLOT, 1, 0);
	word = addr_gpa2hva(self->vm, sig.addr);
	for (i = 0; i < TIMES; i++) {
		assert_taken(self->vcpu, sig.addr, 4, 0x1000 + i, self->fd, "memory");
		TEST_ASSERT_EQ(*word, 0x1000 + i);
	}

	/* It is deleted. */
	vm_mem_region_delete(self->vm, NEW_SLOT);
	assert_rings_again(self->vcpu, sig.addr, self->fd);

	/* A memslot is moved to the address. */
	vm_userspace_mem_region_add(self->vm, VM_MEM_SRC_ANONYMOUS, HIGH_RAM + PAGE_SIZE,
				    NEW_SLOT, 1, 0);
	word = addr_gpa2hva(self->vm, HIGH_RAM + PAGE_SIZE) + 0x100;
	assert_rings_again(self->vcpu, sig.addr, self->fd);
	vm_mem_region_move(self->vm, NEW_SLOT, HOLE);
	for (i = 0; i < TIMES; i++) {
		assert_taken(self->vcpu, sig.addr, 4, 0x2000 + i, self->fd, "memory");
		TEST_ASSERT_EQ(*word, 0x2000 + i);
	}

	/* It is moved away. */
	vm_mem_region_move(self->vm, NEW_SLOT, HIGH_RAM + PAGE_SIZE);
	assert_rings_again(self->vcpu, sig.addr, self->fd);
	vm_mem_region_delete(self->vm, NEW_SLOT);

	/* The guest reads ROM as memory; a write to it rings. */
	vm_userspace_mem_region_add(self->vm, VM_MEM_SRC_ANONYMOUS, HOLE, NEW_SLOT, 1,
				    KVM_MEM_READONLY);
	word = addr_gpa2hva(self->vm, sig.addr);
	*word = VALUE & 0xffffffff;
	for (i = 0; i < TIMES; i++) {
		TEST_ASSERT(!do_io(self->vcpu, &read), "A read of ROM exits");
		TEST_ASSERT_EQ(read.val, VALUE & 0xffffffff);
		TEST_ASSERT_EQ(take(self->fd), 0);
	}
	assert_rings_again(self->vcpu, sig.addr, self->fd);
	TEST_ASSERT_EQ(*word, VALUE & 0xffffffff);
	vm_mem_region_delete(self->vm, NEW_SLOT);

	assert_rings_again(self->vcpu, sig.addr, self->fd);
}

/* Changes to the memslots of adjacent pages don't affect the registration. */
TEST_F(border, neighbours)
{
	struct kvm_iosignalfd sig = { .addr = HOLE + 0x100, .fd = self->fd };

	io_assign_ok(self->vm, sig);
	assert_rings_again(self->vcpu, sig.addr, self->fd);
	vm_mem_region_delete(self->vm, HIGH_SLOT);
	assert_rings_again(self->vcpu, sig.addr, self->fd);
	vm_mem_region_move(self->vm, LOW_SLOT, HIGH_RAM);
	assert_rings_again(self->vcpu, sig.addr, self->fd);
}

/*
 * A write to the local APIC's page reaches the APIC, wherever the vCPU has moved it.  On
 * Intel, kernels before this one ring instead, and the APIC doesn't get the write.
 */
TEST_F(border, local_apic)
{
	struct kvm_iosignalfd sig = { .addr = HOLE + APIC_TASKPRI, .fd = self->fd };
	struct io_access read = { .addr = sig.addr, .len = 4 };
	uint64_t base = vcpu_get_msr(self->vcpu, MSR_IA32_APICBASE);
	int i;

	io_assign_ok(self->vm, sig);
	assert_rings_again(self->vcpu, sig.addr, self->fd);

	vcpu_set_msr(self->vcpu, MSR_IA32_APICBASE, HOLE | (base & ~PAGE_MASK));
	for (i = 0; i < TIMES; i++) {
		assert_taken(self->vcpu, sig.addr, 4, 0x10 * (i + 1), self->fd, "the APIC");
		TEST_ASSERT(!do_io(self->vcpu, &read), "A read of the APIC exits");
		TEST_ASSERT_EQ(read.val, 0x10 * (i + 1));
		TEST_ASSERT_EQ(take(self->fd), 0);
	}
	assert_taken(self->vcpu, sig.addr, 4, 0, self->fd, "the APIC");

	vcpu_set_msr(self->vcpu, MSR_IA32_APICBASE, base);
	assert_rings_again(self->vcpu, sig.addr, self->fd);
}

/* KVM has memory of its own at the TSS's address if VMX needs it for real mode. */
TEST_F(border, tss)
{
	struct kvm_iosignalfd sig = { .addr = TSS + 0x100, .fd = self->fd };
	bool memory = host_cpu_is_intel && !get_kvm_intel_param_bool("unrestricted_guest");
	int i;

	virt_pg_map(self->vm, TSS, TSS);
	io_assign_ok(self->vm, sig);
	assert_rings_again(self->vcpu, sig.addr, self->fd);

	vm_ioctl(self->vm, KVM_SET_TSS_ADDR, (void *)TSS);
	for (i = 0; i < TIMES && memory; i++)
		assert_taken(self->vcpu, sig.addr, 4, i, self->fd, "KVM's own memory");
	if (!memory)
		assert_rings_again(self->vcpu, sig.addr, self->fd);
}

/* A coalesced zone gets the writes that don't match the registration. */
TEST_F(border, coalesced_zone)
{
	struct kvm_iosignalfd sig = { .addr = HOLE + 0x100, .fd = self->fd };
	struct kvm_coalesced_mmio_zone zone = { .addr = HOLE, .size = PAGE_SIZE };
	int i;

	io_assign_ok(self->vm, sig);
	assert_rings_again(self->vcpu, sig.addr, self->fd);
	vm_ioctl(self->vm, KVM_REGISTER_COALESCED_MMIO, &zone);
	assert_rings_again(self->vcpu, sig.addr, self->fd);
	for (i = 0; i < TIMES; i++)
		assert_taken(self->vcpu, sig.addr + 4, 4, i, self->fd, "the zone");

	io_unassign_ok(self->vm, sig);
	for (i = 0; i < TIMES; i++)
		assert_taken(self->vcpu, sig.addr, 4, i, self->fd, "the zone");
	vm_ioctl(self->vm, KVM_UNREGISTER_COALESCED_MMIO, &zone);
	for (i = 0; i < TIMES; i++)
		assert_exits(self->vcpu, 0, sig.addr, 4, i, self->fd);
	io_assign_ok(self->vm, sig);
	assert_rings_again(self->vcpu, sig.addr, self->fd);
}

TEST_HARNESS_MAIN
