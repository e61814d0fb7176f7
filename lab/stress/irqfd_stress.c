// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that use the same irqfds and iosignalfds, for a kernel with debugging
 * options that report what goes wrong.
 *
 * A few VMs, with a full irqchip, a split one or none, live for some tenths of a
 * second or more; their fd is closed before their vCPUs stop, or after.  The vCPUs
 * make the accesses of a table in guest memory, and acknowledge interrupts.  Workers
 * pick a VM and eventfds from the pool, while another thread may be closing them, and
 * assign, deassign, signal and route.
 *
 * Threads share file descriptors as bare numbers on purpose: a call may get a number
 * that has been closed or is another file by now.  So no single result is known in
 * advance, but each call has a set of allowed errors, and any other error fails the
 * run.  A thread takes a shared fd out of the pool before it closes it, so that it
 * never closes another thread's private fd.
 *
 * The seed fixes what each thread does, not how the threads interleave.
 *
 * With -f so many percent of the workers' memory allocations fail, in a kernel
 * that has fault injection.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <linux/kvm_gsi_routes.h>
#include <linux/kvm_irqfd_control.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "flat.h"
#include "guest.h"
#include "random.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define __aligned(x)	__attribute__((aligned(x)))

#define NR_VMS		3
#define NR_VCPUS	2
#define NR_EVENTFDS	24
#define NR_WORKERS	4
#define NR_PINS		24		/* of the IOAPIC; the GSIs below */
#define NR_MSIS		16		/* GSIs from there on */
#define MAX_ROUTES	64

/* Guest memory */
#define MEM_SIZE	0x40000
#define GDT		0x0800
#define IDT		0x1000
#define STACK		0x8000		/* the first; each is a page */

/* Where the guest writes. */
#define RING_PORT	0x300
#define RING_MMIO	0xd0000000
#define NR_PLACES	6
#define PLACE_STEP	4
#define NR_VALUES	4
#define EXTRA_SLOT	1
#define EXTRA_MEM	0x80000

#define IOAPIC		0xfec00000
#define FIRST_VECTOR	0x40

enum irqchip { FULL, SPLIT, NONE };

struct vm;

struct vcpu {
	struct vm *vm;
	int nr, fd;
	pthread_t thread;
	struct kvm_run *run;
};

/* A VM's state, for its keeper only; other threads have vm_fds[]. */
struct vm {
	int fd;
	enum irqchip irqchip;
	uint8_t *mem;
	int nr_vcpus;
	atomic_bool stop;
	struct vcpu vcpus[NR_VCPUS];
};

static int kvm, run_size;
static uint64_t seed;
static unsigned int failing;		/* percent */
static atomic_bool stop;
static atomic_int vm_fds[NR_VMS];
static atomic_int eventfds[NR_EVENTFDS];
static int mail[2];			/* sockets that pass eventfds */
static atomic_ulong nr_exits, nr_vms, nr_ops, nr_interrupts;

static atomic_ulong nr_bad;

