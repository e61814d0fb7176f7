// SPDX-License-Identifier: GPL-2.0-only
/*
 * eventfd: the ends of an eventfd, and what is told when the last one goes.
 *
 * test_modules/eventfd_end.c is a producer in the kernel, and a listener.  An irqfd with
 * KVM_IRQFD_FLAG_KEEP is a consumer in the kernel that outlives the file.
 *
 * Linux up to 6.12 and later knows no ends: the last close is the end of all consumers in
 * the kernel, and producers learn of nothing.
 */
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <linux/kvm_irqfd_keep.h>
#include <linux/vhost.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "eventfd_ends.h"
#include "eventfd_util.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "test_module.h"
#include "test_util.h"
#include "vfio_edu.h"

#define PRODUCER	EVENTFD_END_PRODUCER
#define LISTENER	EVENTFD_END_LISTENER

#define ASSERT_TOLD_OF(_end, _producers, _consumers)				\
do {										\
	struct eventfd_end_told __t = told(_end);				\
										\
	TEST_ASSERT(__t.producers_gone == (_producers) &&			\
		    __t.consumers_gone == (_consumers),				\
		    "Told of the producers %u times, of the consumers %u times",	\
		    __t.producers_gone, __t.consumers_gone);			\
	TEST_ASSERT(__t.heard == !__t.consumers_gone, "Heard: %u", __t.heard);	\
} while (0)

FIXTURE(ends) {
	int fd;
	int listener;
};

FIXTURE_SETUP(ends)
{
	if (access("/dev/eventfd_end", F_OK))
		SKIP(return, "Needs eventfd_end.ko");
	self->fd = new_eventfd();
	self->listener = new_end(self->fd, LISTENER);
}

FIXTURE_TEARDOWN(ends)
{
	close(self->listener);
}

/* The file is both ends. */
TEST_F(ends, file)
{
	int copy = dup(self->fd);

	ASSERT_TOLD_OF(self->listener, 0, 0);
	close(self->fd);
	ASSERT_TOLD_OF(self->listener, 0, 0);
	close(copy);
	ASSERT_TOLD_OF(self->listener, 1, 1);
}

/* Of several producers in the kernel the last one ends it. */
TEST_F(ends, producers)
{
	int a = new_end(self->fd, PRODUCER), b = new_end(self->fd, PRODUCER | LISTENER);

	close(a);
	a = new_end(self->fd, PRODUCER);
	close(self->fd);
	/* Nothing takes what the two signal. */
	ASSERT_TOLD_OF(self->listener, 0, 1);
	ASSERT_TOLD_OF(b, 0, 1);
	signal_end(a);
	close(a);
	ASSERT_TOLD_OF(self->listener, 0, 1);
	TEST_ASSERT(!ioctl(b, EVENTFD_END_STOP), "EVENTFD_END_STOP: %s", strerror(errno));
	ASSERT_TOLD_OF(self->listener, 1, 1);
	ASSERT_TOLD_OF(b, 1, 1);
	close(b);
}

/* The file outlives the producers in the kernel. */
TEST_F(ends, file_last)
{
	int a = new_end(self->fd, PRODUCER);

	close(a);
	ASSERT_TOLD_OF(self->listener, 0, 0);
	add(self->fd, 1);
	ASSERT_EQ(1, take(self->fd));
	close(self->fd);
	ASSERT_TOLD_OF(self->listener, 1, 1);
	ASSERT_EQ(1, told(self->listener).producers_gone);
}

