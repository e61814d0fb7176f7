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
#include <pthread.h>
#include <stdint.h>

#include "io_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define IOAPIC_GPA	0xfec00000ull
#define IOAPIC_WINDOW	(IOAPIC_GPA + 0x10)
#define PIC_IMR_PORT	0x21

static const uint32_t lengths[] = { 0, 1, 2, 4, 8 };

/* A write that neither rings nor exits: a device in the kernel took it. */
static void assert_swallowed(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, uint32_t len,
			     uint64_t val, int fd)
{
	struct io_access io = {
		.addr = addr, .val = val, .len = len, .pio = bus & FLAG_PIO, .write = true,
	};
	bool exited = do_io(vcpu, &io);
	uint64_t count = take(fd);

	TEST_ASSERT(!exited && !count,
		    "Write of 0x%lx, %u bytes, to 0x%lx belongs to a device in the kernel:\n"
		    "  wanted no signal and no exit, got %lu and %s",
		    val, len, addr, count, exited ? "an exit" : "none");
}

static uint64_t device_read(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, uint32_t len)
{
	struct io_access io = { .addr = addr, .len = len, .pio = bus & FLAG_PIO };

	TEST_ASSERT(!do_io(vcpu, &io),
		    "Read of %u bytes at 0x%lx, a device in the kernel, came to user space",
		    len, addr);
	return io.val;
}

/* What holds for ports and for MMIO alike. */
FIXTURE(bus) {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	uint32_t flags;
	uint64_t base;
	int fd;
};

FIXTURE_VARIANT(bus) {
	uint32_t flags;
	uint64_t base;
	/* The longest access there is. */
	uint32_t max;
	/* A register of a device of KVM's own, and its lowest writable bit. */
	uint64_t dev_addr;
	uint32_t dev_len;
	uint32_t dev_shift;
};

FIXTURE_VARIANT_ADD(bus, pio) {
	.flags = FLAG_PIO,
	.base = PIO_BASE,
	.max = 4,
	.dev_addr = PIC_IMR_PORT,
	.dev_len = 1,
};

FIXTURE_VARIANT_ADD(bus, mmio) {
	.base = MMIO_BASE,
	.max = 8,
	/* The register that is selected after reset is the ID. */
	.dev_addr = IOAPIC_WINDOW,
	.dev_len = 4,
	.dev_shift = 24,
};

FIXTURE_SETUP(bus)
{
	self->vm = vm_create_with_one_vcpu(&self->vcpu, io_guest_main);
	virt_map(self->vm, MMIO_BASE, MMIO_BASE, MMIO_PAGES);
	virt_pg_map(self->vm, IOAPIC_GPA, IOAPIC_GPA);
	self->flags = variant->flags;
	self->base = variant->base;
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(bus)
{
	close(self->fd);
	kvm_vm_free(self->vm);
}

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

	/* An EPT misconfiguration exit doesn't report whether the access is a write. */
	if (host_cpu_is_intel && !(self->flags & FLAG_PIO))
		SKIP(return, "VMX takes a read for a write here");

	io_assign_ok(self->vm, sig);
	assert_reads_exit(self->vcpu, self->flags, sig.addr, self->fd, variant->max);
	assert_rings(self->vcpu, self->flags, sig.addr, variant->max, 1, self->fd);
}

/* At a device's address, reads and writes that don't match go to the device. */
TEST_F(bus, device_behind)
{
	const uint64_t before = 1ull << variant->dev_shift;
	const uint64_t after = 3ull << variant->dev_shift;
	struct kvm_iosignalfd sig = {
		.addr = variant->dev_addr,
		.len = variant->dev_len,
		.trigger = 7ull << variant->dev_shift,
		.fd = self->fd,
		.flags = self->flags | FLAG_TRIGGER,
	};
	uint64_t val;

	assert_swallowed(self->vcpu, self->flags, sig.addr, sig.len, before, self->fd);
	io_assign_ok(self->vm, sig);

	val = device_read(self->vcpu, self->flags, sig.addr, sig.len);
	TEST_ASSERT(val == before, "Device register: wanted 0x%lx, got 0x%lx", before, val);

	assert_swallowed(self->vcpu, self->flags, sig.addr, sig.len, after, self->fd);
	val = device_read(self->vcpu, self->flags, sig.addr, sig.len);
	TEST_ASSERT(val == after, "Device register: wanted 0x%lx, got 0x%lx", after, val);
}

