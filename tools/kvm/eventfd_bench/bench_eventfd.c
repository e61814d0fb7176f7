// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an eventfd itself costs: read(2), write(2) and a signal of the kernel's, where
 * nothing waits, where epoll does, and where an irqfd takes the event.  The selftests'
 * module irqfd_signal is the producer; it must be loaded before.
 */
#include "eventfd_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../testing/selftests/kvm/test_modules/irqfd_signal.h"

#define GSI		0U
#define VECTOR		(GUEST_VECTOR + GUEST_IRQ_MSI)
#define NR_EVENTS	16U
/* Until the thread that has been woken sleeps again. */
#define SETTLE_US	2000

struct events {
	int dev;		/* the producer */
	int fd;
	int epfd;		/* watches @fd, or -1 */
	unsigned int nr;	/* how many signals one call of producer's is */
};

static void signal_nr(void *arg, unsigned int i)
{
	struct events *e = arg;
	struct irqfd_signal_args args = { .fd = e->fd, .count = e->nr };

	(void)i;
	if (ioctl(e->dev, IRQFD_SIGNAL_NOW, &args))
		tinyvm_die("IRQFD_SIGNAL_NOW");
}

static void write_one(void *arg, unsigned int i)
{
	static const uint64_t one = 1;
	struct events *e = arg;

	(void)i;
	if (write(e->fd, &one, sizeof(one)) != sizeof(one))
		tinyvm_die("write to an eventfd");
}

static void read_all(void *arg, unsigned int i)
{
	struct events *e = arg;
	uint64_t count;

	(void)i;
	if (read(e->fd, &count, sizeof(count)) != sizeof(count))
		tinyvm_die("read of an eventfd");
}

