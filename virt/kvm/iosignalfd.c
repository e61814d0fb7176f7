// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd, alias ioeventfd: a guest's write becomes an eventfd's signal.
 *
 * A group is the device for one address and one length; it stands on the bus as
 * a point.  The items in it carry an eventfd each, and either take every write
 * (the group's one wildcard) or one value (indexed by it).
 *
 *	bus --address--> group --value--> item --> eventfd
 *
 * Writers of this structure hold kvm->iosignalfd_lock.  Readers, vCPUs, are
 * under RCU all the way and take one lock, the item's, for the signal itself.
 * DEASSIGN takes that lock too: when it returns no signal is under way, and none
 * can begin as the item has lost its eventfd.  So it waits for one signal at
 * most, never for a grace period; what is unlinked goes by kfree_rcu(), which
 * leaves no callback of ours behind for a module unload to wait for.
 */

#include <kvm/iobus.h>

#include <linux/eventfd.h>
#include <linux/kvm_host.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "iosignalfd.h"

/**
 * struct iosignalfd_item - one registration
 * @next: another item with the same index in group->values; never another with
 *	the same value.  There is one only where an index is narrower than a value
 * @value: the value that rings; not looked at in a wildcard
 * @lock: held across the signal, so that taking it waits for one under way
 * @eventfd: the eventfd, of which the item holds a reference; NULL once the
 *	registration is gone; under @lock
 * @rcu: for the memory
 */
struct iosignalfd_item {
	struct iosignalfd_item __rcu *next;
	u64 value;
	spinlock_t lock; /* see above */
	struct eventfd_ctx *eventfd;
	struct rcu_head rcu;
};

/**
 * struct iosignalfd_group - all registrations for one address and length
 * @point: its place on the bus
 * @bus: the bus
 * @len: the length, 0 for any
 * @nr_items: how many items it has; a group without is taken off the bus
 * @wildcard: the item that takes every write; excludes all others
 * @values: the items that take one value, chained where indices collide
 * @rcu: for the memory
 */
struct iosignalfd_group {
	struct kvm_io_point point;
	enum kvm_bus bus;
	u32 len;
	unsigned int nr_items;
	struct iosignalfd_item __rcu *wildcard;
	struct xarray values;
	struct rcu_head rcu;
};

static struct iosignalfd_group *to_group(struct kvm_io_point *point)
{
	return container_of(point, struct iosignalfd_group, point);
}

static struct iosignalfd_group *dev_to_group(struct kvm_io_device *dev)
{
	return to_group(container_of(dev, struct kvm_io_point, dev));
}

/* An xarray's index is a long, a guest's value has 64 bits everywhere. */
static unsigned long value_index(u64 value)
{
	if (BITS_PER_LONG == 64)
		return value;

	return lower_32_bits(value) ^ upper_32_bits(value);
}

/* Context: an RCU read section, or kvm->iosignalfd_lock. */
static struct iosignalfd_item *item_for_value(struct iosignalfd_group *group,
					      u64 value)
{
	struct iosignalfd_item *item;

	item = xa_load(&group->values, value_index(value));
	while (item && item->value != value)
		item = rcu_dereference_check(item->next, true);

	return item;
}

/**
 * kvm_iosignalfd_ring - signal, unless the registration has gone in the meantime
 * @item: the registration
 *
 * Context: an RCU read section in which @item was found, or interrupts off; on
 * PREEMPT_RT interrupts are on.
 * Return: 0, or -EOPNOTSUPP if the registration has gone.
 */
int kvm_iosignalfd_ring(struct iosignalfd_item *item)
{
	int ret = -EOPNOTSUPP;

	spin_lock(&item->lock);
	if (item->eventfd) {
		eventfd_signal(item->eventfd);
		ret = 0;
	}
	spin_unlock(&item->lock);

	return ret;
}

/*
 * A vCPU remembers what it rang, so that it needn't look for it, until groups or
 * items change.
 *
 * A removal begins a new generation between taking something out and giving it
 * to RCU.  So who finds the generation to be that of an item it remembers, in a
 * read section, has the item for the length of that section, as if it had looked
 * it up.
 */
static void forget_all(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->iosignalfd_lock);

	/* Whoever reads the new generation finds groups and items as they are. */
	smp_store_release(&kvm->iosignalfd_gen, kvm->iosignalfd_gen + 1);
}

