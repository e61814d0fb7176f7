// SPDX-License-Identifier: GPL-2.0-only
#include <linux/sizes.h>
#include <sys/mman.h>

#include "forward_vm.h"
#include "gic.h"
#include "level_vm.h"
#include "processor.h"

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
	gic_set_eoi(MIN_SPI + GSI_LEVEL);
}

static void guest_rounds(void)
{
	uint64_t before, i;

	for (i = 0; i < READ_ONCE(edu_guest.rounds); i++) {
		before = READ_ONCE(edu_guest.handled);
		writel(1, EDU_REG(EDU_IRQ_RAISE));
		while (READ_ONCE(edu_guest.handled) == before) {
			local_irq_enable();
			isb();
			local_irq_disable();
		}
	}
}

bool forward_vm_init(struct forward_vm *f)
{
	struct vfio vfio;

	*f = (struct forward_vm) { .fd = -1, .unmask = -1, .kvm_vfio = -1 };
	if (!open_edu(&f->vfio))
		return false;
	vfio = f->vfio;
	forward_vm_init_with(f, vfio);
	return true;
}

void forward_vm_init_with(struct forward_vm *f, struct vfio vfio)
{
	struct kvm_vm *vm;

	*f = (struct forward_vm) { .vfio = vfio };
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

void forward_vm_free(struct forward_vm *f)
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

static int set_forward(struct forward_vm *f, uint64_t attr, int fd, uint32_t index,
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

int forward_irq(struct forward_vm *f, int fd, uint32_t index, uint32_t subindex, uint32_t gsi)
{
	return set_forward(f, KVM_DEV_VFIO_DEVICE_FORWARD_IRQ, fd, index, subindex, gsi);
}

int unforward_irq(struct forward_vm *f, int fd, uint32_t index, uint32_t subindex, uint32_t gsi)
{
	return set_forward(f, KVM_DEV_VFIO_DEVICE_UNFORWARD_IRQ, fd, index, subindex, gsi);
}

void forward_ok(struct forward_vm *f)
{
	ASSERT_ERRNO(0, forward_irq(f, f->vfio.device, VFIO_PCI_INTX_IRQ_INDEX, 0, GSI_LEVEL),
		     "Forward");
}

void unforward_ok(struct forward_vm *f)
{
	ASSERT_ERRNO(0, unforward_irq(f, f->vfio.device, VFIO_PCI_INTX_IRQ_INDEX, 0, GSI_LEVEL),
		     "Unforward");
}

void use_intx(struct forward_vm *f)
{
	assign_resample_ok(f->v.vm, f->fd, GSI_LEVEL, f->unmask);
	ASSERT_ERRNO(0, set_intx(&f->vfio, VFIO_IRQ_SET_ACTION_TRIGGER, f->fd), "Trigger");
	ASSERT_ERRNO(0, set_intx(&f->vfio, VFIO_IRQ_SET_ACTION_UNMASK, f->unmask), "Unmask");
}

void edu_write(struct forward_vm *f, uint32_t reg, uint32_t value)
{
	writel(value, f->regs + reg);
}

uint32_t edu_read(struct forward_vm *f, uint32_t reg)
{
	return readl(f->regs + reg);
}

void do_rounds(struct forward_vm *f, uint64_t nr)
{
	WRITE_ONCE(f->edu->rounds, nr);
	WRITE_ONCE(f->v.guest->work, guest_rounds);
	pass(&f->v);
	WRITE_ONCE(f->v.guest->work, NULL);
}

void assert_handled(struct forward_vm *f, uint64_t nr, uint64_t spurious)
{
	uint64_t handled = READ_ONCE(f->edu->handled), others = READ_ONCE(f->edu->spurious);

	TEST_ASSERT(handled == nr && others == spurious,
		    "Wanted %lu interrupts handled and %lu spurious, got %lu and %lu", nr,
		    spurious, handled, others);
}

void assert_works(struct forward_vm *f)
{
	uint64_t handled = READ_ONCE(f->edu->handled), spurious = READ_ONCE(f->edu->spurious);

	edu_write(f, EDU_IRQ_RAISE, 1);
	wait_for_irqs(&f->v, VECTOR, irqs(&f->v, VECTOR) + 1);
	assert_handled(f, handled + 1, spurious);
	TEST_ASSERT(!edu_read(f, EDU_IRQ_STATUS), "The device still interrupts");
	assert_irqs(&f->v, VECTOR, irqs(&f->v, VECTOR));
}

void bring(struct forward_vm *f, enum where where)
{
	if (where == IDLE)
		return;
	edu_write(f, EDU_IRQ_RAISE, 1);
	wait_for_line(&f->v, true);
	if (where == IN_SERVICE)
		run_into_irq(&f->v);
}

void assert_brought(struct forward_vm *f, enum where where, uint64_t handled,
		    const char *when)
{
	if (where != IDLE)
		WAIT_FOR((pass(&f->v), f->edu->handled == handled + 1),
			 "%s: not handled, %d", when, where);
	assert_works(f);
	assert_works(f);
	TEST_ASSERT(!f->edu->spurious, "%s: %lu were spurious", when, f->edu->spurious);
}
