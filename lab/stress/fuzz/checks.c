// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares the visible state of VMs and eventfds with the fuzzer's model.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "model.h"

bool has_bit(const char *regs, unsigned int vector)
{
	return regs[0x200 + vector / 32 * 16 + vector % 32 / 8] >> vector % 8 & 1;
}

/* All vectors that must have come are there, and no others but those that may. */
void check_vectors(struct vm *vm)
{
	double end = now() + PATIENCE;
	struct kvm_lapic_state lapic;
	unsigned int vector;

	if (!vm->running || vm->tiny.irqchip == CHIP_NONE)
		return;
	for (;;) {
		if (ioctl(vm->tiny.vcpu, KVM_GET_LAPIC, &lapic))
			die("KVM_GET_LAPIC");
		for (vector = 16; vector < 256; vector++)
			if (vm->must[vector] && !has_bit(lapic.regs, vector))
				break;
		if (vector == 256)
			break;
		if (now() > end)
			wrong("vector %#x has not come to VM %zd", vector,
			      vm - vms);
		usleep(200);
	}
	for (vector = 16; vector < 256; vector++)
		if (has_bit(lapic.regs, vector) && !vm->must[vector] &&
		    !vm->may[vector])
			wrong("vector %#x has come to VM %zd for nothing", vector,
			      vm - vms);
	memset(lapic.regs + 0x200, 0, 0x80);
	if (ioctl(vm->tiny.vcpu, KVM_SET_LAPIC, &lapic))
		die("KVM_SET_LAPIC");
	memset(vm->must, 0, sizeof(vm->must));
}

void check_line(struct vm *vm, uint32_t pin)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	double end = now() + PATIENCE;

	if (!vm->open || !pin_exists(vm, pin) || !is_level(pin) ||
	    vm->unsure[pin])
		return;
	for (;;) {
		if (ioctl(vm->tiny.fd, KVM_GET_IRQCHIP, &chip))
			die("KVM_GET_IRQCHIP");
		if ((chip.chip.ioapic.irr >> pin & 1) == vm->up[pin])
			return;
		if (now() > end)
			wrong("the line of GSI %u of VM %zd is not %s", pin,
			      vm - vms, vm->up[pin] ? "up" : "down");
		usleep(200);
	}
}

/* Open a file of the VM in debugfs; NULL if there is none. */
static FILE *open_debugfs(struct vm *vm, const char *name)
{
	struct vm *other;
	char path[100];

	/* A VM that lives on without its file still has the directory of that name. */
	for (other = vms; other < vms + NR_VMS; other++)
		if (other != vm && other->running &&
		    other->tiny.fd == vm->tiny.fd)
			return NULL;
	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/%s", getpid(),
		 vm->tiny.fd, name);
	return fopen(path, "r");
}

/* How many lines of the file have WORD; -1 if there is no such file. */
static int lines_of(struct vm *vm, const char *name, const char *word)
{
	FILE *f = open_debugfs(vm, name);
	char line[300];
	int n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		n += !!strstr(line, word);
	fclose(f);
	return n;
}

/* Wait until the worker has nothing left to inject; false if debugfs doesn't tell. */
bool wait_for_worker(struct vm *vm)
{
	double end = now() + PATIENCE;
	char line[300];
	bool pending;
	FILE *f;

	do {
		f = open_debugfs(vm, "irqfds");
		if (!f)
			return false;
		pending = false;
		while (fgets(line, sizeof(line), f))
			pending |= !!strstr(line, "pending");
		fclose(f);
		if (pending && now() > end)
			wrong("VM %zd has an injection that doesn't end", vm - vms);
	} while (pending);
	return true;
}

int irqfds_of(struct vm *vm)
{
	struct event *event;
	int n = 0;

	for (event = events; event; event = event->next)
		n += event->vm == vm;
	return n;
}

static int kept_of(struct vm *vm)
{
	struct event *event;
	int n = 0;

	for (event = events; event; event = event->next)
		n += is_kept(event) && event->vm == vm;
	return n;
}

/* The number of irqfds, ending ones included; -1 if it can't be read. */
static int count_irqfds(struct vm *vm)
{
	FILE *f = open_debugfs(vm, "nr_irqfds");
	int n;

	if (!f)
		return -1;
	if (fscanf(f, "%d", &n) != 1)
		die("nr_irqfds");
	fclose(f);
	return n;
}

/*
 * debugfs' lists must agree with the model.  This waits until ended irqfds are gone:
 * only then is their line down for good.  false if debugfs doesn't tell.
 */
bool check_lists(struct vm *vm)
{
	double end = now() + PATIENCE;
	int listed, regs = 0, i;

	for (i = 0; i < NR_REGS; i++)
		regs += !!vm->regs[i].event;
	/* All but the head line. */
	listed = lines_of(vm, "iosignalfds", "");
	if (listed >= 0 && listed != regs + 1)
		wrong("%d iosignalfds are listed for VM %zd instead of %d",
		      listed - 1, vm - vms, regs);
	while ((listed = count_irqfds(vm)) != irqfds_of(vm)) {
		if (listed < 0)
			return false;
		if (now() > end)
			wrong("VM %zd has %d irqfds instead of %d", vm - vms,
			      listed, irqfds_of(vm));
		usleep(200);
	}
	listed = lines_of(vm, "irqfds", "gsi=");
	if (listed != irqfds_of(vm))
		wrong("%d irqfds are listed for VM %zd instead of %d", listed,
		      vm - vms, irqfds_of(vm));
	listed = lines_of(vm, "irqfds", "kept");
	if (listed != kept_of(vm))
		wrong("%d irqfds without a file are listed for VM %zd instead of %d",
		      listed, vm - vms, kept_of(vm));
	return true;
}

/* Until its end a level irqfd gets acknowledges and may lower the line. */
void wait_for_ends(void)
{
	struct vm *vm;

	for (vm = vms; vm < vms + NR_VMS; vm++) {
		bool *pin = vm->open ? memchr(vm->ending, true, NR_PINS) : NULL;

		if (!pin)
			continue;
		if (!check_lists(vm))
			for (; pin < vm->ending + NR_PINS; pin++)
				vm->unsure[pin - vm->ending] |= *pin;
		memset(vm->ending, false, sizeof(vm->ending));
	}
}

void settle(struct vm *vm)
{
	uint32_t pin;

	check_vectors(vm);
	for (pin = 0; pin < NR_PINS; pin++)
		check_line(vm, pin);
}

short poll_events(struct event *event)
{
	return (event->count ? POLLIN : 0) |
	       (event->count < COUNT_MAX - 1 ? POLLOUT : 0) |
	       (event->count == COUNT_MAX ? POLLERR : 0);
}

void check_counter(struct fd *fd)
{
	struct pollfd p = { .fd = fd->fd, .events = POLLIN | POLLOUT };

	if (poll(&p, 1, 0) < 0)
		die("poll");
	if (fd->event->resample && p.revents & POLLIN)
		return;
	if (p.revents != poll_events(fd->event))
		wrong("fd %zd: events %#x instead of %#x, with a count of %#llx",
		      fd - fds, p.revents, poll_events(fd->event),
		      (unsigned long long)fd->event->count);
}
