// SPDX-License-Identifier: GPL-2.0-only
/*
 * eventfd: what read(2), write(2), poll(2) and select(2) see of it, those that sleep in them
 * too, and of which descriptors.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "eventfd_steps.h"

static const char *poll_in(int fd)
{
	return do_poll(fd, POLLIN, -1);
}

static const char *poll_out(int fd)
{
	return do_poll(fd, POLLOUT, -1);
}

static const char *select_in(int fd)
{
	return do_select(fd, true, false, NULL);
}

static const char *select_out(int fd)
{
	return do_select(fd, false, true, NULL);
}

static const char *write_1(int fd)
{
	return do_write(fd, 1);
}

static const char *write_2(int fd)
{
	return do_write(fd, 2);
}

static const char *write_full(int fd)
{
	return do_write(fd, FULL);
}

static void test_counts(void)
{
	static const struct {
		const char *name;
		uint64_t count;
		const char *masks;
		const char *read;
		const char *left;
	} counts[] = {
		{ "empty", 0, "OUT -w- OUT", "EAGAIN", "EAGAIN, then 0" },
		{ "1", 1, "IN|OUT rw- IN|OUT", "1", "1, then 0" },
		{ "5", 5, "IN|OUT rw- IN|OUT", "5", "1, then 4" },
		{ "max-2", FULL - 1, "IN|OUT rw- IN|OUT", "max-2", "1, then max-3" },
		{ "full", FULL, "IN r-- IN", "max-1", "1, then max-2" },
	};
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		fd = new_eventfd(counts[i].count, EFD_NONBLOCK);
		step(text("%s.masks", counts[i].name), all_masks(fd), counts[i].masks);
		step(text("%s.read", counts[i].name), do_read(fd), counts[i].read);
		step(text("%s.after_read", counts[i].name), all_masks(fd), "OUT -w- OUT");
		close(fd);

		fd = new_eventfd(counts[i].count, EFD_NONBLOCK | EFD_SEMAPHORE);
		step(text("%s.semaphore.masks", counts[i].name), all_masks(fd), counts[i].masks);
		step(text("%s.semaphore.read", counts[i].name),
		     then(do_read(fd), count_of(fd)), counts[i].left);
		close(fd);
	}
}

static void test_writes(void)
{
	static const struct {
		uint64_t count;
		uint64_t written;
		const char *result;
	} writes[] = {
		{ 0, 0, "8, then 0" },
		{ 0, 1, "8, then 1" },
		{ 0, FULL, "8, then max-1" },
		{ 0, UINT64_MAX, "EINVAL, then 0" },
		{ 5, 0, "8, then 5" },
		{ 5, FULL - 5, "8, then max-1" },
		{ 5, FULL - 4, "EAGAIN, then 5" },
		{ 5, FULL, "EAGAIN, then 5" },
		{ FULL - 1, 0, "8, then max-2" },
		{ FULL - 1, 1, "8, then max-1" },
		{ FULL - 1, 2, "EAGAIN, then max-2" },
		{ FULL, 0, "8, then max-1" },
		{ FULL, 1, "EAGAIN, then max-1" },
		{ FULL, FULL, "EAGAIN, then max-1" },
		{ FULL, UINT64_MAX, "EINVAL, then max-1" },
	};
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(writes); i++) {
		fd = new_eventfd(writes[i].count, EFD_NONBLOCK);
		step(text("write.%s+%s", number(writes[i].count), number(writes[i].written)),
		     then(do_write(fd, writes[i].written), count_of(fd)),
		     writes[i].result);
		close(fd);
	}
}

static void test_buffers(void)
{
	uint64_t buf[2] = { 1, 2 };
	uint32_t halves[2] = { };
	struct iovec two_halves[] = { { &halves[0], 4 }, { &halves[1], 4 } };
	struct iovec two[] = { { &buf[0], 8 }, { &buf[1], 8 } };
	void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = new_eventfd(7, EFD_NONBLOCK);

	if (nowhere == MAP_FAILED)
		die("mmap");
	step("read.short", ret(read(fd, buf, 4)), "EINVAL");
	step("write.short", ret(write(fd, buf, 4)), "EINVAL");
	step("write.long", ret(write(fd, buf, 16)), "EINVAL");
	step("write.nowhere", ret(write(fd, nowhere, 8)), "EFAULT");
	step("pread", ret(pread(fd, buf, 8, 0)), "ESPIPE");
	step("pwrite", ret(pwrite(fd, buf, 8, 0)), "ESPIPE");
	step("writev.short", ret(writev(fd, two_halves, 2)), "EINVAL");
	step("writev", then(ret(writev(fd, two, 2)), count_of(fd)), "16, then 10");
	step("readv", then(ret(readv(fd, two_halves, 2)), count_of(fd)),
	     "8, then 0");
	step("readv.halves", text("%u, %u", halves[0], halves[1]), "10, 0");
	add(fd, 3);
	step("read.long", then(ret(read(fd, buf, 16)), count_of(fd)), "8, then 0");
	add(fd, 3);
	/* The count is gone all the same. */
	step("read.nowhere", then(ret(read(fd, nowhere, 8)), count_of(fd)),
	     "EFAULT, then 0");
	step("flags", ret(eventfd(0, 1 << 30)), "EINVAL");
	close(fd);
}

