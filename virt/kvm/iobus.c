// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's I/O buses: which device a guest's access goes to.
 *
 * Ranges stand in a sorted array.  Registering a device publishes a new array and
 * frees the old one by RCU; no caller waits.  Unregistering a device clears its entry
 * in place and needs no memory, so it can't fail; the next array leaves the entry out.
 * Nothing else changes an array in place.
 *
 * RCU protects the array, and kvm->srcu the devices.  A handler may sleep, so a device
 * may be freed only after a grace period of kvm->srcu, but a reader is in the array for
 * a few instructions.  If arrays were freed by kvm->srcu as well, each registration
 * would either wait, or leave a callback whose grace period would hold up the next
 * change of memslots.
 *
 * Points stand in a hash table by address.
 *
 * What a vCPU remembers
 * ---------------------
 * A vCPU has memos of its last writes: what took a write at a point, or that nothing
 * there does.  With a memo it needn't look again, until points or what takes writes at
 * them change.  Each such change begins a new generation.
 *
 * What takes writes begins to do so in two steps: it can be found, and then a new
 * generation begins (kvm_io_bus_forget()).  So a vCPU that has seen the registration
 * return doesn't rely on having found nothing before.  Its end has three steps: it can't
 * be found any more, a new generation begins, and RCU frees it.  So a vCPU that finds,
 * in a read section, the generation of a memo to be this one, may use what the memo
 * names for the rest of that section, as if it had looked it up.
 *
 * Epochs
 * ------
 * A caller that changes many points at once lets a new epoch begin
 * (kvm_io_bus_begin_epoch()).  What it adds takes writes from this epoch on, and what it
 * removes takes writes until then and is taken off its place after that.  A vCPU goes by
 * one epoch at a point.  If no point takes the write and the epoch has changed meanwhile,
 * the vCPU looks again.  It has no memo of what is under change.
 *
 * Without memos each write looks in the hash table of the bus and in the group's index,
 * in four to eight cache lines.  By make bench that takes 209 instructions more for a ring
 * of any value, 302 for one of its own value, and 655 for a write that no value of a
 * point's takes and that goes on to user space.  It takes some 60 less where a vCPU rings
 * more addresses in turn than it has memos for.
 */

#include <kvm/iobus.h>

#include <linux/cache.h>
#include <linux/kvm_host.h>
#include <linux/overflow.h>
#include <linux/rhashtable.h>
#include <linux/sizes.h>
#include <linux/slab.h>

/**
 * struct kvm_io_range - one device's addresses
 * @addr: the first of them
 * @size: how many; 0 for a range that nothing can be in
 * @reach: where the farthest-reaching of this range and all before it ends
 * @seq: tells ranges of one address and size apart; the newest has the highest
 * @dev: the device; NULL once it is unregistered
 *
 * Constant once published, @dev apart.
 */
struct kvm_io_range {
	gpa_t addr;
	gpa_t size;
	gpa_t reach;
	u64 seq;
	struct kvm_io_device *dev;
};

struct kvm_io_ranges {
	struct rcu_head rcu;
	int nr;
	struct kvm_io_range range[] __counted_by(nr);
};

static const struct rhashtable_params point_params = {
	.key_len = sizeof_field(struct kvm_io_point, addr),
	.key_offset = offsetof(struct kvm_io_point, addr),
	.head_offset = offsetof(struct kvm_io_point, node),
	/*
	 * It grows by a factor of two each time that its worker runs, so many registrations
	 * at once would outrun a smaller one.  It doesn't shrink: a VMM that takes many points
	 * away puts them elsewhere next, and to move all to a smaller table and back again is
	 * a fifth of what these calls take among 1,024.
	 */
	.min_size = 64,
};

/*
 * A vCPU that has seen that a registration is done must find the device.
 *
 * The guest may have seen that by an ordinary load, as its threads tell each other
 * things by memory.  An exit orders instructions, not loads: on arm64 the entry to EL2
 * keeps KVM's loads behind the guest's only where a branch depended on these.  A read
 * barrier orders all loads of this processor, including the guest's.  If the vCPU has
 * moved to another processor, the scheduler has ordered them.  The barrier pairs with
 * the full barrier at the return of the registration, before which no announcement can
 * be made.
 *
 * There is a second case: the vCPU stored before it wrote to the address, and a load
 * that followed the registration didn't see that store.  Then the vCPU must find the
 * device as well.  That needs a full barrier between the guest's store and KVM's loads;
 * srcu_read_lock(&kvm->srcu) after the exit is one.  The exit path doesn't take
 * kvm->srcu, but kvm_io_bus_write() looks again, under kvm->srcu, for what the exit
 * path hasn't found.
 */
