// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds: a signal raises the line, the guest's acknowledge lowers it and
 * signals the resample eventfd.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "apic.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define IOAPIC_GPA	0xfec00000ull
#define IOAPIC_SELECT	0x00
#define IOAPIC_WINDOW	0x10
#define IOAPIC_RTE	0x10

#define RTE_LEVEL	BIT(15)
#define RTE_MASKED	BIT(16)

#define PIC_CMD		0x20
#define PIC_IMR		0x21
#define PIC_EOI		0x20

#define LVT0		0x350
#define LVT0_EXTINT	0x700

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

/* A worker injects, and lowers the line after a hang-up, so the test waits. */
static void wait_for_line(struct irq_vm *v, bool up)
{
	WAIT_FOR(line_is_up(v) == up, "Wanted the line %s, it is %s", up ? "up" : "down",
		 up ? "down" : "up");
}

/* Run until the guest has its interrupt and hasn't acknowledged it yet. */
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

/* A device that signals again before the EOI gets one interrupt. */
TEST_F(resample, signal_before_eoi)
{
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);

	add(self->fd, 1);
	wait_for_line(&self->v, true);
	run_into_irq(&self->v);
	add(self->fd, 1);
	wait_for_worker(&self->v);

	pass(&self->v);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* A running guest, and user space as a device that signals again after each EOI. */
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

/* An EOI signals the resample eventfds of all irqfds that share the line. */
TEST_F(resample, shared_line)
{
	int fd = new_eventfd(), resamplefd = new_eventfd();

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	assign_resample_ok(self->v.vm, fd, GSI_LEVEL, resamplefd);

	add(self->fd, 1);
	add(fd, 1);
	/* Both have raised it. */
	wait_for_worker(&self->v);
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

/* An EOI lowers the level irqfds' line; the line that user space has raised stays up. */
TEST_F(resample, line_of_user_space)
{
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);

	kvm_irq_line(self->v.vm, GSI_LEVEL, 1);
	add(self->fd, 1);
	wait_for_worker(&self->v);

	run_into_irq(&self->v);
	run_into_irq(&self->v);
	assert_resampled(self->resamplefd, 1, "After the first EOI");
	TEST_ASSERT(line_is_up(&self->v), "Wanted the line up, user space has raised it");

	kvm_irq_line(self->v.vm, GSI_LEVEL, 0);
	pass(&self->v);
	assert_resampled(self->resamplefd, 1, "After the second EOI");
	TEST_ASSERT(!line_is_up(&self->v), "Wanted the line down, user space has lowered it");
	assert_irqs(&self->v, VECTOR, 2);
}

/*
 * Signal a plain irqfd, which has no resample eventfd, and wait for its worker: when
 * deassign returns, the line has gone up and down.  A vCPU that ran in between would
 * be interrupted again and again.
 */
static void pulse(struct irq_vm *v, int fd)
{
	add(fd, 1);
	unassign_ok(v->vm, fd, GSI_LEVEL);
	assign_ok(v->vm, fd, GSI_LEVEL);
}

/*
 * A plain irqfd lowers only its own line, and neither it nor a level irqfd has to wait
 * after an EOI.
 */
TEST_F(resample, line_of_plain_irqfd)
{
	int fd = new_eventfd(), i;

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	assign_ok(self->v.vm, fd, GSI_LEVEL);

	for (i = 1; i <= 20; i++) {
		add(self->fd, 1);
		wait_for_line(&self->v, true);
		pulse(&self->v, fd);
		TEST_ASSERT(line_is_up(&self->v), "Wanted the line up, the plain one is down");
		kvm_irq_line(self->v.vm, GSI_LEVEL, 1);
		kvm_irq_line(self->v.vm, GSI_LEVEL, 0);
		TEST_ASSERT(line_is_up(&self->v), "Wanted the line up, user space's has gone down");

		assert_irqs(&self->v, VECTOR, i);
		assert_resampled(self->resamplefd, 1, "After EOI");
		TEST_ASSERT(!line_is_up(&self->v), "Wanted the line down");
	}

	/* It interrupts alone as well, and the EOI signals the level irqfd's resamplefd. */
	pulse(&self->v, fd);
	assert_irqs(&self->v, VECTOR, i);
	assert_resampled(self->resamplefd, 1, "After the plain one's EOI");
	close(fd);
}