/* A child's copies, one in a message, and one that exec closes. */
TEST_F(ends, copies)
{
	char control[CMSG_SPACE(sizeof(int))] = { }, byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	int sockets[2], ready[2];
	pid_t child;
	char c;

	TEST_ASSERT(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets) &&
		    !pipe2(ready, O_CLOEXEC), "socketpair(), pipe2(): %s", strerror(errno));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &self->fd, sizeof(int));
	TEST_ASSERT(sendmsg(sockets[0], &msg, 0) == 1, "sendmsg(): %s", strerror(errno));

	child = fork();
	if (!child) {
		/* new_eventfd()'s descriptors are closed by exec, and so is the pipe. */
		close(sockets[0]);
		close(sockets[1]);
		execl("/bin/sh", "sh", "-c", "sleep 1000", NULL);
		_exit(1);
	}
	close(self->fd);
	close(ready[1]);
	TEST_ASSERT(!read(ready[0], &c, 1), "read(): %s", strerror(errno));
	/* The child has none any more; the message has one. */
	ASSERT_TOLD_OF(self->listener, 0, 0);
	close(sockets[0]);
	close(sockets[1]);
	ASSERT_TOLD_OF(self->listener, 1, 1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ready[0]);
}

/* A kept irqfd is a consumer after the close: it is told first, then its own end is. */
TEST_F(ends, irqfd)
{
	struct irq_vm v;
	int producer;

	irq_vm_init(&v);
	producer = new_end(self->fd, PRODUCER);
	ASSERT_ERRNO(0, irqfd_full(v.vm->fd, self->fd, GSI_MSI, KVM_IRQFD_FLAG_KEEP, 0), "irqfd");
	close(self->fd);
	ASSERT_TOLD_OF(self->listener, 0, 0);
	signal_end(producer);
	assert_irqs(&v, VECTOR, 1);

	close(producer);
	ASSERT_TOLD_OF(self->listener, 1, 1);
	ASSERT_EQ(1, told(self->listener).first);
	wait_for_ends(&v, 0);
	irq_vm_free(&v);
}

/* The consumer goes first, by a deassign or with its VM, and the producer is told. */
TEST_F(ends, consumer_first)
{
	struct irq_vm v;
	int producer;

	irq_vm_init(&v);
	producer = new_end(self->fd, PRODUCER | LISTENER);
	ASSERT_ERRNO(0, irqfd_full(v.vm->fd, self->fd, GSI_MSI, KVM_IRQFD_FLAG_KEEP, 0), "irqfd");
	close(self->fd);
	ASSERT_ERRNO(0, irqfd_full(v.vm->fd, KVM_IRQFD_CLOSED, GSI_MSI,
				   KVM_IRQFD_FLAG_KEEP | KVM_IRQFD_FLAG_DEASSIGN, 0), "Deassign");
	ASSERT_TOLD_OF(producer, 0, 1);
	close(producer);
	ASSERT_TOLD_OF(self->listener, 1, 1);
	ASSERT_EQ(2, told(self->listener).first);
	close(self->listener);

	self->fd = new_eventfd();
	self->listener = new_end(self->fd, LISTENER);
	producer = new_end(self->fd, PRODUCER);
	ASSERT_ERRNO(0, irqfd_full(v.vm->fd, self->fd, GSI_MSI, KVM_IRQFD_FLAG_KEEP, 0), "irqfd");
	close(self->fd);
	ASSERT_TOLD_OF(self->listener, 0, 0);
	irq_vm_free(&v);
	ASSERT_TOLD_OF(self->listener, 0, 1);
	signal_end(producer);
	close(producer);
	ASSERT_TOLD_OF(self->listener, 1, 1);
}

/* The last close takes the consumers with it that didn't ask to stay. */
TEST_F(ends, plain_irqfd)
{
	int producer = new_end(self->fd, PRODUCER);
	struct irq_vm v;

	irq_vm_init(&v);
	assign_ok(v.vm, self->fd, GSI_MSI);
	close(self->fd);
	ASSERT_TOLD_OF(self->listener, 0, 1);
	wait_for_ends(&v, 0);
	close(producer);
	ASSERT_TOLD_OF(self->listener, 1, 1);
	irq_vm_free(&v);
}

/* Producers that user space has set up, and which it ends by closing something else. */

