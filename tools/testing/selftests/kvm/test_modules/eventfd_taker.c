// SPDX-License-Identifier: GPL-2.0-only
/*
 * A waiter that takes an eventfd's events in the kernel and knows nothing of those that
 * wait for room in the counter, as VFIO's virqfds are, and Xen's irqfds.
 *
 * Each open file has one.  It holds the eventfd's file, so no hang-up comes.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "eventfd_taker.h"

struct taker {
	struct mutex lock; /* one command at a time */
	struct file *file;
	struct eventfd_ctx *eventfd;
	wait_queue_entry_t wait;
	poll_table pt;
	bool first;
	int ret;
	unsigned int taken;
};

static int taker_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct taker *t = container_of(wait, struct taker, wait);
	u64 count;

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;

	eventfd_ctx_do_read(t->eventfd, &count);
	if (count)
		WRITE_ONCE(t->taken, t->taken + 1);

	return t->first && count;
}

static void taker_queue(struct file *file, wait_queue_head_t *wqh, poll_table *pt)
{
	struct taker *t = container_of(pt, struct taker, pt);
	wait_queue_entry_t *first;

	spin_lock_irq(&wqh->lock);
	first = list_first_entry_or_null(&wqh->head, wait_queue_entry_t, entry);
	if (!t->first) {
		__add_wait_queue_entry_tail(wqh, &t->wait);
	} else if (first && first->flags & WQ_FLAG_PRIORITY) {
		t->ret = -EBUSY;
	} else {
		t->wait.flags |= WQ_FLAG_EXCLUSIVE | WQ_FLAG_PRIORITY;
		__add_wait_queue(wqh, &t->wait);
	}
	spin_unlock_irq(&wqh->lock);
}

static void taker_put(struct taker *t)
{
	eventfd_ctx_put(t->eventfd);
	fput(t->file);
	t->file = NULL;
}

static long taker_take(struct taker *t, const struct eventfd_taker_args *args)
{
	struct file *file;

	if (args->flags & ~EVENTFD_TAKER_FIRST)
		return -EINVAL;
	if (t->file)
		return -EBUSY;

	file = eventfd_fget(args->fd);
	if (IS_ERR(file))
		return PTR_ERR(file);

	t->file = file;
	t->eventfd = eventfd_ctx_fileget(file);
	t->first = args->flags & EVENTFD_TAKER_FIRST;
	t->ret = 0;
	init_waitqueue_func_entry(&t->wait, taker_wakeup);
	init_poll_funcptr(&t->pt, taker_queue);
	vfs_poll(file, &t->pt);
	if (t->ret)
		taker_put(t);

	return t->ret;
}

static long taker_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct taker *t = file->private_data;
	struct eventfd_taker_args args;

	guard(mutex)(&t->lock);
	switch (cmd) {
	case EVENTFD_TAKER_TAKE:
		if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
			return -EFAULT;
		return taker_take(t, &args);
	case EVENTFD_TAKER_SIGNAL:
		if (!t->file)
			return -ENXIO;
		eventfd_signal(t->eventfd);
		return 0;
	case EVENTFD_TAKER_TAKEN:
		return READ_ONCE(t->taken);
	default:
		return -ENOTTY;
	}
}

static int taker_open(struct inode *inode, struct file *file)
{
	struct taker *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;

	mutex_init(&t->lock);
	file->private_data = t;

	return 0;
}

static int taker_release(struct inode *inode, struct file *file)
{
	struct taker *t = file->private_data;
	u64 count;

	if (t->file) {
		eventfd_ctx_remove_wait_queue(t->eventfd, &t->wait, &count);
		taker_put(t);
	}
	kfree(t);

	return 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = taker_open,
	.unlocked_ioctl = taker_ioctl,
	.release = taker_release,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "eventfd_taker",
	.fops = &fops,
};
module_misc_device(device);

MODULE_DESCRIPTION("A consumer of eventfds in the kernel, for their tests");
MODULE_LICENSE("GPL");
