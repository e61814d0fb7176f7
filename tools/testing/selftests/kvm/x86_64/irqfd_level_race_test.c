// SPDX-License-Identifier: GPL-2.0-only
/*
 * Level irqfds whose raises and acknowledges race with the end and the beginning of others,
 * with new routes and with each other.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>

#include "apic.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "resample.h"

/*
 * The GSI loses its route and gets it back while a device interrupts.  A raise in
 * between goes by one of the two tables or waits for a route.  If KVM loses a raise, the
 * device waits for its resamplefd for ever.
 */
TEST_F_TIMEOUT(resample, rerouted_under_raises, 120)
{
	uint64_t before = 0, told;
	struct busy_device d;
	int i, n = rounds(1000);

	start_vcpu(&self->v);
	start_device(&d, &self->v, GSI_LEVEL);
	for (i = 1; i <= n; i++) {
		set_msi_route(self->v.vm, VECTOR2);
		set_default_routes(self->v.vm);
		WAIT_FOR((told = READ_ONCE(d.told), told != before),
			 "The GSI is dead after %d tables and %lu interrupts", i, before);
		before = told;
	}
	stop_device(&d);
	stop_vcpu(&self->v);
}

/*
 * The four-step race of the proposal for level irqfds ("OADN", 2012): an old irqfd
 * leaves the GSI, a new one comes, an acknowledge lowers the line and signals the new
 * one's resamplefd, and the new one raises the line again.  Then an acknowledge that
 * began with the old irqfd lowers the line once more and signals no resamplefd.
 *
 * Here the steps race at random; irqfd_order_test forces each order.  The new one's
 * device waits for its resamplefd before it signals again, so a lost raise stops it for
 * good.
 */
struct four_steps {
	struct irq_vm *v;
	bool stop;
	uint64_t rounds;
	pthread_t thread;
};

static void *come_and_go(void *arg)
{
	struct four_steps *f = arg;
	int fd, resamplefd;

	while (!READ_ONCE(f->stop)) {
		fd = new_eventfd();
		resamplefd = new_eventfd();
		assign_resample_ok(f->v->vm, fd, GSI_LEVEL, resamplefd);
		add(fd, 1);
		/* End before the guest's acknowledge, during it, or after it. */
		usleep(f->rounds % 16 * 100);
		/* End by DEASSIGN and by hang-up in turn. */
		if (f->rounds++ & 1)
			unassign_ok(f->v->vm, fd, GSI_LEVEL);
		close(fd);
		close(resamplefd);
	}
	return NULL;
}

static unsigned int race_seconds(void)
{
	const char *text = getenv("RACE_SECONDS");

	return text ? atoi(text) : 5;
}

TEST_F_TIMEOUT(resample, four_step_race, 120)
{
	struct four_steps f = { .v = &self->v };
	uint64_t told = 0, before;
	time_t end;

	TEST_ASSERT(!pthread_create(&f.thread, NULL, come_and_go, &f), "pthread_create() failed");
	start_vcpu(&self->v);

	for (end = now() + race_seconds(); now() < end;) {
		assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
		/* Signal once for each signal of the resamplefd, needed or not. */
		for (before = told; told <= before + before % 3; told++) {
			add(self->fd, 1);
			WAIT_FOR(take(self->resamplefd),
				 "After %lu rounds: a raise was swallowed", told);
		}
		unassign_ok(self->v.vm, self->fd, GSI_LEVEL);
		take(self->resamplefd);
	}

	WRITE_ONCE(f.stop, true);
	TEST_ASSERT(!pthread_join(f.thread, NULL), "pthread_join() failed");
	stop_vcpu(&self->v);
	ksft_print_msg("Told %lu times, while %lu others came and went; %lu interrupts\n", told,
		       f.rounds, irqs(&self->v, VECTOR));
	TEST_ASSERT(told > 20 && f.rounds > 20, "Wanted a race, got %lu and %lu rounds", told,
		    f.rounds);

	/* The line works as before. */
	wait_for_line(&self->v, false);
	before = irqs(&self->v, VECTOR);
	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, before + 1);
	/* There may be more signals than one: the last hang-up may have signalled, too. */
	TEST_ASSERT(take(self->resamplefd), "Afterwards: wanted it told");
}

