// SPDX-License-Identifier: GPL-2.0-only
/*
 * Producers of eventfds in the kernel, and listeners that are told when the last end goes.
 *
 * Each open file is one of the two, or both, of one eventfd.  It holds the eventfd's
 * context, not its file.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "eventfd_end.h"

struct end {
	struct mutex lock; /* one command at a time */
	struct eventfd_ctx *eventfd;
	struct eventfd_ctx *producer;
	struct eventfd_listener listener;
	bool listens;
	struct eventfd_end_told told;
};

/* The eventfd's lock orders it with others of the eventfd's. */
static void end_told(struct eventfd_listener *listener, enum eventfd_event event, u64 data)
{
	struct end *end = container_of(listener, struct end, listener);
	struct eventfd_end_told *told = &end->told;

	if (event == EVENTFD_DRAINED) {
		told->drained++;
		told->data = data;
		return;
	}
	if (event == EVENTFD_PRODUCERS_GONE)
		told->producers_gone++;
	else
		told->consumers_gone++;
	if (!told->first)
		told->first = event == EVENTFD_PRODUCERS_GONE ? 1 : 2;
}

static long end_begin(struct end *end, const struct eventfd_end_args *args)
{
	const u32 known = EVENTFD_END_PRODUCER | EVENTFD_END_LISTENER | EVENTFD_END_DRAINS;

	if (!args->flags || args->flags & ~known)
		return -EINVAL;
	if (end->eventfd)
		return -EBUSY;

	/* Until this returns the file is an end of both kinds. */
	CLASS(fd, f)(args->fd);
	if (!fd_file(f))
		return -EBADF;

	end->eventfd = eventfd_ctx_fileget(fd_file(f));
	if (IS_ERR(end->eventfd)) {
		long ret = PTR_ERR(end->eventfd);

		end->eventfd = NULL;
		return ret;
	}
	if (args->flags & EVENTFD_END_PRODUCER)
		end->producer = eventfd_producer_fileget(fd_file(f));
	if (args->flags & EVENTFD_END_LISTENER) {
		end->listener.func = end_told;
		end->listener.events = EVENTFD_EVENTS;
		if (!(args->flags & EVENTFD_END_DRAINS))
			end->listener.events &= ~BIT(EVENTFD_DRAINED);
		end->listens = !eventfd_listen(fd_file(f), &end->listener);
	}

	return 0;
}

static void end_stop(struct end *end)
{
	if (end->producer)
		eventfd_producer_put(end->producer);
	end->producer = NULL;
}

static long end_wakeup(struct end *end, const struct eventfd_end_wakeup *wakeup)
{
	if (!end->eventfd)
		return -ENXIO;

	return eventfd_wakeup(end->eventfd, wakeup->event, wakeup->data);
}

static long end_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct end *end = file->private_data;
	struct eventfd_end_wakeup wakeup;
	struct eventfd_end_args args;

	guard(mutex)(&end->lock);
	switch (cmd) {
	case EVENTFD_END_BEGIN:
		if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
			return -EFAULT;
		return end_begin(end, &args);
	case EVENTFD_END_SIGNAL:
		if (!end->producer)
			return -ENXIO;
		eventfd_signal(end->producer);
		return 0;
	case EVENTFD_END_STOP:
		end_stop(end);
		return 0;
	case EVENTFD_END_TOLD:
		if (!end->eventfd)
			return -ENXIO;
		/* It takes the eventfd's lock, so what came before has been told. */
		end->told.heard = eventfd_is_heard(end->eventfd);
		if (copy_to_user((void __user *)arg, &end->told, sizeof(end->told)))
			return -EFAULT;
		return 0;
	case EVENTFD_END_WAKEUP:
		if (copy_from_user(&wakeup, (void __user *)arg, sizeof(wakeup)))
			return -EFAULT;
		return end_wakeup(end, &wakeup);
	default:
		return -ENOTTY;
	}
}

static int end_open(struct inode *inode, struct file *file)
{
	struct end *end = kzalloc(sizeof(*end), GFP_KERNEL);

	if (!end)
		return -ENOMEM;

	mutex_init(&end->lock);
	file->private_data = end;

	return 0;
}

static int end_release(struct inode *inode, struct file *file)
{
	struct end *end = file->private_data;

	end_stop(end);
	if (end->listens)
		eventfd_unlisten(end->eventfd, &end->listener);
	if (end->eventfd)
		eventfd_ctx_put(end->eventfd);
	kfree(end);

	return 0;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = end_open,
	.unlocked_ioctl = end_ioctl,
	.release = end_release,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "eventfd_end",
	.fops = &fops,
};
module_misc_device(device);

MODULE_DESCRIPTION("Producers and listeners of eventfds in the kernel, for their tests");
MODULE_LICENSE("GPL");
