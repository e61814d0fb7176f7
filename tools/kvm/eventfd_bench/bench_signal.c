// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a signal costs until its interrupt is in the vCPU's local APIC: of an MSI, of a
 * pin of the IOAPIC's, of one of the PIC's as well, and of a level irqfd.
 */
#include "eventfd_bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The pins of the same numbers, of the IOAPIC and, of PICS_GSI, of the PIC as well. */
#define EDGE_GSI	5U
#define PICS_GSI	6U
#define LEVEL_GSI	7U
/* To a vCPU that there is, and to none. */
#define MSI_GSI		24U
#define LOST_GSI	25U

#define VECTOR		(GUEST_VECTOR + GUEST_IRQ_MSI)
#define NO_APIC_ID	9U

#define NR_SIGNALS	16U

/* A VM, and the state that each signal finds. */
struct signals {
	struct tinyvm vm;
	struct kvm_lapic_state lapic;
	struct kvm_irqchip ioapic, pic;
	int fd;
};

static void get_state(struct signals *q)
{
	q->ioapic.chip_id = KVM_IRQCHIP_IOAPIC;
	q->pic.chip_id = KVM_IRQCHIP_PIC_MASTER;
	if (ioctl(q->vm.vcpu, KVM_GET_LAPIC, &q->lapic) ||
	    ioctl(q->vm.fd, KVM_GET_IRQCHIP, &q->ioapic) ||
	    ioctl(q->vm.fd, KVM_GET_IRQCHIP, &q->pic))
		tinyvm_die("state of the irqchips");
}

static void set_state(struct signals *q)
{
	if (ioctl(q->vm.vcpu, KVM_SET_LAPIC, &q->lapic) ||
	    ioctl(q->vm.fd, KVM_SET_IRQCHIP, &q->ioapic) ||
	    ioctl(q->vm.fd, KVM_SET_IRQCHIP, &q->pic))
		tinyvm_die("state of the irqchips");
}

static void set_pin(struct signals *q, unsigned int pin, bool level)
{
	struct kvm_ioapic_state *s = &q->ioapic.chip.ioapic;

	memset(&s->redirtbl[pin], 0, sizeof(s->redirtbl[pin]));
	s->redirtbl[pin].fields.vector = VECTOR;
	s->redirtbl[pin].fields.trig_mode = level;
}

static void signals_create(struct signals *q)
{
	struct kvm_irq_routing *routes = tinyvm_new_routes(6);
	struct kvm_irq_routing_entry *e;

	tinyvm_create(&q->vm, true);
	tinyvm_route_ioapic(routes, EDGE_GSI, EDGE_GSI);
	tinyvm_route_ioapic(routes, PICS_GSI, PICS_GSI);
	tinyvm_route_ioapic(routes, PICS_GSI, PICS_GSI);
	routes->entries[routes->nr - 1].u.irqchip.irqchip = KVM_IRQCHIP_PIC_MASTER;
	tinyvm_route_ioapic(routes, LEVEL_GSI, LEVEL_GSI);
	tinyvm_route_msi(routes, MSI_GSI, VECTOR);
	tinyvm_route_msi(routes, LOST_GSI, VECTOR);
	e = &routes->entries[routes->nr - 1];
	e->u.msi.address_lo |= NO_APIC_ID << 12;
	must(tinyvm_set_routes(&q->vm, routes), "KVM_SET_GSI_ROUTING");

	/* It enables the local APIC. */
	tinyvm_call(&q->vm, guest_irq_setup, 0, 0, 0);
	if (!tinyvm_run(&q->vm))
		tinyvm_die("guest_irq_setup went to user space");

	get_state(q);
	set_pin(q, EDGE_GSI, false);
	set_pin(q, PICS_GSI, false);
	set_pin(q, LEVEL_GSI, true);
	set_state(q);
}

static void signal_once(void *arg, unsigned int i)
{
	static const uint64_t one = 1;
	struct signals *q = arg;

	(void)i;
	if (write(q->fd, &one, sizeof(one)) != sizeof(one))
		tinyvm_die("write to an eventfd");
}

static unsigned long switches(void)
{
	unsigned long nr = 0;
	char line[4096];
	FILE *f;

	f = fopen("/proc/stat", "r");
	if (!f)
		tinyvm_die("/proc/stat");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "ctxt %lu", &nr) == 1)
			break;
	fclose(f);

	return nr;
}

/*
 * Each signal finds the vector and the line down.  The first ones, which aren't counted,
 * check that the vector is set when the signal returns, or isn't.
 */
static void bench_one(struct signals *q, const char *name, bool delivered)
{
	struct samples s = { };
	char full[64];
	unsigned long nr;
	unsigned int i;

	measure_priority(MEASURE_LAST);
	for (i = 0; i < NR_SIGNALS; i++) {
		signal_once(q, i);
		if (tinyvm_take_pending(&q->vm, VECTOR) != delivered)
			tinyvm_die("%s: %sdelivered (noautogroup?)", name,
				   delivered ? "not " : "");
		set_state(q);
	}

	for (i = 0; i < NR_SIGNALS; i++) {
		measure_each(&s, signal_once, q, i, 1);
		set_state(q);
	}

	nr = switches();
	for (i = 0; i < NR_SIGNALS; i++) {
		signal_once(q, i);
		set_state(q);
	}
	nr = switches() - nr;
	measure_priority(MEASURE_NORMAL);

	measure_report(name, 1, samples_median(&s));
	snprintf(full, sizeof(full), "%s-switches", name);
	measure_report(full, 1, (nr + NR_SIGNALS / 2) / NR_SIGNALS);
}

static void bench_gsi(struct signals *q, const char *name, uint32_t gsi)
{
	q->fd = new_eventfd();
	must(tinyvm_irqfd(&q->vm, q->fd, gsi, 0), "KVM_IRQFD");
	bench_one(q, name, gsi != LOST_GSI);
	close(q->fd);
}

static void bench_raise(struct signals *q)
{
	struct kvm_irqfd args = {
		.gsi = LEVEL_GSI,
		.flags = KVM_IRQFD_FLAG_RESAMPLE,
	};

	args.fd = new_eventfd();
	args.resamplefd = new_eventfd();
	if (ioctl(q->vm.fd, KVM_IRQFD, &args))
		tinyvm_die("KVM_IRQFD with resample");
	q->fd = args.fd;
	bench_one(q, "signal-level", true);
	close(args.fd);
	close(args.resamplefd);
}

void bench_signal(void)
{
	struct signals q;

	signals_create(&q);
	q.fd = new_eventfd();
	bench_one(&q, "signal-bare", false);
	close(q.fd);
	bench_gsi(&q, "signal-msi", MSI_GSI);
	bench_gsi(&q, "signal-msi-lost", LOST_GSI);
	bench_gsi(&q, "signal-pin", EDGE_GSI);
	bench_gsi(&q, "signal-pins", PICS_GSI);
	bench_raise(&q);
	tinyvm_destroy(&q.vm);
}
