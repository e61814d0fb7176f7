// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd, the older name of ioeventfd: a guest's write to a port or to a
 * guest physical address signals an eventfd and never leaves the kernel.
 *
 * "Rings" below means that the write signalled the eventfd and that the vCPU
 * did not exit to user space; "goes to user space" means the opposite of both.
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <stdint.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "io_bus.h"

static const uint32_t lengths[] = { 0, 1, 2, 4, 8 };

/* Length 0 matches writes of any length; another length matches only its own. */
TEST_F(bus, wildcard)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base + 0x40,
			.len = lengths[i],
			.fd = self->fd,
			.flags = self->flags,
		};
		uint32_t len;

		io_assign_ok(self->vm, sig);

		for (len = 1; len <= variant->max; len *= 2) {
			bool rings = !sig.len || sig.len == len;

			assert_write(self->vcpu, self->flags, sig.addr, len, 0, self->fd, rings);
			assert_write(self->vcpu, self->flags, sig.addr, len, ~0ull, self->fd,
				     rings);

			/* Only writes that begin at the address match; an overlap doesn't. */
			assert_exits(self->vcpu, self->flags, sig.addr - 1, len, 1, self->fd);
			assert_exits(self->vcpu, self->flags, sig.addr + 1, len, 1, self->fd);
		}

		io_unassign_ok(self->vm, sig);

		for (len = 1; len <= variant->max; len *= 2)
			assert_exits(self->vcpu, self->flags, sig.addr, len, 1, self->fd);
	}
}

/* Each write adds one to the count, however many come before user space reads it. */
TEST_F(bus, counts)
{
	struct io_access io = {
		.addr = self->base, .len = 4, .pio = self->flags & FLAG_PIO, .write = true,
	};
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	const uint64_t nr = 100;
	uint64_t count;
	int i;

	io_assign_ok(self->vm, sig);

	for (i = 0; i < nr; i++)
		TEST_ASSERT(!do_io(self->vcpu, &io), "Write %d came to user space", i);

	count = take(self->fd);
	TEST_ASSERT(count == nr, "Wanted a count of %lu, got %lu", nr, count);
}

/*
 * With a trigger value, other values go to user space, all their bytes count,
 * and a value that doesn't fit into the length never rings.
 */
TEST_F(bus, trigger)
{
	static const uint64_t values[] = { 0, 1, 0x80, 0x8000, 0x80000000, ~0ull,
					   0x0123456789abcdefull };
	int i, j;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base,
			.len = lengths[i],
			.fd = self->fd,
			.flags = self->flags | FLAG_TRIGGER,
		};

		if (!sig.len || sig.len > variant->max)
			continue;

		for (j = 0; j < ARRAY_SIZE(values); j++) {
			uint64_t mask = value_mask(sig.len);
			uint64_t val = values[j] & mask;
			uint32_t len;

			sig.trigger = val;
			io_assign_ok(self->vm, sig);

			assert_rings(self->vcpu, self->flags, sig.addr, sig.len, val, self->fd);
			assert_exits(self->vcpu, self->flags, sig.addr, sig.len, ~val & mask,
				     self->fd);
			assert_exits(self->vcpu, self->flags, sig.addr, sig.len, val ^ 1,
				     self->fd);
			assert_exits(self->vcpu, self->flags, sig.addr, sig.len,
				     val ^ (mask - (mask >> 1)), self->fd);

			for (len = 1; len <= variant->max; len *= 2)
				if (len != sig.len)
					assert_exits(self->vcpu, self->flags, sig.addr, len, val,
						     self->fd);

			io_unassign_ok(self->vm, sig);
			assert_exits(self->vcpu, self->flags, sig.addr, sig.len, val, self->fd);
		}

		if (sig.len == 8)
			continue;

		sig.trigger = (1ull << (sig.len * 8)) | 1;
		io_assign_ok(self->vm, sig);
		assert_exits(self->vcpu, self->flags, sig.addr, sig.len, 1, self->fd);
		io_unassign_ok(self->vm, sig);
	}
}

