// SPDX-License-Identifier: GPL-2.0-only
#include "io_vm.h"
#include "processor.h"

int iosignalfd(struct kvm_vm *vm, struct kvm_iosignalfd args)
{
	return __vm_ioctl(vm, KVM_IOSIGNALFD, &args) ? errno : 0;
}

int io_unassign(struct kvm_vm *vm, struct kvm_iosignalfd args)
{
	args.flags |= FLAG_DEASSIGN;
	return iosignalfd(vm, args);
}

void io_assign_ok(struct kvm_vm *vm, struct kvm_iosignalfd args)
{
	ASSERT_ERRNO(0, iosignalfd(vm, args),
		     "Assign fd %d to 0x%llx, len %u, flags 0x%x, trigger 0x%llx",
		     args.fd, args.addr, args.len, args.flags, args.trigger);
}

void io_unassign_ok(struct kvm_vm *vm, struct kvm_iosignalfd args)
{
	ASSERT_ERRNO(0, io_unassign(vm, args),
		     "Deassign fd %d from 0x%llx, len %u, flags 0x%x, trigger 0x%llx",
		     args.fd, args.addr, args.len, args.flags, args.trigger);
}

uint64_t value_mask(uint32_t len)
{
	return len >= 8 ? ~0ull : (1ull << (len * 8)) - 1;
}

/* The access that the guest does next, and the value that a read got. */
static struct io_access guest_io;

#ifdef __x86_64__
static void guest_pio(struct io_access *io)
{
	uint16_t port = io->addr;
	uint32_t val = io->val;

	switch (io->len | (io->write ? 0x10 : 0)) {
	case 0x11:
		asm volatile("outb %b0, %w1" : : "a"(val), "d"(port) : "memory");
		break;
	case 0x12:
		asm volatile("outw %w0, %w1" : : "a"(val), "d"(port) : "memory");
		break;
	case 0x14:
		asm volatile("outl %0, %w1" : : "a"(val), "d"(port) : "memory");
		break;
	case 0x01:
		val = 0;
		asm volatile("inb %w1, %b0" : "+a"(val) : "d"(port) : "memory");
		break;
	case 0x02:
		val = 0;
		asm volatile("inw %w1, %w0" : "+a"(val) : "d"(port) : "memory");
		break;
	case 0x04:
		asm volatile("inl %w1, %0" : "=a"(val) : "d"(port) : "memory");
		break;
	default:
		GUEST_FAIL("No port access has %u bytes", io->len);
	}

	if (!io->write)
		io->val = val;
}
#else
static void guest_pio(struct io_access *io)
{
	GUEST_FAIL("The architecture has no ports");
}
#endif

static void guest_mmio(struct io_access *io)
{
	void *addr = (void *)io->addr;

	switch (io->len | (io->write ? 0x10 : 0)) {
	case 0x11:
		WRITE_ONCE(*(uint8_t *)addr, io->val);
		break;
	case 0x12:
		WRITE_ONCE(*(uint16_t *)addr, io->val);
		break;
	case 0x14:
		WRITE_ONCE(*(uint32_t *)addr, io->val);
		break;
	case 0x18:
		WRITE_ONCE(*(uint64_t *)addr, io->val);
		break;
	case 0x01:
		io->val = READ_ONCE(*(uint8_t *)addr);
		break;
	case 0x02:
		io->val = READ_ONCE(*(uint16_t *)addr);
		break;
	case 0x04:
		io->val = READ_ONCE(*(uint32_t *)addr);
		break;
	case 0x08:
		io->val = READ_ONCE(*(uint64_t *)addr);
		break;
	default:
		GUEST_FAIL("No access has %u bytes", io->len);
	}
}

void io_guest_main(void)
{
	for (;;) {
		if (guest_io.pio)
			guest_pio(&guest_io);
		else
			guest_mmio(&guest_io);
		GUEST_SYNC(0);
	}
}

uint32_t exit_value(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint32_t value;

	if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT)
		memcpy(&value, (void *)run + run->io.data_offset, sizeof(value));
	else if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write)
		memcpy(&value, run->mmio.data, sizeof(value));
	else
		TEST_FAIL("Unexpected exit %u (%s)", run->exit_reason,
			  exit_reason_str(run->exit_reason));

	return value;
}

bool run_to_sync(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	vcpu_run(vcpu);
	switch (get_ucall(vcpu, &uc)) {
	case UCALL_SYNC:
		return true;
	case UCALL_NONE:
		return false;
	case UCALL_ABORT:
		REPORT_GUEST_ASSERT(uc);
	default:
		TEST_FAIL("Unexpected ucall %lu", uc.cmd);
	}
}

