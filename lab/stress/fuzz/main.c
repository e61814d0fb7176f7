// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of calls, accesses and signals, checked against a model.
 *
 * One thread does one operation after the other, on a few VMs and eventfds, and
 * knows the result of each: which errno, whether the guest's write exits to user
 * space and with which value, each counter's count, which interrupts have arrived.
 * Any other result ends the run.  The operations follow from the seed alone, so a
 * failing run can be repeated with its seed.
 *
 * At intervals there is a burst: threads race and close files that others use, so
 * the results aren't fixed any more.  Then the balance must hold: each write of the
 * guest has exited to user space or signalled one eventfd, and no registration was
 * deassigned more often than assigned.  The seed fixes each thread's part of a
 * burst, not how the threads interleave.
 *
 * Usage: fuzz [-s SEED] [-n OPERATIONS] [-t SECONDS] [-v]
 *	-v	say each operation before it is done
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>

#include "model.h"

#define BURST_EVERY	4000

static void do_vm(void)
{
	struct vm *vm = some_vm();

	say("VM %zd: %s", vm - vms, !vm->running ? "made" : vm->open ? "closed" :
	    "its vCPU closed");
	if (!vm->running) {
		make_vm(vm);
		return;
	}
	if (vm->open)
		settle(vm);
	/* A VM without its file has no irqfds, and rings until its vCPU is closed. */
	if (vm->open)
		drop_vm(vm);
	else
		drop_vcpu(vm);
}

static void do_lists(void)
{
	struct vm *vm = some_vm();

	if (!vm->open)
		return;
	say("VM %zd: lists", vm - vms);
	check_lists(vm);
}

static void check_all(void)
{
	int i;

	for (i = 0; i < NR_VMS; i++)
		if (vms[i].open)
			settle(&vms[i]);
	for (i = 0; i < NR_FDS; i++)
		if (fds[i].event)
			check_counter(&fds[i]);
}

static const struct {
	void (*run)(void);
	unsigned int weight;
} ops[] = {
	{ do_access, 3000 },
	{ do_assign_io, 1100 },
	{ do_deassign_io, 900 },
	{ do_batch, 500 },
	{ do_assign_irqfd, 700 },
	{ do_deassign_irqfd, 400 },
	{ do_deassign_kept, 100 },
	{ do_control, 300 },
	{ do_signal, 1000 },
	{ do_read, 700 },
	{ do_poll, 400 },
	{ do_epoll, 400 },
	{ do_aio, 10 },
	{ do_uring, 20 },
	{ do_producer, 100 },
	{ do_string, 100 },
	{ do_border, 200 },
	{ do_withhold, 40 },
	{ do_state, 20 },
	{ do_new, 300 },
	{ do_dup, 300 },
	{ do_routes, 20 },
	{ do_some_routes, 40 },
	{ do_zone, 100 },
	{ do_memslot, 40 },
	{ do_interrupts, 100 },
	{ do_lists, 40 },
	{ do_acknowledge, 100 },
	{ do_mask, 40 },
	{ do_restore, 10 },
	{ do_vm, 6 },
};

static void do_one(void)
{
	unsigned int total = 0, pick;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		total += ops[i].weight;
	pick = rnd(total);
	for (i = 0; pick >= ops[i].weight; i++)
		pick -= ops[i].weight;
	ops[i].run();
}

int main(int argc, char **argv)
{
	uint64_t operations = 1000000;
	unsigned int seconds = 0;
	double begin = now();
	int opt, i;

	while ((opt = getopt(argc, argv, "s:n:t:v")) != -1) {
		if (opt == 's') {
			seed = strtoull(optarg, NULL, 0);
		} else if (opt == 'n') {
			operations = strtoull(optarg, NULL, 0);
		} else if (opt == 't') {
			seconds = strtoul(optarg, NULL, 0);
		} else if (opt == 'v') {
			says_all = true;
		} else {
			fprintf(stderr,
				"usage: fuzz [-s SEED] [-n OPERATIONS] [-t SECONDS] [-v]\n");
			return 1;
		}
	}
	seed = seed_or_new(seed);
	if (!seed)
		die("getrandom");
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# fuzz: seed %#llx\n", (unsigned long long)seed);

	tiny_kvm();
	other_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (nowhere == MAP_FAILED)
		die("memory");
	for (i = 0; i < NR_FDS; i++)
		fds[i].fd = -1;
	seed_thread(seed, 0);
	for (i = 0; i < NR_VMS; i++)
		make_vm(&vms[i]);

	while (nr_done < operations && (!seconds || now() - begin < seconds)) {
		/* An operation that isn't possible at the moment isn't counted. */
		idle = true;
		if (nr_done % BURST_EVERY == BURST_EVERY - 1)
			do_burst();
		else
			do_one();
		wait_for_ends();
		nr_done += !idle;
	}
	check_all();
	printf("# fuzz: %llu operations in %.0f s: %lu accesses, %lu signals,\n",
	       (unsigned long long)nr_done, now() - begin, nr_accesses,
	       nr_signals);
	printf("# fuzz: %lu interrupts, %lu VMs, %lu bursts, %lu irqfds kept, which\n",
	       nr_interrupts, nr_vms, nr_bursts, nr_kept);
	printf("# fuzz: have had %lu of the interrupts\n", nr_kept_interrupts);
	return 0;
}