/* Assign consumes a count that is there before it, and raises the line. */
TEST_F(resample, pending_at_assign)
{
	add(self->fd, 3);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	wait_for_line(&self->v, true);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* Before deassign returns, the line is down and EOIs no longer signal the resamplefd. */
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

/* The eventfd's last close does the same a moment later. */
TEST_F(resample, hangup_lowers_line)
{
	int fd = new_eventfd();

	assign_resample_ok(self->v.vm, fd, GSI_LEVEL, self->resamplefd);
	add(fd, 1);
	wait_for_line(&self->v, true);
	run_into_irq(&self->v);

	close(fd);
	wait_for_line(&self->v, false);

	/* Lowering the line comes last, so EOIs no longer signal the resamplefd. */
	pass(&self->v);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 0, "EOI after the hang-up");

	/* Another irqfd can use the GSI and the resample eventfd. */
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

	/* None of these calls has bound the eventfd. */
	assign_resample_ok(vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* After an assign that fails with EBUSY, EOIs don't signal its resamplefd. */
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

/* The guest's accesses to its interrupt controllers. */

static void ioapic_write(uint32_t offset, uint32_t value)
{
	WRITE_ONCE(*(uint32_t *)(IOAPIC_GPA + offset), value);
}

static void rte_write(uint32_t pin, uint32_t low)
{
	ioapic_write(IOAPIC_SELECT, IOAPIC_RTE + 2 * pin);
	ioapic_write(IOAPIC_WINDOW, low);
}

static void rte_write_dest(uint32_t pin, uint32_t apic)
{
	ioapic_write(IOAPIC_SELECT, IOAPIC_RTE + 2 * pin + 1);
	ioapic_write(IOAPIC_WINDOW, apic << 24);
}

static void pic_write(uint16_t port, uint8_t value)
{
	asm volatile("outb %%al, %%dx" : : "d"(port), "a"(value));
}

static void ioapic_mask_and_ack(void)
{
	rte_write(GSI_LEVEL, VECTOR | RTE_LEVEL | RTE_MASKED);
	x2apic_write_reg(APIC_EOI, 0);
}

static void ioapic_unmask(void)
{
	rte_write(GSI_LEVEL, VECTOR | RTE_LEVEL);
}

static void pic_ack(void)
{
	pic_write(PIC_CMD, PIC_EOI);
}

static void pic_mask_and_ack(void)
{
	pic_write(PIC_IMR, 0xff);
	pic_ack();
}

static void pic_unmask(void)
{
	pic_write(PIC_IMR, (uint8_t)~BIT(GSI_BOTH));
}

static void accept_pic(void)
{
	x2apic_write_reg(LVT0, LVT0_EXTINT);
}

static void do_work(struct irq_vm *v, void (*work)(void))
{
	WRITE_ONCE(v->guest->work, work);
	pass(v);
	WRITE_ONCE(v->guest->work, NULL);
}

static struct kvm_pic_state pic_state(struct kvm_vm *vm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	return chip.chip.pic;
}

static void guest_spurious(struct ex_regs *regs)
{
}

/*
 * Line GSI_BOTH of the PIC, level and not masked, and nothing else.  A PIC whose line goes
 * down before the vCPU takes the vector has a spurious interrupt: its last line's vector,
 * with nothing in service.
 */
static void init_pic(struct irq_vm *v)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	vm_install_exception_handler(v->vm, PIC_VECTOR - GSI_BOTH + 7, guest_spurious);
	vm_ioctl(v->vm, KVM_GET_IRQCHIP, &chip);
	chip.chip.pic.irq_base = PIC_VECTOR - GSI_BOTH;
	chip.chip.pic.elcr = BIT(GSI_BOTH);
	chip.chip.pic.imr = (uint8_t)~BIT(GSI_BOTH);
	vm_ioctl(v->vm, KVM_SET_IRQCHIP, &chip);
	do_work(v, accept_pic);
}

/*
 * A pin that the guest masks before it acknowledges, as Linux does for threaded
 * handlers, and always on the PIC.  The guest serves the device later, and then unmasks
 * the pin.
 */
FIXTURE(masked) {
	struct irq_vm v;
	uint32_t gsi;
	uint8_t vector;
	int fd;
	int resamplefd;
};

FIXTURE_VARIANT(masked) {
	bool pic;
};

FIXTURE_VARIANT_ADD(masked, ioapic) {
	.pic = false,
};

FIXTURE_VARIANT_ADD(masked, pic) {
	.pic = true,
};

FIXTURE_SETUP(masked)
{
	const struct kvm_irq_routing_entry pic = chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER,
							    GSI_BOTH);

	irq_vm_init(&self->v);
	virt_pg_map(self->v.vm, IOAPIC_GPA, IOAPIC_GPA);
	self->gsi = variant->pic ? GSI_BOTH : GSI_LEVEL;
	self->vector = variant->pic ? PIC_VECTOR : VECTOR;
	if (variant->pic) {
		set_routes(self->v.vm, &pic, 1);
		init_pic(&self->v);
	}
	self->fd = new_eventfd();
	self->resamplefd = new_eventfd();
	self->v.guest->ack = variant->pic ? pic_mask_and_ack : ioapic_mask_and_ack;
}

FIXTURE_TEARDOWN(masked)
{
	close(self->fd);
	close(self->resamplefd);
	irq_vm_free(&self->v);
}

static bool gsi_is_up(struct irq_vm *v, uint32_t gsi)
{
	if (gsi == GSI_BOTH)
		return pic_state(v->vm).irr & BIT(GSI_BOTH);
	return line_is_up(v);
}

static void raise_and_wait(struct irq_vm *v, int fd, uint32_t gsi)
{
	add(fd, 1);
	WAIT_FOR(gsi_is_up(v, gsi), "GSI %u: wanted the line up, it is down", gsi);
	/* The PIC sets its IRR first and kicks the vCPU after that. */
	wait_for_worker(v);
}

/*
 * KVM signals the resamplefd when the guest unmasks the pin, and not before (B42).
 *
 * Linux up to 6.12 and later signals it at the acknowledge, so the device interrupts
 * the host once more for each interrupt of the guest.  With the PIC it interrupts the
 * guest once more as well.
 */
