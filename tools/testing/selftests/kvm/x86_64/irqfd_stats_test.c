// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: its list in debugfs and its statistics, and that an MSI needs no other task.
 *
 * All tests but the last one are of interfaces that other kernels don't have; they are
 * skipped there.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>

#include "apic.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

FIXTURE(stats) {
	struct irq_vm v;
	int fd;
};

FIXTURE_SETUP(stats)
{
	irq_vm_init(&self->v);
	self->fd = new_eventfd();
}

FIXTURE_TEARDOWN(stats)
{
	close(self->fd);
	irq_vm_free(&self->v);
}

/* A line of debugfs' "irqfds". */
struct line {
	unsigned int gsi;
	char route[64];
	char eventfd[16];
	char flags[64];
	uint64_t wakeup;
	uint64_t work;
	uint64_t undeliverable;
};

static bool read_line(FILE *f, struct line *line)
{
	char text[256];
	int got;

	if (!fgets(text, sizeof(text), f))
		return false;
	got = sscanf(text,
		     "gsi=%u route=%63s eventfd=%15s flags=%63s wakeup=%lu work=%lu undeliverable=%lu",
		     &line->gsi, line->route, line->eventfd, line->flags, &line->wakeup,
		     &line->work, &line->undeliverable);
	TEST_ASSERT(got == 7, "Wanted 7 values, got %d: %s", got, text);
	return true;
}

/* Returns the number of lines, and @gsi's line in @found. */
static int look(struct kvm_vm *vm, uint32_t gsi, struct line *found)
{
	FILE *f = open_irqfds(vm);
	struct line line;
	int nr = 0;

	TEST_ASSERT(f, "debugfs has no \"irqfds\": %s", strerror(errno));
	while (read_line(f, &line)) {
		if (line.gsi == gsi)
			*found = line;
		nr++;
	}
	fclose(f);
	return nr;
}

static bool has_irqfds_file(struct kvm_vm *vm)
{
	FILE *f = open_irqfds(vm);

	if (f)
		fclose(f);
	return f;
}

static void assert_line(struct kvm_vm *vm, uint32_t gsi, const char *route, const char *flags,
			uint64_t wakeup, uint64_t work, uint64_t undeliverable)
{
	struct line line = {};

	look(vm, gsi, &line);
	TEST_ASSERT(!strcmp(line.route, route) && !strcmp(line.flags, flags) &&
		    line.wakeup == wakeup && line.work == work &&
		    line.undeliverable == undeliverable,
		    "GSI %u: wanted %s %s %lu %lu %lu, got %s %s %lu %lu %lu", gsi, route, flags,
		    wakeup, work, undeliverable, line.route, line.flags, line.wakeup, line.work,
		    line.undeliverable);
}

