/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of iosignalfd share: groups, items, and how a write finds them.
 * iosignalfd.c says which locks protect them, and when they are freed.
 */
#ifndef __KVM_IOSIGNALFD_ITEM_H__
#define __KVM_IOSIGNALFD_ITEM_H__

#include <kvm/iobus.h>

#include <linux/cache.h>
#include <linux/eventfd.h>
#include <linux/hash.h>
#include <linux/kvm_host.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "bulk.h"

struct iosignalfd_watch;

/**
 * struct iosignalfd_spec - what user space asks for, in our terms
 * @addr: the address
 * @value: the value that rings, unless @wildcard; else 0
 * @post: where the value is stored; NULL for nowhere
 * @eventfd: the eventfd; NULL, to deassign, for any
 * @file: its file, which the caller holds; to assign
 * @bus: the bus
 * @len: the length, 0 for any
 * @wildcard: every value rings
 * @fanout: others may share the writes
 * @hangup: the registration ends when the eventfd's last consumer goes; to assign
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
	bool hangup;
};

/**
 * struct iosignalfd_item - one registration
 * @next: another item with the same index in group->values, or in the chain of
 *	wildcards: one that shares the writes or, where an index is narrower than
 *	a value, one with another value
 * @value: the value that rings; 0 in a wildcard
 * @lock: held across the store and the signal, so that taking it waits for them;
 *	interrupts off, as the exit path takes it so
 * @leaves: the low half of the epoch with which a batch takes the item away, 0 for none;
 *	see iosignalfd_takes()
 * @since: the epoch with which a batch has put the item in its place, 0 for none
 * @eventfd: the eventfd, of which the item is a producer; NULL once the
 *	registration is gone; under @lock
 * @post: where the value is stored before the signal; NULL for nowhere
 * @unlogged_gen: for which memslots @post is known to be in no dirty log; under @lock
 * @rings: how often it has signalled; under @lock
 * @group: where it belongs
 * @wildcard: it is one of the group's wildcards
 * @fanout: others may share the writes
 * @file: where the eventfd's file is or was; see iosignalfd_alive()
 * @watch: looks out for the end of the eventfd's consumers; NULL without HANGUP
 * @watch_node: in @watch's list
 * @vm_node: in kvm->iosignalfds.items
 * @batch_next: in the list of the batch that puts the item in its place, or takes it away
 * @rcu: for the memory
 * @moved_to: the item that a batch puts elsewhere in the place of this one, NULL for none
 */
struct iosignalfd_item {
	/* Read by each write that looks at it, and written by one that rings it. */
	__cacheline_group_begin(ring);
	struct iosignalfd_item __rcu *next;
	u64 value;
	spinlock_t lock; /* see above */
	u32 leaves;
	u64 since;
	struct eventfd_ctx *eventfd;
	void __user *post;
	u64 unlogged_gen;
	u64 rings;

	__cacheline_group_end(ring);

	/* Begin and end; the nodes are written when their neighbours come and go, too. */
	struct iosignalfd_group *group;
	bool wildcard;
	bool fanout;
	struct file *file;
	struct iosignalfd_watch *watch;
	struct list_head watch_node;
	struct list_head vm_node;
	union {
		struct iosignalfd_item *batch_next;
		struct rcu_head rcu;
	};
	struct iosignalfd_item *moved_to;
};

/**
 * struct iosignalfd_group - all registrations for one address and length
 * @point: its place on the bus
 * @bus: which bus that is
 * @len: the length, 0 for any
 * @nr_items: how many items it has; a group without is taken off the bus
 * @wildcard: the items that take every write; they exclude all others, but those that
 *	a batch takes away while it puts the others in their places
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

static inline struct iosignalfd_group *
iosignalfd_to_group(struct kvm_io_point *point)
{
	return container_of(point, struct iosignalfd_group, point);
}

static inline struct iosignalfd_group *
iosignalfd_dev_to_group(struct kvm_io_device *dev)
{
	return iosignalfd_to_group(container_of(dev, struct kvm_io_point, dev));
}

/*
 * An xarray's index is a long, a guest's value has 64 bits everywhere.  Where that is
 * more, long values may meet at an index; they count as one there for how many items
 * it takes.
 */
static inline unsigned long iosignalfd_value_index(u64 value)
{
	if (BITS_PER_LONG == 64 || !upper_32_bits(value))
		return value;

	return hash_64(value, 32);
}

/*
 * The items with this value, which share it.
 * Context for this and the next two: an RCU read section, or kvm->iosignalfds.lock.
 */
static inline struct iosignalfd_item *
iosignalfd_with_value(struct iosignalfd_item *item, u64 value)
{
	while (item && item->value != value)
		item = rcu_dereference_check(item->next, true);

	return item;
}

static inline struct iosignalfd_item *
iosignalfd_first_for_value(struct iosignalfd_group *group, u64 value)
{
	struct iosignalfd_item *item =
		xa_load(&group->values, iosignalfd_value_index(value));

	return iosignalfd_with_value(item, value);
}