/* @gen was current before the look that found @item; @value is 0 if @mask is. */
static void remember(struct kvm_vcpu *vcpu, struct iosignalfd_group *group,
		     struct iosignalfd_item *item, unsigned long gen, int len,
		     u64 value, u64 mask)
{
	/* Of fewer bits a generation could come round again. */
	if (BITS_PER_LONG < 64)
		return;

	*kvm_iosignalfd_slot(vcpu, group->point.addr + value) = (struct kvm_ring) {
		.item = item,
		.gen = gen,
		.addr = group->point.addr,
		.value = value,
		.mask = mask,
		.bus_len = kvm_iosignalfd_bus_len(group->bus, len),
	};
}

static int iosignalfd_write(struct kvm_vcpu *vcpu, struct kvm_io_device *dev,
			    gpa_t addr, int len, const void *val)
{
	struct iosignalfd_group *group = dev_to_group(dev);
	struct iosignalfd_item *item;
	u64 value = 0, mask = 0;
	unsigned long gen;

	/* A wider or narrower write than the registered one is another write. */
	if (group->len && group->len != len)
		return -EOPNOTSUPP;

	/* Before the look at the items: pairs with forget_all(). */
	gen = smp_load_acquire(&vcpu->kvm->iosignalfd_gen);

	item = rcu_dereference(group->wildcard);
	if (!item && group->len) {
		value = kvm_io_value(len, val);
		mask = GENMASK_ULL(len * BITS_PER_BYTE - 1, 0);
		item = item_for_value(group, value);
	}
	if (!item)
		return -EOPNOTSUPP;

	remember(vcpu, group, item, gen, len, value, mask);
	return kvm_iosignalfd_ring(item);
}

/* The VM goes with registrations left; nobody else can see them any more. */
static void iosignalfd_destroy(struct kvm_io_device *dev)
{
	struct iosignalfd_group *group = dev_to_group(dev);
	struct iosignalfd_item *item, *next;
	unsigned long index;

	item = rcu_dereference_protected(group->wildcard, true);
	if (item) {
		eventfd_ctx_put(item->eventfd);
		kfree(item);
	}

	xa_for_each(&group->values, index, item) {
		for (; item; item = next) {
			next = rcu_dereference_protected(item->next, true);
			eventfd_ctx_put(item->eventfd);
			kfree(item);
		}
	}

	xa_destroy(&group->values);
	kfree(group);
}

static const struct kvm_io_device_ops iosignalfd_ops = {
	.write = iosignalfd_write,
	.destructor = iosignalfd_destroy,
};

static enum kvm_bus bus_of(const struct kvm_ioeventfd *args)
{
	if (args->flags & KVM_IOEVENTFD_FLAG_PIO)
		return KVM_PIO_BUS;
	if (args->flags & KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY)
		return KVM_VIRTIO_CCW_NOTIFY_BUS;
	return KVM_MMIO_BUS;
}

static bool is_wildcard(const struct kvm_ioeventfd *args)
{
	return !(args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH);
}

static struct iosignalfd_item *locked_wildcard(struct kvm *kvm,
					       struct iosignalfd_group *group)
{
	return rcu_dereference_protected(group->wildcard,
				lockdep_is_held(&kvm->iosignalfd_lock));
}

/* The groups at the address, one for each length; NULL begins and ends. */
static struct iosignalfd_group *next_group(struct kvm *kvm,
					   const struct kvm_ioeventfd *args,
					   struct iosignalfd_group *group)
{
	struct kvm_io_point *point = group ? &group->point : NULL;

	lockdep_assert_held(&kvm->iosignalfd_lock);

	rcu_read_lock();
	point = kvm_io_bus_next_point(kvm, bus_of(args), args->addr, point);
	rcu_read_unlock();

	return point ? to_group(point) : NULL;
}

static struct iosignalfd_group *find_group(struct kvm *kvm,
					   const struct kvm_ioeventfd *args)
{
	struct iosignalfd_group *group = next_group(kvm, args, NULL);

	while (group && group->len != args->len)
		group = next_group(kvm, args, group);

	return group;
}