TEST_F(stats, debugfs)
{
	int fd = new_eventfd(), level_fd = new_eventfd(), resamplefd = new_eventfd(), i;
	const struct kvm_irq_routing_entry other = msi_route(GSI_MSI2, VECTOR);
	struct kvm_vm *vm = self->v.vm;
	struct line line = {};
	char pin[32], id[16];

	TEST_REQUIRE(has_irqfds_file(vm));
	TEST_ASSERT(!look(vm, 0, &line), "Wanted no line without an irqfd");

	assign_ok(vm, self->fd, GSI_MSI2);
	assign_ok(vm, fd, GSI_WORKER);
	assign_resample_ok(vm, level_fd, GSI_LEVEL, resamplefd);
	TEST_ASSERT(look(vm, GSI_MSI2, &line) == 3, "Wanted 3 lines");
	shown_eventfd_id(self->fd, id, sizeof(id));
	TEST_ASSERT(!strcmp(line.eventfd, id), "Wanted eventfd %s, got %s", id, line.eventfd);
	assert_line(vm, GSI_MSI2, "unresolved", "-", 0, 0, 0);
	assert_line(vm, GSI_LEVEL, "unresolved", "resample", 0, 0, 0);

	for (i = 1; i <= 5; i++) {
		add(self->fd, 1);
		add(fd, 1);
		wait_for_irqs(&self->v, VECTOR, i);
		wait_for_irqs(&self->v, VECTOR2, i);
		/* KVM counts the event when the line is down again. */
		wait_for_worker(&self->v);
	}
	assert_line(vm, GSI_MSI2, "msi:0xfee00000:0x60", "-", 5, 0, 0);
	assert_line(vm, GSI_WORKER, "msi:0xfeeff000:0x50", "-", 0, 5, 0);

	/* A level irqfd's route is its pin, which the wake-up or the worker raises. */
	snprintf(pin, sizeof(pin), "irqchip:2.%u", GSI_LEVEL);
	add(level_fd, 1);
	WAIT_FOR((look(vm, GSI_LEVEL, &line), line.wakeup + line.work == 1),
		 "Wanted the line raised");
	assert_line(vm, GSI_LEVEL, pin, "resample", line.wakeup, line.work, 0);

	/* An irqfd looks its new route up at the next event, and is stale until then. */
	set_routes(vm, &other, 1);
	assert_line(vm, GSI_MSI2, "msi:0xfee00000:0x60", "stale", 5, 0, 0);
	add(self->fd, 1);
	assert_line(vm, GSI_MSI2, "msi:0xfee00000:0x50", "-", 6, 0, 0);
	add(fd, 1);
	assert_line(vm, GSI_WORKER, "none", "-", 0, 5, 1);

	/* An irqfd that ends leaves the list, by DEASSIGN or by hang-up. */
	unassign_ok(vm, self->fd, GSI_MSI2);
	close(fd);
	WAIT_FOR(look(vm, 0, &line) == 1, "Wanted one line to be left");
	close(level_fd);
	WAIT_FOR(!look(vm, 0, &line), "Wanted no line to be left");
	close(resamplefd);
}

/* Each of hundreds of irqfds has one line, in as many reads as the file takes. */
TEST_F(stats, debugfs_many)
{
	enum { nr = 500 };
	bool seen[nr] = {};
	struct line line;
	char id[16];
	int *fds, i;
	FILE *f;

	TEST_REQUIRE(has_irqfds_file(self->v.vm));
	fds = calloc(nr, sizeof(*fds));
	for (i = 0; i < nr; i++) {
		fds[i] = new_eventfd();
		assign_ok(self->v.vm, fds[i], i);
	}

	f = open_irqfds(self->v.vm);
	for (i = 0; read_line(f, &line); i++) {
		TEST_ASSERT(line.gsi < nr && !seen[line.gsi], "Line %d: GSI %u", i, line.gsi);
		seen[line.gsi] = true;
		shown_eventfd_id(fds[line.gsi], id, sizeof(id));
		TEST_ASSERT(!strcmp(line.eventfd, id), "GSI %u: wanted eventfd %s, got %s",
			    line.gsi, id, line.eventfd);
	}
	fclose(f);
	TEST_ASSERT(i == nr, "Wanted %d lines, got %d", nr, i);

	for (i = 0; i < nr; i++)
		close(fds[i]);
	free(fds);
}

/*
 * Each irqfd that is there all the time is shown once, though others come and go while
 * the file is read.
 *
 * Pins positions that were counted from the beginning of the list: an irqfd that went
 * made the reader skip another one, and one that came made it show another one twice.
 */
