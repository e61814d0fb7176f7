// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where GSIs lead: a VM's routes.
 *
 * Each GSI has its routes in an object of its own, which never changes; a change puts
 * another one in its place (irq_routes_change.c).  A GSI is found by its number, and
 * stays as long as the VM, so an irqfd has a pointer to its own.
 *
 * Pins
 * ----
 * An acknowledge goes from an irqchip's pin to a GSI.  Where several GSIs lead to a pin,
 * it goes to the one whose route was named last.  The routes that lead to a pin stand on
 * the pin's list, the last named one first.  Readers look at the first one only, so a
 * route may be moved to the front.  It is on the list before it is in place, and stays
 * until it isn't: an acknowledge of a pin that leads somewhere before and after a change
 * is never lost in the change.
 */

#include <linux/export.h>
#include <linux/kvm_host.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/xarray.h>

#include "irq_routes.h"

bool __weak kvm_arch_can_set_irq_routing(struct kvm *kvm)
{
	return true;
}

/**
 * kvm_gsi_find - find a GSI that was added
 * @kvm: the VM
 * @nr: its number, which may be any
 *
 * Context: any.
 * Return: the GSI, which stays as long as the VM; NULL if it has had neither routes nor
 * irqfds.
 */
struct kvm_gsi *kvm_gsi_find(struct kvm *kvm, u32 nr)
{
	struct kvm_gsi_chunk *chunk;

	chunk = xa_load(&kvm->irq_routing->chunks, nr / GSIS_PER_CHUNK);

	return chunk ? &chunk->gsis[nr % GSIS_PER_CHUNK] : NULL;
}

/* A chunk stays as long as the VM, so no lock is needed. */
static noinline struct kvm_gsi *irq_find_and_remember_gsi(struct kvm *kvm, u32 nr)
{
	struct kvm_gsi *gsi = kvm_gsi_find(kvm, nr);

	if (!gsi)
		return NULL;

	/* Pairs with irq_find_next_gsi(): what the chunk has in it comes first. */
	smp_store_release(&kvm->irq_routing->recent,
			  container_of(gsi, struct kvm_gsi_chunk,
				       gsis[nr % GSIS_PER_CHUNK]));

	return gsi;
}

/*
 * As kvm_gsi_find(), for callers that come with one GSI after the other.  What is in a
 * chunk doesn't depend on @recent, which another caller may have set.
 */
static inline struct kvm_gsi *irq_find_next_gsi(struct kvm *kvm, u32 nr)
{
	/* Pairs with irq_find_and_remember_gsi(). */
	struct kvm_gsi_chunk *recent = smp_load_acquire(&kvm->irq_routing->recent);
	struct kvm_gsi *gsi;

	if (recent) {
		gsi = &recent->gsis[nr % GSIS_PER_CHUNK];
		if (gsi->nr == nr)
			return gsi;
	}

	return irq_find_and_remember_gsi(kvm, nr);
}

/**
 * kvm_gsi_add - find a GSI, or add it
 * @kvm: the VM
 * @nr: its number, below KVM_MAX_IRQ_ROUTES
 *
 * A caller that fails later leaves what was added, which leads nowhere.
 * Context: kvm->irq_lock.
 * Return: the GSI, which stays as long as the VM; NULL if there is no memory.
 */
struct kvm_gsi *kvm_gsi_add(struct kvm *kvm, u32 nr)
{
	struct kvm_gsi *gsi = irq_find_next_gsi(kvm, nr);
	u32 at = nr / GSIS_PER_CHUNK, i;
	struct kvm_gsi_chunk *chunk;

	lockdep_assert_held(&kvm->irq_lock);

	if (gsi)
		return gsi;

	chunk = kzalloc(sizeof(*chunk), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return NULL;

	for (i = 0; i < GSIS_PER_CHUNK; i++)
		kvm_gsi_init(&chunk->gsis[i], at * GSIS_PER_CHUNK + i);
	if (xa_err(xa_store(&kvm->irq_routing->chunks, at, chunk, GFP_KERNEL_ACCOUNT))) {
		kfree(chunk);
		return NULL;
	}

	return &chunk->gsis[nr % GSIS_PER_CHUNK];
}

/**
 * kvm_gsi_get - get a GSI, whether or not it has routes
 * @kvm: the VM
 * @nr: its number, which may be any
 *
 * A number too great for routes has none, like all others of these.
 * Context: process context; takes kvm->irq_lock.
 * Return: the GSI, which stays as long as the VM; NULL if there is no memory.
 */
struct kvm_gsi *kvm_gsi_get(struct kvm *kvm, u32 nr)
{
	struct kvm_gsi *gsi;

