// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_EVENTFD_BATCH and irqfds: all operations are done or none, and an eventfd's irqfd may
 * be succeeded by another one in one call.
 *
 * Without the call, which no kernel has yet, a VMM that gives an eventfd another GSI has it
 * without any for a time, and a failure half way leaves half.
 */
#include <pthread.h>
#include <stdint.h>

#include "eventfd_batch.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "irqfd_vm.h"

/* Irqfds begin and end in one call with an iosignalfd, or none of them does. */
TEST_F(vm, irqfds)
{
	struct kvm_iosignalfd bell = {
		.addr = DOORBELL_ADDR,
		.len = 4,
		.fd = new_eventfd(),
		.flags = DOORBELL_FLAGS,
	};
	struct kvm_eventfd_op ops[4];
	int fd2 = new_eventfd();

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	add(fd2, 1);

	ops[0] = irqfd_end_op(self->fd, GSI_MSI);
	ops[1] = irqfd_op(fd2, GSI_MSI2);
	ops[2] = io_op(bell);
	ops[3] = io_op(bell);
	ASSERT_BATCH_FAILS(EEXIST, 3, self->v.vm, ops, 4);

	/* The counter wasn't read, and the one that was to end goes on. */
	TEST_ASSERT(take(fd2) == 1, "The event has been taken");
	add(self->fd, 1);
	wait_for_irqs(&self->v, VECTOR, 1);
	assert_irqs(&self->v, VECTOR2, 0);
	ASSERT_ERRNO(EBUSY, irqfd(self->v.vm, self->fd, GSI_MSI), "It is assigned");

	add(fd2, 1);
	ASSERT_BATCH_OK(self->v.vm, ops, 3);
	wait_for_irqs(&self->v, VECTOR2, 1);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	TEST_ASSERT(take(self->fd) == 1, "The event was taken after the end");

	self->v.guest->ring = 1;
	pass(&self->v);
	TEST_ASSERT(take(bell.fd), "The doorbell doesn't ring");

	close(bell.fd);
	close(fd2);
}

/* An eventfd has one irqfd, and a deassign of what isn't tied, or twice, is none. */
TEST_F(vm, irqfd_errnos)
{
	struct kvm_eventfd_op ops[3];

	ops[0] = irqfd_op(self->fd, GSI_MSI);
	ops[1] = irqfd_op(self->fd, GSI_MSI2);
	ASSERT_BATCH_FAILS(EBUSY, 1, self->v.vm, ops, 2);
	ops[1] = irqfd_end_op(self->fd, GSI_MSI2);
	ops[2] = irqfd_end_op(self->fd, GSI_MSI2);
	ASSERT_BATCH_OK(self->v.vm, ops, 3);

	ops[0] = irqfd_end_op(self->fd, GSI_MSI);
	ops[1] = irqfd_end_op(self->fd, GSI_MSI);
	ASSERT_BATCH_OK(self->v.vm, ops, 2);
	ASSERT_BATCH_OK(self->v.vm, ops, 2);

	/* Of two that are to succeed one irqfd. */
	assign_ok(self->v.vm, self->fd, GSI_MSI);
	ops[1] = irqfd_op(self->fd, GSI_MSI2);
	ops[2] = irqfd_op(self->fd, GSI_WORKER);
	ASSERT_BATCH_FAILS(EBUSY, 2, self->v.vm, ops, 3);
	add(self->fd, 1);
	wait_for_irqs(&self->v, VECTOR, 1);

	ops[2] = irqfd_op(-1, GSI_MSI);
	ASSERT_BATCH_FAILS(EBADF, 2, self->v.vm, ops, 3);
	ASSERT_BATCH_OK(self->v.vm, ops, 2);
	add(self->fd, 1);
	wait_for_irqs(&self->v, VECTOR2, 1);
	assert_irqs(&self->v, VECTOR, 1);
	unassign_ok(self->v.vm, self->fd, GSI_MSI2);
}

/*
 * An eventfd's irqfd is succeeded by one on another GSI while signals come: each is one
 * interrupt there or here, also where the worker injects.
 */
TEST_F_TIMEOUT(vm, succeeded, 120)
{
	static const uint32_t gsis[] = { GSI_MSI, GSI_MSI2, GSI_WORKER, GSI_PIN };
	struct kvm_eventfd_op ops[2];
	uint64_t sum = 0, before;
	unsigned int round, vector;
	uint32_t from = gsis[0];

	set_pin_vector(&self->v, GSI_PIN, VECTOR3);
	assign_ok(self->v.vm, self->fd, from);
	start_vcpu(&self->v);

	for (round = 1; round <= rounds(2000); round++) {
		before = sum;
		add(self->fd, 1);
		ops[0] = irqfd_op(self->fd, gsis[round % 4]);
		ops[1] = irqfd_end_op(self->fd, from);
		ASSERT_BATCH_OK(self->v.vm, ops, 2);
		from = gsis[round % 4];

		WAIT_FOR(({
			for (sum = 0, vector = 0; vector < 256; vector++)
				sum += vector == WAKE_VECTOR ? 0 : irqs(&self->v, vector);
			sum > before;
		}), "Round %u: the signal is lost", round);
		TEST_ASSERT(sum == before + 1, "Round %u: two interrupts", round);
	}

	stop_vcpu(&self->v);
	unassign_ok(self->v.vm, self->fd, from);
}

