// SPDX-License-Identifier: GPL-2.0-only
/*
 * eventfd: one consumer in the kernel, whichever subsystem's it is.
 *
 * KVM's irqfds and VFIO's virqfds take an eventfd's events in the wake-up.  The virqfd is
 * that which unmasks the INTx of a device that vfio-pci has: QEMU's "edu".
 *
 * In Linux up to 6.12 and later both take from one eventfd, and one of them finds nothing
 * (B16).
 */
#include <stdlib.h>

#include "eventfd_util.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"
#include "vfio_edu.h"

static int unmask_by(struct vfio *vfio, int fd)
{
	return set_intx(vfio, VFIO_IRQ_SET_ACTION_UNMASK, fd);
}

FIXTURE(consumer) {
	struct vfio vfio;
	struct irq_vm v;
	int trigger;
	int fd;
};

FIXTURE_SETUP(consumer)
{
	irq_vm_init(&self->v);
	self->fd = new_eventfd();
	self->trigger = new_eventfd();
	if (!open_edu(&self->vfio))
		SKIP(return, "Needs vfio-pci and an edu device");
	ASSERT_ERRNO(0, set_intx(&self->vfio, VFIO_IRQ_SET_ACTION_TRIGGER, self->trigger),
		     "INTx");
}

FIXTURE_TEARDOWN(consumer)
{
	close_edu(&self->vfio);
	close(self->trigger);
	close(self->fd);
	irq_vm_free(&self->v);
}

/* The irqfd keeps its events, and the virqfd that is refused leaves nothing behind. */
TEST_F(consumer, irqfd_first)
{
	struct irq_vm *v = &self->v;
	int other = new_eventfd();

	assign_ok(v->vm, self->fd, GSI_MSI);
	ASSERT_ERRNO(EBUSY, unmask_by(&self->vfio, self->fd), "virqfd beside an irqfd");
	add(self->fd, 1);
	assert_irqs(v, VECTOR, 1);

	/* The device can have another one, and the eventfd another irqfd. */
	ASSERT_ERRNO(0, unmask_by(&self->vfio, other), "virqfd after a refused one");
	unassign_ok(v->vm, self->fd, GSI_MSI);
	assign_ok(v->vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(v, VECTOR, 2);
	close(other);
}

/* The virqfd keeps its events, until it is gone. */
TEST_F(consumer, virqfd_first)
{
	struct irq_vm *v = &self->v;

	ASSERT_ERRNO(0, unmask_by(&self->vfio, self->fd), "virqfd");
	ASSERT_ERRNO(EBUSY, irqfd(v->vm, self->fd, GSI_MSI), "irqfd beside a virqfd");
	add(self->fd, 1);
	ASSERT_EQ(0, take(self->fd));
	assert_irqs(v, VECTOR, 0);

	ASSERT_ERRNO(0, unmask_by(&self->vfio, -1), "no virqfd any more");
	assign_ok(v->vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(v, VECTOR, 1);
}

/* What is refused is as if it hadn't been asked for, however often. */
TEST_F(consumer, refused_often)
{
	struct irq_vm *v = &self->v;
	int i;

	assign_ok(v->vm, self->fd, GSI_MSI);
	for (i = 0; i < 100; i++)
		ASSERT_ERRNO(EBUSY, unmask_by(&self->vfio, self->fd), "virqfd %d", i);
	unassign_ok(v->vm, self->fd, GSI_MSI);

	ASSERT_ERRNO(0, unmask_by(&self->vfio, self->fd), "virqfd");
	for (i = 0; i < 100; i++)
		ASSERT_ERRNO(EBUSY, irqfd(v->vm, self->fd, GSI_MSI), "irqfd %d", i);
	assert_irqs(v, VECTOR, 0);
}

/* A device that goes gives its eventfd back. */
TEST_F(consumer, device_gone)
{
	ASSERT_ERRNO(0, unmask_by(&self->vfio, self->fd), "virqfd");
	close_edu(&self->vfio);
	self->vfio = (struct vfio) { -1, -1, -1 };
	assign_ok(self->v.vm, self->fd, GSI_MSI);
}

struct opponent {
	pthread_t thread;
	struct irq_vm *v;
	int fd;
	int nr;
	int had;
};

static void *assign_often(void *arg)
{
	struct opponent *o = arg;
	int i, ret;

	for (i = 0; i < o->nr; i++) {
		ret = irqfd(o->v->vm, o->fd, GSI_MSI);
		TEST_ASSERT(!ret || ret == EBUSY, "irqfd: %s", strerror(ret));
		if (ret)
			continue;
		o->had++;
		unassign_ok(o->v->vm, o->fd, GSI_MSI);
	}
	return NULL;
}

/* Both ask at a time; one of them has it. */
TEST_F_TIMEOUT(consumer, race, 300)
{
	struct opponent o = { .v = &self->v, .fd = self->fd, .nr = rounds(5000) };
	int had = 0, ret;

	TEST_ASSERT(!pthread_create(&o.thread, NULL, assign_often, &o),
		    "pthread_create() failed");
	while (pthread_tryjoin_np(o.thread, NULL)) {
		ret = unmask_by(&self->vfio, self->fd);
		TEST_ASSERT(!ret || ret == EBUSY, "virqfd: %s", strerror(ret));
		if (ret)
			continue;
		had++;
		ASSERT_ERRNO(0, unmask_by(&self->vfio, -1), "no virqfd any more");
	}
	ksft_print_msg("the irqfd had it %d times, the virqfd %d times\n", o.had, had);
	assign_ok(self->v.vm, self->fd, GSI_MSI);
	add(self->fd, 1);
	assert_irqs(&self->v, VECTOR, 1);
}

int main(int argc, char *argv[])
{
	irq_vm_begin();
	return test_harness_run(argc, argv);
}
