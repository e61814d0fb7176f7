// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "intx_vm.h"
#include "intx_vm_arch.h"
#include "level_vm.h"

#define EDU_GPA		(5ull << 30)
#define EDU_REG(_reg)	((void *)(EDU_GPA + (_reg)))
#define EDU_SLOT	7

static struct edu_guest edu_guest;

/* The device's handler, and the EOI. */
static void guest_handle(void)
{
	uint32_t status = readl(EDU_REG(EDU_IRQ_STATUS));

	if (status) {
		writel(status, EDU_REG(EDU_IRQ_ACK));
		WRITE_ONCE(edu_guest.handled, edu_guest.handled + 1);
	} else {
		WRITE_ONCE(edu_guest.spurious, edu_guest.spurious + 1);
	}
	guest_end_intx();
}

static void guest_rounds(void)
{
	uint64_t before, i;

	for (i = 0; i < READ_ONCE(edu_guest.rounds); i++) {
		before = READ_ONCE(edu_guest.handled);
		writel(1, EDU_REG(EDU_IRQ_RAISE));
		while (READ_ONCE(edu_guest.handled) == before)
			guest_take_irqs();
	}
}

bool intx_vm_init(struct intx_vm *f)
{
	*f = (struct intx_vm) { .fd = -1, .unmask = -1, .kvm_vfio = -1 };
	if (!open_edu(&f->vfio))
		return false;
	intx_vm_init_with(f, f->vfio);
	return true;
}

void intx_vm_init_with(struct intx_vm *f, struct vfio vfio)
{
	struct kvm_vm *vm;

	*f = (struct intx_vm) { .vfio = vfio };
	f->regs = map_edu(&f->vfio);

	irq_vm_init(&f->v);
	vm = f->v.vm;
	f->edu = addr_gva2hva(vm, (uint64_t)&edu_guest);
	vm_set_user_memory_region(vm, EDU_SLOT, 0, EDU_GPA, vm->page_size, f->regs);
	virt_pg_map(vm, EDU_GPA, EDU_GPA);
	WRITE_ONCE(f->v.guest->ack, guest_handle);

	f->fd = new_eventfd();
	f->unmask = new_eventfd();
	f->kvm_vfio = kvm_create_device(vm, KVM_DEV_TYPE_VFIO);
}

void intx_vm_free(struct intx_vm *f)
{
	if (f->kvm_vfio >= 0)
		close(f->kvm_vfio);
	if (f->v.vm)
		irq_vm_free(&f->v);
	if (f->regs)
		munmap(f->regs, EDU_BAR_SIZE);
	close_edu(&f->vfio);
	if (f->fd >= 0)
		close(f->fd);
	if (f->unmask >= 0)
		close(f->unmask);
}

static int set_forward(struct intx_vm *f, uint64_t attr, int fd, uint32_t index,
		       uint32_t subindex, uint32_t gsi)
{
	struct kvm_vfio_forward_irq args = {
		.argsz = sizeof(args),
		.fd = fd,
		.index = index,
		.subindex = subindex,
		.gsi = gsi,
	};

	return __kvm_device_attr_set(f->kvm_vfio, KVM_DEV_VFIO_DEVICE, attr, &args) ? errno : 0;
}

int forward_irq(struct intx_vm *f, int fd, uint32_t index, uint32_t subindex, uint32_t gsi)
{
	return set_forward(f, KVM_DEV_VFIO_DEVICE_FORWARD_IRQ, fd, index, subindex, gsi);
}

int unforward_irq(struct intx_vm *f, int fd, uint32_t index, uint32_t subindex, uint32_t gsi)
{
	return set_forward(f, KVM_DEV_VFIO_DEVICE_UNFORWARD_IRQ, fd, index, subindex, gsi);
}

void forward_ok(struct intx_vm *f)
{
	ASSERT_ERRNO(0, forward_irq(f, f->vfio.device, VFIO_PCI_INTX_IRQ_INDEX, 0, GSI_LEVEL),
		     "Forward");
}

void unforward_ok(struct intx_vm *f)
{
	ASSERT_ERRNO(0, unforward_irq(f, f->vfio.device, VFIO_PCI_INTX_IRQ_INDEX, 0, GSI_LEVEL),
		     "Unforward");
}

void use_intx(struct intx_vm *f)
{
	assign_resample_ok(f->v.vm, f->fd, GSI_LEVEL, f->unmask);
	ASSERT_ERRNO(0, set_intx(&f->vfio, VFIO_IRQ_SET_ACTION_TRIGGER, f->fd), "Trigger");
	ASSERT_ERRNO(0, set_intx(&f->vfio, VFIO_IRQ_SET_ACTION_UNMASK, f->unmask), "Unmask");
}

void edu_write(struct intx_vm *f, uint32_t reg, uint32_t value)
{
	writel(value, f->regs + reg);
}

uint32_t edu_read(struct intx_vm *f, uint32_t reg)
{
	return readl(f->regs + reg);
}

void do_rounds(struct intx_vm *f, uint64_t nr)
{
	WRITE_ONCE(f->edu->rounds, nr);
	WRITE_ONCE(f->v.guest->work, guest_rounds);
	pass(&f->v);
	WRITE_ONCE(f->v.guest->work, NULL);
}

