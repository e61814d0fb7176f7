// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfds that are masked, and moved to another GSI, by KVM_IRQFD_CONTROL.
 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "irqfd_control.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#include "eventfd_waiters.h"
#include "irqfd_vm.h"

#define GSI_NO_ROUTE	99

/* Where the event goes: from the wake-up or from a worker, to an MSI or to a pin. */
FIXTURE(mask) {
	struct irq_vm v;
	int fd;
};

FIXTURE_VARIANT(mask) {
	uint32_t gsi;
	bool semaphore;
};

FIXTURE_VARIANT_ADD(mask, msi) {
	.gsi = GSI_MSI,
};

FIXTURE_VARIANT_ADD(mask, semaphore) {
	.gsi = GSI_MSI,
	.semaphore = true,
};

FIXTURE_VARIANT_ADD(mask, worker) {
	.gsi = GSI_WORKER,
};

FIXTURE_VARIANT_ADD(mask, pin) {
	.gsi = GSI_PIN,
};

FIXTURE_SETUP(mask)
{
	irq_vm_init(&self->v);
	self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK |
			   (variant->semaphore ? EFD_SEMAPHORE : 0));
	TEST_ASSERT(self->fd >= 0, "eventfd() failed");
	assign_ok(self->v.vm, self->fd, variant->gsi);
}

FIXTURE_TEARDOWN(mask)
{
	close(self->fd);
	irq_vm_free(&self->v);
}

/* What comes while it is masked is one interrupt after that, and none before. */
TEST_F(mask, pending)
{
	struct kvm_vm *vm = self->v.vm;
	int i;

	for (i = 0; i < 3; i++) {
		TEST_ASSERT(!mask_ok(vm, self->fd), "Masked: wanted nothing to be pending");
		TEST_ASSERT(!mask_ok(vm, self->fd), "Masked again: wanted nothing to be pending");
		add(self->fd, 1);
		TEST_ASSERT(is_held(vm, self->fd), "Wanted the event to be pending");
		add(self->fd, 1);
		assert_irqs(&self->v, VECTOR, 2 * i);
		TEST_ASSERT(is_held(vm, self->fd), "Wanted the reading not to change that");
		TEST_ASSERT(mask_ok(vm, self->fd), "Masked again: wanted the event to be pending");

		TEST_ASSERT(unmask_ok(vm, self->fd), "Wanted to be told of the event");
		assert_irqs(&self->v, VECTOR, 2 * i + 1);
		TEST_ASSERT(!is_held(vm, self->fd), "Injected: wanted nothing to be pending");
		TEST_ASSERT(!unmask_ok(vm, self->fd), "Unmasked again: wanted nothing");
		add(self->fd, 1);
		assert_irqs(&self->v, VECTOR, 2 * i + 2);
	}

	/* Nothing has come. */
	mask_ok(vm, self->fd);
	TEST_ASSERT(!unmask_ok(vm, self->fd), "Wanted nothing to be pending");
	assert_irqs(&self->v, VECTOR, 6);
}

/* The counter is empty, and nothing that waits on the eventfd sees an event. */
TEST_F(mask, no_edge)
{
	int epfd = new_epoll(self->fd, EPOLLIN | EPOLLET);

	look(epfd);
	mask_ok(self->v.vm, self->fd);
	add(self->fd, 1);
	TEST_ASSERT(!look(epfd), "epoll: wanted no event");
	TEST_ASSERT(!take(self->fd), "Wanted an empty counter");
	unmask_ok(self->v.vm, self->fd);
	TEST_ASSERT(!look(epfd), "epoll: wanted no event of an unmask");
	assert_irqs(&self->v, VECTOR, 1);
	close(epfd);
}

/* A masked irqfd ends like another one, and what is pending goes with it. */
TEST_F(mask, ends)
{
	struct kvm_vm *vm = self->v.vm;
	int fd;

	mask_ok(vm, self->fd);
	add(self->fd, 1);
	unassign_ok(vm, self->fd, variant->gsi);
	TEST_ASSERT(!take(self->fd), "Wanted an empty counter");
	add(self->fd, 1);
	TEST_ASSERT(take(self->fd) == 1, "Wanted an ordinary eventfd");
	assign_ok(vm, self->fd, variant->gsi);
	assert_irqs(&self->v, VECTOR, 0);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	fd = new_eventfd();
	assign_ok(vm, fd, variant->gsi);
	mask_ok(vm, fd);
	add(fd, 1);
	close(fd);
	wait_for_ends(&self->v, 1);

	mask_ok(vm, self->fd);
	add(self->fd, 1);
	irq_vm_free(&self->v);
	add(self->fd, 1);
	TEST_ASSERT(take(self->fd) == 1, "VM closed: wanted an ordinary eventfd");
	irq_vm_init(&self->v);
}