/*
 * A write that matches signals the eventfd, though a device covers the address.
 *
 * Linux up to 6.12 and later asks the device first and never signals.
 */
TEST_F(bus, wins_over_device)
{
	const uint64_t before = 1ull << variant->dev_shift;
	struct kvm_iosignalfd sig = {
		.addr = variant->dev_addr,
		.len = variant->dev_len,
		.trigger = 7ull << variant->dev_shift,
		.fd = self->fd,
		.flags = self->flags | FLAG_TRIGGER,
	};
	uint64_t val;

	assert_swallowed(self->vcpu, self->flags, sig.addr, sig.len, before, self->fd);
	io_assign_ok(self->vm, sig);

	assert_rings(self->vcpu, self->flags, sig.addr, sig.len, sig.trigger, self->fd);
	val = device_read(self->vcpu, self->flags, sig.addr, sig.len);
	TEST_ASSERT(val == before, "Device register: wanted 0x%lx as before, got 0x%lx", before,
		    val);

	io_unassign_ok(self->vm, sig);
	assert_swallowed(self->vcpu, self->flags, sig.addr, sig.len, sig.trigger, self->fd);
}

static struct kvm_coalesced_mmio_ring *coalesced_ring(struct kvm_vcpu *vcpu)
{
	int page = kvm_check_cap(KVM_CAP_COALESCED_MMIO);

	TEST_ASSERT(page > 0, "KVM_CAP_COALESCED_MMIO: wanted the ring's page, got %d", page);
	return (void *)vcpu->run + page * getpagesize();
}

/* A write that neither rings nor exits; KVM puts it into the coalesced ring. */
static void assert_coalesced(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, uint32_t len,
			     uint64_t val, int fd)
{
	struct kvm_coalesced_mmio_ring *ring = coalesced_ring(vcpu);
	struct kvm_coalesced_mmio *entry = &ring->coalesced_mmio[0];

	WRITE_ONCE(ring->first, 0);
	WRITE_ONCE(ring->last, 0);
	assert_swallowed(vcpu, bus, addr, len, val, fd);
	TEST_ASSERT(ring->last == 1 && entry->phys_addr == addr && entry->len == len,
		    "Wanted one entry, %u bytes at 0x%lx, in the ring; got %u, %u bytes at 0x%llx",
		    len, addr, ring->last, entry->len, entry->phys_addr);
	WRITE_ONCE(ring->last, 0);
}

/*
 * An iosignalfd within a coalesced zone rings for its own address, length and
 * value; the zone takes all other writes.  The order of their registration
 * doesn't matter.
 *
 * Linux up to 6.12 and later lets the zone swallow the write: no signal at all.
 */
TEST_F(bus, wins_over_coalesced_zone)
{
	const uint64_t zone = self->base + 0x80, size = 0x80;
	struct kvm_iosignalfd sig = {
		.addr = zone + 0x10, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	const bool pio = self->flags & FLAG_PIO;
	bool zone_first;

	for (zone_first = true;; zone_first = false) {
		if (zone_first)
			kvm_vm_register_coalesced_io(self->vm, zone, size, pio);
		io_assign_ok(self->vm, sig);
		if (!zone_first)
			kvm_vm_register_coalesced_io(self->vm, zone, size, pio);

		assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);
		assert_coalesced(self->vcpu, self->flags, sig.addr, 2, 1, self->fd);
		assert_coalesced(self->vcpu, self->flags, sig.addr + 4, 4, 1, self->fd);
		assert_coalesced(self->vcpu, self->flags, zone, 4, 1, self->fd);

		io_unassign_ok(self->vm, sig);
		assert_coalesced(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);

		sig.flags |= FLAG_TRIGGER;
		sig.trigger = 0x1234;
		io_assign_ok(self->vm, sig);
		assert_rings(self->vcpu, self->flags, sig.addr, 4, 0x1234, self->fd);
		assert_coalesced(self->vcpu, self->flags, sig.addr, 4, 0x1235, self->fd);

		kvm_vm_unregister_coalesced_io(self->vm, zone, size, pio);
		assert_rings(self->vcpu, self->flags, sig.addr, 4, 0x1234, self->fd);
		assert_exits(self->vcpu, self->flags, sig.addr, 4, 0x1235, self->fd);

		io_unassign_ok(self->vm, sig);
		sig.flags &= ~FLAG_TRIGGER;

		if (!zone_first)
			break;
	}
}

