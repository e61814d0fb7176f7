/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for calls that take or free many objects: some at a time.
 */
#ifndef __KVM_BULK_H__
#define __KVM_BULK_H__

#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/types.h>
#include <linux/workqueue.h>

/* So many at a time.  A stack has room for a few of these arrays. */
#define KVM_BULK	16U

/* Fewer than this are taken one by one. */
#define KVM_BULK_FEW	4U

/**
 * struct kvm_bulk_alloc - where a call takes its objects from
 * @cache: the cache
 * @wanted: how many more it takes beyond those at hand, if all goes well
 * @nr: how many are at hand
 * @objs: these
 */
struct kvm_bulk_alloc {
	struct kmem_cache *cache;
	u32 wanted;
	u32 nr;
	void *objs[KVM_BULK];
};

/**
 * kvm_bulk_init - begin to take objects
 * @bulk: where from; kvm_bulk_end() ends it
 * @cache: the cache
 * @wanted: how many the call takes, if all goes well
 */
static inline void kvm_bulk_init(struct kvm_bulk_alloc *bulk, struct kmem_cache *cache,
				 u32 wanted)
{
	bulk->cache = cache;
	bulk->wanted = wanted;
	bulk->nr = 0;
}

/**
 * kvm_bulk_take - take an object
 * @bulk: where from
 *
 * Context: process context, where memory can be waited for.
 * Return: the object, zeroed, which the caller owns; NULL if there is no memory.
 */
static inline void *kvm_bulk_take(struct kvm_bulk_alloc *bulk)
{
	u32 nr = min(bulk->wanted, KVM_BULK);

	if (!bulk->nr) {
		if (nr < KVM_BULK_FEW)
			return kmem_cache_zalloc(bulk->cache, GFP_KERNEL_ACCOUNT);

		bulk->nr = kmem_cache_alloc_bulk(bulk->cache,
						 GFP_KERNEL_ACCOUNT | __GFP_ZERO, nr,
						 bulk->objs);
		if (!bulk->nr)
			return NULL;
		bulk->wanted -= nr;
	}

	return bulk->objs[--bulk->nr];
}

/**
 * kvm_bulk_end - free the objects that nobody has taken
 * @bulk: where from
 *
 * Context: process context.
 */
static inline void kvm_bulk_end(struct kvm_bulk_alloc *bulk)
{
	kmem_cache_free_bulk(bulk->cache, bulk->nr, bulk->objs);
	bulk->nr = 0;
}

/**
 * struct kvm_bulk_free - objects that are freed together, after a grace period of RCU
 * @work: the grace period, and the work that frees them after it
 * @room: how many there may be
 * @nr: how many there are
 * @objs: these
 */
struct kvm_bulk_free {
	struct rcu_work work;
	u32 room;
	u32 nr;
	void *objs[] __counted_by(room);
};

struct kvm_bulk_free *kvm_bulk_free_alloc(u32 room);
void kvm_bulk_free_end(struct kvm_bulk_free *bulk);
int kvm_bulk_create_workqueue(void);
void kvm_bulk_destroy_workqueue(void);

/**
 * kvm_bulk_free_add - have an object freed with others
 * @bulk: with which others; NULL for none
 * @obj: the object
 *
 * Context: the caller is the only one that uses @bulk.
 * Return: false if there is no room; the object is the caller's as before then.
 */
static inline bool kvm_bulk_free_add(struct kvm_bulk_free *bulk, void *obj)
{
	if (!bulk || bulk->nr == bulk->room)
		return false;

	bulk->objs[bulk->nr++] = obj;
	return true;
}

/**
 * kvm_bulk_kfree_rcu - have an object freed after a grace period
 * @bulk: with which others; NULL for none
 * @obj: the object, with a struct rcu_head @rcu
 *
 * Context: as kfree_rcu(); the caller is the only one that uses @bulk.
 */
#define kvm_bulk_kfree_rcu(bulk, obj)				\
do {								\
	typeof(obj) __obj = (obj);				\
								\
	if (!kvm_bulk_free_add(bulk, __obj))			\
		kfree_rcu(__obj, rcu);				\
} while (0)

#endif /* __KVM_BULK_H__ */
