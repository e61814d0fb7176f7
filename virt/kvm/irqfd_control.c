// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: KVM_IRQFD_CONTROL, by which an irqfd is masked and moved to another GSI.
 *
 * Events are held back by the irqfd's wake-up function, which is another one then.  So an
 * event of an irqfd that isn't masked is handled as if there were no mask.
 *
 * What may be underway when a call comes
 * --------------------------------------
 * - A wake-up is not: the call has the lock of the eventfd's wait queue.
 * - The worker may inject what was left to it, and that may wait for user space.
 * - A producer may bypass the irqfd, and only the bypass manager's mutex, which sleeps,
 *   says that it doesn't any more.
 *
 * If there is neither of the two, the call does all of its work in one section of the
 * wait queue's lock, and waits for nothing.  Otherwise it holds events back in that
 * section and becomes the irqfd's owner.  So the irqfd stays, and all other calls for it
 * wait; no event is lost and none is injected twice, because they are merged in
 * @held.  When the producer and the worker are through, the call does its work in a second
 * section, and ends the ownership there.
 *
 * The call has the files of the VM and of the eventfd, so neither VM close nor a hang-up
 * can come.
 *
 * Level irqfds are refused.  A masked INTx line has its own means, the irqchip's mask and
 * the device's, and what a level irqfd has raised belongs to all of its GSI's.
 */

#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/wait_bit.h>

#include "irqfd.h"
#include "irqfd_keep.h"

#define BITS_AT_ONCE	64

/* A call's work on one irqfd. */
struct irqfd_control {
	poll_table pt;
	struct kvm *kvm;
	u32 op;
	/* Of a move: where to. */
	int gsi;
	struct kvm_gsi *routing;
	/* -EAGAIN: another call works on the irqfd of @wqh. */
	int ret;
	bool pending;
	wait_queue_head_t *wqh;
	/* What this call has to finish. */
	struct kvm_kernel_irqfd *owned;
	/* Of that: a producer has to be connected or disconnected. */
	bool reconnect;
};

/* False if that has to be finished by irqfd_control_finish(). */
static bool irqfd_mask(struct irqfd_control *c, struct kvm_kernel_irqfd *irqfd)
{
	/* A fatal signal may have ended a mask that waited for the worker. */
	if (irqfd->masked)
		return kvm_irqfd_idle(irqfd);

	irqfd->masked = true;
	kvm_irqfd_hold_events(irqfd);
	c->reconnect = kvm_irqfd_bypass_hold(irqfd);

	return !c->reconnect && kvm_irqfd_idle(irqfd);
}

static bool irqfd_unmask(struct irqfd_control *c, struct kvm_kernel_irqfd *irqfd)
{
	if (!irqfd->masked)
		return true;

	irqfd->masked = false;
	c->reconnect = kvm_irqfd_bypass_release(irqfd);
	if (c->reconnect)
		return false;
	kvm_irqfd_release_events(irqfd);

	return true;
}

static bool irqfd_move(struct irqfd_control *c, struct kvm_kernel_irqfd *irqfd)
{
	if (irqfd->gsi == c->gsi)
		return true;
	if (kvm_irqfd_idle(irqfd) && kvm_irqfd_set_gsi(irqfd, c->gsi, c->routing))
		return true;

	kvm_irqfd_hold_events(irqfd);
	c->reconnect = kvm_irqfd_bypass_hold(irqfd);

	return false;
}

static bool irqfd_control_at_once(struct irqfd_control *c,
				  struct kvm_kernel_irqfd *irqfd)
{
	lockdep_assert_held(&irqfd->wqh->lock);

	switch (c->op) {
	case KVM_IRQFD_CONTROL_MASK:
		return irqfd_mask(c, irqfd);
	case KVM_IRQFD_CONTROL_UNMASK:
		return irqfd_unmask(c, irqfd);
	case KVM_IRQFD_CONTROL_MOVE:
		return irqfd_move(c, irqfd);
	}

	/* KVM_IRQFD_CONTROL_READ */
	return true;
}

