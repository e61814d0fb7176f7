// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd's arguments: what is refused with which errno, what counts as the same
 * registration, and the interface's two names.
 */
#include <stdint.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "io_bus.h"

static const uint32_t lengths[] = { 0, 1, 2, 4, 8 };

/* Descriptors that aren't open eventfds. */
TEST_F(bus, errno_fd)
{
	struct kvm_iosignalfd sig = { .addr = self->base, .len = 4, .flags = self->flags };
	int fd, pipefd[2];

	sig.fd = -1;
	ASSERT_ERRNO(EBADF, iosignalfd(self->vm, sig), "Assign fd -1");
	ASSERT_ERRNO(EBADF, io_unassign(self->vm, sig), "Deassign fd -1");

	fd = new_eventfd();
	close(fd);
	sig.fd = fd;
	ASSERT_ERRNO(EBADF, iosignalfd(self->vm, sig), "Assign a closed fd");
	ASSERT_ERRNO(EBADF, io_unassign(self->vm, sig), "Deassign a closed fd");

	TEST_ASSERT(!pipe(pipefd), "pipe(): %s", strerror(errno));
	sig.fd = pipefd[0];
	ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, sig), "Assign a pipe");
	ASSERT_ERRNO(EINVAL, io_unassign(self->vm, sig), "Deassign a pipe");
	close(pipefd[0]);
	close(pipefd[1]);

	sig.fd = self->vm->fd;
	ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, sig), "Assign the VM's own fd");

	/* Nothing of all this is left behind. */
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);
	sig.fd = self->fd;
	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);
}

/* Lengths that no access has, and length 0 together with a trigger value. */
TEST_F(bus, errno_len)
{
	static const uint32_t bad[] = { 3, 5, 6, 7, 9, 16, 0x80000000, ~0u };
	struct kvm_iosignalfd sig = {
		.addr = self->base, .fd = self->fd, .flags = self->flags,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		sig.len = bad[i];
		ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, sig), "Assign with length %u", sig.len);
		/* No registration can have such a length, so deassign finds none. */
		ASSERT_ERRNO(ENOENT, io_unassign(self->vm, sig), "Deassign length %u", sig.len);
	}

	sig.len = 0;
	sig.flags |= FLAG_TRIGGER;
	ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, sig), "Assign length 0 with a trigger");

	/* Length 8 is valid for ports too, though no port access has it. */
	sig.len = 8;
	sig.flags = self->flags;
	io_assign_ok(self->vm, sig);
	assert_write(self->vcpu, self->flags, sig.addr, variant->max, 1, self->fd,
		     variant->max == 8);

	/* KVM checks the arguments before the fd. */
	sig.len = 3;
	sig.fd = -1;
	ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, sig), "Assign fd -1 with length 3");
}

/* The end of the range must not wrap, not even to 0. */
TEST_F(bus, errno_overflow)
{
	struct kvm_iosignalfd sig = { .fd = self->fd, .flags = self->flags };
	int i;

	for (i = 1; i < ARRAY_SIZE(lengths); i++) {
		sig.len = lengths[i];

		sig.addr = ~0ull;
		ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, sig), "Assign %u bytes at ~0", sig.len);
		sig.addr = -(uint64_t)sig.len;
		ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, sig), "Assign the last %u bytes",
			     sig.len);

		sig.addr--;
		io_assign_ok(self->vm, sig);
		io_unassign_ok(self->vm, sig);
	}

	sig.len = 0;
	sig.addr = ~0ull;
	io_assign_ok(self->vm, sig);
	io_unassign_ok(self->vm, sig);
}

TEST_F(bus, errno_flags)
{
	struct kvm_iosignalfd sig = { .addr = self->base, .len = 4, .fd = self->fd };
	uint32_t known = KVM_IOEVENTFD_VALID_FLAG_MASK | kvm_check_cap(KVM_CAP_IOSIGNALFD);
	int bit;

	for (bit = 0; bit < 32; bit++) {
		if (known & (1u << bit))
			continue;

		sig.flags = self->flags | (1u << bit);
		ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, sig), "Assign with flags 0x%x",
			     sig.flags);
	}

	assert_exits(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);
}

/* Deassign ends the registration that has exactly these arguments, and no other. */
TEST_F(bus, errno_deassign)
{
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	struct kvm_iosignalfd other;
	int fd = new_eventfd(), copy;

	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, sig), "Deassign from an empty bus");

	io_assign_ok(self->vm, sig);

	other = sig;
	other.fd = fd;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, other), "Deassign another eventfd");
	other = sig;
	other.addr++;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, other), "Deassign from another address");
	other = sig;
	other.len = 2;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, other), "Deassign another length");
	other.len = 0;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, other), "Deassign any length");
	other = sig;
	other.flags ^= FLAG_PIO;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, other), "Deassign from the other bus");
	other = sig;
	other.flags |= FLAG_TRIGGER;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, other), "Deassign with a trigger");

	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);

	/* The eventfd is compared, not the number of its descriptor. */
	copy = dup(self->fd);
	other = sig;
	other.fd = copy;
	io_unassign_ok(self->vm, other);
	close(copy);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, sig), "Deassign a second time");

	sig.flags |= FLAG_TRIGGER;
	sig.trigger = 5;
	io_assign_ok(self->vm, sig);
	other = sig;
	other.trigger = 6;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, other), "Deassign another value");
	other.flags &= ~FLAG_TRIGGER;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, other), "Deassign without the trigger");
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 5, self->fd);
	io_unassign_ok(self->vm, sig);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 5, self->fd);

	close(fd);
}