/*
 * The number of other devices on the bus is limited.  That limit doesn't apply
 * to iosignalfds.
 *
 * Linux up to 6.12 and later: ENOSPC.
 */
TEST_F(bus, bus_full_of_zones)
{
	struct kvm_coalesced_mmio_zone zone = { .size = 1, .pio = !!(self->flags & FLAG_PIO) };
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	int nr, ret = 0;

	for (nr = 0; nr < 1000; nr++) {
		zone.addr = self->base + 0x1000 + nr * 2;
		ret = __vm_ioctl(self->vm, KVM_REGISTER_COALESCED_MMIO, &zone);
		if (ret)
			break;
	}
	TEST_ASSERT(nr > 900 && (!ret || errno == ENOSPC),
		    "Wanted close to 1000 zones, then ENOSPC; got %d, then %s", nr,
		    ret ? strerror(errno) : "no error");

	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);
	io_unassign_ok(self->vm, sig);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);
}

/* iosignalfds don't count towards the limit of devices, either. */
TEST_F(bus, bus_full_of_iosignalfds)
{
	struct kvm_iosignalfd sig = { .len = 1, .fd = self->fd, .flags = self->flags };
	const int nr = 1200;
	int i;

	for (i = 0; i < nr; i++) {
		sig.addr = self->base + 0x100 + i;
		io_assign_ok(self->vm, sig);
	}

	kvm_vm_register_coalesced_io(self->vm, self->base, 4, self->flags & FLAG_PIO);
	assert_coalesced(self->vcpu, self->flags, self->base, 4, 1, self->fd);
	assert_rings(self->vcpu, self->flags, self->base + 0x100, 1, 1, self->fd);
	assert_rings(self->vcpu, self->flags, self->base + 0x100 + nr - 1, 1, 1, self->fd);
}

/* Removing iosignalfds and zones around a registration doesn't affect it. */
TEST_F(bus, removing_others)
{
	const bool pio = self->flags & FLAG_PIO;
	struct kvm_iosignalfd sig = {
		.addr = self->base + 0x40, .len = 2, .fd = self->fd, .flags = self->flags,
	};
	struct kvm_iosignalfd other = { .len = 2, .flags = self->flags };
	const int nr = 32;
	int i;

	other.fd = new_eventfd();
	io_assign_ok(self->vm, sig);

	for (i = 0; i < nr; i++) {
		other.addr = self->base + i * 4 + 2;
		io_assign_ok(self->vm, other);
		kvm_vm_register_coalesced_io(self->vm, self->base + 0x1000 + i * 2, 1, pio);
	}

	for (i = nr - 1; i >= 0; i--) {
		other.addr = self->base + (i * 13 % nr) * 4 + 2;
		assert_rings(self->vcpu, self->flags, other.addr, 2, 1, other.fd);
		io_unassign_ok(self->vm, other);
		assert_exits(self->vcpu, self->flags, other.addr, 2, 1, other.fd);
		assert_rings(self->vcpu, self->flags, sig.addr, 2, 1, self->fd);

		kvm_vm_unregister_coalesced_io(self->vm, self->base + 0x1000 + i * 2, 1, pio);
		assert_rings(self->vcpu, self->flags, sig.addr, 2, 1, self->fd);
	}

	io_unassign_ok(self->vm, sig);
	assert_exits(self->vcpu, self->flags, sig.addr, 2, 1, self->fd);
	close(other.fd);
}

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

/*
 * Two vCPUs that do nothing but ring.  Each counts its writes; the value it writes
 * is the flag that it has just read.
 */
#define NR_RINGERS	2

struct ringer {
	uint64_t writes;
	uint32_t knew;
} __aligned(64);

struct ringers {
	uint64_t addr;
	bool pio;
	uint32_t stop;
	uint32_t flag;
	struct ringer vcpu[NR_RINGERS];
};

static struct ringers ringers;

static void guest_ring(uint32_t id)
{
	struct ringer *me = &ringers.vcpu[id];

	/*
	 * KVM may handle a ring with the host's interrupts off.  If the guest's are
	 * off as well, some emulated hosts never get their interrupts.
	 */
	asm volatile("sti");

	while (!READ_ONCE(ringers.stop)) {
		uint32_t flag = READ_ONCE(ringers.flag);

		if (ringers.pio)
			outl(ringers.addr, flag);
		else
			WRITE_ONCE(*(uint32_t *)ringers.addr, flag);

		WRITE_ONCE(me->knew, flag);
		WRITE_ONCE(me->writes, me->writes + 1);
	}

	GUEST_DONE();
}

