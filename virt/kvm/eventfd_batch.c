// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_EVENTFD_BATCH: many registrations of eventfds in one call.
 *
 * All operations are done or none.  The passes of a batch are
 *
 *	load	 the arguments, and the files of the eventfds, which are held to the end
 *	prepare	 irqfds: those that end are owned, those that begin are NEW
 *	add	 iosignalfds: what goes is taken away, what comes is put in its place
 *	commit	 can't fail
 *
 * and what is removed comes before what is added in each of them, so that collisions are
 * judged by what there is in the end.
 *
 * When an operation fails, the passes that are left look only at the operations before it:
 * one of them may be the first that can't be done.
 */

#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/list.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bulk.h"
#include "eventfd_batch.h"
#include "iosignalfd.h"
#include "iosignalfd_item.h"
#include "irqfd.h"

/**
 * struct batch_op - one operation of a batch
 * @args: what user space passed, in the batch's @args
 * @kinds: what it is; a move goes and comes
 * @fd: the eventfd's file, or none
 * @item: of a move: the registration that moves
 * @irqfd: an irqfd that begins, NEW, or one that ends, owned; NULL for none
 */
struct batch_op {
	struct kvm_eventfd_op *args;
	unsigned int kinds;
	struct fd fd;
	union {
		struct iosignalfd_item *item;
		struct kvm_kernel_irqfd *irqfd;
	};
};

/**
 * struct batch - a batch under way
 * @kvm: the VM
 * @args: what user space passed
 * @ops: the operations
 * @nr: how many there are
 * @loaded: the file has been looked up for those before this one
 * @end: those before this one are still looked at: all, or until the one that has failed;
 *	NULL until there are @ops
 * @pause: where a walk next lets other tasks run
 * @has: which kinds of operations there are, by bits
 * @ret: why it has failed, or 0
 * @io: the iosignalfds' part
 * @io_begun: has @io to be ended?
 * @irqfds: where new irqfds come from
 * @nr_ending: how many objects end with it; more if an operation ends several
 * @free: with what they are freed; NULL if they are few.  Those that it has no room for
 *	are freed without
 * @busy: where another call works on an irqfd, which this has to wait for
 */
struct batch {
	struct kvm *kvm;
	struct kvm_eventfd_op *args;
	struct batch_op *ops;
	u32 nr;
	struct batch_op *loaded;
	struct batch_op *end;
	struct batch_op *pause;
	unsigned int has;
	int ret;
	struct iosignalfd_batch io;
	bool io_begun;
	struct kvm_bulk_alloc irqfds;
	u32 nr_ending;
	struct kvm_bulk_free *free;
	wait_queue_head_t *busy;
};

/* The kinds of operations.  A pass that looks for one that a batch hasn't is left out. */
#define BATCH_IRQFD_BEGINS	BIT(0)
#define BATCH_IRQFD_ENDS	BIT(1)
#define BATCH_IO_COMES		BIT(2)
#define BATCH_IO_GOES		BIT(3)

#define BATCH_IRQFDS	(BATCH_IRQFD_BEGINS | BATCH_IRQFD_ENDS)
#define BATCH_IO	(BATCH_IO_COMES | BATCH_IO_GOES)

/* So few objects are freed one by one. */
#define BATCH_FEW	8

/* How many operations come between two looks for a signal and for other tasks. */
#define BATCH_STRIDE	32U

/* Lets other tasks run, and gives up if a fatal signal has come. */
static bool batch_is_killed(struct batch *batch)
{
	cond_resched();
	if (likely(!fatal_signal_pending(current)))
		return false;

	batch->end = batch->ops;
	batch->ret = -EINTR;
	return true;
}

static void batch_failed_at(struct batch *batch, struct batch_op *op, int ret)
{
	if (!ret)
		return;

	batch->end = op;
	batch->ret = ret;
	batch->busy = NULL;
}

/* Inline: a batch goes to its next operation often, and a call would cost as much again. */

/* From where a walk goes on that has come to @op; NULL for one that begins. */
static __always_inline struct batch_op *batch_go_on(struct batch *batch, struct batch_op *op)
{
	if (op)
		return op + 1;

	batch->pause = batch->ops;
	return batch->ops;
}

