/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine of one processor and a few routines, over the raw ioctls.
 *
 * The guest is in 64-bit mode from its first instruction: tinyvm_create() lays
 * out page tables that map the low 4 GiB one to one, a GDT and an IDT.  The
 * caller calls the routines (guest.c) one at a time: tinyvm_call(), and then
 * tinyvm_run() until it returns true.  No routine spins with interrupts off, so
 * any emulation of VMX or SVM can run them.
 *
 * If KVM, memory or a permission is missing, these functions end the program with
 * one line; ioctls that are the subject of a test return 0 or -errno.
 */
#ifndef TINYVM_H
#define TINYVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/kvm.h>
#include <linux/kvm_iosignalfd.h>

#include "guest.h"

#define ARRAY_SIZE(x)	(sizeof(x) / sizeof((x)[0]))

#define __dies		__attribute((noreturn, format(printf, 1, 2)))

/* An address in the low 4 GiB with neither memory nor a device. */
#define TINYVM_MMIO_BASE	0x10000000ULL

enum tinyvm_bus {
	TINYVM_PIO,
	TINYVM_MMIO,
};

struct tinyvm {
	int fd;				/* of the VM */
	int vcpu;
	struct kvm_run *run;
	uint8_t *mem;			/* all of the guest's memory */
	struct guest_shared *shared;	/* what routines and handlers count */
	bool real_mode;
};

/* Print "program: text: errno's text" and end the program. */
void __dies tinyvm_die(const char *fmt, ...);

/* KVM_CHECK_EXTENSION; @cap is KVM_CAP_*. */
int tinyvm_extension(int cap);

/*
 * With @irqchip, interrupt controllers are in the kernel, and a halted guest
 * waits in the kernel as well.
 */
void tinyvm_create(struct tinyvm *vm, bool irqchip);
void tinyvm_destroy(struct tinyvm *vm);

/* Switch the vCPU to real mode; its routine must be real mode code. */
void tinyvm_set_real_mode(struct tinyvm *vm);

/* Have the guest run @routine next, with these arguments. */
void tinyvm_call(struct tinyvm *vm, const uint8_t *routine, uint64_t arg1,
		 uint64_t arg2, uint64_t arg3);

/*
 * Enter the guest once.  True if its routine has ended; false if it exited to user
 * space with a write that no device in the kernel took, which vm->run describes.
 */
bool tinyvm_run(struct tinyvm *vm);

/* tinyvm_call() of the routine that tinyvm_ring() runs. */
void tinyvm_call_ring(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		      uint32_t value, uint64_t times);

/* tinyvm_run() until the routine has ended; returns the exits to user space. */
uint64_t tinyvm_finish(struct tinyvm *vm);

/*
 * Have the guest write the 4 bytes of @value to @addr @times times.  Returns how
 * many of these writes exited to user space.
 */
uint64_t tinyvm_ring(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		     uint32_t value, uint64_t times);

/* KVM_IOSIGNALFD for writes of 4 bytes; @flags besides the bus's own. */
int tinyvm_iosignalfd(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		      uint64_t trigger, int fd, uint32_t flags);
/* The same for writes of any length. */
int tinyvm_iosignalfd_any(struct tinyvm *vm, enum tinyvm_bus bus,
			  uint64_t addr, int fd, uint32_t flags);

/* KVM_IRQFD; @flags is 0 or KVM_IRQFD_FLAG_*. */
int tinyvm_irqfd(struct tinyvm *vm, int fd, uint32_t gsi, uint32_t flags);

/* Returns whether @vector is pending in the vCPU's local APIC, and clears it there. */
bool tinyvm_take_pending(struct tinyvm *vm, uint8_t vector);

/* A routing table with room for @n entries and none in it; free() it. */
struct kvm_irq_routing *tinyvm_new_routes(uint32_t n);
/* Append the route of @gsi to an MSI with @vector, or to an IOAPIC pin. */
void tinyvm_route_msi(struct kvm_irq_routing *routes, uint32_t gsi,
		      uint8_t vector);
void tinyvm_route_ioapic(struct kvm_irq_routing *routes, uint32_t gsi,
			 uint32_t pin);
/* KVM_SET_GSI_ROUTING */
int tinyvm_set_routes(struct tinyvm *vm, const struct kvm_irq_routing *routes);

#endif /* TINYVM_H */
