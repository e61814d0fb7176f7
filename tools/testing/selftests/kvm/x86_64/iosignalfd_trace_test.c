// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be seen of iosignalfds: debugfs' list, statistics, a tracepoint, and by kprobes
 * how a vCPU rings.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "io_flags.h"

#define DEBUGFS		"/sys/kernel/debug/kvm"

static FILE *open_list(struct kvm_vm *vm)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%d-%d/iosignalfds", getpid(), vm->fd);
	return fopen(path, "r");
}

/* Kernels without CONFIG_KVM_EVENTFD_DEBUGFS have no list. */
static bool has_list(struct kvm_vm *vm)
{
	FILE *f = open_list(vm);

	if (f)
		fclose(f);
	return f;
}

/* Has debugfs' list this line?  @lines: how many there are, the title included. */
static bool listed(struct kvm_vm *vm, const char *want, int *lines)
{
	FILE *f = open_list(vm);
	bool found = false;
	char line[256];

	TEST_ASSERT(f, "debugfs has no \"iosignalfds\": %s", strerror(errno));
	for (*lines = 0; fgets(line, sizeof(line), f); ++*lines) {
		line[strcspn(line, "\n")] = '\0';
		found |= !strcmp(line, want);
	}
	TEST_ASSERT(!ferror(f), "Reading the list: %s", strerror(errno));
	fclose(f);
	return found;
}

static void assert_listed(struct kvm_vm *vm, const char *want, int nr)
{
	bool found;
	int lines;

	found = listed(vm, want, &lines);
	TEST_ASSERT(found, "debugfs doesn't have the line '%s'", want);
	TEST_ASSERT(lines == nr + 1, "Wanted %d lines in debugfs, got %d", nr + 1, lines);
}

/* debugfs has a line for each registration: its arguments and how often it rang. */
TEST_F(bus, debugfs)
{
	const char *bus = self->flags ? "pio" : "mmio";
	struct kvm_iosignalfd sig = self->sig;
	char want[128], id[16];
	int i;

	if (!has_list(self->vm))
		SKIP(return, "debugfs has no \"iosignalfds\"");

	shown_eventfd_id(self->fd, id, sizeof(id));
	assert_listed(self->vm, "bus address length value eventfd-id rings flags", 0);

	io_assign_ok(self->vm, sig);
	snprintf(want, sizeof(want), "%s %#lx 4 any %s 0 -", bus, self->base, id);
	assert_listed(self->vm, want, 1);
	for (i = 0; i < 3; i++)
		assert_rings(self->vcpu, self->flags, sig.addr, 4, i, sig.fd);
	snprintf(want, sizeof(want), "%s %#lx 4 any %s 3 -", bus, self->base, id);
	assert_listed(self->vm, want, 1);

	sig.len = 2;
	sig.trigger = 0xabcd;
	sig.post_addr = (uintptr_t)self->page;
	sig.flags |= FLAG_TRIGGER | FLAG_FANOUT | FLAG_POST_WRITE | FLAG_HANGUP;
	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 2, 0xabcd, sig.fd);
	snprintf(want, sizeof(want), "%s %#lx 2 0xabcd %s 1 fph", bus, self->base, id);
	assert_listed(self->vm, want, 2);

	/* More than a page of them, so that the list is read in pieces. */
	sig = self->sig;
	sig.flags |= FLAG_TRIGGER;
	sig.addr += 8;
	for (i = 0; i < 500; i++) {
		sig.trigger = i;
		io_assign_ok(self->vm, sig);
	}
	snprintf(want, sizeof(want), "%s %#llx 4 0x1f3 %s 0 -", bus, sig.addr, id);
	assert_listed(self->vm, want, 502);

	sig = self->sig;
	sig.flags = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;
	io_assign_ok(self->vm, sig);
	snprintf(want, sizeof(want), "ccw %#lx 4 any %s 0 -", self->base, id);
	assert_listed(self->vm, want, 503);
}

/* The totals: the VM's registrations, and how often a vCPU rang one. */
TEST_F(bus, statistics)
{
	struct kvm_iosignalfd sig = self->sig;
	uint64_t got;
	int i;

	sig.flags |= FLAG_TRIGGER | FLAG_POST_WRITE;
	sig.post_addr = (uintptr_t)self->page;
	for (i = 0; i < 10; i++) {
		sig.trigger = i;
		io_assign_ok(self->vm, sig);
	}
	got = vm_stat(self->vm, "nr_iosignalfds");
	TEST_ASSERT(got == 10, "nr_iosignalfds: wanted 10, got %lu", got);

	for (i = 0; i < 20; i++)
		assert_write(self->vcpu, self->flags, sig.addr, 4, i, sig.fd, i < 10);
	got = vcpu_stat(self->vcpu, "iosignalfd_rings");
	TEST_ASSERT(got == 10, "iosignalfd_rings: wanted 10, got %lu", got);
	got = vcpu_stat(self->vcpu, "iosignalfd_post_faults");
	TEST_ASSERT(!got, "iosignalfd_post_faults: wanted 0, got %lu", got);

	TEST_ASSERT(!munmap(self->page, getpagesize()), "munmap(): %s", strerror(errno));
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 3, sig.fd);
	/* Pins a write that was counted in the exit path and once more after it. */
	got = vcpu_stat(self->vcpu, "iosignalfd_post_faults");
	TEST_ASSERT(got == 1, "iosignalfd_post_faults: wanted 1, got %lu", got);

	for (i = 0; i < 5; i++) {
		sig.trigger = i;
		io_unassign_ok(self->vm, sig);
	}
	got = vm_stat(self->vm, "nr_iosignalfds");
	TEST_ASSERT(got == 5, "nr_iosignalfds: wanted 5, got %lu", got);
}

