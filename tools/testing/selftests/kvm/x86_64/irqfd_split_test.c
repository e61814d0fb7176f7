// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds with a split irqchip, whose pins are GSIs with MSI routes, called
 * messages here (B46).  "Told" means that KVM has signalled the resamplefd.
 *
 * Linux up to 6.12 and later refuses level irqfds there.
 */
#include <linux/kvm_split_level.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "apic.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#ifndef KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST
#define KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST	BIT_ULL(2)
#endif

/* The IOAPIC's pins. */
#define PINS		24

/* Bits of a message's data: level-triggered, and asserted. */
#define MSI_LEVEL	(BIT(15) | BIT(14))

static void assert_resampled(int resamplefd, uint64_t want, const char *when)
{
	uint64_t got = take(resamplefd);

	TEST_ASSERT(got == want, "%s: wanted %lu signals to the resample eventfd, got %lu", when,
		    want, got);
}

FIXTURE(split) {
	struct irq_vm v;
	int fd;
	int resamplefd;
};

FIXTURE_SETUP(split)
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SPLIT_IRQCHIP));
	irq_vm_init_split(&self->v, PINS);
	self->fd = new_eventfd();
	self->resamplefd = new_eventfd();
}

FIXTURE_TEARDOWN(split)
{
	close(self->fd);
	close(self->resamplefd);
	irq_vm_free(&self->v);
}

static void set_message(struct irq_vm *v, uint8_t vector, bool level)
{
	struct kvm_irq_routing_entry entries[] = {
		msi_route(GSI_LEVEL, vector),
		/* An ordinary MSI, with the vector that the first had before. */
		msi_route(GSI_MSI, VECTOR),
	};

	if (level)
		entries[0].u.msi.data |= MSI_LEVEL;
	set_routes(v->vm, entries, ARRAY_SIZE(entries));
}

static void set_masked(struct irq_vm *v)
{
	const struct kvm_irq_routing_entry entry = msi_route(GSI_MSI, VECTOR);

	set_routes(v->vm, &entry, 1);
}

/* A pass; returns how many EOIs exited to user space. */
static uint64_t split_pass(struct irq_vm *v)
{
	uint64_t eois = 0;
	struct ucall uc;

	look_for_irqs(v->vcpu);
	for (;;) {
		vcpu_run(v->vcpu);
		if (v->vcpu->run->exit_reason == KVM_EXIT_IOAPIC_EOI) {
			eois++;
			continue;
		}
		TEST_ASSERT(get_ucall(v->vcpu, &uc) == UCALL_SYNC, "Unexpected exit %u (%s)",
			    v->vcpu->run->exit_reason,
			    exit_reason_str(v->vcpu->run->exit_reason));
		if (uc.args[1] == SYNC_PASS)
			return eois;
	}
}

static void split_irqs(struct irq_vm *v, uint8_t vector, uint64_t want)
{
	int i;

	WAIT_FOR((split_pass(v), irqs(v, vector) >= want),
		 "Vector 0x%x: wanted %lu interrupts, got %lu", vector, want, irqs(v, vector));
	for (i = 0; i < SETTLE_PASSES; i++) {
		usleep(SETTLE_USEC);
		split_pass(v);
	}
	TEST_ASSERT(irqs(v, vector) == want, "Vector 0x%x: wanted %lu interrupts, got %lu", vector,
		    want, irqs(v, vector));
}

static void split_stop(struct irq_vm *v, uint64_t where)
{
	struct ucall uc;

	WAIT_FOR((look_for_irqs(v->vcpu), vcpu_run(v->vcpu),
		  get_ucall(v->vcpu, &uc) == UCALL_SYNC && uc.args[1] == where),
		 "No interrupt");
}

/* Run until the guest has an interrupt in service. */
static void stop_in_service(struct irq_vm *v)
{
	WRITE_ONCE(v->guest->stop_before_eoi, 1);
	split_stop(v, SYNC_BEFORE_EOI);
	WRITE_ONCE(v->guest->stop_before_eoi, 0);
}

TEST_F(split, eoi)
{
	int i;

	set_message(&self->v, VECTOR, true);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);

	for (i = 1; i <= 20; i++) {
		add(self->fd, 1);
		split_irqs(&self->v, VECTOR, i);
		assert_resampled(self->resamplefd, 1, "After EOI");
	}
}

