// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfds beside other devices of KVM's on the bus: whose a write is, and that
 * neither kind takes the room of the other.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <stdint.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "io_bus.h"

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

	/* KVM's own devices may need their room when the vCPU runs for the first time. */
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 1, self->fd);

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

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_COALESCED_MMIO));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_COALESCED_PIO));

	/* Hold a VM throughout, see iosignalfd_test.c. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
