// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds whose line is another one's as well: user space's, and that of irqfds
 * without a resample eventfd.  And what becomes of the line when user space sets the state
 * of the IOAPIC or of the PIC.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <stdint.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "resample.h"

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

int main(int argc, char *argv[])
{
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