/* Is it time to let other tasks run? */
static __always_inline bool batch_pauses_at(struct batch *batch, const struct batch_op *op)
{
	if (likely(op != batch->pause))
		return false;

	batch->pause += BATCH_STRIDE;
	return true;
}

/*
 * The operation of @kinds that comes after @op, or the first one for NULL, of those that are
 * left: one that fails ends the walk, and so does a fatal signal.  NULL if there is none.
 */
static __always_inline struct batch_op *batch_next(struct batch *batch, struct batch_op *op,
						   unsigned int kinds)
{
	if (!(batch->has & kinds))
		return NULL;

	for (op = batch_go_on(batch, op); op < batch->end; op++) {
		if (batch_pauses_at(batch, op) && batch_is_killed(batch))
			return NULL;
		if (op->kinds & kinds)
			return op;
	}

	return NULL;
}

static unsigned int batch_kinds_of(const struct kvm_eventfd_op *args)
{
	switch (args->op) {
	case KVM_EVENTFD_OP_IRQFD:
		return args->irqfd.flags & KVM_IRQFD_FLAG_DEASSIGN ?
		       BATCH_IRQFD_ENDS : BATCH_IRQFD_BEGINS;
	case KVM_EVENTFD_OP_MOVE:
		return BATCH_IO_GOES | BATCH_IO_COMES;
	default:
		return args->io.flags & KVM_IOSIGNALFD_FLAG_DEASSIGN ?
		       BATCH_IO_GOES : BATCH_IO_COMES;
	}
}

static bool batch_is_move(const struct batch_op *op)
{
	return op->args->op == KVM_EVENTFD_OP_MOVE;
}

static bool batch_is_for_any_fd(const struct batch_op *op)
{
	return op->kinds == BATCH_IO_GOES &&
	       op->args->io.flags & KVM_IOSIGNALFD_FLAG_ANY_FD;
}

/* Load */

static int batch_check_move(const struct kvm_eventfd_op *args)
{
	if (args->to_flags & ~(KVM_IOSIGNALFD_FLAG_PIO |
			       KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY))
		return -EINVAL;
	if (args->io.flags & (KVM_IOSIGNALFD_FLAG_DEASSIGN |
			      KVM_IOSIGNALFD_FLAG_ANY_FD))
		return -EINVAL;
	if (args->to_addr + args->io.len < args->to_addr)
		return -EINVAL;

	return 0;
}

static int batch_check_irqfd(const struct kvm_irqfd *args)
{
	u32 kept = KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_KEEP;

	if (!IS_ENABLED(CONFIG_HAVE_KVM_IRQCHIP))
		return -EINVAL;
	/* That may end any number of irqfds. */
	if (!kvm_irqfd_are_flags_known(args->flags) || (args->flags & kept) == kept)
		return -EINVAL;

	return 0;
}

static int batch_check_op(const struct kvm_eventfd_op *args)
{
	if (args->reserved || args->reserved2)
		return -EINVAL;
	if (args->op == KVM_EVENTFD_OP_MOVE)
		return batch_check_move(args);
	if (args->to_addr || args->to_flags)
		return -EINVAL;

	switch (args->op) {
	case KVM_EVENTFD_OP_IOSIGNALFD:
		return 0;
	case KVM_EVENTFD_OP_IRQFD:
		return batch_check_irqfd(&args->irqfd);
	default:
		return -EINVAL;
	}
}

static int batch_load_op(struct batch *batch, struct batch_op *op,
			 struct kvm_eventfd_op *args)
{
	int ret = batch_check_op(args);

	if (ret)
		return ret;

	op->args = args;
	op->kinds = batch_kinds_of(args);
	batch->has |= op->kinds;
	if (op->kinds & BATCH_IRQFD_ENDS)
		batch->nr_ending++;
	if (op->kinds & BATCH_IO_GOES)
		batch->nr_ending += 2;

	op->irqfd = NULL;
	op->fd = EMPTY_FD;
	if (op->kinds & BATCH_IRQFDS)
		op->fd = fdget(args->irqfd.fd);
	else if (!batch_is_for_any_fd(op))
		op->fd = fdget(args->io.fd);
	batch->loaded = op + 1;