	if (nr >= KVM_MAX_IRQ_ROUTES)
		return &kvm->irqfds.unrouted;

	gsi = irq_find_next_gsi(kvm, nr);
	if (gsi)
		return gsi;

	mutex_lock(&kvm->irq_lock);
	gsi = kvm_gsi_add(kvm, nr);
	mutex_unlock(&kvm->irq_lock);

	return gsi;
}

/**
 * kvm_gsi_map - look up where a GSI leads
 * @kvm: the VM
 * @gsi: the GSI
 * @entries: room for KVM_NR_IRQCHIPS routes, which get no valid link
 *
 * Context: a read section of kvm->irq_srcu, until what was found is delivered; or
 * kvm->irq_lock.
 * Return: how many routes there are.
 */
int kvm_gsi_map(struct kvm *kvm, const struct kvm_gsi *gsi,
		struct kvm_kernel_irq_routing_entry *entries)
{
	struct kvm_irq_routes *routes;
	unsigned int i;

	routes = srcu_dereference_check(gsi->routes, &kvm->irq_srcu,
					lockdep_is_held(&kvm->irq_lock));
	if (!routes)
		return 0;

	/* The links may change meanwhile. */
	for (i = 0; i < routes->nr; i++)
		memcpy(&entries[i], &routes->entry[i],
		       offsetof(typeof(*entries), link));

	return routes->nr;
}

/**
 * kvm_irq_map_gsi - look up where the GSI of a number leads
 * @kvm: the VM
 * @entries: as kvm_gsi_map()
 * @gsi: the number, which may be any
 *
 * Context: as kvm_gsi_map().
 * Return: as kvm_gsi_map().
 */
int kvm_irq_map_gsi(struct kvm *kvm,
		    struct kvm_kernel_irq_routing_entry *entries, int gsi)
{
	struct kvm_gsi *from = kvm_gsi_find(kvm, gsi);

	return from ? kvm_gsi_map(kvm, from, entries) : 0;
}
EXPORT_SYMBOL_GPL(kvm_irq_map_gsi);

/**
 * kvm_irq_map_chip_pin - look up which GSI leads to a pin
 * @kvm: the VM
 * @irqchip: the irqchip
 * @pin: its pin
 *
 * Context: a read section of kvm->irq_srcu.
 * Return: the GSI, or -1 if there is none.
 */
int kvm_irq_map_chip_pin(struct kvm *kvm, unsigned int irqchip, unsigned int pin)
{
	struct kvm_kernel_irq_routing_entry *e;
	struct hlist_node *first;

	first = srcu_dereference(hlist_first_rcu(&kvm->irq_routing->pins[irqchip][pin]),
				 &kvm->irq_srcu);
	if (!first)
		return -1;

	e = hlist_entry(first, struct kvm_kernel_irq_routing_entry, link);

	return e->gsi;
}

/**
 * kvm_init_irq_routing - set up a new VM's part of this
 * @kvm: the VM
 *
 * Context: process context.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_init_irq_routing(struct kvm *kvm)
{
	struct kvm_irq_routing_table *table;

	table = kvzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	if (!table)
		return -ENOMEM;

	xa_init_flags(&table->chunks, XA_FLAGS_ACCOUNT);
	kvm->irq_routing = table;

	return 0;
}

static void irq_free_chunk(struct kvm_gsi_chunk *chunk)
{
	unsigned int i;

	for (i = 0; i < GSIS_PER_CHUNK; i++)
		kfree(rcu_dereference_protected(chunk->gsis[i].routes, true));
	kfree(chunk);
}

/**
 * kvm_free_irq_routing - the counterpart of kvm_init_irq_routing()
 * @kvm: a VM without irqfds, which injects nothing any more
 *
 * Context: process context.
 */
void kvm_free_irq_routing(struct kvm *kvm)
{
	struct kvm_irq_routing_table *table = kvm->irq_routing;
	struct kvm_gsi_chunk *chunk;
	unsigned long i;

	xa_for_each(&table->chunks, i, chunk) {
		irq_free_chunk(chunk);
		cond_resched();
	}
	xa_destroy(&table->chunks);
	kvfree(table);
}
