// SPDX-License-Identifier: GPL-2.0-only
/*
 * EOIs that the local APIC doesn't broadcast, because the guest writes to the
 * IOAPIC's EOI register: what user space chooses with KVM_CAP_X2APIC_API, what
 * the guest sees of that, and when KVM signals level irqfds' resamplefds (B45).
 *
 * A comment at a subtest names the kernels that fail it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "apic.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#ifndef KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST
#define KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST	BIT_ULL(2)
#define KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST	BIT_ULL(3)
#endif

#define ENABLE	KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST
#define DISABLE	KVM_X2APIC_DISABLE_SUPPRESS_EOI_BROADCAST

#define LVR_DIRECTED_EOI	BIT(24)
#define SPIV_DIRECTED_EOI	BIT(12)
#define SPIV_ON			(0xff | APIC_SPIV_APIC_ENABLED)

#define IOAPIC_GPA	0xfec00000ull
#define IOAPIC_SELECT	0x00
#define IOAPIC_WINDOW	0x10
#define IOAPIC_EOI	0x40
#define IOAPIC_VERSION	0x01
#define IOAPIC_RTE	0x10

#define RTE_LEVEL	BIT(15)
#define RTE_MASKED	BIT(16)

/* Bits of a message's data: level-triggered, and asserted. */
#define MSI_LEVEL	(BIT(15) | BIT(14))

#define PINS		24

/* Between the first and the second of two EOIs. */
#define SYNC_BETWEEN	(SYNC_BEFORE_EOI + 1)

/* What the guest has read, and the vector it writes to the EOI register. */
static uint64_t guest_lvr, guest_spiv, guest_version;
static uint32_t guest_vector = VECTOR;

static void ioapic_write(uint32_t offset, uint32_t value)
{
	WRITE_ONCE(*(uint32_t *)(IOAPIC_GPA + offset), value);
}

static void rte_write(uint32_t pin, uint32_t low)
{
	ioapic_write(IOAPIC_SELECT, IOAPIC_RTE + 2 * pin);
	ioapic_write(IOAPIC_WINDOW, low);
}

static void write_bit(bool on)
{
	guest_lvr = x2apic_read_reg(APIC_LVR);
	x2apic_write_reg(APIC_SPIV, SPIV_ON | (on ? SPIV_DIRECTED_EOI : 0));
	guest_spiv = x2apic_read_reg(APIC_SPIV);
}

static void set_bit_12(void)
{
	write_bit(true);
}

static void clear_bit_12(void)
{
	write_bit(false);
}

static void read_version(void)
{
	ioapic_write(IOAPIC_SELECT, IOAPIC_VERSION);
	guest_version = READ_ONCE(*(uint32_t *)(IOAPIC_GPA + IOAPIC_WINDOW));
}

static void unmask(void)
{
	rte_write(GSI_LEVEL, VECTOR | RTE_LEVEL);
}

/* How handlers acknowledge: in Linux' order, or in the other one. */
static void ack_lapic_first(void)
{
	x2apic_write_reg(APIC_EOI, 0);
	GUEST_SYNC(SYNC_BETWEEN);
	ioapic_write(IOAPIC_EOI, guest_vector);
}

static void ack_ioapic_first(void)
{
	ioapic_write(IOAPIC_EOI, guest_vector);
	GUEST_SYNC(SYNC_BETWEEN);
	x2apic_write_reg(APIC_EOI, 0);
}

static void ack_lapic_only(void)
{
	x2apic_write_reg(APIC_EOI, 0);
	GUEST_SYNC(SYNC_BETWEEN);
}

static void mask_and_ack(void)
{
	rte_write(GSI_LEVEL, VECTOR | RTE_LEVEL | RTE_MASKED);
	ack_lapic_first();
}

static void change_vector_and_ack(void)
{
	rte_write(GSI_LEVEL, VECTOR2 | RTE_LEVEL);
	ack_lapic_first();
}

struct eoi_vm {
	struct irq_vm v;
	int fd;
	int resamplefd;
	/* With a split irqchip: EOI exits, and writes to the IOAPIC's EOI register. */
	uint64_t exits;
	uint64_t writes;
};

