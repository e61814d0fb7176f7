// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes each call that concerns irqfds and iosignalfds with its first memory
 * allocation or copy from user space failing, then its second, and so on until the
 * call has no more of them.
 *
 * A call that gives something back must succeed without memory.  A call that takes
 * something must fail with ENOMEM and change nothing: the same call works next time,
 * and a doorbell and an irqfd that were there before still work.
 *
 * Some of the kernel's structures try again in another way, so a single failure
 * doesn't make them fail.  So calls on irqfds and iosignalfds are also made with all
 * allocations failing after so many bytes.
 *
 * Needs a kernel with fault injection (scripts/vm --kernel debug).  Prints TAP.
 * -p: only single failures, for machines where it takes long to create a VM.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kvm.h>
#include <linux/kvm_eventfd_batch.h>
#include <linux/kvm_gsi_routes.h>
#include <linux/kvm_iosignalfd.h>
#include <linux/kvm_irqfd_control.h>
#include <linux/kvm_irqfd_keep.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define MAX_POINTS	2000
#define MAX_BYTES	40000
#define STEP_BYTES	32
#define PLENTY		"1000000"	/* failures */

/* A guest of three instructions in real mode: ring, write to DONE_PORT, and again. */
#define CODE		0x1000
#define DONE_PORT	0xf4
#define WITNESS_PORT	0x200
#define KEPT_PORT	0x7f0
#define WITNESS_GSI	20

#define MSI_GSI		24
#define LEVEL_GSI	5
#define DOORBELL	0xd0000000
#define COUNTED		5

static const uint8_t code[] = {
	0xee,				/* 1: out %al, %dx */
	0xe6, DONE_PORT,		/* out %al, $DONE_PORT */
	0xeb, 0xfb,			/* jmp 1b */
};

static int kvm, run_size, nth_fd, task_fd;
static int vm, vcpu;
static struct kvm_run *run;
static int witness_bell, witness_irqfd;	/* eventfds */
static int efd, efd2, resamplefd;	/* for the scenario */
static uint8_t *mem;
static unsigned long points, amounts;
static bool points_only;
static char why[200];

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static int get_eventfd(unsigned int count)
{
	int fd = eventfd(count, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		die("eventfd");
	return fd;
}

static uint64_t count_of(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static bool __attribute__((format(printf, 1, 2))) wrong(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return false;
}

/* Calls */

static int irqfd(int fd, uint32_t gsi, uint32_t flags, int resample)
{
	struct kvm_irqfd args = {
		.fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resample,
	};

	return ioctl(vm, KVM_IRQFD, &args);
}

static int iosignalfd(int fd, uint64_t addr, uint32_t len, uint32_t flags,
		      uint64_t value)
{
	struct kvm_ioeventfd args = {
		.fd = fd, .addr = addr, .len = len, .flags = flags,
		.datamatch = value,
	};

	return ioctl(vm, KVM_IOEVENTFD, &args);
}

static int zone(unsigned long request, uint64_t addr)
{
	struct kvm_coalesced_mmio_zone args = { .addr = addr, .size = 16 };

	return ioctl(vm, request, &args);
}

#define FIRST_DATA	0x40

/* @data is that of GSI 0, if it were an MSI. */
static int set_routes(unsigned int nr_msis, uint32_t data)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[24 + 64];
	} table = {};
	uint32_t i;

	for (i = 0; i < 24 + nr_msis; i++) {
		struct kvm_irq_routing_entry *e = &table.entries[i];

		e->gsi = i;
		if (i < 24) {
			e->type = KVM_IRQ_ROUTING_IRQCHIP;
			e->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
			e->u.irqchip.pin = i;
		} else {
			e->type = KVM_IRQ_ROUTING_MSI;
			e->u.msi.address_lo = 0xfee00000;
			e->u.msi.data = data + i;
		}
	}
	table.head.nr = i;
	return ioctl(vm, KVM_SET_GSI_ROUTING, &table);
}

