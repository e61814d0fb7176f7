// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_EVENTFD_BATCH and iosignalfds: all operations are done or none, and collisions are
 * judged by what there is in the end.
 *
 * Without the call, which no kernel has yet, a VMM moves a doorbell by two ioctls, between
 * which it isn't there; and a failure half way leaves half.
 */
#include <stdint.h>
#include <unistd.h>
#include <sys/mman.h>

#include "eventfd_batch.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "io_flags.h"

#define NR_BELLS	4
#define NR_MANY		80
/* Of these, the first one that can't be read. */
#define UNREADABLE	70
#define FAR		0x400

/* Doorbells of their own eventfds at @base and above. */
struct bells {
	struct kvm_iosignalfd sig[NR_BELLS];
};

static struct bells new_bells(uint32_t flags, uint64_t base)
{
	struct bells bells;
	int i;

	for (i = 0; i < NR_BELLS; i++)
		bells.sig[i] = (struct kvm_iosignalfd) {
			.addr = base + 16 * i,
			.len = 4,
			.fd = new_eventfd(),
			.flags = flags,
		};
	return bells;
}

static void close_bells(struct bells *bells)
{
	int i;

	for (i = 0; i < NR_BELLS; i++)
		close(bells->sig[i].fd);
}

static void assert_bell(struct kvm_vcpu *vcpu, struct kvm_iosignalfd sig, bool rings)
{
	assert_write(vcpu, sig.flags & FLAG_PIO, sig.addr, 4, sig.trigger, sig.fd, rings);
}

static uint64_t nr_registered(struct kvm_vm *vm)
{
	return vm_stat(vm, "nr_iosignalfds");
}

/* What the call itself is given; without a check of these nothing could be added later. */
TEST_F(bus, arguments)
{
	struct { struct kvm_eventfd_batch batch; uint64_t more; } b;
	struct { struct kvm_eventfd_op op; uint64_t more; } op;
	int max = vm_check_cap(self->vm, KVM_CAP_EVENTFD_BATCH);
	int fd = self->vm->fd;

	TEST_ASSERT(max >= 4096, "KVM_CAP_EVENTFD_BATCH: got %d", max);

#define INIT() do {								\
	memset(&b, 0, sizeof(b));						\
	memset(&op, 0, sizeof(op));						\
	op.op = io_op(self->sig);						\
	b.batch.size = sizeof(b.batch);						\
	b.batch.op_size = sizeof(op.op);					\
	b.batch.ops = (uintptr_t)&op;						\
	b.batch.nr = 1;								\
} while (0)
#define CALL(_errno, _what)							\
	ASSERT_ERRNO(_errno, ioctl(fd, KVM_EVENTFD_BATCH, &b) ? errno : 0, _what)

	ASSERT_ERRNO(EFAULT, ioctl(fd, KVM_EVENTFD_BATCH, NULL) ? errno : 0, "NULL");
	INIT(); b.batch.nr = 0; CALL(0, "No operation");
	INIT(); b.batch.size--; CALL(EINVAL, "A size that is too small");
	INIT(); b.batch.size = sizeof(b); b.more = 1; CALL(E2BIG, "More that isn't 0");
	INIT(); b.batch.flags = 1; CALL(EINVAL, "A flag");
	INIT(); b.batch.reserved = 1; CALL(EINVAL, "A reserved field");
	INIT(); b.batch.op_size--; CALL(EINVAL, "Operations that are too short");
	INIT(); b.batch.op_size = 1 << 20; CALL(E2BIG, "Operations that are too long");
	INIT(); b.batch.nr = max + 1; CALL(E2BIG, "Too many operations");
	INIT(); b.batch.ops = 1; CALL(EFAULT, "Operations that can't be read");
	INIT(); b.batch.op_size = sizeof(op); op.more = 1;
	CALL(E2BIG, "An operation with more that isn't 0");
	INIT(); op.op.op = 0; CALL(EINVAL, "Operation 0");
	INIT(); op.op.op = 4; CALL(EINVAL, "An operation that isn't known");
	INIT(); op.op.reserved = 1; CALL(EINVAL, "An operation's reserved field");
	INIT(); op.op.reserved2 = 1; CALL(EINVAL, "An operation's other reserved field");
	INIT(); op.op.to_addr = 1; CALL(EINVAL, "An address to move to, of no move");
	INIT(); op.op.to_flags = 1; CALL(EINVAL, "Flags to move to, of no move");
	INIT(); op.op = move_op(self->sig, 0); op.op.to_flags = 1;
	CALL(EINVAL, "A move to a flag that is no bus");
	INIT(); op.op = move_op(self->sig, 0); op.op.io.flags |= FLAG_DEASSIGN;
	CALL(EINVAL, "A move with DEASSIGN");
	INIT(); op.op = move_op(self->sig, 0); op.op.io.flags |= FLAG_ANY_FD;
	CALL(EINVAL, "A move of any eventfd");
	INIT(); op.op = move_op(self->sig, -1ull); CALL(EINVAL, "A move to the end");
	INIT(); op.op = irqfd_op(self->fd, 5); op.op.irqfd.flags = 1 << 31;
	CALL(EINVAL, "An irqfd with a flag that isn't known");
	TEST_ASSERT(!nr_registered(self->vm), "A call that failed has registered something");

	INIT(); b.batch.size = sizeof(b); b.batch.op_size = sizeof(op);
	CALL(0, "More that is 0, of both");
	assert_rings(self->vcpu, self->flags, self->base, 4, 0, self->fd);
}

