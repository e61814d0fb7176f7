// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fuzzer's operations on irqfds: assign, deassign, acknowledge, and new routes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>

#include "model.h"

#define IOAPIC		0xfec00000

/* GSIs from this one on can't have routes. */
static uint32_t max_routes(void)
{
	static int max;

	if (!max)
		max = ioctl(tiny_kvm(), KVM_CHECK_EXTENSION, KVM_CAP_IRQ_ROUTING);
	return max;
}

uint32_t some_gsi(void)
{
	return one_in(40) ? max_routes() - rnd(2) : rnd(NR_GSIS + 4);
}

/* An irqfd that outlives the file is found by its GSI. */
bool can_keep(uint32_t flags, uint32_t gsi)
{
	return !(flags & KVM_IRQFD_FLAG_KEEP) || gsi < max_routes();
}

/* Of those that aren't a level irqfd's alone. */
uint32_t some_irqfd_flags(void)
{
	uint32_t flags = 0;

	if (one_in(4) && can_control())
		flags = one_in(2) ? KVM_IRQFD_FLAG_MASKED :
			one_in(2) ? KVM_IRQFD_FLAG_PENDING : KVM_IRQFD_CONTROL_FLAGS;
	if (one_in(2) && keep_ends())
		flags |= KVM_IRQFD_FLAG_KEEP;
	return flags;
}

void begin_irqfd(struct event *event, struct vm *vm, uint32_t gsi, uint32_t flags,
		 struct event *resamples)
{
	event->users++;
	event->vm = vm;
	event->gsi = gsi;
	event->keep = flags & KVM_IRQFD_FLAG_KEEP;
	event->masked = flags & KVM_IRQFD_FLAG_MASKED;
	event->held = event->masked && flags & KVM_IRQFD_FLAG_PENDING;
	if ((flags & KVM_IRQFD_CONTROL_FLAGS) == KVM_IRQFD_FLAG_PENDING)
		inject(event);
	if (resamples) {
		event->resamples = resamples;
		resamples->resample = true;
		resamples->users++;
	}
	event->stirs++;
	consume(event);
}

void do_assign_irqfd(void)
{
	struct vm *vm = some_vm();
	struct fd *fd = some_fd(), *resample = NULL;
	uint32_t gsi = some_gsi(), flags = some_irqfd_flags();
	struct event *kept = some_kept();
	int ret, want = 0;

	/* Several of a GSI, so that one deassign has several to end. */
	if (kept && flags & KVM_IRQFD_FLAG_KEEP && one_in(2)) {
		vm = kept->vm;
		gsi = kept->gsi;
	}
	if (!vm->open)
		return;
	if (vm->tiny.irqchip == CHIP_FULL && one_in(3)) {
		resample = some_resamplefd();
		gsi = 4 + rnd(4);
	}
	if (vm->tiny.irqchip == CHIP_NONE || !can_keep(flags, gsi) ||
	    (resample && flags & KVM_IRQFD_CONTROL_FLAGS))
		want = EINVAL;
	else if (fd_error(fd))
		want = fd_error(fd);
	else if (resample && fd_error(resample))
		want = fd_error(resample);
	else if (fd->event->vm)
		want = EBUSY;
	say("VM %zd: assign fd %zd to %sGSI %u, resample fd %zd, flags %#x", vm - vms,
	    fd - fds, resample ? "level " : "", gsi,
	    resample ? resample - fds : -1, flags);
	ret = tiny_irqfd(vm->tiny.fd, fd->fd, gsi,
			 flags | (resample ? KVM_IRQFD_FLAG_RESAMPLE : 0),
			 resample ? resample->fd : -1);
	expect("KVM_IRQFD", ret, want);
	if (want)
		return;
	begin_irqfd(fd->event, vm, gsi, flags, resample ? resample->event : NULL);
}

