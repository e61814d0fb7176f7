// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's operations that save and restore state.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "model.h"

/* Setting the present state changes nothing, but a level pin that is up may interrupt. */
static void same_irqchip(struct vm *vm, uint32_t id)
{
	struct kvm_irqchip chip = { .chip_id = id };
	uint32_t pin;

	if (ioctl(vm->tiny.fd, KVM_GET_IRQCHIP, &chip))
		die("KVM_GET_IRQCHIP");
	vm->restored |= id == KVM_IRQCHIP_IOAPIC;
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

/* A descriptor of the eventfd, or -1. */
static int file_of(struct event *event)
{
	int i;

	for (i = 0; i < NR_FDS; i++)
		if (event->files && fds[i].event == event)
			return fds[i].fd;
	return -1;
}

static struct event *kept_of(struct vm *vm)
{
	struct event *event;

	for (event = events; event; event = event->next)
		if (is_kept(event) && event->vm == vm)
			return event;
	return NULL;
}

/* An eventfd without a descriptor can't be assigned to the new VM: it is left out. */
static void drop_kept(struct vm *vm, int old)
{
	struct event *event;
	uint32_t gsi;

	while ((event = kept_of(vm))) {
		gsi = event->gsi;
		if (gsi < NR_PINS)
			vm->foreign[gsi] |= vm->up[gsi];
		if (tiny_irqfd(old, KVM_IRQFD_CLOSED, gsi,
			       KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_KEEP, -1))
			die("KVM_IRQFD, deassign of what is closed");
		end_kept(vm, gsi);
	}
}

static void move_irqfds(struct vm *vm, int old)
{
	int i, j;

	drop_kept(vm, old);
	for (i = 0; i < NR_FDS; i++) {
		struct event *event = fds[i].event;
		int resample = -1;

		for (j = 0; j < i && fds[j].event != event; j++)
			;
		if (!event || event->vm != vm || j < i)
			continue;
		if (tiny_irqfd(old, fds[i].fd, event->gsi,
			       KVM_IRQFD_FLAG_DEASSIGN, -1))
			die("KVM_IRQFD, deassign");
		take(event);
		event->stirs++;
		if (event->resamples) {
			resample = file_of(event->resamples);
			if (resample < 0) {
				vm->foreign[event->gsi] |= vm->up[event->gsi];
				end_irqfd(event);
				continue;
			}
		}
		expect("KVM_IRQFD in a fresh VM",
		       tiny_irqfd(vm->tiny.fd, fds[i].fd, event->gsi,
				  (event->resamples ? KVM_IRQFD_FLAG_RESAMPLE :
				   mask_flags(event)) |
				  (event->keep ? KVM_IRQFD_FLAG_KEEP : 0), resample), 0);
		consume(event);
	}
}

static void move_doorbells(struct vm *vm)
{
	struct kvm_userspace_memory_region region = {
		.slot = EXTRA_SLOT, .guest_phys_addr = vm->extra,
		.memory_size = 0x1000, .userspace_addr = (uintptr_t)vm->extra_mem,
	};
	unsigned int pio, zone, i;
	struct reg *reg;

	for (reg = vm->regs; reg < vm->regs + NR_REGS; reg++) {
		if (!reg->event)
			continue;
		if (file_of(reg->event) < 0)
			drop_reg(reg);
		else
			expect("KVM_IOSIGNALFD in a fresh VM",
			       call(vm, reg, file_of(reg->event), 0), 0);
	}
	for (pio = 0; pio < 2; pio++)
		for (zone = 0; zone < NR_ZONES; zone++)
			for (i = 0; i < vm->zones[pio][zone]; i++)
				add_zone(vm, pio, zone);
	if (vm->extra &&
	    ioctl(vm->tiny.fd, KVM_SET_USER_MEMORY_REGION, &region))
		die("KVM_SET_USER_MEMORY_REGION");
}

static void set_irqchips(struct vm *vm, const struct kvm_irqchip *chips)
{
	uint32_t id;

	for (id = 0; id < 3; id++)
		if (ioctl(vm->tiny.fd, KVM_SET_IRQCHIP, &chips[id]))
			die("KVM_SET_IRQCHIP");
}

/*
 * Restore a VM's saved state into a fresh VM, as a migration does.  Lines that were up
 * are up there.  At the guest's acknowledge KVM lowers them and signals all resamplefds.
 */
void do_restore(void)
{
	struct vm *vm = some_vm();
	bool irqfds_first = one_in(2), was_up[NR_PINS];
	struct kvm_irqchip chips[3];
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct tiny_vm old;
	uint32_t i;

	if (!vm->open || !vm->running || vm->tiny.irqchip != CHIP_FULL)
		return;
	settle(vm);
	if (!check_lists(vm))
		return;
	say("VM %zd: restored into a fresh one, irqfds %s", vm - vms,
	    irqfds_first ? "first" : "afterwards");
	for (i = 0; i < 3; i++) {
		chips[i].chip_id = i;
		if (ioctl(vm->tiny.fd, KVM_GET_IRQCHIP, &chips[i]))
			die("KVM_GET_IRQCHIP");
	}
	if (ioctl(vm->tiny.vcpu, KVM_GET_LAPIC, &lapic) ||
	    ioctl(vm->tiny.vcpu, KVM_GET_VCPU_EVENTS, &events))
		die("the vCPU's state");

	vm->restored = true;
	old = vm->tiny;
	tiny_create(&vm->tiny, CHIP_FULL);
	nr_vms++;
	if (vm->routed &&
	    ioctl(vm->tiny.fd, KVM_SET_GSI_ROUTING, &vm->routes))
		die("KVM_SET_GSI_ROUTING");
	if (ioctl(vm->tiny.vcpu, KVM_SET_LAPIC, &lapic))
		die("KVM_SET_LAPIC");
	for (i = 0; i < NR_PINS; i++) {
		vm->foreign[i] |= vm->up[i] || vm->unsure[i];
		vm->may[PIN_VECTOR(i)] |= vm->foreign[i];
	}
	memcpy(was_up, vm->up, sizeof(was_up));
	if (irqfds_first)
		move_irqfds(vm, old.fd);
	set_irqchips(vm, chips);
	/* A raise of the assign's comes before the state, which has the line down, or after. */
	for (i = 0; i < NR_PINS; i++)
		vm->unsure[i] |= vm->up[i] && !was_up[i];
	if (ioctl(vm->tiny.vcpu, KVM_SET_VCPU_EVENTS, &events))
		die("KVM_SET_VCPU_EVENTS");
	if (!irqfds_first)
		move_irqfds(vm, old.fd);
	move_doorbells(vm);
	close(old.fd);
	tiny_free_vcpu(&old);
	settle(vm);
}
