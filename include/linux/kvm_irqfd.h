/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * irqfd: an eventfd's signal becomes a guest's interrupt.
 */
#ifndef __LINUX_KVM_IRQFD_H
#define __LINUX_KVM_IRQFD_H

#include <linux/irqbypass.h>
#include <linux/kvm_host.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

/**
 * struct kvm_irqfd_resampler - the level irqfds of one GSI
 * @kvm: the VM
 * @notifier: learns of the guest's acknowledge
 * @irqfds: the level irqfds of this GSI, by @resampler_link; changed under
 *	kvm->irqfds.resampler_lock, read under kvm->irq_srcu
 */
struct kvm_irqfd_resampler {
	struct kvm *kvm;
	struct kvm_irq_ack_notifier notifier;
	struct list_head irqfds;
};

/**
 * struct kvm_kernel_irqfd - what ties an eventfd to a GSI
 * @vm: the VM, for whoever handles an event; NULL before the irqfd is complete
 *	and after its VM has closed.  Under irqfd.c's SRCU domain
 * @kvm: the VM, for whoever keeps it alive by other means: the owner of the
 *	shutdown, and the architecture's bypass callbacks
 * @gsi: the GSI
 * @flags: see irqfd.c
 * @eventfd: the eventfd; the irqfd holds a reference to the context, none to
 *	the file, whose end is the irqfd's
 * @wqh: the eventfd's wait queue, as long-lived as @eventfd
 * @wait: the irqfd's place on @wqh, always the first
 * @inject: injects what can't be injected in the wake-up
 * @shutdown: the end, when it is the hang-up that brought it
 * @list: in kvm->irqfds.items, or on the list of who is closing the VM
 * @resampler: a level irqfd's GSI, else NULL
 * @resampler_link: in @resampler->irqfds
 * @resampler_retired: @resampler has no other irqfd left and goes with this one
 * @resamplefd: a level irqfd's eventfd to signal on acknowledge
 * @irq_entry: the route a bypass producer was last told; under kvm->irqfds.lock
 * @consumer: this end of an interrupt bypass
 * @producer: the other end, while connected; under kvm->irqfds.lock
 * @bypass_link: in kvm->irqfds.bypassed while a producer is or gets connected
 *
 * Who moves an irqfd through its life, and under what, is told at the head of
 * virt/kvm/irqfd.c.
 */
struct kvm_kernel_irqfd {
	struct kvm __rcu *vm;
	struct kvm *kvm;
	int gsi;
	unsigned long flags;

	struct eventfd_ctx *eventfd;
	wait_queue_head_t *wqh;
	wait_queue_entry_t wait;
	struct work_struct inject;
	struct work_struct shutdown;
	struct list_head list;

	struct kvm_irqfd_resampler *resampler;
	struct list_head resampler_link;
	bool resampler_retired;
	struct eventfd_ctx *resamplefd;

	struct kvm_kernel_irq_routing_entry irq_entry;
	struct irq_bypass_consumer consumer;
	struct irq_bypass_producer *producer;
	struct list_head bypass_link;
};

#endif /* __LINUX_KVM_IRQFD_H */