void do_deassign_irqfd(void)
{
	struct fd *fd = some_fd();
	struct event *event = fd->event;
	struct vm *vm = some_vm();
	uint32_t gsi = rnd(NR_GSIS);
	bool hit;

	if (event && event->vm && !one_in(6)) {
		vm = event->vm;
		if (!one_in(6))
			gsi = event->gsi;
	}
	if (!vm->open)
		return;
	hit = event && event->vm == vm && event->gsi == gsi;
	say("VM %zd: deassign fd %zd from GSI %u", vm - vms, fd - fds, gsi);
	if (hit && event->resamples)
		settle(vm);
	expect("KVM_IRQFD, deassign",
	       tiny_irqfd(vm->tiny.fd, fd->fd, gsi, KVM_IRQFD_FLAG_DEASSIGN, -1),
	       fd_error(fd));
	if (!hit)
		return;
	end_irqfd(event);
	take(event);
	event->stirs++;
	/* Deferred injections are done when deassign returns. */
	settle(vm);
}

/* By the GSI: all irqfds of it whose eventfds have been closed. */
void do_deassign_kept(void)
{
	struct fd *fd = one_in(12) ? some_fd() : NULL;
	struct event *kept = some_kept();
	struct vm *vm = some_vm();
	uint32_t gsi = one_in(12) ? UINT32_MAX - rnd(2) : some_gsi();

	if (kept && !one_in(6)) {
		vm = kept->vm;
		if (!one_in(6))
			gsi = kept->gsi;
	}
	if (!vm->open)
		return;
	say("VM %zd: deassign what is closed from GSI %u%s", vm - vms, gsi,
	    fd ? ", with a descriptor" : "");
	if (is_level(gsi))
		settle(vm);
	expect("KVM_IRQFD, deassign of what is closed",
	       tiny_irqfd(vm->tiny.fd, fd ? fd->fd : (int)KVM_IRQFD_CLOSED, gsi,
			  KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_KEEP, -1),
	       !keep_ends() || (fd && fd->fd >= 0) ? EINVAL : 0);
	if (fd && fd->fd >= 0)
		return;
	if (end_kept(vm, gsi))
		settle(vm);
}

static int control_error(struct vm *vm, struct fd *fd, uint32_t op, uint32_t gsi)
{
	struct event *event = fd->event;
	bool lost;

	if (fd_error(fd))
		return fd_error(fd);
	/* An irqfd that outlives the file is found by its GSI. */
	lost = op == KVM_IRQFD_CONTROL_MOVE && event->keep && gsi >= max_routes();
	return event->vm != vm ? ENOENT : event->resamples || lost ? EINVAL : 0;
}

/* Returns whether an event is pending after that, or has been injected by an unmask. */
static bool control(struct event *event, uint32_t op, uint32_t gsi)
{
	bool held = event->held;

	switch (op) {
	case KVM_IRQFD_CONTROL_MASK:
		event->masked = true;
		break;
	case KVM_IRQFD_CONTROL_UNMASK:
		event->masked = false;
		event->held = false;
		if (held)
			inject(event);
		break;
	case KVM_IRQFD_CONTROL_MOVE:
		event->gsi = gsi;
		break;
	}
	return held;
}

