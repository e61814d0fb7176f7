// SPDX-License-Identifier: GPL-2.0-only
/*
 * The experiment iosignalfd was proposed with, in 2009: how long is the way
 * from a guest's write to a doorbell in the kernel?  Once by way of user space,
 * which is told of the write and rings by ioctl, and once by an eventfd.
 */
#include "doorbell_demo.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "measure.h"
#include "ring.h"

static void ring_by_ioctl(void *arg)
{
	int doorbell = *(int *)arg;

	if (ioctl(doorbell, DOORBELL_RING))
		tinyvm_die("DOORBELL_RING");
}

static void count_bus(const char *name, enum tinyvm_bus bus, __u64 addr)
{
	struct doorbell_counts counts;
	struct tinyvm vm;
	int doorbell, fd;
	__u64 by_exit, by_fd;

	tinyvm_create(&vm, true);
	doorbell = open_doorbell();
	fd = eventfd(0, EFD_CLOEXEC);
	if (fd < 0)
		tinyvm_die("eventfd");

	by_exit = exit_cost(&vm, bus, addr, ring_by_ioctl, &doorbell);
	doorbell_counts(doorbell, &counts);
	errno = 0;
	if (!counts.ioctl_rings || counts.eventfd_rings)
		tinyvm_die("the rings did not come by ioctl");

	doorbell_attach(doorbell, DOORBELL_ATTACH_RINGS, fd);
	errno = -tinyvm_iosignalfd(&vm, bus, addr, 0, fd, 0);
	if (errno)
		tinyvm_die("KVM_IOSIGNALFD");
	by_fd = ring_cost(&vm, bus, addr, 1);
	doorbell_counts(doorbell, &counts);
	errno = 0;
	if (!counts.eventfd_rings)
		tinyvm_die("the rings did not come by eventfd");

	printf("%s-exit %llu\n", name, by_exit);
	printf("%s-iosignalfd %llu\n", name, by_fd);
	fflush(stdout);

	tinyvm_destroy(&vm);
	close(doorbell);
	close(fd);
}

void count_rings(void)
{
	measure_init();
	count_bus("pio", TINYVM_PIO, DEMO_PORT);
	count_bus("mmio", TINYVM_MMIO, DEMO_ADDR);
}