/* What READ tells is what the assign is given elsewhere. */
TEST_F(mask, restore)
{
	const uint32_t flags[] = { KVM_IRQFD_FLAG_MASKED,
				   KVM_IRQFD_FLAG_MASKED | KVM_IRQFD_FLAG_PENDING };
	struct kvm_vm *vm = self->v.vm;
	int event;

	for (event = 0; event < 2; event++) {
		mask_ok(vm, self->fd);
		if (event)
			add(self->fd, 1);
		TEST_ASSERT(is_held(vm, self->fd) == event, "Wanted %d", event);
		unassign_ok(vm, self->fd, variant->gsi);

		ASSERT_ERRNO(0, irqfd_full(vm->fd, self->fd, variant->gsi, flags[event], 0),
			     "Assign with flags 0x%x", flags[event]);
		TEST_ASSERT(is_held(vm, self->fd) == event, "Restored: wanted %d", event);
		assert_irqs(&self->v, VECTOR, 0);
		TEST_ASSERT(unmask_ok(vm, self->fd) == event, "Unmasked: wanted %d", event);
		assert_irqs(&self->v, VECTOR, event);
	}
	unassign_ok(vm, self->fd, variant->gsi);

	/* What the counter holds is pending, too. */
	add(self->fd, 1);
	ASSERT_ERRNO(0, irqfd_full(vm->fd, self->fd, variant->gsi, KVM_IRQFD_FLAG_MASKED, 0),
		     "Assign");
	TEST_ASSERT(!take(self->fd), "Wanted an empty counter");
	assert_irqs(&self->v, VECTOR, 1);
	TEST_ASSERT(unmask_ok(vm, self->fd), "Wanted the count to be pending");
	assert_irqs(&self->v, VECTOR, 2);
	unassign_ok(vm, self->fd, variant->gsi);

	/* Both at once are one event. */
	add(self->fd, 1);
	ASSERT_ERRNO(0, irqfd_full(vm->fd, self->fd, variant->gsi, KVM_IRQFD_FLAG_PENDING, 0),
		     "Assign");
	assert_irqs(&self->v, VECTOR, 3);
	TEST_ASSERT(!is_held(vm, self->fd), "Injected: wanted nothing to be pending");
}

/* The events of the time before have gone, or go, where the irqfd was. */
TEST_F(mask, move)
{
	struct kvm_vm *vm = self->v.vm;

	add(self->fd, 1);
	move_ok(vm, self->fd, GSI_MSI2);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_irqs(&self->v, VECTOR2, 1);

	/* It isn't tied to the former GSI any more. */
	if (variant->gsi != GSI_MSI2)
		unassign_ok(vm, self->fd, variant->gsi);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR2, 2);

	/* To where it is, to where no route leads, and back. */
	move_ok(vm, self->fd, GSI_MSI2);
	move_ok(vm, self->fd, GSI_NO_ROUTE);
	add(self->fd, 1);
	move_ok(vm, self->fd, variant->gsi);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR2, 2);
	assert_irqs(&self->v, VECTOR, 2);
	unassign_ok(vm, self->fd, variant->gsi);
	add(self->fd, 1);
	TEST_ASSERT(take(self->fd) == 1, "Deassigned by its GSI: wanted an ordinary eventfd");
}

/* A mask goes with it, and what is pending is injected there. */
TEST_F(mask, masked_move)
{
	struct kvm_vm *vm = self->v.vm;

	mask_ok(vm, self->fd);
	add(self->fd, 1);
	TEST_ASSERT(control_ok(vm, KVM_IRQFD_CONTROL_MOVE, self->fd, GSI_MSI2),
		    "Moved: wanted the event to be pending");
	assert_irqs(&self->v, VECTOR2, 0);
	TEST_ASSERT(unmask_ok(vm, self->fd), "Wanted to be told of the event");
	assert_irqs(&self->v, VECTOR2, 1);
	assert_irqs(&self->v, VECTOR, 0);
}

static void assert_shown(struct kvm_vm *vm, const char *what)
{
	FILE *f = open_irqfds(vm);
	char line[256];

	if (!f)
		return;
	TEST_ASSERT(fgets(line, sizeof(line), f), "Wanted a line of the irqfd");
	fclose(f);
	TEST_ASSERT(strstr(line, what), "Wanted \"%s\", got %s", what, line);
}

