/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is cheap to find out about a guest's write before it goes to a bus.
 */
#ifndef __KVM_IOBUS_H__
#define __KVM_IOBUS_H__

#include <linux/hash.h>
#include <linux/kvm_host.h>
#include <linux/unaligned.h>

#include <kvm/iodev.h>

u64 kvm_io_odd_value(int len, const void *val);

/**
 * kvm_io_value - the value that a guest writes, as a number
 * @len: how many bytes; 0 for a write of which only the address is known
 * @val: the bytes, without any alignment; none beyond @len are read
 *
 * Any @len up to 8 may come, since an emulator writes the two parts of what
 * crosses from one page into another one by one.
 * Context: any.
 * Return: the value, continued with zeros.
 */
static inline u64 kvm_io_value(int len, const void *val)
{
	switch (len) {
	case 0:
		return 0;
	case 1:
		return *(const u8 *)val;
	case 2:
		return get_unaligned((const u16 *)val);
	case 4:
		return get_unaligned((const u32 *)val);
	case 8:
		return get_unaligned((const u64 *)val);
	default:
		return kvm_io_odd_value(len, val);
	}
}

static inline enum kvm_bus kvm_io_bus_of_points(enum kvm_bus bus_idx)
{
	return bus_idx == KVM_FAST_MMIO_BUS ? KVM_MMIO_BUS : bus_idx;
}

static inline unsigned int *kvm_io_bus_nr_points(struct kvm *kvm,
						 enum kvm_bus bus_idx,
						 gpa_t addr)
{
	struct kvm_io_bus *bus = &kvm->buses[kvm_io_bus_of_points(bus_idx)];

	return &bus->nr_points[hash_32(addr, KVM_IO_POINT_CLASS_BITS)];
}

/**
 * kvm_io_bus_may_have_point - is it worth looking for a point?
 * @kvm: the VM
 * @bus_idx: the bus
 * @addr: the address
 *
 * Context: any; what the guest has seen to be registered is, after a read
 * barrier.
 * Return: false if there is no point at this address.
 */
static inline bool kvm_io_bus_may_have_point(struct kvm *kvm,
					     enum kvm_bus bus_idx, gpa_t addr)
{
	return READ_ONCE(*kvm_io_bus_nr_points(kvm, bus_idx, addr));
}

int kvm_iosignalfd_ring(struct kvm_vcpu *vcpu, struct iosignalfd_item *item,
			gpa_t addr, int len, u64 value);

/* A bus and a length as one number. */
static inline u32 kvm_iosignalfd_bus_len(enum kvm_bus bus_idx, int len)
{
	return bus_idx << 8 | len;
}

/* Where a vCPU remembers a write: a number made of address, length and value. */
static __always_inline struct kvm_ring *kvm_iosignalfd_slot(struct kvm_vcpu *vcpu,
							    u32 key)
{
	return &vcpu->rings[hash_32(key, KVM_RINGS_BITS)];
}

static __always_inline bool kvm_iosignalfd_is_ring(struct kvm_vcpu *vcpu,
						   const struct kvm_ring *ring,
						   u32 bus_len, gpa_t addr,
						   u64 value)
{
	return ring->addr == addr && ring->bus_len == bus_len &&
	       !((ring->value ^ value) & ring->mask) &&
	       ring->gen == READ_ONCE(vcpu->kvm->iosignalfds.gen);
}

/**
 * kvm_iosignalfd_ring_again - do with a write what was done with it before
 * @vcpu: the vCPU that writes
 * @bus_idx: the bus; not KVM_FAST_MMIO_BUS
 * @addr: the address
 * @len: how many bytes, up to 8; 0 where nothing but the address is known
 * @value: the value that is written; bits above @len bytes don't matter
 *
 * Context: an RCU read section, or interrupts off; otherwise as
 * kvm_io_bus_write_points().
 * Return: 0 if it has rung; -EOPNOTSUPP if the vCPU remembers that no point takes
 * this write; -EAGAIN if it remembers nothing.
 */
static __always_inline int kvm_iosignalfd_ring_again(struct kvm_vcpu *vcpu,
						     enum kvm_bus bus_idx,
						     gpa_t addr, int len,
						     u64 value)
{
	u32 bus_len = kvm_iosignalfd_bus_len(bus_idx, len);
	struct kvm_ring *ring = kvm_iosignalfd_slot(vcpu, addr + len);

	if (!kvm_iosignalfd_is_ring(vcpu, ring, bus_len, addr, value)) {
		if (!len)
			return -EAGAIN;
		value &= GENMASK_ULL(len * BITS_PER_BYTE - 1, 0);
		ring = kvm_iosignalfd_slot(vcpu, addr + len + value);
		if (!kvm_iosignalfd_is_ring(vcpu, ring, bus_len, addr, value))
			return -EAGAIN;
	}

	if (!ring->item)
		return -EOPNOTSUPP;

	/* It may have gone just now. */
	return kvm_iosignalfd_ring(vcpu, ring->item, addr, len, value) ?
	       -EAGAIN : 0;
}

/**
 * kvm_iosignalfd_remember - remember what was done with a write
 * @vcpu: the vCPU that wrote
 * @gen: kvm->iosignalfds.gen from before the look, read with acquire semantics
 * @bus_idx: the bus; not KVM_FAST_MMIO_BUS
 * @addr: the address
 * @len: how many bytes, or 0
 * @value: the value, as it is compared; 0 if it doesn't matter
 * @any_value: it doesn't matter
 * @item: the item that it rang, or NULL
 *
 * What rang isn't forgotten for what didn't: a console or a timer beside a doorbell
 * would make the doorbell dearer with every byte.
 */
static inline void kvm_iosignalfd_remember(struct kvm_vcpu *vcpu,
					   unsigned long gen,
					   enum kvm_bus bus_idx, gpa_t addr,
					   int len, u64 value, bool any_value,
					   struct iosignalfd_item *item)
{
	struct kvm_ring *ring = kvm_iosignalfd_slot(vcpu, addr + len + value);

	/* Of fewer bits a generation could come round again. */
	if (BITS_PER_LONG < 64)
		return;

	if (!item && ring->item && ring->gen == gen)
		return;

	*ring = (struct kvm_ring) {
		.item = item,
		.gen = gen,
		.addr = addr,
		.value = value,
		.mask = any_value ? 0 : GENMASK_ULL(len * BITS_PER_BYTE - 1, 0),
		.bus_len = kvm_iosignalfd_bus_len(bus_idx, len),
	};
}

#endif /* __KVM_IOBUS_H__ */
