// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "eventfd_util.h"
#include "kvm_util.h"

int rounds(int n)
{
	const char *slow = getenv("SLOW");

	return slow ? n / atoi_positive("SLOW", slow) : n;
}

bool tell_kernel(const char *path, int flags, const char *fmt, ...)
{
	char text[128];
	ssize_t done;
	va_list ap;
	int fd, len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	TEST_ASSERT(len < sizeof(text), "%s: too long a text", path);
	fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	if (fd < 0)
		return false;
	done = write(fd, text, len);
	close(fd);
	return done == len;
}

int new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	TEST_ASSERT(fd >= 0, __KVM_SYSCALL_ERROR("eventfd()", fd));
	return fd;
}

void add(int fd, uint64_t count)
{
	TEST_ASSERT(write(fd, &count, sizeof(count)) == sizeof(count),
		    "Writing %lu to eventfd %d: %s", count, fd, strerror(errno));
}

/* Take the eventfd's count, 0 if there is none. */
uint64_t take(int fd)
{
	uint64_t count;
	ssize_t ret;

	ret = read(fd, &count, sizeof(count));
	if (ret < 0) {
		TEST_ASSERT(errno == EAGAIN, "Reading eventfd %d: wanted EAGAIN, got %s",
			    fd, strerror(errno));
		return 0;
	}

	TEST_ASSERT(ret == sizeof(count), "Wanted 8 bytes from eventfd %d, got %zd", fd, ret);
	return count;
}

int eventfd_id(int fd)
{
	char path[64], line[128];
	int id = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	TEST_ASSERT(f, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "eventfd-id: %d", &id) == 1)
			break;
	fclose(f);
	return id;
}
