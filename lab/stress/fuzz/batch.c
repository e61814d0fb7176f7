// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's KVM_EVENTFD_BATCH: assigns, deassigns and moves of iosignalfds, assigns and
 * deassigns of irqfds, of which some can't be done.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/kvm_eventfd_batch.h>

#include "model.h"

#define NR_OPS	6

/* An operation, and what it comes to. */
struct op {
	enum { ASSIGN, DEASSIGN, CLEAR, MOVE, TIE, UNTIE, NR_KINDS } kind;
	struct reg reg;		/* what user space passes */
	struct fd *fd;
	uint64_t to;
	bool to_pio;
	struct reg *taken;	/* what a move takes away */
	/* An irqfd's, where the eventfd is the descriptor's. */
	uint32_t gsi, flags;
	bool ends;		/* the eventfd has that irqfd, and it ends */
	bool held;		/* it leaves a pending event to its successor */
};

/* What each registration is taken away by, NULL for those that stay. */
static const struct op *takers[NR_REGS];

static bool can_batch(void)
{
	return ioctl(tiny_kvm(), KVM_CHECK_EXTENSION, KVM_CAP_EVENTFD_BATCH) > 0;
}

/* One that exists, by a descriptor of its eventfd if there is one; or a random one. */
static void choose_old(struct vm *vm, struct op *op)
{
	struct reg *reg = &vm->regs[rnd(NR_REGS)];
	int i;

	op->fd = some_fd();
	if (!reg->event || one_in(8)) {
		op->reg = some_reg(op->fd->event);
		return;
	}
	for (i = 0; i < NR_PLAIN && fds[i].event != reg->event; i++)
		;
	if (i < NR_PLAIN)
		op->fd = &fds[i];
	op->reg = *reg;
	op->reg.event = op->fd->event;
}

static void choose_irqfd(struct vm *vm, struct op *op)
{
	struct event *event;

	op->fd = some_fd();
	op->gsi = some_gsi();
	if (op->kind == TIE) {
		op->flags = some_irqfd_flags();
		return;
	}
	event = op->fd->event;
	if (event && event->vm == vm && !one_in(6))
		op->gsi = event->gsi;
	op->flags = KVM_IRQFD_FLAG_DEASSIGN;
	/* By the GSI alone, which a batch can't. */
	if (one_in(20) && keep_ends())
		op->flags |= KVM_IRQFD_FLAG_KEEP;
}

static void choose(struct vm *vm, struct op *op)
{
	*op = (struct op) { .kind = rnd(NR_KINDS) };

	if (op->kind == TIE || op->kind == UNTIE) {
		choose_irqfd(vm, op);
		return;
	}
	if (op->kind != ASSIGN) {
		choose_old(vm, op);
		op->to_pio = one_in(2);
		op->to = place_addr(op->to_pio, rnd(NR_PLACES));
		return;
	}
	op->fd = some_fd();
	op->reg = some_reg(op->fd->event);
	/* Mostly where something is. */
	if (one_in(2)) {
		op->reg.addr = vm->regs[rnd(NR_REGS)].addr;
		op->reg.len = 4;
	}
}

static struct kvm_eventfd_op to_irqfd_op(const struct op *op)
{
	return (struct kvm_eventfd_op) {
		.op = KVM_EVENTFD_OP_IRQFD,
		.irqfd = { .fd = op->fd->fd, .gsi = op->gsi, .flags = op->flags },
	};
}

static struct kvm_eventfd_op to_op(const struct op *op)
{
	struct kvm_eventfd_op to = {
		.op = op->kind == MOVE ? KVM_EVENTFD_OP_MOVE : KVM_EVENTFD_OP_IOSIGNALFD,
		.io = {
			.fd = op->fd->fd, .addr = op->reg.addr, .len = op->reg.len,
			.trigger = op->reg.value, .post_addr = (uintptr_t)op->reg.post,
			.flags = reg_flags(&op->reg),
		},
	};

	if (op->kind == TIE || op->kind == UNTIE)
		return to_irqfd_op(op);
	if (op->kind == DEASSIGN || op->kind == CLEAR)
		to.io.flags |= KVM_IOSIGNALFD_FLAG_DEASSIGN;
	if (op->kind == CLEAR)
		to.io.flags |= KVM_IOSIGNALFD_FLAG_ANY_FD;
	if (op->kind == MOVE) {
		to.to_addr = op->to;
		to.to_flags = op->to_pio ? KVM_IOSIGNALFD_FLAG_PIO : 0;
	}
	return to;
}

/* The registration that there is in the end, by the operation. */
static struct reg result(const struct op *op)
{
	struct reg reg = op->reg;

