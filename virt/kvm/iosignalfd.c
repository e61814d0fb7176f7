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
 * most, never for a grace period; what is unlinked goes by kfree_rcu(), or with
 * all that a batch ends (bulk.c).
 */

#include <kvm/iobus.h>

#include <linux/cache.h>
#include <linux/eventfd.h>
#include <linux/kvm_host.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "bulk.h"
#include "iosignalfd.h"
#include "iosignalfd_item.h"
#include "iosignalfd_watch.h"

/* How many that have hung up end at a time. */
#define REAP_BATCH	64

/* All VMs'.  Of a cache, unlike kmalloc(), a batch can take many at a time. */
static struct kmem_cache *item_cache;
static struct kmem_cache *group_cache;

/* A new object of @cache, which @bulk of a batch is for. */
static void *iosignalfd_zalloc(struct kmem_cache *cache, struct kvm_bulk_alloc *bulk)
{
	if (bulk)
		return kvm_bulk_take(bulk);

	return kmem_cache_zalloc(cache, GFP_KERNEL_ACCOUNT);
}

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

/**
 * iosignalfd_find_group - the group of an address and a length
 * @kvm: the VM
 * @spec: which writes
 *
 * Context: kvm->iosignalfds.lock.
 * Return: the group, or NULL if there is none.
 */
