// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "flat.h"
#include "tiny_vm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define CODE		0x1000
#define STUB_SIZE	16
#define VALUE		0x2000
#define DONE_PORT	0xf4

#define APIC_EOI	0xfee000b0
#define APIC_SPIV	0x0f0
#define APIC_ISR	0x100
#define APIC_TMR	0x180

const uint32_t access_len[NR_ACCESSES] = {
	[OUT1] = 1, [OUT2] = 2, [OUT4] = 4,
	[STORE1] = 1, [STORE2] = 2, [STORE4] = 4, [STORE8] = 8,
};

/* The address is in EDX, the value in EAX, and all eight bytes of it where ECX points. */
static const uint8_t stubs[NR_ACCESSES][STUB_SIZE] = {
	[OUT1]   = { 0xee },				/* out %al, %dx */
	[OUT2]   = { 0x66, 0xef },			/* out %ax, %dx */
	[OUT4]   = { 0xef },				/* out %eax, %dx */
	[STORE1] = { 0x88, 0x02 },			/* mov %al, (%edx) */
	[STORE2] = { 0x66, 0x89, 0x02 },		/* mov %ax, (%edx) */
	[STORE4] = { 0x89, 0x02 },			/* mov %eax, (%edx) */
	[STORE8] = { 0x0f, 0x6f, 0x01,			/* movq (%ecx), %mm0 */
		     0x0f, 0x7f, 0x02 },		/* movq %mm0, (%edx) */
	[IN1]    = { 0xec },				/* in %dx, %al */
	[LOAD4]  = { 0x8b, 0x02 },			/* mov (%edx), %eax */
	[REP_OUT1] = { 0x89, 0xce,			/* mov %ecx, %esi */
		       0xb9, 0x04, 0x00, 0x00, 0x00,	/* mov $4, %ecx */
		       0xf3, 0x6e },			/* rep outsb */
	[HALT]   = { 0xf4 },				/* hlt */
};

static int run_size, coalesced_page;

void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

int tiny_kvm(void)
{
	static int kvm = -1;

	if (kvm >= 0)
		return kvm;
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		die("/dev/kvm");
	run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	coalesced_page = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_COALESCED_MMIO);
	return kvm;
}

static void write_code(uint8_t *mem)
{
	int i;

	for (i = 0; i < NR_ACCESSES; i++) {
		uint8_t *stub = mem + CODE + i * STUB_SIZE;

		memset(stub, 0x90, STUB_SIZE);
		memcpy(stub, stubs[i], 12);
		/* No stub is longer than 12 bytes or ends in a zero: turn padding to NOPs. */
		for (uint8_t *end = stub + 12; end > stub && !end[-1]; end--)
			end[-1] = 0x90;
		stub[12] = 0xe6;		/* out %al, $DONE_PORT */
		stub[13] = DONE_PORT;
		stub[14] = 0xeb;		/* jmp to the out */
		stub[15] = 0xfc;
	}
}

static void set_up_irqchip(struct tiny_vm *vm)
{
	struct kvm_enable_cap split = {
		.cap = KVM_CAP_SPLIT_IRQCHIP, .args = { NR_PINS },
	};
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int pin;

	if (vm->irqchip == CHIP_NONE)
		return;
	if (vm->irqchip == CHIP_SPLIT) {
		if (ioctl(vm->fd, KVM_ENABLE_CAP, &split))
			die("KVM_CAP_SPLIT_IRQCHIP");
		return;
	}
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) ||
	    ioctl(vm->fd, KVM_GET_IRQCHIP, &chip))
		die("KVM_CREATE_IRQCHIP");
	for (pin = 0; pin < NR_PINS; pin++)
		chip.chip.ioapic.redirtbl[pin].bits =
			PIN_VECTOR(pin) | (is_level(pin) ? 1 << 15 : 0);
	if (ioctl(vm->fd, KVM_SET_IRQCHIP, &chip))
		die("KVM_SET_IRQCHIP");
}