TEST_F(masked, told_at_unmask)
{
	void (*unmask)(void) = variant->pic ? pic_unmask : ioapic_unmask;
	int i;

	assign_resample_ok(self->v.vm, self->fd, self->gsi, self->resamplefd);

	for (i = 1; i <= 20; i++) {
		raise_and_wait(&self->v, self->fd, self->gsi);
		assert_irqs(&self->v, self->vector, i);
		assert_resampled(self->resamplefd, 0, "Acknowledged while masked");

		do_work(&self->v, unmask);
		assert_resampled(self->resamplefd, 1, "Unmasked");
		assert_irqs(&self->v, self->vector, i);
		assert_resampled(self->resamplefd, 0, "Later");
		TEST_ASSERT(!gsi_is_up(&self->v, self->gsi), "Wanted the line down");
	}
}

/* A device that still wants service interrupts again, once. */
TEST_F(masked, wants_service)
{
	assign_resample_ok(self->v.vm, self->fd, self->gsi, self->resamplefd);

	raise_and_wait(&self->v, self->fd, self->gsi);
	assert_irqs(&self->v, self->vector, 1);
	do_work(&self->v, variant->pic ? pic_unmask : ioapic_unmask);
	assert_resampled(self->resamplefd, 1, "Unmasked");

	raise_and_wait(&self->v, self->fd, self->gsi);
	assert_irqs(&self->v, self->vector, 2);
	assert_resampled(self->resamplefd, 0, "Masked again");
	do_work(&self->v, variant->pic ? pic_unmask : ioapic_unmask);
	assert_resampled(self->resamplefd, 1, "Unmasked again");
	assert_irqs(&self->v, self->vector, 2);
}

/*
 * A raise of user space interrupts when the pin is unmasked, though KVM takes back what
 * the level irqfds have raised.
 *
 * Linux up to 6.12 and later loses user space's raise on the IOAPIC.
 */
TEST_F(masked, shared_with_user_space)
{
	assign_resample_ok(self->v.vm, self->fd, self->gsi, self->resamplefd);

	raise_and_wait(&self->v, self->fd, self->gsi);
	assert_irqs(&self->v, self->vector, 1);
	kvm_irq_line(self->v.vm, self->gsi, 1);
	assert_irqs(&self->v, self->vector, 1);

	do_work(&self->v, variant->pic ? pic_unmask : ioapic_unmask);
	assert_resampled(self->resamplefd, 1, "Unmasked");
	assert_irqs(&self->v, self->vector, 2);
	TEST_ASSERT(gsi_is_up(&self->v, self->gsi), "Wanted the line up, user space holds it");

	kvm_irq_line(self->v.vm, self->gsi, 0);
	do_work(&self->v, variant->pic ? pic_unmask : ioapic_unmask);
	assert_irqs(&self->v, self->vector, 2);
}

/* A raise while the pin is masked and not in service. */
TEST_F(masked, raised_while_masked)
{
	assign_resample_ok(self->v.vm, self->fd, self->gsi, self->resamplefd);
	raise_and_wait(&self->v, self->fd, self->gsi);
	assert_irqs(&self->v, self->vector, 1);
	do_work(&self->v, variant->pic ? pic_mask_and_ack : ioapic_mask_and_ack);
	take(self->resamplefd);

	add(self->fd, 1);
	wait_for_worker(&self->v);
	assert_irqs(&self->v, self->vector, 1);
	do_work(&self->v, variant->pic ? pic_unmask : ioapic_unmask);
	assert_resampled(self->resamplefd, 1, "Unmasked");
	assert_irqs(&self->v, self->vector, 1);
}

/* Deassigned while its acknowledge waits for the unmask: the line is down. */
TEST_F(masked, deassigned)
{
	assign_resample_ok(self->v.vm, self->fd, self->gsi, self->resamplefd);
	raise_and_wait(&self->v, self->fd, self->gsi);
	assert_irqs(&self->v, self->vector, 1);
	unassign_ok(self->v.vm, self->fd, self->gsi);
	TEST_ASSERT(!gsi_is_up(&self->v, self->gsi), "Wanted the line down");
	do_work(&self->v, variant->pic ? pic_unmask : ioapic_unmask);
	assert_irqs(&self->v, self->vector, 1);
	assert_resampled(self->resamplefd, 0, "Unmasked");
}

/* A handler that doesn't mask the PIC's line. */
TEST_F(masked, pic_not_masked)
{
	int i;

	if (!variant->pic)
		SKIP(return, "Only for the PIC");

	self->v.guest->ack = pic_ack;
	assign_resample_ok(self->v.vm, self->fd, self->gsi, self->resamplefd);
	for (i = 1; i <= 20; i++) {
		raise_and_wait(&self->v, self->fd, self->gsi);
		run_into_irq(&self->v);
		assert_resampled(self->resamplefd, 0, "Before EOI");
		pass(&self->v);
		assert_resampled(self->resamplefd, 1, "After EOI");
		TEST_ASSERT(!gsi_is_up(&self->v, self->gsi), "Wanted the line down");
		assert_irqs(&self->v, self->vector, i);
	}
}

/* A redirection entry that changes while its interrupt is in service. */
static void change_vector_and_ack(void)
{
	rte_write(GSI_LEVEL, VECTOR2 | RTE_LEVEL);
	x2apic_write_reg(APIC_EOI, 0);
}

