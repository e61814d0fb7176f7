// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd, the older name of ioeventfd: a guest's write to a port or to a
 * guest physical address signals an eventfd and never leaves the kernel.
 *
 * "Rings" below means that the write signalled the eventfd and that the vCPU
 * did not exit to user space; "goes to user space" means the opposite of both.
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <limits.h>
#include <stdint.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "io_bus.h"

static const uint32_t lengths[] = { 0, 1, 2, 4, 8 };

/* Length 0 matches writes of any length; another length matches only its own. */
TEST_F(bus, wildcard)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base + 0x40,
			.len = lengths[i],
			.fd = self->fd,
			.flags = self->flags,
		};
		uint32_t len;

		io_assign_ok(self->vm, sig);

		for (len = 1; len <= variant->max; len *= 2) {
			bool rings = !sig.len || sig.len == len;

			assert_write(self->vcpu, self->flags, sig.addr, len, 0, self->fd, rings);
			assert_write(self->vcpu, self->flags, sig.addr, len, ~0ull, self->fd,
				     rings);

			/* Only writes that begin at the address match; an overlap doesn't. */
			assert_exits(self->vcpu, self->flags, sig.addr - 1, len, 1, self->fd);
			assert_exits(self->vcpu, self->flags, sig.addr + 1, len, 1, self->fd);
		}

		io_unassign_ok(self->vm, sig);

		for (len = 1; len <= variant->max; len *= 2)
			assert_exits(self->vcpu, self->flags, sig.addr, len, 1, self->fd);
	}
}

/* Each write adds one to the count, however many come before user space reads it. */
TEST_F(bus, counts)
{
	struct io_access io = {
		.addr = self->base, .len = 4, .pio = self->flags & FLAG_PIO, .write = true,
	};
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	const uint64_t nr = 100;
	uint64_t count;
	int i;

	io_assign_ok(self->vm, sig);

	for (i = 0; i < nr; i++)
		TEST_ASSERT(!do_io(self->vcpu, &io), "Write %d came to user space", i);

	count = take(self->fd);
	TEST_ASSERT(count == nr, "Wanted a count of %lu, got %lu", nr, count);
}

/*
 * With a trigger value, other values go to user space, all their bytes count,
 * and a value that doesn't fit into the length never rings.
 */
TEST_F(bus, trigger)
{
	static const uint64_t values[] = { 0, 1, 0x80, 0x8000, 0x80000000, ~0ull,
					   0x0123456789abcdefull };
	int i, j;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base,
			.len = lengths[i],
			.fd = self->fd,
			.flags = self->flags | FLAG_TRIGGER,
		};

		if (!sig.len || sig.len > variant->max)
			continue;

		for (j = 0; j < ARRAY_SIZE(values); j++) {
			uint64_t mask = value_mask(sig.len);
			uint64_t val = values[j] & mask;
			uint32_t len;

			sig.trigger = val;
			io_assign_ok(self->vm, sig);

			assert_rings(self->vcpu, self->flags, sig.addr, sig.len, val, self->fd);
			assert_exits(self->vcpu, self->flags, sig.addr, sig.len, ~val & mask,
				     self->fd);
			assert_exits(self->vcpu, self->flags, sig.addr, sig.len, val ^ 1,
				     self->fd);
			assert_exits(self->vcpu, self->flags, sig.addr, sig.len,
				     val ^ (mask - (mask >> 1)), self->fd);

			for (len = 1; len <= variant->max; len *= 2)
				if (len != sig.len)
					assert_exits(self->vcpu, self->flags, sig.addr, len, val,
						     self->fd);

			io_unassign_ok(self->vm, sig);
			assert_exits(self->vcpu, self->flags, sig.addr, sig.len, val, self->fd);
		}

		if (sig.len == 8)
			continue;

		sig.trigger = (1ull << (sig.len * 8)) | 1;
		io_assign_ok(self->vm, sig);
		assert_exits(self->vcpu, self->flags, sig.addr, sig.len, 1, self->fd);
		io_unassign_ok(self->vm, sig);
	}
}

