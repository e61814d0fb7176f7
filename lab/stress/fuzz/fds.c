// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's operations on eventfds: signal, read, poll, close and pass on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "model.h"

void do_signal(void)
{
	uint64_t add = one_in(8) ? COUNT_MAX - 1 - rnd(2) : 1 + rnd(3);
	struct fd *fd = one_in(8) ? some_resamplefd() : some_fd();
	struct event *event = fd->event;
	int ret, want;

	if (!event)
		return;
	/* The model doesn't know a resamplefd's real count. */
	if (fd >= &fds[NR_PLAIN])
		add = 1;
	want = COUNT_MAX - event->count > add ? 0 : EAGAIN;
	say("fd %zd: add %#llx to %#llx", fd - fds, (unsigned long long)add,
	    (unsigned long long)event->count);
	ret = write(fd->fd, &add, sizeof(add));
	expect("write", ret, want);
	if (!want) {
		nr_signals++;
		event->count += add;
		event->stirs += !event->vm;
		consume(event);
	}
}

void do_read(void)
{
	struct fd *fd = &fds[rnd(NR_FDS)];
	struct event *event = fd->event;
	uint64_t had, n = 0;
	int ret, want;

	if (!event)
		return;
	had = event->count;
	want = had ? 0 : EAGAIN;
	say("fd %zd: read %#llx", fd - fds, (unsigned long long)had);
	ret = read(fd->fd, &n, sizeof(n));
	event->stirs += ret > 0;
	/* A resamplefd may have more signals than the model has, but not fewer. */
	if (event->resample && ret > 0 && !event->semaphore && n >= had) {
		event->count = 0;
		return;
	}
	if (event->resample && ret > 0 && !had)
		return;
	expect("read", ret, want);
	if (!want) {
		if (take(event) != (event->semaphore ? 1 : n) ||
		    (event->semaphore && n != 1))
			wrong("the counter has %#llx", (unsigned long long)n);
	}
}

void do_poll(void)
{
	struct fd *fd = &fds[rnd(NR_FDS)];

	if (!fd->event)
		return;
	say("fd %zd: poll", fd - fds);
	check_counter(fd);
}

void do_new(void)
{
	struct fd *fd = &fds[rnd(NR_FDS)];
	struct event *event;
	int new;

	if (one_in(4)) {
		/* The number is closed, or becomes another kind of file. */
		say("fd %zd: closed", fd - fds);
		drop_file(fd);
		if (one_in(2))
			fd->fd = fcntl(other_fd, F_DUPFD_CLOEXEC, 3);
		return;
	}
	event = new_event();
	event->semaphore = one_in(3);
	event->count = one_in(3) ? rnd(4) : 0;
	say("fd %zd: a new eventfd, %llu%s", fd - fds,
	    (unsigned long long)event->count,
	    event->semaphore ? ", a semaphore" : "");
	new = eventfd(event->count, EFD_NONBLOCK | EFD_CLOEXEC |
		      (event->semaphore ? EFD_SEMAPHORE : 0));
	if (new < 0)
		die("eventfd");
	give_file(fd, new, event);
}

static int pass(int fd)
{
	static int mail[2];
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	if (!mail[0] && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, mail))
		die("socketpair");
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(mail[0], &msg, 0) < 0)
		die("sendmsg");
	msg.msg_controllen = sizeof(control);
	if (recvmsg(mail[1], &msg, MSG_CMSG_CLOEXEC) < 0 || !CMSG_FIRSTHDR(&msg))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

void do_dup(void)
{
	struct fd *fd = &fds[rnd(NR_FDS)], *to = some_like(fd);
	bool by_mail = one_in(3);
	struct event *event = fd->event;
	int new;

	if (!event || fd == to)
		return;
	say("fd %zd: another of fd %zd, %s", to - fds, fd - fds,
	    by_mail ? "by a socket" : "dup'ed");
	new = by_mail ? pass(fd->fd) : fcntl(fd->fd, F_DUPFD_CLOEXEC, 3);
	if (new < 0)
		die("dup");
	give_file(to, new, event);
}
