// SPDX-License-Identifier: GPL-2.0-only
/*
 * Producers of interrupts that bypass irqfd, for irqfd_bypass_test: most machines
 * have no hardware for that.
 *
 * Kprobes make the kernel believe that interrupts can be remapped and posted, and
 * replace irq_set_vcpu_affinity() for interrupts that no device has.  The module
 * counts these calls, and can refuse to post an interrupt.  All else runs
 * unchanged: irqfd's, the bypass manager's and the architecture's code.
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

static struct test_producer {
	struct mutex lock; /* one command at a time */
	struct irq_bypass_producer producer;
	struct eventfd_ctx *eventfd; /* NULL if it has nothing to unregister */
	unsigned int told;
	unsigned int refused;
	unsigned int consumers;
	int fail; /* what add_consumer() returns */
	unsigned int stopped;
	unsigned int started;
} producers[IRQFD_BYPASS_PRODUCERS];

static int fail_with;

/* Runs instead of a probed function: returns the value that override() has set. */
static noinline notrace void just_return(void)
{
}

NOKPROBE_SYMBOL(just_return);

static int override(struct pt_regs *regs, unsigned long ret)
{
	regs_set_return_value(regs, ret);
	instruction_pointer_set(regs, (unsigned long)just_return);
	return 1;
}

NOKPROBE_SYMBOL(override);

