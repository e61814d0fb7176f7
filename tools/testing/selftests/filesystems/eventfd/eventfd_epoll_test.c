// SPDX-License-Identifier: GPL-2.0-only
/*
 * eventfd: what an epoll instance reports of it, and whom an event wakes.
 */
#include <fcntl.h>

#include "eventfd_steps.h"

static const char *control(int epfd, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	return ret(epoll_ctl(epfd, op, fd, &event));
}

static const char *sleep_in(int epfd)
{
	return wait_for(epfd, -1);
}

/* What an epoll instance reports after each of these. */
struct scene {
	int fd;
	int epfd;
	const char *name;
};

static void open_scene(struct scene *c, const char *name, uint32_t events, int flags)
{
	c->name = name;
	c->fd = new_eventfd(0, EFD_NONBLOCK | flags);
	c->epfd = new_epoll(c->fd, events);
}

static void close_scene(struct scene *c)
{
	close(c->epfd);
	close(c->fd);
}

static void report(struct scene *c, const char *what, const char *first, const char *second)
{
	step(text("%s.%s", c->name, what), then(look(c->epfd), look(c->epfd)),
	     then(first, second));
}

static void test_level(void)
{
	struct scene c;

	open_scene(&c, "level", EPOLLIN, 0);
	report(&c, "empty", "-", "-");
	add(c.fd, 0);
	report(&c, "write_0", "-", "-");
	add(c.fd, 1);
	report(&c, "write", "IN", "IN");
	take(c.fd);
	report(&c, "read", "-", "-");
	control(c.epfd, EPOLL_CTL_MOD, c.fd, EPOLLOUT);
	report(&c, "out", "OUT", "OUT");
	add(c.fd, FULL);
	report(&c, "out.full", "-", "-");
	take(c.fd);
	report(&c, "out.read", "OUT", "OUT");
	close_scene(&c);
}

static void test_edge(void)
{
	struct scene c;

	open_scene(&c, "edge", EPOLLIN | EPOLLOUT | EPOLLET, 0);
	report(&c, "empty", "OUT", "-");
	add(c.fd, 0);
	report(&c, "write_0", "OUT", "-");
	add(c.fd, 1);
	report(&c, "write", "IN|OUT", "-");
	add(c.fd, 1);
	report(&c, "write_again", "IN|OUT", "-");
	take(c.fd);
	report(&c, "read", "OUT", "-");
	do_read(c.fd);
	report(&c, "no_read", "-", "-");
	add(c.fd, FULL);
	report(&c, "full", "IN", "-");
	do_write(c.fd, 1);
	report(&c, "no_write", "-", "-");
	take(c.fd);
	report(&c, "full.read", "OUT", "-");
	close_scene(&c);

	open_scene(&c, "edge_in", EPOLLIN | EPOLLET, 0);
	add(c.fd, 1);
	report(&c, "write", "IN", "-");
	take(c.fd);
	report(&c, "read", "-", "-");
	close_scene(&c);

	open_scene(&c, "edge_out", EPOLLOUT | EPOLLET, 0);
	report(&c, "empty", "OUT", "-");
	add(c.fd, 1);
	report(&c, "write", "-", "-");
	take(c.fd);
	report(&c, "read", "OUT", "-");
	close_scene(&c);

	open_scene(&c, "edge_semaphore", EPOLLIN | EPOLLOUT | EPOLLET, EFD_SEMAPHORE);
	add(c.fd, 2);
	report(&c, "write", "IN|OUT", "-");
	take(c.fd);
	report(&c, "read", "IN|OUT", "-");
	take(c.fd);
	report(&c, "read_again", "OUT", "-");
	close_scene(&c);
}

static void test_oneshot(void)
{
	struct scene c;

	open_scene(&c, "oneshot", EPOLLIN | EPOLLONESHOT, 0);
	add(c.fd, 1);
	report(&c, "write", "IN", "-");
	add(c.fd, 1);
	report(&c, "write_again", "-", "-");
	control(c.epfd, EPOLL_CTL_MOD, c.fd, EPOLLIN | EPOLLONESHOT);
	report(&c, "rearmed", "IN", "-");
	take(c.fd);
	control(c.epfd, EPOLL_CTL_MOD, c.fd, EPOLLIN | EPOLLONESHOT);
	report(&c, "rearmed_empty", "-", "-");
	close_scene(&c);
}

