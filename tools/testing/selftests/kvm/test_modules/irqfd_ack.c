// SPDX-License-Identifier: GPL-2.0-only
/*
 * Acknowledges with interrupts off, as an arm64 vCPU makes them when it folds its list
 * registers, for irqfd_ack_test.
 *
 * A kprobe counts the eventfds that the acknowledging task signals meanwhile.
 */
#include <linux/cleanup.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/irqflags.h>
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "irqfd_ack.h"

static DEFINE_MUTEX(lock);
static void (*notify_acked_irq)(struct kvm *kvm, unsigned int irqchip, unsigned int pin);
/* The task that acknowledges; only compared, never dereferenced. */
static struct task_struct *acknowledges;
static unsigned int signals;

static int count_signal(struct kprobe *p, struct pt_regs *regs)
{
	if (READ_ONCE(acknowledges) == current)
		signals++;
	return 0;
}

NOKPROBE_SYMBOL(count_signal);

static struct kprobe probe = {
	.symbol_name = "eventfd_signal_mask",
	.pre_handler = count_signal,
};

static long acknowledge(struct kvm *kvm, const struct irqfd_ack *ack)
{
	unsigned long flags;

	guard(mutex)(&lock);
	signals = 0;
	WRITE_ONCE(acknowledges, current);
	local_irq_save(flags);
	notify_acked_irq(kvm, ack->irqchip, ack->pin);
	local_irq_restore(flags);
	WRITE_ONCE(acknowledges, NULL);
	return signals;
}

static long do_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct irqfd_ack ack;
	struct file *vm;
	long ret;

	if (cmd != IRQFD_ACK_IRQS_OFF)
		return -ENOTTY;
	if (copy_from_user(&ack, (void __user *)arg, sizeof(ack)))
		return -EFAULT;
	vm = fget(ack.vm_fd);
	if (!vm)
		return -EBADF;

	/* The caller must pass a VM: that isn't checked. */
	ret = acknowledge(vm->private_data, &ack);
	fput(vm);
	return ret;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = do_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "irqfd_ack",
	.fops = &fops,
};

/* For a function that isn't exported: a kprobe finds its address. */
static void *address_of(const char *name)
{
	struct kprobe finder = { .symbol_name = name };
	void *address;

	if (register_kprobe(&finder))
		return NULL;
	address = finder.addr;
	unregister_kprobe(&finder);
	return address;
}

static int __init irqfd_ack_init(void)
{
	int ret;

	notify_acked_irq = address_of("kvm_notify_acked_irq");
	if (!notify_acked_irq)
		return -ENOENT;
	ret = register_kprobe(&probe);
	if (ret) {
		pr_err("irqfd_ack: no probe at %s: %d\n", probe.symbol_name, ret);
		return ret;
	}
	ret = misc_register(&device);
	if (ret)
		unregister_kprobe(&probe);
	return ret;
}
module_init(irqfd_ack_init);

static void __exit irqfd_ack_exit(void)
{
	misc_deregister(&device);
	unregister_kprobe(&probe);
}
module_exit(irqfd_ack_exit);

MODULE_DESCRIPTION("Acknowledges with interrupts off, for the test of irqfd");
MODULE_LICENSE("GPL");
