// SPDX-License-Identifier: GPL-2.0-only
/*
 * eventfd: room in the counter that a consumer in the kernel makes.
 *
 * test_modules/eventfd_taker.c takes each event in the wake-up that brings it.  There are
 * two kinds: one behind other waiters, as VFIO's virqfds are, and one that stands first
 * and ends the wake-up, as irqfds do.
 *
 * In Linux up to 6.12 and later a write(2) that waits for room sleeps on after the take of
 * one that stands first, and poll(2) isn't woken for room after either one's (B27).
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "eventfd_util.h"
#include "eventfd_waiters.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_module.h"
#include "test_util.h"

#include "../test_modules/eventfd_taker.h"

FIXTURE(taker) {
	int dev;
	int fd;
};

FIXTURE_VARIANT(taker) {
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(taker, behind) {
	.flags = 0,
};

FIXTURE_VARIANT_ADD(taker, first) {
	.flags = EVENTFD_TAKER_FIRST,
};

FIXTURE_SETUP(taker)
{
	/* Its writes sleep. */
	self->fd = eventfd(0, EFD_CLOEXEC);
	TEST_ASSERT(self->fd >= 0, __KVM_SYSCALL_ERROR("eventfd()", self->fd));
	self->dev = open("/dev/eventfd_taker", O_RDWR | O_CLOEXEC);
	if (self->dev < 0)
		SKIP(return, "Needs eventfd_taker.ko");
}

FIXTURE_TEARDOWN(taker)
{
	if (self->dev >= 0)
		close(self->dev);
	close(self->fd);
}

static void start_taking(int dev, int fd, uint32_t flags)
{
	struct eventfd_taker_args args = { .fd = fd, .flags = flags };

	TEST_ASSERT(!ioctl(dev, EVENTFD_TAKER_TAKE, &args), "EVENTFD_TAKER_TAKE: %s",
		    strerror(errno));
}

/* As a producer in the kernel does. */
static void signal_eventfd(int dev)
{
	TEST_ASSERT(!ioctl(dev, EVENTFD_TAKER_SIGNAL), "EVENTFD_TAKER_SIGNAL: %s",
		    strerror(errno));
}

static void assert_empty(int fd)
{
	int epfd = new_epoll(fd, EPOLLIN);

	TEST_ASSERT(!look(epfd), "Wanted nothing in the counter");
	close(epfd);
}

static int taken(int dev)
{
	return ioctl(dev, EVENTFD_TAKER_TAKEN);
}

/* A producer in the kernel signals while a write(2) sleeps. */
TEST_F(taker, signal)
{
	struct writer w;

	add(self->fd, EVENTFD_FULL);
	start_taking(self->dev, self->fd, variant->flags);
	start_writer(&w, self->fd, 1);

	signal_eventfd(self->dev);
	end_writer(&w, "Signal");
	/* The signal, and the write. */
	ASSERT_EQ(2, taken(self->dev));
	assert_empty(self->fd);
}

/* Another write(2) signals, which finds room for what it has. */
TEST_F(taker, write)
{
	struct writer large;

	add(self->fd, 5);
	start_taking(self->dev, self->fd, variant->flags);
	start_writer(&large, self->fd, EVENTFD_FULL - 2);

	add(self->fd, 1);
	end_writer(&large, "Write of 1");
	ASSERT_EQ(2, taken(self->dev));
	assert_empty(self->fd);
}

/* As many as wait, each of which needs all the room. */
TEST_F(taker, several_writers)
{
	struct writer w[4];
	int i;

	add(self->fd, 5);
	start_taking(self->dev, self->fd, variant->flags);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		start_writer(&w[i], self->fd, EVENTFD_FULL);

	signal_eventfd(self->dev);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		end_writer(&w[i], "Signal");
	ASSERT_EQ(1 + ARRAY_SIZE(w), taken(self->dev));
	assert_empty(self->fd);
}

TEST_F(taker, poll)
{
	int epfd;

	add(self->fd, EVENTFD_FULL);
	start_taking(self->dev, self->fd, variant->flags);
	epfd = new_epoll(self->fd, EPOLLOUT | EPOLLET);
	TEST_ASSERT(!look(epfd), "Wanted no room");

	signal_eventfd(self->dev);
	TEST_ASSERT(look(epfd) == EPOLLOUT, "Wanted room by the take");
	close(epfd);
}

