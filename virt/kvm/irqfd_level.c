// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds: on acknowledge, de-assert and notify (KVM_IRQFD_FLAG_RESAMPLE).
 *
 * A level irqfd's signal raises its GSI and leaves it up.  When the guest
 * acknowledges, KVM lowers the GSI once for all of its level irqfds and signals each
 * one's resamplefd.  A device that still wants service raises the line again.
 *
 * All level irqfds of a GSI share one IRQ source id, so a lowering may take down any
 * irqfd's raise.  So each irqfd that raised before a lowering must be told after it.
 * An acknowledge may begin when other irqfds are attached than at the moment when it
 * lowers the line.  Therefore kvm_irqfd_level_acked() looks the irqfds up after it has
 * lowered.  An irqfd that raised before the lowering was attached before it raised, so
 * the look-up finds it.  An irqfd that is attached after the lowering may be told
 * without reason, and resamples once too often, which does no harm.
 *
 * This doesn't need a detached irqfd to be gone.  So attach and detach wait for no
 * reader under a lock.
 *
 * A raise that finds no route has to wait, like that of a masked pin.  The resampler
 * notes it, and when there is a route the irqfds are told: only the devices know
 * whether they still want service.
 */

#include <linux/eventfd.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd_arch.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <trace/events/kvm.h>

#include "irqfd.h"

/*
 * In kvm_irqfd_resampler.flags: a raise or an acknowledge waits for a route.  Only a new
 * route of the GSI clears it, after which the irqfds are told.  A raise that has found a
 * route can't: an acknowledge of the same message may be what set it.
 */
#define RESAMPLER_STRANDED	0
/* The line may be up: set after it was raised, cleared before it is lowered. */
#define RESAMPLER_RAISED	1

/*
 * User space chooses how many level irqfds a GSI has.  With interrupts off a vCPU
 * tells no more than that many at a stretch.
 */
#define MAX_IRQS_OFF	16

/*
 * Each of them, whichever raised; but not one that isn't LIVE yet, which hasn't raised, and
 * mustn't be told if its batch fails.  kvm_irqfd_srcu keeps the irqfds.
 */
static void irqfd_resample_all(struct kvm_irqfd_resampler *resampler)
{
	struct kvm_kernel_irqfd *irqfd;

	lockdep_assert_held(&kvm_irqfd_srcu);

	list_for_each_entry_srcu(irqfd, &resampler->irqfds, resampler_link,
				 srcu_read_lock_held(&kvm_irqfd_srcu))
		if (rcu_access_pointer(irqfd->vm))
			eventfd_signal(irqfd->resamplefd);
}

static void irqfd_resample_work(struct work_struct *work)
{
	struct kvm_irqfd_resampler *resampler =
		container_of(work, struct kvm_irqfd_resampler, signal);
	int idx;

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	irqfd_resample_all(resampler);
	srcu_read_unlock(&kvm_irqfd_srcu, idx);
}

/*
 * May all of them be signalled here?  An eventfd's lock may be taken with interrupts
 * off, but on PREEMPT_RT, where it sleeps.
 */
static bool irqfd_may_resample(struct kvm_irqfd_resampler *resampler)
{
	struct kvm_kernel_irqfd *irqfd;
	unsigned int nr = 0;

	lockdep_assert_held(&kvm_irqfd_srcu);

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return preemptible();
	if (!irqs_disabled())
		return true;

	list_for_each_entry_srcu(irqfd, &resampler->irqfds, resampler_link,
				 srcu_read_lock_held(&kvm_irqfd_srcu))
		if (++nr > MAX_IRQS_OFF)
			return false;

	return true;
}

/*
 * Tell the level irqfds of a GSI.  Is there any?
 *
 * What is left to work goes by the resampler's list as it is then: an irqfd that has
 * gone needn't be told, and one that has raised the line before the caller lowered it
 * is on the list.
 */
static bool irqfd_resample(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_irqfd_resampler *resampler;
	bool found;
	int idx;

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	resampler = xa_load(&kvm->irqfds.resamplers, gsi);
	/* A resampler has none before its first irqfd, and after its last. */
	found = resampler && !list_empty(&resampler->irqfds);
	if (found && irqfd_may_resample(resampler))
		irqfd_resample_all(resampler);
	else if (found)
		queue_work(system_unbound_wq, &resampler->signal);
	srcu_read_unlock(&kvm_irqfd_srcu, idx);

	return found;
}

static void irqfd_lower(struct kvm *kvm, unsigned int gsi)
{
	kvm_set_irq(kvm, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, gsi, 0, false);
}