FIXTURE(eoi) {
	struct eoi_vm e;
};

FIXTURE_VARIANT(eoi) {
	bool split;
	uint64_t flags;
	/* Does KVM advertise the bit to the guest, and obey it once it is set? */
	bool advertised;
	bool honoured;
};

FIXTURE_VARIANT_ADD(eoi, full) {
	.split = false, .flags = 0, .advertised = false, .honoured = false,
};

FIXTURE_VARIANT_ADD(eoi, full_enable) {
	.split = false, .flags = ENABLE, .advertised = true, .honoured = true,
};

FIXTURE_VARIANT_ADD(eoi, full_disable) {
	.split = false, .flags = DISABLE, .advertised = false, .honoured = false,
};

/* As since 2010: KVM advertises the bit, and broadcasts nevertheless. */
FIXTURE_VARIANT_ADD(eoi, split) {
	.split = true, .flags = 0, .advertised = true, .honoured = false,
};

FIXTURE_VARIANT_ADD(eoi, split_enable) {
	.split = true, .flags = ENABLE, .advertised = true, .honoured = true,
};

FIXTURE_VARIANT_ADD(eoi, split_disable) {
	.split = true, .flags = DISABLE, .advertised = false, .honoured = false,
};

static void set_message(struct irq_vm *v, bool level)
{
	struct kvm_irq_routing_entry entry = msi_route(GSI_LEVEL, VECTOR);

	if (level)
		entry.u.msi.data |= MSI_LEVEL;
	set_routes(v->vm, &entry, 1);
}

/*
 * Linux 7 has the choice by itself: KVM's own IOAPIC has no EOI register there, and KVM
 * obeys the bit if a state has it set that isn't advertised.
 */
static bool choice_is_linux_7s(void)
{
	struct utsname uts;

	TEST_ASSERT(!uname(&uts), "uname(): %s", strerror(errno));
	return atoi(uts.release) >= 7;
}

FIXTURE_SETUP(eoi)
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SPLIT_IRQCHIP));
	if (choice_is_linux_7s() && !variant->split && variant->flags == ENABLE)
		SKIP(return, "KVM's IOAPIC has no EOI register");
	irq_vm_init_x2apic(&self->e.v, variant->split ? PINS : 0, variant->flags);
	if (!level_irqfds_allowed(self->e.v.vm, GSI_LEVEL))
		SKIP(return, "No level irqfds with a split irqchip");
	virt_pg_map(self->e.v.vm, IOAPIC_GPA, IOAPIC_GPA);
	if (variant->split)
		set_message(&self->e.v, true);
	self->e.fd = new_eventfd();
	self->e.resamplefd = new_eventfd();
}

FIXTURE_TEARDOWN(eoi)
{
	close(self->e.fd);
	close(self->e.resamplefd);
	irq_vm_free(&self->e.v);
}

/*
 * Run to where the guest stops, as user space with the IOAPIC of a split irqchip:
 * when the guest writes an EOI to it, it lowers the line, also in KVM.
 */
static void run_to(struct eoi_vm *e, uint64_t want)
{
	struct kvm_run *run = e->v.vcpu->run;
	struct ucall uc;

	look_for_irqs(e->v.vcpu);
	for (;;) {
		vcpu_run(e->v.vcpu);
		if (run->exit_reason == KVM_EXIT_IOAPIC_EOI) {
			e->exits++;
			continue;
		}
		if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write &&
		    run->mmio.phys_addr == IOAPIC_GPA + IOAPIC_EOI) {
			e->writes++;
			kvm_irq_line(e->v.vm, GSI_LEVEL, 0);
			continue;
		}
		TEST_ASSERT(get_ucall(e->v.vcpu, &uc) == UCALL_SYNC, "Unexpected exit %u (%s)",
			    run->exit_reason, exit_reason_str(run->exit_reason));
		TEST_ASSERT(uc.args[1] == want, "Wanted the guest to stop at %lu, it did at %lu",
			    want, uc.args[1]);
		return;
	}
}