static void nap(unsigned int usec)
{
	struct timespec ts = { usec / 1000000, usec % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

/* Results */

static void die(const char *what)
{
	fprintf(stderr, "irqfd_stress: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Is it an error of an fd that is closed, or another file by now? */
static bool stale(int err)
{
	return err == EBADF || err == ENOTTY || err == EINVAL;
}

static void bad(const char *what, int err)
{
	if (atomic_fetch_add(&nr_bad, 1) < 20)
		fprintf(stderr, "irqfd_stress: %s: unexpected: %s\n", what,
			strerror(err));
}

#define MAX_ERRORS	3

struct tally {
	const char *name;
	void (*run)(struct tally *tally);
	unsigned int weight;
	int errors[MAX_ERRORS];		/* besides the stale ones */
	atomic_ulong good, failed;
};

static void count(struct tally *tally, int ret)
{
	int i, err = errno;

	if (ret >= 0) {
		atomic_fetch_add(&tally->good, 1);
		return;
	}

	atomic_fetch_add(&tally->failed, 1);
	if (stale(err) || (failing && err == ENOMEM))
		return;
	for (i = 0; i < MAX_ERRORS; i++)
		if (err == tally->errors[i])
			return;
	bad(tally->name, err);
}

/* Picking from the pool */

/* A place has no VM for some time between two VMs: then try another place. */
static int some_vm(void)
{
	int i, fd = -1;

	for (i = 0; i < 4 && fd < 0; i++)
		fd = atomic_load(&vm_fds[rnd(NR_VMS)]);
	return fd;
}

static int some_eventfd(void)
{
	return atomic_load(&eventfds[rnd(NR_EVENTFDS)]);
}

static int new_eventfd(void)
{
	int fd = eventfd(one_in(4) ? rnd(3) : 0,
			 EFD_NONBLOCK | EFD_CLOEXEC |
			 (one_in(4) ? EFD_SEMAPHORE : 0));

	if (fd < 0 && !failing)
		die("eventfd");
	return fd;
}

static uint32_t some_gsi(void)
{
	switch (rnd(16)) {
	case 0:
		return UINT32_MAX - rnd(2);
	case 1:
		return rnd(2000);
	default:
		return rnd(NR_PINS + NR_MSIS);
	}
}

static uint64_t some_value(uint32_t len)
{
	if (one_in(20))
		return UINT64_MAX;
	return rnd(NR_VALUES) * (len > 1 && one_in(3) ? 0x101 : 1);
}

static uint64_t some_place(bool pio)
{
	if (one_in(50))
		return UINT64_MAX - rnd(8);
	return (pio ? RING_PORT : RING_MMIO) + rnd(NR_PLACES) * PLACE_STEP;
}

/*
 * A worker's assigned irqfds and iosignalfds, so that it can deassign them.  By then
 * another worker may have done so, or the fds may be other files.
 */

#define NR_KEPT		16

struct kept {
	int vm;
	union {
		struct kvm_irqfd irqfd;
		struct kvm_ioeventfd io;
	};
};

static __thread struct kept kept_irqfds[NR_KEPT], kept_ios[NR_KEPT];

/* What the workers do */

static int call_irqfd(int vm, struct kvm_irqfd irqfd)
{
	int ret = ioctl(vm, KVM_IRQFD, &irqfd);

	if (!ret)
		kept_irqfds[rnd(NR_KEPT)] = (struct kept){
			.vm = vm, .irqfd = irqfd,
		};
	return ret;
}

static int call_iosignalfd(int vm, struct kvm_ioeventfd io)
{
	int ret = ioctl(vm, KVM_IOEVENTFD, &io);

	if (!ret)
		kept_ios[rnd(NR_KEPT)] = (struct kept){ .vm = vm, .io = io };
	return ret;
}

static void do_assign(struct tally *tally)
{
	struct kvm_irqfd irqfd = {
		.fd = some_eventfd(),
		.gsi = some_gsi(),
		/* EINVAL in a kernel that doesn't know it, like that of a stale fd. */
		.flags = one_in(8) ? KVM_IRQFD_FLAG_MASKED : 0,
	};

	count(tally, call_irqfd(some_vm(), irqfd));
}

static void do_assign_level(struct tally *tally)
{
	struct kvm_irqfd irqfd = {
		.fd = some_eventfd(),
		.resamplefd = some_eventfd(),
		.gsi = one_in(10) ? some_gsi() : rnd(8),
		.flags = KVM_IRQFD_FLAG_RESAMPLE,
	};

	count(tally, call_irqfd(some_vm(), irqfd));
}

static void do_deassign(struct tally *tally)
{
	struct kept kept = kept_irqfds[rnd(NR_KEPT)];

	if (one_in(4)) {
		kept.vm = some_vm();
		kept.irqfd.fd = some_eventfd();
		kept.irqfd.gsi = some_gsi();
	}
	kept.irqfd.flags = KVM_IRQFD_FLAG_DEASSIGN;
	count(tally, ioctl(kept.vm, KVM_IRQFD, &kept.irqfd));
}

static void do_control(struct tally *tally)
{
	struct kvm_irqfd_control_one some[3];
	struct kvm_irqfd_control args = {
		.size = sizeof(args),
		.op = rnd(KVM_IRQFD_CONTROL_MOVE + 1),
		.nr = 1 + rnd(ARRAY_SIZE(some)),
		.irqfds = (uintptr_t)some,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(some); i++) {
		some[i].fd = some_eventfd();
		some[i].gsi = some_gsi();
	}
	count(tally, ioctl(some_vm(), KVM_IRQFD_CONTROL, &args));
}

static void do_signal(struct tally *tally)
{
	uint64_t add = one_in(20) ? UINT64_MAX - 1 : 1;
	int fd = some_eventfd();

	count(tally, write(fd, &add, sizeof(add)));
}

static void do_read(struct tally *tally)
{
	uint64_t n;

	count(tally, read(some_eventfd(), &n, sizeof(n)));
}

static void do_poll(struct tally *tally)
{
	struct pollfd fds[4];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i].fd = some_eventfd();
		fds[i].events = one_in(2) ? POLLIN : POLLOUT;
	}
	count(tally, poll(fds, ARRAY_SIZE(fds), rnd(3)));
}

static void do_epoll(struct tally *tally)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	int fd = epoll_create1(EPOLL_CLOEXEC), ret, i;

	if (fd < 0) {
		count(tally, fd);
		return;
	}
	for (i = 0, ret = 0; i < 3; i++)
		ret |= epoll_ctl(fd, EPOLL_CTL_ADD, some_eventfd(), &ev);
	count(tally, ret);
	epoll_wait(fd, &ev, 1, 1 + rnd(3));
	close(fd);
}

static struct kvm_ioeventfd some_iosignalfd(void)
{
	static const uint32_t lens[] = { 0, 1, 2, 4, 8 };
	bool pio = one_in(2);
	struct kvm_ioeventfd io = {
		.addr = some_place(pio),
		.len = lens[rnd(ARRAY_SIZE(lens))],
		.fd = some_eventfd(),
		.flags = pio ? KVM_IOEVENTFD_FLAG_PIO : 0,
	};

	if (!one_in(4)) {
		io.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
		io.datamatch = some_value(io.len);
	}
	return io;
}

static void do_iosignalfd(struct tally *tally)
{
	count(tally, call_iosignalfd(some_vm(), some_iosignalfd()));
}

static void do_take_back(struct tally *tally)
{
	struct kept kept = kept_ios[rnd(NR_KEPT)];

	if (one_in(4)) {
		kept.vm = some_vm();
		kept.io = some_iosignalfd();
	}
	kept.io.flags |= KVM_IOEVENTFD_FLAG_DEASSIGN;
	count(tally, ioctl(kept.vm, KVM_IOEVENTFD, &kept.io));
}

static struct kvm_irq_routing_entry some_route(uint32_t gsi)
{
	struct kvm_irq_routing_entry e = { .gsi = gsi };

	if (gsi < NR_PINS && !one_in(8)) {
		e.type = KVM_IRQ_ROUTING_IRQCHIP;
		e.u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e.u.irqchip.pin = gsi;
	} else {
		e.type = KVM_IRQ_ROUTING_MSI;
		e.u.msi.address_lo = 0xfee00000 | rnd(NR_VCPUS) << 12;
		e.u.msi.data = FIRST_VECTOR + rnd(0x80);
	}
	return e;
}

static int set_routes(int vm, bool pins, bool sparse)
{
	union {
		struct kvm_irq_routing head;
		uint8_t space[sizeof(struct kvm_irq_routing) + MAX_ROUTES *
			      sizeof(struct kvm_irq_routing_entry)];
	} table = {};
	struct kvm_irq_routing_entry *e = table.head.entries;
	uint32_t gsi;

	for (gsi = pins ? 0 : NR_PINS; gsi < NR_PINS + NR_MSIS; gsi++) {
		if (sparse && one_in(3))
			continue;
		*e++ = some_route(gsi);
		/* A second pin, of a PIC. */
		if (gsi < 8 && e[-1].type == KVM_IRQ_ROUTING_IRQCHIP &&
		    one_in(2)) {
			*e = e[-1];
			e++->u.irqchip.irqchip = KVM_IRQCHIP_PIC_MASTER;
		}
	}
	table.head.nr = e - table.head.entries;
	return ioctl(vm, KVM_SET_GSI_ROUTING, &table);
}

/* Some GSIs, each once, the last of them far away. */
static int set_some_routes(int vm)
{
	struct kvm_irq_routing_entry entries[8];
	struct kvm_gsi_routes args = {
		.entries = (uintptr_t)entries, .entry_size = sizeof(entries[0]),
		.nr = 1 + rnd(8),
	};
	uint32_t i, first = rnd(NR_PINS + NR_MSIS - 8);

	for (i = 0; i < args.nr; i++) {
		entries[i] = some_route(i == 7 ? 1000 * (1 + rnd(8)) : first + i);
		if (one_in(4))
			entries[i] = (struct kvm_irq_routing_entry) {
				.gsi = entries[i].gsi, .type = KVM_GSI_ROUTE_NONE,
			};
	}
	return ioctl(vm, KVM_SET_GSI_ROUTES, &args);
}

static void do_route(struct tally *tally)
{
	if (one_in(2)) {
		count(tally, set_some_routes(some_vm()));
		return;
	}
	count(tally, set_routes(some_vm(), !one_in(3), one_in(2)));
}

static void do_irq_line(struct tally *tally)
{
	struct kvm_irq_level line = { .irq = rnd(NR_PINS), .level = rnd(2) };

	count(tally, ioctl(some_vm(), KVM_IRQ_LINE, &line));
}

static void do_coalesce(struct tally *tally)
{
	bool pio = one_in(2);
	struct kvm_coalesced_mmio_zone zone = {
		.addr = (pio ? RING_PORT : RING_MMIO) +
			PLACE_STEP * rnd(NR_PLACES / 2),
		.size = PLACE_STEP * (1 + rnd(4)),
		.pio = pio,
	};

	count(tally, ioctl(some_vm(), one_in(2) ? KVM_REGISTER_COALESCED_MMIO :
			   KVM_UNREGISTER_COALESCED_MMIO, &zone));
}

static void do_memslot(struct tally *tally)
{
	static uint8_t page[0x1000] __aligned(0x1000);
	struct kvm_userspace_memory_region region = {
		.slot = EXTRA_SLOT,
		.guest_phys_addr = EXTRA_MEM,
		.memory_size = one_in(2) ? sizeof(page) : 0,
		.userspace_addr = (uintptr_t)page,
	};

	count(tally, ioctl(some_vm(), KVM_SET_USER_MEMORY_REGION, &region));
}

/* Put FD into the pool and close the one it replaces, which may be its last descriptor. */
static void replace_eventfd(int fd)
{
	close(atomic_exchange(&eventfds[rnd(NR_EVENTFDS)], fd));
}

static void do_close(struct tally *tally)
{
	replace_eventfd(new_eventfd());
	count(tally, 0);
}

/* When fcntl() gets the fd, it may not be an eventfd any more, which is allowed. */
static void do_dup(struct tally *tally)
{
	int fd = fcntl(some_eventfd(), F_DUPFD_CLOEXEC, 3);

	count(tally, fd);
	if (fd >= 0)
		replace_eventfd(fd);
}

static void do_send(struct tally *tally)
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
	int fd = some_eventfd();

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	count(tally, sendmsg(mail[0], &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static void do_receive(struct tally *tally)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *head;
	int ret = recvmsg(mail[1], &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC), fd;

	count(tally, ret);
	head = ret > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (head) {
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
		replace_eventfd(fd);
	}
}

/* A VM that is closed before any other thread gets its fd. */
static void do_brief_vm(struct tally *tally)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0), i;
	struct kvm_irqfd irqfd = {};
	struct kvm_ioeventfd io = { .len = 4 };

	/* With failing memory it may have no irqchip, which is a kind of VM, too. */
	if (vm < 0 || (ioctl(vm, KVM_CREATE_IRQCHIP, 0) && !failing)) {
		count(tally, -1);
		return;
	}
	for (i = 0; i < 4; i++) {
		irqfd.gsi = rnd(NR_PINS);
		irqfd.fd = some_eventfd();
		irqfd.resamplefd = some_eventfd();
		irqfd.flags = one_in(2) ? KVM_IRQFD_FLAG_RESAMPLE : 0;
		ioctl(vm, KVM_IRQFD, &irqfd);
		io.fd = some_eventfd();
		io.addr = some_place(false);
		ioctl(vm, KVM_IOEVENTFD, &io);
	}
	count(tally, close(vm));
}

