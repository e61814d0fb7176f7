// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds: on acknowledge, de-assert and notify (KVM_IRQFD_FLAG_RESAMPLE).
 *
 * A level irqfd's signal raises its GSI and leaves it up.  When the guest
 * acknowledges, the GSI is lowered, once for all of its level irqfds, and each
 * of them is told through its resamplefd, so that whoever still has reason to
 * raises the line again.
 *
 * They share one IRQ source id, so what must never happen is a lowering after
 * which not everybody is told: it may have swallowed a raise.  The danger is an
 * acknowledge that began when others were on the GSI than those who are there
 * when it gets to lower the line.  Hence it looks up whom to tell after it has
 * lowered.  Who raised before the lowering was attached before raising, so the
 * look-up finds him.  Who comes after it may be told for nothing, and resamples.
 *
 * Nobody who is detached needs to be gone for that, which is what allows
 * attaching and detaching without waiting for readers under a lock.
 *
 * A raise that finds no route is one that has to wait, like that of a masked
 * pin: it is remembered, and when there is a route the irqfds are told, whose
 * devices know best whether it still stands.
 */

#include <linux/eventfd.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/lockdep.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "irqfd.h"

/* In kvm_irqfd_resampler.flags: a raise went nowhere, for want of a route. */
#define RESAMPLER_STRANDED	0
/* The line may be up: set after it was raised, cleared before it is lowered. */
#define RESAMPLER_RAISED	1

/*
 * A device that never takes its line down is told, raises it again there and
 * then, and interrupts for ever, with the guest doing nothing else.  Who has done
 * so that much more often than so many times a second is told a moment later,
 * which leaves time for everything else.
 *
 * What gives it away is the echo: the thread that tells signals a level irqfd
 * before it is through.  Who looks after a device first, however busy that is,
 * signals from another thread or an interrupt; the time that takes is the guest's.
 */
#define STORM_ECHOES	10000
#define STORM_ECHOES_PER_SEC	100
#define STORM_PAUSE	(HZ / 100 ?: 1)

/**
 * kvm_irqfd_level_signalled - a level irqfd's eventfd was signalled
 *
 * Context: whoever signals.
 */
void kvm_irqfd_level_signalled(void)
{
	struct kvm_vcpu *vcpu = in_task() ? kvm_get_running_vcpu() : NULL;

	/* Not an interrupt's that came over a vCPU: its own doing. */
	if (vcpu)
		++vcpu->level_signals;
}

static void note_echo(struct kvm_irqfd_resampler *resampler)
{
	spin_lock(&resampler->storm_lock);
	++resampler->echoes;
	spin_unlock(&resampler->storm_lock);
}

static bool is_storm(struct kvm_irqfd_resampler *resampler)
{
	unsigned long now = jiffies, faded;
	bool storm;

	spin_lock(&resampler->storm_lock);
	faded = (now - resampler->echoes_since) * STORM_ECHOES_PER_SEC / HZ;
	if (faded) {
		resampler->echoes -= min(resampler->echoes, faded);
		resampler->echoes_since = now;
	}
	storm = resampler->echoes >= STORM_ECHOES;
	if (storm)
		resampler->echoes = 0;
	spin_unlock(&resampler->storm_lock);

	return storm;
}

/* Each of them, whoever raised.  Under kvm_irqfd_srcu: none goes before that. */
static void signal_all(struct kvm_irqfd_resampler *resampler)
{
	struct kvm_kernel_irqfd *irqfd;

	lockdep_assert_held(&kvm_irqfd_srcu);

	list_for_each_entry_srcu(irqfd, &resampler->irqfds, resampler_link,
				 srcu_read_lock_held(&kvm_irqfd_srcu))
		eventfd_signal(irqfd->resamplefd);
}

static void signal_later(struct work_struct *work)
{
	struct kvm_irqfd_resampler *resampler =
		container_of(to_delayed_work(work), struct kvm_irqfd_resampler,
			     later);
	int idx;

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	signal_all(resampler);
	srcu_read_unlock(&kvm_irqfd_srcu, idx);
}

