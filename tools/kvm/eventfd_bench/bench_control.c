// SPDX-License-Identifier: GPL-2.0-only
/*
 * Masking and moving an irqfd: by KVM_IRQFD_CONTROL, and by a deassign and an assign,
 * which is what a VMM does without it.
 */
#include "eventfd_bench.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include <linux/kvm_irqfd_control.h>

#define FIRST_GSI	24U
#define VECTOR		(GUEST_VECTOR + GUEST_IRQ_MSI)
/* How many there are in a call that has many. */
#define NR_MANY		64U

static const unsigned int sizes[] = { NR_MANY, 256, 1024 };

/* A VM with @n irqfds, and a route more than that, to move them to. */
struct controls {
	struct tinyvm vm;
	unsigned int n;
	struct kvm_irqfd_control_one *irqfds;
};

static void controls_create(struct controls *q, unsigned int n)
{
	struct kvm_irq_routing *routes = tinyvm_new_routes(n + 1);
	unsigned int i;

	tinyvm_create(&q->vm, true);
	q->n = n;
	q->irqfds = calloc(n, sizeof(q->irqfds[0]));
	if (!q->irqfds)
		tinyvm_die("%u irqfds", n);
	for (i = 0; i <= n; i++)
		tinyvm_route_msi(routes, FIRST_GSI + i, VECTOR);
	must(tinyvm_set_routes(&q->vm, routes), "KVM_SET_GSI_ROUTING");
	free(routes);
	for (i = 0; i < n; i++) {
		q->irqfds[i].fd = new_eventfd();
		q->irqfds[i].gsi = FIRST_GSI + i;
		must(tinyvm_irqfd(&q->vm, q->irqfds[i].fd, FIRST_GSI + i, 0),
		     "KVM_IRQFD");
	}
}

static void controls_destroy(struct controls *q)
{
	unsigned int i;

	for (i = 0; i < q->n; i++)
		close(q->irqfds[i].fd);
	free(q->irqfds);
	tinyvm_destroy(&q->vm);
}

static void control(struct controls *q, uint32_t op, unsigned int i, unsigned int nr,
		    uint64_t *pending)
{
	struct kvm_irqfd_control args = {
		.size = sizeof(args),
		.op = op,
		.nr = nr,
		.irqfds = (uintptr_t)&q->irqfds[i],
		.pending = (uintptr_t)pending,
	};

	if (ioctl(q->vm.fd, KVM_IRQFD_CONTROL, &args) != (int)nr)
		tinyvm_die("KVM_IRQFD_CONTROL");
}

static void mask(void *arg, unsigned int i)
{
	control(arg, KVM_IRQFD_CONTROL_MASK, i, 1, NULL);
}

static void unmask(void *arg, unsigned int i)
{
	control(arg, KVM_IRQFD_CONTROL_UNMASK, i, 1, NULL);
}

static void signal_it(void *arg, unsigned int i)
{
	static const uint64_t one = 1;
	struct controls *q = arg;

	if (write(q->irqfds[i].fd, &one, sizeof(one)) != sizeof(one))
		tinyvm_die("write to an eventfd");
}

/* To the route that has no irqfd, and back. */
static void move(void *arg, unsigned int i)
{
	struct controls *q = arg;

	q->irqfds[i].gsi = FIRST_GSI + q->n;
	control(q, KVM_IRQFD_CONTROL_MOVE, i, 1, NULL);
}

static void move_back(void *arg, unsigned int i)
{
	struct controls *q = arg;

	q->irqfds[i].gsi = FIRST_GSI + i;
	control(q, KVM_IRQFD_CONTROL_MOVE, i, 1, NULL);
}

static void deassign(void *arg, unsigned int i)
{
	struct controls *q = arg;

	must(tinyvm_irqfd(&q->vm, q->irqfds[i].fd, q->irqfds[i].gsi,
			  KVM_IRQFD_FLAG_DEASSIGN), "KVM_IRQFD");
}

static void assign(void *arg, unsigned int i)
{
	struct controls *q = arg;

	must(tinyvm_irqfd(&q->vm, q->irqfds[i].fd, q->irqfds[i].gsi, 0), "KVM_IRQFD");
}

static void remake(void *arg, unsigned int i)
{
	deassign(arg, i);
	assign(arg, i);
}

static void measure(struct controls *q, const char *name, measure_op op)
{
	struct samples s = { };

	measure_each(&s, op, q, q->n - NR_OPS, NR_OPS);
	measure_report(name, q->n, samples_median(&s));
}

static void prepare(struct controls *q, measure_op op)
{
	unsigned int i;

	for (i = q->n - NR_OPS; i < q->n; i++)
		op(q, i);
}

static void mask_many(void *arg, unsigned int i)
{
	uint64_t pending;

	control(arg, KVM_IRQFD_CONTROL_MASK, i, NR_MANY, &pending);
}

static void read_many(void *arg, unsigned int i)
{
	uint64_t pending;

	control(arg, KVM_IRQFD_CONTROL_READ, i, NR_MANY, &pending);
}

static void unmask_many(void *arg, unsigned int i)
{
	uint64_t pending;

	control(arg, KVM_IRQFD_CONTROL_UNMASK, i, NR_MANY, &pending);
}

/* Per irqfd. */
static void measure_many(struct controls *q, const char *name, measure_op op)
{
	struct samples s = { };

	measure_each(&s, op, q, q->n - NR_MANY, 1);
	measure_report(name, q->n, samples_median(&s) / NR_MANY);
}

static void bench_calls(struct controls *q)
{
	/* What is done for the first time is not what is measured. */
	prepare(q, mask);
	prepare(q, unmask);
	prepare(q, signal_it);

	measure(q, "control-mask", mask);
	measure(q, "control-signal", signal_it);
	measure(q, "control-unmask-pending", unmask);
	prepare(q, mask);
	measure(q, "control-unmask", unmask);
	measure(q, "control-move", move);
	prepare(q, move_back);
	measure_many(q, "control-mask-many", mask_many);
	measure_many(q, "control-read-many", read_many);
	measure_many(q, "control-unmask-many", unmask_many);
}

void bench_control(void)
{
	struct controls q;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes) && sizes[i] <= max_n; i++) {
		controls_create(&q, sizes[i]);
		prepare(&q, remake);
		measure(&q, "control-remake", remake);
		if (tinyvm_extension(KVM_CAP_IRQFD_CONTROL))
			bench_calls(&q);
		controls_destroy(&q);
	}
}
