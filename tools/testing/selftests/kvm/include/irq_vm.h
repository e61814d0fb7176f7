/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM whose one vCPU does nothing but take interrupts, for the tests of irqfd.
 *
 * Most tests have no vCPU running while they signal.  They run the guest
 * afterwards for a "pass": it takes all interrupts that are pending, counts them
 * by vector and exits to the test.
 */
#ifndef SELFTEST_KVM_IRQ_VM_H
#define SELFTEST_KVM_IRQ_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "eventfd_util.h"
#include "kvm_util.h"
#include "test_util.h"

/*
 * By these the guest's interrupts are counted.  What they are to the architecture, and
 * where GSI_MSI, GSI_MSI2 and GSI_WORKER lead, is in irq_vm_arch.h; GSI_PIN and GSI_LEVEL
 * are pins, with edges and level-triggered.
 */
#define VECTOR		0x50
#define VECTOR2		0x60
/* No route leads to it by default. */
#define VECTOR3		0x70
/* Ends a vCPU's halt. */
#define WAKE_VECTOR	0xe0

#define GSI_PIN		20
#define GSI_LEVEL	21
#define GSI_MSI		24
#define GSI_MSI2	25
#define GSI_WORKER	26

#include "irq_vm_arch.h"

/*
 * What must not happen counts as never if it hasn't happened for so long.  For what
 * must happen a test waits as long as it takes.
 */
#define SETTLE_PASSES	10
#define SETTLE_USEC	1000

/* KVM_IRQFD, with its errno or 0. */
int irqfd_full(int vm_fd, int fd, uint32_t gsi, uint32_t flags, int resamplefd);
int irqfd(struct kvm_vm *vm, int fd, uint32_t gsi);
int irqfd_resample(struct kvm_vm *vm, int fd, uint32_t gsi, int resamplefd);
int unassign(struct kvm_vm *vm, int fd, uint32_t gsi);

void assign_ok(struct kvm_vm *vm, int fd, uint32_t gsi);
void assign_resample_ok(struct kvm_vm *vm, int fd, uint32_t gsi, int resamplefd);
void unassign_ok(struct kvm_vm *vm, int fd, uint32_t gsi);
/* May the GSI have level irqfds?  With a split irqchip KVM may refuse them. */
bool level_irqfds_allowed(struct kvm_vm *vm, uint32_t gsi);

/* Routes: the default table of every VM here, or GSI_MSI to a vector and no other. */
struct kvm_irq_routing_entry msi_route(uint32_t gsi, uint8_t vector);
struct kvm_irq_routing_entry chip_route(uint32_t gsi, uint32_t chip, uint32_t pin);
struct kvm_irq_routing_entry pin_route(uint32_t gsi, uint32_t pin);
void set_routes(struct kvm_vm *vm, const struct kvm_irq_routing_entry *entries, int nr);
void set_default_routes(struct kvm_vm *vm);
void set_msi_route(struct kvm_vm *vm, uint8_t vector);

/* What guest and host share. */
struct guest_state {
	uint64_t irqs[256];
	/* Write to the doorbell before looking for interrupts. */
	uint32_t ring;
	/* Halt between interrupts instead of ending the pass. */
	uint32_t halt;
	/* Exit to the test between interrupt and EOI. */
	uint32_t stop_before_eoi;
	/* How to acknowledge; NULL: by an EOI, to the local APIC alone where there is one. */
	void (*ack)(void);
	/* What to do first in a pass. */
	void (*work)(void);
};

enum { SYNC_PASS, SYNC_BEFORE_EOI };

struct irq_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu;
	struct guest_state *guest;
	pthread_t thread;
	struct irq_vm_arch arch;
};

/*
 * Skip the program if KVM hasn't what irqfds need, and hold a VM throughout.  Most
 * subtests create and free a VM.  If that were the only one, each subtest would switch
 * virtualization on and off on all CPUs, and patch the kernel's text.
 */
void irq_vm_begin(void);

void irq_vm_init(struct irq_vm *v);
void irq_vm_free(struct irq_vm *v);
/* From now on GSI_PIN's or GSI_LEVEL's interrupts are counted there; they are VECTOR's. */
void set_pin_vector(struct irq_vm *v, uint32_t gsi, uint8_t vector);
/* A VM with an interrupt controller, in which nothing runs. */
struct kvm_vm *create_irqchip_vm(void);
/*
 * The same VM with another vCPU, which runs the same code and counts in the same
 * counters.  If both run at a time, an interrupt may be missing in the count.
 */
struct irq_vm irq_vm_add_vcpu(struct irq_vm *v);

/*
 * Have the vCPU look for interrupts at its next run: setting its registers requests
 * that.  The sender sets the vector in the IRR some instructions before it requests
 * the look from the vCPU, and may be preempted in between.
 */
void look_for_irqs(struct kvm_vcpu *vcpu);
/* Run the guest to its next GUEST_SYNC(), which must be @want. */
void assert_runs_to(struct kvm_vcpu *vcpu, uint64_t want);
/* Have the guest take all pending interrupts. */
void pass(struct irq_vm *v);

static inline uint64_t irqs(struct irq_vm *v, uint8_t vector)
{
	return READ_ONCE(v->guest->irqs[vector]);
}

/* The VM's debugfs file with a line for each irqfd, or NULL where KVM has none. */
FILE *open_irqfds(struct kvm_vm *vm);

/*
 * Wait until KVM has injected all signals, those that it deferred to a worker too, and
 * an edge irqfd's line is low again.  Without debugfs' file: wait for a moment.
 */
void wait_for_worker(struct irq_vm *v);
/* Wait until the VM has @nr irqfds, ending ones included; without statistics, a moment. */
void wait_for_ends(struct irq_vm *v, uint64_t nr);

/* Is an interrupt pending that the guest hasn't taken?  The vCPU must not run. */
bool irq_is_pending(struct irq_vm *v, uint8_t vector);

/*
 * Wait until it is, and KVM has delivered it: KVM sets the IRR first, and a vCPU that
 * runs in between doesn't take the interrupt yet.  The vCPU must not run.
 */
void wait_for_pending(struct irq_vm *v, uint8_t vector);

/* Passes until the vector has @want interrupts; the second fails if there are more. */
void wait_for_irqs(struct irq_vm *v, uint8_t vector, uint64_t want);
void assert_irqs(struct irq_vm *v, uint8_t vector, uint64_t want);

/* The MSI that ends the vCPU's halt. */
struct kvm_msi wake_msi(struct kvm_vcpu *vcpu);
/* Run the vCPU in a thread of its own, where it halts between interrupts. */
void start_vcpu(struct irq_vm *v);
void stop_vcpu(struct irq_vm *v);
/* Wait for @want interrupts of a vCPU that has a thread. */
void wait_for_running(struct irq_vm *v, uint8_t vector, uint64_t want);

/* A thread that signals an eventfd until stop_shooting(). */
struct shooter {
	pthread_t thread;
	int fd;
	bool stop;
	uint64_t shots;
};

void start_shooting(struct shooter *s, int fd);
/* Wait for at least @nr signals that begin after this call. */
void let_shoot(struct shooter *s, uint64_t nr);
void stop_shooting(struct shooter *s);

/*
 * A device that always wants service: a thread that signals when it begins, and again
 * after each signal of its resamplefd.
 */
struct busy_device {
	pthread_t thread;
	int fd;
	int resamplefd;
	bool stop;
	uint64_t told;
};

void start_device(struct busy_device *d, struct irq_vm *v, uint32_t gsi);
void stop_device(struct busy_device *d);

#endif /* SELFTEST_KVM_IRQ_VM_H */