#define OPERATION(n, w, ...) { .name = #n, .run = do_##n, .weight = w, \
			       .errors = { __VA_ARGS__ } }

static struct tally tallies[] = {
	OPERATION(assign, 16, EBUSY, EAGAIN),
	OPERATION(assign_level, 12, EBUSY, EAGAIN),
	OPERATION(deassign, 14, 0),
	OPERATION(control, 20, ENOENT),
	OPERATION(signal, 40, EAGAIN),
	OPERATION(read, 4, EAGAIN),
	OPERATION(poll, 2, 0),
	OPERATION(epoll, 2, EPERM, EEXIST, ELOOP),
	OPERATION(iosignalfd, 24, EEXIST),
	OPERATION(take_back, 20, ENOENT),
	OPERATION(route, 6, 0),
	OPERATION(irq_line, 4, ENXIO),
	OPERATION(coalesce, 4, ENOENT),
	OPERATION(memslot, 1, EEXIST),
	OPERATION(close, 6, 0),
	OPERATION(dup, 4, 0),
	OPERATION(send, 2, EAGAIN, EPERM, ENOBUFS),
	OPERATION(receive, 2, EAGAIN),
	OPERATION(brief_vm, 1, 0),
};

static struct tally *some_operation(void)
{
	unsigned int total = 0, at;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tallies); i++)
		total += tallies[i].weight;
	at = rnd(total);
	for (i = 0; at >= tallies[i].weight; i++)
		at -= tallies[i].weight;
	return &tallies[i];
}

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die(path);
	close(fd);
}

