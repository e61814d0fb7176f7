// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forwarded interrupts of VFIO devices: the guest's EOI ends the host's interrupt.
 *
 * The device is QEMU's edu, and its INTx an SPI.  Linux up to 6.12 and later can't do that;
 * irqfd_vfio_test has the same device by a level irqfd.
 */
#include <pthread.h>
#include <sys/wait.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "level_vm.h"
#include "test_module.h"
#include "test_util.h"
#include "forward.h"

#define INTX	VFIO_PCI_INTX_IRQ_INDEX
#define MSI	VFIO_PCI_MSI_IRQ_INDEX

static int has_attr(int fd, uint64_t attr)
{
	return __kvm_has_device_attr(fd, KVM_DEV_VFIO_DEVICE, attr) ? errno : 0;
}

static int set_attr(int fd, uint64_t attr, void *args)
{
	return __kvm_device_attr_set(fd, KVM_DEV_VFIO_DEVICE, attr, args) ? errno : 0;
}

TEST_F(forward, has_attr)
{
	int fd = self->f.kvm_vfio;

	ASSERT_ERRNO(0, has_attr(fd, KVM_DEV_VFIO_DEVICE_FORWARD_IRQ), "FORWARD_IRQ");
	ASSERT_ERRNO(0, has_attr(fd, KVM_DEV_VFIO_DEVICE_UNFORWARD_IRQ), "UNFORWARD_IRQ");
	ASSERT_ERRNO(ENXIO, has_attr(fd, KVM_DEV_VFIO_DEVICE_UNFORWARD_IRQ + 1), "Another");
	ASSERT_ERRNO(ENXIO, set_attr(fd, KVM_DEV_VFIO_DEVICE_UNFORWARD_IRQ + 1, NULL),
		     "Another");
}

/* Each has an errno of its own, and leaves the interrupt to the irqfd. */
TEST_F(forward, errnos)
{
	struct kvm_irq_routing_entry routes[] = {
		pin_route(GSI_LEVEL, GSI_LEVEL), pin_route(100, NR_PINS - 1),
		msi_route(GSI_MSI, VECTOR2),
	};
	struct kvm_vfio_forward_irq args = {
		.argsz = sizeof(args), .fd = self->f.vfio.device, .gsi = GSI_LEVEL,
	};
	struct intx_vm *f = &self->f;
	int device = f->vfio.device;

	ASSERT_ERRNO(EBADF, forward_irq(f, -1, INTX, 0, GSI_LEVEL), "No descriptor");
	ASSERT_ERRNO(ENODEV, forward_irq(f, f->fd, INTX, 0, GSI_LEVEL), "An eventfd");
	ASSERT_ERRNO(ENODEV, forward_irq(f, f->vfio.group, INTX, 0, GSI_LEVEL), "A group");
	ASSERT_ERRNO(ENOENT, forward_irq(f, device, VFIO_PCI_NUM_IRQS, 0, GSI_LEVEL),
		     "No such index");
	ASSERT_ERRNO(ENOENT, forward_irq(f, device, INTX, 1, GSI_LEVEL), "No such subindex");
	ASSERT_ERRNO(EINVAL, forward_irq(f, device, MSI, 0, GSI_LEVEL), "An MSI");
	ASSERT_ERRNO(EINVAL, forward_irq(f, device, VFIO_PCI_ERR_IRQ_INDEX, 0, GSI_LEVEL),
		     "An error's signal");

	set_routes(f->v.vm, routes, ARRAY_SIZE(routes));
	ASSERT_ERRNO(ERANGE, forward_irq(f, device, INTX, 0, 99), "No route");
	ASSERT_ERRNO(ERANGE, forward_irq(f, device, INTX, 0, 100), "No such SPI");
	ASSERT_ERRNO(ERANGE, forward_irq(f, device, INTX, 0, GSI_MSI), "An MSI's route");
	set_default_routes(f->v.vm);

	ASSERT_ERRNO(EFAULT, set_attr(f->kvm_vfio, KVM_DEV_VFIO_DEVICE_FORWARD_IRQ, NULL),
		     "No arguments");
	args.argsz--;
	ASSERT_ERRNO(EINVAL, set_attr(f->kvm_vfio, KVM_DEV_VFIO_DEVICE_FORWARD_IRQ, &args),
		     "Too short");
	args.argsz++;
	args.flags = 1;
	ASSERT_ERRNO(EINVAL, set_attr(f->kvm_vfio, KVM_DEV_VFIO_DEVICE_FORWARD_IRQ, &args),
		     "A flag");

	ASSERT_ERRNO(ENOENT, unforward_irq(f, device, INTX, 0, GSI_LEVEL), "Not forwarded");
	assert_works(f);

	forward_ok(f);
	ASSERT_ERRNO(EEXIST, forward_irq(f, device, INTX, 0, GSI_LEVEL), "Twice");
	ASSERT_ERRNO(EEXIST, forward_irq(f, device, INTX, 0, GSI_PIN), "To two GSIs");
	ASSERT_ERRNO(ENOENT, unforward_irq(f, device, INTX, 0, GSI_PIN), "Another GSI");
	assert_works(f);
	unforward_ok(f);
	ASSERT_ERRNO(ENOENT, unforward_irq(f, device, INTX, 0, GSI_LEVEL), "Given back");
	assert_works(f);

	ASSERT_ERRNO(0, disable_irqs(&f->vfio, INTX), "Disable");
	ASSERT_ERRNO(0, enable_irq(&f->vfio, MSI, f->fd), "MSI");
	ASSERT_ERRNO(EBUSY, forward_irq(f, device, INTX, 0, GSI_LEVEL), "With MSI");
}

