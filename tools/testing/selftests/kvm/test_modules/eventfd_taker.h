/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef EVENTFD_TAKER_H
#define EVENTFD_TAKER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Be the first on its queue, and end the wake-up, as KVM's irqfds do. */
#define EVENTFD_TAKER_FIRST	0x1

/**
 * struct eventfd_taker_args - what an open file's taker is to take
 * @fd: the eventfd
 * @flags: EVENTFD_TAKER_FIRST
 */
struct eventfd_taker_args {
	__s32 fd;
	__u32 flags;
};

/*
 * Take each event of the eventfd in the wake-up that brings it, until the file is closed.
 * EBUSY if the file has one, or with EVENTFD_TAKER_FIRST if the eventfd has another taker
 * that stands first.
 */
#define EVENTFD_TAKER_TAKE	_IOW('t', 0, struct eventfd_taker_args)
/* Signal the file's eventfd.  ENXIO if it has none. */
#define EVENTFD_TAKER_SIGNAL	_IO('t', 1)
/* How many events has the taker had? */
#define EVENTFD_TAKER_TAKEN	_IO('t', 2)

#endif