static void set_failing(void)
{
	char percent[12];

	snprintf(percent, sizeof(percent), "%u", failing);
	set("/sys/kernel/debug/failslab/verbose", "0");
	set("/sys/kernel/debug/failslab/task-filter", "Y");
	set("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	set("/sys/kernel/debug/failslab/times", "-1");
	set("/sys/kernel/debug/failslab/probability", percent);
}

static void *worker(void *arg)
{
	seed_thread(seed, (uintptr_t)arg);
	if (failing)
		set("/proc/thread-self/make-it-fail", "1");
	while (!stop) {
		struct tally *tally = some_operation();

		tally->run(tally);
	}
	return NULL;
}

/* Guests */

static struct guest_op some_op(bool halts)
{
	struct guest_op op = { .kind = rnd(NR_OP_KINDS), .value = some_value(4) };
	bool pio = op.kind <= OP_OUTL || op.kind == OP_INB ||
		   op.kind == OP_OUTS;

	/* Halts are rare: a halted vCPU makes no accesses. */
	if (op.kind == OP_HALT && (!halts || !one_in(8)))
		op.kind = OP_NOP;
	op.addr = (pio ? RING_PORT : RING_MMIO) + PLACE_STEP * rnd(NR_PLACES);
	/* Sometimes unaligned, across two places. */
	if (one_in(16))
		op.addr += rnd(PLACE_STEP);
	return op;
}

/* The guest masks and unmasks a pin, and changes its trigger mode. */
static void fill_pin(struct guest_op *op)
{
	uint32_t pin = rnd(NR_PINS);

	op[0] = (struct guest_op) {
		.kind = OP_STOREL, .addr = IOAPIC, .value = 0x10 + 2 * pin,
	};
	op[1] = (struct guest_op) {
		.kind = OP_STOREL, .addr = IOAPIC + 0x10,
		.value = (FIRST_VECTOR + pin) | (one_in(4) ? 0 : 1 << 15) |
			 (one_in(3) ? 1 << 16 : 0),
	};
}

static void fill_ops(struct vm *vm)
{
	struct guest_op *op = (struct guest_op *)(vm->mem + GUEST_OPS);
	int i;

	for (i = 0; i < GUEST_NR_OPS; i++)
		op[i] = some_op(vm->irqchip != NONE);
	for (i = 0; vm->irqchip == FULL && i < GUEST_NR_OPS / 32; i++)
		fill_pin(op + rnd(GUEST_NR_OPS - 1));
}

static void fill_memory(struct vm *vm)
{
	uint64_t *gdt = (uint64_t *)(vm->mem + GDT);
	uint64_t *idt = (uint64_t *)(vm->mem + IDT);
	uint64_t isr = GUEST_CODE + (guest_isr - guest_start);
	int i;

	gdt[CODE_SEL / 8] = 0x00cf9b000000ffffULL;
	gdt[DATA_SEL / 8] = 0x00cf93000000ffffULL;
	/* No handlers for exceptions: one would end the guest by a triple fault. */
	for (i = 32; i < 256; i++)
		idt[i] = (isr & 0xffff) | CODE_SEL << 16 | 0x8eULL << 40 |
			 (isr >> 16) << 48;
	memcpy(vm->mem + GUEST_CODE, guest_start, guest_end - guest_start);
	fill_ops(vm);
}

static void reset_vcpu(struct vcpu *vcpu)
{
	struct kvm_regs regs = {
		.rip = GUEST_CODE, .rflags = 2, .rsi = rnd(GUEST_NR_OPS),
		.rsp = STACK + 0x1000 * (vcpu->nr + 1),
		.rbp = vcpu->vm->irqchip == FULL,
	};
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS");
	set_flat_mode(&sregs);
	sregs.gdt.base = GDT;
	sregs.gdt.limit = 3 * 8 - 1;
	sregs.idt.base = IDT;
	sregs.idt.limit = 256 * 8 - 1;
	if (ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) ||
	    ioctl(vcpu->fd, KVM_SET_REGS, &regs))
		die("vCPU registers");
}

