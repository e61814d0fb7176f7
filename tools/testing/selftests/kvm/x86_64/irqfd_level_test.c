// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds: a signal raises the line, the guest's acknowledge lowers it and
 * signals the resample eventfd.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * it where there are any.
 */
#include <stdint.h>

#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"

/*
 * Level-triggered lines.  The line stays up from the signal to the guest's EOI,
 * which lowers it and signals the resample eventfd.
 */
FIXTURE(resample) {
	struct irq_vm v;
	int fd;
	int resamplefd;
};

FIXTURE_SETUP(resample)
{
	irq_vm_init(&self->v);
	self->fd = new_eventfd();
	self->resamplefd = new_eventfd();
}

FIXTURE_TEARDOWN(resample)
{
	close(self->fd);
	close(self->resamplefd);
	irq_vm_free(&self->v);
}

static bool line_is_up(struct irq_vm *v)
{
	return ioapic_state(v->vm).irr & (1u << GSI_LEVEL);
}

static bool in_service(struct irq_vm *v)
{
	return ioapic_state(v->vm).redirtbl[GSI_LEVEL].fields.remote_irr;
}

/* Injection is a worker's, lowering after a hang-up as well. */
static void wait_for_line(struct irq_vm *v, bool up)
{
	WAIT_FOR(line_is_up(v) == up, "Wanted the line %s, it is %s", up ? "up" : "down",
		 up ? "down" : "up");
}

/* Run until the guest has its interrupt, but not yet acknowledged it. */
static void run_into_irq(struct irq_vm *v)
{
	WRITE_ONCE(v->guest->stop_before_eoi, 1);
	assert_runs_to(v->vcpu, SYNC_BEFORE_EOI);
	WRITE_ONCE(v->guest->stop_before_eoi, 0);
}

static void assert_resampled(int resamplefd, uint64_t want, const char *when)
{
	uint64_t got = take(resamplefd);

	TEST_ASSERT(got == want, "%s: wanted %lu signals to the resample eventfd, got %lu", when,
		    want, got);
}

TEST_F(resample, eoi)
{
	int i;

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);

	for (i = 1; i <= 20; i++) {
		add(self->fd, 1);
		wait_for_line(&self->v, true);
		TEST_ASSERT(!take(self->fd), "Wanted the count to be gone");

		run_into_irq(&self->v);
		TEST_ASSERT(line_is_up(&self->v) && in_service(&self->v),
			    "Before EOI: wanted the line up and in service, it is %s and %s",
			    line_is_up(&self->v) ? "up" : "down",
			    in_service(&self->v) ? "in service" : "not");
		assert_resampled(self->resamplefd, 0, "Before EOI");

		pass(&self->v);
		TEST_ASSERT(!line_is_up(&self->v) && !in_service(&self->v),
			    "After EOI: wanted the line down and not in service, it is %s and %s",
			    line_is_up(&self->v) ? "up" : "down",
			    in_service(&self->v) ? "in service" : "not");
		assert_resampled(self->resamplefd, 1, "After EOI");
		TEST_ASSERT(irqs(&self->v, VECTOR) == i, "Wanted %d interrupts, got %lu", i,
			    irqs(&self->v, VECTOR));
	}

	assert_irqs(&self->v, VECTOR, 20);
	assert_resampled(self->resamplefd, 0, "With the line down");
}

/* Signalled again before EOI, by a device that can't wait: one interrupt. */
TEST_F(resample, signal_before_eoi)
{
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);

	add(self->fd, 1);
	wait_for_line(&self->v, true);
	run_into_irq(&self->v);
	add(self->fd, 1);
	usleep(SETTLE_PASSES * SETTLE_USEC);

	pass(&self->v);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* A running guest, and user space as a device that has more to say each time. */
TEST_F(resample, running_vcpu)
{
	int i;

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	start_vcpu(&self->v);

	for (i = 1; i <= 100; i++) {
		add(self->fd, 1);
		WAIT_FOR(take(self->resamplefd), "Round %d: no EOI has been reported", i);
	}
	stop_vcpu(&self->v);

	assert_irqs(&self->v, VECTOR, 100);
	assert_resampled(self->resamplefd, 0, "After the last one");
}

/* An EOI is for all that share the line; each knows if it was meant. */
TEST_F(resample, shared_line)
{
	int fd = new_eventfd(), resamplefd = new_eventfd();

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	assign_resample_ok(self->v.vm, fd, GSI_LEVEL, resamplefd);

	add(self->fd, 1);
	add(fd, 1);
	/* Both have raised it. */
	usleep(SETTLE_PASSES * SETTLE_USEC);
	wait_for_line(&self->v, true);

	pass(&self->v);
	TEST_ASSERT(!line_is_up(&self->v), "After EOI: wanted the line down");
	assert_resampled(self->resamplefd, 1, "First of two");
	assert_resampled(resamplefd, 1, "Second of two");
	assert_irqs(&self->v, VECTOR, 1);

	unassign_ok(self->v.vm, self->fd, GSI_LEVEL);
	add(fd, 1);
	wait_for_line(&self->v, true);
	assert_irqs(&self->v, VECTOR, 2);
	assert_resampled(self->resamplefd, 0, "Deassigned");
	assert_resampled(resamplefd, 1, "The one that is left");

	close(fd);
	close(resamplefd);
}