/* Two devices on one line, a thread each: a resamplefd signal follows each of theirs. */
struct sharer {
	struct irq_vm *v;
	int fd;
	int resamplefd;
	uint64_t rounds;
	time_t end;
	pthread_t thread;
};

static void *signal_and_wait(void *arg)
{
	struct sharer *s = arg;

	for (; now() < s->end; s->rounds++) {
		take(s->resamplefd);
		add(s->fd, 1);
		WAIT_FOR(take(s->resamplefd), "After %lu rounds: a raise was swallowed",
			 s->rounds);
	}
	return NULL;
}

TEST_F_TIMEOUT(resample, shared_race, 120)
{
	struct sharer s[2];
	uint64_t user = 0;
	int i;

	for (i = 0; i < 2; i++) {
		s[i] = (struct sharer) {
			.v = &self->v,
			.fd = new_eventfd(),
			.resamplefd = new_eventfd(),
			.end = now() + race_seconds(),
		};
		assign_resample_ok(self->v.vm, s[i].fd, GSI_LEVEL, s[i].resamplefd);
	}
	start_vcpu(&self->v);
	for (i = 0; i < 2; i++)
		TEST_ASSERT(!pthread_create(&s[i].thread, NULL, signal_and_wait, &s[i]),
			    "pthread_create() failed");

	/* Meanwhile user space raises and lowers its own line. */
	for (; now() < s[0].end; user++) {
		kvm_irq_line(self->v.vm, GSI_LEVEL, 1);
		kvm_irq_line(self->v.vm, GSI_LEVEL, 0);
		usleep(POLL_USEC);
	}
	for (i = 0; i < 2; i++) {
		TEST_ASSERT(!pthread_join(s[i].thread, NULL), "pthread_join() failed");
		TEST_ASSERT(s[i].rounds > 20, "Wanted a race, got %lu rounds", s[i].rounds);
	}
	stop_vcpu(&self->v);
	ksft_print_msg("%lu and %lu rounds, user space %lu; %lu interrupts\n", s[0].rounds,
		       s[1].rounds, user, irqs(&self->v, VECTOR));

	pass(&self->v);
	TEST_ASSERT(!line_is_up(&self->v), "Wanted the line down after the race");
	for (i = 0; i < 2; i++) {
		close(s[i].fd);
		close(s[i].resamplefd);
	}
}

/* The guest's own program: counts with interrupts on until stop_counting(). */
static uint64_t guest_progress;
static uint32_t guest_counts;

static void count_on(void)
{
	asm volatile("sti");
	while (READ_ONCE(guest_counts))
		WRITE_ONCE(guest_progress, guest_progress + 1);
	asm volatile("cli");
}

static void start_counting(struct irq_vm *v)
{
	guest_counts = 1;
	sync_global_to_guest(v->vm, guest_counts);
	WRITE_ONCE(v->guest->work, count_on);
	start_vcpu(v);
}

static uint64_t progress(struct irq_vm *v)
{
	return READ_ONCE(*(uint64_t *)addr_gva2hva(v->vm, (uint64_t)&guest_progress));
}

static void stop_counting(struct irq_vm *v)
{
	guest_counts = 0;
	sync_global_to_guest(v->vm, guest_counts);
	WRITE_ONCE(v->guest->work, NULL);
	stop_vcpu(v);
}

/*
 * Irqfds whose resamplefd is their own eventfd, or each other's (B41, B48), so that each
 * acknowledge raises the line again.  They interrupt again and again, and KVM must not
 * recurse.  The guest may make no progress, as with any device that is broken so; the
 * host must make progress.
 */
struct storm {
	struct irq_vm v;
	int fds[2];
	pthread_t thread;
	uint64_t kicks;
	bool stop;
};

FIXTURE(storm) {
	struct storm s;
};

FIXTURE_VARIANT(storm) {
	uint32_t gsi;
	uint8_t vector;
	bool two;
};

FIXTURE_VARIANT_ADD(storm, ioapic) {
	.gsi = GSI_LEVEL, .vector = VECTOR, .two = false,
};