/* Tell the level irqfds of a GSI.  Is there any? */
static bool tell(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_vcpu *vcpu = kvm_get_running_vcpu();
	struct kvm_irqfd_resampler *resampler;
	unsigned int before;
	bool found = false;
	int idx;

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	resampler = xa_load(&kvm->irqfds.resamplers, gsi);
	/* A resampler has none before its first irqfd, and after its last. */
	if (resampler && !list_empty(&resampler->irqfds)) {
		found = true;
		if (is_storm(resampler)) {
			++kvm->stat.generic.irqfd_resample_storms;
			queue_delayed_work(system_unbound_wq, &resampler->later,
					   STORM_PAUSE);
		} else {
			before = vcpu ? vcpu->level_signals : 0;
			signal_all(resampler);
			if (vcpu && vcpu->level_signals != before)
				note_echo(resampler);
		}
	}
	srcu_read_unlock(&kvm_irqfd_srcu, idx);

	return found;
}

static void lower(struct kvm *kvm, unsigned int gsi)
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
 * Context: a read section of kvm->irq_srcu, interrupts on, no lock of an irqchip
 * held.
 */
void kvm_irqfd_level_acked(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_irqfd_resampler *resampler;
	int idx;

	/* Signalling takes spinlocks, which PREEMPT_RT may sleep for. */
	lockdep_assert_irqs_enabled();

	idx = srcu_read_lock(&kvm_irqfd_srcu);
	resampler = xa_load(&kvm->irqfds.resamplers, gsi);
	if (resampler) {
		clear_bit(RESAMPLER_RAISED, &resampler->flags);
		lower(kvm, gsi);
		/* Whose line it was may have gone, and others come. */
		tell(kvm, gsi);
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
 * Context: any with interrupts on.
 * Return: whether there are any.
 */
bool kvm_notify_irqfd_resampler(struct kvm *kvm, unsigned int irqchip,
				unsigned int pin)
{
	bool found = false;
	int gsi, idx;

	lockdep_assert_irqs_enabled();

	idx = srcu_read_lock(&kvm->irq_srcu);
	gsi = kvm_irq_map_chip_pin(kvm, irqchip, pin);
	if (gsi != -1)
		found = tell(kvm, gsi);
	srcu_read_unlock(&kvm->irq_srcu, idx);

	return found;
}

/**
 * kvm_arch_irqfd_level_raise - raise a GSI for its level irqfds
 * @kvm: the VM
 * @resampler: the GSI's
 *
 * For an architecture where a line may be in no irqchip that KVM emulates.
 * Context: process context, in a read section of kvm->irq_srcu.
 * Return: false if there is no route.
 */
bool __weak kvm_arch_irqfd_level_raise(struct kvm *kvm,
				       struct kvm_irqfd_resampler *resampler)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];

	if (!kvm_irq_map_gsi(kvm, routes, resampler->gsi))
		return false;

	kvm_set_irq(kvm, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, resampler->gsi, 1,
		    false);
	return true;
}

/**
 * kvm_arch_irqfd_level_retire - a GSI has lost its last level irqfd
 * @kvm: the VM
 * @resampler: the GSI's, which won't be raised any more
 *
 * Context: process context, kvm->irqfds.resampler_lock, or none if the VM is
 * being closed.
 */
void __weak kvm_arch_irqfd_level_retire(struct kvm *kvm,
					struct kvm_irqfd_resampler *resampler)
{
}

/**
 * kvm_arch_irqfd_level_rerouted - the routing table is a new one
 * @kvm: the VM
 *
 * Context: kvm->irq_lock and a read section of kvm->irq_srcu.
 */
void __weak kvm_arch_irqfd_level_rerouted(struct kvm *kvm)
{
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

	set_bit(RESAMPLER_STRANDED, &resampler->flags);
	/* Before the look at the routes: see kvm_irqfd_level_rerouted(). */
	smp_mb__after_atomic();
	/* Who has raised without a route before is told with this one. */
	routed = kvm_arch_irqfd_level_raise(kvm, resampler);
	if (routed)
		clear_bit(RESAMPLER_STRANDED, &resampler->flags);
	set_bit(RESAMPLER_RAISED, &resampler->flags);

	return routed;
}

/**
 * kvm_irqfd_level_strand - let an acknowledge's consequences wait for a route
 * @resampler: a GSI's that has none, as far as the caller knows
 *
 * Context: any.  The caller has to look for a route again after this, and to
 * tell, by kvm_notify_acked_gsi(), if there is one: that of a new routing table
 * may not have found this.
 */
