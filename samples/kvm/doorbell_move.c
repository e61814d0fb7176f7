// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two BARs of doorbells that change places while the guest rings one address: by
 * KVM_EVENTFD_BATCH, in one step.  Each ring is one eventfd's, and none goes to user space.
 */
#include "doorbell_demo.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include <linux/kvm_eventfd_batch.h>

#define NR_BELLS	8U
#define BELL_STEP	4
/* From a doorbell of the one BAR to the same of the other. */
#define OTHER_BAR	0x1000ULL

/* The doorbells of both BARs, and where they are. */
struct bars {
	struct tinyvm vm;
	struct kvm_iosignalfd bells[2 * NR_BELLS];
	bool stop;
	__u64 moves;
};

static void assign_bells(struct bars *b)
{
	unsigned int i;

	for (i = 0; i < 2 * NR_BELLS; i++) {
		struct kvm_iosignalfd *bell = &b->bells[i];

		bell->addr = DEMO_ADDR + i % NR_BELLS * BELL_STEP +
			     (i < NR_BELLS ? 0 : OTHER_BAR);
		bell->len = BELL_STEP;
		bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (bell->fd < 0)
			tinyvm_die("eventfd");
		if (ioctl(b->vm.fd, KVM_IOSIGNALFD, bell))
			tinyvm_die("KVM_IOSIGNALFD");
	}
}

/* All move, so each address is another one's at once. */
static void swap_bars(struct bars *b)
{
	struct kvm_eventfd_op ops[2 * NR_BELLS] = { };
	struct kvm_eventfd_batch batch = {
		.size = sizeof(batch),
		.op_size = sizeof(ops[0]),
		.ops = (unsigned long)ops,
		.nr = 2 * NR_BELLS,
	};
	unsigned int i;

	for (i = 0; i < 2 * NR_BELLS; i++) {
		ops[i].op = KVM_EVENTFD_OP_MOVE;
		ops[i].io = b->bells[i];
		b->bells[i].addr ^= OTHER_BAR;
		ops[i].to_addr = b->bells[i].addr;
	}
	if (ioctl(b->vm.fd, KVM_EVENTFD_BATCH, &batch))
		tinyvm_die("KVM_EVENTFD_BATCH");
	b->moves++;
}

static void *keep_swapping(void *arg)
{
	struct bars *b = arg;

	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED))
		swap_bars(b);
	return NULL;
}

static __u64 rings_of(int fd)
{
	__u64 n = 0;

	if (read(fd, &n, sizeof(n)) != sizeof(n) && errno != EAGAIN)
		tinyvm_die("read of an eventfd");
	return n;
}

bool ring_moving_bars(unsigned int times, struct moving_bars *result)
{
	struct bars b = { };
	pthread_t thread;
	unsigned int i;

	if (!tinyvm_extension(KVM_CAP_EVENTFD_BATCH))
		return false;

	tinyvm_create(&b.vm, true);
	assign_bells(&b);
	if (pthread_create(&thread, NULL, keep_swapping, &b))
		tinyvm_die("pthread_create");

	result->exits = tinyvm_ring(&b.vm, TINYVM_MMIO, DEMO_ADDR, 1, times);

	__atomic_store_n(&b.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	result->moves = b.moves;
	result->first = rings_of(b.bells[0].fd);
	result->second = rings_of(b.bells[NR_BELLS].fd);

	for (i = 0; i < 2 * NR_BELLS; i++)
		close(b.bells[i].fd);
	tinyvm_destroy(&b.vm);

	return true;
}
