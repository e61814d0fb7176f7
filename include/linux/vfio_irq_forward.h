/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Level interrupts of VFIO's devices that go to a taker in the kernel, without an eventfd.
 */
#ifndef VFIO_IRQ_FORWARD_H
#define VFIO_IRQ_FORWARD_H

#include <linux/types.h>

struct file;
struct vfio_irq_forward;

/**
 * struct vfio_irq_forward_ops - what a taker does
 * @start: take the host's interrupt from now on.  The interrupt is disabled, and its
 *	handler isn't running.  May sleep; the driver holds its lock of interrupts.  An errno
 *	leaves the interrupt to VFIO's eventfd.
 * @stop: give it back.  The interrupt is disabled, and no @raise is running or will.
 *	What the device still wants, it must raise anew: on return the interrupt isn't active
 *	at the host's interrupt controller.  Context as that of @start.
 * @raise: the device has interrupted.  The interrupt stays active at the host's interrupt
 *	controller, and the taker must end it there.  In the host's handler, interrupts off.
 */
struct vfio_irq_forward_ops {
	int	(*start)(struct vfio_irq_forward *forward, unsigned int host_irq);
	void	(*stop)(struct vfio_irq_forward *forward);
	void	(*raise)(struct vfio_irq_forward *forward);
};

/**
 * struct vfio_irq_forward - a taker's registration, part of a structure of the taker's
 * @ops: the taker's functions
 */
struct vfio_irq_forward {
	const struct vfio_irq_forward_ops *ops;
};

int vfio_file_forward_irq(struct file *file, u32 index, u32 subindex,
			  struct vfio_irq_forward *forward);
void vfio_file_unforward_irq(struct file *file, struct vfio_irq_forward *forward);

#endif /* VFIO_IRQ_FORWARD_H */