static void iobus_see_what_was_announced(void)
{
	/* Pairs with the barrier that registering ends with. */
	smp_rmb();
}

/**
 * kvm_io_odd_value - kvm_io_value() for a length that no register has
 * @len: how many bytes
 * @val: the bytes, in the processor's order
 *
 * Context: any.
 * Return: the value.
 */
u64 kvm_io_odd_value(int len, const void *val)
{
	u64 value = 0;

	if (WARN_ON_ONCE(len < 0 || len > sizeof(value)))
		return 0;

	if (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN))
		memcpy((void *)&value + sizeof(value) - len, val, len);
	else
		memcpy(&value, val, len);

	return value;
}

/* Points */

static struct rhltable *iobus_points_of(struct kvm *kvm, enum kvm_bus bus_idx)
{
	return &kvm->buses[kvm_io_bus_of_points(bus_idx)].points;
}

/**
 * kvm_io_bus_register_point - put a device at an address
 * @kvm: the VM
 * @bus_idx: the bus
 * @addr: the address; other points may be there already
 * @point: the device; it is ready for use, and the bus's until unregistered
 *
 * A write by an instruction that comes after the return finds the device.  The
 * caller lets kvm_io_bus_forget() follow, which is a full barrier.
 * Context: process context; the caller's lock excludes the other registrations.
 * Waits for no reader.
 * Return: 0, or -ENOMEM, in which case @point is the caller's as before.
 */
int kvm_io_bus_register_point(struct kvm *kvm, enum kvm_bus bus_idx,
			      gpa_t addr, struct kvm_io_point *point)
{
	unsigned int *nr = kvm_io_bus_nr_points(kvm, bus_idx, addr);

	point->addr = addr;

	/*
	 * Whatever the table finds to complain of is memory: it couldn't get a
	 * larger one in time, now (-ENOMEM) or before (-EBUSY, -E2BIG).
	 */
	if (rhltable_insert(iobus_points_of(kvm, bus_idx), &point->node,
			    point_params))
		return -ENOMEM;

	WRITE_ONCE(*nr, *nr + 1);
	return 0;
}

/**
 * kvm_io_bus_unregister_point - take a device off its address
 * @kvm: the VM
 * @bus_idx: the bus it was registered on
 * @point: the device
 *
 * Readers may be in it until an RCU grace period has passed; the caller owns it again
 * and doesn't free it before that.
 * Context: the caller's lock.  Neither allocates nor waits.
 */
void kvm_io_bus_unregister_point(struct kvm *kvm, enum kvm_bus bus_idx,
				 struct kvm_io_point *point)
{
	unsigned int *nr = kvm_io_bus_nr_points(kvm, bus_idx, point->addr);

	WRITE_ONCE(*nr, *nr - 1);
	WARN_ON_ONCE(rhltable_remove(iobus_points_of(kvm, bus_idx), &point->node,
				     point_params));
}

/**
 * kvm_io_bus_forget - have vCPUs not rely on their memos
 * @kvm: the VM, in which what takes writes at a point has changed
 *
 * To be called when something new that takes writes can be found, and when something
 * can't be found any more, before it goes to RCU.
 *
 * A full barrier.  A reader of the new generation finds points and memslots as they are
 * now; and the caller's later loads come after this, see
 * iobus_see_what_was_announced().
 * Context: any; takes no lock.
 */
void kvm_io_bus_forget(struct kvm *kvm)
{
	unsigned long gen = READ_ONCE(kvm->io_points.gen);

	while (!try_cmpxchg(&kvm->io_points.gen, &gen, gen + 1))
		;
}

/**
 * kvm_io_bus_begin_epoch - have changes at many points take effect at once
 * @kvm: the VM
 * @epoch: the new epoch, higher than all before it
 *
 * What takes writes from now on can be found, and what ceases to do so can still be found;
 * both know from @epoch which of the two they are.
 *
 * A write by an instruction that comes after the return finds what there is in @epoch.
 * Context: the caller's lock excludes other changes of points.
 */