/**
 * kvm_irqfd_level_on_gsi - has a GSI level irqfds?
 * @kvm: the VM
 * @gsi: the GSI
 *
 * Context: any.
 * Return: true if it has; it may have lost or gained them when this returns.
 */
bool kvm_irqfd_level_on_gsi(struct kvm *kvm, unsigned int gsi)
{
	return xa_load(&kvm->irqfds.resamplers, gsi);
}

/**
 * kvm_irqfd_level_acked - the guest has acknowledged a GSI
 * @kvm: the VM
 * @gsi: the GSI
 *
 * Context: a read section of kvm->irq_srcu, no lock of an irqchip held.  Interrupts
 * may be off where kvm_set_irq() may be called so.
 */
void kvm_irqfd_level_acked(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_irqfd_resampler *resampler;
	int idx;

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	resampler = xa_load(&kvm->irqfds.resamplers, gsi);
	if (resampler) {
		clear_bit(RESAMPLER_RAISED, &resampler->flags);
		irqfd_lower(kvm, gsi);
		/* The irqfd that raised may have gone by now, and others come. */
		irqfd_resample(kvm, gsi);
	}
	srcu_read_unlock(&kvm_irqfd_srcu, idx);
}

/**
 * kvm_notify_irqfd_resampler - have the level irqfds of a pin resample
 * @kvm: the VM
 * @irqchip: the irqchip
 * @pin: its pin
 *
 * For an irqchip that has withheld an interrupt, and taken it back, rather than
 * inject what may no longer be wanted.
 * Context: as kvm_irqfd_level_acked(), without the read section.
 * Return: whether there are any.
 */
bool kvm_notify_irqfd_resampler(struct kvm *kvm, unsigned int irqchip,
				unsigned int pin)
{
	bool found = false;
	int gsi, idx;

	idx = srcu_read_lock(&kvm->irq_srcu);
	gsi = kvm_irq_map_chip_pin(kvm, irqchip, pin);
	if (gsi != -1)
		found = irqfd_resample(kvm, gsi);
	srcu_read_unlock(&kvm->irq_srcu, idx);

	return found;
}

/**
 * kvm_irqfd_level_raise_by - raise a GSI for its level irqfds by routes of its
 * @kvm: the VM
 * @gsi: the GSI
 * @routes: its routes, looked up in this read section
 * @nr: how many there are
 *
 * A second look-up might find another table, and this raise would be in neither.
 * Context: as kvm_arch_irqfd_level_raise().
 * Return: false if there is no route.
 */
bool kvm_irqfd_level_raise_by(struct kvm *kvm, unsigned int gsi,
			      struct kvm_kernel_irq_routing_entry *routes,
			      int nr)
{
	int i;

	trace_kvm_set_irq(gsi, 1, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID);
	for (i = 0; i < nr; i++)
		routes[i].set(&routes[i], kvm, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID,
			      1, false);

	return nr;
}

/**
 * kvm_irqfd_level_raise - raise the line
 * @kvm: the VM
 * @irqfd: a level irqfd that was attached, and not freed since
 *
 * Context: process context, in a read section of kvm->irq_srcu.
 * Return: false if it has to wait for a route.
 */
bool kvm_irqfd_level_raise(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_irqfd_resampler *resampler = irqfd->resampler;
	bool routed;

	routed = kvm_arch_irqfd_level_raise(kvm, resampler);
	if (!routed) {
		set_bit(RESAMPLER_STRANDED, &resampler->flags);
		/* Before the second look: see kvm_irqfd_level_has_any(). */
		smp_mb__after_atomic();
		routed = kvm_arch_irqfd_level_raise(kvm, resampler);
	}
	set_bit(RESAMPLER_RAISED, &resampler->flags);

	return routed;
}

/**
 * kvm_irqfd_level_raised - the line has been raised by a route
 * @irqfd: the level irqfd it was for, attached, and not freed since
 *
 * For a caller that has raised the line by a route that it already had.
 * kvm_irqfd_level_raise() looks one up instead.
 * Context: any, in the read section of kvm->irq_srcu in which the route was valid.
 */
void kvm_irqfd_level_raised(struct kvm_kernel_irqfd *irqfd)
{
	set_bit(RESAMPLER_RAISED, &irqfd->resampler->flags);
}

/**
 * kvm_irqfd_level_strand - let an acknowledge's consequences wait for a route
 * @kvm: the VM
 * @gsi: a GSI that has none, as far as the caller knows
 *
 * Context: any.  The caller has to look for a route again after this, and to
 * tell, by kvm_notify_acked_gsi(), if there is one: that of a new routing table
 * may not have found this.
 */
