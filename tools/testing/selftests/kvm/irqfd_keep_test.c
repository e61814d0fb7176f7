// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfds that outlive their eventfds' files, with KVM_IRQFD_FLAG_KEEP.
 *
 * The guest's doorbell is the producer in the kernel: it signals the eventfd that the
 * irqfd has, whether or not user space has a descriptor.
 *
 * Linux up to 6.12 and later has no such flag.  There the last close ends the irqfd, and
 * what is signalled after that is lost: the tests fail at the assign.
 */
#include <linux/kvm_irqfd_keep.h>
#include <sys/wait.h>

#include "eventfd_batch.h"
#include "kvm_test_harness.h"
#include "irqfd_vm.h"
#include "irqfd_control.h"

#define KEEP		KVM_IRQFD_FLAG_KEEP
#define DEASSIGN_KEPT	(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_KEEP)

/* Does the kernel know when an eventfd's last producer goes? */
static bool ends_with_producers(void)
{
	return kvm_check_cap(KVM_CAP_IRQFD_KEEP) == KVM_IRQFD_KEEP_TO_PRODUCERS;
}

static int assign_kept(struct kvm_vm *vm, int fd, uint32_t gsi)
{
	return irqfd_full(vm->fd, fd, gsi, KEEP, 0);
}

static void assign_kept_ok(struct kvm_vm *vm, int fd, uint32_t gsi)
{
	ASSERT_ERRNO(0, assign_kept(vm, fd, gsi), "Assign with KEEP");
}

static int unassign_kept(struct kvm_vm *vm, uint32_t gsi)
{
	return irqfd_full(vm->fd, KVM_IRQFD_CLOSED, gsi, DEASSIGN_KEPT, 0);
}

static void unassign_kept_ok(struct kvm_vm *vm, uint32_t gsi)
{
	ASSERT_ERRNO(0, unassign_kept(vm, gsi), "Deassign GSI %u", gsi);
}

static struct kvm_ioeventfd bell_of(int fd, uint32_t flags)
{
	return (struct kvm_ioeventfd) {
		.addr = DOORBELL_ADDR, .len = 4, .fd = fd, .flags = DOORBELL_FLAGS | flags,
	};
}

static void assign_bell(struct kvm_vm *vm, int fd)
{
	struct kvm_ioeventfd bell = bell_of(fd, 0);

	vm_ioctl(vm, KVM_IOEVENTFD, &bell);
}

static void unassign_bell(struct kvm_vm *vm)
{
	struct kvm_ioeventfd bell = bell_of(-1, KVM_IOSIGNALFD_FLAG_DEASSIGN |
						KVM_IOSIGNALFD_FLAG_ANY_FD);

	vm_ioctl(vm, KVM_IOEVENTFD, &bell);
}

static void ring(struct irq_vm *v)
{
	v->guest->ring = 1;
	pass(v);
	v->guest->ring = 0;
}

static void assert_ring_interrupts(struct irq_vm *v)
{
	uint64_t before = irqs(v, VECTOR);

	ring(v);
	wait_for_irqs(v, VECTOR, before + 1);
	assert_irqs(v, VECTOR, before + 1);
}

static void assert_ring_is_lost(struct irq_vm *v)
{
	uint64_t before = irqs(v, VECTOR);

	ring(v);
	assert_irqs(v, VECTOR, before);
}

/* An irqfd and a doorbell on one eventfd, which is closed. */
static void keep_and_close(struct irq_vm *v, uint32_t gsi)
{
	int fd = new_eventfd();

	assign_kept_ok(v->vm, fd, gsi);
	assign_bell(v->vm, fd);
	close(fd);
}

/* The seed's scenario: user space closes what it has no use for, and the interrupts stay. */
TEST_F(vm, closed)
{
	int i;

	keep_and_close(&self->v, GSI_MSI);
	for (i = 0; i < 10; i++)
		assert_ring_interrupts(&self->v);
	wait_for_ends(&self->v, 1);
}

/* The same at a pin. */
TEST_F(vm, closed_pin)
{
	keep_and_close(&self->v, GSI_PIN);
	set_pin_vector(&self->v, GSI_PIN, VECTOR);
	assert_ring_interrupts(&self->v);
}

