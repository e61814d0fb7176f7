// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of calls, accesses and signals, checked against a model.
 *
 * One thread does one thing after the other, on a few VMs and eventfds, and
 * knows what each must come to: which errno, whether the guest's write goes to
 * user space and with which value, what each counter holds, which interrupts
 * have arrived.  Whatever else happens ends the run.  What is done follows from
 * the seed alone, so that a failing run is repeated by its seed.
 *
 * Every so often comes a burst: threads get in each other's way, closing what
 * others use, and the outcome isn't fixed any more.  What must hold then is the
 * balance: each write of the guest has come to user space or to one eventfd,
 * and of each registration no more were taken away than made.  Each thread's
 * part of a burst follows from the seed, how they interleave does not.
 *
 * Usage: fuzz [-s SEED] [-n OPERATIONS] [-t SECONDS]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "random.h"
#include "tiny_vm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define NR_VMS		3
#define NR_FDS		24
#define NR_PLAIN	18	/* of them; the rest are for resampling */
#define NR_REGS		64	/* registrations of a VM */
#define NR_PLACES	8
#define NR_VALUES	4
#define RING_PORT	0x300
#define RING_MMIO	0xd0000000
#define PORT_STEP	4
#define MMIO_STEP	8
#define PLACES_A_ZONE	4
#define NR_ZONES	(NR_PLACES / PLACES_A_ZONE)
#define EXTRA_SLOT	1	/* a memslot at the second half of the MMIO places */

#define COUNT_MAX	UINT64_MAX
#define PATIENCE	20	/* seconds for what comes from a worker */
#define NR_SAID		24
#define BURST_EVERY	4000

/* Bits of KVM_IOEVENTFD that no kernel of ours gives a meaning. */
#define BAD_FLAG	0x100000
/* Where nobody has a doorbell. */
#define NO_PORT		0x9000

/* The model */

/* An eventfd, as long as a file, a registration or an irqfd has it. */
struct event {
	uint64_t count;
	bool semaphore;
	bool resample;		/* a level irqfd's: may be told more than once */
	int files;		/* how many of fds[] */
	int users;		/* files, registrations and irqfds */
	struct vm *vm;		/* of its irqfd, NULL for none */
	uint32_t gsi;
	struct event *resamples;	/* a level irqfd's */
};

/* A file descriptor: of an eventfd, of something else, or of nothing. */
struct fd {
	int fd;
	struct event *event;
};

struct reg {
	struct event *event;	/* NULL: this entry is free */
	bool pio, match, fanout, hangup;
	uint64_t addr, value;
	uint32_t len;
	uint64_t *post;		/* NULL for no posting */
};

struct vm {
	struct tiny_vm tiny;
	bool open;		/* it has its file */
	bool running;		/* it has its vCPU */
	struct reg regs[NR_REGS];
	bool pin_route[NR_GSIS], msi_route[NR_GSIS];
	unsigned int zones[2][NR_ZONES];
	bool extra;
	uint8_t *extra_mem;
	uint64_t posts[NR_REGS];	/* one for each of @regs */
	/* Vectors that must have arrived, and those that may still. */
	bool must[256], may[256];
	/* Of level irqfds: the line is up; whether it is can't be told. */
	bool up[NR_PINS], unsure[NR_PINS];
};

static struct vm vms[NR_VMS];
static struct fd fds[NR_FDS];
static int other_fd;		/* no eventfd's */
static uint64_t *nowhere;	/* an address that a store faults at */
static int mail[2];

static uint64_t seed, nr_done;
static unsigned long nr_bursts, nr_accesses, nr_signals, nr_interrupts, nr_vms;

/* What was done last, for who looks for the reason. */
static char said[NR_SAID][160];
static bool idle;

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list ap;

	idle = false;
	va_start(ap, fmt);
	vsnprintf(said[nr_done % NR_SAID], sizeof(said[0]), fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 1, 2), noreturn)) wrong(const char *fmt, ...)
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

