// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: an injection that is stuck or starved delays no other VM, irqfd or task.
 */
#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "apic.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "stuck_vm.h"
#include "test_util.h"

/* A call that must not wait for a stuck injection returns within that. */
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
	assign_ok(v.vm, fds[0], GSI_WORKER);
	assign_ok(v.vm, fds[1], GSI_WORKER);
	assign_ok(v.vm, fds[2], GSI_MSI);
	add(fds[0], 1);
	assert_irqs(&v, VECTOR, 1);
	unassign_ok(v.vm, fds[0], GSI_WORKER);
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
 * One VM's injection is stuck, and so is a DEASSIGN that waits for it.  Another VM
 * injects, deassigns, hangs up and closes without a delay.
 *
 * Linux up to 6.12 and later has one workqueue for the ends of all VMs, and flushes
 * it.
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

	/* First of all: a failed test can't end while a thread waits for the page. */
	unstick(&s);
	TEST_ASSERT(ended, "Another VM was not through within %d s", BOUND_SEC);
	TEST_ASSERT(waited, "Wanted deassign to wait for its injection");
	TEST_ASSERT(ends(stuck.thread), "Deassign, with the page there: not within %d s",
		    BOUND_SEC);
	TEST_ASSERT(port_is_pending(&s), "The event that deassign waited for is lost");
	stuck_vm_free(&s);
}

/* debugfs shows whether an irqfd has an injection pending, if KVM has that file. */
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
 * In the same VM, MSIs are injected, and irqfds without a pending injection can be
 * deassigned.
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
 * An eventfd that is closed doesn't interrupt any more, though the end of its level
 * irqfd has to wait for a worker that is stuck.
 *
 * Fails if the irqfd stays on its eventfd until the worker ends it.
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

	/* The worker that ends both irqfds waits for the first one's injection. */
	stick(&s);
	close(s.fd);
	s.fd = -1;
	close(fd);
	ring(&s.v);

	/* The vCPU has no vcpu_info for event channels, so it can't run after that. */
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
 * VM close waits for an irqfd whose hang-up waits for the stuck worker.
 *
 * Fails, and the kernel with it, if VM close doesn't wait for irqfds that it doesn't own.
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

/* A table in which GSI_XEN is an MSI, so that its injections aren't stuck. */
static const struct kvm_irq_routing_entry *routes_without_xen(int *nr)
{
	static struct kvm_irq_routing_entry entries[3];

	entries[0] = msi_route(GSI_MSI, VECTOR);
	entries[1] = chip_route(GSI_IOAPIC, KVM_IRQCHIP_IOAPIC, GSI_IOAPIC);
	entries[2] = msi_route(GSI_XEN, VECTOR2);
	*nr = ARRAY_SIZE(entries);
	return entries;
}

static void *set_other(void *arg)
{
	const struct kvm_irq_routing_entry *entries;
	struct stuck_vm *s = arg;
	int nr;

	entries = routes_without_xen(&nr);
	set_routes(s->v.vm, entries, nr);
	return NULL;
}

static void *set_again(void *arg)
{
	struct stuck_vm *s = arg;

	set_xen_route(s->v.vm);
	return NULL;
}

static void *add_memslot(void *arg)
{
	struct stuck_vm *s = arg;

	vm_userspace_mem_region_add(s->v.vm, VM_MEM_SRC_ANONYMOUS, 0xd0000000, 11, 1, 0);
	return NULL;
}

/* Call @set while an injection waits for the page; @level: of a level irqfd. */
static void set_meanwhile(void *(*set)(void *arg), bool level, struct stuck_vm *s)
{
	int resamplefd = new_eventfd();
	pthread_t setting;
	bool ended;

	stuck_vm_init(s);
	if (level) {
		unassign_ok(s->v.vm, s->fd, GSI_XEN);
		assign_resample_ok(s->v.vm, s->fd, GSI_XEN, resamplefd);
	}
	stick(s);
	start(&setting, set, s);
	ended = ends(setting);

	/* First of all: a failed test can't end while a thread waits for the page. */
	unstick(s);
	TEST_ASSERT(ended, "The ioctl was not through within %d s", BOUND_SEC);
	close(resamplefd);
}