static void on_signal(int nr)
{
}

static void handle_signal(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	if (sigaction(SIGUSR1, &action, NULL))
		die("sigaction");
}

static void test_blocking_read(void)
{
	int fd = new_eventfd(0, 0), semaphore = new_eventfd(0, EFD_SEMAPHORE);
	struct sleeper s[MAX_SLEEPERS];

	start(s, do_read, fd);
	step("reader", now(s), "sleeps");
	add(fd, 0);
	step("reader.write_0", now(s), "sleeps");
	add(fd, 3);
	step("reader.write", then(now(s), count_of(fd)), "3, then 0");
	end(s);

	handle_signal(0);
	start(s, do_read, fd);
	step("reader.begins", now(s), "sleeps");
	kill(s->pid, SIGUSR1);
	step("reader.signal", now(s), "EINTR");
	end(s);
	handle_signal(SA_RESTART);
	start(s, do_read, fd);
	step("reader.begins_again", now(s), "sleeps");
	kill(s->pid, SIGUSR1);
	step("reader.signal_restarts", now(s), "sleeps");
	add(fd, 1);
	step("reader.restarted", now(s), "1");
	end(s);

	start_all(s, 3, do_read, fd);
	step("readers", returned(s, 3), "0 of 3");
	add(fd, 2);
	step("readers.write", then(returned(s, 3), count_of(fd)), "1 of 3, then 0");
	add(fd, 2);
	step("readers.again", then(returned(s, 3), count_of(fd)), "2 of 3, then 0");
	end_all(s, 3);

	start_all(s, 3, do_read, semaphore);
	add(semaphore, 2);
	step("readers.semaphore", then(returned(s, 3), count_of(semaphore)),
	     "2 of 3, then 0");
	add(semaphore, 2);
	step("readers.semaphore_again", then(returned(s, 3), count_of(semaphore)),
	     "3 of 3, then 1");
	end_all(s, 3);
	close(semaphore);
	close(fd);
}

static void test_blocking_write(void)
{
	int fd = new_eventfd(FULL, 0), semaphore = new_eventfd(3, EFD_SEMAPHORE);
	struct sleeper s[MAX_SLEEPERS];

	start(s, write_2, fd);
	step("writer", now(s), "sleeps");
	take(fd);
	step("writer.read", then(now(s), count_of(fd)), "8, then 2");
	end(s);

	start(s, write_full, fd);
	step("writer.full", now(s), "sleeps");
	/* Those that have room don't wait behind it. */
	add(fd, 1);
	step("writer.full_stays", then(now(s), count_of(fd)), "sleeps, then 3");
	handle_signal(0);
	end(s);
	start(s, write_full, fd);
	step("writer.begins", now(s), "sleeps");
	kill(s->pid, SIGUSR1);
	step("writer.signal", then(now(s), count_of(fd)), "EINTR, then 3");
	end(s);

	take(fd);
	add(fd, FULL);
	start_all(s, 3, write_1, fd);
	step("writers", returned(s, 3), "0 of 3");
	take(fd);
	step("writers.read", then(returned(s, 3), count_of(fd)), "3 of 3, then 3");
	end_all(s, 3);
	start_all(s, 2, write_full, fd);
	take(fd);
	step("writers.full", then(returned(s, 2), count_of(fd)),
	     "1 of 2, then max-1");
	take(fd);
	step("writers.full_again", then(returned(s, 2), count_of(fd)),
	     "2 of 2, then max-1");
	end_all(s, 2);

	start(s, write_full, semaphore);
	step("writer.semaphore", now(s), "sleeps");
	take(semaphore);
	take(semaphore);
	step("writer.semaphore_stays", then(now(s), count_of(semaphore)),
	     "sleeps, then 1");
	take(semaphore);
	step("writer.semaphore_ends", then(now(s), count_of(semaphore)),
	     "8, then max-1");
	end(s);
	close(semaphore);
	close(fd);
}