static void change_dest_and_ack(void)
{
	rte_write_dest(GSI_LEVEL, 5);
	x2apic_write_reg(APIC_EOI, 0);
}

static void change_dest_back(void)
{
	rte_write_dest(GSI_LEVEL, 0);
}

/*
 * The pin's EOI is that of the vector that was sent (B43).
 *
 * Linux up to 6.12 and later waits for an EOI of the new vector.  It never comes, so
 * the pin never interrupts again.
 */
TEST_F(resample, vector_changed_in_service)
{
	int i;

	virt_pg_map(self->v.vm, IOAPIC_GPA, IOAPIC_GPA);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	self->v.guest->ack = change_vector_and_ack;
	add(self->fd, 1);
	wait_for_irqs(&self->v, VECTOR, 1);
	TEST_ASSERT(!in_service(&self->v), "After EOI: wanted it not in service");
	assert_resampled(self->resamplefd, 1, "After EOI");

	self->v.guest->ack = NULL;
	for (i = 1; i <= 5; i++) {
		add(self->fd, 1);
		assert_irqs(&self->v, VECTOR2, i);
		assert_resampled(self->resamplefd, 1, "With the new vector");
	}
	assert_irqs(&self->v, VECTOR, 1);
}

/* The EOI comes from the vCPU that the interrupt was sent to. */
TEST_F(resample, dest_changed_in_service)
{
	virt_pg_map(self->v.vm, IOAPIC_GPA, IOAPIC_GPA);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	self->v.guest->ack = change_dest_and_ack;
	add(self->fd, 1);
	wait_for_irqs(&self->v, VECTOR, 1);
	TEST_ASSERT(!in_service(&self->v), "After EOI: wanted it not in service");
	assert_resampled(self->resamplefd, 1, "After EOI");

	self->v.guest->ack = NULL;
	do_work(&self->v, change_dest_back);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 2);
	assert_resampled(self->resamplefd, 1, "After the second EOI");
}

/*
 * The GSI loses its route and gets it back while a device interrupts.  A raise in
 * between goes by one of the two tables or waits for a route.  If KVM loses a raise, the
 * device waits for its resamplefd for ever.
 */
TEST_F_TIMEOUT(resample, rerouted_under_raises, 120)
{
	uint64_t before = 0, told;
	struct busy_device d;
	int i, n = rounds(1000);

	start_vcpu(&self->v);
	start_device(&d, &self->v, GSI_LEVEL);
	for (i = 1; i <= n; i++) {
		set_msi_route(self->v.vm, VECTOR2);
		set_default_routes(self->v.vm);
		WAIT_FOR((told = READ_ONCE(d.told), told != before),
			 "The GSI is dead after %d tables and %lu interrupts", i, before);
		before = told;
	}
	stop_device(&d);
	stop_vcpu(&self->v);
}

/*
 * The four-step race of the proposal for level irqfds ("OADN", 2012): an old irqfd
 * leaves the GSI, a new one comes, an acknowledge lowers the line and signals the new
 * one's resamplefd, and the new one raises the line again.  Then an acknowledge that
 * began with the old irqfd lowers the line once more and signals no resamplefd.
 *
 * Here the steps race at random; irqfd_order_test forces each order.  The new one's
 * device waits for its resamplefd before it signals again, so a lost raise stops it for
 * good.
 */
struct four_steps {
	struct irq_vm *v;
	bool stop;
	uint64_t rounds;
	pthread_t thread;
};

static void *come_and_go(void *arg)
{
	struct four_steps *f = arg;
	int fd, resamplefd;

	while (!READ_ONCE(f->stop)) {
		fd = new_eventfd();
		resamplefd = new_eventfd();
		assign_resample_ok(f->v->vm, fd, GSI_LEVEL, resamplefd);
		add(fd, 1);
		/* End before the guest's acknowledge, during it, or after it. */
		usleep(f->rounds % 16 * 100);
		/* End by DEASSIGN and by hang-up in turn. */
		if (f->rounds++ & 1)
			unassign_ok(f->v->vm, fd, GSI_LEVEL);
		close(fd);
		close(resamplefd);
	}
	return NULL;
}

static unsigned int race_seconds(void)
{
	const char *text = getenv("RACE_SECONDS");

	return text ? atoi(text) : 5;
}

TEST_F_TIMEOUT(resample, four_step_race, 120)
{
	struct four_steps f = { .v = &self->v };
	uint64_t told = 0, before;
	time_t end;

	TEST_ASSERT(!pthread_create(&f.thread, NULL, come_and_go, &f), "pthread_create() failed");
	start_vcpu(&self->v);

	for (end = now() + race_seconds(); now() < end;) {
		assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
		/* Signal once for each signal of the resamplefd, needed or not. */
		for (before = told; told <= before + before % 3; told++) {
			add(self->fd, 1);
			WAIT_FOR(take(self->resamplefd),
				 "After %lu rounds: a raise was swallowed", told);
		}
		unassign_ok(self->v.vm, self->fd, GSI_LEVEL);
		take(self->resamplefd);
	}

	WRITE_ONCE(f.stop, true);
	TEST_ASSERT(!pthread_join(f.thread, NULL), "pthread_join() failed");
	stop_vcpu(&self->v);
	ksft_print_msg("Told %lu times, while %lu others came and went; %lu interrupts\n", told,
		       f.rounds, irqs(&self->v, VECTOR));
	TEST_ASSERT(told > 20 && f.rounds > 20, "Wanted a race, got %lu and %lu rounds", told,
		    f.rounds);

	/* The line works as before. */
	wait_for_line(&self->v, false);
	before = irqs(&self->v, VECTOR);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, before + 1);
	/* There may be more signals than one: the last hang-up may have signalled, too. */
	TEST_ASSERT(take(self->resamplefd), "Afterwards: wanted it told");
}