/*
 * KVM_SET_GSI_ROUTING doesn't wait for an injection that waits for user space: its
 * caller may be the thread that has to provide the page.  KVM injects the event by the
 * new route, because nothing may go by the old one after the ioctl.
 *
 * Fails if the injection sleeps in a read section that KVM_SET_GSI_ROUTING waits for.
 * Linux up to 6.12 and later returns at once, and injects by the old route.
 */
TEST(reroute)
{
	struct stuck_vm s;

	set_meanwhile(set_other, false, &s);
	assert_irqs(&s.v, VECTOR2, 1);
	TEST_ASSERT(!port_is_pending(&s), "The event went by a route that was gone");
	stuck_vm_free(&s);
}

/* The same with a level irqfd. */
TEST(reroute_level)
{
	struct stuck_vm s;

	set_meanwhile(set_other, true, &s);
	assert_irqs(&s.v, VECTOR2, 1);
	TEST_ASSERT(!port_is_pending(&s), "The event went by a route that was gone");
	stuck_vm_free(&s);
}

/* If the new table has the same route, the event goes by that. */
TEST(same_route)
{
	struct stuck_vm s;

	set_meanwhile(set_again, false, &s);
	WAIT_FOR(port_is_pending(&s), "The event is lost");
	stuck_vm_free(&s);

	set_meanwhile(set_again, true, &s);
	WAIT_FOR(port_is_pending(&s), "The event of a level irqfd is lost");
	stuck_vm_free(&s);
}

/*
 * KVM_SET_USER_MEMORY_REGION doesn't wait for such an injection, either.
 *
 * Linux up to 6.12 and later waits, because the injection sleeps in a read section
 * whose grace period the ioctl needs.
 */
TEST(new_memslot)
{
	struct stuck_vm s;

	set_meanwhile(add_memslot, false, &s);
	WAIT_FOR(port_is_pending(&s), "The event is lost");
	stuck_vm_free(&s);
}

/* More than the number of workers that wait for a VM's memory. */
#define NR_STUCK	20

/*
 * Stuck injections, however many, don't delay lines, and each is injected once it can.
 *
 * Fails if one worker has both injections that may wait for memory and lines.
 */
TEST(line_goes_on)
{
	int fds[NR_STUCK], line_fd = new_eventfd(), level_fd = new_eventfd(), i;
	int resamplefd = new_eventfd();
	struct stuck_vm s;

	stuck_vm_init(&s);
	set_xen_routes(s.v.vm, NR_STUCK);
	assign_ok(s.v.vm, line_fd, GSI_IOAPIC);
	assign_resample_ok(s.v.vm, level_fd, GSI_MSI, resamplefd);
	for (i = 1; i < NR_STUCK; i++) {
		fds[i] = new_eventfd();
		assign_ok(s.v.vm, fds[i], GSI_XEN + i);
	}
	stick(&s);
	for (i = 1; i < NR_STUCK; i++)
		add(fds[i], 1);

	for (i = 1; i <= 3; i++) {
		add(line_fd, 1);
		wait_for_irqs(&s.v, VECTOR, 2 * i - 1);
		add(level_fd, 1);
		wait_for_irqs(&s.v, VECTOR, 2 * i);
	}
	unassign_ok(s.v.vm, line_fd, GSI_IOAPIC);
	assign_ok(s.v.vm, line_fd, GSI_IOAPIC);
	add(line_fd, 1);
	wait_for_irqs(&s.v, VECTOR, 7);

	unstick(&s);
	for (i = 0; i < NR_STUCK; i++)
		WAIT_FOR(nth_port_is_pending(&s, i), "Event %d is lost", i);
	wait_for_worker(&s.v);
	stuck_vm_free(&s);
	for (i = 1; i < NR_STUCK; i++)
		close(fds[i]);
	close(line_fd);
	close(level_fd);
	close(resamplefd);
}

