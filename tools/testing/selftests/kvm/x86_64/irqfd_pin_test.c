// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: pins of the IOAPIC and of the PIC, whose interrupt is there when the signal
 * returns, unless an irqchip's lock is taken.
 *
 * Kernels that leave pins to a worker, as Linux 6.12 and 7.3 do, fail the subtests
 * "at_once"; that of the PIC alone may be lucky.
 *
 * test_modules/irqfd_signal.c signals in a hard interrupt, and under the IOAPIC's lock.
 * The module must be in test_modules/ beside the program, or what needs it is skipped.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "../test_modules/irqfd_signal.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_module.h"
#include "test_util.h"

#define GSI_PIC		30
#define PIC_LINE	5
/* More vCPUs than KVM walks over with interrupts off. */
#define MANY_VCPUS	65

/* The stress: a pin and a vector for each producer, and one more pin that only contends. */
#define NR_THREADS	4
#define FIRST_PIN	16
#define FIRST_VECTOR	0x70
#define NR_PRODUCERS	(NR_THREADS + 1)

FIXTURE(pin) {
	struct irq_vm v;
	int fd;
	int resamplefd;
};

FIXTURE_VARIANT(pin) {
	uint32_t gsi;
};

FIXTURE_VARIANT_ADD(pin, ioapic) { .gsi = GSI_IOAPIC };
FIXTURE_VARIANT_ADD(pin, both) { .gsi = GSI_BOTH };
FIXTURE_VARIANT_ADD(pin, pic) { .gsi = GSI_PIC };
FIXTURE_VARIANT_ADD(pin, level) { .gsi = GSI_LEVEL };

static const struct kvm_irq_routing_entry *pin_routes(int *nr)
{
	static struct kvm_irq_routing_entry routes[5];

	routes[0] = chip_route(GSI_IOAPIC, KVM_IRQCHIP_IOAPIC, GSI_IOAPIC);
	routes[1] = chip_route(GSI_BOTH, KVM_IRQCHIP_IOAPIC, GSI_BOTH);
	routes[2] = chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER, GSI_BOTH);
	routes[3] = chip_route(GSI_PIC, KVM_IRQCHIP_PIC_MASTER, PIC_LINE);
	routes[4] = chip_route(GSI_LEVEL, KVM_IRQCHIP_IOAPIC, GSI_LEVEL);
	*nr = ARRAY_SIZE(routes);

	return routes;
}

static struct kvm_irqchip get_pic(struct kvm_vm *vm)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	vm_ioctl(vm, KVM_GET_IRQCHIP, &chip);
	return chip;
}

/* No vCPU takes the PIC's interrupts here: what it wants is in its IRR. */
static bool pic_is_pending(struct kvm_vm *vm)
{
	return get_pic(vm).chip.pic.irr & BIT(PIC_LINE);
}

static void pic_clear(struct kvm_vm *vm, bool unmask)
{
	struct kvm_irqchip chip = get_pic(vm);

	chip.chip.pic.irr = 0;
	if (unmask)
		chip.chip.pic.imr &= ~BIT(PIC_LINE);
	vm_ioctl(vm, KVM_SET_IRQCHIP, &chip);
}

static bool gsi_is_pending(struct irq_vm *v, uint32_t gsi)
{
	bool pending = gsi == GSI_PIC || irq_is_pending(v, VECTOR);

	if (gsi == GSI_PIC || gsi == GSI_BOTH)
		pending &= pic_is_pending(v->vm);

	return pending;
}

FIXTURE_SETUP(pin)
{
	const struct kvm_irq_routing_entry *routes;
	int nr;

	irq_vm_init(&self->v);
	routes = pin_routes(&nr);
	set_routes(self->v.vm, routes, nr);
	/* What is masked counts as undeliverable. */
	if (variant->gsi == GSI_PIC)
		pic_clear(self->v.vm, true);
	self->fd = new_eventfd();
	self->resamplefd = new_eventfd();
	if (variant->gsi == GSI_LEVEL)
		assign_resample_ok(self->v.vm, self->fd, variant->gsi, self->resamplefd);
	else
		assign_ok(self->v.vm, self->fd, variant->gsi);
}

FIXTURE_TEARDOWN(pin)
{
	close(self->fd);
	close(self->resamplefd);
	irq_vm_free(&self->v);
}

/*
 * How many events the wake-up and the worker have injected for the VM's only irqfd, as
 * debugfs says.  Returns false in a kernel without that file.
 */
static bool injected(struct kvm_vm *vm, uint64_t *wakeup, uint64_t *work)
{
	FILE *f = open_irqfds(vm);
	char line[256];
	int got = 0;

	if (!f)
		return false;
	if (fgets(line, sizeof(line), f))
		got = sscanf(line, "%*s %*s %*s %*s wakeup=%lu work=%lu", wakeup, work);
	fclose(f);
	TEST_ASSERT(got == 2, "debugfs' list of irqfds: %s", line);

	return true;
}