/* Two devices on one line, a thread each: a resamplefd signal follows each of theirs. */
struct sharer {
	struct irq_vm *v;
	int fd;
	int resamplefd;
	uint64_t rounds;
	time_t end;
	pthread_t thread;
};

static void *signal_and_wait(void *arg)
{
	struct sharer *s = arg;

	for (; now() < s->end; s->rounds++) {
		take(s->resamplefd);
		add(s->fd, 1);
		WAIT_FOR(take(s->resamplefd), "After %lu rounds: a raise was swallowed",
			 s->rounds);
	}
	return NULL;
}

TEST_F_TIMEOUT(resample, shared_race, 120)
{
	struct sharer s[2];
	uint64_t user = 0;
	int i;

	for (i = 0; i < 2; i++) {
		s[i] = (struct sharer) {
			.v = &self->v,
			.fd = new_eventfd(),
			.resamplefd = new_eventfd(),
			.end = now() + race_seconds(),
		};
		assign_resample_ok(self->v.vm, s[i].fd, GSI_LEVEL, s[i].resamplefd);
	}
	start_vcpu(&self->v);
	for (i = 0; i < 2; i++)
		TEST_ASSERT(!pthread_create(&s[i].thread, NULL, signal_and_wait, &s[i]),
			    "pthread_create() failed");

	/* Meanwhile user space raises and lowers its own line. */
	for (; now() < s[0].end; user++) {
		kvm_irq_line(self->v.vm, GSI_LEVEL, 1);
		kvm_irq_line(self->v.vm, GSI_LEVEL, 0);
		usleep(POLL_USEC);
	}
	for (i = 0; i < 2; i++) {
		TEST_ASSERT(!pthread_join(s[i].thread, NULL), "pthread_join() failed");
		TEST_ASSERT(s[i].rounds > 20, "Wanted a race, got %lu rounds", s[i].rounds);
	}
	stop_vcpu(&self->v);
	ksft_print_msg("%lu and %lu rounds, user space %lu; %lu interrupts\n", s[0].rounds,
		       s[1].rounds, user, irqs(&self->v, VECTOR));

	pass(&self->v);
	TEST_ASSERT(!line_is_up(&self->v), "Wanted the line down after the race");
	for (i = 0; i < 2; i++) {
		close(s[i].fd);
		close(s[i].resamplefd);
	}
}

/* Deassign lowers what the irqfd has raised, though another one shares the line. */
TEST_F(resample, shared_deassign)
{
	int fd = new_eventfd(), resamplefd = new_eventfd();

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	assign_resample_ok(self->v.vm, fd, GSI_LEVEL, resamplefd);
	add(self->fd, 1);
	wait_for_line(&self->v, true);

	unassign_ok(self->v.vm, self->fd, GSI_LEVEL);
	TEST_ASSERT(!line_is_up(&self->v), "Wanted the line down, its irqfd was deassigned");
	/* The raise might have been the other one's. */
	assert_resampled(resamplefd, 1, "The one that is left");

	add(fd, 1);
	wait_for_irqs(&self->v, VECTOR, 1);
	close(fd);
	close(resamplefd);
}

/* The guest's own program: counts with interrupts on until stop_counting(). */
static uint64_t guest_progress;
static uint32_t guest_counts;

static void count_on(void)
{
	asm volatile("sti");
	while (READ_ONCE(guest_counts))
		WRITE_ONCE(guest_progress, guest_progress + 1);
	asm volatile("cli");
}

static void start_counting(struct irq_vm *v)
{
	guest_counts = 1;
	sync_global_to_guest(v->vm, guest_counts);
	WRITE_ONCE(v->guest->work, count_on);
	start_vcpu(v);
}

static uint64_t progress(struct irq_vm *v)
{
	return READ_ONCE(*(uint64_t *)addr_gva2hva(v->vm, (vm_vaddr_t)&guest_progress));
}

static void stop_counting(struct irq_vm *v)
{
	guest_counts = 0;
	sync_global_to_guest(v->vm, guest_counts);
	WRITE_ONCE(v->guest->work, NULL);
	stop_vcpu(v);
}

/*
 * Irqfds whose resamplefd is their own eventfd, or each other's (B41, B48), so that each
 * acknowledge raises the line again.  They interrupt again and again, and KVM must not
 * recurse.  The guest may make no progress, as with any device that is broken so; the
 * host must make progress.
 */
struct storm {
	struct irq_vm v;
	int fds[2];
	pthread_t thread;
	uint64_t kicks;
	bool stop;
};

FIXTURE(storm) {
	struct storm s;
};

FIXTURE_VARIANT(storm) {
	uint32_t gsi;
	uint8_t vector;
	bool two;
};

FIXTURE_VARIANT_ADD(storm, ioapic) {
	.gsi = GSI_LEVEL, .vector = VECTOR, .two = false,
};

