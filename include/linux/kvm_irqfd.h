/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * irqfd: an eventfd's signal becomes a guest's interrupt.
 */
#ifndef __LINUX_KVM_IRQFD_H
#define __LINUX_KVM_IRQFD_H

#include <linux/cache.h>
#include <linux/eventfd.h>
#include <linux/irqbypass.h>
#include <linux/kvm_host.h>
#include <linux/llist.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

/**
 * struct kvm_irqfd_resampler - the level irqfds of one GSI
 * @gsi: the GSI
 * @users: each irqfd that is or was on @irqfds and hasn't been freed
 * @irqfds: the level irqfds of this GSI, by @resampler_link; changed under
 *	kvm->irqfds.resampler_lock, read under kvm_irqfd_srcu
 * @flags: see irqfd_level.c
 * @signal: tells @irqfds where an acknowledge may not
 */
struct kvm_irqfd_resampler {
	unsigned int gsi;
	refcount_t users;
	struct list_head irqfds;
	unsigned long flags;

	struct work_struct signal;
};

/**
 * struct kvm_irqfd_route - where a GSI led when it was last looked up
 * @generation: that of the GSI's routes, 0 if they haven't been looked up
 * @nr: how many routes there are
 * @in_wakeup: is kvm_arch_irqfd_inject() worth trying?
 * @entry: a copy of the first one, valid if there is any
 */
struct kvm_irqfd_route {
	unsigned long generation;
	unsigned int nr;
	bool in_wakeup;
	struct kvm_kernel_irq_routing_entry entry;
};

/**
 * struct kvm_irqfd_count - what became of an irqfd's events
 * @injected: interrupts raised, or merged with one that is pending
 * @undeliverable: events that the guest can't have been told of: no route, an
 *	invalid one, no vCPU there, a masked line
 */
struct kvm_irqfd_count {
	u64 injected;
	u64 undeliverable;
};

/**
 * struct kvm_kernel_irqfd - what ties an eventfd to a GSI
 * @wait: the irqfd's place on @wqh, always the first
 * @vm: the VM, for the handling of an event; NULL before the irqfd is complete
 *	and once its VM is closing.  Read under @wqh's lock or kvm_irqfd_srcu
 * @gsi: the GSI; written under both @wqh's lock and kvm->irqfds.lock, with nothing left
 *	to work and no producer connected; read under one of the two, by the lane's
 *	work, and by the callbacks of a connected producer
 * @masked: KVM_IRQFD_CONTROL has masked it; under @wqh's lock
 * @held: an event has come while events were held back; under @wqh's lock
 * @eventfd: the eventfd; the irqfd holds a reference to the context, none to
 *	the file, whose end is the irqfd's
 * @routing: what the VM has of the GSI, as long-lived as @vm
 * @route: where the last event went; under @wqh's lock
 * @at_once: what was injected in the wake-up; under @wqh's lock
 * @flags: see irqfd.c
 * @deferred: how often an event was left to work; under @wqh's lock
 * @done: how many of these are done; written by the lane's worker, which doesn't
 *	look at the irqfd any more once it has counted the last one
 * @pending_link: on the list of its lane
 * @lane: of kvm->irqfds.lanes the one that it is in, unless it is idle; written by
 *	the context that has set IRQFD_PENDING
 * @own_lane: the one that it is in if its injection may have to wait
 * @from_work: what was injected from work; written by the lane's work alone
 * @told: what of @at_once and @from_work is in the VM's statistics already; under
 *	kvm->irqfds.lock
 * @kvm: the VM, for those that keep it alive by other means: the owner that ends
 *	the irqfd, and the architecture's bypass callbacks
 * @wqh: the eventfd's wait queue, as long-lived as @eventfd
 * @file: the eventfd's file as long as it's open and the irqfd LIVE, without a
 *	reference: get_file_active()
 * @link: in kvm->irqfds.items; read under RCU and kvm_irqfd_srcu, changed under
 *	kvm->irqfds.lock
 * @closing_link: on VM close's list
 * @hung_up_link: on kvm->irqfds.hung_up, where a hang-up can't end it at once
 * @rcu: frees it when no reader of kvm->irqfds.items can see it any more
 * @batch: the batch that begins or ends it, only to be compared; under @wqh's lock
 * @successor: an irqfd of the same batch that is to have the eventfd after it; under
 *	@wqh's lock
 * @keep: the end of the eventfd's file is not the irqfd's
 * @kept: the file has ended before the irqfd; written under both @wqh's lock and
 *	kvm->irqfds.lock
 * @kept_link: from then on in @routing->kept, until it has an owner; under
 *	kvm->irqfds.lock
 * @listener: told when the eventfd's last producer goes, if @keep
 * @resampler: a level irqfd's GSI, else NULL
 * @resampler_link: in @resampler->irqfds
 * @resampler_retired: it was the last one in @resampler->irqfds
 * @resamplefd: a level irqfd's eventfd to signal on acknowledge
 * @irq_entry: the route a bypass producer was last told; under kvm->irqfds.lock
 * @irq_generation: and that route's generation
 * @consumer: this end of an interrupt bypass
 * @producer: the other end, while connected; under kvm->irqfds.lock
 * @bypass_held: a producer that comes isn't connected; under kvm->irqfds.lock
 * @bypass_waits: one has come; under kvm->irqfds.lock
 * @bypass_link: in @routing->bypassed while a producer is or gets connected
 *
 * The head of virt/kvm/irqfd.c says what moves an irqfd through its life, and under
 * which locks.
 */
struct kvm_kernel_irqfd {
	/*
	 * Read by each event, in the wake-up, and written by it, to count it and
	 * where it leaves it to work.
	 */
	__cacheline_group_begin_aligned(event);
	wait_queue_entry_t wait;
	struct kvm __rcu *vm;
	struct eventfd_ctx *eventfd;
	wait_queue_head_t *wqh;
	struct kvm_gsi *routing;
	struct kvm_irqfd_route route;
	struct kvm_irqfd_count at_once;
	unsigned long deferred;
	struct kvm_irqfd_resampler *resampler;
	int gsi;
	u8 lane;
	u8 own_lane;
	bool masked;
	bool held;

	__cacheline_group_end(event);

	/* Written by the lane's work, and by an event that is left to it. */
	__cacheline_group_begin_aligned(work);
	unsigned long flags;
	unsigned long done;
	struct llist_node pending_link;
	struct kvm_irqfd_count from_work;
	/* Seldom; it fills the line. */
	struct kvm_irqfd_totals told;

	__cacheline_group_end_aligned(work);

	/* Begin and end, acknowledges, bypass, and readers of debugfs. */
	struct kvm *kvm;
	struct file *file;
	struct hlist_node link;
	struct list_head closing_link;
	struct llist_node hung_up_link;
	union {
		struct rcu_head rcu;
		struct {
			const void *batch;
			struct kvm_kernel_irqfd *successor;
		};
	};

	struct list_head resampler_link;
	struct eventfd_ctx *resamplefd;
	bool resampler_retired;
	bool bypass_held;
	bool bypass_waits;
	bool keep;
	bool kept;

	struct hlist_node kept_link;
	struct eventfd_listener listener;

	struct kvm_kernel_irq_routing_entry irq_entry;
	unsigned long irq_generation;
	struct irq_bypass_consumer consumer;
	struct irq_bypass_producer *producer;
	struct list_head bypass_link;
};

#endif /* __LINUX_KVM_IRQFD_H */
