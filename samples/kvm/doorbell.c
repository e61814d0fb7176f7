// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel-side consumer and producer of eventfds: /dev/kvm-doorbell.
 *
 * It knows nothing of KVM.  What a guest writes to an iosignalfd arrives here
 * because both ends have the same eventfd, and so do signals from here arrive
 * as interrupts at an irqfd.
 */
#include <linux/bits.h>
#include <linux/cleanup.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "doorbell.h"

/*
 * The end that is rung.
 *
 * @ctx and @wqh are set by attach and cleared by detach, under the doorbell's
 * lock.  Between the two @wait is in the eventfd's wait queue, and on_wakeup()
 * is called under the lock of that queue; it may use @ctx without the
 * doorbell's lock, as detach takes @wait out, under the lock of the queue,
 * before anything else.  That lock is inside the doorbell's.
 *
 * The eventfd's file is not held: its last close is to be noticed.  The
 * reference to its context, which has the wait queue in it, keeps @wait's place
 * in memory valid till detach, however long the file is gone by then.
 */
struct rings {
	struct eventfd_ctx *ctx;
	wait_queue_head_t *wqh;
	wait_queue_entry_t wait;
	poll_table poll;
	bool hung_up;		/* under the lock of @wqh while attached */
	struct work_struct detach;
};

/*
 * The end that signals.
 *
 * @ctx is set under the doorbell's lock, and cleared under it once the timer is
 * stopped for good; hence the timer may use it without.  @left is the timer's
 * own while it isn't 0, and the ioctls' while it is.
 *
 * The eventfd's file is not held.  An irqfd may outlive it, and then the
 * doorbell is the producer that this goes on for.
 */
struct signals {
	struct eventfd_ctx *ctx;
	struct eventfd_listener listener;
	bool unheard;		/* nothing takes what is signalled any more */
	struct timer_list timer;
	u32 left;
};

struct doorbell {
	struct mutex lock;	/* attach and detach of both ends */
	struct rings rings;
	struct signals signals;

	atomic64_t eventfd_rings;
	atomic64_t eventfd_wakeups;
	atomic64_t ioctl_rings;
	atomic64_t hangups;
	atomic64_t caller_signals;
	atomic64_t timer_signals;
};

/*
 * Take what the eventfd's counter has; under the lock of its wait queue.  An
 * EFD_SEMAPHORE gives out one at a time, and then only one is taken for each
 * signal.
 */
static bool take_rings(struct doorbell *db)
{
	u64 count;

	eventfd_ctx_do_read(db->rings.ctx, &count);
	if (!count)
		return false;
	atomic64_add(count, &db->eventfd_rings);
	atomic64_inc(&db->eventfd_wakeups);
	return true;
}

/*
 * The eventfd was signalled, or its last file reference is gone.  Called with
 * the lock of its wait queue held and interrupts off, from wherever the signal
 * came: a vCPU on its way back into the guest, for one.
 *
 * No writer can be asleep here for want of room in the counter: it was emptied
 * when @wait was put in, and has been at every signal since.
 *
 * A hang-up can't detach from here: that wants the doorbell's lock, which is
 * outside this one.  The entry stays in the queue until the work has taken it
 * out; until then a signal by the eventfd's context still rings.
 */
static int on_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
		     void *key)
{
	struct doorbell *db = container_of(wait, struct doorbell, rings.wait);
	__poll_t events = key_to_poll(key);

	if (events & EPOLLIN)
		take_rings(db);

	if (events & EPOLLHUP) {
		db->rings.hung_up = true;
		atomic64_inc(&db->hangups);
		schedule_work(&db->rings.detach);
	}

	return 0;
}

/* By vfs_poll(), once: an eventfd has one wait queue. */
static void on_poll(struct file *file, wait_queue_head_t *wqh, poll_table *pt)
{
	struct rings *rings = container_of(pt, struct rings, poll);

	rings->wqh = wqh;
	add_wait_queue(wqh, &rings->wait);
}

/*
 * After the removal on_wakeup() is not running and won't be called again, so
 * the work isn't queued any more.  An instance that is queued already, or
 * is waiting for the lock, finds that there is nothing to do, or that a new
 * eventfd is attached which hasn't hung up.
 */
static void detach_rings(struct doorbell *db)
{
	struct rings *rings = &db->rings;
	u64 count;

	lockdep_assert_held(&db->lock);

	if (!rings->ctx)
		return;

	/* Rings between the last wake-up and now, of a semaphore. */
	if (!eventfd_ctx_remove_wait_queue(rings->ctx, &rings->wait, &count))
		atomic64_add(count, &db->eventfd_rings);

	eventfd_ctx_put(rings->ctx);
	rings->ctx = NULL;
	rings->wqh = NULL;
	rings->hung_up = false;
}

