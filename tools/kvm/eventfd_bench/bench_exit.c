// SPDX-License-Identifier: GPL-2.0-only
/*
 * One write: it exits to user space, signals an eventfd, or does nothing.
 */
#include "eventfd_bench.h"

#include <unistd.h>

#include "ring.h"

#define PORT		0x510
#define VALUE		1
/* Ports that the guest writes in turn; KVM has no device there. */
#define FIRST_PORT	0x1000
#define PORT_STEP	4

/*
 * A port of a device in KVM, the PIC's mask, and one that the bus can't tell from it
 * without a look-up in its table (kvm_io_bus_may_have_point()).
 */
#define OTHER_PORT	0x21
#define PORT_BESIDE	0x710

static const unsigned int in_turn[] = { 1, 2, 64, 1024, 4096 };

static void assign(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		   int fd, uint32_t flags)
{
	must(tinyvm_iosignalfd(vm, bus, addr, VALUE, fd, flags), "assign");
}

static void deassign(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		     int fd, uint32_t flags)
{
	assign(vm, bus, addr, fd, flags | KVM_IOSIGNALFD_FLAG_DEASSIGN);
}

static void bench_exits(struct tinyvm *vm, int fd)
{
	measure_report("exit-to-user-pio", 1,
		       exit_cost(vm, TINYVM_PIO, PORT, NULL, NULL));
	measure_report("exit-to-user-mmio", 1,
		       exit_cost(vm, TINYVM_MMIO, TINYVM_MMIO_BASE, NULL,
				 NULL));

	/* With a doorbell at the port for another value. */
	must(tinyvm_iosignalfd(vm, TINYVM_PIO, PORT, VALUE + 1, fd,
			       KVM_IOSIGNALFD_FLAG_TRIGGER), "assign");
	measure_report("exit-to-user-pio-value", 1,
		       exit_cost(vm, TINYVM_PIO, PORT, NULL, NULL));
	must(tinyvm_iosignalfd(vm, TINYVM_PIO, PORT, VALUE + 1, fd,
			       KVM_IOSIGNALFD_FLAG_TRIGGER |
			       KVM_IOSIGNALFD_FLAG_DEASSIGN), "deassign");
}

static void bench_rings(struct tinyvm *vm, int fd, enum tinyvm_bus bus,
			uint64_t addr, const char *name, const char *name_value)
{
	assign(vm, bus, addr, fd, 0);
	measure_report(name, 1, ring_cost(vm, bus, addr, VALUE));
	deassign(vm, bus, addr, fd, 0);

	assign(vm, bus, addr, fd, KVM_IOSIGNALFD_FLAG_TRIGGER);
	measure_report(name_value, 1, ring_cost(vm, bus, addr, VALUE));
	deassign(vm, bus, addr, fd, KVM_IOSIGNALFD_FLAG_TRIGGER);
}

static void bench_any_length(struct tinyvm *vm, int fd)
{
	must(tinyvm_iosignalfd_any(vm, TINYVM_MMIO, TINYVM_MMIO_BASE, fd, 0),
	     "assign for any length");
	measure_report("doorbell-mmio-any", 1,
		       ring_cost(vm, TINYVM_MMIO, TINYVM_MMIO_BASE, VALUE));
	must(tinyvm_iosignalfd_any(vm, TINYVM_MMIO, TINYVM_MMIO_BASE, fd,
				   KVM_IOSIGNALFD_FLAG_DEASSIGN),
	     "deassign for any length");
}

static void bench_real_mode(int fd)
{
	struct tinyvm vm;

	tinyvm_create(&vm, true);
	tinyvm_set_real_mode(&vm);
	assign(&vm, TINYVM_PIO, PORT, fd, 0);
	measure_report("doorbell-pio-real", 1,
		       ring_cost_of(&vm, guest_ring_real, PORT, VALUE));
	tinyvm_destroy(&vm);
}

static void bench_in_turn(struct tinyvm *vm, int fd)
{
	unsigned int i, have = 0;

	for (i = 0; i < ARRAY_SIZE(in_turn) && in_turn[i] <= max_n; i++) {
		for (; have < in_turn[i]; have++)
			assign(vm, TINYVM_PIO, FIRST_PORT + have * PORT_STEP,
			       fd, 0);
		measure_report("ring-pio-in-turn", have,
			       ring_cost_of(vm, guest_ring_round, FIRST_PORT,
					    FIRST_PORT + have * PORT_STEP));
	}
}

/* Writes to another port in between must not make a ring more expensive. */
static void bench_beside(struct tinyvm *vm, int fd)
{
	assign(vm, TINYVM_PIO, PORT_BESIDE, fd, 0);
	measure_report("ring-pio-beside", 1,
		       ring_cost_of(vm, guest_ring_beside, PORT_BESIDE,
				    OTHER_PORT));
	deassign(vm, TINYVM_PIO, PORT_BESIDE, fd, 0);
}

void bench_exit(void)
{
	struct tinyvm vm;
	int fd = new_eventfd();

	tinyvm_create(&vm, true);
	bench_exits(&vm, fd);
	bench_rings(&vm, fd, TINYVM_PIO, PORT, "doorbell-pio",
		    "doorbell-pio-value");
	bench_rings(&vm, fd, TINYVM_MMIO, TINYVM_MMIO_BASE, "doorbell-mmio",
		    "doorbell-mmio-value");
	bench_any_length(&vm, fd);
	bench_real_mode(fd);
	bench_beside(&vm, fd);
	bench_in_turn(&vm, fd);
	tinyvm_destroy(&vm);
	close(fd);
}

/* This needs modules with floor.patch, which handle the write. */
void bench_floor(void)
{
	struct tinyvm vm;

	tinyvm_create(&vm, true);
	measure_report("exit-floor", 1, ring_cost(&vm, TINYVM_PIO, PORT, 1));
	tinyvm_destroy(&vm);
}
