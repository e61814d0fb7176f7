// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd's interrupt bypass with producers that come and go in all orders, and an
 * architecture that refuses: lab/producer has both, without hardware.  Loads
 * them and takes them out again.  Prints TAP.
 *
 * Usage: bypass MODULE
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "../producer/bypass_producer.h"
#include "tiny_vm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define GSI		NR_PINS		/* an MSI's, and the next ones */

static struct tiny_vm vm;
static int efd, producer;
static struct bypass_counts before;
static const char *failed;

static int open_producer(void)
{
	int fd = open("/dev/bypass_producer", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/bypass_producer");
	return fd;
}

static struct bypass_counts counts(void)
{
	struct bypass_counts c;

	if (ioctl(producer, BYPASS_COUNTS, &c))
		die("BYPASS_COUNTS");
	c.connected -= before.connected;
	c.disconnected -= before.disconnected;
	c.told -= before.told;
	c.given_back -= before.given_back;
	return c;
}

static void results(int add, int update)
{
	struct bypass_results r = { .add = add, .update = update };

	if (ioctl(producer, BYPASS_RESULTS, &r))
		die("BYPASS_RESULTS");
}

static void check(bool good, const char *what)
{
	if (!good && !failed)
		failed = what;
}

static void add_producer(void)
{
	check(!ioctl(producer, BYPASS_REGISTER, efd), "a producer is refused");
}

static void del_producer(void)
{
	check(!ioctl(producer, BYPASS_UNREGISTER), "a producer can't go");
}

static void assign(void)
{
	check(!tiny_irqfd(vm.fd, efd, GSI, 0, -1), "KVM_IRQFD");
}

static void deassign(void)
{
	check(!tiny_irqfd(vm.fd, efd, GSI, KVM_IRQFD_FLAG_DEASSIGN, -1),
	      "an irqfd can't go");
}

static void route(bool with_gsi, uint32_t data)
{
	struct tiny_routes routes = {};
	uint32_t gsi;

	for (gsi = GSI; gsi < NR_GSIS; gsi++)
		if (gsi != GSI || with_gsi)
			tiny_route_msi(&routes, gsi);
	if (with_gsi)
		routes.entries[0].u.msi.data = data;
	check(!ioctl(vm.fd, KVM_SET_GSI_ROUTING, &routes), "KVM_SET_GSI_ROUTING");
}

static void check_counts(uint32_t connected, uint32_t disconnected)
{
	struct bypass_counts c = counts();

	check(c.connected == connected, "not so many connections");
	check(c.disconnected == disconnected, "not so many disconnections");
}

/* A signal is still an interrupt: the counter is taken. */
static void check_injects(void)
{
	uint64_t n = 1;

	check(write(efd, &n, sizeof(n)) == sizeof(n), "write");
	check(read(efd, &n, sizeof(n)) < 0 && errno == EAGAIN,
	      "irqfd does not take its events");
}

/* Whoever comes first, and whoever goes. */
static void test_orders(void)
{
	int order;

	for (order = 0; order < 4; order++) {
		if (order & 1)
			add_producer();
		assign();
		if (!(order & 1))
			add_producer();
		check_counts(order + 1, order);
		check_injects();
		if (order & 2)
			del_producer();
		deassign();
		if (!(order & 2))
			del_producer();
		check_counts(order + 1, order + 1);
	}
}

/* A new route is told at once, an old one not again, none means the host's. */
static void test_routes(void)
{
	struct bypass_counts c;

	assign();
	add_producer();
	route(true, 0x50);
	c = counts();
	check(c.told == 1, "a new route isn't told once");
	route(true, 0x50);
	check(counts().told == 1, "the same route is told again");
	route(false, 0);
	c = counts();
	check(c.told + c.given_back > 1, "that there is no route isn't told");
	route(true, 0x51);
	check(counts().told > c.told, "a route that comes back isn't told");
	del_producer();
	c = counts();
	route(true, 0x52);
	check(counts().told == c.told, "a route is told of a producer that has gone");
	deassign();
}

/* What the architecture refuses leaves an irqfd that injects, and no producer. */
static void test_refused(void)
{
	results(EIO, 0);
	assign();
	/* The manager may pass the refusal on, or not. */
	if (!ioctl(producer, BYPASS_REGISTER, efd) || errno != EIO)
		check(false, "a refusal isn't passed on");
	check_injects();
	route(true, 0x53);
	check(!counts().told, "a route is told of a producer that was refused");
	results(0, 0);
	add_producer();
	check_injects();
	deassign();
	/* The other way round it is the irqfd that finds a producer there. */
	results(EIO, 0);
	assign();
	check_injects();
	deassign();
	del_producer();
}

/* What can't be posted any more goes back to the host. */
static void test_update_refused(void)
{
	assign();
	add_producer();
	results(0, EIO);
	route(true, 0x54);
	check(counts().told == 1, "a new route isn't told once");
	check(counts().given_back == 1, "the interrupt isn't given back");
	results(0, 0);
	del_producer();
	deassign();
}

static void test_hang_up(void)
{
	add_producer();
	assign();
	close(efd);
	efd = -1;
	/* It goes by itself, soon; the VM's end waits for it. */
	close(vm.fd);
	vm.fd = -1;
	check_counts(1, 1);
}

static void test_vm_closed_first(void)
{
	uint64_t n = 1;

	add_producer();
	assign();
	close(vm.fd);
	vm.fd = -1;
	check_counts(1, 1);
	check(write(efd, &n, sizeof(n)) == sizeof(n) &&
	      read(efd, &n, sizeof(n)) == sizeof(n), "the eventfd isn't ordinary");
}

/* More than are told with interrupts off. */
static void test_many(void)
{
	int fds[40], producers[ARRAY_SIZE(fds)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		producers[i] = open_producer();
		if (ioctl(producers[i], BYPASS_REGISTER, fds[i]) ||
		    tiny_irqfd(vm.fd, fds[i], GSI, 0, -1))
			check(false, "an irqfd with a producer");
	}
	route(true, 0x55);
	check(counts().told == ARRAY_SIZE(fds), "not all are told of a new route");
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		close(fds[i]);
		close(producers[i]);
	}
}

