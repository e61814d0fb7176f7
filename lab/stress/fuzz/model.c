// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's model: eventfds, VMs and registrations, and how operations change them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "model.h"

#define NR_SAID		24

struct vm vms[NR_VMS];
struct fd fds[NR_FDS];
struct event *events;
int other_fd;
uint64_t *nowhere;
bool nowhere_there;

uint64_t seed, nr_done;
unsigned long nr_bursts, nr_accesses, nr_signals, nr_interrupts, nr_vms;
unsigned long nr_kept, nr_kept_interrupts;

/* The last operations, to be printed if a result is wrong. */
static char said[NR_SAID][160];
bool idle;
bool says_all;

void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list ap;

	idle = false;
	va_start(ap, fmt);
	vsnprintf(said[nr_done % NR_SAID], sizeof(said[0]), fmt, ap);
	va_end(ap);
	if (says_all)
		printf("#   %llu %s\n", (unsigned long long)nr_done,
		       said[nr_done % NR_SAID]);
}

void __attribute__((format(printf, 1, 2), noreturn)) wrong(const char *fmt, ...)
{
	uint64_t i;
	va_list ap;

	printf("# fuzz: operation %llu of seed %#llx is wrong: ",
	       (unsigned long long)nr_done, (unsigned long long)seed);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n# fuzz: the last of them:\n");
	for (i = nr_done < NR_SAID ? 0 : nr_done - NR_SAID + 1; i <= nr_done; i++)
		printf("#   %llu %s\n", (unsigned long long)i, said[i % NR_SAID]);
	printf("# fuzz: again: make fuzz SEED=%#llx\n", (unsigned long long)seed);
	exit(1);
}

