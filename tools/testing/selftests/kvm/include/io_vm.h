/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM whose one vCPU does the accesses that a test asks for, one at a time, for
 * the tests of iosignalfd.
 *
 * "Rings" means that the write signalled the eventfd and that the vCPU did not
 * exit to user space; "goes to user space" means the opposite of both.
 */
#ifndef SELFTEST_KVM_IO_VM_H
#define SELFTEST_KVM_IO_VM_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/kvm_iosignalfd.h>
#include <linux/sizes.h>

#include "eventfd_util.h"
#include "kvm_util.h"
#include "processor.h"

#define FLAG_TRIGGER	KVM_IOSIGNALFD_FLAG_TRIGGER
#define FLAG_PIO	KVM_IOSIGNALFD_FLAG_PIO
#define FLAG_DEASSIGN	KVM_IOSIGNALFD_FLAG_DEASSIGN
#define FLAG_FANOUT	KVM_IOSIGNALFD_FLAG_FANOUT
#define FLAG_POST_WRITE	KVM_IOSIGNALFD_FLAG_POST_WRITE
#define FLAG_HANGUP	KVM_IOSIGNALFD_FLAG_HANGUP
#define FLAG_ANY_FD	KVM_IOSIGNALFD_FLAG_ANY_FD

/* Outside of all memslots, and mapped one to one in the guest. */
#define MMIO_BASE	(4ull * SZ_1G)
#define MMIO_PAGES	2
/* Neither ucall's port nor one of a device that KVM emulates. */
#define PIO_BASE	0x2000
/* Only x86 guests have ports; KVM has the bus everywhere. */
#ifdef __x86_64__
#define GUESTS_HAVE_PORTS
#endif

/* What a read gets from user space. */
#define READ_VALUE	0x5a5a5a5a5a5a5a5aull

/* KVM_IOSIGNALFD, with its errno or 0. */
int iosignalfd(struct kvm_vm *vm, struct kvm_iosignalfd args);
int io_unassign(struct kvm_vm *vm, struct kvm_iosignalfd args);

void io_assign_ok(struct kvm_vm *vm, struct kvm_iosignalfd args);
void io_unassign_ok(struct kvm_vm *vm, struct kvm_iosignalfd args);

/* The bits of a value that a write of @len bytes has. */
uint64_t value_mask(uint32_t len);

struct io_access {
	uint64_t addr;
	uint64_t val;
	uint32_t len;
	bool pio;
	bool write;
};

/* For the guest's code: a write of four bytes to a port or to memory. */
static inline void guest_write(bool pio, uint64_t addr, uint32_t val)
{
#ifdef GUESTS_HAVE_PORTS
	if (pio) {
		outl(addr, val);
		return;
	}
#endif
	WRITE_ONCE(*(uint32_t *)addr, val);
}

/*
 * For the guest's code that only rings.  x86's KVM may handle a ring with the host's
 * interrupts off.  If the guest's are off as well, some emulated hosts never get theirs.
 */
static inline void guest_irqs_on(void)
{
#ifdef __x86_64__
	asm volatile("sti");
#endif
}

/* The guest's code: does the access that the test has set, then GUEST_SYNC(), in a loop. */
void io_guest_main(void);

/* The four bytes of the write that made a vCPU exit, which isn't a ucall. */
uint32_t exit_value(struct kvm_vcpu *vcpu);

/* Run to the next exit; true if that is the guest's GUEST_SYNC(). */
bool run_to_sync(struct kvm_vcpu *vcpu);
/* The vCPU's last exit is this access. */
void assert_exit_is(struct kvm_vcpu *vcpu, const struct io_access *want);

/* Have the guest do @io.  True if it exits to user space, which answers reads. */
bool do_io(struct kvm_vcpu *vcpu, struct io_access *io);

/* A write that signals @fd, or not; @bus is FLAG_PIO or 0. */
void assert_write(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, uint32_t len,
		  uint64_t val, int fd, bool rings);
void assert_rings(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, uint32_t len,
		  uint64_t val, int fd);
void assert_exits(struct kvm_vcpu *vcpu, uint32_t bus, uint64_t addr, uint32_t len,
		  uint64_t val, int fd);

/* One write, which must signal each of @nr eventfds once and must not exit. */
void assert_rings_all(struct kvm_vcpu *vcpu, const struct kvm_iosignalfd *sig, uint64_t val,
		      const int *fds, int nr);

/* Set kvm's parameter ring_in_exit_path and return its old value, or skip the test. */
char swap_ring_in_exit_path(char value);

#endif /* SELFTEST_KVM_IO_VM_H */
