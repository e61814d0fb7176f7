// SPDX-License-Identifier: GPL-2.0-only
/*
 * eventfd: what comes through it has a type.
 *
 * Listeners in the kernel (test_modules/eventfd_end.c) are told of drains and ends.  poll,
 * epoll and read see poll masks alone, as they always did, whatever is told to listeners.
 *
 * Linux up to 6.12 and later has no types; the module isn't built there.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "eventfd_ends.h"
#include "eventfd_util.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_module.h"
#include "test_util.h"

/* As linux/eventfd.h has them. */
enum { PRODUCERS_GONE, CONSUMERS_GONE, DRAINED, POLL };

static int wakeup(int end, uint32_t event, uint64_t data)
{
	struct eventfd_end_wakeup wakeup = { .event = event, .data = data };

	return ioctl(end, EVENTFD_END_WAKEUP, &wakeup) ? errno : 0;
}

static void assert_drained(int end, uint32_t times, uint64_t data)
{
	struct eventfd_end_told t = told(end);

	TEST_ASSERT(t.drained == times && (!times || t.data == data),
		    "Drained %u times, the last time of %llu; wanted %u, %lu", t.drained, t.data,
		    times, data);
	TEST_ASSERT(!t.producers_gone && !t.consumers_gone, "Told of an end");
}

FIXTURE(events) {
	int fd;
	int end;
	/* It listens for the ends alone. */
	int other;
};

FIXTURE_SETUP(events)
{
	if (access("/dev/eventfd_end", F_OK))
		SKIP(return, "Needs eventfd_end.ko");
	self->fd = new_eventfd();
	self->end = new_end(self->fd, EVENTFD_END_PRODUCER | EVENTFD_END_LISTENER |
				      EVENTFD_END_DRAINS);
	self->other = new_end(self->fd, EVENTFD_END_LISTENER);
}

FIXTURE_TEARDOWN(events)
{
	close(self->other);
	close(self->end);
	close(self->fd);
}

/* A read that empties the counter is a drain, and one that finds nothing isn't. */
TEST_F(events, drained_by_read)
{
	ASSERT_EQ(0, take(self->fd));
	assert_drained(self->end, 0, 0);
	add(self->fd, 5);
	signal_end(self->end);
	assert_drained(self->end, 0, 0);
	ASSERT_EQ(6, take(self->fd));
	assert_drained(self->end, 1, 6);
	assert_drained(self->other, 0, 0);

	/* When the last listener for drains goes none is told. */
	close(self->end);
	add(self->fd, 1);
	ASSERT_EQ(1, take(self->fd));
	assert_drained(self->other, 0, 0);
	self->end = new_end(self->fd, EVENTFD_END_LISTENER | EVENTFD_END_DRAINS);
	add(self->fd, 2);
	ASSERT_EQ(2, take(self->fd));
	assert_drained(self->end, 1, 2);
}

/* Of a semaphore the last read is the drain. */
TEST_F(events, semaphore)
{
	int fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC), end, i;

	end = new_end(fd, EVENTFD_END_LISTENER | EVENTFD_END_DRAINS);
	for (i = 0; i < 3; i++) {
		assert_drained(end, 0, 0);
		ASSERT_EQ(1, take(fd));
	}
	assert_drained(end, 1, 1);
	close(end);
	close(fd);
}

/* An irqfd takes each signal, at the assign what is there, and at the end what is left. */
TEST_F(events, drained_by_irqfd)
{
	struct irq_vm v;

	irq_vm_init(&v);
	add(self->fd, 7);
	assign_ok(v.vm, self->fd, GSI_MSI);
	assert_drained(self->end, 1, 7);
	assert_irqs(&v, VECTOR, 1);
	signal_end(self->end);
	assert_drained(self->end, 2, 1);
	add(self->fd, 3);
	assert_drained(self->end, 3, 3);
	assert_irqs(&v, VECTOR, 2);
	unassign_ok(v.vm, self->fd, GSI_MSI);
	assert_drained(self->end, 3, 3);
	irq_vm_free(&v);
}

/* A waiter sees the mask that was sent, with the counter as it is, and nothing else. */
TEST_F(events, poll_masks)
{
	struct epoll_event want = { .events = EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLET }, got;
	int ep = epoll_create1(EPOLL_CLOEXEC);

	TEST_ASSERT(!epoll_ctl(ep, EPOLL_CTL_ADD, self->fd, &want), "epoll_ctl(): %s",
		    strerror(errno));
	ASSERT_EQ(1, epoll_wait(ep, &got, 1, 0));
	ASSERT_EQ(EPOLLOUT, got.events);
	ASSERT_EQ(0, epoll_wait(ep, &got, 1, 0));

	/* What listeners are told isn't a wake-up of epoll's. */
	ASSERT_EQ(0, wakeup(self->end, DRAINED, 9));
	assert_drained(self->end, 1, 9);
	ASSERT_EQ(0, epoll_wait(ep, &got, 1, 0));

	/* A mask is one, and epoll looks what there is. */
	ASSERT_EQ(0, wakeup(self->end, POLL, EPOLLOUT));
	ASSERT_EQ(1, epoll_wait(ep, &got, 1, 0));
	ASSERT_EQ(EPOLLOUT, got.events);
	ASSERT_EQ(0, take(self->fd));
	assert_drained(self->end, 1, 9);
	close(ep);
}

/* A mask that says EPOLLIN brings a consumer nothing. */
TEST_F(events, poll_with_irqfd)
{
	struct irq_vm v;

	irq_vm_init(&v);
	assign_ok(v.vm, self->fd, GSI_MSI);
	ASSERT_EQ(0, wakeup(self->end, POLL, EPOLLIN));
	assert_irqs(&v, VECTOR, 0);
	assert_drained(self->end, 0, 0);
	signal_end(self->end);
	assert_irqs(&v, VECTOR, 1);
	irq_vm_free(&v);
}

/* What isn't a sender's to say. */
TEST_F(events, errnos)
{
	struct irq_vm v;

	irq_vm_init(&v);
	assign_ok(v.vm, self->fd, GSI_MSI);
	ASSERT_EQ(EINVAL, wakeup(self->end, PRODUCERS_GONE, 0));
	ASSERT_EQ(EINVAL, wakeup(self->end, CONSUMERS_GONE, 0));
	ASSERT_EQ(EINVAL, wakeup(self->end, POLL + 1, 0));
	ASSERT_EQ(EINVAL, wakeup(self->end, -1, 0));
	ASSERT_EQ(EINVAL, wakeup(self->end, POLL, EPOLLHUP));
	/* POLLFREE */
	ASSERT_EQ(EINVAL, wakeup(self->end, POLL, 0x4000));
	ASSERT_EQ(EINVAL, wakeup(self->end, POLL, 1ull << 32 | EPOLLIN));
	assert_drained(self->end, 0, 0);
	signal_end(self->end);
	assert_irqs(&v, VECTOR, 1);
	irq_vm_free(&v);
}

/* Without a file, too. */
TEST_F(events, closed)
{
	close(self->fd);
	ASSERT_EQ(0, wakeup(self->end, DRAINED, 1));
	ASSERT_EQ(0, wakeup(self->end, POLL, EPOLLIN));
	signal_end(self->end);
	ASSERT_EQ(1, told(self->end).drained);
	ASSERT_EQ(1, told(self->end).consumers_gone);
	self->fd = new_eventfd();
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	load_test_module("eventfd_end");
	return test_harness_run(argc, argv);
}