/*
 * While an injection is stuck, the GSI is routed to a pin and back, with a signal each.
 * No event is lost, and KVM injects by the route that the GSI has when the page comes.
 */
TEST(to_a_line_and_back)
{
	const struct kvm_irq_routing_entry pin = chip_route(GSI_XEN, KVM_IRQCHIP_IOAPIC,
							    GSI_IOAPIC);
	struct stuck_vm s;

	stuck_vm_init(&s);
	stick(&s);
	set_routes(s.v.vm, &pin, 1);
	add(s.fd, 1);
	set_xen_route(s.v.vm);
	add(s.fd, 1);
	set_routes(s.v.vm, &pin, 1);
	unstick(&s);
	wait_for_worker(&s.v);
	wait_for_irqs(&s.v, VECTOR, 1);
	TEST_ASSERT(!port_is_pending(&s), "The event went by a route that was gone");

	/* Once more, from a line to a route whose injection may wait. */
	set_xen_route(s.v.vm);
	add(s.fd, 1);
	WAIT_FOR(port_is_pending(&s), "The event is lost");
	stuck_vm_free(&s);
}

/* The nice value of a kworker that runs irqfds' work now, or INT_MIN. */
static int nice_of_worker(void)
{
	struct dirent *entry;
	int nice = INT_MIN;
	char stat[512], *p;
	ssize_t n;
	DIR *proc;
	int fd;

	proc = opendir("/proc");
	TEST_ASSERT(proc, "opendir(): %s", strerror(errno));
	while (nice == INT_MIN && (entry = readdir(proc))) {
		snprintf(stat, sizeof(stat), "/proc/%.20s/stat", entry->d_name);
		fd = open(stat, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, stat, sizeof(stat) - 1);
		close(fd);
		if (n <= 0)
			continue;
		stat[n] = 0;
		/* A running kworker's name has a plus and its workqueue. */
		p = strrchr(stat, ')');
		if (!p || !strstr(stat, "+kvm-irqfd"))
			continue;
		/* The nice value is the 17th field behind the name. */
		for (n = 0; n < 17 && p; n++)
			p = strchr(p + 1, ' ');
		TEST_ASSERT(p, "No nice value: %s", stat);
		nice = atoi(p);
	}
	closedir(proc);
	return nice;
}

/*
 * Work that a guest can cause has no priority over other tasks.
 *
 * Fails if the worker has a nice value of -20.
 */
TEST(no_preference)
{
	struct stuck_vm s;
	int nice;

	stuck_vm_init(&s);
	stick(&s);
	nice = nice_of_worker();
	unstick(&s);
	TEST_REQUIRE(nice != INT_MIN);
	TEST_ASSERT(!nice, "The worker's nice value is %d", nice);
	stuck_vm_free(&s);
}

/*
 * Two threads deassign the same irqfd: neither returns before it is gone.
 *
 * Fails if the second DEASSIGN, for which the irqfd is no longer listed, doesn't wait.
 * Linux up to 6.12 and later waits for all irqfds that are ending.
 */
TEST(deassign_overlaps)
{
	struct stuck_vm s;
	struct task first = { .s = &s }, second = { .s = &s };
	bool waited;

	stuck_vm_init(&s);
	stick(&s);
	start(&first.thread, deassign_stuck, &first);
	wait_for_ending(&s);
	start(&second.thread, deassign_stuck, &second);
	usleep(SETTLE_PASSES * SETTLE_USEC);
	waited = pthread_tryjoin_np(second.thread, NULL) == EBUSY;

	unstick(&s);
	TEST_ASSERT(ends(first.thread), "Deassign, with the page there: not within %d s",
		    BOUND_SEC);
	TEST_ASSERT(waited, "The second one returned with the first one's injection underway");
	TEST_ASSERT(ends(second.thread), "The second one did not end within %d s", BOUND_SEC);
	TEST_ASSERT(port_is_pending(&s), "The event that both waited for is lost");

	/* The eventfd is like any other. */
	assign_ok(s.v.vm, s.fd, GSI_MSI);
	unassign_ok(s.v.vm, s.fd, GSI_MSI);
	stuck_vm_free(&s);
}

