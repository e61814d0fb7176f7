// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that are freed together.
 *
 * kfree_rcu() takes one object at a time, and a lock for each.  A call that ends many has
 * an array for them instead.  When none of them can be found any more, the array waits for
 * one grace period of RCU, after which no reader can still look at one of them, and a
 * worker frees them all.
 *
 * The work is this module's, so the module waits for all of it when it is unloaded.
 */

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "bulk.h"

/* So many objects are freed together. */
#define FREE_AT_ONCE	64

static struct workqueue_struct *bulk_wq;

static void bulk_free_work(struct work_struct *work)
{
	struct kvm_bulk_free *bulk = container_of(to_rcu_work(work),
						  struct kvm_bulk_free, work);
	u32 i, nr;

	for (i = 0; i < bulk->nr; i += nr) {
		nr = min(bulk->nr - i, FREE_AT_ONCE);
		kfree_bulk(nr, bulk->objs + i);
		cond_resched();
	}
	kvfree(bulk);
}

/**
 * kvm_bulk_free_alloc - make room for objects that are to be freed together
 * @room: for how many
 *
 * Context: process context.
 * Return: the room, which kvm_bulk_free_end() frees as well; NULL if there is no memory.
 */
struct kvm_bulk_free *kvm_bulk_free_alloc(u32 room)
{
	struct kvm_bulk_free *bulk;

	bulk = kvmalloc(struct_size(bulk, objs, room), GFP_KERNEL_ACCOUNT);
	if (!bulk)
		return NULL;

	INIT_RCU_WORK(&bulk->work, bulk_free_work);
	bulk->room = room;
	bulk->nr = 0;

	return bulk;
}

/**
 * kvm_bulk_free_end - free the objects, and the room for them, after a grace period
 * @bulk: what kvm_bulk_free_alloc() has returned, or NULL; it isn't the caller's any more
 *
 * No reader that begins after this finds one of the objects.
 * Context: process context.  Waits for nothing and takes no memory.
 */
void kvm_bulk_free_end(struct kvm_bulk_free *bulk)
{
	if (bulk && bulk->nr)
		queue_rcu_work(bulk_wq, &bulk->work);
	else
		kvfree(bulk);
}

/**
 * kvm_bulk_create_workqueue - set up what all VMs share
 *
 * Context: module initialisation.
 * Return: 0, or -ENOMEM.
 */
int kvm_bulk_create_workqueue(void)
{
	bulk_wq = alloc_workqueue("kvm-bulk-free", WQ_UNBOUND, 0);

	return bulk_wq ? 0 : -ENOMEM;
}

/**
 * kvm_bulk_destroy_workqueue - the counterpart of kvm_bulk_create_workqueue()
 *
 * Waits for a grace period, and until all is freed.
 * Context: module exit; there are no VMs.
 */
void kvm_bulk_destroy_workqueue(void)
{
	/* What still waits for its grace period isn't queued yet. */
	rcu_barrier();
	destroy_workqueue(bulk_wq);
}