void kvm_io_bus_begin_epoch(struct kvm *kvm, u64 epoch)
{
	/* A memo of what ceases, or of nothing where something begins, would outlast it. */
	kvm_io_bus_forget(kvm);
	atomic64_set_release(&kvm->io_points.epoch, epoch);
	/* Pairs with iobus_see_what_was_announced(). */
	smp_mb();
}

/**
 * kvm_io_bus_memory_changed - have vCPUs not rely on what they know of holes
 * @kvm: the VM, whose new memslots are published
 *
 * A write by an instruction that comes after the return goes to memory where there is
 * memory.
 * Context: any; takes no lock.
 */
void kvm_io_bus_memory_changed(struct kvm *kvm)
{
	kvm_io_bus_forget(kvm);
}

static struct kvm_io_point *iobus_to_point(struct rhlist_head *node)
{
	return node ? container_of(node, struct kvm_io_point, node) : NULL;
}

/*
 * Where the table's lookup is inlined, with what it knows of the key; of two such
 * places the compiler would make a function that has to be told.
 */
static noinline struct kvm_io_point *iobus_first_point(struct rhltable *points,
						       gpa_t addr)
{
	return iobus_to_point(rhltable_lookup(points, &addr, point_params));
}

static struct kvm_io_point *iobus_next_point(struct kvm_io_point *prev)
{
	return iobus_to_point(rcu_dereference(prev->node.next));
}

/**
 * kvm_io_bus_next_point - walk the points at one address
 * @kvm: the VM
 * @bus_idx: the bus
 * @addr: the address
 * @prev: where the walk stands; NULL for the first
 *
 * Context: an RCU read section.  A caller that holds the lock that excludes
 * registrations may use the result beyond it.
 * Return: the next point, or NULL after the last.
 */
struct kvm_io_point *kvm_io_bus_next_point(struct kvm *kvm,
					   enum kvm_bus bus_idx, gpa_t addr,
					   struct kvm_io_point *prev)
{
	if (prev)
		return iobus_next_point(prev);

	return iobus_first_point(iobus_points_of(kvm, bus_idx), addr);
}

/**
 * kvm_io_bus_is_hole - is there still no memory at a point?
 * @kvm: the VM
 * @point: the point, on KVM_MMIO_BUS
 * @gen: kvm_io_bus_generation()
 *
 * For an exit that says that there was none when the vCPU's page tables were filled
 * in, which isn't undone when memory comes.  Memory in any address space counts,
 * system management's included: then the vCPU's mode matters, which isn't known here.
 * Context: any that may take a read section of kvm->srcu.
 * Return: false if there is, or if there may be soon.
 */
bool kvm_io_bus_is_hole(struct kvm *kvm, struct kvm_io_point *point,
			unsigned long gen)
{
	gfn_t gfn = gpa_to_gfn(point->addr);
	bool hole = true;
	int i, idx;

	/* Of fewer bits a generation could come round again. */
	if (BITS_PER_LONG == 64 && READ_ONCE(point->hole_gen) == gen)
		return true;

	idx = srcu_read_lock(&kvm->srcu);
	for (i = 0; hole && i < kvm_arch_nr_memslot_as_ids(kvm); i++)
		hole = !__gfn_to_memslot(__kvm_memslots(kvm, i), gfn);
	srcu_read_unlock(&kvm->srcu, idx);

	/* It was so after @gen was read: when memory comes @gen is no longer true. */
	if (hole)
		WRITE_ONCE(point->hole_gen, gen);

	return hole;
}

/* A store of up to eight bytes at @addr, by the smallest pages that there are. */
static bool iobus_may_end_in_next_page(gpa_t addr)
{
	return (addr & (SZ_4K - 1)) > SZ_4K - sizeof(u64);
}