/* One irqfd or a few, of which one may come twice or fail. */
void do_control(void)
{
	static const char * const names[] = { "read", "mask", "unmask", "move" };
	struct kvm_irqfd_control_one some[4];
	uint32_t op = rnd(ARRAY_SIZE(names)), nr = one_in(3) ? 1 + rnd(4) : 1, i;
	uint64_t pending = 0, want_pending = 0;
	struct fd *files[ARRAY_SIZE(some)];
	struct vm *vm = some_vm();
	int ret, want = 0;

	for (i = 0; i < nr; i++) {
		files[i] = some_fd();
		if (files[i]->event && files[i]->event->vm && (!i || one_in(2)) && !one_in(6))
			vm = files[i]->event->vm;
		some[i].fd = files[i]->fd;
		some[i].gsi = some_gsi();
	}
	if (!vm->open || !can_control())
		return;
	say("VM %zd: %s %u irqfds, the first one fd %zd, GSI %u", vm - vms, names[op], nr,
	    files[0] - fds, some[0].gsi);
	/* What was left to the worker goes by the GSI of the time before. */
	if (op != KVM_IRQFD_CONTROL_READ)
		settle(vm);
	ret = tiny_control(vm->tiny.fd, op, some, nr, &pending);
	for (i = 0; i < nr; i++) {
		want = control_error(vm, files[i], op, some[i].gsi);
		if (want)
			break;
		want_pending |= (uint64_t)control(files[i]->event, op, some[i].gsi) << i;
	}
	if (i) {
		expect("KVM_IRQFD_CONTROL", ret, 0);
		if (ret != (int)i)
			wrong("%d irqfds are done instead of %u", ret, i);
	} else {
		expect("KVM_IRQFD_CONTROL", ret, want);
	}
	if (pending != want_pending)
		wrong("pending events are %#llx instead of %#llx",
		      (unsigned long long)pending, (unsigned long long)want_pending);
	/* From now on nothing comes but by an unmask. */
	if (op == KVM_IRQFD_CONTROL_MASK)
		settle(vm);
}

/* Have a GSI lead to its pins, to its MSI or nowhere. */
static void pick_route(struct vm *vm, uint32_t gsi, struct tiny_routes *routes)
{
	bool any = !one_in(6), pin = pin_exists(vm, gsi) && !one_in(4);

	/* Level pins keep their route, because of level irqfds. */
	if (is_level(gsi)) {
		any = true;
		pin = pin_exists(vm, gsi);
	}
	vm->pin_route[gsi] = any && pin;
	vm->msi_route[gsi] = any && !pin;
	/* The second of two injections may still come by the new route. */
	if (vm->msi_route[gsi] && vm->may[PIN_VECTOR(gsi)])
		vm->may[MSI_VECTOR(gsi)] = true;
	if (vm->pin_route[gsi])
		tiny_route_pin(routes, gsi, one_in(3));
	if (vm->msi_route[gsi])
		tiny_route_msi(routes, gsi);
}

void do_routes(void)
{
	struct vm *vm = some_vm();
	struct tiny_routes routes = {};
	uint32_t gsi;

	if (!vm->open || vm->tiny.irqchip == CHIP_NONE)
		return;
	/* Deferred injections use the routes at the time of the work: settle them first. */
	settle(vm);
	say("VM %zd: routes", vm - vms);
	for (gsi = 0; gsi < NR_GSIS; gsi++)
		pick_route(vm, gsi, &routes);
	vm->routes = routes;
	vm->routed = true;
	expect("KVM_SET_GSI_ROUTING",
	       ioctl(vm->tiny.fd, KVM_SET_GSI_ROUTING, &routes), 0);
}

/* One to three GSIs' routes; the others' stay. */
void do_some_routes(void)
{
	struct tiny_routes named = {}, all = {};
	unsigned int i, first, nr = 1 + rnd(3);
	struct vm *vm = some_vm();
	bool chosen[NR_GSIS] = {};
	uint32_t gsi;

	/* Nobody knows what the irqchip's default table has. */
	if (!vm->open || !vm->routed)
		return;
	settle(vm);
	say("VM %zd: %u routes", vm - vms, nr);
	while (nr--)
		chosen[rnd(NR_GSIS)] = true;

	for (i = 0; i < vm->routes.head.nr; i++)
		if (!chosen[vm->routes.entries[i].gsi])
			all.entries[all.head.nr++] = vm->routes.entries[i];
	for (gsi = 0; gsi < NR_GSIS; gsi++) {
		if (!chosen[gsi])
			continue;
		first = all.head.nr;
		pick_route(vm, gsi, &all);
		for (i = first; i < all.head.nr; i++)
			named.entries[named.head.nr++] = all.entries[i];
		if (first == all.head.nr)
			tiny_route_none(&named, gsi);
	}
	vm->routes = all;
	expect("KVM_SET_GSI_ROUTES",
	       tiny_set_gsi_routes(vm->tiny.fd, named.entries, named.head.nr), 0);
}

