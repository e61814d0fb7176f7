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
#include <dirent.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "eventfd_util.h"
#include "irq_vm.h"
#include "kvm_test_harness.h"
#include "kvm_util.h"
#include "processor.h"
#include "test_util.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define VFIO_PCI	"/sys/bus/pci/drivers/vfio-pci"
#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

static unsigned int read_id(const char *dev, const char *what)
{
	unsigned int id = 0;
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", dev, what);
	f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%x", &id) != 1)
			id = 0;
		fclose(f);
	}
	return id;
}

/* Its address in sysfs, to be freed, or NULL if the machine hasn't one. */
static char *find_edu(void)
{
	DIR *dir = opendir(PCI_DEVICES);
	struct dirent *entry;
	char *name = NULL;

	while (dir && !name && (entry = readdir(dir))) {
		if (read_id(entry->d_name, "vendor") == EDU_VENDOR &&
		    read_id(entry->d_name, "device") == EDU_DEVICE)
			name = strdup(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return name;
}

struct vfio {
	int container;
	int group;
	int device;
};

static bool bind_edu(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), VFIO_PCI "/%s", name);
	if (!access(path, F_OK))
		return true;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/driver_override", name);
	return tell_kernel(path, 0, "vfio-pci") &&
	       tell_kernel("/sys/bus/pci/drivers_probe", 0, "%s", name);
}

/* With an IOMMU, or as VFIO has a device without one. */
static int open_group(const char *name, int *iommu)
{
	char link[PATH_MAX], group[PATH_MAX] = {}, path[PATH_MAX];
	const char *number;
	int fd;

	snprintf(link, sizeof(link), PCI_DEVICES "/%s/iommu_group", name);
	if (readlink(link, group, sizeof(group) - 1) < 0)
		return -1;
	number = strrchr(group, '/') + 1;

	*iommu = VFIO_TYPE1_IOMMU;
	snprintf(path, sizeof(path), "/dev/vfio/%s", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;

	*iommu = VFIO_NOIOMMU_IOMMU;
	snprintf(path, sizeof(path), "/dev/vfio/noiommu-%s", number);
	return open(path, O_RDWR | O_CLOEXEC);
}

static bool open_edu(struct vfio *vfio)
{
	char *name = find_edu();
	int iommu;

	*vfio = (struct vfio) { -1, -1, -1 };
	/* Where there is no IOMMU; a kernel may not have that. */
	tell_kernel("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", 0, "1");
	if (name && bind_edu(name)) {
		vfio->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
		vfio->group = open_group(name, &iommu);
	}
	if (vfio->container < 0 || vfio->group < 0) {
		free(name);
		return false;
	}

	TEST_ASSERT(!ioctl(vfio->group, VFIO_GROUP_SET_CONTAINER, &vfio->container),
		    "VFIO_GROUP_SET_CONTAINER: %s", strerror(errno));
	TEST_ASSERT(!ioctl(vfio->container, VFIO_SET_IOMMU, iommu), "VFIO_SET_IOMMU: %s",
		    strerror(errno));
	vfio->device = ioctl(vfio->group, VFIO_GROUP_GET_DEVICE_FD, name);
	TEST_ASSERT(vfio->device >= 0, "VFIO_GROUP_GET_DEVICE_FD: %s", strerror(errno));
	free(name);
	return true;
}

static void close_edu(struct vfio *vfio)
{
	if (vfio->device >= 0)
		close(vfio->device);
	if (vfio->group >= 0)
		close(vfio->group);
	if (vfio->container >= 0)
		close(vfio->container);
}

/* What VFIO has INTx do with an eventfd, -1 for none: 0, or the errno. */
static int set_intx(struct vfio *vfio, uint32_t action, int fd)
{
	struct vfio_irq_set *set = alloca(sizeof(*set) + sizeof(fd));

	*set = (struct vfio_irq_set) {
		.argsz = sizeof(*set) + sizeof(fd),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | action,
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};
	memcpy(set->data, &fd, sizeof(fd));
	return ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, set) ? errno : 0;
}

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