/* As kvm_io_bus_write_points(), in one epoch.  -EAGAIN if nothing may be remembered. */
static int iobus_look_at_points(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx, gpa_t addr,
				int len, const void *val, bool *any_value)
{
	struct rhltable *points = iobus_points_of(vcpu->kvm, bus_idx);
	struct kvm_io_point *point;
	int ret = -EOPNOTSUPP, result;

	rcu_read_lock();
	point = iobus_first_point(points, addr);
	/* With no device at the address one entry is enough for all values. */
	*any_value = !len || !point;
	for (; point && ret && ret != -EFAULT; point = iobus_next_point(point)) {
		result = kvm_iodevice_write(vcpu, &point->dev, addr, len, val);
		if (result != -EOPNOTSUPP)
			ret = result;
	}
	rcu_read_unlock();

	return ret;
}

/*
 * May something at the points have taken the write that the vCPU hasn't found, as it was
 * put there when what the vCPU went by was taken away?  Each round takes user space a
 * call.  Interrupts are off in the exit path alone, which leaves it to the long way.
 */
static bool iobus_must_look_again(struct kvm *kvm, u64 epoch)
{
	/* The look at the points comes first. */
	smp_rmb();
	if (likely(kvm_io_bus_epoch(kvm) == epoch) || irqs_disabled())
		return false;

	cond_resched();
	return !fatal_signal_pending(current);
}

/**
 * kvm_io_bus_write_points - offer a guest's write to the points at its address
 * @vcpu: the vCPU that writes
 * @bus_idx: the bus
 * @addr: the address
 * @len: how many bytes
 * @val: the bytes, without any alignment
 *
 * All of kvm_io_bus_write() that may be done in the exit path.  On KVM_FAST_MMIO_BUS no
 * device takes a write that may be one half of a store: the emulator, which knows the
 * whole store, writes both halves later.
 * Context: any that may take an RCU read section and the locks of a signal; with
 * interrupts off not on PREEMPT_RT, where these sleep.
 * Return: 0 when a device took it; -EFAULT when the write is a device's that had to
 * leave it to user space; else -EOPNOTSUPP and nothing has happened.
 */
int kvm_io_bus_write_points(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx,
			    gpa_t addr, int len, const void *val)
{
	struct kvm *kvm = vcpu->kvm;
	unsigned long gen;
	bool any_value;
	u64 epoch;
	int ret;

	if (bus_idx == KVM_FAST_MMIO_BUS && iobus_may_end_in_next_page(addr))
		return -EOPNOTSUPP;

	do {
		iobus_see_what_was_announced();
		/* Before the look at the points, which may find none. */
		gen = kvm_io_bus_generation(kvm);
		epoch = kvm_io_bus_epoch(kvm);

		ret = iobus_look_at_points(vcpu, bus_idx, addr, len, val, &any_value);
		if (!ret || ret == -EFAULT)
			return ret;
	} while (iobus_must_look_again(kvm, epoch));

	if (ret == -EOPNOTSUPP)
		kvm_io_bus_remember(vcpu, gen, kvm_io_bus_of_points(bus_idx), addr,
				    len, any_value ? 0 : kvm_io_value(len, val),
				    any_value, NULL, NULL);

	return -EOPNOTSUPP;
}

/* Ranges */

static gpa_t iobus_range_end(gpa_t addr, gpa_t size)
{
	gpa_t end;

	return check_add_overflow(addr, size, &end) ? U64_MAX : end;
}

/*
 * The order of the array.  Searched from its end it yields, of the ranges that
 * hold an access, the one that begins last and is the narrowest, then the oldest.
 */
static bool iobus_range_before(const struct kvm_io_range *a,
			       const struct kvm_io_range *b)
{
	if (a->addr != b->addr)
		return a->addr < b->addr;
	if (a->size != b->size)
		return a->size > b->size;
	return a->seq > b->seq;
}

/* How many of the sorted ranges are before @key? */
static int iobus_ranges_before(const struct kvm_io_ranges *ranges,
			       const struct kvm_io_range *key)
{
	int low = 0, high = ranges->nr;

	while (low < high) {
		int mid = low + (high - low) / 2;

		if (iobus_range_before(&ranges->range[mid], key))
			low = mid + 1;
		else
			high = mid;
	}

	return low;
}

/*
 * The next device whose range holds the access.  @cursor is where the search
 * stands: all that is before it in the order of the array is still to be looked
 * at.  That holds for whatever array is current, so a walk goes on across a
 * registration and neither skips nor repeats a device that was there throughout.
 */
