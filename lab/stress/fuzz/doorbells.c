// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's operations on iosignalfds: assign, deassign and ring, with coalesced
 * zones and memory at the same addresses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "model.h"

uint64_t some_value(void)
{
	if (one_in(12))
		return UINT64_MAX;
	return rnd(NR_VALUES) * (one_in(3) ? 0x0101010101010101 : 1);
}

struct reg some_reg(struct event *event)
{
	static const uint32_t lens[] = { 0, 1, 2, 4, 4, 8 };
	struct reg reg = {
		.event = event, .pio = one_in(2), .match = !one_in(3),
		.len = lens[rnd(ARRAY_SIZE(lens))], .value = some_value(),
		.fanout = one_in(2), .hangup = one_in(4), .ccw = one_in(12),
	};

	reg.addr = !reg.pio && one_in(8) ? BORDER :
		   place_addr(reg.pio, rnd(NR_PLACES));
	return reg;
}

void do_assign_io(void)
{
	struct vm *vm = some_vm();
	struct fd *fd = some_fd();
	struct reg reg = some_reg(fd->event);
	uint32_t flags = 0;
	struct reg *slot = free_reg(vm), *other;
	int ret, want = 0, live = 0, dead = 0;

	if (!vm->open || !slot)
		return;
	if (one_in(3) && reg.len)
		reg.post = one_in(10) ? nowhere : &vm->posts[slot - vm->regs];
	if (one_in(40)) {
		reg.len = 3 + rnd(2) * 6;
		want = EINVAL;
	} else if (one_in(40)) {
		reg.addr = UINT64_MAX - rnd(7);
		reg.len = 8;
		want = EINVAL;
	} else if (one_in(40)) {
		flags |= BAD_FLAG;
		want = EINVAL;
	} else if (!reg.len && reg.match) {
		want = EINVAL;
	} else if (reg.post && reg.len > 1 && one_in(20)) {
		reg.post = (void *)reg.post + 1;
		want = EINVAL;
	} else if (reg.post && one_in(20)) {
		reg.post = (void *)-4096UL;
		want = EFAULT;
	} else if (fd_error(fd)) {
		want = fd_error(fd);
	} else {
		/* A registration whose eventfd is closed makes room. */
		for (other = vm->regs; other < vm->regs + NR_REGS; other++) {
			if (!excludes(other, &reg))
				continue;
			live += is_heard(other->event);
			dead += !is_heard(other->event);
		}
		/* If another one conflicts too, it isn't defined whether it goes. */
		if (live && dead)
			return;
		want = live ? EEXIST : 0;
	}
	say_reg("assign", vm, fd, &reg);
	ret = call(vm, &reg, fd->fd, flags);
	expect("KVM_IOSIGNALFD", ret, want);
	if (!want) {
		for (other = vm->regs; dead && other < vm->regs + NR_REGS; other++)
			if (excludes(other, &reg))
				drop_reg(other);
		*slot = reg;
		reg.event->users++;
	}
}

/* Drop all registrations of these writes; without a wildcard, those of any value. */
static bool drop_all(struct vm *vm, const struct reg *like)
{
	bool wildcard = false, found = false;
	struct reg *reg;

	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++)
		wildcard |= same_writes(reg, like) && !reg->match;
	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++) {
		struct reg all = *like;

		if (!like->match && !wildcard) {
			all.match = reg->match;
			all.value = reg->value;
		}
		if (!same_writes(reg, &all))
			continue;
		drop_reg(reg);
		found = true;
	}
	return found;
}

void do_deassign_io(void)
{
	struct vm *vm = some_vm();
	struct reg *reg = &vm->regs[rnd(NR_REGS)];
	struct reg like = *reg;
	struct fd *fd = some_fd();
	int i, ret, want;

	if (!vm->open)
		return;
	/* One that exists, by a descriptor of its eventfd if there is one; or a random one. */
	if (!reg->event || one_in(5)) {
		like = some_reg(fd->event);
	} else {
		for (i = 0; i < NR_PLAIN && fds[i].event != reg->event; i++)
			;
		if (i < NR_PLAIN)
			fd = &fds[i];
		like.event = fd->event;
	}
	if (one_in(8)) {
		say_reg("deassign any, not", vm, fd, &like);
		ret = call(vm, &like, fd->fd, KVM_IOSIGNALFD_FLAG_DEASSIGN |
			   KVM_IOSIGNALFD_FLAG_ANY_FD);
		expect("KVM_IOSIGNALFD, deassign any", ret,
		       drop_all(vm, &like) ? 0 : ENOENT);
		return;
	}
	say_reg("deassign", vm, fd, &like);
	reg = same_reg(vm, &like);
	want = fd_error(fd) ? fd_error(fd) : reg ? 0 : ENOENT;
	ret = call(vm, &like, fd->fd, KVM_IOSIGNALFD_FLAG_DEASSIGN);
	expect("KVM_IOSIGNALFD, deassign", ret, want);
	if (!want)
		drop_reg(reg);
}

static bool in_extra(struct vm *vm, uint64_t addr)
{
	return vm->extra && addr - vm->extra < 0x1000;
}

