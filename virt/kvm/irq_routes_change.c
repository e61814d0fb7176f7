// SPDX-License-Identifier: GPL-2.0-only
/*
 * The change of a VM's routes.
 *
 * A change makes new objects for the routes of the GSIs that it is about, puts them in
 * place, waits for the readers of kvm->irq_srcu and frees the old objects.  So its cost
 * depends on how many GSIs it is about, and not on how many there are:
 *
 *	KVM_SET_GSI_ROUTES	those that it names
 *	KVM_SET_GSI_ROUTING	all: those that it doesn't name lose their routes
 *
 * A GSI whose routes are what they were keeps its object.  Neither its irqfds nor the
 * producers that bypass them notice the call.
 *
 * A change in four steps
 * ----------------------
 *	name	Check each route, and give it the architecture's form.  This may wait
 *		for the lock of the process's memory, so no lock of KVM's is held.
 *	stage	Under kvm->irq_lock.  Find the named GSIs, refuse what doesn't go
 *		together, and allocate the new objects.
 *	commit	Under the same lock, and can't fail: what was staged is put in place.
 *	wait	Without the lock.  Others may change routes meanwhile.
 *
 * If one of the first two fails nothing has changed.
 *
 * Who waits
 * ---------
 * A call that replaces or removes a route waits.  A call that only adds routes, or that
 * finds everything as it names it, has nothing to wait for, unless another call is still
 * waiting: that one's old routes may be routes of the same GSIs, and after the return of
 * either call nothing may go by them.
 */

#include <linux/kvm_host.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/xarray.h>

#include "irq_routes.h"
#include "irqfd.h"

/* So many routes that are named are allocated together: no more than 4 KiB. */
#define PER_BLOCK	((4096 - sizeof(struct kvm_irq_block)) / \
			 sizeof(struct kvm_irq_named))

/* So many routes are freed together. */
#define FREE_AT_ONCE	32

/* All VMs': the routes of a GSI that has one. */
static struct kmem_cache *one_route_cache;

void __weak kvm_arch_irq_route_named(struct kvm *kvm,
				     const struct kvm_kernel_irq_routing_entry *e)
{
}

void __weak kvm_arch_irq_routing_update(struct kvm *kvm, u32 lowest)
{
}

static struct kvm_irq_named *irq_end(const struct kvm_irq_block *block)
{
	return block->named + block->nr;
}

/* Name */

/* Give other things their turn.  -EINTR if the caller is being killed. */
static int irq_pause(void)
{
	cond_resched();

	return fatal_signal_pending(current) ? -EINTR : 0;
}

/* Room for one more.  NULL if there is no memory. */
static struct kvm_irq_named *irq_next_named(struct kvm_irq_change *change)
{
	struct kvm_irq_block *block = change->last;
	struct kvm_irq_named *named;

	if (block->nr == block->room) {
		block = kzalloc(sizeof(*block) + PER_BLOCK * sizeof(*named),
				GFP_KERNEL_ACCOUNT);
		if (!block)
			return NULL;
		block->room = PER_BLOCK;
		block->named = (struct kvm_irq_named *)(block + 1);
		change->last->next = block;
		change->last = block;
	}
	named = &block->named[block->nr];
	if (block == &change->first)
		memset(named, 0, sizeof(*named));

	return named;
}

static int irq_name_route(struct kvm_irq_change *change, struct kvm_irq_named *named,
			  const struct kvm_irq_routing_entry *ue)
{
	u32 known = ue->type == KVM_IRQ_ROUTING_MSI ? KVM_MSI_VALID_DEVID : 0;

	if (ue->flags & ~known)
		return -EINVAL;

	named->e.gsi = ue->gsi;
	named->e.type = ue->type;
	change->has_pins |= ue->type == KVM_IRQ_ROUTING_IRQCHIP;
	if (ue->type == KVM_GSI_ROUTE_NONE && !change->all)
		return 0;

	return kvm_set_routing_entry(change->kvm, &named->e, ue);
}

