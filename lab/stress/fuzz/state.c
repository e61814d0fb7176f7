// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer on state that is saved and restored.
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>

#include "model.h"

/* What is set to what it is stays so; a level pin that is up may interrupt once more. */
static void same_irqchip(struct vm *vm, uint32_t id)
{
	struct kvm_irqchip chip = { .chip_id = id };
	uint32_t pin;

	if (ioctl(vm->tiny.fd, KVM_GET_IRQCHIP, &chip))
		die("KVM_GET_IRQCHIP");
	for (pin = 0; pin < NR_PINS; pin++)
		if (is_level(pin) && vm->pin_route[pin])
			vm->may[PIN_VECTOR(pin)] = true;
	expect("KVM_SET_IRQCHIP",
	       ioctl(vm->tiny.fd, KVM_SET_IRQCHIP, &chip), 0);
}

void do_state(void)
{
	static const char * const names[] = {
		"a PIC", "the other PIC", "the I/O APIC", "the local APIC", "events",
	};
	struct vm *vm = some_vm();
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	unsigned int what = rnd(ARRAY_SIZE(names));

	if (!vm->open || !vm->running || vm->tiny.irqchip != CHIP_FULL)
		return;
	settle(vm);
	say("VM %zd: %s saved and restored", vm - vms, names[what]);
	switch (what) {
	case 0:
		same_irqchip(vm, KVM_IRQCHIP_PIC_MASTER);
		break;
	case 1:
		same_irqchip(vm, KVM_IRQCHIP_PIC_SLAVE);
		break;
	case 2:
		same_irqchip(vm, KVM_IRQCHIP_IOAPIC);
		break;
	case 3:
		if (ioctl(vm->tiny.vcpu, KVM_GET_LAPIC, &lapic) ||
		    ioctl(vm->tiny.vcpu, KVM_SET_LAPIC, &lapic))
			die("the local APIC's state");
		break;
	case 4:
		if (ioctl(vm->tiny.vcpu, KVM_GET_VCPU_EVENTS, &events) ||
		    ioctl(vm->tiny.vcpu, KVM_SET_VCPU_EVENTS, &events))
			die("the vCPU's events");
		break;
	}
	settle(vm);
}
