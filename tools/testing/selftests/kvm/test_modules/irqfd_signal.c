// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals eventfds where user space can't: in a hard interrupt, while the calling thread
 * holds an irqchip's lock, and as a producer's thread does.
 *
 * Each open file has one timer, and holds the eventfd that its timer signals.
 */
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "irqfd_signal.h"

/* Freed with its file, once the timer has been cancelled. */
struct signaller {
	struct hrtimer timer;
	struct eventfd_ctx *eventfd;
};

/* So that a file's timer, and the module's delivery, are armed by one caller at a time. */
static DEFINE_MUTEX(arm_lock);
/* One thread's next delivery, for the whole module: its pid, or 0. */
static pid_t delivering_task;
static struct eventfd_ctx *delivery_eventfd;

/*
 * In a hard interrupt, or on PREEMPT_RT in a soft one: HRTIMER_MODE_REL.  An eventfd's
 * lock sleeps there, so a timer that is hard on every kernel can't take it.
 */
static enum hrtimer_restart signal_now(struct hrtimer *timer)
{
	struct signaller *s = container_of(timer, struct signaller, timer);

	eventfd_signal(s->eventfd);

	return HRTIMER_NORESTART;
}

/* IRQFD_SIGNAL_DELIVERY waits until no probe runs before it changes the eventfd. */
static int signal_at_delivery(struct kprobe *p, struct pt_regs *regs)
{
	if (READ_ONCE(delivering_task) != current->pid || !in_task())
		return 0;

	WRITE_ONCE(delivering_task, 0);
	eventfd_signal(delivery_eventfd);

	return 0;
}

NOKPROBE_SYMBOL(signal_at_delivery);

static struct kprobe probe = {
	.symbol_name = "kvm_irq_delivery_to_apic",
	.pre_handler = signal_at_delivery,
};

static long arm_timer(struct signaller *s, const struct irqfd_signal_args *args)
{
	struct eventfd_ctx *eventfd;

	if (hrtimer_active(&s->timer))
		return -EBUSY;

	eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);

	if (s->eventfd)
		eventfd_ctx_put(s->eventfd);
	s->eventfd = eventfd;
	hrtimer_start(&s->timer, ns_to_ktime(args->usec * NSEC_PER_USEC), HRTIMER_MODE_REL);

	return 0;
}

static long arm_delivery(const struct irqfd_signal_args *args)
{
	struct eventfd_ctx *eventfd;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return -EOPNOTSUPP;

	eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);

	/* A probe runs with preemption disabled, so it has ended after a grace period. */
	WRITE_ONCE(delivering_task, 0);
	synchronize_rcu();
	if (delivery_eventfd)
		eventfd_ctx_put(delivery_eventfd);
	delivery_eventfd = eventfd;
	WRITE_ONCE(delivering_task, current->pid);

	return 0;
}

static long signal_here(const struct irqfd_signal_args *args)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(args->fd);
	u32 left;

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);

	for (left = args->count; left && !signal_pending(current); left--)
		eventfd_signal(eventfd);
	eventfd_ctx_put(eventfd);

	return left ? -EINTR : 0;
}

static long do_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct irqfd_signal_args args;

	if (cmd == IRQFD_SIGNAL_DELIVERED)
		return !READ_ONCE(delivering_task);

	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;

	guard(mutex)(&arm_lock);
	switch (cmd) {
	case IRQFD_SIGNAL_TIMER:
		return arm_timer(file->private_data, &args);
	case IRQFD_SIGNAL_DELIVERY:
		return arm_delivery(&args);
	case IRQFD_SIGNAL_NOW:
		return signal_here(&args);
	default:
		return -ENOTTY;
	}
}

static int do_open(struct inode *inode, struct file *file)
{
	struct signaller *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;

	hrtimer_init(&s->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	s->timer.function = signal_now;
	file->private_data = s;

	return 0;
}

static int do_release(struct inode *inode, struct file *file)
{
	struct signaller *s = file->private_data;

	hrtimer_cancel(&s->timer);
	if (s->eventfd)
		eventfd_ctx_put(s->eventfd);
	kfree(s);

	return 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = do_open,
	.unlocked_ioctl = do_ioctl,
	.release = do_release,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "irqfd_signal",
	.fops = &fops,
};

static int __init irqfd_signal_init(void)
{
	int ret = register_kprobe(&probe);

	if (ret) {
		pr_err("irqfd_signal: no probe at %s: %d\n", probe.symbol_name, ret);
		return ret;
	}
	ret = misc_register(&device);
	if (ret)
		unregister_kprobe(&probe);
	return ret;
}
module_init(irqfd_signal_init);

static void __exit irqfd_signal_exit(void)
{
	misc_deregister(&device);
	/* It waits for a probe that runs. */
	unregister_kprobe(&probe);
	if (delivery_eventfd)
		eventfd_ctx_put(delivery_eventfd);
}
module_exit(irqfd_signal_exit);

MODULE_DESCRIPTION("Signals for the test of irqfds at pins");
MODULE_LICENSE("GPL");
