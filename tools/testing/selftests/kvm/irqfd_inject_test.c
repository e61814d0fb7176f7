// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: a signalled eventfd injects an interrupt, by each kind of route, and what its
 * counter had before and has after.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "irqfd_vm.h"

/* Tests that each kind of route must pass. */
FIXTURE(route) {
	struct irq_vm v;
	uint32_t gsi;
	int fd;
};

FIXTURE_VARIANT(route) {
	uint32_t gsi;
};

/* Injected in the wake-up, where the eventfd is signalled. */
FIXTURE_VARIANT_ADD(route, msi) {
	.gsi = GSI_MSI,
};

/* Deferred to a worker. */
FIXTURE_VARIANT_ADD(route, worker) {
	.gsi = GSI_WORKER,
};

FIXTURE_VARIANT_ADD(route, pin) {
	.gsi = GSI_PIN,
};

#ifdef __x86_64__
#include "apic.h"
#include "hyperv.h"

/* These have no routes by default. */
#define GSI_PIC		26
#define GSI_SINT	27
#define GSI_SPLIT	28
#define SPLIT_PINS	24

/* More than one route. */
FIXTURE_VARIANT_ADD(route, ioapic_and_pic) {
	.gsi = GSI_BOTH,
};

/* The PIC alone, whose interrupts the local APIC gets at LINT0. */
FIXTURE_VARIANT_ADD(route, pic) {
	.gsi = GSI_PIC,
};

/* A Hyper-V SINT, where KVM has them: injected like an MSI. */
FIXTURE_VARIANT_ADD(route, hv_sint) {
	.gsi = GSI_SINT,
};

/* An MSI with a split irqchip. */
FIXTURE_VARIANT_ADD(route, split_msi) {
	.gsi = GSI_SPLIT,
};

static void set_up_pic(struct irq_vm *v)
{
	const struct kvm_irq_routing_entry route = chip_route(GSI_PIC, KVM_IRQCHIP_PIC_MASTER, 0);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	vm_ioctl(v->vm, KVM_GET_IRQCHIP, &chip);
	chip.chip.pic.irq_base = VECTOR;
	chip.chip.pic.imr = 0xfe;
	chip.chip.pic.auto_eoi = 1;
	vm_ioctl(v->vm, KVM_SET_IRQCHIP, &chip);
	set_routes(v->vm, &route, 1);
}

static void set_up_sint(struct irq_vm *v)
{
	const struct kvm_irq_routing_entry route = {
		.gsi = GSI_SINT,
		.type = KVM_IRQ_ROUTING_HV_SINT,
		.u.hv_sint.vcpu = 0,
		.u.hv_sint.sint = 2,
	};

	struct kvm_vcpu *vcpu = v->vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_HYPERV_SYNIC));
	vcpu_enable_cap(vcpu, KVM_CAP_HYPERV_SYNIC, 0);
	vcpu_set_msr(vcpu, HV_X64_MSR_SCONTROL, 1);
	vcpu_set_msr(vcpu, HV_X64_MSR_SINT2, VECTOR);
	set_routes(v->vm, &route, 1);
}

/* A VM with the irqchip and the route that this GSI needs. */
static void route_vm_init(struct irq_vm *v, uint32_t gsi)
{
	const struct kvm_irq_routing_entry split = msi_route(GSI_SPLIT, VECTOR);

	if (gsi == GSI_SPLIT) {
		TEST_REQUIRE(kvm_has_cap(KVM_CAP_SPLIT_IRQCHIP));
		irq_vm_init_split(v, SPLIT_PINS);
		set_routes(v->vm, &split, 1);
		return;
	}

	irq_vm_init(v);
	if (gsi == GSI_PIC)
		set_up_pic(v);
	else if (gsi == GSI_SINT)
		set_up_sint(v);
}

#else
static void route_vm_init(struct irq_vm *v, uint32_t gsi)
{
	irq_vm_init(v);
}
#endif