/* Each of the single ioctl's errnos, with all that was done before it undone. */
TEST_F(bus, all_or_nothing)
{
	struct bells old = new_bells(self->flags, self->base);
	struct bells new = new_bells(self->flags, self->base + 8);
	struct kvm_eventfd_op ops[2 * NR_BELLS + 1];
	struct kvm_iosignalfd bad;
	int i, kind, nr = 0;

	for (i = 0; i < NR_BELLS; i++) {
		io_assign_ok(self->vm, old.sig[i]);
		ops[nr++] = i % 2 ? io_end_op(old.sig[i]) :
				    move_op(old.sig[i], old.sig[i].addr + 4);
		ops[nr++] = io_op(new.sig[i]);
	}

	for (kind = 0; kind < 7; kind++) {
		static const int want[] = {
			EEXIST, EINVAL, EINVAL, EBADF, EINVAL, ENOENT, ENOENT,
		};

		bad = new.sig[0];
		bad.fd = self->fd;
		if (kind == 1)
			bad.len = 3;
		if (kind == 2)
			bad.flags |= 1 << 20;
		if (kind == 3)
			bad.fd = -1;
		if (kind == 4)
			bad.fd = self->vm->fd;
		ops[nr] = kind == 5 ? io_end_op(bad) : kind == 6 ? move_op(bad, bad.addr) :
								   io_op(bad);
		ASSERT_BATCH_FAILS(want[kind], nr, self->vm, ops, nr + 1);

		TEST_ASSERT(nr_registered(self->vm) == NR_BELLS, "Something is left");
		for (i = 0; i < NR_BELLS; i++) {
			assert_bell(self->vcpu, old.sig[i], true);
			assert_bell(self->vcpu, new.sig[i], false);
		}
	}

	ASSERT_BATCH_OK(self->vm, ops, nr);
	for (i = 0; i < NR_BELLS; i++) {
		assert_bell(self->vcpu, new.sig[i], true);
		assert_bell(self->vcpu, old.sig[i], false);
		old.sig[i].addr += 4;
		assert_bell(self->vcpu, old.sig[i], i % 2 == 0);
	}

	close_bells(&old);
	close_bells(&new);
}

/*
 * The first that can't be done is named, though removals are looked at before what is
 * added, and irqfds before iosignalfds.
 */
