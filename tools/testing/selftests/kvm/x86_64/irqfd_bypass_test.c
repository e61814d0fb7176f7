// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: interrupts that bypass it, with producers of test_modules/irqfd_bypass.c.
 *
 * There is no such hardware here: the module counts what KVM tells it.  "Told" below
 * is a call of irq_set_vcpu_affinity() for a producer's interrupt, "told of the host"
 * one that ends the posting.  The module must be in test_modules/ beside the program,
 * or the test is skipped.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "../test_modules/irqfd_bypass.h"
#include "apic.h"
#include "irq_routes.h"
#include "irq_vm.h"
#include "irqfd_control.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "stuck_vm.h"
#include "test_module.h"
#include "test_util.h"

FIXTURE(bypass) {
	struct irq_vm v;
	int dev;
	int fd;
};

static int device(int dev, unsigned long cmd, struct irqfd_bypass_args *args)
{
	return ioctl(dev, cmd, args) ? errno : 0;
}

static int add_producer(int dev, uint32_t id, int fd)
{
	struct irqfd_bypass_args args = { .id = id, .fd = fd };

	return device(dev, IRQFD_BYPASS_ADD, &args);
}

static struct irqfd_bypass_args producer(int dev, unsigned long cmd, uint32_t id)
{
	struct irqfd_bypass_args args = { .id = id };

	ASSERT_ERRNO(0, device(dev, cmd, &args), "Producer %u", id);
	return args;
}

static uint32_t told(int dev, uint32_t id)
{
	return producer(dev, IRQFD_BYPASS_GET, id).told;
}

static void del_producer(int dev, uint32_t id)
{
	struct irqfd_bypass_args args = producer(dev, IRQFD_BYPASS_DEL, id);

	TEST_ASSERT(args.stopped == args.started, "Producer %u: stopped %u times, started %u", id,
		    args.stopped, args.started);
}

static void refuse(int dev, int error)
{
	struct irqfd_bypass_args args = { .fail = -error };

	ASSERT_ERRNO(0, device(dev, IRQFD_BYPASS_FAIL, &args), "Refuse");
}

FIXTURE_SETUP(bypass)
{
	self->dev = open("/dev/irqfd_bypass", O_RDWR | O_CLOEXEC);
	TEST_REQUIRE(self->dev >= 0);
	irq_vm_init(&self->v);
	self->fd = new_eventfd();

	/* Without the hardware not every vendor module gets as far as that call. */
	assign_ok(self->v.vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, add_producer(self->dev, 0, self->fd), "Add a producer");
	TEST_REQUIRE(told(self->dev, 0));
	del_producer(self->dev, 0);
	unassign_ok(self->v.vm, self->fd, GSI_MSI);
}

FIXTURE_TEARDOWN(bypass)
{
	close(self->fd);
	irq_vm_free(&self->v);
	close(self->dev);
}

/* KVM tells the hardware of begin and end, whichever of the two comes or goes first. */
TEST_F(bypass, connect)
{
	struct kvm_vm *vm = self->v.vm;
	int dev = self->dev, i;
	uint32_t before;

	for (i = 0; i < 4; i++) {
		if (i & 1)
			assign_ok(vm, self->fd, GSI_MSI);
		ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");
		if (!(i & 1))
			assign_ok(vm, self->fd, GSI_MSI);
		before = told(dev, 0);
		TEST_ASSERT(before == 1, "Connected: wanted it told once, got %u", before);

		/* A signal of the eventfd still interrupts. */
		add(self->fd, 1);
		wait_for_irqs(&self->v, VECTOR, i + 1);

		if (i & 2) {
			del_producer(dev, 0);
			TEST_ASSERT(told(dev, 0) == 2, "Gone: wanted it told of the host");
			unassign_ok(vm, self->fd, GSI_MSI);
		} else {
			unassign_ok(vm, self->fd, GSI_MSI);
			TEST_ASSERT(told(dev, 0) == 2, "Deassigned: wanted it told of the host");
			del_producer(dev, 0);
		}
		TEST_ASSERT(told(dev, 0) == 2, "Both gone: wanted nothing to be told");
	}
}

/*
 * A connection that fails leaves nothing behind.
 *
 * Linux 6.12 keeps the pointer to the producer, and uses it for a new route.
 */