/*
 * A ring is an event with the vCPU, bus, address, length and value; a write that doesn't
 * ring is no such event.  A port's write is one kvm_pio event, whether it rings or not.
 */
TEST_F(bus, tracepoint)
{
	const char *bus = self->flags ? "pio" : "mmio";
	struct kvm_iosignalfd sig = self->sig;
	char want[128], line[512];
	int events = 0, right = 0, outs = 0;
	FILE *f;

	if (access(TRACEFS "/events/kvm/kvm_iosignalfd_ring", R_OK))
		SKIP(return, "No event kvm_iosignalfd_ring in " TRACEFS);

	sig.flags |= FLAG_TRIGGER;
	sig.trigger = 0x77;
	io_assign_ok(self->vm, sig);
	ASSERT_TOLD(TRACEFS "/trace", O_TRUNC, "\n");
	ASSERT_TOLD(TRACEFS "/events/kvm/kvm_iosignalfd_ring/enable", 0, "1");
	ASSERT_TOLD(TRACEFS "/events/kvm/kvm_pio/enable", 0, "1");
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 0x77, sig.fd);
	assert_exits(self->vcpu, self->flags, sig.addr, 4, 0x78, sig.fd);
	ASSERT_TOLD(TRACEFS "/events/kvm/kvm_iosignalfd_ring/enable", 0, "0");
	ASSERT_TOLD(TRACEFS "/events/kvm/kvm_pio/enable", 0, "0");

	snprintf(want, sizeof(want), "vcpu 0 %s addr %#lx len 4 value 0x77\n", bus,
		 self->base);
	f = fopen(TRACEFS "/trace", "r");
	TEST_ASSERT(f, TRACEFS "/trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '#')
			continue;
		events += !!strstr(line, "kvm_iosignalfd_ring: ");
		right += !!strstr(line, want);
		outs += strstr(line, "kvm_pio: pio_write at 0x2000 size 4 count 1 val 0x77 ") ||
			strstr(line, "kvm_pio: pio_write at 0x2000 size 4 count 1 val 0x78 ");
	}
	fclose(f);
	TEST_ASSERT(events == 1 && right == 1, "Wanted one event '%s', got %d, %d of them right",
		    want, events, right);
	TEST_ASSERT(outs == (self->flags ? 2 : 0), "Wanted %d events kvm_pio, got %d",
		    self->flags ? 2 : 0, outs);
}

/*
 * A vCPU that signals holds the registration's lock with interrupts off, because
 * another vCPU may wait for that lock with interrupts off.  Pins a lock that was taken
 * with interrupts on outside of the exit path.
 */
TEST_F(bus, interrupts_off)
{
	struct kvm_iosignalfd sig = self->sig;
	uint64_t eflags[2];
	struct probe p;
	int nr;

	if (!access("/sys/kernel/realtime", R_OK))
		SKIP(return, "On PREEMPT_RT such a lock sleeps");
	if (!start_probe(&p, "eventfd_signal_mask value=%flags:x64", NULL))
		SKIP(return, "No kprobes");

	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);
	io_unassign_ok(self->vm, sig);
	sig.flags |= FLAG_POST_WRITE;
	sig.post_addr = (uintptr_t)self->page;
	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);

	nr = stop_probe(&p, eflags, ARRAY_SIZE(eflags));
	TEST_ASSERT(nr == 2, "Wanted 2 signals, got %d", nr);
	TEST_ASSERT(!((eflags[0] | eflags[1]) & PROBE_FLAGS_IF),
		    "Signalled with interrupts on: flags 0x%lx and 0x%lx", eflags[0], eflags[1]);
}

/*
 * A vCPU rings the same registration again without another look-up, though it has
 * written to other addresses in between.
 *
 * Pins a vCPU whose writes to a console evicted a doorbell from its cache.
 */
TEST_F(bus, remembers)
{
	struct kvm_iosignalfd sig = self->sig;
	char filter[64];
	struct probe p;
	int nr, i;

	/* Look-ups of this address on the port or memory bus. */
	snprintf(filter, sizeof(filter), "bus < 2 && value == %#lx", self->base);
	io_assign_ok(self->vm, sig);
	if (!start_probe(&p, "kvm_io_bus_write_points value=%dx:x64 bus=%si:u32", filter))
		SKIP(return, "No kprobes");

	assert_rings(self->vcpu, self->flags, sig.addr, 4, 0, sig.fd);
	/* A few writes for each entry of the vCPU's cache. */
	for (i = 1; i < 64; i++)
		assert_exits(self->vcpu, self->flags, sig.addr + 4 * i, 4, 0, sig.fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 0, sig.fd);

	nr = stop_probe(&p, NULL, 0);
	TEST_ASSERT(nr == 1, "Wanted one look-up, got %d", nr);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/* Hold a VM throughout, see iosignalfd_test.c. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