static void expect(const char *what, int ret, int want)
{
	int err = ret < 0 ? errno : 0;

	if (err != want)
		wrong("%s: %s instead of %s", what, err ? strerror(err) : "success",
		      want ? strerror(want) : "success");
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Eventfds */

static void put_event(struct event *event)
{
	if (!--event->users)
		free(event);
}

/* Its last file is gone, or KVM_IRQFD said so, or its VM is gone. */
static void end_irqfd(struct event *event)
{
	struct event *resample = event->resamples;
	struct vm *vm = event->vm;
	uint32_t gsi = event->gsi;
	int i;

	if (!vm)
		return;
	event->vm = NULL;
	event->resamples = NULL;
	if (!resample)
		return;
	put_event(resample);
	if (gsi >= NR_PINS)
		return;
	/* Whoever goes takes the line down, and those who are left are told. */
	vm->up[gsi] = false;
	for (i = 0; i < NR_FDS; i++)
		if (fds[i].event && fds[i].event->vm == vm &&
		    fds[i].event->resamples && fds[i].event->gsi == gsi)
			return;
	vm->unsure[gsi] = false;
}

static void settle(struct vm *vm);
static void end_hung_up(struct event *event);
static bool check_lists(struct vm *vm);

static void drop_file(struct fd *fd)
{
	struct event *event = fd->event;

	/* Not with others' raises still under way. */
	if (event && event->files == 1 && event->resamples)
		settle(event->vm);
	if (fd->fd >= 0)
		close(fd->fd);
	fd->fd = -1;
	fd->event = NULL;
	if (!event)
		return;
	if (!--event->files) {
		struct vm *vm = event->resamples ? event->vm : NULL;
		uint32_t gsi = event->gsi;

		end_irqfd(event);
		end_hung_up(event);
		/* It hears of acknowledges, and may take the line down, until it is gone. */
		if (vm && !check_lists(vm) && gsi < NR_PINS)
			vm->unsure[gsi] = true;
	}
	put_event(event);
}

static void give_file(struct fd *to, int fd, struct event *event)
{
	drop_file(to);
	to->fd = fd;
	to->event = event;
	event->files++;
	event->users++;
}

static struct fd *some_fd(void)
{
	return &fds[rnd(NR_PLAIN)];
}

/* For resampling, and nothing else, so that one doesn't set off another. */
static struct fd *some_resamplefd(void)
{
	return &fds[NR_PLAIN + rnd(NR_FDS - NR_PLAIN)];
}

/* Which an eventfd that is to be replaced may be. */
static struct fd *some_like(struct fd *fd)
{
	return fd - fds < NR_PLAIN ? some_fd() : some_resamplefd();
}

/* What a call says of an fd by itself. */
static int fd_error(struct fd *fd)
{
	return fd->fd < 0 ? EBADF : fd->event ? 0 : EINVAL;
}

static uint64_t take(struct event *event)
{
	uint64_t taken = event->semaphore ? !!event->count : event->count;

	event->count -= taken;
	return taken;
}

static bool pin_exists(struct vm *vm, uint32_t gsi)
{
	return gsi < NR_PINS && vm->tiny.irqchip == CHIP_FULL;
}

/* An interrupt for each of the GSI's routes. */
static void inject(struct event *event)
{
	struct vm *vm = event->vm;
	uint32_t gsi = event->gsi;

	if (gsi >= NR_GSIS)
		return;
	nr_interrupts++;
	if (vm->msi_route[gsi])
		vm->must[MSI_VECTOR(gsi)] = true;
	if (!vm->pin_route[gsi])
		return;
	/* From work, which may come twice for two signals. */
	vm->may[PIN_VECTOR(gsi)] = true;
	if (!is_level(gsi)) {
		if (!event->resamples)
			vm->must[PIN_VECTOR(gsi)] = true;
	} else if (event->resamples) {
		if (vm->up[gsi])
			vm->unsure[gsi] = true;
		vm->up[gsi] = true;
	}
}

static void consume(struct event *event)
{
	if (event->vm && event->count) {
		take(event);
		inject(event);
	}
}

/* From the kernel: it never says no, and the counter stops at its end. */
static void signal_event(struct event *event)
{
	nr_signals++;
	event->count += event->count < COUNT_MAX;
	consume(event);
}

/* Interrupts */

static bool has_bit(const char *regs, unsigned int vector)
{
	return regs[0x200 + vector / 32 * 16 + vector % 32 / 8] >> vector % 8 & 1;
}

/* Have they come, and no others? */
static void check_vectors(struct vm *vm)
{
	double end = now() + PATIENCE;
	struct kvm_lapic_state lapic;
	unsigned int vector;

	if (!vm->running || vm->tiny.irqchip == CHIP_NONE)
		return;
	for (;;) {
		if (ioctl(vm->tiny.vcpu, KVM_GET_LAPIC, &lapic))
			die("KVM_GET_LAPIC");
		for (vector = 16; vector < 256; vector++)
			if (vm->must[vector] && !has_bit(lapic.regs, vector))
				break;
		if (vector == 256)
			break;
		if (now() > end)
			wrong("vector %#x has not come to VM %zd", vector,
			      vm - vms);
		usleep(200);
	}
	for (vector = 16; vector < 256; vector++)
		if (has_bit(lapic.regs, vector) && !vm->must[vector] &&
		    !vm->may[vector])
			wrong("vector %#x has come to VM %zd for nothing", vector,
			      vm - vms);
	memset(lapic.regs + 0x200, 0, 0x80);
	if (ioctl(vm->tiny.vcpu, KVM_SET_LAPIC, &lapic))
		die("KVM_SET_LAPIC");
	memset(vm->must, 0, sizeof(vm->must));
}

static void check_line(struct vm *vm, uint32_t pin)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	double end = now() + PATIENCE;

	if (!vm->open || !pin_exists(vm, pin) || !is_level(pin) ||
	    vm->unsure[pin])
		return;
	for (;;) {
		if (ioctl(vm->tiny.fd, KVM_GET_IRQCHIP, &chip))
			die("KVM_GET_IRQCHIP");
		if ((chip.chip.ioapic.irr >> pin & 1) == vm->up[pin])
			return;
		if (now() > end)
			wrong("the line of GSI %u of VM %zd is not %s", pin,
			      vm - vms, vm->up[pin] ? "up" : "down");
		usleep(200);
	}
}

/* A file that debugfs has for the VM; NULL if it has none. */
static FILE *open_debugfs(struct vm *vm, const char *name)
{
	struct vm *other;
	char path[100];

	/* One that lives on without its file still has the directory by that name. */
	for (other = vms; other < vms + NR_VMS; other++)
		if (other != vm && other->running &&
		    other->tiny.fd == vm->tiny.fd)
			return NULL;
	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/%s", getpid(),
		 vm->tiny.fd, name);
	return fopen(path, "r");
}

/* How many of its lines begin like this; -1 if there is no such file. */
static int lines_of(struct vm *vm, const char *name, const char *begin)
{
	FILE *f = open_debugfs(vm, name);
	char line[300];
	int n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		n += !strncmp(line, begin, strlen(begin));
	fclose(f);
	return n;
}

