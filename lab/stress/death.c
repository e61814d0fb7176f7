// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kills a process that holds each kind of registration at random moments, again
 * and again.  Its guests ring, its vCPUs run and sleep in KVM_RUN, and producers
 * in it and in the killer signal.  After each death there must be no VM left, and
 * the eventfds, which the killer holds too, must be ordinary ones.  At the end
 * kernel memory must be what it was.
 *
 * Usage: death [-r ROUNDS] [-s SEED]
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "random.h"
#include "tiny_vm.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define PATIENCE	30	/* seconds */
#define WARM_UP		20	/* rounds after which memory shouldn't grow */
#define ROOM		8192	/* KiB that it may grow: caches of all kinds */

static uint64_t seed;
static int others;	/* VMs that aren't ours */

/* Shared memory of victim and killer: is the victim ready, and what has it done? */
static struct shared {
	atomic_bool ready;
	atomic_ulong rings, signals;
} *shared;

/* The victim */

static struct tiny_vm vm, sleeper;
static int fds[NR_ALL];

static void *ring(void *arg)
{
	static const enum access accesses[] = { OUT1, STORE4, OUT4, STORE2, OUT2 };
	unsigned int i = 0;
	struct outcome o;

	for (;; i++) {
		enum access access = accesses[i % ARRAY_SIZE(accesses)];
		uint64_t base = access <= OUT4 ? ALL_PORT : ALL_MMIO;

		tiny_access(&vm, access, base + i % 4 * 8, i % 24, &o);
		atomic_fetch_add(&shared->rings, 1);
		tiny_drain_coalesced(&vm);
	}
	return NULL;
}

/* Stays in KVM_RUN: the vCPU halts with interrupts off. */
static void *sleep_in_guest(void *arg)
{
	struct outcome o;

	for (;;)
		tiny_access(&sleeper, HALT, 0, 0, &o);
	return NULL;
}

static void signal_one(unsigned int i)
{
	static const int which[] = { ALL_MSI, ALL_PIN, ALL_TWO_PINS, ALL_LEVEL,
				     ALL_LEVEL_TOO };
	uint64_t one = 1;

	/* EAGAIN in the killer: without its irqfd the eventfd fills up. */
	if (write(fds[which[i % ARRAY_SIZE(which)]], &one, sizeof(one)) < 0 &&
	    errno != EAGAIN)
		die("write");
}

static void *produce(void *arg)
{
	unsigned int i;

	for (i = 0;; i++) {
		signal_one(i);
		atomic_fetch_add(&shared->signals, 1);
	}
	return NULL;
}

/* Registrations come and go, so that SIGKILL may come during a call. */
static void *register_more(void *arg)
{
	unsigned int i;

	for (i = 0;; i++) {
		uint32_t keep = i % 5 < 2 ? KVM_IRQFD_FLAG_KEEP : 0;
		int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

		tiny_iosignalfd(vm.fd, fd, ALL_PORT + 0x800, 4,
				KVM_IOEVENTFD_FLAG_PIO |
				KVM_IOEVENTFD_FLAG_DATAMATCH, i % 8);
		tiny_irqfd(vm.fd, fd, i % 8, keep | (i % 2 ? KVM_IRQFD_FLAG_RESAMPLE : 0),
			   fds[ALL_RESAMPLE]);
		if (i % 3)
			tiny_iosignalfd(vm.fd, fd, ALL_PORT + 0x800, 4,
					KVM_IOEVENTFD_FLAG_PIO |
					KVM_IOEVENTFD_FLAG_DEASSIGN |
					KVM_IOEVENTFD_FLAG_DATAMATCH, i % 8);
		if (i % 4 == 0)
			tiny_irqfd(vm.fd, fd, i % 8, KVM_IRQFD_FLAG_DEASSIGN, -1);
		close(fd);
		/* A kernel that doesn't know producers keeps them until then. */
		if (i % 3)
			tiny_irqfd(vm.fd, KVM_IRQFD_CLOSED, i % 8,
				   KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_KEEP, -1);
	}
	return NULL;
}

static void __attribute__((noreturn)) live(void)
{
	void *(*const parts[])(void *) = {
		ring, sleep_in_guest, produce, register_more,
	};
	pthread_t thread;
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	tiny_create(&vm, CHIP_FULL);
	tiny_register_all(&vm, fds);
	tiny_create(&sleeper, CHIP_FULL);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (pthread_create(&thread, NULL, parts[i], NULL))
			die("thread");
	atomic_store(&shared->ready, true);
	for (;;)
		pause();
}

/* The killer */

