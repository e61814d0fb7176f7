// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registrations whose eventfd was closed: with KVM_IOSIGNALFD_FLAG_HANGUP they end, and
 * without it they make room for another one.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/socket.h>

#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_util.h"
#include "io_flags.h"

static void assert_exits_in_time(struct kvm_vcpu *vcpu, const struct kvm_iosignalfd *sig)
{
	struct io_access io = {
		.addr = sig->addr, .len = sig->len, .val = sig->trigger,
		.pio = sig->flags & FLAG_PIO, .write = true,
	};

	WAIT_FOR(do_io(vcpu, &io), "Writes still ring for an eventfd that was closed");
}

/* The registration still takes its writes, though its eventfd is closed. */
static void assert_stays(struct kvm_vcpu *vcpu, const struct kvm_iosignalfd *sig)
{
	struct io_access io = {
		.addr = sig->addr, .len = sig->len ?: 4, .val = sig->trigger,
		.pio = sig->flags & FLAG_PIO, .write = true,
	};

	TEST_ASSERT(!do_io(vcpu, &io), "A write came to user space");
}

static void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { }, byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	TEST_ASSERT(sendmsg(socket, &msg, 0) == 1, "sendmsg(): %s", strerror(errno));
}

/*
 * The last close of an eventfd deassigns its registrations.  Another registration
 * can have their place at once.
 *
 * Pins B59: without the flag, as in all kernels before, writes signal an eventfd
 * that no file refers to.
 */
TEST_F(bus, hangup)
{
	struct kvm_iosignalfd sig = self->sig, other = self->sig;
	int copy;

	sig.flags |= FLAG_HANGUP;
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, sig.fd);

	copy = dup(sig.fd);
	close(sig.fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, copy);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, other), "It has another descriptor");
	close(copy);
	io_assign_ok(self->vm, other);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, other.fd);
	io_unassign_ok(self->vm, other);

	/* It goes by itself as well, without another one that needs its place. */
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	close(sig.fd);
	assert_exits_in_time(self->vcpu, &sig);

	/* After a deassign the close changes nothing. */
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	io_unassign_ok(self->vm, sig);
	io_assign_ok(self->vm, other);
	close(sig.fd);
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 1, other.fd);
	io_unassign_ok(self->vm, other);

	/* Without the flag it stays, and its signals are lost. */
	sig.flags &= ~FLAG_HANGUP;
	sig.fd = new_eventfd();
	io_assign_ok(self->vm, sig);
	close(sig.fd);
	assert_stays(self->vcpu, &sig);
}

/*
 * A registration whose eventfd has no file any more makes room for another one, of
 * any kind.  Only that ends it.  Pins B59 without the flag: the address was taken for
 * good.
 */
TEST_F(bus, closed_makes_room)
{
	struct kvm_iosignalfd old = self->sig, new = self->sig;
	int kind, sockets[2];

	/* Of each kind: any length; any value; one value; and shared, any or one value. */
	for (kind = 0; kind < 5 * 5; kind++) {
		struct kvm_iosignalfd *sig;
		bool fits;
		int i;

		for (i = 0; i < 2; i++) {
			int k = i ? kind / 5 : kind % 5;

			sig = i ? &new : &old;
			sig->len = k ? 4 : 0;
			sig->trigger = 9;
			sig->flags = self->flags | (k == 2 || k == 4 ? FLAG_TRIGGER : 0) |
				     (k >= 3 ? FLAG_FANOUT : 0);
		}
		old.fd = new_eventfd();
		io_assign_ok(self->vm, old);
		/* Two that share a write need no room. */
		fits = kind / 5 == kind % 5 && kind % 5 >= 3;
		ASSERT_ERRNO(fits ? 0 : EEXIST, iosignalfd(self->vm, new), "Kind %d, it's open",
			     kind);
		if (fits)
			io_unassign_ok(self->vm, new);

		close(old.fd);
		assert_stays(self->vcpu, &old);
		io_assign_ok(self->vm, new);
		assert_write(self->vcpu, self->flags, new.addr, 4, 9, new.fd, true);
		io_unassign_ok(self->vm, new);

		new.flags |= FLAG_ANY_FD;
		if (fits)
			io_unassign_ok(self->vm, new);
		ASSERT_ERRNO(ENOENT, io_unassign(self->vm, new), "Kind %d, it's gone", kind);
	}

	/* It stays while there is a file anywhere: here in a message that isn't received. */
	old = self->sig;
	new = self->sig;
	old.fd = new_eventfd();
	io_assign_ok(self->vm, old);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets))
		SKIP(return, "No sockets: %s", strerror(errno));
	send_fd(sockets[0], old.fd);
	close(old.fd);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, new), "Its file is on its way");
	close(sockets[0]);
	close(sockets[1]);
	io_assign_ok(self->vm, new);
	assert_rings(self->vcpu, self->flags, new.addr, 4, 1, new.fd);
}