static int irqfds_of(struct vm *vm)
{
	int i, j, n = 0;

	for (i = 0; i < NR_FDS; i++) {
		for (j = 0; j < i && fds[j].event != fds[i].event; j++)
			;
		n += j == i && fds[i].event && fds[i].event->vm == vm;
	}
	return n;
}

/* How many there are, whether listed or about to end; -1 if that can't be read. */
static int count_irqfds(struct vm *vm)
{
	FILE *f = open_debugfs(vm, "nr_irqfds");
	int n;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &n) != 1)
		die("nr_irqfds");
	fclose(f);
	return n;
}

/*
 * Do what is listed and what is registered agree?  An irqfd may take time to end,
 * and only when it has is its line down for good.  false if that can't be seen.
 */
static bool check_lists(struct vm *vm)
{
	double end = now() + PATIENCE;
	int listed, regs = 0, i;

	for (i = 0; i < NR_REGS; i++)
		regs += !!vm->regs[i].event;
	/* All but the head line. */
	listed = lines_of(vm, "iosignalfds", "");
	if (listed >= 0 && listed != regs + 1)
		wrong("%d iosignalfds are listed for VM %zd instead of %d",
		      listed - 1, vm - vms, regs);
	while ((listed = count_irqfds(vm)) != irqfds_of(vm)) {
		if (listed < 0)
			return false;
		if (now() > end)
			wrong("VM %zd has %d irqfds instead of %d", vm - vms,
			      listed, irqfds_of(vm));
		usleep(200);
	}
	listed = lines_of(vm, "irqfds", "gsi=");
	if (listed != irqfds_of(vm))
		wrong("%d irqfds are listed for VM %zd instead of %d", listed,
		      vm - vms, irqfds_of(vm));
	return true;
}

static void settle(struct vm *vm)
{
	uint32_t pin;

	check_vectors(vm);
	for (pin = 0; pin < NR_PINS; pin++)
		check_line(vm, pin);
}

/* VMs */

static uint64_t place_addr(bool pio, unsigned int place)
{
	if (pio)
		return RING_PORT + place * PORT_STEP;
	/* Two pages, so that a memslot covers one half. */
	return RING_MMIO + (place / PLACES_A_ZONE) * 0x1000 +
	       place % PLACES_A_ZONE * MMIO_STEP;
}

static void drop_vcpu(struct vm *vm);

static struct vm *some_vm(void)
{
	return &vms[rnd(NR_VMS)];
}

static void drop_vcpu(struct vm *vm)
{
	struct reg *reg;

	tiny_free_vcpu(&vm->tiny);
	munmap(vm->extra_mem, 0x1000);
	vm->running = false;
	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++)
		if (reg->event)
			put_event(reg->event);
	memset(vm->regs, 0, sizeof(vm->regs));
}

static void drop_vm(struct vm *vm)
{
	int i;

	close(vm->tiny.fd);
	vm->open = false;
	/* As with KVM_IRQFD's deassign the counters are read. */
	for (i = 0; i < NR_FDS; i++) {
		if (fds[i].event && fds[i].event->vm == vm) {
			end_irqfd(fds[i].event);
			take(fds[i].event);
		}
	}
}

static void make_vm(struct vm *vm)
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

/* What is done */

static void do_vm(void)
{
	struct vm *vm = some_vm();

	say("VM %zd: %s", vm - vms, !vm->running ? "made" : vm->open ? "closed" :
	    "its vCPU closed");
	if (!vm->running) {
		make_vm(vm);
		return;
	}
	if (vm->open)
		settle(vm);
	/* Without its file it has no irqfds, and rings until its vCPU goes. */
	if (vm->open)
		drop_vm(vm);
	else
		drop_vcpu(vm);
}

static bool takes(const struct reg *reg, bool pio, uint64_t addr, uint32_t len,
		  uint64_t value)
{
	return reg->event && reg->pio == pio && reg->addr == addr &&
	       (!reg->len || (reg->len == len &&
			      (!reg->match || reg->value == value)));
}

static bool is_taken(struct vm *vm, const struct reg *new)
{
	struct reg *reg;

	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++) {
		if (!reg->event || reg->pio != new->pio ||
		    reg->addr != new->addr)
			continue;
		if (reg->len != new->len) {
			if (!reg->len || !new->len)
				return true;
			continue;
		}
		if (reg->match != new->match)
			return true;
		if (reg->match && reg->value != new->value)
			continue;
		if (!reg->fanout || !new->fanout || reg->event == new->event)
			return true;
	}
	return false;
}

/* Do they take the same writes?  For one of any value LIKE may stand for all. */
static bool same_writes(const struct reg *reg, const struct reg *like)
{
	return reg->event && reg->pio == like->pio && reg->addr == like->addr &&
	       reg->len == like->len && reg->match == like->match &&
	       (!reg->match || reg->value == like->value);
}

static struct reg *same_reg(struct vm *vm, const struct reg *like)
{
	struct reg *reg;

	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++)
		if (same_writes(reg, like) && reg->event == like->event)
			return reg->post == like->post ? reg : NULL;
	return NULL;
}

static void drop_reg(struct reg *reg)
{
	put_event(reg->event);
	reg->event = NULL;
}

static struct reg *free_reg(struct vm *vm)
{
	struct reg *reg;

	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++)
		if (!reg->event)
			return reg;
	return NULL;
}

static uint64_t some_value(void)
{
	if (one_in(12))
		return UINT64_MAX;
	return rnd(NR_VALUES) * (one_in(3) ? 0x0101010101010101 : 1);
}