/* The VM that the calls are made on, and its witnesses */

/* Have the guest write to PORT; did it exit to user space? */
static bool out(uint16_t port)
{
	struct kvm_regs regs = { .rip = CODE, .rdx = port, .rflags = 2 };
	bool seen = false;

	if (ioctl(vcpu, KVM_SET_REGS, &regs))
		die("KVM_SET_REGS");
	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0))
			die("KVM_RUN");
		if (run->exit_reason != KVM_EXIT_IO)
			die("exit reason");
		if (run->io.port == DONE_PORT)
			return seen;
		seen = true;
	}
}

static void create_vm(void)
{
	struct kvm_userspace_memory_region region = { .memory_size = 0x10000 };
	struct kvm_sregs sregs;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		die("KVM_CREATE_VM");
	region.userspace_addr = (uintptr_t)mem;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ||
	    ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		die("VM");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		die("KVM_CREATE_VCPU");
	run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		die("vCPU's shared page");
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs))
		die("KVM_SET_SREGS");

	witness_bell = get_eventfd(0);
	witness_irqfd = get_eventfd(0);
	if (iosignalfd(witness_bell, WITNESS_PORT, 1, KVM_IOEVENTFD_FLAG_PIO, 0) ||
	    irqfd(witness_irqfd, WITNESS_GSI, 0, 0) || set_routes(8, FIRST_DATA))
		die("witnesses");

	efd = get_eventfd(COUNTED);
	efd2 = get_eventfd(0);
	resamplefd = get_eventfd(0);
}

static void close_vm(void)
{
	munmap(run, run_size);
	close(vcpu);
	close(vm);
	close(witness_bell);
	close(witness_irqfd);
	close(efd);
	close(efd2);
	close(resamplefd);
}

static bool witnesses_live(void)
{
	uint64_t one = 1;

	if (out(WITNESS_PORT) || count_of(witness_bell) != 1)
		return wrong("another iosignalfd doesn't ring any more");
	if (write(witness_irqfd, &one, sizeof(one)) < 0 ||
	    readable(witness_irqfd))
		return wrong("another irqfd doesn't take its events any more");
	return true;
}

/* Failing */

static void set(const char *file, const char *value)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die(path);
	close(fd);
}

/* The injected failure may hit the copy of this number itself, and only once. */
static void set_nth(unsigned int n)
{
	char text[12];
	int len = snprintf(text, sizeof(text), "%u", n);

	while (pwrite(nth_fd, text, len, 0) != len)
		if (errno != EFAULT)
			die("fail-nth");
}

/* Has any allocation been refused? */
static bool refused(const char *file)
{
	char path[100], text[12] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		die(path);
	close(fd);
	return atoi(text) != atoi(PLENTY);
}

/* After BYTES the kernel refuses this task all memory. */
static void set_none_after(unsigned int bytes)
{
	char text[12];

	snprintf(text, sizeof(text), "%u", bytes);
	set("failslab/space", text);
	set("fail_page_alloc/space", text);
	set("failslab/times", PLENTY);
	set("fail_page_alloc/times", PLENTY);
	set("failslab/probability", "100");
	set("fail_page_alloc/probability", "100");
	if (pwrite(task_fd, "1", 1, 0) != 1)
		die("make-it-fail");
}

static bool none_left(void)
{
	if (pwrite(task_fd, "0", 1, 0) != 1)
		die("make-it-fail");
	set("failslab/probability", "0");
	set("fail_page_alloc/probability", "0");
	return refused("failslab/times") || refused("fail_page_alloc/times");
}

/* Has the failure come?  After this call none will come. */
static bool failed(void)
{
	char text[12] = "";
	bool came = false;

	if (pread(nth_fd, text, sizeof(text) - 1, 0) > 0)
		came = !atoi(text);
	else if (errno != EFAULT)
		die("fail-nth");
	set_nth(0);
	return came;
}

/* Scenarios */