/* Would a write that @args means to take be taken by another already? */
static bool is_taken(struct kvm *kvm, const struct kvm_ioeventfd *args)
{
	struct iosignalfd_group *group = NULL;

	while ((group = next_group(kvm, args, group))) {
		if (!group->len || !args->len)
			return true;
		if (group->len != args->len)
			continue;
		if (is_wildcard(args) || locked_wildcard(kvm, group) ||
		    item_for_value(group, args->datamatch))
			return true;
	}

	return false;
}

static int link_item(struct kvm *kvm, struct iosignalfd_group *group,
		     struct iosignalfd_item *item, bool wildcard)
{
	unsigned long index = value_index(item->value);
	int ret;

	lockdep_assert_held(&kvm->iosignalfd_lock);

	if (wildcard) {
		rcu_assign_pointer(group->wildcard, item);
	} else {
		RCU_INIT_POINTER(item->next, xa_load(&group->values, index));
		ret = xa_err(xa_store(&group->values, index, item,
				      GFP_KERNEL_ACCOUNT));
		if (ret)
			return ret;
	}

	group->nr_items++;
	forget_all(kvm);
	return 0;
}

static void unlink_item(struct kvm *kvm, struct iosignalfd_group *group,
			struct iosignalfd_item *item)
{
	unsigned long index = value_index(item->value);
	struct iosignalfd_item *prev, *next;

	lockdep_assert_held(&kvm->iosignalfd_lock);

	next = rcu_dereference_protected(item->next, true);

	if (item == locked_wildcard(kvm, group)) {
		RCU_INIT_POINTER(group->wildcard, NULL);
	} else if (item != xa_load(&group->values, index)) {
		prev = xa_load(&group->values, index);
		while (rcu_access_pointer(prev->next) != item)
			prev = rcu_dereference_protected(prev->next, true);
		rcu_assign_pointer(prev->next, next);
	} else if (next) {
		/* Storing over an entry takes no memory, so it can't fail. */
		xa_store(&group->values, index, next, GFP_NOWAIT);
	} else {
		xa_erase(&group->values, index);
	}

	group->nr_items--;
	forget_all(kvm);
}

static struct iosignalfd_group *new_group(enum kvm_bus bus_idx, u32 len)
{
	struct iosignalfd_group *group;

	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group)
		return NULL;

	kvm_iodevice_init(&group->point.dev, &iosignalfd_ops);
	group->bus = bus_idx;
	group->len = len;
	xa_init_flags(&group->values, XA_FLAGS_ACCOUNT);

	return group;
}

/* Find or make the group and put @item into it; all of it or nothing. */
static int add_item(struct kvm *kvm, const struct kvm_ioeventfd *args,
		    struct iosignalfd_item *item)
{
	struct iosignalfd_group *group;
	int ret;

	lockdep_assert_held(&kvm->iosignalfd_lock);

	if (is_taken(kvm, args))
		return -EEXIST;

	group = find_group(kvm, args);
	if (group)
		return link_item(kvm, group, item, is_wildcard(args));

	group = new_group(bus_of(args), args->len);
	if (!group)
		return -ENOMEM;

	/* The group goes on the bus with its first item in it. */
	ret = link_item(kvm, group, item, is_wildcard(args));
	if (!ret) {
		ret = kvm_io_bus_register_point(kvm, bus_of(args), args->addr,
						&group->point);
		if (!ret)
			return 0;
	}

	/* Nobody has seen it: no grace period to sit out. */
	xa_destroy(&group->values);
	kfree(group);
	return ret;
}

/**
 * kvm_iosignalfd_assign - have writes signal an eventfd from now on
 * @kvm: the VM
 * @args: which writes, and the eventfd
 *
 * A write by an instruction that comes after the return signals.
 * Context: process context, no locks held.  Waits for no reader.
 * Return: 0; -EINVAL for a length that isn't 0, 1, 2, 4 or 8, an address range
 * that wraps, an unknown flag, a value without a length, or an fd that isn't an
 * eventfd; -EBADF for an fd that isn't open; -EEXIST if one of these writes is
 * taken already; -ENOMEM.
 */
