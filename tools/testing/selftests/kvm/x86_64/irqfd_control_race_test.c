// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_IRQFD_CONTROL against signals, the worker, other calls, and itself.
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "irqfd_control.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "stuck_vm.h"
#include "test_util.h"

#include "irqfd_vm.h"

/* The same irqfd is masked, moved and unmasked while it is signalled: nothing is lost. */
struct storm {
	pthread_t thread;
	struct kvm_vm *vm;
	int fd;
	uint32_t gsis[3];
	bool stop;
	uint64_t calls;
};

static void *mask_unmask(void *arg)
{
	struct storm *s = arg;

	while (!READ_ONCE(s->stop)) {
		mask_ok(s->vm, s->fd);
		unmask_ok(s->vm, s->fd);
		s->calls++;
	}
	return NULL;
}

static void *move_about(void *arg)
{
	struct storm *s = arg;

	while (!READ_ONCE(s->stop))
		move_ok(s->vm, s->fd, s->gsis[s->calls++ % ARRAY_SIZE(s->gsis)]);
	return NULL;
}

static void start_storm(struct storm *s, void *(*fn)(void *), struct kvm_vm *vm, int fd)
{
	*s = (struct storm) {
		.vm = vm, .fd = fd, .gsis = { GSI_MSI, GSI_WORKER, GSI_MSI2 },
	};
	TEST_ASSERT(!pthread_create(&s->thread, NULL, fn, s), "pthread_create() failed");
}

static void stop_storm(struct storm *s)
{
	WRITE_ONCE(s->stop, true);
	TEST_ASSERT(!pthread_join(s->thread, NULL), "pthread_join() failed");
	TEST_ASSERT(s->calls, "Wanted calls in the storm");
}

static uint64_t all_irqs(struct irq_vm *v)
{
	return irqs(v, VECTOR) + irqs(v, VECTOR2);
}

/* One signal, one interrupt, whatever else happens to the irqfd meanwhile. */
TEST_F_TIMEOUT(vm, storm, 120)
{
	const uint64_t nr = rounds(1000);
	struct storm masks, moves;
	uint64_t i;

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	start_vcpu(&self->v);
	start_storm(&masks, mask_unmask, self->v.vm, self->fd);
	start_storm(&moves, move_about, self->v.vm, self->fd);
	for (i = 1; i <= nr; i++) {
		add(self->fd, 1);
		WAIT_FOR(all_irqs(&self->v) >= i, "Signal %lu is lost", i);
		TEST_ASSERT(all_irqs(&self->v) == i, "Signal %lu: %lu interrupts", i,
			    all_irqs(&self->v));
	}
	stop_storm(&masks);
	stop_storm(&moves);
	wait_for_worker(&self->v);
	usleep(SETTLE_PASSES * SETTLE_USEC);
	TEST_ASSERT(all_irqs(&self->v) == nr, "%lu signals: %lu interrupts", nr,
		    all_irqs(&self->v));
	stop_vcpu(&self->v);
}

/*
 * What is signalled all the time: after each mask nothing comes, after each unmask
 * something does, and after a move nothing by the former GSI.
 */
TEST_F_TIMEOUT(vm, shot_at, 120)
{
	struct irq_vm *v = &self->v;
	const int nr = rounds(100);
	uint64_t before, before2;
	struct shooter s[2];
	int i;

	assign_ok(v->vm, self->fd, GSI_WORKER);
	start_shooting(&s[0], self->fd);
	start_shooting(&s[1], self->fd);
	for (i = 0; i < nr; i++) {
		mask_ok(v->vm, self->fd);
		pass(v);
		before = irqs(v, VECTOR);
		before2 = irqs(v, VECTOR2);
		let_shoot(&s[i & 1], 5);
		pass(v);
		TEST_ASSERT(irqs(v, VECTOR) == before && irqs(v, VECTOR2) == before2,
			    "Round %d: wanted no interrupt while it is masked", i);
		TEST_ASSERT(is_held(v->vm, self->fd), "Round %d: wanted an event", i);
		unmask_ok(v->vm, self->fd);
		wait_for_irqs(v, VECTOR, before + 1);

		move_ok(v->vm, self->fd, GSI_MSI2);
		pass(v);
		before = irqs(v, VECTOR);
		before2 = irqs(v, VECTOR2);
		let_shoot(&s[i & 1], 5);
		wait_for_irqs(v, VECTOR2, before2 + 1);
		TEST_ASSERT(irqs(v, VECTOR) == before,
			    "Round %d: wanted no interrupt of the former GSI", i);
		move_ok(v->vm, self->fd, GSI_WORKER);
	}
	stop_shooting(&s[0]);
	stop_shooting(&s[1]);
}