static void do_work(struct eoi_vm *e, void (*work)(void))
{
	WRITE_ONCE(e->v.guest->work, work);
	run_to(e, SYNC_PASS);
	WRITE_ONCE(e->v.guest->work, NULL);
}

static bool in_service(struct irq_vm *v)
{
	return ioapic_state(v->vm).redirtbl[GSI_LEVEL].fields.remote_irr;
}

/* Signal and wait until the worker has injected: before that there is no interrupt. */
static void raise_line(struct eoi_vm *e, bool split)
{
	add(e->fd, 1);
	if (split)
		wait_for_pending(&e->v, VECTOR);
	else
		WAIT_FOR(in_service(&e->v), "Wanted the pin in service, it is not");
}

static void assert_told(struct eoi_vm *e, uint64_t want, const char *when)
{
	uint64_t got = take(e->resamplefd);

	TEST_ASSERT(got == want, "%s: wanted %lu signals to the resample eventfd, got %lu", when,
		    want, got);
}

static void assert_taken(struct eoi_vm *e, uint8_t vector, uint64_t want)
{
	TEST_ASSERT(irqs(&e->v, vector) == want, "Vector 0x%x: wanted %lu interrupts, got %lu",
		    vector, want, irqs(&e->v, vector));
}

/*
 * What the guest reads: it can set the bit only if KVM advertises it, and then the
 * IOAPIC's version says that it has an EOI register.
 */
TEST_F(eoi, advertised)
{
	do_work(&self->e, set_bit_12);
	sync_global_from_guest(self->e.v.vm, guest_lvr);
	sync_global_from_guest(self->e.v.vm, guest_spiv);
	TEST_ASSERT(!!(guest_lvr & LVR_DIRECTED_EOI) == variant->advertised,
		    "Wanted it %sadvertised, version is 0x%lx",
		    variant->advertised ? "" : "not ", guest_lvr);
	TEST_ASSERT(!!(guest_spiv & SPIV_DIRECTED_EOI) == variant->advertised,
		    "Wanted bit 12 %s, the register is 0x%lx",
		    variant->advertised ? "set" : "clear", guest_spiv);

	if (variant->split)
		return;
	do_work(&self->e, read_version);
	sync_global_from_guest(self->e.v.vm, guest_version);
	TEST_ASSERT((guest_version & 0xff) == (variant->honoured ? 0x20 : 0x11),
		    "IOAPIC version 0x%lx", guest_version & 0xff);
	TEST_ASSERT(guest_version >> 16 == PINS - 1, "Wanted 24 pins, got %lu",
		    (guest_version >> 16) + 1);
}

/*
 * KVM signals a level irqfd's resamplefd once, at the EOI that the IOAPIC gets.
 *
 * Linux up to 6.12 doesn't have the flags.
 */
TEST_F(eoi, told_once)
{
	bool honoured = variant->honoured;
	int i;

	do_work(&self->e, set_bit_12);
	assign_resample_ok(self->e.v.vm, self->e.fd, GSI_LEVEL, self->e.resamplefd);
	self->e.v.guest->ack = ack_lapic_first;

	for (i = 1; i <= 20; i++) {
		raise_line(&self->e, variant->split);
		run_to(&self->e, SYNC_BETWEEN);
		assert_told(&self->e, !honoured, "After the local APIC's EOI");
		if (!variant->split)
			TEST_ASSERT(in_service(&self->e.v) == honoured,
				    "After the local APIC's EOI: wanted the pin %s service",
				    honoured ? "in" : "not in");

		run_to(&self->e, SYNC_PASS);
		assert_told(&self->e, honoured, "After the IOAPIC's EOI");
		if (!variant->split)
			TEST_ASSERT(!in_service(&self->e.v), "Wanted the pin not in service");
		run_to(&self->e, SYNC_PASS);
		assert_taken(&self->e, VECTOR, i);
		assert_told(&self->e, 0, "Later");
	}

	if (variant->split) {
		TEST_ASSERT(self->e.writes == 20, "Wanted 20 writes in user space, got %lu",
			    self->e.writes);
		TEST_ASSERT(self->e.exits == (honoured ? 0 : 20),
			    "Wanted %d EOIs in user space, got %lu", honoured ? 0 : 20,
			    self->e.exits);
	}
}