/* Does a coalesced zone take writes there that ring nothing? */
static bool in_zone(struct vm *vm, bool pio, uint64_t addr)
{
	unsigned int place;

	for (place = 0; place < NR_PLACES; place++)
		if (place_addr(pio, place) == addr)
			return vm->zones[pio][place / PLACES_A_ZONE];
	return false;
}

/* Update the model by one write; does it exit to user space? */
static bool ring(struct vm *vm, bool pio, uint64_t addr, uint32_t len,
		 uint64_t value)
{
	struct reg *reg, *taken[NR_REGS];
	int i, nr_taken = 0;

	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++)
		if (takes(reg, pio, addr, len, value))
			taken[nr_taken++] = reg;
	/* If a value can't be posted, the write exits, zone or not, and signals no eventfd. */
	for (i = 0; i < nr_taken; i++)
		if (taken[i]->post == nowhere && !nowhere_there)
			return true;
	for (i = 0; i < nr_taken; i++) {
		taken[i]->posted = taken[i]->post && taken[i]->post != nowhere;
		taken[i]->last = value;
		signal_event(taken[i]->event);
	}
	return !nr_taken && !in_zone(vm, pio, addr);
}

static void check_posts(struct vm *vm)
{
	struct reg *reg;

	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++) {
		if (!reg->event || !reg->posted)
			continue;
		reg->posted = false;
		if (memcmp(reg->post, &reg->last, reg->len))
			wrong("%#llx was posted instead of %#llx",
			      (unsigned long long)*reg->post,
			      (unsigned long long)reg->last);
	}
}

static void check_exit(const struct outcome *o, bool expected, bool is_write,
		       uint64_t addr, uint32_t len, uint64_t value)
{
	if (o->exits != expected)
		wrong("the access %s user space", expected ? "did not come to" :
		      "came to");
	if (!expected)
		return;
	if (o->is_write != is_write || o->addr != addr ||
	    (is_write && (o->len != len || o->value != value)))
		wrong("it came out as a %s of %u bytes %#llx at %#llx",
		      o->is_write ? "write" : "read", o->len,
		      (unsigned long long)o->value, (unsigned long long)o->addr);
}

/* The access that rings a registration; false if none does. */
static bool access_of(const struct reg *reg, enum access *access)
{
	static const enum access accesses[2][9] = {
		{ [0] = STORE4, [1] = STORE1, [2] = STORE2, [4] = STORE4, [8] = STORE8 },
		{ [0] = OUT4, [1] = OUT1, [2] = OUT2, [4] = OUT4 },
	};

	/* A batch may have one at the other bus' addresses. */
	if (reg->ccw || (reg->pio ? reg->addr > UINT16_MAX || reg->len == 8 :
			 reg->addr < RING_MMIO))
		return false;
	*access = accesses[reg->pio][reg->len];
	return true;
}

/* Aim at a registration of an eventfd that has an irqfd and no file; false if there is none. */
static bool aim(struct vm **vm, enum access *access, uint64_t *addr, uint64_t *value)
{
	struct event *event = some_kept();
	unsigned int nr = 0;
	struct reg *reg;
	enum access to;
	int i;

	for (i = 0; event && i < NR_VMS; i++) {
		for (reg = vms[i].regs; reg < vms[i].regs + NR_REGS; reg++) {
			if (!vms[i].running || reg->event != event ||
			    !access_of(reg, &to) || !one_in(++nr))
				continue;
			*vm = &vms[i];
			*access = to;
			*addr = reg->addr;
			if (reg->match)
				*value = reg->value;
		}
	}
	return nr;
}

void do_access(void)
{
	static const enum access accesses[] = {
		OUT1, OUT2, OUT4, STORE1, STORE2, STORE4, STORE8, IN1, LOAD4,
	};
	enum access access = accesses[rnd(ARRAY_SIZE(accesses))];
	uint64_t addr = 0, value = some_value();
	struct vm *vm = some_vm();
	bool pio, is_write;
	struct outcome o;
	uint32_t len;

	if (!one_in(4) || !aim(&vm, &access, &addr, &value))
		addr = place_addr(access <= OUT4 || access == IN1, rnd(NR_PLACES));
	if (!vm->running)
		return;
	pio = access <= OUT4 || access == IN1;
	is_write = access_len[access];
	len = access_len[access];
	if (len < 8)
		value &= (1ULL << 8 * len) - 1;
	say("VM %zd: %s %#llx %s %#llx, length %u", vm - vms,
	    is_write ? "write" : "read", (unsigned long long)value,
	    pio ? "port" : "address", (unsigned long long)addr, len);
	nr_accesses++;
	tiny_drain_coalesced(&vm->tiny);
	tiny_access(&vm->tiny, access, addr, value, &o);
	if (!pio && in_extra(vm, addr)) {
		check_exit(&o, false, is_write, addr, len, value);
		if (is_write && memcmp(vm->extra_mem + (addr - vm->extra), &value, len))
			wrong("the memory there doesn't have it");
		return;
	}
	check_exit(&o, !is_write || ring(vm, pio, addr, len, value), is_write,
		   addr, len, value);
	check_posts(vm);
}

