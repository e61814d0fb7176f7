// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_EVENTFD_BATCH: what an operation costs among N in one call, and by a call of its
 * own.
 */
#include "eventfd_bench.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include <linux/kvm_eventfd_batch.h>

#define STEP	4
/* From a doorbell to where it moves. */
#define APART	0x100000ULL
#define GSI	1U
#define ROUNDS	7U
#define REST_US	200000

static const unsigned int sizes[] = { 1, 64, 1024 };

/* N eventfds, a doorbell and an irqfd for each, and N operations. */
struct batch {
	struct tinyvm vm;
	unsigned int n;
	int *fds;
	struct kvm_eventfd_op *ops;
	uint64_t base;
};

static struct kvm_iosignalfd doorbell(const struct batch *b, unsigned int i)
{
	return (struct kvm_iosignalfd) {
		.addr = b->base + i * STEP, .len = STEP, .fd = b->fds[i],
	};
}

static void assign(struct batch *b, unsigned int i)
{
	must(tinyvm_iosignalfd(&b->vm, TINYVM_MMIO, b->base + i * STEP, 0, b->fds[i], 0),
	     "KVM_IOSIGNALFD");
}

static void deassign(struct batch *b, unsigned int i)
{
	must(tinyvm_iosignalfd(&b->vm, TINYVM_MMIO, b->base + i * STEP, 0, b->fds[i],
			       KVM_IOSIGNALFD_FLAG_DEASSIGN), "KVM_IOSIGNALFD");
}

/* The one goes before the other comes, as VMMs do it. */
static void move(struct batch *b, unsigned int i)
{
	deassign(b, i);
	b->base ^= APART;
	assign(b, i);
	b->base ^= APART;
}

static void irqfd(struct batch *b, unsigned int i)
{
	must(tinyvm_irqfd(&b->vm, b->fds[i], GSI, 0), "KVM_IRQFD");
}

static void end_irqfd(struct batch *b, unsigned int i)
{
	must(tinyvm_irqfd(&b->vm, b->fds[i], GSI, KVM_IRQFD_FLAG_DEASSIGN), "KVM_IRQFD");
}

static void op_assign(struct batch *b, unsigned int i)
{
	b->ops[i] = (struct kvm_eventfd_op) {
		.op = KVM_EVENTFD_OP_IOSIGNALFD, .io = doorbell(b, i),
	};
}

static void op_deassign(struct batch *b, unsigned int i)
{
	op_assign(b, i);
	b->ops[i].io.flags = KVM_IOSIGNALFD_FLAG_DEASSIGN;
}

static void op_move(struct batch *b, unsigned int i)
{
	op_assign(b, i);
	b->ops[i].op = KVM_EVENTFD_OP_MOVE;
	b->ops[i].to_addr = b->ops[i].io.addr ^ APART;
}

static void op_irqfd(struct batch *b, unsigned int i)
{
	b->ops[i] = (struct kvm_eventfd_op) {
		.op = KVM_EVENTFD_OP_IRQFD,
		.irqfd = { .fd = b->fds[i], .gsi = GSI },
	};
}

static void op_end_irqfd(struct batch *b, unsigned int i)
{
	op_irqfd(b, i);
	b->ops[i].irqfd.flags = KVM_IRQFD_FLAG_DEASSIGN;
}

/* Each operation by itself, and how a batch has it. */
static const struct op {
	const char *alone;
	const char *batched;
	void (*call)(struct batch *b, unsigned int i);
	void (*fill)(struct batch *b, unsigned int i);
	bool moves;
} ops[] = {
	{ "batch-assign-alone", "batch-assign", assign, op_assign, false },
	{ "batch-move-alone", "batch-move", move, op_move, true },
	{ "batch-deassign-alone", "batch-deassign", deassign, op_deassign, false },
	{ "batch-irqfd-alone", "batch-irqfd", irqfd, op_irqfd, false },
	{ "batch-irqfd-end-alone", "batch-irqfd-end", end_irqfd, op_end_irqfd, false },
};

static void call_all(struct batch *b, const struct op *op)
{
	unsigned int i;

	for (i = 0; i < b->n; i++)
		op->call(b, i);
}

static void call_batch(struct batch *b)
{
	struct kvm_eventfd_batch args = {
		.size = sizeof(args),
		.op_size = sizeof(b->ops[0]),
		.ops = (uintptr_t)b->ops,
		.nr = b->n,
	};

	must(ioctl(b->vm.fd, KVM_EVENTFD_BATCH, &args) ? -errno : 0, "KVM_EVENTFD_BATCH");
}

/* What an operation is of all of them in turn. */
static void sample(struct samples *s, struct batch *b, const struct op *op, bool batched)
{
	uint64_t before;
	unsigned int i;

	for (i = 0; i < b->n && batched; i++)
		op->fill(b, i);

	/* What the last one has left to RCU and to workers isn't this one's. */
	usleep(REST_US);

	before = measure_now();
	if (batched)
		call_batch(b);
	else
		call_all(b, op);
	samples_add(s, (measure_now() - before) / b->n);

	if (op->moves)
		b->base ^= APART;
}

static void bench_size(unsigned int n, bool batched)
{
	struct samples s[ARRAY_SIZE(ops)] = { };
	struct batch b = { .n = n, .base = TINYVM_MMIO_BASE };
	unsigned int i, round;

	tinyvm_create(&b.vm, true);
	b.fds = calloc(n, sizeof(b.fds[0]));
	b.ops = calloc(n, sizeof(b.ops[0]));
	if (!b.fds || !b.ops)
		tinyvm_die("%u operations", n);
	for (i = 0; i < n; i++)
		b.fds[i] = new_eventfd();

	/* The first round is the one in which memory comes. */
	for (round = 0; round <= ROUNDS; round++) {
		if (round == 1)
			for (i = 0; i < ARRAY_SIZE(ops); i++)
				s[i].nr = 0;
		for (i = 0; i < ARRAY_SIZE(ops); i++)
			sample(&s[i], &b, &ops[i], batched);
	}
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		measure_report(batched ? ops[i].batched : ops[i].alone, n,
			       samples_median(&s[i]));

	for (i = 0; i < n; i++)
		close(b.fds[i]);
	free(b.fds);
	free(b.ops);
	tinyvm_destroy(&b.vm);
}

void bench_batch(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes) && sizes[i] <= max_n; i++) {
		bench_size(sizes[i], false);
		if (tinyvm_extension(KVM_CAP_EVENTFD_BATCH) > 0)
			bench_size(sizes[i], true);
	}
}
