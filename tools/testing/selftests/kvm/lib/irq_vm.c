// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM whose one vCPU does nothing but take interrupts, for the tests of irqfd.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "irq_vm.h"
#include "processor.h"

int irqfd_full(int vm_fd, int fd, uint32_t gsi, uint32_t flags, int resamplefd)
{
	struct kvm_irqfd args = {
		.fd = fd,
		.gsi = gsi,
		.flags = flags,
		.resamplefd = resamplefd,
	};

	return ioctl(vm_fd, KVM_IRQFD, &args) ? errno : 0;
}

int irqfd(struct kvm_vm *vm, int fd, uint32_t gsi)
{
	return irqfd_full(vm->fd, fd, gsi, 0, 0);
}

int irqfd_resample(struct kvm_vm *vm, int fd, uint32_t gsi, int resamplefd)
{
	return irqfd_full(vm->fd, fd, gsi, KVM_IRQFD_FLAG_RESAMPLE, resamplefd);
}

int unassign(struct kvm_vm *vm, int fd, uint32_t gsi)
{
	return irqfd_full(vm->fd, fd, gsi, KVM_IRQFD_FLAG_DEASSIGN, 0);
}

void assign_ok(struct kvm_vm *vm, int fd, uint32_t gsi)
{
	ASSERT_ERRNO(0, irqfd(vm, fd, gsi), "Assign eventfd %d to GSI %u", fd, gsi);
}

void assign_resample_ok(struct kvm_vm *vm, int fd, uint32_t gsi, int resamplefd)
{
	ASSERT_ERRNO(0, irqfd_resample(vm, fd, gsi, resamplefd),
		     "Assign eventfd %d to GSI %u with resample eventfd %d", fd, gsi, resamplefd);
}

void unassign_ok(struct kvm_vm *vm, int fd, uint32_t gsi)
{
	ASSERT_ERRNO(0, unassign(vm, fd, gsi), "Deassign eventfd %d from GSI %u", fd, gsi);
}

bool level_irqfds_allowed(struct kvm_vm *vm, uint32_t gsi)
{
	int fd = new_eventfd(), resamplefd = new_eventfd(), err;

	err = irqfd_resample(vm, fd, gsi, resamplefd);
	if (!err)
		unassign_ok(vm, fd, gsi);
	else
		ASSERT_ERRNO(EINVAL, err, "Assign to GSI %u with resample eventfd", gsi);
	close(fd);
	close(resamplefd);
	return !err;
}

struct kvm_irq_routing_entry chip_route(uint32_t gsi, uint32_t chip, uint32_t pin)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip.irqchip = chip,
		.u.irqchip.pin = pin,
	};
}

struct kvm_irq_routing_entry pin_route(uint32_t gsi, uint32_t pin)
{
	return chip_route(gsi, PINS_CHIP, pin);
}

void set_routes(struct kvm_vm *vm, const struct kvm_irq_routing_entry *entries, int nr)
{
	struct kvm_irq_routing *routing = kvm_gsi_routing_create();

	if (nr)
		memcpy(routing->entries, entries, nr * sizeof(*entries));
	routing->nr = nr;
	kvm_gsi_routing_write(vm, routing);
}

/* GSI_MSI goes to @vector, and nothing else is routed. */
void set_msi_route(struct kvm_vm *vm, uint8_t vector)
{
	const struct kvm_irq_routing_entry entry = msi_route(GSI_MSI, vector);

	set_routes(vm, &entry, 1);
}

static uint64_t run_to_sync(struct kvm_vcpu *vcpu)
{
	struct ucall uc;

	look_for_irqs(vcpu);
	for (;;) {
		vcpu_run(vcpu);
		switch (get_ucall(vcpu, &uc)) {
		case UCALL_SYNC:
			return uc.args[1];
		case UCALL_NONE:
			/* The doorbell, without an iosignalfd. */
			if (is_doorbell(vcpu->run))
				break;
			TEST_FAIL("Unexpected exit %u (%s)", vcpu->run->exit_reason,
				  exit_reason_str(vcpu->run->exit_reason));
		case UCALL_ABORT:
			REPORT_GUEST_ASSERT(uc);
		default:
			TEST_FAIL("Unexpected ucall %lu", uc.cmd);
		}
	}
}

void assert_runs_to(struct kvm_vcpu *vcpu, uint64_t want)
{
	uint64_t got = run_to_sync(vcpu);

	TEST_ASSERT(got == want, "Wanted the guest to stop at %s, it did at %s",
		    want == SYNC_PASS ? "the end of its pass" : "an EOI",
		    got == SYNC_PASS ? "the end of its pass" : "an EOI");
}

void pass(struct irq_vm *v)
{
	assert_runs_to(v->vcpu, SYNC_PASS);
}

void irq_vm_begin(void)
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD_RESAMPLE));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SIGNAL_MSI));

	vm_create_with_one_vcpu(&vcpu, NULL);
}

void irq_vm_free(struct irq_vm *v)
{
	irq_vm_close(v);
	kvm_vm_free(v->vm);
	v->vm = NULL;
}

static void settle(void)
{
	usleep(SETTLE_PASSES * SETTLE_USEC);
}

FILE *open_irqfds(struct kvm_vm *vm)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/irqfds", getpid(), vm->fd);
	return fopen(path, "r");
}

