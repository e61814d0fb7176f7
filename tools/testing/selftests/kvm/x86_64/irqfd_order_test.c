// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds: all orders of an acknowledge, an old irqfd's end and a new one's
 * beginning.
 *
 * The four-step race of the proposal for level irqfds ("OADN", 2012) is one of
 * them: the old irqfd leaves the GSI, a new one comes and raises the line, and an
 * acknowledge that began before that lowers the line.  If KVM doesn't tell the new
 * one, that is, signal its resamplefd, its device never raises the line again.
 *
 * test_modules/irqfd_pause.c pauses the acknowledge before it lowers the line, and
 * after that.  The module must be in test_modules/ beside the program, or the test
 * is skipped.  During a pause the test ends the old irqfd or begins the new one:
 * neither needs to wait for an acknowledge, which makes the race possible.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "../test_modules/irqfd_pause.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_module.h"
#include "test_util.h"

#define PINS		24
/* Bits of a message's data: level-triggered, and asserted. */
#define MSI_LEVEL	(BIT(15) | BIT(14))

/* When the old irqfd ends or the new one begins, relative to the acknowledge. */
enum when {
	BEFORE_EOI,
	BEFORE_LOWER,
	AFTER_LOWER,
	AFTER_EOI,
	NR_WHEN
};

static const char * const when_names[] = {
	"before the EOI",
	"before it lowers the line",
	"after it has lowered the line",
	"after the EOI",
};

struct order_vm {
	struct irq_vm v;
	int dev;
	bool split;
	int old_fd;
	int old_resamplefd;
	int new_fd;
	int new_resamplefd;
	pthread_t ender;
	bool has_ender;
	bool by_hangup;
};

FIXTURE(order) {
	struct order_vm o;
};

FIXTURE_VARIANT(order) {
	bool split;
	bool by_hangup;
};

FIXTURE_VARIANT_ADD(order, deassign) {
	.split = false, .by_hangup = false,
};

FIXTURE_VARIANT_ADD(order, hangup) {
	.split = false, .by_hangup = true,
};

FIXTURE_VARIANT_ADD(order, split_deassign) {
	.split = true, .by_hangup = false,
};

FIXTURE_VARIANT_ADD(order, split_hangup) {
	.split = true, .by_hangup = true,
};

FIXTURE_SETUP(order)
{
	struct kvm_irq_routing_entry entry = msi_route(GSI_LEVEL, VECTOR);

	self->o.dev = open("/dev/irqfd_pause", O_RDWR | O_CLOEXEC);
	TEST_REQUIRE(self->o.dev >= 0);
	self->o.split = variant->split;
	self->o.by_hangup = variant->by_hangup;
	irq_vm_init_x2apic(&self->o.v, variant->split ? PINS : 0, 0);
	if (!level_irqfds_allowed(self->o.v.vm, GSI_LEVEL))
		SKIP(return, "No level irqfds with a split irqchip");
	if (variant->split) {
		entry.u.msi.data |= MSI_LEVEL;
		set_routes(self->o.v.vm, &entry, 1);
	}
}

FIXTURE_TEARDOWN(order)
{
	irq_vm_free(&self->o.v);
	close(self->o.dev);
}

/* The vCPU's thread, which runs to the end of the pass; its acknowledge pauses. */
struct runner {
	struct irq_vm *v;
	int dev;
	pthread_t thread;
	bool done;
};

static void run_to_sync(struct irq_vm *v, uint64_t want)
{
	struct ucall uc;

	look_for_irqs(v->vcpu);
	do {
		vcpu_run(v->vcpu);
	} while (v->vcpu->run->exit_reason == KVM_EXIT_IOAPIC_EOI);
	TEST_ASSERT(get_ucall(v->vcpu, &uc) == UCALL_SYNC && uc.args[1] == want,
		    "Wanted the guest to stop at %lu, exit %u (%s)", want,
		    v->vcpu->run->exit_reason, exit_reason_str(v->vcpu->run->exit_reason));
}

static void *acknowledge(void *arg)
{
	struct runner *r = arg;

	TEST_ASSERT(!ioctl(r->dev, IRQFD_PAUSE_ARM,
			   IRQFD_PAUSE_BEFORE_LOWER | IRQFD_PAUSE_AFTER_LOWER),
		    "Arming the pause: %s", strerror(errno));
	run_to_sync(r->v, SYNC_PASS);
	WRITE_ONCE(r->done, true);
	return NULL;
}

/* Wait for a pause at @place; false if the thread has ended its pass instead. */
static bool pauses_at(struct runner *r, int place)
{
	int ret;

	do {
		ret = ioctl(r->dev, IRQFD_PAUSE_WAIT, 10);
		TEST_ASSERT(ret >= 0, "Waiting for the pause: %s", strerror(errno));
	} while (!ret && !READ_ONCE(r->done));
	TEST_ASSERT(!ret || ret == place, "Wanted a pause at %d, it is at %d", place, ret);
	return ret;
}

static void go_on(struct runner *r)
{
	TEST_ASSERT(!ioctl(r->dev, IRQFD_PAUSE_GO, 0), "Going on: %s", strerror(errno));
}

static void *deassign_old(void *arg)
{
	struct order_vm *o = arg;

	unassign_ok(o->v.vm, o->old_fd, GSI_LEVEL);
	close(o->old_fd);
	return NULL;
}

/*
 * Give the threads and work of end and beginning time to get as far as they can.  In
 * the end try_order() waits for all that must happen.
 */
static void settle(void)
{
	usleep(SETTLE_PASSES * SETTLE_USEC);
}

