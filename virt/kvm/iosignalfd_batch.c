// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd: registrations that change all at once.
 *
 * A batch does all that can fail before a vCPU can see anything of it:
 *
 *	begin	takes kvm->iosignalfds.lock, and the number of the next epoch
 *	 |
 *	take away: items are marked to take no writes from that epoch on
 *	 |
 *	add: new items are put in their places, where they take none before it
 *	 |
 *	 |----> abort: new items are removed, and marks taken back
 *	 v
 *	commit	lets the epoch begin.  That is one store, before which all vCPUs find what
 *		there was and after which all find what there is.  Then it ends the
 *		registrations that are to go
 *
 * So an item that goes and one that takes its place can stand beside each other for some
 * time, and a vCPU that finds both knows from the epoch which of them takes the write.
 * iosignalfd_takes() says why that is one of them, and iobus.c why a vCPU that has found
 * neither looks again.
 *
 * One batch of a VM is under way at a time, as it holds the lock.  It waits for no reader.
 */

#include <kvm/iobus.h>

#include <linux/eventfd.h>
#include <linux/kvm_host.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "iosignalfd.h"
#include "iosignalfd_item.h"
#include "iosignalfd_watch.h"

/* Not 0 in its low half, which means that an item stays. */
static u64 iosignalfd_next_epoch(struct kvm *kvm)
{
	u64 epoch = kvm_io_bus_epoch(kvm) + 1;

	return lower_32_bits(epoch) ? epoch : epoch + 1;
}

/**
 * iosignalfd_batch_begin - begin to change registrations
 * @batch: the batch, uninitialised
 * @kvm: the VM
 * @nr: how many registrations it makes, at most
 * @free: with what the memory of those is freed that it takes away; or NULL
 *
 * A batch that fails leaves its epoch to the next one.  A vCPU that has found what it was to
 * add goes by an epoch before that.
 * Context: process context; takes kvm->iosignalfds.lock, which iosignalfd_batch_commit()
 * or iosignalfd_batch_abort() gives back.
 * Return: 0, or -EINTR with nothing done when a fatal signal has come.
 */
int iosignalfd_batch_begin(struct iosignalfd_batch *batch, struct kvm *kvm, u32 nr,
			   struct kvm_bulk_free *free)
{
	if (mutex_lock_killable(&kvm->iosignalfds.lock))
		return -EINTR;

	iosignalfd_reap_some(kvm);

	batch->kvm = kvm;
	batch->epoch = iosignalfd_next_epoch(kvm);
	batch->arriving = NULL;
	batch->leaving = NULL;
	iosignalfd_bulk_init(batch, nr);
	batch->free = free;

	return 0;
}

/* What has hung up is as good as gone.  Is there any other that this takes away? */
static bool iosignalfd_batch_remove_chain(struct iosignalfd_batch *batch,
					  struct iosignalfd_item *item,
					  const struct iosignalfd_spec *spec)
{
	bool found = false;

	for (; item; item = rcu_dereference_protected(item->next, true)) {
		if (item->leaves || (!spec->wildcard && item->value != spec->value))
			continue;
		if (!item->watch || !READ_ONCE(item->watch->gone))
			found = true;
		iosignalfd_batch_take_away(batch, item);
	}

	return found;
}

static int iosignalfd_batch_remove_all(struct iosignalfd_batch *batch,
				       const struct iosignalfd_spec *spec)
{
	struct iosignalfd_group *group = iosignalfd_find_group(batch->kvm, spec);
	struct iosignalfd_item *item;
	unsigned long index;
	bool found;

	if (!group)
		return -ENOENT;

	if (!spec->wildcard) {
		item = xa_load(&group->values, iosignalfd_value_index(spec->value));
		return iosignalfd_batch_remove_chain(batch, item, spec) ? 0 : -ENOENT;
	}

	item = rcu_dereference_protected(group->wildcard, true);
	found = iosignalfd_batch_remove_chain(batch, item, spec);
	xa_for_each(&group->values, index, item) {
		found |= iosignalfd_batch_remove_chain(batch, item, spec);
		cond_resched();
	}

	return found ? 0 : -ENOENT;
}

/**
 * iosignalfd_batch_remove - have registrations end with the batch
 * @batch: the batch
 * @spec: as iosignalfd_remove() has it
 *
 * Registrations that the batch takes away already are not there for this.
 * Context: kvm->iosignalfds.lock.  Takes no memory.
 * Return: 0, or -ENOENT if there is none.
 */
int iosignalfd_batch_remove(struct iosignalfd_batch *batch,
			    const struct iosignalfd_spec *spec)
{
	struct iosignalfd_item *item;

	lockdep_assert_held(&batch->kvm->iosignalfds.lock);

	if (!spec->eventfd)
		return iosignalfd_batch_remove_all(batch, spec);

	item = iosignalfd_find_one(batch->kvm, spec);
	if (!item)
		return -ENOENT;

	iosignalfd_batch_take_away(batch, item);
	return 0;
}

/*
 * In the place of @moves, if that isn't NULL.  On success the batch has taken over the
 * caller's reference to the eventfd.
 */
static int iosignalfd_batch_put(struct iosignalfd_batch *batch,
				const struct iosignalfd_spec *spec,
				struct iosignalfd_item *moves)
{
	struct iosignalfd_item *item;
	int ret;

