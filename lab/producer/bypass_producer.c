// SPDX-License-Identifier: GPL-2.0-only
/*
 * Producers for irqfd's interrupt bypass where there is no such hardware.
 *
 * While this is loaded KVM takes the machine for one that can post interrupts,
 * and what it would tell the IOMMU ends here: kprobes stand before three
 * functions of KVM's and answer in their place.  For the lab's own kernels only,
 * in which a kprobe is a breakpoint and nothing else.
 */

#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/irqbypass.h>
#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bypass_producer.h"

/* The number of an interrupt that nobody has. */
#define NO_IRQ	4321

/**
 * struct fake - one producer
 * @lock: one ioctl at a time
 * @producer: known to the bypass manager while it has a token
 */
struct fake {
	struct mutex lock; /* see above */
	struct irq_bypass_producer producer;
};

static atomic_t connected, disconnected, told, given_back;
static atomic_t add_result, update_result;

/* Return VALUE to the caller of the function that the probe stands before. */
static int answer(struct pt_regs *regs, long value)
{
	regs->ax = value;
	regs->ip = *(unsigned long *)regs->sp;
	regs->sp += sizeof(unsigned long);
	return 1;
}

static int has_bypass(struct kprobe *probe, struct pt_regs *regs)
{
	return answer(regs, true);
}

/* Without an error it is the function's own business. */
static int on_add(struct kprobe *probe, struct pt_regs *regs)
{
	int result = atomic_read(&add_result);

	return result ? answer(regs, -result) : 0;
}

/* The fourth argument says whether the interrupt is posted. */
static int on_update(struct kprobe *probe, struct pt_regs *regs)
{
	if (!(regs->cx & 0xff)) {
		atomic_inc(&given_back);
		return answer(regs, 0);
	}

	atomic_inc(&told);
	return answer(regs, -atomic_read(&update_result));
}

/* With this a probe stays a breakpoint, and what it does to the registers counts. */
static void after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

NOKPROBE_SYMBOL(answer);
NOKPROBE_SYMBOL(has_bypass);
NOKPROBE_SYMBOL(on_add);
NOKPROBE_SYMBOL(on_update);

static struct kprobe probes[] = {
	{ .symbol_name = "kvm_arch_has_irq_bypass", .pre_handler = has_bypass,
	  .post_handler = after },
	{ .symbol_name = "kvm_arch_irq_bypass_add_producer", .pre_handler = on_add,
	  .post_handler = after },
	{ .symbol_name = "kvm_arch_update_irqfd_routing", .pre_handler = on_update,
	  .post_handler = after },
};

static int add_consumer(struct irq_bypass_producer *producer,
			struct irq_bypass_consumer *consumer)
{
	atomic_inc(&connected);
	return 0;
}

static void del_consumer(struct irq_bypass_producer *producer,
			 struct irq_bypass_consumer *consumer)
{
	atomic_inc(&disconnected);
}

static int fake_register(struct fake *fake, int fd)
{
	struct eventfd_ctx *eventfd;
	int ret;

	if (fake->producer.token)
		return -EBUSY;

	eventfd = eventfd_ctx_fdget(fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);

	fake->producer.token = eventfd;
	fake->producer.irq = NO_IRQ;
	fake->producer.add_consumer = add_consumer;
	fake->producer.del_consumer = del_consumer;
	ret = irq_bypass_register_producer(&fake->producer);
	if (ret) {
		fake->producer.token = NULL;
		eventfd_ctx_put(eventfd);
	}

	return ret;
}

static void fake_unregister(struct fake *fake)
{
	struct eventfd_ctx *eventfd = fake->producer.token;

	if (!eventfd)
		return;

	irq_bypass_unregister_producer(&fake->producer);
	fake->producer.token = NULL;
	eventfd_ctx_put(eventfd);
}

static int fake_open(struct inode *inode, struct file *file)
{
	struct fake *fake = kzalloc(sizeof(*fake), GFP_KERNEL);

	if (!fake)
		return -ENOMEM;

	mutex_init(&fake->lock);
	file->private_data = fake;
	return 0;
}

static int fake_release(struct inode *inode, struct file *file)
{
	fake_unregister(file->private_data);
	kfree(file->private_data);
	return 0;
}

static long get_counts(void __user *to)
{
	struct bypass_counts counts = {
		.connected = atomic_read(&connected),
		.disconnected = atomic_read(&disconnected),
		.told = atomic_read(&told),
		.given_back = atomic_read(&given_back),
	};

	return copy_to_user(to, &counts, sizeof(counts)) ? -EFAULT : 0;
}

static long set_results(void __user *from)
{
	struct bypass_results results;

	if (copy_from_user(&results, from, sizeof(results)))
		return -EFAULT;

	atomic_set(&add_result, results.add);
	atomic_set(&update_result, results.update);
	return 0;
}

static long fake_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct fake *fake = file->private_data;
	long ret = 0;

	mutex_lock(&fake->lock);
	switch (cmd) {
	case BYPASS_REGISTER:
		ret = fake_register(fake, arg);
		break;
	case BYPASS_UNREGISTER:
		fake_unregister(fake);
		break;
	case BYPASS_COUNTS:
		ret = get_counts((void __user *)arg);
		break;
	case BYPASS_RESULTS:
		ret = set_results((void __user *)arg);
		break;
	default:
		ret = -ENOTTY;
	}
	mutex_unlock(&fake->lock);

	return ret;
}

static const struct file_operations fake_fops = {
	.owner = THIS_MODULE,
	.open = fake_open,
	.release = fake_release,
	.unlocked_ioctl = fake_ioctl,
};

static struct miscdevice fake_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "bypass_producer",
	.fops = &fake_fops,
};

static int __init fake_init(void)
{
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		ret = register_kprobe(&probes[i]);
		if (ret)
			goto unregister;
	}

	ret = misc_register(&fake_device);
	if (!ret)
		return 0;

unregister:
	while (i--)
		unregister_kprobe(&probes[i]);
	return ret;
}
module_init(fake_init);

static void __exit fake_exit(void)
{
	size_t i;

	misc_deregister(&fake_device);
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		unregister_kprobe(&probes[i]);
}
module_exit(fake_exit);

MODULE_DESCRIPTION("Producers for KVM's interrupt bypass, without hardware");
MODULE_LICENSE("GPL");