/* Nothing waits for room, so a take is no news. */
TEST_F(taker, no_news)
{
	int epfd = new_epoll(self->fd, EPOLLOUT | EPOLLET), i;

	start_taking(self->dev, self->fd, variant->flags);
	TEST_ASSERT(look(epfd) == EPOLLOUT, "Wanted room at first");
	for (i = 0; i < 10; i++) {
		signal_eventfd(self->dev);
		add(self->fd, 1);
		TEST_ASSERT(!look(epfd), "Wanted no news");
	}
	ASSERT_EQ(20, taken(self->dev));
	close(epfd);
}

/* A semaphore that was full is full again: each signal adds one, and the take takes one. */
TEST_F(taker, full_semaphore)
{
	int fd = new_semaphore(), epfd, i;
	struct writer w;

	add(fd, EVENTFD_FULL);
	start_taking(self->dev, fd, variant->flags);
	start_writer(&w, fd, 1);
	epfd = new_epoll(fd, EPOLLOUT | EPOLLET);
	for (i = 0; i < 10; i++)
		signal_eventfd(self->dev);
	TEST_ASSERT(!look(epfd), "Wanted no room");
	assert_writer_sleeps(&w);

	/* A write(2) of 0 is an event that adds nothing. */
	add(fd, 0);
	end_writer(&w, "Write of 0");
	ASSERT_EQ(12, taken(self->dev));
	close(epfd);
	close(fd);
}

/* After a write(2) has been killed in its sleep, a take is no news again. */
TEST_F(taker, killed_writer)
{
	int epfd = new_epoll(self->fd, EPOLLOUT | EPOLLET), status;
	struct writer w;
	pid_t pid;

	add(self->fd, 5);
	TEST_ASSERT(look(epfd) == EPOLLOUT, "Wanted room at first");
	start_taking(self->dev, self->fd, variant->flags);

	pid = fork();
	TEST_ASSERT(pid >= 0, __KVM_SYSCALL_ERROR("fork()", pid));
	if (!pid) {
		start_writer(&w, self->fd, EVENTFD_FULL);
		kill(getpid(), SIGKILL);
	}
	TEST_ASSERT(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
		    WTERMSIG(status) == SIGKILL, "Wanted a writer that is killed: 0x%x", status);

	look(epfd);
	signal_eventfd(self->dev);
	TEST_ASSERT(!look(epfd), "Wanted no news");
	assert_empty(self->fd);
	close(epfd);
}

struct busy_writer {
	pthread_t thread;
	int fd;
	int nr;
	uint64_t count;
};

static void *write_often(void *arg)
{
	struct busy_writer *w = arg;
	int i;

	for (i = 0; i < w->nr; i++)
		add(w->fd, w->count);
	return NULL;
}

/*
 * Threads that each need nearly all of the room, and takers that come and go.  While
 * there is none the threads sleep; a take or the end of the
 * taker lets one of them go on.
 */
TEST_F_TIMEOUT(taker, stress, 600)
{
	struct busy_writer w[4];
	int i, dev;

	for (i = 0; i < ARRAY_SIZE(w); i++) {
		w[i] = (struct busy_writer) {
			.fd = self->fd,
			.nr = rounds(5000),
			.count = EVENTFD_FULL - i,
		};
		TEST_ASSERT(!pthread_create(&w[i].thread, NULL, write_often, &w[i]),
			    "pthread_create() failed");
	}
	for (i = 0; i < ARRAY_SIZE(w); i++) {
		while (pthread_tryjoin_np(w[i].thread, NULL)) {
			dev = open("/dev/eventfd_taker", O_RDWR | O_CLOEXEC);
			TEST_ASSERT(dev >= 0, __KVM_SYSCALL_ERROR("open()", dev));
			start_taking(dev, self->fd, variant->flags);
			signal_eventfd(dev);
			sched_yield();
			close(dev);
		}
	}
}

int main(int argc, char *argv[])
{
	load_test_module("eventfd_taker");
	return test_harness_run(argc, argv);
}
