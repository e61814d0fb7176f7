// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd, alias ioeventfd: a guest's write becomes an eventfd's signal.
 *
 * A group is the device for one address and one length; it stands on the bus as
 * a point.  The items in it carry an eventfd each, and either take every write
 * (the group's wildcard) or one value (indexed by it).  Items that share their
 * writes, by KVM_IOSIGNALFD_FLAG_FANOUT, stand in a chain.
 *
 *	bus --address--> group --value--> item --> item ...
 *	                                   |        |
 *	                                eventfd  eventfd
 *
 * Writers of this structure hold kvm->iosignalfds.lock.  Readers, vCPUs, are
 * under RCU all the way and take one lock, the item's, for the signal itself.
 * DEASSIGN takes that lock too: when it returns no signal is under way, and none
 * can begin as the item has lost its eventfd.  So it waits for one signal at
 * most, never for a grace period; what is unlinked goes by kfree_rcu(), which
 * leaves no callback of ours behind for a module unload to wait for.
 */

#include <kvm/iobus.h>

#include <linux/cache.h>
#include <linux/debugfs.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/interval_tree.h>
#include <linux/kvm_host.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "eventfd_ids.h"
#include "iosignalfd.h"
#include "iosignalfd_watch.h"

/* How many that have hung up end at a time. */
#define REAP_BATCH	64

#define CREATE_TRACE_POINTS
#include <trace/events/kvm_iosignalfd.h>

/**
 * struct iosignalfd_spec - what user space asks for, in our terms
 * @addr: the address
 * @value: the value that rings, unless @wildcard; else 0
 * @post: where the value is stored; NULL for nowhere
 * @eventfd: the eventfd; not looked at where any will do
 * @file: its file, which the caller holds; to assign
 * @bus: the bus
 * @len: the length, 0 for any
 * @wildcard: every value rings
 * @fanout: others may share the writes
 */
struct iosignalfd_spec {
	gpa_t addr;
	u64 value;
	void __user *post;
	struct eventfd_ctx *eventfd;
	struct file *file;
	enum kvm_bus bus;
	u32 len;
	bool wildcard;
	bool fanout;
};

/**
 * struct iosignalfd_item - one registration
 * @next: another item with the same index in group->values, or in the chain of
 *	wildcards: one that shares the writes or, where an index is narrower than
 *	a value, one with another value
 * @value: the value that rings; 0 in a wildcard
 * @lock: held across the store and the signal, so that taking it waits for them;
 *	interrupts off, as the exit path takes it so
 * @fanout: others may share the writes
 * @eventfd: the eventfd, of which the item holds a reference; NULL once the
 *	registration is gone; under @lock
 * @file: where the eventfd's file is or was; see iosignalfd_alive()
 * @post: where the value is stored before the signal; NULL for nowhere
 * @unlogged_gen: for which memslots @post is known to be in no dirty log; under @lock
 * @rings: how often it has signalled; under @lock
 * @group: where it belongs
 * @watch: looks out for the eventfd's hang-up; NULL without HANGUP
 * @watch_node: in @watch's list
 * @vm_node: in kvm->iosignalfds.items
 * @rcu: for the memory
 */
struct iosignalfd_item {
	/* Read by each write that looks at it, and written by one that rings it. */
	__cacheline_group_begin(ring);
	struct iosignalfd_item __rcu *next;
	u64 value;
	spinlock_t lock; /* see above */
	bool fanout;
	struct eventfd_ctx *eventfd;
	struct file *file;
	void __user *post;
	u64 unlogged_gen;
	u64 rings;

	__cacheline_group_end(ring);

	/* Begin and end; the nodes are written when their neighbours come and go, too. */
	struct iosignalfd_group *group;
	struct iosignalfd_watch *watch;
	struct list_head watch_node;
	struct list_head vm_node;
	struct rcu_head rcu;
};

/**
 * struct iosignalfd_group - all registrations for one address and length
 * @point: its place on the bus
 * @bus: which bus that is
 * @len: the length, 0 for any
 * @nr_items: how many items it has; a group without is taken off the bus
 * @wildcard: the items that take every write; they exclude all others
 * @values: the items that take one value, chained where they share an index
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

static struct iosignalfd_group *iosignalfd_to_group(struct kvm_io_point *point)
{
	return container_of(point, struct iosignalfd_group, point);
}

static struct iosignalfd_group *iosignalfd_dev_to_group(struct kvm_io_device *dev)
{
	return iosignalfd_to_group(container_of(dev, struct kvm_io_point, dev));
}

/*
 * An xarray's index is a long, a guest's value has 64 bits everywhere.  Where that is
 * more, long values may meet at an index; they count as one there for how many items
 * it takes.
 */
static unsigned long iosignalfd_value_index(u64 value)
{
	if (BITS_PER_LONG == 64 || !upper_32_bits(value))
		return value;

	return hash_64(value, 32);
}

/*
 * The items with this value, which share it.
 * Context: an RCU read section, or kvm->iosignalfds.lock.
 */
static struct iosignalfd_item *iosignalfd_with_value(struct iosignalfd_item *item,
						     u64 value)
{
	while (item && item->value != value)
		item = rcu_dereference_check(item->next, true);

	return item;
}

static struct iosignalfd_item *iosignalfd_first_for_value(struct iosignalfd_group *group,
							  u64 value)
{
	struct iosignalfd_item *item =
		xa_load(&group->values, iosignalfd_value_index(value));

	return iosignalfd_with_value(item, value);
}

static struct iosignalfd_item *iosignalfd_next_sharing(struct iosignalfd_item *item)
{
	struct iosignalfd_item *next = rcu_dereference_check(item->next, true);

	return iosignalfd_with_value(next, item->value);
}

/* Ringing */

static int iosignalfd_put_value(void __user *at, int len, u64 value)
{
	switch (len) {
	case 1:
		return __put_user((u8)value, (u8 __user *)at);
	case 2:
		return __put_user((u16)value, (u16 __user *)at);
	case 4:
		return __put_user((u32)value, (u32 __user *)at);
	default:
		return __put_user((u64)value, (u64 __user *)at);
	}
}

/*
 * A number that no other state of the VM's memslots has had.  What it is taken from
 * is part of the VM, and needs no read section.
 */
static u64 iosignalfd_memslots_gen(struct kvm *kvm)
{
	u64 gen = 0;
	int i;

	for (i = 0; i < kvm_arch_nr_memslot_as_ids(kvm); i++) {
		struct kvm_memslots *slots;

		slots = rcu_dereference_check(kvm->memslots[i], true);
		gen += READ_ONCE(slots->generation);
	}

	return gen;
}

/*
 * What has been stored may be guest memory, of which a log is kept: then it says so,
 * as of any other write of KVM's.  Memslots may share memory, as many as user space
 * likes, and interrupts are off, so only a few are looked at.
 *
 * Return: 0, or -EFAULT if not all could be said.
 */
static int iosignalfd_log(struct kvm_vcpu *vcpu, struct iosignalfd_item *item)
{
	unsigned long hva = (unsigned long)item->post;
	struct kvm *kvm = vcpu->kvm;
	u64 gen = iosignalfd_memslots_gen(kvm);
	bool logged = false;
	int i, left = 16;

	lockdep_assert_held(&item->lock);

	for (i = 0; i < kvm_arch_nr_memslot_as_ids(kvm); i++) {
		struct kvm_memslots *slots = __kvm_memslots(kvm, i);
		struct interval_tree_node *node;

		for (node = interval_tree_iter_first(&slots->hva_tree, hva, hva);
		     node; node = interval_tree_iter_next(node, hva, hva)) {
			struct kvm_memory_slot *slot;

			if (!left--)
				return -EFAULT;

			slot = container_of(node, struct kvm_memory_slot,
					    hva_node[slots->node_idx]);
			if (!kvm_slot_dirty_track_enabled(slot))
				continue;
			/* The ring takes no more until the vCPU has been stopped. */
			if (kvm->dirty_ring_size &&
			    kvm_test_request(KVM_REQ_DIRTY_RING_SOFT_FULL, vcpu))
				return -EFAULT;
			mark_page_dirty_in_slot(kvm, slot,
						hva_to_gfn_memslot(hva, slot));
			logged = true;
		}
	}

	if (!logged)
		item->unlogged_gen = gen;
	return 0;
}

/*
 * Store the value where the registration wants it.  The vCPU's thread is one of the
 * VM's process, so that the address is in reach, and a page that isn't there at the
 * moment is user space's to bring.
 */
static int iosignalfd_post(struct kvm_vcpu *vcpu, struct iosignalfd_item *item,
			   int len, u64 value)
{
	int ret, idx;

	pagefault_disable();
	ret = iosignalfd_put_value(item->post, len, value);
	pagefault_enable();
	if (ret)
		return ret;

	/*
	 * KVM_SET_USER_MEMORY_REGION publishes memslots with a log, waits for a
	 * grace period, which is a full barrier, and returns.  So either this finds
	 * other memslots, or a read of memory after that return finds the value.
	 */
	smp_mb();
	if (likely(iosignalfd_memslots_gen(vcpu->kvm) == item->unlogged_gen))
		return 0;

	idx = srcu_read_lock(&vcpu->kvm->srcu);
	ret = iosignalfd_log(vcpu, item);
	srcu_read_unlock(&vcpu->kvm->srcu, idx);

	return ret;
}

/* Signal, unless the registration has gone; and with @post store the value first. */
static __always_inline int iosignalfd_ring_item(struct kvm_vcpu *vcpu,
						struct iosignalfd_item *item, gpa_t addr,
						int len, u64 value, bool post)
{
	int ret = -EOPNOTSUPP;
	unsigned long flags;

	spin_lock_irqsave(&item->lock, flags);
	if (item->eventfd) {
		ret = post ? iosignalfd_post(vcpu, item, len, value) : 0;
		if (!ret) {
			eventfd_signal(item->eventfd);
			item->rings++;
		}
	}
	spin_unlock_irqrestore(&item->lock, flags);

	if (ret)
		return ret;

	++vcpu->stat.generic.iosignalfd_rings;
	trace_kvm_iosignalfd_ring(vcpu->vcpu_id, item->group->bus, addr, len,
				  value);
	return 0;
}

/**
 * kvm_iosignalfd_ring - signal, unless the registration has gone in the meantime
 * @vcpu: the vCPU that writes
 * @item: the registration
 * @addr: the address
 * @len: how many bytes; 0 where nothing but the address is known
 * @value: the value that is written; bits above @len bytes don't matter
 *
 * A vCPU in the exit path waits for the item's lock with interrupts off.  So every
 * holder of the lock has interrupts off as well: no softirq can run in the holder and
 * make that wait longer than a store and a signal take.  The signal has interrupts off
 * anyway, for the eventfd's own lock.
 *
 * Context: an RCU read section in which @item was found, or interrupts off; on
 * PREEMPT_RT interrupts are on.
 * Return: 0, or -EOPNOTSUPP if the registration has gone.
 */
int kvm_iosignalfd_ring(struct kvm_vcpu *vcpu, struct iosignalfd_item *item,
			gpa_t addr, int len, u64 value)
{
	return iosignalfd_ring_item(vcpu, item, addr, len, value, false);
}

/* Store the value for all items that share the write, up to the first fault. */
static int iosignalfd_post_all(struct kvm_vcpu *vcpu, struct iosignalfd_item *item,
			       int len, u64 value)
{
	int ret = 0;

	for (; item && !ret; item = iosignalfd_next_sharing(item)) {
		unsigned long flags;

		if (!item->post)
			continue;

		spin_lock_irqsave(&item->lock, flags);
		if (item->eventfd)
			ret = iosignalfd_post(vcpu, item, len, value);
		spin_unlock_irqrestore(&item->lock, flags);
	}

	return ret;
}

static int iosignalfd_post_and_ring_all(struct kvm_vcpu *vcpu,
					struct iosignalfd_item *first,
					gpa_t addr, int len, u64 value)
{
	struct iosignalfd_item *item;
	int ret;

	/* All values are stored before the first signal, or there is none. */
	ret = iosignalfd_post_all(vcpu, first, len, value);
	if (ret)
		return ret;

	ret = -EOPNOTSUPP;
	for (item = first; item; item = iosignalfd_next_sharing(item))
		if (!iosignalfd_ring_item(vcpu, item, addr, len, value, false))
			ret = 0;

	return ret;
}

/*
 * Return: 0; -EFAULT if a value can't be stored, so that the write is user space's
 * and no eventfd has been signalled for it; -EAGAIN if the vCPU mustn't remember that
 * the write rings nothing: it is for the long way, or the registrations have gone.
 */
static int iosignalfd_post_and_ring(struct kvm_vcpu *vcpu, struct iosignalfd_item *first,
				    gpa_t addr, int len, u64 value)
{
	/* True in the exit path alone, and not in that of PREEMPT_RT. */
	bool in_exit_path = irqs_disabled();
	int ret;

	if (!rcu_access_pointer(first->next))
		ret = iosignalfd_ring_item(vcpu, first, addr, len, value, first->post);
	else if (!in_exit_path)
		ret = iosignalfd_post_and_ring_all(vcpu, first, addr, len, value);
	else
		return -EAGAIN;

	if (!ret || ret == -EOPNOTSUPP)
		return ret ? -EAGAIN : 0;

	/* The long way tries again, and counts it. */
	if (in_exit_path)
		return -EAGAIN;

	++vcpu->stat.generic.iosignalfd_post_faults;
	return -EFAULT;
}

/*
 * A vCPU remembers which item a write rang, or that it rang none, so that it needn't
 * look again, until groups or items change.
 *
 * An assign begins a new generation when the new item can be found.  So a vCPU that
 * has seen the assign return doesn't rely on having found nothing before.  A removal
 * begins a new generation after it has taken the item out and before it gives the item
 * to RCU.  So a vCPU that finds, in a read section, the generation of an item that it
 * remembers, may use the item for the rest of that section, as if it had looked it up.
 */
static void iosignalfd_forget_all(struct kvm *kvm)
{
	unsigned long gen = READ_ONCE(kvm->iosignalfds.gen);

	/*
	 * A full barrier.  A reader of the new generation finds groups, items and
	 * memslots as they are now; and the caller's later loads come after this, see
	 * iobus_see_what_was_announced().
	 */
	while (!try_cmpxchg(&kvm->iosignalfds.gen, &gen, gen + 1))
		;
}

/**
 * kvm_iosignalfd_memory_changed - have vCPUs not rely on what they know of holes
 * @kvm: the VM, whose new memslots are published
 *
 * A write by an instruction that comes after the return doesn't ring where there is
 * memory.
 * Context: any; takes no lock.
 */
void kvm_iosignalfd_memory_changed(struct kvm *kvm)
{
	iosignalfd_forget_all(kvm);
}

static int iosignalfd_write(struct kvm_vcpu *vcpu, struct kvm_io_device *dev,
			    gpa_t addr, int len, const void *val)
{
	struct iosignalfd_group *group = iosignalfd_dev_to_group(dev);
	u64 value = kvm_io_value(len, val);
	struct iosignalfd_item *item;
	unsigned long gen;
	bool any_value;

	/* A wider or narrower write than the registered one is another write. */
	if (group->len && group->len != len)
		return -EOPNOTSUPP;

	/* Before the look at the items: pairs with iosignalfd_forget_all(). */
	gen = smp_load_acquire(&vcpu->kvm->iosignalfds.gen);

	/* Nothing but the address is known, and memory may have come there. */
	if (!len && !kvm_io_bus_is_hole(vcpu->kvm, &group->point, gen))
		return -EAGAIN;

	item = rcu_dereference(group->wildcard);
	any_value = item;
	if (!item && group->len)
		item = iosignalfd_first_for_value(group, value);
	if (!item)
		return -EOPNOTSUPP;

	/* What is remembered is signalled and nothing else. */
	if (unlikely(item->post || rcu_access_pointer(item->next)))
		return iosignalfd_post_and_ring(vcpu, item, addr, len, value);

	kvm_iosignalfd_remember(vcpu, gen, group->bus, addr, len,
				any_value ? 0 : value, any_value, item);
	return kvm_iosignalfd_ring(vcpu, item, addr, len, value);
}

static const struct kvm_io_device_ops iosignalfd_ops = {
	.write = iosignalfd_write,
};

/* Groups and their items */

static struct iosignalfd_item *iosignalfd_locked_next(struct kvm *kvm,
						      struct iosignalfd_item *item)
{
	return rcu_dereference_protected(item->next,
				lockdep_is_held(&kvm->iosignalfds.lock));
}

static struct iosignalfd_item *iosignalfd_locked_wildcard(struct kvm *kvm,
							  struct iosignalfd_group *group)
{
	return rcu_dereference_protected(group->wildcard,
				lockdep_is_held(&kvm->iosignalfds.lock));
}

/* The first of the items that take just the writes of @spec. */
static struct iosignalfd_item *iosignalfd_first_item(struct kvm *kvm,
						     struct iosignalfd_group *group,
						     const struct iosignalfd_spec *spec)
{
	if (spec->wildcard)
		return iosignalfd_locked_wildcard(kvm, group);

	return iosignalfd_first_for_value(group, spec->value);
}

/* The groups at the address, one for each length; NULL begins and ends. */
static struct iosignalfd_group *iosignalfd_next_group(struct kvm *kvm,
						      const struct iosignalfd_spec *spec,
						      struct iosignalfd_group *group)
{
	struct kvm_io_point *point = group ? &group->point : NULL;

	lockdep_assert_held(&kvm->iosignalfds.lock);

	rcu_read_lock();
	point = kvm_io_bus_next_point(kvm, spec->bus, spec->addr, point);
	rcu_read_unlock();

	return point ? iosignalfd_to_group(point) : NULL;
}

static struct iosignalfd_group *iosignalfd_find_group(struct kvm *kvm,
						      const struct iosignalfd_spec *spec)
{
	struct iosignalfd_group *group = iosignalfd_next_group(kvm, spec, NULL);

	while (group && group->len != spec->len)
		group = iosignalfd_next_group(kvm, spec, group);

	return group;
}

/*
 * Does the item's eventfd still have a file, by which user space can know of it?
 *
 * An eventfd has at most one file.  The item holds no reference to the file, and to be
 * told of its release would cost each signal something.  So this reads what is at the
 * file's address now.  It is still that file, and not freed, if it has references and
 * points to the eventfd.  The item holds the eventfd, so nothing else can come to be at
 * the eventfd's address, and no other file can point there.
 *
 * Memory that is no longer the file can look like it only by chance; then an assign is
 * refused that needn't be.  A living file is never taken for a dead one.
 */
static bool iosignalfd_alive(const struct iosignalfd_item *item)
{
	typeof(item->file->f_count.counter) count;
	void *eventfd;

	if (get_kernel_nofault(count, &item->file->f_count.counter) ||
	    get_kernel_nofault(eventfd, &item->file->private_data))
		return false;

	return count && eventfd == item->eventfd;
}

/* Would one write signal an eventfd twice, or one that it isn't shared with? */
static bool iosignalfd_in_the_way(const struct iosignalfd_group *group,
				  const struct iosignalfd_item *item,
				  const struct iosignalfd_spec *spec)
{
	if (group->len != spec->len)
		return !group->len || !spec->len;

	/* Every write, and one of these writes, would be one twice. */
	if (spec->wildcard != !!rcu_access_pointer(group->wildcard))
		return true;

	return item->value == spec->value &&
	       !(item->fanout && spec->fanout && item->eventfd != spec->eventfd);
}

static struct iosignalfd_item *
obstacle_in_chain(struct kvm *kvm, struct iosignalfd_group *group,
		  struct iosignalfd_item *item,
		  const struct iosignalfd_spec *spec, bool alive)
{
	for (; item; item = iosignalfd_locked_next(kvm, item))
		if (iosignalfd_in_the_way(group, item, spec) &&
		    (!alive || iosignalfd_alive(item)))
			return item;

	return NULL;
}

static struct iosignalfd_item *
obstacle_in_group(struct kvm *kvm, struct iosignalfd_group *group,
		  const struct iosignalfd_spec *spec, bool alive)
{
	struct iosignalfd_item *item = iosignalfd_locked_wildcard(kvm, group);
	unsigned long index;

	if (item)
		return obstacle_in_chain(kvm, group, item, spec, alive);

	if (!spec->wildcard && group->len == spec->len) {
		item = xa_load(&group->values, iosignalfd_value_index(spec->value));
		return obstacle_in_chain(kvm, group, item, spec, alive);
	}

	xa_for_each(&group->values, index, item) {
		item = obstacle_in_chain(kvm, group, item, spec, alive);
		if (item)
			return item;
		cond_resched();
	}

	return NULL;
}

/*
 * An item that takes some of the writes of @spec and doesn't share them, or NULL.  With
 * @alive only one whose eventfd has a file.  @group is where @spec's item belongs; NULL
 * if there is none yet.
 */
static struct iosignalfd_item *iosignalfd_find_obstacle(struct kvm *kvm,
							const struct iosignalfd_spec *spec,
							bool alive,
							struct iosignalfd_group **group)
{
	struct iosignalfd_group *at = NULL;
	struct iosignalfd_item *item;

	*group = NULL;
	while ((at = iosignalfd_next_group(kvm, spec, at))) {
		/* Other lengths don't mind each other. */
		if (at->len && spec->len && at->len != spec->len)
			continue;
		item = obstacle_in_group(kvm, at, spec, alive);
		if (item)
			return item;
		if (at->len == spec->len)
			*group = at;
	}

	return NULL;
}

/* The items that stand in one chain with those of @spec, a few of them. */
static struct iosignalfd_item *iosignalfd_chain_of(struct kvm *kvm,
						   struct iosignalfd_group *group,
						   const struct iosignalfd_spec *spec)
{
	if (spec->wildcard)
		return iosignalfd_locked_wildcard(kvm, group);

	return xa_load(&group->values, iosignalfd_value_index(spec->value));
}

static int iosignalfd_link_item(struct kvm *kvm, struct iosignalfd_group *group,
				struct iosignalfd_item *item,
				const struct iosignalfd_spec *spec)
{
	struct iosignalfd_item *first = iosignalfd_chain_of(kvm, group, spec);
	struct iosignalfd_item *other;
	int nr = 0, ret;

	lockdep_assert_held(&kvm->iosignalfds.lock);

	for (other = first; other; other = iosignalfd_locked_next(kvm, other))
		if (++nr == KVM_IOSIGNALFD_MAX_FANOUT)
			return -EUSERS;

	/* A vCPU that meets the item may look at all of it. */
	item->group = group;
	RCU_INIT_POINTER(item->next, first);

	if (spec->wildcard) {
		rcu_assign_pointer(group->wildcard, item);
	} else {
		ret = xa_err(xa_store(&group->values, iosignalfd_value_index(item->value),
				      item, GFP_KERNEL_ACCOUNT));
		if (ret)
			return ret;
	}

	group->nr_items++;
	return 0;
}

static void iosignalfd_unlink_item(struct kvm *kvm, struct iosignalfd_item *item)
{
	struct iosignalfd_group *group = item->group;
	struct iosignalfd_item *wildcard = iosignalfd_locked_wildcard(kvm, group);
	unsigned long index = iosignalfd_value_index(item->value);
	struct iosignalfd_item *prev, *next;

	lockdep_assert_held(&kvm->iosignalfds.lock);

	next = rcu_dereference_protected(item->next, true);
	prev = wildcard ?: xa_load(&group->values, index);

	if (item != prev) {
		while (rcu_access_pointer(prev->next) != item)
			prev = rcu_dereference_protected(prev->next, true);
		rcu_assign_pointer(prev->next, next);
	} else if (wildcard) {
		rcu_assign_pointer(group->wildcard, next);
	} else if (next) {
		/* Storing over an entry takes no memory, so it can't fail. */
		xa_store(&group->values, index, next, GFP_NOWAIT);
	} else {
		xa_erase(&group->values, index);
	}

	group->nr_items--;
	iosignalfd_forget_all(kvm);
}

static struct iosignalfd_group *iosignalfd_new_group(const struct iosignalfd_spec *spec)
{
	struct iosignalfd_group *group;

	group = kzalloc(sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group)
		return NULL;

	kvm_iodevice_init(&group->point.dev, &iosignalfd_ops);
	group->bus = spec->bus;
	group->len = spec->len;
	xa_init_flags(&group->values, XA_FLAGS_ACCOUNT);

	return group;
}

/* The registration ends; its eventfd, and @item's memory, are let go. */
static void iosignalfd_remove_item(struct kvm *kvm, struct iosignalfd_item *item)
{
	struct iosignalfd_group *group = item->group;
	struct eventfd_ctx *eventfd;

	lockdep_assert_held(&kvm->iosignalfds.lock);

	iosignalfd_unlink_item(kvm, item);
	if (!group->nr_items) {
		kvm_io_bus_unregister_point(kvm, group->bus, &group->point);
		kfree_rcu(group, rcu);
	}

	list_del(&item->vm_node);
	kvm->stat.generic.nr_iosignalfds--;

	spin_lock_irq(&item->lock);
	eventfd = item->eventfd;
	item->eventfd = NULL;
	spin_unlock_irq(&item->lock);

	if (item->watch)
		iosignalfd_unwatch(item->watch, &item->watch_node);

	eventfd_ctx_put(eventfd);
	kfree_rcu(item, rcu);
}

/*
 * End the registrations that are in the way, if none of their eventfds has a file any
 * more; else -EEXIST, and all of them stay.
 */
static int iosignalfd_make_room(struct kvm *kvm, const struct iosignalfd_spec *spec,
				struct iosignalfd_group **group)
{
	struct iosignalfd_item *item = iosignalfd_find_obstacle(kvm, spec, false, group);

	if (likely(!item))
		return 0;
	if (iosignalfd_find_obstacle(kvm, spec, true, group))
		return -EEXIST;

	do {
		iosignalfd_remove_item(kvm, item);
		cond_resched();
		item = iosignalfd_find_obstacle(kvm, spec, false, group);
	} while (item);

	return 0;
}

/* An item that would share @spec's writes, and whose eventfd has no file any more. */
static struct iosignalfd_item *iosignalfd_dead_sharer(struct kvm *kvm,
						      struct iosignalfd_group *group,
						      const struct iosignalfd_spec *spec)
{
	struct iosignalfd_item *item = iosignalfd_chain_of(kvm, group, spec);

	while (item && iosignalfd_alive(item))
		item = iosignalfd_locked_next(kvm, item);

	return item;
}

/* Put @item into a group that has others. */
static int iosignalfd_join_group(struct kvm *kvm, struct iosignalfd_group *group,
				 struct iosignalfd_item *item,
				 const struct iosignalfd_spec *spec)
{
	int ret = iosignalfd_link_item(kvm, group, item, spec);
	struct iosignalfd_item *dead;

	if (ret != -EUSERS)
		return ret;

	/* The group stays: there are more in the chain. */
	dead = iosignalfd_dead_sharer(kvm, group, spec);
	if (!dead)
		return -EUSERS;

	iosignalfd_remove_item(kvm, dead);
	return iosignalfd_link_item(kvm, group, item, spec);
}

/* Find or make the group and put @item into it; all of it or nothing. */
static int iosignalfd_insert_item(struct kvm *kvm, const struct iosignalfd_spec *spec,
				  struct iosignalfd_item *item)
{
	struct iosignalfd_group *group;
	int ret;

	ret = iosignalfd_make_room(kvm, spec, &group);
	if (ret)
		return ret;
	if (group)
		return iosignalfd_join_group(kvm, group, item, spec);

	group = iosignalfd_new_group(spec);
	if (!group)
		return -ENOMEM;

	/* The group goes on the bus with its first item in it. */
	ret = iosignalfd_link_item(kvm, group, item, spec);
	if (!ret) {
		ret = kvm_io_bus_register_point(kvm, spec->bus, spec->addr,
						&group->point);
		if (!ret)
			return 0;
	}

	/* No vCPU can have seen it, so it needs no grace period. */
	xa_destroy(&group->values);
	kfree(group);
	return ret;
}

/*
 * End some of the registrations whose eventfds have hung up.  The work does this, a few
 * at a time.  So does each ioctl that changes registrations, since it may come before
 * the work.  Those that are left are in no assign's way, as it sees that they have hung
 * up.
 */
static void iosignalfd_reap_some(struct kvm *kvm)
{
	struct iosignalfd_item *item, *next;
	struct iosignalfd_watch *watch;
	struct llist_node *node;
	int left = REAP_BATCH;

	lockdep_assert_held(&kvm->iosignalfds.lock);

	if (likely(llist_empty(&kvm->iosignalfds.gone)))
		return;

	while (left-- > 0 && (node = llist_del_first(&kvm->iosignalfds.gone))) {
		watch = llist_entry(node, struct iosignalfd_watch, gone_node);

		list_for_each_entry_safe(item, next, &watch->items, watch_node) {
			if (left-- <= 0)
				break;
			iosignalfd_remove_item(kvm, item);
		}

		if (list_empty(&watch->items))
			kfree(watch);
		else
			llist_add(node, &kvm->iosignalfds.gone);
	}
}

static void iosignalfd_reap_work(struct work_struct *work)
{
	struct kvm *kvm = container_of(work, struct kvm, iosignalfds.reap);

	/* Others get their turn between the batches, and the processor theirs. */
	while (!llist_empty(&kvm->iosignalfds.gone)) {
		mutex_lock(&kvm->iosignalfds.lock);
		iosignalfd_reap_some(kvm);
		mutex_unlock(&kvm->iosignalfds.lock);
		cond_resched();
	}
}

/* What user space asks for */

static bool iosignalfd_is_user_address(u64 addr, u32 len)
{
	void __user *at = u64_to_user_ptr(addr);

	return (u64)(uintptr_t)at == addr && access_ok(at, len);
}

/*
 * What assign has always taken: the port's flag and the channel's together, which
 * are the port, the channel's where there are none, and the nameless one, which
 * says nothing.  They are named one by one, so that a flag that is added to
 * KVM_IOEVENTFD_VALID_FLAG_MASK is refused until iosignalfd_to_spec() knows what it means.
 */
#define IOEVENTFD_FLAGS							\
	(KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO |	\
	 KVM_IOEVENTFD_FLAG_DEASSIGN |					\
	 KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY |				\
	 1 << kvm_ioeventfd_flag_nr_fast_mmio)
static_assert(IOEVENTFD_FLAGS == KVM_IOEVENTFD_VALID_FLAG_MASK);

/* What goes for assigning; deassigning finds something or doesn't. */
static int iosignalfd_check_args(const struct kvm_iosignalfd *args)
{
	u32 valid = IOEVENTFD_FLAGS | KVM_IOSIGNALFD_FLAGS;

	/* There's nothing to assign to whatever eventfd. */
	valid &= ~KVM_IOSIGNALFD_FLAG_ANY_FD;

	if (args->len > 8 || (args->len & (args->len - 1)))
		return -EINVAL;
	if (args->addr + args->len < args->addr)
		return -EINVAL;
	if (args->flags & ~valid)
		return -EINVAL;
	if (!args->len && (args->flags & (KVM_IOSIGNALFD_FLAG_TRIGGER |
					  KVM_IOSIGNALFD_FLAG_POST_WRITE)))
		return -EINVAL;

	if (args->flags & KVM_IOSIGNALFD_FLAG_POST_WRITE) {
		/* A store in two halves is not what is promised. */
		if (args->len > sizeof(long) || args->post_addr % args->len)
			return -EINVAL;
		if (!iosignalfd_is_user_address(args->post_addr, args->len))
			return -EFAULT;
	}

	return 0;
}

static struct iosignalfd_spec iosignalfd_to_spec(const struct kvm_iosignalfd *args)
{
	struct iosignalfd_spec spec = {
		.addr = args->addr,
		.bus = KVM_MMIO_BUS,
		.len = args->len,
		.wildcard = !(args->flags & KVM_IOSIGNALFD_FLAG_TRIGGER),
		.fanout = args->flags & KVM_IOSIGNALFD_FLAG_FANOUT,
	};

	if (args->flags & KVM_IOEVENTFD_FLAG_PIO)
		spec.bus = KVM_PIO_BUS;
	else if (args->flags & KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY)
		spec.bus = KVM_VIRTIO_CCW_NOTIFY_BUS;

	if (!spec.wildcard)
		spec.value = args->trigger;
	if (args->flags & KVM_IOSIGNALFD_FLAG_POST_WRITE)
		spec.post = u64_to_user_ptr(args->post_addr);

	return spec;
}

/* The two structures are one, seen through either name. */
static const struct kvm_iosignalfd *iosignalfd_to_args(const struct kvm_ioeventfd *args)
{
	BUILD_BUG_ON(sizeof(struct kvm_iosignalfd) !=
		     sizeof(struct kvm_ioeventfd));
	BUILD_BUG_ON(offsetof(struct kvm_iosignalfd, flags) !=
		     offsetof(struct kvm_ioeventfd, flags));
	BUILD_BUG_ON(offsetof(struct kvm_iosignalfd, post_addr) <
		     offsetof(struct kvm_ioeventfd, pad));

	return (const struct kvm_iosignalfd *)args;
}

static struct iosignalfd_item *iosignalfd_new_item(const struct iosignalfd_spec *spec)
{
	struct iosignalfd_item *item;

	item = kzalloc(sizeof(*item), GFP_KERNEL_ACCOUNT);
	if (!item)
		return NULL;

	spin_lock_init(&item->lock);
	item->value = spec->value;
	item->fanout = spec->fanout;
	item->eventfd = spec->eventfd;
	item->file = spec->file;
	item->post = spec->post;

	return item;
}

static int iosignalfd_add_item(struct kvm *kvm, const struct iosignalfd_spec *spec,
			       struct iosignalfd_item *item, bool watch)
{
	int ret;

	lockdep_assert_held(&kvm->iosignalfds.lock);

	/* What has hung up doesn't stand in the way of what takes its place. */
	iosignalfd_reap_some(kvm);

	if (watch) {
		ret = iosignalfd_watch(kvm, spec->file, spec->eventfd,
				       &item->watch_node, &item->watch);
		if (ret)
			return ret;
	}

	ret = iosignalfd_insert_item(kvm, spec, item);
	if (ret) {
		if (item->watch)
			iosignalfd_unwatch(item->watch, &item->watch_node);
		return ret;
	}

	list_add_tail(&item->vm_node, &kvm->iosignalfds.items);
	kvm->stat.generic.nr_iosignalfds++;
	return 0;
}

/**
 * kvm_iosignalfd_assign - have writes signal an eventfd from now on
 * @kvm: the VM
 * @user_args: which writes, and the eventfd
 *
 * A write by an instruction that comes after the return signals.
 * Context: process context, no locks held.  Waits for no reader.
 * Return: 0; -EINVAL for a length that isn't 0, 1, 2, 4 or 8, an address range
 * that wraps, a flag that is unknown or is deassign's, a value or an address
 * to post to without a length, an address to post to that isn't a multiple of
 * it, or an fd that isn't an eventfd; -EFAULT for an address to post to that
 * isn't user space's; -EBADF for an fd that isn't open; -EEXIST if one of these
 * writes is taken already, and not to be shared, by an eventfd that has a file;
 * -EUSERS if KVM_IOSIGNALFD_MAX_FANOUT share them already; -ENOMEM.
 */
int kvm_iosignalfd_assign(struct kvm *kvm, const struct kvm_ioeventfd *user_args)
{
	const struct kvm_iosignalfd *args = iosignalfd_to_args(user_args);
	struct iosignalfd_spec spec = iosignalfd_to_spec(args);
	struct iosignalfd_item *item;
	int ret;

	ret = iosignalfd_check_args(args);
	if (ret)
		return ret;

	/* Held to the end: until then the eventfd can't have hung up. */
	CLASS(fd, f)(args->fd);
	if (!fd_file(f))
		return -EBADF;

	spec.file = fd_file(f);
	spec.eventfd = eventfd_ctx_fileget(spec.file);
	if (IS_ERR(spec.eventfd))
		return PTR_ERR(spec.eventfd);

	item = iosignalfd_new_item(&spec);
	if (!item) {
		eventfd_ctx_put(spec.eventfd);
		return -ENOMEM;
	}

	mutex_lock(&kvm->iosignalfds.lock);
	ret = iosignalfd_add_item(kvm, &spec, item,
				  args->flags & KVM_IOSIGNALFD_FLAG_HANGUP);
	if (!ret)
		iosignalfd_forget_all(kvm);
	mutex_unlock(&kvm->iosignalfds.lock);

	if (ret) {
		kfree(item);
		eventfd_ctx_put(spec.eventfd);
	}

	return ret;
}

static int iosignalfd_remove_one(struct kvm *kvm, const struct iosignalfd_spec *spec)
{
	struct iosignalfd_group *group = iosignalfd_find_group(kvm, spec);
	struct iosignalfd_item *item;

	/* Only under kvm->iosignalfds.lock does an item lose its eventfd. */
	item = group ? iosignalfd_first_item(kvm, group, spec) : NULL;
	while (item && item->eventfd != spec->eventfd)
		item = iosignalfd_next_sharing(item);
	if (!item || item->post != spec->post)
		return -ENOENT;

	iosignalfd_remove_item(kvm, item);
	return 0;
}

/* An item of the group that is among the writes of @spec. */
static struct iosignalfd_item *iosignalfd_any_item(struct kvm *kvm,
						   struct iosignalfd_group *group,
						   const struct iosignalfd_spec *spec)
{
	unsigned long index = 0;

	if (spec->wildcard && !iosignalfd_locked_wildcard(kvm, group))
		return xa_find(&group->values, &index, ULONG_MAX, XA_PRESENT);

	return iosignalfd_first_item(kvm, group, spec);
}

static int iosignalfd_remove_all(struct kvm *kvm, const struct iosignalfd_spec *spec)
{
	struct iosignalfd_group *group = iosignalfd_find_group(kvm, spec);
	struct iosignalfd_item *item;
	int ret = -ENOENT;

	while (group && (item = iosignalfd_any_item(kvm, group, spec))) {
		/* With its last item the group goes, after a grace period. */
		if (group->nr_items == 1)
			group = NULL;
		/* What has hung up is as good as gone. */
		if (!item->watch || !READ_ONCE(item->watch->gone))
			ret = 0;
		iosignalfd_remove_item(kvm, item);
		cond_resched();
	}

	return ret;
}

/**
 * kvm_iosignalfd_deassign - take registrations back
 * @kvm: the VM
 * @user_args: what one was assigned with; flags that say nothing about which
 *	one is meant are passed over, and so are unknown ones, as always
 *
 * When this returns nothing signals the eventfd through that registration, nor
 * stores a value, and the writes it took go on to other devices and user space.
 * Context: process context, no locks held.  Waits for a signal under way, not
 * for a grace period, and takes no memory.
 * Return: 0; -ENOENT if there is no such registration; -EBADF or -EINVAL for an
 * fd that isn't open or isn't an eventfd, unless any will do.
 */
int kvm_iosignalfd_deassign(struct kvm *kvm,
			    const struct kvm_ioeventfd *user_args)
{
	const struct kvm_iosignalfd *args = iosignalfd_to_args(user_args);
	struct iosignalfd_spec spec = iosignalfd_to_spec(args);
	bool any = args->flags & KVM_IOSIGNALFD_FLAG_ANY_FD;
	int ret;

	if (!any) {
		spec.eventfd = eventfd_ctx_fdget(args->fd);
		if (IS_ERR(spec.eventfd))
			return PTR_ERR(spec.eventfd);
	}

	mutex_lock(&kvm->iosignalfds.lock);
	iosignalfd_reap_some(kvm);
	ret = any ? iosignalfd_remove_all(kvm, &spec) : iosignalfd_remove_one(kvm, &spec);
	mutex_unlock(&kvm->iosignalfds.lock);

	if (!any)
		eventfd_ctx_put(spec.eventfd);

	return ret;
}

/* debugfs: a line an item */

struct item_list {
	struct kvm *kvm;
	struct xarray ids;
};

static void *iosignalfd_list_start(struct seq_file *m, loff_t *pos)
{
	struct item_list *list = m->private;

	mutex_lock(&list->kvm->iosignalfds.lock);
	return seq_list_start_head(&list->kvm->iosignalfds.items, *pos);
}

static void *iosignalfd_list_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct item_list *list = m->private;

	return seq_list_next(v, &list->kvm->iosignalfds.items, pos);
}