void expect(const char *what, int ret, int want)
{
	int err = ret < 0 ? errno : 0;

	if (err != want)
		wrong("%s: %s instead of %s", what, err ? strerror(err) : "success",
		      want ? strerror(want) : "success");
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Eventfds */

struct event *new_event(void)
{
	struct event *event = calloc(1, sizeof(*event));

	if (!event)
		die("memory");
	event->next = events;
	events = event;
	return event;
}

static void free_event(struct event *event)
{
	struct event **at = &events;

	while (*at != event)
		at = &(*at)->next;
	*at = event->next;
	free(event);
}

int keep_ends(void)
{
	static int ends = -1;

	if (ends < 0)
		ends = ioctl(tiny_kvm(), KVM_CHECK_EXTENSION, KVM_CAP_IRQFD_KEEP);
	return ends;
}

/* Has it an irqfd that has outlived the file? */
bool is_kept(const struct event *event)
{
	return event->vm && !event->files;
}

struct event *some_kept(void)
{
	struct event *event, *kept = NULL;
	unsigned int nr = 0;

	for (event = events; event; event = event->next)
		if (is_kept(event) && one_in(++nr))
			kept = event;
	return kept;
}

/* Does anything take what is signalled?  If not, it is as good as closed. */
bool is_heard(const struct event *event)
{
	return event->files ||
	       (event->vm && keep_ends() == KVM_IRQFD_KEEP_TO_PRODUCERS);
}

bool can_control(void)
{
	return ioctl(tiny_kvm(), KVM_CHECK_EXTENSION, KVM_CAP_IRQFD_CONTROL) > 0;
}

uint32_t mask_flags(const struct event *event)
{
	return (event->masked ? KVM_IRQFD_FLAG_MASKED : 0) |
	       (event->held ? KVM_IRQFD_FLAG_PENDING : 0);
}

/* An irqfd that ends lowers the line; KVM signals the others' resamplefds. */
static void lower_line(struct vm *vm, uint32_t gsi)
{
	struct event *event;

	vm->up[gsi] = false;
	if (vm->foreign[gsi]) {
		vm->unsure[gsi] = true;
		return;
	}
	for (event = events; event; event = event->next)
		if (event->vm == vm && event->resamples && event->gsi == gsi)
			return;
	vm->unsure[gsi] = false;
}

/* After a hang-up, a DEASSIGN, or VM close.  @event may be gone if it has no file. */
void end_irqfd(struct event *event)
{
	struct event *resample = event->resamples;
	struct vm *vm = event->vm;
	uint32_t gsi = event->gsi;

	if (!vm)
		return;
	event->vm = NULL;
	event->keep = false;
	event->masked = false;
	event->held = false;
	event->resamples = NULL;
	if (resample) {
		put_event(resample);
		if (gsi < NR_PINS)
			lower_line(vm, gsi);
	}
	if (!is_heard(event))
		end_hung_up(event);
	put_event(event);
}

/* All kept irqfds of the GSI end; returns whether there are any. */
bool end_kept(struct vm *vm, uint32_t gsi)
{
	struct event *event = events;
	bool any = false;

	while (event) {
		if (!is_kept(event) || event->vm != vm || event->gsi != gsi) {
			event = event->next;
			continue;
		}
		end_irqfd(event);
		any = true;
		/* Others may have gone with it. */
		event = events;
	}
	return any;
}

/* The file is gone, or the last producer: the end isn't waited for. */
static void hang_up(struct event *event)
{
	if (event->resamples && event->gsi < NR_PINS)
		event->vm->ending[event->gsi] = true;
	end_irqfd(event);
}

/* If the irqfd alone is left, this was the last producer, as a file is one. */
void put_event(struct event *event)
{
	struct vm *vm = event->vm;

	event->users--;
	if (event->users == 1 && vm && keep_ends() == KVM_IRQFD_KEEP_TO_PRODUCERS) {
		/* What is left to work of other irqfds comes before the end, or after it. */
		if (event->resamples && event->gsi < NR_PINS)
			vm->unsure[event->gsi] = true;
		hang_up(event);
	} else if (!event->users) {
		free_event(event);
	}
}

void drop_file(struct fd *fd)
{
	struct event *event = fd->event;

	/* First wait for the raises of other irqfds. */
	if (event && event->files == 1 && event->resamples)
		settle(event->vm);
	if (fd->fd >= 0)
		close(fd->fd);
	fd->fd = -1;
	fd->event = NULL;
	if (!event)
		return;
	if (!--event->files) {
		drop_watches(event);
		if (event->vm && !event->keep)
			hang_up(event);
		nr_kept += is_kept(event) && event->users > 2;
		if (!is_heard(event))
			end_hung_up(event);
	}
	put_event(event);
}

void give_file(struct fd *to, int fd, struct event *event)
{
	drop_file(to);
	to->fd = fd;
	to->event = event;
	event->files++;
	event->users++;
}

struct fd *some_fd(void)
{
	return &fds[rnd(NR_PLAIN)];
}

/* These eventfds are only resamplefds, so that no irqfd's resamplefd signals an irqfd. */
struct fd *some_resamplefd(void)
{
	return &fds[NR_PLAIN + rnd(NR_FDS - NR_PLAIN)];
}

/* A file of the same kind, which may replace FD. */
struct fd *some_like(struct fd *fd)
{
	return fd - fds < NR_PLAIN ? some_fd() : some_resamplefd();
}

/* The errno of a call because of its fd, or 0. */
int fd_error(struct fd *fd)
{
	return fd->fd < 0 ? EBADF : fd->event ? 0 : EINVAL;
}

uint64_t take(struct event *event)
{
	uint64_t taken = event->semaphore ? !!event->count : event->count;

	event->count -= taken;
	return taken;
}

bool pin_exists(struct vm *vm, uint32_t gsi)
{
	return gsi < NR_PINS && vm->tiny.irqchip == CHIP_FULL;
}

/* Expect an interrupt for each of the GSI's routes. */
void inject(struct event *event)
{
	struct vm *vm = event->vm;
	uint32_t gsi = event->gsi;

	if (gsi >= NR_GSIS)
		return;
	nr_interrupts++;
	nr_kept_interrupts += is_kept(event);
	if (vm->msi_route[gsi])
		vm->must[MSI_VECTOR(gsi)] = true;
	if (!vm->pin_route[gsi])
		return;
	/* The work injects, which may be twice for two signals. */
	vm->may[PIN_VECTOR(gsi)] = true;
	if (!is_level(gsi)) {
		if (!event->resamples)
			vm->must[PIN_VECTOR(gsi)] = true;
	} else if (!event->resamples) {
		/* Nothing holds a restored line up: the pulse of a plain irqfd lowers it. */
		if (vm->foreign[gsi])
			vm->unsure[gsi] = true;
	} else {
		if (vm->up[gsi])
			vm->unsure[gsi] = true;
		vm->up[gsi] = true;
	}
}

void consume(struct event *event)
{
	if (event->vm && event->count) {
		/* The take makes room, which wakes pollers. */
		event->stirs += event->count >= COUNT_MAX - 1;
		take(event);
		event->left |= !!event->count;
		if (event->masked)
			event->held = true;
		else
			inject(event);
	}
}

/* A signal by the kernel: it never fails, and the counter stops at its maximum. */
void signal_event(struct event *event)
{
	nr_signals++;
	event->count += event->count < COUNT_MAX;
	event->stirs += !event->vm;
	consume(event);
}

/* VMs */

uint64_t place_addr(bool pio, unsigned int place)
{
	if (pio)
		return RING_PORT + place * PORT_STEP;
	/* Two pages, so that a memslot covers one half. */
	return RING_MMIO + (place / PLACES_A_ZONE) * 0x1000 +
	       place % PLACES_A_ZONE * MMIO_STEP;
}

struct vm *some_vm(void)
{
	return &vms[rnd(NR_VMS)];
}

void drop_vcpu(struct vm *vm)
{
	struct reg *reg;

	tiny_free_vcpu(&vm->tiny);
	munmap(vm->extra_mem, 0x1000);
	vm->running = false;
	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++)
		if (reg->event)
			drop_reg(reg);
}

void drop_vm(struct vm *vm)
{
	struct event *event = events;

	close(vm->tiny.fd);
	vm->open = false;
	while (event) {
		if (event->vm != vm) {
			event = event->next;
			continue;
		}
		/* VM close takes the counts, as DEASSIGN does. */
		take(event);
		event->stirs++;
		end_irqfd(event);
		/* Others may have gone with it. */
		event = events;
	}
}