/* The local APIC accepts interrupts, and keeps them: the guest has IF clear. */
static void set_up_vcpu(struct tiny_vm *vm)
{
	struct kvm_lapic_state lapic;
	struct kvm_sregs sregs;
	uint32_t spiv = 0x1ff;

	if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS");
	set_flat_mode(&sregs);
	if (ioctl(vm->vcpu, KVM_SET_SREGS, &sregs))
		die("KVM_SET_SREGS");
	if (vm->irqchip == CHIP_NONE)
		return;
	if (ioctl(vm->vcpu, KVM_GET_LAPIC, &lapic))
		die("KVM_GET_LAPIC");
	memcpy(lapic.regs + APIC_SPIV, &spiv, sizeof(spiv));
	if (ioctl(vm->vcpu, KVM_SET_LAPIC, &lapic))
		die("KVM_SET_LAPIC");
}

void tiny_create(struct tiny_vm *vm, enum irqchip irqchip)
{
	struct kvm_userspace_memory_region region = { .memory_size = TINY_MEM_SIZE };

	vm->irqchip = irqchip;
	/* KVM can't register its MMU notifier while a signal is pending: try again. */
	do {
		vm->fd = ioctl(tiny_kvm(), KVM_CREATE_VM, 0);
	} while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		die("KVM_CREATE_VM");
	vm->mem = mmap(NULL, TINY_MEM_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (vm->mem == MAP_FAILED)
		die("guest memory");
	write_code(vm->mem);
	region.userspace_addr = (uintptr_t)vm->mem;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		die("KVM_SET_USER_MEMORY_REGION");
	set_up_irqchip(vm);
	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		die("KVM_CREATE_VCPU");
	vm->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		die("vCPU's shared page");
	set_up_vcpu(vm);
}

void tiny_free_vcpu(struct tiny_vm *vm)
{
	munmap(vm->run, run_size);
	close(vm->vcpu);
	munmap(vm->mem, TINY_MEM_SIZE);
}

static void note_exit(struct tiny_vm *vm, struct outcome *o)
{
	struct kvm_run *run = vm->run;
	const void *data = run->mmio.data;

	o->exits++;
	o->value = 0;
	if (run->exit_reason == KVM_EXIT_IO) {
		o->is_write = run->io.direction == KVM_EXIT_IO_OUT;
		o->addr = run->io.port;
		o->len = run->io.size;
		data = (void *)run + run->io.data_offset;
		/* One exit may have several elements of a string. */
		o->exits += run->io.count - 1;
	} else {
		o->is_write = run->mmio.is_write;
		o->addr = run->mmio.phys_addr;
		o->len = run->mmio.len;
	}
	memcpy(&o->value, data, o->len);
}

bool tiny_access(struct tiny_vm *vm, enum access access, uint64_t addr,
		 uint64_t value, struct outcome *outcome)
{
	struct kvm_regs regs = {
		.rip = CODE + access * STUB_SIZE, .rdx = addr, .rax = value,
		.rcx = VALUE, .rflags = 2,
	};

	memcpy(vm->mem + VALUE, &value, sizeof(value));
	if (ioctl(vm->vcpu, KVM_SET_REGS, &regs))
		die("KVM_SET_REGS");
	memset(outcome, 0, sizeof(*outcome));
	for (;;) {
		if (ioctl(vm->vcpu, KVM_RUN, 0)) {
			if (errno != EINTR && errno != EAGAIN)
				die("KVM_RUN");
			if (vm->run->immediate_exit)
				return false;
			continue;
		}
		switch (vm->run->exit_reason) {
		case KVM_EXIT_IO:
			if (vm->run->io.port == DONE_PORT)
				return true;
			note_exit(vm, outcome);
			break;
		case KVM_EXIT_MMIO:
			note_exit(vm, outcome);
			break;
		case KVM_EXIT_HLT:
			return true;
		case KVM_EXIT_INTR:
			break;
		default:
			fprintf(stderr, "exit reason %u\n", vm->run->exit_reason);
			exit(1);
		}
	}
}

void tiny_drain_coalesced(struct tiny_vm *vm)
{
	struct kvm_coalesced_mmio_ring *ring =
		(void *)vm->run + coalesced_page * 4096;

	ring->first = __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE);
}