/* A kprobe with a post handler isn't optimized to a jump, which would undo the override. */
static void after(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

NOKPROBE_SYMBOL(after);

static int say_yes(struct kprobe *p, struct pt_regs *regs)
{
	return override(regs, 1);
}

NOKPROBE_SYMBOL(say_yes);

static struct test_producer *producer_of(unsigned int irq)
{
	unsigned int n = irq - FIRST_IRQ;

	return n < IRQFD_BYPASS_PRODUCERS ? &producers[n] : NULL;
}

NOKPROBE_SYMBOL(producer_of);

/* int irq_set_vcpu_affinity(unsigned int irq, void *vcpu_info) */
static int take_affinity(struct kprobe *p, struct pt_regs *regs)
{
	struct test_producer *t = producer_of(regs_get_kernel_argument(regs, 0));

	if (!t)
		return 0;
	WRITE_ONCE(t->told, t->told + 1);
	return override(regs, 0);
}

NOKPROBE_SYMBOL(take_affinity);

/* int pi_update_irte(struct kvm *kvm, unsigned int host_irq, u32 guest_irq, bool set) */
static int refuse_to_post(struct kprobe *p, struct pt_regs *regs)
{
	struct test_producer *t = producer_of(regs_get_kernel_argument(regs, 1));
	bool set = regs_get_kernel_argument(regs, 3) & 0xff;
	int ret = READ_ONCE(fail_with);

	if (!t || !set || !ret)
		return 0;
	WRITE_ONCE(t->refused, t->refused + 1);
	return override(regs, ret);
}

NOKPROBE_SYMBOL(refuse_to_post);

static struct kprobe probes[] = {
	{ .symbol_name = "kvm_arch_has_irq_bypass", .pre_handler = say_yes,
	  .post_handler = after },
	{ .symbol_name = "irq_remapping_cap", .pre_handler = say_yes,
	  .post_handler = after },
	{ .symbol_name = "irq_set_vcpu_affinity", .pre_handler = take_affinity,
	  .post_handler = after },
	/* One of these: the vendor module that is loaded has it. */
	{ .symbol_name = "avic_pi_update_irte", .pre_handler = refuse_to_post,
	  .post_handler = after },
	{ .symbol_name = "vmx_pi_update_irte", .pre_handler = refuse_to_post,
	  .post_handler = after },
};

static void stop(struct irq_bypass_producer *producer)
{
	struct test_producer *t = container_of(producer, struct test_producer, producer);

	WRITE_ONCE(t->stopped, t->stopped + 1);
}

static void start(struct irq_bypass_producer *producer)
{
	struct test_producer *t = container_of(producer, struct test_producer, producer);

	WRITE_ONCE(t->started, t->started + 1);
}

static int add_consumer(struct irq_bypass_producer *producer,
			struct irq_bypass_consumer *consumer)
{
	struct test_producer *t = container_of(producer, struct test_producer, producer);

	if (!t->fail)
		WRITE_ONCE(t->consumers, t->consumers + 1);
	return t->fail;
}

static void del_consumer(struct irq_bypass_producer *producer,
			 struct irq_bypass_consumer *consumer)
{
	struct test_producer *t = container_of(producer, struct test_producer, producer);

	WRITE_ONCE(t->consumers, t->consumers - 1);
}

static int add(struct test_producer *t, int fd, int fail)
{
	struct eventfd_ctx *eventfd;

	lockdep_assert_held(&t->lock);

	if (t->eventfd)
		return -EBUSY;
	eventfd = eventfd_ctx_fdget(fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	t->eventfd = eventfd;
	t->told = 0;
	t->refused = 0;
	t->consumers = 0;
	t->fail = fail;
	t->stopped = 0;
	t->started = 0;
	t->producer = (struct irq_bypass_producer) {
		.token = eventfd,
		.irq = FIRST_IRQ + (t - producers),
		.stop = stop,
		.start = start,
	};
	/* Every other producer has neither, like vfio's. */
	if ((t - producers) % 2 == 0) {
		t->producer.add_consumer = add_consumer;
		t->producer.del_consumer = del_consumer;
	}
	/*
	 * A bypass manager with lists may delete a producer from a list although it was
	 * never added.
	 */
	INIT_LIST_HEAD(&t->producer.node);
	return irq_bypass_register_producer(&t->producer);
}

static void del(struct test_producer *t)
{
	lockdep_assert_held(&t->lock);

	if (!t->eventfd)
		return;
	irq_bypass_unregister_producer(&t->producer);
	eventfd_ctx_put(t->eventfd);
	t->eventfd = NULL;
}

static struct pair {
	struct irq_bypass_producer producer;
	struct irq_bypass_consumer consumer;
} *crowd;

static unsigned int nr_crowd;
static DEFINE_MUTEX(crowd_lock);

static int meet(struct irq_bypass_consumer *consumer, struct irq_bypass_producer *producer)
{
	return 0;
}

static void part(struct irq_bypass_consumer *consumer, struct irq_bypass_producer *producer)
{
}

static void disperse(void)
{
	lockdep_assert_held(&crowd_lock);

	while (nr_crowd) {
		struct pair *pair = &crowd[--nr_crowd];

		irq_bypass_unregister_consumer(&pair->consumer);
		irq_bypass_unregister_producer(&pair->producer);
		cond_resched();
	}
	kvfree(crowd);
	crowd = NULL;
}

static int gather(unsigned int nr)
{
	int ret;

	lockdep_assert_held(&crowd_lock);

	disperse();
	if (!nr)
		return 0;
	crowd = kvcalloc(nr, sizeof(*crowd), GFP_KERNEL);
	if (!crowd)
		return -ENOMEM;
	while (nr_crowd < nr) {
		struct pair *pair = &crowd[nr_crowd];

		pair->producer.token = pair;
		pair->consumer.token = pair;
		pair->consumer.add_producer = meet;
		pair->consumer.del_producer = part;
		ret = irq_bypass_register_producer(&pair->producer);
		if (ret)
			goto fail;
		ret = irq_bypass_register_consumer(&pair->consumer);
		if (ret) {
			irq_bypass_unregister_producer(&pair->producer);
			goto fail;
		}
		nr_crowd++;
		cond_resched();
	}
	return 0;
fail:
	disperse();
	return ret;
}

static long do_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct irqfd_bypass_args args;
	struct test_producer *t;
	long ret = 0;

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (cmd == IRQFD_BYPASS_CROWD) {
		if (args.id > IRQFD_BYPASS_MAX_CROWD)
			return -EINVAL;
		guard(mutex)(&crowd_lock);
		return gather(args.id);
	}
	if (args.id >= IRQFD_BYPASS_PRODUCERS)
		return -EINVAL;
	t = &producers[args.id];

	guard(mutex)(&t->lock);
	switch (cmd) {
	case IRQFD_BYPASS_ADD:
		ret = add(t, args.fd, args.fail);
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
	args.told = READ_ONCE(t->told);
	args.refused = READ_ONCE(t->refused);
	args.consumers = READ_ONCE(t->consumers);
	args.stopped = READ_ONCE(t->stopped);
	args.started = READ_ONCE(t->started);
	if (copy_to_user((void __user *)arg, &args, sizeof(args)))
		return -EFAULT;
	return ret;
}

static int do_release(struct inode *inode, struct file *file)
{
	int i;

	WRITE_ONCE(fail_with, 0);
	for (i = 0; i < IRQFD_BYPASS_PRODUCERS; i++) {
		guard(mutex)(&producers[i].lock);
		del(&producers[i]);
	}
	guard(mutex)(&crowd_lock);
	disperse();
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

static void remove_probes(void)
{
	int i;

	/* Unregistering a kprobe that wasn't registered does nothing. */
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		unregister_kprobe(&probes[i]);
}

static int __init irqfd_bypass_init(void)
{
	bool vendor = false;
	int i, ret;

	for (i = 0; i < IRQFD_BYPASS_PRODUCERS; i++)
		mutex_init(&producers[i].lock);

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		ret = register_kprobe(&probes[i]);
		if (!ret && probes[i].pre_handler == refuse_to_post)
			vendor = true;
		if (ret && probes[i].pre_handler != refuse_to_post) {
			pr_err("irqfd_bypass: no probe at %s: %d\n", probes[i].symbol_name, ret);
			goto fail;
		}
	}
	ret = -ENODEV;
	if (!vendor)
		goto fail;
	ret = misc_register(&device);
	if (!ret)
		return 0;
fail:
	remove_probes();
	return ret;
}
module_init(irqfd_bypass_init);

static void __exit irqfd_bypass_exit(void)
{
	misc_deregister(&device);
	remove_probes();
}
module_exit(irqfd_bypass_exit);

MODULE_DESCRIPTION("Producers for the test of irqfd's bypass");
MODULE_LICENSE("GPL");
