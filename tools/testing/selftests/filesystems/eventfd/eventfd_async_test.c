// SPDX-License-Identifier: GPL-2.0-only
/*
 * eventfd: polled, read and written by io_uring and AIO, and signalled by their completions,
 * which is a signal of the kernel's.
 */
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>

#include "eventfd_steps.h"

static const char *poll_in(int fd)
{
	return do_poll(fd, POLLIN, -1);
}

static const char *poll_nothing(int fd)
{
	return do_poll(fd, 0, -1);
}

struct ring {
	int fd;
	struct io_uring_params p;
	char *rings;
	struct io_uring_sqe *sqes;
};

static bool open_ring(struct ring *r)
{
	size_t sq, cq;

	memset(r, 0, sizeof(*r));
	r->fd = syscall(__NR_io_uring_setup, 8, &r->p);
	if (r->fd < 0)
		return false;
	sq = r->p.sq_off.array + r->p.sq_entries * sizeof(uint32_t);
	cq = r->p.cq_off.cqes + r->p.cq_entries * sizeof(struct io_uring_cqe);
	r->rings = mmap(NULL, sq > cq ? sq : cq, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
			IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->p.sq_entries * sizeof(*r->sqes), PROT_READ | PROT_WRITE,
		       MAP_SHARED, r->fd, IORING_OFF_SQES);
	if (r->rings == MAP_FAILED || r->sqes == MAP_FAILED)
		die("rings of io_uring");
	return true;
}