/* The GSI must be one that is reserved for pins: KVM sees no EOI for others. */
TEST_F(split, errno_gsi)
{
	const struct kvm_irq_routing_entry entry = msi_route(GSI_MSI, VECTOR);

	set_routes(self->v.vm, &entry, 1);
	ASSERT_ERRNO(EINVAL, irqfd_resample(self->v.vm, self->fd, GSI_MSI, self->resamplefd),
		     "Assign with resample to a GSI that is no pin");
	ASSERT_ERRNO(0, irqfd(self->v.vm, self->fd, GSI_MSI), "Assign without");
	add(self->fd, 1);
	split_irqs(&self->v, VECTOR, 1);
}

/* Two irqfds share the pin: KVM sends one message and tells both. */
TEST_F(split, shared)
{
	int fd = new_eventfd(), resamplefd = new_eventfd();

	set_message(&self->v, VECTOR, true);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	assign_resample_ok(self->v.vm, fd, GSI_LEVEL, resamplefd);
	add(self->fd, 1);
	add(fd, 1);
	wait_for_worker(&self->v);
	split_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "First of two");
	assert_resampled(resamplefd, 1, "Second of two");
	close(fd);
	close(resamplefd);
}

/* A raise in service: KVM sends no second message, and tells the irqfd at the EOI. */
TEST_F(split, raised_in_service)
{
	set_message(&self->v, VECTOR, true);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	stop_in_service(&self->v);

	add(self->fd, 1);
	wait_for_worker(&self->v);
	split_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
	add(self->fd, 1);
	split_irqs(&self->v, VECTOR, 2);
	assert_resampled(self->resamplefd, 1, "After the second EOI");
}

/* A pin without a message is masked: a raise waits for a message. */
TEST_F(split, masked)
{
	set_masked(&self->v);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	wait_for_worker(&self->v);
	assert_resampled(self->resamplefd, 0, "Masked");
	set_message(&self->v, VECTOR, true);
	assert_resampled(self->resamplefd, 1, "Unmasked");
	split_irqs(&self->v, VECTOR, 0);

	/* The same for an acknowledge. */
	add(self->fd, 1);
	stop_in_service(&self->v);
	set_masked(&self->v);
	split_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 0, "Acknowledged while masked");
	set_message(&self->v, VECTOR, true);
	assert_resampled(self->resamplefd, 1, "Unmasked again");
	split_irqs(&self->v, VECTOR, 1);
}

/*
 * A pin's message changes while the old one is in service.  KVM still notices the old
 * one's EOI (B43), and doesn't intercept that vector's EOIs after that (B44).
 *
 * Linux up to 6.12 intercepts them for ever, or doesn't notice the EOI.
 */
TEST_F(split, message_changed_in_service)
{
	int fd = new_eventfd();
	uint64_t eois;

	set_message(&self->v, VECTOR, true);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	assign_ok(self->v.vm, fd, GSI_MSI);

	add(self->fd, 1);
	stop_in_service(&self->v);

	set_message(&self->v, VECTOR2, true);
	eois = split_pass(&self->v);
	TEST_ASSERT(eois == 1, "Wanted the EOI in user space, got %lu", eois);
	assert_resampled(self->resamplefd, 1, "After EOI");

	add(fd, 1);
	eois = split_pass(&self->v);
	TEST_ASSERT(irqs(&self->v, VECTOR) == 2, "Wanted an interrupt by the other GSI");
	TEST_ASSERT(!eois, "The vector is still intercepted");
	assert_resampled(self->resamplefd, 0, "After the other GSI's EOI");

	add(self->fd, 1);
	split_irqs(&self->v, VECTOR2, 1);
	assert_resampled(self->resamplefd, 1, "With the new vector");
	close(fd);
}

