/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ends of an eventfd in the kernel, each of which is an open file of
 * test_modules/eventfd_end.c.
 */
#ifndef SELFTEST_KVM_EVENTFD_ENDS_H
#define SELFTEST_KVM_EVENTFD_ENDS_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "test_util.h"

#include "../test_modules/eventfd_end.h"

/* A descriptor, by whose close the end goes. */
static inline int new_end(int fd, uint32_t flags)
{
	struct eventfd_end_args args = { .fd = fd, .flags = flags };
	int end = open("/dev/eventfd_end", O_RDWR | O_CLOEXEC);

	TEST_ASSERT(end >= 0, "/dev/eventfd_end: %s", strerror(errno));
	TEST_ASSERT(!ioctl(end, EVENTFD_END_BEGIN, &args), "EVENTFD_END_BEGIN: %s",
		    strerror(errno));
	return end;
}

static inline struct eventfd_end_told told(int end)
{
	struct eventfd_end_told told;

	TEST_ASSERT(!ioctl(end, EVENTFD_END_TOLD, &told), "EVENTFD_END_TOLD: %s",
		    strerror(errno));
	return told;
}

/* As the producer that it is. */
static inline void signal_end(int end)
{
	TEST_ASSERT(!ioctl(end, EVENTFD_END_SIGNAL), "EVENTFD_END_SIGNAL: %s", strerror(errno));
}

#endif /* SELFTEST_KVM_EVENTFD_ENDS_H */