/* Each element of a string is a write of its own. */
void do_string(void)
{
	unsigned int place = rnd(NR_PLACES);
	uint64_t addr = place_addr(true, place), value = some_value();
	struct vm *vm = some_vm();
	unsigned int i, exits = 0;
	struct outcome o;

	if (!vm->running)
		return;
	say("VM %zd: write %#x port %#llx, four bytes in a string", vm - vms,
	    (uint32_t)value, (unsigned long long)addr);
	nr_accesses++;
	tiny_drain_coalesced(&vm->tiny);
	tiny_access(&vm->tiny, REP_OUT1, addr, value, &o);
	for (i = 0; i < 4; i++)
		exits += ring(vm, true, addr, 1, value >> 8 * i & 0xff);
	if (o.exits != exits)
		wrong("%u of four bytes came to user space instead of %u",
		      o.exits, exits);
	check_posts(vm);
}

/* A store that begins in memory: its rest is a write with the rest's length. */
void do_border(void)
{
	static const enum access stores[] = { STORE2, STORE4, STORE8, STORE8 };
	enum access store = stores[rnd(ARRAY_SIZE(stores))];
	uint64_t value = some_value() ^ 0x8877665544332211;
	uint32_t len = access_len[store], inside = 1 + rnd(len - 1);
	uint32_t outside = len - inside;
	struct vm *vm = some_vm();
	uint8_t *mem;
	struct outcome o;

	if (!vm->running)
		return;
	if (one_in(2))
		value = some_value() << 8 * inside;
	if (len < 8)
		value &= (1ULL << 8 * len) - 1;
	say("VM %zd: write %#llx address %#x, length %u", vm - vms,
	    (unsigned long long)value, BORDER - inside, len);
	nr_accesses++;
	mem = vm->tiny.mem + BORDER - inside;
	memset(mem, ~value, inside);
	tiny_access(&vm->tiny, store, BORDER - inside, value, &o);
	if (memcmp(mem, &value, inside))
		wrong("memory doesn't have its part of the store");
	value >>= 8 * inside;
	check_exit(&o, ring(vm, false, BORDER, outside, value), true, BORDER,
		   outside, value);
	check_posts(vm);
}

void add_zone(struct vm *vm, bool pio, unsigned int zone)
{
	expect("a coalesced zone",
	       tiny_zone(vm->tiny.fd, true, pio,
			 place_addr(pio, zone * PLACES_A_ZONE), PLACES_A_ZONE *
			 (pio ? PORT_STEP : MMIO_STEP)), 0);
}

void do_zone(void)
{
	struct vm *vm = some_vm();
	bool pio = one_in(2), add = one_in(2);
	unsigned int zone = rnd(NR_ZONES);
	uint64_t addr = place_addr(pio, zone * PLACES_A_ZONE);

	if (!vm->open || (add && vm->zones[pio][zone] > 2))
		return;
	say("VM %zd: %s coalesced zone at %#llx", vm - vms, add ? "add" : "drop",
	    (unsigned long long)addr);
	expect("coalesced zone",
	       tiny_zone(vm->tiny.fd, add, pio, addr, PLACES_A_ZONE *
			 (pio ? PORT_STEP : MMIO_STEP)), 0);
	vm->zones[pio][zone] = add ? vm->zones[pio][zone] + 1 : 0;
}

/* A memslot at the doorbells, which don't ring then: it is added, moved or deleted. */
void do_memslot(void)
{
	struct vm *vm = some_vm();
	struct kvm_userspace_memory_region region = {
		.slot = EXTRA_SLOT,
		.guest_phys_addr = RING_MMIO + rnd(2) * 0x1000,
	};

	if (!vm->open)
		return;
	if (vm->extra && (one_in(2) || vm->extra == region.guest_phys_addr)) {
		region.guest_phys_addr = vm->extra;
		vm->extra = 0;
	} else {
		vm->extra = region.guest_phys_addr;
		region.memory_size = 0x1000;
	}
	region.userspace_addr = (uintptr_t)vm->extra_mem;
	say("VM %zd: memory at the doorbells: %#llx", vm - vms,
	    (unsigned long long)vm->extra);
	expect("KVM_SET_USER_MEMORY_REGION",
	       ioctl(vm->tiny.fd, KVM_SET_USER_MEMORY_REGION, &region), 0);
}

/* Change the page that some registrations post to: forbidden, not there, or there. */
void do_withhold(void)
{
	unsigned int how = rnd(3);

	say("the page for what is posted: %s", how == 0 ? "forbidden" :
	    how == 1 ? "not there" : "there");
	nowhere_there = how == 2;
	if (mprotect(nowhere, 4096, how ? PROT_READ | PROT_WRITE : PROT_NONE))
		die("mprotect");
	if (how == 1 && madvise(nowhere, 4096, MADV_DONTNEED))
		die("madvise");
	if (how == 2)
		memset(nowhere, 0, sizeof(*nowhere));
}