/**
 * kvm_irq_change_begin - begin a call that changes routes
 * @change: the call
 * @kvm: the VM
 * @all: shall GSIs that it doesn't name lose their routes?
 *
 * The caller ends it with kvm_irq_change_end().
 */
void kvm_irq_change_begin(struct kvm_irq_change *change, struct kvm *kvm, bool all)
{
	change->kvm = kvm;
	change->all = all;
	change->has_pins = false;
	change->error = 0;
	change->first.next = NULL;
	change->first.nr = 0;
	change->first.room = KVM_IRQ_FEW;
	change->first.named = change->few;
	change->last = &change->first;
	change->retired = NULL;
	kvm_bulk_init(&change->bulk, one_route_cache, 0);
}

/**
 * kvm_irq_change_name - name some more routes
 * @change: the call
 * @ue: the routes
 * @nr: how many there are
 *
 * What is wrong with a route is told by kvm_irq_change_do(): something may be wrong with
 * those before it that isn't known yet.
 * Context: process context, no locks of KVM's held that a page fault takes.
 * Return: 0; -ENOMEM; -EINTR if the caller is being killed.
 */
int kvm_irq_change_name(struct kvm_irq_change *change,
			const struct kvm_irq_routing_entry *ue, unsigned int nr)
{
	const struct kvm_irq_routing_entry *end = ue + nr;
	struct kvm_irq_named *named;

	for (; ue < end; ue++) {
		/* This is told of first. */
		if (ue->gsi >= KVM_MAX_IRQ_ROUTES)
			change->error = -EINVAL;
		if (change->error)
			continue;
		named = irq_next_named(change);
		if (!named)
			return -ENOMEM;
		change->error = irq_name_route(change, named, ue);
		if (!change->error)
			change->last->nr++;
	}

	return irq_pause();
}

/* Stage */

static struct kvm_irq_routes *irq_routes_of(struct kvm *kvm, struct kvm_gsi *gsi)
{
	return rcu_dereference_protected(gsi->routes,
					 lockdep_is_held(&kvm->irq_lock));
}

/*
 * A GSI may lead to one pin of each irqchip, or to one other thing.  That is also the
 * reason why kvm_irq_map_gsi() never has more than KVM_NR_IRQCHIPS routes.
 */
static bool irq_go_together(const struct kvm_irq_named *a,
			    const struct kvm_irq_named *b)
{
	return a->e.type == KVM_IRQ_ROUTING_IRQCHIP &&
	       b->e.type == KVM_IRQ_ROUTING_IRQCHIP &&
	       a->e.irqchip.irqchip != b->e.irqchip.irqchip;
}

static int irq_stage_route(struct kvm *kvm, struct kvm_irq_named *named)
{
	struct kvm_irq_named *other;
	struct kvm_gsi *gsi;

	/* A GSI that has routes is there: removing them takes no memory. */
	gsi = kvm_gsi_add(kvm, named->e.gsi);
	if (!gsi)
		return -ENOMEM;

	for (other = gsi->named; other; other = other->next)
		if (!irq_go_together(named, other))
			return -EINVAL;

	named->gsi = gsi;
	named->next = gsi->named;
	gsi->named = named;

	return 0;
}

/* Both were zeroed before they were filled, so what the types don't use is equal. */
static bool irq_same_route(const struct kvm_kernel_irq_routing_entry *a,
			   const struct kvm_kernel_irq_routing_entry *b)
{
	const unsigned long *x = (const unsigned long *)a;
	const unsigned long *y = (const unsigned long *)b;
	size_t i;

	for (i = 0; i < offsetof(typeof(*a), link) / sizeof(*x); i++)
		if (x[i] != y[i])
			return false;

	return true;
}

static bool irq_same_routes(const struct kvm_irq_routes *routes,
			    const struct kvm_irq_named *named, unsigned int nr)
{
	unsigned int i;

	if (!routes || routes->nr != nr)
		return false;

	for (i = 0; i < nr; i++, named = named->next)
		if (!irq_same_route(&routes->entry[i], &named->e))
			return false;

	return true;
}