TEST_F(bus, names_the_first)
{
#ifdef __x86_64__
	const int no_irqfd = EBADF;
#else
	/* The VM has no interrupt controller. */
	const int no_irqfd = EAGAIN;
#endif
	struct kvm_iosignalfd free = self->sig;
	struct kvm_eventfd_op ops[] = {
		io_op(self->sig),
		io_op(self->sig),
		irqfd_op(-1, 5),
		io_end_op(free),
		(struct kvm_eventfd_op) { .op = 77 },
	};

	free.addr += 16;
	ops[3] = io_end_op(free);

	ASSERT_BATCH_FAILS(EEXIST, 1, self->vm, ops, 5);
	ops[1] = ops[0];
	ops[1].io.addr += 4;
	ASSERT_BATCH_FAILS(no_irqfd, 2, self->vm, ops, 5);
	ops[2] = ops[1];
	ops[2].io.addr += 4;
	ASSERT_BATCH_FAILS(ENOENT, 3, self->vm, ops, 5);
	ops[3] = ops[2];
	ops[3].io.addr += 4;
	ASSERT_BATCH_FAILS(EINVAL, 4, self->vm, ops, 5);
	TEST_ASSERT(!nr_registered(self->vm), "Something is left");
	ASSERT_BATCH_OK(self->vm, ops, 4);
}

/* Two BARs change places in one call, which no order of single ioctls can do. */
TEST_F(bus, swap)
{
	struct bells a = new_bells(self->flags, self->base);
	struct bells b = new_bells(self->flags, self->base + 4);
	struct kvm_eventfd_op ops[2 * NR_BELLS];
	int i, round;
	uint64_t addr;

	for (i = 0; i < NR_BELLS; i++) {
		io_assign_ok(self->vm, a.sig[i]);
		io_assign_ok(self->vm, b.sig[i]);
	}

	for (round = 0; round < 3; round++) {
		for (i = 0; i < NR_BELLS; i++) {
			ops[2 * i] = move_op(a.sig[i], b.sig[i].addr);
			ops[2 * i + 1] = move_op(b.sig[i], a.sig[i].addr);
		}
		ASSERT_BATCH_OK(self->vm, ops, 2 * NR_BELLS);

		for (i = 0; i < NR_BELLS; i++) {
			addr = a.sig[i].addr;
			a.sig[i].addr = b.sig[i].addr;
			b.sig[i].addr = addr;
			assert_bell(self->vcpu, a.sig[i], true);
			assert_bell(self->vcpu, b.sig[i], true);
			ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, a.sig[i]), "Again");
		}
		TEST_ASSERT(nr_registered(self->vm) == 2 * NR_BELLS, "Some are missing");
	}

	close_bells(&a);
	close_bells(&b);
}

/*
 * What excludes the other kind may take its place: every value, one value, no length.  A
 * write of a value that none of them takes goes to user space before and after.
 */
TEST_F(bus, one_kind_for_another)
{
	struct kvm_iosignalfd kinds[3];
	struct kvm_eventfd_op ops[3];
	int from, to, i;

	for (i = 0; i < 3; i++) {
		kinds[i] = self->sig;
		kinds[i].fd = new_eventfd();
	}
	kinds[1].flags |= FLAG_TRIGGER;
	kinds[1].trigger = 7;
	kinds[2].len = 0;

	for (from = 0; from < 3; from++) {
		for (to = 0; to < 3; to++) {
			io_assign_ok(self->vm, kinds[from]);
			ops[0] = io_op(kinds[to]);
			ops[1] = io_end_op(kinds[from]);
			ASSERT_BATCH_OK(self->vm, ops, 2);

			assert_rings(self->vcpu, self->flags, self->base, 4, 7, kinds[to].fd);
			if (from != to)
				TEST_ASSERT(!take(kinds[from].fd), "The old one has rung");
			assert_write(self->vcpu, self->flags, self->base, 4, 8, kinds[to].fd,
				     to != 1);
			io_unassign_ok(self->vm, kinds[to]);
			assert_exits(self->vcpu, self->flags, self->base, 4, 7, kinds[to].fd);
		}
	}

	for (i = 0; i < 3; i++)
		close(kinds[i].fd);
}