TEST_F(bypass, failed_connect)
{
	int dev = self->dev, other = new_eventfd();
	struct irqfd_bypass_args args;
	struct kvm_vm *vm = self->v.vm;
	uint32_t id;

	/* So that the VM has a device, and KVM updates the hardware. */
	assign_ok(vm, other, GSI_IOAPIC);
	ASSERT_ERRNO(0, add_producer(dev, 2, other), "Add a producer");

	assign_ok(vm, self->fd, GSI_MSI);
	/* Producer 0 has add_consumer() and del_consumer(), producer 1 has neither. */
	for (id = 0; id < 2; id++) {
		refuse(dev, EINVAL);
		ASSERT_ERRNO(EINVAL, add_producer(dev, id, self->fd),
			     "Add a producer that is refused");
		refuse(dev, 0);
		del_producer(dev, id);

		set_msi_route(vm, id ? VECTOR : VECTOR2);
		args = producer(dev, IRQFD_BYPASS_GET, id);
		TEST_ASSERT(!args.told, "A producer that isn't connected was told %u times",
			    args.told);
		TEST_ASSERT(!args.consumers, "Wanted it to have none, it has %u consumers",
			    args.consumers);
		TEST_ASSERT(args.stopped == args.started, "Stopped %u times, started %u",
			    args.stopped, args.started);
	}

	/* The next producer connects. */
	set_msi_route(vm, VECTOR2);
	ASSERT_ERRNO(0, add_producer(dev, 1, self->fd), "Add a producer");
	TEST_ASSERT(told(dev, 1) == 1, "Wanted it told once");
	set_msi_route(vm, VECTOR);
	TEST_ASSERT(told(dev, 1) == 2, "Wanted it told of the new route");
	del_producer(dev, 1);
	del_producer(dev, 2);
	close(other);
}

/*
 * KVM tells the hardware only changes.  It gives an interrupt that can't be posted back to
 * the host.
 *
 * Linux 6.12 leaves an interrupt posted whose GSI has no route any more.
 */
TEST_F(bypass, routes)
{
	const struct kvm_irq_routing_entry same = msi_route(GSI_MSI, VECTOR);
	const struct kvm_irq_routing_entry pin = chip_route(GSI_MSI, KVM_IRQCHIP_IOAPIC,
							    GSI_IOAPIC);
	struct kvm_vm *vm = self->v.vm;
	int dev = self->dev;

	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");

	set_routes(vm, &same, 1);
	TEST_ASSERT(told(dev, 0) == 1, "The same route: wanted nothing to be told");
	set_msi_route(vm, VECTOR2);
	TEST_ASSERT(told(dev, 0) == 2, "Another vector: wanted it told");
	set_routes(vm, &pin, 1);
	TEST_ASSERT(told(dev, 0) == 3, "No MSI any more: wanted it told of the host");
	set_routes(vm, &same, 1);
	TEST_ASSERT(told(dev, 0) == 4, "An MSI again: wanted it told");
	set_routes(vm, NULL, 0);
	TEST_ASSERT(told(dev, 0) == 5, "No route any more: wanted it told of the host");

	del_producer(dev, 0);
	TEST_ASSERT(told(dev, 0) == 6, "Gone without a route: wanted it told of the host");
}

/*
 * An eventfd has one producer.  A second one is refused, and its unregistration leaves
 * the first one connected.
 *
 * Linux 6.12 disconnects the first one then, because it looks for the eventfd.
 */
TEST_F(bypass, second_producer)
{
	struct kvm_vm *vm = self->v.vm;
	int dev = self->dev;

	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");
	ASSERT_ERRNO(EBUSY, add_producer(dev, 1, self->fd), "Add a second one");
	del_producer(dev, 1);
	TEST_ASSERT(told(dev, 0) == 1, "The second one's end: wanted the first one not to be told");
	set_msi_route(vm, VECTOR2);
	TEST_ASSERT(told(dev, 0) == 2 && !told(dev, 1), "Wanted the first one told");

	/* After its end the next one can register. */
	del_producer(dev, 0);
	TEST_ASSERT(told(dev, 0) == 3, "Gone: wanted it told of the host");
	ASSERT_ERRNO(0, add_producer(dev, 1, self->fd), "Add the second one again");
	TEST_ASSERT(told(dev, 1) == 1, "Connected: wanted it told once");
	del_producer(dev, 1);
}