void kvm_irqfd_level_strand(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_irqfd_resampler *resampler;
	int idx;

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	resampler = xa_load(&kvm->irqfds.resamplers, gsi);
	if (resampler)
		set_bit(RESAMPLER_STRANDED, &resampler->flags);
	srcu_read_unlock(&kvm_irqfd_srcu, idx);
	/* Before the caller's look at the routes. */
	smp_mb();
}

/* Those that wait for a route, if there is one now. */
static noinline void irqfd_tell_stranded(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	struct kvm_irqfd_resampler *resampler;
	int idx;

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	resampler = xa_load(&kvm->irqfds.resamplers, gsi);
	if (resampler && test_bit(RESAMPLER_STRANDED, &resampler->flags) &&
	    kvm_irq_map_gsi(kvm, routes, gsi)) {
		clear_bit(RESAMPLER_STRANDED, &resampler->flags);
		irqfd_resample_all(resampler);
	}
	srcu_read_unlock(&kvm_irqfd_srcu, idx);
}

/**
 * kvm_irqfd_level_has_any - may a level irqfd wait for new routes?
 * @kvm: the VM
 *
 * Either a raise finds the new routes, or kvm_irqfd_level_rerouted() finds it stranded; if
 * both, the irqfds are told once too often, which does no harm.
 * Context: kvm->irq_lock, with the new routes in place.
 * Return: false if kvm_irqfd_level_rerouted() has nothing to do for any GSI.
 */
bool kvm_irqfd_level_has_any(struct kvm *kvm)
{
	/* Pairs with kvm_irqfd_level_strand() and kvm_irqfd_level_raise(). */
	smp_mb();

	/* Without a lock: what is attached after this raises after this. */
	return !data_race(xa_empty(&kvm->irqfds.resamplers));
}

/**
 * kvm_irqfd_level_rerouted - user space has set the routes of a GSI
 * @kvm: the VM, of which kvm_irqfd_level_has_any() has returned true since
 * @gsi: the GSI
 *
 * Context: kvm->irq_lock, with these routes in place.
 */
void kvm_irqfd_level_rerouted(struct kvm *kvm, unsigned int gsi)
{
	lockdep_assert_held(&kvm->irq_lock);

	kvm_arch_irqfd_level_rerouted(kvm, gsi);
	irqfd_tell_stranded(kvm, gsi);
}

static struct kvm_irqfd_resampler *irqfd_add_resampler(struct kvm *kvm,
						       struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_irqfd_resampler *resampler;
	int ret;

	lockdep_assert_held(&kvm->irqfds.resampler_lock);

	resampler = kzalloc(sizeof(*resampler), GFP_KERNEL_ACCOUNT);
	if (!resampler)
		return ERR_PTR(-ENOMEM);

	resampler->gsi = irqfd->gsi;
	refcount_set(&resampler->users, 1);
	INIT_LIST_HEAD(&resampler->irqfds);
	INIT_WORK(&resampler->signal, irqfd_resample_work);

	/* The first acknowledge must find an irqfd to tell. */
	list_add(&irqfd->resampler_link, &resampler->irqfds);

	ret = xa_err(xa_store(&kvm->irqfds.resamplers, irqfd->gsi, resampler,
			      GFP_KERNEL_ACCOUNT));
	if (ret) {
		kfree(resampler);
		return ERR_PTR(ret);
	}

	return resampler;
}

/**
 * kvm_irqfd_level_attach - have a level irqfd told of acknowledges
 * @kvm: the VM
 * @irqfd: an irqfd that can't raise its GSI yet, its resamplefd set
 *
 * Context: process context.  Waits for no reader.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_irqfd_level_attach(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_irqfd_resampler *resampler;
	bool is_first;

	/*
	 * One lock for all GSIs of the VM: it makes finding, filling, emptying
	 * and retiring a resampler one step, and nothing slow happens under it.
	 */
	mutex_lock(&kvm->irqfds.resampler_lock);
	resampler = xa_load(&kvm->irqfds.resamplers, irqfd->gsi);
	is_first = !resampler;
	if (is_first) {
		resampler = irqfd_add_resampler(kvm, irqfd);
	} else {
		refcount_inc(&resampler->users);
		list_add_rcu(&irqfd->resampler_link, &resampler->irqfds);
	}
	if (!IS_ERR(resampler))
		irqfd->resampler = resampler;
	mutex_unlock(&kvm->irqfds.resampler_lock);

	if (IS_ERR(resampler))
		return PTR_ERR(resampler);

	if (is_first)
		kvm_arch_post_irq_ack_notifier_list_update(kvm);
	return 0;
}

