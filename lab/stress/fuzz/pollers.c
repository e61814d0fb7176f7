// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's operations on other pollers of an eventfd: epoll in its modes, AIO and
 * io_uring.  The events that they get must be those that poll() reports.  An interrupt
 * is no event for them, because it takes the count that its signal adds at once.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "model.h"

#define NR_WATCHES	8

/*
 * Each has an epoll of its own, with one file in it.  It ends with the last descriptor
 * of the eventfd, because then the file goes: a duplicate is the same file.
 */
static struct watch {
	struct event *event;	/* NULL: none */
	int epoll, fd;
	uint32_t events;	/* EPOLLIN and EPOLLOUT */
	uint32_t mode;		/* 0, EPOLLET, EPOLLONESHOT or EPOLLEXCLUSIVE */
	bool told;		/* EPOLLONESHOT has reported its one event */
	uint32_t last;		/* EPOLLET: the events at the last check */
	unsigned int stirs;
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
	static const uint32_t modes[] = {
		0, 0, EPOLLET, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE,
	};
	struct watch *other;
	struct epoll_event ev;

	watch->events = one_in(2) ? EPOLLIN : one_in(2) ? EPOLLOUT :
			EPOLLIN | EPOLLOUT;
	watch->mode = modes[rnd(ARRAY_SIZE(modes))];
	watch->told = false;
	watch->last = 0;
	watch->stirs = fd->event->stirs;
	/* With several exclusive ones it isn't defined which is woken: make only one. */
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
	/* A resamplefd may get more signals than the model has. */
	if (watch->event->resample && ev.events & EPOLLIN) {
		watch->told |= watch->mode == EPOLLONESHOT;
		watch->last = want;
		watch->stirs = watch->event->stirs;
		return;
	}
	if (watch->told)
		want = 0;
	/*
	 * Edge-triggered: epoll reports events that are new since the last check, and
	 * nothing for an interrupt.
	 */
	if (watch->mode == EPOLLET) {
		uint32_t gained = want & ~watch->last;
		bool stirred = watch->stirs != watch->event->stirs;

		watch->last = want;
		watch->stirs = watch->event->stirs;
		if (!gained && (!stirred || !ev.events))
			want = 0;
	}
	/* The signal that makes the count overflow wakes with EPOLLIN only. */
	if (want == EPOLLERR && !(watch->events & EPOLLIN) && !ev.events)
		want = 0;
	/* A semaphore's irqfd takes one of the count and wakes no poller for the rest. */
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