/* A new route is for the producers of its GSI, and for no others. */
TEST_F(bypass, one_route)
{
	struct kvm_vm *vm = self->v.vm;
	int dev = self->dev, other = new_eventfd(), i;

	TEST_REQUIRE(kvm_check_cap(KVM_CAP_SET_GSI_ROUTES));
	assign_ok(vm, self->fd, GSI_MSI);
	assign_ok(vm, other, GSI_MSI2);
	ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");
	ASSERT_ERRNO(0, add_producer(dev, 1, other), "Add another GSI's producer");
	TEST_ASSERT(told(dev, 0) == 1 && told(dev, 1) == 1, "Wanted both connected");

	for (i = 0; i < 3; i++) {
		uint32_t before = told(dev, 0);

		set_gsi_route(vm, msi_route(GSI_MSI, VECTOR2));
		TEST_ASSERT(told(dev, 0) == before + 1, "Wanted it told of the route");
		set_gsi_route(vm, msi_route(GSI_MSI, VECTOR2));
		TEST_ASSERT(told(dev, 0) == before + 1, "Wanted it told of changes alone");
		set_gsi_route(vm, no_route(GSI_MSI));
		TEST_ASSERT(told(dev, 0) == before + 2, "Wanted it told of the host");
		set_gsi_route(vm, msi_route(GSI_MSI, VECTOR));
		TEST_ASSERT(told(dev, 0) == before + 3, "Wanted it told of the first route");
	}
	TEST_ASSERT(told(dev, 1) == 1, "The other GSI's: wanted nothing to be told");
	/* This one's route is gone with the table. */
	set_msi_route(vm, VECTOR);
	TEST_ASSERT(told(dev, 0) == 10, "Wanted nothing to be told of the same route");
	TEST_ASSERT(told(dev, 1) == 2, "Wanted it told of the host");

	del_producer(dev, 0);
	del_producer(dev, 1);
	close(other);
}

/* Among thousands of pairs, the manager finds the irqfd's producer at begin and end. */
TEST_F(bypass, crowd)
{
	struct irqfd_bypass_args args = { .id = 4096 };
	int dev = self->dev;

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, device(dev, IRQFD_BYPASS_CROWD, &args), "A crowd");
	ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");
	TEST_ASSERT(told(dev, 0) == 1, "Connected: wanted it told once");
	args.id = 0;
	ASSERT_ERRNO(0, device(dev, IRQFD_BYPASS_CROWD, &args), "No crowd");
	set_msi_route(self->v.vm, VECTOR2);
	TEST_ASSERT(told(dev, 0) == 2, "Wanted it told of the new route");
	del_producer(dev, 0);
	TEST_ASSERT(told(dev, 0) == 3, "Gone: wanted it told of the host");
}

/* A hang-up and the close of the VM give the interrupt back to the host. */
TEST_F(bypass, ends)
{
	int dev = self->dev, fd = new_eventfd();

	assign_ok(self->v.vm, fd, GSI_MSI);
	ASSERT_ERRNO(0, add_producer(dev, 0, fd), "Add a producer");
	close(fd);
	WAIT_FOR(told(dev, 0) == 2, "Hung up: wanted it told of the host");

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, add_producer(dev, 1, self->fd), "Add a producer");
	irq_vm_free(&self->v);
	TEST_ASSERT(told(dev, 1) == 2, "VM closed: wanted it told of the host");
	del_producer(dev, 0);
	del_producer(dev, 1);
	irq_vm_init(&self->v);
}

static void *deassign_stuck(void *arg)
{
	struct stuck_vm *s = arg;

	unassign_ok(s->v.vm, s->fd, GSI_XEN);
	return NULL;
}

static void *assign_anew(void *arg)
{
	struct stuck_vm *s = arg;

	assign_ok(s->v.vm, s->fd, GSI_MSI);
	return NULL;
}

/*
 * The eventfd gets its next irqfd while the former one's end waits for an injection.
 * The next irqfd connects to the producer like any other.
 *
 * Fails if an irqfd leaves its eventfd before its consumer is unregistered.
 */