/* A VM without an interrupt controller. */
TEST_F(forward, no_vgic)
{
	struct intx_vm other = self->f;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm = vm_create_with_one_vcpu(&vcpu, NULL);

	other.kvm_vfio = kvm_create_device(vm, KVM_DEV_TYPE_VFIO);
	ASSERT_ERRNO(ERANGE, forward_irq(&other, self->f.vfio.device, INTX, 0, GSI_LEVEL),
		     "No routes");
	close(other.kvm_vfio);
	kvm_vm_free(vm);
	assert_works(&self->f);
}

/* The host masks nothing and signals nothing, and hears of no EOI. */
TEST_F_TIMEOUT(forward, rounds_forwarded, 120)
{
	forward_ok(&self->f);
	count_rounds(&self->f, true, rounds(10000));
}

TEST_F(forward, switch_at_any_moment)
{
	struct intx_vm *f = &self->f;
	enum where where;
	int round;

	for (round = 0; round < 3; round++) {
		for (where = IDLE; where <= IN_SERVICE; where++) {
			uint64_t handled = f->edu->handled;

			bring(f, where);
			forward_ok(f);
			assert_brought(f, where, handled, "Forwarded");

			handled = f->edu->handled;
			bring(f, where);
			unforward_ok(f);
			assert_brought(f, where, handled, "Given back");

			/* Both at once, with the guest in between. */
			handled = f->edu->handled;
			bring(f, where);
			forward_ok(f);
			unforward_ok(f);
			forward_ok(f);
			unforward_ok(f);
			assert_brought(f, where, handled, "Forwarded and given back");
		}
	}
}

/* The guest ends what it has in service before the host's interrupt comes again. */
TEST_F(forward, in_service)
{
	struct intx_vm *f = &self->f;
	uint64_t came;

	bring(f, IN_SERVICE);
	came = intx_count();
	forward_ok(f);
	/* The device asserts it, and nothing masks it. */
	TEST_ASSERT(intx_count() == came, "The host was interrupted again");
	assert_brought(f, IN_SERVICE, 0, "Forwarded");
	TEST_ASSERT(intx_count() == came + 2, "Wanted 2 more interrupts of the host's, got %lu",
		    intx_count() - came);
}

struct toggler {
	pthread_t thread;
	struct intx_vm *f;
	bool stop;
	uint64_t times;
};

static void *toggle(void *arg)
{
	struct toggler *t = arg;

	while (!READ_ONCE(t->stop)) {
		forward_ok(t->f);
		usleep(random() % 300);
		unforward_ok(t->f);
		usleep(random() % 300);
		t->times++;
	}
	return NULL;
}