		/* By the fd that it was added with, if that is still the same eventfd. */
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
 * A poll by AIO completes as soon as there is a count to read, and an interrupt leaves
 * none.  The request holds the file, so it must end before the next operation.
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
	/* Not each kernel has AIO. */
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

/* An io_uring of a few entries, whose completions stay in the queue. */
struct uring {
	int fd;
	struct io_uring_params p;
	uint8_t *rings;
	size_t size;
	struct io_uring_sqe *sqes;
};

/* false if the kernel has no io_uring. */
static bool uring_open(struct uring *u)
{
	memset(u, 0, sizeof(*u));
	u->fd = syscall(SYS_io_uring_setup, 8, &u->p);
	if (u->fd < 0)
		return false;
	u->size = u->p.cq_off.cqes +
		  u->p.cq_entries * sizeof(struct io_uring_cqe);
	if (u->size < u->p.sq_off.array + u->p.sq_entries * sizeof(uint32_t))
		u->size = u->p.sq_off.array + u->p.sq_entries * sizeof(uint32_t);
	u->rings = mmap(NULL, u->size, PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
			IORING_OFF_SQ_RING);
	u->sqes = mmap(NULL, u->p.sq_entries * sizeof(*u->sqes),
		       PROT_READ | PROT_WRITE, MAP_SHARED, u->fd, IORING_OFF_SQES);
	if (u->rings == MAP_FAILED || u->sqes == MAP_FAILED)
		die("io_uring's memory");
	return true;
}

static void uring_close(struct uring *u)
{
	munmap(u->sqes, u->p.sq_entries * sizeof(*u->sqes));
	munmap(u->rings, u->size);
	close(u->fd);
}

/* Submit the one entry that is written, and wait until there are DONE completions. */
static void uring_enter(struct uring *u, unsigned int done)
{
	uint32_t *tail = (void *)u->rings + u->p.sq_off.tail;
	uint32_t *array = (void *)u->rings + u->p.sq_off.array;

	array[*tail & (u->p.sq_entries - 1)] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, u->fd, 1, done, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		die("io_uring_enter");
}

static uint32_t uring_done(struct uring *u)
{
	return __atomic_load_n((uint32_t *)(u->rings + u->p.cq_off.tail),
			       __ATOMIC_ACQUIRE);
}

/*
 * An io_uring that signals its completions to an eventfd with an irqfd, and polls it.
 * There is one completion, which the irqfd makes an interrupt of; interrupts cause no
 * further completions.
 */
void do_uring(void)
{
	struct fd *fd = some_fd();
	struct event *event = fd->event;
	uint64_t one = 1;
	struct uring u;
	int i;

	if (!event || !event->vm || event->count || event->resamples)
		return;
	if (!uring_open(&u))
		return;
	say("fd %zd: polled by an io_uring that signals it", fd - fds);
	if (syscall(SYS_io_uring_register, u.fd, IORING_REGISTER_EVENTFD,
		    &fd->fd, 1))
		die("IORING_REGISTER_EVENTFD");
	u.sqes[0] = (struct io_uring_sqe) {
		.opcode = IORING_OP_POLL_ADD, .fd = fd->fd, .user_data = 1,
		.len = IORING_POLL_ADD_MULTI, .poll32_events = EPOLLIN | EPOLLOUT,
	};
	uring_enter(&u, 1);
	signal_event(event);
	for (i = 0; i < 3; i++) {
		expect("write", write(fd->fd, &one, sizeof(one)), 0);
		nr_signals++;
		event->count++;
		consume(event);
	}
	if (uring_done(&u) != 1)
		wrong("io_uring has %u completions of interrupts", uring_done(&u) - 1);
	if (syscall(SYS_io_uring_register, u.fd, IORING_UNREGISTER_EVENTFD, NULL, 0))
		die("IORING_UNREGISTER_EVENTFD");
	u.sqes[0] = (struct io_uring_sqe) {
		.opcode = IORING_OP_POLL_REMOVE, .fd = -1, .addr = 1, .user_data = 2,
	};
	uring_enter(&u, 3);
	uring_close(&u);
}

/*
 * An io_uring that stays is a producer of the eventfd that it signals.  Its end comes after a
 * grace period, which only the number of irqfds shows, and that is waited for.
 */
static struct {
	struct uring u;
	struct event *event;	/* NULL: none */
} producer;

static void begin_producer(struct fd *fd)
{
	if (!fd->event || !uring_open(&producer.u))
		return;
	say("fd %zd: an io_uring is its producer", fd - fds);
	if (syscall(SYS_io_uring_register, producer.u.fd, IORING_REGISTER_EVENTFD,
		    &fd->fd, 1))
		die("IORING_REGISTER_EVENTFD");
	producer.event = fd->event;
	producer.event->users++;
}

/* Each completion is a signal. */
static void use_producer(void)
{
	uint32_t *head = (void *)producer.u.rings + producer.u.p.cq_off.head;

	say("the io_uring signals its eventfd%s", producer.event->files ? "" :
	    ", which is closed");
	producer.u.sqes[0] = (struct io_uring_sqe) { .opcode = IORING_OP_NOP };
	uring_enter(&producer.u, 1);
	__atomic_store_n(head, uring_done(&producer.u), __ATOMIC_RELEASE);
	signal_event(producer.event);
}

static void end_producer(void)
{
	struct event *event = producer.event;

	if (event->vm)
		settle(event->vm);
	say("the io_uring is no producer any more");
	if (syscall(SYS_io_uring_register, producer.u.fd, IORING_UNREGISTER_EVENTFD,
		    NULL, 0))
		die("IORING_UNREGISTER_EVENTFD");
	uring_close(&producer.u);
	producer.event = NULL;
	put_event(event);
}

void do_producer(void)
{
	if (!producer.event)
		begin_producer(some_fd());
	else if (one_in(8))
		end_producer();
	else
		use_producer();
}