TEST_F(bypass, assigned_meanwhile)
{
	pthread_t deassigning, assigning;
	int dev = self->dev;
	struct stuck_vm s;

	stuck_vm_init(&s);
	ASSERT_ERRNO(0, add_producer(dev, 0, s.fd), "Add a producer");
	TEST_ASSERT(told(dev, 0) == 1, "Connected: wanted it told once");
	stick(&s);
	TEST_ASSERT(!pthread_create(&deassigning, NULL, deassign_stuck, &s),
		    "pthread_create() failed");
	wait_for_ending(&s);
	TEST_ASSERT(!pthread_create(&assigning, NULL, assign_anew, &s),
		    "pthread_create() failed");
	usleep(SETTLE_PASSES * SETTLE_USEC);

	unstick(&s);
	TEST_ASSERT(!pthread_join(deassigning, NULL), "pthread_join() failed");
	TEST_ASSERT(!pthread_join(assigning, NULL), "pthread_join() failed");
	TEST_ASSERT(told(dev, 0) == 3, "Wanted it told of the host and of the next irqfd, got %u",
		    told(dev, 0) - 1);
	del_producer(dev, 0);
	stuck_vm_free(&s);
}

/*
 * If the architecture can't post to a new route, KVM gives the interrupt back to the
 * host: it must not be posted by the old route.
 */
TEST_F(bypass, update_refused)
{
	struct kvm_vm *vm = self->v.vm;
	struct irqfd_bypass_args args;
	int dev = self->dev;

	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");

	refuse(dev, EIO);
	set_msi_route(vm, VECTOR2);
	args = producer(dev, IRQFD_BYPASS_GET, 0);
	TEST_ASSERT(args.refused == 1, "Wanted to post once, tried %u times", args.refused);
	TEST_ASSERT(args.told == 2, "Wanted it told of the host");
	add(self->fd, 1);
	wait_for_irqs(&self->v, VECTOR2, 1);

	refuse(dev, 0);
	set_msi_route(vm, VECTOR);
	TEST_ASSERT(told(dev, 0) == 3, "Wanted it told of the next route");
	del_producer(dev, 0);
	TEST_ASSERT(told(dev, 0) == 4, "Gone: wanted it told of the host");
}

/* An irqfd whose producer can't be connected injects, and has no producer. */
TEST_F(bypass, irqfd_refused)
{
	struct kvm_vm *vm = self->v.vm;
	int dev = self->dev;

	ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");
	refuse(dev, EIO);
	assign_ok(vm, self->fd, GSI_MSI);
	refuse(dev, 0);
	TEST_ASSERT(producer(dev, IRQFD_BYPASS_GET, 0).refused == 1, "Wanted it refused once");
	add(self->fd, 1);
	wait_for_irqs(&self->v, VECTOR, 1);
	set_msi_route(vm, VECTOR2);
	unassign_ok(vm, self->fd, GSI_MSI);
	del_producer(dev, 0);
	TEST_ASSERT(!told(dev, 0), "A producer that isn't connected was told %u times",
		    told(dev, 0));
}

/* If the producer or the architecture refuses, neither side keeps the connection. */
TEST_F(bypass, producer_refuses)
{
	struct irqfd_bypass_args args = { .fd = self->fd, .fail = -EPERM };
	int dev = self->dev;

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(EPERM, device(dev, IRQFD_BYPASS_ADD, &args), "Add one that refuses");
	TEST_ASSERT(!args.told && !args.refused, "Wanted no call of the architecture");
	TEST_ASSERT(args.stopped == 1 && args.started == 1, "Stopped %u times, started %u",
		    args.stopped, args.started);
	del_producer(dev, 0);

	refuse(dev, EIO);
	ASSERT_ERRNO(EIO, add_producer(dev, 0, self->fd), "Add one that is refused");
	refuse(dev, 0);
	TEST_ASSERT(!producer(dev, IRQFD_BYPASS_GET, 0).consumers,
		    "Refused: wanted it to lose the consumer");
	del_producer(dev, 0);

	ASSERT_ERRNO(0, add_producer(dev, 2, self->fd), "Add one that isn't refused");
	TEST_ASSERT(producer(dev, IRQFD_BYPASS_GET, 2).consumers == 1, "Wanted it connected");
	unassign_ok(self->v.vm, self->fd, GSI_MSI);
	TEST_ASSERT(!producer(dev, IRQFD_BYPASS_GET, 2).consumers,
		    "Deassigned: wanted it to lose the consumer");
	del_producer(dev, 2);
}

