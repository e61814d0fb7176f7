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
 * acknowledge that found the notifier of a resampler which is retired, and
 * replaced, before it gets to lower the line.  Hence the callback doesn't tell
 * the irqfds of the resampler it was called for, but looks up, after it has
 * lowered the line, which are there now.  Who raised before the lowering was
 * attached before raising, so the look-up finds him.  Who comes after it may be
 * told for nothing, and resamples.
 *
 * That the retired one needn't be gone for that is what allows attaching and
 * detaching without waiting for readers under a lock.
 */

#include <linux/eventfd.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/xarray.h>

#include "irq_ack.h"
#include "irqfd.h"

/* Tell the level irqfds of a GSI.  Was there any? */
static bool notify_gsi(struct kvm *kvm, unsigned int gsi)
{
	struct kvm_irqfd_resampler *resampler;
	struct kvm_kernel_irqfd *irqfd;
	bool found = false;

	/* Held until the last irqfd is told: none of them goes before that. */
	lockdep_assert_held(&kvm->irq_srcu);

	resampler = xa_load(&kvm->irqfds.resamplers, gsi);
	if (!resampler)
		return false;

	list_for_each_entry_srcu(irqfd, &resampler->irqfds, resampler_link,
				 srcu_read_lock_held(&kvm->irq_srcu)) {
		eventfd_signal(irqfd->resamplefd);
		found = true;
	}

	/* A resampler has none before its first irqfd, and after its last. */
	return found;
}

/* Called under kvm->irq_srcu, so that @kian and its resampler stay. */
static void resampler_acked(struct kvm_irq_ack_notifier *kian)
{
	struct kvm_irqfd_resampler *resampler =
		container_of(kian, struct kvm_irqfd_resampler, notifier);
	struct kvm *kvm = resampler->kvm;

	kvm_set_irq(kvm, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, kian->gsi, 0, false);
	notify_gsi(kvm, kian->gsi);
}

/**
 * kvm_notify_irqfd_resampler - have the level irqfds of a pin resample
 * @kvm: the VM
 * @irqchip: the irqchip
 * @pin: its pin
 *
 * For an irqchip that has withheld an interrupt and would rather know whether
 * it is still wanted than inject it.
 * Context: any that may take a read section of kvm->irq_srcu and signal an
 * eventfd, an irqchip's lock included.
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
		found = notify_gsi(kvm, gsi);
	srcu_read_unlock(&kvm->irq_srcu, idx);

	return found;
}

static struct kvm_irqfd_resampler *add_resampler(struct kvm *kvm,
						 unsigned int gsi)
{
	struct kvm_irqfd_resampler *resampler;
	int ret;

	lockdep_assert_held(&kvm->irqfds.resampler_lock);

	resampler = kzalloc(sizeof(*resampler), GFP_KERNEL_ACCOUNT);
	if (!resampler)
		return ERR_PTR(-ENOMEM);

	resampler->kvm = kvm;
	resampler->notifier.gsi = gsi;
	resampler->notifier.irq_acked = resampler_acked;
	INIT_LIST_HEAD(&resampler->irqfds);

	ret = xa_err(xa_store(&kvm->irqfds.resamplers, gsi, resampler,
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
	int ret = 0;

	/*
	 * One lock for all GSIs of the VM: it makes finding, filling, emptying
	 * and retiring a resampler one step, and nothing slow happens under it.
	 */
	mutex_lock(&kvm->irqfds.resampler_lock);

	resampler = xa_load(&kvm->irqfds.resamplers, irqfd->gsi);
	if (!resampler) {
		resampler = add_resampler(kvm, irqfd->gsi);
		if (IS_ERR(resampler)) {
			ret = PTR_ERR(resampler);
			goto unlock;
		}
		/* The first acknowledge must find an irqfd to tell. */
		list_add_rcu(&irqfd->resampler_link, &resampler->irqfds);
		kvm_register_irq_ack_notifier(kvm, &resampler->notifier);
	} else {
		list_add_rcu(&irqfd->resampler_link, &resampler->irqfds);
	}
	irqfd->resampler = resampler;

unlock:
	mutex_unlock(&kvm->irqfds.resampler_lock);
	return ret;
}

/**
 * kvm_irqfd_level_detach - have a level irqfd told no more
 * @kvm: the VM
 * @irqfd: an irqfd that was attached and can't raise its GSI any more
 *
 * The last one of a GSI takes the line down.  An acknowledge that is being
 * handled may still signal the resamplefd until
 * kvm_irqfd_level_synchronize() has returned.
 * Context: process context.  Neither allocates nor waits for readers.
 */
void kvm_irqfd_level_detach(struct kvm *kvm, struct kvm_kernel_irqfd *irqfd)
{
	struct kvm_irqfd_resampler *resampler = irqfd->resampler;

	mutex_lock(&kvm->irqfds.resampler_lock);

	list_del_rcu(&irqfd->resampler_link);
	if (list_empty(&resampler->irqfds)) {
		xa_erase(&kvm->irqfds.resamplers, irqfd->gsi);
		kvm_irq_ack_notifier_remove(kvm, &resampler->notifier);
		/*
		 * Still under the lock: the next to attach to this GSI must not
		 * find its first raise taken down by this.
		 */
		kvm_set_irq(kvm, KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, irqfd->gsi,
			    0, false);
		irqfd->resampler_retired = true;
	}

	mutex_unlock(&kvm->irqfds.resampler_lock);
}

/**
 * kvm_irqfd_level_synchronize - wait until detached irqfds are nobody's
 * @kvm: the VM
 *
 * Context: process context, no locks held.  One wait does for any number of
 * irqfds detached before.
 */
void kvm_irqfd_level_synchronize(struct kvm *kvm)
{
	synchronize_srcu_expedited(&kvm->irq_srcu);
}

/**
 * kvm_irqfd_level_free - give back what a level irqfd holds
 * @irqfd: an irqfd that was never attached, or detached and synchronized since
 */
void kvm_irqfd_level_free(struct kvm_kernel_irqfd *irqfd)
{
	eventfd_ctx_put(irqfd->resamplefd);
	if (irqfd->resampler_retired)
		kfree(irqfd->resampler);
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