FIXTURE_SETUP(route)
{
	route_vm_init(&self->v, variant->gsi);
	self->gsi = variant->gsi;
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(route)
{
	close(self->fd);
	irq_vm_free(&self->v);
}

/* One signal is one interrupt and leaves no count in the eventfd. */
TEST_F(route, signal)
{
	const int nr = rounds(50);
	uint64_t left;
	int i;

	assign_ok(self->v.vm, self->fd, self->gsi);
	assert_irqs(&self->v, VECTOR, 0);

	for (i = 1; i <= nr; i++) {
		add(self->fd, i);
		left = take(self->fd);
		TEST_ASSERT(!left, "A signalled eventfd with an irqfd: wanted 0, read %lu", left);
		wait_for_irqs(&self->v, VECTOR, i);
	}

	assert_irqs(&self->v, VECTOR, nr);
}

/* Signals that the guest hasn't taken yet merge into one interrupt or into a few. */
TEST_F(route, signals_merge)
{
	const int nr = 100;
	int i;

	assign_ok(self->v.vm, self->fd, self->gsi);
	for (i = 0; i < nr; i++)
		add(self->fd, 1);

	wait_for_irqs(&self->v, VECTOR, 1);
	for (i = 0; i < SETTLE_PASSES; i++) {
		usleep(SETTLE_USEC);
		pass(&self->v);
	}
	TEST_ASSERT(irqs(&self->v, VECTOR) <= nr, "%d signals, but %lu interrupts", nr,
		    irqs(&self->v, VECTOR));
}

/* A halted vCPU wakes up; no interrupt is lost, none comes twice. */
TEST_F(route, running_vcpu)
{
	const int nr = rounds(200);
	uint64_t got;
	int i;

	assign_ok(self->v.vm, self->fd, self->gsi);
	start_vcpu(&self->v);

	for (i = 1; i <= nr; i++) {
		add(self->fd, 1);
		wait_for_running(&self->v, VECTOR, i);
	}
	usleep(SETTLE_PASSES * SETTLE_USEC);
	got = irqs(&self->v, VECTOR);
	TEST_ASSERT(got == nr, "Waiting for each: wanted %d interrupts, got %lu", nr, got);

	for (i = 0; i < nr; i++)
		add(self->fd, 1);
	wait_for_running(&self->v, VECTOR, nr + 1);
	stop_vcpu(&self->v);

	/* The last signal's interrupt may still be on its way. */
	unassign_ok(self->v.vm, self->fd, self->gsi);
	pass(&self->v);
	got = irqs(&self->v, VECTOR) - nr;
	TEST_ASSERT(got >= 1 && got <= nr, "%d signals: wanted 1 to %d interrupts, got %lu", nr,
		    nr, got);
}

/* A count that is there before assign injects one interrupt. */
TEST_F(route, pending_at_assign)
{
	add(self->fd, 3);
	assign_ok(self->v.vm, self->fd, self->gsi);
	assert_irqs(&self->v, VECTOR, 1);

	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 2);

	unassign_ok(self->v.vm, self->fd, self->gsi);
	assert_irqs(&self->v, VECTOR, 2);
}

/*
 * Assign consumes the count: once it has returned, the eventfd is empty.
 *
 * Linux up to 6.12 and later leaves the count until the next signal, so a user
 * space that polls for it as well spins meanwhile.
 */
TEST_F(route, pending_is_used_up)
{
	uint64_t left;

	add(self->fd, 3);
	assign_ok(self->v.vm, self->fd, self->gsi);
	left = take(self->fd);
	TEST_ASSERT(!left, "Count of 3 at assign: wanted 0 afterwards, read %lu", left);

	assert_irqs(&self->v, VECTOR, 1);
	unassign_ok(self->v.vm, self->fd, self->gsi);
	left = take(self->fd);
	TEST_ASSERT(!left, "After deassign: wanted 0, read %lu", left);
}

/* Once deassign has returned, the eventfd is a plain one. */
TEST_F(route, deassign)
{
	uint64_t left;

	assign_ok(self->v.vm, self->fd, self->gsi);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	unassign_ok(self->v.vm, self->fd, self->gsi);

	add(self->fd, 2);
	add(self->fd, 3);
	assert_irqs(&self->v, VECTOR, 1);
	left = take(self->fd);
	TEST_ASSERT(left == 5, "After deassign: wanted a count of 5, read %lu", left);

	/* Another eventfd for the same GSI, and the same again. */
	assign_ok(self->v.vm, self->fd, self->gsi);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 2);
}

/* A signal before deassign has been injected when deassign returns. */
TEST_F(route, deassign_after_signal)
{
	const int nr = rounds(50);
	int i;

	for (i = 1; i <= nr; i++) {
		assign_ok(self->v.vm, self->fd, self->gsi);
		add(self->fd, 1);
		unassign_ok(self->v.vm, self->fd, self->gsi);
		pass(&self->v);
		TEST_ASSERT(irqs(&self->v, VECTOR) == i,
			    "Round %d: wanted %d interrupts once deassign returned, got %lu", i, i,
			    irqs(&self->v, VECTOR));
	}
	assert_irqs(&self->v, VECTOR, nr);
}