/* A registration is removed once, and what the batch adds isn't there to be removed. */
TEST_F(bus, removed_once)
{
	struct kvm_iosignalfd other = self->sig;
	struct kvm_eventfd_op ops[2];

	io_assign_ok(self->vm, self->sig);

	ops[0] = io_end_op(self->sig);
	ops[1] = io_end_op(self->sig);
	ASSERT_BATCH_FAILS(ENOENT, 1, self->vm, ops, 2);
	ops[1] = move_op(self->sig, self->base + 4);
	ASSERT_BATCH_FAILS(ENOENT, 1, self->vm, ops, 2);

	other.addr += 8;
	ops[0] = io_op(other);
	ops[1] = io_end_op(other);
	ASSERT_BATCH_FAILS(ENOENT, 1, self->vm, ops, 2);
	assert_rings(self->vcpu, self->flags, self->base, 4, 7, self->fd);

	/* To where it is, with its eventfd and all. */
	ops[0] = move_op(self->sig, self->base);
	ASSERT_BATCH_OK(self->vm, ops, 1);
	assert_rings(self->vcpu, self->flags, self->base, 4, 7, self->fd);
}

/* All that share a write go, and as many others come. */
TEST_F(bus, sharers)
{
	int max = vm_check_cap(self->vm, KVM_CAP_IOSIGNALFD_FANOUT), i;
	struct kvm_iosignalfd sig = self->sig;
	struct kvm_eventfd_op *ops;
	int old[256], new[256];

	TEST_ASSERT(max <= 256, "KVM_CAP_IOSIGNALFD_FANOUT: got %d", max);
	ops = calloc(max + 2, sizeof(*ops));
	sig.flags |= FLAG_FANOUT | FLAG_TRIGGER;
	sig.trigger = 7;
	for (i = 0; i < max; i++) {
		old[i] = new_eventfd();
		new[i] = new_eventfd();
		sig.fd = old[i];
		io_assign_ok(self->vm, sig);
		sig.fd = new[i];
		ops[i] = io_op(sig);
	}
	ops[max] = io_end_op(sig);
	ops[max].io.flags |= FLAG_ANY_FD;
	ops[max].io.fd = -1;
	sig.fd = self->fd;
	ops[max + 1] = io_op(sig);

	ASSERT_BATCH_FAILS(EUSERS, max + 1, self->vm, ops, max + 2);
	assert_rings_all(self->vcpu, &sig, 7, old, max);
	for (i = 0; i < max; i++)
		TEST_ASSERT(!take(new[i]), "One that has failed has rung");

	ASSERT_BATCH_OK(self->vm, ops, max + 1);
	assert_rings_all(self->vcpu, &sig, 7, new, max);
	for (i = 0; i < max; i++)
		TEST_ASSERT(!take(old[i]), "One that has gone has rung");

	for (i = 0; i < max; i++) {
		close(old[i]);
		close(new[i]);
	}
	free(ops);
}

/*
 * More than the call copies, allocates or frees at a time.  Of operations of which one can't
 * be read the call names that one, also where it is among others that can.
 */
