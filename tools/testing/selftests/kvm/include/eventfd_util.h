/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of irqfd and of iosignalfd have in common: eventfds, errnos and
 * waiting for something to come true.
 */
#ifndef SELFTEST_KVM_EVENTFD_UTIL_H
#define SELFTEST_KVM_EVENTFD_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "test_util.h"

struct kvm_vcpu;
struct kvm_vm;

/* Long enough for an emulated and loaded machine, short of the harness' limit. */
#define WAIT_SEC	15
#define POLL_USEC	100ul

#define ASSERT_ERRNO(_want, _call, _fmt, ...)					\
do {										\
	int __want = (_want);							\
	int __got = (_call);							\
										\
	TEST_ASSERT(__got == __want, _fmt ": wanted %d (%s), got %d (%s)",	\
		    ##__VA_ARGS__, __want, strerror(__want),			\
		    __got, strerror(__got));					\
} while (0)

/*
 * How often a test does what takes long: @n times, or a tenth of that with SLOW=10 in
 * the environment, which is for a kernel that takes ten times as long; and ten times
 * that with MORE=10.
 */
int rounds(int n);

/*
 * Write to a file of the kernel's, in one go; @flags may be O_APPEND or O_TRUNC.
 * Returns false, with errno, if the file isn't there or the kernel refuses the text.
 */
__printf(3, 4) bool tell_kernel(const char *path, int flags, const char *fmt, ...);

#define ASSERT_TOLD(_path, _flags, _fmt, ...)				\
do {									\
	const char *__path = (_path);					\
									\
	TEST_ASSERT(tell_kernel(__path, _flags, _fmt, ##__VA_ARGS__),	\
		    "%s: %s", __path, strerror(errno));			\
} while (0)

static inline time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

#define WAIT_FOR(_cond, _fmt, ...)					\
do {									\
	time_t __end = now() + WAIT_SEC;				\
									\
	while (!(_cond)) {						\
		TEST_ASSERT(now() < __end, _fmt, ##__VA_ARGS__);	\
		usleep(POLL_USEC);					\
	}								\
} while (0)

#define TRACEFS	"/sys/kernel/tracing"

/* Eventfds: add to the count; take the count, 0 if it is empty. */
int new_eventfd(void);
void add(int fd, uint64_t count);
uint64_t take(int fd);
/*
 * How debugfs shows which eventfd it is: by its number, which the descriptor's fdinfo has,
 * or by "-" in a kernel whose modules can't ask for it.
 */
void shown_eventfd_id(int fd, char *text, size_t size);

/*
 * What the statistics of a VM or of a vCPU say, now; find_vm_stat() returns false if there
 * is nothing of that name.
 */
bool find_vm_stat(struct kvm_vm *vm, const char *name, uint64_t *value);
uint64_t vm_stat(struct kvm_vm *vm, const char *name);
uint64_t vcpu_stat(struct kvm_vcpu *vcpu, const char *name);

/*
 * A kprobe that records this thread's calls of a kernel function.  The definition is in
 * the syntax of kprobe_events, "FUNCTION value=WHAT:x64" and perhaps more arguments.  The
 * filter is a further condition, or NULL.  start_probe() returns false where there are no
 * kprobes.  stop_probe() returns the number of calls, and the first @max values.
 */
struct probe {
	char event[64];
	char dir[128];
};

/* In a probe's %flags: interrupts are on. */
#define PROBE_FLAGS_IF	0x200

bool start_probe(struct probe *p, const char *definition, const char *filter);
int stop_probe(struct probe *p, uint64_t *values, int max);

#endif /* SELFTEST_KVM_EVENTFD_UTIL_H */
