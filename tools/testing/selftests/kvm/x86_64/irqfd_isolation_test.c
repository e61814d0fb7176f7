// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: what is stuck or starved in one place is nobody else's matter.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>

#include "apic.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "stuck_vm.h"
#include "test_util.h"

/* What must not take a wait for somebody else's end. */
#define BOUND_SEC	10

struct task {
	pthread_t thread;
	struct stuck_vm *s;
};

static void *deassign_stuck(void *arg)
{
	struct task *t = arg;

	unassign_ok(t->s->v.vm, t->s->fd, GSI_XEN);
	return NULL;
}

/* The whole life of a VM's irqfds, each kind of end among them. */
static void *live(void *arg)
{
	int fds[3] = { new_eventfd(), new_eventfd(), new_eventfd() };
	struct irq_vm v;

	irq_vm_init(&v);
	assign_ok(v.vm, fds[0], GSI_IOAPIC);
	assign_ok(v.vm, fds[1], GSI_IOAPIC);
	assign_ok(v.vm, fds[2], GSI_MSI);
	add(fds[0], 1);
	assert_irqs(&v, VECTOR, 1);
	unassign_ok(v.vm, fds[0], GSI_IOAPIC);
	add(fds[1], 1);
	close(fds[1]);
	irq_vm_free(&v);
	close(fds[0]);
	close(fds[2]);
	return NULL;
}

static bool ends(pthread_t thread)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += BOUND_SEC;
	return !pthread_timedjoin_np(thread, NULL, &until);
}

static void start(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	TEST_ASSERT(!pthread_create(thread, NULL, fn, arg), "pthread_create() failed");
}

/*
 * One VM's injection is stuck, and so is the end that waits for it.  Another VM
 * injects, deassigns, hangs up and closes as if nothing were.
 *
 * Linux up to 6.12 and later has one queue for the ends of all VMs, and waits for
 * all that is on it.
 */
TEST(other_vm)
{
	struct stuck_vm s;
	struct task stuck = { .s = &s };
	bool ended, waited;
	pthread_t other;

	stuck_vm_init(&s);
	stick(&s);
	start(&stuck.thread, deassign_stuck, &stuck);
	usleep(SETTLE_PASSES * SETTLE_USEC);
	TEST_ASSERT(pthread_tryjoin_np(stuck.thread, NULL) == EBUSY,
		    "Wanted deassign to wait for its injection");

	start(&other, live, NULL);
	ended = ends(other);
	waited = pthread_tryjoin_np(stuck.thread, NULL) == EBUSY;

	/* Before anything else, or nobody could end who waits for this. */
	unstick(&s);
	TEST_ASSERT(ended, "Another VM was not through within %d s", BOUND_SEC);
	TEST_ASSERT(waited, "Wanted deassign to wait for its injection");
	TEST_ASSERT(ends(stuck.thread), "Deassign, with the page there: not within %d s",
		    BOUND_SEC);
	TEST_ASSERT(port_is_pending(&s), "The event that deassign waited for is lost");
	stuck_vm_free(&s);
}

/* What has an injection that isn't over is seen in debugfs, where KVM has that. */
static void assert_pending(struct irq_vm *v, uint32_t gsi, bool want)
{
	FILE *f = open_irqfds(v->vm);
	char line[256];
	uint32_t of;

	if (!f)
		return;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "gsi=%u ", &of) == 1 && of == gsi)
			TEST_ASSERT(!strstr(line, "pending") == !want, "Wanted it %s: %s",
				    want ? "pending" : "idle", line);
	fclose(f);
}

/*
 * In the VM itself, what isn't stuck goes on: MSIs come, and irqfds that have
 * nothing left to inject go.
 */
TEST(same_vm)
{
	int msi_fd = new_eventfd(), idle_fd = new_eventfd();
	struct stuck_vm s;

	stuck_vm_init(&s);
	assign_ok(s.v.vm, msi_fd, GSI_MSI);
	assign_ok(s.v.vm, idle_fd, GSI_IOAPIC);
	stick(&s);
	assert_pending(&s.v, GSI_XEN, true);
	assert_pending(&s.v, GSI_IOAPIC, false);

	add(msi_fd, 1);
	assert_irqs(&s.v, VECTOR, 1);
	unassign_ok(s.v.vm, msi_fd, GSI_MSI);
	unassign_ok(s.v.vm, idle_fd, GSI_IOAPIC);
	assign_ok(s.v.vm, msi_fd, GSI_MSI);

	unstick(&s);
	WAIT_FOR(port_is_pending(&s), "The event is lost");
	wait_for_worker(&s.v);
	assert_pending(&s.v, GSI_XEN, false);
	stuck_vm_free(&s);
	close(msi_fd);
	close(idle_fd);
}

static void ring(struct irq_vm *v)
{
	v->guest->ring = 1;
	pass(v);
	v->guest->ring = 0;
}

/*
 * An eventfd that is closed interrupts nobody, though its irqfd's end, a level
 * irqfd's here, has to wait for the worker and that one is stuck.
 *
 * Fails where such an irqfd stays on its eventfd until the worker ends it.
 */