#define FAILSLAB	"/sys/kernel/debug/failslab/"

/* @fd is opened beforehand, because open() needs memory. */
static void make_it_fail(int fd, const char *on)
{
	TEST_ASSERT(pwrite(fd, on, 1, 0) == 1, "make-it-fail: no %s", on);
}

/* From now on the kernel refuses this task more than so many bytes. */
static void short_of_memory(int fd, unsigned int bytes)
{
	ASSERT_TOLD(FAILSLAB "space", 0, "%u", bytes);
	make_it_fail(fd, "1");
}

static void enough_memory(int fd)
{
	make_it_fail(fd, "0");
}

/*
 * With any amount of memory: a call that fails with ENOMEM changes nothing, and an irqfd
 * that couldn't be connected to its producer for lack of memory still injects.
 */
TEST_F(bypass, without_memory)
{
	unsigned int bytes, refused = 0, added = 0, missed = 0, met = 0, irqs = 0;
	struct kvm_vm *vm = self->v.vm;
	int dev = self->dev, task, ret;

	task = open("/proc/self/make-it-fail", O_WRONLY | O_CLOEXEC);
	if (task < 0 || access(FAILSLAB "space", W_OK))
		SKIP(return, "No fault injection in this kernel");
	ASSERT_TOLD(FAILSLAB "task-filter", 0, "Y");
	ASSERT_TOLD(FAILSLAB "ignore-gfp-wait", 0, "N");
	ASSERT_TOLD(FAILSLAB "verbose", 0, "0");
	ASSERT_TOLD(FAILSLAB "times", 0, "-1");
	ASSERT_TOLD(FAILSLAB "probability", 0, "100");

	/* A kernel with debugging information in its objects needs ten times as much. */
	for (bytes = 0; bytes < 1 << 17 && !(met && added); bytes += 64 + bytes / 16) {
		short_of_memory(task, bytes);
		ret = add_producer(dev, 0, self->fd);
		enough_memory(task);
		TEST_ASSERT(!ret || ret == ENOMEM, "A producer: %s", strerror(ret));
		del_producer(dev, 0);
		if (ret)
			refused++;
		else
			added++;

		short_of_memory(task, bytes);
		ret = irqfd(vm, self->fd, GSI_MSI);
		enough_memory(task);
		TEST_ASSERT(!ret || ret == ENOMEM, "An irqfd: %s", strerror(ret));
		if (ret)
			continue;
		ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");
		if (told(dev, 0))
			met++;
		else
			missed++;
		add(self->fd, 1);
		wait_for_irqs(&self->v, VECTOR, ++irqs);
		unassign_ok(vm, self->fd, GSI_MSI);
		del_producer(dev, 0);
	}
	ASSERT_TOLD(FAILSLAB "probability", 0, "0");
	close(task);
	TEST_ASSERT(refused && added, "Wanted both: %u refused, %u added", refused, added);
	TEST_ASSERT(missed && met, "Wanted both: %u missed, %u met", missed, met);
}

/* More irqfds than KVM updates in one batch for a new route. */
TEST_F(bypass, many)
{
	int fds[IRQFD_BYPASS_PRODUCERS], dev = self->dev, i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = new_eventfd();
		ASSERT_ERRNO(0, add_producer(dev, i, fds[i]), "Add producer %d", i);
		assign_ok(self->v.vm, fds[i], GSI_MSI);
	}
	set_msi_route(self->v.vm, VECTOR2);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		TEST_ASSERT(told(dev, i) == 2, "Producer %d: wanted it told twice, it was %u times",
			    i, told(dev, i));
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		close(fds[i]);
		del_producer(dev, i);
	}
}

struct racer {
	pthread_t thread;
	struct kvm_vm *vm;
	int dev;
	int fd;
	bool stop;
};

static void *change_routes(void *arg)
{
	struct racer *r = arg;
	int i;

	/* Each fifth table has no route. */
	for (i = 0; !READ_ONCE(r->stop); i++) {
		if (i % 5)
			set_msi_route(r->vm, i & 1 ? VECTOR : VECTOR2);
		else
			set_routes(r->vm, NULL, 0);
	}
	return NULL;
}