struct scenario {
	const char *name;
	bool gives_back;	/* must succeed without memory */
	bool repeatable;	/* leaves the VM as it was, or as the last call did */
	int refused;		/* the errno that it fails with if memory suffices, or 0 */
	void (*before)(void);	/* prepares the VM */
	int (*call)(void);
	bool (*undone)(void);	/* after a failure: has it changed nothing? */
};

static bool efd_is_free(void)
{
	if (count_of(efd) != COUNTED)
		return wrong("the eventfd's counter has changed");
	if (eventfd_write(efd, COUNTED) || !readable(efd))
		return wrong("the eventfd's events are taken");
	return true;
}

static int assign_msi(void)
{
	return irqfd(efd, MSI_GSI, 0, 0);
}

static int assign_pin(void)
{
	return irqfd(efd, LEVEL_GSI, 0, 0);
}

static int assign_level(void)
{
	return irqfd(efd, LEVEL_GSI, KVM_IRQFD_FLAG_RESAMPLE, resamplefd);
}

static void with_level(void)
{
	if (irqfd(efd2, LEVEL_GSI, KVM_IRQFD_FLAG_RESAMPLE, resamplefd))
		die("a level irqfd");
}

static void with_msi(void)
{
	if (assign_msi())
		die("an irqfd");
}

static void with_own_level(void)
{
	if (assign_level())
		die("a level irqfd");
}

static int assign_msi_again(void)
{
	return irqfd(efd, MSI_GSI + 1, 0, 0);
}

static int assign_level_again(void)
{
	return irqfd(efd, LEVEL_GSI, KVM_IRQFD_FLAG_RESAMPLE, efd2);
}

static int deassign_msi(void)
{
	return irqfd(efd, MSI_GSI, KVM_IRQFD_FLAG_DEASSIGN, 0);
}

static int deassign_level(void)
{
	return irqfd(efd, LEVEL_GSI, KVM_IRQFD_FLAG_DEASSIGN, 0);
}

static int control(uint32_t op, uint32_t gsi)
{
	struct kvm_irqfd_control_one one = { .fd = efd, .gsi = gsi };
	struct kvm_irqfd_control args = {
		.size = sizeof(args), .op = op, .nr = 1, .irqfds = (uintptr_t)&one,
	};

	return ioctl(vm, KVM_IRQFD_CONTROL, &args) == 1 ? 0 : -1;
}

static int mask(void)
{
	return control(KVM_IRQFD_CONTROL_MASK, 0);
}

static int unmask(void)
{
	return control(KVM_IRQFD_CONTROL_UNMASK, 0);
}

static int move(void)
{
	return control(KVM_IRQFD_CONTROL_MOVE, MSI_GSI + 1);
}

static void with_masked(void)
{
	if (assign_msi() || mask())
		die("a masked irqfd");
}

static int assign_masked(void)
{
	return irqfd(efd, MSI_GSI, KVM_IRQFD_CONTROL_FLAGS, 0);
}

static int assign_kept(void)
{
	return irqfd(efd, MSI_GSI, KVM_IRQFD_FLAG_KEEP, 0);
}

/* The doorbell signals it when the file is gone. */
static void with_kept(void)
{
	int fd = get_eventfd(0);

	if (irqfd(fd, MSI_GSI, KVM_IRQFD_FLAG_KEEP, 0) ||
	    iosignalfd(fd, KEPT_PORT, 1, KVM_IOEVENTFD_FLAG_PIO, 0))
		die("an irqfd without a file");
	close(fd);
}

static int deassign_kept(void)
{
	return irqfd(KVM_IRQFD_CLOSED, MSI_GSI,
		     KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_KEEP, 0);
}

static int signal_msi(void)
{
	return eventfd_write(efd, 1);
}

static int hang_up(void)
{
	int fd = efd;

	efd = -1;
	return close(fd);
}

static int assign_any(void)
{
	return iosignalfd(efd, DOORBELL, 4, 0, 0);
}