/* In the other order KVM signals at the first EOI that the IOAPIC obeys. */
TEST_F(eoi, ioapic_first)
{
	int i;

	do_work(&self->e, set_bit_12);
	assign_resample_ok(self->e.v.vm, self->e.fd, GSI_LEVEL, self->e.resamplefd);
	self->e.v.guest->ack = ack_ioapic_first;

	for (i = 1; i <= 5; i++) {
		uint64_t told;

		raise_line(&self->e, variant->split);
		run_to(&self->e, SYNC_BETWEEN);
		/* User space with a split irqchip lowers its line in any case. */
		told = variant->honoured || variant->split;
		assert_told(&self->e, told, "After the IOAPIC's EOI");
		run_to(&self->e, SYNC_PASS);
		assert_told(&self->e, !told, "After the local APIC's EOI");
		run_to(&self->e, SYNC_PASS);
		assert_taken(&self->e, VECTOR, i);
	}
}

/* If the guest doesn't set the bit, KVM broadcasts its EOIs. */
TEST_F(eoi, bit_clear)
{
	int i;

	do_work(&self->e, clear_bit_12);
	assign_resample_ok(self->e.v.vm, self->e.fd, GSI_LEVEL, self->e.resamplefd);
	self->e.v.guest->ack = ack_lapic_first;

	for (i = 1; i <= 5; i++) {
		raise_line(&self->e, variant->split);
		run_to(&self->e, SYNC_BETWEEN);
		assert_told(&self->e, 1, "After the local APIC's EOI");
		run_to(&self->e, SYNC_PASS);
		assert_told(&self->e, 0, "After the IOAPIC's EOI");
		assert_taken(&self->e, VECTOR, i);
	}
	if (variant->split)
		TEST_ASSERT(self->e.exits == 5, "Wanted 5 EOIs in user space, got %lu",
			    self->e.exits);
}

/* A line that stays up interrupts again only after the EOI that the IOAPIC obeys. */
TEST_F(eoi, line_held)
{
	int i;

	if (variant->split)
		SKIP(return, "User space has the line");

	do_work(&self->e, set_bit_12);
	self->e.v.guest->ack = ack_lapic_first;
	kvm_irq_line(self->e.v.vm, GSI_LEVEL, 1);
	for (i = 1; i <= 5; i++) {
		run_to(&self->e, SYNC_BETWEEN);
		assert_taken(&self->e, VECTOR, i);
		TEST_ASSERT(irq_is_pending(&self->e.v, VECTOR) == !variant->honoured,
			    "Wanted the next one %s", variant->honoured ? "not yet" : "already");
		if (i == 5)
			kvm_irq_line(self->e.v.vm, GSI_LEVEL, 0);
	}
	run_to(&self->e, variant->honoured ? SYNC_PASS : SYNC_BETWEEN);
	TEST_ASSERT(!in_service(&self->e.v), "Wanted the pin not in service");
}

/* An edge-triggered interrupt has only the local APIC's EOI. */
TEST_F(eoi, edge)
{
	int i;

	if (variant->split)
		set_message(&self->e.v, false);
	else
		ioapic_set_pin(self->e.v.vm, GSI_LEVEL, VECTOR, false);
	do_work(&self->e, set_bit_12);
	assign_resample_ok(self->e.v.vm, self->e.fd, GSI_LEVEL, self->e.resamplefd);
	self->e.v.guest->ack = ack_lapic_only;
	for (i = 1; i <= 5; i++) {
		add(self->e.fd, 1);
		wait_for_pending(&self->e.v, VECTOR);
		run_to(&self->e, SYNC_BETWEEN);
		assert_told(&self->e, 1, "After the local APIC's EOI");
		run_to(&self->e, SYNC_PASS);
		assert_taken(&self->e, VECTOR, i);
	}
}

