/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM's routes, as those files see them that keep and change them.
 */
#ifndef __KVM_IRQ_ROUTES_H__
#define __KVM_IRQ_ROUTES_H__

#include <linux/atomic.h>
#include <linux/kvm_host.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "bulk.h"

/*
 * Neighbours are allocated together: user space takes GSIs from the bottom up, and a
 * tree of 64 times as few entries is a level lower.  A power of two.
 */
#define GSIS_PER_CHUNK	64

struct kvm_gsi_chunk {
	struct kvm_gsi gsis[GSIS_PER_CHUNK];
};

/**
 * struct kvm_irq_routes - the routes of a GSI
 * @next: on a change's list of those that aren't in place any more
 * @nr: how many there are, KVM_NR_IRQCHIPS at most
 * @entry: the routes, the one that was named last first; @link is a route's place among
 *	those to its pin
 */
struct kvm_irq_routes {
	struct kvm_irq_routes *next;
	unsigned int nr;
	struct kvm_kernel_irq_routing_entry entry[] __counted_by(nr);
};

/**
 * struct kvm_irq_routing_table - the routes of a VM
 * @chunks: its GSIs, %GSIS_PER_CHUNK at an index; stored under kvm->irq_lock
 * @recent: one of @chunks, or NULL, where a lookup begins
 * @nr_routed: how many GSIs have routes; under kvm->irq_lock
 * @waiting: calls that have retired routes and wait for their readers
 * @pins: the routes to each pin, the one that was named last first; changed under
 *	kvm->irq_lock, and the first one read in a read section of kvm->irq_srcu
 */
struct kvm_irq_routing_table {
	struct xarray chunks;
	struct kvm_gsi_chunk *recent;
	u32 nr_routed;
	atomic_t waiting;
	struct hlist_head pins[KVM_NR_IRQCHIPS][KVM_IRQCHIP_NUM_PINS];
};

/**
 * struct kvm_irq_named - a route that a call names
 * @e: the route
 * @gsi: its GSI, once it is staged
 * @next: the route of this GSI that was named before; @gsi->named is the last one
 * @routes: of @gsi->named, what the GSI gets, which may be what it has
 */
struct kvm_irq_named {
	struct kvm_kernel_irq_routing_entry e;
	struct kvm_gsi *gsi;
	struct kvm_irq_named *next;
	struct kvm_irq_routes *routes;
};

/**
 * struct kvm_irq_block - routes that a call names one after the other
 * @next: those that come after these
 * @nr: how many there are
 * @room: how many @named has room for
 * @named: the routes
 */
struct kvm_irq_block {
	struct kvm_irq_block *next;
	unsigned int nr;
	unsigned int room;
	struct kvm_irq_named *named;
};

/* A call that names no more allocates nothing to remove routes. */
#define KVM_IRQ_FEW	4

/**
 * struct kvm_irq_change - a call that changes routes
 * @kvm: the VM
 * @all: do GSIs that aren't named lose their routes?
 * @has_pins: does one of the routes lead to a pin?
 * @error: what is wrong with the route that comes after those that are named
 * @first: the first block of them, whose room is @few
 * @last: the last one
 * @retired: routes that aren't in place any more
 * @bulk: where the routes of GSIs that have one each come from
 * @few: room for the first ones
 */
struct kvm_irq_change {
	struct kvm *kvm;
	bool all;
	bool has_pins;
	int error;
	struct kvm_irq_block first;
	struct kvm_irq_block *last;
	struct kvm_irq_routes *retired;
	struct kvm_bulk_alloc bulk;
	struct kvm_irq_named few[KVM_IRQ_FEW];
};

struct kvm_gsi *kvm_gsi_add(struct kvm *kvm, u32 nr);

void kvm_irq_change_begin(struct kvm_irq_change *change, struct kvm *kvm,
			  bool all);
int kvm_irq_change_name(struct kvm_irq_change *change,
			const struct kvm_irq_routing_entry *ue, unsigned int nr);
int kvm_irq_change_do(struct kvm_irq_change *change);
void kvm_irq_change_end(struct kvm_irq_change *change);

#endif /* __KVM_IRQ_ROUTES_H__ */