static void *change_producers(void *arg)
{
	struct racer *r = arg;
	int i;

	for (i = 0; !READ_ONCE(r->stop); i++) {
		refuse(r->dev, i % 3 ? 0 : EINVAL);
		/* Refused only if there is an irqfd at the moment. */
		add_producer(r->dev, i % 8, r->fd);
		refuse(r->dev, 0);
		del_producer(r->dev, i % 8);
	}
	return NULL;
}

static void start_racer(struct racer *r, struct kvm_vm *vm, int dev, int fd,
			void *(*race)(void *))
{
	*r = (struct racer) { .vm = vm, .dev = dev, .fd = fd };
	TEST_ASSERT(!pthread_create(&r->thread, NULL, race, r), "pthread_create() failed");
}

static void stop_racer(struct racer *r)
{
	WRITE_ONCE(r->stop, true);
	TEST_ASSERT(!pthread_join(r->thread, NULL), "pthread_join() failed");
}

/*
 * Producers come and go, and some are refused, while irqfds on the same eventfd come and
 * go, and the routing table changes.  The irqfd takes each signal.
 */
TEST_F(bypass, under_fire)
{
	struct kvm_vm *vm = self->v.vm;
	struct racer routes, producers;
	int dev = self->dev, i;

	start_racer(&routes, vm, dev, self->fd, change_routes);
	start_racer(&producers, vm, dev, self->fd, change_producers);
	for (i = 0; i < 300; i++) {
		assign_ok(vm, self->fd, GSI_MSI);
		add(self->fd, 1);
		TEST_ASSERT(!take(self->fd), "The signal wasn't taken");
		unassign_ok(vm, self->fd, GSI_MSI);
	}
	stop_racer(&producers);
	stop_racer(&routes);

	/* A connection works as before. */
	set_msi_route(vm, VECTOR);
	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");
	TEST_ASSERT(told(dev, 0) == 1, "Connected: wanted it told once");
	del_producer(dev, 0);
	unassign_ok(vm, self->fd, GSI_MSI);
}

/*
 * While an irqfd is masked its producer's interrupt is the host's, and so are those of
 * producers that come then.
 *
 * Fails if a mask, or a new route of a masked irqfd, leaves the interrupt posted.
 */
TEST_F(bypass, masked)
{
	struct kvm_vm *vm = self->v.vm;
	int dev = self->dev;

	require_irqfd_control();
	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");
	mask_ok(vm, self->fd);
	TEST_ASSERT(told(dev, 0) == 2, "Masked: wanted it told of the host");
	set_msi_route(vm, VECTOR2);
	add(self->fd, 1);
	TEST_ASSERT(told(dev, 0) == 2, "A new route: wanted nothing to be told");
	TEST_ASSERT(is_held(vm, self->fd), "Wanted the host's signal to be pending");
	unmask_ok(vm, self->fd);
	TEST_ASSERT(told(dev, 0) == 3, "Unmasked: wanted it told");
	wait_for_irqs(&self->v, VECTOR2, 1);

	/* It goes while the irqfd is masked, and another one comes. */
	mask_ok(vm, self->fd);
	TEST_ASSERT(told(dev, 0) == 4, "Masked: wanted it told of the host");
	del_producer(dev, 0);
	TEST_ASSERT(told(dev, 0) == 4, "Gone: wanted nothing to be told");
	ASSERT_ERRNO(0, add_producer(dev, 1, self->fd), "Add another one");
	TEST_ASSERT(!told(dev, 1), "Still masked: wanted nothing to be told");
	unmask_ok(vm, self->fd);
	TEST_ASSERT(told(dev, 1) == 1, "Unmasked: wanted it told");
	set_msi_route(vm, VECTOR);
	TEST_ASSERT(told(dev, 1) == 2, "Wanted it told of the new route");
	unassign_ok(vm, self->fd, GSI_MSI);
	TEST_ASSERT(told(dev, 1) == 3, "Deassigned: wanted it told of the host");

	/* From the beginning, and to the end. */
	ASSERT_ERRNO(0, irqfd_full(vm->fd, self->fd, GSI_MSI, KVM_IRQFD_FLAG_MASKED, 0),
		     "Assign a masked one");
	TEST_ASSERT(told(dev, 1) == 3, "Masked: wanted nothing to be told");
	unmask_ok(vm, self->fd);
	TEST_ASSERT(told(dev, 1) == 4, "Unmasked: wanted it told");
	mask_ok(vm, self->fd);
	unassign_ok(vm, self->fd, GSI_MSI);
	TEST_ASSERT(told(dev, 1) == 5, "Deassigned: wanted nothing to be told");
	del_producer(dev, 1);
}

