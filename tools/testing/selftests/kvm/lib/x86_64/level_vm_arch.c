// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86's part of level_vm.h.
 */
#include "apic.h"
#include "level_vm.h"
#include "processor.h"
#include "test_util.h"

#define IOAPIC_SELECT	0x00
#define IOAPIC_WINDOW	0x10
#define IOAPIC_RTE	0x10

#define PIC_CMD		0x20
#define PIC_IMR		0x21
#define PIC_EOI		0x20

#define LVT0		0x350
#define LVT0_EXTINT	0x700

bool line_is_up(struct irq_vm *v)
{
	return ioapic_state(v->vm).irr & (1u << GSI_LEVEL);
}

bool in_service(struct irq_vm *v)
{
	return ioapic_state(v->vm).redirtbl[GSI_LEVEL].fields.remote_irr;
}

static void ioapic_write(uint32_t offset, uint32_t value)
{
	WRITE_ONCE(*(uint32_t *)(IOAPIC_GPA + offset), value);
}

void rte_write(uint32_t pin, uint32_t low)
{
	ioapic_write(IOAPIC_SELECT, IOAPIC_RTE + 2 * pin);
	ioapic_write(IOAPIC_WINDOW, low);
}

void rte_write_dest(uint32_t pin, uint32_t apic)
{
	ioapic_write(IOAPIC_SELECT, IOAPIC_RTE + 2 * pin + 1);
	ioapic_write(IOAPIC_WINDOW, apic << 24);
}

static void pic_write(uint16_t port, uint8_t value)
{
	asm volatile("outb %%al, %%dx" : : "d"(port), "a"(value));
}

void ioapic_mask_and_ack(void)
{
	rte_write(GSI_LEVEL, VECTOR | RTE_LEVEL | RTE_MASKED);
	x2apic_write_reg(APIC_EOI, 0);
}

void ioapic_unmask(void)
{
	rte_write(GSI_LEVEL, VECTOR | RTE_LEVEL);
}

void pic_ack(void)
{
	pic_write(PIC_CMD, PIC_EOI);
}

void pic_mask_and_ack(void)
{
	pic_write(PIC_IMR, 0xff);
	pic_ack();
}

void pic_unmask(void)
{
	pic_write(PIC_IMR, (uint8_t)~BIT(GSI_BOTH));
}

static void accept_pic(void)
{
	x2apic_write_reg(LVT0, LVT0_EXTINT);
}

struct kvm_pic_state pic_state(struct kvm_vm *vm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	return chip.chip.pic;
}

static void guest_spurious(struct ex_regs *regs)
{
}

void init_pic(struct irq_vm *v)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	vm_install_exception_handler(v->vm, PIC_VECTOR - GSI_BOTH + 7, guest_spurious);
	vm_ioctl(v->vm, KVM_GET_IRQCHIP, &chip);
	chip.chip.pic.irq_base = PIC_VECTOR - GSI_BOTH;
	chip.chip.pic.elcr = BIT(GSI_BOTH);
	chip.chip.pic.imr = (uint8_t)~BIT(GSI_BOTH);
	vm_ioctl(v->vm, KVM_SET_IRQCHIP, &chip);
	do_work(v, accept_pic);
}
