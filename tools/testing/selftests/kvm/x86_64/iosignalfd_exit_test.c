// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd in the exit path: what a guest and user space see of a write is the
 * same with kvm's parameter ring_in_exit_path on and off.
 */
#include <sys/eventfd.h>

#include "io_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

/* Neither ucall's port nor one of a device that KVM emulates. */
#define PORT		0x2000
#define NR_WRITES	50
#define VALUE		0x12345678
#define RFLAGS_TF	0x100

static uint64_t nr_debug_exceptions;
static uint64_t trapped_at;

static void guest_db_handler(struct ex_regs *regs)
{
	nr_debug_exceptions++;
	trapped_at = regs->rip;
	regs->rflags &= ~RFLAGS_TF;
}

static void guest_main(void)
{
	static uint32_t words[4] = { VALUE, VALUE, VALUE, VALUE };
	uint32_t *from = words;
	uint64_t count = ARRAY_SIZE(words);
	uint64_t behind_out;
	int i;

	for (i = 0; i < NR_WRITES; i++)
		asm volatile("outl %0, %w1" : : "a"(VALUE), "d"(PORT));
	GUEST_SYNC(0);

	asm volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(PORT) : "memory");
	GUEST_SYNC(0);

	/* The trap comes after the instruction that follows popfq: the OUT. */
	asm volatile("pushfq\n\t"
		     "orq $0x100, (%%rsp)\n\t"
		     "leaq 1f(%%rip), %0\n\t"
		     "popfq\n\t"
		     "outl %1, %w2\n\t"
		     "1: nop" : "=&r"(behind_out) : "a"(VALUE), "d"(PORT) : "memory", "cc");
	GUEST_ASSERT_EQ(nr_debug_exceptions, 1);
	GUEST_ASSERT_EQ(trapped_at, behind_out);
	GUEST_SYNC(0);

	/* A write of half the length doesn't match. */
	asm volatile("outw %w0, %w1" : : "a"(VALUE), "d"(PORT));
	GUEST_DONE();
}

/* Run to the next ucall; returns how many writes exited to user space before it. */
static int run(struct kvm_vcpu *vcpu)
{
	struct ucall uc;
	int writes = 0;

	for (;;) {
		vcpu_run(vcpu);
		switch (get_ucall(vcpu, &uc)) {
		case UCALL_SYNC:
		case UCALL_DONE:
			return writes;
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
		default:
			TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_IO);
			writes += vcpu->run->io.count;
		}
	}
}

static void expect(struct kvm_vcpu *vcpu, int fd, const char *what, uint64_t rings, int exits)
{
	int writes = run(vcpu);
	uint64_t count = 0;

	if (read(fd, &count, sizeof(count)) < 0)
		TEST_ASSERT(errno == EAGAIN, "read(): %s", strerror(errno));
	TEST_ASSERT(count == rings && writes == exits,
		    "%s: wanted %lu rings and %d writes in user space, got %lu and %d",
		    what, rings, exits, count, writes);
}

FIXTURE(exit) {
	char before;
};

FIXTURE_VARIANT(exit) {
	char on;
};

FIXTURE_VARIANT_ADD(exit, on) {
	.on = 'Y',
};

FIXTURE_VARIANT_ADD(exit, off) {
	.on = 'N',
};

FIXTURE_SETUP(exit)
{
	self->before = swap_ring_in_exit_path(variant->on);
}

FIXTURE_TEARDOWN(exit)
{
	swap_ring_in_exit_path(self->before);
}

/*
 * Rings, a string instruction, an OUT that the guest single-steps, and a write that
 * doesn't match.  An exit path that skips an instruction without checking the trap flag
 * delivers the single step's trap an instruction late.
 */
TEST_F(exit, pio)
{
	struct kvm_iosignalfd sig = {
		.addr = PORT,
		.len = 4,
		.trigger = VALUE,
		.flags = KVM_IOSIGNALFD_FLAG_PIO | KVM_IOSIGNALFD_FLAG_TRIGGER,
	};
	uint64_t exits, io_exits;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;

	vm = vm_create_with_one_vcpu(&vcpu, guest_main);
	vm_install_exception_handler(vm, DB_VECTOR, guest_db_handler);
	sig.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	TEST_ASSERT(sig.fd >= 0, "eventfd(): %s", strerror(errno));
	vm_ioctl(vm, KVM_IOSIGNALFD, &sig);

	exits = vcpu_stat(vcpu, "exits");
	io_exits = vcpu_stat(vcpu, "io_exits");
	expect(vcpu, sig.fd, "OUT", NR_WRITES, 0);

	/* One more for the ucall.  "exits" also counts other reasons. */
	io_exits = vcpu_stat(vcpu, "io_exits") - io_exits;
	TEST_ASSERT(io_exits == NR_WRITES + 1, "io_exits: wanted %d, got %lu",
		    NR_WRITES + 1, io_exits);
	exits = vcpu_stat(vcpu, "exits") - exits;
	TEST_ASSERT(exits > NR_WRITES, "exits: wanted more than %d, got %lu", NR_WRITES, exits);

	expect(vcpu, sig.fd, "REP OUTS", 4, 0);
	expect(vcpu, sig.fd, "OUT under single step", 1, 0);
	expect(vcpu, sig.fd, "OUT of two bytes", 0, 1);

	close(sig.fd);
	kvm_vm_free(vm);
}

TEST_HARNESS_MAIN
