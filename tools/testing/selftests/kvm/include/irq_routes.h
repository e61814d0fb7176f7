/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_SET_GSI_ROUTES, for the tests.
 */
#ifndef SELFTEST_KVM_IRQ_ROUTES_H
#define SELFTEST_KVM_IRQ_ROUTES_H

#include <errno.h>
#include <linux/kvm.h>
#include <linux/kvm_gsi_routes.h>
#include <stdint.h>

#include "irq_vm.h"

/* The errno of the call, or 0. */
static inline int try_gsi_routes(struct kvm_vm *vm, const struct kvm_irq_routing_entry *entries,
				 uint32_t nr)
{
	struct kvm_gsi_routes args = {
		.entries = (uintptr_t)entries,
		.entry_size = sizeof(*entries),
		.nr = nr,
	};

	return __vm_ioctl(vm, KVM_SET_GSI_ROUTES, &args) ? errno : 0;
}

static inline void set_gsi_routes(struct kvm_vm *vm, const struct kvm_irq_routing_entry *entries,
				  uint32_t nr)
{
	ASSERT_ERRNO(0, try_gsi_routes(vm, entries, nr), "Set %u routes", nr);
}

static inline void set_gsi_route(struct kvm_vm *vm, struct kvm_irq_routing_entry entry)
{
	set_gsi_routes(vm, &entry, 1);
}

static inline struct kvm_irq_routing_entry no_route(uint32_t gsi)
{
	return (struct kvm_irq_routing_entry) { .gsi = gsi, .type = KVM_GSI_ROUTE_NONE };
}

#endif /* SELFTEST_KVM_IRQ_ROUTES_H */
