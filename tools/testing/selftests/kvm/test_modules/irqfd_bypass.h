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
 * @fail: 0 or a negative errno: with IRQFD_BYPASS_ADD what the producer says when it
 *	meets a consumer (one with an odd @id has no say), with IRQFD_BYPASS_FAIL what
 *	the architecture says from now on when it is to post an interrupt, of whichever
 *	producer
 * @told: how often the hardware has been told where the producer's interrupt goes,
 *	since the producer was added
 * @refused: how often the architecture has said something else instead
 * @consumers: how many the producer has, if its @id is even
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
 * Register a producer, EBUSY if it has been.  Whether it was let in or not, DEL
 * unregisters it, as drivers do, and does nothing after that.
 */
#define IRQFD_BYPASS_ADD	_IOWR('b', 0, struct irqfd_bypass_args)
#define IRQFD_BYPASS_DEL	_IOWR('b', 1, struct irqfd_bypass_args)
#define IRQFD_BYPASS_FAIL	_IOWR('b', 2, struct irqfd_bypass_args)
#define IRQFD_BYPASS_GET	_IOWR('b', 3, struct irqfd_bypass_args)
/* Have so many producers and consumers, connected, that nobody else sees. */
#define IRQFD_BYPASS_CROWD	_IOWR('b', 4, struct irqfd_bypass_args)

#endif
