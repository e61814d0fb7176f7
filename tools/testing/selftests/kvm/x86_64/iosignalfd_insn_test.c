// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd and x86's instructions: strings of ports, single steps, and a store that
 * crosses a page's end.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <limits.h>
#include <stdint.h>

#include "io_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

/* A string instruction rings once for each element. */
static void guest_string(const char *bytes, uint64_t nr)
{
	asm volatile("cld; rep outsb" : "+S"(bytes), "+c"(nr) : "d"(PIO_BASE) : "memory");
	GUEST_ASSERT_EQ(nr, 0);
	GUEST_SYNC(0);
}

TEST(pio_string)
{
	struct kvm_iosignalfd sig = { .addr = PIO_BASE, .len = 1, .flags = FLAG_PIO };
	const uint64_t nr = 37;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	uint64_t count;

	vm = vm_create_with_one_vcpu(&vcpu, guest_string);
	vcpu_args_set(vcpu, 2, vm_vaddr_alloc_page(vm), nr);
	sig.fd = new_eventfd();
	io_assign_ok(vm, sig);

	TEST_ASSERT(run_to_sync(vcpu), "Unexpected exit %u (%s)", vcpu->run->exit_reason,
		    exit_reason_str(vcpu->run->exit_reason));
	count = take(sig.fd);
	TEST_ASSERT(count == nr, "rep outsb of %lu bytes: got %lu signals", nr, count);

	close(sig.fd);
	kvm_vm_free(vm);
}

/* Single-stepping stops after the instruction that rings, as after any other. */
static uint64_t after_out;

static void guest_step(void)
{
	asm volatile("lea 1f(%%rip), %%rax\n\t"
		     "mov %%rax, %0\n\t"
		     "outl %%eax, %w1\n\t"
		     "1: nop\n\t"
		     : "=m"(after_out) : "d"(PIO_BASE) : "rax", "memory");
	GUEST_SYNC(0);
}

TEST(pio_single_step)
{
	struct kvm_iosignalfd sig = { .addr = PIO_BASE, .len = 4, .flags = FLAG_PIO };
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	};
	uint64_t rip = 0, count = 0;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i;

	vm = vm_create_with_one_vcpu(&vcpu, guest_step);
	sig.fd = new_eventfd();
	io_assign_ok(vm, sig);
	vcpu_guest_debug_set(vcpu, &debug);

	for (i = 0; i < 100 && !count; i++) {
		vcpu_run(vcpu);
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_DEBUG);
		rip = vcpu->run->debug.arch.pc;
		count = take(sig.fd);
	}
	sync_global_from_guest(vm, after_out);
	TEST_ASSERT(count == 1 && rip == after_out,
		    "Wanted one signal and a stop at 0x%lx, got %lu and 0x%lx", after_out, count,
		    rip);

	/* Bochs stops here twice, with or without a ring. */
	for (i = 0; i < 2 && rip == after_out; i++) {
		vcpu_run(vcpu);
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_DEBUG);
		rip = vcpu->run->debug.arch.pc;
	}
	TEST_ASSERT(rip == after_out + 1, "Wanted the next stop at 0x%lx, got 0x%lx",
		    after_out + 1, rip);
	TEST_ASSERT(!take(sig.fd), "The instruction rang twice");

	close(sig.fd);
	kvm_vm_free(vm);
}

/*
 * A store of 16 bytes across a page border: the first bytes are in RAM, the next
 * eight at the iosignalfd's address, so KVM compares a value that isn't aligned in
 * its own memory.
 *
 * Pins a BUG_ON() that a guest could trigger on AMD and Intel hosts, from the
 * first ioeventfd until 2026.
 */
#define STRADDLE_GVA	0xc0000000ull

static uint8_t straddle_bytes[16] = {
	0x10, 0x21, 0x32, 0x43, 0x54, 0x65, 0x76, 0x87,
	0x98, 0xa9, 0xba, 0xcb, 0xdc, 0xed, 0xfe, 0x0f,
};

static void guest_straddle(uint64_t in_ram)
{
	void *dst = (void *)(STRADDLE_GVA + PAGE_SIZE - in_ram);

	asm volatile("movdqu (%0), %%xmm0\n\t"
		     "movdqu %%xmm0, (%1)\n\t"
		     : : "r"(straddle_bytes), "r"(dst) : "xmm0", "memory");
	GUEST_SYNC(0);
}

TEST(mmio_unaligned)
{
	int in_ram, match;

	for (in_ram = 1; in_ram < 8; in_ram++) {
		for (match = 0; match < 2; match++) {
			struct kvm_iosignalfd sig = {
				.addr = MMIO_BASE, .len = 8, .flags = FLAG_TRIGGER,
			};
			struct io_access first = { .addr = MMIO_BASE, .len = 8, .write = true };
			struct io_access rest = {
				.addr = MMIO_BASE + 8, .len = 8 - in_ram, .write = true,
			};
			struct kvm_vcpu *vcpu;
			struct kvm_vm *vm;
			uint64_t count;
			void *ram;

			vm = vm_create_with_one_vcpu(&vcpu, guest_straddle);
			virt_pg_map(vm, STRADDLE_GVA,
				    vm_phy_page_alloc(vm, KVM_GUEST_PAGE_TABLE_MIN_PADDR,
						      vm->memslots[MEM_REGION_TEST_DATA]));
			virt_pg_map(vm, STRADDLE_GVA + PAGE_SIZE, MMIO_BASE);
			ram = addr_gva2hva(vm, STRADDLE_GVA + PAGE_SIZE - in_ram);
			vcpu_args_set(vcpu, 1, in_ram);

			memcpy(&first.val, straddle_bytes + in_ram, 8);
			memcpy(&rest.val, straddle_bytes + in_ram + 8, 8 - in_ram);
			sig.trigger = match ? first.val : ~first.val;
			sig.fd = new_eventfd();
			io_assign_ok(vm, sig);

			if (!match) {
				TEST_ASSERT(!run_to_sync(vcpu), "%d bytes in RAM: no exit", in_ram);
				assert_exit_is(vcpu, &first);
			}
			TEST_ASSERT(!run_to_sync(vcpu), "%d bytes in RAM: no exit", in_ram);
			assert_exit_is(vcpu, &rest);
			TEST_ASSERT(run_to_sync(vcpu), "%d bytes in RAM: one exit more", in_ram);

			count = take(sig.fd);
			TEST_ASSERT(count == match, "%d bytes in RAM: wanted %d signals, got %lu",
				    in_ram, match, count);
			TEST_ASSERT(!memcmp(ram, straddle_bytes, in_ram),
				    "The %d bytes in RAM differ from the stored ones", in_ram);

			close(sig.fd);
			kvm_vm_free(vm);
		}
	}
}

