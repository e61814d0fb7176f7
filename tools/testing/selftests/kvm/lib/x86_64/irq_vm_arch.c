// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86's part of the VM that takes interrupts, see irq_vm.h.
 */
#include "apic.h"
#include "irq_vm.h"
#include "processor.h"

struct kvm_irq_routing_entry msi_route(uint32_t gsi, uint8_t vector)
{
	return (struct kvm_irq_routing_entry) {
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi.address_lo = APIC_DEFAULT_GPA,
		.u.msi.data = vector,
	};
}

struct kvm_irq_routing_entry worker_route(uint8_t vector)
{
	struct kvm_irq_routing_entry route = msi_route(GSI_WORKER, vector);

	/* To the local APICs of all ids. */
	route.u.msi.address_lo |= 0xff << 12;
	return route;
}

void set_default_routes(struct kvm_vm *vm)
{
	const struct kvm_irq_routing_entry entries[] = {
		msi_route(GSI_MSI, VECTOR),
		msi_route(GSI_MSI2, VECTOR2),
		worker_route(VECTOR),
		chip_route(GSI_IOAPIC, KVM_IRQCHIP_IOAPIC, GSI_IOAPIC),
		chip_route(GSI_LEVEL, KVM_IRQCHIP_IOAPIC, GSI_LEVEL),
		chip_route(GSI_BOTH, KVM_IRQCHIP_IOAPIC, GSI_BOTH),
		chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER, GSI_BOTH),
	};

	set_routes(vm, entries, ARRAY_SIZE(entries));
}

struct kvm_ioapic_state ioapic_state(struct kvm_vm *vm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	return chip.chip.ioapic;
}

void ioapic_set_pin(struct kvm_vm *vm, int pin, uint8_t vector, bool level)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	chip.chip.ioapic.redirtbl[pin].bits = 0;
	chip.chip.ioapic.redirtbl[pin].fields.vector = vector;
	chip.chip.ioapic.redirtbl[pin].fields.trig_mode = level;
	vm_ioctl(vm, KVM_SET_IRQCHIP, &chip);
}

void pic_mask_all(struct kvm_vm *vm)
{
	struct kvm_irqchip chip;
	int id;

	for (id = KVM_IRQCHIP_PIC_MASTER; id <= KVM_IRQCHIP_PIC_SLAVE; id++) {
		memset(&chip, 0, sizeof(chip));
		chip.chip_id = id;
		vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
		chip.chip.pic.imr = 0xff;
		vm_ioctl(vm, KVM_SET_IRQCHIP, &chip);
	}
}

static struct guest_state guest_state;

static void guest_irq(struct ex_regs *regs)
{
	WRITE_ONCE(guest_state.irqs[regs->vector], guest_state.irqs[regs->vector] + 1);
	if (READ_ONCE(guest_state.stop_before_eoi))
		GUEST_SYNC(SYNC_BEFORE_EOI);
	if (READ_ONCE(guest_state.ack))
		guest_state.ack();
	else
		x2apic_write_reg(APIC_EOI, 0);
}

static void guest_main(void)
{
	x2apic_enable();

	for (;;) {
		GUEST_SYNC(SYNC_PASS);

		if (READ_ONCE(guest_state.ring))
			outl(DOORBELL_PORT, 1);
		if (READ_ONCE(guest_state.work))
			guest_state.work();

		/*
		 * An interrupt can come from the instruction after sti's
		 * successor on.  If it's HLT, none is lost in between.
		 */
		asm volatile("sti; nop; nop; cli" : : : "memory");
		while (READ_ONCE(guest_state.halt))
			asm volatile("sti; hlt; cli" : : : "memory");
	}
}

void look_for_irqs(struct kvm_vcpu *vcpu)
{
	struct kvm_regs regs;

	vcpu_regs_get(vcpu, &regs);
	vcpu_regs_set(vcpu, &regs);
}

void irq_vm_add_vector(struct irq_vm *v, uint8_t vector)
{
	vm_install_exception_handler(v->vm, vector, guest_irq);
}

static void install_handlers(struct irq_vm *v)
{
	v->guest = addr_gva2hva(v->vm, (uint64_t)&guest_state);

	irq_vm_add_vector(v, VECTOR);
	irq_vm_add_vector(v, VECTOR2);
	irq_vm_add_vector(v, VECTOR3);
	irq_vm_add_vector(v, PIC_VECTOR);
	irq_vm_add_vector(v, WAKE_VECTOR);
}

void irq_vm_init_x2apic(struct irq_vm *v, uint32_t pins, uint64_t flags)
{
	/* The library gives a new VM an irqchip, and a restarted one only with has_irqchip. */
	v->vm = vm_create(1);
	if (pins) {
		kvm_vm_release(v->vm);
		v->vm->has_irqchip = false;
		kvm_vm_restart(v->vm);
		vm_enable_cap(v->vm, KVM_CAP_SPLIT_IRQCHIP, pins);
	}
	if (flags)
		vm_enable_cap(v->vm, KVM_CAP_X2APIC_API, flags);
	v->vcpu = vm_vcpu_add(v->vm, 0, guest_main);
	install_handlers(v);

	if (!pins) {
		set_default_routes(v->vm);
		pic_mask_all(v->vm);
		ioapic_set_pin(v->vm, GSI_IOAPIC, VECTOR, false);
		ioapic_set_pin(v->vm, GSI_BOTH, VECTOR, false);
		ioapic_set_pin(v->vm, GSI_LEVEL, VECTOR, true);
	}

	/* Up to the first pass, with the local APIC enabled. */
	pass(v);
}

struct irq_vm irq_vm_add_vcpu(struct irq_vm *v)
{
	struct irq_vm other = *v;

	other.vcpu = vm_vcpu_add(v->vm, v->vcpu->id + 1, guest_main);
	pass(&other);
	return other;
}

void irq_vm_init(struct irq_vm *v)
{
	irq_vm_init_x2apic(v, 0, 0);
}

void irq_vm_init_split(struct irq_vm *v, uint32_t pins)
{
	irq_vm_init_x2apic(v, pins, 0);
}

void set_pin_vector(struct irq_vm *v, uint32_t gsi, uint8_t vector)
{
	ioapic_set_pin(v->vm, gsi, vector, gsi == GSI_LEVEL);
}

struct kvm_vm *create_irqchip_vm(void)
{
	struct kvm_vm *vm = vm_create_barebones();

	vm_create_irqchip(vm);
	return vm;
}

bool irq_is_pending(struct irq_vm *v, uint8_t vector)
{
	struct kvm_lapic_state lapic;

	vcpu_ioctl(v->vcpu, KVM_GET_LAPIC, &lapic);
	return lapic.regs[APIC_IRR + vector / 32 * 16 + vector % 32 / 8] & (1 << vector % 8);
}

struct kvm_msi wake_msi(struct kvm_vcpu *vcpu)
{
	return (struct kvm_msi) {
		.address_lo = APIC_DEFAULT_GPA | vcpu->id << 12, .data = WAKE_VECTOR,
	};
}
