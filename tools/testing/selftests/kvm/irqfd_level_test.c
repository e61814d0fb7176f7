// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds: a signal raises the line, the guest's acknowledge lowers it and
 * signals the resample eventfd.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "resample.h"

TEST_F(resample, eoi)
{
	int i;

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);

	for (i = 1; i <= 20; i++) {
		add(self->fd, 1);
		wait_for_line(&self->v, true);
		TEST_ASSERT(!take(self->fd), "Wanted the count to be gone");

		run_into_irq(&self->v);
		TEST_ASSERT(line_is_up(&self->v) && in_service(&self->v),
			    "Before EOI: wanted the line up and in service, it is %s and %s",
			    line_is_up(&self->v) ? "up" : "down",
			    in_service(&self->v) ? "in service" : "not");
		assert_resampled(self->resamplefd, 0, "Before EOI");

		pass(&self->v);
		TEST_ASSERT(!line_is_up(&self->v) && !in_service(&self->v),
			    "After EOI: wanted the line down and not in service, it is %s and %s",
			    line_is_up(&self->v) ? "up" : "down",
			    in_service(&self->v) ? "in service" : "not");
		assert_resampled(self->resamplefd, 1, "After EOI");
		TEST_ASSERT(irqs(&self->v, VECTOR) == i, "Wanted %d interrupts, got %lu", i,
			    irqs(&self->v, VECTOR));
	}

	assert_irqs(&self->v, VECTOR, 20);
	assert_resampled(self->resamplefd, 0, "With the line down");
}

/* A device that signals again before the EOI gets one interrupt. */
TEST_F(resample, signal_before_eoi)
{
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);

	add(self->fd, 1);
	wait_for_line(&self->v, true);
	run_into_irq(&self->v);
	add(self->fd, 1);
	wait_for_worker(&self->v);

	pass(&self->v);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* A running guest, and user space as a device that signals again after each EOI. */
TEST_F(resample, running_vcpu)
{
	int i;

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	start_vcpu(&self->v);

	for (i = 1; i <= 100; i++) {
		add(self->fd, 1);
		WAIT_FOR(take(self->resamplefd), "Round %d: no EOI has been reported", i);
	}
	stop_vcpu(&self->v);

	assert_irqs(&self->v, VECTOR, 100);
	assert_resampled(self->resamplefd, 0, "After the last one");
}

/* An EOI signals the resample eventfds of all irqfds that share the line. */
TEST_F(resample, shared_line)
{
	int fd = new_eventfd(), resamplefd = new_eventfd();

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	assign_resample_ok(self->v.vm, fd, GSI_LEVEL, resamplefd);

	add(self->fd, 1);
	add(fd, 1);
	/* Both have raised it. */
	wait_for_worker(&self->v);
	wait_for_line(&self->v, true);

	pass(&self->v);
	TEST_ASSERT(!line_is_up(&self->v), "After EOI: wanted the line down");
	assert_resampled(self->resamplefd, 1, "First of two");
	assert_resampled(resamplefd, 1, "Second of two");
	assert_irqs(&self->v, VECTOR, 1);

	unassign_ok(self->v.vm, self->fd, GSI_LEVEL);
	add(fd, 1);
	wait_for_line(&self->v, true);
	assert_irqs(&self->v, VECTOR, 2);
	assert_resampled(self->resamplefd, 0, "Deassigned");
	assert_resampled(resamplefd, 1, "The one that is left");

	close(fd);
	close(resamplefd);
}

/* Assign consumes a count that is there before it, and raises the line. */
TEST_F(resample, pending_at_assign)
{
	add(self->fd, 3);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	wait_for_line(&self->v, true);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* Before deassign returns, the line is down and EOIs no longer signal the resamplefd. */
TEST_F(resample, deassign_lowers_line)
{
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	wait_for_line(&self->v, true);
	run_into_irq(&self->v);

	unassign_ok(self->v.vm, self->fd, GSI_LEVEL);
	TEST_ASSERT(!line_is_up(&self->v), "After deassign: wanted the line down");

	pass(&self->v);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 0, "EOI after deassign");
	TEST_ASSERT(!in_service(&self->v), "After EOI: wanted it not in service");
}