/* The registers show whether the guest went wrong or the emulated processor. */
static void die_of_exit(const struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	struct kvm_sregs sregs = {};
	struct kvm_regs regs = {};

	ioctl(vcpu->fd, KVM_GET_REGS, &regs);
	ioctl(vcpu->fd, KVM_GET_SREGS, &sregs);
	fprintf(stderr, "irqfd_stress: vCPU %d: exit reason %u (%u, 0x%llx) at 0x%llx + 0x%llx\n",
		vcpu->nr, run->exit_reason, run->internal.suberror, run->internal.data[0],
		sregs.cs.base, regs.rip);
	fprintf(stderr, "irqfd_stress: a 0x%llx b 0x%llx c 0x%llx d 0x%llx si 0x%llx di 0x%llx ",
		regs.rax, regs.rbx, regs.rcx, regs.rdx, regs.rsi, regs.rdi);
	fprintf(stderr, "bp 0x%llx sp 0x%llx flags 0x%llx cr0 0x%llx efer 0x%llx\n",
		regs.rbp, regs.rsp, regs.rflags, sregs.cr0, sregs.efer);
	exit(1);
}

static void *vcpu_loop(void *arg)
{
	struct vcpu *vcpu = arg;
	struct kvm_mp_state runnable = { KVM_MP_STATE_RUNNABLE };

	seed_thread(seed, 1000 + atomic_load(&nr_vms) * NR_VCPUS + vcpu->nr);
	/* By default the second vCPU waits for a start-up IPI. */
	if (vcpu->vm->irqchip != NONE &&
	    ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable))
		die("KVM_SET_MP_STATE");
	reset_vcpu(vcpu);
	while (!atomic_load(&vcpu->vm->stop)) {
		if (ioctl(vcpu->fd, KVM_RUN, 0)) {
			if (errno != EINTR && errno != EAGAIN)
				die("KVM_RUN");
			continue;
		}
		atomic_fetch_add(&nr_exits, 1);
		switch (vcpu->run->exit_reason) {
		case KVM_EXIT_IO:
		case KVM_EXIT_MMIO:
		case KVM_EXIT_HLT:
		case KVM_EXIT_INTR:
		case KVM_EXIT_IOAPIC_EOI:
			break;
		case KVM_EXIT_SHUTDOWN:
			reset_vcpu(vcpu);
			break;
		default:
			die_of_exit(vcpu);
		}
	}
	return NULL;
}

