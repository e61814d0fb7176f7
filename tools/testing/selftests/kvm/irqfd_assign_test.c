// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd's arguments: what is refused with which errno, that an eventfd has one irqfd in
 * whichever VM, and when it is free again.
 *
 * A comment at a subtest names the failure it pins, and the kernels that have
 * that failure.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <linux/kvm_irqfd_control.h>
#include <linux/kvm_irqfd_keep.h>

#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "irqfd_vm.h"

/* Descriptors that aren't open eventfds. */
TEST_F(vm, errno_fd)
{
	int fd, pipefd[2];

	ASSERT_ERRNO(EBADF, irqfd(self->v.vm, -1, GSI_MSI), "Assign fd -1");
	ASSERT_ERRNO(EBADF, unassign(self->v.vm, -1, GSI_MSI), "Deassign fd -1");

	fd = new_eventfd();
	close(fd);
	ASSERT_ERRNO(EBADF, irqfd(self->v.vm, fd, GSI_MSI), "Assign a closed fd");
	ASSERT_ERRNO(EBADF, unassign(self->v.vm, fd, GSI_MSI), "Deassign a closed fd");

	TEST_ASSERT(!pipe(pipefd), "pipe(): %s", strerror(errno));
	ASSERT_ERRNO(EINVAL, irqfd(self->v.vm, pipefd[1], GSI_MSI), "Assign a pipe");
	ASSERT_ERRNO(EINVAL, unassign(self->v.vm, pipefd[1], GSI_MSI), "Deassign a pipe");
	close(pipefd[0]);
	close(pipefd[1]);

	fd = self->v.vm->fd;
	ASSERT_ERRNO(EINVAL, irqfd(self->v.vm, fd, GSI_MSI), "Assign the VM's own fd");

	ASSERT_ERRNO(EFAULT, ioctl(self->v.vm->fd, KVM_IRQFD, NULL) ? errno : 0,
		     "KVM_IRQFD with a NULL pointer");
}

TEST_F(vm, errno_flags)
{
	uint32_t known = KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE;
	int bit;

	known |= kvm_check_cap(KVM_CAP_IRQFD_CONTROL);
	if (kvm_check_cap(KVM_CAP_IRQFD_KEEP))
		known |= KVM_IRQFD_FLAG_KEEP;
	for (bit = 0; bit < 32; bit++) {
		uint32_t flag = 1u << bit;

		if (known & flag)
			continue;

		ASSERT_ERRNO(EINVAL, irqfd_full(self->v.vm->fd, self->fd, GSI_MSI, flag, 0),
			     "Assign with flags 0x%x", flag);
		flag |= KVM_IRQFD_FLAG_DEASSIGN;
		ASSERT_ERRNO(EINVAL, irqfd_full(self->v.vm->fd, self->fd, GSI_MSI, flag, 0),
			     "Deassign with flags 0x%x", flag);
	}

	/* KVM checks the flags before the fd. */
	ASSERT_ERRNO(EINVAL, irqfd_full(self->v.vm->fd, -1, GSI_MSI, 1u << 31, 0),
		     "Assign fd -1 with flags 0x80000000");

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
}

/* Without an interrupt controller there is nothing to inject into. */
TEST_F(vm, errno_no_irqchip)
{
	struct kvm_vm *vm = vm_create_barebones();

	ASSERT_ERRNO(NO_IRQCHIP_ERRNO, irqfd(vm, self->fd, GSI_MSI),
		     "Assign without an irqchip");
	ASSERT_ERRNO(0, unassign(vm, self->fd, GSI_MSI), "Deassign without an irqchip");
	kvm_vm_free(vm);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
}

