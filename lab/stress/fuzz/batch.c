// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's KVM_EVENTFD_BATCH: assigns, deassigns and moves of iosignalfds, of which
 * some can't be done.
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
	enum { ASSIGN, DEASSIGN, MOVE } kind;
	struct reg reg;		/* what user space passes */
	struct fd *fd;
	uint64_t to;
	bool to_pio;
	struct reg *taken;	/* what it takes away */
};

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

static void choose(struct vm *vm, struct op *op)
{
	*op = (struct op) { .kind = rnd(3) };

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

	if (op->kind == DEASSIGN)
		to.io.flags |= KVM_IOSIGNALFD_FLAG_DEASSIGN;
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

static bool is_taken(const struct op *ops, unsigned int nr, const struct reg *reg)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (ops[i].taken == reg)
			return true;
	return false;
}

static int take_away(struct vm *vm, struct op *ops, unsigned int i)
{
	struct op *op = &ops[i];
	struct reg *reg;

	if (fd_error(op->fd))
		return fd_error(op->fd);
	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++)
		if (!is_taken(ops, i, reg) && same_writes(reg, &op->reg) &&
		    reg->event == op->reg.event)
			break;
	if (reg < vm->regs + NR_REGS && reg->post == op->reg.post)
		op->taken = reg;
	return op->taken ? 0 : ENOENT;
}

/*
 * What an assign, or a move's new place, fails with.  A registration whose eventfd is closed
 * makes room; if there is such a one, @unsure is set.
 */
static int put(struct vm *vm, const struct op *ops, unsigned int nr, unsigned int i,
	       bool *unsure)
{
	struct reg reg = result(&ops[i]), other;
	bool exists = false;
	unsigned int j;

	if (ops[i].kind == ASSIGN && (fd_error(ops[i].fd) || (!reg.len && reg.match)))
		return !reg.len && reg.match ? EINVAL : fd_error(ops[i].fd);
	for (j = 0; j < NR_REGS; j++) {
		if (is_taken(ops, nr, &vm->regs[j]) || !excludes(&vm->regs[j], &reg))
			continue;
		exists |= !!vm->regs[j].event->files;
		*unsure |= !vm->regs[j].event->files;
	}
	for (j = 0; j < i; j++) {
		if (ops[j].kind == DEASSIGN)
			continue;
		other = result(&ops[j]);
		exists |= excludes(&other, &reg);
	}
	return exists ? EEXIST : 0;
}

/* The errno, and in @nr the index of the first operation that can't be done. */
static int judge(struct vm *vm, struct op *ops, unsigned int *nr, bool *unsure)
{
	unsigned int all = *nr, i;
	int ret = 0, err;

	for (i = 0; i < *nr; i++) {
		err = ops[i].kind == ASSIGN ? 0 : take_away(vm, ops, i);
		if (err) {
			ret = err;
			*nr = i;
		}
	}
	for (i = 0; i < *nr; i++) {
		err = ops[i].kind == DEASSIGN ? 0 : put(vm, ops, all, i, unsure);
		if (err) {
			ret = err;
			*nr = i;
		}
	}
	return ret;
}

static void carry_out(struct vm *vm, struct op *ops, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (ops[i].kind == DEASSIGN)
			drop_reg(ops[i].taken);
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
	static const char * const names[] = { "assign", "deassign", "move" };
	struct kvm_eventfd_op args[NR_OPS];
	struct kvm_eventfd_batch batch = {
		.size = sizeof(batch), .op_size = sizeof(args[0]),
		.ops = (uintptr_t)args, .nr = nr,
	};
	struct vm *vm = some_vm();
	struct op ops[NR_OPS];
	bool unsure = false;
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

	for (i = 0; i < nr; i++)
		say_reg(names[ops[i].kind], vm, ops[i].fd, &ops[i].reg);
	say("VM %zd: these %u at once", vm - vms, nr);
	ret = ioctl(vm->tiny.fd, KVM_EVENTFD_BATCH, &batch);
	expect("KVM_EVENTFD_BATCH", ret, want);
	if (want && batch.failed != at)
		wrong("operation %u failed instead of %u", batch.failed, at);
	if (!want)
		carry_out(vm, ops, nr);
}