static void set_bit(uint8_t *regs, unsigned int vector)
{
	regs[vector / 32 * 16 + vector % 32 / 8] |= 1 << vector % 8;
}

bool tiny_end_of_interrupt(struct tiny_vm *vm, unsigned int vector)
{
	struct kvm_lapic_state lapic;
	struct outcome o;

	if (ioctl(vm->vcpu, KVM_GET_LAPIC, &lapic))
		die("KVM_GET_LAPIC");
	set_bit((uint8_t *)lapic.regs + APIC_ISR, vector);
	set_bit((uint8_t *)lapic.regs + APIC_TMR, vector);
	if (ioctl(vm->vcpu, KVM_SET_LAPIC, &lapic))
		die("KVM_SET_LAPIC");
	return tiny_access(vm, STORE4, APIC_EOI, 0, &o);
}

int tiny_irqfd(int vm, int fd, uint32_t gsi, uint32_t flags, int resamplefd)
{
	struct kvm_irqfd args = {
		.fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resamplefd,
	};

	return ioctl(vm, KVM_IRQFD, &args);
}

int tiny_control(int vm, uint32_t op, const struct kvm_irqfd_control_one *irqfds,
		 unsigned int nr, uint64_t *pending)
{
	struct kvm_irqfd_control args = {
		.size = sizeof(args), .op = op, .nr = nr,
		.irqfds = (uintptr_t)irqfds, .pending = (uintptr_t)pending,
	};

	return ioctl(vm, KVM_IRQFD_CONTROL, &args);
}

int tiny_iosignalfd(int vm, int fd, uint64_t addr, uint32_t len, uint32_t flags,
		    uint64_t value)
{
	struct kvm_ioeventfd args = {
		.fd = fd, .addr = addr, .len = len, .flags = flags,
		.datamatch = value,
	};

	return ioctl(vm, KVM_IOEVENTFD, &args);
}

int tiny_iosignalfd_post(int vm, int fd, uint64_t addr, uint32_t len,
			 uint32_t flags, uint64_t value, uint64_t post)
{
	struct kvm_iosignalfd args = {
		.fd = fd, .addr = addr, .len = len, .flags = flags,
		.trigger = value, .post_addr = post,
	};

	return ioctl(vm, KVM_IOSIGNALFD, &args);
}

int tiny_zone(int vm, bool add, bool pio, uint64_t addr, uint32_t size)
{
	struct kvm_coalesced_mmio_zone zone = {
		.addr = addr, .size = size, .pio = pio,
	};

	return ioctl(vm, add ? KVM_REGISTER_COALESCED_MMIO :
		     KVM_UNREGISTER_COALESCED_MMIO, &zone);
}

static struct kvm_irq_routing_entry *add_route(struct tiny_routes *routes)
{
	if (routes->head.nr >= ARRAY_SIZE(routes->entries))
		die("too many routes");
	return &routes->entries[routes->head.nr++];
}

void tiny_route_pin(struct tiny_routes *routes, uint32_t gsi, bool pic)
{
	struct kvm_irq_routing_entry *e = add_route(routes);

	*e = (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = gsi },
	};
	if (!pic || gsi >= 16)
		return;
	add_route(routes);
	e[1] = e[0];
	e[1].u.irqchip.irqchip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER :
				 KVM_IRQCHIP_PIC_SLAVE;
	e[1].u.irqchip.pin = gsi % 8;
}

void tiny_route_msi(struct tiny_routes *routes, uint32_t gsi)
{
	*add_route(routes) = (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = 0xfee00000, .data = MSI_VECTOR(gsi) },
	};
}

