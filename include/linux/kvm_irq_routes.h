/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a VM's GSIs lead.
 */
#ifndef __LINUX_KVM_IRQ_ROUTES_H
#define __LINUX_KVM_IRQ_ROUTES_H

#include <linux/list.h>
#include <linux/types.h>

struct kvm;
struct kvm_irq_named;
struct kvm_irq_routes;
struct kvm_kernel_irq_routing_entry;

/**
 * struct kvm_gsi - one GSI of a VM
 * @routes: where it leads, NULL if nowhere; changed under kvm->irq_lock, read in a
 *	read section of kvm->irq_srcu until what was found is delivered
 * @generation: goes up after each change of @routes; never 0.  A reader that finds it
 *	unchanged in such a read section may use a copy of the routes
 * @bypassed: the irqfds of this GSI with a bypass producer, by @bypass_link; under
 *	kvm->irqfds.lock
 * @kept: the irqfds of this GSI whose eventfds have no file any more and that have no
 *	owner, by @kept_link; under kvm->irqfds.lock
 * @nr_ending: how many have had a place there, and an owner since; under
 *	kvm->irqfds.lock
 * @named: the last route that a call under kvm->irq_lock names for this GSI, else NULL
 * @nr: the GSI
 *
 * It lives as long as its VM.
 */
struct kvm_gsi {
	struct kvm_irq_routes __rcu *routes;
	unsigned long generation;
	struct list_head bypassed;
	struct hlist_head kept;
	struct kvm_irq_named *named;
	unsigned int nr_ending;
	u32 nr;
};

/**
 * kvm_gsi_init - set up a GSI without routes
 * @gsi: what to set up, zeroed
 * @nr: the GSI
 */
static inline void kvm_gsi_init(struct kvm_gsi *gsi, u32 nr)
{
	gsi->generation = 1;
	INIT_LIST_HEAD(&gsi->bypassed);
	gsi->nr = nr;
}

#ifdef CONFIG_HAVE_KVM_IRQ_ROUTING
int kvm_irq_create_cache(void);
void kvm_irq_destroy_cache(void);
struct kvm_gsi *kvm_gsi_get(struct kvm *kvm, u32 nr);
struct kvm_gsi *kvm_gsi_find(struct kvm *kvm, u32 nr);
int kvm_gsi_map(struct kvm *kvm, const struct kvm_gsi *gsi,
		struct kvm_kernel_irq_routing_entry *entries);

/**
 * kvm_arch_irq_route_named - user space has named a route, which it may have had before
 * @kvm: the VM
 * @e: the route, neither to a pin nor an MSI
 *
 * Context: kvm->irq_lock, before the route is in place.
 */
void kvm_arch_irq_route_named(struct kvm *kvm,
			      const struct kvm_kernel_irq_routing_entry *e);

/**
 * kvm_arch_irq_routing_update - routes have been set
 * @kvm: the VM
 * @lowest: none of them is of a lower GSI
 *
 * Context: kvm->irq_lock, with the routes in place.
 */
void kvm_arch_irq_routing_update(struct kvm *kvm, u32 lowest);
#else
static inline int kvm_irq_create_cache(void)
{
	return 0;
}

static inline void kvm_irq_destroy_cache(void)
{
}

/* All GSIs lead somewhere, for good. */
#define kvm_gsi_get(kvm, nr)	((void)(nr), &(kvm)->irqfds.unrouted)
#define kvm_gsi_find(kvm, nr)	kvm_gsi_get(kvm, nr)
#endif

#endif /* __LINUX_KVM_IRQ_ROUTES_H */