static void iosignalfd_list_stop(struct seq_file *m, void *v)
{
	struct item_list *list = m->private;

	mutex_unlock(&list->kvm->iosignalfds.lock);
}

static const char *iosignalfd_bus_name(enum kvm_bus bus)
{
	switch (bus) {
	case KVM_PIO_BUS:
		return "pio";
	case KVM_VIRTIO_CCW_NOTIFY_BUS:
		return "ccw";
	default:
		return "mmio";
	}
}

static int iosignalfd_list_show(struct seq_file *m, void *v)
{
	struct item_list *list = m->private;
	struct iosignalfd_item *item;
	struct iosignalfd_group *group;
	u64 rings;

	if (v == &list->kvm->iosignalfds.items) {
		seq_puts(m, "bus address length value eventfd-id rings flags\n");
		return 0;
	}

	item = list_entry(v, struct iosignalfd_item, vm_node);
	group = item->group;

	seq_printf(m, "%s %#llx %u ", iosignalfd_bus_name(group->bus), group->point.addr,
		   group->len);
	if (iosignalfd_locked_wildcard(list->kvm, group))
		seq_puts(m, "any");
	else
		seq_printf(m, "%#llx", item->value);
	/* data_race(): a vCPU may be counting; the figure is as old as its line. */
	rings = data_race(item->rings);
	seq_printf(m, " %d %llu %s%s%s%s\n",
		   kvm_eventfd_id(&list->ids, item->eventfd), rings,
		   item->fanout ? "f" : "", item->post ? "p" : "",
		   item->watch ? "h" : "",
		   item->fanout || item->post || item->watch ? "" : "-");
	return 0;
}