static struct reg some_reg(struct event *event)
{
	static const uint32_t lens[] = { 0, 1, 2, 4, 4, 8 };
	struct reg reg = {
		.event = event, .pio = one_in(2), .match = !one_in(3),
		.len = lens[rnd(ARRAY_SIZE(lens))], .value = some_value(),
		.fanout = one_in(2), .hangup = one_in(4),
	};

	reg.addr = place_addr(reg.pio, rnd(NR_PLACES));
	return reg;
}

static uint32_t reg_flags(const struct reg *reg)
{
	return (reg->pio ? KVM_IOSIGNALFD_FLAG_PIO : 0) |
	       (reg->match ? KVM_IOSIGNALFD_FLAG_TRIGGER : 0) |
	       (reg->fanout ? KVM_IOSIGNALFD_FLAG_FANOUT : 0) |
	       (reg->hangup ? KVM_IOSIGNALFD_FLAG_HANGUP : 0) |
	       (reg->post ? KVM_IOSIGNALFD_FLAG_POST_WRITE : 0);
}

static int call(struct vm *vm, const struct reg *reg, int fd, uint32_t flags)
{
	return tiny_iosignalfd_post(vm->tiny.fd, fd, reg->addr, reg->len,
				    reg_flags(reg) | flags, reg->value,
				    (uintptr_t)reg->post);
}

static void say_reg(const char *what, struct vm *vm, struct fd *fd,
		    const struct reg *reg)
{
	say("VM %zd: %s fd %zd at %s %#llx, length %u, %s %#llx%s%s%s", vm - vms,
	    what, fd - fds, reg->pio ? "port" : "address",
	    (unsigned long long)reg->addr, reg->len,
	    reg->match ? "value" : "any value; not",
	    (unsigned long long)reg->value, reg->fanout ? ", shared" : "",
	    reg->hangup ? ", till hang-up" : "",
	    !reg->post ? "" : reg->post == nowhere ? ", posted nowhere" :
	    ", posted");
}

/* What was to go with the eventfd has gone, at the latest when the next call returns. */
static void end_hung_up(struct event *event)
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

static void do_assign_io(void)
{
	struct vm *vm = some_vm();
	struct fd *fd = some_fd();
	struct reg reg = some_reg(fd->event);
	uint32_t flags = 0;
	struct reg *slot = free_reg(vm);
	int ret, want = 0;

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
	} else if (is_taken(vm, &reg)) {
		want = EEXIST;
	}
	say_reg("assign", vm, fd, &reg);
	ret = call(vm, &reg, fd->fd, flags);
	expect("KVM_IOSIGNALFD", ret, want);
	if (!want) {
		*slot = reg;
		reg.event->users++;
	}
}

/* All registrations for these writes, or, of a wildcard that isn't there, for any. */
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

static void do_deassign_io(void)
{
	struct vm *vm = some_vm();
	struct reg *reg = &vm->regs[rnd(NR_REGS)];
	struct reg like = *reg;
	struct fd *fd = some_fd();
	int i, ret, want;

	if (!vm->open)
		return;
	/* One that exists, by an fd of its own if there still is one; or another. */
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
	return vm->extra && addr >= RING_MMIO + 0x1000;
}

/* Does a zone swallow what no iosignalfd takes? */
static bool in_zone(struct vm *vm, bool pio, unsigned int place)
{
	return vm->zones[pio][place / PLACES_A_ZONE];
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

static void do_access(void)
{
	static const enum access accesses[] = {
		OUT1, OUT2, OUT4, STORE1, STORE2, STORE4, STORE8, IN1, LOAD4,
	};
	enum access access = accesses[rnd(ARRAY_SIZE(accesses))];
	bool pio = access <= OUT4 || access == IN1, is_write = access_len[access];
	unsigned int place = rnd(NR_PLACES);
	uint64_t addr = place_addr(pio, place), value = some_value();
	uint32_t len = access_len[access];
	struct vm *vm = some_vm();
	struct reg *reg, *taken[NR_REGS];
	bool faults = false;
	struct outcome o;
	int i, nr_taken = 0;

	if (!vm->running)
		return;
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
		return;
	}
	for (reg = vm->regs; is_write && reg < vm->regs + NR_REGS; reg++)
		if (takes(reg, pio, addr, len, value))
			taken[nr_taken++] = reg;
	/* What can't be posted is user space's, and nobody is signalled. */
	for (i = 0; i < nr_taken; i++)
		faults |= taken[i]->post == nowhere;
	check_exit(&o, (faults || !nr_taken) &&
		   !(is_write && in_zone(vm, pio, place)), is_write, addr, len,
		   value);
	for (i = 0; i < nr_taken && !faults; i++) {
		if (taken[i]->post &&
		    memcmp(taken[i]->post, &value, taken[i]->len))
			wrong("%#llx was posted",
			      (unsigned long long)*taken[i]->post);
		signal_event(taken[i]->event);
	}
}