/* debugfs tells of the mask, of what is pending and of the GSI. */
TEST_F(mask, debugfs)
{
	struct kvm_vm *vm = self->v.vm;

	mask_ok(vm, self->fd);
	assert_shown(vm, "flags=masked ");
	add(self->fd, 1);
	assert_shown(vm, "flags=masked,held ");
	move_ok(vm, self->fd, GSI_MSI2);
	assert_shown(vm, "gsi=25 route=unresolved ");
	unmask_ok(vm, self->fd);
	wait_for_worker(&self->v);
	assert_shown(vm, "flags=- ");
}

/* Errnos, and that nothing changes with them. */
TEST_F(vm, errors)
{
	struct {
		struct kvm_irqfd_control args;
		uint64_t more;
		char rest[8192];
	} big = {};
	struct kvm_irqfd_control_one one = { .fd = self->fd };
	struct kvm_irqfd_control *args = &big.args;
	struct kvm_vm *vm = self->v.vm, *other;
	int level = new_eventfd(), resamplefd = new_eventfd(), pipes[2];
	uint32_t op;

	assign_resample_ok(vm, level, GSI_LEVEL, resamplefd);
	TEST_ASSERT(!pipe(pipes), "pipe() failed");
	for (op = KVM_IRQFD_CONTROL_READ; op <= KVM_IRQFD_CONTROL_MOVE; op++) {
		ASSERT_ERRNO(ENOENT, control(vm, op, self->fd, GSI_MSI2, NULL), "No irqfd");
		ASSERT_ERRNO(EBADF, control(vm, op, -1, GSI_MSI2, NULL), "No descriptor");
		ASSERT_ERRNO(EINVAL, control(vm, op, vm->fd, GSI_MSI2, NULL), "No eventfd");
		ASSERT_ERRNO(EINVAL, control(vm, op, pipes[0], GSI_MSI2, NULL), "A pipe");
		ASSERT_ERRNO(EINVAL, control(vm, op, level, GSI_MSI2, NULL), "A level irqfd");
	}
	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(EINVAL, control(vm, KVM_IRQFD_CONTROL_MOVE + 1, self->fd, 0, NULL), "No op");

	other = vm_create_barebones();
	ASSERT_ERRNO(ENOENT, control(other, KVM_IRQFD_CONTROL_MASK, self->fd, 0, NULL),
		     "Another VM's irqfd");
	kvm_vm_free(other);

	*args = (struct kvm_irqfd_control) {
		.size = sizeof(*args), .op = KVM_IRQFD_CONTROL_MASK, .nr = 1,
		.irqfds = (uintptr_t)&one,
	};
	args->flags = 1;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_IRQFD_CONTROL, args) < 0 ? errno : 0, "A flag");
	args->flags = 0;
	args->nr = 0;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_IRQFD_CONTROL, args) < 0 ? errno : 0, "None");
	args->nr = 1;
	args->size--;
	ASSERT_ERRNO(EINVAL, ioctl(vm->fd, KVM_IRQFD_CONTROL, args) < 0 ? errno : 0, "Short");
	args->size = sizeof(*args) + sizeof(big.more);
	big.more = 1;
	ASSERT_ERRNO(E2BIG, ioctl(vm->fd, KVM_IRQFD_CONTROL, args) < 0 ? errno : 0, "Not 0");
	args->size = ~0u;
	ASSERT_ERRNO(E2BIG, ioctl(vm->fd, KVM_IRQFD_CONTROL, args) < 0 ? errno : 0, "Endless");
	args->size = sizeof(*args);
	args->irqfds = 8;
	ASSERT_ERRNO(EFAULT, ioctl(vm->fd, KVM_IRQFD_CONTROL, args) < 0 ? errno : 0, "No memory");
	ASSERT_ERRNO(EFAULT, ioctl(vm->fd, KVM_IRQFD_CONTROL, 8) < 0 ? errno : 0, "No argument");

	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	/* A later version's structure, with nothing in it that isn't known. */
	args->irqfds = (uintptr_t)&one;
	args->size = sizeof(*args) + sizeof(big.more);
	big.more = 0;
	TEST_ASSERT(ioctl(vm->fd, KVM_IRQFD_CONTROL, args) == 1, "Larger: %s", strerror(errno));
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	/* Done, but not told. */
	args->pending = 8;
	args->op = KVM_IRQFD_CONTROL_UNMASK;
	ASSERT_ERRNO(EFAULT, ioctl(vm->fd, KVM_IRQFD_CONTROL, args) < 0 ? errno : 0, "No bitmap");
	assert_irqs(&self->v, VECTOR, 2);

	close(pipes[0]);
	close(pipes[1]);
	close(level);
	close(resamplefd);
}

