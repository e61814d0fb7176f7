// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd's tracepoints, which report each event and each end of an irqfd.
 *
 * The test is skipped on kernels without them.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "apic.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define TRACING "/sys/kernel/tracing/"
#define INJECT "kvm_irqfd_inject"
#define SHUTDOWN "kvm_irqfd_shutdown"

FIXTURE(trace) {
	struct irq_vm v;
	int fd;
	/* A trace instance of this process. */
	char dir[64];
};

static bool tell_tracer(const char *dir, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return tell_kernel(path, O_TRUNC, "%s", text);
}

/* How many events @name there are for this process' VM and GSI, ending in @rest. */
static int nr_events(const char *dir, const char *name, uint32_t gsi, const char *rest)
{
	char path[128], line[512], want[64], *at, *said;
	int nr = 0, vm, skip;
	unsigned int on;
	FILE *f;

	snprintf(path, sizeof(path), "%s/trace", dir);
	f = fopen(path, "r");
	TEST_ASSERT(f, "%s: %s", path, strerror(errno));
	snprintf(want, sizeof(want), " %s: ", name);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		at = strstr(line, want);
		if (*line == '#' || !at)
			continue;
		at += strlen(want);
		skip = 0;
		TEST_ASSERT(sscanf(at, "vm %d gsi %u eventfd %*s %n", &vm, &on, &skip) == 2 && skip,
			    "Wanted VM, GSI and eventfd: %s", at);
		said = at + skip;
		if (vm == getpid() && on == gsi && !strcmp(said, rest))
			nr++;
	}
	fclose(f);
	return nr;
}

static int nr_lines(const char *dir)
{
	char path[128], line[512];
	int nr = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/trace", dir);
	f = fopen(path, "r");
	TEST_ASSERT(f, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f))
		nr += *line != '#';
	fclose(f);
	return nr;
}

/* The buffer has exactly this event; empty it. */
static void assert_event(const char *dir, const char *name, uint32_t gsi, const char *rest)
{
	int nr, all;

	WAIT_FOR(nr_lines(dir), "Wanted \"%s gsi %u %s\", got nothing", name, gsi, rest);
	nr = nr_events(dir, name, gsi, rest);
	all = nr_lines(dir);
	TEST_ASSERT(nr == 1 && all == 1, "Wanted \"%s gsi %u %s\" once, got it %d times of %d",
		    name, gsi, rest, nr, all);
	TEST_ASSERT(tell_tracer(dir, "trace", ""), "Emptying the buffer: %s", strerror(errno));
}

FIXTURE_SETUP(trace)
{
	snprintf(self->dir, sizeof(self->dir), TRACING "instances/irqfd_trace_%d", getpid());
	irq_vm_init(&self->v);
	self->fd = new_eventfd();

	TEST_ASSERT(!mkdir(self->dir, 0700), "%s: %s", self->dir, strerror(errno));
	TEST_ASSERT(tell_tracer(self->dir, "events/kvm/" INJECT "/enable", "1") &&
		    tell_tracer(self->dir, "events/kvm/" SHUTDOWN "/enable", "1"),
		    "Enabling the tracepoints: %s", strerror(errno));
}

FIXTURE_TEARDOWN(trace)
{
	tell_tracer(self->dir, "events/enable", "0");
	rmdir(self->dir);
	close(self->fd);
	irq_vm_free(&self->v);
}

/* Each event is reported, with where it was injected and whether it could be. */
TEST_F(trace, inject)
{
	struct kvm_irq_routing_entry route = worker_route(VECTOR);
	struct kvm_sregs sregs;
	int fd = new_eventfd(), level_fd = new_eventfd(), resamplefd = new_eventfd();
	struct kvm_vm *vm = self->v.vm;
	const char *dir = self->dir;
	int i;

	add(self->fd, 3);
	assign_ok(vm, self->fd, GSI_MSI);
	assert_event(dir, INJECT, GSI_MSI, "wakeup");
	for (i = 0; i < 5; i++) {
		add(self->fd, 1);
		assert_event(dir, INJECT, GSI_MSI, "wakeup");
	}

	assign_ok(vm, fd, GSI_WORKER);
	assign_resample_ok(vm, level_fd, GSI_LEVEL, resamplefd);
	for (i = 0; i < 5; i++) {
		add(fd, 1);
		assert_event(dir, INJECT, GSI_WORKER, "work");
		pass(&self->v);
	}

	/* A level irqfd of an MSI is always raised by the worker. */
	route.gsi = GSI_LEVEL;
	set_routes(vm, &route, 1);
	add(level_fd, 1);
	assert_event(dir, INJECT, GSI_LEVEL, "work");

	/* The only vCPU has no local APIC any more. */
	route = worker_route(VECTOR);
	set_routes(vm, &route, 1);
	vcpu_sregs_get(self->v.vcpu, &sregs);
	sregs.apic_base &= ~MSR_IA32_APICBASE_ENABLE & ~MSR_IA32_APICBASE_EXTD;
	vcpu_sregs_set(self->v.vcpu, &sregs);
	add(fd, 1);
	assert_event(dir, INJECT, GSI_WORKER, "work undeliverable");
	set_routes(vm, NULL, 0);
	add(self->fd, 1);
	assert_event(dir, INJECT, GSI_MSI, "wakeup undeliverable");

	close(resamplefd);
	close(level_fd);
	close(fd);
}