/* Empty the counter, and have epoll see that. */
static void settle(struct events *e)
{
	struct epoll_event event;
	uint64_t count;

	if (read(e->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		tinyvm_die("read of an eventfd");
	if (e->epfd >= 0 && epoll_wait(e->epfd, &event, 1, 0))
		tinyvm_die("epoll_wait, of an empty eventfd");
}

/* The median of an operation that finds nothing in the counter, or one event. */
static uint64_t cost_of(struct events *e, measure_op op, bool full)
{
	struct samples s = { };
	unsigned int i;

	for (i = 0; i < NR_EVENTS; i++) {
		settle(e);
		if (full)
			write_one(e, i);
		measure_each(&s, op, e, i, 1);
	}
	settle(e);
	return samples_median(&s);
}

/* A signal is what a call of the producer costs beyond a call that signals nothing. */
static uint64_t cost_of_signal(struct events *e)
{
	uint64_t cost, idle;

	e->nr = 0;
	idle = cost_of(e, signal_nr, false);
	e->nr = 1;
	cost = cost_of(e, signal_nr, false);
	return cost > idle ? cost - idle : 0;
}

static void bench_waiterless(struct events *e)
{
	measure_report("eventfd-signal", 1, cost_of_signal(e));
	measure_report("eventfd-write", 1, cost_of(e, write_one, false));
	measure_report("eventfd-read", 1, cost_of(e, read_all, true));
}

static void bench_epoll(struct events *e)
{
	struct epoll_event event = { .events = EPOLLIN };

	e->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (e->epfd < 0 || epoll_ctl(e->epfd, EPOLL_CTL_ADD, e->fd, &event))
		tinyvm_die("epoll");
	measure_report("eventfd-signal-epoll", 1, cost_of_signal(e));
	measure_report("eventfd-write-epoll", 1, cost_of(e, write_one, false));
	measure_report("eventfd-read-epoll", 1, cost_of(e, read_all, true));
	close(e->epfd);
	e->epfd = -1;
}

/* It sleeps in epoll_wait() until the eventfd's last event. */
static void *sleep_in_epoll(void *arg)
{
	struct events *e = arg;
	struct epoll_event event;
	uint64_t count;

	for (;;) {
		if (epoll_wait(e->epfd, &event, 1, -1) != 1)
			tinyvm_die("epoll_wait");
		if (read(e->fd, &count, sizeof(count)) != sizeof(count))
			tinyvm_die("read of an eventfd");
		if (count > 1)
			return NULL;
	}
}

/* The caller goes on before the thread that it wakes. */
static uint64_t cost_of_waking(struct events *e, measure_op op)
{
	struct samples s = { };
	unsigned int i;

	for (i = 0; i < NR_EVENTS; i++) {
		usleep(SETTLE_US);
		measure_each(&s, op, e, i, 1);
	}
	usleep(SETTLE_US);
	return samples_median(&s);
}

static void bench_sleeper(struct events *e)
{
	struct epoll_event event = { .events = EPOLLIN };
	static const uint64_t last = 2;
	uint64_t cost, idle;
	pthread_t thread;

	e->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (e->epfd < 0 || epoll_ctl(e->epfd, EPOLL_CTL_ADD, e->fd, &event) ||
	    pthread_create(&thread, NULL, sleep_in_epoll, e))
		tinyvm_die("a thread in epoll");
	measure_priority(MEASURE_FIRST);
	e->nr = 0;
	idle = cost_of_waking(e, signal_nr);
	e->nr = 1;
	cost = cost_of_waking(e, signal_nr);
	measure_report("eventfd-signal-sleeper", 1, cost > idle ? cost - idle : 0);
	measure_report("eventfd-write-sleeper", 1, cost_of_waking(e, write_one));
	measure_priority(MEASURE_NORMAL);
	if (write(e->fd, &last, sizeof(last)) != sizeof(last) || pthread_join(thread, NULL))
		tinyvm_die("the end of a thread");
	close(e->epfd);
	e->epfd = -1;
}

/* Each signal finds the interrupt not pending, and leaves it pending. */
static uint64_t cost_of_interrupt(struct events *e, struct tinyvm *vm, bool pending)
{
	struct samples s = { };
	unsigned int i;

	for (i = 0; i < NR_EVENTS; i++) {
		measure_each(&s, signal_nr, e, i, 1);
		if (tinyvm_take_pending(vm, VECTOR) != pending)
			tinyvm_die("an irqfd: %sdelivered", pending ? "not " : "");
	}
	return samples_median(&s);
}

static void bench_interrupt(struct events *e)
{
	struct kvm_irq_routing *routes = tinyvm_new_routes(1);
	uint64_t idle, cost;
	struct tinyvm vm;

	tinyvm_create(&vm, true);
	tinyvm_route_msi(routes, GSI, VECTOR);
	must(tinyvm_set_routes(&vm, routes), "KVM_SET_GSI_ROUTING");
	free(routes);
	/* It enables the local APIC. */
	tinyvm_call(&vm, guest_irq_setup, 0, 0, 0);
	if (!tinyvm_run(&vm))
		tinyvm_die("guest_irq_setup went to user space");
	must(tinyvm_irqfd(&vm, e->fd, GSI, 0), "KVM_IRQFD");

	e->nr = 0;
	idle = cost_of_interrupt(e, &vm, false);
	e->nr = 1;
	cost = cost_of_interrupt(e, &vm, true);
	measure_report("eventfd-signal-irqfd", 1, cost > idle ? cost - idle : 0);
	tinyvm_destroy(&vm);
}

void bench_eventfd(void)
{
	struct events e = {
		.dev = open("/dev/irqfd_signal", O_RDWR | O_CLOEXEC),
		.fd = new_eventfd(),
		.epfd = -1,
	};

	if (e.dev < 0)
		tinyvm_die("/dev/irqfd_signal");
	bench_waiterless(&e);
	bench_epoll(&e);
	bench_sleeper(&e);
	bench_interrupt(&e);
	close(e.fd);
	close(e.dev);
}
