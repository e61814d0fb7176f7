// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM whose one vCPU does nothing but take interrupts, for the tests of irqfd.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "apic.h"
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

struct kvm_irq_routing_entry msi_route(uint32_t gsi, uint8_t vector)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi.address_lo = APIC_DEFAULT_GPA,
		.u.msi.data = vector,
	};
}

struct kvm_irq_routing_entry worker_route(uint8_t vector)
{
	struct kvm_irq_routing_entry route = msi_route(GSI_WORKER, vector);

	/* To the local APICs of all ids. */
	route.u.msi.address_lo |= 0xff << 12;
	return route;
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

void set_routes(struct kvm_vm *vm, const struct kvm_irq_routing_entry *entries, int nr)
{
	struct kvm_irq_routing *routing = kvm_gsi_routing_create();

	if (nr)
		memcpy(routing->entries, entries, nr * sizeof(*entries));
	routing->nr = nr;
	kvm_gsi_routing_write(vm, routing);
}

void set_default_routes(struct kvm_vm *vm)
{
	const struct kvm_irq_routing_entry entries[] = {
		msi_route(GSI_MSI, VECTOR),
		msi_route(GSI_MSI2, VECTOR2),
		worker_route(VECTOR),
		chip_route(GSI_IOAPIC, KVM_IRQCHIP_IOAPIC, GSI_IOAPIC),
		chip_route(GSI_LEVEL, KVM_IRQCHIP_IOAPIC, GSI_LEVEL),
		chip_route(GSI_BOTH, KVM_IRQCHIP_IOAPIC, GSI_BOTH),
		chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER, GSI_BOTH),
	};

	set_routes(vm, entries, ARRAY_SIZE(entries));
}

/* GSI_MSI goes to @vector, and nothing else is routed. */
void set_msi_route(struct kvm_vm *vm, uint8_t vector)
{
	const struct kvm_irq_routing_entry entry = msi_route(GSI_MSI, vector);

	set_routes(vm, &entry, 1);
}

struct kvm_ioapic_state ioapic_state(struct kvm_vm *vm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	return chip.chip.ioapic;
}

void ioapic_set_pin(struct kvm_vm *vm, int pin, uint8_t vector, bool level)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	chip.chip.ioapic.redirtbl[pin].bits = 0;
	chip.chip.ioapic.redirtbl[pin].fields.vector = vector;
	chip.chip.ioapic.redirtbl[pin].fields.trig_mode = level;
	vm_ioctl(vm, KVM_SET_IRQCHIP, &chip);
}

void pic_mask_all(struct kvm_vm *vm)
{
	struct kvm_irqchip chip;
	int id;

	for (id = KVM_IRQCHIP_PIC_MASTER; id <= KVM_IRQCHIP_PIC_SLAVE; id++) {
		memset(&chip, 0, sizeof(chip));
		chip.chip_id = id;
		vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
		chip.chip.pic.imr = 0xff;
		vm_ioctl(vm, KVM_SET_IRQCHIP, &chip);
	}
}

static struct guest_state guest_state;

static void guest_irq(struct ex_regs *regs)
{
	WRITE_ONCE(guest_state.irqs[regs->vector], guest_state.irqs[regs->vector] + 1);
	if (READ_ONCE(guest_state.stop_before_eoi))
		GUEST_SYNC(SYNC_BEFORE_EOI);
	if (READ_ONCE(guest_state.ack))
		guest_state.ack();
	else
		x2apic_write_reg(APIC_EOI, 0);
}

static void guest_main(void)
{
	x2apic_enable();

	for (;;) {
		GUEST_SYNC(SYNC_PASS);

		if (READ_ONCE(guest_state.ring))
			outl(DOORBELL_PORT, 1);
		if (READ_ONCE(guest_state.work))
			guest_state.work();

		/*
		 * An interrupt can come from the instruction after sti's
		 * successor on.  If it's HLT, none is lost in between.
		 */
		asm volatile("sti; nop; nop; cli" : : : "memory");
		while (READ_ONCE(guest_state.halt))
			asm volatile("sti; hlt; cli" : : : "memory");
	}
}