TEST_F(stats, debugfs_changing)
{
	const int nr = 500, some = 20, left = nr - some / 4 - 2;
	int *fds, *shown, i, j;
	struct line line;
	FILE *f;

	TEST_REQUIRE(has_irqfds_file(self->v.vm));
	fds = calloc(nr, sizeof(*fds));
	shown = calloc(nr, sizeof(*shown));
	for (i = 0; i < nr; i++) {
		fds[i] = new_eventfd();
		assign_ok(self->v.vm, fds[i], i);
	}

	/* The first lines, and as many as the kernel hands out with them. */
	f = open_irqfds(self->v.vm);
	for (i = 0; i < some; i++) {
		TEST_ASSERT(read_line(f, &line), "Wanted more lines");
		shown[line.gsi]++;
	}
	/* Some that were shown are deassigned, and some of these are assigned again. */
	for (i = 0, j = 0; i < nr && j < some / 2; i++) {
		if (shown[i]) {
			unassign_ok(self->v.vm, fds[i], i);
			if (j++ & 1)
				assign_ok(self->v.vm, fds[i], i);
		}
	}
	while (read_line(f, &line)) {
		shown[line.gsi]++;
		/* Deassign the irqfd that was shown last, and one that may be the next. */
		if (line.gsi == nr / 2) {
			unassign_ok(self->v.vm, fds[nr / 2], nr / 2);
			unassign_ok(self->v.vm, fds[0], 0);
			shown[0] = 1;
		}
	}
	for (i = 0; i < nr; i++)
		TEST_ASSERT(shown[i] == 1, "GSI %d: wanted 1 line, got %d", i, shown[i]);
	fclose(f);

	/* Two readers take turns, each with a position of its own. */
	for (j = 0; j < 2; j++) {
		FILE *other = open_irqfds(self->v.vm);
		int got[2] = {};

		f = open_irqfds(self->v.vm);
		for (i = 0; i < nr; i++) {
			got[0] += read_line(f, &line);
			got[1] += read_line(other, &line);
		}
		TEST_ASSERT(got[0] == left && got[1] == left,
			    "Two readers: wanted %d lines each, got %d and %d", left, got[0],
			    got[1]);
		fclose(other);
		fclose(f);
	}

	for (i = 0; i < nr; i++)
		close(fds[i]);
	free(shown);
	free(fds);
}

static bool has_stats(struct kvm_vm *vm)
{
	uint64_t value;

	return find_vm_stat(vm, "irqfd_injected", &value);
}

static void assert_stats(struct kvm_vm *vm, uint64_t injected, uint64_t work, uint64_t lost)
{
	uint64_t got[] = {
		vm_stat(vm, "irqfd_injected"), vm_stat(vm, "irqfd_injected_from_work"),
		vm_stat(vm, "irqfd_undeliverable"),
	};

	TEST_ASSERT(got[0] == injected && got[1] == work && got[2] == lost,
		    "Wanted %lu injected, %lu from work, %lu undeliverable, got %lu, %lu, %lu",
		    injected, work, lost, got[0], got[1], got[2]);
}

/* The totals stay when an irqfd goes. */
TEST_F(stats, totals)
{
	struct kvm_vm *vm = self->v.vm;
	int fd = new_eventfd(), i;

	TEST_REQUIRE(has_stats(vm));
	assert_stats(vm, 0, 0, 0);

	assign_ok(vm, self->fd, GSI_MSI2);
	assign_ok(vm, fd, GSI_WORKER);
	for (i = 1; i <= 10; i++) {
		add(self->fd, 1);
		add(fd, 1);
		wait_for_irqs(&self->v, VECTOR, i);
		wait_for_irqs(&self->v, VECTOR2, i);
	}
	unassign_ok(vm, self->fd, GSI_MSI2);
	unassign_ok(vm, fd, GSI_WORKER);
	assert_stats(vm, 10, 10, 0);

	assign_ok(vm, self->fd, GSI_MSI2);
	add(self->fd, 1);
	assert_stats(vm, 11, 10, 0);
	close(fd);
}

/*
 * A statistic that is set to 0 counts on from there.
 *
 * Pins one that counted earlier events as well, unless it was read just before.
 */
TEST_F(stats, cleared)
{
	struct kvm_vm *vm = self->v.vm;
	char path[128];
	int i;

	TEST_REQUIRE(has_stats(vm));
	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/irqfd_injected", getpid(),
		 vm->fd);
	TEST_REQUIRE(!access(path, W_OK));

	assign_ok(vm, self->fd, GSI_MSI);
	for (i = 0; i < 10; i++)
		add(self->fd, 1);
	ASSERT_TOLD(path, 0, "0");
	assert_stats(vm, 0, 0, 0);
	for (i = 0; i < 5; i++)
		add(self->fd, 1);
	assert_stats(vm, 5, 0, 0);
	unassign_ok(vm, self->fd, GSI_MSI);
	assert_stats(vm, 5, 0, 0);
}

struct stats_reader {
	pthread_t thread;
	struct kvm_vm *vm;
	bool stop;
};