	return 0;
}

/* Copies @nr operations.  Returns how many it has copied; if not all, @ret is why. */
static u32 batch_copy_ops(struct kvm_eventfd_op *to, const void __user *from, u32 size,
			  u32 nr, int *ret)
{
	u32 i;

	*ret = 0;
	if (size == sizeof(*to) && !copy_from_user(to, from, nr * sizeof(*to)))
		return nr;

	for (i = 0; i < nr && !*ret; i++)
		*ret = copy_struct_from_user(&to[i], sizeof(*to), from + i * size, size);

	return *ret ? i - 1 : nr;
}

/* Loads as many operations as come between two looks for a signal. */
static void batch_load_some(struct batch *batch, u32 at, const void __user *from, u32 size)
{
	struct kvm_eventfd_op *args = batch->args + at;
	struct batch_op *op = batch->ops + at;
	u32 nr = min(batch->nr - at, BATCH_STRIDE);
	int ret;

	nr = batch_copy_ops(args, from, size, nr, &ret);
	batch_failed_at(batch, op + nr, ret);

	for (; nr && op < batch->end; nr--, op++, args++)
		batch_failed_at(batch, op, batch_load_op(batch, op, args));
}

static int batch_load(struct batch *batch, const struct kvm_eventfd_batch *args)
{
	const void __user *from = u64_to_user_ptr(args->ops);
	u32 at;

	batch->args = kvmalloc_array(args->nr, sizeof(*batch->args), GFP_KERNEL_ACCOUNT);
	batch->ops = kvmalloc_array(args->nr, sizeof(*batch->ops), GFP_KERNEL_ACCOUNT);
	if (!batch->args || !batch->ops)
		return -ENOMEM;

	batch->loaded = batch->ops;
	batch->end = batch->ops + batch->nr;
	for (at = 0; batch->ops + at < batch->end && !batch_is_killed(batch);
	     at += BATCH_STRIDE)
		batch_load_some(batch, at, from + (size_t)at * args->op_size,
				args->op_size);

	if (batch->ret || batch->nr_ending < BATCH_FEW)
		return 0;

	batch->free = kvm_bulk_free_alloc(batch->nr_ending);

	return batch->free ? 0 : -ENOMEM;
}

/* Irqfds */

#ifdef CONFIG_HAVE_KVM_IRQCHIP
static void batch_own_irqfd(struct batch *batch, struct batch_op *op)
{
	wait_queue_head_t *busy;
	int ret;

	ret = kvm_irqfd_own(batch->kvm, &op->args->irqfd, fd_file(op->fd), batch,
			    &op->irqfd, &busy);
	batch_failed_at(batch, op, ret);
	if (ret)
		batch->busy = busy;
}

static void batch_prepare_irqfd(struct batch *batch, struct batch_op *op)
{
	struct kvm_kernel_irqfd *irqfd;
	wait_queue_head_t *busy;

	irqfd = kvm_irqfd_prepare(batch->kvm, &op->args->irqfd, fd_file(op->fd), batch,
				  &batch->irqfds, &busy);
	if (IS_ERR(irqfd)) {
		batch_failed_at(batch, op, PTR_ERR(irqfd));
		batch->busy = busy;
	} else {
		op->irqfd = irqfd;
	}
}

static void batch_prepare_irqfds(struct batch *batch)
{
	struct batch_op *op = NULL;

	while ((op = batch_next(batch, op, BATCH_IRQFD_ENDS)))
		batch_own_irqfd(batch, op);
	if (!(batch->has & BATCH_IRQFD_BEGINS))
		return;

	kvm_irqfd_bulk_init(&batch->irqfds, batch->nr);
	while ((op = batch_next(batch, op, BATCH_IRQFD_BEGINS)))
		batch_prepare_irqfd(batch, op);
	kvm_bulk_end(&batch->irqfds);
}

/* As batch_next(), but of the irqfds of @kind that the batch has and isn't through with. */
static __always_inline struct batch_op *
batch_next_irqfd(struct batch *batch, struct batch_op *op, unsigned int kind)
{
	if (!(batch->has & kind))
		return NULL;

	for (op = batch_go_on(batch, op); op < batch->loaded; op++) {
		if (batch_pauses_at(batch, op))
			cond_resched();
		if (op->kinds == kind && op->irqfd)
			return op;
	}

	return NULL;
}