/* Many values at one address, an eventfd each, assigned in a scattered order. */
TEST_F(bus, many_values)
{
	const int nr = 67, step = 29;
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 2, .flags = self->flags | FLAG_TRIGGER,
	};
	int fds[nr], i, j, k;
	uint64_t count;

	for (i = 0, k = 0; i < nr; i++, k = (k + step) % nr) {
		fds[k] = new_eventfd();
		sig.fd = fds[k];
		sig.trigger = k * 7;
		io_assign_ok(self->vm, sig);
	}

	/* Deassign in another order; those that are still assigned must not change. */
	for (i = 0; i < nr; i++) {
		int gone = nr - 1 - i;

		for (j = 0; j < nr; j += 11)
			assert_write(self->vcpu, self->flags, sig.addr, 2, j * 7, fds[j],
				     j <= gone);

		for (j = 0; j < nr; j++) {
			count = take(fds[j]);
			TEST_ASSERT(!count, "The eventfd of value %d got %lu signals of others",
				    j * 7, count);
		}

		sig.fd = fds[gone];
		sig.trigger = gone * 7;
		io_unassign_ok(self->vm, sig);
	}

	for (i = 0; i < nr; i++)
		close(fds[i]);
}

/* All lengths share an address, each with its own eventfd; so at adjacent addresses. */
TEST_F(bus, lengths_share_address)
{
	const int nr_addr = 3;
	struct kvm_iosignalfd sig = { .flags = self->flags };
	int fds[nr_addr][ARRAY_SIZE(lengths)], i, j, a, b;

	for (a = 0; a < nr_addr; a++) {
		for (i = 1; i < ARRAY_SIZE(lengths); i++) {
			fds[a][i] = new_eventfd();
			sig.addr = self->base + a;
			sig.len = lengths[i];
			sig.fd = fds[a][i];
			io_assign_ok(self->vm, sig);
		}
	}

	for (a = 0; a < nr_addr; a++) {
		for (i = 1; i < ARRAY_SIZE(lengths) && lengths[i] <= variant->max; i++) {
			assert_rings(self->vcpu, self->flags, self->base + a, lengths[i], i,
				     fds[a][i]);

			for (b = 0; b < nr_addr; b++)
				for (j = 1; j < ARRAY_SIZE(lengths); j++)
					TEST_ASSERT(!take(fds[b][j]),
						    "%u bytes to +%d also signalled %u at +%d",
						    lengths[i], a, lengths[j], b);
		}
	}

	for (a = 0; a < nr_addr; a++)
		for (i = 1; i < ARRAY_SIZE(lengths); i++)
			close(fds[a][i]);
}

/* One eventfd for many addresses counts the writes to all of them. */
TEST_F(bus, one_eventfd_many_addresses)
{
	const int nr = 48;
	struct kvm_iosignalfd sig = { .len = 1, .fd = self->fd, .flags = self->flags };
	struct io_access io = { .len = 1, .pio = self->flags & FLAG_PIO, .write = true };
	uint64_t count;
	int i;

	for (i = 0; i < nr; i++) {
		sig.addr = self->base + i;
		io_assign_ok(self->vm, sig);
	}

	for (i = 0; i < nr; i++) {
		io.addr = self->base + i;
		TEST_ASSERT(!do_io(self->vcpu, &io), "Address +%d came to user space", i);
	}

	count = take(self->fd);
	TEST_ASSERT(count == nr, "Wanted a count of %d, got %lu", nr, count);
	assert_exits(self->vcpu, self->flags, self->base + nr, 1, 0, self->fd);
}

/* Only writes ring.  A read goes to user space, and the guest gets its answer. */
static void assert_reads_exit(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, int fd,
			      uint32_t max)
{
	uint64_t count;
	uint32_t len;
	bool exited;

	for (len = 1; len <= max; len *= 2) {
		struct io_access io = { .addr = addr, .len = len, .pio = bus & FLAG_PIO };

		exited = do_io(vcpu, &io);
		count = take(fd);
		TEST_ASSERT(exited && !count,
			    "Read of %u bytes: wanted an exit and no signal, got %s and %lu",
			    len, exited ? "an exit" : "none", count);
		TEST_ASSERT(io.val == (READ_VALUE & value_mask(len)),
			    "Read of %u bytes: user space answered 0x%llx, the guest got 0x%lx",
			    len, READ_VALUE & value_mask(len), io.val);
	}
}