static void assert_injected(struct kvm_vm *vm, uint64_t want_wakeup, uint64_t want_work)
{
	uint64_t wakeup, work;

	if (!injected(vm, &wakeup, &work))
		return;
	TEST_ASSERT(wakeup == want_wakeup && work == want_work,
		    "Wanted %lu events injected in the wake-up and %lu by the worker, got %lu and %lu",
		    want_wakeup, want_work, wakeup, work);
}

/* It's there when write() returns, each time. */
TEST_F(pin, at_once)
{
	const int nr = 50;
	int i;

	for (i = 1; i <= nr; i++) {
		add(self->fd, 1);
		TEST_ASSERT(gsi_is_pending(&self->v, variant->gsi),
			    "Signal %d: wanted an interrupt when it returns, got none", i);
		if (variant->gsi == GSI_PIC || variant->gsi == GSI_BOTH)
			pic_clear(self->v.vm, false);
		if (variant->gsi != GSI_PIC)
			assert_irqs(&self->v, VECTOR, i);
	}
	assert_injected(self->v.vm, nr, 0);
}

/* With so many vCPUs the walk over them isn't done with interrupts off. */
TEST_F(pin, many_vcpus)
{
	long id;

	if (kvm_check_cap(KVM_CAP_MAX_VCPUS) < MANY_VCPUS)
		SKIP(return, "Not so many vCPUs");

	/* The library's VM has room for one vCPU's stack; these never run. */
	for (id = 1; id < MANY_VCPUS; id++)
		TEST_ASSERT(__vm_ioctl(self->v.vm, KVM_CREATE_VCPU, (void *)id) >= 0,
			    "KVM_CREATE_VCPU %ld: %s", id, strerror(errno));

	add(self->fd, 1);
	WAIT_FOR(gsi_is_pending(&self->v, variant->gsi), "Wanted an interrupt, got none");
	wait_for_worker(&self->v);
	assert_injected(self->v.vm, 0, 1);
}

static int open_signaller(void)
{
	return open("/dev/irqfd_signal", O_RDWR | O_CLOEXEC);
}

static void signal_by_timer(int dev, int fd)
{
	struct irqfd_signal_args args = { .fd = fd, .usec = 20 };

	WAIT_FOR(!ioctl(dev, IRQFD_SIGNAL_TIMER, &args) || errno != EBUSY,
		 "The timer is still active");
}

/* A hard interrupt signals. */
TEST_F(pin, timer)
{
	int dev = open_signaller();

	if (dev < 0)
		SKIP(return, "Needs irqfd_signal.ko");

	signal_by_timer(dev, self->fd);
	WAIT_FOR(gsi_is_pending(&self->v, variant->gsi), "Wanted an interrupt, got none");
	wait_for_worker(&self->v);
	assert_injected(self->v.vm, 1, 0);
	close(dev);
}

/*
 * The signal comes while its own thread holds the IOAPIC's lock: the worker injects,
 * and nothing deadlocks.  An event that follows is neither lost nor ahead of it.
 */
TEST_F(pin, locked)
{
	struct irqfd_signal_args args = { .fd = self->fd };
	struct kvm_irq_level line = { .irq = GSI_PIC + 1, .level = 1 };
	struct kvm_irq_routing_entry routes[6];
	uint64_t wakeup, work;
	int dev, ret, nr;

	if (variant->gsi == GSI_PIC)
		SKIP(return, "Another irqchip's lock");
	dev = open_signaller();
	if (dev < 0)
		SKIP(return, "Needs irqfd_signal.ko");

	memcpy(routes, pin_routes(&nr), sizeof(routes) - sizeof(routes[0]));
	routes[nr] = chip_route(line.irq, KVM_IRQCHIP_IOAPIC, FIRST_PIN);
	set_routes(self->v.vm, routes, nr + 1);
	ioapic_set_pin(self->v.vm, FIRST_PIN, VECTOR2, false);

	ret = ioctl(dev, IRQFD_SIGNAL_DELIVERY, &args) ? errno : 0;
	if (ret == EOPNOTSUPP)
		SKIP(return, "Not on PREEMPT_RT");
	TEST_ASSERT(!ret, "IRQFD_SIGNAL_DELIVERY: %s", strerror(ret));
	vm_ioctl(self->v.vm, KVM_IRQ_LINE, &line);
	TEST_ASSERT(ioctl(dev, IRQFD_SIGNAL_DELIVERED) == 1,
		    "The interrupt's delivery hasn't signalled");
	add(self->fd, 1);

	WAIT_FOR(gsi_is_pending(&self->v, variant->gsi), "Wanted an interrupt, got none");
	wait_for_worker(&self->v);
	if (injected(self->v.vm, &wakeup, &work))
		TEST_ASSERT(work >= 1 && wakeup + work <= 2,
			    "Wanted the worker to inject, got %lu in the wake-up and %lu by it",
			    wakeup, work);
	close(dev);
}

