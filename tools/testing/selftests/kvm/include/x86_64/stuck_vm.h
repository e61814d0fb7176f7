/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM whose injections can be stuck.  KVM raises a Xen event channel by a write to a
 * page of the guest's memory; with userfaultfd the write waits until the test provides
 * that page.
 *
 * The vCPU has no vcpu_info for event channels, so it can't run after one was raised.
 */
#ifndef SELFTEST_KVM_STUCK_VM_H
#define SELFTEST_KVM_STUCK_VM_H

#include <stdbool.h>

#include "irq_vm.h"
#include "kvm_util.h"

/* The first of up to MAX_XEN_ROUTES GSIs that are event channels. */
#define GSI_XEN		30
#define MAX_XEN_ROUTES	32

struct stuck_vm {
	struct irq_vm v;
	void *page;
	int uffd;
	/* The eventfd of an irqfd on GSI_XEN. */
	int fd;
};

/* Skips the test where there are no event channels, or no userfaultfd. */
void stuck_vm_init(struct stuck_vm *s);
void stuck_vm_free(struct stuck_vm *s);

/* Routes for GSI_MSI, GSI_IOAPIC and GSI_XEN, or for @nr GSIs from GSI_XEN on. */
void set_xen_route(struct kvm_vm *vm);
void set_xen_routes(struct kvm_vm *vm, int nr);

/* Once this returns, an injection of @fd's irqfd waits for the page. */
void stick(struct stuck_vm *s);
void unstick(struct stuck_vm *s);
/* Wait until another thread's DEASSIGN of @fd has begun and waits for that injection. */
void wait_for_ending(struct stuck_vm *s);
/* Has it been injected?  Must not be called while the page isn't there. */
bool port_is_pending(struct stuck_vm *s);
bool nth_port_is_pending(struct stuck_vm *s, int n);

#endif
