/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Those that wait on an eventfd: in epoll, and in a write(2) for room in the counter.
 */
#ifndef SELFTEST_KVM_EVENTFD_WAITERS_H
#define SELFTEST_KVM_EVENTFD_WAITERS_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

/* The largest count that a write(2) can make. */
#define EVENTFD_FULL	(~0ull - 1)

int new_semaphore(void);

/* An epoll instance with that eventfd alone, and the events that are ready now, or 0. */
int new_epoll(int fd, uint32_t events);
uint32_t look(int epfd);

/* A thread that adds to an eventfd's count. */
struct writer {
	pthread_t thread;
	pid_t tid;
	int fd;
	uint64_t count;
};

/* start_writer() returns when the write sleeps, end_writer() when it has returned. */
void start_writer(struct writer *w, int fd, uint64_t count);
void end_writer(struct writer *w, const char *why);
/* It may have been woken to look for room. */
void assert_writer_sleeps(struct writer *w);

#endif /* SELFTEST_KVM_EVENTFD_WAITERS_H */
