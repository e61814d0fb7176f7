/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps of a test of eventfds: each has an outcome, a text, which is printed and has to be
 * the expected one.  No text depends on the machine or on time, so the output of two
 * kernels can be compared.
 */
#ifndef EVENTFD_STEPS_H
#define EVENTFD_STEPS_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>

#include "../../kselftest.h"

/* The largest count that a write(2) can make: "max-1". */
#define FULL		(UINT64_MAX - 1)
#define MAX_SLEEPERS	3
#define TEXT_SIZE	128

static inline void die(const char *what)
{
	ksft_exit_fail_msg("%s: %s\n", what, strerror(errno));
}

/* A text that stands until many more have been made. */
static inline const char *text(const char *fmt, ...)
{
	static char texts[32][TEXT_SIZE];
	static unsigned int next;
	char *to = texts[next++ % 32];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(to, TEXT_SIZE, fmt, ap);
	va_end(ap);
	return to;
}

/* Both texts, made in this order. */
#define then(first, second) ({			\
	const char *__first = (first);		\
						\
	text("%s, then %s", __first, second);	\
})

static inline void step(const char *name, const char *seen, const char *wanted)
{
	ksft_print_msg("%s: %s\n", name, seen);
	if (strcmp(seen, wanted))
		ksft_print_msg("wanted: %s\n", wanted);
	ksft_test_result(!strcmp(seen, wanted), "%s\n", name);
}

static inline const char *error(int err)
{
	static const struct {
		int nr;
		const char *name;
	} errors[] = {
		{ EAGAIN, "EAGAIN" }, { EBADF, "EBADF" }, { EEXIST, "EEXIST" },
		{ EFAULT, "EFAULT" }, { EINTR, "EINTR" }, { EINVAL, "EINVAL" },
		{ ENOENT, "ENOENT" }, { ESPIPE, "ESPIPE" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].nr == err)
			return errors[i].name;
	return text("errno %d", err);
}

static inline const char *ret(long n)
{
	return n < 0 ? error(errno) : text("%ld", n);
}

static inline const char *mask(uint32_t events)
{
	static const char * const names[] = { "IN", "PRI", "OUT", "ERR", "HUP" };
	const char *all = "";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (events & 1u << i)
			all = text("%s%s%s", all, *all ? "|" : "", names[i]);
	events &= ~((1u << ARRAY_SIZE(names)) - 1);
	if (events)
		all = text("%s|0x%x", all, events);
	return *all ? all : "-";
}

/* Large counts by their distance from the largest number. */
static inline const char *number(uint64_t n)
{
	if (n > UINT64_MAX - 16)
		return text("max-%u", (unsigned int)(UINT64_MAX - n));
	return text("%llu", (unsigned long long)n);
}

static inline int new_eventfd(uint64_t count, int flags)
{
	int fd = eventfd(0, EFD_CLOEXEC | flags);

	if (fd < 0)
		die("eventfd");
	if (count && write(fd, &count, sizeof(count)) != sizeof(count))
		die("first write");
	return fd;
}

static inline const char *count_of(int fd)
{
	FILE *f = fopen(text("/proc/self/fdinfo/%d", fd), "re");
	const char *seen = "no count";
	unsigned long long count;
	char line[128];

	if (!f)
		return "no fdinfo";
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "eventfd-count: %llx", &count) == 1)
			seen = number(count);
	fclose(f);
	return seen;
}

static inline const char *do_read(int fd)
{
	uint64_t n;
	ssize_t size = read(fd, &n, sizeof(n));

	return size == sizeof(n) ? number(n) : ret(size);
}

static inline const char *do_write(int fd, uint64_t n)
{
	return ret(write(fd, &n, sizeof(n)));
}

static inline void add(int fd, uint64_t n)
{
	if (write(fd, &n, sizeof(n)) != sizeof(n))
		die("write");
}

static inline void take(int fd)
{
	uint64_t n;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		die("read");
}

static inline const char *do_poll(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };
	int nr = poll(&p, 1, ms);

	return nr < 0 ? ret(nr) : mask(p.revents);
}