/* The VM closes with messages in service, and with raises that wait for a route. */
TEST_F(split, closed_in_service)
{
	int fds[PINS], resamplefd = new_eventfd(), i;

	set_message(&self->v, VECTOR, true);
	for (i = 0; i < PINS; i++) {
		fds[i] = new_eventfd();
		assign_resample_ok(self->v.vm, fds[i], i & 1 ? GSI_LEVEL : i, resamplefd);
		add(fds[i], 1);
	}
	stop_in_service(&self->v);

	irq_vm_free(&self->v);
	for (i = 0; i < PINS; i++) {
		take(fds[i]);
		add(fds[i], 2);
		TEST_ASSERT(take(fds[i]) == 2, "Wanted a plain eventfd");
		close(fds[i]);
	}
	TEST_ASSERT(!take(resamplefd), "VM close has signalled the resample eventfd");
	close(resamplefd);
	irq_vm_init_split(&self->v, PINS);
}

/* An edge-triggered message has an EOI as well. */
TEST_F(split, edge)
{
	set_message(&self->v, VECTOR, false);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	split_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/*
 * The table changes while a device interrupts.  The worker may send a message of the
 * old table, or of a table that no vCPU has scanned yet.  KVM must notice its EOI all
 * the same (B44), or the device waits for ever to be told.
 *
 * The message changes as a guest's IRQ balancer does it, or with the pin masked in
 * between.
 */
static void *run_halted(void *arg)
{
	split_pass(arg);
	return NULL;
}

static void start_halted(struct irq_vm *v)
{
	WRITE_ONCE(v->guest->halt, 1);
	TEST_ASSERT(!pthread_create(&v->thread, NULL, run_halted, v), "pthread_create() failed");
}

/* Changes the pin's message for the Nth time. */
typedef void (*change_fn)(struct irq_vm *v, int n);

static void change_vector(struct irq_vm *v, int n)
{
	set_message(v, n & 1 ? VECTOR2 : VECTOR, true);
}

static void change_masked_vector(struct irq_vm *v, int n)
{
	set_masked(v);
	change_vector(v, n);
}

/* Both vCPUs get both vectors in turn. */
static void change_vcpu(struct irq_vm *v, int n)
{
	struct kvm_irq_routing_entry entry = msi_route(GSI_LEVEL, n & 2 ? VECTOR2 : VECTOR);

	entry.u.msi.address_lo |= (n & 1) << 12;
	entry.u.msi.data |= MSI_LEVEL;
	set_routes(v->vm, &entry, 1);
}

static void change_tables(struct irq_vm *v, change_fn change)
{
	uint64_t before = 0, told;
	struct busy_device d;
	int i, n = rounds(1000);

	set_message(v, VECTOR, true);
	start_halted(v);
	start_device(&d, v, GSI_LEVEL);

	for (i = 1; i <= n; i++) {
		change(v, i);
		WAIT_FOR((told = READ_ONCE(d.told), told != before),
			 "The GSI is dead after %d tables and %lu interrupts", i, before);
		before = told;
	}

	stop_device(&d);
	stop_vcpu(v);
}

TEST_F_TIMEOUT(split, rerouted_under_raises, 120)
{
	change_tables(&self->v, change_vector);
}

/*
 * Pins a raise that cleared, once it had found a route, the note that the GSI waits for
 * one: the acknowledge of its own message may have left that note for the next table.
 */
TEST_F_TIMEOUT(split, masked_under_raises, 120)
{
	change_tables(&self->v, change_masked_vector);
}

/* From one vCPU to another and back. */
TEST_F_TIMEOUT(split, moved_under_raises, 120)
{
	struct irq_vm other = irq_vm_add_vcpu(&self->v);

	start_halted(&other);
	change_tables(&self->v, change_vcpu);
	stop_vcpu(&other);
}

/*
 * Save an interrupt at each step of its life, and restore it into a fresh VM.  There the
 * guest gets as many interrupts as without that, and KVM tells the device.  Level irqfds
 * are assigned before the state is set, or after that.
 */
enum step {
	IDLE,
	RAISED,
	IN_SERVICE,
	MASKED_IN_SERVICE,
	CHANGED_IN_SERVICE,
	AWAITED,
	WITHHELD,
	ACKED_MASKED,
};

#define SYNC_BETWEEN	(SYNC_BEFORE_EOI + 1)

static void stop_after_eoi(void)
{
	x2apic_write_reg(APIC_EOI, 0);
	GUEST_SYNC(SYNC_BETWEEN);
}

static void keep_eois(void)
{
	x2apic_write_reg(APIC_SPIV, 0xff | APIC_SPIV_APIC_ENABLED | BIT(12));
}

struct split_state {
	struct kvm_x86_state *vcpu;
	struct kvm_lapic_state lapic;
	struct kvm_irq_routing *pins;
};

static void save(struct irq_vm *v, struct split_state *s)
{
	s->pins = calloc(1, sizeof(*s->pins) + PINS * sizeof(s->pins->entries[0]));
	TEST_ASSERT(s->pins, "calloc() failed");
	s->pins->nr = PINS;
	vm_ioctl(v->vm, KVM_GET_SPLIT_LEVEL, s->pins);
	s->vcpu = vcpu_save_state(v->vcpu);
	vcpu_ioctl(v->vcpu, KVM_GET_LAPIC, &s->lapic);
}

/* Restore all but the pins, which come last, into a fresh VM with the same memory. */
static void restore(struct irq_vm *v, struct split_state *s, uint64_t flags)
{
	kvm_vm_release(v->vm);
	v->vm->has_irqchip = false;
	kvm_vm_restart(v->vm);
	vm_enable_cap(v->vm, KVM_CAP_SPLIT_IRQCHIP, PINS);
	if (flags)
		vm_enable_cap(v->vm, KVM_CAP_X2APIC_API, flags);
	v->vcpu = vm_vcpu_recreate(v->vm, 0);
	vcpu_load_state(v->vcpu, s->vcpu);
	vcpu_ioctl(v->vcpu, KVM_SET_LAPIC, &s->lapic);
}

static void split_save_restore(enum step step, bool assigned_before)
{
	struct irq_vm v;
	struct split_state state;
	int fd = new_eventfd(), resamplefd = new_eventfd();
	bool in_service = step != IDLE && step < WITHHELD;
	uint64_t want = step == IDLE || step == WITHHELD ? 0 : 1;
	uint64_t flags = step == AWAITED ? KVM_X2APIC_ENABLE_SUPPRESS_EOI_BROADCAST : 0;

	irq_vm_init_x2apic(&v, PINS, flags);
	if (step == AWAITED) {
		WRITE_ONCE(v.guest->work, keep_eois);
		split_pass(&v);
		WRITE_ONCE(v.guest->work, NULL);
		WRITE_ONCE(v.guest->ack, stop_after_eoi);
	}
	if (step == WITHHELD)
		set_masked(&v);
	else
		set_message(&v, VECTOR, true);
	assign_resample_ok(v.vm, fd, GSI_LEVEL, resamplefd);
	if (step != IDLE)
		add(fd, 1);
	wait_for_worker(&v);
	if (step == AWAITED)
		split_stop(&v, SYNC_BETWEEN);
	else if (step > RAISED && step != WITHHELD)
		stop_in_service(&v);
	if (step == MASKED_IN_SERVICE || step == ACKED_MASKED)
		set_masked(&v);
	if (step == CHANGED_IN_SERVICE)
		set_message(&v, VECTOR2, true);
	if (step == ACKED_MASKED)
		split_pass(&v);
	assert_resampled(resamplefd, 0, "Before the save");
	save(&v, &state);
	TEST_ASSERT(state.pins->nr == in_service, "Wanted %d pins in service, got %u",
		    in_service, state.pins->nr);

	restore(&v, &state, flags);
	if (step == WITHHELD || step == MASKED_IN_SERVICE || step == ACKED_MASKED)
		set_masked(&v);
	else
		set_message(&v, step == CHANGED_IN_SERVICE ? VECTOR2 : VECTOR, true);
	if (assigned_before)
		assign_resample_ok(v.vm, fd, GSI_LEVEL, resamplefd);
	vm_ioctl(v.vm, KVM_SET_SPLIT_LEVEL, state.pins);
	if (!assigned_before)
		assign_resample_ok(v.vm, fd, GSI_LEVEL, resamplefd);
	kvm_x86_state_cleanup(state.vcpu);

	/* If the pin isn't in service, KVM tells the device, which raises it if needed. */
	assert_resampled(resamplefd, step == IDLE && assigned_before, "After the restore");
	if (step >= WITHHELD) {
		if (!assigned_before)
			add(fd, 1);
		wait_for_worker(&v);
		set_message(&v, VECTOR, true);
		assert_resampled(resamplefd, 1, "Unmasked");
	}
	if (step == WITHHELD) {
		add(fd, 1);
		want = 1;
	}

	if (step == AWAITED) {
		split_pass(&v);
		assert_resampled(resamplefd, 0, "Ended in the local APIC");
		kvm_irq_line(v.vm, GSI_LEVEL, 0);
		WRITE_ONCE(v.guest->ack, NULL);
	}
	split_irqs(&v, VECTOR, want);
	if (step == MASKED_IN_SERVICE) {
		assert_resampled(resamplefd, 0, "Acknowledged while masked");
		set_message(&v, VECTOR, true);
	}
	if (in_service || step == WITHHELD)
		assert_resampled(resamplefd, 1, "Acknowledged");

	/* The pin can interrupt again. */
	if (step != AWAITED) {
		set_message(&v, VECTOR2, true);
		take(resamplefd);
		add(fd, 1);
		split_irqs(&v, VECTOR2, 1);
		assert_resampled(resamplefd, 1, "Later");
		split_irqs(&v, VECTOR, want);
	}

	irq_vm_free(&v);
	free(state.pins);
	close(fd);
	close(resamplefd);
}

static void save_restore(enum step step)
{
	split_save_restore(step, true);
	split_save_restore(step, false);
}

TEST(save_idle)
{
	save_restore(IDLE);
}

TEST(save_raised)
{
	save_restore(RAISED);
}

TEST(save_in_service)
{
	save_restore(IN_SERVICE);
}

TEST(save_masked_in_service)
{
	save_restore(MASKED_IN_SERVICE);
}

TEST(save_changed_in_service)
{
	save_restore(CHANGED_IN_SERVICE);
}

TEST(save_awaited)
{
	save_restore(AWAITED);
}

TEST(save_withheld)
{
	save_restore(WITHHELD);
}

TEST(save_acked_masked)
{
	save_restore(ACKED_MASKED);
}

/* What KVM_GET_SPLIT_LEVEL and KVM_SET_SPLIT_LEVEL accept. */
static int get_pins(struct irq_vm *v, struct kvm_irq_routing *pins)
{
	return __vm_ioctl(v->vm, KVM_GET_SPLIT_LEVEL, pins) ? errno : 0;
}

static int set_pins(struct irq_vm *v, struct kvm_irq_routing *pins)
{
	return __vm_ioctl(v->vm, KVM_SET_SPLIT_LEVEL, pins) ? errno : 0;
}

TEST_F(split, errno_state)
{
	struct kvm_irq_routing *pins = calloc(1, sizeof(*pins) + 300 * sizeof(pins->entries[0]));
	struct kvm_vm *vm = vm_create(1);
	struct irq_vm full = { .vm = vm };
	int i;

	TEST_ASSERT(pins, "calloc() failed");
	ASSERT_ERRNO(ENXIO, get_pins(&full, pins), "Get without a split irqchip");
	ASSERT_ERRNO(ENXIO, set_pins(&full, pins), "Set without a split irqchip");
	kvm_vm_free(vm);

	set_message(&self->v, VECTOR, true);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	ASSERT_ERRNO(0, get_pins(&self->v, pins), "Get nothing");
	add(self->fd, 1);
	wait_for_worker(&self->v);
	ASSERT_ERRNO(E2BIG, get_pins(&self->v, pins), "Get without room");
	TEST_ASSERT(pins->nr == 1, "Wanted room for 1, got %u", pins->nr);
	pins->flags = 1;
	ASSERT_ERRNO(EINVAL, get_pins(&self->v, pins), "Get with a flag");
	ASSERT_ERRNO(EINVAL, set_pins(&self->v, pins), "Set with a flag");
	pins->flags = 0;
	ASSERT_ERRNO(0, get_pins(&self->v, pins), "Get");
	TEST_ASSERT(pins->nr == 1 && pins->entries[0].gsi == GSI_LEVEL &&
		    pins->entries[0].type == KVM_IRQ_ROUTING_MSI &&
		    pins->entries[0].u.msi.address_lo == APIC_DEFAULT_GPA &&
		    pins->entries[0].u.msi.data == (VECTOR | MSI_LEVEL), "Got something else");

	pins->entries[1] = pins->entries[0];
	pins->nr = 2;
	ASSERT_ERRNO(EINVAL, set_pins(&self->v, pins), "Set a pin twice");
	pins->entries[1].gsi = PINS;
	ASSERT_ERRNO(EINVAL, set_pins(&self->v, pins), "Set what is no pin");
	pins->entries[1].gsi = 1;
	pins->entries[1].flags = 1;
	ASSERT_ERRNO(EINVAL, set_pins(&self->v, pins), "Set with an entry's flag");
	pins->entries[1].flags = 0;
	pins->entries[1].type = KVM_IRQ_ROUTING_IRQCHIP;
	ASSERT_ERRNO(EINVAL, set_pins(&self->v, pins), "Set another type");
	pins->nr = 300;
	ASSERT_ERRNO(EINVAL, set_pins(&self->v, pins), "Set more than there are pins");
	assert_resampled(self->resamplefd, 0, "Nothing was changed");

	/* All of them, and none. */
	for (i = 0; i < PINS; i++) {
		pins->entries[i] = msi_route(i, VECTOR2);
		pins->entries[i].u.msi.data |= MSI_LEVEL;
	}
	pins->nr = PINS;
	ASSERT_ERRNO(0, set_pins(&self->v, pins), "Set all");
	assert_resampled(self->resamplefd, 0, "In service");
	memset(pins->entries, 0, PINS * sizeof(pins->entries[0]));
	ASSERT_ERRNO(0, get_pins(&self->v, pins), "Get all");
	TEST_ASSERT(pins->nr == PINS && pins->entries[PINS - 1].gsi == PINS - 1, "Got fewer");
	pins->nr = 0;
	ASSERT_ERRNO(0, set_pins(&self->v, pins), "Set none");
	assert_resampled(self->resamplefd, 1, "Not in service");
	free(pins);
}

/* If a local APIC loses the message, no EOI comes, and KVM tells the irqfd at once. */
TEST_F(split, lapic_state)
{
	struct kvm_lapic_state empty, lapic;

	vcpu_ioctl(self->v.vcpu, KVM_GET_LAPIC, &empty);
	set_message(&self->v, VECTOR, true);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);

	/* Not taken yet. */
	add(self->fd, 1);
	wait_for_worker(&self->v);
	vcpu_ioctl(self->v.vcpu, KVM_GET_LAPIC, &lapic);
	vcpu_ioctl(self->v.vcpu, KVM_SET_LAPIC, &lapic);
	assert_resampled(self->resamplefd, 0, "The same state");
	vcpu_ioctl(self->v.vcpu, KVM_SET_LAPIC, &empty);
	assert_resampled(self->resamplefd, 1, "Lost before it was taken");

	/* In service. */
	add(self->fd, 1);
	stop_in_service(&self->v);
	vcpu_ioctl(self->v.vcpu, KVM_GET_LAPIC, &lapic);
	vcpu_ioctl(self->v.vcpu, KVM_SET_LAPIC, &lapic);
	assert_resampled(self->resamplefd, 0, "The same state in service");
	vcpu_ioctl(self->v.vcpu, KVM_SET_LAPIC, &empty);
	assert_resampled(self->resamplefd, 1, "Lost in service");

	add(self->fd, 1);
	split_irqs(&self->v, VECTOR, 2);
	assert_resampled(self->resamplefd, 1, "After it");
}

TEST_F(split, init)
{
	struct kvm_msi msi = { .address_lo = APIC_DEFAULT_GPA, .data = APIC_DM_INIT };
	int ret;

	set_message(&self->v, VECTOR, true);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	stop_in_service(&self->v);
	ret = __vm_ioctl(self->v.vm, KVM_SIGNAL_MSI, &msi);
	TEST_ASSERT(ret > 0, KVM_IOCTL_ERROR(KVM_SIGNAL_MSI, ret));
	/* There is no code at the reset vector, so KVM_RUN may end in any way. */
	__vcpu_run(self->v.vcpu);
	assert_resampled(self->resamplefd, 1, "Lost by INIT");
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SPLIT_IRQCHIP));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SPLIT_LEVEL_IRQFD));

	/* Hold a VM throughout, see irq_vm_begin(). */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