/* A deassign's last step waits for readers that may still tell, hence the thread. */
static void end_old(struct order_vm *o)
{
	if (o->by_hangup) {
		close(o->old_fd);
	} else {
		TEST_ASSERT(!pthread_create(&o->ender, NULL, deassign_old, o),
			    "pthread_create() failed");
		o->has_ender = true;
	}
	settle();
}

static void *assign_new(void *arg)
{
	struct order_vm *o = arg;

	assign_resample_ok(o->v.vm, o->new_fd, GSI_LEVEL, o->new_resamplefd);
	return o;
}

static void begin_new(struct order_vm *o)
{
	struct timespec limit;
	pthread_t thread;

	TEST_ASSERT(!pthread_create(&thread, NULL, assign_new, o), "pthread_create() failed");
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 10;
	TEST_ASSERT(!pthread_timedjoin_np(thread, NULL, &limit),
		    "An assign waits for an acknowledge");
	add(o->new_fd, 1);
	wait_for_worker(&o->v);
}

static bool is_raised(struct order_vm *o)
{
	if (!o->split)
		return ioapic_state(o->v.vm).irr & BIT(GSI_LEVEL);
	return irq_is_pending(&o->v, VECTOR);
}

static void happen(struct order_vm *o, enum when now, enum when end, enum when begin,
		   bool end_first)
{
	if (end == now && end_first)
		end_old(o);
	if (begin == now)
		begin_new(o);
	if (end == now && !end_first)
		end_old(o);
}

static void try_order(struct order_vm *o, enum when end, enum when begin, bool end_first)
{
	struct runner r = { .v = &o->v, .dev = o->dev };
	uint64_t told;

	ksft_print_msg("The old one goes %s, the new one comes %s%s\n", when_names[end],
		       when_names[begin],
		       end != begin ? "" : end_first ? ", in this order" : ", the other way round");
	o->old_fd = new_eventfd();
	o->old_resamplefd = new_eventfd();
	o->new_fd = new_eventfd();
	o->new_resamplefd = new_eventfd();
	o->has_ender = false;

	assign_resample_ok(o->v.vm, o->old_fd, GSI_LEVEL, o->old_resamplefd);
	add(o->old_fd, 1);
	WAIT_FOR(is_raised(o), "Wanted the line up");
	wait_for_worker(&o->v);
	o->v.guest->stop_before_eoi = 1;
	run_to_sync(&o->v, SYNC_BEFORE_EOI);
	o->v.guest->stop_before_eoi = 0;

	happen(o, BEFORE_EOI, end, begin, end_first);
	TEST_ASSERT(!pthread_create(&r.thread, NULL, acknowledge, &r), "pthread_create() failed");
	/* Without an irqfd on the GSI the acknowledge lowers nothing. */
	if (pauses_at(&r, IRQFD_PAUSE_BEFORE_LOWER)) {
		happen(o, BEFORE_LOWER, end, begin, end_first);
		go_on(&r);
		TEST_ASSERT(pauses_at(&r, IRQFD_PAUSE_AFTER_LOWER), "Wanted a second pause");
		happen(o, AFTER_LOWER, end, begin, end_first);
		go_on(&r);
	} else {
		happen(o, BEFORE_LOWER, end, begin, end_first);
		happen(o, AFTER_LOWER, end, begin, end_first);
	}
	TEST_ASSERT(!pthread_join(r.thread, NULL), "pthread_join() failed");
	happen(o, AFTER_EOI, end, begin, end_first);
	if (o->has_ender)
		TEST_ASSERT(!pthread_join(o->ender, NULL), "pthread_join() failed");
	wait_for_ends(&o->v, 1);

	/* The new one's raise stands or has interrupted, or KVM has told the new one. */
	told = take(o->new_resamplefd);
	TEST_ASSERT(told || is_raised(o) || irqs(&o->v, VECTOR) > 1,
		    "The new one's raise was swallowed");
	/* Once for each acknowledge, once for the old one's end. */
	TEST_ASSERT(told <= irqs(&o->v, VECTOR) + 1,
		    "Wanted it told %lu times at most, it was %lu times",
		    irqs(&o->v, VECTOR) + 1, told);

	/* Its device can go on in any case. */
	take(o->old_resamplefd);
	if (told)
		add(o->new_fd, 1);
	wait_for_worker(&o->v);
	run_to_sync(&o->v, SYNC_PASS);
	TEST_ASSERT(take(o->new_resamplefd) || told, "Wanted the new one told");
	TEST_ASSERT(!take(o->old_resamplefd), "The old one was told after its end");

	unassign_ok(o->v.vm, o->new_fd, GSI_LEVEL);
	run_to_sync(&o->v, SYNC_PASS);
	TEST_ASSERT(!is_raised(o), "Wanted the line down, there is no irqfd");
	WRITE_ONCE(o->v.guest->irqs[VECTOR], 0);
	close(o->old_resamplefd);
	close(o->new_fd);
	close(o->new_resamplefd);
}

/*
 * In each order, a raise leads to an interrupt or KVM tells the irqfd that raised.
 *
 * In Linux up to 6.12, and later, the new one's assign waits for the acknowledge.
 */
TEST_F_TIMEOUT(order, four_step_race, 120)
{
	int end, begin;

	for (end = BEFORE_EOI; end < NR_WHEN; end++) {
		for (begin = BEFORE_EOI; begin < NR_WHEN; begin++) {
			try_order(&self->o, end, begin, true);
			if (end == begin)
				try_order(&self->o, end, begin, false);
		}
	}
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD_RESAMPLE));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SPLIT_IRQCHIP));
	/* Hold a VM throughout, see irq_vm_begin(). */
	vm_create_with_one_vcpu(&vcpu, NULL);
	__TEST_REQUIRE(load_test_module("irqfd_pause"), "No module irqfd_pause for this kernel");

	return test_harness_run(argc, argv);
}