static bool worker_is_idle(struct kvm_vm *vm)
{
	bool idle = true;
	char line[256];
	FILE *f;

	f = open_irqfds(vm);
	TEST_ASSERT(f, "debugfs' list of the VM's irqfds: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		idle &= !strstr(line, "pending");
	fclose(f);
	return idle;
}

void wait_for_worker(struct irq_vm *v)
{
	FILE *f = open_irqfds(v->vm);

	if (!f) {
		settle();
		return;
	}
	fclose(f);
	WAIT_FOR(worker_is_idle(v->vm), "The worker still has irqfds to inject");
}

void wait_for_ends(struct irq_vm *v, uint64_t nr)
{
	uint64_t there;

	if (!find_vm_stat(v->vm, "nr_irqfds", &there)) {
		settle();
		return;
	}
	WAIT_FOR((there = vm_stat(v->vm, "nr_irqfds")) == nr,
		 "Wanted %lu irqfds to be left, got %lu", nr, there);
}

void wait_for_pending(struct irq_vm *v, uint8_t vector)
{
	WAIT_FOR(irq_is_pending(v, vector), "Vector 0x%x: wanted an interrupt, got none", vector);
	wait_for_worker(v);
}

void wait_for_irqs(struct irq_vm *v, uint8_t vector, uint64_t want)
{
	WAIT_FOR((pass(v), irqs(v, vector) >= want),
		 "Vector 0x%x: wanted %lu interrupts, got %lu", vector, want, irqs(v, vector));
}

void assert_irqs(struct irq_vm *v, uint8_t vector, uint64_t want)
{
	int i;

	wait_for_irqs(v, vector, want);
	for (i = 0; i < SETTLE_PASSES; i++) {
		usleep(SETTLE_USEC);
		pass(v);
	}
	TEST_ASSERT(irqs(v, vector) == want, "Vector 0x%x: wanted %lu interrupts, got %lu", vector,
		    want, irqs(v, vector));
}

static void *halted_vcpu(void *arg)
{
	struct irq_vm *v = arg;

	pass(v);
	return NULL;
}

void start_vcpu(struct irq_vm *v)
{
	WRITE_ONCE(v->guest->halt, 1);
	TEST_ASSERT(!pthread_create(&v->thread, NULL, halted_vcpu, v), "pthread_create() failed");
}

void stop_vcpu(struct irq_vm *v)
{
	struct kvm_msi msi = wake_msi(v->vcpu);
	int ret;

	WRITE_ONCE(v->guest->halt, 0);
	ret = __vm_ioctl(v->vm, KVM_SIGNAL_MSI, &msi);
	TEST_ASSERT(ret >= 0, KVM_IOCTL_ERROR(KVM_SIGNAL_MSI, ret));
	TEST_ASSERT(!pthread_join(v->thread, NULL), "pthread_join() failed");
}

void wait_for_running(struct irq_vm *v, uint8_t vector, uint64_t want)
{
	WAIT_FOR(irqs(v, vector) >= want, "Vector 0x%x: wanted %lu interrupts, got %lu", vector,
		 want, irqs(v, vector));
}

static void *shoot(void *arg)
{
	struct shooter *s = arg;
	const uint64_t one = 1;

	while (!READ_ONCE(s->stop)) {
		TEST_ASSERT(write(s->fd, &one, sizeof(one)) == sizeof(one),
			    "Writing eventfd %d: %s", s->fd, strerror(errno));
		WRITE_ONCE(s->shots, s->shots + 1);
	}
	return NULL;
}

void start_shooting(struct shooter *s, int fd)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	TEST_ASSERT(!pthread_create(&s->thread, NULL, shoot, s), "pthread_create() failed");
}

void let_shoot(struct shooter *s, uint64_t nr)
{
	uint64_t from = READ_ONCE(s->shots);

	WAIT_FOR(READ_ONCE(s->shots) > from + nr, "Wanted %lu signals, got %lu", nr,
		 READ_ONCE(s->shots) - from);
}

void stop_shooting(struct shooter *s)
{
	WRITE_ONCE(s->stop, true);
	TEST_ASSERT(!pthread_join(s->thread, NULL), "pthread_join() failed");
}

static void *signal_when_told(void *arg)
{
	struct busy_device *d = arg;
	uint64_t n;

	while (!READ_ONCE(d->stop)) {
		add(d->fd, 1);
		TEST_ASSERT(read(d->resamplefd, &n, sizeof(n)) == sizeof(n),
			    "Reading eventfd %d: %s", d->resamplefd, strerror(errno));
		WRITE_ONCE(d->told, d->told + n);
	}
	return NULL;
}

void start_device(struct busy_device *d, struct irq_vm *v, uint32_t gsi)
{
	memset(d, 0, sizeof(*d));
	d->fd = new_eventfd();
	d->resamplefd = eventfd(0, EFD_CLOEXEC);
	TEST_ASSERT(d->resamplefd >= 0, "eventfd() failed");
	assign_resample_ok(v->vm, d->fd, gsi, d->resamplefd);
	TEST_ASSERT(!pthread_create(&d->thread, NULL, signal_when_told, d),
		    "pthread_create() failed");
}

void stop_device(struct busy_device *d)
{
	WRITE_ONCE(d->stop, true);
	add(d->resamplefd, 1);
	TEST_ASSERT(!pthread_join(d->thread, NULL), "pthread_join() failed");
	close(d->fd);
	close(d->resamplefd);
}