/*
 * The same by KVM_IOEVENTFD, as each VMM has it: a process that has died gives its address
 * back.  Pins B59: Linux up to 6.12 and later says EEXIST for good.
 */
TEST(closed_ioeventfd)
{
	struct kvm_vm *vm = vm_create_barebones();
	struct kvm_ioeventfd bell = { .addr = MMIO_BASE, .len = 4 };
	int fd = new_eventfd();

	bell.fd = fd;
	vm_ioctl(vm, KVM_IOEVENTFD, &bell);
	bell.fd = new_eventfd();
	ASSERT_ERRNO(EEXIST, __vm_ioctl(vm, KVM_IOEVENTFD, &bell) ? errno : 0, "It is open");
	close(fd);
	ASSERT_ERRNO(0, __vm_ioctl(vm, KVM_IOEVENTFD, &bell) ? errno : 0, "It is closed");
	close(bell.fd);
	kvm_vm_free(vm);
}

/* If one of many that conflict still has its file, all stay. */
TEST_F(bus, closed_among_others)
{
	struct kvm_iosignalfd sig = self->sig, any = self->sig;
	int closed = new_eventfd(), open = new_eventfd(), i;

	sig.flags |= FLAG_TRIGGER;
	for (i = 0; i < 100; i++) {
		sig.trigger = i;
		sig.fd = i == 77 ? open : closed;
		io_assign_ok(self->vm, sig);
	}
	close(closed);
	ASSERT_ERRNO(EEXIST, iosignalfd(self->vm, any), "One of a hundred is open");
	TEST_ASSERT(vm_stat(self->vm, "nr_iosignalfds") == 100,
		    "An assign that failed has taken others' away");
	close(open);
	io_assign_ok(self->vm, any);
	TEST_ASSERT(vm_stat(self->vm, "nr_iosignalfds") == 1, "Some are left");
	assert_rings(self->vcpu, self->flags, sig.addr, 4, 77, any.fd);
}

/* One eventfd at many places of two VMs: those with the flag go, and no others. */
TEST_F(bus, hangup_of_many)
{
	struct kvm_iosignalfd sig = self->sig, plain = self->sig;
	struct kvm_vm *vm = vm_create_barebones();
	int i;

	sig.fd = new_eventfd();
	sig.flags |= FLAG_HANGUP | FLAG_TRIGGER;
	for (i = 0; i < 100; i++) {
		sig.trigger = i;
		io_assign_ok(self->vm, sig);
		io_assign_ok(vm, sig);
	}
	/* Some are deassigned before. */
	for (i = 0; i < 100; i += 3) {
		sig.trigger = i;
		io_unassign_ok(self->vm, sig);
	}
	plain.fd = sig.fd;
	plain.addr += 8;
	io_assign_ok(self->vm, plain);
	close(sig.fd);

	sig.fd = self->fd;
	for (i = 0; i < 100; i++) {
		sig.trigger = i;
		io_assign_ok(self->vm, sig);
		io_assign_ok(vm, sig);
		assert_rings(self->vcpu, self->flags, sig.addr, 4, i, sig.fd);
	}
	assert_stays(self->vcpu, &plain);

	kvm_vm_free(vm);
}

#define UNBOUND_WORK	"/sys/devices/virtual/workqueue/cpumask"

/* Where the kernel's unbound workers may run. */
static void read_worker_cpus(char *mask, size_t size)
{
	int fd = open(UNBOUND_WORK, O_RDONLY);
	ssize_t len = read(fd, mask, size - 1);

	TEST_ASSERT(len > 0, UNBOUND_WORK ": %s", strerror(errno));
	mask[len] = '\0';
	close(fd);
}

/* From here on an unbound worker runs only while this thread sleeps. */
static void hold_workers(bool hold)
{
	struct sched_param param = { .sched_priority = hold };
	static cpu_set_t before;
	static char mask[256];
	cpu_set_t first;

	if (hold) {
		read_worker_cpus(mask, sizeof(mask));
		ASSERT_TOLD(UNBOUND_WORK, 0, "1");
		CPU_ZERO(&first);
		CPU_SET(0, &first);
		TEST_ASSERT(!sched_getaffinity(0, sizeof(before), &before) &&
			    !sched_setaffinity(0, sizeof(first), &first),
			    "sched_setaffinity(): %s", strerror(errno));
	}
	TEST_ASSERT(!sched_setscheduler(0, hold ? SCHED_FIFO : SCHED_OTHER, &param),
		    "sched_setscheduler(): %s", strerror(errno));
	if (!hold) {
		ASSERT_TOLD(UNBOUND_WORK, 0, "%s", mask);
		TEST_ASSERT(!sched_setaffinity(0, sizeof(before), &before),
			    "sched_setaffinity(): %s", strerror(errno));
	}
}