static void do_assign_irqfd(void)
{
	struct vm *vm = some_vm();
	struct fd *fd = some_fd(), *resample = NULL;
	uint32_t gsi = rnd(NR_GSIS + 4);
	int ret, want = 0;

	if (!vm->open)
		return;
	if (vm->tiny.irqchip == CHIP_FULL && one_in(3)) {
		resample = some_resamplefd();
		gsi = 4 + rnd(4);
	}
	if (vm->tiny.irqchip == CHIP_NONE)
		want = EINVAL;
	else if (fd_error(fd))
		want = fd_error(fd);
	else if (resample && fd_error(resample))
		want = fd_error(resample);
	else if (fd->event->vm)
		want = EBUSY;
	say("VM %zd: assign fd %zd to %sGSI %u, resample fd %zd", vm - vms,
	    fd - fds, resample ? "level " : "", gsi,
	    resample ? resample - fds : -1);
	ret = tiny_irqfd(vm->tiny.fd, fd->fd, gsi,
			 resample ? KVM_IRQFD_FLAG_RESAMPLE : 0,
			 resample ? resample->fd : -1);
	expect("KVM_IRQFD", ret, want);
	if (want)
		return;
	fd->event->vm = vm;
	fd->event->gsi = gsi;
	if (resample) {
		fd->event->resamples = resample->event;
		resample->event->resample = true;
		resample->event->users++;
	}
	consume(fd->event);
}

static void do_deassign_irqfd(void)
{
	struct fd *fd = some_fd();
	struct event *event = fd->event;
	struct vm *vm = some_vm();
	uint32_t gsi = rnd(NR_GSIS);
	bool hit;

	if (event && event->vm && !one_in(6)) {
		vm = event->vm;
		if (!one_in(6))
			gsi = event->gsi;
	}
	if (!vm->open)
		return;
	hit = event && event->vm == vm && event->gsi == gsi;
	say("VM %zd: deassign fd %zd from GSI %u", vm - vms, fd - fds, gsi);
	if (hit && event->resamples)
		settle(vm);
	expect("KVM_IRQFD, deassign",
	       tiny_irqfd(vm->tiny.fd, fd->fd, gsi, KVM_IRQFD_FLAG_DEASSIGN, -1),
	       fd_error(fd));
	if (!hit)
		return;
	end_irqfd(event);
	take(event);
	/* What was deferred has come by now. */
	settle(vm);
}

static void do_signal(void)
{
	uint64_t add = one_in(8) ? COUNT_MAX - 1 - rnd(2) : 1 + rnd(3);
	struct fd *fd = one_in(8) ? some_resamplefd() : some_fd();
	struct event *event = fd->event;
	int ret, want;

	if (!event)
		return;
	/* What it really holds isn't known. */
	if (fd >= &fds[NR_PLAIN])
		add = 1;
	want = COUNT_MAX - event->count > add ? 0 : EAGAIN;
	say("fd %zd: add %#llx to %#llx", fd - fds, (unsigned long long)add,
	    (unsigned long long)event->count);
	ret = write(fd->fd, &add, sizeof(add));
	expect("write", ret, want);
	if (!want) {
		nr_signals++;
		event->count += add;
		consume(event);
	}
}

static void do_read(void)
{
	struct fd *fd = &fds[rnd(NR_FDS)];
	struct event *event = fd->event;
	uint64_t had, n = 0;
	int ret, want;

	if (!event)
		return;
	had = event->count;
	want = had ? 0 : EAGAIN;
	say("fd %zd: read %#llx", fd - fds, (unsigned long long)had);
	ret = read(fd->fd, &n, sizeof(n));
	/* Who resamples for nothing takes no harm; who isn't told would. */
	if (event->resample && ret > 0 && !event->semaphore && n >= had) {
		event->count = 0;
		return;
	}
	if (event->resample && ret > 0 && !had)
		return;
	expect("read", ret, want);
	if (!want) {
		if (take(event) != (event->semaphore ? 1 : n) ||
		    (event->semaphore && n != 1))
			wrong("the counter has %#llx", (unsigned long long)n);
	}
}

static short events_of(struct event *event)
{
	return (event->count ? POLLIN : 0) |
	       (event->count < COUNT_MAX - 1 ? POLLOUT : 0) |
	       (event->count == COUNT_MAX ? POLLERR : 0);
}

static void check_counter(struct fd *fd)
{
	struct pollfd p = { .fd = fd->fd, .events = POLLIN | POLLOUT };

	if (poll(&p, 1, 0) < 0)
		die("poll");
	if (fd->event->resample && p.revents & POLLIN)
		return;
	if (p.revents != events_of(fd->event))
		wrong("fd %zd: events %#x instead of %#x, with a count of %#llx",
		      fd - fds, p.revents, events_of(fd->event),
		      (unsigned long long)fd->event->count);
}

static void do_poll(void)
{
	struct fd *fd = &fds[rnd(NR_FDS)];

	if (!fd->event)
		return;
	say("fd %zd: poll", fd - fds);
	check_counter(fd);
}

/* One that stays on the eventfd's wait queue for some time. */
static void do_epoll(void)
{
	static int epolls[4] = { -1, -1, -1, -1 };
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	struct fd *fd = &fds[rnd(NR_FDS)];
	int *epoll = &epolls[rnd(ARRAY_SIZE(epolls))];

	say("fd %zd: into epoll", fd - fds);
	if (*epoll < 0 || one_in(4)) {
		if (*epoll >= 0)
			close(*epoll);
		*epoll = epoll_create1(EPOLL_CLOEXEC);
	}
	if (epoll_ctl(*epoll, EPOLL_CTL_ADD, fd->fd, &ev) && errno != EEXIST &&
	    fd->event)
		die("epoll_ctl");
	epoll_wait(*epoll, &ev, 1, 0);
}

