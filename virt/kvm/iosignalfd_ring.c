// SPDX-License-Identifier: GPL-2.0-only
/*
 * iosignalfd: from a guest's write to the signal.
 *
 * A vCPU finds an item under RCU, stores the value where the registration wants it,
 * and signals the eventfd, both under the item's lock.
 */

#include <kvm/iobus.h>

#include <linux/eventfd.h>
#include <linux/interval_tree.h>
#include <linux/kvm_host.h>
#include <linux/srcu.h>
#include <linux/uaccess.h>

#include "iosignalfd.h"
#include "iosignalfd_item.h"

#define CREATE_TRACE_POINTS
#include <trace/events/kvm_iosignalfd.h>

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

/*
 * Signal, unless the registration has gone in the meantime: a kvm_io_take_t, for an item
 * that stores no value and shares its writes with no other.
 *
 * A vCPU in the exit path waits for the item's lock with interrupts off.  So every
 * holder of the lock has interrupts off as well: no softirq can run in the holder and
 * make that wait longer than a store and a signal take.  The signal has interrupts off
 * anyway, for the eventfd's own lock.
 */
static int iosignalfd_ring(struct kvm_vcpu *vcpu, void *item, gpa_t addr, int len,
			   u64 value)
{
	return iosignalfd_ring_item(vcpu, item, addr, len, value, false);
}

/* The first from @item on that takes writes. */
static struct iosignalfd_item *iosignalfd_first_taking(struct iosignalfd_item *item,
						       u64 epoch)
{
	while (item && !iosignalfd_takes(item, epoch))
		item = iosignalfd_next_sharing(item);

	return item;
}

static struct iosignalfd_item *iosignalfd_next_taking(struct iosignalfd_item *item,
						      u64 epoch)
{
	return iosignalfd_first_taking(iosignalfd_next_sharing(item), epoch);
}

/* Store the value for all items that share the write, up to the first fault. */
static int iosignalfd_post_all(struct kvm_vcpu *vcpu, struct iosignalfd_item *item,
			       int len, u64 value, u64 epoch)
{
	int ret = 0;

	for (; item && !ret; item = iosignalfd_next_taking(item, epoch)) {
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
					gpa_t addr, int len, u64 value, u64 epoch)
{
	struct iosignalfd_item *item;
	int ret;

	/* All values are stored before the first signal, or there is none. */
	ret = iosignalfd_post_all(vcpu, first, len, value, epoch);
	if (ret)
		return ret;

	ret = -EOPNOTSUPP;
	for (item = first; item; item = iosignalfd_next_taking(item, epoch))
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
				    gpa_t addr, int len, u64 value, u64 epoch)
{
	/* True in the exit path alone, and not in that of PREEMPT_RT. */
	bool in_exit_path = irqs_disabled();
	int ret;

	if (!rcu_access_pointer(first->next))
		ret = iosignalfd_ring_item(vcpu, first, addr, len, value, first->post);
	else if (!in_exit_path)
		ret = iosignalfd_post_and_ring_all(vcpu, first, addr, len, value, epoch);
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
 * A batch may be putting items in their places, or taking them away: wildcards beside
 * values even, as one of the two begins where the other ends.  Returns as
 * iosignalfd_post_and_ring().
 */
static noinline int iosignalfd_write_slowly(struct kvm_vcpu *vcpu,
					    struct iosignalfd_group *group, gpa_t addr,
					    int len, u64 value, u64 epoch)
{
	struct iosignalfd_item *item;

	item = iosignalfd_first_taking(rcu_dereference(group->wildcard), epoch);
	if (!item && group->len)
		item = iosignalfd_first_taking(iosignalfd_first_for_value(group, value),
					       epoch);
	if (!item)
		return -EAGAIN;

	return iosignalfd_post_and_ring(vcpu, item, addr, len, value, epoch);
}

static int iosignalfd_write(struct kvm_vcpu *vcpu, struct kvm_io_device *dev,
			    gpa_t addr, int len, const void *val)
{
	struct iosignalfd_group *group = iosignalfd_dev_to_group(dev);
	u64 value = kvm_io_value(len, val);
	struct iosignalfd_item *item;
	unsigned long gen;
	bool any_value;
	u64 epoch;

	/* A wider or narrower write than the registered one is another write. */
	if (group->len && group->len != len)
		return -EOPNOTSUPP;

	/* Before the look at the items. */
	gen = kvm_io_bus_generation(vcpu->kvm);
	epoch = kvm_io_bus_epoch(vcpu->kvm);

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
	if (unlikely(item->post || rcu_access_pointer(item->next) ||
		     !iosignalfd_is_settled(item, epoch)))
		return iosignalfd_write_slowly(vcpu, group, addr, len, value, epoch);

	kvm_io_bus_remember(vcpu, gen, group->bus, addr, len, any_value ? 0 : value,
			    any_value, iosignalfd_ring, item);
	return iosignalfd_ring(vcpu, item, addr, len, value);
}

const struct kvm_io_device_ops iosignalfd_ops = {
	.write = iosignalfd_write,
};
