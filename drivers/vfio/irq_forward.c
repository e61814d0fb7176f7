// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between a taker of interrupts, which knows a device's file, and the device's driver.
 */
#include <linux/export.h>
#include <linux/fs.h>
#include <linux/vfio.h>
#include <linux/vfio_irq_forward.h>

#include "vfio.h"

/* The device of a file that user space has opened to the end. */
static struct vfio_device *vfio_forward_device(struct file *file)
{
	struct vfio_device_file *df = file->private_data;

	if (file->f_op != &vfio_device_fops)
		return NULL;
	/* Pairs with the smp_store_release() that follows vfio_df_open(). */
	if (!smp_load_acquire(&df->access_granted))
		return NULL;

	return df->device;
}

/**
 * vfio_file_forward_irq - have a device's level interrupt go to a taker
 * @file: the device's file, of either kind; the caller has a reference, and keeps it until
 *	vfio_file_unforward_irq() has returned
 * @index: VFIO's index of the interrupt
 * @subindex: which of those of @index
 * @forward: the taker
 *
 * From now on the driver calls @forward->ops: at once if user space has enabled the
 * interrupt, else as soon as it does.  An interrupt that VFIO has masked is unmasked.  When
 * user space disables the interrupt, @forward->ops->stop is called, and
 * @forward->ops->start again when user space enables it.  An error of that later start
 * leaves the interrupt to VFIO's eventfd.
 *
 * Context: process context, may sleep.  @forward->ops->start may run.
 * Return: 0, or -ENODEV if the file isn't a VFIO device's that is open to the end, -ENOENT if
 * the device has no such interrupt, -EINVAL if it isn't level-triggered, -EBUSY if user space
 * has enabled another kind of interrupts, -EEXIST if it has a taker, -EOPNOTSUPP if it can't be
 * forwarded, or what @forward->ops->start returned.  After an error @forward is not
 * registered.
 */
int vfio_file_forward_irq(struct file *file, u32 index, u32 subindex,
			  struct vfio_irq_forward *forward)
{
	struct vfio_device *vdev = vfio_forward_device(file);

	if (!vdev)
		return -ENODEV;
	if (!vdev->ops->forward_irq)
		return -EOPNOTSUPP;

	return vdev->ops->forward_irq(vdev, index, subindex, forward);
}
EXPORT_SYMBOL_GPL(vfio_file_forward_irq);

/**
 * vfio_file_unforward_irq - leave a device's interrupt to VFIO's eventfd again
 * @file: as for vfio_file_forward_irq()
 * @forward: a taker that it has registered
 *
 * Context: process context, may sleep.  @forward->ops->stop may run.  On return @forward is
 * the caller's again.
 */
void vfio_file_unforward_irq(struct file *file, struct vfio_irq_forward *forward)
{
	struct vfio_device *vdev = vfio_forward_device(file);

	vdev->ops->unforward_irq(vdev, forward);
}
EXPORT_SYMBOL_GPL(vfio_file_unforward_irq);