/* debugfs has a directory for each VM. */
static int vms_left(void)
{
	struct dirent *d;
	int n = 0;
	DIR *dir = opendir("/sys/kernel/debug/kvm");

	if (!dir)
		die("/sys/kernel/debug/kvm");
	while ((d = readdir(dir)))
		n += d->d_name[0] != '.' && d->d_type == DT_DIR;
	closedir(dir);
	return n;
}

/* Have slab caches free their unused objects, KASAN's quarantine included. */
static void shrink_caches(void)
{
	struct dirent *d;
	char path[300];
	int fd;
	DIR *dir = opendir("/sys/kernel/slab");

	if (!dir)
		die("/sys/kernel/slab");
	while ((d = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", d->d_name);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (write(fd, "1", 1) < 0)
			die(path);
		close(fd);
	}
	closedir(dir);
}

/* KiB of kernel memory of the kinds that VMs are made of. */
static long kernel_memory(void)
{
	static const char *const kinds[] = {
		"SUnreclaim:", "Percpu:", "PageTables:", "SecPageTables:",
		"VmallocUsed:", "KernelStack:",
	};
	char line[200], name[60];
	long sum = 0, value;
	size_t i;
	FILE *f;

	shrink_caches();
	f = fopen("/proc/meminfo", "r");
	if (!f)
		die("/proc/meminfo");
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%59s %ld", name, &value) != 2)
			continue;
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			if (!strcmp(name, kinds[i]))
				sum += value;
	}
	fclose(f);
	return sum;
}

static void pause_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* Does a write to the eventfd stay in its counter? */
static bool is_ordinary(int fd)
{
	uint64_t n = 0, one = 1;

	/* An earlier count may have come before the irqfd was assigned. */
	if (read(fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		die("read");
	if (write(fd, &one, sizeof(one)) < 0)
		die("write");
	return read(fd, &n, sizeof(n)) == sizeof(n) && n == 1;
}

static bool one_death(void)
{
	unsigned int i, tries;
	pid_t pid;

	for (i = 0; i < NR_ALL; i++) {
		fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (fds[i] < 0)
			die("eventfd");
	}
	memset(shared, 0, sizeof(*shared));
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		live();
	/* One in four is killed before it is ready. */
	if (rnd(4)) {
		for (tries = 0; !atomic_load(&shared->ready); tries++) {
			if (tries > PATIENCE * 1000) {
				printf("# the victim doesn't come to life\n");
				return false;
			}
			pause_ms(1);
		}
		/* The killer signals, before, during and after the death. */
		for (i = rnd(100); i; i--)
			signal_one(i);
		pause_ms(rnd(60));
	} else {
		pause_ms(rnd(30));
	}
	kill(pid, SIGKILL);
	for (i = 0; i < 200; i++)
		signal_one(i);
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");

	for (tries = 0; vms_left() > others; tries++) {
		if (tries > PATIENCE * 100) {
			printf("# %d VMs are left\n", vms_left() - others);
			return false;
		}
		pause_ms(10);
	}
	for (i = 0; i < NR_ALL; i++) {
		if (!is_ordinary(fds[i])) {
			printf("# eventfd %u still has its irqfd\n", i);
			return false;
		}
		close(fds[i]);
	}
	return true;
}

int main(int argc, char **argv)
{
	unsigned int rounds = 200, i;
	unsigned long rings = 0, signals = 0;
	long before = 0, after;
	int opt;

	while ((opt = getopt(argc, argv, "r:s:")) != -1) {
		if (opt == 'r') {
			rounds = strtoul(optarg, NULL, 0);
		} else if (opt == 's') {
			seed = strtoull(optarg, NULL, 0);
		} else {
			fprintf(stderr, "usage: death [-r ROUNDS] [-s SEED]\n");
			return 1;
		}
	}
	seed = seed_or_new(seed);
	if (!seed)
		die("getrandom");
	seed_thread(seed, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# death: seed %#llx, %u rounds\n", (unsigned long long)seed,
	       rounds);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("shared page");
	others = vms_left();

	for (i = 0; i < rounds; i++) {
		if (i == WARM_UP)
			before = kernel_memory();
		if (!one_death()) {
			printf("# in round %u\n", i);
			return 1;
		}
		rings += atomic_load(&shared->rings);
		signals += atomic_load(&shared->signals);
		if (i % 50 == 49)
			printf("# death: %u rounds done\n", i + 1);
	}
	after = kernel_memory();
	printf("# death: %lu rings, %lu signals; kernel memory went from %ld to %ld KiB\n",
	       rings, signals, before, after);
	if (rounds > WARM_UP && after > before + ROOM) {
		printf("# that is more than %u KiB\n", ROOM);
		return 1;
	}
	return 0;
}