/* As ever: the last close ends an irqfd that didn't ask. */
TEST_F(vm, without_flag)
{
	int fd = new_eventfd();

	assign_ok(self->v.vm, fd, GSI_MSI);
	assign_bell(self->v.vm, fd);
	assert_ring_interrupts(&self->v);
	close(fd);
	wait_for_ends(&self->v, 0);
	assert_ring_is_lost(&self->v);
	unassign_kept_ok(self->v.vm, GSI_MSI);
}

/* By its GSI it can be deassigned without a descriptor, and no other one is. */
TEST_F(vm, deassign)
{
	struct kvm_vm *vm = self->v.vm;
	int open = new_eventfd(), other = new_eventfd(), plain = new_eventfd();

	assign_kept_ok(vm, open, GSI_MSI);
	assign_ok(vm, plain, GSI_MSI);
	assign_kept_ok(vm, other, GSI_MSI2);
	assign_bell(vm, other);
	unassign_bell(vm);
	keep_and_close(&self->v, GSI_MSI);
	wait_for_ends(&self->v, 4);

	unassign_kept_ok(vm, GSI_MSI2);
	assert_ring_interrupts(&self->v);

	unassign_kept_ok(vm, GSI_MSI);
	wait_for_ends(&self->v, 3);
	assert_ring_is_lost(&self->v);

	/* Those whose eventfds are open have stayed, and go by these. */
	add(open, 1);
	add(plain, 1);
	wait_for_irqs(&self->v, VECTOR, irqs(&self->v, VECTOR) + 1);
	unassign_ok(vm, open, GSI_MSI);
	unassign_ok(vm, plain, GSI_MSI);
	unassign_ok(vm, other, GSI_MSI2);
	wait_for_ends(&self->v, 0);

	/* There is none, and no such GSI. */
	unassign_kept_ok(vm, GSI_MSI);
	unassign_kept_ok(vm, 4095);
	unassign_kept_ok(vm, UINT32_MAX);
	close(open);
	close(other);
	close(plain);
}

/* Any number of a GSI's go in one call. */
TEST_F(vm, deassign_many)
{
	const int nr = rounds(200);
	struct kvm_ioeventfd bell;
	int i, fd;

	for (i = 0; i < nr; i++) {
		fd = new_eventfd();
		assign_kept_ok(self->v.vm, fd, GSI_MSI);
		bell = bell_of(fd, 0);
		bell.flags |= KVM_IOEVENTFD_FLAG_DATAMATCH;
		bell.datamatch = 1000 + i;
		vm_ioctl(self->v.vm, KVM_IOEVENTFD, &bell);
		close(fd);
	}
	wait_for_ends(&self->v, nr);
	unassign_kept_ok(self->v.vm, GSI_MSI);
	wait_for_ends(&self->v, 0);
}

/* The last producer ends it; if that is the file, so does the close. */
TEST_F(vm, producers_gone)
{
	if (!ends_with_producers())
		SKIP(return, "The kernel doesn't know an eventfd's producers");

	keep_and_close(&self->v, GSI_MSI);
	assert_ring_interrupts(&self->v);
	unassign_bell(self->v.vm);
	wait_for_ends(&self->v, 0);

	assign_kept_ok(self->v.vm, self->fd, GSI_MSI);
	close(self->fd);
	wait_for_ends(&self->v, 0);
	self->fd = new_eventfd();

	/* Another VM's doorbell is a producer like any other. */
	keep_and_close(&self->v, GSI_MSI);
	unassign_bell(self->v.vm);
	wait_for_ends(&self->v, 0);
}

/* Where producers aren't known it stays until the deassign, and goes with the VM. */
TEST_F(vm, stays)
{
	if (ends_with_producers())
		SKIP(return, "The kernel knows an eventfd's producers");

	keep_and_close(&self->v, GSI_MSI);
	unassign_bell(self->v.vm);
	close(self->fd);
	self->fd = new_eventfd();
	wait_for_ends(&self->v, 1);
	unassign_kept_ok(self->v.vm, GSI_MSI);
	wait_for_ends(&self->v, 0);

	/* To the end of the VM. */
	assign_kept_ok(self->v.vm, self->fd, GSI_MSI);
	close(self->fd);
	self->fd = new_eventfd();
}

