// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds of a pin that the guest masks before it acknowledges, or whose redirection
 * entry it changes while the interrupt is in service.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <stdint.h>

#include "apic.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "resample.h"

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

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD_RESAMPLE));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SIGNAL_MSI));

	/* Hold a VM throughout, see irq_vm_begin(). */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