static void test_sets(void)
{
	struct epoll_event events[2];
	struct scene c;
	int dup_fd, outer;

	open_scene(&c, "set", EPOLLIN, 0);
	step("set.add_again", control(c.epfd, EPOLL_CTL_ADD, c.fd, EPOLLIN), "EEXIST");
	step("set.mod_exclusive", control(c.epfd, EPOLL_CTL_MOD, c.fd, EPOLLIN | EPOLLEXCLUSIVE),
	     "EINVAL");
	outer = new_epoll(c.epfd, EPOLLIN);
	step("set.nested_empty", look(outer), "-");
	dup_fd = fcntl(c.fd, F_DUPFD_CLOEXEC, 0);
	step("set.add_dup", control(c.epfd, EPOLL_CTL_ADD, dup_fd, EPOLLIN), "0");
	add(c.fd, 1);
	step("set.both", ret(epoll_wait(c.epfd, events, 2, 0)), "2");
	step("set.nested", look(outer), "IN");
	step("set.del", control(c.epfd, EPOLL_CTL_DEL, dup_fd, 0), "0");
	step("set.del_again", control(c.epfd, EPOLL_CTL_DEL, dup_fd, 0), "ENOENT");
	step("set.one", ret(epoll_wait(c.epfd, events, 2, 0)), "1");
	/* The set knows the file, and not the descriptor. */
	close(c.fd);
	report(&c, "closed", "IN", "IN");
	take(dup_fd);
	report(&c, "closed.read", "-", "-");
	add(dup_fd, 1);
	report(&c, "closed.write", "IN", "IN");
	close(dup_fd);
	report(&c, "closed_for_good", "-", "-");
	step("set.nested_closed", look(outer), "-");
	close(outer);
	close(c.epfd);
}

/* Whom one write wakes: of several in one set, and of several sets. */
static void test_sleeping_sets(void)
{
	static const struct {
		const char *name;
		uint32_t events;
		const char *one_set;
		const char *three_sets;
	} sets[] = {
		{ "level", EPOLLIN, "3 of 3", "3 of 3" },
		{ "edge", EPOLLIN | EPOLLET, "1 of 3", "3 of 3" },
		{ "oneshot", EPOLLIN | EPOLLONESHOT, "1 of 3", "3 of 3" },
		{ "exclusive", EPOLLIN | EPOLLEXCLUSIVE, "3 of 3", "1 of 3" },
		{ "exclusive_edge", EPOLLIN | EPOLLEXCLUSIVE | EPOLLET, "1 of 3", "1 of 3" },
	};
	struct sleeper s[MAX_SLEEPERS];
	unsigned int i;
	int fd, epfd[3], k;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		fd = new_eventfd(0, 0);
		epfd[0] = new_epoll(fd, sets[i].events);
		start_all(s, 3, sleep_in, epfd[0]);
		step(text("set_of_3.%s", sets[i].name), returned(s, 3), "0 of 3");
		add(fd, 0);
		step(text("set_of_3.%s.write_0", sets[i].name), returned(s, 3), "0 of 3");
		add(fd, 1);
		step(text("set_of_3.%s.write", sets[i].name), returned(s, 3), sets[i].one_set);
		end_all(s, 3);
		close(epfd[0]);
		close(fd);

		fd = new_eventfd(0, 0);
		for (k = 0; k < 3; k++) {
			epfd[k] = new_epoll(fd, sets[i].events);
			start_all(&s[k], 1, sleep_in, epfd[k]);
		}
		add(fd, 1);
		step(text("3_sets.%s.write", sets[i].name), returned(s, 3), sets[i].three_sets);
		end_all(s, 3);
		for (k = 0; k < 3; k++)
			close(epfd[k]);
		close(fd);
	}
}

int main(void)
{
	ksft_print_header();
	test_level();
	test_edge();
	test_oneshot();
	test_sets();
	test_sleeping_sets();
	ksft_set_plan(ksft_test_num());
	ksft_finished();
}
