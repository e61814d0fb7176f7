/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IRQFD_BYPASS_H
#define IRQFD_BYPASS_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IRQFD_BYPASS_PRODUCERS	64
#define IRQFD_BYPASS_MAX_CROWD	65536

/**
 * struct irqfd_bypass_args - what a command takes, and what it gives back
 * @id: which producer, below IRQFD_BYPASS_PRODUCERS; with IRQFD_BYPASS_CROWD how many
 *	pairs, IRQFD_BYPASS_MAX_CROWD at most
 * @fd: the eventfd of a new producer
 * @fail: 0 or a negative errno: with IRQFD_BYPASS_ADD what the producer's
 *	add_consumer() returns (a producer with an odd @id has none), with
 *	IRQFD_BYPASS_FAIL what the architecture returns from now on instead of posting
 *	an interrupt, for all producers
 * @told: how often the architecture has called irq_set_vcpu_affinity() for the
 *	producer's interrupt, since the producer was added
 * @refused: how often the architecture has returned IRQFD_BYPASS_FAIL's errno
 * @consumers: how many consumers the producer has, if its @id is even
 * @stopped: calls of the producer's stop()
 * @started: and of its start()
 */
struct irqfd_bypass_args {
	__u32 id;
	__s32 fd;
	__s32 fail;
	__u32 told;
	__u32 refused;
	__u32 consumers;
	__u32 stopped;
	__u32 started;
};

/*
 * Register a producer; EBUSY if it is registered.  DEL unregisters it, as drivers do,
 * whether the registration succeeded or failed; a second DEL does nothing.
 */
#define IRQFD_BYPASS_ADD	_IOWR('b', 0, struct irqfd_bypass_args)
#define IRQFD_BYPASS_DEL	_IOWR('b', 1, struct irqfd_bypass_args)
#define IRQFD_BYPASS_FAIL	_IOWR('b', 2, struct irqfd_bypass_args)
#define IRQFD_BYPASS_GET	_IOWR('b', 3, struct irqfd_bypass_args)
/* Have so many pairs of a producer and a consumer, each with a token of its own. */
#define IRQFD_BYPASS_CROWD	_IOWR('b', 4, struct irqfd_bypass_args)

#endif