void make_vm(struct vm *vm)
{
	static const enum irqchip irqchips[] = {
		CHIP_FULL, CHIP_FULL, CHIP_FULL, CHIP_FULL, CHIP_SPLIT, CHIP_NONE,
	};

	memset(vm, 0, sizeof(*vm));
	tiny_create(&vm->tiny, irqchips[rnd(ARRAY_SIZE(irqchips))]);
	vm->extra_mem = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->extra_mem == MAP_FAILED)
		die("guest memory");
	vm->open = true;
	vm->running = true;
	nr_vms++;
	/* KVM_CREATE_IRQCHIP makes pin routes of its own. */
	if (vm->tiny.irqchip == CHIP_FULL)
		memset(vm->pin_route, true, NR_PINS);
}

/* Registrations */

static bool same_bus(const struct reg *reg, const struct reg *other)
{
	return reg->pio == other->pio && (reg->pio || reg->ccw == other->ccw);
}

bool takes(const struct reg *reg, bool pio, uint64_t addr, uint32_t len,
	   uint64_t value)
{
	return reg->event && reg->pio == pio && (pio || !reg->ccw) &&
	       reg->addr == addr &&
	       (!reg->len || (reg->len == len &&
			      (!reg->match || reg->value == value)));
}

bool excludes(const struct reg *reg, const struct reg *new)
{
	if (!reg->event || !same_bus(reg, new) || reg->addr != new->addr)
		return false;
	if (reg->len != new->len)
		return !reg->len || !new->len;
	if (reg->match != new->match)
		return true;
	if (reg->match && reg->value != new->value)
		return false;
	return !reg->fanout || !new->fanout || reg->event == new->event;
}

/* Have REG and LIKE the same address, length and value, or no value? */
bool same_writes(const struct reg *reg, const struct reg *like)
{
	return reg->event && same_bus(reg, like) && reg->addr == like->addr &&
	       reg->len == like->len && reg->match == like->match &&
	       (!reg->match || reg->value == like->value);
}

struct reg *same_reg(struct vm *vm, const struct reg *like)
{
	struct reg *reg;

	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++)
		if (same_writes(reg, like) && reg->event == like->event)
			return reg->post == like->post ? reg : NULL;
	return NULL;
}

void drop_reg(struct reg *reg)
{
	struct event *event = reg->event;

	reg->event = NULL;
	put_event(event);
}

struct reg *free_reg(struct vm *vm)
{
	struct reg *reg;

	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++)
		if (!reg->event)
			return reg;
	return NULL;
}

uint32_t reg_flags(const struct reg *reg)
{
	return (reg->pio ? KVM_IOSIGNALFD_FLAG_PIO : 0) |
	       (reg->ccw ? KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY : 0) |
	       (reg->match ? KVM_IOSIGNALFD_FLAG_TRIGGER : 0) |
	       (reg->fanout ? KVM_IOSIGNALFD_FLAG_FANOUT : 0) |
	       (reg->hangup ? KVM_IOSIGNALFD_FLAG_HANGUP : 0) |
	       (reg->post ? KVM_IOSIGNALFD_FLAG_POST_WRITE : 0);
}

int call(struct vm *vm, const struct reg *reg, int fd, uint32_t flags)
{
	return tiny_iosignalfd_post(vm->tiny.fd, fd, reg->addr, reg->len,
				    reg_flags(reg) | flags, reg->value,
				    (uintptr_t)reg->post);
}

void say_reg(const char *what, struct vm *vm, struct fd *fd,
	     const struct reg *reg)
{
	say("VM %zd: %s fd %zd at %s%s %#llx, length %u, %s %#llx%s%s%s", vm - vms,
	    what, fd - fds, reg->ccw ? "CCW's " : "", reg->pio ? "port" : "address",
	    (unsigned long long)reg->addr, reg->len,
	    reg->match ? "value" : "any value; not",
	    (unsigned long long)reg->value, reg->fanout ? ", shared" : "",
	    reg->hangup ? ", till hang-up" : "",
	    !reg->post ? "" : reg->post == nowhere ? ", posted nowhere" :
	    ", posted");
}

/*
 * Registrations with HANGUP go, at the latest when the next call returns.  The caller has
 * @event.
 */
void end_hung_up(struct event *event)
{
	struct reg none = { .pio = true, .addr = NO_PORT, .len = 1 };
	struct reg *reg;
	struct vm *vm;

	for (vm = vms; vm < vms + NR_VMS; vm++) {
		bool any = false;

		for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++) {
			if (reg->event == event && reg->hangup) {
				drop_reg(reg);
				any = true;
			}
		}
		if (!any)
			continue;
		if (vm->open)
			expect("KVM_IOSIGNALFD, deassign any",
			       call(vm, &none, -1, KVM_IOSIGNALFD_FLAG_DEASSIGN |
				    KVM_IOSIGNALFD_FLAG_ANY_FD), ENOENT);
		else
			drop_vcpu(vm);
	}
}