/* A producer goes with its irqfd to another GSI. */
TEST_F(bypass, moved)
{
	const struct kvm_irq_routing_entry routes[] = { msi_route(GSI_MSI, VECTOR),
							msi_route(GSI_MSI2, VECTOR) };
	struct kvm_vm *vm = self->v.vm;
	int dev = self->dev;

	require_irqfd_control();
	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");
	move_ok(vm, self->fd, GSI_MSI2);
	TEST_ASSERT(told(dev, 0) == 3, "Moved: wanted it told of the host and of the new GSI");
	set_routes(vm, routes, 2);
	TEST_ASSERT(told(dev, 0) == 4, "Wanted it told of the new GSI's route");
	set_msi_route(vm, VECTOR2);
	TEST_ASSERT(told(dev, 0) == 5, "Wanted it told that the new GSI has no route");
	set_routes(vm, routes, 2);

	/* Masked, it is told at the unmask alone. */
	mask_ok(vm, self->fd);
	TEST_ASSERT(told(dev, 0) == 7, "Masked: wanted it told of the host");
	move_ok(vm, self->fd, GSI_MSI);
	TEST_ASSERT(told(dev, 0) == 7, "Moved: wanted nothing to be told");
	unmask_ok(vm, self->fd);
	TEST_ASSERT(told(dev, 0) == 8, "Unmasked: wanted it told");
	set_msi_route(vm, VECTOR2);
	TEST_ASSERT(told(dev, 0) == 9, "Wanted it told of the GSI's new route");
	del_producer(dev, 0);
}

static void *change_masks(void *arg)
{
	struct racer *r = arg;
	int i;

	for (i = 0; !READ_ONCE(r->stop); i++) {
		/* There may be no irqfd at the moment. */
		control(r->vm, KVM_IRQFD_CONTROL_MASK, r->fd, 0, NULL);
		control(r->vm, KVM_IRQFD_CONTROL_MOVE, r->fd, i & 1 ? GSI_MSI2 : GSI_MSI, NULL);
		control(r->vm, KVM_IRQFD_CONTROL_UNMASK, r->fd, 0, NULL);
		control(r->vm, KVM_IRQFD_CONTROL_MOVE, r->fd, GSI_MSI, NULL);
	}
	return NULL;
}

/* Masks and moves, while producers, irqfds and routes come and go. */
TEST_F(bypass, control_under_fire)
{
	struct racer routes, producers, masks;
	struct kvm_vm *vm = self->v.vm;
	int dev = self->dev, i;

	require_irqfd_control();
	start_racer(&routes, vm, dev, self->fd, change_routes);
	start_racer(&producers, vm, dev, self->fd, change_producers);
	start_racer(&masks, vm, dev, self->fd, change_masks);
	for (i = 0; i < 200; i++) {
		assign_ok(vm, self->fd, GSI_MSI);
		add(self->fd, 1);
		TEST_ASSERT(!take(self->fd), "The signal wasn't taken");
		do {
			unassign_ok(vm, self->fd, GSI_MSI);
			/* It may have been elsewhere. */
		} while (control(vm, KVM_IRQFD_CONTROL_READ, self->fd, 0, NULL) != ENOENT);
	}
	stop_racer(&masks);
	stop_racer(&producers);
	stop_racer(&routes);

	/* A connection works as before. */
	set_msi_route(vm, VECTOR);
	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, add_producer(dev, 0, self->fd), "Add a producer");
	TEST_ASSERT(told(dev, 0) == 1, "Connected: wanted it told once");
	mask_ok(vm, self->fd);
	unmask_ok(vm, self->fd);
	TEST_ASSERT(told(dev, 0) == 3, "Masked and unmasked: wanted it told twice more");
	del_producer(dev, 0);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	__TEST_REQUIRE(load_test_module("irqfd_bypass"), "No module irqfd_bypass for this kernel");

	return test_harness_run(argc, argv);
}
