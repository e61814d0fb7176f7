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

/**
 * kvm_io_bus_generation - which generation of points this is
 * @kvm: the VM
 *
 * Context: any.
 * Return: the generation.  The caller's later loads find points, what takes writes
 * there, and memslots of that generation or of a later one.
 */
static inline unsigned long kvm_io_bus_generation(struct kvm *kvm)
{
	/* Pairs with kvm_io_bus_forget(). */
	return smp_load_acquire(&kvm->io_points.gen);
}

/**
 * kvm_io_bus_epoch - which epoch of points this is
 * @kvm: the VM
 *
 * What stands at points can change all at once, from one epoch to the next.
 * Context: any.
 * Return: the epoch.  The caller's later loads find all that takes writes in it.
 */
static inline u64 kvm_io_bus_epoch(struct kvm *kvm)
{
	/* Pairs with kvm_io_bus_begin_epoch(). */
	return atomic64_read_acquire(&kvm->io_points.epoch);
}

/* A bus and a length as one number. */
static inline u32 kvm_io_bus_len(enum kvm_bus bus_idx, int len)
{
	return bus_idx << 8 | len;
}

/* Where a vCPU has the memo of a write: by a number made of address, length and value. */
static __always_inline struct kvm_io_memo *kvm_io_bus_memo(struct kvm_vcpu *vcpu, u32 key)
{
	return &vcpu->io_memos[hash_32(key, KVM_IO_MEMO_BITS)];
}

static __always_inline bool kvm_io_memo_is_of(struct kvm_vcpu *vcpu,
					      const struct kvm_io_memo *memo,
					      u32 bus_len, gpa_t addr, u64 value)
{
	return memo->addr == addr && memo->bus_len == bus_len &&
	       !((memo->value ^ value) & memo->mask) &&
	       memo->gen == READ_ONCE(vcpu->kvm->io_points.gen);
}

/**
 * kvm_io_bus_write_again - do with a write what was done with it before
 * @vcpu: the vCPU that writes
 * @bus_idx: the bus; not KVM_FAST_MMIO_BUS
 * @addr: the address
 * @len: how many bytes, up to 8; 0 where nothing but the address is known
 * @value: the value that is written; bits above @len bytes don't matter
 *
 * Context: an RCU read section, or interrupts off; otherwise as
 * kvm_io_bus_write_points().
 * Return: 0 if it is taken; -EOPNOTSUPP if the vCPU has a memo that nothing at a point
 * takes this write; -EAGAIN if it has none.
 */
static __always_inline int kvm_io_bus_write_again(struct kvm_vcpu *vcpu,
						  enum kvm_bus bus_idx, gpa_t addr,
						  int len, u64 value)
{
	u32 bus_len = kvm_io_bus_len(bus_idx, len);
	struct kvm_io_memo *memo = kvm_io_bus_memo(vcpu, addr + len);

	if (!kvm_io_memo_is_of(vcpu, memo, bus_len, addr, value)) {
		if (!len)
			return -EAGAIN;
		value &= GENMASK_ULL(len * BITS_PER_BYTE - 1, 0);
		memo = kvm_io_bus_memo(vcpu, addr + len + value);
		if (!kvm_io_memo_is_of(vcpu, memo, bus_len, addr, value))
			return -EAGAIN;
	}

	if (!memo->taker)
		return -EOPNOTSUPP;

	/* It may have gone just now. */
	return memo->take(vcpu, memo->taker, addr, len, value) ? -EAGAIN : 0;
}

/**
 * kvm_io_bus_remember - make a memo of what was done with a write
 * @vcpu: the vCPU that wrote
 * @gen: kvm_io_bus_generation() from before the look
 * @bus_idx: the bus; not KVM_FAST_MMIO_BUS
 * @addr: the address
 * @len: how many bytes, or 0
 * @value: the value, as it is compared; 0 if it doesn't matter
 * @any_value: it doesn't matter
 * @take: how @taker takes it
 * @taker: what took it, or NULL for nothing at a point
 *
 * A memo of a write that was taken is not replaced by one of a write that wasn't: a
 * console or a timer beside a doorbell would make the doorbell dearer with every byte.
 * Context: @vcpu's own thread.
 */
static inline void kvm_io_bus_remember(struct kvm_vcpu *vcpu, unsigned long gen,
				       enum kvm_bus bus_idx, gpa_t addr, int len,
				       u64 value, bool any_value, kvm_io_take_t take,
				       void *taker)
{
	struct kvm_io_memo *memo = kvm_io_bus_memo(vcpu, addr + len + value);

	/* Of fewer bits a generation could come round again. */
	if (BITS_PER_LONG < 64)
		return;

	if (!taker && memo->taker && memo->gen == gen)
		return;

	*memo = (struct kvm_io_memo) {
		.take = take,
		.taker = taker,
		.gen = gen,
		.addr = addr,
		.value = value,
		.mask = any_value ? 0 : GENMASK_ULL(len * BITS_PER_BYTE - 1, 0),
		.bus_len = kvm_io_bus_len(bus_idx, len),
	};
}

#endif /* __KVM_IOBUS_H__ */
