// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a ring costs with the flags that iosignalfd has beyond ioeventfd.  If KVM
 * doesn't have them, the program reports nothing.
 */
#include "eventfd_bench.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "ring.h"

#define PORT	0x510

static void assign(struct tinyvm *vm, uint64_t post_addr, int fd,
		   uint32_t flags)
{
	struct kvm_iosignalfd args = {
		.addr = PORT,
		.len = 4,
		.fd = fd,
		.flags = KVM_IOSIGNALFD_FLAG_PIO | flags,
		.post_addr = post_addr,
	};

	if (ioctl(vm->fd, KVM_IOSIGNALFD, &args))
		tinyvm_die("a doorbell with flags 0x%x", flags);
}

/* @n doorbells at one port. */
static void bench_ring(const char *name, unsigned int n, uint32_t flags)
{
	uint64_t posted = 0;
	struct tinyvm vm;
	unsigned int i;
	int fds[4];

	tinyvm_create(&vm, true);
	for (i = 0; i < n; i++) {
		fds[i] = new_eventfd();
		assign(&vm, (uintptr_t)&posted, fds[i], flags);
	}
	measure_report(name, n, ring_cost(&vm, TINYVM_PIO, PORT, 1));
	tinyvm_destroy(&vm);
	while (i--)
		close(fds[i]);
}

void bench_flags(void)
{
	if (!(tinyvm_extension(KVM_CAP_IOSIGNALFD) &
	      KVM_IOSIGNALFD_FLAG_FANOUT))
		return;

	bench_ring("doorbell-pio-hangup", 1, KVM_IOSIGNALFD_FLAG_HANGUP);
	bench_ring("doorbell-pio-post", 1, KVM_IOSIGNALFD_FLAG_POST_WRITE);
	bench_ring("doorbell-pio-fanout", 1, KVM_IOSIGNALFD_FLAG_FANOUT);
	bench_ring("doorbell-pio-fanout", 2, KVM_IOSIGNALFD_FLAG_FANOUT);
	bench_ring("doorbell-pio-fanout", 4, KVM_IOSIGNALFD_FLAG_FANOUT);
}
