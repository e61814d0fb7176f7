// SPDX-License-Identifier: GPL-2.0-only
/*
 * Producers of interrupts that bypass irqfd, for its test: there is no such
 * hardware in most machines.
 *
 * The kernel is made to believe that there is: that interrupts can be remapped
 * and posted, and that an interrupt which no device has is told where to go.  What
 * it is told is noted, or refused.  All else, irqfd's, the bypass manager's and the
 * architecture's part, is the real one.
 */
#include <linux/eventfd.h>
#include <linux/irqbypass.h>
#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "irqfd_bypass.h"

/* No interrupt of the machine's has such a number. */
#define FIRST_IRQ	0x7f000000
#define NR_PRODUCERS	64

static struct test_producer {
	struct irq_bypass_producer producer;
	struct eventfd_ctx *eventfd;
	bool registered;
	unsigned int told;
	unsigned int stopped;
	unsigned int started;
} producers[NR_PRODUCERS];

static DEFINE_MUTEX(lock);
static int fail_with;

/* What a probed function does instead: return what is in its registers. */
static noinline notrace void just_return(void)
{
}

NOKPROBE_SYMBOL(just_return);

static void override(struct pt_regs *regs, unsigned long ret)
{
	regs_set_return_value(regs, ret);
	instruction_pointer_set(regs, (unsigned long)just_return);
}

NOKPROBE_SYMBOL(override);

static int say_yes(struct kprobe *p, struct pt_regs *regs)
{
	override(regs, 1);
	return 1;
}

NOKPROBE_SYMBOL(say_yes);

static int take_affinity(struct kprobe *p, struct pt_regs *regs)
{
	unsigned int n = regs_get_kernel_argument(regs, 0) - FIRST_IRQ;

	if (n >= NR_PRODUCERS)
		return 0;
	if (!READ_ONCE(fail_with))
		producers[n].told++;
	override(regs, READ_ONCE(fail_with));
	return 1;
}

NOKPROBE_SYMBOL(take_affinity);

static struct kprobe probes[] = {
	{ .symbol_name = "kvm_arch_has_irq_bypass", .pre_handler = say_yes },
	{ .symbol_name = "irq_remapping_cap", .pre_handler = say_yes },
	{ .symbol_name = "irq_set_vcpu_affinity", .pre_handler = take_affinity },
};

static void stop(struct irq_bypass_producer *producer)
{
	container_of(producer, struct test_producer, producer)->stopped++;
}

static void start(struct irq_bypass_producer *producer)
{
	container_of(producer, struct test_producer, producer)->started++;
}

static int add(struct irqfd_bypass_args *args)
{
	struct test_producer *t = &producers[args->id];
	int ret;

	if (t->registered)
		return -EBUSY;
	memset(t, 0, sizeof(*t));
	t->eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(t->eventfd))
		return PTR_ERR(t->eventfd);
	t->producer.token = t->eventfd;
	t->producer.irq = FIRST_IRQ + args->id;
	t->producer.stop = stop;
	t->producer.start = start;
	ret = irq_bypass_register_producer(&t->producer);
	if (ret)
		eventfd_ctx_put(t->eventfd);
	t->registered = !ret;
	return ret;
}

static void del(struct test_producer *t)
{
	if (!t->registered)
		return;
	irq_bypass_unregister_producer(&t->producer);
	eventfd_ctx_put(t->eventfd);
	t->registered = false;
}

static long do_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct irqfd_bypass_args args;
	struct test_producer *t;
	long ret = 0;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (args.id >= NR_PRODUCERS)
		return -EINVAL;
	t = &producers[args.id];

	guard(mutex)(&lock);
	switch (cmd) {
	case IRQFD_BYPASS_ADD:
		ret = add(&args);
		break;
	case IRQFD_BYPASS_DEL:
		del(t);
		break;
	case IRQFD_BYPASS_FAIL:
		WRITE_ONCE(fail_with, args.fail);
		break;
	case IRQFD_BYPASS_GET:
		break;
	default:
		return -ENOTTY;
	}
	args.told = t->told;
	args.stopped = t->stopped;
	args.started = t->started;
	if (copy_to_user((void __user *)arg, &args, sizeof(args)))
		return -EFAULT;
	return ret;
}

static int do_release(struct inode *inode, struct file *file)
{
	int i;

	guard(mutex)(&lock);
	WRITE_ONCE(fail_with, 0);
	for (i = 0; i < NR_PRODUCERS; i++)
		del(&producers[i]);
	return 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = do_ioctl,
	.release = do_release,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "irqfd_bypass",
	.fops = &fops,
};

static void remove_probes(int nr)
{
	while (nr--)
		unregister_kprobe(&probes[nr]);
}

static int __init irqfd_bypass_init(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		ret = register_kprobe(&probes[i]);
		if (ret) {
			pr_err("irqfd_bypass: no probe at %s: %d\n", probes[i].symbol_name, ret);
			remove_probes(i);
			return ret;
		}
	}
	ret = misc_register(&device);
	if (ret)
		remove_probes(ARRAY_SIZE(probes));
	return ret;
}
module_init(irqfd_bypass_init);

static void __exit irqfd_bypass_exit(void)
{
	misc_deregister(&device);
	remove_probes(ARRAY_SIZE(probes));
}
module_exit(irqfd_bypass_exit);

MODULE_DESCRIPTION("Producers for the test of irqfd's bypass");
MODULE_LICENSE("GPL");
