/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/bypass_producer: a device whose interrupts could bypass irqfd, without
 * the device.  Each open file is one producer.
 */
#ifndef BYPASS_PRODUCER_H
#define BYPASS_PRODUCER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct bypass_counts - what has come to the producers and the architecture
 * @connected: consumers that came
 * @disconnected: consumers that went
 * @told: routes that the architecture was told, to be posted
 * @given_back: interrupts that it was told to give back to the host
 */
struct bypass_counts {
	__u32 connected, disconnected, told, given_back;
};

/* What the architecture says when it is asked: 0, or an errno. */
struct bypass_results {
	__u32 add, update;
};

/* The argument is an eventfd; EBUSY if the file has one already. */
#define BYPASS_REGISTER		_IO('B', 0)
#define BYPASS_UNREGISTER	_IO('B', 1)
#define BYPASS_COUNTS		_IOR('B', 2, struct bypass_counts)
#define BYPASS_RESULTS		_IOW('B', 3, struct bypass_results)

#endif /* BYPASS_PRODUCER_H */