static void irqfd_leave_resampler(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&kvm->irqfds.resampler_lock);

	list_del_rcu(&irqfd->resampler_link);
	if (list_empty(&irqfd->resampler->irqfds)) {
		xa_erase(&kvm->irqfds.resamplers, irqfd->gsi);
		kvm_arch_irqfd_level_retire(kvm, irqfd->resampler);
		irqfd->resampler_retired = true;
	}
}

/**
 * kvm_irqfd_level_withdraw - undo kvm_irqfd_level_attach()
 * @kvm: the VM
 * @irqfd: an irqfd that was attached and hasn't raised its GSI
 *
 * The line stays as it is.  A grace period of kvm_irqfd_srcu has to follow.
 * Context: as kvm_irqfd_level_detach().
 */
void kvm_irqfd_level_withdraw(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	mutex_lock(&kvm->irqfds.resampler_lock);
	irqfd_leave_resampler(kvm, irqfd);
	mutex_unlock(&kvm->irqfds.resampler_lock);

	if (irqfd->resampler_retired)
		kvm_arch_post_irq_ack_notifier_list_update(kvm);
}

/**
 * kvm_irqfd_level_detach - have a level irqfd told no more
 * @kvm: the VM
 * @irqfd: an irqfd that was attached and, unless its VM is being closed, can't
 *	raise its GSI any more
 *
 * Takes down what it has raised.  An acknowledge that is being handled may still
 * signal the resamplefd until a grace period of kvm_irqfd_srcu has passed.
 * Context: process context.  Neither allocates nor waits for readers.
 */
void kvm_irqfd_level_detach(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_irqfd_resampler *resampler = irqfd->resampler;
	bool was_raised;
	int idx;

	mutex_lock(&kvm->irqfds.resampler_lock);

	irqfd_leave_resampler(kvm, irqfd);

	/*
	 * Still under the lock, so that this can't take down the first raise of the
	 * next irqfd that attaches to this GSI.  For the irqfds that are left this is
	 * like an acknowledge, as it may have been their raise; but no irqfd of a VM
	 * that is being closed is told.
	 */
	was_raised = test_and_clear_bit(RESAMPLER_RAISED, &resampler->flags);
	if (was_raised || irqfd->resampler_retired)
		irqfd_lower(kvm, irqfd->gsi);
	if (was_raised && !irqfd->resampler_retired &&
	    rcu_access_pointer(irqfd->vm)) {
		idx = srcu_read_lock(&kvm_irqfd_srcu);
		irqfd_resample_all(resampler);
		srcu_read_unlock(&kvm_irqfd_srcu, idx);
	}

	mutex_unlock(&kvm->irqfds.resampler_lock);

	if (irqfd->resampler_retired)
		kvm_arch_post_irq_ack_notifier_list_update(kvm);
}

/**
 * kvm_irqfd_level_free - give back what a level irqfd holds
 * @kvm: the VM
 * @irqfd: an irqfd that was never attached, or detached a grace period ago, and
 *	won't raise any more
 *
 * Context: process context.
 */
void kvm_irqfd_level_free(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_irqfd_resampler *resampler = irqfd->resampler;

	/*
	 * The last user isn't always the irqfd that was detached last: in VM close
	 * one that was detached earlier may have been raising until now.
	 */
	if (resampler && refcount_dec_and_test(&resampler->users)) {
		/* No acknowledge that might queue it finds the resampler any more. */
		cancel_work_sync(&resampler->signal);
		kfree(resampler);
	}
	eventfd_producer_put(irqfd->resamplefd);
}

/**
 * kvm_irqfd_level_close - take a line down for good
 * @kvm: a VM that is being closed
 * @irqfd: an irqfd that was detached before it had ceased to raise, and now has
 *
 * Context: process context; no irqfd can attach to this VM any more.
 */
void kvm_irqfd_level_close(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_irqfd_resampler *resampler = irqfd->resampler;

	if (!test_and_clear_bit(RESAMPLER_RAISED, &resampler->flags))
		return;

	kvm_arch_irqfd_level_retire(kvm, resampler);
	irqfd_lower(kvm, irqfd->gsi);
}

/**
 * kvm_irqfd_level_init_vm - set up a new VM's part of this
 * @kvm: the VM
 */
void kvm_irqfd_level_init_vm(struct kvm *kvm)
{
	xa_init_flags(&kvm->irqfds.resamplers, XA_FLAGS_ACCOUNT);
	mutex_init(&kvm->irqfds.resampler_lock);
}