/* Many values at one address, an eventfd each, assigned in a scattered order. */
TEST_F(bus, many_values)
{
	const int nr = 67, step = 29;
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 2, .flags = self->flags | FLAG_TRIGGER,
	};
	int fds[nr], i, j, k;
	uint64_t count;

	for (i = 0, k = 0; i < nr; i++, k = (k + step) % nr) {
		fds[k] = new_eventfd();
		sig.fd = fds[k];
		sig.trigger = k * 7;
		io_assign_ok(self->vm, sig);
	}

	/* Deassign in another order; those that are still assigned must not change. */
	for (i = 0; i < nr; i++) {
		int gone = nr - 1 - i;

		for (j = 0; j < nr; j += 11)
			assert_write(self->vcpu, self->flags, sig.addr, 2, j * 7, fds[j],
				     j <= gone);

		for (j = 0; j < nr; j++) {
			count = take(fds[j]);
			TEST_ASSERT(!count, "The eventfd of value %d got %lu signals of others",
				    j * 7, count);
		}

		sig.fd = fds[gone];
		sig.trigger = gone * 7;
		io_unassign_ok(self->vm, sig);
	}

	for (i = 0; i < nr; i++)
		close(fds[i]);
}

/* All lengths share an address, each with its own eventfd; so at adjacent addresses. */
TEST_F(bus, lengths_share_address)
{
	const int nr_addr = 3;
	struct kvm_iosignalfd sig = { .flags = self->flags };
	int fds[nr_addr][ARRAY_SIZE(lengths)], i, j, a, b;

	for (a = 0; a < nr_addr; a++) {
		for (i = 1; i < ARRAY_SIZE(lengths); i++) {
			fds[a][i] = new_eventfd();
			sig.addr = self->base + a;
			sig.len = lengths[i];
			sig.fd = fds[a][i];
			io_assign_ok(self->vm, sig);
		}
	}

	for (a = 0; a < nr_addr; a++) {
		for (i = 1; i < ARRAY_SIZE(lengths) && lengths[i] <= variant->max; i++) {
			assert_rings(self->vcpu, self->flags, self->base + a, lengths[i], i,
				     fds[a][i]);

			for (b = 0; b < nr_addr; b++)
				for (j = 1; j < ARRAY_SIZE(lengths); j++)
					TEST_ASSERT(!take(fds[b][j]),
						    "%u bytes to +%d also signalled %u at +%d",
						    lengths[i], a, lengths[j], b);
		}
	}

	for (a = 0; a < nr_addr; a++)
		for (i = 1; i < ARRAY_SIZE(lengths); i++)
			close(fds[a][i]);
}

/* One eventfd for many addresses counts the writes to all of them. */
TEST_F(bus, one_eventfd_many_addresses)
{
	const int nr = 48;
	struct kvm_iosignalfd sig = { .len = 1, .fd = self->fd, .flags = self->flags };
	struct io_access io = { .len = 1, .pio = self->flags & FLAG_PIO, .write = true };
	uint64_t count;
	int i;

	for (i = 0; i < nr; i++) {
		sig.addr = self->base + i;
		io_assign_ok(self->vm, sig);
	}

	for (i = 0; i < nr; i++) {
		io.addr = self->base + i;
		TEST_ASSERT(!do_io(self->vcpu, &io), "Address +%d came to user space", i);
	}

	count = take(self->fd);
	TEST_ASSERT(count == nr, "Wanted a count of %d, got %lu", nr, count);
	assert_exits(self->vcpu, self->flags, self->base + nr, 1, 0, self->fd);
}

/* Only writes ring.  A read goes to user space, and the guest gets its answer. */
static void assert_reads_exit(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, int fd,
			      uint32_t max)
{
	uint64_t count;
	uint32_t len;
	bool exited;

	for (len = 1; len <= max; len *= 2) {
		struct io_access io = { .addr = addr, .len = len, .pio = bus & FLAG_PIO };

		exited = do_io(vcpu, &io);
		count = take(fd);
		TEST_ASSERT(exited && !count,
			    "Read of %u bytes: wanted an exit and no signal, got %s and %lu",
			    len, exited ? "an exit" : "none", count);
		TEST_ASSERT(io.val == (READ_VALUE & value_mask(len)),
			    "Read of %u bytes: user space answered 0x%llx, the guest got 0x%lx",
			    len, READ_VALUE & value_mask(len), io.val);
	}
}