TEST(closed_eventfd)
{
	int fd = new_eventfd(), resamplefd = new_eventfd();
	struct kvm_ioeventfd bell = {
		.addr = DOORBELL_PORT,
		.len = 4,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};
	struct stuck_vm s;

	stuck_vm_init(&s);
	vm_ioctl(s.v.vm, KVM_IOEVENTFD, &bell);
	assign_resample_ok(s.v.vm, fd, GSI_MSI, resamplefd);
	ring(&s.v);
	assert_irqs(&s.v, VECTOR, 1);

	/* The worker that ends them waits for the first one's injection. */
	stick(&s);
	close(s.fd);
	s.fd = -1;
	close(fd);
	ring(&s.v);

	/* The vCPU, which has no place for event channels, can't run after that. */
	unstick(&s);
	WAIT_FOR(port_is_pending(&s), "The event is lost");
	usleep(SETTLE_PASSES * SETTLE_USEC);
	TEST_ASSERT(irqs(&s.v, VECTOR) == 1 && !irq_is_pending(&s.v, VECTOR),
		    "The eventfd interrupts when it is closed");
	stuck_vm_free(&s);
	close(resamplefd);
}

static void *close_vm(void *arg)
{
	struct irq_vm *v = arg;

	kvm_vm_release(v->vm);
	return NULL;
}

/*
 * A VM that is closed while a hang-up's end waits for its stuck worker stays until
 * that one is through, and goes then.
 *
 * Fails, and the kernel with it, where VM close doesn't wait for what it doesn't own.
 */
TEST(closed_vm)
{
	struct stuck_vm s;
	pthread_t closing;

	stuck_vm_init(&s);
	stick(&s);
	close(s.fd);

	start(&closing, close_vm, &s.v);
	usleep(SETTLE_PASSES * SETTLE_USEC);
	TEST_ASSERT(pthread_tryjoin_np(closing, NULL) == EBUSY,
		    "Wanted the VM to wait for the injection");

	unstick(&s);
	TEST_ASSERT(ends(closing), "VM close, with the page there: not within %d s", BOUND_SEC);
	TEST_ASSERT(port_is_pending(&s), "The event that VM close waited for is lost");
	close(s.uffd);
}

/*
 * What the scheduler keeps back for others, of all processors and, since Linux
 * 6.12, of the hog's.
 */
#define RT_RUNTIME	"/proc/sys/kernel/sched_rt_runtime_us"
#define FAIR_RUNTIME	"/sys/kernel/debug/sched/fair_server/cpu1/runtime"

static bool get_runtime(const char *path, long *value)
{
	FILE *f = fopen(path, "r");
	bool got;

	if (!f)
		return false;
	got = fscanf(f, "%ld", value) == 1;
	fclose(f);
	return got;
}

static bool set_runtime(const char *path, long value)
{
	FILE *f = fopen(path, "w");
	bool done;

	if (!f)
		return false;
	done = fprintf(f, "%ld\n", value) > 0;
	return !fclose(f) && done;
}

struct hog {
	pthread_t thread;
	int fd;
	bool signalled;
	bool stop;
};

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity(): %s",
		    strerror(errno));
}

/* Signal, and then leave the processor to nobody. */
static void *hog(void *arg)
{
	const struct sched_param param = { .sched_priority = 50 };
	struct hog *h = arg;
	time_t end;

	pin_to(1);
	TEST_ASSERT(!sched_setscheduler(0, SCHED_FIFO, &param), "sched_setscheduler(): %s",
		    strerror(errno));
	end = now() + 2 * BOUND_SEC;
	add(h->fd, 1);
	WRITE_ONCE(h->signalled, true);
	while (!READ_ONCE(h->stop) && now() < end)
		;
	return NULL;
}

/*
 * A real-time task signals what is left to work, and hogs its processor.
 *
 * Linux up to 6.12 and later has the work done on that processor, when it's free.
 */
TEST(real_time_hog)
{
	struct irq_vm v;
	struct hog h = { .fd = new_eventfd() };
	long runtime, fair = 0;
	time_t end;
	bool came;

	TEST_REQUIRE(sysconf(_SC_NPROCESSORS_ONLN) > 1);
	TEST_REQUIRE(get_runtime(RT_RUNTIME, &runtime) && set_runtime(RT_RUNTIME, -1));
	if (get_runtime(FAIR_RUNTIME, &fair))
		set_runtime(FAIR_RUNTIME, 0);

	irq_vm_init(&v);
	assign_ok(v.vm, h.fd, GSI_IOAPIC);
	pin_to(0);
	start(&h.thread, hog, &h);

	for (end = now() + BOUND_SEC; !irqs(&v, VECTOR) && now() < end; pass(&v))
		usleep(POLL_USEC);
	came = irqs(&v, VECTOR);
	WRITE_ONCE(h.stop, true);
	pthread_join(h.thread, NULL);
	set_runtime(RT_RUNTIME, runtime);
	if (fair)
		set_runtime(FAIR_RUNTIME, fair);
	TEST_ASSERT(came, "Not injected within %d s", BOUND_SEC);

	assert_irqs(&v, VECTOR, 1);
	irq_vm_free(&v);
	close(h.fd);
}

int main(int argc, char *argv[])
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));

	return test_harness_run(argc, argv);
}
