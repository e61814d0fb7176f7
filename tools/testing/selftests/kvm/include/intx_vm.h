/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM that has an edu device of VFIO's, whose INTx is GSI_LEVEL: by a level irqfd, and
 * forwarded if a test asks for it.
 */
#ifndef SELFTEST_KVM_INTX_VM_H
#define SELFTEST_KVM_INTX_VM_H

#include <linux/kvm_vfio_forward.h>
#include <stdbool.h>
#include <stdint.h>

#include "irq_vm.h"
#include "vfio_edu.h"

/* What the guest counts of the device's interrupts. */
struct edu_guest {
	uint64_t handled;
	/* The device had not interrupted. */
	uint64_t spurious;
	/* How many rounds work() is to do. */
	uint64_t rounds;
};

struct intx_vm {
	struct irq_vm v;
	struct vfio vfio;
	void *regs;
	struct edu_guest *edu;
	/* INTx' eventfd, that by which VFIO unmasks it, and kvm-vfio's descriptor. */
	int fd;
	int unmask;
	int kvm_vfio;
};

/* Returns false if the machine hasn't the device. */
bool intx_vm_init(struct intx_vm *f);
/* With a device that is open. */
void intx_vm_init_with(struct intx_vm *f, struct vfio vfio);
void intx_vm_free(struct intx_vm *f);

/* KVM_DEV_VFIO_DEVICE's attributes: 0, or the errno. */
int forward_irq(struct intx_vm *f, int fd, uint32_t index, uint32_t subindex, uint32_t gsi);
int unforward_irq(struct intx_vm *f, int fd, uint32_t index, uint32_t subindex, uint32_t gsi);
/* INTx and GSI_LEVEL. */
void forward_ok(struct intx_vm *f);
void unforward_ok(struct intx_vm *f);

/* Let VFIO signal INTx by a level irqfd of GSI_LEVEL. */
void use_intx(struct intx_vm *f);

/* Without the guest. */
void edu_write(struct intx_vm *f, uint32_t reg, uint32_t value);
uint32_t edu_read(struct intx_vm *f, uint32_t reg);

/* Have the guest raise INTx and take it, @nr times, each before the next. */
void do_rounds(struct intx_vm *f, uint64_t nr);
/*
 * The same, and print what that has cost.  Each interrupt is one of the host's, and one of the
 * guest's, and none is spurious.  Forwarded ones have masked and signalled nothing.
 */
void count_rounds(struct intx_vm *f, bool forwarded, uint64_t nr);
/* The guest has handled @nr of the device's interrupts, and @spurious others. */
void assert_handled(struct intx_vm *f, uint64_t nr, uint64_t spurious);
/* One more interrupt, raised without the guest, is handled once. */
void assert_works(struct intx_vm *f);

/* Where an interrupt is when something happens to it. */
enum where { IDLE, PENDING, IN_SERVICE };

void bring(struct intx_vm *f, enum where where);
/* What the device has asserted since @handled is handled, once, and none was spurious. */
void assert_brought(struct intx_vm *f, enum where where, uint64_t handled,
		    const char *when);
/* Nothing is lost if the guest's driver sets DisINTx, and clears it, with one on its way. */
void assert_disintx(struct intx_vm *f);

#endif /* SELFTEST_KVM_INTX_VM_H */
