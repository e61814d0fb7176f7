// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "eventfd_util.h"
#include "test_util.h"
#include "vfio_edu.h"

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

bool open_edu(struct vfio *vfio)
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

void close_edu(struct vfio *vfio)
{
	if (vfio->device >= 0)
		close(vfio->device);
	if (vfio->group >= 0)
		close(vfio->group);
	if (vfio->container >= 0)
		close(vfio->container);
}

int set_intx(struct vfio *vfio, uint32_t action, int fd)
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

int trigger_intx(struct vfio *vfio)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_INTX_IRQ_INDEX,
		.count = 1,
	};

	return ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, &set) ? errno : 0;
}
