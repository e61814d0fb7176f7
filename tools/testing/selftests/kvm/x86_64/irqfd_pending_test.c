// SPDX-License-Identifier: GPL-2.0-only
/*
 * An event that an eventfd has when KVM_IRQFD ties it to a GSI is the irqfd's: KVM takes
 * it out of the counter, so that nothing else finds the eventfd readable, and a writer
 * that waits for a full counter goes on.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/compiler.h>

#include "kselftest_harness.h"
#include "kvm_util.h"
#include "test_util.h"

#define GSI		24
/* The largest value that a counter can have. */
#define FULL		(UINT64_MAX - 1)
/* Long enough for an emulated and loaded machine, short of the harness' limit. */
#define WAIT_SEC	15

FIXTURE(pending) {
	struct kvm_vm *vm;
	int fd;
};

FIXTURE_SETUP(pending)
{
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	self->vm = vm_create_barebones();
	vm_create_irqchip(self->vm);
	self->fd = eventfd(0, EFD_CLOEXEC);
	TEST_ASSERT(self->fd >= 0, "eventfd(): %s", strerror(errno));
}

FIXTURE_TEARDOWN(pending)
{
	kvm_vm_free(self->vm);
	close(self->fd);
}

static void irqfd(struct kvm_vm *vm, int fd)
{
	struct kvm_irqfd irqfd = { .fd = fd, .gsi = GSI };

	vm_ioctl(vm, KVM_IRQFD, &irqfd);
}

static void add(int fd, uint64_t count)
{
	TEST_ASSERT(write(fd, &count, sizeof(count)) == sizeof(count),
		    "write(): %s", strerror(errno));
}

static short state(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN | POLLOUT };

	TEST_ASSERT(poll(&pollfd, 1, 0) >= 0, "poll(): %s", strerror(errno));
	return pollfd.revents;
}

/* Without the fix the eventfd remains readable until its next signal. */
TEST_F(pending, taken)
{
	add(self->fd, 3);
	ASSERT_EQ(state(self->fd), POLLIN | POLLOUT);
	irqfd(self->vm, self->fd);
	ASSERT_EQ(state(self->fd), POLLOUT);
}

/* Whether a thread of this process sleeps: the third field of its stat. */
static bool sleeps(pid_t tid)
{
	char path[64], c = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	TEST_ASSERT(f && fscanf(f, "%*d %*s %c", &c) == 1, "%s", path);
	fclose(f);
	return c == 'S';
}

struct writer {
	int fd;
	pid_t tid;
};

static void *write_one(void *arg)
{
	struct writer *w = arg;

	WRITE_ONCE(w->tid, syscall(__NR_gettid));
	add(w->fd, 1);
	return NULL;
}

/* A writer sleeps because of the full counter; nothing but the irqfd can wake it. */
TEST_F(pending, wakes_writer)
{
	struct writer w = { .fd = self->fd };
	struct timespec limit;
	pthread_t thread;

	add(self->fd, FULL);
	ASSERT_EQ(state(self->fd), POLLIN);
	TEST_ASSERT(!pthread_create(&thread, NULL, write_one, &w),
		    "pthread_create() failed");
	while (!READ_ONCE(w.tid) || !sleeps(w.tid))
		usleep(1000);
	irqfd(self->vm, self->fd);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += WAIT_SEC;
	TEST_ASSERT(!pthread_timedjoin_np(thread, NULL, &limit), "The writer isn't woken.");
	ASSERT_EQ(state(self->fd), POLLOUT);
}

TEST_HARNESS_MAIN