/* The host's side of them. */
struct ringing {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[NR_RINGERS];
	pthread_t threads[NR_RINGERS];
	/* The guest's copy. */
	struct ringers *guest;
};

FIXTURE(ringing) {
	struct ringing ringing;
	struct kvm_vm *vm;
	uint32_t flags;
	uint64_t base;
	int fd;
};

FIXTURE_VARIANT(ringing) {
	uint32_t flags;
	uint64_t base;
};

FIXTURE_VARIANT_ADD(ringing, pio) {
	.flags = FLAG_PIO,
	.base = PIO_BASE,
};

FIXTURE_VARIANT_ADD(ringing, mmio) {
	.base = MMIO_BASE,
};

FIXTURE_SETUP(ringing)
{
	struct ringers init = { .addr = variant->base, .pio = variant->flags & FLAG_PIO };
	struct ringing *r = &self->ringing;
	int i;

	r->vm = vm_create_with_vcpus(NR_RINGERS, guest_ring, r->vcpus);
	virt_map(r->vm, MMIO_BASE, MMIO_BASE, MMIO_PAGES);
	write_guest_global(r->vm, ringers, init);
	r->guest = addr_gva2hva(r->vm, (vm_vaddr_t)&ringers);
	for (i = 0; i < NR_RINGERS; i++)
		vcpu_args_set(r->vcpus[i], 1, i);

	self->vm = r->vm;
	self->flags = variant->flags;
	self->base = variant->base;
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(ringing)
{
	close(self->fd);
	kvm_vm_free(self->vm);
}

/* The writes of a ringing vCPU that exited to user space. */
struct ringer_exits {
	uint64_t all;
	/* Those with the flag set: the vCPU could know of the registration. */
	uint64_t flagged;
};

static void *ringer_thread(void *arg)
{
	struct kvm_vcpu *vcpu = arg;
	struct kvm_run *run = vcpu->run;
	struct ringer_exits *exits;
	struct ucall uc;
	uint32_t flag;

	exits = calloc(1, sizeof(*exits));
	TEST_ASSERT(exits, "calloc() failed");

	for (;;) {
		vcpu_run(vcpu);

		if (run->exit_reason == KVM_EXIT_MMIO) {
			memcpy(&flag, run->mmio.data, sizeof(flag));
		} else if (run->exit_reason == KVM_EXIT_IO && run->io.port == PIO_BASE) {
			memcpy(&flag, (void *)run + run->io.data_offset, sizeof(flag));
		} else {
			switch (get_ucall(vcpu, &uc)) {
			case UCALL_DONE:
				return exits;
			case UCALL_ABORT:
				REPORT_GUEST_ASSERT(uc);
			default:
				TEST_FAIL("Unexpected exit %u (%s)", run->exit_reason,
					  exit_reason_str(run->exit_reason));
			}
		}

		exits->all++;
		exits->flagged += !!flag;
	}
}

static void start_ringing(struct ringing *r)
{
	int i;

	for (i = 0; i < NR_RINGERS; i++)
		TEST_ASSERT(!pthread_create(&r->threads[i], NULL, ringer_thread,
					    r->vcpus[i]), "pthread_create() failed");
}

/* Stop the vCPUs and sum up their exits; returns the number of their writes. */
static uint64_t stop_ringing(struct ringing *r, struct ringer_exits *sum)
{
	uint64_t writes = 0;
	int i;

	memset(sum, 0, sizeof(*sum));
	WRITE_ONCE(r->guest->stop, 1);

	for (i = 0; i < NR_RINGERS; i++) {
		struct ringer_exits *exits;

		TEST_ASSERT(!pthread_join(r->threads[i], (void **)&exits),
			    "pthread_join() failed");
		sum->all += exits->all;
		sum->flagged += exits->flagged;
		free(exits);

		writes += r->guest->vcpu[i].writes;
	}

	return writes;
}

/* Have each vCPU write at least @nr times from now on. */
static void let_ring(struct ringing *r, uint64_t nr)
{
	uint64_t from;
	int i;

	for (i = 0; i < NR_RINGERS; i++) {
		struct ringer *ringer = &r->guest->vcpu[i];

		from = READ_ONCE(ringer->writes);
		WAIT_FOR(READ_ONCE(ringer->writes) >= from + nr,
			 "vCPU %d: wanted %lu writes, got %lu", i, nr,
			 READ_ONCE(ringer->writes) - from);
	}
}

/* Set the flag and wait until each vCPU writes it. */
static void set_flag(struct ringing *r, uint32_t flag)
{
	int i;

	WRITE_ONCE(r->guest->flag, flag);

	for (i = 0; i < NR_RINGERS; i++)
		WAIT_FOR(READ_ONCE(r->guest->vcpu[i].knew) == flag,
			 "vCPU %d: wanted it to see flag %u, has %u", i, flag,
			 READ_ONCE(r->guest->vcpu[i].knew));
}

#define RINGING_ROUNDS	rounds(100)

/*
 * While iosignalfds come and go, each write rings once or exits once.  Once
 * deassign has returned, KVM doesn't signal the eventfd any more.
 */
TEST_F(ringing, come_and_go)
{
	struct ringer_exits exits;
	uint64_t rings = 0, late, writes;
	int i;

	start_ringing(&self->ringing);
	let_ring(&self->ringing, 1);

	for (i = 0; i < RINGING_ROUNDS; i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base,
			.len = i & 1 ? 4 : 0,
			.fd = self->fd,
			.flags = self->flags,
		};

		io_assign_ok(self->vm, sig);
		let_ring(&self->ringing, 1 + i % 4);
		io_unassign_ok(self->vm, sig);
		rings += take(self->fd);

		let_ring(&self->ringing, 2);
		late = take(self->fd);
		TEST_ASSERT(!late, "Round %d: %lu signals after deassign had returned", i, late);
	}

	writes = stop_ringing(&self->ringing, &exits);
	TEST_ASSERT(writes == rings + exits.all,
		    "%lu writes: wanted as many signals and exits, got %lu + %lu", writes, rings,
		    exits.all);
}

