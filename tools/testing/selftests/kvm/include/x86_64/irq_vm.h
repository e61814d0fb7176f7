/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM whose one vCPU does nothing but take interrupts, for the tests of irqfd.
 *
 * Most tests have no vCPU running while they signal.  They let the guest have
 * a look afterwards: in a "pass" it takes all interrupts that are pending,
 * counts them by vector and comes back.
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

#define VECTOR		0x50
#define VECTOR2		0x60
/* What the PIC makes of line 5. */
#define PIC_VECTOR	0x55
/* Brings a halted vCPU back. */
#define WAKE_VECTOR	0xe0

/* Two that are MSIs, one with the IOAPIC behind it, one with the PIC as well. */
#define GSI_MSI		24
#define GSI_MSI2	25
#define GSI_IOAPIC	20
#define GSI_LEVEL	21
#define GSI_BOTH	5

/* The guest's doorbell, where a test has one. */
#define DOORBELL_PORT	0x2000

/*
 * For how long nothing has to happen to be taken for never.  What does have to
 * happen takes as long as it takes: a test waits for that.
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
/* With a split irqchip a GSI can have level irqfds or not. */
bool level_irqfds_allowed(struct kvm_vm *vm, uint32_t gsi);

/* Routes: those that every VM starts with, or GSI_MSI to a vector and no other. */
struct kvm_irq_routing_entry msi_route(uint32_t gsi, uint8_t vector);
struct kvm_irq_routing_entry chip_route(uint32_t gsi, uint32_t chip, uint32_t pin);
void set_routes(struct kvm_vm *vm, const struct kvm_irq_routing_entry *entries, int nr);
void set_default_routes(struct kvm_vm *vm);
void set_msi_route(struct kvm_vm *vm, uint8_t vector);

struct kvm_ioapic_state ioapic_state(struct kvm_vm *vm);
void ioapic_set_pin(struct kvm_vm *vm, int pin, uint8_t vector, bool level);
void pic_mask_all(struct kvm_vm *vm);

/* What guest and host share. */
struct guest_state {
	uint64_t irqs[256];
	/* Write to the doorbell before looking for interrupts. */
	uint32_t ring;
	/* Don't come back, but halt between interrupts. */
	uint32_t halt;
	/* Let the host look around between interrupt and EOI. */
	uint32_t stop_before_eoi;
	/* How to acknowledge, if not by an EOI to the local APIC and no more. */
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
};

void irq_vm_init(struct irq_vm *v);
/* The IOAPIC, of that many pins, is user space's: there are no routes yet. */
void irq_vm_init_split(struct irq_vm *v, uint32_t pins);
/* Either of them, 0 pins being KVM's own, with these of KVM_CAP_X2APIC_API. */
void irq_vm_init_x2apic(struct irq_vm *v, uint32_t pins, uint64_t flags);
void irq_vm_free(struct irq_vm *v);
/*
 * The same VM by another vCPU, which does what the first one does and is counted with
 * it; two at a time may count one interrupt less.
 */
struct irq_vm irq_vm_add_vcpu(struct irq_vm *v);

/*
 * Have the vCPU look for interrupts when it's run next, which all that sets its
 * registers does.  A vector is pending some instructions before the vCPU is told,
 * and who sends it may be preempted in between.
 */
void look_for_irqs(struct kvm_vcpu *vcpu);
/* Run to where the guest stops; it has to be there. */
void assert_runs_to(struct kvm_vcpu *vcpu, uint64_t want);
/* Have the guest take all that is pending. */
void pass(struct irq_vm *v);

static inline uint64_t irqs(struct irq_vm *v, uint8_t vector)
{
	return READ_ONCE(v->guest->irqs[vector]);
}

/* The VM's debugfs file with a line for each irqfd, or NULL where KVM has none. */
FILE *open_irqfds(struct kvm_vm *vm);

/*
 * Until what was signalled has been injected, that which was left to a worker too,
 * and the line of an edge is down again.  Where KVM doesn't say, it's given a moment.
 */
void wait_for_worker(struct irq_vm *v);
/* Until the VM has @nr irqfds and no others that are still to be ended, or a moment. */
void wait_for_ends(struct irq_vm *v, uint64_t nr);

/* Injected, but not yet taken by the vCPU, which doesn't run. */
bool irq_is_pending(struct irq_vm *v, uint8_t vector);

/* Passes until there are @want interrupts in all; the second wants no more. */
void wait_for_irqs(struct irq_vm *v, uint8_t vector, uint64_t want);
void assert_irqs(struct irq_vm *v, uint8_t vector, uint64_t want);

/* Have the vCPU run in a thread of its own, halted but for interrupts. */
void start_vcpu(struct irq_vm *v);
void stop_vcpu(struct irq_vm *v);
/* For a vCPU that runs by itself. */
void wait_for_running(struct irq_vm *v, uint8_t vector, uint64_t want);

/* A thread that signals an eventfd until it's told to stop. */
struct shooter {
	pthread_t thread;
	int fd;
	bool stop;
	uint64_t shots;
};

void start_shooting(struct shooter *s, int fd);
/* At least @nr signals that begin after this was called. */
void let_shoot(struct shooter *s, uint64_t nr);
void stop_shooting(struct shooter *s);

/*
 * A device that always wants service: a thread that signals whenever it's told, and
 * when it begins.
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

/*
 * Looked for in test_modules/ beside the program, and unloaded when that ends.  One
 * for a program, from its main().
 */
bool load_test_module(const char *name);

#endif /* SELFTEST_KVM_IRQ_VM_H */