static int irq_make_routes(struct kvm_irq_change *change, struct kvm_irq_named *last)
{
	struct kvm_irq_routes *routes = irq_routes_of(change->kvm, last->gsi);
	struct kvm_irq_named *named;
	unsigned int nr = 0;

	if (last->e.type == KVM_GSI_ROUTE_NONE)
		return 0;

	for (named = last; named; named = named->next)
		nr++;
	if (irq_same_routes(routes, last, nr)) {
		last->routes = routes;
		return 0;
	}

	routes = nr == 1 ? kvm_bulk_take(&change->bulk) :
		 kzalloc(struct_size(routes, entry, nr), GFP_KERNEL_ACCOUNT);
	if (!routes)
		return -ENOMEM;

	routes->nr = nr;
	for (nr = 0, named = last; named; named = named->next)
		routes->entry[nr++] = named->e;
	last->routes = routes;

	return 0;
}

static int irq_stage(struct kvm_irq_change *change)
{
	struct kvm_irq_named *named;
	struct kvm_irq_block *block;
	int ret;

	lockdep_assert_held(&change->kvm->irq_lock);

	for (block = &change->first; block; block = block->next) {
		for (named = block->named; named < irq_end(block); named++) {
			ret = irq_stage_route(change->kvm, named);
			if (ret)
				return ret;
		}
		ret = irq_pause();
		if (ret)
			return ret;
	}
	if (change->error)
		return change->error;

	for (block = &change->first; block; block = block->next) {
		/* A call that names few routes may need no more than one object. */
		change->bulk.wanted = block == &change->first ? 1 : block->nr;
		for (named = block->named; named < irq_end(block); named++) {
			if (named->gsi->named != named)
				continue;
			ret = irq_make_routes(change, named);
			if (ret)
				return ret;
		}
		ret = irq_pause();
		if (ret)
			return ret;
	}

	return 0;
}

/* Nothing is named any more.  What has been made and isn't in place is freed. */
static void irq_unstage(struct kvm_irq_change *change)
{
	struct kvm_irq_named *named;
	struct kvm_irq_block *block;

	for (block = &change->first; block; block = block->next) {
		for (named = block->named; named < irq_end(block); named++) {
			if (!named->gsi)
				return;
			if (named->routes != irq_routes_of(change->kvm, named->gsi))
				kfree(named->routes);
			named->gsi->named = NULL;
		}
		cond_resched();
	}
}

/* Commit */

/* An acknowledge of the pin that it leads to is this route's. */
static void irq_take_pin(struct kvm *kvm, struct kvm_kernel_irq_routing_entry *e)
{
	struct hlist_head *pin =
		&kvm->irq_routing->pins[e->irqchip.irqchip][e->irqchip.pin];

	if (pin->first == &e->link)
		return;
	/* Another one is first, so the pin leads somewhere meanwhile. */
	if (!hlist_unhashed(&e->link))
		hlist_del_init_rcu(&e->link);
	hlist_add_head_rcu(&e->link, pin);
}

static void irq_take_pins(struct kvm_irq_change *change)
{
	struct kvm_kernel_irq_routing_entry *e;
	struct kvm_irq_routes *routes;
	struct kvm_irq_named *named;
	struct kvm_irq_block *block;

	if (!change->has_pins)
		return;

	for (block = &change->first; block; block = block->next) {
		for (named = block->named; named < irq_end(block); named++) {
			if (named->e.type != KVM_IRQ_ROUTING_IRQCHIP)
				continue;
			routes = named->gsi->named->routes;
			for (e = routes->entry; e < routes->entry + routes->nr; e++)
				if (e->irqchip.irqchip == named->e.irqchip.irqchip)
					irq_take_pin(change->kvm, e);
		}
		cond_resched();
	}
}

/*
 * The routes lead to no pin any more.  Where another route leads to the same pin from now
 * on, that is on the pin's list already.
 */
static void irq_leave_pins(struct kvm_irq_routes *routes)
{
	struct kvm_kernel_irq_routing_entry *e;

	for (e = routes->entry; e < routes->entry + routes->nr; e++)
		if (!hlist_unhashed(&e->link))
			hlist_del_init_rcu(&e->link);
}