/* While the guest runs rounds, which would wait for ever for an interrupt that is lost. */
TEST_F_TIMEOUT(forward, switch_while_running, 240)
{
	const uint64_t nr = rounds(5000);
	struct toggler t = { .f = &self->f };

	pthread_create(&t.thread, NULL, toggle, &t);
	do_rounds(&self->f, nr);
	WRITE_ONCE(t.stop, true);
	pthread_join(t.thread, NULL);
	pr_info("%lu rounds, forwarded and given back %lu times, %lu spurious\n", nr, t.times,
		self->f.edu->spurious);
	/*
	 * When it is given back the host may have seen the device assert it, and the guest's
	 * handler deal with that before the signal.
	 */
	TEST_ASSERT(self->f.edu->spurious <= t.times, "Too many");
	self->f.edu->spurious = 0;
	assert_handled(&self->f, nr, 0);
	assert_works(&self->f);
}

/* The guest's driver disables INTx through config space, and enables it. */
TEST_F(forward, disintx)
{
	struct intx_vm *f = &self->f;
	uint64_t handled;

	forward_ok(f);
	assert_disintx(f);

	set_disintx(&f->vfio, true);
	handled = f->edu->handled;
	edu_write(f, EDU_IRQ_RAISE, 1);
	assert_irqs(&f->v, VECTOR, irqs(&f->v, VECTOR));
	unforward_ok(f);
	assert_irqs(&f->v, VECTOR, irqs(&f->v, VECTOR));
	set_disintx(&f->vfio, false);
	WAIT_FOR((pass(&f->v), f->edu->handled > handled), "Not handled after DisINTx");
	assert_works(f);
}

/* User space masks it, and unmasks it. */
static int mask_intx(struct intx_vm *f, uint32_t action)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | action,
		.index = INTX,
		.count = 1,
	};

	return ioctl(f->vfio.device, VFIO_DEVICE_SET_IRQS, &set) ? errno : 0;
}

TEST_F(forward, masked)
{
	struct intx_vm *f = &self->f;
	uint64_t handled;

	forward_ok(f);
	ASSERT_ERRNO(0, mask_intx(f, VFIO_IRQ_SET_ACTION_MASK), "Mask");
	edu_write(f, EDU_IRQ_RAISE, 1);
	assert_irqs(&f->v, VECTOR, 0);
	handled = f->edu->handled;
	ASSERT_ERRNO(0, mask_intx(f, VFIO_IRQ_SET_ACTION_UNMASK), "Unmask");
	WAIT_FOR((pass(&f->v), f->edu->handled == handled + 1), "Not handled after the unmask");
	assert_works(f);
}

/* What is forwarded stays so when INTx goes and comes, and MSI in between. */
TEST_F(forward, enabled_anew)
{
	struct intx_vm *f = &self->f;
	enum where where;
	int msi;

	forward_ok(f);
	for (msi = 0; msi <= 1; msi++) {
		for (where = IDLE; where <= IN_SERVICE; where++) {
			bring(f, where);
			ASSERT_ERRNO(0, disable_irqs(&f->vfio, INTX), "Disable");
			if (msi) {
				ASSERT_ERRNO(0, enable_irq(&f->vfio, MSI, f->fd), "MSI");
				ASSERT_ERRNO(0, disable_irqs(&f->vfio, MSI), "No MSI");
			}
			/* INTx was signalled, and the guest finds nothing. */
			edu_write(f, EDU_IRQ_ACK, ~0);
			pass(&f->v);
			pass(&f->v);
			f->edu->spurious = 0;

			unassign_ok(f->v.vm, f->fd, GSI_LEVEL);
			use_intx(f);
			assert_works(f);
			count_rounds(f, true, 10);
		}
	}
	unforward_ok(f);
	assert_works(f);
}

/* Before INTx is enabled, and after it is disabled. */
TEST_F(forward, before_it_is_enabled)
{
	struct intx_vm *f = &self->f;

	ASSERT_ERRNO(0, disable_irqs(&f->vfio, INTX), "Disable");
	unassign_ok(f->v.vm, f->fd, GSI_LEVEL);
	forward_ok(f);
	use_intx(f);
	count_rounds(f, true, 10);
	ASSERT_ERRNO(0, disable_irqs(&f->vfio, INTX), "Disable");
	unforward_ok(f);
}

/* VFIO_DEVICE_RESET, where the device has a reset. */
TEST_F(forward, reset)
{
	struct intx_vm *f = &self->f;
	enum where where;

	forward_ok(f);
	for (where = IDLE; where <= IN_SERVICE; where++) {
		bring(f, where);
		if (ioctl(f->vfio.device, VFIO_DEVICE_RESET))
			SKIP(return, "No reset: %s", strerror(errno));
		edu_write(f, EDU_IRQ_ACK, ~0);
		pass(&f->v);
		pass(&f->v);
		f->edu->spurious = 0;
		assert_works(f);
	}
}

