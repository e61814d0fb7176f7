// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another handler of a shared interrupt, which handles none.
 *
 * Each open file has one, of the interrupt whose number is written to it.
 */
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/kstrtox.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static irqreturn_t shared_irq_handler(int irq, void *data)
{
	return IRQ_NONE;
}

/* One thread writes once: the file is the handler's cookie. */
static ssize_t shared_irq_write(struct file *file, const char __user *text, size_t size,
				loff_t *pos)
{
	unsigned int irq;
	int ret;

	if (file->private_data)
		return -EBUSY;
	ret = kstrtouint_from_user(text, size, 10, &irq);
	if (!ret)
		ret = request_irq(irq, shared_irq_handler, IRQF_SHARED, "shared_irq", file);
	if (ret)
		return ret;

	file->private_data = (void *)(unsigned long)irq;
	return size;
}

static int shared_irq_open(struct inode *inode, struct file *file)
{
	/* The misc device's, until now. */
	file->private_data = NULL;
	return 0;
}

static int shared_irq_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		free_irq((unsigned long)file->private_data, file);
	return 0;
}

static const struct file_operations shared_irq_fops = {
	.owner		= THIS_MODULE,
	.open		= shared_irq_open,
	.write		= shared_irq_write,
	.release	= shared_irq_release,
};

static struct miscdevice shared_irq = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "shared_irq",
	.fops	= &shared_irq_fops,
};
module_misc_device(shared_irq);

MODULE_DESCRIPTION("Test module: a handler that shares an interrupt");
MODULE_LICENSE("GPL");