void kvm_irqfd_level_strand(struct kvm_irqfd_resampler *resampler)
{
	set_bit(RESAMPLER_STRANDED, &resampler->flags);
	/* Before the caller's look at the routes. */
	smp_mb__after_atomic();
}

/**
 * kvm_irqfd_level_rerouted - the VM has a new routing table
 * @kvm: the VM
 *
 * Context: kvm->irq_lock, with the new table in place.
 */
void kvm_irqfd_level_rerouted(struct kvm *kvm)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	struct kvm_irqfd_resampler *resampler;
	unsigned long gsi;
	int idx, level_idx;

	lockdep_assert_held(&kvm->irq_lock);

	/*
	 * Either a raise finds the new table, or it is found stranded here; if
	 * both, the irqfds are told once too often, which does no harm.
	 */
	smp_mb();

	idx = srcu_read_lock(&kvm->irq_srcu);
	kvm_arch_irqfd_level_rerouted(kvm);
	level_idx = srcu_read_lock(&kvm_irqfd_srcu);
	xa_for_each(&kvm->irqfds.resamplers, gsi, resampler) {
		if (!test_bit(RESAMPLER_STRANDED, &resampler->flags) ||
		    !kvm_irq_map_gsi(kvm, routes, gsi))
			continue;
		clear_bit(RESAMPLER_STRANDED, &resampler->flags);
		signal_all(resampler);
	}
	srcu_read_unlock(&kvm_irqfd_srcu, level_idx);
	srcu_read_unlock(&kvm->irq_srcu, idx);
}

static struct kvm_irqfd_resampler *add_resampler(struct kvm *kvm,
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
	INIT_LIST_HEAD(&resampler->sent_link);
	INIT_DELAYED_WORK(&resampler->later, signal_later);
	spin_lock_init(&resampler->storm_lock);
	resampler->echoes_since = jiffies;

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
		resampler = add_resampler(kvm, irqfd);
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

	list_del_rcu(&irqfd->resampler_link);
	if (list_empty(&resampler->irqfds)) {
		xa_erase(&kvm->irqfds.resamplers, irqfd->gsi);
		kvm_arch_irqfd_level_retire(kvm, resampler);
		irqfd->resampler_retired = true;
	}

	/*
	 * Still under the lock: the next to attach to this GSI must not find its
	 * first raise taken down by this.  For those who are left this is like
	 * an acknowledge, as it was their line, too; but in a VM that is being
	 * closed nobody is told.
	 */
	was_raised = test_and_clear_bit(RESAMPLER_RAISED, &resampler->flags);
	if (was_raised || irqfd->resampler_retired)
		lower(kvm, irqfd->gsi);
	if (was_raised && !irqfd->resampler_retired &&
	    rcu_access_pointer(irqfd->vm)) {
		idx = srcu_read_lock(&kvm_irqfd_srcu);
		signal_all(resampler);
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
	 * Not necessarily with the one who was detached last, as in VM close one
	 * who was detached before may have been raising until now.
	 */
	if (resampler && refcount_dec_and_test(&resampler->users)) {
		cancel_delayed_work_sync(&resampler->later);
		kfree(resampler);
	}
	eventfd_ctx_put(irqfd->resamplefd);
}

/**
 * kvm_irqfd_level_close - take a line down for good
 * @kvm: a VM that is being closed
 * @irqfd: an irqfd that was detached before it had ceased to raise, and now has
 *
 * Context: process context; nobody attaches to this VM any more.
 */
void kvm_irqfd_level_close(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_irqfd_resampler *resampler = irqfd->resampler;

	if (!test_and_clear_bit(RESAMPLER_RAISED, &resampler->flags))
		return;

	kvm_arch_irqfd_level_retire(kvm, resampler);
	lower(kvm, irqfd->gsi);
}

/**
 * kvm_irqfd_level_init_vm - set up a new VM's part of this
 * @kvm: the VM
 */
void kvm_irqfd_level_init_vm(struct kvm *kvm)
{
	xa_init_flags(&kvm->irqfds.resamplers, XA_FLAGS_ACCOUNT);
	mutex_init(&kvm->irqfds.resampler_lock);
	spin_lock_init(&kvm->irqfds.sent_lock);
	INIT_LIST_HEAD(&kvm->irqfds.sent);
}