/*
 * One close hangs up many registrations.  A deassign of another one ends a few of them;
 * the work ends the rest, and the test keeps it from running.
 *
 * Pins an ioctl that ended all of them itself, without a reschedule.
 */
TEST_F(bus, hangup_of_very_many)
{
	struct kvm_iosignalfd sig = self->sig, other = self->sig;
	const int nr = 2000;
	uint64_t left;
	int i;

	if (access(UNBOUND_WORK, W_OK))
		SKIP(return, "No " UNBOUND_WORK);

	other.addr += 8;
	io_assign_ok(self->vm, other);
	sig.fd = new_eventfd();
	sig.flags |= FLAG_HANGUP | FLAG_TRIGGER;
	for (i = 0; i < nr; i++) {
		sig.trigger = i;
		io_assign_ok(self->vm, sig);
	}

	hold_workers(true);
	close(sig.fd);
	io_unassign_ok(self->vm, other);
	left = vm_stat(self->vm, "nr_iosignalfds");
	/* For an ioctl they have gone all the same. */
	sig.flags |= FLAG_ANY_FD;
	ASSERT_ERRNO(ENOENT, io_unassign(self->vm, sig), "Deassign what has hung up");
	hold_workers(false);

	TEST_ASSERT(left > nr / 2, "A deassign of something else has ended %lu of %d", nr - left,
		    nr);
	WAIT_FOR(!vm_stat(self->vm, "nr_iosignalfds"), "The work doesn't end the rest");
}

/* An irqfd on the same eventfd gets the hang-up too; neither disturbs the other. */
TEST_F(bus, hangup_with_irqfd)
{
	struct kvm_iosignalfd sig = self->sig;
	struct kvm_vm *vm = vm_create_barebones();
	struct kvm_irqfd irq = { .gsi = 5 };
	struct io_access io = {
		.addr = sig.addr, .len = 4, .pio = self->flags & FLAG_PIO, .write = true,
	};

	if (__vm_ioctl(vm, KVM_CREATE_IRQCHIP, NULL))
		SKIP(return, "No KVM_CREATE_IRQCHIP: %s", strerror(errno));
	sig.fd = new_eventfd();
	sig.flags |= FLAG_HANGUP;
	irq.fd = sig.fd;
	io_assign_ok(self->vm, sig);
	vm_ioctl(vm, KVM_IRQFD, &irq);

	/* The irqfd takes the count. */
	TEST_ASSERT(!do_io(self->vcpu, &io), "The write came to user space");
	TEST_ASSERT(!take(sig.fd), "The irqfd has left a count");
	close(sig.fd);
	assert_exits_in_time(self->vcpu, &sig);

	kvm_vm_free(vm);
}

/*
 * The eventfd, the registration or the VM goes first, while another thread closes
 * the eventfd.  Pins no known failure: a wait queue entry that outlives its VM or its
 * eventfd would be a use after free.
 */
struct closer {
	pthread_t thread;
	int fd;
};

static void *close_fd(void *arg)
{
	struct closer *closer = arg;

	close(closer->fd);
	return NULL;
}

/* The limit is for a kernel that checks each allocation: there each VM takes long. */
TEST_F_TIMEOUT(bus, hangup_races, 180)
{
	struct kvm_iosignalfd sig = self->sig;
	const int nr = rounds(300);
	struct closer closer;
	struct kvm_vm *vm;
	int round, ret;

	sig.flags |= FLAG_HANGUP;

	for (round = 0; round < nr; round++) {
		int copy;

		vm = vm_create_barebones();
		sig.fd = new_eventfd();
		closer.fd = sig.fd;
		io_assign_ok(vm, sig);
		copy = dup(sig.fd);
		TEST_ASSERT(!pthread_create(&closer.thread, NULL, close_fd, &closer),
			    "pthread_create() failed");

		switch (round % 3) {
		case 0:
			kvm_vm_free(vm);
			vm = NULL;
			close(copy);
			break;
		case 1:
			close(copy);
			kvm_vm_free(vm);
			vm = NULL;
			break;
		default:
			sig.fd = copy;
			ret = io_unassign(vm, sig);
			TEST_ASSERT(!ret, "Deassign by another descriptor: %s", strerror(ret));
			close(copy);
		}

		pthread_join(closer.thread, NULL);
		if (vm)
			kvm_vm_free(vm);
	}
}

int main(int argc, char *argv[])
{
	struct kvm_vcpu *vcpu;

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_IOEVENTFD));

	/* Hold a VM throughout, see iosignalfd_test.c. */
	vm_create_with_one_vcpu(&vcpu, NULL);

	return test_harness_run(argc, argv);
}