/* Each end is reported once, with its cause; a call that ends nothing isn't. */
TEST_F(trace, shutdown)
{
	int resamplefd = new_eventfd(), fd = new_eventfd(), copy = dup(fd);
	struct kvm_vm *vm = self->v.vm;
	const char *dir = self->dir;

	assign_ok(vm, self->fd, GSI_MSI);
	unassign_ok(vm, self->fd, GSI_IOAPIC);
	unassign_ok(vm, self->fd, GSI_MSI);
	unassign_ok(vm, self->fd, GSI_MSI);
	assert_event(dir, SHUTDOWN, GSI_MSI, "deassign");

	assign_ok(vm, fd, GSI_MSI2);
	close(fd);
	TEST_ASSERT(!nr_lines(dir), "A descriptor is left: wanted no end");
	close(copy);
	assert_event(dir, SHUTDOWN, GSI_MSI2, "hangup");

	/* This hang-up needs a worker. */
	fd = new_eventfd();
	assign_resample_ok(vm, fd, GSI_LEVEL, resamplefd);
	close(fd);
	assert_event(dir, SHUTDOWN, GSI_LEVEL, "hangup");

	assign_resample_ok(vm, self->fd, GSI_LEVEL, resamplefd);
	ASSERT_ERRNO(EBUSY, irqfd(vm, self->fd, GSI_MSI), "Assign it twice");
	irq_vm_free(&self->v);
	assert_event(dir, SHUTDOWN, GSI_LEVEL, "vm close");
	irq_vm_init(&self->v);
	close(resamplefd);
}

struct deassigner {
	struct kvm_vm *vm;
	int fd;
};

static void *deassign(void *arg)
{
	struct deassigner *d = arg;
	int ret = unassign(d->vm, d->fd, GSI_MSI);

	TEST_ASSERT(!ret || ret == EBADF, "Deassign: %s", strerror(ret));
	return NULL;
}

/* Deassign and hang-up at the same time: only one of them is reported. */
TEST_F(trace, one_cause)
{
	const char *dir = self->dir;
	int i, deassigned, hung_up;
	struct deassigner d;
	pthread_t thread;

	d.vm = self->v.vm;
	for (i = 0; i < 50; i++) {
		d.fd = new_eventfd();
		assign_ok(d.vm, d.fd, GSI_MSI);
		TEST_ASSERT(!pthread_create(&thread, NULL, deassign, &d),
			    "pthread_create() failed");
		close(d.fd);
		TEST_ASSERT(!pthread_join(thread, NULL), "pthread_join() failed");

		WAIT_FOR(nr_lines(dir), "Round %d: wanted an end", i);
		deassigned = nr_events(dir, SHUTDOWN, GSI_MSI, "deassign");
		hung_up = nr_events(dir, SHUTDOWN, GSI_MSI, "hangup");
		TEST_ASSERT(deassigned + hung_up == 1 && nr_lines(dir) == 1,
			    "Round %d: deassigned %d times, hung up %d times", i, deassigned,
			    hung_up);
		TEST_ASSERT(tell_tracer(dir, "trace", ""), "Emptying the buffer: %s",
			    strerror(errno));
	}
}

#define NR_FDS	64

struct closer {
	int fds[NR_FDS];
	unsigned int pause;
};

static void *close_fds(void *arg)
{
	struct closer *c = arg;
	int i;

	for (i = 0; i < NR_FDS; i++) {
		usleep(c->pause);
		close(c->fds[i]);
	}
	return NULL;
}

/* Hang-ups while the VM is being closed: each irqfd has one owner, and one end. */
TEST_F_TIMEOUT(trace, one_owner, 120)
{
	const char *dir = self->dir;
	struct closer c;
	pthread_t thread;
	int i, j, nr;

	for (i = 0; i < 10; i++) {
		for (j = 0; j < NR_FDS; j++) {
			c.fds[j] = new_eventfd();
			assign_ok(self->v.vm, c.fds[j], 100 + j);
		}
		/* So that the hang-ups come before, during and after VM close. */
		c.pause = i * 100;
		TEST_ASSERT(!pthread_create(&thread, NULL, close_fds, &c),
			    "pthread_create() failed");
		irq_vm_free(&self->v);
		TEST_ASSERT(!pthread_join(thread, NULL), "pthread_join() failed");

		for (j = 0; j < NR_FDS; j++) {
			nr = nr_events(dir, SHUTDOWN, 100 + j, "hangup") +
			     nr_events(dir, SHUTDOWN, 100 + j, "vm close");
			TEST_ASSERT(nr == 1, "Round %d, GSI %d: wanted one end, got %d", i, 100 + j,
				    nr);
		}
		TEST_ASSERT(tell_tracer(dir, "trace", ""), "Emptying the buffer: %s",
			    strerror(errno));
		irq_vm_init(&self->v);
	}
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	__TEST_REQUIRE(!access(TRACING "events/kvm/" INJECT, F_OK), "No tracepoint " INJECT);

	return test_harness_run(argc, argv);
}