/* Calls for an irqfd that comes and goes, and whose eventfd is closed, too. */
struct juggler {
	pthread_t thread;
	pthread_barrier_t *barrier;
	struct kvm_vm *vm;
	int *fd;
	int rounds;
	bool controls;
};

static void control_some(struct juggler *j)
{
	uint32_t op;
	int ret;

	for (op = KVM_IRQFD_CONTROL_READ; op <= KVM_IRQFD_CONTROL_MOVE; op++) {
		ret = control(j->vm, op, *j->fd, op & 1 ? GSI_MSI : GSI_WORKER, NULL);
		TEST_ASSERT(!ret || ret == ENOENT || ret == EBADF, "Operation %u: %s", op,
			    strerror(ret));
	}
}

static void *juggle(void *arg)
{
	struct juggler *j = arg;
	const uint64_t one = 1;
	int i, n;

	for (i = 0; i < j->rounds; i++) {
		pthread_barrier_wait(j->barrier);
		for (n = 0; n < 4; n++) {
			if (j->controls) {
				control_some(j);
				continue;
			}
			irqfd(j->vm, *j->fd, GSI_WORKER);
			/* The other thread may have moved it. */
			if (write(*j->fd, &one, sizeof(one)) != sizeof(one))
				break;
			if (i % 4 == 3 && n == 2)
				close(*j->fd);
			unassign(j->vm, *j->fd, GSI_WORKER);
			unassign(j->vm, *j->fd, GSI_MSI);
		}
		pthread_barrier_wait(j->barrier);
	}
	return NULL;
}

TEST_F_TIMEOUT(vm, juggle, 120)
{
	const int nr = rounds(400);
	pthread_barrier_t barrier;
	struct juggler j[2];
	int i, fd, ret;

	pthread_barrier_init(&barrier, NULL, 3);
	for (i = 0; i < 2; i++) {
		j[i] = (struct juggler) {
			.barrier = &barrier, .vm = self->v.vm, .fd = &fd, .rounds = nr,
			.controls = i,
		};
		TEST_ASSERT(!pthread_create(&j[i].thread, NULL, juggle, &j[i]),
			    "pthread_create() failed");
	}
	for (i = 0; i < nr; i++) {
		fd = new_eventfd();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		/* A move may have come between the two that would deassign it. */
		unassign(self->v.vm, fd, GSI_MSI);
		unassign(self->v.vm, fd, GSI_WORKER);
		ret = irqfd(self->v.vm, fd, GSI_MSI);
		ASSERT_ERRNO(i % 4 == 3 ? EBADF : 0, ret, "Round %d: assign afterwards", i);
		if (!ret)
			close(fd);
	}
	for (i = 0; i < 2; i++)
		TEST_ASSERT(!pthread_join(j[i].thread, NULL), "pthread_join() failed");
	pthread_barrier_destroy(&barrier);
	wait_for_ends(&self->v, 0);
}

/* An injection that waits for user space, and the calls that wait for it. */
FIXTURE(stuck) {
	struct stuck_vm s;
};

FIXTURE_SETUP(stuck)
{
	stuck_vm_init(&self->s);
	stick(&self->s);
}

FIXTURE_TEARDOWN(stuck)
{
	stuck_vm_free(&self->s);
}

struct waiter {
	pthread_t thread;
	struct stuck_vm *s;
	uint32_t op;
	bool returned;
	bool pending;
};

static void *call(void *arg)
{
	struct waiter *w = arg;

	w->pending = control_ok(w->s->v.vm, w->op, w->s->fd, GSI_MSI);
	WRITE_ONCE(w->returned, true);
	return NULL;
}

static void *deassign(void *arg)
{
	struct waiter *w = arg;

	unassign_ok(w->s->v.vm, w->s->fd, GSI_XEN);
	WRITE_ONCE(w->returned, true);
	return NULL;
}

static void start_waiter(struct waiter *w, void *(*fn)(void *), struct stuck_vm *s, uint32_t op)
{
	*w = (struct waiter) { .s = s, .op = op };
	TEST_ASSERT(!pthread_create(&w->thread, NULL, fn, w), "pthread_create() failed");
	usleep(SETTLE_PASSES * SETTLE_USEC);
	TEST_ASSERT(!READ_ONCE(w->returned), "Wanted the call to wait for the injection");
}

static void end_waiter(struct waiter *w)
{
	TEST_ASSERT(!pthread_join(w->thread, NULL), "pthread_join() failed");
}

/*
 * After the mask nothing is injected any more, so it waits for what was left to the
 * worker; what comes meanwhile is pending.  Others wait for the call.
 *
 * Fails if a mask returns while the worker injects.
 */