/* EOI lowers what irqfds raised; what user space raised stays up. */
TEST_F(resample, line_of_user_space)
{
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);

	kvm_irq_line(self->v.vm, GSI_LEVEL, 1);
	add(self->fd, 1);
	usleep(SETTLE_PASSES * SETTLE_USEC);

	run_into_irq(&self->v);
	run_into_irq(&self->v);
	assert_resampled(self->resamplefd, 1, "After the first EOI");
	TEST_ASSERT(line_is_up(&self->v), "Wanted the line up, user space has raised it");

	kvm_irq_line(self->v.vm, GSI_LEVEL, 0);
	pass(&self->v);
	assert_resampled(self->resamplefd, 1, "After the second EOI");
	TEST_ASSERT(!line_is_up(&self->v), "Wanted the line down, nobody raises it");
	assert_irqs(&self->v, VECTOR, 2);
}

/* A count that is there before the irqfd is raises the line, and is used up. */
TEST_F(resample, pending_at_assign)
{
	add(self->fd, 3);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	wait_for_line(&self->v, true);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* Deassign lowers the line and stops listening to EOIs before it returns. */
TEST_F(resample, deassign_lowers_line)
{
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	wait_for_line(&self->v, true);
	run_into_irq(&self->v);

	unassign_ok(self->v.vm, self->fd, GSI_LEVEL);
	TEST_ASSERT(!line_is_up(&self->v), "After deassign: wanted the line down");

	pass(&self->v);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 0, "EOI after deassign");
	TEST_ASSERT(!in_service(&self->v), "After EOI: wanted it not in service");
}

/* So does the eventfd's last close, in a moment. */
TEST_F(resample, hangup_lowers_line)
{
	int fd = new_eventfd();

	assign_resample_ok(self->v.vm, fd, GSI_LEVEL, self->resamplefd);
	add(fd, 1);
	wait_for_line(&self->v, true);
	run_into_irq(&self->v);

	close(fd);
	wait_for_line(&self->v, false);

	/* The line is lowered last, so nobody listens any more. */
	pass(&self->v);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 0, "EOI after the hang-up");

	/* The GSI is there for others, and the resample eventfd, too. */
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 2);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* User space may close the resample eventfd first, or the VM. */
TEST_F(resample, closed_first)
{
	int resamplefd = new_eventfd();

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, resamplefd);
	close(resamplefd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	TEST_ASSERT(!line_is_up(&self->v), "After EOI: wanted the line down");

	add(self->fd, 1);
	wait_for_line(&self->v, true);
	irq_vm_free(&self->v);
	add(self->fd, 2);
	TEST_ASSERT(take(self->fd) == 2, "Wanted a plain eventfd with a count of 2");

	irq_vm_init(&self->v);
}

TEST_F(resample, errno_fd)
{
	struct kvm_vm *vm = self->v.vm;
	int fd, pipefd[2];

	ASSERT_ERRNO(EBADF, irqfd_resample(vm, self->fd, GSI_LEVEL, -1), "Resample fd -1");

	fd = new_eventfd();
	close(fd);
	ASSERT_ERRNO(EBADF, irqfd_resample(vm, self->fd, GSI_LEVEL, fd), "A closed resample fd");

	TEST_ASSERT(!pipe(pipefd), "pipe(): %s", strerror(errno));
	ASSERT_ERRNO(EINVAL, irqfd_resample(vm, self->fd, GSI_LEVEL, pipefd[1]),
		     "A pipe as resample fd");
	ASSERT_ERRNO(EINVAL, irqfd_resample(vm, pipefd[1], GSI_LEVEL, self->resamplefd),
		     "A pipe with a resample fd");
	ASSERT_ERRNO(EBADF, irqfd_resample(vm, -1, GSI_LEVEL, self->resamplefd),
		     "Fd -1 with a resample fd");
	close(pipefd[0]);
	close(pipefd[1]);

	/* None of them has taken the eventfd. */
	assign_resample_ok(vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* With the IOAPIC in user space KVM never hears of its EOIs. */
TEST_F(resample, errno_split_irqchip)
{
	struct kvm_vm *vm = vm_create_barebones();

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SPLIT_IRQCHIP));
	vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24);

	ASSERT_ERRNO(EINVAL, irqfd_resample(vm, self->fd, GSI_LEVEL, self->resamplefd),
		     "Assign with resample to a split irqchip");
	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(EBUSY, irqfd(vm, self->fd, GSI_MSI), "Assign a second time");

	kvm_vm_free(vm);
}

/* An assign that fails with EBUSY leaves no listener to EOIs behind. */
TEST_F(resample, busy)
{
	struct kvm_vm *vm = self->v.vm;
	int i;

	assign_ok(vm, self->fd, GSI_MSI2);
	ASSERT_ERRNO(EBUSY, irqfd_resample(vm, self->fd, GSI_LEVEL, self->resamplefd),
		     "Assign with resample as well");

	/* An interrupt with its EOI, from user space. */
	self->v.guest->stop_before_eoi = 1;
	for (i = 1; i <= 3; i++) {
		kvm_irq_line(vm, GSI_LEVEL, 1);
		assert_runs_to(self->v.vcpu, SYNC_BEFORE_EOI);
		kvm_irq_line(vm, GSI_LEVEL, 0);
		pass(&self->v);
	}
	self->v.guest->stop_before_eoi = 0;

	assert_irqs(&self->v, VECTOR, 3);
	TEST_ASSERT(!take(self->resamplefd),
		    "The resample eventfd of a failed assign was signalled");
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD_RESAMPLE));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SIGNAL_MSI));

	/* Hold a VM throughout, see irqfd_test.c. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