/* The vCPU takes it, whatever user space closes first. */
TEST_F(forward, device_closed_first)
{
	struct intx_vm *f = &self->f;

	forward_ok(f);
	close(f->vfio.device);
	f->vfio.device = -1;
	assert_works(f);
	edu_write(f, EDU_IRQ_RAISE, 1);
	run_into_irq(&f->v);
	close(f->kvm_vfio);
	f->kvm_vfio = -1;
	pass(&f->v);
}

TEST_F(forward, kvm_vfio_closed_first)
{
	struct intx_vm *f = &self->f;
	enum where where;

	for (where = IDLE; where <= IN_SERVICE; where++) {
		uint64_t handled = f->edu->handled;

		forward_ok(f);
		bring(f, where);
		close(f->kvm_vfio);
		assert_brought(f, where, handled, "Closed");
		f->kvm_vfio = kvm_create_device(f->v.vm, KVM_DEV_TYPE_VFIO);
	}
}

/* The VM stays until the kvm-vfio device has given the interrupt back. */
TEST_F(forward, vm_closed_first)
{
	struct intx_vm *f = &self->f;

	forward_ok(f);
	bring(f, IN_SERVICE);
	irq_vm_free(&f->v);
	edu_write(f, EDU_IRQ_ACK, ~0);
	edu_write(f, EDU_IRQ_RAISE, 1);
	close(f->kvm_vfio);
	f->kvm_vfio = -1;
	/* VFIO signals it again; the irqfd is gone with the VM. */
	WAIT_FOR(take(f->fd), "The eventfd isn't signalled");
}