void do_interrupts(void)
{
	struct vm *vm = some_vm();

	say("VM %zd: interrupts", vm - vms);
	if (vm->open)
		settle(vm);
}

/* Signal the resamplefds of a pin's level irqfds; returns how many irqfds there are. */
static int tell_all(struct vm *vm, uint32_t pin)
{
	struct event *event;
	int nr_told = 0;

	for (event = events; event; event = event->next) {
		if (event->vm != vm || event->gsi != pin || !event->resamples)
			continue;
		nr_told++;
		signal_event(event->resamples);
	}
	return nr_told;
}

/* Does the pin wait for the guest's acknowledge of an earlier interrupt? */
static bool is_in_service(struct vm *vm, uint32_t pin)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	if (ioctl(vm->tiny.fd, KVM_GET_IRQCHIP, &chip))
		die("KVM_GET_IRQCHIP");
	return chip.chip.ioapic.redirtbl[pin].fields.remote_irr;
}

/*
 * The guest masks a level pin or unmasks it.  At an unmask KVM takes back what level
 * irqfds have raised and signals their resamplefds.  If they raised it in another VM,
 * the guest may be interrupted and has to acknowledge.  A pin with an interrupt in
 * service stays as it is until the guest acknowledges that.
 */
void do_mask(void)
{
	struct vm *vm = some_vm();
	uint32_t pin = 4 + rnd(4);
	struct outcome o;
	bool in_service;

	if (!vm->open || !vm->running || vm->tiny.irqchip != CHIP_FULL)
		return;
	settle(vm);
	in_service = is_in_service(vm, pin);
	vm->masked[pin] = !vm->masked[pin];
	say("VM %zd: %smask GSI %u", vm - vms, vm->masked[pin] ? "" : "un", pin);
	tiny_access(&vm->tiny, STORE4, IOAPIC, 0x10 + 2 * pin, &o);
	tiny_access(&vm->tiny, STORE4, IOAPIC + 0x10,
		    PIN_VECTOR(pin) | 1 << 15 | vm->masked[pin] << 16, &o);
	if (vm->masked[pin] || in_service)
		return;
	vm->may[PIN_VECTOR(pin)] = true;
	if (vm->foreign[pin])
		vm->unsure[pin] = true;
	if (vm->unsure[pin] || !vm->up[pin])
		return;
	tell_all(vm, pin);
	vm->up[pin] = false;
}

/* The guest acknowledges a level pin: KVM lowers the line and signals all resamplefds. */
void do_acknowledge(void)
{
	struct vm *vm = some_vm();
	uint32_t pin = 4 + rnd(4);
	bool worker_is_done;
	int nr_told;

	if (!vm->open || vm->tiny.irqchip != CHIP_FULL)
		return;
	/*
	 * KVM may attribute an EOI that fits no pin to any pin that a restored state has in
	 * service, because the state doesn't have its vector.
	 */
	if (vm->restored && !is_in_service(vm, pin))
		return;
	say("VM %zd: acknowledge GSI %u", vm - vms, pin);
	settle(vm);
	/* If the model isn't sure of the line, the worker may be about to raise it. */
	worker_is_done = wait_for_worker(vm);
	tiny_end_of_interrupt(&vm->tiny, PIN_VECTOR(pin));
	/* With the pin masked KVM signals at the unmask. */
	if (vm->masked[pin])
		return;
	nr_told = tell_all(vm, pin);
	if (!nr_told)
		return;
	vm->up[pin] = false;
	if (vm->foreign[pin] && worker_is_done) {
		vm->foreign[pin] = false;
		vm->unsure[pin] = false;
	}
}