/* The eventfd's last close does the same a moment later. */
TEST_F(resample, hangup_lowers_line)
{
	int fd = new_eventfd();

	assign_resample_ok(self->v.vm, fd, GSI_LEVEL, self->resamplefd);
	add(fd, 1);
	wait_for_line(&self->v, true);
	run_into_irq(&self->v);

	close(fd);
	wait_for_line(&self->v, false);

	/* Lowering the line comes last, so EOIs no longer signal the resamplefd. */
	pass(&self->v);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 0, "EOI after the hang-up");

	/* Another irqfd can use the GSI and the resample eventfd. */
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 2);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* User space may close the resample eventfd first, or the VM. */
TEST_F(resample, closed_first)
{
	int resamplefd = new_eventfd();

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, resamplefd);
	close(resamplefd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	TEST_ASSERT(!line_is_up(&self->v), "After EOI: wanted the line down");

	add(self->fd, 1);
	wait_for_line(&self->v, true);
	irq_vm_free(&self->v);
	add(self->fd, 2);
	TEST_ASSERT(take(self->fd) == 2, "Wanted a plain eventfd with a count of 2");

	irq_vm_init(&self->v);
}

TEST_F(resample, errno_fd)
{
	struct kvm_vm *vm = self->v.vm;
	int fd, pipefd[2];

	ASSERT_ERRNO(EBADF, irqfd_resample(vm, self->fd, GSI_LEVEL, -1), "Resample fd -1");

	fd = new_eventfd();
	close(fd);
	ASSERT_ERRNO(EBADF, irqfd_resample(vm, self->fd, GSI_LEVEL, fd), "A closed resample fd");

	TEST_ASSERT(!pipe(pipefd), "pipe(): %s", strerror(errno));
	ASSERT_ERRNO(EINVAL, irqfd_resample(vm, self->fd, GSI_LEVEL, pipefd[1]),
		     "A pipe as resample fd");
	ASSERT_ERRNO(EINVAL, irqfd_resample(vm, pipefd[1], GSI_LEVEL, self->resamplefd),
		     "A pipe with a resample fd");
	ASSERT_ERRNO(EBADF, irqfd_resample(vm, -1, GSI_LEVEL, self->resamplefd),
		     "Fd -1 with a resample fd");
	close(pipefd[0]);
	close(pipefd[1]);

	/* None of these calls has bound the eventfd. */
	assign_resample_ok(vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* Deassign lowers what the irqfd has raised, though another one shares the line. */
TEST_F(resample, shared_deassign)
{
	int fd = new_eventfd(), resamplefd = new_eventfd();

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	assign_resample_ok(self->v.vm, fd, GSI_LEVEL, resamplefd);
	add(self->fd, 1);
	wait_for_line(&self->v, true);

	unassign_ok(self->v.vm, self->fd, GSI_LEVEL);
	TEST_ASSERT(!line_is_up(&self->v), "Wanted the line down, its irqfd was deassigned");
	/* The raise might have been the other one's. */
	assert_resampled(resamplefd, 1, "The one that is left");

	add(fd, 1);
	wait_for_irqs(&self->v, VECTOR, 1);
	close(fd);
	close(resamplefd);
}

/* A raise without a route waits for one. */
TEST_F(resample, no_route)
{
	set_routes(self->v.vm, NULL, 0);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	wait_for_worker(&self->v);
	assert_resampled(self->resamplefd, 0, "Without a route");

	set_default_routes(self->v.vm);
	assert_resampled(self->resamplefd, 1, "With a route");
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_resampled(self->resamplefd, 1, "After EOI");
}

/* A VM closes with many lines up and one in service, while a thread closes eventfds. */
static void *close_half(void *arg)
{
	int *fds = arg, i;

	for (i = 0; i < 256; i += 2)
		close(fds[i]);
	return NULL;
}

TEST(closed_with_lines_up)
{
	int fds[256], resamplefds[256], i, round;
	struct irq_vm v;
	pthread_t thread;

	for (round = 0; round < 5; round++) {
		irq_vm_init(&v);
		for (i = 0; i < 256; i++) {
			fds[i] = new_eventfd();
			resamplefds[i] = new_eventfd();
			assign_resample_ok(v.vm, fds[i], i & 2 ? GSI_LEVEL : i, resamplefds[i]);
			add(fds[i], 1);
		}
		wait_for_line(&v, true);
		run_into_irq(&v);

		TEST_ASSERT(!pthread_create(&thread, NULL, close_half, fds),
			    "pthread_create() failed");
		irq_vm_free(&v);
		TEST_ASSERT(!pthread_join(thread, NULL), "pthread_join() failed");
		for (i = 0; i < 256; i++) {
			if (i & 1) {
				take(fds[i]);
				add(fds[i], 2);
				TEST_ASSERT(take(fds[i]) == 2, "Wanted a plain eventfd");
				close(fds[i]);
			}
			close(resamplefds[i]);
		}
	}
}

/*
 * The tracer counts this thread's calls of the functions that wait for a grace
 * period.
 */
#define TRACING		"/sys/kernel/tracing/"
#define COUNTER		TRACING "instances/irqfd_level/"

static const char * const waiting[] = {
	"synchronize_srcu", "synchronize_srcu_expedited", "synchronize_rcu",
	"synchronize_rcu_expedited", "srcu_barrier", "rcu_barrier",
};

static bool count_waits(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(waiting); i++)
		if (!tell_kernel(TRACING "kprobe_events", O_APPEND, "p:irqfd_level/%s %s\n",
				 waiting[i], waiting[i]))
			return false;
	return !mkdir(COUNTER, 0700) &&
	       tell_kernel(COUNTER "events/irqfd_level/filter", 0, "common_pid == %d", getpid()) &&
	       tell_kernel(COUNTER "events/irqfd_level/enable", 0, "1");
}

static void count_no_more(void)
{
	int i;

	tell_kernel(COUNTER "events/enable", 0, "0");
	rmdir(COUNTER);
	for (i = 0; i < ARRAY_SIZE(waiting); i++)
		tell_kernel(TRACING "kprobe_events", O_APPEND, "-:irqfd_level/%s\n", waiting[i]);
}

/* How many calls there were since the last waits(). */
static int waits(void)
{
	char line[256];
	int count = 0;
	FILE *trace;

	trace = fopen(COUNTER "trace", "r");
	TEST_ASSERT(trace, "No trace: %s", strerror(errno));
	while (fgets(line, sizeof(line), trace))
		count += line[0] != '#';
	fclose(trace);
	ASSERT_TOLD(COUNTER "trace", O_TRUNC, "\n");
	return count;
}

/* Waits in the close of a VM that has @nr level irqfds on @nr_gsis GSIs. */
static int waits_of_close(int nr, int nr_gsis)
{
	int fds[256], resamplefd = new_eventfd(), i, count;
	struct irq_vm v;

	irq_vm_init(&v);
	waits();
	for (i = 0; i < nr; i++) {
		fds[i] = new_eventfd();
		assign_resample_ok(v.vm, fds[i], i % nr_gsis, resamplefd);
	}
	count = waits();
	TEST_ASSERT(!count, "%d assigns have waited for %d grace periods", nr, count);
	irq_vm_free(&v);
	count = waits();
	for (i = 0; i < nr; i++)
		close(fds[i]);
	close(resamplefd);
	return count;
}

/*
 * An assign waits for no grace period, a deassign for one.  A VM's close waits for one
 * at most, however many irqfds the VM has.
 *
 * In Linux up to 6.12, and later, an assign waits too, and a close for each irqfd.
 */
TEST(grace_periods)
{
	int fd = new_eventfd(), resamplefd = new_eventfd(), none, one, many;
	struct irq_vm v;

	if (!count_waits()) {
		count_no_more();
		SKIP(return, "No tracer to count with");
	}

	irq_vm_init(&v);
	waits();
	assign_resample_ok(v.vm, fd, GSI_LEVEL, resamplefd);
	TEST_ASSERT(!waits(), "An assign has waited");
	unassign_ok(v.vm, fd, GSI_LEVEL);
	one = waits();
	TEST_ASSERT(one == 1, "Wanted a deassign to wait once, it has %d times", one);
	irq_vm_free(&v);

	none = waits_of_close(0, 1);
	one = waits_of_close(1, 1);
	many = waits_of_close(256, 128);
	count_no_more();
	ksft_print_msg("A close waits %d times, with an irqfd %d times, with 256 %d times\n", none,
		       one, many);
	TEST_ASSERT(none > 0, "Nothing has been counted");
	TEST_ASSERT(one <= none + 1 && many == one,
		    "A close waits %d times, with an irqfd %d times, with 256 %d times", none, one,
		    many);
	close(fd);
	close(resamplefd);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
