/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device of vfio-pci's: QEMU's "edu", which has INTx and one MSI.
 */
#ifndef SELFTEST_KVM_VFIO_EDU_H
#define SELFTEST_KVM_VFIO_EDU_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>

/* Registers of its BAR 0: set bits of the status, which asserts INTx, see and clear them. */
#define EDU_IRQ_STATUS	0x24
#define EDU_IRQ_RAISE	0x60
#define EDU_IRQ_ACK	0x64
#define EDU_BAR_SIZE	0x100000

struct vfio {
	/* Or an iommufd. */
	int container;
	int group;
	int device;
};

/* Returns false, with nothing open, if the machine or the kernel hasn't what it needs. */
bool open_edu(struct vfio *vfio);
/* By its own file rather than its group's; not yet bound, which comes second. */
bool open_edu_file(struct vfio *vfio);
void bind_edu_file(struct vfio *vfio);
void close_edu(struct vfio *vfio);
/* What VFIO has INTx do with an eventfd, -1 for none: 0, or the errno. */
int set_intx(struct vfio *vfio, uint32_t action, int fd);
/* Have VFIO signal as if the device had interrupted: 0, or the errno. */
int trigger_intx(struct vfio *vfio);
/* Disable an index' interrupts, or enable one of them with an eventfd: 0, or the errno. */
int disable_irqs(struct vfio *vfio, uint32_t index);
int enable_irq(struct vfio *vfio, uint32_t index, int fd);
/* Its registers. */
void *map_edu(struct vfio *vfio);
/* INTx' disable bit of the command register. */
void set_disintx(struct vfio *vfio, bool disable);
/* The host's number of the INTx that VFIO has requested, and how often it has come. */
int intx_irq(void);
uint64_t intx_count(void);

#endif /* SELFTEST_KVM_VFIO_EDU_H */