/*
 * Once a vCPU can know that assign has returned, here from a flag in its memory,
 * its next write rings.
 *
 * Pins a registration that is published while a vCPU still uses an older state of
 * the bus.
 */
TEST_F(ringing, seen_once_assign_returned)
{
	struct ringer_exits exits;
	int i;

	start_ringing(&self->ringing);
	let_ring(&self->ringing, 1);

	for (i = 0; i < RINGING_ROUNDS; i++) {
		struct kvm_iosignalfd sig = {
			.addr = self->base,
			.len = i & 1 ? 4 : 0,
			.fd = self->fd,
			.flags = self->flags,
		};

		io_assign_ok(self->vm, sig);
		set_flag(&self->ringing, i + 1);
		/* Deassign only after no vCPU writes the flag any more. */
		set_flag(&self->ringing, 0);
		io_unassign_ok(self->vm, sig);
	}

	stop_ringing(&self->ringing, &exits);
	TEST_ASSERT(!exits.flagged, "%lu writes came to user space though assign had returned",
		    exits.flagged);
}

/* A registration loses no write while others beside it come and go. */
TEST_F(ringing, others_come_and_go)
{
	struct kvm_iosignalfd sig = {
		.addr = self->base, .len = 4, .fd = self->fd, .flags = self->flags,
	};
	const bool pio = self->flags & FLAG_PIO;
	struct ringer_exits exits;
	uint64_t writes, rings;
	int i;

	io_assign_ok(self->vm, sig);
	start_ringing(&self->ringing);

	for (i = 0; i < RINGING_ROUNDS; i++) {
		struct kvm_iosignalfd other = {
			/* Another length at the same address, or another address. */
			.addr = self->base + (i & 1 ? 4 : 0),
			.len = 2,
			.flags = self->flags,
		};

		other.fd = new_eventfd();
		io_assign_ok(self->vm, other);
		kvm_vm_register_coalesced_io(self->vm, self->base + 8, 8, pio);
		let_ring(&self->ringing, 1);
		io_unassign_ok(self->vm, other);
		kvm_vm_unregister_coalesced_io(self->vm, self->base + 8, 8, pio);
		TEST_ASSERT(!take(other.fd), "Round %d: the other eventfd was signalled", i);
		close(other.fd);
	}

	writes = stop_ringing(&self->ringing, &exits);
	rings = take(self->fd);
	TEST_ASSERT(writes == rings && !exits.all,
		    "%lu writes: wanted as many signals and no exit, got %lu and %lu", writes,
		    rings, exits.all);
}