static int assign_no_length(void)
{
	return iosignalfd(efd, DOORBELL, 0, 0, 0);
}

static int assign_value(void)
{
	return iosignalfd(efd, DOORBELL, 4, KVM_IOEVENTFD_FLAG_DATAMATCH, 7);
}

/* Far from the other values, so that their index has to grow. */
static int assign_far_value(void)
{
	return iosignalfd(efd, DOORBELL, 8, KVM_IOEVENTFD_FLAG_DATAMATCH,
			  UINT64_MAX);
}

static void with_value(void)
{
	if (iosignalfd(efd2, DOORBELL, 4, KVM_IOEVENTFD_FLAG_DATAMATCH, 1))
		die("an iosignalfd");
}

static void with_near_values(void)
{
	uint64_t value;

	for (value = 0; value < 70; value++)
		if (iosignalfd(efd2, DOORBELL, 8,
			       KVM_IOEVENTFD_FLAG_DATAMATCH, value))
			die("an iosignalfd");
}

/* So many addresses that the next one needs a larger table. */
static void with_addresses(void)
{
	uint64_t i;

	for (i = 1; i <= 48; i++)
		if (iosignalfd(efd2, DOORBELL + 8 * i, 4, 0, 0))
			die("an iosignalfd");
}

static void with_any(void)
{
	if (assign_any())
		die("an iosignalfd");
}

static void with_far_value(void)
{
	with_near_values();
	if (assign_far_value())
		die("an iosignalfd");
}

static int assign_shared(void)
{
	return iosignalfd(efd, DOORBELL, 4, KVM_IOSIGNALFD_FLAG_FANOUT, 0);
}

static void with_shared(void)
{
	if (iosignalfd(efd2, DOORBELL, 4, KVM_IOSIGNALFD_FLAG_FANOUT, 0))
		die("an iosignalfd");
}

static int assign_shared_value(void)
{
	return iosignalfd(efd, DOORBELL, 4, KVM_IOSIGNALFD_FLAG_FANOUT |
			  KVM_IOSIGNALFD_FLAG_TRIGGER, 7);
}

static void with_shared_value(void)
{
	if (iosignalfd(efd2, DOORBELL, 4, KVM_IOSIGNALFD_FLAG_FANOUT |
		       KVM_IOSIGNALFD_FLAG_TRIGGER, 7))
		die("an iosignalfd");
}

static int assign_posted(void)
{
	static uint32_t posted;
	struct kvm_iosignalfd args = {
		.fd = efd, .addr = DOORBELL, .len = sizeof(posted),
		.flags = KVM_IOSIGNALFD_FLAG_POST_WRITE,
		.post_addr = (uintptr_t)&posted,
	};

	return ioctl(vm, KVM_IOSIGNALFD, &args);
}

static int assign_till_hang_up(void)
{
	return iosignalfd(efd, DOORBELL, 4, KVM_IOSIGNALFD_FLAG_HANGUP, 0);
}

static void with_hang_up(void)
{
	if (assign_till_hang_up())
		die("an iosignalfd");
}

static int deassign_all(void)
{
	return iosignalfd(-1, DOORBELL, 4, KVM_IOSIGNALFD_FLAG_DEASSIGN |
			  KVM_IOSIGNALFD_FLAG_ANY_FD, 0);
}

static void with_two_that_share(void)
{
	with_shared();
	if (assign_shared())
		die("an iosignalfd");
}

static int assign_any_again(void)
{
	return iosignalfd(efd2, DOORBELL, 4, 0, 0);
}

static int deassign_value(void)
{
	return iosignalfd(efd, DOORBELL, 4, KVM_IOEVENTFD_FLAG_DEASSIGN |
			  KVM_IOEVENTFD_FLAG_DATAMATCH, 7);
}

static void with_this_value_too(void)
{
	with_value();
	if (assign_value())
		die("an iosignalfd");
}

