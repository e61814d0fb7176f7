// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfds whose GSI's routes change, or that has none.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "apic.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "irqfd_vm.h"

/* KVM accepts a GSI without a route, and drops its signals. */
TEST_F(vm, gsi_without_route)
{
	static const uint32_t gsis[] = { 100, KVM_MAX_IRQ_ROUTES - 1, KVM_MAX_IRQ_ROUTES,
					 0x7fffffff, 0x80000000, ~0u };
	int fds[ARRAY_SIZE(gsis)], i;

	for (i = 0; i < ARRAY_SIZE(gsis); i++) {
		fds[i] = new_eventfd();
		assign_ok(self->v.vm, fds[i], gsis[i]);
		add(fds[i], 1);
		pass(&self->v);
		unassign_ok(self->v.vm, fds[i], gsis[i]);
		assign_ok(self->v.vm, fds[i], gsis[i]);
	}

	/* The table grows and shrinks while irqfds are bound to GSIs above its end. */
	for (i = 0; i < 3; i++) {
		const struct kvm_irq_routing_entry last = msi_route(KVM_MAX_IRQ_ROUTES - 1, VECTOR);
		uint64_t before = irqs(&self->v, VECTOR);

		set_routes(self->v.vm, &last, 1);
		add(fds[1], 1);
		assert_irqs(&self->v, VECTOR, before + 1);

		set_routes(self->v.vm, NULL, 0);
		add(fds[1], 1);
		pass(&self->v);
		set_default_routes(self->v.vm);
	}

	for (i = 0; i < ARRAY_SIZE(gsis); i++)
		close(fds[i]);
}

/* Once KVM_SET_GSI_ROUTING has returned, no signal injects the old vector. */
TEST_F(vm, route_change)
{
	uint64_t seen[2] = {};
	int i;

	assign_ok(self->v.vm, self->fd, GSI_MSI);

	for (i = 0; i < 50; i++) {
		const uint8_t vectors[] = { VECTOR, VECTOR2 };
		int new = i & 1;

		set_msi_route(self->v.vm, vectors[new]);
		add(self->fd, 1);
		wait_for_irqs(&self->v, vectors[new], ++seen[new]);
		TEST_ASSERT(irqs(&self->v, vectors[!new]) == seen[!new],
			    "Round %d: vector 0x%x after its route was gone", i, vectors[!new]);
	}

	assert_irqs(&self->v, VECTOR, seen[0]);
	assert_irqs(&self->v, VECTOR2, seen[1]);
}

/* 12 to 19 s with KCSAN, where interrupts leave a vCPU hardly any progress. */
TEST_F_TIMEOUT(vm, route_change_under_fire, 90)
{
	struct shooter shooter;
	int i, j;

	set_msi_route(self->v.vm, VECTOR2);
	assign_ok(self->v.vm, self->fd, GSI_MSI);
	start_shooting(&shooter, self->fd);

	for (i = 0; i < 30; i++) {
		uint8_t new = i & 1 ? VECTOR2 : VECTOR;
		uint8_t old = i & 1 ? VECTOR : VECTOR2;
		uint64_t seen_new, seen_old;

		set_msi_route(self->v.vm, new);
		/* Have the guest take what was injected before. */
		pass(&self->v);
		seen_old = irqs(&self->v, old);
		seen_new = irqs(&self->v, new);

		for (j = 0; j < 3; j++) {
			let_shoot(&shooter, 2);
			pass(&self->v);
		}
		TEST_ASSERT(irqs(&self->v, new) > seen_new, "Round %d: vector 0x%x doesn't come", i,
			    new);
		TEST_ASSERT(irqs(&self->v, old) == seen_old,
			    "Round %d: vector 0x%x %lu times after its route was gone", i, old,
			    irqs(&self->v, old) - seen_old);
	}

	stop_shooting(&shooter);
}

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

struct one_by_one {
	pthread_barrier_t barrier;
	int rounds;
	int fd;
};

static void *signal_one_by_one(void *arg)
{
	struct one_by_one *o = arg;
	int i;

	for (i = 0; i < o->rounds; i++) {
		pthread_barrier_wait(&o->barrier);
		add(o->fd, 1);
	}
	return NULL;
}

/*
 * An edge has two halves, up and down.  If KVM looks the route up again for the second
 * half and the route has gone in between, the line stays up and the next signal is no
 * edge.
 *
 * Linux up to 6.12 and later can do that.  It is rare, because the worker must be
 * delayed between the halves.
 */
TEST_F(vm, route_change_within_edge)
{
	const struct kvm_irq_routing_entry ioapic = chip_route(GSI_MSI, KVM_IRQCHIP_IOAPIC,
							       GSI_IOAPIC);
	struct one_by_one o = { .rounds = rounds(500), .fd = self->fd };
	pthread_t thread;
	int i;

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	pthread_barrier_init(&o.barrier, NULL, 2);
	TEST_ASSERT(!pthread_create(&thread, NULL, signal_one_by_one, &o),
		    "pthread_create() failed");

	for (i = 0; i < o.rounds; i++) {
		set_routes(self->v.vm, &ioapic, 1);
		pthread_barrier_wait(&o.barrier);
		WAIT_FOR(irq_is_pending(&self->v, VECTOR),
			 "Round %d: the signal is lost, the line must have been left up", i);
		/* The line is up now, or on its way down. */
		set_routes(self->v.vm, NULL, 0);
		pass(&self->v);
	}

	TEST_ASSERT(!pthread_join(thread, NULL), "pthread_join() failed");
	pthread_barrier_destroy(&o.barrier);
}

/*
 * Two eventfds on one edge-triggered GSI.  The second one is signalled when the guest has
 * taken the first one's interrupt, whose line may still be up.  KVM must not lose that
 * signal.
 *
 * Linux up to 6.12 and later can lose it.  It is rare, because the worker must be
 * delayed between the halves.
 */
TEST_F(vm, edges_of_two)
{
	int fd = new_eventfd(), nr = rounds(500), i;

	assign_ok(self->v.vm, self->fd, GSI_IOAPIC);
	assign_ok(self->v.vm, fd, GSI_IOAPIC);

	for (i = 0; i < nr; i++) {
		add(i & 1 ? fd : self->fd, 1);
		WAIT_FOR(irq_is_pending(&self->v, VECTOR), "Round %d: the signal is lost", i);
		/* A pass may come before the worker has kicked the vCPU. */
		wait_for_irqs(&self->v, VECTOR, i + 1);
	}
	assert_irqs(&self->v, VECTOR, nr);
	close(fd);
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
