// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: other waiters on its eventfd, in poll(2) and its relatives and in write(2).
 *
 * An irqfd takes each signal in the wake-up that brings it.  So the others find nothing
 * new, and KVM doesn't wake them.  It wakes waiters for room when there is room.
 */
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "eventfd_waiters.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

FIXTURE(pollers) {
	struct irq_vm v;
	int fd;
};

FIXTURE_SETUP(pollers)
{
	irq_vm_init(&self->v);
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(pollers)
{
	close(self->fd);
	irq_vm_free(&self->v);
}

/* A doorbell, so that the kernel signals the eventfd when the guest writes. */
static void add_bell(struct irq_vm *v, int fd)
{
	struct kvm_ioeventfd bell = {
		.addr = DOORBELL_PORT,
		.len = 4,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_PIO,
	};

	vm_ioctl(v->vm, KVM_IOEVENTFD, &bell);
}

static void ring_bell(struct irq_vm *v)
{
	v->guest->ring = 1;
	pass(v);
	v->guest->ring = 0;
}

/* epoll in its modes. */
FIXTURE(epoll) {
	struct irq_vm v;
	int fd;
};

FIXTURE_VARIANT(epoll) {
	uint32_t events;
	/* The events that are ready at first, and at each later look. */
	uint32_t first;
	uint32_t always;
	/* The events of a signal that no irqfd takes. */
	uint32_t signal;
};

FIXTURE_VARIANT_ADD(epoll, edge) {
	.events = EPOLLIN | EPOLLOUT | EPOLLET,
	.first = EPOLLOUT,
	.signal = EPOLLIN | EPOLLOUT,
};

FIXTURE_VARIANT_ADD(epoll, edge_out) {
	.events = EPOLLOUT | EPOLLET,
	.first = EPOLLOUT,
};

FIXTURE_VARIANT_ADD(epoll, edge_exclusive) {
	.events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE,
	.first = EPOLLOUT,
	.signal = EPOLLIN | EPOLLOUT,
};

FIXTURE_VARIANT_ADD(epoll, oneshot) {
	.events = EPOLLIN | EPOLLOUT | EPOLLONESHOT,
	.first = EPOLLOUT,
};

FIXTURE_VARIANT_ADD(epoll, oneshot_in) {
	.events = EPOLLIN | EPOLLONESHOT,
	.signal = EPOLLIN,
};

FIXTURE_VARIANT_ADD(epoll, level_in) {
	.events = EPOLLIN,
	.signal = EPOLLIN,
};

FIXTURE_VARIANT_ADD(epoll, level) {
	.events = EPOLLIN | EPOLLOUT,
	.first = EPOLLOUT,
	.always = EPOLLOUT,
	.signal = EPOLLIN | EPOLLOUT,
};

FIXTURE_SETUP(epoll)
{
	irq_vm_init(&self->v);
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(epoll)
{
	close(self->fd);
	irq_vm_free(&self->v);
}

/*
 * An interrupt is no event for an epoll loop on the same eventfd, whether user space or
 * the kernel signals.
 *
 * Pins a wake-up of all waiters for each signal.
 */
TEST_F(epoll, signals)
{
	const int nr = 1000;
	uint32_t got;
	int epfd, i;

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	add_bell(&self->v, self->fd);
	epfd = new_epoll(self->fd, variant->events);
	got = look(epfd);
	TEST_ASSERT(got == variant->first, "Wanted 0x%x first, got 0x%x", variant->first, got);

	for (i = 0; i < nr; i++) {
		if (i % 10)
			add(self->fd, 1 + i);
		else
			ring_bell(&self->v);
		got = look(epfd);
		TEST_ASSERT(got == variant->always, "Signal %d: wanted 0x%x, got 0x%x", i,
			    variant->always, got);
	}
	wait_for_irqs(&self->v, VECTOR, nr / 10);

	/* A signal that no irqfd takes is an event. */
	unassign_ok(self->v.vm, self->fd, GSI_MSI);
	TEST_ASSERT(look(epfd) == variant->always, "Wanted deassign to be no event");
	add(self->fd, 1);
	got = look(epfd);
	if (variant->signal)
		TEST_ASSERT(got == variant->signal, "After deassign: wanted 0x%x, got 0x%x",
			    variant->signal, got);
	close(epfd);
}

/* The same for many epoll loops. */
TEST_F(pollers, many)
{
	const int nr = 900, signals = 100;
	struct rlimit limit = { .rlim_cur = 2 * nr, .rlim_max = 2 * nr };
	int epfds[nr], i, events = 0;

	TEST_ASSERT(!setrlimit(RLIMIT_NOFILE, &limit), "setrlimit(): %s", strerror(errno));
	assign_ok(self->v.vm, self->fd, GSI_MSI);
	for (i = 0; i < nr; i++) {
		epfds[i] = new_epoll(self->fd, EPOLLIN | EPOLLOUT | EPOLLET);
		TEST_ASSERT(look(epfds[i]) == EPOLLOUT, "Wanted room at first");
	}

	for (i = 0; i < signals; i++)
		add(self->fd, 1);
	for (i = 0; i < nr; i++) {
		events += !!look(epfds[i]);
		close(epfds[i]);
	}
	TEST_ASSERT(!events, "%d signals: %d of %d loops have an event", signals, events, nr);
	wait_for_irqs(&self->v, VECTOR, 1);
}

/* An assign that takes a full counter makes room: one event, as after a read(2). */
TEST_F(pollers, assign_makes_room)
{
	int epfd, in, i;

	add(self->fd, EVENTFD_FULL);
	epfd = new_epoll(self->fd, EPOLLOUT | EPOLLET);
	in = new_epoll(self->fd, EPOLLIN | EPOLLET);
	TEST_ASSERT(!look(epfd), "Wanted no room");
	TEST_ASSERT(look(in) == EPOLLIN, "Wanted a count");

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	TEST_ASSERT(look(epfd) == EPOLLOUT, "Wanted room by assign");
	assert_irqs(&self->v, VECTOR, 1);

	for (i = 0; i < 10; i++)
		add(self->fd, 1);
	TEST_ASSERT(!look(epfd), "Wanted room to be no news after that");
	TEST_ASSERT(!look(in), "Wanted no count");
	close(epfd);
	close(in);
}

/*
 * A semaphore may be full and stay full: each signal adds one, and the irqfd takes one.
 * There is room once the irqfd takes one without a signal that adds one.
 *
 * Linux up to 6.12 and later doesn't wake the writer.
 */
TEST_F(pollers, full_semaphore)
{
	int fd = new_semaphore(), epfd, i;
	struct writer w;

	/* A signal of the kernel's makes it one more than a write(2) could. */
	add_bell(&self->v, fd);
	add(fd, EVENTFD_FULL);
	ring_bell(&self->v);
	epfd = new_epoll(fd, EPOLLOUT | EPOLLET);
	TEST_ASSERT(look(epfd) == EPOLLERR, "Wanted the counter to have overflown");

	assign_ok(self->v.vm, fd, GSI_MSI);
	assert_irqs(&self->v, VECTOR, 1);
	start_writer(&w, fd, 1);
	for (i = 1; i <= 10; i++) {
		ring_bell(&self->v);
		wait_for_irqs(&self->v, VECTOR, 1 + i);
	}
	TEST_ASSERT(!look(epfd), "Wanted no room");
	assert_writer_sleeps(&w);

	add(fd, 0);
	end_writer(&w, "Write of 0");
	TEST_ASSERT(look(epfd) == EPOLLOUT, "Wanted room");
	/* Both writes are events; the guest hasn't run in between, so they merge. */
	assert_irqs(&self->v, VECTOR, 12);

	close(epfd);
	close(fd);
}

/*
 * Deassign takes one and wakes the writer that waited for room.
 *
 * In Linux up to 6.12 and later assign takes none, so the second write sleeps, too.
 */
TEST_F(pollers, deassign_makes_room)
{
	int fd = new_semaphore();
	struct writer w;

	add(fd, EVENTFD_FULL);
	assign_ok(self->v.vm, fd, GSI_MSI);
	assert_irqs(&self->v, VECTOR, 1);
	start_writer(&w, fd, 2);
	add(fd, 1);
	assert_irqs(&self->v, VECTOR, 2);
	assert_writer_sleeps(&w);

	unassign_ok(self->v.vm, fd, GSI_MSI);
	end_writer(&w, "Deassign");
	assert_irqs(&self->v, VECTOR, 2);
	close(fd);
}

/* VM close does the same. */
TEST_F(pollers, vm_close_makes_room)
{
	int fd = new_semaphore();
	struct writer w;

	add(fd, EVENTFD_FULL);
	assign_ok(self->v.vm, fd, GSI_MSI);
	start_writer(&w, fd, 2);
	irq_vm_free(&self->v);
	end_writer(&w, "VM close");
	close(fd);
	irq_vm_init(&self->v);
}

/* An io_uring for a poll request or two. */
struct ring {
	int fd;
	struct io_uring_params params;
	void *rings;
	struct io_uring_sqe *sqes;
};

static uint32_t *ring_word(struct ring *r, uint32_t offset)
{
	return r->rings + offset;
}

static bool ring_init(struct ring *r)
{
	size_t len;

	*r = (struct ring) {};
	r->fd = syscall(__NR_io_uring_setup, 64, &r->params);
	if (r->fd < 0)
		return false;

	len = r->params.cq_off.cqes + r->params.cq_entries * sizeof(struct io_uring_cqe);
	len = max_t(size_t, len, r->params.sq_off.array + r->params.sq_entries * sizeof(uint32_t));
	r->rings = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->params.sq_entries * sizeof(*r->sqes), PROT_READ | PROT_WRITE,
		       MAP_SHARED, r->fd, IORING_OFF_SQES);
	TEST_ASSERT(r->rings != MAP_FAILED && r->sqes != MAP_FAILED, "mmap() of the ring: %s",
		    strerror(errno));
	return true;
}

static void ring_enter(struct ring *r, unsigned int submit)
{
	int ret = syscall(__NR_io_uring_enter, r->fd, submit, 0, IORING_ENTER_GETEVENTS, NULL, 0);

	TEST_ASSERT(ret == submit, __KVM_SYSCALL_ERROR("io_uring_enter()", ret));
}

static void ring_poll(struct ring *r, int fd, uint32_t events, bool multishot)
{
	uint32_t *tail = ring_word(r, r->params.sq_off.tail);
	uint32_t at = *tail & (r->params.sq_entries - 1);

	r->sqes[at] = (struct io_uring_sqe) {
		.opcode = IORING_OP_POLL_ADD,
		.fd = fd,
		.poll32_events = events,
		.len = multishot ? IORING_POLL_ADD_MULTI : 0,
	};
	ring_word(r, r->params.sq_off.array)[at] = at;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	ring_enter(r, 1);
}

/* How many completions there have been, after running this task's pending work. */
static uint32_t ring_completions(struct ring *r)
{
	ring_enter(r, 0);
	return __atomic_load_n(ring_word(r, r->params.cq_off.tail), __ATOMIC_ACQUIRE) +
	       *ring_word(r, r->params.cq_off.overflow);
}

/*
 * An io_uring that signals the irqfd's eventfd with each completion, and polls it.  The
 * first completion must not cause another one.
 *
 * Pins a wake-up that reported room for each signal, and didn't say that an io_uring had
 * caused it: the ring caused its own completions for ever, in the kernel.
 */
TEST_F(pollers, io_uring)
{
	uint32_t got;
	struct ring r;
	int i;

	if (!ring_init(&r))
		SKIP(return, "io_uring_setup(): %s", strerror(errno));

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	TEST_ASSERT(!syscall(__NR_io_uring_register, r.fd, IORING_REGISTER_EVENTFD, &self->fd, 1),
		    "IORING_REGISTER_EVENTFD: %s", strerror(errno));
	ring_poll(&r, self->fd, POLLIN | POLLOUT, true);
	wait_for_irqs(&self->v, VECTOR, 1);
	for (i = 0; i < 100; i++) {
		got = ring_completions(&r);
		TEST_ASSERT(got == 1, "Wanted 1 completion, got %u", got);
	}

	for (i = 0; i < 100; i++)
		add(self->fd, 1);
	got = ring_completions(&r);
	TEST_ASSERT(got == 1, "100 signals: wanted 1 completion, got %u", got);
	assert_irqs(&self->v, VECTOR, 2);

	/*
	 * The poll is still on the wait queue: a signal that stays in the counter
	 * completes it, and so may that completion's signal.
	 */
	unassign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	WAIT_FOR(ring_completions(&r) > 1, "Wanted a completion after deassign");
	close(r.fd);
}

/*
 * The same with a semaphore that each signal fills, so that there is room each time the
 * irqfd takes one.
 */
TEST_F(pollers, io_uring_semaphore)
{
	int fd = new_semaphore(), i;
	uint32_t got;
	struct ring r;

	if (!ring_init(&r))
		SKIP(return, "io_uring_setup(): %s", strerror(errno));

	add(fd, EVENTFD_FULL);
	assign_ok(self->v.vm, fd, GSI_MSI);
	TEST_ASSERT(!syscall(__NR_io_uring_register, r.fd, IORING_REGISTER_EVENTFD, &fd, 1),
		    "IORING_REGISTER_EVENTFD: %s", strerror(errno));
	ring_poll(&r, fd, POLLOUT, true);
	for (i = 0; i < 100; i++) {
		got = ring_completions(&r);
		TEST_ASSERT(got >= 1 && got <= 2,
			    "Wanted a completion, and one for its room, got %u", got);
	}
	close(r.fd);
	close(fd);
}

/* The same with a full counter that assign takes: one completion for the room. */
TEST_F(pollers, io_uring_assign)
{
	struct ring r;
	uint32_t got;
	int i;

	if (!ring_init(&r))
		SKIP(return, "io_uring_setup(): %s", strerror(errno));

	add(self->fd, EVENTFD_FULL);
	TEST_ASSERT(!syscall(__NR_io_uring_register, r.fd, IORING_REGISTER_EVENTFD, &self->fd, 1),
		    "IORING_REGISTER_EVENTFD: %s", strerror(errno));
	ring_poll(&r, self->fd, POLLOUT, true);
	TEST_ASSERT(!ring_completions(&r), "Wanted no completion");

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	WAIT_FOR(ring_completions(&r) == 1, "Wanted a completion");
	/* The count's interrupt and the completion's. */
	wait_for_irqs(&self->v, VECTOR, 1);
	for (i = 0; i < 100; i++) {
		got = ring_completions(&r);
		TEST_ASSERT(got == 1, "Wanted 1 completion, got %u", got);
	}
	close(r.fd);
}

static void aio_submit(aio_context_t ctx, struct iocb *iocb)
{
	struct iocb *iocbs[] = { iocb };
	long ret = syscall(__NR_io_submit, ctx, 1, iocbs);

	TEST_ASSERT(ret == 1, __KVM_SYSCALL_ERROR("io_submit()", (int)ret));
}

static long aio_completions(aio_context_t ctx)
{
	struct timespec none = {};
	struct io_event events[16];

	return syscall(__NR_io_getevents, ctx, 0, ARRAY_SIZE(events), events, &none);
}

/* AIO signals the eventfd, one interrupt for each completion, and polls it. */
TEST_F(pollers, aio)
{
	struct iocb iocb = { .aio_flags = IOCB_FLAG_RESFD, .aio_resfd = self->fd };
	aio_context_t ctx = 0;
	char byte;
	int i;

	if (syscall(__NR_io_setup, 16, &ctx))
		SKIP(return, "io_setup(): %s", strerror(errno));
	assign_ok(self->v.vm, self->fd, GSI_MSI);

	iocb.aio_fildes = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	iocb.aio_lio_opcode = IOCB_CMD_PREAD;
	iocb.aio_buf = (uintptr_t)&byte;
	iocb.aio_nbytes = 1;
	for (i = 1; i <= 10; i++) {
		aio_submit(ctx, &iocb);
		WAIT_FOR(aio_completions(ctx) == 1, "Wanted the read to complete");
		wait_for_irqs(&self->v, VECTOR, i);
	}
	close(iocb.aio_fildes);

	iocb = (struct iocb) {
		.aio_fildes = self->fd,
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_buf = POLLIN,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = self->fd,
	};
	aio_submit(ctx, &iocb);
	for (i = 0; i < 100; i++)
		add(self->fd, 1);
	TEST_ASSERT(!aio_completions(ctx), "Wanted no count to be seen");
	assert_irqs(&self->v, VECTOR, 11);

	unassign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	WAIT_FOR(aio_completions(ctx) == 1, "Wanted a completion after deassign");
	syscall(__NR_io_destroy, ctx);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/* So that not every subtest switches virtualization on and off. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