/* A successor is freed before the irqfd that it was to succeed is given up. */
static void batch_abandon_irqfds(struct batch *batch)
{
	struct batch_op *op = NULL;

	while ((op = batch_next_irqfd(batch, op, BATCH_IRQFD_BEGINS))) {
		kvm_irqfd_abandon(op->irqfd);
		op->irqfd = NULL;
	}
	while ((op = batch_next_irqfd(batch, op, BATCH_IRQFD_ENDS))) {
		kvm_irqfd_disown(op->irqfd);
		op->irqfd = NULL;
	}
}

/*
 * Those that have their eventfd, or those that have it by now.  They all have it where
 * nothing ends.
 */
static void batch_publish_irqfds(struct batch *batch)
{
	bool all = !(batch->has & BATCH_IRQFD_ENDS);
	struct batch_op *op = NULL;

	while ((op = batch_next_irqfd(batch, op, BATCH_IRQFD_BEGINS))) {
		if (!all && !kvm_irqfd_is_on_queue(op->irqfd))
			continue;
		kvm_irqfd_publish(op->irqfd, fd_file(op->fd));
		op->irqfd = NULL;
	}
}

/* What begins waits for nothing that ends, but for what it succeeds. */
static void batch_commit_irqfds(struct batch *batch)
{
	struct batch_op *op = NULL;
	LIST_HEAD(ending);

	batch_publish_irqfds(batch);

	while ((op = batch_next_irqfd(batch, op, BATCH_IRQFD_ENDS)))
		list_add_tail(&op->irqfd->closing_link, &ending);
	if (list_empty(&ending))
		return;

	kvm_irqfd_end_all(&ending, batch->free);
	batch_publish_irqfds(batch);
}

static void batch_wait_for_call(struct batch *batch)
{
	batch->ret = kvm_irqfd_wait_for_call(batch->busy);
	batch->end = batch->ret ? batch->ops : batch->loaded;
}
#else
/* batch_check_op() lets no irqfd in. */
static void batch_prepare_irqfds(struct batch *batch)
{
}

static void batch_abandon_irqfds(struct batch *batch)
{
}

static void batch_commit_irqfds(struct batch *batch)
{
}

static void batch_wait_for_call(struct batch *batch)
{
}
#endif /* CONFIG_HAVE_KVM_IRQCHIP */

/* Iosignalfds */

static int batch_take_away(struct batch *batch, struct batch_op *op)
{
	bool any = batch_is_for_any_fd(op);
	struct iosignalfd_spec spec;
	int ret = 0;

	iosignalfd_to_spec(&op->args->io, &spec);
	if (!any) {
		if (!fd_file(op->fd))
			return -EBADF;
		/* The file holds it. */
		spec.eventfd = eventfd_ctx_fileget(fd_file(op->fd));
		if (IS_ERR(spec.eventfd))
			return PTR_ERR(spec.eventfd);
		eventfd_ctx_put(spec.eventfd);
	}

	if (!batch_is_move(op))
		return iosignalfd_batch_remove(&batch->io, &spec);

	op->item = iosignalfd_batch_lift(&batch->io, &spec);
	if (!op->item)
		ret = -ENOENT;

	return ret;
}

static int batch_put_in_place(struct batch *batch, struct batch_op *op)
{
	struct iosignalfd_spec spec;
	struct kvm_iosignalfd to = {
		.addr = op->args->to_addr,
		.flags = op->args->to_flags,
	};
	int ret;

	if (batch_is_move(op)) {
		iosignalfd_to_spec(&to, &spec);
		return iosignalfd_batch_move(&batch->io, op->item, fd_file(op->fd),
					     spec.bus, spec.addr);
	}

	ret = iosignalfd_to_assign(&op->args->io, fd_file(op->fd), &spec);
	if (ret)
		return ret;

	ret = iosignalfd_batch_add(&batch->io, &spec);
	if (ret)
		eventfd_producer_put(spec.eventfd);

	return ret;
}