static int deassign_any(void)
{
	return iosignalfd(efd, DOORBELL, 4, KVM_IOEVENTFD_FLAG_DEASSIGN, 0);
}

static int deassign_far_value(void)
{
	return iosignalfd(efd, DOORBELL, 8, KVM_IOEVENTFD_FLAG_DEASSIGN |
			  KVM_IOEVENTFD_FLAG_DATAMATCH, UINT64_MAX);
}

static bool not_at_doorbell(void)
{
	if (!deassign_any() || errno != ENOENT)
		return wrong("it is registered nevertheless");
	if (!deassign_far_value() || errno != ENOENT)
		return wrong("it is registered nevertheless");
	return efd_is_free();
}

static int add_zone(void)
{
	return zone(KVM_REGISTER_COALESCED_MMIO, DOORBELL + 0x1000);
}

static int drop_zone(void)
{
	return zone(KVM_UNREGISTER_COALESCED_MMIO, DOORBELL + 0x1000);
}

static void with_zones(void)
{
	uint64_t i;

	for (i = 1; i <= 8; i++)
		if (zone(KVM_REGISTER_COALESCED_MMIO, DOORBELL + 0x1000 * i))
			die("a coalesced zone");
}

/* None of the MSIs has the route that it has. */
static int route(void)
{
	static uint32_t data = FIRST_DATA;

	data ^= 0x80;
	return set_routes(60, data);
}

static int set_some_routes(const struct kvm_irq_routing_entry *entries, uint32_t nr)
{
	struct kvm_gsi_routes args = {
		.entries = (uintptr_t)entries, .entry_size = sizeof(*entries),
		.nr = nr,
	};

	return ioctl(vm, KVM_SET_GSI_ROUTES, &args);
}

/* Replace, remove and add; the last one is far from all others. */
static int route_some(void)
{
	static const struct kvm_irq_routing_entry entries[] = {
		{ .gsi = MSI_GSI, .type = KVM_IRQ_ROUTING_MSI, .u.msi.data = 1 },
		{ .gsi = MSI_GSI + 1, .type = KVM_GSI_ROUTE_NONE },
		{ .gsi = 3, .type = KVM_IRQ_ROUTING_IRQCHIP,
		  .u.irqchip = { KVM_IRQCHIP_IOAPIC, 4 } },
		{ .gsi = 3, .type = KVM_IRQ_ROUTING_IRQCHIP,
		  .u.irqchip = { KVM_IRQCHIP_PIC_MASTER, 4 } },
		{ .gsi = MSI_GSI + 2, .type = KVM_IRQ_ROUTING_MSI, .u.msi.data = 1 },
		{ .gsi = 100000, .type = KVM_IRQ_ROUTING_MSI, .u.msi.data = 1 },
	};

	return set_some_routes(entries, ARRAY_SIZE(entries));
}

static int route_away(void)
{
	static const struct kvm_irq_routing_entry entries[] = {
		{ .gsi = MSI_GSI, .type = KVM_GSI_ROUTE_NONE },
		{ .gsi = MSI_GSI + 1, .type = KVM_GSI_ROUTE_NONE },
		{ .gsi = 3, .type = KVM_GSI_ROUTE_NONE },
		{ .gsi = 4, .type = KVM_GSI_ROUTE_NONE },
	};

	return set_some_routes(entries, ARRAY_SIZE(entries));
}

/* Has MSI_GSI's irqfd the route that it had? */
static bool routed_as_before(void)
{
	char path[100], line[200], want[20];
	bool found = false;
	FILE *f;

	if (eventfd_write(efd, 1))
		die("eventfd_write");
	snprintf(want, sizeof(want), ":0x%x ", FIRST_DATA + MSI_GSI);
	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/irqfds",
		 getpid(), vm);
	f = fopen(path, "r");
	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, "gsi=24 ") && strstr(line, want);
	fclose(f);
	return found || wrong("its route has changed");
}

/* A VM with one of each registration, besides the VM with the witnesses. */
static int other;

