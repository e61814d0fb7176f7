// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual machine of one processor and a few routines, over the raw ioctls.
 */
#include "tinyvm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PTE_P		0x01ULL
#define PTE_RW		0x02ULL
#define PTE_A		0x20ULL
#define PTE_D		0x40ULL
#define PTE_PS		0x80ULL
#define LARGE_PAGE	0x200000ULL

#define CR0_PE		0x1ULL
#define CR0_NE		0x20ULL
#define CR0_WP		0x10000ULL
#define CR0_PG		0x80000000ULL
#define CR4_PAE		0x20ULL
#define EFER_LME	0x100ULL
#define EFER_LMA	0x400ULL
#define RFLAGS_FIXED	0x2ULL

/* Three pages that VMX without unrestricted guest needs, above all else. */
#define TSS_ADDR	0xfffbd000UL

/* An MSI to APIC 0: physical destination, fixed delivery, an edge. */
#define MSI_ADDRESS	0xfee00000U
#define LAPIC_IRR	0x200

#define MAX_CPUID	256

void tinyvm_die(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (err)
		fprintf(stderr, ": %s", strerror(err));
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

/* /dev/kvm, opened once and kept open. */
static int kvm_dev(void)
{
	static int dev = -1;

	if (dev < 0)
		dev = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		tinyvm_die("/dev/kvm");
	return dev;
}

int tinyvm_extension(int cap)
{
	int ret = ioctl(kvm_dev(), KVM_CHECK_EXTENSION, cap);

	if (ret < 0)
		tinyvm_die("KVM_CHECK_EXTENSION %d", cap);
	return ret;
}

static uint64_t *table_at(struct tinyvm *vm, uint64_t gpa)
{
	return (uint64_t *)(vm->mem + gpa);
}

static void set_gate(struct tinyvm *vm, unsigned int vector,
		     const uint8_t *handler)
{
	uint64_t rip = GUEST_CODE + (handler - guest_start);
	uint64_t *gate = table_at(vm, GUEST_IDT) + 2 * vector;

	/* Present, 64-bit interrupt gate. */
	gate[0] = (rip & 0xffff) | GUEST_CS << 16 | 0x8eULL << 40 |
		  (rip >> 16 & 0xffff) << 48;
	gate[1] = rip >> 32;
}

static void fill_memory(struct tinyvm *vm)
{
	uint64_t *pd = table_at(vm, GUEST_PD);
	uint64_t i;

	table_at(vm, GUEST_PML4)[0] = GUEST_PDPT | PTE_P | PTE_RW | PTE_A;
	for (i = 0; i < 4; i++)
		table_at(vm, GUEST_PDPT)[i] =
			(GUEST_PD + i * 0x1000) | PTE_P | PTE_RW | PTE_A;
	for (i = 0; i < 4 * 512; i++)
		pd[i] = i * LARGE_PAGE |
			PTE_P | PTE_RW | PTE_A | PTE_D | PTE_PS;

	table_at(vm, GUEST_GDT)[GUEST_CS / 8] = 0x00af9b000000ffffULL;
	table_at(vm, GUEST_GDT)[GUEST_DS / 8] = 0x00cf93000000ffffULL;

	set_gate(vm, GUEST_VECTOR + GUEST_IRQ_PIN, guest_isr_pin);
	set_gate(vm, GUEST_VECTOR + GUEST_IRQ_MSI, guest_isr_msi);

	memcpy(vm->mem + GUEST_CODE, guest_start, guest_end - guest_start);
	vm->shared = (struct guest_shared *)(vm->mem + GUEST_SHARED);
}

/* The vCPU has all features that KVM supports, long mode and the APIC among them. */
static void set_cpuid(struct tinyvm *vm)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) +
			  MAX_CPUID * sizeof(cpuid->entries[0]));
	if (!cpuid)
		tinyvm_die("CPUID");
	cpuid->nent = MAX_CPUID;
	if (ioctl(kvm_dev(), KVM_GET_SUPPORTED_CPUID, cpuid))
		tinyvm_die("KVM_GET_SUPPORTED_CPUID");
	if (ioctl(vm->vcpu, KVM_SET_CPUID2, cpuid))
		tinyvm_die("KVM_SET_CPUID2");
	free(cpuid);
}