/* Deassign while a thread signals: after its return no signal interrupts. */
TEST_F(route, deassign_under_fire)
{
	const int nr = rounds(30);
	struct shooter shooter;
	uint64_t before;
	int i, j;

	start_shooting(&shooter, self->fd);

	for (i = 0; i < nr; i++) {
		before = irqs(&self->v, VECTOR);
		assign_ok(self->v.vm, self->fd, self->gsi);
		wait_for_irqs(&self->v, VECTOR, before + 1);
		unassign_ok(self->v.vm, self->fd, self->gsi);

		/* Have the guest take what was injected before. */
		pass(&self->v);
		before = irqs(&self->v, VECTOR);
		for (j = 0; j < 3; j++) {
			let_shoot(&shooter, 3);
			pass(&self->v);
		}
		TEST_ASSERT(irqs(&self->v, VECTOR) == before,
			    "Round %d: %lu interrupts after deassign had returned", i,
			    irqs(&self->v, VECTOR) - before);
	}

	stop_shooting(&shooter);
}

/*
 * The guest's doorbell signals the irqfd's eventfd, also after user space has closed
 * its last descriptor of it.
 */
static struct kvm_ioeventfd doorbell(int fd)
{
	return (struct kvm_ioeventfd) {
		.addr = DOORBELL_ADDR,
		.len = 4,
		.fd = fd,
		.flags = DOORBELL_FLAGS,
	};
}

/* The guest's write interrupts the guest, without user space. */
TEST_F(route, doorbell)
{
	struct kvm_ioeventfd bell = doorbell(self->fd);
	const int nr = rounds(50);
	int i;

	vm_ioctl(self->v.vm, KVM_IOEVENTFD, &bell);
	assign_ok(self->v.vm, self->fd, self->gsi);

	for (i = 1; i <= nr; i++) {
		self->v.guest->ring = 1;
		pass(&self->v);
		self->v.guest->ring = 0;
		wait_for_irqs(&self->v, VECTOR, i);
	}
	assert_irqs(&self->v, VECTOR, nr);
}

static bool bell_interrupts(struct irq_vm *v)
{
	uint64_t before = irqs(v, VECTOR);
	int i;

	v->guest->ring = 1;
	pass(v);
	v->guest->ring = 0;
	for (i = 0; i < SETTLE_PASSES; i++) {
		usleep(SETTLE_USEC);
		pass(v);
	}
	return irqs(v, VECTOR) != before;
}

/*
 * The last close of the eventfd ends the irqfd, without an ioctl.  The doorbell keeps
 * the eventfd alive, but it injects nothing after that.
 */
TEST_F(route, hangup)
{
	struct kvm_ioeventfd bell;
	uint64_t before;
	int fd, copy;

	fd = new_eventfd();
	copy = dup(fd);
	TEST_ASSERT(copy >= 0, __KVM_SYSCALL_ERROR("dup()", copy));

	bell = doorbell(fd);
	vm_ioctl(self->v.vm, KVM_IOEVENTFD, &bell);
	assign_ok(self->v.vm, fd, self->gsi);

	/* Not the last close. */
	close(fd);
	add(copy, 1);
	assert_irqs(&self->v, VECTOR, 1);
	self->v.guest->ring = 1;
	pass(&self->v);
	self->v.guest->ring = 0;
	assert_irqs(&self->v, VECTOR, 2);

	close(copy);

	/* The end may take a moment: close() doesn't wait for it. */
	WAIT_FOR(!bell_interrupts(&self->v), "The closed eventfd still interrupts");

	/* Another irqfd can use the GSI. */
	before = irqs(&self->v, VECTOR);
	assign_ok(self->v.vm, self->fd, self->gsi);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, before + 1);
}

/* The VM closes first; what remains is a plain eventfd that keeps its count. */
TEST_F(route, vm_closed_first)
{
	uint64_t left;

	assign_ok(self->v.vm, self->fd, self->gsi);
	add(self->fd, 1);
	irq_vm_free(&self->v);

	TEST_ASSERT(!take(self->fd), "Wanted an empty eventfd");
	add(self->fd, 2);
	add(self->fd, 3);
	left = take(self->fd);
	TEST_ASSERT(left == 5, "Wanted a count of 5, read %lu", left);

	/* Free for another VM at once. */
	route_vm_init(&self->v, self->gsi);
	assign_ok(self->v.vm, self->fd, self->gsi);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
}