/* If the pin is masked, KVM signals when the guest unmasks it. */
TEST_F(eoi, masked)
{
	int i;

	if (variant->split)
		SKIP(return, "The pins are user space's");

	do_work(&self->e, set_bit_12);
	assign_resample_ok(self->e.v.vm, self->e.fd, GSI_LEVEL, self->e.resamplefd);
	self->e.v.guest->ack = mask_and_ack;
	for (i = 1; i <= 5; i++) {
		raise_line(&self->e, false);
		run_to(&self->e, SYNC_BETWEEN);
		run_to(&self->e, SYNC_PASS);
		assert_told(&self->e, 0, "Masked");
		do_work(&self->e, unmask);
		assert_told(&self->e, 1, "Unmasked");
		assert_taken(&self->e, VECTOR, i);
	}
}

/* The guest writes the entry's old vector to the EOI register, or its new one. */
TEST_F(eoi, vector_changed)
{
	int i;

	if (variant->split)
		SKIP(return, "The pins are user space's");

	do_work(&self->e, set_bit_12);
	assign_resample_ok(self->e.v.vm, self->e.fd, GSI_LEVEL, self->e.resamplefd);
	self->e.v.guest->ack = change_vector_and_ack;
	for (i = 1; i <= 4; i++) {
		guest_vector = i & 1 ? VECTOR : VECTOR2;
		sync_global_to_guest(self->e.v.vm, guest_vector);
		raise_line(&self->e, false);
		run_to(&self->e, SYNC_BETWEEN);
		run_to(&self->e, SYNC_PASS);
		assert_told(&self->e, 1, "After both EOIs");
		TEST_ASSERT(!in_service(&self->e.v), "Wanted the pin not in service");
		assert_taken(&self->e, VECTOR, i);
		do_work(&self->e, unmask);
	}
	guest_vector = VECTOR;
}

/*
 * After user space gets and sets the state between the two EOIs, as a migration
 * does, the IOAPIC still waits for the second one.
 */
TEST_F(eoi, state_between)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_lapic_state state;
	int i;

	do_work(&self->e, set_bit_12);
	assign_resample_ok(self->e.v.vm, self->e.fd, GSI_LEVEL, self->e.resamplefd);
	self->e.v.guest->ack = ack_lapic_first;
	for (i = 1; i <= 5; i++) {
		raise_line(&self->e, variant->split);
		run_to(&self->e, SYNC_BETWEEN);
		vcpu_ioctl(self->e.v.vcpu, KVM_GET_LAPIC, &state);
		if (!variant->split) {
			vm_ioctl(self->e.v.vm, KVM_GET_IRQCHIP, &chip);
			TEST_ASSERT(chip.chip.ioapic.redirtbl[GSI_LEVEL].fields.remote_irr ==
				    variant->honoured, "Wanted the awaited EOI in the state");
			vm_ioctl(self->e.v.vm, KVM_SET_IRQCHIP, &chip);
		}
		vcpu_ioctl(self->e.v.vcpu, KVM_SET_LAPIC, &state);
		run_to(&self->e, SYNC_PASS);
		assert_told(&self->e, 1, "After both EOIs");
		assert_taken(&self->e, VECTOR, i);
	}
}

/*
 * KVM ignores the bit in a state that user space sets if it isn't advertised.
 *
 * Linux up to 6.12, and later, never ends an interrupt of KVM's IOAPIC then.
 */
TEST_F(eoi, set_by_user_space)
{
	struct kvm_lapic_state state;
	uint32_t *spiv = (uint32_t *)(state.regs + APIC_SPIV);
	int i;

	if (variant->advertised)
		SKIP(return, "The bit is advertised");
	if (choice_is_linux_7s() && !variant->split && !variant->flags)
		SKIP(return, "Linux 7 obeys the bit");

	vcpu_ioctl(self->e.v.vcpu, KVM_GET_LAPIC, &state);
	*spiv |= SPIV_DIRECTED_EOI;
	vcpu_ioctl(self->e.v.vcpu, KVM_SET_LAPIC, &state);

	for (i = 1; i <= 5; i++) {
		if (variant->split) {
			struct kvm_msi msi = {
				.address_lo = APIC_DEFAULT_GPA,
				.data = VECTOR | MSI_LEVEL,
			};

			TEST_ASSERT(__vm_ioctl(self->e.v.vm, KVM_SIGNAL_MSI, &msi) > 0,
				    "Wanted a message sent");
		} else {
			kvm_irq_line(self->e.v.vm, GSI_LEVEL, 1);
			kvm_irq_line(self->e.v.vm, GSI_LEVEL, 0);
		}
		run_to(&self->e, SYNC_PASS);
		run_to(&self->e, SYNC_PASS);
		assert_taken(&self->e, VECTOR, i);
		if (variant->split)
			TEST_ASSERT(self->e.exits == i, "Wanted %d EOIs in user space, got %lu", i,
				    self->e.exits);
	}
}