/* Both vCPUs write one value while other values at the address come and go. */
TEST_F(ringing, one_value_comes_and_goes)
{
	struct kvm_iosignalfd sig = {
		.addr = self->base,
		.len = 4,
		.trigger = 1,
		.fd = self->fd,
		.flags = self->flags | FLAG_TRIGGER,
	};
	struct kvm_iosignalfd other = sig;
	struct ringer_exits exits;
	uint64_t writes, rings;
	int i;

	other.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	WRITE_ONCE(self->ringing.guest->flag, 1);
	start_ringing(&self->ringing);

	for (i = 0; i < RINGING_ROUNDS; i++) {
		other.trigger = i & 1 ? 0 : 2 + i;
		io_assign_ok(self->vm, other);
		let_ring(&self->ringing, 1);
		io_unassign_ok(self->vm, other);
	}

	writes = stop_ringing(&self->ringing, &exits);
	rings = take(self->fd);
	TEST_ASSERT(writes == rings && !exits.all,
		    "%lu writes: wanted as many signals and no exit, got %lu and %lu", writes,
		    rings, exits.all);
	TEST_ASSERT(!take(other.fd), "The eventfd of an unwritten value was signalled");
	close(other.fd);
}

/* A string instruction rings once for each element. */
static void guest_string(const char *bytes, uint64_t nr)
{
	asm volatile("cld; rep outsb" : "+S"(bytes), "+c"(nr) : "d"(PIO_BASE) : "memory");
	GUEST_ASSERT_EQ(nr, 0);
	GUEST_SYNC(0);
}

TEST(pio_string)
{
	struct kvm_iosignalfd sig = { .addr = PIO_BASE, .len = 1, .flags = FLAG_PIO };
	const uint64_t nr = 37;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	uint64_t count;

	vm = vm_create_with_one_vcpu(&vcpu, guest_string);
	vcpu_args_set(vcpu, 2, vm_vaddr_alloc_page(vm), nr);
	sig.fd = new_eventfd();
	io_assign_ok(vm, sig);

	TEST_ASSERT(run_to_sync(vcpu), "Unexpected exit %u (%s)", vcpu->run->exit_reason,
		    exit_reason_str(vcpu->run->exit_reason));
	count = take(sig.fd);
	TEST_ASSERT(count == nr, "rep outsb of %lu bytes: got %lu signals", nr, count);

	close(sig.fd);
	kvm_vm_free(vm);
}

/* Single-stepping stops after the instruction that rings, as after any other. */
static uint64_t after_out;

static void guest_step(void)
{
	asm volatile("lea 1f(%%rip), %%rax\n\t"
		     "mov %%rax, %0\n\t"
		     "outl %%eax, %w1\n\t"
		     "1: nop\n\t"
		     : "=m"(after_out) : "d"(PIO_BASE) : "rax", "memory");
	GUEST_SYNC(0);
}

TEST(pio_single_step)
{
	struct kvm_iosignalfd sig = { .addr = PIO_BASE, .len = 4, .flags = FLAG_PIO };
	struct kvm_guest_debug debug = {
		.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP,
	};
	uint64_t rip = 0, count = 0;
	struct kvm_vcpu *vcpu;
	struct kvm_vm *vm;
	int i;

	vm = vm_create_with_one_vcpu(&vcpu, guest_step);
	sig.fd = new_eventfd();
	io_assign_ok(vm, sig);
	vcpu_guest_debug_set(vcpu, &debug);

	for (i = 0; i < 100 && !count; i++) {
		vcpu_run(vcpu);
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_DEBUG);
		rip = vcpu->run->debug.arch.pc;
		count = take(sig.fd);
	}
	sync_global_from_guest(vm, after_out);
	TEST_ASSERT(count == 1 && rip == after_out,
		    "Wanted one signal and a stop at 0x%lx, got %lu and 0x%lx", after_out, count,
		    rip);

	/* Bochs stops here twice, with or without a ring. */
	for (i = 0; i < 2 && rip == after_out; i++) {
		vcpu_run(vcpu);
		TEST_ASSERT_KVM_EXIT_REASON(vcpu, KVM_EXIT_DEBUG);
		rip = vcpu->run->debug.arch.pc;
	}
	TEST_ASSERT(rip == after_out + 1, "Wanted the next stop at 0x%lx, got 0x%lx",
		    after_out + 1, rip);
	TEST_ASSERT(!take(sig.fd), "The instruction rang twice");

	close(sig.fd);
	kvm_vm_free(vm);
}