static bool rings_hung_up(struct rings *rings)
{
	bool hung_up;

	if (!rings->ctx)
		return false;
	spin_lock_irq(&rings->wqh->lock);
	hung_up = rings->hung_up;
	spin_unlock_irq(&rings->wqh->lock);
	return hung_up;
}

static void detach_hung_up(struct work_struct *work)
{
	struct doorbell *db = container_of(work, struct doorbell, rings.detach);

	guard(mutex)(&db->lock);
	if (rings_hung_up(&db->rings))
		detach_rings(db);
}

/*
 * The file is held till the entry is in the wait queue: the hang-up can't come
 * before, so it won't be missed.
 */
static int attach_rings(struct doorbell *db, int fd)
{
	struct rings *rings = &db->rings;
	struct eventfd_ctx *ctx;

	CLASS(fd, f)(fd);
	if (!fd_file(f))
		return -EBADF;

	guard(mutex)(&db->lock);

	/* close() has returned, but the work hasn't come to it yet. */
	if (rings_hung_up(rings))
		detach_rings(db);
	if (rings->ctx)
		return -EBUSY;

	ctx = eventfd_ctx_fileget(fd_file(f));
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);

	rings->ctx = ctx;
	init_waitqueue_func_entry(&rings->wait, on_wakeup);
	init_poll_funcptr(&rings->poll, on_poll);
	vfs_poll(fd_file(f), &rings->poll);

	/*
	 * What was in the counter before counts as rings.  A writer may sleep
	 * because the counter was full; only the code that makes room wakes it.
	 */
	spin_lock_irq(&rings->wqh->lock);
	if (take_rings(db))
		wake_up_locked_poll(rings->wqh, EPOLLOUT);
	spin_unlock_irq(&rings->wqh->lock);

	return 0;
}

/*
 * In softirq context, or on PREEMPT_RT in a thread of its own, where the lock
 * of a wait queue may be slept on.  An hrtimer in hard interrupt context
 * couldn't signal there.
 */
static void on_timer(struct timer_list *timer)
{
	struct doorbell *db = from_timer(db, timer, signals.timer);
	struct signals *signals = &db->signals;
	u32 left = 0;

	if (!READ_ONCE(signals->unheard)) {
		left = signals->left - 1;
		eventfd_signal(signals->ctx);
		atomic64_inc(&db->timer_signals);
	}
	if (left)
		mod_timer(timer, jiffies + 1);
	/* The last access: with 0 the ioctls may start all over. */
	smp_store_release(&signals->left, left);
}

static void detach_signals(struct doorbell *db)
{
	struct signals *signals = &db->signals;

	lockdep_assert_held(&db->lock);

	if (!signals->ctx)
		return;

	/*
	 * Waits for on_timer(), and takes back what it started.  All others
	 * start the timer under the lock.
	 */
	timer_delete_sync(&signals->timer);
	WRITE_ONCE(signals->left, 0);

	if (signals->listener.events)
		eventfd_unlisten(signals->ctx, &signals->listener);
	eventfd_producer_put(signals->ctx);
	signals->ctx = NULL;
}

/* The file is gone, and no irqfd is left.  Under the lock of the wait queue. */
static void on_unheard(struct eventfd_listener *listener, enum eventfd_event event,
		       u64 data)
{
	struct signals *signals = container_of(listener, struct signals, listener);

	WRITE_ONCE(signals->unheard, true);
}

/*
 * A kernel that doesn't know an eventfd's producers takes the last close for the
 * end of the consumers, though an irqfd may stay: there signals go on.
 */
static int listen_for_end(struct signals *signals, struct file *file)
{
	WRITE_ONCE(signals->unheard, false);
	signals->listener.func = on_unheard;
	signals->listener.events = 0;
	if (!(EVENTFD_EVENTS & BIT(EVENTFD_PRODUCERS_GONE)))
		return 0;

	signals->listener.events = BIT(EVENTFD_CONSUMERS_GONE);
	return eventfd_listen(file, &signals->listener);
}

static int attach_signals(struct doorbell *db, int fd)
{
	struct eventfd_ctx *ctx;
	int ret;

	CLASS(fd, f)(fd);
	if (!fd_file(f))
		return -EBADF;

	guard(mutex)(&db->lock);
	if (db->signals.ctx)
		return -EBUSY;

	ctx = eventfd_producer_fileget(fd_file(f));
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	ret = listen_for_end(&db->signals, fd_file(f));
	if (ret) {
		eventfd_producer_put(ctx);
		return ret;
	}
	db->signals.ctx = ctx;
	return 0;
}