/* What the process that will be killed shares with its parent. */
struct victim {
	int vm_fd;
	int uffd;
	int fd;
	bool stuck;
};

static void be_killed(struct victim *victim)
{
	struct stuck_vm s;
	struct task first = { .s = &s }, second = { .s = &s };

	stuck_vm_init(&s);
	stick(&s);
	start(&first.thread, deassign_stuck, &first);
	wait_for_ending(&s);
	start(&second.thread, deassign_stuck, &second);
	usleep(SETTLE_PASSES * SETTLE_USEC);
	victim->vm_fd = s.v.vm->fd;
	victim->uffd = s.uffd;
	victim->fd = s.fd;
	WRITE_ONCE(victim->stuck, true);
	for (;;)
		pause();
}

static int take_fd(int pidfd, int fd)
{
	int ret = syscall(__NR_pidfd_getfd, pidfd, fd, 0);

	TEST_ASSERT(ret >= 0, "pidfd_getfd(): %s", strerror(errno));
	return ret;
}

/*
 * A process whose threads wait in DEASSIGN, for a stuck injection and for each other,
 * can be killed.  KVM ends the irqfd when the page is there.
 *
 * Fails if a fatal signal doesn't end the waits, as in Linux up to 6.12 and later.
 */
TEST(killed)
{
	struct victim *victim = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int pidfd, vm_fd, uffd, fd, status, pid, i;
	bool ended = false;
	struct irq_vm v;

	TEST_ASSERT(victim != MAP_FAILED, "mmap(): %s", strerror(errno));
	pid = fork();
	TEST_ASSERT(pid >= 0, "fork(): %s", strerror(errno));
	if (!pid)
		be_killed(victim);

	/* The child skips the test where there are no event channels. */
	WAIT_FOR(READ_ONCE(victim->stuck) || waitpid(pid, &status, WNOHANG),
		 "No injection gets stuck");
	TEST_REQUIRE(victim->stuck);
	pidfd = syscall(__NR_pidfd_open, pid, 0);
	TEST_ASSERT(pidfd >= 0, "pidfd_open(): %s", strerror(errno));
	/* Keep the VM and the userfaultfd open: VM close would wait, and uffd's end help. */
	vm_fd = take_fd(pidfd, victim->vm_fd);
	uffd = take_fd(pidfd, victim->uffd);
	fd = take_fd(pidfd, victim->fd);

	kill(pid, SIGKILL);
	for (i = 0; i < BOUND_SEC * 100 && !ended; i++) {
		ended = waitpid(pid, &status, WNOHANG) == pid;
		if (!ended)
			usleep(10000);
	}
	close(uffd);
	TEST_ASSERT(ended, "Not dead within %d s", BOUND_SEC);
	/* VM close waits for the irqfd that the threads have left. */
	close(vm_fd);
	close(pidfd);

	/* After that the eventfd is free for another VM. */
	irq_vm_init(&v);
	assign_ok(v.vm, fd, GSI_MSI);
	irq_vm_free(&v);
	close(fd);
	munmap(victim, PAGE_SIZE);
}

/*
 * The time that the scheduler reserves for non-real-time tasks: on all processors, and
 * since Linux 6.12 on the hog's.
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

/* Signal, and then keep the processor. */
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
 * A real-time task signals an irqfd whose injection is deferred to work, and then keeps
 * its processor.
 *
 * Linux up to 6.12 and later runs the work on that processor, once it is free.
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
	assign_ok(v.vm, h.fd, GSI_WORKER);
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