	if (op->kind == MOVE) {
		reg = *op->taken;
		reg.addr = op->to;
		reg.pio = op->to_pio;
		reg.ccw = false;
	}
	return reg;
}

/* All registrations of these writes; without a wildcard, those of any value. */
static int take_all(struct vm *vm, const struct op *op)
{
	struct reg all = op->reg;
	bool wildcard = false;
	bool any = false;
	int i;

	for (i = 0; i < NR_REGS; i++)
		wildcard |= !takers[i] && !vm->regs[i].match &&
			    same_writes(&vm->regs[i], &op->reg);
	for (i = 0; i < NR_REGS; i++) {
		if (!op->reg.match && !wildcard) {
			all.match = vm->regs[i].match;
			all.value = vm->regs[i].value;
		}
		if (takers[i] || !same_writes(&vm->regs[i], &all))
			continue;
		takers[i] = op;
		any = true;
	}
	return any ? 0 : ENOENT;
}

static int take_away(struct vm *vm, struct op *op)
{
	int i;

	if (op->kind == CLEAR)
		return take_all(vm, op);
	if (fd_error(op->fd))
		return fd_error(op->fd);
	for (i = 0; i < NR_REGS; i++)
		if (!takers[i] && same_writes(&vm->regs[i], &op->reg) &&
		    vm->regs[i].event == op->reg.event)
			break;
	if (i < NR_REGS && vm->regs[i].post == op->reg.post) {
		takers[i] = op;
		op->taken = &vm->regs[i];
	}
	return op->taken ? 0 : ENOENT;
}

/*
 * What an assign, or a move's new place, fails with.  A registration whose eventfd is closed
 * makes room; if there is such a one, @unsure is set.
 */
static int put(struct vm *vm, const struct op *ops, unsigned int i, bool *unsure)
{
	struct reg reg = result(&ops[i]), other;
	bool exists = false;
	unsigned int j;

	if (ops[i].kind == ASSIGN && (fd_error(ops[i].fd) || (!reg.len && reg.match)))
		return !reg.len && reg.match ? EINVAL : fd_error(ops[i].fd);
	for (j = 0; j < NR_REGS; j++) {
		if (takers[j] || !excludes(&vm->regs[j], &reg))
			continue;
		exists |= is_heard(vm->regs[j].event);
		*unsure |= !is_heard(vm->regs[j].event);
	}
	for (j = 0; j < i; j++) {
		if (ops[j].kind != ASSIGN && ops[j].kind != MOVE)
			continue;
		other = result(&ops[j]);
		exists |= excludes(&other, &reg);
	}
	return exists ? EEXIST : 0;
}

/* One that the eventfd doesn't have, or that another operation ends, is no error. */
static int untie(struct vm *vm, struct op *ops, unsigned int i)
{
	struct event *event = ops[i].fd->event;
	unsigned int j;

	if (fd_error(ops[i].fd))
		return fd_error(ops[i].fd);
	for (j = 0; j < i; j++)
		if (ops[j].ends && ops[j].fd->event == event)
			return 0;
	ops[i].ends = event->vm == vm && event->gsi == ops[i].gsi;
	return 0;
}

/* The operation that ends the eventfd's irqfd, or NULL. */
static struct op *end_of(struct op *ops, unsigned int nr, const struct event *event)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (ops[i].ends && ops[i].fd->event == event)
			return &ops[i];
	return NULL;
}

/* The operation before @i that assigns the eventfd, or NULL. */
static const struct op *tie_of(const struct op *ops, unsigned int i,
			       const struct event *event)
{
	unsigned int j;

	for (j = 0; j < i; j++)
		if (ops[j].kind == TIE && ops[j].fd->event == event)
			return &ops[j];
	return NULL;
}

static int tie(struct vm *vm, struct op *ops, unsigned int nr, unsigned int i)
{
	bool possible = vm->tiny.irqchip != CHIP_NONE && can_keep(ops[i].flags, ops[i].gsi);
	struct event *event = ops[i].fd->event;
	bool has_one;

	if (possible && fd_error(ops[i].fd))
		return fd_error(ops[i].fd);
	has_one = possible && (tie_of(ops, i, event) || (event->vm && !end_of(ops, nr, event)));
	return !possible ? EINVAL : has_one ? EBUSY : 0;
}

enum pass { LOAD, TAKE_IRQFDS, PUT_IRQFDS, TAKE, PUT, NR_PASSES };

static int do_pass(struct vm *vm, struct op *ops, unsigned int nr, unsigned int i,
		   enum pass pass, bool *unsure)
{
	struct op *op = &ops[i];