FIXTURE_VARIANT_ADD(storm, ioapic_two) {
	.gsi = GSI_LEVEL, .vector = VECTOR, .two = true,
};

FIXTURE_VARIANT_ADD(storm, pic) {
	.gsi = GSI_BOTH, .vector = PIC_VECTOR, .two = false,
};

FIXTURE_SETUP(storm)
{
	const struct kvm_irq_routing_entry pic = chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER,
							    GSI_BOTH);

	irq_vm_init(&self->s.v);
	if (variant->gsi == GSI_BOTH) {
		set_routes(self->s.v.vm, &pic, 1);
		init_pic(&self->s.v);
		self->s.v.guest->ack = pic_ack;
	}
	self->s.fds[0] = new_eventfd();
	self->s.fds[1] = new_eventfd();
}

FIXTURE_TEARDOWN(storm)
{
	close(self->s.fds[0]);
	close(self->s.fds[1]);
	irq_vm_free(&self->s.v);
}

static void interrupted(int signal)
{
}

/* The vCPU's thread: a signal ends KVM_RUN. */
static void *run_until_stopped(void *arg)
{
	struct storm *s = arg;
	struct kvm_run *run = s->v.vcpu->run;
	struct ucall uc;

	do {
		if (__vcpu_run(s->v.vcpu)) {
			TEST_ASSERT(errno == EINTR, KVM_IOCTL_ERROR(KVM_RUN, -1));
			WRITE_ONCE(s->kicks, s->kicks + 1);
		} else {
			if (get_ucall(s->v.vcpu, &uc) == UCALL_ABORT)
				REPORT_GUEST_ASSERT(uc);
			TEST_ASSERT(run->exit_reason == KVM_EXIT_IOAPIC_EOI,
				    "Unexpected exit %u (%s)", run->exit_reason,
				    exit_reason_str(run->exit_reason));
		}
	} while (!READ_ONCE(s->stop));
	return NULL;
}

static uint64_t usec_since(struct timespec begin)
{
	return timespec_to_ns(timespec_elapsed(begin)) / 1000;
}

/* The longest of @nr sleeps of a millisecond, in us. */
static uint64_t worst_nap(int nr)
{
	uint64_t worst = 0, took;
	struct timespec begin;

	while (nr--) {
		clock_gettime(CLOCK_MONOTONIC, &begin);
		usleep(1000);
		took = usec_since(begin);
		worst = took > worst ? took : worst;
	}
	return worst;
}

/* The longest of @nr times from a signal to the return of KVM_RUN, in us. */
static uint64_t worst_kick(struct storm *s, int nr)
{
	uint64_t worst = 0, took, before;
	struct timespec begin;

	while (nr--) {
		before = READ_ONCE(s->kicks);
		clock_gettime(CLOCK_MONOTONIC, &begin);
		/* Signal repeatedly: the thread may be outside of KVM_RUN at first. */
		WAIT_FOR((pthread_kill(s->thread, SIGUSR1), READ_ONCE(s->kicks) != before),
			 "A signal doesn't stop the vCPU");
		took = usec_since(begin);
		worst = took > worst ? took : worst;
	}
	return worst;
}

/* Print the guest's interrupts and progress, and how long the host lets a task wait. */
static void measure(struct storm *s, uint8_t vector, const char *what)
{
	uint64_t seen = irqs(&s->v, vector), done = progress(&s->v), nap;
	struct timespec begin;
	double sec;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	nap = worst_nap(500);
	seen = irqs(&s->v, vector) - seen;
	done = progress(&s->v) - done;
	sec = usec_since(begin) / 1e6;
	ksft_print_msg("%s: in a second %.0f interrupts, the guest counts to %.0f\n", what,
		       seen / sec, done / sec);
	ksft_print_msg("%s: 1000 us of sleep take up to %lu us, a kick %lu us\n", what, nap,
		       worst_kick(s, 20));
}