/* What signals in the stress: a thread, with its own pin and vector. */
struct producer {
	pthread_t thread;
	struct irq_vm *v;
	uint32_t gsi;
	uint8_t vector;
	int fd;
	/* Signals by this file's timer, or write(). */
	int dev;
	uint64_t edges;
};

static void *produce(void *arg)
{
	struct kvm_irq_level line;
	struct producer *p = arg;
	uint64_t i;

	for (i = 1; i <= p->edges; i++) {
		/* Of three edges KVM_IRQ_LINE makes one, on the same pin. */
		line = (struct kvm_irq_level) { .irq = p->gsi, .level = 1 };
		if (i % 3 == 0)
			vm_ioctl(p->v->vm, KVM_IRQ_LINE, &line);
		else if (p->dev >= 0)
			signal_by_timer(p->dev, p->fd);
		else
			add(p->fd, 1);

		wait_for_running(p->v, p->vector, i);

		line.level = 0;
		if (i % 3 == 0)
			vm_ioctl(p->v->vm, KVM_IRQ_LINE, &line);
	}

	return NULL;
}

/* Takes the IOAPIC's lock over and over. */
struct contender {
	pthread_t thread;
	struct kvm_vm *vm;
	bool stop;
};

static void *contend(void *arg)
{
	struct kvm_irq_level line = { .irq = FIRST_PIN + NR_PRODUCERS };
	struct contender *c = arg;

	while (!READ_ONCE(c->stop)) {
		line.level = !line.level;
		vm_ioctl(c->vm, KVM_IRQ_LINE, &line);
	}

	return NULL;
}

/* A VM without an irqfd. */
FIXTURE(stress) {
	struct irq_vm v;
};

FIXTURE_SETUP(stress)
{
	irq_vm_init(&self->v);
}

FIXTURE_TEARDOWN(stress)
{
	irq_vm_free(&self->v);
}

/*
 * Threads that signal, a timer's hard interrupt, KVM_IRQ_LINE on the same pins, and one
 * more that only takes the IOAPIC's lock.  Each edge is waited for, so none may be lost
 * or come twice.
 */
TEST_F_TIMEOUT(stress, edges, 7200)
{
	struct kvm_irq_routing_entry routes[NR_PRODUCERS + 1];
	struct producer producers[NR_PRODUCERS], *p;
	int nr = rounds(20000);
	struct contender contender = {};
	struct irq_vm *v = &self->v;
	int dev = open_signaller(), i;
	uint64_t sum = 0;

	for (i = 0; i <= NR_PRODUCERS; i++)
		routes[i] = chip_route(FIRST_PIN + i, KVM_IRQCHIP_IOAPIC, FIRST_PIN + i);
	set_routes(v->vm, routes, NR_PRODUCERS + 1);

	for (i = 0; i < NR_PRODUCERS; i++) {
		p = &producers[i];
		*p = (struct producer) {
			.v = v,
			.gsi = FIRST_PIN + i,
			/* In priority classes of their own: none waits for another one's EOI. */
			.vector = FIRST_VECTOR + 16 * i,
			.fd = new_eventfd(),
			.dev = i == NR_THREADS ? dev : -1,
			.edges = nr / NR_PRODUCERS,
		};
		ioapic_set_pin(v->vm, p->gsi, p->vector, false);
		irq_vm_add_vector(v, p->vector);
		assign_ok(v->vm, p->fd, p->gsi);
	}

	start_vcpu(v);
	contender.vm = v->vm;
	TEST_ASSERT(!pthread_create(&contender.thread, NULL, contend, &contender),
		    "pthread_create() failed");
	for (i = 0; i < NR_PRODUCERS; i++)
		TEST_ASSERT(!pthread_create(&producers[i].thread, NULL, produce, &producers[i]),
			    "pthread_create() failed");
	for (i = 0; i < NR_PRODUCERS; i++)
		TEST_ASSERT(!pthread_join(producers[i].thread, NULL), "pthread_join() failed");
	WRITE_ONCE(contender.stop, true);
	TEST_ASSERT(!pthread_join(contender.thread, NULL), "pthread_join() failed");

	for (i = 0; i < SETTLE_PASSES; i++)
		usleep(SETTLE_USEC);
	for (i = 0; i < NR_PRODUCERS; i++) {
		p = &producers[i];
		TEST_ASSERT(irqs(v, p->vector) == p->edges,
			    "Pin %u: wanted %lu interrupts, got %lu", p->gsi, p->edges,
			    irqs(v, p->vector));
		sum += p->edges;
		close(p->fd);
	}
	ksft_print_msg("%lu edges\n", sum);
	stop_vcpu(v);
	if (dev >= 0)
		close(dev);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	load_test_module("irqfd_signal");
	return test_harness_run(argc, argv);
}