static void set_irqchip(struct vm *vm)
{
	struct kvm_enable_cap split = {
		.cap = KVM_CAP_SPLIT_IRQCHIP, .args = { NR_PINS },
	};
	struct kvm_irqchip chip = {};
	struct kvm_pit_config pit = {};
	int i;

	if (vm->irqchip == NONE)
		return;
	if (vm->irqchip == SPLIT) {
		if (ioctl(vm->fd, KVM_ENABLE_CAP, &split))
			die("KVM_CAP_SPLIT_IRQCHIP");
		if (set_routes(vm->fd, false, false))
			die("KVM_SET_GSI_ROUTING");
		return;
	}

	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		die("KVM_CREATE_IRQCHIP");
	if (one_in(2) && ioctl(vm->fd, KVM_CREATE_PIT2, &pit))
		die("KVM_CREATE_PIT2");
	for (i = 0; i < 2; i++) {
		chip.chip_id = i;
		if (ioctl(vm->fd, KVM_GET_IRQCHIP, &chip))
			die("KVM_GET_IRQCHIP");
		chip.chip.pic.irq_base = 0x20 + 8 * i;
		chip.chip.pic.elcr = i ? 0x0e : 0xe0;
		if (ioctl(vm->fd, KVM_SET_IRQCHIP, &chip))
			die("KVM_SET_IRQCHIP");
	}
	chip.chip_id = KVM_IRQCHIP_IOAPIC;
	if (ioctl(vm->fd, KVM_GET_IRQCHIP, &chip))
		die("KVM_GET_IRQCHIP");
	for (i = 0; i < NR_PINS; i++)
		chip.chip.ioapic.redirtbl[i].bits = (FIRST_VECTOR + i) |
						    (i < 8 ? 1 << 15 : 0);
	if (ioctl(vm->fd, KVM_SET_IRQCHIP, &chip))
		die("KVM_SET_IRQCHIP");
	if (set_routes(vm->fd, true, false))
		die("KVM_SET_GSI_ROUTING");
}

