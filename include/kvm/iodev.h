/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM's I/O buses and the devices on them: what the guest's PIO and MMIO
 * accesses meet before they go to user space.
 *
 * A device is on a bus in one of two ways:
 *
 * - It has a range and sees every access that lies inside it.  There are few of
 *   these (an interrupt controller, a timer, a coalesced zone), they may sleep,
 *   and their registration is the business of kvm->slots_lock.
 * - It has a point, one address, and sees the writes that begin there.  There
 *   may be any number of these, they may not sleep, and nothing that is done
 *   with one costs more because of the others.  iosignalfd's groups are such.
 *
 * A write goes to the points at its address first, then to the ranges around
 * it, the narrowest first.  A read goes to the ranges alone.
 */
#ifndef __KVM_IODEV_H__
#define __KVM_IODEV_H__

#include <linux/errno.h>
#include <linux/kvm_types.h>
#include <linux/rhashtable-types.h>

struct kvm_io_device;

/**
 * struct kvm_io_device_ops - what a device does with an access
 * @read: put @len bytes into @val; 0 if done, else the next device is asked
 * @write: take @len bytes from @val, which has no alignment; 0 if done, else
 *	the next device is asked
 * @destructor: release the device; called when no vCPU can reach it any more, and only
 *	for a device with a range
 *
 * For a range @read and @write run in a read section of kvm->srcu and may
 * sleep.  For a point @write runs in an RCU read section and may not; and if it
 * fails, then with -EOPNOTSUPP, which the vCPU remembers; with -EAGAIN if such
 * writes are the device's, but not this one, or not here; or with -EFAULT if this
 * one is for user space and no range may have it.  Each of the three may be NULL.
 */
struct kvm_io_device_ops {
	int (*read)(struct kvm_vcpu *vcpu, struct kvm_io_device *dev,
		    gpa_t addr, int len, void *val);
	int (*write)(struct kvm_vcpu *vcpu, struct kvm_io_device *dev,
		     gpa_t addr, int len, const void *val);
	void (*destructor)(struct kvm_io_device *dev);
};

/**
 * struct kvm_io_device - to be embedded in whatever stands on a bus
 * @ops: what it does
 */
struct kvm_io_device {
	const struct kvm_io_device_ops *ops;
};

/**
 * struct kvm_io_point - a device at one address
 * @dev: the device; set up with kvm_iodevice_init()
 * @addr: the address; set by kvm_io_bus_register_point()
 * @node: the bus's
 * @hole_gen: the last generation (kvm->io_points.gen) in which there was no memory at
 *	the address when it was last looked for; see kvm_io_bus_is_hole()
 */
struct kvm_io_point {
	struct kvm_io_device dev;
	gpa_t addr;
	struct rhlist_head node;
	unsigned long hole_gen;
};

enum kvm_bus {
	KVM_MMIO_BUS,
	KVM_PIO_BUS,
	KVM_VIRTIO_CCW_NOTIFY_BUS,
	/*
	 * Has no devices of its own: it is the view of KVM_MMIO_BUS that an
	 * exit handler has when it knows the address and nothing else.
	 */
	KVM_FAST_MMIO_BUS,
	KVM_NR_BUSES
};

/* The classes of addresses, as a power of two. */
#define KVM_IO_POINT_CLASS_BITS 6

/**
 * struct kvm_io_bus - one bus of one VM
 * @ranges: the ranges, sorted; NULL for none.  Written under kvm->slots_lock
 * @nr_devs: how many entries of @ranges have a device; under kvm->slots_lock
 * @next_seq: for the next range; under kvm->slots_lock
 * @points: the points by address, written under the lock of the code that owns them
 * @nr_points: how many points there are of each class of addresses, by which most
 *	writes to where there is none are told; the same lock
 */
struct kvm_io_bus {
	struct kvm_io_ranges __rcu *ranges;
	int nr_devs;
	u64 next_seq;
	struct rhltable points;
	unsigned int nr_points[1 << KVM_IO_POINT_CLASS_BITS];
};