/* A copy of the descriptor, or one on its way to another process, keeps the file. */
TEST_F(vm, not_the_last_close)
{
	int fd = new_eventfd(), copy = dup(fd);
	pid_t child;

	assign_kept_ok(self->v.vm, fd, GSI_MSI);
	assign_bell(self->v.vm, fd);
	close(fd);
	unassign_kept_ok(self->v.vm, GSI_MSI);
	assert_ring_interrupts(&self->v);

	/* A child's copy goes with the child. */
	child = fork();
	if (!child) {
		close(self->v.vm->fd);
		pause();
	}
	close(copy);
	unassign_kept_ok(self->v.vm, GSI_MSI);
	assert_ring_interrupts(&self->v);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_ring_interrupts(&self->v);
	unassign_kept_ok(self->v.vm, GSI_MSI);
	assert_ring_is_lost(&self->v);
}

/* What a mask has held back goes with the irqfd. */
TEST_F(vm, masked)
{
	int fd = new_eventfd();

	require_irqfd_control();
	assign_kept_ok(self->v.vm, fd, GSI_MSI);
	assign_bell(self->v.vm, fd);
	mask_ok(self->v.vm, fd);
	close(fd);
	assert_ring_is_lost(&self->v);
	unassign_kept_ok(self->v.vm, GSI_MSI);
	wait_for_ends(&self->v, 0);
	assert_irqs(&self->v, VECTOR, 0);
}

/* A move takes it to another GSI's, but not to where it couldn't be found. */
TEST_F(vm, moved)
{
	int fd = new_eventfd();

	require_irqfd_control();
	assign_kept_ok(self->v.vm, fd, GSI_MSI2);
	assign_bell(self->v.vm, fd);
	ASSERT_ERRNO(EINVAL, control(self->v.vm, KVM_IRQFD_CONTROL_MOVE, fd, INT32_MAX, NULL),
		     "A GSI without routes");
	ASSERT_ERRNO(EINVAL, control(self->v.vm, KVM_IRQFD_CONTROL_MOVE, fd, UINT32_MAX, NULL),
		     "The last GSI");
	move_ok(self->v.vm, fd, GSI_MSI);
	close(fd);
	assert_ring_interrupts(&self->v);
	unassign_kept_ok(self->v.vm, GSI_MSI2);
	assert_ring_interrupts(&self->v);
	unassign_kept_ok(self->v.vm, GSI_MSI);
	assert_ring_is_lost(&self->v);
	wait_for_ends(&self->v, 0);
}

/* The VM goes first, and its producers with it. */
TEST_F(vm, vm_closed_first)
{
	keep_and_close(&self->v, GSI_MSI);
	assert_ring_interrupts(&self->v);
	irq_vm_free(&self->v);
	irq_vm_init(&self->v);
	wait_for_ends(&self->v, 0);
}

TEST_F(vm, errnos)
{
	struct kvm_vm *vm = self->v.vm;
	struct kvm_eventfd_op op;

	ASSERT_ERRNO(EINVAL, irqfd_full(vm->fd, self->fd, GSI_MSI, DEASSIGN_KEPT, 0),
		     "Deassign with a descriptor");
	ASSERT_ERRNO(EINVAL, irqfd_full(vm->fd, 0x7fffffff, GSI_MSI, DEASSIGN_KEPT, 0),
		     "Deassign with a descriptor that isn't open");
	ASSERT_ERRNO(EINVAL, assign_kept(vm, self->fd, INT32_MAX), "A GSI without routes");
	ASSERT_ERRNO(EINVAL, irqfd_full(vm->fd, self->fd, GSI_MSI, KEEP | (1 << 27), 0),
		     "Another flag");
	ASSERT_ERRNO(EBADF, assign_kept(vm, -1, GSI_MSI), "No descriptor");
	ASSERT_ERRNO(EINVAL, assign_kept(vm, vm->fd, GSI_MSI), "Not an eventfd");
	ASSERT_ERRNO(EBADF, irqfd_full(vm->fd, KVM_IRQFD_CLOSED, GSI_MSI,
				       KVM_IRQFD_FLAG_DEASSIGN, 0), "Without the flag");
	assign_kept_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(EBUSY, assign_kept(vm, self->fd, GSI_MSI), "A second one");
	unassign_ok(vm, self->fd, GSI_MSI);

	/* In a batch it begins, but isn't ended by its GSI. */
	if (!kvm_check_cap(KVM_CAP_EVENTFD_BATCH))
		return;
	op = irqfd_op(KVM_IRQFD_CLOSED, GSI_MSI);
	op.irqfd.flags = DEASSIGN_KEPT;
	ASSERT_ERRNO(EINVAL, eventfd_batch(vm, &op, 1, NULL), "A batch");
	op = irqfd_op(self->fd, GSI_MSI);
	op.irqfd.flags = KEEP;
	ASSERT_ERRNO(0, eventfd_batch(vm, &op, 1, NULL), "A batch that begins one");
	unassign_ok(vm, self->fd, GSI_MSI);
}