void tiny_route_none(struct tiny_routes *routes, uint32_t gsi)
{
	*add_route(routes) = (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_GSI_ROUTE_NONE,
	};
}

int tiny_set_gsi_routes(int vm, const struct kvm_irq_routing_entry *entries,
			uint32_t nr)
{
	struct kvm_gsi_routes args = {
		.entries = (uintptr_t)entries, .entry_size = sizeof(*entries),
		.nr = nr,
	};

	return ioctl(vm, KVM_SET_GSI_ROUTES, &args);
}

static void register_bells(int vm, int fd, int fd_too, uint32_t pio,
			   uint64_t base)
{
	static uint32_t posted;
	uint64_t value;
	uint32_t len;

	for (len = 1; len <= 4; len *= 2)
		for (value = 0; value < 20; value++)
			if (tiny_iosignalfd(vm, fd, base, len, pio |
					    KVM_IOEVENTFD_FLAG_DATAMATCH, value))
				die("an iosignalfd by value");
	if (tiny_iosignalfd(vm, fd, base + 8, 4, pio, 0) ||
	    tiny_iosignalfd(vm, fd, base + 16, 0, pio, 0))
		die("an iosignalfd");
	/* Enough addresses to make their table grow. */
	for (value = 0; value < 50; value++)
		if (tiny_iosignalfd(vm, fd, base + 32 + 8 * value, 2, pio, 0))
			die("an iosignalfd");
	/* A shared write, whose second registration has POST_WRITE and HANGUP. */
	if (tiny_iosignalfd(vm, fd, base + 24, 4,
			    pio | KVM_IOSIGNALFD_FLAG_FANOUT, 0) ||
	    tiny_iosignalfd_post(vm, fd_too, base + 24, 4,
				 pio | KVM_IOSIGNALFD_FLAG_FANOUT |
				 KVM_IOSIGNALFD_FLAG_POST_WRITE |
				 KVM_IOSIGNALFD_FLAG_HANGUP, 0,
				 (uintptr_t)&posted))
		die("an iosignalfd that shares its writes");
	if (tiny_zone(vm, true, pio, base, 16) ||
	    tiny_zone(vm, true, pio, base + 1024, 8))
		die("a coalesced zone");
}

void tiny_register_all(struct tiny_vm *vm, const int fds[NR_ALL])
{
	struct tiny_routes routes = {};
	uint32_t gsi;

	for (gsi = 0; gsi < NR_GSIS; gsi++) {
		if (gsi < NR_PINS)
			tiny_route_pin(&routes, gsi, gsi == 3);
		else
			tiny_route_msi(&routes, gsi);
	}
	if (ioctl(vm->fd, KVM_SET_GSI_ROUTING, &routes))
		die("KVM_SET_GSI_ROUTING");
	register_bells(vm->fd, fds[ALL_BELL], fds[ALL_BELL_TOO],
		       KVM_IOEVENTFD_FLAG_PIO, ALL_PORT);
	register_bells(vm->fd, fds[ALL_BELL], fds[ALL_BELL_TOO], 0, ALL_MMIO);
	if (tiny_irqfd(vm->fd, fds[ALL_MSI], NR_PINS, 0, -1) ||
	    tiny_irqfd(vm->fd, fds[ALL_PIN], 10, 0, -1) ||
	    tiny_irqfd(vm->fd, fds[ALL_TWO_PINS], 3, 0, -1) ||
	    tiny_irqfd(vm->fd, fds[ALL_LEVEL], 5, KVM_IRQFD_FLAG_RESAMPLE,
		       fds[ALL_RESAMPLE]) ||
	    tiny_irqfd(vm->fd, fds[ALL_LEVEL_TOO], 5, KVM_IRQFD_FLAG_RESAMPLE,
		       fds[ALL_RESAMPLE_TOO]))
		die("an irqfd");
}