void assert_handled(struct intx_vm *f, uint64_t nr, uint64_t spurious)
{
	uint64_t handled = READ_ONCE(f->edu->handled), others = READ_ONCE(f->edu->spurious);

	TEST_ASSERT(handled == nr && others == spurious,
		    "Wanted %lu interrupts handled and %lu spurious, got %lu and %lu", nr,
		    spurious, handled, others);
}

void assert_works(struct intx_vm *f)
{
	uint64_t handled = READ_ONCE(f->edu->handled), spurious = READ_ONCE(f->edu->spurious);

	edu_write(f, EDU_IRQ_RAISE, 1);
	wait_for_irqs(&f->v, VECTOR, irqs(&f->v, VECTOR) + 1);
	assert_handled(f, handled + 1, spurious);
	TEST_ASSERT(!edu_read(f, EDU_IRQ_STATUS), "The device still interrupts");
	assert_irqs(&f->v, VECTOR, irqs(&f->v, VECTOR));
}

void bring(struct intx_vm *f, enum where where)
{
	if (where == IDLE)
		return;
	edu_write(f, EDU_IRQ_RAISE, 1);
	wait_for_line(&f->v, true);
	if (where == IN_SERVICE)
		run_into_irq(&f->v);
}

void assert_brought(struct intx_vm *f, enum where where, uint64_t handled,
		    const char *when)
{
	if (where != IDLE)
		WAIT_FOR((pass(&f->v), f->edu->handled == handled + 1),
			 "%s: not handled, %d", when, where);
	assert_works(f);
	assert_works(f);
	TEST_ASSERT(!f->edu->spurious, "%s: %lu were spurious", when, f->edu->spurious);
}

void assert_disintx(struct intx_vm *f)
{
	enum where where;

	for (where = IDLE; where <= IN_SERVICE; where++) {
		uint64_t handled = f->edu->handled;

		bring(f, where);
		set_disintx(&f->vfio, true);
		edu_write(f, EDU_IRQ_RAISE, 2);
		set_disintx(&f->vfio, false);
		WAIT_FOR((pass(&f->v), f->edu->handled > handled), "Not handled, %d", where);
		assert_works(f);
	}
}

/* What masks and unmasks the device, and what an irqfd's round has besides. */
static const char * const costs[] = {
	"pci_check_and_mask_intx", "pci_check_and_unmask_intx", "pci_intx",
	"eventfd_signal_mask", "kvm_notify_acked_irq",
};

#define EVENTS	TRACEFS "/events/kvm_forward"

static void probe_costs(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(costs); i++)
		ASSERT_TOLD(TRACEFS "/kprobe_events", O_APPEND, "p:kvm_forward/%s %s", costs[i],
			    costs[i]);
	ASSERT_TOLD(EVENTS "/enable", 0, "1");
}

/* By their numbers of calls, of all threads. */
static void read_costs(uint64_t *calls)
{
	FILE *f = fopen(TRACEFS "/kprobe_profile", "r");
	char line[256], name[128];
	uint64_t hits;
	int i;

	TEST_ASSERT(f, "kprobe_profile: %s", strerror(errno));
	memset(calls, 0, sizeof(*calls) * ARRAY_SIZE(costs));
	while (fgets(line, sizeof(line), f))
		for (i = 0; i < ARRAY_SIZE(costs); i++)
			if (sscanf(line, " %127s %lu", name, &hits) == 2 &&
			    !strcmp(name, costs[i]))
				calls[i] = hits;
	fclose(f);
}

static void unprobe_costs(void)
{
	int i;

	ASSERT_TOLD(EVENTS "/enable", 0, "0");
	for (i = 0; i < ARRAY_SIZE(costs); i++)
		ASSERT_TOLD(TRACEFS "/kprobe_events", O_APPEND, "-:kvm_forward/%s", costs[i]);
}

void count_rounds(struct intx_vm *f, bool forwarded, uint64_t nr)
{
	uint64_t handled = f->edu->handled, came, exits, calls[ARRAY_SIZE(costs)] = { };
	/* Not where the kernel has no kprobes, nor where instructions are counted. */
	bool probed = !getenv("UNPROBED") && !access(TRACEFS "/kprobe_events", W_OK);
	struct timespec begin, took;
	int i;

	/* The device's page, and all else that comes once. */
	do_rounds(f, 1);
	if (probed)
		probe_costs();
	came = intx_count();
	exits = vcpu_stat(f->v.vcpu, "exits");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	do_rounds(f, nr);
	took = timespec_elapsed(begin);
	exits = vcpu_stat(f->v.vcpu, "exits") - exits;
	came = intx_count() - came;
	if (probed) {
		read_costs(calls);
		unprobe_costs();
	}

	pr_info("%lu rounds %s: %lu ns each, %lu interrupts of the host's, %lu exits\n", nr,
		forwarded ? "forwarded" : "by irqfd", timespec_to_ns(took) / nr, came, exits);
	for (i = 0; probed && i < ARRAY_SIZE(costs); i++)
		pr_info("  %s: %lu\n", costs[i], calls[i]);

	assert_handled(f, handled + 1 + nr, 0);
	TEST_ASSERT(came == nr, "Wanted %lu interrupts of the host's, got %lu", nr, came);
	for (i = 0; probed && i < ARRAY_SIZE(costs); i++)
		TEST_ASSERT(!forwarded || !calls[i], "%s was called %lu times", costs[i],
			    calls[i]);
}
