// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfds whose GSI's routes change between what x86 has: MSIs, pins of the IOAPIC and of
 * the PIC, and destinations of x2APICs.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <stdint.h>

#include "apic.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "irqfd_vm.h"

/* From each kind of route to each other one, with the same GSI and eventfd. */
TEST_F(vm, route_kinds)
{
	const struct kvm_irq_routing_entry msi = msi_route(GSI_MSI, VECTOR2);
	const struct kvm_irq_routing_entry chips[] = {
		chip_route(GSI_MSI, KVM_IRQCHIP_IOAPIC, GSI_BOTH),
		chip_route(GSI_MSI, KVM_IRQCHIP_PIC_MASTER, GSI_BOTH),
	};
	enum { NONE, MSI, IOAPIC, BOTH };
	/* Each after each. */
	static const int kinds[] = { MSI, IOAPIC, MSI, BOTH, MSI, NONE, IOAPIC, BOTH, IOAPIC,
				     NONE, BOTH, NONE, MSI };
	uint64_t seen = 0, seen_msi = 0;
	int i;

	assign_ok(self->v.vm, self->fd, GSI_MSI);

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		switch (kinds[i]) {
		case NONE:
			set_routes(self->v.vm, NULL, 0);
			break;
		case MSI:
			set_routes(self->v.vm, &msi, 1);
			seen_msi++;
			break;
		case IOAPIC:
			set_routes(self->v.vm, chips, 1);
			seen++;
			break;
		case BOTH:
			set_routes(self->v.vm, chips, 2);
			seen++;
			break;
		}

		/* Without a route a signal would be dropped. */
		if (kinds[i] == NONE)
			continue;

		add(self->fd, 1);
		wait_for_irqs(&self->v, VECTOR2, seen_msi);
		wait_for_irqs(&self->v, VECTOR, seen);
		/* Wait until the line is down as well: see route_change_within_edge. */
		wait_for_worker(&self->v);
	}

	assert_irqs(&self->v, VECTOR2, seen_msi);
	assert_irqs(&self->v, VECTOR, seen);
}

/*
 * An irqfd raises and lowers only the irqfds' line.
 *
 * Linux up to 6.12 and later lowers the line that user space has raised.
 */
TEST_F(vm, level_of_user_space)
{
	const uint32_t mask = 1u << GSI_LEVEL;
	int i;

	assign_ok(self->v.vm, self->fd, GSI_LEVEL);
	kvm_irq_line(self->v.vm, GSI_LEVEL, 1);

	for (i = 0; i < SETTLE_PASSES; i++) {
		add(self->fd, 1);
		usleep(SETTLE_USEC);
		TEST_ASSERT(ioapic_state(self->v.vm).irr & mask,
			    "Wanted the line up, user space holds it");
	}

	kvm_irq_line(self->v.vm, GSI_LEVEL, 0);
	TEST_ASSERT(!(ioapic_state(self->v.vm).irr & mask), "Wanted the line down");
	unassign_ok(self->v.vm, self->fd, GSI_LEVEL);
}

/* A vCPU that is never run; its local APIC is in x2APIC mode and enabled. */
static struct kvm_vcpu *add_x2apic_vcpu(struct kvm_vm *vm, uint32_t id)
{
	struct kvm_vcpu *vcpu = __vm_vcpu_add(vm, id);
	struct kvm_lapic_state lapic;

	vcpu_init_cpuid(vcpu, kvm_get_supported_cpuid());
	vcpu_set_msr(vcpu, MSR_IA32_APICBASE,
		     APIC_DEFAULT_GPA | MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE);
	vcpu_ioctl(vcpu, KVM_GET_LAPIC, &lapic);
	lapic.regs[APIC_SPIV + 1] |= APIC_SPIV_APIC_ENABLED >> 8;
	vcpu_ioctl(vcpu, KVM_SET_LAPIC, &lapic);
	return vcpu;
}

static bool vcpu_has_pending(struct kvm_vcpu *vcpu, uint8_t vector)
{
	struct irq_vm v = { .vcpu = vcpu };

	return irq_is_pending(&v, vector);
}

/*
 * With a split irqchip, and a destination of more than 8 bits, which KVM uses once
 * KVM_CAP_X2APIC_API is enabled.  An irqfd that has injected before that must use it,
 * too.
 */
TEST_F(vm, split_x2apic)
{
	struct kvm_irq_routing_entry routes[] = {
		msi_route(GSI_MSI, VECTOR), msi_route(GSI_MSI2, VECTOR2),
	};
	struct kvm_vm *vm = vm_create_barebones();
	int fd = new_eventfd();
	struct kvm_vcpu *low, *high;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SPLIT_IRQCHIP));
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X2APIC_API));
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_MAX_VCPU_ID) > 300);
	vm_enable_cap(vm, KVM_CAP_SPLIT_IRQCHIP, 24);
	low = add_x2apic_vcpu(vm, 300 & 0xff);

	/* 300: bits 0 to 7 in the address, the others in its upper half. */
	routes[1].u.msi.address_lo |= (300 & 0xff) << 12;
	routes[1].u.msi.address_hi = 300 & ~0xff;
	set_routes(vm, routes, 2);
	assign_ok(vm, self->fd, GSI_MSI);
	assign_ok(vm, fd, GSI_MSI2);

	/* No vCPU has id 0; without the capability KVM ignores the upper half. */
	add(self->fd, 1);
	TEST_ASSERT(!vcpu_has_pending(low, VECTOR), "An MSI for id 0 went to id %u", low->id);
	add(fd, 1);
	TEST_ASSERT(vcpu_has_pending(low, VECTOR2), "The MSI hasn't gone to id %u", low->id);

	vm_enable_cap(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS);
	high = add_x2apic_vcpu(vm, 300);
	add(fd, 1);
	TEST_ASSERT(vcpu_has_pending(high, VECTOR2), "The MSI hasn't gone to id 300");
	TEST_ASSERT(!take(fd), "Wanted the count to be gone");

	kvm_vm_free(vm);
	close(fd);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