/* Others on the line would wait for the guest: there are none, and none can join. */
static int join(int irq)
{
	char text[16];
	int fd = open("/dev/shared_irq", O_WRONLY | O_CLOEXEC), err;

	TEST_ASSERT(fd >= 0, "/dev/shared_irq: %s", strerror(errno));
	snprintf(text, sizeof(text), "%d", irq);
	if (write(fd, text, strlen(text)) > 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

TEST_F(forward, shared)
{
	struct intx_vm *f = &self->f;
	int irq = intx_irq(), other;

	if (access("/dev/shared_irq", F_OK))
		SKIP(return, "Needs shared_irq.ko");
	other = join(irq);
	TEST_ASSERT(other >= 0, "Joining: %s", strerror(errno));
	ASSERT_ERRNO(EOPNOTSUPP, forward_irq(f, f->vfio.device, INTX, 0, GSI_LEVEL), "Shared");
	assert_works(f);
	close(other);

	forward_ok(f);
	ASSERT_ERRNO(EBUSY, join(irq) < 0 ? errno : 0, "Joining a forwarded one");
	assert_works(f);
	unforward_ok(f);

	/* Shared when INTx is enabled: the eventfd is signalled. */
	forward_ok(f);
	ASSERT_ERRNO(0, disable_irqs(&f->vfio, INTX), "Disable");
	other = join(irq);
	TEST_ASSERT(other >= 0, "Joining: %s", strerror(errno));
	unassign_ok(f->v.vm, f->fd, GSI_LEVEL);
	use_intx(f);
	assert_works(f);
	unforward_ok(f);
	close(other);
	assert_works(f);
}

/* The device's own file, which isn't the device before it is bound. */
TEST(device_file)
{
	struct intx_vm f = { .kvm_vfio = -1 };
	struct kvm_vm *vm = create_irqchip_vm();
	struct vfio vfio;

	if (!open_edu_file(&vfio))
		SKIP(return, "No file of the device's");
	f.kvm_vfio = kvm_create_device(vm, KVM_DEV_TYPE_VFIO);
	ASSERT_ERRNO(ENODEV, forward_irq(&f, vfio.device, INTX, 0, GSI_LEVEL), "Not bound");
	close(f.kvm_vfio);
	kvm_vm_free(vm);

	bind_edu_file(&vfio);
	intx_vm_init_with(&f, vfio);
	use_intx(&f);
	forward_ok(&f);
	count_rounds(&f, true, 10);
	unforward_ok(&f);
	assert_works(&f);
	intx_vm_free(&f);
}

/*
 * The host sleeps with the interrupt wherever it is, short of switching itself off.  The core
 * would wait for an interrupt that is active, but the GIC's driver deactivates what is
 * forwarded when the core masks it.
 */
TEST_F_TIMEOUT(forward, host_sleeps, 120)
{
	struct intx_vm *f = &self->f;
	enum where where;

	if (!tell_kernel("/sys/power/pm_test", 0, "platform"))
		SKIP(return, "The kernel can't try to sleep");
	tell_kernel("/sys/module/suspend/parameters/pm_test_delay", 0, "1");

	forward_ok(f);
	for (where = IDLE; where <= IN_SERVICE; where++) {
		uint64_t handled = f->edu->handled;

		bring(f, where);
		ASSERT_TOLD("/sys/power/state", 0, "freeze");
		assert_brought(f, where, handled, "Awake");
		count_rounds(f, true, 10);
	}
}

/* The thread's @nth allocation or copy from now on is to fail, 0 for none. */
static void fail_nth(int fd, int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nth);

	/* The failure may hit the copy of this number, once. */
	while (pwrite(fd, text, len, 0) != len)
		TEST_ASSERT(errno == EFAULT, "fail-nth: %s", strerror(errno));
}

/* Has one failed since?  None does from now on. */
static bool has_failed(int fd)
{
	char text[16] = { };
	bool failed = false;

	/* Or that of the answer. */
	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		failed = !atoi(text);
	else
		TEST_ASSERT(errno == EFAULT, "fail-nth: %s", strerror(errno));
	fail_nth(fd, 0);
	return failed;
}

TEST_F(forward, failing)
{
	struct intx_vm *f = &self->f;
	int fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC), nth, err;

	if (fd < 0)
		SKIP(return, "The kernel has no fault injection");
	ASSERT_TOLD("/sys/kernel/debug/failslab/ignore-gfp-wait", 0, "N");

	for (nth = 1; ; nth++) {
		fail_nth(fd, nth);
		err = forward_irq(f, f->vfio.device, INTX, 0, GSI_LEVEL);
		if (!has_failed(fd))
			break;
		TEST_ASSERT(err == ENOMEM || err == EFAULT, "%d: %s", nth, strerror(err));
		ASSERT_ERRNO(ENOENT, unforward_irq(f, f->vfio.device, INTX, 0, GSI_LEVEL),
			     "%d: forwarded", nth);
		assert_works(f);
	}
	ASSERT_ERRNO(0, err, "Without a failure");
	TEST_ASSERT(nth > 2, "Only %d steps could fail", nth - 1);
	assert_works(f);

	/* To give it back nothing is needed but the copy of its name. */
	for (nth = 1; ; nth++) {
		fail_nth(fd, nth);
		err = unforward_irq(f, f->vfio.device, INTX, 0, GSI_LEVEL);
		if (!has_failed(fd))
			break;
		ASSERT_ERRNO(EFAULT, err, "%d: give it back", nth);
		assert_works(f);
	}
	ASSERT_ERRNO(0, err, "Without a failure");
	assert_works(f);
	close(fd);
}

/* Killed at any moment, while the device interrupts. */
TEST_F_TIMEOUT(forward, killed, 300)
{
	const int nr = rounds(200);
	struct intx_vm f;
	int round;

	intx_vm_free(&self->f);
	for (round = 0; round < nr; round++) {
		pid_t child = fork();

		if (!child) {
			struct toggler t = { .f = &f };

			TEST_ASSERT(intx_vm_init(&f), "No device");
			use_intx(&f);
			pthread_create(&t.thread, NULL, toggle, &t);
			for (;;)
				do_rounds(&f, 100);
		}
		usleep(20000 + random() % 60000);
		kill(child, SIGKILL);
		TEST_ASSERT(waitpid(child, NULL, 0) == child, "waitpid(): %s", strerror(errno));
	}

	TEST_ASSERT(intx_vm_init(&self->f), "The device is gone");
	use_intx(&self->f);
	assert_works(&self->f);
	forward_ok(&self->f);
	assert_works(&self->f);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	/* Its test skips if the module can't be had. */
	load_test_module("shared_irq");
	return test_harness_run(argc, argv);
}