static void do_new(void)
{
	struct fd *fd = &fds[rnd(NR_FDS)];
	struct event *event;
	int new;

	if (one_in(4)) {
		/* Nothing, or something else. */
		say("fd %zd: closed", fd - fds);
		drop_file(fd);
		if (one_in(2))
			fd->fd = fcntl(other_fd, F_DUPFD_CLOEXEC, 3);
		return;
	}
	event = calloc(1, sizeof(*event));
	if (!event)
		die("memory");
	event->semaphore = one_in(3);
	event->count = one_in(3) ? rnd(4) : 0;
	say("fd %zd: a new eventfd, %llu%s", fd - fds,
	    (unsigned long long)event->count,
	    event->semaphore ? ", a semaphore" : "");
	new = eventfd(event->count, EFD_NONBLOCK | EFD_CLOEXEC |
		      (event->semaphore ? EFD_SEMAPHORE : 0));
	if (new < 0)
		die("eventfd");
	give_file(fd, new, event);
}

static int pass(int fd)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	if (sendmsg(mail[0], &msg, 0) < 0)
		die("sendmsg");
	msg.msg_controllen = sizeof(control);
	if (recvmsg(mail[1], &msg, MSG_CMSG_CLOEXEC) < 0 || !CMSG_FIRSTHDR(&msg))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void do_dup(void)
{
	struct fd *fd = &fds[rnd(NR_FDS)], *to = some_like(fd);
	bool by_mail = one_in(3);
	struct event *event = fd->event;
	int new;

	if (!event || fd == to)
		return;
	say("fd %zd: another of fd %zd, %s", to - fds, fd - fds,
	    by_mail ? "by a socket" : "dup'ed");
	new = by_mail ? pass(fd->fd) : fcntl(fd->fd, F_DUPFD_CLOEXEC, 3);
	if (new < 0)
		die("dup");
	give_file(to, new, event);
}

static void do_routes(void)
{
	struct vm *vm = some_vm();
	struct tiny_routes routes = {};
	uint32_t gsi;

	if (!vm->open || vm->tiny.irqchip == CHIP_NONE)
		return;
	/* What is deferred goes by the routes of its time, */
	settle(vm);
	say("VM %zd: routes", vm - vms);
	for (gsi = 0; gsi < NR_GSIS; gsi++) {
		bool any = !one_in(6), pin = pin_exists(vm, gsi) && !one_in(4);

		/* A level irqfd's line stays where it is. */
		if (is_level(gsi)) {
			any = true;
			pin = pin_exists(vm, gsi);
		}
		vm->pin_route[gsi] = any && pin;
		vm->msi_route[gsi] = any && !pin;
		/* but the second time of two may come by the next ones. */
		if (vm->msi_route[gsi] && vm->may[PIN_VECTOR(gsi)])
			vm->may[MSI_VECTOR(gsi)] = true;
		if (vm->pin_route[gsi])
			tiny_route_pin(&routes, gsi, one_in(3));
		if (vm->msi_route[gsi])
			tiny_route_msi(&routes, gsi);
	}
	expect("KVM_SET_GSI_ROUTING",
	       ioctl(vm->tiny.fd, KVM_SET_GSI_ROUTING, &routes), 0);
}

static void do_zone(void)
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

static void do_memslot(void)
{
	struct vm *vm = some_vm();
	struct kvm_userspace_memory_region region = {
		.slot = EXTRA_SLOT,
		.guest_phys_addr = RING_MMIO + 0x1000,
	};

	if (!vm->open)
		return;
	vm->extra = !vm->extra;
	if (vm->extra)
		region.memory_size = 0x1000;
	region.userspace_addr = (uintptr_t)vm->extra_mem;
	say("VM %zd: memory at the doorbells: %d", vm - vms, vm->extra);
	expect("KVM_SET_USER_MEMORY_REGION",
	       ioctl(vm->tiny.fd, KVM_SET_USER_MEMORY_REGION, &region), 0);
}

static void do_interrupts(void)
{
	struct vm *vm = some_vm();

	say("VM %zd: interrupts", vm - vms);
	if (vm->open)
		settle(vm);
}

static void do_lists(void)
{
	struct vm *vm = some_vm();

	if (!vm->open)
		return;
	say("VM %zd: lists", vm - vms);
	check_lists(vm);
}

/* The guest acknowledges a level pin: its line goes down, and all are told. */
static void do_acknowledge(void)
{
	struct vm *vm = some_vm();
	uint32_t pin = 4 + rnd(4);
	struct event *told[NR_FDS];
	int i, j, nr_told = 0;

	if (!vm->open || vm->tiny.irqchip != CHIP_FULL)
		return;
	say("VM %zd: acknowledge GSI %u", vm - vms, pin);
	settle(vm);
	tiny_end_of_interrupt(&vm->tiny, PIN_VECTOR(pin));
	for (i = 0; i < NR_FDS; i++) {
		struct event *event = fds[i].event;

		if (!event || event->vm != vm || event->gsi != pin ||
		    !event->resamples)
			continue;
		/* It may have several files. */
		for (j = 0; j < nr_told && told[j] != event; j++)
			;
		if (j < nr_told)
			continue;
		told[nr_told++] = event;
		signal_event(event->resamples);
	}
	if (nr_told)
		vm->up[pin] = false;
}

static void check_all(void)
{
	int i;

	for (i = 0; i < NR_VMS; i++)
		if (vms[i].open)
			settle(&vms[i]);
	for (i = 0; i < NR_FDS; i++)
		if (fds[i].event)
			check_counter(&fds[i]);
}

/* Bursts */

#define NR_KEYS		6
#define NR_BELLS	4
#define BURST_OPS	60
#define BURST_RINGS	150