FIXTURE_VARIANT_ADD(storm, ioapic_two) {
	.gsi = GSI_LEVEL, .vector = VECTOR, .two = true,
};

FIXTURE_VARIANT_ADD(storm, pic) {
	.gsi = GSI_BOTH, .vector = PIC_VECTOR, .two = false,
};

FIXTURE_SETUP(storm)
{
	const struct kvm_irq_routing_entry pic = chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER,
							    GSI_BOTH);

	irq_vm_init(&self->s.v);
	if (variant->gsi == GSI_BOTH) {
		set_routes(self->s.v.vm, &pic, 1);
		init_pic(&self->s.v);
		self->s.v.guest->ack = pic_ack;
	}
	self->s.fds[0] = new_eventfd();
	self->s.fds[1] = new_eventfd();
}

FIXTURE_TEARDOWN(storm)
{
	close(self->s.fds[0]);
	close(self->s.fds[1]);
	irq_vm_free(&self->s.v);
}

static void interrupted(int signal)
{
}

/* The vCPU's thread: a signal ends KVM_RUN. */
static void *run_until_stopped(void *arg)
{
	struct storm *s = arg;
	struct kvm_run *run = s->v.vcpu->run;
	struct ucall uc;

	do {
		if (__vcpu_run(s->v.vcpu)) {
			TEST_ASSERT(errno == EINTR, KVM_IOCTL_ERROR(KVM_RUN, -1));
			WRITE_ONCE(s->kicks, s->kicks + 1);
		} else {
			if (get_ucall(s->v.vcpu, &uc) == UCALL_ABORT)
				REPORT_GUEST_ASSERT(uc);
			TEST_ASSERT(run->exit_reason == KVM_EXIT_IOAPIC_EOI,
				    "Unexpected exit %u (%s)", run->exit_reason,
				    exit_reason_str(run->exit_reason));
		}
	} while (!READ_ONCE(s->stop));
	return NULL;
}

static uint64_t usec_since(struct timespec begin)
{
	return timespec_to_ns(timespec_elapsed(begin)) / 1000;
}

/* The longest of @nr sleeps of a millisecond, in us. */
static uint64_t worst_nap(int nr)
{
	uint64_t worst = 0, took;
	struct timespec begin;

	while (nr--) {
		clock_gettime(CLOCK_MONOTONIC, &begin);
		usleep(1000);
		took = usec_since(begin);
		worst = took > worst ? took : worst;
	}
	return worst;
}

/* The longest of @nr times from a signal to the return of KVM_RUN, in us. */
static uint64_t worst_kick(struct storm *s, int nr)
{
	uint64_t worst = 0, took, before;
	struct timespec begin;

	while (nr--) {
		before = READ_ONCE(s->kicks);
		clock_gettime(CLOCK_MONOTONIC, &begin);
		/* Signal repeatedly: the thread may be outside of KVM_RUN at first. */
		WAIT_FOR((pthread_kill(s->thread, SIGUSR1), READ_ONCE(s->kicks) != before),
			 "A signal doesn't stop the vCPU");
		took = usec_since(begin);
		worst = took > worst ? took : worst;
	}
	return worst;
}

/* Print the guest's interrupts and progress, and how long the host lets a task wait. */
static void measure(struct storm *s, uint8_t vector, const char *what)
{
	uint64_t seen = irqs(&s->v, vector), done = progress(&s->v), nap;
	struct timespec begin;
	double sec;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	nap = worst_nap(500);
	seen = irqs(&s->v, vector) - seen;
	done = progress(&s->v) - done;
	sec = usec_since(begin) / 1e6;
	ksft_print_msg("%s: in a second %.0f interrupts, the guest counts to %.0f\n", what,
		       seen / sec, done / sec);
	ksft_print_msg("%s: 1000 us of sleep take up to %lu us, a kick %lu us\n", what, nap,
		       worst_kick(s, 20));
}

TEST_F_TIMEOUT(storm, host_goes_on, 120)
{
	struct storm *s = &self->s;
	struct irq_vm *v = &s->v;
	uint64_t seen;

	signal(SIGUSR1, interrupted);
	assign_resample_ok(v->vm, s->fds[0], variant->gsi, s->fds[variant->two]);
	if (variant->two)
		assign_resample_ok(v->vm, s->fds[1], GSI_IOAPIC, s->fds[0]);
	guest_counts = 1;
	sync_global_to_guest(v->vm, guest_counts);
	WRITE_ONCE(v->guest->work, count_on);
	TEST_ASSERT(!pthread_create(&s->thread, NULL, run_until_stopped, s),
		    "pthread_create() failed");
	measure(s, variant->vector, "Idle");

	add(s->fds[0], 1);
	wait_for_running(v, variant->vector, 100);
	measure(s, variant->vector, "Storm");
	kvm_irq_line(v->vm, variant->gsi, 1);
	measure(s, variant->vector, "Held up as well");
	kvm_irq_line(v->vm, variant->gsi, 0);

	unassign_ok(v->vm, s->fds[0], variant->gsi);
	if (variant->two)
		unassign_ok(v->vm, s->fds[1], GSI_IOAPIC);
	usleep(SETTLE_PASSES * SETTLE_USEC);
	seen = irqs(v, variant->vector);
	worst_nap(100);
	TEST_ASSERT(irqs(v, variant->vector) <= seen + 1, "Deassigned, it still interrupts");

	WRITE_ONCE(s->stop, true);
	WAIT_FOR((pthread_kill(s->thread, SIGUSR1), !pthread_tryjoin_np(s->thread, NULL)),
		 "A signal doesn't stop the vCPU");
}

