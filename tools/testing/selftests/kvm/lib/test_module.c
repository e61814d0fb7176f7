// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test_module.h"
#include "test_util.h"

static char test_module[64];
static pid_t test_module_loader;

/* A subtest's process runs this too if it ends by exit(); it must not unload. */
static void unload_test_module(void)
{
	if (getpid() == test_module_loader)
		syscall(__NR_delete_module, test_module, O_NONBLOCK);
}

bool load_test_module(const char *name)
{
	char exe[PATH_MAX] = {}, path[PATH_MAX + 64];
	int fd, ret;

	if (readlink("/proc/self/exe", exe, sizeof(exe) - 1) < 0)
		return false;
	snprintf(path, sizeof(path), "%s/test_modules/%s.ko", dirname(exe), name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ret = syscall(__NR_finit_module, fd, "", 0);
	close(fd);
	if (ret)
		return false;

	/* The harness exits instead of returning to main(). */
	snprintf(test_module, sizeof(test_module), "%s", name);
	test_module_loader = getpid();
	TEST_ASSERT(!atexit(unload_test_module), "atexit() failed");
	return true;
}