static void irqfd_control_begin(struct file *file, wait_queue_head_t *wqh,
				poll_table *pt)
{
	struct irqfd_control *c = container_of(pt, struct irqfd_control, pt);
	struct kvm_kernel_irqfd *irqfd;

	spin_lock_irq(&wqh->lock);
	irqfd = kvm_irqfd_on(wqh);
	/* A NEW one has no VM yet. */
	if (!irqfd || irqfd->kvm != c->kvm || !rcu_access_pointer(irqfd->vm)) {
		c->ret = -ENOENT;
	} else if (kvm_irqfd_is_busy(irqfd)) {
		c->ret = -EAGAIN;
		c->wqh = wqh;
	} else if (irqfd->resamplefd ||
		   (c->op == KVM_IRQFD_CONTROL_MOVE && !kvm_irqfd_can_go_to(irqfd, c->gsi))) {
		c->ret = -EINVAL;
	} else {
		c->ret = 0;
		c->pending = irqfd->held;
		if (!irqfd_control_at_once(c, irqfd)) {
			set_bit(IRQFD_OWNED, &irqfd->flags);
			c->owned = irqfd;
		}
	}
	spin_unlock_irq(&wqh->lock);
}

/*
 * Move it, if the worker is through, and let producers come again unless it is masked.
 * True if one is waiting.  Under the wait queue's lock.
 */
static bool irqfd_finish_move(struct irqfd_control *c, int ret)
{
	struct kvm_kernel_irqfd *irqfd = c->owned;

	/* No producer is connected, as they are held back. */
	if (!ret)
		kvm_irqfd_set_gsi(irqfd, c->gsi, c->routing);

	return !irqfd->masked && kvm_irqfd_bypass_release(irqfd);
}

/*
 * Nothing that came before the call goes by the old GSI, or is injected in spite of the
 * mask, when this has returned.  -EINTR if a fatal signal came first: then the GSI is the
 * old one, and a mask is there, but what was left to the worker is injected later.
 */
static int irqfd_control_finish(struct irqfd_control *c)
{
	struct kvm_kernel_irqfd *irqfd = c->owned;
	wait_queue_head_t *wqh = irqfd->wqh;
	bool reconnect = false;
	int ret = 0;

	if (c->reconnect)
		kvm_irqfd_bypass_reconnect(irqfd);
	if (c->op != KVM_IRQFD_CONTROL_UNMASK &&
	    kvm_irqfd_flush_killable(irqfd))
		ret = -EINTR;

	if (c->op == KVM_IRQFD_CONTROL_MOVE) {
		spin_lock_irq(&wqh->lock);
		reconnect = irqfd_finish_move(c, ret);
		spin_unlock_irq(&wqh->lock);
		/* Before events are injected, which are of the time before. */
		if (reconnect)
			kvm_irqfd_bypass_reconnect(irqfd);
	}

	spin_lock_irq(&wqh->lock);
	c->pending = irqfd->held && c->op != KVM_IRQFD_CONTROL_MOVE;
	if (!irqfd->masked)
		kvm_irqfd_release_events(irqfd);
	else
		c->pending = irqfd->held;
	clear_bit_unlock(IRQFD_OWNED, &irqfd->flags);
	spin_unlock_irq(&wqh->lock);

	/* kvm_irqfd_wait_for_call() goes on; for wake_up_var(), see irqfd.c. */
	smp_mb();
	wake_up_var(wqh);

	return ret;
}

/* Of the irqfd of one eventfd. */
static int irqfd_control_file(struct irqfd_control *c, struct file *file)
{
	int ret;

	for (;;) {
		/* What can't be polled isn't an eventfd. */
		c->ret = -EINVAL;
		init_poll_funcptr(&c->pt, irqfd_control_begin);
		vfs_poll(file, &c->pt);
		if (c->ret != -EAGAIN)
			break;
		ret = kvm_irqfd_wait_for_call(c->wqh);
		if (ret)
			return ret;
	}

	return c->owned ? irqfd_control_finish(c) : c->ret;
}