static void test_pollers(void)
{
	static const struct {
		const char *name;
		const char *(*in)(int fd);
		const char *(*out)(int fd);
		const char *seen_in;
		const char *seen_out;
	} calls[] = {
		{ "poll", poll_in, poll_out, "IN", "OUT" },
		{ "select", select_in, select_out, "r--", "-w-" },
	};
	struct sleeper s[MAX_SLEEPERS];
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		fd = new_eventfd(0, EFD_NONBLOCK);
		start(s, calls[i].in, fd);
		step(text("%s.in", calls[i].name), now(s), "sleeps");
		add(fd, 0);
		step(text("%s.in.write_0", calls[i].name), now(s), "sleeps");
		add(fd, 1);
		step(text("%s.in.write", calls[i].name), now(s), calls[i].seen_in);
		end(s);
		take(fd);
		start_all(s, 3, calls[i].in, fd);
		add(fd, 1);
		step(text("%s.in.all", calls[i].name), returned(s, 3), "3 of 3");
		end_all(s, 3);

		add(fd, FULL - 1);
		start(s, calls[i].out, fd);
		step(text("%s.out", calls[i].name), now(s), "sleeps");
		add(fd, 0);
		do_write(fd, 1);
		step(text("%s.out.write", calls[i].name), now(s), "sleeps");
		take(fd);
		step(text("%s.out.read", calls[i].name), now(s), calls[i].seen_out);
		end(s);
		close(fd);
	}
}

static const char *read_and_add(int fd)
{
	const char *seen = do_read(fd);

	add(fd, 5);
	return seen;
}

/* This program with a descriptor's number: it prints what it finds there. */
static const char *exec_with(int fd)
{
	static char seen[TEXT_SIZE];
	int out[2], status;
	ssize_t size;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		dup2(out[1], STDOUT_FILENO);
		execl("/proc/self/exe", "eventfd_wait_test", text("%d", fd), NULL);
		_exit(1);
	}
	close(out[1]);
	size = read(out[0], seen, sizeof(seen) - 1);
	seen[size > 0 ? size : 0] = 0;
	close(out[0]);
	waitpid(pid, &status, 0);
	return seen;
}

static int after_exec(int fd)
{
	printf("%s", fcntl(fd, F_GETFD) < 0 ? error(errno) : do_read(fd));
	return 0;
}

static void send_fd(int to, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { };
	struct iovec byte = { "", 1 };
	struct msghdr msg = {
		.msg_iov = &byte,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(to, &msg, 0) != 1)
		die("sendmsg");
}

static int receive_fd(int from)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&msg))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void test_descriptors(void)
{
	int fd = new_eventfd(3, 0), other = fcntl(fd, F_DUPFD_CLOEXEC, 0), pair[2], kept, epfd;
	char link[64] = "";
	struct sleeper s;

	if (readlink(text("/proc/self/fd/%d", fd), link, sizeof(link) - 1) < 0)
		die("readlink");
	step("name", link, "anon_inode:[eventfd]");

	step("dup.read", then(do_read(other), count_of(fd)), "3, then 0");
	fcntl(other, F_SETFL, O_NONBLOCK);
	step("dup.nonblock", do_read(fd), "EAGAIN");
	fcntl(other, F_SETFL, 0);
	/* The call that sleeps goes on by another descriptor. */
	start(&s, do_read, fd);
	step("dup.reader", now(&s), "sleeps");
	add(other, 2);
	step("dup.write", now(&s), "2");
	end(&s);

	add(fd, 4);
	start(&s, read_and_add, fd);
	waitpid(s.pid, NULL, 0);
	step("fork", then(now(&s), do_read(fd)), "4, then 5");
	munmap(s.outcome, sizeof(*s.outcome));

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die("socketpair");
	epfd = new_epoll(fd, EPOLLIN);
	send_fd(pair[0], fd);
	close(fd);
	close(other);
	/* While the message is under way it alone keeps the eventfd. */
	step("sent", look(epfd), "-");
	fd = receive_fd(pair[1]);
	add(fd, 1);
	step("received", then(look(epfd), do_read(fd)), "IN, then 1");
	step("received.cloexec", ret(fcntl(fd, F_GETFD)), "1");
	send_fd(pair[0], fd);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	step("never_received", look(epfd), "-");
	close(epfd);

	fd = new_eventfd(6, 0);
	kept = fcntl(fd, F_DUPFD, 0);
	step("exec.cloexec", then(exec_with(fd), count_of(fd)), "EBADF, then 6");
	step("exec", then(exec_with(kept), count_of(fd)), "6, then 0");
	close(kept);
	close(fd);
}

int main(int argc, char *argv[])
{
	if (argc > 1)
		return after_exec(atoi(argv[1]));

	ksft_print_header();
	test_counts();
	test_writes();
	test_buffers();
	test_blocking_read();
	test_blocking_write();
	test_pollers();
	test_descriptors();
	ksft_set_plan(ksft_test_num());
	ksft_finished();
}