/**
 * typedef kvm_io_take_t - take a write that was taken before
 * @vcpu: the vCPU that writes
 * @taker: what took such a write before
 * @addr: the address
 * @len: how many bytes; 0 where nothing but the address is known
 * @value: the value that is written; bits above @len bytes don't matter
 *
 * Context: an RCU read section in which @taker is known to be there, or interrupts off;
 * on PREEMPT_RT interrupts are on.
 * Return: 0, or -EOPNOTSUPP if @taker has just gone.
 */
typedef int (*kvm_io_take_t)(struct kvm_vcpu *vcpu, void *taker, gpa_t addr,
			     int len, u64 value);

/**
 * struct kvm_io_memo - a vCPU's write to a bus, and what took it at a point
 * @take: how @taker takes a write
 * @taker: what took it, or NULL if nothing at a point does
 * @gen: which generation that was; see kvm_io_bus_forget()
 * @addr: the address
 * @value: the value
 * @mask: which bits of the value mattered
 * @bus_len: the bus and how many bytes, in one
 *
 * Only the vCPU reads and writes it.  @taker may have been freed: the vCPU may use it only
 * in an RCU read section in which it has found the generation to be the same.
 */
struct kvm_io_memo {
	kvm_io_take_t take;
	void *taker;
	unsigned long gen;
	gpa_t addr;
	u64 value;
	u64 mask;
	u32 bus_len;
};

/* How many of them a vCPU has, as a power of two. */
#define KVM_IO_MEMO_BITS 3

/* How many ranges a bus takes; points don't count. */
#define NR_IOBUS_DEVS 1000

static inline void kvm_iodevice_init(struct kvm_io_device *dev,
				     const struct kvm_io_device_ops *ops)
{
	dev->ops = ops;
}

static inline int kvm_iodevice_read(struct kvm_vcpu *vcpu,
				    struct kvm_io_device *dev, gpa_t addr,
				    int len, void *val)
{
	if (!dev->ops->read)
		return -EOPNOTSUPP;

	return dev->ops->read(vcpu, dev, addr, len, val);
}

static inline int kvm_iodevice_write(struct kvm_vcpu *vcpu,
				     struct kvm_io_device *dev, gpa_t addr,
				     int len, const void *val)
{
	if (!dev->ops->write)
		return -EOPNOTSUPP;

	return dev->ops->write(vcpu, dev, addr, len, val);
}

int kvm_io_bus_init(struct kvm *kvm);
void kvm_io_bus_destroy(struct kvm *kvm);

int kvm_io_bus_write(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx, gpa_t addr,
		     int len, const void *val);
int kvm_io_bus_write_cookie(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx,
			    gpa_t addr, int len, const void *val, long cookie);
int kvm_io_bus_read(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx, gpa_t addr,
		    int len, void *val);

int kvm_io_bus_register_dev(struct kvm *kvm, enum kvm_bus bus_idx, gpa_t addr,
			    int len, struct kvm_io_device *dev);
int kvm_io_bus_unregister_dev(struct kvm *kvm, enum kvm_bus bus_idx,
			      struct kvm_io_device *dev);
struct kvm_io_device *kvm_io_bus_get_dev(struct kvm *kvm, enum kvm_bus bus_idx,
					 gpa_t addr);

int kvm_io_bus_write_points(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx,
			    gpa_t addr, int len, const void *val);
void kvm_io_bus_forget(struct kvm *kvm);
void kvm_io_bus_begin_epoch(struct kvm *kvm, u64 epoch);
void kvm_io_bus_memory_changed(struct kvm *kvm);
bool kvm_io_bus_is_hole(struct kvm *kvm, struct kvm_io_point *point,
			unsigned long gen);
int kvm_io_bus_register_point(struct kvm *kvm, enum kvm_bus bus_idx,
			      gpa_t addr, struct kvm_io_point *point);
void kvm_io_bus_unregister_point(struct kvm *kvm, enum kvm_bus bus_idx,
				 struct kvm_io_point *point);
struct kvm_io_point *kvm_io_bus_next_point(struct kvm *kvm,
					   enum kvm_bus bus_idx, gpa_t addr,
					   struct kvm_io_point *prev);

#endif /* __KVM_IODEV_H__ */