static struct kvm_io_device *iobus_next_range(struct kvm_io_bus *bus, gpa_t addr,
					      int len, struct kvm_io_range *cursor)
{
	const struct kvm_io_ranges *ranges;
	struct kvm_io_device *dev = NULL;
	int i;

	rcu_read_lock();
	ranges = rcu_dereference(bus->ranges);
	i = ranges ? iobus_ranges_before(ranges, cursor) : 0;
	while (!dev && i-- > 0) {
		const struct kvm_io_range *range = &ranges->range[i];
		gpa_t offset = addr - range->addr;

		if (range->reach < iobus_range_end(addr, len))
			break;
		if (offset < range->size && len <= range->size - offset) {
			/* Not @dev, which may be cleared at any time: once. */
			cursor->addr = range->addr;
			cursor->size = range->size;
			cursor->seq = range->seq;
			dev = READ_ONCE(range->dev);
		}
	}
	rcu_read_unlock();

	return dev;
}

/* Where a search begins: behind every range that begins at @addr or below. */
static struct kvm_io_range iobus_behind_all_at(gpa_t addr)
{
	return (struct kvm_io_range) { .addr = addr, .size = 0, .seq = 0 };
}

/* There may be points; a memo of the vCPU is cheaper. */
static int iobus_write_points(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx, gpa_t addr,
			      int len, const void *val)
{
	int ret;

	rcu_read_lock();
	ret = kvm_io_bus_write_again(vcpu, kvm_io_bus_of_points(bus_idx), addr, len,
				     kvm_io_value(len, val));
	rcu_read_unlock();

	if (ret == -EAGAIN)
		ret = kvm_io_bus_write_points(vcpu, bus_idx, addr, len, val);

	return ret;
}

static int iobus_write_ranges(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx,
			      gpa_t addr, int len, const void *val)
{
	struct kvm_io_bus *bus = &vcpu->kvm->buses[bus_idx];
	struct kvm_io_range cursor = iobus_behind_all_at(addr);
	struct kvm_io_device *dev;

	/* Unregistering waits for this section before the device goes. */
	lockdep_assert_held(&vcpu->kvm->srcu);

	while ((dev = iobus_next_range(bus, addr, len, &cursor)))
		if (!kvm_iodevice_write(vcpu, dev, addr, len, val))
			return 0;

	return -EOPNOTSUPP;
}

/**
 * kvm_io_bus_write - offer a guest's write to the devices on a bus
 * @vcpu: the vCPU that writes
 * @bus_idx: the bus; on KVM_FAST_MMIO_BUS @len is 0 and @val NULL
 * @addr: the address
 * @len: how many bytes
 * @val: the bytes, without any alignment
 *
 * Context: a read section of kvm->srcu; may sleep, if the device does.
 * Return: 0 when a device took it, -EOPNOTSUPP when none did.
 */
int kvm_io_bus_write(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx, gpa_t addr,
		     int len, const void *val)
{
	int ret = -EOPNOTSUPP;

	iobus_see_what_was_announced();

	if (kvm_io_bus_may_have_point(vcpu->kvm, bus_idx, addr))
		ret = iobus_write_points(vcpu, bus_idx, addr, len, val);
	if (ret == -EOPNOTSUPP)
		ret = iobus_write_ranges(vcpu, bus_idx, addr, len, val);

	/* What a point leaves to user space no range gets either. */
	return ret ? -EOPNOTSUPP : 0;
}
EXPORT_SYMBOL_GPL(kvm_io_bus_write);

/**
 * kvm_io_bus_write_cookie - kvm_io_bus_write() for callers that keep a hint
 * @vcpu: the vCPU that writes
 * @bus_idx: the bus
 * @addr: the address
 * @len: how many bytes
 * @val: the bytes
 * @cookie: what the call before returned; finding a point needs no such help
 *
 * Context: as kvm_io_bus_write().
 * Return: the cookie for the next call when a device took it, else -EOPNOTSUPP.
 */
int kvm_io_bus_write_cookie(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx,
			    gpa_t addr, int len, const void *val, long cookie)
{
	return kvm_io_bus_write(vcpu, bus_idx, addr, len, val);
}