TEST_F(bus, reads)
{
	int i;

	for (i = 1; i < ARRAY_SIZE(lengths); i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base,
			.len = lengths[i],
			.fd = self->fd,
			.flags = self->flags,
		};

		io_assign_ok(self->vm, sig);
		assert_reads_exit(self->vcpu, self->flags, sig.addr, self->fd, variant->max);
		io_unassign_ok(self->vm, sig);
	}
}

/*
 * The same with length 0, for which KVM has a faster way with MMIO.
 *
 * On Intel, Linux up to 6.12 and later takes a read for a write there: it
 * signals the eventfd, skips the instruction and leaves the register as it was.
 */
TEST_F(bus, reads_any_length)
{
	struct kvm_iosignalfd sig = { .addr = self->base, .fd = self->fd, .flags = self->flags };

#ifdef __x86_64__
	/* An EPT misconfiguration exit doesn't report whether the access is a write. */
	if (host_cpu_is_intel && !(self->flags & FLAG_PIO))
		SKIP(return, "VMX takes a read for a write here");
#endif

	io_assign_ok(self->vm, sig);
	assert_reads_exit(self->vcpu, self->flags, sig.addr, self->fd, variant->max);
	assert_rings(self->vcpu, self->flags, sig.addr, variant->max, 1, self->fd);
}

/* Assign and deassign alternate; nothing of an earlier round is left. */
TEST_F(bus, reassign)
{
	int fd = new_eventfd(), i;

	for (i = 0; i < 100; i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base,
			.len = lengths[i % 4],
			.fd = i & 1 ? fd : self->fd,
			.flags = self->flags,
		};

		io_assign_ok(self->vm, sig);
		assert_rings(self->vcpu, self->flags, sig.addr, sig.len ?: 1, i, sig.fd);
		io_unassign_ok(self->vm, sig);
		assert_exits(self->vcpu, self->flags, sig.addr, sig.len ?: 1, i, sig.fd);
	}

	TEST_ASSERT(!take(fd) && !take(self->fd), "Signals out of nowhere");
	close(fd);
}

/*
 * User space closes the eventfd before it deassigns.  Whether writes still match
 * isn't defined; but the host must survive them, and other eventfds must work.
 */
TEST_F(bus, eventfd_closed_first)
{
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	struct kvm_iosignalfd gone = {
		.addr = self->base + 8, .len = 4, .flags = self->flags,
	};
	struct io_access io = {
		.addr = gone.addr, .len = 4, .pio = self->flags & FLAG_PIO, .write = true,
	};
	int i;

	gone.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	io_assign_ok(self->vm, gone);
	close(gone.fd);

	for (i = 0; i < 10; i++) {
		do_io(self->vcpu, &io);
		assert_rings(self->vcpu, self->flags, sig.addr, 4, i, self->fd);
	}

	ASSERT_ERRNO(EBADF, io_unassign(self->vm, gone), "Deassign a closed fd");
}

/* The VM closes first: its eventfds keep their counts and work as plain eventfds. */
TEST_F(bus, vm_closed_first)
{
	struct io_access io = {
		.addr = self->base, .len = 4, .pio = self->flags & FLAG_PIO, .write = true,
	};
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	uint64_t count = 5;

	io_assign_ok(self->vm, sig);
	TEST_ASSERT(!do_io(self->vcpu, &io), "The write came to user space");
	TEST_ASSERT(!do_io(self->vcpu, &io), "The write came to user space");

	kvm_vm_free(self->vm);
	self->vm = NULL;

	TEST_ASSERT(write(self->fd, &count, sizeof(count)) == sizeof(count),
		    "Writing the eventfd: %s", strerror(errno));
	count = take(self->fd);
	TEST_ASSERT(count == 7, "Wanted 2 rings and 5 from user space, got %lu", count);
	TEST_ASSERT(!take(self->fd), "Wanted an empty eventfd");
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/*
	 * Hold a VM throughout.  Most subtests create and free a VM.  If that
	 * were the only one, each subtest would switch virtualization on and
	 * off on all CPUs, and patch the kernel's text.
	 */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