static void with_other_vm(void)
{
	int mine = vm;

	other = ioctl(kvm, KVM_CREATE_VM, 0);
	if (other < 0 || ioctl(other, KVM_CREATE_IRQCHIP, 0))
		die("another VM");
	vm = other;
	with_own_level();
	if (irqfd(efd2, 3, 0, 0))
		die("another VM's irqfd");
	with_near_values();
	with_addresses();
	with_zones();
	vm = mine;
}

static int close_other(void)
{
	return close(other);
}

static int create_other(void)
{
	other = ioctl(kvm, KVM_CREATE_VM, 0);
	return other < 0 ? -1 : close(other);
}

/* Of each kind: what is there moves, and others come. */
static int batch(void)
{
	static uint64_t posted;
	struct kvm_eventfd_op ops[] = {
		{ .op = KVM_EVENTFD_OP_IRQFD, .irqfd = { .fd = efd, .gsi = MSI_GSI } },
		{ .op = KVM_EVENTFD_OP_IRQFD, .irqfd = {
			.fd = efd2, .gsi = LEVEL_GSI, .flags = KVM_IRQFD_FLAG_DEASSIGN } },
		{ .op = KVM_EVENTFD_OP_IRQFD, .irqfd = {
			.fd = efd2, .gsi = LEVEL_GSI, .flags = KVM_IRQFD_FLAG_RESAMPLE,
			.resamplefd = resamplefd } },
		{ .op = KVM_EVENTFD_OP_IOSIGNALFD, .io = {
			.fd = efd, .addr = DOORBELL, .len = 4,
			.flags = KVM_IOSIGNALFD_FLAG_HANGUP } },
		{ .op = KVM_EVENTFD_OP_IOSIGNALFD, .io = {
			.fd = efd, .addr = DOORBELL, .len = 8,
			.flags = KVM_IOSIGNALFD_FLAG_POST_WRITE |
				 KVM_IOSIGNALFD_FLAG_TRIGGER,
			.trigger = UINT64_MAX, .post_addr = (uintptr_t)&posted } },
		{ .op = KVM_EVENTFD_OP_MOVE, .to_addr = DOORBELL + 0x2000,
		  .io = { .fd = efd2, .addr = DOORBELL + 8, .len = 4 } },
	};
	struct kvm_eventfd_batch args = {
		.size = sizeof(args), .op_size = sizeof(ops[0]),
		.ops = (uintptr_t)ops, .nr = ARRAY_SIZE(ops),
	};

	return ioctl(vm, KVM_EVENTFD_BATCH, &args);
}

static void with_all_of_a_batch(void)
{
	if (irqfd(efd2, LEVEL_GSI, KVM_IRQFD_FLAG_RESAMPLE, resamplefd) ||
	    iosignalfd(efd2, DOORBELL + 8, 4, 0, 0))
		die("what a batch changes");
}

static bool batch_undone(void)
{
	if (!irqfd(efd2, MSI_GSI, 0, 0) || errno != EBUSY)
		return wrong("an irqfd that was to end has ended");
	if (!iosignalfd(efd, DOORBELL + 8, 4, 0, 0) || errno != EEXIST)
		return wrong("a registration that was to move has gone");
	if (!iosignalfd(efd2, DOORBELL + 0x2000, 4, KVM_IOEVENTFD_FLAG_DEASSIGN, 0) ||
	    errno != ENOENT)
		return wrong("a registration has moved");
	return not_at_doorbell();
}

/* TAKES: a call that takes something must change nothing if it fails. */
#define TAKES(n, b, c, u) { .name = n, .before = b, .call = c, .undone = u }
#define GIVES_BACK(n, b, c) { .name = n, .before = b, .call = c, .gives_back = true }

#define REFUSES(n, b, c, e) { .name = n, .before = b, .call = c, .refused = e }
#define REPEATS(n, c) { .name = n, .call = c, .repeatable = true }

