// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfds whose GSI's routes change, or that has none.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "irqfd_vm.h"

/* KVM accepts a GSI without a route, and drops its signals. */
TEST_F(vm, gsi_without_route)
{
	static const uint32_t gsis[] = { 100, KVM_MAX_IRQ_ROUTES - 1, KVM_MAX_IRQ_ROUTES,
					 0x7fffffff, 0x80000000, ~0u };
	int fds[ARRAY_SIZE(gsis)], i;

	for (i = 0; i < ARRAY_SIZE(gsis); i++) {
		fds[i] = new_eventfd();
		assign_ok(self->v.vm, fds[i], gsis[i]);
		add(fds[i], 1);
		pass(&self->v);
		unassign_ok(self->v.vm, fds[i], gsis[i]);
		assign_ok(self->v.vm, fds[i], gsis[i]);
	}

	/* The table grows and shrinks while irqfds are bound to GSIs above its end. */
	for (i = 0; i < 3; i++) {
		const struct kvm_irq_routing_entry last = msi_route(KVM_MAX_IRQ_ROUTES - 1, VECTOR);
		uint64_t before = irqs(&self->v, VECTOR);

		set_routes(self->v.vm, &last, 1);
		add(fds[1], 1);
		assert_irqs(&self->v, VECTOR, before + 1);

		set_routes(self->v.vm, NULL, 0);
		add(fds[1], 1);
		pass(&self->v);
		set_default_routes(self->v.vm);
	}

	for (i = 0; i < ARRAY_SIZE(gsis); i++)
		close(fds[i]);
}

/* Once KVM_SET_GSI_ROUTING has returned, no signal injects the old vector. */
TEST_F(vm, route_change)
{
	uint64_t seen[2] = {};
	int i;

	assign_ok(self->v.vm, self->fd, GSI_MSI);

	for (i = 0; i < 50; i++) {
		const uint8_t vectors[] = { VECTOR, VECTOR2 };
		int new = i & 1;

		set_msi_route(self->v.vm, vectors[new]);
		add(self->fd, 1);
		wait_for_irqs(&self->v, vectors[new], ++seen[new]);
		TEST_ASSERT(irqs(&self->v, vectors[!new]) == seen[!new],
			    "Round %d: vector 0x%x after its route was gone", i, vectors[!new]);
	}

	assert_irqs(&self->v, VECTOR, seen[0]);
	assert_irqs(&self->v, VECTOR2, seen[1]);
}

/* 12 to 19 s with KCSAN, where interrupts leave a vCPU hardly any progress. */
TEST_F_TIMEOUT(vm, route_change_under_fire, 90)
{
	struct shooter shooter;
	int i, j;

	set_msi_route(self->v.vm, VECTOR2);
	assign_ok(self->v.vm, self->fd, GSI_MSI);
	start_shooting(&shooter, self->fd);

	for (i = 0; i < 30; i++) {
		uint8_t new = i & 1 ? VECTOR2 : VECTOR;
		uint8_t old = i & 1 ? VECTOR : VECTOR2;
		uint64_t seen_new, seen_old;

		set_msi_route(self->v.vm, new);
		/* Have the guest take what was injected before. */
		pass(&self->v);
		seen_old = irqs(&self->v, old);
		seen_new = irqs(&self->v, new);

		for (j = 0; j < 3; j++) {
			let_shoot(&shooter, 2);
			pass(&self->v);
		}
		TEST_ASSERT(irqs(&self->v, new) > seen_new, "Round %d: vector 0x%x doesn't come", i,
			    new);
		TEST_ASSERT(irqs(&self->v, old) == seen_old,
			    "Round %d: vector 0x%x %lu times after its route was gone", i, old,
			    irqs(&self->v, old) - seen_old);
	}

	stop_shooting(&shooter);
}

struct one_by_one {
	pthread_barrier_t barrier;
	int rounds;
	int fd;
};

static void *signal_one_by_one(void *arg)
{
	struct one_by_one *o = arg;
	int i;

	for (i = 0; i < o->rounds; i++) {
		pthread_barrier_wait(&o->barrier);
		add(o->fd, 1);
	}
	return NULL;
}

/*
 * An edge has two halves, up and down.  If KVM looks the route up again for the second
 * half and the route has gone in between, the line stays up and the next signal is no
 * edge.
 *
 * Linux up to 6.12 and later can do that.  It is rare, because the worker must be
 * delayed between the halves.
 */
TEST_F(vm, route_change_within_edge)
{
	const struct kvm_irq_routing_entry pin = pin_route(GSI_MSI, GSI_PIN);
	struct one_by_one o = { .rounds = rounds(500), .fd = self->fd };
	pthread_t thread;
	int i;

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	pthread_barrier_init(&o.barrier, NULL, 2);
	TEST_ASSERT(!pthread_create(&thread, NULL, signal_one_by_one, &o),
		    "pthread_create() failed");

	for (i = 0; i < o.rounds; i++) {
		set_routes(self->v.vm, &pin, 1);
		pthread_barrier_wait(&o.barrier);
		WAIT_FOR(irq_is_pending(&self->v, VECTOR),
			 "Round %d: the signal is lost, the line must have been left up", i);
		/* The line is up now, or on its way down. */
		set_routes(self->v.vm, NULL, 0);
		pass(&self->v);
	}

	TEST_ASSERT(!pthread_join(thread, NULL), "pthread_join() failed");
	pthread_barrier_destroy(&o.barrier);
}

/*
 * Two eventfds on one edge-triggered GSI.  The second one is signalled when the guest has
 * taken the first one's interrupt, whose line may still be up.  KVM must not lose that
 * signal.
 *
 * Linux up to 6.12 and later can lose it.  It is rare, because the worker must be
 * delayed between the halves.
 */
TEST_F(vm, edges_of_two)
{
	int fd = new_eventfd(), nr = rounds(500), i;

	assign_ok(self->v.vm, self->fd, GSI_PIN);
	assign_ok(self->v.vm, fd, GSI_PIN);

	for (i = 0; i < nr; i++) {
		add(i & 1 ? fd : self->fd, 1);
		WAIT_FOR(irq_is_pending(&self->v, VECTOR), "Round %d: the signal is lost", i);
		/* A pass may come before the worker has kicked the vCPU. */
		wait_for_irqs(&self->v, VECTOR, i + 1);
	}
	assert_irqs(&self->v, VECTOR, nr);
	close(fd);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