/*
 * Two registrations at one address conflict if a write would ring both.  Their
 * eventfds don't matter.
 */
TEST_F(bus, duplicates)
{
	/* Each kind; -1 is "any value", the only one that length 0 may have. */
	static const struct {
		uint32_t len;
		int val;
	} kinds[] = {
		{ 0, -1 },
		{ 1, -1 }, { 1, 7 }, { 1, 8 },
		{ 2, -1 }, { 2, 7 }, { 2, 8 },
		{ 4, -1 }, { 4, 7 }, { 4, 8 },
		{ 8, -1 }, { 8, 7 }, { 8, 8 },
	};
	int fd = new_eventfd(), i, j, same;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct kvm_iosignalfd first = {
			.addr = self->base,
			.len = kinds[i].len,
			.trigger = kinds[i].val,
			.fd = self->fd,
			.flags = self->flags | (kinds[i].val < 0 ? 0 : FLAG_TRIGGER),
		};

		io_assign_ok(self->vm, first);

		for (j = 0; j < ARRAY_SIZE(kinds); j++) {
			bool same_len = kinds[i].len == kinds[j].len;
			bool any_len = !kinds[i].len || !kinds[j].len;
			bool any_val = kinds[i].val < 0 || kinds[j].val < 0;
			bool same_val = kinds[i].val == kinds[j].val;
			int want = any_len || (same_len && (any_val || same_val)) ? EEXIST : 0;
			struct kvm_iosignalfd second = {
				.addr = self->base,
				.len = kinds[j].len,
				.trigger = kinds[j].val,
				.flags = self->flags | (kinds[j].val < 0 ? 0 : FLAG_TRIGGER),
			};

			for (same = 0; same < 2; same++) {
				second.fd = same ? self->fd : fd;
				ASSERT_ERRNO(want, iosignalfd(self->vm, second),
					     "Length %u value %d, then length %u value %d",
					     kinds[i].len, kinds[i].val,
					     kinds[j].len, kinds[j].val);
				if (!want)
					io_unassign_ok(self->vm, second);
			}

			/* Another address and the other bus are free. */
			second.fd = fd;
			second.addr++;
			io_assign_ok(self->vm, second);
			io_unassign_ok(self->vm, second);
			second.addr--;
			second.flags ^= FLAG_PIO;
			io_assign_ok(self->vm, second);
			io_unassign_ok(self->vm, second);
		}

		/* The first one still works. */
		if (first.len <= variant->max)
			assert_rings(self->vcpu, self->flags, first.addr, first.len ?: 1,
				     kinds[i].val < 0 ? 3 : kinds[i].val, self->fd);
		TEST_ASSERT(!take(fd), "An eventfd that was refused has been signalled");

		io_unassign_ok(self->vm, first);
	}

	close(fd);
}

/* What other kernels get wrong as well, so it runs on all kernels. */
FIXTURE(always) {
	struct kvm_vm *vm;
	int fd;
};

FIXTURE_SETUP(always)
{
	self->vm = vm_create_barebones();
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(always)
{
	close(self->fd);
	kvm_vm_free(self->vm);
}

/*
 * The flag of ports takes precedence over that of channels.  A channel can be assigned
 * though the architecture has none.  A flag bit that never had a name is ignored.  Pins B53:
 * kernels before this one accept these assignments.
 */
TEST_F(always, buses)
{
	struct kvm_iosignalfd sig = { .addr = PIO_BASE, .len = 4, .fd = self->fd };
	struct kvm_iosignalfd ccw = sig, both = sig, nameless = sig;

	nameless.flags = 1 << kvm_ioeventfd_flag_nr_fast_mmio;
	io_assign_ok(self->vm, nameless);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, sig), "The same without the nameless flag");
	io_unassign_ok(self->vm, sig);

	sig.flags = FLAG_PIO;
	ccw.flags = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;
	both.flags = sig.flags | ccw.flags;

	io_assign_ok(self->vm, both);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, sig), "The port, which is taken");
	io_assign_ok(self->vm, ccw);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, ccw), "The channel, which is taken");
	io_unassign_ok(self->vm, sig);
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, both), "The port, which is free");
	io_unassign_ok(self->vm, ccw);
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, ccw), "The channel, which is free");
}

/* An assign with an unknown flag fails; a deassign ignores unknown flags. */
TEST_F(always, unknown_flags)
{
	const uint32_t known = KVM_IOEVENTFD_VALID_FLAG_MASK |
			       kvm_check_cap(KVM_CAP_IOSIGNALFD);
	struct kvm_iosignalfd sig = { .addr = PIO_BASE, .len = 4, .fd = self->fd };
	int bit;

	for (bit = 0; bit < 32; bit++) {
		if (known & 1u << bit)
			continue;
		sig.flags = 1u << bit;
		ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, sig), "Assign with flag %d", bit);
		/* Deassign ignores the flag, so it finds the registration without it. */
		sig.flags = 0;
		io_assign_ok(self->vm, sig);
		sig.flags = 1u << bit;
		io_unassign_ok(self->vm, sig);
	}
}

