// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds, each on a GSI of its own: assigning and deassigning them, what they
 * cost an interrupt on another GSI, and closing a VM that has them.
 */
#include "eventfd_bench.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PIN_GSI		0U
#define PIN		5
/* The level irqfds' GSIs have no route. */
#define FIRST_GSI	100U

#define NR_INTERRUPTS	48U

static const unsigned int sizes[] = { 0, 1, 64, 256, 1024 };

/* A VM with @n level irqfds, and one on the pin that interrupts. */
struct levels {
	struct tinyvm vm;
	unsigned int n;
	int *fds;
	int pin_fd;
	int resamplefd;
};

static int irqfd(struct levels *l, int fd, uint32_t gsi, uint32_t flags)
{
	struct kvm_irqfd args = {
		.fd = fd,
		.gsi = gsi,
		.flags = flags,
		.resamplefd = l->resamplefd,
	};

	return ioctl(l->vm.fd, KVM_IRQFD, &args) ? -errno : 0;
}

static void assign(void *arg, unsigned int i)
{
	struct levels *l = arg;

	must(irqfd(l, l->fds[i], FIRST_GSI + i, KVM_IRQFD_FLAG_RESAMPLE),
	     "KVM_IRQFD with resample");
}

static void deassign(void *arg, unsigned int i)
{
	struct levels *l = arg;

	must(irqfd(l, l->fds[i], FIRST_GSI + i, KVM_IRQFD_FLAG_DEASSIGN),
	     "KVM_IRQFD");
}

static void levels_create(struct levels *l, unsigned int n)
{
	struct kvm_irq_routing *routes = tinyvm_new_routes(1);
	unsigned int i;

	tinyvm_create(&l->vm, true);
	l->n = n;
	l->fds = calloc(n + 1, sizeof(l->fds[0]));
	if (!l->fds)
		tinyvm_die("%u descriptors", n);
	for (i = 0; i < n; i++)
		l->fds[i] = new_eventfd();
	l->pin_fd = new_eventfd();
	l->resamplefd = new_eventfd();

	tinyvm_route_ioapic(routes, PIN_GSI, PIN);
	must(tinyvm_set_routes(&l->vm, routes), "KVM_SET_GSI_ROUTING");
	free(routes);

	tinyvm_call(&l->vm, guest_irq_setup, PIN, 0, 0);
	if (!tinyvm_run(&l->vm))
		tinyvm_die("guest_irq_setup went to user space");
	must(irqfd(l, l->pin_fd, PIN_GSI, KVM_IRQFD_FLAG_RESAMPLE),
	     "KVM_IRQFD with resample");
}

static void levels_close_files(struct levels *l)
{
	unsigned int i;

	for (i = 0; i < l->n; i++)
		close(l->fds[i]);
	close(l->pin_fd);
	close(l->resamplefd);
	free(l->fds);
}

static void set_line(struct levels *l, unsigned int level)
{
	struct kvm_irq_level args = { .irq = PIN_GSI, .level = level };

	if (ioctl(l->vm.fd, KVM_IRQ_LINE, &args))
		tinyvm_die("KVM_IRQ_LINE");
}

/* User space makes an edge, and the guest runs until it has acknowledged. */
static void interrupt(void *arg, unsigned int i)
{
	struct levels *l = arg;
	uint64_t want = l->vm.shared->irqs[GUEST_IRQ_PIN] + 1;

	(void)i;
	set_line(l, 1);
	set_line(l, 0);
	tinyvm_call(&l->vm, guest_irq_wait, GUEST_IRQ_PIN, want, 0);
	if (!tinyvm_run(&l->vm))
		tinyvm_die("guest_irq_wait went to user space");
}

/* Setting the IOAPIC makes the vCPU scan at its next entry which EOIs to intercept. */
static void set_ioapic(void *arg, unsigned int i)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct levels *l = arg;

	if (ioctl(l->vm.fd, KVM_GET_IRQCHIP, &chip) ||
	    ioctl(l->vm.fd, KVM_SET_IRQCHIP, &chip))
		tinyvm_die("KVM_SET_IRQCHIP");
	interrupt(arg, i);
}

static void release(void *arg, unsigned int i)
{
	struct levels *l = arg;

	(void)i;
	tinyvm_destroy(&l->vm);
}

static void bench_with(unsigned int n)
{
	struct samples s = { }, scans = { }, releases = { };
	struct levels l;
	unsigned int i;

	levels_create(&l, n);
	if (n) {
		for (i = 0; i + NR_OPS < n; i++)
			assign(&l, i);
		bench_pair("level-assign", assign, "level-deassign", deassign,
			   &l, n);
	}
	interrupt(&l, 0);
	measure_each(&s, interrupt, &l, 0, NR_INTERRUPTS);
	measure_report("level-interrupt", n, samples_median(&s));
	measure_each(&scans, set_ioapic, &l, 0, NR_INTERRUPTS);
	measure_report("level-scan", n, samples_median(&scans));
	measure_each(&releases, release, &l, 0, 1);
	measure_report("level-vm-release", n, releases.v[0]);
	levels_close_files(&l);

	levels_create(&l, n);
	for (i = 0; i < n; i++)
		assign(&l, i);
	measure_report("level-vm-release-work", n,
		       measure_work(release, &l, 0, 1));
	levels_close_files(&l);
}

void bench_level(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes) && sizes[i] <= max_n; i++)
		bench_with(sizes[i]);
}
