/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM with one vCPU in flat 32-bit mode that makes one access at a time, for
 * programs that need single accesses of a guest.
 */
#ifndef LAB_STRESS_TINY_VM_H
#define LAB_STRESS_TINY_VM_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/kvm.h>
#include <linux/kvm_gsi_routes.h>
#include <linux/kvm_iosignalfd.h>
#include <linux/kvm_irqfd_control.h>
#include <linux/kvm_irqfd_keep.h>

#define TINY_MEM_SIZE	0x10000	/* of memory, from address 0 on */

#define NR_PINS		24	/* of the IOAPIC: GSIs 0 to 23 */
#define NR_MSIS		8	/* GSIs 24 to 31 */
#define NR_GSIS		(NR_PINS + NR_MSIS)
#define PIN_VECTOR(pin)	(0x40 + (pin))
#define MSI_VECTOR(gsi)	(0x60 + (gsi))

/* Which pins are level-triggered. */
static inline bool is_level(uint32_t pin)
{
	return pin >= 4 && pin < 8;
}

enum irqchip { CHIP_FULL, CHIP_SPLIT, CHIP_NONE };

struct tiny_vm {
	int fd;
	int vcpu;
	enum irqchip irqchip;
	struct kvm_run *run;
	uint8_t *mem;
};

enum access {
	OUT1, OUT2, OUT4, STORE1, STORE2, STORE4, STORE8, IN1, LOAD4, REP_OUT1,
	HALT, NR_ACCESSES
};

/* The length of accesses that write one value, 0 for the others. */
extern const uint32_t access_len[NR_ACCESSES];

/* The result of an access. */
struct outcome {
	unsigned int exits;	/* how often it exited to user space */
	bool is_write;		/* the last exit */
	uint64_t addr, value;
	uint32_t len;
};

/*
 * /dev/kvm, opened at the first use.  An unexpected failure in these functions ends
 * the program.
 */
int tiny_kvm(void);

void tiny_create(struct tiny_vm *vm, enum irqchip irqchip);

/* Leaves the VM's file descriptor alone. */
void tiny_free_vcpu(struct tiny_vm *vm);

/* false if a signal stopped the vCPU, with immediate_exit set. */
bool tiny_access(struct tiny_vm *vm, enum access access, uint64_t addr,
		 uint64_t value, struct outcome *outcome);

/* Empty the ring of coalesced writes. */
void tiny_drain_coalesced(struct tiny_vm *vm);

/* Set VECTOR in service and have the guest write the EOI. */
bool tiny_end_of_interrupt(struct tiny_vm *vm, unsigned int vector);

/* The ioctls; 0, or -1 with errno. */
int tiny_irqfd(int vm, int fd, uint32_t gsi, uint32_t flags, int resamplefd);
/* KVM_IRQFD_CONTROL of @nr irqfds, 64 at most; how many are done, with a bit in *@pending. */
int tiny_control(int vm, uint32_t op, const struct kvm_irqfd_control_one *irqfds,
		 unsigned int nr, uint64_t *pending);
int tiny_iosignalfd(int vm, int fd, uint64_t addr, uint32_t len, uint32_t flags,
		    uint64_t value);
int tiny_iosignalfd_post(int vm, int fd, uint64_t addr, uint32_t len,
			 uint32_t flags, uint64_t value, uint64_t post);
int tiny_zone(int vm, bool add, bool pio, uint64_t addr, uint32_t size);

/* A struct kvm_irq_routing with room for its entries. */
struct tiny_routes {
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry entries[2 * NR_GSIS];
};

/* Route to the IOAPIC's pin, and with @pic to the PIC's if GSI has one. */
void tiny_route_pin(struct tiny_routes *routes, uint32_t gsi, bool pic);
void tiny_route_msi(struct tiny_routes *routes, uint32_t gsi);
/* To nowhere; for KVM_SET_GSI_ROUTES alone. */
void tiny_route_none(struct tiny_routes *routes, uint32_t gsi);
/* KVM_SET_GSI_ROUTES: 0, or -1 with errno. */
int tiny_set_gsi_routes(int vm, const struct kvm_irq_routing_entry *entries,
			uint32_t nr);

/*
 * Make one of each kind of registration on a VM with a full irqchip, with these
 * eventfds.  Doorbells are at the ports and addresses from ALL_PORT and ALL_MMIO on.
 */
#define ALL_PORT	0x300
#define ALL_MMIO	0xd0000000

enum all {
	ALL_BELL, ALL_BELL_TOO, ALL_MSI, ALL_PIN, ALL_TWO_PINS, ALL_LEVEL, ALL_LEVEL_TOO,
	ALL_RESAMPLE, ALL_RESAMPLE_TOO, NR_ALL
};

void tiny_register_all(struct tiny_vm *vm, const int fds[NR_ALL]);

void die(const char *what) __attribute__((noreturn));

#endif /* LAB_STRESS_TINY_VM_H */
