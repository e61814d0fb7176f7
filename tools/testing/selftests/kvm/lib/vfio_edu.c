// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

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

bool open_edu_file(struct vfio *vfio)
{
	char *name = find_edu(), path[PATH_MAX];
	struct dirent *entry;
	DIR *dir = NULL;

	*vfio = (struct vfio) { -1, -1, -1 };
	if (name && bind_edu(name)) {
		snprintf(path, sizeof(path), PCI_DEVICES "/%s/vfio-dev", name);
		dir = opendir(path);
	}
	free(name);
	while (dir && vfio->device < 0 && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "vfio", 4))
			continue;
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
		vfio->device = open(path, O_RDWR | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	if (vfio->device >= 0)
		vfio->container = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	return vfio->container >= 0;
}

void bind_edu_file(struct vfio *vfio)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = vfio->container,
	};

	TEST_ASSERT(!ioctl(vfio->device, VFIO_DEVICE_BIND_IOMMUFD, &bind),
		    "VFIO_DEVICE_BIND_IOMMUFD: %s", strerror(errno));
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

static int set_irq(struct vfio *vfio, uint32_t index, uint32_t action, int fd)
{
	struct vfio_irq_set *set = alloca(sizeof(*set) + sizeof(fd));

	*set = (struct vfio_irq_set) {
		.argsz = sizeof(*set) + sizeof(fd),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | action,
		.index = index,
		.count = 1,
	};
	memcpy(set->data, &fd, sizeof(fd));
	return ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, set) ? errno : 0;
}

int set_intx(struct vfio *vfio, uint32_t action, int fd)
{
	return set_irq(vfio, VFIO_PCI_INTX_IRQ_INDEX, action, fd);
}

int enable_irq(struct vfio *vfio, uint32_t index, int fd)
{
	return set_irq(vfio, index, VFIO_IRQ_SET_ACTION_TRIGGER, fd);
}

int disable_irqs(struct vfio *vfio, uint32_t index)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
	};

	return ioctl(vfio->device, VFIO_DEVICE_SET_IRQS, &set) ? errno : 0;
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

void *map_edu(struct vfio *vfio)
{
	struct vfio_region_info bar = {
		.argsz = sizeof(bar),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	void *regs;

	TEST_ASSERT(!ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &bar),
		    "VFIO_DEVICE_GET_REGION_INFO: %s", strerror(errno));
	TEST_ASSERT(bar.size == EDU_BAR_SIZE, "Wanted a BAR of %#x bytes, it has %#llx",
		    EDU_BAR_SIZE, bar.size);
	regs = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, vfio->device, bar.offset);
	TEST_ASSERT(regs != MAP_FAILED, "mmap: %s", strerror(errno));
	return regs;
}

void set_disintx(struct vfio *vfio, bool disable)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	uint16_t command;

	TEST_ASSERT(!ioctl(vfio->device, VFIO_DEVICE_GET_REGION_INFO, &config),
		    "VFIO_DEVICE_GET_REGION_INFO: %s", strerror(errno));
	TEST_ASSERT(pread(vfio->device, &command, sizeof(command), config.offset + PCI_COMMAND) ==
		    sizeof(command), "The command register: %s", strerror(errno));
	command = disable ? command | PCI_COMMAND_INTX_DISABLE :
			    command & ~PCI_COMMAND_INTX_DISABLE;
	TEST_ASSERT(pwrite(vfio->device, &command, sizeof(command), config.offset + PCI_COMMAND) ==
		    sizeof(command), "The command register: %s", strerror(errno));
}

/* INTx' line of /proc/interrupts: its number, and the processors' counts added up. */
static int read_intx(uint64_t *count)
{
	FILE *f = fopen("/proc/interrupts", "r");
	int irq = -1, skip;
	char line[512];

	TEST_ASSERT(f, "/proc/interrupts: %s", strerror(errno));
	*count = 0;
	while (irq < 0 && fgets(line, sizeof(line), f)) {
		char *p = line;
		unsigned long n;

		if (!strstr(line, "vfio-intx") || sscanf(line, " %d:%n", &irq, &skip) != 1)
			continue;
		for (p += skip; sscanf(p, " %lu%n", &n, &skip) == 1; p += skip)
			*count += n;
	}
	fclose(f);
	return irq;
}

int intx_irq(void)
{
	uint64_t count;

	return read_intx(&count);
}

uint64_t intx_count(void)
{
	uint64_t count;

	TEST_ASSERT(read_intx(&count) >= 0, "VFIO has requested no INTx");
	return count;
}