/* A registration that threads make and unmake; which eventfd is fixed. */
struct key {
	struct reg reg;
	int bell;
	atomic_int balance;
};

static struct burst {
	struct tiny_vm vm;
	struct key keys[NR_KEYS];
	/* Each thread has a file of its own of each eventfd, which others close. */
	int masters[NR_BELLS], files[NR_BELLS];
	int victim;		/* an eventfd that goes for good */
	int irqfd;
	uint64_t seed;
	atomic_uint exits;
	atomic_int bad;
	atomic_bool over;
	pthread_barrier_t begin;
} burst;

static void burst_error(const char *what, int err)
{
	if (!atomic_exchange(&burst.bad, 1))
		printf("# fuzz: in a burst: %s: %s\n", what, strerror(err));
}

static void burst_seed(int thread)
{
	seed_thread(burst.seed, thread);
	pthread_barrier_wait(&burst.begin);
}

static void *burst_registrar(void *arg)
{
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; i < BURST_OPS; i++) {
		struct key *key = &burst.keys[rnd(NR_KEYS)];
		struct reg *reg = &key->reg;
		bool add = one_in(2);
		int ret, fd = one_in(2) ? burst.files[key->bell] :
			 burst.masters[key->bell];

		ret = tiny_iosignalfd(burst.vm.fd, fd, reg->addr, reg->len,
				      reg_flags(reg) |
				      (add ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
				      reg->value);
		if (!ret)
			atomic_fetch_add(&key->balance, add ? 1 : -1);
		else if (errno != (add ? EEXIST : ENOENT) && errno != EBADF)
			burst_error(add ? "assign" : "deassign", errno);
	}
	return NULL;
}

/* Takes files away under the others, and puts the same eventfd's back. */
static void *burst_closer(void *arg)
{
	uint64_t one = 1;
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; i < BURST_OPS; i++) {
		int bell = rnd(NR_BELLS);

		close(burst.files[bell]);
		if (one_in(2))
			sched_yield();
		/* No other thread opens anything, so the number is still free. */
		if (dup2(burst.masters[bell], burst.files[bell]) < 0)
			burst_error("dup2", errno);
		if (i == BURST_OPS / 2) {
			if (write(burst.victim, &one, sizeof(one)) < 0)
				burst_error("write", errno);
			close(burst.victim);
		}
	}
	return NULL;
}

/* Irqfds come, are signalled and go, and the routes change below them. */
static void *burst_interrupter(void *arg)
{
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; i < BURST_OPS; i++) {
		struct tiny_routes routes = {};
		uint32_t gsi = rnd(NR_GSIS);
		uint64_t one = 1;

		switch (rnd(5)) {
		case 0:
			if (tiny_irqfd(burst.vm.fd, burst.irqfd, gsi, 0, -1) &&
			    errno != EBUSY)
				burst_error("KVM_IRQFD", errno);
			break;
		case 1:
			if (tiny_irqfd(burst.vm.fd, burst.irqfd, gsi,
				       KVM_IRQFD_FLAG_DEASSIGN, -1))
				burst_error("KVM_IRQFD, deassign", errno);
			break;
		case 2:
			for (gsi = 0; gsi < NR_GSIS; gsi++) {
				if (gsi < NR_PINS && one_in(2))
					tiny_route_pin(&routes, gsi, one_in(2));
				else if (one_in(2))
					tiny_route_msi(&routes, gsi);
			}
			if (ioctl(burst.vm.fd, KVM_SET_GSI_ROUTING, &routes))
				burst_error("KVM_SET_GSI_ROUTING", errno);
			break;
		default:
			if (write(burst.irqfd, &one, sizeof(one)) < 0)
				burst_error("write", errno);
		}
	}
	return NULL;
}

static void *burst_vcpu(void *arg)
{
	struct outcome o;
	int i;

	burst_seed((intptr_t)arg);
	for (i = 0; i < BURST_RINGS; i++) {
		struct reg *reg = &burst.keys[rnd(NR_KEYS)].reg;

		if (!tiny_access(&burst.vm, reg->pio ? OUT4 : STORE4, reg->addr,
				 one_in(2) ? reg->value : 0, &o))
			break;
		atomic_fetch_add(&burst.exits, o.exits);
	}
	return NULL;
}

static uint64_t count_of(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		die("eventfd");
	return fd;
}

static void burst_begin(void)
{
	unsigned int i;

	burst.seed = ((uint64_t)rnd(UINT32_MAX) << 32) | rnd(UINT32_MAX);
	atomic_store(&burst.exits, 0);
	for (i = 0; i < NR_BELLS; i++) {
		burst.masters[i] = new_eventfd();
		burst.files[i] = fcntl(burst.masters[i], F_DUPFD_CLOEXEC, 3);
	}
	burst.victim = new_eventfd();
	burst.irqfd = new_eventfd();
	for (i = 0; i < NR_KEYS; i++) {
		struct key *key = &burst.keys[i];

		/* Two values share a port, and two an address; none excludes another. */
		key->reg = (struct reg) {
			.pio = i % 2, .match = true, .len = 4, .value = i + 1,
			.addr = place_addr(i % 2, i / 4),
		};
		key->bell = rnd(NR_BELLS);
		atomic_store(&key->balance, 0);
	}
	if (tiny_irqfd(burst.vm.fd, burst.victim, 24, 0, -1) ||
	    tiny_iosignalfd(burst.vm.fd, burst.victim, NO_PORT, 4,
			    KVM_IOSIGNALFD_FLAG_PIO, 0) ||
	    tiny_iosignalfd(burst.vm.fd, burst.victim, NO_PORT + 4, 4,
			    KVM_IOSIGNALFD_FLAG_PIO |
			    KVM_IOSIGNALFD_FLAG_HANGUP, 0))
		die("a burst's victim");
}