/* Deassign succeeds if there is no such irqfd, and ends no other irqfd. */
TEST_F(vm, deassign_of_nothing)
{
	unassign_ok(self->v.vm, self->fd, GSI_MSI);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	unassign_ok(self->v.vm, self->fd, GSI_MSI2);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	unassign_ok(self->v.vm, self->fd, GSI_MSI);
	unassign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	/* By whichever descriptor, and with the flag of assign as well. */
	take(self->fd);
	assign_ok(self->v.vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(0, irqfd_full(self->v.vm->fd, dup(self->fd), GSI_MSI,
				   KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE, -1),
		     "Deassign by a copy of the descriptor");
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
}

/* A deassign in another VM doesn't end this VM's irqfd of the same eventfd and GSI. */
TEST_F(vm, deassign_in_other_vm)
{
	struct irq_vm other;

	irq_vm_init(&other);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	unassign_ok(other.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	irq_vm_free(&other);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 2);
}

/* An eventfd has one irqfd at most, for all GSIs and descriptors. */
TEST_F(vm, busy)
{
	int copy = dup(self->fd), resamplefd = new_eventfd();
	struct kvm_vm *vm = self->v.vm;

	assign_ok(vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(EBUSY, irqfd(vm, self->fd, GSI_MSI), "Assign a second time");
	ASSERT_ERRNO(EBUSY, irqfd(vm, self->fd, GSI_MSI2), "Assign to another GSI as well");
	ASSERT_ERRNO(EBUSY, irqfd(vm, copy, GSI_MSI2), "Assign a copy of the descriptor");
	ASSERT_ERRNO(EBUSY, irqfd_resample(vm, self->fd, GSI_LEVEL, resamplefd),
		     "Assign with resample as well");

	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_irqs(&self->v, VECTOR2, 0);

	/* But a GSI may have many eventfds. */
	assign_ok(vm, resamplefd, GSI_MSI);
	add(resamplefd, 1);
	assert_irqs(&self->v, VECTOR, 2);

	close(copy);
	close(resamplefd);
}

/*
 * The same across VMs.
 *
 * In Linux up to 6.12 the second VM's assign succeeds, and the VM never gets a signal.
 */
TEST_F(vm, busy_other_vm)
{
	struct irq_vm other;

	irq_vm_init(&other);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(EBUSY, irqfd(other.vm, self->fd, GSI_MSI), "Assign in another VM");
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
	assert_irqs(&other, VECTOR, 0);

	irq_vm_free(&other);
}

/* Once deassign has returned, the eventfd is free, in this VM and in others. */
TEST_F(vm, rebind)
{
	struct irq_vm other;
	struct irq_vm *vms[] = { &self->v, &self->v, &other };
	int i;

	irq_vm_init(&other);

	for (i = 0; i < 60; i++) {
		struct irq_vm *v = vms[i % 3];
		uint32_t gsi = i & 1 ? GSI_MSI : GSI_WORKER;
		uint64_t before = irqs(v, VECTOR);

		assign_ok(v->vm, self->fd, gsi);
		add(self->fd, 1);
		wait_for_irqs(v, VECTOR, before + 1);
		unassign_ok(v->vm, self->fd, gsi);
	}

	assert_irqs(&self->v, VECTOR, 40);
	assert_irqs(&other, VECTOR, 20);
	irq_vm_free(&other);
}

/* Closing the VM frees all its eventfds before it returns. */
TEST_F(vm, rebind_after_vm_close)
{
	const int nr = 64;
	struct irq_vm other;
	int fds[nr], i;

	irq_vm_init(&other);
	for (i = 0; i < nr; i++) {
		fds[i] = new_eventfd();
		assign_ok(other.vm, fds[i], i & 1 ? GSI_MSI : GSI_WORKER);
		add(fds[i], 1);
	}
	irq_vm_free(&other);

	for (i = 0; i < nr; i++) {
		assign_ok(self->v.vm, fds[i], GSI_MSI);
		add(fds[i], 1);
		wait_for_irqs(&self->v, VECTOR, i + 1);
		close(fds[i]);
	}
}

#ifdef __x86_64__
/* So does the close of the VM's descriptor, though a vCPU's keeps the VM alive. */
TEST_F(vm, rebind_with_vcpu_left)
{
	int kvm_fd, vm_fd, vcpu_fd;

	kvm_fd = open_kvm_dev_path_or_exit();
	vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	TEST_ASSERT(vm_fd >= 0, KVM_IOCTL_ERROR(KVM_CREATE_VM, vm_fd));
	TEST_ASSERT(!ioctl(vm_fd, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP: %s",
		    strerror(errno));
	vcpu_fd = ioctl(vm_fd, KVM_CREATE_VCPU, 0);
	TEST_ASSERT(vcpu_fd >= 0, KVM_IOCTL_ERROR(KVM_CREATE_VCPU, vcpu_fd));

	ASSERT_ERRNO(0, irqfd_full(vm_fd, self->fd, GSI_PIN, 0, 0), "Assign");
	close(vm_fd);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);

	close(vcpu_fd);
	close(kvm_fd);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 2);
}
#endif

/*
 * KASAN keeps freed objects in its quarantine until they are a part of all memory.  To
 * shrink a cache takes that cache's objects out of the quarantine and frees empty slabs.
 * A kernel without these files has no quarantine.
 */
static void shrink_caches(void)
{
	glob_t files;
	size_t i;
	int fd;

	if (!glob("/sys/kernel/slab/kmalloc-*/shrink", 0, NULL, &files)) {
		for (i = 0; i < files.gl_pathc; i++) {
			fd = open(files.gl_pathv[i], O_WRONLY);
			if (fd < 0)
				continue;
			TEST_ASSERT(write(fd, "1", 1) == 1, "%s: %s", files.gl_pathv[i],
				    strerror(errno));
			close(fd);
		}
	}
	globfree(&files);
}

static unsigned long unreclaimable_kb(void)
{
	unsigned long kb = 0;
	char line[128];
	FILE *f;

	f = fopen("/proc/meminfo", "r");
	if (!f)
		return 0;

	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "SUnreclaim: %lu kB", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

/* Bind that many eventfds and close them; false if their memory doesn't come back. */
static bool hang_up_many(struct kvm_vm *vm, int nr, long limit_kb, long *grown_kb)
{
	time_t end;
	long before;
	int fd, i;

	shrink_caches();
	before = unreclaimable_kb();
	for (i = 0; i < nr; i++) {
		fd = new_eventfd();
		assign_ok(vm, fd, i & 1 ? GSI_MSI : GSI_WORKER);
		close(fd);
	}

	/* close() doesn't wait for the memory to be freed, so it comes some time later. */
	for (end = now() + WAIT_SEC;; usleep(SETTLE_PASSES * SETTLE_USEC)) {
		shrink_caches();
		*grown_kb = unreclaimable_kb() - before;
		if (*grown_kb < limit_kb || now() > end)
			return *grown_kb < limit_kb;
	}
}

/* Thousands of eventfds are created, bound and closed: no memory leaks. */
TEST_F_TIMEOUT(vm, hangup_leaks_nothing, 90)
{
	const int nr = 2000;
	/* An irqfd and its eventfd have many more bytes than that. */
	const long limit_kb = nr * 64 / 1024;
	long grown_kb;
	int i;

	if (!unreclaimable_kb())
		SKIP(return, "No SUnreclaim in /proc/meminfo");

	/* A leak shows each time; other users of memory only now and then. */
	for (i = 0; i < 3; i++)
		if (hang_up_many(self->v.vm, nr, limit_kb, &grown_kb))
			break;
	TEST_ASSERT(i < 3, "3 times %d eventfds closed: %ld kB more each time", nr, grown_kb);

	assign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
