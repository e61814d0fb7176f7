// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads and unloads KVM many times.  In between, a VM with one of each kind of
 * registration goes in different orders, and its last work may still run when the
 * module is unloaded.  Each time both vendors' modules are loaded: one of them must
 * refuse this processor and leave nothing behind.
 *
 * Usage: reload DIRECTORY [ROUNDS]	where kvm.ko, kvm-amd.ko and kvm-intel.ko are
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tiny_vm.h"

#define PATIENCE	20	/* seconds for the last reference to a module to go */

static const char *directory;
/* How often kvm-amd and kvm-intel were loaded, and refused the processor. */
static unsigned int loaded[2], refused[2];

static int load(const char *name)
{
	char path[300];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s.ko", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(path);
	ret = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return ret;
}

static int unload(const char *name)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int tries;

	for (tries = 0; syscall(SYS_delete_module, name, O_NONBLOCK); tries++) {
		if (errno == ENOENT)
			return -1;
		/* A VM's last reference to the module may go after its process' exit. */
		if (errno != EAGAIN && errno != EBUSY)
			die(name);
		if (tries > PATIENCE * 1000)
			die(name);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static void unload_all(void)
{
	unload("kvm_intel");
	unload("kvm_amd");
	unload("kvm");
}

/* In a process of its own, because its exit is one of the ways for a VM to end. */
static void use(unsigned int round)
{
	struct tiny_vm vm;
	int fds[NR_ALL], i;
	struct outcome o;
	uint64_t one = 1;

	tiny_create(&vm, CHIP_FULL);
	for (i = 0; i < NR_ALL; i++) {
		fds[i] = eventfd(i % 2, EFD_NONBLOCK | EFD_CLOEXEC);
		if (fds[i] < 0)
			die("eventfd");
	}
	tiny_register_all(&vm, fds);
	for (i = 0; i < 20; i++) {
		tiny_access(&vm, i % 2 ? OUT4 : STORE4, i % 2 ? ALL_PORT : ALL_MMIO, i,
			    &o);
		if (o.exits)
			die("a ring came to user space");
	}
	for (i = 0; i < NR_ALL; i++)
		if (i > ALL_BELL_TOO && write(fds[i], &one, sizeof(one)) < 0)
			die("write");
	/* Hang-ups come first, or VM close, or the exit does all. */
	if (round % 3 == 0)
		for (i = 0; i < NR_ALL; i++)
			close(fds[i]);
	if (round % 2)
		close(vm.fd);
	exit(0);
}

/* Both vendors' modules; they take turns to be the first. */
static void load_all(unsigned int turn)
{
	static const char *const vendors[] = { "kvm-amd", "kvm-intel" };
	int i, vendor;

	if (load("kvm"))
		die("kvm");
	for (i = 0; i < 2; i++) {
		vendor = (turn + i) % 2;
		if (!load(vendors[vendor]))
			loaded[vendor]++;
		else if (errno == EOPNOTSUPP)
			refused[vendor]++;
		else
			die(vendors[vendor]);
	}
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 2 ? strtoul(argv[2], NULL, 0) : 50, round;
	int status, i;

	if (argc < 2) {
		fprintf(stderr, "usage: reload DIRECTORY [ROUNDS]\n");
		return 1;
	}
	directory = argv[1];
	unload_all();
	for (round = 0; round < rounds; round++) {
		pid_t pid;

		load_all(round);
		pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid)
			use(round);
		if (waitpid(pid, &status, 0) != pid || status) {
			printf("# the VM's process ended with status %#x\n", status);
			return 1;
		}
		unload_all();
	}
	for (i = 0; i < 2; i++)
		printf("# reload: %s loaded %u times, refused %u times\n",
		       i ? "kvm-intel" : "kvm-amd", loaded[i], refused[i]);
	if (loaded[0] + loaded[1] != rounds || refused[0] + refused[1] != rounds) {
		printf("# that is not one of each in %u rounds\n", rounds);
		return 1;
	}
	/* KVM was loaded before this program, and the next one may need it. */
	load_all(rounds);
	return 0;
}