static long attach(struct doorbell *db, unsigned int cmd, const s32 __user *arg)
{
	s32 fd;

	if (get_user(fd, arg))
		return -EFAULT;

	if (fd != -1)
		return cmd == DOORBELL_ATTACH_RINGS ? attach_rings(db, fd) :
						      attach_signals(db, fd);

	guard(mutex)(&db->lock);
	if (cmd == DOORBELL_ATTACH_RINGS)
		detach_rings(db);
	else
		detach_signals(db);
	return 0;
}

/*
 * The doorbell's lock is held for as long as this lasts, so a caller that has a
 * (Unix) signal pending returns before all is done.
 */
static long signal_now(struct doorbell *db, u32 count)
{
	lockdep_assert_held(&db->lock);

	while (count--) {
		eventfd_signal(db->signals.ctx);
		atomic64_inc(&db->caller_signals);
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static long send_signals(struct doorbell *db,
			 const struct doorbell_signal __user *arg)
{
	struct signals *signals = &db->signals;
	struct doorbell_signal args;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;

	guard(mutex)(&db->lock);
	if (!signals->ctx)
		return -ENOTCONN;
	if (READ_ONCE(signals->unheard))
		return -EPIPE;

	switch (args.from) {
	case DOORBELL_FROM_CALLER:
		return signal_now(db, args.count);
	case DOORBELL_FROM_TIMER:
		/* Pairs with the release in on_timer(). */
		if (smp_load_acquire(&signals->left))
			return -EBUSY;
		if (!args.count)
			return 0;
		WRITE_ONCE(signals->left, args.count);
		mod_timer(&signals->timer, jiffies + 1);
		return 0;
	default:
		return -EINVAL;
	}
}

static long get_counts(struct doorbell *db, struct doorbell_counts __user *arg)
{
	struct doorbell_counts counts = {
		.eventfd_rings = atomic64_read(&db->eventfd_rings),
		.eventfd_wakeups = atomic64_read(&db->eventfd_wakeups),
		.ioctl_rings = atomic64_read(&db->ioctl_rings),
		.hangups = atomic64_read(&db->hangups),
		.caller_signals = atomic64_read(&db->caller_signals),
		.timer_signals = atomic64_read(&db->timer_signals),
		.timer_left = READ_ONCE(db->signals.left),
	};

	scoped_guard(mutex, &db->lock)
		counts.rings_attached = db->rings.ctx &&
					!rings_hung_up(&db->rings);

	return copy_to_user(arg, &counts, sizeof(counts)) ? -EFAULT : 0;
}

static long doorbell_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	struct doorbell *db = file->private_data;
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case DOORBELL_ATTACH_RINGS:
	case DOORBELL_ATTACH_SIGNALS:
		return attach(db, cmd, argp);
	case DOORBELL_RING:
		atomic64_inc(&db->ioctl_rings);
		return 0;
	case DOORBELL_SIGNAL:
		return send_signals(db, argp);
	case DOORBELL_COUNTS:
		return get_counts(db, argp);
	default:
		return -ENOTTY;
	}
}

static int doorbell_open(struct inode *inode, struct file *file)
{
	struct doorbell *db;

	db = kzalloc(sizeof(*db), GFP_KERNEL_ACCOUNT);
	if (!db)
		return -ENOMEM;

	mutex_init(&db->lock);
	INIT_WORK(&db->rings.detach, detach_hung_up);
	timer_setup(&db->signals.timer, on_timer, 0);
	file->private_data = db;
	return nonseekable_open(inode, file);
}

/*
 * No ioctl runs any more, or will.  With both ends detached only a work that a
 * hang-up queued before may still know the doorbell.
 */
static int doorbell_release(struct inode *inode, struct file *file)
{
	struct doorbell *db = file->private_data;

	scoped_guard(mutex, &db->lock) {
		detach_rings(db);
		detach_signals(db);
	}
	cancel_work_sync(&db->rings.detach);
	timer_shutdown_sync(&db->signals.timer);
	mutex_destroy(&db->lock);
	kfree(db);
	return 0;
}

/* An open file holds the module, and with it timer, work and wait entry. */
static const struct file_operations doorbell_fops = {
	.owner		= THIS_MODULE,
	.open		= doorbell_open,
	.release	= doorbell_release,
	.unlocked_ioctl	= doorbell_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice doorbell_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= DOORBELL_DEVICE,
	.fops	= &doorbell_fops,
};

module_misc_device(doorbell_device);

MODULE_DESCRIPTION("Kernel-side consumer and producer of eventfds");
MODULE_LICENSE("GPL");