static void set_long_mode(struct tinyvm *vm)
{
	struct kvm_sregs sregs;

	if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs))
		tinyvm_die("KVM_GET_SREGS");

	sregs.cs = (struct kvm_segment) {
		.limit = 0xffffffff,
		.selector = GUEST_CS,
		.type = 0xb,
		.present = 1,
		.s = 1,
		.l = 1,
		.g = 1,
	};
	sregs.ds = sregs.cs;
	sregs.ds.selector = GUEST_DS;
	sregs.ds.type = 0x3;
	sregs.ds.l = 0;
	sregs.ds.db = 1;
	sregs.es = sregs.ds;
	sregs.fs = sregs.ds;
	sregs.gs = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.gdt.base = GUEST_GDT;
	sregs.gdt.limit = 3 * 8 - 1;
	sregs.idt.base = GUEST_IDT;
	sregs.idt.limit = 256 * 16 - 1;
	sregs.cr0 = CR0_PE | CR0_NE | CR0_WP | CR0_PG;
	sregs.cr3 = GUEST_PML4;
	sregs.cr4 = CR4_PAE;
	sregs.efer = EFER_LME | EFER_LMA;

	if (ioctl(vm->vcpu, KVM_SET_SREGS, &sregs))
		tinyvm_die("KVM_SET_SREGS");
}

void tinyvm_create(struct tinyvm *vm, bool irqchip)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = GUEST_MEM_SIZE,
	};
	int size;

	memset(vm, 0, sizeof(*vm));
	vm->fd = ioctl(kvm_dev(), KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		tinyvm_die("KVM_CREATE_VM");
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDR))
		tinyvm_die("KVM_SET_TSS_ADDR");
	if (irqchip && ioctl(vm->fd, KVM_CREATE_IRQCHIP))
		tinyvm_die("KVM_CREATE_IRQCHIP");

	vm->mem = mmap(NULL, GUEST_MEM_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (vm->mem == MAP_FAILED)
		tinyvm_die("guest memory");
	fill_memory(vm);
	region.userspace_addr = (uintptr_t)vm->mem;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		tinyvm_die("KVM_SET_USER_MEMORY_REGION");

	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		tinyvm_die("KVM_CREATE_VCPU");
	size = ioctl(kvm_dev(), KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		tinyvm_die("KVM_GET_VCPU_MMAP_SIZE");
	vm->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		tinyvm_die("vCPU's shared page");

	set_cpuid(vm);
	set_long_mode(vm);
}

static void set_real_mode_segment(struct kvm_segment *seg, uint64_t base)
{
	*seg = (struct kvm_segment) {
		.base = base,
		.limit = 0xffff,
		.selector = base >> 4,
		.type = 0x3,
		.present = 1,
		.s = 1,
	};
}

void tinyvm_set_real_mode(struct tinyvm *vm)
{
	struct kvm_sregs sregs;

	if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs))
		tinyvm_die("KVM_GET_SREGS");

	set_real_mode_segment(&sregs.cs, GUEST_CODE);
	sregs.cs.type = 0xb;
	set_real_mode_segment(&sregs.ds, 0);
	sregs.es = sregs.ds;
	sregs.fs = sregs.ds;
	sregs.gs = sregs.ds;
	sregs.ss = sregs.ds;
	sregs.cr0 = CR0_NE;
	sregs.cr4 = 0;
	sregs.efer = 0;

	if (ioctl(vm->vcpu, KVM_SET_SREGS, &sregs))
		tinyvm_die("KVM_SET_SREGS");
	vm->real_mode = true;
}

/* A mapping of the vCPU keeps the VM alive as its fd does: unmap it first. */
void tinyvm_destroy(struct tinyvm *vm)
{
	munmap(vm->run, ioctl(kvm_dev(), KVM_GET_VCPU_MMAP_SIZE, 0));
	close(vm->vcpu);
	close(vm->fd);
	munmap(vm->mem, GUEST_MEM_SIZE);
}

void tinyvm_call(struct tinyvm *vm, const uint8_t *routine, uint64_t arg1,
		 uint64_t arg2, uint64_t arg3)
{
	struct kvm_regs regs = {
		.rip = (vm->real_mode ? 0 : GUEST_CODE) +
		       (routine - guest_start),
		.rdi = arg1,
		.rsi = arg2,
		.rcx = arg3,
		.rsp = GUEST_STACK,
		.rflags = RFLAGS_FIXED,
	};

	if (ioctl(vm->vcpu, KVM_SET_REGS, &regs))
		tinyvm_die("KVM_SET_REGS");
}