static void create_vm(struct vm *vm)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEM_SIZE };
	int i;

	memset(vm, 0, sizeof(*vm));
	vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		die("KVM_CREATE_VM");
	vm->irqchip = one_in(8) ? NONE : one_in(3) ? SPLIT : FULL;
	vm->nr_vcpus = 1 + rnd(NR_VCPUS);
	vm->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->mem == MAP_FAILED)
		die("guest memory");
	fill_memory(vm);
	region.userspace_addr = (uintptr_t)vm->mem;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		die("KVM_SET_USER_MEMORY_REGION");
	set_irqchip(vm);

	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		vcpu->vm = vm;
		vcpu->nr = i;
		vcpu->fd = ioctl(vm->fd, KVM_CREATE_VCPU, i);
		if (vcpu->fd < 0)
			die("KVM_CREATE_VCPU");
		vcpu->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE,
				 MAP_SHARED, vcpu->fd, 0);
		if (vcpu->run == MAP_FAILED)
			die("vCPU's shared page");
	}
	atomic_fetch_add(&nr_vms, 1);
	for (i = 0; i < vm->nr_vcpus; i++)
		if (pthread_create(&vm->vcpus[i].thread, NULL, vcpu_loop,
				   &vm->vcpus[i]))
			die("thread");
}

static void stop_vcpus(struct vm *vm)
{
	int i;

	atomic_store(&vm->stop, true);
	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		__atomic_store_n(&vcpu->run->immediate_exit, 1,
				 __ATOMIC_RELEASE);
		pthread_kill(vcpu->thread, SIGUSR1);
		pthread_join(vcpu->thread, NULL);
	}
	for (i = 0; i < vm->nr_vcpus; i++) {
		munmap(vm->vcpus[i].run, run_size);
		close(vm->vcpus[i].fd);
	}
}

