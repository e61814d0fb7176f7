// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_IOSIGNALFD_FLAG_FANOUT, several eventfds for one write, and
 * KVM_IOSIGNALFD_FLAG_ANY_FD, a deassign of all that share it.
 */
#include <stdint.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "io_flags.h"

#define NR_FANOUT	5

/* One write rings all registrations that share it, until the last one is deassigned. */
TEST_F(bus, fanout)
{
	int fds[NR_FANOUT], kind, i;

	for (i = 0; i < NR_FANOUT; i++)
		fds[i] = new_eventfd();

	/* One value, every value, every value of any length. */
	for (kind = 0; kind < 3; kind++) {
		struct kvm_iosignalfd sig = self->sig;

		sig.flags |= FLAG_FANOUT;
		sig.trigger = 7;
		if (kind == 0)
			sig.flags |= FLAG_TRIGGER;
		if (kind == 2)
			sig.len = 0;

		for (i = 0; i < NR_FANOUT; i++) {
			sig.fd = fds[i];
			io_assign_ok(self->vm, sig);
			assert_rings_all(self->vcpu, &sig, 7, fds, i + 1);
		}
		if (kind == 0)
			assert_exits(self->vcpu, self->flags, sig.addr, 4, 8, fds[0]);

		/* First one from the middle, then from both ends. */
		sig.fd = fds[2];
		io_unassign_ok(self->vm, sig);
		fds[2] = fds[NR_FANOUT - 1];
		fds[NR_FANOUT - 1] = sig.fd;
		assert_rings_all(self->vcpu, &sig, 7, fds, NR_FANOUT - 1);
		TEST_ASSERT(!take(sig.fd), "Signalled after deassign");
		ASSERT_ERRNO(ENOENT, io_unassign(self->vm, sig), "Deassign a second time");

		for (i = NR_FANOUT - 2; i >= 0; i--) {
			assert_rings_all(self->vcpu, &sig, 7, fds, i + 1);
			sig.fd = fds[i];
			io_unassign_ok(self->vm, sig);
		}
		assert_exits(self->vcpu, self->flags, sig.addr, 2, 7, fds[0]);
	}

	for (i = 0; i < NR_FANOUT; i++)
		close(fds[i]);
}

/*
 * At most KVM_CAP_IOSIGNALFD_FANOUT registrations share a write; another one fits only
 * after one has gone.  Without the limit one write occupies the processor for as long as
 * user space likes.
 */
TEST_F(bus, fanout_limit)
{
	int max = vm_check_cap(self->vm, KVM_CAP_IOSIGNALFD_FANOUT), kind, i;
	struct kvm_iosignalfd sig = self->sig;
	int fds[256 + 1];

	TEST_ASSERT(max >= 16 && max <= 256, "KVM_CAP_IOSIGNALFD_FANOUT: got %d", max);
	for (i = 0; i <= max; i++)
		fds[i] = new_eventfd();

	for (kind = 0; kind < 2; kind++) {
		sig.flags = self->flags | FLAG_FANOUT | (kind ? FLAG_TRIGGER : 0);
		sig.trigger = 7;
		for (i = 0; i < max; i++) {
			sig.fd = fds[i];
			io_assign_ok(self->vm, sig);
		}
		assert_rings_all(self->vcpu, &sig, 7, fds, max);

		sig.fd = fds[max];
		ASSERT_ERRNO(EUSERS, iosignalfd(self->vm, sig), "One more than %d", max);
		sig.fd = fds[max / 2];
		ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, sig), "One of them again");
		assert_rings_all(self->vcpu, &sig, 7, fds, max);
		TEST_ASSERT(!take(fds[max]), "The one that was refused was signalled");

		/* It fits after one is deassigned, or after one's eventfd is closed. */
		io_unassign_ok(self->vm, sig);
		sig.fd = fds[max];
		io_assign_ok(self->vm, sig);
		close(fds[0]);
		fds[0] = new_eventfd();
		sig.fd = fds[0];
		io_assign_ok(self->vm, sig);
		sig.fd = fds[max / 2];
		ASSERT_ERRNO(EUSERS, iosignalfd(self->vm, sig), "It's full again");
		fds[max / 2] = fds[max];
		fds[max] = sig.fd;
		assert_rings_all(self->vcpu, &sig, 7, fds, max);

		sig.flags |= FLAG_ANY_FD;
		io_unassign_ok(self->vm, sig);
	}

	for (i = 0; i <= max; i++)
		close(fds[i]);
}

/* Registrations share a write only if both have the flag, and no eventfd has it twice. */
TEST_F(bus, fanout_errno)
{
	struct kvm_iosignalfd sig = self->sig, other = self->sig;
	int bit;

	other.fd = new_eventfd();

	for (bit = 0; bit < 2; bit++) {
		sig.flags = self->flags | (bit ? FLAG_FANOUT : 0);
		other.flags = self->flags | (bit ? 0 : FLAG_FANOUT);
		io_assign_ok(self->vm, sig);
		ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, other), "One shares, the other doesn't");
		assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);
		TEST_ASSERT(!take(other.fd), "The one that was refused was signalled");
		io_unassign_ok(self->vm, sig);
	}

	sig.flags = self->flags | FLAG_FANOUT;
	other.flags = sig.flags;
	io_assign_ok(self->vm, sig);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, sig), "The same eventfd twice");
	other.flags |= FLAG_TRIGGER;
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, other), "One value besides all values");
	other.flags &= ~FLAG_TRIGGER;
	other.len = 0;
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, other), "Any length besides one");
	other.len = 2;
	io_assign_ok(self->vm, other);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 2, 1, other.fd);

	close(other.fd);
}

/* Deassign all registrations of an address and length, or of one value, of any eventfd. */
TEST_F(bus, any_fd)
{
	struct kvm_iosignalfd any = self->sig, sig = self->sig;
	int i;

	any.fd = -1;
	any.flags |= FLAG_ANY_FD;
	ASSERT_ERRNO(EINVAL, iosignalfd(self->vm, any), "Assign whatever fd");
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, any), "Deassign from an empty bus");

	/* Its eventfd has no fd any more, so only this flag can deassign it. */
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	close(sig.fd);
	io_unassign_ok(self->vm, any);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);

	sig.fd = self->fd;
	sig.flags |= FLAG_TRIGGER;
	for (i = 0; i < 100; i++) {
		sig.trigger = i * i;
		io_assign_ok(self->vm, sig);
	}
	sig.len = 2;
	io_assign_ok(self->vm, sig);

	any.flags |= FLAG_TRIGGER;
	any.trigger = 81;
	io_unassign_ok(self->vm, any);
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, any), "Deassign the value a second time");
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 81, self->fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 64, self->fd);

	any.flags &= ~FLAG_TRIGGER;
	io_unassign_ok(self->vm, any);
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, any), "Deassign all a second time");
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 64, self->fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 2, sig.trigger, self->fd);

	/* Several that share a write. */
	sig = self->sig;
	sig.flags |= FLAG_FANOUT;
	for (i = 0; i < 10; i++) {
		sig.fd = new_eventfd();
		io_assign_ok(self->vm, sig);
		close(sig.fd);
	}
	io_unassign_ok(self->vm, any);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 64, self->fd);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/* Hold a VM throughout, see iosignalfd_test.c. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