/*
 * Each element of a string instruction rings or exits to user space, by its value,
 * in each mode of the processor.  Pins B57: after an element that didn't ring, the
 * rest of the elements was dropped.
 */
#define STRING_CODE	0x8000
#define STRING_DATA	0x9000

enum string_mode { REAL_MODE, PROTECTED_MODE, LONG_MODE };

/* A guest that does "rep outsb; hlt" and nothing else. */
static void string_mode(struct kvm_vcpu *vcpu, enum string_mode mode, int nr)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {
		.rip = STRING_CODE, .rsi = STRING_DATA, .rcx = nr, .rdx = PIO_BASE, .rflags = 2,
	};

	vcpu_sregs_get(vcpu, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.ds.base = 0;
	sregs.ds.selector = 0;
	if (mode == PROTECTED_MODE) {
		sregs.cr0 |= X86_CR0_PE;
		sregs.cs.selector = 8;
		sregs.cs.limit = UINT_MAX;
		sregs.cs.g = 1;
		sregs.cs.db = 1;
		sregs.cs.type = 11;
		sregs.ds = sregs.cs;
		sregs.ds.selector = 16;
		sregs.ds.type = 3;
		sregs.es = sregs.ds;
		sregs.ss = sregs.ds;
	}
	vcpu_sregs_set(vcpu, &sregs);
	vcpu_regs_set(vcpu, &regs);
}

static void run_string(enum string_mode mode, const uint8_t *bytes, int nr, uint8_t match)
{
	static const uint8_t code[] = { 0xf3, 0x6e, 0xf4 };	/* rep outsb; hlt */
	struct kvm_iosignalfd sig = {
		.addr = PIO_BASE, .len = 1, .trigger = match, .fd = new_eventfd(),
		.flags = FLAG_PIO | FLAG_TRIGGER,
	};
	struct kvm_vcpu *vcpu;
	int want = 0, at = 0, i;
	uint64_t gva;
	struct kvm_vm *vm;
	uint64_t count;
	bool done;

	if (mode == LONG_MODE) {
		vm = vm_create_with_one_vcpu(&vcpu, guest_string);
		gva = vm_vaddr_alloc_page(vm);
		memcpy(addr_gva2hva(vm, gva), bytes, nr);
		vcpu_args_set(vcpu, 2, gva, nr);
	} else {
		vm = vm_create_barebones();
		vm_userspace_mem_region_add(vm, VM_MEM_SRC_ANONYMOUS, 0, 0, 16, 0);
		vcpu = __vm_vcpu_add(vm, 0);
		memcpy(addr_gpa2hva(vm, STRING_CODE), code, sizeof(code));
		memcpy(addr_gpa2hva(vm, STRING_DATA), bytes, nr);
		string_mode(vcpu, mode, nr);
	}
	io_assign_ok(vm, sig);

	for (;;) {
		struct kvm_run *run = vcpu->run;
		uint8_t *data = (void *)run + run->io.data_offset;

		if (mode == LONG_MODE) {
			done = run_to_sync(vcpu);
		} else {
			vcpu_run(vcpu);
			done = run->exit_reason == KVM_EXIT_HLT;
		}
		if (done)
			break;

		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
		data = (void *)run + run->io.data_offset;
		for (i = 0; i < run->io.count; i++) {
			/* User space doesn't get the elements that ring. */
			while (at < nr && bytes[at] == match)
				at++;
			TEST_ASSERT(at < nr && data[i] == bytes[at],
				    "Mode %d: 0x%x in user space, wanted element %d of %d, 0x%x",
				    mode, data[i], at, nr, at < nr ? bytes[at] : 0);
			at++;
		}
	}

	for (i = 0; i < nr; i++)
		want += bytes[i] == match;
	for (; at < nr; at++)
		TEST_ASSERT(bytes[at] == match, "Mode %d: element %d of %d, 0x%x, is lost", mode,
			    at, nr, bytes[at]);
	count = take(sig.fd);
	TEST_ASSERT(count == want, "Mode %d: wanted %d signals, got %lu", mode, want, count);

	close(sig.fd);
	kvm_vm_free(vm);
}

TEST(string_elements)
{
	static const uint8_t bytes[] = { 1, 2, 1, 1, 2, 3, 1, 4, 1, 1 };
	enum string_mode mode;
	int first;

	for (mode = REAL_MODE; mode <= LONG_MODE; mode++)
		for (first = 0; first < 3; first++)
			run_string(mode, bytes + first, sizeof(bytes) - first, 1);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/* Hold a VM throughout, see iosignalfd_test.c. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