	item = iosignalfd_new_item(spec, batch);
	if (!item)
		return -ENOMEM;

	item->since = batch->epoch;
	ret = iosignalfd_add_item(batch->kvm, spec, item, batch);
	if (ret) {
		kfree(item);
		return ret;
	}

	item->batch_next = batch->arriving;
	batch->arriving = item;
	if (moves)
		moves->moved_to = item;

	return 0;
}

/**
 * iosignalfd_batch_add - have a registration begin with the batch
 * @batch: the batch
 * @spec: as iosignalfd_add() has it
 *
 * What the batch removes has to be taken away before.
 * Context: process context, kvm->iosignalfds.lock.
 * Return: as iosignalfd_add().
 */
int iosignalfd_batch_add(struct iosignalfd_batch *batch,
			 const struct iosignalfd_spec *spec)
{
	lockdep_assert_held(&batch->kvm->iosignalfds.lock);

	return iosignalfd_batch_put(batch, spec, NULL);
}

/**
 * iosignalfd_batch_lift - take a registration away that is to be elsewhere
 * @batch: the batch
 * @spec: which one
 *
 * Context: kvm->iosignalfds.lock.
 * Return: the item, for iosignalfd_batch_move(), or NULL if there is no such one.
 */
struct iosignalfd_item *iosignalfd_batch_lift(struct iosignalfd_batch *batch,
					      const struct iosignalfd_spec *spec)
{
	struct iosignalfd_item *item = iosignalfd_find_one(batch->kvm, spec);

	if (item)
		iosignalfd_batch_take_away(batch, item);

	return item;
}

/**
 * iosignalfd_batch_move - put a registration elsewhere
 * @batch: the batch
 * @item: what iosignalfd_batch_lift() has returned
 * @file: the eventfd's file, which the caller holds
 * @bus: the bus it is to be on
 * @addr: its address there
 *
 * How often it has rung it keeps.
 * Context: process context, kvm->iosignalfds.lock.
 * Return: as iosignalfd_add().
 */
int iosignalfd_batch_move(struct iosignalfd_batch *batch, struct iosignalfd_item *item,
			  struct file *file, enum kvm_bus bus, gpa_t addr)
{
	struct iosignalfd_spec spec = {
		.addr = addr,
		.value = item->value,
		.post = item->post,
		.file = file,
		.bus = bus,
		.len = item->group->len,
		.wildcard = item->wildcard,
		.fanout = item->fanout,
		.hangup = item->watch,
	};
	int ret;

	lockdep_assert_held(&batch->kvm->iosignalfds.lock);

	/* It is the item's: the caller has found the item by it. */
	spec.eventfd = eventfd_producer_fileget(file);
	if (IS_ERR(spec.eventfd))
		return PTR_ERR(spec.eventfd);

	ret = iosignalfd_batch_put(batch, &spec, item);
	if (ret)
		eventfd_producer_put(spec.eventfd);

	return ret;
}

static void iosignalfd_batch_end(struct iosignalfd_batch *batch)
{
	mutex_unlock(&batch->kvm->iosignalfds.lock);

	kvm_bulk_end(&batch->items);
	kvm_bulk_end(&batch->groups);
}

/* End a registration, whose count goes on in the one that has its place. */
static void iosignalfd_batch_end_item(struct iosignalfd_batch *batch,
				      struct iosignalfd_item *item)
{
	struct iosignalfd_item *to = item->moved_to;

	if (!to) {
		iosignalfd_remove_item(batch->kvm, item, batch->free);
		return;
	}

	/* Its memory goes by RCU: @item is read after its end. */
	rcu_read_lock();
	iosignalfd_remove_item(batch->kvm, item, batch->free);
	spin_lock_irq(&to->lock);
	to->rings += item->rings;
	spin_unlock_irq(&to->lock);
	rcu_read_unlock();
}

/**
 * iosignalfd_batch_commit - have the batch take effect
 * @batch: the batch
 *
 * When this returns no signal of what it has taken away is under way, and none will come;
 * and a write by an instruction that comes after it signals what it has added.
 * Context: process context; gives kvm->iosignalfds.lock back.  Takes no memory, and waits
 * for signals at most.
 */
void iosignalfd_batch_commit(struct iosignalfd_batch *batch)
{
	struct iosignalfd_item *item, *next;

	kvm_io_bus_begin_epoch(batch->kvm, batch->epoch);

	for (item = batch->leaving; item; item = next) {
		next = item->batch_next;
		iosignalfd_batch_end_item(batch, item);
		cond_resched();
	}
	iosignalfd_batch_end(batch);
}

/**
 * iosignalfd_batch_abort - have all be as it was before the batch
 * @batch: the batch
 *
 * Context: process context; gives kvm->iosignalfds.lock back.  Takes no memory, and waits
 * for nothing: no vCPU has signalled what it has added.
 */
void iosignalfd_batch_abort(struct iosignalfd_batch *batch)
{
	struct iosignalfd_item *item, *next;

	for (item = batch->arriving; item; item = next) {
		next = item->batch_next;
		iosignalfd_remove_item(batch->kvm, item, NULL);
		cond_resched();
	}
	for (item = batch->leaving; item; item = item->batch_next) {
		item->moved_to = NULL;
		WRITE_ONCE(item->leaves, 0);
		cond_resched();
	}
	iosignalfd_batch_end(batch);
}
