/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device of vfio-pci's: QEMU's "edu", which has INTx.
 */
#ifndef SELFTEST_KVM_VFIO_EDU_H
#define SELFTEST_KVM_VFIO_EDU_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>

struct vfio {
	int container;
	int group;
	int device;
};

/* Returns false, with nothing open, if the machine or the kernel hasn't what it needs. */
bool open_edu(struct vfio *vfio);
void close_edu(struct vfio *vfio);
/* What VFIO has INTx do with an eventfd, -1 for none: 0, or the errno. */
int set_intx(struct vfio *vfio, uint32_t action, int fd);
/* Have VFIO signal as if the device had interrupted: 0, or the errno. */
int trigger_intx(struct vfio *vfio);

#endif /* SELFTEST_KVM_VFIO_EDU_H */