/* The VM closes while a thread signals: the eventfd counts the signals from then on. */
TEST_F(route, vm_closed_under_fire)
{
	const int nr = rounds(10);
	struct shooter shooter;
	uint64_t before, left;
	int i;

	start_shooting(&shooter, self->fd);

	for (i = 0; i < nr; i++) {
		assign_ok(self->v.vm, self->fd, self->gsi);
		wait_for_irqs(&self->v, VECTOR, 1);
		irq_vm_free(&self->v);

		before = READ_ONCE(shooter.shots);
		take(self->fd);
		let_shoot(&shooter, 5);
		left = take(self->fd);
		/* The thread may have written once more than it has counted. */
		TEST_ASSERT(left >= 5 && left <= READ_ONCE(shooter.shots) + 1 - before,
			    "Round %d: wanted a count of 5 to %lu after the VM is gone, read %lu",
			    i, READ_ONCE(shooter.shots) + 1 - before, left);

		route_vm_init(&self->v, self->gsi);
	}

	stop_shooting(&shooter);
}

/* What doesn't depend on the route. */

/*
 * A semaphore eventfd that was empty is empty after deassign.
 *
 * Pins a counter that went below 0 when an irqfd ended, and read as nearly 2^64 events.
 */
TEST_F(vm, semaphore)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE);
	uint64_t left;

	TEST_ASSERT(fd >= 0, __KVM_SYSCALL_ERROR("eventfd()", fd));

	assign_ok(self->v.vm, fd, GSI_MSI);
	unassign_ok(self->v.vm, fd, GSI_MSI);
	left = take(fd);
	TEST_ASSERT(!left, "Wanted an empty eventfd, read %lu", left);

	assign_ok(self->v.vm, fd, GSI_MSI);
	add(fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	unassign_ok(self->v.vm, fd, GSI_MSI);
	left = take(fd);
	TEST_ASSERT(!left, "Wanted an empty eventfd, read %lu", left);

	add(fd, 2);
	TEST_ASSERT(take(fd) == 1 && take(fd) == 1 && !take(fd), "Wanted a count of 2 one by one");
	close(fd);
}

/*
 * A semaphore gives one interrupt for each signal, not for each count.  The irqfd takes
 * one of the signal's counts and leaves the others to user space.
 */
TEST_F(vm, semaphore_counts)
{
	int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC | EFD_SEMAPHORE), i;

	TEST_ASSERT(fd >= 0, __KVM_SYSCALL_ERROR("eventfd()", fd));

	/* The count at assign is one event. */
	assign_ok(self->v.vm, fd, GSI_MSI);
	assert_irqs(&self->v, VECTOR, 1);
	TEST_ASSERT(take(fd) == 1 && take(fd) == 1 && !take(fd),
		    "Pending count of 3: wanted 2 to be left, one by one");

	for (i = 1; i <= 10; i++) {
		add(fd, 1);
		TEST_ASSERT(!take(fd), "Signal %d: wanted the count to be gone", i);
		wait_for_irqs(&self->v, VECTOR, 1 + i);
	}

	add(fd, 5);
	assert_irqs(&self->v, VECTOR, 12);
	for (i = 0; i < 4; i++)
		TEST_ASSERT(take(fd) == 1, "Write of 5: wanted 4 to be left, got %d", i);
	TEST_ASSERT(!take(fd), "Write of 5: wanted 4 to be left, got more");

	/* Deassign takes one as well, if there is any. */
	add(fd, 3);
	assert_irqs(&self->v, VECTOR, 13);
	unassign_ok(self->v.vm, fd, GSI_MSI);
	TEST_ASSERT(take(fd) == 1 && !take(fd), "After deassign: wanted 1 of 3 to be left");
	close(fd);
}

static void *write_one(void *arg)
{
	add(*(int *)arg, 1);
	return NULL;
}

/*
 * A writer sleeps while its value doesn't fit into the counter.  When an irqfd takes the
 * count, it wakes the writer, as read() does.
 *
 * Linux up to 6.12 and later doesn't wake it.
 */
TEST_F(vm, wakes_writers)
{
	int fd = eventfd(0, EFD_CLOEXEC), ret;
	struct timespec until;
	pthread_t thread;

	TEST_ASSERT(fd >= 0, __KVM_SYSCALL_ERROR("eventfd()", fd));

	add(fd, ~0ull - 1);
	TEST_ASSERT(!pthread_create(&thread, NULL, write_one, &fd), "pthread_create() failed");
	usleep(SETTLE_PASSES * SETTLE_USEC);
	TEST_ASSERT(pthread_tryjoin_np(thread, NULL) == EBUSY, "Wanted the writer to sleep");

	assign_ok(self->v.vm, fd, GSI_MSI);
	wait_for_irqs(&self->v, VECTOR, 1);

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	ret = pthread_timedjoin_np(thread, NULL, &until);
	TEST_ASSERT(!ret, "Wanted the writer to wake up and end, got %s", strerror(ret));

	/* The value that was written is an event like any other. */
	add(fd, 1);
	wait_for_irqs(&self->v, VECTOR, 2);
	unassign_ok(self->v.vm, fd, GSI_MSI);
	close(fd);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