static inline struct iosignalfd_item *
iosignalfd_next_sharing(struct iosignalfd_item *item)
{
	struct iosignalfd_item *next = rcu_dereference_check(item->next, true);

	return iosignalfd_with_value(next, item->value);
}

/**
 * iosignalfd_takes - does an item take writes?
 * @item: the item
 * @epoch: kvm_io_bus_epoch() from before the item was looked for
 *
 * Epochs only go up, and one batch at a time is under way.  So a vCPU that goes by one
 * epoch from the first to the last item that it looks at finds all that was there before
 * a batch or all that is there after it.
 * Context: an RCU read section, or kvm->iosignalfds.lock.
 * Return: false if a batch hasn't put it in its place yet, or has taken it away.
 */
static inline bool iosignalfd_takes(const struct iosignalfd_item *item, u64 epoch)
{
	u32 leaves = READ_ONCE(item->leaves);

	return item->since <= epoch && !(leaves && leaves == (u32)epoch);
}

/*
 * Does it take writes before and after any batch that is under way?  If not, a vCPU
 * doesn't remember what it did with a write.
 */
static inline bool iosignalfd_is_settled(const struct iosignalfd_item *item, u64 epoch)
{
	return item->since <= epoch && !READ_ONCE(item->leaves);
}

/* Of each group's point. */
extern const struct kvm_io_device_ops iosignalfd_ops;

/**
 * struct iosignalfd_batch - registrations that change all at once
 * @kvm: the VM, whose kvm->iosignalfds.lock the batch holds
 * @epoch: the epoch with which the batch takes effect
 * @arriving: items that it puts in their places, by batch_next; the last one first
 * @leaving: items that it takes away, likewise
 * @items: where new items come from
 * @groups: and new groups
 * @free: with what the memory of those that it takes away is freed; or NULL
 */
struct iosignalfd_batch {
	struct kvm *kvm;
	u64 epoch;
	struct iosignalfd_item *arriving;
	struct iosignalfd_item *leaving;
	struct kvm_bulk_alloc items;
	struct kvm_bulk_alloc groups;
	struct kvm_bulk_free *free;
};

/**
 * iosignalfd_batch_take_away - have a batch end a registration
 * @batch: the batch
 * @item: the registration, which takes writes until the batch takes effect
 *
 * Context: kvm->iosignalfds.lock.
 */
static inline void iosignalfd_batch_take_away(struct iosignalfd_batch *batch,
					      struct iosignalfd_item *item)
{
	lockdep_assert_held(&batch->kvm->iosignalfds.lock);

	/* Pairs with iosignalfd_takes(). */
	WRITE_ONCE(item->leaves, (u32)batch->epoch);
	item->batch_next = batch->leaving;
	batch->leaving = item;
}

int iosignalfd_to_assign(const struct kvm_iosignalfd *args, struct file *file,
			 struct iosignalfd_spec *spec);
void iosignalfd_to_spec(const struct kvm_iosignalfd *args, struct iosignalfd_spec *spec);

struct iosignalfd_item *iosignalfd_new_item(const struct iosignalfd_spec *spec,
					    struct iosignalfd_batch *batch);
int iosignalfd_add_item(struct kvm *kvm, const struct iosignalfd_spec *spec,
			struct iosignalfd_item *item, struct iosignalfd_batch *batch);
struct iosignalfd_item *iosignalfd_find_one(struct kvm *kvm,
					    const struct iosignalfd_spec *spec);
struct iosignalfd_group *iosignalfd_find_group(struct kvm *kvm,
					       const struct iosignalfd_spec *spec);
void iosignalfd_remove_item(struct kvm *kvm, struct iosignalfd_item *item,
			    struct kvm_bulk_free *free);

void iosignalfd_bulk_init(struct iosignalfd_batch *batch, u32 nr);
int iosignalfd_batch_begin(struct iosignalfd_batch *batch, struct kvm *kvm, u32 nr,
			   struct kvm_bulk_free *free);
int iosignalfd_batch_remove(struct iosignalfd_batch *batch,
			    const struct iosignalfd_spec *spec);
int iosignalfd_batch_add(struct iosignalfd_batch *batch,
			 const struct iosignalfd_spec *spec);
struct iosignalfd_item *iosignalfd_batch_lift(struct iosignalfd_batch *batch,
					      const struct iosignalfd_spec *spec);
int iosignalfd_batch_move(struct iosignalfd_batch *batch, struct iosignalfd_item *item,
			  struct file *file, enum kvm_bus bus, gpa_t addr);
void iosignalfd_batch_commit(struct iosignalfd_batch *batch);
void iosignalfd_batch_abort(struct iosignalfd_batch *batch);

void iosignalfd_reap_some(struct kvm *kvm);
int iosignalfd_add(struct kvm *kvm, const struct iosignalfd_spec *spec);
int iosignalfd_remove(struct kvm *kvm, const struct iosignalfd_spec *spec);

#endif /* __KVM_IOSIGNALFD_ITEM_H__ */