static int irqfd_control_fd(struct irqfd_control *c, int fd)
{
	struct eventfd_ctx *eventfd;

	/* Kept to the end: before it is dropped there can be no hang-up. */
	CLASS(fd, f)(fd);
	if (fd_empty(f))
		return -EBADF;

	/* Only to find out whether it is an eventfd. */
	eventfd = eventfd_ctx_fileget(fd_file(f));
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	eventfd_ctx_put(eventfd);

	return irqfd_control_file(c, fd_file(f));
}

/* Is an event pending after the call, or was one that it has injected? */
static int irqfd_control_one(struct kvm *kvm, u32 op,
			     const struct kvm_irqfd_control_one *one, bool *pending)
{
	struct irqfd_control c = { .kvm = kvm, .op = op, .gsi = one->gsi };
	int ret;

	if (op == KVM_IRQFD_CONTROL_MOVE) {
		c.routing = kvm_gsi_get(kvm, one->gsi);
		if (!c.routing)
			return -ENOMEM;
	}
	ret = irqfd_control_fd(&c, one->fd);
	*pending = c.pending;

	return ret;
}

/*
 * Up to BITS_AT_ONCE of them, from the @first on.  Sets *@done to how many are done, of
 * which *@bits has a bit each.
 */
static int irqfd_control_some(struct kvm *kvm, const struct kvm_irqfd_control *args,
			      int first, int *done, u64 *bits)
{
	const struct kvm_irqfd_control_one __user *from =
		u64_to_user_ptr(args->irqfds);
	int nr = min_t(u32, args->nr - first, BITS_AT_ONCE);
	struct kvm_irqfd_control_one one;
	bool pending;
	int ret;

	*bits = 0;
	for (*done = 0; *done < nr; ++*done) {
		if (copy_from_user(&one, from + first + *done, sizeof(one)))
			return -EFAULT;
		ret = irqfd_control_one(kvm, args->op, &one, &pending);
		if (ret)
			return ret;
		*bits |= (u64)pending << *done;
	}

	return 0;
}

static int irqfd_control_all(struct kvm *kvm, const struct kvm_irqfd_control *args)
{
	u64 __user *to = u64_to_user_ptr(args->pending);
	int done = 0, some, ret;
	u64 bits;

	do {
		ret = irqfd_control_some(kvm, args, done, &some, &bits);
		if (some && to && put_user(bits, to + done / BITS_AT_ONCE))
			return -EFAULT;
		done += some;
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	} while (!ret && done < (int)args->nr);

	return done ?: ret;
}

/**
 * kvm_irqfd_control - KVM_IRQFD_CONTROL
 * @kvm: the VM
 * @argp: what user space passed, a struct kvm_irqfd_control
 *
 * When this returns, no event is injected any more that a masked irqfd gets, and none by
 * the GSI that an irqfd has been moved from.
 * Context: the VM's ioctl, no locks held.  Waits for an irqfd's own injection, and what
 * its lane has before it, and for other calls for the irqfd.
 * Return: how many irqfds are done; if none, what the first one failed with: -EBADF for
 * an fd that isn't open; -EINVAL for one that isn't an eventfd, and for a level irqfd;
 * -ENOENT if the eventfd has no irqfd of this VM; -EINTR when a fatal signal has come
 * (the irqfd has the mask then, but not the new GSI); -ENOMEM.  With nothing done, also
 * -EFAULT; -E2BIG for an argument that has more than is known here; -EINVAL for one that is too
 * short, no irqfds, and an operation or a flag that isn't known.  -EFAULT for @pending
 * comes after irqfds were done.
 */
int kvm_irqfd_control(struct kvm *kvm, void __user *argp)
{
	struct kvm_irqfd_control args;
	u32 size;
	int ret;

	if (get_user(size, (u32 __user *)argp))
		return -EFAULT;
	if (size < sizeof(args))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&args, sizeof(args), argp, size);
	if (ret)
		return ret;
	if (args.op > KVM_IRQFD_CONTROL_MOVE || args.flags || !args.nr ||
	    args.nr > INT_MAX)
		return -EINVAL;

	return irqfd_control_all(kvm, &args);
}