/* A level irqfd that hasn't begun isn't told, and takes no other one's line down. */
TEST_F(vm, level)
{
	int resample = new_eventfd(), fd2 = new_eventfd(), resample2 = new_eventfd();
	struct kvm_eventfd_op ops[2];

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, resample);
	add(self->fd, 1);

	ops[0] = irqfd_op(fd2, GSI_LEVEL);
	ops[0].irqfd.flags = KVM_IRQFD_FLAG_RESAMPLE;
	ops[0].irqfd.resamplefd = resample2;
	ops[1] = irqfd_op(-1, GSI_MSI);
	ASSERT_BATCH_FAILS(EBADF, 1, self->v.vm, ops, 2);
	ops[0].irqfd.resamplefd = -1;
	ASSERT_BATCH_FAILS(EBADF, 0, self->v.vm, ops, 1);
	ops[0].irqfd.resamplefd = resample2;
	TEST_ASSERT(!take(resample), "A batch that failed has resampled");
	wait_for_irqs(&self->v, VECTOR, 1);
	WAIT_FOR(take(resample), "Not told of the acknowledge");

	ops[1] = irqfd_end_op(self->fd, GSI_LEVEL);
	ASSERT_BATCH_OK(self->v.vm, ops, 2);
	take(resample2);
	add(fd2, 1);
	wait_for_irqs(&self->v, VECTOR, 2);
	WAIT_FOR(take(resample2), "Not told of the acknowledge");
	TEST_ASSERT(!take(resample), "Told after its end");
	unassign_ok(self->v.vm, fd2, GSI_LEVEL);

	close(resample);
	close(fd2);
	close(resample2);
}

/*
 * A deassign that finds its irqfd in a batch has to end it all the same when the batch
 * fails.  If it only waited for the batch, the eventfd would still be taken afterwards.
 */
struct failing {
	struct kvm_vm *vm;
	struct kvm_eventfd_op ops[4];
	bool stop;
	uint64_t failed;
};

static void *fail_batches(void *arg)
{
	struct failing *f = arg;
	int ret;

	while (!READ_ONCE(f->stop)) {
		ret = eventfd_batch(f->vm, f->ops, 4, NULL);
		TEST_ASSERT(ret == EBADF || ret == EBUSY, "Errno %d", ret);
		f->failed++;
	}
	return NULL;
}

TEST_F_TIMEOUT(vm, deassign_in_failing_batch, 300)
{
	int resample = new_eventfd(), round, nr = rounds(5000);
	struct failing f = { .vm = self->v.vm };
	pthread_t thread;

	f.ops[0] = irqfd_end_op(self->fd, GSI_MSI);
	f.ops[1] = irqfd_end_op(self->fd, GSI_LEVEL);
	f.ops[2] = irqfd_op(self->fd, GSI_MSI2);
	f.ops[3] = irqfd_op(-1, GSI_MSI);
	pthread_create(&thread, NULL, fail_batches, &f);

	for (round = 0; round < nr; round++) {
		bool level = round % 8 == 7;
		int ret;

		/* The batch has the eventfd now and then, if it isn't tied. */
		do {
			ret = level ? irqfd_resample(self->v.vm, self->fd, GSI_LEVEL, resample) :
				      irqfd(self->v.vm, self->fd, GSI_MSI);
		} while (ret == EBUSY);
		TEST_ASSERT(!ret, "Round %d: assign: %s", round, strerror(ret));
		add(self->fd, 1);
		unassign_ok(self->v.vm, self->fd, level ? GSI_LEVEL : GSI_MSI);
		add(self->fd, 1);
		TEST_ASSERT(take(self->fd) == 1, "Round %d: taken after the deassign", round);
	}

	WRITE_ONCE(f.stop, true);
	pthread_join(thread, NULL);
	TEST_ASSERT(f.failed, "No batch was made");
	close(resample);
}

/* Two batches that want each other's irqfds don't wait for each other for ever. */
struct swapper {
	struct kvm_vm *vm;
	struct kvm_eventfd_op ops[8];
	int nr;
	int done;
};

static void *swap_on(void *arg)
{
	struct swapper *s = arg;
	int round, ret;

	for (round = 0; round < s->nr; round++) {
		ret = eventfd_batch(s->vm, s->ops, 8, NULL);
		TEST_ASSERT(!ret || ret == EBUSY, "Errno %d", ret);
		s->done += !ret;
	}
	return NULL;
}

TEST_F_TIMEOUT(vm, against_each_other, 300)
{
	uint32_t gsis[] = { GSI_MSI, GSI_MSI2, GSI_WORKER, GSI_PIN };
	struct swapper s[2];
	pthread_t thread[2];
	int fds[2], i, j;

	fds[0] = self->fd;
	fds[1] = new_eventfd();
	for (i = 0; i < 2; i++) {
		s[i] = (struct swapper) { .vm = self->v.vm, .nr = rounds(3000) };
		/* All ends, then a begin of each eventfd, in an order of its own. */
		for (j = 0; j < 6; j++)
			s[i].ops[j] = irqfd_end_op(fds[(i + j) % 2], gsis[j / 2]);
		s[i].ops[6] = irqfd_op(fds[i], gsis[i]);
		s[i].ops[7] = irqfd_op(fds[!i], gsis[2 - i]);
		pthread_create(&thread[i], NULL, swap_on, &s[i]);
	}
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);

	TEST_ASSERT(s[0].done && s[1].done, "%d and %d batches were done", s[0].done, s[1].done);
	TEST_ASSERT(vm_stat(self->v.vm, "nr_irqfds") == 2, "Not two irqfds");
	for (i = 0; i < 2; i++)
		for (j = 0; j < 3; j++)
			unassign_ok(self->v.vm, fds[i], gsis[j]);
	TEST_ASSERT(vm_stat(self->v.vm, "nr_irqfds") == 0, "An irqfd is left");
	close(fds[1]);
}

int main(int argc, char **argv)
{
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_EVENTFD_BATCH));
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