static void batch_add_iosignalfds(struct batch *batch)
{
	struct batch_op *op = NULL;
	int ret;

	if (!(batch->has & BATCH_IO))
		return;

	ret = iosignalfd_batch_begin(&batch->io, batch->kvm, batch->nr,
				     batch->free);
	if (ret) {
		batch->ret = ret;
		batch->end = batch->ops;
		return;
	}

	batch->io_begun = true;
	while ((op = batch_next(batch, op, BATCH_IO_GOES)))
		batch_failed_at(batch, op, batch_take_away(batch, op));
	while ((op = batch_next(batch, op, BATCH_IO_COMES)))
		batch_failed_at(batch, op, batch_put_in_place(batch, op));
}

/* The whole */

/*
 * One attempt.  Sets @busy, with everything undone, if the first operation that can't be
 * done is one on an irqfd that another call works on.
 */
static void batch_try(struct batch *batch)
{
	batch->busy = NULL;

	batch_prepare_irqfds(batch);
	batch_add_iosignalfds(batch);

	if (batch->ret) {
		if (batch->io_begun)
			iosignalfd_batch_abort(&batch->io);
		if (batch->has & BATCH_IRQFDS)
			batch_abandon_irqfds(batch);
	} else {
		if (batch->io_begun)
			iosignalfd_batch_commit(&batch->io);
		if (batch->has & BATCH_IRQFDS)
			batch_commit_irqfds(batch);
	}
	batch->io_begun = false;
}

static void batch_run(struct batch *batch)
{
	/* Of an operation with bad arguments, behind those that have been loaded. */
	int ret = batch->ret;

	while (true) {
		batch_try(batch);
		if (!batch->busy)
			return;
		batch_wait_for_call(batch);
		if (batch->ret)
			return;
		batch->ret = ret;
	}
}

static int batch_copy_args(struct kvm_eventfd_batch *args,
			   struct kvm_eventfd_batch __user *user)
{
	u32 size;
	int ret;

	if (get_user(size, &user->size))
		return -EFAULT;
	if (size < offsetofend(struct kvm_eventfd_batch, reserved))
		return -EINVAL;

	ret = copy_struct_from_user(args, sizeof(*args), user, size);
	if (ret)
		return ret;

	if (args->flags || args->reserved ||
	    args->op_size < offsetofend(struct kvm_eventfd_op, reserved2))
		return -EINVAL;
	if (args->op_size > PAGE_SIZE || args->nr > KVM_EVENTFD_BATCH_MAX)
		return -E2BIG;

	return 0;
}

/**
 * kvm_eventfd_batch - KVM_EVENTFD_BATCH
 * @kvm: the VM
 * @user: what user space passed
 *
 * Context: the VM's ioctl, no locks held.  May be preempted.  Waits as the single ioctls
 * do; for one grace period if level irqfds end.
 * Return: 0; or with nothing done -EFAULT, -E2BIG if there are more operations than
 * KVM_CAP_EVENTFD_BATCH tells or a structure has something that the kernel doesn't know,
 * -EINVAL for a structure that is too short, a flag or a reserved field that isn't 0,
 * an operation that isn't known, or the errno of the first operation that can't be done;
 * -EINTR if a fatal signal came before all was prepared; -ENOMEM.
 */
int kvm_eventfd_batch(struct kvm *kvm, struct kvm_eventfd_batch __user *user)
{
	struct kvm_eventfd_batch args;
	struct batch batch = { .kvm = kvm };
	struct batch_op *op;
	u32 failed;
	int ret;

	ret = batch_copy_args(&args, user);
	if (ret || !args.nr)
		return ret;

	batch.nr = args.nr;
	ret = batch_load(&batch, &args);
	if (ret)
		batch.ret = ret;
	else
		batch_run(&batch);

	for (op = batch.ops; op < batch.loaded; op++)
		fdput(op->fd);
	kvm_bulk_free_end(batch.free);
	kvfree(batch.ops);
	kvfree(batch.args);

	if (!batch.ret)
		return 0;

	failed = batch.ret == -EINTR || !batch.end ? batch.nr : batch.end - batch.ops;
	return put_user(failed, &user->failed) ? -EFAULT : batch.ret;
}