static const struct scenario scenarios[] = {
	TAKES("irqfd.assign_msi", NULL, assign_msi, efd_is_free),
	TAKES("irqfd.assign_pin", NULL, assign_pin, efd_is_free),
	TAKES("irqfd.assign_level", NULL, assign_level, efd_is_free),
	TAKES("irqfd.assign_second_level", with_level, assign_level, efd_is_free),
	GIVES_BACK("irqfd.deassign", with_msi, deassign_msi),
	GIVES_BACK("irqfd.deassign_level", with_own_level, deassign_level),
	REFUSES("irqfd.assign_twice", with_msi, assign_msi_again, EBUSY),
	REFUSES("irqfd.assign_level_twice", with_own_level, assign_level_again, EBUSY),
	TAKES("irqfd.assign_masked", NULL, assign_masked, efd_is_free),
	GIVES_BACK("irqfd.mask", with_msi, mask),
	GIVES_BACK("irqfd.unmask", with_masked, unmask),
	GIVES_BACK("irqfd.move", with_msi, move),
	REFUSES("irqfd.mask_nothing", NULL, mask, ENOENT),
	TAKES("irqfd.assign_kept", NULL, assign_kept, efd_is_free),
	GIVES_BACK("irqfd.deassign_kept", with_kept, deassign_kept),
	GIVES_BACK("irqfd.signal", with_msi, signal_msi),
	GIVES_BACK("irqfd.hang_up", with_own_level, hang_up),
	TAKES("iosignalfd.assign_any", NULL, assign_any, not_at_doorbell),
	TAKES("iosignalfd.assign_no_length", NULL, assign_no_length, not_at_doorbell),
	TAKES("iosignalfd.assign_value", NULL, assign_value, not_at_doorbell),
	TAKES("iosignalfd.assign_to_group", with_value, assign_value, not_at_doorbell),
	TAKES("iosignalfd.assign_far_value", with_near_values, assign_far_value,
	      not_at_doorbell),
	TAKES("iosignalfd.assign_many", with_addresses, assign_any, not_at_doorbell),
	TAKES("iosignalfd.assign_shared", with_shared, assign_shared, not_at_doorbell),
	TAKES("iosignalfd.assign_shared_value", with_shared_value, assign_shared_value,
	      not_at_doorbell),
	TAKES("iosignalfd.assign_posted", NULL, assign_posted, not_at_doorbell),
	TAKES("iosignalfd.assign_till_hang_up", NULL, assign_till_hang_up,
	      not_at_doorbell),
	GIVES_BACK("iosignalfd.hang_up", with_hang_up, hang_up),
	GIVES_BACK("iosignalfd.deassign_all", with_two_that_share, deassign_all),
	REFUSES("iosignalfd.assign_twice", with_any, assign_any_again, EEXIST),
	REFUSES("iosignalfd.deassign_nothing", with_value, deassign_any, ENOENT),
	GIVES_BACK("iosignalfd.deassign_any", with_any, deassign_any),
	GIVES_BACK("iosignalfd.deassign_from_group", with_this_value_too, deassign_value),
	GIVES_BACK("iosignalfd.deassign_far_value", with_far_value, deassign_far_value),
	TAKES("batch", with_all_of_a_batch, batch, batch_undone),
	TAKES("bus.add_range", NULL, add_zone, NULL),
	TAKES("bus.add_range_to_others", with_zones, add_zone, NULL),
	GIVES_BACK("bus.drop_range", with_zones, drop_zone),
	TAKES("route.some", with_msi, route_some, routed_as_before),
	GIVES_BACK("route.away", with_msi, route_away),
	REPEATS("vm.route", route),
	REPEATS("vm.create", create_other),
	GIVES_BACK("vm.close", with_other_vm, close_other),
};

/*
 * Make the call with a failure at point N, or of all allocations after N bytes.
 * Returns 1 if the call got as far as that failure, 0 if not, -1 if something is wrong.
 */
