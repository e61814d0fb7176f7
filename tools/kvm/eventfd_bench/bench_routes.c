// SPDX-License-Identifier: GPL-2.0-only
/*
 * One route of many is changed, and what a signal costs after that.
 */
#include "eventfd_bench.h"

#include <linux/kvm_gsi_routes.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FIRST_GSI	24U
#define MSI_VECTOR	(GUEST_VECTOR + GUEST_IRQ_MSI)
#define NR_CHANGES	15U

static const unsigned int sizes[] = { 1, 64, 1024, 4000, 16384 };

/* A VM with @n irqfds, each with a GSI of its own, and all routes. */
struct routes {
	struct tinyvm vm;
	unsigned int n;
	bool one_call;
	struct kvm_irq_routing *table;
	int *fds;
};

static bool has_one_call(struct tinyvm *vm)
{
	return ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GSI_ROUTES) > 0;
}

static void set_some(struct routes *r, struct kvm_irq_routing_entry *entries, uint32_t nr)
{
	struct kvm_gsi_routes args = {
		.entries = (uintptr_t)entries,
		.entry_size = sizeof(*entries),
		.nr = nr,
	};

	if (ioctl(r->vm.fd, KVM_SET_GSI_ROUTES, &args))
		tinyvm_die("KVM_SET_GSI_ROUTES");
}

/* Change the vector of a route, by the call that takes one if there is any. */
static void change(struct routes *r, unsigned int i)
{
	struct kvm_irq_routing_entry *e = &r->table->entries[i];

	e->u.msi.data ^= 1;
	if (r->one_call)
		set_some(r, e, 1);
	else
		must(tinyvm_set_routes(&r->vm, r->table), "KVM_SET_GSI_ROUTING");
}

static void change_last(void *arg, unsigned int i)
{
	struct routes *r = arg;

	(void)i;
	change(r, r->n - 1);
}

/* A table with which each route has another vector. */
static void change_all(void *arg, unsigned int i)
{
	struct routes *r = arg;

	(void)i;
	for (i = 0; i < r->n; i++)
		r->table->entries[i].u.msi.data ^= 1;
	must(tinyvm_set_routes(&r->vm, r->table), "KVM_SET_GSI_ROUTING");
}

/* What finds no route there has no reader to wait for. */
static void add_last(void *arg, unsigned int i)
{
	struct routes *r = arg;

	(void)i;
	set_some(r, &r->table->entries[r->n - 1], 1);
}

static void remove_last(struct routes *r)
{
	struct kvm_irq_routing_entry none = {
		.gsi = r->table->entries[r->n - 1].gsi, .type = KVM_GSI_ROUTE_NONE,
	};

	set_some(r, &none, 1);
}

static void signal_last(void *arg, unsigned int i)
{
	static const uint64_t one = 1;
	struct routes *r = arg;

	(void)i;
	if (write(r->fds[r->n - 1], &one, sizeof(one)) != sizeof(one))
		tinyvm_die("write to an eventfd");
}

/* Signals of the last irqfd, each after a change of route @i. */
static void bench_signal_after(struct routes *r, const char *name, unsigned int i)
{
	struct samples s = { };
	unsigned int round;

	signal_last(r, 0);
	measure_priority(MEASURE_LAST);
	for (round = 0; round < NR_CHANGES; round++) {
		/* To the same vector in the end, which is pending. */
		change(r, i);
		change(r, i);
		measure_each(&s, signal_last, r, 0, 1);
	}
	measure_priority(MEASURE_NORMAL);
	measure_report(name, r->n, samples_median(&s));
}

static void bench_changes(struct routes *r)
{
	struct samples changes = { }, adds = { }, all = { };
	unsigned int i;

	measure_each(&changes, change_last, r, 0, NR_CHANGES);
	measure_report(r->one_call ? "set-gsi-routes" : "set-gsi-routes-table", r->n,
		       samples_median(&changes));
	change_last(r, 0);
	measure_each(&all, change_all, r, 0, NR_CHANGES);
	measure_report("set-gsi-routing-all", r->n, samples_median(&all));
	change_all(r, 0);
	if (!r->one_call)
		return;

	for (i = 0; i < NR_CHANGES; i++) {
		remove_last(r);
		measure_each(&adds, add_last, r, 0, 1);
	}
	measure_report("set-gsi-routes-first", r->n, samples_median(&adds));
}

static void bench_with(unsigned int n)
{
	struct routes r = { .n = n };
	unsigned int i;

	tinyvm_create(&r.vm, true);
	r.one_call = has_one_call(&r.vm);
	/* Without that call there is no room for so many. */
	if (!r.one_call && n > 4096 - FIRST_GSI)
		goto destroy;

	tinyvm_call(&r.vm, guest_irq_setup, 0, 0, 0);
	if (!tinyvm_run(&r.vm))
		tinyvm_die("guest_irq_setup went to user space");
	r.table = tinyvm_new_routes(n);
	r.fds = calloc(n, sizeof(r.fds[0]));
	if (!r.fds)
		tinyvm_die("%u descriptors", n);
	for (i = 0; i < n; i++)
		tinyvm_route_msi(r.table, FIRST_GSI + i, MSI_VECTOR);
	must(tinyvm_set_routes(&r.vm, r.table), "KVM_SET_GSI_ROUTING");
	for (i = 0; i < n; i++) {
		r.fds[i] = new_eventfd();
		must(tinyvm_irqfd(&r.vm, r.fds[i], FIRST_GSI + i, 0), "KVM_IRQFD");
	}

	bench_changes(&r);
	if (n > 1)
		bench_signal_after(&r, "routes-signal-other", 0);
	bench_signal_after(&r, "routes-signal-own", n - 1);

	for (i = 0; i < n; i++)
		close(r.fds[i]);
	free(r.fds);
	free(r.table);
destroy:
	tinyvm_destroy(&r.vm);
}

void bench_routes(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes) && sizes[i] <= max_n; i++)
		bench_with(sizes[i]);
}
