// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd: what a ring costs, and assigning and deassigning a doorbell.
 */
#include "eventfd_bench.h"

#include <unistd.h>

#include "ring.h"

#define PORT		0x510
#define ADDR_STEP	4

static const unsigned int sizes[] = { 1, 64, 256, 1024, 4096, 16384 };

/* A VM with doorbells; all of them signal one eventfd. */
struct doorbells {
	struct tinyvm vm;
	enum tinyvm_bus bus;
	int fd;
};

static void doorbells_create(struct doorbells *d, enum tinyvm_bus bus)
{
	tinyvm_create(&d->vm, true);
	d->bus = bus;
	d->fd = new_eventfd();
}

static void doorbells_destroy(struct doorbells *d)
{
	tinyvm_destroy(&d->vm);
	close(d->fd);
}

static void value(struct doorbells *d, unsigned int i, uint32_t flags)
{
	must(tinyvm_iosignalfd(&d->vm, d->bus, PORT, i, d->fd,
			       KVM_IOSIGNALFD_FLAG_TRIGGER | flags), "value");
}

static void assign_value(void *arg, unsigned int i)
{
	value(arg, i, 0);
}

static void deassign_value(void *arg, unsigned int i)
{
	value(arg, i, KVM_IOSIGNALFD_FLAG_DEASSIGN);
}

static void address(struct doorbells *d, unsigned int i, uint32_t flags)
{
	must(tinyvm_iosignalfd(&d->vm, d->bus,
			       TINYVM_MMIO_BASE + i * ADDR_STEP, 0, d->fd,
			       flags), "address");
}

static void assign_addr(void *arg, unsigned int i)
{
	address(arg, i, 0);
}

static void deassign_addr(void *arg, unsigned int i)
{
	address(arg, i, KVM_IOSIGNALFD_FLAG_DEASSIGN);
}

/* Call @op for all numbers from @from on but the last NR_OPS before @n. */
static void fill(measure_op op, void *arg, unsigned int from, unsigned int n)
{
	unsigned int i;

	for (i = from; i + NR_OPS < n; i++)
		op(arg, i);
	/* The sizes are 1 or more than NR_OPS apart, so no number is left out. */
}

void bench_values(void)
{
	struct doorbells d;
	unsigned int i, n, have = 0;
	uint64_t before;

	doorbells_create(&d, TINYVM_PIO);
	for (i = 0; i < ARRAY_SIZE(sizes) && sizes[i] <= max_n; i++) {
		n = sizes[i];
		fill(assign_value, &d, have, n);
		bench_pair("assign-value", assign_value, "deassign-value",
			   deassign_value, &d, n);
		have = n;
		measure_report("ring-value-last", n,
			       ring_cost(&d.vm, TINYVM_PIO, PORT, n - 1));
		measure_report("ring-value-first", n,
			       ring_cost(&d.vm, TINYVM_PIO, PORT, 0));
	}

	/* Deassign all, the oldest first, and time the whole. */
	before = measure_now();
	for (i = 0; i < have; i++)
		deassign_value(&d, i);
	measure_report("deassign-value-all", have,
		       (measure_now() - before) / have);
	doorbells_destroy(&d);
}

static void release(void *arg, unsigned int i)
{
	struct doorbells *d = arg;

	(void)i;
	tinyvm_destroy(&d->vm);
}

void bench_addresses(void)
{
	struct doorbells d;
	unsigned int i, n, have = 0;

	doorbells_create(&d, TINYVM_MMIO);
	for (i = 0; i < ARRAY_SIZE(sizes) && sizes[i] <= max_n; i++) {
		n = sizes[i];
		fill(assign_addr, &d, have, n);
		bench_pair("assign-addr", assign_addr, "deassign-addr",
			   deassign_addr, &d, n);
		have = n;
		measure_report("ring-mmio-among", n,
			       ring_cost(&d.vm, TINYVM_MMIO, TINYVM_MMIO_BASE +
					  (n - 1) * ADDR_STEP, 1));
	}

	/* Close the VM with all of them assigned. */
	measure_report("vm-release-addr-work", have,
		       measure_work(release, &d, 0, 1));
	close(d.fd);
}