int kvm_iosignalfd_assign(struct kvm *kvm, const struct kvm_ioeventfd *args)
{
	struct iosignalfd_item *item;
	struct eventfd_ctx *eventfd;
	int ret;

	if (args->len > 8 || (args->len & (args->len - 1)))
		return -EINVAL;
	if (args->addr + args->len < args->addr)
		return -EINVAL;
	if (args->flags & ~KVM_IOEVENTFD_VALID_FLAG_MASK)
		return -EINVAL;
	if (!args->len && !is_wildcard(args))
		return -EINVAL;

	eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);

	item = kzalloc(sizeof(*item), GFP_KERNEL_ACCOUNT);
	if (!item) {
		eventfd_ctx_put(eventfd);
		return -ENOMEM;
	}

	spin_lock_init(&item->lock);
	item->eventfd = eventfd;
	item->value = args->datamatch;

	mutex_lock(&kvm->iosignalfd_lock);
	ret = add_item(kvm, args, item);
	mutex_unlock(&kvm->iosignalfd_lock);

	if (ret) {
		kfree(item);
		eventfd_ctx_put(eventfd);
	}

	return ret;
}

/* The item that was registered with just these arguments. */
static struct iosignalfd_item *find_item(struct kvm *kvm,
					 struct iosignalfd_group *group,
					 const struct kvm_ioeventfd *args,
					 struct eventfd_ctx *eventfd)
{
	struct iosignalfd_item *item;

	if (is_wildcard(args))
		item = locked_wildcard(kvm, group);
	else
		item = item_for_value(group, args->datamatch);

	/* Only under kvm->iosignalfd_lock does an item lose its eventfd. */
	return item && item->eventfd == eventfd ? item : NULL;
}

static int remove_item(struct kvm *kvm, const struct kvm_ioeventfd *args,
		       struct eventfd_ctx *eventfd)
{
	struct iosignalfd_group *group;
	struct iosignalfd_item *item;

	lockdep_assert_held(&kvm->iosignalfd_lock);

	group = find_group(kvm, args);
	item = group ? find_item(kvm, group, args, eventfd) : NULL;
	if (!item)
		return -ENOENT;

	unlink_item(kvm, group, item);
	if (!group->nr_items) {
		kvm_io_bus_unregister_point(kvm, bus_of(args), &group->point);
		kfree_rcu(group, rcu);
	}

	spin_lock(&item->lock);
	item->eventfd = NULL;
	spin_unlock(&item->lock);

	/* The item's reference; the caller has one of its own. */
	eventfd_ctx_put(eventfd);
	kfree_rcu(item, rcu);
	return 0;
}

/**
 * kvm_iosignalfd_deassign - take a registration back
 * @kvm: the VM
 * @args: what it was assigned with; flags that assigning doesn't know are
 *	passed over, as they always were
 *
 * When this returns nothing signals the eventfd through that registration, and
 * the writes it took go on to other devices and to user space.
 * Context: process context, no locks held.  Waits for a signal under way, not
 * for a grace period, and takes no memory.
 * Return: 0; -ENOENT if there is no such registration; -EBADF or -EINVAL for an
 * fd that isn't open or isn't an eventfd.
 */
int kvm_iosignalfd_deassign(struct kvm *kvm, const struct kvm_ioeventfd *args)
{
	struct eventfd_ctx *eventfd;
	int ret;

	eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);

	mutex_lock(&kvm->iosignalfd_lock);
	ret = remove_item(kvm, args, eventfd);
	mutex_unlock(&kvm->iosignalfd_lock);

	eventfd_ctx_put(eventfd);
	return ret;
}

/**
 * kvm_iosignalfd_init - set up a new VM's part of this
 * @kvm: the VM
 *
 * There is no counterpart: what is left when the VM goes stands on its buses.
 */
void kvm_iosignalfd_init(struct kvm *kvm)
{
	mutex_init(&kvm->iosignalfd_lock);
	/* What a new vCPU remembers, nothing, is of generation 0. */
	kvm->iosignalfd_gen = 1;
}