/**
 * kvm_io_bus_read - offer a guest's read to the devices on a bus
 * @vcpu: the vCPU that reads
 * @bus_idx: the bus
 * @addr: the address
 * @len: how many bytes
 * @val: where they go
 *
 * Context: a read section of kvm->srcu; may sleep, if the device does.
 * Return: 0 when a device answered, -EOPNOTSUPP when none did.
 */
int kvm_io_bus_read(struct kvm_vcpu *vcpu, enum kvm_bus bus_idx, gpa_t addr,
		    int len, void *val)
{
	struct kvm_io_bus *bus = &vcpu->kvm->buses[bus_idx];
	struct kvm_io_range cursor = iobus_behind_all_at(addr);
	struct kvm_io_device *dev;

	lockdep_assert_held(&vcpu->kvm->srcu);
	iobus_see_what_was_announced();

	while ((dev = iobus_next_range(bus, addr, len, &cursor)))
		if (!kvm_iodevice_read(vcpu, dev, addr, len, val))
			return 0;

	return -EOPNOTSUPP;
}

/**
 * kvm_io_bus_get_dev - which device is at this address?
 * @kvm: the VM
 * @bus_idx: the bus
 * @addr: the address
 *
 * Context: a read section of kvm->srcu, for as long as the result is used.
 * Return: the device with the narrowest range around @addr, NULL for none.
 */
struct kvm_io_device *kvm_io_bus_get_dev(struct kvm *kvm, enum kvm_bus bus_idx,
					 gpa_t addr)
{
	struct kvm_io_range cursor = iobus_behind_all_at(addr);

	lockdep_assert_held(&kvm->srcu);
	iobus_see_what_was_announced();

	return iobus_next_range(&kvm->buses[bus_idx], addr, 1, &cursor);
}
EXPORT_SYMBOL_GPL(kvm_io_bus_get_dev);

static struct kvm_io_ranges *iobus_ranges_of(struct kvm *kvm, enum kvm_bus bus_idx)
{
	return rcu_dereference_protected(kvm->buses[bus_idx].ranges,
					 lockdep_is_held(&kvm->slots_lock));
}

/* Fill @new with what has a device in @old, and with @add where it belongs. */
static void iobus_merge_range(struct kvm_io_ranges *new,
			      const struct kvm_io_ranges *old,
			      const struct kvm_io_range *add)
{
	int at = old ? iobus_ranges_before(old, add) : 0;
	gpa_t reach = 0;
	int from, to = 0;

	for (from = 0; from <= (old ? old->nr : 0); from++) {
		if (from == at)
			new->range[to++] = *add;
		if (old && from < old->nr && old->range[from].dev)
			new->range[to++] = old->range[from];
	}

	for (to = 0; to < new->nr; to++) {
		struct kvm_io_range *range = &new->range[to];

		reach = max(reach, iobus_range_end(range->addr, range->size));
		range->reach = reach;
	}
}

/**
 * kvm_io_bus_register_dev - give a device a range of addresses
 * @kvm: the VM
 * @bus_idx: the bus
 * @addr: the first address
 * @len: how many; with 0 or less the device is registered and never asked
 * @dev: the device, ready for use
 *
 * An access by an instruction that comes after the return finds the device.
 * Ranges may overlap.
 *
 * The return is a full memory barrier for the caller, and for no other processor: the
 * function hasn't waited for any reader.  A caller that sets a flag of its own once its
 * device is ready does so with smp_store_release(), and readers of the flag use
 * smp_load_acquire().
 * Context: kvm->slots_lock.  Waits for no reader.
 * Return: 0; -ENOSPC when %NR_IOBUS_DEVS ranges are registered; -ENOMEM.
 */
