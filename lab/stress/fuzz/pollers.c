// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer on those who poll an eventfd besides KVM: epoll in its modes, and AIO.
 * What they are told has to be what poll() says; and an interrupt, which takes at once
 * what its signal added, is nothing to them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <linux/aio_abi.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "model.h"

#define NR_WATCHES	8

/*
 * Each has an epoll of its own, with one file in it.  It goes with the last descriptor
 * of the eventfd, as that is when the file does: a duplicate is the same file.
 */
static struct watch {
	struct event *event;	/* NULL: none */
	int epoll, fd;
	uint32_t events;	/* EPOLLIN and EPOLLOUT */
	uint32_t mode;		/* 0, EPOLLONESHOT or EPOLLEXCLUSIVE */
	bool told;		/* EPOLLONESHOT's one time is over */
} watches[NR_WATCHES];

void drop_watches(struct event *event)
{
	struct watch *watch;

	for (watch = watches; watch < watches + NR_WATCHES; watch++) {
		if (watch->event != event)
			continue;
		watch->event = NULL;
		close(watch->epoll);
	}
}

static struct epoll_event epoll_event_of(const struct watch *watch)
{
	return (struct epoll_event) {
		.events = watch->events | watch->mode,
	};
}

static void make_watch(struct watch *watch, struct fd *fd)
{
	static const uint32_t modes[] = { 0, 0, EPOLLONESHOT, EPOLLEXCLUSIVE };
	struct watch *other;
	struct epoll_event ev;

	watch->events = one_in(2) ? EPOLLIN : one_in(2) ? EPOLLOUT :
			EPOLLIN | EPOLLOUT;
	watch->mode = modes[rnd(ARRAY_SIZE(modes))];
	watch->told = false;
	/* Of several exclusive ones it isn't said which is told. */
	for (other = watches; other < watches + NR_WATCHES; other++)
		if (other->event == fd->event && other->mode == EPOLLEXCLUSIVE)
			watch->mode = 0;
	watch->fd = fd->fd;
	watch->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (watch->epoll < 0)
		die("epoll_create1");
	ev = epoll_event_of(watch);
	if (epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fd->fd, &ev))
		die("EPOLL_CTL_ADD");
	watch->event = fd->event;
}

static void check_watch(struct watch *watch)
{
	uint32_t want = poll_events(watch->event) & (watch->events | EPOLLERR);
	struct epoll_event ev = {};
	int n = epoll_wait(watch->epoll, &ev, 1, 0);

	if (n < 0)
		die("epoll_wait");
	/* It may be told more often than it has to be. */
	if (watch->event->resample && ev.events & EPOLLIN) {
		watch->told |= watch->mode == EPOLLONESHOT;
		return;
	}
	if (watch->told)
		want = 0;
	/* A semaphore's irqfd takes one of the count, and the signal with it. */
	if (watch->event->left && !ev.events)
		want = 0;
	if (ev.events != want)
		wrong("epoll, mode %#x, has events %#x instead of %#x, with a count of %#llx",
		      watch->mode, ev.events, want,
		      (unsigned long long)watch->event->count);
	watch->told |= want && watch->mode == EPOLLONESHOT;
}

void do_epoll(void)
{
	struct watch *watch = &watches[rnd(NR_WATCHES)];
	struct fd *fd = &fds[rnd(NR_FDS)];
	int i;

	if (!watch->event) {
		if (!fd->event)
			return;
		say("fd %zd: watched by epoll %zd", fd - fds, watch - watches);
		make_watch(watch, fd);
	} else if (one_in(6)) {
		say("epoll %zd: gone", watch - watches);
		watch->event = NULL;
		close(watch->epoll);
	} else if (watch->told && one_in(2)) {
		struct epoll_event ev = epoll_event_of(watch);

		/* By the number that it was added by, if that still is its own. */
		for (i = 0; i < NR_FDS; i++)
			if (fds[i].event == watch->event && fds[i].fd == watch->fd)
				break;
		if (i == NR_FDS)
			return;
		say("epoll %zd: armed again", watch - watches);
		expect("EPOLL_CTL_MOD", epoll_ctl(watch->epoll, EPOLL_CTL_MOD,
						  watch->fd, &ev), 0);
		watch->told = false;
	} else {
		say("epoll %zd: asked", watch - watches);
		check_watch(watch);
	}
}

static int aio_done(aio_context_t aio)
{
	struct timespec no_time = {};
	struct io_event event;
	int n = syscall(SYS_io_getevents, aio, 0, 1, &event, &no_time);

	if (n < 0)
		die("io_getevents");
	return n;
}

/*
 * A poll by AIO ends as soon as there is something to read, which an interrupt is not.
 * Its request has the file, so it is gone before anything else is done.
 */
void do_aio(void)
{
	struct fd *fd = some_fd();
	struct event *event = fd->event;
	struct iocb iocb = {
		.aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = fd->fd,
		.aio_buf = EPOLLIN,
	};
	struct iocb *list = &iocb;
	aio_context_t aio = 0;
	uint64_t one = 1;

	if (!event || event->count)
		return;
	/* Not each kernel has it. */
	if (syscall(SYS_io_setup, 1, &aio))
		return;
	say("fd %zd: polled by AIO, and 1 added", fd - fds);
	if (syscall(SYS_io_submit, aio, 1, &list) != 1)
		die("io_submit");
	if (aio_done(aio))
		wrong("AIO has something to read of nothing");
	expect("write", write(fd->fd, &one, sizeof(one)), 0);
	nr_signals++;
	event->count++;
	consume(event);
	if (aio_done(aio) != !!event->count)
		wrong("AIO has %s", event->count ? "nothing to read" :
		      "an interrupt to read");
	if (syscall(SYS_io_destroy, aio))
		die("io_destroy");
}