TEST_F(bus, many)
{
	const size_t size = align_up(NR_MANY * sizeof(struct kvm_eventfd_op), getpagesize());
	struct kvm_iosignalfd sig[NR_MANY];
	struct kvm_eventfd_op *ops;
	char *end, *room;
	int i;

	room = mmap(NULL, size + getpagesize(), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(room != MAP_FAILED, "mmap()");
	end = room + size;
	TEST_ASSERT(!mprotect(end, getpagesize(), PROT_NONE), "mprotect()");

	for (i = 0; i < NR_MANY; i++) {
		sig[i] = self->sig;
		sig[i].addr += 8 * i;
	}

	ops = (struct kvm_eventfd_op *)end - UNREADABLE;
	for (i = 0; i < UNREADABLE; i++)
		ops[i] = io_op(sig[i]);
	ASSERT_BATCH_FAILS(EFAULT, UNREADABLE, self->vm, ops, NR_MANY);
	TEST_ASSERT(!nr_registered(self->vm), "Something is left");

	ops = (struct kvm_eventfd_op *)end - NR_MANY;
	for (i = 0; i < NR_MANY; i++)
		ops[i] = io_op(sig[i]);
	ASSERT_BATCH_OK(self->vm, ops, NR_MANY);
	TEST_ASSERT(nr_registered(self->vm) == NR_MANY, "Some are missing");

	for (i = 0; i < NR_MANY; i++)
		ops[i] = move_op(sig[i], sig[i].addr + FAR);
	ops[NR_MANY - 1].to_addr = sig[0].addr + FAR;
	ASSERT_BATCH_FAILS(EEXIST, NR_MANY - 1, self->vm, ops, NR_MANY);
	assert_bell(self->vcpu, sig[NR_MANY - 1], true);

	ops[NR_MANY - 1].to_addr = sig[NR_MANY - 1].addr + FAR;
	ASSERT_BATCH_OK(self->vm, ops, NR_MANY);
	for (i = 0; i < NR_MANY; i++) {
		assert_bell(self->vcpu, sig[i], false);
		sig[i].addr += FAR;
		assert_bell(self->vcpu, sig[i], true);
		ops[i] = io_end_op(sig[i]);
	}

	ASSERT_BATCH_OK(self->vm, ops, NR_MANY);
	TEST_ASSERT(!nr_registered(self->vm), "Something is left");
	assert_bell(self->vcpu, sig[NR_MANY - 1], false);

	munmap(room, size + getpagesize());
}

/* A move takes all along that a registration was assigned with. */
TEST_F(bus, move_keeps)
{
	struct kvm_iosignalfd sig = self->sig;
	struct kvm_eventfd_op op;
	uint32_t *posted = self->page;

	sig.flags |= FLAG_POST_WRITE | FLAG_HANGUP | FLAG_FANOUT;
	sig.post_addr = (uintptr_t)posted;
	io_assign_ok(self->vm, sig);

	op = move_op(sig, self->base + 8);
	op.io.post_addr += 4;
	ASSERT_BATCH_FAILS(ENOENT, 0, self->vm, &op, 1);
	op.io.post_addr -= 4;
	ASSERT_BATCH_OK(self->vm, &op, 1);
	sig.addr += 8;
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 0x1234567, self->fd);
	TEST_ASSERT(*posted == 0x1234567, "Posted 0x%x", *posted);

	sig.flags &= ~FLAG_HANGUP;
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	io_unassign_ok(self->vm, sig);
	close(sig.fd);

	close(self->fd);
	WAIT_FOR(!nr_registered(self->vm), "It doesn't go with its eventfd");
	self->fd = new_eventfd();
}

/*
 * A registration whose eventfd is closed makes room, as for the single ioctl; but a batch
 * that fails leaves it.
 */
TEST_F(bus, closed)
{
	struct kvm_iosignalfd sig = self->sig;
	struct kvm_eventfd_op ops[2];

	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	close(sig.fd);
	sig.fd = self->fd;

	ops[0] = io_op(sig);
	ops[1] = io_op(sig);
	ASSERT_BATCH_FAILS(EEXIST, 1, self->vm, ops, 2);
	TEST_ASSERT(nr_registered(self->vm) == 1, "It has gone");
	ASSERT_BATCH_OK(self->vm, ops, 1);
	TEST_ASSERT(nr_registered(self->vm) == 1, "It hasn't gone");
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 7, sig.fd);
}

#ifdef GUESTS_HAVE_PORTS
/* Between the buses, by a move. */
TEST_F(bus, to_the_other_bus)
{
	struct kvm_eventfd_op op = move_op(self->sig, self->flags ? MMIO_BASE : PIO_BASE);

	op.to_flags = self->flags ^ FLAG_PIO;
	io_assign_ok(self->vm, self->sig);
	ASSERT_BATCH_OK(self->vm, &op, 1);
	assert_rings(self->vcpu, op.to_flags, op.to_addr, 4, 7, self->fd);
	assert_exits(self->vcpu, self->flags, self->base, 4, 7, self->fd);
}
#endif

int main(int argc, char **argv)
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_EVENTFD_BATCH));
	return test_harness_run(argc, argv);
}