static void *read_on(void *arg)
{
	struct stats_reader *r = arg;
	uint64_t last = 0, got;

	while (!READ_ONCE(r->stop)) {
		got = vm_stat(r->vm, "irqfd_injected");
		TEST_ASSERT(got >= last, "irqfd_injected went from %lu to %lu", last, got);
		last = got;
	}
	return NULL;
}

/* Each event counts once, while threads read the statistic and irqfds end. */
TEST_F(stats, totals_under_fire)
{
	struct stats_reader readers[2] = {};
	const int nr = 200, times = rounds(20);
	struct kvm_vm *vm = self->v.vm;
	int fds[nr], i, j;

	TEST_REQUIRE(has_stats(vm));
	assert_stats(vm, 0, 0, 0);
	for (i = 0; i < nr; i++) {
		fds[i] = new_eventfd();
		assign_ok(vm, fds[i], GSI_MSI);
	}
	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		readers[i].vm = vm;
		TEST_ASSERT(!pthread_create(&readers[i].thread, NULL, read_on, &readers[i]),
			    "pthread_create() failed");
	}

	for (j = 0; j < times; j++) {
		for (i = 0; i < nr; i++) {
			add(fds[i], 1);
			if ((i + j) % 3)
				continue;
			unassign_ok(vm, fds[i], GSI_MSI);
			assign_ok(vm, fds[i], GSI_MSI);
		}
	}

	for (i = 0; i < ARRAY_SIZE(readers); i++) {
		WRITE_ONCE(readers[i].stop, true);
		TEST_ASSERT(!pthread_join(readers[i].thread, NULL), "pthread_join() failed");
	}
	assert_stats(vm, times * nr, 0, 0);
	for (i = 0; i < nr; i++)
		close(fds[i]);
	assert_stats(vm, times * nr, 0, 0);
}

/*
 * However many irqfds there are, KVM adds up no more than a few before interrupts are on
 * again.
 *
 * Pins a walk through all of them with interrupts off.
 */
TEST_F(stats, batches)
{
	const int nr = 900, few = 100;
	uint64_t flags[nr];
	int fds[nr], i, got;
	struct probe p;

	TEST_REQUIRE(has_stats(self->v.vm));
	for (i = 0; i < nr; i++) {
		fds[i] = new_eventfd();
		assign_ok(self->v.vm, fds[i], GSI_MSI);
	}
	assert_stats(self->v.vm, 0, 0, 0);

	if (!start_probe(&p, "irqfd_fold_some value=%flags:x64", NULL))
		SKIP(return, "No kprobes");
	vm_stat(self->v.vm, "irqfd_injected");
	got = stop_probe(&p, flags, nr);
	TEST_ASSERT(got >= nr / few && got <= nr, "%d irqfds are added up in %d batches", nr, got);
	for (i = 0; i < got; i++)
		TEST_ASSERT(flags[i] & PROBE_FLAGS_IF, "Batch %d begins with interrupts off", i);

	for (i = 0; i < nr; i++)
		close(fds[i]);
}

static void assert_nr(struct kvm_vm *vm, uint64_t want)
{
	WAIT_FOR(vm_stat(vm, "nr_irqfds") == want, "nr_irqfds: wanted %lu, got %lu", want,
		 vm_stat(vm, "nr_irqfds"));
}

/*
 * The statistic counts an irqfd until its end is complete and its line is down, also
 * after its eventfd is closed.
 */
TEST_F(stats, number)
{
	int fd = new_eventfd(), resamplefd = new_eventfd(), i;
	struct kvm_vm *vm = self->v.vm;

	TEST_REQUIRE(has_stats(vm));
	for (i = 0; i < 20; i++) {
		assert_nr(vm, 0);
		assign_ok(vm, self->fd, GSI_MSI2);
		assert_nr(vm, 1);
		assign_resample_ok(vm, fd, GSI_LEVEL, resamplefd);
		assert_nr(vm, 2);
		add(fd, 1);
		WAIT_FOR(ioapic_state(vm).irr & (1u << GSI_LEVEL), "Wanted the line up");

		close(fd);
		assert_nr(vm, 1);
		TEST_ASSERT(!(ioapic_state(vm).irr & (1u << GSI_LEVEL)), "Wanted the line down");
		fd = new_eventfd();
		unassign_ok(vm, self->fd, GSI_MSI2);
	}
	assert_nr(vm, 0);
	close(fd);
	close(resamplefd);
}

