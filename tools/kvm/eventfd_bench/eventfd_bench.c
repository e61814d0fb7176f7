// SPDX-License-Identifier: GPL-2.0-only
/*
 * What iosignalfd (ioeventfd) and irqfd cost, as "name N cost" lines.  N is the
 * number of registrations at that moment; costs are in the unit of measure.h.
 */
#include "eventfd_bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

/* Files besides one eventfd for each irqfd. */
#define SPARE_FILES	64

unsigned int max_n = 16384;

static const struct group {
	const char *name;
	void (*run)(void);
	const char *what;
	bool by_name;
} groups[] = {
	{ "exit", bench_exit, "a write that goes to user space, or rings", false },
	{ "floor", bench_floor, "an exit that does nothing; needs floor.patch", true },
	{ "flags", bench_flags, "a ring with the flags of our own", false },
	{ "values", bench_values, "N values at one port", false },
	{ "addresses", bench_addresses, "N addresses", false },
	{ "irqfd", bench_irqfd, "N irqfds, routing, VM close", false },
	{ "level", bench_level, "N level irqfds, and an interrupt elsewhere", false },
	{ "signal", bench_signal, "what a signal costs until it is in the vCPU's APIC", false },
	{ "batch", bench_batch, "N operations in one call, and one by one", false },
	{ "control", bench_control, "masking and moving one of N irqfds", false },
	{ "routes", bench_routes, "one of N routes is changed", false },
	{ "bypass", bench_bypass, "N bypass producers; needs irqfd_bypass.ko", true },
	{ "eventfd", bench_eventfd, "an eventfd itself; needs irqfd_signal.ko", true },
};

int new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		tinyvm_die("eventfd");
	return fd;
}

void must(int ret, const char *what)
{
	if (!ret)
		return;
	errno = -ret;
	tinyvm_die("%s", what);
}

static void repeat(measure_op op, void *arg, unsigned int first,
		   unsigned int count)
{
	unsigned int i;

	for (i = first; i < first + count; i++)
		op(arg, i);
}

static void report_work(const char *name, unsigned int n, uint64_t cost)
{
	char full[64];

	snprintf(full, sizeof(full), "%s-work", name);
	measure_report(full, n, cost);
}

void bench_pair(const char *up_name, measure_op up, const char *down_name,
		measure_op down, void *arg, unsigned int n)
{
	struct samples ups = { }, downs = { };
	unsigned int count = n < NR_OPS ? n : NR_OPS;
	unsigned int i;

	/* If fewer than NR_OPS reach N, repeat them. */
	for (i = 0; i < NR_OPS / count; i++) {
		measure_each(&ups, up, arg, n - count, count);
		measure_each(&downs, down, arg, n - count, count);
	}
	repeat(up, arg, n - count, count);
	measure_report(up_name, n, samples_median(&ups));
	measure_report(down_name, n, samples_median(&downs));

	if (n < NR_WORK_OPS)
		return;
	report_work(down_name, n,
		    measure_work(down, arg, n - NR_WORK_OPS, NR_WORK_OPS));
	report_work(up_name, n,
		    measure_work(up, arg, n - NR_WORK_OPS, NR_WORK_OPS));
}

static void usage(void)
{
	unsigned int i;

	printf("%s [-m MAX] [-u NS] [GROUP...]\n"
	       "  -m MAX  leave out every N above MAX (default %u)\n"
	       "  -u NS   an instruction takes NS nanoseconds (default 1)\n"
	       "groups, by default all that need nothing else:\n",
	       program_invocation_short_name, max_n);
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		printf("  %-10s %s\n", groups[i].name, groups[i].what);
}

static bool wanted(const struct group *group, int argc, char **argv)
{
	int i;

	for (i = optind; i < argc; i++)
		if (!strcmp(argv[i], group->name))
			return true;
	return optind == argc && !group->by_name;
}

static bool known(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if (!strcmp(name, groups[i].name))
			return true;
	return false;
}

static void raise_file_limit(void)
{
	struct rlimit limit = {
		.rlim_cur = max_n + SPARE_FILES,
		.rlim_max = max_n + SPARE_FILES,
	};

	if (setrlimit(RLIMIT_NOFILE, &limit))
		tinyvm_die("setrlimit to %u files", max_n + SPARE_FILES);
}

int main(int argc, char **argv)
{
	unsigned int i;
	int opt;

	while ((opt = getopt(argc, argv, "m:u:h")) != -1) {
		switch (opt) {
		case 'm':
			max_n = strtoul(optarg, NULL, 0);
			errno = 0;
			if (!max_n)
				tinyvm_die("-m wants a number above 0");
			break;
		case 'u':
			measure_unit = strtoul(optarg, NULL, 0);
			errno = 0;
			if (!measure_unit)
				tinyvm_die("-u wants a number above 0");
			break;
		case 'h':
			usage();
			return EXIT_SUCCESS;
		default:
			usage();
			return EXIT_FAILURE;
		}
	}
	for (i = optind; i < (unsigned int)argc; i++) {
		errno = 0;
		if (!known(argv[i]))
			tinyvm_die("no group '%s'", argv[i]);
	}

	raise_file_limit();
	measure_init();
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		if (wanted(&groups[i], argc, argv))
			groups[i].run();
	return EXIT_SUCCESS;
}