static const struct seq_operations list_ops = {
	.start = iosignalfd_list_start,
	.next = iosignalfd_list_next,
	.stop = iosignalfd_list_stop,
	.show = iosignalfd_list_show,
};

/* The file keeps the VM, which may be going already. */
static int iosignalfd_list_open(struct inode *inode, struct file *file)
{
	struct kvm *kvm = inode->i_private;
	struct item_list *list;

	if (!kvm_get_kvm_safe(kvm))
		return -ENOENT;

	list = __seq_open_private(file, &list_ops, sizeof(*list));
	if (!list) {
		kvm_put_kvm(kvm);
		return -ENOMEM;
	}

	list->kvm = kvm;
	kvm_eventfd_ids_init(&list->ids, kvm);
	return 0;
}

static int iosignalfd_list_release(struct inode *inode, struct file *file)
{
	struct item_list *list = ((struct seq_file *)file->private_data)->private;

	kvm_eventfd_ids_destroy(&list->ids);
	kvm_put_kvm(list->kvm);
	return seq_release_private(inode, file);
}

static const struct file_operations list_fops = {
	.owner = THIS_MODULE,
	.open = iosignalfd_list_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = iosignalfd_list_release,
};

/**
 * kvm_iosignalfd_create_debugfs - show a VM's registrations
 * @kvm: the VM
 *
 * The file goes with the VM's directory.
 * Context: VM creation, when that directory has been made.
 */