/*
 * KVM counts an event that it can't deliver.
 *
 * Linux up to 6.12 and later drops it without a trace.
 */
TEST_F(stats, undeliverable)
{
	struct kvm_irq_routing_entry route = msi_route(GSI_MSI, VECTOR);
	struct kvm_vm *vm = self->v.vm;
	int fd = new_eventfd();

	TEST_REQUIRE(has_stats(vm));

	/* A GSI that no table can have. */
	assign_ok(vm, fd, ~0u);
	add(fd, 1);
	assert_stats(vm, 0, 0, 1);
	unassign_ok(vm, fd, ~0u);

	/* No vCPU there. */
	route.u.msi.address_lo |= 7 << 12;
	set_routes(vm, &route, 1);
	assign_ok(vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_stats(vm, 0, 0, 2);

	/* A logical destination that no vCPU has: id 0 has the lowest bit. */
	route.u.msi.address_lo = APIC_DEFAULT_GPA | 6 << 12 | 1 << 2;
	set_routes(vm, &route, 1);
	add(self->fd, 1);
	assert_stats(vm, 0, 0, 3);

	/* No route at all, and one again. */
	set_routes(vm, NULL, 0);
	add(self->fd, 1);
	assert_stats(vm, 0, 0, 4);
	set_msi_route(vm, VECTOR);
	add(self->fd, 1);
	assert_stats(vm, 1, 0, 4);
	assert_irqs(&self->v, VECTOR, 1);
	close(fd);
}

/* Each event is undeliverable, the first and later ones, while GSI_MSI has @route. */
static void assert_lost(struct irq_vm *v, int fd, const struct kvm_irq_routing_entry *route,
			const char *what)
{
	uint64_t before = vm_stat(v->vm, "irqfd_undeliverable"), lost;
	int i;

	set_routes(v->vm, route, 1);
	for (i = 0; i < 3; i++)
		add(fd, 1);
	lost = vm_stat(v->vm, "irqfd_undeliverable") - before;
	TEST_ASSERT(lost == 3, "%s: wanted 3 undeliverable, got %lu", what, lost);
	TEST_ASSERT(!take(fd), "%s: wanted the counter to be consumed", what);
	assert_stats(v->vm, 0, 0, before + 3);
}

/* Messages that no local APIC accepts, for each reason. */
TEST_F(stats, undeliverable_msi)
{
	struct kvm_irq_routing_entry route = msi_route(GSI_MSI, VECTOR);
	struct kvm_lapic_state lapic;
	struct kvm_vm *vm = self->v.vm;

	TEST_REQUIRE(has_stats(vm));
	assign_ok(vm, self->fd, GSI_MSI);

	route.u.msi.data = VECTOR | APIC_DM_EXTINT;
	assert_lost(&self->v, self->fd, &route, "ExtINT");

	/* Lowest priority of a logical destination that no vCPU has. */
	route.u.msi.address_lo = APIC_DEFAULT_GPA | 6 << 12 | 1 << 3 | 1 << 2;
	route.u.msi.data = VECTOR | APIC_DM_LOWEST;
	assert_lost(&self->v, self->fd, &route, "Lowest priority");

	/* A local APIC that its guest has disabled. */
	vcpu_ioctl(self->v.vcpu, KVM_GET_LAPIC, &lapic);
	lapic.regs[APIC_SPIV + 1] &= ~(APIC_SPIV_APIC_ENABLED >> 8);
	vcpu_ioctl(self->v.vcpu, KVM_SET_LAPIC, &lapic);
	route = msi_route(GSI_MSI, VECTOR);
	assert_lost(&self->v, self->fd, &route, "Disabled");

	/* These bits are reserved once the other upper bits are part of a destination. */
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_X2APIC_API) & KVM_X2APIC_API_USE_32BIT_IDS);
	lapic.regs[APIC_SPIV + 1] |= APIC_SPIV_APIC_ENABLED >> 8;
	vcpu_ioctl(self->v.vcpu, KVM_SET_LAPIC, &lapic);
	route.u.msi.address_hi = 1;
	set_routes(vm, &route, 1);
	vm_enable_cap(vm, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS);
	add(self->fd, 1);
	assert_stats(vm, 0, 0, 10);
}