/*
 * A store of 16 bytes across a page border: the first bytes are in RAM, the next
 * eight at the iosignalfd's address, so KVM compares a value that isn't aligned in
 * its own memory.
 *
 * Pins a BUG_ON() that a guest could trigger on AMD and Intel hosts, from the
 * first ioeventfd until 2026.
 */
#define STRADDLE_GVA	0xc0000000ull

static uint8_t straddle_bytes[16] = {
	0x10, 0x21, 0x32, 0x43, 0x54, 0x65, 0x76, 0x87,
	0x98, 0xa9, 0xba, 0xcb, 0xdc, 0xed, 0xfe, 0x0f,
};

static void guest_straddle(uint64_t in_ram)
{
	void *dst = (void *)(STRADDLE_GVA + PAGE_SIZE - in_ram);

	asm volatile("movdqu (%0), %%xmm0\n\t"
		     "movdqu %%xmm0, (%1)\n\t"
		     : : "r"(straddle_bytes), "r"(dst) : "xmm0", "memory");
	GUEST_SYNC(0);
}

TEST(mmio_unaligned)
{
	int in_ram, match;

	for (in_ram = 1; in_ram < 8; in_ram++) {
		for (match = 0; match < 2; match++) {
			struct kvm_iosignalfd sig = {
				.addr = MMIO_BASE, .len = 8, .flags = FLAG_TRIGGER,
			};
			struct io_access first = { .addr = MMIO_BASE, .len = 8, .write = true };
			struct io_access rest = {
				.addr = MMIO_BASE + 8, .len = 8 - in_ram, .write = true,
			};
			struct kvm_vcpu *vcpu;
			struct kvm_vm *vm;
			uint64_t count;
			void *ram;

			vm = vm_create_with_one_vcpu(&vcpu, guest_straddle);
			virt_pg_map(vm, STRADDLE_GVA,
				    vm_phy_page_alloc(vm, KVM_GUEST_PAGE_TABLE_MIN_PADDR,
						      vm->memslots[MEM_REGION_TEST_DATA]));
			virt_pg_map(vm, STRADDLE_GVA + PAGE_SIZE, MMIO_BASE);
			ram = addr_gva2hva(vm, STRADDLE_GVA + PAGE_SIZE - in_ram);
			vcpu_args_set(vcpu, 1, in_ram);

			memcpy(&first.val, straddle_bytes + in_ram, 8);
			memcpy(&rest.val, straddle_bytes + in_ram + 8, 8 - in_ram);
			sig.trigger = match ? first.val : ~first.val;
			sig.fd = new_eventfd();
			io_assign_ok(vm, sig);

			if (!match) {
				TEST_ASSERT(!run_to_sync(vcpu), "%d bytes in RAM: no exit", in_ram);
				assert_exit_is(vcpu, &first);
			}
			TEST_ASSERT(!run_to_sync(vcpu), "%d bytes in RAM: no exit", in_ram);
			assert_exit_is(vcpu, &rest);
			TEST_ASSERT(run_to_sync(vcpu), "%d bytes in RAM: one exit more", in_ram);

			count = take(sig.fd);
			TEST_ASSERT(count == match, "%d bytes in RAM: wanted %d signals, got %lu",
				    in_ram, match, count);
			TEST_ASSERT(!memcmp(ram, straddle_bytes, in_ram),
				    "The %d bytes in RAM differ from the stored ones", in_ram);

			close(sig.fd);
			kvm_vm_free(vm);
		}
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
	TEST_ASSERT(kvm_has_cap(KVM_CAP_IOEVENTFD_NO_LENGTH), "No KVM_CAP_IOEVENTFD_NO_LENGTH");
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
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_COALESCED_MMIO));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_COALESCED_PIO));

	/*
	 * Hold a VM throughout.  Most subtests create and free a VM.  If that
	 * were the only one, each subtest would switch virtualization on and
	 * off on all CPUs, and patch the kernel's text.
	 */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