struct iosignalfd_group *iosignalfd_find_group(struct kvm *kvm,
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
 * An eventfd has at most one file.  The item holds no reference to the file.  So this
 * reads what is at the file's address now.  It is still that file, and not freed, if it has
 * references and points to the eventfd.  The item holds the eventfd, so nothing else can
 * come to be at the eventfd's address, and no other file can point there.
 *
 * Memory that is no longer the file can look like it only by chance; then an assign is
 * refused that needn't be.  A living file is never taken for a dead one.
 */
static bool iosignalfd_has_file(const struct iosignalfd_item *item)
{
	typeof(item->file->f_count.counter) count;
	void *eventfd;

	if (get_kernel_nofault(count, &item->file->f_count.counter) ||
	    get_kernel_nofault(eventfd, &item->file->private_data))
		return false;

	return count && eventfd == item->eventfd;
}

/* Can a signal have an effect?  The file is looked for first, as that takes no lock. */
static bool iosignalfd_alive(const struct iosignalfd_item *item)
{
	return iosignalfd_has_file(item) || eventfd_is_heard(item->eventfd);
}

/* Would one write signal an eventfd twice, or one that it isn't shared with? */
static bool iosignalfd_in_the_way(const struct iosignalfd_group *group,
				  const struct iosignalfd_item *item,
				  const struct iosignalfd_spec *spec)
{
	/* Where it goes there is room for what the same batch puts there. */
	if (item->leaves)
		return false;

	if (group->len != spec->len)
		return !group->len || !spec->len;

	/* Every write, and one of these writes, would be one twice. */
	if (spec->wildcard != item->wildcard)
		return true;

	return item->value == spec->value &&
	       !(item->fanout && spec->fanout && item->eventfd != spec->eventfd);
}

static struct iosignalfd_item *
iosignalfd_obstacle_in_chain(struct kvm *kvm, struct iosignalfd_group *group,
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
iosignalfd_obstacle_in_group(struct kvm *kvm, struct iosignalfd_group *group,
			     const struct iosignalfd_spec *spec, bool alive)
{
	struct iosignalfd_item *item = iosignalfd_locked_wildcard(kvm, group);
	unsigned long index;

	item = iosignalfd_obstacle_in_chain(kvm, group, item, spec, alive);
	if (item)
		return item;

	if (!spec->wildcard && group->len == spec->len) {
		item = xa_load(&group->values, iosignalfd_value_index(spec->value));
		return iosignalfd_obstacle_in_chain(kvm, group, item, spec, alive);
	}

	xa_for_each(&group->values, index, item) {
		item = iosignalfd_obstacle_in_chain(kvm, group, item, spec, alive);
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
		item = iosignalfd_obstacle_in_group(kvm, at, spec, alive);
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
		if (!other->leaves && ++nr == KVM_IOSIGNALFD_MAX_FANOUT)
			return -EUSERS;

	/* A vCPU that meets the item may look at all of it. */
	item->group = group;
	item->wildcard = spec->wildcard;
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
	unsigned long index = iosignalfd_value_index(item->value);
	struct iosignalfd_item *prev, *next;

	lockdep_assert_held(&kvm->iosignalfds.lock);

	next = rcu_dereference_protected(item->next, true);
	if (item->wildcard)
		prev = iosignalfd_locked_wildcard(kvm, group);
	else
		prev = xa_load(&group->values, index);

	if (item != prev) {
		while (rcu_access_pointer(prev->next) != item)
			prev = rcu_dereference_protected(prev->next, true);
		rcu_assign_pointer(prev->next, next);
	} else if (item->wildcard) {
		rcu_assign_pointer(group->wildcard, next);
	} else if (next) {
		/* Storing over an entry takes no memory, so it can't fail. */
		xa_store(&group->values, index, next, GFP_NOWAIT);
	} else {
		xa_erase(&group->values, index);
	}

	group->nr_items--;
	/* A batch has seen to it that no vCPU remembers what it takes away. */
	if (!item->leaves)
		kvm_io_bus_forget(kvm);
}

static struct iosignalfd_group *iosignalfd_new_group(const struct iosignalfd_spec *spec,
						     struct iosignalfd_batch *batch)
{
	struct iosignalfd_group *group;

	group = iosignalfd_zalloc(group_cache, batch ? &batch->groups : NULL);
	if (!group)
		return NULL;

	kvm_iodevice_init(&group->point.dev, &iosignalfd_ops);
	group->bus = spec->bus;
	group->len = spec->len;
	xa_init_flags(&group->values, XA_FLAGS_ACCOUNT);

	return group;
}

/**
 * iosignalfd_remove_item - end a registration
 * @kvm: the VM
 * @item: the registration, in its place; its reference to the eventfd, and its memory,
 *	are let go
 * @free: with what its memory is freed; or NULL
 *
 * When this returns no signal of it is under way, and none will come.
 * Context: process context, kvm->iosignalfds.lock.  Takes no memory, and waits for a
 * signal at most.
 */
void iosignalfd_remove_item(struct kvm *kvm, struct iosignalfd_item *item,
			    struct kvm_bulk_free *free)
{
	struct iosignalfd_group *group = item->group;
	struct eventfd_ctx *eventfd;

	lockdep_assert_held(&kvm->iosignalfds.lock);

	iosignalfd_unlink_item(kvm, item);
	if (!group->nr_items) {
		kvm_io_bus_unregister_point(kvm, group->bus, &group->point);
		kvm_bulk_kfree_rcu(free, group);
	}

	list_del(&item->vm_node);
	kvm->stat.generic.nr_iosignalfds--;

	spin_lock_irq(&item->lock);
	eventfd = item->eventfd;
	item->eventfd = NULL;
	spin_unlock_irq(&item->lock);

	if (item->watch)
		iosignalfd_unwatch(item->watch, &item->watch_node);

	eventfd_producer_put(eventfd);
	kvm_bulk_kfree_rcu(free, item);
}

/* A registration whose eventfd has no file ends, now or with the batch. */
static void iosignalfd_drop_dead(struct kvm *kvm, struct iosignalfd_item *item,
				 struct iosignalfd_batch *batch)
{
	if (batch)
		iosignalfd_batch_take_away(batch, item);
	else
		iosignalfd_remove_item(kvm, item, NULL);
}

/*
 * End the registrations that are in the way, if none of their eventfds has a file any
 * more; else -EEXIST, and all of them stay.
 */
static int iosignalfd_make_room(struct kvm *kvm, const struct iosignalfd_spec *spec,
				struct iosignalfd_batch *batch,
				struct iosignalfd_group **group)
{
	struct iosignalfd_item *item = iosignalfd_find_obstacle(kvm, spec, false, group);

	if (likely(!item))
		return 0;
	if (iosignalfd_find_obstacle(kvm, spec, true, group))
		return -EEXIST;

	do {
		iosignalfd_drop_dead(kvm, item, batch);
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

	while (item && (item->leaves || iosignalfd_alive(item)))
		item = iosignalfd_locked_next(kvm, item);

	return item;
}

/* Put @item into a group that has others. */
static int iosignalfd_join_group(struct kvm *kvm, struct iosignalfd_group *group,
				 struct iosignalfd_item *item,
				 const struct iosignalfd_spec *spec,
				 struct iosignalfd_batch *batch)
{
	int ret = iosignalfd_link_item(kvm, group, item, spec);
	struct iosignalfd_item *dead;

	if (ret != -EUSERS)
		return ret;

	/* The group stays: there are more in the chain. */
	dead = iosignalfd_dead_sharer(kvm, group, spec);
	if (!dead)
		return -EUSERS;

	iosignalfd_drop_dead(kvm, dead, batch);
	return iosignalfd_link_item(kvm, group, item, spec);
}

/* Find or make the group and put @item into it; all of it or nothing. */
static int iosignalfd_insert_item(struct kvm *kvm, const struct iosignalfd_spec *spec,
				  struct iosignalfd_item *item,
				  struct iosignalfd_batch *batch)
{
	struct iosignalfd_group *group;
	int ret;

	ret = iosignalfd_make_room(kvm, spec, batch, &group);
	if (ret)
		return ret;
	if (group)
		return iosignalfd_join_group(kvm, group, item, spec, batch);

	group = iosignalfd_new_group(spec, batch);
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
	kmem_cache_free(group_cache, group);
	return ret;
}

/**
 * iosignalfd_reap_some - end some of the registrations whose eventfds have hung up
 * @kvm: the VM
 *
 * The work does this, a few at a time.  So does each ioctl that changes registrations,
 * since it may come before the work.  Those that are left are in no assign's way, as it
 * sees that they have hung up.
 * Context: process context, kvm->iosignalfds.lock.
 */
void iosignalfd_reap_some(struct kvm *kvm)
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
			iosignalfd_remove_item(kvm, item, NULL);
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

/**
 * iosignalfd_new_item - make an item
 * @spec: the registration that it is to be
 * @batch: the batch that it is a part of, or NULL
 *
 * Context: process context.
 * Return: the item, which is the caller's to kfree(), or NULL for want of memory.
 */
struct iosignalfd_item *iosignalfd_new_item(const struct iosignalfd_spec *spec,
					    struct iosignalfd_batch *batch)
{
	struct iosignalfd_item *item;

	item = iosignalfd_zalloc(item_cache, batch ? &batch->items : NULL);
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

/**
 * iosignalfd_add_item - put an item in its place
 * @kvm: the VM
 * @spec: the registration
 * @item: the item; in its place it has taken over the caller's reference to the eventfd
 * @batch: the batch with which it takes effect; NULL if it does so at once
 *
 * Without a batch the caller lets kvm_io_bus_forget() follow.
 * Context: process context, kvm->iosignalfds.lock.
 * Return: as iosignalfd_add().
 */
int iosignalfd_add_item(struct kvm *kvm, const struct iosignalfd_spec *spec,
			struct iosignalfd_item *item, struct iosignalfd_batch *batch)
{
	int ret;

	lockdep_assert_held(&kvm->iosignalfds.lock);

	if (spec->hangup) {
		ret = iosignalfd_watch(kvm, spec->file, spec->eventfd,
				       &item->watch_node, &item->watch);
		if (ret)
			return ret;
	}

	ret = iosignalfd_insert_item(kvm, spec, item, batch);
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
 * iosignalfd_add - make a registration
 * @kvm: the VM
 * @spec: which writes, and the eventfd; the caller holds its file
 *
 * On success the registration has taken over the caller's reference to the eventfd.
 * Context: process context; takes kvm->iosignalfds.lock.  Waits for no reader.
 * Return: 0, or with nothing changed -EEXIST, -EUSERS or -ENOMEM, see
 * kvm_iosignalfd_assign().
 */
int iosignalfd_add(struct kvm *kvm, const struct iosignalfd_spec *spec)
{
	struct iosignalfd_item *item;
	int ret;

	item = iosignalfd_new_item(spec, NULL);
	if (!item)
		return -ENOMEM;

	mutex_lock(&kvm->iosignalfds.lock);
	/* What has hung up doesn't stand in the way of what takes its place. */
	iosignalfd_reap_some(kvm);
	ret = iosignalfd_add_item(kvm, spec, item, NULL);
	if (!ret)
		kvm_io_bus_forget(kvm);
	mutex_unlock(&kvm->iosignalfds.lock);

	if (ret)
		kfree(item);

	return ret;
}

/**
 * iosignalfd_find_one - the registration of an eventfd
 * @kvm: the VM
 * @spec: which writes, the eventfd, and where the value is stored
 *
 * Context: kvm->iosignalfds.lock.
 * Return: the item, or NULL if there is none that stays.
 */
struct iosignalfd_item *iosignalfd_find_one(struct kvm *kvm,
					    const struct iosignalfd_spec *spec)
{
	struct iosignalfd_group *group = iosignalfd_find_group(kvm, spec);
	struct iosignalfd_item *item;

	/* Only under kvm->iosignalfds.lock does an item lose its eventfd. */
	item = group ? iosignalfd_first_item(kvm, group, spec) : NULL;
	while (item && (item->leaves || item->eventfd != spec->eventfd))
		item = iosignalfd_next_sharing(item);

	return item && item->post == spec->post ? item : NULL;
}

static int iosignalfd_remove_one(struct kvm *kvm, const struct iosignalfd_spec *spec)
{
	struct iosignalfd_item *item = iosignalfd_find_one(kvm, spec);

	if (!item)
		return -ENOENT;

	iosignalfd_remove_item(kvm, item, NULL);
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
		iosignalfd_remove_item(kvm, item, NULL);
		cond_resched();
	}

	return ret;
}

/**
 * iosignalfd_remove - end registrations
 * @kvm: the VM
 * @spec: which writes, and the eventfd of the one that is to end, or NULL for all
 *
 * When this returns no signal through them is under way, and none will come.
 * Context: process context; takes kvm->iosignalfds.lock.  Waits for a signal, not for a
 * grace period, and takes no memory.
 * Return: 0, or -ENOENT if there is none.
 */
int iosignalfd_remove(struct kvm *kvm, const struct iosignalfd_spec *spec)
{
	int ret;

	mutex_lock(&kvm->iosignalfds.lock);
	iosignalfd_reap_some(kvm);
	ret = spec->eventfd ? iosignalfd_remove_one(kvm, spec) :
			      iosignalfd_remove_all(kvm, spec);
	mutex_unlock(&kvm->iosignalfds.lock);

	return ret;
}

/**
 * iosignalfd_bulk_init - have a batch take its items and groups many at a time
 * @batch: the batch
 * @nr: how many registrations it makes, at most
 *
 * Context: any.  The caller ends both with kvm_bulk_end().
 */
void iosignalfd_bulk_init(struct iosignalfd_batch *batch, u32 nr)
{
	kvm_bulk_init(&batch->items, item_cache, nr);
	kvm_bulk_init(&batch->groups, group_cache, nr);
}

/* All VMs' */

/**
 * kvm_iosignalfd_create_caches - set up what all VMs share
 *
 * Context: module initialisation.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_iosignalfd_create_caches(void)
{
	item_cache = KMEM_CACHE(iosignalfd_item, SLAB_ACCOUNT | SLAB_HWCACHE_ALIGN);
	group_cache = KMEM_CACHE(iosignalfd_group, SLAB_ACCOUNT | SLAB_HWCACHE_ALIGN);
	if (item_cache && group_cache)
		return 0;

	kvm_iosignalfd_destroy_caches();
	return -ENOMEM;
}

/**
 * kvm_iosignalfd_destroy_caches - the counterpart of kvm_iosignalfd_create_caches()
 *
 * Waits for what has gone by kfree_rcu().
 * Context: module exit; there are no VMs.
 */
void kvm_iosignalfd_destroy_caches(void)
{
	kmem_cache_destroy(group_cache);
	kmem_cache_destroy(item_cache);
}

/* The VM's life */

/* What a ring reads stands together; an assign writes to other cache lines. */
static void iosignalfd_assert_layout(void)
{
	CACHELINE_ASSERT_GROUP_MEMBER(struct iosignalfd_item, ring, next);
	CACHELINE_ASSERT_GROUP_MEMBER(struct iosignalfd_item, ring, value);
	CACHELINE_ASSERT_GROUP_MEMBER(struct iosignalfd_item, ring, leaves);
	CACHELINE_ASSERT_GROUP_MEMBER(struct iosignalfd_item, ring, since);
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
	eventfd_producer_put(item->eventfd);

	if (!item->wildcard)
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