/* A synthetic interrupt of a vCPU that isn't there. */
TEST_F(stats, undeliverable_sint)
{
	const struct kvm_irq_routing_entry route = {
		.gsi = GSI_MSI,
		.type = KVM_IRQ_ROUTING_HV_SINT,
		.u.hv_sint.vcpu = 7,
		.u.hv_sint.sint = 2,
	};

	TEST_REQUIRE(has_stats(self->v.vm));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_HYPERV_SYNIC));
	assign_ok(self->v.vm, self->fd, GSI_MSI);
	assert_lost(&self->v, self->fd, &route, "No vCPU");
}

/* An event for a masked pin counts as well, the IOAPIC's and the PIC's. */
TEST_F(stats, masked)
{
	const struct kvm_irq_routing_entry pic = chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER,
							    GSI_BOTH);
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct kvm_vm *vm = self->v.vm;

	TEST_REQUIRE(has_stats(vm));
	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	chip.chip.ioapic.redirtbl[GSI_IOAPIC].fields.mask = 1;
	vm_ioctl(vm, KVM_SET_IRQCHIP, &chip);

	assign_ok(vm, self->fd, GSI_IOAPIC);
	add(self->fd, 1);
	unassign_ok(vm, self->fd, GSI_IOAPIC);
	assert_stats(vm, 0, 0, 1);

	pic_mask_all(vm);
	set_routes(vm, &pic, 1);
	assign_ok(vm, self->fd, GSI_BOTH);
	add(self->fd, 1);
	unassign_ok(vm, self->fd, GSI_BOTH);
	assert_stats(vm, 0, 0, 2);
}

static uint64_t switches(void)
{
	uint64_t ctxt = 0;
	char text[4096];
	FILE *f;

	f = fopen("/proc/stat", "r");
	TEST_ASSERT(f, "/proc/stat: %s", strerror(errno));
	while (fgets(text, sizeof(text), f))
		if (sscanf(text, "ctxt %lu", &ctxt) == 1)
			break;
	fclose(f);
	return ctxt;
}

/*
 * An MSI needs no task but the one that signals: on all processors a signal causes at
 * most a tenth of a context switch more than the same MSI injected by an ioctl.
 */
TEST_F(stats, no_context_switch)
{
	const int nr = 20000;
	struct kvm_msi msi = { .address_lo = APIC_DEFAULT_GPA, .data = VECTOR };
	struct kvm_vm *vm = self->v.vm;
	struct rusage before, after;
	uint64_t by_ioctl, all;
	int i;

	assign_ok(vm, self->fd, GSI_MSI);
	add(self->fd, 1);

	by_ioctl = switches();
	for (i = 0; i < nr; i++)
		TEST_ASSERT(__vm_ioctl(vm, KVM_SIGNAL_MSI, &msi) >= 0,
			    KVM_IOCTL_ERROR(KVM_SIGNAL_MSI, -1));
	by_ioctl = switches() - by_ioctl;

	TEST_ASSERT(!getrusage(RUSAGE_THREAD, &before), "getrusage(): %s", strerror(errno));
	all = switches();
	for (i = 0; i < nr; i++)
		add(self->fd, 1);
	all = switches() - all;
	TEST_ASSERT(!getrusage(RUSAGE_THREAD, &after), "getrusage(): %s", strerror(errno));

	TEST_ASSERT(after.ru_nvcsw == before.ru_nvcsw,
		    "%d signals: wanted never to wait, did %ld times", nr,
		    after.ru_nvcsw - before.ru_nvcsw);
	TEST_ASSERT(all < by_ioctl + nr / 10,
		    "%d signals: %lu context switches, %lu with the ioctl", nr, all, by_ioctl);
	assert_irqs(&self->v, VECTOR, 1);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_BINARY_STATS_FD));

	/* So that not every subtest switches virtualization on and off. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
