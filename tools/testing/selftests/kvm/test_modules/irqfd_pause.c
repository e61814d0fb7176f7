// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pauses in a guest's acknowledge of a level irqfd, before it lowers the line and
 * after that, for the test of what may come in between.
 *
 * The acknowledge lowers the line by kvm_set_irq().  A kprobe diverts that call to
 * paused_set_irq(), if the armed thread makes it; paused_set_irq() calls the real
 * function.  The caller may sleep, so a pause occupies no processor.
 */
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/wait_bit.h>

#include "irqfd_pause.h"

/* A paused thread that the test doesn't let go on continues after that time. */
#define PATIENCE	(20 * HZ)

static DEFINE_MUTEX(lock);
/* The armed or paused thread, by its pid because a task_struct may be reused. */
static pid_t paused_task;
static unsigned long where;
static unsigned int place;
static bool inside;
static bool gave_up;
static DECLARE_COMPLETION(arrived);
static DECLARE_COMPLETION(go_on);

static struct kprobe probe;

static void pause_at(unsigned int here)
{
	if (!(READ_ONCE(where) & here))
		return;
	WRITE_ONCE(place, here);
	complete(&arrived);
	if (!wait_for_completion_timeout(&go_on, PATIENCE))
		WRITE_ONCE(gave_up, true);
}

static int paused_set_irq(struct kvm *kvm, int irq_source_id, u32 irq, int level,
			  bool line_status)
{
	typeof(paused_set_irq) *set_irq = (void *)probe.addr;
	int ret;

	pause_at(IRQFD_PAUSE_BEFORE_LOWER);
	ret = set_irq(kvm, irq_source_id, irq, level, line_status);
	pause_at(IRQFD_PAUSE_AFTER_LOWER);

	/* An arming is good for one pause. */
	WRITE_ONCE(where, 0);
	WRITE_ONCE(inside, false);
	wake_up_var(&inside);
	return ret;
}

/* paused_set_irq()'s own call hits the probe too: "inside" lets it through. */
static int lead_here(struct kprobe *p, struct pt_regs *regs)
{
	if (READ_ONCE(paused_task) != current->pid || READ_ONCE(inside) ||
	    !READ_ONCE(where) ||
	    (int)regs_get_kernel_argument(regs, 1) != KVM_IRQFD_RESAMPLE_IRQ_SOURCE_ID ||
	    (int)regs_get_kernel_argument(regs, 3))
		return 0;

	WRITE_ONCE(inside, true);
	instruction_pointer_set(regs, (unsigned long)paused_set_irq);
	return 1;
}

NOKPROBE_SYMBOL(lead_here);

/* A kprobe with a post handler isn't optimized to a jump, which would undo the diversion. */
static void after(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

NOKPROBE_SYMBOL(after);

static struct kprobe probe = {
	.symbol_name = "kvm_set_irq",
	.pre_handler = lead_here,
	.post_handler = after,
};

/* No thread is paused after this. */
static void disarm(void)
{
	WRITE_ONCE(where, 0);
	complete_all(&go_on);
	wait_var_event(&inside, !READ_ONCE(inside));
	WRITE_ONCE(paused_task, 0);
	reinit_completion(&go_on);
	reinit_completion(&arrived);
	WRITE_ONCE(gave_up, false);
}

static long do_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	guard(mutex)(&lock);
	switch (cmd) {
	case IRQFD_PAUSE_ARM:
		if (!arg || arg & ~(IRQFD_PAUSE_BEFORE_LOWER | IRQFD_PAUSE_AFTER_LOWER))
			return -EINVAL;
		disarm();
		WRITE_ONCE(paused_task, current->pid);
		WRITE_ONCE(where, arg);
		return 0;
	case IRQFD_PAUSE_WAIT:
		if (!wait_for_completion_timeout(&arrived, msecs_to_jiffies(arg)))
			return 0;
		return READ_ONCE(place);
	case IRQFD_PAUSE_GO:
		if (READ_ONCE(gave_up))
			return -ETIMEDOUT;
		complete(&go_on);
		return 0;
	default:
		return -ENOTTY;
	}
}

static int do_release(struct inode *inode, struct file *file)
{
	guard(mutex)(&lock);
	disarm();
	return 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = do_ioctl,
	.release = do_release,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "irqfd_pause",
	.fops = &fops,
};

static int __init irqfd_pause_init(void)
{
	int ret = register_kprobe(&probe);

	if (ret) {
		pr_err("irqfd_pause: no probe at %s: %d\n", probe.symbol_name, ret);
		return ret;
	}
	ret = misc_register(&device);
	if (ret)
		unregister_kprobe(&probe);
	return ret;
}
module_init(irqfd_pause_init);

static void __exit irqfd_pause_exit(void)
{
	misc_deregister(&device);
	unregister_kprobe(&probe);
	/* Wait until the last thread in paused_set_irq() has returned from it. */
	synchronize_rcu_tasks();
}
module_exit(irqfd_pause_exit);

MODULE_DESCRIPTION("Pauses for the test of irqfd's acknowledges");
MODULE_LICENSE("GPL");
