// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "eventfd_util.h"
#include "kvm_util.h"

int rounds(int n)
{
	const char *slow = getenv("SLOW"), *more = getenv("MORE");

	if (more)
		n *= atoi_positive("MORE", more);

	return slow ? n / atoi_positive("SLOW", slow) : n;
}

bool tell_kernel(const char *path, int flags, const char *fmt, ...)
{
	char text[128];
	ssize_t done;
	va_list ap;
	int fd, len;

	va_start(ap, fmt);
	len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	TEST_ASSERT(len < sizeof(text), "%s: too long a text", path);
	fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	if (fd < 0)
		return false;
	done = write(fd, text, len);
	close(fd);
	return done == len;
}

int new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	TEST_ASSERT(fd >= 0, __KVM_SYSCALL_ERROR("eventfd()", fd));
	return fd;
}

void add(int fd, uint64_t count)
{
	TEST_ASSERT(write(fd, &count, sizeof(count)) == sizeof(count),
		    "Writing %lu to eventfd %d: %s", count, fd, strerror(errno));
}

/* Take the eventfd's count, 0 if there is none. */
uint64_t take(int fd)
{
	uint64_t count;
	ssize_t ret;

	ret = read(fd, &count, sizeof(count));
	if (ret < 0) {
		TEST_ASSERT(errno == EAGAIN, "Reading eventfd %d: wanted EAGAIN, got %s",
			    fd, strerror(errno));
		return 0;
	}

	TEST_ASSERT(ret == sizeof(count), "Wanted 8 bytes from eventfd %d, got %zd", fd, ret);
	return count;
}

static int eventfd_id(int fd)
{
	char path[64], line[128];
	int id = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	TEST_ASSERT(f, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "eventfd-id: %d", &id) == 1)
			break;
	fclose(f);
	return id;
}

/* KVM asks a function of the kernel's for it, which a stock kernel hasn't. */
static bool kernel_tells_ids(void)
{
	static int tells = -1;
	char line[256], name[128];
	FILE *f;

	if (tells >= 0)
		return tells;

	f = fopen("/proc/kallsyms", "r");
	TEST_ASSERT(f, "/proc/kallsyms: %s", strerror(errno));
	for (tells = 0; !tells && fgets(line, sizeof(line), f);)
		tells = sscanf(line, "%*s %*s %127s", name) == 1 &&
			!strcmp(name, "eventfd_ctx_id");
	fclose(f);
	return tells;
}

void shown_eventfd_id(int fd, char *text, size_t size)
{
	if (kernel_tells_ids())
		snprintf(text, size, "%d", eventfd_id(fd));
	else
		snprintf(text, size, "-");
}

static void tell_probe(struct probe *p, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/events/%s/%s", p->dir, p->event, file);
	ASSERT_TOLD(path, 0, "%s", text);
}

/* Closes the descriptor. */
static bool find_stat(int fd, const char *name, uint64_t *value)
{
	struct kvm_stats_desc *all, *desc;
	struct kvm_stats_header header;
	bool found = false;
	int i;

	read_stats_header(fd, &header);
	all = read_stats_descriptors(fd, &header);
	for (i = 0; i < header.num_desc && !found; i++) {
		desc = get_stats_descriptor(all, i, &header);
		found = !strcmp(desc->name, name);
		if (found)
			read_stat_data(fd, &header, desc, value, 1);
	}
	free(all);
	close(fd);

	return found;
}

bool find_vm_stat(struct kvm_vm *vm, const char *name, uint64_t *value)
{
	return find_stat(vm_get_stats_fd(vm), name, value);
}

uint64_t vm_stat(struct kvm_vm *vm, const char *name)
{
	uint64_t value;

	TEST_ASSERT(find_vm_stat(vm, name, &value), "No statistics %s", name);
	return value;
}

uint64_t vcpu_stat(struct kvm_vcpu *vcpu, const char *name)
{
	uint64_t value;

	TEST_ASSERT(find_stat(vcpu_get_stats_fd(vcpu), name, &value), "No statistics %s", name);
	return value;
}

bool start_probe(struct probe *p, const char *definition, const char *filter)
{
	char text[256];

	if (access(TRACEFS "/kprobe_events", W_OK))
		return false;

	snprintf(p->event, sizeof(p->event), "kvm_selftests/probe_%d", getpid());
	snprintf(p->dir, sizeof(p->dir), TRACEFS "/instances/kvm_selftests_%d", getpid());
	ASSERT_TOLD(TRACEFS "/kprobe_events", O_APPEND, "p:%s %s", p->event, definition);
	TEST_ASSERT(!mkdir(p->dir, 0700), "%s: %s", p->dir, strerror(errno));
	snprintf(text, sizeof(text), "common_pid == %ld%s%s", syscall(__NR_gettid),
		 filter ? " && " : "", filter ?: "");
	tell_probe(p, "filter", text);
	tell_probe(p, "enable", "1");
	return true;
}

int stop_probe(struct probe *p, uint64_t *values, int max)
{
	char path[256], line[512], *at;
	uint64_t value;
	int nr = 0;
	FILE *f;

	tell_probe(p, "enable", "0");
	snprintf(path, sizeof(path), "%s/trace", p->dir);
	f = fopen(path, "r");
	TEST_ASSERT(f, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, " value=");
		if (*line == '#' || !at || sscanf(at, " value=0x%lx", &value) != 1)
			continue;
		if (nr < max)
			values[nr] = value;
		nr++;
	}
	fclose(f);
	TEST_ASSERT(!rmdir(p->dir), "%s: %s", p->dir, strerror(errno));
	ASSERT_TOLD(TRACEFS "/kprobe_events", O_APPEND, "-:%s", p->event);
	return nr;
}