void look_for_irqs(struct kvm_vcpu *vcpu)
{
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	vcpu_regs_set(vcpu, &regs);
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
			if (vcpu->run->exit_reason == KVM_EXIT_IO &&
			    vcpu->run->io.port == DOORBELL_PORT)
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

void irq_vm_add_vector(struct irq_vm *v, uint8_t vector)
{
	vm_install_exception_handler(v->vm, vector, guest_irq);
}

static void install_handlers(struct irq_vm *v)
{
	v->guest = addr_gva2hva(v->vm, (uint64_t)&guest_state);

	irq_vm_add_vector(v, VECTOR);
	irq_vm_add_vector(v, VECTOR2);
	irq_vm_add_vector(v, PIC_VECTOR);
	irq_vm_add_vector(v, WAKE_VECTOR);
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

void irq_vm_init_x2apic(struct irq_vm *v, uint32_t pins, uint64_t flags)
{
	/* The library gives a new VM an irqchip, and a restarted one only with has_irqchip. */
	v->vm = vm_create(1);
	if (pins) {
		kvm_vm_release(v->vm);
		v->vm->has_irqchip = false;
		kvm_vm_restart(v->vm);
		vm_enable_cap(v->vm, KVM_CAP_SPLIT_IRQCHIP, pins);
	}
	if (flags)
		vm_enable_cap(v->vm, KVM_CAP_X2APIC_API, flags);
	v->vcpu = vm_vcpu_add(v->vm, 0, guest_main);
	install_handlers(v);

	if (!pins) {
		set_default_routes(v->vm);
		pic_mask_all(v->vm);
		ioapic_set_pin(v->vm, GSI_IOAPIC, VECTOR, false);
		ioapic_set_pin(v->vm, GSI_BOTH, VECTOR, false);
		ioapic_set_pin(v->vm, GSI_LEVEL, VECTOR, true);
	}

	/* Up to the first pass, with the local APIC enabled. */
	pass(v);
}

struct irq_vm irq_vm_add_vcpu(struct irq_vm *v)
{
	struct irq_vm other = *v;

	other.vcpu = vm_vcpu_add(v->vm, v->vcpu->id + 1, guest_main);
	pass(&other);
	return other;
}

void irq_vm_init(struct irq_vm *v)
{
	irq_vm_init_x2apic(v, 0, 0);
}

void irq_vm_init_split(struct irq_vm *v, uint32_t pins)
{
	irq_vm_init_x2apic(v, pins, 0);
}

void irq_vm_free(struct irq_vm *v)
{
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

bool irq_is_pending(struct irq_vm *v, uint8_t vector)
{
	struct kvm_lapic_state lapic;

	vcpu_ioctl(v->vcpu, KVM_GET_LAPIC, &lapic);
	return lapic.regs[APIC_IRR + vector / 32 * 16 + vector % 32 / 8] & (1 << vector % 8);
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
	struct kvm_msi msi = {
		.address_lo = APIC_DEFAULT_GPA | v->vcpu->id << 12, .data = WAKE_VECTOR,
	};
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

static char test_module[64];
static pid_t test_module_loader;

/* A subtest's process runs this too if it ends by exit(); it must not unload. */
static void unload_test_module(void)
{
	if (getpid() == test_module_loader)
		syscall(__NR_delete_module, test_module, O_NONBLOCK);
}

bool load_test_module(const char *name)
{
	char exe[PATH_MAX] = {}, path[PATH_MAX + 64];
	int fd, ret;

	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		return false;
	snprintf(path, sizeof(path), "%s/test_modules/%s.ko", dirname(exe), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ret = syscall(__NR_finit_module, fd, "", 0);
	close(fd);
	if (ret)
		return false;

	/* The harness exits instead of returning to main(). */
	snprintf(test_module, sizeof(test_module), "%s", name);
	test_module_loader = getpid();
	TEST_ASSERT(!atexit(unload_test_module), "atexit() failed");
	return true;
}