void kvm_iosignalfd_create_debugfs(struct kvm *kvm)
{
	debugfs_create_file("iosignalfds", 0400, kvm->debugfs_dentry, kvm,
			    &list_fops);
}

/* The VM's life */

/* What a ring reads stands together; an assign writes to other cache lines. */
static void iosignalfd_assert_layout(void)
{
	CACHELINE_ASSERT_GROUP_MEMBER(typeof_member(struct kvm, iosignalfds),
				      ring, gen);
	BUILD_BUG_ON(offsetof(struct kvm, iosignalfds.lock) / SMP_CACHE_BYTES ==
		     offsetof(struct kvm, iosignalfds.gen) / SMP_CACHE_BYTES);

	CACHELINE_ASSERT_GROUP_MEMBER(struct iosignalfd_item, ring, next);
	CACHELINE_ASSERT_GROUP_MEMBER(struct iosignalfd_item, ring, value);
	CACHELINE_ASSERT_GROUP_MEMBER(struct iosignalfd_item, ring, fanout);
	CACHELINE_ASSERT_GROUP_MEMBER(struct iosignalfd_item, ring, eventfd);
	CACHELINE_ASSERT_GROUP_MEMBER(struct iosignalfd_item, ring, post);
	CACHELINE_ASSERT_GROUP_MEMBER(struct iosignalfd_item, ring, rings);
}