static void enter(struct ring *r, unsigned int submit, unsigned int wait)
{
	if (syscall(__NR_io_uring_enter, r->fd, submit, wait, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		die("io_uring_enter");
}

static void submit(struct ring *r, const struct io_uring_sqe *sqe)
{
	uint32_t *tail = (uint32_t *)(r->rings + r->p.sq_off.tail);
	uint32_t index = *tail & (r->p.sq_entries - 1);

	r->sqes[index] = *sqe;
	((uint32_t *)(r->rings + r->p.sq_off.array))[index] = index;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	enter(r, 1, 0);
}

/* The next completion's result, as a number or as a mask, or "-" if there is none. */
static const char *complete(struct ring *r, bool masks, unsigned int wait)
{
	uint32_t *head = (uint32_t *)(r->rings + r->p.cq_off.head), tail;
	struct io_uring_cqe *cqe;
	const char *seen;

	enter(r, 0, wait);
	tail = __atomic_load_n((uint32_t *)(r->rings + r->p.cq_off.tail), __ATOMIC_ACQUIRE);
	if (*head == tail)
		return "-";
	cqe = (struct io_uring_cqe *)(r->rings + r->p.cq_off.cqes) +
	      (*head & (r->p.cq_entries - 1));
	if (cqe->res < 0)
		seen = error(-cqe->res);
	else
		seen = masks ? mask(cqe->res) : text("%d", cqe->res);
	if (cqe->flags & IORING_CQE_F_MORE)
		seen = text("%s and more", seen);
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return seen;
}

static void submit_poll(struct ring *r, int fd, uint32_t events, uint32_t flags)
{
	submit(r, &(struct io_uring_sqe) {
		.opcode = IORING_OP_POLL_ADD,
		.fd = fd,
		.len = flags,
		.poll32_events = events,
	});
}

static void submit_rw(struct ring *r, int opcode, int fd, uint64_t *n)
{
	submit(r, &(struct io_uring_sqe) {
		.opcode = opcode,
		.fd = fd,
		.addr = (uintptr_t)n,
		.len = sizeof(*n),
	});
}

static void test_io_uring(void)
{
	int fd = new_eventfd(0, 0), nonblock = new_eventfd(0, EFD_NONBLOCK);
	int told = new_eventfd(0, EFD_NONBLOCK);
	struct ring r;
	uint64_t n = 0;

	if (!open_ring(&r)) {
		ksft_test_result_skip("io_uring\n");
		return;
	}

	submit_poll(&r, fd, EPOLLIN, 0);
	step("io_uring.poll", complete(&r, true, 0), "-");
	add(fd, 0);
	/* It takes the wake-up's mask, and doesn't look. */
	step("io_uring.poll.write_0", complete(&r, true, 1), "IN");
	submit_poll(&r, fd, EPOLLIN, 0);
	add(fd, 1);
	step("io_uring.poll.write", complete(&r, true, 1), "IN");
	add(fd, 1);
	step("io_uring.poll.once", complete(&r, true, 0), "-");
	submit_poll(&r, fd, EPOLLIN | EPOLLOUT, 0);
	step("io_uring.poll.ready", complete(&r, true, 1), "IN|OUT");
	take(fd);
	add(fd, FULL);
	submit_poll(&r, fd, EPOLLOUT, 0);
	step("io_uring.poll.full", complete(&r, true, 0), "-");
	take(fd);
	step("io_uring.poll.room", complete(&r, true, 1), "OUT");

	submit_rw(&r, IORING_OP_READ, fd, &n);
	step("io_uring.read", complete(&r, false, 0), "-");
	add(fd, 3);
	step("io_uring.read.write", then(complete(&r, false, 1), number(n)), "8, then 3");
	submit_rw(&r, IORING_OP_READ, nonblock, &n);
	/* It can be polled, so it is. */
	step("io_uring.read.nonblock", complete(&r, false, 0), "-");
	add(nonblock, 4);
	step("io_uring.read.nonblock.write", then(complete(&r, false, 1), number(n)), "8, then 4");
	n = 2;
	submit_rw(&r, IORING_OP_WRITE, fd, &n);
	step("io_uring.write", then(complete(&r, false, 1), count_of(fd)),
	     "8, then 2");
	n = FULL;
	submit_rw(&r, IORING_OP_WRITE, fd, &n);
	step("io_uring.write.full", complete(&r, false, 0), "-");
	take(fd);
	step("io_uring.write.room", then(complete(&r, false, 1), count_of(fd)),
	     "8, then max-1");
	take(fd);

	submit_poll(&r, fd, EPOLLIN, IORING_POLL_ADD_MULTI);
	step("io_uring.multishot", complete(&r, true, 0), "-");
	add(fd, 1);
	step("io_uring.multishot.write", complete(&r, true, 1), "IN and more");
	step("io_uring.multishot.no_more", complete(&r, true, 0), "-");
	add(fd, 1);
	step("io_uring.multishot.write_again", complete(&r, true, 1), "IN and more");
	take(fd);
	step("io_uring.multishot.read", complete(&r, true, 0), "-");

	if (syscall(__NR_io_uring_register, r.fd, IORING_REGISTER_EVENTFD, &told, 1))
		die("IORING_REGISTER_EVENTFD");
	submit(&r, &(struct io_uring_sqe) { .opcode = IORING_OP_NOP });
	step("io_uring.eventfd", then(complete(&r, false, 1), do_read(told)),
	     "0, then 1");
	add(fd, 1);
	step("io_uring.eventfd.poll", then(complete(&r, true, 1), do_read(told)),
	     "IN and more, then 1");
	close(r.fd);
	close(told);
	close(nonblock);
	close(fd);
}

/* A read of a file, whose completion signals the eventfd. */
static int submit_reads(aio_context_t ctx, int file, int resfd, int nr)
{
	struct iocb cbs[8] = { }, *list[8];
	static char byte;
	int i;

	for (i = 0; i < nr; i++) {
		cbs[i].aio_lio_opcode = IOCB_CMD_PREAD;
		cbs[i].aio_fildes = file;
		cbs[i].aio_buf = (uintptr_t)&byte;
		cbs[i].aio_nbytes = 1;
		cbs[i].aio_flags = IOCB_FLAG_RESFD;
		cbs[i].aio_resfd = resfd;
		list[i] = &cbs[i];
	}
	return syscall(__NR_io_submit, ctx, nr, list);
}

static int submit_aio_poll(aio_context_t ctx, int fd, int resfd)
{
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_POLL,
		.aio_fildes = fd,
		.aio_buf = POLLIN,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = resfd,
	}, *list = &cb;

	return syscall(__NR_io_submit, ctx, 1, &list);
}

/* The mask of the next completion, or "-" if there is none yet. */
static const char *complete_aio(aio_context_t ctx, int wait)
{
	struct timespec now = { };
	struct io_event event;
	int nr = syscall(__NR_io_getevents, ctx, wait, 1, &event, wait ? NULL : &now);

	return nr < 0 ? ret(nr) : nr ? mask(event.res) : "-";
}

static void test_overflow(aio_context_t ctx, int file)
{
	int fd = new_eventfd(FULL, EFD_NONBLOCK), semaphore;
	int epfd = new_epoll(fd, EPOLLIN | EPOLLOUT | EPOLLET);
	struct sleeper s;

	start(&s, poll_nothing, fd);
	step("overflow.poller", then(now(&s), look(epfd)), "sleeps, then IN");
	submit_reads(ctx, file, fd, 1);
	step("overflow.count", count_of(fd), "max-0");
	step("overflow.masks", all_masks(fd), "IN|ERR rw- IN|ERR");
	/* The wake-up is for IN, which isn't what that poll(2) is told of. */
	step("overflow.poller_stays", then(now(&s), look(epfd)), "sleeps, then IN|ERR");
	end(&s);
	submit_reads(ctx, file, fd, 3);
	step("overflow.again", then(count_of(fd), look(epfd)), "max-0, then IN|ERR");
	step("overflow.write_0", do_write(fd, 0), "EAGAIN");
	step("overflow.write", do_write(fd, 1), "EAGAIN");
	step("overflow.read", then(do_read(fd), all_masks(fd)), "max-0, then OUT -w- OUT");
	close(epfd);
	close(fd);

	semaphore = new_eventfd(FULL, EFD_NONBLOCK | EFD_SEMAPHORE);
	submit_reads(ctx, file, semaphore, 1);
	step("overflow.semaphore", then(do_read(semaphore), all_masks(semaphore)),
	     "1, then IN r-- IN");
	close(semaphore);
}

static void test_aio(void)
{
	int fd = new_eventfd(0, 0), polled = new_eventfd(0, 0);
	int file = memfd_create("file", MFD_CLOEXEC);
	int epfd = new_epoll(fd, EPOLLIN | EPOLLET);
	aio_context_t ctx = 0;
	struct sleeper s;

	if (file < 0 || write(file, "1", 1) != 1)
		die("memfd");
	if (syscall(__NR_io_setup, 64, &ctx)) {
		ksft_test_result_skip("aio\n");
		return;
	}

	step("aio.no_eventfd", ret(submit_reads(ctx, file, file, 1)), "EINVAL");
	step("aio.no_file", ret(submit_reads(ctx, file, -1, 1)), "EBADF");
	submit_reads(ctx, file, fd, 1);
	step("aio.one", then(look(epfd), do_read(fd)), "IN, then 1");
	submit_reads(ctx, file, fd, 3);
	step("aio.three", then(look(epfd), do_read(fd)), "IN, then 3");
	start(&s, do_read, fd);
	step("aio.reader", now(&s), "sleeps");
	submit_reads(ctx, file, fd, 1);
	step("aio.reader_ends", now(&s), "1");
	end(&s);
	start(&s, poll_in, fd);
	submit_reads(ctx, file, fd, 1);
	step("aio.poller_ends", now(&s), "IN");
	end(&s);
	test_overflow(ctx, file);
	syscall(__NR_io_destroy, ctx);

	ctx = 0;
	if (syscall(__NR_io_setup, 64, &ctx))
		die("io_setup");
	take(fd);
	submit_aio_poll(ctx, polled, fd);
	step("aio.poll", complete_aio(ctx, 0), "-");
	add(polled, 0);
	/* It takes the wake-up's mask as well.  The signal may come a moment later. */
	step("aio.poll.write_0", then(complete_aio(ctx, 1), do_read(fd)), "IN, then 1");
	submit_aio_poll(ctx, polled, fd);
	add(polled, 1);
	step("aio.poll.write", then(complete_aio(ctx, 1), do_read(fd)), "IN, then 1");
	submit_aio_poll(ctx, polled, fd);
	step("aio.poll.ready", then(complete_aio(ctx, 1), do_read(fd)), "IN, then 1");
	/* Its own completion is an event as well. */
	take(polled);
	submit_aio_poll(ctx, polled, polled);
	add(polled, 1);
	step("aio.poll.itself", complete_aio(ctx, 1), "IN");
	syscall(__NR_io_destroy, ctx);
	step("aio.poll.itself_read", do_read(polled), "2");
	close(epfd);
	close(file);
	close(polled);
	close(fd);
}

int main(void)
{
	ksft_print_header();
	test_io_uring();
	test_aio();
	ksft_set_plan(ksft_test_num());
	ksft_finished();
}
