// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: a signalled eventfd injects an interrupt.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>

#include "apic.h"
#include "hyperv.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

/* These have no routes by default. */
#define GSI_PIC		26
#define GSI_SINT	27
#define GSI_SPLIT	28
#define SPLIT_PINS	24

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
FIXTURE_VARIANT_ADD(route, ioapic) {
	.gsi = GSI_IOAPIC,
};

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
	uint64_t left;
	int i;

	assign_ok(self->v.vm, self->fd, self->gsi);
	assert_irqs(&self->v, VECTOR, 0);

	for (i = 1; i <= 50; i++) {
		add(self->fd, i);
		left = take(self->fd);
		TEST_ASSERT(!left, "A signalled eventfd with an irqfd: wanted 0, read %lu", left);
		wait_for_irqs(&self->v, VECTOR, i);
	}

	assert_irqs(&self->v, VECTOR, 50);
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
	const int nr = 200;
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
	int i;

	for (i = 1; i <= 50; i++) {
		assign_ok(self->v.vm, self->fd, self->gsi);
		add(self->fd, 1);
		unassign_ok(self->v.vm, self->fd, self->gsi);
		pass(&self->v);
		TEST_ASSERT(irqs(&self->v, VECTOR) == i,
			    "Round %d: wanted %d interrupts once deassign returned, got %lu", i, i,
			    irqs(&self->v, VECTOR));
	}
	assert_irqs(&self->v, VECTOR, 50);
}

/* Deassign while a thread signals: after its return no signal interrupts. */
TEST_F(route, deassign_under_fire)
{
	struct shooter shooter;
	uint64_t before;
	int i, j;

	start_shooting(&shooter, self->fd);

	for (i = 0; i < 30; i++) {
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
		.addr = DOORBELL_PORT,
		.len = 4,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};
}