TEST_F(stuck, mask)
{
	struct waiter mask, read;

	start_waiter(&mask, call, &self->s, KVM_IRQFD_CONTROL_MASK);
	start_waiter(&read, call, &self->s, KVM_IRQFD_CONTROL_READ);
	unstick(&self->s);
	end_waiter(&mask);
	end_waiter(&read);
	TEST_ASSERT(port_is_pending(&self->s), "Wanted the event of the time before injected");
	TEST_ASSERT(!mask.pending, "Wanted nothing to be pending");
	WRITE_ONCE(*(uint64_t *)(self->s.page + 32 * 64), 0);
	add(self->s.fd, 1);
	usleep(SETTLE_PASSES * SETTLE_USEC);
	TEST_ASSERT(!port_is_pending(&self->s), "Wanted no injection while it is masked");
	TEST_ASSERT(unmask_ok(self->s.v.vm, self->s.fd), "Wanted the event");
	WAIT_FOR(port_is_pending(&self->s), "Wanted it injected");
}

/* The same with a signal while the call waits. */
TEST_F(stuck, signalled)
{
	struct waiter mask;

	start_waiter(&mask, call, &self->s, KVM_IRQFD_CONTROL_MASK);
	add(self->s.fd, 1);
	unstick(&self->s);
	end_waiter(&mask);
	TEST_ASSERT(mask.pending, "Wanted the event that came meanwhile to be pending");
	TEST_ASSERT(is_held(self->s.v.vm, self->s.fd), "Wanted it to stay");
}

/*
 * What came before the move goes by the old GSI, and what comes meanwhile by the new one.
 *
 * Fails if the GSI changes under the worker.
 */
TEST_F(stuck, move)
{
	struct waiter move;

	start_waiter(&move, call, &self->s, KVM_IRQFD_CONTROL_MOVE);
	add(self->s.fd, 1);
	TEST_ASSERT(!irq_is_pending(&self->s.v, VECTOR), "Wanted the event to wait");
	unstick(&self->s);
	end_waiter(&move);
	TEST_ASSERT(port_is_pending(&self->s), "Wanted the first event by the old GSI");
	wait_for_pending(&self->s.v, VECTOR);
	WRITE_ONCE(*(uint64_t *)(self->s.page + 32 * 64), 0);
	add(self->s.fd, 1);
	usleep(SETTLE_PASSES * SETTLE_USEC);
	TEST_ASSERT(!port_is_pending(&self->s), "Wanted nothing by the old GSI");
}

/*
 * A DEASSIGN that finds a mask waits for it, and then ends the irqfd.
 *
 * Fails if it takes the mask for another DEASSIGN, after which it has nothing to do.
 */
TEST_F(stuck, deassign)
{
	struct waiter mask, end;

	start_waiter(&mask, call, &self->s, KVM_IRQFD_CONTROL_MASK);
	start_waiter(&end, deassign, &self->s, 0);
	unstick(&self->s);
	end_waiter(&mask);
	end_waiter(&end);
	ASSERT_ERRNO(ENOENT, control(self->s.v.vm, KVM_IRQFD_CONTROL_READ, self->s.fd, 0, NULL),
		     "Wanted no irqfd");
	assign_ok(self->s.v.vm, self->s.fd, GSI_XEN);
}

/* What the process that will be killed shares with its parent. */
struct victim {
	int vm_fd;
	int uffd;
	bool stuck;
};

static void be_killed(struct victim *victim)
{
	struct waiter mask, move;
	struct stuck_vm s;

	stuck_vm_init(&s);
	stick(&s);
	start_waiter(&mask, call, &s, KVM_IRQFD_CONTROL_MASK);
	start_waiter(&move, call, &s, KVM_IRQFD_CONTROL_MOVE);
	victim->vm_fd = s.v.vm->fd;
	victim->uffd = s.uffd;
	WRITE_ONCE(victim->stuck, true);
	for (;;)
		pause();
}

/*
 * A fatal signal ends the waits, of a call for the worker and of one for a call.
 */
TEST(killed)
{
	struct victim *victim = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int pidfd, vm_fd, uffd, pid, status;
	bool ended = false;
	time_t end;

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
	vm_fd = syscall(__NR_pidfd_getfd, pidfd, victim->vm_fd, 0);
	uffd = syscall(__NR_pidfd_getfd, pidfd, victim->uffd, 0);
	TEST_ASSERT(vm_fd >= 0 && uffd >= 0, "pidfd_getfd(): %s", strerror(errno));

	kill(pid, SIGKILL);
	for (end = now() + WAIT_SEC; !ended && now() < end; usleep(10000))
		ended = waitpid(pid, &status, WNOHANG) == pid;
	close(uffd);
	TEST_ASSERT(ended, "Not dead within %d s", WAIT_SEC);
	close(vm_fd);
	close(pidfd);
	munmap(victim, PAGE_SIZE);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	require_irqfd_control();
	return test_harness_run(argc, argv);
}