/* Each registration is there, and can be taken away, just if the balance says so. */
static void burst_check(void)
{
	uint64_t rings = 0;
	unsigned int i;

	for (i = 0; i < NR_KEYS; i++) {
		struct key *key = &burst.keys[i];
		int balance = atomic_load(&key->balance), ret;

		if (balance != 0 && balance != 1)
			wrong("a registration was made %d times more than unmade",
			      balance);
		ret = tiny_iosignalfd(burst.vm.fd, burst.masters[key->bell],
				      key->reg.addr, key->reg.len,
				      reg_flags(&key->reg) |
				      KVM_IOEVENTFD_FLAG_DEASSIGN,
				      key->reg.value);
		expect("what a burst left", ret, balance ? 0 : ENOENT);
	}
	/* The victim has left what was to stay, and that only. */
	for (i = 0; i < 2; i++)
		expect("the place of an eventfd that is closed",
		       tiny_iosignalfd(burst.vm.fd, burst.masters[0],
				       NO_PORT + 4 * i, 4,
				       KVM_IOSIGNALFD_FLAG_PIO, 0),
		       i ? 0 : EEXIST);
	for (i = 0; i < NR_BELLS; i++)
		rings += count_of(burst.masters[i]);
	if (rings + atomic_load(&burst.exits) != BURST_RINGS)
		wrong("of %u writes %llu rang and %u came to user space",
		      BURST_RINGS, (unsigned long long)rings,
		      atomic_load(&burst.exits));
	for (i = 0; i < NR_BELLS; i++) {
		close(burst.masters[i]);
		close(burst.files[i]);
	}
	close(burst.irqfd);
}

static void do_burst(void)
{
	void *(*const parts[])(void *) = {
		burst_registrar, burst_registrar, burst_closer,
		burst_interrupter, burst_vcpu,
	};
	pthread_t threads[ARRAY_SIZE(parts)];
	size_t i;

	say("a burst");
	nr_bursts++;
	tiny_create(&burst.vm, CHIP_FULL);
	nr_vms++;
	burst_begin();
	pthread_barrier_init(&burst.begin, NULL, ARRAY_SIZE(parts));
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (pthread_create(&threads[i], NULL, parts[i], (void *)i))
			die("thread");
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		pthread_join(threads[i], NULL);
	if (atomic_load(&burst.bad))
		wrong("a call in a burst");
	burst_check();
	/* With the victim's registration still there: no file is left to say which. */
	close(burst.vm.fd);
	tiny_free_vcpu(&burst.vm);
}

static const struct {
	void (*run)(void);
	unsigned int weight;
} ops[] = {
	{ do_access, 3000 },
	{ do_assign_io, 1100 },
	{ do_deassign_io, 900 },
	{ do_assign_irqfd, 700 },
	{ do_deassign_irqfd, 400 },
	{ do_signal, 1000 },
	{ do_read, 700 },
	{ do_poll, 400 },
	{ do_epoll, 60 },
	{ do_new, 300 },
	{ do_dup, 300 },
	{ do_routes, 20 },
	{ do_zone, 100 },
	{ do_memslot, 40 },
	{ do_interrupts, 100 },
	{ do_lists, 40 },
	{ do_acknowledge, 100 },
	{ do_vm, 6 },
};

static void do_one(void)
{
	unsigned int total = 0, pick;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		total += ops[i].weight;
	pick = rnd(total);
	for (i = 0; pick >= ops[i].weight; i++)
		pick -= ops[i].weight;
	ops[i].run();
}

int main(int argc, char **argv)
{
	uint64_t operations = 1000000;
	unsigned int seconds = 0;
	double begin = now();
	int opt, i;

	while ((opt = getopt(argc, argv, "s:n:t:")) != -1) {
		if (opt == 's') {
			seed = strtoull(optarg, NULL, 0);
		} else if (opt == 'n') {
			operations = strtoull(optarg, NULL, 0);
		} else if (opt == 't') {
			seconds = strtoul(optarg, NULL, 0);
		} else {
			fprintf(stderr,
				"usage: fuzz [-s SEED] [-n OPERATIONS] [-t SECONDS]\n");
			return 1;
		}
	}
	seed = seed_or_new(seed);
	if (!seed)
		die("getrandom");
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# fuzz: seed %#llx\n", (unsigned long long)seed);

	tiny_kvm();
	other_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (nowhere == MAP_FAILED)
		die("memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, mail))
		die("socketpair");
	for (i = 0; i < NR_FDS; i++)
		fds[i].fd = -1;
	seed_thread(seed, 0);
	for (i = 0; i < NR_VMS; i++)
		make_vm(&vms[i]);

	while (nr_done < operations && (!seconds || now() - begin < seconds)) {
		/* Not everything can be done with what there is at the moment. */
		idle = true;
		if (nr_done % BURST_EVERY == BURST_EVERY - 1)
			do_burst();
		else
			do_one();
		nr_done += !idle;
	}
	check_all();
	printf("# fuzz: %llu operations in %.0f s: %lu accesses, %lu signals,\n",
	       (unsigned long long)nr_done, now() - begin, nr_accesses,
	       nr_signals);
	printf("# fuzz: %lu interrupts, %lu VMs, %lu bursts\n", nr_interrupts,
	       nr_vms, nr_bursts);
	return 0;
}