TEST_F_TIMEOUT(storm, host_goes_on, 120)
{
	struct storm *s = &self->s;
	struct irq_vm *v = &s->v;
	uint64_t seen;

	signal(SIGUSR1, interrupted);
	assign_resample_ok(v->vm, s->fds[0], variant->gsi, s->fds[variant->two]);
	if (variant->two)
		assign_resample_ok(v->vm, s->fds[1], GSI_IOAPIC, s->fds[0]);
	guest_counts = 1;
	sync_global_to_guest(v->vm, guest_counts);
	WRITE_ONCE(v->guest->work, count_on);
	TEST_ASSERT(!pthread_create(&s->thread, NULL, run_until_stopped, s),
		    "pthread_create() failed");
	measure(s, variant->vector, "Idle");

	add(s->fds[0], 1);
	wait_for_running(v, variant->vector, 100);
	measure(s, variant->vector, "Storm");
	kvm_irq_line(v->vm, variant->gsi, 1);
	measure(s, variant->vector, "Held up as well");
	kvm_irq_line(v->vm, variant->gsi, 0);

	unassign_ok(v->vm, s->fds[0], variant->gsi);
	if (variant->two)
		unassign_ok(v->vm, s->fds[1], GSI_IOAPIC);
	usleep(SETTLE_PASSES * SETTLE_USEC);
	seen = irqs(v, variant->vector);
	worst_nap(100);
	TEST_ASSERT(irqs(v, variant->vector) <= seen + 1, "Deassigned, it still interrupts");

	WRITE_ONCE(s->stop, true);
	WAIT_FOR((pthread_kill(s->thread, SIGUSR1), !pthread_tryjoin_np(s->thread, NULL)),
		 "A signal doesn't stop the vCPU");
}

/*
 * The line goes down after the vCPU has seen that the PIC has an interrupt, and before
 * it takes the vector.  KVM injects nothing then and must not warn; the lab checks the
 * kernel's log.
 *
 * Linux up to 6.12 and later warns (WARN_ON_ONCE() in kvm_check_and_inject_events()).
 */
TEST_F_TIMEOUT(resample, pic_lowered_late, 120)
{
	const struct kvm_irq_routing_entry route = chip_route(GSI_BOTH, KVM_IRQCHIP_PIC_MASTER,
							      GSI_BOTH);
	int i, j;

	set_routes(self->v.vm, &route, 1);
	init_pic(&self->v);
	self->v.guest->ack = pic_ack;
	start_counting(&self->v);
	for (i = 0; i < rounds(20000); i++) {
		kvm_irq_line(self->v.vm, GSI_BOTH, 1);
		/* The delay varies, so that some rounds hit the moment on any machine. */
		for (j = i * 37 % 4096; j; j--)
			cpu_relax();
		kvm_irq_line(self->v.vm, GSI_BOTH, 0);
	}
	stop_counting(&self->v);
	TEST_ASSERT(irqs(&self->v, PIC_VECTOR), "No interrupt was taken");
}

/*
 * However busy a device is that signals after each signal of its resamplefd, from a
 * thread of its own: the guest's program makes progress.
 */
TEST_F_TIMEOUT(resample, busy_device, 170)
{
	struct pollfd told = { .fd = self->resamplefd, .events = POLLIN };
	const int nr = rounds(20000);
	uint64_t done;
	int i;

	assign_resample_ok(self->v.vm, self->fd, GSI_LEVEL, self->resamplefd);
	start_counting(&self->v);
	done = progress(&self->v);
	for (i = 0; i < nr; i++) {
		add(self->fd, 1);
		TEST_ASSERT(poll(&told, 1, WAIT_SEC * 1000) == 1,
			    "After %d rounds: wanted it told, it is not", i);
		take(self->resamplefd);
	}
	done = progress(&self->v) - done;
	stop_counting(&self->v);

	TEST_ASSERT(irqs(&self->v, VECTOR) == nr, "Wanted %d interrupts, got %lu", nr,
		    irqs(&self->v, VECTOR));
	TEST_ASSERT(done > nr, "The guest has counted to %lu only", done);
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IRQFD_RESAMPLE));
	TEST_REQUIRE(kvm_has_cap(KVM_CAP_SIGNAL_MSI));

	/* Hold a VM throughout, see irq_vm_begin(). */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