/*
 * The line goes down after the vCPU has seen that the PIC has an interrupt, and before
 * it takes the vector.  KVM injects nothing then and must not warn; the lab checks the
 * kernel's log.
 *
 * Linux up to 6.12 and later warns (WARN_ON_ONCE() in kvm_check_and_inject_events()).
 */
TEST_F_TIMEOUT(resample, pic_lowered_late, 120)
{
	const struct kvm_irq_routing_entry route = chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER,
							      GSI_BOTH);
	int i, j;

	set_routes(self->v.vm, &route, 1);
	init_pic(&self->v);
	self->v.guest->ack = pic_ack;
	start_counting(&self->v);
	for (i = 0; i < rounds(20000); i++) {
		kvm_irq_line(self->v.vm, GSI_BOTH, 1);
		/* The delay varies, so that some rounds hit the moment on any machine. */
		for (j = i * 37 % 4096; j; j--)
			cpu_relax();
		kvm_irq_line(self->v.vm, GSI_BOTH, 0);
	}
	stop_counting(&self->v);
	TEST_ASSERT(irqs(&self->v, PIC_VECTOR), "No interrupt was taken");
}

/*
 * However busy a device is that signals after each signal of its resamplefd, from a
 * thread of its own: the guest's program makes progress.
 */
TEST_F_TIMEOUT(resample, busy_device, 170)
{
	struct pollfd told = { .fd = self->resamplefd, .events = POLLIN };
	const int nr = rounds(20000);
	uint64_t done;
	int i;

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	start_counting(&self->v);
	done = progress(&self->v);
	for (i = 0; i < nr; i++) {
		add(self->fd, 1);
		TEST_ASSERT(poll(&told, 1, WAIT_SEC * 1000) == 1,
			    "After %d rounds: wanted it told, it is not", i);
		take(self->resamplefd);
	}
	done = progress(&self->v) - done;
	stop_counting(&self->v);

	TEST_ASSERT(irqs(&self->v, VECTOR) == nr, "Wanted %d interrupts, got %lu", nr,
		    irqs(&self->v, VECTOR));
	TEST_ASSERT(done > nr, "The guest has counted to %lu only", done);
}

/* A raise without a route waits for one. */
TEST_F(resample, no_route)
{
	set_routes(self->v.vm, NULL, 0);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	wait_for_worker(&self->v);
	assert_resampled(self->resamplefd, 0, "Without a route");

	set_default_routes(self->v.vm);
	assert_resampled(self->resamplefd, 1, "With a route");
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/*
 * User space sets a state in which the line is down: KVM signals the resamplefd of the
 * irqfd that has raised it.
 *
 * Linux up to 6.12 and later doesn't, and the device waits for ever.
 */
TEST_F(resample, state_restored)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	vm_ioctl(self->v.vm, KVM_GET_IRQCHIP, &chip);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	chip.chip.ioapic.redirtbl[GSI_LEVEL].fields.mask = 1;
	vm_ioctl(self->v.vm, KVM_SET_IRQCHIP, &chip);
	add(self->fd, 1);
	wait_for_line(&self->v, true);

	chip.chip.ioapic.redirtbl[GSI_LEVEL].fields.mask = 0;
	vm_ioctl(self->v.vm, KVM_SET_IRQCHIP, &chip);
	assert_resampled(self->resamplefd, 1, "State restored");
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/*
 * The same with the PIC.
 *
 * Linux up to 6.12 and later doesn't signal the resamplefd, either.
 */
TEST_F(resample, pic_state_restored)
{
	const struct kvm_irq_routing_entry route = chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER,
							      GSI_BOTH);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };
	int level;

	set_routes(self->v.vm, &route, 1);
	init_pic(&self->v);
	self->v.guest->ack = pic_ack;
	assign_resample_ok(self->v.vm, self->fd, GSI_BOTH, self->resamplefd);

	for (level = 1; level >= 0; level--) {
		vm_ioctl(self->v.vm, KVM_GET_IRQCHIP, &chip);
		chip.chip.pic.elcr = level ? BIT(GSI_BOTH) : 0;
		vm_ioctl(self->v.vm, KVM_SET_IRQCHIP, &chip);
		assert_resampled(self->resamplefd, 0, "With nothing raised");

		add(self->fd, 1);
		WAIT_FOR(pic_state(self->v.vm).irr & BIT(GSI_BOTH),
			 "Wanted the line up, it is down");
		vm_ioctl(self->v.vm, KVM_SET_IRQCHIP, &chip);
		assert_resampled(self->resamplefd, 1, "State restored");

		add(self->fd, 1);
		WAIT_FOR(pic_state(self->v.vm).irr & BIT(GSI_BOTH),
			 "Wanted the line up again, it is down");
		/* A state that has it up changes nothing. */
		vm_ioctl(self->v.vm, KVM_GET_IRQCHIP, &chip);
		vm_ioctl(self->v.vm, KVM_SET_IRQCHIP, &chip);
		assert_resampled(self->resamplefd, 0, "State with the line up restored");
		wait_for_worker(&self->v);
		assert_irqs(&self->v, PIC_VECTOR, 2 - level);
		assert_resampled(self->resamplefd, 1, "After EOI");
	}
}

