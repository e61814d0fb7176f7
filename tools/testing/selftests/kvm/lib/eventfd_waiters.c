// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "eventfd_util.h"
#include "eventfd_waiters.h"
#include "kvm_util.h"
#include "test_util.h"

int new_semaphore(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);

	TEST_ASSERT(fd >= 0, __KVM_SYSCALL_ERROR("eventfd()", fd));
	return fd;
}

int new_epoll(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epfd = epoll_create1(EPOLL_CLOEXEC);

	TEST_ASSERT(epfd >= 0, __KVM_SYSCALL_ERROR("epoll_create1()", epfd));
	TEST_ASSERT(!epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), "epoll_ctl(0x%x): %s", events,
		    strerror(errno));
	return epfd;
}

uint32_t look(int epfd)
{
	struct epoll_event event;
	int nr = epoll_wait(epfd, &event, 1, 0);

	TEST_ASSERT(nr >= 0, __KVM_SYSCALL_ERROR("epoll_wait()", nr));
	return nr ? event.events : 0;
}

static void *write_count(void *arg)
{
	struct writer *w = arg;

	WRITE_ONCE(w->tid, syscall(__NR_gettid));
	add(w->fd, w->count);
	return NULL;
}

/* The number of the system call that the thread sleeps in, or -1. */
static long sleeps_in(pid_t tid)
{
	char path[64];
	long nr = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (fscanf(f, "%ld", &nr) != 1)
		nr = -1;
	fclose(f);
	return nr;
}

void start_writer(struct writer *w, int fd, uint64_t count)
{
	*w = (struct writer) { .fd = fd, .count = count };
	TEST_ASSERT(!pthread_create(&w->thread, NULL, write_count, w), "pthread_create() failed");
	WAIT_FOR(READ_ONCE(w->tid) && sleeps_in(w->tid) == __NR_write,
		 "Wanted a write of %lu to sleep", count);
}

void end_writer(struct writer *w, const char *why)
{
	WAIT_FOR(!pthread_tryjoin_np(w->thread, NULL), "%s: the writer of %lu sleeps on", why,
		 w->count);
}

void assert_writer_sleeps(struct writer *w)
{
	WAIT_FOR(sleeps_in(w->tid) == __NR_write, "Wanted the writer of %lu to sleep", w->count);
}