/* One ioctl with two names: each can deassign what the other has assigned. */
TEST(names)
{
	struct kvm_ioeventfd old = { .addr = MMIO_BASE, .len = 4, .datamatch = 9 };
	struct kvm_iosignalfd sig = { .addr = MMIO_BASE, .len = 4, .trigger = 9 };
	struct kvm_vm *vm = vm_create_barebones();

	kvm_static_assert(KVM_IOSIGNALFD == KVM_IOEVENTFD);
	kvm_static_assert(sizeof(sig) == sizeof(old));
	kvm_static_assert(offsetof(struct kvm_iosignalfd, trigger) ==
			  offsetof(struct kvm_ioeventfd, datamatch));
	kvm_static_assert(offsetof(struct kvm_iosignalfd, addr) ==
			  offsetof(struct kvm_ioeventfd, addr));
	kvm_static_assert(offsetof(struct kvm_iosignalfd, len) ==
			  offsetof(struct kvm_ioeventfd, len));
	kvm_static_assert(offsetof(struct kvm_iosignalfd, fd) ==
			  offsetof(struct kvm_ioeventfd, fd));
	kvm_static_assert(offsetof(struct kvm_iosignalfd, flags) ==
			  offsetof(struct kvm_ioeventfd, flags));
	kvm_static_assert(FLAG_TRIGGER == KVM_IOEVENTFD_FLAG_DATAMATCH);
	kvm_static_assert(FLAG_PIO == KVM_IOEVENTFD_FLAG_PIO);
	kvm_static_assert(FLAG_DEASSIGN == KVM_IOEVENTFD_FLAG_DEASSIGN);

	old.fd = new_eventfd();
	sig.fd = old.fd;
	old.flags = KVM_IOEVENTFD_FLAG_DATAMATCH;
	sig.flags = FLAG_TRIGGER;

	vm_ioctl(vm, KVM_IOEVENTFD, &old);
	ASSERT_ERRNO(EEXIST, iosignalfd(vm, sig), "KVM_IOEVENTFD, then KVM_IOSIGNALFD");
	io_unassign_ok(vm, sig);

	io_assign_ok(vm, sig);
	old.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	vm_ioctl(vm, KVM_IOEVENTFD, &old);
	ASSERT_ERRNO(ENOENT, io_unassign(vm, sig), "Deassign what KVM_IOEVENTFD took away");

	close(old.fd);
	kvm_vm_free(vm);
}

/* A NULL pointer. */
TEST(errno_pointer)
{
	struct kvm_vm *vm = vm_create_barebones();
	int ret;

	ret = ioctl(vm->fd, KVM_IOSIGNALFD, NULL) ? errno : 0;
	ASSERT_ERRNO(EFAULT, ret, "KVM_IOSIGNALFD with a NULL pointer");
	kvm_vm_free(vm);
}

/*
 * KVM_CAP_IOSIGNALFD returns the known flags, on /dev/kvm and on a VM.  The
 * capabilities of the older name are there with it.
 */
TEST(capability)
{
	const int want = FLAG_TRIGGER | FLAG_PIO | FLAG_DEASSIGN | FLAG_FANOUT |
			 FLAG_POST_WRITE | FLAG_HANGUP | FLAG_ANY_FD;
	struct kvm_vm *vm = vm_create_barebones();
	int got = kvm_check_cap(KVM_CAP_IOSIGNALFD);

	TEST_ASSERT(kvm_has_cap(KVM_CAP_IOEVENTFD), "No KVM_CAP_IOEVENTFD");
#ifdef __x86_64__
	/* Other architectures don't say so, and have it. */
	TEST_ASSERT(kvm_has_cap(KVM_CAP_IOEVENTFD_NO_LENGTH), "No KVM_CAP_IOEVENTFD_NO_LENGTH");
#endif
	TEST_ASSERT(kvm_has_cap(KVM_CAP_IOEVENTFD_ANY_LENGTH), "No KVM_CAP_IOEVENTFD_ANY_LENGTH");

	if (!got)
		SKIP(return, "KVM doesn't know the name: KVM_CAP_IOSIGNALFD is 0");

	TEST_ASSERT(got == want, "KVM_CAP_IOSIGNALFD: wanted 0x%x, got 0x%x", want, got);
	TEST_ASSERT(kvm_check_cap(KVM_CAP_IOSIGNALFD_FANOUT) > 0, "No KVM_CAP_IOSIGNALFD_FANOUT");
	got = vm_check_cap(vm, KVM_CAP_IOSIGNALFD);
	TEST_ASSERT(got == want, "KVM_CAP_IOSIGNALFD of a VM: wanted 0x%x, got 0x%x", want, got);

	kvm_vm_free(vm);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/* Hold a VM throughout, see iosignalfd_test.c. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