/* A VM closes with many lines up and one in service, while a thread closes eventfds. */
static void *close_half(void *arg)
{
	int *fds = arg, i;

	for (i = 0; i < 256; i += 2)
		close(fds[i]);
	return NULL;
}

TEST(closed_with_lines_up)
{
	int fds[256], resamplefds[256], i, round;
	struct irq_vm v;
	pthread_t thread;

	for (round = 0; round < 5; round++) {
		irq_vm_init(&v);
		for (i = 0; i < 256; i++) {
			fds[i] = new_eventfd();
			resamplefds[i] = new_eventfd();
			assign_resample_ok(v.vm, fds[i], i & 2 ? GSI_LEVEL : i, resamplefds[i]);
			add(fds[i], 1);
		}
		wait_for_line(&v, true);
		run_into_irq(&v);

		TEST_ASSERT(!pthread_create(&thread, NULL, close_half, fds),
			    "pthread_create() failed");
		irq_vm_free(&v);
		TEST_ASSERT(!pthread_join(thread, NULL), "pthread_join() failed");
		for (i = 0; i < 256; i++) {
			if (i & 1) {
				take(fds[i]);
				add(fds[i], 2);
				TEST_ASSERT(take(fds[i]) == 2, "Wanted a plain eventfd");
				close(fds[i]);
			}
			close(resamplefds[i]);
		}
	}
}

/*
 * The tracer counts this thread's calls of the functions that wait for a grace
 * period.
 */
#define TRACING		"/sys/kernel/tracing/"
#define COUNTER		TRACING "instances/irqfd_level/"

static const char * const waiting[] = {
	"synchronize_srcu", "synchronize_srcu_expedited", "synchronize_rcu",
	"synchronize_rcu_expedited", "srcu_barrier", "rcu_barrier",
};

static bool count_waits(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(waiting); i++)
		if (!tell_kernel(TRACING "kprobe_events", O_APPEND, "p:irqfd_level/%s %s\n",
				 waiting[i], waiting[i]))
			return false;
	return !mkdir(COUNTER, 0700) &&
	       tell_kernel(COUNTER "events/irqfd_level/filter", 0, "common_pid == %d", getpid()) &&
	       tell_kernel(COUNTER "events/irqfd_level/enable", 0, "1");
}

static void count_no_more(void)
{
	int i;

	tell_kernel(COUNTER "events/enable", 0, "0");
	rmdir(COUNTER);
	for (i = 0; i < ARRAY_SIZE(waiting); i++)
		tell_kernel(TRACING "kprobe_events", O_APPEND, "-:irqfd_level/%s\n", waiting[i]);
}

/* How many calls there were since the last waits(). */
static int waits(void)
{
	char line[256];
	int count = 0;
	FILE *trace;

	trace = fopen(COUNTER "trace", "r");
	TEST_ASSERT(trace, "No trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), trace))
		count += line[0] != '#';
	fclose(trace);
	ASSERT_TOLD(COUNTER "trace", O_TRUNC, "\n");
	return count;
}

/* Waits in the close of a VM that has @nr level irqfds on @nr_gsis GSIs. */
static int waits_of_close(int nr, int nr_gsis)
{
	int fds[256], resamplefd = new_eventfd(), i, count;
	struct irq_vm v;

	irq_vm_init(&v);
	waits();
	for (i = 0; i < nr; i++) {
		fds[i] = new_eventfd();
		assign_resample_ok(v.vm, fds[i], i % nr_gsis, resamplefd);
	}
	count = waits();
	TEST_ASSERT(!count, "%d assigns have waited for %d grace periods", nr, count);
	irq_vm_free(&v);
	count = waits();
	for (i = 0; i < nr; i++)
		close(fds[i]);
	close(resamplefd);
	return count;
}

/*
 * An assign waits for no grace period, a deassign for one.  A VM's close waits for one
 * at most, however many irqfds the VM has.
 *
 * In Linux up to 6.12, and later, an assign waits too, and a close for each irqfd.
 */
TEST(grace_periods)
{
	int fd = new_eventfd(), resamplefd = new_eventfd(), none, one, many;
	struct irq_vm v;

	if (!count_waits()) {
		count_no_more();
		SKIP(return, "No tracer to count with");
	}

	irq_vm_init(&v);
	waits();
	assign_resample_ok(v.vm, fd, GSI_LEVEL, resamplefd);
	TEST_ASSERT(!waits(), "An assign has waited");
	unassign_ok(v.vm, fd, GSI_LEVEL);
	one = waits();
	TEST_ASSERT(one == 1, "Wanted a deassign to wait once, it has %d times", one);
	irq_vm_free(&v);

	none = waits_of_close(0, 1);
	one = waits_of_close(1, 1);
	many = waits_of_close(256, 128);
	count_no_more();
	ksft_print_msg("A close waits %d times, with an irqfd %d times, with 256 %d times\n", none,
		       one, many);
	TEST_ASSERT(none > 0, "Nothing has been counted");
	TEST_ASSERT(one <= none + 1 && many == one,
		    "A close waits %d times, with an irqfd %d times, with 256 %d times", none, one,
		    many);
	close(fd);
	close(resamplefd);
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