bool tinyvm_run(struct tinyvm *vm)
{
	struct kvm_run *run = vm->run;

	while (ioctl(vm->vcpu, KVM_RUN, 0))
		if (errno != EINTR)
			tinyvm_die("KVM_RUN");

	if (run->exit_reason == KVM_EXIT_IO)
		return run->io.port == GUEST_EXIT_PORT;
	if (run->exit_reason == KVM_EXIT_MMIO)
		return false;
	errno = 0;
	tinyvm_die("the guest left with KVM_EXIT reason %u", run->exit_reason);
}

void tinyvm_call_ring(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		      uint32_t value, uint64_t times)
{
	tinyvm_call(vm, bus == TINYVM_PIO ? guest_ring_pio : guest_ring_mmio,
		    addr, value, times);
}

uint64_t tinyvm_finish(struct tinyvm *vm)
{
	uint64_t exits = 0;

	while (!tinyvm_run(vm))
		exits++;
	return exits;
}

uint64_t tinyvm_ring(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		     uint32_t value, uint64_t times)
{
	tinyvm_call_ring(vm, bus, addr, value, times);
	return tinyvm_finish(vm);
}

static int iosignalfd(struct tinyvm *vm, enum tinyvm_bus bus,
		      struct kvm_iosignalfd args)
{
	if (bus == TINYVM_PIO)
		args.flags |= KVM_IOSIGNALFD_FLAG_PIO;
	return ioctl(vm->fd, KVM_IOSIGNALFD, &args) ? -errno : 0;
}

int tinyvm_iosignalfd(struct tinyvm *vm, enum tinyvm_bus bus, uint64_t addr,
		      uint64_t trigger, int fd, uint32_t flags)
{
	return iosignalfd(vm, bus, (struct kvm_iosignalfd) {
		.trigger = trigger,
		.addr = addr,
		.len = 4,
		.fd = fd,
		.flags = flags,
	});
}

int tinyvm_iosignalfd_any(struct tinyvm *vm, enum tinyvm_bus bus,
			  uint64_t addr, int fd, uint32_t flags)
{
	return iosignalfd(vm, bus, (struct kvm_iosignalfd) {
		.addr = addr,
		.fd = fd,
		.flags = flags,
	});
}

int tinyvm_irqfd(struct tinyvm *vm, int fd, uint32_t gsi, uint32_t flags)
{
	struct kvm_irqfd args = {
		.fd = fd,
		.gsi = gsi,
		.flags = flags,
	};

	return ioctl(vm->fd, KVM_IRQFD, &args) ? -errno : 0;
}

bool tinyvm_take_pending(struct tinyvm *vm, uint8_t vector)
{
	struct kvm_lapic_state apic;
	uint32_t word, bit = 1U << (vector % 32);
	char *irr = apic.regs + LAPIC_IRR + vector / 32 * 16;

	if (ioctl(vm->vcpu, KVM_GET_LAPIC, &apic))
		tinyvm_die("KVM_GET_LAPIC");
	memcpy(&word, irr, sizeof(word));
	if (!(word & bit))
		return false;
	word &= ~bit;
	memcpy(irr, &word, sizeof(word));
	if (ioctl(vm->vcpu, KVM_SET_LAPIC, &apic))
		tinyvm_die("KVM_SET_LAPIC");
	return true;
}

struct kvm_irq_routing *tinyvm_new_routes(uint32_t n)
{
	struct kvm_irq_routing *routes;

	routes = calloc(1, sizeof(*routes) + n * sizeof(routes->entries[0]));
	if (!routes)
		tinyvm_die("routing table");
	return routes;
}

void tinyvm_route_msi(struct kvm_irq_routing *routes, uint32_t gsi,
		      uint8_t vector)
{
	routes->entries[routes->nr++] = (struct kvm_irq_routing_entry) {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi.address_lo = MSI_ADDRESS,
		.u.msi.data = vector,
	};
}

void tinyvm_route_ioapic(struct kvm_irq_routing *routes, uint32_t gsi,
			 uint32_t pin)
{
	routes->entries[routes->nr++] = (struct kvm_irq_routing_entry) {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC,
		.u.irqchip.pin = pin,
	};
}

int tinyvm_set_routes(struct tinyvm *vm, const struct kvm_irq_routing *routes)
{
	return ioctl(vm->fd, KVM_SET_GSI_ROUTING, routes) ? -errno : 0;
}