static void irq_put_in_place(struct kvm_irq_change *change, struct kvm_gsi *gsi,
			     struct kvm_irq_routes *routes)
{
	struct kvm *kvm = change->kvm;
	struct kvm_irq_routes *old = irq_routes_of(kvm, gsi);

	kvm->irq_routing->nr_routed += !!routes - !!old;
	rcu_assign_pointer(gsi->routes, routes);
	/* A reader of this generation sees these routes: irqfd_resolve(). */
	smp_store_release(&gsi->generation, gsi->generation + 1);
	if (old) {
		irq_leave_pins(old);
		old->next = change->retired;
		change->retired = old;
	}

	/* Pairs with irqfd_add_producer(), which sees these routes, or is seen here. */
	smp_mb();
	if (!list_empty(&gsi->bypassed))
		kvm_irqfd_bypass_rerouted(kvm, gsi);
}

/* Also if the route is what it was: the vCPU may have come since. */
static void irq_tell_arch(struct kvm *kvm, const struct kvm_kernel_irq_routing_entry *e)
{
	if (e->type != KVM_IRQ_ROUTING_IRQCHIP && e->type != KVM_IRQ_ROUTING_MSI)
		kvm_arch_irq_route_named(kvm, e);
}

/* Returns how many of the GSIs have routes. */
static u32 irq_put_named(struct kvm_irq_change *change)
{
	struct kvm *kvm = change->kvm;
	struct kvm_irq_named *named;
	struct kvm_irq_block *block;
	u32 nr_routed = 0;

	for (block = &change->first; block; block = block->next) {
		for (named = block->named; named < irq_end(block); named++) {
			irq_tell_arch(kvm, &named->e);
			if (named->gsi->named != named)
				continue;
			if (named->routes != irq_routes_of(kvm, named->gsi))
				irq_put_in_place(change, named->gsi, named->routes);
			nr_routed += !!named->routes;
		}
		cond_resched();
	}

	return nr_routed;
}

static void irq_remove_unnamed(struct kvm_irq_change *change)
{
	struct kvm *kvm = change->kvm;
	struct kvm_gsi_chunk *chunk;
	struct kvm_gsi *gsi;
	unsigned long i;

	xa_for_each(&kvm->irq_routing->chunks, i, chunk) {
		for (gsi = chunk->gsis; gsi < chunk->gsis + GSIS_PER_CHUNK; gsi++)
			if (!gsi->named && irq_routes_of(kvm, gsi))
				irq_put_in_place(change, gsi, NULL);
		cond_resched();
	}
}

/* Also where the route is what it was: a level irqfd may have waited for more than that. */
static void irq_tell_level(struct kvm_irq_change *change)
{
	struct kvm_irq_named *named;
	struct kvm_irq_block *block;

	if (!kvm_irqfd_level_has_any(change->kvm))
		return;

	for (block = &change->first; block; block = block->next) {
		for (named = block->named; named < irq_end(block); named++)
			if (named->gsi->named == named)
				kvm_irqfd_level_rerouted(change->kvm, named->e.gsi);
		cond_resched();
	}
}

/* The lowest GSI that may lead elsewhere, or whose route may be read otherwise than before. */
static u32 irq_lowest(const struct kvm_irq_change *change)
{
	const struct kvm_irq_block *block;
	const struct kvm_irq_named *named;
	u32 lowest = U32_MAX;

	if (change->all)
		return 0;

	for (block = &change->first; block; block = block->next)
		for (named = block->named; named < irq_end(block); named++)
			lowest = min(lowest, named->e.gsi);

	return lowest;
}

/* True if the caller has to wait for readers. */
static bool irq_commit(struct kvm_irq_change *change)
{
	struct kvm *kvm = change->kvm;
	u32 nr_routed;

	lockdep_assert_held(&kvm->irq_lock);

	irq_take_pins(change);
	nr_routed = irq_put_named(change);
	irq_tell_level(change);
	if (change->all && nr_routed != kvm->irq_routing->nr_routed)
		irq_remove_unnamed(change);
	kvm_arch_irq_routing_update(kvm, irq_lowest(change));

	if (change->retired)
		atomic_inc(&kvm->irq_routing->waiting);

	return atomic_read(&kvm->irq_routing->waiting);
}