TEST_F(bus, reads)
{
	int i;

	for (i = 1; i < ARRAY_SIZE(lengths); i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base,
			.len = lengths[i],
			.fd = self->fd,
			.flags = self->flags,
		};

		io_assign_ok(self->vm, sig);
		assert_reads_exit(self->vcpu, self->flags, sig.addr, self->fd, variant->max);
		io_unassign_ok(self->vm, sig);
	}
}

/*
 * The same with length 0, for which KVM has a faster way with MMIO.
 *
 * On Intel, Linux up to 6.12 and later takes a read for a write there: it
 * signals the eventfd, skips the instruction and leaves the register as it was.
 */
TEST_F(bus, reads_any_length)
{
	struct kvm_iosignalfd sig = { .addr = self->base, .fd = self->fd, .flags = self->flags };

	/* An EPT misconfiguration exit doesn't report whether the access is a write. */
	if (host_cpu_is_intel && !(self->flags & FLAG_PIO))
		SKIP(return, "VMX takes a read for a write here");

	io_assign_ok(self->vm, sig);
	assert_reads_exit(self->vcpu, self->flags, sig.addr, self->fd, variant->max);
	assert_rings(self->vcpu, self->flags, sig.addr, variant->max, 1, self->fd);
}

/* Assign and deassign alternate; nothing of an earlier round is left. */
TEST_F(bus, reassign)
{
	int fd = new_eventfd(), i;

	for (i = 0; i < 100; i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base,
			.len = lengths[i % 4],
			.fd = i & 1 ? fd : self->fd,
			.flags = self->flags,
		};

		io_assign_ok(self->vm, sig);
		assert_rings(self->vcpu, self->flags, sig.addr, sig.len ?: 1, i, sig.fd);
		io_unassign_ok(self->vm, sig);
		assert_exits(self->vcpu, self->flags, sig.addr, sig.len ?: 1, i, sig.fd);
	}

	TEST_ASSERT(!take(fd) && !take(self->fd), "Signals out of nowhere");
	close(fd);
}

/*
 * User space closes the eventfd before it deassigns.  Whether writes still match
 * isn't defined; but the host must survive them, and other eventfds must work.
 */
TEST_F(bus, eventfd_closed_first)
{
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	struct kvm_iosignalfd gone = {
		.addr = self->base + 8, .len = 4, .flags = self->flags,
	};
	struct io_access io = {
		.addr = gone.addr, .len = 4, .pio = self->flags & FLAG_PIO, .write = true,
	};
	int i;

	gone.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	io_assign_ok(self->vm, gone);
	close(gone.fd);

	for (i = 0; i < 10; i++) {
		do_io(self->vcpu, &io);
		assert_rings(self->vcpu, self->flags, sig.addr, 4, i, self->fd);
	}

	ASSERT_ERRNO(EBADF, io_unassign(self->vm, gone), "Deassign a closed fd");
}

/* The VM closes first: its eventfds keep their counts and work as plain eventfds. */
TEST_F(bus, vm_closed_first)
{
	struct io_access io = {
		.addr = self->base, .len = 4, .pio = self->flags & FLAG_PIO, .write = true,
	};
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	uint64_t count = 5;

	io_assign_ok(self->vm, sig);
	TEST_ASSERT(!do_io(self->vcpu, &io), "The write came to user space");
	TEST_ASSERT(!do_io(self->vcpu, &io), "The write came to user space");

	kvm_vm_free(self->vm);
	self->vm = NULL;

	TEST_ASSERT(write(self->fd, &count, sizeof(count)) == sizeof(count),
		    "Writing the eventfd: %s", strerror(errno));
	count = take(self->fd);
	TEST_ASSERT(count == 7, "Wanted 2 rings and 5 from user space, got %lu", count);
	TEST_ASSERT(!take(self->fd), "Wanted an empty eventfd");
}

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

	/*
	 * Hold a VM throughout.  Most subtests create and free a VM.  If that
	 * were the only one, each subtest would switch virtualization on and
	 * off on all CPUs, and patch the kernel's text.
	 */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