/* debugfs shows it without its file.  arm64's ITS has work inject an MSI for the first time. */
TEST_F(vm, debugfs)
{
	char line[512] = { };
	bool found = false;
	FILE *f;

	keep_and_close(&self->v, GSI_MSI);
	assert_ring_interrupts(&self->v);
	f = open_irqfds(self->v.vm);
	if (!f)
		SKIP(return, "No debugfs");
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "gsi=24 ") && strstr(line, "flags=kept ") &&
		    (strstr(line, " wakeup=1 work=0 ") || strstr(line, " wakeup=0 work=1 ")))
			found = true;
	fclose(f);
	TEST_ASSERT(found, "Not shown as kept: %s", line);
}

/* Threads that end what another one keeps. */
struct ender {
	pthread_t thread;
	struct kvm_vm *vm;
	bool stop;
};

static void *end_often(void *arg)
{
	struct ender *e = arg;

	while (!READ_ONCE(e->stop))
		unassign_kept_ok(e->vm, GSI_MSI);
	return NULL;
}

/*
 * Deassigns by the GSI from two threads, the end of the producer, and the last close, all at
 * a time.  One of them ends the irqfd; the signals that come meanwhile are interrupts or
 * not, and nothing is freed twice.
 */
TEST_F_TIMEOUT(vm, race, 120)
{
	struct ender enders[2] = { { .vm = self->v.vm }, { .vm = self->v.vm } };
	const int nr = rounds(20000);
	unsigned int i;
	int round, fd;

	for (i = 0; i < ARRAY_SIZE(enders); i++)
		TEST_ASSERT(!pthread_create(&enders[i].thread, NULL, end_often, &enders[i]),
			    "pthread_create() failed");
	for (round = 0; round < nr; round++) {
		fd = new_eventfd();
		assign_kept_ok(self->v.vm, fd, GSI_MSI);
		assign_bell(self->v.vm, fd);
		if (round % 2)
			add(fd, 1);
		close(fd);
		unassign_bell(self->v.vm);
	}
	for (i = 0; i < ARRAY_SIZE(enders); i++) {
		WRITE_ONCE(enders[i].stop, true);
		pthread_join(enders[i].thread, NULL);
	}
	unassign_kept_ok(self->v.vm, GSI_MSI);
	wait_for_ends(&self->v, 0);
}

/* The process is killed at any moment between assign, close and deassign. */
TEST_F_TIMEOUT(vm, killed, 300)
{
	const int nr = rounds(200);
	pid_t child;
	int round;

	for (round = 0; round < nr; round++) {
		child = fork();
		if (!child) {
			struct kvm_vm *vm = create_irqchip_vm();

			while (true) {
				int fd = new_eventfd();

				assign_kept_ok(vm, fd, GSI_MSI);
				assign_bell(vm, fd);
				close(fd);
				if (random() % 2)
					unassign_kept_ok(vm, GSI_MSI);
				unassign_bell(vm);
			}
		}
		usleep(10000 + random() % 20000);
		kill(child, SIGKILL);
		TEST_ASSERT(waitpid(child, NULL, 0) == child, "waitpid(): %s", strerror(errno));
	}
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	TEST_REQUIRE(kvm_check_cap(KVM_CAP_IRQFD_KEEP));
	return test_harness_run(argc, argv);
}