static int try(const struct scenario *s, unsigned int n, bool bytes)
{
	bool came;
	int ret, err;

	if (bytes)
		set_none_after(n);
	else
		set_nth(n);
	ret = s->call();
	err = errno;
	came = bytes ? none_left() : failed();

	if (!ret && !s->refused)
		return came;
	if (ret && err == s->refused)
		return came;
	if (!ret) {
		wrong("it is not refused");
		return -1;
	}
	/* EFAULT: the failure was in copying from user space. */
	if (!came || (err != EFAULT && (s->gives_back || err != ENOMEM))) {
		wrong("fails: %s", strerror(err));
		return -1;
	}
	if (s->undone && !s->undone())
		return -1;
	if (!witnesses_live())
		return -1;
	ret = s->call();
	if (ret && errno != s->refused) {
		wrong("fails the next time: %s", strerror(errno));
		return -1;
	}
	if (!ret && s->refused) {
		wrong("it is not refused the next time");
		return -1;
	}
	return 1;
}

/* Returns how often the call met a failure; -1 if something is wrong. */
static int walk(const struct scenario *s, bool bytes)
{
	const unsigned int step = bytes ? STEP_BYTES : 1;
	const unsigned int most = bytes ? MAX_BYTES : MAX_POINTS;
	unsigned int n = bytes ? 0 : 1;
	int more = 1, count;

	for (count = -1; more > 0; count++, n += step) {
		if (n > most) {
			wrong("no end");
			more = -1;
			break;
		}
		if (count < 0 || !s->repeatable)
			create_vm();
		if (s->before)
			s->before();
		more = try(s, n, bytes);
		if (more >= 0 && !witnesses_live())
			more = -1;
		if (!s->repeatable)
			close_vm();
	}
	if (s->repeatable)
		close_vm();
	if (more < 0)
		printf("# with %s %u: %s\n", bytes ? "bytes" : "point", n - step,
		       why);
	return more < 0 ? -1 : count;
}

static void test(unsigned int number, const struct scenario *s)
{
	int nth = walk(s, false), all = 0;

	if (nth >= 0 && !points_only && !s->repeatable && strncmp(s->name, "vm.", 3))
		all = walk(s, true);
	if (nth >= 0 && all >= 0) {
		points += nth;
		amounts += all;
		printf("# %d points, %d amounts\n", nth, all);
	}
	printf("%s %u - %s\n", nth < 0 || all < 0 ? "not ok" : "ok", number,
	       s->name);
}

int main(int argc, char **argv)
{
	size_t i;

	points_only = argc > 1 && !strcmp(argv[1], "-p");
	setvbuf(stdout, NULL, _IOLBF, 0);
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		die("/dev/kvm");
	run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0) {
		printf("1..0 # SKIP this kernel has no fault injection\n");
		return 0;
	}
	task_fd = open("/proc/self/make-it-fail", O_RDWR | O_CLOEXEC);
	if (task_fd < 0)
		die("make-it-fail");
	set("failslab/task-filter", "Y");
	set("fail_page_alloc/task-filter", "Y");
	/* Fail all allocations, small and large, also those that may sleep. */
	set("failslab/ignore-gfp-wait", "N");
	set("failslab/verbose", "0");
	set("fail_page_alloc/ignore-gfp-wait", "N");
	set("fail_page_alloc/ignore-gfp-highmem", "N");
	set("fail_page_alloc/min-order", "0");
	set("fail_page_alloc/verbose", "0");
	set("fail_usercopy/verbose", "0");

	mem = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (mem == MAP_FAILED)
		die("guest memory");
	memcpy(mem + CODE, code, sizeof(code));

	printf("TAP version 13\n1..%zu\n", ARRAY_SIZE(scenarios));
	for (i = 0; i < ARRAY_SIZE(scenarios); i++)
		test(i + 1, &scenarios[i]);
	printf("# %lu points in all, and %lu amounts of memory\n", points, amounts);
	return 0;
}