/* The guest's write interrupts the guest, without user space. */
TEST_F(route, doorbell)
{
	struct kvm_ioeventfd bell = doorbell(self->fd);
	int i;

	vm_ioctl(self->v.vm, KVM_IOEVENTFD, &bell);
	assign_ok(self->v.vm, self->fd, self->gsi);

	for (i = 1; i <= 50; i++) {
		self->v.guest->ring = 1;
		pass(&self->v);
		self->v.guest->ring = 0;
		wait_for_irqs(&self->v, VECTOR, i);
	}
	assert_irqs(&self->v, VECTOR, 50);
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
	struct shooter shooter;
	uint64_t before, left;
	int i;

	start_shooting(&shooter, self->fd);

	for (i = 0; i < 5; i++) {
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

/* All other tests: a VM without an irqfd. */
FIXTURE(vm) {
	struct irq_vm v;
	int fd;
};

FIXTURE_SETUP(vm)
{
	irq_vm_init(&self->v);
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(vm)
{
	close(self->fd);
	irq_vm_free(&self->v);
}

/* Descriptors that aren't open eventfds. */
TEST_F(vm, errno_fd)
{
	int fd, pipefd[2];

	ASSERT_ERRNO(EBADF, irqfd(self->v.vm, -1, GSI_MSI), "Assign fd -1");
	ASSERT_ERRNO(EBADF, unassign(self->v.vm, -1, GSI_MSI), "Deassign fd -1");

	fd = new_eventfd();
	close(fd);
	ASSERT_ERRNO(EBADF, irqfd(self->v.vm, fd, GSI_MSI), "Assign a closed fd");
	ASSERT_ERRNO(EBADF, unassign(self->v.vm, fd, GSI_MSI), "Deassign a closed fd");

	TEST_ASSERT(!pipe(pipefd), "pipe(): %s", strerror(errno));
	ASSERT_ERRNO(EINVAL, irqfd(self->v.vm, pipefd[1], GSI_MSI), "Assign a pipe");
	ASSERT_ERRNO(EINVAL, unassign(self->v.vm, pipefd[1], GSI_MSI), "Deassign a pipe");
	close(pipefd[0]);
	close(pipefd[1]);

	fd = self->v.vm->fd;
	ASSERT_ERRNO(EINVAL, irqfd(self->v.vm, fd, GSI_MSI), "Assign the VM's own fd");

	ASSERT_ERRNO(EFAULT, ioctl(self->v.vm->fd, KVM_IRQFD, NULL) ? errno : 0,
		     "KVM_IRQFD with a NULL pointer");
}

TEST_F(vm, errno_flags)
{
	const uint32_t known = KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE;
	int bit;

	for (bit = 0; bit < 32; bit++) {
		uint32_t flag = 1u << bit;

		if (known & flag)
			continue;

		ASSERT_ERRNO(EINVAL, irqfd_full(self->v.vm->fd, self->fd, GSI_MSI, flag, 0),
			     "Assign with flags 0x%x", flag);
		flag |= KVM_IRQFD_FLAG_DEASSIGN;
		ASSERT_ERRNO(EINVAL, irqfd_full(self->v.vm->fd, self->fd, GSI_MSI, flag, 0),
			     "Deassign with flags 0x%x", flag);
	}

	/* KVM checks the flags before the fd. */
	ASSERT_ERRNO(EINVAL, irqfd_full(self->v.vm->fd, -1, GSI_MSI, 1u << 31, 0),
		     "Assign fd -1 with flags 0x80000000");

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
}

/* Without an interrupt controller there is nothing to inject into. */
TEST_F(vm, errno_no_irqchip)
{
	struct kvm_vm *vm = vm_create_barebones();

	ASSERT_ERRNO(EINVAL, irqfd(vm, self->fd, GSI_MSI), "Assign without an irqchip");
	ASSERT_ERRNO(0, unassign(vm, self->fd, GSI_MSI), "Deassign without an irqchip");
	kvm_vm_free(vm);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
}

/* Deassign succeeds if there is no such irqfd, and ends no other irqfd. */
TEST_F(vm, deassign_of_nothing)
{
	unassign_ok(self->v.vm, self->fd, GSI_MSI);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	unassign_ok(self->v.vm, self->fd, GSI_MSI2);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	unassign_ok(self->v.vm, self->fd, GSI_MSI);
	unassign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	/* By whichever descriptor, and with the flag of assign as well. */
	take(self->fd);
	assign_ok(self->v.vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, irqfd_full(self->v.vm->fd, dup(self->fd), GSI_MSI,
				   KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE, -1),
		     "Deassign by a copy of the descriptor");
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
}

/* A deassign in another VM doesn't end this VM's irqfd of the same eventfd and GSI. */
TEST_F(vm, deassign_in_other_vm)
{
	struct irq_vm other;

	irq_vm_init(&other);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	unassign_ok(other.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	irq_vm_free(&other);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 2);
}

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

/* An eventfd has one irqfd at most, for all GSIs and descriptors. */
TEST_F(vm, busy)
{
	int copy = dup(self->fd), resamplefd = new_eventfd();
	struct kvm_vm *vm = self->v.vm;

	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(EBUSY, irqfd(vm, self->fd, GSI_MSI), "Assign a second time");
	ASSERT_ERRNO(EBUSY, irqfd(vm, self->fd, GSI_MSI2), "Assign to another GSI as well");
	ASSERT_ERRNO(EBUSY, irqfd(vm, copy, GSI_MSI2), "Assign a copy of the descriptor");
	ASSERT_ERRNO(EBUSY, irqfd_resample(vm, self->fd, GSI_LEVEL, resamplefd),
		     "Assign with resample as well");

	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_irqs(&self->v, VECTOR2, 0);

	/* But a GSI may have many eventfds. */
	assign_ok(vm, resamplefd, GSI_MSI);
	add(resamplefd, 1);
	assert_irqs(&self->v, VECTOR, 2);

	close(copy);
	close(resamplefd);
}

/*
 * The same across VMs.
 *
 * In Linux up to 6.12 the second VM's assign succeeds, and the VM never gets a signal.
 */
TEST_F(vm, busy_other_vm)
{
	struct irq_vm other;

	irq_vm_init(&other);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(EBUSY, irqfd(other.vm, self->fd, GSI_MSI), "Assign in another VM");
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_irqs(&other, VECTOR, 0);

	irq_vm_free(&other);
}

/* Once deassign has returned, the eventfd is free, in this VM and in others. */
TEST_F(vm, rebind)
{
	struct irq_vm other;
	struct irq_vm *vms[] = { &self->v, &self->v, &other };
	int i;

	irq_vm_init(&other);

	for (i = 0; i < 60; i++) {
		struct irq_vm *v = vms[i % 3];
		uint32_t gsi = i & 1 ? GSI_MSI : GSI_IOAPIC;
		uint64_t before = irqs(v, VECTOR);

		assign_ok(v->vm, self->fd, gsi);
		add(self->fd, 1);
		wait_for_irqs(v, VECTOR, before + 1);
		unassign_ok(v->vm, self->fd, gsi);
	}

	assert_irqs(&self->v, VECTOR, 40);
	assert_irqs(&other, VECTOR, 20);
	irq_vm_free(&other);
}

/* Closing the VM frees all its eventfds before it returns. */
TEST_F(vm, rebind_after_vm_close)
{
	const int nr = 64;
	struct irq_vm other;
	int fds[nr], i;

	irq_vm_init(&other);
	for (i = 0; i < nr; i++) {
		fds[i] = new_eventfd();
		assign_ok(other.vm, fds[i], i & 1 ? GSI_MSI : GSI_IOAPIC);
		add(fds[i], 1);
	}
	irq_vm_free(&other);

	for (i = 0; i < nr; i++) {
		assign_ok(self->v.vm, fds[i], GSI_MSI);
		add(fds[i], 1);
		wait_for_irqs(&self->v, VECTOR, i + 1);
		close(fds[i]);
	}
}

/* So does the close of the VM's descriptor, though a vCPU's keeps the VM alive. */
TEST_F(vm, rebind_with_vcpu_left)
{
	int kvm_fd, vm_fd, vcpu_fd;

	kvm_fd = open_kvm_dev_path_or_exit();
	vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	TEST_ASSERT(vm_fd >= 0, KVM_IOCTL_ERROR(KVM_CREATE_VM, vm_fd));
	TEST_ASSERT(!ioctl(vm_fd, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP: %s",
		    strerror(errno));
	vcpu_fd = ioctl(vm_fd, KVM_CREATE_VCPU, 0);
	TEST_ASSERT(vcpu_fd >= 0, KVM_IOCTL_ERROR(KVM_CREATE_VCPU, vcpu_fd));

	ASSERT_ERRNO(0, irqfd_full(vm_fd, self->fd, GSI_IOAPIC, 0, 0), "Assign");
	close(vm_fd);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	close(vcpu_fd);
	close(kvm_fd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 2);
}

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

static unsigned long unreclaimable_kb(void)
{
	unsigned long kb = 0;
	char line[128];
	FILE *f;

	f = fopen("/proc/meminfo", "r");
	if (!f)
		return 0;

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "SUnreclaim: %lu kB", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

/* Bind that many eventfds and close them; false if their memory doesn't come back. */
static bool hang_up_many(struct kvm_vm *vm, int nr, long limit_kb, long *grown_kb)
{
	long before = unreclaimable_kb();
	time_t end;
	int fd, i;

	for (i = 0; i < nr; i++) {
		fd = new_eventfd();
		assign_ok(vm, fd, i & 1 ? GSI_MSI : GSI_IOAPIC);
		close(fd);
	}

	/* close() doesn't wait for the memory to be freed, so it comes some time later. */
	for (end = now() + WAIT_SEC;; usleep(SETTLE_PASSES * SETTLE_USEC)) {
		*grown_kb = unreclaimable_kb() - before;
		if (*grown_kb < limit_kb || now() > end)
			return *grown_kb < limit_kb;
	}
}

/* Thousands of eventfds are created, bound and closed: no memory leaks. */
TEST_F_TIMEOUT(vm, hangup_leaks_nothing, 90)
{
	const int nr = 2000;
	/* An irqfd and its eventfd have many more bytes than that. */
	const long limit_kb = nr * 64 / 1024;
	long grown_kb;
	int i;

	if (!unreclaimable_kb())
		SKIP(return, "No SUnreclaim in /proc/meminfo");

	/* A leak shows each time; other users of memory only now and then. */
	for (i = 0; i < 3; i++)
		if (hang_up_many(self->v.vm, nr, limit_kb, &grown_kb))
			break;
	TEST_ASSERT(i < 3, "3 times %d eventfds closed: %ld kB more each time", nr, grown_kb);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
}

/* Two threads race for an eventfd, in one VM or in two. */
FIXTURE(race) {
	struct irq_vm v[2];
};

FIXTURE_VARIANT(race) {
	bool two_vms;
};

FIXTURE_VARIANT_ADD(race, one_vm) {
	.two_vms = false,
};

FIXTURE_VARIANT_ADD(race, two_vms) {
	.two_vms = true,
};

FIXTURE_SETUP(race)
{
	irq_vm_init(&self->v[0]);
	if (variant->two_vms)
		irq_vm_init(&self->v[1]);
	else
		self->v[1] = self->v[0];
}

FIXTURE_TEARDOWN(race)
{
	irq_vm_free(&self->v[0]);
	if (variant->two_vms)
		irq_vm_free(&self->v[1]);
}

struct racer {
	pthread_t thread;
	pthread_barrier_t *barrier;
	struct kvm_vm *vm;
	uint32_t gsi;
	int *fd;
	int rounds;
	int ret;
};

static void start_race(struct racer *racers, pthread_barrier_t *barrier, void *(*fn)(void *),
		       struct irq_vm *v, int *fd, int rounds)
{
	int i;

	pthread_barrier_init(barrier, NULL, 3);
	for (i = 0; i < 2; i++) {
		racers[i].barrier = barrier;
		racers[i].vm = v[i].vm;
		racers[i].gsi = i ? GSI_MSI2 : GSI_MSI;
		racers[i].fd = fd;
		racers[i].rounds = rounds;
		TEST_ASSERT(!pthread_create(&racers[i].thread, NULL, fn, &racers[i]),
			    "pthread_create() failed");
	}
}

static void end_race(struct racer *racers)
{
	int i;

	for (i = 0; i < 2; i++)
		TEST_ASSERT(!pthread_join(racers[i].thread, NULL), "pthread_join() failed");
	pthread_barrier_destroy(racers->barrier);
}

static void *claim(void *arg)
{
	struct racer *r = arg;
	int i;

	for (i = 0; i < r->rounds; i++) {
		pthread_barrier_wait(r->barrier);
		r->ret = irqfd(r->vm, *r->fd, r->gsi);
		pthread_barrier_wait(r->barrier);
	}
	return NULL;
}

/*
 * Both assign the same eventfd: one succeeds and the other gets EBUSY.
 *
 * In Linux up to 6.12 both succeed if they are of different VMs.
 */
TEST_F(race, one_winner)
{
	const int nr = rounds(300);
	pthread_barrier_t barrier;
	struct racer racers[2];
	int fd, i, winner;

	start_race(racers, &barrier, claim, self->v, &fd, nr);

	for (i = 0; i < nr; i++) {
		fd = new_eventfd();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);

		winner = racers[0].ret ? 1 : 0;
		TEST_ASSERT(!racers[winner].ret && racers[!winner].ret == EBUSY,
			    "Round %d: wanted success and EBUSY, got %d (%s) and %d (%s)", i,
			    racers[0].ret, strerror(racers[0].ret),
			    racers[1].ret, strerror(racers[1].ret));

		unassign_ok(racers[winner].vm, fd, racers[winner].gsi);
		assign_ok(racers[!winner].vm, fd, racers[!winner].gsi);
		close(fd);
	}

	end_race(racers);
}

/* Assign, signal and deassign over and over, on an eventfd that may be closed. */
static void *juggle(void *arg)
{
	struct racer *r = arg;
	bool closes = r->gsi == GSI_MSI2;
	const uint64_t one = 1;
	int i, j, ret;

	for (i = 0; i < r->rounds; i++) {
		pthread_barrier_wait(r->barrier);

		for (j = 0; j < 4; j++) {
			/* The other thread may have bound it, or closed it. */
			ret = irqfd(r->vm, *r->fd, r->gsi);
			TEST_ASSERT(!ret || ret == EBUSY || ret == EBADF,
				    "Round %d, assign: wanted success, EBUSY or EBADF, got %d (%s)",
				    i, ret, strerror(ret));

			ret = write(*r->fd, &one, sizeof(one)) < 0 ? errno : 0;
			TEST_ASSERT(!ret || ret == EBADF,
				    "Round %d, write: wanted success or EBADF, got %d (%s)", i, ret,
				    strerror(ret));

			/* With the irqfd bound, unbound, or the other thread's. */
			if (closes && i % 3 == 2 && j == i % 4)
				close(*r->fd);

			ret = unassign(r->vm, *r->fd, r->gsi);
			TEST_ASSERT(!ret || ret == EBADF,
				    "Round %d, deassign: wanted success or EBADF, got %d (%s)", i,
				    ret, strerror(ret));
		}

		pthread_barrier_wait(r->barrier);
	}
	return NULL;
}

/*
 * Assign, deassign and close race on one eventfd.  Pins irqfds that are freed twice,
 * used after they were freed, or never freed.
 */
TEST_F(race, juggle)
{
	const int nr = rounds(600);
	pthread_barrier_t barrier;
	struct racer racers[2];
	uint64_t before;
	int fd, i, ret;

	start_race(racers, &barrier, juggle, self->v, &fd, nr);

	for (i = 0; i < nr; i++) {
		fd = new_eventfd();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);

		/* Both have deassigned, so the eventfd has no irqfd. */
		ret = irqfd(racers[i & 1].vm, fd, GSI_MSI);
		ASSERT_ERRNO(i % 3 == 2 ? EBADF : 0, ret, "Round %d: assign afterwards", i);
		if (!ret)
			close(fd);
	}

	end_race(racers);

	/* Both VMs work as before. */
	for (i = 0; i < 2; i++) {
		pass(&self->v[i]);
		before = irqs(&self->v[i], VECTOR);
		fd = new_eventfd();
		assign_ok(self->v[i].vm, fd, GSI_MSI);
		add(fd, 1);
		assert_irqs(&self->v[i], VECTOR, before + 1);
		close(fd);
	}
}

struct close_both {
	pthread_barrier_t barrier;
	int fd;
};

static void *close_eventfd(void *arg)
{
	struct close_both *c = arg;

	pthread_barrier_wait(&c->barrier);
	close(c->fd);
	return NULL;
}

/* Eventfd and VM are closed at the same time: either may come first. */
TEST(close_both)
{
	const int nr = rounds(60);
	struct close_both c;
	pthread_t thread;
	int i, resamplefd;

	for (i = 0; i < nr; i++) {
		struct kvm_vm *vm = vm_create_barebones();

		vm_create_irqchip(vm);
		pthread_barrier_init(&c.barrier, NULL, 2);
		c.fd = new_eventfd();
		resamplefd = new_eventfd();
		if (i & 1)
			assign_ok(vm, c.fd, GSI_IOAPIC);
		else
			assign_resample_ok(vm, c.fd, GSI_LEVEL, resamplefd);
		add(c.fd, 1);

		TEST_ASSERT(!pthread_create(&thread, NULL, close_eventfd, &c),
			    "pthread_create() failed");
		pthread_barrier_wait(&c.barrier);
		kvm_vm_free(vm);
		TEST_ASSERT(!pthread_join(thread, NULL), "pthread_join() failed");

		close(resamplefd);
		pthread_barrier_destroy(&c.barrier);
	}
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD_RESAMPLE));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SIGNAL_MSI));

	/*
	 * Hold a VM throughout.  Most subtests create and free a VM.  If that
	 * were the only one, each subtest would switch virtualization on and
	 * off on all CPUs, and patch the kernel's text.
	 */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
