// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: assigning, signalling, deassigning and hanging up irqfds; changing the
 * routing table; and closing a VM that has irqfds.
 */
#include "eventfd_bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

/*
 * There are at most KVM_MAX_IRQ_ROUTES, 4096, routes.  The irqfds beyond
 * MAX_MSI_ROUTES share GSIs with the first ones.
 */
#define MAX_MSI_ROUTES	4000U
#define FIRST_MSI_GSI	1U
#define PIN_GSI		0U
#define PIN		5

#define MSI_VECTOR	(GUEST_VECTOR + GUEST_IRQ_MSI)
#define PIN_VECTOR	(GUEST_VECTOR + GUEST_IRQ_PIN)

#define NR_SIGNALS	48U
#define NR_ROUTINGS	7U

static const unsigned int sizes[] = { 0, 1, 64, 256, 1024, 4000, 16384 };

/* A VM with @n irqfds, and one more that goes to an IOAPIC pin. */
struct irqfds {
	struct tinyvm vm;
	unsigned int n;
	int *fds;
	int pin_fd;
	struct kvm_irq_routing *routes;
};

static uint32_t gsi_of(unsigned int i)
{
	return FIRST_MSI_GSI + i % MAX_MSI_ROUTES;
}

static void irqfds_create(struct irqfds *q, unsigned int n)
{
	unsigned int i, nr_routes = n < MAX_MSI_ROUTES ? n : MAX_MSI_ROUTES;

	tinyvm_create(&q->vm, true);
	q->n = n;
	q->fds = calloc(n + 1, sizeof(q->fds[0]));
	if (!q->fds)
		tinyvm_die("%u descriptors", n);
	for (i = 0; i < n; i++)
		q->fds[i] = new_eventfd();
	q->pin_fd = new_eventfd();

	q->routes = tinyvm_new_routes(nr_routes + 1);
	tinyvm_route_ioapic(q->routes, PIN_GSI, PIN);
	for (i = 0; i < nr_routes; i++)
		tinyvm_route_msi(q->routes, gsi_of(i), MSI_VECTOR);

	tinyvm_call(&q->vm, guest_irq_setup, PIN, 0, 0);
	if (!tinyvm_run(&q->vm))
		tinyvm_die("guest_irq_setup went to user space");
}

static void irqfds_close_files(struct irqfds *q)
{
	unsigned int i;

	for (i = 0; i < q->n; i++)
		close(q->fds[i]);
	close(q->pin_fd);
	free(q->fds);
	free(q->routes);
}

/* Change the vector of the last route and set the whole table. */
static void set_routing(void *arg, unsigned int i)
{
	struct irqfds *q = arg;

	(void)i;
	q->routes->entries[q->routes->nr - 1].u.msi.data ^= 1;
	must(tinyvm_set_routes(&q->vm, q->routes), "KVM_SET_GSI_ROUTING");
}

static void bench_routing(struct irqfds *q, const char *name)
{
	struct samples s = { };

	measure_each(&s, set_routing, q, 0, NR_ROUTINGS);
	measure_report(name, q->n, samples_median(&s));
	/* NR_ROUTINGS is odd: set the vector back to the one that the guest expects. */
	set_routing(q, 0);
}

static void assign(void *arg, unsigned int i)
{
	struct irqfds *q = arg;

	must(tinyvm_irqfd(&q->vm, q->fds[i], gsi_of(i), 0), "KVM_IRQFD");
}

static void deassign(void *arg, unsigned int i)
{
	struct irqfds *q = arg;

	must(tinyvm_irqfd(&q->vm, q->fds[i], gsi_of(i),
			  KVM_IRQFD_FLAG_DEASSIGN), "KVM_IRQFD");
}

static void hang_up(void *arg, unsigned int i)
{
	struct irqfds *q = arg;

	close(q->fds[i]);
}

/* Assign again what hang_up() has closed. */
static void renew(struct irqfds *q, unsigned int first, unsigned int count)
{
	unsigned int i;

	for (i = first; i < first + count; i++) {
		q->fds[i] = new_eventfd();
		assign(q, i);
	}
}