static atomic_bool stop;

static void *reroute(void *arg)
{
	uint32_t data;

	for (data = 0; !atomic_load(&stop); data++)
		route(data % 5, 0x40 + data % 64);
	return NULL;
}

static void *come_and_go(void *arg)
{
	while (!atomic_load(&stop)) {
		add_producer();
		del_producer();
	}
	return NULL;
}

static void test_races(void)
{
	pthread_t threads[2];
	int i;

	pthread_create(&threads[0], NULL, reroute, NULL);
	pthread_create(&threads[1], NULL, come_and_go, NULL);
	for (i = 0; i < 300; i++) {
		assign();
		check_injects();
		deassign();
	}
	atomic_store(&stop, true);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	check(counts().connected == counts().disconnected,
	      "a connection is left");
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "orders", test_orders },
	{ "routes", test_routes },
	{ "refused", test_refused },
	{ "update_refused", test_update_refused },
	{ "hang_up", test_hang_up },
	{ "vm_closed_first", test_vm_closed_first },
	{ "many", test_many },
	{ "races", test_races },
};

int main(int argc, char **argv)
{
	size_t i;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: bypass MODULE\n");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
		die(argv[1]);
	close(fd);

	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(tests));
	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		failed = NULL;
		tiny_create(&vm, CHIP_FULL);
		efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		producer = open_producer();
		memset(&before, 0, sizeof(before));
		before = counts();
		route(true, MSI_VECTOR(GSI));
		tests[i].run();
		results(0, 0);
		close(producer);
		close(efd);
		close(vm.fd);
		tiny_free_vcpu(&vm);
		if (failed)
			printf("# %s\n", failed);
		printf("%s %zu - %s\n", failed ? "not ok" : "ok", i + 1,
		       tests[i].name);
	}
	if (syscall(SYS_delete_module, "bypass_producer", O_NONBLOCK))
		die("bypass_producer");
	return 0;
}