/* Wait */

static void irq_free_retired(struct kvm_irq_change *change)
{
	void *some[FREE_AT_ONCE];
	size_t n;

	while (change->retired) {
		for (n = 0; n < FREE_AT_ONCE && change->retired; n++) {
			some[n] = change->retired;
			change->retired = change->retired->next;
		}
		kfree_bulk(n, some);
		cond_resched();
	}
}

/* None of the readers waits for user space, so this ends without its help. */
static void irq_wait_for_readers(struct kvm_irq_change *change)
{
	struct kvm *kvm = change->kvm;

	synchronize_srcu_expedited(&kvm->irq_srcu);
	if (change->retired)
		atomic_dec(&kvm->irq_routing->waiting);
	irq_free_retired(change);
}

/**
 * kvm_irq_change_do - have the GSIs lead where they are named to
 * @change: the call, with all routes named
 *
 * On return nothing that an irqfd injects goes by a route that was replaced or removed,
 * and nothing that bypasses one does.
 * Context: process context; no read section of kvm->irq_srcu.  Takes kvm->irq_lock, and
 * may wait for a grace period of kvm->irq_srcu.
 * Return: 0; -EINVAL for what isn't a route or doesn't go together; the architecture's
 * errors; -ENOMEM; -EINTR if the caller is being killed.  With an error nothing has
 * changed.
 */
int kvm_irq_change_do(struct kvm_irq_change *change)
{
	struct kvm *kvm = change->kvm;
	bool wait = false;
	int ret;

	ret = mutex_lock_killable(&kvm->irq_lock);
	if (ret)
		return ret;
	ret = irq_stage(change);
	if (!ret)
		wait = irq_commit(change);
	irq_unstage(change);
	mutex_unlock(&kvm->irq_lock);

	if (wait)
		irq_wait_for_readers(change);

	return ret;
}

/**
 * kvm_irq_change_end - end a call that changes routes
 * @change: the call, done or not
 *
 * Context: process context.
 */
void kvm_irq_change_end(struct kvm_irq_change *change)
{
	struct kvm_irq_block *block, *next;

	kvm_bulk_end(&change->bulk);
	for (block = change->first.next; block; block = next) {
		next = block->next;
		kfree(block);
		cond_resched();
	}
}

/**
 * kvm_set_irq_routing - set all routes of a VM
 * @kvm: the VM
 * @ue: the routes
 * @nr: how many there are
 * @flags: 0
 *
 * Context: as kvm_irq_change_do().
 * Return: as kvm_irq_change_do().
 */
int kvm_set_irq_routing(struct kvm *kvm, const struct kvm_irq_routing_entry *ue,
			unsigned int nr, unsigned int flags)
{
	struct kvm_irq_change change;
	int ret;

	kvm_irq_change_begin(&change, kvm, true);
	ret = kvm_irq_change_name(&change, ue, nr);
	if (!ret)
		ret = kvm_irq_change_do(&change);
	kvm_irq_change_end(&change);

	return ret;
}

/**
 * kvm_irq_create_cache - set up what the routes of all VMs share
 *
 * Context: module initialisation.
 * Return: 0, or -ENOMEM with nothing done.
 */
int kvm_irq_create_cache(void)
{
	struct kvm_irq_routes *routes;

	one_route_cache = kmem_cache_create("kvm_irq_routes", struct_size(routes, entry, 1),
					    0, SLAB_ACCOUNT, NULL);

	return one_route_cache ? 0 : -ENOMEM;
}

/**
 * kvm_irq_destroy_cache - the counterpart of kvm_irq_create_cache()
 *
 * Context: module exit; there are no VMs.
 */
void kvm_irq_destroy_cache(void)
{
	kmem_cache_destroy(one_route_cache);
}
