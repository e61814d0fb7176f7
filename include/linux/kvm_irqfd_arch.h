/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What irqfds and the architecture's irqchips ask of each other.
 *
 * An architecture selects HAVE_KVM_ARCH_IRQFD_* for each group of functions that it
 * has itself.
 */
#ifndef __LINUX_KVM_IRQFD_ARCH_H
#define __LINUX_KVM_IRQFD_ARCH_H

#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>

/* What irqchips ask of level irqfds. */
void kvm_notify_acked_masked_irq(struct kvm *kvm, unsigned int irqchip,
				 unsigned int pin);
bool kvm_irqfd_level_on_gsi(struct kvm *kvm, unsigned int gsi);
void kvm_irqfd_level_strand(struct kvm *kvm, unsigned int gsi);
bool kvm_irqfd_level_raise_by(struct kvm *kvm, unsigned int gsi,
			      struct kvm_kernel_irq_routing_entry *routes,
			      int nr);

/**
 * kvm_arch_irqfd_inject - inject in the wake-up, if that's possible
 * @kvm: the VM
 * @e: the GSI's only route
 *
 * Context: an eventfd's wait queue lock is held, which is a read section of RCU:
 * interrupts are off or, on PREEMPT_RT, the lock itself is one.  In a read section
 * of kvm->irq_srcu.
 * Return: as kvm_set_irq(), or -EWOULDBLOCK with nothing done.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_INJECT
int kvm_arch_irqfd_inject(struct kvm *kvm,
			  struct kvm_kernel_irq_routing_entry *e);
#else
static inline int kvm_arch_irqfd_inject(struct kvm *kvm,
					struct kvm_kernel_irq_routing_entry *e)
{
	return kvm_arch_set_irq_inatomic(e, kvm, KVM_IRQFD_IRQ_SOURCE_ID, 1,
					 false);
}
#endif

/**
 * kvm_arch_irqfd_delivered - does this mean that the guest has been told?
 * @e: the route
 * @ret: what its set() has returned for the rising edge, or
 *	kvm_arch_irqfd_inject() other than -EWOULDBLOCK
 *
 * An interrupt that has merged with one that is pending has been told.
 * Context: any.
 * Return: false if the event is lost on the guest.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_INJECT
bool kvm_arch_irqfd_delivered(const struct kvm_kernel_irq_routing_entry *e,
			      int ret);
#else
static inline bool
kvm_arch_irqfd_delivered(const struct kvm_kernel_irq_routing_entry *e, int ret)
{
	return ret >= 0;
}
#endif

/**
 * kvm_arch_irqfd_pulse - take an edge's line up and down again
 * @kvm: the VM
 * @gsi: the GSI
 * @routes: its routes
 * @nr: how many there are
 *
 * No other change of the line comes between.  May wait for irqchips' locks.
 * Context: process context, in a read section of kvm->irq_srcu.
 * Return: 1 if the guest has been told, 0 if it can't have been, or -EWOULDBLOCK with
 * nothing done if the routes don't lead to such irqchips.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_PINS
int kvm_arch_irqfd_pulse(struct kvm *kvm, unsigned int gsi,
			 struct kvm_kernel_irq_routing_entry *routes, int nr);
#else
static inline int
kvm_arch_irqfd_pulse(struct kvm *kvm, unsigned int gsi,
		     struct kvm_kernel_irq_routing_entry *routes, int nr)
{
	return -EWOULDBLOCK;
}
#endif

/**
 * kvm_arch_irqfd_pulse_inatomic - the same in the wake-up, if that's possible
 * @kvm: the VM
 * @gsi: the GSI
 * @routes: its routes
 * @nr: how many there are
 *
 * Context: as kvm_arch_irqfd_inject().
 * Return: as kvm_arch_irqfd_pulse(); -EWOULDBLOCK with nothing done also if a lock of
 * an irqchip is taken.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_PINS
int kvm_arch_irqfd_pulse_inatomic(struct kvm *kvm, unsigned int gsi,
				  struct kvm_kernel_irq_routing_entry *routes,
				  int nr);
#else
static inline int
kvm_arch_irqfd_pulse_inatomic(struct kvm *kvm, unsigned int gsi,
			      struct kvm_kernel_irq_routing_entry *routes,
			      int nr)
{
	return -EWOULDBLOCK;
}
#endif

/**
 * kvm_arch_irqfd_raise_inatomic - raise a level irqfd's line in the wake-up
 * @kvm: the VM
 * @gsi: the GSI
 * @routes: its routes
 * @nr: how many there are
 *
 * Context: as kvm_arch_irqfd_inject().
 * Return: 1 if the line is up, 0 if it can't be raised, or -EWOULDBLOCK with nothing
 * done.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_PINS
int kvm_arch_irqfd_raise_inatomic(struct kvm *kvm, unsigned int gsi,
				  struct kvm_kernel_irq_routing_entry *routes,
				  int nr);
#else
static inline int
kvm_arch_irqfd_raise_inatomic(struct kvm *kvm, unsigned int gsi,
			      struct kvm_kernel_irq_routing_entry *routes,
			      int nr)
{
	int ret;

	if (nr != 1 || routes->type != KVM_IRQ_ROUTING_IRQCHIP)
		return -EWOULDBLOCK;

	ret = kvm_arch_set_irq_inatomic(routes, kvm,
					KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID, 1,
					false);

	return ret == -EWOULDBLOCK ? ret :
				     kvm_arch_irqfd_delivered(routes, ret);
}
#endif

/**
 * kvm_arch_irqfd_may_wait - may this route's injection have to wait for user space?
 * @e: a route, which is no line and its GSI's only one if so
 *
 * It may have to wait until user space provides memory, or for a lock whose holder
 * waits for that.
 * Context: any.
 * Return: true if it may.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_PAGE_IN
bool kvm_arch_irqfd_may_wait(const struct kvm_kernel_irq_routing_entry *e);
#else
static inline bool
kvm_arch_irqfd_may_wait(const struct kvm_kernel_irq_routing_entry *e)
{
	return false;
}
#endif

/**
 * kvm_arch_irqfd_send - inject by a route that may have to wait, without waiting
 * @kvm: the VM
 * @e: the route
 * @irq_source_id: the IRQ source that raises
 *
 * Context: process context, in a read section of kvm->irq_srcu.
 * Return: as @e's set(), or -EWOULDBLOCK with nothing done.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_PAGE_IN
int kvm_arch_irqfd_send(struct kvm *kvm, struct kvm_kernel_irq_routing_entry *e,
			int irq_source_id);
#else
static inline int kvm_arch_irqfd_send(struct kvm *kvm,
				      struct kvm_kernel_irq_routing_entry *e,
				      int irq_source_id)
{
	return kvm_arch_set_irq_inatomic(e, kvm, irq_source_id, 1, false);
}
#endif

/**
 * kvm_arch_irqfd_page_in - wait for what kvm_arch_irqfd_send() didn't wait for
 * @kvm: the VM, which may be closing
 * @e: the route, which may be out of date
 *
 * Context: a worker, in no read section.  May wait for user space.
 * Return: 0 if it makes sense to try again, else a negative errno.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_PAGE_IN
int kvm_arch_irqfd_page_in(struct kvm *kvm,
			   const struct kvm_kernel_irq_routing_entry *e);
#else
static inline int
kvm_arch_irqfd_page_in(struct kvm *kvm,
		       const struct kvm_kernel_irq_routing_entry *e)
{
	return -EOPNOTSUPP;
}
#endif

/**
 * kvm_arch_irqfd_level_raise - raise a GSI for its level irqfds
 * @kvm: the VM
 * @resampler: the GSI's
 *
 * For an architecture where a line may be in no irqchip that KVM emulates.
 * Context: process context, in a read section of kvm->irq_srcu.
 * Return: false if there is no route.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_LEVEL
bool kvm_arch_irqfd_level_raise(struct kvm *kvm,
				struct kvm_irqfd_resampler *resampler);
#else
static inline bool
kvm_arch_irqfd_level_raise(struct kvm *kvm,
			   struct kvm_irqfd_resampler *resampler)
{
	struct kvm_kernel_irq_routing_entry routes[KVM_NR_IRQCHIPS];
	int nr = kvm_irq_map_gsi(kvm, routes, resampler->gsi);

	return kvm_irqfd_level_raise_by(kvm, resampler->gsi, routes, nr);
}
#endif

/**
 * kvm_arch_irqfd_level_retire - a GSI has lost its last level irqfd
 * @kvm: the VM
 * @resampler: the GSI's, which won't be raised any more
 *
 * Context: process context, kvm->irqfds.resampler_lock, or none if the VM is
 * being closed.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_LEVEL
void kvm_arch_irqfd_level_retire(struct kvm *kvm,
				 struct kvm_irqfd_resampler *resampler);
#else
static inline void
kvm_arch_irqfd_level_retire(struct kvm *kvm,
			    struct kvm_irqfd_resampler *resampler)
{
}
#endif

/**
 * kvm_arch_irqfd_level_rerouted - user space has set the routes of a GSI
 * @kvm: the VM
 * @gsi: the GSI
 *
 * Context: kvm->irq_lock.
 */
#ifdef CONFIG_HAVE_KVM_ARCH_IRQFD_LEVEL
void kvm_arch_irqfd_level_rerouted(struct kvm *kvm, unsigned int gsi);
#else
static inline void kvm_arch_irqfd_level_rerouted(struct kvm *kvm,
						 unsigned int gsi)
{
}
#endif

#endif /* __LINUX_KVM_IRQFD_ARCH_H */