	switch (op->kind) {
	case TIE:
		return pass == PUT_IRQFDS ? tie(vm, ops, nr, i) : 0;
	case UNTIE:
		if (pass == LOAD)
			return op->flags & KVM_IRQFD_FLAG_KEEP ? EINVAL : 0;
		return pass == TAKE_IRQFDS ? untie(vm, ops, i) : 0;
	default:
		if (pass == TAKE && op->kind != ASSIGN)
			return take_away(vm, op);
		if (pass == PUT && (op->kind == ASSIGN || op->kind == MOVE))
			return put(vm, ops, i, unsure);
		return 0;
	}
}

/* The errno, and in @nr the index of the first operation that can't be done. */
static int judge(struct vm *vm, struct op *ops, unsigned int *nr, bool *unsure)
{
	unsigned int all = *nr, i;
	int ret = 0, err;
	enum pass pass;

	memset(takers, 0, sizeof(takers));
	for (pass = 0; pass < NR_PASSES; pass++) {
		for (i = 0; i < *nr; i++) {
			err = do_pass(vm, ops, all, i, pass, unsure);
			if (err) {
				ret = err;
				*nr = i;
			}
		}
	}
	return ret;
}

/* Of an irqfd that has a successor the count is left to that, and what is pending. */
static void carry_out_end(struct op *ops, unsigned int nr, struct op *op)
{
	struct event *event = op->fd->event;

	op->held = event->held;
	end_irqfd(event);
	if (tie_of(ops, nr, event))
		return;
	take(event);
	event->stirs++;
}

static void carry_out_irqfds(struct vm *vm, struct op *ops, unsigned int nr)
{
	const struct op *end;
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (ops[i].ends)
			carry_out_end(ops, nr, &ops[i]);
	for (i = 0; i < nr; i++) {
		if (ops[i].kind != TIE)
			continue;
		end = end_of(ops, nr, ops[i].fd->event);
		begin_irqfd(ops[i].fd->event, vm, ops[i].gsi, ops[i].flags |
			    (end && end->held ? KVM_IRQFD_FLAG_PENDING : 0), NULL);
	}
}

static void carry_out(struct vm *vm, struct op *ops, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < NR_REGS; i++)
		if (takers[i] && takers[i]->kind != MOVE)
			drop_reg(&vm->regs[i]);
	carry_out_irqfds(vm, ops, nr);
	for (i = 0; i < nr; i++) {
		if (ops[i].kind == MOVE) {
			*ops[i].taken = result(&ops[i]);
		} else if (ops[i].kind == ASSIGN) {
			ops[i].reg.event->users++;
			*free_reg(vm) = ops[i].reg;
		}
	}
}

void do_batch(void)
{
	unsigned int nr = 1 + rnd(NR_OPS), at = nr, room = 0, i;
	static const char * const names[] = { "assign", "deassign", "deassign any", "move" };
	struct kvm_eventfd_op args[NR_OPS];
	struct kvm_eventfd_batch batch = {
		.size = sizeof(batch), .op_size = sizeof(args[0]),
		.ops = (uintptr_t)args, .nr = nr,
	};
	struct vm *vm = some_vm();
	struct op ops[NR_OPS];
	bool unsure = false, ends = false, level = false;
	int ret, want;

	for (i = 0; i < NR_REGS; i++)
		room += !vm->regs[i].event;
	if (!vm->open || room < nr || !can_batch())
		return;

	for (i = 0; i < nr; i++) {
		choose(vm, &ops[i]);
		args[i] = to_op(&ops[i]);
	}
	want = judge(vm, ops, &at, &unsure);
	if (unsure)
		return;

	for (i = 0; i < nr; i++) {
		if (ops[i].kind == TIE || ops[i].kind == UNTIE)
			say("VM %zd: irqfd %zd, GSI %u, flags %#x", vm - vms,
			    ops[i].fd - fds, ops[i].gsi, ops[i].flags);
		else
			say_reg(names[ops[i].kind], vm, ops[i].fd, &ops[i].reg);
		ends |= !want && ops[i].ends;
		level |= ops[i].ends && ops[i].fd->event->resamples;
	}
	if (level)
		settle(vm);
	say("VM %zd: these %u at once", vm - vms, nr);
	ret = ioctl(vm->tiny.fd, KVM_EVENTFD_BATCH, &batch);
	expect("KVM_EVENTFD_BATCH", ret, want);
	if (want && batch.failed != at)
		wrong("operation %u failed instead of %u", batch.failed, at);
	if (!want)
		carry_out(vm, ops, nr);
	if (ends)
		settle(vm);
}