static void *keeper(void *arg)
{
	atomic_int *shared = arg;
	struct guest_counts *counts;
	struct vm vm;

	seed_thread(seed, 100 + (shared - vm_fds));
	while (!stop) {
		int rounds = 1 + rnd(one_in(3) ? 40 : 8);

		create_vm(&vm);
		atomic_store(shared, vm.fd);
		while (rounds-- && !stop) {
			nap(20000 + rnd(60000));
			fill_ops(&vm);
		}
		atomic_store(shared, -1);
		counts = (struct guest_counts *)(vm.mem + GUEST_COUNTS);
		if (one_in(2)) {
			close(vm.fd);
			nap(rnd(5000));
			stop_vcpus(&vm);
		} else {
			stop_vcpus(&vm);
			close(vm.fd);
		}
		atomic_fetch_add(&nr_ops, counts->ops);
		atomic_fetch_add(&nr_interrupts, counts->interrupts);
		munmap(vm.mem, MEM_SIZE);
	}
	return NULL;
}

/*
 * KVM patches its code when the first VM comes and the last one goes, and when the
 * first vCPU without an enabled local APIC comes and the last one goes.  QEMU before
 * 8.1 may then emulate half of a patched instruction (an int3 that the kernel doesn't
 * expect).  So one VM of each kind lives throughout.
 */
static void create_anchor(bool irqchip)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	if (vm < 0 || (irqchip && ioctl(vm, KVM_CREATE_IRQCHIP, 0)) ||
	    ioctl(vm, KVM_CREATE_VCPU, 0) < 0)
		die("a VM that stays");
}

static void on_signal(int signum)
{
}

static void on_alarm(int signum)
{
	static const char text[] = "irqfd_stress: time is up\n";

	if (write(2, text, sizeof(text) - 1) < 0)
		_exit(3);
	_exit(2);
}

static void start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	if (pthread_create(thread, NULL, run, arg))
		die("thread");
}

int main(int argc, char **argv)
{
	struct sigaction kick = { .sa_handler = on_signal };
	struct sigaction alarmed = { .sa_handler = on_alarm };
	pthread_t keepers[NR_VMS], workers[NR_WORKERS];
	unsigned int seconds = 60;
	size_t i;
	int opt;

	while ((opt = getopt(argc, argv, "s:t:f:")) != -1) {
		if (opt == 's') {
			seed = strtoull(optarg, NULL, 0);
		} else if (opt == 't') {
			seconds = strtoul(optarg, NULL, 0);
		} else if (opt == 'f') {
			failing = strtoul(optarg, NULL, 0);
		} else {
			fprintf(stderr,
				"usage: irqfd_stress [-s SEED] [-t SECONDS] [-f PERCENT]\n");
			return 1;
		}
	}
	seed = seed_or_new(seed);
	if (!seed)
		die("getrandom");
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("irqfd_stress: seed %#llx, %u seconds\n",
	       (unsigned long long)seed, seconds);

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		die("/dev/kvm");
	run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < 0)
		die("KVM_GET_VCPU_MMAP_SIZE");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, mail))
		die("socketpair");
	sigaction(SIGUSR1, &kick, NULL);
	sigaction(SIGALRM, &alarmed, NULL);
	alarm(seconds + 120);

	create_anchor(true);
	create_anchor(false);
	seed_thread(seed, 99);
	for (i = 0; i < NR_EVENTFDS; i++)
		atomic_store(&eventfds[i], new_eventfd());
	for (i = 0; i < NR_VMS; i++)
		atomic_store(&vm_fds[i], -1);
	for (i = 0; i < NR_VMS; i++)
		start(&keepers[i], keeper, &vm_fds[i]);
	if (failing)
		set_failing();
	for (i = 0; i < NR_WORKERS; i++)
		start(&workers[i], worker, (void *)i);

	nap(seconds * 1000000);
	atomic_store(&stop, true);
	for (i = 0; i < NR_WORKERS; i++)
		pthread_join(workers[i], NULL);
	for (i = 0; i < NR_VMS; i++)
		pthread_join(keepers[i], NULL);

	for (i = 0; i < ARRAY_SIZE(tallies); i++)
		printf("%-14s %9lu done %9lu refused\n", tallies[i].name,
		       atomic_load(&tallies[i].good),
		       atomic_load(&tallies[i].failed));
	printf("%lu VMs did %lu accesses and took %lu interrupts; %lu exits to user space\n",
	       atomic_load(&nr_vms), atomic_load(&nr_ops),
	       atomic_load(&nr_interrupts), atomic_load(&nr_exits));
	return atomic_load(&nr_bad) ? 1 : 0;
}