static void signal_fd(int fd)
{
	static const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		tinyvm_die("write to an eventfd");
}

static void signal_last(void *arg, unsigned int i)
{
	struct irqfds *q = arg;

	(void)i;
	signal_fd(q->fds[q->n - 1]);
}

static void signal_pin(void *arg, unsigned int i)
{
	struct irqfds *q = arg;

	(void)i;
	signal_fd(q->pin_fd);
}

/*
 * From user space's signal until the vector is in the vCPU's APIC.  The first loop
 * checks that a signal has set the vector when it returns.
 */
static void bench_signal_of(struct irqfds *q, const char *name,
			    measure_op signal, unsigned int vector)
{
	struct samples s = { };
	unsigned int i;

	measure_priority(MEASURE_LAST);
	tinyvm_take_pending(&q->vm, vector);
	for (i = 0; i < NR_OPS; i++) {
		signal(q, i);
		errno = 0;
		if (!tinyvm_take_pending(&q->vm, vector))
			tinyvm_die("%s: not delivered (noautogroup?)",
				   name);
	}
	measure_each(&s, signal, q, 0, NR_SIGNALS);
	measure_priority(MEASURE_NORMAL);
	measure_report(name, q->n, samples_median(&s));
}

/* The time of close(), and the whole work that it causes. */
static void bench_hang_up(struct irqfds *q)
{
	struct samples s = { };
	unsigned int count = q->n < NR_OPS ? q->n : NR_OPS;
	uint64_t work = 0;
	unsigned int i;

	for (i = 0; i < NR_OPS / count; i++) {
		measure_priority(MEASURE_FIRST);
		measure_each(&s, hang_up, q, q->n - count, count);
		measure_priority(MEASURE_NORMAL);
		renew(q, q->n - count, count);
	}
	measure_report("irqfd-hangup", q->n, samples_median(&s));

	if (q->n < NR_WORK_OPS)
		return;
	/* The first round may still create workers: report the second one. */
	for (i = 0; i < 2; i++) {
		work = measure_work(hang_up, q, q->n - NR_WORK_OPS,
				    NR_WORK_OPS);
		renew(q, q->n - NR_WORK_OPS, NR_WORK_OPS);
	}
	measure_report("irqfd-hangup-work", q->n, work);
}

static void release(void *arg, unsigned int i)
{
	struct irqfds *q = arg;

	(void)i;
	tinyvm_destroy(&q->vm);
}

static void bench_with(unsigned int n)
{
	struct irqfds q;
	struct samples s = { };
	unsigned int i;

	irqfds_create(&q, n);
	bench_routing(&q, "set-gsi-routing-bare");
	must(tinyvm_irqfd(&q.vm, q.pin_fd, PIN_GSI, 0), "KVM_IRQFD of a pin");
	if (n) {
		for (i = 0; i + NR_OPS < n; i++)
			assign(&q, i);
		bench_pair("irqfd-assign", assign, "irqfd-deassign", deassign,
			   &q, n);
		bench_signal_of(&q, "irqfd-signal-msi", signal_last, MSI_VECTOR);
		bench_signal_of(&q, "irqfd-signal-ioapic", signal_pin, PIN_VECTOR);
		bench_routing(&q, "set-gsi-routing");
		bench_hang_up(&q);
	}
	measure_each(&s, release, &q, 0, 1);
	measure_report("vm-release", n, s.v[0]);
	irqfds_close_files(&q);

	irqfds_create(&q, n);
	must(tinyvm_set_routes(&q.vm, q.routes), "KVM_SET_GSI_ROUTING");
	for (i = 0; i < n; i++)
		assign(&q, i);
	measure_report("vm-release-work", n, measure_work(release, &q, 0, 1));
	irqfds_close_files(&q);
}

void bench_irqfd(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes) && sizes[i] <= max_n; i++)
		bench_with(sizes[i]);
}
