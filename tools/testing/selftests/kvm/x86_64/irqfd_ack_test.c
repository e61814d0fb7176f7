// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds whose acknowledge comes with interrupts off, as from arm64's GIC.  KVM
 * lowers the line and tells each irqfd, which means that it signals its resamplefd.
 * With interrupts off it tells no more than a few, and none if a signal may sleep.
 *
 * Here a module acknowledges with interrupts off, test_modules/irqfd_ack.c.  On
 * PREEMPT_RT the lock that lowering a pin takes may sleep; here it isn't contended, so
 * it doesn't.
 */
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_module.h"
#include "test_util.h"

#include "../test_modules/irqfd_ack.h"

/* KVM doesn't tell MANY with interrupts off, but AT_ONCE: see virt/kvm/irqfd_level.c. */
#define MANY		40
#define AT_ONCE		16

FIXTURE(ack) {
	struct irq_vm v;
	int dev;
	bool rt;
	int fds[MANY];
	int resamplefds[MANY];
};

FIXTURE_SETUP(ack)
{
	struct utsname uts;
	int i;

	self->dev = open("/dev/irqfd_ack", O_RDWR | O_CLOEXEC);
	TEST_REQUIRE(self->dev >= 0);
	TEST_ASSERT(!uname(&uts), "uname(): %s", strerror(errno));
	self->rt = strstr(uts.version, "PREEMPT_RT");
	irq_vm_init(&self->v);
	for (i = 0; i < MANY; i++) {
		self->fds[i] = new_eventfd();
		self->resamplefds[i] = new_eventfd();
	}
}

FIXTURE_TEARDOWN(ack)
{
	int i;

	irq_vm_free(&self->v);
	for (i = 0; i < MANY; i++) {
		close(self->fds[i]);
		close(self->resamplefds[i]);
	}
	close(self->dev);
}

static bool line_is_up(struct irq_vm *v)
{
	return ioapic_state(v->vm).irr & BIT(GSI_LEVEL);
}

/* Returns how many irqfds KVM told before interrupts were on again. */
static int acknowledge(int dev, struct irq_vm *v)
{
	struct irqfd_ack ack = {
		.vm_fd = v->vm->fd,
		.irqchip = KVM_IRQCHIP_IOAPIC,
		.pin = GSI_LEVEL,
	};
	int told = ioctl(dev, IRQFD_ACK_IRQS_OFF, &ack);

	TEST_ASSERT(told >= 0, "IRQFD_ACK_IRQS_OFF: %s", strerror(errno));
	return told;
}

static void raise_line(struct irq_vm *v, int fd)
{
	add(fd, 1);
	WAIT_FOR(line_is_up(v), "Wanted the line up, it is down");
	wait_for_worker(v);
}

/* KVM has told each irqfd once for each of the @rounds acknowledges. */
static void assert_told(int *resamplefds, int nr, uint64_t rounds)
{
	uint64_t told;
	int i;

	for (i = 0; i < nr; i++) {
		told = 0;
		WAIT_FOR((told += take(resamplefds[i])) >= rounds,
			 "Irqfd %d of %d: wanted it told", i, nr);
		TEST_ASSERT(told == rounds, "Irqfd %d of %d: wanted it told %lu times, it was %lu",
			    i, nr, rounds, told);
	}
}

/* KVM tells a few with interrupts off, except on PREEMPT_RT, where a signal may sleep. */
TEST_F(ack, some)
{
	int nr, i, round, told;

	for (nr = 1; nr <= AT_ONCE; nr += AT_ONCE - 1) {
		for (i = 0; i < nr; i++)
			assign_resample_ok(self->v.vm, self->fds[i], GSI_LEVEL,
					   self->resamplefds[i]);
		for (round = 0; round < 5; round++) {
			raise_line(&self->v, self->fds[round % nr]);
			told = acknowledge(self->dev, &self->v);
			TEST_ASSERT(!line_is_up(&self->v), "Acknowledged: wanted the line down");
			TEST_ASSERT(told == (self->rt ? 0 : nr),
				    "Of %d irqfds %d were told with interrupts off", nr, told);
			assert_told(self->resamplefds, nr, 1);
		}
		for (i = 0; i < nr; i++)
			unassign_ok(self->v.vm, self->fds[i], GSI_LEVEL);
	}
}

/*
 * User space chooses how many irqfds there are, so KVM tells many from work.
 *
 * Linux up to 6.12 and later tells any number with interrupts off.
 */
TEST_F(ack, many)
{
	int i, round, told;

	for (i = 0; i < MANY; i++)
		assign_resample_ok(self->v.vm, self->fds[i], GSI_LEVEL, self->resamplefds[i]);
	for (round = 0; round < 5; round++) {
		raise_line(&self->v, self->fds[round]);
		told = acknowledge(self->dev, &self->v);
		TEST_ASSERT(!line_is_up(&self->v), "Acknowledged: wanted the line down");
		TEST_ASSERT(!told, "%d irqfds were told with interrupts off", told);
		assert_told(self->resamplefds, MANY, 1);
	}
}

/* The irqfds end before the work that tells them has run, or while it runs. */
TEST_F(ack, gone)
{
	int i, round;

	for (round = 0; round < 20; round++) {
		for (i = 0; i < MANY; i++)
			assign_resample_ok(self->v.vm, self->fds[i], GSI_LEVEL,
					   self->resamplefds[i]);
		raise_line(&self->v, self->fds[0]);
		acknowledge(self->dev, &self->v);
		if (round & 1) {
			irq_vm_free(&self->v);
			irq_vm_init(&self->v);
			continue;
		}
		for (i = 0; i < MANY; i++)
			unassign_ok(self->v.vm, self->fds[i], GSI_LEVEL);
		for (i = 0; i < MANY; i++)
			take(self->resamplefds[i]);
		add(self->fds[0], 1);
		TEST_ASSERT(take(self->fds[0]) == 1, "Wanted a plain eventfd");
	}
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD_RESAMPLE));
	/* Hold a VM throughout, see irq_vm_begin(). */
	vm_create_with_one_vcpu(&vcpu, NULL);
	__TEST_REQUIRE(load_test_module("irqfd_ack"), "No module irqfd_ack for this kernel");

	return test_harness_run(argc, argv);
}