void assert_exit_is(struct kvm_vcpu *vcpu, const struct io_access *want)
{
	struct io_access got = { .pio = want->pio };
	struct kvm_run *run = vcpu->run;

	TEST_ASSERT_KVM_EXIT_REASON(vcpu, want->pio ? KVM_EXIT_IO : KVM_EXIT_MMIO);

	if (want->pio) {
		got.addr = run->io.port;
		got.len = run->io.size * run->io.count;
		got.write = run->io.direction == KVM_EXIT_IO_OUT;
		if (got.write)
			memcpy(&got.val, (void *)run + run->io.data_offset, min(got.len, 8u));
	} else {
		got.addr = run->mmio.phys_addr;
		got.len = run->mmio.len;
		got.write = run->mmio.is_write;
		if (got.write)
			memcpy(&got.val, run->mmio.data, min(got.len, 8u));
	}

	TEST_ASSERT(got.addr == want->addr && got.len == want->len && got.write == want->write &&
		    (!want->write || got.val == (want->val & value_mask(want->len))),
		    "Wanted %s of %u bytes at 0x%lx, value 0x%lx, in user space;\n"
		    "  got %s of %u bytes at 0x%lx, value 0x%lx",
		    want->write ? "a write" : "a read", want->len, want->addr,
		    want->val & value_mask(want->len),
		    got.write ? "a write" : "a read", got.len, got.addr, got.val);
}

bool do_io(struct kvm_vcpu *vcpu, struct io_access *io)
{
	struct kvm_run *run = vcpu->run;
	const uint64_t answer = READ_VALUE;
	struct io_access *guest;
	bool exited;

	write_guest_global(vcpu->vm, guest_io, *io);

	exited = !run_to_sync(vcpu);
	if (exited) {
		assert_exit_is(vcpu, io);
		if (!io->write && io->pio)
			memcpy((void *)run + run->io.data_offset, &answer, io->len);
		else if (!io->write)
			memcpy(run->mmio.data, &answer, io->len);

		TEST_ASSERT(run_to_sync(vcpu), "One access, but a second exit with reason %u (%s)",
			    run->exit_reason, exit_reason_str(run->exit_reason));
	}

	if (!io->write) {
		guest = addr_gva2hva(vcpu->vm, (uint64_t)&guest_io);
		io->val = guest->val;
	}

	return exited;
}

void assert_write(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, uint32_t len,
		  uint64_t val, int fd, bool rings)
{
	struct io_access io = {
		.addr = addr, .val = val, .len = len, .pio = bus & FLAG_PIO, .write = true,
	};
	bool exited = do_io(vcpu, &io);
	uint64_t count = take(fd);

	TEST_ASSERT(exited == !rings && count == rings,
		    "%s write of 0x%lx, %u bytes, to 0x%lx: wanted %u signals and %s to user space,\n"
		    "  got %lu and %s",
		    bus & FLAG_PIO ? "PIO" : "MMIO", val, len, addr, rings,
		    rings ? "no exit" : "an exit", count, exited ? "an exit" : "no exit");
}

void assert_rings(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, uint32_t len,
		  uint64_t val, int fd)
{
	assert_write(vcpu, bus, addr, len, val, fd, true);
}

void assert_exits(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, uint32_t len,
		  uint64_t val, int fd)
{
	assert_write(vcpu, bus, addr, len, val, fd, false);
}

void assert_rings_all(struct kvm_vcpu *vcpu, const struct kvm_iosignalfd *sig, uint64_t val,
		      const int *fds, int nr)
{
	struct io_access io = {
		.addr = sig->addr, .len = sig->len ?: 2, .val = val,
		.pio = sig->flags & FLAG_PIO, .write = true,
	};
	int i;

	TEST_ASSERT(!do_io(vcpu, &io), "The write of 0x%lx came to user space", val);
	for (i = 0; i < nr; i++) {
		uint64_t count = take(fds[i]);

		TEST_ASSERT(count == 1, "Eventfd %d of %d: wanted 1 signal, got %lu", i, nr,
			    count);
	}
}

char swap_ring_in_exit_path(char value)
{
	static const char name[] = "/sys/module/kvm/parameters/ring_in_exit_path";
	int fd = open(name, O_RDWR);
	char before;

	__TEST_REQUIRE(fd >= 0, "kvm has no parameter ring_in_exit_path");
	TEST_ASSERT(read(fd, &before, 1) == 1 && pwrite(fd, &value, 1, 0) == 1,
		    "%s: %s", name, strerror(errno));
	close(fd);
	return before;
}
