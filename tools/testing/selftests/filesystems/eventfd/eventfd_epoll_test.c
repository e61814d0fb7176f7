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

static void add_and_report(struct scene *c, uint64_t n, const char *what, const char *first,
			   const char *second)
{
	add(c->fd, n);
	report(c, what, first, second);
}

static void take_and_report(struct scene *c, const char *what, const char *first,
			    const char *second)
{
	take(c->fd);
	report(c, what, first, second);
}

static void change_and_report(struct scene *c, uint32_t events, const char *what,
			      const char *first, const char *second)
{
	control(c->epfd, EPOLL_CTL_MOD, c->fd, events);
	report(c, what, first, second);
}

static void test_level(void)
{
	struct scene c;

	open_scene(&c, "level", EPOLLIN, 0);
	report(&c, "empty", "-", "-");
	add_and_report(&c, 0, "write_0", "-", "-");
	add_and_report(&c, 1, "write", "IN", "IN");
	take_and_report(&c, "read", "-", "-");
	change_and_report(&c, EPOLLOUT, "out", "OUT", "OUT");
	add_and_report(&c, FULL, "out.full", "-", "-");
	take_and_report(&c, "out.read", "OUT", "OUT");
	close_scene(&c);
}

static void test_edge(void)
{
	struct scene c;

	open_scene(&c, "edge", EPOLLIN | EPOLLOUT | EPOLLET, 0);
	report(&c, "empty", "OUT", "-");
	add_and_report(&c, 0, "write_0", "OUT", "-");
	add_and_report(&c, 1, "write", "IN|OUT", "-");
	add_and_report(&c, 1, "write_again", "IN|OUT", "-");
	take_and_report(&c, "read", "OUT", "-");
	do_read(c.fd);
	report(&c, "no_read", "-", "-");
	add_and_report(&c, FULL, "full", "IN", "-");
	do_write(c.fd, 1);
	report(&c, "no_write", "-", "-");
	take_and_report(&c, "full.read", "OUT", "-");
	close_scene(&c);

	open_scene(&c, "edge_in", EPOLLIN | EPOLLET, 0);
	add_and_report(&c, 1, "write", "IN", "-");
	take_and_report(&c, "read", "-", "-");
	close_scene(&c);

	open_scene(&c, "edge_out", EPOLLOUT | EPOLLET, 0);
	report(&c, "empty", "OUT", "-");
	add_and_report(&c, 1, "write", "-", "-");
	take_and_report(&c, "read", "OUT", "-");
	close_scene(&c);

	open_scene(&c, "edge_semaphore", EPOLLIN | EPOLLOUT | EPOLLET, EFD_SEMAPHORE);
	add_and_report(&c, 2, "write", "IN|OUT", "-");
	take_and_report(&c, "read", "IN|OUT", "-");
	take_and_report(&c, "read_again", "OUT", "-");
	close_scene(&c);
}

static void test_oneshot(void)
{
	struct scene c;

	open_scene(&c, "oneshot", EPOLLIN | EPOLLONESHOT, 0);
	add_and_report(&c, 1, "write", "IN", "-");
	add_and_report(&c, 1, "write_again", "-", "-");
	change_and_report(&c, EPOLLIN | EPOLLONESHOT, "rearmed", "IN", "-");
	take(c.fd);
	change_and_report(&c, EPOLLIN | EPOLLONESHOT, "rearmed_empty", "-", "-");
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

/* How many of three sleepers, one or three in a set, each of these writes wakes. */
struct sleepers {
	char name[TEXT_SIZE];
	int fd;
	int epfd[MAX_SLEEPERS];
	int nr_sets;
	struct sleeper all[MAX_SLEEPERS];
};

static void open_sleepers(struct sleepers *s, const char *name, uint32_t events, int nr_sets)
{
	int i, in_each = MAX_SLEEPERS / nr_sets;

	snprintf(s->name, sizeof(s->name), "%s.%s", nr_sets == 1 ? "set_of_3" : "3_sets", name);
	s->fd = new_eventfd(0, 0);
	s->nr_sets = nr_sets;
	for (i = 0; i < nr_sets; i++) {
		s->epfd[i] = new_epoll(s->fd, events);
		start_all(&s->all[i * in_each], in_each, sleep_in, s->epfd[i]);
	}
}

static void close_sleepers(struct sleepers *s)
{
	end_all(s->all, MAX_SLEEPERS);
	while (s->nr_sets--)
		close(s->epfd[s->nr_sets]);
	close(s->fd);
}

static void add_and_count(struct sleepers *s, uint64_t n, const char *what, const char *woken)
{
	add(s->fd, n);
	step(text("%s.%s", s->name, what), returned(s->all, MAX_SLEEPERS), woken);
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
	struct sleepers s;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		open_sleepers(&s, sets[i].name, sets[i].events, 1);
		step(s.name, returned(s.all, MAX_SLEEPERS), "0 of 3");
		add_and_count(&s, 0, "write_0", "0 of 3");
		add_and_count(&s, 1, "write", sets[i].one_set);
		close_sleepers(&s);

		open_sleepers(&s, sets[i].name, sets[i].events, 3);
		add_and_count(&s, 1, "write", sets[i].three_sets);
		close_sleepers(&s);
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