/**
 * kvm_iosignalfd_init - set up a new VM's part of this
 * @kvm: the VM
 *
 * Context: VM creation; can't fail.
 */
void kvm_iosignalfd_init(struct kvm *kvm)
{
	iosignalfd_assert_layout();

	mutex_init(&kvm->iosignalfds.lock);
	/* What a new vCPU remembers, nothing, is of generation 0. */
	kvm->iosignalfds.gen = 1;
	INIT_LIST_HEAD(&kvm->iosignalfds.items);
	xa_init_flags(&kvm->iosignalfds.watches, XA_FLAGS_ACCOUNT);
	init_llist_head(&kvm->iosignalfds.gone);
	INIT_WORK(&kvm->iosignalfds.reap, iosignalfd_reap_work);
}

/* Memory that goes all at once, for less than a piece at a time. */
struct iosignalfd_bulk {
	size_t nr;
	void *at[32];
};

static void iosignalfd_free(struct iosignalfd_bulk *bulk)
{
	kfree_bulk(bulk->nr, bulk->at);
	bulk->nr = 0;
}

static void iosignalfd_free_later(struct iosignalfd_bulk *bulk, void *at)
{
	bulk->at[bulk->nr++] = at;
	if (bulk->nr == ARRAY_SIZE(bulk->at))
		iosignalfd_free(bulk);
}