/* User space that resets its IOAPIC lowers the line, and KVM stops waiting for an EOI. */
TEST_F(eoi, split_reset)
{
	if (!variant->split)
		SKIP(return, "KVM's IOAPIC is reset by KVM_SET_IRQCHIP");

	assign_resample_ok(self->e.v.vm, self->e.fd, GSI_LEVEL, self->e.resamplefd);
	self->e.v.guest->ack = ack_lapic_only;
	raise_line(&self->e, true);
	assert_told(&self->e, 0, "In service");
	kvm_irq_line(self->e.v.vm, GSI_LEVEL, 0);
	assert_told(&self->e, 1, "Reset");
	kvm_irq_line(self->e.v.vm, GSI_LEVEL, 0);
	assert_told(&self->e, 0, "Reset again");

	/* Lowering an edge-triggered pin's line ends no wait for an EOI. */
	run_to(&self->e, SYNC_BETWEEN);
	run_to(&self->e, SYNC_PASS);
	set_message(&self->e.v, false);
	raise_line(&self->e, true);
	kvm_irq_line(self->e.v.vm, GSI_LEVEL, 0);
	assert_told(&self->e, 0, "Edge, not acknowledged");
	run_to(&self->e, SYNC_BETWEEN);
	assert_told(&self->e, 1, "Edge, acknowledged");
}

/* Which flags user space can choose, and when. */
static int choose(struct kvm_vm *vm, uint64_t flags)
{
	return __vm_enable_cap(vm, KVM_CAP_X2APIC_API, flags) ? errno : 0;
}

TEST(choice)
{
	int full = choice_is_linux_7s() ? DISABLE : ENABLE | DISABLE;
	struct kvm_vm *vm = vm_create_barebones();
	int all = kvm_check_cap(KVM_CAP_X2APIC_API);

	TEST_ASSERT((all & (ENABLE | DISABLE)) == (ENABLE | DISABLE),
		    "Wanted both flags, got 0x%x", all);
	ASSERT_ERRNO(EINVAL, choose(vm, all + 1), "A flag that isn't known");
	TEST_ASSERT((vm_check_cap(vm, KVM_CAP_X2APIC_API) & (ENABLE | DISABLE)) == DISABLE,
		    "Without an irqchip: wanted one of them only");
	ASSERT_ERRNO(EINVAL, choose(vm, ENABLE), "Enable without an irqchip");
	ASSERT_ERRNO(EINVAL, choose(vm, ENABLE | DISABLE), "Both");
	ASSERT_ERRNO(0, choose(vm, DISABLE), "Disable");
	kvm_vm_free(vm);

	vm = vm_create(1);
	TEST_ASSERT((vm_check_cap(vm, KVM_CAP_X2APIC_API) & (ENABLE | DISABLE)) == full,
		    "With an irqchip: wanted 0x%x of them", full);
	ASSERT_ERRNO(EINVAL, choose(vm, ENABLE | DISABLE), "Both");
	ASSERT_ERRNO(full & ENABLE ? 0 : EINVAL, choose(vm, ENABLE), "Enable");
	ASSERT_ERRNO(0, choose(vm, 0), "Nothing");
	ASSERT_ERRNO(0, choose(vm, DISABLE), "Disable");
	vm_vcpu_add(vm, 0, NULL);
	ASSERT_ERRNO(EINVAL, choose(vm, ENABLE), "Enable with a vCPU");
	kvm_vm_free(vm);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD_RESAMPLE));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_X2APIC_API));

	/* Hold a VM throughout, see irq_vm_begin(). */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
