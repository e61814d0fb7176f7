// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registering producers of interrupts that bypass the host, while N producers and
 * consumers of other interrupts are registered.  The selftests' module irqfd_bypass
 * has the producers; it must be loaded before.
 */
#include "eventfd_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../../testing/selftests/kvm/test_modules/irqfd_bypass.h"

static const unsigned int sizes[] = { 1, 64, 1024, 4096, 16384 };

struct bypass {
	int dev;
	int fds[IRQFD_BYPASS_PRODUCERS];
};

static void command(struct bypass *b, unsigned long cmd, unsigned int id)
{
	struct irqfd_bypass_args args = { .id = id };

	if (cmd == IRQFD_BYPASS_ADD)
		args.fd = b->fds[id];
	if (ioctl(b->dev, cmd, &args))
		tinyvm_die("/dev/irqfd_bypass");
}

static void add(void *arg, unsigned int i)
{
	command(arg, IRQFD_BYPASS_ADD, i % IRQFD_BYPASS_PRODUCERS);
}

static void del(void *arg, unsigned int i)
{
	command(arg, IRQFD_BYPASS_DEL, i % IRQFD_BYPASS_PRODUCERS);
}

void bench_bypass(void)
{
	struct bypass b = { .dev = open("/dev/irqfd_bypass", O_RDWR | O_CLOEXEC) };
	unsigned int i, n;

	if (b.dev < 0)
		tinyvm_die("/dev/irqfd_bypass");
	for (i = 0; i < IRQFD_BYPASS_PRODUCERS; i++)
		b.fds[i] = new_eventfd();

	for (n = 0; n < ARRAY_SIZE(sizes) && sizes[n] <= max_n; n++) {
		command(&b, IRQFD_BYPASS_CROWD, sizes[n]);
		/* Each producer has an eventfd of its own, so none is connected. */
		bench_pair("bypass-register", add, "bypass-unregister", del, &b, sizes[n]);
		for (i = 0; i < IRQFD_BYPASS_PRODUCERS; i++)
			command(&b, IRQFD_BYPASS_DEL, i);
	}

	for (i = 0; i < IRQFD_BYPASS_PRODUCERS; i++)
		close(b.fds[i]);
	close(b.dev);
}
