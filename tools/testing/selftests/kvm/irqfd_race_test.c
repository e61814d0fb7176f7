// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that assign, signal, deassign and close against each other.
 */
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

/* Two threads race for an eventfd, in one VM or in two. */
FIXTURE(race) {
	struct irq_vm v[2];
};

FIXTURE_VARIANT(race) {
	bool two_vms;
};

FIXTURE_VARIANT_ADD(race, one_vm) {
	.two_vms = false,
};

FIXTURE_VARIANT_ADD(race, two_vms) {
	.two_vms = true,
};

FIXTURE_SETUP(race)
{
	irq_vm_init(&self->v[0]);
	if (variant->two_vms)
		irq_vm_init(&self->v[1]);
	else
		self->v[1] = self->v[0];
}

FIXTURE_TEARDOWN(race)
{
	irq_vm_free(&self->v[0]);
	if (variant->two_vms)
		irq_vm_free(&self->v[1]);
}

struct racer {
	pthread_t thread;
	pthread_barrier_t *barrier;
	struct kvm_vm *vm;
	uint32_t gsi;
	int *fd;
	int rounds;
	int ret;
};

static void start_race(struct racer *racers, pthread_barrier_t *barrier, void *(*fn)(void *),
		       struct irq_vm *v, int *fd, int rounds)
{
	int i;

	pthread_barrier_init(barrier, NULL, 3);
	for (i = 0; i < 2; i++) {
		racers[i].barrier = barrier;
		racers[i].vm = v[i].vm;
		racers[i].gsi = i ? GSI_MSI2 : GSI_MSI;
		racers[i].fd = fd;
		racers[i].rounds = rounds;
		TEST_ASSERT(!pthread_create(&racers[i].thread, NULL, fn, &racers[i]),
			    "pthread_create() failed");
	}
}

static void end_race(struct racer *racers)
{
	int i;

	for (i = 0; i < 2; i++)
		TEST_ASSERT(!pthread_join(racers[i].thread, NULL), "pthread_join() failed");
	pthread_barrier_destroy(racers->barrier);
}

static void *claim(void *arg)
{
	struct racer *r = arg;
	int i;

	for (i = 0; i < r->rounds; i++) {
		pthread_barrier_wait(r->barrier);
		r->ret = irqfd(r->vm, *r->fd, r->gsi);
		pthread_barrier_wait(r->barrier);
	}
	return NULL;
}

/*
 * Both assign the same eventfd: one succeeds and the other gets EBUSY.
 *
 * In Linux up to 6.12 both succeed if they are of different VMs.
 */
TEST_F(race, one_winner)
{
	const int nr = rounds(300);
	pthread_barrier_t barrier;
	struct racer racers[2];
	int fd, i, winner;

	start_race(racers, &barrier, claim, self->v, &fd, nr);

	for (i = 0; i < nr; i++) {
		fd = new_eventfd();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);

		winner = racers[0].ret ? 1 : 0;
		TEST_ASSERT(!racers[winner].ret && racers[!winner].ret == EBUSY,
			    "Round %d: wanted success and EBUSY, got %d (%s) and %d (%s)", i,
			    racers[0].ret, strerror(racers[0].ret),
			    racers[1].ret, strerror(racers[1].ret));

		unassign_ok(racers[winner].vm, fd, racers[winner].gsi);
		assign_ok(racers[!winner].vm, fd, racers[!winner].gsi);
		close(fd);
	}

	end_race(racers);
}

/* Assign, signal and deassign over and over, on an eventfd that may be closed. */
static void *juggle(void *arg)
{
	struct racer *r = arg;
	bool closes = r->gsi == GSI_MSI2;
	const uint64_t one = 1;
	int i, j, ret;

	for (i = 0; i < r->rounds; i++) {
		pthread_barrier_wait(r->barrier);

		for (j = 0; j < 4; j++) {
			/* The other thread may have bound it, or closed it. */
			ret = irqfd(r->vm, *r->fd, r->gsi);
			TEST_ASSERT(!ret || ret == EBUSY || ret == EBADF,
				    "Round %d, assign: wanted success, EBUSY or EBADF, got %d (%s)",
				    i, ret, strerror(ret));

			ret = write(*r->fd, &one, sizeof(one)) < 0 ? errno : 0;
			TEST_ASSERT(!ret || ret == EBADF,
				    "Round %d, write: wanted success or EBADF, got %d (%s)", i, ret,
				    strerror(ret));

			/* With the irqfd bound, unbound, or the other thread's. */
			if (closes && i % 3 == 2 && j == i % 4)
				close(*r->fd);

			ret = unassign(r->vm, *r->fd, r->gsi);
			TEST_ASSERT(!ret || ret == EBADF,
				    "Round %d, deassign: wanted success or EBADF, got %d (%s)", i,
				    ret, strerror(ret));
		}

		pthread_barrier_wait(r->barrier);
	}
	return NULL;
}

/*
 * Assign, deassign and close race on one eventfd.  Pins irqfds that are freed twice,
 * used after they were freed, or never freed.
 */
TEST_F(race, juggle)
{
	const int nr = rounds(600);
	pthread_barrier_t barrier;
	struct racer racers[2];
	uint64_t before;
	int fd, i, ret;

	start_race(racers, &barrier, juggle, self->v, &fd, nr);

	for (i = 0; i < nr; i++) {
		fd = new_eventfd();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);

		/* Both have deassigned, so the eventfd has no irqfd. */
		ret = irqfd(racers[i & 1].vm, fd, GSI_MSI);
		ASSERT_ERRNO(i % 3 == 2 ? EBADF : 0, ret, "Round %d: assign afterwards", i);
		if (!ret)
			close(fd);
	}

	end_race(racers);

	/* Both VMs work as before. */
	for (i = 0; i < 2; i++) {
		pass(&self->v[i]);
		before = irqs(&self->v[i], VECTOR);
		fd = new_eventfd();
		assign_ok(self->v[i].vm, fd, GSI_MSI);
		add(fd, 1);
		assert_irqs(&self->v[i], VECTOR, before + 1);
		close(fd);
	}
}

struct close_both {
	pthread_barrier_t barrier;
	int fd;
};

static void *close_eventfd(void *arg)
{
	struct close_both *c = arg;

	pthread_barrier_wait(&c->barrier);
	close(c->fd);
	return NULL;
}

/* Eventfd and VM are closed at the same time: either may come first. */
TEST(close_both)
{
	const int nr = rounds(60);
	struct close_both c;
	pthread_t thread;
	int i, resamplefd;

	for (i = 0; i < nr; i++) {
		struct kvm_vm *vm = create_irqchip_vm();

		pthread_barrier_init(&c.barrier, NULL, 2);
		c.fd = new_eventfd();
		resamplefd = new_eventfd();
		if (i & 1)
			assign_ok(vm, c.fd, GSI_PIN);
		else
			assign_resample_ok(vm, c.fd, GSI_LEVEL, resamplefd);
		add(c.fd, 1);

		TEST_ASSERT(!pthread_create(&thread, NULL, close_eventfd, &c),
			    "pthread_create() failed");
		pthread_barrier_wait(&c.barrier);
		kvm_vm_free(vm);
		TEST_ASSERT(!pthread_join(thread, NULL), "pthread_join() failed");

		close(resamplefd);
		pthread_barrier_destroy(&c.barrier);
	}
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