/* A read that waits for its pipe is a producer of the eventfd that it will signal. */
TEST_F(ends, aio)
{
	struct iocb cb = { }, *cbs = &cb;
	aio_context_t ctx = 0;
	int pipes[2];
	char c;

	if (syscall(__NR_io_setup, 1, &ctx))
		SKIP(return, "No AIO: %s", strerror(errno));
	TEST_ASSERT(!pipe2(pipes, O_CLOEXEC), "pipe2(): %s", strerror(errno));
	cb.aio_fildes = pipes[0];
	cb.aio_lio_opcode = IOCB_CMD_POLL;
	cb.aio_buf = POLLIN;
	cb.aio_flags = IOCB_FLAG_RESFD;
	cb.aio_resfd = self->fd;
	TEST_ASSERT(syscall(__NR_io_submit, ctx, 1, &cbs) == 1, "io_submit(): %s",
		    strerror(errno));
	close(self->fd);
	ASSERT_TOLD_OF(self->listener, 0, 1);
	c = 0;
	TEST_ASSERT(write(pipes[1], &c, 1) == 1, "write(): %s", strerror(errno));
	WAIT_FOR(told(self->listener).producers_gone, "The request is done");
	ASSERT_TOLD_OF(self->listener, 1, 1);
	syscall(__NR_io_destroy, ctx);
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(ends, io_uring)
{
	struct io_uring_params params = { };
	int ring = syscall(__NR_io_uring_setup, 1, &params);

	if (ring < 0)
		SKIP(return, "No io_uring: %s", strerror(errno));
	TEST_ASSERT(!syscall(__NR_io_uring_register, ring, IORING_REGISTER_EVENTFD, &self->fd, 1),
		    "IORING_REGISTER_EVENTFD: %s", strerror(errno));
	close(self->fd);
	ASSERT_TOLD_OF(self->listener, 0, 1);
	close(ring);
	WAIT_FOR(told(self->listener).producers_gone, "The ring is gone");
	ASSERT_TOLD_OF(self->listener, 1, 1);
}

/*
 * VFIO's interrupts go on when user space has closed the eventfd that they signal, and the
 * irqfd goes with VFIO's end of it.
 */
TEST_F(ends, vfio)
{
	struct vfio vfio;
	struct irq_vm v;
	int i;

	irq_vm_init(&v);
	if (!open_edu(&vfio))
		SKIP(return, "Needs vfio-pci and an edu device");
	ASSERT_ERRNO(0, set_intx(&vfio, VFIO_IRQ_SET_ACTION_TRIGGER, self->fd), "INTx");
	ASSERT_ERRNO(0, irqfd_full(v.vm->fd, self->fd, GSI_MSI, KVM_IRQFD_FLAG_KEEP, 0), "irqfd");
	close(self->fd);
	ASSERT_TOLD_OF(self->listener, 0, 0);
	for (i = 1; i <= 10; i++) {
		ASSERT_ERRNO(0, trigger_intx(&vfio), "Interrupt %d", i);
		wait_for_irqs(&v, VECTOR, i);
	}
	assert_irqs(&v, VECTOR, 10);

	/* Another eventfd takes its place. */
	self->fd = new_eventfd();
	ASSERT_ERRNO(0, set_intx(&vfio, VFIO_IRQ_SET_ACTION_TRIGGER, self->fd), "INTx");
	wait_for_ends(&v, 0);
	ASSERT_TOLD_OF(self->listener, 1, 1);

	/* The device goes. */
	ASSERT_ERRNO(0, irqfd_full(v.vm->fd, self->fd, GSI_MSI, KVM_IRQFD_FLAG_KEEP, 0), "irqfd");
	close(self->fd);
	ASSERT_ERRNO(0, trigger_intx(&vfio), "Interrupt");
	wait_for_irqs(&v, VECTOR, 11);
	close_edu(&vfio);
	wait_for_ends(&v, 0);
	irq_vm_free(&v);
}

/* vhost's call; the kick is polled by its file. */
TEST_F(ends, vhost)
{
	struct vhost_vring_file file = { .fd = self->fd };
	int vhost = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);

	if (vhost < 0)
		SKIP(return, "No vhost-net: %s", strerror(errno));
	TEST_ASSERT(!ioctl(vhost, VHOST_SET_OWNER) && !ioctl(vhost, VHOST_SET_VRING_CALL, &file),
		    "VHOST_SET_VRING_CALL: %s", strerror(errno));
	close(self->fd);
	ASSERT_TOLD_OF(self->listener, 0, 1);
	file.fd = -1;
	TEST_ASSERT(!ioctl(vhost, VHOST_SET_VRING_CALL, &file), "VHOST_SET_VRING_CALL: %s",
		    strerror(errno));
	ASSERT_TOLD_OF(self->listener, 1, 1);
	close(vhost);

	/* A kick is the file. */
	close(self->listener);
	self->fd = new_eventfd();
	self->listener = new_end(self->fd, LISTENER);
	vhost = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	file.fd = self->fd;
	TEST_ASSERT(!ioctl(vhost, VHOST_SET_OWNER) && !ioctl(vhost, VHOST_SET_VRING_KICK, &file),
		    "VHOST_SET_VRING_KICK: %s", strerror(errno));
	close(self->fd);
	ASSERT_TOLD_OF(self->listener, 0, 0);
	close(vhost);
	WAIT_FOR(told(self->listener).producers_gone, "vhost is gone");
	ASSERT_TOLD_OF(self->listener, 1, 1);
}

