/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM whose injections can be stuck: an event channel is raised in a page of the
 * guest's memory, which is not there and comes when the test says so.
 *
 * The vCPU, which has no place for event channels, can't run once one was raised.
 */
#ifndef SELFTEST_KVM_STUCK_VM_H
#define SELFTEST_KVM_STUCK_VM_H

#include <stdbool.h>

#include "irq_vm.h"
#include "kvm_util.h"

/* And so many after it, as far as they have a route. */
#define GSI_XEN		30
#define MAX_XEN_ROUTES	32

struct stuck_vm {
	struct irq_vm v;
	void *page;
	int uffd;
	/* Of an irqfd on GSI_XEN. */
	int fd;
};

/* Skips the test where there are no event channels, or no userfaultfd. */
void stuck_vm_init(struct stuck_vm *s);
void stuck_vm_free(struct stuck_vm *s);

/* The routes it has: GSI_MSI, GSI_IOAPIC and GSI_XEN; or @nr from there. */
void set_xen_route(struct kvm_vm *vm);
void set_xen_routes(struct kvm_vm *vm, int nr);

/* Once it returns, an injection of @fd's irqfd waits for the page. */
void stick(struct stuck_vm *s);
void unstick(struct stuck_vm *s);
/* Until a DEASSIGN of @fd, of another thread, has begun and waits for that. */
void wait_for_ending(struct stuck_vm *s);
/* Has it been injected?  Not to be asked while the page isn't there. */
bool port_is_pending(struct stuck_vm *s);
bool nth_port_is_pending(struct stuck_vm *s, int n);

#endif