int kvm_io_bus_register_dev(struct kvm *kvm, enum kvm_bus bus_idx, gpa_t addr,
			    int len, struct kvm_io_device *dev)
{
	struct kvm_io_bus *bus = &kvm->buses[bus_idx];
	struct kvm_io_ranges *new, *old;
	struct kvm_io_range add = {
		.addr = addr,
		.size = max(len, 0),
		.seq = ++bus->next_seq,
		.dev = dev,
	};

	lockdep_assert_held(&kvm->slots_lock);

	if (bus->nr_devs >= NR_IOBUS_DEVS)
		return -ENOSPC;

	new = kvmalloc(struct_size(new, range, bus->nr_devs + 1),
		       GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;

	old = iobus_ranges_of(kvm, bus_idx);
	new->nr = bus->nr_devs + 1;
	iobus_merge_range(new, old, &add);

	rcu_assign_pointer(bus->ranges, new);
	bus->nr_devs++;
	if (old)
		kvfree_rcu(old, rcu);

	/* Pairs with iobus_see_what_was_announced(). */
	smp_mb();

	return 0;
}

/**
 * kvm_io_bus_unregister_dev - take a device off its range and destroy it
 * @kvm: the VM
 * @bus_idx: the bus
 * @dev: the device; if it isn't on the bus, nothing is done
 *
 * When this returns no vCPU is in the device's handlers, and none finds it any more.
 * Context: kvm->slots_lock, and no read section of kvm->srcu.  Waits for a grace
 * period of that, because the device's handlers may sleep and its memory may be the
 * caller's.
 * Return: 0.
 */
int kvm_io_bus_unregister_dev(struct kvm *kvm, enum kvm_bus bus_idx,
			      struct kvm_io_device *dev)
{
	struct kvm_io_ranges *ranges;
	int i;

	lockdep_assert_held(&kvm->slots_lock);

	/* A dying VM's buses go before the irqchips that stood on them. */
	if (!kvm->buses)
		return 0;

	ranges = iobus_ranges_of(kvm, bus_idx);
	for (i = 0; ranges && i < ranges->nr; i++)
		if (ranges->range[i].dev == dev)
			break;
	if (!ranges || i == ranges->nr)
		return 0;

	/* Pairs with iobus_next_range(), which takes the entry or leaves it. */
	WRITE_ONCE(ranges->range[i].dev, NULL);
	kvm->buses[bus_idx].nr_devs--;

	synchronize_srcu_expedited(&kvm->srcu);

	if (dev->ops->destructor)
		dev->ops->destructor(dev);

	return 0;
}

/* The VM's life */

static void iobus_destroy(struct kvm_io_bus *bus)
{
	struct kvm_io_ranges *ranges = rcu_dereference_protected(bus->ranges, 1);
	int i;

	for (i = 0; i < (ranges ? ranges->nr : 0); i++) {
		struct kvm_io_device *dev = ranges->range[i].dev;

		if (dev && dev->ops->destructor)
			dev->ops->destructor(dev);
	}

	kvfree(ranges);
	/* Waits for a resize of the table; doesn't look at the points. */
	rhltable_destroy(&bus->points);
}

/**
 * kvm_io_bus_init - give a new VM its buses
 * @kvm: the VM
 *
 * Context: VM creation.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_io_bus_init(struct kvm *kvm)
{
	int i, ret;

	/* What each write to a point reads; registrations write to other lines. */
	CACHELINE_ASSERT_GROUP_MEMBER(typeof_member(struct kvm, io_points), write, gen);
	BUILD_BUG_ON(sizeof_field(struct kvm, io_points) % SMP_CACHE_BYTES);

	/* A new vCPU's memos are of generation 0. */
	kvm->io_points.gen = 1;
	kvm->buses = kcalloc(KVM_NR_BUSES, sizeof(*kvm->buses),
			     GFP_KERNEL_ACCOUNT);
	if (!kvm->buses)
		return -ENOMEM;

	for (i = 0; i < KVM_NR_BUSES; i++) {
		ret = rhltable_init(&kvm->buses[i].points, &point_params);
		if (ret)
			goto fail;
	}

	return 0;

fail:
	while (i--)
		rhltable_destroy(&kvm->buses[i].points);
	kfree(kvm->buses);
	kvm->buses = NULL;
	return ret;
}

/**
 * kvm_io_bus_destroy - destroy a VM's buses and every device with a range there
 * @kvm: the VM, with or without buses
 *
 * The points are the caller's to free, after this.
 * Context: VM destruction: no vCPU runs, no ioctl can come, and there is no reference
 * to the VM, so no lock is needed and no grace period either.
 */
void kvm_io_bus_destroy(struct kvm *kvm)
{
	int i;

	if (!kvm->buses)
		return;

	for (i = 0; i < KVM_NR_BUSES; i++)
		iobus_destroy(&kvm->buses[i]);
	kfree(kvm->buses);
	kvm->buses = NULL;
}