/* The flags of KVM_IRQFD are for edges, and for the assign. */
TEST_F(vm, flags)
{
	const uint32_t bad[] = {
		KVM_IRQFD_FLAG_MASKED | KVM_IRQFD_FLAG_RESAMPLE,
		KVM_IRQFD_FLAG_PENDING | KVM_IRQFD_FLAG_RESAMPLE,
		KVM_IRQFD_FLAG_MASKED | KVM_IRQFD_FLAG_DEASSIGN,
		KVM_IRQFD_FLAG_PENDING | KVM_IRQFD_FLAG_DEASSIGN,
		KVM_IRQFD_FLAG_MASKED | 1u << 27, 1u << 27, 1u << 31,
	};
	struct kvm_vm *vm = self->v.vm;
	int resamplefd = new_eventfd(), i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ASSERT_ERRNO(EINVAL, irqfd_full(vm->fd, self->fd, GSI_LEVEL, bad[i], resamplefd),
			     "Flags 0x%x", bad[i]);
	add(self->fd, 1);
	TEST_ASSERT(take(self->fd) == 1, "Wanted an ordinary eventfd");
	assert_irqs(&self->v, VECTOR, 0);

	/* An assign that fails injects nothing. */
	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(EBUSY, irqfd_full(vm->fd, self->fd, GSI_MSI, KVM_IRQFD_FLAG_PENDING, 0),
		     "A second irqfd");
	assert_irqs(&self->v, VECTOR, 0);
	close(resamplefd);
}

#define MANY	150

/* Many in one call, with a bit for each, up to the one that fails. */
TEST_F(vm, many)
{
	struct kvm_irqfd_control_one some[MANY];
	uint64_t bits[MANY / 64 + 2];
	struct kvm_vm *vm = self->v.vm;
	int i, ret;

	for (i = 0; i < MANY; i++) {
		some[i].fd = new_eventfd();
		some[i].gsi = GSI_MSI2;
		assign_ok(vm, some[i].fd, GSI_MSI);
	}
	ret = control_full(vm, KVM_IRQFD_CONTROL_MASK, some, MANY, NULL);
	TEST_ASSERT(ret == MANY, "Masked: wanted %d, got %d", MANY, ret);
	for (i = 0; i < MANY; i += 7)
		add(some[i].fd, 1);
	memset(bits, 0xa5, sizeof(bits));
	ret = control_full(vm, KVM_IRQFD_CONTROL_READ, some, MANY, bits);
	TEST_ASSERT(ret == MANY, "Read: wanted %d, got %d", MANY, ret);
	for (i = 0; i < 192; i++)
		TEST_ASSERT((bits[i / 64] >> i % 64 & 1) == (i < MANY && !(i % 7)),
			    "Bit %d is wrong: 0x%lx", i, bits[i / 64]);
	TEST_ASSERT(bits[3] == 0xa5a5a5a5a5a5a5a5ull, "Wanted no more than three words");

	ret = control_full(vm, KVM_IRQFD_CONTROL_MOVE, some, MANY, bits);
	TEST_ASSERT(ret == MANY, "Moved: wanted %d, got %d", MANY, ret);
	TEST_ASSERT(bits[1] >> (70 - 64) & 1, "Moved: wanted number 70 to be pending");

	/* Up to the one that has no irqfd, in the second word. */
	unassign_ok(vm, some[100].fd, GSI_MSI2);
	memset(bits, 0xa5, sizeof(bits));
	ret = control_full(vm, KVM_IRQFD_CONTROL_UNMASK, some, MANY, bits);
	TEST_ASSERT(ret == 100, "Unmasked: wanted 100, got %d", ret);
	TEST_ASSERT(bits[2] == 0xa5a5a5a5a5a5a5a5ull, "Wanted no more than two words");
	TEST_ASSERT(bits[1] == (1ull << 6 | 1ull << 13 | 1ull << 20 | 1ull << 27 | 1ull << 34),
		    "Bits 64 to 99 are wrong: 0x%lx", bits[1]);
	ret = control_full(vm, KVM_IRQFD_CONTROL_UNMASK, some + ret, MANY - ret, NULL);
	TEST_ASSERT(ret == -ENOENT, "The one that failed: got %d", ret);
	TEST_ASSERT(is_held(vm, some[105].fd), "Wanted those after it as they were");
	TEST_ASSERT(!is_held(vm, some[98].fd), "Wanted those before it unmasked");
	for (i = 0; i < MANY; i++)
		close(some[i].fd);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	require_irqfd_control();
	return test_harness_run(argc, argv);
}