/*
 * Either side is killed, at any moment.  The other side is told once of all that has gone.
 */
TEST_F_TIMEOUT(ends, killed, 300)
{
	const int nr = rounds(200);
	int round, producer, listener, fd;
	pid_t children[2];
	unsigned int i;

	for (round = 0; round < nr; round++) {
		fd = new_eventfd();
		listener = new_end(fd, LISTENER);
		producer = new_end(fd, PRODUCER);
		/* One has the file, the other one the producer. */
		for (i = 0; i < 2; i++) {
			children[i] = fork();
			if (children[i])
				continue;
			close(i ? fd : producer);
			while (true) {
				if (i)
					ioctl(producer, EVENTFD_END_SIGNAL);
				else
					add(fd, 1);
			}
		}
		close(fd);
		close(producer);
		usleep(random() % 2000);
		for (i = 0; i < 2; i++)
			kill(children[(round + i) % 2], SIGKILL);
		for (i = 0; i < 2; i++)
			waitpid(children[i], NULL, 0);
		ASSERT_TOLD_OF(listener, 1, 1);
		close(listener);
	}
}

/* Ends come and go in several threads, and the last close meanwhile. */
struct coming {
	pthread_t thread;
	int fd;
};

static void *come_and_go(void *arg)
{
	struct coming *c = arg;
	int i, end;

	for (i = 0; i < 10; i++) {
		end = new_end(c->fd, i % 2 ? PRODUCER : PRODUCER | LISTENER);
		ioctl(end, EVENTFD_END_SIGNAL);
		/* The last one is left, without a file. */
		if (i == 9)
			close(c->fd);
		close(end);
	}
	return NULL;
}

TEST_F_TIMEOUT(ends, race, 300)
{
	const int nr = rounds(1000);
	struct coming c[3];
	int round, listener;
	unsigned int i;

	for (round = 0; round < nr; round++) {
		c[0].fd = new_eventfd();
		listener = new_end(c[0].fd, LISTENER);
		for (i = 1; i < ARRAY_SIZE(c); i++)
			c[i].fd = dup(c[0].fd);
		for (i = 0; i < ARRAY_SIZE(c); i++)
			TEST_ASSERT(!pthread_create(&c[i].thread, NULL, come_and_go, &c[i]),
				    "pthread_create() failed");
		for (i = 0; i < ARRAY_SIZE(c); i++)
			pthread_join(c[i].thread, NULL);
		ASSERT_TOLD_OF(listener, 1, 1);
		close(listener);
	}
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	load_test_module("eventfd_end");
	return test_harness_run(argc, argv);
}