/* The index goes an entry at a time: xa_destroy() has interrupts off for all. */
static void iosignalfd_destroy_item(struct iosignalfd_item *item,
				    struct iosignalfd_bulk *groups)
{
	struct iosignalfd_group *group = item->group;

	if (item->watch)
		iosignalfd_unwatch(item->watch, &item->watch_node);
	eventfd_ctx_put(item->eventfd);

	if (!rcu_access_pointer(group->wildcard))
		xa_erase(&group->values, iosignalfd_value_index(item->value));
	if (!--group->nr_items)
		iosignalfd_free_later(groups, group);
}

/**
 * kvm_iosignalfd_stop - have hang-ups change nothing any more
 * @kvm: the VM
 *
 * The VM's buses can go then, whose points the work takes off.
 * Context: VM destruction: no ioctl can come.  Waits for the VM's own reap work.
 */
void kvm_iosignalfd_stop(struct kvm *kvm)
{
	disable_work_sync(&kvm->iosignalfds.reap);
}

/**
 * kvm_iosignalfd_destroy - free what registrations a VM has left
 * @kvm: the VM
 *
 * Context: VM destruction, after kvm_iosignalfd_stop() and kvm_io_bus_destroy():
 * no vCPU runs, no ioctl can come, and there is no reference to the VM, so no lock is
 * needed and no grace period either.  No table has the groups in it, not even one that
 * is being resized.
 */
void kvm_iosignalfd_destroy(struct kvm *kvm)
{
	struct iosignalfd_bulk items = { }, groups = { };
	struct iosignalfd_watch *watch, *next_watch;
	struct iosignalfd_item *item, *next;

	list_for_each_entry_safe(item, next, &kvm->iosignalfds.items, vm_node) {
		iosignalfd_destroy_item(item, &groups);
		iosignalfd_free_later(&items, item);
		cond_resched();
	}
	iosignalfd_free(&items);
	iosignalfd_free(&groups);

	llist_for_each_entry_safe(watch, next_watch,
				  llist_del_all(&kvm->iosignalfds.gone),
				  gone_node) {
		kfree(watch);
		cond_resched();
	}
}