static inline const char *do_select(int fd, bool r, bool w, struct timeval *timeout)
{
	fd_set in, out, except;
	int nr;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	if (r)
		FD_SET(fd, &in);
	if (w)
		FD_SET(fd, &out);
	FD_SET(fd, &except);
	nr = select(fd + 1, &in, &out, &except, timeout);
	if (nr < 0)
		return ret(nr);
	return text("%s%s%s", FD_ISSET(fd, &in) ? "r" : "-", FD_ISSET(fd, &out) ? "w" : "-",
		    FD_ISSET(fd, &except) ? "x" : "-");
}

static inline int new_epoll(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epfd = epoll_create1(EPOLL_CLOEXEC);

	if (epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event))
		die("epoll");
	return epfd;
}

static inline const char *wait_for(int epfd, int ms)
{
	struct epoll_event event;
	int nr = epoll_wait(epfd, &event, 1, ms);

	return nr < 0 ? ret(nr) : nr ? mask(event.events) : "-";
}

static inline const char *look(int epfd)
{
	return wait_for(epfd, 0);
}

/* By poll, select and epoll. */
static inline const char *all_masks(int fd)
{
	int epfd = new_epoll(fd, EPOLLIN | EPOLLPRI | EPOLLOUT);
	struct timeval now = { };
	const char *seen;

	seen = text("%s %s %s", do_poll(fd, POLLIN | POLLPRI | POLLOUT, 0),
		    do_select(fd, true, true, &now), look(epfd));
	close(epfd);
	return seen;
}

/* A process that makes one call, which may sleep, and the text that comes of it. */
struct sleeper {
	pid_t pid;
	struct outcome {
		bool done;
		char text[TEXT_SIZE];
	} *outcome;
};

static inline void start(struct sleeper *s, const char *(*call)(int fd), int fd)
{
	s->outcome = mmap(NULL, sizeof(*s->outcome), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->outcome == MAP_FAILED)
		die("mmap");
	fflush(stdout);
	s->pid = fork();
	if (s->pid < 0)
		die("fork");
	if (!s->pid) {
		snprintf(s->outcome->text, TEXT_SIZE, "%s", call(fd));
		__atomic_store_n(&s->outcome->done, true, __ATOMIC_RELEASE);
		_exit(0);
	}
}

static inline bool has_returned(struct sleeper *s)
{
	return __atomic_load_n(&s->outcome->done, __ATOMIC_ACQUIRE);
}

static inline bool is_asleep(struct sleeper *s)
{
	char line[256] = "", state = 0, *name;
	FILE *f = fopen(text("/proc/%d/stat", s->pid), "re");

	if (!f)
		die("/proc");
	if (fgets(line, sizeof(line), f)) {
		name = strrchr(line, ')');
		if (name)
			sscanf(name, ") %c", &state);
	}
	fclose(f);
	return state == 'S';
}

/*
 * "sleeps", or what the call has come to.  A wake-up changes the state before that which
 * wakes goes on, so a process that has been woken isn't taken for one that sleeps.
 */
static inline const char *now(struct sleeper *s)
{
	while (!has_returned(s)) {
		if (is_asleep(s) && !has_returned(s))
			return "sleeps";
		usleep(1000);
	}
	return text("%s", s->outcome->text);
}

static inline void end(struct sleeper *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->outcome, sizeof(*s->outcome));
}

static inline void start_all(struct sleeper *s, int nr, const char *(*call)(int fd), int fd)
{
	int i;

	for (i = 0; i < nr; i++) {
		start(&s[i], call, fd);
		now(&s[i]);
	}
}

/* How many calls have returned, once those that return have woken others. */
static inline const char *returned(struct sleeper *s, int nr)
{
	int i, before, done = 0;

	do {
		before = done;
		for (done = 0, i = 0; i < nr; i++)
			done += strcmp(now(&s[i]), "sleeps") != 0;
	} while (done != before);
	return text("%d of %d", done, nr);
}

static inline void end_all(struct sleeper *s, int nr)
{
	while (nr--)
		end(&s[nr]);
}

#endif /* EVENTFD_STEPS_H */
